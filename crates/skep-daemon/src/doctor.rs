//! What is well with this skep and what is not, each with a way out.
//!
//! Owns: checks that only look. Never: repairs, starts a daemon, or takes the ledger from one that runs.

use std::{collections::BTreeMap, ffi::OsStr, fs, os::unix::fs::MetadataExt, path::Path};

use serde::Serialize;
use skep_api::place::Home;
use skep_api::wire::chain;
use skep_harness::profile::{self, Profile};
use skep_host::{paths, proc::Program, tree};
use skep_ledger::Reader;

use crate::config;

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Well,
    /// Worth knowing; nothing is wrong.
    Note,
    Ill,
}

/// One check and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: String,
    pub health: Health,
    pub text: String,
    /// What to do about it; empty where nothing is to be done.
    pub way: String,
}

/// Looks at everything; `vars` is the environment of the one who asks.
pub fn examine(home: &Home, config: &Path, vars: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings = vec![
        system(),
        git(vars),
        home_folder(home),
        settings(config),
        ledger(home),
        disk(home, config),
    ];
    findings.extend(agents(config, vars));
    findings.push(left_over(home));
    findings
}

fn finding(check: &str, health: Health, text: impl Into<String>, way: &str) -> Finding {
    Finding { check: check.to_owned(), health, text: text.into(), way: way.to_owned() }
}

fn system() -> Finding {
    if cfg!(target_os = "linux") {
        return finding("system", Health::Well, "Linux: every promise holds here", "");
    }
    let text = "not Linux: that nothing of a run is left behind after kill -9 of its guards is not promised here";
    finding("system", Health::Ill, text, "use Linux or WSL2")
}

fn git(vars: &BTreeMap<String, String>) -> Finding {
    let asked = Program::new("git").arg("--version").envs(vars).output();
    let said = match asked {
        Ok(output) if output.code() == 0 => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        Ok(output) => {
            return finding("git", Health::Ill, output.complaint(), "install git 2.36 or later");
        }
        Err(err) => return finding("git", Health::Ill, chain(&err), "install git 2.36 or later"),
    };
    let mut numbers =
        said.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= (2, 36) => {
            finding("git", Health::Well, said, "")
        }
        _ => finding("git", Health::Ill, format!("{said} is too old"), "install git 2.36 or later"),
    }
}

fn home_folder(home: &Home) -> Finding {
    let root = home.root();
    match fs::metadata(root) {
        Err(_) => finding("home", Health::Note, format!("{} is not made yet", root.display()), ""),
        Ok(meta) if meta.uid() != rustix::process::getuid().as_raw() => finding(
            "home",
            Health::Ill,
            format!("{} is another user's", root.display()),
            "choose another with --home",
        ),
        Ok(meta) if meta.mode() & 0o077 != 0 => {
            let text = format!("{} lets other users in", root.display());
            finding("home", Health::Ill, text, &format!("chmod 700 {}", root.display()))
        }
        Ok(_) => finding("home", Health::Well, root.display().to_string(), ""),
    }
}

fn settings(config: &Path) -> Finding {
    let file = config::user_file(config);
    match config::user(config) {
        Ok(_) if file.exists() => finding("settings", Health::Well, file.display().to_string(), ""),
        Ok(_) => finding(
            "settings",
            Health::Note,
            format!("defaults ({} is not there)", file.display()),
            "",
        ),
        Err(err) => finding("settings", Health::Ill, chain(&err), "skep config schema"),
    }
}

fn ledger(home: &Home) -> Finding {
    if !home.ledger().exists() {
        return finding("ledger", Health::Note, "nothing is remembered yet", "");
    }
    let read = Reader::open(&home.ledger()).and_then(|reader| reader.last());
    match read {
        Ok(last) => finding("ledger", Health::Well, format!("{last} events"), ""),
        Err(err) => {
            finding("ledger", Health::Ill, chain(&err), &format!("skep explain {}", err.slug()))
        }
    }
}

fn disk(home: &Home, config: &Path) -> Finding {
    let Ok(settings) = config::user(config) else {
        return finding("disk", Health::Note, "not looked at: the settings do not read", "");
    };
    match paths::free_bytes(home.root()) {
        Err(err) => {
            finding("disk", Health::Note, format!("could not be asked: {}", chain(&err)), "")
        }
        Ok(free) if free < settings.limits.disk_free => {
            let text =
                format!("{} MB free, below limits.disk_free: no new run starts", free / 1_000_000);
            finding("disk", Health::Ill, text, "close runs: skep close ID --keep-branch")
        }
        Ok(free) => finding("disk", Health::Well, format!("{} MB free", free / 1_000_000), ""),
    }
}

fn agents(config: &Path, vars: &BTreeMap<String, String>) -> Vec<Finding> {
    let profiles = match Profile::all(Some(&config.join("agents"))) {
        Ok(profiles) => profiles,
        Err(err) => {
            return vec![finding("agents", Health::Ill, chain(&err), "mend or remove that file")];
        }
    };
    let path = vars.get("PATH").cloned().unwrap_or_default();
    profiles
        .into_iter()
        .map(|profile| {
            let check = format!("agent {}", profile.name);
            if profile.program == "{skep}" {
                return finding(&check, Health::Well, "built in", "");
            }
            match profile::find_program(&profile.program, OsStr::new(&path)) {
                Some(program) => finding(&check, Health::Well, program.display().to_string(), ""),
                None => finding(
                    &check,
                    Health::Note,
                    format!("`{}` is not on your PATH", profile.program),
                    "",
                ),
            }
        })
        .collect()
}

/// Processes that stand in an env: a person's shell, or something a run started through another service.
fn left_over(home: &Home) -> Finding {
    match tree::inside(&home.envs()) {
        Err(err) => finding("processes", Health::Note, format!("could not be asked: {err}"), ""),
        Ok(found) if found.is_empty() => {
            finding("processes", Health::Well, "none stands in an env", "")
        }
        Ok(found) => {
            let pids: Vec<String> = found.iter().map(|process| process.pid.to_string()).collect();
            let text = format!("in envs: {}", pids.join(" "));
            finding(
                "processes",
                Health::Note,
                text,
                &format!("ps -o pid,ppid,lstart,args -p {}", pids.join(",")),
            )
        }
    }
}
