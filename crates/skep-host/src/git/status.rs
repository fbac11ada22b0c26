//! Owns: what differs in a worktree from its commit, whatever the user's settings hide.
//! Never: guesses at a row it does not know.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Call, GitError, fields, is_oid, path_of};

/// What `status` says.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// None before the first commit.
    pub(crate) head: Option<String>,
    pub(crate) branch: Option<String>,
    /// Tracked paths with a change, in the index or in the folder.
    pub(crate) changed: Vec<PathBuf>,
    pub(crate) untracked: Vec<PathBuf>,
}

impl Status {
    pub(crate) fn is_dirty(&self) -> bool {
        !self.changed.is_empty() || !self.untracked.is_empty()
    }
}

/// Asks for the status of the worktree that `call` is about, whatever the user's settings hide.
pub(crate) fn status(call: Call<'_>) -> Result<Status, GitError> {
    let plain = [
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--untracked-files=all",
        "--ignore-submodules=none",
        "--no-renames",
        "--no-ahead-behind",
    ];
    let out = call.args(plain).bytes()?;
    let mut status = Status::default();
    for row in fields(&out) {
        let kind = row.first().copied().unwrap_or(b' ');
        let rest = row.get(2..).unwrap_or_default();
        match kind {
            b'#' => {
                let header = String::from_utf8_lossy(rest);
                if let Some(oid) = header.strip_prefix("branch.oid ") {
                    status.head = is_oid(oid).then(|| oid.to_owned());
                } else if let Some(branch) = header.strip_prefix("branch.head ") {
                    status.branch = (branch != "(detached)").then(|| branch.to_owned());
                }
            }
            b'1' => status.changed.push(nth_field(rest, 7)),
            b'u' => status.changed.push(nth_field(rest, 9)),
            b'?' => status.untracked.push(path_of(rest)),
            _ => {
                let answer = String::from_utf8_lossy(row).into_owned();
                return Err(GitError::Odd { args: vec!["status".to_owned()], answer });
            }
        }
    }
    Ok(status)
}

/// The path that follows `n` columns, spaces in it included.
fn nth_field(row: &[u8], n: usize) -> PathBuf {
    path_of(row.splitn(n + 1, |byte| *byte == b' ').last().unwrap_or_default())
}

/// Tracked files that git was told not to look at (`assume-unchanged`, `skip-worktree`) and that stand there: no status shows their changes.
pub(crate) fn unwatched(call: Call<'_>, work_tree: &Path) -> Result<Vec<PathBuf>, GitError> {
    let out = call.args(["ls-files", "-v", "-z"]).bytes()?;
    let flagged = fields(&out)
        .filter(|row| row.first().is_some_and(|tag| tag.is_ascii_lowercase() || *tag == b'S'));
    let paths = flagged.map(|row| path_of(row.get(2..).unwrap_or_default()));
    Ok(paths.filter(|path| fs::symlink_metadata(work_tree.join(path)).is_ok()).collect())
}
