//! What claude-squad wrote down about its sessions.
//!
//! Owns: the few fields that are of use here. Never: believes more of them than a path to compare and names to show.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// The largest file that is read. Bytes.
const LARGEST: u64 = 4 << 20;

/// A session as its state says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) worktree: PathBuf,
    /// What its session of tmux is called.
    pub(super) session: String,
    /// What it runs, without arguments.
    pub(super) program: String,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    instances: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Written {
    title: String,
    #[serde(default)]
    program: String,
    worktree: Worktree,
}

#[derive(Deserialize)]
struct Worktree {
    worktree_path: String,
}

/// Its folder.
pub(super) fn folder(home: &Path) -> PathBuf {
    home.join(".claude-squad")
}

/// Reads its state; none where there is none, or it has another form.
pub(super) fn read(home: &Path) -> Vec<Instance> {
    let path = folder(home).join("state.json");
    // To open a pipe that stands in its place would wait for ever.
    if !fs::metadata(&path).is_ok_and(|meta| meta.is_file()) {
        return Vec::new();
    }
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes));
    if read.is_ok() { parse(&bytes) } else { Vec::new() }
}

fn parse(bytes: &[u8]) -> Vec<Instance> {
    let Ok(state) = serde_json::from_slice::<State>(bytes) else { return Vec::new() };
    // One that is of another form does not hide the others.
    let known = state.instances.into_iter().filter_map(|one| serde_json::from_value(one).ok());
    known
        .map(|written: Written| Instance {
            worktree: PathBuf::from(written.worktree.worktree_path),
            session: session(&written.title),
            program: written.program.split_whitespace().next().unwrap_or_default().to_owned(),
        })
        .collect()
}

/// The name that its sessions of tmux have: no blanks, and no dots, which tmux does not take.
fn session(title: &str) -> String {
    let plain: String = title.split_whitespace().collect();
    format!("claudesquad_{}", plain.replace('.', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_by_its_worktree_whatever_else_is_written_down() {
        let state = r#"{"help_screens_seen": 3, "instances": [
            {"title": "fix v1.2 now", "path": "/src/web", "branch": "me/fix", "status": 1, "program": "claude --continue",
             "worktree": {"repo_path": "/src/web", "worktree_path": "/h/.claude-squad/worktrees/me-fix_18", "session_name": "fix"},
             "diff_stats": {"added": 1}},
            {"title": 7}, null,
            {"title": "bare", "worktree": {"worktree_path": "/w"}}]}"#;
        let found = parse(state.as_bytes());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].worktree, Path::new("/h/.claude-squad/worktrees/me-fix_18"));
        assert_eq!(
            (found[0].session.as_str(), found[0].program.as_str()),
            ("claudesquad_fixv1_2now", "claude")
        );
        assert_eq!(found[1].program, "");
    }

    #[test]
    fn what_is_no_state_names_no_session() {
        let odd =
            ["", "null", "[]", "{}", "{\"instances\": 3}", "\u{0}\u{1}", "{\"instances\": [[]]}"];
        for text in odd {
            assert_eq!(parse(text.as_bytes()), [], "{text:?}");
        }
        assert_eq!(read(Path::new("/no/such/home")), []);
    }
}
