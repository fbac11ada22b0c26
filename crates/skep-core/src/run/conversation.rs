//! The agent's conversation over the attempts of a run: how skep speaks in one, and what became of going on with it.
//!
//! Owns: what is remembered of a refusal, of a tool that ran, of the end before a follow-up. Never: decides.

use serde::{Deserialize, Serialize};

use super::{Hears, Outcome, Run, State, Surface, Verdict};
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

/// How skep and the agent speak in an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speech {
    pub surface: Surface,
    /// Whether there is a word for a turn's result.
    pub speaks: bool,
    /// What the agent can be told while it is at work.
    #[serde(default)]
    pub hears: Hears,
}

/// What became of going on with the agent's conversation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversation {
    /// The agent's words, where it would not go on in this attempt.
    pub refused: Option<String>,
    /// Whether a tool was seen in this attempt.
    pub worked: bool,
    /// Refusals that were followed by a fresh conversation, since the last finished turn or wish.
    pub refusals: u32,
    /// How the next attempt speaks and what it is told, where the one under way ends for it.
    pub turns_to: Option<(Speech, Option<String>)>,
    /// The completed end before this follow-up.
    pub was: Option<Former>,
    /// The follow-up that could not start, and why.
    pub unbegun: Option<(u32, String)>,
}

/// An end that a follow-up came after.
#[derive(Debug, Clone, PartialEq)]
pub struct Former {
    pub state: State,
    pub since: Timestamp,
    pub verdict: Verdict,
}

impl Conversation {
    /// Another attempt begins.
    pub(super) fn begin(&mut self) {
        self.refused = None;
        self.worked = false;
    }
}

impl Run {
    /// A person asked for more: what stands completed is kept for the case that it cannot start.
    pub(super) fn follows_up(&mut self) {
        let completed = matches!(self.state, State::Ended { outcome: Outcome::Completed, .. });
        self.conversation.was = completed.then(|| Former {
            state: self.state.clone(),
            since: self.since,
            verdict: self.verdict.clone(),
        });
        self.conversation.unbegun = None;
        self.conversation.refusals = 0;
    }

    /// Makes the run what it was before its follow-up; false where it was not completed.
    pub(super) fn falls_back(&mut self, text: &str, at: Timestamp) -> bool {
        let Some(was) = self.conversation.was.take() else { return false };
        self.conversation.unbegun = Some((self.attempt, text.to_owned()));
        self.last = Some((text.to_owned(), at));
        (self.state, self.since, self.verdict) = (was.state, was.since, was.verdict);
        true
    }
}
