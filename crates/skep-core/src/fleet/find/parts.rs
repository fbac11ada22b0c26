//! Finding the part of a plan that a person means: by its project and its task, or by a run that worked on it or looked at it.

use std::sync::Arc;

use super::super::{Fleet, reject};
use crate::{
    run::Rejected,
    task::{PartState, Task, Version},
};

impl Fleet {
    /// Finds the part that `text` means: that of the run, or of the plan or task that it names, where `part` says which; it
    /// may be left out where one part alone waits for a person, or there is only one.
    ///
    /// Errors: unknown or ambiguous, with the candidates.
    pub fn find_part(
        &self,
        text: &str,
        part: Option<&str>,
    ) -> Result<(&Arc<Task>, String), Rejected> {
        let (task, own) = self.meant(text)?;
        if let Some(project) = part.map(str::to_owned).or(own) {
            return Ok((task, project));
        }
        let (all, escalated) = (parts(task), escalated(task));
        match (all.as_slice(), escalated.as_slice()) {
            ([only], _) | (_, [only]) => Ok((task, only.clone())),
            ([], _) => {
                let said = format!("{} has no part that anybody could mean", task.id);
                Err(reject("part-unknown", said, &[&format!("skep show {}", task.id)]))
            }
            (all, _) => Err(part_needed(task, all)),
        }
    }

    /// Finds the part that waits for a person's word where `text` means one; none where it means a plan, a run that asks for
    /// leave, or anything else.
    ///
    /// Errors: more than one waits; with `part`, there is no such task or run.
    pub fn find_escalated(
        &self,
        text: &str,
        part: Option<&str>,
    ) -> Result<Option<(&Arc<Task>, String)>, Rejected> {
        if let Some(part) = part {
            return self.find_part(text, Some(part)).map(Some);
        }
        let asks = || self.find_run(text).is_ok_and(|run| run.open_asks().next().is_some());
        if text.starts_with("ask_") || asks() {
            return Ok(None);
        }
        // Who finds nothing here looks further.
        let Ok((task, own)) = self.meant(text) else { return Ok(None) };
        let waiting = escalated(task);
        match (own, waiting.as_slice()) {
            (Some(own), waiting) => Ok(waiting.contains(&own).then_some((task, own))),
            (None, []) => Ok(None),
            (None, [only]) => Ok(Some((task, only.clone()))),
            (None, many) => Err(part_needed(task, many)),
        }
    }

    /// The task with a plan that `text` names, and the part of it where it names a run that is of one.
    fn meant(&self, text: &str) -> Result<(&Arc<Task>, Option<String>), Rejected> {
        let (task, _) = self.find_plan(text)?;
        let is_run = !text.starts_with("task_") && !text.starts_with("plan_");
        let run = if is_run { self.find_run(text).ok() } else { None };
        let of_it = run.filter(|run| run.brief.task.as_ref() == Some(&task.id));
        let part = of_it.and_then(|run| run.brief.part.as_ref());
        Ok((task, part.map(|part| part.project.clone())))
    }
}

fn parts(task: &Task) -> Vec<String> {
    let parts = task.plan().into_iter().flat_map(Version::projects);
    parts.map(str::to_owned).collect()
}

fn escalated(task: &Task) -> Vec<String> {
    let Some(version) = task.plan() else { return Vec::new() };
    let waits = |project: &&str| {
        version.parts.get(*project).is_some_and(|part| part.state == PartState::Escalated)
    };
    version.projects().filter(waits).map(str::to_owned).collect()
}

fn part_needed(task: &Task, parts: &[String]) -> Rejected {
    let said = format!("which part of {}: {}?", task.id, parts.join(", "));
    let first = parts.first().map_or("PROJECT", String::as_str);
    let way = format!("say it behind the command: --part {first}");
    reject("part-needed", said, &[&way, &format!("skep show {}", task.id)])
}
