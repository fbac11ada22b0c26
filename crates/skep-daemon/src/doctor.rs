//! What is well with this skep and what is not, each with a way out; and the mending of what can be taken back.
//!
//! Owns: the checks, and which of them have a remedy. Never: starts a daemon, takes the ledger from one that runs, deletes
//! work, or acts on an answer that it did not get. See docs/design/recovery.md.

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use serde::Serialize;
use skep_api::{place::Home, wire::chain};
use skep_core::text;
use skep_harness::profile::{self, Profile};
use skep_host::{git::Git, paths, proc::Program};

use crate::config;

mod fence;
mod fleet;
mod foreign;
mod home;
mod mend;
mod notify;
mod repository;
mod resources;
mod secrets;
mod taskwarrior;

use fleet::Ledger;
use mend::Remedy;

/// How often the fleet is compared again where the ledger went on meanwhile.
const LOOKS: u32 = 3;

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
    /// Why it matters; empty where all is well.
    pub why: String,
    /// What to do about it by hand; empty where nothing is to be done.
    pub way: String,
    /// What `--fix` would do; null where it does nothing.
    pub fix: Option<String>,
    /// What `--fix` did, and how to take it back.
    pub mended: Option<Mended>,
    #[serde(skip)]
    remedy: Option<Remedy>,
}

/// What became of a remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mended {
    pub done: bool,
    pub text: String,
    /// What takes it back; empty where there is nothing to take back.
    pub back: String,
}

impl Finding {
    fn new(check: &str, health: Health, text: impl Into<String>) -> Finding {
        Finding {
            check: check.to_owned(),
            health,
            text: text.into(),
            why: String::new(),
            way: String::new(),
            fix: None,
            mended: None,
            remedy: None,
        }
    }

    fn well(check: &str, text: impl Into<String>) -> Finding {
        Finding::new(check, Health::Well, text)
    }

    fn note(check: &str, text: impl Into<String>) -> Finding {
        Finding::new(check, Health::Note, text)
    }

    fn ill(check: &str, text: impl Into<String>) -> Finding {
        Finding::new(check, Health::Ill, text)
    }

    #[must_use]
    fn why(mut self, why: &str) -> Finding {
        self.why = why.to_owned();
        self
    }

    #[must_use]
    fn way(mut self, way: impl Into<String>) -> Finding {
        self.way = way.into();
        self
    }

    #[must_use]
    fn remedy(mut self, remedy: Remedy) -> Finding {
        self.fix = Some(remedy.text());
        self.remedy = Some(remedy);
        self
    }

    /// Whether something is wrong that is not mended.
    pub fn is_ill(&self) -> bool {
        self.health == Health::Ill && !self.mended.as_ref().is_some_and(|mended| mended.done)
    }
}

/// Looks at everything; `vars` is the environment of the one who asks.
pub fn examine(home: &Home, config: &Path, vars: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings = vec![system(), git(vars)];
    findings.extend(home::folders(home));
    findings.extend([settings(config), fence::fence(config), disk(home, config)]);
    findings.extend(secrets::references(config, vars));
    findings.extend(notify::channels(config, vars));
    findings.extend(agents(config, vars));
    findings.extend(taskwarrior::hooks(home, vars));
    findings.extend(home::sockets(home));
    findings.extend(against_the_ledger(home, vars));
    findings.push(fleet::inside(home));
    findings
}

/// Does what the findings' remedies say, each written down in its finding.
pub fn mend(home: &Home, vars: &BTreeMap<String, String>, findings: &mut [Finding]) {
    for finding in findings {
        if let Some(remedy) = finding.remedy.take() {
            finding.mended = Some(remedy.apply(home, vars));
        }
    }
}

/// What the ledger says against what there is. A daemon at work changes both, so that only a look in which the ledger
/// stood still finds something.
fn against_the_ledger(home: &Home, vars: &BTreeMap<String, String>) -> Vec<Finding> {
    let git = Git::new(vars);
    let mut found = Vec::new();
    for _ in 0..LOOKS {
        let ledger = match Ledger::read(home) {
            Ok(Some(ledger)) => ledger,
            Ok(None) => return vec![Finding::note("ledger", "nothing is remembered yet")],
            Err(finding) => return vec![*finding],
        };
        found = ledger.findings();
        found.extend(notify::last(&ledger.fleet));
        found.extend(fleet::envs(home, &ledger));
        found.extend(fleet::processes(&ledger));
        found.extend(resources::exhausted(&ledger));
        found.extend(fleet::locks(home, &ledger));
        found.extend(fleet::sessions(home, vars, &ledger));
        found.extend(home::trash(home, &ledger));
        found.push(foreign::entries(home, &ledger));
        found.extend(repository::all(home, &git, &ledger));
        if found.iter().all(|finding| finding.health == Health::Well) || ledger.stands_still(home) {
            break;
        }
    }
    found
}

fn system() -> Finding {
    if cfg!(target_os = "linux") {
        return Finding::well("system", "Linux: every promise holds here");
    }
    Finding::ill("system", "not Linux")
        .why(
            "that nothing of a run is left behind after kill -9 of its guards is not promised here",
        )
        .way("use Linux or WSL2")
}

fn git(vars: &BTreeMap<String, String>) -> Finding {
    let ill = |text: String| {
        Finding::ill("git", text).why("no run can be prepared").way("install git 2.41 or later")
    };
    let said = match Program::new("git").arg("--version").envs(vars).output() {
        Ok(output) if output.code() == 0 => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        Ok(output) => return ill(output.complaint()),
        Err(err) => return ill(chain(&err)),
    };
    let mut numbers =
        said.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= (2, 36) => Finding::well("git", said),
        _ => ill(format!("{said} is too old")),
    }
}

fn settings(config: &Path) -> Finding {
    let file = config::user_file(config);
    match config::user(config) {
        Ok(_) if file.exists() => Finding::well("settings", file.display().to_string()),
        Ok(_) => Finding::note("settings", format!("defaults ({} is not there)", file.display())),
        Err(err) => Finding::ill("settings", chain(&err))
            .why("no daemon starts on settings that it cannot read")
            .way("skep config schema"),
    }
}

fn disk(home: &Home, config: &Path) -> Finding {
    let Ok(settings) = config::user(config) else {
        return Finding::note("disk", "not looked at: the settings do not read");
    };
    match paths::free_bytes(home.root()) {
        Err(err) => Finding::note("disk", format!("could not be asked: {}", chain(&err))),
        Ok(free) if free < settings.limits.disk_free => {
            let floor = settings.limits.disk_free / 1_000_000;
            let text = format!("{} MB free, limits.disk_free asks for {floor}", free / 1_000_000);
            Finding::ill("disk", text)
                .why("no new run starts")
                .way("skep clean; skep close ID --keep-branch")
        }
        Ok(free) => Finding::well("disk", format!("{} MB free", free / 1_000_000)),
    }
}

fn agents(config: &Path, vars: &BTreeMap<String, String>) -> Vec<Finding> {
    let profiles = match Profile::all(Some(&config.join("agents"))) {
        Ok(profiles) => profiles,
        Err(err) => {
            return vec![
                Finding::ill("agents", chain(&err))
                    .why("no agent is found while one profile does not read")
                    .way("mend or remove that file"),
            ];
        }
    };
    let path = vars.get("PATH").cloned().unwrap_or_default();
    profiles
        .into_iter()
        .map(|profile| {
            let check = format!("agent {}", profile.name);
            if profile.program == "{skep}" {
                return Finding::well(&check, "built in");
            }
            match profile::find_program(&profile.program, OsStr::new(&path)) {
                Some(program) => Finding::well(&check, program.display().to_string()),
                None => Finding::note(&check, format!("`{}` is not on your PATH", profile.program)),
            }
        })
        .collect()
}

/// A path as a person may paste it into a shell.
fn pasted(path: &Path) -> String {
    text::shell(&path.to_string_lossy())
}
