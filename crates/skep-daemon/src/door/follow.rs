//! What goes on for a task, told while it goes on; the waiting for it, and why it is as it is.
//!
//! Owns: which facts are told, each once as long as it stays as it was, and when nobody is at work any more.
//! Never: changes anything.

use std::{
    collections::BTreeMap,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use serde_json::Value;
use skep_api::{
    view::{TaskView, WhyView},
    wire::Refusal,
};
use skep_core::{
    fleet::Fleet,
    id::TaskId,
    run::{Run, State},
    task::{ExecutionState, PartState, Task, TaskState, WarningKind},
    text,
    time::Timestamp,
};

use super::{Door, Trouble, progress, value};

/// The most of an agent's words that is told. Characters.
const WORDS: usize = 160;

impl Door {
    /// Tells what goes on for a task until nobody is at work for it.
    pub(super) fn follow(&self, of: &str, out: &mut UnixStream) -> Result<Option<Value>, Trouble> {
        let mut posted = self.wishes.board.read();
        let (task, _) = posted.fleet.find_plan(of)?;
        let id = task.id.clone();
        let mut told = BTreeMap::new();
        loop {
            let Some(task) = posted.fleet.tasks.get(&id) else {
                let text = format!("{id} was removed");
                return Err(Refusal::error("task-unknown", text).hint("skep task ls").into());
            };
            for (what, line) in facts(task, &posted.fleet) {
                if told.get(&what) != Some(&line) {
                    progress(out, &line)?;
                    told.insert(what, line);
                }
            }
            if !is_at_work(task) {
                return value(&TaskView::of(task, &posted.fleet));
            }
            if posted.closing {
                let refusal = Refusal::error("daemon-stopping", "the daemon is stopping")
                    .hint(format!("skep show {id}   how far it is"));
                return Err(refusal.into());
            }
            posted = self.wishes.board.wait_beyond(posted.seq, None);
        }
    }
}

/// Whether all that is waited for are tasks.
pub(super) fn are_tasks(ids: &[String]) -> bool {
    !ids.is_empty() && ids.iter().all(|id| id.starts_with("task_"))
}

impl Door {
    /// Waits until tasks are in a state, or, with `ended`, until nobody is at work for them.
    pub(super) fn wait_for_tasks(
        &self,
        tasks: &[String],
        until: &str,
        any: bool,
        timeout_ms: Option<u64>,
    ) -> Result<Option<Value>, Trouble> {
        let states = TaskState::ALL.map(TaskState::as_str);
        if until != "ended" && !states.contains(&until) {
            let text = format!("`{until}` is no state of a task: ended, {}", states.join(", "));
            return Err(Refusal::error("state-unknown", text)
                .hint("skep wait TASK --for plan_review   until its plan waits for you")
                .hint("skep wait TASK   until nobody is at work for it")
                .into());
        }
        let mut posted = self.wishes.board.read();
        let ids: Vec<TaskId> = tasks
            .iter()
            .map(|text| posted.fleet.find_task(text).map(|task| task.id.clone()))
            .collect::<Result<_, _>>()?;
        let deadline = timeout_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
        loop {
            let fleet = &posted.fleet;
            let there = |id: &TaskId| {
                fleet.tasks.get(id).is_none_or(|task| match until {
                    "ended" => !is_at_work(task) && !has_a_run(task, fleet),
                    state => task.state.as_str() == state,
                })
            };
            if if any { ids.iter().any(there) } else { ids.iter().all(there) } {
                let found = ids.iter().filter_map(|id| fleet.tasks.get(id));
                return value(&found.map(|task| TaskView::of(task, fleet)).collect::<Vec<_>>());
            }
            if posted.closing {
                return Err(Refusal::error(
                    "daemon-stopping",
                    "the daemon is stopping; wait again",
                )
                .into());
            }
            if deadline.is_some_and(|at| at <= Instant::now()) {
                let left = ids.iter().filter(|id| !there(id)).map(TaskId::as_str);
                let left: Vec<&str> = left.collect();
                let text = format!("not {until} in time: {}", left.join(", "));
                let mut refusal = Refusal::error("wait-timeout", text);
                refusal.exit = 3;
                refusal.hints = left.iter().take(3).map(|id| format!("skep show {id}")).collect();
                return Err(refusal.into());
            }
            posted = self.wishes.board.wait_beyond(posted.seq, deadline);
        }
    }
}

/// Whether the one run of a task without a plan is at work.
fn has_a_run(task: &Task, fleet: &Fleet) -> bool {
    let run = task.run.as_ref().and_then(|run| fleet.runs.get(run));
    run.is_some_and(|run| !run.is_ended())
}

/// Why a task is as it is.
pub(super) fn why(task: &Task, fleet: &Fleet, now: Timestamp) -> Vec<WhyView> {
    let view = TaskView::of(task, fleet);
    let fact = |fact: &str, value: String, since: Option<Timestamp>, rule: &str| WhyView {
        fact: fact.to_owned(),
        value,
        source: "the ledger".to_owned(),
        age_ms: since.map(|at| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX)),
        rule: rule.to_owned(),
    };
    let state = view.state.replace('_', " ");
    let rule = match task.state {
        TaskState::Ingested => "nobody has taken it up, or what was begun came to nothing",
        TaskState::Planning => "a planner writes a plan; its file is read when its turn ends",
        TaskState::PlanReview => "a plan goes on only by a person's word",
        TaskState::Approved => "what is approved is begun only when a person says so",
        TaskState::Implementing => "a wave begins when the one before it is over",
        TaskState::Reviewing => "a person is wanted for a part, and none failed",
        TaskState::Completed => "all of it is done, and handed over",
        TaskState::Failed => "a part failed: no later wave begins",
        TaskState::Merged => "all of it has landed",
        TaskState::Archived => "it was put away",
    };
    let mut facts = vec![fact("state", state, None, rule)];
    if let Some(version) = task.plan() {
        let state = version.state.as_str().replace('_', " ");
        let value = format!("{}, version {}, {state}", version.id, version.number);
        let rule = "one version holds; each says what a person said to the one before";
        facts.push(fact("plan", value, Some(version.since), rule));
    }
    for part in &view.parts {
        let run = part.name.as_ref().map(|name| format!(", {name}")).unwrap_or_default();
        let why = part.text.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let rests = if part.rests { ", rests" } else { "" };
        let value = format!("{} {}{rests}{run}{why}", part.project, part.state.replace('_', " "));
        let rule = format!("wave {}; the last attempt of its run decides", part.wave);
        facts.push(fact("part", value, None, &rule));
    }
    if let Some(failed) = &task.course.failed {
        let rule = "the last planning or handing over that came to nothing";
        facts.push(fact("failed", failed.clone(), None, rule));
    }
    if let Some(waits) = &view.waits_for {
        let ways = waits.ways.join("; ");
        facts.push(fact("waits for", format!("{}: {}", waits.on, waits.text), None, &ways));
    }
    facts
}

/// Whether something happens for it without a person's wish; one that asks a person counts.
fn is_at_work(task: &Task) -> bool {
    match task.state {
        TaskState::Planning => true,
        TaskState::Implementing => task.plan().is_some_and(|version| {
            let any_rests = version.parts.values().any(|part| part.rests);
            version.parts.values().any(|part| {
                let placing = part.run.is_some() && !part.placed && !any_rests;
                part.state == PartState::InProgress
                    || part.finishing.under_way
                    || part.state == PartState::Pending && placing
            })
        }),
        TaskState::Ingested
        | TaskState::PlanReview
        | TaskState::Approved
        | TaskState::Reviewing
        | TaskState::Completed
        | TaskState::Failed
        | TaskState::Merged
        | TaskState::Archived => false,
    }
}

/// What there is to tell, by what it is about.
fn facts(task: &Task, fleet: &Fleet) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    if let Some(planning) = &task.course.planning {
        let mut sent_back = 0;
        for (nth, warning) in task.course.warnings.iter().enumerate() {
            let line = if warning.kind == WarningKind::ParseError {
                sent_back += 1;
                format!("sent back, {sent_back} of {}: {}", planning.tries, warning.text)
            } else {
                format!("warning: {}", warning.text)
            };
            facts.push((format!("warning {nth}"), line));
        }
        match fleet.runs.get(&planning.run) {
            Some(run) => facts.extend(facts_of(run, "plans")),
            None => facts.push(("planner".to_owned(), "the projects are looked at".to_owned())),
        }
        return facts;
    }
    let Some(version) = task.plan() else { return facts };
    for wave in ExecutionState::of(version).waves {
        let (nth, state) = (wave.index + 1, wave.state.as_str());
        if state != "pending" {
            let line = format!("wave {nth} {state}: {}", wave.projects.join(", "));
            facts.push((format!("wave {nth}"), line));
        }
    }
    for (project, part) in &version.parts {
        if part.state != PartState::InProgress && !part.finishing.under_way {
            if let Some(why) = &part.text {
                let line = format!("{project} {}: {why}", part.state.as_str());
                facts.push((format!("part {project}"), line));
            }
            if let Some((head, remote)) = &part.finishing.head {
                let at = remote.as_ref().map(|remote| format!(", at {remote}")).unwrap_or_default();
                let line = format!("{project} handed over: {}{at}", text::words(head, 12));
                facts.push((format!("head {project}"), line));
            }
            continue;
        }
        if part.finishing.under_way {
            facts.push((format!("look {project}"), format!("{project} is being handed over")));
        }
        if let Some(run) = part.run.as_ref().and_then(|run| fleet.runs.get(run)) {
            facts.extend(facts_of(run, project));
        }
        let reviewer = part.reviews.last().and_then(|cycle| fleet.runs.get(&cycle.run));
        if let Some(run) = reviewer {
            facts.extend(facts_of(run, &format!("reviews {project}")));
        }
    }
    facts
}

/// What there is to tell of a run that is at work on `what`.
fn facts_of(run: &Run, what: &str) -> Vec<(String, String)> {
    let (id, name) = (run.id(), run.brief.name.as_str());
    let line = |text: &str| text::words(&text::one_line(text), WORDS);
    let mut facts = Vec::new();
    if !matches!(run.state, State::Ended { .. }) {
        let said = format!("{name} ({what}, {}): {}", run.brief.agent, run.state_name());
        facts.push((format!("{id} state"), said));
    }
    if let Some((words, _)) = &run.last {
        facts.push((format!("{id} last"), format!("{name}: {}", line(words))));
    }
    for question in run.open_questions() {
        let asked = line(&question.asking.text);
        let said = match (question.is_with_foreman(), &question.proposal) {
            (true, _) => format!("{name} asks the foreman: {asked}"),
            (false, Some(_)) => format!(
                "{name} asks: {asked}   skep approve {0}, skep refine {0} TEXT",
                question.id
            ),
            (false, None) => format!("{name} asks: {asked}   skep answer {} TEXT", question.id),
        };
        facts.push((question.id.to_string(), said));
    }
    for ask in run.open_asks() {
        let wanted = line(&format!("{}: {}", ask.tool, ask.text));
        let said = format!("{name} asks leave: {wanted}   skep approve {}", ask.id);
        facts.push((ask.id.to_string(), said));
    }
    facts
}
