//! What a run holds of the resources that it needs.
//!
//! Owns: from when to when it holds them, and what happens when something else turns out to use one.
//! Never: chooses a value, or knows who else wants one; that is the fleet's.

use super::{Effect, Event, Misfit, Requeue, Run, State, Step};
use crate::{lease::Lease, text};

/// What a run holds and held.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Leases {
    pub held: Vec<Lease>,
    /// What it held last.
    pub had: Vec<Lease>,
    /// Whether nobody has looked yet if something else uses what it got.
    pub fresh: bool,
    /// Whether a person insisted on the attempt that it got them for.
    insisted: bool,
}

impl Run {
    /// Whether it gets what it needs when it goes next.
    pub fn wants_leases(&self) -> bool {
        matches!(self.state, State::Queued { .. })
            && !self.brief.needs.is_empty()
            && self.leases.held.is_empty()
            && !self.is_being_adopted()
    }

    /// Something else uses values that it got: it goes back in line, and gets others.
    pub(super) fn in_use(&self, leases: Vec<Lease>) -> Step {
        let held = |lease: &Lease| self.leases.held.contains(lease);
        let leases: Vec<Lease> = leases.into_iter().filter(held).collect();
        if leases.is_empty() {
            // It has given back what was looked at.
            return Step::default();
        }
        let values: Vec<String> =
            leases.iter().map(|it| format!("{} {}", it.name, text::one_line(&it.value))).collect();
        let words = format!("in use by what skep did not start: {}", values.join(", "));
        let (run, attempt) = (self.id().clone(), self.attempt);
        match self.state {
            State::Preparing { unwanted: None } | State::Starting { gatekeeper: None } => {
                let requeued = Event::Requeued {
                    attempt: self.attempt,
                    not_before: None,
                    why: Requeue::Resource,
                    text: words,
                    goes_on: self.goes_on,
                    message: self.message.clone(),
                    speech: None,
                };
                Step::of([Event::LeasesInUse { leases }, requeued], [])
            }
            State::Preparing { unwanted: Some(because) } if self.is_within() => {
                Step::of([self.stopped(because)], [])
            }
            State::Preparing { unwanted: Some(because) } => {
                Step::of([self.stopped(because)], [Effect::Undo { run, attempt }])
            }
            // A stop came meanwhile, and nothing was started; or it says what nobody can do anything about any more.
            State::Queued { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. }
            | State::Limited { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => self.start_failed(&words),
        }
    }

    /// It got what it needs.
    pub(super) fn leased_at(&mut self, leases: &[Lease]) -> Result<(), Misfit> {
        if !self.wants_leases() {
            return Err(self.no_leases("leased"));
        }
        self.leases.held = leases.to_vec();
        self.leases.fresh = true;
        self.leases.insisted = self.insisted;
        Ok(())
    }

    /// Something else uses some of it.
    pub(super) fn in_use_at(&mut self) -> Result<(), Misfit> {
        if matches!(self.state, State::Preparing { .. } | State::Starting { .. }) {
            Ok(())
        } else {
            Err(self.no_leases("leases in use"))
        }
    }

    /// It goes back in line without them, as it stood there before.
    pub(super) fn turned_away(&mut self) {
        self.leases.held.clear();
        self.insisted = self.leases.insisted;
    }

    /// Whatever happened, it keeps only what something of it may use, or what it needs again as soon as there is a slot:
    /// one that rests for hours, or for others, would keep those from what they need to come to it.
    pub(super) fn keep_or_let_go(&mut self, event: &Event) {
        if self.leases.held.is_empty() {
            return;
        }
        if let Event::Prepared { .. } | Event::Began { .. } | Event::Started { .. } = event {
            self.leases.fresh = false;
        }
        let in_line = matches!(self.state, State::Queued { .. })
            && !self.rests_for_answer()
            && !self.waits_for_wave();
        if !self.is_living() && !in_line {
            self.leases.had = std::mem::take(&mut self.leases.held);
        }
    }

    fn no_leases(&self, what: &str) -> Misfit {
        Misfit { event: what.to_owned(), state: self.state_name() }
    }
}
