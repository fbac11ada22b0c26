//! How far a landing is, as people and programs see it.

use serde::{Deserialize, Serialize};
use skep_core::{
    run::{
        Run,
        landing::{Landing, Stage},
    },
    time::Timestamp,
};

/// A landing under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LandingView {
    /// `in_line combining checking bringing riding resolving`.
    pub stage: String,
    pub asked: Timestamp,
    pub since: Timestamp,
    /// Why it came to this stage, where that is not plain.
    pub why: Option<String>,
    /// Only the gates are run.
    pub gates_only: bool,
    pub target: Option<String>,
    /// The tree that would land, where it is made.
    pub tree: Option<String>,
    pub gates: Vec<GateView>,
    /// The run whose landing takes it along.
    pub with: Option<String>,
    /// The run on whose tree it is tried, and which has to land before it may.
    pub on: Option<String>,
    /// How often its author was asked to settle a conflict.
    pub conflicts: u32,
}

/// A gate of a landing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateView {
    pub name: String,
    pub run: String,
    /// Null until it has ended.
    pub passed: Option<bool>,
}

impl LandingView {
    /// What is shown of a run's landing; none where there is none.
    pub fn of(run: &Run) -> Option<LandingView> {
        run.landing.as_deref().map(|landing| LandingView::new(landing, run))
    }

    fn new(landing: &Landing, run: &Run) -> LandingView {
        let (trial, gates) = match &landing.stage {
            Stage::Checking { trial, gates, .. } => {
                (Some(trial), gates.as_deref().unwrap_or_default())
            }
            Stage::Bringing { trial, gates } => (Some(trial), gates.as_slice()),
            Stage::InLine {}
            | Stage::Combining { .. }
            | Stage::Riding { .. }
            | Stage::Resolving {} => (None, [].as_slice()),
        };
        let with =
            if let Stage::Riding { with } = &landing.stage { Some(with.to_string()) } else { None };
        let target = trial.map(|trial| trial.target.clone());
        LandingView {
            stage: landing.stage.as_str().to_owned(),
            asked: landing.asked,
            since: landing.since,
            why: (!landing.why.is_empty()).then(|| landing.why.clone()),
            gates_only: landing.wish.gates_only,
            target: target.or_else(|| run.env().and_then(|env| env.target.clone())),
            tree: trial.map(|trial| trial.tree.clone()),
            gates: gates
                .iter()
                .map(|gate| GateView {
                    name: gate.name.clone(),
                    run: gate.run.to_string(),
                    passed: gate.passed,
                })
                .collect(),
            with,
            on: landing.stage.ahead().map(|ahead| ahead.run.to_string()),
            conflicts: landing.conflicts,
        }
    }
}
