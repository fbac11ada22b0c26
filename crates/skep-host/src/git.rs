//! What git says, and the environment in which it is asked.
//!
//! Owns: how git is started: scrubbed environment, no prompt, no hook, no background work, a time limit; repository, base, fetch, facts.
//! Never: changes a branch, a worktree or a file of the user (`worktree` does); reads git's words for people, only exit codes and `-z` forms.
//! See docs/design/env.md.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Component, Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    lock::{self, Lock, LockError},
    proc::{Output, ProcError, Program},
};

mod base;
mod between;
mod checked;
mod diff;
mod entries;
mod facts;
mod fetch;
mod hook;
mod identity;
mod merge;
mod remotes;
mod repository;
mod revision;
mod standing;
mod status;
mod talk;
mod within;
pub(crate) mod written;

pub use base::{Base, base};
pub use between::{subjects, version};
pub use checked::{Named, named, touches};
pub use diff::{Changed, Diff, Side, diff};
pub use entries::{Entry, entries};
pub use facts::{Facts, facts};
pub(crate) use fetch::remote_of;
pub use fetch::{FETCH_EVERY, FetchOutcome, fetch, fetch_every};
pub(crate) use hook::hook;
pub use identity::{Identity, identity};
pub(crate) use merge::{Merge, Merged, Rules, plain_call};
pub use repository::{Repository, discover};
pub use revision::commit;
pub use revision::{branch, count, file_at, is_oid, merge_base};
pub(crate) use revision::{ref_exists, require_oid};
pub use standing::{Standing, standing};
pub(crate) use status::{status, unwatched};
pub(crate) use talk::Talk;
pub use within::Bounds;
pub(crate) use within::private;

#[cfg(test)]
mod tests;

/// Whose move it is after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    User,
    Agent,
    Environment,
    Bug,
}

/// Whether the same again may go better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    Never,
    /// Unit: milliseconds.
    After(u64),
}

/// Why git gave no answer, or not the wished one.
#[derive(Debug, Error)]
pub enum GitError {
    #[error("`{}` is not in a git repository", .path.display())]
    NotARepository { path: PathBuf },
    /// No rule says which branch the work starts from.
    #[error("choose a base: no default branch is known (there is {})", list(.candidates))]
    ChooseABase { candidates: Vec<String> },
    /// The repository has no commit to start from.
    #[error("`{branch}` has no commit yet")]
    Unborn { branch: String },
    #[error("`{wanted}` names no branch, tag or commit here")]
    NoSuchRef { wanted: String },
    /// Somebody else's git is at work in the same place, or was killed there.
    #[error("`{}` is there: another git is at work, or one was killed", .lock.display())]
    Locked { lock: PathBuf },
    #[error("`git {}` gave no answer within {} s", .args.join(" "), .after.as_secs())]
    Timeout { args: Vec<String>, after: Duration },
    /// Git itself could not be run.
    #[error("run git")]
    Run(#[source] ProcError),
    #[error("`git {}` failed with {code}: {stderr}", .args.join(" "))]
    Failed { args: Vec<String>, code: i32, stderr: String },
    /// Git's answer does not have the form its manual promises.
    #[error("`git {}` answered `{answer}`", .args.join(" "))]
    Odd { args: Vec<String>, answer: String },
    #[error("{what} `{}`", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none to choose from".to_owned() } else { names.join(", ") }
}

impl GitError {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            GitError::NotARepository { .. } => "not-a-repository",
            GitError::ChooseABase { .. } => "choose-a-base",
            GitError::Unborn { .. } => "no-commit-yet",
            GitError::NoSuchRef { .. } => "no-such-ref",
            GitError::Locked { .. } => "git-locked",
            GitError::Timeout { .. } => "git-timeout",
            GitError::Run(_) => "git-missing",
            GitError::Failed { .. } | GitError::Odd { .. } => "git-failed",
            GitError::Io { .. } => "io",
        }
    }

    /// Whether the same again may go better.
    pub fn retry(&self) -> Retry {
        match self {
            GitError::Locked { .. } => Retry::After(1_000),
            GitError::Timeout { .. }
            | GitError::Run(_)
            | GitError::Failed { .. }
            | GitError::Io { .. } => Retry::After(5_000),
            GitError::NotARepository { .. }
            | GitError::ChooseABase { .. }
            | GitError::Unborn { .. }
            | GitError::NoSuchRef { .. }
            | GitError::Odd { .. } => Retry::Never,
        }
    }

    /// Whose move it is.
    pub fn fault(&self) -> Fault {
        match self {
            GitError::NotARepository { .. }
            | GitError::ChooseABase { .. }
            | GitError::Unborn { .. }
            | GitError::NoSuchRef { .. } => Fault::User,
            GitError::Locked { .. }
            | GitError::Timeout { .. }
            | GitError::Run(_)
            | GitError::Failed { .. }
            | GitError::Io { .. } => Fault::Environment,
            GitError::Odd { .. } => Fault::Bug,
        }
    }
}

/// How git is run: with which environment, and for how long.
#[derive(Debug, Clone)]
pub struct Git {
    program: OsString,
    env: BTreeMap<OsString, OsString>,
    timeout: Duration,
    /// What stands in for the user's own list of what is ignored everywhere.
    excludes: Option<OsString>,
    bounds: Bounds,
}

/// Git variables that say who the user is and where the settings lie; every other one could lead git elsewhere and is dropped.
const KEPT: [&str; 10] = [
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_EXEC_PATH",
];

/// Nobody is there to answer, text is the same everywhere, and listing never takes the index from under an agent.
const SET: [(&str, &str); 11] = [
    ("LC_ALL", "C"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "/bin/false"),
    // ssh asks for passphrases and unknown hosts through this program only, whatever `core.sshCommand` says.
    ("SSH_ASKPASS", "/bin/false"),
    ("SSH_ASKPASS_REQUIRE", "force"),
    ("GCM_INTERACTIVE", "never"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", "/bin/false"),
    ("GIT_ADVICE", "0"),
    // A commit is what its name says: an agent may have written that another object stands in for it.
    ("GIT_NO_REPLACE_OBJECTS", "1"),
];

/// Settings for every call of ours: no background work that outlives it, and none of the repository's own code.
///
/// Hooks are somebody else's code, which runs only under a gatekeeper; an agent's own commits run them as ever.
const QUIET: [&str; 9] = [
    "gc.auto=0",
    "maintenance.auto=false",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.untrackedCache=false",
    "submodule.recurse=false",
    "worktree.useRelativePaths=false",
    "advice.detachedHead=false",
    "core.quotePath=false",
];

impl Git {
    /// Makes a git that sees `env` (PATH, HOME, …) without what would lead it to another repository or make it ask.
    pub fn new<N: AsRef<OsStr>, V: AsRef<OsStr>>(env: impl IntoIterator<Item = (N, V)>) -> Git {
        let stray = |name: &OsStr| {
            let bytes = name.as_bytes();
            let git =
                bytes.starts_with(b"GIT_") && !KEPT.iter().any(|kept| kept.as_bytes() == bytes);
            git || bytes == b"LANGUAGE" || bytes.starts_with(b"LC_")
        };
        let mut kept: BTreeMap<OsString, OsString> = env
            .into_iter()
            .map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned()))
            .filter(|(name, _)| !stray(name))
            .collect();
        kept.extend(SET.map(|(name, value)| (name.into(), value.into())));
        let program = find_git(kept.get(OsStr::new("PATH")).map(OsString::as_os_str));
        Git {
            program,
            env: kept,
            timeout: Duration::from_secs(60),
            excludes: None,
            bounds: Bounds::default(),
        }
    }

    /// Sets how long one call may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Git {
        self.timeout = timeout;
        self
    }

    /// Sets what its calls in a worktree where a run has been at work may write to.
    #[must_use]
    pub fn bounded(mut self, bounds: Bounds) -> Git {
        self.bounds = bounds;
        self
    }

    /// Lets `list` stand in for the user's own list of what is ignored everywhere.
    #[must_use]
    pub(crate) fn excluding(mut self, list: &Path) -> Git {
        let mut setting = OsString::from("core.excludesFile=");
        setting.push(list);
        self.excludes = Some(setting);
        self
    }

    /// A variable as git sees it.
    pub(crate) fn var(&self, name: &str) -> Option<&OsStr> {
        self.env.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The settings of this git beyond those of every call.
    fn settings(&self) -> impl Iterator<Item = &OsStr> {
        self.excludes.iter().flat_map(|setting| [OsStr::new("-c"), setting.as_os_str()])
    }

    /// Begins a call in `dir`; the caller adds arguments.
    pub(crate) fn call(&self, dir: &Path) -> Call<'_> {
        Call {
            git: self,
            hooks: false,
            dir: dir.to_owned(),
            args: Vec::new(),
            vars: Vec::new(),
            stdin: Vec::new(),
            most: u64::MAX,
        }
    }

    /// The same git, which sees no settings but those of a repository below `home`; for repositories that are ours alone.
    pub(crate) fn apart(&self, home: &Path) -> Git {
        let mut git = self.clone();
        let own = |name: &OsString| {
            let name = name.as_bytes();
            name.starts_with(b"GIT_AUTHOR_") || name.starts_with(b"GIT_COMMITTER_")
        };
        git.env.retain(|name, _| !own(name) && !name.as_bytes().starts_with(b"XDG_"));
        let set: [(&str, &OsStr); 7] = [
            ("HOME", home.as_os_str()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".as_ref()),
            ("GIT_CONFIG_NOSYSTEM", "1".as_ref()),
            ("GIT_AUTHOR_NAME", "skep".as_ref()),
            ("GIT_AUTHOR_EMAIL", "skep@localhost".as_ref()),
            ("GIT_COMMITTER_NAME", "skep".as_ref()),
            ("GIT_COMMITTER_EMAIL", "skep@localhost".as_ref()),
        ];
        git.env.extend(set.map(|(name, value)| (name.into(), value.to_owned())));
        git
    }

    /// Begins a call on a worktree whose git folder is named, so that git neither searches for it nor writes down where it is.
    pub(crate) fn call_at(&self, git_dir: &Path, work_tree: &Path) -> Call<'_> {
        let mut call = self.call(work_tree);
        for (option, path) in [("--git-dir=", git_dir), ("--work-tree=", work_tree)] {
            let mut arg = OsString::from(option);
            arg.push(path);
            call.args.push(arg);
        }
        call
    }
}

/// Finds the git that a search through `path` would start, once for all calls; the bare name where only that search can tell.
fn find_git(path: Option<&OsStr>) -> OsString {
    let bare = || OsString::from("git");
    let Some(path) = path else { return bare() };
    for dir in std::env::split_paths(path) {
        // What a relative folder means depends on where the call runs.
        if !dir.is_absolute() {
            return bare();
        }
        let file = dir.join("git");
        let runs = |meta: fs::Metadata| meta.is_file() && meta.permissions().mode() & 0o111 != 0;
        if fs::metadata(&file).is_ok_and(runs) {
            return file.into_os_string();
        }
    }
    bare()
}

/// One call of git, being put together.
pub(crate) struct Call<'a> {
    git: &'a Git,
    /// Whether git may find hooks in this call.
    hooks: bool,
    dir: PathBuf,
    args: Vec<OsString>,
    vars: Vec<(&'static str, OsString)>,
    stdin: Vec<u8>,
    most: u64,
}

impl Call<'_> {
    /// Lets hooks be found for this call; only where every one of them is ours, or where none can run.
    pub(crate) fn with_hooks(mut self) -> Self {
        self.hooks = true;
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable for this call alone.
    pub(crate) fn var(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.vars.push((name, value.as_ref().to_owned()));
        self
    }

    pub(crate) fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Takes at most so many bytes of its output; one that has more to say is ended.
    pub(crate) fn most(mut self, most: u64) -> Self {
        self.most = most;
        self
    }

    fn shown(&self) -> Vec<String> {
        self.args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect()
    }

    /// Runs it, whatever its exit code.
    pub(crate) fn output(self) -> Result<Output, GitError> {
        let quiet = QUIET.iter().filter(|set| !self.hooks || !set.starts_with("core.hooksPath="));
        let settings = quiet.flat_map(|setting| ["-c", setting]);
        Program::new(&self.git.program)
            .args(settings)
            .args(self.git.settings())
            .args(&self.args)
            .envs(&self.git.env)
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .cwd(&self.dir)
            .stdin(self.stdin.clone())
            .timeout(self.git.timeout)
            .most(self.most)
            .behind(self.git.bounds.around(&self.dir))
            .output()
            .map_err(|error| match error {
                ProcError::Timeout { after, .. } => GitError::Timeout { args: self.shown(), after },
                ProcError::Start { .. } | ProcError::Pipe { .. } => GitError::Run(error),
            })
    }

    /// Runs it and returns its exit code with its output, where the code is one of `codes`.
    pub(crate) fn code(self, codes: &[i32]) -> Result<(i32, Vec<u8>), GitError> {
        let args = self.shown();
        let output = self.output()?;
        let code = output.code();
        if codes.contains(&code) {
            return Ok((code, output.stdout));
        }
        Err(GitError::Failed { args, code, stderr: output.complaint() })
    }

    /// Runs it and returns its output; any exit code but 0 is an error.
    pub(crate) fn bytes(self) -> Result<Vec<u8>, GitError> {
        self.code(&[0]).map(|(_, bytes)| bytes)
    }

    /// Runs it for a yes (exit 0) or a no (exit 1).
    pub(crate) fn yes(self) -> Result<bool, GitError> {
        self.code(&[0, 1]).map(|(code, _)| code == 0)
    }

    /// Runs it for one line of text.
    pub(crate) fn line(self) -> Result<String, GitError> {
        let args = self.shown();
        let bytes = self.bytes()?;
        text(&args, &bytes)
    }

    /// Runs it for one number.
    pub(crate) fn number(self) -> Result<u64, GitError> {
        let args = self.shown();
        let line = self.line()?;
        line.parse().map_err(|_| GitError::Odd { args, answer: line })
    }

    /// Runs it for one path, which may hold anything but its last newline.
    pub(crate) fn path(self) -> Result<PathBuf, GitError> {
        let mut bytes = self.bytes()?;
        bytes.truncate(bytes.len() - usize::from(bytes.ends_with(b"\n")));
        Ok(PathBuf::from(OsStr::from_bytes(&bytes)))
    }
}

fn text(args: &[String], bytes: &[u8]) -> Result<String, GitError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.trim_end_matches('\n').to_owned()),
        Err(_) => Err(GitError::Odd {
            args: args.to_owned(),
            answer: String::from_utf8_lossy(bytes).into_owned(),
        }),
    }
}

/// Splits what a `-z` form printed.
pub(crate) fn fields(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == 0).filter(|field| !field.is_empty())
}

pub(crate) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Whether `path` stays below its root when joined to it: relative, without `..`, and not inside a git folder.
pub(crate) fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(name) if name != ".git"))
}

/// Waits for the lock in `file`.
///
/// Its holders run git with a time limit, and the kernel frees it when one dies, so the wait ends.
pub(crate) fn wait_for(file: &Path) -> Result<Lock, GitError> {
    lock::hold_waiting(file).map_err(|error| match error {
        LockError::Held { path } => GitError::Locked { lock: path },
        LockError::Io { path, source } => GitError::Io { what: "lock", path, source },
    })
}

/// A short name for a path, the same in every version; two paths that shared one would only wait for each other.
pub(crate) fn key(path: &Path) -> String {
    // FNV-1a: the standard library's hashes may change between releases.
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", path.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step))
}
