//! What runs ask about each other, and of each other.

use serde::{Deserialize, Serialize};

/// A run that another run asks for, to have it work for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpawnAsk {
    pub title: String,
    /// All that its agent is told.
    pub prompt: String,
    /// A registered project; none: that of the run which asks.
    #[serde(default)]
    pub project: Option<String>,
    /// Paths that it is going to change, from the top of the repository.
    #[serde(default)]
    pub claims: Vec<String>,
}
