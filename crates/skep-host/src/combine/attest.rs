//! Owns: what is written beside a commit of how it was proven, as git notes.
//! Never: writes over what another wrote.

use crate::git::{Git, GitError, Repository};

/// Adds `text` to what stands beside `commit` under `refs/notes/skep`; the same text again adds nothing.
///
/// `at` dates it, in seconds since 1970.
/// Errors: git could not be asked, or failed.
pub fn attest(
    git: &Git,
    repo: &Repository,
    commit: &str,
    text: &str,
    at: i64,
) -> Result<(), GitError> {
    let _ = (git, repo, commit, text, at);
    Err(GitError::NoSuchRef { wanted: String::new() })
}

/// Reads what stands beside `commit`; none where nothing does.
///
/// Errors: git could not be asked, or failed.
pub fn attestation(git: &Git, repo: &Repository, commit: &str) -> Result<Option<String>, GitError> {
    let _ = (git, repo, commit);
    Ok(None)
}
