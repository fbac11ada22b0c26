//! `skep pause`, `skep resume`, `skep retry`, `skep send`, `skep approve` and `skep reject`

use std::{collections::BTreeMap, path::Path, process::ExitCode, time::Duration};

use skep_api::{
    request::Ask,
    view::{RunView, SendView},
};
use skep_core::run::Surface;

use super::{ls, plan, questions, read, read_text};
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
};

pub(super) fn pause(skep: &Skep, id: &str, now: bool) -> Outcome {
    let run: RunView = read(skep.ask(Ask::Pause { run: id.to_owned(), now })?)?;
    if skep.out.json {
        skep.out.json(&run)?;
        return Ok(ExitCode::SUCCESS);
    }
    ls::table(&skep.out, std::slice::from_ref(&run))?;
    let when = if now { "is told to stop its turn" } else { "rests when its turn ends" };
    skep.out.note(&format!("{} {when}; go on: skep resume {}", run.name, run.name));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn again(
    skep: &Skep,
    id: &str,
    goes_on: bool,
    text: Option<String>,
    surface: Option<Surface>,
) -> Outcome {
    let text = text.map(|text| words(&text)).transpose()?;
    let ask = Ask::Again { run: id.to_owned(), goes_on, text, surface, env: BTreeMap::new() };
    let run: RunView = read(skep.ask(ask)?)?;
    if skep.out.json {
        skep.out.json(&run)?;
    } else {
        ls::table(&skep.out, std::slice::from_ref(&run))?;
    }
    Ok(super::code_of(std::slice::from_ref(&run)))
}

/// Gives a run more to use, before it goes on.
pub(super) fn raise(skep: &Skep, id: &str, by: String) -> Result<(), CliError> {
    let run: RunView = read(skep.ask(Ask::Raise { run: id.to_owned(), by })?)?;
    let budget = run.budget.unwrap_or_else(|| "anything".to_owned());
    skep.out.note(&format!("{} may use {budget}", run.name));
    Ok(())
}

/// A message as it was asked for.
pub(super) struct Words {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) steer: bool,
    pub(super) wait: Option<String>,
    pub(super) key: Option<String>,
}

/// The receipts in their order.
const RECEIPTS: [&str; 4] = ["queued", "delivered", "accepted", "turn-started"];

pub(super) fn send(skep: &Skep, asked: Words, timeout: Option<Duration>) -> Outcome {
    let timeout_ms = timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let Words { id, text, steer, wait, key } = asked;
    let text = words(&text)?;
    let ask = Ask::Send { run: id.clone(), text, steer, key, wait: wait.clone(), timeout_ms };
    let sent: SendView = read(skep.ask(ask)?)?;
    if skep.out.json {
        skep.out.json(&sent)?;
    } else {
        skep.out.line(&sent.receipt)?;
        if let Some(note) = note(&id, &sent, wait.as_deref()) {
            skep.out.note(&note);
        }
    }
    Ok(code(&sent, wait.as_deref()))
}

fn rank(receipt: &str) -> Option<usize> {
    RECEIPTS.iter().position(|known| *known == receipt)
}

fn has_come(sent: &SendView, wanted: &str) -> bool {
    rank(&sent.receipt).is_some_and(|come| Some(come) >= rank(wanted))
}

/// 0 reached · 1 nobody knows · 3 not so far in time.
fn code(sent: &SendView, wanted: Option<&str>) -> ExitCode {
    match wanted {
        _ if rank(&sent.receipt).is_none() => ExitCode::from(1),
        Some(wanted) if !has_come(sent, wanted) => ExitCode::from(3),
        Some(_) | None => ExitCode::SUCCESS,
    }
}

/// What a person should know beside the receipt.
fn note(id: &str, sent: &SendView, wanted: Option<&str>) -> Option<String> {
    let why = sent.text.clone().map_or(String::new(), |why| format!(" ({why})"));
    match sent.receipt.as_str() {
        "unknown" => Some(format!(
            "whether the agent has it is not known{why}; skep resume {id} sends it again where its history lacks it"
        )),
        _ if wanted.is_some_and(|wanted| !has_come(sent, wanted)) => {
            Some(format!("it has come no further{why}; see: skep show {id}"))
        }
        "queued" => Some(format!("it goes when the agent can take it{why}; see: skep show {id}")),
        _ => None,
    }
}

pub(super) fn rule(
    skep: &Skep,
    id: &str,
    allow: bool,
    text: Option<String>,
    from_wave: Option<u32>,
) -> Outcome {
    let text = text.map(|text| words(&text)).transpose()?;
    let answer = skep.ask(Ask::Rule { of: id.to_owned(), allow, text, from_wave })?;
    if answer["id"].as_str().is_some_and(|id| id.starts_with("plan_")) {
        return plan::page(skep, &read(answer)?);
    }
    match answer["id"].as_str() {
        Some(id) if id.starts_with("task_") => return plan::task_page(skep, &read(answer)?),
        Some(id) if id.starts_with("q_") => return questions::told(skep, &read(answer)?),
        Some(_) | None => {}
    }
    let run: RunView = read(answer)?;
    if skep.out.json {
        skep.out.json(&run)?;
        return Ok(ExitCode::SUCCESS);
    }
    ls::table(&skep.out, std::slice::from_ref(&run))?;
    let word = if allow { "allowed" } else { "refused" };
    let open = run.open_asks().count();
    let more = match (open, run.state.as_str()) {
        (0, "waiting") => "; it goes on when a slot is free".to_owned(),
        (0, _) => String::new(),
        (1, _) => format!("; it asks for one thing more: skep show {}", run.name),
        (open, _) => format!("; it asks for {open} things more: skep show {}", run.name),
    };
    skep.out.note(&format!("{}: {word}{more}", run.name));
    Ok(ExitCode::SUCCESS)
}

/// A text as it was typed, or from standard input for `-`.
pub(super) fn words(text: &str) -> Result<String, crate::exit::CliError> {
    if text == "-" { read_text(Path::new("-"), "send ID -") } else { Ok(text.to_owned()) }
}
