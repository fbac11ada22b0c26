//! Owns: a branch moved forward, and the files of its checkout with it.
//! Never: leaves files of a move that was not made, where they can be put back; writes over what nobody has committed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Land, Landing, Refusal, git_dir, in_the_way, is_ancestor, the_checkout, write_lock};
use crate::{
    git::{self, Git, GitError, Repository, ref_exists, require_oid},
    paths::{self, PathError},
};

/// A ref that must stand where it was seen for a branch to move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guard<'a> {
    pub(crate) name: &'a str,
    pub(crate) oid: &'a str,
}

/// What came of a move.
pub(crate) enum Forward {
    Landing(Landing),
    /// The guard stands elsewhere; nothing has moved.
    Unguarded,
}

/// Moves the target forward to a commit, in its checkout where it has one, while the guard stands.
///
/// The files come first: killed then, the same move goes on, and another one puts them back.
/// Errors: git could not be asked, or failed; whether the target moved is then seen by asking again.
pub(crate) fn forward(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    land: &Land,
    guard: Option<Guard<'_>>,
) -> Result<Forward, GitError> {
    let (expected, new) = (require_oid(&land.expected)?, require_oid(&land.new)?);
    let refused = |refusal| Ok(Forward::Landing(Landing::Refused(refusal)));
    let name = format!("refs/heads/{}", land.target);
    let _writer = write_lock(repo, locks)?;
    let Some(at) =
        (if ref_exists(git, repo, &name)? { git::commit(git, repo, &name)? } else { None })
    else {
        return refused(Refusal::TargetMissing);
    };
    if git::commit(git, repo, new)?.is_none() {
        return Err(GitError::NoSuchRef { wanted: new.to_owned() });
    }
    if is_ancestor(git, repo, new, &at)? {
        // Killed after the last step but one.
        if let Ok(Some(checkout)) = the_checkout(git, repo, &land.target)? {
            Begun::of(git, &checkout)?.end()?;
        }
        return Ok(Forward::Landing(Landing::Already { at }));
    }
    if at != expected {
        return refused(Refusal::TargetMoved { at });
    }
    if !is_ancestor(git, repo, &at, new)? {
        return refused(Refusal::NotFastForward { at });
    }
    let checkout = match the_checkout(git, repo, &land.target)? {
        Ok(checkout) => checkout,
        Err(refusal) => return refused(refusal),
    };
    let moving = Moving { git, repo, name, at, new: new.to_owned(), guard };
    let moved = match &checkout {
        Some(checkout) => moving.with_files(checkout)?,
        None => moving.the_ref(repo.seat())?,
    };
    Ok(match moved {
        Moved::Yes => {
            let (from, to) = (moving.at, moving.new);
            Forward::Landing(Landing::Landed { from, to, checkout })
        }
        Moved::Refused(refusal) => Forward::Landing(Landing::Refused(refusal)),
        Moved::Unguarded => Forward::Unguarded,
    })
}

enum Moved {
    Yes,
    Refused(Refusal),
    Unguarded,
}

/// A move that is decided on.
struct Moving<'a> {
    git: &'a Git,
    repo: &'a Repository,
    /// The branch's ref.
    name: String,
    at: String,
    new: String,
    guard: Option<Guard<'a>>,
}

impl Moving<'_> {
    /// Moves the ref where it and the guard stand as they were seen, in one transaction.
    fn the_ref(&self, dir: &Path) -> Result<Moved, GitError> {
        let mut told = String::from("start\0");
        if let Some(guard) = self.guard {
            told.push_str(&format!("verify {}\0{}\0", guard.name, require_oid(guard.oid)?));
        }
        told.push_str(&format!("update {}\0{}\0{}\0", self.name, self.new, self.at));
        told.push_str("prepare\0commit\0");
        let plain = ["update-ref", "-m", "skep: land", "--stdin", "-z"];
        let call = self.git.call(dir).args(plain);
        let moved = call.stdin(told.into_bytes()).output()?;
        if moved.status.success() {
            return Ok(Moved::Yes);
        }
        if let Some(guard) = self.guard
            && !self.is_at(guard.name, guard.oid)?
        {
            return Ok(Moved::Unguarded);
        }
        match git::commit(self.git, self.repo, &self.name)? {
            Some(now) if now != self.at => Ok(Moved::Refused(Refusal::TargetMoved { at: now })),
            _ => Err(GitError::Failed {
                args: vec!["update-ref".to_owned(), self.name.clone()],
                code: moved.code(),
                stderr: moved.complaint(),
            }),
        }
    }

    /// Whether a ref stands there; it may name something else than a commit.
    fn is_at(&self, name: &str, oid: &str) -> Result<bool, GitError> {
        let ask = ["rev-parse", "--verify", "--quiet", "--end-of-options", name];
        let (code, out) = self.git.call(self.repo.seat()).args(ask).code(&[0, 1, 128])?;
        Ok(code == 0 && String::from_utf8_lossy(&out).trim() == oid)
    }

    /// Moves the files of the checkout and then the ref; where that will not be moved, the files go back.
    fn with_files(&self, checkout: &Path) -> Result<Moved, GitError> {
        let begun = Begun::of(self.git, checkout)?;
        if let Some(refusal) = self.go_back(checkout, &begun)? {
            return Ok(Moved::Refused(refusal));
        }
        if let Some(refusal) = in_the_way(self.git, checkout, &self.at, &self.new)? {
            return Ok(Moved::Refused(refusal));
        }
        begun.write(&self.at, &self.new)?;
        turn(self.git, checkout, &self.at, &self.new)?;
        let moved = match self.the_ref(checkout) {
            // Where it cannot be read either, the note stays, and the next landing puts the files back.
            Err(err) => match git::commit(self.git, self.repo, &self.name)? {
                Some(now) if now == self.new => Ok(Moved::Yes),
                Some(now) if now == self.at => Err(err),
                _ => return Err(err),
            },
            told => told,
        };
        if !matches!(moved, Ok(Moved::Yes)) {
            turn(self.git, checkout, &self.new, &self.at)?;
        }
        begun.end()?;
        moved
    }

    /// Puts the files back that a move to another commit left there when it was killed.
    fn go_back(&self, checkout: &Path, begun: &Begun) -> Result<Option<Refusal>, GitError> {
        let Some((from, to)) = begun.read()? else { return Ok(None) };
        if from != self.at || to == self.new {
            return Ok(None);
        }
        match turn(self.git, checkout, &to, &from) {
            Ok(()) => begun.end().map(|()| None),
            Err(GitError::Failed { .. }) => {
                let why = format!("files of a landing of {to} that was cut off have changed since");
                Ok(Some(Refusal::TargetBusy { checkout: checkout.to_owned(), why }))
            }
            Err(err) => Err(err),
        }
    }
}

/// The note in a checkout that its files are on their way from one commit to another.
struct Begun {
    file: PathBuf,
}

impl Begun {
    fn of(git: &Git, checkout: &Path) -> Result<Begun, GitError> {
        Ok(Begun { file: git_dir(git, checkout)?.join("skep-landing") })
    }

    fn read(&self) -> Result<Option<(String, String)>, GitError> {
        let text = match fs::read_to_string(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(self.failed("read"))?,
        };
        let pair = text.trim().split_once(' ');
        let oids = pair.filter(|(from, to)| git::is_oid(from) && git::is_oid(to));
        Ok(oids.map(|(from, to)| (from.to_owned(), to.to_owned())))
    }

    fn write(&self, from: &str, to: &str) -> Result<(), GitError> {
        paths::write_atomically(&self.file, format!("{from} {to}\n").as_bytes()).map_err(|error| {
            match error {
                PathError::Io { source, .. } => self.failed("write")(source),
                error @ PathError::NotPrivate { .. } => {
                    self.failed("write")(io::Error::other(error))
                }
            }
        })
    }

    fn end(&self) -> Result<(), GitError> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(self.failed("remove")),
        }
    }

    fn failed(&self, what: &'static str) -> impl Fn(io::Error) -> GitError {
        move |source| GitError::Io { what, path: self.file.clone(), source }
    }
}

/// Turns the index and the files of a checkout from one commit into another, where nothing uncommitted is in the way.
fn turn(git: &Git, checkout: &Path, from: &str, to: &str) -> Result<(), GitError> {
    // Files that are only newer than the index believes are not changed.
    let refresh = ["update-index", "-q", "--refresh", "--ignore-submodules"];
    git.call(checkout).args(refresh).output()?;
    let lock = git_dir(git, checkout)?.join("index.lock");
    let plain = ["read-tree", "-m", "-u", "--no-recurse-submodules"];
    match git.call(checkout).args(plain).args([require_oid(from)?, require_oid(to)?]).bytes() {
        Err(GitError::Failed { .. }) if fs::symlink_metadata(&lock).is_ok() => {
            Err(GitError::Locked { lock })
        }
        other => other.map(drop),
    }
}
