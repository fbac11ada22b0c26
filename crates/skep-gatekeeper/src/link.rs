//! The line between two guards, or a warden and its stage: descriptors down, words both ways.
//!
//! Owns: a socket pair whose one end is the other process's standard input; its closing tells that a side is gone.
//! Never: leaves an end open in a program that is not ours.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

#[cfg(test)]
mod tests;

/// The most descriptors in one message.
const MOST: usize = 4;

/// One end of the line.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
}

impl Link {
    /// Makes both ends; the second is to be the other process's standard input.
    pub fn pair() -> io::Result<(Link, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Link { stream: ours }, theirs.into()))
    }

    /// Returns this process's end, which is its standard input.
    pub fn from_stdin() -> io::Result<Link> {
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Link { stream })
    }

    /// Hands over descriptors.
    pub fn hand(&self, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors"));
        }
        sendmsg(&self.stream, &[IoSlice::new(b"+")], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Waits for descriptors; each is closed in whatever program this process becomes.
    ///
    /// Errors: the other side is gone.
    pub fn receive(&self) -> io::Result<Vec<OwnedFd>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let got = recvmsg(
            &self.stream,
            &mut [IoSliceMut::new(&mut byte)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        if got.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut fds = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                fds.extend(rights);
            }
        }
        Ok(fds)
    }

    /// Says something; false if the other side is gone.
    pub fn say(&self, words: &[u8]) -> bool {
        (&self.stream).write_all(words).is_ok()
    }

    /// Reads what has been said so far, waiting for a first byte; nothing when the other side is gone.
    pub fn hear(&self) -> Vec<u8> {
        let mut buffer = [0; 1024];
        loop {
            match (&self.stream).read(&mut buffer) {
                Ok(bytes) => return buffer[..bytes].to_vec(),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Vec::new(),
            }
        }
    }

    /// Reads one line, without its newline, or what there is when the other side goes.
    pub fn hear_line(&self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            match (&self.stream).read(&mut byte) {
                Ok(1) if byte[0] != b'\n' => line.push(byte[0]),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                _ => return String::from_utf8_lossy(&line).into_owned(),
            }
        }
    }

    /// Reads everything that is said until the other side goes.
    pub fn hear_out(&self) -> String {
        let mut words = Vec::new();
        // A side that breaks off has said what it has said.
        let _broken = (&self.stream).read_to_end(&mut words);
        String::from_utf8_lossy(&words).into_owned()
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
