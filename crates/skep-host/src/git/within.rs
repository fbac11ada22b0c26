//! Where a run has been at work, its worktree says what git starts: filters by a `.git` that was led elsewhere, by a
//! submodule's settings, by a nested repository. Nothing of that may do more than the run itself could.
//!
//! Owns: the fence around our own git in the worktree of an env that is lent.
//! Never: believes the worktree about where its repository is; the env's record says it.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::fence::{self, Fence};

/// What our git may write to in a worktree where a run has been at work.
#[derive(Debug, Clone, Default)]
pub enum Bounds {
    /// Its env and what git writes for it.
    #[default]
    Env,
    /// Its env, what git writes for it, and a folder of ours that holds plain files.
    EnvAnd(PathBuf),
    /// What the run's own agent could: for git that starts what that agent's git would have started.
    Agent(Fence),
    /// Everything, as its agent could.
    None,
}

impl Bounds {
    /// The fence for git in `dir`.
    pub(super) fn around(&self, dir: &Path) -> Option<Fence> {
        match self {
            Bounds::Env => fence(dir),
            Bounds::EnvAnd(more) => fence(dir).map(|mut fence| {
                fence.plain.push(more.clone());
                fence
            }),
            Bounds::Agent(fence) => Some(fence.clone()),
            Bounds::None => None,
        }
    }
}

/// What of the shared folder git writes to for a worktree.
const SHARED: [&str; 5] = ["objects", "refs", "reftable", "logs", "lfs"];

/// What is read of the record in an env.
#[derive(Deserialize)]
struct Record {
    state: String,
    folder: String,
    common_dir: Option<PathBuf>,
}

/// The fence for git in `dir`; none where no run has been at work, or the kernel has none.
fn fence(dir: &Path) -> Option<Fence> {
    let dir = dir.canonicalize().ok()?;
    // The outermost is ours: a run could lay another one into its worktree.
    let (root, bytes) = dir.ancestors().collect::<Vec<_>>().into_iter().rev().find_map(|root| {
        let bytes = fs::read(root.join("owner.json")).ok()?;
        Some((root, bytes))
    })?;
    let record: Record = serde_json::from_slice(&bytes).ok()?;
    let worktree = root.join(&record.folder);
    let is_lent = matches!(record.state.as_str(), "ready" | "leaving" | "released");
    if !is_lent || !dir.starts_with(&worktree) || !fence::is_possible() {
        return None;
    }
    let common = record.common_dir?;
    let mut plain: Vec<PathBuf> = SHARED.iter().map(|name| common.join(name)).collect();
    plain.extend(private(&common, &worktree));
    let write = [root, Path::new("/dev/null")].map(Path::to_owned).to_vec();
    Some(Fence { write, plain, read: None })
}

/// The worktree's own git folder, where both agree on it.
pub(crate) fn private(common: &Path, worktree: &Path) -> Option<PathBuf> {
    let git = worktree.join(".git");
    if fs::symlink_metadata(&git).is_ok_and(|meta| meta.is_dir()) {
        // The main worktree's is the one that all share.
        return (git.canonicalize().ok()? == common).then(|| common.to_owned());
    }
    let said = fs::read_to_string(git).ok()?;
    let name = Path::new(said.trim().strip_prefix("gitdir: ")?).file_name().map(OsStr::to_owned)?;
    let private = common.join("worktrees").join(name);
    let back = fs::read_to_string(private.join("gitdir")).ok()?;
    (Path::new(back.trim()).parent()?.canonicalize().ok()? == worktree).then_some(private)
}
