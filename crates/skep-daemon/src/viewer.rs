//! Windows on agents' screens: a pane of tmux for each run with one, opened again when it goes.
//!
//! Owns: whose tmux shows them, and one waiting thread per pane. A pane is a viewer like any other: its end is nobody's end.
//! Never: looks at a screen, or ends a session that is not ours.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, iter,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc::Sender},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use skep_api::{place::Home, wire::chain};
use skep_core::{
    fleet::{self, Fleet},
    id::RunId,
    names::{self, Answer, Held, HeldState, SessionSeen},
    run::{Input, Run, State, Surface},
};
use skep_host::tmux::{Opened, Server, Size, TmuxError, open_window_in_users};

use crate::{
    board::Board,
    config::{self, Tmux},
    engine::Inbox,
    launch,
};

/// The size of a pane that nobody looks at.
const SIZE: Size = Size { columns: 120, rows: 36 };
/// How soon a pane that went is opened again: at first, and at the most.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);
/// A pane that stood this long went for a reason of its own.
const STOOD: Duration = Duration::from_secs(30);

/// The windows of a home.
#[derive(Debug, Clone)]
pub struct Viewers {
    pub home: Home,
    /// The folder of the settings.
    pub config: PathBuf,
    pub board: Arc<Board>,
    pub inbox: Sender<Inbox>,
    /// Runs that have a waiting thread.
    watched: Arc<Mutex<BTreeSet<RunId>>>,
}

impl Viewers {
    /// Makes the keeper of windows; none is open yet.
    pub fn new(home: Home, config: PathBuf, board: Arc<Board>, inbox: Sender<Inbox>) -> Viewers {
        Viewers { home, config, board, inbox, watched: Arc::default() }
    }

    /// Opens a window on a run that has none, and keeps one open while the agent lives.
    pub fn open(&self, run: &Run) {
        if run.speech.surface != Surface::Terminal || self.mode() == Tmux::Off {
            return;
        }
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if !watched.insert(run.id().clone()) {
            return;
        }
        let (me, id) = (self.clone(), run.id().clone());
        let started = thread::Builder::new().name("viewer".to_owned()).spawn(move || {
            me.keep_open(&id);
            me.watched.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            // The next attempt may have come up while this thread was leaving.
            me.open_again(&id);
        });
        if started.is_err() {
            // Without a window the agent goes on all the same, and `attach` still works.
            watched.remove(run.id());
        }
    }

    fn open_again(&self, id: &RunId) {
        let posted = self.board.read();
        let run = posted.fleet.runs.get(id).filter(|run| is_on_screen(run) && !posted.closing);
        if let Some(run) = run.filter(|run| self.in_theirs(run).is_none()) {
            self.open(run);
        }
    }

    fn mode(&self) -> Tmux {
        config::user(&self.config).map_or(Tmux::Private, |settings| settings.tmux)
    }

    fn keep_open(&self, id: &RunId) {
        let mut wait = FIRST;
        loop {
            let fleet = self.board.read().fleet;
            let Some(run) = fleet.runs.get(id).filter(|run| is_on_screen(run)) else { return };
            if let Some(tmux) = self.in_theirs(run) {
                // Once: a window that a person closes among their own is not to come back by itself.
                if run.window.is_none() {
                    match self.show_in_theirs(run, &tmux) {
                        Ok(opened) => self.tell(run, &opened),
                        Err(err) => self.complain(run, &err),
                    }
                }
                return;
            }
            let opened = Instant::now();
            match self.show(run) {
                Ok(pane) => {
                    self.tell(run, &pane);
                    wait_for(pane.pane.pid);
                }
                Err(err) => self.complain(run, &err),
            }
            wait = if opened.elapsed() > STOOD { FIRST } else { (wait * 2).min(LONGEST) };
            if self.rest(id, wait) {
                return;
            }
        }
    }

    /// Waits before the next try; says whether there is nothing to show any more.
    fn rest(&self, id: &RunId, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut posted = self.board.read();
        loop {
            let on_screen = posted.fleet.runs.get(id).is_some_and(|run| is_on_screen(run));
            if posted.closing || !on_screen {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            posted = self.board.wait_beyond(posted.seq, Some(until));
        }
    }

    /// The tmux that the asker sat in, where windows are to open there.
    fn in_theirs(&self, run: &Run) -> Option<String> {
        let vars = launch::asker_env(&self.home, run).unwrap_or_default();
        let tmux = vars.get("TMUX").filter(|tmux| !tmux.is_empty());
        tmux.filter(|_| self.mode() == Tmux::Yours).cloned()
    }

    fn show_in_theirs(&self, run: &Run, tmux: &str) -> Result<Opened, TmuxError> {
        let vars = launch::asker_env(&self.home, run).unwrap_or_default();
        let title = format!("{} {}", launch::role(run.brief.kind), run.brief.name);
        // Their server knows nothing of this skep, and a window there begins with their environment.
        let place = self.place().into_iter().map(|(name, value)| format!("{name}={value}").into());
        let argv: Vec<OsString> =
            iter::once("env".into()).chain(place).chain(self.argv(run)).collect();
        open_window_in_users(tmux.as_ref(), &vars, &argv, &title)
    }

    /// The window that stands, or a new one.
    fn show(&self, run: &Run) -> Result<Opened, TmuxError> {
        let vars = launch::asker_env(&self.home, run).unwrap_or_default();
        let server = self.server(&vars);
        let name = session_of(run);
        let standing = server.list()?.into_iter().find(|seen| seen.name == name && seen.ours);
        if let Some(seen) = standing
            && let Some(pane) = seen.panes.into_iter().next()
        {
            return Ok(Opened { session: name, pane });
        }
        let opened = server.open_viewer(&name, &self.argv(run), SIZE, &self.place())?;
        Ok(Opened { session: name, ..opened })
    }

    fn server(&self, vars: &BTreeMap<String, String>) -> Server {
        let base = vars.iter().filter(|(name, _)| launch::is_base(name));
        Server::private(self.home.sockets(), base)
    }

    /// What the viewer needs to find this skep.
    fn place(&self) -> BTreeMap<String, String> {
        let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
        BTreeMap::from([
            ("SKEP_HOME".to_owned(), text(self.home.root())),
            ("SKEP_CONFIG".to_owned(), text(&self.config)),
        ])
    }

    fn argv(&self, run: &Run) -> Vec<OsString> {
        let program = launch::own_program().unwrap_or_else(|_| PathBuf::from("skep"));
        vec![
            program.into(),
            "--home".into(),
            self.home.root().into(),
            "attach".into(),
            run.id().as_str().into(),
        ]
    }

    fn tell(&self, run: &Run, opened: &Opened) {
        let (session, pane) = (opened.session.clone(), opened.pane.id.clone());
        let key = format!("{}/{}/shown/{}", run.id(), run.attempt, opened.pane.pid);
        let input = Input::Shown { attempt: run.attempt, session, pane };
        let input = Box::new(fleet::Input::Run { run: run.id().clone(), input });
        // The engine closes last; the next daemon opens its own.
        let _closed = self.inbox.send(Inbox::Report { key, source: "tmux".to_owned(), input });
    }

    fn complain(&self, run: &Run, err: &TmuxError) {
        use std::io::Write;
        // Without a log there is nowhere to tell it.
        let _unread = writeln!(
            std::io::stderr(),
            "no window for {}: error[{}]: {}",
            run.id(),
            err.slug(),
            chain(err)
        );
    }

    /// Ends sessions of ours whose env is gone and opens windows that are missing, as the names, envs and sessions say.
    ///
    /// Errors: somebody gave no answer; then nothing is ended.
    pub fn reconcile(&self, fleet: &Fleet) -> Result<Vec<String>, String> {
        for run in fleet.runs.values().filter(|run| is_on_screen(run)) {
            self.open(run);
        }
        let held = held(fleet);
        let server = self.server(&launch::own_vars());
        let sessions: Answer<Vec<SessionSeen>> = server
            .list()
            .map(|seen| {
                seen.into_iter()
                    .map(|seen| SessionSeen { name: seen.name, ours: seen.ours })
                    .collect::<Vec<_>>()
            })
            .into();
        let plan =
            names::reconcile(&held, &envs(fleet), &sessions).map_err(|err| err.to_string())?;
        let mut ended = Vec::new();
        for session in plan.end_sessions {
            match server.end(&session) {
                Ok(_) => ended.push(session),
                Err(err) => return Err(chain(&err)),
            }
        }
        Ok(ended)
    }
}

/// Whether the run's agent has a screen now.
fn is_on_screen(run: &Run) -> bool {
    run.speech.surface == Surface::Terminal
        && matches!(
            run.state,
            State::Running { .. } | State::Waiting { .. } | State::Stalled { .. }
        )
}

/// The name of the session that shows a run.
pub fn session_of(run: &Run) -> String {
    names::session(run.brief.project.as_deref().unwrap_or_default(), &run.brief.name)
}

/// Names that are held, as the ledger has them.
pub fn held(fleet: &Fleet) -> Vec<Held> {
    fleet
        .runs
        .values()
        .filter(|run| !run.is_ended() || run.holds_env())
        .map(|run| Held {
            project: run.brief.project.clone().unwrap_or_default(),
            name: run.brief.name.clone(),
            run: run.id().clone(),
            env: run.env().map(|_| run.brief.place.key.clone()),
            state: if run.env().is_some() { HeldState::Held } else { HeldState::Creating },
        })
        .collect()
}

/// The keys of the envs that stand, in every folder that holds some.
pub fn envs(fleet: &Fleet) -> Answer<BTreeSet<String>> {
    let folders: BTreeSet<&str> =
        fleet.runs.values().map(|run| run.brief.place.envs.as_str()).collect();
    let mut keys = BTreeSet::new();
    for folder in folders {
        match fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    match entry {
                        Ok(entry) => {
                            keys.insert(entry.file_name().to_string_lossy().into_owned());
                        }
                        Err(err) => return Answer::Failed { why: format!("{folder}: {err}") },
                    }
                }
            }
            Err(err) => return Answer::Failed { why: format!("{folder}: {err}") },
        }
    }
    Answer::Heard(keys)
}

/// Waits until the process is gone; at once where it cannot be waited for.
fn wait_for(pid: u32) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    let Ok(fd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    while poll(&mut fds, None).is_err_and(|err| err == rustix::io::Errno::INTR) {}
}
