//! All that needs a person, ranked by what it holds up and for how long.

use serde::{Deserialize, Serialize};
use skep_core::{
    fleet::Fleet,
    id::TaskId,
    review::Critique,
    run::{EnvState, Kind, Outcome, Run, State, WaitingFor, question::Claimed},
    task::{PartState, Task, TaskState},
    text,
    time::Timestamp,
};

use super::{review, task::waits_for};

/// The most of the words of an item. Characters.
const WORDS: usize = 500;

/// One thing that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxView {
    /// `question`, `leave`, `input`, `stalled`, `overstep`, `plan`, `failure`, `review`, `landing`, `change`, `limit`.
    pub kind: String,
    /// What it is answered by: a question's, a request's, a run's or a task's id.
    pub id: String,
    /// Of a task: the run that planned it, or empty.
    pub run: String,
    /// The worker's name, or the task's title.
    pub name: String,
    pub project: Option<String>,
    pub text: String,
    /// The answers that are offered.
    pub options: Vec<String>,
    pub since: Timestamp,
    /// How many runs and tasks do not go on before it is settled.
    pub holds: u32,
    /// The commands that settle it.
    pub ways: Vec<String>,
}

/// What an item is, the most urgent first where they hold up the same.
const KINDS: [&str; 11] = [
    "question", "leave", "input", "stalled", "overstep", "plan", "failure", "review", "landing",
    "change", "limit",
];

impl InboxView {
    /// Makes the list for `fleet`, what holds up most first, then by kind, then the oldest.
    pub fn of(fleet: &Fleet) -> Vec<InboxView> {
        let mut items: Vec<InboxView> =
            fleet.runs.values().flat_map(|run| items_of(run, fleet)).collect();
        items.extend(fleet.tasks.values().filter_map(|task| of_task(task, fleet)));
        items.extend(fleet.tasks.values().flat_map(|task| of_parts(task, fleet)));
        let place = |item: &InboxView| KINDS.iter().position(|kind| *kind == item.kind);
        items.sort_by(|a, b| {
            let by = |item: &InboxView| (std::cmp::Reverse(item.holds), place(item), item.since);
            by(a).cmp(&by(b)).then_with(|| a.id.cmp(&b.id))
        });
        items
    }
}

fn items_of(run: &Run, fleet: &Fleet) -> Vec<InboxView> {
    let name = called(run, fleet);
    let behind = behind(run, fleet);
    let item = |kind: &str, id: &str, words: &str, since, holds: u32, ways: &[String]| InboxView {
        kind: kind.to_owned(),
        id: id.to_owned(),
        run: run.id().to_string(),
        name: run.brief.name.clone(),
        project: run.brief.project.clone(),
        text: text::words(words, WORDS),
        options: Vec::new(),
        since,
        holds,
        ways: ways.to_vec(),
    };
    let id = run.id().as_str();
    let last = || run.last.as_ref().map_or("", |(words, _)| words.as_str());
    let mut items: Vec<InboxView> = run
        .questions_to_people()
        .map(|question| {
            let (q, blocks) = (question.id.as_str(), u32::from(question.blocks));
            let mut ways = review::ways_of(question);
            if question.proposal.is_none() {
                ways.push(format!("skep answer {q} --skip"));
            }
            let words = match &question.proposal {
                Some(proposal) => {
                    let first = proposal.lines().find(|line| !line.trim().is_empty());
                    let asked = text::words(&question.asking.text, WORDS / 2);
                    format!("{asked}\nThe foreman proposes: {}", first.unwrap_or_default().trim())
                }
                None => question.asking.text.clone(),
            };
            let mut item = item("question", q, &words, question.at, behind + blocks, &ways);
            item.options.clone_from(&question.asking.options);
            item
        })
        .collect();
    let since = run.since;
    match &run.state {
        State::Waiting { on: WaitingFor::Permission, .. } => {
            items.extend(run.open_asks().map(|ask| {
                let ways = [format!("skep approve {}", ask.id), format!("skep reject {}", ask.id)];
                let words = format!("{}: {}", ask.tool, ask.text);
                item("leave", ask.id.as_str(), &words, ask.at, behind + 1, &ways)
            }));
        }
        State::Waiting { on: WaitingFor::Answer, .. } if items.is_empty() => {
            // It was asked on a way of the agent's own.
            let ways = [format!("skep send {name} TEXT")];
            items.push(item("input", id, last(), since, behind + 1, &ways));
        }
        State::Waiting { on: WaitingFor::Input, .. } => {
            let ways = [format!("skep send {name} TEXT"), format!("skep attach {name}")];
            items.push(item("input", id, last(), since, behind + 1, &ways));
        }
        State::Stalled { .. } => {
            let ways = [format!("skep why {name}"), format!("skep stop {name}")];
            items.push(item("stalled", id, last(), since, behind + 1, &ways));
        }
        State::Limited { until, known, .. } => {
            let guess = if *known { "" } else { " (a guess)" };
            let words = format!("{} is asked again at {until}{guess}", run.brief.agent);
            let ways = [format!("skep resume {name}"), format!("skep stop {name}")];
            items.push(item("limit", id, &words, since, behind, &ways));
        }
        // What becomes of a review, and of what the foreman was asked, its task says; of a check, the run whose work it checked.
        State::Ended { .. }
            if matches!(run.brief.kind, Kind::Review | Kind::Foreman | Kind::Gate) => {}
        State::Ended { outcome, reason, .. } if stands(run) => {
            let failed = matches!(outcome, Outcome::Failed | Outcome::Lost | Outcome::Interrupted);
            let adopted = reason.is_some_and(|it| it == skep_core::run::Reason::Adopted);
            if failed && !adopted {
                let reason = reason.map_or("", |reason| reason.as_str());
                let words = match run.claimed() {
                    Some((Claimed::Blocked, summary)) => format!("{reason}: {summary}"),
                    _ => format!("{reason}: {}", last()),
                };
                let ways = [
                    format!("skep logs {name}"),
                    format!("skep resume {name}"),
                    format!("skep retry {name}"),
                ];
                // Who plans is taken up by its task, where that still wants a plan of it.
                let task = run.brief.task.as_ref().filter(|_| run.brief.kind == Kind::Plan);
                match task.map(|task| (task, fleet.tasks.get(task))) {
                    None => items.push(item("failure", id, &words, since, behind, &ways)),
                    Some((task, Some(of)))
                        if of.course.planner.as_ref() == Some(run.id())
                            && of.course.failed.is_some() =>
                    {
                        let ways = [format!("skep logs {name}"), format!("skep plan {task}")];
                        items.push(item("failure", id, &words, since, behind, &ways));
                    }
                    Some(_) => {}
                }
            } else if let (Outcome::Completed, Some((Claimed::NeedsReview, summary)), None) =
                (outcome, run.claimed(), &run.landed)
            {
                let ways = [format!("skep diff {name}"), format!("skep land {name}")];
                items.push(item("review", id, summary, since, behind, &ways));
            }
        }
        State::Queued { .. }
        | State::Preparing { .. }
        | State::Starting { .. }
        | State::Running { .. }
        | State::Waiting { .. }
        | State::Stopping { .. }
        | State::Ended { .. } => {}
    }
    if let Some(unlanded) = run.unlanded.as_ref().filter(|_| stands(run)) {
        let ways = [
            format!("skep show {name}"),
            format!("skep resume {name} TEXT"),
            format!("skep land {name}"),
        ];
        let words = format!("did not land: {}", unlanded.text);
        items.push(item("landing", id, &words, unlanded.at, behind, &ways));
    }
    if let Some(wanted) = run.change_wants().filter(|_| stands(run)) {
        let ways = [
            format!("skep show {name}"),
            format!("skep resume {name} TEXT"),
            format!("skep pr {name}"),
        ];
        items.push(item("change", id, &wanted.text, wanted.since, behind, &ways));
    }
    if let (Some(since), Some(what)) = (run.unseen, run.oversteps_in_words())
        && (!run.is_ended() || stands(run))
    {
        let ways: &[&str] = if run.is_ended() {
            &["logs NAME", "resume NAME", "close NAME"]
        } else {
            &["logs NAME", "send NAME TEXT", "stop NAME"]
        };
        let ways: Vec<String> =
            ways.iter().map(|way| format!("skep {}", way.replace("NAME", &name))).collect();
        let words = format!("asked skep to {what}, which no run may; it was refused");
        items.push(item("overstep", id, &words, since, 0, &ways));
    }
    items
}

/// What a task wants of a person: a word on its plan, or on what failed of it.
fn of_task(task: &Task, fleet: &Fleet) -> Option<InboxView> {
    let waits = waits_for(task, fleet).filter(|waits| waits.on == "person")?;
    let (version, id) = (task.plan(), task.id.to_string());
    let (kind, since) = match (task.state, version) {
        (TaskState::PlanReview | TaskState::Approved, Some(version)) => ("plan", version.since),
        (TaskState::Failed, Some(version)) => ("failure", version.since),
        // Who asks, of its runs, stands there by itself.
        (TaskState::Implementing, Some(version)) if task.course.finalizing => {
            ("failure", version.since)
        }
        (
            TaskState::Ingested
            | TaskState::Planning
            | TaskState::PlanReview
            | TaskState::Approved
            | TaskState::Implementing
            | TaskState::Reviewing
            | TaskState::Completed
            | TaskState::Failed
            | TaskState::Merged
            | TaskState::Archived,
            _,
        ) => return None,
    };
    let why = task.course.failed.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    Some(InboxView {
        kind: kind.to_owned(),
        id,
        run: task.course.planner.as_ref().map(ToString::to_string).unwrap_or_default(),
        name: text::words(&task.title, 60),
        project: None,
        text: text::words(&format!("{}{why}", waits.text), WORDS),
        options: Vec::new(),
        since,
        holds: 1 + needing(&[&task.id], fleet),
        ways: waits.ways,
    })
}

/// The parts of a task that no review settled.
fn of_parts(task: &Task, fleet: &Fleet) -> Vec<InboxView> {
    let Some(version) = task.plan() else { return Vec::new() };
    let waits = |project: &&str| {
        version.parts.get(*project).is_some_and(|part| part.state == PartState::Escalated)
    };
    let item = |project: &str| {
        let part = version.parts.get(project)?;
        let run = part.run.as_ref().and_then(|run| fleet.runs.get(run));
        let mut lines: Vec<String> = part.text.iter().cloned().collect();
        lines.extend(part.reviews.open().map(Critique::one_line));
        let holds =
            if task.state == TaskState::Reviewing { needing(&[&task.id], fleet) } else { 0 };
        let mut ways = review::ways(task, project);
        ways.extend(run.map(|run| format!("skep diff {}", called(run, fleet))));
        Some(InboxView {
            kind: "review".to_owned(),
            id: task.id.to_string(),
            run: part.run.as_ref().map(ToString::to_string).unwrap_or_default(),
            name: text::words(&task.title, 60),
            project: Some(project.to_owned()),
            text: text::words(&lines.join("\n"), WORDS),
            options: Vec::new(),
            since: run.map_or(version.since, |run| run.since),
            holds: 1 + holds,
            ways,
        })
    };
    version.projects().filter(waits).filter_map(item).collect()
}

fn stands(run: &Run) -> bool {
    matches!(run.env, EnvState::Held(_) | EnvState::Closing { .. } | EnvState::Restoring { .. })
}

/// A name that means this run and no other.
fn called(run: &Run, fleet: &Fleet) -> String {
    match fleet.find_run(&run.brief.name) {
        Ok(found) if found.id() == run.id() => run.brief.name.clone(),
        Ok(_) | Err(_) => run.id().to_string(),
    }
}

/// How many tasks need what this run is to do, over any number of others, and runs that wait for its place.
fn behind(run: &Run, fleet: &Fleet) -> u32 {
    let tasks: Vec<&TaskId> = run.brief.task.iter().collect();
    let supersedes = fleet
        .runs
        .values()
        .filter(|other| !other.is_ended() && other.brief.supersedes.as_ref() == Some(run.id()));
    needing(&tasks, fleet) + u32::try_from(supersedes.count()).unwrap_or(u32::MAX)
}

/// How many tasks need one of these, over any number of others.
fn needing(tasks: &[&TaskId], fleet: &Fleet) -> u32 {
    let mut behind: Vec<&TaskId> = Vec::new();
    let mut next: Vec<&TaskId> = tasks.to_vec();
    while let Some(task) = next.pop() {
        for later in fleet.tasks.values().filter(|later| later.needs.contains(task)) {
            if !behind.contains(&&later.id) {
                behind.push(&later.id);
                next.push(&later.id);
            }
        }
    }
    u32::try_from(behind.len()).unwrap_or(u32::MAX)
}
