//! Who works in a worktree: panes of the asker's tmux, and processes.
//!
//! Owns: which pane belongs to which worktree, by where its processes stand; which program is an agent's; who works there now.
//! Never: asks skep's own tmux, lets a name decide where a process can, or touches one.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use skep_api::wire::chain;
use skep_core::{
    run::{Adopted, Pane},
    text,
};
use skep_harness::profile::Profile;
use skep_host::{
    tmux::found,
    tree::{self, Process, Row, Table},
};

/// Shells: what a person sits at between two programs.
const SHELLS: [&str; 12] =
    ["sh", "bash", "zsh", "fish", "dash", "ksh", "mksh", "tcsh", "csh", "ash", "nu", "xonsh"];
/// Agents that many have, whether there is a profile for them or not.
const AGENTS: [&str; 11] = [
    "aider",
    "amp",
    "claude",
    "codex",
    "copilot",
    "crush",
    "cursor-agent",
    "gemini",
    "goose",
    "opencode",
    "pi",
];
/// The longest name that is kept of a foreign program or session. Characters.
const NAME: usize = 80;

/// The asker's tmux, as one look found it.
pub(super) struct Seen {
    socket: PathBuf,
    panes: Vec<found::Seen>,
    table: Table,
}

/// A process that works in a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    pub process: Process,
    pub program: String,
}

impl Seen {
    /// Looks once; where tmux could not be asked there are no panes, and it is said why.
    pub(super) fn look(env: &BTreeMap<String, String>, ours: &Path) -> (Seen, Option<String>) {
        let socket = found::users_socket(env);
        // Whoever sits in one of skep's own windows has no session to bring along.
        let panes =
            if socket.starts_with(ours) { Ok(Vec::new()) } else { found::panes(&socket, env) };
        let (panes, trouble) = match panes {
            Ok(panes) => (panes, None),
            Err(err) => (Vec::new(), Some(chain(&err))),
        };
        let table = if panes.is_empty() { Ok(Table::default()) } else { Table::read() };
        (Seen { socket, panes, table: table.unwrap_or_default() }, trouble)
    }

    /// The pane that belongs to the worktree.
    ///
    /// Order: one with an agent before others; among those the one that is called `session`; then the first.
    pub(super) fn pane_in(
        &self,
        worktree: &Path,
        session: Option<&str>,
        agents: &BTreeSet<String>,
    ) -> Option<Pane> {
        let fitting = self.panes.iter().filter_map(|seen| {
            let there = self.programs_in(seen, worktree);
            let stands = !there.is_empty() || seen.path.starts_with(worktree);
            let called = session == Some(seen.session_name.as_str());
            let began = called && seen.begun_in.starts_with(worktree);
            if !(stands || began) {
                return None;
            }
            Some((there.iter().find_map(|row| agent_of(row, agents)), called, seen))
        });
        let fitting: Vec<_> = fitting.collect();
        // Of equals the last is the greatest.
        let best =
            fitting.into_iter().rev().max_by_key(|(agent, called, _)| (agent.is_some(), *called));
        let (agent, _, seen) = best?;
        let process = tree::identity(seen.pane.pid)?;
        let short = |name: &str| text::words(&text::one_line(name), NAME);
        Some(Pane {
            socket: self.socket.to_str()?.to_owned(),
            name: short(&seen.session_name),
            session: seen.session.clone(),
            pane: seen.pane.id.clone(),
            pid: process.pid,
            started: process.started,
            program: short(&agent.unwrap_or_else(|| seen.program.clone())),
        })
    }

    /// The processes of a pane that stand in the worktree, parents before their children.
    fn programs_in(&self, seen: &found::Seen, worktree: &Path) -> Vec<&Row> {
        let first = self.table.row(seen.pane.pid);
        let below = self.table.descendants(seen.pane.pid);
        first.into_iter().chain(below).filter(|row| stands_in(row, worktree)).collect()
    }
}

fn stands_in(row: &Row, worktree: &Path) -> bool {
    !row.zombie && tree::folder(row.process.pid).is_some_and(|at| at.starts_with(worktree))
}

/// What a process may be called by: its program, the script that an interpreter runs, its name.
fn words(row: &Row) -> Vec<String> {
    let last = |word: &OsStr| {
        let name = Path::new(word).file_name().unwrap_or(word);
        name.to_string_lossy().trim_start_matches('-').to_owned()
    };
    let arguments = tree::arguments(row.process.pid).unwrap_or_default();
    let named = arguments.iter().take(2).map(|word| last(word));
    named.chain([row.comm.clone()]).filter(|word| !word.is_empty()).collect()
}

/// The name of the agent that a process is.
fn agent_of(row: &Row, agents: &BTreeSet<String>) -> Option<String> {
    words(row).into_iter().find(|word| agents.contains(word))
}

/// The names of programs that are agents: those that are widely known, and what the profiles start.
pub fn agents(profiles: &[Profile]) -> BTreeSet<String> {
    let own = profiles.iter().filter_map(program_of);
    AGENTS.iter().map(|name| (*name).to_owned()).chain(own).collect()
}

/// What a profile starts; none where its name says nothing, as a shell's or skep's own.
fn program_of(profile: &Profile) -> Option<String> {
    let name = Path::new(&profile.program).file_name()?.to_str()?;
    (!SHELLS.contains(&name) && !name.starts_with('{')).then(|| name.to_owned())
}

/// Whether `program` is what the profile starts.
pub(super) fn is_program(profile: &Profile, program: &str) -> bool {
    let asked = Path::new(program).file_name().and_then(OsStr::to_str);
    asked.is_some() && program_of(profile).as_deref() == asked
}

/// Who works in a worktree that was taken over: what of the pane that was found still stands in it, and agents from
/// anywhere; a shell that waits for its person is nobody, and neither is `asker`.
pub fn workers(
    worktree: &Path,
    adopted: &Adopted,
    agents: &BTreeSet<String>,
    asker: u32,
) -> io::Result<Vec<Worker>> {
    let table = Table::read()?;
    let same =
        |pane: &&Pane| table.row(pane.pid).is_some_and(|row| row.process.started == pane.started);
    let of_pane: Vec<u32> = adopted
        .pane
        .as_ref()
        .filter(same)
        .map(|pane| {
            let below = table.descendants(pane.pid).into_iter().map(|row| row.process.pid);
            below.chain([pane.pid]).collect()
        })
        .unwrap_or_default();
    let at_work = table.rows().filter(|row| {
        let pid = row.process.pid;
        pid != asker
            && stands_in(row, worktree)
            && !is_idle_shell(row)
            && (of_pane.contains(&pid) || agent_of(row, agents).is_some())
    });
    let worker = |row: &Row| Worker {
        process: row.process,
        program: text::words(&text::one_line(&row.comm), NAME),
    };
    Ok(at_work.map(worker).collect())
}

/// Whether it is a shell that was told no command.
fn is_idle_shell(row: &Row) -> bool {
    let arguments = tree::arguments(row.process.pid).unwrap_or_default();
    let Some((first, rest)) = arguments.split_first() else { return false };
    let name = Path::new(first).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_flag = |word: &str| word.starts_with('-');
    SHELLS.contains(&name.trim_start_matches('-'))
        && rest.iter().all(|word| word.to_str().is_some_and(is_flag))
}
