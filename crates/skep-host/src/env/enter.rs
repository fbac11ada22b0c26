//! Owns: letting another run into an env that stands, for as long as its owner is not there.
//! Never: makes, resets or takes back anything in it; only who was let in is written down.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Cause, EnvError, EnvType, Prepare, Prepared, Stage,
    claim::{Alone, LOCK, real},
    owner::{State, component, read_owner},
    prepare::prepared,
    reuse::require_same,
};
use crate::{
    git::Git,
    lock::{self, LockError},
};

/// A wish to work in an env of another run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enter {
    /// The env's root.
    pub root: PathBuf,
    /// Whose env it is.
    pub owner: String,
    /// Who is let in.
    pub guest: String,
    /// Where in the worktree the agent starts; empty for its top.
    pub sub_dir: PathBuf,
    /// How long whoever still tidies up in the env may take.
    pub wait: Duration,
}

/// Lets a run into an env that is ready and that nobody lives in, and writes down who it is; nothing else there is changed.
///
/// Errors: it is not there, is another's, is on its way out or in, is in use, or is not as its record says.
pub fn enter(git: &Git, ask: &Enter) -> Result<Prepared, EnvError> {
    entered(git, ask).map_err(EnvError::at(Stage::Claim))
}

fn entered(git: &Git, ask: &Enter) -> Result<Prepared, Cause> {
    component("run id", &ask.guest)?;
    let root = &real(&ask.root);
    let foreign = |why: &str| Cause::Foreign { path: root.clone(), why: why.to_owned() };
    // Before its lock is touched: a folder that is not there is not to be made.
    read_owner(root)?.ok_or_else(|| foreign("is not there any more"))?;
    let busy = || Cause::Busy { path: root.clone(), run: Some(ask.owner.clone()) };
    let _alone =
        lock::hold_within(&root.join(LOCK), ask.wait).map(Alone).map_err(|error| match error {
            LockError::Held { .. } => busy(),
            other @ LockError::Io { .. } => other.into(),
        })?;
    let mut owner = read_owner(root)?.ok_or_else(|| foreign("is not there any more"))?;
    if owner.run != ask.owner {
        return Err(foreign(&format!("belongs to `{}`", owner.run)));
    }
    match (owner.state, owner.env_type) {
        (_, EnvType::InPlace) => return Err(foreign("is a checkout of the user")),
        (State::Ready, EnvType::Worktree) => require_same(git, &owner.worktree(root), &owner)?,
        (State::Ready, EnvType::Directory) => {
            if !owner.worktree(root).is_dir() {
                return Err(foreign("has lost its folder"));
            }
        }
        (State::Preparing | State::Leaving | State::Released | State::Restoring, _) => {
            return Err(foreign("is not ready"));
        }
    }
    let mut found = prepared(&asked(ask, root, &owner.key, owner.env_type), root, &owner)?;
    found.reused = true;
    owner.guest = Some(ask.guest.clone());
    owner.write(root)?;
    Ok(found)
}

/// What would have been asked for to get this env.
fn asked(ask: &Enter, root: &Path, key: &str, env_type: EnvType) -> Prepare {
    Prepare {
        envs: root.parent().unwrap_or(root).to_owned(),
        locks: PathBuf::new(),
        key: key.to_owned(),
        run: ask.owner.clone(),
        env_type,
        repository: None,
        project: String::new(),
        name: String::new(),
        branches: Vec::new(),
        attach: false,
        detached: None,
        base: None,
        sub_dir: ask.sub_dir.clone(),
        copy: Vec::new(),
        link: Vec::new(),
        fetch_ms: 0,
    }
}
