//! Which agents somebody has, and what each of them is to skep.
//!
//! Owns: found or not, of which version, logged in or not, by which accounts, and what its profile makes of it.
//! Never: asks a network or a model; an agent is started for its `--version` alone, in an empty folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde::Serialize;
use skep_api::wire::{Refusal, chain};
use skep_core::text;
use skep_harness::profile::{self, Profile};
use skep_host::proc::Program;

use crate::{
    config::{self, Settings},
    launch, resolve,
};

/// How long an agent may take to say its version.
const PATIENCE: Duration = Duration::from_secs(12);

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
    /// The agent under whose name its usage limits are counted: itself, or the one whose login it shares.
    pub login_of: String,
    /// Whether a run that names none gets this one.
    pub chosen: bool,
    /// Whether skep knows how to speak to it.
    pub known: bool,
    /// By its profile; none of an agent that has none.
    #[serde(flatten)]
    pub able: Option<Able>,
    pub accounts: Vec<Login>,
}

/// What skep can do with an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Able {
    pub protocol: String,
    /// Without a screen.
    pub headless: bool,
    /// On its own screen.
    pub terminal: bool,
    /// Goes on with a conversation.
    pub resume: bool,
    /// Asks a person for leave.
    pub ask: bool,
    /// Takes messages while it works.
    pub hear: bool,
    /// Takes a model by name.
    pub model: bool,
}

/// An account of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    pub name: String,
    /// The folders that the agent is told; none where one of them is not there.
    pub folders: Option<BTreeMap<String, String>>,
    /// None where that cannot be told.
    pub logged_in: Option<bool>,
}

/// Looks for every agent that there is a profile for, and for those that people are likely to have.
pub fn agents(config: &Path, vars: &BTreeMap<String, String>) -> Result<Vec<Agent>, Refusal> {
    let profiles = Profile::all(Some(&config.join("agents")))
        .map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
    let settings = settings(config)?;
    let mut agents: Vec<Agent> =
        profiles.iter().map(|it| seen(it, &profiles, &settings, vars, config)).collect();
    for name in resolve::PREFERRED {
        let path = find(name, vars).filter(|_| !agents.iter().any(|agent| agent.name == name));
        agents.extend(path.map(|path| Agent {
            name: name.to_owned(),
            program: Some(path.display().to_string()),
            version: None,
            checked: String::new(),
            logged_in: None,
            login: String::new(),
            login_of: name.to_owned(),
            chosen: false,
            known: false,
            able: None,
            accounts: Vec::new(),
        }));
    }
    ask_versions(&mut agents, vars);
    Ok(agents)
}

/// The same of one of them, and its profile.
pub fn agent(
    name: &str,
    config: &Path,
    vars: &BTreeMap<String, String>,
) -> Result<(Agent, Profile), Refusal> {
    let dir = config.join("agents");
    let profile =
        Profile::load(name, Some(&dir)).map_err(|err| resolve::agent_refusal(name, &err))?;
    let settings = settings(config)?;
    // Accounts are of the agents that share a login; a broken file of another one is not this one's.
    let owners = settings.accounts.values().map(|account| account.agent.as_str());
    let owners = owners.filter_map(|name| Profile::load(name, Some(&dir)).ok()).collect::<Vec<_>>();
    let mut found = [seen(&profile, &owners, &settings, vars, config)];
    ask_versions(&mut found, vars);
    let [agent] = found;
    Ok((agent, profile))
}

fn settings(config: &Path) -> Result<Settings, Refusal> {
    config::user(config).map_err(|err| Refusal::error(err.slug(), chain(&err)))
}

fn find(program: &str, vars: &BTreeMap<String, String>) -> Option<PathBuf> {
    let path = vars.get("PATH").cloned().unwrap_or_default();
    profile::find_program(program, OsStr::new(&path))
}

fn holds(file: &PathBuf) -> bool {
    fs::metadata(file).is_ok_and(|it| it.is_file() && it.len() > 4)
}

fn seen(
    profile: &Profile,
    owners: &[Profile],
    settings: &Settings,
    vars: &BTreeMap<String, String>,
    config: &Path,
) -> Agent {
    let built_in = profile.program == "{skep}";
    let program = if built_in {
        Some("built in".to_owned())
    } else {
        find(&profile.program, vars).map(|path| path.display().to_string())
    };
    let (logged_in, login) = match profile.login(vars, holds) {
        profile::Login::Yes { by } => (Some(true), by),
        profile::Login::No { looked } => (Some(false), looked.join(", ")),
        profile::Login::Unknown => (built_in.then_some(true), String::new()),
    };
    let is_its = |owner: &str| {
        owner == profile.name
            || owners.iter().any(|it| it.name == owner && profile.shares_login(it))
    };
    let accounts = settings.accounts.iter().filter(|(_, account)| is_its(&account.agent));
    let (headless, terminal) = profile.surfaces();
    Agent {
        name: profile.name.clone(),
        program,
        version: None,
        checked: profile.checked.clone(),
        logged_in,
        login,
        login_of: resolve::login_of(profile, config),
        chosen: false,
        known: true,
        able: Some(Able {
            protocol: profile.protocol.clone(),
            headless,
            terminal,
            resume: profile.can_go_on(),
            ask: profile.can_ask(),
            hear: profile.can_hear(),
            model: !profile.model.is_empty(),
        }),
        accounts: accounts
            .map(|(name, account)| account_of(profile, name, account, vars))
            .collect(),
    }
}

fn account_of(
    profile: &Profile,
    name: &str,
    account: &config::Account,
    vars: &BTreeMap<String, String>,
) -> Login {
    let home = vars.get("HOME").map(String::as_str);
    let folders = resolve::account_folders(name, account, home).ok();
    let logged_in = folders.as_ref().and_then(|folders| {
        // A key in the environment is everybody's; the account is what lies in its folders.
        let keys = &profile.login_env;
        let others =
            vars.iter().filter(|(name, _)| !keys.contains(name) && !folders.contains_key(*name));
        let vars = others.chain(folders).map(|(k, v)| (k.clone(), v.clone())).collect();
        match profile.login(&vars, holds) {
            profile::Login::Yes { .. } => Some(true),
            profile::Login::No { .. } => Some(false),
            profile::Login::Unknown => None,
        }
    });
    Login { name: name.to_owned(), folders, logged_in }
}

/// Asks all of them at once: some take seconds to come up.
fn ask_versions(agents: &mut [Agent], vars: &BTreeMap<String, String>) {
    let base: BTreeMap<&String, &String> =
        vars.iter().filter(|(name, _)| launch::is_base(name)).collect();
    let wanted =
        agents.iter().filter(|agent| agent.known).filter_map(|agent| agent.program.clone());
    let programs: BTreeSet<String> = wanted.filter(|it| it.starts_with('/')).collect();
    let said: BTreeMap<String, String> = thread::scope(|scope| {
        let ask = |program: String| {
            let asked = Program::new(&program).arg("--version").envs(&base).timeout(PATIENCE);
            let said = asked.output().ok().filter(|output| output.status.success())?;
            // Some tell it on standard error.
            let version = version(&said.stdout).or_else(|| version(&said.stderr))?;
            Some((program, version))
        };
        let asked: Vec<_> =
            programs.into_iter().map(|program| scope.spawn(move || ask(program))).collect();
        asked.into_iter().filter_map(|one| one.join().ok().flatten()).collect()
    });
    for agent in agents {
        agent.version = agent.program.as_ref().and_then(|program| said.get(program)).cloned();
    }
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
