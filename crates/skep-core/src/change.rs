//! A change, the pull or merge request of a forge, in words that every forge shares.
//!
//! Owns: what a change is, what its checks and comments are. Never: speaks to a forge.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A change as its forge told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `github`, `forgejo` or `gitlab`.
    pub forge: String,
    pub number: u64,
    pub url: String,
    pub state: ChangeState,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// The commit that it proposes, or that it proposed when it was merged; empty where the forge does not tell that.
    pub head: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// The commit that its work became on the base, where it is merged and the forge says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_as: Option<String>,
}

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    Open,
    Merged,
    /// Closed, and not merged.
    Closed,
}

impl ChangeState {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeState::Open => "open",
            ChangeState::Merged => "merged",
            ChangeState::Closed => "closed",
        }
    }
}

/// What one check of a change's head came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub state: CheckState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it says of itself; somebody else's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    Pending,
    Passed,
    Failed,
    /// Skipped, neutral or cancelled: it says nothing of the work.
    Skipped,
}

/// What somebody wrote to a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Unique in its change.
    pub id: String,
    pub author: String,
    /// Whether its author may write to the repository; somebody of whom the forge does not say so may not.
    pub member: bool,
    /// Somebody else's words.
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    pub at: Timestamp,
}
