//! Who in line gets what of the resources that runs need.
//!
//! Owns: that a run has all it needs or none of it; that whoever is next keeps what it waits for, whatever others need.
//! Never: takes a value from whom holds it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Fleet, Rejected, is_in_line, slots::Slots};
use crate::{
    id::RunId,
    lease::{Lack, Lease, Table, Used},
    run::{Event, Input, Kind, Run, Step},
    time::Timestamp,
};

/// A moment at which nothing waits for the clock any more.
const FAR: Timestamp = Timestamp(u64::MAX);

/// What those in line would get at one moment; it is found out for the last one that was asked about.
#[derive(Debug, Default)]
pub(super) struct Line(RefCell<Option<(Timestamp, Found)>>);

/// What a run would get, or what it lacks.
type Found = BTreeMap<RunId, Result<Vec<Lease>, Vec<Lack>>>;

/// A resource of which those who wait cannot have what they need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exhausted {
    /// What is missing and who has it, in one sentence.
    pub words: String,
    /// Who waits for it, in line.
    pub waiting: Vec<RunId>,
}

impl Slots<'_> {
    /// What `run` lacks of the resources that it needs, in one sentence; none where it has or gets all.
    pub(super) fn lacks(&self, run: &Run, now: Timestamp) -> Option<String> {
        let found = self.would_get(run, now)?.err()?;
        found.first().map(|lack| self.fleet().lack_in_words(lack))
    }

    /// What a run in line that needs something would get at `now`.
    fn would_get(&self, run: &Run, now: Timestamp) -> Option<Result<Vec<Lease>, Vec<Lack>>> {
        if !run.wants_leases() {
            return None;
        }
        let mut line = self.line.0.borrow_mut();
        let found = match &mut *line {
            Some((at, found)) if *at == now => found,
            other => &mut other.insert((now, self.find(now))).1,
        };
        found.get(run.id()).cloned()
    }

    /// Goes through the line in the order of asking. Who could go but for what it lacks keeps what there is of that, and
    /// so does the first of those that wait for a slot of their lane: else two who need less would let it wait for ever.
    ///
    /// Who keeps something does not depend on `now`: who would get all it needs at one moment still would at a later one.
    fn find(&self, now: Timestamp) -> Found {
        let fleet = self.fleet();
        let mut table = Table::new(&fleet.used, now);
        for run in fleet.runs.values() {
            table.hold(run.id(), &run.leases.held);
            if run.holds_env() {
                table.had(run.id(), &run.leases.had);
            }
        }
        let mut line: Vec<&Arc<Run>> = fleet.runs.values().filter(|run| is_in_line(run)).collect();
        line.sort_by_key(|run| run.order);
        let mut lanes = BTreeSet::new();
        let mut found = Found::new();
        for run in line {
            let shut = self.cooling(run).is_some();
            let waits = self.no_slot(run, FAR);
            let is_next = match &waits {
                _ if shut => false,
                None => true,
                Some(_) if waits == self.full(run) => {
                    lanes.insert((lane(run.brief.kind), run.brief.project.as_ref()))
                }
                Some(_) => false,
            };
            if !run.wants_leases() {
                continue;
            }
            let taken = table.take(run.id(), &run.brief.needs, &run.leases.had);
            let kept = match &taken {
                Ok(leases) | Err((leases, _)) => leases.clone(),
            };
            if is_next {
                table.keep(run.id(), &kept);
            }
            found.insert(run.id().clone(), taken.map_err(|(_, lacks)| lacks));
        }
        found
    }
}

/// Who waits for the same slots.
fn lane(kind: Kind) -> &'static str {
    match kind {
        Kind::Code | Kind::Plan | Kind::Manual => "runs",
        Kind::Review | Kind::Foreman | Kind::Gate => kind.as_str(),
    }
}

impl Fleet {
    /// What a run gets that is let in; none where it needs nothing more.
    pub(super) fn leases_for(
        &self,
        run: &Run,
        input: &Input,
        now: Timestamp,
    ) -> Result<Option<Vec<Lease>>, Rejected> {
        if !matches!(input, Input::Admit) || !run.wants_leases() {
            return Ok(None);
        }
        match Slots::taken(self).would_get(run, now) {
            Some(Ok(leases)) => Ok(Some(leases)),
            Some(Err(lacks)) => {
                let text = lacks.first().map(|lack| self.lack_in_words(lack)).unwrap_or_default();
                Err(Rejected { slug: "misplaced", text, hints: Vec::new() })
            }
            None => Ok(None),
        }
    }

    /// What a run in line lacks of what it needs, each in one sentence.
    pub fn lacking(&self, run: &Run, now: Timestamp) -> Vec<String> {
        let found = if is_in_line(run) { Slots::taken(self).would_get(run, now) } else { None };
        let lacks = found.and_then(Result::err).unwrap_or_default();
        lacks.iter().map(|lack| self.lack_in_words(lack)).collect()
    }

    /// All of which somebody in line lacks something.
    pub fn exhausted(&self, now: Timestamp) -> Vec<Exhausted> {
        let slots = Slots::taken(self);
        let mut by_words: BTreeMap<String, Vec<RunId>> = BTreeMap::new();
        for run in self.runs.values().filter(|run| run.wants_leases()) {
            for lack in slots.would_get(run, now).and_then(Result::err).into_iter().flatten() {
                // Who asked first is told with each that waits; here all of them are.
                let lack = Lack { kept: Vec::new(), ..lack };
                if lack.taken + lack.used > 0 {
                    by_words.entry(self.lack_in_words(&lack)).or_default().push(run.id().clone());
                }
            }
        }
        by_words.into_iter().map(|(words, waiting)| Exhausted { words, waiting }).collect()
    }

    /// The moments at which a value is looked at again that lets somebody in line go.
    pub(super) fn looked_at_again<'a>(
        &'a self,
        slots: &'a Slots<'_>,
    ) -> impl Iterator<Item = Timestamp> + use<'a> {
        let waiting = self.runs.values().filter(|run| is_in_line(run) && run.wants_leases());
        waiting.flat_map(move |run| {
            let again = run.brief.needs.iter().flat_map(|need| self.used.again(need));
            again.filter(move |at| slots.held_back(run, *at).is_none())
        })
    }

    fn lack_in_words(&self, lack: &Lack) -> String {
        lack.words(|id| self.runs.get(id).map_or(id.to_string(), |run| run.brief.name.clone()))
    }
}

/// Has a run get what it needs before it goes.
pub(super) fn first(leases: Option<Vec<Lease>>, step: &mut Step) {
    let goes = step.events.iter().position(|event| matches!(event, Event::Admitted {}));
    if let (Some(leases), Some(at)) = (leases, goes) {
        step.events.insert(at, Event::Leased { leases });
    }
}

/// Learns what an event says of values that something else uses.
pub(super) fn learn(used: &mut Used, run: &Run, event: &Event, at: Timestamp) {
    if let Event::LeasesInUse { leases } = event {
        for lease in leases {
            used.found(lease, at);
        }
    } else if let Event::Prepared { .. } | Event::Began { .. } = event {
        for lease in &run.leases.held {
            used.is_free(lease);
        }
    }
}
