//! What a review says: its critiques, how bad each is, and whether a run's work passes with them.
//!
//! Owns: the words of a verdict and how they are read; what is unclear in one counts as the worse.
//! Never: lets work pass that nobody said passes, or decides what follows a review.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::text;

mod read;
#[cfg(test)]
mod tests;

pub use read::read;

/// How many critiques of one review count.
pub const MOST: usize = 64;
/// How long the words of a critique, and those of its suggestion, may be. Characters.
pub const LONGEST: usize = 2_000;
/// How long the name of a file, or of a person, may be. Characters.
pub const NAME: usize = 1_024;

/// How bad it is what a critique says.
///
/// Order: the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Nit,
    Minor,
    Major,
    Critical,
}

impl Severity {
    /// All of them.
    pub const ALL: [Severity; 4] =
        [Severity::Nit, Severity::Minor, Severity::Major, Severity::Critical];

    /// As verdicts and views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Nit => "nit",
            Severity::Minor => "minor",
            Severity::Major => "major",
            Severity::Critical => "critical",
        }
    }

    /// Reads what a reviewer called it: the worst of its words, of which one that is no severity is major.
    pub fn read(said: &str) -> Severity {
        let words = said.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let named = |word: &str| {
            let same = |it: &Severity| it.as_str().eq_ignore_ascii_case(word);
            Severity::ALL.into_iter().find(same).unwrap_or(Severity::Major)
        };
        words.map(named).max().unwrap_or(Severity::Major)
    }
}

/// One finding of a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Critique {
    pub severity: Severity,
    /// As the reviewer named it. None: it is about no file alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Unit: lines of the file, the first is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What is wrong.
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// The person who says so. None: the reviewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Critique {
    /// What it says on one line, such as `major src/pay.rs:42: the total is read twice`.
    pub fn one_line(&self) -> String {
        let (severity, words) = (self.severity.as_str(), text::one_line(&self.text));
        match (self.file.as_deref().map(text::one_line), self.line) {
            (Some(file), Some(line)) => format!("{severity} {file}:{line}: {words}"),
            (Some(file), None) => format!("{severity} {file}: {words}"),
            (None, _) => format!("{severity}: {words}"),
        }
    }

    /// Bounds what it says; what says nothing is left out.
    pub fn cut(self) -> Critique {
        let some = |words: &String| !words.trim().is_empty();
        let short = |words: Option<String>, most: usize| {
            words.filter(some).map(|words| text::words(words.trim(), most))
        };
        Critique {
            severity: self.severity,
            file: short(self.file, NAME),
            line: self.line.filter(|line| *line > 0),
            text: text::words(self.text.trim(), LONGEST),
            suggestion: short(self.suggestion, LONGEST),
            by: short(self.by, NAME),
        }
    }
}

/// What counts of the verdict that a reviewer gave: bounded, and in nobody else's name.
pub fn given(critiques: Vec<Critique>) -> Vec<Critique> {
    cut(critiques.into_iter().map(|critique| Critique { by: None, ..critique }).collect())
}

/// Bounds a whole review.
///
/// Shape: of more than [`MOST`] the worst stay.
/// Order: as they were given.
pub fn cut(critiques: Vec<Critique>) -> Vec<Critique> {
    let mut worst: Vec<(usize, Critique)> = critiques.into_iter().enumerate().collect();
    worst.sort_by_key(|(nth, critique)| (Reverse(critique.severity), *nth));
    worst.truncate(MOST);
    worst.sort_by_key(|(nth, _)| *nth);
    worst.into_iter().map(|(_, critique)| critique.cut()).collect()
}

/// Which critiques a run's work passes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// With none.
    NoCritiques,
    /// With nits alone.
    NitOnly,
    /// With what is minor, and nits.
    #[default]
    MinorOk,
}

impl Threshold {
    /// All of them, the strictest first.
    pub const ALL: [Threshold; 3] =
        [Threshold::NoCritiques, Threshold::NitOnly, Threshold::MinorOk];

    /// As settings and views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Threshold::NoCritiques => "no_critiques",
            Threshold::NitOnly => "nit_only",
            Threshold::MinorOk => "minor_ok",
        }
    }

    /// The worst severity that passes.
    fn most(self) -> Option<Severity> {
        match self {
            Threshold::NoCritiques => None,
            Threshold::NitOnly => Some(Severity::Nit),
            Threshold::MinorOk => Some(Severity::Minor),
        }
    }

    /// Whether work passes of which a review says this.
    pub fn passes(self, critiques: &[Critique]) -> bool {
        critiques.iter().all(|critique| Some(critique.severity) <= self.most())
    }
}
