//! Who takes over when an agent's usage limit is reached.
//!
//! Owns: that the one whom a profile names is there, and can do what is asked, before anything is made.
//! Never: asks that one for a fallback of its own: one change of hands is all there is.

use std::ffi::OsStr;

use skep_api::{
    request::RunAsk,
    wire::{Refusal, chain},
};
use skep_core::run::{self, Fallback, Login, Permissions, Surface};
use skep_harness::profile::{self, Profile};

use super::{Choice, Wanted, choice};
use crate::launch;

/// The fallback, with its own settings, that `profile` names; none where it names none, or the agent has its own screen.
///
/// Errors: it is not known, not installed, itself, or unable to do what is asked.
pub(super) fn choice_of(
    profile: &Profile,
    wanted: &Wanted<'_>,
    surface: Surface,
    permissions: Permissions,
    prompt: &str,
) -> Result<Option<Choice>, Refusal> {
    let (ask, agents) = (wanted.ask, wanted.agents);
    let Some(name) = profile.fallback.as_ref().filter(|_| surface == Surface::Headless) else {
        return Ok(None);
    };
    let first = &profile.name;
    let change = format!("change `fallback` in {}", agents.join(format!("{first}.toml")).display());
    let refused = |slug: &'static str, text: String| {
        Refusal::error(slug, format!("the fallback of agent `{first}`: {text}"))
            .hint(change.clone())
    };
    if name == first {
        return Err(refused("agent-profile-invalid", "it is itself".to_owned()));
    }
    let other =
        Profile::load(name, Some(agents)).map_err(|err| refused(err.slug(), chain(&err)))?;
    let path = ask.env.get("PATH").cloned().unwrap_or_default();
    let there = other.program == "{skep}"
        || profile::find_program(&other.program, OsStr::new(&path)).is_some();
    if !there {
        let text = format!("agent `{name}`: `{}` is not on your PATH", other.program);
        return Err(refused("agent-missing", text));
    }
    if other.protocol == "pty" {
        let text = format!("agent `{name}` cannot work without a terminal");
        return Err(refused("agent-unable", text));
    }
    // What was asked for by a flag was asked for of the first.
    let bare = RunAsk { env: ask.env.clone(), ..RunAsk::default() };
    let own = Wanted { ask: &bare, set_up: None, hooks: run::Hooks::default(), ..*wanted };
    let choice = choice::with(&own, None, other, String::new())?;
    choice
        .profile
        .require(choice.model.as_deref(), launch::permissions(permissions), prompt)
        .map_err(|err| refused(err.slug(), chain(&err)))?;
    Ok(Some(choice))
}

/// What the core needs to know of it.
pub(super) fn of(choice: Choice) -> Fallback {
    let Choice { profile, model, account, args, folders, mut logins, .. } = choice;
    if let Some(name) = account.as_ref().filter(|_| logins.accounts.is_empty()) {
        // The asker's environment was kept for the first, so that this one brings its own folders along.
        logins.accounts = vec![Login { name: name.clone(), folders }];
    }
    Fallback {
        speaks: profile.protocol != "plain",
        hears: profile.hears(false),
        agent: profile.name,
        model,
        account,
        args,
        logins,
    }
}
