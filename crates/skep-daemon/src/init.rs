//! What a repository and a machine have, and which settings of a project follow from it.
//!
//! Owns: the findings, the proposals, and how proposals come into a file of settings without changing what stands there.
//! Never: starts a line of the repository's own code, asks a network, or writes anything but that one file.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;
use skep_api::wire::{Refusal, chain};
use skep_harness::profile;
use skep_host::{
    git::{self, Base, Git, GitError, Repository},
    paths,
    survey::{self, Kind},
};

use crate::{config, resolve};

mod checks;
mod file;
#[cfg(test)]
mod tests;
mod tools;

pub use file::{Draft, Kept, draft, write};

/// How many entries of what tools left are counted for the size of an env.
const COUNTED: u32 = 60_000;
/// The longest manifest that is read. Unit: bytes.
const LONGEST_TEXT: u64 = 1 << 20;

/// What a finding means to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Well,
    /// Worth knowing.
    Note,
    /// A run would fail, or not do what the user's own checkout does.
    Ill,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    pub topic: String,
    pub health: Health,
    pub text: String,
    /// What to do about it; empty where nothing is to be done.
    pub way: String,
}

impl Found {
    fn new(topic: &str, health: Health, text: impl Into<String>) -> Found {
        Found { topic: topic.to_owned(), health, text: text.into(), way: String::new() }
    }

    fn well(topic: &str, text: impl Into<String>) -> Found {
        Found::new(topic, Health::Well, text)
    }

    fn note(topic: &str, text: impl Into<String>) -> Found {
        Found::new(topic, Health::Note, text)
    }

    fn ill(topic: &str, text: impl Into<String>) -> Found {
        Found::new(topic, Health::Ill, text)
    }

    #[must_use]
    fn way(mut self, way: impl Into<String>) -> Found {
        self.way = way.into();
        self
    }
}

/// A check that is proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gate {
    pub name: String,
    pub run: String,
    /// Empty: every path.
    pub paths: Vec<String>,
}

/// What a key is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Wanted {
    Text(String),
    List(Vec<String>),
    Gates(Vec<Gate>),
}

/// One key of a project's settings, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposed {
    pub key: String,
    pub value: Wanted,
    pub because: String,
}

/// What was found in a repository, and what is proposed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub findings: Vec<Found>,
    pub proposed: Vec<Proposed>,
    /// The root of the checkout that the asker stands in, where there is one.
    #[serde(skip)]
    pub checkout: Option<PathBuf>,
    /// The repository's own settings at the base commit.
    #[serde(skip)]
    pub shared: Option<String>,
}

/// Where to look, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub config: &'a Path,
    pub home: &'a Path,
    /// The environment of the one who asks.
    pub vars: &'a BTreeMap<String, String>,
    /// The folder in which they stand.
    pub cwd: &'a Path,
    /// The main checkout, or the bare repository.
    pub repository: &'a Path,
    pub sub_dir: &'a str,
    /// The base that the project was registered with.
    pub base: Option<&'a str>,
}

/// Looks at a repository.
///
/// Errors: it cannot be asked at all, or has no commit yet. Without a known base its HEAD is looked at, and that is a finding.
pub fn look(place: Place<'_>) -> Result<Seen, Refusal> {
    let refused = |err: GitError| Refusal::error(err.slug(), chain(&err));
    let user = config::user(place.config)
        .map_err(|err| Refusal::error(err.slug(), chain(&err)).hint("skep config show"))?;
    let git = Git::new(place.vars);
    let repo = git::discover(&git, place.repository).map_err(refused)?;
    let standing = git::discover(&git, place.cwd).map_err(refused)?;
    let mut findings = Vec::new();
    let base = base(&git, &repo, place.base, &mut findings)?;
    let settings = survey::settings(&git, &repo).map_err(refused)?;
    let files = survey::tracked(&git, &repo, &base.oid, &settings).map_err(refused)?;
    let stands = survey::ignored(&git, &repo).map_err(refused)?;
    // What is no text cannot stand in a command or in settings.
    let kinds: BTreeMap<String, Kind> = files
        .iter()
        .filter_map(|(path, entry)| Some((path.to_str()?.to_owned(), entry.kind)))
        .collect();
    let mut wanted = tools::manifests(&kinds, place.sub_dir);
    wanted.retain(|path| {
        files.get(Path::new(path)).is_some_and(|it| it.size.unwrap_or(0) <= LONGEST_TEXT)
    });
    wanted.extend([".gitmodules".to_owned(), config::SHARED.to_owned()]);
    let texts = survey::texts(&git, &repo, &base.oid, &wanted).map_err(refused)?;
    let folders = tools::folders(&kinds, place.sub_dir);
    let ignored = survey::would_ignore(&git, &repo, &folders).map_err(refused)?;
    let path = place.vars.get("PATH").cloned().unwrap_or_default();
    let on_path = |name: &&str| profile::find_program(name, OsStr::new(&path)).is_some();
    let facts = tools::Facts {
        files: kinds,
        texts,
        stands: stands
            .iter()
            .filter_map(|it| {
                Some(format!("{}{}", it.path.to_str()?, if it.folder { "/" } else { "" }))
            })
            .collect(),
        ignored,
        sub_dir: place.sub_dir.to_owned(),
        one_compose: repo.top.as_deref().is_some_and(names_compose),
        programs: tools::PROGRAMS
            .iter()
            .filter(|name| on_path(name))
            .map(|it| (*it).to_owned())
            .collect(),
    };
    let (proposed, told) = tools::propose(&facts);
    findings.extend(told);
    let hooks = survey::hooks(&git, &repo, &files, &settings);
    match hooks {
        Ok(hooks) => findings.extend(checks::hooks(&hooks, &facts, &proposed)),
        Err(err) => findings.push(Found::note("hooks", format!("not looked at: {}", chain(&err)))),
    }
    findings.extend(checks::signing(&settings, place.vars, |path| fs::read_to_string(path).ok()));
    findings.extend(checks::lfs(&facts, &settings));
    findings.extend(checks::submodules(&facts));
    let known = files.values().filter(|entry| entry.kind != Kind::Submodule);
    let checkout: Option<u64> = known.map(|entry| entry.size).sum();
    findings.extend(disk(&user, place.home, &repo, checkout, &proposed));
    let shared = facts.texts.get(config::SHARED).cloned();
    Ok(Seen { findings, proposed, checkout: standing.top, shared })
}

/// The base, or HEAD where none is known.
fn base(
    git: &Git,
    repo: &Repository,
    wanted: Option<&str>,
    findings: &mut Vec<Found>,
) -> Result<Base, Refusal> {
    match git::base(git, repo, wanted) {
        Ok(base) => {
            let to = base.branch.strip_prefix("origin/").unwrap_or(&base.branch);
            findings.push(Found::well(
                "base",
                format!("runs start from {}, and land on {to}", base.branch),
            ));
            Ok(base)
        }
        Err(err @ GitError::ChooseABase { .. }) => {
            let head = git::base(git, repo, Some("HEAD"));
            let head = head.map_err(|_| Refusal::error(err.slug(), chain(&err)))?;
            findings.push(
                Found::ill("base", chain(&err))
                    .way("set `base` in the project's settings, or: skep run --base B"),
            );
            Ok(head)
        }
        Err(err) => Err(resolve::git_refusal(&err)),
    }
}

/// Whether the `.env` that envs get a copy of names the project of compose.
fn names_compose(top: &Path) -> bool {
    let text = fs::read_to_string(top.join(".env")).unwrap_or_default();
    let named = |line: &str| {
        line.trim_start().trim_start_matches("export ").starts_with("COMPOSE_PROJECT_NAME")
    };
    text.lines().any(named)
}

/// What all envs at once would take, against what is free.
fn disk(
    settings: &config::Settings,
    home: &Path,
    repo: &Repository,
    checkout: Option<u64>,
    proposed: &[Proposed],
) -> Vec<Found> {
    let Some(checkout) = checkout else {
        let text = "not weighed: a partial clone does not know the sizes of its files";
        return vec![Found::note("disk", text)];
    };
    let envs = settings.env.root.clone().unwrap_or_else(|| home.join("env"));
    let Ok(free) = paths::free_bytes(&envs) else { return Vec::new() };
    let discard = proposed.iter().find(|it| it.key == "files.discard").map(|it| &it.value);
    let names: BTreeSet<&str> = match discard {
        Some(Wanted::List(names)) => {
            names.iter().map(|name| name.trim_end_matches("/**")).collect()
        }
        _ => BTreeSet::new(),
    };
    let top = repo.top.as_deref();
    let built = top.into_iter().flat_map(|top| names.iter().map(move |name| top.join(name)));
    let built = built.filter(|dir| dir.is_dir()).map(|dir| survey::size(&dir, COUNTED));
    let built = built.fold(survey::Size { bytes: 0, whole: true }, |sum, one| survey::Size {
        bytes: sum.bytes.saturating_add(one.bytes),
        whole: sum.whole && one.whole,
    });
    vec![checks::disk(checkout, built, settings.limits.runs, free, settings.limits.disk_free)]
}
