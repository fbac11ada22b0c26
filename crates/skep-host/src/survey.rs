//! What a repository holds that a fresh worktree lacks or stumbles over: its files, the ignored ones beside them, its settings
//! of git, its hooks.
//!
//! Owns: those questions, and the twin in which hooks are tried.
//! Never: writes into the repository, its index, refs or objects, or runs a line of its code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::git::{Git, GitError, Repository, fields, path_of, require_oid};

mod hooks;
#[cfg(test)]
mod tests;

pub use hooks::{Hook, Hooks, hooks};

/// What stands at a path of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    File,
    /// A file that may be run.
    Program,
    Link,
    Submodule,
}

/// One entry of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    pub kind: Kind,
    /// Unit: bytes; none for a submodule, and where only a network could tell.
    pub size: Option<u64>,
}

/// Lists every file of the commit `oid`; a clone that fetches what it lacks is not asked for sizes.
pub fn tracked(
    git: &Git,
    repo: &Repository,
    oid: &str,
    settings: &BTreeMap<String, Setting>,
) -> Result<BTreeMap<PathBuf, Tracked>, GitError> {
    let partial = settings.keys().any(|name| {
        name == "extensions.partialclone"
            || name.starts_with("remote.") && name.ends_with(".promisor")
    });
    let call = git.call(repo.seat()).args(["ls-tree", "-r", "-z", "--full-tree"]);
    let call = if partial { call } else { call.arg("-l") };
    let out = call.arg(require_oid(oid)?).bytes()?;
    let mut files = BTreeMap::new();
    for row in fields(&out) {
        let Some(tab) = row.iter().position(|byte| *byte == b'\t') else { continue };
        let head = String::from_utf8_lossy(&row[..tab]);
        let mut words = head.split_whitespace();
        let kind = match words.next() {
            Some("100755") => Kind::Program,
            Some("120000") => Kind::Link,
            Some("160000") => Kind::Submodule,
            _ => Kind::File,
        };
        let size = words.nth(2).and_then(|size| size.parse().ok());
        files.insert(path_of(&row[tab + 1..]), Tracked { kind, size });
    }
    Ok(files)
}

/// Reads files of the commit `oid`; one that is not there, or is not text, is left out.
pub fn texts(
    git: &Git,
    repo: &Repository,
    oid: &str,
    paths: &[String],
) -> Result<BTreeMap<String, String>, GitError> {
    let oid = require_oid(oid)?;
    // A line break in a name would be the next question.
    let asked: Vec<&String> = paths.iter().filter(|path| !path.contains('\n')).collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ask: String = asked.iter().map(|path| format!("{oid}:{path}\n")).collect();
    let call = git.call(repo.seat()).args(["cat-file", "--batch"]).stdin(ask.into_bytes());
    // What a partial clone lacks is left out, not fetched.
    let out = call.var("GIT_NO_LAZY_FETCH", "1").bytes()?;
    let mut texts = BTreeMap::new();
    let mut rest = out.as_slice();
    for path in asked {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { break };
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        let words: Vec<&str> = head.split(' ').collect();
        if words.len() != 3 || !matches!(words[1], "blob" | "tree" | "commit" | "tag") {
            continue;
        }
        let Some(size) = words[2].parse::<usize>().ok().filter(|size| *size < rest.len()) else {
            break;
        };
        if words[1] == "blob"
            && let Ok(text) = std::str::from_utf8(&rest[..size])
        {
            texts.insert(path.clone(), text.to_owned());
        }
        rest = &rest[size + 1..];
    }
    Ok(texts)
}

/// Something that stands in the checkout and git ignores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    pub path: PathBuf,
    /// Whether it is a folder that is ignored as a whole.
    pub folder: bool,
}

/// Lists what stands in the checkout and git ignores, whole folders as one; none in a bare repository.
pub fn ignored(git: &Git, repo: &Repository) -> Result<Vec<Ignored>, GitError> {
    let Some(top) = &repo.top else { return Ok(Vec::new()) };
    let args = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"];
    let out = git.call(top).args(args).bytes()?;
    Ok(fields(&out)
        .map(|path| Ignored {
            path: path_of(path.strip_suffix(b"/").unwrap_or(path)),
            folder: path.ends_with(b"/"),
        })
        .collect())
}

/// Says which of these folders git would ignore, whether they stand or not.
pub fn would_ignore(
    git: &Git,
    repo: &Repository,
    folders: &BTreeSet<String>,
) -> Result<BTreeSet<String>, GitError> {
    let Some(top) = repo.top.as_ref().filter(|_| !folders.is_empty()) else {
        return Ok(BTreeSet::new());
    };
    let ask: Vec<u8> = folders.iter().flat_map(|path| [path.as_bytes(), b"/\0"].concat()).collect();
    // 128 where one lies behind a link: then none is known to be ignored.
    let (_, out) =
        git.call(top).args(["check-ignore", "-z", "--stdin"]).stdin(ask).code(&[0, 1, 128])?;
    Ok(fields(&out)
        .filter_map(|path| Some(std::str::from_utf8(path).ok()?.trim_end_matches('/').to_owned()))
        .collect())
}

/// One setting of git, as it holds in the main checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub value: String,
    /// Whether it holds in that checkout alone.
    pub of_checkout: bool,
}

/// Reads git's settings as they hold in the repository, by their names in small letters; the last of several holds.
pub fn settings(git: &Git, repo: &Repository) -> Result<BTreeMap<String, Setting>, GitError> {
    let args = ["config", "--list", "--includes", "--show-scope", "-z"];
    let out = git.call(repo.seat()).args(args).bytes()?;
    let mut settings = BTreeMap::new();
    let mut parts = out.split(|byte| *byte == 0);
    while let (Some(scope), Some(entry)) = (parts.next(), parts.next()) {
        // Those of this very call are ours.
        if scope == b"command" {
            continue;
        }
        let entry = String::from_utf8_lossy(entry);
        // A name without a value is a yes.
        let (name, value) = entry.split_once('\n').unwrap_or((&entry, "true"));
        let setting = Setting { value: value.to_owned(), of_checkout: scope == b"worktree" };
        settings.insert(name.to_lowercase(), setting);
    }
    Ok(settings)
}

/// How much a folder holds, links not followed. Unit: bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    pub bytes: u64,
    /// Whether all of it was counted.
    pub whole: bool,
}

/// Counts what a folder holds, looking at no more than `most` entries.
pub fn size(folder: &Path, most: u32) -> Size {
    let mut size = Size { bytes: 0, whole: true };
    let mut left = most;
    let mut open = vec![folder.to_owned()];
    while let Some(dir) = open.pop() {
        let Ok(entries) = fs::read_dir(&dir) else {
            size.whole = false;
            continue;
        };
        for entry in entries.flatten() {
            if left == 0 {
                return Size { whole: false, ..size };
            }
            left -= 1;
            match entry.metadata() {
                Ok(found) if found.is_dir() => open.push(entry.path()),
                Ok(found) => size.bytes = size.bytes.saturating_add(found.len()),
                Err(_) => size.whole = false,
            }
        }
    }
    size
}

/// Makes a pattern of ignore files that fits exactly this name.
pub fn pattern(name: &Path) -> Option<String> {
    let name = std::str::from_utf8(name.as_os_str().as_bytes()).ok()?;
    if name.is_empty() || name.chars().any(char::is_control) {
        return None;
    }
    let mut pattern = String::new();
    for (at, c) in name.char_indices() {
        let special = matches!(c, '*' | '?' | '[' | '\\');
        let first = at == 0 && matches!(c, '!' | '#');
        let last = c == ' ' && at + 1 == name.len();
        if special || first || last {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    Some(pattern)
}
