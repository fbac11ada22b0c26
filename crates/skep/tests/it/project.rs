//! Repositories of every shape: without remote, bare, linked, detached, with submodules.

use std::path::{Path, PathBuf};

use crate::home::{Home, text_of};

const WORK: [&str; 3] = ["write a a", "commit a", "say done"];

#[test]
fn a_repository_is_registered_by_use_and_says_so_and_is_forgotten_only_when_nothing_is_held() {
    let home = Home::new();
    let repo = home.repo();
    let prompt = home.script("held", &["hang"]);
    let said = home.skep(&["run", "held", "--prompt-file", &prompt]);
    assert_eq!(said.code, 0, "{said:?}");
    let project = home.json(&["project", "show", "web"]);
    assert_eq!(PathBuf::from(text_of(&project, "path")), repo.path());
    assert_eq!(home.json(&["project", "ls"]).as_array().unwrap().len(), 1);
    let error = home.skep(&["--json", "project", "rm", "web"]).refused(1, "project-held");
    assert!(error["hints"].to_string().contains("close"), "{error}");
    let id = text_of(&home.json(&["ls"])[0], "id");
    home.skep(&["stop", &id]).ok();
    home.skep(&["close", &id, "--keep-branch"]).ok();
    home.skep(&["project", "rm", "web"]).ok();
    assert!(repo.path().join("README").exists());
    home.skep(&["--json", "project", "show", "web"]).refused(2, "project-unknown");
}

#[test]
fn two_repositories_of_one_name_get_two_projects_and_adding_twice_is_one() {
    let home = Home::new();
    home.place().repo("one/api");
    home.place().repo("two/api");
    let add = |path: &str| home.json(&["project", "add", home.at(path).to_str().unwrap()]);
    let (one, two) = (add("one/api"), add("two/api"));
    assert_eq!(one["name"], "api");
    assert_ne!(two["name"], "api");
    assert_eq!(add("one/api")["name"], "api");
    assert_eq!(home.json(&["project", "ls"]).as_array().unwrap().len(), 2);
    let taken = home.at("two/api");
    home.skep(&["--json", "project", "add", taken.to_str().unwrap(), "--name", "api"]).error(2);
    home.skep(&["--json", "project", "add", taken.to_str().unwrap(), "--name", "../x"])
        .refused(2, "project-name");
    home.skep(&["--json", "project", "add", home.at("tmp").to_str().unwrap()]).error(2);
    home.skep(&["--json", "project", "add", "/no/such/folder"]).refused(2, "no-such-folder");
}

#[test]
fn a_bare_repository_serves_and_the_work_lands_in_it() {
    let home = Home::new();
    let source = home.place().repo("source");
    let bare = home.at("bare.git");
    source.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    let project = home.json(&["project", "add", bare.to_str().unwrap(), "--base", "main"]);
    let run = home.ended("greet", &WORK, &["--project", &text_of(&project, "name"), "-d"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    home.skep(&["land", &text_of(&run, "id")]).ok();
    let place = home.place().at("bare.git");
    assert_eq!(
        place.oid("refs/heads/main"),
        place.oid(&format!("refs/heads/{}", text_of(&run, "branch")))
    );
    home.skep(&["close", &text_of(&run, "id")]).ok();
    assert!(!Path::new(&text_of(&run, "worktree")).exists());
}

#[test]
fn a_run_from_a_linked_worktree_belongs_to_the_repository_and_leaves_the_worktree_alone() {
    let home = Home::new();
    let repo = home.repo();
    let linked = home.at("linked");
    repo.git(&["worktree", "add", "--quiet", "-b", "side", linked.to_str().unwrap()]);
    home.place().at("linked").write("mine", "not committed\n");
    let prompt = home.script("greet", &WORK);
    let run = home.skep_in(&linked, &["--json", "run", "greet", "--prompt-file", &prompt]).json(0);
    let run = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!(run["outcome"], "completed", "{run}");
    assert_eq!(home.json(&["project", "ls"])[0]["path"], repo.path().to_str().unwrap());
    assert_eq!(run["base"]["branch"], "main", "the main worktree's branch, not the linked one's");
    assert_eq!(home.place().at("linked").status(), "?? mine");
    home.skep(&["close", &text_of(&run, "id"), "--keep-branch"]).ok();
    assert!(linked.join("mine").exists());
}

#[test]
fn without_a_base_a_detached_head_is_asked_to_choose_one() {
    let home = Home::new();
    let repo = home.repo();
    repo.commit_file("more", "1\n");
    repo.git(&["checkout", "--quiet", "--detach", "HEAD~1"]);
    let error = home.skep(&["--json", "run", "greet"]).error(2);
    assert!(error.to_string().contains("base"), "{error}");
    assert_eq!(home.json(&["ls", "--all"]), serde_json::json!([]));
    assert_eq!(repo.branches(), ["main"]);
    let run = home.ended("greet", &WORK, &["--base", "main", "-d"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    assert_eq!(text_of(&run["base"], "oid"), repo.oid("main"));
}

#[test]
fn a_repository_without_a_commit_is_refused_in_words() {
    let home = Home::new();
    home.place().empty("web");
    let error = home.skep(&["--json", "run", "greet"]).error(2);
    assert!(text_of(&error, "message").len() > 10, "{error}");
    assert_eq!(home.json(&["ls", "--all"]), serde_json::json!([]));
}

#[test]
fn submodules_stand_in_the_worktree_and_unpushed_work_in_them_is_not_lost() {
    let home = Home::new();
    let part = home.place().repo("part");
    let repo = home.repo();
    let url = part.path().to_str().unwrap().to_owned();
    repo.git(&["submodule", "--quiet", "add", &url, "part"]);
    repo.commit("part");
    let run = home.ended("greet", &WORK, &["-d"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    let (id, inner) = (text_of(&run, "id"), PathBuf::from(text_of(&run, "worktree")).join("part"));
    // An uninitialised one is nothing to lose; one with a commit of its own is.
    if !inner.join(".git").exists() {
        home.place().at(text_of(&run, "worktree")).git(&[
            "submodule",
            "--quiet",
            "update",
            "--init",
        ]);
    }
    home.place().at(&inner).commit_file("own", "1\n");
    let said = home.skep(&["close", &id, "--keep-branch"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(inner.join("own").exists());
    home.place().at(&inner).git(&["push", "--quiet", "origin", "HEAD:refs/heads/own"]);
    home.place().at(text_of(&run, "worktree")).commit("part moved");
    // Nothing is only there any more, but git cannot move a submodule that is checked out.
    let said = home.skep(&["close", &id, "--keep-branch"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.contains("git submodule deinit part"), "{said:?}");
    home.place().at(text_of(&run, "worktree")).git(&["submodule", "--quiet", "deinit", "part"]);
    home.skep(&["close", &id, "--keep-branch"]).ok();
    assert!(!inner.exists());
}

#[test]
fn a_base_that_is_registered_is_the_base_of_its_runs() {
    let home = Home::new();
    let repo = home.repo();
    repo.git(&["branch", "release"]);
    repo.commit_file("newer", "1\n");
    home.json(&["project", "add", ".", "--base", "release"]);
    let run = home.ended("greet", &WORK, &["-d"]);
    assert_eq!(
        (text_of(&run["base"], "oid"), &run["target"]),
        (repo.oid("release"), &"release".into()),
        "{run}"
    );
    home.skep(&["--json", "project", "add", ".", "--name", "other", "--base", "nowhere"]).error(2);
}
