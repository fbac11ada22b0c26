//! `skep attach`: an agent's terminal in this one.
//!
//! Ctrl-Q leaves. Twice in a row it is one Ctrl-Q for the agent; one alone never reaches it.

use std::{
    io::{self, BufReader, Read, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    process::Signal,
    stdio::{stdin, stdout},
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr},
};
use skep_api::{
    ctl::{
        Answer, Control,
        frame::{Frame, Frames},
    },
    request::Ask,
    spec::Size,
    view::RunView,
    wire::{self, Refusal},
};
use skep_core::{id::RunId, run::Surface};
use skep_host::proc::{self, Signals};

use super::read;
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
};

/// Ctrl-Q.
const LEAVE: u8 = 0x11;
/// How long a second one may take to make the first one the agent's.
const TWICE: Duration = Duration::from_millis(300);
/// How long a keeper may take to come up and to answer.
const COMES_UP: Duration = Duration::from_secs(5);
const ANSWERS: Duration = Duration::from_secs(15);
/// How long what is typed may wait for a keeper that does not read it.
const TAKES: Duration = Duration::from_secs(5);

/// A window of its own, with the title kept for afterwards.
const OPEN: &[u8] = b"\x1b[?1049h\x1b[22;0t\x1b[H\x1b[2J";
/// Everything that an agent can have changed of a terminal, back; then the window away.
const CLOSE: &[u8] = b"\x1b[?2026l\x1b[?6l\x1b[r\x1b[?7h\x1b[4l\x1b(B\x0f\x1b[m\x1b[?25h\x1b[?1l\x1b>\x1b[?5l\
    \x1b[?2004l\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?1004l\
    \x1b[0 q\x1b[H\x1b[2J\x1b[?1049l\x1b[23;0t";

/// Why a viewer does not look any more.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    /// It was asked to, by a key, a signal, or the end of its terminal.
    Asked,
    /// The agent has ended.
    Ended(i32),
    /// The keeper is gone without a word.
    BrokenOff,
}

pub(super) fn attach(skep: &Skep, id: &str) -> Outcome {
    require_terminal(id)?;
    let run: RunView = read(skep.ask(Ask::Show { run: id.to_owned() })?)?;
    look_at(skep, &run)
}

/// Has the agent go on with its conversation on its own screen, and shows that.
pub(super) fn on_screen(skep: &Skep, id: &str) -> Outcome {
    require_terminal(id)?;
    let mut run: RunView = read(skep.ask(Ask::Show { run: id.to_owned() })?)?;
    if run.surface != Surface::Terminal || run.pid.is_none() {
        let run_id = run.id.clone();
        let surface = Some(Surface::Terminal);
        let ask = Ask::Again {
            run: run_id,
            goes_on: true,
            text: None,
            surface,
            env: std::collections::BTreeMap::new(),
        };
        run = read(skep.ask(ask)?)?;
    }
    look_at(skep, &run)
}

/// Whether there is a terminal here to show another one in.
pub(super) fn is_possible() -> bool {
    isatty(stdin()) && isatty(stdout())
}

fn require_terminal(id: &str) -> Result<(), CliError> {
    if is_possible() {
        return Ok(());
    }
    Err(CliError::error("no-terminal", "this is no terminal to show another one in")
        .hint(format!("skep logs {id} -f"))
        .hint("from a terminal: skep attach ID"))
}

fn look_at(skep: &Skep, run: &RunView) -> Outcome {
    if let Some(pane) = super::adopt::pane_of(run) {
        return super::adopt::go_to(skep, run, pane);
    }
    let (stream, frames) = knock(skep, run)?;
    let signals =
        Signals::take(&[Signal::WINCH, Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT])?;
    let left = {
        let _window = Window::open()?;
        Viewer { stream, frames, signals, knocked: None }.look()?
    };
    let name = &run.name;
    match left {
        Left::Asked => skep.out.note(&format!("left {name}; it goes on. skep attach {name}")),
        Left::Ended(code) => {
            skep.out.note(&format!("{name} has ended with exit code {code}. skep show {name}"));
        }
        Left::BrokenOff => {
            return Err(CliError::error(
                "keeper-broke-off",
                format!("the gatekeeper of {name} is gone, and the agent with it"),
            )
            .hint(format!("skep why {name}"))
            .hint(format!("skep logs {name}")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks the run's keeper to be let in.
fn knock(skep: &Skep, run: &RunView) -> Result<(UnixStream, Frames), CliError> {
    let stream = connect(skep, run)?;
    stream.set_read_timeout(Some(ANSWERS))?;
    stream.set_write_timeout(Some(TAKES))?;
    let Size { cols, rows } = size()?;
    wire::send(&mut &stream, &Control::Attach { cols, rows })?;
    let mut from = BufReader::new(&stream);
    let answer = wire::receive(&mut from)?;
    let mut frames = Frames::default();
    frames.push(from.buffer());
    match answer {
        Some(Answer::Accepted {}) => Ok((stream, frames)),
        Some(Answer::Refused { slug, text }) if slug == "not-a-terminal" => {
            Err(CliError::from(Refusal::error(slug, format!("{}: {text}", run.name)))
                .hint(format!("skep logs {} -f", run.name)))
        }
        Some(Answer::Refused { slug, text }) => {
            Err(CliError::from(Refusal::error(slug, format!("{}: {text}", run.name)))
                .hint(format!("skep show {}", run.name)))
        }
        Some(Answer::Queued {} | Answer::Tool { .. } | Answer::Status { .. }) | None => {
            Err(not_live(run))
        }
    }
}

fn not_live(run: &RunView) -> CliError {
    CliError::error("run-not-live", format!("{} has no agent that lives ({})", run.name, run.state))
        .hint(format!("skep show {}", run.name))
        .hint(format!("skep logs {}", run.name))
}

/// Connects to the keeper, which may be on its way up.
pub(super) fn connect(skep: &Skep, run: &RunView) -> Result<UnixStream, CliError> {
    let id: RunId =
        run.id.parse().map_err(|err| CliError::error("run-unknown", format!("{err}")))?;
    let socket = skep.home.control_socket(&id, run.attempt);
    let until = Instant::now() + COMES_UP;
    loop {
        match UnixStream::connect(&socket) {
            Ok(stream) => return Ok(stream),
            Err(_) if run.state == "starting" && Instant::now() < until => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(_) => return Err(not_live(run)),
        }
    }
}

fn size() -> io::Result<Size> {
    let size = tcgetwinsize(stdout())?;
    Ok(Size { cols: size.ws_col, rows: size.ws_row })
}

/// This terminal, lent; it comes back as it was, however we leave.
struct Window {
    modes: Termios,
}

impl Window {
    fn open() -> io::Result<Window> {
        let modes = tcgetattr(stdin())?;
        let window = Window { modes };
        let mut raw = window.modes.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        show(OPEN)?;
        Ok(window)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back. What was typed at the agent is not for the shell.
        let _gone = show(CLOSE);
        let _gone = tcsetattr(stdin(), OptionalActions::Flush, &self.modes);
    }
}

fn show(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(stdout(), bytes))?;
        bytes = &bytes[written..];
    }
    Ok(())
}

struct Viewer {
    stream: UnixStream,
    frames: Frames,
    signals: Signals,
    /// When the key to leave was pressed, if nothing has come after it.
    knocked: Option<Instant>,
}

impl Viewer {
    fn look(&mut self) -> io::Result<Left> {
        loop {
            while let Some(frame) = self.frames.take()? {
                match frame {
                    Frame::Output(bytes) => show(&bytes)?,
                    Frame::Exit(code) => return Ok(Left::Ended(code)),
                    Frame::Input(_) | Frame::Resize(_) | Frame::Detach => {}
                }
            }
            let wait = self.knocked.map(|at| TWICE.saturating_sub(at.elapsed()));
            let fds = [stdin(), self.stream.as_fd(), self.signals.as_fd()];
            let ready = proc::wait_readable(&fds, wait)?;
            if ready.get(1) == Some(&true) && !self.hear()? {
                return Ok(Left::BrokenOff);
            }
            let asked = (ready.get(2) == Some(&true) && self.is_signalled()?)
                || (ready.first() == Some(&true) && !self.type_in()?)
                || self.knocked.is_some_and(|at| at.elapsed() >= TWICE);
            if asked {
                // It sees our end of the connection close, too.
                let _gone = self.stream.write_all(&Frame::Detach.spell());
                return Ok(Left::Asked);
            }
        }
    }

    /// Reads what the keeper says; false if it says nothing any more.
    fn hear(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(bytes) => {
                self.frames.push(&buffer[..bytes]);
                Ok(bytes > 0)
            }
            Err(err) if err.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(err) => Err(err),
        }
    }

    /// Whether a signal asks to leave; a new size is told.
    fn is_signalled(&mut self) -> io::Result<bool> {
        let arrived = self.signals.arrived();
        if arrived.contains(&Signal::WINCH) {
            self.say(&Frame::Resize(size()?))?;
        }
        Ok(arrived.iter().any(|signal| *signal != Signal::WINCH))
    }

    /// Hands on what was typed; false if that is to leave.
    fn type_in(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let bytes = match rustix::io::read(stdin(), &mut buffer) {
            Ok(bytes) if bytes > 0 => &buffer[..bytes],
            Err(rustix::io::Errno::INTR) => return Ok(true),
            // The terminal is gone.
            Ok(_) | Err(_) => return Ok(false),
        };
        let (typed, stays) = keys(bytes, &mut self.knocked);
        if !typed.is_empty() {
            self.say(&Frame::Input(typed))?;
        }
        Ok(stays)
    }

    fn say(&mut self, frame: &Frame) -> io::Result<()> {
        match self.stream.write_all(&frame.spell()) {
            // Its last words are still to be read.
            Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            said => said,
        }
    }
}

/// What of `bytes` is for the agent, and whether the viewer stays.
fn keys(bytes: &[u8], knocked: &mut Option<Instant>) -> (Vec<u8>, bool) {
    let mut typed = Vec::new();
    for byte in bytes {
        match (*byte, knocked.take()) {
            (LEAVE, None) => *knocked = Some(Instant::now()),
            (LEAVE, Some(_)) => typed.push(LEAVE),
            (_, Some(_)) => return (typed, false),
            (byte, None) => typed.push(byte),
        }
    }
    (typed, true)
}
