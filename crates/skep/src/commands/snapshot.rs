//! `skep snapshot`, `skep restore`, `skep undo` and `skep clean`

use std::{path::Path, process::ExitCode};

use serde_json::Value;
use skep_api::{
    request::Ask,
    view::{CleanView, RestoreView, SnapshotView, UndoView},
};
use skep_core::{keep::Due, text};

use super::read;
use crate::{
    args::Snapshot,
    connect::Skep,
    exit::{CliError, Outcome},
    output::{Output, Tone, age, bytes, now},
};

pub(super) fn snapshot(skep: &Skep, verb: Snapshot) -> Outcome {
    let (ask, show): (Ask, Shown) = match verb {
        Snapshot::Take { id } => (Ask::SnapshotTake { run: id }, one),
        Snapshot::Ls { id } => (Ask::SnapshotLs { run: id }, list),
        Snapshot::Show { snapshot } => (Ask::SnapshotShow { snapshot }, one),
        Snapshot::Rm { snapshots } => (Ask::SnapshotRm { snapshots }, gone),
    };
    let answer = skep.ask(ask)?;
    if skep.out.json {
        skep.out.json(&answer)?;
    } else {
        show(&skep.out, answer)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How an answer looks to a person.
type Shown = fn(&Output, Value) -> Result<(), CliError>;

fn one(out: &Output, answer: Value) -> Result<(), CliError> {
    Ok(show(out, &read(answer)?)?)
}

fn list(out: &Output, answer: Value) -> Result<(), CliError> {
    Ok(table(out, &read::<Vec<SnapshotView>>(answer)?)?)
}

fn gone(out: &Output, answer: Value) -> Result<(), CliError> {
    for gone in read::<Vec<String>>(answer)? {
        out.line(&format!("{gone} is gone for good"))?;
    }
    Ok(())
}

fn table(out: &Output, views: &[SnapshotView]) -> std::io::Result<()> {
    if views.is_empty() {
        out.note("no snapshot is kept; skep takes one at every turn's end");
        return Ok(());
    }
    let rows: Vec<Vec<(Tone, String)>> = views
        .iter()
        .map(|view| {
            vec![
                (Tone::Strong, view.id.clone()),
                (Tone::Plain, view.name.clone()),
                (Tone::Plain, view.why.clone()),
                (Tone::Faint, age(view.at, now())),
                (Tone::Plain, view.files.to_string()),
                (Tone::Plain, bytes(view.bytes)),
                (Tone::Faint, beside(view).to_owned()),
            ]
        })
        .collect();
    out.table(&["snapshot", "run", "taken at", "age", "files", "size", "beside it"], &rows)
}

/// What there is of it that no snapshot holds.
fn beside(view: &SnapshotView) -> &'static str {
    match (&view.trash, view.oid.is_empty()) {
        (Some(_), true) => "all of it is in the trash",
        (Some(_), false) => "the rest is in the trash",
        (None, true) => "nothing is kept",
        (None, false) => "",
    }
}

/// The occasion of a snapshot, in words.
fn occasion(why: &str) -> &str {
    match why {
        "turn" => "a turn's end",
        "end" => "an attempt's end",
        "asked" => "a wish",
        "close" => "a close",
        "restore" => "a restore, of what stood before",
        other => other,
    }
}

fn show(out: &Output, view: &SnapshotView) -> std::io::Result<()> {
    let line = |name: &str, value: &str| {
        if value.is_empty() {
            Ok(())
        } else {
            out.line(&format!("{name:<9} {}", text::visible(value)))
        }
    };
    line("snapshot", &view.id)?;
    line("run", &format!("{} ({})", view.run, view.name))?;
    line(
        "taken",
        &format!("{} at {} ({} ago)", view.at, occasion(&view.why), age(view.at, now())),
    )?;
    line("files", &format!("{} ({})", view.files, bytes(view.bytes)))?;
    line("head", view.head.as_deref().unwrap_or_default())?;
    line("branch", view.branch.as_deref().unwrap_or_default())?;
    line("trash", view.trash.as_deref().unwrap_or_default())?;
    line("left out", &view.left_out.join(", "))?;
    out.note(&format!("bring it back: skep restore {}", view.id));
    Ok(())
}

pub(super) fn restore(skep: &Skep, snapshot: &str, to: Option<&Path>) -> Outcome {
    let to = to.map(absolute).transpose()?;
    let to_a_folder = to.is_some();
    let answer = skep.ask(Ask::Restore { snapshot: snapshot.to_owned(), to })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let view: RestoreView = read(answer)?;
    let status = text::visible(&view.status);
    skep.out.line(&format!("{} {status}", skep.out.paint(Tone::Good, &view.path)))?;
    match (&view.op, to_a_folder) {
        (Some(op), _) => skep.out.note(&format!("take it back: skep undo {op}")),
        (None, false) => skep.out.note(&format!("give it back again: skep close {}", view.name)),
        (None, true) => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn absolute(path: &Path) -> Result<String, CliError> {
    std::path::absolute(path)?.to_str().map(str::to_owned).ok_or_else(|| {
        CliError::error("path-not-text", format!("`{}` is not UTF-8", path.display()))
    })
}

pub(super) fn undo(skep: &Skep, op: Option<String>, dry_run: bool) -> Outcome {
    let views: Vec<UndoView> = read(skep.ask(Ask::Undo { op, dry_run })?)?;
    if skep.out.json {
        skep.out.json(&views)?;
    }
    for view in views.iter().filter(|_| !skep.out.json) {
        let tone = if view.undone || dry_run { Tone::Good } else { Tone::Wants };
        let head = format!(
            "{} {} of {} ({} ago):",
            view.op,
            view.verb,
            text::one_line(&view.name),
            age(view.at, now())
        );
        skep.out.behind(&head, 2, tone, &view.status)?;
    }
    let left = !dry_run && views.iter().any(|view| !view.undone);
    Ok(if left { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

pub(super) fn clean(skep: &Skep, dry_run: bool) -> Outcome {
    let answer: Value = skep.ask(Ask::Clean { dry_run })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let views: Vec<CleanView> = read(answer)?;
    if views.is_empty() {
        skep.out.note("nothing has had its time");
    }
    let name = views.iter().map(|view| view.name.chars().count()).max().unwrap_or(0);
    for view in &views {
        let (tone, word) = match view.gone {
            Some(true) => (Tone::Good, "gone"),
            Some(false) => (Tone::Wants, "kept"),
            None => (Tone::Faint, "due "),
        };
        let head = format!("{}  {:<name$}  ", skep.out.paint(tone, word), view.name);
        skep.out.hanging(&head, word.len() + name + 4, &view.status)?;
    }
    let env = |view: &&CleanView| matches!(view.due, Due::Env { .. }) && view.gone == Some(true);
    if let Some(op) = views.iter().find(env).and_then(|view| view.op.as_ref()) {
        skep.out.note(&format!("bring the envs back: skep undo {op}"));
    }
    Ok(ExitCode::SUCCESS)
}
