//! A plan and its task, as they are shown.

use serde_json::{Value, json};

use super::{ROWS, Stage, ago, holds, painted, plain, run};

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

/// A task by its id, as a list has it.
fn listed(id: &str, title: &str, state: &str, waits: &Value) -> Value {
    let run = json!({"run": "run_amber00000", "name": "amber", "run_state": "running", "state": "in_progress"});
    json!({"id": id, "title": title, "body": "", "project": null, "ref": null, "priority": 0, "needs": [], "state": state,
        "run": null, "added": ago(9000), "plan": "plan_7k2m9qx4ab", "version": 1, "plan_state": "approved",
        "waves": [{"state": "running", "projects": ["api"]}, {"state": "pending", "projects": ["web"]}],
        "parts": [part("api", 1, &run), part("web", 2, &json!({}))], "waits_for": waits})
}

#[test]
fn the_status_has_a_line_for_each_task_that_is_planned_and_what_goes_on_with_it() {
    let person = |text: &str, ways: &[&str]| json!({"on": "person", "text": text, "ways": ways});
    let agent =
        json!({"on": "agent", "text": "api at work", "ways": ["skep logs run_amber00000 -f"]});
    let tasks = json!([
        listed("task_7k2m9qx4aa", "Searches answer by pages", "implementing", &agent),
        listed(
            "task_7k2m9qx4ab",
            LONG,
            "plan_review",
            &person(
                "its plan waits for you",
                &["skep plan show task_7k2m9qx4ab", "skep approve task_7k2m9qx4ab"]
            )
        ),
        listed(
            "task_7k2m9qx4ac",
            "One login",
            "approved",
            &person("its plan is approved", &["skep implement task_7k2m9qx4ac"])
        ),
        listed("task_7k2m9qx4ad", "All is over", "completed", &Value::Null),
    ]);
    let runs =
        json!([run("amber", &json!({"task": "task_7k2m9qx4aa"})), run("basalt", &json!({}))]);
    let stage = Stage::new().answers("ls", runs).answers("task_ls", tasks.clone());
    holds(&stage, "status-planned", &[]);
    let stage = Stage::new().answers("ls", json!([])).answers("task_ls", tasks);
    holds(&stage, "status-planned-only", &["status"]);
}

#[test]
fn tasks_that_have_no_line_in_the_status_are_counted_and_it_is_never_longer_than_the_terminal() {
    let waits =
        json!({"on": "person", "text": "its plan is approved", "ways": ["skep implement TASK"]});
    let tasks: Vec<Value> = (10..30)
        .map(|nth| listed(&format!("task_7k2m9qx4{nth}"), LONG, "approved", &waits))
        .collect();
    let stage = Stage::new()
        .answers("ls", json!([run("amber", &json!({}))]))
        .answers("task_ls", json!(tasks));
    for (rows, counted) in [(8, false), (ROWS, true), (60, true)] {
        let (screen, _) = painted(stage.command(&["status"]), 80, rows);
        let screen = plain(&screen);
        assert!(screen.lines().count() < usize::from(rows), "{rows} rows:\n{screen}");
        assert!(screen.contains("skep implement TASK"), "{screen}");
        let shown = screen.matches("skep implement TASK").count();
        let more = format!("{} more tasks", tasks.len() - shown);
        assert_eq!(screen.contains(&more), counted, "{screen}");
    }
}
