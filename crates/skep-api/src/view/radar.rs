//! Which runs collide.

use serde::{Deserialize, Serialize};
use skep_core::{fleet::Fleet, radar::Files, run::Run, time::Timestamp};

use super::RunView;

/// Another run that a run's work meets, as of the last look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClashView {
    pub run: String,
    pub name: String,
    /// `touch` or `conflict`.
    pub kind: String,
    pub files: Vec<String>,
    pub more: u64,
    /// Since when they meet in this way.
    pub since: Timestamp,
}

/// What a run changed beyond the paths that it claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeyondView {
    pub files: Vec<String>,
    pub more: u64,
}

/// Two runs that meet, or of which nobody can say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictView {
    /// Begun before the other.
    pub a: String,
    pub b: String,
    /// `touch`, `conflict` or `unknown`.
    pub kind: String,
    pub files: Vec<String>,
    pub more: u64,
    /// Since when they meet in this way; null where that is unknown.
    pub since: Option<Timestamp>,
    /// Why it is unknown.
    pub why: Option<String>,
    /// When it was looked at.
    pub at: Timestamp,
}

/// What a look at the worktrees gave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConflictsView {
    /// The runs that were looked at, in the order of their beginning.
    pub runs: Vec<RunView>,
    pub pairs: Vec<ConflictView>,
}

impl RunView {
    /// Adds what the radar knows of `run`.
    #[must_use]
    pub fn on_radar(mut self, run: &Run, fleet: &Fleet) -> RunView {
        self.clashes = fleet
            .clashes_of(run.id())
            .map(|(other, standing)| ClashView {
                run: other.to_string(),
                name: fleet.runs.get(other).map_or_else(String::new, |run| run.brief.name.clone()),
                kind: standing.kind.as_str().to_owned(),
                files: standing.files.files.clone(),
                more: standing.files.more,
                since: standing.since,
            })
            .collect();
        self.beyond = fleet
            .stray_of(run.id())
            .map(|Files { files, more }| BeyondView { files: files.clone(), more: *more });
        self
    }
}
