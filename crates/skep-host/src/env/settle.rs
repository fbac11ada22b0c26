//! Owns: the second half of giving an env back: looked at again where it lies now, secured in a snapshot, forgotten by git, and emptied of what the snapshot holds.
//! Never: takes anything away before it is written down what holds it, or what only the trash has.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Cause, EnvError, EnvType, LOGS, OUTPUT, Stage, TMP,
    claim::{drop_root, hold_env, real},
    folder::{files_in, make_dir, make_dirs_below, missing, remove_dir},
    leave::{Leaving, Look, look, private_dir, rename},
    owner::{Owner, State},
};
use crate::{
    git::{self, Git, Repository},
    paths::crash_point,
    salvage::{self, Expendable, Fate, Proof},
    snapshot::{self, Take},
    worktree::{self, Branch, Deleted},
};

/// Where ignored files of an env lie in its slot.
pub(super) const KEPT: &str = "kept";
/// How often files that change under our hands are secured anew.
const TRIES: usize = 3;

/// What a snapshot says of itself, to be remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapped {
    pub id: String,
    pub oid: String,
    pub head: Option<String>,
    pub branch: Option<String>,
    pub files: u64,
    pub bytes: u64,
    pub left_out: Vec<String>,
}

impl From<snapshot::Taken> for Snapped {
    fn from(taken: snapshot::Taken) -> Snapped {
        let snapshot::Taken { id, oid, head, branch, files, bytes, left_out } = taken;
        Snapped { id, oid, head, branch, files, bytes, left_out }
    }
}

/// What was secured of an env before anything of it was taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secure {
    /// None where there was nothing to hold, or nothing to hold it in.
    pub snapshot: Option<Snapped>,
    /// The branch as it was seen then.
    pub branch: Option<Branch>,
    /// Whether that may go.
    pub drop: bool,
    /// Ignored files that only the trash has, below the worktree.
    pub ignored: Vec<PathBuf>,
    /// Ignored files that nobody needs.
    pub expendable: Vec<PathBuf>,
    /// Whether the worktree's folder had been deleted.
    #[serde(default)]
    pub missing: bool,
    /// Whether all of it is the commit that it was made on, which the repository keeps without it: no snapshot needs to hold it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_made: bool,
    pub notes: Vec<String>,
}

impl Secure {
    /// What of the worktree's folder is in no snapshot, below it.
    pub(super) fn beside(&self) -> impl Iterator<Item = &Path> {
        self.ignored.iter().chain(&self.expendable).map(PathBuf::as_path)
    }
}

/// What is left of an env that was given back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// None where there was nothing to hold, or no repository to hold it.
    pub snapshot: Option<Snapped>,
    pub branch: Option<String>,
    pub branch_gone: bool,
    pub head: Option<String>,
    /// Its folder in the trash, where anything stays there.
    pub kept: Option<PathBuf>,
    /// What only the trash has, below the worktree.
    pub ignored: Vec<PathBuf>,
    pub notes: Vec<String>,
}

/// Ends what [`leave`](super::leave) began; killed anywhere, the same call goes on.
///
/// Order: a second look where the env lies now, a snapshot that is proven to hold it, the record of both; then git forgets the worktree, the branch goes where it
/// may, and of an env that did not go by force what the snapshot holds is deleted.
/// Errors: one that was to go only without loss is back in its place; one that goes by force stays in the trash, whole.
pub fn settle(git: &Git, ask: &Leaving) -> Result<Settled, EnvError> {
    let at = || EnvError::at(Stage::Release);
    let root = real(&ask.root);
    let slot = ask.place();
    let Some((_lock, mut owner)) = hold_env(&slot).map_err(at())? else {
        let why = match (missing(&slot).map_err(at())?, missing(&root).map_err(at())?) {
            (true, true) => return Ok(Settled::default()),
            (true, false) => "has not left yet",
            (false, _) => "has no owner record",
        };
        return Err(at()(Cause::Foreign { path: slot, why: why.to_owned() }));
    };
    let foreign = |why: &str| at()(Cause::Foreign { path: slot.clone(), why: why.to_owned() });
    if owner.leaving.as_ref().is_none_or(|leaving| leaving.slot != ask.slot) {
        return Err(foreign("was not left there by this request"));
    }
    if owner.state == State::Released {
        return Ok(told(&owner, &slot));
    }
    // How it was told to leave counts, whoever asks for the rest.
    let ask = &owner.leaving.clone().unwrap_or_else(|| ask.clone());
    let half = |secured: &Secure| -> Result<bool, EnvError> {
        Ok(secured.as_made && !missing(&slot.join(&owner.folder)).map_err(at())?)
    };
    let (secured, proof) = match owner.secured.clone() {
        Some(secured) if !half(&secured)? => (secured, None),
        _ => match secure(git, ask, &root, &slot, &owner) {
            Ok((secured, proof)) => {
                owner.secured = Some(secured.clone());
                owner.write(&slot).map_err(at())?;
                crash_point("settle-secured");
                (secured, proof)
            }
            // By force it stays where it is, and so does what is half gone.
            Err(cause) if ask.force || owner.secured.is_some() => return Err(at()(cause)),
            Err(cause) => return Err(go_back(&root, &slot, owner, cause)),
        },
    };
    finish(git, ask, &slot, owner, secured, proof).map_err(at())
}

/// Puts an env that may not go back to where it was.
fn go_back(root: &Path, slot: &Path, mut owner: Owner, cause: Cause) -> EnvError {
    let back = rename(slot, root).and_then(|()| {
        crash_point("settle-back");
        owner.state = State::Ready;
        owner.leaving = None;
        owner.write(root)
    });
    let left = back.err().map(|error| error.to_string()).into_iter().collect();
    EnvError { stage: Stage::Release, cause, left }
}

/// Looks again, and brings what stands there into a snapshot that is proven to hold it.
fn secure(
    git: &Git,
    ask: &Leaving,
    root: &Path,
    slot: &Path,
    owner: &Owner,
) -> Result<(Secure, Option<Proof>), Cause> {
    let (path, now) = (root.join(&owner.folder), slot.join(&owner.folder));
    // Files that an earlier call has deleted are no changes.
    let again = owner.secured.is_some();
    if !ask.force
        && !again
        && let Look::Work(reasons) = look(git, owner, &path, &now, &ask.fate, &ask.discard)?
    {
        return Err(Cause::Work { reasons });
    }
    let mut secured = Secure {
        snapshot: None,
        branch: None,
        drop: false,
        ignored: Vec::new(),
        expendable: Vec::new(),
        missing: owner.env_type == EnvType::Worktree && missing(&now)?,
        as_made: false,
        notes: Vec::new(),
    };
    let repo = match (owner.env_type, owner.repository()) {
        (EnvType::Worktree, Some(repo)) => repo,
        (EnvType::Worktree, None) => {
            secured.notes.push("its repository is gone: all of it stays in the trash".to_owned());
            return Ok((secured, None));
        }
        (EnvType::Directory, _) if ask.force => {
            secured.notes.push("it has no repository: all of it stays in the trash".to_owned());
            return Ok((secured, None));
        }
        (EnvType::Directory | EnvType::InPlace, _) => return Ok((secured, None)),
    };
    if let (false, Some(found)) = (ask.force, unchanged(git, &repo, ask, owner, (&path, slot))?) {
        secured.as_made = true;
        return Ok((secured, Some(found)));
    }
    let mut proof = None;
    match private_dir(&repo, &path)? {
        Some(git_dir) if !secured.missing || ask.force => {
            if secured.missing {
                // Its index, and what its HEAD holds, are still there to be kept.
                make_dir(&now)?;
            }
            let (snapped, found) = snap(git, &repo, ask, owner, &git_dir, &now)?;
            if secured.missing {
                remove_empty(&now)?;
            }
            crash_point("settle-snapped");
            secured.snapshot = Some(snapped);
            if !secured.missing {
                let expendable = Expendable {
                    discard: &ask.discard,
                    twins: &owner.copied,
                    links: &owner.linked,
                };
                let ignored = salvage::sort_ignored(git, &git_dir, &now, &expendable)?;
                (secured.ignored, secured.expendable) = (ignored.kept, ignored.expendable);
            }
            proof = found;
        }
        Some(_) => secured.notes.push("its folder was gone already".to_owned()),
        None if secured.missing => {
            secured.notes.push("git knew nothing of it any more".to_owned());
        }
        None => secured
            .notes
            .push("git knew no worktree there any more: all of it stays in the trash".to_owned()),
    }
    branch(git, &repo, ask, owner, &mut secured)?;
    Ok((secured, proof))
}

/// The proof that an env is as it was made on a commit, and that nothing was put out beside its worktree; or that the commit was
/// only checked there.
fn unchanged(
    git: &Git,
    repo: &Repository,
    ask: &Leaving,
    owner: &Owner,
    (path, slot): (&Path, &Path),
) -> Result<Option<Proof>, Cause> {
    let now = slot.join(&owner.folder);
    let Some(oid) = owner.made_on() else { return Ok(None) };
    if ask.fate == Fate::Spent && !missing(&now)? {
        return Ok(salvage::spent(git, repo, (path, &now), oid)?);
    }
    if missing(&now)? || !files_in(&slot.join(OUTPUT))?.is_empty() {
        return Ok(None);
    }
    // What marks a step of the preparation as done has no bytes.
    for file in files_in(&slot.join(LOGS))? {
        let at = slot.join(LOGS).join(file);
        let meta = fs::symlink_metadata(&at).map_err(|source| Cause::Io {
            what: "look at",
            path: at.clone(),
            source,
        })?;
        if !meta.is_file() || meta.len() > 0 {
            return Ok(None);
        }
    }
    let expendable =
        Expendable { discard: &ask.discard, twins: &owner.copied, links: &owner.linked };
    Ok(salvage::as_made(git, repo, (path, &now), oid, &expendable)?)
}

/// Takes the snapshot, and anew where something was written meanwhile.
fn snap(
    git: &Git,
    repo: &Repository,
    ask: &Leaving,
    owner: &Owner,
    git_dir: &Path,
    now: &Path,
) -> Result<(Snapped, Option<Proof>), Cause> {
    let take = Take {
        run: &owner.run,
        id: &ask.slot,
        worktree: now,
        git_dir,
        note: &ask.note,
        discard: &ask.discard,
        at_ms: ask.at_ms,
    };
    for _ in 0..TRIES {
        let taken = snapshot::take(git, repo, &ask.locks, &take)?;
        crash_point("settle-taken");
        match snapshot::verify(git, repo, &taken.oid, now, git_dir)? {
            snapshot::Verdict::Same(secured) => {
                return Ok((taken.into(), Some(Proof::of_snapshot(&secured))));
            }
            snapshot::Verdict::Differs(_) => {
                // What it was taken from still stands, all of it.
                snapshot::remove(git, repo, &ask.locks, &[&ask.slot])?;
            }
        }
    }
    Err(Cause::Busy { path: now.to_owned(), run: Some(owner.run.clone()) })
}

/// Sees where the branch stands, and whether it may go: what it holds must be in the snapshot, on another ref or in the target.
fn branch(
    git: &Git,
    repo: &Repository,
    ask: &Leaving,
    owner: &Owner,
    secured: &mut Secure,
) -> Result<(), Cause> {
    let Some(ours) = &owner.branch else { return Ok(()) };
    let base = owner.base.as_ref().map(|base| base.oid.as_str());
    let Some(oid) = git::branch(git, repo, &ours.name)? else {
        secured.notes.push(format!("branch {} was gone already", ours.name));
        return Ok(());
    };
    secured.branch = Some(Branch { oid: oid.clone(), ..ours.clone() });
    if matches!(ask.fate, Fate::KeepBranch | Fate::Spent) {
        return Ok(());
    }
    // A snapshot keeps the commit that was checked out, and so all before it.
    let held = match secured.snapshot.as_ref().and_then(|snapshot| snapshot.head.as_ref()) {
        Some(head) => worktree::is_ancestor(git, repo, &oid, head)?,
        None => false,
    };
    let (seen, reasons) = salvage::branch_reasons(git, repo, &ours.name, base, &ask.fate)?;
    secured.drop = seen.as_ref() == Some(&oid) && (held || reasons.is_empty());
    if !secured.drop {
        secured.notes.push(format!("branch {} stays: only it has its commits", ours.name));
    }
    Ok(())
}

/// Takes away what is secured.
fn finish(
    git: &Git,
    ask: &Leaving,
    slot: &Path,
    mut owner: Owner,
    mut secured: Secure,
    proof: Option<Proof>,
) -> Result<Settled, Cause> {
    let now = slot.join(&owner.folder);
    let repo = owner.repository().filter(|_| owner.env_type == EnvType::Worktree);
    if !ask.force {
        for path in &secured.ignored {
            keep(slot, &now, path)?;
        }
    }
    let proof = match proof {
        // Before git forgets it, so that a killed deletion can be asked about again.
        Some(proof) if secured.as_made => {
            if ask.fate == Fate::Spent {
                remove_dir(&slot.join(OUTPUT))?;
            }
            salvage::delete(proof, &now)?;
            remove_dir(&slot.join(LOGS))?;
            crash_point("settle-as-made");
            None
        }
        proof => proof,
    };
    if let Some(repo) = &repo {
        worktree::unregister(git, repo, &ask.locks, &real(&ask.root).join(&owner.folder))?;
        crash_point("settle-unregistered");
        drop_branch(git, repo, &ask.locks, slot, &owner, &mut secured)?;
        crash_point("settle-branch");
    }
    if let (false, Some(repo), false) = (ask.force, &repo, missing(&now)?) {
        delete(git, repo, slot, &now, &mut secured, proof)?;
        crash_point("settle-deleted");
    }
    owner.state = State::Released;
    owner.secured = Some(secured);
    owner.write(slot)?;
    crash_point("settle-released");
    let done = told(&owner, slot);
    Ok(if tidy(slot, &owner)? { done } else { Settled { kept: None, ..done } })
}

/// Moves an ignored file or folder out of the worktree, where that has not been done.
fn keep(slot: &Path, now: &Path, path: &Path) -> Result<(), Cause> {
    let (from, to) = (now.join(path), slot.join(KEPT).join(path));
    if missing(&from)? {
        return Ok(());
    }
    make_dir(&slot.join(KEPT))?;
    make_dirs_below(&slot.join(KEPT), path.parent().unwrap_or(Path::new("")))?;
    rename(&from, &to)?;
    crash_point("settle-kept");
    Ok(())
}

fn drop_branch(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    slot: &Path,
    owner: &Owner,
    secured: &mut Secure,
) -> Result<(), Cause> {
    let Some(branch) = secured.branch.clone().filter(|_| secured.drop) else { return Ok(()) };
    let elsewhere =
        worktree::list(git, repo)?.iter().any(|known| known.branch.as_ref() == Some(&branch.name));
    let why = if elsewhere {
        "it is checked out elsewhere"
    } else {
        let record = |leaving| {
            let secured = Secure { branch: Some(leaving), ..secured.clone() };
            Owner { secured: Some(secured), ..owner.clone() }.write(slot)
        };
        match worktree::delete_branch(git, repo, locks, &branch, record)? {
            Deleted::Yes | Deleted::Absent => return Ok(()),
            Deleted::NotOurs => "it has moved on, or skep did not make it",
        }
    };
    secured.drop = false;
    secured.notes.push(format!("branch {} stays: {why}", branch.name));
    Ok(())
}

/// Deletes the worktree's files with the proof of this call, or, where an earlier one was killed, with one that compares each of them.
fn delete(
    git: &Git,
    repo: &Repository,
    slot: &Path,
    now: &Path,
    secured: &mut Secure,
    proof: Option<Proof>,
) -> Result<(), Cause> {
    let proof = match (proof, &secured.snapshot) {
        (Some(proof), _) => proof,
        (None, Some(snapshot)) => {
            let copy = slot.join(".copy");
            remove_dir(&copy)?;
            snapshot::restore_to(git, repo, &snapshot.oid, &copy)?;
            let compared = salvage::compare(now, &copy, &secured.expendable);
            remove_dir(&copy)?;
            match compared? {
                Ok(proof) => proof,
                Err(other) => {
                    secured.notes.push(format!(
                        "{} files came into the trash after the snapshot, and stay there",
                        other.len()
                    ));
                    return Ok(());
                }
            }
        }
        (None, None) => {
            secured.notes.push("no snapshot holds its files, they stay in the trash".to_owned());
            return Ok(());
        }
    };
    Ok(salvage::delete(proof, now)?)
}

fn told(owner: &Owner, slot: &Path) -> Settled {
    let secured = owner.secured.clone();
    let branch = owner.branch.as_ref().map(|branch| branch.name.clone());
    let Some(secured) = secured else {
        return Settled { branch, kept: Some(slot.to_owned()), ..Settled::default() };
    };
    let head = secured.snapshot.as_ref().and_then(|snapshot| snapshot.head.clone());
    Settled {
        branch_gone: secured.drop || secured.branch.is_none(),
        head: head.or_else(|| secured.branch.as_ref().map(|branch| branch.oid.clone())),
        snapshot: secured.snapshot,
        branch,
        kept: Some(slot.to_owned()),
        ignored: secured.ignored,
        notes: secured.notes,
    }
}

/// Removes what is empty of a slot, and all of it where nothing is left; says whether anything is.
pub(super) fn tidy(slot: &Path, owner: &Owner) -> Result<bool, Cause> {
    let mut left = false;
    remove_dir(&slot.join(TMP))?;
    for name in [OUTPUT, LOGS, KEPT, &owner.folder] {
        left |= !remove_empty(&slot.join(name))?;
    }
    if !left {
        drop_root(slot)?;
    }
    Ok(left)
}

/// Says whether the folder is gone; one with something in it stays.
pub(super) fn remove_empty(path: &Path) -> Result<bool, Cause> {
    match fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error)
            if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory) =>
        {
            Ok(false)
        }
        Err(source) => Err(Cause::Io { what: "remove", path: path.to_owned(), source }),
    }
}

/// Lets git forget a worktree of which neither the env nor a slot in the trash is left.
pub fn settle_gone(
    git: &Git,
    locks: &Path,
    repository: &Path,
    path: &Path,
    branch: Option<&str>,
) -> Result<Settled, EnvError> {
    let go = || -> Result<Settled, Cause> {
        let path = &real(path.parent().unwrap_or(path)).join(path.file_name().unwrap_or_default());
        let repo = git::discover(git, repository)?;
        worktree::unregister(git, &repo, locks, path)?;
        let head = match branch {
            Some(branch) => git::branch(git, &repo, branch)?,
            None => None,
        };
        Ok(Settled {
            branch: branch.map(str::to_owned),
            branch_gone: head.is_none(),
            head,
            notes: vec!["its folder was gone already".to_owned()],
            ..Settled::default()
        })
    };
    go().map_err(EnvError::at(Stage::Release))
}
