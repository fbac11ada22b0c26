//! What a terminal sends, as keys.
//!
//! Owns: how each key is spelled. Never: guesses; what it does not know is no key.

#[cfg(test)]
mod tests;

/// The longest sequence that is waited for. Bytes.
const LONGEST: usize = 32;
/// The longest paste that is taken. Bytes.
const LONGEST_PASTE: usize = 256 << 10;
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// A key, or a text that was pasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    /// With Ctrl: the letter, in lower case.
    Ctrl(char),
    Enter,
    Esc,
    Tab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Paste(String),
}

/// Reads keys out of bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Keys {
    bytes: Vec<u8>,
    pasted: Option<Vec<u8>>,
}

/// What the first bytes are.
enum First {
    Key(Key, usize),
    Nothing(usize),
    PasteBegins(usize),
    /// The beginning of something.
    More,
}

impl Keys {
    /// Takes bytes that have arrived, and returns the keys that are whole.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.bytes.extend_from_slice(bytes);
        let mut keys = Vec::new();
        while !self.bytes.is_empty() {
            if self.pasted.is_some() {
                match self.paste() {
                    Some(text) => keys.push(Key::Paste(text)),
                    None => break,
                }
                continue;
            }
            let used = match first(&self.bytes) {
                First::Key(key, used) => {
                    keys.push(key);
                    used
                }
                First::Nothing(used) => used,
                First::PasteBegins(used) => {
                    self.pasted = Some(Vec::new());
                    used
                }
                First::More => break,
            };
            self.bytes.drain(..used);
        }
        keys
    }

    /// Whether something has begun that may be a key by itself, if nothing follows soon.
    pub(super) fn wait(&self) -> bool {
        self.pasted.is_none() && !self.bytes.is_empty()
    }

    /// Nothing followed: what has begun is a key by itself, or none.
    pub(super) fn settle(&mut self) -> Option<Key> {
        let begun = std::mem::take(&mut self.bytes);
        (begun.first() == Some(&0x1b)).then_some(Key::Esc)
    }

    /// The paste, if its end is there.
    fn paste(&mut self) -> Option<String> {
        let end = self.bytes.windows(PASTE_ENDS.len()).position(|bytes| bytes == PASTE_ENDS);
        // What may be the beginning of the end stays until the rest is there.
        let safe = end.unwrap_or(self.bytes.len().saturating_sub(PASTE_ENDS.len() - 1));
        let pasted = self.pasted.get_or_insert_default();
        let room = LONGEST_PASTE.saturating_sub(pasted.len());
        pasted.extend(self.bytes.drain(..safe).take(room));
        end?;
        self.bytes.drain(..PASTE_ENDS.len());
        Some(String::from_utf8_lossy(&self.pasted.take()?).into_owned())
    }
}

fn first(bytes: &[u8]) -> First {
    match bytes {
        [0x1b] => First::More,
        [0x1b, b'[', ..] => sequence(bytes),
        [0x1b, b'O'] => First::More,
        [0x1b, b'O', last, ..] => named(*last, 0, 3),
        [0x1b, ..] => First::Key(Key::Esc, 1),
        [b'\r' | b'\n', ..] => First::Key(Key::Enter, 1),
        [b'\t', ..] => First::Key(Key::Tab, 1),
        [0x7f | 0x08, ..] => First::Key(Key::Backspace, 1),
        [letter @ 1..=26, ..] => First::Key(Key::Ctrl(char::from(letter - 1 + b'a')), 1),
        [0..=0x1f, ..] => First::Nothing(1),
        bytes => letter(bytes),
    }
}

/// A letter of one byte or more.
fn letter(bytes: &[u8]) -> First {
    let known = &bytes[..bytes.len().min(4)];
    let text = match std::str::from_utf8(known) {
        Ok(text) => text,
        Err(err) if err.valid_up_to() > 0 => {
            std::str::from_utf8(&known[..err.valid_up_to()]).unwrap_or_default()
        }
        Err(err) => return err.error_len().map_or(First::More, First::Nothing),
    };
    match text.chars().next() {
        Some(c) if c.is_control() => First::Nothing(c.len_utf8()),
        Some(c) => First::Key(Key::Char(c), c.len_utf8()),
        None => First::Nothing(1),
    }
}

/// What begins with `ESC [`.
fn sequence(bytes: &[u8]) -> First {
    let Some(end) = bytes.iter().skip(2).position(|byte| (0x40..=0x7e).contains(byte)) else {
        return if bytes.len() < LONGEST { First::More } else { First::Nothing(bytes.len()) };
    };
    let used = end + 3;
    let parameters = String::from_utf8_lossy(&bytes[2..2 + end]).into_owned();
    let number = parameters.split(';').next().unwrap_or_default().parse().unwrap_or(0);
    named(bytes[2 + end], number, used)
}

/// A key by the last letter of its sequence, or by the number before a `~`.
fn named(last: u8, number: u32, used: usize) -> First {
    let key = match (last, number) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', 1 | 7) => Key::Home,
        (b'F', _) | (b'~', 4 | 8) => Key::End,
        (b'M', _) => Key::Enter,
        (b'~', 3) => Key::Delete,
        (b'~', 5) => Key::PageUp,
        (b'~', 6) => Key::PageDown,
        (b'~', 200) => return First::PasteBegins(used),
        _ => return First::Nothing(used),
    };
    First::Key(key, used)
}
