//! Wishes about plans: that one is made, what a person says to it, and that it is carried out.
//!
//! Owns: which task and which projects are meant, and that all that can be wrong is told before anything is made or wished.
//! Never: decides where a task goes; the core does.

use std::{
    collections::BTreeMap,
    os::unix::net::UnixStream,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use skep_api::{
    request::{Ask, ImplementAsk, PlanAsk, RunAsk},
    view::{PlanView, TaskView},
    wire::{Refusal, chain},
};
use skep_core::{
    fleet::{Fleet, Input},
    id::{PlanId, RunId, TaskId},
    project::Project,
    refs::{self, Parts},
    run::Trust,
    task::{self, Choice, PartState, PlanState, Purpose, Task, TaskState},
    text,
};
use skep_host::git::{self, Git};

use super::{Door, Trouble, progress, value};
use crate::{
    briefing::{self, Briefing, Tried},
    config::{self, Settings},
    discover, launch, resolve,
};

/// How long worktrees that are on their way out are waited for.
const GIVEN_BACK: Duration = Duration::from_secs(30);

/// A person's word on a plan.
pub(super) struct Word<'a> {
    /// The plan, where that itself was named.
    pub plan: Option<PlanId>,
    pub allow: bool,
    pub text: &'a Option<String>,
    pub from_wave: Option<u32>,
}

/// A wish about the plan that was named, where one was.
fn on(plan: Option<&PlanId>, wish: task::Input) -> task::Input {
    match plan {
        Some(plan) => task::Input::On { plan: plan.clone(), wish: Box::new(wish) },
        None => wish,
    }
}

/// A task that is to be planned, as it is or would be.
struct Planned {
    task: Task,
    projects: Vec<String>,
    /// Whether the task is made by this.
    new: bool,
    /// A project that is registered by this.
    registers: Option<Project>,
}

impl Door {
    pub(super) fn plans(
        &self,
        key: &str,
        ask: &Ask,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        if let Ask::Plan(ask) = ask {
            self.plan(key, ask, out)
        } else if let Ask::Implement(ask) = ask {
            self.implement(key, ask, out)
        } else if let Ask::PlanEdit { of, text } = ask {
            self.edit_plan(key, of, text)
        } else if let Ask::PlanShow { of, version } = ask {
            self.show_plan(of, *version)
        } else if let Ask::Finalize { of } = ask {
            let task = self.planned(of)?;
            self.wish_task(key, &task.id, task::Input::Finalize)?;
            self.task_view(&task.id)
        } else {
            Ok(None)
        }
    }

    fn planned(&self, of: &str) -> Result<Arc<Task>, Trouble> {
        Ok(Arc::clone(self.wishes.board.read().fleet.find_plan(of)?.0))
    }

    pub(super) fn wish_task(
        &self,
        key: &str,
        task: &TaskId,
        input: task::Input,
    ) -> Result<(), Trouble> {
        self.wishes.wish(key, Input::Task { task: task.clone(), input }).map(drop)
    }

    pub(super) fn task_view(&self, id: &TaskId) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        value(&fleet.tasks.get(id).map(|task| TaskView::of(task, &fleet)))
    }

    pub(super) fn settings(&self) -> Result<Settings, Refusal> {
        config::user(&self.config).map_err(|err| Refusal::error(err.slug(), chain(&err)))
    }

    fn plan(
        &self,
        key: &str,
        ask: &PlanAsk,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let settings = self.settings()?;
        let fleet = self.wishes.board.read().fleet;
        let Planned { task, projects, new, registers } = self.to_plan(key, ask, &fleet)?;
        if self.wishes.counted(key)? {
            return self.task_view(&task.id);
        }
        // What is not there yet is tried out as if it were.
        let mut trial = fleet.as_ref().clone();
        trial.tasks.insert(task.id.clone(), Arc::new(task.clone()));
        if let Some(project) = &registers {
            trial.projects.insert(project.name.clone(), Arc::new(project.clone()));
        }
        let input = task::Input::Plan {
            text: ask.text.clone(),
            more: ask.more,
            projects,
            choice: choice_of(&ask.how),
            tries: settings.plan.max_parse_retries,
        };
        task.step(input.clone(), &trial.runs, (self.clock)())?;
        let purpose = Purpose::Plan { draft: String::new() };
        let ask_of = chosen_for(&ask.how, &task.course.choice, false);
        let tried = self.briefing(&trial).try_out(&task, &[purpose], &ask_of)?;
        if let Some(project) = registers {
            progress(out, &format!("project `{}` registered: {}", project.name, project.path))?;
            self.wishes.wish(&format!("{key}/project"), Input::AddProject(project))?;
        }
        if new {
            self.wishes.wish(&format!("{key}/task"), Input::AddTask(task.clone()))?;
        }
        self.hand_over(task.course.planner.iter().filter(|_| ask.more), &ask.how, &fleet)?;
        self.prepare(key, &task.id, &ask.how, tried)?;
        self.wish_task(key, &task.id, input)?;
        self.task_view(&task.id)
    }

    /// What goes on where it was gets the secrets of whoever wishes it.
    fn hand_over<'a>(
        &self,
        runs: impl Iterator<Item = &'a RunId>,
        ask: &RunAsk,
        fleet: &Fleet,
    ) -> Result<(), Refusal> {
        let mut runs = runs.filter_map(|run| fleet.runs.get(run)).filter(|run| run.is_ended());
        runs.try_for_each(|run| resolve::hand_over(&self.home, run, &ask.env))
    }

    fn briefing<'a>(&'a self, fleet: &'a Fleet) -> Briefing<'a> {
        Briefing { fleet, home: &self.home, config: &self.config, now: (self.clock)() }
    }

    /// Sees to what runs need before they are wanted: approvals, limits, how a person asked for them.
    fn prepare(
        &self,
        key: &str,
        task: &TaskId,
        ask: &RunAsk,
        mut tried: Tried,
    ) -> Result<(), Trouble> {
        let mut budgets = None;
        for (nth, resolved) in tried.resolved.iter_mut().enumerate() {
            if let Some(approval) = resolved.approve.take() {
                self.approve(&format!("{key}/{nth}/approve"), approval)?;
            }
            // Each knows the shares of its own project anew.
            let known = budgets.get_or_insert_with(|| resolved.budgets.clone());
            let project = resolved.briefs.first().and_then(|asked| asked.brief.project.clone());
            if let Some(project) = project {
                match resolved.budgets.projects.get(&project) {
                    Some(shares) => known.projects.insert(project, *shares),
                    None => known.projects.remove(&project),
                };
            }
        }
        if let Some(resolved) = tried.resolved.first() {
            self.wishes.wish(&format!("{key}/limits"), Input::Limits(resolved.limits))?;
        }
        if let Some(budgets) = budgets {
            self.wishes.wish(&format!("{key}/budgets"), Input::Budgets(budgets))?;
        }
        self.see_disk(key)?;
        briefing::keep(task, ask, &tried, &self.home)?;
        Ok(())
    }

    /// Finds the task and the projects that are meant.
    fn to_plan(&self, key: &str, ask: &PlanAsk, fleet: &Fleet) -> Result<Planned, Trouble> {
        let (now, title) = ((self.clock)(), ask.task.trim());
        if title.is_empty() {
            return Err(Refusal::error("title-empty", "what is to be planned?")
                .hint("skep plan \"a faster search\"")
                .hint("skep plan TASK   (skep task ls)")
                .into());
        }
        if let Some(name) = ask.projects.iter().find(|name| !fleet.projects.contains_key(*name)) {
            return Err(resolve::unknown_project(name, fleet).into());
        }
        let known = resolve::task(title, fleet)?;
        let new = known.is_none();
        let mut task = known.cloned().unwrap_or_else(|| new_task(key, title, ask, now));
        if ask.how.outside {
            task.trust = task.trust.with(Trust::Outside);
        }
        let still_there = |names: &[String]| -> Vec<String> {
            names.iter().filter(|name| fleet.projects.contains_key(*name)).cloned().collect()
        };
        let before = still_there(&task.course.projects);
        let own = task.project.as_ref().filter(|name| fleet.projects.contains_key(*name));
        let mut registers = None;
        let projects = match own {
            _ if !ask.projects.is_empty() => without_twins(&ask.projects),
            _ if !before.is_empty() => before,
            Some(own) => vec![own.clone()],
            None if !fleet.projects.is_empty() => fleet.projects.keys().cloned().collect(),
            None => {
                let project = resolve::project(&ask.how.cwd, None, None, fleet, now)?;
                let name = project.name.clone();
                registers = Some(project);
                vec![name]
            }
        };
        Ok(Planned { task, projects, new, registers })
    }

    /// A person's word on the plan of `task`.
    pub(super) fn rule_plan(
        &self,
        key: &str,
        task: &Task,
        word: &Word<'_>,
    ) -> Result<Option<Value>, Trouble> {
        let text = word.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let input = match (word.allow, text) {
            (true, None) => task::Input::Approve { from_wave: word.from_wave.unwrap_or(1) },
            (true, Some(_)) => {
                let refusal = Refusal::error("usage", "a plan is taken without words")
                    .hint(format!("skep reject {} TEXT   changes it", task.id))
                    .hint(format!("skep plan edit {}   in your own hand", task.id));
                return Err(refusal.into());
            }
            (false, Some(text)) => {
                let tries = self.settings()?.plan.max_parse_retries;
                task::Input::Reject { text: text.to_owned(), tries }
            }
            (false, None) => {
                let refusal = Refusal::error("words-missing", "say what is to be otherwise")
                    .hint(format!("skep reject {} \"the API comes first\"", task.id))
                    .hint(format!("skep plan edit {}   in your own hand", task.id));
                return Err(refusal.into());
            }
        };
        self.wish_task(key, &task.id, on(word.plan.as_ref(), input))?;
        self.view_of_plan(&task.id, None)
    }

    fn edit_plan(&self, key: &str, of: &str, text: &str) -> Result<Option<Value>, Trouble> {
        let task = self.planned(of)?;
        let plan = self.wishes.board.read().fleet.find_plan(of)?.1;
        let input = task::Input::Edit { text: text.to_owned() };
        self.wish_task(key, &task.id, on(plan.as_ref(), input))?;
        self.view_of_plan(&task.id, None)
    }

    fn show_plan(&self, of: &str, number: Option<u32>) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let (task, version) = fleet.find_plan(of)?;
        let version = match number {
            None => version,
            Some(number) => {
                let found = task.course.versions.iter().find(|version| version.number == number);
                let id = found.map(|version| version.id.clone()).ok_or_else(|| {
                    let last = task.course.versions.len();
                    let text = format!("{} has {last} versions, and no version {number}", task.id);
                    Refusal::error("version-unknown", text)
                        .hint(format!("skep plan show {}", task.id))
                })?;
                Some(id)
            }
        };
        self.view_of_plan(&task.id, version.as_ref())
    }

    fn view_of_plan(&self, id: &TaskId, plan: Option<&PlanId>) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let task = fleet.tasks.get(id);
        let version = task.and_then(|task| match plan {
            Some(plan) => task.version(plan),
            None => task.last_version(),
        });
        match task.zip(version) {
            Some((task, version)) => value(&PlanView::of(task, version, &fleet)),
            None => {
                let refusal = Refusal::error("no-plan", format!("{id} has no plan yet"));
                Err(match task.is_some_and(|task| task.state == TaskState::Planning) {
                    true => refusal.hint(format!("skep show {id}   how far its planner is")),
                    false => refusal.hint(format!("skep plan {id}")),
                }
                .into())
            }
        }
    }

    /// What holds when no worktree of the task is on its way out any more, or when that takes too long.
    fn when_given_back(&self, of: &str) -> Result<Arc<Fleet>, Trouble> {
        let until = Instant::now() + GIVEN_BACK;
        let mut posted = self.wishes.board.read();
        while posted.fleet.find_plan(of)?.0.gives_back(&posted.fleet.runs)
            && !posted.closing
            && Instant::now() < until
        {
            posted = self.wishes.board.wait_beyond(posted.seq, Some(until));
        }
        Ok(posted.fleet)
    }

    fn implement(
        &self,
        key: &str,
        ask: &ImplementAsk,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let settings = self.settings()?;
        let fleet = self.when_given_back(&ask.of)?;
        let (task, _) = fleet.find_plan(&ask.of)?;
        if self.wishes.counted(key)? {
            return self.task_view(&task.id);
        }
        let choice = choice_of(&ask.how);
        let mut rules = rules_of(&settings);
        let wish = |branch: String, rules: &task::Rules| {
            let (choice, rules) = (choice.clone(), rules.clone());
            task::Input::Implement { branch, choice, rules }
        };
        let now = (self.clock)();
        // Whether it fits at all is told before repositories are looked at.
        task.step(wish("skep/none".to_owned(), &rules), &fleet.runs, now)?;
        let left = left_of(task);
        let projects = self.preflight(&ask.how, &left, &fleet)?;
        let purposes = purposes_of(&left, &rules);
        let ask_of = chosen_for(&ask.how, &task.course.choice, true);
        let briefing = self.briefing(&fleet);
        let mut tried = briefing.try_out(task, &purposes, &ask_of).map_err(for_implement)?;
        match briefing.try_foreman(task, &ask_of).map_err(for_implement)? {
            Ok(foreman) => {
                rules.foreman = true;
                tried.resolved.push(foreman);
            }
            Err(why) => progress(out, &format!("there is no foreman, questions go to you: {why}"))?,
        }
        let branch = match &task.course.branch {
            Some(branch) => branch.clone(),
            None => branch_for(task, &ask.how, &settings, &projects)?,
        };
        let parts = task.plan().into_iter().flat_map(|version| version.parts.values());
        self.hand_over(parts.filter_map(|part| part.run.as_ref()), &ask.how, &fleet)?;
        progress(out, &format!("branch {branch} in {}", left.join(", ")))?;
        self.prepare(key, &task.id, &ask.how, tried)?;
        self.wish_task(key, &task.id, wish(branch, &rules))?;
        self.task_view(&task.id)
    }

    /// Looks whether work can be done in each of these projects.
    ///
    /// Errors: all that stands in the way, of all of them.
    fn preflight<'a>(
        &self,
        ask: &RunAsk,
        names: &[String],
        fleet: &'a Fleet,
    ) -> Result<Vec<&'a Project>, Refusal> {
        if let Some(name) = names.iter().find(|name| !fleet.projects.contains_key(*name)) {
            return Err(resolve::unknown_project(name, fleet)
                .hint(format!("skep project add PATH --name {}", text::shell(name))));
        }
        let projects: Vec<&Project> =
            names.iter().filter_map(|name| fleet.projects.get(name).map(AsRef::as_ref)).collect();
        let git = git_of(ask);
        let ill: Vec<discover::Warning> = discover::preflight(&git, &projects, &self.config)
            .iter()
            .filter(|health| !health.is_usable())
            .filter_map(discover::Health::warning)
            .collect();
        let Some(first) = ill.first() else { return Ok(projects) };
        let said: Vec<&str> = ill.iter().map(|warning| warning.text.as_str()).collect();
        let refusal = Refusal::error(&first.kind, said.join("; "));
        Err(ill.iter().flat_map(|warning| &warning.ways).fold(refusal, Refusal::hint))
    }
}

/// What a script that nobody approved asks for, in the words of this verb.
fn for_implement(mut refusal: Refusal) -> Refusal {
    for hint in &mut refusal.hints {
        *hint = hint.replace("skep run --yes …", "skep implement TASK --yes");
    }
    refusal
}

/// The parts that are not done, in the order of work.
fn left_of(task: &Task) -> Vec<String> {
    let Some(version) = task.plan().filter(|plan| plan.state == PlanState::Approved) else {
        return Vec::new();
    };
    let is_left = |project: &&str| {
        version.parts.get(*project).is_some_and(|part| part.state != PartState::Completed)
    };
    version.projects().filter(is_left).map(str::to_owned).collect()
}

/// What runs are wanted for when these parts are carried out: a reviewer needs what it is given as well.
fn purposes_of(left: &[String], rules: &task::Rules) -> Vec<Purpose> {
    let part = |project: &String| Purpose::Part { project: project.clone() };
    let review = |project: &String| Purpose::Review {
        project: project.clone(),
        cycle: 0,
        head: String::new(),
    };
    let reviewed = left.iter().filter(|_| rules.cycles > 0);
    left.iter().map(part).chain(reviewed.map(review)).collect()
}

/// How parts are reviewed by the settings; whether there is a foreman, its agent says.
fn rules_of(settings: &Settings) -> task::Rules {
    task::Rules {
        cycles: settings.review.max_cycles,
        threshold: settings.review.threshold,
        auto: settings.review.auto_feedback_loop,
        foreman: false,
    }
}

fn choice_of(ask: &RunAsk) -> Choice {
    Choice { agent: ask.agent.clone(), model: ask.model.clone(), account: ask.account.clone() }
}

/// How it is asked for, with what was chosen before where nothing is chosen now.
fn chosen_for(ask: &RunAsk, before: &Choice, keeps: bool) -> RunAsk {
    if !keeps || !choice_of(ask).is_none() {
        return ask.clone();
    }
    let Choice { agent, model, account } = before.clone();
    RunAsk { agent, model, account, ..ask.clone() }
}

fn without_twins(names: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if !kept.contains(name) {
            kept.push(name.clone());
        }
    }
    kept
}

fn new_task(key: &str, title: &str, ask: &PlanAsk, now: skep_core::time::Timestamp) -> Task {
    let project = match ask.projects.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    Task {
        id: TaskId::new(resolve::spell(key)),
        title: title.to_owned(),
        body: ask.how.prompt.clone().unwrap_or_default(),
        project,
        reference: None,
        priority: 0,
        needs: Vec::new(),
        added: now,
        state: TaskState::Ingested,
        run: None,
        choice: Choice::default(),
        trust: Trust::Person,
        course: Box::default(),
    }
}

fn git_of(ask: &RunAsk) -> Git {
    let base = ask.env.iter().filter(|(name, _)| launch::is_base(name));
    let vars: BTreeMap<&String, &String> = base.collect();
    Git::new(vars)
}

/// A name for the branch of all its work, that is free in every project.
fn branch_for(
    task: &Task,
    ask: &RunAsk,
    settings: &Settings,
    projects: &[&Project],
) -> Result<String, Refusal> {
    let short: String = task.id.tail().chars().take(6).collect();
    let user = ask.env.get("USER").or_else(|| ask.env.get("LOGNAME")).cloned().unwrap_or_default();
    let wanted = match &task.reference {
        Some(reference) => refs::external_branch(reference, &task.title),
        None => refs::branch_name(
            &settings.branch,
            &Parts {
                slug: &text::slug(&task.title),
                name: "",
                short: &short,
                task: task.id.tail(),
                user: &user,
            },
        ),
    };
    let git = git_of(ask);
    let mut repositories = Vec::new();
    for project in projects {
        let repo = git::discover(&git, Path::new(&project.path));
        repositories.push(repo.map_err(|err| resolve::git_refusal(&err))?);
    }
    for name in refs::candidates(&wanted, &short) {
        let mut taken = false;
        for repo in &repositories {
            let local = git::branch(&git, repo, &name).map_err(|err| resolve::git_refusal(&err))?;
            let remote = git::base(&git, repo, Some(&format!("origin/{name}")));
            taken |= local.is_some() || remote.is_ok();
        }
        if !taken {
            return Ok(name);
        }
    }
    let text = format!("the branch {wanted}, and every name beside it, is taken in these projects");
    Err(Refusal::error("branch-taken", text)
        .hint("git branch --list 'skep/*'   which there are")
        .hint("skep config set branch \"skep/{slug}-{short}\""))
}
