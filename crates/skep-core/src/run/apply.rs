//! What each event makes of a run.
//!
//! Owns: the becoming, live and in replay alike. An event that was never decided in a state does not fit it.
//! Never: decides, or forgets what is held.

use super::{EnvState, Event, Given, Misfit, OpResult, Requeue, Run, State, Verdict};
use crate::{
    id::OpId,
    said::{ErrorClass, TurnResult, Usage},
    time::Timestamp,
};

impl Run {
    /// Makes `event`, decided by [`Run::step`] or read from the ledger, true.
    ///
    /// Errors: [`Misfit`] when it was never decided in this state; the ledger is then not ours to go on with.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), Misfit> {
        let before = self.state_name();
        let misfit = || Misfit { event: format!("{event:?}"), state: before };
        match event {
            Event::Created { .. } => return Err(misfit()),
            Event::Admitted {} => {
                let next = match (&self.state, &self.env) {
                    (State::Queued { .. }, EnvState::Held(_)) if !self.undoing => {
                        State::Starting { gatekeeper: None }
                    }
                    (State::Queued { .. }, EnvState::None) => {
                        self.env = EnvState::Preparing;
                        State::Preparing { unwanted: false }
                    }
                    _ => return Err(misfit()),
                };
                self.verdict = Verdict::default();
                self.begun = None;
                self.given.clear();
                self.enter(next, at);
            }
            Event::Prepared { env } => {
                let State::Preparing { unwanted } = self.state else { return Err(misfit()) };
                self.env = EnvState::Held(env.clone());
                self.faults = 0;
                if !unwanted {
                    self.enter(State::Starting { gatekeeper: None }, at);
                }
            }
            Event::Began { gatekeeper: began } => match &mut self.state {
                State::Starting { .. } => {
                    self.enter(State::Starting { gatekeeper: Some(*began) }, at);
                }
                State::Stopping { gatekeeper, .. } => *gatekeeper = Some(*began),
                State::Queued { .. }
                | State::Preparing { .. }
                | State::Running { .. }
                | State::Waiting { .. }
                | State::Stalled { .. }
                | State::Ended { .. } => return Err(misfit()),
            },
            Event::Started { pid, gatekeeper } => {
                let State::Starting { .. } = self.state else { return Err(misfit()) };
                self.begun = Some(at);
                self.enter(
                    State::Running { gatekeeper: Some(*gatekeeper), pid: *pid, started: at },
                    at,
                );
            }
            Event::SessionNamed { .. }
            | Event::TurnEnded { .. }
            | Event::Used { .. }
            | Event::Erred { .. }
                if !self.is_at_work() =>
            {
                return Err(misfit());
            }
            Event::SessionNamed { session } => self.session = Some(session.clone()),
            Event::TurnEnded { result, text } => {
                self.verdict.turn = Some(*result);
                self.verdict.empty = text.trim().is_empty();
                if *result == TurnResult::Success {
                    self.verdict.error = None;
                }
                if matches!(result, TurnResult::Success | TurnResult::Ended) {
                    self.deaths.clear();
                }
                if !text.trim().is_empty() {
                    self.last = Some((text.clone(), at));
                }
            }
            Event::Used { usage } => self.usage = sum(self.usage_before, *usage),
            Event::Erred { class, text } => {
                if *class != ErrorClass::Notice {
                    self.verdict.error = Some((*class, text.clone()));
                    self.last = Some((text.clone(), at));
                }
            }
            Event::Waits { on, text } => {
                let Some(pid) = self.pid() else { return Err(misfit()) };
                if !text.is_empty() {
                    self.last = Some((text.clone(), at));
                }
                self.enter(State::Waiting { gatekeeper: self.gatekeeper(), pid, on: *on }, at);
            }
            Event::Given { id, text } => {
                let State::Waiting { .. } = self.state else { return Err(misfit()) };
                self.given.push(Given { id: id.clone(), text: text.clone() });
            }
            Event::Goes {} => {
                let pid = match self.state {
                    State::Stalled { pid, .. } => pid,
                    State::Waiting { pid, .. } => {
                        // What is delivered begins a turn of its own, and what was said before is no word about it.
                        self.verdict = Verdict::default();
                        self.given.clear();
                        pid
                    }
                    State::Queued { .. }
                    | State::Preparing { .. }
                    | State::Starting { .. }
                    | State::Running { .. }
                    | State::Stopping { .. }
                    | State::Ended { .. } => return Err(misfit()),
                };
                let started = self.begun.unwrap_or(at);
                self.enter(State::Running { gatekeeper: self.gatekeeper(), pid, started }, at);
            }
            Event::Stalled { .. } => {
                let State::Running { pid, .. } = self.state else { return Err(misfit()) };
                self.enter(State::Stalled { gatekeeper: self.gatekeeper(), pid }, at);
            }
            Event::StopAsked { force, because } => match self.state {
                State::Preparing { .. } => self.state = State::Preparing { unwanted: true },
                State::Stopping { gatekeeper, gone, .. } => {
                    self.enter(
                        State::Stopping { gatekeeper, force: *force, because: *because, gone },
                        at,
                    );
                }
                State::Starting { .. }
                | State::Running { .. }
                | State::Waiting { .. }
                | State::Stalled { .. } => {
                    let gatekeeper = self.gatekeeper();
                    self.enter(
                        State::Stopping {
                            gatekeeper,
                            force: *force,
                            because: *because,
                            gone: false,
                        },
                        at,
                    );
                }
                State::Queued { .. } | State::Ended { .. } => return Err(misfit()),
            },
            Event::Lost { because } => {
                let because = match self.state {
                    State::Stopping { because, .. } => because,
                    State::Starting { .. }
                    | State::Running { .. }
                    | State::Waiting { .. }
                    | State::Stalled { .. } => *because,
                    State::Queued { .. } | State::Preparing { .. } | State::Ended { .. } => {
                        return Err(misfit());
                    }
                };
                self.enter(
                    State::Stopping { gatekeeper: None, force: true, because, gone: true },
                    at,
                );
            }
            Event::SweptUnknown { text } => {
                let State::Stopping { gone: true, .. } = self.state else { return Err(misfit()) };
                self.unknown = Some(text.clone());
            }
            Event::Ended { outcome, reason, exit, text } => {
                if self.is_ended() {
                    return Err(misfit());
                }
                if let Some(git) = exit.as_ref().and_then(|exit| exit.git.clone()) {
                    self.git = Some(git);
                }
                if !text.is_empty() && self.last.is_none() {
                    self.last = Some((text.clone(), at));
                }
                if self.env == EnvState::Preparing {
                    self.env = EnvState::None;
                }
                self.unknown = None;
                let (outcome, reason, exit) = (*outcome, *reason, exit.clone());
                self.enter(State::Ended { outcome, reason, exit, text: text.clone() }, at);
            }
            Event::Requeued { attempt, not_before, why, text } => {
                match why {
                    Requeue::Fault if matches!(self.state, State::Preparing { .. }) => {
                        self.faults += 1;
                    }
                    Requeue::Death if self.is_at_work() => self.deaths.push(at),
                    Requeue::Wish if self.is_ended() && !self.closed && !self.is_closing() => {
                        self.faults = 0;
                        self.deaths.clear();
                    }
                    Requeue::Fault | Requeue::Death | Requeue::Wish => return Err(misfit()),
                }
                if !text.is_empty() {
                    self.last = Some((text.clone(), at));
                }
                if self.env == EnvState::Preparing {
                    self.env = EnvState::None;
                }
                if *attempt > self.attempt {
                    self.usage_before = self.usage;
                }
                self.attempt = *attempt;
                self.unknown = None;
                self.enter(State::Queued { not_before: *not_before }, at);
            }
            Event::Undoing {} => match self.env {
                EnvState::Held(_) if self.is_ended() => self.undoing = true,
                EnvState::None
                | EnvState::Preparing
                | EnvState::Held(_)
                | EnvState::Closing { .. }
                | EnvState::Closed(_) => return Err(misfit()),
            },
            Event::Undone { text } => {
                if let Some(text) = text {
                    self.last = Some((text.clone(), at));
                }
                let was_held =
                    std::mem::take(&mut self.undoing) && matches!(self.env, EnvState::Held(_));
                // What could not be taken back stays held: it may be somebody's work.
                if was_held && text.is_none() {
                    self.env = EnvState::None;
                }
            }
            Event::Closing { .. } | Event::Landing { .. } if !self.is_ended() => {
                return Err(misfit());
            }
            Event::Closing { op, keep_branch } => {
                self.env = match std::mem::replace(&mut self.env, EnvState::None) {
                    EnvState::Held(env) => {
                        EnvState::Closing { env, op: op.clone(), keep_branch: *keep_branch }
                    }
                    EnvState::None
                    | EnvState::Preparing
                    | EnvState::Closing { .. }
                    | EnvState::Closed(_) => {
                        return Err(misfit());
                    }
                };
            }
            Event::Landing { .. } | Event::Done {} => {}
            Event::OpDone { op, result } => self.close_or_land(op, result),
            Event::GitSeen { facts } => {
                if self.has_new_commit(facts) {
                    self.deaths.clear();
                }
                self.git = Some(facts.clone());
            }
        }
        Ok(())
    }

    fn close_or_land(&mut self, op: &OpId, result: &OpResult) {
        self.op = Some((op.clone(), result.clone()));
        if let OpResult::Landed { target, new, .. } = result {
            self.landed = Some((target.clone(), new.clone()));
        }
        match std::mem::replace(&mut self.env, EnvState::None) {
            EnvState::Closing { env, op: closing, .. } if closing == *op => {
                self.closed = matches!(result, OpResult::Closed { .. });
                self.env = if self.closed { EnvState::Closed(env) } else { EnvState::Held(env) };
            }
            EnvState::None => {
                self.closed |= self.is_ended() && matches!(result, OpResult::Closed { .. });
            }
            other @ (EnvState::Preparing
            | EnvState::Held(_)
            | EnvState::Closing { .. }
            | EnvState::Closed(_)) => {
                self.env = other;
            }
        }
    }

    fn enter(&mut self, state: State, at: Timestamp) {
        self.state = state;
        self.since = at;
    }
}

/// Adds what was used; a price is known as far as one was named.
fn sum(before: Usage, now: Usage) -> Usage {
    Usage {
        input_tokens: before.input_tokens.saturating_add(now.input_tokens),
        output_tokens: before.output_tokens.saturating_add(now.output_tokens),
        cost_usd: match (before.cost_usd, now.cost_usd) {
            (Some(before), Some(now)) => Some(before + now),
            (before, now) => now.or(before),
        },
    }
}
