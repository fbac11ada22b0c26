//! What stands open to an agent behind a fence, as the keeper hands it on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is open to an agent and all that it starts: folders with what is below them, and files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    /// To write to.
    pub write: Vec<PathBuf>,
    /// To write files and folders to, and no links, sockets or devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plain: Vec<PathBuf>,
    /// To read besides; none: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Vec<PathBuf>>,
}
