//! Owns: the coming back of a snapshot, into an empty folder or into a worktree that stands.
//! Never: writes over an ignored file, or over anything that no snapshot holds.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    Place, SnapshotError, Stash, damaged, io_at,
    manifest::{Entry, Kind, Side},
    objects::Reader,
    root::Root,
    shelf, state,
    verify::{Opened, Secured, compare, open, other_bytes},
};
use crate::{
    git::{Git, GitError, Repository},
    paths::crash_point,
    worktree,
};

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub files: u64,
    pub bytes: u64,
    /// Where HEAD stood.
    pub head: Option<String>,
    /// The branch that was checked out.
    pub branch: Option<String>,
    /// Whether HEAD now names its commit and not that branch, since the branch stands elsewhere, is gone, or is checked out by another.
    pub detached: bool,
    /// The stashes that were made on the branch; `restore_stashes` brings back those that are gone.
    pub stashes: Vec<Stash>,
}

/// Writes a snapshot's files into a new or empty folder; git knows nothing of it.
pub fn restore_to(
    git: &Git,
    repo: &Repository,
    oid: &str,
    dir: &Path,
) -> Result<Restored, SnapshotError> {
    let place = Place { git, repo };
    let mut reader = shelf::reader(place)?;
    let kept = open(place, &mut reader, oid)?;
    fs::create_dir_all(dir).map_err(io_at("make", dir))?;
    let mut there = fs::read_dir(dir).map_err(io_at("list", dir))?;
    if there.next().is_some() {
        return Err(SnapshotError::NotEmpty { dir: dir.to_owned() });
    }
    let mut writing =
        Writing { oid, reader, root: Root::open(dir).map_err(io_at("open", dir))?, dir };
    writing.put_all(kept.manifest.side(Side::Tree).map(|(path, entry)| (path, entry, None)))?;
    writing.settle_folders(&kept)?;
    Ok(restored(&kept, false))
}

fn restored(kept: &Opened, detached: bool) -> Restored {
    let header = &kept.header;
    Restored {
        files: header.files,
        bytes: header.bytes,
        head: header.head.clone(),
        branch: header.branch.clone(),
        detached,
        stashes: header.stashes.clone(),
    }
}

/// Makes a worktree what it was: files, index, HEAD and whatever was under way. What git ignores now stays.
///
/// Shape: `proof` shows that what stands there now is kept; killed half-way, secure what stands there and ask again.
/// Errors: [`SnapshotError::Unsecured`] when something has changed since the proof, [`SnapshotError::InTheWay`]; then nothing has happened.
pub fn restore_into(
    git: &Git,
    repo: &Repository,
    oid: &str,
    worktree: &Path,
    git_dir: &Path,
    proof: &Secured,
) -> Result<Restored, SnapshotError> {
    let place = Place { git, repo };
    let lock = git_dir.join("index.lock");
    if fs::symlink_metadata(&lock).is_ok() {
        return Err(GitError::Locked { lock }.into());
    }
    let mut reader = shelf::reader(place)?;
    let kept = open(place, &mut reader, oid)?;
    let now = Now::secured(place, &mut reader, worktree, git_dir, proof, &kept)?;
    let in_the_way = now.in_the_way(place, worktree, &kept)?;
    if !in_the_way.is_empty() {
        return Err(SnapshotError::InTheWay { files: in_the_way });
    }
    let root = Root::open(worktree).map_err(io_at("open", worktree))?;
    let mut writing = Writing { oid, reader, root, dir: worktree };
    writing.clear(&now, &kept, Side::Tree)?;
    crash_point("restore-cleared");
    writing.put_all(
        kept.manifest
            .side(Side::Tree)
            .map(|(path, entry)| (path, entry, now.entries.get(&(Side::Tree, path.clone())))),
    )?;
    writing.settle_folders(&kept)?;
    crash_point("restore-files");
    let detached = set_head(place, worktree, git_dir, &kept)?;
    crash_point("restore-head");
    writing.root = Root::open(git_dir).map_err(io_at("open", git_dir))?;
    writing.dir = git_dir;
    writing.clear(&now, &kept, Side::State)?;
    let state = kept.manifest.side(Side::State).filter(|(path, _)| !is_head(Side::State, path));
    writing.put_all(state.map(|(path, entry)| (path, entry, None)))?;
    Ok(restored(&kept, detached))
}

/// HEAD is git's to write: it may name a branch that another worktree is on.
fn is_head(side: Side, path: &Path) -> bool {
    side == Side::State && path == Path::new("HEAD")
}

/// What stands in a worktree, with the blob of each file as far as the proof knows it.
struct Now {
    entries: BTreeMap<(Side, PathBuf), Entry>,
    ignored: Vec<PathBuf>,
}

impl Now {
    fn secured(
        place: Place<'_>,
        reader: &mut Reader,
        worktree: &Path,
        git_dir: &Path,
        proof: &Secured,
        wanted: &Opened,
    ) -> Result<Now, SnapshotError> {
        let unsecured = || SnapshotError::Unsecured { worktree: worktree.to_owned() };
        if proof.worktree() != worktree {
            return Err(unsecured());
        }
        let Some(oid) = proof.oid() else {
            // Nothing is there, so nothing is ignored either; what its git folder holds is a fresh worktree's.
            let none = Opened { header: wanted.header.clone(), manifest: Default::default() };
            let (seen, _) = compare(place, reader, &none, worktree, git_dir)?;
            let files = seen.manifest.side(Side::Tree).count();
            if files > 1 || !seen.ignored.is_empty() {
                return Err(unsecured());
            }
            return Ok(Now { entries: seen.manifest.entries, ignored: Vec::new() });
        };
        let kept = open(place, reader, oid)?;
        let (seen, differences) = compare(place, reader, &kept, worktree, git_dir)?;
        if !differences.is_empty() {
            return Err(unsecured());
        }
        Ok(Now { entries: kept.manifest.entries, ignored: seen.ignored.into_iter().collect() })
    }

    /// Which ignored files stand where the snapshot's belong, with other bytes.
    fn in_the_way(
        &self,
        place: Place<'_>,
        worktree: &Path,
        kept: &Opened,
    ) -> Result<Vec<PathBuf>, SnapshotError> {
        let mut found = Vec::new();
        let mut same = Vec::new();
        for path in &self.ignored {
            // A folder that must become a file cannot keep what is ignored in it.
            let above = path.ancestors().skip(1).filter(|up| !up.as_os_str().is_empty());
            for up in above {
                if kept.manifest.get(Side::Tree, up).is_some_and(|entry| !entry.is_folder()) {
                    found.push(path.clone());
                }
            }
        }
        for (path, entry) in kept.manifest.side(Side::Tree) {
            if self.entries.contains_key(&(Side::Tree, path.clone())) {
                continue;
            }
            let at = worktree.join(path);
            let meta = match fs::symlink_metadata(&at) {
                Ok(meta) => meta,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) =>
                {
                    continue;
                }
                Err(error) => return Err(io_at("look at", &at)(error)),
            };
            match &entry.kind {
                Kind::Folder if meta.is_dir() => {}
                Kind::File if meta.is_file() => same.push((at, entry.oid.clone())),
                Kind::Link(target)
                    if meta.is_symlink()
                        && fs::read_link(&at).is_ok_and(|to| {
                            std::os::unix::ffi::OsStrExt::as_bytes(to.as_os_str()) == target
                        }) => {}
                Kind::Folder | Kind::File | Kind::Link(_) => found.push(path.clone()),
            }
        }
        let other = other_bytes(place, &same)?;
        found.extend(other.iter().map(|at| at.strip_prefix(worktree).unwrap_or(at).to_owned()));
        Ok(found)
    }
}

/// Whether what stands there has a file's bytes already.
fn has_bytes(entry: &Entry, now: Option<&Entry>) -> bool {
    now.is_some_and(|now| now.kind == entry.kind && now.oid == entry.oid)
}

/// How many files are asked for before they are written.
const AHEAD: usize = 200;

/// A snapshot on its way into a folder.
struct Writing<'a> {
    oid: &'a str,
    reader: Reader,
    root: Root,
    dir: &'a Path,
}

/// Why a file did not come back.
enum Broken {
    Io(io::Error),
    Other(SnapshotError),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Io(error)
    }
}

impl Writing<'_> {
    fn failed(&self, what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
        io_at(what, &self.dir.join(path))
    }

    /// Takes away what the snapshot does not have there.
    fn clear(&mut self, now: &Now, kept: &Opened, side: Side) -> Result<(), SnapshotError> {
        // Backwards, so that a folder comes after all that is in it.
        for ((at, path), entry) in now.entries.iter().rev() {
            let wanted = kept.manifest.get(side, path);
            let stays = wanted.is_some_and(|wanted| wanted.is_folder() == entry.is_folder());
            if *at != side || stays || path.as_os_str().is_empty() || is_head(side, path) {
                continue;
            }
            if entry.is_folder() {
                // One that holds ignored files stays for their sake.
                self.root.remove_folder(path).map_err(self.failed("remove", path))?;
            } else {
                self.root.remove(path).map_err(self.failed("remove", path))?;
            }
        }
        Ok(())
    }

    /// Puts everything in its place, each with what stands there now.
    fn put_all<'e>(
        &mut self,
        all: impl Iterator<Item = (&'e PathBuf, &'e Entry, Option<&'e Entry>)>,
    ) -> Result<(), SnapshotError> {
        let all: Vec<_> = all.collect();
        let wanted = |(_, entry, now): &&(&PathBuf, &'e Entry, Option<&Entry>)| {
            entry.kind == Kind::File && !has_bytes(entry, *now)
        };
        // Asked some way ahead, so that git reads while we write; the questions fit into a pipe.
        let mut ahead = all.iter().filter(wanted);
        for (_, entry, _) in ahead.by_ref().take(AHEAD) {
            self.reader.ask(&entry.oid)?;
        }
        for one in &all {
            let (path, entry, now) = *one;
            self.put(path, entry, now)?;
            if wanted(&one)
                && let Some((_, next, _)) = ahead.next()
            {
                self.reader.ask(&next.oid)?;
            }
        }
        Ok(())
    }

    /// Puts one thing in its place; the bytes of a file were asked for, unless they stand there.
    fn put(
        &mut self,
        path: &Path,
        entry: &Entry,
        now: Option<&Entry>,
    ) -> Result<(), SnapshotError> {
        let (permissions, modified) = (entry.permissions, entry.modified);
        match &entry.kind {
            Kind::Folder if path.as_os_str().is_empty() => Ok(()),
            Kind::Folder => self.root.make_folder(path).map_err(self.failed("make", path)),
            Kind::Link(target) => {
                self.root.link(path, target, modified).map_err(self.failed("link", path))
            }
            Kind::File if has_bytes(entry, now) => {
                self.root.settle(path, permissions, modified).map_err(self.failed("settle", path))
            }
            Kind::File => {
                let (reader, snapshot) = (&mut self.reader, self.oid);
                let fill = |file: &mut fs::File| {
                    let mut to = io::BufWriter::new(file);
                    match reader.answer(&entry.oid, |some| to.write_all(some)) {
                        Ok(Some((known, taken)))
                            if known.kind == "blob" && known.size == entry.size =>
                        {
                            taken?;
                            Ok(to.flush()?)
                        }
                        Ok(_) => {
                            let why = format!("the bytes of `{}` are missing", path.display());
                            Err(Broken::Other(damaged(snapshot, why)))
                        }
                        Err(error) => Err(Broken::Other(error)),
                    }
                };
                match self.root.write(path, permissions, modified, fill) {
                    Ok(()) => Ok(()),
                    Err(Broken::Io(error)) => Err(self.failed("write", path)(error)),
                    Err(Broken::Other(error)) => Err(error),
                }
            }
        }
    }

    /// Gives folders their permissions and times, the deepest first: whatever comes into one changes its time.
    fn settle_folders(&mut self, kept: &Opened) -> Result<(), SnapshotError> {
        let folders: Vec<(&PathBuf, &Entry)> =
            kept.manifest.side(Side::Tree).filter(|(_, entry)| entry.is_folder()).collect();
        for (path, entry) in folders.into_iter().rev() {
            self.root
                .settle_folder(path, entry.permissions, entry.modified)
                .map_err(self.failed("settle", path))?;
        }
        Ok(())
    }
}

/// Puts HEAD where it stood; says whether it could not name its branch.
fn set_head(
    place: Place<'_>,
    worktree: &Path,
    git_dir: &Path,
    kept: &Opened,
) -> Result<bool, SnapshotError> {
    let call = || state::call(place, git_dir, worktree);
    let header = &kept.header;
    if let Some(branch) = &header.branch {
        let name = format!("refs/heads/{branch}");
        let (_, on) = call().args(["symbolic-ref", "--quiet", "HEAD"]).code(&[0, 1])?;
        let is_on_it = String::from_utf8_lossy(&on).trim() == name;
        let at = crate::git::branch(place.git, place.repo, branch)?;
        let elsewhere = !is_on_it
            && worktree::list(place.git, place.repo)?
                .iter()
                .any(|known| known.branch.as_deref() == Some(branch));
        if at == header.head && !elsewhere {
            if !is_on_it {
                call().args(["symbolic-ref", "HEAD", &name]).bytes()?;
            }
            return Ok(false);
        }
    }
    if let Some(head) = &header.head {
        call().args(["update-ref", "--no-deref", "HEAD", head]).bytes()?;
    }
    Ok(header.branch.is_some())
}

/// Brings back the stashes of a snapshot that are no longer in the list; returns how many.
pub fn restore_stashes(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    oid: &str,
) -> Result<u64, SnapshotError> {
    let place = Place { git, repo };
    let mut reader = shelf::reader(place)?;
    let header = open(place, &mut reader, oid)?.header;
    let _writer = shelf::write_lock(place, locks)?;
    let call = || git.call(&repo.common_dir);
    let known = if crate::git::ref_exists(git, repo, "refs/stash")? {
        state::stashes(call())?
    } else {
        Vec::new()
    };
    let mut count = 0;
    // The list shows the newest first.
    for stash in header.stashes.iter().rev() {
        if known.iter().any(|known| known.oid == stash.oid) {
            continue;
        }
        let plain =
            ["update-ref", "--create-reflog", "-m", &stash.message, "refs/stash", &stash.oid];
        call().args(plain).bytes()?;
        count += 1;
    }
    Ok(count)
}
