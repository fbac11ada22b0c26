//! A part of a plan: the work in one project.

use serde::{Deserialize, Serialize};

use super::Reviews;
use crate::id::RunId;

/// Where the work of a plan in one project stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub state: PartState,
    /// The run that works on it, or did last.
    pub run: Option<RunId>,
    /// Whether that run's worktree stands.
    pub placed: bool,
    /// Whether its run was stopped: it goes on when somebody wishes.
    pub rests: bool,
    /// Whether it was done before its run went on.
    pub was_done: bool,
    /// Whether a run that worked on it by an older plan is to hear what the new one says.
    pub reworded: bool,
    /// Whether its run is to hear words that are being made; what comes at another time is late.
    pub awaits_words: bool,
    /// Why it failed, or why a person is wanted.
    pub text: Option<String>,
    /// How far its work is handed over, or looked at for a review.
    pub finishing: Finishing,
    /// What became of its reviews.
    pub reviews: Reviews,
}

/// How far the work of a part is handed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finishing {
    /// Whether it is being looked at, or an agent puts it in order.
    pub under_way: bool,
    /// How often it was looked at; the next look's number follows from it.
    pub looks: u32,
    /// Whether its agent was asked to commit what it left.
    pub told_to_commit: bool,
    /// Whether its agent was asked to mend what the remote refused.
    pub told_to_mend: bool,
    /// The head that is handed over, and where it was pushed.
    pub head: Option<(String, Option<String>)>,
    /// Why it could not be handed over.
    pub failed: Option<String>,
}

/// Where a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    Pending,
    InProgress,
    Completed,
    Failed,
    /// A person is wanted.
    Escalated,
}

impl PartState {
    /// Every state.
    pub const ALL: [PartState; 5] = [
        PartState::Pending,
        PartState::InProgress,
        PartState::Completed,
        PartState::Failed,
        PartState::Escalated,
    ];

    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            PartState::Pending => "pending",
            PartState::InProgress => "in_progress",
            PartState::Completed => "completed",
            PartState::Failed => "failed",
            PartState::Escalated => "escalated",
        }
    }

    /// Whether a part may go from this state to `to`. A reset to pending is none of these: it says that all begins anew.
    pub fn may_become(self, to: PartState) -> bool {
        use PartState::{Completed, Escalated, Failed, InProgress, Pending};
        match self {
            Pending => to == InProgress,
            InProgress => matches!(to, Completed | Failed | Escalated | Pending),
            Completed => to == InProgress,
            Failed | Escalated => matches!(to, InProgress | Pending),
        }
    }
}

impl Finishing {
    /// Nothing of it is done yet; an answer to an older look stays one.
    pub(super) fn anew(&self) -> Finishing {
        Finishing { looks: self.looks, ..Finishing::default() }
    }
}

impl Part {
    /// A part that nobody has begun.
    pub fn new() -> Part {
        Part {
            state: PartState::Pending,
            run: None,
            placed: false,
            rests: false,
            reworded: false,
            was_done: false,
            awaits_words: false,
            text: None,
            finishing: Finishing::default(),
            reviews: Reviews::default(),
        }
    }
}

impl Default for Part {
    fn default() -> Part {
        Part::new()
    }
}
