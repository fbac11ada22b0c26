//! Requests that Taskwarrior's hooks left in the home: worked off one after the other, whoever lived when they came.
//!
//! Owns: that nothing is done before Taskwarrior has taken the change; a task of skep's for each that is started; the way
//! back, from a close with a proof to a task that is done; what the hooks know. Never: closes anything itself (the clean-up
//! does, with a proof), or completes a task because a run began, ended or died.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    io::Write as _,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustix::fs::inotify;
use serde_json::json;
use skep_api::{
    request::{RunAsk, TaskAsk},
    wire::{Refusal, chain},
};
use skep_core::{
    fleet::{Fleet, Input},
    id::RunId,
    issue::taskwarrior::{self as tasks, Name, PREFIX, Task},
    notice::{self, About, Kind, Telling},
    run::{EnvState, Merged, OpResult, Run},
    text,
};
use skep_forge::tracker::taskwarrior::List;
use skep_host::paths;

use super::{Door, Trouble};
use crate::{
    engine::Inbox,
    launch,
    taskwarrior::{
        self, install,
        known::Known,
        program,
        request::{ENDING, Event, Request, VERSION},
        told,
    },
};

/// The largest file that can be a request. Bytes.
const LARGEST: u64 = 256 << 10;
/// How long it is until a request is looked at again whose Taskwarrior has not ended, or did not answer.
const SOON: Duration = Duration::from_millis(50);
const LATER: Duration = Duration::from_secs(30);

/// Works off the requests of a home.
pub struct Intake {
    door: Arc<Door>,
    folder: PathBuf,
    /// What was written for the hooks last.
    known: Mutex<Option<Known>>,
    /// When what could not be done is tried again.
    again: Mutex<BTreeMap<String, Instant>>,
}

/// What becomes of a request.
enum Came {
    /// It can be taken away.
    Done,
    /// Taskwarrior is still at it.
    Early,
    /// It could not be asked, or the daemon is going; it stays.
    Later(String),
}

/// Looks at what lies there, and from then on whenever something comes or a run changes.
pub fn start(door: &Arc<Door>) -> io::Result<()> {
    let folder = taskwarrior::folder(&door.home);
    let intake = Arc::new(Intake {
        door: Arc::clone(door),
        folder: folder.clone(),
        known: Mutex::default(),
        again: Mutex::default(),
    });
    let notify = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    // The watch before the first look, so that nothing falls between them.
    inotify::add_watch(&notify, &folder, inotify::WatchFlags::MOVED_TO)?;
    let (poke, poked) = mpsc::channel();
    let changed = poke.clone();
    thread::Builder::new().name("intake-watch".to_owned()).spawn(move || {
        let mut buffer = [0; 4096];
        // What came is looked up in the folder itself; the event only says when.
        while rustix::io::read(&notify, &mut buffer).is_ok_and(|read| read > 0) {
            if changed.send(()).is_err() {
                return;
            }
        }
    })?;
    let me = Arc::clone(&intake);
    thread::Builder::new().name("intake-runs".to_owned()).spawn(move || {
        let mut posted = me.door.wishes.board.read();
        while !posted.closing {
            // What the hooks know is theirs before the next thing happens; closes are looked at by the worker.
            if me.note(&posted.fleet) && poke.send(()).is_err() {
                return;
            }
            posted = me.door.wishes.board.wait_beyond(posted.seq, None);
        }
    })?;
    thread::Builder::new().name("intake".to_owned()).spawn(move || intake.serve(&poked))?;
    Ok(())
}

impl Intake {
    fn serve(&self, poked: &mpsc::Receiver<()>) {
        loop {
            let posted = self.door.wishes.board.read();
            if posted.closing {
                return;
            }
            self.note(&posted.fleet);
            self.work_off();
            self.complete_closed();
            let next = lock(&self.again).values().min().copied();
            let wait = next.map(|at| at.saturating_duration_since(Instant::now()));
            let woken = match wait {
                Some(wait) => poked.recv_timeout(wait + Duration::from_millis(1)),
                None => poked.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            };
            if woken == Err(mpsc::RecvTimeoutError::Disconnected) {
                return;
            }
            // What came together is looked at together.
            while poked.try_recv().is_ok() {}
        }
    }

    /// Writes down what the hooks are to know, where it has changed; says whether it has.
    fn note(&self, fleet: &Fleet) -> bool {
        if self.lists().is_empty() {
            return false;
        }
        let now = Known::of(fleet);
        let mut known = lock(&self.known);
        if known.as_ref() == Some(&now) {
            return false;
        }
        match now.write(&self.door.home) {
            Ok(()) => {
                *known = Some(now);
                true
            }
            Err(err) => {
                say(&format!("what hooks know stays as it was: {}", chain(&err)));
                false
            }
        }
    }

    fn lists(&self) -> Vec<List> {
        install::lists(&self.door.home).unwrap_or_else(|text| {
            say(&text);
            Vec::new()
        })
    }

    fn work_off(&self) {
        let files = files(&self.folder).unwrap_or_default();
        // What is due of a close is not a file.
        lock(&self.again).retain(|name, _| files.contains(name) || !name.ends_with(ENDING));
        for file in files {
            if lock(&self.again).get(&file).is_some_and(|at| *at > Instant::now()) {
                continue;
            }
            let path = self.folder.join(&file);
            match self.one(&path) {
                Came::Done => {
                    paths::crash_point("intake.done");
                    lock(&self.again).remove(&file);
                    match fs::remove_file(&path) {
                        Err(err) if err.kind() != io::ErrorKind::NotFound => {
                            say(&format!("{}: {err}", path.display()));
                            lock(&self.again).insert(file, Instant::now() + LATER);
                        }
                        Ok(()) | Err(_) => {}
                    }
                }
                Came::Early => {
                    lock(&self.again).insert(file, Instant::now() + SOON);
                }
                Came::Later(why) => {
                    self.alert(&file, "A request of Taskwarrior waits", &why);
                    lock(&self.again).insert(file, Instant::now() + LATER);
                }
            }
        }
    }

    fn one(&self, path: &Path) -> Came {
        let request = match read(path) {
            Ok(Some(request)) => request,
            Ok(None) => return Came::Done,
            // It came by a rename: what does not read will not read later.
            Err(why) => return Came::Later(format!("{}: {why}", path.display())),
        };
        if request.process.as_ref().is_some_and(taskwarrior::request::Waits::is_there) {
            return Came::Early;
        }
        let Some(list) = self.lists().into_iter().find(|it| it.data == Path::new(&request.data))
        else {
            return Came::Later(format!("no hooks are installed in `{}`", request.data));
        };
        let name = Name::Uuid(request.uuid.clone());
        let vars = launch::own_vars();
        let task = match program::export(&list, &vars, &name) {
            Ok(Some(task)) => task,
            // It was never added, or is gone: nothing is wanted any more.
            Ok(None) => return Came::Done,
            Err(why) => return Came::Later(why),
        };
        paths::crash_point("intake.before");
        let done = match request.event {
            Event::Started if task.is_started() => self.take_in(&request, &task),
            Event::Completed if task.is_completed() => self.clean_up(&request, &task),
            // Another hook said no, or the person thought better of it.
            Event::Started | Event::Completed => Ok(()),
        };
        match done {
            Ok(()) => Came::Done,
            Err(Trouble::Refused(refusal)) => {
                let stays = ["daemon-stopping", "disk-low", "disk-full", "disk"];
                let why = format!("{}: {}", refusal.slug, refusal.message);
                if stays.contains(&refusal.slug.as_str()) {
                    return Came::Later(why);
                }
                let title = format!("No run for {}", text::words(&task.description, 80));
                self.alert(&request.key, &title, &why);
                Came::Done
            }
            Err(Trouble::Broken(err)) => Came::Later(err.to_string()),
        }
    }

    /// Makes a started task one of skep's, once, and begins a run where its project says so.
    fn take_in(&self, request: &Request, task: &Task) -> Result<(), Trouble> {
        let fleet = self.door.wishes.board.read().fleet;
        let Some(project) = request.project.as_ref().and_then(|name| fleet.projects.get(name))
        else {
            let name = request.project.clone().unwrap_or_default();
            return Err(crate::resolve::unknown_project(&name, &fleet).into());
        };
        let settings = taskwarrior::settings(&self.door.config, Some(&project.name))
            .map_err(|why| Refusal::error("task-settings", why))?;
        let spawner = task.spawner.as_deref().filter(|it| it.parse::<RunId>().is_ok());
        let by = spawner.unwrap_or(&request.by);
        let outside = settings.outside || request.by != "person" || task.has_words_of_runs();
        let reference = format!("{PREFIX}{}", task.uuid);
        let id = match fleet.find_tracked(&reference) {
            Ok(Some(known)) => known.id.to_string(),
            Ok(None) | Err(_) => {
                let ask = TaskAsk {
                    title: text::words(&task.description, 500),
                    body: task.annotations.join("\n"),
                    project: Some(project.name.clone()),
                    reference: Some(reference),
                    priority: priority(task),
                    outside,
                    ..TaskAsk::default()
                };
                let view = self.door.add_task(&format!("intake/{}/task", request.key), &ask)?;
                let id = view.and_then(|view| view["id"].as_str().map(str::to_owned));
                id.ok_or_else(|| Refusal::error("task-unknown", "it is gone already"))?
            }
        };
        // A run begins runs only by its own budget, and never this way.
        if !settings.start || request.by != "person" {
            return Ok(());
        }
        let ask = RunAsk {
            titles: vec![id],
            project: Some(project.name.clone()),
            cwd: project.path.clone(),
            detach: true,
            outside,
            env: request.env.clone(),
            ..RunAsk::default()
        };
        // Nobody listens: what it says on its way is in the events.
        let (mut out, _unheard) = UnixStream::pair()?;
        self.door.run_by(&format!("intake/{}/run", request.key), &ask, by, &mut out).map(drop)
    }

    /// Asks for the clean-up of a completed task's run, on the way that all of them take.
    fn clean_up(&self, request: &Request, task: &Task) -> Result<(), Trouble> {
        if let Some(why) = &request.overridden {
            let title =
                format!("{} was completed over a guard", text::words(&task.description, 80));
            self.alert(&request.key, &title, &format!("{}: {why}", request.by));
        }
        let fleet = self.door.wishes.board.read().fleet;
        let known = fleet.find_tracked(&format!("{PREFIX}{}", task.uuid));
        let has_run = matches!(known, Ok(Some(known)) if known.run.is_some());
        if !has_run {
            return Ok(());
        }
        let wanted = json!({
            "session_id": "",
            "task_uuid": task.uuid,
            "created_at": (self.door.clock)().to_string(),
        });
        let path = self.door.home.cleanup().join(format!("tw-{}.json", task.uuid));
        paths::write_atomically(&path, wanted.to_string().as_bytes())
            .map_err(|err| Refusal::error(err.slug(), chain(&err)).into())
    }

    /// Completes in Taskwarrior what was closed with a proof. Each run is told of once, however often it is looked at.
    fn complete_closed(&self) {
        let lists = self.lists();
        if lists.is_empty() {
            return;
        }
        let fleet = self.door.wishes.board.read().fleet;
        let mut told = match told::read(&self.door.home) {
            Ok(told) => told,
            Err(why) => {
                if let Err(err) = self.begin_anew(&fleet, &lists, &why) {
                    let title = "Closed tasks are not completed in Taskwarrior";
                    self.alert("told", title, &format!("{why}, nor begun anew: {err}"));
                }
                return;
            }
        };
        let before = told.len();
        for run in fleet.runs.values().filter(|run| is_proven(run)) {
            let id = run.id().to_string();
            let is_due = |again: &BTreeMap<String, Instant>| {
                again.get(&id).is_none_or(|at| *at <= Instant::now())
            };
            let Some(name) = fleet.task_of_list(&run.brief) else { continue };
            if told.contains(&id) || !is_due(&lock(&self.again)) {
                continue;
            }
            match self.complete(run, &name, &lists) {
                Ok(()) => {
                    paths::crash_point("intake.completed");
                    lock(&self.again).remove(&id);
                    told.insert(id);
                }
                Err(why) => {
                    let title = format!("{} is closed, and its task is not done", run.brief.name);
                    self.alert(&id, &title, &why);
                    lock(&self.again).insert(id, Instant::now() + LATER);
                }
            }
        }
        if told.len() > before
            && let Err(err) = told::write(&self.door.home, &told)
        {
            // The next look finds them done.
            say(&chain(&err));
        }
    }

    fn complete(&self, run: &Run, name: &Name, lists: &[List]) -> Result<(), String> {
        let settings = taskwarrior::settings(&self.door.config, run.brief.project.as_deref())?;
        if !settings.complete {
            return Ok(());
        }
        let vars = launch::own_vars();
        for list in lists {
            match program::export(list, &vars, name)? {
                // What was completed, deleted or taken back by a person stays as they have it.
                Some(task) if task.is_open() => {
                    program::done(list, &vars, &Name::Uuid(task.uuid.clone()))?;
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// Begins what was told anew where it does not read: with all that is closed by now, so that no task which a person took
    /// up again is completed over them. What may be left is named once; it is then a person's.
    fn begin_anew(&self, fleet: &Fleet, lists: &[List], why: &str) -> Result<(), String> {
        let closed: Vec<(&Arc<Run>, Name)> = fleet
            .runs
            .values()
            .filter(|run| is_proven(run))
            .filter_map(|run| Some((run, fleet.task_of_list(&run.brief)?)))
            .collect();
        let aside = told::keep_aside(&self.door.home).map_err(|err| chain(&err))?;
        let left = left(&closed, lists);
        let left = if left.is_empty() {
            "No task is left.".to_owned()
        } else {
            let names: Vec<String> = left.into_iter().collect();
            format!("Left, where you want them done: {}", names.join(", "))
        };
        let text = format!(
            "{why}. It is kept as {}, and a new one is begun, in which every run that is closed by now counts as told. {left}",
            aside.display()
        );
        // Told before it is forgotten; by the name of the file it is told once.
        let key = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.alert(&key, "Tasks of runs closed until now are to be completed by hand", &text);
        paths::crash_point("intake.anew");
        let told = closed.iter().map(|(run, _)| run.id().to_string()).collect();
        told::write(&self.door.home, &told).map_err(|err| chain(&err))
    }

    /// Tells people what could not be done: once for each request, however often it is tried.
    fn alert(&self, key: &str, title: &str, why: &str) {
        say(&format!("{title}: {why}"));
        let telling = Telling {
            kind: Kind::Cleanup,
            subject: "fleet".to_owned(),
            about: About::Fact {},
            project: None,
            title: text::one_line(title),
            text: text::visible(why),
            options: Vec::new(),
            ways: vec!["skep task ls".to_owned(), "skep doctor".to_owned()],
        };
        let input = Input::Notice(notice::Input::Tell(Box::new(telling)));
        let key = format!("intake-alert/{key}");
        let source = "intake".to_owned();
        // The engine closes last; the next daemon tells it.
        let _closed =
            self.door.wishes.inbox.send(Inbox::Report { key, source, input: Box::new(input) });
    }
}

/// Whether a run's env was given back because its work is in: not by force, and not with its branch kept.
fn is_proven(run: &Run) -> bool {
    let by_proof = matches!(
        run.last_op(),
        Some((
            _,
            OpResult::Closed {
                merged: Some(Merged::Yes),
                kept_branch: None,
                // By force, what stood there is in the trash.
                unsettled: false,
                ..
            }
        ))
    );
    matches!(run.env, EnvState::Closed(_)) && by_proof
}

/// What Taskwarrior calls the tasks of closed runs that are not done there.
fn left(closed: &[(&Arc<Run>, Name)], lists: &[List]) -> BTreeSet<String> {
    let vars = launch::own_vars();
    let mut is_silent = false;
    let mut is_open = |list: &List, name: &Name| {
        let found = if is_silent { Ok(None) } else { program::export(list, &vars, name) };
        is_silent |= found.is_err();
        // Unknown is left; who gave no answer is not asked for each of them.
        is_silent || found.is_ok_and(|task| task.is_some_and(|task| task.is_open()))
    };
    let mut left = BTreeSet::new();
    for (_, name) in closed {
        if lists.iter().any(|list| is_open(list, name)) {
            left.insert(name.reference());
        }
    }
    left
}

fn priority(task: &Task) -> i64 {
    match task.priority.as_deref() {
        Some("H") => 2,
        Some("M") => 1,
        Some("L") => -1,
        Some(_) | None => 0,
    }
}

/// Reads a request; none where it is gone. Errors: it does not read, or is of a newer skep.
fn read(path: &Path) -> Result<Option<Request>, String> {
    use io::Read as _;
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(err.to_string()),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|err| err.to_string())?;
    let request: Request = serde_json::from_slice(&bytes).map_err(|err| err.to_string())?;
    if request.version > VERSION {
        return Err("it is of a newer skep".to_owned());
    }
    if !matches!(tasks::name(&request.uuid), Ok(Name::Uuid(_))) {
        return Err("it names no task".to_owned());
    }
    Ok(Some(request))
}

/// The requests by name, in order. Whatever ends otherwise is something else.
fn files(folder: &Path) -> io::Result<Vec<String>> {
    let mut files: Vec<String> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(ENDING) && !name.starts_with('.'))
        .collect();
    files.sort();
    Ok(files)
}

fn say(line: &str) {
    // Without a log there is nowhere to tell it.
    let _unread = writeln!(io::stderr(), "intake: {}", text::one_line(line));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it is replaced whole; a panic elsewhere leaves it sound.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
