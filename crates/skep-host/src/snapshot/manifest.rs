//! Owns: the list of everything a snapshot holds, with what git does not keep of a file: permission bits, times, empty folders.
//! Never: believes a path: a list that was read is data, and one that leads out of its place is refused whole.

use std::{
    collections::BTreeMap,
    fs::Metadata,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Component, Path, PathBuf},
};

use super::{
    SnapshotError, damaged,
    objects::{Branching, Mode, Reader, Trees, Writer, Written},
    state::is_private,
};
use crate::git::{is_oid, path_of};

/// On which side of a worktree a path lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// The files.
    Tree,
    /// The private git folder.
    State,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    /// With where it points to.
    Link(Vec<u8>),
}

/// A moment of a file system's clock: seconds since 1970, and nanoseconds.
pub(super) type Moment = (i64, i64);

/// A path, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) permissions: u32,
    pub(super) modified: Moment,
    /// No program can set it: what has the same one as before has the same bytes.
    pub(super) changed: Moment,
    pub(super) size: u64,
    pub(super) inode: u64,
    /// The blob with its bytes; empty for a folder, and while it is not known.
    pub(super) oid: String,
}

impl Entry {
    pub(super) fn of(kind: Kind, meta: &Metadata) -> Entry {
        Entry {
            kind,
            permissions: meta.mode() & 0o7777,
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            size: if meta.is_dir() { 0 } else { meta.size() },
            inode: meta.ino(),
            oid: String::new(),
        }
    }

    pub(super) fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }

    /// Whether nobody has written to it since it was as in `before`, which was written down at `began_s`.
    ///
    /// What changed within two seconds of that moment may have changed again without a trace: clocks of file systems are coarse.
    pub(super) fn is_untouched_since(&self, before: &Entry, began_s: i64) -> bool {
        let quiet = |moment: Moment| moment.0 < began_s - 2;
        self.kind == before.kind
            && (self.modified, self.changed) == (before.modified, before.changed)
            && (self.size, self.inode) == (before.size, before.inode)
            && quiet(self.modified)
            && quiet(self.changed)
    }
}

/// Where something lies in a snapshot.
pub(super) type Key = (Side, PathBuf);

/// All of a snapshot, in order of path.
#[derive(Debug, Default, Clone)]
pub(super) struct Manifest {
    pub(super) entries: BTreeMap<Key, Entry>,
}

impl Manifest {
    pub(super) fn side(&self, side: Side) -> impl Iterator<Item = (&PathBuf, &Entry)> {
        self.entries.iter().filter(move |(key, _)| key.0 == side).map(|((_, path), e)| (path, e))
    }

    pub(super) fn get(&self, side: Side, path: &Path) -> Option<&Entry> {
        self.entries.get(&(side, path.to_owned()))
    }

    /// Writes it, cut where the paths say so, so that two snapshots share what is alike in both.
    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<Chunks, SnapshotError> {
        let mut chunks = Vec::new();
        let mut bytes = Vec::new();
        for ((side, path), entry) in &self.entries {
            record(&mut bytes, *side, path, entry);
            if crate::git::key(path).ends_with("00") {
                chunks.push(writer.bytes(&bytes)?);
                bytes.clear();
            }
        }
        if !bytes.is_empty() || chunks.is_empty() {
            chunks.push(writer.bytes(&bytes)?);
        }
        Ok(Chunks(chunks))
    }

    /// Reads the one of a snapshot.
    pub(super) fn read(reader: &mut Reader, snapshot: &str) -> Result<Manifest, SnapshotError> {
        let mut manifest = Manifest::default();
        for chunk in reader.tree(snapshot, &format!("{snapshot}:manifest"))? {
            let bytes = reader.blob(snapshot, &chunk.oid)?;
            let mut fields = bytes.split(|byte| *byte == 0);
            while let (Some(words), Some(path), Some(target)) =
                (fields.next(), fields.next(), fields.next())
            {
                let (key, entry) = entry(words, path, target).ok_or_else(|| {
                    damaged(snapshot, format!("`{}`", String::from_utf8_lossy(path)))
                })?;
                manifest.entries.insert(key, entry);
            }
        }
        manifest.require_whole(snapshot)?;
        Ok(manifest)
    }

    /// Whether every path lies in folders of its own list and in its own place.
    fn require_whole(&self, snapshot: &str) -> Result<(), SnapshotError> {
        for ((side, path), entry) in &self.entries {
            let fits = is_plain(path)
                && match side {
                    Side::Tree => {
                        path.components().next() != Some(Component::Normal(".git".as_ref()))
                    }
                    Side::State => is_private(path),
                };
            let above = path.parent().is_none_or(|above| {
                self.entries.get(&(*side, above.to_owned())).is_some_and(Entry::is_folder)
            });
            let rooted = !path.as_os_str().is_empty() || entry.is_folder();
            if !fits || !above || !rooted {
                return Err(damaged(snapshot, format!("it would write to `{}`", path.display())));
            }
        }
        Ok(())
    }
}

/// Whether a path goes only downwards, written in the one way there is.
fn is_plain(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes.is_empty()
        || bytes
            .split(|byte| *byte == b'/')
            .all(|part| !part.is_empty() && part != b"." && part != b"..")
}

/// The pieces of a manifest that was written.
pub(super) struct Chunks(Vec<super::objects::Said>);

impl Chunks {
    pub(super) fn tree(
        &self,
        written: &Written,
        trees: &mut Trees,
    ) -> Result<String, SnapshotError> {
        let mut tree = Branching::default();
        for (n, said) in self.0.iter().enumerate() {
            tree.put(&[format!("{n:08}").as_bytes()], Mode::File, &written.oid(*said));
        }
        tree.write(trees)
    }
}

fn record(to: &mut Vec<u8>, side: Side, path: &Path, entry: &Entry) {
    let side = match side {
        Side::Tree => 't',
        Side::State => 'g',
    };
    let (kind, target) = match &entry.kind {
        Kind::Folder => ('d', &[][..]),
        Kind::File => ('f', &[][..]),
        Kind::Link(target) => ('l', target.as_slice()),
    };
    let Entry { permissions, modified, changed, size, inode, oid, .. } = entry;
    let oid = if oid.is_empty() { "-" } else { oid };
    let words = format!(
        "{side}{kind} {permissions:o} {}.{} {}.{} {size} {inode} {oid}",
        modified.0, modified.1, changed.0, changed.1
    );
    for field in [words.as_bytes(), path.as_os_str().as_bytes(), target] {
        to.extend_from_slice(field);
        to.push(0);
    }
}

fn entry(words: &[u8], path: &[u8], target: &[u8]) -> Option<(Key, Entry)> {
    let words = std::str::from_utf8(words).ok()?;
    let mut words = words.split(' ');
    let mut next = || words.next();
    let what = next()?;
    let side = match what.get(..1)? {
        "t" => Side::Tree,
        "g" => Side::State,
        _ => return None,
    };
    let kind = match what.get(1..)? {
        "d" => Kind::Folder,
        "f" => Kind::File,
        "l" => Kind::Link(target.to_owned()),
        _ => return None,
    };
    let permissions = u32::from_str_radix(next()?, 8).ok().filter(|bits| *bits <= 0o7777)?;
    let (modified, changed) = (moment(next()?)?, moment(next()?)?);
    let (size, inode) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let oid = match next()? {
        "-" if kind == Kind::Folder => String::new(),
        oid if is_oid(oid) && kind != Kind::Folder => oid.to_owned(),
        _ => return None,
    };
    let entry = Entry { kind, permissions, modified, changed, size, inode, oid };
    Some(((side, path_of(path)), entry))
}

fn moment(text: &str) -> Option<Moment> {
    let (seconds, nanos) = text.split_once('.')?;
    let nanos = nanos.parse().ok().filter(|nanos| (0..1_000_000_000).contains(nanos))?;
    Some((seconds.parse().ok()?, nanos))
}
