//! Whose process one is, by descent.
//!
//! Owns: who speaks, at the door and in a hook. Never: believes a variable or an argument of the one who speaks: a keeper is
//! one whose record says so, pid and start time.

use std::path::Path;

use skep_api::{role, start};
use skep_core::id::RunId;
use skep_host::tree;

/// Who a process speaks as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaker {
    /// Nobody of ours is above it.
    Person,
    /// A deed of the daemon: a set-up script is nobody's person either.
    Script,
    Run(RunId),
    /// A run that this home does not know, or no longer.
    SomeRun,
    /// It is gone, and with it what would show whose it was.
    Gone,
}

/// Who `pid` speaks as, to the daemon whose pid is `daemon` (0: none lives) and whose runs lie in `runs`.
pub fn of(pid: u32, runs: &Path, daemon: u32) -> Speaker {
    let line = tree::ancestors(pid);
    let known = line.iter().find_map(|pid| keeper_of(*pid, runs));
    // Who works on skep inside of a run has daemons there that are of the run themselves.
    let above = if daemon == 0 { Vec::new() } else { tree::ancestors(daemon) };
    let others: Vec<u32> = line.iter().copied().filter(|pid| !above.contains(pid)).collect();
    let is_any = |roles: &[&str]| others.iter().any(|pid| is(*pid, roles));
    match known {
        Some(run) => Speaker::Run(run),
        // A command under `skep gatekeeper` is a person's.
        None if is_any(&[role::KEEPER]) => Speaker::SomeRun,
        None if daemon != 0 && line.contains(&daemon) => Speaker::Script,
        None if is_any(&[role::WARDEN]) && !is_any(&["gatekeeper"]) => Speaker::SomeRun,
        None => Speaker::Person,
    }
}

/// The run of this home whose keeper `pid` is, by its own record.
fn keeper_of(pid: u32, runs: &Path) -> Option<RunId> {
    let args = tree::arguments(pid)?;
    if args.get(1).is_none_or(|arg| arg != role::KEEPER) {
        return None;
    }
    let dir = Path::new(args.get(2)?);
    let run: RunId = dir.parent()?.file_name()?.to_str()?.parse().ok()?;
    if dir.parent()?.parent()? != runs {
        return None;
    }
    let told = start::read(dir)?.gatekeeper;
    let is = tree::identity(pid)?;
    (told.pid == is.pid && told.started == is.started).then_some(run)
}

fn is(pid: u32, roles: &[&str]) -> bool {
    tree::arguments(pid)
        .is_some_and(|args| args.get(1).is_some_and(|arg| roles.iter().any(|role| arg == role)))
}
