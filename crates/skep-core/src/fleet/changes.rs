//! What was said to the changes of runs, on its way back to their authors; and what their end means to other tasks.
//!
//! Owns: that it goes there when it can, and to a person when it cannot; when a task's work is where it was to go. Never:
//! decides what is said; the run does.

use super::{Decided, Fleet};
use crate::{
    id::{RunId, TaskId},
    run::{self, Run},
    task::{Task, TaskState},
    time::Timestamp,
};

impl Fleet {
    /// Has each author go on that something was said to.
    pub(super) fn begin_rounds(&mut self, now: Timestamp, decided: &mut Decided) {
        let due = self.runs.values().filter(|run| run.is_due_a_round(now));
        let due: Vec<RunId> = due.map(|run| run.id().clone()).collect();
        for run in due {
            let Err(rejected) = self.step(&run, run::Input::Round, now, decided) else { continue };
            let refused = run::Input::RoundRefused { text: rejected.text };
            let step = self.step(&run, refused, now, decided);
            debug_assert!(step.is_ok(), "that it cannot be told can always be said");
        }
    }

    /// What `task` needs that is not where it was to go yet.
    pub fn unmet<'a>(&'a self, task: &'a Task) -> impl Iterator<Item = &'a TaskId> {
        task.needs.iter().filter(|need| !self.is_brought_in(need))
    }

    /// Whether what a task wanted is done and where it was to go: landed, or in a change that was merged. One that was closed
    /// unmerged is not; what made no commit has nothing to bring. Of a task that is gone nothing is to come.
    pub fn is_brought_in(&self, id: &TaskId) -> bool {
        let Some(task) = self.tasks.get(id) else { return true };
        let there = |run: &Run| run.is_brought_in() || (run.change.is_none() && has_no_commit(run));
        match task.state {
            TaskState::Merged => true,
            TaskState::Completed | TaskState::Archived => {
                let works = |run: &&Run| {
                    task.run.as_ref() == Some(run.id()) || task.part_of(run.id()).is_some()
                };
                self.runs.values().map(AsRef::as_ref).filter(works).all(there)
            }
            TaskState::Ingested
            | TaskState::Planning
            | TaskState::PlanReview
            | TaskState::Approved
            | TaskState::Implementing
            | TaskState::Reviewing
            | TaskState::Failed => false,
        }
    }
}

/// Whether git saw that it made none; what git did not say is no proof.
fn has_no_commit(run: &Run) -> bool {
    run.git.as_ref().is_some_and(|git| git.ahead == 0)
        || run.env().is_none_or(|env| env.branch.is_none())
}
