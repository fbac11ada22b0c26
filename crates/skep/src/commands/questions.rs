//! `skep questions`, `skep answer` and `skep inbox`

use std::{path::Path, process::ExitCode};

use skep_api::{
    request::Ask,
    view::{InboxView, QuestionView, RunView},
};
use skep_core::{text, time::Timestamp};

use super::{read, read_text};
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::{Output, Tone, age, grid::wrapped},
};

/// Where words stand under their head. Columns.
const INDENT: usize = 2;
/// How many lines of one item the inbox shows.
const LINES: usize = 3;

pub(super) fn questions(skep: &Skep, of: Option<String>, all: bool) -> Outcome {
    let answer = skep.ask(Ask::Questions { of, all })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let list: Vec<QuestionView> = read(answer)?;
    if list.is_empty() {
        skep.out.note(if all { "no agent has asked anything" } else { "no question is open" });
        return Ok(ExitCode::SUCCESS);
    }
    let now = skep_daemon::daemon::now();
    for (nth, question) in list.iter().enumerate() {
        if nth > 0 {
            skep.out.line("")?;
        }
        whole(&skep.out, question, now)?;
        for (what, way) in ways(question) {
            skep.out.line(&format!("  {what}: {}", skep.out.paint(Tone::Strong, &way)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn answer(skep: &Skep, question: &str, text: Option<String>, skip: bool) -> Outcome {
    let text = match (text, skip) {
        (Some(text), false) => Some(words(&text)?),
        (None, true) => None,
        (Some(_), true) => {
            return Err(CliError::error("usage", "an answer, or --skip, and not both")
                .hint(format!("skep answer {question} --skip"))
                .hint(format!("skep send {question} TEXT   says something beside it")));
        }
        (None, false) => {
            return Err(CliError::error("usage", "an answer, or --skip to let the agent decide")
                .hint(format!("skep answer {question} TEXT"))
                .hint(format!("skep answer {question} --skip")));
        }
    };
    let ask = Ask::Answer { question: question.to_owned(), text };
    told(skep, &read(skep.ask(ask)?)?)
}

/// Says what an agent is told.
pub(super) fn told(skep: &Skep, answered: &QuestionView) -> Outcome {
    if skep.out.json {
        skep.out.json(answered)?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = &answered.name;
    let what = match &answered.answer {
        Some(answer) => format!("{name} is told: {}", text::words(&text::one_line(answer), 60)),
        None => format!("{name} is told to decide it"),
    };
    skep.out.line(&what)?;
    let runs: Vec<RunView> = read(skep.ask(Ask::Named { runs: vec![answered.run.clone()] })?)?;
    if let Some(run) = runs.first() {
        let open = run.asked.iter().filter(|question| question.wants_a_person()).count();
        match (run.state.as_str(), open) {
            (_, 1..) => skep.out.note(&format!("it asks more: skep questions {name}")),
            ("waiting" | "queued", 0) => skep.out.note("it goes on when a slot is free"),
            _ => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An answer as it was typed, or from standard input for `-`.
fn words(text: &str) -> Result<String, CliError> {
    if text == "-" { read_text(Path::new("-"), "answer Q -") } else { Ok(text.to_owned()) }
}

pub(super) fn inbox(skep: &Skep) -> Outcome {
    let answer = skep.ask(Ask::Inbox {})?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let items: Vec<InboxView> = read(answer)?;
    if items.is_empty() {
        skep.out.note("nobody waits for you");
        return Ok(ExitCode::SUCCESS);
    }
    let now = skep_daemon::daemon::now();
    for (nth, item) in items.iter().enumerate() {
        if nth > 0 {
            skep.out.line("")?;
        }
        shown(&skep.out, item, now)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(out: &Output, item: &InboxView, now: Timestamp) -> std::io::Result<()> {
    let name = match &item.project {
        Some(project) => format!("{project}/{}", item.name),
        None => item.name.clone(),
    };
    let holds = match item.holds {
        0 | 1 => String::new(),
        many => format!(", holds up {many}"),
    };
    let (tone, what) = match item.kind.as_str() {
        "question" => (Tone::Wants, "asks"),
        "leave" => (Tone::Wants, "asks leave"),
        "input" => (Tone::Wants, "waits for a word"),
        "stalled" => (Tone::Wants, "is stalled"),
        "overstep" => (Tone::Bad, "overstepped"),
        "plan" if item.text.contains("approved") => (Tone::Wants, "is planned"),
        "plan" => (Tone::Wants, "has a plan for you"),
        "failure" => (Tone::Bad, "failed"),
        "review" => (Tone::Good, "is to be reviewed"),
        "limit" => (Tone::Faint, "waits for its limit"),
        other => (Tone::Plain, other),
    };
    let head = format!("{} {what}", text::one_line(&name));
    let age = format!("{} ago{holds}", age(item.since, now));
    out.line(&format!("{}  {}", out.paint(tone, &head), out.paint(Tone::Faint, &age)))?;
    said(out, &item.text, LINES)?;
    options(out, &item.options)?;
    for way in &item.ways {
        out.line(&format!("  {}", out.paint(Tone::Strong, way)))?;
    }
    Ok(())
}

/// Shows a question whole, with what became of it.
pub(super) fn whole(out: &Output, question: &QuestionView, now: Timestamp) -> std::io::Result<()> {
    let by = question.answered_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let tone = if question.is_open() { Tone::Wants } else { Tone::Faint };
    let head = format!("{} asks", text::one_line(&question.name));
    let with =
        if question.is_open() && !question.wants_a_person() { ", with the foreman" } else { "" };
    let state =
        format!("{}, {} ago, {}{by}{with}", question.id, age(question.asked, now), question.state);
    out.line(&format!("{}  {}", out.paint(tone, &head), out.paint(Tone::Faint, &state)))?;
    said(out, &question.text, usize::MAX)?;
    if let Some(context) = &question.context {
        said(out, context, usize::MAX)?;
    }
    options(out, &question.options)?;
    if let Some(proposal) = question.proposal.as_ref().filter(|_| question.is_open()) {
        said(out, &format!("the foreman proposes: {proposal}"), usize::MAX)?;
    }
    if let Some(answer) = &question.answer {
        said(out, &format!("» {answer}"), usize::MAX)?;
    }
    Ok(())
}

/// What settles a question that is open.
pub(super) fn ways(question: &QuestionView) -> Vec<(&'static str, String)> {
    if !question.is_open() {
        return Vec::new();
    }
    let id = &question.id;
    let what = if question.options.is_empty() { "TEXT" } else { "1" };
    let mut ways = Vec::new();
    if question.proposal.is_some() {
        ways.push(("take what the foreman proposes", format!("skep approve {id}")));
        ways.push(("have it think again", format!("skep refine {id} TEXT")));
    }
    ways.push(("answer it", format!("skep answer {id} {what}")));
    ways.push(("leave it to the agent", format!("skep answer {id} --skip")));
    ways
}

fn options(out: &Output, options: &[String]) -> std::io::Result<()> {
    for (option, n) in options.iter().zip(1..) {
        said(out, &format!("{n}  {}", text::one_line(option)), 2)?;
    }
    Ok(())
}

/// Prints an agent's words under a head, at most so many lines.
fn said(out: &Output, words: &str, most: usize) -> std::io::Result<()> {
    let visible = text::visible(words.trim());
    let lines: Vec<String> = match out.columns() {
        Some(columns) => {
            let room = columns.saturating_sub(INDENT + 2).max(20);
            visible.lines().flat_map(|line| wrapped(line, room)).collect()
        }
        None => visible.lines().map(str::to_owned).collect(),
    };
    let more = lines.len() > most;
    for (nth, line) in lines.iter().take(most).enumerate() {
        let end = if more && nth + 1 == most { " …" } else { "" };
        out.line(format!("{:INDENT$}│ {line}{end}", "").trim_end())?;
    }
    Ok(())
}
