use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    thread,
};

use skep_testkit::{Place, Repo};

use super::*;
use crate::{
    git::{self, Fault, Git, Retry},
    lock,
    salvage::{Fate, Verdict},
};

mod attach;
mod brought;
mod claim;
mod crashed;
mod detached;
mod enter;
mod files;
mod histories;
mod killed;
mod leave;
mod place;
mod prepare;
mod restore;
mod reuse;
mod undo;
mod within;

const KEY: &str = "7k2m9qx4ab0z";

/// A repository with an origin, and a place for envs.
struct Yard {
    place: Place,
}

impl Yard {
    fn new() -> Yard {
        let place = Place::new();
        let repo = place.repo("r");
        repo.commit_file("pkg/a/code", "1\n");
        place.bare("origin.git");
        repo.git(&["remote", "add", "origin", "../origin.git"]);
        repo.git(&["push", "--quiet", "origin", "main"]);
        repo.git(&["remote", "set-head", "origin", "main"]);
        Yard { place }
    }

    fn git(&self) -> Git {
        Git::new(self.place.env())
    }

    fn repo(&self) -> Repo<'_> {
        self.place.at("r")
    }

    fn locks(&self) -> PathBuf {
        self.place.root().join("locks")
    }

    fn root(&self) -> PathBuf {
        self.place.root().join("env").join(KEY)
    }

    fn ask(&self) -> Prepare {
        Prepare {
            envs: self.place.root().join("env"),
            locks: self.locks(),
            key: KEY.to_owned(),
            run: "run_7k2m9qx4ab".to_owned(),
            env_type: EnvType::Worktree,
            repository: Some(self.repo().path().to_owned()),
            project: "web".to_owned(),
            name: "amber".to_owned(),
            branches: vec!["skep/fix".to_owned(), "skep/fix-7k2m".to_owned()],
            attach: false,
            detached: None,
            base: None,
            sub_dir: PathBuf::new(),
            copy: Vec::new(),
            link: Vec::new(),
            fetch_ms: 0,
        }
    }

    fn prepare(&self, ask: &Prepare) -> Result<Prepared, EnvError> {
        prepare(&self.git(), ask)
    }

    fn made(&self) -> Prepared {
        self.prepare(&self.ask()).unwrap()
    }

    fn tree(&self) -> Repo<'_> {
        self.place.at(self.root().join("web-amber"))
    }

    /// Everything a failed or undone env must not leave behind: refs, registrations, folders.
    fn trace(&self) -> (String, usize, Vec<String>) {
        let envs = fs::read_dir(self.place.root().join("env")).into_iter().flatten();
        let envs =
            envs.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        (
            self.repo().git(&["for-each-ref"]),
            self.repo().git(&["worktree", "list"]).lines().count(),
            envs,
        )
    }
}

fn in_place(yard: &Yard, n: usize) -> Prepare {
    Prepare {
        env_type: EnvType::InPlace,
        key: format!("key-of-env-{n:02}"),
        run: format!("run_{n}"),
        branches: Vec::new(),
        ..yard.ask()
    }
}

/// Every path below a folder with its bytes, to see that nothing changed.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            all.extend(contents(&path));
            all.insert(path, Vec::new());
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            all.insert(path, bytes);
        }
    }
    all
}
