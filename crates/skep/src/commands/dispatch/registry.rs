//! `skep dispatch ls`, `status` and `check`: who is at which issue, and on which paths.

use std::process::ExitCode;

use serde_json::Value;
use skep_api::{
    request::Ask,
    view::{AtWorkView, CheckView, MetView, RunView},
};
use skep_core::text;

use super::super::{logs, read, show};
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::{Tone, age, grid::fit},
};

/// How many lines of a log are shown.
const TAIL: usize = 15;
/// The longest issue, and the longest name, in a list. Columns.
const ISSUE: usize = 32;
const NAME: usize = 16;

pub(super) fn ls(skep: &Skep) -> Outcome {
    let answer = skep.ask(Ask::AtWork {})?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runs: Vec<AtWorkView> = read(answer)?;
    if runs.is_empty() {
        skep.out.note("nobody is at an issue, at work for another run, or under claims");
        return Ok(ExitCode::SUCCESS);
    }
    let now = skep_daemon::daemon::now();
    let issue = |run: &AtWorkView| run.reference.as_deref().map_or("-".to_owned(), text::one_line);
    let wide = |of: &dyn Fn(&AtWorkView) -> String, head: &str, most: usize| {
        let widest = runs.iter().map(|run| of(run).chars().count()).max().unwrap_or(0);
        widest.max(head.len()).min(most)
    };
    let name = |run: &AtWorkView| text::one_line(&run.name);
    let (issues, names) = (wide(&issue, "ISSUE", ISSUE), wide(&name, "NAME", NAME));
    let head =
        format!("{:<issues$}  {:<names$}  {:<9}  {:>4}  WHAT", "ISSUE", "NAME", "STATE", "AGE");
    skep.out.line(&skep.out.paint(Tone::Faint, &cut(skep, &head)))?;
    for run in &runs {
        let (issue, name) = (fit(&issue(run), issues), fit(&name(run), names));
        let since = run.started_at.map_or("-".to_owned(), |at| age(at, now));
        let mut what = text::one_line(&run.title);
        if let Some(parent) = &run.parent {
            let by = runs.iter().find(|it| it.run == *parent);
            let by = by.map_or(parent.as_str(), |by| by.name.as_str());
            what = format!("for {by}: {what}");
        }
        let head = format!("{issue:<issues$}  {name:<names$}  {:<9}  {since:>4}  ", run.state);
        skep.out.line(&cut(skep, &format!("{head}{what}")))?;
        for path in &run.paths_claimed {
            let line = format!("  claims {}", text::one_line(path));
            skep.out.line(&skep.out.paint(Tone::Faint, &cut(skep, &line)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn status(skep: &Skep, of: Option<&str>) -> Outcome {
    let Some(of) = of else { return ls(skep) };
    let answer = skep.ask(Ask::AtIssue { of: of.to_owned() })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let run: RunView = read(answer)?;
    show::show(skep, &run.id)?;
    let lines = logs::last_lines(skep, &run.id, run.attempt, TAIL);
    if !lines.is_empty() {
        skep.out.line("")?;
    }
    for line in lines {
        skep.out.line(&format!("  {line}"))?;
    }
    if run.state != "ended" {
        skep.out.note(&format!("go on looking: skep logs {} -f", run.name));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn check(skep: &Skep, path: &str) -> Outcome {
    let cwd = std::path::absolute(".")?;
    let Some(cwd) = cwd.to_str() else {
        return Err(CliError::error("path-not-text", "this folder's name is not UTF-8")
            .hint("name the path whole: skep dispatch check /src/web"));
    };
    let ask = Ask::Check { path: path.to_owned(), cwd: cwd.to_owned() };
    let answer = skep.ask(ask)?;
    let met = answer.get("met").cloned().unwrap_or(Value::Null);
    let found: CheckView = read(answer)?;
    for note in &found.notes {
        skep.out.note(&text::words(&text::one_line(note), 300));
    }
    if skep.out.json {
        skep.out.json(&met)?;
    } else {
        for met in &found.met {
            skep.out.line(&cut(skep, &in_words(met)))?;
        }
    }
    Ok(if found.met.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// One run that is in the way, in a line.
fn in_words(met: &MetView) -> String {
    let at = met.reference.as_deref().map(text::one_line);
    let at = at.map_or(String::new(), |issue| format!(" at {issue}"));
    let how = if met.seen { "changed" } else { "claims" };
    let (name, run) = (text::one_line(&met.name), &met.run);
    let claim = text::one_line(&met.claim);
    format!("{name} ({run}, {}){at} {how} {claim} ({})", met.state, met.reason)
}

fn cut(skep: &Skep, line: &str) -> String {
    skep.out.columns().map_or_else(|| line.to_owned(), |columns| fit(line, columns))
}
