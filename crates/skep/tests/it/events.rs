//! The stream of events: what each belongs to, and that none is missing, early or doubled, whatever is killed.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Stdio},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::home::{Home, eventually, kill, lives, text_of};

/// Follows the events into a file.
fn follow(home: &Home, to: &Path) -> Child {
    let mut call = home.command(&["--json", "events", "-f"]);
    call.stdout(Stdio::from(File::create(to).unwrap())).spawn().unwrap()
}

/// The whole lines of what was followed so far.
fn heard(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    let whole = text.rsplit_once('\n').map(|(whole, _)| whole).unwrap_or_default();
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Ends a follower as the terminal would.
fn leave(mut follower: Child) {
    kill(follower.id(), Signal::INT);
    follower.wait().unwrap();
}

/// What every stream of events must be.
fn sound(events: &[Value], task: &str, run: &str, context: &str) {
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    let due: Vec<u64> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, due, "{context}: a number is missing or twice there");
    for event in events {
        let about = text_of(event, "subject");
        let keys = event.as_object().unwrap();
        assert!(keys.contains_key("task") && keys.contains_key("project"), "{context}: {event}");
        if about == run || about == task {
            assert_eq!(event["task"], task, "{context}: {event}");
            assert_eq!(event["project"], "web", "{context}: {event}");
        } else if about == "fleet" {
            assert_eq!((&event["task"], &event["project"]), (&Value::Null, &Value::Null));
        }
    }
    let of = |subject: &str| {
        let about = events.iter().filter(|event| event["subject"] == subject);
        about.map(|event| text_of(&event["event"], "event")).collect::<Vec<_>>()
    };
    for kind in ["created", "admitted", "prepared", "started", "ended"] {
        let times = of(run).iter().filter(|found| *found == kind).count();
        assert_eq!(times, 1, "{context}: {kind}: {:?}", of(run));
    }
    let moved: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"]["event"] == "task_moved")
        .map(|event| &event["event"]["state"])
        .collect();
    assert_eq!(moved, ["implementing", "completed"], "{context}");
}

#[test]
fn each_change_of_state_is_one_event_after_the_commit_in_sequence_also_after_a_crash() {
    for point in ["commit.before", "commit.after", "effect.before", "effect.after"] {
        let home = Home::new();
        home.repo();
        home.json(&["project", "add", "."]);
        let task = home.json(&["task", "add", "Mend the roof", "--project", "web"]);
        let task = text_of(&task, "id");
        home.skep(&["daemon", "stop"]).ok();
        home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
        let doomed = home.daemon();
        let file = home.at("heard");
        let follower = follow(&home, &file);
        eventually("it follows", || !heard(&file).is_empty());
        let prompt = home.script("once", &["write a a", "commit a", "say done"]);
        let run = home.json(&["run", &task, "--prompt-file", &prompt, "-d"]);
        let run = text_of(&run, "id");
        eventually("the daemon died", || !lives(doomed));
        home.wait(&run, "ended");
        let all = home.events();
        sound(&all, &task, &run, point);
        // Who followed all the time heard just that: nothing that was never committed, nothing twice, nothing late.
        eventually("the follower caught up", || heard(&file).len() >= all.len());
        assert_eq!(heard(&file)[..all.len()], all, "{point}");
        leave(follower);
    }
}

#[test]
fn who_follows_the_events_goes_on_at_the_next_number_after_a_restart() {
    let home = Home::new();
    home.repo();
    let task = text_of(&home.json(&["task", "add", "one"]), "id");
    let file = home.at("heard");
    let follower = follow(&home, &file);
    eventually("it follows", || !heard(&file).is_empty());
    home.kill_daemon();
    home.json(&["task", "add", "two"]);
    home.skep(&["daemon", "stop"]).ok();
    home.skep(&["daemon", "start"]).ok();
    home.json(&["task", "add", "three"]);
    let all = home.events();
    eventually("it heard all", || heard(&file).len() >= all.len());
    assert_eq!(heard(&file), all);
    let titles: Vec<String> = all
        .iter()
        .filter(|event| event["event"]["event"] == "task_added")
        .map(|event| text_of(&event["event"]["task"], "title"))
        .collect();
    assert_eq!(titles, ["one", "two", "three"]);
    leave(follower);
    // From a number on they are told as well what they belong to.
    let last = all.last().unwrap()["seq"].to_string();
    let text = home.skep(&["--json", "events", "--from", &last]).ok();
    assert_eq!(text.lines().count(), 1, "{text}");
    let shown = home.skep(&["events"]).ok();
    assert!(shown.contains(&task), "{shown}");
}

#[test]
fn who_follows_a_daemon_that_is_stopped_is_told_how_to_go_on_and_does_not_bring_it_back() {
    let home = Home::new();
    home.json(&["task", "add", "one"]);
    let file = home.at("heard");
    let err = home.at("err");
    let mut call = home.command(&["events", "-f"]);
    call.stdout(Stdio::from(File::create(&file).unwrap()));
    call.stderr(Stdio::from(File::create(&err).unwrap()));
    let mut follower = call.spawn().unwrap();
    let lines = || fs::read_to_string(&file).unwrap().lines().count();
    eventually("it follows", || lines() == home.events().len());
    let next = lines() + 1;
    home.skep(&["daemon", "stop"]).ok();
    assert!(follower.wait().unwrap().success());
    let told = fs::read_to_string(err).unwrap();
    assert!(told.contains(&format!("skep events -f --from {next}")), "{told}");
    assert!(
        !home
            .root()
            .join("s")
            .read_dir()
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().starts_with("daemon") })
    );
}
