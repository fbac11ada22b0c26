//! A fence around a process and all that it forks: below these paths they may write, and nowhere else.
//!
//! Owns: putting it up by the kernel's own means (Landlock), and finding out whether the kernel has them.
//! Never: takes a fence down again, or goes on without one that was asked for.

use std::{
    io,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// What may be written to from inside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    /// Folders with all that is below them, and files. One that is not there when the fence goes up stays outside.
    pub write: Vec<PathBuf>,
}

/// Why a fence could not be put up.
#[derive(Debug, Error)]
pub enum FenceError {
    #[error("this kernel has no Landlock, or it is switched off")]
    Absent,
    #[error("put up the fence")]
    Kernel(#[from] RulesetError),
    #[error("look at `{}`", .path.display())]
    Look {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl FenceError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            FenceError::Absent => "fence-absent",
            FenceError::Kernel(_) | FenceError::Look { .. } => "fence-failed",
        }
    }
}

/// The rights that are taken away outside. The second version of Landlock is the first under which a file may be moved
/// from one folder to another at all.
fn rights() -> BitFlags<AccessFs> {
    AccessFs::from_write(ABI::V2)
}

/// Tells whether this kernel can put up a fence.
pub fn is_possible() -> bool {
    ruleset().is_ok()
}

fn ruleset() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(rights())?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::Truncate)?
        .create()
}

impl Fence {
    /// Puts the fence up around this thread and whatever it starts from now on; it cannot be undone.
    ///
    /// Errors: [`FenceError::Absent`] where the kernel has no such thing; then nothing was changed.
    pub fn put_up(&self) -> Result<(), FenceError> {
        let mut ruleset = ruleset().map_err(|_| FenceError::Absent)?;
        for path in &self.write {
            let Some(rule) = rule(path)? else { continue };
            ruleset = ruleset.add_rule(rule)?;
        }
        let status = ruleset.restrict_self()?;
        match status.ruleset {
            RulesetStatus::NotEnforced => Err(FenceError::Absent),
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        }
    }
}

fn rule(path: &Path) -> Result<Option<PathBeneath<PathFd>>, FenceError> {
    let kind = match path.metadata() {
        Ok(kind) => kind,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(FenceError::Look { path: path.to_owned(), source }),
    };
    let all = rights() | AccessFs::Truncate;
    // A file has only some of the rights that a folder has.
    let access = if kind.is_dir() { all } else { all & AccessFs::from_file(ABI::V3) };
    match PathFd::new(path) {
        Ok(fd) => Ok(Some(PathBeneath::new(fd, access))),
        Err(err) => Err(FenceError::Look {
            path: path.to_owned(),
            source: io::Error::other(err.to_string()),
        }),
    }
}
