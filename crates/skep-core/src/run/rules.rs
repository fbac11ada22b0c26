//! Rules that change while a run is at work, and the mark on text from outside that a person lifts.
//!
//! Owns: who hears of changed rules, and when; that a lift is a person's word and changes the rules too.
//! Never: holds the rules themselves: they stand in files, and what held is in the journal.

use super::{Effect, Event, Misfit, Rejected, Run, State, Step, Trust, WORDS};
use crate::{text, time::Timestamp};

/// How far the wishes for the rules of today have come, in this attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// How many there were.
    pub asked: u32,
    /// The last that its keeper was told of.
    pub told: u32,
    /// Why that one did not take them.
    pub why: Option<String>,
}

impl Run {
    /// Whether a keeper is there, or begins, that judges by rules. Any other attempt begins with those of its day.
    pub fn has_judge(&self) -> bool {
        match self.state {
            State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. } => true,
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Limited { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => false,
        }
    }

    /// The rules of today are to hold from now on.
    pub(super) fn rules(&self) -> Result<Step, Rejected> {
        if !self.has_judge() {
            return Ok(Step::default());
        }
        let (run, attempt, nth) = (self.id().clone(), self.attempt, self.rules.asked + 1);
        Ok(Step::of([Event::RulesAsked {}], [Effect::Rules { run, attempt, nth }]))
    }

    /// A person read the text and vouches for it. Twice is once.
    pub(super) fn lift(&self) -> Result<Step, Rejected> {
        if self.brief.trust.is_person() {
            return Ok(Step::default());
        }
        let mut step = self.rules()?;
        step.events.insert(0, Event::Lifted {});
        Ok(step)
    }

    /// What its keeper made of the rules. A word that comes when nobody is judged any longer says nothing.
    pub(super) fn rules_set(&self, nth: u32, why: Option<&str>) -> Step {
        if nth <= self.rules.told || nth > self.rules.asked || !self.has_judge() {
            return Step::default();
        }
        let why = why.map(|why| text::words(why, WORDS));
        Step::of([Event::RulesSet { nth, why }], [])
    }

    pub(super) fn lifted_at(&mut self, at: Timestamp) {
        (self.brief.trust, self.lifted) = (Trust::Person, Some(at));
    }

    pub(super) fn rules_asked_at(&mut self) -> Result<(), Misfit> {
        if !self.has_judge() {
            return Err(Misfit { event: "rules_asked".to_owned(), state: self.state_name() });
        }
        self.rules.asked += 1;
        Ok(())
    }

    pub(super) fn rules_set_at(&mut self, nth: u32, why: Option<&str>) -> Result<(), Misfit> {
        if nth > self.rules.asked {
            let event = format!("rules_set {nth}");
            return Err(Misfit { event, state: self.state_name() });
        }
        self.rules.told = nth;
        self.rules.why = why.map(str::to_owned);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
