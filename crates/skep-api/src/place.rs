//! Where things lie below a home. The one place that spells these paths.

use std::path::{Path, PathBuf};

use skep_core::id::{RunId, TaskId};

#[cfg(test)]
mod tests;

/// The longest socket path that is safe on every system. Bytes.
const SOCKET_LIMIT: usize = 100;

/// The home of one skep: ledger, envs, runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
    sockets: PathBuf,
}

impl Home {
    /// Names the home at `root`, absolute, of the user `uid`.
    pub fn new(root: &Path, uid: u32) -> Home {
        let near = root.join("s");
        // `/` and the longest name, `run_xxxxxxxxxx.1000.sock`, come on top.
        let sockets = if near.as_os_str().len() + 26 <= SOCKET_LIMIT {
            near
        } else {
            let hash = root
                .as_os_str()
                .as_encoded_bytes()
                .iter()
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
                });
            PathBuf::from(format!("/tmp/skep-{uid}-{hash:016x}"))
        };
        Home { root: root.to_owned(), sockets }
    }

    /// The home itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of all sockets, 0700.
    pub fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// The daemon's socket.
    pub fn daemon_socket(&self) -> PathBuf {
        self.sockets.join("daemon.sock")
    }

    /// The control socket of an attempt's keeper.
    pub fn control_socket(&self, run: &RunId, attempt: u32) -> PathBuf {
        self.sockets.join(format!("{run}.{attempt}.sock"))
    }

    /// The lock that the one daemon holds.
    pub fn daemon_lock(&self) -> PathBuf {
        self.root.join("daemon.lock")
    }

    /// What the daemon has to say while nobody looks.
    pub fn daemon_log(&self) -> PathBuf {
        self.root.join("daemon.log")
    }

    /// The ledger.
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger.db")
    }

    /// The folder of a run: its prompt, its environment, its attempts.
    pub fn run(&self, run: &RunId) -> PathBuf {
        self.root.join("runs").join(run.as_str())
    }

    /// The prompt of a run.
    pub fn prompt(&self, run: &RunId) -> PathBuf {
        self.run(run).join("prompt.md")
    }

    /// The environment of whoever asked for the run, 0600.
    pub fn asker_env(&self, run: &RunId) -> PathBuf {
        self.run(run).join("env.json")
    }

    /// The folder of an attempt: `spec.json start.json reports.jsonl journal.jsonl exit.json`.
    pub fn attempt(&self, run: &RunId, attempt: u32) -> PathBuf {
        self.run(run).join(attempt.to_string())
    }

    /// The folder of a task: how its runs were asked for.
    pub fn task(&self, task: &TaskId) -> PathBuf {
        self.root.join("tasks").join(task.as_str())
    }

    /// How a person asked for the runs of a task's plan, 0600.
    pub fn task_ask(&self, task: &TaskId) -> PathBuf {
        self.task(task).join("ask.json")
    }

    /// The lock that an effect of a run holds while it is carried out.
    pub fn effect_lock(&self, run: &RunId) -> PathBuf {
        self.run(run).join("effect.lock")
    }

    /// The default root of all envs.
    pub fn envs(&self) -> PathBuf {
        self.root.join("env")
    }

    /// Scripts of projects as they were approved, each named by its digest.
    pub fn approved(&self) -> PathBuf {
        self.root.join("approved")
    }

    /// What agents are told beside their task, each text named by its digest.
    pub fn briefs(&self) -> PathBuf {
        self.root.join("briefs")
    }

    /// Where removed envs go first.
    pub fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    /// Requests to close a run.
    pub fn cleanup(&self) -> PathBuf {
        self.root.join("cleanup")
    }

    /// Repositories that were named by a URL, each cloned bare; the locks of all repositories beside them.
    pub fn caches(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The clone of this name.
    pub fn cache(&self, name: &str) -> PathBuf {
        self.caches().join(format!("{name}.git"))
    }

    /// What the radar computes, a folder for each repository; all of it can be computed again.
    pub fn radar(&self) -> PathBuf {
        self.root.join("radar")
    }

    /// One writer lock per repository lies here.
    pub fn repository_locks(&self) -> PathBuf {
        self.root.join("cache").join("locks")
    }
}
