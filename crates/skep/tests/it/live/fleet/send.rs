//! Messages to live agents whose model is thinking: each is one turn of the user, in the agent's own conversation.

use std::fs;

use serde_json::Value;
use skep_testkit::lab::Lab;

use super::Yard;
use crate::home::{eventually, text_of};

/// What is said to a busy agent.
const WORDS: &str = "and say a word about the docs";

/// The requests that the model got, but for titles and their like.
fn asked(lab: &Lab) -> Vec<Value> {
    let log = fs::read_to_string(lab.home().join("model.jsonl")).unwrap_or_default();
    let rows = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    rows.filter(|row| row["users"].is_array() && row["side"] != true).collect()
}

/// How often a request holds the words as the user's.
fn times(request: &Value) -> usize {
    let users = request["users"].as_array().expect("it was asked for");
    users.iter().filter(|text| text.as_str().is_some_and(|text| text.contains(WORDS))).count()
}

#[track_caller]
fn is_one_turn_of(agent: &str, attempts: u64) {
    let Some(lab) = Lab::open(agent, "gatedcommit") else { return };
    let yard = Yard::new();
    let id = yard.begin(&lab, agent, "Write a file and commit it");
    eventually("the model is thinking", || !asked(&lab).is_empty());
    let send = ["--json", "send", &id, WORDS, "--key", "k"];
    assert_eq!(yard.skep(&lab, &send).json(0)["receipt"], "queued");
    yard.home.kill_daemon();
    assert_eq!(yard.skep(&lab, &send).json(0)["receipt"], "queued", "a key counts once");
    assert!(asked(&lab).iter().all(|request| times(request) == 0), "it waits");
    lab.open_gate("go");
    let run = yard.home.wait(&id, "ended");
    let logs = || yard.skep(&lab, &["logs", &id]).ok();
    assert_eq!(run["outcome"], "completed", "{run}\n{}", logs());
    assert_eq!(run["attempt"], attempts, "{run}\n{}", logs());
    assert_eq!(text_of(&run["messages"][0], "receipt"), "turn-started", "{run}\n{}", logs());
    let requests = asked(&lab);
    let last = requests.last().expect("the model was asked");
    assert_eq!(times(last), 1, "{last}\n{}", logs());
    assert!(requests.iter().all(|request| times(request) <= 1), "{requests:#?}");
    yard.home.no_agents();
}

#[test]
fn a_message_to_a_busy_codex_is_one_turn_of_its_next_process() {
    is_one_turn_of("codex", 2);
}

#[test]
fn a_message_to_a_busy_pi_is_one_turn_of_its_next_process() {
    is_one_turn_of("pi", 2);
}

#[test]
fn a_message_to_a_busy_claude_is_one_turn() {
    is_one_turn_of("claude", 1);
}

#[test]
fn a_message_to_a_busy_opencode_by_acp_is_one_turn() {
    is_one_turn_of("opencode-acp", 1);
}

#[test]
fn a_message_to_a_busy_gemini_by_acp_is_one_turn() {
    is_one_turn_of("gemini-acp", 1);
}

/// A turn that is broken off leaves the conversation as it is, and the message begins the next.
#[track_caller]
fn is_steered(agent: &str) {
    let Some(lab) = Lab::open(agent, "hangonce") else { return };
    let yard = Yard::new();
    let id = yard.begin(&lab, agent, "Write a file and commit it");
    eventually("the model is thinking", || !asked(&lab).is_empty());
    let sent =
        yard.skep(&lab, &["--json", "send", &id, WORDS, "--steer", "--wait", "turn-started"]);
    assert_eq!(sent.json(0)["receipt"], "turn-started");
    let run = yard.home.wait(&id, "ended");
    let logs = || yard.skep(&lab, &["logs", &id]).ok();
    assert_eq!(
        (&run["outcome"], &run["attempt"]),
        (&"completed".into(), &1.into()),
        "{run}\n{}",
        logs()
    );
    let last = asked(&lab).pop().expect("the model was asked");
    assert_eq!(times(&last), 1, "{last}\n{}", logs());
    yard.home.no_agents();
}

#[test]
fn claude_is_steered_out_of_a_turn_that_hangs() {
    is_steered("claude");
}

#[test]
fn opencode_by_acp_is_steered_out_of_a_turn_that_hangs() {
    is_steered("opencode-acp");
}
