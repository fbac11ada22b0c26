//! What `adopt` prints: worktrees that others made, and what became of them.

use serde::{Deserialize, Serialize};
use skep_core::run::{Layout, Pane};

/// A worktree that may be taken over, was, or may not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptView {
    /// `free`, `adopted` or `refused`.
    pub status: String,
    pub path: String,
    /// Null where HEAD is detached, or nobody could look.
    pub branch: Option<String>,
    pub head: Option<String>,
    pub dirty: Option<bool>,
    /// Commits since its branch left the one that it is to land on; null where that is not known.
    pub ahead: Option<u64>,
    pub target: Option<String>,
    pub layout: Layout,
    pub tmux: Option<Pane>,
    /// The agent that a resume starts.
    pub agent: Option<String>,
    /// The run that has it, and its name.
    pub run: Option<String>,
    pub name: Option<String>,
    /// Whether it was taken over by this very wish.
    pub new: bool,
    /// Why not, where it is refused.
    pub why: Option<WhyNotView>,
}

/// Why a worktree is not taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyNotView {
    pub slug: String,
    pub message: String,
    pub hints: Vec<String>,
}
