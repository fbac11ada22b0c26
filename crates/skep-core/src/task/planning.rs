//! The planning of a task while it is under way.

use serde::{Deserialize, Serialize};

use super::{Choice, TaskState};
use crate::id::{PlanId, RunId};

/// A planning under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planning {
    pub why: Why,
    /// What a person said to it: what else to think of, or what to change.
    pub text: String,
    /// The projects that the plan may name.
    pub projects: Vec<String>,
    pub choice: Choice,
    /// The run that plans; it may be one that planned before.
    pub run: RunId,
    /// The name of the file that the plan is to stand in, below the `output/` of the run's env.
    pub draft: String,
    /// How often a draft may be sent back.
    pub tries: u32,
    /// How many drafts were sent back.
    pub refused: u32,
    /// Where the task goes back to, when nothing comes of it.
    pub before: TaskState,
    /// The plan whose place the new one takes.
    pub replaces: Option<PlanId>,
    /// Whether its run is there.
    pub begun: bool,
}

/// Why a plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// There is none yet, or it is made from nothing once more.
    Fresh,
    /// A person sent the last one back.
    Feedback,
    /// The task is completed, and more is wanted.
    FollowUp,
}

/// What a planning met on its way without being stopped by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    pub kind: WarningKind,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

/// What kind of warning it is. The names are part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// A repository that cannot be planned for as it is.
    Unhealthy,
    /// What its remote has could not be had.
    PullFailed,
    /// A draft was sent back.
    ParseError,
    /// The guidance for the whole workspace could not be read.
    Guidance,
}

impl WarningKind {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            WarningKind::Unhealthy => "unhealthy",
            WarningKind::PullFailed => "pull_failed",
            WarningKind::ParseError => "parse_error",
            WarningKind::Guidance => "guidance",
        }
    }
}
