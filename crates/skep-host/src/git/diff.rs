//! Owns: what a worktree, or a branch that is left of one, holds beyond the commit where its work began.
//! Never: runs a program that the repository names; touches the index; says more than it was asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{Call, Git, GitError, Repository, fields, path_of, require_oid};

/// Where the work stands.
#[derive(Debug, Clone, Copy)]
pub enum Side<'a> {
    /// Files in a folder: committed, changed and untracked.
    Worktree(&'a Path),
    /// A commit, where no folder is left.
    Commit(&'a Repository, &'a str),
}

/// What the work changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// Where it is compared from: the last commit that it shares with its base, or with its target where that is later.
    pub base: String,
    pub head: String,
    pub files: Vec<Changed>,
    /// The patch, as git writes it, without colour.
    pub text: Vec<u8>,
    /// Whether there is more than was taken.
    pub cut: bool,
}

/// A file that the work changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub path: PathBuf,
    /// Where it was before, if it was moved.
    pub from: Option<PathBuf>,
    /// One word, as in `DiffFile`.
    pub status: &'static str,
    /// Lines; none for a file without lines, or one that was not looked into.
    pub insertions: Option<u64>,
    pub deletions: Option<u64>,
}

/// Untracked files that are looked into; each takes a git of its own.
const UNTRACKED: usize = 300;
/// What a setting is switched off with: a variable and its value.
const NOTHING: (&str, &str) = ("SKEP_NOTHING", "");
const NO: (&str, &str) = ("SKEP_NO", "false");
/// The longest list of files. Bytes of git's answer.
const LIST: u64 = 4 << 20;

/// Says what `side` holds beyond `base`, in the file or folder `path` alone where one is given.
///
/// Shape: `path` is literal and relative to the top of the worktree. At most `most` bytes of patch are taken.
/// Errors: whatever git could not answer, in its time for each call.
pub fn diff(
    git: &Git,
    side: Side<'_>,
    base: &str,
    target: Option<&str>,
    path: Option<&Path>,
    most: u64,
) -> Result<Diff, GitError> {
    let look = Look { git, side, mute: mute(git, side.seat())?, path };
    let head = match side {
        Side::Worktree(_) => look.call().args(["rev-parse", "--verify", "HEAD^{commit}"]).line()?,
        Side::Commit(_, oid) => require_oid(oid)?.to_owned(),
    };
    let base = look.since(require_oid(base)?, target, &head)?;
    let mut diff =
        Diff { files: Vec::new(), text: Vec::new(), cut: false, head: head.clone(), base };
    look.tracked(&mut diff, most)?;
    if let Side::Worktree(_) = side {
        look.conflicts(&mut diff)?;
        look.untracked(&mut diff, most)?;
    }
    Ok(diff)
}

impl Side<'_> {
    fn seat(&self) -> &Path {
        match self {
            Side::Worktree(path) => path,
            Side::Commit(repo, _) => repo.seat(),
        }
    }
}

/// Options that take every filter away that the repository itself names.
///
/// Filters of the person's own settings stay: without them every file of git-lfs would be a change.
fn mute(git: &Git, seat: &Path) -> Result<Vec<OsString>, GitError> {
    let out = git.call(seat).args(["config", "--list", "--show-scope", "--name-only", "-z"]);
    let out = out.bytes()?;
    let mut rows = fields(&out);
    let mut mute = Vec::new();
    while let (Some(scope), Some(name)) = (rows.next(), rows.next()) {
        let of_repository = matches!(scope, b"local" | b"worktree");
        if !of_repository || !name.starts_with(b"filter.") {
            continue;
        }
        let value = match name.rsplit(|byte| *byte == b'.').next() {
            Some(b"clean" | b"smudge" | b"process") => NOTHING,
            Some(b"required") => NO,
            _ => continue,
        };
        // Unlike -c it takes a name with `=` in it.
        let mut option = OsString::from("--config-env=");
        option.push(OsStr::from_bytes(name));
        option.push(format!("={}", value.0));
        mute.push(option);
    }
    Ok(mute)
}

struct Look<'a> {
    git: &'a Git,
    side: Side<'a>,
    mute: Vec<OsString>,
    path: Option<&'a Path>,
}

impl Look<'_> {
    fn call(&self) -> Call<'_> {
        let call = self.git.call(self.side.seat());
        call.args(&self.mute)
            .args(["-c", "core.bigFileThreshold=8m"])
            .var(NOTHING.0, NOTHING.1)
            .var(NO.0, NO.1)
            // A path is a path, and what a partial clone lacks is not fetched by the repository's own means.
            .var("GIT_LITERAL_PATHSPECS", "1")
            .var("GIT_NO_LAZY_FETCH", "1")
    }

    /// The commit to compare from: what an agent took over from its target later on is not its work, and what landed still is.
    fn since(&self, base: &str, target: Option<&str>, head: &str) -> Result<String, GitError> {
        let shared = |other: &str| {
            let (code, out) = self.call().args(["merge-base", other, head]).code(&[0, 1, 128])?;
            let oid = String::from_utf8_lossy(&out).trim().to_owned();
            Ok((code == 0).then_some(oid))
        };
        let mut since = shared(base)?.unwrap_or_else(|| base.to_owned());
        let Some(target) = target else { return Ok(since) };
        for space in ["refs/heads/", "refs/remotes/origin/"] {
            let name = format!("{space}{target}^{{commit}}");
            let (code, out) = self
                .call()
                .args(["rev-parse", "--verify", "--quiet", "--end-of-options", &name])
                .code(&[0, 1, 128])?;
            let tip = String::from_utf8_lossy(&out).trim().to_owned();
            let later = if code == 0 { shared(&tip)? } else { None };
            let Some(later) = later.filter(|later| later != head) else { continue };
            if self.call().args(["merge-base", "--is-ancestor", &since, &later]).yes()? {
                since = later;
            }
        }
        Ok(since)
    }

    /// `git diff`, so that neither the person's nor the repository's settings change what it says.
    fn plain(&self, most: u64) -> Call<'_> {
        self.call().most(most).args([
            "diff",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--no-relative",
            "--find-renames",
            "--unified=3",
            "--inter-hunk-context=0",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            "--submodule=short",
            "--ignore-submodules=dirty",
            "-O/dev/null",
        ])
    }

    fn tracked(&self, diff: &mut Diff, most: u64) -> Result<(), GitError> {
        let tree = [Some(diff.base.as_str()), self.commit()];
        let ends = |call: Call<'_>| {
            let call = call.args(tree.iter().flatten()).arg("--");
            let call = match self.path {
                Some(path) => call.arg(path),
                None => call,
            };
            taken(call)
        };
        let (rows, more) = ends(self.plain(LIST).args(["--raw", "--numstat", "-z"]))?;
        diff.files = listed(&rows);
        diff.cut |= more;
        let (text, more) = ends(self.plain(most))?;
        diff.text = text;
        diff.cut |= more;
        Ok(())
    }

    fn commit(&self) -> Option<&str> {
        match self.side {
            Side::Worktree(_) => None,
            Side::Commit(_, oid) => Some(oid),
        }
    }

    /// Marks what a merge left in conflict: compared with a commit it looks like any change.
    fn conflicts(&self, diff: &mut Diff) -> Result<(), GitError> {
        let (rows, _) = taken(self.call().most(LIST).args(["ls-files", "--unmerged", "-z"]))?;
        let paths = fields(&rows).filter_map(|row| row.splitn(2, |byte| *byte == b'\t').nth(1));
        let paths: BTreeSet<PathBuf> = paths.map(path_of).collect();
        for file in diff.files.iter_mut().filter(|file| paths.contains(&file.path)) {
            file.status = "conflicted";
        }
        Ok(())
    }

    fn untracked(&self, diff: &mut Diff, most: u64) -> Result<(), GitError> {
        let call =
            self.call().most(LIST).args(["ls-files", "--others", "--exclude-standard", "-z", "--"]);
        let call = match self.path {
            Some(path) => call.arg(path),
            None => call,
        };
        let (rows, more) = taken(call)?;
        diff.cut |= more;
        for (nth, row) in fields(&rows).enumerate() {
            let mut file = Changed {
                path: path_of(row),
                from: None,
                status: "untracked",
                insertions: None,
                deletions: None,
            };
            let left = most.saturating_sub(diff.text.len() as u64);
            let whole = nth < UNTRACKED && left > 0;
            // A folder is a repository of its own, which git does not look into.
            if whole && !row.ends_with(b"/") {
                let (text, more) = self.new_file(row, left)?;
                if !more {
                    file.insertions = added(&text);
                    file.deletions = file.insertions.map(|_| 0);
                }
                diff.text.extend(text);
                diff.cut |= more;
            }
            diff.cut |= !whole;
            diff.files.push(file);
        }
        Ok(())
    }

    /// The patch of a file that git does not know; empty where it has gone meanwhile.
    fn new_file(&self, path: &[u8], most: u64) -> Result<(Vec<u8>, bool), GitError> {
        // A single dash would be standard input.
        let path = if path == b"-" { path_of(b"./-") } else { path_of(path) };
        let call = self.plain(most).args(["--no-index", "--", "/dev/null"]).arg(path);
        match taken(call) {
            Err(GitError::Failed { code: 128, .. }) => Ok((Vec::new(), false)),
            other => other,
        }
    }
}

/// What `call` says, and whether it had more to say than was taken of it. Then the last, torn line is dropped.
fn taken(call: Call<'_>) -> Result<(Vec<u8>, bool), GitError> {
    let most = call.most;
    // 1: there are differences, where two files are compared. 141: it was not listened to.
    let (_, mut bytes) = call.code(&[0, 1, 141])?;
    let more = bytes.len() as u64 >= most;
    if more {
        let ends = |byte: &u8| matches!(byte, b'\n' | 0);
        bytes.truncate(bytes.iter().rposition(ends).map_or(0, |at| at + 1));
    }
    Ok((bytes, more))
}

/// How many lines a patch of one new file adds; none where it has no lines, as a binary.
fn added(patch: &[u8]) -> Option<u64> {
    let mut lines = patch.split(|byte| *byte == b'\n').skip_while(|line| !line.starts_with(b"@@"));
    match lines.next() {
        Some(_) => u64::try_from(lines.filter(|line| line.starts_with(b"+")).count()).ok(),
        None => (!patch.windows(8).any(|part| part == b"\nBinary ")).then_some(0),
    }
}

/// The files of `--raw --numstat -z`: first a row of modes and its paths for each, then a row of numbers and its paths.
fn listed(rows: &[u8]) -> Vec<Changed> {
    let mut files: Vec<Changed> = Vec::new();
    let mut rows = fields(rows).peekable();
    while let Some(row) = rows.next_if(|row| row.starts_with(b":")) {
        let letter = row.rsplit(|byte| *byte == b' ').next().and_then(|last| last.first());
        let moved = matches!(letter, Some(b'R' | b'C'));
        let from = if moved { rows.next().map(path_of) } else { None };
        let Some(path) = rows.next().map(path_of) else { break };
        let status = word(letter.copied().unwrap_or(b'?'));
        files.push(Changed { path, from, status, insertions: None, deletions: None });
    }
    let places: BTreeMap<PathBuf, usize> =
        files.iter().enumerate().map(|(at, file)| (file.path.clone(), at)).collect();
    while let Some(row) = rows.next() {
        let mut columns = row.splitn(3, |byte| *byte == b'\t');
        let mut number = || std::str::from_utf8(columns.next()?).ok()?.parse::<u64>().ok();
        let (insertions, deletions) = (number(), number());
        let path = match columns.next() {
            // The old path and the new one follow.
            Some(b"") => rows.nth(1).map(path_of),
            Some(path) => Some(path_of(path)),
            None => None,
        };
        let at = path.and_then(|path| places.get(&path).copied());
        if let Some(file) = at.and_then(|at| files.get_mut(at)) {
            (file.insertions, file.deletions) = (insertions, deletions);
        }
    }
    files
}

fn word(letter: u8) -> &'static str {
    match letter {
        b'A' => "added",
        b'D' => "deleted",
        b'R' => "renamed",
        b'C' => "copied",
        b'T' => "retyped",
        _ => "modified",
    }
}
