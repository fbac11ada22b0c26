//! Owns: finding an env again that an earlier call had made ready.
//! Never: resets anything in it.

use std::{fs, io::ErrorKind, path::Path};

use super::{
    Cause, Created, EnvError, EnvType, Prepare, Prepared, Stage,
    claim::Claim,
    owner::{Owner, State, mark},
    place::occupy,
    prepare::prepared,
};
use crate::{
    git::{self, Git},
    worktree,
};

/// Finds an env again that was ready; nothing in it is reset.
pub(super) fn reuse(
    git: &Git,
    ask: &Prepare,
    claim: &Claim,
    owner: &Owner,
) -> Result<Prepared, EnvError> {
    let at = EnvError::at;
    let foreign = |why: String| at(Stage::Claim)(Cause::Foreign { path: claim.root.clone(), why });
    if owner.state == State::Released {
        return Err(foreign("has been let go".to_owned()));
    }
    if owner.state == State::Restoring {
        let busy = Cause::Busy { path: claim.root.clone(), run: Some(owner.run.clone()) };
        return Err(at(Stage::Claim)(busy));
    }
    if owner.env_type != ask.env_type {
        return Err(foreign("is of another type".to_owned()));
    }
    if owner.made_on() != ask.detached.as_deref() {
        return Err(foreign("was made for another commit, or for a branch".to_owned()));
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
    let foreign = |why: &str| Err(Cause::Foreign { path: path.to_owned(), why: why.to_owned() });
    let Some(repo) = owner.repository() else {
        return foreign("belongs to a repository that is gone");
    };
    let Some(branch) = &owner.branch else {
        let Some(oid) = owner.made_on() else { return foreign("has no branch to stand on") };
        let head = worktree::list(git, &repo)?.into_iter().find(|known| known.path == path);
        // What is registered yet may hold commits that nothing else does.
        if head.is_some_and(|known| known.branch.is_some() || known.head.as_deref() != Some(oid)) {
            return foreign("had something else checked out when its folder was deleted");
        }
        worktree::register_detached(git, &repo, &ask.locks, path, oid, &mark(&owner.key))?;
        return Ok(worktree::checkout(git, path)?);
    };
    // A branch that is gone as well is made again where it began.
    worktree::create_branch(git, &repo, &ask.locks, branch)?;
    worktree::register(git, &repo, &ask.locks, path, &branch.name, &branch.mark)?;
    worktree::checkout(git, path)?;
    Ok(())
}

pub(super) fn require_same(git: &Git, path: &Path, owner: &Owner) -> Result<(), Cause> {
    let foreign = |why: &str| Err(Cause::Foreign { path: path.to_owned(), why: why.to_owned() });
    let found = git::discover(git, path)?;
    if Some(&found.common_dir) != owner.common_dir.as_ref() || found.top.as_deref() != Some(path) {
        return foreign("belongs to another repository");
    }
    let (code, name) = git.call(path).args(["symbolic-ref", "--quiet", "HEAD"]).code(&[0, 1])?;
    if let Some(oid) = owner.made_on() {
        let head = git::commit(git, &found, "HEAD")?;
        if code == 0 || head.as_deref() != Some(oid) {
            return foreign("has something else checked out than the commit it was made on");
        }
        return Ok(());
    }
    let expected = owner.branch.as_ref().map(|branch| format!("refs/heads/{}", branch.name));
    if code != 0 || expected.as_deref() != Some(String::from_utf8_lossy(&name).trim()) {
        return foreign("has another branch checked out");
    }
    Ok(())
}
