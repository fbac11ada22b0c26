//! The change of a run, as it was heard of last.

use serde::{Deserialize, Serialize};
use skep_core::{change::CheckState, run::Run, time::Timestamp};

/// The change that a run's work is proposed as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeView {
    /// `github`, `forgejo` or `gitlab`.
    pub forge: String,
    pub number: u64,
    pub url: String,
    /// `open`, `merged` or `closed`.
    pub state: String,
    /// The commit that it proposes, or proposed when it was merged.
    pub head: String,
    #[serde(default)]
    pub draft: bool,
    /// The commit that its work became, where it is merged and the forge says so.
    #[serde(default)]
    pub merged_as: Option<String>,
    /// What the checks of its head come to: `pending passed failed skipped`; null where there are none.
    #[serde(default)]
    pub checks: Option<String>,
    /// When its forge last answered; null where it never told of it.
    pub seen: Timestamp,
    /// Why its forge gives no answer since then.
    #[serde(default)]
    pub silent: Option<String>,
    /// How often what was said to it went back to the author, since a person last asked for it.
    #[serde(default)]
    pub rounds: u32,
    /// How often that may be.
    #[serde(default)]
    pub rounds_of: u32,
    /// What of it needs a person.
    #[serde(default)]
    pub wants: Option<String>,
}

impl ChangeView {
    /// Makes the view; none of a run without a change.
    pub fn of(run: &Run) -> Option<ChangeView> {
        let following = run.change.as_ref()?;
        let change = &following.change;
        Some(ChangeView {
            forge: change.forge.clone(),
            number: change.number,
            url: change.url.clone(),
            state: change.state.as_str().to_owned(),
            head: change.head.clone(),
            draft: change.draft,
            merged_as: change.merged_as.clone(),
            checks: following.verdict().map(|state| word(state).to_owned()),
            seen: following.seen,
            silent: following
                .silent
                .as_ref()
                .map(|silent| format!("{}: {}", silent.slug, silent.text)),
            rounds: following.rounds,
            rounds_of: following.asked.rounds,
            wants: run.change_wants().map(|wanted| wanted.text),
        })
    }

    /// Whether its work is where it was to go.
    pub fn is_merged(&self) -> bool {
        self.state == "merged"
    }
}

fn word(state: CheckState) -> &'static str {
    match state {
        CheckState::Pending => "pending",
        CheckState::Passed => "passed",
        CheckState::Failed => "failed",
        CheckState::Skipped => "skipped",
    }
}
