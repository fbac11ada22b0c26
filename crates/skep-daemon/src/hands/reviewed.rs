//! What a reviewer left in the worktree that it was only to look at.
//!
//! Owns: what counts as its doing, by comparison with what stood there when it came. Never: takes a question that git did not
//! answer for a no, follows a link, or believes what a file is called.
//! See docs/design/env.md.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, ErrorKind},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use skep_api::{place::Home, wire::chain};
use skep_core::{
    run::{EnvState, Run},
    text,
};
use skep_host::{
    env::{self, Stands},
    git::{self, Git},
    lock, paths,
};

use super::{Deed, digest, lock_file};

#[cfg(test)]
mod tests;

/// How many things are named.
const NAMED: usize = 50;
/// How long a name may be.
const LONGEST: usize = 200;
/// A file that is longer is known by its length and time, not by what is in it. Unit: bytes.
const LARGE: u64 = 16 << 20;
/// How long whoever holds the env is waited for.
const ENV: Duration = Duration::from_secs(2);
const VERSION: u32 = 1;

/// A worktree that was lent to be looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reviewed {
    pub(super) root: PathBuf,
    lock: PathBuf,
    worktree: PathBuf,
    repository: PathBuf,
    /// The commit that was to be looked at.
    head: String,
    /// The branch that the commit was made on, which nobody was to move.
    author: Option<String>,
    /// Where it is written down what stood there at first.
    before: PathBuf,
}

/// What differed from the commit before anybody worked there: the set-up's doing.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Before {
    version: u32,
    /// What was looked at: another commit has other differences.
    head: Option<String>,
    /// Paths as bytes would not be text; a mark stands for what each held.
    files: BTreeMap<String, String>,
}

/// How it is found out what `run` did where it was to look at `head`, which the branch `author` had.
///
/// Errors: its env does not stand, or it never was one to look at.
pub fn reviewed_deed(
    run: &Run,
    home: &Home,
    head: &str,
    author: Option<&str>,
) -> Result<Deed, String> {
    let EnvState::Held(env) = &run.env else { return Err("its env does not stand".to_owned()) };
    let place = &run.brief.place;
    if place.detached.as_deref() != Some(head) {
        return Err(format!("{} was not begun to look at {head}", run.id()));
    }
    let repository = place.repository.as_ref().ok_or("it has no repository")?;
    Ok(Deed::Reviewed {
        reviewed: Box::new(Reviewed {
            root: PathBuf::from(&env.root),
            lock: lock_file(env),
            worktree: PathBuf::from(&env.worktree),
            repository: PathBuf::from(repository),
            head: head.to_owned(),
            author: author.map(str::to_owned),
            before: before_of(run, home),
        }),
    })
}

/// Where it is written down what stood in the worktree of `run` at first.
pub(super) fn before_of(run: &Run, home: &Home) -> PathBuf {
    home.run(run.id()).join("before.json")
}

/// Writes down what the set-up left, before anybody works there; what an earlier call wrote of the same worktree stands.
pub(super) fn remember(
    git: &Git,
    repository: &Path,
    worktree: &Path,
    again: bool,
    to: &Path,
) -> Result<(), String> {
    if again && to.exists() {
        return Ok(());
    }
    let repo = git::discover(git, repository).map_err(|err| chain(&err))?;
    let stands = env::stands(git, &repo, worktree).map_err(|err| chain(&err))?;
    let files = stands.files.iter().map(|path| Ok((named(path), mark(&worktree.join(path))?)));
    let files = files.collect::<io::Result<_>>().map_err(|err| err.to_string())?;
    let before = Before { version: VERSION, head: stands.head, files };
    let bytes = serde_json::to_vec(&before).map_err(|err| err.to_string())?;
    paths::write_atomically(to, &bytes).map_err(|err| chain(&err))
}

/// Names what a reviewer did where it was only to look; nothing where all is as it found it.
///
/// Errors: somebody still works there, or it could not be found out.
pub(super) fn touched(git: &Git, ask: &Reviewed) -> Result<Vec<String>, String> {
    let _alone = lock::hold_within(&ask.lock, ENV).map_err(|err| chain(&err))?;
    let before = read(&ask.before)?;
    let told = |err: git::GitError| chain(&err);
    let repo = git::discover(git, &ask.repository).map_err(told)?;
    let stands = env::stands(git, &repo, &ask.worktree).map_err(told)?;
    let mut all = of_head(&stands, &ask.head);
    if let Some(author) = &ask.author {
        match git::branch(git, &repo, author).map_err(told)? {
            Some(oid) if oid == ask.head => {}
            Some(_) => all.push(shown(&format!("branch {author} moved"))),
            None => all.push(shown(&format!("branch {author} is gone"))),
        }
    }
    let mut files: Vec<String> = Vec::new();
    let mut left = before.files;
    for path in &stands.files {
        let mark = mark(&ask.worktree.join(path)).map_err(|err| err.to_string())?;
        if left.remove(&named(path)) != Some(mark) {
            files.push(shown(&path.to_string_lossy()));
        }
    }
    // What the set-up had left and is as the commit says now, or gone, was touched too.
    files.extend(left.keys().map(|path| shown(path)));
    files.sort();
    let room = NAMED.saturating_sub(all.len());
    let more = files.len().saturating_sub(room);
    files.truncate(room);
    all.extend(files);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    Ok(all)
}

fn of_head(stands: &Stands, head: &str) -> Vec<String> {
    let moved = stands.head.as_deref() != Some(head);
    let branch = stands.branch.as_ref().map(|name| shown(&format!("HEAD is on branch {name}")));
    let under_way = stands.under_way.iter().map(|what| format!("a {what} under way"));
    moved.then(|| "HEAD moved".to_owned()).into_iter().chain(branch).chain(under_way).collect()
}

fn read(path: &Path) -> Result<Before, String> {
    let told = |err: &dyn std::fmt::Display| {
        format!("what stood there at first is not known: {}: {err}", path.display())
    };
    let bytes = fs::read(path).map_err(|err| told(&err))?;
    let before: Before = serde_json::from_slice(&bytes).map_err(|err| told(&err))?;
    if before.version != VERSION {
        return Err(told(&format!("it was written in version {}", before.version)));
    }
    Ok(before)
}

/// A name as a key: two files whose names are not text and look alike have different ones.
fn named(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => format!("{}\0{}", path.display(), digest(path.as_os_str().as_bytes())),
    }
}

/// A name for a person.
fn shown(name: &str) -> String {
    text::words(&text::one_line(name), LONGEST)
}

/// What stands at `path`, so that a change of it is another mark; no link is followed.
fn mark(path: &Path) -> io::Result<String> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok("gone".to_owned());
        }
        Err(err) => return Err(err),
    };
    if meta.is_symlink() {
        return Ok(format!("link {}", digest(fs::read_link(path)?.as_os_str().as_bytes())));
    }
    if meta.is_dir() {
        // A repository of its own, or a submodule: git says only that it differs.
        return Ok("folder".to_owned());
    }
    if !meta.is_file() {
        return Ok("neither file nor folder".to_owned());
    }
    let runs = if meta.permissions().mode() & 0o111 == 0 { "file" } else { "program" };
    if meta.len() > LARGE {
        return Ok(format!("{runs} {} {:?}", meta.len(), meta.modified()?));
    }
    Ok(format!("{runs} {}", digest(&fs::read(path)?)))
}
