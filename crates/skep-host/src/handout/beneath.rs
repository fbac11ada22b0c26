//! Owns: reading and changing what stands below one folder, each part of a path opened by itself from the one before.
//! Never: goes through a link or above that folder, or writes over what stands.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Component, Path},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags},
    io::Errno,
};

const FOLDER: OFlags =
    OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::RDONLY);

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    Nothing,
    File,
    Folder,
    /// A link, a socket, or a way through one.
    Other,
}

/// A folder below which things are read and changed.
#[derive(Debug)]
pub(super) struct Beneath {
    fd: OwnedFd,
}

impl Beneath {
    pub(super) fn open(path: &Path) -> io::Result<Beneath> {
        Ok(Beneath { fd: rustix::fs::open(path, FOLDER, Mode::empty())? })
    }

    pub(super) fn stands(&self, path: &Path) -> io::Result<Stands> {
        let (above, name) = match self.above(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Stands::Nothing),
            Err(error) if is_no_folder(&error) => return Ok(Stands::Other),
            Err(error) => return Err(error),
        };
        match rustix::fs::statat(&above, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                let kind = FileType::from_raw_mode(stat.st_mode);
                Ok(if kind == FileType::RegularFile {
                    Stands::File
                } else if kind == FileType::Directory {
                    Stands::Folder
                } else {
                    Stands::Other
                })
            }
            Err(Errno::NOENT) => Ok(Stands::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a file whole with its permissions; none where no file stands there.
    pub(super) fn read(&self, path: &Path) -> io::Result<Option<(Vec<u8>, u32)>> {
        if self.stands(path)? != Stands::File {
            return Ok(None);
        }
        let (above, name) = self.above(path)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&above, name, flags, Mode::empty())?);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Some((bytes, rustix::fs::fstat(&file)?.st_mode & 0o7777)))
    }

    /// Makes a folder; one that is there will do.
    pub(super) fn make_folder(&self, path: &Path) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        match rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(0o755)) {
            Err(Errno::EXIST) => {
                rustix::fs::openat(&above, name, FOLDER, Mode::empty())?;
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Puts a whole new file at `path`, drafted at `draft` on the same disk; an error where anything stands there.
    pub(super) fn put_new(
        &self,
        path: &Path,
        bytes: &[u8],
        mode: u32,
        draft: &Path,
    ) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        write_draft(draft, bytes, mode)?;
        let put = rustix::fs::linkat(CWD, draft, &above, name, AtFlags::empty());
        rustix::fs::unlink(draft)?;
        Ok(put?)
    }

    /// Puts these bytes in place of the file at `path`, at once.
    pub(super) fn replace(
        &self,
        path: &Path,
        bytes: &[u8],
        mode: u32,
        draft: &Path,
    ) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        write_draft(draft, bytes, mode)?;
        Ok(rustix::fs::renameat(CWD, draft, &above, name)?)
    }

    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        Ok(rustix::fs::unlinkat(&above, name, AtFlags::empty())?)
    }

    /// Removes a folder, where it is there and empty.
    pub(super) fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let (above, name) = match self.above(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound || is_no_folder(&error) => {
                return Ok(());
            }
            other => other?,
        };
        match rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Opens the folder that `path` is in, and names its last part.
    fn above<'p>(&self, path: &'p Path) -> io::Result<(OwnedFd, &'p [u8])> {
        let mut at = self.fd.try_clone()?;
        let mut parts = path.components().peekable();
        while let Some(part) = parts.next() {
            let Component::Normal(name) = part else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            if parts.peek().is_none() {
                return Ok((at, name.as_bytes()));
            }
            at = rustix::fs::openat(&at, name, FOLDER, Mode::empty())?;
        }
        Err(io::ErrorKind::InvalidInput.into())
    }
}

/// Whether a way ended at what is no folder: a link or a file.
pub(super) fn is_no_folder(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code == Some(Errno::LOOP.raw_os_error()) || code == Some(Errno::NOTDIR.raw_os_error())
}

fn write_draft(draft: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match rustix::fs::unlink(draft) {
        Err(Errno::NOENT) | Ok(()) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(draft, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
    file.sync_all()
}
