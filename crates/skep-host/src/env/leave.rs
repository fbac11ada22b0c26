//! Owns: the first half of giving an env back: asked whether it may go, recorded, moved into the trash by one rename.
//! Never: deletes anything, and moves nothing that somebody holds.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Cause, EnvError, EnvType, LOGS, OUTPUT, Stage, TMP,
    claim::{drop_root, hold_env, real},
    folder::{files_in, missing, remove_dir},
    owner::{Owner, State, component, read_owner},
    place::vacate,
    settle::remove_empty,
};
use crate::{
    git::{Git, Repository},
    paths::{self, crash_point},
    salvage::{self, Expendable, Fate, Proof, Reason, Verdict},
    worktree,
};

/// How an env is to be given back; the same value serves every call until that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    pub root: PathBuf,
    /// On the same disk as the env.
    pub trash: PathBuf,
    pub locks: PathBuf,
    /// The id of the snapshot that will hold it, and the name of its folder in the trash.
    pub slot: String,
    /// Whether it goes with whatever stands in it.
    pub force: bool,
    pub fate: Fate,
    /// Patterns of ignored files that are no work.
    pub discard: Vec<String>,
    pub note: String,
    /// Unit: milliseconds since 1970.
    pub at_ms: i64,
}

impl Leaving {
    pub(super) fn place(&self) -> PathBuf {
        self.trash.join(&self.slot)
    }
}

/// What lets an env be moved away.
#[derive(Debug)]
pub enum Warrant {
    Safe(Proof),
    /// A person said so; all of it stays, in the trash and in a snapshot.
    Forced,
}

/// Where an env is after it was told to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "left", rename_all = "snake_case")]
pub enum Left {
    Moved {
        slot: PathBuf,
    },
    /// An earlier call has moved it.
    Already {
        slot: PathBuf,
    },
    /// Neither in its place nor in the trash.
    Gone,
    /// It was the user's own checkout, which stays as it is.
    InPlace,
}

/// Inspects an env before it is given back: whether that loses nothing, its branch treated as `fate` says.
///
/// Ignored files are no reason to keep it, since they stay in the trash; beside other reasons they are listed.
/// Errors: the env or its record cannot be read, which is no yes either.
pub fn inspect_for(
    git: &Git,
    root: &Path,
    fate: &Fate,
    discard: &[String],
) -> Result<Verdict, Cause> {
    let root = &real(root);
    let Some(owner) = read_owner(root)? else {
        return Err(Cause::Foreign {
            path: root.to_owned(),
            why: "has no owner record".to_owned(),
        });
    };
    Ok(match look(git, &owner, &owner.worktree(root), &owner.worktree(root), fate, discard) {
        Ok(Look::Safe(proof)) => Verdict::Safe(proof),
        Ok(Look::Work(reasons)) => Verdict::Unsafe(reasons),
        Err(Cause::Git(error)) => Verdict::Unknown(error),
        Err(cause) => return Err(cause),
    })
}

/// The ignored files of an env that was found safe, below its worktree: what only the trash would have.
///
/// Errors: the env's record cannot be read, or git could not be asked; then there may be some.
pub fn ignored(
    git: &Git,
    root: &Path,
    proof: &Proof,
    discard: &[String],
) -> Result<Vec<PathBuf>, Cause> {
    let root = &real(root);
    let Some(owner) = read_owner(root)? else { return Ok(Vec::new()) };
    let expendable = Expendable { discard, twins: &owner.copied, links: &owner.linked };
    Ok(salvage::ignored(git, proof, &owner.worktree(root), &expendable)?)
}

pub(super) enum Look {
    Safe(Proof),
    Work(Vec<Reason>),
}

/// Looks at an env that git knows at `path` and whose files are at `now`.
pub(super) fn look(
    git: &Git,
    owner: &Owner,
    path: &Path,
    now: &Path,
    fate: &Fate,
    discard: &[String],
) -> Result<Look, Cause> {
    let work = |reasons: Vec<Reason>| Ok(Look::Work(reasons));
    let repo = match (owner.env_type, owner.repository()) {
        (EnvType::InPlace, _) => return Ok(Look::Safe(Proof::of_nothing())),
        (EnvType::Worktree, Some(repo)) => repo,
        (EnvType::Directory | EnvType::Worktree, _) => {
            // Without its repository a worktree is a folder like any other.
            let files = files_in(now)?;
            return if files.is_empty() {
                Ok(Look::Safe(Proof::of_nothing()))
            } else {
                work(vec![Reason::NoRepository { files }])
            };
        }
    };
    let (proof, mut reasons) = salvage::look_at(git, &repo, path, now, owner.made_on())?;
    salvage::spare(git, &proof, now, discard, &mut reasons)?;
    if let Some(branch) = owner.branch.as_ref().filter(|_| *fate != Fate::KeepBranch) {
        let base = owner.base.as_ref().map(|base| base.oid.as_str());
        let lost = salvage::branch_reasons(git, &repo, &branch.name, base, fate)?;
        reasons.extend(lost.1);
    }
    if *fate == Fate::Spent && owner.made_on().is_some() {
        reasons.retain(|reason| !salvage::is_left_over(reason));
    }
    if reasons.is_empty() {
        return Ok(Look::Safe(proof));
    }
    let expendable = Expendable { discard, twins: &owner.copied, links: &owner.linked };
    let files = salvage::ignored(git, &proof, now, &expendable)?;
    if !files.is_empty() {
        reasons.push(Reason::Ignored { files });
    }
    work(reasons)
}

/// Moves an env into the trash, whole; the caller has ended whatever ran in it.
///
/// Shape: two small writes and a rename, however many files there are. Killed anywhere, the same call goes on.
/// Errors: in use, somebody else's, or the trash lies on another disk; then nothing has happened.
pub fn leave(ask: &Leaving, warrant: Warrant) -> Result<Left, EnvError> {
    go(ask, warrant).map_err(EnvError::at(Stage::Leave))
}

fn go(ask: &Leaving, warrant: Warrant) -> Result<Left, Cause> {
    component("slot", &ask.slot)?;
    let root = real(&ask.root);
    let slot = ask.place();
    let Some((_lock, mut owner)) = hold_env(&root)? else {
        return if !missing(&root)? {
            Err(Cause::Foreign { path: root, why: "has no owner record".to_owned() })
        } else if missing(&slot)? {
            Ok(Left::Gone)
        } else {
            Ok(Left::Already { slot })
        };
    };
    match owner.state {
        State::Ready | State::Leaving => {}
        State::Preparing | State::Restoring => {
            return Err(Cause::Busy { path: root, run: Some(owner.run) });
        }
        State::Released => {
            return Err(Cause::Foreign { path: root, why: "has been let go".to_owned() });
        }
    }
    if owner.env_type == EnvType::InPlace {
        vacate(&ask.locks, &root, &owner)?;
        let mut done = owner;
        done.state = State::Released;
        let mut left = false;
        remove_dir(&root.join(TMP))?;
        for name in [OUTPUT, LOGS] {
            left |= !remove_empty(&root.join(name))?;
        }
        // What the run put out beside the checkout stays, and the record says whose it was.
        if left {
            done.write(&root)?;
        } else {
            drop_root(&root)?;
        }
        return Ok(Left::InPlace);
    }
    match warrant {
        Warrant::Safe(proof) if proof.path().is_some_and(|path| path != owner.worktree(&root)) => {
            let value = root.display().to_string();
            return Err(Cause::Bad { what: "proof for", value, why: "is of another place" });
        }
        Warrant::Safe(_) | Warrant::Forced => {}
    }
    if !missing(&slot)? {
        return Err(Cause::Foreign { path: slot, why: "is there already".to_owned() });
    }
    owner.state = State::Leaving;
    owner.leaving = Some(ask.clone());
    owner.write(&root)?;
    crash_point("leave-recorded");
    fs::create_dir_all(&ask.trash).map_err(|source| Cause::Io {
        what: "make",
        path: ask.trash.clone(),
        source,
    })?;
    rename(&root, &slot)?;
    crash_point("leave-moved");
    Ok(Left::Moved { slot })
}

/// Renames, and makes that survive a power cut; also out of and into folders of ours that may not be written to.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), Cause> {
    let io = |source| Cause::Io { what: "move", path: from.to_owned(), source };
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let folders: Vec<&Path> = [from.parent(), to.parent()].into_iter().flatten().collect();
            let before: Vec<fs::Permissions> = folders
                .iter()
                .map(|folder| fs::symlink_metadata(folder).map(|meta| meta.permissions()))
                .collect::<Result<_, _>>()
                .map_err(io)?;
            for (folder, before) in folders.iter().zip(&before) {
                let open = fs::Permissions::from_mode(before.mode() | 0o700);
                fs::set_permissions(folder, open).map_err(io)?;
            }
            let moved = fs::rename(from, to);
            for (folder, before) in folders.iter().zip(before) {
                fs::set_permissions(folder, before).map_err(io)?;
            }
            moved.map_err(io)?;
        }
        other => other.map_err(io)?,
    }
    paths::sync_parent(to)?;
    Ok(paths::sync_parent(from)?)
}

/// The private git folder of the worktree that was made at `path`; none where git knows of none there.
pub(super) fn private_dir(repo: &Repository, path: &Path) -> Result<Option<PathBuf>, Cause> {
    let io = |source: io::Error| Cause::Io {
        what: "look at",
        path: repo.common_dir.join("worktrees"),
        source,
    };
    worktree::private_dir(repo, path).map_err(io)
}
