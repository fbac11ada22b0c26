//! Owns: a git that is asked one thing after another while it runs, so that any number of files costs one process.
//! Never: waits for ever: one that neither takes nor gives anything for the time of a call is ended.

use std::{
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::{Call, GitError, QUIET};
use crate::proc::{self, ProcError};

/// A call of git that is being talked with; dropped before its end, it is killed.
pub(crate) struct Talk {
    args: Vec<String>,
    child: Child,
    to: Option<BufWriter<ChildStdin>>,
    from: BufReader<ChildStdout>,
    complaint: Option<thread::JoinHandle<Vec<u8>>>,
    watch: Arc<Watch>,
    patience: Duration,
    // Its end tells the watcher that nobody talks any more.
    _talking: mpsc::Sender<()>,
}

struct Watch {
    /// The group that git leads, until it is reaped: after that its number may be anybody's.
    group: Mutex<Option<Pid>>,
    /// Whether we wait for git right now; what we do between two questions is our own time.
    waiting: AtomicBool,
    steps: AtomicU64,
    killed: AtomicBool,
}

impl Watch {
    fn of(child: &Child) -> Watch {
        Watch {
            group: Mutex::new(Some(Pid::from_child(child))),
            waiting: AtomicBool::new(false),
            steps: AtomicU64::new(0),
            killed: AtomicBool::new(false),
        }
    }

    fn kill(&self) {
        let group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = *group {
            // It may have ended in this very moment.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }

    /// Waits for the end of `child` and reaps it; from then on nobody is killed by its number.
    fn reap(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let led = *self.group.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = led {
            // Only looked at: while it is a zombie its number is nobody else's.
            while waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
                .is_err_and(|err| err == rustix::io::Errno::INTR)
            {}
        }
        *self.group.lock().unwrap_or_else(PoisonError::into_inner) = None;
        child.wait()
    }
}

impl Call<'_> {
    /// Starts it, to be talked with.
    pub(crate) fn talk(self) -> Result<Talk, GitError> {
        let args = self.shown();
        let start = |source| GitError::Run(ProcError::Start { program: "git".to_owned(), source });
        let mut child = proc::command(&self.git.program)
            .args(QUIET.iter().flat_map(|setting| ["-c", setting]))
            .args(self.git.settings())
            .args(&self.args)
            .env_clear()
            .envs(&self.git.env)
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(start)?;
        let (to, from, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let watch = Arc::new(Watch::of(&child));
        let (talking, end) = mpsc::channel();
        let patience = self.git.timeout;
        let begun = begin(err, Arc::clone(&watch), end, patience);
        match (to, from, begun) {
            (Some(to), Some(from), Ok(complaint)) => Ok(Talk {
                args,
                child,
                to: Some(BufWriter::with_capacity(64 * 1024, to)),
                from: BufReader::with_capacity(64 * 1024, from),
                complaint: Some(complaint),
                watch,
                patience,
                _talking: talking,
            }),
            (_, _, begun) => {
                end_of(&watch, &mut child);
                Err(start(begun.err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())))
            }
        }
    }
}

/// Listens to what git complains of, and watches whether it answers.
fn begin(
    err: Option<impl Read + Send + 'static>,
    watch: Arc<Watch>,
    end: mpsc::Receiver<()>,
    patience: Duration,
) -> io::Result<thread::JoinHandle<Vec<u8>>> {
    thread::Builder::new().stack_size(proc::SMALL_STACK).spawn(move || {
        let mut before = u64::MAX;
        while end.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
            let steps = watch.steps.load(Ordering::SeqCst);
            if watch.waiting.load(Ordering::SeqCst) && steps == before {
                watch.killed.store(true, Ordering::SeqCst);
                watch.kill();
                return;
            }
            before = steps;
        }
    })?;
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut err) = err {
            // What could be read of a complaint is better than none.
            let _cut = err.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn end_of(watch: &Watch, child: &mut Child) {
    watch.kill();
    // It may have been reaped before.
    let _reaped = watch.reap(child);
}

impl Talk {
    /// Says these bytes; they may wait until the next question is heard.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> Result<(), GitError> {
        let result = self.waiting(|talk| match &mut talk.to {
            Some(to) => to.write_all(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        });
        result.map_err(|_| self.broken())
    }

    /// Hears one line, without its end.
    pub(crate) fn line(&mut self) -> Result<String, GitError> {
        let mut line = Vec::new();
        let result = self.waiting(|talk| {
            talk.flush()?;
            talk.from.read_until(b'\n', &mut line)
        });
        if result.is_err() || line.pop() != Some(b'\n') {
            return Err(self.broken());
        }
        super::text(&self.args, &line)
    }

    /// Hears exactly so many bytes and hands them on.
    ///
    /// Errors: what git does, and apart from it what the taker does.
    pub(crate) fn hear(
        &mut self,
        mut count: u64,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<()>, GitError> {
        let mut taken = Ok(());
        while count > 0 {
            let mut room = [0; 32 * 1024];
            let most = usize::try_from(count).unwrap_or(room.len()).min(room.len());
            let read = self.waiting(|talk| {
                talk.flush()?;
                talk.from.read(&mut room[..most])
            });
            match read {
                Ok(0) => return Err(self.broken()),
                Ok(some) => {
                    count = count.saturating_sub(some as u64);
                    if taken.is_ok() {
                        taken = take(&room[..some]);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(self.broken()),
            }
        }
        Ok(taken)
    }

    /// Ends the talk; any exit code but 0 is an error.
    pub(crate) fn end(mut self) -> Result<(), GitError> {
        let flushed = self.waiting(Talk::flush);
        let to = self.to.take();
        self.waiting(|_| drop(to));
        let mut rest = Vec::new();
        let heard = self.waiting(|talk| talk.from.read_to_end(&mut rest));
        let status = self.waiting(|talk| talk.watch.reap(&mut talk.child));
        match (flushed, heard, status) {
            (Ok(()), Ok(_), Ok(status)) if status.success() => Ok(()),
            _ => Err(self.broken()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.as_mut().map_or(Ok(()), Write::flush)
    }

    fn waiting<T>(&mut self, what: impl FnOnce(&mut Talk) -> T) -> T {
        self.watch.steps.fetch_add(1, Ordering::SeqCst);
        self.watch.waiting.store(true, Ordering::SeqCst);
        let result = what(self);
        self.watch.waiting.store(false, Ordering::SeqCst);
        result
    }

    /// Why the talk broke off: git says so itself when it dies, and it dies now.
    fn broken(&mut self) -> GitError {
        let to = self.to.take();
        self.waiting(|_| drop(to));
        // Whoever complains and dies gets the moment that it takes.
        let mut rest = Vec::new();
        let _silent = self.waiting(|talk| talk.from.read_to_end(&mut rest));
        let code = match self.waiting(|talk| talk.watch.reap(&mut talk.child)) {
            Ok(status) => status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            Err(_) => -1,
        };
        let said = self.complaint.take().and_then(|told| told.join().ok()).unwrap_or_default();
        if self.watch.killed.load(Ordering::SeqCst) {
            return GitError::Timeout { args: self.args.clone(), after: self.patience };
        }
        let stderr = String::from_utf8_lossy(&said).trim().to_owned();
        GitError::Failed { args: self.args.clone(), code, stderr }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // Before what is still to be said is written: nobody might take it.
        end_of(&self.watch, &mut self.child);
    }
}
