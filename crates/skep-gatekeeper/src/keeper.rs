//! The keeper of a run's attempt: `__keeper DIR`.
//!
//! Owns: the agent's protocol or terminal, its journal and its reports, the control socket; that an attempt starts at most
//! once.
//! Never: follows a parent, decides what a report means, or keeps the agent waiting for its own books.
//! See docs/design/stopping.md.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, getpid, set_child_subreaper, setsid},
    time::{ClockId, clock_gettime},
};
use skep_api::{
    ctl::{Answer, Control},
    journal::{Entry, Process, Start},
    spec::{self, Spec},
};
use skep_core::{facts::Exit, run::Overdue, said::Usage, time::Timestamp};
use skep_harness::{HarnessError, Session};
use skep_host::{
    git::Git,
    handout,
    lock::{self, Lock, LockError},
    paths::{self, PathError},
    proc::{SMALL_STACK, Signals},
    secrets::SecretError,
    tree,
};
use thiserror::Error;

use crate::{
    control::{Called, Visitor},
    ears::Words,
    ending::Tree,
    link::Link,
    quiet::Quiet,
    record::{self, Journal, Reports, now},
    tty::Tty,
    viewers::Word,
    warden::{GRACE, chain},
};

mod answer;
mod begin;
mod calls;
mod finish;
mod hear;
mod judge;
mod messages;
mod ready;
mod retries;
mod signs;

/// How often reports that could not be written are tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The protocol of an agent on a terminal.
const TERMINAL: &str = "pty";

/// Why a keeper did not begin.
#[derive(Debug, Error)]
pub enum KeeperError {
    #[error("read `{}`", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is no spec that this version reads: {why}", .path.display())]
    Spec { path: PathBuf, why: String },
    #[error("this attempt was started before")]
    Started,
    #[error("take the env's lock")]
    Lock(#[from] LockError),
    #[error("write a record")]
    Record(#[from] PathError),
    #[error(transparent)]
    Harness(#[from] HarnessError),
    /// A secret of its agent cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("{doing}")]
    Host {
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    /// The agent's program could not be started.
    #[error("{0}")]
    Agent(String),
}

impl KeeperError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            KeeperError::Read { .. } | KeeperError::Record(_) | KeeperError::Host { .. } => {
                "keeper-failed"
            }
            KeeperError::Spec { .. } => "spec-unreadable",
            KeeperError::Started => "attempt-started",
            KeeperError::Lock(err) => err.slug(),
            KeeperError::Harness(err) => err.slug(),
            KeeperError::Secret(err) => err.slug(),
            KeeperError::Agent(_) => "agent-not-started",
        }
    }
}

fn host(doing: &'static str) -> impl Fn(io::Error) -> KeeperError {
    move |source| KeeperError::Host { doing, source }
}

/// Runs the keeper of the attempt in the folder that is the one argument.
pub fn enter(args: &[OsString]) -> ExitCode {
    let [dir] = args else { return ExitCode::FAILURE };
    match keep(Path::new(dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            // Standard error is a log file that may be on a full disk.
            let _unread =
                writeln!(io::stderr(), "skep: keeper: error[{}]: {}", err.slug(), chain(&err));
            ExitCode::FAILURE
        }
    }
}

fn keep(dir: &Path) -> Result<(), KeeperError> {
    let spec = read_spec(dir)?;
    // It leads a session already where it was started as one.
    let _leads = setsid();
    let signals = Signals::take(&[Signal::TERM, Signal::INT, Signal::HUP])
        .map_err(host("take over signals"))?;
    set_child_subreaper(Some(getpid())).map_err(|err| host("become a reaper")(err.into()))?;
    let lock = lock::hold(&spec.lock)?;
    let started = write_start(dir)?;
    let lent = spec.lent.clone().map(|root| (Git::new(&spec.env), root));
    match Keeper::begin(dir, spec, signals, lock, started) {
        Ok(keeper) => keeper.watch(),
        Err(err) => {
            not_started(dir, started, lent, &err);
            Err(err)
        }
    }
}

fn read_spec(dir: &Path) -> Result<Spec, KeeperError> {
    let path = dir.join("spec.json");
    let bytes =
        fs::read(&path).map_err(|source| KeeperError::Read { path: path.clone(), source })?;
    let wrong = |why: String| KeeperError::Spec { path: path.clone(), why };
    let value: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|err| wrong(err.to_string()))?;
    // Asked first: another version has every right to look different.
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(spec::VERSION) => {}
        other => return Err(wrong(format!("version {other:?}, expected {}", spec::VERSION))),
    }
    let spec: Spec = serde_json::from_value(value).map_err(|err| wrong(err.to_string()))?;
    if spec.argv.is_empty() {
        return Err(wrong("no program".to_owned()));
    }
    if spec.terminal.is_some() != (spec.protocol == TERMINAL) {
        return Err(wrong(format!("a terminal and protocol {TERMINAL} go together")));
    }
    Ok(spec)
}

/// Writes `start.json`, synced; from then on this attempt cannot be started again.
fn write_start(dir: &Path) -> Result<Timestamp, KeeperError> {
    let path = dir.join("start.json");
    if fs::symlink_metadata(&path).is_ok() {
        return Err(KeeperError::Started);
    }
    let me = tree::identity(std::process::id())
        .ok_or_else(|| host("look at itself")(io::Error::other("/proc does not show it")))?;
    let boot = tree::boot_id().map_err(host("read the boot's id"))?;
    let at = now();
    let start = Start { gatekeeper: Process { pid: me.pid, started: me.started }, boot, at };
    let bytes = serde_json::to_vec(&start).map_err(|err| host("write start.json")(err.into()))?;
    paths::write_atomically(&path, &bytes)?;
    Ok(at)
}

/// Leaves the word that the agent was not started, so that nobody waits for it; whatever was started is ended first.
fn not_started(dir: &Path, started: Timestamp, lent: Option<(Git, PathBuf)>, err: &KeeperError) {
    Tree::new(None, &[], None).end(Instant::now() + GRACE, |pause| {
        thread::sleep(pause);
        false
    });
    let exit = record::read_exit(dir).unwrap_or_else(|| Exit {
        code: 1,
        signal: None,
        started,
        ended: now(),
        forced: false,
        let_go: false,
        error: Some(chain(err)),
        spared: Vec::new(),
        git: None,
    });
    // What stays is asked for again before the next attempt and at the close.
    let _later = lent.map(|(git, root)| handout::take_back_if_free(&git, &root));
    // Both say the same, and without either the daemon sees that the keeper is gone.
    let _untold = record::write_exit(dir, &exit);
    if let Ok(mut reports) = Reports::open(dir) {
        reports.add(now(), Entry::Exit { exit });
    }
}

/// What a keeper waits for.
enum Event {
    /// What the agent wrote on its terminal.
    Tty(Vec<u8>),
    /// One was let in to look.
    Visitor(Visitor),
    /// A viewer did something.
    Viewer(u64, Word),
    Out(Vec<Words>),
    Err(Vec<Words>),
    /// One of the agent's two pipes, or its terminal, has ended.
    Closed,
    /// A message is about to be typed; whoever types waits for the word that this is written down.
    Typing(String, Sender<()>),
    /// A message was written to the agent, or could not be.
    Written {
        id: String,
        text: String,
        ok: bool,
    },
    Asked(Control, Sender<Answer>),
    /// A tool of the agent was called.
    Called(Called),
    /// One whose call waited is gone, or was served.
    HungUp {
        key: String,
        caller: u64,
    },
    Signal,
    /// The warden is gone.
    Warden(io::Result<ExitStatus>),
}

/// Something to write to the agent; with an id, a message that is reported as delivered.
struct Message {
    id: Option<String>,
    text: String,
    bytes: Vec<u8>,
}

struct Keeper {
    spec: Spec,
    dir: PathBuf,
    events: Receiver<Event>,
    tell: SyncSender<Event>,
    /// The agent's terminal, where it has one.
    tty: Option<Tty>,
    session: Box<dyn Session>,
    journal: Journal,
    reports: Reports,
    quiet: Quiet,
    ready: ready::Ready,
    retries: retries::Retries,
    link: Link,
    agent: Pid,
    started: Timestamp,
    /// The agent's standard input, until it is closed.
    stdin: Option<Sender<Message>>,
    mail: messages::Mail,
    calls: calls::Calls,
    /// The highest epoch that has asked.
    epoch: u64,
    /// The last usage, if it has not been reported yet.
    usage: Option<Usage>,
    /// Whether a tool was seen.
    worked: bool,
    stopping: bool,
    /// When it is ended that was let go and has not left, or was asked to break off its turn and has not.
    due: Option<(Instant, &'static [u8])>,
    open_pipes: u8,
    cgroup: Option<PathBuf>,
    _lock: Lock,
}

impl Keeper {
    fn watch(mut self) -> Result<(), KeeperError> {
        let status = loop {
            let wait = self.next_look(Instant::now());
            let event = match wait {
                Some(wait) => self.events.recv_timeout(wait),
                None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Warden(status)) => break status,
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                // Its own waiter on the warden has died: the warden's end would never be told.
                Err(RecvTimeoutError::Disconnected) => break Err(io::ErrorKind::BrokenPipe.into()),
            }
            self.look(Instant::now());
        };
        self.finish(status)
    }

    /// When something is due by the clock.
    fn next_look(&self, now: Instant) -> Option<Duration> {
        let silence = self.quiet.until_report(now);
        let tty = self.tty.as_ref().and_then(|tty| tty.next_look(now));
        let reports = self.reports.is_waiting().then_some(TRY_AGAIN);
        let due = self.due.map(|(at, _)| at.saturating_duration_since(now));
        let turn = self.quiet.until_turn(now);
        let (ready, retries) = (self.until_ready(now), self.retries.until_change(now));
        let calls = self.calls.until_back(now);
        [silence, tty, reports, due, turn, ready, retries, calls].into_iter().flatten().min()
    }

    fn look(&mut self, now: Instant) {
        self.quiet.look(now, since_boot());
        if self.quiet.turn_over(now) {
            self.report(Entry::Overdue { what: Overdue::Turn, text: String::new() });
        }
        self.look_whether_ready(now);
        self.tell_retries(now);
        if let Some(silence) = self.quiet.report(now) {
            let quiet_ms = u64::try_from(silence.quiet.as_millis()).unwrap_or(u64::MAX);
            self.report(Entry::Silence { quiet_ms, tool: silence.tool });
        }
        if let Some(tty) = &mut self.tty {
            tty.look(now);
        }
        self.reports.flush();
        self.journal.flush();
        self.pass_on();
        self.look_at_calls(now);
        if self.due.is_some_and(|(at, _)| at <= now) {
            self.end_what_is_due();
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Tty(bytes) => self.hear_terminal(&bytes),
            Event::Visitor(visitor) => self.let_in(visitor),
            Event::Viewer(viewer, word) => {
                if let Some(tty) = &mut self.tty {
                    tty.heed(viewer, word);
                }
            }
            Event::Out(lines) => lines.iter().for_each(|words| self.hear_out(words)),
            Event::Err(lines) => lines.iter().for_each(|words| self.hear_err(words)),
            Event::Closed => self.open_pipes = self.open_pipes.saturating_sub(1),
            Event::Typing(id, done) => self.typing(id, &done),
            Event::Written { id, text, ok } => self.written(id, text, ok),
            Event::Asked(control, answer) => {
                // A caller that no longer waits needs no answer.
                let _gone = answer.send(self.answer(control));
            }
            Event::Called(called) => self.called(called),
            Event::HungUp { key, caller } => self.hung_up(key, caller),
            Event::Signal => self.stop(self.stopping),
            // Only waited for where it is expected.
            Event::Warden(_) => {}
        }
    }

    fn report(&mut self, entry: Entry) {
        let at = now();
        self.journal.add(at, &entry);
        self.reports.add(at, entry);
    }

    fn journal(&mut self, entry: &Entry) {
        self.journal.add(now(), entry);
    }
}

/// How long the machine has been up, its sleeps included.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn small_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), KeeperError> {
    let started = thread::Builder::new().name(name.to_owned()).stack_size(SMALL_STACK).spawn(work);
    started.map(drop).map_err(host("start a thread"))
}
