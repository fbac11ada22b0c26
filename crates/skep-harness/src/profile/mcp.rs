//! Owns: how an agent is given skep's tools (`skep mcp`), as its profile says it.
//! Never: touches settings of a person's: what an agent reads of files is a file of the attempt.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;
use serde_json::Value;

use super::{ACP, Brief, Filling, Profile, ProfileError, utf8};
use crate::acp::Server;

#[cfg(test)]
mod tests;

/// How much longer than skep's tools an agent is to wait for them, where it can be told.
const MORE: Duration = Duration::from_secs(15);

/// The ways on which an agent is given a server of tools; none: it takes none, or its protocol says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mcp {
    /// Arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Variables. One that another key sets too holds the keys of both, as objects of JSON.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What stands in the file `{mcp_file}`.
    pub file: Option<String>,
}

/// What an attempt gives its agent: the words behind `skep`, and where a file of settings may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    pub args: Vec<String>,
    pub file: PathBuf,
}

impl Profile {
    /// Tells whether its agent can be given tools.
    pub fn takes_tools(&self) -> bool {
        self.protocol == ACP || self.mcp != Mcp::default()
    }

    /// How long a question of its agent may wait for the answer: its client must not lose its patience first.
    pub fn tool_wait(&self) -> Duration {
        self.tool_timeout * 9 / 10
    }

    pub(super) fn server(&self, brief: &Brief) -> Option<Server> {
        let tools = brief.tools.as_ref().filter(|_| self.protocol == ACP)?;
        Some(Server { program: brief.skep.clone(), args: tools.args.clone() })
    }

    pub(super) fn tool_arguments(&self, brief: &Brief) -> Vec<String> {
        brief.tools.as_ref().map(|_| self.mcp.args.clone()).unwrap_or_default()
    }

    /// Adds what variables say of them.
    pub(super) fn tool_env(
        &self,
        brief: &Brief,
        filling: &Filling,
        vars: &mut BTreeMap<String, String>,
    ) {
        if brief.tools.is_none() {
            return;
        }
        for (name, value) in &self.mcp.env {
            let value = filled(value, filling);
            let value = match vars.get(name) {
                Some(there) => joined(there, &value).unwrap_or(value),
                None => value,
            };
            vars.insert(name.clone(), value);
        }
    }

    /// The file that is to stand before it starts, and what stands in it.
    pub(super) fn tool_file(&self, brief: &Brief, filling: &Filling) -> Option<(PathBuf, String)> {
        let text = self.mcp.file.as_ref()?;
        Some((brief.tools.as_ref()?.file.clone(), filled(text, filling)))
    }

    pub(super) fn tool_fillings(
        &self,
        brief: &Brief,
    ) -> Result<Vec<(&'static str, String)>, ProfileError> {
        let Some(tools) = &brief.tools else { return Ok(Vec::new()) };
        let program = utf8(&brief.skep, "a program")?;
        let words = [vec![program.clone()], tools.args.clone()].concat();
        let servers = serde_json::json!({"mcpServers": {"skep": {
            "type": "stdio", "command": program, "args": tools.args,
        }}});
        let patience = self.tool_timeout + MORE;
        Ok(vec![
            ("{mcp_servers}", servers.to_string()),
            ("{mcp_command}", Value::from(program).to_string()),
            ("{mcp_args}", Value::from(tools.args.clone()).to_string()),
            ("{mcp_words}", Value::from(words).to_string()),
            ("{mcp_file}", utf8(&tools.file, "a file of settings")?),
            ("{mcp_seconds}", patience.as_secs().to_string()),
            ("{mcp_ms}", patience.as_millis().to_string()),
        ])
    }
}

/// Fills in what is known of them; braces of JSON are no places to fill.
fn filled(text: &str, filling: &Filling) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(open) = rest.find("{mcp_") {
        filled.push_str(&rest[..open]);
        rest = &rest[open..];
        match filling.values.iter().find(|(mark, _)| rest.starts_with(mark)) {
            Some((mark, value)) => {
                filled.push_str(value);
                rest = &rest[mark.len()..];
            }
            None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled + rest
}

/// Two objects of JSON as one; where both have a key that is no object, the second has it.
fn joined(one: &str, other: &str) -> Option<String> {
    let mut one: Value = serde_json::from_str(one).ok()?;
    let other: Value = serde_json::from_str(other).ok()?;
    if !one.is_object() || !other.is_object() {
        return None;
    }
    join(&mut one, other);
    Some(one.to_string())
}

fn join(one: &mut Value, other: Value) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in other {
                join(one.entry(key).or_insert(Value::Null), value);
            }
        }
        (one, other) => *one = other,
    }
}

/// Refuses at once what would fail only when a run starts.
pub(super) fn check(mcp: &Mcp) -> Result<(), String> {
    let names_file =
        mcp.args.iter().chain(mcp.env.values()).any(|word| word.contains("{mcp_file}"));
    if names_file != mcp.file.is_some() {
        return Err("`mcp.file` and {mcp_file} in `mcp.args` or `mcp.env` go together".to_owned());
    }
    let all = mcp.args.iter().chain(mcp.env.values()).chain(&mcp.file);
    if *mcp != Mcp::default() && !all.into_iter().any(|word| word.contains("{mcp_")) {
        return Err(
            "`mcp` names the tools: {mcp_servers}, {mcp_words}, or {mcp_command} and {mcp_args}"
                .to_owned(),
        );
    }
    Ok(())
}
