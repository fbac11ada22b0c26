//! The stream of a terminal, cut where its sequences begin and end.
//!
//! Owns: what is text, what is a control sequence, and that no one gets half of either: what is not whole waits.
//! Never: knows what a sequence means, or holds more of one than `HELD`.

#[cfg(test)]
mod tests;

/// The most of one sequence that waits for its end; a longer one is swallowed. Bytes.
const HELD: usize = 64 << 10;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

/// One whole thing that an agent wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    pub bytes: &'a [u8],
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Characters and single controls, never half a character.
    Text,
    /// `ESC` and what follows it.
    Escape,
    /// `ESC [` to the final byte.
    Csi,
    /// `ESC ]` and its text, without the end.
    Osc,
    /// `ESC P` and its text, without the end.
    Dcs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ground,
    Escape,
    Csi,
    /// A string of this kind: `]` is OSC, `P` DCS, others are nobody's.
    Text(u8),
    /// In such a string an `ESC` was seen.
    TextEscape(u8),
}

/// Cuts a stream that comes in pieces of any size.
#[derive(Debug)]
pub struct Sieve {
    state: State,
    held: Vec<u8>,
    /// The sequence is longer than what is held of it.
    over: bool,
}

impl Default for Sieve {
    fn default() -> Sieve {
        Sieve { state: State::Ground, held: Vec::new(), over: false }
    }
}

impl Sieve {
    /// Takes what came and hands on what is whole.
    pub fn sift(&mut self, bytes: &[u8], mut take: impl FnMut(Token<'_>)) {
        let joined;
        let mut rest = bytes;
        if self.state == State::Ground && !self.held.is_empty() {
            joined = [&std::mem::take(&mut self.held)[..], bytes].concat();
            rest = &joined;
        }
        while let Some(&byte) = rest.first() {
            if self.state == State::Ground {
                rest = self.ground(rest, &mut take);
            } else if self.step(byte, &mut take) {
                rest = &rest[1..];
            }
        }
    }

    /// Hands on text up to the next sequence; half a character at the end waits.
    fn ground<'a>(&mut self, bytes: &'a [u8], take: &mut impl FnMut(Token<'_>)) -> &'a [u8] {
        let end = bytes.iter().position(|byte| *byte == ESC);
        let (text, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        let whole = if end.is_some() { text.len() } else { text.len() - torn(text) };
        if whole > 0 {
            take(Token { kind: Kind::Text, bytes: &text[..whole] });
        }
        if end.is_some() {
            self.begin(State::Escape, &[ESC]);
            return &rest[1..];
        }
        self.held.extend_from_slice(&text[whole..]);
        rest
    }

    fn begin(&mut self, state: State, with: &[u8]) {
        self.state = state;
        self.held.clear();
        self.held.extend_from_slice(with);
        self.over = false;
    }

    fn hold(&mut self, byte: u8) {
        if self.held.len() < HELD {
            self.held.push(byte);
        } else {
            self.over = true;
        }
    }

    fn end(&mut self, kind: Kind, take: &mut impl FnMut(Token<'_>)) {
        let held = std::mem::take(&mut self.held);
        let over = std::mem::take(&mut self.over);
        self.state = State::Ground;
        if !over {
            take(Token { kind, bytes: &held });
        }
    }

    fn give_up(&mut self) {
        self.begin(State::Ground, &[]);
    }

    /// Takes one byte inside a sequence; false if it begins something else.
    fn step(&mut self, byte: u8, take: &mut impl FnMut(Token<'_>)) -> bool {
        // CAN and SUB end whatever is under way.
        if matches!(byte, 0x18 | 0x1a) {
            self.give_up();
            return true;
        }
        match self.state {
            State::Ground => return false,
            State::Escape => match byte {
                ESC => self.begin(State::Escape, &[ESC]),
                b'[' if self.held.len() == 1 => self.begin(State::Csi, b"\x1b["),
                b']' | b'P' | b'X' | b'^' | b'_' if self.held.len() == 1 => {
                    self.begin(State::Text(byte), &[ESC, byte]);
                }
                0x20..=0x2f => self.hold(byte),
                0x30..=0x7e => {
                    self.hold(byte);
                    self.end(Kind::Escape, take);
                }
                // A control inside a sequence counts at once, as in every terminal.
                0..=0x1f => take(Token { kind: Kind::Text, bytes: &[byte] }),
                0x7f => {}
                0x80.. => {
                    self.give_up();
                    return false;
                }
            },
            State::Csi => match byte {
                ESC => self.begin(State::Escape, &[ESC]),
                0x20..=0x3f => self.hold(byte),
                0x40..=0x7e => {
                    self.hold(byte);
                    self.end(Kind::Csi, take);
                }
                0..=0x1f => take(Token { kind: Kind::Text, bytes: &[byte] }),
                0x7f => {}
                0x80.. => {
                    self.give_up();
                    return false;
                }
            },
            State::Text(kind) => match byte {
                ESC => self.state = State::TextEscape(kind),
                BEL if kind == b']' => self.end_text(kind, take),
                _ => self.hold(byte),
            },
            State::TextEscape(kind) => {
                if byte != b'\\' {
                    self.begin(State::Escape, &[ESC]);
                    return false;
                }
                self.end_text(kind, take);
            }
        }
        true
    }

    fn end_text(&mut self, kind: u8, take: &mut impl FnMut(Token<'_>)) {
        match kind {
            b']' => self.end(Kind::Osc, take),
            b'P' => self.end(Kind::Dcs, take),
            _ => self.give_up(),
        }
    }
}

/// How many bytes at the end are the beginning of a character whose rest has not come yet.
fn torn(text: &[u8]) -> usize {
    for back in 1..=text.len().min(3) {
        let wanted = match text[text.len() - back] {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        return if wanted > back { back } else { 0 };
    }
    0
}
