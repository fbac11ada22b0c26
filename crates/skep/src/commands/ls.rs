//! `skep ls`

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};

use skep_api::{request::Ask, view::RunView};
use skep_core::{
    run::{Kind, Surface, Trust},
    text,
    time::Timestamp,
};

use super::{limits, needs_a_person, pr, read, state_of};
use crate::{
    connect::Skep,
    exit::Outcome,
    output::{
        Output, Tone, age,
        grid::{Column, Layout, fit},
    },
};

pub(super) fn ls(skep: &Skep, all: bool, project: Option<String>) -> Outcome {
    let answer = skep.ask(Ask::Ls { all, project: project.clone() })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runs: Vec<RunView> = read(answer)?;
    // What is hidden is worth a line, and no more than that: without an answer there is none.
    let hidden = if all { None } else { skep.ask(Ask::Hidden { project: project.clone() }).ok() };
    let hidden = hidden.and_then(|count| count.as_u64()).unwrap_or_default();
    if runs.is_empty() {
        skep.out.note("no runs: skep run \"…\"");
    } else {
        skep.out.lines(&rows(&skep.out, &runs))?;
    }
    if hidden > 0 {
        let of = project
            .map_or_else(String::new, |name| format!(" --project {}", text::one_line(&name)));
        let what =
            if hidden == 1 { "1 closed one is" } else { &format!("{hidden} closed ones are") };
        let line = format!("{what} not shown: skep ls --all{of}");
        skep.out.note(&skep.out.paint(Tone::Faint, &line));
    }
    Ok(ExitCode::SUCCESS)
}

/// The columns, and which gives way first: the id that a name stands for, then what is the same for most, then last words,
/// which those that wait then have on a line of their own.
const COLUMNS: [Column; 10] = [
    Column::whole("NAME", 0),
    Column::whole("STATE", 0),
    Column::whole("AGE", 0),
    Column::whole("CHANGES", 2),
    Column::whole("BRANCH", 3),
    Column::whole("AGENT", 5),
    Column::whole("PROJECT", 6),
    Column::cut("TITLE", 0, 20),
    Column::cut("LAST WORDS", 4, 40),
    Column::whole("ID", 7),
];
const LAST_WORDS: usize = 8;

/// Prints runs as a table.
pub(super) fn table(out: &Output, runs: &[RunView]) -> std::io::Result<()> {
    out.lines(&lines(out, runs, false))
}

/// Runs as the lines of a table, heads first; where last words have no column, a run that needs somebody has them below it.
pub(super) fn rows(out: &Output, runs: &[RunView]) -> Vec<String> {
    lines(out, runs, true)
}

fn lines(out: &Output, runs: &[RunView], quoted: bool) -> Vec<String> {
    let now = crate::output::now();
    let cells: Vec<Vec<(Tone, String)>> =
        runs.iter().zip(names(runs)).map(|(run, name)| row(run, name, runs, now)).collect();
    let layout = Layout::of(out.width(), &COLUMNS, &cells);
    let mut lines = vec![layout.heads(out, &COLUMNS)];
    for (run, cells) in runs.iter().zip(&cells) {
        lines.push(layout.line(out, cells));
        let words = last_words(run);
        if quoted && needs_a_person(run) && !words.is_empty() && !layout.shows(LAST_WORDS) {
            let words = fit(&format!("“{words}”"), out.width().saturating_sub(4));
            let tone = if run.state == "ended" { Tone::Faint } else { Tone::Wants };
            lines.push(format!("    {}", out.paint(tone, &words)));
        }
    }
    lines
}

/// Workers' names, each with its project where another one is called so too.
pub(super) fn names(runs: &[RunView]) -> Vec<String> {
    let repeated = repeated(runs);
    runs.iter().map(|run| address(run, &repeated)).collect()
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

fn row(run: &RunView, name: String, all: &[RunView], now: Timestamp) -> Vec<(Tone, String)> {
    let open = run.state != "ended" && matches!(run.fence.as_str(), "off" | "absent");
    let agent = match (run.surface, open) {
        (Surface::Headless, false) => run.agent.clone(),
        (Surface::Headless, true) => format!("{} (no fence)", run.agent),
        (Surface::Terminal, false) => format!("{} (tty)", run.agent),
        (Surface::Terminal, true) => format!("{} (tty, no fence)", run.agent),
    };
    let words = match run.surface {
        // What stands on a screen is no word.
        Surface::Terminal => String::new(),
        Surface::Headless => last_words(run),
    };
    let row = vec![
        (Tone::Strong, name),
        state_of(run),
        (Tone::Faint, age(run.since, now)),
        (Tone::Plain, changes(run)),
        (Tone::Plain, branch(run)),
        (Tone::Plain, agent),
        (Tone::Plain, run.project.clone().unwrap_or_else(|| "-".to_owned())),
        (Tone::Plain, format!("{}{}", beside(run, all), titled(&run.title, run.trust))),
        (Tone::Faint, words),
        (Tone::Faint, run.id.clone()),
    ];
    row.into_iter().map(|(tone, cell)| (tone, text::one_line(&cell))).collect()
}

/// What a run is there for that does no work of its own, or whose env it works in, by the name in the list where it stands
/// there.
fn beside(run: &RunView, all: &[RunView]) -> String {
    if let Some(what) = serves(run) {
        return format!("[{what}] ");
    }
    let Some(owner) = &run.within else { return String::new() };
    let name = all.iter().find(|other| other.id == *owner).map_or(owner, |other| &other.name);
    format!("[in {name}] ")
}

/// What a run does for others.
pub(super) fn serves(run: &RunView) -> Option<String> {
    match run.kind {
        Kind::Review => Some(format!("reviews {}", run.project.as_deref().unwrap_or("it"))),
        Kind::Foreman => Some("foreman".to_owned()),
        Kind::Gate => run.gate.as_ref().map(|gate| format!("gate {}", text::one_line(&gate.name))),
        Kind::Code | Kind::Plan | Kind::Manual => None,
    }
}

/// A title, behind a mark where somebody else wrote it; no title can take the mark away.
pub(super) fn titled(title: &str, trust: Trust) -> String {
    match trust {
        Trust::Person => title.to_owned(),
        Trust::Outside => format!("[outside] {title}"),
    }
}

fn last_words(run: &RunView) -> String {
    // More than a line is never shown.
    if let Some(retrying) = &run.retrying {
        return format!("retrying ({})", text::one_line(&text::words(retrying, 390)));
    }
    if let Some(held) = run.held.as_ref().filter(|_| run.state == "queued") {
        return text::one_line(&text::words(held, 400));
    }
    if let Some(limit) = &run.limit
        && run.waiting_for.as_deref() == Some("limit")
    {
        return limits::line(limit);
    }
    let last = run.last.as_ref();
    last.map_or(String::new(), |last| text::one_line(&text::words(&last.text, 400)))
}

/// The lines that changed, as of the last look; a dash where nobody looked.
pub(super) fn changes(run: &RunView) -> String {
    match &run.git {
        None => "-".to_owned(),
        Some(git) if git.files == 0 => "none".to_owned(),
        // Files without lines, and those that git does not know yet.
        Some(git) if git.insertions + git.deletions == 0 => {
            if git.files == 1 {
                "1 file".to_owned()
            } else {
                format!("{} files", git.files)
            }
        }
        Some(git) => format!("+{} −{}", git.insertions, git.deletions),
    }
}

/// How the branch lies to its base and target, as of the last look.
fn branch(run: &RunView) -> String {
    if let Some(landing) = &run.landing {
        return match landing.stage.as_str() {
            "resolving" => "conflict".to_owned(),
            _ if landing.gates_only => "gates".to_owned(),
            _ => "landing".to_owned(),
        };
    }
    if run.landed.is_some() {
        return "landed".to_owned();
    }
    if let Some(change) = &run.change {
        return pr::in_a_word(change);
    }
    let Some(git) = &run.git else { return "-".to_owned() };
    let mut parts = Vec::new();
    if git.ahead > 0 {
        parts.push(format!("↑{}", git.ahead));
    }
    if let Some(behind) = git.behind.filter(|behind| *behind > 0) {
        parts.push(format!("↓{behind}"));
    }
    if git.dirty {
        parts.push("*".to_owned());
    }
    if parts.is_empty() { "even".to_owned() } else { parts.join(" ") }
}
