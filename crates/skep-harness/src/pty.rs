//! Any agent on a terminal of its own: its screen is for people; what it is doing comes from its hooks and its title.
//!
//! Owns: the protocol `pty`: from [`Signal`]s to words that no vendor owns. What is typed and when is the keeper's.
//! Never: reads a state out of what a screen shows. An agent that gives no sign has said nothing but its exit code.

use std::collections::BTreeMap;

use serde_json::Value;
use skep_core::said::{Deed, ErrorClass, Said, TurnResult};

use crate::port::{Heard, Session, Turn, clip, output};

pub mod claude_hooks;
pub mod codex_hooks;
mod install;
#[cfg(test)]
mod tests;
pub mod titles;

pub use install::{Hooks, Unspeakable, trusted_folders};
pub use titles::Titles;

/// How many tools may be in flight before the oldest are taken for done.
const IN_FLIGHT: usize = 256;

/// By what an agent tells its state beside its screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    pub hooks: Option<Hooks>,
    pub titles: Titles,
    /// Whether it was given nothing to do, so that it waits from the beginning.
    pub unprompted: bool,
}

/// What a hook or a title tells, in one word for every vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Its conversation has this name.
    Session(String),
    /// It took words as a turn of their own: what was sent has arrived.
    TurnStarted,
    /// It is at work.
    Busy,
    Tool {
        id: String,
        name: String,
        input: String,
    },
    ToolResult {
        id: String,
        ok: bool,
        text: String,
    },
    /// A dialog wants leave for something; without a tool it is only known that there is one.
    Permission {
        tool: String,
        text: String,
    },
    Error {
        class: ErrorClass,
        text: String,
    },
    /// A turn is over; by its name, where it has one, it counts once.
    TurnEnded {
        turn: Option<String>,
        result: TurnResult,
        text: String,
    },
    /// It waits for what somebody says next.
    Idle,
}

/// What the agent does, as far as it told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Doing {
    /// It has not told.
    #[default]
    Unknown,
    Busy,
    /// It shows a dialog.
    Asking,
    Idle,
}

/// A dialog that is open.
#[derive(Debug)]
struct Open {
    id: String,
    tool: String,
    text: String,
}

/// A conversation on a terminal.
#[derive(Debug, Default)]
pub struct Pty {
    signs: Signs,
    turn: Turn,
    doing: Doing,
    /// What its last title that says anything says.
    title: Doing,
    session: String,
    /// What its title says of the conversation's name: the beginning of it.
    thread: String,
    ended: String,
    /// It rests, and what it said in the turn before is still to come.
    owed: bool,
    open: Option<Open>,
    asked: u32,
    ready: bool,
    tools: BTreeMap<String, (String, String)>,
}

impl Pty {
    /// Begins a conversation with an agent that gives these signs.
    pub fn new(signs: Signs) -> Pty {
        Pty { signs, ..Pty::default() }
    }

    fn heed(&mut self, signal: Signal) -> Vec<Heard> {
        let mut said = Vec::new();
        match signal {
            Signal::Session(id) => {
                if !id.is_empty() && id != self.session {
                    self.session.clone_from(&id);
                    said.push(Said::Session { id });
                }
            }
            Signal::TurnStarted => {
                said.extend(self.withdrawn());
                said.push(self.begun());
            }
            Signal::Busy => {
                said.extend(self.withdrawn());
                if self.doing != Doing::Busy {
                    let goes_on = self.doing == Doing::Asking;
                    let begun = self.begun();
                    said.extend((!goes_on).then_some(begun));
                }
            }
            Signal::Tool { id, name, input } => {
                said.extend((self.doing == Doing::Idle).then(|| self.begun()));
                if self.tools.len() >= IN_FLIGHT {
                    self.tools.pop_first();
                }
                self.tools.insert(id.clone(), (name.clone(), input.clone()));
                said.push(Said::Tool { id, name, input });
            }
            Signal::ToolResult { id, ok, text } => {
                // The one that was asked for, not another that ran meanwhile.
                let done = self.tools.remove(&id);
                let was_asked = self.open.as_ref().is_some_and(|open| {
                    done.as_ref()
                        .is_some_and(|(name, input)| *name == open.tool && *input == open.text)
                });
                if was_asked {
                    said.extend(self.withdrawn());
                    self.doing = Doing::Busy;
                }
                said.push(Said::ToolResult { id, ok, text });
            }
            Signal::Permission { tool, text } => said.extend(self.asks(tool, text)),
            Signal::Error { class, text } => said.push(Said::Error { class, text }),
            Signal::TurnEnded { turn, result, text } => {
                said.extend(self.withdrawn());
                let late = std::mem::take(&mut self.owed) && self.doing == Doing::Busy;
                let ended = self.end(turn, result, &text);
                // Of a turn before the one that runs.
                let goes_on = late.then(|| self.begun());
                return heard(said)
                    .chain(ended)
                    .chain(heard(goes_on.into_iter().collect()))
                    .collect();
            }
            Signal::Idle => {
                said.extend(self.withdrawn());
                self.tools.clear();
                if self.doing != Doing::Idle {
                    let worked = matches!(self.doing, Doing::Busy | Doing::Asking);
                    let comes_late = self.signs.hooks == Some(Hooks::Codex);
                    self.owed = worked && comes_late && !self.turn.over();
                    self.doing = Doing::Idle;
                    said.push(Said::Idle {});
                }
            }
        }
        heard(said).collect()
    }

    fn begun(&mut self) -> Said {
        self.doing = Doing::Busy;
        self.turn.begin();
        Said::TurnStarted {}
    }

    fn asks(&mut self, tool: String, text: String) -> Vec<Said> {
        let known = self.open.as_ref().is_some_and(|open| {
            // That there is a dialog is known already, and better.
            tool.is_empty() || (open.tool == tool && open.text == text)
        });
        if known {
            return Vec::new();
        }
        let mut said: Vec<Said> = self.withdrawn().into_iter().collect();
        self.asked += 1;
        let id = format!("dialog-{}", self.asked);
        self.open = Some(Open { id: id.clone(), tool: tool.clone(), text: text.clone() });
        self.doing = Doing::Asking;
        said.push(Said::Permission { id, tool, text, deed: Deed::default() });
        said
    }

    fn withdrawn(&mut self) -> Option<Said> {
        self.open.take().map(|open| Said::Withdrawn { id: open.id })
    }

    fn end(&mut self, turn: Option<String>, result: TurnResult, text: &str) -> Vec<Heard> {
        match turn {
            Some(turn) if turn == self.ended => return Vec::new(),
            // A turn with a name of its own is over whatever began meanwhile.
            Some(turn) => {
                self.ended = turn;
                self.turn.begin();
            }
            None => {}
        }
        self.turn.end_with(result, text)
    }

    fn heed_all(&mut self, signals: impl IntoIterator<Item = Signal>) -> Vec<Heard> {
        signals.into_iter().flat_map(|signal| self.heed(signal)).collect()
    }

    /// A change of what the title says.
    fn turned(&mut self, to: Doing) -> Vec<Signal> {
        let from = std::mem::replace(&mut self.title, to);
        match to {
            _ if from == to => Vec::new(),
            Doing::Unknown => Vec::new(),
            Doing::Busy => vec![Signal::Busy],
            Doing::Asking => vec![Signal::Permission { tool: String::new(), text: String::new() }],
            // Before its first turn it is only getting ready for it.
            Doing::Idle if self.doing == Doing::Unknown && !self.signs.unprompted => {
                self.doing = Doing::Idle;
                Vec::new()
            }
            Doing::Idle if self.doing == Doing::Unknown || self.signs.hooks.is_some() => {
                vec![Signal::Idle]
            }
            Doing::Idle => {
                let text = String::new();
                let result = TurnResult::Ended;
                vec![Signal::TurnEnded { turn: None, result, text }, Signal::Idle]
            }
        }
    }
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

    fn hook(&mut self, said: &Value) -> Vec<Heard> {
        let signals = match self.signs.hooks {
            None => Vec::new(),
            Some(Hooks::Claude) => claude_hooks::signals(said),
            Some(Hooks::Codex) => {
                let alone = self.title == Doing::Unknown;
                codex_hooks::signals(said, &self.thread, alone)
            }
        };
        self.heed_all(signals)
    }

    fn title(&mut self, title: &str) -> Vec<Heard> {
        let mut signals = Vec::new();
        if self.signs.hooks == Some(Hooks::Codex)
            && let Some(thread) = codex_hooks::thread_in(title)
        {
            thread.clone_into(&mut self.thread);
            signals
                .extend(codex_hooks::whole(title, thread).map(|id| Signal::Session(id.to_owned())));
        }
        let doing = self.signs.titles.say(title);
        self.ready |= self.signs.titles.is_ready(title);
        if doing != Doing::Unknown {
            signals.extend(self.turned(doing));
        } else if self.signs.titles.idle.is_empty() {
            // Not at work, whatever else: the next one that is, is news.
            self.title = Doing::Unknown;
        }
        self.heed_all(signals)
    }

    fn tells_its_state(&self) -> bool {
        self.doing != Doing::Unknown
    }

    fn is_ready(&self) -> bool {
        self.ready || self.tells_its_state()
    }
}

fn heard(said: Vec<Said>) -> impl Iterator<Item = Heard> {
    said.into_iter().map(Heard::Said)
}

/// A text of a hook, cut to what is handed on.
fn text_of(said: &Value, key: &str) -> String {
    clip(said.get(key).and_then(Value::as_str).unwrap_or_default())
}
