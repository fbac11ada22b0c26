//! What can be asked about worktrees that somebody else made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which worktrees are to be taken over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdoptAsk {
    /// Their folders, absolute. Without one, and without `all`, the repository of `cwd` is only looked at.
    pub paths: Vec<String>,
    /// All of that repository that may be taken over.
    pub all: bool,
    pub dry_run: bool,
    /// The asker's folder, absolute.
    pub cwd: String,
    /// The asker's environment: the base names, what profile and project may list, and where their tmux is.
    pub env: BTreeMap<String, String>,
}

impl AdoptAsk {
    /// Whether it only looks.
    pub fn is_a_look(&self) -> bool {
        self.dry_run || self.paths.is_empty() && !self.all
    }
}
