//! Owns: the making of an env, step by step, each recorded before it is done.
//! Never: leaves behind what a failed call has made.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Cause, Created, EnvError, EnvType, LOGS, OUTPUT, Prepare, Prepared, Stage, attach,
    claim::{LOCK, claim, drop_root},
    files::{self, Brought},
    folder::{below, make_dir, make_dirs_below},
    owner::{Owner, State, component, mark},
    place::{occupy, place_lock},
    reuse::reuse,
    undo::{halfway, take_back},
};
use crate::{
    git::{self, Base, FetchOutcome, Git, GitError, Repository, is_inside},
    worktree::{self, Branch},
};

/// A worktree that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct Creating<'a> {
    /// The folder of the repository that git is asked in.
    pub repository: &'a Path,
    /// None for one on a commit and no branch.
    pub branch: Option<&'a str>,
    pub base: &'a Base,
}

/// Makes an env, or finds the one that an earlier call for the same run made.
pub fn prepare(git: &Git, ask: &Prepare) -> Result<Prepared, EnvError> {
    prepare_asking(git, ask, &mut |_| Ok(()))
}

/// Makes an env like [`prepare`], and asks `may` before a branch and a worktree are made; one that stands is used unasked.
///
/// Order: nothing is touched before the request is checked and the env's folder claimed; each step is recorded before it is done.
/// Errors: whatever fails, what this call made is gone again, and the error names what is not.
pub fn prepare_asking(
    git: &Git,
    ask: &Prepare,
    may: &mut dyn FnMut(Creating<'_>) -> Result<(), String>,
) -> Result<Prepared, EnvError> {
    check(ask).map_err(EnvError::at(Stage::Request))?;
    let mut claim = claim(ask).map_err(EnvError::at(Stage::Claim))?;
    let known = claim.owner.take();
    if let Some(owner) = known.clone().filter(|owner| owner.state != State::Preparing) {
        return reuse(git, ask, &claim, &owner);
    }
    let mut making = Making {
        git,
        ask,
        root: claim.root.clone(),
        owner: Owner::of(ask),
        created: Vec::new(),
        notes: Vec::new(),
        stage: Stage::Record,
    };
    if claim.made {
        making.created.push(Created::Root { path: claim.root.clone() });
    }
    if let Some(old) = known {
        // What a killed call left is taken away first, and only its base kept.
        let left = take_back(git, &ask.locks, &claim.root, &old);
        if !left.is_empty() {
            return Err(halfway(Stage::Undo, &claim.root, left));
        }
        making.owner.base = old.base;
    }
    let made = making.run(may);
    made.map_err(|cause| {
        let stage = making.stage;
        let mut left = take_back(git, &ask.locks, &claim.root, &making.owner);
        if left.is_empty() {
            left.extend(drop_root(&claim.root).err().map(|error| error.to_string()));
        }
        EnvError { stage, cause, left }
    })
}

fn check(ask: &Prepare) -> Result<(), Cause> {
    let bad =
        |what, value: &dyn ToString, why| Err(Cause::Bad { what, value: value.to_string(), why });
    for (what, path) in [("env folder", &ask.envs), ("lock folder", &ask.locks)] {
        if !path.is_absolute() {
            return bad(what, &path.display(), "is no absolute path");
        }
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if !(12..=64).contains(&ask.key.len()) || !ask.key.chars().all(plain) {
        return bad("key", &ask.key, "is not 12 to 64 characters of 0-9 a-z _ -");
    }
    if ask.run.is_empty()
        || ask.run.len() > 64
        || !ask.run.chars().all(|c| plain(c) || c.is_ascii_uppercase())
    {
        return bad("run id", &ask.run, "is not 1 to 64 characters of 0-9 a-z A-Z _ -");
    }
    component("project", &ask.project)?;
    component("name", &ask.name)?;
    if !is_inside(&ask.sub_dir) {
        return bad("sub-directory", &ask.sub_dir.display(), "does not stay in the worktree");
    }
    if ask.env_type != EnvType::Directory
        && ask.repository.as_ref().is_none_or(|path| !path.is_absolute())
    {
        return bad("repository", &format!("{:?}", ask.repository), "is no absolute path");
    }
    if ask.env_type == EnvType::Worktree && ask.detached.is_none() && ask.branches.is_empty() {
        return bad("branches", &"", "names none");
    }
    if let Some(oid) = &ask.detached {
        if ask.env_type != EnvType::Worktree {
            return bad("commit", oid, "is for a worktree");
        }
        if !git::is_oid(oid) {
            return bad("commit", oid, "is no full name of one");
        }
    }
    Ok(())
}

/// An env being made.
struct Making<'a> {
    git: &'a Git,
    ask: &'a Prepare,
    root: PathBuf,
    owner: Owner,
    created: Vec<Created>,
    notes: Vec<String>,
    stage: Stage,
}

impl Making<'_> {
    fn run(
        &mut self,
        may: &mut dyn FnMut(Creating<'_>) -> Result<(), String>,
    ) -> Result<Prepared, Cause> {
        self.stage = Stage::Record;
        self.record()?;
        for name in [OUTPUT, LOGS] {
            make_dir(&self.root.join(name))?;
        }
        let fetch = match self.ask.env_type {
            EnvType::Worktree => self.worktree(may)?,
            EnvType::Directory => {
                make_dir(&self.root.join(&self.owner.folder))?;
                make_dirs_below(&self.root.join(&self.owner.folder), &self.ask.sub_dir)?;
                None
            }
            EnvType::InPlace => {
                self.in_place()?;
                None
            }
        };
        self.stage = Stage::SubDir;
        let mut prepared = prepared(self.ask, &self.root, &self.owner)?;
        self.stage = Stage::Record;
        self.owner.state = State::Ready;
        self.record()?;
        prepared.created.append(&mut self.created);
        prepared.notes.append(&mut self.notes);
        prepared.fetch = fetch;
        Ok(prepared)
    }

    fn record(&self) -> Result<(), Cause> {
        self.owner.write(&self.root)
    }

    fn repository(&self) -> Result<Repository, Cause> {
        let given = self.ask.repository.as_deref().unwrap_or(Path::new(""));
        Ok(git::discover(self.git, given)?)
    }

    fn worktree(
        &mut self,
        may: &mut dyn FnMut(Creating<'_>) -> Result<(), String>,
    ) -> Result<Option<FetchOutcome>, Cause> {
        self.stage = Stage::Repository;
        let repo = self.repository()?;
        self.stage = Stage::Fetch;
        let fetch = match self.ask.fetch_ms {
            0 => None,
            // A commit is what it is.
            _ if self.ask.detached.is_some() => None,
            ms => Some(git::fetch(self.git, &repo, &self.ask.locks, Duration::from_millis(ms))?),
        };
        self.stage = Stage::Base;
        let mut base = self.base(&repo)?;
        let standing = attach::standing(self.git, &repo, self.ask)?;
        if let Some(branch) = &standing {
            // The work of this env starts where the branch stands.
            base.oid.clone_from(&branch.oid);
        }
        self.stage = Stage::Hook;
        self.may_be_made(&repo, standing.as_ref(), &base, may)?;
        self.stage = Stage::Base;
        self.owner.common_dir = Some(repo.common_dir.clone());
        self.owner.checkout.clone_from(&repo.top);
        self.owner.base = Some(base.clone());
        self.stage = Stage::Branch;
        let branch = match (standing, &self.ask.detached) {
            (_, Some(_)) => {
                self.record()?;
                None
            }
            (Some(branch), None) => {
                self.owner.branch = Some(branch.clone());
                self.record()?;
                Some(branch)
            }
            (None, None) => Some(self.branch(&repo, &base.oid)?),
        };
        self.stage = Stage::Worktree;
        let path = self.root.join(&self.owner.folder);
        let (locks, mark) = (&self.ask.locks, mark(&self.ask.key));
        match &branch {
            Some(branch) => {
                worktree::register(self.git, &repo, locks, &path, &branch.name, &branch.mark)?;
            }
            None => {
                worktree::register_detached(self.git, &repo, locks, &path, &base.oid, &mark)?;
            }
        }
        self.created.push(Created::Worktree { path: path.clone() });
        self.stage = Stage::Checkout;
        worktree::checkout(self.git, &path)?;
        self.stage = Stage::Files;
        if let Some(from) = repo.top {
            let brought = files::bring(self.git, self.ask, &from, &path)?;
            self.note(brought);
        }
        Ok(fetch)
    }

    fn may_be_made(
        &self,
        repo: &Repository,
        standing: Option<&Branch>,
        base: &Base,
        may: &mut dyn FnMut(Creating<'_>) -> Result<(), String>,
    ) -> Result<(), Cause> {
        let branch = match standing {
            _ if self.ask.detached.is_some() => None,
            Some(branch) => Some(branch.name.as_str()),
            None => match attach::free_name(self.git, repo, self.ask)? {
                Some(name) => Some(name.as_str()),
                // Where no name is left, there is nothing to ask about.
                None => return Ok(()),
            },
        };
        may(Creating { repository: repo.seat(), branch, base })
            .map_err(|text| Cause::Vetoed { text })
    }

    fn note(&mut self, brought: Brought) {
        let linked = brought.linked.iter().cloned().map(|path| Created::Linked { path });
        let copied = brought.copied.iter().map(|twin| Created::Copied { path: twin.path.clone() });
        self.created.extend(linked.chain(copied));
        self.owner.linked = brought.linked;
        self.owner.copied = brought.copied;
        self.notes.extend(brought.notes);
    }

    /// A base that a killed call had settled on stands, even where the default has moved since.
    fn base(&self, repo: &Repository) -> Result<Base, Cause> {
        if let Some(oid) = &self.ask.detached {
            // An object that only leads to a commit is not that commit.
            return match git::commit(self.git, repo, oid)?.filter(|found| found == oid) {
                Some(oid) => Ok(Base { branch: self.ask.base.clone().unwrap_or_default(), oid }),
                None => Err(GitError::NoSuchRef { wanted: oid.clone() }.into()),
            };
        }
        if let Some(known) = &self.owner.base
            && git::commit(self.git, repo, &known.oid)?.is_some()
        {
            return Ok(known.clone());
        }
        Ok(git::base(self.git, repo, self.ask.base.as_deref())?)
    }

    /// Makes the first branch whose name is free, recording each before it is tried.
    fn branch(&mut self, repo: &Repository, oid: &str) -> Result<Branch, Cause> {
        let mut refused = None;
        for name in &self.ask.branches {
            let branch = Branch::new(name, oid, &mark(&self.ask.key));
            self.owner.branch = Some(branch.clone());
            self.record()?;
            match worktree::create_branch(self.git, repo, &self.ask.locks, &branch) {
                Ok(true) => {
                    self.created.push(Created::Branch {
                        name: branch.name.clone(),
                        oid: branch.oid.clone(),
                    });
                    return Ok(branch);
                }
                Ok(false) => {}
                // Another name may do: one that needs a folder where a branch stands does not.
                Err(error @ GitError::Failed { .. }) => refused = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        self.owner.branch = None;
        Err(refused
            .map_or_else(|| Cause::NoBranch { tried: self.ask.branches.clone() }, Cause::from))
    }

    fn in_place(&mut self) -> Result<(), Cause> {
        self.stage = Stage::Repository;
        let repo = self.repository()?;
        let Some(top) = repo.top.clone() else {
            let path = self.ask.repository.clone().unwrap_or_default();
            return Err(Cause::Foreign { path, why: "has no checkout to work in".to_owned() });
        };
        self.stage = Stage::Base;
        let (code, name) = self
            .git
            .call(&top)
            .args(["symbolic-ref", "--quiet", "--short", "HEAD"])
            .code(&[0, 1])?;
        let branch = if code == 0 {
            String::from_utf8_lossy(&name).trim().to_owned()
        } else {
            "HEAD".to_owned()
        };
        let oid = git::commit(self.git, &repo, "HEAD")?
            .ok_or_else(|| GitError::Unborn { branch: branch.clone() })?;
        self.owner.common_dir = Some(repo.common_dir);
        self.owner.checkout = Some(top.clone());
        self.owner.base = Some(Base { branch, oid });
        self.stage = Stage::Claim;
        occupy(self.ask, &self.root, &top)?;
        self.record()
    }
}

/// Describes an env as its record and its folders say.
pub(super) fn prepared(ask: &Prepare, root: &Path, owner: &Owner) -> Result<Prepared, Cause> {
    let worktree = owner.worktree(root);
    let cwd = below(&worktree, &ask.sub_dir)?;
    let in_place_branch =
        || owner.base.as_ref().map(|base| base.branch.clone()).filter(|branch| branch != "HEAD");
    let (branch, lock, setup) = match (owner.env_type, &owner.checkout) {
        (EnvType::InPlace, Some(top)) => (in_place_branch(), place_lock(&ask.locks, top), None),
        _ => (
            owner.branch.as_ref().map(|branch| branch.name.clone()),
            root.join(LOCK),
            find_setup(&worktree, &ask.sub_dir),
        ),
    };
    Ok(Prepared {
        root: root.to_owned(),
        env_type: owner.env_type,
        worktree,
        cwd,
        lock,
        output: root.join(OUTPUT),
        logs: root.join(LOGS),
        common_dir: owner.common_dir.clone(),
        branch,
        base: owner.base.clone(),
        setup,
        created: Vec::new(),
        reused: false,
        fetch: None,
        notes: Vec::new(),
    })
}

/// The set-up script nearest to the sub-directory, going up, as a file of the worktree itself.
fn find_setup(worktree: &Path, sub_dir: &Path) -> Option<PathBuf> {
    let is_script = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file());
    sub_dir.ancestors().map(|dir| worktree.join(dir).join(".worktree-setup")).find(is_script)
}
