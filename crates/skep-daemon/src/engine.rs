//! The one door and the one writer: inputs in, events and effects committed, then posted and performed.
//!
//! Owns: the live state, the ledger, the order of everything. Facts are durable before any deed or reply.
//! Never: performs an effect, reads a file of a run, or decides what a run does.

use std::{
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use skep_api::wire::chain;
use skep_core::{
    fleet::{Decided, Effect, Event, Fleet, Input, Misfit},
    run::Rejected,
    time::{Pace, Reading, Timestamp},
};
use skep_ledger::{Batch, Fed, Ledger, LedgerError, NewEffect, NewEvent, Reserve, Retry};
use thiserror::Error;

use crate::board::Board;

#[cfg(test)]
mod tests;

/// How many inputs are committed together at the most.
const DRAIN: usize = 256;
/// How soon reports that the ledger could not take are tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How often the wall clock is looked at while somebody waits for a reset.
const LOOK: Duration = Duration::from_secs(30);

/// Something for the engine.
#[derive(Debug)]
pub enum Inbox {
    /// A wish of a person or a program; it is answered once it is durable.
    Wish { key: String, source: String, input: Box<Input>, reply: Sender<Reply> },
    /// Whether a wish with this key was granted before; it is answered with the last event's number then, else with 0.
    Seen { key: String, reply: Sender<Reply> },
    /// A report of the outside; nobody waits for an answer.
    Report { key: String, source: String, input: Box<Input> },
    /// Nothing more is to be done; the last word.
    Close,
}

impl Inbox {
    /// A copy, where it is a report.
    fn report(&self) -> Option<Inbox> {
        match self {
            Inbox::Report { key, source, input } => {
                let (key, source) = (key.clone(), source.clone());
                Some(Inbox::Report { key, source, input: input.clone() })
            }
            Inbox::Wish { .. } | Inbox::Seen { .. } | Inbox::Close => None,
        }
    }
}

/// What a wish gets: the last event's number, or why not.
pub type Reply = Result<u64, Refused>;

/// Why a wish was not granted.
#[derive(Debug, Clone, Error)]
pub enum Refused {
    #[error("{0}")]
    Rejected(#[from] Rejected),
    /// The ledger could not take it; nothing happened.
    #[error("the ledger could not take it: {text}")]
    Ledger { slug: &'static str, text: String },
}

/// Why the engine could not begin or go on.
#[derive(Debug, Error)]
pub enum EngineError {
    #[error("ledger")]
    Ledger(#[from] LedgerError),
    /// An event cannot be read, or does not fit: the ledger is of another kind than this program.
    #[error("event {seq} does not fit: {text}")]
    Misfit { seq: u64, text: String },
}

impl EngineError {
    /// The word for `skep explain`.
    pub fn slug(&self) -> &'static str {
        match self {
            EngineError::Ledger(err) => err.slug(),
            EngineError::Misfit { .. } => "event-misfit",
        }
    }
}

/// An effect that is to be performed, committed already.
#[derive(Debug, Clone)]
pub struct Due {
    pub id: String,
    pub effect: Effect,
}

/// Who takes the effects that are due; it returns at once.
pub type Perform = Box<dyn FnMut(Vec<Due>) + Send>;

/// The engine.
pub struct Engine {
    ledger: Ledger,
    reserve: Reserve,
    fleet: Fleet,
    last: u64,
    clock: fn() -> Reading,
    pace: Pace,
    board: Arc<Board>,
    perform: Perform,
    /// Reports that made no sense when they came; told in the log, never recorded.
    rejected: u64,
    /// Reports that the ledger could not take yet: whoever made them will not make them again.
    held: Vec<Inbox>,
    /// The reserve was given up, and there is no room to put it by again.
    spent: bool,
}

impl Engine {
    /// Opens the engine: replays the ledger and posts what it holds.
    ///
    /// Errors: an event that does not fit names its number; nothing is changed then.
    pub fn open(
        ledger: Ledger,
        reserve: Reserve,
        clock: fn() -> Reading,
        board: Arc<Board>,
        perform: Perform,
    ) -> Result<Engine, EngineError> {
        let (fleet, last) = replay(&ledger)?;
        board.post(fleet.clone(), last);
        let pace = Pace::begin(clock(), fleet.waits_since());
        Ok(Engine {
            ledger,
            reserve,
            fleet,
            last,
            clock,
            pace,
            board,
            perform,
            rejected: 0,
            held: Vec::new(),
            spent: false,
        })
    }

    /// The effects that were committed and not reported done: what the last daemon left.
    pub fn left_over(&self) -> Result<Vec<Due>, EngineError> {
        let pending = self.ledger.outbox()?;
        pending
            .into_iter()
            .map(|pending| {
                let effect = serde_json::from_str(&pending.body).map_err(|err| {
                    EngineError::Misfit { seq: pending.seq, text: err.to_string() }
                })?;
                Ok(Due { id: pending.id, effect })
            })
            .collect()
    }

    /// Whether a line of a run was taken before.
    pub fn has_seen(&self, key: &str) -> Result<bool, EngineError> {
        Ok(self.ledger.seen(key)?.is_some())
    }

    /// Serves the inbox until it closes.
    pub fn serve(mut self, inbox: &Receiver<Inbox>) -> Result<(), EngineError> {
        loop {
            let mut batch = Vec::new();
            match self.next(inbox) {
                Some(Inbox::Close) => return Ok(()),
                Some(first) => batch.push(first),
                None => {}
            }
            let mut closing = false;
            while batch.len() < DRAIN {
                match inbox.try_recv() {
                    Ok(Inbox::Close) => {
                        closing = true;
                        break;
                    }
                    Ok(next) => batch.push(next),
                    Err(_) => break,
                }
            }
            self.take(batch)?;
            if closing {
                return Ok(());
            }
        }
    }

    /// Waits for the next input or the next moment that matters; none when only time has passed.
    fn next(&mut self, inbox: &Receiver<Inbox>) -> Option<Inbox> {
        let now = self.tick_clock();
        let wake = self.fleet.next_wake().map(|at| at.since(now) + Duration::from_millis(1));
        let again = (!self.held.is_empty()).then_some(TRY_AGAIN);
        // A wait stands still while the machine sleeps, and a reset does not.
        let look = self.fleet.waits_for_reset().then_some(LOOK);
        match wake.into_iter().chain(again).chain(look).min() {
            Some(wait) => match inbox.recv_timeout(wait) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Inbox::Close),
            },
            None => Some(inbox.recv().unwrap_or(Inbox::Close)),
        }
    }

    /// The time, which never goes back.
    fn tick_clock(&mut self) -> Timestamp {
        self.pace.go_on((self.clock)(), self.fleet.waits_awake())
    }

    fn take(&mut self, batch: Vec<Inbox>) -> Result<(), EngineError> {
        let now = self.tick_clock();
        let mut feds = Vec::new();
        let mut due = Vec::new();
        let mut replies: Vec<(Sender<Reply>, Reply)> = Vec::new();
        let mut granted: Vec<Sender<Reply>> = Vec::new();
        let mut batch = batch;
        batch.splice(0..0, std::mem::take(&mut self.held));
        let reports: Vec<Inbox> = batch.iter().filter_map(Inbox::report).collect();
        for next in batch {
            let (key, source, input, reply) = match next {
                Inbox::Wish { key, source, input, reply } => (key, source, input, Some(reply)),
                Inbox::Report { key, source, input } => (key, source, input, None),
                Inbox::Seen { key, reply } => {
                    let seen = self.seen(&key, &feds)?;
                    replies.push((reply, Ok(seen.unwrap_or(0))));
                    continue;
                }
                Inbox::Close => continue,
            };
            if let Some(seen) = self.seen(&key, &feds)? {
                replies.extend(reply.map(|reply| (reply, Ok(seen))));
                continue;
            }
            if let Some(reply) = reply.as_ref().filter(|_| adds(&input) && self.is_spent()) {
                let text = "its disk is full, and what is left of it is for stop and close";
                let refused = Refused::Ledger { slug: "disk-full", text: text.to_owned() };
                replies.push((reply.clone(), Err(refused)));
                continue;
            }
            match self.decide(*input, now) {
                Ok(decided) => {
                    self.gather(&key, &source, now, decided, &mut feds, &mut due);
                    granted.extend(reply);
                }
                Err(rejected) => match reply {
                    Some(reply) => replies.push((reply, Err(Refused::Rejected(rejected)))),
                    None => self.reject(&key, &source, now, &rejected, &mut feds, &mut due),
                },
            }
        }
        // After what came in: a word that is in the inbox already beats a deadline.
        if self.fleet.next_wake().is_some_and(|at| at <= now) {
            let key = format!("tick/{}", self.last + 1);
            // A tick never carries an answer and is never refused.
            if let Ok(decided) = self.decide(Input::Tick, now) {
                self.gather(&key, "clock", now, decided, &mut feds, &mut due);
            }
        }
        let committed =
            if feds.is_empty() { Ok(self.last) } else { self.commit(&Batch { inputs: feds }) };
        match committed {
            Ok(last) => {
                if last != self.last {
                    self.last = last;
                    self.board.post(self.fleet.clone(), last);
                }
                replies.extend(granted.into_iter().map(|reply| (reply, Ok(last))));
                if !due.is_empty() {
                    (self.perform)(due);
                }
            }
            Err(err) => {
                // What the disk holds is the truth; the state is thrown away and read again.
                let (slug, text) = (err.slug(), chain(&err));
                let (fleet, last) = replay(&self.ledger)?;
                (self.fleet, self.last) = (fleet, last);
                // What the ledger will never take must not stand in the way of the rest.
                if err.retry() != Retry::Never {
                    self.held = reports;
                }
                let refused = || Err(Refused::Ledger { slug, text: text.clone() });
                replies.extend(granted.into_iter().map(|reply| (reply, refused())));
            }
        }
        for (reply, answer) in replies {
            // The asker may be gone; what it wished is recorded all the same.
            let _gone = reply.send(answer);
        }
        Ok(())
    }

    /// A report that made no sense: counted, told in the log, and an effect is done all the same.
    fn reject(
        &mut self,
        key: &str,
        source: &str,
        now: Timestamp,
        rejected: &Rejected,
        feds: &mut Vec<Fed>,
        due: &mut Vec<Due>,
    ) {
        self.rejected += 1;
        // Without a log there is nowhere to tell it.
        let _unread =
            writeln!(io::stderr(), "{now} rejected report {} ({key}): {rejected}", self.rejected);
        if key.starts_with(skep_ledger::outbox::REPORT) {
            self.gather(key, source, now, Decided::default(), feds, due);
        }
    }

    fn seen(&self, key: &str, feds: &[Fed]) -> Result<Option<u64>, EngineError> {
        if feds.iter().any(|fed| fed.key == key) {
            return Ok(Some(self.last));
        }
        Ok(self.ledger.seen(key)?.map(|seen| seen.seq))
    }

    /// Decides on the live state. A panic consumes the input, and the state is read again.
    fn decide(&mut self, input: Input, now: Timestamp) -> Result<Decided, Rejected> {
        let mut fleet = self.fleet.clone();
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let decided = fleet.decide(input, now);
            (fleet, decided)
        }));
        match decided {
            Ok((fleet, Ok(decided))) => {
                self.fleet = fleet;
                Ok(decided)
            }
            Ok((_, Err(rejected))) => Err(rejected),
            Err(_) => Err(Rejected {
                slug: "decision-panicked",
                text: "deciding this went wrong inside skep; nothing was changed".to_owned(),
                hints: vec!["skep events --from 0".to_owned()],
            }),
        }
    }

    fn gather(
        &mut self,
        key: &str,
        source: &str,
        now: Timestamp,
        mut decided: Decided,
        feds: &mut Vec<Fed>,
        due: &mut Vec<Due>,
    ) {
        let reported = key.starts_with(skep_ledger::outbox::REPORT) || source.starts_with("line/");
        if decided.events.is_empty() {
            if !reported && decided.effects.is_empty() {
                return;
            }
            // A report that changed nothing is still a report: it must count once, and its effect is done. And what is
            // only to be done, as emptying a trash is, needs an event that its effects hang on.
            let event = Event::Run(skep_core::run::Event::Done {});
            let subject = match decided.effects.first() {
                Some(effect) if !reported => effect.subject(),
                _ => source.to_owned(),
            };
            decided.events.push(skep_core::fleet::About { subject, event });
        }
        let first = self.last + 1 + feds.iter().map(|fed| fed.events.len() as u64).sum::<u64>();
        let effects: Vec<NewEffect> = decided
            .effects
            .into_iter()
            .enumerate()
            .map(|(nth, effect)| {
                let id = format!("fx-{first}-{nth}");
                due.push(Due { id: id.clone(), effect: effect.clone() });
                NewEffect {
                    id,
                    subject: effect.subject(),
                    kind: effect.kind().to_owned(),
                    body: serde_json::to_string(&effect).expect("an effect is plain data"),
                }
            })
            .collect();
        let events: Vec<NewEvent> = decided
            .events
            .into_iter()
            .map(|about| {
                let body = serde_json::to_string(&about.event).expect("an event is plain data");
                let kind = kind_of(&body);
                NewEvent { subject: about.subject, kind, body, cause: None }
            })
            .collect();
        feds.push(Fed {
            key: key.to_owned(),
            subject: events.first().map(|event| event.subject.clone()).unwrap_or_default(),
            source: source.to_owned(),
            at: now.to_string(),
            answer: None,
            events,
            effects,
        });
    }

    /// Whether the reserve is gone and cannot be put by again.
    fn is_spent(&mut self) -> bool {
        self.spent = self.spent && !matches!(self.reserve.hold_again(), Ok(true));
        self.spent
    }

    fn commit(&mut self, batch: &Batch) -> Result<u64, LedgerError> {
        skep_host::paths::crash_point("commit.before");
        let committed = self.ledger.commit(batch);
        skep_host::paths::crash_point("commit.after");
        match committed {
            Err(LedgerError::DiskFull { .. }) if self.reserve.held() => {
                self.reserve.give_up()?;
                self.spent = true;
                self.ledger.commit(batch).map(|committed| committed.last)
            }
            Ok(committed) => {
                if !self.reserve.held() {
                    // Still no room is no error: the reserve is for later.
                    let _later = self.reserve.hold_again();
                }
                Ok(committed.last)
            }
            Err(err) => Err(err),
        }
    }
}

/// Whether an input brings in something new, which can wait until there is room.
fn adds(input: &Input) -> bool {
    match input {
        Input::AddProject(_) | Input::AddTask(_) | Input::Create { .. } => true,
        Input::Limits(_)
        | Input::Budgets(_)
        | Input::Disk(_)
        | Input::Clean { .. }
        | Input::RemoveProject { .. }
        | Input::Approve { .. }
        | Input::ApproveGates { .. }
        | Input::LiftTask { .. }
        | Input::Radar(_)
        | Input::Task { .. }
        | Input::RemoveTask { .. }
        | Input::Begin { .. }
        | Input::Check { .. }
        | Input::Run { .. }
        | Input::Notice(_)
        | Input::Tick => false,
    }
}

/// Rebuilds the state from the ledger.
fn replay(ledger: &Ledger) -> Result<(Fleet, u64), EngineError> {
    let mut fleet = Fleet::default();
    let mut last = 0;
    ledger.replay(1, |record| {
        let misfit = |text: String| EngineError::Misfit { seq: record.seq, text };
        let event: Event =
            serde_json::from_str(&record.body).map_err(|err| misfit(err.to_string()))?;
        let at: Timestamp = record.at.parse().map_err(|err| misfit(format!("{err}")))?;
        last = record.seq;
        if event == Event::Run(skep_core::run::Event::Done {}) {
            return Ok(());
        }
        fleet.apply(&record.subject, &event, at).map_err(|err: Misfit| misfit(err.to_string()))
    })?;
    Ok((fleet, last))
}

fn kind_of(body: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    value["event"].as_str().unwrap_or("event").to_owned()
}
