//! From worktrees that others made to the runs that take them over.
//!
//! Owns: which there are, what stands in them and who works there, whose layout it is, and the brief of each.
//! Never: writes anything outside the home, not even what git refreshes while it looks; believes a foreign text.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use skep_api::{
    place::Home,
    request::{AdoptAsk, RunAsk},
    view::{AdoptView, WhyNotView},
    wire::{Refusal, chain},
};
use skep_core::{
    fleet::{Fleet, Limits, Naming},
    project::Project,
    run::{Adopted, Base, Brief, EnvType, Hooks, Layout, adopted::Standing},
    text,
    time::Timestamp,
};
use skep_harness::profile::Profile;
use skep_host::{
    git::{self, Git, Repository},
    snapshot,
    worktree::{self, Listed},
};

use super::{
    Asked, FoundPlace, PREFERRED, Wanted, agent, at_main, at_top, brief, choice, git_refusal,
    limits, naming, new_project, project_settings, registered, repository,
};
use crate::{
    config::{self, ProjectSettings, Settings},
    hands, launch,
};

mod panes;
mod squad;

pub use panes::{Worker, agents, workers};

/// A worktree that was looked at.
#[derive(Debug)]
pub struct Candidate {
    pub view: AdoptView,
    /// What takes it over; none where it may not be, or is already.
    pub wish: Option<Box<Taking>>,
    /// Whether it is of no interest to whoever did not name it.
    pub quiet: bool,
}

/// What it takes to take a worktree over.
#[derive(Debug)]
pub struct Taking {
    pub asked: Asked,
    pub naming: Naming,
    pub limits: Limits,
    /// A project that is registered by this use.
    pub project: Option<Project>,
}

/// What a look found.
#[derive(Debug)]
pub struct Found {
    pub candidates: Vec<Candidate>,
    /// Why the asker's tmux said nothing, where it should have.
    pub trouble: Option<String>,
}

/// Looks at the worktrees that `ask` names, or at all of the repository that the asker stands in.
///
/// Errors: no repository, or git could not be asked; what speaks against one worktree is told with it.
pub fn candidates(
    id: &str,
    ask: &AdoptAsk,
    fleet: &Fleet,
    home: &Home,
    config: &Path,
    now: Timestamp,
) -> Result<Found, Refusal> {
    let settings = config::user(config).map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
    // Without a tmux that can be asked there are worktrees all the same.
    let (seen, trouble) = panes::Seen::look(&ask.env, home.sockets());
    let vars = base_vars(&ask.env);
    let look = Look { id, ask, fleet, home, config, now, settings, vars, seen };
    let mut houses = Houses::new();
    if ask.paths.is_empty() {
        let (house, _) = look.house_of(&mut houses, Path::new(&ask.cwd))?;
        let all = (0..house.all.len()).map(|nth| look.at(house, nth));
        return Ok(Found { candidates: all.collect::<Result<_, _>>()?, trouble });
    }
    let mut candidates = Vec::new();
    let mut seen = BTreeSet::new();
    for path in &ask.paths {
        let candidate = match look.named(&mut houses, Path::new(path))? {
            // The same one by two names is one.
            Named::Of { house, nth } if !seen.insert(house.all[nth].path.clone()) => continue,
            Named::Of { house, nth } => look.at(house, nth)?,
            Named::Not(candidate) => *candidate,
        };
        candidates.push(candidate);
    }
    Ok(Found { candidates, trouble })
}

/// The base of the asker's environment, for git and tmux.
fn base_vars(env: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let base = env.iter().filter(|(name, _)| launch::is_base(name));
    base.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// One request, with all that it is looked at by.
struct Look<'a> {
    id: &'a str,
    ask: &'a AdoptAsk,
    fleet: &'a Fleet,
    home: &'a Home,
    config: &'a Path,
    now: Timestamp,
    settings: Settings,
    vars: BTreeMap<String, String>,
    seen: panes::Seen,
}

/// Repositories that were looked at, by their shared folders.
type Houses = BTreeMap<PathBuf, House>;

/// A repository with its worktrees, and what lies around them.
struct House {
    git: Git,
    repo: Repository,
    all: Vec<Listed>,
    project: Project,
    new: bool,
    /// The branch that work here starts from; none where no rule says which.
    base: Option<git::Base>,
    settings: ProjectSettings,
    squad: Vec<squad::Instance>,
    profiles: Vec<Profile>,
    agents: BTreeSet<String>,
}

/// What a path turned out to be.
enum Named<'h> {
    Of { house: &'h House, nth: usize },
    Not(Box<Candidate>),
}

impl Look<'_> {
    /// The repository that `dir` lies in, looked at once, and how it is seen from there.
    fn house_of<'h>(
        &self,
        houses: &'h mut Houses,
        dir: &Path,
    ) -> Result<(&'h House, Repository), Refusal> {
        let (git, repo) = repository(&self.vars, dir).map_err(|refusal| {
            // What helps a run does not help here.
            let hints = vec!["name a worktree: skep adopt PATH".to_owned()];
            if refusal.slug == "not-a-repository" { Refusal { hints, ..refusal } } else { refusal }
        })?;
        let house = match houses.entry(repo.common_dir.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(self.house(git, repo.clone())?),
        };
        Ok((house, repo))
    }

    fn house(&self, git: Git, repo: Repository) -> Result<House, Refusal> {
        let all = worktree::list(&git, &repo).map_err(|err| git_refusal(&err))?;
        let (project, new) = match registered(&repo, self.fleet) {
            Some(project) => (project, false),
            None => {
                let main = at_main(&git, at_top(&repo))?;
                (new_project(&main, None, self.fleet, self.now)?, true)
            }
        };
        let base = git::base(&git, &repo, project.base.as_deref()).ok();
        // The shared file of the base says where work lands, too; one that cannot be read is no file without a target.
        let shared = match &base {
            Some(base) => super::shared_settings(&git, &repo, &base.oid)?,
            None => None,
        };
        let settings = config::project(self.config, &project.name, shared.as_deref())
            .map_err(|err| Refusal::error(err.slug(), chain(&err)).hint("skep config show"))?;
        let home = self.vars.get("HOME").map(PathBuf::from);
        let squad = home.as_deref().map(squad::read).unwrap_or_default();
        // By them an agent that lives in a worktree is told from a shell: one that is not known would be overlooked.
        let profiles = Profile::all(Some(&self.config.join("agents")))
            .map_err(|err| Refusal::error(err.slug(), chain(&err)).hint("skep doctor"))?;
        let agents = panes::agents(&profiles);
        Ok(House { git, repo, all, project, new, base, settings, squad, profiles, agents })
    }

    /// Finds the worktree that a person named by its folder.
    fn named<'h>(&self, houses: &'h mut Houses, path: &Path) -> Result<Named<'h>, Refusal> {
        let not = |slug: &str, message: String, hints: Vec<String>| {
            let view = view_of(path, None, Layout::Git);
            let why = Some(WhyNotView { slug: slug.to_owned(), message, hints });
            let view = AdoptView { status: "refused".to_owned(), why, ..view };
            Ok(Named::Not(Box::new(Candidate { view, wish: None, quiet: false })))
        };
        let list = || vec!["skep adopt   # lists what there is".to_owned()];
        let shown = path.display();
        let Ok(real) = path.canonicalize() else {
            // It may still be registered where the asker stands.
            let path = plain(path);
            if let Ok((house, _)) = self.house_of(houses, Path::new(&self.ask.cwd))
                && let Some(nth) = house.all.iter().position(|listed| listed.path == path)
            {
                return Ok(Named::Of { house, nth });
            }
            return not("no-such-folder", format!("`{shown}` is no folder"), list());
        };
        let (house, repo) = match self.house_of(houses, &real) {
            Ok(found) => found,
            Err(Refusal { slug, message, hints, .. }) => return not(&slug, message, hints),
        };
        let same = |listed: &Listed| listed.path.canonicalize().is_ok_and(|path| path == real);
        if let Some(nth) = house.all.iter().position(same) {
            return Ok(Named::Of { house, nth });
        }
        match &repo.top {
            Some(top) => {
                let text = format!("`{shown}` is a folder of the worktree {}", top.display());
                not("adopt-nested", text, vec![format!("skep adopt {}", shell_word(top))])
            }
            None => not("adopt-bare", format!("`{shown}` is no worktree"), list()),
        }
    }

    /// Looks at one worktree of a repository.
    fn at(&self, house: &House, nth: usize) -> Result<Candidate, Refusal> {
        let listed = &house.all[nth];
        let squad = house.squad.iter().find(|known| known.worktree == listed.path);
        let layout = layout(house, listed, squad.is_some(), &self.vars);
        let mut view = view_of(&listed.path, Some(listed), layout);
        let standing = self.standing(house, nth);
        let quiet = standing.of_skep || standing.main || standing.bare;
        let base = parting(house, listed);
        let target = target(house, listed, base.as_ref());
        let refusal = standing.refusal();
        if let (Some(head), None) = (&listed.head, &refusal) {
            let since = base.as_ref().map_or(head.as_str(), |base| base.oid.as_str());
            if let Ok(facts) = git::facts(&house.git, &listed.path, since, None) {
                view.dirty = Some(facts.dirty);
                view.ahead = base.is_some().then_some(facts.ahead);
            }
        }
        if let Some(holder) =
            listed.path.to_str().and_then(|path| self.fleet.holder_of_worktree(path))
        {
            view.status = "adopted".to_owned();
            view.run = Some(holder.id().to_string());
            view.name = Some(holder.brief.name.clone());
            view.agent = Some(holder.brief.agent.clone());
            view.tmux = holder.brief.adopted.as_ref().and_then(|adopted| adopted.pane.clone());
            let quiet = holder.brief.adopted.is_none();
            return Ok(Candidate { view, wish: None, quiet });
        }
        if let Some(refusal) = refusal {
            let path = shell_word(&listed.path);
            let hints = refusal.hints.iter().map(|hint| hint.replace("PATH", &path)).collect();
            let slug = refusal.slug.to_owned();
            view.status = "refused".to_owned();
            view.why = Some(WhyNotView { slug, message: refusal.text, hints });
            return Ok(Candidate { view, wish: None, quiet });
        }
        view.target.clone_from(&target);
        let session = squad.map(|known| known.session.as_str());
        view.tmux = self.seen.pane_in(&listed.path, session, &house.agents);
        let said = squad.map(|known| known.program.as_str());
        let program = view.tmux.as_ref().map(|pane| pane.program.as_str()).or(said);
        let adopted = Adopted { layout, base, pane: view.tmux.clone() };
        match self.taking(house, listed, adopted, target, program) {
            Ok(taking) => {
                view.agent = Some(taking.asked.brief.agent.clone());
                Ok(Candidate { view, wish: Some(Box::new(taking)), quiet })
            }
            Err(refusal) => {
                view.status = "refused".to_owned();
                let Refusal { slug, message, hints, .. } = refusal;
                view.why = Some(WhyNotView { slug, message, hints });
                Ok(Candidate { view, wish: None, quiet })
            }
        }
    }

    /// What speaks for or against taking over the `nth` worktree.
    fn standing(&self, house: &House, nth: usize) -> Standing {
        let listed = &house.all[nth];
        let path = &listed.path;
        let mark = skep_host::env::mark("");
        let envs = self.settings.env.root.clone().unwrap_or_else(|| self.home.envs());
        let of_skep = listed.locked.as_ref().is_some_and(|why| why.starts_with(&mark))
            || path.starts_with(&envs)
            || snapshot::is_entry(&house.repo.common_dir, path);
        // One in the main worktree is where many put theirs; one in another linked one would be that one's work.
        let inside = house
            .all
            .iter()
            .skip(1)
            .find(|outer| outer.path != *path && path.starts_with(&outer.path));
        let uid = rustix::process::getuid().as_raw();
        Standing {
            path: path.display().to_string(),
            of_skep,
            bare: listed.bare,
            main: nth == 0,
            gone: listed.prunable.is_some() || !hands::is_dir(path),
            locked: listed.locked.clone(),
            of_another: fs::metadata(path).is_ok_and(|meta| meta.uid() != uid),
            inside: inside.map(|outer| outer.path.display().to_string()),
            unborn: listed.head.is_none(),
        }
    }

    /// The run that is to take a worktree over.
    fn taking(
        &self,
        house: &House,
        listed: &Listed,
        adopted: Adopted,
        target: Option<String>,
        program: Option<&str>,
    ) -> Result<Taking, Refusal> {
        let head = listed.head.clone().unwrap_or_default();
        let base = house.base.clone().unwrap_or_else(|| git::Base {
            branch: listed.branch.clone().unwrap_or_else(|| "HEAD".to_owned()),
            oid: head,
        });
        let top = Some(listed.path.clone());
        let place = FoundPlace {
            git: house.git.clone(),
            repo: Repository { top, linked: true, sub_dir: PathBuf::new(), ..house.repo.clone() },
            project: house.project.clone(),
            new: house.new,
            base,
        };
        let ask = RunAsk {
            cwd: listed.path.to_string_lossy().into_owned(),
            env: self.ask.env.clone(),
            env_type: Some("in_place".to_owned()),
            ..RunAsk::default()
        };
        let project = project_settings(&place, &ask, self.config)?;
        let profile = self.agent(house, &ask, &project, program)?;
        let wanted = Wanted {
            of: None,
            ask: &ask,
            settings: &self.settings,
            project: &project,
            place: Some(&place),
            config: self.config,
            env_type: EnvType::InPlace,
            set_up: None,
            hooks: Hooks::default(),
            home: self.home,
            agents: &self.config.join("agents"),
        };
        // By its path, so that each of a request has an id of its own and a repeat finds the first one's.
        let key = format!("{}/adopt/{}", self.id, listed.path.display());
        let choice = choice::with(&wanted, None, profile, String::new())?;
        let asked =
            brief(&wanted, &choice, "a worktree that was taken over", None, &key, self.fleet)?;
        let title = title(listed);
        let prompt = prompt(&title);
        let mut brief = Brief { title, adopted: Some(adopted), ..asked.brief.clone() };
        brief.place.target = target;
        let asked = Asked { brief, prompt, ..asked };
        Ok(Taking {
            asked,
            naming: naming(project.names.as_ref())?,
            limits: limits(&self.settings),
            project: house.new.then(|| house.project.clone()),
        })
    }

    /// The agent that a resume is to start: the one at work there, else the default; it need not be installed yet.
    fn agent(
        &self,
        house: &House,
        ask: &RunAsk,
        project: &ProjectSettings,
        program: Option<&str>,
    ) -> Result<Profile, Refusal> {
        let at_work = program.and_then(|program| {
            house.profiles.iter().find(|profile| panes::is_program(profile, program))
        });
        if let Some(profile) = at_work {
            return Ok(profile.clone());
        }
        let chosen =
            agent(ask, project, &self.settings, None, self.config).map(|(profile, _)| profile);
        chosen.or_else(|refusal| {
            let named = project.agent.as_ref().or(self.settings.agent.as_ref());
            let names = named.map(String::as_str).into_iter().chain(PREFERRED);
            let agents = self.config.join("agents");
            let mut found = names.filter_map(|name| Profile::load(name, Some(&agents)).ok());
            found.next().ok_or(refusal)
        })
    }
}

fn view_of(path: &Path, listed: Option<&Listed>, layout: Layout) -> AdoptView {
    AdoptView {
        status: "free".to_owned(),
        path: path.to_string_lossy().into_owned(),
        branch: listed.and_then(|listed| listed.branch.clone()),
        head: listed.and_then(|listed| listed.head.clone()),
        dirty: None,
        ahead: None,
        target: None,
        layout,
        tmux: None,
        agent: None,
        run: None,
        name: None,
        new: false,
        why: None,
    }
}

/// Whose way of laying out worktrees this one follows.
fn layout(
    house: &House,
    listed: &Listed,
    in_squad: bool,
    vars: &BTreeMap<String, String>,
) -> Layout {
    let squads = vars.get("HOME").map(|home| squad::folder(Path::new(home)).join("worktrees"));
    if in_squad || squads.is_some_and(|folder| listed.path.starts_with(folder)) {
        return Layout::ClaudeSquad;
    }
    let beside = house.all.first().and_then(|main| {
        let mut name = main.path.file_name()?.to_owned();
        name.push("__worktrees");
        Some(main.path.with_file_name(name))
    });
    if listed.path.parent().is_some_and(|parent| beside.as_deref() == Some(parent)) {
        return Layout::Workmux;
    }
    Layout::Git
}

/// Where the branch of a worktree left the one that work here starts from.
fn parting(house: &House, listed: &Listed) -> Option<Base> {
    let base = house.base.as_ref()?;
    let head = listed.head.as_ref()?;
    let local = base.branch.strip_prefix("origin/").unwrap_or(&base.branch);
    if listed.branch.as_deref() == Some(local) {
        return None;
    }
    let oid = git::merge_base(&house.git, &house.repo, head, &base.oid).ok()??;
    Some(Base { branch: base.branch.clone(), oid })
}

/// The branch that its work is to land on: as the settings say, else the one that it left; never its own.
fn target(house: &House, listed: &Listed, base: Option<&Base>) -> Option<String> {
    let set = house.settings.target.clone();
    let left =
        base.map(|base| base.branch.strip_prefix("origin/").unwrap_or(&base.branch).to_owned());
    set.or(left).filter(|target| listed.branch.as_ref() != Some(target))
}

/// What a list calls it: its branch, else its folder.
fn title(listed: &Listed) -> String {
    let folder = || {
        let name = listed.path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| listed.path.display().to_string())
    };
    text::words(&text::one_line(&listed.branch.clone().unwrap_or_else(folder)), 500)
}

/// What an agent is told that takes it up without other words.
fn prompt(title: &str) -> String {
    format!(
        "Go on with the work in this worktree ({title}). Look at its history and at what is not committed yet before you change anything."
    )
}

/// The path of what is not there, by the real path of the folder that it would lie in.
fn plain(path: &Path) -> PathBuf {
    let real = path.parent().and_then(|parent| parent.canonicalize().ok());
    real.zip(path.file_name()).map_or_else(|| path.to_owned(), |(parent, name)| parent.join(name))
}

/// A path as one word of a shell, where it can be told in plain letters.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:=,".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
