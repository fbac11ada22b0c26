//! `skep ls`

use std::process::ExitCode;

use skep_api::{request::Ask, view::RunView};
use skep_core::time::Timestamp;

use super::{read, state_of};
use crate::{
    connect::Skep,
    exit::Outcome,
    output::{Output, Tone, age},
};

pub(super) fn ls(skep: &Skep, all: bool, project: Option<String>) -> Outcome {
    let answer = skep.ask(Ask::Ls { all, project })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runs: Vec<RunView> = read(answer)?;
    if runs.is_empty() {
        skep.out.note(if all {
            "no runs yet: skep run \"…\""
        } else {
            "no runs: skep run \"…\" (closed ones: skep ls --all)"
        });
        return Ok(ExitCode::SUCCESS);
    }
    table(&skep.out, &runs)?;
    Ok(ExitCode::SUCCESS)
}

/// The least width at which a table of runs has room for ids; a name says the same.
const ROOM_FOR_IDS: usize = 110;
const ID: usize = 6;

/// Prints runs as a table.
pub(super) fn table(out: &Output, runs: &[RunView]) -> std::io::Result<()> {
    let now = skep_daemon::daemon::now();
    let mut heads = vec!["NAME", "STATE", "AGE", "AGENT", "PROJECT", "CHANGES", "ID", "TITLE"];
    let mut rows: Vec<Vec<(Tone, String)>> = runs.iter().map(|run| row(run, now)).collect();
    if out.width() < ROOM_FOR_IDS {
        heads.remove(ID);
        for row in &mut rows {
            row.remove(ID);
        }
    }
    out.table(&heads, &rows)
}

fn row(run: &RunView, now: Timestamp) -> Vec<(Tone, String)> {
    vec![
        (Tone::Strong, run.name.clone()),
        state_of(run),
        (Tone::Faint, age(run.since, now)),
        (Tone::Plain, run.agent.clone()),
        (Tone::Plain, run.project.clone().unwrap_or_else(|| "-".to_owned())),
        (Tone::Plain, changes(run)),
        (Tone::Faint, run.id.clone()),
        (Tone::Plain, run.title.clone()),
    ]
}

/// What changed, as of the last look; a dash where nobody looked.
pub(super) fn changes(run: &RunView) -> String {
    match &run.git {
        None => "-".to_owned(),
        Some(git) => format!(
            "+{} -{} {}c{}",
            git.insertions,
            git.deletions,
            git.ahead,
            if git.dirty { "*" } else { "" }
        ),
    }
}
