//! Owns: who speaks at the door, by descent, and what a run's own processes may ask.
//! Never: believes a variable or an argument of the one who asks: a keeper is one whose record says so, pid and start time.

use std::path::Path;

use skep_api::{
    request::{Ask, Request},
    role, start,
    wire::Refusal,
};
use skep_core::{
    fleet::{Fleet, Input},
    id::RunId,
    run::{self, Posture, Run},
};
use skep_host::tree::{self, Process};

use super::Door;
use crate::wishes::Trouble;

#[cfg(test)]
mod tests;

/// The process at the other end, as it was when it knocked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) pid: u32,
    /// None where it was gone before anybody looked.
    process: Option<Process>,
}

/// Who a peer speaks as.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Speaker {
    /// Nobody of ours is above it.
    Person,
    /// A deed of this daemon: a set-up script is nobody's person either.
    Script,
    Run(RunId),
    /// A run that this home does not know, or no longer.
    SomeRun,
    /// It is gone, and with it what would show whose it was.
    Gone,
}

impl Peer {
    pub(super) fn of(pid: u32) -> Peer {
        Peer { pid, process: tree::identity(pid) }
    }

    fn speaks_as(self, runs: &Path) -> Speaker {
        let line = tree::ancestors(self.pid);
        let me = std::process::id();
        let known = line.iter().find_map(|pid| keeper_of(*pid, runs));
        // Who works on skep inside of a run has daemons there that are of the run themselves.
        let mine = tree::ancestors(me);
        let others: Vec<u32> = line.iter().copied().filter(|pid| !mine.contains(pid)).collect();
        let is_any = |roles: &[&str]| others.iter().any(|pid| is(*pid, roles));
        // Asked last: what was read of a process that was another's by now is worth nothing.
        if self.process.is_none() || tree::identity(self.pid) != self.process {
            return Speaker::Gone;
        }
        match known {
            Some(run) => Speaker::Run(run),
            // A command under `skep gatekeeper` is a person's.
            None if is_any(&[role::KEEPER]) => Speaker::SomeRun,
            None if line.contains(&me) => Speaker::Script,
            None if is_any(&[role::WARDEN]) && !is_any(&["gatekeeper"]) => Speaker::SomeRun,
            None => Speaker::Person,
        }
    }
}

impl Door {
    /// The run that asks; none where it is a person.
    ///
    /// Errors: it comes from a run, and is nothing that a run may ask; that it was asked is written down.
    pub(super) fn require_leave(
        &self,
        request: &Request,
        peer: &Peer,
        fleet: &Fleet,
    ) -> Result<Option<RunId>, Trouble> {
        let runs = self.home.root().join("runs");
        let speaker = peer.speaks_as(&runs);
        let (own, who) = match &speaker {
            Speaker::Person => return Ok(None),
            Speaker::Script => (None, "a script that skep itself runs".to_owned()),
            Speaker::Run(run) => (Some(run), run.to_string()),
            Speaker::SomeRun => (None, "a run".to_owned()),
            Speaker::Gone => (None, "a process that is gone".to_owned()),
        };
        if may(&request.ask, own, fleet) {
            return Ok(own.cloned());
        }
        if let Some(run) = own.filter(|run| fleet.runs.contains_key(*run)) {
            let input = run::Input::Overstepped { what: name_of(&request.ask) };
            let input = Input::Run { run: run.clone(), input };
            // It is refused whether that can be written down or not.
            let _unwritten = self.wishes.wish(&format!("{}/overstep", request.id), input);
        }
        let text = format!(
            "this comes from {who}; a run may list the runs and look at itself, and nothing else"
        );
        Err(Refusal::error("not-for-runs", text).into())
    }
}

/// The wish, by its name on the socket.
fn name_of(ask: &Ask) -> String {
    let spelled = serde_json::to_value(ask).unwrap_or_default();
    spelled["ask"].as_str().unwrap_or("?").to_owned()
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

/// Whether a run may have others work for it; how many, the core counts.
fn may_spawn(run: &Run) -> bool {
    run.brief.posture == Posture::Cascade
}

/// Whether a process of the run `own` may ask this; of itself it may see all, of the others that they are there.
fn may(ask: &Ask, own: Option<&RunId>, fleet: &Fleet) -> bool {
    let itself = |text: &String| fleet.find_run(text).is_ok_and(|run| Some(run.id()) == own);
    match ask {
        Ask::Health {} | Ask::Ls { .. } | Ask::Hidden { .. } | Ask::Named { .. } => true,
        Ask::AtWork {} | Ask::Check { .. } => true,
        Ask::Claimed { .. } => own.is_some(),
        Ask::Spawn(_) => own.and_then(|own| fleet.runs.get(own)).is_some_and(|run| may_spawn(run)),
        Ask::AtIssue { of } => itself(of),
        Ask::Show { run } | Ask::Why { run } | Ask::Diff { run, .. } => itself(run),
        Ask::SnapshotLs { run } => run.as_ref().is_some_and(itself),
        Ask::Questions { of, .. } => of.as_ref().is_some_and(itself),
        Ask::Run(_)
        | Ask::Wait { .. }
        | Ask::Events { .. }
        | Ask::SnapshotShow { .. }
        | Ask::CleanupLs {}
        | Ask::ProjectLs {}
        | Ask::ProjectScripts { .. }
        | Ask::ProjectShow { .. }
        | Ask::TaskLs {}
        | Ask::TaskShow { .. }
        | Ask::Adopt(_)
        | Ask::Stop { .. }
        | Ask::Close { .. }
        | Ask::Abandon { .. }
        | Ask::Land(_)
        | Ask::Propose(_)
        | Ask::Dispatch(_)
        | Ask::Reap { .. }
        | Ask::FreeIssue(_)
        | Ask::Pause { .. }
        | Ask::Again { .. }
        | Ask::Send { .. }
        | Ask::Raise { .. }
        | Ask::Conflicts { .. }
        | Ask::Cost { .. }
        | Ask::Rule { .. }
        | Ask::RulePart { .. }
        | Ask::Review { .. }
        | Ask::ReviewShow { .. }
        | Ask::Refine { .. }
        | Ask::Foreman { .. }
        | Ask::Lift { .. }
        | Ask::RulesApply { .. }
        | Ask::RulesShow { .. }
        | Ask::Answer { .. }
        | Ask::Inbox {}
        | Ask::Notices {}
        | Ask::NotifyTest { .. }
        | Ask::SnapshotTake { .. }
        | Ask::SnapshotRm { .. }
        | Ask::Restore { .. }
        | Ask::Undo { .. }
        | Ask::Clean { .. }
        | Ask::CleanupRun { .. }
        | Ask::ProjectAdd { .. }
        | Ask::ProjectApprove { .. }
        | Ask::ProjectSee { .. }
        | Ask::ProjectRm { .. }
        | Ask::TaskAdd(_)
        | Ask::TaskEdit(_)
        | Ask::TaskArchive { .. }
        | Ask::TaskRm { .. }
        | Ask::Plan(_)
        | Ask::PlanShow { .. }
        | Ask::PlanEdit { .. }
        | Ask::Implement(_)
        | Ask::Finalize { .. }
        | Ask::Follow { .. }
        | Ask::Shutdown {} => false,
    }
}
