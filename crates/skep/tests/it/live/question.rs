//! A real agent asks a person with skep's own tool, and has the answer: while it waits, or as its next message.

use serde_json::Value;
use skep_testkit::lab::Lab;

use super::{fleet::Yard, scenes::until};
use crate::home::{eventually, text_of};

/// What a person says, which stands nowhere else.
const ANSWER: &str = "teal, by all means";

/// Waits until the agent of `id` has asked, and returns its question.
fn question(yard: &Yard, id: &str) -> Value {
    let mut found = Value::Null;
    eventually("it asks", || {
        let open = yard.home.json(&["questions"]);
        let of_run = open.as_array().unwrap().iter().find(|one| one["run"] == id);
        found = of_run.cloned().unwrap_or_default();
        !found.is_null()
    });
    assert_eq!(found["text"], "Blue or green?");
    assert_eq!(found["options"], serde_json::json!(["blue", "green"]));
    found
}

fn heard(lab: &Lab) -> bool {
    lab.requests().iter().any(|request| request.contains(ANSWER))
}

/// Asks, is answered while the call waits, commits and ends.
#[track_caller]
fn asks_and_is_answered(agent: &str) {
    let Some(lab) = Lab::open(agent, "question") else { return };
    let yard = Yard::new();
    let id = yard.begin(&lab, agent, "Write a file");
    let asked = question(&yard, &id);
    assert!(!heard(&lab));
    yard.skep(&lab, &["answer", &text_of(&asked, "id"), ANSWER]).ok();
    let run = until(&yard, &id, "ended");
    assert_eq!((&run["outcome"], &run["attempt"]), (&"completed".into(), &1.into()), "{run}");
    assert!(heard(&lab), "the answer reached its model");
    assert_eq!(run["asks"], serde_json::json!([]), "its own tools need no leave: {run}");
    assert_eq!(yard.home.json(&["questions"]), serde_json::json!([]));
    yard.home.no_agents();
}

/// Asks, is told that the answer comes later, ends its turn, and has the answer as its next message, once.
#[track_caller]
fn asks_and_is_answered_later(agent: &str) {
    let Some(lab) = Lab::open(agent, "question") else { return };
    let yard = Yard::new();
    yard.home.write(format!("c/agents/{agent}.toml"), "tool_timeout = \"3s\"\n");
    let id = yard.begin(&lab, agent, "Write a file");
    let asked = question(&yard, &id);
    eventually("its model hears that the answer comes later", || {
        lab.requests().iter().any(|request| request.contains("do not ask again"))
    });
    yard.skep(&lab, &["answer", &text_of(&asked, "id"), ANSWER]).ok();
    let run = until(&yard, &id, "ended");
    assert_eq!(run["outcome"], "completed", "{run}");
    let last = lab.requests().pop().unwrap();
    assert_eq!(last.matches(ANSWER).count(), 1, "once: {last}");
    yard.home.no_agents();
}

#[test]
fn codex_asks_and_is_answered() {
    asks_and_is_answered("codex");
}

#[test]
fn opencode_asks_and_is_answered() {
    asks_and_is_answered("opencode");
}

#[test]
fn opencode_acp_asks_and_is_answered() {
    asks_and_is_answered("opencode-acp");
}

#[test]
fn gemini_acp_asks_and_is_answered() {
    asks_and_is_answered("gemini-acp");
}

#[test]
fn claude_asks_and_is_answered() {
    asks_and_is_answered("claude");
}

#[test]
fn claude_acp_asks_and_is_answered() {
    asks_and_is_answered("claude-acp");
}

#[test]
fn codex_acp_asks_and_is_answered() {
    asks_and_is_answered("codex-acp");
}

#[test]
fn qwen_asks_and_is_answered() {
    asks_and_is_answered("qwen");
}

#[test]
fn codex_is_answered_later() {
    asks_and_is_answered_later("codex");
}

#[test]
fn claude_is_answered_later() {
    asks_and_is_answered_later("claude");
}
