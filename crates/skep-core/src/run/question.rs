//! Questions of a run's agent, what became of each, and what the agent says of its own work.

use serde::{Deserialize, Serialize};

/// Who is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    Foreman,
    Human,
}

/// How an agent says that its work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claimed {
    Done,
    /// It cannot go on.
    Blocked,
    NeedsReview,
}
