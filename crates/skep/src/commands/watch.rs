//! `skep watch`: all runs on one screen, and every wish a key away.
//!
//! Owns: the loop that hears keys, signals and news, steps the model, and draws when something has changed.
//! Never: waits for the daemon, an agent or a disk while a person waits for a key.

mod answers;
mod draw;
mod edit;
mod fold;
mod follow;
mod glass;
mod keys;
mod leave;
mod model;
mod sight;
mod words;

use std::{
    io::{self, Read},
    os::{fd::AsFd, unix::net::UnixStream},
    panic,
    process::ExitCode,
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::{Duration, Instant},
};

use ratatui::{Terminal, backend::Backend};
use rustix::{
    process::Signal,
    stdio::{stdin, stdout},
    termios::isatty,
};
use skep_api::{
    request::Ask,
    view::{RunView, TaskView},
};
use skep_core::id::RunId;
use skep_host::proc::{self, Signals};

use self::{
    follow::Teller,
    glass::{Glass, Loan},
    keys::Keys,
    model::{Event, State, Wish},
    sight::{Kind, Sight, Target},
    words::Words,
};
use super::{attach, read};
use crate::{
    connect::Skep,
    exit::{CliError, INTERRUPTED, Outcome},
    output::{Output, now},
};

/// How many pieces of news may wait; then whoever has more waits.
const NEWS: usize = 16;
/// How long the rest of a key may take.
const KEY: Duration = Duration::from_millis(50);
/// The least time between two readings of a journal.
const APART: Duration = Duration::from_millis(100);
/// How long a stop by Ctrl-Z may take to come.
const STOPS: Duration = Duration::from_millis(200);

pub(super) fn watch(skep: &Skep) -> Outcome {
    let draws = skep.env.get("TERM").is_none_or(|kind| kind != "dumb");
    if skep.out.json || !draws || !isatty(stdin()) || !isatty(stdout()) {
        return Err(CliError::error("no-terminal", "this is no terminal to draw on")
            .hint("skep ls")
            .hint("skep events -f"));
    }
    let runs: Vec<RunView> = read(skep.ask(Ask::Ls { all: false, project: None })?)?;
    let tasks: Vec<TaskView> = read(skep.ask(Ask::TaskLs {})?)?;
    let colour = skep.env.get("NO_COLOR").is_none_or(String::is_empty);
    let mut quiet = skep.clone();
    quiet.out = Output::new(false, true, !colour);
    let signals = Signals::take(&[
        Signal::WINCH,
        Signal::CONT,
        Signal::TERM,
        Signal::INT,
        Signal::HUP,
        Signal::QUIT,
    ])?;
    let (events, news) = sync_channel(NEWS);
    let (bell, ring) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    ring.set_nonblocking(true)?;
    let teller = Teller::new(events, ring);
    let loan = Loan::take()?;
    guard(&loan, &teller);
    let size = Glass::default().size()?;
    let mut state = State::new(runs, now(), (size.width, size.height), colour);
    state.step(Event::Planned(tasks), now());
    let mut watch = Watch {
        skep: quiet,
        teller,
        state,
        shown: None,
        source: Source::None,
        glass: Terminal::new(Glass::default())?,
        loan,
        leaves: None,
    };
    let left = watch.run(signals, &bell, &news);
    watch.loan.close();
    left
}

/// A panic gives the terminal back before it says what it has to say; elsewhere than in the loop it is news.
fn guard(loan: &Loan, teller: &Teller) {
    let (loan, teller, main) = (loan.clone(), teller.clone(), thread::current().id());
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |why| {
        if thread::current().id() == main {
            loan.close();
            before(why);
        } else {
            teller.try_tell(Event::Broke(why.to_string()));
        }
    }));
}

/// Where what is beside the list comes from.
enum Source {
    None,
    Words {
        words: Words,
        read: Instant,
    },
    /// The thread that looks ends when this is dropped.
    Screen {
        _held: UnixStream,
    },
}

struct Watch {
    skep: Skep,
    teller: Teller,
    state: State,
    /// What the source is of.
    shown: Option<Target>,
    source: Source,
    glass: Terminal<Glass>,
    loan: Loan,
    leaves: Option<u8>,
}

impl Watch {
    fn run(&mut self, mut signals: Signals, bell: &UnixStream, news: &Receiver<Event>) -> Outcome {
        let mut keys = Keys::default();
        // Since when something waits that may be the beginning of a key.
        let mut begun: Option<Instant> = None;
        self.show()?;
        follow::runs(&self.skep, &self.teller)?;
        loop {
            if let Some(code) = self.leaves {
                return Ok(ExitCode::from(code));
            }
            let (ready, timed_out) = self.wait(&signals, bell, begun)?;
            let [typed, signalled, rung, written] = ready;
            let mut changed = false;
            if signalled {
                changed |= self.heed(&signals.arrived())?;
            }
            if typed {
                let Some(bytes) = typed_bytes()? else {
                    // The terminal is gone.
                    self.leaves = Some(INTERRUPTED);
                    continue;
                };
                for key in keys.push(&bytes) {
                    changed = true;
                    self.step(Event::Key(key), &signals)?;
                }
            } else if begun.is_some_and(|begun| begun.elapsed() >= KEY)
                && let Some(key) = keys.settle()
            {
                changed = true;
                self.step(Event::Key(key), &signals)?;
            }
            begun = keys.wait().then(|| begun.filter(|_| !typed).unwrap_or_else(Instant::now));
            if rung {
                silence(bell)?;
                while let Ok(event) = news.try_recv() {
                    changed = true;
                    self.step(event, &signals)?;
                }
            }
            if written {
                changed |= self.read_words(&signals)?;
            }
            if timed_out {
                changed = true;
                self.step(Event::Clock, &signals)?;
            }
            if changed && self.leaves.is_none() {
                self.show()?;
            }
        }
    }

    /// Waits for something: a key, a signal, the bell, a journal; or for the time of the next age.
    fn wait(
        &self,
        signals: &Signals,
        bell: &UnixStream,
        begun: Option<Instant>,
    ) -> io::Result<([bool; 4], bool)> {
        let mut fds = vec![stdin(), signals.as_fd(), bell.as_fd()];
        let mut wait = self.state.next_age().map(Duration::from_secs);
        let mut sooner = |time: Duration| wait = Some(wait.map_or(time, |wait| wait.min(time)));
        if let Some(begun) = begun {
            sooner(KEY.saturating_sub(begun.elapsed()));
        }
        if let Source::Words { words, read } = &self.source {
            let left = APART.saturating_sub(read.elapsed());
            match words.news() {
                Some(fd) if left.is_zero() => fds.push(fd),
                Some(_) => sooner(left),
                None => {}
            }
        }
        let ready = proc::wait_readable(&fds, wait)?;
        let is = |nth: usize| ready.get(nth) == Some(&true);
        Ok(([is(0), is(1), is(2), is(3)], !ready.contains(&true)))
    }

    fn heed(&mut self, arrived: &[Signal]) -> io::Result<bool> {
        for signal in arrived {
            match *signal {
                Signal::WINCH => {
                    let size = self.glass.backend().size()?;
                    self.state.step(Event::Resized(size.width, size.height), now());
                }
                // Whoever stopped it may have used the terminal.
                Signal::CONT => self.open_again()?,
                _ => self.leaves = Some(INTERRUPTED),
            }
        }
        Ok(!arrived.is_empty())
    }

    fn step(&mut self, event: Event, signals: &Signals) -> Result<(), CliError> {
        for wish in self.state.step(event, now()) {
            match wish {
                Wish::Ask(asked) => follow::ask(&self.skep, &self.teller, asked)?,
                Wish::Attach(run) => {
                    // Its screen is looked at once, and by whoever may type.
                    (self.source, self.shown) = (Source::None, None);
                    self.loan.close();
                    let left = attach::attach(&self.skep, &run).err().map(|err| err.refusal);
                    self.open_again()?;
                    self.state.step(Event::Left(left), now());
                }
                Wish::Suspend => {
                    self.loan.close();
                    rustix::process::kill_current_process_group(Signal::TSTP)
                        .map_err(io::Error::from)?;
                    // Where nobody could continue it, the kernel does not stop it.
                    let _woken = proc::wait_readable(&[signals.as_fd()], Some(STOPS));
                    self.open_again()?;
                }
                Wish::Repaint => self.open_again()?,
                Wish::Leave(code) => self.leaves = Some(code),
            }
        }
        Ok(())
    }

    fn open_again(&mut self) -> io::Result<()> {
        self.loan.open()?;
        self.glass = Terminal::new(Glass::default())?;
        let size = self.glass.backend().size()?;
        self.state.size = (size.width, size.height);
        Ok(())
    }

    fn read_words(&mut self, signals: &Signals) -> Result<bool, CliError> {
        let (Source::Words { words, read }, Some(target)) = (&mut self.source, &self.shown) else {
            return Ok(false);
        };
        *read = Instant::now();
        let seen = words.read();
        if seen == self.state.sight {
            return Ok(false);
        }
        self.step(Event::Seen(target.clone(), seen), signals)?;
        Ok(true)
    }

    /// Turns to what is to be seen now, and draws.
    fn show(&mut self) -> Result<(), CliError> {
        let target = self.state.target();
        if target != self.shown {
            self.turn(target)?;
        }
        let mut farthest = 0;
        self.glass.draw(|frame| farthest = draw::draw(frame, &self.state))?;
        self.state.farthest = farthest;
        Ok(())
    }

    fn turn(&mut self, target: Option<Target>) -> Result<(), CliError> {
        self.shown.clone_from(&target);
        self.source = Source::None;
        let Some(target) = target else { return Ok(()) };
        match &target.kind {
            Kind::Words => {
                let run: RunId = target
                    .run
                    .parse()
                    .map_err(|err| CliError::error("run-unknown", format!("{err}")))?;
                let mut words = Words::of(&self.skep, &run, target.attempt);
                let seen = words.read();
                self.source = Source::Words { words, read: Instant::now() };
                self.state.step(Event::Seen(target, seen), now());
            }
            Kind::Screen => {
                if let Some(run) = self.state.run().cloned() {
                    let held = follow::screen(&self.skep, &self.teller, run, target)?;
                    self.source = Source::Screen { _held: held };
                }
            }
            Kind::Diff { .. } => follow::diff(&self.skep, &self.teller, target)?,
        }
        Ok(())
    }
}

/// What a run has changed.
fn changes(skep: &Skep, run: &str) -> Result<Sight, CliError> {
    let ask = Ask::Diff { run: run.to_owned(), path: None };
    Ok(Sight::Diff(sight::of_diff(&read(skep.ask(ask)?)?)))
}

/// What was typed; none where the terminal is gone.
fn typed_bytes() -> io::Result<Option<Vec<u8>>> {
    let mut buffer = [0; 4096];
    match rustix::io::read(stdin(), &mut buffer) {
        Ok(0) | Err(rustix::io::Errno::IO) => Ok(None),
        Ok(bytes) => Ok(Some(buffer[..bytes].to_vec())),
        Err(rustix::io::Errno::INTR) => Ok(Some(Vec::new())),
        Err(err) => Err(err.into()),
    }
}

/// Takes notice of the bell.
fn silence(mut bell: &UnixStream) -> io::Result<()> {
    let mut buffer = [0; 256];
    loop {
        match bell.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(err) => return Err(err),
        }
    }
}
