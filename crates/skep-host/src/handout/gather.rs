//! Owns: the skills that stand in a commit.
//! Never: reads a link, a file of the checkout, or more than a bounded amount.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{HandoutError, Skill, SkillFile, skill};
use crate::git::{Git, Repository, fields, require_oid};

/// How many files all skills of a run may have.
const FILES: usize = 1000;
/// How much they may hold. Bytes.
const BYTES: u64 = 16 << 20;

/// The skills of a commit, and what was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered {
    pub skills: Vec<Skill>,
    pub notes: Vec<String>,
}

struct Row {
    mode: Vec<u8>,
    oid: String,
    bytes: u64,
    path: PathBuf,
}

/// Reads the skills below `folders` as they stand in the commit `oid`: a folder with a `SKILL.md`, or one of such folders.
///
/// Order: as the folders are listed, then by name.
/// Errors: a link or a path that leads elsewhere, too much of it, git's own.
pub fn gather(
    git: &Git,
    repo: &Repository,
    oid: &str,
    folders: &[String],
) -> Result<Gathered, HandoutError> {
    let mut gathered = Gathered::default();
    let mut files = 0;
    let mut bytes = 0;
    for folder in folders {
        let folder = Path::new(folder.trim_end_matches('/'));
        let rows = list(git, repo, oid, folder)?;
        if rows.is_empty() {
            gathered.notes.push(format!(
                "no skills: `{}` does not stand in the base commit",
                folder.display()
            ));
            continue;
        }
        files += rows.len();
        bytes += rows.iter().map(|row| row.bytes).sum::<u64>();
        if files > FILES || bytes > BYTES {
            return Err(HandoutError::TooMuch { folder: folder.to_owned() });
        }
        for (name, rows) in by_skill(folder, rows) {
            let first = rows.iter().any(|(path, _)| path == Path::new(skill::FIRST));
            if first {
                gathered.skills.push(read(git, repo, &name, rows)?);
            } else {
                let below = if name.is_empty() { folder.to_owned() } else { folder.join(&name) };
                gathered
                    .notes
                    .push(format!("`{}` is no skill: it has no SKILL.md", below.display()));
            }
        }
    }
    Ok(gathered)
}

fn list(git: &Git, repo: &Repository, oid: &str, folder: &Path) -> Result<Vec<Row>, HandoutError> {
    let out = git
        .call(repo.seat())
        .args([
            "--literal-pathspecs",
            "ls-tree",
            "-r",
            "-z",
            "-l",
            "--full-tree",
            require_oid(oid)?,
            "--",
        ])
        .arg(folder)
        .bytes()?;
    fields(&out)
        .map(|row| {
            let odd = || HandoutError::Hostile { path: folder.to_owned(), why: "cannot be read" };
            let tab = row.iter().position(|byte| *byte == b'\t').ok_or_else(odd)?;
            let head = String::from_utf8_lossy(&row[..tab]).into_owned();
            let columns: Vec<&str> = head.split_whitespace().collect();
            let [mode, _, oid, size] = columns[..] else { return Err(odd()) };
            Ok(Row {
                mode: mode.as_bytes().to_vec(),
                oid: oid.to_owned(),
                // What is no file has no size.
                bytes: size.parse().unwrap_or(0),
                path: PathBuf::from(OsStr::from_bytes(&row[tab + 1..])),
            })
        })
        .collect()
}

/// The rows of each skill, by paths below it; under an empty name those of a folder that is one itself.
fn by_skill(folder: &Path, rows: Vec<Row>) -> BTreeMap<String, Vec<(PathBuf, Row)>> {
    let below = |row: &Row| row.path.strip_prefix(folder).unwrap_or(&row.path).to_owned();
    let own = rows.iter().any(|row| below(row) == Path::new(skill::FIRST));
    let mut found: BTreeMap<String, Vec<(PathBuf, Row)>> = BTreeMap::new();
    for row in rows {
        let path = below(&row);
        if own {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.entry(name).or_default().push((path, row));
            continue;
        }
        let mut parts = path.components();
        let first = parts.next().map(|part| part.as_os_str().to_string_lossy().into_owned());
        let rest = parts.as_path();
        // A file beside the folders, such as a README, is nobody's.
        if let Some(name) = first.filter(|_| !rest.as_os_str().is_empty()) {
            found.entry(name).or_default().push((rest.to_owned(), row));
        }
    }
    found
}

fn read(
    git: &Git,
    repo: &Repository,
    name: &str,
    rows: Vec<(PathBuf, Row)>,
) -> Result<Skill, HandoutError> {
    let mut files = Vec::new();
    for (path, row) in rows {
        let hostile = |why| HandoutError::Hostile { path: row.path.clone(), why };
        match row.mode.as_slice() {
            b"120000" => return Err(hostile("is a link")),
            b"160000" => return Err(hostile("is a repository of its own")),
            _ => {}
        }
        if let Some(why) = skill::hostile(&path) {
            return Err(hostile(why));
        }
        // Another one would be taken for a skill inside of this one.
        let nested = path.components().count() > 1
            && path.file_name().is_some_and(|name| name.eq_ignore_ascii_case(skill::FIRST));
        if nested {
            continue;
        }
        let bytes = git.call(repo.seat()).args(["cat-file", "blob", &row.oid]).bytes()?;
        files.push(SkillFile { path, bytes, executable: row.mode == b"100755" });
    }
    let told = files
        .iter()
        .find(|file| file.path == Path::new(skill::FIRST))
        .and_then(|file| skill::told_name(&file.bytes));
    Ok(Skill { name: told.unwrap_or_else(|| name.to_owned()), files })
}
