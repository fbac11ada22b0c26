//! Which agent a run gets, and how: model, permissions, arguments, variables, account.
//!
//! Owns: who wins: what was asked, then the task, then the project, then the person's settings, then the profile.
//! Never: lets pass what is known to be wrong; what is set for one agent says nothing of another.

use std::{collections::BTreeMap, path::Path};

use skep_api::wire::{Refusal, chain};
use skep_core::{
    run::{Login, Logins, Permissions, Policy},
    task::{self, Task},
    text,
};
use skep_harness::profile::{self, Profile, ProfileError};

use super::{Wanted, agent, agent_refusal, logins};
use crate::{
    config::{self, Account, AgentSettings, Settings},
    hands,
};

/// How many of one's accounts an error lists.
const LISTED: usize = 12;

/// The agent of a run, and all that holds for it.
#[derive(Debug)]
pub(super) struct Choice {
    pub profile: Profile,
    /// Why it is this one.
    pub why: String,
    pub model: Option<String>,
    pub permissions: Permissions,
    pub args: Vec<String>,
    /// Names of variables that are passed on beside the profile's.
    pub env: Vec<String>,
    pub account: Option<String>,
    /// What the account sets.
    pub folders: BTreeMap<String, String>,
    /// All logins that it may work by.
    pub logins: Logins,
}

impl Choice {
    /// The frozen policy, with what this choice adds to it.
    pub(super) fn policy(&self, policy: Policy) -> Policy {
        let of_logins = logins::variables(&self.logins);
        let listed = policy.env.iter().chain(&self.env).chain(self.folders.keys());
        let env = listed.cloned().chain(of_logins).collect();
        Policy { env, args: self.args.clone(), ..policy }
    }
}

/// Chooses for a run of `task`.
pub(super) fn choice(wanted: &Wanted<'_>, task: Option<&Task>) -> Result<Choice, Refusal> {
    let Wanted { ask, project, settings, config, .. } = wanted;
    let of_task = task.and_then(|task| task.choice.agent.as_deref());
    let (profile, why) = agent(ask, project, settings, of_task, config)?;
    with(wanted, task, profile, why)
}

/// The rest of the choice, for this agent.
pub(super) fn with(
    wanted: &Wanted<'_>,
    task: Option<&Task>,
    profile: Profile,
    why: String,
) -> Result<Choice, Refusal> {
    let Wanted { ask, project, settings, config, .. } = wanted;
    let none = (task::Choice::default(), AgentSettings::default());
    let of_task = task.map(|task| &task.choice);
    let of_task = of_task.filter(|of| of.agent.as_ref() == Some(&profile.name)).unwrap_or(&none.0);
    let here = project.agents.get(&profile.name).unwrap_or(&none.1);
    let mine = settings.agents.get(&profile.name).unwrap_or(&none.1);

    let model = ask.model.as_ref().or(of_task.model.as_ref());
    let model = model.or(here.model.as_ref()).or(mine.model.as_ref()).cloned();
    let asked = ask.permissions.as_deref().map(permissions).transpose()?;
    let mode = here.permissions.or(mine.permissions).unwrap_or(settings.permissions);
    let set_args = here.args.as_ref().or(mine.args.as_ref()).cloned().unwrap_or_default();
    let args = if ask.args.is_empty() { set_args } else { ask.args.clone() };
    for arg in &args {
        profile::argument(arg).map_err(|err| refusal(&profile, &err))?;
    }
    let asked_for = ask.account.as_ref().or(of_task.account.as_ref());
    let set = here.account.as_ref().or(mine.account.as_ref()).cloned();
    let list = here.accounts.as_ref().or(mine.accounts.as_ref()).cloned().unwrap_or_default();
    let home = ask.env.get("HOME").map(String::as_str);
    let logins = logins::of(&profile, &list, asked_for.is_some(), settings, config, home)?;
    let first = logins.accounts.first().map(|login| login.name.clone());
    let account = asked_for.cloned().or(set).or(first);
    let folders = match &account {
        Some(name) => {
            let account = require_account(name, &profile, settings, config)?;
            folders(name, account, home)?
        }
        None => BTreeMap::new(),
    };
    let mut logins = logins;
    if let Some(name) = &account
        && !logins.accounts.is_empty()
        && !logins.accounts.iter().any(|login| login.name == *name)
    {
        logins.accounts.insert(0, Login { name: name.clone(), folders: folders.clone() });
    }
    let env = ask.pass.iter().chain(&here.env).chain(&mine.env).cloned().collect();
    let permissions = asked.unwrap_or(mode);
    Ok(Choice { profile, why, model, permissions, args, env, account, folders, logins })
}

/// Errors: what a task asks for that no run of it could be.
pub fn require(choice: &task::Choice, config: &Path) -> Result<(), Refusal> {
    let Some(name) = &choice.agent else {
        if choice.model.is_some() || choice.account.is_some() {
            let text = "a model or an account is one agent's, and none is named";
            return Err(Refusal::error("usage", text).hint("skep task add … --agent NAME"));
        }
        return Ok(());
    };
    let settings = config::user(config).map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
    let profile = Profile::load(name, Some(&config.join("agents")))
        .map_err(|err| agent_refusal(name, &err))?;
    profile
        .require(choice.model.as_deref(), profile::Permissions::Auto, "")
        .map_err(|err| refusal(&profile, &err))?;
    match &choice.account {
        Some(account) => require_account(account, &profile, &settings, config).map(drop),
        None => Ok(()),
    }
}

/// The account called so, where it is one of this agent's.
pub(super) fn require_account<'s>(
    name: &str,
    profile: &Profile,
    settings: &'s Settings,
    config: &Path,
) -> Result<&'s Account, Refusal> {
    let Some(account) = settings.accounts.get(name) else {
        return Err(unknown(name, profile, settings));
    };
    let theirs = Profile::load(&account.agent, Some(&config.join("agents")))
        .map_err(|err| agent_refusal(&account.agent, &err))?;
    if profile.shares_login(&theirs) {
        return Ok(account);
    }
    let (agent, wanted) = (&account.agent, &profile.name);
    let text = format!("account `{name}` is one of {agent}, and the agent of this run is {wanted}");
    Err(Refusal::error("account-agent", text)
        .hint(format!("skep run --agent {agent} --account {name} …"))
        .hint("skep agent ls   whose account is which"))
}

fn unknown(name: &str, profile: &Profile, settings: &Settings) -> Refusal {
    let mut known: Vec<&str> = settings.accounts.keys().map(String::as_str).collect();
    let near = text::nearest(name, known.iter().copied()).map(str::to_owned);
    known.truncate(LISTED);
    let there = if known.is_empty() {
        "there is none".to_owned()
    } else {
        format!("there are {}", known.join(", "))
    };
    let shown = text::one_line(&text::words(name, 60));
    let refusal =
        Refusal::error("account-unknown", format!("no account is called `{shown}` ({there})"));
    let refusal = match near {
        Some(near) => refusal.hint(format!("did you mean `{near}`?")),
        None => refusal,
    };
    let variable = profile.config_variable().unwrap_or("VARIABLE");
    let set = format!("{{ agent = \"{}\", env = {{ {variable} = \"~/FOLDER\" }} }}", profile.name);
    refusal.hint("skep agent ls").hint(format!("skep config set accounts.NAME '{set}'"))
}

/// What an account sets, its folders absolute.
///
/// Errors: a folder that is not there: the agent would begin there as if it were new.
pub fn folders(
    name: &str,
    account: &Account,
    home: Option<&str>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut found = BTreeMap::new();
    for (variable, folder) in &account.env {
        let path = match folder.strip_prefix("~/") {
            Some(rest) => {
                let home = home.filter(|home| home.starts_with('/')).ok_or_else(|| {
                    let text =
                        format!("account `{name}`: `{folder}` needs HOME, and it is not set");
                    Refusal::error("account-folder", text)
                })?;
                format!("{}/{rest}", home.trim_end_matches('/'))
            }
            None => folder.clone(),
        };
        if !hands::is_dir(Path::new(&path)) {
            let text =
                format!("account `{name}`: {variable} is to be `{path}`, which is no folder");
            let shown = text::shell(&path);
            let agent = &account.agent;
            return Err(Refusal::error("account-folder", text)
                .hint(format!("mkdir -p {shown}   then log in: {variable}={shown} {agent}"))
                .hint(format!("skep config set accounts.{name}.env.{variable} FOLDER")));
        }
        found.insert(variable.clone(), path);
    }
    Ok(found)
}

/// What a profile cannot, and where one sees what it can.
pub(super) fn refusal(profile: &Profile, err: &ProfileError) -> Refusal {
    Refusal::error(err.slug(), chain(err))
        .hint(format!("skep agent show {}   what it can, and how it is started", profile.name))
}

/// A shipped profile that needs a file of the person's first.
pub(super) fn without_program(err: &ProfileError, agents: &Path) -> Refusal {
    let refusal = Refusal::error(err.slug(), chain(err));
    let ProfileError::NoProgram { name } = err else { return refusal };
    let file = agents.join(format!("{name}.toml"));
    let shown = text::shell(&file.to_string_lossy());
    refusal
        .hint(format!(
            "mkdir -p {} && echo 'program = \"my-agent\"' >> {shown}",
            text::shell(&agents.to_string_lossy())
        ))
        .hint(format!("skep agent show {name}   what else may stand there"))
}

fn permissions(word: &str) -> Result<Permissions, Refusal> {
    match word {
        "ask" => Ok(Permissions::Ask),
        "auto" => Ok(Permissions::Auto),
        "bypass" => Ok(Permissions::Bypass),
        other => {
            Err(Refusal::error("usage", format!("`{other}` is no permission: ask, auto or bypass")))
        }
    }
}
