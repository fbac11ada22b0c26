//! What is asked of a run's change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A wish to have a run's work proposed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProposeAsk {
    pub run: String,
    /// As a draft, or made one.
    pub draft: bool,
    /// A draft no longer.
    pub ready: bool,
    /// None: the task's.
    pub title: Option<String>,
    pub dry_run: bool,
    /// The asker's environment: what a token refers to is taken over from it.
    pub env: BTreeMap<String, String>,
}
