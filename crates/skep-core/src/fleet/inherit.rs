//! What a run has from its task, and from the run that asked for it.

use super::{Fleet, Rejected, reject};
use crate::{
    id::{RunId, TaskId},
    run::Trust,
};

impl Fleet {
    /// Whose words a run of `task`, asked for by `by`, would work by: those of an outside task, or of an outside run, stay so.
    pub fn trust_of(&self, task: Option<&TaskId>, by: &str) -> Trust {
        let task = task.and_then(|id| self.tasks.get(id)).map(|task| task.trust);
        let asker = by.parse::<RunId>().ok().and_then(|id| self.runs.get(&id));
        let asker = asker.map(|run| run.brief.trust);
        task.unwrap_or_default().with(asker.unwrap_or_default())
    }

    /// Whether the words of a task are somebody else's.
    pub(super) fn is_outside(&self, task: &TaskId) -> Result<bool, Rejected> {
        let found = self.tasks.get(task).map(|task| task.trust == Trust::Outside);
        found.ok_or_else(|| {
            reject("task-unknown", format!("`{task}` is not a task"), &["skep task ls"])
        })
    }
}
