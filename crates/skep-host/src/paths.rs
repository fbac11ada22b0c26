//! Files and folders that must be whole, private and still there after a power cut.
//!
//! Owns: writing by rename, syncing, folders that only their owner may enter.
//! Never: decides where things go.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use thiserror::Error;

mod real;
#[cfg(test)]
mod tests;

pub use real::{RealError, real};

/// Why a file or folder is not as it must be.
#[derive(Debug, Error)]
pub enum PathError {
    /// The disk, or whoever guards it, said no.
    #[error("{doing} `{}`", .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The folder is there, and others may enter it or own it.
    #[error("`{}` {why}", .path.display())]
    NotPrivate { path: PathBuf, why: String },
}

impl PathError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            PathError::Io { .. } => "disk",
            PathError::NotPrivate { .. } => "not-private",
        }
    }
}

/// Writes `bytes` as the whole of `path`: readers see the old file or the new one, and after a power cut too.
///
/// Shape: mode 0600.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    draft(path, bytes, 0o600)?.put()
}

/// A file that is whole and synced, and not yet in its place; dropped, it is gone.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    draft: PathBuf,
}

/// Writes what is to become the whole of `path`, of this mode, beside it.
pub fn draft(path: &Path, bytes: &[u8], mode: u32) -> Result<Draft, PathError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let fail = |doing| move |source| PathError::Io { doing, path: path.to_owned(), source };
    let name = path.file_name().ok_or_else(|| fail("write")(io::ErrorKind::InvalidInput.into()))?;
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let draft = Draft { draft: path.with_file_name(draft), path: path.to_owned() };
    write_draft(&draft.draft, bytes, mode).map_err(fail("write"))?;
    Ok(draft)
}

impl Draft {
    /// Puts it in its place.
    pub fn put(self) -> Result<(), PathError> {
        fs::rename(&self.draft, &self.path).map_err(|source| PathError::Io {
            doing: "write",
            path: self.path.clone(),
            source,
        })?;
        sync_parent(&self.path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is in its place; or the first failure is the one to tell, and a draft that stays harms nobody.
        let _left = fs::remove_file(&self.draft);
    }
}

fn write_draft(draft: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft) {
        // Left by a process of the same pid that was killed half-way.
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(draft)?;
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?
        }
        other => other?,
    };
    if mode != 0o600 {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the entries of the folder that holds `path` survive a power cut.
pub fn sync_parent(path: &Path) -> Result<(), PathError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(|source| PathError::Io {
        doing: "sync",
        path: parent.to_owned(),
        source,
    })
}

/// Makes the folder `path`, and those above it that are missing, so that only its owner may enter.
///
/// Errors: what stands there is no folder, belongs to another user, or lets others in.
pub fn create_private_dir(path: &Path) -> Result<(), PathError> {
    let fail = |doing| move |source| PathError::Io { doing, path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fail("create"))?;
    let found = fs::symlink_metadata(path).map_err(fail("look at"))?;
    let refuse = |why: String| Err(PathError::NotPrivate { path: path.to_owned(), why });
    let me = rustix::process::geteuid().as_raw();
    if !found.is_dir() {
        refuse("is a link, not a folder".to_owned())
    } else if found.uid() != me {
        refuse(format!("belongs to user {}, not to {me}", found.uid()))
    } else if found.permissions().mode() & 0o077 != 0 {
        refuse(format!("lets other users in (mode {:o})", found.permissions().mode() & 0o777))
    } else {
        Ok(())
    }
}

/// Returns how many bytes an ordinary user may still write on the disk that `path`, or the nearest folder above it, lies on.
pub fn free_bytes(path: &Path) -> Result<u64, PathError> {
    let standing = path.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(standing) {
        Ok(disk) => Ok(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(err) => Err(PathError::Io {
            doing: "ask for the free space of",
            path: standing.to_owned(),
            source: err.into(),
        }),
    }
}

/// Dies on the spot, as by kill -9, when `SKEP_CRASH` names this point; only in builds with debug assertions.
///
/// `name:3` dies when it comes there the third time; `list:FILE` dies nowhere and writes down where it came by.
pub fn crash_point(name: &str) {
    if !cfg!(debug_assertions) {
        return;
    }
    let Some(wanted) = crash_wanted() else { return };
    let wanted = wanted.to_string_lossy();
    if let Some(list) = wanted.strip_prefix("list:") {
        let file = OpenOptions::new().append(true).create(true).open(list);
        // A line that is missing there is missed by whoever reads it.
        let _written = file.and_then(|mut file| file.write_all(format!("{name}\n").as_bytes()));
        return;
    }
    let (point, nth) = match wanted.rsplit_once(':') {
        Some((point, nth)) => (point, nth.parse().unwrap_or(1)),
        None => (&*wanted, 1),
    };
    if point == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == nth {
        // Nothing may run after this, no handler and no destructor.
        let _dead =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// How often this process came by the point that it is to die at.
static PASSED: AtomicU32 = AtomicU32::new(0);

#[expect(clippy::disallowed_methods, reason = "a kill point is chosen from outside the process")]
fn crash_wanted() -> Option<std::ffi::OsString> {
    std::env::var_os("SKEP_CRASH")
}
