//! What git says, and the environment in which it is asked.
//!
//! Owns: how git is started: scrubbed environment, no prompt, no hook, no background work, a time limit; repository, base, fetch, facts.
//! Never: changes a branch, a worktree or a file of the user (`worktree` does); reads git's words for people, only exit codes and `-z` forms.
//! See docs/design/env.md.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    lock::{self, Lock, LockError},
    proc::{Output, ProcError, Program},
};

#[cfg(test)]
mod tests;

/// How often a repository is fetched at most.
pub const FETCH_EVERY: Duration = Duration::from_secs(60);

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
    env: BTreeMap<OsString, OsString>,
    timeout: Duration,
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
const SET: [(&str, &str); 10] = [
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
        Git { env: kept, timeout: Duration::from_secs(60) }
    }

    /// Sets how long one call may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Git {
        self.timeout = timeout;
        self
    }

    /// Begins a call in `dir`; the caller adds arguments.
    pub(crate) fn call(&self, dir: &Path) -> Call<'_> {
        Call { git: self, dir: dir.to_owned(), args: Vec::new(), stdin: Vec::new() }
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

/// One call of git, being put together.
pub(crate) struct Call<'a> {
    git: &'a Git,
    dir: PathBuf,
    args: Vec<OsString>,
    stdin: Vec<u8>,
}

impl Call<'_> {
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    fn shown(&self) -> Vec<String> {
        self.args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect()
    }

    /// Runs it, whatever its exit code.
    pub(crate) fn output(self) -> Result<Output, GitError> {
        let settings = QUIET.iter().flat_map(|setting| ["-c", setting]);
        Program::new("git")
            .args(settings)
            .args(&self.args)
            .envs(&self.git.env)
            .cwd(&self.dir)
            .stdin(self.stdin.clone())
            .timeout(self.git.timeout)
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
    fn path(self) -> Result<PathBuf, GitError> {
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

/// Whether `text` is a full object name and so can be neither an option nor a range.
pub fn is_oid(text: &str) -> bool {
    (text.len() == 40 || text.len() == 64)
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn require_oid(text: &str) -> Result<&str, GitError> {
    if is_oid(text) { Ok(text) } else { Err(GitError::NoSuchRef { wanted: text.to_owned() }) }
}

/// A repository, as found from some folder in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// The folder all its worktrees share; canonical, so equal for the same repository.
    pub common_dir: PathBuf,
    /// The worktree that was found; none in a bare repository or inside a git folder.
    pub top: Option<PathBuf>,
    /// Where below `top` the search began; empty at the top.
    pub sub_dir: PathBuf,
    pub bare: bool,
    /// Whether `top` is a linked worktree.
    pub linked: bool,
}

impl Repository {
    /// The folder in which to ask git about this repository.
    pub fn seat(&self) -> &Path {
        self.top.as_deref().unwrap_or(&self.common_dir)
    }
}

/// Finds the repository that `dir` lies in.
///
/// Errors: a folder that lies in none; a repository that git refuses to open keeps git's own words.
pub fn discover(git: &Git, dir: &Path) -> Result<Repository, GitError> {
    let no_repository = || GitError::NotARepository { path: dir.to_owned() };
    let dir = dir.canonicalize().map_err(|_| no_repository())?;
    if !dir.is_dir() {
        return Err(no_repository());
    }
    let seen = match see(git, &dir) {
        Err(GitError::Failed { .. }) if !looks_like_a_repository(&dir) => {
            return Err(no_repository());
        }
        other => other?,
    };
    let common_dir = canonical(&seen.common_dir)?;
    let Some(top) = seen.top else {
        return Ok(Repository {
            common_dir,
            top: None,
            sub_dir: PathBuf::new(),
            bare: seen.bare,
            linked: false,
        });
    };
    let top = canonical(&top)?;
    let linked = canonical(&seen.git_dir)? != common_dir;
    let sub_dir = dir.strip_prefix(&top).map(Path::to_owned).unwrap_or_default();
    // Seen from a linked worktree of a bare repository, only the shared settings say that it is bare.
    let bare = seen.bare || (linked && is_bare(git, &common_dir)?);
    Ok(Repository { common_dir, top: Some(top), sub_dir, bare, linked })
}

struct Seen {
    bare: bool,
    common_dir: PathBuf,
    git_dir: PathBuf,
    top: Option<PathBuf>,
}

fn see(git: &Git, dir: &Path) -> Result<Seen, GitError> {
    let ask = [
        "--is-bare-repository",
        "--path-format=absolute",
        "--git-common-dir",
        "--git-dir",
        "--show-toplevel",
    ];
    let (code, out) = git.call(dir).arg("rev-parse").args(ask).code(&[0, 128])?;
    let lines: Vec<&[u8]> =
        out.strip_suffix(b"\n").unwrap_or(&out).split(|byte| *byte == b'\n').collect();
    // One answer a line, unless a path has a line break in it.
    if let (0, [bare, common_dir, git_dir, top]) = (code, lines.as_slice()) {
        return Ok(Seen {
            bare: *bare == b"true",
            common_dir: path_of(common_dir),
            git_dir: path_of(git_dir),
            top: Some(path_of(top)),
        });
    }
    let one = |what: &str| git.call(dir).args(["rev-parse", "--path-format=absolute", what]);
    let inside = one("--is-inside-work-tree").line()? == "true";
    let top = if inside { Some(one("--show-toplevel").path()?) } else { None };
    Ok(Seen {
        bare: is_bare(git, dir)?,
        common_dir: one("--git-common-dir").path()?,
        git_dir: one("--git-dir").path()?,
        top,
    })
}

fn is_bare(git: &Git, common_dir: &Path) -> Result<bool, GitError> {
    Ok(git.call(common_dir).args(["rev-parse", "--is-bare-repository"]).line()? == "true")
}

fn canonical(path: &Path) -> Result<PathBuf, GitError> {
    path.canonicalize().map_err(|source| GitError::Io {
        what: "resolve",
        path: path.to_owned(),
        source,
    })
}

/// Tells "no repository" from "one that git refuses", which have the same exit code.
fn looks_like_a_repository(dir: &Path) -> bool {
    // A folder that may not be looked into may well be one.
    let there = |path: PathBuf| {
        fs::symlink_metadata(path)
            .map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |_| true)
    };
    let is_git_dir = |dir: &Path| there(dir.join("HEAD")) && there(dir.join("objects"));
    dir.ancestors()
        .any(|up| up.join(".git").is_file() || is_git_dir(&up.join(".git")) || is_git_dir(up))
}

/// Where work starts: a branch or ref as people write it, and its commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    pub branch: String,
    pub oid: String,
}

/// Finds the commit to start from: what is `wanted`, else the repository's default branch.
///
/// Order: without a wish, the remote's HEAD, `main`, `master`, its only branch; without any remote branch, the branch of the main worktree.
/// A wish is looked up as a branch of the remote, a remote-tracking branch, a branch, a tag, and then as any revision.
/// Errors: nothing decides; the wish names nothing; no commit yet.
pub fn base(git: &Git, repo: &Repository, wanted: Option<&str>) -> Result<Base, GitError> {
    match wanted {
        Some(wanted) => requested(git, repo, wanted),
        None => default_base(git, repo),
    }
}

fn requested(git: &Git, repo: &Repository, wanted: &str) -> Result<Base, GitError> {
    let remotes = remote_branches(git, repo)?;
    let remote = remotes.remote.as_deref().unwrap_or("origin");
    let names = [
        format!("refs/remotes/{remote}/{wanted}"),
        format!("refs/remotes/{wanted}"),
        format!("refs/heads/{wanted}"),
        format!("refs/tags/{wanted}"),
    ];
    let shown =
        [format!("{remote}/{wanted}"), wanted.to_owned(), wanted.to_owned(), wanted.to_owned()];
    for (name, branch) in names.iter().zip(shown) {
        if let Some(oid) = remotes.commits.get(name) {
            return Ok(Base { branch, oid: oid.clone() });
        }
        if remotes.lacks(name) {
            continue;
        }
        if ref_exists(git, repo, name)?
            && let Some(oid) = commit(git, repo, name)?
        {
            return Ok(Base { branch, oid });
        }
    }
    match commit(git, repo, wanted)? {
        Some(oid) => Ok(Base { branch: wanted.to_owned(), oid }),
        None => Err(GitError::NoSuchRef { wanted: wanted.to_owned() }),
    }
}

/// Whether exactly this ref exists; a text that is no ref name does not.
pub(crate) fn ref_exists(git: &Git, repo: &Repository, name: &str) -> Result<bool, GitError> {
    // With --quiet a name that can be no ref is a plain no, exit 1, as well.
    git.call(repo.seat()).args(["show-ref", "--verify", "--quiet", "--", name]).yes()
}

/// The commit that a revision names, if it names one.
pub(crate) fn commit(git: &Git, repo: &Repository, rev: &str) -> Result<Option<String>, GitError> {
    if rev.is_empty() || rev.contains(['\0', '\n']) {
        return Ok(None);
    }
    let peeled = format!("{rev}^{{commit}}");
    let (code, out) = git
        .call(repo.seat())
        .args(["rev-parse", "--verify", "--quiet", "--end-of-options", &peeled])
        .code(&[0, 1, 128])?;
    let oid = String::from_utf8_lossy(&out).trim().to_owned();
    Ok((code == 0 && is_oid(&oid)).then_some(oid))
}

/// The branches of the remote that counts, with the one its HEAD names.
struct Remotes {
    /// `origin` where it has branches, else the only remote that has.
    remote: Option<String>,
    /// Name without the remote, and commit.
    branches: BTreeMap<String, String>,
    head: Option<String>,
    all: Vec<String>,
    /// Whole name and commit of every remote-tracking ref.
    commits: BTreeMap<String, String>,
    /// The whole names of those that are no commits themselves.
    others: Vec<String>,
}

impl Remotes {
    /// Whether `name` would stand among the remote-tracking refs and does not; git need not be asked again.
    fn lacks(&self, name: &str) -> bool {
        name.starts_with("refs/remotes/")
            && !self.commits.contains_key(name)
            && !self.others.iter().any(|other| other == name)
    }
}

fn remote_branches(git: &Git, repo: &Repository) -> Result<Remotes, GitError> {
    let format = "--format=%(refname) %(objectname) %(symref) %(objecttype)";
    let refs = git.call(repo.seat()).args(["for-each-ref", format, "refs/remotes/"]).line()?;
    let mut rows: Vec<(&str, &str, &str)> = Vec::new();
    let (mut commits, mut others) = (BTreeMap::new(), Vec::new());
    for row in refs.lines() {
        let [name, oid, symref, kind] = row.split(' ').collect::<Vec<_>>()[..] else { continue };
        let Some(short) = name.strip_prefix("refs/remotes/") else { continue };
        rows.push((short, oid, symref));
        if kind == "commit" {
            commits.insert(name.to_owned(), oid.to_owned());
        } else {
            others.push(name.to_owned());
        }
    }
    let below = |remote: &str, name: &str| {
        name.strip_prefix(remote).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned)
    };
    let has_branches = |remote: &str| rows.iter().any(|row| below(remote, row.0).is_some());
    let remote = if has_branches("origin") {
        Some("origin".to_owned())
    } else {
        let names = git.call(repo.seat()).arg("remote").line()?;
        let mut with = names.lines().filter(|remote| has_branches(remote));
        with.next().filter(|_| with.next().is_none()).map(str::to_owned)
    };
    let all = rows.iter().filter(|row| row.2.is_empty()).map(|row| row.0.to_owned()).collect();
    let mut found = Remotes { remote, branches: BTreeMap::new(), head: None, all, commits, others };
    if let Some(remote) = &found.remote {
        for (name, oid, symref) in &rows {
            match below(remote, name) {
                Some(short) if symref.is_empty() => {
                    found.branches.insert(short, (*oid).to_owned());
                }
                Some(short) if short == "HEAD" => {
                    found.head =
                        symref.strip_prefix("refs/remotes/").and_then(|to| below(remote, to));
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

fn default_base(git: &Git, repo: &Repository) -> Result<Base, GitError> {
    let remotes = remote_branches(git, repo)?;
    let Some(remote) = &remotes.remote else {
        if remotes.all.is_empty() {
            return checked_out_base(git, repo);
        }
        return Err(GitError::ChooseABase { candidates: remotes.all });
    };
    let only = if remotes.branches.len() == 1 {
        remotes.branches.keys().next().map(String::as_str)
    } else {
        None
    };
    let named = [remotes.head.as_deref(), Some("main"), Some("master"), only];
    let found =
        named.into_iter().flatten().find_map(|name| Some((name, remotes.branches.get(name)?)));
    match found {
        Some((name, oid)) => Ok(Base { branch: format!("{remote}/{name}"), oid: oid.clone() }),
        None => Err(GitError::ChooseABase { candidates: remotes.all.clone() }),
    }
}

fn checked_out_base(git: &Git, repo: &Repository) -> Result<Base, GitError> {
    let (code, out) = git
        .call(&repo.common_dir)
        .args(["symbolic-ref", "--quiet", "--short", "HEAD"])
        .code(&[0, 1])?;
    let branch = String::from_utf8_lossy(&out).trim().to_owned();
    if code == 1 {
        let heads = git
            .call(repo.seat())
            .args(["for-each-ref", "--format=%(refname:short)", "refs/heads/"])
            .line()?;
        return Err(GitError::ChooseABase {
            candidates: heads.lines().map(str::to_owned).collect(),
        });
    }
    match commit(git, repo, &format!("refs/heads/{branch}"))? {
        Some(oid) => Ok(Base { branch, oid }),
        None => Err(GitError::Unborn { branch }),
    }
}

/// What came of asking the remote for news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fetch", rename_all = "snake_case")]
pub enum FetchOutcome {
    Fetched,
    /// Asked less than a minute ago, with or without success.
    Skipped {
        refs_age_s: Option<u64>,
    },
    NoRemote,
    /// The refs stand as they were, that long ago.
    Failed {
        why: String,
        refs_age_s: Option<u64>,
    },
}

/// Fetches the remote's branches, at most once in [`FETCH_EVERY`] per repository, into remote-tracking refs only.
///
/// `folder` is one of ours, for the stamps and the lock; a failure is an outcome, since work can start from what is known.
/// Errors: the folder cannot be used.
pub fn fetch(
    git: &Git,
    repo: &Repository,
    folder: &Path,
    timeout: Duration,
) -> Result<FetchOutcome, GitError> {
    let key = key(&repo.common_dir);
    let (tried, fetched) =
        (folder.join(format!("{key}.tried")), folder.join(format!("{key}.fetched")));
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| GitError::Io { what: "use", path, source }
    };
    fs::create_dir_all(folder).map_err(io(folder))?;
    let lock = folder.join(format!("{key}.fetch"));
    // Whoever waited here for another's fetch finds its stamp and goes on.
    let _held = wait_for(&lock)?;
    let refs_age_s = || {
        age(&fetched).or_else(|| age(&repo.common_dir.join("FETCH_HEAD"))).map(|age| age.as_secs())
    };
    if age(&tried).is_some_and(|age| age < FETCH_EVERY) {
        return Ok(FetchOutcome::Skipped { refs_age_s: refs_age_s() });
    }
    // Asked only now: where there is a stamp, there was a remote.
    let Some(remote) = fetched_remote(git, repo)? else { return Ok(FetchOutcome::NoRemote) };
    File::create(&tried).map_err(io(&tried))?;
    match run_fetch(&git.clone().timeout(timeout), repo, &remote) {
        Ok(()) => {
            File::create(&fetched).map_err(io(&fetched))?;
            Ok(FetchOutcome::Fetched)
        }
        Err(GitError::Failed { stderr, .. }) => {
            Ok(FetchOutcome::Failed { why: stderr, refs_age_s: refs_age_s() })
        }
        Err(error) => Ok(FetchOutcome::Failed { why: error.to_string(), refs_age_s: refs_age_s() }),
    }
}

fn fetched_remote(git: &Git, repo: &Repository) -> Result<Option<String>, GitError> {
    let names = git.call(repo.seat()).args(["remote"]).line()?;
    let names: Vec<&str> = names.lines().collect();
    let known = remote_branches(git, repo)?.remote.filter(|known| names.contains(&known.as_str()));
    let only = || {
        names.iter().find(|name| **name == "origin").or(if names.len() == 1 {
            names.first()
        } else {
            None
        })
    };
    Ok(known.or_else(|| only().map(|name| (*name).to_owned())))
}

fn run_fetch(git: &Git, repo: &Repository, remote: &str) -> Result<(), GitError> {
    let setting = format!("remote.{remote}.fetch");
    let (_, out) =
        git.call(repo.seat()).args(["config", "-z", "--get-all", &setting]).code(&[0, 1])?;
    let into = |spec: &[u8]| {
        spec.splitn(2, |byte| *byte == b':')
            .nth(1)
            .is_some_and(|to| to.starts_with(b"refs/remotes/"))
    };
    let specs: Vec<&[u8]> = fields(&out).collect();
    let own = !specs.is_empty() && specs.iter().all(|spec| spec.starts_with(b"^") || into(spec));
    let quiet = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-prune",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
    ];
    let mut call = git.call(repo.seat()).args(quiet);
    if !own {
        // A mirror's refspec would write over the user's branches.
        call = call.args(["--refmap="]);
    }
    call = call.args(["--end-of-options", remote]);
    if !own {
        call = call.args([format!("+refs/heads/*:refs/remotes/{remote}/*")]);
    }
    call.bytes().map(drop)
}

fn age(stamp: &Path) -> Option<Duration> {
    let at = fs::metadata(stamp).ok()?.modified().ok()?;
    // A stamp from the future (the clock was set back) is as old as can be.
    Some(SystemTime::now().duration_since(at).unwrap_or(Duration::MAX))
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

/// What git says of a worktree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub head: String,
    /// None when HEAD is detached.
    pub branch: Option<String>,
    pub dirty: bool,
    /// Commits since the base.
    pub ahead: u64,
    /// Commits of the target that the work lacks; none without a target.
    pub behind: Option<u64>,
    /// Commits on no remote-tracking branch; none where the repository has no remote.
    pub unpushed: Option<u64>,
    /// Files that differ from the base, untracked ones included.
    pub files: u64,
    pub insertions: u64,
    pub deletions: u64,
}

/// Asks git about `worktree`: what stands there against the base, and how it lies to target and remotes.
///
/// Errors: whatever could not be asked; no fact is guessed.
pub fn facts(
    git: &Git,
    worktree: &Path,
    base_oid: &str,
    target: Option<&str>,
) -> Result<Facts, GitError> {
    let base = require_oid(base_oid)?;
    let status = status(git.call(worktree))?;
    let head = status
        .head
        .clone()
        .ok_or_else(|| GitError::Unborn { branch: status.branch.clone().unwrap_or_default() })?;
    let count = |args: &[&str]| {
        git.call(worktree).args(["rev-list", "--count", "--end-of-options"]).args(args).number()
    };
    let ahead = if head == base { 0 } else { count(&[&format!("{base}..{head}")])? };
    let behind = match target {
        Some(target) => match target_commit(git, worktree, target)? {
            Some(oid) => Some(count(&[&format!("{head}..{oid}")])?),
            None => None,
        },
        None => None,
    };
    let remotes = git.call(worktree).args(["remote"]).line()?;
    let unpushed =
        if remotes.is_empty() { None } else { Some(count_unpushed(git, worktree, &head)?) };
    let (mut files, insertions, deletions) = differences(git, worktree, base)?;
    files += u64::try_from(status.untracked.len()).unwrap_or(u64::MAX);
    Ok(Facts {
        head,
        branch: status.branch.clone(),
        dirty: status.is_dirty(),
        ahead,
        behind,
        unpushed,
        files,
        insertions,
        deletions,
    })
}

fn count_unpushed(git: &Git, worktree: &Path, head: &str) -> Result<u64, GitError> {
    git.call(worktree).args(["rev-list", "--count", head, "--not", "--remotes"]).number()
}

/// A target is a branch first, since local landing moves that; then what the remote has.
fn target_commit(git: &Git, worktree: &Path, target: &str) -> Result<Option<String>, GitError> {
    for space in ["refs/heads/", "refs/remotes/origin/", "refs/remotes/"] {
        let name = format!("{space}{target}^{{commit}}");
        let (code, out) = git
            .call(worktree)
            .args(["rev-parse", "--verify", "--quiet", "--end-of-options", &name])
            .code(&[0, 1, 128])?;
        let oid = String::from_utf8_lossy(&out).trim().to_owned();
        if code == 0 && is_oid(&oid) {
            return Ok(Some(oid));
        }
    }
    Ok(None)
}

fn differences(git: &Git, worktree: &Path, base: &str) -> Result<(u64, u64, u64), GitError> {
    let plain = [
        "diff",
        "--numstat",
        "-z",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--no-relative",
        "--ignore-submodules=dirty",
        base,
        "--",
    ];
    let out = git.call(worktree).args(plain).bytes()?;
    let mut sums = (0, 0, 0);
    for row in fields(&out) {
        let mut columns = row.split(|byte| *byte == b'\t');
        // A binary file counts as changed, with `-` for both numbers.
        let mut number = || {
            columns
                .next()
                .and_then(|column| std::str::from_utf8(column).ok()?.parse::<u64>().ok())
                .unwrap_or(0)
        };
        sums = (sums.0 + 1, sums.1 + number(), sums.2 + number());
    }
    Ok(sums)
}

/// What `status` says.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// None before the first commit.
    pub(crate) head: Option<String>,
    pub(crate) branch: Option<String>,
    /// Tracked paths with a change, in the index or in the folder.
    pub(crate) changed: Vec<PathBuf>,
    pub(crate) untracked: Vec<PathBuf>,
}

impl Status {
    pub(crate) fn is_dirty(&self) -> bool {
        !self.changed.is_empty() || !self.untracked.is_empty()
    }
}

/// Asks for the status of the worktree that `call` is about, whatever the user's settings hide.
pub(crate) fn status(call: Call<'_>) -> Result<Status, GitError> {
    let plain = [
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--untracked-files=all",
        "--ignore-submodules=none",
        "--no-renames",
        "--no-ahead-behind",
    ];
    let out = call.args(plain).bytes()?;
    let mut status = Status::default();
    for row in fields(&out) {
        let kind = row.first().copied().unwrap_or(b' ');
        let rest = row.get(2..).unwrap_or_default();
        match kind {
            b'#' => {
                let header = String::from_utf8_lossy(rest);
                if let Some(oid) = header.strip_prefix("branch.oid ") {
                    status.head = is_oid(oid).then(|| oid.to_owned());
                } else if let Some(branch) = header.strip_prefix("branch.head ") {
                    status.branch = (branch != "(detached)").then(|| branch.to_owned());
                }
            }
            b'1' => status.changed.push(nth_field(rest, 7)),
            b'u' => status.changed.push(nth_field(rest, 9)),
            b'?' => status.untracked.push(path_of(rest)),
            _ => {
                let answer = String::from_utf8_lossy(row).into_owned();
                return Err(GitError::Odd { args: vec!["status".to_owned()], answer });
            }
        }
    }
    Ok(status)
}

/// The path that follows `n` columns, spaces in it included.
fn nth_field(row: &[u8], n: usize) -> PathBuf {
    path_of(row.splitn(n + 1, |byte| *byte == b' ').last().unwrap_or_default())
}

/// Tracked files that git was told not to look at (`assume-unchanged`, `skip-worktree`) and that stand there: no status shows their changes.
pub(crate) fn unwatched(call: Call<'_>, work_tree: &Path) -> Result<Vec<PathBuf>, GitError> {
    let out = call.args(["ls-files", "-v", "-z"]).bytes()?;
    let flagged = fields(&out)
        .filter(|row| row.first().is_some_and(|tag| tag.is_ascii_lowercase() || *tag == b'S'));
    let paths = flagged.map(|row| path_of(row.get(2..).unwrap_or_default()));
    Ok(paths.filter(|path| fs::symlink_metadata(work_tree.join(path)).is_ok()).collect())
}

/// Whether `path` stays below its root when joined to it: relative, without `..`, and not inside a git folder.
pub(crate) fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(name) if name != ".git"))
}

/// Finds the commit that the local branch `name` is on; none where there is no such branch.
pub fn branch(git: &Git, repo: &Repository, name: &str) -> Result<Option<String>, GitError> {
    let name = format!("refs/heads/{name}");
    if ref_exists(git, repo, &name)? { commit(git, repo, &name) } else { Ok(None) }
}

/// Counts the commits of `new` that `old` lacks.
pub fn count(git: &Git, repo: &Repository, old: &str, new: &str) -> Result<u64, GitError> {
    let range = format!("{}..{}", require_oid(old)?, require_oid(new)?);
    git.call(repo.seat()).args(["rev-list", "--count", "--end-of-options", &range]).number()
}

/// Reads the file that stands at `path` in the commit `oid`, without filters; none where none stands there.
pub fn file_at(
    git: &Git,
    repo: &Repository,
    oid: &str,
    path: &str,
) -> Result<Option<Vec<u8>>, GitError> {
    let name = format!("{}:{path}", require_oid(oid)?);
    if !git
        .call(repo.seat())
        .args(["cat-file", "-e", "--end-of-options", &name])
        .output()?
        .status
        .success()
    {
        return Ok(None);
    }
    git.call(repo.seat()).args(["cat-file", "blob", "--end-of-options", &name]).bytes().map(Some)
}
