//! `skep ls`

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};

use skep_api::{request::Ask, view::RunView};
use skep_core::{run::Surface, time::Timestamp};

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

/// The least width at which a table of runs has room for ids, surfaces and windows; a name says enough.
const ROOM_FOR_ALL: usize = 110;
/// The columns that only a wide table has, the last first.
const WIDE: [usize; 2] = [7, 4];

/// Prints runs as a table.
pub(super) fn table(out: &Output, runs: &[RunView]) -> std::io::Result<()> {
    let now = skep_daemon::daemon::now();
    let mut heads =
        vec!["NAME", "STATE", "AGE", "AGENT", "SURFACE", "PROJECT", "CHANGES", "ID", "TITLE"];
    let repeated = repeated(runs);
    let mut rows: Vec<Vec<(Tone, String)>> =
        runs.iter().map(|run| row(run, address(run, &repeated), now)).collect();
    if out.width() < ROOM_FOR_ALL {
        for column in WIDE {
            heads.remove(column);
            for row in &mut rows {
                row.remove(column);
            }
        }
    }
    out.table(&heads, &rows)
}

/// A worker's name, with its project where another one is called so too.
pub(super) fn name_among(run: &RunView, runs: &[RunView]) -> String {
    address(run, &repeated(runs))
}

/// The names that workers of more than one project have.
fn repeated(runs: &[RunView]) -> BTreeSet<&str> {
    let mut first = BTreeMap::new();
    let mut repeated = BTreeSet::new();
    for run in runs {
        if *first.entry(run.name.as_str()).or_insert(&run.project) != &run.project {
            repeated.insert(run.name.as_str());
        }
    }
    repeated
}

fn address(run: &RunView, repeated: &BTreeSet<&str>) -> String {
    match &run.project {
        Some(project) if repeated.contains(run.name.as_str()) => format!("{project}/{}", run.name),
        Some(_) | None => run.name.clone(),
    }
}

fn surface(run: &RunView) -> String {
    match (run.surface, &run.session.tmux) {
        (Surface::Headless, _) => "headless".to_owned(),
        (Surface::Terminal, None) => "terminal".to_owned(),
        (Surface::Terminal, Some(tmux)) => format!("terminal {}", tmux.pane),
    }
}

fn row(run: &RunView, name: String, now: Timestamp) -> Vec<(Tone, String)> {
    vec![
        (Tone::Strong, name),
        state_of(run),
        (Tone::Faint, age(run.since, now)),
        (Tone::Plain, run.agent.clone()),
        (Tone::Plain, surface(run)),
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
