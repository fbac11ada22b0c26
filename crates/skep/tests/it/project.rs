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

/// A bare repository `server/web.git` with one commit on its default branch `trunk`, and its URL.
fn server(home: &Home) -> String {
    let seed = home.place().repo("seed");
    seed.git(&["branch", "--quiet", "-m", "trunk"]);
    home.place().bare("server/web.git");
    seed.git(&["push", "--quiet", "../server/web.git", "trunk"]);
    let server = home.place().at("server/web.git");
    server.git(&["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    format!("file://{}", server.path().display())
}

#[test]
fn a_repository_that_is_named_by_its_url_is_worked_in_and_the_work_lands_in_the_clone() {
    let home = Home::new();
    let url = server(&home);
    let project = home.json(&["project", "add", &url]);
    assert_eq!(project["name"], "web");
    let clone = home.place().at("h/cache/web.git");
    assert_eq!(PathBuf::from(text_of(&project, "path")), clone.path());
    // What comes to the remote after the cloning is what a run starts from.
    let seed = home.place().at("seed");
    let news = seed.commit_file("news", "1\n");
    seed.git(&["push", "--quiet", "../server/web.git", "trunk"]);
    let run = home.ended("greet", &WORK, &["--project", "web", "-d"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    assert_eq!(
        (text_of(&run["base"], "branch"), text_of(&run["base"], "oid"), text_of(&run, "target")),
        ("origin/trunk".to_owned(), news, "trunk".to_owned())
    );
    let id = text_of(&run, "id");
    home.skep(&["land", &id]).ok();
    let branch = format!("refs/heads/{}", text_of(&run, "branch"));
    assert_eq!(clone.oid("refs/heads/trunk"), clone.oid(&branch));
    assert_eq!(home.place().at("server/web.git").branches(), ["trunk"], "nothing was pushed");
    home.skep(&["close", &id]).ok();
    assert!(!Path::new(&text_of(&run, "worktree")).exists());
    assert_eq!(clone.git(&["log", "-1", "--format=%s", "trunk"]), "a");
}

#[test]
fn a_url_that_is_added_twice_is_one_project_and_its_clone_outlives_it() {
    let home = Home::new();
    let url = server(&home);
    let first = home.json(&["project", "add", &url]);
    let clone = home.place().at("h/cache/web.git");
    clone.git(&["branch", "mine", "trunk"]);
    assert_eq!(home.json(&["project", "add", url.trim_end_matches(".git")]), first);
    home.skep(&["project", "rm", "web"]).ok();
    assert_eq!(text_of(&home.json(&["project", "add", &url]), "path"), text_of(&first, "path"));
    assert_eq!(clone.branches(), ["mine", "trunk"], "it was made anew");
    // Another repository of that name has a clone and a name of its own, and keeps both.
    home.place().at("server/web.git").git(&["clone", "--quiet", "--bare", ".", "../../b/web.git"]);
    let other = format!("file://{}", home.at("b/web.git").display());
    let second = home.json(&["project", "add", &other]);
    assert_ne!((&second["name"], &second["path"]), (&first["name"], &first["path"]));
    assert_eq!(home.json(&["project", "add", &other]), second);
    assert_eq!(home.json(&["project", "ls"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_base_of_a_url_s_project_is_a_branch_that_work_can_land_on() {
    let home = Home::new();
    let url = server(&home);
    home.place().at("seed").git(&["push", "--quiet", "../server/web.git", "trunk:release"]);
    home.json(&["project", "add", &url, "--base", "release", "--name", "site"]);
    let run = home.ended("greet", &WORK, &["--project", "site", "-d"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    home.skep(&["land", &text_of(&run, "id")]).ok();
    let clone = home.place().at("h/cache/web.git");
    assert_eq!(clone.git(&["log", "-1", "--format=%s", "release"]), "a");
}

#[test]
fn a_url_that_cannot_be_cloned_is_refused_in_words_and_without_its_password() {
    let home = Home::new();
    let add = |what: &str| home.skep(&["--json", "project", "add", "--", what]);
    for url in ["ext::sh -c touch% owned", "http://host.invalid/web", "ftp://me:s3cret@h/web"] {
        let error = add(url).refused(2, "url-unsupported");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert!(error["hints"].to_string().contains("https"), "{error}");
    }
    let error = add("https://me:s3cret@127.0.0.1:1/web.git").refused(2, "clone-failed");
    assert!(error["message"].to_string().contains("https://127.0.0.1:1/web.git"), "{error}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
    add("-oProxyCommand=sh").error(2);
    add(&format!("file://{}", home.at("nowhere").display())).refused(2, "clone-failed");
    home.place().bare("empty.git");
    add(&format!("file://{}", home.at("empty.git").display())).refused(2, "no-commit-yet");
    let url = server(&home);
    home.skep(&["--json", "project", "add", &url, "--name", "../x"]).refused(2, "project-name");
    assert_eq!(home.json(&["project", "ls"]), serde_json::json!([]));
    let left = std::fs::read_dir(home.at("h/cache")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["locks"]);
    let log = std::fs::read_to_string(home.at("h/daemon.log")).unwrap_or_default();
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn a_daemon_that_is_killed_while_it_clones_leaves_nothing_that_is_taken_for_a_clone() {
    for point in ["clone.fetched", "clone.named"] {
        let home = Home::new();
        let url = server(&home);
        home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
        // The call finds the daemon gone, starts another and asks the same again.
        let project = home.json(&["project", "add", &url]);
        assert_eq!(project["name"], "web", "{point}");
        let clone = home.place().at("h/cache/web.git");
        assert_eq!(clone.oid("trunk"), clone.oid("origin/trunk"), "{point}");
        assert_eq!(home.json(&["project", "ls"]).as_array().unwrap().len(), 1, "{point}");
    }
}
