//! The tokens with which a run's own issue is asked for: the run has none of them, whoever asked for it had.
//!
//! Owns: which of them is taken over with a dispatch, and where it is looked for later. Never: gives one to an agent.

use std::collections::BTreeMap;

use skep_api::{place::Home, wire::chain};
use skep_core::run::Run;
use skep_host::secrets;

use super::NoIssue;
use crate::{config::Settings, forges::held_as, launch};

/// What is to be held for a run, so that its issue can be asked for when the asker's environment is gone: the tokens of
/// trackers that lie in a variable.
pub fn tokens(settings: &Settings, vars: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let of = |(host, variable): (&String, String)| {
        let value = vars.get(&variable).filter(|value| !value.is_empty())?;
        Some((held_as(host), value.clone()))
    };
    variables(settings).filter_map(of).collect()
}

/// What tokens of trackers are followed with for this run: what was kept of its asker's environment, and what is held.
///
/// Errors: what was kept or is held does not read.
pub fn vars(
    run: &Run,
    settings: &Settings,
    home: &Home,
) -> Result<BTreeMap<String, String>, NoIssue> {
    let lost = |text: String| NoIssue::because("home-unusable", text, Vec::new());
    let mut vars = launch::asker_env(home, run).map_err(lost)?;
    let held = held(run, home)?;
    for (host, variable) in variables(settings) {
        if let Some(value) = held.get(&held_as(host)) {
            vars.insert(variable, value.clone());
        }
    }
    Ok(vars)
}

/// All values that are held for this run, by name.
pub fn held(run: &Run, home: &Home) -> Result<BTreeMap<String, String>, NoIssue> {
    secrets::folder(home.root())
        .and_then(|folder| secrets::held(&folder, run.id().as_str()))
        .map_err(|err| NoIssue::because(err.slug(), chain(&err), Vec::new()))
}

/// The hosts whose tokens lie in a variable, and which.
fn variables(settings: &Settings) -> impl Iterator<Item = (&String, String)> {
    settings.forge.iter().filter_map(|(host, of)| {
        match secrets::Reference::parse(of.token.as_deref()?) {
            Ok(secrets::Reference::Env(variable)) => Some((host, variable)),
            Ok(secrets::Reference::File(_) | secrets::Reference::Command(_)) | Err(_) => None,
        }
    })
}
