//! Owns: where a target stands at the remote that it goes to, asked there, its commit brought here.
//! Never: moves a branch; takes no answer for an absent one.

use serde::{Deserialize, Serialize};

use super::has_commit;
use crate::{
    git::{Git, GitError, Repository},
    publish::{Head, PublishError, Remote, remote_of, words},
};

/// A target at its remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct There {
    pub remote: Remote,
    /// A commit that is said to be there is here as well.
    pub head: Head,
}

/// Asks the remote that `target` goes to where it stands, and fetches that; none where the repository has no remote.
///
/// Errors: whatever could not be asked here, and several remotes of which none is meant more; a remote that gives no
/// answer is [`Head::Unknown`].
pub fn there(git: &Git, repo: &Repository, target: &str) -> Result<Option<There>, PublishError> {
    let Some(remote) = remote_of(git, repo, Some(target))? else { return Ok(None) };
    let head = match remote.head(git, repo, "")? {
        Head::At { oid } if !has_commit(git, repo, &oid)? => {
            match fetch(git, repo, &remote.name, target) {
                Ok(()) if has_commit(git, repo, &oid)? => Head::At { oid },
                // It went on meanwhile, in a way that does not lead through there.
                Ok(()) => Head::Unknown { why: format!("{target} is being rewritten there") },
                Err(GitError::Failed { stderr, .. }) => Head::Unknown { why: words(&stderr) },
                Err(GitError::Timeout { after, .. }) => {
                    Head::Unknown { why: format!("no answer within {} s", after.as_secs()) }
                }
                Err(err) => return Err(err.into()),
            }
        }
        head @ (Head::At { .. } | Head::Absent | Head::Unknown { .. }) => head,
    };
    Ok(Some(There { remote, head }))
}

fn fetch(git: &Git, repo: &Repository, remote: &str, target: &str) -> Result<(), GitError> {
    let quiet = [
        "-c",
        "credential.interactive=false",
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-prune",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
        "--refmap=",
        "--end-of-options",
        remote,
    ];
    let spec = format!("+refs/heads/{target}:refs/remotes/{remote}/{target}");
    git.call(repo.seat()).args(quiet).arg(spec).bytes().map(drop)
}
