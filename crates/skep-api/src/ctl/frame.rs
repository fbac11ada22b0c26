//! What a viewer and a keeper say to each other once the viewer is attached.
//!
//! A frame is one byte of kind, the length of what follows as four bytes, the highest first, and that much:
//!
//! | kind | from | holds |
//! |---|---|---|
//! | `i` | viewer | bytes that were typed |
//! | `r` | viewer | its size: columns, rows, two bytes each, the high one first |
//! | `d` | viewer | nothing: it leaves |
//! | `o` | keeper | bytes to show; the first ones paint the whole screen |
//! | `r` | keeper | to one that only looks: the size of the screen that is painted next |
//! | `x` | keeper | how the agent ended: its exit code as four bytes, the high one first; the last frame |
//!
//! A keeper whose connection ends without `x` was killed. A viewer that goes without `d` is gone as well.

use std::io;

use crate::spec::Size;

/// The most that one frame holds. Bytes.
pub const LONGEST: usize = 64 << 10;
/// The kind and the length.
const HEAD: usize = 5;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Input(Vec<u8>),
    Resize(Size),
    Detach,
    Output(Vec<u8>),
    /// 128+n after signal n.
    Exit(i32),
}

impl Frame {
    /// Spells it; a text longer than [`LONGEST`] becomes several frames.
    pub fn spell(&self) -> Vec<u8> {
        match self {
            Frame::Input(bytes) => spell_long(b'i', bytes),
            Frame::Output(bytes) => spell_long(b'o', bytes),
            Frame::Resize(size) => {
                let [[a, b], [c, d]] = [size.cols.to_be_bytes(), size.rows.to_be_bytes()];
                spell(b'r', &[a, b, c, d])
            }
            Frame::Detach => spell(b'd', &[]),
            Frame::Exit(code) => spell(b'x', &code.to_be_bytes()),
        }
    }
}

fn spell(kind: u8, bytes: &[u8]) -> Vec<u8> {
    // No caller has more than LONGEST, which is far below what four bytes count.
    let [a, b, c, d] = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut spelled = vec![kind, a, b, c, d];
    spelled.extend_from_slice(bytes);
    spelled
}

fn spell_long(kind: u8, bytes: &[u8]) -> Vec<u8> {
    bytes.chunks(LONGEST).flat_map(|part| spell(kind, part)).collect()
}

/// Reads frames out of bytes as they come.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// Takes bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next whole frame, where there is one.
    ///
    /// Errors: a frame that is none; nothing behind it can be read any more.
    pub fn take(&mut self) -> io::Result<Option<Frame>> {
        let Some(head) = self.bytes.get(..HEAD) else { return Ok(None) };
        let length = head[1..].iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        if length > LONGEST {
            return Err(invalid("a frame is too long"));
        }
        let Some(body) = self.bytes.get(HEAD..HEAD + length) else { return Ok(None) };
        let frame = match (head[0], body) {
            (b'i', body) => Frame::Input(body.to_vec()),
            (b'o', body) => Frame::Output(body.to_vec()),
            (b'r', &[a, b, c, d]) => Frame::Resize(Size {
                cols: u16::from_be_bytes([a, b]),
                rows: u16::from_be_bytes([c, d]),
            }),
            (b'd', []) => Frame::Detach,
            (b'x', &[a, b, c, d]) => Frame::Exit(i32::from_be_bytes([a, b, c, d])),
            _ => return Err(invalid("a frame is of no kind that is known")),
        };
        self.bytes.drain(..HEAD + length);
        Ok(Some(frame))
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
