//! `skep pr`

use std::process::ExitCode;

use skep_api::{
    request::{Ask, ProposeAsk},
    view::{ChangeView, RunView},
};
use skep_core::{run::OpResult, text};

use super::read;
use crate::{args::Pr, connect::Skep, exit::Outcome, output::Tone};

pub(super) fn pr(skep: &Skep, args: Pr) -> Outcome {
    let Pr { id, draft, ready, title, dry_run } = args;
    let env = skep.env.clone();
    let ask = ProposeAsk { run: id, draft, ready, title, dry_run, env };
    let answer = skep.ask(Ask::Propose(Box::new(ask)))?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    if dry_run {
        let text = answer.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
        skep.out.line(&text::visible(text))?;
        return Ok(ExitCode::SUCCESS);
    }
    said(skep, &read(answer)?)?;
    Ok(ExitCode::SUCCESS)
}

/// What came of a proposal.
pub(super) fn said(skep: &Skep, run: &RunView) -> std::io::Result<()> {
    let Some(change) = &run.change else { return Ok(()) };
    let (made, left) = match run.op.as_ref().map(|op| op.result.clone()) {
        Some(OpResult::Proposed { made, left, .. }) => (made, left),
        _ => (false, Vec::new()),
    };
    let what = if made { "made" } else { "brought up to date" };
    let draft = if change.draft { ", a draft" } else { "" };
    let line = format!("change #{} {what}{draft}", change.number);
    skep.out.line(&format!(
        "{}  {}",
        skep.out.paint(Tone::Good, &line),
        text::one_line(&change.url)
    ))?;
    for note in left {
        skep.out.note(&text::one_line(&note));
    }
    let goes_back = match change.rounds_of {
        0 => "its checks and comments are shown: skep show".to_owned(),
        _ => "failed checks and comments of members go to its author: skep show".to_owned(),
    };
    skep.out.note(&format!("{goes_back} {}", run.name));
    Ok(())
}

/// A change in one line: `#12 open, checks failed, round 1 of 3  URL`.
pub(super) fn in_a_line(change: &ChangeView) -> String {
    let mut parts = vec![if change.draft && change.state == "open" {
        "draft".to_owned()
    } else if change.state == "closed" {
        "closed unmerged".to_owned()
    } else {
        change.state.clone()
    }];
    if change.state == "open" {
        parts.extend(change.checks.as_ref().map(|checks| format!("checks {checks}")));
        if change.rounds > 0 {
            parts.push(format!("round {} of {}", change.rounds, change.rounds_of));
        }
    }
    format!("#{} {}  {}", change.number, parts.join(", "), text::one_line(&change.url))
}

/// The same for a column: `#12 open`.
pub(super) fn in_a_word(change: &ChangeView) -> String {
    match change.state.as_str() {
        "merged" => format!("#{} merged", change.number),
        "closed" => format!("#{} closed", change.number),
        _ => match change.checks.as_deref() {
            Some("failed") => format!("#{} failed", change.number),
            Some("passed") => format!("#{} passed", change.number),
            _ => format!("#{} open", change.number),
        },
    }
}

/// What may be done next with work that is done: with its change, or without one.
pub(super) fn next(run: &RunView, id: &str) -> Vec<(&'static str, String)> {
    match &run.change {
        None => vec![("bring it in", format!("skep land {id}"))],
        Some(change) if change.state == "closed" => {
            vec![("propose it again", format!("skep pr {id}"))]
        }
        Some(_) => vec![("push what is new", format!("skep pr {id}"))],
    }
}
