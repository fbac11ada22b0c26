//! Any command: its output is output, its exit code is all it has to say.
//!
//! Owns: the protocol `plain`. The prompt goes to standard input, which is then closed.
//! Never: reads a meaning into what the command prints.

use skep_core::said::TurnResult;

use crate::port::{Heard, Session, Turn, output};

#[cfg(test)]
mod tests;

/// A conversation with a command that knows nothing of skep.
#[derive(Debug, Default)]
pub struct Plain {
    turn: Turn,
}

impl Session for Plain {
    fn opening(&mut self, prompt: &str) -> Vec<u8> {
        prompt.as_bytes().to_vec()
    }

    fn closes_stdin(&self) -> bool {
        true
    }

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

    fn message(&mut self, _text: &str) -> Option<String> {
        None
    }
}
