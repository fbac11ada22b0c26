//! `skep show`

use std::process::ExitCode;

use skep_api::{request::Ask, view::RunView};
use skep_core::text;

use super::{logs, read, state_of};
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::{Tone, age},
};

pub(super) fn show(skep: &Skep, id: &str) -> Outcome {
    let answer = skep.ask(Ask::Show { run: id.to_owned() })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let run: RunView = read(answer)?;
    let now = skep_daemon::daemon::now();
    let (tone, state) = state_of(&run);
    let out = &skep.out;
    out.line(&format!(
        "{}  {}",
        out.paint(Tone::Strong, &text::one_line(&run.title)),
        out.paint(tone, &state)
    ))?;
    let none = || "-".to_owned();
    let mut rows = vec![
        ("id", run.id.clone()),
        ("name", run.name.clone()),
        ("since", format!("{} ago ({})", age(run.since, now), run.since)),
        (
            "agent",
            format!(
                "{}{}",
                run.agent,
                run.model.as_ref().map(|model| format!(", {model}")).unwrap_or_default()
            ),
        ),
        ("attempt", run.attempt.to_string()),
        ("project", run.project.clone().unwrap_or_else(none)),
        ("task", run.task.clone().unwrap_or_else(none)),
        ("branch", run.branch.clone().unwrap_or_else(none)),
        (
            "base",
            run.base.as_ref().map_or_else(none, |base| {
                format!("{} {}", base.branch, text::words(&base.oid, 12))
            }),
        ),
        ("target", run.target.clone().unwrap_or_else(none)),
        ("worktree", format!("{} ({})", run.worktree.clone().unwrap_or_else(none), run.env_state)),
        ("changes", changes(&run)),
        ("tokens", format!("{} in, {} out", run.usage.input_tokens, run.usage.output_tokens)),
    ];
    if let Some(cost) = run.usage.cost_usd {
        rows.push(("cost", format!("${cost:.4} (as the agent says)")));
    }
    if let Some(exit) = &run.exit {
        rows.push((
            "exit",
            exit.signal.map_or_else(
                || exit.code.to_string(),
                |signal| format!("{} (signal {signal})", exit.code),
            ),
        ));
    }
    if let Some(landed) = &run.landed {
        rows.push(("landed", format!("{} {}", landed.target, text::words(&landed.oid, 12))));
    }
    if let Some(last) = &run.last {
        rows.push((
            "last",
            format!(
                "{} ({} ago)",
                text::words(&text::one_line(&last.text), 200),
                age(last.at, now)
            ),
        ));
    }
    for note in &run.notes {
        rows.push(("note", note.clone()));
    }
    for (head, value) in rows {
        out.line(&format!(
            "  {} {}",
            out.paint(Tone::Faint, &format!("{head:<9}")),
            text::one_line(&value)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What changed, in words, as of the last look.
fn changes(run: &RunView) -> String {
    let Some(git) = &run.git else { return "not looked at yet".to_owned() };
    let commits = match git.ahead {
        0 => "no commit".to_owned(),
        1 => "1 commit".to_owned(),
        many => format!("{many} commits"),
    };
    let dirty = if git.dirty { ", and changes that no commit holds" } else { "" };
    format!("{commits}, +{} -{} lines{dirty}", git.insertions, git.deletions)
}

/// Prints the last lines of a run that went wrong.
pub(super) fn tail(skep: &Skep, run: &RunView) -> Result<(), CliError> {
    let lines = logs::last_lines(skep, &run.id, run.attempt, 12);
    if let Some(last) = &run.last {
        skep.out.note(&format!("{}: {}", run.name, text::visible(&last.text)));
    }
    for line in lines {
        skep.out.note(&format!("  {line}"));
    }
    skep.out.note(&format!("all of it: skep logs {}    why: skep why {}", run.name, run.name));
    Ok(())
}
