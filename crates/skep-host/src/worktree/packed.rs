//! Where a repository's packed refs lie, so that git can work behind a fence.
//!
//! Git takes the lock of packed refs at nearly every commit, and that lock stands beside them: in the folder that holds
//! settings and hooks as well, which no run may write to. Git follows a link at their place and locks where they are, so
//! they are moved to where runs write anyway, and a link leads there.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    os::unix::fs::symlink,
    path::Path,
    sync::{Mutex, PoisonError},
};

use crate::tree;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Where they lie then, as the link says it: in a folder that belongs to the objects, which nobody tidies away.
const AWAY: &str = "objects/info/packed-refs";

/// Moves the packed refs of the repository with the shared folder `common` to where its objects are; once is enough.
///
/// Errors: another git holds their lock ([`ErrorKind::AlreadyExists`]), or the disk; then they are where they were.
pub fn move_packed_refs(common: &Path) -> io::Result<()> {
    let place = common.join("packed-refs");
    let is_link = fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_symlink());
    // Another form of keeping refs has no such file.
    if is_link || common.join("reftable").exists() {
        return Ok(());
    }
    // Two that judge one lock at once would take it away from each other.
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let lock = common.join("packed-refs.lock");
    match take(&lock) {
        Err(err) if err.kind() == ErrorKind::AlreadyExists && is_left_by_us(&lock) => {
            fs::remove_file(&lock)?;
            take(&lock)?;
        }
        taken => taken?,
    }
    let moved = under_lock(common, &place);
    let free = fs::remove_file(&lock);
    moved.and(free)
}

/// Takes git's lock with our mark in it from its first moment, so that one whose holder was killed is known for ours: git
/// would wait for it for ever.
fn take(lock: &Path) -> io::Result<()> {
    let mark = lock.with_extension(format!("skep-{}", std::process::id()));
    File::create(&mark)?.write_all(mark_of(std::process::id())?.as_bytes())?;
    let taken = fs::hard_link(&mark, lock);
    taken.and(fs::remove_file(&mark))
}

/// A process, as a lock names it: pid, start time, and the boot that both are of.
fn mark_of(pid: u32) -> io::Result<String> {
    let process = tree::identity(pid).ok_or(ErrorKind::NotFound)?;
    Ok(format!("skep {pid} {} {}\n", process.started, tree::boot_id()?))
}

/// Whether the lock is one of ours whose holder is gone. What cannot be read is somebody's.
fn is_left_by_us(lock: &Path) -> bool {
    let Ok(text) = fs::read_to_string(lock) else { return false };
    let pid = text.strip_prefix("skep ").and_then(|rest| rest.split(' ').next()?.parse().ok());
    let Ok(boot) = tree::boot_id() else { return false };
    let gone =
        |pid| tree::identity(pid).is_none() && !Path::new("/proc").join(format!("{pid}")).exists();
    let other = |pid| mark_of(pid).is_ok_and(|mark| mark != text);
    pid.is_some_and(|pid: u32| !text.trim_end().ends_with(&boot) || gone(pid) || other(pid))
}

fn under_lock(common: &Path, place: &Path) -> io::Result<()> {
    let away = common.join(AWAY);
    let info = away.parent().ok_or(ErrorKind::InvalidInput)?;
    fs::create_dir_all(info)?;
    let bytes = match fs::read(place) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == ErrorKind::NotFound => Vec::new(),
        Err(err) => return Err(err),
    };
    // What an earlier, killed call left, or what another program's writing over the link left behind: stale either way.
    let new = info.join("packed-refs.new");
    let mut file = File::create(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, &away)?;
    File::open(info)?.sync_all()?;
    let link = common.join("packed-refs.link");
    match fs::remove_file(&link) {
        Err(err) if err.kind() != ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    symlink(AWAY, &link)?;
    fs::rename(&link, place)?;
    File::open(common)?.sync_all()
}
