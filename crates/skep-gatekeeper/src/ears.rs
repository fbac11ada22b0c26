//! Reading what an agent writes, by lines, however long they are.
//!
//! Owns: where a line ends, how much of one is kept, and the digest of what is not.
//! Never: holds more of a line than its cap, or fails on what is not UTF-8.

use std::io::{BufRead, BufReader, ErrorKind, Read};

#[cfg(test)]
mod tests;

/// The most of one line that the journal keeps. Bytes.
pub const KEPT: usize = 1 << 20;
/// The most of one line that a protocol gets to read. Bytes.
pub const READ: usize = 16 << 20;
/// How much is read at once. Bytes.
const BUFFER: usize = 8 << 10;

/// One line, without its newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Its first bytes, at most [`READ`].
    pub text: String,
    /// How long the whole line was. Bytes.
    pub bytes: u64,
    digest: u64,
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
            self.digest
        )
    }
}

/// Hands each line of `from` to `hear` until the stream or the hearer ends.
pub fn listen(from: impl Read, mut hear: impl FnMut(Words) -> bool) {
    let mut from = BufReader::with_capacity(BUFFER, from);
    let mut line = Line::default();
    loop {
        let (used, ended) = match from.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(at) => {
                    line.take(&bytes[..at]);
                    (at + 1, true)
                }
                None => {
                    line.take(bytes);
                    (bytes.len(), false)
                }
            },
            Err(err) if err.kind() == ErrorKind::Interrupted => (0, false),
            Err(_) => break,
        };
        from.consume(used);
        if ended && !hear(std::mem::take(&mut line).words()) {
            return;
        }
    }
    if line.bytes > 0 {
        // The last one, which nobody ended; whoever heard all others hears it too, or is gone.
        let _gone = hear(line.words());
    }
}

struct Line {
    kept: Vec<u8>,
    bytes: u64,
    digest: u64,
}

impl Default for Line {
    fn default() -> Line {
        Line { kept: Vec::new(), bytes: 0, digest: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Line {
    fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let room = READ - self.kept.len();
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
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
