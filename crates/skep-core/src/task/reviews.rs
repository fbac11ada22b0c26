//! The reviews of a part: how often it was looked at, what was found, and what may still be spent on it.
//!
//! Owns: the states of a cycle and the budget. Never: judges; `skep_core::review` reads what a reviewer says.

use serde::{Deserialize, Serialize};

use crate::{
    id::RunId,
    review::{Critique, Threshold},
};

/// How the parts of a plan are reviewed, frozen when it is carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// How many cycles a part has; 0: no part is reviewed.
    #[serde(default)]
    pub cycles: u32,
    #[serde(default)]
    pub threshold: Threshold,
    /// Whether what is found goes back to the author without a person's word.
    #[serde(default)]
    pub auto: bool,
    /// Whether a foreman is asked before people.
    #[serde(default)]
    pub foreman: bool,
}

impl Rules {
    /// Whether nothing is reviewed, and nobody is asked before people.
    pub fn is_none(&self) -> bool {
        *self == Rules::default()
    }
}

/// What became of a part's reviews.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reviews {
    /// Every cycle, the oldest first.
    pub cycles: Vec<Cycle>,
    /// How many more than the rules say a person granted.
    pub granted: u32,
    /// Whether the part was worked on since the last cycle.
    pub stale: bool,
    /// What a person said of the work, and nobody was told yet.
    pub comments: Vec<Critique>,
    /// Who took the part as it is, though no review passed it.
    pub accepted: Option<String>,
}

/// One look of a reviewer at a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// From 1, in each part.
    pub number: u32,
    pub state: CycleState,
    pub run: RunId,
    /// The commit that is looked at.
    pub head: String,
    pub critiques: Vec<Critique>,
    /// Whether a later cycle looked at what was made of them.
    pub resolved: bool,
    /// Whether the reviewer was asked to say it in the form.
    pub asked_again: bool,
    /// Whether it used up nothing: it was broken off.
    pub refunded: bool,
    /// Why it failed.
    pub text: Option<String>,
}

/// Where a cycle stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CycleState {
    Reviewing,
    CritiquesFound,
    /// The author mends what was found; the next cycle looks at that.
    Reimplementing,
    Passed,
    Failed,
}

impl CycleState {
    /// Every state.
    pub const ALL: [CycleState; 5] = [
        CycleState::Reviewing,
        CycleState::CritiquesFound,
        CycleState::Reimplementing,
        CycleState::Passed,
        CycleState::Failed,
    ];

    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            CycleState::Reviewing => "reviewing",
            CycleState::CritiquesFound => "critiques_found",
            CycleState::Reimplementing => "reimplementing",
            CycleState::Passed => "passed",
            CycleState::Failed => "failed",
        }
    }

    /// Whether a cycle may go from this state to `to`; from `reimplementing` to `reviewing` it goes as the next one.
    pub fn may_become(self, to: CycleState) -> bool {
        use CycleState::{CritiquesFound, Failed, Passed, Reimplementing, Reviewing};
        match self {
            Reviewing => matches!(to, CritiquesFound | Passed | Failed),
            CritiquesFound => matches!(to, Reimplementing | Failed),
            Reimplementing => matches!(to, Reviewing | Failed),
            Passed | Failed => false,
        }
    }
}

impl Reviews {
    /// The cycle that was begun last.
    pub fn last(&self) -> Option<&Cycle> {
        self.cycles.last()
    }

    /// Whether a reviewer looks at it.
    pub fn is_under_way(&self) -> bool {
        self.last().is_some_and(|cycle| cycle.state == CycleState::Reviewing)
    }

    /// The part went elsewhere while it was looked at: nobody waits for that.
    pub(super) fn break_off(&mut self) {
        let under_way = |cycle: &&mut Cycle| cycle.state == CycleState::Reviewing;
        if let Some(cycle) = self.cycles.last_mut().filter(under_way) {
            (cycle.state, cycle.refunded) = (CycleState::Failed, true);
        }
    }

    /// How many cycles are used up.
    pub fn used(&self) -> u32 {
        let used = self.cycles.iter().filter(|cycle| !cycle.refunded).count();
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    /// Whether one more may be begun.
    pub fn may_begin(&self, rules: &Rules) -> bool {
        self.used() < rules.cycles.saturating_add(self.granted)
    }

    /// The number of the next one: no other ever had it.
    pub fn next(&self) -> u32 {
        self.cycles.iter().map(|cycle| cycle.number).max().unwrap_or(0) + 1
    }

    /// What was found and nobody has looked at again since, with what people said.
    pub fn open(&self) -> impl Iterator<Item = &Critique> {
        let found = self.cycles.iter().filter(|cycle| !cycle.resolved);
        found.flat_map(|cycle| &cycle.critiques).chain(&self.comments)
    }

    pub(super) fn cycle_becomes(&mut self, number: u32, to: CycleState) -> Option<&mut Cycle> {
        let cycle = self.cycles.last_mut().filter(|cycle| cycle.number == number)?;
        if !cycle.state.may_become(to) {
            return None;
        }
        cycle.state = to;
        Some(cycle)
    }

    /// What was found before is mended, or it is found again.
    pub(super) fn resolve_before(&mut self, number: u32) {
        for cycle in self.cycles.iter_mut().filter(|cycle| cycle.number < number) {
            cycle.resolved = true;
        }
    }
}
