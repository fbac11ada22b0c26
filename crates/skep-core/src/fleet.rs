//! Everything that skep holds: projects, tasks, runs, and who may have a slot.
//!
//! Owns: routing of inputs, what a task or a name allows, the next moment of waking, names for workers.
//! Never: decides what a run does; the run's own table does. Who may have a slot is `slots`.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    id::{RunId, TaskId},
    project::Project,
    run::{self, Brief, EnvState, EnvType, Rejected, Run, State},
    task::{Task, TaskState},
    time::Timestamp,
};

mod slots;
#[cfg(test)]
mod tests;

use slots::Slots;

/// How many runs an error names that knows none by the text it was given.
const LISTED: usize = 8;

/// Names that workers get, in this order.
const NAMES: &[&str] = &[
    "amber",
    "agate",
    "azurite",
    "basalt",
    "beryl",
    "calcite",
    "cinnabar",
    "citrine",
    "copal",
    "coral",
    "diorite",
    "dolomite",
    "emerald",
    "epidote",
    "feldspar",
    "flint",
    "fluorite",
    "gabbro",
    "galena",
    "garnet",
    "gneiss",
    "gypsum",
    "halite",
    "hematite",
    "jade",
    "jasper",
    "jet",
    "kyanite",
    "lapis",
    "limonite",
    "malachite",
    "marble",
    "mica",
    "obsidian",
    "olivine",
    "onyx",
    "opal",
    "pearl",
    "peridot",
    "pumice",
    "pyrite",
    "quartz",
    "ruby",
    "rutile",
    "sapphire",
    "schist",
    "slate",
    "spinel",
    "topaz",
    "zircon",
];

/// How much may happen at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub runs: u32,
    pub per_project: u32,
    pub prepare: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { runs: 8, per_project: 8, prepare: 4 }
    }
}

/// Everything that skep holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fleet {
    pub limits: Limits,
    pub projects: BTreeMap<String, Arc<Project>>,
    pub tasks: BTreeMap<TaskId, Arc<Task>>,
    pub runs: BTreeMap<RunId, Arc<Run>>,
    created: u64,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    Limits(Limits),
    AddProject(Project),
    RemoveProject {
        name: String,
    },
    Approve {
        project: String,
        digest: String,
    },
    AddTask(Task),
    /// Begins a run. The brief's name is empty where the fleet is to choose one.
    Create(Box<Brief>),
    Run {
        run: RunId,
        input: run::Input,
    },
    Tick,
}

/// A fact, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    House(House),
    Run(run::Event),
}

/// A fact about the fleet itself, its projects or its tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum House {
    LimitsSet { limits: Limits },
    ProjectAdded { project: Project },
    ProjectRemoved { name: String },
    ProjectApproved { name: String, digest: String },
    TaskAdded { task: Task },
    TaskMoved { state: TaskState, run: Option<RunId> },
}

/// An event with what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// A run's or task's id, `project/NAME` or `fleet`.
    pub subject: String,
    pub event: Event,
}

/// What one input led to; it is applied already.
#[derive(Debug, Default, PartialEq)]
pub struct Decided {
    pub events: Vec<About>,
    pub effects: Vec<run::Effect>,
}

/// An event of the ledger that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("{0}")]
    Run(#[from] run::Misfit),
    #[error("`{subject}` is not known")]
    Unknown { subject: String },
}

impl Fleet {
    /// Decides what `input` at `now` leads to, and makes it so: the input itself, then what becomes possible by it.
    ///
    /// Errors: [`Rejected`] when the input itself does not fit; nothing has changed then.
    pub fn decide(&mut self, input: Input, now: Timestamp) -> Result<Decided, Rejected> {
        let mut decided = Decided::default();
        self.one(input, now, &mut decided)?;
        // Each admission takes a run out of the line, so this ends.
        while let Some(run) = self.next_admitted(now) {
            let admit = Input::Run { run, input: run::Input::Admit };
            if self.one(admit, now, &mut decided).is_err() {
                break;
            }
        }
        Ok(decided)
    }

    fn one(&mut self, input: Input, now: Timestamp, decided: &mut Decided) -> Result<(), Rejected> {
        match input {
            Input::Limits(limits) => {
                if limits != self.limits {
                    self.note("fleet", House::LimitsSet { limits }, now, decided);
                }
            }
            Input::AddProject(mut project) => {
                self.check_project(&project)?;
                if let Some(held) = self.projects.get(&project.name) {
                    project.added = held.added;
                    project.approved = project.approved.or_else(|| held.approved.clone());
                }
                let subject = format!("project/{}", project.name);
                self.note(&subject, House::ProjectAdded { project }, now, decided);
            }
            Input::RemoveProject { name } => {
                self.check_removal(&name)?;
                self.note(&format!("project/{name}"), House::ProjectRemoved { name }, now, decided);
            }
            Input::Approve { project, digest } => {
                self.require_project(&project)?;
                let event = House::ProjectApproved { name: project.clone(), digest };
                self.note(&format!("project/{project}"), event, now, decided);
            }
            Input::AddTask(task) => {
                if self.tasks.contains_key(&task.id) {
                    return Err(taken(task.id.as_str()));
                }
                if let Some(missing) = task.needs.iter().find(|need| !self.tasks.contains_key(need))
                {
                    return Err(reject(
                        "task-unknown",
                        format!("`{missing}` is not a task"),
                        &["skep task ls"],
                    ));
                }
                let subject = task.id.to_string();
                self.note(&subject, House::TaskAdded { task }, now, decided);
            }
            Input::Create(brief) => self.create(*brief, now, decided)?,
            Input::Run { run, input } => self.step(&run, input, now, decided)?,
            Input::Tick => {
                let due: Vec<RunId> = self
                    .runs
                    .values()
                    .filter(|run| run.next_wake().is_some_and(|at| at <= now))
                    .map(|run| run.id().clone())
                    .collect();
                for run in due {
                    self.step(&run, run::Input::Tick, now, decided)?;
                }
            }
        }
        Ok(())
    }

    fn create(
        &mut self,
        mut brief: Brief,
        now: Timestamp,
        decided: &mut Decided,
    ) -> Result<(), Rejected> {
        if self.runs.contains_key(&brief.id) {
            return Err(taken(brief.id.as_str()));
        }
        if let Some(project) = &brief.project {
            self.require_project(project)?;
        }
        if brief.name.is_empty() {
            brief.name = self.free_name();
        } else {
            self.check_name(&brief)?;
        }
        if let Some(id) = &brief.task {
            self.check_task(id)?;
        }
        self.check_branch(&brief)?;
        let (subject, task) = (brief.id.to_string(), brief.task.clone());
        let run = brief.id.clone();
        self.record(
            &subject,
            Event::Run(run::Event::Created { brief: Box::new(brief) }),
            now,
            decided,
        );
        if let Some(task) = task {
            let moved = House::TaskMoved { state: TaskState::Implementing, run: Some(run) };
            self.note(task.as_str(), moved, now, decided);
        }
        Ok(())
    }

    fn check_name(&self, brief: &Brief) -> Result<(), Rejected> {
        match self.holder_of_name(&brief.name).filter(|holder| *holder.id() != brief.id) {
            Some(holder) => Err(reject(
                "name-taken",
                format!("the name `{}` is held by {}", brief.name, holder.id()),
                &["choose another --name", &format!("skep close {}", holder.id())],
            )),
            None => Ok(()),
        }
    }

    /// A branch that was asked for by name is for one run at a time.
    fn check_branch(&self, brief: &Brief) -> Result<(), Rejected> {
        let place = &brief.place;
        let asked = place
            .branches
            .first()
            .filter(|_| place.exact_branch && place.env_type == EnvType::Worktree);
        let Some(asked) = asked else { return Ok(()) };
        let holder = self.runs.values().find(|run| {
            holds_name(run)
                && run.brief.place.repository == place.repository
                && branch_of(run) == Some(asked)
        });
        match holder {
            Some(other) => Err(reject(
                "branch-held",
                format!("branch `{asked}` is held by {}", other.id()),
                &[&format!("skep show {}", other.id())],
            )),
            None => Ok(()),
        }
    }

    /// What may stand against another attempt of `run`: that meanwhile another has its task or its name.
    fn check_again(&self, run: &Run) -> Result<(), Rejected> {
        self.check_name(&run.brief)?;
        match &run.brief.task {
            Some(id)
                if self.tasks.get(id).is_some_and(|task| task.run.as_ref() != Some(run.id())) =>
            {
                self.check_task(id)
            }
            _ => Ok(()),
        }
    }

    fn check_task(&self, id: &TaskId) -> Result<(), Rejected> {
        let Some(task) = self.tasks.get(id) else {
            return Err(reject("task-unknown", format!("`{id}` is not a task"), &["skep task ls"]));
        };
        let holder = task.run.as_ref().and_then(|run| self.runs.get(run));
        match task.state {
            TaskState::Ingested | TaskState::Failed => Ok(()),
            TaskState::Implementing => {
                let run = holder.map_or_else(
                    || "a run".to_owned(),
                    |run| format!("{} ({})", run.id(), run.brief.name),
                );
                let way = holder
                    .map_or_else(|| "skep ls".to_owned(), |run| format!("skep show {}", run.id()));
                Err(reject("task-held", format!("{id} is being worked on by {run}"), &[&way]))
            }
            TaskState::Completed => Err(reject(
                "task-completed",
                format!("{id} is completed"),
                &["skep task add TITLE", &format!("skep task show {id}")],
            )),
        }
    }

    fn check_project(&self, project: &Project) -> Result<(), Rejected> {
        match self.projects.get(&project.name) {
            Some(held)
                if held.common_dir != project.common_dir || held.sub_dir != project.sub_dir =>
            {
                Err(reject(
                    "project-name-taken",
                    format!("the project `{}` is {}", project.name, held.path),
                    &["give it another name with --name"],
                ))
            }
            _ => Ok(()),
        }
    }

    fn require_project(&self, name: &str) -> Result<&Project, Rejected> {
        self.projects.get(name).map(AsRef::as_ref).ok_or_else(|| {
            reject(
                "project-unknown",
                format!("`{name}` is not a project"),
                &["skep project ls", "skep project add PATH"],
            )
        })
    }

    fn check_removal(&self, name: &str) -> Result<(), Rejected> {
        self.require_project(name)?;
        let held = self.runs.values().find(|run| {
            run.brief.project.as_deref() == Some(name)
                && (!run.is_ended()
                    || matches!(run.env, EnvState::Held(_) | EnvState::Closing { .. }))
        });
        match held {
            Some(run) => Err(reject(
                "project-held",
                format!("{} of `{name}` is {} and holds an env", run.id(), run.state_name()),
                &[&format!("skep close {} --keep-branch", run.id())],
            )),
            None => Ok(()),
        }
    }

    fn step(
        &mut self,
        id: &RunId,
        input: run::Input,
        now: Timestamp,
        decided: &mut Decided,
    ) -> Result<(), Rejected> {
        let Some(run) = self.runs.get(id) else {
            return Err(reject("run-unknown", format!("`{id}` is not a run"), &["skep ls --all"]));
        };
        let again = input == run::Input::Again;
        let step = run.step(input, now)?;
        if again {
            self.check_again(run)?;
        }
        let task = run.brief.task.clone();
        let mut moved = again.then_some(TaskState::Implementing);
        for event in step.events {
            if let run::Event::Ended { outcome, .. } = &event {
                moved = Some(TaskState::after(*outcome));
            }
            self.record(id.as_str(), Event::Run(event), now, decided);
        }
        decided.effects.extend(step.effects);
        if let (Some(task), Some(state)) = (task, moved)
            && self.tasks.get(&task).is_some_and(|task| again || task.run.as_ref() == Some(id))
        {
            self.note(
                task.as_str(),
                House::TaskMoved { state, run: Some(id.clone()) },
                now,
                decided,
            );
        }
        Ok(())
    }

    fn note(&mut self, subject: &str, event: House, now: Timestamp, decided: &mut Decided) {
        self.record(subject, Event::House(event), now, decided);
    }

    fn record(&mut self, subject: &str, event: Event, now: Timestamp, decided: &mut Decided) {
        self.apply(subject, &event, now).expect("an event decided from this very state fits it");
        decided.events.push(About { subject: subject.to_owned(), event });
    }

    /// Makes `event` about `subject`, decided here or read from the ledger, true.
    ///
    /// Errors: [`Misfit`] when it does not fit what is held.
    pub fn apply(&mut self, subject: &str, event: &Event, at: Timestamp) -> Result<(), Misfit> {
        let unknown = || Misfit::Unknown { subject: subject.to_owned() };
        match event {
            Event::House(House::LimitsSet { limits }) => self.limits = *limits,
            Event::House(House::ProjectAdded { project }) => {
                self.projects.insert(project.name.clone(), Arc::new(project.clone()));
            }
            Event::House(House::ProjectRemoved { name }) => {
                self.projects.remove(name).ok_or_else(unknown)?;
            }
            Event::House(House::ProjectApproved { name, digest }) => {
                let project = self.projects.get_mut(name).ok_or_else(unknown)?;
                Arc::make_mut(project).approved = Some(digest.clone());
            }
            Event::House(House::TaskAdded { task }) => {
                self.tasks.insert(task.id.clone(), Arc::new(task.clone()));
            }
            Event::House(House::TaskMoved { state, run }) => {
                let id: TaskId = subject.parse().map_err(|_| unknown())?;
                let task = Arc::make_mut(self.tasks.get_mut(&id).ok_or_else(unknown)?);
                task.state = *state;
                task.run.clone_from(run);
            }
            Event::Run(run::Event::Created { brief }) => {
                if brief.id.as_str() != subject || self.runs.contains_key(&brief.id) {
                    return Err(unknown());
                }
                self.created += 1;
                let run = Run::new(brief.as_ref().clone(), self.created, at);
                self.runs.insert(brief.id.clone(), Arc::new(run));
            }
            Event::Run(event) => {
                let id: RunId = subject.parse().map_err(|_| unknown())?;
                let run = self.runs.get_mut(&id).ok_or_else(unknown)?;
                Arc::make_mut(run).apply(event, at)?;
            }
        }
        Ok(())
    }

    /// The run that may go next, by the order of asking; none while every slot that one needs is taken.
    fn next_admitted(&self, now: Timestamp) -> Option<RunId> {
        let mut line: Vec<&Arc<Run>> = self.runs.values().filter(|run| is_in_line(run)).collect();
        if line.is_empty() {
            return None;
        }
        line.sort_by_key(|run| run.order);
        let slots = Slots::taken(self);
        line.into_iter().find(|run| slots.held_back(run, now).is_none()).map(|run| run.id().clone())
    }

    /// Why a run that is in line for a slot does not get one, in one sentence; none when it may, or is in no line.
    pub fn held_back(&self, run: &Run, now: Timestamp) -> Option<String> {
        if is_in_line(run) { Slots::taken(self).held_back(run, now) } else { None }
    }

    /// The next moment at which the clock means something. After a decision it is never past: what only waits for a
    /// slot is woken by whoever gives one back.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let slots = Slots::taken(self);
        let by_clock = |run: &&Arc<Run>| match run.state {
            State::Queued { not_before: Some(at) } => slots.held_back(run, at).is_none(),
            State::Queued { not_before: None }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => true,
        };
        self.runs.values().filter(by_clock).filter_map(|run| run.next_wake()).min()
    }

    fn free_name(&self) -> String {
        let themed = NAMES.iter().find(|name| self.holder_of_name(name).is_none());
        let numbered = || {
            let free = |name: &String| self.holder_of_name(name).is_none();
            (self.created + 1..).map(|n| format!("worker-{n}")).find(free)
        };
        themed.map(|name| (*name).to_owned()).or_else(numbered).unwrap_or_default()
    }

    fn holder_of_name(&self, name: &str) -> Option<&Arc<Run>> {
        self.runs.values().find(|run| run.brief.name == name && holds_name(run))
    }

    /// Finds the run that `text` names: an id, a prefix of one that fits only once, or a worker's name.
    ///
    /// Errors: unknown or ambiguous, with the candidates.
    pub fn find_run(&self, text: &str) -> Result<&Arc<Run>, Rejected> {
        let tail = text.strip_prefix("run_").unwrap_or(text);
        let fitting: Vec<&Arc<Run>> = self
            .runs
            .values()
            .filter(|run| !tail.is_empty() && run.id().tail().starts_with(tail))
            .collect();
        if let Some(exact) = fitting.iter().find(|run| run.id().tail() == tail) {
            return Ok(exact);
        }
        let named = self
            .runs
            .values()
            .filter(|run| run.brief.name == text)
            .max_by_key(|run| (holds_name(run), run.order));
        match (named, fitting.as_slice()) {
            (Some(run), _) => Ok(run),
            (None, [run]) => Ok(run),
            (None, []) => Err(self.unknown_run(text)),
            (None, many) => {
                let text = format!("`{text}` fits {}", listed(many));
                Err(reject("run-ambiguous", text, &["give more characters"]))
            }
        }
    }

    fn unknown_run(&self, text: &str) -> Rejected {
        let mut known: Vec<&Arc<Run>> = self.runs.values().filter(|run| holds_name(run)).collect();
        known.sort_by_key(|run| std::cmp::Reverse(run.order));
        known.truncate(LISTED);
        let text = match known.as_slice() {
            [] => format!("no run is called `{text}`"),
            known => format!("no run is called `{text}`; there are {}", listed(known)),
        };
        reject("run-unknown", text, &["skep ls --all"])
    }

    /// Finds the task that `text` names: an id or a prefix of one that fits only once.
    ///
    /// Errors: unknown or ambiguous, with the candidates.
    pub fn find_task(&self, text: &str) -> Result<&Arc<Task>, Rejected> {
        let tail = text.strip_prefix("task_").unwrap_or(text);
        let fitting: Vec<&Arc<Task>> = self
            .tasks
            .values()
            .filter(|task| !tail.is_empty() && task.id.tail().starts_with(tail))
            .collect();
        if let Some(exact) = fitting.iter().find(|task| task.id.tail() == tail) {
            return Ok(exact);
        }
        match fitting.as_slice() {
            [task] => Ok(task),
            [] => Err(reject(
                "task-unknown",
                format!(
                    "`{text}` is not a task: give an id like task_7k2m9qx4ab, or the beginning of one"
                ),
                &["skep task ls"],
            )),
            many => {
                let list: Vec<String> = many.iter().map(|task| task.id.to_string()).collect();
                Err(reject(
                    "task-ambiguous",
                    format!("`{text}` fits {}", list.join(", ")),
                    &["give more characters"],
                ))
            }
        }
    }
}

/// Whether a slot is all that it waits for, or a moment and a slot.
fn is_in_line(run: &Run) -> bool {
    match run.state {
        State::Queued { .. } => true,
        State::Waiting { .. } => !run.given.is_empty(),
        State::Preparing { .. }
        | State::Starting { .. }
        | State::Running { .. }
        | State::Stalled { .. }
        | State::Stopping { .. }
        | State::Ended { .. } => false,
    }
}

/// The branch that a run has, or would have first.
fn branch_of(run: &Run) -> Option<&String> {
    match run.env() {
        Some(env) => env.branch.as_ref(),
        None => run.brief.place.branches.first(),
    }
}

fn listed(runs: &[&Arc<Run>]) -> String {
    let list: Vec<String> =
        runs.iter().map(|run| format!("{} ({})", run.id(), run.brief.name)).collect();
    list.join(", ")
}

fn holds_name(run: &Run) -> bool {
    !run.is_ended() || matches!(run.env, EnvState::Held(_) | EnvState::Closing { .. })
}

fn taken(id: &str) -> Rejected {
    reject("id-taken", format!("`{id}` is there already"), &["ask again with another id"])
}

fn reject(slug: &'static str, text: String, hints: &[&str]) -> Rejected {
    Rejected { slug, text, hints: hints.iter().map(|hint| (*hint).to_owned()).collect() }
}
