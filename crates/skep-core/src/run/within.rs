//! A run that works in the env of another one, which keeps it.
//!
//! Owns: what that changes in a run's life: its place is looked at before each attempt, and nothing of it is ever taken back,
//! landed or brought back by this run. Never: knows the other run; who may work where is the fleet's to say.

use super::{Because, Env, EnvState, Event, Rejected, Run, Step, Undo};
use crate::id::{OpId, RunId, SnapshotId};

impl Run {
    /// Whether the place that it works in is another run's.
    pub fn is_within(&self) -> bool {
        self.brief.within.is_some()
    }

    /// Whether a place of its own, or another's, was there for it when it was last looked at.
    pub fn has_place(&self) -> bool {
        matches!(self.env, EnvState::Held(_) | EnvState::Within(_))
    }

    /// What a place that is ready is to it.
    pub(super) fn placed(&self, env: Env) -> EnvState {
        if self.is_within() { EnvState::Within(env) } else { EnvState::Held(env) }
    }

    /// The end of an attempt that was not wanted any more when its place was ready; only what is its own is taken back.
    pub(super) fn unwanted(&self, env: Env, because: Because) -> Step {
        let (run, attempt) = (self.id().clone(), self.attempt);
        let mut step = Step::of([Event::Prepared { env }, self.stopped(because)], []);
        if !self.is_within() {
            step.events.push(Event::Undoing {});
            step.effects.push(super::Effect::Undo { run, attempt });
        }
        step
    }

    /// Refuses a wish about the work in an env that is not its own, and names the run that it is to be asked of.
    pub(super) fn require_own_env(&self, verb: &str) -> Result<(), Rejected> {
        let Some(owner) = &self.brief.within else { return Ok(()) };
        Err(self.not_its_own(owner, vec![format!("skep {verb} {owner}")]))
    }

    /// The same for bringing back one of its snapshots, which can still be looked at beside.
    pub(super) fn require_own_env_for(&self, snapshot: &SnapshotId) -> Result<(), Rejected> {
        let Some(owner) = &self.brief.within else { return Ok(()) };
        let hints = vec![
            format!("skep restore {snapshot} --to DIR   beside it, to take from it what is wanted"),
            format!("skep snapshot ls {owner}"),
        ];
        Err(self.not_its_own(owner, hints))
    }

    /// Why it cannot go on once it has let go of the other run's env.
    pub(super) fn let_go_of(&self) -> Option<Rejected> {
        let owner = self.brief.within.as_ref()?;
        Some(Rejected {
            slug: "run-closed",
            text: format!("{} is closed, and has let go of the env of {owner}", self.id()),
            hints: vec![format!("skep run --manual --in {owner} TITLE")],
        })
    }

    /// Whether to take the wish `of` back brings files into its env.
    pub(crate) fn undoes_env(&self, of: &OpId) -> bool {
        let into_env = |what: &Undo| matches!(what, Undo::Close { .. } | Undo::Restore { .. });
        self.undoable.iter().any(|done| done.op == *of && into_env(&done.what))
    }

    fn not_its_own(&self, owner: &RunId, hints: Vec<String>) -> Rejected {
        Rejected {
            slug: "env-of-another",
            text: format!("{} works in the env of {owner}, which keeps its work", self.id()),
            hints,
        }
    }
}

#[cfg(test)]
mod tests;
