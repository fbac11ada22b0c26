//! Lock files: who holds one is alone with what it stands for.
//!
//! Owns: advisory locks on whole files, which the kernel gives back when their last holder is gone.
//! Never: deletes a lock file (another may be about to open it), or lets a program that we start inherit one.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use thiserror::Error;

#[cfg(test)]
mod tests;

/// How often a wait with an end looks again: the kernel wakes nobody who does not wait for ever.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Why a lock is not ours.
#[derive(Debug, Error)]
pub enum LockError {
    /// Somebody else holds it, and did so to the end of the wait.
    #[error("`{}` is held by another process", .path.display())]
    Held { path: PathBuf },
    /// The file could not be opened or locked.
    #[error("lock `{}`", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl LockError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            LockError::Held { .. } => "locked",
            LockError::Io { .. } => "disk",
        }
    }
}

/// A lock that is held until this, and every copy of its descriptor, is closed.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl From<Lock> for OwnedFd {
    fn from(lock: Lock) -> OwnedFd {
        lock.file.into()
    }
}

/// Takes the lock at `path`, which is made if it is missing.
///
/// Errors: [`LockError::Held`] at once when another holds it.
pub fn hold(path: &Path) -> Result<Lock, LockError> {
    let file = open(path)?;
    if try_hold(&file, path)? {
        Ok(Lock { file })
    } else {
        Err(LockError::Held { path: path.to_owned() })
    }
}

/// Takes the lock at `path`, waiting for it as long as it takes.
pub fn hold_waiting(path: &Path) -> Result<Lock, LockError> {
    let file = open(path)?;
    loop {
        match file.lock() {
            Ok(()) => return Ok(Lock { file }),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(LockError::Io { path: path.to_owned(), source }),
        }
    }
}

/// Takes the lock at `path`, waiting at most `wait`.
pub fn hold_within(path: &Path, wait: Duration) -> Result<Lock, LockError> {
    let until = Instant::now() + wait;
    let file = open(path)?;
    while !try_hold(&file, path)? {
        if Instant::now() >= until {
            return Err(LockError::Held { path: path.to_owned() });
        }
        thread::sleep(LOOK_AGAIN);
    }
    Ok(Lock { file })
}

fn open(path: &Path) -> Result<File, LockError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|source| LockError::Io { path: path.to_owned(), source })
}

fn try_hold(file: &File, path: &Path) -> Result<bool, LockError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(LockError::Io { path: path.to_owned(), source }),
    }
}
