//! `skep review`, `skep refine`, `skep foreman`, and a person's word on a part

use std::{io, process::ExitCode};

use skep_api::{
    request::{Ask, CommentAsk, PartAsk},
    view::{CycleView, ForemanView, KnownView, PutView, QuestionView, ReviewedView},
};
use skep_core::{review::Critique, text, time::Timestamp};

use super::{control, plan, questions, read};
use crate::{
    args,
    connect::Skep,
    exit::{CliError, Outcome},
    output::{Output, Tone, age, grid::fit, now},
};

/// Where what is said of a cycle begins. Columns.
const INDENT: usize = 4;

pub(super) fn review(skep: &Skep, args: args::Review) -> Outcome {
    let on = PartAsk { of: args.id, part: args.part };
    if args.show {
        let reviewed: ReviewedView = read(skep.ask(Ask::ReviewShow { on })?)?;
        if skep.out.json {
            skep.out.json(&reviewed.part)?;
        } else {
            page(&skep.out, &reviewed)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let comments: Vec<CommentAsk> = args.comments.chunks(2).map(comment).collect();
    let said = comments.len();
    let reviewed: ReviewedView = read(skep.ask(Ask::Review { on, comments })?)?;
    let ReviewedView { task, part } = &reviewed;
    if skep.out.json {
        skep.out.json(task)?;
        return Ok(ExitCode::SUCCESS);
    }
    let project = text::one_line(&part.project);
    if said == 0 {
        plan::task_page(skep, task)?;
        skep.out
            .note(&format!("{project} is reviewed once more; until then: skep wait {}", task.id));
        return Ok(ExitCode::SUCCESS);
    }
    let what = if said == 1 { "1 comment is".to_owned() } else { format!("{said} comments are") };
    skep.out.line(&format!(
        "{what} kept: the next reviewer of {project} hears it, and its author has it to mend"
    ))?;
    let (id, part) = (&task.id, format!("--part {}", text::shell(&part.project)));
    match reviewed.part.state.as_str() {
        "escalated" => {
            skep.out.note(&format!("send it back with that: skep reject {id} {part} TEXT"));
        }
        "completed" => skep.out.note(&format!("have it looked at again: skep review {id} {part}")),
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// What a person says of a file, of a line of it, or of none.
fn comment(words: &[String]) -> CommentAsk {
    let at = words.first().map_or("-", String::as_str);
    let text = words.get(1).cloned().unwrap_or_default();
    let (file, line) = match at.rsplit_once(':') {
        Some((file, line)) if !file.is_empty() => match line.parse::<u32>() {
            Ok(line) if line > 0 => (file, Some(line)),
            Ok(_) | Err(_) => (at, None),
        },
        Some(_) | None => (at, None),
    };
    let file = (file != "-" && !file.is_empty()).then(|| file.to_owned());
    CommentAsk { line: line.filter(|_| file.is_some()), file, text }
}

/// A part with each of its cycles, and all that was found.
fn page(out: &Output, reviewed: &ReviewedView) -> io::Result<()> {
    let ReviewedView { task, part } = reviewed;
    let (tone, state) = plan::part_state(part);
    let head = format!("{} of {}", text::one_line(&part.project), text::one_line(&task.title));
    let room = out.columns().map_or(usize::MAX, |it| it.saturating_sub(state.len() + 2).max(10));
    out.line(&format!(
        "{}  {}",
        out.paint(Tone::Strong, &fit(&head, room)),
        out.paint(tone, &state)
    ))?;
    if let Some(why) = &part.text {
        out.hanging("  ✗ ", INDENT, &text::one_line(why))?;
    }
    let Some(review) = &part.review else {
        out.note("no part of it is reviewed: skep config set review.max_cycles 3");
        return Ok(());
    };
    let granted = match review.granted {
        0 => String::new(),
        more => format!(", and {more} that a person granted"),
    };
    out.line(&format!("  {} of {} reviews used{granted}", review.used, review.max))?;
    if let Some(by) = &review.accepted {
        out.line(&format!("  taken as it is by {}", text::one_line(by)))?;
    }
    for cycle in &review.cycles {
        shown(out, cycle)?;
    }
    if !review.comments.is_empty() {
        out.line("")?;
        out.line(&out.paint(Tone::Faint, "  said by people, and not looked at yet"))?;
        critiques(out, &review.comments)?;
    }
    if part.state == "escalated" {
        out.line("")?;
        let (id, part) = (&task.id, text::shell(&part.project));
        for (what, way) in [
            ("take it as it is", format!("skep approve {id} --part {part}")),
            ("send it back", format!("skep reject {id} --part {part} TEXT")),
            ("have it looked at again", format!("skep review {id} --part {part}")),
        ] {
            out.line(&format!("  {what}: {}", out.paint(Tone::Strong, &way)))?;
        }
    }
    Ok(())
}

fn shown(out: &Output, cycle: &CycleView) -> io::Result<()> {
    out.line("")?;
    let tone = match cycle.state.as_str() {
        "passed" => Tone::Good,
        "failed" => Tone::Bad,
        "critiques_found" => Tone::Wants,
        _ => Tone::Strong,
    };
    out.hanging("  ", INDENT, &out.paint(tone, &text::one_line(&cycle.said)))?;
    let by = cycle.name.as_ref().map_or(&cycle.run, |name| name);
    let at = text::words(&cycle.head, 12);
    out.line(&out.paint(Tone::Faint, &format!("    at {at}, by {}", text::one_line(by))))?;
    critiques(out, &cycle.critiques)
}

fn critiques(out: &Output, critiques: &[Critique]) -> io::Result<()> {
    for critique in critiques {
        let by = critique.by.as_ref().map(|by| format!(" ({})", text::one_line(by)));
        let line = format!("{}{}", critique.one_line(), by.unwrap_or_default());
        out.hanging("    · ", INDENT + 2, &line)?;
        if let Some(suggestion) = &critique.suggestion {
            out.hanging("      → ", INDENT + 4, &text::one_line(suggestion))?;
        }
    }
    Ok(())
}

/// A person's word on a part that waits for one.
pub(super) fn rule(skep: &Skep, on: PartAsk, allow: bool, text: Option<String>) -> Outcome {
    let text = text.map(|text| control::words(&text)).transpose()?;
    let task = read(skep.ask(Ask::RulePart { on, allow, text })?)?;
    plan::task_page(skep, &task)
}

pub(super) fn refine(skep: &Skep, args: args::Refine) -> Outcome {
    let args::Refine { question, text, detach, timeout } = args;
    let text = control::words(&text)?;
    let timeout_ms = timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let ask = Ask::Refine { question, text, detach, timeout_ms };
    if !detach {
        skep.out.progress("the foreman thinks it over");
    }
    let question: QuestionView = read(skep.ask(ask)?)?;
    if skep.out.json {
        skep.out.json(&question)?;
        return Ok(ExitCode::SUCCESS);
    }
    questions::whole(&skep.out, &question, now())?;
    for (what, way) in questions::ways(&question) {
        skep.out.line(&format!("  {what}: {}", skep.out.paint(Tone::Strong, &way)))?;
    }
    if detach {
        skep.out.note(&format!("the foreman thinks it over; see: skep questions {}", question.id));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn foreman(skep: &Skep, verb: args::Foreman) -> Outcome {
    let args::Foreman::Status { id } = verb;
    let is_one = id.is_some();
    let list: Vec<ForemanView> = read(skep.ask(Ask::Foreman { of: id })?)?;
    if skep.out.json {
        match list.first().filter(|_| is_one) {
            Some(one) => skep.out.json(one)?,
            None => skep.out.json(&list)?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    if list.is_empty() {
        skep.out.note("no task has a foreman: one comes with a plan that is carried out");
    }
    let now = now();
    for (nth, foreman) in list.iter().enumerate() {
        if nth > 0 {
            skep.out.line("")?;
        }
        status(&skep.out, foreman, now).map_err(CliError::from)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn status(out: &Output, foreman: &ForemanView, now: Timestamp) -> io::Result<()> {
    let (tone, state) = match foreman.state.as_str() {
        "none" => (Tone::Faint, "no foreman"),
        "off" => (Tone::Bad, "off: people are asked"),
        "at_work" => (Tone::Strong, "thinks"),
        _ => (Tone::Good, "waits for questions"),
    };
    let title = text::one_line(&foreman.title);
    let room = out.columns().map_or(usize::MAX, |it| it.saturating_sub(state.len() + 2).max(10));
    out.line(&format!(
        "{}  {}",
        out.paint(Tone::Strong, &fit(&title, room)),
        out.paint(tone, state)
    ))?;
    let row = |name: &str, value: &str| {
        let head = format!("  {} ", out.paint(Tone::Faint, &format!("{name:<9}")));
        out.hanging(&head, INDENT + 8, &text::one_line(value))
    };
    row("task", &foreman.task)?;
    if let Some(run) = &foreman.run {
        let name = foreman.name.as_deref().unwrap_or(run);
        let agent = foreman.agent.as_deref().unwrap_or("?");
        row("run", &format!("{name} ({agent}, {})", foreman.run_state.as_deref().unwrap_or("?")))?;
    }
    if let Some(off) = &foreman.off {
        row("off", off)?;
    }
    for (name, puts) in [
        ("is asked", foreman.at.iter().collect::<Vec<&PutView>>()),
        ("in line", foreman.line.iter().collect()),
        ("yours", foreman.escalated.iter().collect()),
    ] {
        for put in puts {
            row(name, &of_put(put))?;
        }
    }
    for known in &foreman.answers {
        row("answered", &of_known(known, now))?;
    }
    for put in &foreman.escalated {
        let (what, way) = match put.proposal {
            Some(_) => ("take what it proposes", format!("skep approve {}", put.question)),
            None => ("answer it", format!("skep answer {} TEXT", put.question)),
        };
        out.line(&format!("  {what}: {}", out.paint(Tone::Strong, &way)))?;
    }
    Ok(())
}

/// A question in a line, with what became of it so far.
fn of_put(put: &PutView) -> String {
    let mut line = format!("{} of {}: {}", put.question, put.name, text::words(&put.text, 200));
    if !put.joined.is_empty() {
        line += &format!(" (and {} more ask it)", put.joined.len());
    }
    if put.deaths > 0 {
        line += &format!(" (died over it {} times)", put.deaths);
    }
    if let Some(said) = &put.refine {
        line += &format!(" (you said: {})", text::words(said, 100));
    }
    if let Some(proposal) = &put.proposal {
        line += &format!(" » {}", text::words(proposal, 200));
    }
    line
}

fn of_known(known: &KnownView, now: Timestamp) -> String {
    let what = text::words(&known.text, 100);
    let answer = text::words(&known.answer, 200);
    format!("{}: {what} » {answer} (by {}, {} ago)", known.question, known.by, age(known.at, now))
}
