//! Who may be at work at once.
//!
//! Owns: what the limits allow, counted from the runs that hold a slot, and who is at work in which checkout.
//! Never: admits; the fleet does, by the order of asking.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fleet, Limits, Shut, leases::Line, quotas};
use crate::{
    id::{RunId, TaskId},
    run::{EnvType, Kind, Run, State},
    time::Timestamp,
};

/// What is taken, counted once for many questions.
pub(super) struct Slots<'a> {
    fleet: &'a Fleet,
    limits: Limits,
    runs: u32,
    reviews: u32,
    foremen: u32,
    gates: u32,
    preparing: u32,
    projects: BTreeMap<&'a str, u32>,
    checkouts: BTreeMap<&'a str, &'a RunId>,
    /// Runs of which something may live.
    living: BTreeSet<&'a RunId>,
    /// Who of them works on which task.
    tasks: BTreeMap<&'a TaskId, &'a RunId>,
    short: Option<u64>,
    quotas: &'a super::Quotas,
    /// Who gets which resources, as of the last moment that was asked about.
    pub(super) line: Line,
}

impl Fleet {
    /// Why each run that is in line does not get a slot, in one sentence; those that may go are left out.
    pub fn all_held_back(&self, now: Timestamp) -> BTreeMap<RunId, String> {
        let line: Vec<_> = self.runs.values().filter(|run| super::is_in_line(run)).collect();
        if line.is_empty() {
            return BTreeMap::new();
        }
        let slots = Slots::taken(self);
        let held = |run: &Run| Some((run.id().clone(), slots.held_back(run, now)?));
        line.into_iter().filter_map(|run| held(run)).collect()
    }
}

impl<'a> Slots<'a> {
    /// The fleet whose slots they are.
    pub(super) fn fleet(&self) -> &'a Fleet {
        self.fleet
    }

    /// Counts what the runs of `fleet` hold.
    pub(super) fn taken(fleet: &'a Fleet) -> Slots<'a> {
        let mut slots = Slots {
            fleet,
            limits: fleet.limits,
            runs: 0,
            reviews: 0,
            foremen: 0,
            gates: 0,
            preparing: 0,
            projects: BTreeMap::new(),
            checkouts: BTreeMap::new(),
            living: BTreeSet::new(),
            tasks: BTreeMap::new(),
            short: fleet.short,
            quotas: &fleet.quotas,
            line: Line::default(),
        };
        for run in fleet.runs.values() {
            slots.count(run);
        }
        slots
    }

    fn count(&mut self, run: &'a Run) {
        if run.is_living() {
            let worktree = self.fleet.worktree_of(run).map(|worktree| (worktree, run.id()));
            self.checkouts.extend(worktree);
            self.living.insert(run.id());
            let task = run.brief.task.as_ref().filter(|_| !run.brief.is_of_plan());
            self.tasks.extend(task.map(|task| (task, run.id())));
        }
        // To take over what stands costs nothing that is limited.
        if !run.holds_slot() || run.is_being_adopted() {
            return;
        }
        // Who looks at work, checks it or answers for it has a lane of its own: those who wait for it never stand in its way.
        match run.brief.kind {
            Kind::Review => self.reviews += 1,
            Kind::Foreman => self.foremen += 1,
            Kind::Gate => self.gates += 1,
            Kind::Code | Kind::Plan | Kind::Manual => {
                self.runs += 1;
                if let Some(project) = &run.brief.project {
                    *self.projects.entry(project).or_default() += 1;
                }
            }
        }
        self.preparing += u32::from(matches!(run.state, State::Preparing { .. }));
    }

    /// Why `run`, which is in line, may not go at `now`, in one sentence; none when it may.
    pub(super) fn held_back(&self, run: &Run, now: Timestamp) -> Option<String> {
        if let State::Queued { not_before: Some(at) } = run.state
            && at > now
        {
            return Some(format!("it is tried again at {at}"));
        }
        if let Some(shut) = self.cooling(run).filter(|shut| shut.until > now) {
            return Some(quotas::held_back_by(shut));
        }
        self.no_room(run, now)
    }

    /// Why it may not go but for a usage limit.
    pub(super) fn no_room(&self, run: &Run, now: Timestamp) -> Option<String> {
        self.no_slot(run, now).or_else(|| self.lacks(run, now))
    }

    /// Why it may not go but for a usage limit and what it needs of resources.
    pub(super) fn no_slot(&self, run: &Run, now: Timestamp) -> Option<String> {
        if let State::Queued { not_before: Some(at) } = run.state
            && at > now
        {
            return Some(format!("it is tried again at {at}"));
        }
        if run.undoing {
            return Some("its env is being taken back, to be made anew".to_owned());
        }
        if let Some(old) = run.brief.supersedes.as_ref().filter(|old| self.living.contains(old)) {
            return Some(format!("it takes the place of {old}, which has not ended yet"));
        }
        // Whoever takes a task up after one that gave way waits for its end too.
        let task = run.brief.task.as_ref().filter(|_| !run.brief.is_of_plan());
        let other = task.and_then(|task| self.tasks.get(task));
        if let Some(other) = other.filter(|other| **other != run.id()) {
            return Some(format!("{other}, which had its task before, has not ended yet"));
        }
        if run.is_being_adopted() {
            return self.at_work_there(run);
        }
        if let Some(words) = self.fleet.held_by_need(run) {
            return Some(words);
        }
        if let Some(words) = self.fleet.held_by_budget(run, now) {
            return Some(words);
        }
        let limits = self.limits;
        if let (Some(free), None) = (self.short, run.env()) {
            return Some(format!(
                "limits.disk_free: {free} bytes are free, {} must be",
                limits.disk_free
            ));
        }
        self.full(run).or_else(|| self.at_work_there(run))
    }

    /// Why there is no slot for `run`, whatever else it waits for.
    pub(super) fn full(&self, run: &Run) -> Option<String> {
        if let Some(words) = self.full_lane(run) {
            return Some(words);
        }
        let full = run.env().is_none() && self.preparing >= self.limits.prepare;
        full.then(|| format!("limits.prepare: {} checkouts are under way", self.preparing))
    }

    /// Why the lane that `run` goes by has no room for it.
    fn full_lane(&self, run: &Run) -> Option<String> {
        let limits = self.limits;
        let (taken, most, words) = match run.brief.kind {
            Kind::Review => (self.reviews, limits.reviews, "limits.reviews: {} reviewers"),
            Kind::Foreman => (self.foremen, limits.foremen, "limits.foremen: {} foremen"),
            Kind::Gate => (self.gates, limits.gates, "limits.gates: {} gates"),
            Kind::Code | Kind::Plan | Kind::Manual => {
                (self.runs, limits.runs, "limits.runs: {} runs")
            }
        };
        if taken >= most {
            return Some(format!("{} hold a slot", words.replace("{}", &taken.to_string())));
        }
        let of_project =
            run.brief.project.as_deref().and_then(|project| self.projects.get(project)).copied();
        let counted = !matches!(run.brief.kind, Kind::Review | Kind::Foreman | Kind::Gate);
        let same = of_project.filter(|same| counted && *same >= limits.per_project)?;
        Some(format!("limits.per_project: {same} runs of this project hold a slot"))
    }

    /// The usage limit that holds `run` back while it lasts; none where a person insists.
    pub(super) fn cooling(&self, run: &Run) -> Option<&'a Shut> {
        let queued = matches!(run.state, State::Queued { .. });
        if queued && !run.insisted { self.quotas.last(&run.quota()) } else { None }
    }

    fn at_work_there(&self, run: &Run) -> Option<String> {
        let other = self
            .fleet
            .worktree_of(run)
            .and_then(|worktree| self.checkouts.get(worktree))
            .filter(|id| **id != run.id());
        other.map(|other| match run.brief.place.env_type {
            EnvType::InPlace => format!("{other} works in this checkout"),
            EnvType::Worktree | EnvType::Directory => format!("{other} works in its worktree"),
        })
    }
}
