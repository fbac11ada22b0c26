//! Owns: the home's own folders, sockets and trash.
//! Never: calls a folder ours that has no record of ours.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::fs::Access;
use skep_api::{place::Home, wire::chain};
use skep_core::run::{OpResult, Run};
use skep_host::env::{self, Slot};

use super::{Finding, fleet::Ledger, mend, mend::Remedy, pasted};

/// How long a socket is given that is just being made.
const COMES: Duration = Duration::from_millis(50);

/// The folders that only their owner may enter.
pub(super) fn folders(home: &Home) -> Vec<Finding> {
    let root = home.root();
    if matches!(fs::symlink_metadata(root), Err(err) if err.kind() == io::ErrorKind::NotFound) {
        return vec![Finding::note("home", format!("{} is not made yet", root.display()))];
    }
    let below =
        [home.sockets().to_owned(), root.join("runs"), home.envs(), home.trash(), home.cleanup()];
    let ill: Vec<Finding> =
        [root.to_owned()].iter().chain(&below).filter_map(|path| folder(path)).collect();
    if ill.is_empty() { vec![Finding::well("home", root.display().to_string())] } else { ill }
}

/// What is wrong with a folder; one that is not there is made by the next daemon.
fn folder(path: &Path) -> Option<Finding> {
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return None,
        Err(err) => return Some(Finding::note("home", format!("{}: {err}", path.display()))),
    };
    let shown = path.display();
    if !meta.is_dir() {
        return Some(
            Finding::ill("home", format!("{shown} is no folder"))
                .why("no daemon starts on it")
                .way("choose another home with --home"),
        );
    }
    if meta.uid() != rustix::process::getuid().as_raw() {
        return Some(
            Finding::ill("home", format!("{shown} is another user's"))
                .why("whoever owns it can read and change every run")
                .way("choose another with --home"),
        );
    }
    // Asked of the system, which also knows of file systems that nobody may write to.
    if let Err(err) = rustix::fs::access(path, Access::WRITE_OK) {
        let err = io::Error::from(err);
        return Some(
            Finding::ill("home", format!("{shown} cannot be written: {err}"))
                .why("no daemon starts on it, and what runs remembers nothing more")
                .way(format!("ls -ld {0}; df -h {0}", pasted(path))),
        );
    }
    let mode = meta.mode() & 0o7777;
    (mode & 0o077 != 0).then(|| {
        Finding::ill("home", format!("{shown} lets other users in (mode {mode:o})"))
            .why("prompts, journals and control sockets lie in it")
            .way(format!("chmod 700 {}", pasted(path)))
            .remedy(Remedy::Private { path: path.to_owned(), mode })
    })
}

/// Sockets on which nobody listens: what a killed process left.
pub(super) fn sockets(home: &Home) -> Vec<Finding> {
    let entries = match fs::read_dir(home.sockets()) {
        Ok(entries) => entries,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(err) => return vec![Finding::note("sockets", format!("could not be asked: {err}"))],
    };
    let dead = |path: &PathBuf| mend::is_dead(path);
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(dead).collect();
    if !found.is_empty() {
        // A socket has its name a moment before somebody listens.
        thread::sleep(COMES);
        found.retain(dead);
    }
    found.sort();
    if found.is_empty() {
        return vec![Finding::well("sockets", "each has somebody who listens")];
    }
    found
        .into_iter()
        .map(|path| {
            Finding::note("sockets", format!("nobody listens on {}", path.display()))
                .why("it is only a name that a killed process left")
                .remedy(Remedy::Socket { path })
        })
        .collect()
}

/// Folders in the trash that nobody remembers.
pub(super) fn trash(home: &Home, ledger: &Ledger) -> Vec<Finding> {
    let mut folders = vec![home.trash()];
    for run in ledger.fleet.runs.values() {
        let folder = crate::hands::trash(&run.brief.place, home);
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    let mut found = Vec::new();
    let mut remembered = 0;
    for folder in folders {
        match env::read_trash(&folder) {
            Ok(slots) => {
                for slot in slots {
                    match judge(&slot, ledger) {
                        Some(finding) => found.push(finding),
                        None => remembered += 1,
                    }
                }
            }
            Err(err) => {
                found.push(Finding::note("trash", format!("could not be asked: {}", chain(&err))));
            }
        }
    }
    if found.is_empty() {
        found.push(Finding::well("trash", format!("{remembered} folders, each remembered")));
    }
    found
}

fn judge(slot: &Slot, ledger: &Ledger) -> Option<Finding> {
    let shown = slot.path.display();
    let nobody = |text: String| {
        Some(
            Finding::ill("trash", text)
                .why("nothing ever empties it, and nothing can bring it back")
                .way(format!("look into {shown}, take what you need, and delete it by hand")),
        )
    };
    let run = slot.run.as_deref().and_then(|id| ledger.run(id));
    let Some(run) = run.filter(|_| slot.known) else {
        return nobody(match &slot.run {
            Some(id) => format!("{shown} is of {id}, which the ledger does not know"),
            None => format!("{shown} has no record of ours"),
        });
    };
    if ledger.is_busy(run) || is_of(slot, run) {
        return None;
    }
    nobody(format!("{shown} is of {}, which does not remember it", run.id()))
}

/// Whether the run has a snapshot of this name, or is still to bring it into one.
fn is_of(slot: &Slot, run: &Run) -> bool {
    let told = |result: &OpResult| matches!(result, OpResult::Closed { trash: Some(trash), .. } if Path::new(trash) == slot.path);
    run.snapshots.keys().chain(&run.settling).any(|id| id.as_str() == slot.name)
        || run.ops.iter().any(|(_, result)| told(result))
}
