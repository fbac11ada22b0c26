use super::*;

#[test]
fn what_an_event_belongs_to_is_said_by_what_made_its_subject() {
    let of = |task: Option<&str>, project: Option<&str>| {
        Some(Of { task: task.map(str::to_owned), project: project.map(str::to_owned) })
    };
    let run = json!({"event": "created", "brief": {"task": "task_1", "project": "web"}});
    assert_eq!(born("run_1", &run), of(Some("task_1"), Some("web")));
    let free = json!({"event": "created", "brief": {"task": null, "project": null}});
    assert_eq!(born("run_2", &free), of(None, None));
    let task = json!({"event": "task_added", "task": {"id": "task_1", "project": "web"}});
    assert_eq!(born("task_1", &task), of(Some("task_1"), Some("web")));
    let plan = json!({"event": "plan_submitted", "plan": {"task": "task_1"}});
    assert_eq!(born("plan_1", &plan), of(Some("task_1"), None));
    let flat = json!({"event": "plan_added", "task": "task_1"});
    assert_eq!(born("plan_1", &flat), of(Some("task_1"), None));
    assert_eq!(born("run_1", &json!({"event": "ended", "task": "task_2"})), None);
}
