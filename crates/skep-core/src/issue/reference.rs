//! Owns: how people name an issue. Never: takes a name that could lead out of the place it is looked for in.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Platform;
use crate::text;

/// The longest owner, repository, folder or file. Bytes.
const NAME: usize = 100;

/// The longest text that is looked at. Bytes.
const LONGEST: usize = 2000;

/// How much of a wrong one is repeated. Characters.
const ECHO: usize = 80;

/// An issue, as people name it. What is in it was checked: none of it leads out of a folder, or is read as an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Reference {
    Forge {
        /// None: the short form, which does not say which forge.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        platform: Option<Platform>,
        owner: String,
        repo: String,
        /// From 1.
        number: u64,
    },
    /// A file of a folder that the settings name, both without an ending.
    Folder { folder: String, file: String },
    /// A task of Taskwarrior: its UUID, or the first eight digits of it.
    Task { uuid: String },
}

impl Reference {
    /// Where it is kept, as far as its form says.
    pub fn platform(&self) -> Option<Platform> {
        match self {
            Reference::Forge { platform, .. } => *platform,
            Reference::Folder { .. } => Some(Platform::Folder),
            Reference::Task { .. } => Some(Platform::Taskwarrior),
        }
    }

    /// Whom it belongs to, where issues belong to somebody.
    pub fn owner(&self) -> Option<&str> {
        match self {
            Reference::Forge { owner, .. } => Some(owner),
            Reference::Folder { .. } | Reference::Task { .. } => None,
        }
    }

    /// The same at this platform, where it did not say which.
    #[must_use]
    pub fn at(&self, here: Platform) -> Reference {
        let mut at = self.clone();
        if let Reference::Forge { platform, .. } = &mut at {
            platform.get_or_insert(here);
        }
        at
    }

    /// Whether `told`, in a tracker's own words, is the issue that this one names: trackers tell no capitals apart, and a task
    /// may be named by the beginning of its UUID.
    pub fn means(&self, told: &Reference) -> bool {
        if self.platform().is_some_and(|here| told.platform() != Some(here)) {
            return false;
        }
        match (self, told) {
            (
                Reference::Forge { owner, repo, number, .. },
                Reference::Forge { owner: its, repo: of, number: nth, .. },
            ) => owner.eq_ignore_ascii_case(its) && repo.eq_ignore_ascii_case(of) && number == nth,
            (Reference::Folder { .. }, Reference::Folder { .. }) => self == told,
            (Reference::Task { uuid }, Reference::Task { uuid: whole }) => {
                whole.starts_with(uuid.as_str())
            }
            (Reference::Forge { .. } | Reference::Folder { .. } | Reference::Task { .. }, _) => {
                false
            }
        }
    }
}

/// As everybody spells it: `owner/repo#12`, `dir:FOLDER#FILE`, `tw:UUID`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Forge { owner, repo, number, .. } => write!(f, "{owner}/{repo}#{number}"),
            Reference::Folder { folder, file } => write!(f, "dir:{folder}#{file}"),
            Reference::Task { uuid } => write!(f, "tw:{uuid}"),
        }
    }
}

/// The trackers that a person's settings name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Where the pages of the Forgejo begin: `https://git.example.com`.
    pub forgejo: Option<String>,
    /// The names of folders.
    pub folders: Vec<String>,
}

/// Why a text names no issue.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoReference {
    #[error("`{text}` names no issue: {why}")]
    Form { text: String, why: &'static str, forms: Vec<String> },
    #[error("no folder of issues is called `{folder}`{}", known(.folders))]
    Folder { folder: String, folders: Vec<String> },
}

fn known(folders: &[String]) -> String {
    match folders {
        [] => " (your settings name none)".to_owned(),
        some => format!(" (there are {})", some.join(", ")),
    }
}

impl NoReference {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            NoReference::Form { .. } => "issue-reference",
            NoReference::Folder { .. } => "issue-folder-unknown",
        }
    }

    /// What to type instead.
    pub fn hints(&self) -> Vec<String> {
        match self {
            NoReference::Form { forms, .. } => vec![format!("accepted: {}", forms.join(", "))],
            NoReference::Folder { folder, .. } => {
                vec![format!("skep config set dispatch.folders.{folder}.path ~/issues")]
            }
        }
    }
}

/// Reads what names an issue; what stands around it is left out.
pub fn parse(text: &str, hosts: &Hosts) -> Result<Reference, NoReference> {
    let meant = text.trim();
    let form = |why| NoReference::Form {
        text: text::words(&text::one_line(meant), ECHO),
        why,
        forms: forms(hosts),
    };
    if meant.is_empty() || meant.len() > LONGEST || !meant.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(form("it is not of an accepted form"));
    }
    if let Some(uuid) = meant.strip_prefix("tw:") {
        return task(uuid).map_err(form);
    }
    if let Some(rest) = meant.strip_prefix("dir:") {
        let (folder, file) = rest.split_once('#').ok_or_else(|| form("it has no `#`"))?;
        if !fits(folder) || !fits(file) || file.starts_with('.') {
            return Err(form("a name has other characters than letters, digits, `.`, `_`, `-`"));
        }
        if !hosts.folders.iter().any(|known| known == folder) {
            let (folder, folders) = (folder.to_owned(), hosts.folders.clone());
            return Err(NoReference::Folder { folder, folders });
        }
        return Ok(Reference::Folder { folder: folder.to_owned(), file: file.to_owned() });
    }
    if let Some(path) = below(meant, hosts) {
        let (path, platform) = path.map_err(form)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut parts = path.split('/');
        let (owner, repo, kind, number) = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(owner), Some(repo), Some(number), None) = (owner, repo, number, parts.next())
        else {
            return Err(form("it is not the address of an issue"));
        };
        if matches!(kind, Some("pull" | "pulls")) {
            return Err(form("it is a pull request"));
        }
        if kind != Some("issues") {
            return Err(form("it is not the address of an issue"));
        }
        return forge(Some(platform), owner, repo, number).map_err(form);
    }
    let short = meant.split_once('#').and_then(|(place, number)| {
        let (owner, repo) = place.split_once('/')?;
        Some((owner, repo, number))
    });
    let (owner, repo, number) = short.ok_or_else(|| form("it is not of an accepted form"))?;
    forge(None, owner, repo, number).map_err(form)
}

/// What stands after the host of a known forge, or why none is known for it.
fn below<'a>(text: &'a str, hosts: &Hosts) -> Option<Result<(&'a str, Platform), &'static str>> {
    let (scheme, rest) = text.split_once("://")?;
    if let Some(base) = hosts.forgejo.as_deref().map(|base| base.trim_end_matches('/')) {
        let path = text.strip_prefix(base).and_then(|path| path.strip_prefix('/'));
        if let Some(path) = path {
            return Some(Ok((path, Platform::Forgejo)));
        }
    }
    let github = rest.strip_prefix("github.com/").filter(|_| matches!(scheme, "http" | "https"));
    Some(github.map(|path| (path, Platform::Github)).ok_or("it is at no tracker that you have set"))
}

fn forge(
    platform: Option<Platform>,
    owner: &str,
    repo: &str,
    number: &str,
) -> Result<Reference, &'static str> {
    if !fits(owner) || !fits(repo) {
        return Err("its owner and repository are no names of a repository");
    }
    Ok(Reference::Forge {
        platform,
        owner: owner.to_owned(),
        repo: repo.to_owned(),
        number: whole(number)?,
    })
}

fn whole(digits: &str) -> Result<u64, &'static str> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("its number is no whole number");
    }
    // Forges count in signed numbers.
    let number = digits.parse::<i64>().map_err(|_| "its number is too large")?;
    u64::try_from(number).ok().filter(|number| *number > 0).ok_or("issues count from 1")
}

fn task(uuid: &str) -> Result<Reference, &'static str> {
    let hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let lengths = uuid.split('-').map(|part| if hex(part) { part.len() } else { 0 });
    match lengths.collect::<Vec<_>>()[..] {
        [8] | [8, 4, 4, 4, 12] => Ok(Reference::Task { uuid: uuid.to_owned() }),
        _ => Err("a task is named by its UUID or the first eight digits of it, in small letters"),
    }
}

/// Whether it may stand in a path, an address and a command: no `.`, no `..`, nothing that reads as an option.
fn fits(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=NAME).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with('-')
        && !matches!(name, "." | "..")
}

fn forms(hosts: &Hosts) -> Vec<String> {
    let mut forms =
        vec!["owner/repo#12".to_owned(), "https://github.com/owner/repo/issues/12".to_owned()];
    if let Some(base) = &hosts.forgejo {
        forms.push(format!("{}/owner/repo/issues/12", base.trim_end_matches('/')));
    }
    forms.extend(hosts.folders.first().map(|folder| format!("dir:{folder}#FILE")));
    forms.push("tw:UUID".to_owned());
    forms
}
