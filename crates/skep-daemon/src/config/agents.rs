//! Owns: what may be set for one agent by its name, and the accounts that people name.
//! Never: lets a repository's own file decide what an agent may do to whoever runs it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};
use skep_core::run::Permissions;
use toml::de::DeTable;

use super::{At, ConfigError, SHARED, layer, settings};

/// How one agent is to be used, in all projects or in one; what is not set is decided one level below.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AgentSettings {
    #[serde(deserialize_with = "some")]
    #[schemars(extend("title" = "the name of a model"))]
    pub model: Option<String>,
    #[schemars(schema_with = "settings::permissions_schema")]
    pub permissions: Option<Permissions>,
    /// More arguments for its program.
    #[schemars(schema_with = "args_schema")]
    pub args: Option<Vec<String>>,
    /// Names of variables that are passed on to it, beside those that its profile lists.
    #[serde(deserialize_with = "settings::variables")]
    #[schemars(schema_with = "settings::variables_schema")]
    pub env: Vec<String>,
    #[serde(deserialize_with = "settings::name_or_none")]
    #[schemars(schema_with = "settings::name_schema")]
    pub account: Option<String>,
    /// Accounts that a run may go on by when one is at its usage limit, in this order.
    #[serde(deserialize_with = "accounts")]
    #[schemars(schema_with = "accounts_schema")]
    pub accounts: Option<Vec<String>>,
}

/// A login of an agent beside its usual one: folders that it is told to keep its settings in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("title" = "a table with `agent` and `env`"))]
pub struct Account {
    #[serde(deserialize_with = "settings::name")]
    #[schemars(schema_with = "settings::name_schema")]
    pub agent: String,
    /// By the variable's name: the folder, absolute or from `~/`.
    #[serde(deserialize_with = "folders")]
    #[schemars(schema_with = "folders_schema")]
    pub env: BTreeMap<String, String>,
}

/// Whether something may be called so: in a key it stands between two dots.
fn is_name(name: &str) -> bool {
    settings::is_name(name) && !name.contains('.')
}

pub(super) fn by_name<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    let found = BTreeMap::<String, T>::deserialize(from)?;
    let misfit = found.keys().any(|name| !is_name(name));
    if misfit { Err(D::Error::custom("not of the form")) } else { Ok(found) }
}

fn some<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    String::deserialize(from).map(|text| (!text.is_empty()).then_some(text))
}

/// Some list: an empty one says that there is none, whatever is said one level below.
fn accounts<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    let distinct: BTreeSet<&String> = names.iter().collect();
    if distinct.len() == names.len() && names.iter().all(|name| is_name(name)) {
        Ok(Some(names))
    } else {
        Err(D::Error::custom("not of the form"))
    }
}

fn accounts_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string" }, "title": "a list of accounts, each once" })
}

fn folders<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let found = BTreeMap::<String, String>::deserialize(from)?;
    let is_variable = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with("SKEP_")
    };
    let is_folder = |path: &str| {
        (path.starts_with('/') || path.starts_with("~/")) && !path.contains(char::is_control)
    };
    if found.is_empty() || !found.iter().all(|(name, path)| is_variable(name) && is_folder(path)) {
        return Err(D::Error::custom("not of the form"));
    }
    Ok(found)
}

fn args_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string" }, "title": "a list of arguments" })
}

fn folders_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "a table from names of variables to folders, like { CLAUDE_CONFIG_DIR = \"~/.claude-work\" }";
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "string", "title": "a folder: absolute, or from `~/`" },
        "title": title,
    })
}

/// What a person's settings say of agents and accounts and of nothing else, as a text that reads like them.
pub fn of_agents(dir: &Path) -> Result<String, ConfigError> {
    super::user(dir)?;
    let file = super::user_file(dir);
    let text = super::read_file(&file)?.unwrap_or_default();
    let label = file.display().to_string();
    let all: toml::Table = toml::from_str(&text).map_err(|error| ConfigError::Syntax {
        at: At::offset(&label, &text, error.span().map(|span| span.start)),
        why: error.message().to_owned(),
    })?;
    let kept = all.into_iter().filter(|(key, _)| matches!(key.as_str(), "agents" | "accounts"));
    Ok(kept.collect::<toml::Table>().to_string())
}

/// What of an agent's settings a repository may not say for those who work on it.
const OWN: [&str; 4] = ["account", "accounts", "args", "permissions"];

/// Errors: the text of a repository's own file sets one of [`OWN`].
pub(super) fn require_shared(text: &str) -> Result<(), ConfigError> {
    // It was read before, with its errors; what does not read has nothing to refuse.
    let Ok(table) = DeTable::parse(text) else { return Ok(()) };
    let values: toml::Table = toml::from_str(text).unwrap_or_default();
    let agents = values.get("agents").and_then(toml::Value::as_table);
    for (name, agent) in agents.into_iter().flatten() {
        let set = OWN.iter().find(|key| agent.get(key).is_some());
        if let Some(set) = set {
            let key = format!("agents.{name}.{set}");
            let at = At::offset(SHARED, text, layer::find(table.get_ref(), &key));
            return Err(ConfigError::NotShared { at, key });
        }
    }
    Ok(())
}
