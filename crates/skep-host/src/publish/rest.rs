//! Owns: the commit of what an agent left uncommitted, made as it would have made it, its hooks included.
//! Never: ends a merge that was begun; leaves another index behind when there is no commit.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use super::{PublishError, push::both, require_home, words::words};
use crate::{
    git::{self, Git, GitError, Repository, fields},
    paths, worktree,
};

/// What became of what was not committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// There was none.
    Nothing,
    Committed {
        head: String,
    },
}

/// Commits all that is not ignored in `worktree`, with `message`; the caller sees to it that nobody else works there.
///
/// `agent` is the git of whoever worked there: with its variables, behind its fence, and with the time that hooks may take.
/// Errors: git or a hook that refused; then the index is as it was. What a hook changed in files stays.
pub fn commit_rest(
    agent: &Git,
    repo: &Repository,
    worktree: &Path,
    message: &str,
    sign: bool,
) -> Result<Rest, PublishError> {
    require_home(agent, repo, worktree)?;
    let git_dir = worktree::git_dir(agent, worktree)?;
    let status = git::status(agent.call(worktree))?;
    let hidden = git::unwatched(agent.call(worktree), worktree)?;
    if !status.is_dirty() && hidden.is_empty() {
        return Ok(Rest::Nothing);
    }
    let lock = git_dir.join("index.lock");
    if fs::symlink_metadata(&lock).is_ok() {
        return Err(GitError::Locked { lock }.into());
    }
    if let Some(what) = worktree::under_way(&git_dir).first() {
        return Err(PublishError::UnderWay { what: format!("a {what}") });
    }
    let unmerged = agent.call(worktree).args(["ls-files", "--unmerged", "-z"]).bytes()?;
    if fields(&unmerged).next().is_some() {
        return Err(PublishError::UnderWay { what: "a merge with conflicts".to_owned() });
    }
    let is_repository = |path: &PathBuf| path.as_os_str().as_bytes().ends_with(b"/");
    let nested: Vec<PathBuf> = status.untracked.into_iter().filter(is_repository).collect();
    if !nested.is_empty() {
        return Err(PublishError::Nested { paths: nested });
    }
    let index = git_dir.join("index");
    let before = read(&index)?;
    let done = stage(agent, worktree, &hidden).and_then(|is_something| {
        if is_something { commit(agent, worktree, message, sign).map(Some) } else { Ok(None) }
    });
    match done {
        Ok(Some(head)) => Ok(Rest::Committed { head }),
        Ok(None) => Ok(Rest::Nothing),
        Err(err) => {
            if matches!(err, PublishError::Git(GitError::Timeout { .. })) {
                // Git was killed with its lock in its hand, and nobody else works there.
                remove(&lock)?;
            }
            put_back(&index, before)?;
            Err(err)
        }
    }
}

/// Stages all that is not ignored, what git was told not to look at included; returns whether that is anything.
fn stage(agent: &Git, worktree: &Path, hidden: &[PathBuf]) -> Result<bool, PublishError> {
    let listed = hidden.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"]).flatten();
    let listed: Vec<u8> = listed.copied().collect();
    // Git heeds only the first of such options.
    for again in ["--no-assume-unchanged", "--no-skip-worktree"] {
        if !hidden.is_empty() {
            let look = agent.call(worktree).args(["update-index", again, "-z", "--stdin"]);
            look.stdin(listed.clone()).bytes()?;
        }
    }
    let add = ["-c", "add.ignoreErrors=false", "add", "--all", "--", "."];
    match agent.call(worktree).args(add).code(&[0]) {
        Ok(_) => {}
        Err(GitError::Failed { stderr, .. }) => {
            return Err(PublishError::Refused { output: words(&stderr) });
        }
        Err(err) => return Err(err.into()),
    }
    let ask = ["diff-index", "--cached", "--quiet", "HEAD", "--"];
    Ok(!agent.call(worktree).args(ask).yes()?)
}

fn commit(agent: &Git, worktree: &Path, message: &str, sign: bool) -> Result<String, PublishError> {
    let mut call = agent.call(worktree).with_hooks().var("LC_ALL", "C.UTF-8");
    // Else git makes up who commits, of the machine's name.
    call = call.args(["-c", "user.useConfigOnly=true"]);
    if !sign {
        call = call.args(["-c", "commit.gpgSign=false"]);
    }
    call = call.args(["commit", "--quiet", "--cleanup=whitespace", "--file=-"]);
    let output = call.stdin(message.as_bytes().to_vec()).output()?;
    if !output.status.success() {
        let output = both(&output, "git commit said no, and not why");
        return Err(PublishError::Refused { output });
    }
    Ok(agent.call(worktree).args(["rev-parse", "--verify", "HEAD"]).line()?)
}

/// The bytes of an index and who may read them.
type Index = Option<(Vec<u8>, u32)>;

fn read(index: &Path) -> Result<Index, PublishError> {
    let file = || -> io::Result<(Vec<u8>, u32)> {
        Ok((fs::read(index)?, fs::metadata(index)?.permissions().mode() & 0o777))
    };
    match file() {
        Ok(found) => Ok(Some(found)),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PublishError::Io { what: "read", path: index.to_owned(), source }),
    }
}

fn put_back(index: &Path, before: Index) -> Result<(), PublishError> {
    let Some((bytes, mode)) = before else { return remove(index) };
    let put = paths::draft(index, &bytes, mode).and_then(paths::Draft::put);
    put.map_err(|err| PublishError::Io {
        what: "put back",
        path: index.to_owned(),
        source: io::Error::other(err),
    })
}

fn remove(path: &Path) -> Result<(), PublishError> {
    match fs::remove_file(path) {
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(()),
        other => other.map_err(|source| PublishError::Io {
            what: "remove",
            path: path.to_owned(),
            source,
        }),
    }
}
