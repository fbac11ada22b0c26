//! Owns: the folders in the trash: what they are, how much they hold, and their end.
//! Never: deletes one that is not known, is not settled, or of which the snapshot is gone; follows a link.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Cause, EnvError, Stage,
    claim::{LOCK, drop_root, hold_env},
    folder::missing,
    owner::{OWNER, State, component, read_owner},
    restore::Step,
};
use crate::{git::Git, paths::crash_point, salvage::make_removable, snapshot};

/// A folder in the trash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    pub name: String,
    pub path: PathBuf,
    pub run: Option<String>,
    /// The commit that holds the rest of it.
    pub snapshot: Option<String>,
    /// Unit: milliseconds since 1970.
    pub at_ms: Option<i64>,
    /// Whether the close that left it there is done.
    pub settled: bool,
    /// Whether its env is back.
    pub restored: bool,
    /// Whether it has a record of ours; of others nothing is known, and nothing may be done.
    pub known: bool,
}

/// Lists what lies in the trash, by name; a trash that is not there is empty.
pub fn read_trash(trash: &Path) -> Result<Vec<Slot>, Cause> {
    if missing(trash)? {
        return Ok(Vec::new());
    }
    let io = |source| Cause::Io { what: "read", path: trash.to_owned(), source };
    let mut all = Vec::new();
    for entry in fs::read_dir(trash).map_err(io)? {
        all.push(slot(&entry.map_err(io)?.path()));
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

fn slot(path: &Path) -> Slot {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_folder = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    // A record that cannot be read is nobody's we know.
    let owner = if is_folder { read_owner(path).ok().flatten() } else { None };
    let Some(owner) = owner else {
        return Slot {
            name,
            path: path.to_owned(),
            run: None,
            snapshot: None,
            at_ms: None,
            settled: false,
            restored: false,
            known: false,
        };
    };
    Slot {
        name,
        path: path.to_owned(),
        snapshot: owner.secured.and_then(|secured| secured.snapshot).map(|taken| taken.oid),
        at_ms: owner.leaving.map(|leaving| leaving.at_ms),
        settled: owner.state == State::Released,
        restored: owner.returned.is_some_and(|back| back.step == Step::Done),
        run: Some(owner.run),
        known: true,
    }
}

/// Counts the bytes on disk of everything below a folder.
pub fn slot_bytes(path: &Path) -> Result<u64, Cause> {
    let mut sum = 0;
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let io = |source| Cause::Io { what: "read", path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let meta = entry.metadata().map_err(io)?;
            sum += meta.blocks() * 512;
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(sum)
}

/// What lets a folder in the trash be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Terms {
    /// Its snapshot is kept, and what git ignores has reached the age for which it is kept.
    Proven,
    /// No snapshot may hold it: it has reached the age after which the person's own settings let the only copy go.
    OnlyCopy,
}

/// What came of a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purged {
    Gone,
    /// It was not there.
    Absent,
}

/// Deletes a folder in the trash; killed anywhere, the same call goes on.
///
/// Errors: it is in use, nobody's we know, not settled, or its snapshot is gone; then nothing has happened.
pub fn purge(git: &Git, trash: &Path, name: &str, terms: Terms) -> Result<Purged, EnvError> {
    empty(git, trash, name, terms).map_err(EnvError::at(Stage::Purge))
}

fn empty(git: &Git, trash: &Path, name: &str, terms: Terms) -> Result<Purged, Cause> {
    component("slot", name)?;
    let path = trash.join(name);
    if missing(&path)? {
        return Ok(Purged::Absent);
    }
    let foreign = |why: &str| Cause::Foreign { path: path.clone(), why: why.to_owned() };
    let no_proof = |why: &str| Cause::NoProof { path: path.clone(), why: why.to_owned() };
    if !fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir()) {
        return Err(foreign("is no folder"));
    }
    let Some((_lock, owner)) = hold_env(&path)? else {
        return if missing(&path)? {
            Ok(Purged::Gone)
        } else {
            Err(foreign("has no owner record"))
        };
    };
    if owner.state != State::Released {
        return Err(no_proof("is not in its snapshot yet"));
    }
    if terms == Terms::Proven {
        let held = owner.secured.as_ref().and_then(|secured| secured.snapshot.as_ref());
        let held = held.ok_or_else(|| no_proof("is in no snapshot"))?;
        let repo = owner.repository().ok_or_else(|| no_proof("has lost its repository"))?;
        let kept = snapshot::find(git, &repo, &held.id)?;
        if kept.is_none_or(|kept| kept.oid != held.oid) {
            return Err(no_proof("has lost its snapshot"));
        }
    }
    let io = |source| Cause::Io { what: "remove", path: path.clone(), source };
    for entry in fs::read_dir(&path).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name();
        if name == OWNER || name == LOCK {
            continue;
        }
        if entry.file_type().map_err(io)?.is_dir() {
            make_removable(&entry.path()).map_err(io)?;
            fs::remove_dir_all(entry.path()).map_err(io)?;
        } else {
            fs::remove_file(entry.path()).map_err(io)?;
        }
        crash_point("purge-some");
    }
    drop_root(&path)?;
    Ok(Purged::Gone)
}
