//! Owns: single questions about commits and refs by name.
//! Never: lets a name become an option or a range.

use super::{Git, GitError, Repository};

/// Whether `text` is a full object name and so can be neither an option nor a range.
pub fn is_oid(text: &str) -> bool {
    (text.len() == 40 || text.len() == 64)
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn require_oid(text: &str) -> Result<&str, GitError> {
    if is_oid(text) { Ok(text) } else { Err(GitError::NoSuchRef { wanted: text.to_owned() }) }
}

/// Whether exactly this ref exists; a text that is no ref name does not.
pub(crate) fn ref_exists(git: &Git, repo: &Repository, name: &str) -> Result<bool, GitError> {
    // With --quiet a name that can be no ref is a plain no, exit 1, as well.
    git.call(repo.seat()).args(["show-ref", "--verify", "--quiet", "--", name]).yes()
}

/// The commit that a revision names, if it names one.
pub fn commit(git: &Git, repo: &Repository, rev: &str) -> Result<Option<String>, GitError> {
    if rev.is_empty() || rev.contains(['\0', '\n']) {
        return Ok(None);
    }
    let peeled = format!("{rev}^{{commit}}");
    let (code, out) = git
        .call(repo.seat())
        .args(["rev-parse", "--verify", "--quiet", "--end-of-options", &peeled])
        .code(&[0, 1, 128])?;
    let oid = String::from_utf8_lossy(&out).trim().to_owned();
    Ok((code == 0 && is_oid(&oid)).then_some(oid))
}

/// Finds the commit that the local branch `name` is on; none where there is no such branch.
pub fn branch(git: &Git, repo: &Repository, name: &str) -> Result<Option<String>, GitError> {
    let name = format!("refs/heads/{name}");
    if name.contains(['\0', '\n']) {
        return Ok(None);
    }
    // A pattern is the name itself or a folder of names, or has stars that no name has.
    let listed = git
        .call(repo.seat())
        .args(["for-each-ref", "--format=%(objectname) %(refname)", &name])
        .bytes()?;
    let listed = String::from_utf8_lossy(&listed);
    let exact = listed.lines().filter_map(|line| line.split_once(' '));
    let found = exact.filter(|(_, known)| *known == name).map(|(oid, _)| oid);
    Ok(found.filter(|oid| is_oid(oid)).map(str::to_owned).next())
}

/// Counts the commits of `new` that `old` lacks.
pub fn count(git: &Git, repo: &Repository, old: &str, new: &str) -> Result<u64, GitError> {
    let range = format!("{}..{}", require_oid(old)?, require_oid(new)?);
    git.call(repo.seat()).args(["rev-list", "--count", "--end-of-options", &range]).number()
}

/// Finds the commit in which the histories of two commits part; none where they have none in common.
pub fn merge_base(
    git: &Git,
    repo: &Repository,
    one: &str,
    other: &str,
) -> Result<Option<String>, GitError> {
    let (one, other) = (require_oid(one)?, require_oid(other)?);
    let (code, out) = git.call(repo.seat()).args(["merge-base", one, other]).code(&[0, 1])?;
    let oid = String::from_utf8_lossy(&out).trim().to_owned();
    Ok((code == 0 && is_oid(&oid)).then_some(oid))
}

/// Reads the file that stands at `path` in the commit `oid`, without filters; none where none stands there.
pub fn file_at(
    git: &Git,
    repo: &Repository,
    oid: &str,
    path: &str,
) -> Result<Option<Vec<u8>>, GitError> {
    let name = format!("{}:{path}", require_oid(oid)?);
    // Whether it is there its tree says: that a blob cannot be read is no answer to that.
    let literal = format!(":(literal){path}");
    let listed = git
        .call(repo.seat())
        .args(["ls-tree", "-z", "--full-tree", oid, "--", &literal])
        .bytes()?;
    if listed.is_empty() {
        return Ok(None);
    }
    git.call(repo.seat()).args(["cat-file", "blob", "--end-of-options", &name]).bytes().map(Some)
}
