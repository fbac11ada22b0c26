//! Owns: what of a commit a check is about: which of some words name something in it, and whether a change concerns it.
//! Never: looks at a checkout; follows a link; lets a pattern say more than which paths it fits.

use super::{Git, GitError, Repository, fields, require_oid};

/// Something that stands in a commit by the name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub path: String,
    pub oid: String,
    /// Unit: bytes; none for a folder.
    pub size: Option<u64>,
}

/// Finds which of `paths`, relative to the top and without `.` or `..`, name a file or a folder in the commit `oid`.
///
/// Order: as git lists them. A repository inside is none.
pub fn named(
    git: &Git,
    repo: &Repository,
    oid: &str,
    paths: &[String],
) -> Result<Vec<Named>, GitError> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let plain = ["ls-tree", "-z", "-l", "--full-tree"];
    let call = git.call(repo.seat()).args(plain).args([require_oid(oid)?, "--"]).args(paths);
    let out = call.bytes()?;
    let mut found = Vec::new();
    for row in fields(&out) {
        let row = String::from_utf8_lossy(row);
        let Some((about, path)) = row.split_once('\t') else { continue };
        let [_, kind, oid, size] = about.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
            continue;
        };
        let size = match kind {
            "blob" => size.parse().ok(),
            "tree" => None,
            _ => continue,
        };
        found.push(Named { path: path.to_owned(), oid: oid.to_owned(), size });
    }
    Ok(found)
}

/// Whether what differs between two commits stands at a path that fits one of `patterns`; without patterns, whether anything does.
///
/// Shape: `*` stays within a folder, `**` does not; a folder's name fits all below it.
pub fn touches(
    git: &Git,
    repo: &Repository,
    (old, new): (&str, &str),
    patterns: &[String],
) -> Result<bool, GitError> {
    let patterns = patterns.iter().map(|pattern| format!(":(top,glob){pattern}"));
    let call = git
        .call(repo.seat())
        .args(["diff-tree", "-r", "--no-renames", "--name-only", "-z"])
        .args([require_oid(old)?, require_oid(new)?, "--"])
        .args(patterns);
    Ok(!call.bytes()?.is_empty())
}
