//! A real agent asks a person with skep's own tool, and has the answer: while it waits, or as its next message.

use rustix::process::Signal;
use serde_json::Value;
use skep_harness::history::History;
use skep_testkit::lab::Lab;

use super::{fleet::Yard, scenes::until};
use crate::{
    gatekeeper::warden_of,
    home::{eventually, kill, pid_of, text_of},
};

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

/// Is killed, with its guards, when its model has the answer and has not said a word; goes on, and has the answer once: nobody
/// asks for it again, and nobody says it again to one whose own history holds it.
#[track_caller]
fn is_answered_once_though_it_is_killed(agent: &str, history: History) {
    let Some(lab) = Lab::open(agent, "heldanswer") else { return };
    let yard = Yard::new();
    let id = yard.begin(&lab, agent, "Write a file");
    let asked = question(&yard, &id);
    yard.skep(&lab, &["answer", &text_of(&asked, "id"), ANSWER]).ok();
    eventually("its model has the answer", || heard(&lab));
    let times = |request: &String| request.matches(ANSWER).count();
    let first = lab.requests().iter().map(times).max().unwrap();
    let run = yard.home.listed(&id);
    let keeper = pid_of(&run, "gatekeeper");
    let warden = warden_of(keeper);
    kill(keeper, Signal::KILL);
    kill(warden, Signal::KILL);
    lab.open_gate("go");
    let run = until(&yard, &id, "ended");
    let journal = yard.home.root().join("runs").join(&id).join("1/journal.jsonl");
    let told = std::fs::read_to_string(journal).unwrap();
    assert_eq!(run["attempt"], 2, "{run}");
    let last = lab.requests().pop().unwrap();
    let more = usize::from(history != History::Has);
    assert_eq!(times(&last), first + more, "{agent}: {}\n{told}\n{last}", run["messages"]);
    assert_eq!(last.contains("You may have had this answer already"), history == History::Unclear);
    let receipt = if history == History::Has { "accepted" } else { "turn-started" };
    assert_eq!(run["messages"][0]["receipt"], receipt, "{agent}: {told}");
    yard.home.no_agents();
}

#[test]
fn claude_is_answered_once_though_it_is_killed() {
    is_answered_once_though_it_is_killed("claude", History::Has);
}

#[test]
fn codex_is_answered_once_though_it_is_killed() {
    is_answered_once_though_it_is_killed("codex", History::Has);
}

#[test]
fn qwen_is_answered_once_though_it_is_killed() {
    is_answered_once_though_it_is_killed("qwen", History::Has);
}

#[test]
fn claude_by_acp_is_answered_once_though_it_is_killed() {
    is_answered_once_though_it_is_killed("claude-acp", History::Has);
}

#[test]
fn codex_by_acp_is_answered_once_though_it_is_killed() {
    is_answered_once_though_it_is_killed("codex-acp", History::Has);
}

#[test]
fn opencode_by_acp_is_answered_once_though_it_is_killed() {
    is_answered_once_though_it_is_killed("opencode-acp", History::Has);
}

#[test]
fn opencode_is_told_that_it_may_have_its_answer_already() {
    is_answered_once_though_it_is_killed("opencode", History::Unclear);
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
