//! Owns: the proof that a worktree is as it was made on its commit, and that the repository keeps that commit without it.
//! Never: takes a worktree for unchanged in which anything stands that the commit does not have.

use std::path::Path;

use super::{Expendable, Proof, Proven, Reason, gone, reasons, sort_ignored, spare};
use crate::{
    git::{Git, GitError, Repository},
    worktree,
};

/// Proves that all at `now` is what a checkout of `oid` makes, without a branch, and that a branch, tag or remote has `oid`; none where it is not so.
///
/// Shape: a file that is missing is no difference, so that a deletion that was killed goes on; git knows the worktree at `path`.
pub(crate) fn as_made(
    git: &Git,
    repo: &Repository,
    (path, now): (&Path, &Path),
    oid: &str,
    expendable: &Expendable<'_>,
) -> Result<Option<Proof>, GitError> {
    let io = |source| GitError::Io { what: "look at", path: repo.common_dir.clone(), source };
    let Some(git_dir) = worktree::private_dir(repo, path).map_err(io)? else { return Ok(None) };
    // Asked without its own commit: one that no ref has would go with the worktree.
    let (head, mut reasons) = reasons(git, repo, &git_dir, now, None)?;
    let (code, _) =
        git.call_at(&git_dir, now).args(["symbolic-ref", "--quiet", "HEAD"]).code(&[0, 1])?;
    if code == 0 || head.as_deref() != Some(oid) {
        return Ok(None);
    }
    let (path, git_dir_of) = (path.to_owned(), Some(git_dir.clone()));
    let looked = Proof { what: Proven::Worktree { path, git_dir: git_dir_of, head } };
    spare(git, &looked, now, expendable.discard, &mut reasons)?;
    for reason in &mut reasons {
        if let Reason::Dirty { files } = reason {
            files.retain(|file| !gone(&now.join(file)));
        }
    }
    reasons.retain(|reason| !matches!(reason, Reason::Dirty { files } if files.is_empty()));
    if !reasons.is_empty() || !sort_ignored(git, &git_dir, now, expendable)?.kept.is_empty() {
        return Ok(None);
    }
    Ok(Some(Proof { what: Proven::Held { at: now.to_owned() } }))
}
