//! Finding the plan that a person means: by its own id, by its task, or by a run that has to do with it.

use std::sync::Arc;

use super::super::{Fleet, reject};
use crate::{
    id::PlanId,
    run::{Kind, Rejected, Run},
    task::{Task, TaskState},
};

impl Fleet {
    /// Finds the task whose plan `text` names: an id of a plan, of a task or of a run, a prefix of one that fits only once,
    /// or a worker's name; and which version of it, where it names one.
    ///
    /// Errors: unknown or ambiguous, with the candidates.
    pub fn find_plan(&self, text: &str) -> Result<(&Arc<Task>, Option<PlanId>), Rejected> {
        let plans = self.plans_like(text);
        let tasks = self.tasks_like(text);
        let ids = || {
            let plans = plans.iter().map(|(_, id)| id.to_string());
            plans.chain(tasks.iter().map(|task| task.id.to_string()))
        };
        match (plans.as_slice(), tasks.as_slice()) {
            ([(task, id)], []) => return Ok((task, Some((*id).clone()))),
            ([], [task]) => return Ok((task, None)),
            ([], []) => {}
            _ => return Err(ambiguous(text, &ids().collect::<Vec<_>>())),
        }
        if is_of_task(text) {
            return Err(unknown(text));
        }
        let run = self.find_run(text)?;
        match self.task_of_plan(run) {
            Some(task) => Ok((task, None)),
            None => {
                let said = format!("{} ({}) has to do with no plan", run.id(), run.brief.name);
                Err(reject("no-plan", said, &["skep task ls", "skep plan TASK"]))
            }
        }
    }

    /// Finds the task whose plan waits for a person where `text` means one; none where it means a run that asks for leave,
    /// or anything else.
    ///
    /// Errors: it fits both.
    pub fn find_in_review(&self, text: &str) -> Result<Option<&Arc<Task>>, Rejected> {
        if text.starts_with("ask_") {
            return Ok(None);
        }
        // Nobody is no answer; more than one is.
        let run = match self.find_run(text) {
            Ok(run) => Some(run),
            Err(rejected) if rejected.slug == "run-ambiguous" => return Err(rejected),
            Err(_) => None,
        };
        let (plans, tasks) = (self.plans_like(text), self.tasks_like(text));
        let mut found: Vec<&Arc<Task>> =
            plans.into_iter().map(|(task, _)| task).chain(tasks).collect();
        found.dedup_by(|a, b| a.id == b.id);
        match (found.as_slice(), run) {
            ([], Some(run)) => {
                let task = self.task_of_plan(run);
                let waits = |task: &&Arc<Task>| task.state == TaskState::PlanReview;
                let planned = run.brief.kind == Kind::Plan && run.open_asks().next().is_none();
                Ok(task.filter(waits).filter(|_| planned))
            }
            ([], None) if is_of_task(text) => Err(unknown(text)),
            ([], None) => Ok(None),
            ([task], None) => Ok(Some(task)),
            (many, run) => {
                let ids = many.iter().map(|task| task.id.to_string());
                let run = run.map(|run| format!("{} ({})", run.id(), run.brief.name));
                Err(ambiguous(text, &ids.chain(run).collect::<Vec<_>>()))
            }
        }
    }

    /// Finds the runs that `text` names: all of a task, in the order in which they began, else the one that
    /// [`Fleet::find_run`] finds.
    ///
    /// Errors: unknown or ambiguous, with the candidates.
    pub fn find_runs(&self, text: &str) -> Result<Vec<&Arc<Run>>, Rejected> {
        if !text.starts_with("task_") {
            return Ok(vec![self.find_run(text)?]);
        }
        let task = self.find_task(text)?;
        let of_it = |run: &&Arc<Run>| run.brief.task.as_ref() == Some(&task.id);
        let mut runs: Vec<&Arc<Run>> = self.runs.values().filter(of_it).collect();
        runs.sort_by_key(|run| run.order);
        Ok(runs)
    }

    fn task_of_plan(&self, run: &Run) -> Option<&Arc<Task>> {
        let task = self.tasks.get(run.brief.task.as_ref()?)?;
        let planned = task.last_version().is_some() || task.course.planning.is_some();
        (run.brief.is_of_plan() && planned).then_some(task)
    }

    fn tasks_like(&self, text: &str) -> Vec<&Arc<Task>> {
        let Some(tail) = tail(text, "task_") else { return Vec::new() };
        self.tasks.values().filter(|task| task.id.tail().starts_with(tail)).collect()
    }

    fn plans_like(&self, text: &str) -> Vec<(&Arc<Task>, &PlanId)> {
        let Some(tail) = tail(text, "plan_") else { return Vec::new() };
        let versions = self
            .tasks
            .values()
            .flat_map(|task| task.course.versions.iter().map(move |version| (task, &version.id)));
        versions.filter(|(_, id)| id.tail().starts_with(tail)).collect()
    }
}

/// What follows the prefix of an id of this kind, or stands without one.
fn tail<'a>(text: &'a str, kind: &str) -> Option<&'a str> {
    let tail = match text.strip_prefix(kind) {
        Some(tail) => tail,
        None if text.contains('_') || text.contains('/') => return None,
        None => text,
    };
    (!tail.is_empty()).then_some(tail)
}

/// Whether it is, or would be, the id of a plan or a task.
fn is_of_task(text: &str) -> bool {
    text.starts_with("plan_") || text.starts_with("task_")
}

fn unknown(text: &str) -> Rejected {
    let what = if text.starts_with("plan_") { "plan" } else { "task" };
    let said = format!("`{text}` is not a {what} that is known");
    reject("task-unknown", said, &["skep task ls"])
}

fn ambiguous(text: &str, ids: &[String]) -> Rejected {
    let said = format!("`{text}` fits {}", ids.join(", "));
    reject("task-ambiguous", said, &["give more characters"])
}
