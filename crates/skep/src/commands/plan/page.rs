//! `skep plan show`, and a task as `skep show` has it

use std::{io, process::ExitCode};

use skep_api::{
    request::Ask,
    view::{PartView, PlanView, TaskView, WarningView, WaveView},
};
use skep_core::{run::Trust, text};

use crate::{
    commands::read,
    connect::Skep,
    exit::Outcome,
    output::{Output, Tone, age, grid::fit, now},
};

/// Where values begin. Columns.
const INDENT: usize = 12;
/// Where what is said of a part begins. Columns.
const PART: usize = 4;

pub(super) fn show(skep: &Skep, id: &str, document: bool, version: Option<u32>) -> Outcome {
    let answer = skep.ask(Ask::PlanShow { of: id.to_owned(), version })?;
    if skep.out.json && !document {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let view: PlanView = read(answer)?;
    if !document {
        return plan(skep, &view);
    }
    if skep.out.json {
        skep.out.json(&serde_json::json!({"plan": view.id, "document": view.document}))?;
    } else {
        skep.out.exact(view.document.trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(in crate::commands) fn plan(skep: &Skep, plan: &PlanView) -> Outcome {
    let out = &skep.out;
    if out.json {
        out.json(plan)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (tone, state) = plan_state(plan);
    head(out, &plan.title, tone, &state)?;
    let now = now();
    let of = match (plan.version, plan.versions) {
        (1, 1) => plan.id.clone(),
        (nth, all) => format!("{}, version {nth} of {all}", plan.id),
    };
    row(out, "plan", &of)?;
    row(out, "task", &format!("{} ({})", plan.task, plan.task_state.replace('_', " ")))?;
    row(out, "since", &format!("{} ago", age(plan.since, now)))?;
    if let Some(feedback) = &plan.feedback {
        row(out, "sent back", feedback)?;
    }
    out.line("")?;
    for line in text::visible(plan.orchestration.trim()).lines() {
        out.prose(2, Tone::Plain, line)?;
    }
    tree(out, &plan.waves, &plan.parts, true)?;
    if plan.state == "pending_review" {
        warnings(out, &plan.warnings)?;
    }
    ways(out, &plan_ways(plan))?;
    Ok(ExitCode::SUCCESS)
}

pub(in crate::commands) fn task(skep: &Skep, task: &TaskView) -> Outcome {
    let out = &skep.out;
    if out.json {
        out.json(task)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (tone, state) = task_state(task);
    head(out, &task.title, tone, &state)?;
    row(out, "task", &task.id)?;
    if let Some(reference) = &task.reference {
        row(out, "known as", reference)?;
    }
    if let Some(project) = &task.project {
        row(out, "project", project)?;
    }
    row(out, "added", &format!("{} ago", age(task.added, now())))?;
    if task.trust == Trust::Outside {
        row(out, "trust", "outside: somebody else wrote it; it is data, and narrower rules hold")?;
    }
    if let Some(plan) = &task.plan {
        let state = task.plan_state.as_deref().unwrap_or_default().replace('_', " ");
        row(out, "plan", &format!("{plan}, version {}, {state}", task.version.unwrap_or(1)))?;
    }
    if let Some(run) = task.run.as_ref().filter(|_| task.parts.is_empty()) {
        row(out, "run", run)?;
    }
    if let Some(branch) = &task.branch {
        row(out, "branch", branch)?;
    }
    if let Some(cost) = task.cost_usd {
        row(out, "cost", &format!("${cost:.2}"))?;
    }
    if let Some(failed) = &task.failed {
        row(out, "failed", failed)?;
    }
    if let Some(waits) = &task.waits_for {
        row(out, "waits for", &format!("{}: {}", whom(&waits.on), waits.text))?;
    }
    if task.parts.is_empty() && !task.body.trim().is_empty() {
        out.line("")?;
        for line in text::visible(task.body.trim_end()).lines() {
            out.line(&format!("  {line}"))?;
        }
    }
    tree(out, &task.waves, &task.parts, false)?;
    // What a planning met on its way matters until its plan is decided.
    if matches!(task.state.as_str(), "ingested" | "planning" | "plan_review") {
        warnings(out, &task.warnings)?;
    }
    ways(out, &task_ways(task))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn whom(on: &str) -> &str {
    match on {
        "person" => "you",
        "agent" => "an agent",
        "slot" => "a slot",
        other => other,
    }
}

fn plan_state(plan: &PlanView) -> (Tone, String) {
    match plan.state.as_str() {
        "pending_review" => (Tone::Wants, "waits for you".to_owned()),
        "approved" => (Tone::Good, "approved".to_owned()),
        "rejected" => (Tone::Bad, "sent back".to_owned()),
        "superseded" => (Tone::Faint, "another took its place".to_owned()),
        other => (Tone::Plain, other.replace('_', " ")),
    }
}

/// A task's state in one word or two, and what it means to a person.
pub(in crate::commands) fn task_state(task: &TaskView) -> (Tone, String) {
    let tone = match task.state.as_str() {
        "plan_review" | "approved" | "reviewing" => Tone::Wants,
        "completed" | "merged" => Tone::Good,
        "failed" => Tone::Bad,
        "planning" | "implementing" => Tone::Strong,
        "archived" => Tone::Faint,
        _ => Tone::Plain,
    };
    (tone, task.state.replace('_', " "))
}

fn head(out: &Output, title: &str, tone: Tone, state: &str) -> io::Result<()> {
    let title = text::one_line(title);
    let room =
        out.columns().map(|columns| columns.saturating_sub(state.chars().count() + 2).max(10));
    let title = room.map_or(title.clone(), |room| fit(&title, room));
    out.line(&format!("{}  {}", out.paint(Tone::Strong, &title), out.paint(tone, state)))
}

fn row(out: &Output, name: &str, value: &str) -> io::Result<()> {
    let head = format!("  {} ", out.paint(Tone::Faint, &format!("{name:<9}")));
    out.hanging(&head, INDENT, &text::one_line(value))
}

/// The waves with their parts; `all` with what each is to come to and what may go wrong.
fn tree(out: &Output, waves: &[WaveView], parts: &[PartView], all: bool) -> io::Result<()> {
    for (nth, wave) in waves.iter().enumerate() {
        out.line("")?;
        let tone = match wave.state.as_str() {
            "completed" => Tone::Good,
            "failed" => Tone::Bad,
            "running" => Tone::Strong,
            _ => Tone::Faint,
        };
        let head = out.paint(Tone::Faint, &format!("wave {}", nth + 1));
        out.line(&format!("{head}  {}", out.paint(tone, &wave.state)))?;
        for part in parts.iter().filter(|part| part.wave == nth + 1) {
            shown(out, part, all)?;
        }
    }
    Ok(())
}

fn shown(out: &Output, part: &PartView, all: bool) -> io::Result<()> {
    let (tone, state) = part_state(part);
    let project = out.paint(Tone::Strong, &text::one_line(&part.project));
    let mut beside = Vec::new();
    if let Some(name) = &part.name {
        let run = match (part.run_state.as_deref(), part.outcome.as_deref()) {
            (Some("ended"), Some(outcome)) => outcome.to_owned(),
            (Some(state), _) => state.to_owned(),
            (None, _) => String::new(),
        };
        let attempt = match part.attempt {
            Some(2..) => format!(", attempt {}", part.attempt.unwrap_or(1)),
            _ => String::new(),
        };
        let cost = part.cost_usd.map(|cost| format!(", ${cost:.2}")).unwrap_or_default();
        beside.push(format!("{name} ({run}{attempt}{cost})"));
    }
    if !part.needs.is_empty() {
        beside.push(format!("needs {}", part.needs.join(", ")));
    }
    let line = format!("  {project}  {}  {}", out.paint(tone, &state), beside.join("  "));
    out.line(line.trim_end())?;
    let said = |mark: &str, text: &str| {
        let head = format!("{:PART$}{mark}", "");
        out.hanging(&head, PART + mark.chars().count(), &text::one_line(text))
    };
    if all || part.state == "pending" {
        said("", &part.goal)?;
    }
    if all {
        for risk in &part.risks {
            said("! ", risk)?;
        }
    }
    if let Some(why) = &part.text {
        said("✗ ", why)?;
    }
    if let Some(review) = part.review.as_ref().and_then(|review| review.said.as_ref()) {
        said("◦ ", review)?;
    }
    if part.state == "escalated" {
        let review = part.review.iter();
        for critique in review.flat_map(|it| it.cycles.last()).flat_map(|it| &it.critiques).take(3)
        {
            said("  · ", &critique.one_line())?;
        }
    }
    if let Some(why) = &part.finalize_failed {
        said("✗ not handed over: ", why)?;
    }
    if let Some(head) = &part.head {
        let at = part.remote.as_ref().map(|remote| format!(", at {remote}")).unwrap_or_default();
        said("→ ", &format!("handed over: {}{at}", text::words(head, 12)))?;
    }
    Ok(())
}

pub(in crate::commands) fn part_state(part: &PartView) -> (Tone, String) {
    match part.state.as_str() {
        _ if part.rests => (Tone::Plain, "rests".to_owned()),
        "completed" if part.finalizing => (Tone::Strong, "is handed over".to_owned()),
        "completed" if part.run.is_none() => (Tone::Good, "taken as done".to_owned()),
        "completed" => (Tone::Good, "completed".to_owned()),
        "failed" => (Tone::Bad, "failed".to_owned()),
        "escalated" => (Tone::Wants, "a person is wanted".to_owned()),
        "in_progress" if is_reviewed(part) => (Tone::Strong, "in review".to_owned()),
        "in_progress" => (Tone::Strong, "at work".to_owned()),
        other => (Tone::Faint, other.to_owned()),
    }
}

/// Whether a reviewer looks at it now.
fn is_reviewed(part: &PartView) -> bool {
    let last = part.review.as_ref().and_then(|review| review.cycles.last());
    last.is_some_and(|cycle| cycle.state == "reviewing")
}

fn warnings(out: &Output, warnings: &[WarningView]) -> io::Result<()> {
    for (nth, warning) in warnings.iter().enumerate() {
        if nth == 0 {
            out.line("")?;
        }
        let of = warning.project.as_ref().filter(|it| !warning.text.starts_with(it.as_str()));
        let of = of.map(|it| format!(" {it}")).unwrap_or_default();
        let head = format!("  {}{of}: ", warning.kind);
        out.hanging(&head, INDENT, &text::one_line(&warning.text))?;
    }
    Ok(())
}

fn ways(out: &Output, ways: &[(&'static str, String)]) -> io::Result<()> {
    if !ways.is_empty() {
        out.line("")?;
    }
    for (what, command) in ways {
        out.line(&format!("  {what}: {}", out.paint(Tone::Strong, command)))?;
    }
    Ok(())
}

/// What one would type next.
fn plan_ways(plan: &PlanView) -> Vec<(&'static str, String)> {
    let id = &plan.task;
    match (plan.state.as_str(), plan.task_state.as_str()) {
        ("pending_review", "plan_review") => vec![
            ("take it", format!("skep approve {id}")),
            ("send it back", format!("skep reject {id} TEXT")),
            ("change it yourself", format!("skep plan edit {id}")),
        ],
        ("approved", "approved") => vec![("carry it out", format!("skep implement {id}"))],
        ("approved", "failed") => vec![("try what failed again", format!("skep implement {id}"))],
        ("superseded", _) => vec![("the one that holds", format!("skep plan show {id}"))],
        _ => vec![("how far it is", format!("skep show {id}"))],
    }
}

fn task_ways(task: &TaskView) -> Vec<(&'static str, String)> {
    let id = &task.id;
    let run = |part: &&PartView| part.run.is_some();
    match task.state.as_str() {
        "ingested" => vec![
            ("put an agent to it", format!("skep run {id}")),
            ("have it planned first", format!("skep plan {id}")),
        ],
        "plan_review" => vec![
            ("read it", format!("skep plan show {id}")),
            ("take it", format!("skep approve {id}")),
            ("send it back", format!("skep reject {id} TEXT")),
        ],
        "approved" => vec![("carry it out", format!("skep implement {id}"))],
        "completed" if task.plan.is_some() => {
            let mut ways: Vec<(&'static str, String)> = task
                .parts
                .iter()
                .filter(run)
                .map(|part| ("bring it in", format!("skep land {}", address(part))))
                .collect();
            ways.push(("ask for more", format!("skep plan {id} --more TEXT")));
            ways
        }
        _ => {
            let ways = task.waits_for.iter().flat_map(|waits| &waits.ways);
            // Whoever reads this has looked.
            let ways = ways.filter(|way| **way != format!("skep show {id}"));
            ways.map(|way| (word_for(way), way.clone())).collect()
        }
    }
}

/// What names the run of a part and no other.
fn address(part: &PartView) -> String {
    match &part.name {
        Some(name) => format!("{}/{name}", part.project),
        None => part.run.clone().unwrap_or_default(),
    }
}

/// What a command is for.
fn word_for(words: &str) -> &'static str {
    match words.split_whitespace().nth(1) {
        Some("implement") => "take it up again",
        Some("finalize") => "hand it over once more",
        Some("answer") => "answer it",
        Some("approve") if words.contains(" task_") => "take it as it is",
        Some("approve") if words.contains(" q_") => "take what the foreman proposes",
        Some("approve") => "give it leave",
        Some("reject") if words.contains(" task_") => "send it back, or give it up without words",
        Some("reject") => "refuse it",
        Some("refine") => "have the foreman think again",
        Some("review") => "have it looked at again",
        Some("logs") => "watch it",
        Some("plan") => "plan it once more",
        Some("run") => "put an agent to it",
        Some("resume") => "go on",
        Some("why") => "see why",
        _ => "look",
    }
}
