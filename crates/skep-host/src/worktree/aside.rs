//! Owns: mending a registration so that it can be taken back: it is moved, or locked, and never deleted.
//! Never: touches one whose folder stands, but to lock it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{private_dir, write_lock};
use crate::{
    git::{GitError, Repository},
    paths,
};

/// The folder beside the worktrees' own in which what was set aside lies.
const ASIDE: &str = "skep-set-aside";

/// Moves the registration of a worktree whose folder is gone out of git's sight; returns from where and to where.
///
/// Shape: none where it is not registered, or its folder stands again. Moving it back makes git know it again.
pub fn set_aside(
    repo: &Repository,
    locks: &Path,
    path: &Path,
) -> Result<Option<(PathBuf, PathBuf)>, GitError> {
    let io = |what, path: &Path| {
        let path = path.to_owned();
        move |source| GitError::Io { what, path, source }
    };
    let _writer = write_lock(repo, locks)?;
    match fs::symlink_metadata(path) {
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io("look at", path)(error)),
    }
    let Some(from) = private_dir(repo, path).map_err(io("read", path))? else { return Ok(None) };
    let folder = repo.common_dir.join(ASIDE);
    fs::create_dir_all(&folder).map_err(io("make", &folder))?;
    let name = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // The writer lock is ours, so a name that is free now stays free.
    let to = (0..)
        .map(|n| folder.join(if n == 0 { name.clone() } else { format!("{name}.{n}") }))
        .find(|to| fs::symlink_metadata(to).is_err())
        .unwrap_or_else(|| folder.join(&name));
    fs::rename(&from, &to).map_err(io("move", &from))?;
    Ok(Some((from, to)))
}

/// Locks a worktree that is registered and not locked, as one of ours is from its beginning; says whether it did.
pub fn lock_again(
    repo: &Repository,
    locks: &Path,
    path: &Path,
    reason: &str,
) -> Result<bool, GitError> {
    let io = |source| GitError::Io { what: "lock", path: path.to_owned(), source };
    let _writer = write_lock(repo, locks)?;
    let Some(dir) = private_dir(repo, path).map_err(io)? else { return Ok(false) };
    let file = dir.join("locked");
    if fs::symlink_metadata(&file).is_ok() {
        return Ok(false);
    }
    paths::write_atomically(&file, format!("{reason}\n").as_bytes())
        .map_err(|error| io(io::Error::other(error)))?;
    Ok(true)
}
