//! A plan, with how far each part of it is.

use serde::{Deserialize, Serialize};
use skep_core::{
    fleet::Fleet,
    plan::SubPlan,
    task::{ExecutionState, Part, Task, Version, Warning},
    time::Timestamp,
};

use super::ReviewView;

/// A version of a task's plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    pub id: String,
    pub task: String,
    pub title: String,
    /// From 1.
    pub version: u32,
    /// How many there are.
    pub versions: u32,
    /// `draft pending_review approved rejected superseded`.
    pub state: String,
    pub since: Timestamp,
    /// Why a person sent it back.
    pub feedback: Option<String>,
    pub task_state: String,
    /// The run that planned last.
    pub planner: Option<String>,
    pub orchestration: String,
    pub waves: Vec<WaveView>,
    /// In the order of work.
    pub parts: Vec<PartView>,
    pub warnings: Vec<WarningView>,
    /// As a text that `plan check` reads.
    pub document: String,
}

/// Parts that go side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveView {
    /// `pending running completed failed`.
    pub state: String,
    pub projects: Vec<String>,
}

/// The work of a plan in one project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartView {
    pub project: String,
    /// From 1.
    pub wave: usize,
    pub needs: Vec<String>,
    pub goal: String,
    pub risks: Vec<String>,
    /// `pending in_progress completed failed escalated`.
    pub state: String,
    /// Whether it was stopped, and goes on when somebody wishes.
    pub rests: bool,
    /// Why it failed, or why a person is wanted.
    pub text: Option<String>,
    /// Whether its work is being handed over.
    pub finalizing: bool,
    /// Why its work could not be handed over.
    pub finalize_failed: Option<String>,
    /// What is handed over.
    pub head: Option<String>,
    /// Where it was pushed to.
    pub remote: Option<String>,
    pub run: Option<String>,
    /// The worker's name, and how its run stands.
    pub name: Option<String>,
    pub run_state: Option<String>,
    pub outcome: Option<String>,
    pub attempt: Option<u32>,
    pub cost_usd: Option<f64>,
    /// What became of its reviews; null where it is not reviewed.
    #[serde(default)]
    pub review: Option<ReviewView>,
}

/// What a planning met on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarningView {
    /// `unhealthy pull_failed parse_error guidance`.
    pub kind: String,
    pub project: Option<String>,
    pub text: String,
}

impl WarningView {
    pub(super) fn of(warning: &Warning) -> WarningView {
        WarningView {
            kind: warning.kind.as_str().to_owned(),
            project: warning.project.clone(),
            text: warning.text.clone(),
        }
    }
}

impl PlanView {
    /// Makes the view of a version of the plan of `task`.
    pub fn of(task: &Task, version: &Version, fleet: &Fleet) -> PlanView {
        PlanView {
            id: version.id.to_string(),
            task: task.id.to_string(),
            title: task.title.clone(),
            version: version.number,
            versions: u32::try_from(task.course.versions.len()).unwrap_or(u32::MAX),
            state: version.state.as_str().to_owned(),
            since: version.since,
            feedback: version.feedback.clone(),
            task_state: task.state.as_str().to_owned(),
            planner: task.course.planner.as_ref().map(ToString::to_string),
            orchestration: version.plan.orchestration.clone(),
            waves: waves(version),
            parts: parts(version, task, fleet),
            warnings: task.course.warnings.iter().map(WarningView::of).collect(),
            document: version.plan.compose(),
        }
    }
}

pub(super) fn waves(version: &Version) -> Vec<WaveView> {
    let waves = ExecutionState::of(version).waves.into_iter();
    waves
        .map(|wave| WaveView { state: wave.state.as_str().to_owned(), projects: wave.projects })
        .collect()
}

/// The parts, wave by wave.
pub(super) fn parts(version: &Version, task: &Task, fleet: &Fleet) -> Vec<PartView> {
    let mut parts = Vec::new();
    for (nth, wave) in ExecutionState::of(version).waves.into_iter().enumerate() {
        for project in wave.projects {
            let part = version.parts.get(&project);
            let sub = version.plan.sub_plans.iter().find(|sub| sub.project == project);
            if let (Some(part), Some(sub)) = (part, sub) {
                let review = ReviewView::of(part, &task.course.rules, fleet);
                parts.push(PartView { review, ..part_of(nth + 1, sub, part, fleet) });
            }
        }
    }
    parts
}

fn part_of(wave: usize, sub: &SubPlan, part: &Part, fleet: &Fleet) -> PartView {
    let run = part.run.as_ref().and_then(|run| fleet.runs.get(run));
    let view = run.map(|run| super::RunView::of(run));
    let handed = part.finishing.head.as_ref();
    PartView {
        project: sub.project.clone(),
        wave,
        needs: sub.needs.clone(),
        goal: sub.goal(),
        risks: sub.risks(),
        state: part.state.as_str().to_owned(),
        rests: part.rests,
        text: part.text.clone(),
        finalizing: part.finishing.under_way,
        finalize_failed: part.finishing.failed.clone(),
        head: handed.map(|(head, _)| head.clone()),
        remote: handed.and_then(|(_, remote)| remote.clone()),
        run: part.run.as_ref().map(ToString::to_string),
        name: view.as_ref().map(|view| view.name.clone()),
        run_state: view.as_ref().map(|view| view.state.clone()),
        outcome: view.as_ref().and_then(|view| view.outcome.clone()),
        attempt: view.as_ref().map(|view| view.attempt),
        cost_usd: view.as_ref().and_then(|view| view.usage.cost_usd),
        review: None,
    }
}
