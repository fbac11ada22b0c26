//! Owns: the single steps with folders and files, each harmless when it is done already.
//! Never: goes through a link out of the folder it was given.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::Cause;

/// Whether nothing stands at `path`; what cannot be looked at is no "nothing".
pub(super) fn missing(path: &Path) -> Result<bool, Cause> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(source) => Err(Cause::Io { what: "look at", path: path.to_owned(), source }),
    }
}

pub(super) fn make_dir(path: &Path) -> Result<(), Cause> {
    match fs::create_dir(path) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            Err(Cause::Io { what: "make", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Makes folders one by one below a root, and says no at anything that is not a folder, links included.
pub(super) fn make_dirs_below(root: &Path, path: &Path) -> Result<bool, Cause> {
    let mut at = root.to_owned();
    for part in path.components() {
        at.push(part);
        make_dir(&at)?;
        if !fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_dir()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Joins `path` to a folder and makes sure that it is a folder in there, by its real path.
pub(super) fn below(folder: &Path, path: &Path) -> Result<PathBuf, Cause> {
    let no = || Cause::NoSubDir { path: path.to_owned() };
    let real = folder.canonicalize().map_err(|source| Cause::Io {
        what: "resolve",
        path: folder.to_owned(),
        source,
    })?;
    let joined = real.join(path).canonicalize().map_err(|_| no())?;
    if joined.starts_with(&real) && joined.is_dir() { Ok(joined) } else { Err(no()) }
}

pub(super) fn files_in(dir: &Path) -> Result<Vec<PathBuf>, Cause> {
    let io = |source| Cause::Io { what: "read", path: dir.to_owned(), source };
    match fs::read_dir(dir) {
        Ok(entries) => {
            entries.map(|entry| entry.map(|entry| entry.file_name().into()).map_err(io)).collect()
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(io(source)),
    }
}

pub(super) fn remove_dir(path: &Path) -> Result<(), Cause> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(Cause::Io { what: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

pub(super) fn remove_file(path: &Path) -> Result<(), Cause> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(Cause::Io { what: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
