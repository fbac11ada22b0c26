//! How long nothing was heard of an agent, how long its turn takes, and when that is worth a report.
//!
//! Owns: the two budgets of silence and that of a turn, and when none runs: while a person is asked, between two turns, or
//! right after the machine slept.
//! Never: reads a clock; `now` comes in, from the one that stands still while the machine sleeps (`Instant` on Linux).

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use skep_core::said::Said;

#[cfg(test)]
mod tests;

/// How long an agent is left alone after the machine slept: what it waited for has to be asked for again.
const AFTER_SLEEP: Duration = Duration::from_secs(60);
/// How far the two clocks may part without a sleep.
const APART: Duration = Duration::from_secs(2);
/// How long an agent may be silent that has told of a usage limit: there is nothing to wait for.
const AT_LIMIT: Duration = Duration::from_secs(60);

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
    /// Until when it is left alone.
    alone: Instant,
    /// Both clocks at the last look: the one that stands still in a sleep, and the one that does not.
    clocks: Option<(Instant, Duration)>,
    /// Whether it told of a usage limit, and of nothing since.
    at_limit: bool,
    /// How long a turn may take; zero for any time.
    turn: Duration,
    /// How long it has been at work on this turn, up to `counted`.
    worked: Duration,
    counted: Instant,
    turn_reported: bool,
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
            alone: now,
            clocks: None,
            at_limit: false,
            turn: Duration::ZERO,
            worked: Duration::ZERO,
            counted: now,
            turn_reported: false,
        }
    }

    /// A turn may take this long; zero for any time.
    pub fn with_turn(self, turn: Duration) -> Quiet {
        Quiet { turn, ..self }
    }

    /// Looks at both clocks, `since_boot` being the one that runs on while the machine sleeps: after a sleep an agent has
    /// time to find its feet. Returns whether there was one.
    pub fn look(&mut self, now: Instant, since_boot: Duration) -> bool {
        self.count(now);
        let before = self.clocks.replace((now, since_boot));
        let slept = before.is_some_and(|(then, boot)| {
            let awake = now.saturating_duration_since(then);
            since_boot.saturating_sub(boot).saturating_sub(awake) > APART
        });
        if slept {
            self.alone = now + AFTER_SLEEP;
        }
        slept
    }

    /// How long it is still left alone.
    pub fn alone(&self, now: Instant) -> Duration {
        self.alone.saturating_duration_since(now)
    }

    /// Something was heard. Returns whether it ends a silence that was reported.
    pub fn heard(&mut self, now: Instant) -> bool {
        self.count(now);
        self.last = now;
        self.at_work = true;
        std::mem::take(&mut self.reported)
    }

    /// It showed a sign of life, which says nothing of whether it is at work: it tells that itself. Returns whether it
    /// ends a silence that was reported.
    pub fn stirred(&mut self, now: Instant) -> bool {
        self.last = now;
        self.at_work && std::mem::take(&mut self.reported)
    }

    /// It was given something to do.
    pub fn given(&mut self, now: Instant) {
        self.count(now);
        self.at_limit = false;
        self.last = now;
        self.at_work = true;
    }

    /// Learns from what was said whether a tool is in flight, and whether the agent waits for somebody.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else an agent says is only a sign of life"
    )]
    pub fn learn(&mut self, said: &Said) {
        self.at_limit = match said {
            Said::Limit { .. } => true,
            Said::Error { .. } | Said::Usage { .. } | Said::Model { .. } => self.at_limit,
            _ => false,
        };
        match said {
            Said::Tool { id, .. } => {
                self.tools.insert(id.clone());
            }
            Said::ToolResult { id, .. } => {
                self.tools.remove(id);
            }
            Said::Ask { .. } | Said::Permission { .. } | Said::Idle {} => self.at_work = false,
            Said::Withdrawn { .. } | Said::TurnStarted {} => self.at_work = true,
            Said::TurnEnded { .. } => {
                self.tools.clear();
                (self.worked, self.turn_reported) = (Duration::ZERO, false);
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
        let left = || self.budget().saturating_sub(self.quiet(now)).max(self.alone(now));
        (self.at_work && !self.reported).then(left)
    }

    /// Returns the silence, once, when its budget is over.
    pub fn report(&mut self, now: Instant) -> Option<Silence> {
        if self.until_report(now)? > Duration::ZERO {
            return None;
        }
        self.reported = true;
        Some(Silence { quiet: self.quiet(now), tool: !self.tools.is_empty() })
    }

    /// How long until its turn has taken too long; none while it cannot.
    pub fn until_turn(&self, now: Instant) -> Option<Duration> {
        let worked = self.worked + now.saturating_duration_since(self.counted);
        let counts = self.at_work && !self.turn_reported && !self.turn.is_zero();
        counts.then(|| self.turn.saturating_sub(worked))
    }

    /// Tells, once a turn, when it has taken too long.
    pub fn turn_over(&mut self, now: Instant) -> bool {
        let over = self.until_turn(now).is_some_and(|left| left.is_zero());
        self.turn_reported |= over;
        over
    }

    fn count(&mut self, now: Instant) {
        if self.at_work {
            self.worked += now.saturating_duration_since(self.counted);
        }
        self.counted = now;
    }

    fn budget(&self) -> Duration {
        let budget = if self.tools.is_empty() { self.idle } else { self.tool_idle };
        if self.at_limit { budget.min(AT_LIMIT) } else { budget }
    }
}
