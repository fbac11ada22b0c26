//! Owns: the proof that a worktree is as it was made on its commit, and that the repository keeps that commit without it.
//! Never: takes a worktree for unchanged in which anything stands that the commit does not have.

use std::{fs, io, path::Path};

use super::{Expendable, Proof, Proven, Reason, gone, reasons, sort_ignored, spare};
use crate::{
    git::{Git, GitError, Repository},
    worktree,
};

/// A log that is longer is not that of a HEAD that stood still. Unit: bytes.
const LONGEST_LOG: u64 = 64 * 1024;

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
    if code == 0 || head.as_deref() != Some(oid) || !stood_still(&git_dir, oid).map_err(io)? {
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

/// Whether HEAD has never named anything but `oid`: what it named, its log may be the last to know.
fn stood_still(git_dir: &Path, oid: &str) -> io::Result<bool> {
    let log = git_dir.join("logs/HEAD");
    let meta = match fs::symlink_metadata(&log) {
        Ok(meta) => meta,
        // Another form of keeping refs has its logs elsewhere.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(!git_dir.join("reftable").exists());
        }
        Err(error) => return Err(error),
    };
    if !meta.is_file() || meta.len() > LONGEST_LOG {
        return Ok(false);
    }
    let text = fs::read(&log)?;
    let none = "0".repeat(oid.len());
    let still = |line: &str| line.split(' ').take(2).all(|named| named == oid || named == none);
    Ok(String::from_utf8_lossy(&text).lines().all(still))
}
