//! Owns: the record in an env that says whose it is and what was made for it.
//! Never: believes a record that leads out of its env, or one of another version.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Cause, EnvType, Leaving, Prepare, restore::Return, settle::Secure};
use crate::{
    git::{Base, Repository},
    paths,
    salvage::Twin,
    worktree::Branch,
};

pub(super) const OWNER: &str = "owner.json";
const VERSION: u32 = 1;

/// Where an env is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being made: everything in it is ours, and is taken away again before the next try.
    Preparing,
    /// Lent to its run: what is in it may be work.
    Ready,
    /// Told to leave: still in its place, or moved into the trash and not yet done with there.
    Leaving,
    /// Let go; what is left are files nobody else has.
    Released,
    /// Coming back: nothing in it is lent yet.
    Restoring,
}

/// The record in an env that says whose it is and what was made for it; written before each step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub version: u32,
    pub key: String,
    pub run: String,
    pub env_type: EnvType,
    pub state: State,
    /// The worktree's folder below the root.
    pub folder: String,
    pub sub_dir: PathBuf,
    pub common_dir: Option<PathBuf>,
    /// The checkout the project was found in: files come from there, and in place it is the worktree.
    pub checkout: Option<PathBuf>,
    pub base: Option<Base>,
    /// Where it stands in the repository only once the next step is recorded.
    pub branch: Option<Branch>,
    /// Whether its worktree was made on the base's commit and on no branch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detached: bool,
    pub copied: Vec<Twin>,
    pub linked: Vec<PathBuf>,
    /// How it leaves, or left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving: Option<Leaving>,
    /// What was secured of it; written when that is proven, and before anything is taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secured: Option<Secure>,
    /// The run that was let in last beside its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<String>,
    /// In a place of ours: the snapshot it came back from. In the trash: the one it was brought back from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<Return>,
}

impl Owner {
    pub(super) fn of(ask: &Prepare) -> Owner {
        Owner {
            run: ask.run.clone(),
            env_type: ask.env_type,
            sub_dir: ask.sub_dir.clone(),
            detached: ask.detached.is_some(),
            ..Owner::blank(&ask.key, &format!("{}-{}", ask.project, ask.name))
        }
    }

    /// The record of a worktree's env of which nothing has been made yet.
    pub(super) fn blank(key: &str, folder: &str) -> Owner {
        Owner {
            version: VERSION,
            key: key.to_owned(),
            run: String::new(),
            env_type: EnvType::Worktree,
            state: State::Preparing,
            folder: folder.to_owned(),
            sub_dir: PathBuf::new(),
            common_dir: None,
            checkout: None,
            base: None,
            branch: None,
            detached: false,
            copied: Vec::new(),
            linked: Vec::new(),
            leaving: None,
            secured: None,
            guest: None,
            returned: None,
        }
    }

    pub(super) fn write(&self, root: &Path) -> Result<(), Cause> {
        let path = root.join(OWNER);
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| Cause::Io {
            what: "write",
            path: path.clone(),
            source: error.into(),
        })?;
        Ok(paths::write_atomically(&path, &bytes)?)
    }

    /// The repository as seen from its shared folder; none where it is gone.
    pub(super) fn repository(&self) -> Option<Repository> {
        let common_dir = self.common_dir.clone().filter(|dir| dir.is_dir())?;
        Some(Repository {
            common_dir,
            top: None,
            sub_dir: PathBuf::new(),
            bare: false,
            linked: false,
        })
    }

    /// The commit that its worktree was made on, where that is on no branch of its own: what it has is not the env's work.
    pub(super) fn made_on(&self) -> Option<&str> {
        self.base.as_ref().filter(|_| self.detached).map(|base| base.oid.as_str())
    }

    /// The folder the agent works in.
    pub fn worktree(&self, root: &Path) -> PathBuf {
        match (self.env_type, &self.checkout) {
            (EnvType::InPlace, Some(checkout)) => checkout.clone(),
            _ => root.join(&self.folder),
        }
    }
}

/// Reads the owner record of an env; none where the env or its record is not there.
///
/// Errors: a record that cannot be read, or that says something impossible, is somebody else's.
pub fn read_owner(root: &Path) -> Result<Option<Owner>, Cause> {
    let path = root.join(OWNER);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Cause::Io { what: "read", path, source }),
    };
    let foreign = |why: String| Cause::Foreign { path: root.to_owned(), why };
    let owner: Owner = serde_json::from_slice(&bytes)
        .map_err(|error| foreign(format!("has an owner record that cannot be read: {error}")))?;
    if owner.version != VERSION {
        return Err(foreign(format!(
            "was made by another version of skep (record {})",
            owner.version
        )));
    }
    // The record is a file like any other: what it names must not lead out of the env.
    component("folder", &owner.folder)?;
    Ok(Some(owner))
}

/// Checks a text that becomes part of a file name.
pub(super) fn component(what: &'static str, text: &str) -> Result<(), Cause> {
    let harmless = |c: char| !c.is_control() && c != '/';
    let fits = !text.is_empty()
        && text.len() <= 100
        && !text.starts_with(['.', '-'])
        && !text.contains("..");
    if fits && text.chars().all(harmless) {
        return Ok(());
    }
    Err(Cause::Bad { what, value: text.to_owned(), why: "cannot be part of a folder's name" })
}

/// What the first reflog line of a branch says that was made for this env, and why its worktree is locked.
pub fn mark(key: &str) -> String {
    format!("skep: env {key}")
}
