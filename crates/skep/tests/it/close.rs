//! `skep close --keep-branch`: what goes, what stays, and what refuses.

use std::{fs, path::Path};

use serde_json::Value;

use crate::home::{Home, text_of};

/// A run that committed `a` and has ended.
fn done(home: &Home, title: &str) -> Value {
    let run = home.ended(title, &["write a a", "commit a", "say done"], &["-d"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    run
}

#[test]
fn a_clean_env_goes_its_branch_stays_and_closing_again_is_fine() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home, "greet");
    let (id, branch, worktree) =
        (text_of(&run, "id"), text_of(&run, "branch"), text_of(&run, "worktree"));
    let head = repo.oid(&format!("refs/heads/{branch}"));
    let closed = home.json(&["close", &id, "--keep-branch"]);
    for field in ["id", "cleaned", "forced", "merged", "clean", "status", "snapshot", "reasons"] {
        assert!(closed.get(field).is_some(), "`{field}` is missing: {closed}");
    }
    assert_eq!(
        (&closed["cleaned"], &closed["clean"], &closed["forced"]),
        (&true.into(), &true.into(), &false.into())
    );
    assert_eq!(closed["reasons"], serde_json::json!([]));
    assert!(!Path::new(&worktree).exists());
    assert!(!Path::new(&text_of(&run, "env")).exists());
    assert_eq!(repo.git(&["worktree", "list"]).lines().count(), 1);
    assert_eq!(repo.oid(&format!("refs/heads/{branch}")), head, "the branch stays where it was");
    let after = home.listed(&id);
    assert_eq!(after["env_state"], "closed");
    assert!(
        home.json(&["ls"]).as_array().unwrap().is_empty(),
        "a closed run is looked at with --all"
    );
    // Twice is fine, and what needs the env is told that it is gone.
    assert_eq!(home.json(&["close", &id, "--keep-branch"])["cleaned"], true);
    home.skep(&["--json", "path", &id]).refused(2, "no-env");
    let human = home.skep(&["close", &id, "--keep-branch"]).ok();
    assert!(human.contains("cleaned=true\n") && human.contains(&format!("id={id}\n")), "{human}");
}

#[test]
fn what_no_commit_holds_refuses_the_close_with_the_ways_on_and_nothing_is_touched() {
    let home = Home::new();
    let repo = home.repo();
    let dirty: [(&str, &[&str]); 3] = [
        ("changed", &["write a a", "commit a", "append README more", "say done"]),
        ("untracked", &["write a a", "commit a", "write new new", "say done"]),
        ("never", &["write only here", "say done"]),
    ];
    for (title, steps) in dirty {
        let run = home.ended(title, steps, &["-d"]);
        let (id, worktree) = (text_of(&run, "id"), text_of(&run, "worktree"));
        let before = home.place().at(&worktree).status();
        let said = home.skep(&["--json", "close", &id, "--keep-branch"]);
        let refused: Value =
            serde_json::from_str(&said.stdout).unwrap_or_else(|err| panic!("{err}: {said:?}"));
        assert_eq!(said.code, 1, "{said:?}");
        assert_eq!(
            (&refused["cleaned"], &refused["clean"]),
            (&false.into(), &false.into()),
            "{refused}"
        );
        assert!(!refused["reasons"].as_array().unwrap().is_empty(), "{refused}");
        assert_eq!(home.place().at(&worktree).status(), before);
        assert_eq!(home.listed(&id)["env_state"], "held");
        assert!(repo.git(&["worktree", "list"]).contains(&worktree));
        // The way on works.
        home.skep(&["sh", &id, "--", "git", "add", "-A"]).ok();
        home.skep(&[
            "sh",
            &id,
            "--",
            "git",
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "commit",
            "-qm",
            "rest",
        ])
        .ok();
        home.skep(&["close", &id, "--keep-branch"]).ok();
        assert!(!Path::new(&worktree).exists());
    }
}

#[test]
fn without_a_word_about_the_branch_an_unlanded_run_is_a_decision() {
    let home = Home::new();
    home.repo();
    let run = done(&home, "greet");
    let id = text_of(&run, "id");
    let said = home.skep(&["close", &id]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.contains("land") && said.stdout.contains("--keep-branch"), "{said:?}");
    assert!(Path::new(&text_of(&run, "worktree")).exists());
    home.skep(&["land", &id]).ok();
    home.skep(&["close", &id]).ok();
    assert_eq!(home.listed(&id)["env_state"], "closed");
}

#[test]
fn what_git_ignores_is_kept_in_the_trash_and_told() {
    let home = Home::new();
    let repo = home.repo();
    repo.write(".gitignore", "*.key\n");
    repo.commit("ignore");
    let run = home.ended(
        "greet",
        &["write a a", "commit a", "write secret.key precious", "say done"],
        &["-d"],
    );
    let closed = home.json(&["close", &text_of(&run, "id"), "--keep-branch"]);
    assert_eq!(closed["cleaned"], true, "{closed}");
    let trash = text_of(&closed, "trash");
    assert!(closed["status"].to_string().contains(&trash), "{closed}");
    let folder = Path::new(&text_of(&run, "worktree")).file_name().unwrap().to_owned();
    let kept = fs::read_to_string(Path::new(&trash).join(folder).join("secret.key"));
    assert_eq!(kept.unwrap(), "precious\n");
    assert!(!Path::new(&text_of(&run, "worktree")).exists());
}

#[test]
fn a_run_that_lives_is_not_closed() {
    let home = Home::new();
    home.repo();
    let run = home.run("held", &["hang"], &[]);
    let id = text_of(&run, "id");
    home.skep(&["--json", "close", &id, "--keep-branch"]).refused(1, "run-living");
    home.skep(&["--json", "land", &id]).refused(1, "run-living");
    assert!(Path::new(&text_of(&run, "worktree")).exists());
    assert_eq!(home.listed(&id)["state"], "running");
}

#[test]
fn a_worktree_that_was_deleted_by_hand_closes_all_the_same() {
    let home = Home::new();
    let repo = home.repo();
    for whole in [false, true] {
        let run = done(&home, "greet");
        let gone = text_of(&run, if whole { "env" } else { "worktree" });
        fs::remove_dir_all(&gone).unwrap();
        let closed = home.json(&["close", &text_of(&run, "id"), "--keep-branch"]);
        assert_eq!(closed["cleaned"], true, "{closed}");
        assert!(repo.branches().contains(&text_of(&run, "branch")));
        assert_eq!(
            repo.git(&["worktree", "list"]).lines().count(),
            1,
            "git knows no worktree that is gone"
        );
    }
}

#[test]
fn closing_one_of_two_leaves_the_other_at_work() {
    let home = Home::new();
    home.repo();
    let one = done(&home, "one");
    let two = home.run("two", &["hang"], &[]);
    home.skep(&["close", &text_of(&one, "id"), "--keep-branch"]).ok();
    assert_eq!(home.listed(&text_of(&two, "id"))["state"], "running");
    assert!(Path::new(&text_of(&two, "worktree")).exists());
}

#[test]
fn a_close_that_the_daemon_died_in_goes_on_by_itself() {
    for point in ["effect.before", "effect.after"] {
        let home = Home::new();
        let repo = home.repo();
        let run = done(&home, "greet");
        let id = text_of(&run, "id");
        home.skep(&["daemon", "stop"]).ok();
        home.skep_with(repo.path(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
        // The daemon dies under it; the next one is asked the same, which counts once.
        let closed = home.json(&["close", &id, "--keep-branch"]);
        assert_eq!(closed["cleaned"], true, "{point}: {closed}");
        assert_eq!(home.listed(&id)["env_state"], "closed");
        assert!(!Path::new(&text_of(&run, "worktree")).exists());
        assert!(repo.branches().contains(&text_of(&run, "branch")));
        assert_eq!(
            home.kinds(&id).iter().filter(|kind| *kind == "op_done").count(),
            1,
            "told once: {point}"
        );
        assert_eq!(home.json(&["close", &id, "--keep-branch"])["cleaned"], true);
    }
}
