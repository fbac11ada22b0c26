//! What the outside is, against what the ledger says it should be; once, at the start.
//!
//! Owns: which attempts must be listened to again, and from which line. Reports; never edits.

use std::fs;

use skep_api::{
    journal::{Line, Start},
    place::Home,
};
use skep_core::{fleet::Fleet, run::Run};
use skep_host::tree::{self, Process};

use crate::ingest::Watch;

/// No process at all.
const NOBODY: Process = Process { pid: 0, started: 0 };

/// The attempts whose keepers may live or have left word, each from its first line that was not taken.
///
/// `seen` answers whether a line's key was taken; an attempt whose start is still to be performed is left out.
pub fn attempts<E>(
    fleet: &Fleet,
    home: &Home,
    starting: &dyn Fn(&Run) -> bool,
    seen: &dyn Fn(&str) -> Result<bool, E>,
) -> Result<Vec<Watch>, E> {
    // What cannot be asked says nothing; pid and start time decide then.
    let boot = tree::boot_id().ok();
    let mut watches = Vec::new();
    for run in fleet.runs.values().filter(|run| run.may_live() && !starting(run)) {
        let dir = home.attempt(run.id(), run.attempt);
        let started = skep_api::start::read(&dir);
        let keeper = match (started, run.gatekeeper()) {
            // Of another boot: whoever has that pid now is somebody else, even where its start looks the same.
            (Some(start), _) if boot.as_ref().is_some_and(|boot| *boot != start.boot) => NOBODY,
            (Some(Start { gatekeeper: keeper, .. }), _) => {
                Process { pid: keeper.pid, started: keeper.started }
            }
            // It was begun and has not written its start yet, or died before it could.
            (None, Some(pid)) => tree::identity(pid).unwrap_or(Process { pid, started: 0 }),
            (None, None) => NOBODY,
        };
        let after = last_taken(run, home, seen)?;
        watches.push(Watch {
            run: run.id().clone(),
            attempt: run.attempt,
            dir,
            keeper: Some(keeper),
            after,
        });
    }
    Ok(watches)
}

fn last_taken<E>(run: &Run, home: &Home, seen: &dyn Fn(&str) -> Result<bool, E>) -> Result<u64, E> {
    let path = home.attempt(run.id(), run.attempt).join("reports.jsonl");
    // No file yet: nothing was taken.
    let text = fs::read(&path).unwrap_or_default();
    let lines: Vec<u64> = text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Line>(line).ok())
        .map(|line| line.line)
        .collect();
    for line in lines.into_iter().rev() {
        if seen(&format!("{}/{}/line/{line}", run.id(), run.attempt))? {
            return Ok(line);
        }
    }
    Ok(0)
}
