//! `skep` and `skep status`

use std::{process::ExitCode, time::Duration};

use serde_json::json;
use skep_api::{client::ClientError, request::Ask, view::RunView};
use skep_core::{run::Surface, text};

use super::{ls, needs_a_person, read};
use crate::{
    connect::{Skep, random_id},
    exit::Outcome,
    output::{Output, Tone, grid::fit},
};

/// How long a status bar waits for a daemon that does not answer.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn status(skep: &Skep) -> Outcome {
    let answer = skep.ask(Ask::Ls { all: false, project: None })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runs: Vec<RunView> = read(answer)?;
    skep.out.lines(&screen(&skep.out, &runs))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints one line for a status bar: nothing where no daemon runs.
pub(super) fn short(skep: &Skep) -> Outcome {
    // A bar has no place for an error, and nothing is what there is to say.
    let counts = standing(skep).ok().map(|runs| Counts::of(&runs));
    if skep.out.json {
        let count = |of: fn(&Counts) -> usize| counts.as_ref().map(of);
        skep.out.json(&json!({
            "daemon": counts.is_some(),
            "running": count(|counts| counts.busy),
            "waiting": count(|counts| counts.waiting),
            "stalled": count(|counts| counts.stalled),
            "failed": count(|counts| counts.failed),
            "ready": count(|counts| counts.ready),
            "queued": count(|counts| counts.queued),
        }))?;
    } else if let Some(line) = counts.map(|counts| counts.short()).filter(|line| !line.is_empty()) {
        skep.out.line(&line)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn standing(skep: &Skep) -> Result<Vec<RunView>, crate::exit::CliError> {
    let mut client = skep.standing()?;
    client.socket().set_read_timeout(Some(PATIENCE)).map_err(ClientError::Broken)?;
    let answer = client.ask(&random_id()?, Ask::Ls { all: false, project: None }, |_| ())?;
    read(answer)
}

/// Runs by what they ask of a person.
#[derive(Debug, Default)]
pub(super) struct Counts {
    waiting: usize,
    stalled: usize,
    failed: usize,
    busy: usize,
    resting: usize,
    queued: usize,
    ready: usize,
    ended: usize,
}

impl Counts {
    pub(super) fn of(runs: &[RunView]) -> Counts {
        let mut counts = Counts::default();
        for run in runs {
            let place = match run.state.as_str() {
                "waiting" if needs_a_person(run) => &mut counts.waiting,
                "waiting" => &mut counts.resting,
                "stalled" => &mut counts.stalled,
                "queued" => &mut counts.queued,
                "ended" if needs_a_person(run) => &mut counts.failed,
                "ended" if is_ready(run) => &mut counts.ready,
                "ended" => &mut counts.ended,
                _ => &mut counts.busy,
            };
            *place += 1;
        }
        counts
    }

    /// For a bar: `3 run · 1 waits · 1 failed`.
    fn short(&self) -> String {
        let parts = [
            (self.busy, "run"),
            (self.waiting, if self.waiting == 1 { "waits" } else { "wait" }),
            (self.stalled, "stalled"),
            (self.failed, "failed"),
            (self.ready, "to land"),
            (self.queued, "queued"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        parts.join(" · ")
    }

    /// In words, the most urgent first; only what there is.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Tone, String)> + use<> {
        let parts = [
            (Tone::Wants, self.waiting, "waiting for you"),
            (Tone::Wants, self.stalled, "stalled"),
            (Tone::Bad, self.failed, "failed"),
            (Tone::Strong, self.busy, "at work"),
            (Tone::Plain, self.queued, "queued"),
            (Tone::Good, self.ready, "to land"),
            (Tone::Plain, self.resting, "at rest"),
            (Tone::Faint, self.ended, "ended"),
        ];
        let there = parts.into_iter().filter(|(_, count, _)| *count > 0);
        there.map(|(tone, count, what)| (tone, format!("{count} {what}")))
    }

    /// In one line; what there is no room for is left out from the end.
    fn head(&self, out: &Output) -> String {
        let mut head = String::new();
        let mut left = out.width();
        for (tone, part) in self.parts() {
            let comma = if head.is_empty() { "" } else { ", " };
            let wide = comma.len() + part.len();
            if wide > left {
                break;
            }
            left -= wide;
            head = format!("{head}{comma}{}", out.paint(tone, &part));
        }
        head
    }
}

fn is_ready(run: &RunView) -> bool {
    run.outcome.as_deref() == Some("completed") && run.landed.is_none() && run.env_state == "held"
}

/// What stands in front of a person: never more lines than the terminal has, its prompt included.
fn screen(out: &Output, runs: &[RunView]) -> Vec<String> {
    if runs.is_empty() {
        let mut lines = vec![out.paint(Tone::Strong, "Nothing is at work."), String::new()];
        lines.extend(todo(
            out,
            &[
                (
                    "skep run \"fix the flaky test\"".to_owned(),
                    "puts an agent to work, in a repository of yours".to_owned(),
                ),
                ("skep demo".to_owned(), "shows how it goes: no key, no network".to_owned()),
                ("skep ls --all".to_owned(), "what was closed".to_owned()),
            ],
        ));
        return lines;
    }
    let mut next = next(runs);
    let room = out.rows().map_or(usize::MAX, |rows| rows.saturating_sub(1));
    next.truncate((room / 4).max(1));
    let mut table = ls::rows(out, runs);
    // The head, and a line before the table and behind it.
    let left = room.saturating_sub(3 + next.len()).max(2);
    if table.len() > left {
        // A line of last words belongs to the run above it, and every run has one line at least.
        table.truncate(left - 1);
        let shown = table.iter().skip(1).filter(|line| !line.starts_with("    ")).count();
        let more = format!("… and {} more: skep ls", runs.len() - shown.min(runs.len()));
        table.push(out.paint(Tone::Faint, &more));
    }
    let mut lines = vec![Counts::of(runs).head(out), String::new()];
    lines.append(&mut table);
    lines.push(String::new());
    lines.extend(todo(out, &next));
    lines
}

/// Commands, and behind each what it is for.
fn todo(out: &Output, next: &[(String, String)]) -> Vec<String> {
    let widest = next.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    let line = |(command, what): &(String, String)| {
        let command_width = out.width().saturating_sub(2);
        let pad = " ".repeat(widest - command.chars().count());
        let left = command_width.saturating_sub(widest + 2);
        let what = if left < 8 { String::new() } else { fit(what, left) };
        let line = format!(
            "  {}{pad}  {}",
            out.paint(Tone::Strong, &fit(command, command_width)),
            out.paint(Tone::Faint, &what)
        );
        line.trim_end().to_owned()
    };
    next.iter().map(line).collect()
}

/// What one would type next, the most urgent first, each kind once.
fn next(runs: &[RunView]) -> Vec<(String, String)> {
    let mut next: Vec<(String, String)> = Vec::new();
    let mut kinds: Vec<&str> = Vec::new();
    for (run, name) in runs.iter().zip(ls::names(runs)) {
        let (kind, command) = match (run.state.as_str(), run.waiting_for.as_deref()) {
            ("waiting", Some("permission")) if !run.asks.is_empty() => {
                match run.open_asks().count() {
                    0 => ("why", format!("skep why {name}")),
                    1 => ("leave", format!("skep approve {name}")),
                    _ => ("asks", format!("skep show {name}")),
                }
            }
            ("waiting", Some("answer" | "permission")) => {
                ("answer", format!("skep send {name} TEXT"))
            }
            ("waiting", Some("input")) => ("answer", format!("skep send {name} TEXT")),
            ("waiting", Some("paused")) => ("resume", format!("skep resume {name}")),
            ("waiting" | "stalled" | "queued", _) => ("why", format!("skep why {name}")),
            ("ended", _) if run.reason.as_deref() == Some("adopted") => {
                ("adopted", format!("skep resume {name} TEXT"))
            }
            ("ended", _) if needs_a_person(run) => ("failed", format!("skep logs {name}")),
            ("ended", _) if is_ready(run) => ("land", format!("skep diff {name}")),
            ("ended", _) if run.landed.is_some() && run.env_state == "held" => {
                ("close", format!("skep close {name}"))
            }
            ("running", _) => match run.surface {
                Surface::Headless => ("watch", format!("skep logs {name} -f")),
                Surface::Terminal => ("watch", format!("skep attach {name}")),
            },
            _ => continue,
        };
        if kinds.contains(&kind) {
            continue;
        }
        kinds.push(kind);
        let last = || {
            let last = run.last.as_ref().map(|last| text::one_line(&text::words(&last.text, 200)));
            last.filter(|last| !last.is_empty()).map(|last| format!(": {last}")).unwrap_or_default()
        };
        let what = match kind {
            "answer" => format!("{name} waits for you{}", last()),
            "leave" => format!("or skep reject {name}{}", last()),
            "asks" => format!("{name} asks leave for {} things", run.open_asks().count()),
            "resume" => format!("{name} rests"),
            "adopted" => format!("{name} goes on where others began"),
            "why" => match &run.held {
                Some(held) => format!("{name} is {}: {}", run.state, text::one_line(held)),
                None => format!("why {name} is {}", run.state),
            },
            "failed" => format!(
                "{name} {}{}",
                run.outcome.as_deref().unwrap_or("ended"),
                run.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default()
            ),
            "land" => format!("what {name} changed; then skep land {name}"),
            "close" => format!("{name} has landed; gives its env back"),
            _ => format!("what {name} is doing"),
        };
        next.push((command, what));
    }
    next
}
