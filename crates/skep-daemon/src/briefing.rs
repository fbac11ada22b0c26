//! What the runs of a task's plan are begun with, and what they hear on the way.
//!
//! Owns: how a person asked for them, what is known of the projects, the prompts, the briefs.
//! Never: decides when a run begins or what comes after it; the core does. Doing it twice comes to the same.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    io::Read,
    path::Path,
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

use skep_api::{
    place::Home,
    request::RunAsk,
    wire::{Refusal, chain},
};
use skep_core::{
    fenced::Secret,
    fleet::{Begun, Fleet},
    id::{RunId, TaskId},
    plan::{self, SubPlan},
    project::Project,
    run::{Kind, Part, Run},
    task::{Choice, Planning, Purpose, Task, Warning, WarningKind, Why},
    time::Timestamp,
};
use skep_host::{
    git::{self, Git},
    paths, secrets,
};

use crate::{
    config::{self, Settings},
    discover::{self, Pointer},
    launch,
    prompts::{self, Overrides, Prompt, Words},
    resolve::{self, Asked, OfPlan, Resolved},
};

mod foreman;
pub mod landing;
mod review;
#[cfg(test)]
mod tests;
pub mod turn;
mod words;

/// What a briefing is made from.
#[derive(Debug, Clone, Copy)]
pub struct Briefing<'a> {
    pub fleet: &'a Fleet,
    pub home: &'a Home,
    /// The folder of a person's settings.
    pub config: &'a Path,
    pub now: Timestamp,
}

/// A run that can begin, or why it cannot, and what was met on the way.
pub struct Briefed {
    pub begun: Result<Begun, String>,
    pub warnings: Vec<Warning>,
}

/// What a person asked for, tried out before anything is wished: what it would come to.
#[derive(Debug)]
pub struct Tried {
    pub resolved: Vec<Resolved>,
}

/// Keeps how a person asked for the runs of a task: 0600, and what is secret in memory alone.
pub fn keep(task: &TaskId, ask: &RunAsk, tried: &Tried, home: &Home) -> Result<(), Refusal> {
    let asked = || tried.resolved.iter().flat_map(|resolved| &resolved.briefs);
    let env = asked().flat_map(|asked| asked.env.clone()).collect();
    let held: BTreeMap<String, String> = asked().flat_map(held_of).collect();
    resolve::hold(home, task.as_str(), &held)?;
    let kept = RunAsk { env, titles: Vec::new(), prompt: None, yes: false, ..ask.clone() };
    let failed = |err: &dyn std::error::Error| Refusal::error("home-unusable", chain(err));
    let bytes = serde_json::to_vec(&kept).map_err(|err| failed(&err))?;
    paths::create_private_dir(&home.task(task)).map_err(|err| failed(&err))?;
    paths::write_atomically(&home.task_ask(task), &bytes).map_err(|err| failed(&err))
}

/// The values that are handed over, by their names and by those of the variables that they come from: both are asked for
/// again when a run is begun.
fn held_of(asked: &Asked) -> Vec<(String, String)> {
    let by_variable = asked.brief.policy.secrets.iter().filter_map(|secret| {
        let value = asked.secrets.get(&secret.name)?;
        Some((secret.variable()?.to_owned(), value.clone()))
    });
    let by_name = asked.secrets.iter().map(|(name, value)| (name.clone(), value.clone()));
    by_name.chain(by_variable).collect()
}

/// Lets go of how a person asked for the runs of a task that is gone.
///
/// Errors: what was kept cannot be removed.
pub fn forget(task: &TaskId, home: &Home) -> io::Result<()> {
    // What stays in memory is gone with the next start of the daemon, or of the machine.
    let _later = secrets::folder(home.root()).map(|folder| secrets::let_go(&folder, task.as_str()));
    match fs::remove_dir_all(home.task(task)) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
        _ => Ok(()),
    }
}

/// How a person asked for the runs of a task.
fn kept(task: &TaskId, home: &Home) -> Result<RunAsk, String> {
    let path = home.task_ask(task);
    let bytes = fs::read(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    let mut ask: RunAsk =
        serde_json::from_slice(&bytes).map_err(|err| format!("{}: {err}", path.display()))?;
    let held = secrets::folder(home.root())
        .and_then(|folder| secrets::held(&folder, task.as_str()))
        .map_err(|err| chain(&err))?;
    ask.env.extend(held);
    Ok(ask)
}

impl Briefing<'_> {
    /// Tries out what a wish would need: an agent, repositories, approved scripts, settings that can be read.
    ///
    /// Errors: everything that can be known to be wrong before anything is made.
    pub fn try_out(
        &self,
        task: &Task,
        purposes: &[Purpose],
        ask: &RunAsk,
    ) -> Result<Tried, Refusal> {
        let settings = config::user(self.config);
        let settings = settings.map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
        let nobody = RunId::new(resolve::spell(task.id.as_str()));
        let mut resolved = Vec::new();
        for purpose in purposes {
            let project = match purpose {
                Purpose::Part { project } | Purpose::Review { project, .. } => {
                    Some(project.as_str())
                }
                Purpose::Plan { .. } | Purpose::Foreman { .. } => None,
            };
            Overrides::read(self.config, project)
                .map_err(|err| Refusal::error(err.slug(), err.to_string()))?;
            let ask = self.served(task, purpose, &settings, ask.clone());
            resolved.push(self.resolve(task, &nobody, purpose, "skep/none", &ask)?);
        }
        Ok(Tried { resolved })
    }

    fn resolve(
        &self,
        task: &Task,
        run: &RunId,
        purpose: &Purpose,
        branch: &str,
        ask: &RunAsk,
    ) -> Result<Resolved, Refusal> {
        let titles = vec![task.id.to_string()];
        let ask = RunAsk { titles, prompt: Some(String::new()), count: None, ..ask.clone() };
        let foreman = task.course.rules.foreman;
        let (of, ask) = match purpose {
            Purpose::Plan { .. } => (
                OfPlan { run: run.clone(), kind: Kind::Plan, part: None, foreman: false },
                nowhere(ask),
            ),
            // What it says is read, which a screen does not tell.
            Purpose::Foreman { .. } => (
                OfPlan { run: run.clone(), kind: Kind::Foreman, part: None, foreman: false },
                RunAsk { surface: Some("headless".to_owned()), ..nowhere(ask) },
            ),
            Purpose::Part { project } => (
                OfPlan {
                    run: run.clone(),
                    kind: Kind::Code,
                    part: Some(Part { project: project.clone(), held: true }),
                    foreman,
                },
                RunAsk {
                    env_type: None,
                    project: Some(project.clone()),
                    branch: Some(branch.to_owned()),
                    ..ask
                },
            ),
            Purpose::Review { project, .. } => (
                OfPlan {
                    run: run.clone(),
                    kind: Kind::Review,
                    part: Some(Part { project: project.clone(), held: false }),
                    foreman,
                },
                RunAsk {
                    env_type: None,
                    project: Some(project.clone()),
                    branch: None,
                    base: None,
                    ..ask
                },
            ),
        };
        resolve::of_plan(&of, &ask, self.fleet, self.home, self.config, self.now)
    }

    /// Finds out what a run needs to be begun.
    pub fn brief(&self, task: &TaskId, run: &RunId, purpose: &Purpose) -> Briefed {
        let mut warnings = Vec::new();
        let begun = self.begun(task, run, purpose, &mut warnings);
        Briefed { begun, warnings }
    }

    fn begun(
        &self,
        task: &TaskId,
        run: &RunId,
        purpose: &Purpose,
        warnings: &mut Vec<Warning>,
    ) -> Result<Begun, String> {
        let task = self.fleet.tasks.get(task).ok_or("its task is gone")?;
        let ask = kept(&task.id, self.home)?;
        let branch = task.course.branch.as_deref().unwrap_or_default();
        let ask = self.served(task, purpose, &self.settings()?, by_choice(task, purpose, ask));
        let refused = |refusal: Refusal| refusal.message;
        let mut resolved = self.resolve(task, run, purpose, branch, &ask).map_err(refused)?;
        let mut asked = resolved.briefs.pop().ok_or("nothing came of it")?;
        let mut left_out = Vec::new();
        match purpose {
            Purpose::Plan { draft } => {
                let planning = task.course.planning.as_ref().ok_or("nothing is planned")?;
                left_out = self.plan(task, planning, draft, &mut asked, &ask, warnings)?;
            }
            Purpose::Part { project } => self.part(task, project, &mut asked, &ask)?,
            Purpose::Review { project, cycle, head } => {
                self.review(task, project, *cycle, head, &mut asked, &ask)?;
            }
            Purpose::Foreman { question } => {
                self.foreman(task, question, &mut asked, &ask, warnings)?;
            }
        }
        resolve::keep(&asked, self.home).map_err(refused)?;
        Ok(Begun { brief: Box::new(asked.brief), naming: resolved.naming, left_out })
    }

    /// Makes the prompt of a planner; returns the projects that it cannot plan for.
    fn plan(
        &self,
        task: &Task,
        planning: &Planning,
        draft: &str,
        asked: &mut Asked,
        ask: &RunAsk,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<String>, String> {
        let settings = self.settings()?;
        let git = Git::new(base_vars(ask));
        let named = planning.projects.iter();
        let projects: Vec<&Project> =
            named.filter_map(|name| self.fleet.projects.get(name).map(AsRef::as_ref)).collect();
        let health = discover::preflight(&git, &projects, self.config);
        for found in health.iter().filter_map(discover::Health::warning) {
            warnings.push(warning(WarningKind::Unhealthy, found));
        }
        let usable = |project: &&&Project| {
            health.iter().any(|health| health.project == project.name && health.is_usable())
        };
        let usable: Vec<&Project> = projects.iter().filter(usable).copied().collect();
        let fetched = discover::update(&git, self.home, &usable, settings.time.fetch);
        warnings.extend(fetched.into_iter().map(|found| warning(WarningKind::PullFailed, found)));
        let mut pointers = Vec::new();
        for project in &usable {
            match discover::scout(&git, project, self.config) {
                Ok(pointer) => pointers.push(pointer),
                Err(err) => warnings.push(Warning {
                    kind: WarningKind::Unhealthy,
                    text: chain(&err),
                    project: Some(project.name.clone()),
                }),
            }
        }
        if pointers.is_empty() {
            return Err("none of its projects can be planned for".to_owned());
        }
        let workspace = discover::workspace_agents_md(self.home, &usable).unwrap_or_else(|err| {
            let (kind, text) = (WarningKind::Guidance, chain(&err));
            warnings.push(Warning { kind, text, project: None });
            String::new()
        });
        asked.brief.place.reads = reads(&usable);
        asked.brief.policy.turn_ms = millis(settings.plan.timeout);
        let place = &asked.brief.place;
        let draft = Path::new(&place.envs).join(&place.key).join("output").join(draft);
        asked.prompt =
            self.planning_prompt(task, planning, &draft, asked, &pointers, &workspace)?;
        let there = |name: &&String| pointers.iter().any(|pointer| pointer.name == **name);
        Ok(planning.projects.iter().filter(|name| !there(name)).cloned().collect())
    }

    fn planning_prompt(
        &self,
        task: &Task,
        planning: &Planning,
        draft: &Path,
        asked: &Asked,
        pointers: &[Pointer],
        workspace: &str,
    ) -> Result<String, String> {
        let settings = self.settings()?;
        let secret = Secret::of(asked.brief.id.as_str(), &asked.brief.seed);
        let overrides = self.overrides(None)?;
        let names: Vec<String> = pointers.iter().map(|pointer| pointer.name.clone()).collect();
        let fresh = planning.why == Why::Fresh;
        let extra = if fresh { planning.text.as_str() } else { "" };
        let given = prompts::Planning {
            task: Words::task(&task.title, &task.body, task.trust, &secret),
            reference: task.reference.clone(),
            extra: Words::of_person(extra),
            workspace: Words::of_person(workspace),
            projects: pointers.iter().map(project_of).collect(),
            draft: draft_at(draft, &names)?,
            corrections: planning.tries,
            time: settings.plan.timeout,
        };
        let prompt = render(&Prompt::Planning(given), &overrides)?;
        if fresh {
            return Ok(prompt);
        }
        // Whoever planned before is gone: what was planned and what is wanted of it are told beside the task.
        let more = self.change(task, planning, draft, &secret, &overrides)?;
        Ok(format!("{}\n\n{more}", prompt.trim_end()))
    }

    fn part(
        &self,
        task: &Task,
        project: &str,
        asked: &mut Asked,
        ask: &RunAsk,
    ) -> Result<(), String> {
        let secret = Secret::of(asked.brief.id.as_str(), &asked.brief.seed);
        let held = self.fleet.projects.get(project).ok_or("its project is gone")?;
        let git = Git::new(base_vars(ask));
        let guidance = guidance(&git, held, self.config)?;
        let given = self.implementation(task, project, &asked.brief, &guidance, &secret)?;
        asked.prompt = render(&Prompt::Implementation(given), &self.overrides(Some(project))?)?;
        let parts = task.last_version().map(|version| &version.plan.sub_plans);
        let part = parts.and_then(|parts| parts.iter().find(|part| part.project == project));
        hooks_know(part, asked);
        Ok(())
    }

    /// Who serves others is the agent that the settings name, else whom they have.
    fn served(&self, task: &Task, purpose: &Purpose, settings: &Settings, ask: RunAsk) -> RunAsk {
        let served = match purpose {
            Purpose::Review { project, .. } => {
                chosen(settings.review.agent.as_ref()).or_else(|| self.author_of(task, project))
            }
            Purpose::Foreman { .. } => chosen(settings.foreman.agent.as_ref()),
            Purpose::Plan { .. } | Purpose::Part { .. } => None,
        };
        let Some(Choice { agent, model, account }) = served else { return ask };
        RunAsk { agent, model, account, ..ask }
    }

    fn settings(&self) -> Result<Settings, String> {
        config::user(self.config).map_err(|err| chain(&err))
    }

    fn overrides(&self, project: Option<&str>) -> Result<Overrides, String> {
        Overrides::read(self.config, project).map_err(|err| chain(&err))
    }
}

/// What a planner left in the file that it was to write; none where there is none, or something else than a file.
///
/// Errors: it is there and cannot be read: that says nothing of what the planner did.
pub fn read_draft(run: &Run, draft: &str) -> Result<Option<String>, String> {
    let root = &run.env().ok_or("its env does not stand")?.root;
    let path = Path::new(root).join("output").join(draft);
    let failed = |err: &io::Error| format!("{}: {err}", path.display());
    let file = match open_regular(&path) {
        Ok(file) => file,
        Err(err) if is_no_file(&err) => return Ok(None),
        Err(err) => return Err(failed(&err)),
    };
    let mut bytes = Vec::new();
    let most = u64::try_from(plan::LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    let read: io::Result<usize> = file.take(most).read_to_end(&mut bytes);
    read.map_err(|err| failed(&err))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Whether the planner left no file there: nothing, a folder, a link, a pipe.
fn is_no_file(err: &io::Error) -> bool {
    let kinds =
        [io::ErrorKind::NotFound, io::ErrorKind::InvalidInput, io::ErrorKind::NotADirectory];
    kinds.contains(&err.kind()) || err.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// Opens a file that is nothing else: what an agent wrote may be a link to anywhere, or a pipe that never ends.
fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// In a folder of its own, beside all projects.
fn nowhere(ask: RunAsk) -> RunAsk {
    let env_type = Some("directory".to_owned());
    RunAsk { env_type, project: None, branch: None, base: None, ..ask }
}

/// What was chosen for the task comes before how it was asked for.
fn by_choice(task: &Task, purpose: &Purpose, ask: RunAsk) -> RunAsk {
    let choice = match purpose {
        Purpose::Plan { .. } => task.course.planning.as_ref().map(|planning| &planning.choice),
        Purpose::Part { .. } | Purpose::Review { .. } | Purpose::Foreman { .. } => {
            Some(&task.course.choice)
        }
    };
    let choice = choice.filter(|choice| !choice.is_none());
    let Choice { agent, model, account } = choice.cloned().unwrap_or_default();
    RunAsk { agent, model, account, ..ask }
}

/// An agent that the settings name.
fn chosen(agent: Option<&String>) -> Option<Choice> {
    agent.map(|agent| Choice { agent: Some(agent.clone()), ..Choice::default() })
}

/// The file of a plan, with the command that a planner can look at it by.
fn draft_at(path: &Path, projects: &[String]) -> Result<prompts::Draft, String> {
    let skep = launch::own_program()?;
    Ok(prompts::Draft::new(path, Some(&skep), projects))
}

/// The repositories that a planner reads: their checkouts and their git folders.
fn reads(projects: &[&Project]) -> Vec<String> {
    projects.iter().flat_map(|project| [project.path.clone(), project.common_dir.clone()]).collect()
}

fn project_of(pointer: &Pointer) -> prompts::Project {
    prompts::Project {
        name: pointer.name.clone(),
        language: Some(pointer.language.clone()).filter(|language| language != "unknown"),
        framework: pointer.framework.clone(),
        path: pointer.main_dir.to_string_lossy().into_owned(),
        agents_md: pointer.agents_md.clone(),
        base: pointer.base.branch.clone(),
    }
}

/// Tells those who are asked around the making of a worktree which part it is for.
fn hooks_know(part: Option<&SubPlan>, asked: &mut Asked) {
    let hooks = &mut asked.brief.place.hooks;
    if !hooks.is_none() {
        hooks.sub_plan = part.map(|part| part.content.clone());
    }
}

/// The `AGENTS.md` of a project, as it stands where its work starts; empty where there is none.
fn guidance(git: &Git, project: &Project, config: &Path) -> Result<String, String> {
    let pointer = discover::scout(git, project, config).map_err(|err| chain(&err))?;
    let Some(file) = &pointer.agents_md else { return Ok(String::new()) };
    let repo = git::discover(git, &pointer.path).map_err(|err| chain(&err))?;
    let bytes = git::file_at(git, &repo, &pointer.base.oid, file).map_err(|err| chain(&err))?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default())
}

fn warning(kind: WarningKind, found: discover::Warning) -> Warning {
    Warning { kind, text: found.text, project: Some(found.project) }
}

fn render(prompt: &Prompt, overrides: &Overrides) -> Result<String, String> {
    prompts::render(prompt, overrides).map_err(|err| chain(&err))
}

fn base_vars(ask: &RunAsk) -> BTreeMap<String, String> {
    let base = ask.env.iter().filter(|(name, _)| launch::is_base(name));
    base.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
