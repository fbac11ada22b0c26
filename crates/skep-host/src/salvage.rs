//! Whether a worktree can go without losing anything, and its going.
//!
//! Owns: the proof that everything in a worktree stands on a branch, tag or remote of its repository; the only removal of a worktree that was worked in.
//! Never: takes a question that git did not answer for a yes, keeps a proof, or deletes an ignored file that is nowhere else.
//! See docs/design/env.md.

use std::{
    fs, io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    git::{self, Git, GitError, Repository, fields, path_of},
    snapshot::Secured,
    worktree,
};

mod as_made;
mod merged;
mod spent;
mod word;

pub(crate) use as_made::as_made;
pub use merged::{By, Merge, Named, merged};
pub(crate) use spent::{is_left_over, spent};
pub use word::{Word, merged_or_told};

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
    /// Repositories of their own below the worktree, which its own repository does not look into.
    Nested {
        paths: Vec<PathBuf>,
    },
    /// Commits that stand on no other ref or remote, nor in the target; asked only where the branch itself is to go.
    Unmerged {
        branch: String,
        commits: Vec<Named>,
    },
    /// Stashes that were made on the branch; asked only where the branch itself is to go.
    Stash {
        branch: String,
        entries: u64,
    },
    /// Files in a place that no repository looks after.
    NoRepository {
        files: Vec<PathBuf>,
    },
}

/// What is to become of the branch of a worktree that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    KeepBranch,
    /// It goes too, where its commits stand elsewhere or are in the target.
    DropBranch {
        target: Option<String>,
    },
    /// There is none: a commit was checked there, and what that left is nobody's work.
    Spent,
    /// The same, and a forge says that its work up to one commit was brought in.
    DropBrought {
        target: Option<String>,
        word: Word,
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
            Reason::Nested { .. } => "worktree-nested-repository",
            Reason::Unmerged { .. } => "branch-unmerged",
            Reason::Stash { .. } => "branch-stash",
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
    Worktree { path: PathBuf, git_dir: Option<PathBuf>, head: Option<String> },
    /// Files of which a snapshot, or a copy of one, holds every byte.
    Held { at: PathBuf },
    /// A place with nothing in it that could be lost by letting it go.
    Nothing,
}

impl Proof {
    /// The commit that was checked out, where there is one.
    pub fn head(&self) -> Option<&str> {
        match &self.what {
            Proven::Worktree { head, .. } => head.as_deref(),
            Proven::Held { .. } | Proven::Nothing => None,
        }
    }

    /// Where git knows the worktree that was inspected.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.what {
            Proven::Worktree { path, .. } => Some(path),
            Proven::Held { .. } | Proven::Nothing => None,
        }
    }

    /// A snapshot that was verified to hold all that stands in a worktree.
    pub(crate) fn of_snapshot(secured: &Secured) -> Proof {
        Proof { what: Proven::Held { at: secured.worktree().to_owned() } }
    }

    pub(crate) fn of_nothing() -> Proof {
        Proof { what: Proven::Nothing }
    }
}

/// Inspects the linked worktree of `repo` that was made at `path`.
///
/// The branch it is on is kept, so commits on any branch, tag or remote are safe; a stash lies in the repository and stays.
pub fn inspect(git: &Git, repo: &Repository, path: &Path) -> Verdict {
    inspect_made_on(git, repo, path, None)
}

/// Inspects like [`inspect`] a worktree that was made on the commit `made_on` and no branch: that commit is no work of it.
pub(crate) fn inspect_made_on(
    git: &Git,
    repo: &Repository,
    path: &Path,
    made_on: Option<&str>,
) -> Verdict {
    let looked = if gone(path) {
        look_at_registration(git, repo, path, made_on)
    } else {
        look(git, repo, path, made_on)
    };
    match looked {
        Ok((proven, reasons)) if reasons.is_empty() => Verdict::Safe(Proof { what: proven }),
        Ok((_, reasons)) => Verdict::Unsafe(reasons),
        Err(error) => Verdict::Unknown(error),
    }
}

/// Looks at a worktree that git knows at `path` and whose files are at `now`; the proof holds only where there is no reason against it.
pub(crate) fn look_at(
    git: &Git,
    repo: &Repository,
    path: &Path,
    now: &Path,
    made_on: Option<&str>,
) -> Result<(Proof, Vec<Reason>), GitError> {
    let (what, reasons) = if gone(now) {
        look_at_registration(git, repo, path, made_on)?
    } else if now == path {
        look(git, repo, path, made_on)?
    } else {
        let io = |source| GitError::Io { what: "look at", path: repo.common_dir.clone(), source };
        let git_dir = worktree::private_dir(repo, path)
            .map_err(io)?
            .ok_or_else(|| GitError::NotARepository { path: path.to_owned() })?;
        let (head, reasons) = reasons(git, repo, &git_dir, now, made_on)?;
        let path = path.to_owned();
        (Proven::Worktree { path, git_dir: Some(git_dir), head }, reasons)
    };
    Ok((Proof { what }, reasons))
}

/// Only a plain "not there" counts; a folder that cannot be looked at is there.
fn gone(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn look(
    git: &Git,
    repo: &Repository,
    path: &Path,
    made_on: Option<&str>,
) -> Result<(Proven, Vec<Reason>), GitError> {
    let found = git::discover(git, path)?;
    if found.common_dir != repo.common_dir || found.top.as_deref() != Some(path) {
        return Err(GitError::NotARepository { path: path.to_owned() });
    }
    let git_dir = worktree::git_dir(git, path)?;
    let (head, reasons) = reasons(git, repo, &git_dir, path, made_on)?;
    Ok((Proven::Worktree { path: path.to_owned(), git_dir: Some(git_dir), head }, reasons))
}

/// A folder that somebody deleted holds nothing; its registration may still hold a detached HEAD, an index and a merge.
fn look_at_registration(
    git: &Git,
    repo: &Repository,
    path: &Path,
    made_on: Option<&str>,
) -> Result<(Proven, Vec<Reason>), GitError> {
    let known = worktree::list(git, repo)?.into_iter().find(|known| known.path == path);
    let head = known.as_ref().and_then(|known| known.head.clone());
    let mut reasons = Vec::new();
    if let (Some(known), Some(head)) = (&known, &head)
        && known.branch.is_none()
    {
        reasons.extend(detached(git, repo, head, made_on)?);
    }
    let unreadable = |source| GitError::Io { what: "look for", path: path.to_owned(), source };
    if let Some(git_dir) = worktree::private_dir(repo, path).map_err(unreadable)? {
        reasons.extend(staged(git, &git_dir, head.as_deref())?);
        let under_way = worktree::under_way(&git_dir);
        reasons
            .extend(under_way.into_iter().map(|what| Reason::UnderWay { what: what.to_owned() }));
    }
    Ok((Proven::Worktree { path: path.to_owned(), git_dir: None, head }, reasons))
}

/// What only the index of a worktree without a folder holds.
fn staged(git: &Git, git_dir: &Path, head: Option<&str>) -> Result<Option<Reason>, GitError> {
    let (Some(head), false) = (head, gone(&git_dir.join("index"))) else { return Ok(None) };
    let mut dir = std::ffi::OsString::from("--git-dir=");
    dir.push(git_dir);
    let out = git
        .call(git_dir)
        .args([dir])
        .args(["diff-index", "--cached", "--name-only", "--no-renames", "-z"])
        .args([git::require_oid(head)?, "--"])
        .bytes()?;
    let files: Vec<PathBuf> = fields(&out).map(path_of).collect();
    Ok((!files.is_empty()).then_some(Reason::Dirty { files }))
}

fn reasons(
    git: &Git,
    repo: &Repository,
    git_dir: &Path,
    at: &Path,
    made_on: Option<&str>,
) -> Result<(Option<String>, Vec<Reason>), GitError> {
    let call = || git.call_at(git_dir, at);
    let mut reasons = Vec::new();
    let status = git::status(call())?;
    if !status.changed.is_empty() {
        reasons.push(Reason::Dirty { files: status.changed });
    }
    // Git lists a repository inside as one path with a slash at its end.
    let (nested, untracked): (Vec<PathBuf>, Vec<PathBuf>) =
        status.untracked.into_iter().partition(|path| path.as_os_str().as_bytes().ends_with(b"/"));
    if !untracked.is_empty() {
        reasons.push(Reason::Untracked { files: untracked });
    }
    if !nested.is_empty() {
        reasons.push(Reason::Nested { paths: nested });
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
        reasons.extend(detached(git, repo, head, made_on)?);
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

/// What would be lost with a branch, and the commit it was seen at; nothing where there is no such branch.
pub(crate) fn branch_reasons(
    git: &Git,
    repo: &Repository,
    branch: &str,
    base: Option<&str>,
    fate: &Fate,
) -> Result<(Option<String>, Vec<Reason>), GitError> {
    let Some(oid) = git::branch(git, repo, branch)? else { return Ok((None, Vec::new())) };
    let mut reasons = Vec::new();
    let commits = only_on(git, repo, branch, &oid)?;
    if !commits.is_empty() {
        let told = fate.word().is_some_and(|word| word.head == oid);
        let lacking = match (base, fate.target()) {
            _ if told => Vec::new(),
            (Some(base), Some(target)) => match merged(git, repo, &oid, base, target) {
                Merge::Merged { .. } => Vec::new(),
                Merge::NotMerged { commits, .. } => commits,
                Merge::NoCommits | Merge::NoTarget => commits,
                Merge::Unknown(error) => return Err(error),
            },
            _ => commits,
        };
        if !lacking.is_empty() {
            reasons.push(Reason::Unmerged { branch: branch.to_owned(), commits: lacking });
        }
    }
    let entries = stashes(git, repo, branch)?;
    if entries > 0 {
        reasons.push(Reason::Stash { branch: branch.to_owned(), entries });
    }
    Ok((Some(oid), reasons))
}

/// Commits that are on this branch and on no other ref or remote, oldest first.
fn only_on(git: &Git, repo: &Repository, branch: &str, oid: &str) -> Result<Vec<Named>, GitError> {
    let out = git
        .call(repo.seat())
        .args(["rev-list", "--reverse", "--no-commit-header", "--format=%H %s"])
        .args([git::require_oid(oid)?, "--not"])
        .args([format!("--exclude={branch}").as_str(), "--branches", "--tags", "--remotes"])
        .bytes()?;
    let text = String::from_utf8_lossy(&out);
    let named = |line: &str| {
        let (oid, subject) = line.split_once(' ').unwrap_or((line, ""));
        Named { oid: oid.to_owned(), subject: subject.to_owned() }
    };
    Ok(text.lines().map(named).collect())
}

/// How many stashes say that they were made on this branch; the list of them is one for all worktrees.
fn stashes(git: &Git, repo: &Repository, branch: &str) -> Result<u64, GitError> {
    if !git::ref_exists(git, repo, "refs/stash")? {
        return Ok(0);
    }
    let out = git
        .call(repo.seat())
        .args(["log", "--walk-reflogs", "--format=%gs", "--no-show-signature"])
        .args(["--end-of-options", "refs/stash", "--"])
        .bytes()?;
    let text = String::from_utf8_lossy(&out);
    let ours = |line: &&str| {
        ["WIP on ", "On "].iter().any(|word| {
            line.strip_prefix(word)
                .and_then(|rest| rest.strip_prefix(branch))
                .is_some_and(|rest| rest.starts_with(':'))
        })
    };
    Ok(text.lines().filter(ours).count() as u64)
}

fn detached(
    git: &Git,
    repo: &Repository,
    head: &str,
    made_on: Option<&str>,
) -> Result<Option<Reason>, GitError> {
    let mut call = git.call(&repo.common_dir).args([
        "rev-list",
        "--count",
        git::require_oid(head)?,
        "--not",
        "--branches",
        "--tags",
        "--remotes",
    ]);
    if let Some(oid) = made_on {
        call = call.arg(git::require_oid(oid)?);
    }
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

/// Leaves out of `reasons` the untracked files that the project declares expendable.
pub(crate) fn spare(
    git: &Git,
    proof: &Proof,
    at: &Path,
    discard: &[String],
    reasons: &mut Vec<Reason>,
) -> Result<(), GitError> {
    let Proven::Worktree { git_dir: Some(git_dir), .. } = &proof.what else { return Ok(()) };
    let untracked = reasons.iter().any(|reason| matches!(reason, Reason::Untracked { .. }));
    if discard.is_empty() || !untracked {
        return Ok(());
    }
    let spared = discarded(git, git_dir, at, discard)?;
    for reason in reasons.iter_mut() {
        if let Reason::Untracked { files } = reason {
            files.retain(|file| !spared.iter().any(|spare| file.starts_with(spare)));
        }
    }
    reasons.retain(|reason| !matches!(reason, Reason::Untracked { files } if files.is_empty()));
    Ok(())
}

/// Untracked paths that match what the project declares expendable.
fn discarded(
    git: &Git,
    git_dir: &Path,
    at: &Path,
    discard: &[String],
) -> Result<Vec<PathBuf>, GitError> {
    if discard.is_empty() {
        return Ok(Vec::new());
    }
    let patterns = discard.iter().map(|pattern| format!("--exclude={pattern}"));
    let call = git
        .call_at(git_dir, at)
        .args(["ls-files", "-z", "--others", "--ignored", "--directory"])
        .args(patterns);
    Ok(fields(&call.bytes()?).map(path_of).collect())
}

/// The ignored files of a worktree: those that only it has, and those that nobody needs.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    pub(crate) kept: Vec<PathBuf>,
    pub(crate) expendable: Vec<PathBuf>,
}

/// Sorts what git ignores in a worktree, and what the project declares expendable.
pub(crate) fn sort_ignored(
    git: &Git,
    git_dir: &Path,
    at: &Path,
    expendable: &Expendable<'_>,
) -> Result<Ignored, GitError> {
    let kept = worth_keeping(git, git_dir, at, expendable)?;
    let mut rest = ignored_rows(git, git_dir, at)?;
    rest.retain(|path| !kept.contains(path));
    rest.extend(discarded(git, git_dir, at, expendable.discard)?);
    Ok(Ignored { kept, expendable: rest })
}

/// Compares what stands at `at` with a copy that came from its snapshot: a proof where the copy has all of it, else what it lacks.
///
/// Shape: what is missing at `at` is no difference, and neither are the git link at its top and what is expendable.
pub(crate) fn compare(
    at: &Path,
    copy: &Path,
    expendable: &[PathBuf],
) -> Result<Result<Proof, Vec<PathBuf>>, GitError> {
    let mut lacking = Vec::new();
    let mut folders = vec![PathBuf::new()];
    let io = |path: PathBuf| move |source| GitError::Io { what: "compare", path, source };
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(at.join(&folder)).map_err(io(at.join(&folder)))? {
            let entry = entry.map_err(io(at.join(&folder)))?;
            let below = folder.join(entry.file_name());
            let is_link_to_git = below == Path::new(".git");
            if is_link_to_git || expendable.iter().any(|spare| below.starts_with(spare)) {
                continue;
            }
            let kind = entry.file_type().map_err(io(entry.path()))?;
            let same = if kind.is_dir() {
                folders.push(below.clone());
                // A folder without a file in it is nothing that could be lost.
                true
            } else if kind.is_symlink() {
                fs::read_link(entry.path())
                    .is_ok_and(|to| fs::read_link(copy.join(&below)).is_ok_and(|kept| kept == to))
            } else {
                kind.is_file()
                    && fs::symlink_metadata(copy.join(&below)).is_ok_and(|meta| meta.is_file())
                    && same_bytes(&entry.path(), &copy.join(&below))
            };
            if !same {
                lacking.push(below);
            }
        }
    }
    Ok(if lacking.is_empty() {
        Ok(Proof { what: Proven::Held { at: at.to_owned() } })
    } else {
        Err(lacking)
    })
}

/// Deletes a folder of which a snapshot holds everything.
///
/// Errors: the proof is of another place, or something could not be removed.
#[expect(clippy::needless_pass_by_value, reason = "a proof is used up")]
pub(crate) fn delete(proof: Proof, at: &Path) -> Result<(), GitError> {
    let io = |source| GitError::Io { what: "remove", path: at.to_owned(), source };
    let Proven::Held { at: proven } = &proof.what else {
        return Err(io(io::ErrorKind::InvalidInput.into()));
    };
    if proven != at {
        return Err(io(io::ErrorKind::InvalidInput.into()));
    }
    make_removable(at).map_err(io)?;
    match fs::remove_dir_all(at) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io(error)),
        _ => Ok(()),
    }
}

/// Lets folders be emptied that their owner may not write to.
pub(crate) fn make_removable(folder: &Path) -> io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let mode = fs::symlink_metadata(&folder)?.permissions().mode();
        if mode & 0o700 != 0o700 {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode | 0o700))?;
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
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
        Proven::Worktree { .. } | Proven::Held { .. } | Proven::Nothing => Ok(Vec::new()),
    }
}

/// Ignored files that are neither expendable, nor empty folders, nor copies of something that still stands.
fn worth_keeping(
    git: &Git,
    git_dir: &Path,
    at: &Path,
    expendable: &Expendable<'_>,
) -> Result<Vec<PathBuf>, GitError> {
    let mut paths = ignored_rows(git, git_dir, at)?;
    if paths.is_empty() {
        return Ok(paths);
    }
    let mut spared: Vec<PathBuf> = expendable.links.to_vec();
    spared.extend(discarded(git, git_dir, at, expendable.discard)?);
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

fn ignored_rows(git: &Git, git_dir: &Path, at: &Path) -> Result<Vec<PathBuf>, GitError> {
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
    Ok(fields(&out).filter_map(|row| row.strip_prefix(b"!! ")).map(path_of).collect())
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
