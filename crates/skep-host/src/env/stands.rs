//! Owns: what of a worktree differs from its commit, whatever was done to hide it, and what is checked out there.
//! Never: says whose doing that was.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    git::{self, Git, GitError, Repository},
    worktree,
};

/// What a worktree looks like beside its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stands {
    pub head: Option<String>,
    /// None where HEAD names no branch.
    pub branch: Option<String>,
    /// Below the worktree, by name: changed, new and not ignored, or hidden from git by hand.
    pub files: Vec<PathBuf>,
    /// What was begun and not ended: a merge, a rebase or the like.
    pub under_way: Vec<&'static str>,
}

impl Stands {
    /// Whether it is the commit `oid` on no branch, and nothing besides.
    pub fn is_at(&self, oid: &str) -> bool {
        self.head.as_deref() == Some(oid)
            && self.branch.is_none()
            && self.files.is_empty()
            && self.under_way.is_empty()
    }
}

/// Looks at a worktree of `repo`, by what the repository knows of it and not by what stands in it. Ignored files are no difference.
///
/// Errors: git could not be asked, or knows no worktree there.
pub fn stands(git: &Git, repo: &Repository, worktree: &Path) -> Result<Stands, GitError> {
    let io = |source| GitError::Io { what: "look at", path: worktree.to_owned(), source };
    let worktree = &worktree.canonicalize().map_err(io)?;
    let git_dir = worktree::private_dir(repo, worktree)
        .map_err(io)?
        .ok_or_else(|| GitError::NotARepository { path: worktree.to_owned() })?;
    let call = || git.call_at(&git_dir, worktree);
    let status = git::status(call())?;
    let mut files = status.changed;
    files.extend(status.untracked);
    files.extend(git::unwatched(call(), worktree)?);
    if !leads_to(worktree, &git_dir).map_err(io)? {
        files.push(PathBuf::from(".git"));
    }
    files.sort();
    files.dedup();
    let (head, branch) = (status.head, status.branch);
    Ok(Stands { head, branch, files, under_way: worktree::under_way(&git_dir) })
}

/// Whether the worktree's own link is the one that git made.
fn leads_to(worktree: &Path, git_dir: &Path) -> io::Result<bool> {
    let link = worktree.join(".git");
    match fs::symlink_metadata(&link) {
        Ok(meta) if meta.is_file() && meta.len() < 64 * 1024 => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let text = fs::read(&link)?;
    let named = text.strip_prefix(b"gitdir: ").map(|rest| rest.strip_suffix(b"\n").unwrap_or(rest));
    let named = named.and_then(|named| git::path_of(named).canonicalize().ok());
    Ok(named == Some(git_dir.canonicalize()?))
}
