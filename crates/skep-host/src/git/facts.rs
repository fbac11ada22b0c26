//! Owns: how a worktree lies to its base, its target and its remotes.
//! Never: puts a zero where git gave no answer.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Git, GitError, fields, is_oid, require_oid, status::status};

/// What git says of a worktree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub head: String,
    /// None when HEAD is detached.
    pub branch: Option<String>,
    pub dirty: bool,
    /// Commits since the base.
    pub ahead: u64,
    /// Commits of the target that the work lacks; none without a target.
    pub behind: Option<u64>,
    /// Commits on no remote-tracking branch; none where the repository has no remote.
    pub unpushed: Option<u64>,
    /// Files that differ from the base, untracked ones included.
    pub files: u64,
    pub insertions: u64,
    pub deletions: u64,
}

/// Asks git about `worktree`: what stands there against the base, and how it lies to target and remotes.
///
/// Errors: whatever could not be asked; no fact is guessed.
pub fn facts(
    git: &Git,
    worktree: &Path,
    base_oid: &str,
    target: Option<&str>,
) -> Result<Facts, GitError> {
    let base = require_oid(base_oid)?;
    let status = status(git.call(worktree))?;
    let head = status
        .head
        .clone()
        .ok_or_else(|| GitError::Unborn { branch: status.branch.clone().unwrap_or_default() })?;
    let count = |args: &[&str]| {
        git.call(worktree).args(["rev-list", "--count", "--end-of-options"]).args(args).number()
    };
    let ahead = if head == base { 0 } else { count(&[&format!("{base}..{head}")])? };
    let behind = match target {
        Some(target) => match target_commit(git, worktree, target)? {
            Some(oid) => Some(count(&[&format!("{head}..{oid}")])?),
            None => None,
        },
        None => None,
    };
    let remotes = git.call(worktree).args(["remote"]).line()?;
    let unpushed =
        if remotes.is_empty() { None } else { Some(count_unpushed(git, worktree, &head)?) };
    let (mut files, insertions, deletions) = differences(git, worktree, base)?;
    files += u64::try_from(status.untracked.len()).unwrap_or(u64::MAX);
    Ok(Facts {
        head,
        branch: status.branch.clone(),
        dirty: status.is_dirty(),
        ahead,
        behind,
        unpushed,
        files,
        insertions,
        deletions,
    })
}

fn count_unpushed(git: &Git, worktree: &Path, head: &str) -> Result<u64, GitError> {
    git.call(worktree).args(["rev-list", "--count", head, "--not", "--remotes"]).number()
}

/// A target is a branch first, since local landing moves that; then what the remote has.
fn target_commit(git: &Git, worktree: &Path, target: &str) -> Result<Option<String>, GitError> {
    for space in ["refs/heads/", "refs/remotes/origin/", "refs/remotes/"] {
        let name = format!("{space}{target}^{{commit}}");
        let (code, out) = git
            .call(worktree)
            .args(["rev-parse", "--verify", "--quiet", "--end-of-options", &name])
            .code(&[0, 1, 128])?;
        let oid = String::from_utf8_lossy(&out).trim().to_owned();
        if code == 0 && is_oid(&oid) {
            return Ok(Some(oid));
        }
    }
    Ok(None)
}

fn differences(git: &Git, worktree: &Path, base: &str) -> Result<(u64, u64, u64), GitError> {
    // A refresh would write the index, whatever GIT_OPTIONAL_LOCKS says; what was only touched changes no line without it.
    let plain = [
        "-c",
        "diff.autoRefreshIndex=false",
        "diff",
        "--numstat",
        "-z",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--no-relative",
        "--ignore-submodules=dirty",
        base,
        "--",
    ];
    let out = git.call(worktree).args(plain).bytes()?;
    let mut sums = (0, 0, 0);
    for row in fields(&out) {
        let mut columns = row.split(|byte| *byte == b'\t');
        // A binary file counts as changed, with `-` for both numbers.
        let mut number = || {
            columns
                .next()
                .and_then(|column| std::str::from_utf8(column).ok()?.parse::<u64>().ok())
                .unwrap_or(0)
        };
        sums = (sums.0 + 1, sums.1 + number(), sums.2 + number());
    }
    Ok(sums)
}
