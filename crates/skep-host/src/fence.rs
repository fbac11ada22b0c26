//! A fence around a process and all that it forks: below these paths they may write, and nowhere else; it may say the
//! same of what they read.
//!
//! Owns: putting it up by the kernel's own means (Landlock), and finding out whether the kernel has them.
//! Never: takes a fence down again, or goes on without one that was asked for.

use std::{
    io,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// What is open to those inside. A path that is not there when the fence goes up stays closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    /// To write to: folders with all that is below them, and files.
    pub write: Vec<PathBuf>,
    /// The same for folders that programs outside believe: files and folders may stand in them, and nothing that leads
    /// or listens elsewhere (links, sockets, devices).
    #[serde(default)]
    pub plain: Vec<PathBuf>,
    /// To read, and to start programs from, besides; none: everything.
    #[serde(default)]
    pub read: Option<Vec<PathBuf>>,
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

/// The rights to write that are taken away outside. The second version of Landlock is the first under which a file may
/// be moved from one folder to another at all.
fn to_write() -> BitFlags<AccessFs> {
    AccessFs::from_write(ABI::V2) | AccessFs::Truncate
}

/// What only a folder needs in which anything may stand.
fn not_plain() -> BitFlags<AccessFs> {
    AccessFs::MakeSym
        | AccessFs::MakeSock
        | AccessFs::MakeFifo
        | AccessFs::MakeChar
        | AccessFs::MakeBlock
}

fn to_read() -> BitFlags<AccessFs> {
    AccessFs::from_read(ABI::V1)
}

/// Tells whether this kernel can put up a fence.
pub fn is_possible() -> bool {
    Fence::default().ruleset().is_ok()
}

impl Fence {
    /// Puts the fence up around this thread and whatever it starts from now on; it cannot be undone.
    ///
    /// Where the kernel can, those inside send no signals to those outside either, and reach no abstract socket of theirs.
    /// Errors: [`FenceError::Absent`] where the kernel has no such thing; then nothing was changed.
    pub fn put_up(&self) -> Result<(), FenceError> {
        let mut ruleset = self.ruleset().map_err(|_| FenceError::Absent)?;
        let plain = to_write() & !not_plain();
        let rights = [(&self.write, to_write()), (&self.plain, plain)]
            .map(|(paths, rights)| (paths.as_slice(), rights | self.reading()));
        let read = (self.read.as_deref().unwrap_or_default(), self.reading());
        for (paths, rights) in rights.into_iter().chain([read]) {
            for path in paths {
                let Some(rule) = rule(path, rights)? else { continue };
                ruleset = ruleset.add_rule(rule)?;
            }
        }
        let status = ruleset.restrict_self()?;
        match status.ruleset {
            RulesetStatus::NotEnforced => Err(FenceError::Absent),
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        }
    }

    /// The rights to read that are taken away outside.
    fn reading(&self) -> BitFlags<AccessFs> {
        if self.read.is_some() { to_read() } else { BitFlags::EMPTY }
    }

    fn ruleset(&self) -> Result<RulesetCreated, RulesetError> {
        Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_write(ABI::V2) | self.reading())?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::Truncate)?
            .scope(Scope::AbstractUnixSocket | Scope::Signal)?
            .create()
    }
}

fn rule(
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> Result<Option<PathBeneath<PathFd>>, FenceError> {
    let kind = match path.metadata() {
        Ok(kind) => kind,
        // What is not there, a file where a folder was meant, or is nobody's to look at, stays shut.
        Err(err)
            if matches!(
                err.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(None);
        }
        Err(source) => return Err(FenceError::Look { path: path.to_owned(), source }),
    };
    // A file has only some of the rights that a folder has.
    let rights = if kind.is_dir() { rights } else { rights & AccessFs::from_file(ABI::V3) };
    match PathFd::new(path) {
        Ok(fd) => Ok(Some(PathBeneath::new(fd, rights))),
        Err(err) => Err(FenceError::Look {
            path: path.to_owned(),
            source: io::Error::other(err.to_string()),
        }),
    }
}
