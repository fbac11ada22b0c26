//! What Taskwarrior's hooks ask, and what a close asks of Taskwarrior.

use serde_json::{Value, json};
use skep_api::wire::Refusal;
use skep_core::{
    issue::taskwarrior as tasks,
    run::{How, Run},
};

use super::{Door, Trouble, value};
use crate::{
    launch, resolve,
    taskwarrior::{self, changes, known::Place},
};

impl Door {
    /// Where a change of a project stands now: its run's forge is asked, or the project's.
    pub(super) fn change_of(&self, project: &str, number: u64) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let Some(known) = fleet.projects.get(project) else {
            return Err(resolve::unknown_project(project, &fleet).into());
        };
        let of_run = fleet.runs.values().find(|run| {
            let change = run.change.as_ref().map(|following| following.change.number);
            run.brief.project.as_deref() == Some(project) && change == Some(number)
        });
        let told = match of_run {
            Some(run) => {
                let told = self.performer()?.forges.told(run);
                told.map(|change| change.map(|change| change.state)).map_err(|none| none.text)
            }
            None => {
                let place = Place { path: known.path.clone(), base: known.base.clone() };
                changes::look(&self.config, &place, number, &launch::own_vars()).map(Some)
            }
        };
        match told {
            Ok(Some(state)) => value(&json!({"number": number, "state": state})),
            Ok(None) => Err(unasked(project, number, "its run has none any more").into()),
            Err(text) => Err(unasked(project, number, &text).into()),
        }
    }

    /// Before anything is given back whose task would be completed by it: whether Taskwarrior's guards let that pass.
    pub(super) fn require_completable(&self, run: &Run, how: How) -> Result<(), Refusal> {
        if how != How::Smart {
            return Ok(());
        }
        let fleet = self.wishes.board.read().fleet;
        taskwarrior::closing::require_completable(&self.home, &self.config, &fleet, run)
    }
}

/// Errors: what is said to be a task of Taskwarrior is none.
pub(super) fn require_reference(text: Option<&str>) -> Result<(), Refusal> {
    let Some(text) = text.filter(|text| text.trim_start().starts_with(tasks::PREFIX)) else {
        return Ok(());
    };
    tasks::name(text).map(drop).map_err(|err| {
        let refusal = Refusal::error("issue-reference", err.text);
        err.hints.into_iter().fold(refusal, Refusal::hint)
    })
}

fn unasked(project: &str, number: u64, why: &str) -> Refusal {
    let text = format!("where #{number} of {project} stands could not be asked: {why}");
    Refusal::error("task-unmerged", text)
}
