//! Wishes about a task as such: its words, its rest, its end.
//!
//! Owns: who is meant, and the waiting until nothing of a removed task's runs is held. Never: changes where a task stands.

use std::os::unix::net::UnixStream;

use serde_json::Value;
use skep_api::{request::TaskEdit, view::TaskGone, wire::Refusal};
use skep_core::{
    fleet::Input,
    id::{OpId, RunId, TaskId},
    run::{How, Run},
    task,
};

use super::{Door, Trouble, finish, progress, value};
use crate::resolve;

impl Door {
    pub(super) fn edit_task(&self, key: &str, ask: &TaskEdit) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let id = fleet.find_task(&ask.task)?.id.clone();
        if ask.title.as_ref().is_some_and(|title| title.trim().is_empty()) {
            return Err(Refusal::error("title-empty", "a task needs a title")
                .hint(format!("skep task edit {id} --title \"a faster search\""))
                .into());
        }
        let needs = ask.needs.as_ref().map(|needs| {
            needs.iter().map(|text| fleet.find_task(text).map(|task| task.id.clone())).collect()
        });
        let input = task::Input::Amend {
            title: ask.title.clone(),
            body: ask.body.clone(),
            priority: ask.priority,
            needs: needs.transpose()?,
        };
        self.wishes.wish(key, Input::Task { task: id.clone(), input })?;
        self.task_view(&id)
    }

    pub(super) fn archive_task(
        &self,
        key: &str,
        text: &str,
        back: bool,
    ) -> Result<Option<Value>, Trouble> {
        let id = self.wishes.board.read().fleet.find_task(text)?.id.clone();
        let input = if back { task::Input::Unarchive } else { task::Input::Archive };
        self.wishes.wish(key, Input::Task { task: id.clone(), input })?;
        self.task_view(&id)
    }

    /// Removes a task; what it held is given back before that is answered.
    pub(super) fn remove_task(
        &self,
        key: &str,
        text: &str,
        force: bool,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let found = fleet.find_task(text);
        let (id, title) = match (found, text.parse::<TaskId>()) {
            (Ok(task), _) => (task.id.clone(), task.title.clone()),
            // Asked again by the same request, it is gone already: that one's answer counts.
            (Err(_), Ok(id)) => (id, String::new()),
            (Err(rejected), Err(_)) => return Err(rejected.into()),
        };
        let op = OpId::new(resolve::spell(key));
        let of_it = |run: &&std::sync::Arc<Run>| run.brief.task.as_ref() == Some(&id);
        let held = |run: &&std::sync::Arc<Run>| !run.is_ended() || run.holds_env();
        let runs: Vec<RunId> = fleet
            .runs
            .values()
            .filter(of_it)
            .filter(|run| held(run) || run.result_of(&op).is_some())
            .map(|run| run.id().clone())
            .collect();
        let remove = Input::RemoveTask { task: id.clone(), force: force.then(|| op.clone()) };
        self.wishes.wish(key, remove)?;
        let mut views = Vec::new();
        for run in &runs {
            progress(out, &format!("{run}: giving up"))?;
            let (run, result) = self.wishes.await_op(run, &op)?;
            views.push(finish::close_view(&run, How::Force, result));
        }
        value(&TaskGone { id: id.to_string(), title, runs: views })
    }
}
