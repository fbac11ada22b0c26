//! `skep init`

use std::process::ExitCode;

use serde_json::{Value, json};
use skep_api::{
    request::Ask,
    view::{ScriptView, ScriptsView, SeenView},
};
use skep_core::text;
use skep_daemon::{
    agents::{self, Agent},
    config,
    init::{self, Draft, Found, Health, Proposed, Wanted},
    resolve,
};

use super::read;
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::Tone,
};

mod gates;

/// How wide the column of marks and topics is.
const HEAD: usize = 15;

/// Everything that is to be seen before anything is done.
struct Look {
    project: SeenView,
    agents: Vec<Agent>,
    /// The agent of a run that names none, and why.
    chosen: Option<(String, String)>,
    seen: init::Seen,
    draft: Draft,
}

/// What is done about what was seen.
#[derive(Default)]
struct Done {
    written: bool,
    registered: bool,
    set_up: Option<ScriptView>,
    gates: Option<ScriptView>,
}

pub(super) fn init(skep: &Skep, shared: bool, yes: bool, dry_run: bool) -> Outcome {
    let cwd = std::path::absolute(".")?;
    let Some(path) = cwd.to_str().map(str::to_owned) else {
        return Err(CliError::error("path-not-text", "this folder's name is not UTF-8"));
    };
    skep.out.progress("looking");
    let project: SeenView = read(skep.ask(Ask::ProjectSee { path: path.clone() })?)?;
    let look = look(skep, project, &cwd, shared)?;
    if !skep.out.json {
        print(skep, &look, shared)?;
    }
    let mut done = Done { registered: look.project.registered, ..Done::default() };
    if !dry_run {
        if !yes && look.draft.text.is_some() && !agreed(skep, "Write it? [Y/n]", true) {
            skep.out.note("nothing was written, nothing registered");
            return Ok(ExitCode::SUCCESS);
        }
        init::write(&look.draft)?;
        done.written = look.draft.text.is_some();
        if !look.project.registered {
            skep.ask(Ask::ProjectAdd { path, name: None, base: None })?;
            done.registered = true;
        }
        (done.set_up, done.gates) = scripts(skep, &look, shared)?;
        approve(skep, &look, &mut done, yes)?;
        gates::approve(skep, &look.project.project.name, done.gates.as_mut(), yes)?;
    }
    if skep.out.json {
        skep.out.json(&value(&look, &done, shared, dry_run))?;
    } else {
        tell(skep, &look, &done, shared, dry_run);
    }
    Ok(ExitCode::SUCCESS)
}

fn look(
    skep: &Skep,
    project: SeenView,
    cwd: &std::path::Path,
    shared: bool,
) -> Result<Look, CliError> {
    let view = &project.project;
    let seen = init::look(init::Place {
        config: &skep.config,
        home: skep.home.root(),
        vars: &skep.env,
        cwd,
        repository: view.path.as_ref(),
        sub_dir: &view.sub_dir,
        base: view.base.as_deref(),
    })?;
    let agents = agents::agents(&skep.config, &skep.env)?;
    let checkout = match (shared, &seen.checkout) {
        (true, None) => {
            let text =
                "this repository has no checkout that .skep/project.toml could be written to";
            return Err(
                CliError::error("config-unwritable", text).hint("skep init   without --shared")
            );
        }
        (true, Some(top)) => Some(top.as_path()),
        (false, _) => None,
    };
    let base = seen.shared.as_deref();
    let draft = init::draft(&skep.config, &view.name, checkout, base, &seen.proposed)?;
    let settings = config::project(&skep.config, &view.name, base)
        .map_err(|err| CliError::error(err.slug(), skep_api::wire::chain(&err)))?;
    let chosen = resolve::default_agent(&skep.config, &skep.env, &settings);
    let agents = agents
        .into_iter()
        .map(|agent| Agent {
            chosen: chosen.as_ref().is_some_and(|(name, _)| *name == agent.name),
            ..agent
        })
        .collect();
    Ok(Look { project, agents, chosen, seen, draft })
}

/// Whether a person says yes; an empty answer, or nobody to answer, means `otherwise`.
fn agreed(skep: &Skep, question: &str, otherwise: bool) -> bool {
    match skep.out.question(question).as_deref().map(str::to_lowercase).as_deref() {
        None | Some("") => otherwise,
        Some("y" | "yes") => true,
        Some(_) => false,
    }
}

/// The set-up that runs would have from now on, and the gates as their target has them.
fn scripts(
    skep: &Skep,
    look: &Look,
    shared: bool,
) -> Result<(Option<ScriptView>, Option<ScriptView>), CliError> {
    let name = look.project.project.name.clone();
    let scripts: ScriptsView =
        read(skep.ask(Ask::ProjectScripts { name, env: skep.env.clone() })?)?;
    // What is in the repository's own file counts once it is committed; it is shown and approved now.
    let proposed = look.seen.proposed.iter().find(|one| one.key == "setup.run");
    if let (true, Some(Proposed { value: Wanted::Text(text), .. })) = (shared, proposed)
        && look.draft.added.iter().any(|key| key == "setup.run")
    {
        let proposed = ScriptView {
            from: "setup.run".to_owned(),
            text: text.clone(),
            digest: String::new(),
            approved: false,
            changed: false,
            difference: None,
        };
        return Ok((Some(proposed), scripts.gates));
    }
    Ok((scripts.set_up, scripts.gates))
}

/// Approves what was shown, where a person says so.
fn approve(skep: &Skep, look: &Look, done: &mut Done, yes: bool) -> Result<(), CliError> {
    let Some(script) = done.set_up.as_mut().filter(|script| !script.approved) else {
        return Ok(());
    };
    let name = &look.project.project.name;
    if !skep.out.json {
        skep.out.line("")?;
        let what = match (with_hooks(script), script.changed) {
            (false, true) => "The set-up is not the one that was approved",
            (false, false) => "Set-up, which runs in each fresh worktree",
            (true, true) => "The scripts are not those that were approved",
            (true, false) => "Scripts, which run around the making of each worktree",
        };
        skep.out.line(&format!("{} ({}):", skep.out.paint(Tone::Strong, what), script.from))?;
        block(skep, script.difference.as_deref().unwrap_or(&script.text))?;
    }
    let question = if with_hooks(script) {
        "May they run for this project's worktrees? [y/N]"
    } else {
        "May it run in this project's worktrees? [y/N]"
    };
    if yes || agreed(skep, question, false) {
        let text = script.text.clone();
        let digest = Some(script.digest.clone()).filter(|digest| !digest.is_empty());
        skep.ask(Ask::ProjectApprove { name: name.clone(), text, digest, gates: false })?;
        script.approved = true;
    }
    Ok(())
}

/// Whether there are hooks beside a set-up, or instead of one.
fn with_hooks(script: &ScriptView) -> bool {
    script.from.split(", ").any(|from| from.starts_with("hooks."))
}

fn what(script: &ScriptView) -> &'static str {
    if with_hooks(script) {
        "the scripts, exactly as they are"
    } else {
        "the set-up, exactly as it is"
    }
}

fn print(skep: &Skep, look: &Look, shared: bool) -> std::io::Result<()> {
    let out = &skep.out;
    let view = &look.project.project;
    let mut place = std::path::PathBuf::from(&view.path);
    place.extend((!view.sub_dir.is_empty()).then_some(&view.sub_dir));
    let known = if look.project.registered { "registered" } else { "new" };
    let title = out.paint(Tone::Strong, &format!("project {}", view.name));
    out.line(&format!("{title}  {}  ({known})", text::one_line(&place.to_string_lossy())))?;
    out.line("")?;
    out.line(&out.paint(Tone::Faint, "AGENTS"))?;
    for agent in look.agents.iter().filter(|agent| agent.name != "scripted" || agent.chosen) {
        let (health, text) = agent_line(agent, look.chosen.as_ref().map(|(_, why)| why.as_str()));
        item(skep, health, &agent.name, &text)?;
    }
    if look.chosen.is_none() {
        item(skep, Health::Ill, "agent", "none of them can be used: no run would start")?;
        out.beside(
            &format!("{:HEAD$}→ ", ""),
            HEAD + 2,
            "install one; skep run --agent scripted \"try it\" works without",
        )?;
    }
    out.line("")?;
    out.line(&out.paint(Tone::Faint, "FOUND"))?;
    for found in &look.seen.findings {
        finding(skep, found)?;
    }
    out.line("")?;
    let file = text::one_line(&look.draft.file.to_string_lossy());
    match &look.draft.text {
        None => out.line(&format!("{}  nothing to add", out.paint(Tone::Faint, "SETTINGS")))?,
        Some(_) => {
            let whose = if shared { "shared, in the repository" } else { "yours" };
            out.line(&format!("{}  {file}  ({whose})", out.paint(Tone::Faint, "SETTINGS")))?;
            block(skep, &look.draft.shown)?;
        }
    }
    for kept in &look.draft.kept {
        let text =
            format!("{} stays {} ({}); found: {}", kept.key, kept.stands, kept.file, kept.proposed);
        item(skep, Health::Note, "kept", &text)?;
    }
    Ok(())
}

fn agent_line(agent: &Agent, why: Option<&str>) -> (Health, String) {
    let Some(program) = &agent.program else {
        return (Health::Note, "not on your PATH".to_owned());
    };
    if !agent.known {
        let text =
            format!("{program}: skep has no profile for it (docs/agents.md says how to write one)");
        return (Health::Note, text);
    }
    let mut parts = Vec::new();
    match &agent.version {
        Some(version) if agent.checked.is_empty() || agent.checked == *version => {
            parts.push(version.clone());
        }
        Some(version) => parts.push(format!("{version} (last checked with {})", agent.checked)),
        None if program.starts_with('/') => parts.push("its version is unknown".to_owned()),
        None => parts.push(program.clone()),
    }
    let health = match (agent.logged_in, program.starts_with('/')) {
        (_, false) => Health::Well,
        (Some(true), true) => {
            parts.push(format!("logged in ({})", agent.login));
            Health::Well
        }
        (Some(false), true) => {
            parts.push(format!("not logged in (no {})", agent.login.replace(", ", ", no ")));
            Health::Ill
        }
        (None, true) => {
            parts.push("whether it is logged in cannot be told".to_owned());
            Health::Note
        }
    };
    if agent.chosen {
        parts.push(format!("runs get it: {}", why.unwrap_or_default()));
    }
    (health, parts.join("; "))
}

fn finding(skep: &Skep, found: &Found) -> std::io::Result<()> {
    item(skep, found.health, &found.topic, &found.text)?;
    if found.way.is_empty() {
        return Ok(());
    }
    let arrow = skep.out.paint(Tone::Wants, "→");
    skep.out.beside(&format!("{:HEAD$}{arrow} ", ""), HEAD + 2, &found.way)
}

fn item(skep: &Skep, health: Health, topic: &str, text: &str) -> std::io::Result<()> {
    let (tone, mark) = match health {
        Health::Well => (Tone::Good, "✓"),
        Health::Note => (Tone::Faint, "·"),
        Health::Ill => (Tone::Bad, "✗"),
    };
    let width = HEAD - 2;
    let head = format!("{} {:<width$}", skep.out.paint(tone, mark), text::one_line(topic));
    skep.out.beside(&head, HEAD, text)
}

/// A text as it stands, set in.
fn block(skep: &Skep, text: &str) -> std::io::Result<()> {
    let bar = skep.out.paint(Tone::Faint, "│");
    text::visible(text).lines().try_for_each(|line| {
        let tone = match line.chars().next() {
            Some('+') => Tone::Good,
            Some('-') => Tone::Bad,
            Some('#') => Tone::Faint,
            _ => Tone::Plain,
        };
        skep.out.line(&format!("  {bar} {}", skep.out.paint(tone, line)))
    })
}

fn tell(skep: &Skep, look: &Look, done: &Done, shared: bool, dry_run: bool) {
    let out = &skep.out;
    if dry_run {
        out.note("nothing was written, nothing registered: that was --dry-run");
        return;
    }
    out.note("");
    if done.written {
        out.note(&format!("written: {}", text::one_line(&look.draft.file.to_string_lossy())));
    }
    if !look.project.registered {
        out.note(&format!("registered: {}", look.project.project.name));
    }
    if shared && done.written {
        out.note("it counts once it is committed on the base: git add .skep && git commit");
    }
    gates::tell(skep, done.gates.as_ref());
    match &done.set_up {
        Some(script) if script.approved => out.note(&format!("approved: {}", what(script))),
        Some(script) => {
            let [noun, them] = if with_hooks(script) {
                ["scripts", "them as they stand"]
            } else {
                ["set-up", "it as it stands"]
            };
            out.note(&format!("not approved: the {noun}, so no run begins yet"));
            out.note(&format!("next: skep init --yes   approves {them} above"));
            return;
        }
        None => {}
    }
    out.note("next: skep run \"fix the flaky test\"");
}

fn value(look: &Look, done: &Done, shared: bool, dry_run: bool) -> Value {
    json!({
        "project": look.project.project.name,
        "path": look.project.project.path,
        "sub_dir": look.project.project.sub_dir,
        "registered": done.registered,
        "agents": look.agents,
        "agent": look.chosen.as_ref().map(|(name, _)| name),
        "findings": look.seen.findings,
        "proposed": look.seen.proposed,
        "file": look.draft.file,
        "shared": shared,
        "added": look.draft.added,
        "kept": look.draft.kept,
        "text": look.draft.text,
        "written": done.written,
        "set_up": done.set_up.as_ref().map(script_value),
        "gates": done.gates.as_ref().map(script_value),
        "dry_run": dry_run,
    })
}

fn script_value(script: &ScriptView) -> Value {
    json!({
        "from": script.from,
        "text": script.text,
        "approved": script.approved,
        "changed": script.changed,
        "difference": script.difference,
    })
}
