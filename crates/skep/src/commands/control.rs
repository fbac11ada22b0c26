//! `skep pause`, `skep resume`, `skep retry`, `skep send`, `skep approve` and `skep reject`

use std::{path::Path, process::ExitCode};

use skep_api::{
    request::Ask,
    view::{RunView, SendView},
};

use super::{ls, read, read_text};
use crate::{connect::Skep, exit::Outcome};

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

pub(super) fn again(skep: &Skep, id: &str, goes_on: bool, text: Option<String>) -> Outcome {
    let text = text.map(|text| words(&text)).transpose()?;
    let run: RunView = read(skep.ask(Ask::Again { run: id.to_owned(), goes_on, text })?)?;
    if skep.out.json {
        skep.out.json(&run)?;
    } else {
        ls::table(&skep.out, std::slice::from_ref(&run))?;
    }
    Ok(super::code_of(std::slice::from_ref(&run)))
}

pub(super) fn send(skep: &Skep, id: &str, text: &str) -> Outcome {
    let sent: SendView = read(skep.ask(Ask::Send { run: id.to_owned(), text: words(text)? })?)?;
    if skep.out.json {
        skep.out.json(&sent)?;
    } else {
        skep.out.line(&sent.delivery)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn rule(skep: &Skep, id: &str, allow: bool, text: Option<String>) -> Outcome {
    let text = text.map(|text| words(&text)).transpose()?;
    let run: RunView = read(skep.ask(Ask::Rule { of: id.to_owned(), allow, text })?)?;
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
fn words(text: &str) -> Result<String, crate::exit::CliError> {
    if text == "-" { read_text(Path::new("-")) } else { Ok(text.to_owned()) }
}
