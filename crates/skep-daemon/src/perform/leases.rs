//! Whether what a run got of its resources is free on this machine, before anything is begun with it.
//!
//! Never: asks about what was begun with already: what listens there then may be its own.

use std::path::Path;

use skep_api::place::Home;
use skep_core::{
    lease::Lease,
    run::{Input, Run},
};
use skep_host::ports::{self, Probe};

/// What of it something else uses, before its place is made.
pub(super) fn before_prepare(run: &Run) -> Option<Input> {
    let place = &run.brief.place;
    // A preparation that was broken off may have begun a server of its own. What another's env holds is not this run's.
    if !run.is_within() && Path::new(&place.envs).join(&place.key).exists() {
        return None;
    }
    in_use(run, run.attempt)
}

/// The same before an attempt in a place that stands.
pub(super) fn before_start(run: &Run, attempt: u32, home: &Home) -> Option<Input> {
    if skep_api::start::read(&home.attempt(run.id(), attempt)).is_some() {
        return None;
    }
    in_use(run, attempt)
}

fn in_use(run: &Run, attempt: u32) -> Option<Input> {
    if !run.leases.fresh {
        return None;
    }
    // What cannot be asked is not taken for used.
    let used = |lease: &&Lease| lease.port().is_some_and(|port| ports::probe(port) == Probe::Used);
    let leases: Vec<Lease> = run.leases.held.iter().filter(used).cloned().collect();
    (!leases.is_empty()).then_some(Input::InUse { attempt, leases })
}
