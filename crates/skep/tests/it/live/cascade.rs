//! A real agent has another one work for it, by skep's own tool; both come to their end, and both works stand.

use serde_json::Value;
use skep_testkit::lab::Lab;

use super::{fleet::Yard, scenes::until};
use crate::home::{eventually, text_of};

fn git(yard: &Yard, run: &Value) -> String {
    yard.home.place().at(text_of(run, "worktree")).git(&["log", "--format=%s", "main.."])
}

#[track_caller]
fn has_another_work_for_it(agent: &str) {
    let Some(lab) = Lab::open(agent, "spawn") else { return };
    let yard = Yard::new();
    let id = yard.begin_with(&lab, agent, "Write both parts", &["--posture", "cascade"]);
    let mut child = Value::Null;
    eventually("it has another one", || {
        let all = yard.home.json(&["ls", "--all"]);
        let of_it = all.as_array().unwrap().iter().find(|run| run["by"] == id.as_str());
        child = of_it.cloned().unwrap_or_default();
        !child.is_null()
    });
    let first = until(&yard, &id, "ended");
    let second = until(&yard, &text_of(&child, "id"), "ended");
    for run in [&first, &second] {
        assert_eq!(run["outcome"], "completed", "{run}");
        assert_eq!(run["oversteps"], serde_json::json!([]), "{run}");
    }
    assert_eq!(first["asks"], serde_json::json!([]), "its own tools need no leave: {first}");
    assert_eq!(
        (git(&yard, &first), git(&yard, &second)),
        ("scripted commit".to_owned(), "the smaller part".to_owned())
    );
    assert_eq!(second["agent"], agent);
    assert_eq!((&second["posture"], &second["lineage"]["depth"]), (&"cascade".into(), &2.into()));
    assert!(second["claims"]["held"][0].as_str().unwrap().ends_with("/part.txt"), "{second}");
    let shown = yard.skep(&lab, &["show", &id]).ok();
    assert!(shown.contains(&text_of(&second, "id")), "{shown}");
    // Neither is lost with the other: one is given back, the other lands.
    let (name, other) = (text_of(&first, "name"), text_of(&second, "name"));
    yard.skep(&lab, &["close", &name, "--keep-branch"]).ok();
    yard.skep(&lab, &["land", &other]).ok();
    assert_eq!(yard.skep(&lab, &["close", &other]).code, 0);
    yard.home.no_agents();
}

#[test]
fn codex_has_another_work_for_it() {
    has_another_work_for_it("codex");
}

#[test]
fn opencode_has_another_work_for_it() {
    has_another_work_for_it("opencode");
}

#[test]
fn claude_has_another_work_for_it() {
    has_another_work_for_it("claude");
}
