//! A piece of requested work, and how a run of it moves it.

use serde::{Deserialize, Serialize};

use crate::{
    id::{RunId, TaskId},
    run::{Outcome, Trust},
    time::Timestamp,
};

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

/// Where a task that a person runs directly stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    Ingested,
    Implementing,
    Completed,
    Failed,
}

impl TaskState {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskState::Ingested => "ingested",
            TaskState::Implementing => "implementing",
            TaskState::Completed => "completed",
            TaskState::Failed => "failed",
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
}
