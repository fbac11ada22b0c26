//! What the outside said, with the moment it was asked: git, processes, exits.
//!
//! Owns: facts as values. A fact that could not be had is absent, never false or zero.
//! Never: asks; the hands ask.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How an attempt ended. It is written only when nothing of its tree lives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code; 128+n for a death by signal n; 1 where the agent could not be started.
    pub code: i32,
    pub signal: Option<i32>,
    pub started: Timestamp,
    pub ended: Timestamp,
    /// Whether skep's own guards ended it: a stop, a lost guard, the host going down.
    #[serde(default)]
    pub forced: bool,
    /// Whether its turn was over and skep let it go, but it would not leave by itself: how it died then says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub let_go: bool,
    /// Why the agent could not be started, where it could not.
    #[serde(default)]
    pub error: Option<String>,
    /// Helpers that were let go by intent, as `name (pid)`.
    #[serde(default)]
    pub spared: Vec<String>,
    /// What git said of the worktree after the end.
    #[serde(default)]
    pub git: Option<GitFacts>,
}

/// What git says of a run's worktree, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitFacts {
    /// The commit of HEAD, in full.
    pub head: String,
    /// The branch that HEAD is on; none when it is detached.
    pub branch: Option<String>,
    /// Whether anything tracked is changed or anything untracked stands there.
    pub dirty: bool,
    /// Commits since the base.
    pub ahead: u64,
    /// Commits of the target that the work does not have yet; none where there is no target.
    pub behind: Option<u64>,
    /// Commits on no remote-tracking branch; none where the repository has no remote.
    pub unpushed: Option<u64>,
    /// Differences of HEAD and working tree against the base.
    pub files: u64,
    pub insertions: u64,
    pub deletions: u64,
    pub at: Timestamp,
}
