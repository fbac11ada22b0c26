//! What a reviewer and a foreman left: their words, and what a reviewer changed where it was only to look.

use skep_core::{fleet::Fleet, review, run::Run, task::Said};

use super::Performer;
use crate::{
    briefing::turn,
    hands::{Done, reviewed},
};

impl Performer {
    /// Reads what the reviewer `run` left that looked at `head`, which the run `author` made.
    ///
    /// Errors: it could not be found out, which is neither a verdict nor an untouched worktree.
    pub(super) fn read_review(
        &self,
        fleet: &Fleet,
        run: &Run,
        head: &str,
        author: Option<&Run>,
    ) -> Result<Said, String> {
        let touched = self.touched(run, head, author)?;
        let critiques = match run.given_verdict() {
            Some(critiques) => Some(critiques.to_vec()),
            None => review::read(&turn::last_turn(&self.home, run)?),
        };
        Ok(Said { critiques, touched })
    }

    /// Names what `run` changed where it was only to look at `head`.
    fn touched(&self, run: &Run, head: &str, author: Option<&Run>) -> Result<Vec<String>, String> {
        let branch = author.and_then(|author| author.env()?.branch.as_deref());
        let deed = reviewed::reviewed_deed(run, &self.home, head, branch)?;
        match self.by_hand(run, &deed)? {
            Done::Reviewed { touched } => touched,
            other => Err(format!("{other:?}")),
        }
    }
}
