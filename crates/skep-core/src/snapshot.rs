//! A run's files at a moment, kept so that they can come back.
//!
//! Owns: what is remembered of a snapshot, and its id, which follows from the run and a count.
//! Never: knows how files are kept; `skep-host`, room `snapshot`, does.

use serde::{Deserialize, Serialize};

use crate::{
    id::{self, RunId, SnapshotId},
    time::Timestamp,
};

#[cfg(test)]
mod tests;

/// What is remembered of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: SnapshotId,
    pub why: Why,
    pub at: Timestamp,
    /// The commit that holds the files.
    pub oid: String,
    /// The commit that was checked out.
    pub head: Option<String>,
    /// The branch that was checked out.
    pub branch: Option<String>,
    pub files: u64,
    pub bytes: u64,
    /// What could not be kept, by name.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// The folder in the trash that holds what git ignores, until it ages away.
    #[serde(default)]
    pub trash: Option<String>,
}

/// The occasion of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A turn of the agent ended.
    Turn,
    /// An attempt ended.
    End,
    /// A person asked.
    Asked,
    /// The env is being given back.
    Close,
    /// Another snapshot takes the place of what stands.
    Restore,
}

impl Why {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Turn => "turn",
            Why::End => "end",
            Why::Asked => "asked",
            Why::Close => "close",
            Why::Restore => "restore",
        }
    }
}

/// The id of the `nth` snapshot of `run`: the same in every replay, and no other run's.
pub fn nth(run: &RunId, nth: u32) -> SnapshotId {
    SnapshotId::new(id::derived(&format!("{run}/{nth}")))
}
