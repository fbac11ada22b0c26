//! Owns: a hook of the repository, ready to be started as git would start it.
//! Never: starts it; takes one that git would pass over.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::{Git, GitError};
use crate::proc::Program;

/// Finds the hook `name` that git would start in `worktree`; none where it would start none.
pub(crate) fn hook(git: &Git, worktree: &Path, name: &str) -> Result<Option<Program>, GitError> {
    let ask = ["rev-parse", "--path-format=absolute", "--git-path"];
    let below = format!("hooks/{name}");
    let file = git.call(worktree).with_hooks().args(ask).arg(below).path()?;
    let runs = |meta: fs::Metadata| meta.is_file() && meta.permissions().mode() & 0o111 != 0;
    // One that may not be looked at is started, and fails with the reason.
    if fs::metadata(&file).is_ok_and(|meta| !runs(meta))
        || fs::metadata(&file).is_err_and(|err| err.kind() == std::io::ErrorKind::NotFound)
    {
        return Ok(None);
    }
    let program = Program::new(file)
        .envs(&git.env)
        .env("LC_ALL", "C.UTF-8")
        .cwd(worktree)
        .timeout(git.timeout)
        .behind(git.bounds.around(worktree));
    Ok(Some(program))
}
