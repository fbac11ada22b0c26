//! Snapshots: a worktree's files and its private git state at a moment, kept in its own repository, so that they can come back bit for bit.
//!
//! Owns: the shelf they hang on (the HEAD of a hidden, locked worktree of the repository), their manifest, their taking, checking and coming back.
//! Never: touches a branch, the stash, hooks or settings while taking; puts an ignored file into git; writes outside the folder it was given.
//! See docs/format.md.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    git::{Fault, Git, GitError, Repository, Retry, is_oid},
    paths::PathError,
};

mod list;
mod manifest;
mod objects;
mod restore;
mod root;
mod shelf;
mod state;
mod take;
mod verify;
mod walk;

pub use list::{find, list, remove};
pub use restore::{Restored, restore_into, restore_stashes, restore_to};
pub use shelf::is_entry;
pub use take::take;
pub use verify::{Secured, Verdict, empty, verify};

#[cfg(test)]
mod tests;

/// What is to be kept, and under which name.
#[derive(Debug, Clone, Copy)]
pub struct Take<'a> {
    pub run: &'a str,
    /// The snapshot's own name; the same one twice gives the first one's answer.
    pub id: &'a str,
    /// Where the files are now, which need not be where the worktree was made.
    pub worktree: &'a Path,
    /// The worktree's private git folder; the repository itself for its main worktree.
    pub git_dir: &'a Path,
    pub note: &'a str,
    /// Patterns as in `.gitignore` of untracked files that are not kept.
    pub discard: &'a [String],
    /// Unit: milliseconds since 1970.
    pub at_ms: i64,
}

/// What was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub id: String,
    /// The snapshot's tree, which no other one has.
    pub oid: String,
    /// None before the first commit.
    pub head: Option<String>,
    /// None when HEAD is detached.
    pub branch: Option<String>,
    pub files: u64,
    pub bytes: u64,
    /// What stands there and could not be kept, each with the reason.
    pub left_out: Vec<String>,
}

/// A snapshot on the shelf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub run: String,
    pub id: String,
    pub oid: String,
    /// Unit: milliseconds since 1970.
    pub at_ms: i64,
    pub note: String,
    pub head: Option<String>,
    pub branch: Option<String>,
    pub files: u64,
    pub bytes: u64,
    pub left_out: Vec<String>,
}

/// A stash that was made on the snapshot's branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stash {
    pub oid: String,
    /// What the list of stashes says of it.
    pub message: String,
}

/// What a snapshot says of itself; stored in it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    format: u32,
    run: String,
    id: String,
    at_ms: i64,
    note: String,
    discard: Vec<String>,
    /// When the taking began, by the clock of the machine; what is younger may have changed unseen.
    began_s: i64,
    head: Option<String>,
    branch: Option<String>,
    /// Refs that belong to the worktree alone.
    refs: Vec<(String, String)>,
    stashes: Vec<Stash>,
    files: u64,
    bytes: u64,
    left_out: Vec<String>,
}

/// The version of the format on disk; a newer one is refused.
const FORMAT: u32 = 1;

/// Why a snapshot was not taken, read or brought back.
#[derive(Debug, Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("{what} `{}`", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A repository below the worktree that can only be kept whole, and cannot.
    #[error("the repository inside at `{}` cannot be kept whole: {why}", .path.display())]
    Nested { path: PathBuf, why: String },
    #[error("no snapshot `{wanted}` is kept here")]
    NoSuch { wanted: String },
    /// A name that would be a path or an option.
    #[error("`{name}` can name neither a run nor a snapshot")]
    BadName { name: String },
    #[error("`{}` is not empty", .dir.display())]
    NotEmpty { dir: PathBuf },
    /// Ignored files stand where the snapshot's files belong, and no snapshot holds them.
    #[error("files that git ignores are in the way: {}", shown(.files))]
    InTheWay { files: Vec<PathBuf> },
    /// The proof is of another place, or of none.
    #[error("`{}` has changed since it was secured", .worktree.display())]
    Unsecured { worktree: PathBuf },
    /// What is kept does not have the form in which we keep it.
    #[error("snapshot `{oid}` is not what was written: {why}")]
    Damaged { oid: String, why: String },
    #[error("snapshot `{oid}` has format {format}, which this skep does not know")]
    Newer { oid: String, format: u32 },
    /// Something else stands where the snapshots are to hang.
    #[error("`{}` is there and is not skep's", .path.display())]
    Foreign { path: PathBuf },
    #[error("a repository with {what} cannot keep snapshots yet")]
    Unsupported { what: &'static str },
    /// Others took snapshots in the same moment, again and again.
    #[error("the snapshots of `{}` change faster than they can be added to", .repository.display())]
    Contended { repository: PathBuf },
}

fn shown(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl SnapshotError {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            SnapshotError::Git(error) => error.slug(),
            SnapshotError::Path(error) => error.slug(),
            SnapshotError::Io { .. } => "io",
            SnapshotError::Nested { .. } => "nested-unreadable",
            SnapshotError::NoSuch { .. } => "no-such-snapshot",
            SnapshotError::BadName { .. } => "snapshot-name",
            SnapshotError::NotEmpty { .. } => "folder-not-empty",
            SnapshotError::InTheWay { .. } => "restore-in-the-way",
            SnapshotError::Unsecured { .. } => "restore-unsecured",
            SnapshotError::Damaged { .. } => "snapshot-damaged",
            SnapshotError::Newer { .. } => "snapshot-newer",
            SnapshotError::Foreign { .. } => "snapshot-shelf-foreign",
            SnapshotError::Unsupported { .. } => "snapshot-unsupported",
            SnapshotError::Contended { .. } => "snapshot-contended",
        }
    }

    /// Whether the same again may go better.
    pub fn retry(&self) -> Retry {
        match self {
            SnapshotError::Git(error) => error.retry(),
            SnapshotError::Path(_) | SnapshotError::Io { .. } => Retry::After(5_000),
            SnapshotError::Unsecured { .. } | SnapshotError::Contended { .. } => {
                Retry::After(1_000)
            }
            SnapshotError::Nested { .. }
            | SnapshotError::NoSuch { .. }
            | SnapshotError::BadName { .. }
            | SnapshotError::NotEmpty { .. }
            | SnapshotError::InTheWay { .. }
            | SnapshotError::Damaged { .. }
            | SnapshotError::Newer { .. }
            | SnapshotError::Foreign { .. }
            | SnapshotError::Unsupported { .. } => Retry::Never,
        }
    }

    /// Whose move it is.
    pub fn fault(&self) -> Fault {
        match self {
            SnapshotError::Git(error) => error.fault(),
            SnapshotError::Path(_)
            | SnapshotError::Io { .. }
            | SnapshotError::Damaged { .. }
            | SnapshotError::Unsecured { .. }
            | SnapshotError::Contended { .. } => Fault::Environment,
            SnapshotError::Nested { .. }
            | SnapshotError::NoSuch { .. }
            | SnapshotError::NotEmpty { .. }
            | SnapshotError::InTheWay { .. }
            | SnapshotError::Newer { .. }
            | SnapshotError::Foreign { .. }
            | SnapshotError::Unsupported { .. } => Fault::User,
            SnapshotError::BadName { .. } => Fault::Bug,
        }
    }
}

fn io_at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError + use<> {
    let path = path.to_owned();
    move |source| SnapshotError::Io { what, path, source }
}

fn damaged(oid: &str, why: impl Into<String>) -> SnapshotError {
    SnapshotError::Damaged { oid: oid.to_owned(), why: why.into() }
}

/// Ids become names in trees: one plain word.
fn require_name(name: &str) -> Result<&str, SnapshotError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let fits = !name.is_empty() && name.len() <= 100 && !name.starts_with('-');
    if fits && name.bytes().all(plain) {
        Ok(name)
    } else {
        Err(SnapshotError::BadName { name: name.to_owned() })
    }
}

fn require_snapshot(oid: &str) -> Result<&str, SnapshotError> {
    if is_oid(oid) { Ok(oid) } else { Err(SnapshotError::NoSuch { wanted: oid.to_owned() }) }
}

/// Everything one call needs of its surroundings.
#[derive(Clone, Copy)]
struct Place<'a> {
    git: &'a Git,
    repo: &'a Repository,
}
