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
pub mod tools;

#[cfg(test)]
mod tests;

/// What the agent reads on its standard input, one a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// What the run is about; the first line.
    Prompt { text: String },
    /// Something said to it later: an answer, or the next turn. The agent names the id when it takes it up.
    Message {
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
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

/// What the agent says of a message beside [`Said`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Taken {
    /// It takes up the message of this id: as an answer, or as its next turn.
    Taken { id: String },
}

/// A conversation with the scripted agent, or with any program that speaks its protocol.
#[derive(Debug, Default)]
pub struct Scripted {
    turn: Turn,
    /// The agent has said that it takes up a message: it needs no guess.
    tells: bool,
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
            Ok(Said::TurnEnded { result, text }) => {
                let mut heard = self.begin_if_called();
                heard.extend(self.ended(result, &text));
                heard
            }
            Ok(said) => {
                let mut heard = self.begin_if_called();
                if let Said::Said { text } = &said {
                    self.turn.said(text);
                } else if let Said::Permission { id, .. } = &said {
                    self.open.insert(id.clone());
                } else if let Said::Withdrawn { id } = &said {
                    self.open.remove(id);
                }
                heard.push(Heard::Said(said));
                heard
            }
            Err(_) => match serde_json::from_str::<Taken>(line) {
                Ok(Taken::Taken { id }) => {
                    self.tells = true;
                    vec![Heard::Took(Some(id))]
                }
                Err(_) => output(line),
            },
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
        Some(Message::Message { text: text.to_owned(), id: None }.line())
    }

    fn message_of(&mut self, id: &str, text: &str) -> Option<String> {
        self.called = true;
        Some(Message::Message { text: text.to_owned(), id: Some(id.to_owned()) }.line())
    }

    fn tells_what_it_takes(&self) -> bool {
        true
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
    /// Words behind the end of a turn, when something was sent since, are of the turn that follows from it.
    fn begin_if_called(&mut self) -> Vec<Heard> {
        let begins = self.turn.over() && self.called && !self.tells;
        if std::mem::take(&mut self.called) {
            self.turn.begin();
        }
        if begins { vec![Heard::Took(None)] } else { Vec::new() }
    }

    fn ended(&mut self, result: TurnResult, text: &str) -> Vec<Heard> {
        if text.is_empty() {
            self.turn.end(result)
        } else {
            self.turn.end_with(result, &clip(text))
        }
    }
}
