//! Owns: taking back what landed, by one commit on top of the target that undoes exactly that range.
//! Never: rewrites history, leaves a conflict in a checkout, or takes the same range back twice.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Land, Landing, Refusal, is_ancestor, land};
use crate::git::{self, Git, GitError, Merge, Merged, Repository, Rules, ref_exists, require_oid};

/// A wish to take back what brought the target from `old` to `new`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revert {
    pub target: String,
    pub old: String,
    pub new: String,
    /// What the commit says; the range is written below it.
    pub message: String,
}

/// What came of taking a landing back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "revert", rename_all = "snake_case")]
pub enum Reverting {
    Reverted {
        from: String,
        to: String,
        /// The checkout that moved along; none where the target is checked out nowhere.
        checkout: Option<PathBuf>,
    },
    /// It was taken back before, or nothing of it is left.
    Already {
        at: String,
    },
    /// The target has the range no more.
    NotThere {
        at: String,
    },
    /// Later commits changed the same places of these files.
    Conflicts {
        files: Vec<PathBuf>,
    },
    Refused(Refusal),
}

impl Reverting {
    /// The stable word for a refusal; none where there is nothing to refuse.
    pub fn slug(&self) -> Option<&'static str> {
        match self {
            Reverting::Reverted { .. } | Reverting::Already { .. } => None,
            Reverting::NotThere { .. } => Some("not-landed"),
            Reverting::Conflicts { .. } => Some("revert-conflicts"),
            Reverting::Refused(refusal) => Some(refusal.slug()),
        }
    }
}

/// Takes back what landed between two commits, by a commit that lands as carefully as the work did.
///
/// Errors: git could not be asked, or failed; whether the target moved is then seen by asking again.
pub fn revert(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    ask: &Revert,
) -> Result<Reverting, GitError> {
    let (old, new) = (require_oid(&ask.old)?, require_oid(&ask.new)?);
    let name = format!("refs/heads/{}", ask.target);
    let there = if ref_exists(git, repo, &name)? { git::commit(git, repo, &name)? } else { None };
    let Some(at) = there else { return Ok(Reverting::Refused(Refusal::TargetMissing)) };
    if !is_ancestor(git, repo, new, &at)? {
        return Ok(Reverting::NotThere { at });
    }
    let range = format!("Skep-reverts: {old}..{new}");
    let done = git
        .call(repo.seat())
        .args(["rev-list", "--fixed-strings", "--max-count=1"])
        .args([format!("--grep={range}"), format!("{new}..{at}"), "--".to_owned()])
        .line()?;
    if !done.is_empty() {
        return Ok(Reverting::Already { at });
    }
    let tree = match without(git, repo, &at, old, new)? {
        Ok(tree) => tree,
        Err(files) => return Ok(Reverting::Conflicts { files }),
    };
    if tree == tree_of(git, repo, &at)? {
        return Ok(Reverting::Already { at });
    }
    let message = format!("{}\n\n{range}\n", ask.message.trim_end());
    let commit = commit(git, repo, &tree, &at, &message)?;
    let landing = Land { target: ask.target.clone(), expected: at, new: commit };
    Ok(match land(git, repo, locks, &landing)? {
        Landing::Landed { from, to, checkout } => Reverting::Reverted { from, to, checkout },
        Landing::Already { at } => Reverting::Already { at },
        Landing::Refused(refusal) => Reverting::Refused(refusal),
    })
}

fn tree_of(git: &Git, repo: &Repository, commit: &str) -> Result<String, GitError> {
    let name = format!("{}^{{tree}}", require_oid(commit)?);
    git.call(repo.seat()).args(["rev-parse", "--verify", "--end-of-options", &name]).line()
}

/// The tree of `at` with the way from `old` to `new` gone back, or the files in which that is not possible.
fn without(
    git: &Git,
    repo: &Repository,
    at: &str,
    old: &str,
    new: &str,
) -> Result<Result<String, Vec<PathBuf>>, GitError> {
    let merge = Merge { base: Some(new), ours: at, theirs: old };
    Ok(match Rules::of(git, repo, at)?.merge(git, repo, &merge)? {
        Merged::Clean { tree } => Ok(tree),
        Merged::Conflict { files, .. } => Err(files),
    })
}

/// Makes the commit in the user's name, or in ours where git knows no name.
fn commit(
    git: &Git,
    repo: &Repository,
    tree: &str,
    parent: &str,
    message: &str,
) -> Result<String, GitError> {
    let make = |who: &[&str]| {
        git.call(repo.seat())
            .args(who)
            .args(["commit-tree", "-p", parent, "-F", "-", tree])
            .stdin(message.as_bytes().to_vec())
            .line()
    };
    match make(&[]) {
        Err(GitError::Failed { .. }) => {
            make(&["-c", "user.name=skep", "-c", "user.email=skep@localhost"])
        }
        other => other,
    }
}
