//! Runs that collide, seen before they land: the verb, the marks, and the one message to the later one.

use serde_json::Value;

use crate::home::{Home, eventually, text_of};

/// Begins a run that writes this to the file `README` and then waits for the file `go`.
fn writes(home: &Home, name: &str, text: &str) -> String {
    let go = home.at("go");
    let write = format!("write README {text}");
    let wait = format!("wait-for {}", go.display());
    let run = home.run(name, &["listen", &write, "say ready", &wait], &["--name", name]);
    text_of(&run, "id")
}

fn messages(home: &Home, id: &str) -> Vec<Value> {
    home.listed(id)["messages"].as_array().unwrap().clone()
}

fn pairs(home: &Home, args: &[&str], code: i32) -> Vec<Value> {
    let found = home.skep(&[&["--json", "conflicts"], args].concat()).json(code);
    found.as_array().unwrap().clone()
}

fn count(home: &Home, kind: &str) -> usize {
    home.events().iter().filter(|event| event["event"]["event"] == kind).count()
}

#[test]
fn two_runs_that_edit_the_same_line_conflict_and_the_later_is_told_once_whoever_is_killed() {
    let home = Home::with_radar();
    home.repo();
    let amber = writes(&home, "amber", "one");
    let beryl = writes(&home, "beryl", "another");
    eventually("the later one is told", || messages(&home, &beryl).len() == 1);
    assert_eq!(messages(&home, &amber).len(), 0);
    let told = messages(&home, &beryl).remove(0);
    assert_eq!(told["id"], format!("conflict-{amber}"));

    let found = pairs(&home, &[], 1);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["a"], &found[0]["b"]), (&amber.clone().into(), &beryl.clone().into()));
    assert_eq!((&found[0]["kind"], &found[0]["more"]), (&"conflict".into(), &0.into()));
    assert_eq!(found[0]["files"], serde_json::json!(["README"]));
    assert!(found[0]["since"].is_string() && found[0]["why"].is_null());
    let said = home.skep(&["conflicts"]).with(1);
    assert!(said.contains("✗ amber and beryl conflict") && said.contains("README"), "{said}");
    assert!(home.skep(&["ls"]).ok().contains("running ✗1"));
    assert_eq!(home.listed(&amber)["clashes"][0]["run"], beryl.clone());
    let shown = home.skep(&["show", "amber"]).ok();
    assert!(shown.contains("beryl") && shown.contains("conflicts with it: README"), "{shown}");

    // Whatever dies, nobody is told twice, and nothing new is written of what is known.
    for _ in 0..2 {
        home.kill_daemon();
        assert_eq!(pairs(&home, &["web"], 1).len(), 1);
    }
    assert_eq!((count(&home, "clashes_seen"), count(&home, "conflict_told")), (1, 1));
    assert_eq!(messages(&home, &beryl).len(), 1);

    // What is not at work stands all the same, until it has landed.
    home.write("go", "");
    home.skep(&["stop", "--all"]).ok();
    for id in [&amber, &beryl] {
        home.wait(id, "ended");
    }
    assert_eq!(pairs(&home, &["amber"], 1).len(), 1);
    let worktree = text_of(&home.listed(&amber), "worktree");
    home.place().at(&worktree).commit("one");
    home.skep(&["land", "amber"]).ok();
    assert_eq!(pairs(&home, &[], 0).len(), 0, "what has landed is the target's");
}

#[test]
fn who_touches_the_same_files_is_shown_and_told_nothing_and_who_is_far_away_is_neither() {
    let home = Home::with_radar();
    let repo = home.repo();
    let lines: String = (0..20).map(|nth| format!("line {nth}\n")).collect();
    repo.commit_file("text", &lines);
    let go = format!("wait-for {}", home.at("go").display());
    let first = home.run("first", &["append text the end", &go], &["--name", "amber"]);
    let begin = lines.replace("line 0", "the beginning");
    let begin = format!("write text {}", begin.trim_end().replace('\n', "\\n"));
    let second = home.run("second", &[&begin, &go], &["--name", "beryl"]);
    home.run("third", &["write own it", &go], &["--name", "coral"]);
    eventually("both are seen", || pairs(&home, &[], 0).len() == 1);
    let found = pairs(&home, &[], 0);
    assert_eq!(
        (&found[0]["kind"], &found[0]["files"]),
        (&"touch".into(), &serde_json::json!(["text"]))
    );
    assert_eq!((&found[0]["a"], &found[0]["b"]), (&first["id"], &second["id"]));
    assert_eq!(pairs(&home, &["coral"], 0).len(), 0);
    let said = home.skep(&["conflicts"]).ok();
    assert!(said.contains("~ amber and beryl both change text"), "{said}");
    assert!(said.contains("coral"), "{said}");
    assert_eq!(count(&home, "conflict_told"), 0);
    home.skep(&["--json", "conflicts", "nobody"]).refused(2, "run-unknown");
}

#[test]
fn work_beyond_what_was_claimed_is_shown_and_is_no_error() {
    let home = Home::with_radar();
    home.repo();
    let go = format!("wait-for {}", home.at("go").display());
    let steps = ["claim src", "write src/a a", "write docs/b b", "say ready", &go];
    let run = home.run("claims", &steps, &["--name", "amber"]);
    let id = text_of(&run, "id");
    eventually("it is seen", || !home.listed(&id)["beyond"].is_null());
    assert_eq!(home.listed(&id)["beyond"]["files"], serde_json::json!(["docs/b"]));
    assert!(home.skep(&["ls"]).ok().contains("(beyond claims)"));
    assert!(home.skep(&["show", "amber"]).ok().contains("what it claimed: docs/b"));
    home.write("go", "");
    assert_eq!(home.wait(&id, "ended")["outcome"], "completed");
}

#[test]
fn a_radar_that_is_off_looks_when_it_is_asked_and_tells_nobody() {
    let home = Home::new();
    home.repo();
    let amber = writes(&home, "amber", "one");
    let beryl = writes(&home, "beryl", "another");
    assert_eq!(count(&home, "clashes_seen"), 0);
    assert_eq!(pairs(&home, &[], 1).len(), 1);
    assert_eq!((count(&home, "clashes_seen"), count(&home, "conflict_told")), (1, 0));
    for id in [&amber, &beryl] {
        assert_eq!(messages(&home, id).len(), 0);
    }
}

#[test]
fn a_run_that_cannot_be_looked_at_makes_its_pairs_unknown() {
    let home = Home::with_radar();
    home.repo();
    let amber = writes(&home, "amber", "one");
    writes(&home, "beryl", "another");
    let env = text_of(&home.listed(&amber), "worktree");
    std::fs::rename(format!("{env}/.git"), format!("{env}/.git-away")).unwrap();
    let found = pairs(&home, &[], 1);
    assert_eq!((found.len(), &found[0]["kind"]), (1, &"unknown".into()), "{found:?}");
    assert!(text_of(&found[0], "why").contains("amber"), "{found:?}");
    assert!(home.skep(&["conflicts"]).with(1).contains("? amber and beryl: unknown"));
    std::fs::rename(format!("{env}/.git-away"), format!("{env}/.git")).unwrap();
    assert_eq!(pairs(&home, &[], 1)[0]["kind"], "conflict");
}
