//! Issues that runs are for: one run at a time, and each issue is given back when its run is over.
//!
//! Owns: who is at an issue. Never: asks a tracker or a remote; what other homes hold is seen there.

use std::sync::Arc;

use super::{Decided, Fleet, Input, Rejected, reject};
use crate::{
    id::RunId,
    issue::Origin,
    run::{self, Brief, Run},
    time::Timestamp,
};

impl Fleet {
    /// The run that is at an issue: it lives, or its env stands with what it did there.
    pub fn at_issue(&self, issue: &Origin) -> Option<&Arc<Run>> {
        self.runs.values().find(|run| is_at(run, issue))
    }

    /// Refuses a second run at one issue, and one more attempt of a run where another has taken it up.
    pub(super) fn check_issue(&self, brief: &Brief) -> Result<(), Rejected> {
        let Some(issue) = &brief.issue else { return Ok(()) };
        let other = |run: &&Arc<Run>| *run.id() != brief.id && is_at(run, issue);
        match self.runs.values().find(other) {
            Some(run) => Err(taken(issue, run)),
            None => Ok(()),
        }
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

fn is_at(run: &Run, issue: &Origin) -> bool {
    let same = run.brief.issue.as_ref().is_some_and(|of| of.is_same(issue));
    same && (!run.is_ended() || run.holds_env())
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
