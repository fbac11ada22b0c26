//! From what a person typed to what a run is: project, agent, place, budgets.
//!
//! Owns: defaults, settings, registration by use, the approval of a project's scripts. Answers before anything is made.
//! Never: changes anything outside the home; the engine decides whether the run comes to be.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use skep_api::wire::chain;
use skep_api::{
    place::Home,
    request::RunAsk,
    view::{ScriptView, ScriptsView},
    wire::Refusal,
};
use skep_core::{
    fenced::Secret,
    fleet::{Budgets, Fleet, Limits, Naming},
    guide::Guide,
    id::{LENGTH, OpId, RunId},
    keep::Keep,
    names,
    project::Project,
    refs::{self, Parts},
    run::{
        Brief, Claims, EnvType, Fence, Hooks, Kind, Part, Permissions, Place, Policy, Posture, Run,
        SetUp, Surface, Trust, lineage::Cascade,
    },
    task::Task,
    text,
    time::Timestamp,
};
use skep_harness::profile::{self, Profile};
use skep_host::{
    cache::{self, CacheError, Cloned, Url},
    fence,
    git::{self, Git, Repository},
    paths, worktree,
};

use crate::{
    config::{self, ProjectSettings, Settings},
    hands, launch, scripts, trust,
};

pub mod adopt;
pub mod budget;
mod choice;
pub mod claims;
pub mod dispatch;
mod fallback;
pub mod gates;
mod hooks;
pub mod landing;
mod logins;
pub mod needs;
pub mod rules;
mod secrets;
pub mod spawn;
mod within;

use choice::Choice;
pub use secrets::{hand_over, hold};

pub use choice::{folders as account_folders, require as require_choice};
pub use logins::login_of;

/// Agents by preference, where settings name none.
pub const PREFERRED: [&str; 5] = ["claude", "codex", "opencode", "gemini", "pi"];

/// A run that is asked for, with what is kept beside the ledger.
#[derive(Debug)]
pub struct Asked {
    pub brief: Brief,
    pub prompt: String,
    /// The asker's environment, as far as it is listed.
    pub env: BTreeMap<String, String>,
    /// Values of secrets that are handed over with the request.
    pub secrets: BTreeMap<String, String>,
}

/// A project's scripts that a person approves.
#[derive(Debug)]
pub struct Approval {
    pub project: String,
    pub digest: String,
    pub text: Vec<u8>,
}

/// A project's own scripts as they stand at its base.
#[derive(Debug)]
struct Script {
    set_up: Option<SetUp>,
    hooks: Hooks,
    /// What a person approves.
    text: Vec<u8>,
    digest: String,
    /// Who sets them, or the file it is.
    from: String,
}

/// What a request for runs amounts to.
#[derive(Debug)]
pub struct Resolved {
    pub briefs: Vec<Asked>,
    /// A project that is registered by this use.
    pub project: Option<Project>,
    /// A project whose scripts are approved by this use.
    pub approve: Option<Approval>,
    /// Why the runs get the agent that they get.
    pub chosen: String,
    pub limits: Limits,
    pub budgets: Budgets,
    /// Where a worker's name comes from that is not given.
    pub naming: Naming,
}

/// Resolves a request for runs.
///
/// Errors: everything that can be known to be wrong before anything is made.
pub fn runs(
    id: &str,
    ask: &RunAsk,
    fleet: &Fleet,
    home: &Home,
    config: &Path,
    now: Timestamp,
) -> Result<Resolved, Refusal> {
    match &ask.within {
        Some(owner) => within::run((id, ask, owner), fleet, home, config, now),
        None => resolved(id, ask, None, fleet, home, config, now),
    }
}

/// What a run of a task's plan is, beyond what is asked for.
#[derive(Debug, Clone)]
pub struct OfPlan {
    pub run: RunId,
    pub kind: Kind,
    pub part: Option<Part>,
    /// Whether it asks a foreman before people.
    pub foreman: bool,
}

/// Resolves the run that a task's plan wants; its id was given when it was wanted.
///
/// Errors: as for one that a person asks for.
pub fn of_plan(
    of: &OfPlan,
    ask: &RunAsk,
    fleet: &Fleet,
    home: &Home,
    config: &Path,
    now: Timestamp,
) -> Result<Resolved, Refusal> {
    resolved(of.run.as_str(), ask, Some(of), fleet, home, config, now)
}

fn resolved(
    id: &str,
    ask: &RunAsk,
    of: Option<&OfPlan>,
    fleet: &Fleet,
    home: &Home,
    config: &Path,
    now: Timestamp,
) -> Result<Resolved, Refusal> {
    let settings = config::user(config).map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
    require_disk(&settings, home)?;
    let env_type = hands::env_type(ask.env_type.as_deref())
        .ok_or_else(|| Refusal::error("usage", "env_type is worktree, in_place or directory"))?;
    let place = if env_type == EnvType::Directory && ask.project.is_none() {
        None
    } else {
        Some(find_place(ask, fleet, now)?)
    };
    let project = match &place {
        Some(place) => project_settings(place, ask, config)?,
        None => {
            config::project_defaults().map_err(|err| Refusal::error(err.slug(), chain(&err)))?
        }
    };
    // Where an env stands already, nothing of the project's own is run.
    let fresh = place.as_ref().filter(|_| ask.within.is_none());
    let script = fresh.map(|place| own(place, &project, &settings)).transpose()?.flatten();
    rules::require(place.as_ref(), config)?;
    let approve = approval(ask, place.as_ref(), script.as_ref(), home)?;
    let (set_up, hooks) = script.map(|script| (script.set_up, script.hooks)).unwrap_or_default();
    let wanted = Wanted {
        ask,
        of,
        settings: &settings,
        project: &project,
        place: place.as_ref(),
        config,
        env_type,
        set_up,
        hooks,
        home,
        agents: &config.join("agents"),
    };
    let mut briefs = Vec::new();
    let mut chosen = None;
    let count = ask.count.unwrap_or(1).max(1);
    if count > 1 && ask.name.is_some()
        || ask.titles.len() > 1 && (ask.name.is_some() || ask.branch.is_some())
    {
        return Err(Refusal::error("usage", "one name or branch is for one run")
            .hint("leave out --name and --branch: skep run --count 2 \"…\"   skep chooses them"));
    }
    if ask.titles.is_empty() {
        return Err(Refusal::error("title-empty", "what is to be done?")
            .hint("skep run \"fix the flaky test\""));
    }
    if !ask.claims.is_empty() && !ask.overlap && (count > 1 || ask.titles.len() > 1) {
        return Err(Refusal::error("usage", "the same paths are one run's to claim")
            .hint("one run for each: skep run --claims src/web \"…\"")
            .hint("side by side all the same: skep run --overlap --claims src/web …"));
    }
    let claims = claims::of(&ask.claims, ask.overlap, &ask.cwd, place.as_ref())?;
    for title in &ask.titles {
        let task = task(title, fleet)?;
        let choice = choice::choice(&wanted, task)?;
        for _ in 0..count {
            let key = format!("{id}/{}", briefs.len());
            let mut asked = brief(&wanted, &choice, title, task, &key, fleet)?;
            asked.brief.claims = claims.clone();
            briefs.push(asked);
        }
        chosen.get_or_insert(choice.why);
    }
    let named = place.as_ref().map(|place| (place.project.name.as_str(), &project));
    Ok(Resolved {
        budgets: budget::shared(&settings, named, fleet),
        briefs,
        naming: naming(project.names.as_ref())?,
        project: place.filter(|place| place.new).map(|place| place.project),
        approve,
        chosen: chosen.unwrap_or_default(),
        limits: limits(&settings),
    })
}

fn limits(settings: &Settings) -> Limits {
    let limits = &settings.limits;
    Limits {
        runs: limits.runs,
        per_project: limits.per_project,
        prepare: limits.prepare,
        workers: limits.workers,
        disk_free: limits.disk_free,
        reviews: limits.reviews,
        foremen: limits.foremen,
        gates: limits.gates,
        cascade: Cascade {
            depth: u8::try_from(settings.dispatch.depth).unwrap_or(u8::MAX),
            breadth: settings.dispatch.breadth,
            total: settings.dispatch.total,
        },
    }
}

/// Where names come from, as the project's settings say.
fn naming(wanted: Option<&config::Names>) -> Result<Naming, Refusal> {
    let usable = match wanted {
        None => Ok(Naming::Project),
        Some(config::Names::Theme(theme)) => {
            names::theme(theme).map(|_| Naming::Theme(theme.clone()))
        }
        Some(config::Names::List(list)) => {
            names::Pool::custom(list).map(|_| Naming::List(list.clone()))
        }
    };
    usable.map_err(|err| {
        Refusal::error(err.slug(), err.to_string())
            .hint("correct `names` in the project's settings: skep config path")
    })
}

/// No run starts below the floor; what cannot be asked does not forbid one.
fn require_disk(settings: &Settings, home: &Home) -> Result<(), Refusal> {
    let envs = settings.env.root.clone().unwrap_or_else(|| home.envs());
    match paths::free_bytes(&envs) {
        Ok(free) if free < settings.limits.disk_free => {
            let text = format!(
                "{} MB are free, and limits.disk_free is {} MB",
                free / 1_000_000,
                settings.limits.disk_free / 1_000_000
            );
            Err(Refusal::error("disk-low", text)
                .hint("give envs back: skep close ID --keep-branch")
                .hint("lower the floor: skep config set limits.disk_free 1GB"))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// How long things are kept, as the settings say.
pub fn keep_ages(config: &Path) -> Result<Keep, Refusal> {
    let settings = config::user(config).map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
    let keep = &settings.keep;
    Ok(Keep {
        snapshots_ms: millis(keep.snapshots),
        trash_ms: millis(keep.trash),
        logs_ms: millis(keep.logs),
        env_ms: millis(keep.env_after_done),
    })
}

/// Keeps what does not go to the ledger: the prompt, and the asker's environment, 0600; secrets in memory.
pub fn keep(asked: &Asked, home: &Home) -> Result<(), Refusal> {
    let failed = |err: &dyn std::error::Error| Refusal::error("home-unusable", chain(err));
    let id = &asked.brief.id;
    paths::create_private_dir(&home.run(id)).map_err(|err| failed(&err))?;
    paths::write_atomically(&home.prompt(id), asked.prompt.as_bytes())
        .map_err(|err| failed(&err))?;
    secrets::hold(home, id.as_str(), &asked.secrets)?;
    let env = serde_json::to_vec(&asked.env).map_err(|err| failed(&err))?;
    paths::write_atomically(&home.asker_env(id), &env).map_err(|err| failed(&err))
}

/// The agents that are there to be used, by name.
pub fn agents(config: &Path) -> Vec<String> {
    let profiles = Profile::all(Some(&config.join("agents"))).unwrap_or_default();
    let mut names: Vec<String> = profiles.into_iter().map(|profile| profile.name).collect();
    names.sort();
    names
}

/// Ten characters' worth of bytes from `key`: the same key gives the same id, so that a repeat is a repeat.
pub fn spell(key: &str) -> [u8; LENGTH] {
    let digest = hands::digest(key.as_bytes());
    let bytes = digest.as_bytes();
    std::array::from_fn(|nth| {
        let pair = std::str::from_utf8(&bytes[nth * 2..nth * 2 + 2]).unwrap_or("00");
        u8::from_str_radix(pair, 16).unwrap_or(0)
    })
}

/// The answer to a name that is no project's.
pub fn unknown_project(name: &str, fleet: &Fleet) -> Refusal {
    let known = || fleet.projects.keys().map(String::as_str);
    let likeness = |known: &str| strsim::jaro_winkler(known, name);
    let alike = || known().filter(|known| likeness(known) > 0.8);
    let nearest = text::nearest(name, known())
        .or_else(|| alike().max_by(|a, b| likeness(a).total_cmp(&likeness(b))));
    let refusal = Refusal::error("project-unknown", format!("no project is called `{name}`"));
    match nearest {
        Some(near) => refusal.hint(format!("did you mean `{near}`?")).hint("skep project ls"),
        None if fleet.projects.is_empty() => refusal.hint("skep project add PATH"),
        None => refusal.hint("skep project ls").hint("skep project add PATH"),
    }
}

/// Makes a project of what a person named: the absolute path of a repository, or a URL, which is cloned first.
pub fn added(
    what: &str,
    name: Option<&str>,
    base: Option<&str>,
    fleet: &Fleet,
    home: &Home,
    now: Timestamp,
) -> Result<Project, Refusal> {
    if what.starts_with('/') {
        return project(what, name, base, fleet, now);
    }
    // Whatever can be known to be wrong is told before minutes go by.
    name.map(project_name).transpose()?;
    let url = Url::parse(what).map_err(|err| cache_refusal(&err))?;
    let git = Git::new(launch::own_vars());
    let dir = cloned(&git, &url, home)?;
    if let Some(base) = base {
        let local = base.strip_prefix("origin/").unwrap_or(base);
        cache::follow(&git, &dir, &home.repository_locks(), local)
            .map_err(|err| cache_refusal(&err))?;
    }
    let dir = dir
        .to_str()
        .ok_or_else(|| Refusal::error("path-not-text", "the home's path is not UTF-8"))?;
    project(dir, name, base, fleet, now)
}

/// The clone of `url`, which is made where there is none; its name is the URL's, and where that is taken, one of its own.
fn cloned(git: &Git, url: &Url, home: &Home) -> Result<PathBuf, Refusal> {
    let name = text::sanitise_name(url.name());
    let mark: String = hands::digest(url.place().as_bytes()).chars().take(6).collect();
    let (plain, own) = (home.cache(&name), home.cache(&format!("{name}-{mark}")));
    // One that had to take its own name keeps it, whoever has left the plain one meanwhile.
    let dirs = if own.exists() { [own, plain] } else { [plain, own] };
    for dir in dirs {
        let made = cache::clone(git, url, &dir, &home.repository_locks())
            .map_err(|err| cache_refusal(&err))?;
        match made {
            Cloned::Made | Cloned::There => return Ok(dir),
            Cloned::Taken => {}
        }
    }
    let text =
        format!("other folders have the names for {} in {}", url.shown(), home.caches().display());
    Err(Refusal::error("clone-failed", text).hint("clone it yourself, then: skep project add PATH"))
}

fn cache_refusal(err: &CacheError) -> Refusal {
    let refusal = Refusal::error(err.slug(), chain(err));
    let oneself = "clone it yourself, then: skep project add PATH";
    match err {
        CacheError::Unsupported { .. } => refusal
            .hint("https://HOST/PATH, ssh://, git://, file:/// or user@host:path")
            .hint(oneself),
        CacheError::Failed { shown, .. } => refusal
            .hint(format!("see what git says: git ls-remote {shown}"))
            .hint("nobody is asked for a password: use an ssh agent or a credential helper of git")
            .hint(oneself),
        CacheError::Slow { .. } => refusal.hint(oneself),
        CacheError::Empty { .. } => refusal.hint("push a first commit there, then add it again"),
        CacheError::Git(_)
        | CacheError::Path(_)
        | CacheError::Snapshot(_)
        | CacheError::Io { .. } => refusal,
    }
}

/// Makes a project of the repository that `path` lies in.
pub fn project(
    path: &str,
    name: Option<&str>,
    base: Option<&str>,
    fleet: &Fleet,
    now: Timestamp,
) -> Result<Project, Refusal> {
    let vars = launch::own_vars();
    let (git, repo) = repository(&vars, Path::new(path))?;
    if let Some(base) = base {
        git::base(&git, &repo, Some(base)).map_err(|err| git_refusal(&err))?;
    }
    let mut project = new_project(&at_main(&git, repo)?, name, fleet, now)?;
    project.base = base.map(str::to_owned);
    Ok(project)
}

struct FoundPlace {
    git: Git,
    repo: Repository,
    project: Project,
    new: bool,
    /// The commit that settings and set-up are read from.
    base: git::Base,
}

fn find_place(ask: &RunAsk, fleet: &Fleet, now: Timestamp) -> Result<FoundPlace, Refusal> {
    let vars: BTreeMap<String, String> = ask
        .env
        .iter()
        .filter(|(name, _)| launch::is_base(name))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let (git, repo, project, new) = match &ask.project {
        Some(name) => {
            let project = fleet
                .projects
                .get(name)
                .ok_or_else(|| unknown_project(name, fleet))?
                .as_ref()
                .clone();
            let (git, repo) = repository(&vars, Path::new(&project.path))?;
            (git, repo, project, false)
        }
        None => {
            let (git, repo) = repository(&vars, Path::new(&ask.cwd))?;
            let (project, new) = match registered(&repo, fleet) {
                Some(project) => (project, false),
                None => (new_project(&at_main(&git, at_top(&repo))?, None, fleet, now)?, true),
            };
            (git, repo, project, new)
        }
    };
    let wanted = ask.base.as_deref().or(project.base.as_deref());
    let base = git::base(&git, &repo, wanted).map_err(|err| git_refusal(&err))?;
    Ok(FoundPlace { git, repo, project, new, base })
}

/// A repository that is used from a folder in it is registered whole.
fn at_top(repo: &Repository) -> Repository {
    Repository { sub_dir: PathBuf::new(), ..repo.clone() }
}

/// A repository by its main worktree: a linked one may be gone tomorrow.
fn at_main(git: &Git, repo: Repository) -> Result<Repository, Refusal> {
    if !repo.linked {
        return Ok(repo);
    }
    let all = worktree::list(git, &repo).map_err(|err| git_refusal(&err))?;
    Ok(match all.into_iter().next() {
        Some(main) => Repository { top: (!main.bare).then_some(main.path), linked: false, ..repo },
        None => repo,
    })
}

fn repository(vars: &BTreeMap<String, String>, dir: &Path) -> Result<(Git, Repository), Refusal> {
    if !hands::is_dir(dir) {
        return Err(Refusal::error("no-such-folder", format!("`{}` is no folder", dir.display()))
            .hint("a repository is meant, or a folder in one: skep project add PATH"));
    }
    hands::repository(vars, dir).map_err(|err| git_refusal(&err))
}

/// What git cannot do, and what leads out of it.
pub fn git_refusal(err: &git::GitError) -> Refusal {
    let refusal = Refusal::error(err.slug(), chain(err));
    if matches!(err, git::GitError::NotARepository { .. }) {
        return refusal
            .hint("go to a repository, or name one: --project P")
            .hint("skep run --directory … works without one");
    }
    if matches!(err, git::GitError::NoSuchRef { .. }) {
        return refusal.hint("git branch --all   what there is").hint("skep run --base BRANCH …");
    }
    with_ways(&refusal.slug, refusal.message)
}

/// A deed that failed, with the ways out that its slug has.
pub fn with_ways(slug: &str, text: String) -> Refusal {
    let refusal = Refusal::error(slug, text);
    match slug {
        "git-missing" => refusal.hint("install git 2.41 or later").hint("skep doctor"),
        "git-failed" => refusal
            .hint("these are git's own words: rights, a full disk (df -h), damage (git fsck)")
            .hint("skep doctor   looks at git and its version"),
        "io" => refusal.hint("df -h PLACE   what is free there").hint("ls -ld PLACE   whose it is"),
        "claim-unanswered" => refusal
            .hint("git ls-remote REMOTE   what it says")
            .hint("nothing was begun; the same again, later"),
        "claim-refused" => refusal.hint("git push --dry-run   whether you may push there"),
        slug if slug.starts_with("forge-") => forge_ways(slug, refusal.clone()),
        _ => refusal,
    }
}

/// The ways out where a forge was not asked, or gave no answer.
fn forge_ways(slug: &str, refusal: Refusal) -> Refusal {
    match slug {
        "forge-none" => refusal.hint("git remote -v   where it is pushed to").hint("skep land ID   to a branch here"),
        "forge-unknown" => refusal.hint(
            "in config.toml: [forge.\"HOST\"] kind = \"forgejo\" (or gitlab, github), token = \"env:NAME\"",
        ),
        "forge-auth" | "forge-token" => refusal
            .hint("in config.toml: [forge.\"HOST\"] token = \"env:NAME\", \"file:PATH\" or \"cmd:COMMAND\"")
            .hint("skep pr ID   again, from where the variable is set"),
        "forge-offline" | "forge-timeout" | "forge-broken" | "forge-limited" => {
            refusal.hint("nothing was changed; the same again, later")
        }
        _ => refusal,
    }
}

/// The project of a repository: the one whose sub-directory the asker stands in, else the one for the whole of it.
fn registered(repo: &Repository, fleet: &Fleet) -> Option<Project> {
    let wanted = repo.common_dir.to_str()?;
    fleet
        .projects
        .values()
        .filter(|project| {
            project.common_dir == wanted && repo.sub_dir.starts_with(&project.sub_dir)
        })
        .max_by_key(|project| project.sub_dir.len())
        .map(|project| project.as_ref().clone())
}

fn new_project(
    repo: &Repository,
    name: Option<&str>,
    fleet: &Fleet,
    now: Timestamp,
) -> Result<Project, Refusal> {
    let not_text = || Refusal::error("path-not-text", "the repository's path is not UTF-8");
    let common_dir = repo.common_dir.to_str().ok_or_else(not_text)?.to_owned();
    let path = repo.seat().to_str().ok_or_else(not_text)?.to_owned();
    let sub_dir = repo.sub_dir.to_str().ok_or_else(not_text)?.to_owned();
    let standing = fleet
        .projects
        .values()
        .find(|project| project.common_dir == common_dir && project.sub_dir == sub_dir);
    if let (None, Some(project)) = (name, standing) {
        return Ok(project.as_ref().clone());
    }
    let name = match name {
        Some(name) => project_name(name)?,
        None => free_name(repo, &common_dir, fleet),
    };
    Ok(Project {
        name,
        path,
        common_dir,
        sub_dir,
        base: None,
        added: now,
        approved: None,
        gates_approved: None,
    })
}

/// The name that a person chose for a project, where it can be one.
fn project_name(name: &str) -> Result<String, Refusal> {
    if names::is_reserved(name) {
        return Err(reserved(name));
    }
    if name.is_empty() || text::sanitise_name(name) != name {
        return Err(Refusal::error("project-name", format!("`{name}` cannot be a project's name"))
            .hint(format!("skep project add PATH --name {}", text::sanitise_name(name))));
    }
    Ok(name.to_owned())
}

fn free_name(repo: &Repository, common_dir: &str, fleet: &Fleet) -> String {
    let mut folder =
        repo.seat().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(last) = repo.sub_dir.file_name() {
        folder = format!("{folder}-{}", last.to_string_lossy());
    }
    let name = text::sanitise_name(folder.trim_end_matches(".git"));
    if !fleet.projects.contains_key(&name) && !names::is_reserved(&name) {
        return name;
    }
    format!("{name}-{}", hands::digest(common_dir.as_bytes()).chars().take(6).collect::<String>())
}

/// The settings that the repository itself has at its base commit.
pub fn shared_settings(git: &Git, repo: &Repository, oid: &str) -> Result<Option<String>, Refusal> {
    let shared = git::file_at(git, repo, oid, config::SHARED).map_err(|err| git_refusal(&err))?;
    shared.map(String::from_utf8).transpose().map_err(|_| {
        let text = format!("{} at the base commit is not UTF-8", config::SHARED);
        Refusal::error("config-syntax", text)
    })
}

fn project_settings(
    place: &FoundPlace,
    ask: &RunAsk,
    config: &Path,
) -> Result<ProjectSettings, Refusal> {
    let shared = shared_settings(&place.git, &place.repo, &place.base.oid)?;
    let settings = config::project(config, &place.project.name, shared.as_deref())
        .map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
    // Base given on the command line or at registration wins over what the settings say.
    let base = ask.base.clone().or_else(|| place.project.base.clone()).or(settings.base.clone());
    Ok(ProjectSettings { base, ..settings })
}

/// What of a project's own would run for a run, as it stands at the base commit.
fn own(
    place: &FoundPlace,
    project: &ProjectSettings,
    settings: &Settings,
) -> Result<Option<Script>, Refusal> {
    let set_up = set_up(place, project, settings)?;
    Ok(hooks::together(set_up, hooks::of(project)))
}

/// The set-up that a run of this project needs, with its text and where it comes from.
fn set_up(
    place: &FoundPlace,
    project: &ProjectSettings,
    settings: &Settings,
) -> Result<Option<(SetUp, Vec<u8>, String)>, Refusal> {
    let strict = project.setup.mode == config::Mode::Strict;
    let timeout_ms = millis(settings.time.setup);
    let script = |run: Option<String>, text: Vec<u8>, from: &str| {
        let digest = hands::digest(&text);
        (SetUp { run, strict, timeout_ms, digest }, text, from.to_owned())
    };
    if let Some(command) = &project.setup.run {
        let text = command.clone().into_bytes();
        return Ok(Some(script(Some(command.clone()), text, "setup.run")));
    }
    let below = sub_dir(place, project);
    for dir in Path::new(&below).ancestors() {
        let file = dir.join(".worktree-setup");
        let Some(file) = file.to_str() else { continue };
        let found = git::file_at(&place.git, &place.repo, &place.base.oid, file)
            .map_err(|err| git_refusal(&err))?;
        if let Some(bytes) = found {
            return Ok(Some(script(None, bytes, file)));
        }
    }
    Ok(None)
}

/// What of a project's own would run for a run from its base, and whether a person approved it.
pub fn scripts(
    name: &str,
    env: &BTreeMap<String, String>,
    fleet: &Fleet,
    home: &Home,
    config: &Path,
    now: Timestamp,
) -> Result<ScriptsView, Refusal> {
    let settings = config::user(config).map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
    let ask = RunAsk { project: Some(name.to_owned()), env: env.clone(), ..RunAsk::default() };
    let place = find_place(&ask, fleet, now)?;
    let project = project_settings(&place, &ask, config)?;
    let gates = gates::of_place(&place, &project, config)?.view(home);
    let Some(script) = own(&place, &project, &settings)? else {
        return Ok(ScriptsView { project: name.to_owned(), set_up: None, gates });
    };
    let held = place.project.approved.as_ref();
    let text = String::from_utf8_lossy(&script.text).into_owned();
    let difference = held
        .filter(|digest| **digest != script.digest)
        .and_then(|digest| scripts::approved(home, digest))
        .map(|old| scripts::difference(&old, &text));
    Ok(ScriptsView {
        project: name.to_owned(),
        gates,
        set_up: Some(ScriptView {
            approved: held == Some(&script.digest),
            changed: held.is_some_and(|digest| *digest != script.digest),
            from: script.from,
            digest: script.digest,
            text,
            difference,
        }),
    })
}

fn sub_dir(place: &FoundPlace, project: &ProjectSettings) -> String {
    if project.sub_dir.is_empty() { place.project.sub_dir.clone() } else { project.sub_dir.clone() }
}

/// Whether the project's own script may run: approved as it is, approved by this very request, or refused.
fn approval(
    ask: &RunAsk,
    place: Option<&FoundPlace>,
    script: Option<&Script>,
    home: &Home,
) -> Result<Option<Approval>, Refusal> {
    let (Some(place), Some(script)) = (place, script) else { return Ok(None) };
    let name = &place.project.name;
    let digest = &script.digest;
    if place.project.approved.as_ref() == Some(digest) {
        return Ok(None);
    }
    if ask.yes {
        let (digest, text) = (digest.clone(), script.text.clone());
        return Ok(Some(Approval { project: name.clone(), digest, text }));
    }
    let now = String::from_utf8_lossy(&script.text);
    let old = place.project.approved.as_ref().map(|held| scripts::approved(home, held));
    let command = script.set_up.as_ref().and_then(|set_up| set_up.run.as_deref());
    let what = if script.hooks.is_none() { command.unwrap_or(&script.from) } else { &*now };
    let words =
        if script.hooks.is_none() { ["set-up", "it", "is"] } else { ["scripts", "them", "are"] };
    let [noun, it, is] = words;
    let apart = if script.hooks.is_none() { " " } else { "\n" };
    let (slug, text) = match old {
        None => {
            let text = format!(
                "`{name}` wants to run its own {noun}, and nobody approved {it}:{apart}{what}"
            );
            ("scripts-unapproved", text)
        }
        Some(old) => {
            let shown = match old {
                Some(old) => format!("\n{}", scripts::difference(&old, &now)),
                None => format!("{apart}{what}"),
            };
            let ones = if script.hooks.is_none() { "the one that was" } else { "those that were" };
            let text = format!("the {noun} of `{name}` {is} not {ones} approved:{shown}");
            ("scripts-changed", text)
        }
    };
    let refusal = Refusal::error(slug, text).decision();
    let refusal = match &script.set_up {
        Some(SetUp { run: None, .. }) if script.hooks.is_none() => {
            refusal.hint(format!("read it: git show {}:{}", place.base.oid, script.from))
        }
        Some(_) | None => refusal,
    };
    Err(refusal.hint("approve it: skep run --yes …").hint("skep init   shows it and asks"))
}

/// The answer to an agent that there is no way to start.
pub fn agent_refusal(name: &str, err: &profile::ProfileError) -> Refusal {
    let refusal = Refusal::error(err.slug(), chain(err));
    let profile::ProfileError::Unknown { known, .. } = err else {
        return refusal.hint("skep doctor");
    };
    let likeness = |known: &str| strsim::jaro_winkler(known, name);
    let near = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let refusal = match near.filter(|near| likeness(near) > 0.8) {
        Some(near) => refusal.hint(format!("did you mean `{near}`?")),
        None => refusal.hint("one of them: skep run --agent NAME …"),
    };
    refusal.hint("skep agent ls   which of them are installed")
}

fn agent(
    ask: &RunAsk,
    project: &ProjectSettings,
    settings: &Settings,
    task: Option<&str>,
    config: &Path,
) -> Result<(Profile, String), Refusal> {
    let agents = config.join("agents");
    let load =
        |name: &str| Profile::load(name, Some(&agents)).map_err(|err| agent_refusal(name, &err));
    let path = ask.env.get("PATH").cloned().unwrap_or_default();
    let there = |profile: &Profile| {
        profile.program == "{skep}"
            || profile::find_program(&profile.program, OsStr::new(&path)).is_some()
    };
    let set = project.agent.as_deref().or(settings.agent.as_deref());
    let named = ask.agent.as_deref().or(task).or(set);
    if let Some(name) = named {
        let profile = load(name)?;
        profile.require_program().map_err(|err| choice::without_program(&err, &agents))?;
        if !there(&profile) {
            let text = format!("agent `{name}`: `{}` is not on your PATH", profile.program);
            return Err(Refusal::error("agent-missing", text)
                .hint(format!(
                    "install it, or name its program in {}",
                    agents.join(format!("{name}.toml")).display()
                ))
                .hint("skep run --agent scripted \"try it\"   works without any agent"));
        }
        let by = if ask.agent.is_some() {
            "as asked"
        } else if task.is_some() {
            "its task says so"
        } else if project.agent.is_some() {
            "the project's settings say so"
        } else {
            "your settings say so"
        };
        return Ok((profile, by.to_owned()));
    }
    let all = PREFERRED.iter().filter_map(|name| load(name).ok());
    let mut found: Vec<Profile> = all.filter(there).collect();
    let chosen = (!found.is_empty()).then(|| found.remove(0)).map(|profile| {
        let others: Vec<&str> = found.iter().map(|profile| profile.name.as_str()).collect();
        let why = if others.is_empty() {
            "the only one on your PATH".to_owned()
        } else {
            format!("the first of those on your PATH, before {}", others.join(", "))
        };
        (profile, why)
    });
    chosen.ok_or_else(|| {
        Refusal::error(
            "agent-none",
            format!("no agent was found on your PATH (looked for {})", PREFERRED.join(", ")),
        )
        .hint("install one of them")
        .hint("skep run --agent scripted \"try it\"   works without any agent")
    })
}

/// The agent that a run gets which names none, and why; none where there is none to be had.
pub fn default_agent(
    config: &Path,
    vars: &BTreeMap<String, String>,
    project: &ProjectSettings,
) -> Option<(String, String)> {
    let settings = config::user(config).ok()?;
    let ask = RunAsk { env: vars.clone(), ..RunAsk::default() };
    let (profile, why) = agent(&ask, project, &settings, None, config).ok()?;
    Some((profile.name, why))
}

/// The project that a folder belongs to, or would be, and whether it is registered.
pub fn seen(path: &str, fleet: &Fleet, now: Timestamp) -> Result<(Project, bool), Refusal> {
    let (git, repo) = repository(&launch::own_vars(), Path::new(path))?;
    if let Some(project) = registered(&repo, fleet) {
        return Ok((project, true));
    }
    Ok((new_project(&at_main(&git, repo)?, None, fleet, now)?, false))
}

struct Wanted<'a> {
    ask: &'a RunAsk,
    of: Option<&'a OfPlan>,
    settings: &'a Settings,
    project: &'a ProjectSettings,
    place: Option<&'a FoundPlace>,
    config: &'a Path,
    env_type: EnvType,
    set_up: Option<SetUp>,
    hooks: Hooks,
    home: &'a Home,
    /// Where agents have profiles of the person's own.
    agents: &'a Path,
}

fn brief(
    wanted: &Wanted<'_>,
    choice: &Choice,
    title: &str,
    task: Option<&Task>,
    key: &str,
    fleet: &Fleet,
) -> Result<Asked, Refusal> {
    let Wanted { ask, settings, project, place, .. } = wanted;
    let profile = &choice.profile;
    let title = task.map_or(title, |task| task.title.as_str()).trim();
    if title.is_empty() {
        return Err(Refusal::error("title-empty", "what is to be done?")
            .hint("skep run \"fix the flaky test\""));
    }
    let (permissions, prompt) = (choice.permissions, prompt(ask, title, task));
    let surface = surface(ask, settings, profile)?;
    let trust = trust_of(ask, task);
    trust
        .require(permissions)
        .map_err(|err| Refusal { hints: err.hints, ..Refusal::error(err.slug, err.text) })?;
    let id = wanted.of.map_or_else(|| RunId::new(spell(key)), |of| of.run.clone());
    let seed = OpId::new(spell(&format!("{key}/seed"))).tail().to_owned();
    // What is written for a plan has its own marks, and is not there yet.
    let told = match wanted.of {
        Some(_) => prompt.clone(),
        None => launch::words::told(&prompt, trust, &Secret::of(id.as_str(), &seed)),
    };
    profile
        .require(choice.model.as_deref(), asked_of(profile, surface, permissions), &told)
        .map_err(|err| choice::refusal(profile, &err))?;
    if surface == Surface::Terminal {
        let mut vars = ask.env.clone();
        vars.extend(choice.folders.clone());
        trust::require(profile, &vars)?;
    }
    let (may, prices) =
        budget::of_run(ask, settings, project, profile, surface, choice.model.as_deref())?;
    let second = fallback::choice_of(profile, wanted, surface, permissions, &told)?;
    let mut listed: Vec<String> = profile.env.clone();
    listed.extend(second.iter().flat_map(|second| second.profile.env.clone()));
    listed.extend(project.env.iter().chain(&choice.env).cloned());
    let kind = match (wanted.of, &ask.within) {
        (Some(of), _) => of.kind,
        (None, Some(_)) => Kind::Manual,
        (None, None) => Kind::Code,
    };
    let owner = place.map(|place| place.project.name.as_str());
    let needs = needs::of(project, owner, kind.as_str(), &listed)?;
    secrets::require_free(
        listed.iter().chain(choice.folders.keys()).chain(profile.ask_env.keys()),
    )?;
    let references = settings.secrets.iter().chain(&project.secrets).collect();
    let taken = secrets::taken(&listed, &project.env, &references, &ask.env)?;
    let mut logins = choice.logins.clone();
    if surface == Surface::Terminal {
        // Nobody tells for sure that one on a screen met its limit.
        logins.accounts.clear();
    }
    // Where the asker's own tmux is; it opens a window there and reaches no agent.
    let theirs = surface == Surface::Terminal && settings.tmux == config::Tmux::Yours;
    let env = ask
        .env
        .iter()
        .filter(|(name, _)| {
            launch::is_base(name) || listed.contains(name) || theirs && *name == "TMUX"
        })
        .filter(|(name, _)| taken.secrets.iter().all(|secret| secret.name != **name))
        .map(|(name, value)| (name.clone(), value.clone()))
        // What an account says of its folders wins over whatever the asker's shell says. Where there are several, each
        // attempt adds its own.
        .chain(choice.folders.clone().into_iter().filter(|_| logins.accounts.is_empty()))
        .collect();
    let mut policy = choice.policy(policy(settings, project));
    policy.env.extend(second.iter().flat_map(|it| logins::variables(&it.logins)));
    let brief = Brief {
        name: match &ask.name {
            Some(name) if names::is_reserved(name) => return Err(reserved(name)),
            Some(name) if !name.is_empty() && text::sanitise_name(name) == *name => name.clone(),
            Some(name) => {
                return Err(Refusal::error(
                    "worker-name",
                    format!("`{name}` cannot be a worker's name"),
                )
                .hint(format!("skep run --name {} …", text::sanitise_name(name))));
            }
            None => String::new(),
        },
        kind,
        part: wanted.of.and_then(|of| of.part.clone()),
        foreman: wanted.of.is_some_and(|of| of.foreman),
        within: None,
        gate: None,
        needs,
        task: task.map(|task| task.id.clone()),
        title: text::words(title, 500),
        project: place.map(|place| place.project.name.clone()),
        by: "person".to_owned(),
        agent: profile.name.clone(),
        speaks: surface == Surface::Headless && profile.protocol != "plain",
        model: choice.model.clone(),
        account: choice.account.clone(),
        logins,
        surface,
        permissions,
        place: the_place(wanted, title, task, &id, key)?,
        policy: Policy {
            fence: fence(&settings.fence, profile, permissions),
            secrets: taken.secrets,
            ..policy
        },
        supersedes: superseded(ask, task, fleet).filter(|_| wanted.of.is_none()),
        adopted: None,
        hears: profile.hears(surface == Surface::Terminal),
        budget: may,
        prices,
        fallback: second.map(fallback::of),
        trust,
        posture: posture(ask, surface)?,
        issue: None,
        claims: Claims::default(),
        lineage: None,
        seed,
        id,
    };
    Ok(Asked { brief, prompt, env, secrets: taken.values })
}

/// How the agent is put to work: as asked, else as its surface has it.
fn posture(ask: &RunAsk, surface: Surface) -> Result<Posture, Refusal> {
    let Some(word) = &ask.posture else { return Ok(Posture::on(surface)) };
    Posture::find(word).ok_or_else(|| {
        let all = Posture::ALL.map(Posture::as_str).join(", ");
        Refusal::error("usage", format!("`{word}` is no posture: {all}"))
    })
}

/// Whose words the run works by; that it inherits more, the core sees to.
fn trust_of(ask: &RunAsk, task: Option<&Task>) -> Trust {
    let asked = if ask.outside { Trust::Outside } else { Trust::Person };
    task.map_or(asked, |task| task.trust.with(asked))
}

/// The run that has this task and this name already and is not over: to ask for it again asks for nothing.
pub fn at_it_already<'a>(ask: &RunAsk, fleet: &'a Fleet) -> Option<&'a Run> {
    let ([title], Some(name), false) = (ask.titles.as_slice(), &ask.name, ask.force) else {
        return None;
    };
    let task = task(title, fleet).ok().flatten()?;
    let run = fleet.runs.get(task.run.as_ref()?)?;
    let one = ask.count.unwrap_or(1) == 1 && !ask.dry_run;
    (one && run.brief.name == *name && !run.is_ended()).then_some(run.as_ref())
}

/// The run that this one is to take the place of: the one that is at work on its task, where a person insists.
fn superseded(ask: &RunAsk, task: Option<&Task>, fleet: &Fleet) -> Option<RunId> {
    let holder = task.filter(|_| ask.force)?.run.as_ref()?;
    fleet.runs.get(holder).filter(|run| !run.is_ended()).map(|run| run.id().clone())
}

fn reserved(name: &str) -> Refusal {
    Refusal::error(
        "name-reserved",
        format!("`{name}` is a word of skep's own: no worker or project can be called so"),
    )
    .hint("choose another --name")
}

/// The task that a title is the id of. Only what starts with `task_` is an id.
pub fn task<'a>(title: &str, fleet: &'a Fleet) -> Result<Option<&'a Task>, Refusal> {
    if title.starts_with("task_") {
        let found = fleet.find_task(title);
        let task = found
            .map_err(|err| Refusal { hints: err.hints, ..Refusal::error(err.slug, err.text) })?;
        return Ok(Some(task));
    }
    let number = title.trim().trim_start_matches('#');
    if !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()) {
        return Err(Refusal::error(
            "title-number",
            format!("`{title}` is a number, and numbers of tasks are not stable"),
        )
        .hint("give a task's id: skep run task_7k2m9qx4ab   (skep task ls)")
        .hint("or say what is to be done: skep run \"fix the flaky test\""));
    }
    Ok(None)
}

fn prompt(ask: &RunAsk, title: &str, task: Option<&Task>) -> String {
    match (&ask.prompt, task) {
        (Some(prompt), _) => prompt.clone(),
        (None, Some(task)) if !task.body.trim().is_empty() => format!("{title}\n\n{}", task.body),
        (None, _) => title.to_owned(),
    }
}

fn the_place(
    wanted: &Wanted<'_>,
    title: &str,
    task: Option<&Task>,
    id: &RunId,
    key: &str,
) -> Result<Place, Refusal> {
    let Wanted { ask, settings, project, place, env_type, set_up, hooks, home, .. } = wanted;
    let user = ask.env.get("USER").or_else(|| ask.env.get("LOGNAME")).cloned().unwrap_or_default();
    let short: String = id.tail().chars().take(6).collect();
    let branch = match &ask.branch {
        Some(branch) if refs::is_valid_branch(branch) => branch.clone(),
        Some(branch) => {
            return Err(Refusal::error(
                "branch-name",
                format!("`{branch}` cannot be a branch's name"),
            )
            .hint(format!("skep run --branch {} …", text::slug(branch))));
        }
        None => refs::branch_name(
            &settings.branch,
            &Parts {
                slug: &text::slug(title),
                name: wanted.ask.name.as_deref().unwrap_or_default(),
                short: &short,
                task: task.map(|task| task.id.tail()).unwrap_or_default(),
                user: &user,
            },
        ),
    };
    let repository = place.map(|place| match env_type {
        // In place means the asker's own checkout, not the one that was registered.
        EnvType::InPlace if ask.project.is_none() => place.repo.seat().to_owned(),
        EnvType::InPlace | EnvType::Worktree | EnvType::Directory => {
            PathBuf::from(&place.project.path)
        }
    });
    let text_of = |path: &Path| {
        path.to_str()
            .map(str::to_owned)
            .ok_or_else(|| Refusal::error("path-not-text", "the path is not UTF-8"))
    };
    let envs = settings.env.root.clone().unwrap_or_else(|| home.envs());
    Ok(Place {
        env_type: *env_type,
        envs: text_of(&envs)?,
        key: format!("{}{}", id.tail(), OpId::new(spell(&format!("{key}/env"))).tail()),
        repository: repository
            .as_deref()
            .filter(|_| *env_type != EnvType::Directory)
            .map(text_of)
            .transpose()?,
        sub_dir: place.map(|place| sub_dir(place, project)).unwrap_or_default(),
        base: project.base.clone(),
        target: project.target.clone(),
        branches: if ask.branch.is_some() {
            vec![branch]
        } else {
            refs::candidates(&branch, &short)
        },
        exact_branch: ask.branch.is_some(),
        detached: None,
        copy: project.files.copy.clone(),
        link: project.files.link.clone(),
        discard: project.files.discard.clone(),
        set_up: if *env_type == EnvType::Worktree { set_up.clone() } else { None },
        hooks: hooks::frozen(hooks, *env_type, task),
        fetch_ms: millis(settings.time.fetch),
        sign: project.sign,
        reads: Vec::new(),
        guide: Guide {
            instructions: project.instructions.clone(),
            skills: project.skills.clone(),
            gates: project.gate.iter().map(|gate| (gate.name.clone(), gate.run.clone())).collect(),
        },
    })
}

/// Whether skep speaks to the agent or leaves it its own screen: as asked, as set, else as the agent can.
fn surface(ask: &RunAsk, settings: &Settings, profile: &Profile) -> Result<Surface, Refusal> {
    let wanted = match ask.surface.as_deref() {
        None => settings.surface,
        Some("auto") => config::Surface::Auto,
        Some("headless") => config::Surface::Headless,
        Some("terminal") => config::Surface::Terminal,
        Some(other) => {
            let text = format!("`{other}` is no surface: headless, terminal or auto");
            return Err(Refusal::error("usage", text));
        }
    };
    let only_a_screen = profile.protocol == "pty";
    let unable = |what: &str, hint: &str| {
        Err(Refusal::error("agent-unable", format!("agent `{}` cannot {what}", profile.name))
            .hint(hint))
    };
    match wanted {
        config::Surface::Auto if only_a_screen => Ok(Surface::Terminal),
        config::Surface::Auto => Ok(Surface::Headless),
        config::Surface::Headless if only_a_screen => {
            unable("work without a terminal", "skep run --surface terminal …")
        }
        config::Surface::Headless => Ok(Surface::Headless),
        config::Surface::Terminal if only_a_screen || profile.tui.is_some() => {
            Ok(Surface::Terminal)
        }
        // Settings speak of agents in general; only who asks for this run's terminal must have it.
        config::Surface::Terminal if ask.surface.is_none() => Ok(Surface::Headless),
        config::Surface::Terminal => {
            unable("work on a terminal of its own", "skep run --surface headless …")
        }
    }
}

/// Who works on a screen of its own asks there, where it asks at all.
fn asked_of(profile: &Profile, surface: Surface, permissions: Permissions) -> profile::Permissions {
    let on_screen = surface == Surface::Terminal && profile.ask.is_none();
    launch::permissions(if on_screen && permissions == Permissions::Ask {
        Permissions::Auto
    } else {
        permissions
    })
}

fn policy(settings: &Settings, project: &ProjectSettings) -> Policy {
    let time = &settings.time;
    Policy {
        health_ms: millis(time.health),
        grace_ms: millis(time.grace),
        idle_ms: millis(time.idle),
        tool_idle_ms: millis(time.tool_idle),
        turn_ms: time.turn.map_or(0, millis),
        ready_ms: millis(time.ready),
        journal_bytes: settings.keep.journal,
        tries: settings.retry.tries,
        first_ms: millis(settings.retry.first),
        factor: settings.retry.factor,
        jitter: settings.retry.jitter,
        deaths: settings.breaker.deaths,
        window_ms: millis(settings.breaker.window),
        spare: project.processes.spare.clone(),
        env: project.env.clone(),
        args: Vec::new(),
        secrets: Vec::new(),
        fence: Fence::default(),
    }
}

fn fence(settings: &config::Fence, profile: &Profile, permissions: Permissions) -> Fence {
    match settings.mode {
        config::FenceMode::Off => Fence::Off,
        _ if profile.sandbox && permissions != Permissions::Bypass => Fence::Own,
        // One that is required and not to be had is refused when the agent starts, on whatever kernel that will be.
        config::FenceMode::On if !fence::is_possible() => Fence::Absent,
        config::FenceMode::On | config::FenceMode::Require => {
            Fence::On { write: settings.write.clone() }
        }
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
