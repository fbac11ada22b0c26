//! A project's own commands around the making of a worktree, as a person approved them.
//!
//! Owns: what of them is frozen into a run, with what they are told of its work. Never: says what they did.

use serde::{Deserialize, Serialize};

/// What runs before and after a worktree is made; a worktree that is used again runs neither.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooks {
    /// A shell command before anything is made; its failure forbids it.
    pub creating: Option<String>,
    /// A shell command in the worktree once it is ready; its failure is a note.
    pub created: Option<String>,
    /// How long each may take.
    pub timeout_ms: u64,
    /// What an outside tracker calls the run's task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The text of the plan's part that the run works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_plan: Option<String>,
}

impl Hooks {
    /// Whether nothing is to run.
    pub fn is_none(&self) -> bool {
        self.creating.is_none() && self.created.is_none()
    }
}
