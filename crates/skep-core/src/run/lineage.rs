//! Which run a run comes from, and how far it may go on.

use serde::{Deserialize, Serialize};

use crate::id::RunId;

/// Where a run stands among those that came of one dispatch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The run that asked for it; none: it is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<RunId>,
    /// The first of them.
    pub root: RunId,
    /// How many generations may follow it.
    pub depth: u8,
}
