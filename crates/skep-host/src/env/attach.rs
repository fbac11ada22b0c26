//! Owns: a branch that stands and is to get a worktree; which name a branch would get.
//! Never: makes, moves or deletes one, or takes it from a worktree that has it checked out.

use super::{Cause, Prepare, owner::mark};
use crate::{
    git::{self, Git, Repository},
    worktree::{self, Branch},
};

/// The branch that was asked for by name, where it stands.
///
/// Errors: another worktree has it checked out.
pub(super) fn standing(
    git: &Git,
    repo: &Repository,
    ask: &Prepare,
) -> Result<Option<Branch>, Cause> {
    let wanted = ask.attach && ask.detached.is_none();
    let Some(name) = ask.branches.first().filter(|_| wanted) else { return Ok(None) };
    let Some(oid) = git::branch(git, repo, name)? else { return Ok(None) };
    let listed = worktree::list(git, repo)?;
    match listed.into_iter().find(|known| known.branch.as_ref() == Some(name)) {
        Some(known) => Err(Cause::CheckedOut {
            branch: name.clone(),
            gone: !known.path.exists(),
            path: known.path,
        }),
        // Its first reflog line is not ours, so that no undo and no close deletes it.
        None => Ok(Some(Branch::new(name, &oid, &mark(&ask.key)))),
    }
}

/// The first name that is free now; whoever makes the branch compares and swaps.
pub(super) fn free_name<'a>(
    git: &Git,
    repo: &Repository,
    ask: &'a Prepare,
) -> Result<Option<&'a String>, Cause> {
    for name in &ask.branches {
        if git::branch(git, repo, name)?.is_none() {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
