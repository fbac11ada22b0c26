//! Owns: which files stand in a commit, by path.
//! Never: looks at a checkout; follows a link.

use super::{Git, GitError, Repository, fields, require_oid};

/// A file in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: String,
    /// Unit: bytes.
    pub size: u64,
}

/// Finds which of `paths` are plain files in the commit `oid`; folders, links and repositories inside are none.
///
/// Order: as git lists them.
pub fn entries(
    git: &Git,
    repo: &Repository,
    oid: &str,
    paths: &[String],
) -> Result<Vec<Entry>, GitError> {
    let plain = ["ls-tree", "-z", "-l", "--full-tree"];
    let call = git.call(repo.seat()).args(plain).args([require_oid(oid)?, "--"]).args(paths);
    let out = call.bytes()?;
    let mut found = Vec::new();
    for row in fields(&out) {
        let row = String::from_utf8_lossy(row);
        let Some((about, path)) = row.split_once('\t') else { continue };
        let [mode, "blob", _, size] = about.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
            continue;
        };
        if let (true, Ok(size)) = (mode.starts_with("100"), size.parse()) {
            found.push(Entry { path: path.to_owned(), size });
        }
    }
    Ok(found)
}
