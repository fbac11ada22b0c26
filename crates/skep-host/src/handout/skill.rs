//! Owns: a skill as data: its name as a folder, the paths that may be in it, the name that its first file tells.
//! Never: touches a file.

use std::path::{Component, Path, PathBuf};

/// The file that makes a folder a skill.
pub(super) const FIRST: &str = "SKILL.md";
/// How many names are tried for one skill.
const TRIES: u32 = 64;
/// The longest name of a skill's folder. Characters.
const LONGEST: usize = 48;

/// Instructions for one kind of task, with the files that belong to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// As its author called it; no path.
    pub name: String,
    /// `SKILL.md`, and whatever it refers to.
    pub files: Vec<SkillFile>,
}

/// A file of a skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillFile {
    /// Below the skill's folder.
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    pub executable: bool,
}

/// Says why a file must not be written at `path` below a skill's folder; none where it may.
pub(super) fn hostile(path: &Path) -> Option<&'static str> {
    let normal = |part: Component<'_>| matches!(part, Component::Normal(name) if name != ".git");
    if path.is_absolute() {
        Some("is an absolute path")
    } else if path.as_os_str().is_empty() || !path.components().all(normal) {
        Some("leads out of its skill")
    } else if path.to_str().is_none_or(|text| text.chars().any(char::is_control)) {
        Some("is no plain text")
    } else {
        None
    }
}

/// The folder name that follows from a skill's name.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == LONGEST {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "skill".to_owned() } else { slug.to_owned() }
}

/// The names that a skill's folder may have, best first.
pub(super) fn candidates(slug: &str) -> impl Iterator<Item = String> {
    let more = (2..TRIES).map(move |n| format!("{slug}-skep-{n}"));
    [slug.to_owned(), format!("{slug}-skep")].into_iter().chain(more)
}

/// The name that the front matter of a `SKILL.md` tells.
pub(super) fn told_name(text: &[u8]) -> Option<String> {
    let (matter, _) = split(text)?;
    let line = lines(matter).find(|line| line.starts_with(b"name:"))?;
    let value = String::from_utf8_lossy(&line[5..]).trim().trim_matches(['"', '\'']).to_owned();
    (!value.is_empty() && !value.starts_with(['>', '|'])).then_some(value)
}

/// Returns a `SKILL.md` whose front matter tells exactly the name `slug`, all else as it was.
pub(super) fn named(text: &[u8], slug: &str) -> Vec<u8> {
    let name = format!("name: {slug}\n").into_bytes();
    let Some((matter, rest)) = split(text) else {
        return [b"---\n", name.as_slice(), b"---\n\n", text].concat();
    };
    let mut out = b"---\n".to_vec();
    let mut told = false;
    let mut of_name = false;
    for line in lines(matter) {
        let is_name = line.starts_with(b"name:");
        // What is indented below the old name belongs to it.
        of_name = is_name || (of_name && line.starts_with(b" "));
        if is_name && !std::mem::replace(&mut told, true) {
            out.extend(&name);
        } else if !of_name {
            out.extend(line);
        }
    }
    if !told {
        out.extend(&name);
    }
    out.extend(rest);
    out
}

/// Splits a text into the lines of its front matter, and the rest from the line that ends it; none where it has none.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_bar = |line: &[u8]| line.trim_ascii_end() == b"---";
    let mut at = 0;
    for (n, line) in lines(text).enumerate() {
        if n == 0 && !is_bar(line) {
            return None;
        }
        if n > 0 && is_bar(line) {
            let first = lines(text).next().map_or(0, <[u8]>::len);
            return Some((&text[first..at], &text[at..]));
        }
        at += line.len();
    }
    None
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}
