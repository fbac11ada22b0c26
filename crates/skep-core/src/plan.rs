//! Plans: the document that an agent writes and a person reads, and what it comes to.
//!
//! Owns: the grammar of the document, every finding about one in one pass, its composition back, and its waves.
//! Never: reads a file, knows which projects there are, or takes a plan that has a finding.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod block;
mod check;
mod compose;
mod scan;
#[cfg(test)]
mod tests;
mod waves;

pub use check::check;

/// The most of a document that is read. Bytes.
pub const LONGEST: usize = 1 << 20;
/// The sections that each part of a plan has, in their order; all but the first hold a list.
pub const SECTIONS: [&str; 5] = ["Goal", "Scope", "Changes", "Validation", "Risks"];

/// What a document says, as far as it says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Projects in the order of work: those of one group may go side by side.
    pub groups: Vec<Vec<String>>,
    /// What a project waits for, beyond the groups before its own.
    pub needs: BTreeMap<String, Vec<String>>,
    /// What all parts share.
    pub orchestration: String,
    /// By order, then as they stand in the document.
    pub sub_plans: Vec<SubPlan>,
}

/// The part of a plan for one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubPlan {
    /// The name as the project itself has it.
    pub project: String,
    /// Which group it stands in, from 0.
    pub order: usize,
    pub needs: Vec<String>,
    /// Its sections, as they were written.
    pub content: String,
}

impl SubPlan {
    /// Returns what it is to come to, in one line.
    pub fn goal(&self) -> String {
        scan::goal(&self.content)
    }

    /// Returns what may go wrong, one line each.
    pub fn risks(&self) -> Vec<String> {
        scan::risks(&self.content)
    }
}

/// Why a document is no plan yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub kind: Kind,
    pub detail: String,
    /// Where in the document, from 1; none where something is missing.
    pub line: Option<usize>,
}

/// What kind of finding it is. The names are part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    MissingBlock,
    #[serde(rename = "InvalidYAML")]
    InvalidYaml,
    EmptyExecutionGroups,
    MissingOrchestration,
    IncompleteSubPlans,
    UnknownRepos,
    MissingSubPlans,
    UndeclaredSubPlans,
    DuplicateSubPlans,
    /// A need that names nobody, comes too late, or goes in a circle.
    InvalidNeeds,
}

impl Kind {
    /// Returns its name in the contract.
    pub fn word(self) -> &'static str {
        match self {
            Kind::MissingBlock => "MissingBlock",
            Kind::InvalidYaml => "InvalidYAML",
            Kind::EmptyExecutionGroups => "EmptyExecutionGroups",
            Kind::MissingOrchestration => "MissingOrchestration",
            Kind::IncompleteSubPlans => "IncompleteSubPlans",
            Kind::UnknownRepos => "UnknownRepos",
            Kind::MissingSubPlans => "MissingSubPlans",
            Kind::UndeclaredSubPlans => "UndeclaredSubPlans",
            Kind::DuplicateSubPlans => "DuplicateSubPlans",
            Kind::InvalidNeeds => "InvalidNeeds",
        }
    }
}

/// A document that was looked at: what it says, and what stands in its way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Whole where nothing was found; else what could be read.
    pub plan: Plan,
    /// In the order of the document; what is missing stands at the end.
    pub findings: Vec<Finding>,
}

impl Plan {
    /// Returns which projects go side by side, wave after wave.
    ///
    /// A need within a group makes two waves of it. What is already done, or given up, is left out by `skip`.
    pub fn waves(&self, skip: impl Fn(&str) -> bool) -> Vec<Vec<String>> {
        waves::waves(self, skip)
    }

    /// Writes the plan as the document that [`check`] reads back to the same.
    pub fn compose(&self) -> String {
        compose::compose(self)
    }
}

/// The lines of a text, each with whether it stands in a fence of code, or is one.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (&str, bool)> {
    scan::lines(text).into_iter().map(|(kind, line)| (line, kind.is_fenced()))
}
