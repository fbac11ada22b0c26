//! Where a path truly leads: links, `..` and the case of names settled, although its end need not be there yet.
//!
//! Owns: reading links as the kernel would. Never: makes anything, or takes "could not look" for "is not there".

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Component, Path, PathBuf},
};

use thiserror::Error;

#[cfg(test)]
mod tests;

/// As many links as the kernel follows.
const LINKS: u32 = 40;

/// Why nobody can say where a path leads.
#[derive(Debug, Error)]
pub enum RealError {
    /// What is no folder has nothing in it.
    #[error("`{}` is no folder, and has nothing in it", .0.display())]
    Through(PathBuf),
    /// Links that lead to each other.
    #[error("the links of `{}` lead in a circle", .0.display())]
    Circle(PathBuf),
    /// It could not be looked at.
    #[error("look at `{}`", .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// One step of a path.
enum Part {
    Root,
    Up,
    Down(OsString),
}

fn parts(path: &Path) -> Vec<Part> {
    let part = |part: Component<'_>| match part {
        Component::RootDir => Some(Part::Root),
        Component::ParentDir => Some(Part::Up),
        Component::Normal(name) => Some(Part::Down(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(part).collect()
}

/// Follows the absolute `path`: as far as it is there, links are followed and names spelled as the disk has them; what is not
/// there yet is kept as it is, without `..`.
///
/// Errors: a folder that may not be looked into, a file that is used as one, links in a circle.
pub fn real(path: &Path) -> Result<PathBuf, RealError> {
    let mut left: VecDeque<Part> = parts(path).into();
    let mut at = PathBuf::from("/");
    // How many of the last names are not there.
    let mut absent = 0_usize;
    let mut links = 0;
    while let Some(part) = left.pop_front() {
        let name = match part {
            Part::Root => {
                (at, absent) = (PathBuf::from("/"), 0);
                continue;
            }
            Part::Up => {
                at.pop();
                absent = absent.saturating_sub(1);
                continue;
            }
            Part::Down(name) => name,
        };
        let here = at.join(&name);
        if absent > 0 {
            (at, absent) = (here, absent + 1);
            continue;
        }
        let found = match fs::symlink_metadata(&here) {
            Ok(found) => found,
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                (at, absent) = (here, 1);
                continue;
            }
            Err(err) if err.kind() == io::ErrorKind::NotADirectory => {
                return Err(RealError::Through(at));
            }
            Err(source) => return Err(RealError::Io { path: here, source }),
        };
        if found.is_symlink() {
            links += 1;
            if links > LINKS {
                return Err(RealError::Circle(path.to_owned()));
            }
            let to = fs::read_link(&here)
                .map_err(|source| RealError::Io { path: here.clone(), source })?;
            for part in parts(&to).into_iter().rev() {
                left.push_front(part);
            }
            continue;
        }
        if !found.is_dir() && !left.is_empty() {
            return Err(RealError::Through(here));
        }
        at = at.join(as_kept(&at, &name, &found));
    }
    Ok(at)
}

/// The name as its folder has it: where case does not count, it may have been asked for by another spelling.
fn as_kept(folder: &Path, name: &OsStr, found: &fs::Metadata) -> OsString {
    let other = swapped(name);
    let same = |it: &fs::Metadata| (it.dev(), it.ino()) == (found.dev(), found.ino());
    if *other == *name || !fs::symlink_metadata(folder.join(&other)).is_ok_and(|it| same(&it)) {
        return name.to_owned();
    }
    // What cannot be listed keeps the name that it was asked for by.
    let Ok(entries) = fs::read_dir(folder) else { return name.to_owned() };
    let entries = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        Some((entry.file_name(), fs::symlink_metadata(entry.path()).is_ok_and(|it| same(&it))))
    });
    spelled(name, entries)
}

/// Of the names in a folder, each with whether it is the file that was found: the one that was meant.
fn spelled(name: &OsStr, entries: impl Iterator<Item = (OsString, bool)>) -> OsString {
    let mut of_it: Vec<OsString> = entries.filter(|(_, is)| *is).map(|(name, _)| name).collect();
    if of_it.iter().any(|kept| kept == name) {
        return name.to_owned();
    }
    // Of several names of one file the one that differs by its case alone.
    let alike = |kept: &OsString| kept.as_bytes().eq_ignore_ascii_case(name.as_bytes());
    let place = of_it.iter().position(alike).unwrap_or(0);
    if of_it.is_empty() { name.to_owned() } else { of_it.swap_remove(place) }
}

/// The name with the case of its letters turned over.
fn swapped(name: &OsStr) -> OsString {
    let turn = |byte: &u8| match byte {
        b'a'..=b'z' => byte.to_ascii_uppercase(),
        other => other.to_ascii_lowercase(),
    };
    OsString::from_vec(name.as_bytes().iter().map(turn).collect())
}
