//! Which worktrees of one repository collide: what stands in each, and what git says of bringing two of them together.
//!
//! Owns: a store of its own for what it computes (objects, an index per worktree); all of it may go at any time and is
//! computed again.
//! Never: writes into the repository, its index, refs or objects; checks anything out; takes a question without an answer
//! for a no.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    git::{self, Git, GitError, Repository},
    paths,
};

mod meet;
mod stand;
#[cfg(test)]
mod tests;

pub use meet::{Meeting, Merge};
use stand::Seen;
pub use stand::Standing;

/// A worktree that is to be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// One plain word that no other worktree of the store has.
    pub key: &'a str,
    /// How git is asked there: it sees what the worktree's own git would show.
    pub git: &'a Git,
    pub worktree: &'a Path,
    /// The commit that the work began from; none: what is not committed is all of it, but for the target's side.
    pub base: Option<&'a str>,
    /// The branch that it is to land on.
    pub target: Option<&'a str>,
    /// Whether it may have changed; else it stands as it was seen last, where it was seen.
    pub stale: bool,
}

/// What one look at some worktrees gave.
#[derive(Debug)]
pub struct Sweep {
    /// Order: as the worktrees were given.
    pub standing: Vec<Result<Arc<Standing>, GitError>>,
    /// The pairs that meet, or of which nobody knows, by their places in the list; the smaller one first.
    pub meetings: Vec<Meeting>,
}

/// The store of one repository.
#[derive(Debug)]
pub struct Overlap {
    dir: PathBuf,
    repo: Repository,
    seen: BTreeMap<String, Seen>,
    /// What git said of two commits: the files that conflict.
    merged: BTreeMap<(String, String), Arc<[PathBuf]>>,
    /// More than this in the store, and it begins anew. Files.
    most: usize,
}

/// How many objects a store may hold; each is a file.
const MOST: usize = 20_000;

/// A name for the store of the repository whose worktrees share this folder.
pub fn name_of(common_dir: &str) -> String {
    git::key(Path::new(common_dir))
}

impl Overlap {
    /// Opens the store at `dir`, which is nobody else's, for the repository.
    pub fn open(dir: &Path, repo: Repository) -> Overlap {
        let dir = dir.to_owned();
        Overlap { dir, repo, seen: BTreeMap::new(), merged: BTreeMap::new(), most: MOST }
    }

    /// Looks at each worktree that may have changed, and has git try to bring every two of them together.
    ///
    /// Shape: nothing is asked again that was answered for the same trees; all pairs are one process of git's.
    /// Errors: where the repository could not be asked at all; what could not be learned of one worktree stands with it.
    pub fn sweep(&mut self, git: &Git, grounds: &[Ground<'_>]) -> Result<Sweep, GitError> {
        self.make()?;
        self.forget(grounds);
        let heads = self.heads(git)?;
        let targets: BTreeSet<&str> = grounds.iter().filter_map(|ground| ground.target).collect();
        let refs = self.refs(git, &targets)?;
        let mut standing = Vec::with_capacity(grounds.len());
        for ground in grounds {
            standing.push(self.stand(ground, &heads, &refs));
        }
        let meetings = self.meet(git, &standing);
        self.trim();
        Ok(Sweep { standing, meetings })
    }

    fn objects(&self) -> PathBuf {
        self.dir.join("objects")
    }

    fn index(&self, key: &str) -> PathBuf {
        self.dir.join("index").join(key)
    }

    /// Makes the store: objects are written to it and read from the repository too.
    fn make(&self) -> Result<(), GitError> {
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |source| GitError::Io { what, path, source }
        };
        let info = self.objects().join("info");
        let alternates = info.join("alternates");
        let theirs = self.repo.common_dir.join("objects");
        let Some(line) = theirs.to_str().filter(|path| !path.contains(['\n', '"'])) else {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "a path in one line");
            return Err(io("name", &theirs)(source));
        };
        let line = format!("{line}\n");
        if fs::read_to_string(&alternates).is_ok_and(|stands| stands == line) {
            return Ok(());
        }
        for dir in [self.dir.clone(), self.dir.join("index"), self.objects(), info] {
            fs::create_dir_all(&dir).map_err(io("make", &dir))?;
        }
        let written = paths::write_atomically(&alternates, line.as_bytes());
        written.map_err(|err| io("write", &alternates)(io::Error::other(err)))
    }

    /// Forgets the worktrees that are not looked at any more.
    fn forget(&mut self, grounds: &[Ground<'_>]) {
        let there: BTreeSet<&str> = grounds.iter().map(|ground| ground.key).collect();
        let gone: Vec<String> =
            self.seen.keys().filter(|key| !there.contains(key.as_str())).cloned().collect();
        for key in gone {
            self.seen.remove(&key);
            // What stays is a few bytes, and goes with the store.
            let _left = fs::remove_file(self.index(&key));
            let _left = fs::remove_file(self.index(&key).with_added_extension("list"));
        }
    }

    /// Begins anew where the store holds too much: nothing in it is the only copy of anything.
    fn trim(&mut self) {
        let Ok(folders) = fs::read_dir(self.objects()) else { return };
        let count = |dir: PathBuf| fs::read_dir(dir).map_or(0, Iterator::count);
        let held: usize = folders.flatten().map(|folder| count(folder.path())).sum();
        if held > self.most && fs::remove_dir_all(&self.dir).is_ok() {
            self.seen.clear();
            self.merged.clear();
        }
    }
}
