//! How an agent is told of the hooks: by its own arguments, so that no settings of its user are touched.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::claude_hooks;

/// How long Claude Code waits for a hook. Seconds.
const PATIENCE: u64 = 5;
/// The hidden role that hands on what a hook is told.
const ROLE: &str = "__hook";

/// Whose hooks an agent has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hooks {
    /// Commands that get JSON on their standard input.
    Claude,
    /// One program that gets JSON as its last argument.
    Codex,
}

/// A path that cannot be spelled in an argument.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a path that is not UTF-8, or holds a NUL")]
pub struct Unspeakable;

impl Hooks {
    /// The name that profiles and specs give it.
    pub fn name(self) -> &'static str {
        match self {
            Hooks::Claude => "claude",
            Hooks::Codex => "codex",
        }
    }

    /// The hooks of this name.
    pub fn of(name: &str) -> Option<Hooks> {
        [Hooks::Claude, Hooks::Codex].into_iter().find(|hooks| hooks.name() == name)
    }

    /// What stands for `{hooks}` in the agent's arguments, with `skep` as the program that hears them.
    ///
    /// Shape: Claude Code's command is one of a shell, so that the path is quoted for one; Codex's is a list of words.
    pub fn argument(self, skep: &Path) -> Result<String, Unspeakable> {
        let skep = skep.to_str().filter(|path| !path.contains('\0')).ok_or(Unspeakable)?;
        Ok(match self {
            Hooks::Codex => Value::from([skep, ROLE, self.name()].as_slice()).to_string(),
            Hooks::Claude => {
                let program = shlex::try_quote(skep).map_err(|_| Unspeakable)?;
                let command = format!("{program} {ROLE} {}", self.name());
                let hook = json!({"type": "command", "command": command, "timeout": PATIENCE});
                let of = |event: &&str| ((*event).to_owned(), json!([{"hooks": [hook.clone()]}]));
                let hooks: Map<String, Value> = claude_hooks::EVENTS.iter().map(of).collect();
                // Whoever told skep to have it bypass everything has answered that dialog.
                json!({"hooks": hooks, "skipDangerousModePermissionPrompt": true}).to_string()
            }
        })
    }
}

/// What stands for `{trusted}` in Codex's arguments: a TOML table in which these folders are trusted, for one session.
pub fn trusted_folders(dirs: &[&str]) -> String {
    let trusted: toml::Table = dirs
        .iter()
        .map(|dir| {
            let level = toml::Table::from_iter([("trust_level".to_owned(), "trusted".into())]);
            ((*dir).to_owned(), toml::Value::Table(level))
        })
        .collect();
    toml::Value::Table(trusted).to_string()
}
