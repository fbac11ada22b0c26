use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use skep_testkit::{Place, Repo};

use super::*;

mod push;
mod remote;
mod rest;
mod words;

/// A repository with a remote and a linked worktree on `skep/x`, one commit ahead.
struct Yard {
    place: Place,
}

impl Yard {
    fn new() -> Yard {
        let yard = Yard::alone();
        yard.place.bare("origin.git");
        yard.repo().git(&["remote", "add", "origin", "../origin.git"]);
        yard.repo().git(&["push", "--quiet", "origin", "main"]);
        yard
    }

    /// The same without a remote.
    fn alone() -> Yard {
        let place = Place::new();
        let repo = place.repo("r");
        repo.write(".gitignore", "*.log\n");
        repo.commit_file("file", "one\n");
        repo.git(&["worktree", "add", "--quiet", "-b", "skep/x", "../w"]);
        place.at("w").commit_file("work", "1");
        Yard { place }
    }

    fn git(&self) -> Git {
        Git::new(self.place.env())
    }

    fn found(&self) -> Repository {
        git::discover(&self.git(), self.repo().path()).unwrap()
    }

    fn repo(&self) -> Repo<'_> {
        self.place.at("r")
    }

    fn tree(&self) -> Repo<'_> {
        self.place.at("w")
    }

    fn origin(&self) -> Repo<'_> {
        self.place.at("origin.git")
    }

    /// The branch as the remote itself has it.
    fn there(&self, branch: &str) -> Option<String> {
        let name = format!("refs/heads/{branch}");
        let output = self.origin().try_git(&["rev-parse", "--verify", "--quiet", &name]);
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (!said.is_empty()).then_some(said)
    }

    fn standing(&self) -> Standing {
        let wait = Duration::from_secs(20);
        status_of(&self.git(), &self.found(), self.tree().path(), Some(wait)).unwrap()
    }

    fn hook(&self, file: impl AsRef<Path>, script: &str) {
        let path = self.place.root().join(file);
        self.place.write(&path, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}
