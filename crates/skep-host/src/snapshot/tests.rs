use std::{
    collections::BTreeMap,
    fs,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
};

use skep_testkit::{Place as Ground, Repo};

use super::*;
use crate::git;

mod bytes;
mod into;
mod keeping;
mod killed;
mod state;

/// A repository with a linked worktree on a branch of its own.
struct Yard {
    place: Ground,
}

impl Yard {
    fn new() -> Yard {
        let place = Ground::new();
        let repo = place.repo("r");
        repo.git(&["worktree", "add", "--quiet", "-b", "work", "../w"]);
        Yard { place }
    }

    fn git(&self) -> Git {
        Git::new(self.place.env())
    }

    fn main(&self) -> Repo<'_> {
        self.place.at("r")
    }

    fn tree(&self) -> Repo<'_> {
        self.place.at("w")
    }

    fn repo(&self) -> Repository {
        git::discover(&self.git(), self.main().path()).unwrap()
    }

    fn git_dir(&self) -> PathBuf {
        self.repo().common_dir.join("worktrees/w")
    }

    fn locks(&self) -> PathBuf {
        self.place.root().join("locks")
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.tree().path().join(name)
    }

    fn take(&self, id: &str) -> Taken {
        self.try_take(id, &[]).unwrap()
    }

    fn try_take(&self, id: &str, discard: &[String]) -> Result<Taken, SnapshotError> {
        let (worktree, git_dir) = (self.path(""), self.git_dir());
        let worktree: PathBuf = worktree.components().collect();
        let ask = Take {
            run: "run_a",
            id,
            worktree: &worktree,
            git_dir: &git_dir,
            note: "a note",
            discard,
            at_ms: 1_700_000_000_000,
        };
        take(&self.git(), &self.repo(), &self.locks(), &ask)
    }

    fn verify(&self, oid: &str) -> Verdict {
        let worktree = self.tree();
        verify(&self.git(), &self.repo(), oid, worktree.path(), &self.git_dir()).unwrap()
    }

    fn secured(&self, oid: &str) -> Secured {
        match self.verify(oid) {
            Verdict::Same(secured) => secured,
            Verdict::Differs(differences) => panic!("{differences:?}"),
        }
    }

    fn differences(&self, oid: &str) -> Vec<String> {
        match self.verify(oid) {
            Verdict::Same(_) => Vec::new(),
            Verdict::Differs(differences) => differences,
        }
    }

    /// Restores elsewhere and returns what stands there.
    fn elsewhere(&self, oid: &str) -> BTreeMap<PathBuf, Thing> {
        let dir = self.place.root().join(format!("back-{}", oid.get(..8).unwrap()));
        restore_to(&self.git(), &self.repo(), oid, &dir).unwrap();
        let found = things(&dir);
        fs::remove_dir_all(&dir).unwrap();
        found
    }

    fn restore(&self, oid: &str, proof: &Secured) -> Result<Restored, SnapshotError> {
        let tree = self.tree();
        restore_into(&self.git(), &self.repo(), oid, tree.path(), &self.git_dir(), proof)
    }

    /// Takes what stands there now and restores an older snapshot over it.
    fn go_back(&self, oid: &str, present: &str) -> Restored {
        let now = self.take(present);
        self.restore(oid, &self.secured(&now.oid)).unwrap()
    }

    fn things(&self) -> BTreeMap<PathBuf, Thing> {
        things(self.tree().path())
    }
}

/// Everything about a path that must come back: kind, permissions, time, bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thing {
    kind: &'static str,
    permissions: u32,
    time: (i64, i64),
    bytes: Vec<u8>,
}

/// What stands below a folder, but for its own `.git`.
fn things(dir: &Path) -> BTreeMap<PathBuf, Thing> {
    fn below(dir: &Path, root: &Path, all: &mut BTreeMap<PathBuf, Thing>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path == root.join(".git") {
                continue;
            }
            let meta = fs::symlink_metadata(&path).unwrap();
            let (kind, bytes) = if meta.is_dir() {
                below(&path, root, all);
                ("folder", Vec::new())
            } else if meta.is_symlink() {
                ("link", fs::read_link(&path).unwrap().into_os_string().into_vec())
            } else {
                ("file", fs::read(&path).unwrap())
            };
            let time = (meta.mtime(), meta.mtime_nsec());
            let thing = Thing { kind, permissions: meta.mode() & 0o7777, time, bytes };
            all.insert(path.strip_prefix(root).unwrap().to_owned(), thing);
        }
    }
    let mut all = BTreeMap::new();
    below(dir, dir, &mut all);
    all
}

fn write_bytes(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::create(path).unwrap().write_all(bytes).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn name(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}
