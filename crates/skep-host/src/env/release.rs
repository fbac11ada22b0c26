//! Owns: letting an env go: inspected, moved into the trash, looked at again, deleted but for what nobody else has.
//! Never: removes a branch, or anything without a proof.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Cause, EnvError, EnvType, LOGS, OUTPUT, Stage,
    claim::{drop_root, hold_env, real},
    folder::files_in,
    owner::{Owner, State, read_owner},
    place::vacate,
};
use crate::{
    git::{Git, GitError},
    salvage::{self, Expendable, Proof, Reason, ReleaseError, Verdict},
    worktree,
};

/// Inspects an env: whether it can be let go without loss, its branch kept.
///
/// Errors: the env or its record cannot be read, which is no yes either.
pub fn inspect(git: &Git, root: &Path) -> Result<Verdict, Cause> {
    let root = &real(root);
    let Some(owner) = read_owner(root)? else {
        return Err(Cause::Foreign {
            path: root.to_owned(),
            why: "has no owner record".to_owned(),
        });
    };
    let path = owner.worktree(root);
    match owner.env_type {
        EnvType::InPlace => Ok(Verdict::Safe(Proof::of_nothing())),
        EnvType::Directory => {
            let files = files_in(&path)?;
            Ok(if files.is_empty() {
                Verdict::Safe(Proof::of_nothing())
            } else {
                Verdict::Unsafe(vec![Reason::NoRepository { files }])
            })
        }
        EnvType::Worktree => match owner.repository() {
            Some(repo) => Ok(salvage::inspect(git, &repo, &path)),
            None => Ok(Verdict::Unknown(GitError::NotARepository {
                path: owner.common_dir.unwrap_or(path),
            })),
        },
    }
}

/// What is left of an env that was let go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The branch, which stays.
    pub branch: Option<String>,
    pub head: Option<String>,
    /// Where what nobody else has was kept: ignored files, output, logs.
    pub kept: Option<PathBuf>,
    pub ignored: Vec<PathBuf>,
}

/// Lets an env go: moves it into `trash`, looks again there, and deletes what stands elsewhere; its branch stays.
///
/// `trash` must lie on the same disk. Killed anywhere, the same call goes on; see [`resume_release`] for one without a proof.
/// Errors: in use, changed since the proof, or git could not be asked; then the env is back where it was.
pub fn release(
    git: &Git,
    locks: &Path,
    root: &Path,
    trash: &Path,
    discard: &[String],
    proof: Proof,
) -> Result<Released, EnvError> {
    let stage = || EnvError::at(Stage::Release);
    let root = &real(root);
    let missing = || Cause::Foreign { path: root.to_owned(), why: "is no env".to_owned() };
    let (_lock, owner) = hold_env(root).map_err(stage())?.ok_or_else(|| stage()(missing()))?;
    if owner.env_type == EnvType::InPlace {
        return let_place_go(locks, root, &owner).map_err(stage());
    }
    let moved = trash.join(&owner.key);
    fs::create_dir_all(trash)
        .map_err(|source| stage()(Cause::Io { what: "make", path: trash.to_owned(), source }))?;
    if fs::symlink_metadata(&moved).is_ok() {
        let why = "is there already".to_owned();
        return Err(stage()(Cause::Foreign { path: moved, why }));
    }
    rename(root, &moved).map_err(stage())?;
    finish(git, locks, root, &moved, owner, discard, proof)
}

fn rename(from: &Path, to: &Path) -> Result<(), Cause> {
    fs::rename(from, to).map_err(|source| Cause::Io { what: "move", path: from.to_owned(), source })
}

fn finish(
    git: &Git,
    locks: &Path,
    root: &Path,
    moved: &Path,
    mut owner: Owner,
    discard: &[String],
    proof: Proof,
) -> Result<Released, EnvError> {
    let head = proof.head().map(str::to_owned);
    let expendable = Expendable { discard, twins: &owner.copied, links: &owner.linked };
    let ignored = match salvage::release(git, locks, proof, &moved.join(&owner.folder), &expendable)
    {
        Ok(ignored) => ignored,
        Err(error) => {
            let cause = match error {
                ReleaseError::Changed(reasons) => Cause::Work { reasons },
                ReleaseError::Git(error) => error.into(),
            };
            let left = rename(moved, root).err().map(|error| error.to_string());
            return Err(EnvError {
                stage: Stage::Release,
                cause,
                left: left.into_iter().collect(),
            });
        }
    };
    owner.state = State::Released;
    let branch = owner.branch.as_ref().map(|branch| branch.name.clone());
    let kept = tidy(moved, &owner, ignored.is_empty()).map_err(EnvError::at(Stage::Release))?;
    Ok(Released { branch, head, kept, ignored })
}

/// Removes what is empty of a moved env, and all of it where nothing is left; else writes down that it was let go.
fn tidy(moved: &Path, owner: &Owner, clean: bool) -> Result<Option<PathBuf>, Cause> {
    let mut empty = clean;
    for name in [OUTPUT, LOGS]
        .into_iter()
        .chain((owner.env_type == EnvType::Directory).then_some(owner.folder.as_str()))
    {
        match fs::remove_dir(moved.join(name)) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => empty = false,
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(Cause::Io { what: "remove", path: moved.join(name), source });
            }
            _ => {}
        }
    }
    if !empty {
        owner.write(moved)?;
        return Ok(Some(moved.to_owned()));
    }
    drop_root(moved)?;
    Ok(None)
}

pub(super) fn let_place_go(locks: &Path, root: &Path, owner: &Owner) -> Result<Released, Cause> {
    vacate(locks, root, owner)?;
    let mut done = owner.clone();
    done.state = State::Released;
    let branch = owner.base.as_ref().map(|base| base.branch.clone());
    let kept = tidy(root, &done, true)?;
    Ok(Released { branch, head: None, kept, ignored: Vec::new() })
}

/// Goes on with a release that was killed after its env was moved; none where there is nothing to go on with.
///
/// It needs no proof from before: the env is inspected where it now lies.
pub fn resume_release(
    git: &Git,
    locks: &Path,
    root: &Path,
    trash: &Path,
    discard: &[String],
) -> Result<Option<Released>, EnvError> {
    let stage = || EnvError::at(Stage::Release);
    let root = &real(root);
    let key = root.file_name().unwrap_or_default();
    let moved = trash.join(key);
    if fs::symlink_metadata(root).is_ok() || fs::symlink_metadata(&moved).is_err() {
        return Ok(None);
    }
    let Some((lock, owner)) = hold_env(&moved).map_err(stage())? else { return Ok(None) };
    let branch = owner.branch.as_ref().map(|branch| branch.name.clone());
    if owner.state == State::Released {
        return Ok(Some(Released { branch, head: None, kept: Some(moved), ignored: Vec::new() }));
    }
    if let Some(done) =
        already_let_go(git, &root_worktree(root, &owner), &moved, &owner).map_err(stage())?
    {
        return Ok(Some(done));
    }
    // Back to where git knows it, so that the ordinary way applies from its beginning.
    rename(&moved, root).map_err(stage())?;
    let verdict = inspect(git, root).map_err(stage())?;
    drop(lock);
    match verdict {
        Verdict::Safe(proof) => release(git, locks, root, trash, discard, proof).map(Some),
        Verdict::Unsafe(reasons) => Err(stage()(Cause::Work { reasons })),
        Verdict::Unknown(error) => Err(stage()(error.into())),
    }
}

fn root_worktree(root: &Path, owner: &Owner) -> PathBuf {
    root.join(&owner.folder)
}

/// Whether a killed release had come past its registration: then git can prove nothing any more, and what is left is kept.
fn already_let_go(
    git: &Git,
    path: &Path,
    moved: &Path,
    owner: &Owner,
) -> Result<Option<Released>, Cause> {
    let registered = match owner.repository() {
        Some(repo) => worktree::list(git, &repo)?.iter().any(|known| known.path == path),
        None => false,
    };
    if registered || owner.env_type != EnvType::Worktree {
        return Ok(None);
    }
    let mut done = owner.clone();
    done.state = State::Released;
    let clean = fs::symlink_metadata(moved.join(&owner.folder))
        .is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let kept = tidy(moved, &done, clean)?;
    Ok(Some(Released {
        branch: owner.branch.as_ref().map(|branch| branch.name.clone()),
        head: None,
        kept,
        ignored: Vec::new(),
    }))
}
