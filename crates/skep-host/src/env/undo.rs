//! Owns: taking back what was made for an env, as its record names it.
//! Never: takes work, or a branch that moved or that somebody else made.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    Cause, EnvError, EnvType, LOGS, OUTPUT, Stage, TMP,
    claim::{drop_root, hold_env, real},
    folder::{files_in, remove_dir},
    owner::{Owner, State, mark},
    place::vacate,
};
use crate::{
    git::Git,
    salvage::{self, Expendable, Reason, Verdict},
    worktree::{self, Deleted},
};

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
    if owner.state != State::Preparing && owner.env_type != EnvType::InPlace {
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
    match salvage::inspect_made_on(git, &repo, &path, owner.made_on()) {
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

/// Takes back what an env's record says was made, but not the folder itself; says what stays.
///
/// Every step may find its work done already, so that a killed call is simply made again.
pub(super) fn take_back(git: &Git, locks: &Path, root: &Path, owner: &Owner) -> Vec<String> {
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
        let record = |leaving| Owner { branch: Some(leaving), ..owner.clone() }.write(root);
        match worktree::delete_branch(git, &repo, locks, branch, record) {
            // A branch that moved, or that somebody else made, is not ours to take.
            Ok(Deleted::Yes | Deleted::Absent | Deleted::NotOurs) => {}
            Err(error) => left.push(format!("branch {}: {error}", branch.name)),
        }
    }
    if left.is_empty() {
        for name in [OUTPUT, LOGS, TMP] {
            left.extend(remove_dir(&root.join(name)).err().map(|error| error.to_string()));
        }
    }
    left
}

pub(super) fn halfway(stage: Stage, root: &Path, left: Vec<String>) -> EnvError {
    EnvError { stage, cause: Cause::Stuck { path: root.to_owned() }, left }
}
