//! Starting programs and waiting for them.
//!
//! Owns: the one place that may call `Command::new`; argv, never a shell string; an environment built from empty.
//! Never: knows what the program is for, or reads the caller's environment.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io::{Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;

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
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(mut self, vars: impl IntoIterator<Item = (N, V)>) -> Program {
        self.env.extend(vars.into_iter().map(|(n, v)| (n.as_ref().to_owned(), v.as_ref().to_owned())));
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

    /// Runs it in a process group of its own and returns what it left, whatever its exit code.
    ///
    /// Errors: not startable; out of time (its group is then killed); pipes broken.
    pub fn output(self) -> Result<Output, ProcError> {
        let name = self.argv[0].to_string_lossy().into_owned();
        let pipe = |source| ProcError::Pipe { program: name.clone(), source };
        let mut child = command(&self.argv[0])
            .args(&self.argv[1..])
            .env_clear()
            .envs(&self.env)
            .current_dir(&self.cwd)
            .stdin(if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| ProcError::Start { program: name.clone(), source })?;
        let group = Pid::from_child(&child);
        let (done, end) = mpsc::channel();
        let reader = |mut from: Box<dyn Read + Send>| {
            let done = done.clone();
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let result = from.read_to_end(&mut bytes).map(|_| bytes);
                // Nobody waits any more after a timeout; then nobody needs the bytes.
                let _sent = done.send(());
                result
            })
        };
        let stdout = child.stdout.take().map(|out| reader(Box::new(out)));
        let stderr = child.stderr.take().map(|err| reader(Box::new(err)));
        if let Some(mut to) = child.stdin.take() {
            let bytes = self.stdin;
            // A program may leave its input unread; its exit code says what came of it.
            thread::spawn(move || drop(to.write_all(&bytes)));
        }
        let deadline = std::time::Instant::now() + self.timeout;
        for _ in 0..2 {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            if end.recv_timeout(left).is_err() {
                // The group may be gone by itself in this very moment; the wait below tells.
                let _gone = kill_process_group(group, Signal::KILL);
                child.wait().map_err(pipe)?;
                return Err(ProcError::Timeout { program: name, after: self.timeout });
            }
        }
        let status = child.wait().map_err(pipe)?;
        let collect = |handle: Option<thread::JoinHandle<std::io::Result<Vec<u8>>>>| match handle {
            Some(handle) => handle.join().unwrap_or_else(|_| Err(std::io::Error::other("reader panicked"))),
            None => Ok(Vec::new()),
        };
        Ok(Output { status, stdout: collect(stdout).map_err(pipe)?, stderr: collect(stderr).map_err(pipe)? })
    }
}

/// Begins a command; for [`Program`] and for the guards, which need more than a program's output.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}
