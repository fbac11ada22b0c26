//! Things of which there is only so much, ports, databases, named slots: what a run needs of them, and what it gets.
//!
//! Owns: what a value is, which of them are shared, who gets which, how those are told what they wait for who get none.
//! Never: looks whether something else uses a value, which it is told, or says who waits before whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{id::RunId, time::Timestamp};

#[cfg(test)]
mod tests;

/// How long a value is left out that something else was found to use; longer each time that it still is.
const LEFT_OUT: Duration = Duration::from_secs(15);
/// How long at the most.
const LEFT_OUT_LONGEST: Duration = Duration::from_secs(10 * 60);

/// What a run needs of one resource while it is at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The resource.
    pub name: String,
    /// The variable in which it finds its value.
    pub env: String,
    pub pool: Pool,
    /// How many at once.
    pub count: u32,
    /// The project whose runs alone share it; none: all runs of the machine that need one of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Whether its numbers are ports of the machine: whatever it is called, no two runs get the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ports: bool,
}

/// What there is of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Numbers, both ends among them.
    Range {
        first: u32,
        last: u32,
    },
    Values(Vec<String>),
    /// So many, counted from 0.
    Slots(u32),
}

/// A value that a run holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub name: String,
    pub env: String,
    pub value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ports: bool,
}

/// What only one run holds at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// Whose value it is; a port is nobody's but the machine's.
    of: Option<(Option<String>, String)>,
    value: String,
}

impl Pool {
    /// How many values there are.
    pub fn size(&self) -> usize {
        let size = match self {
            Pool::Range { first, last } => (last + 1).saturating_sub(*first),
            Pool::Values(values) => return values.len(),
            Pool::Slots(slots) => *slots,
        };
        usize::try_from(size).unwrap_or(usize::MAX)
    }

    /// The values, in their order.
    pub fn values(&self) -> Box<dyn Iterator<Item = String> + '_> {
        match self {
            Pool::Range { first, last } => Box::new((*first..=*last).map(|n| n.to_string())),
            Pool::Values(values) => Box::new(values.iter().cloned()),
            Pool::Slots(slots) => Box::new((0..*slots).map(|n| n.to_string())),
        }
    }

    /// Whether `value` is one of them.
    pub fn has(&self, value: &str) -> bool {
        let number = || value.parse::<u32>().ok().filter(|number| number.to_string() == value);
        match self {
            Pool::Range { first, last } => number().is_some_and(|n| (*first..=*last).contains(&n)),
            Pool::Values(values) => values.iter().any(|one| one == value),
            Pool::Slots(slots) => number().is_some_and(|n| n < *slots),
        }
    }
}

impl Need {
    /// What it is called, with what there is of it.
    pub fn words(&self) -> String {
        let Need { name, pool, .. } = self;
        match pool {
            Pool::Range { first, last } => format!("{name} {first}-{last}"),
            Pool::Values(values) if values.len() == 1 => format!("{name} (1 value)"),
            Pool::Values(values) => format!("{name} ({} values)", values.len()),
            Pool::Slots(1) => format!("{name} (1 slot)"),
            Pool::Slots(slots) => format!("{name} ({slots} slots)"),
        }
    }

    fn lease(&self, value: String) -> Lease {
        let Need { name, env, project, ports, .. } = self.clone();
        Lease { name, env, value, project, ports }
    }
}

impl Lease {
    /// What nobody else holds meanwhile.
    pub fn thing(&self) -> Thing {
        let of = (!self.ports).then(|| (self.project.clone(), self.name.clone()));
        Thing { of, value: self.value.clone() }
    }

    /// The port that it is.
    pub fn port(&self) -> Option<u16> {
        self.value.parse().ok().filter(|_| self.ports)
    }
}

/// The variables in which a run finds `count` values of one resource: all of them in `env`, and where they are several,
/// each in one of its own.
pub fn variables(env: &str, count: u32) -> Vec<String> {
    let each = (1..=count).filter(|_| count > 1).map(|nth| format!("{env}_{nth}"));
    std::iter::once(env.to_owned()).chain(each).collect()
}

/// The environment of a run that holds `leases`.
pub fn environment(leases: &[Lease]) -> BTreeMap<String, String> {
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for lease in leases {
        by_name.entry(&lease.env).or_default().push(&lease.value);
    }
    let mut vars = BTreeMap::new();
    for (env, values) in by_name {
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let told = std::iter::once(values.join(",")).chain(values.iter().map(|&it| it.to_owned()));
        vars.extend(variables(env, count).into_iter().zip(told));
    }
    vars
}

/// Values that something else was found to use.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Used(BTreeMap<Thing, InUse>);

#[derive(Debug, Clone, PartialEq)]
struct InUse {
    until: Timestamp,
    /// How often it was found so in a row.
    times: u32,
}

impl Used {
    /// Something else uses the value: it is left out for a while.
    pub fn found(&mut self, lease: &Lease, at: Timestamp) {
        let times = self.0.get(&lease.thing()).map_or(0, |used| used.times);
        let span = LEFT_OUT.saturating_mul(1 << times.min(8)).min(LEFT_OUT_LONGEST);
        let used = InUse { until: at.plus(span), times: times + 1 };
        self.0.insert(lease.thing(), used);
    }

    /// A run works with the value: nothing else uses it.
    pub fn is_free(&mut self, lease: &Lease) {
        self.0.remove(&lease.thing());
    }

    /// Until when a value is left out.
    fn until(&self, thing: &Thing, now: Timestamp) -> Option<Timestamp> {
        self.0.get(thing).map(|used| used.until).filter(|until| *until > now)
    }

    /// The moments at which one of the values that `need` can be met by is looked at again.
    pub fn again<'a>(&'a self, need: &'a Need) -> impl Iterator<Item = Timestamp> + 'a {
        let fits = |thing: &Thing| {
            need.pool.has(&thing.value) && need.lease(thing.value.clone()).thing() == *thing
        };
        self.0.iter().filter(move |(thing, _)| fits(thing)).map(|(_, used)| used.until)
    }
}

/// Who holds what, and who is to have it next.
#[derive(Debug)]
pub struct Table<'a> {
    held: BTreeMap<Thing, &'a RunId>,
    /// What the last run of an env that stands had: others get it last.
    had: BTreeMap<Thing, &'a RunId>,
    /// What is kept for those who asked first.
    kept: BTreeMap<Thing, &'a RunId>,
    used: &'a Used,
    now: Timestamp,
}

/// What is missing of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// What it is called, with what there is of it.
    pub what: String,
    pub size: usize,
    pub count: u32,
    /// Who holds it, each once.
    pub held: Vec<RunId>,
    /// How many values they hold.
    pub taken: usize,
    /// Who asked first for what is free.
    pub kept: Vec<RunId>,
    /// How many something else uses, and when they are looked at again.
    pub used: usize,
    pub again: Option<Timestamp>,
}

impl<'a> Table<'a> {
    /// A table of which nobody holds anything.
    pub fn new(used: &'a Used, now: Timestamp) -> Table<'a> {
        let (held, had, kept) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Table { held, had, kept, used, now }
    }

    /// Enters what a run holds.
    pub fn hold(&mut self, run: &'a RunId, leases: &[Lease]) {
        self.held.extend(leases.iter().map(|lease| (lease.thing(), run)));
    }

    /// Enters what a run had when it last worked in its env, which stands.
    pub fn had(&mut self, run: &'a RunId, leases: &[Lease]) {
        self.had.extend(leases.iter().map(|lease| (lease.thing(), run)));
    }

    /// Keeps for `run` what it can have of its needs, until it has all of them.
    pub fn keep(&mut self, run: &'a RunId, leases: &[Lease]) {
        self.kept.extend(leases.iter().map(|lease| (lease.thing(), run)));
    }

    /// What `run` gets for its needs: all of them; or what it can have of them, and what it lacks.
    ///
    /// Order: what it had before first, then what nobody had, then what belonged to an env that rests.
    pub fn take(
        &self,
        run: &RunId,
        needs: &[Need],
        had: &[Lease],
    ) -> Result<Vec<Lease>, (Vec<Lease>, Vec<Lack>)> {
        let (mut taken, mut lacks) = (Vec::new(), Vec::new());
        let mut things = BTreeSet::new();
        for need in needs {
            let before = taken.len();
            let count = usize::try_from(need.count).unwrap_or(usize::MAX);
            for value in self.in_order(run, need, had) {
                if taken.len() - before == count {
                    break;
                }
                let lease = need.lease(value);
                let thing = lease.thing();
                if self.is_free(&thing) && things.insert(thing) {
                    taken.push(lease);
                }
            }
            if taken.len() - before < count {
                lacks.push(self.lack(need));
            }
        }
        if lacks.is_empty() { Ok(taken) } else { Err((taken, lacks)) }
    }

    fn in_order<'n>(
        &'n self,
        run: &'n RunId,
        need: &'n Need,
        had: &'n [Lease],
    ) -> impl Iterator<Item = String> + 'n {
        let own = had.iter().filter(|lease| lease.name == need.name).map(|lease| &lease.value);
        let own = own.filter(|value| need.pool.has(value)).cloned();
        let of_another = move |value: &String| {
            let holder = self.had.get(&need.lease(value.clone()).thing());
            holder.is_some_and(|holder| *holder != run)
        };
        let fresh = need.pool.values().filter(move |value| !of_another(value));
        let rest = need.pool.values().filter(move |value| of_another(value));
        own.chain(fresh).chain(rest)
    }

    fn is_free(&self, thing: &Thing) -> bool {
        !self.held.contains_key(thing)
            && !self.kept.contains_key(thing)
            && self.used.until(thing, self.now).is_none()
    }

    fn lack(&self, need: &Need) -> Lack {
        let mut lack = Lack {
            what: need.words(),
            size: need.pool.size(),
            count: need.count,
            held: Vec::new(),
            taken: 0,
            kept: Vec::new(),
            used: 0,
            again: None,
        };
        for value in need.pool.values() {
            let thing = need.lease(value).thing();
            if let Some(&run) = self.held.get(&thing) {
                lack.taken += 1;
                note(&mut lack.held, run);
            } else if let Some(until) = self.used.until(&thing, self.now) {
                lack.used += 1;
                lack.again = Some(lack.again.map_or(until, |again| again.min(until)));
            } else if let Some(&run) = self.kept.get(&thing) {
                note(&mut lack.kept, run);
            }
        }
        lack
    }
}

fn note(runs: &mut Vec<RunId>, run: &RunId) {
    if !runs.contains(run) {
        runs.push(run.clone());
    }
}

/// How many are named before the rest is counted.
const NAMED: usize = 3;

impl Lack {
    /// What is missing and who has it, in one sentence; `name` says what a run is called.
    pub fn words(&self, name: impl Fn(&RunId) -> String) -> String {
        let named = |runs: &[RunId]| {
            let names: Vec<String> = runs.iter().take(NAMED).map(&name).collect();
            match runs.len().saturating_sub(NAMED) {
                0 => names.join(", "),
                more => format!("{} and {more} more", names.join(", ")),
            }
        };
        let is = |count: usize| if count == 1 { "is" } else { "are" };
        let mut parts = Vec::new();
        if self.taken > 0 {
            let all = if self.taken == self.size && self.size > 1 { "all " } else { "" };
            let (taken, by) = (self.taken, named(&self.held));
            parts.push(format!("{all}{taken} {} held by {by}", is(taken)));
        }
        if let Some(again) = self.again {
            let used = self.used;
            let by = "in use by what skep did not start";
            parts.push(format!("{used} {} {by}, looked at again at {again}", is(used)));
        }
        if !self.kept.is_empty() {
            parts.push(format!("{} asked first", named(&self.kept)));
        }
        let several =
            if self.count > 1 { format!(", {} at once", self.count) } else { String::new() };
        format!("{}{several}: {}", self.what, parts.join("; "))
    }
}
