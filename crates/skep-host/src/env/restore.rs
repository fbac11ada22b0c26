//! Owns: an env's coming back: its place, branch and worktree as a snapshot says, and what the trash kept of it.
//! Never: writes over what stands, moves a branch whose tip no snapshot holds, or takes a file out of the trash but by rename.

use std::{
    fs::{self, FileTimes},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Cause, EnvError, EnvType, LOGS, OUTPUT, Stage,
    claim::{Alone, Claim, claim_as, hold_env, real},
    folder::{make_dir, make_dirs_below, missing, remove_file},
    leave::{private_dir, rename},
    owner::{Owner, State, component, mark},
    settle::{KEPT, Secure, tidy},
};
use crate::{
    git::{self, Base, Git, GitError, Repository, is_inside},
    paths::crash_point,
    snapshot::{self, Kept, Secured, SnapshotError, Take, Taken, Verdict},
    worktree::{self, Branch},
};

/// How often a state that changes under our hands is secured anew.
const TRIES: usize = 3;

/// A wish to have a closed env back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// Where it stood.
    pub root: PathBuf,
    pub locks: PathBuf,
    pub run: String,
    /// Any folder in its repository.
    pub repository: PathBuf,
    /// The worktree's name below the root.
    pub folder: String,
    pub sub_dir: PathBuf,
    pub branch: Option<String>,
    /// Whether its worktree was made on the base's commit and on no branch.
    #[serde(default)]
    pub detached: bool,
    pub base: Option<Base>,
    /// The commit of the snapshot to bring back.
    pub snapshot: String,
    /// Where in the trash the rest of it lies, if anywhere.
    pub slot: Option<PathBuf>,
}

/// An env that is back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    pub root: PathBuf,
    pub worktree: PathBuf,
    /// The branch that is checked out; none where HEAD is detached.
    pub branch: Option<String>,
    pub head: Option<String>,
    /// What is not as it was.
    pub notes: Vec<String>,
}

/// How far an env has come back; recorded in it before each step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    pub snapshot: String,
    pub step: Step,
    /// The branch that was chosen for its worktree.
    #[serde(default)]
    pub on: Option<String>,
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What is under way, or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Worktree,
    Files,
    Extras,
    Done,
}

/// Brings a closed env back to where it stood; killed anywhere, the same call goes on.
///
/// Errors: something stands there, the snapshot is not kept, or git could not be asked; nothing of the snapshot or the trash is lost.
pub fn restore_env(git: &Git, ask: &Restore) -> Result<Returned, EnvError> {
    bring(git, ask).map_err(EnvError::at(Stage::Restore))
}

fn bring(git: &Git, ask: &Restore) -> Result<Returned, Cause> {
    component("folder", &ask.folder)?;
    if !is_inside(&ask.sub_dir) {
        let value = ask.sub_dir.display().to_string();
        return Err(Cause::Bad { what: "sub-directory", value, why: "leads out of the worktree" });
    }
    let slot = hold_slot(ask)?;
    let is_folder = slot.as_ref().is_some_and(|slot| slot.owner.env_type == EnvType::Directory);
    // Whatever may be refused is asked before anything is made.
    let source = if is_folder { None } else { Some(find(git, ask)?) };
    let (claim, owner) = claim_back(ask, source.as_ref(), slot.as_ref())?;
    let mut coming = Coming { git, ask, root: claim.root.clone(), owner, notes: Vec::new() };
    if coming.step() != Step::Done {
        if let Some(source) = &source {
            coming.worktree(source)?;
            coming.files(source)?;
        }
        coming.extras(slot)?;
    }
    coming.told(source.as_ref())
}

/// A slot in the trash, held.
struct Held {
    path: PathBuf,
    owner: Owner,
    _lock: Alone,
}

fn hold_slot(ask: &Restore) -> Result<Option<Held>, Cause> {
    let Some(path) = &ask.slot else { return Ok(None) };
    if missing(path)? {
        return Ok(None);
    }
    let foreign = |why: &str| Cause::Foreign { path: path.clone(), why: why.to_owned() };
    let Some((lock, owner)) = hold_env(path)? else {
        return if missing(path)? { Ok(None) } else { Err(foreign("has no owner record")) };
    };
    if owner.run != ask.run {
        return Err(foreign(&format!("belongs to `{}`", owner.run)));
    }
    if owner.state != State::Released {
        return Err(foreign("is not in its snapshot yet"));
    }
    Ok(Some(Held { path: path.clone(), owner, _lock: lock }))
}

/// Where an env comes back from.
struct Source {
    repo: Repository,
    kept: Kept,
}

fn find(git: &Git, ask: &Restore) -> Result<Source, Cause> {
    let repo = git::discover(git, &ask.repository)?;
    let kept = snapshot::list(git, &repo)?
        .into_iter()
        .find(|kept| kept.oid == ask.snapshot)
        .ok_or_else(|| SnapshotError::NoSuch { wanted: ask.snapshot.clone() })?;
    Ok(Source { repo, kept })
}

/// Takes the place of the env, or finds it where an earlier call of the same wish has taken it.
fn claim_back(
    ask: &Restore,
    source: Option<&Source>,
    slot: Option<&Held>,
) -> Result<(Claim, Owner), Cause> {
    let root = real(&ask.root);
    let foreign = |why: &str| Cause::Foreign { path: root.clone(), why: why.to_owned() };
    let (Some(envs), Some(key)) = (root.parent(), root.file_name().and_then(|key| key.to_str()))
    else {
        return Err(foreign("has no name"));
    };
    let mut claim = claim_as(envs, key, &ask.run)?;
    if let Some(owner) = claim.owner.take() {
        let ours = owner.returned.as_ref().is_some_and(|back| back.snapshot == ask.snapshot);
        return if ours && matches!(owner.state, State::Restoring | State::Ready) {
            Ok((claim, owner))
        } else {
            Err(foreign("stands there"))
        };
    }
    let mut owner = match slot {
        Some(slot) => slot.owner.clone(),
        None => Owner::again(ask, key),
    };
    if let Some(source) = source {
        owner.common_dir = Some(source.repo.common_dir.clone());
        owner.checkout.clone_from(&source.repo.top);
    }
    owner.key = key.to_owned();
    owner.folder.clone_from(&ask.folder);
    owner.state = State::Restoring;
    owner.leaving = None;
    owner.secured = None;
    owner.returned = Some(Return {
        snapshot: ask.snapshot.clone(),
        step: Step::Worktree,
        on: None,
        notes: Vec::new(),
    });
    owner.write(&claim.root)?;
    crash_point("return-claimed");
    Ok((claim, owner))
}

/// An env on its way back.
struct Coming<'a> {
    git: &'a Git,
    ask: &'a Restore,
    root: PathBuf,
    owner: Owner,
    notes: Vec<String>,
}

impl Coming<'_> {
    fn step(&self) -> Step {
        self.owner.returned.as_ref().map_or(Step::Worktree, |back| back.step)
    }

    fn on(&self) -> Option<&str> {
        self.owner.returned.as_ref()?.on.as_deref()
    }

    /// Writes down what comes next, with what was to be told so far.
    fn record(&mut self, step: Step) -> Result<(), Cause> {
        if let Some(back) = &mut self.owner.returned {
            back.step = step;
            for note in self.notes.drain(..) {
                if !back.notes.contains(&note) {
                    back.notes.push(note);
                }
            }
        }
        self.owner.write(&self.root)
    }

    fn path(&self) -> PathBuf {
        self.root.join(&self.owner.folder)
    }

    /// Makes the branch and registers the worktree, without files in it.
    fn worktree(&mut self, source: &Source) -> Result<(), Cause> {
        if self.step() != Step::Worktree {
            return Ok(());
        }
        let reason = mark(&self.owner.key);
        let path = self.path();
        let Source { repo, kept } = source;
        self.own_branch(source)?;
        let on = self.choose(source)?;
        crash_point("return-branch");
        let listed = worktree::list(self.git, repo)?.iter().any(|known| known.path == path);
        if !listed || missing(&path)? {
            worktree::forget_torn(self.git, repo, &self.ask.locks, &path, &reason)?;
            clear_torn(&path)?;
            let base = self.owner.base.as_ref().map(|base| base.oid.as_str());
            match (&on, kept.head.as_deref().or(base)) {
                (Some(on), _) => {
                    worktree::register(self.git, repo, &self.ask.locks, &path, on, &reason)?;
                }
                (None, Some(oid)) => {
                    worktree::register_detached(
                        self.git,
                        repo,
                        &self.ask.locks,
                        &path,
                        oid,
                        &reason,
                    )?;
                }
                (None, None) => {
                    return Err(GitError::Unborn { branch: "HEAD".to_owned() }.into());
                }
            }
        }
        crash_point("return-registered");
        self.record(Step::Files)
    }

    /// The env's own branch, which may have gone with it, is made again where it stood.
    fn own_branch(&mut self, source: &Source) -> Result<(), Cause> {
        let Some(branch) = self.owner.branch.clone() else { return Ok(()) };
        if git::branch(self.git, &source.repo, &branch.name)?.is_some() {
            return Ok(());
        }
        let known = git::commit(self.git, &source.repo, &branch.oid)?.is_some();
        let on_it = source.kept.branch.as_ref() == Some(&branch.name);
        let oid = if on_it { source.kept.head.clone() } else { known.then_some(branch.oid) };
        let Some(oid) = oid else { return Ok(()) };
        let branch = Branch::new(&branch.name, &oid, &mark(&self.owner.key));
        self.owner.branch = Some(branch.clone());
        self.owner.write(&self.root)?;
        worktree::create_branch(self.git, &source.repo, &self.ask.locks, &branch)?;
        Ok(())
    }

    /// Chooses the branch that the worktree is to be on: the one it was on where that still stands there and is free, else a new one; none for a detached HEAD.
    fn choose(&mut self, source: &Source) -> Result<Option<String>, Cause> {
        let Source { repo, kept } = source;
        let (Some(was), Some(head)) = (&kept.branch, &kept.head) else { return Ok(None) };
        let make = |name: &str| Branch::new(name, head, &mark(&self.owner.key));
        let names = match self.on() {
            Some(on) => vec![on.to_owned()],
            None => std::iter::once(was.clone())
                .chain([format!("{was}-restored")])
                .chain((2..100).map(|n| format!("{was}-restored-{n}")))
                .collect(),
        };
        let path = self.path();
        for name in &names {
            let elsewhere = worktree::list(self.git, repo)?
                .iter()
                .any(|known| known.branch.as_ref() == Some(name) && known.path != path);
            let at = git::branch(self.git, repo, name)?;
            if elsewhere || at.as_ref().is_some_and(|at| at != head) {
                continue;
            }
            let branch = make(name);
            if name != was {
                // One that happens to be there is somebody else's.
                if at.is_some() && self.on() != Some(name.as_str()) {
                    continue;
                }
                self.notes.push(format!(
                    "branch {was} has moved on or is in use: it is on {name}, as {was} was"
                ));
                self.owner.branch = Some(branch.clone());
            }
            if let Some(back) = &mut self.owner.returned {
                back.on = Some(name.clone());
            }
            self.owner.write(&self.root)?;
            worktree::create_branch(self.git, repo, &self.ask.locks, &branch)?;
            return Ok(Some(name.clone()));
        }
        Err(Cause::NoBranch { tried: names })
    }

    fn files(&mut self, source: &Source) -> Result<(), Cause> {
        if self.step() != Step::Files {
            return Ok(());
        }
        let Source { repo, kept } = source;
        let path = self.path();
        let git_dir = private_dir(repo, &path)?
            .ok_or_else(|| GitError::NotARepository { path: path.clone() })?;
        let proof = match snapshot::empty(&path)? {
            Some(proof) => proof,
            // An earlier call was killed among the files.
            None => self.half(repo, &path, &git_dir)?,
        };
        snapshot::restore_into(self.git, repo, &kept.oid, &path, &git_dir, &proof)?;
        crash_point("return-files");
        let half = self.half_id();
        snapshot::remove(self.git, repo, &self.ask.locks, &[&half])?;
        if let Some(on) = self.on()
            && kept.branch.as_deref() != Some(on)
        {
            name_head(self.git, &git_dir, &path, on)?;
        }
        let stashes = snapshot::restore_stashes(self.git, repo, &self.ask.locks, &kept.oid)?;
        if stashes > 0 {
            self.notes.push(format!("{stashes} stashes are back in the list"));
        }
        self.record(Step::Extras)
    }

    fn half_id(&self) -> String {
        format!("half-{}", self.owner.key)
    }

    /// Secures what a killed call left, since only what is secured may be written over.
    fn half(&self, repo: &Repository, worktree: &Path, git_dir: &Path) -> Result<Secured, Cause> {
        let id = self.half_id();
        let take = Take {
            run: &self.owner.run,
            id: &id,
            worktree,
            git_dir,
            note: "half restored",
            discard: &[],
            at_ms: 0,
        };
        for _ in 0..TRIES {
            let taken = snapshot::take(self.git, repo, &self.ask.locks, &take)?;
            match snapshot::verify(self.git, repo, &taken.oid, worktree, git_dir)? {
                Verdict::Same(secured) => return Ok(secured),
                Verdict::Differs(_) => {
                    snapshot::remove(self.git, repo, &self.ask.locks, &[&id])?;
                }
            }
        }
        Err(Cause::Busy { path: worktree.to_owned(), run: Some(self.owner.run.clone()) })
    }

    /// Brings back what the trash kept, links and copies of the project's checkout, and lends the env again.
    fn extras(&mut self, slot: Option<Held>) -> Result<(), Cause> {
        let worktree = self.path();
        match &slot {
            Some(slot) => {
                move_in(&slot.path.join(KEPT), &worktree)?;
                let from = slot.path.join(&slot.owner.folder);
                if slot.owner.env_type == EnvType::Directory {
                    move_in(&from, &worktree)?;
                }
                for path in slot.owner.secured.iter().flat_map(Secure::beside) {
                    if !move_one(&from, &worktree, path)? {
                        let path = path.display();
                        self.notes.push(format!("`{path}` stays in the trash: its place is taken"));
                    }
                }
                for name in [OUTPUT, LOGS] {
                    move_in(&slot.path.join(name), &self.root.join(name))?;
                }
            }
            None => self.notes.push("the trash has nothing more of it".to_owned()),
        }
        for name in [OUTPUT, LOGS] {
            make_dir(&self.root.join(name))?;
        }
        if missing(&worktree)? {
            make_dir(&worktree)?;
        }
        bring_again(&self.owner, &worktree)?;
        crash_point("return-extras");
        self.owner.state = State::Ready;
        self.record(Step::Done)?;
        crash_point("return-ready");
        if let Some(mut slot) = slot
            && tidy(&slot.path, &slot.owner)?
        {
            slot.owner.returned.clone_from(&self.owner.returned);
            slot.owner.write(&slot.path)?;
        }
        Ok(())
    }

    fn told(self, source: Option<&Source>) -> Result<Returned, Cause> {
        let worktree = self.path();
        let (branch, head) = match source {
            Some(_) => standing(self.git, &worktree)?,
            None => (None, None),
        };
        let notes = self.owner.returned.map(|back| back.notes).unwrap_or_default();
        Ok(Returned { root: self.root, worktree, branch, head, notes })
    }
}

impl Owner {
    /// The record of an env of which nothing is left to copy it from.
    fn again(ask: &Restore, key: &str) -> Owner {
        let at = ask.base.as_ref().map_or("", |base| base.oid.as_str());
        let branch = ask.branch.as_ref().map(|name| Branch::new(name, at, &mark(key)));
        Owner {
            run: ask.run.clone(),
            base: ask.base.clone(),
            sub_dir: ask.sub_dir.clone(),
            branch,
            detached: ask.detached,
            ..Owner::blank(key, &ask.folder)
        }
    }
}

fn standing(git: &Git, worktree: &Path) -> Result<(Option<String>, Option<String>), Cause> {
    let ask = |args: &[&str]| -> Result<Option<String>, GitError> {
        let (code, out) = git.call(worktree).args(args).code(&[0, 1])?;
        Ok((code == 0).then(|| String::from_utf8_lossy(&out).trim().to_owned()))
    };
    let branch = ask(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
    Ok((branch, ask(&["rev-parse", "--verify", "--quiet", "HEAD"])?))
}

fn name_head(git: &Git, git_dir: &Path, worktree: &Path, branch: &str) -> Result<(), Cause> {
    let name = format!("refs/heads/{branch}");
    git.call_at(git_dir, worktree).args(["symbolic-ref", "HEAD", &name]).bytes()?;
    Ok(())
}

/// Removes what a killed `worktree add` left at a place of ours: at most its link to the repository.
fn clear_torn(path: &Path) -> Result<(), Cause> {
    if missing(path)? {
        return Ok(());
    }
    let io = |source| Cause::Io { what: "remove", path: path.to_owned(), source };
    let link = path.join(".git");
    if fs::symlink_metadata(&link).is_ok_and(|meta| meta.is_file()) {
        remove_file(&link)?;
    }
    // Not empty means that it is not ours to take.
    fs::remove_dir(path).map_err(io)
}

/// Moves one thing that git ignores to its place in a worktree, folders and all; a no where something else is in the way.
fn move_one(from: &Path, to: &Path, path: &Path) -> Result<bool, Cause> {
    let (source, target) = (from.join(path), to.join(path));
    if missing(&source)? {
        return Ok(true);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    if !is_inside(path) || !make_dirs_below(to, folder)? {
        return Ok(false);
    }
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    if missing(&target)? {
        keeping_time(&to.join(folder), || rename(&source, &target))?;
        crash_point("return-moved");
        return Ok(true);
    }
    if is_folder(&source) && is_folder(&target) {
        move_in(&source, &target)?;
        return Ok(true);
    }
    Ok(false)
}

/// Does something in a folder that changes its time, and puts that back.
fn keeping_time(folder: &Path, change: impl FnOnce() -> Result<(), Cause>) -> Result<(), Cause> {
    let io = |source| Cause::Io { what: "set the time of", path: folder.to_owned(), source };
    let before = fs::symlink_metadata(folder).and_then(|meta| meta.modified()).map_err(io)?;
    change()?;
    let times = FileTimes::new().set_modified(before);
    fs::File::open(folder).and_then(|dir| dir.set_times(times)).map_err(io)
}

/// Moves what is in one folder into another where nothing of that name stands; times of folders stay as they are.
fn move_in(from: &Path, to: &Path) -> Result<(), Cause> {
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let (source, target) = (from.join(&folder), to.join(&folder));
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |source| Cause::Io { what, path, source }
        };
        if !fs::symlink_metadata(&source).is_ok_and(|meta| meta.is_dir()) {
            continue;
        }
        if missing(&target)? {
            make_dir(&target)?;
        }
        for entry in fs::read_dir(&source).map_err(io("read", &source))? {
            let name = entry.map_err(io("read", &source))?.file_name();
            let (one, other) = (source.join(&name), target.join(&name));
            if missing(&other)? {
                keeping_time(&target, || rename(&one, &other))?;
                crash_point("return-moved");
            } else if fs::symlink_metadata(&other).is_ok_and(|meta| meta.is_dir()) {
                folders.push(folder.join(&name));
            }
        }
    }
    Ok(())
}

/// Makes the links and copies of ignored files of the checkout again, where they are missing.
fn bring_again(owner: &Owner, worktree: &Path) -> Result<(), Cause> {
    let io = |what, path: &Path| {
        let path = path.to_owned();
        move |source| Cause::Io { what, path, source }
    };
    let room = |path: &Path| -> Result<Option<PathBuf>, Cause> {
        let to = worktree.join(path);
        let above = to.parent().is_some_and(|up| {
            up.canonicalize().is_ok_and(|real| real.starts_with(worktree)) && up.is_dir()
        });
        Ok((is_inside(path) && above && missing(&to)?).then_some(to))
    };
    if let Some(checkout) = &owner.checkout {
        for path in &owner.linked {
            if !missing(&checkout.join(path))?
                && let Some(to) = room(path)?
            {
                symlink(checkout.join(path), &to).map_err(io("link", &to))?;
            }
        }
    }
    for twin in &owner.copied {
        if fs::symlink_metadata(&twin.of).is_ok_and(|meta| meta.is_file())
            && let Some(to) = room(&twin.path)?
        {
            fs::copy(&twin.of, &to).map_err(io("copy", &to))?;
        }
    }
    Ok(())
}

/// Brings a snapshot back over an env that stands; `before` is the snapshot of what stands there now.
///
/// Its own branch goes back with it, where a snapshot holds the commit it is on.
/// Errors: something changed since `before`, in use, or git could not be asked; killed half-way, take a new `before` and ask again.
pub fn restore_held(
    git: &Git,
    locks: &Path,
    root: &Path,
    oid: &str,
    before: &Taken,
) -> Result<Returned, EnvError> {
    bring_over(git, locks, root, oid, before).map_err(EnvError::at(Stage::Restore))
}

fn bring_over(
    git: &Git,
    locks: &Path,
    root: &Path,
    oid: &str,
    before: &Taken,
) -> Result<Returned, Cause> {
    let root = real(root);
    let foreign = |why: &str| Cause::Foreign { path: root.clone(), why: why.to_owned() };
    let (_lock, owner) = hold_env(&root)?.ok_or_else(|| foreign("is no env"))?;
    if !matches!(owner.state, State::Ready | State::Leaving) {
        return Err(foreign("is not lent to its run"));
    }
    let worktree = owner.worktree(&root);
    let repo = git::discover(git, &worktree)?;
    let git_dir = worktree::git_dir(git, &worktree)?;
    let proof = match snapshot::verify(git, &repo, &before.oid, &worktree, &git_dir)? {
        Verdict::Same(proof) => proof,
        Verdict::Differs(_) => return Err(SnapshotError::Unsecured { worktree }.into()),
    };
    let back = snapshot::restore_into(git, &repo, oid, &worktree, &git_dir, &proof)?;
    crash_point("restore-over");
    let mut notes = Vec::new();
    if let (true, Some(branch), Some(head)) = (back.detached, &back.branch, &back.head) {
        let ours = owner.branch.as_ref().is_some_and(|ours| ours.name == *branch);
        if ours && take_branch_back(git, &repo, locks, &owner.run, branch, head, &worktree)? {
            name_head(git, &git_dir, &worktree, branch)?;
            notes.push(format!("branch {branch} is back at {head}"));
        } else {
            notes.push(format!("HEAD is detached at {head}: branch {branch} stands elsewhere"));
        }
    }
    let (branch, head) = standing(git, &worktree)?;
    Ok(Returned { root, worktree, branch, head, notes })
}

/// Moves the env's own branch back, if a snapshot of its run holds the commit it leaves and nobody else has it checked out.
fn take_branch_back(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    run: &str,
    branch: &str,
    head: &str,
    worktree: &Path,
) -> Result<bool, Cause> {
    let tip = git::branch(git, repo, branch)?;
    if let Some(tip) = &tip
        && !snapshot::list(git, repo)?
            .iter()
            .any(|kept| kept.run == run && kept.head.as_ref() == Some(tip))
    {
        return Ok(false);
    }
    let elsewhere = worktree::list(git, repo)?
        .iter()
        .any(|known| known.branch.as_deref() == Some(branch) && known.path != worktree);
    Ok(!elsewhere && worktree::move_branch(git, repo, locks, branch, tip.as_deref(), head)?)
}
