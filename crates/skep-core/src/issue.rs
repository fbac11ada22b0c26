//! An issue of a tracker: what it says, who wrote it, and how a run came from it.
//!
//! Owns: the words for issues that no vendor owns, how people name one, who may be put at which, and in which mode.
//! Never: asks a tracker (`skep-forge` does), or takes a word of an issue for more than text.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

mod admission;
mod reference;
pub mod taskwarrior;
#[cfg(test)]
mod tests;
mod words;

pub use admission::{Admitted, Refused, Rules, admit, heard, may_ask};
pub use reference::{Hosts, NoReference, Reference, parse};
pub use words::{BODY, COMMENT, COMMENTS, TITLE, words};

/// Where issues are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    Github,
    /// Forgejo, and Gitea, whose words are the same.
    Forgejo,
    /// A folder of Markdown files, one to an issue.
    Folder,
    Taskwarrior,
}

impl Platform {
    /// As people and views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Platform::Github => "github",
            Platform::Forgejo => "forgejo",
            Platform::Folder => "folder",
            Platform::Taskwarrior => "taskwarrior",
        }
    }
}

/// How an agent is put at an issue, the most freely first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Cascade,
    Headless,
    Interactive,
    Consult,
}

impl Mode {
    /// As people spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Cascade => "cascade",
            Mode::Headless => "headless",
            Mode::Interactive => "interactive",
            Mode::Consult => "consult",
        }
    }
}

/// The issue that a run is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub platform: Platform,
    /// As everybody spells it: `owner/repo#12`, or what a tracker without repositories calls it.
    pub reference: String,
    /// Where people see it; empty where there is no such place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    pub mode: Mode,
}

impl Origin {
    /// Whether both are one issue, however it was spelled: trackers tell no capitals apart, and files do.
    pub fn is_same(&self, other: &Origin) -> bool {
        self.platform == other.platform
            && match self.platform {
                Platform::Folder => self.reference == other.reference,
                Platform::Github | Platform::Forgejo | Platform::Taskwarrior => {
                    self.reference.eq_ignore_ascii_case(&other.reference)
                }
            }
    }
}

/// An issue, as its tracker told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    pub platform: Platform,
    /// Which one it is, in its tracker's own words: after a transfer not the one that was asked for.
    pub reference: Reference,
    pub title: String,
    /// Somebody else's words, as all of it.
    pub body: String,
    pub open: bool,
    /// As the tracker spells it.
    pub state: String,
    /// Where people see it; empty where there is no such place.
    pub url: String,
    pub author: String,
    pub association: Association,
    pub labels: Vec<String>,
    /// Whether it is a pull request, which trackers number among their issues.
    pub is_change: bool,
    /// Oldest first; of many the last ones.
    pub comments: Vec<Said>,
    /// How many comments there are.
    pub said: u64,
}

/// What somebody wrote below an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub author: String,
    pub association: Association,
    pub text: String,
    pub at: Option<Timestamp>,
}

/// What somebody is to the repository that an issue is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Association {
    Owner,
    /// Of the organisation that owns it.
    Member,
    /// Somebody who was let in.
    Collaborator,
    /// Somebody of whom something was taken.
    Contributor,
    /// A stranger.
    None,
    /// The tracker does not say: to be trusted no more than a stranger.
    Unknown,
}

impl Association {
    /// As settings spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Association::Owner => "owner",
            Association::Member => "member",
            Association::Collaborator => "collaborator",
            Association::Contributor => "contributor",
            Association::None => "none",
            Association::Unknown => "unknown",
        }
    }
}

/// Where an issue stands, as far as skep may say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Open,
    InProgress,
    NeedsReview,
    Blocked,
    Closed,
}

impl Status {
    /// Those that an issue has while it is open, which trackers without states of their own tell by a label of this name.
    pub const LABELS: [Status; 3] = [Status::InProgress, Status::NeedsReview, Status::Blocked];

    /// As people and trackers spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Open => "open",
            Status::InProgress => "in_progress",
            Status::NeedsReview => "needs_review",
            Status::Blocked => "blocked",
            Status::Closed => "closed",
        }
    }
}
