//! The lines on the daemon's socket: requests in, answers out, one JSON object each.
//!
//! Owns: the answer's shape and how a line is read without trusting its length.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

#[cfg(test)]
mod tests;

/// The longest line that either side reads. Bytes.
pub const LONGEST: u64 = 64 << 20;

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The whole answer.
    Ok(Value),
    /// One item of many; more or an end follows.
    Item(Value),
    /// The end of many.
    End(()),
    /// What to show a person meanwhile.
    Progress(String),
    Error(Refusal),
}

/// An error as people and programs get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// A word of `docs/errors.md`.
    pub slug: String,
    pub message: String,
    pub hints: Vec<String>,
    /// 1: a decision is wanted; 2: an error; 3: out of time; 4: the awaited run ended otherwise.
    pub exit: u8,
}

impl Refusal {
    /// Makes an error that is nobody's decision.
    pub fn error(slug: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal { slug: slug.into(), message: message.into(), hints: Vec::new(), exit: 2 }
    }

    /// Adds a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Refusal {
        self.hints.push(hint.into());
        self
    }

    /// Marks it as a decision that somebody has to make; nothing was destroyed.
    #[must_use]
    pub fn decision(mut self) -> Refusal {
        self.exit = 1;
        self
    }
}

/// Writes `value` as one line.
pub fn send<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads one line; none at the end of the stream.
///
/// Errors: a line beyond [`LONGEST`], a torn line, or text that is not a `T`.
pub fn receive<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.take(LONGEST).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line was torn or is too long"));
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

/// An error with all its causes, in one line.
pub fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
