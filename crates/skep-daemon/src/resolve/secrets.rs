//! Which of the variables that a run's agent gets are secrets, and where each comes from.
//!
//! Owns: that nobody sets by hand what says who and where a run is; that a reference leads somewhere before anything is made.
//! Never: lets a value into the brief of a run.

use std::{collections::BTreeMap, path::Path};

use skep_api::{
    place::Home,
    wire::{Refusal, chain},
};
use skep_core::{
    run::Run,
    secret::{self, Secret},
};
use skep_host::secrets::{self, Reference, SecretError};

/// The secrets of a run, and the values that are handed over with the request.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub secrets: Vec<Secret>,
    pub values: BTreeMap<String, String>,
}

/// Errors: one of the names is not for people to set.
pub(super) fn require_free<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<(), Refusal> {
    match names.into_iter().find(|name| secret::is_protected(name)) {
        Some(name) => Err(Refusal::error(
            "env-protected",
            format!("`{name}` says who and where a run is: it cannot be set by hand"),
        )
        .hint(format!("take `{name}` out of `env`, `--env` and `ask_env`"))
        .hint("skep config show   who says it")),
        None => Ok(()),
    }
}

/// Finds the secrets among the names that are `listed`, by the person's references and by what the names and values look like.
///
/// Errors: a reference that leads nowhere.
pub(super) fn taken(
    listed: &[String],
    of_project: &[String],
    references: &BTreeMap<&String, &String>,
    asker: &BTreeMap<String, String>,
) -> Result<Taken, Refusal> {
    let mut found = Taken::default();
    for name in listed {
        if found.secrets.iter().any(|secret| secret.name == *name) {
            continue;
        }
        let from = match references.get(name) {
            Some(from) => {
                let reference = Reference::parse(from).map_err(|err| refusal(name, &err))?;
                if let Reference::Env(_) = reference {
                    let value =
                        reference.follow(name, asker, &[]).map_err(|err| refusal(name, &err))?;
                    found.values.insert(name.clone(), value);
                } else if let Some(why) = reference.look(asker) {
                    let name = name.clone();
                    return Err(refusal(&name.clone(), &SecretError::Absent { name, why }));
                }
                (*from).clone()
            }
            None => match asker.get(name) {
                Some(value) if secret::is_secret(name, value) && !is_place(value) => {
                    found.values.insert(name.clone(), value.clone());
                    format!("env:{name}")
                }
                Some(_) | None => continue,
            },
        };
        let set_up = of_project.contains(name);
        found.secrets.push(Secret { name: name.clone(), from, set_up });
    }
    Ok(found)
}

/// A path to something that is there is no secret, whatever its variable is called: it would be found in every text.
fn is_place(value: &str) -> bool {
    value.starts_with('/') && Path::new(value).exists()
}

fn refusal(name: &str, err: &SecretError) -> Refusal {
    Refusal::error(err.slug(), chain(err))
        .hint(format!(
            "skep config set secrets.{name} REFERENCE   env:NAME, file:PATH or cmd:COMMAND"
        ))
        .hint("skep doctor   which references lead somewhere")
}

/// Holds in memory what was handed over with a request.
pub fn hold(home: &Home, run: &str, values: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if values.is_empty() {
        return Ok(());
    }
    let held = secrets::folder(home.root()).and_then(|folder| secrets::hold(&folder, run, values));
    held.map_err(|err| {
        let refusal = Refusal::error(err.slug(), chain(&err));
        refusal.hint("skep config set secrets.NAME file:PATH   what is referred to is not held")
    })
}

/// Takes over anew what an asker's environment has of a run's secrets; what it lacks stays as it is held.
pub fn hand_over(home: &Home, run: &Run, asker: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let given = |secret: &Secret| {
        let value = asker.get(secret.variable()?).filter(|value| !value.is_empty())?;
        Some((secret.name.clone(), value.clone()))
    };
    let given: BTreeMap<String, String> =
        run.brief.policy.secrets.iter().filter_map(given).collect();
    if given.is_empty() {
        return Ok(());
    }
    let folder = secrets::folder(home.root());
    let held = folder.and_then(|folder| secrets::held(&folder, run.id().as_str()));
    let mut values = held.map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
    values.extend(given);
    hold(home, run.id().as_str(), &values)
}
