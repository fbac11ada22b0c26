//! What lies between two commits.
//!
//! Owns: which files differ, and what the commits of one side say. Never: reads a working tree.

use std::path::PathBuf;

use super::{Git, GitError, Repository, fields, path_of, require_oid};

/// Names the files that differ between two commits, as they are called in the newer one.
pub fn changed_paths(
    git: &Git,
    repo: &Repository,
    old: &str,
    new: &str,
) -> Result<Vec<PathBuf>, GitError> {
    let plain = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff"];
    let out = git
        .call(repo.seat())
        .args(plain)
        .args([require_oid(old)?, require_oid(new)?, "--"])
        .bytes()?;
    Ok(fields(&out).map(path_of).collect())
}

/// The first line of each commit that `new` has and `old` has not and that touches one of `files`, newest first, at most
/// `most` of them, each behind its short name.
pub fn subjects(
    git: &Git,
    repo: &Repository,
    old: &str,
    new: &str,
    files: &[PathBuf],
    most: usize,
) -> Result<Vec<String>, GitError> {
    let range = format!("{}..{}", require_oid(old)?, require_oid(new)?);
    let out = git
        .call(repo.seat())
        .args(["--literal-pathspecs", "log", "-z", "--format=%h %s", "--no-merges"])
        .arg(format!("--max-count={most}"))
        .args([range.as_str(), "--"])
        .args(files)
        .bytes()?;
    Ok(fields(&out).map(|line| String::from_utf8_lossy(line).into_owned()).collect())
}
