//! The hands: the only crate that starts programs and touches processes, git and env folders.
//!
//! **Invariant:** does not know what a run is.

pub mod paths;
pub mod lock;
pub mod proc;
pub mod tree;
pub mod git;
pub mod worktree;
pub mod salvage;
pub mod env;
