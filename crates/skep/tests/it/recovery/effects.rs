//! Each effect on an env's files, killed before and after with its daemon, and done once all the same.

use std::path::PathBuf;

use serde_json::Value;

use crate::home::{Home, eventually, lives, text_of};

/// Starts a daemon that dies at a point; returns its process.
fn doom(home: &Home, point: &str) -> u32 {
    home.skep(&["daemon", "stop"]).ok();
    home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
    home.daemon()
}

/// A run that is over, with a commit and a draft.
fn done(home: &Home) -> (String, PathBuf) {
    let steps = ["write a a", "commit a", "write draft mine", "say done"];
    let run = home.ended("work", &steps, &["-d"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    home.at_rest();
    (text_of(&run, "id"), PathBuf::from(text_of(&run, "worktree")))
}

/// Dooms the daemon, does `wish`, and sees that the daemon died of it, that all was done and nothing is found.
fn killed_around(
    kind: &str,
    prepare: impl Fn(&Home, &str),
    wish: impl Fn(&Home, &str),
    holds: impl Fn(&Home, &str, &str),
) {
    let common = ["commit.before", "commit.after", "effect.before", "effect.after"];
    let own = [format!("{kind}.before"), format!("{kind}.after")];
    // The common points are the same code for every kind; one kind goes through them.
    let common = common.iter().filter(|_| kind == "restore").map(|point| (*point).to_owned());
    for point in own.into_iter().chain(common) {
        let home = Home::new();
        home.repo();
        let (id, _) = done(&home);
        prepare(&home, &id);
        home.at_rest();
        let doomed = doom(&home, &point);
        wish(&home, &id);
        eventually(&format!("the daemon died at {point}"), || {
            // Only asked of the process: a call would start the next one.
            !lives(doomed)
        });
        home.skep(&["ls"]).ok();
        home.at_rest();
        holds(&home, &id, &point);
        assert_eq!(home.doctor(), Vec::<Value>::new(), "{point}");
    }
}

/// The draft of a run, where it stands.
fn draft(home: &Home, id: &str) -> String {
    home.place().at(text_of(&home.listed(id), "worktree")).read("draft")
}

fn snapshots(home: &Home) -> usize {
    home.json(&["snapshot", "ls"]).as_array().unwrap().len()
}

#[test]
fn a_snapshot_killed_before_or_after_is_taken_once() {
    killed_around(
        "snapshot",
        |home, id| home.place().at(text_of(&home.listed(id), "worktree")).write("new", "new\n"),
        |home, id| {
            home.skep(&["snapshot", "take", id]).ok();
        },
        |home, id, point| {
            let all = home.json(&["snapshot", "ls", id]);
            let asked = all.as_array().unwrap().iter().filter(|one| one["why"] == "asked").count();
            assert_eq!(asked, 1, "{point}: {all}");
        },
    );
}

#[test]
fn a_forced_close_killed_while_it_settles_comes_into_its_snapshot_once() {
    killed_around(
        "settle",
        |_, _| (),
        |home, id| {
            home.skep(&["close", id, "--force"]).ok();
        },
        |home, id, point| {
            assert_eq!(home.listed(id)["env_state"], "closed", "{point}");
            home.skep(&["undo"]).ok();
            assert_eq!(draft(home, id), "mine\n", "{point}");
            home.at_rest();
        },
    );
}

#[test]
fn a_restore_killed_before_or_after_brings_the_files_back() {
    killed_around(
        "restore",
        |home, id| {
            home.json(&["snapshot", "take", id]);
            home.place().at(text_of(&home.listed(id), "worktree")).write("draft", "another\n");
        },
        |home, id| {
            let all = home.json(&["snapshot", "ls", id]);
            let all = all.as_array().unwrap();
            let asked = all.iter().find(|one| one["why"] == "asked").or(all.first()).unwrap();
            home.skep(&["restore", &text_of(asked, "id")]).ok();
        },
        |home, id, point| {
            assert_eq!(draft(home, id), "mine\n", "{point}");
            home.skep(&["undo"]).ok();
            assert_eq!(draft(home, id), "another\n", "{point}: what stood there was kept first");
            home.at_rest();
        },
    );
}

#[test]
fn a_forgetting_killed_before_or_after_forgets_just_these() {
    killed_around(
        "forget",
        |home, id| {
            home.place().at(text_of(&home.listed(id), "worktree")).write("new", "new\n");
            home.json(&["snapshot", "take", id]);
        },
        |home, id| {
            let all = home.json(&["snapshot", "ls", id]);
            let asked = all.as_array().unwrap().iter().find(|one| one["why"] == "asked").unwrap();
            home.skep(&["snapshot", "rm", &text_of(asked, "id")]).ok();
        },
        |home, id, point| {
            let all = home.json(&["snapshot", "ls", id]);
            let all = all.as_array().unwrap();
            assert!(!all.is_empty() && all.iter().all(|one| one["why"] != "asked"), "{point}");
            assert_eq!(snapshots(home), all.len());
        },
    );
}

#[test]
fn an_undo_of_a_landing_killed_before_or_after_reverts_once() {
    killed_around(
        "revert",
        |home, id| {
            home.place().at(text_of(&home.listed(id), "worktree")).commit("the rest");
            home.skep(&["land", id]).ok();
        },
        |home, id| {
            let landed = home
                .events()
                .into_iter()
                .rev()
                .find(|event| event["subject"] == id && event["event"]["event"] == "op_done");
            let op = text_of(&landed.unwrap()["event"], "op");
            home.skep(&["undo", &op]).ok();
        },
        |home, _, point| {
            let web = home.place().at("web");
            let log = web.git(&["log", "--format=%s", "main"]);
            assert_eq!(
                log.lines().filter(|line| line.starts_with("Revert")).count(),
                1,
                "{point}: {log}"
            );
            assert!(!web.path().join("a").exists(), "{point}");
        },
    );
}

#[test]
fn what_had_its_time_and_was_killed_on_its_way_out_is_gone_and_the_rest_is_not() {
    for kind in ["purge", "drop_logs"] {
        killed_around(
            kind,
            |home, id| {
                let run = home.listed(id);
                home.place().at(text_of(&run, "worktree")).commit("the rest");
                home.place().at(text_of(&run, "env")).write("output/report", "found\n");
                home.json(&["close", id, "--keep-branch"]);
                home.at_rest();
                for age in ["keep.trash", "keep.logs"] {
                    home.skep(&["config", "set", age, "0"]).ok();
                }
            },
            |home, _| {
                home.skep(&["clean"]).ok();
            },
            |home, id, point| {
                assert_eq!(home.listed(id)["env_state"], "closed", "{point}");
                assert!(snapshots(home) > 0, "{point}: a snapshot has an age of its own");
                let trash = home.root().join("trash");
                assert_eq!(trash.read_dir().unwrap().count(), 0, "{point}: the trash is emptied");
                assert!(!home.attempt(id, 1).exists(), "{point}: the records are gone");
            },
        );
    }
}
