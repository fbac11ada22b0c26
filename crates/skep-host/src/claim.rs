//! An issue held for one run where everybody looks who might begin at it: a reference of the remote, or a file beside it.
//!
//! Owns: the taking, which is one atomic deed and only where there is nothing; the reading; the giving back of one's own.
//! Never: writes over somebody's claim, or takes no answer for a no. See docs/design/dispatch.md.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    git::{self, Fault, Git, GitError, Repository, Retry, is_oid},
    paths,
    publish::words,
};

mod file;
mod holder;
mod reference;
#[cfg(test)]
mod tests;

pub use holder::Holder;

/// The longest key. Bytes.
const KEY: usize = 100;
/// How often it is tried again where a claim came and went between two looks.
const TRIES: u32 = 3;

/// Where an issue is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum At {
    /// At the repository's remote of this name.
    Remote { name: String },
    /// At the repository itself, which has no remote.
    Here,
    /// In a file beside the issue.
    File { path: PathBuf },
}

/// What came of the wish for an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "taken", rename_all = "snake_case")]
pub enum Taken {
    /// It is held for the one who wished, now or since a try before.
    Ours,
    Theirs {
        holder: Holder,
    },
}

/// Why nothing is known of a claim, or nothing could be done about it.
#[derive(Debug, Error)]
pub enum ClaimError {
    #[error(transparent)]
    Git(#[from] GitError),
    /// The remote, or the way to it, gave no answer; whether it has the claim is not known.
    #[error("`{remote}` did not say whether the issue is free: {text}")]
    Unanswered { remote: String, text: String },
    /// The remote lets nobody, or not this one, write the reference.
    #[error("`{remote}` does not take the claim: {text}")]
    Refused { remote: String, text: String },
    #[error("`{key}` cannot be the name of a claim")]
    Key { key: String },
    #[error("{what} `{}`", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl ClaimError {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            ClaimError::Git(error) => error.slug(),
            ClaimError::Unanswered { .. } => "claim-unanswered",
            ClaimError::Refused { .. } => "claim-refused",
            ClaimError::Key { .. } => "claim-key",
            ClaimError::Io { .. } => "io",
        }
    }

    /// Whether the same again may go better.
    pub fn retry(&self) -> Retry {
        match self {
            ClaimError::Git(error) => error.retry(),
            ClaimError::Unanswered { .. } | ClaimError::Io { .. } => Retry::After(5_000),
            ClaimError::Refused { .. } | ClaimError::Key { .. } => Retry::Never,
        }
    }

    /// Whose move it is.
    pub fn fault(&self) -> Fault {
        match self {
            ClaimError::Git(error) => error.fault(),
            ClaimError::Unanswered { .. } | ClaimError::Io { .. } => Fault::Environment,
            ClaimError::Refused { .. } | ClaimError::Key { .. } => Fault::User,
        }
    }
}

/// Where the claims of a repository are made: at the remote that is called so, else at itself where it has none.
///
/// Errors: several remotes, and nothing decides.
pub fn place(git: &Git, repo: &Repository) -> Result<At, crate::publish::PublishError> {
    let remote = crate::publish::to_push(git, repo, None)?;
    Ok(remote.map_or(At::Here, |remote| At::Remote { name: remote.name }))
}

/// Takes the issue `key` for `holder`, only where nobody has it; one's own claim stands as it is.
///
/// Order: what is asked twice is one claim, whatever broke off in between.
/// Errors: nobody said whether it is free; then it may be ours, and the same again tells.
pub fn take(
    git: &Git,
    repo: Option<&Repository>,
    at: &At,
    key: &str,
    holder: &Holder,
) -> Result<Taken, ClaimError> {
    require_key(key)?;
    let mut last = None;
    for _ in 0..TRIES {
        let made = match at {
            At::File { path } => file::make(path, holder)?,
            At::Remote { .. } | At::Here => reference::make(git, required(repo)?, at, key, holder)?,
        };
        paths::crash_point("claim.made");
        match made {
            Made::Made => return Ok(Taken::Ours),
            Made::Not { why } => last = Some(why),
        }
        match read(git, repo, at, key)? {
            Some(there) if there.is_same(holder) => return Ok(Taken::Ours),
            Some(there) => return Ok(Taken::Theirs { holder: there }),
            // It was given back in this moment; or the remote does not take it at all.
            None => {}
        }
    }
    Err(ClaimError::Refused { remote: name_of(at), text: last.unwrap_or_default() })
}

/// Who has the issue `key`; none where nobody has.
///
/// Errors: nobody said.
pub fn read(
    git: &Git,
    repo: Option<&Repository>,
    at: &At,
    key: &str,
) -> Result<Option<Holder>, ClaimError> {
    require_key(key)?;
    match at {
        At::File { path } => file::read(path),
        At::Remote { .. } | At::Here => {
            Ok(reference::read(git, required(repo)?, at, key)?.map(|(_, holder)| holder))
        }
    }
}

/// Gives back the issue `key` where `whose` holds it and nobody else; what is gone, or is another's by now, stays as it is.
///
/// Errors: nobody said whether it went.
pub fn let_go(
    git: &Git,
    repo: Option<&Repository>,
    at: &At,
    key: &str,
    whose: &Holder,
) -> Result<Option<Holder>, ClaimError> {
    require_key(key)?;
    match at {
        At::File { path } => file::remove(path, whose),
        At::Remote { .. } | At::Here => reference::remove(git, required(repo)?, at, key, whose),
    }
}

/// What a try to make a claim came to.
enum Made {
    Made,
    /// It was not made, in words of whoever refused.
    Not {
        why: String,
    },
}

fn required(repo: Option<&Repository>) -> Result<&Repository, ClaimError> {
    repo.ok_or_else(|| GitError::NotARepository { path: PathBuf::new() }.into())
}

fn require_key(key: &str) -> Result<(), ClaimError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = (1..=KEY).contains(&key.len()) && !key.starts_with('-') && key.chars().all(plain);
    if fits { Ok(()) } else { Err(ClaimError::Key { key: words(key) }) }
}

fn name_of(at: &At) -> String {
    match at {
        At::Remote { name } => words(name),
        At::Here => "the repository".to_owned(),
        At::File { path } => path.display().to_string(),
    }
}
