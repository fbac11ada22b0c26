//! Hermetic places for tests: git repositories with a home of their own.
//!
//! Owns: temporary folders, a private git configuration, short ways to make history.
//! Never: reads the developer's settings, or is part of what ships.

pub mod channel;
pub mod forges;
pub mod hostile;
pub mod lab;
pub mod loopback;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use skep_host::proc::{Output, Program};
use tempfile::TempDir;

/// A temporary folder with a home in which git finds only our own settings.
#[derive(Debug)]
pub struct Place {
    dir: TempDir,
    root: PathBuf,
}

impl Default for Place {
    fn default() -> Place {
        Place::new()
    }
}

impl Place {
    /// Makes a place whose path holds no symlink.
    pub fn new() -> Place {
        let dir = tempfile::Builder::new().prefix("skep-").tempdir().expect("a temporary folder");
        let root = dir.path().canonicalize().expect("the folder is there");
        let place = Place { dir, root };
        place.write(
            "home/.gitconfig",
            "[user]\nname = Test\nemail = test@example.invalid\n[init]\ndefaultBranch = main\n[protocol \"file\"]\nallow = always\n",
        );
        place
    }

    /// Returns its root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps the folder after the test, to look at it, and returns its path.
    pub fn keep(mut self) -> PathBuf {
        self.dir.disable_cleanup(true);
        self.root
    }

    /// Returns what git is to see as its environment: this home, these times, nothing of the machine.
    pub fn env(&self) -> Vec<(OsString, OsString)> {
        let home = self.root.join("home");
        [
            ("PATH", path_of_programs()),
            ("HOME", home.clone().into()),
            ("XDG_CONFIG_HOME", home.join(".config").into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("TMPDIR", self.root.clone().into()),
        ]
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect()
    }

    /// Writes a file below the root, folders included.
    pub fn write(&self, path: impl AsRef<Path>, text: &str) {
        write(&self.root.join(path), text);
    }

    /// Makes a repository `name` with one commit on `main`.
    pub fn repo(&self, name: &str) -> Repo<'_> {
        let repo = self.empty(name);
        repo.write("README", "hello\n");
        repo.commit("first");
        repo
    }

    /// Makes a repository `name` without a commit.
    pub fn empty(&self, name: &str) -> Repo<'_> {
        let repo = Repo { place: self, path: self.root.join(name) };
        fs::create_dir_all(&repo.path).expect("the folder can be made");
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// Makes a bare repository `name`.
    pub fn bare(&self, name: &str) -> Repo<'_> {
        let repo = Repo { place: self, path: self.root.join(name) };
        fs::create_dir_all(&repo.path).expect("the folder can be made");
        repo.git(&["init", "--quiet", "--bare", "--initial-branch=main"]);
        repo
    }

    /// Looks at a folder that is already there as at a repository.
    pub fn at(&self, path: impl AsRef<Path>) -> Repo<'_> {
        Repo { place: self, path: self.root.join(path) }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests need the developer's programs, and nothing else of theirs"
)]
fn path_of_programs() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
}

fn write(path: &Path, text: &str) {
    use std::io::Write as _;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).expect("the folder can be made");
    }
    let mut file = fs::File::create(path).expect("the file can be made");
    file.write_all(text.as_bytes()).expect("the file can be written");
}

/// A repository or worktree inside a [`Place`].
#[derive(Debug, Clone)]
pub struct Repo<'a> {
    place: &'a Place,
    path: PathBuf,
}

impl Repo<'_> {
    /// Returns its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs git in it and returns what it printed, trimmed; a failure ends the test with git's own words.
    pub fn git(&self, args: &[&str]) -> String {
        let output = self.try_git(args);
        assert!(
            output.status.success(),
            "git {args:?} in {}: {}",
            self.path.display(),
            output.complaint()
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs git in it, whatever comes of it.
    pub fn try_git(&self, args: &[&str]) -> Output {
        Program::new("git")
            .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"])
            .args(args)
            .envs(self.place.env())
            .cwd(&self.path)
            .output()
            .expect("git runs")
    }

    /// Writes a file, folders included.
    pub fn write(&self, path: impl AsRef<Path>, text: &str) {
        write(&self.path.join(path), text);
    }

    /// Reads a file.
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        fs::read_to_string(self.path.join(path)).expect("the file is there")
    }

    /// Commits everything and returns the new commit.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.head()
    }

    /// Writes one file, commits everything and returns the new commit.
    pub fn commit_file(&self, path: &str, text: &str) -> String {
        self.write(path, text);
        self.commit(path)
    }

    /// Returns the commit of HEAD.
    pub fn head(&self) -> String {
        self.oid("HEAD")
    }

    /// Returns the object that a revision names.
    pub fn oid(&self, rev: &str) -> String {
        self.git(&["rev-parse", "--verify", rev])
    }

    /// Returns every local branch, sorted.
    pub fn branches(&self) -> Vec<String> {
        self.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Returns what `status --porcelain` says, untracked files included.
    pub fn status(&self) -> String {
        self.git(&["status", "--porcelain", "--untracked-files=all"])
    }
}
