//! How long nothing was heard of an agent, and when that is worth a report.
//!
//! Owns: the two budgets of silence, and when none runs: while a person is asked, or between two turns.
//! Never: reads a clock; `now` comes in, from the one that stands still while the machine sleeps.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use skep_core::said::Said;

#[cfg(test)]
mod tests;

/// The silence of one agent.
#[derive(Debug)]
pub struct Quiet {
    idle: Duration,
    tool_idle: Duration,
    last: Instant,
    tools: BTreeSet<String>,
    /// Whether the agent has something to do, as far as it told.
    at_work: bool,
    /// Whether its turn's end leaves it with nothing to do.
    rests_between_turns: bool,
    reported: bool,
}

/// A silence that is worth a report.
#[derive(Debug, PartialEq, Eq)]
pub struct Silence {
    pub quiet: Duration,
    pub tool: bool,
}

impl Quiet {
    /// Begins at `now` with an agent at work.
    pub fn new(
        idle: Duration,
        tool_idle: Duration,
        rests_between_turns: bool,
        now: Instant,
    ) -> Quiet {
        Quiet {
            idle,
            tool_idle,
            last: now,
            tools: BTreeSet::new(),
            at_work: true,
            rests_between_turns,
            reported: false,
        }
    }

    /// Something was heard. Returns whether it ends a silence that was reported.
    pub fn heard(&mut self, now: Instant) -> bool {
        self.last = now;
        self.at_work = true;
        std::mem::take(&mut self.reported)
    }

    /// It was given something to do.
    pub fn given(&mut self, now: Instant) {
        self.last = now;
        self.at_work = true;
    }

    /// Learns from what was said whether a tool is in flight, and whether the agent waits for somebody.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else an agent says is only a sign of life"
    )]
    pub fn learn(&mut self, said: &Said) {
        match said {
            Said::Tool { id, .. } => {
                self.tools.insert(id.clone());
            }
            Said::ToolResult { id, .. } => {
                self.tools.remove(id);
            }
            Said::Ask { .. } | Said::Permission { .. } => self.at_work = false,
            Said::Withdrawn { .. } => self.at_work = true,
            Said::TurnEnded { .. } => {
                self.tools.clear();
                self.at_work = !self.rests_between_turns;
            }
            _ => {}
        }
    }

    /// How long it has been quiet.
    pub fn quiet(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last)
    }

    /// How long until the silence is worth a report; none while none can be.
    pub fn until_report(&self, now: Instant) -> Option<Duration> {
        (self.at_work && !self.reported).then(|| self.budget().saturating_sub(self.quiet(now)))
    }

    /// Returns the silence, once, when its budget is over.
    pub fn report(&mut self, now: Instant) -> Option<Silence> {
        if self.until_report(now)? > Duration::ZERO {
            return None;
        }
        self.reported = true;
        Some(Silence { quiet: self.quiet(now), tool: !self.tools.is_empty() })
    }

    fn budget(&self) -> Duration {
        if self.tools.is_empty() { self.idle } else { self.tool_idle }
    }
}
