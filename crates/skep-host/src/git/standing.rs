//! Owns: what stands in a worktree, by name: its branch, its last commits, its files that are not committed.
//! Never: guesses; a list that is cut says how much is missing.

use std::path::{Path, PathBuf};

use super::{Git, GitError, fields, require_oid, status::status};

/// What stands in a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// None when HEAD is detached.
    pub branch: Option<String>,
    /// Short name and subject of commits since the base, the newest first.
    pub commits: Vec<(String, String)>,
    /// How many there are.
    pub ahead: u64,
    /// Changed and untracked paths, as git lists them.
    pub dirty: Vec<PathBuf>,
}

/// Asks what stands in `worktree` since `base_oid`; at most `most` commits are named.
///
/// Errors: whatever could not be asked.
pub fn standing(
    git: &Git,
    worktree: &Path,
    base_oid: &str,
    most: usize,
) -> Result<Standing, GitError> {
    let base = require_oid(base_oid)?;
    let status = status(git.call(worktree))?;
    let range = format!("{base}..HEAD");
    let ahead =
        git.call(worktree).args(["rev-list", "--count", "--end-of-options", &range]).number()?;
    let most = format!("--max-count={most}");
    let plain = ["-c", "log.showSignature=false", "log", "--no-color", "--no-show-signature"];
    let shape = ["--no-mailmap", "--format=%H%x09%s", "-z", &most, "--end-of-options", &range];
    let out = git.call(worktree).args(plain).args(shape).args(["--"]).bytes()?;
    let commits = fields(&out)
        .filter_map(|row| {
            let row = String::from_utf8_lossy(row);
            let (oid, subject) = row.split_once('\t')?;
            Some((oid.get(..10)?.to_owned(), subject.to_owned()))
        })
        .collect();
    let dirty = status.changed.into_iter().chain(status.untracked).collect();
    Ok(Standing { branch: status.branch, commits, ahead, dirty })
}
