//! `skep stop` and `skep kill`

use std::process::ExitCode;

use skep_api::{request::Ask, view::RunView};

use super::{ls, read};
use crate::{connect::Skep, exit::Outcome};

/// Which runs are meant beside those that are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Named,
    /// All that came of them.
    Line,
    /// All that there are.
    All,
}

impl Which {
    pub(super) fn of(all: bool, children: bool) -> Which {
        match (all, children) {
            (true, _) => Which::All,
            (false, true) => Which::Line,
            (false, false) => Which::Named,
        }
    }
}

pub(super) fn stop(skep: &Skep, ids: Vec<String>, which: Which, now: bool) -> Outcome {
    let (all, line) = (which == Which::All, which == Which::Line);
    let answer = skep.ask(Ask::Stop { runs: ids, all, now, line })?;
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
        goes_on(skep, &stopped);
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what goes on of that which came of the stopped ones: nobody takes it from them unasked.
fn goes_on(skep: &Skep, stopped: &[RunView]) {
    for run in stopped {
        let came = run.lineage.iter().flat_map(|lineage| &lineage.came);
        let on: Vec<&str> = came
            .filter(|it| it.state != "ended" && stopped.iter().all(|run| run.id != it.run))
            .map(|it| it.name.as_str())
            .collect();
        if !on.is_empty() {
            let (name, on) = (&run.name, on.join(", "));
            skep.out.note(&format!("what {name} had others begin goes on: {on}"));
            skep.out.note(&format!(
                "stop them too, with all that they did kept: skep stop {name} --children"
            ));
        }
    }
}
