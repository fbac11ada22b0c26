//! Bringing the branch of a worktree to the repository's remote, as far as that goes without anybody's harm.
//!
//! Owns: what stands and what the remote says of it, the commit of what was left over, the push. Never: believes a
//! tracking ref, writes over what it did not push itself, passes a hook by, or lets one have more than the agent had.
//! See docs/design/publish.md.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    git::{self, Fault, Git, GitError, Repository, Retry},
    proc::ProcError,
};

mod push;
mod remote;
mod rest;
#[cfg(test)]
mod tests;
mod words;

pub use push::{By, Push, Pushed, push};
pub(crate) use push::{Sent, send};
pub(crate) use remote::of as remote_of;
pub use remote::{Head, Remote, addresses_of, remotes};
pub use rest::{Rest, commit_rest};
pub use words::words;

/// Why a branch was not published, or could not even be looked at.
#[derive(Debug, Error)]
pub enum PublishError {
    #[error(transparent)]
    Git(#[from] GitError),
    /// What stands in the worktree says that it is of another repository.
    #[error("`{}` does not lead to a worktree of `{}`: something has changed it", .worktree.join(".git").display(), .repository.display())]
    Astray { worktree: PathBuf, repository: PathBuf },
    /// A merge, rebase or the like that was begun; a commit would end it as it stands.
    #[error("{what} is under way in the worktree")]
    UnderWay { what: String },
    /// A repository of its own in the worktree; a commit would hold its name and nothing of what is in it.
    #[error("there is a repository in the worktree that it does not look into: {}", list(.paths))]
    Nested { paths: Vec<PathBuf> },
    /// Git, or a hook, did not make the commit.
    #[error("the commit was refused: {output}")]
    Refused {
        /// At most 20 KB, for people.
        output: String,
    },
    /// Nothing says which of several remotes is meant.
    #[error("there are several remotes ({}), and none is meant more than the others", .candidates.join(", "))]
    WhichRemote { candidates: Vec<String> },
    /// The branch is not one that a run may push to.
    #[error("`{branch}` is {what}: a run pushes only to a branch of its own")]
    NotItsOwn { branch: String, what: &'static str },
    #[error("the hook `{hook}` could not be run")]
    Hook {
        hook: &'static str,
        #[source]
        source: ProcError,
    },
    #[error("{what} `{}`", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<String> =
        paths.iter().take(5).map(|path| words(&path.to_string_lossy())).collect();
    names.join(", ")
}

impl PublishError {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            PublishError::Git(error) => error.slug(),
            PublishError::Astray { .. } => "worktree-astray",
            PublishError::UnderWay { .. } => "worktree-under-way",
            PublishError::Nested { .. } => "worktree-nested-repository",
            PublishError::Refused { .. } => "commit-refused",
            PublishError::WhichRemote { .. } => "remote-undecided",
            PublishError::NotItsOwn { .. } => "push-not-its-own",
            PublishError::Hook { .. } => "hook-not-run",
            PublishError::Io { .. } => "io",
        }
    }

    /// Whether the same again may go better.
    pub fn retry(&self) -> Retry {
        match self {
            PublishError::Git(error) => error.retry(),
            PublishError::Hook { .. } | PublishError::Io { .. } => Retry::After(5_000),
            PublishError::Astray { .. }
            | PublishError::UnderWay { .. }
            | PublishError::Nested { .. }
            | PublishError::Refused { .. }
            | PublishError::WhichRemote { .. }
            | PublishError::NotItsOwn { .. } => Retry::Never,
        }
    }

    /// Whose move it is.
    pub fn fault(&self) -> Fault {
        match self {
            PublishError::Git(error) => error.fault(),
            PublishError::Hook { .. } | PublishError::Io { .. } => Fault::Environment,
            PublishError::Astray { .. }
            | PublishError::UnderWay { .. }
            | PublishError::Nested { .. }
            | PublishError::Refused { .. } => Fault::Agent,
            PublishError::WhichRemote { .. } | PublishError::NotItsOwn { .. } => Fault::User,
        }
    }
}

/// Finds the remote that `branch` of a repository goes to; none where there is no remote.
///
/// Errors: several, and nothing decides.
pub fn to_push(
    git: &Git,
    repo: &Repository,
    branch: Option<&str>,
) -> Result<Option<Remote>, PublishError> {
    remote::of(git, repo, branch)
}

/// What stands in a worktree, and what its remote has of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub head: String,
    /// None when HEAD is detached.
    pub branch: Option<String>,
    /// Changed and untracked paths, and those that git was told not to look at; what it ignores is none of them.
    pub dirty: Vec<PathBuf>,
    /// None where the repository has no remote.
    pub remote: Option<Remote>,
    /// What the remote has on the branch that is checked out.
    pub remote_head: Head,
}

/// Asks what stands in `worktree`, a worktree of `repo`, and asks the remote itself what it has; for that it waits at
/// most `wait`, and without one no remote is looked at.
///
/// Errors: whatever could not be asked here; a remote that gives no answer is [`Head::Unknown`].
pub fn status_of(
    git: &Git,
    repo: &Repository,
    worktree: &Path,
    wait: Option<Duration>,
) -> Result<Standing, PublishError> {
    require_home(git, repo, worktree)?;
    let status = git::status(git.call(worktree))?;
    let unborn = || GitError::Unborn { branch: status.branch.clone().unwrap_or_default() };
    let head = status.head.clone().ok_or_else(unborn)?;
    let hidden = git::unwatched(git.call(worktree), worktree)?;
    let dirty = status.changed.into_iter().chain(status.untracked).chain(hidden).collect();
    let remote = match wait {
        Some(_) => remote::of(git, repo, status.branch.as_deref())?,
        None => None,
    };
    let remote_head = match (&remote, &status.branch, wait) {
        (Some(remote), Some(_), Some(wait)) => {
            remote.head(&git.clone().timeout(wait), repo, &head)?
        }
        _ => Head::Absent,
    };
    Ok(Standing { head, branch: status.branch, dirty, remote, remote_head })
}

/// A worktree's `.git` is a file that its agent can write: it must lead where the worktree was made.
fn require_home(git: &Git, repo: &Repository, worktree: &Path) -> Result<(), PublishError> {
    let astray = || PublishError::Astray {
        worktree: worktree.to_owned(),
        repository: repo.common_dir.clone(),
    };
    let found = match git::discover(git, worktree) {
        Err(GitError::NotARepository { .. }) => return Err(astray()),
        other => other?,
    };
    let real = worktree.canonicalize().map_err(|source| PublishError::Io {
        what: "look at",
        path: worktree.to_owned(),
        source,
    })?;
    let is_home = found.common_dir == repo.common_dir && found.top == Some(real);
    if is_home { Ok(()) } else { Err(astray()) }
}
