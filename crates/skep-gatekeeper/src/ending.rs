//! The end of a tree: every process below us, whatever it forked, detached or ignored.
//!
//! Owns: asking, then killing, then reaping, until there is no child left.
//! Never: ends what is spared by name, or believes one look: it goes on until the kernel knows no child of ours.
//! See docs/design/stopping.md.

use std::{
    collections::BTreeSet,
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, WaitOptions, kill_process,
    kill_process_group, wait, waitid, waitpid,
};
use skep_host::{
    cgroup,
    tree::{self, Process, Row, Table},
};

use crate::terminal::Terminal;

/// How long it waits between two looks while it asks.
const ASKING: Duration = Duration::from_millis(25);
/// How long it waits between two looks while it kills and nothing new appears.
const KILLING: Duration = Duration::from_millis(5);
/// How often it kills what appears right below it before it looks at the whole tree again.
const BURST: usize = 200;
/// How long it kills one by one before it asks the control group, where there is one.
const LAST_RESORT: Duration = Duration::from_secs(1);

/// How the agent itself ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// The exit code; 128+n after signal n.
    pub code: i32,
    pub signal: Option<i32>,
}

impl Death {
    fn of(status: &WaitIdStatus) -> Death {
        match status.terminating_signal() {
            Some(signal) => Death { code: 128 + signal, signal: Some(signal) },
            None => Death { code: status.exit_status().unwrap_or(1), signal: None },
        }
    }
}

/// The tree below this process.
#[derive(Debug)]
pub struct Tree {
    agent: Option<Pid>,
    spare: Vec<String>,
    /// Names of programs that are asked only when half of the time to the killing is over.
    last: Vec<String>,
    terminal: Option<Terminal>,
    cgroup: Option<PathBuf>,
    asked: BTreeSet<Process>,
    death: Option<Death>,
}

/// What one look found.
#[derive(Debug, Default)]
struct Look {
    /// Living processes that are to end.
    doomed: usize,
    /// Whether some of them had not been seen before.
    fresh: bool,
    spared: Vec<Row>,
}

/// What became of the tree.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// How the agent ended, where it was ours to see.
    pub death: Option<Death>,
    /// Helpers let go by intent, as `name (pid)`.
    pub spared: Vec<String>,
}

impl Tree {
    /// The tree of `agent`, which leads a process group, where it is known.
    pub fn new(agent: Option<Pid>, spare: &[String], terminal: Option<Terminal>) -> Tree {
        Tree {
            agent,
            spare: spare.to_vec(),
            last: Vec::new(),
            terminal,
            cgroup: None,
            asked: BTreeSet::new(),
            death: None,
        }
    }

    /// Adds the control group that the agent was started in.
    #[must_use]
    pub fn in_cgroup(mut self, cgroup: Option<PathBuf>) -> Tree {
        self.cgroup = cgroup;
        self
    }

    /// Names the programs that get the time to end by themselves before they are asked.
    ///
    /// A git that is told to end in the moment in which it makes a lock file leaves it behind, and nobody can write
    /// to that repository any more.
    #[must_use]
    pub fn asking_last(mut self, names: &[String]) -> Tree {
        self.last = names.to_vec();
        self
    }

    /// The terminal that was lent to the agent.
    pub fn terminal(&self) -> Option<&Terminal> {
        self.terminal.as_ref()
    }

    /// How the agent ended, once it has and was reaped.
    pub fn death(&self) -> Option<Death> {
        self.death
    }

    /// Reaps whatever below us has ended. Returns false when there is no child left.
    pub fn reap(&mut self) -> bool {
        self.reap_agent();
        match self.agent.and_then(|agent| Some((agent, tree::children(std::process::id())?))) {
            // While the agent lives nothing may reap it unseen: the terminal is had back over its zombie.
            Some((agent, children)) => {
                for pid in children.iter().filter_map(|pid| i32::try_from(*pid).ok()) {
                    if let Some(pid) = Pid::from_raw(pid).filter(|pid| *pid != agent) {
                        // Another look will find it when it has ended.
                        let _not_yet = waitpid(Some(pid), WaitOptions::NOHANG);
                    }
                }
            }
            // Then as they have ended: a list of thousands of zombies is slow.
            None => while self.reap_one() {},
        }
        let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // Only this one word of the kernel means that nothing is left.
        !matches!(waitid(WaitId::All, peek), Err(rustix::io::Errno::CHILD))
    }

    fn reap_agent(&mut self) {
        let Some(agent) = self.agent else { return };
        let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if let Ok(Some(status)) = waitid(WaitId::Pid(agent), peek) {
            self.death = Some(Death::of(&status));
            // While its zombie stands, its group does, and the terminal can be had back.
            self.take_terminal_back();
            // It was there at the peek, and nobody else reaps.
            let _reaped = waitpid(Some(agent), WaitOptions::NOHANG);
            self.agent = None;
        }
    }

    /// Reaps one child that has ended, the agent too if it ends in this very moment; false when there is none.
    fn reap_one(&mut self) -> bool {
        let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) else { return false };
        if Some(pid) == self.agent {
            let signal = status.terminating_signal();
            let code =
                signal.map_or_else(|| status.exit_status().unwrap_or(1), |signal| 128 + signal);
            self.death = Some(Death { code, signal });
            self.take_terminal_back();
            self.agent = None;
        }
        true
    }

    /// Returns the signal that has stopped the agent since the last question.
    pub fn stopped(&self) -> Option<i32> {
        let status =
            waitid(WaitId::Pid(self.agent?), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG)
                .ok()??;
        status.stopping_signal()
    }

    /// Takes the terminal back, where it was lent.
    pub fn take_terminal_back(&self) {
        if let Some(terminal) = &self.terminal {
            terminal.take_back();
        }
    }

    /// Ends everything below us: asks, kills from `kill_at` on, reaps, until no child is left but the spared.
    ///
    /// Shape: `wait` waits at most so long for news, and tells whether to kill from now on.
    pub fn end(&mut self, kill_at: Instant, mut wait: impl FnMut(Duration) -> bool) -> Ended {
        let mut force = false;
        let mut killing = None;
        let ask_all_at = Instant::now() + kill_at.saturating_duration_since(Instant::now()) / 2;
        loop {
            if !self.reap() {
                return Ended { death: self.death, spared: Vec::new() };
            }
            let now = Instant::now();
            force |= now >= kill_at;
            if force && now.duration_since(*killing.get_or_insert(now)) > LAST_RESORT {
                self.kill_cgroup();
            }
            let pause = match self.look(force, now >= ask_all_at) {
                Ok(look) if look.doomed == 0 && self.only_spared(&look) => {
                    let spared = look
                        .spared
                        .iter()
                        .map(|row| format!("{} ({})", row.comm, row.process.pid))
                        .collect();
                    return Ended { death: self.death, spared };
                }
                Ok(look) if force => {
                    if look.fresh {
                        Duration::ZERO
                    } else {
                        KILLING
                    }
                }
                Ok(_) => ASKING.min(kill_at - now),
                // Without /proc there is the agent's group, and what it leaves us as orphans.
                Err(_) => {
                    self.signal_agents_group(if force { Signal::KILL } else { Signal::TERM });
                    ASKING
                }
            };
            force |= wait(pause);
        }
    }

    /// Looks at the whole tree and signals what is doomed: once to ask, every time to kill.
    fn look(&mut self, force: bool, ask_all: bool) -> io::Result<Look> {
        let table = Table::read()?;
        let rows = table.descendants(std::process::id());
        let spared = self.spared_of(&rows);
        let is_doomed = |row: &Row| !row.zombie && !spared.contains(&row.process.pid);
        let doomed: Vec<&Row> = rows.iter().copied().filter(|row| is_doomed(row)).collect();
        let fresh = doomed
            .iter()
            .filter(|row| force || ask_all || !self.last.contains(&row.comm))
            .filter(|row| self.asked.insert(row.process))
            .map(|row| row.process)
            .collect();
        if force {
            kill(&table, &doomed);
            self.kill_what_appears(&spared);
        } else {
            ask(&doomed, &fresh);
        }
        let spared = rows.iter().filter(|row| !row.zombie && spared.contains(&row.process.pid));
        Ok(Look {
            doomed: doomed.len(),
            fresh: !fresh.is_empty(),
            spared: spared.map(|row| (*row).clone()).collect(),
        })
    }

    /// The pids that are let go: those with a spared name, and all below them; never the agent itself.
    fn spared_of(&self, rows: &[&Row]) -> BTreeSet<u32> {
        let agent = self.agent.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
        let mut spared = BTreeSet::new();
        for row in rows {
            let pid = row.process.pid;
            let named = self.spare.contains(&row.comm) && Some(pid) != agent;
            // Parents stand before their children.
            if named || spared.contains(&row.parent) {
                spared.insert(pid);
            }
        }
        spared
    }

    /// Kills, without a walk through all of `/proc`, what appears right below us: the orphans of a tree whose processes
    /// live shorter than a walk takes.
    fn kill_what_appears(&mut self, spared: &BTreeSet<u32>) {
        for _ in 0..BURST {
            let Some(children) = tree::children(std::process::id()) else { return };
            let mut found = false;
            for pid in children.into_iter().filter(|pid| !spared.contains(pid)) {
                let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { continue };
                if self.spare.is_empty() || !self.has_spared_name(pid) {
                    // Ours and not reaped: the pid cannot be another's. It may be a zombie already.
                    let _gone = kill_process(pid, Signal::KILL);
                    found = true;
                }
            }
            if !found || !self.reap() {
                return;
            }
        }
    }

    fn has_spared_name(&self, pid: Pid) -> bool {
        let pid = u32::try_from(pid.as_raw_nonzero().get()).unwrap_or(0);
        tree::row(pid).is_some_and(|row| self.spare.contains(&row.comm))
    }

    /// Whether every child we still have is one of those that were spared: nothing was left to us since that look.
    fn only_spared(&self, look: &Look) -> bool {
        let Some(children) = tree::children(std::process::id()) else {
            return !look.spared.is_empty();
        };
        !look.spared.is_empty()
            && children.into_iter().all(|pid| look.spared.iter().any(|row| row.process.pid == pid))
    }

    /// The kernel's own way, which no fork escapes; but it knows no mercy with what is spared.
    fn kill_cgroup(&self) {
        if let Some(cgroup) = &self.cgroup
            && self.spare.is_empty()
        {
            // Where it fails, the looks go on as they did before.
            let _failed = cgroup::kill(cgroup);
        }
    }

    fn signal_agents_group(&self, signal: Signal) {
        if let Some(agent) = self.agent {
            // Gone is what it should be.
            let _gone = kill_process_group(agent, signal);
        }
    }
}

/// Asks those that have not been asked yet; one that is stopped must be woken to hear it.
fn ask(doomed: &[&Row], fresh: &BTreeSet<Process>) {
    for row in doomed {
        if fresh.contains(&row.process) {
            // Gone is what it should be; one that refuses is killed later.
            let _gone = tree::signal(row.process, Signal::TERM);
            let _woken = row.stopped && tree::signal(row.process, Signal::CONT).is_ok();
        }
    }
}

/// Kills: whole groups at once where all of a group is doomed, since no fork slips through that; the rest one by one.
fn kill(table: &Table, doomed: &[&Row]) {
    let pids: BTreeSet<u32> = doomed.iter().map(|row| row.process.pid).collect();
    let mut groups: BTreeSet<u32> = doomed.iter().map(|row| row.group).collect();
    for row in table.rows().filter(|row| !row.zombie && !pids.contains(&row.process.pid)) {
        groups.remove(&row.group);
    }
    for group in &groups {
        if let Some(group) = i32::try_from(*group).ok().and_then(Pid::from_raw) {
            // Gone is what it should be.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
    for row in doomed.iter().filter(|row| !groups.contains(&row.group)) {
        // As above; one that we may not kill is looked at again.
        let _gone = tree::signal(row.process, Signal::KILL);
    }
}
