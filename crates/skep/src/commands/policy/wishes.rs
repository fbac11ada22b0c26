//! `skep policy apply` and `skep policy lift`

use std::process::ExitCode;

use skep_api::{
    request::Ask,
    view::{LiftView, RulesView},
};
use skep_core::text;

use super::super::read;
use crate::{connect::Skep, exit::Outcome, output::Tone};

pub(super) fn apply(skep: &Skep, runs: Vec<String>) -> Outcome {
    let named = !runs.is_empty();
    let answer = skep.ask(Ask::RulesApply { runs })?;
    if skep.out.json {
        skep.out.json(&answer)?;
    }
    let views: Vec<RulesView> = read(answer)?;
    if !skep.out.json {
        if views.is_empty() && !named {
            skep.out.note("no agent is at work; every run begins with the rules of its day");
        }
        for view in &views {
            told(skep, view)?;
        }
    }
    Ok(code(&views))
}

pub(super) fn lift(skep: &Skep, of: String, task: bool) -> Outcome {
    let answer = skep.ask(Ask::Lift { of, task })?;
    if skep.out.json {
        skep.out.json(&answer)?;
    }
    let view: LiftView = read(answer)?;
    if skep.out.json {
        return Ok(code(view.rules.as_slice()));
    }
    if let Some(task) = &view.task {
        skep.out.line(&format!("{task}: its words count as a person's from now on"))?;
    }
    if let Some(rules) = &view.rules {
        let name = text::one_line(&rules.name);
        skep.out.line(&format!("{name}: its words count as a person's from now on"))?;
        told(skep, rules)?;
    }
    Ok(code(view.rules.as_slice()))
}

fn told(skep: &Skep, view: &RulesView) -> std::io::Result<()> {
    let name = text::one_line(&view.name);
    let rules = format!("{} deny, {} ask, {} allow", view.deny, view.ask, view.allow);
    let (tone, words) = match view.status.as_str() {
        "in-force" => (Tone::Good, format!("judged by the rules of now: {rules}")),
        "next-attempt" => (Tone::Faint, format!("from its next attempt on: {rules}")),
        _ => {
            let why = view.why.as_deref().map(text::one_line).unwrap_or_default();
            (Tone::Bad, format!("judged by the rules of before: {why}"))
        }
    };
    skep.out.line(&format!("{name}: {}", skep.out.paint(tone, &words)))
}

/// 1 where an agent is still judged by the rules of before.
fn code(views: &[RulesView]) -> ExitCode {
    if views.iter().any(|view| view.status == "failed") {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    }
}
