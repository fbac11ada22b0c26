//! Which of an agent's own retries are worth a report: the first of a row, and then one now and then.
//!
//! Owns: what the engine was told of them last. Never: reads a clock.

use std::time::{Duration, Instant};

use skep_core::said::Said;

#[cfg(test)]
mod tests;

/// How often a change is told at most: an agent may try again many times a second.
const EVERY: Duration = Duration::from_secs(10);

/// What of an agent's retries was told, and what is true.
#[derive(Debug, Default)]
pub(super) struct Retries {
    /// What is true now: the last retry, or that there is none.
    now: Option<Said>,
    told: Option<Said>,
    at: Option<Instant>,
}

/// A change that is to be told.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    Retrying(Said),
    Over,
}

impl Retries {
    /// Hears what the agent said; whatever is no retry shows that the last one is over.
    pub(super) fn hear(&mut self, said: &Said) {
        if matches!(said, Said::Retry { .. }) {
            self.now = Some(said.clone());
        } else if ends(said) {
            self.now = None;
        }
        // The core forgets a retry by itself when these are told.
        if matches!(said, Said::TurnEnded { .. } | Said::Error { .. } | Said::Limit { .. }) {
            (self.now, self.told) = (None, None);
        }
    }

    /// How long until a change is to be told; none where there is none.
    pub(super) fn until_change(&self, now: Instant) -> Option<Duration> {
        let wait = |at: Instant| (at + EVERY).saturating_duration_since(now);
        (self.now != self.told).then(|| self.at.map_or(Duration::ZERO, wait))
    }

    /// Returns the change, when it is time to tell it.
    pub(super) fn change(&mut self, now: Instant) -> Option<Change> {
        if !self.until_change(now)?.is_zero() {
            return None;
        }
        self.at = Some(now);
        self.told.clone_from(&self.now);
        Some(self.now.clone().map_or(Change::Over, Change::Retrying))
    }
}

/// Whether what was said shows that a model call went through or was given up; to name a conversation or to count is neither.
fn ends(said: &Said) -> bool {
    !matches!(
        said,
        Said::Session { .. } | Said::Model { .. } | Said::Usage { .. } | Said::Retry { .. }
    )
}
