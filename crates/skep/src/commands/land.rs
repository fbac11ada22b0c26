//! `skep land` and `skep gate`

use std::process::ExitCode;

use skep_api::{
    request::{Ask, LandAsk},
    view::RunView,
};
use skep_core::{
    run::{Attestation, OpResult},
    text,
};

use super::{logs::readable::span, pr, read};
use crate::{
    connect::Skep,
    exit::Outcome,
    output::{Output, Tone},
};

pub(super) fn land(skep: &Skep, ask: LandAsk) -> Outcome {
    let (dry_run, gates_only) = (ask.dry_run, ask.gates_only);
    let answer = skep.ask(Ask::Land(ask))?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    if dry_run {
        let text = answer.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
        skep.out.line(&text::visible(text))?;
        return Ok(ExitCode::SUCCESS);
    }
    let run: RunView = read(answer)?;
    if let Some(OpResult::Proposed { .. }) = run.op.as_ref().map(|op| &op.result) {
        pr::said(skep, &run)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(landing) = &run.landing {
        let stage = landing.stage.replace('_', " ");
        skep.out.line(&format!("{} is {stage}", run.name))?;
        skep.out.note(&format!("how far it is: skep show {}", run.name));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(seen) = &run.attestation {
        gates(&skep.out, seen)?;
    }
    if gates_only {
        let Some(seen) = &run.attestation else { return Ok(ExitCode::SUCCESS) };
        let line = format!("it would land on {} as {}", seen.target, text::words(&seen.commit, 12));
        skep.out.line(&skep.out.paint(Tone::Good, &line))?;
        skep.out.note(&format!("bring it in: skep land {}", run.name));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(landed) = &run.landed {
        let head = text::words(&landed.oid, 12);
        skep.out
            .line(&skep.out.paint(Tone::Good, &format!("landed on {} ({head})", landed.target)))?;
        if let Some(OpResult::Landed { beside, .. }) = run.op.as_ref().map(|op| &op.result) {
            for left in beside {
                skep.out.note(&text::one_line(left));
            }
        }
        skep.out.note(&format!("give its env back: skep close {}", run.name));
    }
    Ok(ExitCode::SUCCESS)
}

/// What each gate came to, a line each.
pub(super) fn gates(out: &Output, seen: &Attestation) -> std::io::Result<()> {
    for gate in &seen.gates {
        let took = gate.exit.as_ref().map_or_else(String::new, |exit| {
            format!(" in {}", span(exit.ended.since(exit.started)))
        });
        out.line(&format!("gate {} passed{took}", text::one_line(&gate.name)))?;
    }
    Ok(())
}
