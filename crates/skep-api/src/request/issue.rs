//! What a run asks of its own issue.

use serde::{Deserialize, Serialize};
pub use skep_core::issue::Status;

/// What is to be done at the issue that the run which asks was put at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum IssueDeed {
    /// Read it as it stands now.
    Get,
    /// Write below it, once for each text.
    Comment { text: String },
    /// Say where it stands: one of those that an issue has while it is open.
    SetStatus { status: Status },
}
