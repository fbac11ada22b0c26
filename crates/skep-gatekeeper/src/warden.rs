//! The warden: starts one program, waits for it, ends its whole tree.
//!
//! Owns: its program's start and end, and `exit.json` where it is told a folder for it.
//! Never: prints while its program lives, follows a parent other than the one that started it, or leaves a process.
//! `__warden [--parent PID] [--lock FILE] [--grace-ms N] [--spare NAME]… [--last NAME]… [--link] [--terminal] [--exit-dir DIR]
//! [--cgroup DIR] [--fence FILE] -- CMD…`
//! See docs/design/stopping.md.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{
    Pid, Signal, getpgrp, getpid, getppid, kill_process_group, set_child_subreaper,
    set_parent_process_death_signal,
};
use skep_api::role;
use skep_core::{facts::Exit, time::Timestamp};
use skep_host::{
    cgroup,
    lock::{self, Lock, LockError},
    proc::{self, Signals},
    tree,
};

use crate::{
    ending::{Death, Tree},
    link::Link,
    record, stage,
    terminal::Terminal,
};

#[cfg(test)]
mod tests;

/// From TERM to KILL, where nobody says otherwise.
pub const GRACE: Duration = Duration::from_secs(2);
/// The parent-death signal of a guard. Not TERM, which may come from anyone; and since it comes as well when only the
/// thread that started us ends, it is a reason to look, no more.
pub const PARENT_DEATH: Signal = Signal::USR1;
/// Signals closer together than this are one: a terminal or `timeout` may send the same one twice.
pub const BURST: Duration = Duration::from_millis(200);
/// How often a warden that waits for its lock looks whether its parent still lives.
const LOCK_LOOK: Duration = Duration::from_millis(20);
/// How long it tries to write `exit.json` on a disk that is full.
const EXIT_TRIES: u32 = 60;

/// What a warden is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orders {
    /// Who must be our parent; by default whoever is at the first look.
    pub parent: Option<i32>,
    /// A lock to take before the program starts.
    pub lock: Option<PathBuf>,
    pub grace: Duration,
    /// Names of programs that may outlive the tree.
    pub spare: Vec<String>,
    /// Names of programs that are asked to end only after half of the grace.
    pub last: Vec<String>,
    /// Whether standard input is a line to a keeper, which hands over the program's own.
    pub link: bool,
    /// Whether the program's standard input is a terminal that is its alone: all three of its streams, in a session of
    /// its own.
    pub terminal: bool,
    /// Where `exit.json` goes.
    pub exit_dir: Option<PathBuf>,
    /// The control group to start the program in.
    pub cgroup: Option<PathBuf>,
    /// The file that says what the program and its tree may write.
    pub fence: Option<PathBuf>,
    pub command: Vec<OsString>,
}

impl Orders {
    /// Orders for `command`, as a keeper gives them.
    pub fn of_keeper(command: &[OsString]) -> Orders {
        Orders {
            parent: Some(getpid().as_raw_nonzero().get()),
            lock: None,
            grace: GRACE,
            spare: Vec::new(),
            last: Vec::new(),
            link: true,
            terminal: false,
            exit_dir: None,
            cgroup: None,
            fence: None,
            command: command.to_vec(),
        }
    }

    /// Reads orders; none if they make no sense.
    pub fn parse(args: &[OsString]) -> Option<Orders> {
        let mut orders = Orders { parent: None, link: false, ..Orders::of_keeper(&[]) };
        let mut args = args.iter();
        loop {
            let arg = args.next()?;
            match arg.to_str()? {
                "--" => break,
                "--link" => orders.link = true,
                "--terminal" => orders.terminal = true,
                "--parent" => orders.parent = Some(number(args.next()?)?),
                "--lock" => orders.lock = Some(args.next()?.into()),
                "--exit-dir" => orders.exit_dir = Some(args.next()?.into()),
                "--cgroup" => orders.cgroup = Some(args.next()?.into()),
                "--fence" => orders.fence = Some(args.next()?.into()),
                "--grace-ms" => orders.grace = Duration::from_millis(number(args.next()?)?),
                "--last" => orders.last.push(args.next()?.to_str()?.to_owned()),
                "--spare" => orders.spare.push(args.next()?.to_str()?.to_owned()),
                _ => return None,
            }
        }
        orders.command = args.cloned().collect();
        (!orders.command.is_empty()).then_some(orders)
    }

    /// Spells them as arguments; the inverse of [`Orders::parse`].
    pub fn spell(&self) -> Vec<OsString> {
        let mut args = Vec::new();
        let mut say =
            |name: &str, value: &OsStr| args.extend([OsString::from(name), value.to_owned()]);
        if let Some(parent) = self.parent {
            say("--parent", parent.to_string().as_ref());
        }
        if let Some(lock) = &self.lock {
            say("--lock", lock.as_ref());
        }
        if let Some(dir) = &self.exit_dir {
            say("--exit-dir", dir.as_ref());
        }
        if let Some(cgroup) = &self.cgroup {
            say("--cgroup", cgroup.as_ref());
        }
        if let Some(fence) = &self.fence {
            say("--fence", fence.as_ref());
        }
        say("--grace-ms", self.grace.as_millis().to_string().as_ref());
        for name in &self.spare {
            say("--spare", name.as_ref());
        }
        for name in &self.last {
            say("--last", name.as_ref());
        }
        if self.link {
            args.push("--link".into());
        }
        if self.terminal {
            args.push("--terminal".into());
        }
        args.push("--".into());
        args.extend(self.command.iter().cloned());
        args
    }

    /// Begins the command that starts a warden with these orders.
    pub fn program(&self) -> Command {
        let mut program = proc::command("/proc/self/exe");
        program.arg0("skep").arg(role::WARDEN).args(self.spell());
        program
    }
}

fn number<N: std::str::FromStr>(arg: &OsStr) -> Option<N> {
    arg.to_str()?.parse().ok()
}

/// The parent that a guard ends with.
#[derive(Debug, Clone, Copy)]
pub struct Parent {
    pid: Option<Pid>,
}

impl Parent {
    /// Follows the present parent; none if the one that started us is gone already.
    ///
    /// Shape: `expected` is its pid, where it is known. Else a process that leads no session and whose parent is of
    /// another session has been handed to a stranger; `tied` takes init for a stranger too.
    pub fn follow(expected: Option<i32>, tied: bool) -> io::Result<Option<Parent>> {
        set_parent_process_death_signal(Some(PARENT_DEATH))?;
        let pid = getppid();
        let raw = pid.map_or(0, |pid| pid.as_raw_nonzero().get());
        let is_orphan = match expected {
            Some(expected) => raw != expected,
            None => (tied && raw == 1) || is_of_another_session(u32::try_from(raw).unwrap_or(0)),
        };
        Ok((!is_orphan).then_some(Parent { pid }))
    }

    /// Tells whether it is gone.
    pub fn is_gone(self) -> bool {
        getppid() != self.pid
    }
}

fn is_of_another_session(parent: u32) -> bool {
    let me = std::process::id();
    // A parent that cannot be asked is outside of what we see; its death will be told.
    match (tree::row(me), tree::row(parent)) {
        (Some(ours), Some(theirs)) => ours.session != me && ours.session != theirs.session,
        _ => false,
    }
}

/// Counts requests to end: the first is kind, a later one is not; a burst is one.
#[derive(Debug, Default)]
pub struct Patience {
    first: Option<Instant>,
}

impl Patience {
    /// Counts a signal that arrived now. Returns whether it is the second.
    pub fn is_over(&mut self, now: Instant) -> bool {
        match self.first {
            None => {
                self.first = Some(now);
                false
            }
            Some(first) => now.duration_since(first) >= BURST,
        }
    }
}

/// Why the program's life is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// By itself.
    Exited,
    /// Its turn was over, and it was to leave.
    LetGo,
    /// Somebody asked.
    Stopped,
    /// Somebody asked with force.
    Forced,
    /// Our parent is gone.
    Orphaned,
}

/// Runs a warden: `__warden …`.
pub fn enter(args: &[OsString]) -> ExitCode {
    let Some(orders) = Orders::parse(args) else { return ExitCode::FAILURE };
    // Without a line there is no way to say why.
    let Ok(link) = orders.link.then(Link::from_stdin).transpose() else { return ExitCode::FAILURE };
    let started = record::now();
    match begin(&orders, link.as_ref()) {
        Ok(Some(begun)) => {
            Warden { orders, link, begun, patience: Patience::default(), started }.watch()
        }
        // Our parent was gone before anything was started.
        Ok(None) => ExitCode::FAILURE,
        Err(why) => {
            complain(&orders, link.as_ref(), started, &why);
            ExitCode::FAILURE
        }
    }
}

/// A program that was started, and what holds it.
struct Begun {
    signals: Signals,
    parent: Parent,
    /// Held for as long as this process lives; a keeper's is shared with it.
    _locks: Vec<OwnedFd>,
    tree: Tree,
    agent: Pid,
}

/// Starts the program; none if our parent is gone.
fn begin(orders: &Orders, link: Option<&Link>) -> Result<Option<Begun>, String> {
    let Some(Prepared { mut signals, parent, stdin, mut locks }) = prepare(orders, link)? else {
        return Ok(None);
    };
    if let Some(path) = &orders.lock {
        match wait_for_lock(path, parent, &mut signals).map_err(|err| chain(&err))? {
            Some(lock) => locks.push(lock.into()),
            None => return Ok(None),
        }
    }
    let terminal = Terminal::of(&stdin);
    let agent = start(orders, &stdin, terminal.as_ref()).inspect_err(|_| {
        if let Some(terminal) = &terminal {
            terminal.take_back();
        }
    })?;
    let tree = Tree::new(Some(agent), &orders.spare, terminal)
        .in_cgroup(orders.cgroup.clone())
        .asking_last(&orders.last);
    Ok(Some(Begun { signals, parent, _locks: locks, tree, agent }))
}

struct Warden {
    orders: Orders,
    link: Option<Link>,
    begun: Begun,
    patience: Patience,
    started: Timestamp,
}

impl Warden {
    fn watch(mut self) -> ExitCode {
        if let Some(link) = &self.link {
            // A keeper that is gone is noticed below.
            link.say(format!("started {}\n", self.begun.agent.as_raw_nonzero()).as_bytes());
        }
        let over = loop {
            if let Some(over) = self.news(None) {
                break over;
            }
        };
        let kill_at = match over {
            Over::Forced => Instant::now(),
            Over::Exited | Over::LetGo | Over::Stopped | Over::Orphaned => {
                Instant::now() + self.orders.grace
            }
        };
        let mut tree = std::mem::replace(&mut self.begun.tree, Tree::new(None, &[], None));
        let ended = tree.end(kill_at, |pause| self.is_forced(pause));
        if let Some(cgroup) = &self.orders.cgroup {
            cgroup::remove(cgroup);
        }
        let death = ended.death.unwrap_or(Death { code: 1, signal: None });
        // With its keeper an agent loses its streams, and may break off before it is told to: no end by its own will.
        let forced = ![Over::Exited, Over::LetGo].contains(&over)
            || (death.code != 0 && self.lost_its_keeper());
        self.write_exit(death, forced, over == Over::LetGo, ended.spared);
        ExitCode::from(u8::try_from(death.code).unwrap_or(1))
    }

    /// Whether there was a keeper, and is none any more.
    fn lost_its_keeper(&mut self) -> bool {
        let has_had_one = self.orders.link;
        has_had_one
            && (self.link.is_none()
                || self.begun.parent.is_gone()
                || self.wait(Some(Duration::ZERO)).as_deref() == Some(&[]))
    }

    /// Waits for news while the program lives; says when its life is over.
    fn news(&mut self, wait: Option<Duration>) -> Option<Over> {
        let said = self.wait(wait);
        for signal in self.begun.signals.arrived() {
            if signal == Signal::CHILD {
                self.begun.tree.reap();
                if self.begun.tree.death().is_some() {
                    return Some(Over::Exited);
                }
                if let Some(by) = self.begun.tree.stopped() {
                    self.stop_with_agent(by);
                }
            } else if signal == Signal::CONT {
                self.go_on_with_agent();
            } else if signal == PARENT_DEATH {
                if self.begun.parent.is_gone() {
                    return Some(Over::Orphaned);
                }
            } else if !self.patience.is_over(Instant::now()) {
                return Some(Over::Stopped);
            }
        }
        match said.as_deref() {
            None => None,
            Some([]) => Some(Over::Orphaned),
            Some(words) if words.contains(&b'f') => Some(Over::Forced),
            Some(words) if words.contains(&b'd') => Some(Over::LetGo),
            Some(_) => Some(Over::Stopped),
        }
    }

    /// Waits for a signal or a word; returns the words, empty when the keeper is gone.
    fn wait(&self, wait: Option<Duration>) -> Option<Vec<u8>> {
        let mut fds = vec![self.begun.signals.as_fd()];
        fds.extend(self.link.as_ref().map(AsFd::as_fd));
        let ready = proc::wait_readable(&fds, wait).unwrap_or_else(|_| {
            // Nothing that a guard waits on can fail to be waited on; were it so, it looks around at intervals.
            thread::sleep(Duration::from_millis(100));
            vec![false; fds.len()]
        });
        let link = self.link.as_ref()?;
        (ready.get(1) == Some(&true)).then(|| link.hear())
    }

    /// Waits while the tree is being ended; tells whether to do it by force.
    fn is_forced(&mut self, wait: Duration) -> bool {
        let said = self.wait(Some(wait));
        if said.as_deref() == Some(&[]) {
            // The keeper is gone, and so is what it could say.
            self.link = None;
        }
        let mut force = said.is_some_and(|words| words.contains(&b'f'));
        for signal in self.begun.signals.arrived() {
            if [Signal::TERM, Signal::INT, Signal::HUP].contains(&signal) {
                force |= self.patience.is_over(Instant::now());
            }
        }
        force
    }

    /// The agent was stopped from the terminal: gives the terminal back and stops too, so that the shell above sees it.
    fn stop_with_agent(&self, by: i32) {
        let by_terminal =
            [Signal::TSTP, Signal::TTIN, Signal::TTOU].iter().any(|signal| signal.as_raw() == by);
        if by_terminal && self.begun.tree.terminal().is_some() {
            self.begun.tree.take_terminal_back();
            // Our group is the keeper and us, and what else the shell started as one job.
            let _alone = kill_process_group(getpgrp(), Signal::TSTP);
        }
    }

    fn go_on_with_agent(&self) {
        if let Some(terminal) = self.begun.tree.terminal()
            && terminal.is_ours()
        {
            terminal.lend(self.begun.agent);
        }
        // Gone is told by another signal.
        let _gone = kill_process_group(self.begun.agent, Signal::CONT);
    }

    fn write_exit(&self, death: Death, forced: bool, let_go: bool, spared: Vec<String>) {
        let exit = Exit {
            code: death.code,
            signal: death.signal,
            started: self.started,
            ended: record::now(),
            forced,
            let_go,
            error: None,
            spared,
            git: None,
        };
        write_exit(&self.orders, &exit);
    }
}

/// Writes `exit.json` where it is wanted, patiently: a full disk may find room again.
fn write_exit(orders: &Orders, exit: &Exit) {
    let Some(dir) = &orders.exit_dir else { return };
    for _ in 0..EXIT_TRIES {
        if record::write_exit(dir, exit).is_ok() {
            return;
        }
        thread::sleep(Duration::from_secs(1));
    }
}

/// Says why the program could not be started: to the keeper, or on standard error, and in `exit.json`.
fn complain(orders: &Orders, link: Option<&Link>, started: Timestamp, why: &str) {
    match link {
        Some(link) => {
            // A keeper that is gone needs no reason.
            link.say(format!("failed {}\n", why.replace('\n', " ")).as_bytes());
        }
        None => {
            // Nobody may be there to read it.
            let _unread = writeln!(io::stderr(), "skep: {why}");
        }
    }
    let error = Some(why.to_owned());
    let exit = Exit {
        code: 1,
        signal: None,
        started,
        ended: record::now(),
        forced: false,
        let_go: false,
        error,
        spared: Vec::new(),
        git: None,
    };
    write_exit(orders, &exit);
}

struct Prepared {
    signals: Signals,
    parent: Parent,
    stdin: OwnedFd,
    locks: Vec<OwnedFd>,
}

/// Takes over signals, follows the parent, becomes a reaper, and gets what the keeper hands over.
fn prepare(orders: &Orders, link: Option<&Link>) -> Result<Option<Prepared>, String> {
    let text = |err: io::Error| format!("set up a warden: {err}");
    let kinds = [Signal::CHILD, Signal::TERM, Signal::INT, Signal::HUP, Signal::CONT, PARENT_DEATH];
    let signals = Signals::take(&kinds).map_err(text)?;
    set_child_subreaper(Some(getpid())).map_err(|err| text(err.into()))?;
    let Some(parent) = Parent::follow(orders.parent, false).map_err(text)? else { return Ok(None) };
    let mut locks = match link {
        Some(link) => match link.receive() {
            Ok(fds) => fds,
            Err(_) if parent.is_gone() => return Ok(None),
            Err(err) => return Err(text(err)),
        },
        None => vec![io::stdin().as_fd().try_clone_to_owned().map_err(text)?],
    };
    if locks.is_empty() {
        return Err("set up a warden: no standard input was handed over".to_owned());
    }
    let stdin = locks.remove(0);
    Ok(Some(Prepared { signals, parent, stdin, locks }))
}

/// Waits for the lock as long as it takes; none if our parent goes or somebody ends us meanwhile.
fn wait_for_lock(
    path: &Path,
    parent: Parent,
    signals: &mut Signals,
) -> Result<Option<Lock>, LockError> {
    loop {
        match lock::hold_within(path, LOCK_LOOK) {
            Err(LockError::Held { .. }) => {}
            other => return other.map(Some),
        }
        let ended = signals
            .arrived()
            .into_iter()
            .any(|signal| [Signal::TERM, Signal::INT, Signal::HUP].contains(&signal));
        if ended || parent.is_gone() {
            return Ok(None);
        }
    }
}

/// Starts the program through the second stage, in a process group or a session of its own, with the terminal where
/// there is one.
fn start(orders: &Orders, stdin: &OwnedFd, terminal: Option<&Terminal>) -> Result<Pid, String> {
    let name = orders.command[0].to_string_lossy().into_owned();
    let text = |err: &dyn std::fmt::Display| format!("start `{name}`: {err}");
    let (link, theirs) = Link::pair().map_err(|err| text(&err))?;
    // Reaped by pid, together with all that is left to us: the library's own handle is not needed.
    let mut program = proc::command("/proc/self/exe");
    program
        .arg0("skep")
        .arg(role::STAGE)
        .arg(getpid().as_raw_nonzero().to_string())
        .arg(orders.cgroup.as_deref().unwrap_or(Path::new("")))
        .arg(if orders.terminal { stage::ON_TERMINAL } else { "" })
        .arg(orders.fence.as_deref().unwrap_or(Path::new("")))
        .args(&orders.command)
        .stdin(theirs);
    if !orders.terminal {
        // One that leads a group cannot begin a session.
        program.process_group(0);
    }
    let stage = program.spawn().map_err(|err| text(&err))?;
    // It holds the stage's end of the link, whose closing is waited for below.
    drop(program);
    let agent = Pid::from_child(&stage);
    if let Some(terminal) = terminal {
        terminal.lend(agent);
    }
    link.hand(&[stdin.as_fd()]).map_err(|err| text(&err))?;
    // Silence, once the program has taken the stage's place.
    let trouble = link.hear_out();
    if trouble.is_empty() {
        return Ok(agent);
    }
    // It has said its last word; its code says nothing more.
    let _reaped = rustix::process::waitpid(Some(agent), rustix::process::WaitOptions::empty());
    Err(text(&trouble))
}

/// An error with its causes, for a person.
pub fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut at = err.source();
    while let Some(cause) = at {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        at = cause.source();
    }
    text
}
