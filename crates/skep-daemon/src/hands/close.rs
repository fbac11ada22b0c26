//! Giving an env back: what it takes, the way of it, and refusals in words with the ways on.
//!
//! Owns: the order asked, inspected, moved, settled; what a person reads. Never: removes anything itself.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use skep_api::{place::Home, wire::chain};
use skep_core::{
    id::SnapshotId,
    run::{EnvState, EnvType, How, Merged, OpResult, Run},
    snapshot::{Snapshot, Why},
    text,
    time::Timestamp,
};
use skep_host::{
    env::{self, Cause, Leaving, Left, Settled, Snapped, Warrant},
    git::{self, Git, GitError},
    salvage::{self, Fate, Merge, Named, Proof, Reason, Verdict},
    snapshot,
};

use super::trash;
use crate::launch;

mod told;

pub use told::Told;

/// An env that is to go, and what is known of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Going {
    pub leaving: Leaving,
    pub how: How,
    pub env_type: EnvType,
    pub repository: Option<PathBuf>,
    pub worktree: PathBuf,
    pub branch: Option<String>,
    /// The commit that its work is counted from.
    pub base: Option<String>,
    pub target: Option<String>,
    /// Whether skep landed its work.
    pub landed: bool,
    /// Whether somebody else made it.
    pub adopted: bool,
    /// Whether its worktree was made on a commit and no branch.
    #[serde(default)]
    pub detached: bool,
    pub run: String,
    pub snapshot: SnapshotId,
    /// The snapshots that are remembered of the run.
    pub known: Vec<SnapshotId>,
    pub at: Timestamp,
    /// What the forge of its change said; none where it has none, or was not asked.
    #[serde(default)]
    pub told: Option<Told>,
}

/// What a close does to a worktree that was taken over.
const ADOPTED: &str =
    "the worktree stays as it is, and so does whatever runs in it; skep adopt takes it over again";

/// What is to be done to give the env of `run` back.
pub(super) fn going(
    run: &Run,
    home: &Home,
    how: How,
    snapshot: &SnapshotId,
    now: Timestamp,
) -> Result<Going, String> {
    let env = run.env().ok_or("it has no env")?;
    let place = &run.brief.place;
    let fate = match how {
        How::KeepBranch | How::Aged => Fate::KeepBranch,
        How::Smart | How::Force => Fate::DropBranch { target: env.target.clone() },
        How::Spent => Fate::Spent,
    };
    Ok(Going {
        leaving: Leaving {
            root: PathBuf::from(&env.root),
            trash: trash(place, home),
            locks: home.repository_locks(),
            slot: snapshot.to_string(),
            force: how == How::Force,
            fate,
            discard: place.discard.clone(),
            note: format!("{}: {}", run.brief.name, run.brief.title),
            at_ms: i64::try_from(now.0).unwrap_or(i64::MAX),
        },
        how,
        env_type: place.env_type,
        repository: place.repository.as_ref().map(PathBuf::from),
        worktree: PathBuf::from(&env.worktree),
        branch: env.branch.clone(),
        base: env.base.as_ref().map(|base| base.oid.clone()),
        target: env.target.clone(),
        landed: run.landed.is_some(),
        adopted: run.brief.adopted.is_some(),
        detached: place.detached.is_some(),
        run: run.id().to_string(),
        snapshot: snapshot.clone(),
        known: run.snapshots.keys().chain(run.settling.as_ref()).cloned().collect(),
        at: now,
        told: None,
    })
}

/// Gives an env back: one that holds nothing of its own, or by force all that it holds.
pub(super) fn close(git: &Git, going: &Going) -> OpResult {
    let leaving = &going.leaving;
    if going.env_type == EnvType::InPlace {
        // Before anything else: what its worktree names is the user's own checkout.
        return match env::leave(leaving, Warrant::Forced) {
            Ok(_) if going.adopted => closed(going, ADOPTED),
            Ok(_) => closed(going, "your checkout stays as it is"),
            Err(err) => failed(&err, err.slug()),
        };
    }
    if is_gone(&leaving.root) {
        return close_gone(git, going);
    }
    if going.how == How::Spent {
        return close_spent(git, going);
    }
    if going.how == How::Force
        && going.detached
        && let Some(done) = close_unchanged(git, going)
    {
        return done;
    }
    if going.how == How::Force {
        return match env::leave(leaving, Warrant::Forced) {
            Ok(Left::Moved { slot } | Left::Already { slot }) => OpResult::Closed {
                kept_branch: None,
                trash: Some(in_text(&slot)),
                text: match going.env_type {
                    EnvType::Directory => "the folder is in the trash, all of it",
                    EnvType::Worktree | EnvType::InPlace => {
                        "the env is in the trash; a snapshot of all of it is being taken"
                    }
                }
                .to_owned(),
                merged: going.landed.then_some(Merged::Yes),
                snapshot: None,
                unsettled: true,
            },
            Ok(Left::Gone | Left::InPlace) => close_gone(git, going),
            Err(err) => failed(&err, err.slug()),
        };
    }
    let (proof, state) = match ask(git, going) {
        Ok(asked) => asked,
        Err(refused) => return *refused,
    };
    match env::leave(leaving, Warrant::Safe(proof)) {
        Ok(_) => finish(git, going, Some(state)),
        Err(err) => failed(&err, err.slug()),
    }
}

/// Gives an env back in which a commit was checked, with what that left. Where more stands there than a check leaves, all of it
/// is kept as anybody's.
fn close_spent(git: &Git, going: &Going) -> OpResult {
    let leaving = &going.leaving;
    let looked = env::inspect_for(git, &leaving.root, &leaving.fate, &leaving.discard);
    if let Ok(Verdict::Safe(proof)) = looked {
        if let Err(err) = env::leave(leaving, Warrant::Safe(proof)) {
            return failed(&err, err.slug());
        }
        let done = finish(git, going, None);
        if !matches!(done, OpResult::Refused { .. }) || is_gone(&leaving.root) {
            return done;
        }
    }
    let fate = Fate::DropBranch { target: None };
    let leaving = Leaving { force: true, fate, ..going.leaving.clone() };
    close(git, &Going { leaving, how: How::Force, ..going.clone() })
}

/// Gives an env on a commit back that nobody has worked in: where nothing is to be kept, nothing goes to the trash. None where there is something.
fn close_unchanged(git: &Git, going: &Going) -> Option<OpResult> {
    let leaving = Leaving { force: false, ..going.leaving.clone() };
    let gently = Going { leaving, ..going.clone() };
    let leaving = &gently.leaving;
    let looked = env::inspect_for(git, &leaving.root, &leaving.fate, &leaving.discard);
    let Ok(Verdict::Safe(proof)) = looked else { return None };
    if !env::ignored(git, &leaving.root, &proof, &leaving.discard).is_ok_and(|all| all.is_empty()) {
        return None;
    }
    env::leave(leaving, Warrant::Safe(proof)).ok()?;
    let done = finish(git, &gently, Some(Merged::NoChange));
    // What came into it on the way is back in its place, and goes by force.
    (matches!(done, OpResult::Closed { .. }) || is_gone(&leaving.root)).then_some(done)
}

/// Asks whether an env may go without loss. Errors: the answer to the one who wished it gone.
fn ask(git: &Git, going: &Going) -> Result<(Proof, Merged), Box<OpResult>> {
    let failed = |err: &dyn std::error::Error, slug: &str| Box::new(failed(err, slug));
    let leaving = &going.leaving;
    let (state, commits) = merged(git, going).map_err(|err| failed(&err, err.slug()))?;
    let open = going.told.as_ref().is_some_and(|told| told.undecided().is_some());
    let undecided = going.how == How::Smart && (open || !commits.is_empty());
    // Where the branch is a decision of its own, only the rest is looked at.
    let fate = if undecided { &Fate::KeepBranch } else { &leaving.fate };
    let verdict = env::inspect_for(git, &leaving.root, fate, &leaving.discard)
        .map_err(|cause| failed(&cause, cause.slug()))?;
    let proof = match verdict {
        Verdict::Safe(proof) => proof,
        Verdict::Unsafe(reasons) => {
            return Err(Box::new(refused(&reasons, going, state, &commits)));
        }
        Verdict::Unknown(err) => return Err(failed(&err, err.slug())),
    };
    if undecided {
        return Err(Box::new(undecided_of(going, state, &commits)));
    }
    if matches!(going.how, How::Smart | How::Aged) {
        let files = env::ignored(git, &leaving.root, &proof, &leaving.discard)
            .map_err(|cause| failed(&cause, cause.slug()))?;
        if !files.is_empty() {
            return Err(Box::new(refused(&[Reason::Ignored { files }], going, state, &[])));
        }
    }
    Ok((proof, state))
}

/// Closes an env that stands no more: deleted by hand, or moved by a close that was broken off.
fn close_gone(git: &Git, going: &Going) -> OpResult {
    // Only told; nothing goes because of it.
    let state = merged(git, going).map_or(Merged::Unknown, |(state, _)| state);
    let slot = going.leaving.trash.join(&going.leaving.slot);
    if !is_gone(&slot) {
        return finish(git, going, Some(state));
    }
    match broken_off(going) {
        Ok(Some(earlier)) => return finish(git, &earlier, Some(state)),
        Ok(None) => {}
        Err(cause) => return failed(&cause, cause.slug()),
    }
    // What a detached HEAD holds would go with the registration; what was only checked is its author's.
    if going.how != How::Spent
        && let Some(repository) = &going.repository
        && let Ok(repo) = git::discover(git, repository)
    {
        match salvage::inspect(git, &repo, &going.worktree) {
            Verdict::Safe(_) => {}
            Verdict::Unsafe(reasons) => return refused(&reasons, going, state, &[]),
            Verdict::Unknown(err) => return failed(&err, err.slug()),
        }
    }
    finish(git, going, Some(state))
}

/// An earlier close of the same env that moved it and was broken off, so that nobody remembers its slot.
fn broken_off(going: &Going) -> Result<Option<Going>, Cause> {
    for slot in env::read_trash(&going.leaving.trash)? {
        let ours = slot.known && !slot.restored && slot.run.as_ref() == Some(&going.run);
        let Some(snapshot) = slot.name.parse().ok().filter(|id| ours && !going.known.contains(id))
        else {
            continue;
        };
        let leaving = env::read_owner(&slot.path)?.and_then(|owner| owner.leaving);
        if let Some(leaving) = leaving.filter(|leaving| leaving.root == going.leaving.root) {
            let how = if leaving.force { How::Force } else { going.how };
            return Ok(Some(Going { leaving, how, snapshot, ..going.clone() }));
        }
    }
    Ok(None)
}

/// The second half: what was moved comes into its snapshot, and what nobody needs any more goes.
fn finish(git: &Git, going: &Going, state: Option<Merged>) -> OpResult {
    match settle(git, going) {
        Ok(settled) => {
            let text = in_sum(going, &settled, state);
            let snapshot =
                settled.snapshot.as_ref().map(|taken| Box::new(remember(going, taken, &settled)));
            // What lies in the trash without a snapshot is remembered all the same, to come back and to age.
            let heap = || Box::new(remember(going, &nothing_taken(going, &settled), &settled));
            let snapshot = snapshot.or_else(|| settled.kept.is_some().then(heap));
            OpResult::Closed {
                kept_branch: settled.branch.filter(|_| !settled.branch_gone),
                trash: settled.kept.as_deref().map(in_text),
                text,
                merged: state,
                snapshot,
                unsettled: false,
            }
        }
        Err(env::EnvError { cause: Cause::Work { reasons }, .. }) => {
            refused(&reasons, going, state.unwrap_or(Merged::Unknown), &[])
        }
        Err(err) => failed(&err, err.slug()),
    }
}

fn settle(git: &Git, going: &Going) -> Result<Settled, env::EnvError> {
    let leaving = &going.leaving;
    let slot = leaving.trash.join(&leaving.slot);
    let Some(repository) = &going.repository else { return env::settle(git, leaving) };
    if !is_gone(&leaving.root) || !is_gone(&slot) {
        return env::settle(git, leaving);
    }
    let branch = going.branch.as_deref();
    let settled = match git::discover(git, repository) {
        // Neither its files nor its repository are there: nothing is left to be asked or done.
        Err(_) if is_gone(repository) => Settled {
            notes: vec!["its folder and its repository were gone already".to_owned()],
            ..Settled::default()
        },
        _ => env::settle_gone(git, &leaving.locks, repository, &going.worktree, branch)?,
    };
    // One that was killed at its very end has left its snapshot.
    let snapshot = git::discover(git, repository)
        .ok()
        .and_then(|repo| snapshot::list(git, &repo).ok())
        .and_then(|all| {
            all.into_iter().rfind(|kept| {
                let remembered = going.known.iter().any(|known| known.as_str() == kept.id);
                kept.run == going.run && kept.note == leaving.note && !remembered
            })
        });
    let snapshot = snapshot.map(|kept| Snapped {
        id: kept.id,
        oid: kept.oid,
        head: kept.head,
        branch: kept.branch,
        files: kept.files,
        bytes: kept.bytes,
        left_out: kept.left_out,
    });
    Ok(Settled { snapshot, ..settled })
}

/// Brings what a forced close moved to the trash into its snapshot.
pub(super) fn settle_later(git: &Git, going: &Going) -> Result<Box<Snapshot>, String> {
    let settled = settle(git, going).map_err(|err| chain(&err))?;
    let taken = settled.snapshot.clone().unwrap_or_else(|| nothing_taken(going, &settled));
    Ok(Box::new(remember(going, &taken, &settled)))
}

/// What is told of a heap in the trash that no snapshot holds.
fn nothing_taken(going: &Going, settled: &Settled) -> Snapped {
    Snapped {
        id: going.snapshot.to_string(),
        oid: String::new(),
        head: settled.head.clone(),
        branch: going.branch.clone(),
        files: 0,
        bytes: 0,
        left_out: settled.notes.clone(),
    }
}

fn remember(going: &Going, taken: &Snapped, settled: &Settled) -> Snapshot {
    Snapshot {
        // One that an earlier close left has its own.
        id: taken.id.parse().unwrap_or_else(|_| going.snapshot.clone()),
        why: Why::Close,
        at: going.at,
        oid: taken.oid.clone(),
        head: taken.head.clone(),
        branch: taken.branch.clone().or_else(|| going.branch.clone()),
        files: taken.files,
        bytes: taken.bytes,
        left_out: taken.left_out.clone(),
        trash: settled.kept.as_deref().map(in_text),
    }
}

/// Whether the work is in its target, and the commits that are not.
///
/// Errors: git could not be asked, which is no yes; a repository that is not there is an unknown without commits.
fn merged(git: &Git, going: &Going) -> Result<(Merged, Vec<String>), GitError> {
    let (Some(repository), Some(branch), Some(base)) =
        (&going.repository, &going.branch, &going.base)
    else {
        return Ok((Merged::NoChange, Vec::new()));
    };
    // Where there is no repository the inspection asks again, and says what stands there.
    let Ok(repo) = git::discover(git, repository) else {
        return Ok((Merged::Unknown, Vec::new()));
    };
    let Some(tip) = git::branch(git, &repo, branch)? else {
        return Ok((Merged::NoChange, Vec::new()));
    };
    let named = || if tip == *base { Vec::new() } else { vec![text::words(&tip, 12)] };
    let Some(target) = going.target.as_deref() else { return Ok((Merged::NoChange, named())) };
    let word = going.told.as_ref().and_then(Told::word);
    let found = salvage::merged_or_told(git, &repo, &tip, base, target, word.as_ref());
    let lacking = |state| going.told.as_ref().and_then(Told::undecided).unwrap_or(state);
    Ok(match found {
        Merge::Merged { .. } if lacking(Merged::Yes) != Merged::Yes => {
            (lacking(Merged::Yes), Vec::new())
        }
        Merge::Merged { .. } => (Merged::Yes, Vec::new()),
        Merge::NoCommits => (Merged::NoChange, Vec::new()),
        Merge::NotMerged { commits, .. } => {
            // What came after its change was merged is for another one.
            let state = if word.is_some() { Merged::Yes } else { lacking(Merged::NoChange) };
            (state, commits.iter().map(line).collect())
        }
        Merge::NoTarget => (lacking(Merged::Unknown), named()),
        Merge::Unknown(err) => return Err(err),
    })
}

/// A commit in a few words.
fn line(commit: &Named) -> String {
    format!("{} {}", text::words(&commit.oid, 10), text::one_line(&commit.subject))
}

/// Whether an env's folder is missing where folders of envs lie.
pub(super) fn is_gone(root: &Path) -> bool {
    fs::symlink_metadata(root).is_err_and(|err| err.kind() == ErrorKind::NotFound)
}

fn in_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn failed(err: &dyn std::error::Error, slug: &str) -> OpResult {
    OpResult::Failed { slug: slug.to_owned(), text: chain(err) }
}

fn closed(going: &Going, text: &str) -> OpResult {
    OpResult::Closed {
        kept_branch: going.branch.clone(),
        trash: None,
        text: text.to_owned(),
        merged: going.landed.then_some(Merged::Yes),
        snapshot: None,
        unsettled: false,
    }
}

/// So many of `list`, and how many more there are.
fn some(list: &[String], shown: usize) -> String {
    let more = list.len().saturating_sub(shown);
    let shown = list.iter().take(shown).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn force(run: &str, keeps: &str) -> String {
    format!("skep close {run} --force   # gives it up; {keeps} keeps all of it")
}

/// What nobody brought in, in words.
fn lacking(going: &Going, state: Merged, commits: &[String]) -> String {
    let list = some(commits, 5);
    if let Some(told) = &going.told {
        return match (told.undecided(), commits.is_empty()) {
            (Some(_), _) => told.in_words(),
            (None, true) => format!("{}, and nothing came after", told.in_words()),
            (None, false) => {
                format!("these commits are not in it, though {}: {list}", told.in_words())
            }
        };
    }
    match (going.landed, going.target.as_deref(), state) {
        (true, ..) => format!("these commits came after it landed: {list}"),
        (false, None, _) => format!("it has no target that could have its work: {list}"),
        (false, Some(target), Merged::Unknown) => {
            format!("there is no branch {target} here or on a remote to compare it with: {list}")
        }
        (false, Some(target), _) => format!("its work is not in {target}: {list}"),
    }
}

/// The answer to a smart close of work that nobody brought in.
fn undecided_of(going: &Going, state: Merged, commits: &[String]) -> OpResult {
    let run = &going.run;
    let land =
        going.target.is_some().then(|| format!("skep land {run}   # brings it in; then close"));
    let change = going.told.as_ref().map(|told| told.ways(run));
    let first = change.unwrap_or_else(|| land.into_iter().collect());
    let hints = first.into_iter().chain([
        format!("skep close {run} --keep-branch   # removes only the worktree"),
        force(run, "a snapshot"),
    ]);
    OpResult::Refused {
        slug: "close-undecided".to_owned(),
        text: lacking(going, state, commits),
        hints: hints.collect(),
        merged: Some(state),
    }
}

fn in_sum(going: &Going, settled: &Settled, state: Option<Merged>) -> String {
    let what = match going.env_type {
        EnvType::Worktree => "the worktree is gone",
        EnvType::Directory | EnvType::InPlace => "the folder is gone",
    };
    let branch = match (&settled.branch, settled.branch_gone, state) {
        (Some(branch), false, _) => format!(", its commits are on branch {branch}"),
        (Some(branch), true, Some(Merged::Yes)) => {
            format!(", and so is branch {branch}, which had landed")
        }
        (Some(branch), true, _) => format!(", and so is branch {branch}"),
        (None, ..) => String::new(),
    };
    let trash = settled.kept.as_deref().map(|path| {
        let what = if going.leaving.force {
            "all of it"
        } else if settled.ignored.is_empty() {
            "what else stood in the env"
        } else {
            "what git ignores"
        };
        format!(", {what} is in {}", path.display())
    });
    let notes: String =
        settled.notes.iter().map(|note| format!("; {}", text::one_line(note))).collect();
    format!("{what}{branch}{}{notes}", trash.unwrap_or_default())
}

/// The answer to "there is work in it": what, and the ways on.
fn refused(reasons: &[Reason], going: &Going, state: Merged, commits: &[String]) -> OpResult {
    let slug = reasons.first().map_or("worktree-dirty", Reason::slug).to_owned();
    let list: Vec<String> = reasons.iter().map(in_words).collect();
    let mut text = format!("only this env has: {}", list.join("; "));
    if !commits.is_empty() {
        text = format!("{text}; and {}", lacking(going, state, commits));
    }
    OpResult::Refused { slug, text, hints: ways(reasons, &going.run), merged: Some(state) }
}

/// What leads on from each kind of work.
fn ways(reasons: &[Reason], run: &str) -> Vec<String> {
    let has = |what: fn(&Reason) -> bool| reasons.iter().any(what);
    let mut ways = Vec::new();
    let mut way = |way: String| ways.push(way);
    if has(|reason| matches!(reason, Reason::NoRepository { .. })) {
        way(format!("cd \"$(skep path {run})\"   # take what you need"));
    }
    if has(|reason| matches!(reason, Reason::Dirty { .. } | Reason::Untracked { .. })) {
        way(format!("skep sh {run} -- git status   # look at it"));
        way(format!("skep sh {run} -- git add --all"));
        way(format!("skep sh {run} -- git commit   # keeps it; then close again"));
    }
    let detached = reasons.iter().find_map(|reason| {
        if let Reason::Detached { head, .. } = reason { Some(text::words(head, 12)) } else { None }
    });
    if let Some(head) = detached {
        way(format!("git branch NAME {head}   # keeps them on a branch; then close again"));
    }
    if has(|reason| matches!(reason, Reason::UnderWay { .. })) {
        way(format!("skep sh {run} -- git status   # finish or abort it; then close again"));
    }
    if has(|reason| matches!(reason, Reason::Stash { .. })) {
        way(format!("skep sh {run} -- git stash list   # pop or drop them; then close again"));
    }
    let branch = |reason: &Reason| matches!(reason, Reason::Unmerged { .. } | Reason::Stash { .. });
    let ignored = |reason: &Reason| matches!(reason, Reason::Ignored { .. });
    if reasons.iter().all(|reason| ignored(reason) || branch(reason)) {
        let what = if reasons.iter().any(ignored) {
            "keeps them in the trash, and the branch"
        } else {
            "keeps the branch"
        };
        way(format!("skep close {run} --keep-branch   # {what}"));
    }
    if reasons.iter().all(ignored) {
        way("list them under [files] discard in the project's settings, if nobody needs them"
            .to_owned());
    }
    let no_repository = has(|reason| matches!(reason, Reason::NoRepository { .. }));
    way(force(run, if no_repository { "the trash" } else { "a snapshot" }));
    ways
}

fn in_words(reason: &Reason) -> String {
    let files = |what: &str, files: &[PathBuf]| {
        let names: Vec<String> =
            files.iter().map(|file| text::one_line(&file.to_string_lossy())).collect();
        format!("{what}: {}", some(&names, 5))
    };
    match reason {
        Reason::Dirty { files: list } => files("uncommitted changes", list),
        Reason::Untracked { files: list } => files("untracked files", list),
        Reason::Unwatched { files: list } => files("changes that git was told not to see", list),
        Reason::UnderWay { what } => format!("a {what} under way"),
        Reason::Detached { head, commits } => {
            format!(
                "{} on no branch (detached at {})",
                many(*commits, "commit"),
                text::words(head, 12)
            )
        }
        Reason::PrivateRefs { refs } => format!("refs of its own: {}", some(refs, 5)),
        Reason::Submodule { path, commits: 0 } => {
            let path = text::one_line(&path.to_string_lossy());
            format!("submodule {path}, which is checked out (git submodule deinit {path})")
        }
        Reason::Submodule { path, commits } => format!(
            "{} of submodule {} on no remote of it",
            many(*commits, "commit"),
            text::one_line(&path.to_string_lossy())
        ),
        Reason::Nested { paths } => files("repositories of their own", paths),
        Reason::Unmerged { branch, commits } => {
            let commits: Vec<String> = commits.iter().map(line).collect();
            format!("commits of {branch} that have not landed: {}", some(&commits, 5))
        }
        Reason::Stash { branch, entries: 1 } => format!("a stash of {branch}"),
        Reason::Stash { branch, entries } => format!("{entries} stashes of {branch}"),
        Reason::Commits { head } => format!("commits up to {}", text::words(head, 12)),
        Reason::Ignored { files: list } => files("files that git ignores", list),
        Reason::NoRepository { files: list } => files("files that no repository looks after", list),
    }
}

fn many(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Whether a close would go, and what of it; changes nothing.
pub fn preview(run: &Run, home: &Home, how: How, now: Timestamp, told: Option<Told>) -> OpResult {
    let how = run.way_out(how);
    if !matches!(run.env, EnvState::Held(_)) {
        return dry("nothing is left to close".to_owned(), None);
    }
    let going = match going(run, home, how, &run.next_snapshot(), now) {
        Ok(mut going) => {
            going.be_told(told);
            going
        }
        Err(text) => return OpResult::Failed { slug: "close-failed".to_owned(), text },
    };
    if going.env_type == EnvType::InPlace {
        let whose = if going.adopted { "the worktree" } else { "your checkout" };
        return dry(format!("the run would let go of {whose}, which stays as it is"), None);
    }
    let vars = match launch::asker_env(home, run) {
        Ok(vars) => vars,
        Err(text) => return OpResult::Failed { slug: "close-failed".to_owned(), text },
    };
    let git = Git::new(&vars);
    if is_gone(&going.leaving.root) {
        return dry("its folder is gone already; what is left of it would go".to_owned(), None);
    }
    if how == How::Force {
        let state = merged(&git, &going).map_or(Merged::Unknown, |(state, _)| state);
        let text = "the env would go to the trash, and a snapshot would keep all of it".to_owned();
        return dry(text, Some(state));
    }
    match ask(&git, &going) {
        Ok((_, state)) => {
            let branch = match (&going.branch, how) {
                (None, _) => String::new(),
                (Some(branch), How::Smart) => format!(", and so would branch {branch}"),
                (Some(branch), _) => format!(", branch {branch} would stay"),
            };
            dry(format!("the worktree would go{branch}"), Some(state))
        }
        Err(refused) => *refused,
    }
}

fn dry(text: String, merged: Option<Merged>) -> OpResult {
    OpResult::Refused { slug: "dry-run".to_owned(), text, hints: Vec::new(), merged }
}
