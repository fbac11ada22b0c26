//! How far a planned task is, in the words of lists.
//!
//! Owns: which tasks are under way, and what one line says of each. Never: asks or prints.

use skep_api::view::{PartView, TaskView};
use skep_core::text;

use super::page::{part_state, whom};
use crate::output::Tone;

#[cfg(test)]
pub(in crate::commands) mod tests;

/// Whether there is a plan of it, or one to come, and not all is over.
pub(in crate::commands) fn is_open(task: &TaskView) -> bool {
    match task.state.as_str() {
        "planning" | "plan_review" | "approved" | "reviewing" => true,
        "implementing" | "failed" => task.plan.is_some(),
        _ => false,
    }
}

/// Whether nothing goes on with it until its person does something.
pub(in crate::commands) fn wants_a_person(task: &TaskView) -> bool {
    task.waits_for.as_ref().is_some_and(|waits| waits.on == "person")
}

/// How many waves and parts are over; none where no plan holds yet.
pub(in crate::commands) fn progress(task: &TaskView) -> Option<String> {
    let (waves, parts) = (task.waves.len(), task.parts.len());
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    match task.state.as_str() {
        _ if parts == 0 => None,
        "planning" => None,
        "plan_review" | "approved" => {
            Some(format!("{} in {}", count(parts, "part"), count(waves, "wave")))
        }
        _ => {
            let current = task.waves.iter().position(|wave| wave.state != "completed");
            let wave = current.map_or(waves, |nth| nth + 1);
            let done = task.parts.iter().filter(|part| part.state == "completed").count();
            Some(format!("wave {wave} of {waves}, {done} of {} done", count(parts, "part")))
        }
    }
}

/// Whom it waits for, and for what.
pub(in crate::commands) fn waits(task: &TaskView) -> Option<String> {
    let waits = task.waits_for.as_ref()?;
    Some(format!("{}: {}", whom(&waits.on), text::one_line(&text::words(&waits.text, 200))))
}

/// What one would type next: what goes on rather than what only shows.
pub(in crate::commands) fn next(task: &TaskView) -> String {
    let shows = format!("skep show {}", task.id);
    let mut ways = task.waits_for.iter().flat_map(|waits| &waits.ways);
    ways.find(|way| **way != shows).cloned().unwrap_or(shows)
}

/// The run that carries a part, with how it stands.
pub(in crate::commands) fn carrier(part: &PartView) -> Option<String> {
    let name = part.name.as_ref()?;
    let state = match (part.run_state.as_deref(), part.outcome.as_deref()) {
        (Some("ended"), Some(outcome)) => outcome,
        (state, _) => state.unwrap_or_default(),
    };
    Some(text::one_line(&format!("{name} ({state})")))
}

/// Its parts, wave by wave: the wave where it begins, project, state, run.
pub(in crate::commands) fn parts(task: &TaskView) -> Vec<[(Tone, String); 4]> {
    let mut before = 0;
    let line = |part: &PartView| {
        let begins = std::mem::replace(&mut before, part.wave) != part.wave;
        let wave = if begins { format!("wave {}", part.wave) } else { String::new() };
        let project = text::one_line(&part.project);
        let run = carrier(part).unwrap_or_default();
        [(Tone::Faint, wave), (Tone::Strong, project), part_state(part), (Tone::Plain, run)]
    };
    task.parts.iter().map(line).collect()
}
