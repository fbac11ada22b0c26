//! Reading what an agent writes, by lines, however long and however many they are.
//!
//! Owns: where a line ends, how much of one is kept, and the digest of what is not.
//! Never: holds more of a line than its cap, or fails on what is not UTF-8.

use std::io::{ErrorKind, Read};

#[cfg(test)]
mod tests;

/// The most of one line that the journal keeps. Bytes.
pub const KEPT: usize = 1 << 20;
/// The most of one line that a protocol gets to read. Bytes.
pub const READ: usize = 16 << 20;
/// How much is read at once. Bytes.
const BUFFER: usize = 32 << 10;

/// One line, without its newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Its first bytes, at most [`READ`].
    pub text: String,
    /// How long the whole line was. Bytes.
    pub bytes: u64,
    /// Of the whole line, where not all of it is here.
    digest: Option<u64>,
}

impl Words {
    /// Tells whether all of the line is here.
    pub fn is_whole(&self) -> bool {
        self.bytes <= READ as u64
    }

    /// The line as the journal keeps it: what is beyond [`KEPT`] as its length and a digest of the whole.
    pub fn kept(&self) -> String {
        if self.bytes <= KEPT as u64 {
            return self.text.clone();
        }
        let mut end = KEPT.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        format!(
            "{}… (a line of {} bytes, fnv1a64 {:016x})",
            &self.text[..end],
            self.bytes,
            self.digest.unwrap_or_else(|| digest(BASIS, self.text.as_bytes()))
        )
    }
}

/// Hands the lines of `from` to `hear`, as many at once as came at once, until the stream or the hearer ends.
pub fn listen(mut from: impl Read, mut hear: impl FnMut(Vec<Words>) -> bool) {
    let mut buffer = vec![0; BUFFER];
    let mut line = Line::default();
    loop {
        let mut bytes = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => &buffer[..count],
            Err(err) if err.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let mut whole = Vec::new();
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            line.take(&bytes[..at]);
            whole.push(std::mem::take(&mut line).words());
            bytes = &bytes[at + 1..];
        }
        line.take(bytes);
        if !whole.is_empty() && !hear(whole) {
            return;
        }
    }
    if line.bytes > 0 {
        // The last one, which nobody ended; whoever heard all others hears it too, or is gone.
        let _gone = hear(vec![line.words()]);
    }
}

/// What FNV-1a begins with.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// Goes on with the digest of what came before by `bytes`.
fn digest(before: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(before, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[derive(Default)]
struct Line {
    kept: Vec<u8>,
    bytes: u64,
    /// Counted only from where not all of it is kept any more.
    digest: Option<u64>,
}

impl Line {
    fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let room = READ - self.kept.len();
        let (kept, rest) = bytes.split_at(bytes.len().min(room));
        self.kept.extend_from_slice(kept);
        if !rest.is_empty() {
            let before = self.digest.unwrap_or_else(|| digest(BASIS, &self.kept));
            self.digest = Some(digest(before, rest));
        }
    }

    fn words(self) -> Words {
        let text = match String::from_utf8(self.kept) {
            Ok(text) => text,
            Err(err) => String::from_utf8_lossy(err.as_bytes()).into_owned(),
        };
        Words { text, bytes: self.bytes, digest: self.digest }
    }
}
