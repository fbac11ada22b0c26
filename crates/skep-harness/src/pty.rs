//! Any agent on a terminal of its own: its screen is for people, its exit code is all it has to say.
//!
//! Owns: the protocol `pty`. What is typed and when is the keeper's.
//! Never: reads a state out of what a screen shows.

use skep_core::said::TurnResult;

use crate::port::{Heard, Session, Turn, output};

#[cfg(test)]
mod tests;

/// A conversation of which only the end is understood.
#[derive(Debug, Default)]
pub struct Pty {
    turn: Turn,
}

impl Session for Pty {
    fn opening(&mut self, prompt: &str) -> Vec<u8> {
        prompt.as_bytes().to_vec()
    }

    fn closes_stdin(&self) -> bool {
        false
    }

    /// Hears a line of the screen as it stood at the end.
    fn line(&mut self, line: &str) -> Vec<Heard> {
        self.turn.said(line);
        output(line)
    }

    fn stderr(&mut self, line: &str) -> Vec<Heard> {
        self.turn.complained(line);
        Vec::new()
    }

    fn exited(&mut self, code: i32) -> Vec<Heard> {
        if code == 0 { self.turn.end(TurnResult::Ended) } else { self.turn.broken_off(code) }
    }

    fn message(&mut self, text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}
