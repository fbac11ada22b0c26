//! Owns: when a clone may go, its going, and what a kill left of either.
//! Never: lets one go of which anything is only there; deletes by a name under which somebody could still be writing.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{
    CacheError, DRAFT, TAG_ROW, TAGS, USED, draft_of, gate, io_at, missing, origin, remove, writer,
};
use crate::{
    git::{self, Git, Repository, key},
    lock::{self, Lock, LockError},
    paths::{crash_point, sync_parent},
    snapshot,
};

/// The name of a clone that was proven to hold nothing of its own, and is to be proven again where nobody looks for it.
const LEAVING: &str = ".leaving.";

/// The name of one that was proven twice: its deletion may be run again.
const GONE: &str = ".gone.";

/// How long a lock may be ours no more and not free yet: a program that is just being started has it too.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The hidden worktree that snapshots hang on.
const SHELF: &str = "skep-snapshots";

/// What came of an eviction.
#[derive(Debug)]
pub enum Evicting {
    Evicted,
    /// It was not there.
    Absent,
    Kept {
        why: String,
    },
    /// Something gave no answer, so it stays.
    Unknown(CacheError),
}

/// Lists the clones in the folder `cache`, by name; a folder that is not there holds none.
pub fn list(cache: &Path) -> Result<Vec<PathBuf>, CacheError> {
    let is_clone =
        |name: &[u8]| name.ends_with(b".git") && !name.starts_with(b".") && name.len() > 4;
    Ok(entries(cache)?.into_iter().filter(|path| is_clone(name_of(path))).collect())
}

/// Deletes the clone `dir` with the proof that nothing is only there, and that it was not used for `unused_for` before `now`.
///
/// Killed anywhere, [`mend`] goes on. The caller knows that no project is there.
pub fn evict(
    git: &Git,
    locks: &Path,
    dir: &Path,
    unused_for: Duration,
    now: SystemTime,
) -> Evicting {
    let evicted = (|| {
        let Some(_held) = alone(locks, dir)? else { return Ok(kept("somebody is at work in it")) };
        if missing(dir)? {
            return Ok(Evicting::Absent);
        }
        let age = now.duration_since(last_used(locks, dir)?).unwrap_or_default();
        if age < unused_for {
            return Ok(kept(format!("it was used {} hours ago", age.as_secs() / 3600)));
        }
        if let Some(why) = reason(git, dir)? {
            return Ok(kept(why));
        }
        let leaving = beside(dir, LEAVING);
        if !missing(&leaving)? {
            return Ok(kept("an older clone of its name is on its way out"));
        }
        fs::rename(dir, &leaving).map_err(io_at("set aside", dir))?;
        sync_parent(dir)?;
        crash_point("evict.leaving");
        finish(git, dir, &leaving)
    })();
    evicted.unwrap_or_else(Evicting::Unknown)
}

/// Ends what a kill left half-way in the folder `cache`: drafts go, evictions go on or are taken back.
///
/// Returns what could not be ended; it is tried again at the next call.
pub fn mend(git: &Git, locks: &Path, cache: &Path) -> Vec<CacheError> {
    let all = match entries(cache) {
        Ok(all) => all,
        Err(err) => return vec![err],
    };
    all.iter().filter_map(|path| mend_one(git, locks, path).err()).collect()
}

fn mend_one(git: &Git, locks: &Path, path: &Path) -> Result<(), CacheError> {
    let name = name_of(path);
    let standing = |name: &[u8]| path.with_file_name(git::path_of(name));
    if name.starts_with(GONE.as_bytes()) {
        return remove(path);
    }
    if let Some(name) = name.strip_prefix(DRAFT.as_bytes()) {
        let end = name.iter().rposition(|byte| *byte == b'.').unwrap_or(name.len());
        // Whoever is making it holds the lock to the end.
        let Some(_held) = alone(locks, &standing(&name[..end]))? else { return Ok(()) };
        return remove(path);
    }
    if let Some(name) = name.strip_prefix(LEAVING.as_bytes()) {
        let dir = standing(name);
        let Some(_held) = alone(locks, &dir)? else { return Ok(()) };
        return finish(git, &dir, path).map(drop);
    }
    Ok(())
}

/// Ends an eviction, or takes it back: who wrote to `dir` before it was set aside has done so by now.
fn finish(git: &Git, dir: &Path, leaving: &Path) -> Result<Evicting, CacheError> {
    let proven = reason(git, leaving);
    if let Ok(None) = proven {
        let gone = draft_of(dir);
        let name = name_of(&gone).strip_prefix(DRAFT.as_bytes()).unwrap_or_default().to_owned();
        let mut to = std::ffi::OsString::from(GONE);
        to.push(git::path_of(&name));
        let gone = dir.with_file_name(to);
        fs::rename(leaving, &gone).map_err(io_at("set aside", leaving))?;
        sync_parent(&gone)?;
        crash_point("evict.gone");
        remove(&gone)?;
        return Ok(Evicting::Evicted);
    }
    if missing(dir)? {
        fs::rename(leaving, dir).map_err(io_at("bring back", dir))?;
        sync_parent(dir)?;
    }
    proven.map(|why| kept(why.unwrap_or_default()))
}

/// Both locks of a clone, if nobody has one of them.
fn alone(locks: &Path, dir: &Path) -> Result<Option<(Lock, Lock)>, CacheError> {
    fs::create_dir_all(locks).map_err(io_at("make", locks))?;
    let free = |file: PathBuf| match lock::hold_within(&file, AT_ONCE) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Held { .. }) => Ok(None),
        Err(LockError::Io { path, source }) => Err(CacheError::Io { what: "lock", path, source }),
    };
    let Some(making) = free(gate(locks, dir))? else { return Ok(None) };
    let Some(writing) = free(writer(locks, &canonical(dir)?))? else { return Ok(None) };
    Ok(Some((making, writing)))
}

/// The name under which others lock `dir`; also where it is not there yet.
fn canonical(dir: &Path) -> Result<PathBuf, CacheError> {
    let parent = dir.parent().unwrap_or(Path::new("/"));
    let parent = parent.canonicalize().map_err(io_at("resolve", parent))?;
    Ok(parent.join(dir.file_name().unwrap_or_default()))
}

/// When anything of a clone was asked for, fetched or moved last.
fn last_used(locks: &Path, dir: &Path) -> Result<SystemTime, CacheError> {
    let key = key(&canonical(dir)?);
    let mut all = vec![locks.join(format!("{key}.tried")), locks.join(format!("{key}.fetched"))];
    let files = [USED, "HEAD", "FETCH_HEAD", "packed-refs", "config", "worktrees", "refs", "logs"];
    all.extend(files.map(|name| dir.join(name)));
    let mut last = SystemTime::UNIX_EPOCH;
    while let Some(path) = all.pop() {
        let meta = match fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
            Err(err) => return Err(io_at("look at", &path)(err)),
        };
        last = last.max(meta.modified().map_err(io_at("look at", &path))?);
        if meta.is_dir() {
            all.extend(entries(&path)?);
        }
    }
    Ok(last)
}

/// Why a clone must stay; none where everything in it is on its remote as well.
fn reason(git: &Git, dir: &Path) -> Result<Option<String>, CacheError> {
    let failed = CacheError::Git;
    let is_dir = fs::symlink_metadata(dir).map_err(io_at("look at", dir))?.is_dir();
    if !is_dir || missing(&dir.join(TAGS))? || missing(&dir.join("HEAD"))? {
        return Ok(Some("it is no clone of skep's".to_owned()));
    }
    let repo = git::discover(git, dir).map_err(failed)?;
    // Git looks further up where a folder is no repository.
    if repo.common_dir != canonical(dir)? || !repo.bare || origin(git, dir).is_none() {
        return Ok(Some("it is no clone of skep's".to_owned()));
    }
    if let Some(why) = worktrees(git, &repo)? {
        return Ok(Some(why));
    }
    if !missing(&dir.join("modules"))? {
        return Ok(Some("it has repositories of submodules".to_owned()));
    }
    let recorded = fs::read(dir.join(TAGS)).map_err(io_at("read", &dir.join(TAGS)))?;
    let recorded: BTreeSet<&[u8]> = recorded.split(|byte| *byte == b'\n').collect();
    let rows = git.call(dir).args(["for-each-ref", TAG_ROW]).bytes().map_err(failed)?;
    let mut elsewhere = Vec::new();
    for row in rows.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()) {
        let Some(space) = row.iter().position(|byte| *byte == b' ') else { continue };
        let (oid, name) = (&row[..space], &row[space + 1..]);
        if name.starts_with(b"refs/heads/") || name.starts_with(b"refs/remotes/") {
            continue;
        }
        if !(name.starts_with(b"refs/tags/") && recorded.contains(row)) {
            // A tag, a stash or a note says something of its own, wherever its commit may be.
            let name = String::from_utf8_lossy(name).into_owned();
            return Ok(Some(format!("`{name}` is only there")));
        }
        elsewhere.extend([b"^", oid, b"\n"].concat());
    }
    // What a branch pointed to and was moved away from counts as well.
    let only =
        ["rev-list", "--max-count=1000", "--stdin", "--all", "--reflog", "--not", "--remotes"];
    let found = git.call(dir).args(only).stdin(elsewhere).line().map_err(failed)?;
    let shelf = dir.join("worktrees").join(SHELF).join("HEAD");
    // An empty shelf is a commit as well.
    let shelf = if missing(&shelf)? {
        String::new()
    } else {
        fs::read_to_string(&shelf).map_err(io_at("read", &shelf))?
    };
    let count = found.lines().filter(|oid| *oid != shelf.trim()).count();
    if count > 0 {
        return Ok(Some(format!("commits on no branch of its remote: {count}")));
    }
    Ok(None)
}

fn worktrees(git: &Git, repo: &Repository) -> Result<Option<String>, CacheError> {
    let linked = entries(&repo.common_dir.join("worktrees"))?;
    for entry in &linked {
        let name = name_of(entry);
        if name != SHELF.as_bytes() {
            let name = String::from_utf8_lossy(name).into_owned();
            return Ok(Some(format!("it has the worktree `{name}`")));
        }
        let kept = snapshot::list(git, repo).map_err(CacheError::Snapshot)?.len();
        if kept > 0 {
            return Ok(Some(format!("snapshots that it keeps: {kept}")));
        }
    }
    Ok(None)
}

fn kept(why: impl Into<String>) -> Evicting {
    Evicting::Kept { why: why.into() }
}

fn beside(dir: &Path, prefix: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(prefix);
    name.push(dir.file_name().unwrap_or_default());
    dir.with_file_name(name)
}

fn name_of(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_bytes()
}

/// Lists a folder by name; one that is not there is empty.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, CacheError> {
    let read = match fs::read_dir(dir) {
        Ok(read) => read,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(err) => return Err(io_at("read", dir)(err)),
    };
    let mut all = Vec::new();
    for entry in read {
        all.push(entry.map_err(io_at("read", dir))?.path());
    }
    all.sort();
    Ok(all)
}
