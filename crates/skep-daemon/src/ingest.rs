//! Reports of live runs, from their files into the engine, without polling.
//!
//! Owns: one thread, one inotify, a pidfd for each keeper. A line has the key `run/attempt/line/N` and counts once.
//! Never: judges what it reads; a line that is no report is told and passed over.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, JoinHandle},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::inotify,
    process::{Pid, PidfdFlags, pidfd_open},
};
use skep_api::{
    journal::{Entry, Line},
    tool::Call,
};
use skep_core::{
    facts::Exit,
    fleet,
    id::RunId,
    run::{
        self, Input, Word,
        question::{Asking, Claim, Tool},
    },
};
use skep_host::tree::{self, Probe, Process};

use crate::engine::Inbox;

#[cfg(test)]
mod tests;

/// An attempt to listen to.
#[derive(Debug, Clone)]
pub struct Watch {
    pub run: RunId,
    pub attempt: u32,
    /// The folder of the attempt.
    pub dir: PathBuf,
    /// Its keeper, where it is known.
    pub keeper: Option<Process>,
    /// The last line that was taken already.
    pub after: u64,
}

/// The listening thread.
#[derive(Debug)]
pub struct Ingest {
    orders: Sender<Order>,
    wake: OwnedFd,
}

#[derive(Debug)]
enum Order {
    Watch(Box<Watch>),
    Close,
}

struct Listening {
    watch: Watch,
    descriptor: i32,
    offset: u64,
    torn: Vec<u8>,
    keeper: Option<OwnedFd>,
    /// Whether the keeper is known to be gone.
    gone: bool,
    exited: bool,
}

impl Ingest {
    /// Starts the thread; what it hears goes to `inbox`.
    pub fn start(inbox: Sender<Inbox>) -> io::Result<(Ingest, JoinHandle<()>)> {
        let (orders, taken) = mpsc::channel();
        let (woken, wake) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let notify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let thread = thread::Builder::new().name("ingest".to_owned()).spawn(move || {
            Loop { inbox, notify, woken, taken, heard: BTreeMap::new() }.run();
        })?;
        Ok((Ingest { orders, wake }, thread))
    }

    /// Begins to listen to an attempt, from its first line that was not taken yet.
    pub fn watch(&self, watch: Watch) {
        self.order(Order::Watch(Box::new(watch)));
    }

    /// Ends the thread.
    pub fn close(&self) {
        self.order(Order::Close);
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            // A full pipe wakes the thread as well.
            let _woken = rustix::io::write(&self.wake, b"!");
        }
    }
}

struct Loop {
    inbox: Sender<Inbox>,
    notify: OwnedFd,
    woken: OwnedFd,
    taken: Receiver<Order>,
    heard: BTreeMap<(RunId, u32), Listening>,
}

impl Loop {
    fn run(mut self) {
        loop {
            let keepers: Vec<(RunId, u32)> = self
                .heard
                .iter()
                .filter(|(_, listening)| listening.keeper.is_some())
                .map(|(key, _)| key.clone())
                .collect();
            let ready: Vec<bool> = {
                let mut fds = vec![
                    PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::IN),
                    PollFd::from_borrowed_fd(self.notify.as_fd(), PollFlags::IN),
                ];
                for key in &keepers {
                    if let Some(keeper) = &self.heard[key].keeper {
                        fds.push(PollFd::from_borrowed_fd(keeper.as_fd(), PollFlags::IN));
                    }
                }
                match poll(&mut fds, None) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(_) => return,
                }
                fds.iter().map(|fd| !fd.revents().is_empty()).collect()
            };
            if ready[0] && !self.orders() {
                return;
            }
            if ready[1] {
                self.changed();
            }
            for (key, _) in keepers.iter().zip(&ready[2..]).filter(|(_, ready)| **ready) {
                self.keeper_gone(key);
            }
            self.heard.retain(|_, listening| {
                let over = listening.exited || listening.gone;
                if over {
                    // A watch on a file that is gone is gone by itself.
                    let _gone = inotify::remove_watch(&self.notify, listening.descriptor);
                }
                !over
            });
        }
    }

    fn orders(&mut self) -> bool {
        let mut bytes = [0; 64];
        // Only the waking matters, not the bytes.
        let _read = rustix::io::read(&self.woken, &mut bytes);
        while let Ok(order) = self.taken.try_recv() {
            match order {
                Order::Watch(watch) => self.begin(*watch),
                Order::Close => return false,
            }
        }
        true
    }

    fn begin(&mut self, watch: Watch) {
        let reports = watch.dir.join("reports.jsonl");
        // The file must exist to be watched; the keeper appends to it.
        let made = File::options().create(true).append(true).open(&reports);
        let flags = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CLOSE_WRITE;
        let descriptor = made.and_then(|_| Ok(inotify::add_watch(&self.notify, &reports, flags)?));
        let Ok(descriptor) = descriptor else { return self.feed_gone(&watch) };
        let (keeper, gone) = match watch.keeper {
            None => (None, false),
            Some(process) => match open_keeper(process) {
                Some(fd) => (Some(fd), false),
                None => (None, true),
            },
        };
        let key = (watch.run.clone(), watch.attempt);
        let listening = Listening {
            watch,
            descriptor,
            offset: 0,
            torn: Vec::new(),
            keeper,
            gone: false,
            exited: false,
        };
        self.heard.insert(key.clone(), listening);
        self.pump(&key);
        if gone {
            self.keeper_gone(&key);
        }
    }

    fn changed(&mut self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.notify, &mut buffer);
        let mut descriptors = Vec::new();
        while let Ok(event) = events.next() {
            descriptors.push(event.wd());
            if events.is_buffer_empty() {
                break;
            }
        }
        let keys: Vec<(RunId, u32)> = self
            .heard
            .iter()
            .filter(|(_, listening)| descriptors.contains(&listening.descriptor))
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            self.pump(&key);
        }
    }

    /// Reads what was added and feeds each whole line.
    fn pump(&mut self, key: &(RunId, u32)) {
        let Some(listening) = self.heard.get_mut(key) else { return };
        let Ok(added) = read_from(&listening.watch.dir.join("reports.jsonl"), listening.offset)
        else {
            return;
        };
        listening.offset += added.len() as u64;
        listening.torn.extend(added);
        let mut fed = Vec::new();
        while let Some(end) = listening.torn.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = listening.torn.drain(..=end).collect();
            // A line that a dying keeper tore is ended by the next opener and says nothing.
            let Ok(line) = serde_json::from_slice::<Line>(&line) else { continue };
            if line.line > listening.watch.after {
                listening.exited |= matches!(line.entry, Entry::Exit { .. });
                fed.push(line);
            }
        }
        let watch = listening.watch.clone();
        for line in fed {
            if let Some(input) = input_of(&watch, line.entry) {
                self.feed(&watch, &format!("line/{}", line.line), input);
            }
        }
    }

    /// The keeper is gone: its last lines, else what its warden left, else that there is no word.
    fn keeper_gone(&mut self, key: &(RunId, u32)) {
        self.pump(key);
        let Some(listening) = self.heard.get_mut(key) else { return };
        if listening.exited {
            return;
        }
        if let Some((keeper, fd)) = other_keeper(&listening.watch) {
            // The one that was started twice left at once; the first is at work.
            listening.watch.keeper = Some(keeper);
            listening.keeper = Some(fd);
            return;
        }
        listening.gone = true;
        let watch = listening.watch.clone();
        match read_exit(&watch.dir) {
            Some(exit) => {
                let input = Input::Exited { attempt: watch.attempt, exit };
                self.feed(&watch, "exit", input);
            }
            None => self.feed_gone(&watch),
        }
    }

    fn feed_gone(&self, watch: &Watch) {
        let started = skep_api::start::read(&watch.dir);
        let host_restarted =
            started.is_some_and(|start| tree::boot_id().is_ok_and(|boot| boot != start.boot));
        self.feed(watch, "gone", Input::Gone { attempt: watch.attempt, host_restarted });
    }

    fn feed(&self, watch: &Watch, part: &str, input: run::Input) {
        let key = format!("{}/{}/{part}", watch.run, watch.attempt);
        let input = Box::new(fleet::Input::Run { run: watch.run.clone(), input });
        // The engine closes last; then there is nobody to tell.
        let _closed =
            self.inbox.send(Inbox::Report { key, source: format!("line/{}", watch.run), input });
    }
}

/// Opens a pidfd for `process`; none when it is dead, or another has its pid.
fn open_keeper(process: Process) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(process.pid).ok()?)?;
    let fd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    match tree::probe(process) {
        Probe::Alive | Probe::Unknown => Some(fd),
        Probe::Dead => None,
    }
}

/// The keeper that the attempt's start record names, where it lives and is not the one that was listened to.
fn other_keeper(watch: &Watch) -> Option<(Process, OwnedFd)> {
    let start = skep_api::start::read(&watch.dir)?;
    if tree::boot_id().is_ok_and(|boot| boot != start.boot) {
        // Whoever has that pid in this boot is somebody else.
        return None;
    }
    let named = Process { pid: start.gatekeeper.pid, started: start.gatekeeper.started };
    if watch.keeper == Some(named) {
        return None;
    }
    open_keeper(named).map(|fd| (named, fd))
}

fn read_from(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads `exit.json`; none where it is not there or not whole.
pub fn read_exit(dir: &Path) -> Option<Exit> {
    serde_json::from_slice(&std::fs::read(dir.join("exit.json")).ok()?).ok()
}

/// What a line of a run means to its machine; none for what only people read.
fn input_of(watch: &Watch, entry: Entry) -> Option<Input> {
    let attempt = watch.attempt;
    Some(match entry {
        Entry::Started { pid, gatekeeper } => Input::Started { attempt, pid, gatekeeper },
        Entry::Agent(said) => Input::Said { attempt, said },
        Entry::Silence { quiet_ms, tool } => Input::Silent { attempt, quiet_ms, tool },
        Entry::Heard {} => Input::Heard { attempt },
        Entry::Overdue { what, text } => Input::Overdue { attempt, what, text },
        Entry::Exit { exit } => Input::Exited { attempt, exit },
        Entry::Delivered { id, .. } => {
            Input::Told { attempt, id, word: Word::Delivered, text: String::new() }
        }
        Entry::Message { id, word, text } => Input::Told { attempt, id, word, text },
        Entry::Called { key, call } => Input::of_tool(attempt, told_by(key, call)),
        Entry::CallLeft { key } => Input::of_tool(attempt, Tool::Left { key }),
        Entry::Stderr { .. }
        | Entry::Output { .. }
        | Entry::Settled { .. }
        | Entry::Decided { .. }
        | Entry::Rules { .. }
        | Entry::Dropped { .. } => return None,
    })
}

/// What a call of an agent's tool is to its run.
fn told_by(key: String, call: Call) -> Tool {
    let claim = match call {
        Call::Ask { to, question, context, options, .. } => {
            return Tool::Asked(Box::new(Asking { key, to, text: question, context, options }));
        }
        Call::Report { status, summary, evidence } => Claim::Work { status, summary, evidence },
        Call::Claim { paths } => Claim::Paths { paths },
        Call::Note { text } => Claim::Note { text },
        Call::Verdict { critiques } => Claim::Verdict { critiques },
    };
    Tool::Claimed(Box::new(claim))
}
