//! How tasks of Taskwarrior are treated.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::de::DeTable;

use super::{At, ConfigError, SHARED, layer};

/// Which projects of Taskwarrior's are none of skep's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherProjects {
    /// With all below them: `home` is `home.garden` too.
    #[schemars(extend("title" = "a list of names of projects, as Taskwarrior has them"))]
    pub others: Vec<String>,
}

/// What becomes of a project's tasks, and who may do what to them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectTasks {
    /// Whether a run begins when a person starts one.
    pub start: bool,
    /// Whether a close with a proof completes one.
    pub complete: bool,
    /// Whether somebody else writes them: then narrower rules hold for their runs.
    pub outside: bool,
    #[schemars(extend("title" = "a list of tags"))]
    pub approvals: Vec<String>,
    /// Who may approve.
    #[schemars(extend("title" = "a list of `person`, `review` and names of agents"))]
    pub reviewers: Vec<String>,
    /// Tags without which none is completed.
    #[schemars(extend("title" = "a list of tags"))]
    pub requires: Vec<String>,
}

/// Errors: the repository's own file says who approves or what begins; only a person does.
pub(super) fn require_shared(text: &str) -> Result<(), ConfigError> {
    let Ok(table) = DeTable::parse(text) else { return Ok(()) };
    let values: toml::Table = toml::from_str(text).unwrap_or_default();
    if values.get("taskwarrior").is_none() {
        return Ok(());
    }
    let key = "taskwarrior".to_owned();
    let at = At::offset(SHARED, text, layer::find(table.get_ref(), &key));
    Err(ConfigError::NotShared { at, key })
}
