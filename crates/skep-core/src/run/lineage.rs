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

/// The most generations that may follow a run, whatever is asked for.
pub const DEEPEST: u8 = 5;

/// How far runs may have others work for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cascade {
    /// How many generations may follow the first run, where it was not asked for otherwise.
    pub depth: u8,
    /// How many runs one may ask for in all, whatever became of them.
    pub breadth: u32,
    /// How many may come of the first run in all.
    pub total: u32,
}

impl Default for Cascade {
    fn default() -> Cascade {
        Cascade { depth: 3, breadth: 4, total: 16 }
    }
}

impl Cascade {
    /// Whether it is what holds where nobody said otherwise.
    pub fn is_usual(&self) -> bool {
        *self == Cascade::default()
    }
}
