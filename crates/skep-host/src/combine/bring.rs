//! Owns: the one deed that moves a target, here or at a remote.
//! Never: moves it from anywhere but where the trial was made, or for a lander whose claim is another's; forces a remote.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Claim;
use crate::{
    git::{Git, GitError, Repository},
    publish::By,
    worktree::Refusal,
};

/// A wish to move a target to a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bring {
    pub target: String,
    /// Where the trial was made.
    pub onto: String,
    /// The trial.
    pub commit: String,
    /// The lander's hold; none only where a person does it by hand.
    pub claim: Option<Claim>,
    /// The remote whose branch of the same name is the target; the local branch follows where it can.
    pub push: Option<String>,
}

/// What came of a wish to move a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "brought", rename_all = "snake_case")]
pub enum Brought {
    Landed {
        from: String,
        to: String,
        /// The checkout that moved along; none where the target is checked out nowhere.
        checkout: Option<PathBuf>,
        /// Why the local branch did not follow the remote's, where it did not.
        behind: Option<Refusal>,
    },
    /// The target has it already; `at` is where it stands.
    Already { at: String },
    /// The claim is another's now, or nobody's; nothing has moved.
    Fenced { by: Option<Claim> },
    /// Nothing has moved. Of these [`Refusal::TargetMoved`] asks for another trial.
    Refused(Refusal),
    /// The remote would not have it; nothing has moved.
    PushRefused { by: By, output: String },
    /// The remote gave no answer to the point; whether it has the commit is not known, and asking again is safe.
    Unreachable { text: String },
}

/// Moves the target from where the trial was made to the trial, in its checkout where it has one.
///
/// The claim and the target's place are verified in the same transaction as the move. The same wish again lands nothing twice.
/// Errors: git could not be asked, or failed; whether the target moved is then seen by asking again.
pub fn bring(git: &Git, repo: &Repository, locks: &Path, ask: &Bring) -> Result<Brought, GitError> {
    let _ = (git, repo, locks, ask);
    Err(GitError::NoSuchRef { wanted: String::new() })
}
