//! `skep stop` and `skep kill`

use std::process::ExitCode;

use skep_api::{request::Ask, view::RunView};

use super::{ls, read};
use crate::{connect::Skep, exit::Outcome};

pub(super) fn stop(skep: &Skep, ids: Vec<String>, all: bool, now: bool) -> Outcome {
    let answer = skep.ask(Ask::Stop { runs: ids, all, now })?;
    let stopped: Vec<RunView> = read(answer)?;
    let ids: Vec<String> = stopped.iter().map(|run| run.id.clone()).collect();
    // A stop is done when nothing of the run lives; the keeper's own deadlines bound the wait.
    let ended = if ids.is_empty() {
        serde_json::json!([])
    } else {
        skep.ask(Ask::Wait {
            runs: ids,
            until: "ended".to_owned(),
            any: false,
            timeout_ms: Some(60_000),
        })?
    };
    if skep.out.json {
        skep.out.json(&ended)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runs: Vec<RunView> = read(ended)?;
    if runs.is_empty() {
        skep.out.note("nothing was running");
    } else {
        ls::table(&skep.out, &runs)?;
        for run in runs.iter().filter(|run| run.reason.as_deref() == Some("adopted")) {
            skep.out.note(&super::adopt::nothing_to_stop(run));
        }
    }
    Ok(ExitCode::SUCCESS)
}
