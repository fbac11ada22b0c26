//! Views of what holds for runs: rules that were changed, and marks that were lifted.

use serde::{Deserialize, Serialize};
use skep_core::run::Trust;

/// What became of the wish that a run be judged by the rules of today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesView {
    pub run: String,
    pub name: String,
    /// `in-force`, `next-attempt` where no agent is at work, or `failed`.
    pub status: String,
    pub trust: Trust,
    /// How many rules there are for it.
    pub deny: usize,
    pub ask: usize,
    pub allow: usize,
    /// Why it failed.
    pub why: Option<String>,
}

/// Words from outside that a person vouched for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiftView {
    pub run: Option<String>,
    pub task: Option<String>,
    /// Of the run's rules; none where only a task was lifted.
    pub rules: Option<RulesView>,
}
