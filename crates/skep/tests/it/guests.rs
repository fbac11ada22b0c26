//! `skep run --manual --in`: a person's own run in the env of another one, which keeps it.

use std::{fs, path::PathBuf};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    close::{at_rest, doomed, named},
    home::{Home, eventually, kill, lives, pid_of, text_of},
};

/// Begins a run of these steps in the env of the run called `owner`.
#[track_caller]
fn within(home: &Home, owner: &str, title: &str, steps: &[&str]) -> Value {
    home.run(title, steps, &["--manual", "--in", owner, "--name", title, "-d"])
}

/// Asks for one that is to be refused, and returns the error.
#[track_caller]
fn refused(home: &Home, owner: &str, slug: &str) -> Value {
    home.skep(&["--json", "run", "--manual", "--in", owner, "more"]).refused(2, slug)
}

fn worktree(run: &Value) -> PathBuf {
    PathBuf::from(text_of(run, "worktree"))
}

/// What the env's record says: whose it is, and who was let in last.
fn record(run: &Value) -> (Value, Value) {
    let path = PathBuf::from(text_of(run, "env")).join("owner.json");
    let record: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    (record["run"].clone(), record["guest"].clone())
}

#[test]
fn one_run_at_a_time_writes_in_a_worktree_also_by_hand_and_never_lands_it() {
    let home = Home::new();
    let repo = home.repo();
    let amber = named(&home, "amber", &[]);
    let birch = named(&home, "birch", &[]);
    let (id, birch_id) = (text_of(&amber, "id"), text_of(&birch, "id"));
    let tidy = within(&home, "amber", "tidy", &["write b b", "commit tidied", "write c c", "hang"]);
    let tidy_id = text_of(&tidy, "id");
    home.wait(&tidy_id, "running");
    eventually("it works there", || worktree(&amber).join("c").exists());
    let tidy = home.json(&["show", &tidy_id]);
    for field in ["env", "worktree", "cwd", "branch", "base", "target"] {
        assert_eq!(tidy[field], amber[field], "{field}");
    }
    assert_eq!(
        (&tidy["kind"], &tidy["within"], &tidy["env_state"], &tidy["task"]),
        (&"manual".into(), &id.as_str().into(), &"within".into(), &Value::Null)
    );
    assert_eq!(record(&amber), (id.as_str().into(), tidy_id.as_str().into()));
    // Nobody else writes there: neither by hand, nor its owner, nor who would take it away or bring it elsewhere.
    for other in ["amber", "tidy"] {
        let error = refused(&home, other, "worktree-held");
        assert!(text_of(&error, "message").contains(&tidy_id), "{error}");
    }
    for verb in [&["resume"][..], &["retry"], &["land"], &["abandon"]] {
        let said = home.skep(&[&["--json"], verb, &[&id]].concat());
        assert_ne!(said.code, 0, "{verb:?}: {said:?}");
        let told = format!("{}{}", said.stdout, said.stderr);
        assert!(told.contains("worktree-held") && told.contains(&tidy_id), "{verb:?}: {told}");
    }
    for more in [&[][..], &["--keep-branch"], &["--force"]] {
        let said = home.skep(&[&["--json", "close", &id], more].concat());
        assert_ne!(said.code, 0, "{more:?}: {said:?}");
    }
    assert!(worktree(&amber).join("c").exists());
    // Another worktree is another matter.
    let other = within(&home, &birch_id, "other", &["write d d", "commit it", "say done"]);
    assert_eq!(home.wait(&text_of(&other, "id"), "ended")["outcome"], "completed");
    home.skep(&["stop", &tidy_id]).ok();
    let error = home.skep(&["--json", "land", &tidy_id]).refused(2, "env-of-another");
    assert!(error["hints"].to_string().contains(&format!("skep land {id}")), "{error}");
    // What it left is its owner's, committed and not.
    at_rest(&home, &id);
    let place = home.place().at(worktree(&amber));
    assert_eq!((place.read("b"), place.read("c")), ("b\n".to_owned(), "c\n".to_owned()));
    assert_eq!(place.git(&["log", "--format=%s", "main.."]), "tidied\nit");
    place.git(&["add", "c"]);
    place.git(&["commit", "--quiet", "--message", "by hand"]);
    home.skep(&["land", &id]).ok();
    assert_eq!(repo.git(&["log", "-3", "--format=%s", "main"]), "by hand\ntidied\nit");
    home.no_agents();
}

#[test]
fn a_run_by_hand_goes_on_in_the_same_place_and_lets_go_of_it() {
    let home = Home::new();
    home.repo();
    let amber = named(&home, "amber", &[]);
    let id = text_of(&amber, "id");
    let tidy = within(&home, "amber", "tidy", &["write b b", "commit tidied", "say done"]);
    let tidy_id = text_of(&tidy, "id");
    let ended = home.wait(&tidy_id, "ended");
    assert_eq!(ended["outcome"], "completed", "{ended}");
    // Its own conversation, in the same place; then its owner's, there too.
    home.skep(&["resume", &tidy_id, "and the attic"]).ok();
    let again = home.wait(&tidy_id, "ended");
    assert_eq!((&again["attempt"], &again["worktree"]), (&2.into(), &amber["worktree"]), "{again}");
    assert_eq!(again["session"]["agent"], ended["session"]["agent"]);
    home.skep(&["resume", &id, "once more"]).ok();
    assert_eq!(home.wait(&id, "ended")["attempt"], 2);
    home.skep(&["close", &tidy_id]).ok();
    assert!(worktree(&amber).join("b").exists(), "the place is its owner's");
    let closed = home.listed(&tidy_id);
    assert_eq!(closed["env_state"], "closed", "{closed}");
    home.skep(&["--json", "resume", &tidy_id, "more"]).refused(2, "run-closed");
    assert!(home.skep(&["diff", &tidy_id]).ok().contains("tidied") || worktree(&amber).exists());
    // With the env of its owner goes the way in.
    home.skep(&["close", "--keep-branch", &id]).ok();
    refused(&home, &id, "env-gone");
    home.no_agents();
}

#[test]
fn an_env_that_is_at_work_gone_or_your_own_lets_nobody_in() {
    let home = Home::new();
    home.repo();
    let error = home.skep(&["--json", "run", "--manual", "tidy"]).refused(2, "usage");
    assert!(error["hints"].to_string().contains("--in"), "{error}");
    home.skep(&["--json", "run", "--in", "amber", "tidy"]).refused(2, "usage");
    home.skep(&["--json", "run", "--manual", "--in", "amber", "--branch", "b", "tidy"])
        .refused(2, "usage");
    home.skep(&["--json", "run", "--manual", "--in", "nobody", "tidy"]).error(2);
    let own = home.ended("own", &["say done"], &["--in-place", "-d"]);
    refused(&home, &text_of(&own, "id"), "env-not-shared");
    let living = home.run("living", &["hang"], &["-d"]);
    let id = text_of(&living, "id");
    home.wait(&id, "running");
    let error = refused(&home, &id, "worktree-held");
    assert!(error["hints"].to_string().contains(&format!("skep stop {id}")), "{error}");
    home.skep(&["stop", &id]).ok();
    let two = home.skep(&["--json", "run", "--manual", "--in", &id, "look here", "and there"]);
    two.refused(2, "usage");
    home.skep(&["--json", "run", "--manual", "--in", &id, "task_7k2m9qx4ab"]).refused(2, "usage");
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 2, "nothing was begun");
    home.no_agents();
}

/// Wherever the daemon dies on the way in, the next one goes on from there, once; and what stands stays as it was.
#[test]
fn a_daemon_that_dies_on_the_way_into_anothers_env_leaves_it_as_it_was_and_the_next_one_goes_in() {
    let points = ["commit.after", "prepare.before", "prepare.after", "start.after"];
    for point in points {
        let home = Home::new();
        home.repo();
        let amber = named(&home, "amber", &[]);
        at_rest(&home, &text_of(&amber, "id"));
        home.place().at(worktree(&amber)).write("draft", "not committed\n");
        doomed(&home, point);
        let prompt = home.script("tidy", &["append count once", "commit tidied", "say done"]);
        let ask = ["run", "tidy", "--prompt-file", &prompt, "--manual", "--in", "amber", "-d"];
        // Whoever asked sees the daemon die, and the next one begin it; or asks the next one.
        home.skep(&ask);
        let all = home.json(&["ls", "--all"]);
        let found = all.as_array().unwrap().iter().find(|run| run["kind"] == "manual").cloned();
        let tidy = found.unwrap_or_else(|| home.json(&ask));
        let ended = home.wait(&text_of(&tidy, "id"), "ended");
        assert_eq!(ended["outcome"], "completed", "{point}: {ended}");
        let place = home.place().at(worktree(&amber));
        assert_eq!(place.read("count"), "once\n", "{point}");
        assert_eq!(place.git(&["log", "--format=%s", "main.."]), "tidied\nit", "{point}");
        assert!(worktree(&amber).join("draft").exists(), "{point}");
        home.no_agents();
    }
}

#[test]
fn whoever_dies_of_a_run_by_hand_the_tree_stays_and_the_next_start_of_either_finds_it() {
    for victims in [&["gatekeeper"][..], &["pid"], &["daemon", "gatekeeper"]] {
        let home = Home::new();
        home.skep(&["config", "set", "retry.tries", "0"]).ok();
        home.repo();
        let amber = named(&home, "amber", &[]);
        let id = text_of(&amber, "id");
        let tidy =
            within(&home, "amber", "tidy", &["write b b", "commit tidied", "write c c", "hang"]);
        let tidy_id = text_of(&tidy, "id");
        let tidy = home.wait(&tidy_id, "running");
        eventually("it works there", || worktree(&amber).join("c").exists());
        for victim in victims {
            if *victim == "daemon" {
                home.kill_daemon();
            } else {
                kill(pid_of(&tidy, victim), Signal::KILL);
            }
        }
        eventually("its keeper is gone", || !lives(pid_of(&tidy, "gatekeeper")));
        let ended = home.wait(&tidy_id, "ended");
        assert_ne!(ended["outcome"], "completed", "{victims:?}: {ended}");
        home.no_agents();
        let stands = || {
            let place = home.place().at(worktree(&amber));
            assert_eq!((place.read("b"), place.read("c")), ("b\n".to_owned(), "c\n".to_owned()));
            let log = place.git(&["log", "--format=%s", "main.."]);
            assert!(log.ends_with("tidied\nit"), "{log}");
        };
        stands();
        // Its owner first, then it: each in the tree as it is.
        home.skep(&["resume", &id, "go on"]).ok();
        assert_eq!(home.wait(&id, "ended")["worktree"], amber["worktree"], "{victims:?}");
        stands();
        let said = home.skep(&["--json", "resume", &tidy_id, "tidy on"]);
        assert_eq!(said.code, 0, "{victims:?}: {said:?}");
        let ended = home.wait(&tidy_id, "ended");
        assert_eq!((&ended["attempt"], &ended["worktree"]), (&2.into(), &amber["worktree"]));
        stands();
        let check = home.skep(&["--json", "doctor"]);
        assert!(!check.stdout.contains("no verb reaches it"), "{victims:?}: {}", check.stdout);
        home.no_agents();
    }
}
