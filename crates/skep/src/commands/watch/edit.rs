//! One line that a person types.
//!
//! Owns: the text and the place in it. A pasted line end stays one, and is no end of the typing.

#![expect(clippy::wildcard_enum_match_arm, reason = "most keys do nothing to a line")]

use super::keys::Key;

/// The longest text that is typed here; longer ones are a file's. Letters.
const LONGEST: usize = 64 << 10;

/// The line, and where the next letter goes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Editor {
    letters: Vec<char>,
    at: usize,
}

impl Editor {
    /// Begins with `text`, at its end.
    pub(super) fn of(text: &str) -> Editor {
        let letters: Vec<char> = text.chars().collect();
        Editor { at: letters.len(), letters }
    }

    /// What stands there.
    pub(super) fn text(&self) -> String {
        self.letters.iter().collect()
    }

    /// What stands before the place, and what behind it.
    pub(super) fn halves(&self) -> (String, String) {
        let (before, after) = self.letters.split_at(self.at);
        (before.iter().collect(), after.iter().collect())
    }

    /// Does what a key does to a line.
    pub(super) fn key(&mut self, key: &Key) {
        match key {
            Key::Char(letter) => self.put(std::iter::once(*letter)),
            Key::Paste(text) => self.put(text.replace("\r\n", "\n").replace('\r', "\n").chars()),
            Key::Left => self.at = self.at.saturating_sub(1),
            Key::Right => self.at = (self.at + 1).min(self.letters.len()),
            Key::Home | Key::Ctrl('a') => self.at = 0,
            Key::End | Key::Ctrl('e') => self.at = self.letters.len(),
            Key::Backspace if self.at > 0 => {
                self.at -= 1;
                self.letters.remove(self.at);
            }
            Key::Delete if self.at < self.letters.len() => {
                self.letters.remove(self.at);
            }
            Key::Ctrl('u') => {
                self.letters.drain(..self.at);
                self.at = 0;
            }
            Key::Ctrl('k') => self.letters.truncate(self.at),
            Key::Ctrl('w') => {
                let before = &self.letters[..self.at];
                let word = before.iter().rposition(|letter| !letter.is_whitespace()).unwrap_or(0);
                let from = before[..word].iter().rposition(|letter| letter.is_whitespace());
                let from = from.map_or(0, |gap| gap + 1);
                self.letters.drain(from..self.at);
                self.at = from;
            }
            _ => {}
        }
    }

    fn put(&mut self, letters: impl Iterator<Item = char>) {
        let room = LONGEST.saturating_sub(self.letters.len());
        let letters: Vec<char> = letters.take(room).collect();
        let count = letters.len();
        self.letters.splice(self.at..self.at, letters);
        self.at += count;
    }
}
