//! Issues that runs are for: one run at a time, and each issue is given back when its run is over.
//!
//! Owns: who is at an issue. Never: asks a tracker or a remote; what other homes hold is seen there.

use std::sync::Arc;

use super::{Decided, Fleet, Input, Rejected, reject};
use crate::{
    id::RunId,
    issue::{
        Mode, Origin, Platform,
        taskwarrior::{self, Name},
    },
    run::{self, Brief, Run},
    time::Timestamp,
};

impl Fleet {
    /// The run that is at an issue: it lives, or its env stands with what it did there.
    pub fn at_issue(&self, issue: &Origin) -> Option<&Arc<Run>> {
        self.runs.values().find(|run| self.is_at(run, issue))
    }

    /// The task of Taskwarrior that a run is for, whether it was put there or works at a task of skep's that is that one.
    pub fn task_of_list(&self, brief: &Brief) -> Option<Name> {
        let issue = brief.issue.as_ref().filter(|it| it.platform == Platform::Taskwarrior);
        let task = brief.task.as_ref().and_then(|task| self.tasks.get(task));
        let tracked = task.and_then(|task| task.reference.as_deref());
        let reference = issue.map(|it| it.reference.as_str()).or(tracked)?;
        taskwarrior::name(reference.starts_with(taskwarrior::PREFIX).then_some(reference)?).ok()
    }

    /// Refuses a second run at one issue, and one more attempt of a run where another has taken it up.
    pub(super) fn check_issue(&self, brief: &Brief) -> Result<(), Rejected> {
        let by_task = || {
            Some(Origin {
                platform: Platform::Taskwarrior,
                reference: format!("{}{}", taskwarrior::PREFIX, self.task_of_list(brief)?.as_str()),
                url: String::new(),
                mode: Mode::Headless,
            })
        };
        let Some(issue) = &brief.issue.clone().or_else(by_task) else { return Ok(()) };
        // Two runs of one task of skep's are its own affair: a replacement, a reviewer, a part of a plan.
        let own = |run: &Run| brief.issue.is_none() && run.brief.issue.is_none();
        let other = |run: &&Arc<Run>| *run.id() != brief.id && !own(run) && self.is_at(run, issue);
        match self.runs.values().find(other) {
            Some(run) => Err(taken(issue, run)),
            None => Ok(()),
        }
    }

    fn is_at(&self, run: &Run, issue: &Origin) -> bool {
        let same = || run.brief.issue.as_ref().is_some_and(|of| of.is_same(issue));
        let same_task = || {
            let named = taskwarrior::name(&issue.reference).ok();
            let its = self.task_of_list(&run.brief);
            named.zip(its).is_some_and(|(one, other)| one.fits(&other))
        };
        let is_task = issue.platform == Platform::Taskwarrior;
        (!run.is_ended() || run.holds_env()) && (same() || is_task && same_task())
    }

    /// Has the issues given back whose runs are over.
    pub(super) fn leave_issues(&mut self, now: Timestamp, decided: &mut Decided) {
        let over = self.runs.values().filter(|run| run.leaves_issue());
        let over: Vec<RunId> = over.map(|run| run.id().clone()).collect();
        for run in over {
            let input = Input::Run { run, input: run::Input::LeaveIssue };
            // What could not be decided now is seen at the next input.
            let _later = self.one(input, now, decided);
        }
    }
}

/// Why nobody is put at an issue that a run is at already.
pub fn taken(issue: &Origin, run: &Run) -> Rejected {
    let (id, name) = (run.id(), &run.brief.name);
    let reference = &issue.reference;
    if run.is_ended() {
        let text =
            format!("{id} ({name}) was at `{reference}`, and its env stands with what it did");
        return reject(
            "issue-taken",
            text,
            &[
                &format!("skep resume {id}   it goes on"),
                &format!("skep land {id}   or: skep pr {id}"),
                &format!("skep close {id} --keep-branch   then: dispatch once more"),
            ],
        );
    }
    let text = format!("{id} ({name}) is at `{reference}` already");
    reject("issue-taken", text, &[&format!("skep show {id}"), &format!("skep logs {id} -f")])
}
