//! Whether a worktree can go without losing anything, and its going.
//!
//! Owns: the proof that everything in a worktree stands on a branch, tag or remote of its repository; the only removal of a worktree that was worked in.
//! Never: takes a question that git did not answer for a yes, keeps a proof, or deletes an ignored file that is nowhere else.
//! See docs/design/env.md.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    git::{self, Git, GitError, Repository, fields, path_of},
    worktree,
};

#[cfg(test)]
mod tests;

/// What would be lost with a worktree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// Tracked files with changes that no commit holds.
    Dirty {
        files: Vec<PathBuf>,
    },
    Untracked {
        files: Vec<PathBuf>,
    },
    /// Tracked files that git was told not to look at.
    Unwatched {
        files: Vec<PathBuf>,
    },
    /// A merge, rebase or the like that was begun.
    UnderWay {
        what: String,
    },
    /// Commits that only the detached HEAD holds.
    Detached {
        head: String,
        commits: u64,
    },
    /// Refs that live and die with the worktree.
    PrivateRefs {
        refs: Vec<String>,
    },
    /// A submodule that is checked out, with so many commits that are on no remote of it.
    Submodule {
        path: PathBuf,
        commits: u64,
    },
    /// Commits since the base; asked only where the branch itself is to go.
    Commits {
        head: String,
    },
    /// Files that git ignores; asked only where they would go too.
    Ignored {
        files: Vec<PathBuf>,
    },
    /// Files in a place that no repository looks after.
    NoRepository {
        files: Vec<PathBuf>,
    },
}

impl Reason {
    /// The stable word for this reason.
    pub fn slug(&self) -> &'static str {
        match self {
            Reason::Dirty { .. } => "worktree-dirty",
            Reason::Untracked { .. } => "worktree-untracked",
            Reason::Unwatched { .. } => "worktree-unwatched",
            Reason::UnderWay { .. } => "worktree-under-way",
            Reason::Detached { .. } => "worktree-detached",
            Reason::PrivateRefs { .. } => "worktree-private-refs",
            Reason::Submodule { .. } => "worktree-submodule",
            Reason::Commits { .. } => "branch-has-commits",
            Reason::Ignored { .. } => "worktree-ignored",
            Reason::NoRepository { .. } => "no-repository",
        }
    }
}

/// What an inspection found.
#[derive(Debug)]
pub enum Verdict {
    Safe(Proof),
    Unsafe(Vec<Reason>),
    /// Git could not be asked; nothing may be removed.
    Unknown(GitError),
}

/// The proof that a worktree holds nothing of its own; made only by an inspection, used up by a removal.
#[derive(Debug)]
pub struct Proof {
    pub(crate) what: Proven,
}

#[derive(Debug)]
pub(crate) enum Proven {
    /// A linked worktree, with its private git folder where it still has one.
    Worktree { repo: Repository, path: PathBuf, git_dir: Option<PathBuf>, head: Option<String> },
    /// A place with nothing in it that could be lost by letting it go.
    Nothing,
}

impl Proof {
    /// The commit that was checked out, where there is one.
    pub fn head(&self) -> Option<&str> {
        match &self.what {
            Proven::Worktree { head, .. } => head.as_deref(),
            Proven::Nothing => None,
        }
    }

    pub(crate) fn of_nothing() -> Proof {
        Proof { what: Proven::Nothing }
    }
}

/// Inspects the linked worktree of `repo` that was made at `path`.
///
/// The branch it is on is kept, so commits on any branch, tag or remote are safe; a stash lies in the repository and stays.
pub fn inspect(git: &Git, repo: &Repository, path: &Path) -> Verdict {
    let looked =
        if gone(path) { look_at_registration(git, repo, path) } else { look(git, repo, path) };
    match looked {
        Ok((proven, reasons)) if reasons.is_empty() => Verdict::Safe(Proof { what: proven }),
        Ok((_, reasons)) => Verdict::Unsafe(reasons),
        Err(error) => Verdict::Unknown(error),
    }
}

/// Only a plain "not there" counts; a folder that cannot be looked at is there.
fn gone(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn look(git: &Git, repo: &Repository, path: &Path) -> Result<(Proven, Vec<Reason>), GitError> {
    let found = git::discover(git, path)?;
    if found.common_dir != repo.common_dir || found.top.as_deref() != Some(path) {
        return Err(GitError::NotARepository { path: path.to_owned() });
    }
    let git_dir = worktree::git_dir(git, path)?;
    let (head, reasons) = reasons(git, repo, &git_dir, path)?;
    Ok((
        Proven::Worktree {
            repo: repo.clone(),
            path: path.to_owned(),
            git_dir: Some(git_dir),
            head,
        },
        reasons,
    ))
}

/// A folder that somebody deleted holds nothing; its registration may still hold a detached HEAD.
fn look_at_registration(
    git: &Git,
    repo: &Repository,
    path: &Path,
) -> Result<(Proven, Vec<Reason>), GitError> {
    let known = worktree::list(git, repo)?.into_iter().find(|known| known.path == path);
    let head = known.as_ref().and_then(|known| known.head.clone());
    let mut reasons = Vec::new();
    if let (Some(known), Some(head)) = (&known, &head)
        && known.branch.is_none()
    {
        reasons.extend(detached(git, repo, head)?);
    }
    Ok((
        Proven::Worktree { repo: repo.clone(), path: path.to_owned(), git_dir: None, head },
        reasons,
    ))
}

fn reasons(
    git: &Git,
    repo: &Repository,
    git_dir: &Path,
    at: &Path,
) -> Result<(Option<String>, Vec<Reason>), GitError> {
    let call = || git.call_at(git_dir, at);
    let mut reasons = Vec::new();
    let status = git::status(call())?;
    if !status.changed.is_empty() {
        reasons.push(Reason::Dirty { files: status.changed });
    }
    if !status.untracked.is_empty() {
        reasons.push(Reason::Untracked { files: status.untracked });
    }
    let unwatched = git::unwatched(call(), at)?;
    if !unwatched.is_empty() {
        reasons.push(Reason::Unwatched { files: unwatched });
    }
    reasons.extend(
        worktree::under_way(git_dir)
            .into_iter()
            .map(|what| Reason::UnderWay { what: what.to_owned() }),
    );
    let (code, name) = call().args(["symbolic-ref", "--quiet", "HEAD"]).code(&[0, 1])?;
    let on_branch = code == 0 && name.starts_with(b"refs/heads/");
    if let (Some(head), false) = (&status.head, on_branch) {
        reasons.extend(detached(git, repo, head)?);
    }
    let private = call()
        .args([
            "for-each-ref",
            "--format=%(refname)",
            "refs/worktree",
            "refs/bisect",
            "refs/rewritten",
        ])
        .line()?;
    if !private.is_empty() {
        reasons.push(Reason::PrivateRefs { refs: private.lines().map(str::to_owned).collect() });
    }
    reasons.extend(submodules(git, &git_dir.join("modules"))?);
    Ok((status.head, reasons))
}

fn detached(git: &Git, repo: &Repository, head: &str) -> Result<Option<Reason>, GitError> {
    let call = git.call(&repo.common_dir).args([
        "rev-list",
        "--count",
        git::require_oid(head)?,
        "--not",
        "--branches",
        "--tags",
        "--remotes",
    ]);
    let commits = call.number()?;
    Ok((commits > 0).then(|| Reason::Detached { head: head.to_owned(), commits }))
}

/// The repositories of a linked worktree's submodules lie in its private git folder and would go with it.
fn submodules(git: &Git, modules: &Path) -> Result<Vec<Reason>, GitError> {
    let mut reasons = Vec::new();
    let mut folders = vec![modules.to_owned()];
    while let Some(folder) = folders.pop() {
        let is_repository = ["HEAD", "objects", "refs"]
            .iter()
            .all(|name| fs::symlink_metadata(folder.join(name)).is_ok());
        if is_repository {
            let mut dir = std::ffi::OsString::from("--git-dir=");
            dir.push(&folder);
            let commits = git
                .call(&folder)
                .args([dir])
                .args(["rev-list", "--count", "--all", "--not", "--remotes"])
                .number()?;
            // One that is checked out names its old place in its own settings, so git could not look again after the move.
            if commits > 0 || is_checked_out(git, &folder)? {
                let path = folder.strip_prefix(modules).unwrap_or(&folder).to_owned();
                reasons.push(Reason::Submodule { path, commits });
            }
            folders.push(folder.join("modules"));
            continue;
        }
        let io = |source| GitError::Io { what: "look at", path: folder.clone(), source };
        match fs::read_dir(&folder) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry.map_err(io)?;
                    if entry.file_type().map_err(io)?.is_dir() {
                        folders.push(entry.path());
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io(error)),
        }
    }
    Ok(reasons)
}

/// Whether the worktree that a submodule's repository names has its link to it.
fn is_checked_out(git: &Git, repository: &Path) -> Result<bool, GitError> {
    let args = ["config", "--file", "config", "--get", "core.worktree"];
    let (code, out) = git.call(repository).args(args).code(&[0, 1])?;
    let named = path_of(out.strip_suffix(b"\n").unwrap_or(&out));
    Ok(code == 0 && fs::symlink_metadata(repository.join(named).join(".git")).is_ok())
}

/// A file in a worktree of which the same bytes stand elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Twin {
    /// Below the worktree.
    pub path: PathBuf,
    pub of: PathBuf,
}

/// What of a worktree's ignored files is no work.
#[derive(Debug, Clone, Default)]
pub struct Expendable<'a> {
    /// Patterns as in `.gitignore`.
    pub discard: &'a [String],
    pub twins: &'a [Twin],
    /// Links that point out of the worktree.
    pub links: &'a [PathBuf],
}

/// Why a worktree with a proof was not removed.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// Something came into being after the proof.
    #[error("the worktree changed while it was being removed")]
    Changed(Vec<Reason>),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Removes a worktree that was moved to `moved`: looks again there, drops its registration, and deletes it unless an ignored file is in it.
///
/// Returns the ignored files for whose sake the folder stays.
/// Errors: it is no longer safe, or cannot be asked; then nothing has happened, and the caller moves it back.
pub fn release(
    git: &Git,
    locks: &Path,
    proof: Proof,
    moved: &Path,
    expendable: &Expendable<'_>,
) -> Result<Vec<PathBuf>, ReleaseError> {
    let Proven::Worktree { repo, path, git_dir, head } = proof.what else { return Ok(Vec::new()) };
    let mut ignored = Vec::new();
    if let (Some(git_dir), false) = (git_dir, gone(moved)) {
        let (now, reasons) = reasons(git, &repo, &git_dir, moved)?;
        if !reasons.is_empty() || now != head {
            return Err(ReleaseError::Changed(reasons));
        }
        ignored = worth_keeping(git, &git_dir, moved, expendable)?;
    }
    worktree::unregister(git, &repo, locks, &path)?;
    if ignored.is_empty() {
        match fs::remove_dir_all(moved) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(GitError::Io { what: "remove", path: moved.to_owned(), source }.into());
            }
            _ => {}
        }
    }
    Ok(ignored)
}

/// Lists the ignored files of a worktree that would be lost with it.
pub(crate) fn ignored(
    git: &Git,
    proof: &Proof,
    at: &Path,
    expendable: &Expendable<'_>,
) -> Result<Vec<PathBuf>, GitError> {
    match &proof.what {
        Proven::Worktree { git_dir: Some(git_dir), .. } if !gone(at) => {
            worth_keeping(git, git_dir, at, expendable)
        }
        Proven::Worktree { .. } | Proven::Nothing => Ok(Vec::new()),
    }
}

/// Ignored files that are neither expendable, nor empty folders, nor copies of something that still stands.
fn worth_keeping(
    git: &Git,
    git_dir: &Path,
    at: &Path,
    expendable: &Expendable<'_>,
) -> Result<Vec<PathBuf>, GitError> {
    let out = git
        .call_at(git_dir, at)
        .args([
            "status",
            "--porcelain=v1",
            "-z",
            "--untracked-files=all",
            "--ignored=matching",
            "--no-renames",
        ])
        .bytes()?;
    let mut paths: Vec<PathBuf> =
        fields(&out).filter_map(|row| row.strip_prefix(b"!! ")).map(path_of).collect();
    if paths.is_empty() {
        return Ok(paths);
    }
    let mut spared: Vec<PathBuf> = expendable.links.to_vec();
    if !expendable.discard.is_empty() {
        let patterns = expendable.discard.iter().map(|pattern| format!("--exclude={pattern}"));
        let call = git
            .call_at(git_dir, at)
            .args(["ls-files", "-z", "--others", "--ignored", "--directory"])
            .args(patterns);
        spared.extend(fields(&call.bytes()?).map(path_of));
    }
    let twin = |path: &Path| {
        expendable
            .twins
            .iter()
            .any(|twin| twin.path == path && same_bytes(&at.join(path), &twin.of))
    };
    paths.retain(|path| {
        !spared.iter().any(|spare| path.starts_with(spare))
            && !twin(path)
            && holds_anything(&at.join(path), at, expendable)
    });
    Ok(paths)
}

/// Whether there is a file below `path` that is neither one of our links nor one of our copies.
fn holds_anything(path: &Path, root: &Path, expendable: &Expendable<'_>) -> bool {
    let Ok(meta) = fs::symlink_metadata(path) else { return true };
    let below = path.strip_prefix(root).unwrap_or(path);
    if !meta.is_dir() {
        let link = meta.is_symlink() && expendable.links.iter().any(|link| link == below);
        return !link
            && !expendable
                .twins
                .iter()
                .any(|twin| twin.path == below && same_bytes(path, &twin.of));
    }
    // What cannot be read may hold something.
    let Ok(entries) = fs::read_dir(path) else { return true };
    entries
        .into_iter()
        .any(|entry| entry.map_or(true, |entry| holds_anything(&entry.path(), root, expendable)))
}

fn same_bytes(one: &Path, other: &Path) -> bool {
    match (fs::read(one), fs::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        // A copy that cannot be compared counts as one of a kind.
        _ => false,
    }
}
