//! Processes: who they are, who descends from whom, and the end of those that nobody guards any more.
//!
//! Owns: reading `/proc` (one walk, never a program per question); identities that a recycled pid cannot fake.
//! Never: takes "could not ask" for "dead", or signals a process without looking at its identity first.
//! See docs/design/stopping.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStringExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::cgroup;

#[cfg(test)]
mod tests;

/// How long a sweep goes on killing after its grace before it names what is left.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a sweep waits between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// A process, so named that a recycled pid is not it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    pub pid: u32,
    /// Clock ticks since boot.
    pub started: u64,
}

/// Whether a process lives, as far as could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    Alive,
    /// Gone, a zombie, or another process has its pid.
    Dead,
    /// It could not be asked; never a reason to act.
    Unknown,
}

/// One process as `/proc` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub process: Process,
    pub parent: u32,
    pub group: u32,
    /// Zero where it is one outside of what we see.
    pub session: u32,
    /// Whether it has a controlling terminal.
    pub terminal: bool,
    /// Whether it is stopped by a signal.
    pub stopped: bool,
    /// Whether it has ended and only waits to be reaped.
    pub zombie: bool,
    /// The program's name, as in `/proc/PID/comm`.
    pub comm: String,
}

/// All processes at one moment, from one walk through `/proc`.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: BTreeMap<u32, Row>,
}

impl Table {
    /// Walks through `/proc`.
    pub fn read() -> io::Result<Table> {
        let mut rows = BTreeMap::new();
        for entry in fs::read_dir("/proc")? {
            // One that ends while we walk is no longer a row.
            if let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok())
                && let Ok(row) = read_row(pid)
            {
                rows.insert(pid, row);
            }
        }
        Ok(Table { rows })
    }

    /// Returns the row of `pid`.
    pub fn row(&self, pid: u32) -> Option<&Row> {
        self.rows.get(&pid)
    }

    /// Returns every row, by pid.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Returns every row that descends from `pid`, parents before their children; zombies are among them.
    pub fn descendants(&self, pid: u32) -> Vec<&Row> {
        let mut children: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
        for row in self.rows.values() {
            children.entry(row.parent).or_default().push(row);
        }
        let mut found: Vec<&Row> = children.remove(&pid).unwrap_or_default();
        let mut next = 0;
        while let Some(row) = found.get(next) {
            let below = children.remove(&row.process.pid).unwrap_or_default();
            found.extend(below);
            next += 1;
        }
        found
    }

    /// Returns the pids above `pid`, nearest first.
    pub fn ancestors(&self, pid: u32) -> Vec<u32> {
        let mut above = Vec::new();
        let mut at = self.rows.get(&pid).map_or(0, |row| row.parent);
        while at != 0 && !above.contains(&at) {
            above.push(at);
            at = self.rows.get(&at).map_or(0, |row| row.parent);
        }
        above
    }
}

/// Returns the living processes that descend from `pid`.
pub fn descendants(pid: u32) -> io::Result<Vec<Process>> {
    let table = Table::read()?;
    Ok(table
        .descendants(pid)
        .into_iter()
        .filter(|row| !row.zombie)
        .map(|row| row.process)
        .collect())
}

/// Returns the pids above `pid`, nearest first, without walking all of `/proc`.
pub fn ancestors(pid: u32) -> Vec<u32> {
    let mut above = Vec::new();
    let mut at = pid;
    while let Ok(row) = read_row(at)
        && row.parent != 0
        && !above.contains(&row.parent)
    {
        above.push(row.parent);
        at = row.parent;
    }
    above
}

/// Returns the children of `pid` as the kernel lists them; none where the kernel has no such list.
pub fn children(pid: u32) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let list = fs::read_to_string(thread.path().join("children")).ok()?;
        found.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Some(found)
}

/// Returns what `/proc` shows of `pid` now; none if nobody has it, or it cannot be asked.
pub fn row(pid: u32) -> Option<Row> {
    read_row(pid).ok()
}

/// Returns who has the pid now; none if nobody has, or it cannot be asked.
pub fn identity(pid: u32) -> Option<Process> {
    row(pid).map(|row| row.process)
}

/// Returns the arguments of `pid`, the program's name first; empty for a zombie, none where it cannot be asked.
pub fn arguments(pid: u32) -> Option<Vec<OsString>> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut arguments: Vec<OsString> =
        line.split(|byte| *byte == 0).map(|arg| OsString::from_vec(arg.to_vec())).collect();
    // Each argument is ended, not parted, by a zero.
    arguments.pop();
    Some(arguments)
}

/// Returns the folder that `pid` stands in, also where that was deleted meanwhile; none where it cannot be asked.
pub fn folder(pid: u32) -> Option<PathBuf> {
    let at = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    let gone = at.to_string_lossy().strip_suffix(" (deleted)").map(PathBuf::from);
    // A folder may be called so and stand.
    Some(gone.filter(|_| !at.exists()).unwrap_or(at))
}

/// Returns the id of the boot: a pid of another boot is nobody's.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Tells whether `process`, of this boot, still lives.
pub fn probe(process: Process) -> Probe {
    match read_row(process.pid) {
        Ok(row) if row.process != process || row.zombie => Probe::Dead,
        Ok(_) => Probe::Alive,
        Err(err) if is_gone(&err) && proc_shows(process.pid) => Probe::Dead,
        Err(_) => Probe::Unknown,
    }
}

/// Opens a descriptor that stands for exactly `process`; none if it is dead.
pub fn open(process: Process) -> io::Result<Option<OwnedFd>> {
    let fd = match pidfd_open(pid_of(process)?, PidfdFlags::empty()) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        Err(err) => return Err(err.into()),
    };
    // Looked at after the descriptor is open: from here on the pid cannot change hands unseen.
    match probe(process) {
        Probe::Alive => Ok(Some(fd)),
        Probe::Dead => Ok(None),
        Probe::Unknown => Err(io::Error::other(format!("process {} cannot be asked", process.pid))),
    }
}

/// Signals exactly `process`; false if it was dead already.
pub fn signal(process: Process, signal: Signal) -> io::Result<bool> {
    let Some(fd) = open(process)? else { return Ok(false) };
    match pidfd_send_signal(&fd, signal) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(err) => Err(err.into()),
    }
}

/// Asks exactly `process` to end; false if it was dead already.
pub fn terminate(process: Process) -> io::Result<bool> {
    signal(process, Signal::TERM)
}

/// What a process left over from a lost guard may be known by.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'a> {
    /// A variable in its environment, whole: `NAME=value`; the value is also the mark of its control group.
    pub variable: &'a str,
    /// A folder that it stands in.
    pub inside: Option<&'a Path>,
    /// The lost guard: it led the session of those that made none of their own, and none of them is older.
    pub guard: Option<Process>,
}

/// Returns the living processes that bear one of the marks, but never the caller or one above it.
///
/// Shape: standing in the folder counts only for one that is younger than the guard, has no terminal and was
/// left to init (or to whoever reaps for the caller): a person's own shell or editor there is none of ours.
pub fn marked(marks: &Marks<'_>) -> io::Result<Vec<Process>> {
    let table = Table::read()?;
    let me = std::process::id();
    let mut ours = table.ancestors(me);
    ours.push(me);
    let mine: BTreeSet<u32> = ours.into_iter().collect();
    Ok(table
        .rows()
        .filter(|row| !row.zombie && !mine.contains(&row.process.pid) && row.process.pid != 1)
        .filter(|row| {
            has_variable(row.process.pid, marks.variable)
                || cgroup::is_member(row.process.pid, mark_of(marks))
                || in_session(row, marks.guard)
                || (marks.inside.is_some_and(|dir| is_inside(row.process.pid, dir))
                    && is_left_over(&table, row, marks, &mine))
        })
        .map(|row| row.process)
        .collect())
}

/// Returns the living processes whose folder is `dir` or lies below it.
pub fn inside(dir: &Path) -> io::Result<Vec<Process>> {
    let table = Table::read()?;
    Ok(table
        .rows()
        .filter(|row| !row.zombie && is_inside(row.process.pid, dir))
        .map(|row| row.process)
        .collect())
}

/// Ends every process that bears one of the marks: TERM, after `grace` KILL, until a look finds none.
/// Returns what would not go.
pub fn sweep(marks: &Marks<'_>, grace: Duration) -> io::Result<Vec<Process>> {
    let begun = Instant::now();
    let mut asked = BTreeSet::new();
    loop {
        let left = marked(marks)?;
        let waited = begun.elapsed();
        if left.is_empty() {
            cgroup::remove_of(mark_of(marks));
        }
        if left.is_empty() || waited > grace + PATIENCE {
            return Ok(left);
        }
        for process in left {
            let how = if waited >= grace { Signal::KILL } else { Signal::TERM };
            if how == Signal::KILL || asked.insert(process) {
                // One that cannot be signalled is still there at the next look, and is named at the end.
                let _refused = signal(process, how);
            }
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// The value of the variable, which its control group is named after.
fn mark_of<'a>(marks: &Marks<'a>) -> &'a str {
    marks.variable.split_once('=').map_or("", |(_, value)| value)
}

fn has_variable(pid: u32, variable: &str) -> bool {
    // What we may not read runs as somebody else; we could not signal it either.
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
        environ.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
    })
}

fn in_session(row: &Row, guard: Option<Process>) -> bool {
    guard.is_some_and(|guard| row.session == guard.pid && row.process.started >= guard.started)
}

fn is_inside(pid: u32, dir: &Path) -> bool {
    // Everything stands below the root, and below no name at all.
    if !dir.is_absolute() || dir.parent().is_none() {
        return false;
    }
    let Ok(at) = fs::read_link(format!("/proc/{pid}/cwd")) else { return false };
    let gone = at.to_string_lossy().strip_suffix(" (deleted)").map(PathBuf::from);
    at.starts_with(dir) || gone.is_some_and(|at| at.starts_with(dir))
}

fn is_left_over(table: &Table, row: &Row, marks: &Marks<'_>, mine: &BTreeSet<u32>) -> bool {
    let Some(guard) = marks.guard else { return false };
    if row.terminal || row.process.started < guard.started {
        return false;
    }
    match table.row(row.parent) {
        Some(parent) if parent.process.pid == 1 || mine.contains(&parent.process.pid) => true,
        Some(parent) => {
            marks.inside.is_some_and(|dir| is_inside(parent.process.pid, dir))
                && is_left_over(table, parent, marks, mine)
        }
        None => true,
    }
}

fn pid_of(process: Process) -> io::Result<Pid> {
    i32::try_from(process.pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a pid"))
}

fn is_gone(err: &io::Error) -> bool {
    // A process that ends while its file is read gives ESRCH.
    err.kind() == io::ErrorKind::NotFound
        || err.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Whether `/proc` would show `pid` if it lived: it is mounted, and nothing hides there.
fn proc_shows(pid: u32) -> bool {
    let mounted = fs::metadata("/proc/self/stat").is_ok_and(|found| found.ino() != 0);
    let hidden = i32::try_from(pid).ok().and_then(Pid::from_raw).is_some_and(|pid| {
        !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
    });
    mounted && !hidden
}

fn read_row(pid: u32) -> io::Result<Row> {
    let stat = fs::read(format!("/proc/{pid}/stat"))?;
    parse_row(pid, &String::from_utf8_lossy(&stat)).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("/proc/{pid}/stat reads like no process"),
        )
    })
}

/// Reads one line of `/proc/PID/stat`; the name in brackets may hold anything, brackets too.
fn parse_row(pid: u32, stat: &str) -> Option<Row> {
    let (head, tail) = stat.rsplit_once(')')?;
    let comm = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
    let state = *fields.first()?;
    let threads: i64 = fields.get(17)?.parse().ok()?;
    Some(Row {
        process: Process { pid, started: fields.get(19)?.parse().ok()? },
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        terminal: fields.get(4)?.parse::<i64>().ok()? != 0,
        stopped: state == "T",
        // A process whose first thread has ended looks like a zombie while its other threads work on.
        zombie: matches!(state, "Z" | "X") && threads <= 1,
        comm,
    })
}
