//! Whether a change is merged: by what is known, by the daemon where one lives, else by its forge.
//!
//! Owns: the order of asking, and how long it may take while a person waits for their prompt. Never: takes no answer for a yes.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde::Deserialize;
use skep_api::{client::Client, place::Home, request::Ask};
use skep_core::change::ChangeState;
use skep_forge::http::Patience;

use super::known::{Known, Place};
use crate::forges;

/// How long the daemon may take; it asks the forge.
const DAEMON: Duration = Duration::from_secs(3);
/// How long the forge may take, asked from here.
const FORGE: Duration = Duration::from_secs(4);

/// The answer to [`Ask::ChangeOf`].
#[derive(Debug, Clone, Deserialize)]
struct Told {
    state: ChangeState,
}

/// Where a change of a project stands. Errors: nobody could say; every reason that was met.
pub fn standing(
    home: &Home,
    config: &Path,
    vars: &BTreeMap<String, String>,
    known: &Known,
    uuid: &str,
    project: Option<&str>,
    number: u64,
) -> Result<ChangeState, String> {
    let seen = known.tracked(uuid).and_then(|tracked| tracked.change.as_ref());
    // What was merged stays merged; whatever else was seen may have become something else.
    if seen.is_some_and(|seen| seen.number == number && seen.state == ChangeState::Merged) {
        return Ok(ChangeState::Merged);
    }
    let Some(project) = project else {
        return Err("the task is in no project of skep's, so that no forge is known".to_owned());
    };
    let asked = ask_daemon(home, project, number);
    let Err(silent) = asked else { return asked };
    let none = || format!("{silent}; where {project} is, is not known");
    let place = known.projects.get(project).ok_or_else(none)?;
    look(config, place, number, vars).map_err(|text| format!("{silent}; {text}"))
}

/// Asks the forge of a project. Errors: it gives no answer.
pub fn look(
    config: &Path,
    place: &Place,
    number: u64,
    vars: &BTreeMap<String, String>,
) -> Result<ChangeState, String> {
    let patience =
        Patience { tries: 1, first: Duration::ZERO, answer: FORGE, ..Patience::default() };
    let (path, base) = (Path::new(&place.path), place.base.as_deref());
    forges::change_of_project(config, path, base, number, vars, patience)
        .map(|change| change.state)
        .map_err(|none| none.text)
}

fn ask_daemon(home: &Home, project: &str, number: u64) -> Result<ChangeState, String> {
    let mut client =
        Client::connect(&home.daemon_socket()).map_err(|_| "no daemon runs".to_owned())?;
    client.socket().set_read_timeout(Some(DAEMON)).map_err(|err| err.to_string())?;
    let ask = Ask::ChangeOf { project: project.to_owned(), number };
    // Nothing is changed by it, so that the same question may be asked by anybody at once.
    let id = format!("change-of/{project}/{number}");
    let told = client.ask(&id, ask, |_| ()).map_err(|err| err.to_string())?;
    let told: Told = serde_json::from_value(told).map_err(|err| err.to_string())?;
    Ok(told.state)
}
