//! What goes on while a person looks: runs, answers, screens, each on a thread of its own.
//!
//! Owns: the connections, how often they are read, and that a daemon that went away is found again.
//! Never: decides; all that is heard goes through one channel to one loop. A loop that is busy makes them wait.

use std::{
    io::{self, BufReader, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::fs::inotify;
use serde_json::Value;
use skep_api::{
    client::{Client, ClientError},
    ctl::{
        Answer, Control,
        frame::{Frame, Frames},
    },
    request::Ask,
    view::{Health, RunView, TaskView},
    wire,
};
use skep_host::proc;

use super::{
    model::{Asked, Event},
    sight::{Picture, Sight, Target},
};
use crate::{
    commands::{attach, read},
    connect::{self, Skep, random_id},
    exit::CliError,
};

/// The least time between two readings of the list, or of a screen.
const APART: Duration = Duration::from_millis(100);
/// How long a daemon that could not be reached is left alone, if nothing tells that there is one.
const AGAIN: Duration = Duration::from_secs(5);

/// The way to the loop.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    events: SyncSender<Event>,
    bell: Arc<UnixStream>,
}

impl Teller {
    /// Makes one that rings `bell`.
    pub(super) fn new(events: SyncSender<Event>, bell: UnixStream) -> Teller {
        Teller { events, bell: Arc::new(bell) }
    }

    /// Tells the loop; false where there is none any more.
    pub(super) fn tell(&self, event: Event) -> bool {
        let told = self.events.send(event).is_ok();
        // A bell that is full rings already.
        let _rings = (&*self.bell).write(&[0]);
        told
    }

    /// Tells the loop if it listens just now.
    pub(super) fn try_tell(&self, event: Event) {
        // One that does not has more to do than to hear this.
        let _told = self.events.try_send(event);
        let _rings = (&*self.bell).write(&[0]);
    }
}

/// Begins to follow the runs.
pub(super) fn runs(skep: &Skep, teller: &Teller) -> io::Result<()> {
    let (skep, teller) = (skep.clone(), teller.clone());
    thread::Builder::new().name("runs".to_owned()).spawn(move || {
        let mut pause = Duration::ZERO;
        loop {
            let mut listed = false;
            let mut asker = skep.client();
            let ended = match &mut asker {
                Ok(asker) => session(&skep, asker, &teller, &mut listed),
                Err(_) => Ok(()),
            };
            let why = match (&asker, ended) {
                (Ok(_), Ok(())) => "it has ended".to_owned(),
                (Ok(_), Err(err)) => err.refusal.message,
                (Err(err), _) => err.refusal.message.clone(),
            };
            if !teller.tell(Event::Away(why)) {
                return;
            }
            if let Ok(asker) = &asker {
                // Only when it is gone, its socket says whether it was to leave.
                connect::await_end(asker, AGAIN);
            }
            pause = if listed { Duration::ZERO } else { (pause * 2).clamp(APART, AGAIN) };
            await_daemon(&skep, pause);
        }
    })?;
    Ok(())
}

/// Follows the runs until the daemon is gone.
fn session(
    skep: &Skep,
    asker: &mut Client,
    teller: &Teller,
    listed: &mut bool,
) -> Result<(), CliError> {
    let health: Health = read(asker.ask(&random_id()?, Ask::Health {}, |_| ())?)?;
    let mut stream = skep.standing()?;
    let (happened, news) = sync_channel(1);
    let from = health.seq + 1;
    let id = random_id()?;
    thread::Builder::new().name("events".to_owned()).spawn(move || {
        // However it ends, whoever waits for news sees that there are no more.
        let _ended = stream.stream(&id, Ask::Events { from, follow: true }, |_| {
            !matches!(happened.try_send(()), Err(TrySendError::Disconnected(())))
        });
    })?;
    let mut tasks = None;
    loop {
        let at = Instant::now();
        let planned: Vec<TaskView> = read(asker.ask(&random_id()?, Ask::TaskLs {}, |_| ())?)?;
        if tasks.as_ref() != Some(&planned) {
            tasks = Some(planned.clone());
            if !teller.tell(Event::Planned(planned)) {
                return Ok(());
            }
        }
        let runs: Vec<RunView> =
            read(asker.ask(&random_id()?, Ask::Ls { all: false, project: None }, |_| ())?)?;
        *listed = true;
        if !teller.tell(Event::Listed(runs)) || news.recv().is_err() {
            return Ok(());
        }
        // Whatever happens meanwhile is in the next list.
        thread::sleep(APART.saturating_sub(at.elapsed()));
        while news.try_recv().is_ok() {}
    }
}

/// Waits until there may be a daemon, and after a failure for a pause.
///
/// One that was killed leaves its socket, and is started again by whoever asks; one that was told to leave is wanted gone.
fn await_daemon(skep: &Skep, pause: Duration) {
    let socket = skep.home.daemon_socket();
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).and_then(|fd| {
        let what = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
        inotify::add_watch(&fd, skep.home.sockets(), what).map(|_| fd)
    });
    let Ok(watch) = watch else { return thread::sleep(AGAIN) };
    let mut bytes = [0; 1024];
    while !socket.exists() {
        // Whatever came, only that the socket is there counts. A folder that was made anew tells nothing.
        if proc::wait_readable(&[watch.as_fd()], Some(AGAIN)).is_ok_and(|ready| ready == [true]) {
            let _read = rustix::io::read(&watch, &mut bytes);
        }
    }
    if !pause.is_zero() {
        let _waited = proc::wait_readable(&[watch.as_fd()], Some(pause));
    }
}

/// Asks the daemon something that a person wishes.
pub(super) fn ask(skep: &Skep, teller: &Teller, asked: Asked) -> io::Result<()> {
    let (skep, teller) = (skep.clone(), teller.clone());
    thread::Builder::new().name("wish".to_owned()).spawn(move || {
        let answer: Result<Value, _> = skep.ask(asked.ask.clone()).map_err(|err| err.refusal);
        teller.tell(Event::Answered(asked, answer));
    })?;
    Ok(())
}

/// Looks at what a run has changed.
pub(super) fn diff(skep: &Skep, teller: &Teller, target: Target) -> io::Result<()> {
    let (skep, teller) = (skep.clone(), teller.clone());
    thread::Builder::new().name("diff".to_owned()).spawn(move || {
        let seen =
            super::changes(&skep, &target.run).unwrap_or_else(|err| Sight::Trouble(err.refusal));
        teller.tell(Event::Seen(target, seen));
    })?;
    Ok(())
}

/// Looks at an agent's screen until what this returns is dropped.
pub(super) fn screen(
    skep: &Skep,
    teller: &Teller,
    run: RunView,
    target: Target,
) -> io::Result<UnixStream> {
    let (held, stop) = UnixStream::pair()?;
    let (skep, teller) = (skep.clone(), teller.clone());
    thread::Builder::new().name("screen".to_owned()).spawn(move || {
        if let Err(err) = look(&skep, &teller, &run, &target, &stop) {
            teller.tell(Event::Seen(target, Sight::Trouble(err.refusal)));
        }
    })?;
    Ok(held)
}

fn look(
    skep: &Skep,
    teller: &Teller,
    run: &RunView,
    target: &Target,
    stop: &UnixStream,
) -> Result<(), CliError> {
    let mut stream = attach::connect(skep, run)?;
    stream.set_read_timeout(Some(AGAIN))?;
    wire::send(&mut &stream, &Control::Look {})?;
    let mut from = BufReader::new(stream.try_clone()?);
    let mut frames = Frames::default();
    match wire::receive(&mut from)? {
        Some(Answer::Accepted {}) => frames.push(from.buffer()),
        Some(Answer::Refused { slug, text }) => {
            return Err(CliError::error(&slug, text).hint("the key l shows its words"));
        }
        Some(Answer::Queued {} | Answer::Tool { .. } | Answer::Status { .. }) | None => {
            return Err(ClientError::Broken(io::ErrorKind::UnexpectedEof.into()).into());
        }
    }
    let mut screen = vt100::Parser::new(24, 80, 0);
    let mut buffer = [0; 16 << 10];
    // When there is something that was not told yet, it is due then.
    let mut due: Option<Instant> = None;
    loop {
        while let Some(frame) = frames.take()? {
            match frame {
                Frame::Resize(size) => screen.screen_mut().set_size(size.rows, size.cols),
                Frame::Output(bytes) => screen.process(&bytes),
                Frame::Exit(_) => return Ok(()),
                Frame::Input(_) | Frame::Detach => {}
            }
            due = due.or(Some(Instant::now() + Duration::from_millis(20)));
        }
        if due.is_some_and(|due| due <= Instant::now()) {
            let seen = Sight::Screen(Picture::of(screen.screen()));
            if !teller.tell(Event::Seen(target.clone(), seen)) {
                return Ok(());
            }
            due = None;
            // A flood is looked at as often as the list.
            let pause = proc::wait_readable(&[stop.as_fd()], Some(APART))?;
            if pause == [true] {
                return Ok(());
            }
        }
        let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
        let ready = proc::wait_readable(&[stream.as_fd(), stop.as_fd()], wait)?;
        if ready.get(1) == Some(&true) {
            return Ok(());
        }
        if ready.first() == Some(&true) {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                bytes => frames.push(&buffer[..bytes]),
            }
        }
    }
}
