//! Owns: what in a git folder belongs to one worktree alone: its index, HEAD, and whatever is begun and not ended there.
//! Never: takes what all worktrees share.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Component, Path},
};

use super::{Place, SnapshotError, Stash, manifest::Entry};
use crate::git::{Call, GitError, fields, is_oid};

/// Whether a path below a git folder belongs to the worktree alone.
///
/// Said by name, because the main worktree's lie among what all share; what git adds some day under `refs`, `info` or `logs` is shared.
pub(super) fn is_private(path: &Path) -> bool {
    let parts: Vec<&[u8]> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.as_bytes()),
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir => None,
        })
        .collect();
    match parts.as_slice() {
        [] | [b"logs" | b"refs" | b"info"] | [b"logs", b"HEAD" | b"refs"] => true,
        [b"logs", b"refs", space, ..] | [b"refs", space, ..] => {
            matches!(*space, b"worktree" | b"bisect" | b"rewritten")
        }
        [b"info", b"sparse-checkout"] => true,
        [b"modules", ..] => true,
        [name] => is_private_file(name),
        [b"sequencer" | b"rebase-merge" | b"rebase-apply", ..] => true,
        _ => false,
    }
}

fn is_private_file(name: &[u8]) -> bool {
    let one_of = [
        &b"HEAD"[..],
        b"index",
        b"AUTO_MERGE",
        b"SQUASH_MSG",
        b"COMMIT_EDITMSG",
        b"config.worktree",
        b"sequencer",
        b"rebase-merge",
        b"rebase-apply",
    ];
    let begins = [&b"MERGE_"[..], b"BISECT_", b"sharedindex.", b"NOTES_"];
    !name.ends_with(b".lock")
        && (one_of.contains(&name)
            || name.ends_with(b"_HEAD")
            || begins.iter().any(|begin| name.starts_with(begin)))
}

/// Begins a call about the worktree's private state.
pub(super) fn call<'a>(place: Place<'a>, git_dir: &Path, worktree: &Path) -> Call<'a> {
    place.git.call_at(git_dir, worktree).var("GIT_NO_LAZY_FETCH", "1")
}

/// Where HEAD stands, and which refs are the worktree's own.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) head: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) refs: Vec<(String, String)>,
    pub(super) stashes: Vec<Stash>,
}

/// Asks where the worktree stands.
pub(super) fn standing(
    place: Place<'_>,
    git_dir: &Path,
    worktree: &Path,
) -> Result<Standing, SnapshotError> {
    let call = || call(place, git_dir, worktree);
    let (code, name) = call().args(["symbolic-ref", "--quiet", "HEAD"]).code(&[0, 1])?;
    let name = String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned();
    let branch = name.strip_prefix("refs/heads/").filter(|_| code == 0).map(str::to_owned);
    let (code, oid) = call().args(["rev-parse", "--verify", "--quiet", "HEAD"]).code(&[0, 1])?;
    let oid = String::from_utf8_lossy(&oid).trim().to_owned();
    let head = (code == 0 && is_oid(&oid)).then_some(oid);
    if head.is_none() && branch.is_none() {
        let args = vec!["rev-parse".to_owned(), "HEAD".to_owned()];
        return Err(GitError::Odd { args, answer: String::new() }.into());
    }
    let spaces = ["refs/worktree", "refs/bisect", "refs/rewritten", "refs/stash"];
    let out =
        call().args(["for-each-ref", "--format=%(objectname) %(refname)"]).args(spaces).line()?;
    let mut refs: Vec<(String, String)> = out
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(oid, name)| (name.to_owned(), oid.to_owned()))
        .collect();
    let any = refs.iter().any(|(name, _)| name == "refs/stash");
    refs.retain(|(name, _)| name != "refs/stash");
    let stashes = match &branch {
        Some(branch) if any => stashes_of(call(), branch)?,
        _ => Vec::new(),
    };
    Ok(Standing { head, branch, refs, stashes })
}

/// The stashes that were made on a branch: nothing but the words of their list says so.
fn stashes_of(call: Call<'_>, branch: &str) -> Result<Vec<Stash>, SnapshotError> {
    let begins = [format!("WIP on {branch}:"), format!("On {branch}:")];
    Ok(stashes(call)?
        .into_iter()
        .filter(|stash| begins.iter().any(|begin| stash.message.starts_with(begin)))
        .collect())
}

/// Every stash of the repository, the newest first.
pub(super) fn stashes(call: Call<'_>) -> Result<Vec<Stash>, SnapshotError> {
    let plain = ["log", "--walk-reflogs", "-z", "--format=%H %gs", "refs/stash", "--"];
    let out = call.args(plain).bytes()?;
    Ok(fields(&out)
        .filter_map(|row| {
            let row = String::from_utf8_lossy(row);
            let (oid, message) = row.split_once(' ')?;
            Some(Stash { oid: oid.to_owned(), message: message.to_owned() })
        })
        .collect())
}

/// Whether a file of the private state may name objects that nothing else names.
pub(super) fn may_name_objects(path: &Path, entry: &Entry) -> bool {
    let first = path.components().next().map(Component::as_os_str);
    let elsewhere = [OsStr::new("modules"), OsStr::new("index"), OsStr::new("COMMIT_EDITMSG")];
    let shared = first.is_some_and(|name| name.as_bytes().starts_with(b"sharedindex."));
    !entry.is_folder()
        && entry.size < 4 * 1024 * 1024
        && !shared
        && first.is_some_and(|name| !elsewhere.contains(&name))
}

/// Every word of a text that has the form of an object's full name, of this length.
pub(super) fn oids_in(text: &[u8], length: usize) -> impl Iterator<Item = String> {
    text.split(|byte| !byte.is_ascii_alphanumeric())
        .filter(move |word| word.len() == length)
        .filter_map(|word| std::str::from_utf8(word).ok())
        .filter(|word| is_oid(word) && word.bytes().any(|byte| byte != b'0'))
        .map(str::to_owned)
}
