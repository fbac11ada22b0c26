//! A plan and its task, as they are shown.

use serde_json::{Value, json};

use super::{Stage, ago, holds};

const LONG: &str = "searches answer by pages, so that nobody waits for all of them, and the old route stays\u{1b}[2J";

fn part(project: &str, wave: usize, more: &Value) -> Value {
    let mut part = json!({"project": project, "wave": wave, "needs": [], "goal": format!("{project}: {LONG}"),
        "risks": ["Old clients send no page: they get the first one.\u{1b}[2J"], "state": "pending", "rests": false, "text": null,
        "finalizing": false, "finalize_failed": null, "head": null, "remote": null, "run": null, "name": null,
        "run_state": null, "outcome": null, "attempt": null, "cost_usd": null});
    for (name, value) in more.as_object().unwrap() {
        part[name] = value.clone();
    }
    part
}

#[test]
fn a_plan_is_shown_wave_by_wave_with_what_may_go_wrong_and_what_to_type_next() {
    let plan = json!({"id": "plan_7k2m9qx4ab", "task": "task_7k2m9qx4ab", "title": LONG, "version": 2, "versions": 2,
        "state": "pending_review", "since": ago(90), "feedback": null, "task_state": "plan_review",
        "planner": "run_7k2m9qx4ab", "orchestration": "The API comes first; the site and its pages are written against it.",
        "waves": [{"state": "pending", "projects": ["api"]}, {"state": "pending", "projects": ["web", "docs"]}],
        "parts": [part("api", 1, &json!({})), part("web", 2, &json!({})), part("docs", 2, &json!({"needs": ["web"]}))],
        "warnings": [{"kind": "pull_failed", "project": "web", "text": "web: origin could not be had: no route to host"}],
        "document": ""});
    let stage = Stage::new().answers("plan_show", plan);
    holds(&stage, "plan-show", &["plan", "show", "task_7k2m9qx4ab"]);
}

#[test]
fn a_task_that_is_carried_out_is_shown_with_its_parts_and_whom_it_waits_for() {
    let parts = [
        part(
            "api",
            1,
            &json!({"state": "completed", "run": "run_7k2m9qx4ab", "name": "amber", "run_state": "ended",
            "outcome": "completed", "attempt": 1, "cost_usd": 0.42, "head": "0a5f703af78ac8ee4187c357078bf217c3a03c6e"}),
        ),
        part(
            "web",
            2,
            &json!({"state": "failed", "run": "run_7k2m9qx4ac", "name": "basalt", "run_state": "ended",
            "outcome": "failed", "attempt": 2, "text": format!("agent-error: {LONG}")}),
        ),
        part("docs", 3, &json!({"needs": ["web"]})),
    ];
    let task = json!({"id": "task_7k2m9qx4ab", "title": LONG, "body": "", "project": null, "ref": "12", "priority": 0, "needs": [],
        "state": "failed", "run": null, "added": ago(9000), "plan": "plan_7k2m9qx4ab", "version": 1, "plan_state": "approved",
        "waves": [{"state": "completed", "projects": ["api"]}, {"state": "failed", "projects": ["web"]},
            {"state": "pending", "projects": ["docs"]}],
        "parts": parts, "branch": "skep/sub-12-searches-answer-by-pages", "cost_usd": 0.42,
        "waits_for": {"on": "person", "text": "web failed", "ways": ["skep show task_7k2m9qx4ab", "skep implement task_7k2m9qx4ab"]}});
    let stage = Stage::new().answers("task_show", task);
    holds(&stage, "task-planned", &["show", "task_7k2m9qx4ab"]);
}
