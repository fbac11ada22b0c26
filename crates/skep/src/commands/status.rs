//! `skep` and `skep status`

use std::{process::ExitCode, time::Duration};

use serde_json::json;
use skep_api::{
    client::ClientError,
    request::Ask,
    view::{QuestionView, RunView, TaskView},
};
use skep_core::{
    run::{Kind, Surface},
    text,
};

use super::{ls, needs_a_person, plan::course, read};
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
    let mut tasks: Vec<TaskView> = read(skep.ask(Ask::TaskLs {})?)?;
    tasks.retain(course::is_open);
    skep.out.lines(&screen(&skep.out, &runs, &tasks))?;
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
    /// Tasks whose plan waits, while none of their runs does.
    plans: usize,
    stalled: usize,
    failed: usize,
    busy: usize,
    resting: usize,
    /// Questions of runs that go on meanwhile.
    questions: usize,
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
            if run.state != "waiting" {
                counts.questions += run.asked.iter().filter(|it| it.wants_a_person()).count();
            }
        }
        counts
    }

    /// With the tasks that are under way by a plan.
    pub(super) fn with(runs: &[RunView], tasks: &[TaskView]) -> Counts {
        let told = |task: &TaskView| {
            let of_it = |run: &&RunView| run.task.as_ref() == Some(&task.id);
            runs.iter().filter(of_it).any(needs_a_person)
        };
        let plans = tasks.iter().filter(|task| course::wants_a_person(task) && !told(task));
        Counts { plans: plans.count(), ..Counts::of(runs) }
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
            (
                Tone::Wants,
                self.plans,
                if self.plans == 1 { "plan wants you" } else { "plans want you" },
            ),
            (
                Tone::Wants,
                self.questions,
                if self.questions == 1 { "question" } else { "questions" },
            ),
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

fn open_question(run: &RunView) -> Option<&QuestionView> {
    run.asked.iter().find(|question| question.wants_a_person())
}

fn ask_of(run: &RunView) -> String {
    let (id, what) = open_question(run).map_or((run.name.as_str(), "TEXT"), |question| {
        (question.id.as_str(), if question.options.is_empty() { "TEXT" } else { "1" })
    });
    format!("skep answer {id} {what}")
}

fn is_ready(run: &RunView) -> bool {
    run.kind == Kind::Code
        && run.outcome.as_deref() == Some("completed")
        && run.landed.is_none()
        && run.landing.is_none()
        && run.env_state == "held"
}

/// What stands in front of a person: never more lines than the terminal has, its prompt included.
fn screen(out: &Output, runs: &[RunView], tasks: &[TaskView]) -> Vec<String> {
    if runs.is_empty() && tasks.is_empty() {
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
    let room = out.rows().map_or(usize::MAX, |rows| rows.saturating_sub(1));
    let next = wishes(out, runs, tasks, (room / 4).max(1));
    let mut table = if runs.is_empty() { Vec::new() } else { ls::rows(out, runs) };
    // The head, and a line before the table and behind it.
    let left = room.saturating_sub(3 + next.len()).max(2);
    if table.len() > left {
        // A line of last words belongs to the run above it, and every run has one line at least.
        table.truncate(left - 1);
        let shown = table.iter().skip(1).filter(|line| !line.starts_with("    ")).count();
        let more = format!("… and {} more: skep ls", runs.len() - shown.min(runs.len()));
        table.push(out.paint(Tone::Faint, &more));
    }
    let head = Counts::with(runs, tasks).head(out);
    let mut lines = if head.is_empty() { Vec::new() } else { vec![head, String::new()] };
    if !table.is_empty() {
        lines.append(&mut table);
        lines.push(String::new());
    }
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

/// At most so many things to type: tasks that want a person, what runs ask for, tasks that go on.
fn wishes(
    out: &Output,
    runs: &[RunView],
    tasks: &[TaskView],
    most: usize,
) -> Vec<(String, String)> {
    let line = |task: &&TaskView| (true, (course::next(task), said(out, task)));
    let (wanting, going): (Vec<&TaskView>, Vec<_>) =
        tasks.iter().partition(|task| course::wants_a_person(task));
    let mut all: Vec<(bool, (String, String))> = wanting.iter().map(line).collect();
    all.extend(next(runs, tasks).into_iter().map(|next| (false, next)));
    all.extend(going.iter().map(line));
    if all.len() > most {
        // A task that has no line is counted in one, where there is more than one.
        let left = most.max(2) - 1;
        let hidden = all.iter().skip(left).filter(|(task, _)| *task).count();
        all.truncate(most);
        if hidden > 0 && most > 1 {
            all.truncate(left);
            let what = if hidden == 1 { "task" } else { "tasks" };
            all.push((true, ("skep task ls".to_owned(), format!("{hidden} more {what}"))));
        }
    }
    all.into_iter().map(|(_, wish)| wish).collect()
}

/// What a task is and how it stands, in a line.
fn said(out: &Output, task: &TaskView) -> String {
    // However long it is, how it stands has room behind it.
    let title = fit(&text::one_line(&task.title), out.width() / 4);
    let far = course::progress(task).map(|far| format!(", {far}")).unwrap_or_default();
    let waits = course::waits(task).map(|waits| format!("; {waits}")).unwrap_or_default();
    format!("{title}: {}{far}{waits}", text::one_line(&task.state.replace('_', " ")))
}

/// What one would type next for runs that no task speaks for, the most urgent first, each kind once.
fn next(runs: &[RunView], tasks: &[TaskView]) -> Vec<(String, String)> {
    let mut next: Vec<(String, String)> = Vec::new();
    let mut kinds: Vec<&str> = Vec::new();
    let own = |run: &RunView| !tasks.iter().any(|task| run.task.as_ref() == Some(&task.id));
    for (run, name) in runs.iter().zip(ls::names(runs)).filter(|(run, _)| own(run)) {
        let (kind, command) = match (run.state.as_str(), run.waiting_for.as_deref()) {
            ("waiting", Some("permission")) if !run.asks.is_empty() => {
                match run.open_asks().count() {
                    0 => ("why", format!("skep why {name}")),
                    1 => ("leave", format!("skep approve {name}")),
                    _ => ("asks", format!("skep show {name}")),
                }
            }
            ("waiting", Some("answer")) if open_question(run).is_some() => {
                ("question", ask_of(run))
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
            "question" => {
                let asked = open_question(run).map_or("", |question| question.text.as_str());
                format!("{name} asks: {}", text::one_line(&text::words(asked, 200)))
            }
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
