//! Requests to close a run, as files in the home: worked off one after the other, kept until they are done.
//!
//! Owns: reading them, whose run each names, when an undecided one is tried again. One file has one reader: this daemon.
//! Never: forces a close, or takes a file that is still being written for a failure.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use rustix::fs::inotify;
use serde::Deserialize;
use skep_api::{place::Home, view::CleanupView, wire::Refusal};
use skep_core::{
    fleet::{Fleet, Input},
    id::RunId,
    names,
    notice::{self, About, Kind, Telling},
    run::{EnvState, How, OpResult, Run, Surface},
    text,
    time::Timestamp,
};

use crate::{
    engine::Inbox,
    hands, taskwarrior,
    wishes::{Trouble, Wishes},
};

/// The largest file that can be a request. Bytes.
const LARGEST: u64 = 64 << 10;
/// How long an undecided request waits before it is tried again: first, at the most, and by what it grows.
const FIRST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(3_600);
const FACTOR: u32 = 4;

/// A request, as whoever writes one spells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Request {
    /// A run's id, a worker's name or a session of tmux.
    pub session_id: String,
    /// A task's id, or what its tracker calls it.
    pub task_uuid: String,
    pub created_at: Option<String>,
}

/// What is known of a file, beside what stands in it.
#[derive(Debug, Clone)]
struct Known {
    /// What stood in it when it was last tried.
    bytes: Vec<u8>,
    state: State,
    status: String,
    tries: u32,
    next: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its run is at work.
    Waiting,
    Undecided,
    /// Not whole yet, or no request at all.
    Unreadable,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Undecided => "undecided",
            State::Unreadable => "unreadable",
        }
    }
}

/// The requests of a home.
#[derive(Debug)]
pub struct Cleanup {
    home: Home,
    config: PathBuf,
    dir: PathBuf,
    /// Which daemon this is: its tries are not those of the one before.
    epoch: AtomicU64,
    clock: fn() -> Timestamp,
    known: Mutex<BTreeMap<String, Known>>,
    /// Held by whoever works on a file.
    serial: Mutex<()>,
    /// How many closes this daemon asked for; each try is a wish of its own.
    asked: AtomicU64,
    poke: Mutex<Option<mpsc::Sender<()>>>,
}

impl Cleanup {
    /// Names the requests of `home`; nobody looks at them yet.
    pub fn new(home: &Home, config: &Path, clock: fn() -> Timestamp) -> Cleanup {
        Cleanup {
            home: home.clone(),
            config: config.to_owned(),
            dir: home.cleanup(),
            epoch: AtomicU64::new(0),
            clock,
            known: Mutex::default(),
            serial: Mutex::default(),
            asked: AtomicU64::new(0),
            poke: Mutex::default(),
        }
    }

    /// Looks at what lies there, and from then on whenever something comes, a run changes or a request is due again.
    pub fn start(self: &Arc<Cleanup>, wishes: &Wishes, epoch: u64) -> io::Result<()> {
        self.epoch.store(epoch, Ordering::SeqCst);
        let notify = inotify::init(inotify::CreateFlags::CLOEXEC)?;
        let flags = inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::CLOSE_WRITE;
        // The watch before the first look, so that nothing falls between them.
        inotify::add_watch(&notify, &self.dir, flags)?;
        let (poke, poked) = mpsc::channel();
        *lock(&self.poke) = Some(poke.clone());
        let changed = poke.clone();
        thread::Builder::new().name("cleanup-watch".to_owned()).spawn(move || {
            let mut buffer = [0; 4096];
            // What came is looked up in the folder itself; the event only says when.
            while rustix::io::read(&notify, &mut buffer).is_ok_and(|read| read > 0) {
                if changed.send(()).is_err() {
                    return;
                }
            }
        })?;
        self.watch_runs(wishes, poke)?;
        let (me, wishes) = (Arc::clone(self), wishes.clone());
        thread::Builder::new()
            .name("cleanup".to_owned())
            .spawn(move || me.serve(&wishes, &poked))?;
        Ok(())
    }

    /// A run that a request waits for may have ended or landed: then the request is due.
    fn watch_runs(self: &Arc<Cleanup>, wishes: &Wishes, poke: mpsc::Sender<()>) -> io::Result<()> {
        let (me, board) = (Arc::clone(self), Arc::clone(&wishes.board));
        thread::Builder::new().name("cleanup-runs".to_owned()).spawn(move || {
            let mut posted = board.read();
            let mut seen = stands(&posted.fleet);
            while !posted.closing {
                posted = board.wait_beyond(posted.seq, None);
                let now = stands(&posted.fleet);
                if now != seen {
                    seen = now;
                    me.forget_waits();
                    if poke.send(()).is_err() {
                        return;
                    }
                }
            }
        })?;
        Ok(())
    }

    fn forget_waits(&self) {
        for known in lock(&self.known).values_mut() {
            if known.state != State::Unreadable {
                known.next = None;
            }
        }
    }

    fn serve(&self, wishes: &Wishes, poked: &mpsc::Receiver<()>) {
        loop {
            if wishes.board.read().closing {
                return;
            }
            self.work_off(wishes, None, How::Smart);
            let now = (self.clock)();
            let next = lock(&self.known).values().filter_map(|known| known.next).min();
            let woken = match next {
                Some(at) => poked.recv_timeout(at.since(now) + Duration::from_millis(1)),
                None => poked.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            };
            match woken {
                Ok(()) | Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            // What came together is looked at together.
            while poked.try_recv().is_ok() {}
        }
    }

    /// Works off what is due: all, or the one file, which is due because somebody says so.
    fn work_off(&self, wishes: &Wishes, only: Option<&str>, how: How) -> Vec<CleanupView> {
        let _serial = self.serial.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = Vec::new();
        for file in self.files().unwrap_or_default() {
            if only.is_some_and(|only| only != file) {
                continue;
            }
            let now = (self.clock)();
            let due = |known: &Known| known.next.is_none_or(|at| at <= now);
            let path = self.dir.join(&file);
            let bytes = match read(&path) {
                Ok(bytes) => bytes,
                Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
                Err(err) => {
                    let status = format!("it cannot be read: {err}");
                    self.keep(&file, Vec::new(), State::Unreadable, &status, 0, None);
                    continue;
                }
            };
            let known = lock(&self.known).get(&file).cloned();
            let again = known.as_ref().is_none_or(|known| known.bytes != bytes || due(known));
            if only.is_some() || again {
                done.extend(self.one(wishes, &file, &path, bytes, known.as_ref(), how));
            }
        }
        let there = self.files().unwrap_or_default();
        lock(&self.known).retain(|file, _| there.contains(file));
        done
    }

    fn one(
        &self,
        wishes: &Wishes,
        file: &str,
        path: &Path,
        bytes: Vec<u8>,
        known: Option<&Known>,
        how: How,
    ) -> Option<CleanupView> {
        let tries = known.filter(|known| known.bytes == bytes).map_or(0, |known| known.tries);
        let request = match parse(&bytes) {
            Ok(request) => request,
            Err(why) => {
                // It may be half a file: its end is an event of its own, and only then it is looked at again.
                let status = format!("no request yet: {why}");
                self.keep(file, bytes, State::Unreadable, &status, tries, None);
                return None;
            }
        };
        let fleet = wishes.board.read().fleet;
        let (state, status) = match find(&fleet, &request) {
            Found::Nobody => {
                let status = "it names nobody".to_owned();
                return self.finish(path, &bytes, file, &request, None, status);
            }
            Found::Unknown(text) => (State::Undecided, text),
            Found::Run(run) => match self.close(wishes, run, how) {
                Ok(status) => {
                    return self.finish(path, &bytes, file, &request, Some(run.id()), status);
                }
                Err(kept) => kept,
            },
        };
        if state == State::Undecided && tries == 0 {
            self.alert(wishes, file, &bytes, &request, &status);
        }
        let wait = FIRST.saturating_mul(FACTOR.saturating_pow(tries.min(8))).min(LONGEST);
        // Whoever waits for the end of a run is told of it.
        let next = (state != State::Waiting).then(|| (self.clock)().plus(wait));
        self.keep(file, bytes, state, &status, tries + 1, next);
        self.list(&fleet).into_iter().find(|view| view.file == file)
    }

    /// Tells people that a request could not be decided: once for each request, whoever finds it and however often.
    fn alert(&self, wishes: &Wishes, file: &str, bytes: &[u8], request: &Request, status: &str) {
        let named = [&request.session_id, &request.task_uuid];
        let named = named.into_iter().find(|name| !name.is_empty()).map_or(file, String::as_str);
        let telling = Telling {
            kind: Kind::Cleanup,
            subject: "fleet".to_owned(),
            about: About::Fact {},
            project: None,
            title: format!("The clean-up of {} needs a decision", text::one_line(named)),
            text: text::visible(status),
            options: Vec::new(),
            ways: vec!["skep cleanup ls".to_owned(), "skep cleanup run".to_owned()],
        };
        let input = Input::Notice(notice::Input::Tell(Box::new(telling)));
        // Its content is part of the key: a new request of the same name is another one.
        let key = format!("cleanup-alert/{file}/{}", &hands::digest(bytes)[..16]);
        let source = "cleanup".to_owned();
        // The engine closes last; the next daemon tells it.
        let _closed = wishes.inbox.send(Inbox::Report { key, source, input: Box::new(input) });
    }

    /// Closes the run that a request is about. Errors: what keeps it from being closed.
    fn close(&self, wishes: &Wishes, run: &Run, how: How) -> Result<String, (State, String)> {
        match &run.env {
            // A daemon before this one, or a person, has asked for it: that close is this one's.
            EnvState::Closing { op, .. } => {
                return came_of(wishes.await_op(run.id(), op));
            }
            EnvState::Closed(_) if run.is_ended() => return Ok("it was closed already".to_owned()),
            EnvState::None
            | EnvState::Preparing
            | EnvState::Held(_)
            | EnvState::Within(_)
            | EnvState::Closed(_)
            | EnvState::Restoring { .. } => {}
        }
        if how == How::Smart {
            let fleet = wishes.board.read().fleet;
            taskwarrior::closing::require_completable(&self.home, &self.config, &fleet, run)
                .map_err(|no| (State::Undecided, format!("{}: {}", no.slug, no.message)))?;
        }
        let nth = self.asked.fetch_add(1, Ordering::Relaxed);
        let epoch = self.epoch.load(Ordering::SeqCst);
        let key = format!("cleanup/{epoch}/{nth}");
        if !run.is_ended() && how != How::Force {
            // Nobody is asked while it lives: the close asks.
            let told = hands::close::Told::last(run);
            let undecided = match hands::close::preview(run, &self.home, how, (self.clock)(), told)
            {
                OpResult::Refused { slug, .. } if slug == "dry-run" => None,
                OpResult::Refused { text, .. } | OpResult::Failed { text, .. } => Some(text),
                odd @ (OpResult::Closed { .. }
                | OpResult::Proposed { .. }
                | OpResult::Landed { .. }
                | OpResult::Attested { .. }
                | OpResult::Snapped { .. }
                | OpResult::Forgotten { .. }
                | OpResult::Restored { .. }
                | OpResult::Reverted { .. }) => Some(format!("{odd:?}")),
            };
            // An agent on a screen of its own does not leave by itself when its work is in.
            if run.speech.surface != Surface::Terminal || undecided.is_some() {
                let why = undecided.map(|text| format!("; {text}")).unwrap_or_default();
                return Err((State::Waiting, format!("{} is {}{why}", run.id(), run.state_name())));
            }
            wishes
                .stop(&format!("{key}/stop"), run.id())
                .map_err(|trouble| (State::Undecided, trouble.to_string()))?;
        }
        came_of(wishes.close(&key, run.id(), how))
    }

    /// Takes a request away that is done, if it is still the one that was worked off.
    fn finish(
        &self,
        path: &Path,
        bytes: &[u8],
        file: &str,
        request: &Request,
        run: Option<&RunId>,
        status: String,
    ) -> Option<CleanupView> {
        skep_host::paths::crash_point("cleanup.done");
        if read(path).is_ok_and(|now| now == bytes)
            && let Err(err) = fs::remove_file(path)
            && err.kind() != io::ErrorKind::NotFound
        {
            let status = format!("{status}; the request could not be taken away: {err}");
            let next = Some((self.clock)().plus(FIRST));
            self.keep(file, bytes.to_vec(), State::Undecided, &status, 1, next);
            return None;
        }
        lock(&self.known).remove(file);
        Some(CleanupView {
            file: file.to_owned(),
            session_id: Some(request.session_id.clone()),
            task_uuid: Some(request.task_uuid.clone()),
            created_at: request.created_at.clone(),
            run: run.map(ToString::to_string),
            state: "done".to_owned(),
            status,
            tries: 1,
            next: None,
        })
    }

    fn keep(
        &self,
        file: &str,
        bytes: Vec<u8>,
        state: State,
        status: &str,
        tries: u32,
        next: Option<Timestamp>,
    ) {
        let status = text::words(status, 500);
        lock(&self.known).insert(file.to_owned(), Known { bytes, state, status, tries, next });
    }

    /// All requests that lie there, with what is known of each.
    pub fn list(&self, fleet: &Fleet) -> Vec<CleanupView> {
        let known = lock(&self.known).clone();
        self.files()
            .unwrap_or_default()
            .into_iter()
            .map(|file| {
                let request = read(&self.dir.join(&file)).ok().and_then(|bytes| parse(&bytes).ok());
                let known = known.get(&file);
                let run = request.as_ref().and_then(|request| match find(fleet, request) {
                    Found::Run(run) => Some(run.id().to_string()),
                    Found::Nobody | Found::Unknown(_) => None,
                });
                let state = match (known, &request) {
                    (Some(known), _) => known.state,
                    (None, Some(_)) => State::Waiting,
                    (None, None) => State::Unreadable,
                };
                CleanupView {
                    file,
                    session_id: request.as_ref().map(|request| request.session_id.clone()),
                    task_uuid: request.as_ref().map(|request| request.task_uuid.clone()),
                    created_at: request.and_then(|request| request.created_at),
                    run,
                    state: state.as_str().to_owned(),
                    status: known.map(|known| known.status.clone()).unwrap_or_default(),
                    tries: known.map_or(0, |known| known.tries),
                    next: known.and_then(|known| known.next),
                }
            })
            .collect()
    }

    /// Works off all requests now, or the one file; what is not done is among the answers, and stays.
    ///
    /// Errors: there is no such file, or it is no request.
    pub fn run(
        &self,
        name: Option<&str>,
        force: bool,
        wishes: &Wishes,
    ) -> Result<Vec<CleanupView>, Refusal> {
        let how = if force { How::Force } else { How::Smart };
        let Some(name) = name else {
            self.forget_waits();
            let mut done = self.work_off(wishes, None, how);
            let left = self.list(&wishes.board.read().fleet);
            done.retain(|view| view.state == "done");
            done.extend(left);
            return Ok(done);
        };
        let file = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or(name);
        if !self.files().unwrap_or_default().iter().any(|there| there == file) {
            return Err(Refusal::error(
                "cleanup-unknown",
                format!("no request is called `{file}`"),
            )
            .hint("skep cleanup ls"));
        }
        let done = self.work_off(wishes, Some(file), how);
        if let Some(unreadable) =
            lock(&self.known).get(file).filter(|known| known.state == State::Unreadable)
        {
            return Err(Refusal::error(
                "cleanup-unreadable",
                format!("`{file}` is {}", unreadable.status),
            )
            .hint(format!("mend or remove {}", self.dir.join(file).display())));
        }
        Ok(done)
    }

    /// The requests by name, in order. Whatever does not end in `.json` is somebody's unfinished file.
    fn files(&self) -> io::Result<Vec<String>> {
        let mut files: Vec<String> = fs::read_dir(&self.dir)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".json") && !name.starts_with('.'))
            .collect();
        files.sort();
        Ok(files)
    }
}

/// What a close came to, for its request.
fn came_of(closed: Result<(Run, OpResult), Trouble>) -> Result<String, (State, String)> {
    match closed {
        Ok((_, OpResult::Closed { text, .. })) => Ok(text),
        Ok((_, OpResult::Refused { slug, text, .. } | OpResult::Failed { slug, text })) => {
            Err((State::Undecided, format!("{slug}: {text}")))
        }
        Ok((_, other)) => Err((State::Undecided, format!("{other:?}"))),
        Err(trouble) => Err((State::Undecided, trouble.to_string())),
    }
}

/// How the runs stand, as far as a request may wait for it; a try that comes to nothing changes none of it.
fn stands(fleet: &Fleet) -> Vec<(RunId, bool, bool, bool)> {
    fleet
        .runs
        .values()
        .map(|run| {
            let closed = matches!(run.env, EnvState::Closed(_));
            (run.id().clone(), run.is_ended(), run.landed.is_some(), closed)
        })
        .collect()
}

/// Reads a request. Errors: it is none, or not whole yet.
fn parse(bytes: &[u8]) -> Result<Request, String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|err| err.to_string())?;
    let names = |key: &str| value.get(key).is_some();
    if !names("session_id") && !names("task_uuid") {
        return Err("it has neither session_id nor task_uuid".to_owned());
    }
    serde_json::from_value(value).map_err(|err| err.to_string())
}

enum Found<'a> {
    Run(&'a Run),
    /// Neither a session nor a task is named.
    Nobody,
    Unknown(String),
}

/// The run that a request is about, by its session, else by its task.
fn find<'a>(fleet: &'a Fleet, request: &Request) -> Found<'a> {
    let (session, task) = (request.session_id.trim(), request.task_uuid.trim());
    if session.is_empty() && task.is_empty() {
        return Found::Nobody;
    }
    if !session.is_empty() {
        if let Ok(run) = fleet.find_run(session) {
            return Found::Run(run);
        }
        let of_session = names::parse_session(session)
            .and_then(|(project, name)| fleet.find_worker(&project, &name));
        if let Some(run) = of_session {
            return Found::Run(run);
        }
    }
    let by_task = fleet
        .tasks
        .values()
        .find(|known| {
            !task.is_empty()
                && (known.id.as_str() == task || known.reference.as_deref() == Some(task))
        })
        .or_else(|| fleet.find_tracked(task).ok().flatten())
        .and_then(|task| fleet.runs.get(task.run.as_ref()?));
    match by_task {
        Some(run) => Found::Run(run),
        None => {
            let name = if session.is_empty() { task } else { session };
            Found::Unknown(format!("nobody is called `{}`", text::one_line(name)))
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read;
    let file = fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it is replaced whole; a panic elsewhere leaves it sound.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
