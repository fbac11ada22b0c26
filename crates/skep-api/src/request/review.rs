//! What can be asked about the parts of a plan that are reviewed.

use serde::{Deserialize, Serialize};

/// The part that is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartAsk {
    /// A run of it, by its id or its worker's name; or its task, or the plan.
    pub of: String,
    /// Its project; none: as the run says, or the only one that it can be.
    #[serde(default)]
    pub part: Option<String>,
}

/// What a person says of a part's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentAsk {
    /// None: it is about no file alone.
    pub file: Option<String>,
    pub line: Option<u32>,
    pub text: String,
}
