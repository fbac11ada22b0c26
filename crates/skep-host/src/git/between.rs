//! What lies between two commits.
//!
//! Owns: what the commits of one side say. Never: reads a working tree.

use std::path::PathBuf;

use super::{Git, GitError, Repository, fields, require_oid};

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

/// The version of git, as it says; none where it does not.
pub fn version(git: &Git) -> Option<String> {
    let said = git.call(std::path::Path::new("/")).arg("version").line().ok()?;
    said.strip_prefix("git version ").map(str::to_owned)
}
