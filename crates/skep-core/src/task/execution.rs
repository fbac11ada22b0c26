//! How far a plan is carried out, wave by wave, as people see it.
//!
//! Owns: the view of a version's parts as waves. Never: keeps anything; it is made from the parts whenever it is asked for.

use std::collections::BTreeSet;

use super::{PartState, Version};

/// The waves of a version with what is done of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionState {
    pub waves: Vec<Wave>,
}

/// Parts that go side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// From 0.
    pub index: usize,
    pub projects: Vec<String>,
    pub state: WaveState,
}

/// Where a wave stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveState {
    Pending,
    Running,
    Completed,
    Failed,
}

impl WaveState {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            WaveState::Pending => "pending",
            WaveState::Running => "running",
            WaveState::Completed => "completed",
            WaveState::Failed => "failed",
        }
    }
}

impl ExecutionState {
    /// Looks at a version: all its waves, those that are over too.
    pub fn of(version: &Version) -> ExecutionState {
        let waves = version.plan.waves(|_| false);
        let wave = |(index, projects): (usize, Vec<String>)| {
            let state = state_of(version, &projects);
            Wave { index, projects, state }
        };
        ExecutionState { waves: waves.into_iter().enumerate().map(wave).collect() }
    }

    /// Whether there are waves, and all of them are completed.
    pub fn all_completed(&self) -> bool {
        !self.waves.is_empty() && self.waves.iter().all(|wave| wave.state == WaveState::Completed)
    }

    /// The first wave that is not over; none when all are.
    pub fn current(&self) -> Option<&Wave> {
        self.waves.iter().find(|wave| wave.state != WaveState::Completed)
    }

    /// Whether any wave failed.
    pub fn has_failed(&self) -> bool {
        self.waves.iter().any(|wave| wave.state == WaveState::Failed)
    }
}

/// One that a person is wanted for is not failed, and not over either.
fn state_of(version: &Version, projects: &[String]) -> WaveState {
    let states = || projects.iter().filter_map(|project| version.parts.get(project));
    let has = |state| states().any(|part| part.state == state);
    if has(PartState::InProgress) {
        WaveState::Running
    } else if has(PartState::Failed) {
        WaveState::Failed
    } else if states().all(|part| part.state == PartState::Completed) {
        WaveState::Completed
    } else if has(PartState::Completed) || has(PartState::Escalated) {
        WaveState::Running
    } else {
        WaveState::Pending
    }
}

/// What of a version may start now, its worktrees standing; empty where something is under way or stands in the way.
///
/// A wave begins when the one before it is over: each part of it completed, or held back by one that a person is wanted
/// for. A failure begins no wave; what was stopped is to go first.
pub fn ready(version: &Version) -> Vec<String> {
    let state = |project: &str| version.parts.get(project).map(|part| part.state);
    let any = |state| version.parts.values().any(|part| part.state == state);
    let rests = version.parts.values().any(|part| part.rests);
    if any(PartState::InProgress) || any(PartState::Failed) || rests {
        return Vec::new();
    }
    let escalated: BTreeSet<&str> =
        version.projects().filter(|project| state(project) == Some(PartState::Escalated)).collect();
    let held = version.needing(&escalated);
    let waves = version.waves();
    let free = |wave: &Vec<String>| {
        let free = wave.iter().filter(|project| !held.contains(*project));
        free.cloned().collect::<Vec<String>>()
    };
    waves.iter().map(free).find(|wave| !wave.is_empty()).unwrap_or_default()
}
