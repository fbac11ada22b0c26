//! Control groups of version 2, where there are any: a mark that no process can take off, and a kill that none escapes.
//!
//! Owns: finding out whether they truly exist and are ours to use; making, joining, killing, removing one.
//! Never: is needed. A machine without them, or a user who may not use them, loses only a last resort.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

#[cfg(test)]
mod tests;

/// What the names of our groups begin with.
const PREFIX: &str = "skep.";

/// Makes the group for `mark` below our own; none where that cannot be done.
pub fn make(mark: &str) -> Option<PathBuf> {
    let dir = place_of(mark)?;
    match DirBuilder::new().create(&dir) {
        // Left by an attempt whose guards were killed.
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => return None,
        _ => {}
    }
    // Missing before Linux 5.14.
    if fs::metadata(dir.join("cgroup.kill")).is_ok() {
        return Some(dir);
    }
    remove(&dir);
    None
}

/// Makes this process, and all that it forks from now on, a member of the group.
pub fn join(dir: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(dir.join("cgroup.procs"))?.write_all(b"0")
}

/// Kills every member of the group.
pub fn kill(dir: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(dir.join("cgroup.kill"))?.write_all(b"1")
}

/// Removes the group, if nobody is in it.
pub fn remove(dir: &Path) {
    // One with a member, a spared helper say, stays; an empty one harms nobody.
    let _stays = fs::remove_dir(dir);
}

/// Removes the group for `mark` below our own, if there is one and nobody is in it.
pub fn remove_of(mark: &str) {
    if let Some(dir) = place_of(mark) {
        remove(&dir);
    }
}

/// Where the group for `mark` is or would be; none where there are no groups.
fn place_of(mark: &str) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let member = fs::read_to_string("/proc/self/cgroup").ok()?;
    let ours = dir_of(&mounts, &member)?;
    // Only the real thing has this file; a folder can be made anywhere.
    fs::metadata(ours.join("cgroup.procs")).ok()?;
    let is_name = !mark.is_empty() && !mark.contains(['/', '\n']);
    is_name.then(|| ours.join(format!("{PREFIX}{mark}")))
}

/// Tells whether `pid` is a member of a group made for `mark`, or of one below it.
pub fn is_member(pid: u32, mark: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|member| names(&member, mark))
}

fn names(member: &str, mark: &str) -> bool {
    path_in(member)
        .is_some_and(|path| path.split('/').any(|part| part.strip_prefix(PREFIX) == Some(mark)))
}

/// The path in the one hierarchy of version 2, from a `/proc/PID/cgroup`.
fn path_in(member: &str) -> Option<&str> {
    member.lines().find_map(|line| line.strip_prefix("0::"))
}

/// The folder of our own group: where the hierarchy is mounted, and where we are in it.
fn dir_of(mounts: &str, member: &str) -> Option<PathBuf> {
    let path = path_in(member)?;
    let (root, mount) = mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut fields = place.split(' ').skip(3);
        let (root, mount) = (fields.next()?, fields.next()?);
        kind.starts_with("cgroup2 ").then_some((root, mount))
    })?;
    // A space in a mount's name is written as an escape, which no system's group folder has.
    if mount.contains('\\') {
        return None;
    }
    let below = Path::new(path).strip_prefix(root).ok()?;
    Some(Path::new(mount).join(below))
}
