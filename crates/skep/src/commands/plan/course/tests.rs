use serde_json::{Value, json};
use skep_api::view::TaskView;

use super::{is_open, next, progress, waits, wants_a_person};

/// A planned task in two waves over three projects, the first of which is done.
pub(in crate::commands) fn task(state: &str, more: &Value) -> TaskView {
    let part = |project: &str, wave: usize, state: &str, run: Option<(&str, &str)>| {
        json!({"project": project, "wave": wave, "needs": [], "goal": "", "risks": [], "state": state, "rests": false,
            "text": null, "finalizing": false, "finalize_failed": null, "head": null, "remote": null,
            "run": run.map(|(name, _)| format!("run_{name:0<10}")), "name": run.map(|(name, _)| name),
            "run_state": run.map(|(_, state)| state), "outcome": run.and_then(|(_, state)| (state == "ended").then_some("completed")),
            "attempt": 1, "cost_usd": null})
    };
    let mut view = json!({"id": "task_7k2m9qx4ab", "title": "Searches answer by pages\u{1b}[2J", "body": "", "project": null,
        "ref": null, "priority": 0, "needs": [], "state": state, "run": null, "added": "2026-01-01T00:00:00.000Z",
        "plan": "plan_7k2m9qx4ab", "version": 1, "plan_state": "approved",
        "waves": [{"state": "completed", "projects": ["api"]}, {"state": "running", "projects": ["web", "docs"]}],
        "parts": [part("api", 1, "completed", Some(("diorite", "ended"))),
            part("web", 2, "in_progress", Some(("beryl", "running"))), part("docs", 2, "pending", None)]});
    for (key, value) in more.as_object().unwrap() {
        view[key] = value.clone();
    }
    serde_json::from_value(view).unwrap()
}

/// The same, waiting for a person, with these ways on.
pub(in crate::commands) fn waiting(state: &str, text: &str, ways: &[&str]) -> TaskView {
    task(state, &json!({"waits_for": {"on": "person", "text": text, "ways": ways}}))
}

#[test]
fn a_task_is_under_way_while_its_plan_is_written_read_or_carried_out() {
    for state in ["planning", "plan_review", "approved", "implementing", "reviewing", "failed"] {
        assert!(is_open(&task(state, &json!({}))), "{state}");
    }
    for state in ["ingested", "completed", "merged", "archived"] {
        assert!(!is_open(&task(state, &json!({}))), "{state}");
    }
    for state in ["implementing", "failed"] {
        assert!(!is_open(&task(state, &json!({"plan": null}))), "{state} by one run");
    }
}

#[test]
fn how_far_it_is_is_told_by_waves_and_parts() {
    let said = |state: &str| progress(&task(state, &json!({})));
    assert_eq!(said("implementing").unwrap(), "wave 2 of 2, 1 of 3 parts done");
    assert_eq!(said("plan_review").unwrap(), "3 parts in 2 waves");
    assert_eq!(said("planning"), None, "the plan before says nothing of the next");
}

#[test]
fn what_goes_on_is_typed_rather_than_what_only_shows() {
    let failed = waiting(
        "failed",
        "web failed\u{1b}[2J",
        &["skep show task_7k2m9qx4ab", "skep implement task_7k2m9qx4ab"],
    );
    assert!(wants_a_person(&failed));
    assert_eq!(next(&failed), "skep implement task_7k2m9qx4ab");
    assert_eq!(waits(&failed).unwrap(), "you: web failed␛[2J");
    assert_eq!(next(&task("implementing", &json!({}))), "skep show task_7k2m9qx4ab");
}
