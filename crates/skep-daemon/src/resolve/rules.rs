//! The rules that a run would begin with, looked at before anything is made.

use std::{collections::BTreeMap, path::Path};

use skep_api::{request::RunAsk, wire::Refusal};
use skep_core::{fleet::Fleet, policy::Policy, time::Timestamp};

use super::{FoundPlace, find_place, unknown_project};
use crate::launch;

/// Reads all the rules that a run in `place` would be judged by.
///
/// Errors: what its first attempt would stumble over.
pub(super) fn require(place: Option<&FoundPlace>, config: &Path) -> Result<(), Refusal> {
    read(place, config).map(drop)
}

/// The rules of a project as its files, and its repository at its base, say now.
pub fn of_project(
    name: &str,
    env: &BTreeMap<String, String>,
    fleet: &Fleet,
    config: &Path,
) -> Result<Policy, Refusal> {
    if !fleet.projects.contains_key(name) {
        return Err(unknown_project(name, fleet));
    }
    let ask = RunAsk { project: Some(name.to_owned()), env: env.clone(), ..RunAsk::default() };
    // It is registered: no moment is written down.
    let place = find_place(&ask, fleet, Timestamp(0))?;
    read(Some(&place), config)
}

fn read(place: Option<&FoundPlace>, config: &Path) -> Result<Policy, Refusal> {
    let shared = match place {
        Some(place) => launch::rules::shared(&place.git, &place.repo, &place.base.oid)?,
        None => None,
    };
    let project = place.map(|place| place.project.name.as_str());
    launch::rules::read(config, project, shared.as_deref())
}
