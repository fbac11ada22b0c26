//! `skep close`

use std::process::ExitCode;

use skep_api::{request::Ask, view::CloseView};

use super::read;
use crate::{
    connect::Skep,
    exit::Outcome,
    output::{Output, Tone},
};

pub(super) fn close(skep: &Skep, ids: Vec<String>, keep_branch: bool, dry_run: bool) -> Outcome {
    let answer = skep.ask(Ask::Close { runs: ids, keep_branch, dry_run })?;
    let views: Vec<CloseView> = read(answer.clone())?;
    if skep.out.json {
        match views.as_slice() {
            [_] => skep.out.json(&answer[0])?,
            _ => skep.out.json(&answer)?,
        }
    } else {
        for view in &views {
            print(&skep.out, view)?;
        }
    }
    Ok(code(&views, dry_run))
}

/// 0 cleaned, 1 a decision is wanted, 2 an error.
fn code(views: &[CloseView], dry_run: bool) -> ExitCode {
    let failed = views.iter().any(|view| view.status.starts_with("error "));
    let kept = views.iter().any(|view| !view.cleaned);
    match (failed, kept && !dry_run) {
        (true, _) => ExitCode::from(2),
        (false, true) => ExitCode::from(1),
        (false, false) => ExitCode::SUCCESS,
    }
}

fn print(out: &Output, view: &CloseView) -> std::io::Result<()> {
    out.line(&format!("id={}", view.id))?;
    out.line(&format!("cleaned={}", view.cleaned))?;
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
    for way in &view.reasons {
        out.line(&format!("  {} {}", out.paint(Tone::Wants, "→"), skep_core::text::visible(way)))?;
    }
    Ok(())
}
