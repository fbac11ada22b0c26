//! One daemon per home: its lock, its socket, its start and its end.
//!
//! Owns: the order of coming up (lock, socket, `starting`, ledger, replay, reconcile, `running`) and of going.
//! Never: touches a process that is not its own; whoever else answers on the socket is named, not killed.

use std::{
    fs,
    io::{self, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, OnceLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use skep_api::wire::chain;
use skep_api::{place::Home, wire::Refusal};
use skep_core::{
    fleet::{self, Fleet},
    run::{Effect, Surface},
    time::{Reading, Timestamp},
};
use skep_host::{
    lock::{self, LockError},
    paths::{self, PathError},
};
use skep_ledger::{Ledger, LedgerError, Reserve};
use thiserror::Error;

use crate::{
    board::Board,
    cleanup::Cleanup,
    collect::Collector,
    door::{Door, Phase, intake},
    engine::{Engine, EngineError, Inbox},
    ingest::Ingest,
    launch,
    notify::Notifier,
    perform::Performer,
    radar::Radar,
    reconcile, version,
    viewer::Viewers,
    wishes::Wishes,
};

/// What is kept back so that stop and close work on a full disk. Bytes.
const RESERVE: u64 = 8 << 20;

/// How a daemon is to be.
#[derive(Debug, Clone)]
pub struct Options {
    pub home: PathBuf,
    pub config: PathBuf,
    /// Leave after this long without a live run or a client; none: never.
    pub idle: Option<Duration>,
}

/// Why a daemon did not come up, or went down.
#[derive(Debug, Error)]
pub enum DaemonError {
    #[error("the home `{}` belongs to another user", .0.display())]
    ForeignHome(PathBuf),
    #[error("the home `{}` must be an absolute path", .0.display())]
    RelativeHome(PathBuf),
    /// Another daemon has the home.
    #[error("a daemon runs for this home already{}", .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Running { pid: Option<u32> },
    /// Somebody who does not have the home's lock answers on its socket.
    #[error("not our daemon: pid {pid} answers on `{}`", .socket.display())]
    ForeignSocket { socket: PathBuf, pid: i32 },
    #[error("lock")]
    Lock(#[source] LockError),
    #[error("make ready `{}`", path.display())]
    Place {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("make ready the home")]
    Path(#[from] PathError),
    #[error("ledger")]
    Ledger(#[from] LedgerError),
    #[error("engine")]
    Engine(#[from] EngineError),
}

impl DaemonError {
    /// The word for `skep explain`.
    pub fn slug(&self) -> &'static str {
        match self {
            DaemonError::ForeignHome(_) => "home-foreign",
            DaemonError::RelativeHome(_) => "home-relative",
            DaemonError::Running { .. } => "daemon-running",
            DaemonError::ForeignSocket { .. } => "socket-foreign",
            DaemonError::Lock(err) => err.slug(),
            DaemonError::Place { .. } => "home-unusable",
            DaemonError::Path(err) => err.slug(),
            DaemonError::Ledger(err) => err.slug(),
            DaemonError::Engine(err) => err.slug(),
        }
    }

    /// The same for the one who started it.
    pub fn refusal(&self) -> Refusal {
        let refusal = Refusal::error(self.slug(), chain(self));
        match refusal.slug.as_str() {
            "disk-full" => refusal
                .hint("free space where the home lies; what was decided is kept")
                .hint("skep --home DIR … for another place"),
            "home-unusable" | "disk" | "ledger-io" => {
                refusal.hint("skep doctor").hint("skep --home DIR … for another place")
            }
            _ if matches!(self, DaemonError::Running { .. }) => refusal
                .hint("skep daemon status   how it stands")
                .hint("skep daemon stop   then again; runs go on"),
            _ => refusal,
        }
    }
}

/// Runs the daemon until it is told to stop, has been idle for long enough, or cannot go on.
///
/// `ready` is called once it answers and has taken up what the last one left.
pub fn run(options: &Options, ready: impl FnOnce()) -> Result<(), DaemonError> {
    // For people who look into the process table; nothing depends on it.
    let _unnamed = rustix::thread::set_name(c"skep-daemon");
    let home = Home::new(&options.home, rustix::process::getuid().as_raw());
    make_home(&home)?;
    let _lock = take_lock(&home)?;
    let listener = bind(&home)?;
    let board = Arc::new(Board::default());
    let (inbox, incoming) = mpsc::channel();
    let door = Arc::new(Door {
        home: home.clone(),
        config: options.config.clone(),
        wishes: Wishes { board: Arc::clone(&board), inbox: inbox.clone() },
        clock: now,
        started: Instant::now(),
        phase: Mutex::new(Phase::Starting),
        phased: Condvar::new(),
        clients: AtomicU32::new(0),
        cleanup: Arc::new(Cleanup::new(&home, &options.config, now)),
        performer: OnceLock::new(),
        radar: OnceLock::new(),
    });
    let place = |source| DaemonError::Place { path: home.root().to_owned(), source };
    {
        let door = Arc::clone(&door);
        thread::Builder::new()
            .name("door".to_owned())
            .spawn(move || door.serve(&listener))
            .map_err(place)?;
    }
    let served = serve(options, &home, &door, &board, inbox, &incoming, ready);
    door.enter(Phase::Stopping);
    board.close();
    // Gone already is as good: the next daemon makes its own.
    let _gone = fs::remove_file(home.daemon_socket());
    served
}

fn serve(
    options: &Options,
    home: &Home,
    door: &Arc<Door>,
    board: &Arc<Board>,
    inbox: Sender<Inbox>,
    incoming: &mpsc::Receiver<Inbox>,
    ready: impl FnOnce(),
) -> Result<(), DaemonError> {
    let place = |source| DaemonError::Place { path: home.root().to_owned(), source };
    let (ledger, reserve, epoch) = open_ledger(home)?;
    let (ingest, _) = Ingest::start(inbox.clone()).map_err(place)?;
    let viewers =
        Viewers::new(home.clone(), options.config.clone(), Arc::clone(board), inbox.clone());
    let (notices, told) = (Arc::clone(board), inbox.clone());
    let notifier = Arc::new(Notifier::new(&options.config, epoch, notices, told, now));
    let agents = options.config.join("agents");
    let performer =
        Arc::new(Performer::new(agents, epoch, ingest, viewers, Arc::clone(&notifier), now));
    // The only one that is ever given.
    let _first = door.performer.set(Arc::clone(&performer));
    let performing = Arc::clone(&performer);
    let engine = Engine::open(
        ledger,
        reserve,
        reading,
        Arc::clone(board),
        Box::new(move |due| performing.take(due)),
    )?;
    let left_over = engine.left_over()?;
    let fleet = board.read().fleet;
    launch::let_old_secrets_go(home, &fleet);
    let starting = |run: &skep_core::run::Run| {
        left_over
            .iter()
            .any(|due| matches!(&due.effect, fleet::Effect::Run(Effect::Start { run: id, .. }) if id == run.id()))
    };
    let watches = reconcile::attempts(&fleet, home, &starting, &|key| engine.has_seen(key))?;
    for watch in watches {
        performer.ingest.watch(watch);
    }
    performer.take_up(left_over);
    notifier.start().map_err(place)?;
    signals(inbox.clone()).map_err(place)?;
    let collector = Collector {
        home: home.clone(),
        config: options.config.clone(),
        epoch,
        board: Arc::clone(board),
        inbox: inbox.clone(),
    };
    collector.start().map_err(place)?;
    let radar = Arc::new(Radar {
        home: home.clone(),
        config: options.config.clone(),
        epoch,
        board: Arc::clone(board),
        inbox: inbox.clone(),
        stores: Mutex::default(),
        turns: AtomicU64::new(0),
    });
    // The only one that is ever given.
    let _first = door.radar.set(Arc::clone(&radar));
    radar.start().map_err(place)?;
    if let Some(idle) = options.idle {
        leave_when_idle(Arc::clone(door), inbox, idle).map_err(place)?;
    }
    door.enter(Phase::Running);
    door.cleanup.start(&door.wishes, epoch).map_err(place)?;
    intake::start(door).map_err(place)?;
    reconcile_windows(&performer, &fleet);
    ready();
    engine.serve(incoming)?;
    Ok(())
}

/// Windows follow from what runs; whoever cannot be asked changes nothing, and is told of in the log.
fn reconcile_windows(performer: &Arc<Performer>, fleet: &Arc<Fleet>) {
    let on_screen = fleet.runs.values().any(|run| run.speech.surface == Surface::Terminal);
    if !on_screen {
        return;
    }
    let (performer, fleet) = (Arc::clone(performer), Arc::clone(fleet));
    let work = move || {
        if let Err(text) = performer.viewers.reconcile(&fleet) {
            // Without a log there is nowhere to tell it.
            let _unread = writeln!(io::stderr(), "windows stay as they are: {text}");
        }
    };
    // Without a thread the windows wait for the next daemon.
    let _started = thread::Builder::new().name("windows".to_owned()).spawn(work);
}

/// Opens the ledger and begins an epoch; on a full disk the reserve makes room for it.
fn open_ledger(home: &Home) -> Result<(Ledger, Reserve, u64), DaemonError> {
    let mut reserve = Reserve::hold(home.root(), RESERVE)?;
    let open = || {
        let mut ledger = Ledger::open(&home.ledger(), &now().to_string())?;
        let epoch = ledger.begin_epoch(&now().to_string())?;
        Ok((ledger, epoch))
    };
    let opened = match open() {
        Err(LedgerError::DiskFull { .. }) if reserve.held() => {
            reserve.give_up()?;
            open()
        }
        other => other,
    };
    let (ledger, epoch) = opened?;
    Ok((ledger, reserve, epoch))
}

/// The system's clock.
pub fn now() -> Timestamp {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Both of the system's clocks.
fn reading() -> Reading {
    let steady = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // It counts from the machine's start and is never negative.
    Reading { wall: now(), steady: steady.try_into().unwrap_or_default() }
}

fn make_home(home: &Home) -> Result<(), DaemonError> {
    let root = home.root();
    if !root.is_absolute() {
        return Err(DaemonError::RelativeHome(root.to_owned()));
    }
    let uid = rustix::process::getuid().as_raw();
    if let Ok(standing) = fs::metadata(root)
        && standing.uid() != uid
    {
        return Err(DaemonError::ForeignHome(root.to_owned()));
    }
    let below = [
        home.sockets().to_owned(),
        root.join("runs"),
        home.cleanup(),
        home.root().join("intake"),
        home.envs(),
        home.trash(),
        home.repository_locks(),
    ];
    if let Some(parent) = root.parent() {
        fs::create_dir_all(parent)
            .map_err(|source| DaemonError::Place { path: parent.to_owned(), source })?;
    }
    fs::create_dir_all(root.join("cache"))
        .map_err(|source| DaemonError::Place { path: root.to_owned(), source })?;
    for dir in [root.to_owned()].iter().chain(&below) {
        paths::create_private_dir(dir)?;
        let owner =
            fs::metadata(dir).map_err(|source| DaemonError::Place { path: dir.clone(), source })?;
        if owner.uid() != uid {
            return Err(DaemonError::ForeignHome(dir.clone()));
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
            .map_err(|source| DaemonError::Place { path: dir.clone(), source })?;
    }
    Ok(())
}

fn take_lock(home: &Home) -> Result<lock::Lock, DaemonError> {
    let path = home.daemon_lock();
    match lock::hold(&path) {
        Ok(lock) => {
            // Written in place: the lock is on this very file.
            let written = fs::OpenOptions::new().write(true).truncate(true).open(&path);
            written
                .and_then(|mut file| {
                    let text = format!("{}\n{}\n", std::process::id(), version::ours());
                    io::Write::write_all(&mut file, text.as_bytes())
                })
                .map_err(|source| DaemonError::Place { path, source })?;
            Ok(lock)
        }
        Err(LockError::Held { .. }) => {
            let pid = fs::read_to_string(&path)
                .ok()
                .and_then(|text| text.lines().next()?.trim().parse().ok());
            Err(DaemonError::Running { pid })
        }
        Err(err) => Err(DaemonError::Lock(err)),
    }
}

fn bind(home: &Home) -> Result<UnixListener, DaemonError> {
    let socket = home.daemon_socket();
    if let Ok(stream) = UnixStream::connect(&socket) {
        // We hold the lock: whoever answers here is no daemon of this home.
        let pid = rustix::net::sockopt::socket_peercred(&stream)
            .map_or(0, |peer| peer.pid.as_raw_nonzero().get());
        return Err(DaemonError::ForeignSocket { socket, pid });
    }
    let place = |source| DaemonError::Place { path: socket.clone(), source };
    match fs::remove_file(&socket) {
        Ok(()) => {}
        Err(err) if err.kind() == io::ErrorKind::NotFound => {}
        Err(err) => return Err(place(err)),
    }
    let listener = UnixListener::bind(&socket).map_err(place)?;
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).map_err(place)?;
    Ok(listener)
}

fn signals(inbox: Sender<Inbox>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            // The terminal that started it may go; the daemon stays.
            if signal != SIGHUP && inbox.send(Inbox::Close).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// Closes the inbox after `idle` without a run that is not ended and without a client.
fn leave_when_idle(door: Arc<Door>, inbox: Sender<Inbox>, idle: Duration) -> io::Result<()> {
    thread::Builder::new().name("idle".to_owned()).spawn(move || {
        loop {
            let before = door.wishes.board.read();
            let after = door.wishes.board.wait_beyond(before.seq, Some(Instant::now() + idle));
            if after.closing {
                return;
            }
            let busy = after.fleet.runs.values().any(|run| !run.is_ended() || run.is_followed())
                || after.fleet.notices.is_busy();
            if after.seq == before.seq && !busy && door.clients.load(Ordering::SeqCst) == 0 {
                // Closed already: then it is leaving anyway.
                let _closing = inbox.send(Inbox::Close);
                return;
            }
        }
    })?;
    Ok(())
}
