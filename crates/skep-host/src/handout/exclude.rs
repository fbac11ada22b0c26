//! Owns: the list of what git is not to show, the user's own included, which it stands in for.
//! Never: writes into a file of the user's.

use std::{
    ffi::OsStr,
    fs,
    io::ErrorKind,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::git::{Git, GitError};

/// The user's own list of what git ignores everywhere; empty where there is none.
///
/// Errors: git could not be asked, or the list not be read: without it an agent would commit what its user never does.
pub(super) fn users_own(git: &Git, worktree: &Path) -> Result<Vec<u8>, GitError> {
    let (code, out) = git
        .call(worktree)
        .args(["config", "--type=path", "--null", "--get", "core.excludesFile"])
        .code(&[0, 1])?;
    let set = (code == 0)
        .then(|| PathBuf::from(OsStr::from_bytes(out.strip_suffix(b"\0").unwrap_or(&out))));
    let usual = || {
        let of = |name: &str| git.var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        of("XDG_CONFIG_HOME")
            .or_else(|| of("HOME").map(|home| home.join(".config")))
            .map(|folder| folder.join("git/ignore"))
    };
    let Some(path) = set.or_else(usual).filter(|path| !path.as_os_str().is_empty()) else {
        return Ok(Vec::new());
    };
    let path = worktree.join(path);
    match fs::read(&path) {
        Ok(bytes) => Ok(bytes),
        // Git takes a list that is not there, and a folder, for an empty one too.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        Err(source) => Err(GitError::Io { what: "read", path, source }),
    }
}

/// The line that names exactly this path from the worktree's root.
pub(super) fn line(path: &str, folder: bool) -> String {
    let mut line = String::from("/");
    for c in path.chars() {
        if matches!(c, '\\' | '*' | '?' | '[' | ' ') {
            line.push('\\');
        }
        line.push(c);
    }
    line.push_str(if folder { "/\n" } else { "\n" });
    line
}
