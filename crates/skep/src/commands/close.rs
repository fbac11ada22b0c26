//! `skep close`

use std::process::ExitCode;

use skep_api::{request::Ask, view::CloseView};
use skep_core::run::How;

use super::read;
use crate::{
    connect::Skep,
    exit::Outcome,
    output::{Output, Tone},
};

/// How an env is to be given back, by the flags.
pub(super) fn how(keep_branch: bool, force: bool) -> How {
    match (keep_branch, force) {
        (_, true) => How::Force,
        (true, false) => How::KeepBranch,
        (false, false) => How::Smart,
    }
}

pub(super) fn close(
    skep: &Skep,
    ids: Vec<String>,
    how: How,
    merged: bool,
    dry_run: bool,
) -> Outcome {
    let all = merged && ids.is_empty();
    let named = ids.len();
    let answer = skep.ask(Ask::Close { runs: ids, how, merged, dry_run })?;
    let views: Vec<CloseView> = read(answer)?;
    if all && views.is_empty() {
        skep.out.note("nothing that has landed holds an env");
    }
    tell(skep, &views, named)
}

pub(super) fn abandon(skep: &Skep, ids: Vec<String>) -> Outcome {
    let named = ids.len();
    let views: Vec<CloseView> = read(skep.ask(Ask::Abandon { runs: ids })?)?;
    tell(skep, &views, named)
}

/// One value for one that was named, else a list.
fn tell(skep: &Skep, views: &[CloseView], named: usize) -> Outcome {
    match views {
        [view] if skep.out.json && named == 1 => skep.out.json(view)?,
        views if skep.out.json => skep.out.json(&views)?,
        views => {
            for (nth, view) in views.iter().enumerate() {
                if nth > 0 {
                    skep.out.line("")?;
                }
                print(&skep.out, view)?;
            }
        }
    }
    Ok(code(views))
}

/// 0 cleaned, 1 a decision is wanted, 2 an error.
pub(super) fn code(views: &[CloseView]) -> ExitCode {
    let failed = views.iter().any(|view| view.status.starts_with("error "));
    let looked = |view: &CloseView| view.status.starts_with("dry-run: ");
    let kept = views.iter().any(|view| !view.cleaned && !looked(view));
    match (failed, kept) {
        (true, _) => ExitCode::from(2),
        (false, true) => ExitCode::from(1),
        (false, false) => ExitCode::SUCCESS,
    }
}

pub(super) fn print(out: &Output, view: &CloseView) -> std::io::Result<()> {
    out.line(&format!("id={}", view.id))?;
    out.line(&format!("cleaned={}", view.cleaned))?;
    if view.forced {
        out.line("forced=true")?;
    }
    out.line(&format!("merged={}", view.merged))?;
    if let Some(clean) = view.clean {
        out.line(&format!("clean={clean}"))?;
    }
    let tone = if view.cleaned { Tone::Good } else { Tone::Wants };
    out.line(&format!("status={}", out.paint(tone, &skep_core::text::visible(&view.status))))?;
    if let Some(branch) = &view.branch {
        out.line(&format!("branch={branch}"))?;
    }
    if let Some(trash) = &view.trash {
        out.line(&format!("trash={trash}"))?;
    }
    if let Some(snapshot) = &view.snapshot {
        out.line(&format!("snapshot={snapshot}"))?;
    }
    for way in &view.reasons {
        out.line(&format!("  {} {}", out.paint(Tone::Wants, "→"), skep_core::text::visible(way)))?;
    }
    Ok(())
}
