//! What is asked of a tracker, whichever it is: an issue, a word below it, where it stands.
//!
//! Owns: the trait of every tracker, and why one gave no issue.
//! Never: decides who may be put at an issue (`skep_core::issue` does), or takes a word of one for more than text.

use std::io;

use skep_core::issue::{Issue, Platform, Reference, Status};
use skep_host::git::{Fault, Retry};
use thiserror::Error;

use crate::{
    forgejo::Forgejo,
    github::Github,
    http::{ForgeError, Patience, Token},
    remote::{Kind, Place},
};

#[cfg(test)]
mod contract;
pub mod folder;
mod forge;
mod forgejo;
mod github;
pub mod taskwarrior;

/// The tracker of the repository at `place`; none where skep does not speak to its forge of issues.
pub fn open(place: Place, token: Token, patience: Patience) -> Option<Box<dyn Tracker>> {
    match place.kind {
        Kind::Github => Some(Box::new(Github::new(place, token, patience))),
        Kind::Forgejo => Some(Box::new(Forgejo::new(place, token, patience))),
        Kind::Gitlab => None,
    }
}

/// A tracker, looking at the issues of one place.
///
/// Errors: every method asks the tracker; none of them leaves half a deed that the same call does not make whole.
pub trait Tracker: Send + Sync {
    /// Where it keeps issues.
    fn platform(&self) -> Platform;

    /// The issue as it stands, by its own words: after a transfer its reference is not the one that was asked for.
    fn issue(&self, reference: &Reference) -> Result<Issue, TrackerError>;

    /// Writes `text` below the issue, once for each `key`.
    fn comment(&self, reference: &Reference, text: &str, key: &str) -> Result<(), TrackerError>;

    /// Says where the issue stands; what does already stays as it is, and what is closed is opened by [`Status::Open`] alone.
    fn set_status(&self, reference: &Reference, status: Status) -> Result<(), TrackerError>;
}

/// Why a tracker gave no answer, or not the wished one.
#[derive(Debug, Error)]
pub enum TrackerError {
    /// The tracker answered, and has no such issue. Nothing else is told like this: it alone lets another forge be asked.
    #[error("{at} has no issue `{reference}`")]
    NoIssue { at: String, reference: String },
    /// The reference is of another place than the one that is looked at.
    #[error("`{reference}` is not an issue of {at}")]
    Elsewhere { at: String, reference: String },
    /// The tracker's own file, or what it printed, is not of its form.
    #[error("{at} holds what cannot be read as an issue: {why}")]
    Unreadable { at: String, why: String },
    /// A file or its folder that is no place for an issue: a link, no folder, another's.
    #[error("{at} is no place for issues: {why}")]
    Unfit { at: String, why: String },
    /// The disk did not do it.
    #[error("{doing} {at}")]
    Io {
        doing: &'static str,
        at: String,
        #[source]
        source: io::Error,
    },
    /// The program that keeps the issues is not there, or did not do it.
    #[error("{program} did not answer: {why}")]
    Program { program: String, why: String },
    #[error(transparent)]
    Forge(#[from] ForgeError),
}

impl TrackerError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            TrackerError::NoIssue { .. } => "issue-not-found",
            TrackerError::Elsewhere { .. } => "issue-elsewhere",
            TrackerError::Unreadable { .. } => "issue-unreadable",
            TrackerError::Unfit { .. } => "issue-folder",
            TrackerError::Io { .. } => "issue-io",
            TrackerError::Program { .. } => "tracker-program",
            TrackerError::Forge(error) => error.slug(),
        }
    }

    /// Whether the same again, later, may go better by itself.
    pub fn retry(&self) -> Retry {
        match self {
            TrackerError::Forge(error) => error.retry(),
            TrackerError::Io { .. } | TrackerError::Program { .. } => Retry::After(30_000),
            TrackerError::NoIssue { .. }
            | TrackerError::Elsewhere { .. }
            | TrackerError::Unreadable { .. }
            | TrackerError::Unfit { .. } => Retry::Never,
        }
    }

    /// Whose move it is.
    pub fn fault(&self) -> Fault {
        match self {
            TrackerError::Forge(error) => error.fault(),
            TrackerError::Io { .. } | TrackerError::Program { .. } => Fault::Environment,
            TrackerError::NoIssue { .. }
            | TrackerError::Elsewhere { .. }
            | TrackerError::Unreadable { .. }
            | TrackerError::Unfit { .. } => Fault::User,
        }
    }
}
