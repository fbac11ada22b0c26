//! Live agents whose work conflicts with another run's: told once, in their own conversation.

use std::fs;

use serde_json::Value;
use skep_testkit::lab::Lab;

use super::Yard;
use crate::home::{eventually, text_of};

/// What every one that is told reads.
const WORDS: &str = "have changed so far cannot be merged";

fn asked(lab: &Lab) -> Vec<Value> {
    let log = fs::read_to_string(lab.home().join("model.jsonl")).unwrap_or_default();
    let rows = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    rows.filter(|row| row["users"].is_array() && row["side"] != true).collect()
}

fn times(request: &Value) -> usize {
    let users = request["users"].as_array().expect("it was asked for");
    users.iter().filter(|text| text.as_str().is_some_and(|text| text.contains(WORDS))).count()
}

#[track_caller]
fn is_told_once(agent: &str) {
    let Some(lab) = Lab::open(agent, "gatedcommit") else { return };
    let yard = Yard::new();
    yard.home.radar_on();
    let go = format!("wait-for {}", yard.home.at("go").display());
    let first = yard.home.run("first", &["write out.txt mine", &go], &["--agent", "scripted"]);
    let id = yard.begin(&lab, agent, "Write a file and commit it");
    eventually("the model is thinking", || !asked(&lab).is_empty());
    let worktree = text_of(&yard.home.listed(&id), "worktree");
    fs::write(format!("{worktree}/out.txt"), "by hand\n").unwrap();
    let messages = || yard.home.listed(&id)["messages"].as_array().unwrap().len();
    eventually("it is told", || messages() == 1);
    yard.home.kill_daemon();
    let found = yard.skep(&lab, &["--json", "conflicts"]).json(1);
    assert_eq!((&found[0]["a"], &found[0]["b"]), (&first["id"], &id.clone().into()), "{found}");
    lab.open_gate("go");
    let run = yard.home.wait(&id, "ended");
    let logs = || yard.skep(&lab, &["logs", &id]).ok();
    assert_eq!(run["outcome"], "completed", "{run}\n{}", logs());
    assert_eq!(messages(), 1, "once, whoever was killed");
    assert_eq!(text_of(&run["messages"][0], "receipt"), "turn-started", "{run}\n{}", logs());
    let requests = asked(&lab);
    let last = requests.last().expect("the model was asked");
    assert_eq!(times(last), 1, "{last}\n{}", logs());
    yard.home.write("go", "");
    yard.home.wait(&text_of(&first, "id"), "ended");
    yard.home.no_agents();
}

#[test]
fn a_claude_whose_work_conflicts_is_told_once() {
    is_told_once("claude");
}

#[test]
fn an_opencode_by_acp_whose_work_conflicts_is_told_once() {
    is_told_once("opencode-acp");
}
