//! Owns: which agents the asker has: found, of which version, logged in or not.
//! Never: asks a network or a model; an agent is started for its `--version` alone, in an empty folder.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::Serialize;
use skep_api::wire::{Refusal, chain};
use skep_core::text;
use skep_harness::profile::{self, Login, Profile};
use skep_host::proc::Program;

use crate::{launch, resolve};

/// How long an agent may take to say its version.
const PATIENCE: Duration = Duration::from_secs(6);

/// One agent, as the asker has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agent {
    pub name: String,
    /// Where its program is; none where it is not on the PATH.
    pub program: Option<String>,
    /// What it says of itself; none where it said nothing in time.
    pub version: Option<String>,
    /// The version that was last driven live.
    pub checked: String,
    /// None where that cannot be told.
    pub logged_in: Option<bool>,
    /// By what it is logged in, or where that was looked for.
    pub login: String,
    /// Whether a run that names none gets this one.
    pub chosen: bool,
    /// Whether skep knows how to speak to it.
    pub known: bool,
}

/// Looks for every agent that there is a profile for, and for those that people are likely to have.
pub fn agents(config: &Path, vars: &BTreeMap<String, String>) -> Result<Vec<Agent>, Refusal> {
    let profiles = Profile::all(Some(&config.join("agents")))
        .map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
    let path = vars.get("PATH").cloned().unwrap_or_default();
    let find = |program: &str| profile::find_program(program, OsStr::new(&path));
    let holds = |file: &PathBuf| fs::metadata(file).is_ok_and(|it| it.is_file() && it.len() > 4);
    let mut agents: Vec<Agent> = profiles
        .iter()
        .map(|profile| {
            let built_in = profile.program == "{skep}";
            let program = if built_in {
                Some("built in".to_owned())
            } else {
                find(&profile.program).map(|path| path.display().to_string())
            };
            let (logged_in, login) = match profile.login(vars, holds) {
                Login::Yes { by } => (Some(true), by),
                Login::No { looked } => (Some(false), looked.join(", ")),
                Login::Unknown => (built_in.then_some(true), String::new()),
            };
            Agent {
                name: profile.name.clone(),
                program,
                version: None,
                checked: profile.checked.clone(),
                logged_in,
                login,
                chosen: false,
                known: true,
            }
        })
        .collect();
    for name in resolve::PREFERRED {
        if let (false, Some(path)) = (agents.iter().any(|agent| agent.name == name), find(name)) {
            agents.push(Agent {
                name: name.to_owned(),
                program: Some(path.display().to_string()),
                version: None,
                checked: String::new(),
                logged_in: None,
                login: String::new(),
                chosen: false,
                known: false,
            });
        }
    }
    ask_versions(&mut agents, vars);
    Ok(agents)
}

/// Asks all of them at once: some take seconds to come up.
fn ask_versions(agents: &mut [Agent], vars: &BTreeMap<String, String>) {
    let base: BTreeMap<&String, &String> =
        vars.iter().filter(|(name, _)| launch::is_base(name)).collect();
    thread::scope(|scope| {
        for agent in agents.iter_mut().filter(|agent| agent.known) {
            let Some(program) = agent.program.clone().filter(|it| it.starts_with('/')) else {
                continue;
            };
            let base = &base;
            scope.spawn(move || {
                let asked = Program::new(program).arg("--version").envs(base).timeout(PATIENCE);
                let said = asked.output().ok().filter(|output| output.status.success());
                agent.version = said.and_then(|output| version(&output.stdout));
            });
        }
    });
}

/// The first word that looks like a version.
fn version(said: &[u8]) -> Option<String> {
    let said = String::from_utf8_lossy(said);
    let looks = |word: &&str| {
        let bare = word.trim_start_matches('v');
        bare.starts_with(|c: char| c.is_ascii_digit()) && bare.contains('.') && bare.len() <= 40
    };
    let word =
        said.split(|c: char| c.is_whitespace() || c == '(' || c == ')' || c == '/').find(looks)?;
    Some(text::one_line(word.trim_start_matches('v')))
}
