//! `skep` and `skep status`

use std::process::ExitCode;

use skep_api::{request::Ask, view::RunView};
use skep_core::run::Surface;

use super::{ls, read};
use crate::{connect::Skep, exit::Outcome, output::Tone};

pub(super) fn status(skep: &Skep) -> Outcome {
    let answer = skep.ask(Ask::Ls { all: false, project: None })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runs: Vec<RunView> = read(answer)?;
    let count = |state: &str| runs.iter().filter(|run| run.state == state).count();
    let ended = count("ended");
    let busy = runs.len() - ended - count("queued") - count("waiting") - count("stalled");
    let wanting = count("waiting") + count("stalled");
    let head = format!(
        "{busy} at work, {wanting} waiting for you, {} queued, {ended} ended",
        count("queued")
    );
    skep.out.line(&skep.out.paint(if wanting > 0 { Tone::Wants } else { Tone::Strong }, &head))?;
    if !runs.is_empty() {
        skep.out.line("")?;
        ls::table(&skep.out, &runs)?;
    }
    skep.out.line("")?;
    for (what, command) in next(&runs) {
        skep.out.line(&format!("  {what}: {}", skep.out.paint(Tone::Strong, &command)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What one would type next.
fn next(runs: &[RunView]) -> Vec<(&'static str, String)> {
    let mut next = Vec::new();
    if let Some(run) = runs.iter().find(|run| run.state == "waiting" || run.state == "stalled") {
        next.push(("see why it waits", format!("skep why {}", ls::name_among(run, runs))));
    }
    if let Some(run) =
        runs.iter().find(|run| run.outcome.as_deref() == Some("completed") && run.landed.is_none())
    {
        next.push(("bring it in", format!("skep land {}", ls::name_among(run, runs))));
    }
    if let Some(run) = runs.iter().find(|run| run.landed.is_some()) {
        next.push((
            "give its env back",
            format!("skep close {} --keep-branch", ls::name_among(run, runs)),
        ));
    }
    let is_adopted = |run: &RunView| run.reason.as_deref() == Some("adopted");
    if let Some(run) = runs.iter().find(|run| is_adopted(run)) {
        let name = ls::name_among(run, runs);
        next.push(("go on where others began", format!("skep resume {name} TEXT")));
    }
    if let Some(run) = runs.iter().find(|run| {
        !is_adopted(run) && run.outcome.as_deref().is_some_and(|outcome| outcome != "completed")
    }) {
        next.push(("see what went wrong", format!("skep logs {}", ls::name_among(run, runs))));
    }
    if let Some(run) = runs.iter().find(|run| run.state == "running") {
        let name = ls::name_among(run, runs);
        next.push(match run.surface {
            Surface::Headless => ("watch it", format!("skep logs {name} -f")),
            Surface::Terminal => ("look at its screen", format!("skep attach {name}")),
        });
    }
    if next.is_empty() {
        next.push(("put an agent to work", "skep run \"fix the flaky test\"".to_owned()));
        next.push(("see how it goes, without one", "skep demo".to_owned()));
    }
    next
}
