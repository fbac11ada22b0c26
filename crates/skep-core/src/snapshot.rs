//! A run's files at a moment, kept so that they can come back.
//!
//! Owns: what is remembered of a snapshot, and its id, which follows from the run and a count.
//! Never: knows how files are kept; `skep-host`, room `snapshot`, does.

use serde::{Deserialize, Serialize};

use crate::{
    id::{RunId, SnapshotId},
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
    let text = format!("{run}/{nth}");
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = mix(hash);
    let bytes = std::array::from_fn(|place| (mixed >> (5 * place)).to_le_bytes()[0]);
    SnapshotId::new(bytes)
}

/// Spreads every bit over all others, so that neighbours do not look alike: the finisher of `splitmix64`.
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
