//! What each event makes of a run.
//!
//! Owns: the becoming, live and in replay alike. An event that was never decided in a state does not fit it.
//! Never: decides, or forgets what is held.

use super::{
    Env, EnvState, Event, Given, How, Misfit, OpResult, REMEMBERED, Requeue, Retrying, Run, Speech,
    State, Undo, Undoable, Verdict, WaitingFor,
};
use crate::{
    facts::Exit,
    id::{OpId, SnapshotId},
    said::{ErrorClass, TurnResult},
    time::Timestamp,
};

impl Run {
    /// Makes `event`, decided by [`Run::step`] or read from the ledger, true.
    ///
    /// Errors: [`Misfit`] when it was never decided in this state; the ledger is then not ours to go on with.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), Misfit> {
        let before = self.state_name();
        let misfit = || Misfit { event: format!("{event:?}"), state: before };
        if Run::ends_retry(event) {
            self.retrying = None;
        }
        self.overstep_seen(event);
        self.hold_at(event)?;
        match event {
            Event::Created { .. } => return Err(misfit()),
            Event::Leased { leases } => self.leased_at(leases)?,
            Event::LeasesInUse { .. } => self.in_use_at()?,
            Event::Admitted {} => {
                let next = match (&self.state, &self.env) {
                    (State::Queued { .. }, EnvState::Held(_)) if !self.undoing => {
                        State::Starting { gatekeeper: None }
                    }
                    (State::Queued { .. }, EnvState::None | EnvState::Within(_)) => {
                        self.env = EnvState::Preparing;
                        State::Preparing { unwanted: None }
                    }
                    _ => return Err(misfit()),
                };
                self.verdict = Verdict::default();
                self.conversation.begin();
                self.begun = None;
                self.pausing = false;
                self.given.clear();
                self.insisted = false;
                self.enter(next, at);
            }
            Event::Prepared { env } => {
                let State::Preparing { unwanted } = self.state else { return Err(misfit()) };
                self.env = self.placed(env.clone());
                self.faults = 0;
                if unwanted.is_none() {
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
                | State::Limited { .. }
                | State::Ended { .. } => return Err(misfit()),
            },
            Event::Started { pid, gatekeeper } => {
                let State::Starting { .. } = self.state else { return Err(misfit()) };
                self.begun = Some(at);
                self.questions_block(false);
                self.enter(
                    State::Running { gatekeeper: Some(*gatekeeper), pid: *pid, started: at },
                    at,
                );
            }
            Event::SessionNamed { .. }
            | Event::ResumeRefused { .. }
            | Event::Worked {}
            | Event::TurnsTo { .. }
            | Event::TurnEnded { .. }
            | Event::Used { .. }
            | Event::ModelTold { .. }
            | Event::Erred { .. }
            | Event::LimitMet { .. }
                if !self.is_at_work() =>
            {
                return Err(misfit());
            }
            Event::SessionNamed { session } => {
                self.session = Some(session.clone());
                self.moved = false;
            }
            Event::ResumeRefused { text } => {
                self.verdict.error = Some((ErrorClass::Agent, text.clone()));
                self.last = Some((text.clone(), at));
                self.conversation.refused = Some(text.clone());
            }
            Event::Worked {} => self.conversation.worked = true,
            Event::TurnsTo { speech, message } => {
                self.conversation.turns_to = Some((*speech, message.clone()));
            }
            Event::AsBefore { text } => {
                if !self.is_ended() || !self.falls_back(text, at) {
                    return Err(misfit());
                }
            }
            Event::TurnEnded { result, text } => {
                self.turned_at();
                self.verdict.turn = Some(*result);
                self.verdict.stalled &= *result == TurnResult::Cancelled || text.trim().is_empty();
                self.verdict.empty = text.trim().is_empty();
                if *result == TurnResult::Success {
                    self.verdict.error = None;
                    self.verdict.limit = None;
                }
                if super::limits::is_answer(*result) {
                    self.limits = 0;
                    // What one login answers says nothing of another's limit.
                    let theirs = self.quota();
                    self.shut.remove(&theirs);
                    self.met = self.met.take().filter(|met| met.quota != theirs);
                }
                if matches!(result, TurnResult::Success | TurnResult::Ended) {
                    self.conversation.refusals = 0;
                    self.deaths.clear();
                }
                if !text.trim().is_empty() {
                    self.last = Some((text.clone(), at));
                }
            }
            Event::Used { usage, carried } => self.used_at(usage, *carried),
            Event::ModelTold { model } => self.spent.model = Some(model.clone()),
            Event::BudgetRaised { by } => self.spent.limit = self.spent.limit.raised(*by),
            Event::Erred { class, text } => {
                if *class != ErrorClass::Notice {
                    self.verdict.error = Some((*class, text.clone()));
                    self.last = Some((text.clone(), at));
                }
            }
            Event::Retrying { attempt, of, text } => {
                let State::Running { .. } = self.state else { return Err(misfit()) };
                self.retrying = Some(Retrying { attempt: *attempt, of: *of, text: text.clone() });
            }
            Event::RetryOver {} => {}
            Event::LimitMet { text, reset } => {
                self.verdict.error = Some((ErrorClass::Limit, text.clone()));
                self.verdict.limit = Some(*reset);
                self.last = Some((text.clone(), at));
            }
            Event::Limited { until, known, exit, .. } => {
                if !self.is_at_work() {
                    return Err(misfit());
                }
                self.meets(*until, *known, at);
                self.limits += 1;
                self.messages_over(at);
                self.leave(exit.as_ref());
                let (until, known, exit) = (*until, *known, exit.clone());
                self.enter(State::Limited { until, known, exit }, at);
            }
            Event::FellBack { agent, speaks, until, known, exit, text } => {
                let waits = super::limits::is_limited(&self.state);
                let Some(fallback) = self.brief.fallback.take() else { return Err(misfit()) };
                if !self.is_at_work() && !waits {
                    return Err(misfit());
                }
                if !waits {
                    self.meets(*until, *known, at);
                    self.messages_over(at);
                    self.leave(exit.as_ref());
                }
                self.limits = 0;
                self.brief.hears = fallback.hears;
                self.brief.agent.clone_from(agent);
                self.brief.speaks = *speaks;
                self.speech = Speech {
                    surface: self.brief.surface,
                    speaks: *speaks,
                    hears: self.brief.hears,
                };
                self.conversation.turns_to = None;
                // What was the first one's means nothing to the second, which has its own.
                (self.session, self.moved) = (None, false);
                self.brief.model = fallback.model;
                self.brief.account = fallback.account;
                self.brief.logins = fallback.logins;
                self.brief.policy.args = fallback.args;
                self.last = Some((text.clone(), at));
                // Its counters, its model and its conversation are its own.
                self.spent.next(false);
                self.spent.model = None;
                self.attempt += 1;
                self.goes_on = true;
                self.enter(State::Queued { not_before: None }, at);
            }
            Event::Rotated { account } => {
                if !matches!(self.state, State::Queued { .. } | State::Limited { .. }) {
                    return Err(misfit());
                }
                self.brief.account = Some(account.clone());
                self.limits = 0;
                self.moved |= self.session.is_some();
            }
            Event::Waits { on, text } => {
                let Some(pid) = self.pid() else { return Err(misfit()) };
                if !text.is_empty() {
                    self.last = Some((text.clone(), at));
                }
                if *on == WaitingFor::Answer {
                    self.questions_block(true);
                }
                // A question in the middle of a turn does not end the turn that is the last before a pause.
                self.pausing &= *on != WaitingFor::Paused;
                self.enter(State::Waiting { gatekeeper: self.gatekeeper(), pid, on: *on }, at);
            }
            Event::PauseAsked {} => {
                let State::Running { .. } = self.state else { return Err(misfit()) };
                self.pausing = true;
            }
            Event::Given { id, text } => {
                let State::Waiting { .. } = self.state else { return Err(misfit()) };
                self.given.push(Given { id: id.clone(), text: text.clone() });
            }
            Event::Sent { id, text, steer } => {
                if self.is_ended() {
                    return Err(misfit());
                }
                self.sent_at(id, text, *steer, at);
            }
            Event::Receipt { id, receipt, text } => self.receipt_at(id, *receipt, text, at)?,
            Event::LeaveAsked { ask } => {
                let Some(pid) = self.pid() else { return Err(misfit()) };
                self.last = Some((ask.text.clone(), at));
                self.asks.push(ask.as_ref().clone());
                self.asked += 1;
                let on = WaitingFor::Permission;
                if !matches!(self.state, State::Waiting { on: WaitingFor::Permission, .. }) {
                    self.enter(State::Waiting { gatekeeper: self.gatekeeper(), pid, on }, at);
                }
            }
            Event::LeaveRuled { id, ruling } => {
                let ask = self.asks.iter_mut().find(|ask| ask.id == *id && ask.ruling.is_none());
                ask.ok_or_else(misfit)?.ruling = Some(ruling.clone());
            }
            Event::Lifted {} => self.lifted_at(at),
            Event::Readied {} => {
                if !self.held || !matches!(self.state, State::Starting { gatekeeper: None }) {
                    return Err(misfit());
                }
                self.enter(State::Queued { not_before: None }, at);
            }
            Event::Released {} => {
                if !self.waits_for_wave() {
                    return Err(misfit());
                }
                self.held = false;
            }
            Event::RulesAsked {} => self.rules_asked_at()?,
            Event::RulesSet { nth, why } => self.rules_set_at(*nth, why.as_deref())?,
            Event::LeaveWithdrawn { id } => self.asks.retain(|ask| ask.id != *id),
            Event::QuestionAsked { .. }
            | Event::QuestionEscalated { .. }
            | Event::QuestionProposed { .. }
            | Event::QuestionLeft { .. }
            | Event::QuestionAnswered { .. }
            | Event::QuestionWithdrawn { .. }
            | Event::Claimed { .. } => self.question_at(event, at)?,
            Event::Goes {} => {
                let pid = match self.state {
                    State::Stalled { pid, .. } => pid,
                    // The turn goes on that asked for leave.
                    State::Waiting { pid, on: WaitingFor::Permission, .. } => {
                        self.given.clear();
                        pid
                    }
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
                    | State::Limited { .. }
                    | State::Stopping { .. }
                    | State::Ended { .. } => return Err(misfit()),
                };
                self.questions_block(false);
                let started = self.begun.unwrap_or(at);
                self.enter(State::Running { gatekeeper: self.gatekeeper(), pid, started }, at);
            }
            Event::Shown { session, pane } => {
                if self.pid().is_none() {
                    return Err(misfit());
                }
                self.window = Some((session.clone(), pane.clone()));
            }
            Event::Stalled { .. } => {
                let State::Running { pid, .. } = self.state else { return Err(misfit()) };
                self.verdict.stalled = true;
                self.enter(State::Stalled { gatekeeper: self.gatekeeper(), pid }, at);
            }
            Event::StopAsked { force, because } => match self.state {
                State::Preparing { .. } => {
                    self.state = State::Preparing { unwanted: Some(*because) };
                }
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
                State::Queued { .. } | State::Limited { .. } | State::Ended { .. } => {
                    return Err(misfit());
                }
            },
            Event::Lost { because } => {
                let because = match self.state {
                    State::Stopping { because, .. } => because,
                    State::Starting { .. }
                    | State::Running { .. }
                    | State::Waiting { .. }
                    | State::Stalled { .. } => *because,
                    State::Queued { .. }
                    | State::Preparing { .. }
                    | State::Limited { .. }
                    | State::Ended { .. } => {
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
                self.window = None;
                self.messages_over(at);
                self.looks_again(at);
                let (outcome, reason, exit) = (*outcome, *reason, exit.clone());
                self.enter(State::Ended { outcome, reason, exit, text: text.clone() }, at);
            }
            Event::Requeued { attempt, not_before, why, text, goes_on, message, speech } => {
                self.unlanded = None;
                match why {
                    Requeue::Fault if matches!(self.state, State::Preparing { .. }) => {
                        self.faults += 1;
                    }
                    Requeue::Death if self.is_at_work() => self.deaths.push(at),
                    Requeue::Refused if self.is_at_work() => {
                        self.conversation.refusals += 1;
                        self.session = None;
                    }
                    Requeue::Message if self.is_at_work() => {}
                    Requeue::Resource
                        if matches!(self.state, State::Preparing { .. })
                            || matches!(self.state, State::Starting { gatekeeper: None }) =>
                    {
                        self.turned_away();
                    }
                    Requeue::Limit if super::limits::is_limited(&self.state) => {}
                    Requeue::Wish if super::limits::is_limited(&self.state) => self.insisted = true,
                    Requeue::Wish
                        if self.is_ended()
                            && !self.closed
                            && !self.is_closing()
                            && !self.is_restoring() =>
                    {
                        self.faults = 0;
                        // Who has it go on by itself does not wait for its wave.
                        self.held = false;
                        self.deaths.clear();
                        self.follows_up();
                        self.then_close = None;
                        self.logs_dropped = false;
                        self.insisted = true;
                    }
                    Requeue::Fault
                    | Requeue::Death
                    | Requeue::Wish
                    | Requeue::Refused
                    | Requeue::Limit
                    | Requeue::Resource
                    | Requeue::Message => return Err(misfit()),
                }
                if !text.is_empty() {
                    self.last = Some((text.clone(), at));
                }
                if self.env == EnvState::Preparing {
                    self.env = EnvState::None;
                }
                if *attempt > self.attempt {
                    self.messages_over(at);
                    self.spent.next(*goes_on && self.session.is_some());
                }
                self.attempt = *attempt;
                self.window = None;
                self.goes_on = *goes_on;
                self.message.clone_from(message);
                self.speech = speech.unwrap_or(self.speech);
                self.conversation.turns_to = None;
                self.unknown = None;
                self.enter(State::Queued { not_before: *not_before }, at);
            }
            Event::Undoing {} => match self.env {
                EnvState::Held(_) if self.is_ended() => self.undoing = true,
                EnvState::None
                | EnvState::Preparing
                | EnvState::Held(_)
                | EnvState::Within(_)
                | EnvState::Closing { .. }
                | EnvState::Closed(_)
                | EnvState::Restoring { .. } => return Err(misfit()),
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
                } else if was_held {
                    self.closed = false;
                }
            }
            Event::Closing { .. } | Event::Landing { .. } if !self.is_ended() => {
                return Err(misfit());
            }
            Event::CloseAsked { op, how } => {
                if self.is_ended() {
                    return Err(misfit());
                }
                self.then_close = Some((op.clone(), *how));
            }
            Event::Closing { op, how, snapshot } => {
                self.then_close = None;
                self.unlanded = None;
                let (EnvState::Held(env) | EnvState::Within(env)) =
                    std::mem::replace(&mut self.env, EnvState::None)
                else {
                    return Err(misfit());
                };
                let snapshot = snapshot.clone().unwrap_or_else(|| self.next_snapshot());
                self.snaps += 1;
                self.env = EnvState::Closing { env, op: op.clone(), how: *how, snapshot };
            }
            Event::Restoring { op, undoes, .. } => {
                if !self.is_ended() || self.undoing {
                    return Err(misfit());
                }
                let (env, was_closed) = match std::mem::replace(&mut self.env, EnvState::None) {
                    EnvState::Held(env) => (env, false),
                    EnvState::Closed(env) => (env, true),
                    EnvState::None
                    | EnvState::Preparing
                    | EnvState::Within(_)
                    | EnvState::Closing { .. }
                    | EnvState::Restoring { .. } => return Err(misfit()),
                };
                self.snaps += 1;
                let (op, undoes) = (op.clone(), undoes.clone());
                self.env = EnvState::Restoring { env, was_closed, op, undoes };
            }
            Event::Snapping { .. } => {
                if !self.has_place() || self.undoing {
                    return Err(misfit());
                }
                self.snaps += 1;
            }
            Event::Snapped { snapshot } => {
                self.snapshots.insert(snapshot.id.clone(), snapshot.as_ref().clone());
            }
            Event::Settled { snapshot } => {
                self.settling = self.settling.take().filter(|id| *id != snapshot.id);
                self.snapshots.insert(snapshot.id.clone(), snapshot.as_ref().clone());
            }
            Event::SnapFailed { text, .. } => self.last = Some((text.clone(), at)),
            Event::Purged { snapshot } => {
                if let Some(kept) = self.snapshots.get_mut(snapshot) {
                    kept.trash = None;
                }
            }
            Event::LogsDropped {} => self.logs_dropped = true,
            // What it holds of its issue was settled above.
            Event::IssueLeaving {} | Event::IssueLeft { .. } => {}
            Event::IssueCommented { key } => self.comments.push(key.clone()),
            Event::Renamed { name } => {
                let EnvState::Restoring { .. } = self.env else { return Err(misfit()) };
                self.brief.name.clone_from(name);
            }
            Event::Landing { op, wish } => self.landing_begins(op, wish, at)?,
            Event::LandingMoved { .. } | Event::GateEnded { .. } => {
                self.landing_moves(event, at).ok_or_else(misfit)?;
            }
            Event::Attested { attestation } => self.attestation = Some(attestation.clone()),
            Event::ConflictGiven { .. }
            | Event::Forgetting { .. }
            | Event::Reverting { .. }
            | Event::Done {} => {}
            Event::Looking {}
            | Event::Followed { .. }
            | Event::RoundBegun { .. }
            | Event::RoundOver { .. }
                if self.change.is_none() =>
            {
                return Err(misfit());
            }
            Event::Proposing { .. } if !self.is_ended() => return Err(misfit()),
            Event::Proposing { op, asked } => self.proposing_at(op, asked),
            Event::Looking {} => self.looking_at(),
            Event::Followed { found, failed, not_before } => {
                self.followed_at(found.as_deref(), failed.as_ref(), *not_before, at);
            }
            Event::RoundBegun { head } => self.round_begun_at(head.as_ref()),
            Event::RoundOver { stuck } => self.round_over_at(stuck.as_ref(), at),
            Event::OpDone { op, result } => self.op_done_at(op, result, at),
            Event::Overstepped { what } => self.overstepped(what, at),
            Event::GitSeen { facts } => {
                if self.has_new_commit(facts) {
                    self.deaths.clear();
                }
                self.git = Some(facts.clone());
            }
        }
        self.keep_or_let_go(event);
        Ok(())
    }

    /// What a wish came to: of the env, of the snapshots, and of what can be undone.
    fn op_done_at(&mut self, op: &OpId, result: &OpResult, at: Timestamp) {
        self.ops.push((op.clone(), result.clone()));
        if self.ops.len() > REMEMBERED {
            self.ops.remove(0);
        }
        self.then_close = self.then_close.take().filter(|(asked, _)| asked != op);
        self.landing_over(op, result, at);
        self.proposed_at(op, result, at);
        match result {
            OpResult::Landed { target, old, new, .. } => {
                self.landed = Some((target.clone(), new.clone()));
                if old != new {
                    let (target, old, new) = (target.clone(), old.clone(), new.clone());
                    self.can_undo(op, at, Undo::Land { target, old, new });
                }
            }
            OpResult::Snapped { snapshot } => {
                self.snapshots.insert(snapshot.id.clone(), snapshot.as_ref().clone());
            }
            OpResult::Forgotten { snapshots } => {
                for id in snapshots {
                    self.snapshots.remove(id);
                }
            }
            OpResult::Reverted { of, .. } => {
                self.landed = None;
                self.undone(of);
            }
            OpResult::Closed { .. }
            | OpResult::Proposed { .. }
            | OpResult::Restored { .. }
            | OpResult::Attested { .. }
            | OpResult::Refused { .. }
            | OpResult::Failed { .. } => {}
        }
        match std::mem::replace(&mut self.env, EnvState::None) {
            EnvState::Closing { env, op: closing, how, snapshot } if closing == *op => {
                self.closed_or_held(env, op, how, snapshot, result, at);
            }
            EnvState::Restoring { env, was_closed, op: restoring, undoes } if restoring == *op => {
                self.restored_or_not(env, was_closed, op, undoes.as_ref(), result, at);
            }
            EnvState::None => {
                self.closed |= self.is_ended() && matches!(result, OpResult::Closed { .. });
            }
            // Nothing ever ran in it, and it is on its way out without this wish.
            EnvState::Held(env) if self.undoing => {
                self.closed |= self.is_ended() && matches!(result, OpResult::Closed { .. });
                self.env = EnvState::Held(env);
            }
            other @ (EnvState::Preparing
            | EnvState::Held(_)
            | EnvState::Within(_)
            | EnvState::Closing { .. }
            | EnvState::Closed(_)
            | EnvState::Restoring { .. }) => self.env = other,
        }
    }

    fn closed_or_held(
        &mut self,
        env: Env,
        op: &OpId,
        how: How,
        reserved: SnapshotId,
        result: &OpResult,
        at: Timestamp,
    ) {
        let OpResult::Closed { snapshot, unsettled, .. } = result else {
            if matches!(how, How::Aged | How::Spent) {
                self.kept = Some(at);
            }
            self.env = self.placed(env);
            return;
        };
        self.closed = true;
        self.env = EnvState::Closed(env);
        if let Some(taken) = snapshot {
            self.snapshots.insert(taken.id.clone(), taken.as_ref().clone());
        }
        if *unsettled {
            self.settling = Some(reserved.clone());
        }
        let id = snapshot.as_ref().map(|taken| taken.id.clone());
        if let Some(snapshot) = id.or_else(|| unsettled.then_some(reserved)) {
            self.can_undo(op, at, Undo::Close { snapshot });
        }
    }

    fn restored_or_not(
        &mut self,
        env: Env,
        was_closed: bool,
        op: &OpId,
        undoes: Option<&OpId>,
        result: &OpResult,
        at: Timestamp,
    ) {
        let OpResult::Restored { snapshot, env: made, before, .. } = result else {
            self.env = if was_closed { EnvState::Closed(env) } else { EnvState::Held(env) };
            return;
        };
        self.env = EnvState::Held(made.as_ref().clone());
        self.closed = false;
        self.kept = None;
        self.settling = self.settling.take().filter(|id| id != snapshot);
        // What lay in the trash stands in its place again.
        if was_closed && let Some(kept) = self.snapshots.get_mut(snapshot) {
            kept.trash = None;
        }
        if let Some(before) = before {
            self.snapshots.insert(before.id.clone(), before.as_ref().clone());
            let what = Undo::Restore { before: before.id.clone() };
            let redo = undoes.is_some();
            self.undoable.push(Undoable { op: op.clone(), at, what, undone: false, redo });
        }
        if let Some(of) = undoes {
            self.undone(of);
        }
        if was_closed {
            // Its env stands again, whoever asked for that.
            for done in
                self.undoable.iter_mut().filter(|done| matches!(done.what, Undo::Close { .. }))
            {
                done.undone = true;
            }
        }
    }

    fn can_undo(&mut self, op: &OpId, at: Timestamp, what: Undo) {
        self.undoable.push(Undoable { op: op.clone(), at, what, undone: false, redo: false });
    }

    fn undone(&mut self, of: &OpId) {
        for done in self.undoable.iter_mut().filter(|done| done.op == *of) {
            done.undone = true;
        }
    }

    /// The attempt is over, and what is known of its end is kept.
    fn leave(&mut self, exit: Option<&Exit>) {
        if let Some(git) = exit.and_then(|exit| exit.git.clone()) {
            self.git = Some(git);
        }
        (self.unknown, self.window) = (None, None);
    }

    fn enter(&mut self, state: State, at: Timestamp) {
        if !matches!(state, State::Waiting { .. }) {
            self.asks.clear();
        }
        self.spent.worked(&self.state, self.since, at);
        self.state = state;
        self.since = at;
    }
}
