//! Finding a task by what Taskwarrior calls it: its UUID, or the first eight digits, with or without `tw:`.

use std::sync::Arc;

use super::super::{Fleet, reject};
use crate::{
    issue::taskwarrior::{self, Name, PREFIX},
    run::{Rejected, Run},
    task::Task,
};

impl Fleet {
    /// Finds the task that Taskwarrior calls `text`; none where the text is not such a name, or no task is called so and the
    /// text may name something else.
    ///
    /// Errors: it begins with `tw:` and is no name, or nobody's; or it fits several.
    pub fn find_tracked(&self, text: &str) -> Result<Option<&Arc<Task>>, Rejected> {
        let is_meant = text.starts_with(PREFIX);
        let name = match taskwarrior::name(text) {
            Ok(name) => name,
            Err(err) if is_meant => {
                let hints: Vec<&str> = err.hints.iter().map(String::as_str).collect();
                return Err(reject("issue-reference", err.text, &hints));
            }
            Err(_) => return Ok(None),
        };
        let fits =
            |task: &&Arc<Task>| tracked_as(task).is_some_and(|known: Name| known.fits(&name));
        let fitting: Vec<&Arc<Task>> = self.tasks.values().filter(fits).collect();
        match fitting.as_slice() {
            [task] => Ok(Some(task)),
            [] if is_meant => Err(reject(
                "task-unknown",
                format!("no task is known as `{text}`"),
                &["skep task ls", "task UUID start   makes it one, where the hooks are installed"],
            )),
            [] => Ok(None),
            many => {
                let list: Vec<String> = many.iter().map(|task| task.id.to_string()).collect();
                let said = format!("`{text}` fits {}", list.join(", "));
                Err(reject("task-ambiguous", said, &["give all of its UUID"]))
            }
        }
    }

    /// The run that holds the task that Taskwarrior calls `text`, or held it last; none as in [`Fleet::find_tracked`].
    ///
    /// Errors: as there; it has no run; or the text is how a run's id begins, too.
    pub(super) fn run_of_tracked(&self, text: &str) -> Result<Option<&Arc<Run>>, Rejected> {
        let Some(task) = self.find_tracked(text)? else { return Ok(None) };
        if let Some(run) = self.runs.values().find(|run| run.id().tail().starts_with(text)) {
            let said = format!("`{text}` is how {} begins, and {}", run.id(), task.id);
            return Err(reject("run-ambiguous", said, &["tw:UUID means the task of Taskwarrior"]));
        }
        let run = task.run.as_ref().and_then(|run| self.runs.get(run));
        run.map(Some).ok_or_else(|| {
            let said = format!("no run of {} is known", task.id);
            reject("run-unknown", said, &[&format!("skep show {}", task.id)])
        })
    }
}

/// What Taskwarrior calls a task; none where it is none of Taskwarrior's.
fn tracked_as(task: &Task) -> Option<Name> {
    let reference = task.reference.as_deref()?;
    // Without `tw:` only a whole UUID is sure to be one of Taskwarrior's.
    let is_sure = |name: &Name| reference.starts_with(PREFIX) || matches!(name, Name::Uuid(_));
    taskwarrior::name(reference).ok().filter(is_sure)
}
