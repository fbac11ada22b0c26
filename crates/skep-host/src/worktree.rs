//! Worktrees and branches: made, listed, taken away, and a branch moved forward where it is checked out.
//!
//! Owns: every change to a repository's refs and worktree list, each under the repository's writer lock; the checkout itself runs outside it.
//! Never: moves or deletes a ref that does not stand where it was recorded; writes over a file nobody has committed.
//! See docs/design/env.md.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::git::{
    self, Git, GitError, Repository, fields, key, path_of, ref_exists, require_oid, status,
    unwatched, wait_for,
};
use crate::lock::Lock;

mod aside;
mod forward;
mod packed;
mod revert;

pub use aside::{lock_again, set_aside};
pub(crate) use forward::{Forward, Guard, forward};
pub use packed::move_packed_refs;
pub use revert::{Revert, Reverting, revert};

#[cfg(test)]
mod tests;

/// A worktree as git lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    pub path: PathBuf,
    pub bare: bool,
    /// None where nothing is checked out.
    pub head: Option<String>,
    /// None when HEAD is detached.
    pub branch: Option<String>,
    /// Why it is locked, where it is.
    pub locked: Option<String>,
    /// Why git would forget it at its next prune, where it would.
    pub prunable: Option<String>,
}

/// Lists the worktrees of a repository, the main one first.
pub fn list(git: &Git, repo: &Repository) -> Result<Vec<Listed>, GitError> {
    let out = git.call(&repo.common_dir).args(["worktree", "list", "--porcelain", "-z"]).bytes()?;
    let mut all: Vec<Listed> = Vec::new();
    for field in fields(&out) {
        let (word, rest) = match field.iter().position(|byte| *byte == b' ') {
            Some(at) => (&field[..at], &field[at + 1..]),
            None => (field, &field[..0]),
        };
        let words = || String::from_utf8_lossy(rest).into_owned();
        match (word, all.last_mut()) {
            (b"worktree", _) => all.push(Listed { path: path_of(rest), ..Listed::default() }),
            (b"bare", Some(last)) => last.bare = true,
            (b"HEAD", Some(last)) => {
                // Where nothing was ever committed git says zeros.
                let real = |oid: &String| git::is_oid(oid) && oid.bytes().any(|byte| byte != b'0');
                last.head = Some(words()).filter(real);
            }
            (b"branch", Some(last)) => {
                last.branch = words().strip_prefix("refs/heads/").map(str::to_owned);
            }
            (b"locked", Some(last)) => last.locked = Some(words()),
            (b"prunable", Some(last)) => last.prunable = Some(words()),
            _ => {}
        }
    }
    Ok(all)
}

/// Takes the repository's writer lock, waiting for it.
fn write_lock(repo: &Repository, locks: &Path) -> Result<Lock, GitError> {
    fs::create_dir_all(locks).map_err(|source| GitError::Io {
        what: "make",
        path: locks.to_owned(),
        source,
    })?;
    wait_for(&locks.join(format!("{}.writer", key(&repo.common_dir))))
}

/// A branch that was made here, and where it stood then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    pub name: String,
    pub oid: String,
    /// What its first reflog line says, so that it can be told from one that somebody else made.
    pub mark: String,
    /// Whether its deletion has begun. git takes the reflog first: a branch without one is ours too, then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
}

impl Branch {
    /// A branch that is to be made, or has been.
    pub fn new(name: &str, oid: &str, mark: &str) -> Branch {
        let [name, oid, mark] = [name, oid, mark].map(str::to_owned);
        Branch { name, oid, mark, leaving: false }
    }
}

/// Makes a branch at a commit, tracking nothing; a no when one of that name is there.
///
/// Errors: git refuses the name, or a branch stands where this one needs a folder.
pub(crate) fn create_branch(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    branch: &Branch,
) -> Result<bool, GitError> {
    require_oid(&branch.oid)?;
    let name = format!("refs/heads/{}", branch.name);
    let _writer = write_lock(repo, locks)?;
    let absent = "0".repeat(branch.oid.len());
    let call = git.call(repo.seat()).args([
        "update-ref",
        "--create-reflog",
        "-m",
        &branch.mark,
        "--end-of-options",
        &name,
        &branch.oid,
        &absent,
    ]);
    match call.bytes() {
        Err(GitError::Failed { .. }) if ref_exists(git, repo, &name)? => Ok(false),
        other => other.map(|_| true),
    }
}

/// What became of a branch that was to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deleted {
    Yes,
    Absent,
    /// It has moved, or was made by somebody else: it stays.
    NotOurs,
}

/// Deletes a branch where it still stands at the recorded commit and was made by us.
///
/// Shape: `record` writes the branch down as leaving before anything of it is taken.
pub(crate) fn delete_branch<E: From<GitError>>(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    branch: &Branch,
    record: impl FnOnce(Branch) -> Result<(), E>,
) -> Result<Deleted, E> {
    require_oid(&branch.oid)?;
    let name = format!("refs/heads/{}", branch.name);
    let _writer = write_lock(repo, locks)?;
    let Some(at) = git::commit(git, repo, &name)? else { return Ok(Deleted::Absent) };
    let reflog = git
        .call(repo.seat())
        .args(["log", "--walk-reflogs", "--format=%gs", "--end-of-options", &name, "--"])
        .bytes()?;
    let ours = match String::from_utf8_lossy(&reflog).lines().last() {
        Some(first) => first == branch.mark,
        None => branch.leaving,
    };
    if at != branch.oid || !ours {
        return Ok(Deleted::NotOurs);
    }
    if !branch.leaving {
        record(Branch { leaving: true, ..branch.clone() })?;
    }
    // Compare and swap: a commit that lands on it in this moment keeps it.
    git.call(repo.seat())
        .args(["update-ref", "-d", "--end-of-options", &name, &branch.oid])
        .bytes()?;
    Ok(Deleted::Yes)
}

/// Moves a branch, or makes it, if it still stands where it was seen; says whether it did.
pub(crate) fn move_branch(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    branch: &str,
    seen: Option<&str>,
    to: &str,
) -> Result<bool, GitError> {
    let name = format!("refs/heads/{branch}");
    let to = require_oid(to)?;
    let absent = "0".repeat(to.len());
    let seen = seen.map(require_oid).transpose()?;
    let _writer = write_lock(repo, locks)?;
    let plain = ["update-ref", "-m", "skep: restore", "--end-of-options"];
    let call = git.call(repo.seat()).args(plain).args([&name, to, seen.unwrap_or(&absent)]);
    match call.bytes() {
        Err(GitError::Failed { .. }) if git::branch(git, repo, branch)?.as_deref() != seen => {
            Ok(false)
        }
        other => other.map(|_| true),
    }
}

/// Registers a worktree at `path`, on a branch, without files in it yet; a registration whose folder is gone gives way.
///
/// It is registered as locked, so that nobody's `prune` drops it while its folder is moved, and a plain `remove` does not take it.
pub(crate) fn register(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    path: &Path,
    branch: &str,
    reason: &str,
) -> Result<(), GitError> {
    let _writer = write_lock(repo, locks)?;
    let plain = ["worktree", "add", "--quiet", "--no-checkout", "--lock", "--reason", reason, "--"];
    let add = || {
        git.call(repo.seat())
            .args(plain)
            .args([path.as_os_str(), branch.as_ref()])
            .bytes()
            .map(drop)
    };
    match add() {
        Err(GitError::Failed { .. }) if drop_missing(git, repo, path)? => add(),
        other => other,
    }
}

/// Registers a worktree like [`register`], on a commit and no branch.
pub(crate) fn register_detached(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    path: &Path,
    oid: &str,
    reason: &str,
) -> Result<(), GitError> {
    let _writer = write_lock(repo, locks)?;
    let oid = require_oid(oid)?;
    let plain = ["worktree", "add", "--quiet", "--no-checkout", "--lock", "--reason", reason];
    let add = || {
        git.call(repo.seat())
            .args(plain)
            .args(["--detach", "--"])
            .args([path.as_os_str(), oid.as_ref()])
            .bytes()
            .map(drop)
    };
    match add() {
        Err(GitError::Failed { .. }) if drop_missing(git, repo, path)? => add(),
        other => other,
    }
}

/// Drops what a killed [`register`] left of a worktree that git does not list.
pub(crate) fn forget_torn(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    path: &Path,
    reason: &str,
) -> Result<(), GitError> {
    let _writer = write_lock(repo, locks)?;
    if list(git, repo)?.iter().any(|known| known.path == path) {
        return Ok(());
    }
    drop_torn(repo, path, reason)
}

/// Fills a fresh worktree with the files of its HEAD.
pub(crate) fn checkout(git: &Git, path: &Path) -> Result<(), GitError> {
    // As many writers as there are cores: most of a checkout is waiting for the disk.
    let workers = ["-c", "checkout.workers=0"];
    let reset = ["reset", "--quiet", "--hard", "--no-recurse-submodules"];
    git.call(path).args(workers).args(reset).bytes().map(drop)
}

/// Takes a worktree's folder and registration away; either may be gone already, or torn.
///
/// The files go first and the registration last: killed in between, the same call goes on.
pub(crate) fn remove(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    path: &Path,
    reason: &str,
) -> Result<(), GitError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(GitError::Io { what: "remove", path: path.to_owned(), source });
        }
        _ => {}
    }
    let _writer = write_lock(repo, locks)?;
    drop_missing(git, repo, path)?;
    drop_torn(repo, path, reason)
}

/// Drops the registration of a worktree whose folder is gone.
pub fn unregister(git: &Git, repo: &Repository, locks: &Path, path: &Path) -> Result<(), GitError> {
    let _writer = write_lock(repo, locks)?;
    drop_missing(git, repo, path).map(drop)
}

/// Drops what a killed `worktree add` left: git writes the reason for the lock first, and lists nothing before the rest is there.
///
/// One that names another place was moved there, and is whole.
fn drop_torn(repo: &Repository, worktree: &Path, reason: &str) -> Result<(), GitError> {
    let folder = repo.common_dir.join("worktrees");
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| GitError::Io { what: "remove", path, source }
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(io(&folder)(source)),
    };
    for entry in entries {
        let path = entry.map_err(io(&folder))?.path();
        let named = fs::read(path.join("gitdir")).unwrap_or_default();
        let named = path_of(named.strip_suffix(b"\n").unwrap_or(&named));
        let elsewhere = !named.as_os_str().is_empty() && named != worktree.join(".git");
        if !elsewhere
            && fs::read_to_string(path.join("locked")).is_ok_and(|found| found.trim() == reason)
        {
            fs::remove_dir_all(&path).map_err(io(&path))?;
        }
    }
    Ok(())
}

/// Says whether there was one. Only this registration: a general prune would drop those of worktrees on a disk that is not mounted.
fn drop_missing(git: &Git, repo: &Repository, path: &Path) -> Result<bool, GitError> {
    if fs::symlink_metadata(path).is_ok()
        || !list(git, repo)?.iter().any(|known| known.path == path)
    {
        return Ok(false);
    }
    // Twice forced, because ours are locked.
    git.call(&repo.common_dir)
        .args(["worktree", "remove", "--force", "--force", "--"])
        .arg(path)
        .bytes()?;
    Ok(true)
}

/// A wish to bring a commit in: which branch, where it is believed to stand, and what it shall become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Land {
    pub target: String,
    pub expected: String,
    pub new: String,
}

/// What came of a landing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "land", rename_all = "snake_case")]
pub enum Landing {
    Landed {
        from: String,
        to: String,
        /// The checkout that moved along; none where the target is checked out nowhere.
        checkout: Option<PathBuf>,
    },
    /// The target has it already.
    Already {
        at: String,
    },
    Refused(Refusal),
}

/// Why a landing was refused; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Refusal {
    /// These files in the target's checkout would be written over.
    TargetDirty {
        checkout: PathBuf,
        #[serde(with = "git::written::all")]
        files: Vec<PathBuf>,
    },
    /// The target has commits that the work lacks: rebase the work onto it.
    NotFastForward {
        at: String,
    },
    /// The target no longer stands where the decision was made.
    TargetMoved {
        at: String,
    },
    TargetMissing,
    /// A rebase, merge or the like is under way there, it is checked out twice, or its folder cannot be reached.
    TargetBusy {
        checkout: PathBuf,
        why: String,
    },
    /// These submodules would move, which the checkout does not follow by itself.
    Submodules {
        checkout: PathBuf,
        #[serde(with = "git::written::all")]
        files: Vec<PathBuf>,
    },
}

impl Refusal {
    /// The stable word for this refusal.
    pub fn slug(&self) -> &'static str {
        match self {
            Refusal::TargetDirty { .. } => "target-dirty",
            Refusal::NotFastForward { .. } => "not-fast-forward",
            Refusal::TargetMoved { .. } => "target-moved",
            Refusal::TargetMissing => "target-missing",
            Refusal::TargetBusy { .. } => "target-busy",
            Refusal::Submodules { .. } => "target-submodules",
        }
    }
}

/// Moves the target forward to a commit, in its checkout where it has one.
///
/// Errors: git could not be asked, or failed; whether the target moved is then seen by asking again.
pub fn land(git: &Git, repo: &Repository, locks: &Path, land: &Land) -> Result<Landing, GitError> {
    match forward(git, repo, locks, land, None)? {
        Forward::Landing(landing) => Ok(landing),
        Forward::Unguarded => Err(GitError::Odd {
            args: vec!["update-ref".to_owned()],
            answer: "a guard that nobody asked for".to_owned(),
        }),
    }
}

/// Whether `old` is `new` or lies behind it.
pub fn is_ancestor(git: &Git, repo: &Repository, old: &str, new: &str) -> Result<bool, GitError> {
    git.call(repo.seat())
        .args(["merge-base", "--is-ancestor", require_oid(old)?, require_oid(new)?])
        .yes()
}

/// The one folder in which the branch is checked out, if any; or why that cannot be used.
fn the_checkout(
    git: &Git,
    repo: &Repository,
    branch: &str,
) -> Result<Result<Option<PathBuf>, Refusal>, GitError> {
    let busy = |checkout: &Path, why: &str| {
        Ok(Err(Refusal::TargetBusy { checkout: checkout.to_owned(), why: why.to_owned() }))
    };
    let all = list(git, repo)?;
    let mut on_it =
        all.iter().filter(|known| !known.bare && known.branch.as_deref() == Some(branch));
    let first = on_it.next();
    if let Some(second) = on_it.next() {
        return busy(&second.path, "the branch is checked out twice");
    }
    if let Some(checkout) = first {
        if !checkout.path.is_dir() {
            return busy(
                &checkout.path,
                "its folder is gone; if for good, run `git worktree prune`",
            );
        }
        let git_dir = git_dir(git, &checkout.path)?;
        return match under_way(&git_dir).first() {
            Some(what) => busy(&checkout.path, &format!("a {what} is under way")),
            None => Ok(Ok(Some(checkout.path.clone()))),
        };
    }
    // While a branch is being rebased, git lists its worktree as detached.
    for (git_dir, path) in git_dirs(repo, &all) {
        let rebased = ["rebase-merge/head-name", "rebase-apply/head-name"]
            .map(|file| fs::read_to_string(git_dir.join(file)));
        if rebased
            .into_iter()
            .flatten()
            .any(|name| name.trim().strip_prefix("refs/heads/") == Some(branch))
        {
            return busy(&path, "the branch is being rebased");
        }
    }
    Ok(Ok(None))
}

fn git_dirs(repo: &Repository, all: &[Listed]) -> Vec<(PathBuf, PathBuf)> {
    let main = all.first().map(|main| main.path.clone()).unwrap_or_default();
    let linked = fs::read_dir(repo.common_dir.join("worktrees"));
    // No folder, no linked worktrees.
    let linked = linked.into_iter().flatten().flatten().map(|entry| {
        let path = fs::read_to_string(entry.path().join("gitdir"))
            .map(|text| PathBuf::from(text.trim()))
            .unwrap_or_default();
        (entry.path(), path.parent().map(Path::to_owned).unwrap_or_default())
    });
    std::iter::once((repo.common_dir.clone(), main)).chain(linked).collect()
}

/// Finds the private git folder of the linked worktree that was made at `path`, also where its files are elsewhere now.
pub(crate) fn private_dir(repo: &Repository, path: &Path) -> io::Result<Option<PathBuf>> {
    let folder = repo.common_dir.join("worktrees");
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let link = path.join(".git");
    for entry in entries {
        let dir = entry?.path();
        let named = match fs::read(dir.join("gitdir")) {
            // A worktree that is just being made or taken away.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        let named = path_of(named.strip_suffix(b"\n").unwrap_or(&named));
        // Git may have been told to write the way from there.
        if named == link || dir.join(&named) == link {
            return Ok(Some(dir));
        }
    }
    Ok(None)
}

/// Returns the private git folder of a worktree.
pub fn git_dir(git: &Git, worktree: &Path) -> Result<PathBuf, GitError> {
    let line =
        git.call(worktree).args(["rev-parse", "--path-format=absolute", "--git-dir"]).line()?;
    Ok(PathBuf::from(line))
}

/// Names what is begun and not ended in a worktree.
pub(crate) fn under_way(git_dir: &Path) -> Vec<&'static str> {
    [
        ("rebase-merge", "rebase"),
        ("rebase-apply", "rebase"),
        ("MERGE_HEAD", "merge"),
        ("CHERRY_PICK_HEAD", "cherry-pick"),
        ("REVERT_HEAD", "revert"),
        ("BISECT_LOG", "bisect"),
        ("sequencer", "sequence of picks"),
    ]
    .into_iter()
    .filter(|(file, _)| fs::symlink_metadata(git_dir.join(file)).is_ok())
    .map(|(_, what)| what)
    .collect()
}

/// What in the checkout keeps these commits out, if anything.
fn in_the_way(
    git: &Git,
    checkout: &Path,
    from: &str,
    to: &str,
) -> Result<Option<Refusal>, GitError> {
    let mut added = BTreeSet::new();
    let mut touched = BTreeSet::new();
    let mut submodules = Vec::new();
    let out = git
        .call(checkout)
        .args(["diff-tree", "-r", "-z", "--raw", "--no-renames", from, to, "--"])
        .bytes()?;
    let mut rows = fields(&out);
    // `:mode mode oid oid status`, then the path.
    while let (Some(row), Some(path)) = (rows.next(), rows.next()) {
        let path = path_of(path);
        if row.starts_with(b":160000 ") || row.get(8..14) == Some(b"160000") {
            submodules.push(path.clone());
        }
        if row.last() == Some(&b'A') {
            added.insert(path.clone());
        }
        touched.insert(path);
    }
    submodules.retain(|path| fs::symlink_metadata(checkout.join(path).join(".git")).is_ok());
    if !submodules.is_empty() {
        return Ok(Some(Refusal::Submodules { checkout: checkout.to_owned(), files: submodules }));
    }
    let mut dirty = dirty_among(git, checkout, &touched)?;
    dirty.extend(added.iter().filter(|path| stands(checkout, path, &touched)).cloned());
    dirty.extend(
        unwatched(git.call(checkout), checkout)?.into_iter().filter(|path| touched.contains(path)),
    );
    if !dirty.is_empty() {
        // A landing that was killed half-way leaves files that are as they shall become.
        let other = differing(git, checkout, to)?;
        dirty.retain(|path| !touched.contains(path) || other.contains(path));
    }
    let files: Vec<PathBuf> = dirty.into_iter().collect();
    Ok((!files.is_empty()).then(|| Refusal::TargetDirty { checkout: checkout.to_owned(), files }))
}

/// Which paths with a change meet one that the landing touches.
fn dirty_among(
    git: &Git,
    checkout: &Path,
    touched: &BTreeSet<PathBuf>,
) -> Result<BTreeSet<PathBuf>, GitError> {
    let status = status(git.call(checkout))?;
    let meets = |path: &Path| {
        // A file may also stand where a folder is needed, or the other way round.
        let below =
            touched.range(path.to_owned()..).next().is_some_and(|next| next.starts_with(path));
        below || path.ancestors().any(|up| touched.contains(up))
    };
    Ok(status.changed.into_iter().chain(status.untracked).filter(|path| meets(path)).collect())
}

/// Whether a new file would meet something that no status shows: an ignored file in its place, below it, or where its
/// folder would be.
///
/// Git writes over ignored files without a word.
fn stands(root: &Path, path: &Path, touched: &BTreeSet<PathBuf>) -> bool {
    let kind = |path: &Path| fs::symlink_metadata(root.join(path)).map(|meta| meta.is_dir());
    let is_file = |path: &Path| kind(path).is_ok_and(|is_dir| !is_dir);
    is_file(path)
        || (kind(path).is_ok_and(|is_dir| is_dir) && holds_another(root, path, touched))
        || path
            .ancestors()
            .skip(1)
            .any(|up| !up.as_os_str().is_empty() && !touched.contains(up) && is_file(up))
}

/// Whether there is a file in the folder that the landing does not take away; one that cannot be looked into has some.
fn holds_another(root: &Path, folder: &Path, touched: &BTreeSet<PathBuf>) -> bool {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return true };
    entries.into_iter().any(|entry| {
        let Ok(entry) = entry else { return true };
        let path = folder.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => holds_another(root, &path, touched),
            Ok(_) => !touched.contains(&path),
            Err(_) => true,
        }
    })
}

/// Every path that differs from a commit, in the index or in the folder.
fn differing(git: &Git, checkout: &Path, to: &str) -> Result<BTreeSet<PathBuf>, GitError> {
    let names = |more: &[&str]| {
        let plain = [
            "diff",
            "--name-only",
            "-z",
            "--no-renames",
            "--no-ext-diff",
            "--no-relative",
            "--ignore-submodules=none",
        ];
        git.call(checkout).args(plain).args(more).args([to, "--"]).bytes()
    };
    let (index, folder) = (names(&["--cached"])?, names(&[])?);
    Ok(fields(&index).chain(fields(&folder)).map(path_of).collect())
}
