//! A request for leave, as views show it.

use serde::{Deserialize, Serialize};
use skep_core::{
    run::{Ask, Run, State},
    time::Timestamp,
};

/// What an agent wants leave for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskView {
    pub id: String,
    pub tool: String,
    /// What the tool would be given; `…` at its end where it is longer.
    pub text: String,
    pub at: Timestamp,
    /// `allowed` or `refused`, while the answer waits for the others and for a slot.
    pub answer: Option<String>,
}

impl AskView {
    /// Makes the views of what `run` waits for; nothing where it does not wait.
    pub(super) fn of(run: &Run) -> Vec<AskView> {
        let waits = matches!(run.state, State::Waiting { .. });
        run.asks.iter().filter(|_| waits).map(AskView::one).collect()
    }

    fn one(ask: &Ask) -> AskView {
        let answer = ask.ruling.as_ref();
        AskView {
            id: ask.id.to_string(),
            tool: ask.tool.clone(),
            text: ask.text.clone(),
            at: ask.at,
            answer: answer
                .map(|ruling| if ruling.allow { "allowed" } else { "refused" }.to_owned()),
        }
    }
}
