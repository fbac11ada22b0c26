//! Owns: who works in a checkout of the user, one env at a time.
//! Never: touches the checkout itself.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Cause, Owner, Prepare, claim::Alone, folder::remove_file};
use crate::{
    git,
    lock::{self, LockError},
    paths,
};

/// Who works in a checkout of the user.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    root: PathBuf,
    run: String,
    checkout: PathBuf,
}

/// The lock for working in a checkout, by its real path.
pub(super) fn place_lock(locks: &Path, top: &Path) -> PathBuf {
    locks.join(format!("{}.place", git::key(top)))
}

fn place_record(locks: &Path, top: &Path) -> PathBuf {
    locks.join(format!("{}.place.json", git::key(top)))
}

/// Writes down that this env works in the user's checkout, unless another one does.
pub(super) fn occupy(ask: &Prepare, root: &Path, top: &Path) -> Result<(), Cause> {
    fs::create_dir_all(&ask.locks).map_err(|source| Cause::Io {
        what: "make",
        path: ask.locks.clone(),
        source,
    })?;
    let record = place_record(&ask.locks, top);
    let there = read_place(&record)?;
    let busy = |run: Option<String>| Cause::Busy { path: top.to_owned(), run };
    let _lock =
        lock::hold(&place_lock(&ask.locks, top)).map(Alone).map_err(|error| match error {
            LockError::Held { .. } => busy(there.as_ref().map(|place| place.run.clone())),
            other @ LockError::Io { .. } => other.into(),
        })?;
    // The lock is free, so nothing of the one that stood here lives; its env lets go of its own record only.
    let place = Place { root: root.to_owned(), run: ask.run.clone(), checkout: top.to_owned() };
    let bytes = serde_json::to_vec(&place).map_err(|error| Cause::Io {
        what: "write",
        path: record.clone(),
        source: error.into(),
    })?;
    Ok(paths::write_atomically(&record, &bytes)?)
}

/// Forgets that this env works in the user's checkout; the checkout stays as it is.
pub(super) fn vacate(locks: &Path, root: &Path, owner: &Owner) -> Result<(), Cause> {
    let Some(top) = &owner.checkout else { return Ok(()) };
    let record = place_record(locks, top);
    if read_place(&record)?.is_some_and(|place| place.root == root) {
        remove_file(&record)?;
    }
    Ok(())
}

fn read_place(record: &Path) -> Result<Option<Place>, Cause> {
    match fs::read(record) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| Cause::Io {
            what: "read",
            path: record.to_owned(),
            source: error.into(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Cause::Io { what: "read", path: record.to_owned(), source }),
    }
}
