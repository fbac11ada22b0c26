//! Owns: an env's folder as such: taken by one caller at a time, recognised as its run's, blank, or gone.
//! Never: takes over a folder that somebody else made; writes even a lock into one before it has looked.

use std::{
    ffi::OsStr,
    fs,
    io::ErrorKind,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use rustix::fs::FlockOperation;

use super::{
    Cause, Prepare,
    folder::remove_file,
    owner::{OWNER, Owner, read_owner},
};
use crate::{
    lock::{self, Lock, LockError},
    paths,
};

pub(super) const LOCK: &str = "lock";

/// An env's folder, held alone.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) root: PathBuf,
    pub(super) made: bool,
    pub(super) owner: Option<Owner>,
    /// Held until the call ends; then the run's supervisor takes it.
    _lock: Alone,
}

/// A lock that is free at once when this is dropped.
///
/// Closing the file alone is not enough: a program that another thread is just starting holds a copy until its exec.
#[derive(Debug)]
pub(super) struct Alone(pub(super) Lock);

impl Drop for Alone {
    fn drop(&mut self) {
        // Where it fails, closing the file frees it a moment later.
        let _freed = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

pub(super) fn claim(ask: &Prepare) -> Result<Claim, Cause> {
    claim_as(&ask.envs, &ask.key, &ask.run)
}

/// Takes the folder of an env for a run, making it where it is not there.
pub(super) fn claim_as(envs: &Path, key: &str, run: &str) -> Result<Claim, Cause> {
    let io = |what, path: &Path| {
        let path = path.to_owned();
        move |source| Cause::Io { what, path, source }
    };
    fs::create_dir_all(envs).map_err(io("make", envs))?;
    let envs = envs.canonicalize().map_err(io("resolve", envs))?;
    let root = envs.join(key);
    // A second round only where the folder went away between the look and the lock.
    for _ in 0..100 {
        let made = match fs::create_dir(&root) {
            Ok(()) => {
                // Without it a power cut could leave the branch and take the record of it.
                paths::sync_parent(&root)?;
                true
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(source) => return Err(io("make", &root)(source)),
        };
        if !made {
            require_ours(&root, key, run)?;
        }
        let taken = locked(&root).and_then(|lock| Ok((lock, require_ours(&root, key, run)?)));
        match taken {
            Ok((Some(lock), owner)) => return Ok(Claim { root, made, owner, _lock: lock }),
            Ok((None, _)) => {}
            Err(cause) => {
                // Where it is not empty, somebody else has it now; where it is, it was ours.
                let _gone = made.then(|| fs::remove_dir(&root));
                return Err(cause);
            }
        }
    }
    Err(Cause::Busy { path: root, run: None })
}

/// Takes the lock of an env; none where the folder vanished meanwhile.
fn locked(root: &Path) -> Result<Option<Alone>, Cause> {
    let path = root.join(LOCK);
    let lock = match lock::hold(&path) {
        Ok(lock) => Alone(lock),
        Err(LockError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(LockError::Held { path }) => {
            let run = read_owner(root)?.map(|owner| owner.run);
            return Err(Cause::Busy { path, run });
        }
        Err(error) => return Err(error.into()),
    };
    // Who waited at a file that was then removed with its env holds a lock on nothing.
    let held = rustix::fs::fstat(&lock.0).map_err(|source| Cause::Io {
        what: "look at",
        path: path.clone(),
        source: source.into(),
    })?;
    let there = fs::metadata(&path)
        .is_ok_and(|meta| meta.ino() == held.st_ino && meta.dev() == held.st_dev);
    Ok(there.then_some(lock))
}

/// The owner record where it is this run's; an error where the folder is anybody else's or holds things without a record.
fn require_ours(root: &Path, key: &str, run: &str) -> Result<Option<Owner>, Cause> {
    let foreign = |why: &str| Err(Cause::Foreign { path: root.to_owned(), why: why.to_owned() });
    match fs::symlink_metadata(root) {
        Ok(meta) if !meta.is_dir() => return foreign("is no folder"),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Cause::Io { what: "look at", path: root.to_owned(), source }),
    }
    match read_owner(root)? {
        Some(owner) if owner.key == key && owner.run == run => Ok(Some(owner)),
        Some(owner) => foreign(&format!("belongs to `{}`", owner.run)),
        None if is_blank(root)? => Ok(None),
        None => foreign("has things in it and no owner"),
    }
}

/// Takes an env's lock and reads its record; none where there is no env or only the blank beginning or end of one.
pub(super) fn hold_env(root: &Path) -> Result<Option<(Alone, Owner)>, Cause> {
    if read_owner(root)?.is_none() {
        if root.is_dir()
            && is_blank(root)?
            && let Some(_lock) = locked(root)?
            && is_blank(root)?
        {
            drop_root(root)?;
        }
        return Ok(None);
    }
    let Some(lock) = locked(root)? else { return Ok(None) };
    Ok(read_owner(root)?.map(|owner| (lock, owner)))
}

/// The path git knows an env by, also where the env itself is gone.
pub(super) fn real(root: &Path) -> PathBuf {
    let parent = root.parent().and_then(|parent| parent.canonicalize().ok());
    parent.zip(root.file_name()).map_or_else(|| root.to_owned(), |(parent, name)| parent.join(name))
}

/// Whether there is nothing in an env but what comes before its owner record, and what goes after it.
fn is_blank(root: &Path) -> Result<bool, Cause> {
    let io = |source| Cause::Io { what: "read", path: root.to_owned(), source };
    for entry in fs::read_dir(root).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        if name != LOCK && !is_draft(&name) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file is the owner record of somebody who was killed while writing it.
fn is_draft(name: &OsStr) -> bool {
    name.as_bytes().starts_with(format!(".{OWNER}.").as_bytes())
}

/// Removes an env's folder once only its record and lock are left in it; the record goes first, so that what stays is blank.
pub(super) fn drop_root(root: &Path) -> Result<(), Cause> {
    remove_file(&root.join(OWNER))?;
    let io = |source| Cause::Io { what: "read", path: root.to_owned(), source };
    for entry in fs::read_dir(root).map_err(io)? {
        let entry = entry.map_err(io)?;
        if is_draft(&entry.file_name()) {
            remove_file(&entry.path())?;
        }
    }
    remove_file(&root.join(LOCK))?;
    fs::remove_dir(root).map_err(|source| Cause::Io {
        what: "remove",
        path: root.to_owned(),
        source,
    })
}
