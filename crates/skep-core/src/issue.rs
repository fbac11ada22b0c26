//! An issue of a tracker: what it says, who wrote it, and how a run came from it.
//!
//! Owns: the words for issues that no vendor owns, and which mode an agent was put at one in.
//! Never: asks a tracker (`skep-forge` does), or takes a word of an issue for more than text.

use serde::{Deserialize, Serialize};

pub mod taskwarrior;

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
