//! Snapshots as deeds: taking one, bringing one back, letting some go, and taking a landing back.
//!
//! Owns: which place a deed works on, and what is remembered of it. Never: decides what is due.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use skep_api::{place::Home, wire::chain};
use skep_core::{
    id::{OpId, SnapshotId},
    run::{Env, EnvState, EnvType, OpResult, Run, Undo},
    snapshot::{Snapshot, Why},
    text,
    time::Timestamp,
};
use skep_host::{
    env::{self, Restore, Terms},
    git::{self, Git, Repository},
    snapshot::{self, Take, Taken},
    worktree::{self, Revert, Reverting},
};

use super::{close::is_gone, trash};

/// The files of a run, as they stand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Standing {
    pub locks: PathBuf,
    pub run: String,
    pub repository: PathBuf,
    /// The env's root.
    pub root: PathBuf,
    pub worktree: PathBuf,
    pub discard: Vec<String>,
    pub id: SnapshotId,
    pub why: Why,
    pub at: Timestamp,
    /// The snapshot that may hold the same already.
    pub last: Option<String>,
    /// The commit that its worktree was made on, where that is on no branch.
    #[serde(default)]
    pub made_on: Option<String>,
}

/// A snapshot that is to stand again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Returning {
    pub standing: Standing,
    pub env_type: EnvType,
    pub snapshot: SnapshotId,
    pub env: Env,
    pub was_closed: bool,
    pub sub_dir: PathBuf,
    /// Whether its worktree was made on a commit and no branch.
    #[serde(default)]
    pub detached: bool,
    pub trash: PathBuf,
}

/// The files of `run` as a deed sees them.
pub(super) fn standing(
    run: &Run,
    home: &Home,
    id: &SnapshotId,
    why: Why,
    now: Timestamp,
) -> Result<Standing, String> {
    let repository = run.brief.place.repository.as_ref().ok_or("it has no repository")?;
    seen(run, home, PathBuf::from(repository), id, why, now)
}

fn seen(
    run: &Run,
    home: &Home,
    repository: PathBuf,
    id: &SnapshotId,
    why: Why,
    now: Timestamp,
) -> Result<Standing, String> {
    let env = run.env().ok_or("it has no env")?;
    let last = run.snapshots.values().max_by_key(|snapshot| snapshot.at);
    Ok(Standing {
        locks: home.repository_locks(),
        run: run.id().to_string(),
        repository,
        root: PathBuf::from(&env.root),
        worktree: PathBuf::from(&env.worktree),
        discard: run.brief.place.discard.clone(),
        id: id.clone(),
        why,
        at: now,
        last: last.map(|snapshot| snapshot.oid.clone()).filter(|oid| !oid.is_empty()),
        made_on: run.brief.place.detached.clone(),
    })
}

/// How `snapshot` of `run` is brought back.
pub(super) fn returning(
    run: &Run,
    home: &Home,
    snapshot: &SnapshotId,
    before: &SnapshotId,
    now: Timestamp,
) -> Result<Returning, String> {
    let place = &run.brief.place;
    let env = run.env().ok_or("it has no env")?.clone();
    // A plain folder has none, and comes back from the trash alone.
    let repository = PathBuf::from(place.repository.as_deref().unwrap_or_default());
    Ok(Returning {
        standing: seen(run, home, repository, before, Why::Restore, now)?,
        env_type: place.env_type,
        snapshot: snapshot.clone(),
        env,
        was_closed: matches!(run.env, EnvState::Restoring { was_closed: true, .. }),
        sub_dir: PathBuf::from(&place.sub_dir),
        detached: place.detached.is_some(),
        trash: trash(place, home),
    })
}

/// Takes a snapshot; none where the last one holds the same.
pub(super) fn take(git: &Git, standing: &Standing) -> Result<Option<Box<Snapshot>>, String> {
    let told = |failed: Box<OpResult>| {
        if let OpResult::Failed { slug, text } = *failed {
            format!("{slug}: {text}")
        } else {
            format!("{failed:?}")
        }
    };
    let (repo, git_dir) = place(git, standing).map_err(told)?;
    if standing.why != Why::Asked
        && let Some(last) = &standing.last
        && let Ok(snapshot::Verdict::Same(_)) =
            snapshot::verify(git, &repo, last, &standing.worktree, &git_dir)
    {
        return Ok(None);
    }
    // What only looks leaves nothing to be held; where that cannot be seen, there is.
    if standing.why != Why::Asked
        && standing.last.is_none()
        && let Some(oid) = &standing.made_on
        && env::stands(git, &repo, &standing.worktree).is_ok_and(|stands| stands.is_at(oid))
    {
        return Ok(None);
    }
    let taken = take_in(git, &repo, &git_dir, standing, standing.id.as_str()).map_err(told)?;
    Ok(Some(Box::new(remember(standing, &taken))))
}

fn place(git: &Git, standing: &Standing) -> Result<(Repository, PathBuf), Box<OpResult>> {
    let repo = git::discover(git, &standing.repository).map_err(|err| failed(&err, err.slug()))?;
    let git_dir =
        worktree::git_dir(git, &standing.worktree).map_err(|err| failed(&err, err.slug()))?;
    Ok((repo, git_dir))
}

fn take_in(
    git: &Git,
    repo: &Repository,
    git_dir: &Path,
    standing: &Standing,
    id: &str,
) -> Result<Taken, Box<OpResult>> {
    let ask = Take {
        run: &standing.run,
        id,
        worktree: &standing.worktree,
        git_dir,
        note: standing.why.as_str(),
        discard: &standing.discard,
        at_ms: i64::try_from(standing.at.0).unwrap_or(i64::MAX),
    };
    snapshot::take(git, repo, &standing.locks, &ask).map_err(|err| failed(&err, err.slug()))
}

fn remember(standing: &Standing, taken: &Taken) -> Snapshot {
    Snapshot {
        id: standing.id.clone(),
        why: standing.why,
        at: standing.at,
        oid: taken.oid.clone(),
        head: taken.head.clone(),
        branch: taken.branch.clone(),
        files: taken.files,
        bytes: taken.bytes,
        left_out: taken.left_out.clone(),
        trash: None,
    }
}

/// Brings a snapshot back: over what stands, which is kept first, or to where the env stood.
pub(super) fn restore(git: &Git, returning: &Returning) -> OpResult {
    bring_back(git, returning).unwrap_or_else(|failed| *failed)
}

/// A deed's failure by its word, to be told.
fn failed(err: &dyn std::error::Error, slug: &str) -> Box<OpResult> {
    Box::new(OpResult::Failed { slug: slug.to_owned(), text: chain(err) })
}

fn bring_back(git: &Git, returning: &Returning) -> Result<OpResult, Box<OpResult>> {
    let env = &returning.env;
    if returning.env_type == EnvType::InPlace {
        return Err(Box::new(OpResult::Refused {
            slug: "restore-in-place".to_owned(),
            text: "it worked in your own checkout, which skep never writes over".to_owned(),
            hints: vec![format!("skep restore {} --to DIR", returning.snapshot)],
            merged: None,
        }));
    }
    let (returned, before) = match (returning.was_closed, returning.env_type) {
        (true, _) => (bring_env(git, returning)?, None),
        (false, EnvType::Worktree) => {
            let (returned, before) = bring_over(git, returning)?;
            (returned, Some(Box::new(before)))
        }
        (false, EnvType::Directory | EnvType::InPlace) => {
            return Err(nothing_kept(returning));
        }
    };
    let mut env = env.clone();
    if returning.was_closed {
        env.branch.clone_from(&returned.branch);
    }
    let notes: String =
        returned.notes.iter().map(|note| format!("; {}", text::one_line(note))).collect();
    Ok(OpResult::Restored {
        snapshot: returning.snapshot.clone(),
        env: Box::new(env),
        before,
        text: format!("its files stand as they did{notes}"),
    })
}

fn nothing_kept(returning: &Returning) -> Box<OpResult> {
    let slot = returning.trash.join(returning.snapshot.as_str());
    let (text, hints) = if !is_gone(&slot) {
        (
            format!("no snapshot could be taken of it; its files lie in {}", slot.display()),
            vec![
                "skep clean   takes it now, if its repository has room again; then skep undo"
                    .to_owned(),
                format!("ls {}", text::shell(&slot.to_string_lossy())),
            ],
        )
    } else {
        let text =
            format!("{} is not in {}", returning.snapshot, returning.standing.repository.display());
        (text, vec!["skep snapshot ls".to_owned()])
    };
    Box::new(OpResult::Refused { slug: "snapshot-missing".to_owned(), text, hints, merged: None })
}

/// The snapshot as it is kept in its repository.
fn kept(
    git: &Git,
    repo: &Repository,
    returning: &Returning,
) -> Result<snapshot::Kept, Box<OpResult>> {
    snapshot::find(git, repo, returning.snapshot.as_str())
        .map_err(|err| failed(&err, err.slug()))?
        .ok_or_else(|| nothing_kept(returning))
}

/// Brings a closed env back to where it stood.
fn bring_env(git: &Git, returning: &Returning) -> Result<env::Returned, Box<OpResult>> {
    let Returning { standing, env, .. } = returning;
    let slot = returning.trash.join(returning.snapshot.as_str());
    let oid = if returning.env_type == EnvType::Directory {
        if is_gone(&slot) {
            return Err(nothing_kept(returning));
        }
        String::new()
    } else {
        let repo =
            git::discover(git, &standing.repository).map_err(|err| failed(&err, err.slug()))?;
        kept(git, &repo, returning)?.oid
    };
    let folder = name_of(&standing.worktree)
        .map_err(|text| Box::new(OpResult::Failed { slug: "path-not-text".to_owned(), text }))?;
    let ask = Restore {
        root: PathBuf::from(&env.root),
        locks: standing.locks.clone(),
        run: standing.run.clone(),
        repository: standing.repository.clone(),
        folder,
        sub_dir: returning.sub_dir.clone(),
        branch: env.branch.clone(),
        detached: returning.detached,
        base: env
            .base
            .as_ref()
            .map(|base| git::Base { branch: base.branch.clone(), oid: base.oid.clone() }),
        snapshot: oid,
        slot: (!is_gone(&slot)).then_some(slot),
    };
    env::restore_env(git, &ask).map_err(|err| failed(&err, err.slug()))
}

/// Brings a snapshot over what stands, and remembers what stood.
fn bring_over(
    git: &Git,
    returning: &Returning,
) -> Result<(env::Returned, Snapshot), Box<OpResult>> {
    let Returning { standing, env, .. } = returning;
    let (repo, git_dir) = place(git, standing)?;
    let kept = kept(git, &repo, returning)?;
    let before = take_in(git, &repo, &git_dir, standing, standing.id.as_str())?;
    let same = |taken: &Taken| {
        snapshot::verify(git, &repo, &taken.oid, &standing.worktree, &git_dir)
            .map(|verdict| matches!(verdict, snapshot::Verdict::Same(_)))
            .map_err(|err| failed(&err, err.slug()))
    };
    // Where this is done again after a death half-way, what stands now is kept too, under a name of its own.
    let mut stands = before.clone();
    let mut nth = 1;
    while !same(&stands)? {
        let id = format!("{}-{nth}", standing.id);
        stands = take_in(git, &repo, &git_dir, standing, &id)?;
        nth += 1;
        if nth > HALVES {
            break;
        }
    }
    let root = Path::new(&env.root);
    let mut returned = env::restore_held(git, &standing.locks, root, &kept.oid, &stands)
        .map_err(|err| failed(&err, err.slug()))?;
    if stands.id != before.id {
        let note = format!("what stood changed on the way; that is kept as {}", stands.id);
        returned.notes.push(note);
    }
    Ok((returned, remember(standing, &before)))
}

/// How often what stands is kept anew before a restore gives up: each death half-way leaves one.
const HALVES: u32 = 4;

fn name_of(worktree: &Path) -> Result<String, String> {
    worktree
        .file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned)
        .ok_or_else(|| "its worktree's path has no name".to_owned())
}

/// Writes a snapshot's files into a folder that is not there yet, or is empty.
pub fn copy_to(
    git: &Git,
    repository: &Path,
    snapshot: &SnapshotId,
    to: &Path,
) -> Result<Vec<String>, (String, String)> {
    let told = |slug: &str, err: &dyn std::error::Error| (slug.to_owned(), chain(err));
    let repo = git::discover(git, repository).map_err(|err| told(err.slug(), &err))?;
    let kept = snapshot::find(git, &repo, snapshot.as_str())
        .map_err(|err| told(err.slug(), &err))?
        .ok_or_else(|| {
            let text = format!("{snapshot} is not in the repository {}", repository.display());
            ("snapshot-missing".to_owned(), text)
        })?;
    let restored =
        snapshot::restore_to(git, &repo, &kept.oid, to).map_err(|err| told(err.slug(), &err))?;
    Ok(restored.stashes.iter().map(|stash| format!("a stash: {}", stash.message)).collect())
}

/// Lets snapshots go for good.
pub(super) fn forget(
    git: &Git,
    repository: Option<&Path>,
    locks: &Path,
    snapshots: &[SnapshotId],
) -> OpResult {
    // Of a plain folder there is only what is remembered; its files went with the trash.
    let Some(repository) = repository else {
        return OpResult::Forgotten { snapshots: snapshots.to_vec() };
    };
    let ids: Vec<&str> = snapshots.iter().map(SnapshotId::as_str).collect();
    let gone =
        git::discover(git, repository).map_err(|err| failed(&err, err.slug())).and_then(|repo| {
            snapshot::remove(git, &repo, locks, &ids).map_err(|err| failed(&err, err.slug()))
        });
    match gone {
        Ok(_) => OpResult::Forgotten { snapshots: snapshots.to_vec() },
        Err(failed) => *failed,
    }
}

/// Empties what a snapshot left in the trash.
pub(super) fn purge(git: &Git, trash: &Path, slot: &str, proven: bool) -> Result<(), String> {
    let terms = if proven { Terms::Proven } else { Terms::OnlyCopy };
    env::purge(git, trash, slot, terms).map(|_| ()).map_err(|err| chain(&err))
}

/// Takes a landing back by a commit of its own.
pub(super) fn revert(
    git: &Git,
    repository: &Path,
    locks: &Path,
    of: &OpId,
    what: &Undo,
    run: &str,
) -> OpResult {
    let Undo::Land { target, old, new } = what else {
        return OpResult::Failed {
            slug: "revert-failed".to_owned(),
            text: format!("{of} is no landing"),
        };
    };
    let ask = Revert {
        target: target.clone(),
        old: old.clone(),
        new: new.clone(),
        message: format!("Revert what {run} landed\n\nThis takes back {old}..{new}."),
    };
    let done =
        git::discover(git, repository).and_then(|repo| worktree::revert(git, &repo, locks, &ask));
    match done {
        Ok(Reverting::Reverted { from, to, .. }) => {
            OpResult::Reverted { of: of.clone(), target: target.clone(), old: from, new: to }
        }
        Ok(Reverting::Already { at }) => {
            OpResult::Reverted { of: of.clone(), target: target.clone(), old: at.clone(), new: at }
        }
        Ok(Reverting::NotThere { at }) => not_reverted(
            "not-landed",
            format!("{target} is at {} and does not contain it", text::words(&at, 12)),
            format!("git log {target}"),
        ),
        Ok(Reverting::Conflicts { files }) => {
            let names: Vec<String> =
                files.iter().take(5).map(|file| text::one_line(&file.to_string_lossy())).collect();
            not_reverted(
                "revert-conflicts",
                format!("what came after it touches the same: {}", names.join(", ")),
                format!("git revert {old}..{new}   by hand, on {target}"),
            )
        }
        Ok(Reverting::Refused(refusal)) => super::land::refused(&refusal, target, run),
        Err(err) => OpResult::Failed { slug: err.slug().to_owned(), text: chain(&err) },
    }
}

fn not_reverted(slug: &str, text: String, way: String) -> OpResult {
    OpResult::Refused { slug: slug.to_owned(), text, hints: vec![way], merged: None }
}
