//! `skep clean` and the collector: what has had its time goes, if nothing is lost by it.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    close::{at_rest, named},
    home::{Home, eventually, text_of},
    snapshot::tree,
};

/// A home in which an env has had its time as soon as its work is done.
fn quick() -> Home {
    Home::with_limits("[keep]\nenv_after_done = \"0\"")
}

fn stands(run: &Value) -> bool {
    Path::new(&text_of(run, "worktree")).exists()
}

fn of<'a>(views: &'a Value, run: &Value) -> Option<&'a Value> {
    views.as_array().unwrap().iter().find(|view| view["run"] == run["id"])
}

#[test]
fn envs_of_work_that_is_done_go_by_age_and_only_where_nothing_is_lost() {
    let home = quick();
    let repo = home.repo();
    repo.write(".gitignore", "*.key\n");
    repo.commit("ignore");
    let safe = named(&home, "safe", &[]);
    let dirty = named(&home, "dirty", &["write new new"]);
    let ignored = named(&home, "ignored", &["write secret.key precious"]);
    let unknown = named(&home, "unknown", &[]);
    let failed =
        home.ended("failed", &["write a a", "commit a", "exit 3"], &["-d", "--name", "failed"]);
    let live = home.run("live", &["hang"], &["--name", "live"]);
    for run in ["safe", "dirty", "ignored", "unknown", "failed"] {
        at_rest(&home, run);
    }
    // Git cannot answer for this one.
    let index =
        home.place().at(text_of(&unknown, "worktree")).git(&["rev-parse", "--git-path", "index"]);
    fs::write(&index, "no index\n").unwrap();
    let seen = home.json(&["clean", "--dry-run"]);
    assert_eq!(seen.as_array().unwrap().len(), 4, "{seen}");
    assert!(stands(&safe), "a dry run takes nothing away");
    let done = home.json(&["clean"]);
    for (run, gone) in [(&safe, true), (&dirty, false), (&ignored, false), (&unknown, false)] {
        let view = of(&done, run).unwrap_or_else(|| panic!("{run} is not in {done}"));
        assert_eq!((view["gone"].as_bool(), !stands(run)), (Some(gone), gone), "{view}");
    }
    assert!(text_of(of(&done, &dirty).unwrap(), "status").contains("new"), "{done}");
    assert!(text_of(of(&done, &ignored).unwrap(), "status").contains("secret.key"), "{done}");
    assert!(of(&done, &failed).is_none() && stands(&failed), "{done}");
    assert!(of(&done, &live).is_none() && stands(&live), "{done}");
    assert!(repo.branches().contains(&text_of(&safe, "branch")), "the branch stays");
    // What could not go is not looked at again and again.
    assert_eq!(home.json(&["clean"]), serde_json::json!([]));
}

#[test]
fn what_is_younger_than_its_age_stays() {
    let home = Home::new();
    home.repo();
    let run = named(&home, "one", &[]);
    assert_eq!(home.json(&["clean"]), serde_json::json!([]));
    assert!(stands(&run));
}

#[test]
fn one_undo_brings_back_every_env_that_a_cleaning_took() {
    let home = quick();
    home.repo();
    let runs = [named(&home, "one", &[]), named(&home, "two", &[]), named(&home, "three", &[])];
    let before: Vec<_> =
        runs.iter().map(|run| tree(Path::new(&text_of(run, "worktree")))).collect();
    home.skep(&["clean"]).ok();
    assert!(!runs.iter().any(stands));
    let back = home.json(&["undo"]);
    assert_eq!(back.as_array().unwrap().len(), 3, "{back}");
    for (run, before) in runs.iter().zip(before) {
        assert_eq!(tree(Path::new(&text_of(run, "worktree"))), before);
    }
}

#[test]
fn what_an_env_had_beside_its_worktree_lies_in_the_trash_until_that_has_had_its_time() {
    let home = Home::with_limits("[keep]\ntrash = \"0\"\nsnapshots = \"0\"\nlogs = \"0\"");
    home.repo();
    let run = named(&home, "one", &[]);
    fs::write(Path::new(&text_of(&run, "env")).join("output/report"), "found\n").unwrap();
    let closed = home.json(&["close", "one", "--keep-branch"]);
    let report = Path::new(&text_of(&closed, "trash")).join("output/report");
    assert_eq!(fs::read_to_string(&report).unwrap(), "found\n");
    let done = home.json(&["clean"]);
    assert!(done.as_array().unwrap().iter().all(|view| view["gone"] == true), "{done}");
    assert!(!report.exists());
    assert!(home.root().join("trash").read_dir().unwrap().next().is_none());
    // The snapshot that says what the trash was goes after it.
    home.skep(&["clean"]).ok();
    assert_eq!(home.json(&["snapshot", "ls"]), serde_json::json!([]));
    assert!(!home.attempt(&text_of(&run, "id"), 1).exists());
    assert_eq!(
        home.listed(&text_of(&run, "id"))["outcome"],
        "completed",
        "what became of it is known"
    );
    assert_eq!(home.json(&["clean"]), serde_json::json!([]));
}

#[test]
fn below_the_floor_nothing_starts_and_envs_that_are_safe_go_the_oldest_first() {
    let home = Home::with_limits("runs = 1");
    home.repo();
    let runs = [
        named(&home, "one", &[]),
        named(&home, "two", &[]),
        named(&home, "three", &["write new new"]),
    ];
    for run in ["one", "two", "three"] {
        at_rest(&home, run);
    }
    let live = home.run("live", &["hang"], &["--name", "live"]);
    let held = home.run("held", &["say done"], &["--name", "held"]);
    assert_eq!((&held["state"], &held["env_state"]), (&"queued".into(), &"none".into()), "{held}");
    home.skep(&["config", "set", "limits.disk_free", "900000TB"]).ok();
    home.skep(&["--json", "run", "more", "-d"]).refused(2, "disk-low");
    let why = home.json(&["why", "held"]).to_string();
    assert!(why.contains("limits.disk_free"), "{why}");
    eventually("what is safe is gone", || !stands(&runs[0]) && !stands(&runs[1]));
    let asked = || -> Vec<String> {
        let aged = |event: &&Value| {
            event["event"]["event"] == "closing" && event["event"]["how"] == "aged"
        };
        home.events().iter().filter(aged).map(|event| text_of(event, "subject")).collect()
    };
    let order: Vec<String> = runs.iter().map(|run| text_of(run, "id")).collect();
    eventually("each was asked for", || asked().len() >= 3);
    assert_eq!(asked()[..3], order, "the oldest first");
    eventually("the last was looked at", || home.listed(&order[2])["env_state"] == "held");
    assert!(stands(&runs[2]), "what only it has stays");
    home.skep(&["stop", "live"]).ok();
    home.wait(&text_of(&live, "id"), "ended");
    assert_eq!(home.listed(&text_of(&held, "id"))["state"], "queued", "a slot alone is not enough");
    // With room enough again it goes on.
    home.skep(&["config", "set", "limits.disk_free", "0"]).ok();
    home.run("more", &["say done"], &["-d"]);
    home.wait(&text_of(&held, "id"), "ended");
}

#[test]
fn a_run_that_goes_on_while_its_env_is_collected_keeps_it_or_is_told() {
    let home = quick();
    home.repo();
    let run = named(&home, "one", &[]);
    let id = text_of(&run, "id");
    at_rest(&home, &id);
    let mut clean = home.spawn(&["clean"]);
    let again = home.skep(&["--json", "resume", &id]);
    assert!(clean.wait().unwrap().success());
    // Whichever came first, the other gave way.
    let (mut lives, mut closed) = (false, false);
    for kind in home.kinds(&id) {
        match kind.as_str() {
            "requeued" => {
                assert!(!closed, "it goes on where nothing stands");
                lives = true;
            }
            "ended" => lives = false,
            "closing" => {
                assert!(!lives, "its env is taken from under it");
                closed = true;
            }
            _ => {}
        }
    }
    assert!(again.code == 0 || closed, "{again:?}");
    assert_eq!(stands(&run), home.listed(&id)["env_state"] == "held");
}
