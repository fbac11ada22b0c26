//! What the prompts of a foreman are given.

use serde::Serialize;

use super::Project;
use crate::prompts::Words;

/// Somebody is to answer the questions of a task.
#[derive(Debug, Clone, Serialize)]
pub struct Foreman {
    /// What the whole is about: [`Words::about`].
    pub task: Words,
    /// What an outside tracker calls it.
    pub reference: Option<String>,
    /// The plan, composed: [`Words::plan`].
    pub plan: Words,
    /// Those that have a part in the plan.
    pub projects: Vec<Project>,
    /// What was asked and answered in the task: [`Words::answers`]; may be empty.
    pub answers: Words,
    /// What was answered in these projects before: [`Words::answers`]; may be empty.
    pub kept: Words,
    /// What became of the plan so far: [`Words::decisions`]; may be empty.
    pub decisions: Words,
    /// The first one.
    #[serde(skip)]
    pub question: Question,
    /// What a person says of what was proposed to it before.
    #[serde(skip)]
    pub refine: Option<Refine>,
}

/// One of the task's runs asks.
#[derive(Debug, Clone, Serialize)]
pub struct Question {
    pub id: String,
    /// Of whoever asks.
    pub project: String,
    /// Of whoever asks.
    pub name: String,
    /// What is asked: [`Words::recorded`].
    pub text: Words,
    /// What goes with it: [`Words::recorded`]; may be empty.
    pub context: Words,
    /// What others answered since the foreman was asked last: [`Words::answers`]; may be empty.
    pub news: Words,
}

/// A person wants a proposal otherwise.
#[derive(Debug, Clone, Serialize)]
pub struct Refine {
    pub id: String,
    /// Of whoever asks.
    pub project: String,
    /// Of whoever asks.
    pub name: String,
    /// What is asked: [`Words::recorded`].
    pub text: Words,
    /// What is proposed so far: [`Words::recorded`]; may be empty.
    pub proposal: Words,
    /// The person's.
    pub words: Words,
}
