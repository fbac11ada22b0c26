//! Starting programs and waiting for them.
//!
//! Owns: the one place that may call `Command::new`; argv, never a shell string; an environment built from empty.
//! Never: knows what the program is for, or reads the caller's environment.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::OpenOptions,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{
            fs::OpenOptionsExt,
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process_group},
};
use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};
use thiserror::Error;

use crate::fence::Fence;

#[cfg(test)]
mod tests;

/// The stack of a thread that only waits and hands on. Bytes.
pub const SMALL_STACK: usize = 64 * 1024;

/// Why a program gave no answer.
#[derive(Debug, Error)]
pub enum ProcError {
    /// It could not be started at all.
    #[error("start `{program}`")]
    Start {
        program: String,
        #[source]
        source: std::io::Error,
    },
    /// It was still running after its time; it and its process group were ended.
    #[error("`{program}` gave no answer within {} s", .after.as_secs())]
    Timeout { program: String, after: Duration },
    /// Its pipes failed.
    #[error("talk to `{program}`")]
    Pipe {
        program: String,
        #[source]
        source: std::io::Error,
    },
}

/// A program to run to its end, with everything it gets.
#[derive(Debug, Clone)]
pub struct Program {
    argv: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    cwd: PathBuf,
    stdin: Vec<u8>,
    timeout: Duration,
    most: u64,
    fence: Option<Fence>,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    /// The exit code; 128+n for a death by signal n.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    /// Standard error as text for a person, trimmed, what is not UTF-8 replaced.
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

impl Program {
    /// Makes a program with an empty environment, the root as its folder, no input and a minute of time.
    pub fn new(program: impl AsRef<OsStr>) -> Program {
        Program {
            argv: vec![program.as_ref().to_owned()],
            env: BTreeMap::new(),
            cwd: PathBuf::from("/"),
            stdin: Vec::new(),
            timeout: Duration::from_secs(60),
            most: u64::MAX,
            fence: None,
        }
    }

    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Program {
        self.argv.push(arg.as_ref().to_owned());
        self
    }

    #[must_use]
    pub fn args<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(mut self, args: I) -> Program {
        self.argv.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Program {
        self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    #[must_use]
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        vars: impl IntoIterator<Item = (N, V)>,
    ) -> Program {
        self.env
            .extend(vars.into_iter().map(|(n, v)| (n.as_ref().to_owned(), v.as_ref().to_owned())));
        self
    }

    #[must_use]
    pub fn cwd(mut self, dir: &Path) -> Program {
        self.cwd = dir.to_owned();
        self
    }

    #[must_use]
    pub fn stdin(mut self, bytes: Vec<u8>) -> Program {
        self.stdin = bytes;
        self
    }

    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Program {
        self.timeout = timeout;
        self
    }

    /// Takes at most `most` bytes of what it says; then nobody listens any more, which ends a program that goes on.
    #[must_use]
    pub fn most(mut self, most: u64) -> Program {
        self.most = most;
        self
    }

    /// Has `program` run it, as its first argument.
    #[must_use]
    pub fn by(mut self, program: impl AsRef<OsStr>) -> Program {
        self.argv.insert(0, program.as_ref().to_owned());
        self
    }

    /// Puts it behind a fence.
    #[must_use]
    pub fn behind(mut self, fence: Option<Fence>) -> Program {
        self.fence = fence;
        self
    }

    /// Runs it in a process group of its own and returns what it left, whatever its exit code.
    ///
    /// Errors: not startable; out of time (its group is then killed); pipes broken.
    pub fn output(self) -> Result<Output, ProcError> {
        self.start()?.output()
    }

    /// Starts it in a process group of its own; its output is collected from now on.
    pub fn start(self) -> Result<Running, ProcError> {
        let name = self.argv[0].to_string_lossy().into_owned();
        let mut command = command(&self.argv[0]);
        command
            .args(&self.argv[1..])
            .env_clear()
            .envs(&self.env)
            .current_dir(&self.cwd)
            .stdin(if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let child = match &self.fence {
            Some(fence) => spawn_behind(fence, &mut command),
            None => command.spawn(),
        };
        let mut child =
            child.map_err(|source| ProcError::Start { program: name.clone(), source })?;
        let (done, ends) = mpsc::channel();
        match attend(&mut child, self.stdin, self.most, &done) {
            Ok((stdout, stderr)) => {
                let deadline = Instant::now() + self.timeout;
                Ok(Running { name, child, ends, stdout, stderr, deadline, timeout: self.timeout })
            }
            Err(source) => {
                // It is gone by itself, or it goes now: nobody would hear it.
                let _gone = kill_process_group(Pid::from_child(&child), Signal::KILL);
                let _reaped = child.wait();
                Err(ProcError::Start { program: name, source })
            }
        }
    }
}

/// Starts it from a thread that is behind the fence, and that ends then: what it starts stays behind it.
fn spawn_behind(fence: &Fence, command: &mut Command) -> io::Result<Child> {
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            fence.put_up().map_err(io::Error::other)?;
            command.spawn()
        });
        inside.join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")))
    })
}

type Collecting = thread::JoinHandle<std::io::Result<Vec<u8>>>;

/// Reads what `child` says and writes what it is told, each beside the caller.
fn attend(
    child: &mut Child,
    bytes: Vec<u8>,
    most: u64,
    done: &mpsc::Sender<()>,
) -> std::io::Result<(Option<Collecting>, Option<Collecting>)> {
    let stdout =
        child.stdout.take().map(|out| collect(out.take(most), done.clone())).transpose()?;
    let stderr =
        child.stderr.take().map(|err| collect(err.take(most), done.clone())).transpose()?;
    if let Some(mut to) = child.stdin.take() {
        // A program may leave its input unread; its exit code says what came of it.
        thread::Builder::new().spawn(move || drop(to.write_all(&bytes)))?;
    }
    Ok((stdout, stderr))
}

fn collect(
    mut from: impl Read + Send + 'static,
    done: mpsc::Sender<()>,
) -> std::io::Result<Collecting> {
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let result = from.read_to_end(&mut bytes).map(|_| bytes);
        drop(from);
        // Nobody waits any more after a timeout; then nobody needs the bytes.
        let _late = done.send(());
        result
    })
}

/// A program at work.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    ends: mpsc::Receiver<()>,
    stdout: Option<Collecting>,
    stderr: Option<Collecting>,
    deadline: Instant,
    timeout: Duration,
}

impl Running {
    /// The program's process, which leads its group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end and returns what it left, whatever its exit code.
    ///
    /// Errors: out of time (its group is then killed); pipes broken.
    pub fn output(mut self) -> Result<Output, ProcError> {
        let name = self.name.clone();
        let pipe = |source| ProcError::Pipe { program: name.clone(), source };
        for _ in 0..2 {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if self.ends.recv_timeout(left).is_err() {
                // The group may be gone by itself in this very moment; the wait below tells.
                let _gone = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
                self.child.wait().map_err(pipe)?;
                return Err(ProcError::Timeout { program: name, after: self.timeout });
            }
        }
        let status = self.child.wait().map_err(pipe)?;
        let bytes = |handle: Option<Collecting>| match handle {
            Some(handle) => {
                handle.join().unwrap_or_else(|_| Err(std::io::Error::other("reader panicked")))
            }
            None => Ok(Vec::new()),
        };
        Ok(Output {
            status,
            stdout: bytes(self.stdout).map_err(pipe)?,
            stderr: bytes(self.stderr).map_err(pipe)?,
        })
    }
}

/// Begins a command; for [`Program`] and for the guards, which need more than a program's output.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Starts `program` to outlive its starter: no input, output to the end of the file `log`, the root as its folder, an
/// empty environment, a process group of its own. Returns its pid.
///
/// Shape: it is reaped when it ends before its starter; a session of its own it must make itself.
pub fn spawn_detached(program: &Path, args: &[&OsStr], log: &Path) -> Result<u32, ProcError> {
    spawn_detached_with(program, args, log, std::iter::empty::<(OsString, OsString)>())
}

/// Like [`spawn_detached`], with an environment.
pub fn spawn_detached_with<N: AsRef<OsStr>, V: AsRef<OsStr>>(
    program: &Path,
    args: &[&OsStr],
    log: &Path,
    env: impl IntoIterator<Item = (N, V)>,
) -> Result<u32, ProcError> {
    let start = |source| ProcError::Start { program: program.display().to_string(), source };
    let out = OpenOptions::new().create(true).append(true).mode(0o600).open(log).map_err(start)?;
    let err = out.try_clone().map_err(start)?;
    let mut child = command(program)
        .args(args)
        .env_clear()
        .envs(env)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .process_group(0)
        .spawn()
        .map_err(start)?;
    let pid = child.id();
    // Only so that no zombie stays; what its code was, its own records say.
    let reaper = thread::Builder::new().stack_size(SMALL_STACK).spawn(move || drop(child.wait()));
    reaper.map_err(start)?;
    Ok(pid)
}

/// Asks the process group that `leader` leads to end.
pub fn terminate_group(leader: u32) -> io::Result<()> {
    let group = i32::try_from(leader).ok().and_then(Pid::from_raw);
    let group =
        group.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a process group"))?;
    Ok(kill_process_group(group, Signal::TERM)?)
}

/// The signals that arrive, in order of number, for a loop that waits for other things too.
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
}

impl Signals {
    /// Takes over these signals: from now on they do nothing but arrive here.
    pub fn take(signals: &[Signal]) -> io::Result<Signals> {
        let (read, write) = UnixStream::pair()?;
        let numbers: Vec<i32> = signals.iter().map(|signal| signal.as_raw()).collect();
        Ok(Signals { delivery: SignalDelivery::with_pipe(read, write, SignalOnly, numbers)? })
    }

    /// Returns the signals that have arrived since the last look, without waiting.
    pub fn arrived(&mut self) -> Vec<Signal> {
        self.delivery.pending().filter_map(Signal::from_named_raw).collect()
    }
}

impl AsFd for Signals {
    /// Becomes readable when a signal arrives.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }
}

/// Waits until one of the descriptors is readable (or its other end is gone), at most `wait`; none waits for ever.
/// Returns which are.
pub fn wait_readable(fds: &[BorrowedFd<'_>], wait: Option<Duration>) -> io::Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    let wait = wait.map(|wait| Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(wait.subsec_nanos()),
    });
    match poll(&mut polled, wait.as_ref()) {
        Ok(_) => Ok(polled.iter().map(|fd| !fd.revents().is_empty()).collect()),
        // A signal; its own descriptor is readable at the next wait.
        Err(rustix::io::Errno::INTR) => Ok(vec![false; fds.len()]),
        Err(err) => Err(err.into()),
    }
}
