//! What a run changed, as git says it: from its worktree while that stands, else from the branch or the commit that is left.

use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use skep_api::{
    place::Home,
    view::{DiffFile, DiffView},
    wire::{Refusal, chain},
};
use skep_core::run::Run;
use skep_host::{
    git::{self, Changed, Git, GitError, Side},
    handout,
};

use crate::{hands, launch};

#[cfg(test)]
mod tests;

/// How much of a patch is sent. Bytes.
const MOST: u64 = 4 << 20;
/// How long one call of git may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Compares what `run` left with where it began.
///
/// Errors: it works in no repository, nothing of it is left, a path outside its worktree, or git's own.
pub(super) fn diff(run: &Run, home: &Home, path: Option<&str>) -> Result<DiffView, Refusal> {
    let id = run.id();
    let nothing = |why: &str| {
        Refusal::error("nothing-to-compare", format!("{id} ({}): {why}", run.brief.name))
            .hint(format!("skep snapshot ls {id}"))
    };
    let env = run.env().ok_or_else(|| nothing("it has no env yet"))?;
    let Some(repository) = &run.brief.place.repository else {
        return Err(Refusal::error("no-repository", format!("{id} works in a plain folder"))
            .hint(format!("skep path {id}")));
    };
    let base = env.base.as_ref().ok_or_else(|| nothing("it has no commit that it began from"))?;
    let worktree = Path::new(&env.worktree);
    let path = path.map(|path| below(worktree, path)).transpose()?;
    let path = path.as_deref().filter(|path| !path.as_os_str().is_empty());
    let vars = launch::asker_env(home, run).map_err(|err| nothing(&err))?;
    let git = Git::new(&vars).timeout(PATIENCE);
    let git = handout::unseen(&git, Path::new(&env.root));
    let told = |err: GitError| Refusal::error(err.slug(), chain(&err));
    let target = env.target.as_deref();
    // A folder that is left of a worktree would be searched upwards for a repository, and another's found.
    let stands =
        (run.holds_env() || run.has_place()) && worktree.join(".git").symlink_metadata().is_ok();
    let found = if stands {
        git::diff(&git, Side::Worktree(worktree), &base.oid, target, path, MOST)
    } else {
        let (_, repo) = hands::repository(&vars, Path::new(repository)).map_err(told)?;
        let branch = match &env.branch {
            Some(name) => git::branch(&git, &repo, name).map_err(told)?,
            None => None,
        };
        let left = branch.or_else(|| run.landed.as_ref().map(|(_, oid)| oid.clone()));
        let head = left.ok_or_else(|| {
            nothing(match env.branch {
                Some(_) => "its worktree and its branch are gone",
                None => "its worktree is gone, and it had no branch",
            })
        })?;
        git::diff(&git, Side::Commit(&repo, &head), &base.oid, target, path, MOST)
    };
    let found = found.map_err(told)?;
    Ok(DiffView {
        run: id.to_string(),
        base: Some(found.base),
        head: Some(found.head),
        worktree: stands,
        files: found.files.into_iter().map(file).collect(),
        text: String::from_utf8_lossy(&found.text).into_owned(),
        cut: found.cut,
    })
}

fn file(changed: Changed) -> DiffFile {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    DiffFile {
        path: text(changed.path),
        from: changed.from.map(text),
        status: changed.status.to_owned(),
        insertions: changed.insertions,
        deletions: changed.deletions,
    }
}

/// A path as seen from the top of `worktree`; empty for the top itself.
fn below(worktree: &Path, path: &str) -> Result<PathBuf, Refusal> {
    let outside = || {
        Refusal::error("path-outside", format!("`{path}` does not lie in {}", worktree.display()))
            .hint("skep diff ID --stat   what there is")
    };
    let relative = Path::new(path);
    let relative = match relative.strip_prefix(worktree) {
        Ok(inside) => inside,
        Err(_) if relative.is_absolute() => return Err(outside()),
        Err(_) => relative,
    };
    let mut parts: Vec<&OsStr> = Vec::new();
    for part in relative.components() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop().ok_or_else(outside)?;
            }
            Component::RootDir | Component::Prefix(_) => return Err(outside()),
        }
    }
    if path.contains('\0') { Err(outside()) } else { Ok(parts.iter().collect()) }
}
