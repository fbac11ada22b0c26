//! Repositories that are named by a URL: cloned bare into a folder of ours, and given up when nothing needs them.
//!
//! Owns: which URLs may be cloned, the making of a clone as a whole or not at all, the proof without which none is evicted.
//! Never: shows a password; asks anybody for one; writes the remote's branches over local ones; evicts after an unanswered question.
//! See docs/format.md.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use thiserror::Error;

use crate::{
    git::{self, Fault, Git, GitError, Repository, Retry, key, wait_for},
    paths::{PathError, crash_point, sync_parent, write_atomically},
    salvage::make_removable,
    snapshot::SnapshotError,
};

mod evict;
mod url;

pub use evict::{Evicting, evict, list, mend};
pub use url::{Url, is_url};

#[cfg(test)]
mod tests;

/// How long everything of a repository may take to come.
const CLONE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// The protocols that git may use for us, whatever settings and redirections say.
const PROTOCOLS: &str = "file:git:https:ssh";

/// The file in a clone that is touched whenever the clone is asked for.
const USED: &str = "skep-used";

/// The file in a clone that says which tags came with it: those stand on the remote as well.
const TAGS: &str = "skep-tags";

/// How the name of a clone begins before it is whole.
const DRAFT: &str = ".draft.";

/// Why a repository is not cloned.
#[derive(Debug, Error)]
pub enum CacheError {
    #[error("`{shown}` {why}")]
    Unsupported {
        /// Without what may be secret.
        shown: String,
        why: &'static str,
    },
    /// The remote, or the way to it, said no; in git's words, without what may be secret.
    #[error("clone `{shown}`: {why}")]
    Failed { shown: String, why: String },
    #[error("`{shown}` gave not everything within {} s", .after.as_secs())]
    Slow { shown: String, after: Duration },
    /// The remote has no branch to start from.
    #[error("`{shown}` has no commit yet")]
    Empty { shown: String },
    /// Another's lock could not be had, or git not be run.
    #[error(transparent)]
    Git(GitError),
    #[error(transparent)]
    Path(#[from] PathError),
    /// Whether it keeps snapshots could not be asked.
    #[error(transparent)]
    Snapshot(SnapshotError),
    #[error("{what} `{}`", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl CacheError {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            CacheError::Unsupported { .. } => "url-unsupported",
            CacheError::Failed { .. } => "clone-failed",
            CacheError::Slow { .. } => "git-timeout",
            CacheError::Empty { .. } => "no-commit-yet",
            CacheError::Git(error) => error.slug(),
            CacheError::Path(error) => error.slug(),
            CacheError::Snapshot(error) => error.slug(),
            CacheError::Io { .. } => "io",
        }
    }

    /// Whether the same again may go better.
    pub fn retry(&self) -> Retry {
        match self {
            CacheError::Unsupported { .. } | CacheError::Empty { .. } => Retry::Never,
            CacheError::Git(error) => error.retry(),
            CacheError::Snapshot(error) => error.retry(),
            CacheError::Failed { .. }
            | CacheError::Slow { .. }
            | CacheError::Path(_)
            | CacheError::Io { .. } => Retry::After(5_000),
        }
    }

    /// Whose move it is.
    pub fn fault(&self) -> Fault {
        match self {
            CacheError::Unsupported { .. } | CacheError::Empty { .. } => Fault::User,
            CacheError::Git(error) => error.fault(),
            CacheError::Snapshot(error) => error.fault(),
            CacheError::Failed { .. }
            | CacheError::Slow { .. }
            | CacheError::Path(_)
            | CacheError::Io { .. } => Fault::Environment,
        }
    }
}

/// What stands where a clone was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloned {
    Made,
    /// A clone of the same URL was there before; nothing was fetched.
    There,
    /// Something else is there, and stays as it is.
    Taken,
}

/// Clones `url` bare into `dir`, whose folder is made where it is missing: as a whole, or nothing stands there.
///
/// Remote branches are remote-tracking refs, as in a clone with files; the default branch has a local one, so that work can land on it.
/// `locks` is the folder of the repositories' locks. Whoever asks for the same at the same time waits and finds it made.
pub fn clone(git: &Git, url: &Url, dir: &Path, locks: &Path) -> Result<Cloned, CacheError> {
    let parent = dir.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(io_at("make", parent))?;
    fs::create_dir_all(locks).map_err(io_at("make", locks))?;
    let _alone = wait_for(&gate(locks, dir)).map_err(CacheError::Git)?;
    if !missing(dir)? {
        return match origin(git, dir) {
            Some(there) if there == *url => {
                if there.raw() != url.raw() {
                    // The same place, with another name or password: the last one given counts.
                    set(git, dir, "remote.origin.url", url.raw()).map_err(|err| told(url, err))?;
                }
                touch(dir)?;
                Ok(Cloned::There)
            }
            // What cannot be asked where it came from is nobody's to take over.
            Some(_) | None => Ok(Cloned::Taken),
        };
    }
    let draft = draft_of(dir);
    if let Err(err) = make(git, url, &draft) {
        // What stays is swept by the collector; the first failure is the one to tell.
        let _left = remove(&draft);
        return Err(err);
    }
    crash_point("clone.made");
    fs::rename(&draft, dir).map_err(io_at("name", dir))?;
    sync_parent(dir)?;
    crash_point("clone.named");
    Ok(Cloned::Made)
}

/// Makes the local branch `name` of a clone from the remote's branch of that name, where the one is there and the other is not.
pub fn follow(git: &Git, dir: &Path, locks: &Path, name: &str) -> Result<(), CacheError> {
    let failed = CacheError::Git;
    let repo = git::discover(git, dir).map_err(failed)?;
    let from = format!("refs/remotes/origin/{name}");
    if !git::ref_exists(git, &repo, &from).map_err(failed)? {
        return Ok(());
    }
    let Some(oid) = git::commit(git, &repo, &from).map_err(failed)? else { return Ok(()) };
    let _writer = wait_for(&writer(locks, &repo.common_dir)).map_err(failed)?;
    if git::branch(git, &repo, name).map_err(failed)?.is_none() {
        point(git, &repo.common_dir, name, &oid).map_err(failed)?;
    }
    Ok(())
}

fn make(git: &Git, url: &Url, draft: &Path) -> Result<(), CacheError> {
    let told = |err| told(url, err);
    // For its owner only: its settings may hold a password.
    DirBuilder::new().mode(0o700).create(draft).map_err(io_at("make", draft))?;
    // Snapshots hang on ref files; the default may be another form.
    let init = ["-c", "init.defaultRefFormat=files", "init", "--quiet", "--bare"];
    git.call(draft).args(init).bytes().map_err(told)?;
    set(git, draft, "remote.origin.url", url.raw()).map_err(told)?;
    set(git, draft, "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*").map_err(told)?;
    crash_point("clone.begun");
    let patient = git.clone().timeout(CLONE_TIMEOUT);
    let fetch = [
        "fetch",
        "--quiet",
        "--tags",
        "--prune",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
        "--end-of-options",
        "origin",
    ];
    remote(&patient, draft).args(fetch).bytes().map_err(told)?;
    crash_point("clone.fetched");
    // With 1 it says that the remote names no branch; then the usual names count.
    let head = ["remote", "set-head", "origin", "--auto"];
    remote(&patient, draft).args(head).code(&[0, 1]).map_err(told)?;
    let repo = Repository {
        common_dir: draft.to_owned(),
        top: None,
        sub_dir: PathBuf::new(),
        bare: true,
        linked: false,
    };
    let known = git.call(draft).args(["for-each-ref", "--count=1", "refs/remotes/origin/"]);
    if known.bytes().map_err(told)?.is_empty() {
        return Err(CacheError::Empty { shown: url.shown().to_owned() });
    }
    match git::base(git, &repo, None) {
        Ok(base) => {
            let name = base.branch.strip_prefix("origin/").unwrap_or(&base.branch);
            point(git, draft, name, &base.oid).map_err(told)?;
            let head = format!("refs/heads/{name}");
            git.call(draft).args(["symbolic-ref", "HEAD", &head]).bytes().map_err(told)?;
        }
        // Whoever starts work here says from where.
        Err(GitError::ChooseABase { .. }) => {}
        Err(err) => return Err(told(err)),
    }
    let tags = git.call(draft).args(["for-each-ref", TAG_ROW, "refs/tags/"]).bytes();
    write_atomically(&draft.join(TAGS), &tags.map_err(told)?)?;
    touch(draft)
}

/// How a tag stands in [`TAGS`].
const TAG_ROW: &str = "--format=%(objectname) %(refname)";

/// A call that talks with the remote: by the allowed protocols only.
fn remote<'a>(git: &'a Git, dir: &Path) -> git::Call<'a> {
    git.call(dir).var("GIT_ALLOW_PROTOCOL", PROTOCOLS).args([
        "-c",
        "protocol.ext.allow=never",
        "-c",
        "credential.interactive=false",
    ])
}

fn set(git: &Git, dir: &Path, name: &str, value: &str) -> Result<(), GitError> {
    git.call(dir).args(["config", "--local", name, value]).bytes().map(drop)
}

/// Makes a local branch that was not there.
fn point(git: &Git, dir: &Path, name: &str, oid: &str) -> Result<(), GitError> {
    let (name, absent) = (format!("refs/heads/{name}"), "0".repeat(oid.len()));
    let call = git.call(dir).args(["update-ref", "--create-reflog", "-m", "skep: from origin"]);
    call.args(["--end-of-options", &name, oid, &absent]).bytes().map(drop)
}

/// What a failure of git is to a person, who must not read a password in it.
fn told(url: &Url, err: GitError) -> CacheError {
    let shown = url.shown().to_owned();
    match err {
        GitError::Timeout { after, .. } => CacheError::Slow { shown, after },
        GitError::Failed { stderr, .. } => CacheError::Failed { shown, why: url.redact(&stderr) },
        GitError::Odd { answer, .. } => CacheError::Failed { shown, why: url.redact(&answer) },
        other @ (GitError::NotARepository { .. }
        | GitError::ChooseABase { .. }
        | GitError::Unborn { .. }
        | GitError::NoSuchRef { .. }
        | GitError::Locked { .. }
        | GitError::Run(_)
        | GitError::Io { .. }) => CacheError::Git(other),
    }
}

/// Where a clone came from; none where it cannot be asked.
fn origin(git: &Git, dir: &Path) -> Option<Url> {
    let asked = git.call(dir).args(["config", "--local", "--get", "remote.origin.url"]).line();
    Url::parse(&asked.ok()?).ok()
}

/// The lock of whoever makes or evicts the clone `dir`.
fn gate(locks: &Path, dir: &Path) -> PathBuf {
    locks.join(format!("{}.clone", key(dir)))
}

/// The writer lock of a repository.
fn writer(locks: &Path, common_dir: &Path) -> PathBuf {
    locks.join(format!("{}.writer", key(common_dir)))
}

/// A name beside `dir` that nothing has: a git that outlived its killed caller may still write to an older one.
fn draft_of(dir: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = std::ffi::OsString::from(DRAFT);
    name.push(dir.file_name().unwrap_or_default());
    let random = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default();
    let nth = COUNT.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{nth}-{}", std::process::id(), random.get(..8).unwrap_or("0")));
    dir.with_file_name(name)
}

fn touch(dir: &Path) -> Result<(), CacheError> {
    let path = dir.join(USED);
    File::create(&path).and_then(|file| file.sync_all()).map_err(io_at("write", &path))
}

fn missing(path: &Path) -> Result<bool, CacheError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(false),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(err) => Err(io_at("look at", path)(err)),
    }
}

/// Deletes a folder of ours that is no clone, or none any more.
fn remove(path: &Path) -> Result<(), CacheError> {
    if missing(path)? {
        return Ok(());
    }
    make_removable(path).and_then(|()| fs::remove_dir_all(path)).map_err(io_at("remove", path))
}

fn io_at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError + use<> {
    let path = path.to_owned();
    move |source| CacheError::Io { what, path, source }
}
