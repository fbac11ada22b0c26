//! The settings of other programs, where nothing but an entry in them lets an agent begin: the folders that Claude Code trusts.
//!
//! Owns: the edit of one entry and its taking back; every other byte of the file stays as it is, numbers of any length too.
//! Never: makes a file that is not there, changes one of a shape that it does not know, or takes back more than it gave.

use std::{
    fs::{self, Metadata},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    lock::{self, Lock, LockError},
    paths::{self, PathError},
};

#[cfg(test)]
mod tests;

/// The object that holds one entry for each folder, and the word in an entry that says that the folder is trusted.
const FOLDERS: &str = "projects";
const TRUSTED: &str = "hasTrustDialogAccepted";
/// How long another writer is waited for.
const WAIT: Duration = Duration::from_secs(5);
/// When a lock of Claude Code's own is one whose holder is gone: it renews a living one in half of that.
const STALE: Duration = Duration::from_secs(10);
/// How often it is looked whether a lock is free.
const LOOK: Duration = Duration::from_millis(20);
/// How often a file is read anew that another writer changed meanwhile.
const TRIES: u32 = 5;
/// The most of such a file that is read. Bytes.
const LARGEST: u64 = 64 << 20;

/// Why another program's settings were left as they are.
#[derive(Debug, Error)]
pub enum ForeignError {
    /// It is not what it was when this was written: it may mean something else by now.
    #[error("`{}` is not of the shape that skep knows: {why}", .path.display())]
    Shape { path: PathBuf, why: String },
    /// Somebody else is writing it.
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("{doing} `{}`", .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// What is about to be changed could not be written down.
    #[error("note what is changed in another program's settings")]
    Note(#[source] PathError),
    #[error(transparent)]
    Write(#[from] PathError),
}

impl ForeignError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            ForeignError::Shape { .. } => "foreign-config-shape",
            ForeignError::Lock(err) => err.slug(),
            ForeignError::Io { .. } => "disk",
            ForeignError::Note(err) | ForeignError::Write(err) => err.slug(),
        }
    }
}

/// An entry of ours in a file of another program, with what stood there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub file: PathBuf,
    /// The folder that it is about.
    pub dir: String,
    pub before: Before,
}

/// What stood where an entry of ours stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// Nothing about this folder.
    Nothing,
    /// An entry that says nothing of trust.
    Unsaid,
    /// An entry that says no.
    No,
}

/// What a wish for trust came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// There is no such file: its program has never been set up, and will ask for more than this.
    NoFile,
    /// Nothing had to be changed.
    There,
    Given(Entry),
}

/// Looks whether `file` trusts one of `dirs`, without changing anything.
///
/// Errors: a file that cannot be read, or is of another shape.
pub fn is_trusted(file: &Path, dirs: &[&str]) -> Result<Option<bool>, ForeignError> {
    let Some(read) = Read::of(file)? else { return Ok(None) };
    let tree = read.tree()?;
    read.folders(&tree)?;
    let mut trusted = false;
    for dir in dirs {
        trusted |= read.says(&tree, dir)? == Said::Yes;
    }
    Ok(Some(trusted))
}

/// Has `file` trust `dirs[0]`, unless it trusts one of them already; `note` is told before anything is changed.
///
/// Errors: another shape, a file that another holds for too long, or what `note` says; then nothing was changed.
pub fn trust(
    file: &Path,
    dirs: &[&str],
    note: impl Fn(&Entry) -> Result<(), PathError>,
) -> Result<Trust, ForeignError> {
    // Asked first without a lock: whoever is trusted already needs none, and a folder may not be ours to lock in.
    match is_trusted(file, dirs)? {
        None => return Ok(Trust::NoFile),
        Some(true) => return Ok(Trust::There),
        Some(false) => {}
    }
    let Some(dir) = dirs.first() else { return Ok(Trust::There) };
    edit(file, |read| {
        let tree = read.tree()?;
        let before = match read.says(&tree, dir)? {
            Said::Yes => return Ok((None, Trust::There)),
            Said::No => Before::No,
            Said::Unsaid => Before::Unsaid,
            Said::Nothing => Before::Nothing,
        };
        let entry = Entry { file: file.to_owned(), dir: (*dir).to_owned(), before };
        note(&entry).map_err(ForeignError::Note)?;
        let folders = match read.folders(&tree)? {
            Some(folders) => folders,
            None => {
                tree.object.append(FOLDERS, CstInputValue::Object(Vec::new())).object_value_or_set()
            }
        };
        let of = match only(read, &folders, dir)? {
            Some(prop) => read.object(&prop)?,
            None => folders.append(dir, CstInputValue::Object(Vec::new())).object_value_or_set(),
        };
        match only(read, &of, TRUSTED)? {
            Some(prop) => prop.set_value(CstInputValue::Bool(true)),
            None => {
                of.append(TRUSTED, CstInputValue::Bool(true));
            }
        }
        Ok((Some(tree), Trust::Given(entry)))
    })
    .map(|done| done.unwrap_or(Trust::NoFile))
}

/// Takes an entry back; returns whether there was anything to take back. What its program wrote beside it about a folder
/// of which it knew nothing before goes with it.
///
/// Errors: as [`trust`].
pub fn withdraw(entry: &Entry) -> Result<bool, ForeignError> {
    let done = edit(&entry.file, |read| {
        let tree = read.tree()?;
        let Some(folders) = read.folders(&tree)? else { return Ok((None, false)) };
        let Some(prop) = only(read, &folders, &entry.dir)? else { return Ok((None, false)) };
        if entry.before == Before::Nothing {
            prop.remove();
            return Ok((Some(tree), true));
        }
        let of = read.object(&prop)?;
        let Some(flag) = only(read, &of, TRUSTED)? else { return Ok((None, false)) };
        if entry.before == Before::No {
            flag.set_value(CstInputValue::Bool(false));
        } else {
            flag.remove();
        }
        Ok((Some(tree), true))
    })?;
    Ok(done.unwrap_or(false))
}

/// What a file says of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Yes,
    No,
    Unsaid,
    Nothing,
}

/// A file as it was read.
struct Read {
    /// As it was named; and where its bytes really are, behind every link.
    path: PathBuf,
    target: PathBuf,
    text: String,
    stamp: Stamp,
    mode: u32,
}

/// By what a change is seen.
#[derive(PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Stamp {
        Stamp { inode: meta.ino(), size: meta.size(), changed: (meta.mtime(), meta.mtime_nsec()) }
    }
}

impl Read {
    fn of(path: &Path) -> Result<Option<Read>, ForeignError> {
        let fail = |doing| move |source| ForeignError::Io { doing, path: path.to_owned(), source };
        let target = match fs::canonicalize(path) {
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(fail("find"))?,
        };
        let meta = fs::metadata(&target).map_err(fail("look at"))?;
        let odd = |why: String| ForeignError::Shape { path: path.to_owned(), why };
        if !meta.is_file() {
            return Err(odd("it is no file".to_owned()));
        }
        if meta.size() > LARGEST {
            return Err(odd(format!("{} bytes are too many", meta.size())));
        }
        let bytes = fs::read(&target).map_err(fail("read"))?;
        let text =
            String::from_utf8(bytes).map_err(|_| odd("it is no text in UTF-8".to_owned()))?;
        let (stamp, mode) = (Stamp::of(&meta), meta.permissions().mode() & 0o7777);
        Ok(Some(Read { path: path.to_owned(), target, text, stamp, mode }))
    }

    fn odd(&self, why: impl Into<String>) -> ForeignError {
        ForeignError::Shape { path: self.path.clone(), why: why.into() }
    }

    fn tree(&self) -> Result<Tree, ForeignError> {
        let strict = ParseOptions {
            allow_comments: false,
            allow_loose_object_property_names: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        let root = CstRootNode::parse(&self.text, &strict)
            .map_err(|err| self.odd(format!("it is no JSON: {err}")))?;
        let object = root.object_value().ok_or_else(|| self.odd("it holds no object"))?;
        Ok(Tree { root, object })
    }

    /// The object with the folders, where there is one.
    fn folders(&self, tree: &Tree) -> Result<Option<CstObject>, ForeignError> {
        only(self, &tree.object, FOLDERS)?.map(|prop| self.object(&prop)).transpose()
    }

    fn object(&self, prop: &CstObjectProp) -> Result<CstObject, ForeignError> {
        let name = prop.decoded_name().unwrap_or_default();
        prop.object_value().ok_or_else(|| self.odd(format!("`{name}` is no object")))
    }

    fn says(&self, tree: &Tree, dir: &str) -> Result<Said, ForeignError> {
        let Some(folders) = self.folders(tree)? else { return Ok(Said::Nothing) };
        let Some(prop) = only(self, &folders, dir)? else { return Ok(Said::Nothing) };
        let Some(flag) = only(self, &self.object(&prop)?, TRUSTED)? else {
            return Ok(Said::Unsaid);
        };
        let value = flag.value().and_then(|value| value.as_boolean_lit());
        match value.map(|value| value.value()) {
            Some(true) => Ok(Said::Yes),
            Some(false) => Ok(Said::No),
            None => Err(self.odd(format!("`{TRUSTED}` is neither true nor false"))),
        }
    }
}

/// What a file holds, to be edited. Its parts are no more than views of the root, which must outlive them.
struct Tree {
    root: CstRootNode,
    object: CstObject,
}

/// The one property of this name; two of them are read by nobody in the same way.
fn only(read: &Read, of: &CstObject, name: &str) -> Result<Option<CstObjectProp>, ForeignError> {
    let mut found =
        of.properties().into_iter().filter(|prop| prop.decoded_name().as_deref() == Some(name));
    let first = found.next();
    if found.next().is_some() {
        return Err(read.odd(format!("`{name}` stands in it twice")));
    }
    Ok(first)
}

/// Reads, changes and writes `file` while nobody else does; none where it is not there.
fn edit<T>(
    file: &Path,
    change: impl Fn(&Read) -> Result<(Option<Tree>, T), ForeignError>,
) -> Result<Option<T>, ForeignError> {
    let Some(first) = Read::of(file)? else { return Ok(None) };
    let _held = Held::take(file, &first.target)?;
    for _ in 0..TRIES {
        let Some(read) = Read::of(file)? else { return Ok(None) };
        let (changed, done) = change(&read)?;
        let Some(text) = changed.map(|tree| tree.root.to_string()) else { return Ok(Some(done)) };
        let draft = paths::draft(&read.target, text.as_bytes(), read.mode)?;
        // A writer that keeps no lock may have been quicker; what it wrote is not to be lost.
        let now = fs::metadata(&read.target).map(|meta| Stamp::of(&meta));
        if now.is_ok_and(|now| now == read.stamp) {
            draft.put()?;
            return Ok(Some(done));
        }
    }
    let source = io::Error::other("another program changes it all the time");
    Err(ForeignError::Io { doing: "change", path: file.to_owned(), source })
}

/// The right to write a file: by a lock of ours, and by the one that Claude Code's own writers take.
struct Held {
    theirs: PathBuf,
    _ours: Lock,
}

impl Held {
    fn take(file: &Path, target: &Path) -> Result<Held, ForeignError> {
        let beside = |path: &Path, end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        let ours = lock::hold_within(&beside(target, ".skep-lock"), WAIT)?;
        // It is named after the file as that is named, not after what a link leads to.
        let theirs = beside(file, ".lock");
        let until = Instant::now() + WAIT.max(STALE + LOOK);
        loop {
            match fs::create_dir(&theirs) {
                Ok(()) => return Ok(Held { theirs, _ours: ours }),
                Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => {
                    return Err(ForeignError::Io { doing: "lock", path: theirs, source });
                }
            }
            if is_stale(&theirs) {
                // Whoever is quicker has it.
                let _taken = fs::remove_dir(&theirs);
            } else if Instant::now() >= until {
                return Err(LockError::Held { path: theirs }.into());
            } else {
                thread::sleep(LOOK);
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // One that stays is taken for stale.
        let _left = fs::remove_dir(&self.theirs);
    }
}

fn is_stale(lock: &Path) -> bool {
    let changed = fs::metadata(lock).and_then(|meta| meta.modified());
    changed.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > STALE))
}
