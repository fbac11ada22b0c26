//! `skep agent`

use std::process::ExitCode;

use serde_json::json;
use skep_api::view::LimitView;
use skep_core::text;
use skep_daemon::{
    agents::{self, Able, Agent},
    config, resolve,
};
use skep_harness::profile::{Key, Profile};

use super::limits;
use crate::{
    args,
    connect::Skep,
    exit::{CliError, Outcome},
    output::{Tone, grid::Column},
};

mod report;
mod scenes;
mod stage;
mod test;

pub(super) fn agent(skep: &Skep, verb: args::Agent) -> Outcome {
    match verb {
        args::Agent::Ls => ls(skep)?,
        args::Agent::Show { name, project } => show(skep, &name, project.as_deref())?,
        args::Agent::Test(args) => return test::test(skep, &args),
    }
    Ok(ExitCode::SUCCESS)
}

/// The logins of an agent that are at their limit.
fn theirs(skep: &Skep, agent: &Agent) -> Vec<LimitView> {
    let mut shut = limits::known(skep);
    shut.retain(|limit| limit.agent == agent.login_of);
    shut
}

/// The agent that a run gets which names none, and why.
fn default(skep: &Skep) -> Option<(String, String)> {
    let project = config::project_defaults().ok()?;
    resolve::default_agent(&skep.config, &skep.env, &project)
}

fn ls(skep: &Skep) -> Result<(), CliError> {
    let mut agents = agents::agents(&skep.config, &skep.env)?;
    let default = default(skep);
    for agent in &mut agents {
        agent.chosen = default.as_ref().is_some_and(|(name, _)| *name == agent.name);
    }
    if skep.out.json {
        return Ok(skep.out.json(&agents)?);
    }
    // What is there stands first.
    agents.sort_by_key(|agent| agent.program.is_none());
    let shut = limits::known(skep);
    let columns = [
        Column::whole("  AGENT", 0),
        Column::whole("VERSION", 2),
        Column::whole("LOGIN", 1),
        Column::whole("CAN", 3),
        Column::cut("ACCOUNTS", 4, 8),
        Column::whole("PROTOCOL", 6),
        Column::cut("PROGRAM", 5, 16),
    ];
    let rows: Vec<Vec<(Tone, String)>> = agents.iter().map(row).collect();
    skep.out.grid(&columns, &rows)?;
    for limit in &shut {
        skep.out.note(&limits::line(limit));
    }
    match &default {
        Some((name, why)) => skep.out.note(&format!("* a run that names none gets {name}: {why}")),
        None => skep
            .out
            .note("none of them can be used; skep run --agent scripted \"try it\" works without"),
    }
    Ok(())
}

fn row(agent: &Agent) -> Vec<(Tone, String)> {
    let mark = if agent.chosen { "*" } else { " " };
    let there = agent.program.is_some();
    let program = match (&agent.program, &agent.able) {
        (Some(program), Some(_)) => program.clone(),
        (Some(program), None) => format!("{program}: no profile, see docs/agents.md"),
        (None, _) if agent.name == "plain" => "agents/plain.toml names it".to_owned(),
        (None, _) => "not on your PATH".to_owned(),
    };
    let (tone, login) = match agent.logged_in.filter(|_| there) {
        Some(true) => (Tone::Good, "yes"),
        Some(false) => (Tone::Bad, "no"),
        None if there && agent.known => (Tone::Faint, "?"),
        None => (Tone::Faint, ""),
    };
    let of_agent = if there { Tone::Strong } else { Tone::Faint };
    let plain = if there { Tone::Plain } else { Tone::Faint };
    vec![
        (of_agent, format!("{mark} {}", agent.name)),
        (plain, version(agent)),
        (tone, login.to_owned()),
        (plain, agent.able.as_ref().map(words).unwrap_or_default()),
        (plain, agent.accounts.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(" ")),
        (plain, agent.able.as_ref().map(|able| able.protocol.clone()).unwrap_or_default()),
        (plain, program),
    ]
}

/// The version that is there, and where it is not the one that was last driven, that one too.
fn version(agent: &Agent) -> String {
    match &agent.version {
        Some(version) if agent.checked.is_empty() || *version == agent.checked => version.clone(),
        Some(version) => format!("{version} (checked {})", agent.checked),
        None if agent.name == "plain" && agent.program.is_none() => "yours to name".to_owned(),
        None if agent.program.is_none() => "not there".to_owned(),
        None if agent.able.as_ref().is_some_and(|able| able.protocol == "scripted") => {
            String::new()
        }
        None => "?".to_owned(),
    }
}

/// What skep can do with it, in words.
fn words(able: &Able) -> String {
    let all = [
        (able.resume, "resume"),
        (able.ask, "ask"),
        (able.hear, "hear"),
        (able.model, "model"),
        (able.terminal, "screen"),
    ];
    all.into_iter().filter_map(|(can, word)| can.then_some(word)).collect::<Vec<_>>().join(" ")
}

fn show(skep: &Skep, name: &str, project: Option<&str>) -> Result<(), CliError> {
    let refuse = |err: &config::ConfigError| super::config::refuse(err);
    if let Some(project) = project {
        super::config::require_project(skep, project)?;
    }
    let (agent, profile) = agents::agent(name, &skep.config, &skep.env)?;
    let file = skep.config.join("agents").join(format!("{name}.toml"));
    let keys = Profile::keys(name, Some(&skep.config.join("agents")))
        .map_err(|err| CliError::error(err.slug(), skep_api::wire::chain(&err)))?;
    let from = |key: &Key| if key.own { file.display().to_string() } else { "shipped".to_owned() };
    let named = project.map(|name| (name, None));
    let settings = config::show(&skep.config, named, &[]).map_err(|err| refuse(&err))?;
    let here = [format!("agents.{name}."), format!("project.agents.{name}.")];
    let settings: Vec<config::Shown> = settings
        .into_iter()
        .filter(|row| here.iter().any(|prefix| row.key.starts_with(prefix.as_str())))
        .collect();
    let default = default(skep).filter(|(chosen, _)| chosen == name);
    if skep.out.json {
        let keys: Vec<_> = keys
            .iter()
            .map(|key| json!({"key": key.key, "value": key.value, "from": from(key)}))
            .collect();
        let settings: Vec<_> = settings
            .iter()
            .map(|row| json!({"key": row.key, "value": row.value, "from": row.origin.to_string()}))
            .collect();
        let map = |list: Vec<(&str, Vec<String>)>| {
            list.into_iter().map(|(when, words)| (when.to_owned(), json!(words))).collect()
        };
        let starts: serde_json::Map<_, _> = map(profile.starts());
        let adds: serde_json::Map<_, _> = map(profile.adds());
        let agent = Agent { chosen: default.is_some(), ..agent };
        let limits: Vec<_> = theirs(skep, &agent);
        let view = json!({"agent": agent, "limits": limits, "starts": starts, "adds": adds, "env": profile.env,
            "keys": keys, "settings": settings});
        return Ok(skep.out.json(&view)?);
    }
    let limits = theirs(skep, &agent);
    report::head(skep, &agent, default.as_ref().map(|(_, why)| why.as_str()), &limits)?;
    report::starts(skep, &profile)?;
    skep.out.line("")?;
    let rows: Vec<Vec<(Tone, String)>> =
        keys.iter()
            .map(|key| {
                let tone = if key.own { Tone::Good } else { Tone::Faint };
                (key.key.clone(), key.value.clone(), tone, from(key))
            })
            .chain(settings.iter().map(|row| {
                (row.key.clone(), row.value.clone(), Tone::Good, row.origin.to_string())
            }))
            .map(|(key, value, tone, from)| {
                vec![(Tone::Strong, key), (Tone::Plain, text::one_line(&value)), (tone, from)]
            })
            .collect();
    let columns =
        [Column::whole("KEY", 0), Column::cut("VALUE", 0, 30), Column::cut("FROM", 0, 10)];
    skep.out.grid(&columns, &rows)?;
    skep.out.note(&format!(
        "change one for all projects: skep config set agents.{name}.model M    how it is started: {}",
        text::one_line(&file.to_string_lossy())
    ));
    Ok(())
}
