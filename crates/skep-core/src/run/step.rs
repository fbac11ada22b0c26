//! The run's table: what each input means in each state.
//!
//! Owns: the decisions. Never: changes anything; `apply` makes of a run what was decided here.

use std::time::Duration;

use super::{
    Because, Effect, Env, EnvState, Event, Fault, Given, Input, Outcome, Overdue, Reason, Rejected,
    Requeue, Run, State, Step, Surface, WORDS, WaitingFor, gate,
    outcome::{Ending, judge},
};
use crate::{
    facts::{Exit, GitFacts},
    said::{ErrorClass, Said},
    snapshot::Why,
    text,
    time::Timestamp,
};

mod landing;
mod resume;
mod wishes;

impl Run {
    /// Decides what `input` at `now` leads to; [`Run::apply`] then makes it so.
    ///
    /// Errors: [`Rejected`] when the input does not fit the state. A stop always fits, and so does the report of an
    /// effect that came too late to matter: its effect is done all the same.
    pub fn step(&self, input: Input, now: Timestamp) -> Result<Step, Rejected> {
        let step = self.within_budget(self.decide(input, now)?, now);
        Ok(self.with_messages(self.with_questions(self.follow(step))))
    }

    /// Adds what always follows: at a turn's or an attempt's end a snapshot, after the end the close that waited for it.
    fn follow(&self, mut step: Step) -> Step {
        let has = |what: fn(&Event) -> bool| step.events.iter().any(what);
        let ended = has(|event| matches!(event, Event::Ended { .. }));
        let over = ended
            || has(|event| matches!(event, Event::Requeued { why: Requeue::Death, .. }))
            || has(|event| matches!(event, Event::Limited { .. }));
        let turned = has(|event| matches!(event, Event::TurnEnded { .. }));
        let undoing = has(|event| matches!(event, Event::Undoing {}));
        let asked = step.events.iter().find_map(|event| {
            let Event::CloseAsked { op, how } = event else { return None };
            Some((op.clone(), *how))
        });
        self.settled_conflict(&mut step);
        let (run, held) = (self.id().clone(), self.has_place() && !undoing);
        if asked.is_none() && self.then_close.is_none() {
            self.resumed(&mut step);
        }
        if let Some((op, how)) = asked.or_else(|| self.then_close.clone())
            && ended
        {
            if held {
                let snapshot = self.next_snapshot();
                step.events.push(Event::Closing {
                    op: op.clone(),
                    how,
                    snapshot: Some(snapshot.clone()),
                });
                step.effects.push(Effect::Close { run, op, how, snapshot: Some(snapshot) });
            } else {
                step.events.push(Event::OpDone { op, result: Self::nothing_left() });
            }
        } else if ended && held && self.is_gate() {
            self.spent(&mut step);
        } else if (over || turned) && held && self.begun.is_some() && self.is_kept() {
            let (id, why) = (self.next_snapshot(), if over { Why::End } else { Why::Turn });
            step.events.push(Event::Snapping { id: id.clone(), why });
            step.effects.push(Effect::Snapshot { run, id, why, op: None });
        }
        self.after_round(&mut step);
        step
    }

    fn decide(&self, input: Input, now: Timestamp) -> Result<Step, Rejected> {
        if let Some(attempt) = input.attempt()
            && attempt != self.attempt
        {
            if input.settles() {
                return Ok(Step::default());
            }
            return Err(late(format!(
                "a report of attempt {attempt} while attempt {} runs",
                self.attempt
            )));
        }
        if let Some(other) = self.gated(&input) {
            return other;
        }
        match input {
            Input::Admit => self.admit(now),
            Input::Stop { force } => Ok(self.stopped_by_person(force)),
            Input::Supersede => Ok(self.stop(false, Because::Superseded)),
            Input::Halt => Ok(self.halt(Because::Budget)),
            Input::Raise { by } => self.raise(by),
            Input::Again { goes_on, message, speech } => {
                self.require_budget("go on")?;
                self.again(goes_on, message, speech)
            }
            Input::PassOn(onward) => self.pass_on(onward),
            Input::Pause { now } => self.pause(now),
            Input::Give { id, text } => self.give(id, text),
            Input::Send { id, text, steer } => {
                if !self.is_ended() {
                    self.require_budget("take another message")?;
                }
                self.send(id, text, steer)
            }
            Input::Told { id, word, text, .. } => Ok(self.told(id, word, &text)),
            Input::Rule { ask, ruling } => self.rule(ask.as_ref(), ruling),
            Input::Answer { question, text, by } => {
                self.answer(&question, text.as_deref(), &by, now)
            }
            Input::Escalate { question, proposal } => self.escalate(&question, proposal.as_deref()),
            Input::Tool { tool, .. } => self.tool(tool, now),
            Input::Release => self.release(),
            Input::Rules => self.rules(),
            Input::Lift => self.lift(),
            Input::RulesSet { nth, why, .. } => Ok(self.rules_set(nth, why.as_deref())),
            Input::Close { op, how } => self.close(op, how),
            Input::Abandon { op } => self.abandon(op),
            Input::Land { op, wish } => self.land(op, wish),
            Input::Landing(word) => self.landing(word),
            Input::Propose { op, asked } => self.propose(op, *asked),
            Input::Followed { found, not_before } => Ok(self.looked(found, not_before)),
            Input::Round => self.round(now),
            Input::RoundRefused { text } => Ok(self.round_refused(&text)),
            Input::Snap { op } => self.snap(op),
            Input::Forget { op, snapshots } => self.forget(op, snapshots),
            Input::Restore { op, snapshot } => self.restore(op, snapshot, None),
            Input::Undo { op, of } => self.undo(op, of),
            Input::Purge { snapshot } => self.purge(snapshot),
            Input::DropLogs => self.drop_logs(),
            Input::Settle => self.settle(),
            Input::Prepared(env) => self.prepared(env),
            Input::PrepareFailed { fault, slug, text } => {
                self.prepare_failed(fault, &slug, &text, now)
            }
            Input::Began { gatekeeper, .. } => Ok(self.began(gatekeeper)),
            Input::StartFailed { text, .. } => Ok(self.start_failed(&text)),
            Input::Started { pid, gatekeeper, .. } => self.started(pid, gatekeeper),
            Input::Said { said, .. } => self.said(said, now),
            Input::Silent { quiet_ms, tool, .. } => self.silent(quiet_ms, tool),
            Input::Heard { .. } => self.heard(),
            Input::Overdue { what, text, .. } => self.overdue(what, &text),
            Input::Shown { session, pane, .. } => self.shown(session, pane),
            Input::Exited { exit, .. } => self.exited(exit, now),
            Input::Gone { host_restarted, .. } => self.gone(host_restarted),
            Input::Swept { unknown, .. } => Ok(self.swept(unknown, now)),
            Input::Undone { text } => Ok(Step::of(
                [Event::Undone { text: text.map(|text| text::words(&text, WORDS)) }],
                [],
            )),
            Input::OpDone { op, result } => Ok(self.op_done(op, result)),
            Input::Snapped { id, taken } => Ok(Self::snapped(id, taken)),
            Input::Settled { id, taken } => Ok(self.settled(id, taken)),
            Input::Purged { snapshot } => Ok(Step::of([Event::Purged { snapshot }], [])),
            Input::LeaveIssue => self.leave_issue(),
            Input::IssueLeft { failed } => Ok(self.issue_left(failed.as_deref(), now)),
            Input::Comment { key } => self.comment(&key),
            Input::LogsDropped => Ok(Step::of([Event::LogsDropped {}], [])),
            Input::GitSeen(facts) => {
                let new = self.git.as_ref() != Some(&facts);
                Ok(if new { Step::of([Event::GitSeen { facts }], []) } else { Step::default() })
            }
            Input::Overstepped { what } => Ok(self.overstep(&what)),
            Input::InUse { leases, .. } => Ok(self.in_use(leases)),
            Input::Done => Ok(Step::of([Event::Done {}], [])),
            Input::Tick => Ok(self.tick(now)),
        }
    }

    fn admit(&self, now: Timestamp) -> Result<Step, Rejected> {
        let (run, attempt) = (self.id().clone(), self.attempt);
        match (&self.state, &self.env) {
            (State::Queued { not_before }, env)
                if not_before.is_none_or(|at| at <= now)
                    && !self.undoing
                    && !self.waits_for_wave()
                    && !self.rests_for_answer() =>
            {
                if let Some(step) = self.spent_up(now) {
                    return Ok(step);
                }
                let next = match env {
                    EnvState::Held(_) => Effect::Start { run, attempt },
                    // What stands in another's env is looked at before each attempt.
                    EnvState::None | EnvState::Within(_) => Effect::Prepare { run, attempt },
                    EnvState::Preparing
                    | EnvState::Closing { .. }
                    | EnvState::Closed(_)
                    | EnvState::Restoring { .. } => return Err(self.misplaced("admit")),
                };
                Ok(Step::of([Event::Admitted {}], [next]))
            }
            (State::Waiting { .. }, _) if self.has_answers() => {
                let deliver = |given: &Given| Effect::Deliver {
                    run: run.clone(),
                    attempt,
                    id: given.id.clone(),
                    text: given.text.clone(),
                    steer: false,
                };
                Ok(Step {
                    events: vec![Event::Goes {}],
                    effects: self.rulings().chain(self.given.iter().map(deliver)).collect(),
                })
            }
            _ => Err(self.misplaced("admit")),
        }
    }

    /// A stop of a run that has ended takes its landing back, as long as nothing has moved.
    fn stopped_by_person(&self, force: bool) -> Step {
        let cancelled = if self.is_ended() { self.cancel_landing() } else { None };
        cancelled.unwrap_or_else(|| self.stop(force, Because::Person))
    }

    fn stop(&self, force: bool, why: Because) -> Step {
        let (run, attempt) = (self.id().clone(), self.attempt);
        let ask = |force| Event::StopAsked { force, because: why };
        match &self.state {
            State::Queued { .. } if self.waits_for_wave() => self.never_ran(self.stopped(why)),
            State::Queued { .. } | State::Limited { .. } => Step::of([self.stopped(why)], []),
            State::Preparing { unwanted: None } => {
                Step::of([ask(force)], [Effect::CancelPrepare { run, attempt }])
            }
            State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. } => {
                Step::of([ask(force)], [Effect::Stop { run, attempt, force }])
            }
            // Who is being stopped by somebody makes room already.
            State::Stopping { because: Because::Person | Because::Superseded, .. }
                if why == Because::Superseded =>
            {
                Step::default()
            }
            State::Stopping { force, gone: false, because, .. }
                if !force || *because != Because::Person =>
            {
                Step::of([ask(true)], [Effect::Stop { run, attempt, force: true }])
            }
            // A sweep is under way; a person's word decides what comes after it.
            State::Stopping { gone: true, because, .. } if *because != Because::Person => {
                Step::of([ask(true)], [])
            }
            // Wishes repeat: the third stop, or one after the end, is harmless.
            State::Preparing { unwanted: Some(_) }
            | State::Stopping { .. }
            | State::Ended { .. } => Step::default(),
        }
    }

    pub(super) fn stopped(&self, why: Because) -> Event {
        let reason =
            if why == Because::Superseded { Reason::Superseded } else { Reason::StoppedByPerson };
        ended(Outcome::Stopped, Some(reason), None, String::new())
    }

    fn give(&self, id: String, text: String) -> Result<Step, Rejected> {
        let State::Waiting { .. } = self.state else { return Err(self.misplaced("an answer")) };
        if self.message_of(&id).is_some() {
            return Ok(Step::default());
        }
        Ok(Step::of([Event::Sent { id, text, steer: false }], []))
    }

    fn prepared(&self, env: Env) -> Result<Step, Rejected> {
        let State::Preparing { unwanted } = self.state else {
            return Err(self.misplaced("prepared"));
        };
        let (run, attempt) = (self.id().clone(), self.attempt);
        Ok(if let Some(because) = unwanted {
            self.unwanted(env, because)
        } else if self.is_being_adopted() {
            self.taken_over(env)
        } else if self.held {
            Step::of([Event::Prepared { env }, Event::Readied {}], [])
        } else {
            Step::of([Event::Prepared { env }], [Effect::Start { run, attempt }])
        })
    }

    /// Its wave begins: it is in line for a slot as others are.
    fn release(&self) -> Result<Step, Rejected> {
        if self.waits_for_wave() {
            Ok(Step::of([Event::Released {}], []))
        } else {
            Err(self.misplaced("release"))
        }
    }

    fn prepare_failed(
        &self,
        fault: Fault,
        slug: &str,
        words: &str,
        now: Timestamp,
    ) -> Result<Step, Rejected> {
        let State::Preparing { unwanted } = self.state else {
            return Err(self.misplaced("prepare-failed"));
        };
        let undo = Effect::Undo { run: self.id().clone(), attempt: self.attempt };
        let event = if let Some(because) = unwanted {
            self.stopped(because)
        } else if fault == Fault::Environment && self.faults < self.brief.policy.tries {
            Event::Requeued {
                attempt: self.attempt,
                not_before: Some(now.plus(self.back_off(self.faults))),
                why: Requeue::Fault,
                text: text::words(words, WORDS),
                goes_on: self.goes_on,
                message: self.message.clone(),
                speech: None,
            }
        } else {
            let reason = if slug.starts_with("set-up") { Reason::SetUp } else { Reason::Prepare };
            ended(Outcome::Failed, Some(reason), None, text::words(words, WORDS))
        };
        Ok(if self.is_within() { Step::of([event], []) } else { Step::of([event], [undo]) })
    }

    fn began(&self, gatekeeper: u32) -> Step {
        match self.state {
            State::Starting { .. } | State::Stopping { gatekeeper: None, .. } => {
                Step::of([Event::Began { gatekeeper }], [])
            }
            // Its own reports were quicker.
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. }
            | State::Limited { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => Step::default(),
        }
    }

    pub(super) fn start_failed(&self, words: &str) -> Step {
        // A gatekeeper that was heard of tells its own end: then this is the echo of a start that was asked for twice.
        let heard_of = self.gatekeeper().is_some() || self.begun.is_some();
        let event = match self.state {
            State::Stopping {
                gone: false,
                because: because @ (Because::Person | Because::Superseded),
                ..
            } if !heard_of => self.stopped(because),
            State::Starting { .. } | State::Stopping { gone: false, .. } if !heard_of => {
                ended(Outcome::Failed, Some(Reason::Start), None, text::words(words, WORDS))
            }
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. }
            | State::Limited { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => return Step::default(),
        };
        self.never_ran(event)
    }

    /// The end of an attempt whose agent could not be started: a place in which nothing ever ran is taken back.
    fn never_ran(&self, event: Event) -> Step {
        let (run, attempt) = (self.id().clone(), self.attempt);
        if matches!(self.env, EnvState::Held(_)) && attempt == 1 && self.begun.is_none() {
            Step::of([event, Event::Undoing {}], [Effect::Undo { run, attempt }])
        } else {
            Step::of([event], [])
        }
    }

    fn started(&self, pid: u32, gatekeeper: u32) -> Result<Step, Rejected> {
        match self.state {
            State::Starting { .. } => {
                let mut step = Step::of([Event::Started { pid, gatekeeper }], []);
                if self.speech.surface == Surface::Terminal {
                    let (run, attempt) = (self.id().clone(), self.attempt);
                    step.effects.push(Effect::Show { run, attempt });
                }
                Ok(step)
            }
            // A stop overtook the start; the gatekeeper has it or gets it now.
            State::Stopping { force, .. } => Ok(Step::of(
                [Event::Began { gatekeeper }],
                [Effect::Stop { run: self.id().clone(), attempt: self.attempt, force }],
            )),
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. }
            | State::Limited { .. }
            | State::Ended { .. } => Err(self.misplaced("started")),
        }
    }

    fn said(&self, said: Said, now: Timestamp) -> Result<Step, Rejected> {
        if !self.is_at_work() {
            return Err(self.misplaced("words"));
        }
        let event = match said {
            Said::Session { id } => Some(Event::SessionNamed { session: text::words(&id, 200) }),
            Said::ResumeRefused { text } => Some(self.refuses(&text)),
            Said::Tool { .. } | Said::ToolResult { .. } => self.works(),
            Said::TurnEnded { result, text } => {
                Some(Event::TurnEnded { result, text: text::words(&text, WORDS) })
            }
            Said::Usage { usage, carried } => Some(Event::Used { usage, carried }),
            Said::Model { name } => self.model_told(&name),
            Said::Error { class, text } => {
                Some(Event::Erred { class, text: text::words(&text, WORDS) })
            }
            Said::Limit { text, reset_ms, reset_at } => {
                let within = reset_ms.map(|ms| now.plus(Duration::from_millis(ms)));
                Some(Self::limit_told(reset_at.or(within), &text::words(&text, WORDS), now))
            }
            Said::Retry { attempt, of, text } => matches!(self.state, State::Running { .. })
                .then(|| Event::Retrying { attempt, of, text: text::words(&text, 200) }),
            Said::Ask { text, .. } => self.asks(WaitingFor::Answer, &text),
            Said::Permission { id, tool, text, .. } => self.leave_asked(id, &tool, &text, now),
            Said::Withdrawn { id } => {
                return Ok(Step { events: self.leave_withdrawn(Some(&id)), effects: Vec::new() });
            }
            Said::TurnStarted {} => self.goes_from(WaitingFor::Input),
            Said::Idle {} => self.idles(),
            Said::Said { .. } | Said::Thought { .. } => None,
        };
        // Whoever speaks is not silent.
        let goes = matches!(self.state, State::Stalled { .. }).then_some(Event::Goes {});
        let turned = matches!(event, Some(Event::TurnEnded { .. }));
        let rests = self.rests().or_else(|| self.rests_for_question());
        let paused = rests.filter(|_| turned && self.pid().is_some());
        // A turn that is over asks for nothing any more.
        let gone = if turned { self.leave_withdrawn(None) } else { Vec::new() };
        let events = goes.into_iter().chain(gone).chain(event).chain(paused).collect();
        Ok(Step { events, effects: Vec::new() })
    }

    /// What waits on its own screen goes on by what happens there.
    fn goes_from(&self, what: WaitingFor) -> Option<Event> {
        let waits = matches!(self.state, State::Waiting { on, .. } if on == what);
        (waits && self.brief.surface == Surface::Terminal).then_some(Event::Goes {})
    }

    fn idles(&self) -> Option<Event> {
        let at_work = matches!(self.state, State::Running { .. } | State::Stalled { .. });
        let idles = at_work && self.brief.surface == Surface::Terminal;
        idles.then(|| Event::Waits { on: WaitingFor::Input, text: String::new() })
    }

    fn asks(&self, on: WaitingFor, words: &str) -> Option<Event> {
        self.pid().map(|_| Event::Waits { on, text: text::words(words, WORDS) })
    }

    fn silent(&self, quiet_ms: u64, tool: bool) -> Result<Step, Rejected> {
        match self.state {
            // On its own screen an agent is silent because it waits for a person.
            State::Running { .. } if self.speech.surface == Surface::Terminal => {
                Ok(Step::of([Event::Waits { on: WaitingFor::Input, text: String::new() }], []))
            }
            // It waits for its reset, as long as that takes; whatever was left of its turn is no use to anybody.
            State::Running { .. } if self.verdict.limit.is_some() => {
                Ok(self.give_up(Because::Limit))
            }
            State::Running { .. } => Ok(Step::of(
                [Event::Stalled { quiet_ms, tool }],
                [Effect::CancelTurn { run: self.id().clone(), attempt: self.attempt }],
            )),
            State::Waiting { .. } | State::Stalled { .. } | State::Stopping { .. } => {
                Ok(Step::default())
            }
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Limited { .. }
            | State::Ended { .. } => Err(self.misplaced("silence")),
        }
    }

    /// Ends an agent that will not come to its end by itself: its turn first, then by TERM, then by KILL.
    fn give_up(&self, because: Because) -> Step {
        let (run, attempt) = (self.id().clone(), self.attempt);
        let ask = Event::StopAsked { force: false, because };
        Step::of([ask], [Effect::Stop { run, attempt, force: false }])
    }

    fn overdue(&self, what: Overdue, words: &str) -> Result<Step, Rejected> {
        match self.state {
            State::Running { .. } | State::Stalled { .. } => Ok(match what {
                Overdue::Turn => self.give_up(Because::Timeout),
                Overdue::Ready => {
                    let text = text::words(words, WORDS);
                    let mut step = self.give_up(Because::NeverReady);
                    step.events.insert(0, Event::Erred { class: ErrorClass::Agent, text });
                    step
                }
            }),
            // Whoever waits for a person has all the time there is.
            State::Waiting { .. } | State::Stopping { .. } => Ok(Step::default()),
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Limited { .. }
            | State::Ended { .. } => Err(self.misplaced("a deadline")),
        }
    }

    fn heard(&self) -> Result<Step, Rejected> {
        match self.state {
            State::Running { .. } if self.retrying.is_some() => {
                Ok(Step::of([Event::RetryOver {}], []))
            }
            State::Stalled { .. } => Ok(Step::of([Event::Goes {}], [])),
            State::Waiting { on: WaitingFor::Input, .. }
                if self.speech.surface == Surface::Terminal =>
            {
                Ok(Step::of([Event::Goes {}], []))
            }
            State::Running { .. } | State::Waiting { .. } | State::Stopping { .. } => {
                Ok(Step::default())
            }
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Limited { .. }
            | State::Ended { .. } => Err(self.misplaced("heard")),
        }
    }

    fn shown(&self, session: String, pane: String) -> Result<Step, Rejected> {
        if self.pid().is_none() {
            return Err(self.misplaced("a window"));
        }
        Ok(Step::of([Event::Shown { session, pane }], []))
    }

    fn exited(&self, exit: Exit, now: Timestamp) -> Result<Step, Rejected> {
        let stopping = match self.state {
            State::Queued { .. } | State::Preparing { .. } => return Err(self.misplaced("an exit")),
            // An exit may be told twice: by its line, and by whoever found its record.
            State::Limited { .. } | State::Ended { .. } => return Ok(Step::default()),
            State::Stopping { because, .. } => Some(because),
            State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. } => None,
        };
        if let Some(step) = self.limited(Some(&exit), stopping, now) {
            return Ok(step);
        }
        let ours = matches!(stopping, None | Some(Because::SupervisorLost | Because::HostRestart));
        if ours && exit.forced && exit.error.is_none() {
            return Ok(self.died(Some(exit), stopping.unwrap_or(Because::SupervisorLost), now));
        }
        if stopping.is_none()
            && let Some(step) = self.afresh(&exit).or_else(|| self.goes_on_with_messages(&exit))
        {
            return Ok(step);
        }
        let (outcome, reason, told) = self.worth(&exit, stopping);
        if reason == Some(Reason::UsageLimit)
            && let Some(step) = self.out_of_quota(&exit, now)
        {
            return Ok(step);
        }
        let words = exit
            .error
            .as_ref()
            .or(told.as_ref())
            .or_else(|| self.verdict.error.as_ref().map(|(_, text)| text))
            .or_else(|| self.last.as_ref().map(|(text, _)| text))
            .map_or_else(String::new, |words| text::words(words, WORDS));
        let ran = exit.error.is_none();
        let event = ended(outcome, reason, Some(exit), words);
        Ok(if ran { Step::of([event], []) } else { self.never_ran(event) })
    }

    /// What an attempt's end amounts to, and why in words, where it has some of its own.
    fn worth(
        &self,
        exit: &Exit,
        stopping: Option<Because>,
    ) -> (Outcome, Option<Reason>, Option<String>) {
        if self.is_gate() {
            return gate::judge(stopping, exit, self.brief.policy.turn_ms);
        }
        let health = u128::from(self.brief.policy.health_ms);
        let (outcome, reason) = judge(&Ending {
            stopping,
            verdict: &self.verdict,
            exit,
            speaks: self.speech.speaks,
            young: self.begun.is_none() || exit.ended.since(exit.started).as_millis() < health,
            words_asked: self.brief.asks_for_words(),
            work_asked: self.brief.asks_for_work(),
        });
        (outcome, reason, None)
    }

    /// A death by our own or the host's hand: tried again while tries are left and the breaker holds.
    fn died(&self, exit: Option<Exit>, because: Because, now: Timestamp) -> Step {
        let policy = &self.brief.policy;
        let seen = exit
            .as_ref()
            .and_then(|exit| exit.git.clone())
            .filter(|facts| self.git.as_ref() != Some(facts));
        let progress = seen.as_ref().is_some_and(|facts| self.has_new_commit(facts));
        let before: &[Timestamp] = if progress { &[] } else { &self.deaths };
        let in_window =
            |at: &&Timestamp| now.since(**at).as_millis() < u128::from(policy.window_ms);
        let recent = count(before.iter().filter(in_window).count()) + 1;
        let deaths = count(before.len()) + 1;
        if recent >= policy.deaths {
            let words = format!("it died {recent} times without a new commit or a finished turn");
            return Step::of([ended(Outcome::Failed, Some(Reason::Breaker), exit, words)], []);
        }
        let (outcome, reason, words) = match because {
            Because::HostRestart => {
                (Outcome::Interrupted, Reason::HostRestart, "the machine was started again")
            }
            Because::Person
            | Because::Superseded
            | Because::Paused
            | Because::Surface
            | Because::Stalled
            | Because::Limit
            | Because::Timeout
            | Because::Budget
            | Because::Turns
            | Because::NeverStarted
            | Because::NeverReady
            | Because::SupervisorLost => {
                (Outcome::Lost, Reason::SupervisorLost, "its gatekeeper was killed")
            }
        };
        // What a gate left half done would be checked with the rest.
        if deaths > policy.tries || self.is_gate() {
            return Step::of([ended(outcome, Some(reason), exit, words.to_owned())], []);
        }
        let requeued = Event::Requeued {
            attempt: self.attempt + 1,
            not_before: Some(now.plus(self.back_off(deaths - 1))),
            why: Requeue::Death,
            text: words.to_owned(),
            // With the conversation that was, where one is known.
            goes_on: self.goes_on || self.session.is_some(),
            message: self.next_message(),
            speech: self.turns_to(),
        };
        let seen = seen.map(|facts| Event::GitSeen { facts });
        Step { events: seen.into_iter().chain([requeued]).collect(), effects: Vec::new() }
    }

    /// Whether `facts` show a commit that was not there when git was last asked.
    pub(super) fn has_new_commit(&self, facts: &GitFacts) -> bool {
        self.git.as_ref().map_or(facts.ahead > 0, |git| git.head != facts.head)
    }

    fn gone(&self, host_restarted: bool) -> Result<Step, Rejected> {
        let because = if host_restarted { Because::HostRestart } else { Because::SupervisorLost };
        match self.state {
            State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. }
            | State::Stopping { gone: false, .. } => Ok(Step::of(
                [Event::Lost { because }],
                [Effect::Sweep { run: self.id().clone(), attempt: self.attempt }],
            )),
            State::Stopping { gone: true, .. } => Ok(Step::default()),
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Limited { .. }
            | State::Ended { .. } => Err(self.misplaced("a lost gatekeeper")),
        }
    }

    fn swept(&self, unknown: Option<String>, now: Timestamp) -> Step {
        let State::Stopping { gone: true, because, .. } = self.state else {
            return Step::default();
        };
        if let Some(text) = unknown {
            return Step::of([Event::SweptUnknown { text: text::words(&text, WORDS) }], []);
        }
        if let Some(step) = self.limited(None, Some(because), now) {
            return step;
        }
        let failed =
            |reason, words: &str| ended(Outcome::Failed, Some(reason), None, words.to_owned());
        match because {
            Because::Person | Because::Superseded => Step::of([self.stopped(because)], []),
            Because::Paused | Because::Surface => {
                let words = String::new();
                let reason = Some(Reason::StoppedByPerson);
                Step::of([ended(Outcome::Interrupted, reason, None, words)], [])
            }
            Because::Stalled => Step::of([failed(Reason::Stalled, "")], []),
            Because::Limit => Step::of([failed(Reason::UsageLimit, "")], []),
            Because::Timeout => Step::of([failed(Reason::Timeout, "")], []),
            Because::Budget => Step::of([failed(Reason::Budget, "")], []),
            Because::Turns => Step::of([failed(Reason::Turns, "")], []),
            Because::NeverReady => {
                let words = self.verdict.error.as_ref().map_or("", |(_, text)| text.as_str());
                Step::of([failed(Reason::Start, words)], [])
            }
            Because::NeverStarted => {
                Step::of([failed(Reason::Start, "its gatekeeper never reported a start")], [])
            }
            Because::SupervisorLost | Because::HostRestart => self.died(None, because, now),
        }
    }

    fn tick(&self, now: Timestamp) -> Step {
        if self.next_wake().is_none_or(|at| at > now) {
            return Step::default();
        }
        let (run, attempt) = (self.id().clone(), self.attempt);
        match self.state {
            State::Running { .. } | State::Stalled { .. }
                if self.wall_ends().is_some_and(|at| at <= now) =>
            {
                self.halt(Because::Timeout)
            }
            State::Starting { .. } => Step::of(
                [Event::StopAsked { force: true, because: Because::NeverStarted }],
                [Effect::Stop { run, attempt, force: true }],
            ),
            State::Stalled { .. } => self.give_up(Because::Stalled),
            State::Limited { .. } => self.after_limit(self.goes_on || self.session.is_some()),
            State::Waiting { .. } => self.stop(false, Because::Surface),
            State::Stopping { gone: false, because, .. } => Step::of(
                [Event::StopAsked { force: true, because }],
                [Effect::Stop { run, attempt, force: true }],
            ),
            // What a sweep could not tell is asked again.
            State::Stopping { gone: true, because, .. } => {
                Step::of([Event::Lost { because }], [Effect::Sweep { run, attempt }])
            }
            State::Ended { .. } => {
                let mut step = self.leave_again(now).unwrap_or_default();
                if self.looks_at().is_some_and(|at| at <= now) {
                    let look = self.look();
                    step.events.extend(look.events);
                    step.effects.extend(look.effects);
                }
                step
            }
            State::Queued { .. } | State::Preparing { .. } | State::Running { .. } => {
                Step::default()
            }
        }
    }

    /// Whether its agent was asked for and has not ended.
    pub(super) fn is_at_work(&self) -> bool {
        self.is_living() && !matches!(self.state, State::Preparing { .. })
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.env, EnvState::Closing { .. })
    }

    pub(super) fn is_restoring(&self) -> bool {
        matches!(self.env, EnvState::Restoring { .. })
    }

    fn closing(&self) -> Rejected {
        let id = self.id();
        Rejected {
            slug: "close-under-way",
            text: format!("{id} is being closed already"),
            hints: vec![format!("skep show {id}")],
        }
    }

    pub(super) fn misplaced(&self, what: &str) -> Rejected {
        late(format!("{what} makes no sense while {} is {}", self.id(), self.state_name()))
    }

    pub(super) fn still_living(&self, wish: &str) -> Rejected {
        let id = self.id();
        Rejected {
            slug: "run-living",
            text: format!("{id} is {}; it must end before you can {wish}", self.state_name()),
            hints: vec![format!("skep wait {id}"), format!("skep stop {id}")],
        }
    }
}

impl super::Brief {
    /// Whether its task's plan, or the making of one, is what it is for.
    pub fn is_of_plan(&self) -> bool {
        use super::Kind::{Foreman, Plan, Review};
        self.part.is_some() || matches!(self.kind, Plan | Review | Foreman)
    }

    /// Whether a run that says nothing did nothing: a planner leaves a file, a reviewer may give its verdict by a tool.
    fn asks_for_words(&self) -> bool {
        match self.kind {
            super::Kind::Code | super::Kind::Foreman | super::Kind::Manual => true,
            super::Kind::Plan | super::Kind::Review | super::Kind::Gate => false,
        }
    }

    /// Whether the run is to leave something in a tree of its own.
    fn asks_for_work(&self) -> bool {
        match self.kind {
            super::Kind::Code => self.place.repository.is_some(),
            super::Kind::Plan
            | super::Kind::Review
            | super::Kind::Foreman
            | super::Kind::Manual
            | super::Kind::Gate => false,
        }
    }
}

impl Input {
    /// The attempt that a report is about.
    fn attempt(&self) -> Option<u32> {
        match self {
            Input::Began { attempt, .. }
            | Input::StartFailed { attempt, .. }
            | Input::Started { attempt, .. }
            | Input::Said { attempt, .. }
            | Input::Tool { attempt, .. }
            | Input::Silent { attempt, .. }
            | Input::Heard { attempt }
            | Input::Overdue { attempt, .. }
            | Input::Shown { attempt, .. }
            | Input::Exited { attempt, .. }
            | Input::Gone { attempt, .. }
            | Input::Swept { attempt, .. }
            | Input::RulesSet { attempt, .. }
            | Input::InUse { attempt, .. }
            | Input::Told { attempt, .. } => Some(*attempt),
            Input::Admit
            | Input::Stop { .. }
            | Input::Supersede
            | Input::Halt
            | Input::Raise { .. }
            | Input::Again { .. }
            | Input::PassOn(_)
            | Input::Pause { .. }
            | Input::Give { .. }
            | Input::Send { .. }
            | Input::Rule { .. }
            | Input::Answer { .. }
            | Input::Escalate { .. }
            | Input::Release
            | Input::Rules
            | Input::Lift
            | Input::Close { .. }
            | Input::Abandon { .. }
            | Input::Land { .. }
            | Input::Landing(_)
            | Input::Propose { .. }
            | Input::Followed { .. }
            | Input::Round
            | Input::RoundRefused { .. }
            | Input::Snap { .. }
            | Input::Forget { .. }
            | Input::Restore { .. }
            | Input::Undo { .. }
            | Input::Purge { .. }
            | Input::DropLogs
            | Input::Settle
            | Input::Prepared(_)
            | Input::PrepareFailed { .. }
            | Input::Undone { .. }
            | Input::OpDone { .. }
            | Input::Snapped { .. }
            | Input::Settled { .. }
            | Input::Purged { .. }
            | Input::LogsDropped
            | Input::LeaveIssue
            | Input::IssueLeft { .. }
            | Input::Comment { .. }
            | Input::GitSeen(_)
            | Input::Overstepped { .. }
            | Input::Done
            | Input::Tick => None,
        }
    }
}

impl Input {
    /// Whether it may be all that an effect has to report.
    fn settles(&self) -> bool {
        matches!(
            self,
            Input::Began { .. }
                | Input::StartFailed { .. }
                | Input::Swept { .. }
                | Input::Exited { .. }
                | Input::RulesSet { .. }
                | Input::InUse { .. }
                | Input::Told { .. }
        )
    }
}

impl Step {
    pub(super) fn of<const E: usize, const F: usize>(
        events: [Event; E],
        effects: [Effect; F],
    ) -> Step {
        Step { events: events.into(), effects: effects.into() }
    }
}

pub(super) fn ended(
    outcome: Outcome,
    reason: Option<Reason>,
    exit: Option<Exit>,
    text: String,
) -> Event {
    Event::Ended { outcome, reason, exit, text }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn late(text: String) -> Rejected {
    Rejected { slug: "misplaced", text, hints: Vec::new() }
}
