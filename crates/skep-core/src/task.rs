//! A piece of requested work: how a run of it moves it, and what becomes of it by a plan.
//!
//! Owns: the states of tasks, plans and their parts, and what each input means to a task; the table is in
//! `docs/design/plan.md`.
//! Never: starts a run by itself; it asks for one, and the fleet makes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::{PlanId, RunId, TaskId},
    run::{Outcome, Trust},
    time::Timestamp,
};

mod apply;
pub mod event;
pub mod execution;
pub mod foreman;
pub mod next;
pub mod part;
pub mod planning;
pub mod reviews;
mod step;
#[cfg(test)]
pub(crate) mod tests;
pub mod version;

pub use event::{Effect, Event, Found, Input, Misfit, Purpose, Said, Step, Then, Words};
pub use execution::{ExecutionState, Wave};
pub use foreman::{Foreman, Known, Put};
pub use part::{Finishing, Part, PartState};
pub use planning::{Planning, Warning, WarningKind, Why};
pub use reviews::{Cycle, CycleState, Reviews, Rules};
pub use step::Runs;
pub use version::{PlanState, Version};

/// A piece of requested work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    pub title: String,
    pub body: String,
    pub project: Option<String>,
    /// What an outside tracker calls it.
    pub reference: Option<String>,
    pub priority: i64,
    pub needs: Vec<TaskId>,
    pub added: Timestamp,
    pub state: TaskState,
    /// The run that last took it up.
    pub run: Option<RunId>,
    /// Which agent it is for.
    #[serde(default, skip_serializing_if = "Choice::is_none")]
    pub choice: Choice,
    /// Whose words it is made of.
    #[serde(default, skip_serializing_if = "Trust::is_person")]
    pub trust: Trust,
    /// What became of it by plans.
    #[serde(skip)]
    pub course: Box<Course>,
}

/// What becomes of a task by plans: every version, and where the work of the last one stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    /// The planning under way.
    pub planning: Option<Planning>,
    /// The run that planned last.
    pub planner: Option<RunId>,
    /// The projects that a plan may name, as they were when one was asked for last.
    pub projects: Vec<String>,
    /// Every plan that there was, the oldest first.
    pub versions: Vec<Version>,
    /// What the last planning met on its way.
    pub warnings: Vec<Warning>,
    /// The branch of all its work, recorded once: a new title does not change it.
    pub branch: Option<String>,
    /// Which agents its parts are for, where a person said.
    pub choice: Choice,
    /// Where an archived task stood before.
    pub before: Option<TaskState>,
    /// How many ids of runs were given; the next one's follows from it.
    pub runs: u32,
    /// How many drafts were asked for; the next one's file follows from it.
    pub drafts: u32,
    /// Why the last planning came to nothing, or the last finalizing.
    pub failed: Option<String>,
    /// Whether the work of every part is being handed over.
    pub finalizing: bool,
    /// What each repository's last part handed over: its head, once per head.
    pub handed: BTreeMap<String, Vec<String>>,
    /// How its parts are reviewed, and whether a foreman is asked.
    pub rules: Rules,
    /// What its foreman is asked.
    pub foreman: Foreman,
    /// Every question that was answered, whoever answered it.
    pub answers: Vec<Known>,
}

/// Which agent is wanted, and how; model and account are that agent's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

impl Choice {
    /// Whether any agent will do.
    pub fn is_none(&self) -> bool {
        *self == Choice::default()
    }
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    Ingested,
    Planning,
    PlanReview,
    Approved,
    Implementing,
    /// A person is wanted: a review could not settle it.
    Reviewing,
    Completed,
    Failed,
    Merged,
    Archived,
}

impl TaskState {
    /// Every state, in the order in which a task meets them.
    pub const ALL: [TaskState; 10] = [
        TaskState::Ingested,
        TaskState::Planning,
        TaskState::PlanReview,
        TaskState::Approved,
        TaskState::Implementing,
        TaskState::Reviewing,
        TaskState::Completed,
        TaskState::Failed,
        TaskState::Merged,
        TaskState::Archived,
    ];

    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskState::Ingested => "ingested",
            TaskState::Planning => "planning",
            TaskState::PlanReview => "plan_review",
            TaskState::Approved => "approved",
            TaskState::Implementing => "implementing",
            TaskState::Reviewing => "reviewing",
            TaskState::Completed => "completed",
            TaskState::Failed => "failed",
            TaskState::Merged => "merged",
            TaskState::Archived => "archived",
        }
    }

    /// What the end of its run makes of a task; a stop leaves it open.
    pub fn after(outcome: Outcome) -> TaskState {
        match outcome {
            Outcome::Completed => TaskState::Completed,
            Outcome::Failed | Outcome::Lost => TaskState::Failed,
            Outcome::Stopped | Outcome::Interrupted => TaskState::Ingested,
        }
    }

    /// Whether a task may go from this state to `to`: the table of `docs/design/plan.md`, and nothing beside it.
    pub fn may_become(self, to: TaskState) -> bool {
        use TaskState::{
            Approved, Archived, Completed, Failed, Implementing, Ingested, Merged, PlanReview,
            Planning, Reviewing,
        };
        match self {
            // A task without a plan is implemented at once.
            Ingested => matches!(to, Planning | Implementing),
            // Back to where it was, when nothing came of it.
            Planning => matches!(to, Ingested | PlanReview | Completed | Failed),
            PlanReview => matches!(to, Approved | Planning | Failed),
            Approved => matches!(to, Implementing | Failed),
            // A run without a plan that is stopped leaves its task open.
            Implementing => matches!(to, Reviewing | Completed | Failed | Ingested),
            Reviewing => matches!(to, Completed | Implementing | Failed),
            Completed => matches!(to, Planning | Implementing | Merged | Archived),
            // Taken back, or more is wanted of it.
            Merged => matches!(to, Archived | Completed | Implementing | Planning),
            Failed => matches!(to, Implementing | Archived),
            // To where it was, which the task knows.
            Archived => matches!(to, Completed | Merged | Failed),
        }
    }

    /// Whether nothing more happens to it by itself.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            TaskState::Completed | TaskState::Failed | TaskState::Merged | TaskState::Archived
        )
    }
}

impl Task {
    /// The plan that holds now: the last version, unless it was rejected or another took its place.
    pub fn plan(&self) -> Option<&Version> {
        self.course.versions.last().filter(|version| version.state.is_active())
    }

    /// Whether a plan says what becomes of it, or is about to.
    pub fn is_planned(&self) -> bool {
        self.course.planning.is_some() || self.plan().is_some()
    }

    /// The last version, whatever became of it.
    pub fn last_version(&self) -> Option<&Version> {
        self.course.versions.last()
    }

    /// The version with this id.
    pub fn version(&self, id: &PlanId) -> Option<&Version> {
        self.course.versions.iter().find(|version| version.id == *id)
    }

    /// The part that `run` reviews, by its project, with the cycle.
    pub fn review_of(&self, run: &RunId) -> Option<(&str, &Cycle)> {
        self.last_version()?.parts.iter().find_map(|(project, part)| {
            let cycle = part.reviews.last().filter(|cycle| cycle.run == *run)?;
            Some((project.as_str(), cycle))
        })
    }

    /// The part that `run` works on, by its project.
    pub fn part_of(&self, run: &RunId) -> Option<&str> {
        let version = self.last_version()?;
        let found = version.parts.iter().find(|(_, part)| part.run.as_ref() == Some(run));
        found.map(|(project, _)| project.as_str())
    }
}
