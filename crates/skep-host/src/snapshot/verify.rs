//! Owns: whether a snapshot holds exactly what stands there now, which is what lets those files go.
//! Never: says yes while something cannot be read, or after it was not asked.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Header, Place, SnapshotError, io_at, list,
    manifest::{Kind, Manifest, Side},
    objects::Reader,
    require_snapshot,
    shelf::{self, Shelf},
    walk::{LeftOut, Seen, walk},
};
use crate::git::{Git, GitError, Repository, is_oid};

/// The proof that what stands in a worktree is kept; made only by looking, and never stored.
#[derive(Debug)]
pub struct Secured {
    worktree: PathBuf,
    oid: Option<String>,
}

impl Secured {
    /// Where it was looked.
    pub fn worktree(&self) -> &Path {
        &self.worktree
    }

    /// The snapshot that holds it; none where nothing stands there.
    pub fn oid(&self) -> Option<&str> {
        self.oid.as_deref()
    }
}

/// What a look at a worktree and a snapshot found.
#[derive(Debug)]
pub enum Verdict {
    Same(Secured),
    /// What the snapshot does not hold as it stands there, each with a word on how.
    Differs(Vec<String>),
}

/// Looks whether a snapshot that is kept holds exactly what stands in a worktree now: files, links, permissions, times, index, HEAD, what is under way.
///
/// Ignored files are not asked about, and times of folders are not compared.
/// Errors: whatever could not be asked; it proves nothing.
pub fn verify(
    git: &Git,
    repo: &Repository,
    oid: &str,
    worktree: &Path,
    git_dir: &Path,
) -> Result<Verdict, SnapshotError> {
    let place = Place { git, repo };
    let mut reader = shelf::reader(place)?;
    let kept = open(place, &mut reader, oid)?;
    let (_, differences) = compare(place, &mut reader, &kept, worktree, git_dir)?;
    if !differences.is_empty() {
        return Ok(Verdict::Differs(differences));
    }
    require_objects(place, oid, &kept.manifest)?;
    shelf::sync(place)?;
    // Asked last: somebody may have taken it down meanwhile.
    require_hung(place, &mut shelf::reader(place)?, oid)?;
    Ok(Verdict::Same(Secured { worktree: worktree.to_owned(), oid: Some(oid.to_owned()) }))
}

/// Looks whether nothing but a git folder's link stands in a worktree.
///
/// Shape: a fresh worktree without files, of which no snapshot needs to be taken.
pub fn empty(worktree: &Path) -> Result<Option<Secured>, SnapshotError> {
    for entry in fs::read_dir(worktree).map_err(io_at("list", worktree))? {
        if entry.map_err(io_at("list", worktree))?.file_name() != ".git" {
            return Ok(None);
        }
    }
    Ok(Some(Secured { worktree: worktree.to_owned(), oid: None }))
}

/// A snapshot that was read.
pub(super) struct Opened {
    pub(super) header: Header,
    pub(super) manifest: Manifest,
}

/// Reads a snapshot that is kept here.
pub(super) fn open(
    place: Place<'_>,
    reader: &mut Reader,
    oid: &str,
) -> Result<Opened, SnapshotError> {
    require_hung(place, reader, oid)?;
    let header = list::header(reader, oid)?;
    Ok(Opened { header, manifest: Manifest::read(reader, oid)? })
}

fn require_hung(place: Place<'_>, reader: &mut Reader, oid: &str) -> Result<(), SnapshotError> {
    require_snapshot(oid)?;
    let all = Shelf::read(place, reader)?.all(reader)?;
    if all.iter().any(|hung| hung.oid == oid) {
        Ok(())
    } else {
        Err(SnapshotError::NoSuch { wanted: oid.to_owned() })
    }
}

/// Says what differs between a snapshot and what stands there, which is returned as well.
pub(super) fn compare(
    place: Place<'_>,
    reader: &mut Reader,
    kept: &Opened,
    worktree: &Path,
    git_dir: &Path,
) -> Result<(Seen, Vec<String>), SnapshotError> {
    let seen = walk(place, worktree, git_dir, &kept.header.discard)?;
    let mut differences: Vec<String> =
        seen.left_out.iter().filter(|left| !left.is_harmless()).map(LeftOut::words).collect();
    let is_list = |key: &(Side, PathBuf)| key.0 == Side::State && key.1.as_os_str().is_empty();
    for (key, entry) in &kept.manifest.entries {
        let is_gone = !seen.manifest.entries.contains_key(key);
        if is_gone && !is_log(key) && !(key.0 == Side::State && entry.is_folder()) {
            differences.push(format!("{} is gone", key.1.display()));
        }
    }
    let mut doubtful = Vec::new();
    for (key, now) in &seen.manifest.entries {
        let path = key.1.display();
        let in_state = key.0 == Side::State;
        let Some(before) = kept.manifest.entries.get(key) else {
            if !(in_state && now.is_folder()) {
                differences.push(format!("{path} is new"));
            }
            continue;
        };
        if is_list(key) || (in_state && now.is_folder() && before.is_folder()) {
            continue;
        }
        if is_log(key) && now.kind == before.kind {
            if !has_lines(reader, &git_dir.join(&key.1), &before.oid)? {
                differences.push(format!("{path} has more in it"));
            }
        } else if now.kind != before.kind || (now.kind == Kind::File && now.size != before.size) {
            differences.push(format!("{path} has changed"));
        } else if !in_state
            && now.permissions != before.permissions
            && !key.1.as_os_str().is_empty()
        {
            differences.push(format!("{path} has other permissions"));
        } else if !in_state && !now.is_folder() && now.modified != before.modified {
            differences.push(format!("{path} has another time"));
        } else if now.kind == Kind::File && !now.is_untouched_since(before, kept.header.began_s) {
            let root = if in_state { git_dir } else { worktree };
            doubtful.push((root.join(&key.1), before.oid.clone()));
        }
    }
    if differences.is_empty() {
        differences.extend(other_bytes(place, &doubtful)?.into_iter().map(|path| {
            let below = path.strip_prefix(worktree).or_else(|_| path.strip_prefix(git_dir));
            format!("{} has changed", below.unwrap_or(&path).display())
        }));
    }
    Ok((seen, differences))
}

/// A log only grows, and is cut by git at its old end and rewritten: what counts is that no line of it is unknown.
fn is_log(key: &(Side, PathBuf)) -> bool {
    key.0 == Side::State && key.1.starts_with("logs")
}

fn has_lines(reader: &mut Reader, log: &Path, oid: &str) -> Result<bool, SnapshotError> {
    let kept = reader.blob(oid, oid)?;
    let now = match fs::read(log) {
        Ok(now) => now,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(io_at("read", log)(error)),
    };
    // The name that an entry went from changes when the entry before it is cut away.
    let entry = |line: &[u8]| line.trim_ascii().get(oid.len()..).map(<[u8]>::to_owned);
    let known: HashSet<Option<Vec<u8>>> = kept.split(|byte| *byte == b'\n').map(entry).collect();
    Ok(now.split(|byte| *byte == b'\n').all(|line| known.contains(&entry(line))))
}

/// Which of these files do not have the bytes of these blobs.
pub(super) fn other_bytes(
    place: Place<'_>,
    files: &[(PathBuf, String)],
) -> Result<Vec<PathBuf>, SnapshotError> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let mut asked = Vec::new();
    for (path, _) in files {
        quote(path, &mut asked);
    }
    let args = ["hash-object", "--no-filters", "--stdin-paths"];
    // Each of them is read, and there may be many.
    let patient = place.git.clone().timeout(Duration::from_secs(1800));
    let out = patient.call(&place.repo.common_dir).args(args).stdin(asked).bytes()?;
    let oids: Vec<&str> = std::str::from_utf8(&out).unwrap_or_default().lines().collect();
    if oids.len() != files.len() || !oids.iter().all(|oid| is_oid(oid)) {
        let answer = String::from_utf8_lossy(&out).chars().take(200).collect();
        return Err(GitError::Odd { args: vec!["hash-object".to_owned()], answer }.into());
    }
    let pairs = files.iter().zip(oids);
    Ok(pairs
        .filter(|((_, wanted), oid)| wanted != oid)
        .map(|((path, _), _)| path.clone())
        .collect())
}

/// Writes a path as git reads it from a line, whatever is in it.
fn quote(path: &Path, to: &mut Vec<u8>) {
    use std::os::unix::ffi::OsStrExt;
    to.push(b'"');
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => to.extend([b'\\', *byte]),
            b' '..=b'~' => to.push(*byte),
            _ => to.extend(format!("\\{byte:03o}").as_bytes()),
        }
    }
    to.extend(b"\"\n");
}

/// Makes sure that the repository has every object of a snapshot, and the snapshot every object of its list.
fn require_objects(place: Place<'_>, oid: &str, manifest: &Manifest) -> Result<(), SnapshotError> {
    let args = ["rev-list", "--objects", "--no-object-names", "--no-walk", oid];
    let out = place.git.call(&place.repo.common_dir).args(args).bytes()?;
    let held: HashSet<&[u8]> = out.split(|byte| *byte == b'\n').collect();
    for ((_, path), entry) in &manifest.entries {
        if !entry.is_folder() && !held.contains(entry.oid.as_bytes()) {
            return Err(super::damaged(oid, format!("`{}` is missing", path.display())));
        }
    }
    Ok(())
}
