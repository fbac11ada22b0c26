//! A task, with what becomes of it by plans and whom it waits for.

use serde::{Deserialize, Serialize};
use skep_core::{
    fleet::Fleet,
    run::{Run, State, Trust},
    task::{PartState, PlanState, Planning, Task, TaskState},
    time::Timestamp,
};

use super::{PartView, WarningView, WaveView, plan, review};

/// A task in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskView {
    pub id: String,
    pub title: String,
    pub body: String,
    pub project: Option<String>,
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    pub priority: i64,
    pub needs: Vec<String>,
    pub state: String,
    pub run: Option<String>,
    pub added: Timestamp,
    /// Which agent it is for.
    #[serde(default)]
    pub agent: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub account: Option<String>,
    /// Whose words it is made of.
    #[serde(default)]
    pub trust: Trust,
    /// The plan that holds.
    #[serde(default)]
    pub plan: Option<String>,
    #[serde(default)]
    pub version: Option<u32>,
    #[serde(default)]
    pub plan_state: Option<String>,
    /// The planning under way.
    #[serde(default)]
    pub planning: Option<PlanningView>,
    /// The run that planned last.
    #[serde(default)]
    pub planner: Option<String>,
    /// The projects that a plan of it may name.
    #[serde(default)]
    pub projects: Vec<String>,
    #[serde(default)]
    pub waves: Vec<WaveView>,
    /// Wave by wave.
    #[serde(default)]
    pub parts: Vec<PartView>,
    /// What the last planning met on its way.
    #[serde(default)]
    pub warnings: Vec<WarningView>,
    /// Why the last planning came to nothing, or the last finalizing.
    #[serde(default)]
    pub failed: Option<String>,
    /// The branch of all its work.
    #[serde(default)]
    pub branch: Option<String>,
    /// Whether the work of its parts is being handed over.
    #[serde(default)]
    pub finalizing: bool,
    /// What its runs cost, as far as anybody told.
    #[serde(default)]
    pub cost_usd: Option<f64>,
    /// Whom it waits for; null where nothing is to come.
    #[serde(default)]
    pub waits_for: Option<WaitsView>,
}

/// A planning under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanningView {
    /// `fresh feedback follow_up`.
    pub why: String,
    pub run: String,
    /// How often a draft may be sent back, and how often one was.
    pub tries: u32,
    pub refused: u32,
}

/// Whom a task waits for, and what ends that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitsView {
    /// `person agent slot skep`.
    pub on: String,
    /// For what.
    pub text: String,
    /// Commands that a person may type.
    pub ways: Vec<String>,
}

impl TaskView {
    /// Makes the view of `task`.
    pub fn of(task: &Task, fleet: &Fleet) -> TaskView {
        let version = task.last_version();
        let plan = task.plan();
        TaskView {
            id: task.id.to_string(),
            title: task.title.clone(),
            body: task.body.clone(),
            project: task.project.clone(),
            reference: task.reference.clone(),
            priority: task.priority,
            needs: task.needs.iter().map(ToString::to_string).collect(),
            state: task.state.as_str().to_owned(),
            run: task.run.as_ref().map(ToString::to_string),
            added: task.added,
            agent: task.choice.agent.clone(),
            model: task.choice.model.clone(),
            account: task.choice.account.clone(),
            trust: task.trust,
            plan: plan.map(|plan| plan.id.to_string()),
            version: plan.map(|plan| plan.number),
            plan_state: plan.map(|plan| plan.state.as_str().to_owned()),
            planning: task.course.planning.as_ref().map(planning),
            planner: task.course.planner.as_ref().map(ToString::to_string),
            projects: task.course.projects.clone(),
            waves: version.map(plan::waves).unwrap_or_default(),
            parts: version.map(|version| plan::parts(version, task, fleet)).unwrap_or_default(),
            warnings: task.course.warnings.iter().map(WarningView::of).collect(),
            failed: task.course.failed.clone(),
            branch: task.course.branch.clone(),
            finalizing: task.course.finalizing,
            cost_usd: cost(task, fleet),
            waits_for: waits_for(task, fleet),
        }
    }
}

fn planning(planning: &Planning) -> PlanningView {
    use skep_core::task::Why;
    PlanningView {
        why: match planning.why {
            Why::Fresh => "fresh",
            Why::Feedback => "feedback",
            Why::FollowUp => "follow_up",
        }
        .to_owned(),
        run: planning.run.to_string(),
        tries: planning.tries,
        refused: planning.refused,
    }
}

fn cost(task: &Task, fleet: &Fleet) -> Option<f64> {
    let of_it = |run: &&std::sync::Arc<Run>| run.brief.task.as_ref() == Some(&task.id);
    let costs = fleet.runs.values().filter(of_it);
    costs.filter_map(|run| run.spent.amount.usage.cost_usd).reduce(|sum, cost| sum + cost)
}

/// Whom a task waits for.
pub(super) fn waits_for(task: &Task, fleet: &Fleet) -> Option<WaitsView> {
    let id = &task.id;
    let person = |text: String, ways: &[String]| {
        Some(WaitsView { on: "person".to_owned(), text, ways: ways.to_vec() })
    };
    let mut asking = at_work(task).filter_map(|run| fleet.runs.get(run));
    if let Some(wait) = asking.find_map(|run| asks(run)) {
        return Some(wait);
    }
    match task.state {
        TaskState::Planning => planner_of(task, fleet),
        TaskState::PlanReview => person(
            "its plan waits for you".to_owned(),
            &[
                format!("skep plan show {id}"),
                format!("skep approve {id}"),
                format!("skep reject {id} TEXT"),
            ],
        ),
        TaskState::Approved => {
            person("its plan is approved".to_owned(), &[format!("skep implement {id}")])
        }
        TaskState::Implementing if task.plan().is_some() => implementing(task, fleet),
        TaskState::Failed if task.plan().is_some_and(|plan| plan.state == PlanState::Approved) => {
            let failed = parts_in(task, PartState::Failed);
            let text = match failed.as_slice() {
                [] => "it failed".to_owned(),
                failed => format!("{} failed", failed.join(", ")),
            };
            person(text, &[format!("skep show {id}"), format!("skep implement {id}")])
        }
        TaskState::Reviewing => {
            let parts = parts_in(task, PartState::Escalated);
            let first = parts.first().map(|part| review::ways(task, part)).unwrap_or_default();
            let ways = [vec![format!("skep show {id}")], first].concat();
            person(format!("a person is wanted for {}", parts.join(", ")), &ways)
        }
        TaskState::Ingested if task.course.failed.is_some() => person(
            "its planning came to nothing".to_owned(),
            &[format!("skep plan {id}"), format!("skep run {id}")],
        ),
        TaskState::Ingested
        | TaskState::Implementing
        | TaskState::Completed
        | TaskState::Failed
        | TaskState::Merged
        | TaskState::Archived => None,
    }
}

/// The runs that work for it now.
fn at_work(task: &Task) -> impl Iterator<Item = &skep_core::id::RunId> {
    let planner = task.course.planning.as_ref().map(|planning| &planning.run);
    let parts = task.last_version().into_iter().flat_map(|version| version.parts.values());
    let runs = parts.flat_map(|part| {
        let reviewer = part.reviews.last().map(|cycle| &cycle.run);
        part.run.iter().chain(reviewer)
    });
    planner.into_iter().chain(runs)
}

/// What a run asks of a person.
fn asks(run: &Run) -> Option<WaitsView> {
    let name = run.brief.name.as_str();
    let person =
        |text: String, ways: Vec<String>| Some(WaitsView { on: "person".to_owned(), text, ways });
    if let Some(question) = run.questions_to_people().next() {
        let ways = review::ways_of(question);
        return person(format!("{name} asks: {}", question.asking.text), ways);
    }
    if let Some(ask) = run.open_asks().next() {
        let ways = vec![format!("skep approve {}", ask.id), format!("skep reject {}", ask.id)];
        return person(format!("{name} asks leave: {}: {}", ask.tool, ask.text), ways);
    }
    match run.state {
        State::Stalled { .. } => {
            person(format!("{name} is stalled"), vec![format!("skep why {}", run.id())])
        }
        State::Waiting { on, .. } => {
            use skep_core::run::WaitingFor;
            match on {
                WaitingFor::Answer | WaitingFor::Permission | WaitingFor::Input => person(
                    format!("{name} waits for a word"),
                    vec![format!("skep show {}", run.id())],
                ),
                WaitingFor::Paused => {
                    person(format!("{name} rests"), vec![format!("skep resume {}", run.id())])
                }
                WaitingFor::Limit => None,
            }
        }
        State::Queued { .. }
        | State::Preparing { .. }
        | State::Starting { .. }
        | State::Running { .. }
        | State::Limited { .. }
        | State::Stopping { .. }
        | State::Ended { .. } => None,
    }
}

fn planner_of(task: &Task, fleet: &Fleet) -> Option<WaitsView> {
    let planning = task.course.planning.as_ref()?;
    let run = fleet.runs.get(&planning.run);
    let text = match run {
        Some(run) => format!("{} plans it ({})", run.brief.name, run.state_name()),
        None => "its planner is being prepared".to_owned(),
    };
    Some(on(text, run.map(AsRef::as_ref), &planning.run.to_string()))
}

/// Who is at work: an agent, or one in line.
fn on(text: String, run: Option<&Run>, id: &str) -> WaitsView {
    let on = match run.map(|run| &run.state) {
        None => "skep",
        Some(State::Queued { .. }) => "slot",
        Some(_) => "agent",
    };
    let ways = run.map(|_| format!("skep logs {id} -f")).into_iter().collect();
    WaitsView { on: on.to_owned(), text, ways }
}

fn implementing(task: &Task, fleet: &Fleet) -> Option<WaitsView> {
    let id = &task.id;
    let version = task.plan()?;
    let working = |state| parts_in(task, state);
    let at_work = working(PartState::InProgress);
    if let Some(first) = at_work.first() {
        let found = version.parts.get(first).and_then(|part| review::at_work(part, fleet));
        let (reviewed, mended): (Vec<&String>, Vec<&String>) = at_work.iter().partition(|part| {
            let part = version.parts.get(*part);
            part.and_then(|part| review::at_work(part, fleet)).is_some_and(|(looks, _)| looks)
        });
        let said = [(&mended, "at work"), (&reviewed, "in review")].map(|(parts, what)| {
            let names: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
            (!names.is_empty()).then(|| format!("{} {what}", names.join(", ")))
        });
        let text: Vec<String> = said.into_iter().flatten().collect();
        let run = found.map(|(_, run)| run);
        return Some(on(text.join("; "), run, run.map_or("", |run| run.id().as_str())));
    }
    let skep = |text: &str| {
        Some(WaitsView { on: "skep".to_owned(), text: text.to_owned(), ways: Vec::new() })
    };
    if version.parts.values().any(|part| part.finishing.under_way) {
        return skep("its work is being handed over");
    }
    let person = |text: &str, way: String| {
        let ways = vec![format!("skep show {id}"), way];
        Some(WaitsView { on: "person".to_owned(), text: text.to_owned(), ways })
    };
    if task.course.finalizing && task.course.failed.is_some() {
        return person("its work could not be handed over", format!("skep finalize {id}"));
    }
    if version.parts.values().any(|part| part.rests) {
        return person("it was stopped", format!("skep implement {id}"));
    }
    skep("its worktrees are being made")
}

fn parts_in(task: &Task, state: PartState) -> Vec<String> {
    let parts = task.last_version().into_iter().flat_map(|version| &version.parts);
    parts.filter(|(_, part)| part.state == state).map(|(name, _)| name.clone()).collect()
}
