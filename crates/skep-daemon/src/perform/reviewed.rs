//! What a reviewer and a foreman left: their words, and what a reviewer changed where it was only to look.

use skep_core::{
    fleet::Fleet,
    foreman,
    id::{RunId, TaskId},
    review,
    run::Run,
    task::Said,
};

use super::Performer;
use crate::{
    briefing::turn,
    hands::{Done, reviewed},
};

impl Performer {
    /// Reads what the reviewer `run` left, which looked at `head` of a part of `task`.
    ///
    /// Errors: it could not be found out, which is neither a verdict nor an untouched worktree.
    pub(super) fn read_review(
        &self,
        fleet: &Fleet,
        task: &TaskId,
        run: &RunId,
        project: &str,
        head: &str,
    ) -> Result<Said, String> {
        let run = fleet.runs.get(run).ok_or("its run is gone")?;
        let version = fleet.tasks.get(task).and_then(|task| task.last_version());
        let part = version.and_then(|version| version.parts.get(project));
        let author = part.and_then(|part| fleet.runs.get(part.run.as_ref()?));
        let author = author.ok_or("the run whose work it looked at is gone")?;
        let touched = self.touched(run, head, author)?;
        let critiques = match run.given_verdict() {
            Some(critiques) => Some(critiques.to_vec()),
            None => review::read(&turn::last_turn(&self.home, run)?),
        };
        Ok(Said { critiques, touched })
    }

    /// Reads what a foreman replied: its last words, where they are a whole reply, else all of its last turn.
    pub(super) fn read_reply(&self, fleet: &Fleet, run: &RunId) -> Result<String, String> {
        let run = fleet.runs.get(run).ok_or("its run is gone")?;
        let spoken = turn::last_spoken(&self.home, run)?;
        let whole = foreman::is_marked(&spoken.end)
            && !foreman::read_reply(&spoken.end).text.trim().is_empty();
        Ok(if whole { spoken.end } else { spoken.all })
    }

    /// Names what `run` changed where it was only to look at `head`.
    fn touched(&self, run: &Run, head: &str, author: &Run) -> Result<Vec<String>, String> {
        let branch = author.env().and_then(|env| env.branch.as_deref());
        let deed = reviewed::reviewed_deed(run, &self.home, head, branch)?;
        let done = self.by_hand(run, &deed)?;
        if let Done::Reviewed { touched } = done { touched } else { Err(format!("{done:?}")) }
    }
}
