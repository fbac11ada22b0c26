//! The hands: the only crate that starts programs and touches processes, git and env folders.
//!
//! **Invariant:** does not know what a run is.

pub mod cache;
pub mod cgroup;
pub mod claim;
pub mod combine;
pub mod env;
pub mod fence;
pub mod foreign;
pub mod git;
pub mod handout;
pub mod lock;
pub mod overlap;
pub mod paths;
pub mod ports;
pub mod proc;
pub mod publish;
pub mod salvage;
pub mod secrets;
pub mod snapshot;
pub mod survey;
pub mod tmux;
pub mod tree;
pub mod worktree;
