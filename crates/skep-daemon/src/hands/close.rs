//! Giving an env back: proof first, then the move, then a second look; refusals in words with the ways on.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use skep_api::{place::Home, wire::chain};
use skep_core::{
    run::{EnvState, OpResult, Run},
    text,
};
use skep_host::{
    env,
    git::{self, Git, GitError},
    salvage::{Reason, Verdict},
    worktree,
};

use crate::launch;

/// An env that is to go, and what is known of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Leaving {
    pub locks: PathBuf,
    pub root: PathBuf,
    pub trash: PathBuf,
    /// What of its ignored files is expendable.
    pub discard: Vec<String>,
    /// What its worktree is registered as, and where; for an env that is gone already.
    pub repository: Option<PathBuf>,
    pub worktree: PathBuf,
    pub branch: Option<String>,
    /// Whether a person said what is to become of the work: it landed, or the branch is to be kept.
    pub decided: bool,
    pub run: String,
}

/// Gives an env back, if nothing is only there.
pub(super) fn close(git: &Git, leaving: &Leaving) -> OpResult {
    let Leaving { locks, root, trash, discard, decided, run, .. } = leaving;
    let failed = |err: &dyn std::error::Error, slug: &str| OpResult::Failed {
        slug: slug.to_owned(),
        text: chain(err),
    };
    match env::resume_release(git, locks, root, trash, discard) {
        Ok(Some(released)) => return closed(released, false),
        Ok(None) => {}
        Err(err) => return failed(&err, err.slug()),
    }
    if !*decided {
        return undecided(run);
    }
    if is_gone(root) {
        return gone(git, leaving).unwrap_or_else(|err| failed(&err, err.slug()));
    }
    let in_place =
        matches!(env::read_owner(root), Ok(Some(owner)) if owner.env_type == env::EnvType::InPlace);
    let verdict = match env::inspect(git, root) {
        Ok(verdict) => verdict,
        Err(err) => return failed(&err, "env-unreadable"),
    };
    let proof = match verdict {
        Verdict::Safe(proof) => proof,
        Verdict::Unsafe(reasons) => return refused(&reasons, run),
        Verdict::Unknown(err) => return failed(&err, err.slug()),
    };
    match env::release(git, locks, root, trash, discard, proof) {
        Ok(released) => closed(released, in_place),
        Err(env::EnvError { cause: env::Cause::Work { reasons }, .. }) => refused(&reasons, run),
        Err(err) => failed(&err, err.slug()),
    }
}

/// Whether an env's folder is missing where folders of envs lie.
fn is_gone(root: &Path) -> bool {
    let missing = fs::symlink_metadata(root).is_err_and(|err| err.kind() == ErrorKind::NotFound);
    missing && root.parent().is_some_and(Path::is_dir)
}

/// An env that was given back by a close that could not tell, or deleted by hand: git forgets the worktree.
fn gone(git: &Git, leaving: &Leaving) -> Result<OpResult, GitError> {
    let mut kept_branch = None;
    if let Some(repository) = &leaving.repository {
        let repo = git::discover(git, repository)?;
        worktree::unregister(git, &repo, &leaving.locks, &leaving.worktree)?;
        if let Some(branch) = &leaving.branch {
            kept_branch = git::branch(git, &repo, branch)?.map(|_| branch.clone());
        }
    }
    let text = match &kept_branch {
        Some(branch) => format!("the worktree was gone already, commits are on branch {branch}"),
        None => "its folder was gone already".to_owned(),
    };
    Ok(OpResult::Closed { kept_branch, trash: None, text })
}

/// The answer to a close that nobody has said enough about.
fn undecided(run: &str) -> OpResult {
    OpResult::Refused {
        slug: "close-undecided".to_owned(),
        text: "its work has not landed".to_owned(),
        hints: vec![
            format!("skep land {run} (brings it in; then close)"),
            format!("skep close {run} --keep-branch (removes only the worktree)"),
        ],
    }
}

fn closed(released: env::Released, in_place: bool) -> OpResult {
    if in_place {
        let text = "your checkout stays as it is".to_owned();
        return OpResult::Closed { kept_branch: released.branch, trash: None, text };
    }
    let trash = released.kept.as_ref().map(|path| path.to_string_lossy().into_owned());
    let text = match (&released.branch, &trash) {
        (Some(branch), None) => format!("the worktree is gone, everything is on branch {branch}"),
        (Some(branch), Some(trash)) => {
            format!(
                "the worktree is gone, commits are on branch {branch}, what git ignores is in {trash}"
            )
        }
        (None, _) => "the env is given back".to_owned(),
    };
    OpResult::Closed { kept_branch: released.branch, trash, text }
}

/// The answer to "there is work in it": what, and the ways on.
fn refused(reasons: &[Reason], run: &str) -> OpResult {
    let slug = reasons.first().map_or("worktree-dirty", Reason::slug).to_owned();
    let list: Vec<String> = reasons.iter().map(in_words).collect();
    OpResult::Refused {
        slug,
        text: format!("only this env has: {}", list.join("; ")),
        hints: vec![
            format!("skep sh {run} -- git status        look at it"),
            format!("skep sh {run} -- git commit -a     keep it, then close again"),
        ],
    }
}

fn in_words(reason: &Reason) -> String {
    let files = |what: &str, files: &[PathBuf]| {
        let shown: Vec<String> =
            files.iter().take(5).map(|file| text::one_line(&file.to_string_lossy())).collect();
        let more =
            if files.len() > 5 { format!(" and {} more", files.len() - 5) } else { String::new() };
        format!("{what}: {}{more}", shown.join(", "))
    };
    match reason {
        Reason::Dirty { files: list } => files("uncommitted changes", list),
        Reason::Untracked { files: list } => files("untracked files", list),
        Reason::Unwatched { files: list } => files("changes that git was told not to see", list),
        Reason::UnderWay { what } => format!("a {what} under way"),
        Reason::Detached { head, commits } => {
            format!("{commits} commits on no branch (detached at {})", text::words(head, 12))
        }
        Reason::PrivateRefs { refs } => format!("refs of its own: {}", refs.join(", ")),
        Reason::Submodule { path, commits: 0 } => {
            let path = text::one_line(&path.to_string_lossy());
            format!("submodule {path}, which is checked out (git submodule deinit {path})")
        }
        Reason::Submodule { path, commits } => {
            format!("{commits} commits of submodule {} that are pushed nowhere", path.display())
        }
        Reason::Commits { head } => format!("commits up to {}", text::words(head, 12)),
        Reason::Ignored { files: list } => files("ignored files", list),
        Reason::NoRepository { files: list } => files("files that no repository looks after", list),
    }
}

/// Whether a close would go, and what of it; changes nothing.
pub fn preview(run: &Run, home: &Home, keep_branch: bool) -> OpResult {
    let EnvState::Held(env) = &run.env else {
        return OpResult::Closed {
            kept_branch: None,
            trash: None,
            text: "nothing is left to close".to_owned(),
        };
    };
    let vars = match launch::asker_env(home, run) {
        Ok(vars) => vars,
        Err(text) => return OpResult::Failed { slug: "close-failed".to_owned(), text },
    };
    if !keep_branch && run.landed.is_none() {
        return undecided(run.id().as_str());
    }
    match env::inspect(&Git::new(&vars), Path::new(&env.root)) {
        Ok(Verdict::Safe(_)) => OpResult::Refused {
            slug: "dry-run".to_owned(),
            text: format!(
                "the worktree would go, {} would stay",
                env.branch.as_deref().unwrap_or("its files")
            ),
            hints: Vec::new(),
        },
        Ok(Verdict::Unsafe(reasons)) => refused(&reasons, run.id().as_str()),
        Ok(Verdict::Unknown(err)) => {
            OpResult::Failed { slug: err.slug().to_owned(), text: chain(&err) }
        }
        Err(err) => OpResult::Failed { slug: "env-unreadable".to_owned(), text: chain(&err) },
    }
}
