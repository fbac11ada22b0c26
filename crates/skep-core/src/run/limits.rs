//! What a closed door of the model's provider means for a run: it waits for the reset, or another agent takes over.
//!
//! Owns: when the wait is over, the one redelivery of each limit, the fallback, what is shown of an agent's own retries.
//! Never: asks a provider; all that is known is what the agent told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Because, Event, Hears, Logins, Quota, Run, State, Step};
use crate::{
    facts::Exit,
    said::{ErrorClass, TurnResult},
    text,
    time::Timestamp,
};

/// How long an unknown reset is waited for at first; each time in a row it is twice as long.
pub(crate) const FIRST: Duration = Duration::from_secs(15 * 60);
/// The longest wait for an unknown reset.
pub(crate) const LONGEST: Duration = Duration::from_secs(5 * 60 * 60);
/// A reset beyond it is no reset that anybody means.
const FARTHEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// A reset within it is waited for, even where another agent could take over.
pub(crate) const NEAR: Duration = Duration::from_secs(30 * 60);
/// The longest that is waited where a reset came, and the limit was met again at once.
const DOUBTED: Duration = Duration::from_secs(60 * 60);
/// By how much runs that wait for the same reset are spread at most; the jitter says how much of it.
const SPREAD_MS: f64 = 150_000.0;

/// The agent that takes over when the first one's usage limit is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    pub agent: String,
    /// Whether its protocol has a word for a turn's result.
    pub speaks: bool,
    /// What it can be told while it is at work.
    #[serde(default)]
    pub hears: Hears,
    /// What its own settings say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    #[serde(default, skip_serializing_if = "Logins::is_none")]
    pub logins: Logins,
}

/// A usage limit that was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// Whose limit it is.
    pub quota: Quota,
    pub at: Timestamp,
    /// When the agent is asked again.
    pub until: Timestamp,
    /// Whether the provider told so; else it is a guess.
    pub known: bool,
}

/// A model call that the agent is trying again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrying {
    pub attempt: u32,
    /// How often it will try at most, where it says so.
    pub of: Option<u32>,
    pub text: String,
}

impl Retrying {
    /// Says it in a few words: `attempt 3 of 10, 503 overloaded`.
    pub fn words(&self) -> String {
        let of = self.of.map_or_else(String::new, |of| format!(" of {of}"));
        let text = text::one_line(&self.text);
        let why = if text.is_empty() { String::new() } else { format!(", {text}") };
        format!("attempt {}{of}{why}", self.attempt)
    }
}

impl Run {
    /// The usage limit that the agent told of, as its reset; nothing made it good since.
    ///
    /// A reset that is past already, or that no clock means, is none: an agent that says so again and again would be
    /// asked again and again.
    pub(super) fn limit_told(reset: Option<Timestamp>, words: &str, now: Timestamp) -> Event {
        let reset = reset.filter(|at| *at > now && at.since(now) <= FARTHEST);
        Event::LimitMet { text: words.to_owned(), reset }
    }

    /// Where a usage limit is what ended the attempt: it waits for the reset, or goes on with the fallback.
    pub(super) fn limited(
        &self,
        exit: Option<&Exit>,
        stopping: Option<Because>,
        now: Timestamp,
    ) -> Option<Step> {
        let reset = self.verdict.limit?;
        // A person's word, and an agent that never came to its work, are stronger.
        let theirs = match stopping {
            None
            | Some(
                Because::Limit | Because::Stalled | Because::SupervisorLost | Because::HostRestart,
            ) => false,
            Some(
                Because::Person
                | Because::Superseded
                | Because::Paused
                | Because::Surface
                | Because::NeverStarted
                | Because::NeverReady
                | Because::Timeout
                | Because::Budget
                | Because::Turns,
            ) => true,
        };
        if theirs || self.pausing || exit.is_some_and(|exit| exit.error.is_some()) {
            return None;
        }
        let (until, known) = self.reset_of(reset, now);
        let text = self.limit_words();
        Some(Step::of([Event::Limited { until, known, exit: exit.cloned(), text }], []))
    }

    /// What a failure for a usage limit that named no reset leads to, where it may go on by another login.
    pub(super) fn out_of_quota(&self, exit: &Exit, now: Timestamp) -> Option<Step> {
        if self.brief.fallback.is_none() && self.brief.logins.accounts.is_empty() {
            return None;
        }
        let (until, known) = self.reset_of(None, now);
        let (exit, text) = (Some(exit.clone()), self.limit_words());
        Some(Step::of([Event::Limited { until, known, exit, text }], []))
    }

    pub(super) fn limit_words(&self) -> String {
        self.verdict.error.as_ref().map_or_else(String::new, |(_, text)| text.clone())
    }

    /// When the agent is asked again, and whether its provider said so.
    fn reset_of(&self, told: Option<Timestamp>, now: Timestamp) -> (Timestamp, bool) {
        let most = (SPREAD_MS * self.brief.policy.jitter.clamp(0.0, 1.0)) as u64;
        let spread = Duration::from_millis(self.seed() % most.max(1));
        match told {
            Some(at) => {
                // A reset that came and was none is not believed again at once.
                let doubted = self
                    .limits
                    .checked_sub(1)
                    .map(|times| now.plus(FIRST.saturating_mul(1 << times.min(8)).min(DOUBTED)));
                (Some(at).max(doubted).unwrap_or(at).plus(spread), true)
            }
            None => {
                let wait = FIRST.saturating_mul(1 << self.limits.min(8)).min(LONGEST);
                (now.plus(wait + spread), false)
            }
        }
    }

    /// The limit is over, as far as is known: the attempt that it ended is taken up, once.
    pub(super) fn after_limit(&self, goes_on: bool) -> Step {
        let taken_up = Event::Requeued {
            attempt: self.attempt + 1,
            not_before: None,
            why: super::Requeue::Limit,
            text: String::new(),
            goes_on,
            message: self.next_message(),
            speech: self.turns_to(),
        };
        Step::of([taken_up], [])
    }

    /// Until when nothing new is to be asked of the agent whose limit it met.
    pub fn cooling(&self, now: Timestamp) -> Option<&Met> {
        self.met.as_ref().filter(|met| met.until > now)
    }

    pub(super) fn meets(&mut self, until: Timestamp, known: bool, at: Timestamp) {
        let quota = self.quota();
        self.shut.insert(quota.clone(), until);
        self.met = Some(Met { quota, at, until, known });
    }

    /// Whether what was said ends a retry that was told.
    pub(super) fn ends_retry(event: &Event) -> bool {
        match event {
            Event::TurnEnded { .. } | Event::Waits { .. } | Event::RetryOver {} => true,
            Event::LeaveAsked { .. } | Event::QuestionAsked { .. } => true,
            Event::QuestionEscalated { .. }
            | Event::QuestionProposed { .. }
            | Event::QuestionLeft { .. }
            | Event::QuestionAnswered { .. }
            | Event::QuestionWithdrawn { .. }
            | Event::Claimed { .. } => false,
            Event::LeaveRuled { .. } | Event::LeaveWithdrawn { .. } => false,
            Event::Erred { class, .. } => *class != ErrorClass::Notice,
            Event::LimitMet { .. } | Event::Ended { .. } | Event::Requeued { .. } => true,
            Event::Limited { .. } | Event::FellBack { .. } | Event::Admitted {} => true,
            Event::Rotated { .. } => true,
            Event::ResumeRefused { .. } | Event::AsBefore { .. } => true,
            Event::Worked {} | Event::TurnsTo { .. } => false,
            Event::Lifted {} | Event::RulesAsked {} | Event::RulesSet { .. } => false,
            Event::Readied {} | Event::Released {} => false,
            Event::Created { .. }
            | Event::Prepared { .. }
            | Event::Began { .. }
            | Event::Started { .. }
            | Event::SessionNamed { .. }
            | Event::Used { .. }
            | Event::ModelTold { .. }
            | Event::BudgetRaised { .. }
            | Event::Given { .. }
            | Event::Sent { .. }
            | Event::Receipt { .. }
            | Event::Goes {}
            | Event::Shown { .. }
            | Event::Stalled { .. }
            | Event::Retrying { .. }
            | Event::StopAsked { .. }
            | Event::Lost { .. }
            | Event::SweptUnknown { .. }
            | Event::Undoing {}
            | Event::Undone { .. }
            | Event::CloseAsked { .. }
            | Event::Closing { .. }
            | Event::Landing { .. }
            | Event::LandingMoved { .. }
            | Event::ConflictGiven { .. }
            | Event::GateEnded { .. }
            | Event::Attested { .. }
            | Event::Proposing { .. }
            | Event::Looking {}
            | Event::Followed { .. }
            | Event::RoundBegun { .. }
            | Event::RoundOver { .. }
            | Event::Snapping { .. }
            | Event::Snapped { .. }
            | Event::SnapFailed { .. }
            | Event::Settled { .. }
            | Event::Forgetting { .. }
            | Event::Restoring { .. }
            | Event::Reverting { .. }
            | Event::Purged { .. }
            | Event::LogsDropped {}
            | Event::IssueLeaving {}
            | Event::IssueLeft { .. }
            | Event::IssueCommented { .. }
            | Event::Renamed { .. }
            | Event::PauseAsked {}
            | Event::OpDone { .. }
            | Event::GitSeen { .. }
            | Event::Overstepped { .. }
            | Event::Leased { .. }
            | Event::LeasesInUse { .. }
            | Event::Done {} => false,
        }
    }
}

/// Whether a turn that ended so shows that the door is open again.
pub(crate) fn is_answer(result: TurnResult) -> bool {
    result == TurnResult::Success
}

/// Whether `state` waits for a usage limit to pass.
pub fn is_limited(state: &State) -> bool {
    matches!(state, State::Limited { .. })
}
