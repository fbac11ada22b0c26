//! Finding what a person names: a run, a task, a snapshot, a wish.
//!
//! Owns: prefixes, workers' names, and errors that list the candidates. Never: guesses between two.

use std::sync::Arc;

use super::{Fleet, holds_name, reject};
use crate::{
    id::{AskId, OpId, QuestionId, RunId, SnapshotId},
    names::{self, Target},
    run::{Rejected, Run},
    task::Task,
    text,
};

mod parts;
mod plans;
mod tracked;

/// How many runs an error names that knows none by the text it was given.
const LISTED: usize = 8;

impl Fleet {
    /// Finds the run that `text` names: an id, a prefix of one that fits only once, or a worker's name.
    ///
    /// Errors: unknown or ambiguous, with the candidates.
    pub fn find_run(&self, text: &str) -> Result<&Arc<Run>, Rejected> {
        if let Ok(Target::Worker { project, name }) = names::parse_target(text) {
            return self.find_worker(&project, &name).ok_or_else(|| self.unknown_run(text));
        }
        if let Some(tracked) = self.run_of_tracked(text)? {
            return Ok(tracked);
        }
        let tail = text.strip_prefix("run_").unwrap_or(text);
        let fitting: Vec<&Arc<Run>> = self
            .runs
            .values()
            .filter(|run| !tail.is_empty() && run.id().tail().starts_with(tail))
            .collect();
        if let Some(exact) = fitting.iter().find(|run| run.id().tail() == tail) {
            return Ok(exact);
        }
        let named = self
            .runs
            .values()
            .filter(|run| run.brief.name == text)
            .max_by_key(|run| (holds_name(run), run.order));
        let holders: Vec<&Arc<Run>> =
            self.runs.values().filter(|run| run.brief.name == text && holds_name(run)).collect();
        if holders.len() > 1 {
            let names: Vec<String> = holders
                .iter()
                .map(|run| format!("{}/{text}", run.brief.project.as_deref().unwrap_or_default()))
                .collect();
            let said =
                format!("`{text}` is a worker of more than one project: {}", names.join(", "));
            return Err(reject("run-ambiguous", said, &["name the project too: PROJECT/NAME"]));
        }
        match (named, fitting.as_slice()) {
            (Some(run), _) => Ok(run),
            (None, [run]) => Ok(run),
            (None, []) => Err(self.unknown_run(text)),
            (None, many) => {
                let text = format!("`{text}` fits {}", listed(many));
                Err(reject("run-ambiguous", text, &["give more characters"]))
            }
        }
    }

    fn unknown_run(&self, asked: &str) -> Rejected {
        let mut known: Vec<&Arc<Run>> = self.runs.values().filter(|run| holds_name(run)).collect();
        known.sort_by_key(|run| std::cmp::Reverse(run.order));
        known.truncate(LISTED);
        let said = match known.as_slice() {
            [] => format!("no run is called `{asked}`"),
            known => format!("no run is called `{asked}`; there are {}", listed(known)),
        };
        let mut rejected = reject("run-unknown", said, &["skep ls --all"]);
        let names =
            self.runs.values().filter(|run| holds_name(run)).map(|run| run.brief.name.as_str());
        if let Some(near) = text::nearest(asked, names) {
            rejected.hints.insert(0, format!("did you mean `{near}`?"));
        }
        rejected
    }

    /// Finds the task that `text` names: an id or a prefix of one that fits only once, or what Taskwarrior calls it.
    ///
    /// Errors: unknown or ambiguous, with the candidates.
    pub fn find_task(&self, text: &str) -> Result<&Arc<Task>, Rejected> {
        if let Some(tracked) = self.find_tracked(text)? {
            return Ok(tracked);
        }
        let tail = text.strip_prefix("task_").unwrap_or(text);
        let fitting: Vec<&Arc<Task>> = self
            .tasks
            .values()
            .filter(|task| !tail.is_empty() && task.id.tail().starts_with(tail))
            .collect();
        if let Some(exact) = fitting.iter().find(|task| task.id.tail() == tail) {
            return Ok(exact);
        }
        match fitting.as_slice() {
            [task] => Ok(task),
            [] => Err(reject(
                "task-unknown",
                format!(
                    "`{text}` is not a task: give an id like task_7k2m9qx4ab, or the beginning of one"
                ),
                &["skep task ls"],
            )),
            many => {
                let list: Vec<String> = many.iter().map(|task| task.id.to_string()).collect();
                Err(reject(
                    "task-ambiguous",
                    format!("`{text}` fits {}", list.join(", ")),
                    &["give more characters"],
                ))
            }
        }
    }

    /// Finds the run that `text` names, or the run and its request for leave where `text` is the id of one, or the beginning.
    ///
    /// Errors: unknown or ambiguous.
    pub fn find_asking(&self, text: &str) -> Result<(&Arc<Run>, Option<AskId>), Rejected> {
        if !text.starts_with("ask_") {
            return self.find_run(text).map(|run| (run, None));
        }
        let asks =
            self.runs.values().flat_map(|run| run.asks.iter().map(move |ask| (run, &ask.id)));
        let fitting: Vec<(&Arc<Run>, &AskId)> =
            asks.filter(|(_, id)| id.as_str().starts_with(text)).collect();
        match fitting.as_slice() {
            [(run, id)] => Ok((run, Some((*id).clone()))),
            [] => Err(reject(
                "ask-settled",
                format!(
                    "no request `{text}` is open: it was answered, its agent asks no longer, or there was none"
                ),
                &["skep ls", "skep approve NAME   answers the only request of a worker"],
            )),
            many => {
                let list: Vec<&str> = many.iter().map(|(_, id)| id.as_str()).collect();
                let said = format!("`{text}` fits {}", list.join(", "));
                Err(reject("ask-ambiguous", said, &["give more characters"]))
            }
        }
    }

    /// Finds the question that `text` is the id of, or the beginning, and whose it is; a run or its name will do where it
    /// asks one thing.
    ///
    /// Errors: unknown or ambiguous, with the candidates.
    pub fn find_question(&self, text: &str) -> Result<(&Arc<Run>, QuestionId), Rejected> {
        let fitting: Vec<(&Arc<Run>, &QuestionId)> = if text.starts_with("q_") {
            let all = self
                .runs
                .values()
                .flat_map(|run| run.questions.iter().map(move |question| (run, &question.id)));
            all.filter(|(_, id)| id.as_str().starts_with(text)).collect()
        } else {
            let run = self.find_run(text)?;
            run.open_questions().map(|question| (run, &question.id)).collect()
        };
        match fitting.as_slice() {
            [(run, id)] => Ok((run, (*id).clone())),
            [] => Err(reject(
                "question-unknown",
                if text.starts_with("q_") {
                    format!("there is no question `{text}`")
                } else {
                    format!("`{text}` asks nothing")
                },
                &["skep questions", "skep inbox"],
            )),
            many => {
                let list: Vec<&str> = many.iter().map(|(_, id)| id.as_str()).collect();
                let said = format!("`{text}` fits {}", list.join(", "));
                Err(reject("question-ambiguous", said, &["skep questions"]))
            }
        }
    }

    /// The run that holds the name in the project, or held it last.
    pub fn find_worker(&self, project: &str, name: &str) -> Option<&Arc<Run>> {
        self.runs
            .values()
            .filter(|run| run.brief.name == name)
            .filter(|run| run.brief.project.as_deref().unwrap_or_default() == project)
            .max_by_key(|run| (holds_name(run), run.order))
    }

    /// Finds the snapshot that `text` names, and whose it is: an id or a prefix of one that fits only once.
    ///
    /// Errors: unknown or ambiguous, with the candidates.
    pub fn find_snapshot(&self, text: &str) -> Result<(&Arc<Run>, SnapshotId), Rejected> {
        let tail = text.strip_prefix("snap_").unwrap_or(text);
        let fitting: Vec<(&Arc<Run>, &SnapshotId)> = self
            .runs
            .values()
            .flat_map(|run| {
                run.snapshots.keys().chain(run.settling.as_ref()).map(move |id| (run, id))
            })
            .filter(|(_, id)| !tail.is_empty() && id.tail().starts_with(tail))
            .collect();
        match fitting.as_slice() {
            [(run, id)] => Ok((run, (*id).clone())),
            [] => Err(reject(
                "snapshot-unknown",
                format!("`{text}` is not a snapshot that is kept"),
                &["skep snapshot ls"],
            )),
            many => {
                let list: Vec<String> =
                    many.iter().take(LISTED).map(|(_, id)| id.to_string()).collect();
                Err(reject(
                    "snapshot-ambiguous",
                    format!("`{text}` fits {}", list.join(", ")),
                    &["give more characters"],
                ))
            }
        }
    }

    /// Finds the wish that `text` names, in every run that it changed.
    ///
    /// Errors: unknown or ambiguous.
    pub fn find_undoable(&self, text: &str) -> Result<Vec<(RunId, OpId)>, Rejected> {
        let tail = text.strip_prefix("op_").unwrap_or(text);
        let mut fitting: Vec<(RunId, OpId)> = self
            .runs
            .values()
            .flat_map(|run| run.undoable.iter().map(move |done| (run.id().clone(), &done.op)))
            .filter(|(_, op)| !tail.is_empty() && op.tail().starts_with(tail))
            .map(|(run, op)| (run, op.clone()))
            .collect();
        fitting.dedup();
        let Some((_, first)) = fitting.first() else {
            return Err(reject(
                "nothing-to-undo",
                format!("`{text}` is nothing that can be taken back"),
                &["skep undo --dry-run"],
            ));
        };
        if fitting.iter().any(|(_, op)| op != first) {
            return Err(reject(
                "op-ambiguous",
                format!("`{text}` fits more than one wish"),
                &["give more characters"],
            ));
        }
        Ok(fitting)
    }

    /// The last wish that can be taken back and was not, in every run that it changed.
    ///
    /// Errors: there is none.
    pub fn last_undoable(&self) -> Result<Vec<(RunId, OpId)>, Rejected> {
        let open = || {
            self.runs.values().flat_map(|run| {
                run.undoable
                    .iter()
                    .filter(|done| !done.undone && !done.redo)
                    .map(move |done| (run, done))
            })
        };
        let Some((_, last)) = open().max_by_key(|(run, done)| (done.at, run.order)) else {
            return Err(reject(
                "nothing-to-undo",
                "there is no close, clean, restore or landing to take back".to_owned(),
                &["skep snapshot ls"],
            ));
        };
        Ok(open()
            .filter(|(_, done)| done.op == last.op)
            .map(|(run, done)| (run.id().clone(), done.op.clone()))
            .collect())
    }
}

fn listed(runs: &[&Arc<Run>]) -> String {
    let list: Vec<String> =
        runs.iter().map(|run| format!("{} ({})", run.id(), run.brief.name)).collect();
    list.join(", ")
}
