//! What a tool that asks for leave is about to do, from what it was given.
//!
//! Owns: the names under which agents give commands, paths and addresses.
//! Never: judges; and what it does not know is told as unknown.

use agent_client_protocol_schema::v1::{ToolCallContent, ToolCallUpdate, ToolKind};
use serde_json::Value;
use skep_core::{
    policy,
    said::{Access, Deed},
};

use crate::port::text_at;

#[cfg(test)]
mod tests;

const COMMANDS: &[&str] = &["command", "cmd", "script"];
const PATHS: &[&str] = &[
    "file_path",
    "filePath",
    "path",
    "absolute_path",
    "notebook_path",
    "dir_path",
    "directory",
    "target_file",
    "filename",
    "old_path",
    "new_path",
    "paths",
    "files",
];
const ADDRESSES: &[&str] = &["url", "urls", "uri", "prompt"];
const READERS: &[&str] = &[
    "Read",
    "Glob",
    "Grep",
    "LS",
    "NotebookRead",
    "read_file",
    "read_many_files",
    "list_directory",
    "glob",
];
const WRITERS: &[&str] =
    &["Write", "Edit", "MultiEdit", "NotebookEdit", "write_file", "replace", "edit", "apply_patch"];
/// Tools that run a command, whatever else is told of them.
const SHELLS: &[&str] =
    &["Bash", "bash", "shell", "sh", "run_shell_command", "exec_command", "terminal"];
/// More paths than a request has; beyond it they are one that is not known.
const MOST: usize = 256;

/// What the tool of this name does with this input.
pub fn of_tool(name: &str, input: &Value) -> Deed {
    let mut deed = Deed { command: command(input), ..Deed::default() };
    deed.access = if WRITERS.contains(&name) {
        Access::Write
    } else if READERS.contains(&name) {
        Access::Read
    } else {
        Access::Unknown
    };
    deed.untold = deed.command.is_none() && SHELLS.contains(&name);
    for key in PATHS {
        deed.paths.extend(texts(&input[*key]).filter(|path| !path.is_empty()).map(str::to_owned));
    }
    for key in ADDRESSES {
        deed.hosts.extend(texts(&input[*key]).flat_map(hosts));
    }
    bounded(deed)
}

/// What a call of the Agent Client Protocol does; `told` is what it was given before, where that was told.
pub fn of_call(name: &str, kind: Option<ToolKind>, told: &str, call: &ToolCallUpdate) -> Deed {
    let fields = &call.fields;
    let nothing = Value::Null;
    let mut deed = of_tool(name, fields.raw_input.as_ref().unwrap_or(&nothing));
    let kind = fields.kind.or(kind);
    if kind == Some(ToolKind::Execute) && deed.command.is_none() {
        // One that gives no input has the command itself as its title.
        let title = fields.title.as_deref().unwrap_or_default();
        let text = if title.is_empty() { told } else { title };
        deed.command = (!text.is_empty()).then(|| text.to_owned());
        deed.untold = deed.command.is_none();
    }
    if matches!(kind, Some(ToolKind::Read | ToolKind::Search)) {
        deed.access = Access::Read;
    } else if matches!(kind, Some(ToolKind::Edit | ToolKind::Delete | ToolKind::Move)) {
        deed.access = Access::Write;
    } else if kind == Some(ToolKind::Fetch) {
        deed.hosts.extend(hosts(fields.title.as_deref().unwrap_or_default()));
    }
    let located = fields.locations.iter().flatten().map(|place| place.path.as_path());
    let changed = fields.content.iter().flatten().filter_map(|part| {
        if let ToolCallContent::Diff(diff) = part { Some(diff.path.as_path()) } else { None }
    });
    let changes = changed.clone().next().is_some();
    deed.paths.extend(located.chain(changed).map(|path| path.to_string_lossy().into_owned()));
    if changes {
        deed.access = Access::Write;
    }
    bounded(deed)
}

fn bounded(mut deed: Deed) -> Deed {
    deed.paths.sort();
    deed.paths.dedup();
    deed.hosts.sort();
    deed.hosts.dedup();
    deed.untold |= deed.paths.len() > MOST || deed.hosts.len() > MOST;
    deed.paths.truncate(MOST);
    deed.hosts.truncate(MOST);
    deed
}

fn command(input: &Value) -> Option<String> {
    let found = COMMANDS.iter().map(|key| &input[*key]).find(|value| !value.is_null())?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Array(words) => {
            let quoted = |word: &Value| {
                let word = word.as_str().map_or_else(|| word.to_string(), str::to_owned);
                format!("'{}'", word.replace('\'', r"'\''"))
            };
            Some(words.iter().map(quoted).collect::<Vec<_>>().join(" "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// The text, or the texts of the list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let of_item = |item: &'_ Value| item.as_str().is_none() && item.is_object();
    let named = list.iter().filter(move |item| of_item(item)).map(|item| text_at(item, &["path"]));
    value.as_str().into_iter().chain(list.iter().filter_map(Value::as_str)).chain(named)
}

fn hosts(text: &str) -> Vec<String> {
    let from_scheme = |word: &str| {
        let start =
            ["https://", "http://", "ftp://"].iter().find_map(|scheme| word.find(scheme))?;
        policy::host_of(&word[start..])
    };
    text.split_whitespace().filter_map(from_scheme).collect()
}
