//! Leave that an agent asks for, and what a person said to it.
//!
//! Owns: which requests are open, what settles each, and what it is for a request to be gone.
//! Never: lets a run go on while one of them is open, or changes a word that was given.

use serde::{Deserialize, Serialize};

use super::{Effect, Event, Rejected, Run, State, Step, WORDS, WaitingFor};
use crate::{
    id::{self, AskId, RunId},
    text,
    time::Timestamp,
};

#[cfg(test)]
mod tests;

/// A request of an agent for leave to do something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub id: AskId,
    /// What the agent's protocol calls it: the answer goes to this and to no other.
    pub asked_as: String,
    pub tool: String,
    /// What the tool would be given; `…` at its end where it was longer.
    pub text: String,
    pub at: Timestamp,
    /// What a person said; it goes to the agent when all that it asks for has its answer, and a slot is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
}

/// What a person said to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    pub allow: bool,
    /// Why not, for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The id of the `nth` request of `run`: the same in every replay, and no other run's.
pub fn nth(run: &RunId, nth: u32) -> AskId {
    AskId::new(id::derived(&format!("{run}/ask/{nth}")))
}

impl Run {
    /// The requests that nobody has answered.
    pub fn open_asks(&self) -> impl Iterator<Item = &Ask> {
        self.asks.iter().filter(|ask| ask.ruling.is_none())
    }

    /// Whether all that the agent asked for has its answer, and the answers only wait for a slot.
    pub fn is_ruled(&self) -> bool {
        !self.asks.is_empty() && self.open_asks().next().is_none()
    }

    /// Whether something is there for an agent that waits, and nothing that it asks for is open.
    pub(crate) fn has_answers(&self) -> bool {
        let something = !self.given.is_empty()
            || !self.asks.is_empty()
            || self.is_called()
            || self.has_answer_for_a_call();
        // What breaks the turn off leaves nothing of it open.
        let is_open = self.open_asks().next().is_some() || self.waits_in_a_call();
        something && (self.is_steered() || !is_open)
    }

    pub(super) fn leave_asked(
        &self,
        asked_as: String,
        tool: &str,
        words: &str,
        at: Timestamp,
    ) -> Option<Event> {
        // Told twice is asked once.
        if self.pid().is_none() || self.asks.iter().any(|ask| ask.asked_as == asked_as) {
            return None;
        }
        let id = nth(self.id(), self.asked);
        let (tool, text) = (text::words(tool, 200), text::words(words, WORDS));
        Some(Event::LeaveAsked {
            ask: Box::new(Ask { id, asked_as, tool, text, at, ruling: None }),
        })
    }

    /// A person's word on the request `id`, or on the only one that is open.
    pub(super) fn rule(&self, id: Option<&AskId>, ruling: Ruling) -> Result<Step, Rejected> {
        let waits = matches!(self.state, State::Waiting { .. });
        let open: Vec<&Ask> = self.open_asks().filter(|_| waits).collect();
        let ask = match (id, open.as_slice()) {
            (None, [ask]) => ask,
            (None, []) => return Err(self.nothing_asked()),
            (None, many) => return Err(self.ambiguous(many)),
            (Some(id), open) => {
                open.iter().find(|ask| ask.id == *id).ok_or_else(|| self.settled_before(id))?
            }
        };
        if ruling.allow && ruling.text.is_some() {
            return Err(Rejected {
                slug: "ask-takes-no-text",
                text: "words go with a refusal only: an agent that gets its leave goes on at once"
                    .to_owned(),
                hints: vec![
                    format!("skep approve {}", ask.id),
                    format!("skep send {} TEXT   afterwards", self.id()),
                ],
            });
        }
        let ruling = Ruling { text: ruling.text.map(|words| text::words(&words, WORDS)), ..ruling };
        Ok(Step::of([Event::LeaveRuled { id: ask.id.clone(), ruling }], []))
    }

    fn nothing_asked(&self) -> Rejected {
        let (id, state) = (self.id(), self.state_name());
        let text = if self.is_ruled() && matches!(self.state, State::Waiting { .. }) {
            format!("{id} has its answer already; it goes on when a slot is free")
        } else {
            format!("{id} is {state} and asks for no leave")
        };
        Rejected { slug: "nothing-asked", text, hints: vec![format!("skep show {id}")] }
    }

    fn settled_before(&self, ask: &AskId) -> Rejected {
        let ruled = self.asks.iter().find(|known| known.id == *ask);
        let said = match ruled.and_then(|ask| ask.ruling.as_ref()) {
            Some(Ruling { allow: true, .. }) => "was allowed already; the first answer counts",
            Some(Ruling { allow: false, .. }) => "was refused already; the first answer counts",
            None => "is open no more: it was answered, or the agent asks no longer",
        };
        Rejected {
            slug: "ask-settled",
            text: format!("{ask} of {} {said}", self.id()),
            hints: vec![format!("skep show {}", self.id())],
        }
    }

    fn ambiguous(&self, open: &[&Ask]) -> Rejected {
        let list: Vec<String> = open.iter().map(|ask| ask.in_words(60)).collect();
        Rejected {
            slug: "ask-ambiguous",
            text: format!("{} asks for more than one thing: {}", self.id(), list.join("; ")),
            hints: open
                .iter()
                .take(3)
                .map(|ask| format!("skep approve {}   or skep reject {}", ask.id, ask.id))
                .collect(),
        }
    }

    /// What follows where an agent asks no longer: for the request that it calls `asked_as`, or for all.
    pub(super) fn leave_withdrawn(&self, asked_as: Option<&str>) -> Vec<Event> {
        let is_gone = |ask: &&Ask| asked_as.is_none_or(|name| ask.asked_as == name);
        let gone: Vec<&Ask> = self.asks.iter().filter(is_gone).collect();
        let waits = matches!(self.state, State::Waiting { on: WaitingFor::Permission, .. });
        let goes = waits && !gone.is_empty() && gone.len() == self.asks.len();
        let gone = gone.into_iter().map(|ask| Event::LeaveWithdrawn { id: ask.id.clone() });
        // It is at work again without anybody's word.
        gone.chain(goes.then_some(Event::Goes {})).collect()
    }

    /// The answers that go to the agent when it has a slot.
    pub(super) fn rulings(&self) -> impl Iterator<Item = Effect> {
        self.asks.iter().filter_map(|ask| {
            let ruling = ask.ruling.clone()?;
            let (run, attempt) = (self.id().clone(), self.attempt);
            let (id, asked_as) = (ask.id.clone(), ask.asked_as.clone());
            Some(Effect::Leave { run, attempt, id, asked_as, ruling })
        })
    }
}

impl Ask {
    /// What is asked for, in at most so many characters of the tool's input.
    pub fn in_words(&self, most: usize) -> String {
        let what = text::words(&text::one_line(&self.text), most);
        format!("{} ({}: {what})", self.id, text::one_line(&self.tool))
    }
}
