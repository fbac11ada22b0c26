//! What is known of the projects before anything is planned in them.
//!
//! Owns: whether each is a repository to plan in, news of their remotes, what they are made of, the words for agents beside them.
//! Never: touches a person's checkout, branches or index; reads from a checkout what the base commit says; ends a plan.
//! See docs/design/publish.md.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use skep_api::{place::Home, wire::chain};
use skep_core::{project::Project, text};
use skep_host::{
    git::{self, Base, FetchOutcome, Git, GitError, Repository},
    publish, worktree,
};
use thiserror::Error;

use crate::config::{self, ConfigError};

mod guidance;
mod manifest;
#[cfg(test)]
mod tests;

pub use guidance::workspace_agents_md;

/// How often the projects are fetched for planning at most.
pub const COOL_DOWN: Duration = Duration::from_secs(5 * 60);
/// How many are fetched at once.
const AT_ONCE: usize = 4;
/// Files of a repository that explain it, where they stand.
const DOCS: [&str; 4] = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "docs/README.md"];

/// Why something was not found out.
#[derive(Debug, Error)]
pub enum DiscoverError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file for agents that is not to be read.
    #[error("`{}` {why}", .path.display())]
    Guidance { path: PathBuf, why: &'static str },
    #[error("{what} `{}`", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl DiscoverError {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            DiscoverError::Git(error) => error.slug(),
            DiscoverError::Config(error) => error.slug(),
            DiscoverError::Guidance { .. } => "guidance-unreadable",
            DiscoverError::Io { .. } => "io",
        }
    }
}

/// Something that a person should know and that ends no plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// `pull_failed`, or the slug of what is wrong.
    pub kind: String,
    pub project: String,
    pub text: String,
    /// Commands that lead out of it.
    pub ways: Vec<String>,
}

/// How a project's repository is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Condition {
    /// An ordinary clone, or a worktree of one.
    Well,
    /// Without a checkout of its own, as those that were added by a URL are.
    Bare,
    /// Without its early history.
    Shallow,
    /// Nothing is there.
    Missing { path: PathBuf },
    /// No commit is there to start from.
    Unborn { branch: String },
    /// It cannot be worked in.
    Broken { slug: String, text: String },
}

/// A project and how its repository is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub project: String,
    pub path: PathBuf,
    pub condition: Condition,
    /// Where work starts; none where nothing can.
    pub base: Option<BaseOf>,
}

/// A branch or ref, and its commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseOf {
    pub branch: String,
    pub oid: String,
}

impl From<Base> for BaseOf {
    fn from(base: Base) -> BaseOf {
        BaseOf { branch: base.branch, oid: base.oid }
    }
}

impl Health {
    /// Whether work can be planned there.
    pub fn is_usable(&self) -> bool {
        match self.condition {
            Condition::Well | Condition::Bare | Condition::Shallow => true,
            Condition::Missing { .. } | Condition::Unborn { .. } | Condition::Broken { .. } => {
                false
            }
        }
    }

    /// What a person should know of it; none where all is well.
    pub fn warning(&self) -> Option<Warning> {
        let (name, at) = (text::shell(&self.project), text::shell(&self.path.to_string_lossy()));
        let (slug, text, ways) = match &self.condition {
            Condition::Well | Condition::Bare => return None,
            Condition::Shallow => (
                "repository-shallow",
                "has not all of its history; what changed when is not known there".to_owned(),
                vec![format!("git -C {at} fetch --unshallow")],
            ),
            Condition::Missing { path } => (
                "repository-missing",
                format!("is not where it was: {}", path.display()),
                vec![
                    format!("put it back to {at}"),
                    format!("skep project rm {name}; skep project add PATH --name {name}"),
                ],
            ),
            Condition::Unborn { branch } => (
                "no-commit-yet",
                format!("has no commit on `{branch}` to start from"),
                vec![format!("git -C {at} commit --allow-empty -m start")],
            ),
            Condition::Broken { slug, text } => {
                let ways = match slug.as_str() {
                    "choose-a-base" | "no-such-ref" => {
                        vec![format!("skep config set base BRANCH --project {name}")]
                    }
                    "not-a-repository" | "repository-other" => {
                        vec![format!("skep project rm {name}; skep project add PATH --name {name}")]
                    }
                    _ => vec![format!("git -C {at} fsck"), "skep doctor".to_owned()],
                };
                (slug.as_str(), text.clone(), ways)
            }
        };
        let text = text::visible(&format!("{}: {text}", self.project));
        Some(Warning { kind: slug.to_owned(), project: self.project.clone(), text, ways })
    }
}

/// Looks whether work can be planned in each of `projects`; `config` is the folder of a person's settings.
///
/// Order: as they were given.
pub fn preflight(git: &Git, projects: &[&Project], config: &Path) -> Vec<Health> {
    projects
        .iter()
        .map(|project| {
            let (condition, base) = condition(git, project, config);
            Health {
                project: project.name.clone(),
                path: PathBuf::from(&project.path),
                condition,
                base: base.map(BaseOf::from),
            }
        })
        .collect()
}

fn condition(git: &Git, project: &Project, config: &Path) -> (Condition, Option<Base>) {
    let path = Path::new(&project.path);
    if fs::metadata(path).is_err_and(|err| err.kind() == ErrorKind::NotFound) {
        return (Condition::Missing { path: path.to_owned() }, None);
    }
    let repo = match repository(git, project) {
        Ok(Some(repo)) => repo,
        Ok(None) => {
            let text = format!("another repository stands at {} now", path.display());
            return (broken("repository-other", text), None);
        }
        Err(err) => return (broken(err.slug(), chain(&err)), None),
    };
    let base = match base_of(git, &repo, project, config) {
        Ok(base) => base,
        Err(DiscoverError::Git(GitError::Unborn { branch })) => {
            return (Condition::Unborn { branch }, None);
        }
        Err(err) => return (broken(err.slug(), chain(&err)), None),
    };
    // A commit whose files cannot be listed is none to start from.
    if let Err(err) = git::entries(git, &repo, &base.oid, &[]) {
        return (broken(err.slug(), chain(&err)), None);
    }
    let is_shallow = fs::metadata(repo.common_dir.join("shallow")).is_ok_and(|file| file.len() > 0);
    let condition = if is_shallow {
        Condition::Shallow
    } else if repo.bare {
        Condition::Bare
    } else {
        Condition::Well
    };
    (condition, Some(base))
}

fn broken(slug: &str, text: String) -> Condition {
    Condition::Broken { slug: slug.to_owned(), text }
}

/// The repository of a project; none where another stands in its place.
fn repository(git: &Git, project: &Project) -> Result<Option<Repository>, GitError> {
    let found = git::discover(git, Path::new(&project.path))?;
    Ok((found.common_dir == Path::new(&project.common_dir)).then_some(found))
}

/// Finds where the work of a project starts: what was given at its registration, else its settings, else its default branch.
///
/// Errors: nothing decides; settings that cannot be read.
pub fn base_of(
    git: &Git,
    repo: &Repository,
    project: &Project,
    config: &Path,
) -> Result<Base, DiscoverError> {
    let of_settings = |shared: Option<&str>| -> Result<Option<Base>, DiscoverError> {
        let wanted = config::project(config, &project.name, shared)?.base;
        Ok(wanted.map(|wanted| git::base(git, repo, Some(&wanted))).transpose()?)
    };
    let found = match git::base(git, repo, project.base.as_deref()) {
        Ok(found) if project.base.is_some() => return Ok(found),
        Ok(found) => found,
        // Only a person's own settings can say more: the repository's stand in a commit that is not known.
        Err(err @ GitError::ChooseABase { .. }) => {
            return of_settings(None)?.ok_or(DiscoverError::Git(err));
        }
        Err(err) => return Err(err.into()),
    };
    let shared = git::file_at(git, repo, &found.oid, config::SHARED)?;
    let shared = shared.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(of_settings(shared.as_deref())?.unwrap_or(found))
}

/// Fetches the remotes of `projects`, each at most once in [`COOL_DOWN`] and for at most `wait`, into remote-tracking refs alone.
///
/// The first goes alone, so that whoever opens a key or a connection does it once. What fails is a warning and no more.
/// Order: as they were given.
pub fn update(git: &Git, home: &Home, projects: &[&Project], wait: Duration) -> Vec<Warning> {
    let found: Mutex<Vec<(usize, Warning)>> = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let fetch_next = || {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let project = projects.get(at)?;
        if let Some(warning) = fetched(git, home, project, wait) {
            found.lock().unwrap_or_else(PoisonError::into_inner).push((at, warning));
        }
        Some(())
    };
    if fetch_next().is_some() {
        thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(projects.len() - 1) {
                scope.spawn(|| while fetch_next().is_some() {});
            }
        });
    }
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, warning)| warning).collect()
}

fn fetched(git: &Git, home: &Home, project: &Project, wait: Duration) -> Option<Warning> {
    let locks = home.repository_locks();
    let asked = git::discover(git, Path::new(&project.path))
        .and_then(|repo| git::fetch_every(git, &repo, &locks, wait, COOL_DOWN));
    let (why, age) = match asked {
        Ok(FetchOutcome::Fetched | FetchOutcome::Skipped { .. } | FetchOutcome::NoRemote) => {
            return None;
        }
        Ok(FetchOutcome::Failed { why, refs_age_s }) => (why, refs_age_s),
        Err(err) => (chain(&err), None),
    };
    let age = age.map_or_else(|| "it was".to_owned(), |age| format!("it was {} ago", since(age)));
    let why = text::one_line(&publish::words(&why));
    let text = format!("{}: the fetch failed, it is planned as {age}: {why}", project.name);
    Some(Warning {
        kind: "pull_failed".to_owned(),
        project: project.name.clone(),
        text: text::visible(&text),
        ways: vec![format!("git -C {} fetch", text::shell(&project.path))],
    })
}

/// How long ago, in one unit.
fn since(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// What whoever plans is told of a project; paths without a root are paths in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    pub name: String,
    pub path: PathBuf,
    /// The main worktree; the repository itself where it has none.
    pub main_dir: PathBuf,
    pub base: BaseOf,
    /// Where in it its runs start; empty at its root.
    pub sub_dir: String,
    /// `unknown` where no file says it.
    pub language: String,
    pub framework: Option<String>,
    pub agents_md: Option<String>,
    pub docs: Vec<String>,
}

/// Looks what a project is made of, in the commit where work starts.
///
/// Errors: that commit, or what stands in it, could not be asked for.
pub fn scout(git: &Git, project: &Project, config: &Path) -> Result<Pointer, DiscoverError> {
    let path = PathBuf::from(&project.path);
    let repo =
        repository(git, project)?.ok_or_else(|| GitError::NotARepository { path: path.clone() })?;
    let base = base_of(git, &repo, project, config)?;
    let main_dir = worktree::list(git, &repo)?.into_iter().next().map(|main| main.path);
    let made_of = manifest::look(git, &repo, &base.oid, &project.sub_dir)?;
    let below = |name: &str| Path::new(&project.sub_dir).join(name).to_string_lossy().into_owned();
    let mut wanted = vec![below("AGENTS.md"), "AGENTS.md".to_owned()];
    wanted.extend(DOCS.iter().flat_map(|name| [below(name), (*name).to_owned()]));
    wanted.sort();
    wanted.dedup();
    let there = git::entries(git, &repo, &base.oid, &wanted)?;
    let stands = |name: &String| there.iter().any(|entry| entry.path == *name);
    let agents_md = [below("AGENTS.md"), "AGENTS.md".to_owned()].into_iter().find(stands);
    let mut docs: Vec<String> = Vec::new();
    for name in DOCS.iter().flat_map(|name| [below(name), (*name).to_owned()]) {
        if stands(&name) && !docs.contains(&name) {
            docs.push(name);
        }
    }
    Ok(Pointer {
        name: project.name.clone(),
        main_dir: main_dir.unwrap_or_else(|| path.clone()),
        path,
        base: base.into(),
        sub_dir: project.sub_dir.clone(),
        language: made_of.language.to_owned(),
        framework: made_of.framework.map(str::to_owned),
        agents_md,
        docs,
    })
}
