//! When what the agent has used is worth a report: at the end of each turn, and in a long one now and then.
//!
//! Owns: the last count that was not reported. Never: reads a clock, or adds anything up.

use std::time::{Duration, Instant};

use skep_core::said::Said;

/// The last count of an agent.
#[derive(Debug)]
pub(super) struct Latest {
    said: Option<Said>,
    told: Instant,
    /// How often it is told within a turn; none: at its end alone.
    every: Option<Duration>,
}

impl Latest {
    /// Nothing was counted yet.
    pub(super) fn begin(every_ms: u64, now: Instant) -> Latest {
        let every = (every_ms > 0).then(|| Duration::from_millis(every_ms));
        Latest { said: None, told: now, every }
    }

    /// Takes a count; it holds all of the one before.
    pub(super) fn hear(&mut self, said: &Said) {
        self.said = Some(said.clone());
    }

    /// How long until it is to be told; none where there is nothing to tell.
    pub(super) fn until_due(&self, now: Instant) -> Option<Duration> {
        let every = self.every.filter(|_| self.said.is_some())?;
        Some((self.told + every).saturating_duration_since(now))
    }

    /// Returns the count that nobody was told.
    pub(super) fn take(&mut self, now: Instant) -> Option<Said> {
        self.told = now;
        self.said.take()
    }
}
