//! Owns: the taking of a snapshot.
//! Never: changes anything in the worktree, its git folder or the repository's refs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    FORMAT, Header, Place, SnapshotError, Take, Taken, io_at, list,
    manifest::{Entry, Key, Kind, Manifest, Side},
    objects::{Branching, FileError, Mode, Reader, Row, Said, Trees, Writer},
    require_name,
    shelf::{self, Hung, Shelf},
    state::{self, Standing, may_name_objects, oids_in},
    walk::{Seen, walk},
};
use crate::{
    git::{Git, Repository, fields},
    paths::crash_point,
};

/// How often a file that is being written to is read again before it is kept as it was read.
const TRIES: usize = 3;

/// Keeps the files and the private git state of a worktree as they are now.
///
/// Shape: killed at any point and asked again, there is one snapshot; a name that is taken gives that one's answer.
/// Errors: git could not be asked, or something that must be kept whole could not be read; then nothing was kept.
pub fn take(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    ask: &Take<'_>,
) -> Result<Taken, SnapshotError> {
    let place = Place { git, repo };
    require_name(ask.run)?;
    require_name(ask.id)?;
    let mut reader = shelf::reader(place)?;
    let shelf = Shelf::read(place, &mut reader)?;
    if let Some(hung) = shelf.all(&mut reader)?.into_iter().find(|hung| hung.id == ask.id) {
        return taken(&mut reader, hung.oid);
    }
    let last = last_of(&mut reader, &shelf, ask.run)?;
    let began_s = now_s();
    let seen = walk(place, ask.worktree, ask.git_dir, ask.discard)?;
    let mut contents = Contents { ask, seen, last };
    contents.read(place)?;
    crash_point("snapshot-contents-written");
    let Contents { seen, .. } = contents;
    let standing = state::standing(place, ask.git_dir, ask.worktree)?;
    let named = named_objects(ask, &seen.manifest, &mut reader)?;
    let indexed = indexed(place, locks, ask, &seen.manifest, &mut reader, &standing)?;
    let holds = held(place, &mut reader, &standing, named.commits)?;
    let oid = write(place, ask, began_s, seen, standing, &named.others, indexed)?;
    crash_point("snapshot-written");
    let hung = Hung { run: ask.run.to_owned(), id: ask.id.to_owned(), oid, holds };
    let oid = shelf::hang(place, locks, &hung)?;
    crash_point("snapshot-hung");
    taken(&mut shelf::reader(place)?, oid)
}

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn taken(reader: &mut Reader, oid: String) -> Result<Taken, SnapshotError> {
    let header = list::header(reader, &oid)?;
    Ok(Taken {
        id: header.id,
        oid,
        head: header.head,
        branch: header.branch,
        files: header.files,
        bytes: header.bytes,
        left_out: header.left_out,
    })
}

/// The run's last snapshot: what has not changed since is not read again.
fn last_of(
    reader: &mut Reader,
    shelf: &Shelf,
    run: &str,
) -> Result<Option<(Manifest, i64)>, SnapshotError> {
    let Some(run) = shelf.run(run) else { return Ok(None) };
    let Some(last) = Shelf::of(reader, run)?.pop() else { return Ok(None) };
    let header = match list::header(reader, &last.oid) {
        // It only saves work.
        Err(SnapshotError::Newer { .. }) => return Ok(None),
        other => other?,
    };
    Ok(Some((Manifest::read(reader, &last.oid)?, header.began_s)))
}

/// What stands there, on its way to becoming blobs.
struct Contents<'a> {
    ask: &'a Take<'a>,
    seen: Seen,
    last: Option<(Manifest, i64)>,
}

/// What one try to read a file gave.
enum Read {
    Said(Said, Entry),
    /// It changed meanwhile; what was read is good only if it never stands still.
    Changed(Said, Entry),
    Gone,
    Failed(io::Error),
}

impl Contents<'_> {
    fn at(&self, key: &Key) -> PathBuf {
        let root = match key.0 {
            Side::Tree => self.ask.worktree,
            Side::State => self.ask.git_dir,
        };
        root.join(&key.1)
    }

    fn read(&mut self, place: Place<'_>) -> Result<(), SnapshotError> {
        let mut writer = Writer::new(place);
        let mut said: Vec<(Key, Said)> = Vec::new();
        let keys: Vec<Key> = self.seen.manifest.entries.keys().cloned().collect();
        for key in keys {
            let Some(entry) = self.seen.manifest.entries.get_mut(&key) else { continue };
            let known = self.last.as_ref().and_then(|(last, began_s)| {
                let before = last.entries.get(&key)?;
                entry.is_untouched_since(before, *began_s).then(|| before.oid.clone())
            });
            match (known, &entry.kind) {
                (Some(oid), _) => entry.oid = oid,
                (None, Kind::Folder) => {}
                (None, Kind::Link(target)) => said.push((key, writer.bytes(target)?)),
                (None, Kind::File) => match self.read_file(&key, &mut writer)? {
                    Read::Said(name, entry) | Read::Changed(name, entry) => {
                        self.seen.manifest.entries.insert(key.clone(), entry);
                        said.push((key, name));
                    }
                    Read::Gone => {
                        self.seen.manifest.entries.remove(&key);
                    }
                    Read::Failed(error) => {
                        self.seen.manifest.entries.remove(&key);
                        match key.0 {
                            Side::Tree => self.seen.unreadable(key.1, &error)?,
                            Side::State => return Err(io_at("read", &self.at(&key))(error)),
                        }
                    }
                },
            }
        }
        let written = writer.end()?;
        for (key, said) in said {
            if let Some(entry) = self.seen.manifest.entries.get_mut(&key) {
                entry.oid = written.oid(said);
            }
        }
        Ok(())
    }

    fn read_file(&self, key: &Key, writer: &mut Writer<'_>) -> Result<Read, SnapshotError> {
        let at = self.at(key);
        let mut read = Read::Gone;
        for _ in 0..TRIES {
            read = read_once(&at, writer)?;
            if !matches!(read, Read::Changed(..)) {
                break;
            }
        }
        if let Read::Changed(_, entry) = &mut read {
            // Equal to no later look, so nobody takes it for what stands there.
            entry.changed = (0, 0);
        }
        Ok(read)
    }
}

fn read_once(at: &Path, writer: &mut Writer<'_>) -> Result<Read, SnapshotError> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(at);
    let looked = opened.and_then(|file| file.metadata().map(|meta| (file, meta)));
    let (mut file, before): (File, Metadata) = match looked {
        Ok((_, meta)) if !meta.is_file() => return Ok(Read::Gone),
        Ok(looked) => looked,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Read::Gone),
        Err(error) => return Ok(Read::Failed(error)),
    };
    let (said, whole) = match writer.file(&mut file, before.size()) {
        Ok(said) => said,
        Err(FileError::Read(error)) => return Ok(Read::Failed(error)),
        Err(FileError::Git(error)) => return Err(error),
    };
    let stamp = |meta: &Metadata| {
        (meta.size(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec())
    };
    let after = file.metadata().map_err(io_at("look at", at))?;
    let entry = Entry::of(Kind::File, &before);
    Ok(if whole && stamp(&before) == stamp(&after) {
        Read::Said(said, entry)
    } else {
        Read::Changed(said, entry)
    })
}

/// Objects that the private state names: commits to be parents, and what else there is.
struct Named {
    commits: Vec<String>,
    others: Vec<Row>,
}

/// Finds what a merge, a rebase or the log of HEAD names and nothing else may hold.
fn named_objects(
    ask: &Take<'_>,
    manifest: &Manifest,
    reader: &mut Reader,
) -> Result<Named, SnapshotError> {
    let Some(length) = manifest.entries.values().map(|entry| entry.oid.len()).find(|len| *len > 0)
    else {
        return Ok(Named { commits: Vec::new(), others: Vec::new() });
    };
    let mut oids = BTreeSet::new();
    for (path, entry) in manifest.side(Side::State) {
        if may_name_objects(path, entry) && entry.kind == Kind::File {
            let at = ask.git_dir.join(path);
            match fs::read(&at) {
                Ok(text) => oids.extend(oids_in(&text, length)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io_at("read", &at)(error)),
            }
        }
    }
    let oids: Vec<String> = oids.into_iter().collect();
    let peeled: Vec<String> = oids.iter().map(|oid| format!("{oid}^{{commit}}")).collect();
    let mut commits = BTreeSet::new();
    let mut others = Vec::new();
    let known = reader.known(&oids)?;
    for (known, commit) in known.into_iter().zip(reader.known(&peeled)?) {
        let Some(known) = known else { continue };
        let mode = match known.kind.as_str() {
            "tree" => Mode::Tree,
            "blob" => Mode::File,
            _ => {
                commits.extend(commit.map(|commit| commit.oid));
                continue;
            }
        };
        others.push(Row { mode, name: known.oid.clone().into_bytes(), oid: known.oid });
    }
    Ok(Named { commits: commits.into_iter().collect(), others })
}

/// What the index holds: all of it as one tree, or, where it makes none, the blobs that stand nowhere else.
enum Indexed {
    Nothing,
    Tree(String),
    Blobs(Vec<Row>),
}

fn indexed(
    place: Place<'_>,
    locks: &Path,
    ask: &Take<'_>,
    manifest: &Manifest,
    reader: &mut Reader,
    standing: &Standing,
) -> Result<Indexed, SnapshotError> {
    let Some(index) = manifest.get(Side::State, Path::new("index")) else {
        return Ok(Indexed::Nothing);
    };
    // A copy, since git would write the trees it makes into the user's own.
    let bytes = reader.blob(ask.id, &index.oid)?;
    fs::create_dir_all(locks).map_err(io_at("make", locks))?;
    let copy = locks.join(format!("{}.index", ask.id));
    crate::paths::write_atomically(&copy, &bytes)?;
    let call = || state::call(place, ask.git_dir, ask.worktree).var("GIT_INDEX_FILE", &copy);
    let made = call().args(["write-tree"]).output()?;
    let tree = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    let found = if made.status.success() && crate::git::is_oid(&tree) {
        Ok(Indexed::Tree(tree))
    } else {
        let listed = call().args(["ls-files", "--stage", "-z"]).bytes();
        listed
            .map_err(SnapshotError::from)
            .and_then(|out| loose_blobs(place, &out, manifest, reader, standing))
    };
    fs::remove_file(&copy).map_err(io_at("remove", &copy))?;
    found
}

fn loose_blobs(
    place: Place<'_>,
    listed: &[u8],
    manifest: &Manifest,
    reader: &mut Reader,
    standing: &Standing,
) -> Result<Indexed, SnapshotError> {
    let mut blobs = BTreeSet::new();
    for row in fields(listed) {
        let words: Vec<&[u8]> = row.splitn(3, |byte| *byte == b' ').collect();
        if let [mode, oid, _] = words.as_slice()
            && *mode != b"160000"
        {
            blobs.insert(String::from_utf8_lossy(oid).into_owned());
        }
    }
    if let Some(head) = &standing.head {
        let call = place.git.call(&place.repo.common_dir);
        let out = call.args(["ls-tree", "-r", "-z", "--full-tree", head]).bytes()?;
        for row in fields(&out) {
            if let Some(oid) = row.split(|byte| matches!(byte, b' ' | b'\t')).nth(2) {
                blobs.remove(&*String::from_utf8_lossy(oid));
            }
        }
    }
    for entry in manifest.entries.values() {
        blobs.remove(&entry.oid);
    }
    let blobs: Vec<String> = blobs.into_iter().collect();
    let known = reader.known(&blobs)?;
    Ok(Indexed::Blobs(
        known
            .into_iter()
            .flatten()
            .map(|known| Row {
                mode: Mode::File,
                name: known.oid.clone().into_bytes(),
                oid: known.oid,
            })
            .collect(),
    ))
}

/// Whether git would call a tree with this name broken, or read more into it than bytes.
fn is_odd(name: &[u8], is_link: bool) -> bool {
    // Some file systems fold case and drop characters, so git refuses whatever could become `.git` there.
    let plain: Vec<u8> =
        name.iter().filter(|byte| byte.is_ascii()).map(u8::to_ascii_lowercase).collect();
    plain.contains(&b'\\')
        || plain.starts_with(b"git~")
        || (is_link && plain.starts_with(b".git"))
        || plain
            .strip_prefix(b".git")
            .is_some_and(|rest| rest.first().is_none_or(|byte| matches!(byte, b' ' | b'.' | b':')))
        || plain.starts_with(b".gitmodules")
}

/// Writes the tree of a snapshot.
fn write(
    place: Place<'_>,
    ask: &Take<'_>,
    began_s: i64,
    seen: Seen,
    standing: Standing,
    named: &[Row],
    indexed: Indexed,
) -> Result<String, SnapshotError> {
    let Seen { manifest, left_out, .. } = seen;
    let files = manifest.side(Side::Tree).filter(|(_, entry)| !entry.is_folder());
    let (count, bytes) = files.fold((0, 0), |(n, sum), (_, entry)| (n + 1, sum + entry.size));
    let header = Header {
        format: FORMAT,
        run: ask.run.to_owned(),
        id: ask.id.to_owned(),
        at_ms: ask.at_ms,
        note: ask.note.to_owned(),
        discard: ask.discard.to_vec(),
        began_s,
        head: standing.head,
        branch: standing.branch,
        refs: standing.refs,
        stashes: standing.stashes,
        files: count,
        bytes,
        left_out: left_out.iter().map(super::walk::LeftOut::words).collect(),
    };
    let header = serde_json::to_vec_pretty(&header).map_err(|error| {
        io_at("describe", ask.worktree)(io::Error::new(io::ErrorKind::InvalidData, error))
    })?;
    let mut writer = Writer::new(place);
    let chunks = manifest.write(&mut writer)?;
    let header = writer.bytes(&header)?;
    let written = writer.end()?;
    let mut trees = Trees::open(place)?;
    let mut top = Branching::default();
    let mut sides: BTreeMap<Side, Branching> = BTreeMap::new();
    let mut extra = Branching::default();
    let mut extras = BTreeSet::new();
    for ((side, path), entry) in &manifest.entries {
        let mode = match entry.kind {
            Kind::Folder => continue,
            Kind::Link(_) => Mode::Link,
            Kind::File if entry.permissions & 0o100 != 0 => Mode::Program,
            Kind::File => Mode::File,
        };
        let names: Vec<&[u8]> = path.as_os_str().as_bytes().split(|byte| *byte == b'/').collect();
        if names.iter().any(|name| is_odd(name, mode == Mode::Link)) {
            if extras.insert(&entry.oid) {
                extra.put(&[entry.oid.as_bytes()], Mode::File, &entry.oid);
            }
        } else {
            sides.entry(*side).or_default().put(&names, mode, &entry.oid);
        }
    }
    for (side, name) in [(Side::Tree, &b"files"[..]), (Side::State, b"git")] {
        let tree = sides.remove(&side).unwrap_or_default().write(&mut trees)?;
        top.put(&[name], Mode::Tree, &tree);
    }
    if !extras.is_empty() {
        top.put(&[b"extra"], Mode::Tree, &extra.write(&mut trees)?);
    }
    top.put(&[b"manifest"], Mode::Tree, &chunks.tree(&written, &mut trees)?);
    top.put(&[b"header"], Mode::File, &written.oid(header));
    match indexed {
        Indexed::Tree(tree) => top.put(&[b"index"], Mode::Tree, &tree),
        Indexed::Blobs(rows) if !rows.is_empty() => {
            top.put(&[b"staged"], Mode::Tree, &trees.make(&rows)?);
        }
        Indexed::Blobs(_) | Indexed::Nothing => {}
    }
    if !named.is_empty() {
        top.put(&[b"named"], Mode::Tree, &trees.make(named)?);
    }
    let tree = top.write(&mut trees)?;
    trees.end()?;
    crash_point("snapshot-trees-written");
    Ok(tree)
}

/// HEAD, and every commit that HEAD does not hold already.
fn held(
    place: Place<'_>,
    reader: &mut Reader,
    standing: &Standing,
    named: Vec<String>,
) -> Result<Vec<String>, SnapshotError> {
    let mut wanted: BTreeSet<String> = named.into_iter().collect();
    wanted.extend(standing.stashes.iter().map(|stash| stash.oid.clone()));
    let refs = standing.refs.iter().map(|(_, oid)| format!("{oid}^{{commit}}"));
    let known = reader.known(&refs.collect::<Vec<_>>())?;
    wanted.extend(known.into_iter().flatten().map(|known| known.oid));
    if let Some(head) = &standing.head {
        wanted.remove(head);
    }
    let mut held: Vec<String> = standing.head.iter().cloned().collect();
    if wanted.is_empty() {
        return Ok(held);
    }
    let mut asked: String = wanted.iter().map(|oid| format!("{oid}\n")).collect();
    if let Some(head) = &standing.head {
        asked.push_str(&format!("^{head}\n"));
    }
    let call = place.git.call(&place.repo.common_dir).args(["rev-list", "--stdin"]);
    let out = call.stdin(asked.into_bytes()).bytes()?;
    let beyond = String::from_utf8_lossy(&out);
    let mut listed: Vec<String> =
        beyond.lines().filter(|oid| wanted.contains(*oid)).map(str::to_owned).collect();
    listed.dedup();
    held.extend(listed);
    Ok(held)
}
