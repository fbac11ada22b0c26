//! What the prompts about a review are given.

use serde::Serialize;

use super::{Check, CommitStyle};
use crate::prompts::Words;

/// The work of a part is to be looked at by somebody who did not do it.
#[derive(Debug, Clone, Serialize)]
pub struct Review {
    /// What the whole is about: [`Words::about`].
    pub task: Words,
    /// What an outside tracker calls it.
    pub reference: Option<String>,
    /// What all parts share: [`Words::approved`].
    pub orchestration: Words,
    pub project: String,
    /// The part itself: [`Words::approved`].
    pub part: Words,
    /// What the author was told of the project: [`Words::guidance`]; may be empty.
    pub agents_md: Words,
    /// What the work is judged by besides.
    pub validation: Vec<Check>,
    /// The commit that the work began from, as git spells it in full.
    pub base: String,
    /// The commit that is looked at, as git spells it in full.
    pub head: String,
    /// Which review of the part it is, from 1.
    pub cycle: u32,
    /// What was asked and answered: [`Words::answers`]; may be empty.
    pub answers: Words,
    /// What was found before: [`Words::critiques`]; may be empty.
    pub earlier: Words,
    /// What persons say of the work: [`Words::remarks`]; may be empty.
    pub remarks: Words,
}

/// A review ended without a verdict that can be read.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub project: String,
    /// The commit that is looked at, as git spells it in full.
    pub head: String,
}

/// A part does not pass yet, and its author goes on.
#[derive(Debug, Clone, Serialize)]
pub struct Rework {
    pub project: String,
    /// The commit that was looked at last, as git spells it in full; none: nobody has looked yet.
    pub head: Option<String>,
    /// What persons say of the work: [`Words::remarks`]; may be empty.
    pub remarks: Words,
    /// What the reviewer says of it: [`Words::to_settle`]; may be empty, where persons say something.
    pub critiques: Words,
    /// What the work is judged by besides.
    pub validation: Vec<Check>,
    #[serde(skip)]
    pub commit: CommitStyle,
}

/// What a verdict looks like.
#[derive(Debug, Clone, Default, Serialize)]
pub struct VerdictForm {}

/// Work that is to land conflicts with what has landed before it, and its author settles that.
#[derive(Debug, Clone, Serialize)]
pub struct Resolve {
    pub project: String,
    /// The branch that the work is to land on.
    pub target: String,
    /// Where the target stands, as git spells it in full.
    pub onto: String,
    /// What conflicts: [`Words::files`].
    pub files: Words,
    /// What the work is for: [`Words::about`].
    pub task: Words,
    /// What the others say of their commits to these files: [`Words::recorded`]; may be empty.
    pub theirs: Words,
    /// What the work is judged by besides.
    pub validation: Vec<Check>,
    #[serde(skip)]
    pub commit: CommitStyle,
}
