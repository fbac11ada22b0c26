//! What has had its time: envs, snapshots, trash and records, by the ages that were configured.
//!
//! Owns: which of it is due, and in which order. A kind of run without a rule does not compile.
//! Never: deletes. Each deletion still takes its proof, and what cannot be proved stays.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    id::{RunId, SnapshotId},
    run::{EnvState, EnvType, Kind, Outcome, Run, State},
    time::Timestamp,
};

#[cfg(test)]
mod tests;

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    pub snapshots_ms: u64,
    /// What git ignores, of envs that were given back.
    pub trash_ms: u64,
    /// Journals and reports of runs that are over.
    pub logs_ms: u64,
    /// Envs of runs that are done.
    pub env_ms: u64,
}

impl Default for Keep {
    fn default() -> Keep {
        let days = |days: u64| days * 24 * 3_600_000;
        Keep { snapshots_ms: days(30), trash_ms: days(7), logs_ms: days(14), env_ms: days(1) }
    }
}

/// Something that has had its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "due", rename_all = "snake_case")]
pub enum Due {
    /// An env, if nothing is only there.
    Env {
        run: RunId,
    },
    /// The files of a forced close that are in no snapshot yet.
    Settle {
        run: RunId,
    },
    /// What lies in the trash beside a snapshot.
    Trash {
        run: RunId,
        snapshot: SnapshotId,
    },
    Snapshots {
        run: RunId,
        snapshots: Vec<SnapshotId>,
    },
    /// The records of a run's attempts.
    Logs {
        run: RunId,
    },
}

impl Due {
    /// Whose it is.
    pub fn run(&self) -> &RunId {
        match self {
            Due::Env { run }
            | Due::Settle { run }
            | Due::Trash { run, .. }
            | Due::Snapshots { run, .. }
            | Due::Logs { run } => run,
        }
    }
}

/// When the env of a run may go without being asked for.
enum Rule {
    /// Some time after the work is done; what failed or was broken off waits for a person.
    AfterDone,
    /// As soon as it has ended, however it did: nothing in it is work.
    AtOnce,
}

fn rule(kind: Kind) -> Rule {
    match kind {
        Kind::Code | Kind::Plan | Kind::Review | Kind::Foreman | Kind::Manual => Rule::AfterDone,
        Kind::Gate => Rule::AtOnce,
    }
}

/// What of `runs` has had its time at `now`.
///
/// Order: what is unsettled first; then trash, envs, snapshots and records, each oldest first. Where disk is `short`, trash
/// and envs do not wait for their age.
pub fn due<'a>(
    runs: impl Iterator<Item = &'a Run>,
    keep: &Keep,
    now: Timestamp,
    short: bool,
) -> Vec<Due> {
    let mut runs: Vec<&Run> = runs.filter(|run| run.is_ended()).collect();
    runs.sort_by_key(|run| (run.since, run.order));
    let mut due = Vec::new();
    for run in &runs {
        if run.settling.is_some() {
            due.push(Due::Settle { run: run.id().clone() });
        }
    }
    for run in &runs {
        let trash = run.snapshots.values().filter(|snapshot| {
            snapshot.trash.is_some() && (short || is_past(snapshot.at, keep.trash_ms, now))
        });
        due.extend(
            trash.map(|snapshot| Due::Trash {
                run: run.id().clone(),
                snapshot: snapshot.id.clone(),
            }),
        );
    }
    due.extend(
        runs.iter()
            .filter(|run| env_is_due(run, keep, now, short))
            .map(|run| Due::Env { run: run.id().clone() }),
    );
    for run in &runs {
        // What lies in the trash goes before the snapshot that says what it was.
        let old: Vec<SnapshotId> = run
            .snapshots
            .values()
            .filter(|snapshot| snapshot.trash.is_none())
            .filter(|snapshot| is_past(snapshot.at, keep.snapshots_ms, now))
            .map(|snapshot| snapshot.id.clone())
            .collect();
        if !old.is_empty() {
            due.push(Due::Snapshots { run: run.id().clone(), snapshots: old });
        }
    }
    let over = |run: &&&Run| {
        !run.holds_env()
            && !run.undoing
            && run.settling.is_none()
            && !run.logs_dropped
            && is_past(run.since, keep.logs_ms, now)
    };
    due.extend(runs.iter().filter(over).map(|run| Due::Logs { run: run.id().clone() }));
    due
}

fn env_is_due(run: &Run, keep: &Keep, now: Timestamp, short: bool) -> bool {
    let EnvState::Held(_) = run.env else { return false };
    if run.undoing {
        return false;
    }
    let done = matches!(run.state, State::Ended { outcome: Outcome::Completed, .. })
        || run.landed.is_some();
    let in_time = match rule(run.brief.kind) {
        Rule::AfterDone => done && is_past(run.since, keep.env_ms, now),
        Rule::AtOnce => true,
    };
    // What was looked at in vain is looked at again, but not at every turn of the collector.
    let again = run.kept.is_none_or(|kept| is_past(kept, AGAIN.as_millis() as u64, now));
    // A checkout that is let go of gives no disk back.
    let frees = short && run.brief.place.env_type != EnvType::InPlace;
    (in_time || frees) && again
}

/// How soon an env that could not go is looked at again.
const AGAIN: Duration = Duration::from_secs(3_600);

fn is_past(at: Timestamp, age_ms: u64, now: Timestamp) -> bool {
    now.since(at).as_millis() >= u128::from(age_ms)
}
