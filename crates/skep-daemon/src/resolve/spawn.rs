//! From a run's wish to have another one work for it to what that one is.
//!
//! Owns: that it gets nothing which the run that asks has not: its agent, its leave, its environment, its words' trust.
//! Never: counts; the core does. Never reads the environment of the process that asks.

use std::{collections::BTreeMap, path::Path};

use skep_api::{
    place::Home,
    request::{DispatchAsk, RunAsk, SpawnAsk},
    wire::{Refusal, chain},
};
use skep_core::{
    fleet::Fleet,
    issue::Mode,
    run::{Lineage, Permissions, Posture, Run},
    secret::Secret,
    text,
    time::Timestamp,
};
use skep_host::secrets;

use super::{Asked, Resolved, resolved};
use crate::launch;

/// The longest title. Characters.
const TITLE: usize = 200;

/// Resolves the run that `asker` wants, with its place in the line.
///
/// Errors: as for any run; its title means a task.
pub fn run(
    (id, ask, asker): (&str, &SpawnAsk, &Run),
    (lineage, posture): (Lineage, Posture),
    fleet: &Fleet,
    home: &Home,
    config: &Path,
    now: Timestamp,
) -> Result<Resolved, Refusal> {
    let title = text::words(&text::one_line(ask.title.trim()), TITLE);
    if title.starts_with("task_") {
        let text = "a title is said in words: no run takes up a task by its id";
        return Err(Refusal::error("usage", text).hint("say in a few words what is to be done"));
    }
    let brief = &asker.brief;
    let cwd = asker.env().map(|env| env.worktree.clone());
    let project = ask.project.clone().or_else(|| brief.project.clone());
    let wanted = RunAsk {
        titles: vec![title],
        prompt: Some(ask.prompt.clone()),
        env_type: project.is_none().then(|| "directory".to_owned()),
        project,
        cwd: cwd.or_else(|| brief.place.repository.clone()).unwrap_or_default(),
        agent: Some(brief.agent.clone()),
        model: brief.model.clone(),
        account: brief.account.clone(),
        surface: Some("headless".to_owned()),
        posture: Some(posture.as_str().to_owned()),
        permissions: Some(word(brief.permissions).to_owned()),
        outside: !brief.trust.is_person(),
        claims: ask.claims.clone(),
        detach: true,
        env: env_of(asker, home)?,
        ..RunAsk::default()
    };
    let mut found = resolved(id, &wanted, None, fleet, home, config, now)?;
    for asked in &mut found.briefs {
        asked.brief.by = asker.id().to_string();
        asked.brief.lineage = Some(lineage.clone());
        keep_own(asked, asker);
    }
    Ok(found)
}

/// Leaves to a run that `asker` asks for no secret that `asker` has not: another project's are not its to give.
pub fn keep_own(asked: &mut Asked, asker: &Run) {
    let theirs = &asker.brief.policy.secrets;
    let has = |it: &Secret| theirs.iter().any(|own| own.name == it.name && own.from == it.from);
    asked.brief.policy.secrets.retain(has);
    let left = &asked.brief.policy.secrets;
    asked.secrets.retain(|name, _| left.iter().any(|it| it.name == *name));
}

/// What `asker` may have of a dispatch that its process asks for: nothing that it has not itself, whatever was said.
///
/// Errors: a mode in which somebody sits before a screen; what a person gave it does not read.
pub fn confined(ask: &DispatchAsk, asker: &Run, home: &Home) -> Result<DispatchAsk, Refusal> {
    if matches!(ask.mode, Mode::Interactive | Mode::Consult) {
        let text = "nobody sits before a run that another one asks for: it is headless or cascade";
        let refusal = Refusal::error("cascade-posture", text);
        return Err(refusal.hint(format!("skep dispatch headless {}", ask.reference)));
    }
    if ask.dry_run {
        // It would show what any issue says, and count for nothing.
        let text =
            "a run does not look at issues that nobody is put at: only the run's own is shown";
        return Err(Refusal::error("cascade-posture", text)
            .hint(format!("skep dispatch headless {}", ask.reference)));
    }
    let brief = &asker.brief;
    let cwd = asker.env().map(|env| env.worktree.clone());
    // At somebody else's words nothing goes without a question: then it is as the settings say.
    let narrow = Some(brief.permissions).filter(|it| *it != Permissions::Bypass);
    Ok(DispatchAsk {
        mode: ask.mode,
        reference: ask.reference.clone(),
        project: ask.project.clone(),
        cwd: cwd.or_else(|| brief.place.repository.clone()).unwrap_or_default(),
        claims: ask.claims.clone(),
        overlap: false,
        depth: ask.depth,
        agent: Some(brief.agent.clone()),
        model: brief.model.clone(),
        account: brief.account.clone(),
        permissions: narrow.map(|it| word(it).to_owned()),
        budget: None,
        yes: false,
        dry_run: false,
        detach: ask.detach,
        env: env_of(asker, home)?,
    })
}

/// What a person gave the run that asks: the environment, and what is held of its secrets.
fn env_of(asker: &Run, home: &Home) -> Result<BTreeMap<String, String>, Refusal> {
    let lost = |text: String| Refusal::error("home-unusable", text);
    let mut env = launch::asker_env(home, asker).map_err(lost)?;
    let folder = secrets::folder(home.root());
    let held = folder.and_then(|folder| secrets::held(&folder, asker.id().as_str()));
    let held = held.map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
    for secret in &asker.brief.policy.secrets {
        if let (Some(variable), Some(value)) = (secret.variable(), held.get(&secret.name)) {
            env.insert(variable.to_owned(), value.clone());
        }
    }
    Ok(env)
}

fn word(permissions: Permissions) -> &'static str {
    match permissions {
        Permissions::Ask => "ask",
        Permissions::Auto => "auto",
        Permissions::Bypass => "bypass",
    }
}
