//! Envs: the place of a run, made so that a kill at any moment leaves nothing that the next call cannot finish or undo.
//!
//! Owns: the env's folder, its lock and owner record, the branch and worktree made for it, the files brought into it; letting it go.
//! Never: takes over a folder, branch or worktree it has not made, runs the repository's code, or resets a checkout of the user.
//! See docs/design/env.md.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::{ffi::OsStrExt, fs::MetadataExt, fs::symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    git::{
        self, Base, Fault, FetchOutcome, Git, GitError, Repository, Retry, fields, is_inside,
        path_of,
    },
    lock::{self, Lock, LockError},
    paths,
    salvage::{self, Expendable, Proof, Reason, ReleaseError, Twin, Verdict},
    worktree::{self, Branch, Deleted},
};

#[cfg(test)]
mod tests;

const OWNER: &str = "owner.json";
const LOCK: &str = "lock";
const OUTPUT: &str = "output";
const LOGS: &str = "logs";
const VERSION: u32 = 1;

/// Where the agent works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvType {
    /// A worktree of its own.
    Worktree,
    /// An empty folder, without git.
    Directory,
    /// The user's own checkout, one run at a time.
    InPlace,
}

/// A wish for an env.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepare {
    /// The folder that holds all envs.
    pub envs: PathBuf,
    /// A folder of ours for locks and stamps, the same for all envs.
    pub locks: PathBuf,
    /// Names the env's folder: at least twelve random characters of `0-9 a-z _ -`.
    pub key: String,
    /// Whose env it is.
    pub run: String,
    pub env_type: EnvType,
    /// Any folder in the repository; for a worktree, and in place.
    pub repository: Option<PathBuf>,
    pub project: String,
    /// The worker's name.
    pub name: String,
    /// Names for the branch, best first; the first that is free is taken.
    pub branches: Vec<String>,
    /// What the work starts from; none for the repository's default.
    pub base: Option<String>,
    /// Where in the worktree the agent starts; empty for its top.
    pub sub_dir: PathBuf,
    /// Ignored files to copy from the project's checkout, as patterns of `.gitignore`; those of `.worktreeinclude` are added.
    pub copy: Vec<String>,
    /// Ignored files and folders to link to, as patterns of `.gitignore`.
    pub link: Vec<String>,
    /// How long a fetch may take; 0 for none.
    pub fetch_ms: u64,
}

/// An env that is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    pub root: PathBuf,
    pub env_type: EnvType,
    /// The worktree, the empty folder, or the user's checkout.
    pub worktree: PathBuf,
    pub cwd: PathBuf,
    /// What the supervisor of the run holds while anything of it may live.
    pub lock: PathBuf,
    pub output: PathBuf,
    pub logs: PathBuf,
    /// The folder that all worktrees of the repository share.
    pub common_dir: Option<PathBuf>,
    pub branch: Option<String>,
    pub base: Option<Base>,
    /// The set-up script nearest to `cwd`, as of the base commit.
    pub setup: Option<PathBuf>,
    /// What this call made, in order.
    pub created: Vec<Created>,
    /// Whether it stood already, from an earlier call for the same run.
    pub reused: bool,
    pub fetch: Option<FetchOutcome>,
    /// What the person should know, such as files that were not copied.
    pub notes: Vec<String>,
}

/// Something that was made for an env.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "created", rename_all = "snake_case")]
pub enum Created {
    Root { path: PathBuf },
    Branch { name: String, oid: String },
    Worktree { path: PathBuf },
    Copied { path: PathBuf },
    Linked { path: PathBuf },
}

/// The step at which something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Request,
    Claim,
    Repository,
    Fetch,
    Base,
    Branch,
    Worktree,
    Checkout,
    SubDir,
    Files,
    Record,
    Undo,
    Release,
}

/// Why an env was not made, undone or let go, and at which step.
#[derive(Debug, Error)]
#[error("the env failed at {stage:?}")]
pub struct EnvError {
    pub stage: Stage,
    #[source]
    pub cause: Cause,
    /// What could not be rolled back either; the next call for the same env tries again.
    pub left: Vec<String>,
}

/// What went wrong.
#[derive(Debug, Error)]
pub enum Cause {
    #[error("{what} `{value}` {why}")]
    Bad { what: &'static str, value: String, why: &'static str },
    /// Somebody holds its lock.
    #[error("`{}` is in use{}", .path.display(), by(.run.as_deref()))]
    Busy { path: PathBuf, run: Option<String> },
    /// It belongs to somebody else, or to nobody we know.
    #[error("`{}` {why}", .path.display())]
    Foreign { path: PathBuf, why: String },
    #[error("`{}` is no folder of the worktree", .path.display())]
    NoSubDir { path: PathBuf },
    #[error("no name is left for the branch (tried {})", .tried.join(", "))]
    NoBranch { tried: Vec<String> },
    /// What is left of an earlier try could not be taken away.
    #[error("`{}` could not be taken back whole", .path.display())]
    Stuck { path: PathBuf },
    /// There is work in it.
    #[error("there is work in it")]
    Work { reasons: Vec<Reason> },
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("{what} `{}`", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Path(#[from] paths::PathError),
}

fn by(run: Option<&str>) -> String {
    run.map(|run| format!(" by `{run}`")).unwrap_or_default()
}

impl From<LockError> for Cause {
    fn from(error: LockError) -> Cause {
        match error {
            LockError::Held { path } => Cause::Busy { path, run: None },
            LockError::Io { path, source } => Cause::Io { what: "lock", path, source },
        }
    }
}

impl Cause {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            Cause::Bad { .. } => "env-request",
            Cause::Busy { .. } => "env-busy",
            Cause::Foreign { .. } => "env-foreign",
            Cause::NoSubDir { .. } => "no-sub-dir",
            Cause::NoBranch { .. } => "no-branch-name",
            Cause::Stuck { .. } => "env-stuck",
            Cause::Work { .. } => "env-has-work",
            Cause::Git(error) => error.slug(),
            Cause::Io { .. } | Cause::Path(_) => "disk",
        }
    }
}

impl EnvError {
    fn at(stage: Stage) -> impl FnOnce(Cause) -> EnvError {
        move |cause| EnvError { stage, cause, left: Vec::new() }
    }

    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        self.cause.slug()
    }

    /// Whether the same again may go better.
    pub fn retry(&self) -> Retry {
        match &self.cause {
            Cause::Busy { .. } | Cause::Stuck { .. } | Cause::Io { .. } | Cause::Path(_) => {
                Retry::After(5_000)
            }
            Cause::Git(error) => error.retry(),
            Cause::Bad { .. }
            | Cause::Foreign { .. }
            | Cause::NoSubDir { .. }
            | Cause::NoBranch { .. }
            | Cause::Work { .. } => Retry::Never,
        }
    }

    /// Whose move it is.
    pub fn fault(&self) -> Fault {
        match &self.cause {
            Cause::Bad { .. } => Fault::Bug,
            Cause::Busy { .. } | Cause::Stuck { .. } | Cause::Io { .. } | Cause::Path(_) => {
                Fault::Environment
            }
            Cause::Git(error) => error.fault(),
            Cause::Foreign { .. }
            | Cause::NoSubDir { .. }
            | Cause::NoBranch { .. }
            | Cause::Work { .. } => Fault::User,
        }
    }
}

/// Where an env is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being made: everything in it is ours, and is taken away again before the next try.
    Preparing,
    /// Lent to its run: what is in it may be work.
    Ready,
    /// Let go; what is left are files nobody else has.
    Released,
}

/// The record in an env that says whose it is and what was made for it; written before each step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub version: u32,
    pub key: String,
    pub run: String,
    pub env_type: EnvType,
    pub state: State,
    /// The worktree's folder below the root.
    pub folder: String,
    pub sub_dir: PathBuf,
    pub common_dir: Option<PathBuf>,
    /// The checkout the project was found in: files come from there, and in place it is the worktree.
    pub checkout: Option<PathBuf>,
    pub base: Option<Base>,
    /// Where it stands in the repository only once the next step is recorded.
    pub branch: Option<Branch>,
    pub copied: Vec<Twin>,
    pub linked: Vec<PathBuf>,
}

impl Owner {
    fn of(ask: &Prepare) -> Owner {
        Owner {
            version: VERSION,
            key: ask.key.clone(),
            run: ask.run.clone(),
            env_type: ask.env_type,
            state: State::Preparing,
            folder: format!("{}-{}", ask.project, ask.name),
            sub_dir: ask.sub_dir.clone(),
            common_dir: None,
            checkout: None,
            base: None,
            branch: None,
            copied: Vec::new(),
            linked: Vec::new(),
        }
    }

    fn write(&self, root: &Path) -> Result<(), Cause> {
        let path = root.join(OWNER);
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| Cause::Io {
            what: "write",
            path: path.clone(),
            source: error.into(),
        })?;
        Ok(paths::write_atomically(&path, &bytes)?)
    }

    /// The repository as seen from its shared folder; none where it is gone.
    fn repository(&self) -> Option<Repository> {
        let common_dir = self.common_dir.clone().filter(|dir| dir.is_dir())?;
        Some(Repository {
            common_dir,
            top: None,
            sub_dir: PathBuf::new(),
            bare: false,
            linked: false,
        })
    }

    /// The folder the agent works in.
    pub fn worktree(&self, root: &Path) -> PathBuf {
        match (self.env_type, &self.checkout) {
            (EnvType::InPlace, Some(checkout)) => checkout.clone(),
            _ => root.join(&self.folder),
        }
    }
}

/// Reads the owner record of an env; none where the env or its record is not there.
///
/// Errors: a record that cannot be read, or that says something impossible, is somebody else's.
pub fn read_owner(root: &Path) -> Result<Option<Owner>, Cause> {
    let path = root.join(OWNER);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Cause::Io { what: "read", path, source }),
    };
    let foreign = |why: String| Cause::Foreign { path: root.to_owned(), why };
    let owner: Owner = serde_json::from_slice(&bytes)
        .map_err(|error| foreign(format!("has an owner record that cannot be read: {error}")))?;
    if owner.version != VERSION {
        return Err(foreign(format!(
            "was made by another version of skep (record {})",
            owner.version
        )));
    }
    // The record is a file like any other: what it names must not lead out of the env.
    component("folder", &owner.folder)?;
    Ok(Some(owner))
}

fn check(ask: &Prepare) -> Result<(), Cause> {
    let bad =
        |what, value: &dyn ToString, why| Err(Cause::Bad { what, value: value.to_string(), why });
    for (what, path) in [("env folder", &ask.envs), ("lock folder", &ask.locks)] {
        if !path.is_absolute() {
            return bad(what, &path.display(), "is no absolute path");
        }
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if !(12..=64).contains(&ask.key.len()) || !ask.key.chars().all(plain) {
        return bad("key", &ask.key, "is not 12 to 64 characters of 0-9 a-z _ -");
    }
    if ask.run.is_empty()
        || ask.run.len() > 64
        || !ask.run.chars().all(|c| plain(c) || c.is_ascii_uppercase())
    {
        return bad("run id", &ask.run, "is not 1 to 64 characters of 0-9 a-z A-Z _ -");
    }
    component("project", &ask.project)?;
    component("name", &ask.name)?;
    if !is_inside(&ask.sub_dir) {
        return bad("sub-directory", &ask.sub_dir.display(), "does not stay in the worktree");
    }
    if ask.env_type != EnvType::Directory
        && ask.repository.as_ref().is_none_or(|path| !path.is_absolute())
    {
        return bad("repository", &format!("{:?}", ask.repository), "is no absolute path");
    }
    if ask.env_type == EnvType::Worktree && ask.branches.is_empty() {
        return bad("branches", &"", "names none");
    }
    Ok(())
}

/// Checks a text that becomes part of a file name.
fn component(what: &'static str, text: &str) -> Result<(), Cause> {
    let harmless = |c: char| !c.is_control() && c != '/';
    let fits = !text.is_empty()
        && text.len() <= 100
        && !text.starts_with(['.', '-'])
        && !text.contains("..");
    if fits && text.chars().all(harmless) {
        return Ok(());
    }
    Err(Cause::Bad { what, value: text.to_owned(), why: "cannot be part of a folder's name" })
}

/// Makes an env, or finds the one that an earlier call for the same run made.
///
/// Order: nothing is touched before the request is checked and the env's folder claimed; each step is recorded before it is done.
/// Errors: whatever fails, what this call made is gone again, and the error names what is not.
pub fn prepare(git: &Git, ask: &Prepare) -> Result<Prepared, EnvError> {
    check(ask).map_err(EnvError::at(Stage::Request))?;
    let mut claim = claim(ask).map_err(EnvError::at(Stage::Claim))?;
    let known = claim.owner.take();
    if let Some(owner) = known.clone().filter(|owner| owner.state != State::Preparing) {
        return reuse(git, ask, &claim, &owner);
    }
    let mut making = Making {
        git,
        ask,
        root: claim.root.clone(),
        owner: Owner::of(ask),
        created: Vec::new(),
        notes: Vec::new(),
        stage: Stage::Record,
    };
    if claim.made {
        making.created.push(Created::Root { path: claim.root.clone() });
    }
    if let Some(old) = known {
        // What a killed call left is taken away first, and only its base kept.
        let left = take_back(git, &ask.locks, &claim.root, &old);
        if !left.is_empty() {
            return Err(halfway(Stage::Undo, &claim.root, left));
        }
        making.owner.base = old.base;
    }
    let made = making.run();
    made.map_err(|cause| {
        let stage = making.stage;
        let mut left = take_back(git, &ask.locks, &claim.root, &making.owner);
        if left.is_empty() {
            left.extend(drop_root(&claim.root).err().map(|error| error.to_string()));
        }
        EnvError { stage, cause, left }
    })
}

fn halfway(stage: Stage, root: &Path, left: Vec<String>) -> EnvError {
    EnvError { stage, cause: Cause::Stuck { path: root.to_owned() }, left }
}

/// An env's folder, held alone.
#[derive(Debug)]
struct Claim {
    root: PathBuf,
    made: bool,
    owner: Option<Owner>,
    /// Held until the call ends; then the run's supervisor takes it.
    _lock: Alone,
}

/// A lock that is free at once when this is dropped.
///
/// Closing the file alone is not enough: a program that another thread is just starting holds a copy until its exec.
#[derive(Debug)]
struct Alone(Lock);

impl Drop for Alone {
    fn drop(&mut self) {
        // Where it fails, closing the file frees it a moment later.
        let _freed = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

fn claim(ask: &Prepare) -> Result<Claim, Cause> {
    let io = |what, path: &Path| {
        let path = path.to_owned();
        move |source| Cause::Io { what, path, source }
    };
    fs::create_dir_all(&ask.envs).map_err(io("make", &ask.envs))?;
    let envs = ask.envs.canonicalize().map_err(io("resolve", &ask.envs))?;
    let root = envs.join(&ask.key);
    // A second round only where the folder went away between the look and the lock.
    for _ in 0..100 {
        let made = match fs::create_dir(&root) {
            Ok(()) => {
                // Without it a power cut could leave the branch and take the record of it.
                paths::sync_parent(&root)?;
                true
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(source) => return Err(io("make", &root)(source)),
        };
        if !made {
            require_ours(&root, ask)?;
        }
        let taken = locked(&root).and_then(|lock| Ok((lock, require_ours(&root, ask)?)));
        match taken {
            Ok((Some(lock), owner)) => return Ok(Claim { root, made, owner, _lock: lock }),
            Ok((None, _)) => {}
            Err(cause) => {
                // Where it is not empty, somebody else has it now; where it is, it was ours.
                let _gone = made.then(|| fs::remove_dir(&root));
                return Err(cause);
            }
        }
    }
    Err(Cause::Busy { path: root, run: None })
}

/// Takes the lock of an env; none where the folder vanished meanwhile.
fn locked(root: &Path) -> Result<Option<Alone>, Cause> {
    let path = root.join(LOCK);
    let lock = match lock::hold(&path) {
        Ok(lock) => Alone(lock),
        Err(LockError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(LockError::Held { path }) => {
            let run = read_owner(root)?.map(|owner| owner.run);
            return Err(Cause::Busy { path, run });
        }
        Err(error) => return Err(error.into()),
    };
    // Who waited at a file that was then removed with its env holds a lock on nothing.
    let held = rustix::fs::fstat(&lock.0).map_err(|source| Cause::Io {
        what: "look at",
        path: path.clone(),
        source: source.into(),
    })?;
    let there = fs::metadata(&path)
        .is_ok_and(|meta| meta.ino() == held.st_ino && meta.dev() == held.st_dev);
    Ok(there.then_some(lock))
}

/// The owner record where it is this run's; an error where the folder is anybody else's or holds things without a record.
fn require_ours(root: &Path, ask: &Prepare) -> Result<Option<Owner>, Cause> {
    let foreign = |why: &str| Err(Cause::Foreign { path: root.to_owned(), why: why.to_owned() });
    match fs::symlink_metadata(root) {
        Ok(meta) if !meta.is_dir() => return foreign("is no folder"),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Cause::Io { what: "look at", path: root.to_owned(), source }),
    }
    match read_owner(root)? {
        Some(owner) if owner.key == ask.key && owner.run == ask.run => Ok(Some(owner)),
        Some(owner) => foreign(&format!("belongs to `{}`", owner.run)),
        None if is_blank(root)? => Ok(None),
        None => foreign("has things in it and no owner"),
    }
}

/// Whether there is nothing in an env but what comes before its owner record, and what goes after it.
fn is_blank(root: &Path) -> Result<bool, Cause> {
    let io = |source| Cause::Io { what: "read", path: root.to_owned(), source };
    for entry in fs::read_dir(root).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        if name != LOCK && !is_draft(&name) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file is the owner record of somebody who was killed while writing it.
fn is_draft(name: &std::ffi::OsStr) -> bool {
    name.as_bytes().starts_with(format!(".{OWNER}.").as_bytes())
}

/// An env being made.
struct Making<'a> {
    git: &'a Git,
    ask: &'a Prepare,
    root: PathBuf,
    owner: Owner,
    created: Vec<Created>,
    notes: Vec<String>,
    stage: Stage,
}

impl Making<'_> {
    fn run(&mut self) -> Result<Prepared, Cause> {
        self.stage = Stage::Record;
        self.record()?;
        for name in [OUTPUT, LOGS] {
            make_dir(&self.root.join(name))?;
        }
        let fetch = match self.ask.env_type {
            EnvType::Worktree => self.worktree()?,
            EnvType::Directory => {
                make_dir(&self.root.join(&self.owner.folder))?;
                make_dirs_below(&self.root.join(&self.owner.folder), &self.ask.sub_dir)?;
                None
            }
            EnvType::InPlace => {
                self.in_place()?;
                None
            }
        };
        self.stage = Stage::SubDir;
        let mut prepared = prepared(self.ask, &self.root, &self.owner)?;
        self.stage = Stage::Record;
        self.owner.state = State::Ready;
        self.record()?;
        prepared.created.append(&mut self.created);
        prepared.notes.append(&mut self.notes);
        prepared.fetch = fetch;
        Ok(prepared)
    }

    fn record(&self) -> Result<(), Cause> {
        self.owner.write(&self.root)
    }

    fn repository(&self) -> Result<Repository, Cause> {
        let given = self.ask.repository.as_deref().unwrap_or(Path::new(""));
        Ok(git::discover(self.git, given)?)
    }

    fn worktree(&mut self) -> Result<Option<FetchOutcome>, Cause> {
        self.stage = Stage::Repository;
        let repo = self.repository()?;
        self.stage = Stage::Fetch;
        let fetch = match self.ask.fetch_ms {
            0 => None,
            ms => Some(git::fetch(self.git, &repo, &self.ask.locks, Duration::from_millis(ms))?),
        };
        self.stage = Stage::Base;
        let base = self.base(&repo)?;
        self.owner.common_dir = Some(repo.common_dir.clone());
        self.owner.checkout.clone_from(&repo.top);
        self.owner.base = Some(base.clone());
        self.stage = Stage::Branch;
        let branch = self.branch(&repo, &base.oid)?;
        self.stage = Stage::Worktree;
        let path = self.root.join(&self.owner.folder);
        worktree::register(self.git, &repo, &self.ask.locks, &path, &branch.name, &branch.mark)?;
        self.created.push(Created::Worktree { path: path.clone() });
        self.stage = Stage::Checkout;
        worktree::checkout(self.git, &path)?;
        self.stage = Stage::Files;
        if let Some(from) = repo.top {
            self.bring_files(&from, &path)?;
        }
        Ok(fetch)
    }

    /// A base that a killed call had settled on stands, even where the default has moved since.
    fn base(&self, repo: &Repository) -> Result<Base, Cause> {
        if let Some(known) = &self.owner.base
            && git::commit(self.git, repo, &known.oid)?.is_some()
        {
            return Ok(known.clone());
        }
        Ok(git::base(self.git, repo, self.ask.base.as_deref())?)
    }

    /// Makes the first branch whose name is free, recording each before it is tried.
    fn branch(&mut self, repo: &Repository, oid: &str) -> Result<Branch, Cause> {
        let mut refused = None;
        for name in &self.ask.branches {
            let branch =
                Branch { name: name.clone(), oid: oid.to_owned(), mark: mark(&self.ask.key) };
            self.owner.branch = Some(branch.clone());
            self.record()?;
            match worktree::create_branch(self.git, repo, &self.ask.locks, &branch) {
                Ok(true) => {
                    self.created.push(Created::Branch {
                        name: branch.name.clone(),
                        oid: branch.oid.clone(),
                    });
                    return Ok(branch);
                }
                Ok(false) => {}
                // Another name may do: one that needs a folder where a branch stands does not.
                Err(error @ GitError::Failed { .. }) => refused = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        self.owner.branch = None;
        Err(refused
            .map_or_else(|| Cause::NoBranch { tried: self.ask.branches.clone() }, Cause::from))
    }

    fn in_place(&mut self) -> Result<(), Cause> {
        self.stage = Stage::Repository;
        let repo = self.repository()?;
        let Some(top) = repo.top.clone() else {
            let path = self.ask.repository.clone().unwrap_or_default();
            return Err(Cause::Foreign { path, why: "has no checkout to work in".to_owned() });
        };
        self.stage = Stage::Base;
        let (code, name) = self
            .git
            .call(&top)
            .args(["symbolic-ref", "--quiet", "--short", "HEAD"])
            .code(&[0, 1])?;
        let branch = if code == 0 {
            String::from_utf8_lossy(&name).trim().to_owned()
        } else {
            "HEAD".to_owned()
        };
        let oid = git::commit(self.git, &repo, "HEAD")?
            .ok_or_else(|| GitError::Unborn { branch: branch.clone() })?;
        self.owner.common_dir = Some(repo.common_dir);
        self.owner.checkout = Some(top.clone());
        self.owner.base = Some(Base { branch, oid });
        self.stage = Stage::Claim;
        occupy(self.ask, &self.root, &top)?;
        self.record()
    }
}

/// What the first reflog line of a branch says that was made for this env, and why its worktree is locked.
fn mark(key: &str) -> String {
    format!("skep: env {key}")
}

fn make_dir(path: &Path) -> Result<(), Cause> {
    match fs::create_dir(path) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            Err(Cause::Io { what: "make", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Describes an env as its record and its folders say.
fn prepared(ask: &Prepare, root: &Path, owner: &Owner) -> Result<Prepared, Cause> {
    let worktree = owner.worktree(root);
    let cwd = below(&worktree, &ask.sub_dir)?;
    let in_place_branch =
        || owner.base.as_ref().map(|base| base.branch.clone()).filter(|branch| branch != "HEAD");
    let (branch, lock, setup) = match (owner.env_type, &owner.checkout) {
        (EnvType::InPlace, Some(top)) => (in_place_branch(), place_lock(&ask.locks, top), None),
        _ => (
            owner.branch.as_ref().map(|branch| branch.name.clone()),
            root.join(LOCK),
            find_setup(&worktree, &ask.sub_dir),
        ),
    };
    Ok(Prepared {
        root: root.to_owned(),
        env_type: owner.env_type,
        worktree,
        cwd,
        lock,
        output: root.join(OUTPUT),
        logs: root.join(LOGS),
        common_dir: owner.common_dir.clone(),
        branch,
        base: owner.base.clone(),
        setup,
        created: Vec::new(),
        reused: false,
        fetch: None,
        notes: Vec::new(),
    })
}

/// Joins `path` to a folder and makes sure that it is a folder in there, by its real path.
fn below(folder: &Path, path: &Path) -> Result<PathBuf, Cause> {
    let no = || Cause::NoSubDir { path: path.to_owned() };
    let real = folder.canonicalize().map_err(|source| Cause::Io {
        what: "resolve",
        path: folder.to_owned(),
        source,
    })?;
    let joined = real.join(path).canonicalize().map_err(|_| no())?;
    if joined.starts_with(&real) && joined.is_dir() { Ok(joined) } else { Err(no()) }
}

/// The set-up script nearest to the sub-directory, going up, as a file of the worktree itself.
fn find_setup(worktree: &Path, sub_dir: &Path) -> Option<PathBuf> {
    let is_script = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file());
    sub_dir.ancestors().map(|dir| worktree.join(dir).join(".worktree-setup")).find(is_script)
}

/// Finds an env again that was ready; nothing in it is reset.
fn reuse(git: &Git, ask: &Prepare, claim: &Claim, owner: &Owner) -> Result<Prepared, EnvError> {
    let at = EnvError::at;
    let foreign = |why: String| at(Stage::Claim)(Cause::Foreign { path: claim.root.clone(), why });
    if owner.state == State::Released {
        return Err(foreign("has been let go".to_owned()));
    }
    if owner.env_type != ask.env_type {
        return Err(foreign("is of another type".to_owned()));
    }
    let mut created = Vec::new();
    match owner.env_type {
        EnvType::Worktree => {
            let path = owner.worktree(&claim.root);
            if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                attach_again(git, ask, &path, owner).map_err(at(Stage::Worktree))?;
                created.push(Created::Worktree { path });
            } else {
                require_same(git, &path, owner).map_err(at(Stage::Worktree))?;
            }
        }
        EnvType::Directory => {}
        EnvType::InPlace => {
            let top = owner.checkout.clone().unwrap_or_default();
            occupy(ask, &claim.root, &top).map_err(at(Stage::Claim))?;
        }
    }
    let mut found = prepared(ask, &claim.root, owner).map_err(at(Stage::SubDir))?;
    found.reused = true;
    found.created = created;
    Ok(found)
}

/// A worktree that was deleted by hand comes back on its branch, wherever that stands now.
fn attach_again(git: &Git, ask: &Prepare, path: &Path, owner: &Owner) -> Result<(), Cause> {
    let (Some(repo), Some(branch)) = (owner.repository(), &owner.branch) else {
        return Err(Cause::Foreign {
            path: path.to_owned(),
            why: "belongs to a repository that is gone".to_owned(),
        });
    };
    // A branch that is gone as well is made again where it began.
    worktree::create_branch(git, &repo, &ask.locks, branch)?;
    worktree::register(git, &repo, &ask.locks, path, &branch.name, &branch.mark)?;
    worktree::checkout(git, path)?;
    Ok(())
}

fn require_same(git: &Git, path: &Path, owner: &Owner) -> Result<(), Cause> {
    let foreign = |why: &str| Err(Cause::Foreign { path: path.to_owned(), why: why.to_owned() });
    let found = git::discover(git, path)?;
    if Some(&found.common_dir) != owner.common_dir.as_ref() || found.top.as_deref() != Some(path) {
        return foreign("belongs to another repository");
    }
    let (code, name) = git.call(path).args(["symbolic-ref", "--quiet", "HEAD"]).code(&[0, 1])?;
    let expected = owner.branch.as_ref().map(|branch| format!("refs/heads/{}", branch.name));
    if code != 0 || expected.as_deref() != Some(String::from_utf8_lossy(&name).trim()) {
        return foreign("has another branch checked out");
    }
    Ok(())
}

/// Who works in a checkout of the user.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    root: PathBuf,
    run: String,
    checkout: PathBuf,
}

/// The lock for working in a checkout, by its real path.
fn place_lock(locks: &Path, top: &Path) -> PathBuf {
    locks.join(format!("{}.place", git::key(top)))
}

fn place_record(locks: &Path, top: &Path) -> PathBuf {
    locks.join(format!("{}.place.json", git::key(top)))
}

/// Writes down that this env works in the user's checkout, unless another one does.
fn occupy(ask: &Prepare, root: &Path, top: &Path) -> Result<(), Cause> {
    fs::create_dir_all(&ask.locks).map_err(|source| Cause::Io {
        what: "make",
        path: ask.locks.clone(),
        source,
    })?;
    let record = place_record(&ask.locks, top);
    let there = read_place(&record)?;
    let busy = |run: Option<String>| Cause::Busy { path: top.to_owned(), run };
    let _lock =
        lock::hold(&place_lock(&ask.locks, top)).map(Alone).map_err(|error| match error {
            LockError::Held { .. } => busy(there.as_ref().map(|place| place.run.clone())),
            other @ LockError::Io { .. } => other.into(),
        })?;
    // The lock is free, so nothing of the one that stood here lives; its env lets go of its own record only.
    let place = Place { root: root.to_owned(), run: ask.run.clone(), checkout: top.to_owned() };
    let bytes = serde_json::to_vec(&place).map_err(|error| Cause::Io {
        what: "write",
        path: record.clone(),
        source: error.into(),
    })?;
    Ok(paths::write_atomically(&record, &bytes)?)
}

fn read_place(record: &Path) -> Result<Option<Place>, Cause> {
    match fs::read(record) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| Cause::Io {
            what: "read",
            path: record.to_owned(),
            source: error.into(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Cause::Io { what: "read", path: record.to_owned(), source }),
    }
}

/// Takes back what an env's record says was made, but not the folder itself; says what stays.
///
/// Every step may find its work done already, so that a killed call is simply made again.
fn take_back(git: &Git, locks: &Path, root: &Path, owner: &Owner) -> Vec<String> {
    let mut left = Vec::new();
    if owner.env_type == EnvType::InPlace {
        left.extend(vacate(locks, root, owner).err().map(|error| error.to_string()));
    } else {
        let path = root.join(&owner.folder);
        let gone = match owner.repository() {
            Some(repo) => {
                worktree::remove(git, &repo, locks, &path, &mark(&owner.key)).map_err(Cause::from)
            }
            None => remove_dir(&path),
        };
        left.extend(gone.err().map(|error| format!("{}: {error}", path.display())));
    }
    if let (Some(repo), Some(branch), true) = (owner.repository(), &owner.branch, left.is_empty()) {
        match worktree::delete_branch(git, &repo, locks, branch) {
            // A branch that moved, or that somebody else made, is not ours to take.
            Ok(Deleted::Yes | Deleted::Absent | Deleted::NotOurs) => {}
            Err(error) => left.push(format!("branch {}: {error}", branch.name)),
        }
    }
    if left.is_empty() {
        for name in [OUTPUT, LOGS] {
            left.extend(remove_dir(&root.join(name)).err().map(|error| error.to_string()));
        }
    }
    left
}

fn remove_dir(path: &Path) -> Result<(), Cause> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(Cause::Io { what: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Forgets that this env works in the user's checkout; the checkout stays as it is.
fn vacate(locks: &Path, root: &Path, owner: &Owner) -> Result<(), Cause> {
    let Some(top) = &owner.checkout else { return Ok(()) };
    let record = place_record(locks, top);
    if read_place(&record)?.is_some_and(|place| place.root == root) {
        remove_file(&record)?;
    }
    Ok(())
}

fn remove_file(path: &Path) -> Result<(), Cause> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(Cause::Io { what: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Removes an env's folder once only its record and lock are left in it; the record goes first, so that what stays is blank.
fn drop_root(root: &Path) -> Result<(), Cause> {
    remove_file(&root.join(OWNER))?;
    let io = |source| Cause::Io { what: "read", path: root.to_owned(), source };
    for entry in fs::read_dir(root).map_err(io)? {
        let entry = entry.map_err(io)?;
        if is_draft(&entry.file_name()) {
            remove_file(&entry.path())?;
        }
    }
    remove_file(&root.join(LOCK))?;
    fs::remove_dir(root).map_err(|source| Cause::Io {
        what: "remove",
        path: root.to_owned(),
        source,
    })
}

impl Making<'_> {
    /// Copies and links ignored files of the project's checkout; nothing else, and nothing over what stands there.
    fn bring_files(&mut self, from: &Path, worktree: &Path) -> Result<(), Cause> {
        let include = worktree.join(".worktreeinclude");
        let mut patterns: Vec<std::ffi::OsString> =
            self.ask.copy.iter().map(|pattern| format!("--exclude={pattern}").into()).collect();
        if fs::symlink_metadata(&include).is_ok_and(|meta| meta.is_file()) {
            let mut option = std::ffi::OsString::from("--exclude-from=");
            option.push(&include);
            patterns.push(option);
        }
        let links: Vec<std::ffi::OsString> =
            self.ask.link.iter().map(|pattern| format!("--exclude={pattern}").into()).collect();
        let linked = self.ignored(from, worktree, &links, &["--directory"])?;
        for path in &linked {
            if let Some(to) = self.room_for(worktree, path)? {
                symlink(from.join(path), &to).map_err(|source| Cause::Io {
                    what: "link",
                    path: to,
                    source,
                })?;
                self.owner.linked.push(path.clone());
                self.created.push(Created::Linked { path: path.clone() });
            }
        }
        for path in self.ignored(from, worktree, &patterns, &[])? {
            if linked.iter().any(|link| path.starts_with(link)) {
                continue;
            }
            if let Some(to) = self.room_for(worktree, &path)? {
                self.copy(&from.join(&path), &to, path)?;
            }
        }
        Ok(())
    }

    /// Untracked paths of the checkout that match, and that the worktree ignores: others would be committed by the agent.
    fn ignored(
        &mut self,
        from: &Path,
        worktree: &Path,
        patterns: &[std::ffi::OsString],
        more: &[&str],
    ) -> Result<Vec<PathBuf>, Cause> {
        if patterns.is_empty() {
            return Ok(Vec::new());
        }
        let out = self
            .git
            .call(from)
            .args(["ls-files", "-z", "--others", "--ignored"])
            .args(more)
            .args(patterns)
            .bytes()?;
        // Without its slash a folder is asked for as the link it will be.
        let found: Vec<PathBuf> =
            fields(&out).map(|path| path_of(path.strip_suffix(b"/").unwrap_or(path))).collect();
        // Git asks nothing about what lies behind a link.
        let (found, behind): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|path| !leads_away(worktree, path));
        self.notes.extend(behind.iter().map(|path| {
            format!("`{}` was not brought along: a link or file is in its way", path.display())
        }));
        if found.is_empty() {
            return Ok(found);
        }
        let list: Vec<u8> =
            found.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
        let (_, out) = self
            .git
            .call(worktree)
            .args(["check-ignore", "-z", "--stdin"])
            .stdin(list)
            .code(&[0, 1])?;
        let ignored: Vec<PathBuf> = fields(&out).map(path_of).collect();
        let open = found.iter().filter(|path| !ignored.contains(path));
        self.notes.extend(open.map(|path| {
            format!("`{}` was not brought along: git does not ignore it there", path.display())
        }));
        Ok(ignored)
    }

    /// Makes the folders for a file to bring; none where something stands there already.
    fn room_for(&self, worktree: &Path, path: &Path) -> Result<Option<PathBuf>, Cause> {
        let to = worktree.join(path);
        if !is_inside(path) || fs::symlink_metadata(&to).is_ok() {
            return Ok(None);
        }
        let free = make_dirs_below(worktree, path.parent().unwrap_or(Path::new("")))?;
        Ok(free.then_some(to))
    }

    fn copy(&mut self, from: &Path, to: &Path, path: PathBuf) -> Result<(), Cause> {
        let io = |what| move |source| Cause::Io { what, path: from.to_owned(), source };
        let kind = fs::symlink_metadata(from).map_err(io("look at"))?.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(from).map_err(io("read"))?;
            symlink(target, to).map_err(io("copy"))?;
        } else if kind.is_file() {
            fs::copy(from, to).map_err(io("copy"))?;
        } else {
            self.notes.push(format!("`{}` was not brought along: it is no file", path.display()));
            return Ok(());
        }
        self.owner.copied.push(Twin { path: path.clone(), of: from.to_owned() });
        self.created.push(Created::Copied { path });
        Ok(())
    }
}

/// Whether one of the folders of `path` is a link or file in the worktree.
fn leads_away(worktree: &Path, path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .any(|up| fs::symlink_metadata(worktree.join(up)).is_ok_and(|meta| !meta.is_dir()))
}

/// Makes folders one by one below a root, and says no at anything that is not a folder, links included.
fn make_dirs_below(root: &Path, path: &Path) -> Result<bool, Cause> {
    let mut at = root.to_owned();
    for part in path.components() {
        at.push(part);
        make_dir(&at)?;
        if !fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_dir()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What has run in an env so far; the one who asks for an undo knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ran {
    /// Nothing, or only the set-up: its files are no work, commits are.
    Setup,
    /// An agent: whatever is not in the base commit is work.
    Agent,
}

/// Takes back everything an env's record names, if there is no work in it; an env that is not there is undone already.
///
/// Errors: there is work, the env is in use, or something could not be removed; then the record stays, and the call can be made again.
pub fn undo(git: &Git, locks: &Path, root: &Path, ran: Ran) -> Result<(), EnvError> {
    let root = &real(root);
    let Some((_lock, owner)) = hold_env(root).map_err(EnvError::at(Stage::Undo))? else {
        return Ok(());
    };
    if owner.state == State::Ready && owner.env_type != EnvType::InPlace {
        let reasons = work_in(git, root, &owner, ran).map_err(EnvError::at(Stage::Undo))?;
        if !reasons.is_empty() {
            return Err(EnvError::at(Stage::Undo)(Cause::Work { reasons }));
        }
    }
    let left = take_back(git, locks, root, &owner);
    if !left.is_empty() {
        return Err(halfway(Stage::Undo, root, left));
    }
    drop_root(root).map_err(EnvError::at(Stage::Undo))
}

/// The path git knows an env by, also where the env itself is gone.
fn real(root: &Path) -> PathBuf {
    let parent = root.parent().and_then(|parent| parent.canonicalize().ok());
    parent.zip(root.file_name()).map_or_else(|| root.to_owned(), |(parent, name)| parent.join(name))
}

/// Takes an env's lock and reads its record; none where there is no env or only the blank beginning or end of one.
fn hold_env(root: &Path) -> Result<Option<(Alone, Owner)>, Cause> {
    if read_owner(root)?.is_none() {
        if root.is_dir()
            && is_blank(root)?
            && let Some(_lock) = locked(root)?
            && is_blank(root)?
        {
            drop_root(root)?;
        }
        return Ok(None);
    }
    let Some(lock) = locked(root)? else { return Ok(None) };
    Ok(read_owner(root)?.map(|owner| (lock, owner)))
}

fn work_in(git: &Git, root: &Path, owner: &Owner, ran: Ran) -> Result<Vec<Reason>, Cause> {
    let path = owner.worktree(root);
    if owner.env_type == EnvType::Directory {
        let files = if ran == Ran::Agent { files_in(&path)? } else { Vec::new() };
        return Ok(if files.is_empty() {
            Vec::new()
        } else {
            vec![Reason::NoRepository { files }]
        });
    }
    let Some(repo) = owner.repository() else { return Ok(Vec::new()) };
    match salvage::inspect(git, &repo, &path) {
        Verdict::Unknown(error) => Err(error.into()),
        Verdict::Unsafe(reasons) if ran == Ran::Agent => Ok(reasons),
        // Only commits are work then, and a branch that has some stays by the comparison in its deletion.
        Verdict::Unsafe(mut reasons) => {
            reasons.retain(|reason| {
                !matches!(reason, Reason::Dirty { .. } | Reason::Untracked { .. })
            });
            Ok(reasons)
        }
        Verdict::Safe(proof) => {
            let base = owner.base.as_ref().map(|base| base.oid.as_str());
            if let Some(head) = proof.head().filter(|head| Some(*head) != base) {
                return Ok(vec![Reason::Commits { head: head.to_owned() }]);
            }
            let expendable =
                Expendable { discard: &[], twins: &owner.copied, links: &owner.linked };
            let files = if ran == Ran::Agent {
                salvage::ignored(git, &proof, &path, &expendable)?
            } else {
                Vec::new()
            };
            Ok(if files.is_empty() { Vec::new() } else { vec![Reason::Ignored { files }] })
        }
    }
}

fn files_in(dir: &Path) -> Result<Vec<PathBuf>, Cause> {
    let io = |source| Cause::Io { what: "read", path: dir.to_owned(), source };
    match fs::read_dir(dir) {
        Ok(entries) => {
            entries.map(|entry| entry.map(|entry| entry.file_name().into()).map_err(io)).collect()
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(io(source)),
    }
}

/// Inspects an env: whether it can be let go without loss, its branch kept.
///
/// Errors: the env or its record cannot be read, which is no yes either.
pub fn inspect(git: &Git, root: &Path) -> Result<Verdict, Cause> {
    let root = &real(root);
    let Some(owner) = read_owner(root)? else {
        return Err(Cause::Foreign {
            path: root.to_owned(),
            why: "has no owner record".to_owned(),
        });
    };
    let path = owner.worktree(root);
    match owner.env_type {
        EnvType::InPlace => Ok(Verdict::Safe(Proof::of_nothing())),
        EnvType::Directory => {
            let files = files_in(&path)?;
            Ok(if files.is_empty() {
                Verdict::Safe(Proof::of_nothing())
            } else {
                Verdict::Unsafe(vec![Reason::NoRepository { files }])
            })
        }
        EnvType::Worktree => match owner.repository() {
            Some(repo) => Ok(salvage::inspect(git, &repo, &path)),
            None => Ok(Verdict::Unknown(GitError::NotARepository {
                path: owner.common_dir.unwrap_or(path),
            })),
        },
    }
}

/// What is left of an env that was let go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The branch, which stays.
    pub branch: Option<String>,
    pub head: Option<String>,
    /// Where what nobody else has was kept: ignored files, output, logs.
    pub kept: Option<PathBuf>,
    pub ignored: Vec<PathBuf>,
}

/// Lets an env go: moves it into `trash`, looks again there, and deletes what stands elsewhere; its branch stays.
///
/// `trash` must lie on the same disk. Killed anywhere, the same call goes on; see [`resume_release`] for one without a proof.
/// Errors: in use, changed since the proof, or git could not be asked; then the env is back where it was.
pub fn release(
    git: &Git,
    locks: &Path,
    root: &Path,
    trash: &Path,
    discard: &[String],
    proof: Proof,
) -> Result<Released, EnvError> {
    let stage = || EnvError::at(Stage::Release);
    let root = &real(root);
    let missing = || Cause::Foreign { path: root.to_owned(), why: "is no env".to_owned() };
    let (_lock, owner) = hold_env(root).map_err(stage())?.ok_or_else(|| stage()(missing()))?;
    if owner.env_type == EnvType::InPlace {
        return let_place_go(locks, root, &owner).map_err(stage());
    }
    let moved = trash.join(&owner.key);
    fs::create_dir_all(trash)
        .map_err(|source| stage()(Cause::Io { what: "make", path: trash.to_owned(), source }))?;
    if fs::symlink_metadata(&moved).is_ok() {
        let why = "is there already".to_owned();
        return Err(stage()(Cause::Foreign { path: moved, why }));
    }
    rename(root, &moved).map_err(stage())?;
    finish(git, locks, root, &moved, owner, discard, proof)
}

fn rename(from: &Path, to: &Path) -> Result<(), Cause> {
    fs::rename(from, to).map_err(|source| Cause::Io { what: "move", path: from.to_owned(), source })
}

fn finish(
    git: &Git,
    locks: &Path,
    root: &Path,
    moved: &Path,
    mut owner: Owner,
    discard: &[String],
    proof: Proof,
) -> Result<Released, EnvError> {
    let head = proof.head().map(str::to_owned);
    let expendable = Expendable { discard, twins: &owner.copied, links: &owner.linked };
    let ignored = match salvage::release(git, locks, proof, &moved.join(&owner.folder), &expendable)
    {
        Ok(ignored) => ignored,
        Err(error) => {
            let cause = match error {
                ReleaseError::Changed(reasons) => Cause::Work { reasons },
                ReleaseError::Git(error) => error.into(),
            };
            let left = rename(moved, root).err().map(|error| error.to_string());
            return Err(EnvError {
                stage: Stage::Release,
                cause,
                left: left.into_iter().collect(),
            });
        }
    };
    owner.state = State::Released;
    let branch = owner.branch.as_ref().map(|branch| branch.name.clone());
    let kept = tidy(moved, &owner, ignored.is_empty()).map_err(EnvError::at(Stage::Release))?;
    Ok(Released { branch, head, kept, ignored })
}

/// Removes what is empty of a moved env, and all of it where nothing is left; else writes down that it was let go.
fn tidy(moved: &Path, owner: &Owner, clean: bool) -> Result<Option<PathBuf>, Cause> {
    let mut empty = clean;
    for name in [OUTPUT, LOGS]
        .into_iter()
        .chain((owner.env_type == EnvType::Directory).then_some(owner.folder.as_str()))
    {
        match fs::remove_dir(moved.join(name)) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => empty = false,
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(Cause::Io { what: "remove", path: moved.join(name), source });
            }
            _ => {}
        }
    }
    if !empty {
        owner.write(moved)?;
        return Ok(Some(moved.to_owned()));
    }
    drop_root(moved)?;
    Ok(None)
}

fn let_place_go(locks: &Path, root: &Path, owner: &Owner) -> Result<Released, Cause> {
    vacate(locks, root, owner)?;
    let mut done = owner.clone();
    done.state = State::Released;
    let branch = owner.base.as_ref().map(|base| base.branch.clone());
    let kept = tidy(root, &done, true)?;
    Ok(Released { branch, head: None, kept, ignored: Vec::new() })
}

/// Goes on with a release that was killed after its env was moved; none where there is nothing to go on with.
///
/// It needs no proof from before: the env is inspected where it now lies.
pub fn resume_release(
    git: &Git,
    locks: &Path,
    root: &Path,
    trash: &Path,
    discard: &[String],
) -> Result<Option<Released>, EnvError> {
    let stage = || EnvError::at(Stage::Release);
    let root = &real(root);
    let key = root.file_name().unwrap_or_default();
    let moved = trash.join(key);
    if fs::symlink_metadata(root).is_ok() || fs::symlink_metadata(&moved).is_err() {
        return Ok(None);
    }
    let Some((lock, owner)) = hold_env(&moved).map_err(stage())? else { return Ok(None) };
    let branch = owner.branch.as_ref().map(|branch| branch.name.clone());
    if owner.state == State::Released {
        return Ok(Some(Released { branch, head: None, kept: Some(moved), ignored: Vec::new() }));
    }
    if let Some(done) =
        already_let_go(git, &root_worktree(root, &owner), &moved, &owner).map_err(stage())?
    {
        return Ok(Some(done));
    }
    // Back to where git knows it, so that the ordinary way applies from its beginning.
    rename(&moved, root).map_err(stage())?;
    let verdict = inspect(git, root).map_err(stage())?;
    drop(lock);
    match verdict {
        Verdict::Safe(proof) => release(git, locks, root, trash, discard, proof).map(Some),
        Verdict::Unsafe(reasons) => Err(stage()(Cause::Work { reasons })),
        Verdict::Unknown(error) => Err(stage()(error.into())),
    }
}

fn root_worktree(root: &Path, owner: &Owner) -> PathBuf {
    root.join(&owner.folder)
}

/// Whether a killed release had come past its registration: then git can prove nothing any more, and what is left is kept.
fn already_let_go(
    git: &Git,
    path: &Path,
    moved: &Path,
    owner: &Owner,
) -> Result<Option<Released>, Cause> {
    let registered = match owner.repository() {
        Some(repo) => worktree::list(git, &repo)?.iter().any(|known| known.path == path),
        None => false,
    };
    if registered || owner.env_type != EnvType::Worktree {
        return Ok(None);
    }
    let mut done = owner.clone();
    done.state = State::Released;
    let clean = fs::symlink_metadata(moved.join(&owner.folder))
        .is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let kept = tidy(moved, &done, clean)?;
    Ok(Some(Released {
        branch: owner.branch.as_ref().map(|branch| branch.name.clone()),
        head: None,
        kept,
        ignored: Vec::new(),
    }))
}
