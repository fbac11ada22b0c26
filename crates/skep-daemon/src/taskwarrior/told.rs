//! The runs whose tasks were completed, or did not have to be: one file in the home.
//!
//! Owns: how it is read and written, and what it is called where it does not read. Never: takes one that does not read for
//! an empty one: a task that a person took up again would be completed over them.

use std::{
    collections::BTreeSet,
    fs, io,
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use skep_api::place::Home;
use skep_core::time::Timestamp;
use skep_host::paths::{self, PathError};

/// What begins the names of those that did not read.
const UNREADABLE: &str = "told.unreadable-";

fn file(home: &Home) -> PathBuf {
    super::folder(home).join("told")
}

/// The runs by their ids; none where nothing was written yet. Errors: it cannot be read.
pub fn read(home: &Home) -> Result<BTreeSet<String>, String> {
    let path = file(home);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|err| format!("{} cannot be read: {err}", path.display())),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(err) => Err(format!("{} cannot be read: {err}", path.display())),
    }
}

/// Writes all of them down.
pub fn write(home: &Home, told: &BTreeSet<String>) -> Result<(), PathError> {
    // Texts always have a spelling.
    let bytes = serde_json::to_vec(told).unwrap_or_default();
    paths::write_atomically(&file(home), &bytes)
}

/// Gives the file a second name that stays when it is written anew, and returns that.
///
/// Order: its own name goes on naming it until then, so that whoever dies between finds it, and not none.
pub fn keep_aside(home: &Home) -> io::Result<PathBuf> {
    let path = file(home);
    let changed = fs::symlink_metadata(&path)?.modified()?;
    let changed = changed.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    // By when it was written: the same again gives the same name.
    let at = Timestamp(0).plus(changed);
    let aside = path.with_file_name(format!("{UNREADABLE}{at}"));
    match fs::hard_link(&path, &aside) {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => return Err(err),
        Ok(()) | Err(_) => {}
    }
    paths::sync_parent(&aside).map_err(io::Error::other)?;
    Ok(aside)
}

/// Those that were kept aside and lie there still.
pub fn aside(home: &Home) -> Vec<PathBuf> {
    let entries = fs::read_dir(super::folder(home)).into_iter().flatten().flatten();
    let is_aside =
        |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(UNREADABLE);
    let mut found: Vec<PathBuf> = entries.filter(is_aside).map(|entry| entry.path()).collect();
    found.sort();
    found
}
