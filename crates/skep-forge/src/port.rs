//! What is asked of a forge, whichever it is.
//!
//! Owns: the trait of every forge, what is proposed, what was seen of a change.
//! Never: speaks HTTP (`http` does), or knows how a vendor spells a thing. See docs/design/forges.md.

use serde::{Deserialize, Serialize};
use skep_core::{
    change::{Change, Check, Comment},
    time::Timestamp,
};

use crate::{
    http::{Budget, ForgeError},
    remote::Kind,
};

pub(crate) mod adapter;
#[cfg(test)]
mod contract;
pub(crate) mod marks;

/// A forge, looking at one repository of it.
///
/// Errors: every method asks the forge; none of them leaves half a deed that the same call does not make whole.
pub trait Forge: Send + Sync {
    /// Which forge it is.
    fn kind(&self) -> Kind;

    /// Sees to it that there is one open change as `wanted`, and only one: finds it by its two branches, or makes it; what differs is
    /// updated.
    ///
    /// The same again changes nothing, and an answer that was lost is found out, not asked for twice. Of the text only our part
    /// is replaced ([`Proposal::body`]); labels and reviewers are added, never taken away.
    fn propose(&self, wanted: &Proposal) -> Result<Proposed, ForgeError>;

    /// The change as it stands.
    fn change(&self, number: u64) -> Result<Change, ForgeError>;

    /// The change with the checks of its head and what people wrote since `since`; of one that is not open only the change.
    fn look(&self, number: u64, since: Option<Timestamp>) -> Result<Seen, ForgeError>;

    /// Whether the branch's rules keep us from pushing to it; `None` where the forge does not say.
    fn protected(&self, branch: &str) -> Result<Option<bool>, ForgeError>;

    /// Makes a draft a change that asks to be merged; one that is none stays as it is.
    fn ready(&self, number: u64) -> Result<Change, ForgeError>;

    /// Writes `text` to the change, once for each `key`.
    fn comment(&self, number: u64, text: &str, key: &str) -> Result<(), ForgeError>;

    /// What the forge last said of how often it may be asked.
    fn budget(&self) -> Option<Budget>;
}

/// A change as it shall stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The branch that is proposed, in the repository itself, pushed.
    pub head: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// Becomes one line, and is cut where it is longer than forges take.
    pub title: String,
    /// Whether a change that is there keeps its own title.
    #[serde(default)]
    pub keeps_title: bool,
    /// Stands between two hidden marks; what people write around them stays, and where they took the marks away nothing is written.
    pub body: String,
    /// Stands below our part in a change that is new, and is other people's from then on: the repository's template.
    #[serde(default)]
    pub below: String,
    #[serde(default)]
    pub draft: bool,
    #[serde(default)]
    pub labels: Vec<String>,
    /// Their names at the forge.
    #[serde(default)]
    pub reviewers: Vec<String>,
}

/// What came of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    pub change: Change,
    /// Whether it was not there before.
    pub made: bool,
    /// What of the proposal the forge did not take, in sentences for people: a label that it does not have, a reviewer.
    #[serde(default)]
    pub left: Vec<String>,
}

/// One look at a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub change: Change,
    /// Those of `change.head`, and of no other commit.
    pub checks: Vec<Check>,
    /// Oldest first; our own are left out.
    pub comments: Vec<Comment>,
    /// What the forge said of its budget.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// How many questions it took, and how many of them cost nothing because nothing was new.
    #[serde(default)]
    pub asked: u32,
    #[serde(default)]
    pub unchanged: u32,
}
