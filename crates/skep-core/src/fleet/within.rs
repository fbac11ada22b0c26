//! Runs that work in the env of another one: who may, and who has to stay out while they do.
//!
//! Owns: one writer per worktree, whoever asks. Never: decides what such a run does; its own table does.

use std::sync::Arc;

use super::{Fleet, Rejected, reject};
use crate::{
    id::RunId,
    run::{self, Brief, EnvState, EnvType, Kind, Run},
    task::PartState,
};

impl Fleet {
    /// The run that works in the env of `owner`, or is in line to: one that has not ended.
    pub fn guest_of(&self, owner: &RunId) -> Option<&Arc<Run>> {
        self.runs.values().find(|run| run.brief.within.as_ref() == Some(owner) && !run.is_ended())
    }

    /// The worktree that `run` works in, or would: its own, another's, or a checkout as it stands.
    pub(super) fn worktree_of<'a>(&'a self, run: &'a Run) -> Option<&'a str> {
        if run.brief.place.env_type == EnvType::InPlace {
            return run.brief.place.repository.as_deref();
        }
        let keeper = match &run.brief.within {
            Some(owner) => self.runs.get(owner)?,
            None => run,
        };
        keeper.env().filter(|_| keeper.holds_env()).map(|env| env.worktree.as_str())
    }

    /// Refuses to let a run into the env of another one that it cannot have: it is gone, is of another kind, or somebody works
    /// there or is about to.
    pub(super) fn check_within(&self, brief: &Brief) -> Result<(), Rejected> {
        let Some(owner) = &brief.within else { return Ok(()) };
        let owner = self.require_run(owner)?;
        require_shareable(owner)?;
        let EnvState::Held(env) = &owner.env else {
            let text = format!("{} ({}) has no env that stands", owner.id(), owner.brief.name);
            let hints = [
                "skep undo   brings the env of the last close back".to_owned(),
                format!("skep snapshot ls {}", owner.id()),
            ];
            return Err(reject("env-gone", text, &[&hints[0], &hints[1]]));
        };
        if owner.undoing {
            let text = format!("the env of {} is being taken back", owner.id());
            return Err(reject("env-gone", text, &[&format!("skep show {}", owner.id())]));
        }
        if !owner.is_ended() {
            return Err(self.at_work_in(owner, owner));
        }
        let elsewhere = |other: &&Arc<Run>| {
            !other.is_ended()
                && *other.id() != brief.id
                && self.worktree_of(other) == Some(env.worktree.as_str())
        };
        let guest = self.guest_of(owner.id()).filter(|guest| *guest.id() != brief.id);
        if let Some(other) = guest.or_else(|| self.runs.values().find(elsewhere)) {
            return Err(self.at_work_in(owner, other));
        }
        self.check_its_part(owner)
    }

    /// A part whose task is at work on it is its task's: it would look at what is not done yet, or go on beside it.
    fn check_its_part(&self, owner: &Run) -> Result<(), Rejected> {
        let task = owner.brief.task.as_ref().filter(|_| owner.brief.is_of_plan());
        let Some(task) = task.and_then(|id| self.tasks.get(id)) else { return Ok(()) };
        let part = task.part_of(owner.id()).zip(task.last_version());
        let part = part.and_then(|(project, version)| version.parts.get(project));
        let at_work = part.is_some_and(|part| {
            (part.state == PartState::InProgress && !part.rests) || part.finishing.under_way
        });
        if !at_work {
            return Ok(());
        }
        let text = format!("{} is at work on the part of {}", task.id, owner.id());
        let hints = [format!("skep wait {}", task.id), format!("skep show {}", task.id)];
        Err(reject("worktree-held", text, &[&hints[0], &hints[1]]))
    }

    /// Refuses what would change or take away the env of `run` while another run works in it.
    pub(super) fn require_no_guest(
        &self,
        run: &Run,
        input: &run::Input,
        by_task: bool,
    ) -> Result<(), Rejected> {
        let Some(guest) = self.guest_of(run.id()) else { return Ok(()) };
        let touches = if let run::Input::Again { .. } = input {
            // What its task wants of it waits until the env is free.
            !by_task
        } else if let run::Input::Undo { of, .. } = input {
            run.undoes_env(of)
        } else {
            matches!(
                input,
                run::Input::Close { .. }
                    | run::Input::Abandon { .. }
                    | run::Input::Land { .. }
                    | run::Input::Propose { .. }
                    | run::Input::Round
                    | run::Input::Restore { .. }
            )
        };
        if touches { Err(self.at_work_in(run, guest)) } else { Ok(()) }
    }

    fn at_work_in(&self, owner: &Run, holder: &Run) -> Rejected {
        let (id, name) = (holder.id(), &holder.brief.name);
        let state = holder.state_name();
        let text = if owner.id() == id {
            format!("{id} ({name}) is {state} in its worktree")
        } else {
            format!("{id} ({name}) is {state} in the worktree of {}", owner.id())
        };
        let hints = [
            format!("skep send {id} TEXT   says it to the agent that is there"),
            format!("skep wait {id}"),
            format!("skep stop {id}"),
        ];
        reject("worktree-held", text, &[&hints[0], &hints[1], &hints[2]])
    }
}

/// Only an env that was made for the work of a run is worth another one's.
fn require_shareable(owner: &Run) -> Result<(), Rejected> {
    let id = owner.id();
    let no = |why: &str, way: String| {
        Err(reject("env-not-shared", format!("{id} ({}) {why}", owner.brief.name), &[&way]))
    };
    match (owner.brief.kind, owner.brief.place.env_type) {
        (Kind::Code, EnvType::Worktree | EnvType::Directory) => Ok(()),
        (Kind::Code, EnvType::InPlace) if owner.brief.adopted.is_some() => {
            no("took its worktree over, and only it works there", format!("skep resume {id} TEXT"))
        }
        (Kind::Code, EnvType::InPlace) => no(
            "works in a checkout of yours, and has no env that could be shared",
            "skep run --in-place TITLE   in that folder".to_owned(),
        ),
        (Kind::Manual, _) => {
            let way =
                owner.brief.within.as_ref().map(|of| format!("skep run --manual --in {of} TITLE"));
            no("works in the env of another run", way.unwrap_or_default())
        }
        (Kind::Plan, _) => no("makes plans, and leaves no work", format!("skep show {id}")),
        (Kind::Review, _) => {
            no("reviews: what is changed in its env is thrown away", format!("skep show {id}"))
        }
        (Kind::Gate, _) => no("checks a commit, and leaves no work", format!("skep logs {id}")),
        (Kind::Foreman, _) => {
            no("answers questions, and leaves no work", format!("skep show {id}"))
        }
    }
}
