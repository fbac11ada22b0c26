//! `skep undo`: what was wished is taken back, each once.

use std::path::Path;

use crate::{
    close::named,
    home::{Home, text_of},
};

#[test]
fn a_landed_run_that_was_closed_comes_back_with_its_branch() {
    let home = Home::new();
    let repo = home.repo();
    let run = named(&home, "one", &[]);
    let branch = text_of(&run, "branch");
    home.skep(&["land", "one"]).ok();
    let head = repo.head();
    home.skep(&["close", "one"]).ok();
    assert!(!repo.branches().contains(&branch));
    let seen = home.json(&["undo", "--dry-run"]);
    assert_eq!((&seen[0]["verb"], &seen[0]["run"]), (&"close".into(), &run["id"]), "{seen}");
    assert!(!repo.branches().contains(&branch), "a dry run brings nothing back");
    let done = home.json(&["undo"]);
    assert_eq!(done[0]["undone"], true, "{done}");
    assert_eq!(repo.oid(&format!("refs/heads/{branch}")), head);
    assert!(Path::new(&text_of(&run, "worktree")).join("one").exists());
    // It is a run like before.
    home.skep(&["close", "one"]).ok();
    home.skep(&["--json", "undo", &text_of(&done[0], "op")]).refused(1, "already-undone");
}

#[test]
fn a_landing_is_taken_back_only_by_name_by_a_commit_and_once() {
    let home = Home::new();
    let repo = home.repo();
    let before = repo.oid("HEAD^{tree}");
    named(&home, "one", &[]);
    home.skep(&["land", "one"]).ok();
    let landed = repo.head();
    let error = home.skep(&["--json", "undo"]).refused(1, "undo-landing");
    let hints = error["hints"].to_string();
    assert_eq!(repo.head(), landed);
    let op = text_of(&home.json(&["undo", "--dry-run"])[0], "op");
    assert!(hints.contains(&format!("skep undo {op}")), "{hints}");
    home.skep(&["undo", &op]).ok();
    assert_eq!(repo.oid("HEAD^{tree}"), before);
    assert_eq!(repo.oid("HEAD~1"), landed, "by a commit of its own");
    assert_eq!(repo.status(), "");
    assert_eq!(
        home.listed(&text_of(&home.json(&["show", "one"]), "id"))["landed"],
        serde_json::Value::Null
    );
    home.skep(&["--json", "undo", &op]).refused(1, "already-undone");
    assert_eq!(repo.oid("HEAD~1"), landed);
}

#[test]
fn a_landing_that_was_built_upon_is_not_taken_back_over_it() {
    let home = Home::new();
    let repo = home.repo();
    named(&home, "one", &[]);
    home.skep(&["land", "one"]).ok();
    repo.write("one", "built upon\n");
    let head = repo.commit("more");
    let op = text_of(&home.json(&["undo", "--dry-run"])[0], "op");
    let error = home.skep(&["--json", "undo", &op]).refused(1, "revert-conflicts");
    assert!(text_of(&error, "message").contains("one"), "{error}");
    assert_eq!((repo.head(), repo.status()), (head, String::new()));
    // Nor over what is not committed.
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    repo.write("one", "mine\n");
    home.skep(&["--json", "undo", &op]).refused(1, "target-dirty");
    assert_eq!(repo.read("one"), "mine\n");
}

#[test]
fn undoing_again_and_again_takes_back_one_wish_after_the_other() {
    let home = Home::new();
    home.repo();
    let one = named(&home, "one", &[]);
    let two = named(&home, "two", &[]);
    home.skep(&["--json", "undo"]).refused(2, "nothing-to-undo");
    home.skep(&["--json", "undo", "op_0000000000"]).refused(2, "nothing-to-undo");
    home.skep(&["close", "one", "--keep-branch"]).ok();
    home.skep(&["close", "two", "--force"]).ok();
    let stands = |run: &serde_json::Value| Path::new(&text_of(run, "worktree")).exists();
    home.skep(&["undo"]).ok();
    assert_eq!((stands(&one), stands(&two)), (false, true));
    home.skep(&["undo"]).ok();
    assert_eq!((stands(&one), stands(&two)), (true, true));
    home.skep(&["--json", "undo"]).refused(2, "nothing-to-undo");
}

#[test]
fn a_run_whose_name_was_given_away_comes_back_under_another() {
    let home = Home::new();
    home.repo();
    let one = named(&home, "one", &[]);
    home.skep(&["close", "one", "--keep-branch"]).ok();
    let heir = home.run("heir", &["hang"], &["--name", "one"]);
    home.skep(&["undo"]).ok();
    let back = home.listed(&text_of(&one, "id"));
    assert_ne!(back["name"], "one", "{back}");
    assert_eq!(home.json(&["show", "one"])["id"], heir["id"]);
    assert!(Path::new(&text_of(&back, "worktree")).join("one").exists());
}

#[test]
fn what_stands_in_the_place_of_an_env_is_not_written_over() {
    let home = Home::new();
    home.repo();
    let run = named(&home, "one", &["write new new"]);
    let closed = home.json(&["close", "one", "--force"]);
    let env = text_of(&run, "env");
    std::fs::create_dir(&env).unwrap();
    std::fs::write(Path::new(&env).join("mine"), "mine\n").unwrap();
    home.skep(&["--json", "undo"]).refused(2, "env-foreign");
    assert!(Path::new(&env).join("mine").exists());
    assert!(Path::new(&text_of(&closed, "trash")).exists(), "nothing of it was taken away");
    std::fs::remove_dir_all(&env).unwrap();
    home.skep(&["undo"]).ok();
    assert!(Path::new(&text_of(&run, "worktree")).join("new").exists());
}
