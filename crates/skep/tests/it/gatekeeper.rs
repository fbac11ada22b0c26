//! The two guards through the real binary, with real processes.

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use skep_host::{
    paths, proc,
    tree::{self, Table},
};

mod bare;
mod flood;
mod gate;
pub(crate) mod run;
mod signs;
pub(crate) mod terminal;
pub(crate) mod tty;
mod verdict;
mod warden;

/// Far more than anything here takes, and little enough that a hang is told.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `holds`: most of what is waited for here is a line in `/proc`, which tells nobody that it came.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < until, "in vain waited for: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A word that marks the processes of one test in their arguments, so that nothing can scrub it off.
pub(crate) struct Mark {
    seconds: String,
}

impl Mark {
    pub(crate) fn new() -> Mark {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Something that `sleep` takes for a time, and no other test does.
        Mark { seconds: format!("86400.{}{count:04}", std::process::id()) }
    }

    /// A sleep that bears the mark.
    pub(crate) fn sleep(&self) -> String {
        format!("sleep {}", self.seconds)
    }

    /// A script, without quotes, that leaves four sleeps: in the group, detached, scrubbed, and forked twice.
    pub(crate) fn tree(&self) -> String {
        let sleep = self.sleep();
        format!("{sleep} & setsid {sleep} & setsid env -i /bin/{sleep} & (setsid {sleep} & exit) ;")
    }

    /// The living processes with the mark as an argument of its own.
    pub(crate) fn alive(&self) -> Vec<u32> {
        let table = Table::read().unwrap();
        let is_ours = |pid: u32| {
            tree::arguments(pid)
                .is_some_and(|arguments| arguments.iter().any(|arg| *arg == *self.seconds))
        };
        table
            .rows()
            .filter(|row| !row.zombie)
            .map(|row| row.process.pid)
            .filter(|pid| is_ours(*pid))
            .collect()
    }

    pub(crate) fn wait_for(&self, count: usize) {
        eventually(&format!("{count} processes that bear the mark"), || {
            self.alive().len() == count
        });
    }

    #[track_caller]
    pub(crate) fn assert_gone(&self) {
        assert_eq!(self.alive(), Vec::<u32>::new(), "nothing of the tree lives");
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        for pid in self.alive() {
            kill(pid, Signal::KILL);
        }
    }
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    // Gone is what a test wants to see, if it wants to see anything.
    let _gone = kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal);
}

/// The binary under test, with nothing of the tester's environment but what finds programs.
pub(crate) fn skep() -> Command {
    let mut command = proc::command(env!("CARGO_BIN_EXE_skep"));
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The bare gatekeeper over a shell script.
fn gatekeeper(script: &str) -> Command {
    let mut command = skep();
    command.args(["gatekeeper", "--", "sh", "-c", script]);
    command
}

/// Waits for the end, with a deadline; what still lives then is killed.
#[track_caller]
pub(crate) fn end_of(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("it did not end");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn output_of(mut child: Child) -> Output {
    let status = end_of(&mut child);
    let read = |from: Option<Box<dyn Read>>| {
        let mut bytes = Vec::new();
        from.map(|mut from| from.read_to_end(&mut bytes).unwrap());
        bytes
    };
    let stdout = read(child.stdout.take().map(|out| Box::new(out) as Box<dyn Read>));
    let stderr = read(child.stderr.take().map(|err| Box::new(err) as Box<dyn Read>));
    Output { status, stdout, stderr }
}

fn output(command: &mut Command) -> Output {
    output_of(command.spawn().unwrap())
}

pub(crate) fn put(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    paths::write_atomically(path.as_ref(), text.as_ref()).unwrap();
}

/// Reads what a file holds once something is in it.
fn read_when_there(path: &Path) -> String {
    let mut text = String::new();
    eventually(&format!("{} is written", path.display()), || {
        text = fs::read_to_string(path).unwrap_or_default();
        text.ends_with('\n')
    });
    text.trim().to_owned()
}

/// The warden below a keeper.
pub(crate) fn warden_of(keeper: u32) -> u32 {
    let mut found = None;
    eventually("the keeper has a warden", || {
        let table = Table::read().unwrap();
        let below = table.descendants(keeper);
        found = below.iter().map(|row| row.process.pid).find(|pid| {
            tree::arguments(*pid)
                .is_some_and(|arguments| arguments.get(1).is_some_and(|arg| arg == "__warden"))
        });
        found.is_some()
    });
    found.unwrap()
}
