//! Owns: what is done to an env for a run that works in it and does not own it: it is let in, and lets go.
//! Never: makes, lands, restores or takes back anything of the other run's.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use skep_api::wire::chain;
use skep_core::{
    guide::Guide,
    id::RunId,
    run::{Base, Env, EnvType, Fault, OpResult, Run},
};
use skep_host::{
    env::{self, Enter},
    git::Git,
};

use super::{Deed, Done, fault, local_name};
use crate::launch;

/// How long whoever still tidies up in the env may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A run that is to be let into the env of another one.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entering {
    root: PathBuf,
    owner: RunId,
    guest: RunId,
    sub_dir: PathBuf,
    target: Option<String>,
    guide: Guide,
}

/// How `run` is let into the env of `owner`.
pub(super) fn enter_deed(run: &Run, owner: &RunId) -> Deed {
    let place = &run.brief.place;
    let worktree = place.env_type == EnvType::Worktree;
    Deed::Enter {
        entering: Box::new(Entering {
            root: Path::new(&place.envs).join(&place.key),
            owner: owner.clone(),
            guest: run.id().clone(),
            sub_dir: PathBuf::from(&place.sub_dir),
            target: place.target.clone(),
            guide: if worktree { place.guide.clone() } else { Guide::default() },
        }),
    }
}

/// Refuses a deed on an env that is another run's.
pub(super) fn require_own(run: &Run) -> Result<(), String> {
    match &run.brief.within {
        None => Ok(()),
        Some(owner) => Err(format!("{} works in the env of {owner}, which keeps it", run.id())),
    }
}

/// Looks whether the env stands and nobody lives in it, and lets the run in.
pub(super) fn enter(git: &Git, ask: &Entering) -> Done {
    let enter = Enter {
        root: ask.root.clone(),
        owner: ask.owner.to_string(),
        guest: ask.guest.to_string(),
        sub_dir: ask.sub_dir.clone(),
        wait: PATIENCE,
    };
    let prepared = match env::enter(git, &enter) {
        Ok(prepared) => prepared,
        Err(err) => {
            let (fault, slug) = (fault(err.fault()), err.slug().to_owned());
            return Done::PrepareFailed { fault, slug, text: chain(&err) };
        }
    };
    let base = prepared.base.map(|base| Base { branch: base.branch, oid: base.oid });
    let oid = base.as_ref().map(|base| base.oid.as_str());
    let notes = match launch::look(git, &prepared.worktree, oid, &ask.guide) {
        Ok(notes) => notes,
        Err(err) => {
            let (fault, slug) = (fault(err.fault()), err.slug().to_owned());
            return Done::PrepareFailed { fault, slug, text: chain(&err) };
        }
    };
    let path = |path: &Path| path.to_str().map(str::to_owned);
    let (Some(root), Some(lock), Some(worktree), Some(cwd)) =
        (path(&prepared.root), path(&prepared.lock), path(&prepared.worktree), path(&prepared.cwd))
    else {
        return Done::PrepareFailed {
            fault: Fault::User,
            slug: "path-not-text".to_owned(),
            text: "the env's path is not UTF-8".to_owned(),
        };
    };
    let target = ask.target.clone();
    let target = target.or_else(|| base.as_ref().map(|base| local_name(&base.branch)));
    let branch = prepared.branch;
    Done::Prepared {
        env: Env { root, lock, worktree, cwd, branch, base, target, notes, reused: true },
    }
}

/// What a run that lets go of another's env leaves: all of it.
pub(super) fn let_go(owner: &RunId) -> OpResult {
    OpResult::Closed {
        kept_branch: None,
        trash: None,
        text: format!("the env is {owner}'s, and stays as it is"),
        merged: None,
        snapshot: None,
        unsettled: false,
    }
}
