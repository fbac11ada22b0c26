//! Envs: the place of a run, made so that a kill at any moment leaves nothing that the next call cannot finish or undo.
//!
//! Owns: the env's folder, its lock and owner record, the branch and worktree made for it, the files brought into it; letting it go.
//! Never: takes over a folder, branch or worktree it has not made, runs the repository's code, or resets a checkout of the user.
//! See docs/design/env.md.

use std::{io, path::PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    git::{Base, Fault, FetchOutcome, GitError, Retry},
    lock::LockError,
    paths,
    salvage::Reason,
    snapshot::SnapshotError,
};

mod attach;
mod claim;
mod enter;
mod files;
mod folder;
mod leave;
mod owner;
mod place;
mod prepare;
mod restore;
mod reuse;
mod settle;
mod stands;
mod trash;
mod undo;

pub use enter::{Enter, enter};
pub use leave::{Leaving, Left, Warrant, ignored, inspect_for, leave};
pub use owner::{Owner, State, mark, read_owner};
pub use prepare::{Creating, prepare, prepare_asking};
pub use restore::{Restore, Return, Returned, Step, restore_env, restore_held};
pub use settle::{Secure, Settled, Snapped, settle, settle_gone};
pub use stands::{Stands, stands};
pub use trash::{Purged, Slot, Terms, purge, read_trash, slot_bytes};
pub use undo::{Ran, undo};

#[cfg(test)]
mod tests;

const OUTPUT: &str = "output";
const LOGS: &str = "logs";
/// Where in its env a run keeps what need not outlive it.
pub const TMP: &str = "tmp";

/// Where the agent works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvType {
    /// A worktree of its own.
    Worktree,
    /// An empty folder, without git.
    Directory,
    /// The user's own checkout, one run at a time.
    InPlace,
}

/// A wish for an env.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepare {
    /// The folder that holds all envs.
    pub envs: PathBuf,
    /// A folder of ours for locks and stamps, the same for all envs.
    pub locks: PathBuf,
    /// Names the env's folder: at least twelve random characters of `0-9 a-z _ -`.
    pub key: String,
    /// Whose env it is.
    pub run: String,
    pub env_type: EnvType,
    /// Any folder in the repository; for a worktree, and in place.
    pub repository: Option<PathBuf>,
    pub project: String,
    /// The worker's name.
    pub name: String,
    /// Names for the branch, best first; the first that is free is taken.
    pub branches: Vec<String>,
    /// Whether the first of them is meant whatever stands there: a branch of that name gets the worktree, and none beside it will do.
    pub attach: bool,
    /// The commit that its worktree stands on, instead of on a branch; none is made then, whatever `branches` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detached: Option<String>,
    /// What the work starts from; none for the repository's default. Beside a commit only its name.
    pub base: Option<String>,
    /// Where in the worktree the agent starts; empty for its top.
    pub sub_dir: PathBuf,
    /// Ignored files to copy from the project's checkout, as patterns of `.gitignore`; those of `.worktreeinclude` are added.
    pub copy: Vec<String>,
    /// Ignored files and folders to link to, as patterns of `.gitignore`.
    pub link: Vec<String>,
    /// How long a fetch may take; 0 for none.
    pub fetch_ms: u64,
}

/// An env that is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    pub root: PathBuf,
    pub env_type: EnvType,
    /// The worktree, the empty folder, or the user's checkout.
    pub worktree: PathBuf,
    pub cwd: PathBuf,
    /// What the supervisor of the run holds while anything of it may live.
    pub lock: PathBuf,
    pub output: PathBuf,
    pub logs: PathBuf,
    /// The folder that all worktrees of the repository share.
    pub common_dir: Option<PathBuf>,
    pub branch: Option<String>,
    pub base: Option<Base>,
    /// The set-up script nearest to `cwd`, as of the base commit.
    pub setup: Option<PathBuf>,
    /// What this call made, in order.
    pub created: Vec<Created>,
    /// Whether it stood already, from an earlier call for the same run.
    pub reused: bool,
    pub fetch: Option<FetchOutcome>,
    /// What the person should know, such as files that were not copied.
    pub notes: Vec<String>,
}

/// Something that was made for an env.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "created", rename_all = "snake_case")]
pub enum Created {
    Root { path: PathBuf },
    Branch { name: String, oid: String },
    Worktree { path: PathBuf },
    Copied { path: PathBuf },
    Linked { path: PathBuf },
}

/// The step at which something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Request,
    Claim,
    Repository,
    Fetch,
    Base,
    Hook,
    Branch,
    Worktree,
    Checkout,
    SubDir,
    Files,
    Record,
    Undo,
    Leave,
    Release,
    Restore,
    Purge,
}

/// Why an env was not made, undone or let go, and at which step.
#[derive(Debug, Error)]
#[error("the env failed at {stage:?}{}", what_stays(.left))]
pub struct EnvError {
    pub stage: Stage,
    #[source]
    pub cause: Cause,
    /// What could not be rolled back either; the next call for the same env tries again.
    pub left: Vec<String>,
}

/// What went wrong.
#[derive(Debug, Error)]
pub enum Cause {
    #[error("{what} `{value}` {why}")]
    Bad { what: &'static str, value: String, why: &'static str },
    /// Somebody holds its lock.
    #[error("`{}` is in use{}", .path.display(), by(.run.as_deref()))]
    Busy { path: PathBuf, run: Option<String> },
    /// It belongs to somebody else, or to nobody we know.
    #[error("`{}` {why}", .path.display())]
    Foreign { path: PathBuf, why: String },
    #[error("`{}` is no folder of the worktree", .path.display())]
    NoSubDir { path: PathBuf },
    #[error("no name is left for the branch (tried {})", .tried.join(", "))]
    NoBranch { tried: Vec<String> },
    #[error("branch `{branch}` is checked out in `{}`{}", .path.display(), if *.gone { ", which is gone or going" } else { "" })]
    CheckedOut {
        branch: String,
        path: PathBuf,
        /// Whether its folder is not there: one that was just closed gives its branch back in a moment.
        gone: bool,
    },
    /// Whoever was asked before anything was made said no.
    #[error("{text}")]
    Vetoed { text: String },
    /// What is left of an earlier try could not be taken away.
    #[error("`{}` could not be taken back whole", .path.display())]
    Stuck { path: PathBuf },
    /// There is work in it.
    #[error("there is work in it")]
    Work { reasons: Vec<Reason> },
    /// Nothing shows that what is in it is elsewhere.
    #[error("`{}` {why}", .path.display())]
    NoProof { path: PathBuf, why: String },
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("{what} `{}`", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Path(#[from] paths::PathError),
}

fn what_stays(left: &[String]) -> String {
    if left.is_empty() { String::new() } else { format!(" (what stays: {})", left.join("; ")) }
}

fn by(run: Option<&str>) -> String {
    run.map(|run| format!(" by `{run}`")).unwrap_or_default()
}

impl From<LockError> for Cause {
    fn from(error: LockError) -> Cause {
        match error {
            LockError::Held { path } => Cause::Busy { path, run: None },
            LockError::Io { path, source } => Cause::Io { what: "lock", path, source },
        }
    }
}

impl Cause {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            Cause::Bad { .. } => "env-request",
            Cause::Busy { .. } => "env-busy",
            Cause::Foreign { .. } => "env-foreign",
            Cause::NoSubDir { .. } => "no-sub-dir",
            Cause::NoBranch { .. } => "no-branch-name",
            Cause::CheckedOut { .. } => "branch-checked-out",
            Cause::Vetoed { .. } => "hook-failed",
            Cause::Stuck { .. } => "env-stuck",
            Cause::Work { .. } => "env-has-work",
            Cause::NoProof { .. } => "trash-unproven",
            Cause::Git(error) => error.slug(),
            Cause::Snapshot(error) => error.slug(),
            Cause::Io { .. } | Cause::Path(_) => "disk",
        }
    }
}

impl EnvError {
    fn at(stage: Stage) -> impl FnOnce(Cause) -> EnvError {
        move |cause| EnvError { stage, cause, left: Vec::new() }
    }

    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        self.cause.slug()
    }

    /// Whether the same again may go better.
    pub fn retry(&self) -> Retry {
        match &self.cause {
            Cause::Busy { .. }
            | Cause::Stuck { .. }
            | Cause::CheckedOut { gone: true, .. }
            | Cause::Io { .. }
            | Cause::Path(_) => Retry::After(5_000),
            Cause::Git(error) => error.retry(),
            Cause::Snapshot(error) => error.retry(),
            Cause::Bad { .. }
            | Cause::Foreign { .. }
            | Cause::NoSubDir { .. }
            | Cause::NoBranch { .. }
            | Cause::CheckedOut { gone: false, .. }
            | Cause::Vetoed { .. }
            | Cause::NoProof { .. }
            | Cause::Work { .. } => Retry::Never,
        }
    }

    /// Whose move it is.
    pub fn fault(&self) -> Fault {
        match &self.cause {
            Cause::Bad { .. } => Fault::Bug,
            Cause::Busy { .. }
            | Cause::Stuck { .. }
            | Cause::CheckedOut { gone: true, .. }
            | Cause::Io { .. }
            | Cause::Path(_) => Fault::Environment,
            Cause::Git(error) => error.fault(),
            Cause::Snapshot(error) => error.fault(),
            Cause::Foreign { .. }
            | Cause::NoSubDir { .. }
            | Cause::NoBranch { .. }
            | Cause::CheckedOut { gone: false, .. }
            | Cause::Vetoed { .. }
            | Cause::NoProof { .. }
            | Cause::Work { .. } => Fault::User,
        }
    }
}
