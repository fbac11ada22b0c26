//! Asking Taskwarrior itself about one task.

use std::collections::BTreeMap;

use skep_api::wire::chain;
use skep_core::issue::taskwarrior::{Name, Task};
use skep_forge::tracker::taskwarrior::{List, Taskwarrior};

/// A task as it stands; none where there is none of this name.
///
/// Errors: it could not be asked, which says nothing of the task.
pub fn export(
    list: &List,
    vars: &BTreeMap<String, String>,
    name: &Name,
) -> Result<Option<Task>, String> {
    let found = Taskwarrior::new(list.clone(), vars).export(name.as_str());
    let Some(task) = found.map_err(|err| chain(&err))? else { return Ok(None) };
    let unread = |err: serde_json::Error| format!("what `task export` says does not read: {err}");
    super::of(&serde_json::from_value(task).map_err(unread)?)
        .map(Some)
        .ok_or_else(|| "what `task export` says is no task".to_owned())
}

/// Completes a task. Errors: it could not be asked, or a hook of the person's said no.
pub fn done(list: &List, vars: &BTreeMap<String, String>, name: &Name) -> Result<(), String> {
    Taskwarrior::new(list.clone(), vars).done(name.as_str()).map_err(|err| chain(&err))
}
