//! Who gets which notice, and when nobody is to be woken.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::time::Timestamp;

/// Minutes of a day.
const DAY: i64 = 24 * 60;

/// How urgent a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    Low,
    Normal,
    High,
    Urgent,
}

impl Priority {
    /// As settings and channels spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Normal => "normal",
            Priority::High => "high",
            Priority::Urgent => "urgent",
        }
    }
}

/// What the core knows of a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Whether several notices may go as one message.
    #[serde(default)]
    pub merges: bool,
    /// Whether people may answer on it.
    #[serde(default)]
    pub answers: bool,
}

/// What holds for some notices; the first rule that fits counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// None: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Whether it goes in quiet hours too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passes: bool,
}

/// When nobody is to be woken. Minutes of the day where the person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    pub from: u16,
    pub to: u16,
}

/// What the settings say of notices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, Channel>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// How long the first of several waits for the others.
    #[serde(default)]
    pub digest_ms: u64,
    /// How far the person's clock is ahead of UTC. Minutes.
    #[serde(default)]
    pub ahead_min: i32,
}

impl Rules {
    /// The rule for such a notice.
    pub(super) fn fitting(&self, kind: Kind, project: Option<&str>) -> Option<&Rule> {
        self.rules.iter().find(|rule| {
            let of_project =
                || project.is_some_and(|project| rule.projects.iter().any(|it| it == project));
            (rule.kinds.is_empty() || rule.kinds.contains(&kind))
                && (rule.projects.is_empty() || of_project())
        })
    }

    /// When the quiet hours end that `at` is in.
    pub fn quiet_until(&self, at: Timestamp) -> Option<Timestamp> {
        let Quiet { from, to } = self.quiet?;
        let (from, to) = (i64::from(from), i64::from(to));
        let minutes = i64::try_from(at.0 / 60_000).ok()? + i64::from(self.ahead_min);
        let now = minutes.rem_euclid(DAY);
        let quiet = if from <= to { from <= now && now < to } else { from <= now || now < to };
        if !quiet {
            return None;
        }
        let left = (to - now).rem_euclid(DAY);
        let end = minutes + left - i64::from(self.ahead_min);
        Some(Timestamp(u64::try_from(end).ok()?.checked_mul(60_000)?))
    }
}
