//! Owns: changing what stands below one folder, by names that were written down.
//! Never: goes through a link or above that folder: each part of a path is opened by itself, from the one before.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Component, Path, PathBuf},
};

use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};

use super::manifest::Moment;

/// A folder below which things are changed.
pub(super) struct Root {
    fd: OwnedFd,
    /// The folder that was opened last: neighbours come one after the other.
    last: Option<(PathBuf, OwnedFd)>,
    drafts: u64,
}

const FOLDER: OFlags =
    OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::RDONLY);

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Root> {
        let fd = rustix::fs::open(path, FOLDER, Mode::empty())?;
        Ok(Root { fd, last: None, drafts: 0 })
    }

    /// Opens a folder below, and makes sure that things in it can be changed.
    fn folder(&mut self, path: &Path) -> io::Result<BorrowedFd<'_>> {
        if path.as_os_str().is_empty() {
            return Ok(self.fd.as_fd());
        }
        if self.last.as_ref().is_none_or(|(known, _)| known != path) {
            let mut at = self.fd.try_clone()?;
            for part in path.components() {
                let Component::Normal(name) = part else {
                    return Err(io::ErrorKind::InvalidInput.into());
                };
                at = rustix::fs::openat(&at, name, FOLDER, Mode::empty())?;
            }
            // Its own permissions come last.
            let mode = Mode::from_raw_mode(rustix::fs::fstat(&at)?.st_mode & 0o7777);
            if !mode.contains(Mode::RWXU) {
                rustix::fs::fchmod(&at, mode | Mode::RWXU)?;
            }
            self.last = Some((path.to_owned(), at));
        }
        match &self.last {
            Some((_, fd)) => Ok(fd.as_fd()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn above<'p>(&mut self, path: &'p Path) -> io::Result<(BorrowedFd<'_>, &'p [u8])> {
        let (Some(Component::Normal(name)), Some(above)) =
            (path.components().next_back(), path.parent())
        else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        Ok((self.folder(above)?, name.as_bytes()))
    }

    /// Makes a folder, unless it is there.
    pub(super) fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        match rustix::fs::mkdirat(above, name, Mode::RWXU) {
            Err(rustix::io::Errno::EXIST) => self.folder(path).map(drop),
            other => Ok(other?),
        }
    }

    /// Writes a file whole and puts it in place of what stands there.
    pub(super) fn write<E: From<io::Error>>(
        &mut self,
        path: &Path,
        permissions: u32,
        modified: Moment,
        fill: impl FnOnce(&mut File) -> Result<(), E>,
    ) -> Result<(), E> {
        self.drafts += 1;
        let draft = format!(".skep-restoring-{}-{}", std::process::id(), self.drafts);
        let (above, name) = self.above(path)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = rustix::fs::openat(above, &draft, flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(made.map_err(io::Error::from)?);
        let done = fill(&mut file).and_then(|()| {
            let settle = || {
                rustix::fs::fchmod(&file, Mode::from_raw_mode(permissions))?;
                rustix::fs::futimens(&file, &times(modified))?;
                rustix::fs::renameat(above, &draft, above, name)
            };
            settle().map_err(|error| E::from(error.into()))
        });
        if done.is_err() {
            // The first failure is the one to tell.
            let _left = rustix::fs::unlinkat(above, &draft, AtFlags::empty());
        }
        done
    }

    /// Makes a link in place of what stands there.
    pub(super) fn link(&mut self, path: &Path, target: &[u8], modified: Moment) -> io::Result<()> {
        self.drafts += 1;
        let draft = format!(".skep-restoring-{}-{}", std::process::id(), self.drafts);
        let (above, name) = self.above(path)?;
        rustix::fs::symlinkat(target, above, &draft)?;
        let settle = || {
            rustix::fs::utimensat(above, &draft, &times(modified), AtFlags::SYMLINK_NOFOLLOW)?;
            rustix::fs::renameat(above, &draft, above, name)
        };
        settle().map_err(|error| {
            // The first failure is the one to tell.
            let _left = rustix::fs::unlinkat(above, &draft, AtFlags::empty());
            error.into()
        })
    }

    /// Gives a file, whose bytes are right already, its permissions and time.
    pub(super) fn settle(
        &mut self,
        path: &Path,
        permissions: u32,
        modified: Moment,
    ) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(above, name, flags, Mode::empty())?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(permissions))?;
        rustix::fs::futimens(&file, &times(modified))?;
        Ok(())
    }

    /// Gives a folder its permissions and time, after all that is in it.
    pub(super) fn settle_folder(
        &mut self,
        path: &Path,
        permissions: u32,
        modified: Moment,
    ) -> io::Result<()> {
        let folder = self.folder(path)?;
        rustix::fs::futimens(folder, &times(modified))?;
        rustix::fs::fchmod(folder, Mode::from_raw_mode(permissions))?;
        self.last = None;
        Ok(())
    }

    /// Removes a file or link, if it is there.
    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        match rustix::fs::unlinkat(above, name, AtFlags::empty()) {
            Err(rustix::io::Errno::NOENT) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Removes a folder, if it is there and empty; says whether it is gone.
    pub(super) fn remove_folder(&mut self, path: &Path) -> io::Result<bool> {
        self.last = None;
        let (above, name) = self.above(path)?;
        match rustix::fs::unlinkat(above, name, AtFlags::REMOVEDIR) {
            Err(rustix::io::Errno::NOENT) => Ok(true),
            Err(rustix::io::Errno::NOTEMPTY | rustix::io::Errno::EXIST) => Ok(false),
            other => Ok(other.map(|()| true)?),
        }
    }
}

fn times(modified: Moment) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: modified.0, tv_nsec: modified.1 },
    }
}
