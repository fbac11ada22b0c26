//! Owns: the proof that a worktree in which a commit was checked holds nothing that anybody meant to keep there.
//! Never: gives up a commit that no ref has, or what git was in the middle of: that is nobody's check.

use std::{io, path::Path};

use super::{Proof, Proven, Reason, reasons};
use crate::{
    git::{Git, GitError, Repository},
    worktree,
};

/// Proves that all at `now`, beside the commit `oid` that it was made on, is what a check of that left in files; none where it is not so.
///
/// Shape: a file that is missing is no difference, so that a deletion that was killed goes on; git knows the worktree at `path`.
pub(crate) fn spent(
    git: &Git,
    repo: &Repository,
    (path, now): (&Path, &Path),
    oid: &str,
) -> Result<Option<Proof>, GitError> {
    let io =
        |source: io::Error| GitError::Io { what: "look at", path: repo.common_dir.clone(), source };
    let Some(git_dir) = worktree::private_dir(repo, path).map_err(io)? else { return Ok(None) };
    let (_, reasons) = reasons(git, repo, &git_dir, now, Some(oid))?;
    let proof = Proof { what: Proven::Held { at: now.to_owned() } };
    Ok(reasons.iter().all(is_left_over).then_some(proof))
}

/// Whether it is what a check leaves: files, and repositories of others.
pub(crate) fn is_left_over(reason: &Reason) -> bool {
    match reason {
        Reason::Dirty { .. }
        | Reason::Untracked { .. }
        | Reason::Unwatched { .. }
        | Reason::Nested { .. }
        | Reason::Ignored { .. } => true,
        Reason::Submodule { commits, .. } => *commits == 0,
        Reason::UnderWay { .. }
        | Reason::Detached { .. }
        | Reason::PrivateRefs { .. }
        | Reason::Unmerged { .. }
        | Reason::Stash { .. }
        | Reason::Commits { .. }
        | Reason::NoRepository { .. } => false,
    }
}
