//! The keeper of a run's attempt: `__keeper DIR`.
//!
//! Owns: the agent's protocol or terminal, its journal and its reports, the control socket; that an attempt starts at most
//! once.
//! Never: follows a parent, decides what a report means, or keeps the agent waiting for its own books.
//! See docs/design/stopping.md.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    process::{Child, ExitCode, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, getpid, set_child_subreaper, setsid};
use skep_api::{
    ctl::{Answer, Control},
    journal::{Entry, Process, Start},
    spec::{self, PromptBy, Spec},
};
use skep_core::{
    facts::{Exit, GitFacts},
    run::Permissions,
    said::{Said, Usage},
    time::Timestamp,
};
use skep_harness::{Grant, HarnessError, Heard, Session, acp};
use skep_host::{
    cgroup, git,
    lock::{self, Lock, LockError},
    paths::{self, PathError},
    proc::{SMALL_STACK, Signals},
    tree,
};
use thiserror::Error;

use crate::{
    control::{self, Visitor, refuse},
    ears::{self, Words},
    ending::{Death, Ended, Tree},
    keys::{self, Taken},
    link::Link,
    quiet::Quiet,
    record::{self, Journal, Reports, now},
    tty::Tty,
    viewers::Word,
    warden::{GRACE, Orders, chain},
};

/// How many events may wait. Beyond it their makers wait, and with them, through its pipe, the agent.
const WAITING: usize = 16;
/// How many messages may wait for an agent that does not read.
const UNREAD: usize = 64;
/// How long the agent's pipes are read on after its tree is gone.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
/// How long git may take to say what is in the worktree.
const GIT: Duration = Duration::from_secs(10);
/// How often reports that could not be written are tried again, and how often at the end.
const TRY_AGAIN: Duration = Duration::from_secs(1);
const LAST_TRIES: u32 = 60;
/// How long a caller waits for the answer to its control.
const ANSWER: Duration = Duration::from_secs(15);

/// How long an agent whose turn is over may take to leave once its input is closed.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to break its turn off.
const CANCELS_WITHIN: Duration = Duration::from_secs(1);
/// The protocol of an agent on a terminal.
const TERMINAL: &str = "pty";
/// The kind of terminal that it is told to be on.
const TERM: &str = "xterm-256color";
/// How much of a terminal is read at once; the kernel hands over no more. Bytes.
const CHUNK: usize = 4096;

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
    match Keeper::begin(dir, spec, signals, lock, started) {
        Ok(keeper) => keeper.watch(),
        Err(err) => {
            not_started(dir, started, &err);
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
fn not_started(dir: &Path, started: Timestamp, err: &KeeperError) {
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
    Out(Words),
    Err(Words),
    /// One of the agent's two pipes, or its terminal, has ended.
    Closed,
    /// A message was written to the agent, or could not be.
    Written {
        id: String,
        text: String,
        ok: bool,
    },
    Asked(Control, Sender<Answer>),
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
    link: Link,
    agent: Pid,
    started: Timestamp,
    /// The agent's standard input, until it is closed.
    stdin: Option<Sender<Message>>,
    unread: usize,
    sent: BTreeSet<String>,
    /// The highest epoch that has asked.
    epoch: u64,
    /// The last usage, if it has not been reported yet.
    usage: Option<Usage>,
    stopping: bool,
    /// When it is ended that was let go and has not left, or was asked to break off its turn and has not.
    due: Option<(Instant, &'static [u8])>,
    open_pipes: u8,
    cgroup: Option<PathBuf>,
    _lock: Lock,
}

impl Keeper {
    /// Starts the warden and through it the agent, and everything that listens to it.
    fn begin(
        dir: &Path,
        spec: Spec,
        signals: Signals,
        lock: Lock,
        started: Timestamp,
    ) -> Result<Keeper, KeeperError> {
        let mut session = skep_harness::open(&spec.protocol, &setting_of(&spec))?;
        let opening = read_opening(&spec, session.as_mut())?;
        let journal =
            Journal::open(dir, spec.limits.journal_bytes).map_err(host("open the journal"))?;
        let reports = Reports::open(dir).map_err(host("open the reports"))?;
        let (tell, events) = mpsc::sync_channel(WAITING);
        serve_controls(&spec.socket, &tell)?;
        let cgroup = cgroup::make(spec.run.as_str());
        let (tty, theirs) = match spec.terminal {
            Some(size) => Some(Tty::open(dir, size, spec.limits.journal_bytes))
                .transpose()
                .map_err(host("open a terminal"))?
                .unzip(),
            None => (None, None),
        };
        let mut agent = start_warden(dir, &spec, &lock, cgroup.as_deref(), theirs.as_ref())
            .inspect_err(|_| cgroup.as_deref().map_or((), cgroup::remove))?;
        let limits = &spec.limits;
        let (idle, tool_idle) =
            (Duration::from_millis(limits.idle_ms), Duration::from_millis(limits.tool_idle_ms));
        let quiet = Quiet::new(idle, tool_idle, !session.closes_stdin(), Instant::now());
        let (tty, stdin, open_pipes) = match (tty.zip(theirs), agent.pipes.take()) {
            (Some((mut tty, theirs)), _) => {
                attend_terminal(&mut tty, theirs, &opening, &tell)?;
                (Some(tty), None, 1)
            }
            (None, Some(pipes)) => {
                let stdin = attend_pipes(pipes, &tell)?;
                // A fresh channel has room, and its reader was just started.
                let _first = stdin.send(Message { id: None, text: String::new(), bytes: opening });
                (None, (!session.closes_stdin()).then_some(stdin), 2)
            }
            (None, None) => (None, None, 0),
        };
        attend(agent.warden, signals, &tell)?;
        let epoch = spec.epoch;
        let mut keeper = Keeper {
            dir: dir.to_owned(),
            spec,
            events,
            tell,
            tty,
            session,
            journal,
            reports,
            quiet,
            link: agent.link,
            agent: agent.pid,
            started,
            stdin,
            unread: 0,
            sent: BTreeSet::new(),
            epoch,
            usage: None,
            stopping: false,
            due: None,
            open_pipes,
            cgroup,
            _lock: lock,
        };
        let pid = u32::try_from(keeper.agent.as_raw_nonzero().get()).unwrap_or(0);
        keeper.report(Entry::Started { pid, gatekeeper: std::process::id() });
        Ok(keeper)
    }

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
        [silence, tty, reports, due].into_iter().flatten().min()
    }

    fn look(&mut self, now: Instant) {
        if let Some(silence) = self.quiet.report(now) {
            let quiet_ms = u64::try_from(silence.quiet.as_millis()).unwrap_or(u64::MAX);
            self.report(Entry::Silence { quiet_ms, tool: silence.tool });
        }
        if let Some(tty) = &mut self.tty {
            tty.look(now);
        }
        self.reports.flush();
        if self.due.is_some_and(|(at, _)| at <= now) {
            self.end_what_is_due();
        }
    }

    /// Has the warden end an agent that had its time to end by itself.
    fn end_what_is_due(&mut self) {
        if let Some((_, word)) = self.due.take() {
            // A warden that is gone is told by its own event.
            self.link.say(word);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Tty(bytes) => {
                self.sign_of_life();
                if let Some(tty) = &mut self.tty {
                    tty.hear(&bytes, Instant::now());
                }
            }
            Event::Visitor(visitor) => self.let_in(visitor),
            Event::Viewer(viewer, word) => {
                if let Some(tty) = &mut self.tty {
                    tty.heed(viewer, word);
                }
            }
            Event::Out(words) => self.hear_out(&words),
            Event::Err(words) => self.hear_err(&words),
            Event::Closed => self.open_pipes = self.open_pipes.saturating_sub(1),
            Event::Written { id, text, ok } => self.written(id, text, ok),
            Event::Asked(control, answer) => {
                // A caller that no longer waits needs no answer.
                let _gone = answer.send(self.answer(control));
            }
            Event::Signal => self.stop(self.stopping),
            // Only waited for where it is expected.
            Event::Warden(_) => {}
        }
    }

    fn let_in(&mut self, visitor: Visitor) {
        let tell = self.tell.clone();
        if let Some(tty) = &mut self.tty {
            let Visitor { stream, before, size } = visitor;
            let tell = move |viewer, word| tell.send(Event::Viewer(viewer, word)).is_ok();
            // One that cannot be shown anything sees its connection end.
            let _gone = tty.attach(stream, &before, size, tell);
        }
    }

    fn sign_of_life(&mut self) {
        if self.quiet.heard(Instant::now()) {
            self.report(Entry::Heard {});
        }
    }

    fn hear_out(&mut self, words: &Words) {
        self.sign_of_life();
        if !words.is_whole() {
            return self.journal(&Entry::Output { text: words.kept() });
        }
        for heard in self.session.line(&words.text) {
            if matches!(heard, Heard::Output(_)) && words.bytes > ears::KEPT as u64 {
                self.journal(&Entry::Output { text: words.kept() });
            } else {
                self.keep(heard);
            }
        }
    }

    fn hear_err(&mut self, words: &Words) {
        self.sign_of_life();
        self.journal(&Entry::Stderr { text: words.kept() });
        for heard in self.session.stderr(&words.text) {
            self.keep(heard);
        }
    }

    /// Keeps what was heard: everything in the journal, in the reports what the engine must know.
    fn keep(&mut self, heard: Heard) {
        let said = match heard {
            Heard::Output(text) => return self.journal(&Entry::Output { text }),
            Heard::Reply(line) => return self.write(line),
            Heard::Said(said) => said,
        };
        self.quiet.learn(&said);
        match &said {
            Said::Usage { usage } => {
                self.usage = Some(*usage);
                self.journal(&Entry::Agent(said));
            }
            Said::TurnEnded { .. } => {
                self.report_usage();
                self.report(Entry::Agent(said));
                self.turn_ended();
            }
            Said::Permission { id, .. } if self.spec.permissions != Permissions::Ask => {
                let id = id.clone();
                self.journal(&Entry::Agent(said));
                if let Some(line) = self.session.settle(&id, Grant::Once) {
                    self.write(line);
                }
            }
            Said::Session { .. }
            | Said::Ask { .. }
            | Said::Permission { .. }
            | Said::Limit { .. }
            | Said::Error { .. } => {
                self.report(Entry::Agent(said));
            }
            Said::Said { .. }
            | Said::Thought { .. }
            | Said::Tool { .. }
            | Said::ToolResult { .. }
            | Said::Retry { .. } => {
                self.journal(&Entry::Agent(said));
            }
        }
    }

    /// Writes what the protocol says by itself; an agent that has closed its input hears nothing more.
    fn write(&self, line: String) {
        if let Some(stdin) = &self.stdin {
            let message = Message { id: None, text: String::new(), bytes: line.into_bytes() };
            let _closed = stdin.send(message);
        }
    }

    /// Lets an agent go that would wait for the next message for ever.
    fn turn_ended(&mut self) {
        if self.stopping {
            self.end_what_is_due();
        } else if self.session.ends_after_turn() && self.unread == 0 {
            self.stdin = None;
            self.due = Some((Instant::now() + LEAVES_WITHIN, b"d"));
        }
    }

    fn report_usage(&mut self) {
        if let Some(usage) = self.usage.take() {
            // The journal has it already.
            self.reports.add(now(), Entry::Agent(Said::Usage { usage }));
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

    fn written(&mut self, id: String, text: String, ok: bool) {
        self.unread = self.unread.saturating_sub(1);
        if ok {
            self.quiet.given(Instant::now());
            self.report(Entry::Delivered { id, text });
        } else {
            // The agent's input is closed; whoever sends again is told.
            self.stdin = None;
            self.sent.remove(&id);
        }
    }

    fn answer(&mut self, control: Control) -> Answer {
        match control {
            Control::Stop { epoch, force } => self.admit(epoch).unwrap_or_else(|| {
                self.stop(force);
                Answer::Accepted {}
            }),
            Control::Send { epoch, id, text } => {
                self.admit(epoch).unwrap_or_else(|| self.send(id, text))
            }
            Control::Attach { .. } | Control::Look {} => match &self.tty {
                None => refuse("not-a-terminal", "the agent has no terminal to look at"),
                Some(tty) if !tty.has_room() => {
                    refuse("viewers-full", "too many look at this terminal already")
                }
                Some(_) => Answer::Accepted {},
            },
            Control::Status {} => Answer::Status {
                run: self.spec.run.to_string(),
                attempt: self.spec.attempt,
                agent: u32::try_from(self.agent.as_raw_nonzero().get()).ok(),
                journal_lines: self.journal.lines(),
                quiet_ms: u64::try_from(self.quiet.quiet(Instant::now()).as_millis())
                    .unwrap_or(u64::MAX),
            },
        }
    }

    /// Returns the refusal of a daemon that has been followed by another.
    fn admit(&mut self, epoch: u64) -> Option<Answer> {
        if epoch < self.epoch {
            return Some(refuse(
                "epoch-old",
                format!("epoch {epoch} is over; it is {} now", self.epoch),
            ));
        }
        self.epoch = epoch;
        None
    }

    fn send(&mut self, id: String, text: String) -> Answer {
        if self.sent.contains(&id) {
            return Answer::Accepted {};
        }
        if let Some(tty) = &self.tty {
            let answer = match tty.send(id.clone(), text) {
                Taken::AtOnce => Answer::Accepted {},
                Taken::Queued => Answer::Queued {},
                Taken::No => {
                    return refuse("send-unread", "the messages before have not been typed yet");
                }
            };
            self.sent.insert(id);
            return answer;
        }
        if self.session.closes_stdin() {
            return refuse(
                "send-unsupported",
                format!("an agent of protocol {} takes no further message", self.spec.protocol),
            );
        }
        let Some(stdin) = &self.stdin else {
            return refuse("send-closed", "the agent has closed its input");
        };
        if self.unread >= UNREAD {
            return refuse("send-unread", "the agent has not read the messages before");
        }
        let Some(words) = self.session.message(&text) else {
            return refuse(
                "send-unsupported",
                format!("an agent of protocol {} takes no further message", self.spec.protocol),
            );
        };
        if stdin.send(Message { id: Some(id.clone()), text, bytes: words.into_bytes() }).is_err() {
            return refuse("send-closed", "the agent has closed its input");
        }
        self.unread += 1;
        self.sent.insert(id);
        Answer::Accepted {}
    }

    fn stop(&mut self, force: bool) {
        let again = std::mem::replace(&mut self.stopping, true);
        if !force && !again && self.stdin.is_some() {
            let lines = self.session.cancel();
            if !lines.is_empty() {
                lines.into_iter().for_each(|line| self.write(line));
                self.due = Some((Instant::now() + CANCELS_WITHIN, b"s"));
                return;
            }
        }
        self.due = None;
        // A warden that is gone is told by its own event, and then we end the tree.
        self.link.say(if force { b"f" } else { b"s" });
    }

    /// The warden is gone: ends what it may have left, then says how it all ended.
    fn finish(mut self, status: io::Result<ExitStatus>) -> Result<(), KeeperError> {
        let ended = self.end_tree();
        if let Some(cgroup) = &self.cgroup {
            cgroup::remove(cgroup);
        }
        if let Some(tty) = &self.tty {
            tty.let_go();
        }
        self.hear_last_words();
        let mut exit = match record::read_exit(&self.dir) {
            Some(exit) => exit,
            None => self.write_exit_for_warden(status, ended),
        };
        self.say_last_line();
        for heard in self.session.exited(exit.code) {
            self.keep(heard);
        }
        self.report_usage();
        exit.git = git_facts(&self.spec);
        let code = exit.code;
        let entry = Entry::Exit { exit };
        self.journal.close(now(), &entry);
        self.reports.add(now(), entry);
        if let Some(tty) = &mut self.tty {
            tty.close(code);
        }
        for _ in 0..LAST_TRIES {
            if self.reports.flush() {
                break;
            }
            thread::sleep(TRY_AGAIN);
        }
        // Nobody is to knock at a door behind which nobody lives; one that stays is found closed.
        let _left = fs::remove_file(&self.spec.socket);
        Ok(())
    }

    /// Ends what is left below us; after a warden that ended by itself that is nothing.
    fn end_tree(&mut self) -> Ended {
        let mut tree =
            Tree::new(Some(self.agent), &self.spec.spare, None).in_cgroup(self.cgroup.clone());
        let grace = Duration::from_millis(self.spec.limits.grace_ms);
        let mut force = false;
        tree.end(Instant::now() + grace, |pause| {
            match self.events.recv_timeout(pause) {
                Ok(Event::Signal) => force |= std::mem::replace(&mut self.stopping, true),
                Ok(Event::Asked(Control::Stop { force: by_force, .. }, answer)) => {
                    force |= by_force;
                    // A caller that no longer waits needs no answer.
                    let _gone = answer.send(Answer::Accepted {});
                }
                Ok(event) => self.take(event),
                Err(_) => {}
            }
            force
        })
    }

    /// Reads on what the agent wrote last. A helper that was let go may hold the pipes open; nobody waits for it.
    fn hear_last_words(&mut self) {
        let until = Instant::now() + LAST_OUTPUT;
        while self.open_pipes > 0 {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(event) => self.take(event),
                Err(_) => break,
            }
        }
    }

    /// What stands last on a screen is all that its agent has said, as far as anybody can tell.
    fn say_last_line(&mut self) {
        let Some(tty) = &self.tty else { return };
        if let Some((bytes, why)) = tty.dropped() {
            self.journal(&Entry::Dropped { lines: 0, bytes, why: why.to_owned() });
        }
        let Some(line) = self.tty.as_ref().and_then(Tty::last_line) else { return };
        for heard in self.session.line(&line) {
            self.keep(match heard {
                Heard::Output(text) => Heard::Said(Said::Said { text }),
                other @ (Heard::Said(_) | Heard::Reply(_)) => other,
            });
        }
    }

    /// The warden was killed before it could write how the agent ended.
    fn write_exit_for_warden(&self, status: io::Result<ExitStatus>, ended: Ended) -> Exit {
        let killed = 128 + Signal::KILL.as_raw();
        let code = status.ok().and_then(|status| status.code()).unwrap_or(killed);
        let death = ended.death.unwrap_or(Death { code, signal: (code > 128).then(|| code - 128) });
        let exit = Exit {
            code: death.code,
            signal: death.signal,
            started: self.started,
            ended: now(),
            forced: true,
            let_go: false,
            error: None,
            spared: ended.spared,
            git: None,
        };
        for _ in 0..LAST_TRIES {
            if record::write_exit(&self.dir, &exit).is_ok() {
                break;
            }
            thread::sleep(TRY_AGAIN);
        }
        exit
    }
}

fn setting_of(spec: &Spec) -> acp::Setting {
    let told = spec.conversation.as_ref();
    acp::Setting {
        cwd: spec.cwd.clone(),
        session: told.and_then(|told| told.session.clone()),
        mode: told.and_then(|told| told.mode.clone()),
        resume: match told {
            Some(told) if told.resumes => acp::Resume::Resume,
            _ => acp::Resume::Load,
        },
    }
}

fn read_opening(spec: &Spec, session: &mut dyn Session) -> Result<Vec<u8>, KeeperError> {
    let path = &spec.prompt_file;
    let prompt = match spec.prompt {
        PromptBy::Stdin => {
            fs::read(path).map_err(|source| KeeperError::Read { path: path.clone(), source })?
        }
        PromptBy::File | PromptBy::Arg | PromptBy::None => Vec::new(),
    };
    Ok(session.opening(&String::from_utf8_lossy(&prompt)))
}

fn serve_controls(socket: &Path, tell: &SyncSender<Event>) -> Result<(), KeeperError> {
    let (tell, visits) = (tell.clone(), tell.clone());
    let answer = move |control| {
        let (answer, answered) = mpsc::channel();
        let asked = tell.send(Event::Asked(control, answer)).is_ok();
        let answered = asked.then(|| answered.recv_timeout(ANSWER).ok()).flatten();
        answered.unwrap_or_else(|| {
            refuse("keeper-ending", "the attempt is over, its last lines are being written")
        })
    };
    let let_in = move |visitor| {
        // One that comes when it is over sees its connection end.
        let _over = visits.send(Event::Visitor(visitor));
    };
    control::serve(socket, answer, let_in).map_err(host("serve on the control socket"))
}

/// A started agent, as seen from its keeper.
struct Agent {
    warden: Child,
    pid: Pid,
    link: Link,
    /// None: it is on a terminal.
    pipes: Option<Pipes>,
}

/// The keeper's ends of an agent's streams.
struct Pipes {
    stdin: io::PipeWriter,
    stdout: io::PipeReader,
    stderr: io::PipeReader,
}

fn start_warden(
    dir: &Path,
    spec: &Spec,
    lock: &Lock,
    cgroup: Option<&Path>,
    terminal: Option<&OwnedFd>,
) -> Result<Agent, KeeperError> {
    let fail = host("start the warden");
    let command: Vec<OsString> = spec.argv.iter().map(OsString::from).collect();
    let orders = Orders {
        grace: Duration::from_millis(spec.limits.grace_ms),
        spare: spec.spare.clone(),
        exit_dir: Some(dir.to_owned()),
        cgroup: cgroup.map(Path::to_owned),
        terminal: terminal.is_some(),
        ..Orders::of_keeper(&command)
    };
    let (link, theirs) = Link::pair().map_err(&fail)?;
    let mut program = orders.program();
    program.env_clear().envs(&spec.env).current_dir(&spec.cwd).stdin(theirs);
    let (agents_stdin, pipes) = match terminal {
        Some(terminal) => {
            program.env("TERM", TERM).stdout(Stdio::null()).stderr(Stdio::null());
            (terminal.try_clone().map_err(&fail)?, None)
        }
        None => {
            let (agents_stdin, stdin) = io::pipe().map_err(&fail)?;
            let (stdout, agents_stdout) = io::pipe().map_err(&fail)?;
            let (stderr, agents_stderr) = io::pipe().map_err(&fail)?;
            program.stdout(agents_stdout).stderr(agents_stderr);
            (agents_stdin.into(), Some(Pipes { stdin, stdout, stderr }))
        }
    };
    let warden = program.spawn().map_err(|err| {
        KeeperError::Agent(format!("start the agent in `{}`: {err}", spec.cwd.display()))
    })?;
    // It holds the agent's ends, whose closing is to be seen.
    drop(program);
    link.hand(&[agents_stdin.as_fd(), lock.as_fd()]).map_err(&fail)?;
    drop(agents_stdin);
    let first = link.hear_line();
    let pid =
        first.strip_prefix("started ").and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    match pid {
        Some(pid) => Ok(Agent { warden, pid, link, pipes }),
        None => {
            let why = first
                .strip_prefix("failed ")
                .unwrap_or("the warden was killed before the agent was started");
            Err(KeeperError::Agent(why.to_owned()))
        }
    }
}

/// Starts the threads that listen to the agent's pipes and write to it.
fn attend_pipes(pipes: Pipes, tell: &SyncSender<Event>) -> Result<Sender<Message>, KeeperError> {
    listen_to(pipes.stdout, Event::Out, tell)?;
    listen_to(pipes.stderr, Event::Err, tell)?;
    let (write, messages) = mpsc::channel();
    let told = tell.clone();
    small_thread("stdin", move || write_to(pipes.stdin, &messages, &told))?;
    Ok(write)
}

/// Starts the threads that read the agent's terminal and type into it.
fn attend_terminal(
    tty: &mut Tty,
    theirs: OwnedFd,
    prompt: &[u8],
    tell: &SyncSender<Event>,
) -> Result<(), KeeperError> {
    let told = tell.clone();
    let written = move |message: keys::Message, ok| {
        if let Some(id) = message.id {
            // The keeper may have stopped listening.
            let _gone = told.send(Event::Written { id, text: message.text, ok });
        }
    };
    let from = tty.begin(theirs, prompt, written).map_err(host("type into the terminal"))?;
    let tell = tell.clone();
    small_thread("screen", move || {
        read_terminal(from, |bytes| tell.send(Event::Tty(bytes)).is_ok());
        // As above.
        let _gone = tell.send(Event::Closed);
    })
}

fn read_terminal(mut from: File, hear: impl Fn(Vec<u8>) -> bool) {
    let mut buffer = [0; CHUNK];
    loop {
        match from.read(&mut buffer) {
            Ok(bytes) if bytes > 0 => {
                if !hear(buffer[..bytes].to_vec()) {
                    return;
                }
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            // Nobody is left at the other end.
            Ok(_) | Err(_) => return,
        }
    }
}

/// Starts the threads that wait for the warden and for signals.
fn attend(
    mut warden: Child,
    signals: Signals,
    tell: &SyncSender<Event>,
) -> Result<(), KeeperError> {
    let told = tell.clone();
    small_thread("signals", move || hear_signals(signals, &told))?;
    let told = tell.clone();
    small_thread("warden", move || {
        // The keeper takes every event until this one.
        let _gone = told.send(Event::Warden(warden.wait()));
    })
}

fn small_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), KeeperError> {
    let started = thread::Builder::new().name(name.to_owned()).stack_size(SMALL_STACK).spawn(work);
    started.map(drop).map_err(host("start a thread"))
}

fn listen_to(
    pipe: impl Read + Send + 'static,
    event: fn(Words) -> Event,
    tell: &SyncSender<Event>,
) -> Result<(), KeeperError> {
    let tell = tell.clone();
    small_thread("ears", move || {
        ears::listen(pipe, |words| tell.send(event(words)).is_ok());
        // The keeper may have stopped listening.
        let _gone = tell.send(Event::Closed);
    })
}

fn write_to(mut stdin: io::PipeWriter, messages: &Receiver<Message>, tell: &SyncSender<Event>) {
    for message in messages {
        let ok = stdin.write_all(&message.bytes).is_ok();
        if let Some(id) = message.id
            && tell.send(Event::Written { id, text: message.text, ok }).is_err()
        {
            return;
        }
    }
}

fn hear_signals(mut signals: Signals, tell: &SyncSender<Event>) {
    loop {
        if skep_host::proc::wait_readable(&[signals.as_fd()], None).is_err() {
            return;
        }
        // A hang-up is nothing to one that outlives every terminal.
        for signal in signals.arrived() {
            if signal != Signal::HUP && tell.send(Event::Signal).is_err() {
                return;
            }
        }
    }
}

/// Asks git what the attempt left in its worktree; none where it cannot be had in time.
fn git_facts(spec: &Spec) -> Option<GitFacts> {
    let (worktree, base) = (spec.worktree.clone()?, spec.base_oid.clone()?);
    let git = git::Git::new(&spec.env).timeout(GIT);
    let (tell, told) = mpsc::channel();
    let asking = thread::Builder::new().spawn(move || {
        // Nobody waits any more when it comes too late.
        let _late = tell.send(git::facts(&git, &worktree, &base, None));
    });
    asking.ok()?;
    let facts = told.recv_timeout(GIT).ok()?.ok()?;
    Some(GitFacts {
        head: facts.head,
        branch: facts.branch,
        dirty: facts.dirty,
        ahead: facts.ahead,
        behind: facts.behind,
        unpushed: facts.unpushed,
        files: facts.files,
        insertions: facts.insertions,
        deletions: facts.deletions,
        at: now(),
    })
}
