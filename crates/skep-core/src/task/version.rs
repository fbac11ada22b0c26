//! A version of a task's plan, and where each of its parts stands.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Part, PartState};
use crate::{id::PlanId, plan::Plan, time::Timestamp};

/// A plan as it was written down, with a number of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub id: PlanId,
    /// From 1; an edit while it is looked at does not count.
    pub number: u32,
    pub state: PlanState,
    pub plan: Plan,
    /// By project.
    pub parts: BTreeMap<String, Part>,
    pub since: Timestamp,
    /// Why a person sent it back.
    pub feedback: Option<String>,
}

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    Draft,
    PendingReview,
    Approved,
    Rejected,
    /// Another version took its place.
    Superseded,
}

impl PlanState {
    /// Every state.
    pub const ALL: [PlanState; 5] = [
        PlanState::Draft,
        PlanState::PendingReview,
        PlanState::Approved,
        PlanState::Rejected,
        PlanState::Superseded,
    ];

    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            PlanState::Draft => "draft",
            PlanState::PendingReview => "pending_review",
            PlanState::Approved => "approved",
            PlanState::Rejected => "rejected",
            PlanState::Superseded => "superseded",
        }
    }

    /// Whether a plan may go from this state to `to`. Any may be superseded, once.
    pub fn may_become(self, to: PlanState) -> bool {
        use PlanState::{Approved, Draft, PendingReview, Rejected, Superseded};
        match self {
            Draft => matches!(to, PendingReview | Superseded),
            PendingReview => matches!(to, Approved | Rejected | Superseded),
            Rejected => matches!(to, PendingReview | Superseded),
            Approved => matches!(to, Superseded),
            Superseded => false,
        }
    }

    /// Whether it holds as the task's plan: there is one at most.
    pub fn is_active(self) -> bool {
        self != PlanState::Superseded
    }
}

impl Version {
    /// A new version, of which no part is begun.
    pub fn new(id: PlanId, number: u32, plan: Plan, at: Timestamp) -> Version {
        let part = |project: &str| (project.to_owned(), Part::new());
        let parts = plan.sub_plans.iter().map(|sub| part(&sub.project)).collect();
        Version { id, number, state: PlanState::Draft, plan, parts, since: at, feedback: None }
    }

    /// The waves of what is left to do: without what is completed, and without what a person is wanted for.
    pub fn waves(&self) -> Vec<Vec<String>> {
        self.plan.waves(|project| {
            let state = self.parts.get(project).map(|part| part.state);
            matches!(state, Some(PartState::Completed | PartState::Escalated))
        })
    }

    /// Everything that waits, directly or over others, for one of `held`.
    pub fn needing(&self, held: &BTreeSet<&str>) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = BTreeSet::new();
        loop {
            let waits = |project: &&String| {
                let needs = self.plan.needs.get(*project).map_or(&[][..], Vec::as_slice);
                !found.contains(*project)
                    && needs.iter().any(|need| held.contains(need.as_str()) || found.contains(need))
            };
            let more: Vec<String> = self.plan.needs.keys().filter(waits).cloned().collect();
            if more.is_empty() {
                return found;
            }
            found.extend(more);
        }
    }

    /// The projects of its parts, in the order of work.
    pub fn projects(&self) -> impl Iterator<Item = &str> {
        self.plan.groups.iter().flatten().map(String::as_str)
    }
}
