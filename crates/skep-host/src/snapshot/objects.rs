//! Owns: reading and writing git's objects in any number, with one process each.
//! Never: lets a filter, an attribute or a setting touch a byte.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{Place, SnapshotError, damaged};
use crate::git::{GitError, Talk, is_oid};

/// How many answers may wait to be heard; together they fit into a pipe.
const AHEAD: usize = 400;

/// An object as it was read.
pub(super) struct Object {
    pub(super) oid: String,
    pub(super) kind: String,
    pub(super) bytes: Vec<u8>,
}

/// An object of which only this was asked.
pub(super) struct Known {
    pub(super) oid: String,
    pub(super) kind: String,
    pub(super) size: u64,
}

/// Reads objects, one after the other.
pub(super) struct Reader {
    talk: Talk,
}

impl Reader {
    /// Opens the objects of a repository; `HEAD` then means the one of `git_dir`.
    pub(super) fn open(place: Place<'_>, git_dir: &Path) -> Result<Reader, SnapshotError> {
        let mut dir = std::ffi::OsString::from("--git-dir=");
        dir.push(git_dir);
        let call = place.git.call(&place.repo.common_dir).arg(dir);
        let talk = call.args(["cat-file", "--batch-command"]).var("GIT_NO_LAZY_FETCH", "1");
        Ok(Reader { talk: talk.talk()? })
    }

    fn header(&mut self, name: &str) -> Result<Option<Known>, SnapshotError> {
        let line = self.talk.line()?;
        let mut words = line.rsplit(' ');
        let (size, kind, oid) = (words.next(), words.next(), words.next());
        if size == Some("missing") {
            return Ok(None);
        }
        let known = size.and_then(|size| size.parse().ok()).zip(kind).zip(oid);
        match known {
            Some(((size, kind), oid)) if is_oid(oid) => {
                Ok(Some(Known { oid: oid.to_owned(), kind: kind.to_owned(), size }))
            }
            _ => Err(odd("cat-file", format!("{name}: {line}"))),
        }
    }

    /// Returns what `name` names, whole.
    pub(super) fn get(&mut self, name: &str) -> Result<Option<Object>, SnapshotError> {
        let mut bytes = Vec::new();
        let known = self.copy(name, |some| {
            bytes.extend_from_slice(some);
            Ok(())
        })?;
        // Memory takes everything.
        Ok(known.map(|(known, _)| Object { oid: known.oid, kind: known.kind, bytes }))
    }

    /// Hands on what `name` names, piece by piece, with what became of the handing on.
    pub(super) fn copy(
        &mut self,
        name: &str,
        take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Option<(Known, io::Result<()>)>, SnapshotError> {
        self.ask(name)?;
        self.answer(name, take)
    }

    /// Asks for what `name` names; the answers come in the order of the questions.
    pub(super) fn ask(&mut self, name: &str) -> Result<(), SnapshotError> {
        Ok(self.talk.say(format!("contents {name}\n").as_bytes())?)
    }

    /// Hands on the answer to the oldest question.
    pub(super) fn answer(
        &mut self,
        name: &str,
        take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Option<(Known, io::Result<()>)>, SnapshotError> {
        let Some(known) = self.header(name)? else { return Ok(None) };
        let taken = self.talk.hear(known.size, take)?;
        // The line end after the contents; nothing can go wrong with taking it.
        let _nothing = self.talk.hear(1, |_| Ok(()))?;
        Ok(Some((known, taken)))
    }

    /// Says of each name what it names.
    pub(super) fn known(&mut self, names: &[String]) -> Result<Vec<Option<Known>>, SnapshotError> {
        let mut all = Vec::with_capacity(names.len());
        for some in names.chunks(AHEAD) {
            for name in some {
                self.talk.say(format!("info {name}\n").as_bytes())?;
            }
            for name in some {
                all.push(self.header(name)?);
            }
        }
        Ok(all)
    }

    /// Returns the bytes of a blob that must be there.
    pub(super) fn blob(&mut self, snapshot: &str, name: &str) -> Result<Vec<u8>, SnapshotError> {
        match self.get(name)? {
            Some(object) if object.kind == "blob" => Ok(object.bytes),
            _ => Err(damaged(snapshot, format!("`{name}` is missing"))),
        }
    }

    /// Returns the entries of a tree that must be there.
    pub(super) fn tree(&mut self, of: &str, name: &str) -> Result<Vec<Row>, SnapshotError> {
        match self.get(name)? {
            Some(object) if object.kind == "tree" => {
                rows(&object).ok_or_else(|| damaged(of, format!("`{name}` is no tree")))
            }
            _ => Err(damaged(of, format!("`{name}` is missing"))),
        }
    }
}

fn odd(command: &str, answer: String) -> SnapshotError {
    GitError::Odd { args: vec![command.to_owned()], answer }.into()
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) mode: Mode,
    pub(super) oid: String,
    pub(super) name: Vec<u8>,
}

/// What an entry of a tree is to git.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    File,
    Program,
    Link,
    Tree,
    /// Names a commit without holding it.
    Commit,
}

impl Mode {
    fn words(self) -> &'static str {
        match self {
            Mode::File => "100644 blob",
            Mode::Program => "100755 blob",
            Mode::Link => "120000 blob",
            Mode::Tree => "040000 tree",
            Mode::Commit => "160000 commit",
        }
    }

    fn read(bytes: &[u8]) -> Option<Mode> {
        match bytes {
            b"100644" => Some(Mode::File),
            b"100755" => Some(Mode::Program),
            b"120000" => Some(Mode::Link),
            b"40000" => Some(Mode::Tree),
            b"160000" => Some(Mode::Commit),
            _ => None,
        }
    }
}

/// A tree object is `mode name NUL oid`, with the oid as bytes.
fn rows(tree: &Object) -> Option<Vec<Row>> {
    let width = tree.oid.len() / 2;
    let mut rest = tree.bytes.as_slice();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let oid = rest.get(end + 1..end + 1 + width)?;
        all.push(Row {
            mode: Mode::read(rest.get(..space)?)?,
            name: rest.get(space + 1..end)?.to_owned(),
            oid: oid.iter().map(|byte| format!("{byte:02x}")).collect(),
        });
        rest = rest.get(end + 1 + width..)?;
    }
    Some(all)
}

/// Writes blobs: few as single objects, many as one pack.
pub(super) struct Writer<'a> {
    place: Place<'a>,
    talk: Option<Talk>,
    said: usize,
    oids: Vec<String>,
}

/// A blob that was said and whose name is not heard yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said(usize);

impl<'a> Writer<'a> {
    pub(super) fn new(place: Place<'a>) -> Writer<'a> {
        Writer { place, talk: None, said: 0, oids: Vec::new() }
    }

    fn begin(&mut self, size: u64) -> Result<&mut Talk, SnapshotError> {
        if self.said - self.oids.len() >= AHEAD {
            self.hear()?;
        }
        if self.talk.is_none() {
            let call = self.place.git.call(&self.place.repo.common_dir);
            // Deltas between files that have nothing in common cost more than they save; a gc finds better ones.
            let talk = call.args(["fast-import", "--quiet", "--done", "--depth=0"]).talk()?;
            self.talk = Some(talk);
        }
        self.said += 1;
        let mark = self.said;
        let talk = self.talk.as_mut().ok_or_else(|| odd("fast-import", String::new()))?;
        talk.say(format!("blob\nmark :{mark}\ndata {size}\n").as_bytes())?;
        Ok(talk)
    }

    fn close(&mut self) -> Result<Said, SnapshotError> {
        let said = Said(self.said - 1);
        if let Some(talk) = &mut self.talk {
            talk.say(format!("\nget-mark :{}\n", self.said).as_bytes())?;
        }
        Ok(said)
    }

    fn hear(&mut self) -> Result<(), SnapshotError> {
        if let Some(talk) = &mut self.talk {
            while self.oids.len() < self.said {
                let line = talk.line()?;
                if !is_oid(&line) {
                    return Err(odd("fast-import", line));
                }
                self.oids.push(line);
            }
        }
        Ok(())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<Said, SnapshotError> {
        self.begin(bytes.len() as u64)?.say(bytes)?;
        self.close()
    }

    /// Writes what `file` holds now, `size` bytes of it; says besides whether it held so many.
    pub(super) fn file(&mut self, file: &mut File, size: u64) -> Result<(Said, bool), FileError> {
        let talk = self.begin(size)?;
        let mut left = size;
        let mut room = [0; 32 * 1024];
        let mut failed = None;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(room.len()).min(room.len());
            match if failed.is_some() { Ok(0) } else { file.read(&mut room[..most]) } {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(some) if some > 0 => {
                    talk.say(&room[..some]).map_err(SnapshotError::from)?;
                    left -= some as u64;
                }
                read => {
                    // So many bytes were announced: the rest is said as nothing, and the blob is not used.
                    failed = Some(read.err());
                    room.fill(0);
                    talk.say(&room[..most]).map_err(SnapshotError::from)?;
                    left -= most as u64;
                }
            }
        }
        let said = self.close()?;
        match failed {
            Some(Some(error)) => Err(FileError::Read(error)),
            Some(None) => Ok((said, false)),
            None => Ok((said, true)),
        }
    }

    /// Ends the writing and returns the names of all that was said.
    pub(super) fn end(mut self) -> Result<Written, SnapshotError> {
        self.hear()?;
        if let Some(mut talk) = self.talk.take() {
            talk.say(b"done\n")?;
            talk.end()?;
        }
        Ok(Written(self.oids))
    }
}

/// Why a file did not become a blob.
pub(super) enum FileError {
    Read(io::Error),
    Git(SnapshotError),
}

impl From<SnapshotError> for FileError {
    fn from(error: SnapshotError) -> FileError {
        FileError::Git(error)
    }
}

/// The names of what was written.
pub(super) struct Written(Vec<String>);

impl Written {
    pub(super) fn oid(&self, said: Said) -> String {
        self.0[said.0].clone()
    }
}

/// Writes trees.
pub(super) struct Trees {
    talk: Talk,
}

impl Trees {
    pub(super) fn open(place: Place<'_>) -> Result<Trees, SnapshotError> {
        let call = place.git.call(&place.repo.common_dir);
        Ok(Trees { talk: call.args(["mktree", "-z", "--batch", "--missing"]).talk()? })
    }

    pub(super) fn make<'r>(
        &mut self,
        rows: impl IntoIterator<Item = &'r Row>,
    ) -> Result<String, SnapshotError> {
        for row in rows {
            self.talk.say(format!("{} {}\t", row.mode.words(), row.oid).as_bytes())?;
            self.talk.say(&row.name)?;
            self.talk.say(b"\0")?;
        }
        self.talk.say(b"\0")?;
        let oid = self.talk.line()?;
        if is_oid(&oid) { Ok(oid) } else { Err(odd("mktree", oid)) }
    }

    pub(super) fn end(self) -> Result<(), SnapshotError> {
        Ok(self.talk.end()?)
    }
}

/// A tree in the making, by the names of its folders.
#[derive(Default)]
pub(super) struct Branching {
    folders: BTreeMap<Vec<u8>, Branching>,
    rows: Vec<Row>,
}

impl Branching {
    /// Puts a blob or tree at a path.
    pub(super) fn put(&mut self, path: &[&[u8]], mode: Mode, oid: &str) {
        match path {
            [] => {}
            [name] => self.rows.push(Row { mode, oid: oid.to_owned(), name: name.to_vec() }),
            [folder, below @ ..] => {
                self.folders.entry(folder.to_vec()).or_default().put(below, mode, oid);
            }
        }
    }

    /// Writes it, the lowest folders first.
    pub(super) fn write(self, trees: &mut Trees) -> Result<String, SnapshotError> {
        // Folders may lie deeper than a stack of calls should go.
        let mut open = vec![(Vec::new(), self.folders.into_iter(), self.rows)];
        loop {
            let Some((name, folders, rows)) = open.last_mut() else {
                return Err(odd("mktree", String::new()));
            };
            if let Some((below, branching)) = folders.next() {
                open.push((below, branching.folders.into_iter(), branching.rows));
                continue;
            }
            let (name, oid) = (std::mem::take(name), trees.make(rows.iter())?);
            open.pop();
            match open.last_mut() {
                Some((_, _, above)) => above.push(Row { mode: Mode::Tree, oid, name }),
                None => return Ok(oid),
            }
        }
    }
}

/// Writes a commit that is nobody's: a fixed author, no signature, no encoding, whatever the settings say.
pub(super) fn commit(
    place: Place<'_>,
    tree: &str,
    parents: &[String],
    message: &str,
) -> Result<String, SnapshotError> {
    let who = "skep <skep@localhost> 0 +0000";
    let parents: String = parents.iter().map(|oid| format!("parent {oid}\n")).collect();
    let text = format!("tree {tree}\n{parents}author {who}\ncommitter {who}\n\n{message}\n");
    let call = place.git.call(&place.repo.common_dir);
    let oid = call
        .args(["hash-object", "-t", "commit", "-w", "--stdin"])
        .stdin(text.into_bytes())
        .line()?;
    if is_oid(&oid) { Ok(oid) } else { Err(odd("hash-object", oid)) }
}
