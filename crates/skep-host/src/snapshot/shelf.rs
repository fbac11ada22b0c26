//! Owns: what every snapshot of a repository hangs on: the HEAD of a hidden worktree, which `gc` honours and `push --mirror` does not know.
//! Never: forgets a snapshot that it was not told to; every change is a compare-and-swap of that HEAD.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    Place, SnapshotError, damaged, io_at,
    objects::{Mode, Reader, Row, Trees, Writer, commit},
};
use crate::{
    git::{GitError, key, wait_for},
    lock::Lock,
    paths::{crash_point, sync_parent, write_atomically},
};

/// The name of the hidden worktree.
const NAME: &str = "skep-snapshots";

/// Why it is locked, which `git worktree list` shows.
const REASON: &str = "the snapshots of skep hang on this entry; `skep snapshot ls` lists them";

/// How often a lost race is run again.
const TRIES: usize = 50;

/// A run on the shelf.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) name: String,
    /// The tree with its snapshots, and a blob with the commits that are held for their sake.
    pub(super) oid: String,
}

/// A snapshot by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hung {
    pub(super) run: String,
    pub(super) id: String,
    pub(super) oid: String,
    /// The commits that it needs.
    pub(super) holds: Vec<String>,
}

/// The shelf as it was read.
pub(super) struct Shelf {
    head: Option<String>,
    pub(super) runs: Vec<Run>,
}

/// Whether the worktree that git lists at `path` is the shelf of the repository with the shared folder `common_dir`.
pub fn is_entry(common_dir: &Path, path: &Path) -> bool {
    path == common_dir.join(NAME)
}

/// The shelf's own git folder.
pub(super) fn folder(place: Place<'_>) -> PathBuf {
    place.repo.common_dir.join("worktrees").join(NAME)
}

/// Opens the objects of the repository, with the shelf's HEAD as HEAD where there is a shelf.
pub(super) fn reader(place: Place<'_>) -> Result<Reader, SnapshotError> {
    if fs::symlink_metadata(place.repo.common_dir.join("reftable")).is_ok() {
        return Err(SnapshotError::Unsupported { what: "refs in a reftable" });
    }
    let folder = folder(place);
    let git_dir = if exists(&folder)? { folder } else { place.repo.common_dir.clone() };
    Reader::open(place, &git_dir)
}

/// Whether the shelf is there; something else in its place is an error.
fn exists(folder: &Path) -> Result<bool, SnapshotError> {
    match fs::read_to_string(folder.join("locked")) {
        Ok(text) if text.trim() == REASON => Ok(true),
        Ok(_) => Err(SnapshotError::Foreign { path: folder.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match fs::symlink_metadata(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Ok(_) => Err(SnapshotError::Foreign { path: folder.to_owned() }),
                Err(error) => Err(io_at("look at", folder)(error)),
            }
        }
        Err(error) => Err(io_at("read", folder)(error)),
    }
}

impl Shelf {
    /// Reads which runs have snapshots.
    pub(super) fn read(place: Place<'_>, reader: &mut Reader) -> Result<Shelf, SnapshotError> {
        let folder = folder(place);
        if !exists(&folder)? {
            return Ok(Shelf { head: None, runs: Vec::new() });
        }
        // Asked of the file, since the reader may have been opened before the shelf was made.
        let path = folder.join("HEAD");
        let text = fs::read_to_string(&path).map_err(io_at("read", &path))?;
        let head = text.trim().to_owned();
        if !crate::git::is_oid(&head) {
            return Err(damaged(&head, "the shelf's HEAD is no commit"));
        }
        let rows = reader.tree(&head, &format!("{head}^{{tree}}"))?;
        let runs = rows
            .into_iter()
            .filter(|row| row.mode == Mode::Tree)
            .map(|row| Run { name: String::from_utf8_lossy(&row.name).into_owned(), oid: row.oid });
        Ok(Shelf { head: Some(head), runs: runs.collect() })
    }

    /// Reads the snapshots of a run, the oldest first.
    pub(super) fn of(reader: &mut Reader, run: &Run) -> Result<Vec<Hung>, SnapshotError> {
        let rows = reader.tree(&run.oid, &run.oid)?;
        let mut hung = Vec::new();
        for (id, holds) in listed(reader, run)? {
            let row = rows.iter().find(|row| row.name == id.as_bytes());
            let row = row.ok_or_else(|| damaged(&run.oid, format!("`{id}` is missing")))?;
            hung.push(Hung { run: run.name.clone(), id, oid: row.oid.clone(), holds });
        }
        Ok(hung)
    }

    /// Reads every snapshot.
    pub(super) fn all(&self, reader: &mut Reader) -> Result<Vec<Hung>, SnapshotError> {
        let mut all = Vec::new();
        for run in &self.runs {
            all.extend(Shelf::of(reader, run)?);
        }
        Ok(all)
    }

    pub(super) fn run(&self, name: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.name == name)
    }
}

/// The name of the blob beside a run's snapshots; no snapshot is called so.
const LIST: &str = ".list";

/// The snapshots of a run in their order, each with the commits that it needs.
fn listed(reader: &mut Reader, run: &Run) -> Result<Vec<(String, Vec<String>)>, SnapshotError> {
    let bytes = reader.blob(&run.oid, &format!("{}:{LIST}", run.oid))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let rows = text.lines().map(|line| {
        let mut words = line.split(' ').map(str::to_owned);
        (words.next().unwrap_or_default(), words.collect())
    });
    Ok(rows.collect())
}

/// Hangs a snapshot up, unless one of that name hangs there; returns which one does now.
pub(super) fn hang(place: Place<'_>, locks: &Path, new: &Hung) -> Result<String, SnapshotError> {
    let mut result = new.oid.clone();
    change(place, locks, |reader, shelf| {
        if let Some(hung) = shelf.all(reader)?.into_iter().find(|hung| hung.id == new.id) {
            result = hung.oid;
            return Ok(None);
        }
        let mut of_run = match shelf.run(&new.run) {
            Some(run) => Shelf::of(reader, run)?,
            None => Vec::new(),
        };
        of_run.push(new.clone());
        Ok(Some(vec![(new.run.clone(), of_run)]))
    })?;
    Ok(result)
}

/// Takes snapshots down by their names; returns how many hung there.
pub(super) fn take_down(
    place: Place<'_>,
    locks: &Path,
    ids: &[&str],
) -> Result<u64, SnapshotError> {
    let mut count = 0;
    change(place, locks, |reader, shelf| {
        count = 0;
        let mut changed = Vec::new();
        for run in &shelf.runs {
            let hung = Shelf::of(reader, run)?;
            let before = hung.len();
            let rest: Vec<Hung> =
                hung.into_iter().filter(|hung| !ids.contains(&hung.id.as_str())).collect();
            if rest.len() < before {
                count += (before - rest.len()) as u64;
                changed.push((run.name.clone(), rest));
            }
        }
        Ok((!changed.is_empty()).then_some(changed))
    })?;
    Ok(count)
}

/// The runs that a change leaves with other snapshots than before.
type Changed = Vec<(String, Vec<Hung>)>;

/// Reads, decides and swaps, until nobody else was faster.
fn change(
    place: Place<'_>,
    locks: &Path,
    mut decide: impl FnMut(&mut Reader, &Shelf) -> Result<Option<Changed>, SnapshotError>,
) -> Result<(), SnapshotError> {
    let _writer = write_lock(place, locks)?;
    for _ in 0..TRIES {
        let mut reader = reader(place)?;
        let shelf = Shelf::read(place, &mut reader)?;
        let Some(changed) = decide(&mut reader, &shelf)? else { return Ok(()) };
        let new = write(place, &mut reader, &shelf, changed)?;
        crash_point("snapshot-shelf-written");
        if swap(place, shelf.head.as_deref(), &new)? {
            return Ok(());
        }
    }
    Err(SnapshotError::Contended { repository: place.repo.common_dir.clone() })
}

/// The same lock that every writer of the repository's refs and worktrees waits for.
pub(super) fn write_lock(place: Place<'_>, locks: &Path) -> Result<Lock, SnapshotError> {
    fs::create_dir_all(locks).map_err(io_at("make", locks))?;
    Ok(wait_for(&locks.join(format!("{}.writer", key(&place.repo.common_dir))))?)
}

/// Writes the one commit of a changed shelf: its tree holds the snapshots, its parents are the commits that they need.
///
/// One, because `log --all` shows the HEAD of every worktree and all that it stands on; and as old as can be, so that it shows last.
fn write(
    place: Place<'_>,
    reader: &mut Reader,
    shelf: &Shelf,
    changed: Changed,
) -> Result<String, SnapshotError> {
    let mut needed = BTreeSet::new();
    let mut runs: Vec<Run> = Vec::new();
    for run in &shelf.runs {
        if !changed.iter().any(|(name, _)| *name == run.name) {
            needed.extend(listed(reader, run)?.into_iter().flat_map(|(_, holds)| holds));
            runs.push(run.clone());
        }
    }
    let mut lists = Vec::new();
    let mut writer = Writer::new(place);
    for (name, hung) in changed {
        let mut list = String::new();
        for hung in &hung {
            let words: Vec<&str> =
                std::iter::once(&hung.id).chain(&hung.holds).map(String::as_str).collect();
            list.push_str(&words.join(" "));
            list.push('\n');
            needed.extend(hung.holds.iter().cloned());
        }
        lists.push((name, hung, writer.bytes(list.as_bytes())?));
    }
    let written = writer.end()?;
    let mut trees = Trees::open(place)?;
    for (name, hung, list) in lists {
        if hung.is_empty() {
            continue;
        }
        let mut rows: Vec<Row> =
            hung.iter().map(|hung| row(Mode::Tree, &hung.id, &hung.oid)).collect();
        rows.push(row(Mode::File, LIST, &written.oid(list)));
        runs.push(Run { name, oid: trees.make(&rows)? });
    }
    let rows: Vec<Row> = runs.iter().map(|run| row(Mode::Tree, &run.name, &run.oid)).collect();
    let tree = trees.make(&rows)?;
    trees.end()?;
    commit(place, &tree, &needed.into_iter().collect::<Vec<_>>(), REASON)
}

fn row(mode: Mode, name: &str, oid: &str) -> Row {
    Row { mode, oid: oid.to_owned(), name: name.as_bytes().to_vec() }
}

/// Swaps the shelf's HEAD; a no where it is not what was read.
fn swap(place: Place<'_>, old: Option<&str>, new: &str) -> Result<bool, SnapshotError> {
    sync(place)?;
    let folder = folder(place);
    let Some(old) = old else { return make(place, &folder, new) };
    let mut dir = std::ffi::OsString::from("--git-dir=");
    dir.push(&folder);
    let call = place.git.call(&place.repo.common_dir).arg(dir);
    // A log of it would keep what was taken down.
    let quiet = ["-c", "core.logAllRefUpdates=false", "-c", "core.fsync=all"];
    match call.args(quiet).args(["update-ref", "--no-deref", "HEAD", new, old]).bytes() {
        Ok(_) => Ok(true),
        Err(error @ GitError::Failed { .. }) => {
            let path = folder.join("HEAD");
            let now = fs::read_to_string(&path).map_err(io_at("read", &path))?;
            if now.trim() == old { Err(error.into()) } else { Ok(false) }
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes the shelf; a no where somebody else has, and then no draft is needed any more.
fn make(place: Place<'_>, folder: &Path, head: &str) -> Result<bool, SnapshotError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{NAME}.new.{}.{n}", std::process::id());
    let made = draft(place, folder, &place.repo.common_dir.join(name), head);
    if !exists(folder)? {
        return made.map(|()| false);
    }
    let common_dir = &place.repo.common_dir;
    for entry in fs::read_dir(common_dir).map_err(io_at("list", common_dir))? {
        let path = entry.map_err(io_at("list", common_dir))?.path();
        let is_draft = |name: &std::ffi::OsStr| {
            name.as_encoded_bytes().starts_with(format!("{NAME}.new.").as_bytes())
        };
        if path.file_name().is_some_and(is_draft) {
            // Of one who was killed, or who fails now as he would have anyway; whoever comes next tries again.
            let _left = fs::remove_dir_all(&path);
        }
    }
    Ok(made.is_ok())
}

/// Makes the shelf whole in one rename: half a worktree would be pruned, and half a shelf read as none.
fn draft(place: Place<'_>, folder: &Path, draft: &Path, head: &str) -> Result<(), SnapshotError> {
    match fs::remove_dir_all(draft) {
        // Left by a process of the same pid that was killed.
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_at("remove", draft)(error));
        }
        _ => {}
    }
    let all = place.repo.common_dir.join("worktrees");
    fs::create_dir_all(&all).map_err(io_at("make", &all))?;
    fs::create_dir(draft).map_err(io_at("make", draft))?;
    let gitdir = place.repo.common_dir.join(NAME).join(".git");
    let mut named = gitdir.into_os_string();
    named.push("\n");
    for (name, bytes) in [
        ("HEAD", format!("{head}\n").as_bytes()),
        ("commondir", b"../..\n"),
        ("gitdir", named.as_encoded_bytes()),
        ("locked", format!("{REASON}\n").as_bytes()),
    ] {
        write_atomically(&draft.join(name), bytes)?;
    }
    crash_point("snapshot-shelf-drafted");
    // Onto a shelf that is there already this fails: no folder takes the place of one that holds something.
    fs::rename(draft, folder).map_err(io_at("make", folder))?;
    Ok(sync_parent(folder)?)
}

/// Brings every object to the disk before anything names it: a HEAD that outlived its objects would lose all snapshots.
pub(super) fn sync(place: Place<'_>) -> Result<(), SnapshotError> {
    let objects = place.repo.common_dir.join("objects");
    let dir = fs::File::open(&objects).map_err(io_at("open", &objects))?;
    rustix::fs::syncfs(&dir).map_err(|error| io_at("sync", &objects)(error.into()))
}
