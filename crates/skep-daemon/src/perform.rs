//! Effects, carried out. The only place that matches on [`Effect`].
//!
//! Owns: the order of one run's effects (one at a time; a stop overtakes), and for each why doing it twice is harmless:
//!
//! | effect | again |
//! |---|---|
//! | prepare | the owner record in the env says what stands; it is continued or taken back first |
//! | undo | only what the record names and what holds no work goes; what is gone is gone |
//! | start | a keeper refuses where `start.json` stands or the env's lock is held |
//! | stop, cancel | a stopping keeper stays stopping; one that is gone is left to the ingest |
//! | deliver, leave | the keeper counts each id once |
//! | rules | they are read anew, and the keeper has one set of them |
//! | sweep | it looks first; what is dead stays dead |
//! | close | the proof is made anew; what is moved is found in the trash |
//! | settle | the snapshot has an id of its own, taken twice it is the same; what is gone is gone |
//! | snapshot | by its id; one that stands is the answer |
//! | forget, purge, drop | what is gone is gone |
//! | leave issue | only its own claim goes; what is gone is gone |
//! | restore | what stands is kept under an id of its own first; files are written over, never beside |
//! | revert | a target that took it back already has done so |
//! | show | a window that is there is enough |
//! | combine | the same works on the same target are the same commit; nothing but objects is made |
//! | check | briefs are only made; the fleet begins each gate once |
//! | bring | a target that has the commit already has landed; the same note adds nothing |
//! | propose | what is pushed is pushed; an open change of the branch is found before one is made |
//! | follow | it only asks |
//! | notify, amend | `notify` says: what may have been sent is not sent again but where the channel counts its id |

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{self, BufReader},
    os::unix::net::UnixStream,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::Sender},
    thread,
    time::{Duration, Instant},
};

use skep_api::wire::chain;
use skep_api::{ctl, place::Home, role, wire};
use skep_core::{
    fleet::{self, Fleet},
    id::{OpId, RunId, SnapshotId},
    run::{Effect, EnvType, Fault, Input, OpResult, Run, Word},
    snapshot::Why,
    time::Timestamp,
};
use skep_host::{
    git::Git,
    lock, proc,
    proc::Program,
    tree::{self, Marks, Probe, Process},
};

use crate::{
    board::Board,
    engine::{Due, Inbox},
    forges::Forges,
    hands::{self, Deed, Done},
    ingest::{Ingest, Watch, read_exit},
    launch,
    notify::Notifier,
    trust,
    viewer::Viewers,
};

mod answers;
mod changes;
mod issues;
mod landing;
mod leases;
mod reviewed;
mod rules;
mod tasks;

/// What a keeper said to a control.
type Told = io::Result<ctl::Answer>;

/// How long a whole deed may take: checkout, set-up and all.
const DEED: Duration = Duration::from_secs(60 * 60);
/// The code of a process that was ended by KILL.
const KILLED: i32 = 128 + 9;
/// What a keeper says of a message that its agent will never take.
const REFUSED: [&str; 2] = ["send-unsupported", "steer-unsupported"];
/// How long a stop waits for a keeper that is only just starting.
const KEEPER_STARTS: Duration = Duration::from_secs(5);
/// How often a keeper that lives is told a person's word before it is taken for one that never answers.
const LEAVE_TRIES: u32 = 12;

/// What the performing threads share.
pub struct Performer {
    pub home: Home,
    /// The folder of agent profiles.
    pub agents: PathBuf,
    pub epoch: u64,
    pub board: Arc<Board>,
    pub inbox: Sender<Inbox>,
    pub ingest: Ingest,
    pub viewers: Viewers,
    pub forges: Forges,
    pub notifier: Arc<Notifier>,
    clock: fn() -> Timestamp,
    queues: Mutex<BTreeMap<RunId, Queue>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Due>,
    busy: bool,
    /// The group of the deed under way, for whoever cancels it.
    under_way: Option<u32>,
    cancelled: bool,
}

impl Performer {
    /// Makes a performer that has nothing to do yet.
    pub fn new(
        agents: PathBuf,
        epoch: u64,
        ingest: Ingest,
        viewers: Viewers,
        notifier: Arc<Notifier>,
        clock: fn() -> Timestamp,
    ) -> Performer {
        let config = agents.parent().unwrap_or(Path::new("/")).to_owned();
        Performer {
            home: viewers.home.clone(),
            forges: Forges::new(viewers.home.clone(), config),
            agents,
            epoch,
            board: Arc::clone(&viewers.board),
            inbox: viewers.inbox.clone(),
            ingest,
            viewers,
            notifier,
            clock,
            queues: Mutex::new(BTreeMap::new()),
        }
    }

    /// Takes effects that are committed; returns at once.
    pub fn take(self: &Arc<Performer>, due: Vec<Due>) {
        for due in due {
            let effect = match &due.effect {
                fleet::Effect::Run(effect) => effect,
                fleet::Effect::Task(_) => {
                    self.enqueue(&due);
                    continue;
                }
                fleet::Effect::Notice(effect) => {
                    self.notifier.take(&due, effect);
                    continue;
                }
            };
            match effect {
                // A forge that does not answer holds nothing up.
                Effect::Stop { .. } | Effect::Follow { .. } => self.overtake(&due),
                Effect::CancelPrepare { run, .. } => {
                    self.cancel(run);
                    self.report(&due, Input::Done);
                }
                Effect::Prepare { .. }
                | Effect::Undo { .. }
                | Effect::Start { .. }
                | Effect::CancelTurn { .. }
                | Effect::Deliver { .. }
                | Effect::Leave { .. }
                | Effect::Rules { .. }
                | Effect::Sweep { .. }
                | Effect::Close { .. }
                | Effect::Settle { .. }
                | Effect::Snapshot { .. }
                | Effect::Forget { .. }
                | Effect::Restore { .. }
                | Effect::Revert { .. }
                | Effect::Purge { .. }
                | Effect::DropLogs { .. }
                | Effect::LeaveIssue { .. }
                | Effect::Show { .. }
                | Effect::Combine { .. }
                | Effect::Check { .. }
                | Effect::Bring { .. }
                | Effect::Propose { .. } => self.enqueue(&due),
            }
        }
    }

    /// Takes what the last daemon left: each effect says how doing it twice is harmless, and a notice that it is not.
    pub fn take_up(self: &Arc<Performer>, left: Vec<Due>) {
        let is_notice = |due: &Due| matches!(due.effect, fleet::Effect::Notice(_));
        let (notices, others): (Vec<Due>, Vec<Due>) = left.into_iter().partition(is_notice);
        for due in notices {
            if let fleet::Effect::Notice(effect) = &due.effect {
                self.notifier.take_up(&due, effect);
            }
        }
        self.take(others);
    }

    fn overtake(self: &Arc<Performer>, due: &Due) {
        let me = Arc::clone(self);
        // Where no thread can be had it is told failed; the next stop is another try.
        let _started = self.spawn(due, move |due| me.perform_or_tell(due));
    }

    fn enqueue(self: &Arc<Performer>, due: &Due) {
        let Some(run) = due.effect.run().cloned() else { return };
        let mut queues = self.queues();
        let queue = queues.entry(run.clone()).or_default();
        queue.waiting.push_back(due.clone());
        if queue.busy {
            return;
        }
        queue.busy = true;
        drop(queues);
        let me = Arc::clone(self);
        let of = run.clone();
        let started = self.spawn(due, move |_| {
            while let Some(next) = me.next(&of) {
                me.perform_or_tell(&next);
            }
        });
        if !started {
            // What was queued meanwhile has no thread either; the first is told already.
            let left = self.queues().remove(&run).map(|queue| queue.waiting).unwrap_or_default();
            for due in left.iter().skip(1) {
                self.tell(due, failed(&due.effect, "no thread could be started"));
            }
        }
    }

    /// Performs it; a panic is a report as well, or the run would wait for ever.
    fn perform_or_tell(self: &Arc<Performer>, due: &Due) {
        if catch_unwind(AssertUnwindSafe(|| self.perform(due))).is_err() {
            self.tell(due, failed(&due.effect, "carrying it out went wrong inside skep"));
        }
    }

    /// Starts a thread; where none can be had, the effect stays in the outbox for the next daemon and is told failed.
    fn spawn(&self, due: &Due, work: impl FnOnce(&Due) + Send + 'static) -> bool {
        let kept = due.clone();
        let started = thread::Builder::new().name("perform".to_owned()).spawn(move || work(&kept));
        match started {
            Ok(_) => true,
            Err(err) => {
                let text = format!("no thread could be started: {err}");
                self.tell(due, failed(&due.effect, &text));
                false
            }
        }
    }

    fn next(&self, run: &RunId) -> Option<Due> {
        let mut queues = self.queues();
        let queue = queues.get_mut(run)?;
        let next = queue.waiting.pop_front();
        if next.is_none() {
            queues.remove(run);
        }
        next
    }

    fn cancel(&self, run: &RunId) {
        let mut queues = self.queues();
        let Some(queue) = queues.get_mut(run) else { return };
        queue.cancelled = true;
        if let Some(group) = queue.under_way {
            // Gone by itself in this moment is as good.
            let _gone = proc::terminate_group(group);
        }
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<RunId, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn perform(self: &Arc<Performer>, due: &Due) {
        let fleet = self.board.read().fleet;
        let kind = due.effect.kind();
        skep_host::paths::crash_point("effect.before");
        skep_host::paths::crash_point(&format!("{kind}.before"));
        let input = match &due.effect {
            fleet::Effect::Task(effect) => self.for_task(effect, &fleet),
            fleet::Effect::Run(Effect::Check { run, op }) => match fleet.runs.get(run) {
                Some(of) => self.check(of, op, &fleet),
                None => fleet::Input::Run { run: run.clone(), input: Input::Done },
            },
            fleet::Effect::Run(effect) => {
                let input = match fleet.runs.get(effect.run()) {
                    Some(run) => self.for_run(effect, run, &fleet),
                    None => Input::Done,
                };
                fleet::Input::Run { run: effect.run().clone(), input }
            }
            fleet::Effect::Notice(_) => fleet::Input::Notice(skep_core::notice::Input::Done),
        };
        skep_host::paths::crash_point(&format!("{kind}.after"));
        skep_host::paths::crash_point("effect.after");
        self.tell(due, input);
    }

    fn for_run(self: &Arc<Performer>, effect: &Effect, run: &Run, fleet: &Fleet) -> Input {
        match effect {
            Effect::Prepare { .. } => self.prepare(run),
            Effect::Undo { .. } => self.undo(run),
            Effect::Start { attempt, .. } => self.start(run, *attempt),
            Effect::Stop { attempt, force, .. } => self.stop(run, *attempt, *force),
            Effect::Deliver { attempt, id, text, steer, .. } => {
                self.deliver(run, *attempt, id, text, *steer)
            }
            Effect::Leave { attempt, id, asked_as, ruling, .. } => {
                let settle = ctl::Control::Settle {
                    epoch: self.epoch,
                    key: id.to_string(),
                    id: asked_as.clone(),
                    allow: ruling.allow,
                    text: ruling.text.clone(),
                };
                self.leave(run, *attempt, &settle)
            }
            Effect::Rules { attempt, nth, .. } => self.rules(run, *attempt, *nth),
            Effect::Sweep { attempt, .. } => self.sweep(run, *attempt),
            Effect::Close { op, how, snapshot, .. } => {
                let snapshot = snapshot.clone().unwrap_or_else(|| run.next_snapshot());
                let result = self.close(run, op, *how, &snapshot);
                let result = trust::after_close(&self.home, run.id(), result);
                if matches!(result, OpResult::Closed { .. }) {
                    launch::let_secrets_go(&self.home, run.id());
                }
                Input::OpDone { op: op.clone(), result }
            }
            Effect::Settle { snapshot, .. } => self.settle(run, snapshot),
            Effect::Snapshot { id, why, op, .. } => self.snapshot(run, id, *why, op.as_ref()),
            Effect::Forget { op, snapshots, .. } => {
                let deed = Ok(hands::forget_deed(run, &self.home, snapshots));
                Input::OpDone { op: op.clone(), result: self.op(run, deed, "snapshot-failed") }
            }
            Effect::Restore { op, snapshot, before, .. } => {
                let deed = hands::restore_deed(run, &self.home, snapshot, before, (self.clock)());
                Input::OpDone { op: op.clone(), result: self.op(run, deed, "restore-failed") }
            }
            Effect::Revert { op, of, .. } => {
                let deed = hands::revert_deed(run, &self.home, of);
                Input::OpDone { op: op.clone(), result: self.op(run, deed, "revert-failed") }
            }
            Effect::Purge { snapshot, .. } => self.purge(run, snapshot),
            Effect::DropLogs { .. } => self.drop_logs(run),
            Effect::LeaveIssue { .. } => self.leave_issue(run),
            Effect::Show { .. } => {
                self.viewers.open(run);
                Input::Done
            }
            Effect::Combine { op, .. } => self.combine(run, op, fleet),
            Effect::Bring { op, .. } => self.bring(run, op, fleet),
            Effect::Propose { op, .. } => {
                Input::OpDone { op: op.clone(), result: self.propose(run) }
            }
            Effect::Follow { .. } => {
                let (found, not_before) = self.forges.look(run);
                Input::Followed { found, not_before }
            }
            Effect::CancelTurn { attempt, .. } => {
                // Who cannot be asked, or has no word for it, meets the deadline of the stalled state.
                let _told =
                    self.control(run, *attempt, &ctl::Control::Cancel { epoch: self.epoch });
                Input::Done
            }
            // Its report is the fleet's.
            Effect::CancelPrepare { .. } | Effect::Check { .. } => Input::Done,
        }
    }

    fn report(&self, due: &Due, input: Input) {
        if let Some(run) = due.effect.run().cloned() {
            self.tell(due, fleet::Input::Run { run, input });
        }
    }

    fn tell(&self, due: &Due, input: fleet::Input) {
        let input = Box::new(input);
        let key = format!("{}{}", skep_ledger::outbox::REPORT, due.id);
        // The engine closes last; the effect then stays in the outbox and is done again.
        let _closed = self.inbox.send(Inbox::Report { key, source: due.effect.subject(), input });
    }

    fn prepare(&self, run: &Run) -> Input {
        if let Some(in_use) = leases::before_prepare(run) {
            return in_use;
        }
        if let Err((fault, slug, text)) = self.take_issue(run) {
            return Input::PrepareFailed { fault, slug, text };
        }
        let deed = match hands::prepare_deed(run, &self.home) {
            Ok(deed) => deed,
            Err(text) => {
                return Input::PrepareFailed {
                    fault: Fault::Environment,
                    slug: "prepare-failed".to_owned(),
                    text,
                };
            }
        };
        match self.by_hand(run, &deed) {
            Ok(Done::Prepared { env }) => Input::Prepared(env),
            Ok(Done::PrepareFailed { fault, slug, text }) => {
                Input::PrepareFailed { fault, slug, text }
            }
            Ok(other) => wrong_prepare(&format!("{other:?}")),
            Err(text) => Input::PrepareFailed {
                fault: Fault::Environment,
                slug: "prepare-failed".to_owned(),
                text,
            },
        }
    }

    fn undo(&self, run: &Run) -> Input {
        match self.by_hand(run, &hands::undo_deed(run, &self.home)) {
            Ok(Done::Undone { text: None }) => {
                Input::Undone { text: trust::take_back(&self.home, run.id()).err() }
            }
            Ok(Done::Undone { text }) => Input::Undone { text },
            Ok(other) => Input::Undone { text: Some(format!("{other:?}")) },
            Err(text) => Input::Undone { text: Some(text) },
        }
    }

    fn op(&self, run: &Run, deed: Result<Deed, String>, slug: &str) -> OpResult {
        op_result(deed.and_then(|deed| self.by_hand(run, &deed)), slug)
    }

    fn settle(&self, run: &Run, id: &SnapshotId) -> Input {
        let done = hands::settle_deed(run, &self.home, id, (self.clock)())
            .and_then(|deed| self.by_hand(run, &deed));
        let taken = match done {
            Ok(Done::Settled { taken }) => taken,
            Ok(other) => Err(format!("{other:?}")),
            Err(text) => Err(text),
        };
        Input::Settled { id: id.clone(), taken }
    }

    fn snapshot(&self, run: &Run, id: &SnapshotId, why: Why, op: Option<&OpId>) -> Input {
        let done = hands::snapshot_deed(run, &self.home, id, why, (self.clock)())
            .and_then(|deed| self.by_hand(run, &deed));
        let taken = match done {
            Ok(Done::Snapped { taken }) => taken,
            Ok(other) => Err(format!("{other:?}")),
            Err(text) => Err(text),
        };
        let Some(op) = op else { return Input::Snapped { id: id.clone(), taken } };
        let result = match taken {
            Ok(Some(snapshot)) => OpResult::Snapped { snapshot },
            Ok(None) => failed_op("snapshot-failed", "nothing was taken"),
            Err(text) => failed_op("snapshot-failed", &text),
        };
        Input::OpDone { op: op.clone(), result }
    }

    fn purge(&self, run: &Run, snapshot: &SnapshotId) -> Input {
        match self.by_hand(run, &hands::purge_deed(run, &self.home, snapshot)) {
            Ok(Done::Purged { text: None }) => Input::Purged { snapshot: snapshot.clone() },
            // It stays, and is due again the next time.
            Ok(_) | Err(_) => Input::Done,
        }
    }

    /// Drops what was heard of a run that is long over; the ledger still knows what became of it.
    fn drop_logs(&self, run: &Run) -> Input {
        for attempt in 1..=run.attempt {
            match fs::remove_dir_all(self.home.attempt(run.id(), attempt)) {
                Err(err) if err.kind() != io::ErrorKind::NotFound => return Input::Done,
                _ => {}
            }
        }
        Input::LogsDropped
    }

    /// Carries out a deed in a process of its own under a warden: it ends when this daemon dies, and the next one
    /// takes its lock before it does it again.
    ///
    /// One whose process was killed is done again, once: where it stands half-way, what it secured would be forgotten.
    fn by_hand(&self, run: &Run, deed: &Deed) -> Result<Done, String> {
        match self.carry_out(run, deed) {
            Err(broken) if broken.killed && !matches!(deed, Deed::Prepare { .. }) => {
                self.carry_out(run, deed).map_err(|broken| broken.text)
            }
            other => other.map_err(|broken| broken.text),
        }
    }

    fn carry_out(&self, run: &Run, deed: &Deed) -> Result<Done, Broken> {
        let input = serde_json::to_vec(deed).map_err(|err| err.to_string())?;
        let lock = self.home.effect_lock(run.id());
        let program = Program::new("/proc/self/exe")
            .arg(role::WARDEN)
            .arg("--lock")
            .arg(&lock)
            .arg("--parent")
            .arg(std::process::id().to_string())
            .args(["--last", "git", "--"])
            .arg("/proc/self/exe")
            .arg(role::EFFECT)
            .envs(launch::asker_env(&self.home, run)?)
            .stdin(input)
            .timeout(DEED);
        let running = program.start().map_err(|err| chain(&err))?;
        {
            let mut queues = self.queues();
            let queue = queues.entry(run.id().clone()).or_default();
            // A cancel that came too late for the preparation must not hit what takes it back.
            let cancellable = matches!(deed, Deed::Prepare { .. });
            queue.under_way = cancellable.then_some(running.pid());
            if std::mem::take(&mut queue.cancelled) && cancellable {
                let _gone = proc::terminate_group(running.pid());
            }
        }
        let output = running.output().map_err(|err| chain(&err));
        let cancelled = {
            let mut queues = self.queues();
            let queue = queues.entry(run.id().clone()).or_default();
            queue.under_way = None;
            std::mem::take(&mut queue.cancelled)
        };
        let output = output?;
        match serde_json::from_slice(&output.stdout) {
            Ok(done) => Ok(done),
            Err(_) if cancelled => Err("it was cancelled".to_owned().into()),
            Err(_) => Err(Broken {
                text: format!(
                    "the deed broke off with code {}: {}",
                    output.code(),
                    output.complaint()
                ),
                killed: output.code() == KILLED,
            }),
        }
    }

    /// Gives a message to the keeper of an attempt, and says what it answered. The keeper's own reports say the rest.
    fn deliver(&self, run: &Run, attempt: u32, id: &str, text: &str, steer: bool) -> Input {
        let epoch = self.epoch;
        let send = answers::control(run, epoch, id, text).unwrap_or_else(|| ctl::Control::Send {
            epoch,
            id: id.to_owned(),
            text: text.to_owned(),
            steer,
        });
        let (word, text) = match self.control_again(run, attempt, &send) {
            Ok(ctl::Answer::Accepted {}) => return Input::Done,
            Ok(ctl::Answer::Queued {}) => (Word::Held, String::new()),
            Ok(ctl::Answer::Refused { slug, text }) if REFUSED.contains(&slug.as_str()) => {
                (Word::Refused, format!("{slug}: {text}"))
            }
            // It is given to it again, or to the next one; a keeper counts an id once.
            Ok(ctl::Answer::Refused { text, .. }) => (Word::Returned, text),
            Ok(other @ (ctl::Answer::Tool { .. } | ctl::Answer::Status { .. })) => {
                (Word::Returned, format!("{other:?}"))
            }
            Err(err) => (Word::Returned, err.to_string()),
        };
        Input::Told { attempt, id: id.to_owned(), word, text }
    }

    /// Tells an agent what a person said to its request. A keeper that lives and does not answer is told again, and counts
    /// the word once; one that is gone, and an agent that asks no longer, need none.
    fn leave(&self, run: &Run, attempt: u32, settle: &ctl::Control) -> Input {
        for _ in 0..LEAVE_TRIES {
            if self.control(run, attempt, settle).is_ok() || self.keeper_is_dead(run, attempt) {
                break;
            }
        }
        Input::Done
    }

    /// Says it; an answer is said again to a keeper that lives and does not answer, which counts it once.
    fn control_again(&self, run: &Run, attempt: u32, said: &ctl::Control) -> Told {
        let mut told = self.control(run, attempt, said);
        for _ in 1..LEAVE_TRIES {
            let again = told.is_err() && matches!(said, ctl::Control::Answer { .. });
            if !again || self.keeper_is_dead(run, attempt) {
                break;
            }
            told = self.control(run, attempt, said);
        }
        told
    }

    /// Whether the keeper that began this attempt is known to be gone.
    fn keeper_is_dead(&self, run: &Run, attempt: u32) -> bool {
        skep_api::start::read(&self.home.attempt(run.id(), attempt)).is_some_and(|start| {
            let (pid, started) = (start.gatekeeper.pid, start.gatekeeper.started);
            tree::probe(Process { pid, started }) == Probe::Dead
        })
    }

    fn start(&self, run: &Run, attempt: u32) -> Input {
        if let Some(in_use) = leases::before_start(run, attempt, &self.home) {
            return in_use;
        }
        if let Err((_, _, text)) = self.take_issue(run) {
            return Input::StartFailed { attempt, text };
        }
        match self.begin(run, attempt) {
            Ok(keeper) => Input::Began { attempt, gatekeeper: keeper.pid },
            Err(text) => Input::StartFailed { attempt, text },
        }
    }

    fn begin(&self, run: &Run, attempt: u32) -> Result<Process, String> {
        let dir = self.home.attempt(run.id(), attempt);
        let standing = skep_api::start::read(&dir).map(|start| start.gatekeeper);
        let keeper = match standing {
            Some(keeper) => Process { pid: keeper.pid, started: keeper.started },
            None => {
                self.see_before(run, attempt);
                launch::write_spec(run, attempt, self.epoch, &self.home, &self.agents)?;
                let pid = proc::spawn_detached(
                    Path::new("/proc/self/exe"),
                    &[role::KEEPER.as_ref(), dir.as_os_str()],
                    &self.home.daemon_log(),
                )
                .map_err(|err| chain(&err))?;
                tree::identity(pid).unwrap_or(Process { pid, started: 0 })
            }
        };
        self.ingest.watch(Watch {
            run: run.id().clone(),
            attempt,
            dir,
            keeper: Some(keeper),
            after: 0,
        });
        Ok(keeper)
    }

    /// What git sees before an attempt that is to go on: only compared with it does a tree tell that nothing was done.
    fn see_before(&self, run: &Run, attempt: u32) {
        if !run.goes_on || run.session.is_none() {
            return;
        }
        let Some(facts) = hands::git_facts(run, &self.home, (self.clock)()) else { return };
        let run = run.id().clone();
        let (key, source) = (format!("before/{run}/{attempt}"), run.to_string());
        let input = Box::new(fleet::Input::Run { run, input: Input::GitSeen(facts) });
        // The engine closes last; without this fact nothing is begun afresh.
        let _closed = self.inbox.send(Inbox::Report { key, source, input });
    }

    fn stop(&self, run: &Run, attempt: u32, force: bool) -> Input {
        let stop = ctl::Control::Stop { epoch: self.epoch, force };
        if self.control(run, attempt, &stop).is_err()
            && let Some(start) = skep_api::start::read(&self.home.attempt(run.id(), attempt))
        {
            let keeper = Process { pid: start.gatekeeper.pid, started: start.gatekeeper.started };
            // A keeper without ears still hears signals: the first ends gracefully, the second by force.
            for _ in 0..=u8::from(force) {
                let _gone = tree::terminate(keeper);
            }
        }
        Input::Done
    }

    fn control(&self, run: &Run, attempt: u32, control: &ctl::Control) -> io::Result<ctl::Answer> {
        let socket = self.home.control_socket(run.id(), attempt);
        let until = Instant::now() + KEEPER_STARTS;
        let mut stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(err) => {
                    if self.keeper_is_dead(run, attempt) || Instant::now() > until {
                        return Err(err);
                    }
                    // The socket of a keeper that is starting: there is no event for a name that is not there yet.
                    thread::sleep(Duration::from_millis(20));
                }
            }
        };
        stream.set_read_timeout(Some(KEEPER_STARTS))?;
        wire::send(&mut stream, control)?;
        wire::receive(&mut BufReader::new(stream))?
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Both guards are gone, or the keeper left no word: ends what is left and says whether anything lives.
    fn sweep(&self, run: &Run, attempt: u32) -> Input {
        let Some(env) = run.env() else { return Input::Swept { attempt, unknown: None } };
        let grace = Duration::from_millis(run.brief.policy.grace_ms);
        let held = lock::hold_within(&hands::lock_file(env), grace + Duration::from_secs(8));
        if let Some(exit) = read_exit(&self.home.attempt(run.id(), attempt)) {
            return Input::Exited { attempt, exit };
        }
        if let Err(err) = held {
            return Input::Swept {
                attempt,
                unknown: Some(format!("its env's lock: {}", chain(&err))),
            };
        }
        // A guard of another boot led no session of this one: what has its pid now is a stranger's.
        let guard = skep_api::start::read(&self.home.attempt(run.id(), attempt))
            .filter(|start| tree::boot_id().is_ok_and(|boot| boot == start.boot))
            .map(|start| Process { pid: start.gatekeeper.pid, started: start.gatekeeper.started });
        let marks = Marks {
            variable: &format!("SKEP_RUN={}", run.id()),
            inside: (run.brief.place.env_type != EnvType::InPlace).then(|| Path::new(&env.root)),
            guard,
        };
        let unknown = match tree::sweep(&marks, grace) {
            Ok(left) if left.is_empty() => {
                // What cannot be taken back now is asked for again before the next attempt and at the close.
                let _later = launch::asker_env(&self.home, run)
                    .map(|vars| hands::lent::after_all(&Git::new(vars), run));
                None
            }
            Ok(left) => Some(format!("still alive: {left:?}")),
            Err(err) => Some(chain(&err)),
        };
        Input::Swept { attempt, unknown }
    }
}

/// Why a deed came to no answer.
struct Broken {
    text: String,
    /// Whether its process was killed, by the machine or by somebody.
    killed: bool,
}

impl From<String> for Broken {
    fn from(text: String) -> Broken {
        Broken { text, killed: false }
    }
}

fn wrong_prepare(text: &str) -> Input {
    Input::PrepareFailed {
        fault: Fault::Bug,
        slug: "prepare-failed".to_owned(),
        text: text.to_owned(),
    }
}

fn op_result(result: Result<Done, String>, slug: &str) -> OpResult {
    match result {
        Ok(Done::Op { result }) => result,
        Ok(other) => failed_op(slug, &format!("{other:?}")),
        Err(text) => failed_op(slug, &text),
    }
}

fn failed_op(slug: &str, text: &str) -> OpResult {
    OpResult::Failed { slug: slug.to_owned(), text: text.to_owned() }
}

/// What a run or a task hears when its effect could not even begin.
fn failed(effect: &fleet::Effect, text: &str) -> fleet::Input {
    match effect {
        fleet::Effect::Task(effect) => tasks::failed(effect, text),
        fleet::Effect::Run(effect) => {
            fleet::Input::Run { run: effect.run().clone(), input: failed_run(effect, text) }
        }
        fleet::Effect::Notice(_) => fleet::Input::Notice(skep_core::notice::Input::Done),
    }
}

fn failed_run(effect: &Effect, text: &str) -> Input {
    match effect {
        Effect::Prepare { .. } => Input::PrepareFailed {
            fault: Fault::Environment,
            slug: "prepare-failed".to_owned(),
            text: text.to_owned(),
        },
        Effect::Undo { .. } => Input::Undone { text: Some(text.to_owned()) },
        Effect::Start { attempt, .. } => {
            Input::StartFailed { attempt: *attempt, text: text.to_owned() }
        }
        Effect::Sweep { attempt, .. } => {
            Input::Swept { attempt: *attempt, unknown: Some(text.to_owned()) }
        }
        Effect::Close { op, .. } => op_failed(op, "close-failed", text),
        Effect::Combine { op, .. } | Effect::Check { op, .. } | Effect::Bring { op, .. } => {
            op_failed(op, "land-failed", text)
        }
        Effect::Propose { op, .. } => op_failed(op, "pr-failed", text),
        Effect::Follow { .. } => changes::not_looked(text),
        Effect::Snapshot { op: Some(op), .. } | Effect::Forget { op, .. } => {
            op_failed(op, "snapshot-failed", text)
        }
        Effect::Snapshot { id, op: None, .. } => {
            Input::Snapped { id: id.clone(), taken: Err(text.to_owned()) }
        }
        Effect::Settle { snapshot, .. } => {
            Input::Settled { id: snapshot.clone(), taken: Err(text.to_owned()) }
        }
        Effect::Restore { op, .. } => op_failed(op, "restore-failed", text),
        Effect::Revert { op, .. } => op_failed(op, "revert-failed", text),
        Effect::Stop { .. }
        | Effect::CancelTurn { .. }
        | Effect::CancelPrepare { .. }
        | Effect::Purge { .. }
        | Effect::DropLogs { .. }
        | Effect::Show { .. }
        | Effect::Leave { .. } => Input::Done,
        Effect::LeaveIssue { .. } => Input::IssueLeft { failed: Some(text.to_owned()) },
        Effect::Rules { attempt, nth, .. } => {
            Input::RulesSet { attempt: *attempt, nth: *nth, why: Some(text.to_owned()) }
        }
        Effect::Deliver { attempt, id, .. } => Input::Told {
            attempt: *attempt,
            id: id.clone(),
            word: Word::Returned,
            text: text.to_owned(),
        },
    }
}

fn op_failed(op: &OpId, slug: &str, text: &str) -> Input {
    Input::OpDone { op: op.clone(), result: failed_op(slug, text) }
}
