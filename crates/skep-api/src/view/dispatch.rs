//! What would be of a dispatch, for whoever only wants to know.

use serde::{Deserialize, Serialize};
use skep_core::run::{Permissions, Surface};

/// A dispatch that was not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispatchView {
    #[serde(rename = "ref")]
    pub reference: String,
    /// Empty where there is no such place.
    pub url: String,
    pub title: String,
    /// `github`, `forgejo`, `folder` or `taskwarrior`.
    pub platform: String,
    pub author: String,
    pub mode: String,
    /// The most freely that the issue lets.
    pub highest: String,
    pub project: String,
    pub repository: String,
    pub agent: String,
    pub surface: Surface,
    pub posture: String,
    pub permissions: Permissions,
    /// The first name that is tried for its branch.
    pub branch: String,
    pub claims: Vec<String>,
    /// What the agent gets to read of the issue, as data.
    pub words: String,
}

/// What a run hears of the issue that it was put at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnIssueView {
    #[serde(rename = "ref")]
    pub reference: String,
    /// Empty where there is no such place.
    pub url: String,
    /// What it says, as data; null where something was written there.
    pub words: Option<String>,
}

/// What came of the wish to free an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreedView {
    #[serde(rename = "ref")]
    pub reference: String,
    /// Who held it; null where nobody did.
    pub freed: Option<HolderView>,
}

/// Who holds an issue, as the claim itself says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderView {
    pub home: String,
    pub run: String,
    pub who: String,
    pub since: String,
}
