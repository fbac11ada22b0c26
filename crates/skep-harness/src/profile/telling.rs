//! Owns: how an agent is told the brief, as its profile says it.
//! Never: writes a file, or lets one lead out of the worktree.

use std::{
    collections::BTreeMap,
    path::{Component, Path},
};

use serde::Deserialize;

use super::{Brief, Filling, Profile, ProfileError};

/// The way on which an agent is told the brief; one of them, or none at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telling {
    /// Arguments that name `{brief_file}`.
    #[serde(default)]
    pub args: Vec<String>,
    /// Variables that name `{brief_file}`, or `{brief_json}`, the same as a string of JSON.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// A file at the root of the worktree that it reads of itself; where the project tracks one, the prompt says it.
    pub file: Option<String>,
    /// Before the task, in the first prompt of a conversation.
    #[serde(default)]
    pub prompt: bool,
}

impl Telling {
    /// Tells whether it is told by a file that it is pointed to.
    pub fn by_pointer(&self) -> bool {
        !self.args.is_empty() || !self.env.is_empty()
    }
}

impl Profile {
    pub(super) fn telling_arguments(&self, brief: &Brief) -> Vec<String> {
        brief.brief_file.as_ref().map(|_| self.brief.args.clone()).unwrap_or_default()
    }

    pub(super) fn telling_env(
        &self,
        brief: &Brief,
        filling: &Filling,
    ) -> Result<Vec<(String, String)>, ProfileError> {
        if brief.brief_file.is_none() {
            return Ok(Vec::new());
        }
        // Braces of JSON are no places to fill.
        let fill = |value: &str| {
            filling
                .values
                .iter()
                .filter(|(mark, _)| mark.starts_with("{brief_"))
                .fold(value.to_owned(), |value, (mark, with)| value.replace(mark, with))
        };
        Ok(self.brief.env.iter().map(|(name, value)| (name.clone(), fill(value))).collect())
    }
}

/// Refuses at once what would fail only when a run starts.
pub(super) fn check(telling: &Telling, skills: Option<&str>) -> Result<(), String> {
    let ways =
        [!telling.args.is_empty(), !telling.env.is_empty(), telling.file.is_some(), telling.prompt];
    if ways.iter().filter(|way| **way).count() > 1 {
        return Err("`brief` is told on one way: `args`, `env`, `file` or `prompt`".to_owned());
    }
    let named = |word: &String| word.contains("{brief_file}") || word.contains("{brief_json}");
    if telling.by_pointer() && !telling.args.iter().chain(telling.env.values()).any(named) {
        return Err("`brief` needs {brief_file} in `args` or `env`".to_owned());
    }
    let one = |text: &str| {
        let mut parts = Path::new(text).components();
        matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name != ".git")
            && !text.ends_with('/')
            && plain(text)
    };
    if telling.file.as_deref().is_some_and(|file| !one(file)) {
        return Err("`brief.file` is the name of a file at the root of the worktree".to_owned());
    }
    let inside = |text: &str| {
        let name = |part| matches!(part, Component::Normal(name) if name != ".git");
        !text.is_empty() && Path::new(text).components().all(name) && plain(text)
    };
    if skills.is_some_and(|folder| !inside(folder)) {
        return Err("`skills` is a folder inside of the worktree".to_owned());
    }
    Ok(())
}

fn plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
