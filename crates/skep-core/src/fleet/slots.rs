//! Who may be at work at once.
//!
//! Owns: what the limits allow, counted from the runs that hold a slot, and who is at work in which checkout.
//! Never: admits; the fleet does, by the order of asking.

use std::collections::BTreeMap;

use super::{Fleet, Limits};
use crate::{
    id::RunId,
    run::{EnvType, Run, State},
    time::Timestamp,
};

/// What is taken, counted once for many questions.
pub(super) struct Slots<'a> {
    limits: Limits,
    runs: u32,
    preparing: u32,
    projects: BTreeMap<&'a str, u32>,
    checkouts: BTreeMap<&'a str, &'a RunId>,
}

impl<'a> Slots<'a> {
    /// Counts what the runs of `fleet` hold.
    pub(super) fn taken(fleet: &'a Fleet) -> Slots<'a> {
        let mut slots = Slots {
            limits: fleet.limits,
            runs: 0,
            preparing: 0,
            projects: BTreeMap::new(),
            checkouts: BTreeMap::new(),
        };
        for run in fleet.runs.values() {
            slots.count(run);
        }
        slots
    }

    fn count(&mut self, run: &'a Run) {
        if let Some(checkout) = checkout(run).filter(|_| run.is_living()) {
            self.checkouts.insert(checkout, run.id());
        }
        if !run.holds_slot() {
            return;
        }
        self.runs += 1;
        self.preparing += u32::from(matches!(run.state, State::Preparing { .. }));
        if let Some(project) = &run.brief.project {
            *self.projects.entry(project).or_default() += 1;
        }
    }

    /// Why `run`, which is in line, may not go at `now`, in one sentence; none when it may.
    pub(super) fn held_back(&self, run: &Run, now: Timestamp) -> Option<String> {
        if let State::Queued { not_before: Some(at) } = run.state
            && at > now
        {
            return Some(format!("it is tried again at {at}"));
        }
        if run.undoing {
            return Some("its env is being taken back, to be made anew".to_owned());
        }
        let limits = self.limits;
        if self.runs >= limits.runs {
            return Some(format!("limits.runs: {} runs hold a slot", self.runs));
        }
        let of_project =
            run.brief.project.as_deref().and_then(|project| self.projects.get(project)).copied();
        if let Some(same) = of_project.filter(|same| *same >= limits.per_project) {
            return Some(format!("limits.per_project: {same} runs of this project hold a slot"));
        }
        if run.env().is_none() && self.preparing >= limits.prepare {
            return Some(format!("limits.prepare: {} checkouts are under way", self.preparing));
        }
        let other = checkout(run)
            .and_then(|checkout| self.checkouts.get(checkout))
            .filter(|id| **id != run.id());
        other.map(|other| format!("{other} works in this checkout"))
    }
}

/// The checkout that a run works in as it stands, and so by itself.
fn checkout(run: &Run) -> Option<&str> {
    match run.brief.place.env_type {
        EnvType::InPlace => run.brief.place.repository.as_deref(),
        EnvType::Worktree | EnvType::Directory => None,
    }
}
