//! The shipped agent that follows a script, and the small protocol it speaks.
//!
//! Owns: the protocol `scripted` (each line is one [`Said`] as JSON; a message to the agent is one [`Message`]), the
//! script's grammar (`script`), the agent itself (`agent`). See `docs/scripted.md`.
//! Never: needs a model, a key or a network.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use skep_core::said::{Said, TurnResult};

use crate::port::{Grant, Heard, Session, Turn, clip, output};

pub mod agent;
pub mod script;

#[cfg(test)]
mod tests;

/// What the agent reads on its standard input, one a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// What the run is about; the first line.
    Prompt { text: String },
    /// Something said to it later: an answer, or the next turn.
    Message { text: String },
    /// The answer to its `permission` of this id.
    Leave {
        id: String,
        allow: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
}

impl Message {
    /// Spells it as one line with its newline.
    pub fn line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("an enum of strings is always JSON");
        line.push('\n');
        line
    }
}

/// A conversation with the scripted agent, or with any program that speaks its protocol.
#[derive(Debug, Default)]
pub struct Scripted {
    turn: Turn,
    /// A message was sent; the agent's next words are the next turn. Words behind an end without one are of no turn.
    called: bool,
    /// The requests for leave that are not answered.
    open: BTreeSet<String>,
}

impl Session for Scripted {
    fn opening(&mut self, prompt: &str) -> Vec<u8> {
        Message::Prompt { text: prompt.to_owned() }.line().into_bytes()
    }

    fn closes_stdin(&self) -> bool {
        false
    }

    fn line(&mut self, line: &str) -> Vec<Heard> {
        match serde_json::from_str::<Said>(line) {
            Ok(Said::TurnEnded { result, text }) => self.ended(result, &text),
            Ok(said) => {
                self.begin_if_called();
                if let Said::Said { text } = &said {
                    self.turn.said(text);
                } else if let Said::Permission { id, .. } = &said {
                    self.open.insert(id.clone());
                } else if let Said::Withdrawn { id } = &said {
                    self.open.remove(id);
                }
                vec![Heard::Said(said)]
            }
            Err(_) => output(line),
        }
    }

    fn stderr(&mut self, line: &str) -> Vec<Heard> {
        self.turn.complained(line);
        Vec::new()
    }

    fn exited(&mut self, code: i32) -> Vec<Heard> {
        self.turn.broken_off(code)
    }

    fn message(&mut self, text: &str) -> Option<String> {
        self.called = true;
        Some(Message::Message { text: text.to_owned() }.line())
    }

    fn settle(&mut self, id: &str, grant: Grant) -> Option<String> {
        let allow = grant == Grant::Once;
        self.open.remove(id).then(|| Message::Leave { id: id.to_owned(), allow, text: None }.line())
    }

    fn refuse(&mut self, id: &str, why: &str) -> Option<String> {
        let text = Some(why.to_owned());
        let leave = Message::Leave { id: id.to_owned(), allow: false, text };
        self.open.remove(id).then(|| leave.line())
    }
}

impl Scripted {
    fn begin_if_called(&mut self) {
        if std::mem::take(&mut self.called) {
            self.turn.begin();
        }
    }

    fn ended(&mut self, result: TurnResult, text: &str) -> Vec<Heard> {
        self.begin_if_called();
        if text.is_empty() {
            self.turn.end(result)
        } else {
            self.turn.end_with(result, &clip(text))
        }
    }
}
