//! How an agent's own screen is begun and read, as data.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Brief, Permissions, Profile, ProfileError};
use crate::pty::{Hooks, Signs, Titles, trusted_folders};

/// What a profile says of its agent's own screen, beside the arguments that begin it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Screen {
    /// Arguments by permissions, in place of the profile's own; absent where those are the same.
    pub ask: Option<Vec<String>>,
    pub auto: Option<Vec<String>>,
    pub bypass: Option<Vec<String>>,
    /// By whose hooks it tells what it does.
    pub hooks: Option<Hooks>,
    /// Where it must be told that a folder is trusted, before it begins there without a person.
    pub trust: Option<TrustIn>,
    /// What the titles of its window mean.
    pub title: Titles,
}

/// Whose settings hold the folders that are trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustIn {
    /// `.claude.json`.
    Claude,
}

impl TrustIn {
    /// The file, as an agent with this environment finds it; none where it has no home.
    pub fn file(self, vars: &BTreeMap<String, String>) -> Option<PathBuf> {
        let dir = |name: &str| vars.get(name).filter(|dir| !dir.is_empty());
        match self {
            TrustIn::Claude => {
                let dir = dir("CLAUDE_CONFIG_DIR").or_else(|| dir("HOME"))?;
                Some(Path::new(dir).join(".claude.json"))
            }
        }
    }
}

impl Profile {
    /// The signs by which its agent tells on a terminal what it does.
    pub fn signs(&self) -> Signs {
        let Screen { hooks, title, .. } = &self.screen;
        Signs { hooks: *hooks, titles: title.clone(), unprompted: false }
    }

    /// The arguments that permissions add on its own screen.
    pub(super) fn screen_options(&self, permissions: Permissions) -> Option<&Vec<String>> {
        match permissions {
            Permissions::Ask => self.screen.ask.as_ref(),
            Permissions::Auto => self.screen.auto.as_ref(),
            Permissions::Bypass => self.screen.bypass.as_ref(),
        }
    }

    /// What stands for `{hooks}` and `{trusted}`.
    pub(super) fn screen_fillings(
        &self,
        brief: &Brief,
    ) -> Result<Vec<(&'static str, String)>, ProfileError> {
        let cwd = super::utf8(&brief.cwd, "a folder")?;
        let hooks = self.screen.hooks.map(|hooks| hooks.argument(&brief.skep)).transpose();
        let hooks = hooks.map_err(|_| ProfileError::Unsafe {
            what: "a program",
            value: brief.skep.display().to_string(),
        })?;
        let trusted = ("{trusted}", trusted_folders(&[&cwd]));
        Ok(hooks.map(|hooks| ("{hooks}", hooks)).into_iter().chain([trusted]).collect())
    }
}
