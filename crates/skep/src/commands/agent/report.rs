//! Owns: how an agent looks to a person. Never: asks anything.

use skep_api::view::LimitView;
use skep_core::text;
use skep_daemon::agents::{Agent, Login};
use skep_harness::profile::Profile;

use crate::{commands::limits, connect::Skep, exit::CliError, output::Tone};

/// Where values begin. Columns.
const INDENT: usize = 24;

/// What is there: the program, its version, its login.
pub(super) fn head(
    skep: &Skep,
    agent: &Agent,
    chosen: Option<&str>,
    shut: &[LimitView],
) -> Result<(), CliError> {
    let out = &skep.out;
    let speaks = agent.able.as_ref().map_or(String::new(), |able| {
        let surfaces = match (able.headless, able.terminal) {
            (true, true) => "over pipes, or on its own screen",
            (false, _) => "on its own screen",
            (true, false) => "over pipes",
        };
        format!("  {} {surfaces}", able.protocol)
    });
    out.line(&format!("{}{speaks}", out.paint(Tone::Strong, &agent.name)))?;
    let missing = || {
        if agent.name == "plain" {
            "one of your own, which agents/plain.toml names".to_owned()
        } else {
            "not on your PATH".to_owned()
        }
    };
    item(skep, "program", &agent.program.clone().unwrap_or_else(missing))?;
    let checked = Some(&agent.checked).filter(|checked| !checked.is_empty());
    let version = match (&agent.version, checked) {
        (Some(version), Some(checked)) if version == checked => {
            format!("{version}, the one that was last driven live")
        }
        (Some(version), Some(checked)) => format!("{version}; {checked} was last driven live"),
        (Some(version), None) => version.clone(),
        (None, Some(checked)) => format!("unknown; {checked} was last driven live"),
        (None, None) => "unknown".to_owned(),
    };
    if agent.program.as_ref().is_some_and(|program| program.starts_with('/')) {
        item(skep, "version", &version)?;
        let looked = agent.login.replace(", ", ", no ");
        let login = match agent.logged_in {
            Some(true) => format!("yes, {}", agent.login),
            Some(false) => format!("no: no {looked}"),
            None => "cannot be told".to_owned(),
        };
        item(skep, "login", &login)?;
    }
    for account in &agent.accounts {
        item(skep, &format!("account {}", text::words(&account.name, 13)), &account_line(account))?;
    }
    for limit in shut {
        item(skep, "limit", &limits::line(limit))?;
    }
    if let Some(why) = chosen {
        item(skep, "default", &format!("a run that names none gets it: {why}"))?;
    }
    let can = agent.able.as_ref().map(super::words).unwrap_or_default();
    item(skep, "can", if can.is_empty() { "work" } else { &can })
}

fn account_line(account: &Login) -> String {
    let Some(folders) = &account.folders else {
        return "one of its folders is not there".to_owned();
    };
    let folders: Vec<String> =
        folders.iter().map(|(name, folder)| format!("{name}={folder}")).collect();
    let login = match account.logged_in {
        Some(true) => "logged in",
        Some(false) => "not logged in",
        None => "whether it is logged in cannot be told",
    };
    format!("{}; {login}", folders.join(" "))
}

/// What its program is started with.
pub(super) fn starts(skep: &Skep, profile: &Profile) -> Result<(), CliError> {
    skep.out.line("")?;
    for (when, words) in profile.starts() {
        item(skep, when, &command(&words))?;
    }
    for (when, words) in profile.adds() {
        item(skep, when, &format!("adds {}", command(&words)))?;
    }
    let env = if profile.env.is_empty() { "nothing".to_owned() } else { profile.env.join(" ") };
    item(skep, "gets of yours", &env)
}

fn command(words: &[String]) -> String {
    words.iter().map(|word| text::shell(word)).collect::<Vec<_>>().join(" ")
}

fn item(skep: &Skep, head: &str, value: &str) -> Result<(), CliError> {
    let wide = INDENT - 3;
    let head = format!("  {} ", skep.out.paint(Tone::Faint, &format!("{head:<wide$}")));
    Ok(skep.out.beside(&head, INDENT, value)?)
}
