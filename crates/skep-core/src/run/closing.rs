//! How an env is given back, what came of a wish, and what of it can be undone.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::Env;
use crate::{
    change::Change,
    id::{OpId, SnapshotId},
    snapshot::Snapshot,
    time::Timestamp,
};

/// How an env is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Only where the work has landed, or there is none; the branch goes with it.
    Smart,
    /// Only where everything is committed; the branch stays.
    KeepBranch,
    /// Whatever stands there; a snapshot keeps it.
    Force,
    /// Like `KeepBranch`, because its time is over and not because somebody said so.
    Aged,
    /// Nothing that stands there is anybody's work: it checked a commit, and goes with what that left.
    Spent,
}

/// Reads how an env is given back; yes and no stand for whether the branch was to be kept.
pub(super) fn how<'de, D: Deserializer<'de>>(from: D) -> Result<How, D::Error> {
    struct Visitor;
    impl de::Visitor<'_> for Visitor {
        type Value = How;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("how an env is given back")
        }

        fn visit_bool<E: de::Error>(self, keep: bool) -> Result<How, E> {
            Ok(if keep { How::KeepBranch } else { How::Smart })
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<How, E> {
            How::deserialize(de::value::StrDeserializer::new(text))
        }
    }
    from.deserialize_any(Visitor)
}

/// Whether the work is in its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Merged {
    #[serde(rename = "true")]
    Yes,
    /// A change is open.
    #[serde(rename = "false")]
    No,
    /// A change was closed unmerged.
    #[serde(rename = "closed")]
    Closed,
    /// Not merged, and no change was ever made for it.
    #[serde(rename = "no_pr")]
    NoChange,
    #[serde(rename = "unknown")]
    Unknown,
}

impl Merged {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Merged::Yes => "true",
            Merged::No => "false",
            Merged::Closed => "closed",
            Merged::NoChange => "no_pr",
            Merged::Unknown => "unknown",
        }
    }
}

/// How the last wish about a run's work went; the one who asked waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum OpResult {
    Closed {
        kept_branch: Option<String>,
        trash: Option<String>,
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merged: Option<Merged>,
        /// The snapshot that holds what stood there, where it is taken already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<Box<Snapshot>>,
        /// Whether the files lie in the trash and their snapshot is still to be taken.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unsettled: bool,
    },
    Landed {
        target: String,
        old: String,
        new: String,
        commits: u64,
        /// What was left undone beside it, in sentences.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        beside: Vec<String>,
    },
    /// Its gates have passed the tree that would land; nothing moved.
    Attested { target: String, tree: String, gates: u32 },
    /// Its branch is pushed, and a change stands for it.
    Proposed {
        change: Box<Change>,
        /// Whether there was none before.
        made: bool,
        /// What of the wish the forge did not take, in sentences.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<String>,
    },
    /// A snapshot was taken for a person.
    Snapped { snapshot: Box<Snapshot> },
    /// Snapshots are gone for good.
    Forgotten { snapshots: Vec<SnapshotId> },
    /// A snapshot's files stand again.
    Restored {
        snapshot: SnapshotId,
        env: Box<Env>,
        /// What stood there before, where anything did.
        before: Option<Box<Snapshot>>,
        text: String,
    },
    /// A landing was taken back by a commit of its own.
    Reverted { of: OpId, target: String, old: String, new: String },
    /// Nothing was changed; a person decides.
    Refused {
        slug: String,
        text: String,
        hints: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merged: Option<Merged>,
    },
    /// The deed failed; nothing was destroyed.
    Failed { slug: String, text: String },
}

/// A wish that was granted and can be taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Undoable {
    pub op: OpId,
    pub at: Timestamp,
    pub what: Undo,
    pub undone: bool,
    /// Whether it took back another: it is itself taken back only by name.
    pub redo: bool,
}

/// How a wish is taken back.
#[derive(Debug, Clone, PartialEq)]
pub enum Undo {
    /// By the snapshot that holds what stood there.
    Close { snapshot: SnapshotId },
    /// By the snapshot of what stood there before.
    Restore { before: SnapshotId },
    /// By a commit that takes back what landed between the two.
    Land { target: String, old: String, new: String },
}

impl Undo {
    /// The wish, as the verb that asked for it.
    pub fn verb(&self) -> &'static str {
        match self {
            Undo::Close { .. } => "close",
            Undo::Restore { .. } => "restore",
            Undo::Land { .. } => "land",
        }
    }
}
