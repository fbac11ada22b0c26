//! From a wish to work in the env of another run to the run that does.
//!
//! Owns: which run's env is meant, and what of that run holds for the new one: its project, its place, its agent where none
//! is named. Never: decides whether anybody may work there; the core does.

use std::path::Path;

use skep_api::{place::Home, request::RunAsk, wire::Refusal};
use skep_core::{
    fleet::Fleet,
    run::{EnvType, Hooks, Kind, Place, Run},
    time::Timestamp,
};

use super::{Resolved, resolved};

/// Resolves a request for a person's own run in the env of the run called `owner`.
///
/// Errors: as for any run; more than one is asked for, or it is to be about a task.
pub(super) fn run(
    (id, ask, owner): (&str, &RunAsk, &str),
    fleet: &Fleet,
    home: &Home,
    config: &Path,
    now: Timestamp,
) -> Result<Resolved, Refusal> {
    let owner = keeper(fleet, owner)?;
    if ask.titles.len() > 1 || ask.count.unwrap_or(1) > 1 {
        return Err(Refusal::error("usage", "one run works in an env at a time")
            .hint("one title, in quotes: skep run --manual --in ID \"look at the failing test\""));
    }
    if ask.titles.iter().any(|title| title.starts_with("task_")) {
        let text = "a run of your own in another one's env takes up no task";
        return Err(Refusal::error("usage", text)
            .hint("say what is to be done: skep run --manual --in ID \"look at the failing test\"")
            .hint("the task itself: skep run task_…"));
    }
    let place = &owner.brief.place;
    let ask = RunAsk {
        project: owner.brief.project.clone(),
        env_type: Some(word(place.env_type).to_owned()),
        agent: ask.agent.clone().or_else(|| Some(owner.brief.agent.clone())),
        ..ask.clone()
    };
    let mut found = resolved(id, &ask, None, fleet, home, config, now)?;
    for asked in &mut found.briefs {
        asked.brief.kind = Kind::Manual;
        asked.brief.within = Some(owner.id().clone());
        asked.brief.place = as_it_stands(place);
    }
    Ok(found)
}

/// The run whose env is meant: that of one which works in another's is the other's.
fn keeper<'a>(fleet: &'a Fleet, named: &str) -> Result<&'a Run, Refusal> {
    let run = fleet
        .find_run(named)
        .map_err(|err| Refusal { hints: err.hints, ..Refusal::error(err.slug, err.text) })?;
    let keeper = run.brief.within.as_ref().and_then(|owner| fleet.runs.get(owner));
    Ok(keeper.map_or(run, AsRef::as_ref))
}

/// The same place, of which nothing is made: neither a branch nor a file nor a script's work.
fn as_it_stands(place: &Place) -> Place {
    Place {
        base: None,
        branches: Vec::new(),
        exact_branch: false,
        copy: Vec::new(),
        link: Vec::new(),
        set_up: None,
        hooks: Hooks::default(),
        fetch_ms: 0,
        ..place.clone()
    }
}

fn word(env_type: EnvType) -> &'static str {
    match env_type {
        EnvType::Worktree => "worktree",
        EnvType::InPlace => "in_place",
        EnvType::Directory => "directory",
    }
}
