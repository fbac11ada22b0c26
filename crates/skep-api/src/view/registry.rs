//! Who is at work, on which paths, and who came of whom.

use serde::{Deserialize, Serialize};
use skep_core::{
    fleet::{Fleet, claims::InTheWay},
    run::Run,
    time::Timestamp,
};

use super::RunView;

/// A run that is at work: at an issue, for another run, or under claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtWorkView {
    /// The agent's process; null while none of it lives.
    pub pid: Option<u32>,
    /// The issue; null where it is at none.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    pub url: Option<String>,
    /// When its agent was first seen in this attempt.
    pub started_at: Option<Timestamp>,
    /// The conversation of the agent that asked for it.
    pub parent_session: Option<String>,
    /// Absolute, in the project's own checkout.
    pub paths_claimed: Vec<String>,
    pub log_path: String,
    pub run: String,
    pub name: String,
    pub title: String,
    pub project: Option<String>,
    pub state: String,
    /// The run that asked for it.
    pub parent: Option<String>,
}

impl AtWorkView {
    /// Makes the view of `run`, whose log is at `log_path`.
    pub fn of(run: &Run, fleet: &Fleet, log_path: String) -> AtWorkView {
        let (brief, issue) = (&run.brief, run.brief.issue.as_ref());
        let parent = brief.lineage.as_ref().and_then(|lineage| lineage.parent.as_ref());
        let asker = parent.and_then(|parent| fleet.runs.get(parent));
        AtWorkView {
            pid: run.pid(),
            reference: issue.map(|issue| issue.reference.clone()),
            url: issue.map(|issue| issue.url.clone()).filter(|url| !url.is_empty()),
            started_at: run.begun,
            parent_session: asker.and_then(|asker| asker.session.clone()),
            paths_claimed: fleet.claims_of(run),
            log_path,
            run: brief.id.to_string(),
            name: brief.name.clone(),
            title: brief.title.clone(),
            project: brief.project.clone(),
            state: run.state_name().to_owned(),
            parent: parent.map(ToString::to_string),
        }
    }
}

/// A run that claims, or is seen to change, what a path is, holds or lies in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetView {
    pub pid: Option<u32>,
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    pub claim: String,
    pub path: String,
    /// `exact`, `ancestor` or `descendant`: where the claim stands, as seen from the path.
    pub reason: String,
    pub run: String,
    pub name: String,
    pub state: String,
    /// Whether it changed it, and did not claim it.
    pub seen: bool,
}

impl MetView {
    /// Makes the view of a claim that was met.
    pub fn of(met: &InTheWay<'_>) -> MetView {
        let (run, reason) = (met.run, met.reason);
        MetView {
            pid: run.pid(),
            reference: run.brief.issue.as_ref().map(|issue| issue.reference.clone()),
            claim: met.claim.clone(),
            path: met.path.clone(),
            reason: reason.as_str().to_owned(),
            run: run.id().to_string(),
            name: run.brief.name.clone(),
            state: run.state_name().to_owned(),
            seen: false,
        }
    }
}

/// What is known of some paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    pub met: Vec<MetView>,
    /// What could not be seen, or is left out, in words.
    pub notes: Vec<String>,
}

/// Where a run stands among those that came of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageView {
    /// The run that asked for it; null: it is the first.
    pub parent: Option<String>,
    pub root: String,
    /// How many generations may follow it.
    pub depth: u8,
    /// All that came of it, the oldest first; only `show` and `stop` have it.
    #[serde(default)]
    pub came: Vec<CameView>,
}

/// A run that came of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameView {
    pub run: String,
    pub name: String,
    /// The run that asked for it.
    pub parent: String,
    pub state: String,
    pub outcome: Option<String>,
}

/// What a run hears of the run that it asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpawnView {
    pub run: String,
    pub name: String,
    pub state: String,
    /// How many generations may follow it.
    pub depth: u8,
    /// How many more the one that asked may ask for, and how many may yet come of the first.
    pub left: u32,
    pub left_in_all: u32,
}

impl LineageView {
    pub(super) fn of(run: &Run) -> Option<LineageView> {
        let lineage = run.brief.lineage.as_ref()?;
        Some(LineageView {
            parent: lineage.parent.as_ref().map(ToString::to_string),
            root: lineage.root.to_string(),
            depth: lineage.depth,
            came: Vec::new(),
        })
    }
}

impl RunView {
    /// Adds all that came of `run`.
    #[must_use]
    pub fn with_those_that_came(mut self, run: &Run, fleet: &Fleet) -> RunView {
        let Some(lineage) = &mut self.lineage else { return self };
        let came = fleet.all_that_came_of(run.id()).into_iter();
        lineage.came = came
            .map(|run| CameView {
                run: run.id().to_string(),
                name: run.brief.name.clone(),
                parent: run.brief.by.clone(),
                state: run.state_name().to_owned(),
                outcome: run.outcome().map(|outcome| outcome.as_str().to_owned()),
            })
            .collect();
        self
    }
}
