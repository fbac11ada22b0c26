//! What is closed comes back, and what is done lands.

use std::{
    fs,
    io::Read,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    path::Path,
};

use sha2::{Digest, Sha256};
use skep_api::{
    request::{Ask, LandAsk},
    view::{CloseView, RunView, UndoView},
};
use skep_core::run::How;

use super::{
    Teller,
    stage::{Stage, failed},
};
use crate::{
    commands::{land::gates, logs::last_lines, read},
    exit::CliError,
};

/// Closes a run by force, with a file that git never saw, and takes that back.
pub(super) fn close_and_undo(told: &mut Teller<'_>, stage: &Stage) -> Result<(), CliError> {
    told.act(7, "Closed by force, with a file that git has never seen, and back again")?;
    let runs = stage.runs(told)?;
    let held = |run: &&RunView| run.env_state == "held" && run.worktree.is_some();
    let run = runs.iter().filter(held).nth(1).or_else(|| runs.iter().find(held));
    let Some((run, worktree)) = run.and_then(|run| Some((run, run.worktree.as_ref()?))) else {
        return Err(CliError::error("demo", "no run holds a worktree"));
    };
    let (name, worktree) = (&run.name, Path::new(worktree));
    told.typed(&format!("echo 'three weeks of thoughts' > $(skep path {name})/notes.txt"))?;
    skep_host::paths::write_atomically(&worktree.join("notes.txt"), b"three weeks of thoughts\n")
        .map_err(|err| CliError::error(err.slug(), err.to_string()))?;
    let before = Tree::read(worktree)?;
    told.show(&format!("before   {before}"))?;

    told.typed(&format!("skep close {name} --force"))?;
    let close =
        Ask::Close { runs: vec![run.id.clone()], how: How::Force, merged: false, dry_run: false };
    let closed: Vec<CloseView> = read(told.skep.ask(close)?)?;
    let kept = closed.first().and_then(|view| view.snapshot.clone()).unwrap_or_default();
    if worktree.exists() {
        return Err(CliError::error("demo", format!("{name} was not closed")));
    }
    told.show(&format!("gone     the worktree is no more; {kept} holds what it was"))?;

    told.typed("skep undo")?;
    let undone: Vec<UndoView> = read(told.skep.ask(Ask::Undo { op: None, dry_run: false })?)?;
    if let Some(left) = undone.iter().find(|view| !view.undone) {
        return Err(CliError::error("demo", format!("{name} did not come back: {}", left.status)));
    }
    let after = Tree::read(worktree)?;
    told.show(&format!("after    {after}"))?;
    if before != after {
        return Err(CliError::error("demo", "what came back is not what was closed"));
    }
    told.good("The same hash over names, bytes, permissions and times of the whole tree.")?;
    Ok(())
}

/// Has two of the runs ask to land: the repository's gate keeps one of them out.
pub(super) fn land(told: &mut Teller<'_>, stage: &Stage) -> Result<(), CliError> {
    told.act(8, "One lands, and one does not: its gate looked at what would be on main")?;
    told.say(
        "Both agents said that they were done. The repository has a gate: its colours end with a full stop. skep runs it on the merged tree.",
    )?;
    let runs = stage.runs(told)?;
    let on_screen = |run: &&RunView| run.agent == "screen";
    if let Some(run) = runs.iter().find(on_screen).filter(|run| !failed(run)) {
        refused(told, run)?;
    }
    let Some(run) = runs.iter().find(|run| !failed(run) && !on_screen(run)) else {
        return Err(CliError::error("demo", "no run was completed"));
    };
    told.typed(&format!("skep land {}", run.name))?;
    let landed: RunView = read(told.skep.ask(wish(run))?)?;
    if let Some(seen) = landed.attestation.as_ref().filter(|_| !told.skep.out.json) {
        gates(&told.skep.out, seen)?;
    }
    let target = landed.landed.map(|landed| landed.target).unwrap_or_default();
    told.good(&format!("{} landed on {target}", run.name))?;
    told.typed("git log --oneline --stat -1")?;
    told.show(&stage.git(told.skep, &["log", "--oneline", "--stat", "-1"])?)?;
    Ok(())
}

/// Asks for a landing that the gate refuses, and shows what it said.
fn refused(told: &mut Teller<'_>, run: &RunView) -> Result<(), CliError> {
    told.typed(&format!("skep land {} --yes    # a person approves the gate, once", run.name))?;
    let Err(err) = told.skep.ask(wish(run)) else {
        return Err(CliError::error("demo", format!("the gate let {} in", run.name)));
    };
    if err.refusal.slug != "gate-failed" {
        return Err(err);
    }
    told.show(&err.refusal.message)?;
    let logs = err.refusal.hints.iter().find_map(|hint| hint.strip_prefix("skep logs "));
    if let Some(gate) = logs {
        told.typed(&format!("skep logs {gate}"))?;
        let lines = last_lines(told.skep, gate, 1, 6);
        lines.iter().filter(|line| !line.is_empty()).try_for_each(|line| told.show(line))?;
    }
    Ok(())
}

fn wish(run: &RunView) -> Ask {
    Ask::Land(LandAsk { run: run.id.clone(), yes: true, ..LandAsk::default() })
}

/// All files and folders below one, as one number.
#[derive(Debug, PartialEq, Eq)]
struct Tree {
    files: usize,
    digest: String,
}

impl Tree {
    fn read(root: &Path) -> std::io::Result<Tree> {
        let mut tree = Tree { files: 0, digest: String::new() };
        let mut hash = Sha256::new();
        tree.add(root, root, &mut hash)?;
        tree.digest =
            hash.finalize().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        Ok(tree)
    }

    fn add(&mut self, root: &Path, folder: &Path, hash: &mut Sha256) -> std::io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            // Git's own pointer to the repository, made anew.
            if path == root.join(".git") {
                continue;
            }
            let meta = fs::symlink_metadata(&path)?;
            let name = path.strip_prefix(root).unwrap_or(&path).as_os_str().as_bytes();
            hash.update((name.len() as u64).to_be_bytes());
            hash.update(name);
            hash.update(meta.permissions().mode().to_be_bytes());
            hash.update(meta.mtime().to_be_bytes());
            hash.update(meta.mtime_nsec().to_be_bytes());
            if meta.is_dir() {
                self.add(root, &path, hash)?;
            } else {
                self.files += 1;
                let mut bytes = Vec::new();
                if meta.is_symlink() {
                    bytes.extend(fs::read_link(&path)?.as_os_str().as_bytes());
                } else {
                    fs::File::open(&path)?.read_to_end(&mut bytes)?;
                }
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(&bytes);
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Tree {
    fn fmt(&self, into: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(into, "sha256 {:.40}…  ({} files)", self.digest, self.files)
    }
}
