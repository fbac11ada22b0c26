//! What can be asked about plans.

use serde::{Deserialize, Serialize};

use super::RunAsk;

/// A plan that is wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanAsk {
    /// A task's id, or the title of one that is made first.
    pub task: String,
    /// The projects that the plan may name; empty: those of the task, else all there are, else the repository of `how.cwd`.
    pub projects: Vec<String>,
    /// What a person says to it.
    pub text: String,
    /// Whether the task is done, and more is wanted.
    pub more: bool,
    /// How its runs are to be: agent, budget, leave, environment.
    pub how: RunAsk,
}

/// A plan that is to be carried out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImplementAsk {
    /// A plan's id, a task's, or that of a run of the task.
    pub of: String,
    /// How its runs are to be.
    pub how: RunAsk,
}
