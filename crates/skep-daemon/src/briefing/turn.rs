//! The last turn of an agent: all that it said in it, whole.
//!
//! Owns: where a turn begins and ends in a journal. Never: takes words of an earlier turn for the last one's, or silence for words.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use serde::Deserialize;
use skep_api::place::Home;
use skep_core::run::Run;

#[cfg(test)]
mod tests;

/// How much of the words is kept: the end of them. Bytes.
pub const MOST: usize = 256 << 10;

/// Returns all that the agent of `run` said in the last turn of its last attempt, and nothing where it said nothing.
///
/// Shape: its messages, one after the other, each on lines of its own; of very many words the end, from the beginning of a line.
/// Errors: the journal cannot be read, or does not have all of them.
pub fn last_turn(home: &Home, run: &Run) -> Result<String, String> {
    last_spoken(home, run).map(|spoken| spoken.all)
}

/// What an agent said in a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// All of it.
    pub all: String,
    /// What it said after its last tool; nothing where it said nothing then.
    pub end: String,
}

/// Returns what the agent of `run` said in the last turn of its last attempt, and apart what it ended with.
///
/// Errors: as for [`last_turn`].
pub fn last_spoken(home: &Home, run: &Run) -> Result<Spoken, String> {
    let path = home.attempt(run.id(), run.attempt).join("journal.jsonl");
    let told = |err: &dyn std::fmt::Display| format!("{}: {err}", path.display());
    let turn = read(&path).map_err(|err| told(&err))?;
    if turn.lacks {
        return Err(told(&"it is full, and lacks words of the last turn"));
    }
    let end = tail(&turn.end.join("\n")).to_owned();
    Ok(Spoken { all: turn.words(), end })
}

/// What is read of a line; one that a newer version wrote may say nothing here.
#[derive(Deserialize)]
struct Line {
    kind: String,
    text: Option<String>,
    #[serde(default)]
    lines: u64,
}

/// Reads a journal through: a turn is as long as its tools are talkative.
fn read(path: &Path) -> io::Result<Turn> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut turn, mut bytes) = (Turn::default(), Vec::new());
    loop {
        bytes.clear();
        if file.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(turn);
        }
        if let Ok(line) = serde_json::from_slice(&bytes) {
            turn.hear(line);
        }
    }
}

/// A turn, as far as it was heard.
#[derive(Default)]
struct Turn {
    said: Words,
    /// What of it came after the last tool.
    end: Vec<String>,
    /// What an agent without a protocol put out.
    put_out: Words,
    /// What the end of the turn says itself.
    closing: String,
    over: bool,
    /// Whether lines of it were not kept.
    lacks: bool,
}

impl Turn {
    fn hear(&mut self, line: Line) {
        let Line { kind, text, lines } = line;
        let text = text.unwrap_or_default();
        match kind.as_str() {
            "said" => {
                self.begin();
                self.end.push(text.clone());
                self.said.push(text);
            }
            "tool" | "tool_result" if !self.over => self.end.clear(),
            // Where it has a protocol this is noise, and begins nothing.
            "output" => self.put_out.push(text),
            "turn_started" | "delivered" => self.begin(),
            "turn_ended" => {
                self.begin();
                self.closing = text;
                self.over = true;
            }
            // What was dropped after a turn may be the next one.
            "dropped" => self.lacks |= lines > 0,
            _ => {}
        }
    }

    /// What is heard after the end of a turn is of the next one.
    fn begin(&mut self) {
        if self.over {
            *self = Turn::default();
        }
    }

    fn words(self) -> String {
        let words = [self.said.joined(), self.put_out.joined(), self.closing];
        let words = words.into_iter().find(|words| !words.trim().is_empty()).unwrap_or_default();
        tail(&words).to_owned()
    }
}

/// Messages, as many of the last as are kept.
#[derive(Default)]
struct Words {
    all: VecDeque<String>,
    bytes: usize,
}

impl Words {
    fn push(&mut self, text: String) {
        self.bytes += text.len() + 1;
        self.all.push_back(text);
        while self.all.front().is_some_and(|first| self.bytes - first.len() - 1 > MOST) {
            self.bytes -= self.all.pop_front().map_or(0, |first| first.len() + 1);
        }
    }

    fn joined(self) -> String {
        self.all.into_iter().collect::<Vec<_>>().join("\n")
    }
}

/// The last of `words`, from the beginning of a line.
fn tail(words: &str) -> &str {
    if words.len() <= MOST {
        return words;
    }
    let mut from = words.len() - MOST;
    while !words.is_char_boundary(from) {
        from += 1;
    }
    let end = &words[from..];
    end.split_once('\n').map_or(end, |(_, rest)| rest)
}
