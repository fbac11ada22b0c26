//! What runs used, as rows that whoever asks adds up. Owns: their shape. Never: adds anything up.

use serde::{Deserialize, Serialize};
use skep_core::budget::Amount;

/// What one run used on one day by one agent and model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostView {
    /// Where the person is: `2026-11-21`.
    pub day: String,
    /// The run's place in the order of creation.
    pub order: u64,
    pub run: String,
    pub name: String,
    pub title: String,
    pub task: Option<String>,
    pub project: Option<String>,
    pub agent: String,
    pub model: Option<String>,
    /// None: nothing was told of it.
    pub used: Option<Amount>,
}
