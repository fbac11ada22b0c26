//! A registered repository.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A repository that skep works in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Unique; a slug.
    pub name: String,
    /// The main worktree, or the bare repository, absolute.
    pub path: String,
    /// Git's common folder, which tells the same repository under two paths.
    pub common_dir: String,
    /// The folder below the root in which its runs start; empty for the root.
    pub sub_dir: String,
    /// The base that was given at registration; settings win over it.
    pub base: Option<String>,
    pub added: Timestamp,
    /// The digest of the scripts that a person approved, where one did.
    pub approved: Option<String>,
    /// The digest of the gates that a person approved, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gates_approved: Option<String>,
}
