//! Why a run that wants a slot has none: who holds them, how much is left, who is before it.

use std::sync::Arc;

use skep_api::view::WhyView;
use skep_core::{
    fleet::{Fleet, is_in_line},
    run::{EnvType, Run, State},
    text,
    time::Timestamp,
};

use super::{aged, fact};

/// How many runs are named before the rest is counted.
const NAMED: usize = 8;

/// The facts about the line that `run` stands in; none where it stands in none.
pub(super) fn line(run: &Run, fleet: &Fleet, now: Timestamp) -> Vec<WhyView> {
    if !is_in_line(run) {
        return Vec::new();
    }
    let limits = fleet.limits;
    let mut facts = Vec::new();
    if let State::Queued { not_before: Some(at) } = run.state
        && at > now
    {
        let left = at.since(now).as_secs();
        let because = match (run.faults, run.deaths.len()) {
            (0, 0) => String::new(),
            (0, deaths) => format!(", after death {deaths} without progress"),
            (faults, _) => format!(", after fault {faults} of the environment"),
        };
        facts.push(fact(
            "back-off",
            &format!("until {at}, {left} s from now{because}"),
            "ledger",
            "what was no fault of the agent is tried again, each time after longer: [retry] of the settings",
        ));
    }
    let holders: Vec<&Arc<Run>> = fleet.runs.values().filter(|run| run.holds_slot()).collect();
    facts.push(fact(
        "slots",
        &format!("{} of {} taken{}", holders.len(), limits.runs, named(&holders)),
        "ledger",
        "limits.runs: a run holds a slot from its preparation to its end, and none while it waits",
    ));
    if let Some(project) = &run.brief.project {
        let same: Vec<&Arc<Run>> = holders
            .iter()
            .filter(|other| other.brief.project.as_ref() == Some(project))
            .copied()
            .collect();
        // Where it is all of them they are named already.
        let who = if same.len() == holders.len() { String::new() } else { named(&same) };
        facts.push(fact(
            "project",
            &format!("{} of {} slots of {project} taken{who}", same.len(), limits.per_project),
            "ledger",
            "limits.per_project",
        ));
    }
    if run.env().is_none() {
        let making = |run: &&&Arc<Run>| matches!(run.state, State::Preparing { .. });
        let preparing: Vec<&Arc<Run>> = holders.iter().filter(making).copied().collect();
        facts.push(fact(
            "checkouts",
            &format!("{} of {} under way{}", preparing.len(), limits.prepare, named(&preparing)),
            "ledger",
            "limits.prepare: so many envs are made at once",
        ));
        let disk = match fleet.short {
            Some(free) => format!("{free} bytes are free, {} must be", limits.disk_free),
            None => format!("enough is free: {} bytes must be", limits.disk_free),
        };
        facts.push(fact(
            "disk",
            &disk,
            "statvfs of the envs' folder",
            "limits.disk_free: below it no new env is made",
        ));
    }
    if run.brief.place.env_type == EnvType::InPlace {
        let checkout = &run.brief.place.repository;
        let here = |other: &&Arc<Run>| {
            other.brief.place.env_type == EnvType::InPlace
                && other.brief.place.repository == *checkout
                && other.is_living()
                && other.id() != run.id()
        };
        let others: Vec<&Arc<Run>> = fleet.runs.values().filter(here).collect();
        facts.push(fact(
            "checkout",
            &if others.is_empty() { "free".to_owned() } else { format!("taken{}", named(&others)) },
            "ledger",
            "in a checkout of yours one run works at a time",
        ));
    }
    let mut before: Vec<&Arc<Run>> =
        fleet.runs.values().filter(|other| is_in_line(other) && other.order < run.order).collect();
    before.sort_by_key(|other| other.order);
    facts.push(aged(
        fact(
            "line",
            &match before.len() {
                0 => "nobody is before it".to_owned(),
                count => format!("{count} before it{}", named(&before)),
            },
            "ledger",
            "who asked first goes first, but for those that something else holds back",
        ),
        run.created,
        now,
    ));
    facts
}

/// `: amber (run_…, running), …`; empty for nobody.
fn named(runs: &[&Arc<Run>]) -> String {
    if runs.is_empty() {
        return String::new();
    }
    let name = |run: &&Arc<Run>| {
        format!("{} ({}, {})", text::one_line(&run.brief.name), run.id(), run.state_name())
    };
    let mut names: Vec<String> = runs.iter().take(NAMED).map(name).collect();
    if runs.len() > NAMED {
        names.push(format!("and {} more", runs.len() - NAMED));
    }
    format!(": {}", names.join(", "))
}
