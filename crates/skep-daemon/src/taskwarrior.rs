//! Taskwarrior: what its hooks are told, what they answer, and how it is asked.
//!
//! Owns: the hooks' files and their answers; what they know while no daemon runs; requests that they leave in the home.
//! Never: changes a task by its files (only Taskwarrior does), or takes an environment's word for who somebody is.
//! See docs/taskwarrior.md.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use skep_api::{place::Home, wire::chain};
use skep_core::issue::taskwarrior::{Rules, Task, legible};

use crate::config::{self, ProjectTasks};

pub mod changes;
pub mod closing;
pub mod hook;
pub mod install;
pub mod known;
pub mod program;
pub mod request;
pub mod told;

/// The folder of requests, of what the hooks know, and of where they are installed.
pub fn folder(home: &Home) -> std::path::PathBuf {
    home.root().join("intake")
}

/// What of a task's JSON concerns skep; the rest is passed over, whatever numbers stand there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spelt {
    uuid: Value,
    description: Value,
    status: Value,
    project: Value,
    start: Value,
    tags: Value,
    priority: Value,
    annotations: Value,
    pr_id: Value,
    spawner: Value,
    skep_override: Value,
}

/// Reads a task as Taskwarrior spells it; none where it is none.
pub fn read(line: &[u8]) -> Option<Task> {
    of(&serde_json::from_str(&legible(line)).ok()?)
}

/// A field of another form than expected is read as what it spells, never passed over.
fn of(task: &Spelt) -> Option<Task> {
    let text = |value: &Value| Some(spelt(value)).filter(|text| !text.is_empty());
    let tags = match &task.tags {
        Value::Array(all) => all.iter().map(spelt).collect::<Vec<_>>(),
        // As older ones spell them.
        Value::String(all) => all.split(',').map(str::to_owned).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    let annotations = match &task.annotations {
        Value::Array(all) => all.iter().map(|one| spelt(&one["description"])).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Vec::new()
        }
    };
    Some(Task {
        uuid: text(&task.uuid)?,
        description: spelt(&task.description),
        status: spelt(&task.status),
        project: text(&task.project),
        start: text(&task.start),
        tags: tags.into_iter().filter(|tag| !tag.is_empty()).collect(),
        priority: text(&task.priority),
        annotations,
        pr_id: text(&task.pr_id),
        spawner: text(&task.spawner),
        skep_override: text(&task.skep_override),
    })
}

fn spelt(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        // Taskwarrior spells a number of an attribute it does not know with its places.
        Value::Number(number) => number.as_u64().map_or(number.to_string(), |it| it.to_string()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// What the settings say of a project's tasks; of none, what holds where nothing is set.
pub fn settings(config: &Path, project: Option<&str>) -> Result<ProjectTasks, String> {
    let read = match project {
        Some(name) => config::project(config, name, None),
        None => config::project_defaults(),
    };
    read.map(|settings| settings.taskwarrior).map_err(|err| chain(&err))
}

/// Who may do what to a project's tasks.
pub fn rules(settings: &ProjectTasks) -> Rules {
    Rules {
        approvals: settings.approvals.clone(),
        reviewers: settings.reviewers.clone(),
        requires: settings.requires.clone(),
    }
}
