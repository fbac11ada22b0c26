//! What stands of the attempts before, gathered for a conversation that does not know them.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    time::Duration,
};

use skep_api::{
    journal::{Entry, Line},
    place::Home,
};
use skep_core::{
    run::{Run, orientation::Standing},
    said::{ErrorClass, Said},
};
use skep_host::git::{self, Git};

use super::asker_env;

/// How long git may take to say it.
const GIT: Duration = Duration::from_secs(10);
/// Commits that are named.
const COMMITS: usize = 30;
/// How much of a journal's end is read. Bytes.
const TAIL: u64 = 512 << 10;
/// How many lines are handed on; the text takes fewer.
const LINES: usize = 60;

/// Gathers what stands before `attempt` begins. What could not be had is absent.
pub(super) fn standing(run: &Run, attempt: u32, home: &Home) -> Standing {
    let mut standing = Standing { attempt, ..Standing::default() };
    if let Some(seen) = in_git(run, home) {
        standing.branch = seen.branch;
        standing.ahead = seen.ahead;
        standing.commits = Some(seen.commits);
        let names = seen.dirty.iter().map(|path| path.to_string_lossy().into_owned());
        standing.dirty = Some(names.collect());
    }
    // An attempt that was refused left nothing to tell; what came before it did.
    for before in (1..attempt).rev() {
        let dir = home.attempt(run.id(), before);
        let heard = heard(&dir.join("journal.jsonl"));
        if heard.iter().any(|entry| matches!(entry, Entry::Agent(said) if is_work(said))) {
            standing.words = heard.iter().rev().find_map(|entry| {
                let Entry::Agent(Said::Said { text }) = entry else { return None };
                Some(text.clone())
            });
            let lines: Vec<String> = heard.iter().filter_map(told).collect();
            let from = lines.len().saturating_sub(LINES);
            standing.journal = lines[from..].to_vec();
            break;
        }
    }
    standing
}

fn in_git(run: &Run, home: &Home) -> Option<git::Standing> {
    let env = run.env()?;
    let base = env.base.as_ref()?;
    let git = Git::new(&asker_env(home, run).ok()?).timeout(GIT);
    git::standing(&git, Path::new(&env.worktree), &base.oid, COMMITS).ok()
}

/// The end of a journal; a line that was torn by where the reading began, or is none, is passed over.
fn heard(path: &Path) -> Vec<Entry> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        file.read_to_end(&mut bytes)
    });
    if read.is_err() {
        return Vec::new();
    }
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Line>(line).ok())
        .map(|line| line.entry)
        .collect()
}

fn is_work(said: &Said) -> bool {
    matches!(said, Said::Said { .. } | Said::Tool { .. } | Said::ToolResult { .. })
}

/// One line for what was heard; none for what tells nothing of the work.
#[expect(clippy::wildcard_enum_match_arm, reason = "most of a journal tells nothing of the work")]
fn told(entry: &Entry) -> Option<String> {
    Some(match entry {
        Entry::Delivered { text, .. } => format!("was told: {text}"),
        Entry::Agent(Said::Said { text }) => format!("said: {text}"),
        Entry::Agent(Said::Tool { name, input, .. }) => format!("tool {name}: {input}"),
        Entry::Agent(Said::ToolResult { ok: false, text, .. }) => format!("that failed: {text}"),
        Entry::Agent(Said::Error { class: ErrorClass::Notice, .. }) => return None,
        Entry::Agent(Said::Error { text, .. }) => format!("error: {text}"),
        Entry::Agent(Said::Ask { text, .. }) => format!("asked: {text}"),
        _ => return None,
    })
}
