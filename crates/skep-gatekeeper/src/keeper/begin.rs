//! How an attempt begins: the agent through its warden, and whoever listens to it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    time::{Duration, Instant},
};

use rustix::{
    pipe::fcntl_setpipe_size,
    process::{Pid, Signal},
};
use skep_api::{
    journal::Entry,
    spec::{self, PromptBy, Spec},
};
use skep_core::time::Timestamp;
use skep_harness::{
    Session, acp,
    history::{Doubt, History},
};
use skep_host::{cgroup, fence::Fence, lock::Lock, paths, proc::Signals};

use super::{
    Event, Keeper, KeeperError, Message, calls, host, messages, ready::Ready, retries::Retries,
    signs, small_thread, usage,
};
use crate::{
    control::{self, refuse},
    ears::{self, Words},
    hook, keys,
    link::Link,
    quiet::Quiet,
    record::{Journal, Reports},
    secrets,
    tty::Tty,
    warden::Orders,
};

/// How many events may wait. Beyond it their makers wait, and with them, through its pipe, the agent.
const WAITING: usize = 4;
/// How long a caller waits for the answer to its control.
const ANSWER: Duration = Duration::from_secs(15);
/// How much an agent may have written that nobody has read; the most that anybody may ask for. Bytes.
const ROOM: usize = 1 << 20;
/// The kind of terminal that it is told to be on.
const TERM: &str = "xterm-256color";
/// How much of a terminal is read at once; the kernel hands over no more. Bytes.
const CHUNK: usize = 4096;

impl Keeper {
    /// Starts the warden and through it the agent, and everything that listens to it.
    pub(super) fn begin(
        dir: &Path,
        spec: Spec,
        signals: Signals,
        lock: Lock,
        started: Timestamp,
    ) -> Result<Keeper, KeeperError> {
        let mut session = match spec.terminal {
            Some(_) => signs::session_of(&spec),
            None => skep_harness::open(&spec.protocol, &setting_of(&spec))?,
        };
        let looked = messages::looked_up(&spec);
        let opening = read_opening(&spec, &looked, session.as_mut())?;
        let values = secrets::values(&spec)?;
        let redactor = Arc::new(secrets::redactor(&spec, &values));
        let journal = Journal::open(dir, spec.limits.journal_bytes)
            .map_err(host("open the journal"))?
            .without(&redactor);
        let reports = Reports::open(dir).map_err(host("open the reports"))?.without(&redactor);
        let (tell, events) = mpsc::sync_channel(WAITING);
        serve_controls(&spec.socket, &tell)?;
        let cgroup = cgroup::make(spec.run.as_str());
        let (tty, theirs) = match spec.terminal {
            Some(size) => Some(Tty::open(dir, size, spec.limits.journal_bytes, redactor))
                .transpose()
                .map_err(host("open a terminal"))?
                .unzip(),
            None => (None, None),
        };
        let mut agent =
            start_warden(dir, &spec, &values, &lock, cgroup.as_deref(), theirs.as_ref())
                .inspect_err(|_| cgroup.as_deref().map_or((), cgroup::remove))?;
        let limits = &spec.limits;
        let (idle, tool_idle) =
            (Duration::from_millis(limits.idle_ms), Duration::from_millis(limits.tool_idle_ms));
        let quiet = Quiet::new(idle, tool_idle, !session.closes_stdin(), Instant::now())
            .with_turn(Duration::from_millis(limits.turn_ms));
        let ready = Ready::within(Duration::from_millis(limits.ready_ms), Instant::now());
        let closes = session.closes_stdin();
        let (tty, stdin, open_pipes) = match (tty.zip(theirs), agent.pipes.take()) {
            (Some((mut tty, theirs)), _) => {
                tty.await_word(signs::say_ready(&spec));
                attend_terminal(&mut tty, theirs, &opening, &tell)?;
                (Some(tty), None, 1)
            }
            (None, Some(pipes)) => (None, Some(attend_pipes(pipes, &tell)?), 2),
            (None, None) => (None, None, 0),
        };
        attend(agent.warden, signals, &tell)?;
        let epoch = spec.epoch;
        let usage = usage::Latest::begin(spec.limits.usage_ms, Instant::now());
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
            ready,
            retries: Retries::default(),
            link: agent.link,
            agent: agent.pid,
            started,
            stdin,
            mail: messages::Mail::default(),
            calls: calls::Calls::default(),
            epoch,
            usage,
            worked: false,
            stopping: false,
            due: None,
            open_pipes,
            cgroup,
            _lock: lock,
        };
        let pid = u32::try_from(keeper.agent.as_raw_nonzero().get()).unwrap_or(0);
        keeper.report(Entry::Started { pid, gatekeeper: std::process::id() });
        // What it begins with is written down before the first byte of it goes.
        keeper.begin_with(looked);
        if let Some(stdin) = &keeper.stdin {
            let id = Some(messages::OPENING.to_owned());
            // A fresh channel has room, and its reader was just started.
            let _first = stdin.send(Message { id, text: String::new(), bytes: opening });
        }
        keeper.stdin = keeper.stdin.take().filter(|_| !closes);
        Ok(keeper)
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
        doubts: messages::doubts(spec),
        server: told.and_then(|told| {
            let (program, args) = told.tools.split_first()?;
            Some(acp::Server { program: program.into(), args: args.to_vec() })
        }),
    }
}

fn read_opening(
    spec: &Spec,
    looked: &[(Doubt, History)],
    session: &mut dyn Session,
) -> Result<Vec<u8>, KeeperError> {
    let path = &spec.prompt_file;
    let prompt = match spec.prompt {
        PromptBy::Stdin => {
            fs::read(path).map_err(|source| KeeperError::Read { path: path.clone(), source })?
        }
        PromptBy::File | PromptBy::Arg | PromptBy::None => Vec::new(),
    };
    let mut prompt = String::from_utf8_lossy(&prompt).into_owned();
    for words in looked.iter().filter_map(|(doubt, history)| doubt.again(*history)) {
        prompt = format!("{prompt}\n\n{words}");
    }
    Ok(session.opening(&prompt))
}

fn serve_controls(socket: &Path, tell: &SyncSender<Event>) -> Result<(), KeeperError> {
    let (tell, visits, calls) = (tell.clone(), tell.clone(), tell.clone());
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
    let call = move |called| {
        // As above.
        let _over = calls.send(Event::Called(called));
    };
    control::serve(socket, answer, let_in, call).map_err(host("serve on the control socket"))
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

/// Leaves word for the agent's stage of what may be written; none where there is to be no fence.
fn write_fence(dir: &Path, spec: &Spec) -> Result<Option<PathBuf>, KeeperError> {
    let Some(spec::Fence { write, plain, read }) = spec.fence.clone() else { return Ok(None) };
    let fence = Fence { write, plain, read };
    let bytes = serde_json::to_vec(&fence).map_err(|err| host("write fence.json")(err.into()))?;
    let path = dir.join("fence.json");
    paths::write_atomically(&path, &bytes)?;
    Ok(Some(path))
}

fn start_warden(
    dir: &Path,
    spec: &Spec,
    values: &BTreeMap<String, String>,
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
        fence: write_fence(dir, spec)?,
        terminal: terminal.is_some(),
        secrets: true,
        ..Orders::of_keeper(&command)
    };
    let (link, theirs) = Link::pair().map_err(&fail)?;
    let mut program = orders.program();
    program.env_clear().envs(&spec.env).current_dir(&spec.cwd).stdin(theirs);
    program.env(hook::KEEPER, &spec.socket);
    let (agents_stdin, pipes) = match terminal {
        Some(terminal) => {
            program.env("TERM", TERM).stdout(Stdio::null()).stderr(Stdio::null());
            (terminal.try_clone().map_err(&fail)?, None)
        }
        None => {
            let (agents_stdin, stdin) = io::pipe().map_err(&fail)?;
            let (stdout, agents_stdout) = io::pipe().map_err(&fail)?;
            let (stderr, agents_stderr) = io::pipe().map_err(&fail)?;
            // Some agents leave without waiting until their last words are taken. Where the user's share of such room is
            // spent, the usual size stays.
            let _usual = fcntl_setpipe_size(&stdout, ROOM);
            program.stdout(agents_stdout).stderr(agents_stderr);
            (agents_stdin.into(), Some(Pipes { stdin, stdout, stderr }))
        }
    };
    let warden = program.spawn().map_err(|err| {
        KeeperError::Agent(format!("start the agent in `{}`: {err}", spec.cwd.display()))
    })?;
    // It holds the agent's ends, whose closing is to be seen.
    drop(program);
    let values = secrets::put(values).map_err(&fail)?;
    link.hand(&[agents_stdin.as_fd(), lock.as_fd(), values.as_fd()]).map_err(&fail)?;
    drop(values);
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
    let typing = move |message: &keys::Message| {
        let Some(id) = &message.id else { return true };
        let (done, is_done) = mpsc::channel();
        // Without the word that it is being typed nothing is.
        told.send(Event::Typing(id.clone(), done)).is_ok() && is_done.recv().is_ok()
    };
    let told = tell.clone();
    let written = move |message: keys::Message, ok| {
        if let Some(id) = message.id {
            // The keeper may have stopped listening.
            let _gone = told.send(Event::Written { id, text: message.text, ok });
        }
    };
    let from =
        tty.begin(theirs, prompt, typing, written).map_err(host("type into the terminal"))?;
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

fn listen_to(
    pipe: impl Read + Send + 'static,
    event: fn(Vec<Words>) -> Event,
    tell: &SyncSender<Event>,
) -> Result<(), KeeperError> {
    let tell = tell.clone();
    small_thread("ears", move || {
        ears::listen(pipe, |lines| tell.send(event(lines)).is_ok());
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
