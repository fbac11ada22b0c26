//! Owns: what a run's own processes may ask at the door. Never: takes one that is gone for a person.

use std::path::Path;

use skep_api::{
    request::{Ask, Request},
    wire::Refusal,
};
use skep_core::{
    fleet::{Fleet, Input},
    id::RunId,
    run::{self, Posture, Run},
};
use skep_host::tree::{self, Process};

use super::Door;
use crate::{
    descent::{self, Speaker},
    wishes::Trouble,
};

#[cfg(test)]
mod tests;

/// The process at the other end, as it was when it knocked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) pid: u32,
    /// None where it was gone before anybody looked.
    process: Option<Process>,
}

impl Peer {
    pub(super) fn of(pid: u32) -> Peer {
        Peer { pid, process: tree::identity(pid) }
    }

    fn speaks_as(self, runs: &Path) -> Speaker {
        let speaker = descent::of(self.pid, runs, std::process::id());
        // Asked last: what was read of a process that was another's by now is worth nothing.
        let is_same = self.process.is_some() && tree::identity(self.pid) == self.process;
        if is_same { speaker } else { Speaker::Gone }
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
        if let (Ask::Dispatch(_), Some(run)) = (&request.ask, own) {
            fleet.next_generation(run)?;
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
        Ask::Spawn(_) | Ask::Dispatch(_) => {
            own.and_then(|own| fleet.runs.get(own)).is_some_and(|run| may_spawn(run))
        }
        Ask::Issue { .. } => own.is_some(),
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
        | Ask::ChangeOf { .. }
        | Ask::Shutdown {} => false,
    }
}
