//! `skep land`: the commit where it belongs, and the checkout as it was.

use std::{fs, path::Path};

use serde_json::Value;
use skep_testkit::Repo;

use crate::{
    close::{at_rest, doomed},
    home::{Home, text_of},
};

/// A run that committed the file `name` and has ended.
fn done(home: &Home, name: &str) -> Value {
    let run =
        home.ended("greet", &[&format!("write {name} {name}"), "commit it", "say done"], &["-d"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    run
}

/// `commit -a` in the checkout must not take back what landed.
fn assert_in_step(repo: &Repo<'_>) {
    assert_eq!(repo.status(), "");
    let before = repo.oid("HEAD^{tree}");
    repo.git(&["commit", "-a", "--quiet", "--allow-empty", "--message", "all"]);
    assert_eq!(repo.oid("HEAD^{tree}"), before, "`commit -a` changed what landed");
}

#[test]
fn it_lands_where_the_target_is_checked_out_and_the_checkout_is_in_step() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home, "a");
    let id = text_of(&run, "id");
    let work = repo.oid(&format!("refs/heads/{}", text_of(&run, "branch")));
    let landed = home.json(&["land", &id]);
    assert_eq!(landed["landed"], serde_json::json!({"target": "main", "oid": work}), "{landed}");
    assert_eq!(repo.head(), work);
    assert_eq!(repo.read("a"), "a\n");
    assert_in_step(&repo);
    assert_eq!(home.listed(&id)["landed"]["oid"], work.as_str());
    // Once more is no second landing.
    let head = repo.head();
    home.skep(&["land", &id]).ok();
    assert_eq!(repo.head(), head);
}

#[test]
fn a_target_that_is_checked_out_nowhere_lands_too() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home, "a");
    repo.git(&["checkout", "--quiet", "-b", "mine"]);
    repo.write("untracked", "stays\n");
    let head = repo.head();
    home.skep(&["land", &text_of(&run, "id")]).ok();
    assert_eq!(repo.oid("main"), repo.oid(&text_of(&run, "branch")));
    assert_eq!((repo.head(), repo.status()), (head, "?? untracked".to_owned()));
}

#[test]
fn a_touched_file_that_is_dirty_refuses_and_an_untouched_one_does_not() {
    let home = Home::new();
    let repo = home.repo();
    repo.commit_file("other", "1\n");
    let run = home.ended("greet", &["append README more", "commit it", "say done"], &["-d"]);
    let (id, head) = (text_of(&run, "id"), repo.head());
    repo.write("README", "mine\n");
    let error = home.skep(&["--json", "land", &id]).refused(1, "target-dirty");
    assert!(text_of(&error, "message").contains("README"), "{error}");
    assert_eq!((repo.head(), repo.read("README")), (head, "mine\n".to_owned()));
    assert_eq!(home.listed(&id)["landed"], Value::Null);
    repo.git(&["checkout", "--quiet", "README"]);
    repo.write("other", "mine\n");
    repo.write("untracked", "mine\n");
    home.skep(&["land", &id]).ok();
    assert_eq!(repo.read("README"), "hello\nmore\n");
    assert_eq!(
        (repo.read("other"), repo.read("untracked")),
        ("mine\n".to_owned(), "mine\n".to_owned())
    );
    assert_eq!(repo.status(), "M other\n?? untracked");
}

#[test]
fn an_untracked_file_in_the_way_is_not_overwritten() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home, "a");
    let head = repo.head();
    repo.write("a", "mine\n");
    let error = home.skep(&["--json", "land", &text_of(&run, "id")]).error(1);
    assert!(text_of(&error, "message").contains('a'), "{error}");
    assert_eq!((repo.head(), repo.read("a")), (head, "mine\n".to_owned()));
}

#[test]
fn work_on_a_target_that_has_moved_on_lands_with_a_merge_and_both_stand() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home, "a");
    let moved = repo.commit_file("meanwhile", "1\n");
    home.skep(&["land", &text_of(&run, "id")]).ok();
    assert_eq!(repo.oid("HEAD~1"), moved);
    assert_eq!(repo.git(&["rev-list", "--parents", "-n1", "HEAD"]).split(' ').count(), 3);
    assert_eq!((repo.read("a"), repo.read("meanwhile")), ("a\n".to_owned(), "1\n".to_owned()));
    assert_in_step(&repo);
}

#[test]
fn uncommitted_work_is_not_left_behind_by_a_landing() {
    let home = Home::new();
    let repo = home.repo();
    let head = repo.head();
    let run = home.ended("greet", &["write a a", "commit a", "write b b", "say done"], &["-d"]);
    home.skep(&["--json", "land", &text_of(&run, "id")]).refused(1, "worktree-dirty");
    assert_eq!(repo.head(), head);
    let run = home.ended("greet", &["write b b", "say done"], &["-d"]);
    home.skep(&["land", &text_of(&run, "id")]).with(1);
    assert_eq!(repo.head(), head);
}

#[test]
fn a_run_without_a_commit_has_nothing_to_land() {
    let home = Home::new();
    home.repo();
    let run = home.ended("look", &["say nothing to do"], &["-d"]);
    assert_eq!((&run["outcome"], &run["reason"]), (&"failed".into(), &"no-change".into()), "{run}");
    home.skep(&["--json", "land", &text_of(&run, "id")]).refused(1, "nothing-to-land");
}

#[test]
fn a_kept_branch_lands_after_its_env_was_closed() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home, "a");
    let id = text_of(&run, "id");
    home.skep(&["close", &id, "--keep-branch"]).ok();
    home.skep(&["land", &id]).ok();
    assert_eq!(repo.read("a"), "a\n");
    assert_in_step(&repo);
}

#[test]
fn a_landing_that_the_daemon_died_in_goes_on_and_lands_once() {
    for point in ["effect.before", "effect.after"] {
        let home = Home::new();
        let repo = home.repo();
        let run = done(&home, "a");
        let id = text_of(&run, "id");
        at_rest(&home, &id);
        doomed(&home, point);
        let before = home.kinds(&id).iter().filter(|kind| *kind == "op_done").count();
        home.skep(&["land", &id]).ok();
        assert_ne!(home.listed(&id)["landed"], Value::Null);
        assert_eq!(repo.git(&["log", "--format=%s", "main"]), "it\nfirst");
        assert_in_step(&repo);
        let after = home.kinds(&id).iter().filter(|kind| *kind == "op_done").count();
        assert_eq!(after - before, 1, "{point}");
    }
}

#[test]
fn a_dry_run_of_a_landing_moves_nothing() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home, "a");
    let head = repo.head();
    let said = home.skep(&["land", &text_of(&run, "id"), "--dry-run"]);
    assert!(said.stdout.contains("main"), "{said:?}");
    assert_eq!(repo.head(), head);
    let said = home.skep(&["close", &text_of(&run, "id"), "--keep-branch", "--dry-run"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(Path::new(&text_of(&run, "worktree")).exists());
    assert_eq!(fs::read_dir(home.root().join("trash")).unwrap().count(), 0);
}

#[test]
fn a_target_that_is_checked_out_in_a_linked_worktree_lands_there() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home, "a");
    repo.git(&["checkout", "--quiet", "-b", "mine"]);
    let linked = home.at("linked");
    repo.git(&["worktree", "add", "--quiet", linked.to_str().unwrap(), "main"]);
    home.skep(&["land", &text_of(&run, "id")]).ok();
    let linked = home.place().at("linked");
    assert_eq!(linked.read("a"), "a\n");
    assert_in_step(&linked);
    assert_eq!(repo.git(&["branch", "--show-current"]), "mine");
}

#[test]
fn a_branch_or_a_target_that_is_gone_is_named() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home, "a");
    let id = text_of(&run, "id");
    repo.git(&["checkout", "--quiet", "-b", "mine"]);
    repo.git(&["branch", "--quiet", "-M", "main", "trunk"]);
    let error = home.skep(&["--json", "land", &id]).refused(1, "target-missing");
    assert!(text_of(&error, "message").contains("main"), "{error}");
    repo.git(&["branch", "--quiet", "-M", "trunk", "main"]);
    home.skep(&["close", &id, "--keep-branch"]).ok();
    repo.git(&["branch", "--quiet", "-D", &text_of(&run, "branch")]);
    home.skep(&["--json", "land", &id]).refused(1, "branch-missing");
    assert_eq!(repo.git(&["log", "--format=%s", "main"]), "first");
}
