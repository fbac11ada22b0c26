//! A run's issue: taken before anything of an attempt is made, given back when nothing of the run stands.

use skep_core::run::{Fault, Input, Run};

use super::Performer;
use crate::hands::{
    Deed, Done,
    issue::{Holding, TakenIssue},
};

impl Performer {
    /// Takes the issue of a run that has not got it yet. Errors: it has not got it now either, whose fault that is, and why.
    pub(super) fn take_issue(&self, run: &Run) -> Result<(), (Fault, String, String)> {
        if !run.takes_issue() {
            return Ok(());
        }
        let failed = |slug: &str, text: String| (Fault::Environment, slug.to_owned(), text);
        let holding = self.holding(run).map_err(|(slug, text)| (Fault::User, slug, text))?;
        let Some(holding) = holding else { return Ok(()) };
        let deed = Deed::TakeIssue { holding: Box::new(holding) };
        match self.by_hand(run, &deed) {
            Ok(Done::IssueTaken { taken: TakenIssue::Ours }) => Ok(()),
            Ok(Done::IssueTaken { taken: TakenIssue::Not { fault, slug, text } }) => {
                Err((fault, slug, text))
            }
            Ok(other) => Err(failed("prepare-failed", format!("{other:?}"))),
            Err(text) => Err(failed("prepare-failed", text)),
        }
    }

    /// Gives it back.
    pub(super) fn leave_issue(&self, run: &Run) -> Input {
        let failed = match self.holding(run) {
            Ok(None) => None,
            Ok(Some(holding)) => {
                match self.by_hand(run, &Deed::LeaveIssue { holding: Box::new(holding) }) {
                    Ok(Done::IssueLeft { failed }) => failed,
                    Ok(other) => Some(format!("{other:?}")),
                    Err(text) => Some(text),
                }
            }
            Err((slug, text)) => Some(format!("{slug}: {text}")),
        };
        Input::IssueLeft { failed }
    }

    fn holding(&self, run: &Run) -> Result<Option<Holding>, (String, String)> {
        let fleet = self.board.read().fleet;
        let others = fleet.runs.values().filter(|other| other.id() != run.id());
        let at_work = others.filter(|other| !other.is_ended() || other.holds_env());
        let at_work = at_work.map(|other| other.id().to_string()).collect();
        let config = self.agents.parent().unwrap_or(std::path::Path::new("/"));
        Holding::of(run, &self.home, config, at_work)
    }
}
