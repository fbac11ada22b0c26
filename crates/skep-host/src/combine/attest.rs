//! Owns: what is written beside a commit of how it was proven, as git notes.
//! Never: writes over what another wrote.

use super::{call, commit, require_commit};
use crate::git::{self, Git, GitError, Repository};

const NOTES: &str = "refs/notes/skep";

/// How often another one's note may come first.
const TRIES: usize = 32;

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
    let commit = require_commit(git, repo, commit)?;
    let text = text.trim_end();
    let who = commit::who(git, repo)?;
    let mut failed = None;
    for _ in 0..TRIES {
        // Before the note: one that comes after this is missed, and then the ref stands here no more.
        let before = git::commit(git, repo, NOTES)?;
        let said = attestation(git, repo, &commit)?.unwrap_or_default();
        let said = said.trim_end();
        if format!("\n\n{said}\n\n").contains(&format!("\n\n{text}\n\n")) {
            return Ok(());
        }
        let all = if said.is_empty() { format!("{text}\n") } else { format!("{said}\n\n{text}\n") };
        // git's own notes move their ref from wherever it stands then; this moves it from `before` only.
        let mut told = format!("commit {NOTES}\ncommitter {who} {at} +0000\ndata 0\n");
        if let Some(before) = &before {
            told.push_str(&format!("from {before}\n"));
        }
        told.push_str(&format!("N inline {commit}\ndata {}\n{all}\ndone\n", all.len()));
        let plain = ["fast-import", "--quiet", "--done", "--date-format=raw"];
        match call(git, repo).args(plain).stdin(told.into_bytes()).bytes() {
            Ok(_) => return Ok(()),
            Err(err @ GitError::Failed { .. }) => failed = Some(err),
            Err(err) => return Err(err),
        }
        if git::commit(git, repo, NOTES)? == before {
            break;
        }
    }
    Err(failed.unwrap_or_else(|| GitError::NoSuchRef { wanted: NOTES.to_owned() }))
}

/// Reads what stands beside `commit`; none where nothing does.
///
/// Errors: git could not be asked, or failed.
pub fn attestation(git: &Git, repo: &Repository, commit: &str) -> Result<Option<String>, GitError> {
    let commit = git::require_oid(commit)?;
    if !git::ref_exists(git, repo, NOTES)? {
        return Ok(None);
    }
    let list = [&format!("--ref={NOTES}"), "list", commit];
    let (code, out) = call(git, repo).arg("notes").args(list).code(&[0, 1])?;
    if code == 1 {
        return Ok(None);
    }
    let blob = String::from_utf8_lossy(&out).trim().to_owned();
    let bytes = call(git, repo).args(["cat-file", "blob", git::require_oid(&blob)?]).bytes()?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}
