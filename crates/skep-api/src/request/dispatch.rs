//! What is asked of a dispatch: an agent at an issue of a tracker.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skep_core::issue::Mode;

/// An issue that an agent is to be put at, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispatchAsk {
    pub mode: Mode,
    /// As it was typed.
    pub reference: String,
    /// Which of the projects that have the issue's repository.
    #[serde(default)]
    pub project: Option<String>,
    /// The asker's folder, absolute: relative claims are of it.
    pub cwd: String,
    /// Paths that it is going to change.
    #[serde(default)]
    pub claims: Vec<String>,
    /// It begins although others claim the same.
    #[serde(default)]
    pub overlap: bool,
    /// How many generations may follow it; none: as set. Of a cascade alone.
    #[serde(default)]
    pub depth: Option<u8>,
    #[serde(default)]
    pub agent: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
    /// One of the agent's accounts, by its name in the settings.
    #[serde(default)]
    pub account: Option<String>,
    #[serde(default)]
    pub permissions: Option<String>,
    /// What it may use: `5usd,30m`.
    #[serde(default)]
    pub budget: Option<String>,
    /// Approves the project's own scripts as they are.
    #[serde(default)]
    pub yes: bool,
    #[serde(default)]
    pub dry_run: bool,
    /// Answer at once, without waiting for the health window.
    #[serde(default)]
    pub detach: bool,
    /// The asker's environment, as in `RunAsk`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

impl DispatchAsk {
    /// A wish that says nothing but the mode.
    pub fn of(mode: Mode) -> DispatchAsk {
        DispatchAsk {
            mode,
            reference: String::new(),
            project: None,
            cwd: String::new(),
            claims: Vec::new(),
            overlap: false,
            depth: None,
            agent: None,
            model: None,
            account: None,
            permissions: None,
            budget: None,
            yes: false,
            dry_run: false,
            detach: false,
            env: BTreeMap::new(),
        }
    }
}

/// An issue whose claim is to be freed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FreeAsk {
    /// As it was typed.
    pub reference: String,
    /// The asker's folder, absolute.
    pub cwd: String,
    pub dry_run: bool,
    /// The asker's environment, as in `RunAsk`.
    pub env: BTreeMap<String, String>,
}
