//! Owns: worktrees, branches and snapshots in the repositories, against what the runs say of them.
//! Never: calls a branch or snapshot left over that may be another home's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use skep_api::{place::Home, wire::chain};
use skep_core::run::{EnvState, Run};
use skep_host::{
    env,
    git::{self, Git, Repository},
    snapshot, worktree,
};

use super::{
    Finding,
    fleet::{self, Ledger},
    mend::Remedy,
    pasted,
};

/// Looks through every repository that a run works in.
pub(super) fn all(home: &Home, git: &Git, ledger: &Ledger) -> Vec<Finding> {
    let mut seen: BTreeMap<PathBuf, (Repository, Vec<&Run>)> = BTreeMap::new();
    let mut found = Vec::new();
    for (path, runs) in fleet::repositories(ledger) {
        match git::discover(git, Path::new(path)) {
            Ok(repo) => {
                let entry =
                    seen.entry(repo.common_dir.clone()).or_insert_with(|| (repo, Vec::new()));
                entry.1.extend(runs);
            }
            Err(err) => found.push(
                Finding::note(
                    "repositories",
                    format!("{path} could not be asked: {}", chain(&err)),
                )
                .why("what its runs left in it is not known"),
            ),
        }
    }
    let count = seen.len();
    for (repo, runs) in seen.into_values() {
        found.extend(worktrees(home, git, ledger, &repo, &runs));
        found.extend(branches(git, ledger, &repo, &runs));
        found.extend(snapshots(git, ledger, &repo, &runs));
    }
    if found.is_empty() {
        found.push(Finding::well(
            "repositories",
            format!("{count}, with the worktrees, branches and snapshots they should have"),
        ));
    }
    found
}

/// Registered without folder, or not locked.
fn worktrees(
    home: &Home,
    git: &Git,
    ledger: &Ledger,
    repo: &Repository,
    runs: &[&Run],
) -> Vec<Finding> {
    const CHECK: &str = "worktrees";
    let all = match worktree::list(git, repo) {
        Ok(all) => all,
        Err(err) => return vec![Finding::note(CHECK, chain(&err))],
    };
    let mut found = Vec::new();
    for known in all.iter().skip(1) {
        let run = runs.iter().find(|run| {
            let place = &run.brief.place;
            !run.is_within() && known.path.starts_with(Path::new(&place.envs).join(&place.key))
        });
        let shown = known.path.display();
        let gone = matches!(
            fs::symlink_metadata(&known.path),
            Err(err) if err.kind() == io::ErrorKind::NotFound
        );
        let holds = run.is_some_and(|run| run.holds_env());
        match run {
            Some(run) if ledger.is_busy(run) => {}
            Some(run) if holds && !gone && known.locked.is_none() => found.push(
                Finding::ill(CHECK, format!("{shown} of {} is not locked", run.id()))
                    .why("git worktree prune or remove of anybody takes it")
                    .way(format!("git worktree lock {}", pasted(&known.path)))
                    .remedy(Remedy::Lock {
                        repository: repo.common_dir.clone(),
                        path: known.path.clone(),
                        reason: env::mark(&run.brief.place.key),
                    }),
            ),
            // What is held and gone is the envs' finding.
            _ if holds || !gone => {}
            Some(run) if fleet::lies_in_trash(home, run) => {}
            None if !fleet::is_own_env(home, &known.path) => {}
            _ => found.push(
                Finding::ill(CHECK, format!("{shown} is registered, and its folder is gone"))
                    .why(match known.branch {
                        Some(_) => "its branch counts as checked out there",
                        None => "git keeps for it what it had checked out",
                    })
                    .way(format!("git worktree unlock {shown}; git worktree prune"))
                    .remedy(Remedy::SetAside {
                        repository: repo.common_dir.clone(),
                        path: known.path.clone(),
                    }),
            ),
        }
    }
    found
}

/// Branches that were made for an env of which nothing is left.
fn branches(git: &Git, ledger: &Ledger, repo: &Repository, runs: &[&Run]) -> Vec<Finding> {
    const CHECK: &str = "branches";
    let mut found = Vec::new();
    for run in runs.iter().filter(|run| matches!(run.env, EnvState::None)) {
        if ledger.is_busy(run) || !run.is_ended() {
            continue;
        }
        for name in &run.brief.place.branches {
            if !is_made_for(repo, name, &run.brief.place.key) {
                continue;
            }
            match git::branch(git, repo, name) {
                Ok(Some(_)) => found.push(
                    Finding::ill(
                        CHECK,
                        format!("{name} was made for {}, which has no env", run.id()),
                    )
                    .why("nobody will ever land or drop it")
                    .way(format!("git log {name}; git branch -d {name}")),
                ),
                Ok(None) => {}
                Err(err) => found.push(Finding::note(CHECK, chain(&err))),
            }
        }
    }
    found
}

/// Whether the branch's first reflog line says that it was made for this env.
fn is_made_for(repo: &Repository, branch: &str, key: &str) -> bool {
    let log = repo.common_dir.join("logs/refs/heads").join(branch);
    let mark = env::mark(key);
    fs::read(log).is_ok_and(|log| {
        let first = log.split(|byte| *byte == b'\n').next().unwrap_or_default();
        first.ends_with(format!("\t{mark}").as_bytes())
    })
}

/// Snapshots that the ledger has and the repository has not, and the reverse.
fn snapshots(git: &Git, ledger: &Ledger, repo: &Repository, runs: &[&Run]) -> Vec<Finding> {
    const CHECK: &str = "snapshots";
    let kept = match snapshot::list(git, repo) {
        Ok(kept) => kept,
        Err(err) => {
            return vec![
                Finding::ill(CHECK, chain(&err))
                    .why("what was kept in this repository cannot be had back until it reads")
                    .way(format!("skep explain {}", err.slug())),
            ];
        }
    };
    let ids: BTreeSet<&str> = kept.iter().map(|kept| kept.id.as_str()).collect();
    let mut found = Vec::new();
    for run in runs.iter().filter(|run| !ledger.is_busy(run)) {
        for one in run.snapshots.values() {
            // One that holds nothing has no object.
            if !one.oid.is_empty() && !ids.contains(one.id.as_str()) {
                found.push(
                    Finding::ill(
                        CHECK,
                        format!(
                            "{} of {} is not in {}",
                            one.id,
                            run.id(),
                            repo.common_dir.display()
                        ),
                    )
                    .why("it cannot be restored, and an undo by it is refused")
                    .way(format!(
                        "git -C {} fsck; skep snapshot rm {}",
                        pasted(repo.seat()),
                        one.id
                    )),
                );
            }
        }
        for one in kept.iter().filter(|kept| kept.run == run.id().as_str()) {
            if !run.snapshots.keys().any(|id| id.as_str() == one.id) {
                found.push(
                    Finding::note(
                        CHECK,
                        format!("{} of {} is kept and not remembered", one.id, run.id()),
                    )
                    .why("it takes room until it is let go"),
                );
            }
        }
    }
    found
}
