//! Owns: who may bring something to a target: one lander at a time, for the length of a lease, by number.
//! Never: ends a lander; one whose lease is over finds that it moves nothing any more.

use serde::{Deserialize, Serialize};

use crate::git::{Git, GitError, Repository};

/// A lander's hold of a target. Who holds it is told by owner and number, so that it may be renewed by another process of the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub target: String,
    pub owner: String,
    /// Grows with every claim that is not a renewal.
    pub number: u64,
    /// Unit: seconds since 1970.
    pub until: i64,
    /// Unit: seconds.
    pub lease: i64,
}

/// What came of a wish to hold a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "claiming", rename_all = "snake_case")]
pub enum Claiming {
    Claimed(Claim),
    /// Another lander's lease is not over.
    Held(Claim),
}

/// Takes the target for `lease` seconds from `now`, where nobody holds it or whoever did let his lease run out.
///
/// An owner that holds it already has it renewed, under the same number.
/// Errors: git could not be asked, or failed.
pub fn claim(
    git: &Git,
    repo: &Repository,
    target: &str,
    owner: &str,
    lease: i64,
    now: i64,
) -> Result<Claiming, GitError> {
    let _ = (git, repo, target, owner, lease, now);
    Err(GitError::NoSuchRef { wanted: String::new() })
}

/// Holds the target for another lease from `now`; a claim that was let run out and taken by nobody is renewed as well.
///
/// Errors: git could not be asked, or failed. That another holds it now is [`Claiming::Held`].
pub fn renew(git: &Git, repo: &Repository, claim: &Claim, now: i64) -> Result<Claiming, GitError> {
    let _ = (git, repo, claim, now);
    Err(GitError::NoSuchRef { wanted: String::new() })
}

/// Gives the target free; a claim that is another's by now is left alone.
///
/// Errors: git could not be asked, or failed.
pub fn release(git: &Git, repo: &Repository, claim: &Claim) -> Result<(), GitError> {
    let _ = (git, repo, claim);
    Err(GitError::NoSuchRef { wanted: String::new() })
}
