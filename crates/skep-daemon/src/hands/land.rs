//! Bringing a run's commits to their target: fast-forward only, never over somebody's changes.

use std::path::{Path, PathBuf};

use skep_api::place::Home;
use skep_core::{
    run::{OpResult, Run},
    text,
    time::Timestamp,
};
use skep_host::{
    git::{self, Git},
    worktree::{self, Landing, Refusal},
};

/// What is to be brought where.
pub(super) struct Bring<'a> {
    /// The worktree, where it still stands.
    pub(super) worktree: Option<&'a Path>,
    pub(super) branch: &'a str,
    /// The commit that the work started from.
    pub(super) base: Option<&'a str>,
    pub(super) target: &'a str,
    pub(super) run: &'a str,
}

/// Moves the target forward to the work, if that is all there is to it.
pub(super) fn land(
    git: &Git,
    locks: &Path,
    repository: &Path,
    bring: &Bring<'_>,
) -> Result<OpResult, git::GitError> {
    let Bring { worktree, branch, base, target, run } = *bring;
    let repo = git::discover(git, repository)?;
    let missing = |name: &str, slug: &str| OpResult::Refused {
        slug: slug.to_owned(),
        text: format!("there is no branch `{name}` here"),
        hints: vec![format!(
            "set `target` in the project's settings, or make it: git branch {name}"
        )],
        merged: None,
    };
    let Some(new) = git::branch(git, &repo, branch)? else {
        return Ok(missing(branch, "branch-missing"));
    };
    let Some(old) = git::branch(git, &repo, target)? else {
        return Ok(missing(target, "target-missing"));
    };
    if let Some(worktree) = worktree {
        let facts = git::facts(git, worktree, &old, None)?;
        if facts.dirty {
            return Ok(OpResult::Refused {
                slug: "worktree-dirty".to_owned(),
                text: "its worktree has changes that no commit holds; they would not land"
                    .to_owned(),
                hints: vec![
                    format!("skep sh {run} -- git status"),
                    format!("skep sh {run} -- git commit -a    then land again"),
                ],
                merged: None,
            });
        }
    }
    if base == Some(new.as_str()) {
        return Ok(OpResult::Refused {
            slug: "nothing-to-land".to_owned(),
            text: format!("{branch} has no commit of its own"),
            hints: vec![format!("skep logs {run}"), format!("skep close {run}")],
            merged: None,
        });
    }
    let commits = git::count(git, &repo, &old, &new)?;
    let ask = worktree::Land { target: target.to_owned(), expected: old.clone(), new: new.clone() };
    Ok(match worktree::land(git, &repo, locks, &ask)? {
        Landing::Landed { from, to, .. } => {
            OpResult::Landed { target: target.to_owned(), old: from, new: to, commits }
        }
        Landing::Already { .. } => {
            OpResult::Landed { target: target.to_owned(), old, new, commits: 0 }
        }
        Landing::Refused(refusal) => refused(&refusal, target, run),
    })
}

/// The answer to a landing, or its taking back, that would go over something.
pub(super) fn refused(refusal: &Refusal, target: &str, run: &str) -> OpResult {
    let names = |files: &[PathBuf]| {
        let names: Vec<String> =
            files.iter().take(5).map(|file| text::one_line(&file.to_string_lossy())).collect();
        names.join(", ")
    };
    let again = format!("then: skep land {run}");
    let (text, hints) = match refusal {
        Refusal::TargetDirty { checkout, files } => (
            format!("{} has changes of yours in {}", checkout.display(), names(files)),
            vec![format!("commit or stash them in {}", checkout.display()), again],
        ),
        Refusal::NotFastForward { .. } => (
            format!("{target} has commits that this work lacks"),
            vec![format!("skep sh {run} -- git rebase {}", text::shell(target)), again],
        ),
        Refusal::TargetMoved { .. } => (format!("{target} moved meanwhile"), vec![again]),
        Refusal::TargetMissing => (
            format!("there is no branch {target}"),
            vec![format!("git branch {}", text::shell(target)), again],
        ),
        Refusal::TargetBusy { checkout, why } => (
            format!("{} cannot take it: {why}", checkout.display()),
            vec![format!("finish that in {}", checkout.display()), again],
        ),
        Refusal::Submodules { checkout, files } => (
            format!("submodules of {} would move: {}", checkout.display(), names(files)),
            vec![format!("merge it by hand in {}", checkout.display())],
        ),
    };
    OpResult::Refused { slug: refusal.slug().to_owned(), text, hints, merged: None }
}

/// What a landing would bring; changes nothing.
pub fn preview(run: &Run, home: &Home, now: Timestamp) -> OpResult {
    let deed = match super::land_deed(run, home) {
        Ok(deed) => deed,
        Err(text) => return OpResult::Failed { slug: "nothing-to-land".to_owned(), text },
    };
    let super::Deed::Land { branch, target, .. } = deed else {
        return OpResult::Failed {
            slug: "nothing-to-land".to_owned(),
            text: "it has no branch".to_owned(),
        };
    };
    let facts = super::git_facts(run, home, now);
    let count = facts
        .as_ref()
        .map_or_else(|| "an unknown number of".to_owned(), |git| git.ahead.to_string());
    let dirty = if facts.is_some_and(|git| git.dirty) {
        "; its worktree has uncommitted changes, which would be refused"
    } else {
        ""
    };
    OpResult::Refused {
        slug: "dry-run".to_owned(),
        text: format!("{count} commits of {branch} would go to {target}, fast-forward only{dirty}"),
        hints: Vec::new(),
        merged: None,
    }
}
