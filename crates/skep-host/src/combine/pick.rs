//! Owns: the commits of a work, each once more on another one.
//! Never: picks a merge.

use std::path::PathBuf;

use super::{call, commit::Said, onto::Growing};
use crate::git::{GitError, Merge, Merged, require_oid};

/// What came of picking commits.
pub(super) enum Picked {
    All { tip: String, tree: String },
    Conflict { files: Vec<PathBuf>, text: String },
}

fn range(growing: &Growing<'_>, head: &str, without: &[String]) -> Result<Vec<String>, GitError> {
    let mut range = vec![require_oid(head)?.to_owned()];
    for oid in without {
        // One that is not here bounds nothing.
        if super::has_commit(growing.git, growing.repo, oid)? {
            range.push(format!("^{oid}"));
        }
    }
    Ok(range)
}

/// The commits of `head` that none of `without` has, the oldest first, merges left out.
pub(super) fn own(
    growing: &Growing<'_>,
    head: &str,
    without: &[String],
) -> Result<Vec<String>, GitError> {
    let range = range(growing, head, without)?;
    let plain = ["rev-list", "--reverse", "--topo-order", "--no-merges"];
    let out = call(growing.git, growing.repo).args(plain).args(range).arg("--").line()?;
    Ok(out.lines().map(str::to_owned).collect())
}

/// Whether there is a merge among them.
pub(super) fn has_merges(
    growing: &Growing<'_>,
    head: &str,
    without: &[String],
) -> Result<bool, GitError> {
    let range = range(growing, head, without)?;
    let plain = ["rev-list", "--merges", "--max-count=1"];
    let out = call(growing.git, growing.repo).args(plain).args(range).arg("--").line()?;
    Ok(!out.is_empty())
}

/// What a commit says.
pub(super) fn said(growing: &Growing<'_>, commit: &str) -> Result<Said, GitError> {
    read(growing, commit).map(|bytes| Said::of(&bytes))
}

fn read(growing: &Growing<'_>, commit: &str) -> Result<Vec<u8>, GitError> {
    call(growing.git, growing.repo).args(["cat-file", "commit", require_oid(commit)?]).bytes()
}

/// Brings each of `all` onto a commit and its tree. One that stands there already is taken as it is.
pub(super) fn pick(
    growing: &Growing<'_>,
    (mut tip, mut tree): (String, String),
    all: &[String],
    name: &str,
) -> Result<Picked, GitError> {
    for commit in all {
        let bytes = read(growing, commit)?;
        let (own_tree, parent) = head_of(&bytes);
        let parent = match parent {
            Some(parent) => parent,
            // The beginning of a history is a change of nothing.
            None => growing.maker.make(&empty_tree(growing)?, &[], &Said::default())?,
        };
        if parent == tip {
            if own_tree != tree {
                (tip, tree) = (commit.clone(), own_tree);
            }
            continue;
        }
        let merge = Merge { base: Some(&parent), ours: &tip, theirs: commit };
        match growing.merge(&merge, name)? {
            Merged::Clean { tree: next } if next == tree => {}
            Merged::Clean { tree: next } => {
                tip = growing.maker.make(&next, &[&tip], &Said::of(&bytes))?;
                tree = next;
            }
            Merged::Conflict { files, text } => return Ok(Picked::Conflict { files, text }),
        }
    }
    Ok(Picked::All { tip, tree })
}

/// The tree and the first parent of the commit `bytes`.
fn head_of(bytes: &[u8]) -> (String, Option<String>) {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
    let mut next = |name: &str| lines.next()?.strip_prefix(name).map(str::to_owned);
    let tree = next("tree ").unwrap_or_default();
    (tree, next("parent "))
}

fn empty_tree(growing: &Growing<'_>) -> Result<String, GitError> {
    call(growing.git, growing.repo).args(["hash-object", "-t", "tree", "-w", "--stdin"]).line()
}
