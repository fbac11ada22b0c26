//! Messages that arrive, or are said not to have: receipts, keys, agents of one prompt, and whoever is killed meanwhile.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    gatekeeper::warden_of,
    home::{Home, eventually, kill, lives, pid_of, text_of},
};

/// A program that speaks the protocol `codex_json`: it keeps its conversation as codex does, says `at it`, and ends its turn
/// when `go` is there; a prompt that holds `mute` is read and never kept.
const ONE_PROMPT: &str = r#"#!/bin/sh
session=0199f3a0-1111-7222-8333-944455556666
mkdir -p "$HOME/.codex/sessions"
record="$HOME/.codex/sessions/rollout-$session.jsonl"
prompt=$(cat)
echo "{\"type\":\"thread.started\",\"thread_id\":\"$session\"}"
[ -e "$record" ] || echo "{\"type\":\"session_meta\",\"payload\":{\"id\":\"$session\"}}" >"$record"
printf '%s\n---\n' "$prompt" >>"$HOME/prompts"
case "$prompt" in *mute*) exec sleep 3600;; esac
text=$(printf '%s' "$prompt" | tr -d '"' | sed ':a;N;$!ba;s/\n/\\n/g')
echo "{\"role\":\"user\",\"content\":\"$text\"}" >>"$record"
echo '{"type":"turn.started"}'
echo '{"type":"item.completed","item":{"id":"1","type":"agent_message","text":"at it"}}'
while [ ! -e "$HOME/go" ]; do sleep 0.02; done
date +%N >>made; git add -A; git -c user.name=a -c user.email=a@b commit -qm made
echo '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'
"#;

/// A home with the agent `one`, which takes one prompt and goes on with its conversation.
fn home_of_one_prompt() -> Home {
    let home = Home::new();
    home.repo();
    let program = home.write("one.sh", ONE_PROMPT);
    let agent = format!(
        "protocol = \"codex_json\"\nprogram = \"/bin/sh\"\nheadless = [\"{program}\"]\nprompt = \"stdin\"\n\
         resume = [\"{program}\", \"{{session}}\"]\nhistory = [\"~/.codex/sessions\"]\nwrites = [\"~/\"]\n",
    );
    home.write("c/agents/one.toml", &agent);
    home
}

fn own(home: &Home, name: &str) -> PathBuf {
    let id = text_of(&home.json(&["ls", "--all"])[0], "id");
    let spec = fs::read_to_string(home.attempt(&id, 1).join("spec.json")).unwrap();
    let spec: Value = serde_json::from_str(&spec).unwrap();
    Path::new(spec["env"]["HOME"].as_str().unwrap()).join(name)
}

fn prompts(home: &Home) -> Vec<String> {
    let text = fs::read_to_string(own(home, "prompts")).unwrap_or_default();
    text.split("\n---\n").map(str::to_owned).filter(|text| !text.is_empty()).collect()
}

/// The receipt of a message as `show` has it.
fn receipt(home: &Home, id: &str, message: &str) -> String {
    let run = home.listed(id);
    let of = run["messages"].as_array().unwrap().iter().find(|one| one["id"] == message).cloned();
    of.map_or("none".to_owned(), |one| text_of(&one, "receipt"))
}

fn heard(home: &Home, id: &str, attempt: u32, text: &str) -> usize {
    let journal = fs::read_to_string(home.attempt(id, attempt).join("journal.jsonl"));
    let lines = journal.unwrap_or_default();
    let said =
        |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|line| line["kind"] == "said");
    lines.lines().filter(|line| said(line) && line.contains(text)).count()
}

#[test]
fn a_key_counts_once_and_belongs_to_one_text() {
    let home = Home::new();
    home.repo();
    let run = home.run("talk", &["listen", "write a a", "commit a", "say ready"], &[]);
    let id = text_of(&run, "id");
    eventually("it listens", || heard(&home, &id, 1, "ready") == 1);
    for _ in 0..2 {
        let sent = home.json(&["send", &id, "and docs?", "--key", "k", "--wait", "accepted"]);
        assert_eq!((&sent["message"], &sent["receipt"]), (&"k".into(), &"turn-started".into()));
    }
    home.skep(&["--json", "send", &id, "other", "--key", "k"]).refused(2, "key-reused");
    home.skep(&["--json", "send", &id, " "]).refused(2, "message-unfit");
    home.skep(&["--json", "send", &id, "x", "--key", ""]).refused(2, "message-unfit");
    home.json(&["send", &id, "the end", "--wait", "turn-started"]);
    eventually("it came", || heard(&home, &id, 1, "heard: the end") == 1);
    assert_eq!(heard(&home, &id, 1, "heard: and docs?"), 1, "once");
    let shown = home.skep(&["show", &id]).ok();
    assert!(shown.contains("and docs?") && shown.contains("turn-started"), "{shown}");
}

#[test]
fn a_wait_that_is_not_met_in_time_says_so_and_how_far_it_came() {
    let home = Home::with_limits("runs = 1");
    home.repo();
    let first = home.run("first", &["hang"], &[]);
    let second = home.run("second", &["listen", "say ready"], &["-d"]);
    let id = text_of(&second, "id");
    let late = home.skep(&[
        "--json",
        "send",
        &id,
        "x",
        "--key",
        "k",
        "--wait",
        "accepted",
        "--timeout",
        "50ms",
    ]);
    assert_eq!(late.json(3)["receipt"], "queued");
    assert_eq!(
        home.json(&["send", &id, "x", "--key", "k", "--wait", "queued"])["receipt"],
        "queued"
    );
    home.kill_daemon();
    assert_eq!(receipt(&home, &id, "k"), "queued", "it is remembered");
    home.skep(&["stop", &text_of(&first, "id")]).ok();
    let met = home.json(&["send", &id, "x", "--key", "k", "--wait", "turn-started"]);
    assert_eq!(met["receipt"], "turn-started");
    eventually("it came", || heard(&home, &id, 1, "heard: x") == 1);
    home.skep(&["--json", "send", &id, "x", "--wait", "read"]).error(2);
    home.skep(&["--json", "send", &id, "x", "--steer"]).refused(2, "steer-unsupported");
}

#[test]
fn an_agent_of_one_prompt_gets_its_messages_as_the_next_turn_of_its_conversation() {
    let home = home_of_one_prompt();
    let run = home.json(&["run", "make it", "--agent", "one"]);
    let id = text_of(&run, "id");
    eventually("it is at it", || heard(&home, &id, 1, "at it") == 1);
    for text in ["and the docs", "and the tests"] {
        assert_eq!(home.json(&["send", &id, text])["receipt"], "queued");
    }
    home.skep(&["--json", "send", &id, "x", "--steer"]).refused(2, "steer-unsupported");
    home.kill_daemon();
    fs::write(own(&home, "go"), "").unwrap();
    let ended = home.wait(&id, "ended");
    assert_eq!((&ended["attempt"], &ended["outcome"]), (&2.into(), &"completed".into()), "{ended}");
    let all = prompts(&home);
    assert_eq!(all.len(), 2, "one turn for both: {all:?}");
    assert_eq!(all[1], "and the docs\n\nand the tests");
    let receipts: Vec<String> =
        ended["messages"].as_array().unwrap().iter().map(|one| text_of(one, "receipt")).collect();
    assert_eq!(receipts, ["turn-started", "turn-started"]);
    assert_eq!(home.kinds(&id).iter().filter(|kind| *kind == "ended").count(), 1);
}

#[test]
fn a_message_in_doubt_is_sent_again_by_a_resume_only_where_the_history_lacks_it() {
    let home = home_of_one_prompt();
    home.skep(&["config", "set", "retry.tries", "0"]).ok();
    let id = text_of(&home.json(&["run", "make it", "--agent", "one"]), "id");
    eventually("it is at it", || heard(&home, &id, 1, "at it") == 1);
    home.json(&["send", &id, "mute one", "--key", "m"]);
    fs::write(own(&home, "go"), "").unwrap();
    eventually("it has read it", || prompts(&home).len() == 2);
    eventually("that is told", || receipt(&home, &id, "m") == "delivered");
    let die = |attempt: u64| {
        let run = home.listed(&id);
        assert_eq!((&run["attempt"], &run["state"]), (&attempt.into(), &"running".into()), "{run}");
        let keeper = pid_of(&run, "gatekeeper");
        for guard in [keeper, warden_of(keeper)] {
            kill(guard, Signal::KILL);
        }
        eventually("the agent went too", || !lives(pid_of(&run, "pid")));
        home.wait(&id, "ended");
    };
    die(2);
    assert_eq!(receipt(&home, &id, "m"), "unknown");
    let why = home.skep(&["why", &id]).ok();
    assert!(why.contains("mute one"), "{why}");
    let known = home.skep(&["--json", "send", &id, "mute one", "--key", "m", "--wait", "accepted"]);
    assert_eq!(known.json(1)["receipt"], "unknown", "the same key asks for the same receipt");
    // Its history lacks it.
    home.skep(&["resume", &id, "go on"]).ok();
    eventually("it is sent again", || prompts(&home).len() == 3);
    assert_eq!(prompts(&home)[2], "go on\n\nmute one");
    eventually("it is told", || receipt(&home, &id, "m") == "delivered");
    die(3);
    // Meanwhile it has it after all.
    let record = own(&home, ".codex/sessions/rollout-0199f3a0-1111-7222-8333-944455556666.jsonl");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text + "{\"role\":\"user\",\"content\":\"mute one\"}\n").unwrap();
    home.skep(&["resume", &id, "go on"]).ok();
    home.wait(&id, "ended");
    assert_eq!(prompts(&home)[3], "go on", "not again");
    assert_eq!(receipt(&home, &id, "m"), "accepted");
}

/// Whoever dies when: the agent gets the message once or it is said that nobody knows.
#[test]
fn a_message_survives_the_death_of_the_daemon_at_every_point() {
    for point in ["commit.before", "commit.after", "deliver.before", "deliver.after"] {
        let home = Home::new();
        home.repo();
        let run = home.run("talk", &["listen", "write a a", "commit a", "say ready"], &[]);
        let id = text_of(&run, "id");
        eventually("it listens", || heard(&home, &id, 1, "ready") == 1);
        home.at_rest();
        home.json(&["daemon", "stop"]);
        home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
        // The daemon dies of it, and the asker asks the next one by the same key.
        home.skep(&[
            "send",
            &id,
            "once",
            "--key",
            "k",
            "--wait",
            "turn-started",
            "--timeout",
            "1s",
        ]);
        let sent = home.json(&["send", &id, "once", "--key", "k", "--wait", "turn-started"]);
        assert_eq!(sent["receipt"], "turn-started", "{point}");
        home.json(&["send", &id, "last", "--wait", "turn-started"]);
        eventually("the last came", || heard(&home, &id, 1, "heard: last") == 1);
        assert_eq!(heard(&home, &id, 1, "heard: once"), 1, "{point}");
        home.skep(&["stop", &id]).ok();
    }
}

#[test]
fn a_message_written_to_an_agent_that_never_took_it_is_unknown_when_its_guards_die() {
    let home = Home::new();
    home.repo();
    home.skep(&["config", "set", "retry.tries", "0"]).ok();
    let run = home.run("deaf", &["say busy", "hang"], &[]);
    let id = text_of(&run, "id");
    let sent = home.json(&["send", &id, "hello?", "--key", "k", "--wait", "delivered"]);
    assert_eq!(sent["receipt"], "delivered");
    let keeper = pid_of(&run, "gatekeeper");
    for guard in [keeper, warden_of(keeper)] {
        kill(guard, Signal::KILL);
    }
    let ended = home.wait(&id, "ended");
    assert_eq!(ended["outcome"], "lost", "{ended}");
    assert_eq!(receipt(&home, &id, "k"), "unknown");
    let shown = home.skep(&["show", &id]).ok();
    assert!(shown.contains("unknown") && shown.contains("hello?"), "{shown}");
}
