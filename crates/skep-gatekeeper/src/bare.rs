//! `skep gatekeeper [--tied] [--task-file F] -- CMD…`: any command under two guards that end with their parent.
//!
//! Owns: the bare keeper: passing signals on, passing the exit code through.
//! Never: reads a word of what the command says; its input and output are inherited.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Write},
    os::{fd::AsFd, unix::ffi::OsStrExt},
    path::PathBuf,
    process::{Child, ExitCode},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, getpid, set_child_subreaper};
use skep_host::proc::{self, Signals};
use thiserror::Error;

use crate::{
    ending::Tree,
    link::Link,
    terminal::Terminal,
    warden::{GRACE, Orders, PARENT_DEATH, Parent, Patience},
};

#[cfg(test)]
mod tests;

/// Why the bare gatekeeper itself failed.
#[derive(Debug, Error)]
enum BareError {
    #[error("no command: say `skep gatekeeper [--tied] [--task-file FILE] -- COMMAND…`")]
    NoCommand,
    #[error("`{}` is no option of it", .0.to_string_lossy())]
    Option(OsString),
    #[error("read the task file `{}`: {source}", .path.display())]
    TaskFile { path: PathBuf, source: io::Error },
    #[error("start the warden: {0}")]
    Warden(io::Error),
    #[error("{0}")]
    Start(String),
}

/// What the caller wants.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    tied: bool,
    task_file: Option<PathBuf>,
    command: Vec<OsString>,
}

/// Runs the bare gatekeeper; none where only help is asked for.
pub fn enter(args: &[OsString]) -> Option<ExitCode> {
    let before = args.iter().take_while(|arg| *arg != "--");
    if before.into_iter().any(|arg| arg == "--help" || arg == "-h") {
        return None;
    }
    Some(match parse(args).and_then(run) {
        Ok(code) => code,
        Err(err) => {
            // Standard error may be gone with the terminal; the code tells it too.
            let _unread = writeln!(io::stderr(), "skep gatekeeper: {err}");
            ExitCode::FAILURE
        }
    })
}

fn parse(args: &[OsString]) -> Result<Wanted, BareError> {
    let mut wanted = Wanted::default();
    let mut args = args.iter();
    loop {
        let arg = args.next().ok_or(BareError::NoCommand)?;
        match arg.to_str() {
            Some("--") => break,
            Some("--tied") => wanted.tied = true,
            Some("--task-file") => {
                wanted.task_file = Some(args.next().ok_or(BareError::NoCommand)?.into());
            }
            _ => match arg.as_bytes().strip_prefix(b"--task-file=") {
                Some(path) => wanted.task_file = Some(OsStr::from_bytes(path).into()),
                None => return Err(BareError::Option(arg.clone())),
            },
        }
    }
    wanted.command = args.cloned().collect();
    if wanted.command.is_empty() { Err(BareError::NoCommand) } else { Ok(wanted) }
}

/// The task's text, trimmed, as one more argument.
fn read_task(path: &PathBuf) -> Result<OsString, BareError> {
    let text =
        fs::read(path).map_err(|source| BareError::TaskFile { path: path.clone(), source })?;
    Ok(OsStr::from_bytes(text.trim_ascii()).to_owned())
}

fn run(wanted: Wanted) -> Result<ExitCode, BareError> {
    let kinds = [Signal::CHILD, Signal::TERM, Signal::INT, Signal::HUP, PARENT_DEATH];
    let signals = Signals::take(&kinds).map_err(BareError::Warden)?;
    set_child_subreaper(Some(getpid())).map_err(|err| BareError::Warden(err.into()))?;
    let Some(parent) = Parent::follow(None, wanted.tied).map_err(BareError::Warden)? else {
        return Err(BareError::Start("whoever started it is gone already".to_owned()));
    };
    let mut command = wanted.command;
    if let Some(path) = &wanted.task_file {
        command.push(read_task(path)?);
    }
    let keeper = Bare::begin(&command, signals, parent)?;
    if let Some(path) = &wanted.task_file {
        // It was used; that it stays behind harms nobody, and the command runs.
        let _left = fs::remove_file(path);
    }
    keeper.watch()
}

struct Bare {
    signals: Signals,
    parent: Parent,
    link: Link,
    warden: Child,
    agent: Option<Pid>,
    terminal: Option<Terminal>,
    patience: Patience,
}

impl Bare {
    /// Starts the warden, and through it the command.
    fn begin(command: &[OsString], signals: Signals, parent: Parent) -> Result<Bare, BareError> {
        let terminal = Terminal::of(io::stdin());
        let (link, theirs) = Link::pair().map_err(BareError::Warden)?;
        let mut program = Orders::of_keeper(command).program();
        if terminal_name_is_missing() {
            program.env("TERM", "xterm-256color");
        }
        let warden =
            program.env("FORCE_COLOR", "1").stdin(theirs).spawn().map_err(BareError::Warden)?;
        drop(program);
        link.hand(&[io::stdin().as_fd()]).map_err(BareError::Warden)?;
        let mut keeper = Bare {
            signals,
            parent,
            link,
            warden,
            agent: None,
            terminal,
            patience: Patience::default(),
        };
        let first = keeper.link.hear_line();
        if let Some(why) = first.strip_prefix("failed ") {
            keeper.end();
            return Err(BareError::Start(why.to_owned()));
        }
        keeper.agent =
            first.strip_prefix("started ").and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        Ok(keeper)
    }

    fn watch(mut self) -> Result<ExitCode, BareError> {
        loop {
            proc::wait_readable(&[self.signals.as_fd()], None).map_err(BareError::Warden)?;
            for signal in self.signals.arrived() {
                if signal == Signal::CHILD {
                    if let Some(code) = self.wardens_code() {
                        return Ok(ExitCode::from(code));
                    }
                } else if signal == PARENT_DEATH {
                    if self.parent.is_gone() {
                        self.link.say(b"s");
                    }
                } else {
                    // A warden that is gone is told by its own signal.
                    self.link.say(if self.patience.is_over(Instant::now()) { b"f" } else { b"s" });
                }
            }
        }
    }

    /// The code to end with, once the warden is gone and nothing is left.
    fn wardens_code(&mut self) -> Option<u8> {
        let status = self.warden.try_wait().ok()??;
        // A warden that ended by itself has left nothing; then this finds nothing.
        let death = self.end();
        let code = match (status.code(), death) {
            (Some(code), _) => code,
            (None, Some(death)) => death,
            (None, None) => 128 + Signal::KILL.as_raw(),
        };
        Some(u8::try_from(code).unwrap_or(1))
    }

    /// Ends what is left of the tree. Returns the agent's code, where it was left to us.
    fn end(&mut self) -> Option<i32> {
        let mut tree = Tree::new(self.agent, &[], self.terminal.take());
        let ended = tree.end(Instant::now() + GRACE, |pause| self.is_forced(pause));
        tree.take_terminal_back();
        ended.death.map(|death| death.code)
    }

    fn is_forced(&mut self, wait: Duration) -> bool {
        // Were it to fail, the end would only be looked for more often.
        let _ready = proc::wait_readable(&[self.signals.as_fd()], Some(wait));
        let asked = self
            .signals
            .arrived()
            .into_iter()
            .any(|signal| signal != Signal::CHILD && signal != PARENT_DEATH);
        asked && self.patience.is_over(Instant::now())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command inherits the whole environment, and this is about one name in it"
)]
fn terminal_name_is_missing() -> bool {
    std::env::var_os("TERM").is_none_or(|name| name.is_empty())
}
