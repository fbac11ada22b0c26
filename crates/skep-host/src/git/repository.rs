//! Owns: which repository a folder lies in.
//! Never: takes one that git refuses for none.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Git, GitError, path_of};

/// A repository, as found from some folder in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// The folder all its worktrees share; canonical, so equal for the same repository.
    pub common_dir: PathBuf,
    /// The worktree that was found; none in a bare repository or inside a git folder.
    pub top: Option<PathBuf>,
    /// Where below `top` the search began; empty at the top.
    pub sub_dir: PathBuf,
    pub bare: bool,
    /// Whether `top` is a linked worktree.
    pub linked: bool,
}

impl Repository {
    /// The folder in which to ask git about this repository.
    pub fn seat(&self) -> &Path {
        self.top.as_deref().unwrap_or(&self.common_dir)
    }
}

/// Finds the repository that `dir` lies in.
///
/// Errors: a folder that lies in none; a repository that git refuses to open keeps git's own words.
pub fn discover(git: &Git, dir: &Path) -> Result<Repository, GitError> {
    let no_repository = || GitError::NotARepository { path: dir.to_owned() };
    let dir = dir.canonicalize().map_err(|_| no_repository())?;
    if !dir.is_dir() {
        return Err(no_repository());
    }
    let seen = match see(git, &dir) {
        Err(GitError::Failed { .. }) if !looks_like_a_repository(&dir) => {
            return Err(no_repository());
        }
        other => other?,
    };
    let common_dir = canonical(&seen.common_dir)?;
    let Some(top) = seen.top else {
        return Ok(Repository {
            common_dir,
            top: None,
            sub_dir: PathBuf::new(),
            bare: seen.bare,
            linked: false,
        });
    };
    let top = canonical(&top)?;
    let linked = canonical(&seen.git_dir)? != common_dir;
    let sub_dir = dir.strip_prefix(&top).map(Path::to_owned).unwrap_or_default();
    // Seen from a linked worktree of a bare repository, only the shared settings say that it is bare.
    let bare = seen.bare || (linked && is_bare(git, &common_dir)?);
    Ok(Repository { common_dir, top: Some(top), sub_dir, bare, linked })
}

struct Seen {
    bare: bool,
    common_dir: PathBuf,
    git_dir: PathBuf,
    top: Option<PathBuf>,
}

fn see(git: &Git, dir: &Path) -> Result<Seen, GitError> {
    let ask = [
        "--is-bare-repository",
        "--path-format=absolute",
        "--git-common-dir",
        "--git-dir",
        "--show-toplevel",
    ];
    let (code, out) = git.call(dir).arg("rev-parse").args(ask).code(&[0, 128])?;
    let lines: Vec<&[u8]> =
        out.strip_suffix(b"\n").unwrap_or(&out).split(|byte| *byte == b'\n').collect();
    // One answer a line, unless a path has a line break in it.
    if let (0, [bare, common_dir, git_dir, top]) = (code, lines.as_slice()) {
        return Ok(Seen {
            bare: *bare == b"true",
            common_dir: path_of(common_dir),
            git_dir: path_of(git_dir),
            top: Some(path_of(top)),
        });
    }
    let one = |what: &str| git.call(dir).args(["rev-parse", "--path-format=absolute", what]);
    let inside = one("--is-inside-work-tree").line()? == "true";
    let top = if inside { Some(one("--show-toplevel").path()?) } else { None };
    Ok(Seen {
        bare: is_bare(git, dir)?,
        common_dir: one("--git-common-dir").path()?,
        git_dir: one("--git-dir").path()?,
        top,
    })
}

fn is_bare(git: &Git, common_dir: &Path) -> Result<bool, GitError> {
    Ok(git.call(common_dir).args(["rev-parse", "--is-bare-repository"]).line()? == "true")
}

fn canonical(path: &Path) -> Result<PathBuf, GitError> {
    path.canonicalize().map_err(|source| GitError::Io {
        what: "resolve",
        path: path.to_owned(),
        source,
    })
}

/// Tells "no repository" from "one that git refuses", which have the same exit code.
fn looks_like_a_repository(dir: &Path) -> bool {
    // A folder that may not be looked into may well be one.
    let there = |path: PathBuf| {
        fs::symlink_metadata(path)
            .map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |_| true)
    };
    let is_git_dir = |dir: &Path| there(dir.join("HEAD")) && there(dir.join("objects"));
    dir.ancestors()
        .any(|up| up.join(".git").is_file() || is_git_dir(&up.join(".git")) || is_git_dir(up))
}
