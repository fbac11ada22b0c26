//! What goes on for a task, told while it goes on.
//!
//! Owns: which facts are told, each once as long as it stays as it was, and when nobody is at work any more.
//! Never: changes anything.

use std::{collections::BTreeMap, os::unix::net::UnixStream};

use serde_json::Value;
use skep_api::{view::TaskView, wire::Refusal};
use skep_core::{
    fleet::Fleet,
    run::{Run, State},
    task::{ExecutionState, PartState, Task, TaskState, WarningKind},
    text,
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
        let said = format!("{name} asks: {asked}   skep answer {} TEXT", question.id);
        facts.push((question.id.to_string(), said));
    }
    for ask in run.open_asks() {
        let wanted = line(&format!("{}: {}", ask.tool, ask.text));
        let said = format!("{name} asks leave: {wanted}   skep approve {}", ask.id);
        facts.push((ask.id.to_string(), said));
    }
    facts
}
