//! How a run's work is brought to its target: in line, combined with what stands there, checked, and moved.
//!
//! Owns: what a landing is at each moment, and what proves it. Never: decides; `step::landing` does, and the fleet says whose
//! turn it is. The table is in `docs/design/landing.md`.

use serde::{Deserialize, Serialize};

use super::{Event, Misfit, OpResult, Proposing, Run};
use crate::{
    facts::Exit,
    id::{OpId, RunId},
    time::Timestamp,
};

/// How often a landing is tried again because its target or its work moved meanwhile.
pub const MOVES: u32 = 20;
/// The slug of a landing that a person took out of the line.
const CANCELLED: &str = "landing-cancelled";

/// A landing that came to nothing, and nobody may have seen it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlanded {
    pub at: Timestamp,
    pub slug: String,
    pub text: String,
}

/// What was asked for, and within which bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// Only the gates are run: nothing moves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gates_only: bool,
    /// A person has seen that the project's own settings change, and wants it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settings_seen: bool,
    /// How many of one lane may land together.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub batch: u32,
    /// How often its author may be asked to settle a conflict.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub conflicts: u32,
}

fn one() -> u32 {
    1
}

fn is_one(n: &u32) -> bool {
    *n == 1
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Wish {
    pub(super) fn is_plain(&self) -> bool {
        *self == Wish::default()
    }
}

impl Default for Wish {
    fn default() -> Wish {
        Wish { gates_only: false, settings_seen: false, batch: 1, conflicts: 0 }
    }
}

/// A landing under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Landing {
    pub op: OpId,
    pub wish: Wish,
    pub asked: Timestamp,
    pub stage: Stage,
    /// When the stage was entered.
    pub since: Timestamp,
    /// Why it came to this stage, where that is not plain.
    pub why: String,
    /// With how many others it may go at most; a batch whose gates fail is halved.
    pub batch: u32,
    /// How often its author was asked to settle a conflict.
    pub conflicts: u32,
    /// How often it was tried again because something moved.
    pub moves: u32,
    /// How often its tree was begun.
    pub tries: u32,
    /// Whether what was tried on another's tree came to nothing: it waits until its lane is free.
    pub waits: bool,
}

/// Another landing, on whose tree this one is tried before that has landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    pub run: RunId,
    /// The commit that it brings.
    pub commit: String,
}

/// Where a landing stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Stage {
    /// It waits for its turn.
    InLine {},
    /// The tree that would land is being made, of its work and that of those who ride with it.
    Combining {
        riders: Vec<RunId>,
        /// On whose tree, where that has not landed yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ahead: Option<Ahead>,
    },
    /// Its gates look at that tree; none yet while they are being begun.
    Checking {
        trial: Box<Trial>,
        gates: Option<Vec<Gate>>,
        /// Who has to land before it may.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ahead: Option<Ahead>,
    },
    /// All gates were passed, and the target is being moved.
    Bringing { trial: Box<Trial>, gates: Vec<Gate> },
    /// The landing of another run takes it along.
    Riding { with: RunId },
    /// Its author settles a conflict with what has landed before it.
    Resolving {},
}

impl Stage {
    /// In one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Stage::InLine {} => "in_line",
            Stage::Combining { .. } => "combining",
            Stage::Checking { .. } => "checking",
            Stage::Bringing { .. } => "bringing",
            Stage::Riding { .. } => "riding",
            Stage::Resolving {} => "resolving",
        }
    }

    /// Whether its lane is taken by it.
    pub fn holds_lane(&self) -> bool {
        match self {
            Stage::Combining { .. } | Stage::Checking { .. } | Stage::Bringing { .. } => true,
            Stage::InLine {} | Stage::Riding { .. } | Stage::Resolving {} => false,
        }
    }

    /// The landing that has to come to its end before this one may.
    pub fn ahead(&self) -> Option<&Ahead> {
        match self {
            Stage::Combining { ahead, .. } | Stage::Checking { ahead, .. } => ahead.as_ref(),
            Stage::InLine {}
            | Stage::Bringing { .. }
            | Stage::Riding { .. }
            | Stage::Resolving {} => None,
        }
    }

    /// The commit that is to land, as soon as it is made.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Stage::Checking { trial, .. } | Stage::Bringing { trial, .. } => Some(&trial.commit),
            Stage::InLine {}
            | Stage::Combining { .. }
            | Stage::Riding { .. }
            | Stage::Resolving {} => None,
        }
    }
}

/// The tree that would land, as it was made: nothing else may take its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    pub target: String,
    /// Where the target stood.
    pub onto: String,
    pub tree: String,
    /// The commit that holds the tree, and has `onto` behind it.
    pub commit: String,
    /// Whose work it holds, in the order of landing; its own is the first.
    pub works: Vec<Work>,
    /// The remote whose branch moves, where it is not the repository's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
}

/// A run's work in a [`Trial`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    pub run: RunId,
    /// The branch's commit that was combined.
    pub head: String,
    /// The commit in which its work is the last.
    pub commit: String,
    /// How many commits of its own there are.
    pub commits: u64,
}

/// A gate of a landing, by the run that looks at the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub name: String,
    pub run: RunId,
    /// None until it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
}

/// What skep has seen of a tree by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attestation {
    pub target: String,
    pub onto: String,
    pub tree: String,
    pub commit: String,
    pub works: Vec<Work>,
    pub gates: Vec<Passed>,
    /// Programs that took part, each with its version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<(String, String)>,
    /// Who asked for it.
    pub by: String,
    pub at: Timestamp,
}

/// A gate that looked at the tree, and what it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    pub name: String,
    pub run: RunId,
    pub command: String,
    pub exit: Option<Exit>,
    /// SHA-256 over the journal of its run; none where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The tools that it names, each with what it said of its version before the command began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<(String, String)>,
}

/// What the fleet tells a landing, and what comes back from its effects.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// Its turn has come, with those who ride along; or it is tried on another's tree meanwhile.
    Try { riders: Vec<RunId>, ahead: Option<Ahead> },
    /// What it was tried on has landed, and nothing else.
    Cleared { by: RunId },
    /// What it was tried on does not land.
    Dropped { by: RunId },
    /// It rides along with another one.
    Ride { with: RunId },
    /// The other one has gone without it: it is in line again, `alone` where it did not fit.
    Freed { with: RunId, alone: bool },
    /// It has landed with the other one, or both came to the same end.
    Carried { with: RunId, result: OpResult },
    /// One whose work is in its tree was taken out of the line: the tree is not to land.
    Left { rider: RunId },
    /// What the combining came to, of the try that it was begun for.
    Combined { op: OpId, tries: u32, made: Combined },
    /// Its gates are begun, or cannot be.
    Gates { op: OpId, begun: Result<Vec<Gate>, OpResult> },
    /// A gate's run has ended.
    GateEnded { gate: RunId, passed: bool, text: String },
    /// What the moving of the target came to.
    Brought { op: OpId, made: Brought },
    /// Its author cannot be asked to settle the conflict.
    Unsettled { text: String },
}

/// What came of combining works with their target.
#[derive(Debug, Clone, PartialEq)]
pub enum Combined {
    Made {
        trial: Box<Trial>,
    },
    /// Its own work conflicts with what stands on the target.
    Conflict {
        target: String,
        files: Vec<String>,
        /// What its author is told, with what both sides wanted.
        words: String,
    },
    /// There is nothing to bring, or a person decides.
    Over {
        result: OpResult,
    },
}

/// What came of moving a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Brought {
    /// It moved, or the gates alone were asked for.
    Done {
        attestation: Box<Attestation>,
        /// What was left undone when it had moved, in sentences.
        beside: Vec<String>,
    },
    /// It, or the work, is not where it was when the gates looked.
    Moved {
        text: String,
    },
    /// The target takes changes only.
    Protected {
        text: String,
        /// How the work is to be proposed; none where the settings or the forge do not let it be.
        asked: Option<Box<Proposing>>,
        /// What was seen of the tree that did not land.
        attestation: Box<Attestation>,
    },
    Over {
        result: OpResult,
    },
}

#[cfg(test)]
mod tests;

impl Run {
    /// Whether its work is being brought to its target, or in line to be.
    pub fn is_landing(&self) -> bool {
        self.landing.is_some()
    }

    /// The project, or else the repository, and the target: one landing at a time moves it.
    pub fn lane(&self) -> Option<(&str, &str)> {
        let target = self.env()?.target.as_deref()?;
        let place = self.brief.project.as_deref().or(self.brief.place.repository.as_deref())?;
        Some((place, target))
    }

    /// What is left to be told of a landing that came to nothing by itself; whoever took it out of the line knows.
    pub(super) fn landing_over(&mut self, op: &OpId, result: &OpResult, at: Timestamp) {
        let Some(landing) = self.landing.take_if(|landing| landing.op == *op) else { return };
        let told = |slug: &str, text: &str| {
            let tells = !landing.wish.gates_only && slug != CANCELLED;
            tells.then(|| Box::new(Unlanded { at, slug: slug.to_owned(), text: text.to_owned() }))
        };
        self.unlanded = match result {
            OpResult::Refused { slug, text, .. } | OpResult::Failed { slug, text } => {
                told(slug, text)
            }
            OpResult::Landed { .. }
            | OpResult::Attested { .. }
            | OpResult::Proposed { .. }
            | OpResult::Closed { .. }
            | OpResult::Snapped { .. }
            | OpResult::Forgotten { .. }
            | OpResult::Restored { .. }
            | OpResult::Reverted { .. } => None,
        };
    }

    pub(super) fn landing_begins(
        &mut self,
        op: &OpId,
        wish: &Wish,
        at: Timestamp,
    ) -> Result<(), Misfit> {
        self.unlanded = None;
        self.landing = Some(Box::new(Landing {
            op: op.clone(),
            wish: wish.clone(),
            asked: at,
            stage: Stage::InLine {},
            since: at,
            why: String::new(),
            batch: wish.batch.max(1),
            conflicts: 0,
            moves: 0,
            tries: 0,
            waits: false,
        }));
        Ok(())
    }

    /// Makes what a landing came to true.
    pub(super) fn landing_moves(&mut self, event: &Event, at: Timestamp) -> Option<()> {
        let landing = self.landing.as_mut()?;
        if let Event::LandingMoved { to, text, batch } = event {
            let back = matches!(to, Stage::InLine {});
            let is_ahead = landing.stage.ahead().is_some();
            let from_trial = landing.stage.holds_lane() && !is_ahead;
            landing.moves += u32::from(back && from_trial && batch.is_none());
            if let Stage::Combining { ahead, .. } = to {
                let begins = matches!(landing.stage, Stage::InLine {});
                landing.tries += u32::from(begins);
                landing.waits &= ahead.is_some();
            }
            landing.waits |= back && is_ahead && batch.is_none();
            landing.conflicts += u32::from(matches!(to, Stage::Resolving {}));
            if let Some(batch) = batch {
                landing.batch = (*batch).max(1);
            }
            landing.stage = to.clone();
            landing.why.clone_from(text);
            landing.since = at;
        } else if let Event::GateEnded { gate, passed, .. } = event {
            let Stage::Checking { gates: Some(gates), .. } = &mut landing.stage else {
                return None;
            };
            let gate = gates.iter_mut().find(|known| known.run == *gate)?;
            gate.passed = Some(*passed);
        }
        Some(())
    }
}
