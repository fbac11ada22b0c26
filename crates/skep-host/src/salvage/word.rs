//! Owns: the proof that a forge's word is: the work up to one commit was brought in, however its commits look now.
//! Never: asks a forge; says anything of a commit that came after.

use serde::{Deserialize, Serialize};

use super::{By, Fate, Merge, Named, merged};
use crate::{
    git::{self, Git, GitError, Repository, is_oid, require_oid},
    worktree::is_ancestor,
};

/// A forge's word that a change was merged which proposed this commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// What was proposed when it was merged.
    pub head: String,
    /// The change, for people.
    pub change: String,
}

impl Fate {
    /// Where the branch's work may be, if the branch is to go.
    pub(crate) fn target(&self) -> Option<&str> {
        match self {
            Fate::KeepBranch | Fate::Spent => None,
            Fate::DropBranch { target } | Fate::DropBrought { target, .. } => target.as_deref(),
        }
    }

    /// The forge's word about it.
    pub(crate) fn word(&self) -> Option<&Word> {
        match self {
            Fate::KeepBranch | Fate::Spent | Fate::DropBranch { .. } => None,
            Fate::DropBrought { word, .. } => Some(word),
        }
    }
}

/// Says whether the work from `base_oid` to `branch_oid` was brought in: by what stands in `target`, or by the word of a forge
/// about just this commit.
pub fn merged_or_told(
    git: &Git,
    repo: &Repository,
    branch_oid: &str,
    base_oid: &str,
    target: &str,
    word: Option<&Word>,
) -> Merge {
    let by_git = merged(git, repo, branch_oid, base_oid, target);
    let Some(word) = word else { return by_git };
    match by_git {
        Merge::NotMerged { .. } | Merge::NoTarget if word.head == branch_oid => {
            Merge::Merged { by: By::Told, target: word.change.clone(), at: word.head.clone() }
        }
        Merge::NotMerged { commits, note } => match after(git, repo, branch_oid, &word.head) {
            Ok(Some(commits)) => {
                let note = Some(format!("they came after {} was merged", word.change));
                Merge::NotMerged { commits, note }
            }
            Ok(None) => Merge::NotMerged { commits, note },
            Err(error) => Merge::Unknown(error),
        },
        Merge::Merged { .. } | Merge::NoCommits | Merge::NoTarget | Merge::Unknown(_) => by_git,
    }
}

/// The commits of the branch that came after `head`, oldest first; none where that is not known here, or no commit of it.
fn after(
    git: &Git,
    repo: &Repository,
    branch: &str,
    head: &str,
) -> Result<Option<Vec<Named>>, GitError> {
    let known = is_oid(head) && git::commit(git, repo, head)?.is_some();
    if !known || !is_ancestor(git, repo, head, branch)? {
        return Ok(None);
    }
    let range = format!("{}..{}", require_oid(head)?, require_oid(branch)?);
    let out = git
        .call(repo.seat())
        .args(["rev-list", "--topo-order", "--reverse", "--no-commit-header", "--format=%H %s"])
        .args(["--end-of-options", &range, "--"])
        .bytes()?;
    let named = |line: &str| {
        let (oid, subject) = line.split_once(' ').unwrap_or((line, ""));
        Named { oid: oid.to_owned(), subject: subject.to_owned() }
    };
    Ok(Some(String::from_utf8_lossy(&out).lines().map(named).collect()))
}
