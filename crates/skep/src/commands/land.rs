//! `skep land`

use std::process::ExitCode;

use skep_api::{request::Ask, view::RunView};

use super::read;
use crate::{connect::Skep, exit::Outcome, output::Tone};

pub(super) fn land(skep: &Skep, id: &str, dry_run: bool) -> Outcome {
    let answer = skep.ask(Ask::Land { run: id.to_owned(), dry_run })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    if dry_run {
        let text = answer.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
        skep.out.line(&skep_core::text::visible(text))?;
        return Ok(ExitCode::SUCCESS);
    }
    let run: RunView = read(answer)?;
    if let Some(landed) = &run.landed {
        let head = skep_core::text::words(&landed.oid, 12);
        skep.out
            .line(&skep.out.paint(Tone::Good, &format!("landed on {} ({head})", landed.target)))?;
        skep.out.note(&format!("give its env back: skep close {}", run.name));
    }
    Ok(ExitCode::SUCCESS)
}
