//! Where a repository's packed refs lie, so that git can work behind a fence.
//!
//! Git takes the lock of packed refs at nearly every commit, and that lock stands beside them: in the folder that holds
//! settings and hooks as well, which no run may write to. Git follows a link at their place and locks where they are, so
//! they are moved to where runs write anyway, and a link leads there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::symlink,
    path::Path,
};

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
    let lock = common.join("packed-refs.lock");
    OpenOptions::new().write(true).create_new(true).open(&lock)?;
    let moved = under_lock(common, &place);
    let free = fs::remove_file(&lock);
    moved.and(free)
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
