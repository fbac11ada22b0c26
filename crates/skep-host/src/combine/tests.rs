use std::{collections::BTreeMap, ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

use skep_testkit::{Place, Repo};

use super::*;
use crate::{
    proc::Program,
    worktree::{self, Refusal},
};

mod attesting;
mod attributes;
mod bringing;
mod claims;
mod generated;
mod landers;
mod merged;
mod odd;
mod pushed;
mod rebased;
mod squashed;

const AT: i64 = 1_700_000_000;

pub(super) struct Yard {
    place: Place,
}

impl Yard {
    fn new() -> Yard {
        let place = Place::new();
        place.repo("r").commit_file("file", "a\nb\nc\nd\ne\n");
        Yard { place }
    }

    fn git(&self) -> Git {
        Git::new(self.place.env())
    }

    fn repo(&self) -> Repo<'_> {
        self.place.at("r")
    }

    fn found(&self) -> Repository {
        git::discover(&self.git(), self.repo().path()).unwrap()
    }

    fn locks(&self) -> PathBuf {
        self.place.root().join("locks")
    }

    /// Commits each `(file, text)` on a new branch that begins at `from`, and returns its last commit. Nothing stays checked out of it.
    fn work(&self, branch: &str, from: &str, files: &[(&str, &str)]) -> String {
        let repo = self.repo();
        let before = repo.git(&["rev-parse", "--abbrev-ref", "HEAD"]);
        repo.git(&["checkout", "--quiet", "-b", branch, from]);
        for (file, text) in files {
            repo.commit_file(file, text);
        }
        let head = repo.head();
        repo.git(&["checkout", "--quiet", &before]);
        head
    }

    fn ask(&self, how: How, heads: &[&str]) -> Ask {
        let works = heads.iter().map(|head| work_of(head)).collect();
        Ask { target: "main".to_owned(), onto: None, works, how, at: AT, sign: false }
    }

    fn combine(&self, ask: &Ask) -> Combined {
        combine(&self.git(), &self.found(), ask).unwrap()
    }

    /// What stands to be brought.
    fn trial(&self, how: How, heads: &[&str]) -> Trial {
        let combined = self.combine(&self.ask(how, heads));
        let Combined::Trial(trial) = combined else { panic!("{combined:?}") };
        trial
    }

    fn conflicts(&self, how: How, heads: &[&str]) -> Vec<Left> {
        let combined = self.combine(&self.ask(how, heads));
        let Combined::Conflicts { left, .. } = combined else { panic!("{combined:?}") };
        left
    }

    fn file(&self, commit: &str, path: &str) -> String {
        self.repo().git(&["show", &format!("{commit}:{path}")])
    }

    fn claim(&self, owner: &str, now: i64) -> Claim {
        match claim(&self.git(), &self.found(), "main", owner, 60, now).unwrap() {
            Claiming::Claimed(claim) => claim,
            Claiming::Held(by) => panic!("held by {by:?}"),
        }
    }

    fn bring(&self, ask: &Bring) -> Brought {
        bring(&self.git(), &self.found(), &self.locks(), ask).unwrap()
    }

    fn wish(&self, trial: &Trial, claim: &Claim) -> Bring {
        Bring {
            target: "main".to_owned(),
            onto: trial.onto.clone(),
            commit: trial.commit.clone(),
            claim: claim.clone(),
            push: None,
        }
    }

    /// Feeds git with bytes, for what no argument can hold.
    fn feed(&self, args: &[&str], bytes: &[u8]) -> String {
        let output = Program::new("git")
            .args(args)
            .envs(self.place.env())
            .cwd(self.repo().path())
            .stdin(bytes.to_vec())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", output.complaint());
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

fn work_of(head: &str) -> Work {
    Work {
        head: head.to_owned(),
        name: "a work".to_owned(),
        message: "bring it in".to_owned(),
        on: Vec::new(),
    }
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

/// Every file below `root` with its bytes, but those that `skip` names.
fn everything(root: &Path, skip: &dyn Fn(&Path) -> bool) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            if skip(path.strip_prefix(root).unwrap()) {
                continue;
            }
            if meta.is_dir() {
                found.insert(path.clone(), Vec::new());
                folders.push(path);
            } else if meta.is_symlink() {
                found.insert(
                    path.clone(),
                    fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec(),
                );
            } else {
                found.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn os(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}
