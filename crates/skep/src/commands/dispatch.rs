//! `skep dispatch`

mod registry;

use std::process::ExitCode;

use serde_json::Value;
use skep_api::{
    request::{Ask, DispatchAsk, FreeAsk},
    view::{CloseView, DispatchView, FreedView, RunView},
};
use skep_core::{issue::Mode, run::Surface, text};

use super::{attach, read, run};
use crate::{
    args::{At, Cascade, Dispatch},
    connect::Skep,
    exit::{CliError, Outcome},
};

pub(super) fn dispatch(skep: &Skep, verb: Dispatch) -> Outcome {
    match verb {
        Dispatch::Headless(at) => begin(skep, Mode::Headless, at, None),
        Dispatch::Interactive(at) => begin(skep, Mode::Interactive, at, None),
        Dispatch::Consult(at) => begin(skep, Mode::Consult, at, None),
        Dispatch::Cascade(Cascade { at, depth }) => begin(skep, Mode::Cascade, at, depth),
        Dispatch::Ls => registry::ls(skep),
        Dispatch::Status { of } => registry::status(skep, of.as_deref()),
        Dispatch::Check { path } => registry::check(skep, &path),
        Dispatch::Reap { dry_run, free: None } => reap(skep, dry_run),
        Dispatch::Reap { dry_run, free: Some(reference) } => free(skep, reference, dry_run),
    }
}

fn reap(skep: &Skep, dry_run: bool) -> Outcome {
    let views: Vec<CloseView> = read(skep.ask(Ask::Reap { dry_run })?)?;
    if skep.out.json {
        skep.out.json(&views)?;
        return Ok(ExitCode::SUCCESS);
    }
    for view in &views {
        let what = if view.cleaned { "given back" } else { "stays" };
        skep.out.line(&format!("{:<11} {}  {}", what, view.id, text::one_line(&view.status)))?;
    }
    if views.is_empty() {
        skep.out.note("no dispatch holds an env");
    }
    Ok(ExitCode::SUCCESS)
}

/// Frees the claim of another skep, by the word of whoever typed it.
fn free(skep: &Skep, reference: String, dry_run: bool) -> Outcome {
    let cwd = std::path::absolute(".")?.to_string_lossy().into_owned();
    let ask = FreeAsk { reference, cwd, dry_run, env: skep.env.clone() };
    let view: FreedView = read(skep.ask(Ask::FreeIssue(Box::new(ask)))?)?;
    if skep.out.json {
        skep.out.json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    let done = if dry_run { "would be freed" } else { "is free" };
    match &view.freed {
        Some(holder) => skep.out.line(&text::one_line(&format!(
            "{} {done}: {} held it since {}, run {} of home {}",
            view.reference, holder.who, holder.since, holder.run, holder.home
        )))?,
        None => skep.out.line(&format!("{}: nobody held it", view.reference))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn begin(skep: &Skep, mode: Mode, at: At, depth: Option<u8>) -> Outcome {
    let cwd = std::path::absolute(".")?;
    let Some(cwd) = cwd.to_str() else {
        return Err(CliError::error("path-not-text", "this folder's name is not UTF-8")
            .hint("cd to one whose name is, and dispatch from there"));
    };
    let ask = DispatchAsk {
        mode,
        reference: at.reference,
        project: at.project,
        cwd: cwd.to_owned(),
        claims: at.claims,
        overlap: at.overlap,
        depth,
        agent: at.agent,
        model: at.model,
        account: at.account,
        permissions: at.permissions,
        budget: at.budget,
        yes: at.yes,
        dry_run: at.dry_run,
        detach: at.detach || at.follow,
        env: skep.env.clone(),
    };
    let answer = skep.ask(Ask::Dispatch(Box::new(ask)))?;
    if at.dry_run {
        return plan(skep, &answer);
    }
    let on_screen = matches!(mode, Mode::Interactive | Mode::Consult);
    let looks = on_screen && !at.detach && !at.follow && !skep.out.json && attach::is_possible();
    if looks
        && let [run] = read::<Vec<RunView>>(answer.clone())?.as_slice()
        && run.state != "ended"
    {
        let (name, id) = (&run.name, &run.id);
        skep.out.note(&format!("{name} ({id}) is at it; back to its screen: skep attach {name}"));
        return attach::attach(skep, id);
    }
    run::told(skep, &answer, at.follow)
}

/// What would be.
fn plan(skep: &Skep, answer: &Value) -> Outcome {
    if skep.out.json {
        skep.out.json(answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let view: DispatchView = read(answer.clone())?;
    let screen = match view.surface {
        Surface::Headless => "without a screen",
        Surface::Terminal => "on a screen of its own",
    };
    let claims = if view.claims.is_empty() { "nothing".to_owned() } else { view.claims.join(", ") };
    let permissions = format!("{:?}", view.permissions).to_lowercase();
    // A file need not say whose it is; then only where it lies counts.
    let author =
        if view.author.is_empty() { String::new() } else { format!(" by {}", view.author) };
    let rows = [
        ("issue", format!("{}{author}: {}", view.reference, view.title)),
        ("at", if view.url.is_empty() { view.platform } else { view.url }),
        ("mode", format!("{} (the issue lets {} at most)", view.mode, view.highest)),
        ("project", format!("{} at {}", view.project, view.repository)),
        (
            "agent",
            format!(
                "{}, {screen}, posture {}, permissions {permissions}",
                view.agent, view.posture
            ),
        ),
        ("branch", view.branch),
        ("claims", claims),
    ];
    for (name, what) in rows {
        skep.out.line(&format!("{name:<9}{}", text::one_line(&what)))?;
    }
    skep.out.line("reads, as somebody else's words:")?;
    for line in view.words.lines() {
        skep.out.line(&format!("  {line}"))?;
    }
    skep.out.note("Nothing was begun.");
    Ok(ExitCode::SUCCESS)
}
