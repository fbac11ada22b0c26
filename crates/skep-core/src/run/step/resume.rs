//! Going on: another attempt, a conversation that is refused, a follow-up that cannot start, another surface.
//!
//! Owns: the decisions on the next attempt that a person or a refusal asks for. Never: touches what a death leads to.

use std::time::Duration;

use super::super::{
    Because, Event, Outcome, Reason, Rejected, Requeue, Run, Speech, State, Step, Surface, WORDS,
};
use crate::{
    facts::{Exit, GitFacts},
    run::limits::is_limited,
    said::ErrorClass,
    text,
    time::Timestamp,
};

/// How long an agent without a screen may take to leave by itself when its turn is over.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);

impl Run {
    pub(in crate::run) fn again(
        &self,
        goes_on: bool,
        message: Option<String>,
        speech: Option<Speech>,
    ) -> Result<Step, Rejected> {
        let id = self.id();
        match speech {
            // An attempt that waits for its limit has no process.
            _ if self.is_ended() || is_limited(&self.state) => self.require_rest()?,
            Some(speech) => return self.turn_to(speech, message),
            None => return Err(self.still_living("start it again")),
        }
        if self.closed {
            return Err(self.let_go_of().unwrap_or_else(|| Rejected {
                slug: "run-closed",
                text: format!("{id} is closed; its env is gone"),
                hints: vec![format!("skep undo (brings the env of the last close back)")],
            }));
        }
        Ok(Step::of([self.wished(goes_on, message, speech)], []))
    }

    fn wished(&self, goes_on: bool, message: Option<String>, speech: Option<Speech>) -> Event {
        Event::Requeued {
            attempt: self.attempt + 1,
            not_before: None,
            why: Requeue::Wish,
            text: String::new(),
            goes_on,
            message,
            speech,
        }
    }

    /// A run that lives speaks otherwise from the end of its turn on; one that waits has no turn to wait for, and nobody tells
    /// for sure when one on a screen is over.
    fn turn_to(&self, speech: Speech, message: Option<String>) -> Result<Step, Rejected> {
        let turns = Event::TurnsTo { speech, message };
        match self.state {
            State::Starting { .. } | State::Running { .. } | State::Stalled { .. }
                if self.speech.surface == Surface::Headless =>
            {
                Ok(Step::of([turns], []))
            }
            State::Starting { .. }
            | State::Running { .. }
            | State::Stalled { .. }
            | State::Waiting { .. } => {
                let mut step = self.stop(false, Because::Surface);
                step.events.insert(0, turns);
                Ok(step)
            }
            State::Queued { .. }
            | State::Limited { .. }
            | State::Preparing { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => Err(self.still_living("change its surface")),
        }
    }

    /// How the next attempt is to speak, where the one under way ends for it.
    pub fn turns_to(&self) -> Option<Speech> {
        self.conversation.turns_to.as_ref().map(|(speech, _)| *speech)
    }

    /// What the next attempt is told, where this one did not come to its end.
    pub(in crate::run) fn next_message(&self) -> Option<String> {
        let told = self.conversation.turns_to.as_ref().map(|(_, message)| message.clone());
        told.unwrap_or_else(|| self.message.clone())
    }

    /// When an attempt whose turn is over makes room for one that speaks otherwise.
    pub(in crate::run) fn turns_at(&self) -> Option<Timestamp> {
        self.turns_to().map(|_| self.since.plus(LEAVES_WITHIN))
    }

    /// What an agent's refusal is in this attempt: only one that was to go on has a conversation to refuse.
    pub(super) fn refuses(&self, words: &str) -> Event {
        let text = text::words(words, WORDS);
        if self.goes_on && self.session.is_some() {
            Event::ResumeRefused { text }
        } else {
            Event::Erred { class: ErrorClass::Agent, text }
        }
    }

    /// The first tool of an attempt that goes on: from here on it is never begun afresh by itself.
    pub(super) fn works(&self) -> Option<Event> {
        (self.goes_on && !self.conversation.worked).then_some(Event::Worked {})
    }

    /// Once more with a fresh conversation, where the old one was refused and it is proved that nothing was done: no tool
    /// was seen, and git sees what it saw before. An agent may keep a refused tool to itself, so one proof is not enough.
    pub(super) fn afresh(&self, exit: &Exit) -> Option<Step> {
        let refused = self.conversation.refused.as_ref()?;
        let kept = self.conversation.refusals == 0 && !self.conversation.worked;
        if !kept || exit.forced || !self.is_untouched(exit.git.as_ref()) {
            return None;
        }
        let requeued = Event::Requeued {
            attempt: self.attempt + 1,
            not_before: None,
            why: Requeue::Refused,
            text: refused.clone(),
            goes_on: true,
            message: self.next_message(),
            speech: self.turns_to(),
        };
        let seen = exit.git.clone().filter(|facts| self.git.as_ref() != Some(facts));
        let seen = seen.map(|facts| Event::GitSeen { facts });
        Some(Step { events: seen.into_iter().chain([requeued]).collect(), effects: Vec::new() })
    }

    /// Whether git sees what it saw before the attempt; what it cannot tell is no proof.
    fn is_untouched(&self, after: Option<&GitFacts>) -> bool {
        if self.brief.place.repository.is_none() {
            return true;
        }
        let (Some(before), Some(after)) = (&self.git, after) else { return false };
        let seen = |facts: &GitFacts| {
            let GitFacts { head, branch, dirty, files, insertions, deletions, .. } = facts.clone();
            (head, branch, dirty, files, insertions, deletions)
        };
        seen(before) == seen(after)
    }

    /// Adds what follows from an end: a follow-up that could not start leaves a completed run as it was; an attempt that
    /// ended for another surface is followed by one on that.
    pub(super) fn resumed(&self, step: &mut Step) {
        let ended = step.events.iter().find_map(|event| {
            let Event::Ended { outcome, reason, text, .. } = event else { return None };
            Some((*outcome, *reason, text.clone()))
        });
        let Some((outcome, reason, text)) = ended else { return };
        let unbegun = matches!(reason, Some(Reason::Start | Reason::Prepare | Reason::SetUp))
            || (self.conversation.refused.is_some() && !self.conversation.worked);
        if outcome == Outcome::Failed && unbegun && self.conversation.was.is_some() {
            step.events.push(Event::AsBefore { text });
        } else if let Some((speech, message)) = &self.conversation.turns_to
            && outcome != Outcome::Stopped
            && !matches!(self.state, State::Stopping { because: Because::Paused, .. })
        {
            step.events.push(self.wished(true, message.clone(), Some(*speech)));
        }
    }
}
