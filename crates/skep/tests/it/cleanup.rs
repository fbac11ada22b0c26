//! Requests to close a run, as files: `skep close --later`, `skep cleanup`, and whatever writes one by hand.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    close::{at_rest, doomed, named},
    home::{Home, eventually, text_of},
};

fn folder(home: &Home) -> PathBuf {
    home.root().join("cleanup")
}

/// Puts a request there as a program would: beside it first, then by a rename.
fn request(home: &Home, file: &str, session: &str) -> PathBuf {
    let body =
        json!({"session_id": session, "task_uuid": "", "created_at": "2026-11-21T10:00:00Z"});
    let (half, whole) = (folder(home).join(".half"), folder(home).join(file));
    fs::write(&half, body.to_string()).unwrap();
    fs::rename(half, &whole).unwrap();
    whole
}

fn stands(run: &Value) -> bool {
    Path::new(&text_of(run, "worktree")).exists()
}

/// What is known of a request.
fn told(home: &Home, file: &str) -> Value {
    let all = home.json(&["cleanup", "ls"]);
    let found = all.as_array().unwrap().iter().find(|view| view["file"] == file);
    found.unwrap_or_else(|| panic!("{file} is not in {all}")).clone()
}

#[test]
fn a_request_that_came_while_the_daemon_was_away_is_worked_off_at_its_start() {
    let home = Home::new();
    let repo = home.repo();
    let run = named(&home, "one", &[]);
    home.skep(&["land", "one"]).ok();
    home.skep(&["daemon", "stop"]).ok();
    let said = home.skep(&["close", "one", "--later"]);
    assert!(said.stdout.contains("cleanup"), "{said:?}");
    assert!(stands(&run), "nobody was there");
    home.skep(&["daemon", "start"]).ok();
    let file = folder(&home).join("one.json");
    eventually("the request is worked off", || !file.exists());
    assert!(!stands(&run) && !repo.branches().contains(&text_of(&run, "branch")));
    assert_eq!(home.json(&["cleanup", "ls"]), json!([]));
}

#[test]
fn half_a_request_is_no_failure_and_counts_when_it_is_whole() {
    let home = Home::new();
    home.repo();
    let run = named(&home, "one", &[]);
    home.skep(&["land", "one"]).ok();
    let path = folder(&home).join("mine.json");
    let mut file = OpenOptions::new().create_new(true).append(true).open(&path).unwrap();
    file.write_all(b"{\"session_id\": \"one\", ").unwrap();
    file.sync_all().unwrap();
    // Every request is looked at when another one comes.
    let other = request(&home, "nobody.json", "");
    eventually("the other is worked off", || !other.exists());
    assert_eq!(told(&home, "mine.json")["state"], "unreadable");
    assert!(stands(&run) && path.exists());
    file.write_all(b"\"task_uuid\": \"\"}").unwrap();
    drop(file);
    eventually("it is whole now", || !path.exists());
    assert!(!stands(&run));
}

#[test]
fn one_corrupt_request_among_three_is_named_and_stays_and_the_others_are_done() {
    let home = Home::new();
    home.repo();
    let (one, two) = (named(&home, "one", &[]), named(&home, "two", &[]));
    home.skep(&["close", "one", "--dry-run"]).with(1);
    home.skep(&["land", "one"]).ok();
    home.skep(&["sh", "two", "--", "git", "rebase", "--quiet", "main"]).ok();
    home.skep(&["land", "two"]).ok();
    home.skep(&["daemon", "stop"]).ok();
    request(&home, "a.json", &text_of(&one, "id"));
    fs::write(folder(&home).join("b.json"), "{\"session_id\": 7").unwrap();
    request(&home, "c.json", "web/two");
    home.skep(&["daemon", "start"]).ok();
    eventually("two are done", || !stands(&one) && !stands(&two));
    eventually("one is left", || home.json(&["cleanup", "ls"]).as_array().unwrap().len() == 1);
    let left = told(&home, "b.json");
    assert_eq!(left["state"], "unreadable", "{left}");
    assert!(!text_of(&left, "status").is_empty(), "{left}");
    let error = home.skep(&["--json", "cleanup", "run", "b.json"]).refused(2, "cleanup-unreadable");
    assert!(text_of(&error, "message").contains("b.json"), "{error}");
    home.skep(&["--json", "cleanup", "run"]).with(1);
    assert!(folder(&home).join("b.json").exists());
    home.skep(&["--json", "cleanup", "run", "z.json"]).refused(2, "cleanup-unknown");
}

#[test]
fn an_undecided_request_is_listed_and_done_as_soon_as_the_run_lands() {
    let home = Home::new();
    home.repo();
    let run = named(&home, "one", &[]);
    home.skep(&["close", "one", "--later"]).ok();
    eventually("it was tried", || told(&home, "one.json")["state"] == "undecided");
    let seen = told(&home, "one.json");
    assert!(text_of(&seen, "status").contains("close-undecided"), "{seen}");
    assert!(seen["next"].is_string() && seen["tries"] == 1 && seen["run"] == run["id"], "{seen}");
    assert!(stands(&run));
    // It would be tried again after half a minute; what it waits for comes before that.
    home.skep(&["land", "one"]).ok();
    eventually("it is done", || !folder(&home).join("one.json").exists());
    assert!(!stands(&run));
}

#[test]
fn a_request_for_a_run_that_lives_waits_for_its_end() {
    let home = Home::new();
    home.repo();
    home.write("go/.keep", "");
    let go = home.at("go/now");
    let wait = format!("wait-for {}", go.display());
    let run = home.run("live", &[&wait, "say nothing"], &["--name", "live"]);
    home.skep(&["close", "live", "--later"]).ok();
    eventually("it was tried", || told(&home, "live.json")["tries"] != 0);
    assert_eq!(told(&home, "live.json")["state"], "waiting");
    assert_eq!(home.listed(&text_of(&run, "id"))["state"], "running");
    fs::write(&go, "").unwrap();
    eventually("it is done", || !folder(&home).join("live.json").exists());
    assert!(!stands(&run));
}

#[test]
fn a_daemon_that_died_between_the_steps_ends_the_same_request_once() {
    for point in ["close.before", "close.after", "effect.after", "cleanup.done"] {
        let home = Home::new();
        let repo = home.repo();
        let run = named(&home, "one", &[]);
        let id = text_of(&run, "id");
        home.skep(&["land", "one"]).ok();
        at_rest(&home, "one");
        doomed(&home, point);
        let old = home.daemon();
        home.skep(&["close", "one", "--later"]).ok();
        eventually("the daemon died", || !crate::home::lives(old));
        home.skep(&["daemon", "start"]).ok();
        eventually("it is done", || !folder(&home).join("one.json").exists());
        assert!(!stands(&run) && !repo.branches().contains(&text_of(&run, "branch")), "{point}");
        let closings = home.kinds(&id).iter().filter(|kind| *kind == "closing").count();
        assert_eq!(closings, 1, "one close, told once: {point}");
    }
}

#[test]
fn a_request_that_was_refused_before_the_daemon_went_is_asked_anew_by_the_next() {
    let home = Home::new();
    let repo = home.repo();
    let run = named(&home, "one", &[]);
    home.skep(&["close", "one", "--later"]).ok();
    eventually("it was tried", || told(&home, "one.json")["state"] == "undecided");
    home.skep(&["daemon", "stop"]).ok();
    repo.git(&["merge", "--quiet", "--ff-only", &text_of(&run, "branch")]);
    home.skep(&["daemon", "start"]).ok();
    eventually("it is done", || {
        // The first one's answer is not the second one's.
        let all = home.json(&["cleanup", "ls"]);
        assert!(!all.to_string().contains("close-undecided"), "{all}");
        !folder(&home).join("one.json").exists()
    });
    assert!(!stands(&run));
}

#[test]
fn a_request_is_worked_off_by_name_and_by_force_and_the_code_says_how_it_went() {
    let home = Home::new();
    home.repo();
    let run = named(&home, "one", &["write new new"]);
    let written = home.json(&["cleanup", "request", "one"]);
    assert_eq!(written, json!([folder(&home).join("one.json")]));
    let refused = home.skep(&["--json", "cleanup", "run", "one.json"]).json(1);
    assert!(text_of(&refused[0], "status").contains("new"), "{refused}");
    assert!(stands(&run));
    let done = home.json(&["cleanup", "run", "one.json", "--force"]);
    assert_eq!(done[0]["state"], "done", "{done}");
    assert!(!stands(&run));
    home.skep(&["undo"]).ok();
    assert!(Path::new(&text_of(&run, "worktree")).join("new").exists());
}

#[test]
fn a_request_names_a_task_as_well_and_names_that_look_alike_are_not_mixed_up() {
    let home = Home::new();
    home.repo();
    home.json(&["project", "add", "."]);
    let task = home.json(&["task", "add", "greet", "--project", "web", "--ref", "0a1b2c3d"]);
    let script = home.script("greet", &["write a a", "commit a", "say done"]);
    let run = home.json(&["run", &text_of(&task, "id"), "--prompt-file", &script, "-d"]);
    let run = home.wait(&text_of(&run, "id"), "ended");
    home.skep(&["land", &text_of(&run, "id")]).ok();
    home.skep(&["cleanup", "request", "--task", "0a1b2c3d"]).ok();
    eventually("it is done", || !folder(&home).join("0a1b2c3d.json").exists());
    assert!(!stands(&run));
    home.skep(&["daemon", "stop"]).ok();
    for name in ["a/b", "a b", "A/b"] {
        home.skep(&["cleanup", "request", name]).ok();
    }
    assert_eq!(fs::read_dir(folder(&home)).unwrap().count(), 3);
    let all = home.json(&["cleanup", "ls"]);
    assert_eq!(all.as_array().unwrap().len(), 3, "{all}");
}
