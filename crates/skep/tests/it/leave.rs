//! Leave that an agent asks for, and a person's word on it.

use serde_json::{Value, json};

use crate::home::{Home, eventually, text_of};

const ASKING: &[&str] = &["--permissions", "ask", "--name", "amber"];

/// A run whose agent waits for leave to do these things, as the list has it.
fn asking(home: &Home, wishes: &str) -> (String, Value) {
    let run = home.run(
        "ask first",
        &[&format!("permit {wishes}"), "write answer.txt {answer}", "commit it", "say done"],
        ASKING,
    );
    let id = text_of(&run, "id");
    let count = wishes.split('|').count();
    let mut found = Value::Null;
    eventually("all is asked", || {
        found = home.listed(&id);
        found["asks"].as_array().is_some_and(|asks| asks.len() == count)
    });
    (id, found)
}

fn ask_of(run: &Value, nth: usize) -> String {
    text_of(&run["asks"][nth], "id")
}

/// What the agent wrote down of the answers that it got.
fn answers(home: &Home, run: &Value) -> String {
    home.place().at(text_of(run, "worktree")).git(&["show", "HEAD:answer.txt"])
}

#[test]
fn of_two_requests_at_once_each_answer_goes_to_its_own() {
    let home = Home::new();
    home.repo();
    let (id, run) = asking(&home, "Bash: make clean | Edit: src/main.rs");
    assert_eq!((&run["state"], &run["waiting_for"]), (&"waiting".into(), &"permission".into()));
    assert_eq!(
        (&run["asks"][0]["tool"], &run["asks"][0]["text"]),
        (&"Bash".into(), &"make clean".into())
    );
    let shown = home.skep(&["show", "amber"]).ok();
    assert!(shown.contains("make clean") && shown.contains("skep approve ask_"), "{shown}");
    home.skep(&["--json", "approve", "amber"]).refused(2, "ask-ambiguous");

    let second = home.json(&["reject", &ask_of(&run, 1), "not on main"]);
    assert_eq!(second["state"], "waiting", "the other is open: {second}");
    assert_eq!(
        (&second["asks"][0]["answer"], &second["asks"][1]["answer"]),
        (&Value::Null, &"refused".into())
    );
    home.skep(&["--json", "approve", &ask_of(&run, 1)]).refused(2, "ask-settled");
    home.json(&["approve", "amber"]);
    let ended = home.wait(&id, "ended");
    assert_eq!(ended["outcome"], "completed", "{ended}");
    assert_eq!(ended["asks"], json!([]));
    assert_eq!(answers(&home, &ended), "Bash allowed, Edit refused (not on main)");
    let logs = home.skep(&["logs", "amber"]).ok();
    assert!(logs.contains("» allowed") && logs.contains("» refused: not on main"), "{logs}");
    home.skep(&["--json", "approve", "amber"]).refused(2, "nothing-asked");
    home.no_agents();
}

#[test]
fn an_answer_outlives_a_daemon_that_is_killed_before_and_after_it_is_told() {
    for point in ["leave.before", "leave.after"] {
        let home = Home::new();
        home.repo();
        let (id, run) = asking(&home, "Bash: make");
        home.kill_daemon();
        home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
        assert_eq!(home.listed(&id)["asks"], run["asks"], "a request outlives the daemon");
        // Whether it still answers before it dies, nobody knows.
        home.skep(&["approve", "amber"]);
        let ended = home.wait(&id, "ended");
        assert_eq!(answers(&home, &ended), "Bash allowed", "{point}");
        let told = home.kinds(&id).iter().filter(|kind| *kind == "leave_ruled").count();
        assert_eq!(told, 1, "{point}");
    }
}

#[test]
fn a_run_that_waits_for_leave_gives_its_slot_back_and_goes_on_when_one_is_free() {
    let home = Home::with_limits("runs = 1");
    home.repo();
    let (id, _) = asking(&home, "Bash: make");
    let go = home.at("go");
    let other =
        home.run("other", &[&format!("wait-for {}", go.display()), "write b b", "say done"], &[]);
    assert_eq!(other["state"], "running", "the slot was free: {other}");
    let ruled = home.json(&["approve", "amber"]);
    assert_eq!(
        (&ruled["state"], &ruled["asks"][0]["answer"]),
        (&"waiting".into(), &"allowed".into())
    );
    home.skep(&["--json", "reject", "amber"]).refused(2, "nothing-asked");
    std::fs::write(&go, "").unwrap();
    assert_eq!(answers(&home, &home.wait(&id, "ended")), "Bash allowed");
}

#[test]
fn a_stop_takes_the_request_along() {
    let home = Home::new();
    home.repo();
    let (id, run) = asking(&home, "Bash: make");
    home.skep(&["stop", "amber"]).ok();
    let ended = home.wait(&id, "ended");
    assert_eq!((&ended["outcome"], &ended["asks"]), (&"stopped".into(), &json!([])));
    home.skep(&["--json", "approve", &ask_of(&run, 0)]).refused(2, "ask-settled");
    home.no_agents();
}

#[test]
fn what_is_asked_is_shown_word_for_word_and_harms_no_terminal() {
    let home = Home::new();
    home.repo();
    let (_, run) = asking(&home, "Bash: echo \u{1b}[2J \u{202e}drow");
    assert_eq!(run["asks"][0]["text"], "echo \u{1b}[2J \u{202e}drow");
    for args in [&["show", "amber"][..], &["status"], &["ls"], &["why", "amber"]] {
        let shown = home.skep(args).ok();
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{args:?}: {shown:?}");
    }
    let shown = home.skep(&["show", "amber"]).ok();
    assert!(shown.contains("echo ␛[2J <U+202E>drow"), "{shown}");
    home.skep(&["stop", "--all", "--now"]).ok();
}
