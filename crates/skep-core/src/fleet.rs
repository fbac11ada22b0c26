//! Everything that skep holds: projects, tasks, runs, and who may have a slot.
//!
//! Owns: routing of inputs, what a task or a name allows, the next moment of waking, names for workers.
//! Never: decides what a run does; the run's own table does. Who may have a slot is `slots`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    budget::{Amount, Budget},
    id::{OpId, RunId, TaskId},
    keep::{self, Due, Keep},
    lease,
    names::{self, Pool},
    notice,
    project::Project,
    radar::{self, Clash, Pair, Radar, Stray},
    run::{self, Brief, EnvState, EnvType, How, Rejected, Run, State},
    task::{self, Task, TaskState},
    text,
    time::Timestamp,
};

mod changes;
mod find;
mod inherit;
mod landing;
pub mod leases;
pub mod money;
mod notices;
mod on_radar;
mod quotas;
mod slots;
mod tasks;
#[cfg(test)]
mod tests;
mod within;

pub use money::{AtDay, Budgets, Day, DayMet, Shares, Spending, User};
pub use quotas::{Quotas, Shut};
use slots::Slots;

/// How much may happen at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub runs: u32,
    pub per_project: u32,
    pub prepare: u32,
    /// Named workers of a project.
    #[serde(default = "workers")]
    pub workers: u32,
    /// Below this much free disk no new run starts. Bytes.
    #[serde(default)]
    pub disk_free: u64,
    /// Reviewers, beside the other runs.
    #[serde(default = "two")]
    pub reviews: u32,
    /// Foremen, beside the other runs.
    #[serde(default = "two")]
    pub foremen: u32,
    /// Gates, beside the other runs.
    #[serde(default = "two")]
    pub gates: u32,
}

fn two() -> u32 {
    2
}

fn workers() -> u32 {
    25
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            runs: 8,
            per_project: 8,
            prepare: 4,
            workers: workers(),
            disk_free: 0,
            reviews: two(),
            foremen: two(),
            gates: two(),
        }
    }
}

/// Everything that skep holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fleet {
    pub limits: Limits,
    pub projects: BTreeMap<String, Arc<Project>>,
    pub tasks: BTreeMap<TaskId, Arc<Task>>,
    pub runs: BTreeMap<RunId, Arc<Run>>,
    /// The free disk, while it is below the limit. Bytes.
    pub short: Option<u64>,
    /// The limits of tasks, projects and days.
    pub budgets: Budgets,
    /// What all runs have used, by day.
    pub spending: Spending,
    /// The last day whose budget was spent.
    pub day_met: Option<DayMet>,
    /// The theme of each project's names, where none was asked for.
    pub themes: BTreeMap<String, String>,
    /// The highest number that each project gave instead of a name; none is given twice.
    overflow: BTreeMap<String, u64>,
    created: u64,
    /// Which logins are at their usage limit.
    pub quotas: Quotas,
    /// What was answered to runs of each project, the oldest first.
    pub answers: BTreeMap<String, Vec<task::Known>>,
    /// What something else was found to use of the resources that runs need.
    pub used: lease::Used,
    /// What people are told, and how far it has come.
    pub notices: Arc<notice::Notices>,
    /// Which runs collide.
    pub radar: Arc<Radar>,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    Limits(Limits),
    Budgets(Budgets),
    /// The free disk where envs lie, as it was just measured; none where it could not be. Bytes.
    Disk(Option<u64>),
    /// What has had its time is to go.
    Clean {
        op: OpId,
        keep: Keep,
    },
    AddProject(Project),
    RemoveProject {
        name: String,
    },
    Approve {
        project: String,
        digest: String,
    },
    /// A person approves the gates of a project as they are.
    ApproveGates {
        project: String,
        digest: String,
    },
    AddTask(Task),
    /// A person vouches for the words of a task that somebody else wrote.
    LiftTask {
        task: TaskId,
    },
    /// A wish for a task, or a report of what was done for one.
    Task {
        task: TaskId,
        input: task::Input,
    },
    /// A task and all that is known of it goes; with a wish, its runs are given up first: all of each is kept.
    RemoveTask {
        task: TaskId,
        force: Option<OpId>,
    },
    /// The run that a task asked for can begin; or why it cannot.
    Begin {
        task: TaskId,
        run: RunId,
        begun: Result<Begun, String>,
        warnings: Vec<task::Warning>,
    },
    /// Begins a run. The brief's name is empty where the fleet is to choose one.
    Create {
        brief: Box<Brief>,
        naming: Naming,
    },
    Run {
        run: RunId,
        input: run::Input,
    },
    /// The gates of a landing as they are to be begun, each a run of its own; or why they cannot be.
    Check {
        run: RunId,
        op: OpId,
        /// The commit that they are to look at.
        commit: String,
        made: Result<Vec<Brief>, run::OpResult>,
    },
    /// What people are told.
    Notice(notice::Input),
    /// What a look at the worktrees of a repository gave.
    Radar(Box<radar::Seen>),
    Tick,
}

/// What a run that a task asked for is begun with.
#[derive(Debug, Clone, PartialEq)]
pub struct Begun {
    pub brief: Box<Brief>,
    pub naming: Naming,
    /// Projects that cannot be planned for as they are.
    pub left_out: Vec<String>,
}

/// Where a worker's name comes from, when it is not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Naming {
    /// The project's own theme.
    #[default]
    Project,
    /// A theme that was asked for.
    Theme(String),
    /// A list of the person's own.
    List(Vec<String>),
}

/// A fact, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    House(House),
    Run(run::Event),
    Task(task::Event),
    Notice(notice::Event),
}

/// A fact about the fleet itself, its projects or its tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum House {
    LimitsSet {
        limits: Limits,
    },
    /// The free disk, in bytes, where it is below the limit.
    DiskSeen {
        short: Option<u64>,
    },
    /// The limits of tasks, projects and days.
    BudgetsSet {
        budgets: Budgets,
    },
    /// The day's budget is spent: told once a day.
    DayBudgetMet {
        day: Day,
        limit: Budget,
        spent: Amount,
    },
    /// Where a project's names come from.
    Themed {
        project: String,
        theme: String,
    },
    ProjectAdded {
        project: Project,
    },
    ProjectRemoved {
        name: String,
    },
    ProjectApproved {
        name: String,
        digest: String,
    },
    /// A person approved the gates as they are.
    GatesApproved {
        name: String,
        digest: String,
    },
    TaskAdded {
        task: Task,
    },
    TaskMoved {
        state: TaskState,
        run: Option<RunId>,
    },
    /// A task is gone with all that was known of it.
    TaskRemoved {},
    /// A person vouches for the words of a task that somebody else wrote.
    TaskLifted {},
    /// Which runs collide, where that is new, and which do so no more.
    ClashesSeen {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        clashes: Vec<Clash>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gone: Vec<Pair>,
        /// Runs that work beyond what they claimed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        strays: Vec<Stray>,
    },
    /// A run was told that its work conflicts with that of others.
    ConflictTold {
        run: RunId,
        of: Vec<RunId>,
    },
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
    pub effects: Vec<Effect>,
}

/// Work for the daemon, for a run or for a task, or what people are to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Effect {
    Run(run::Effect),
    Task(task::Effect),
    Notice(notice::Effect),
}

impl Effect {
    /// The run that it is about; none where it is about no run.
    pub fn run(&self) -> Option<&RunId> {
        match self {
            Effect::Run(effect) => Some(effect.run()),
            Effect::Task(effect) => Some(effect.run()),
            Effect::Notice(_) => None,
        }
    }

    /// What it is about: a run's id, or a channel.
    pub fn subject(&self) -> String {
        match self {
            Effect::Run(effect) => effect.run().to_string(),
            Effect::Task(effect) => effect.run().to_string(),
            Effect::Notice(effect) => format!("channel/{}", effect.subject()),
        }
    }

    /// Its kind, in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Effect::Run(effect) => effect.kind(),
            Effect::Task(effect) => effect.kind(),
            Effect::Notice(effect) => effect.kind(),
        }
    }
}

/// An event of the ledger that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("{0}")]
    Run(#[from] run::Misfit),
    #[error("{0}")]
    Task(#[from] task::Misfit),
    #[error("{0}")]
    Notice(#[from] notice::Misfit),
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
        self.settle(now, &mut decided);
        self.begin_rounds(now, &mut decided);
        // Each admission takes a run out of the line, and who turns to another login finds that one open, so this ends.
        loop {
            let admitted = self.next_admitted(now).map(|run| (run, run::Input::Admit));
            let next = admitted.or_else(|| {
                self.next_onward(now).map(|(run, onward)| (run, run::Input::PassOn(onward)))
            });
            let Some((run, input)) = next else { break };
            if self.one(Input::Run { run, input }, now, &mut decided).is_err() {
                break;
            }
        }
        self.begin_landings(now, &mut decided);
        self.tell_people(now, &mut decided);
        Ok(decided)
    }

    fn one(&mut self, input: Input, now: Timestamp, decided: &mut Decided) -> Result<(), Rejected> {
        match input {
            Input::Limits(limits) => {
                if limits != self.limits {
                    self.note("fleet", House::LimitsSet { limits }, now, decided);
                }
            }
            Input::Budgets(budgets) => {
                if budgets != self.budgets {
                    self.note("fleet", House::BudgetsSet { budgets }, now, decided);
                }
            }
            Input::Disk(free) => {
                // What could not be measured says nothing.
                let Some(free) = free else { return Ok(()) };
                let short = Some(free).filter(|free| *free < self.limits.disk_free);
                if short.is_some() != self.short.is_some() {
                    self.note("fleet", House::DiskSeen { short }, now, decided);
                }
            }
            Input::Clean { op, keep } => {
                for due in self.due(&keep, now) {
                    let (run, input) = collected(due, &op);
                    // What became impossible meanwhile is looked at the next time.
                    if let Err(rejected) = self.step(&run, input, now, decided) {
                        debug_assert!(
                            [
                                "misplaced",
                                "close-under-way",
                                "restore-under-way",
                                "landing-under-way"
                            ]
                            .contains(&rejected.slug),
                            "{rejected}"
                        );
                    }
                }
            }
            Input::AddProject(mut project) => {
                self.check_project(&project)?;
                if let Some(held) = self.projects.get(&project.name) {
                    project.added = held.added;
                    project.approved = project.approved.or_else(|| held.approved.clone());
                    let gates = project.gates_approved.or_else(|| held.gates_approved.clone());
                    project.gates_approved = gates;
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
            Input::ApproveGates { project, digest } => {
                self.require_project(&project)?;
                let event = House::GatesApproved { name: project.clone(), digest };
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
            Input::LiftTask { task } => {
                if self.is_outside(&task)? {
                    self.note(task.as_str(), House::TaskLifted {}, now, decided);
                }
            }
            Input::Radar(seen) => self.see_radar(&seen, now, decided),
            Input::Create { brief, naming } => self.create(*brief, &naming, now, decided)?,
            Input::Run { run, input } => self.step(&run, input, now, decided)?,
            Input::Task { task, input } => self.step_task(&task, input, now, decided)?,
            Input::Check { run, op, commit, made } => {
                self.begin_gates(&run, (&op, &commit), made, now, decided)?;
            }
            Input::RemoveTask { task, force } => {
                self.remove_task(&task, force.as_ref(), now, decided)?;
            }
            Input::Begin { task, run, begun, warnings } => {
                self.begin(&task, run, begun, warnings, now, decided)?;
            }
            Input::Notice(input) => self.notify(input, now, decided)?,
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
        naming: &Naming,
        now: Timestamp,
        decided: &mut Decided,
    ) -> Result<(), Rejected> {
        if self.runs.contains_key(&brief.id) {
            return Err(taken(brief.id.as_str()));
        }
        brief.trust = brief.trust.with(self.trust_of(brief.task.as_ref(), &brief.by));
        let owner = brief.within.as_ref().or(brief.gate.as_ref().map(|gate| &gate.of));
        let owner = owner.and_then(|owner| self.runs.get(owner));
        brief.trust =
            brief.trust.with(owner.map_or_else(run::Trust::default, |run| run.brief.trust));
        brief.trust.require(brief.permissions)?;
        brief.require_gate()?;
        if let Some(project) = &brief.project {
            self.require_project(project)?;
        }
        if brief.name.is_empty() {
            let project = brief.project.clone().unwrap_or_default();
            brief.name = self.allocate(&project, naming)?.name;
        } else {
            self.check_name(&brief)?;
        }
        if let Some(old) = &brief.supersedes {
            self.require_run(old)?;
        }
        if let Some(id) = brief.task.as_ref().filter(|_| !brief.is_of_plan()) {
            self.check_task(id, brief.supersedes.as_ref())?;
        }
        self.check_branch(&brief)?;
        self.check_adoption(&brief)?;
        self.check_within(&brief)?;
        let supersedes = brief.supersedes.clone();
        let project = brief.project.clone().unwrap_or_default();
        if *naming == Naming::Project && !self.themes.contains_key(&project) {
            // Chosen once: what other projects choose later changes no name here.
            let theme = self.theme_of(&project).name.to_owned();
            let subject = format!("project/{project}");
            self.note(&subject, House::Themed { project, theme }, now, decided);
        }
        let subject = brief.id.to_string();
        let task = brief.task.clone().filter(|_| !brief.is_of_plan());
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
        match supersedes {
            Some(old) => self.step(&old, run::Input::Supersede, now, decided),
            None => Ok(()),
        }
    }

    fn require_run(&self, id: &RunId) -> Result<&Arc<Run>, Rejected> {
        self.runs.get(id).ok_or_else(|| {
            reject("run-unknown", format!("`{id}` is not a run"), &["skep ls --all"])
        })
    }

    /// A name that is a project's with a number spends that number.
    fn count_overflow(&mut self, brief: &Brief) {
        let project = brief.project.clone().unwrap_or_default();
        let slug = text::sanitise_name(&project);
        let number = brief
            .name
            .strip_prefix(&slug)
            .and_then(|rest| rest.strip_prefix('-'))
            .and_then(|number| number.parse::<u64>().ok());
        if let Some(number) = number {
            let spent = self.overflow.entry(project).or_default();
            *spent = number.max(*spent);
        }
    }

    /// What has had its time, were it collected at `now`.
    pub fn due(&self, keep: &Keep, now: Timestamp) -> Vec<Due> {
        let short = self.short.is_some();
        let mut due = keep::due(self.runs.values().map(AsRef::as_ref), keep, now, short);
        due.retain(|due| !matches!(due, Due::Env { run } if self.is_wanted(run)));
        due.retain(|due| !matches!(due, Due::Env { run } if self.guest_of(run).is_some()));
        due
    }

    fn check_name(&self, brief: &Brief) -> Result<(), Rejected> {
        let project = brief.project.as_deref().unwrap_or_default();
        match self.holder_of_name(project, &brief.name).filter(|holder| *holder.id() != brief.id) {
            Some(holder) => Err(reject(
                "name-taken",
                format!("the name `{}` is held by {}", brief.name, holder.id()),
                &[
                    "choose another --name",
                    &format!("skep close {}", holder.id()),
                    "skep run --force …   takes its place; its work is kept",
                ],
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
            .filter(|_| place.exact_branch && place.env_type == EnvType::Worktree)
            .filter(|_| place.detached.is_none());
        let Some(asked) = asked else { return Ok(()) };
        let holder = self.runs.values().find(|run| {
            holds_name(run)
                && !run.is_within()
                && run.brief.place.repository == place.repository
                && branch_of(run) == Some(asked)
        });
        match holder {
            Some(other) => Err(reject(
                "branch-held",
                format!("branch `{asked}` is held by {}", other.id()),
                &[
                    &format!("skep show {}", other.id()),
                    &format!("skep resume {}   goes on in its worktree", other.id()),
                    &format!("skep run --manual --in {} TITLE   works in it", other.brief.name),
                    &format!("skep close {} --keep-branch   lets the branch go", other.id()),
                ],
            )),
            None => Ok(()),
        }
    }

    /// A worktree is taken over once: who holds it has it.
    fn check_adoption(&self, brief: &Brief) -> Result<(), Rejected> {
        let wanted = brief.place.repository.as_deref().filter(|_| brief.adopted.is_some());
        match wanted.and_then(|worktree| self.holder_of_worktree(worktree)) {
            Some(holder) => Err(reject(
                "worktree-held",
                format!("{} ({}) holds this worktree", holder.id(), holder.brief.name),
                &[&format!("skep show {}", holder.id())],
            )),
            None => Ok(()),
        }
    }

    /// The run that works in the worktree at `path`, or took it over, and has not given it back.
    pub fn holder_of_worktree(&self, path: &str) -> Option<&Arc<Run>> {
        let there = |run: &Run| {
            let place = &run.brief.place;
            place.env_type == EnvType::InPlace && place.repository.as_deref() == Some(path)
                || run.env().is_some_and(|env| env.worktree == path)
        };
        self.runs.values().find(|run| holds_name(run) && there(run))
    }

    /// What may stand against another attempt of `run`: that meanwhile another has its task or its name.
    fn check_again(&self, run: &Run, by_task: bool) -> Result<(), Rejected> {
        self.check_name(&run.brief)?;
        self.check_within(&run.brief)?;
        if run.brief.is_of_plan() {
            return if by_task { Ok(()) } else { self.check_of_plan(run) };
        }
        let is_other = |task: &Arc<Task>| task.run.as_ref() != Some(run.id()) || task.is_planned();
        match &run.brief.task {
            Some(id) if self.tasks.get(id).is_some_and(is_other) => self.check_task(id, None),
            _ => Ok(()),
        }
    }

    fn check_task(&self, id: &TaskId, supersedes: Option<&RunId>) -> Result<(), Rejected> {
        let Some(task) = self.tasks.get(id) else {
            return Err(reject("task-unknown", format!("`{id}` is not a task"), &["skep task ls"]));
        };
        let holder = task.run.as_ref().and_then(|run| self.runs.get(run));
        match task.state {
            TaskState::Ingested | TaskState::Failed if !task.is_planned() => Ok(()),
            TaskState::Implementing if task.run.is_some() && task.run.as_ref() == supersedes => {
                Ok(())
            }
            TaskState::Implementing if !task.is_planned() => {
                let run = holder.map_or_else(
                    || "a run".to_owned(),
                    |run| format!("{} ({})", run.id(), run.brief.name),
                );
                let way = holder
                    .map_or_else(|| "skep ls".to_owned(), |run| format!("skep show {}", run.id()));
                Err(reject("task-held", format!("{id} is being worked on by {run}"), &[&way]))
            }
            TaskState::Completed | TaskState::Merged => Err(reject(
                "task-completed",
                format!("{id} is {}", task.state.as_str()),
                &["skep task add TITLE", &format!("skep task show {id}")],
            )),
            TaskState::Ingested
            | TaskState::Failed
            | TaskState::Planning
            | TaskState::PlanReview
            | TaskState::Implementing
            | TaskState::Approved
            | TaskState::Reviewing
            | TaskState::Archived => Err(reject(
                "task-planned",
                format!("{id} is {}", task.state.as_str().replace('_', " ")),
                &[&format!("skep show {id}")],
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
                && (!run.is_ended() || run.holds_env() || run.is_landing())
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
        self.step_for(id, input, false, now, decided)
    }

    /// A step of a run; `by_task` where its own task's plan wants it, which needs no telling then.
    fn step_for(
        &mut self,
        id: &RunId,
        input: run::Input,
        by_task: bool,
        now: Timestamp,
        decided: &mut Decided,
    ) -> Result<(), Rejected> {
        let run = self.require_run(id)?;
        if matches!(input, run::Input::Stop { .. }) && self.is_carried_in(run) {
            return Ok(());
        }
        self.require_no_guest(run, &input, by_task)?;
        let again = matches!(input, run::Input::Again { .. } | run::Input::Round);
        let leases = self.leases_for(run, &input, now)?;
        let comes_back = matches!(run.env, EnvState::Closed(_));
        let before = landing::Before::of(run);
        let mut step = run.step(input, now)?;
        if comes_back
            && step.events.iter().any(|event| matches!(event, run::Event::Restoring { .. }))
            && self.check_name(&run.brief).is_err()
        {
            // Its name was given to another meanwhile.
            step.events.push(run::Event::Renamed { name: self.other_name(run) });
        }
        if again {
            self.check_again(run, by_task)?;
        }
        leases::first(leases, &mut step);
        let task = run.brief.task.clone().filter(|_| !run.brief.is_of_plan());
        let mut told = tasks::Told::of(run, by_task);
        let mut moved = again.then_some(TaskState::Implementing);
        let mut news = landing::News::default();
        for event in step.events {
            news.hear(&event);
            if let run::Event::Ended { outcome, .. } = &event {
                moved = Some(TaskState::after(*outcome));
            } else if let run::Event::AsBefore { .. } = &event {
                moved = Some(TaskState::after(run::Outcome::Completed));
            } else if let run::Event::Requeued { .. } = &event {
                moved = moved.map(|_| TaskState::Implementing);
            }
            told.hear(&event);
            self.record(id.as_str(), Event::Run(event), now, decided);
        }
        decided.effects.extend(step.effects.into_iter().map(Effect::Run));
        if let (Some(task), Some(state)) = (task, moved)
            && self
                .tasks
                .get(&task)
                .is_some_and(|task| !task.is_planned() && (again || task.run.as_ref() == Some(id)))
        {
            self.note(
                task.as_str(),
                House::TaskMoved { state, run: Some(id.clone()) },
                now,
                decided,
            );
        }
        self.tell_task(told, now, decided);
        self.after_landing(id, &before, news, now, decided);
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
            Event::House(House::DiskSeen { short }) => self.short = *short,
            Event::House(House::BudgetsSet { budgets }) => self.budgets = budgets.clone(),
            Event::House(House::DayBudgetMet { day, limit, spent }) => {
                let (day, limit, spent) = (*day, *limit, *spent);
                self.day_met = Some(DayMet { day, at, limit, spent });
            }
            Event::House(House::Themed { project, theme }) => {
                self.themes.insert(project.clone(), theme.clone());
            }
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
            Event::House(House::GatesApproved { name, digest }) => {
                let project = self.projects.get_mut(name).ok_or_else(unknown)?;
                Arc::make_mut(project).gates_approved = Some(digest.clone());
            }
            Event::House(House::TaskAdded { task }) => {
                self.tasks.insert(task.id.clone(), Arc::new(task.clone()));
            }
            Event::House(House::TaskMoved { state, run }) => {
                let id: TaskId = subject.parse().map_err(|_| unknown())?;
                let task = Arc::make_mut(self.tasks.get_mut(&id).ok_or_else(unknown)?);
                task.moved(*state, run.as_ref());
            }
            Event::House(House::TaskRemoved {}) => {
                let id: TaskId = subject.parse().map_err(|_| unknown())?;
                self.tasks.remove(&id).ok_or_else(unknown)?;
            }
            Event::Task(event) => {
                let id: TaskId = subject.parse().map_err(|_| unknown())?;
                let task = self.tasks.get_mut(&id).ok_or_else(unknown)?;
                Arc::make_mut(task).apply(event, at)?;
                if let task::Event::Learned { known } = event {
                    self.learn(known);
                }
            }
            Event::Notice(event) => self.apply_notice(event, at)?,
            Event::House(House::TaskLifted {}) => {
                let id: TaskId = subject.parse().map_err(|_| unknown())?;
                let task = self.tasks.get_mut(&id).ok_or_else(unknown)?;
                Arc::make_mut(task).trust = run::Trust::Person;
            }
            Event::House(House::ClashesSeen { clashes, gone, strays }) => {
                let radar = Arc::make_mut(&mut self.radar);
                radar.see(clashes, gone, strays, at);
                let runs = &self.runs;
                radar.keep(|id| runs.get(id).is_some_and(|run| run.holds_env()));
            }
            Event::House(House::ConflictTold { run, of }) => {
                let radar = Arc::make_mut(&mut self.radar);
                radar.told.extend(of.iter().map(|other| radar::key(run, other)));
            }
            Event::Run(run::Event::Created { brief }) => {
                if brief.id.as_str() != subject || self.runs.contains_key(&brief.id) {
                    return Err(unknown());
                }
                self.created += 1;
                self.count_overflow(brief);
                let run = Run::new(brief.as_ref().clone(), self.created, at);
                self.runs.insert(brief.id.clone(), Arc::new(run));
            }
            Event::Run(event) => {
                let id: RunId = subject.parse().map_err(|_| unknown())?;
                let run = self.runs.get_mut(&id).ok_or_else(unknown)?;
                let before = run.spent.amount;
                self.quotas.learn(run, event, at);
                leases::learn(&mut self.used, run, event, at);
                Arc::make_mut(run).apply(event, at)?;
                if let run::Event::Renamed { .. } = event {
                    let brief = run.brief.clone();
                    self.count_overflow(&brief);
                }
                if let run::Event::Used { .. } | run::Event::TurnEnded { .. } = event {
                    self.count(&id, &before, at);
                }
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
            | State::Limited { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => true,
        };
        // Whom a usage limit holds back, its end lets go.
        let let_go = self.runs.values().filter(|run| is_in_line(run)).filter_map(|run| {
            let at = slots.cooling(run)?.until;
            slots.held_back(run, at).is_none().then_some(at)
        });
        let day = self.day_lets_go().filter(|at| {
            let goes = |run: &&Arc<Run>| is_in_line(run) && slots.held_back(run, *at).is_none();
            self.runs.values().any(|run| goes(&run))
        });
        let wakes = self.runs.values().filter(by_clock).filter_map(|run| run.next_wake());
        let looked_at = self.looked_at_again(&slots);
        let told = self.notices.next_wake();
        let wakes = wakes.chain(let_go).chain(self.free_at(&slots)).chain(day);
        wakes.chain(looked_at).chain(told).min()
    }

    /// Whether somebody waits for a moment that only a machine that is awake brings on. The reset of a usage limit is not
    /// one: it comes while the machine sleeps.
    pub fn waits_awake(&self) -> bool {
        let waits = |run: &Run| {
            run.next_wake().is_some() && !run.is_ended() && !run::limits::is_limited(&run.state)
        };
        self.runs.values().any(|run| waits(run))
    }

    /// Whether somebody waits for the reset of a usage limit, or a notice for its moment, by the clock on the wall.
    pub fn waits_for_reset(&self) -> bool {
        if self.notices.next_wake().is_some() {
            return true;
        }
        let held = self.day_met.is_some() && self.runs.values().any(|run| is_in_line(run));
        held || self.runs.values().any(|run| run::limits::is_limited(&run.state))
    }

    /// Since when the latest of those waits for whom the clock means something.
    pub fn waits_since(&self) -> Option<Timestamp> {
        let waits = |run: &&Arc<Run>| run.next_wake().is_some() && !run.is_ended();
        self.runs.values().filter(waits).map(|run| run.since).max()
    }

    /// Gives a worker of `project` its name: the first free one of its pool.
    ///
    /// Errors: the project has as many workers as it may have, or its names cannot be used.
    fn allocate(&self, project: &str, naming: &Naming) -> Result<names::Allocated, Rejected> {
        let pool = match naming {
            Naming::Project => match self.themes.get(project) {
                Some(theme) => names::theme(theme).map(Pool::of),
                None => Ok(Pool::of(self.theme_of(project))),
            },
            Naming::Theme(theme) => names::theme(theme).map(Pool::of),
            Naming::List(list) => Pool::custom(list),
        };
        let pool = pool.map_err(|err| {
            reject(err.slug(), err.to_string(), &["set `names` in the project's settings"])
        })?;
        let held: Vec<&Arc<Run>> = self
            .runs
            .values()
            .filter(|run| holds_name(run) && project_of(run) == project)
            .collect();
        let taken: BTreeSet<&str> = held.iter().map(|run| run.brief.name.as_str()).collect();
        let ask = names::Ask {
            project,
            taken: &taken,
            live: held.len(),
            workers: usize::try_from(self.limits.workers).unwrap_or(usize::MAX),
            overflow: self.overflow.get(project).copied().unwrap_or(0),
        };
        names::allocate(&pool, &ask).map_err(|err| {
            reject(
                err.slug(),
                err.to_string(),
                &["skep close --merged", "skep config set limits.workers 50"],
            )
        })
    }

    /// The theme that a project without a choice gets.
    fn theme_of(&self, project: &str) -> &'static names::Theme {
        let used = self.themes.values().map(String::as_str).collect();
        names::theme_for(project, &used)
    }

    /// A name for a run whose own was given away; there is always one.
    fn other_name(&self, run: &Run) -> String {
        let project = project_of(run);
        let free = |name: &String| self.holder_of_name(project, name).is_none();
        self.allocate(project, &Naming::Project).map(|given| given.name).unwrap_or_else(|_| {
            (2_u64..).map(|nth| format!("{}-{nth}", run.brief.name)).find(free).unwrap_or_default()
        })
    }

    /// The run of `project` that holds the name.
    pub fn holder_of_name(&self, project: &str, name: &str) -> Option<&Arc<Run>> {
        self.runs
            .values()
            .find(|run| run.brief.name == name && project_of(run) == project && holds_name(run))
    }
}

/// Whether a slot is all that it waits for, or a moment and a slot.
pub fn is_in_line(run: &Run) -> bool {
    match run.state {
        State::Queued { .. } => !run.rests_for_answer() && !run.waits_for_wave(),
        State::Waiting { .. } => run.has_answers(),
        State::Preparing { .. }
        | State::Starting { .. }
        | State::Running { .. }
        | State::Stalled { .. }
        | State::Limited { .. }
        | State::Stopping { .. }
        | State::Ended { .. } => false,
    }
}

/// The branch that a run has, or would have first.
fn branch_of(run: &Run) -> Option<&String> {
    match run.env() {
        Some(env) => env.branch.as_ref(),
        None if run.brief.place.detached.is_some() => None,
        None => run.brief.place.branches.first(),
    }
}

/// The project of a run; empty for one without.
fn project_of(run: &Run) -> &str {
    run.brief.project.as_deref().unwrap_or_default()
}

fn holds_name(run: &Run) -> bool {
    !run.is_ended() || run.holds_env()
}

/// What the collector wishes of a run.
fn collected(due: Due, op: &OpId) -> (RunId, run::Input) {
    match due {
        Due::Env { run } => (run, run::Input::Close { op: op.clone(), how: How::Aged }),
        Due::Settle { run } => (run, run::Input::Settle),
        Due::Trash { run, snapshot } => (run, run::Input::Purge { snapshot }),
        Due::Snapshots { run, snapshots } => {
            (run, run::Input::Forget { op: op.clone(), snapshots })
        }
        Due::Logs { run } => (run, run::Input::DropLogs),
    }
}

fn taken(id: &str) -> Rejected {
    reject("id-taken", format!("`{id}` is there already"), &["ask again with another id"])
}

fn reject(slug: &'static str, text: String, hints: &[&str]) -> Rejected {
    Rejected { slug, text, hints: hints.iter().map(|hint| (*hint).to_owned()).collect() }
}
