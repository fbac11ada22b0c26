//! The paths that a run says it will touch, before it begins.

use serde::{Deserialize, Serialize};

/// Paths that a run holds for itself as long as it is at work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Absolute, free of links and of `..`, in the project's own checkout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Whether a person lets it claim what another one holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overlap: bool,
}

impl Claims {
    /// Whether it claims nothing.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}
