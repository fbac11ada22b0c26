//! `skep close`: what goes, what stays, and what refuses.

use std::{fs, path::Path};

use serde_json::{Value, json};
use skep_testkit::Repo;

use crate::home::{Home, text_of};

/// A run that committed `a` and has ended.
pub(crate) fn done(home: &Home, title: &str) -> Value {
    let run = home.ended(title, &["write a a", "commit a", "say done"], &["-d"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    run
}

/// A run called `name` that committed a file of that name and has ended.
pub(crate) fn named(home: &Home, name: &str, more: &[&str]) -> Value {
    let write = format!("write {name} {name}");
    let mut steps = vec![write.as_str(), "commit it"];
    steps.extend(more);
    steps.push("say done");
    let run = home.ended(name, &steps, &["-d", "--name", name]);
    assert_eq!(run["outcome"], "completed", "{run}");
    run
}

/// The worktrees that git lists, the one that keeps snapshots left out.
fn worktrees(repo: &Repo<'_>) -> usize {
    let all = repo.git(&["worktree", "list"]);
    all.lines().filter(|line| !line.contains("skep-snapshots")).count()
}

/// Waits until nothing is left to be done for the run, and a daemon's death hits what is asked next.
pub(crate) fn at_rest(home: &Home, id: &str) {
    home.skep(&["snapshot", "take", id]).ok();
}

/// A daemon that dies at a kill point; the next one does not.
pub(crate) fn doomed(home: &Home, point: &str) {
    home.skep(&["daemon", "stop"]).ok();
    home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
}

/// The answer of a close, whatever its code.
fn answer(home: &Home, args: &[&str], code: i32) -> Value {
    let said = home.skep(&[&["--json", "close"], args].concat());
    assert_eq!(said.code, code, "{said:?}");
    serde_json::from_str(&said.stdout).unwrap_or_else(|err| panic!("{err}: {said:?}"))
}

/// Whether the worktree of a run stands, and its branch.
fn stands(home: &Home, repo: &Repo<'_>, run: &Value) -> (bool, bool) {
    let worktree = text_of(run, "worktree");
    let held = home.listed(&text_of(run, "id"))["env_state"] == "held";
    assert_eq!(Path::new(&worktree).exists(), held, "what is shown is what stands: {run}");
    (held, repo.branches().contains(&text_of(run, "branch")))
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
    assert_eq!(worktrees(&repo), 1);
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
fn work_that_is_nowhere_else_is_a_decision_with_the_ways_on() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home, "greet");
    let id = text_of(&run, "id");
    let refused = answer(&home, &[&id], 1);
    assert_eq!(
        (&refused["cleaned"], &refused["merged"], &refused["clean"]),
        (&false.into(), &"no_pr".into(), &true.into()),
        "{refused}"
    );
    let ways = refused["reasons"].to_string();
    for way in ["skep land", "--keep-branch", "--force"] {
        assert!(ways.contains(way), "{way}: {refused}");
    }
    assert_eq!(stands(&home, &repo, &run), (true, true));
    home.skep(&["land", &id]).ok();
    let closed = answer(&home, &[&id], 0);
    assert_eq!((&closed["merged"], &closed["cleaned"]), (&"true".into(), &true.into()), "{closed}");
    assert_eq!(stands(&home, &repo, &run), (false, false));
}

#[test]
fn the_answer_of_a_close_has_the_form_that_was_promised() {
    let home = Home::new();
    home.repo();
    let run = done(&home, "greet");
    let id = text_of(&run, "id");
    home.skep(&["land", &id]).ok();
    let mut closed = answer(&home, &[&id], 0);
    let snapshot = closed["snapshot"].take();
    assert!(snapshot.as_str().is_some_and(|id| id.starts_with("snap_")), "{snapshot}");
    let branch = text_of(&run, "branch");
    let status = format!("the worktree is gone, and so is branch {branch}, which had landed");
    let promised = json!({
        "id": id, "cleaned": true, "forced": false, "merged": "true", "clean": true,
        "status": status, "snapshot": null, "reasons": [], "branch": null, "trash": null,
    });
    assert_eq!(closed, promised);
    named(&home, "other", &[]);
    let mut forced = answer(&home, &["other", "--force"], 0);
    assert!(forced["snapshot"].take().is_string() && forced["trash"].take().is_string());
    let shown = (&forced["cleaned"], &forced["forced"], &forced["merged"], &forced["clean"]);
    assert_eq!(shown, (&true.into(), &true.into(), &"unknown".into(), &Value::Null), "{forced}");
}

#[test]
fn what_a_remote_brought_in_merged_squashed_or_rebased_goes_with_its_branch() {
    let home = Home::new();
    let repo = home.repo();
    let origin = home.place().bare("origin.git");
    repo.git(&["remote", "add", "origin", origin.path().to_str().unwrap()]);
    repo.git(&["push", "--quiet", "-u", "origin", "main"]);
    repo.git(&["remote", "set-head", "origin", "main"]);
    let url = origin.path().to_str().unwrap().to_owned();
    for form in ["merged", "squashed", "rebased"] {
        let steps = ["write one 1", "commit one", "write two 2", "commit two", "say done"];
        let steps: Vec<String> =
            steps.iter().map(|step| step.replace("write ", &format!("write {form}-"))).collect();
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let run = home.ended(form, &steps, &["-d"]);
        let (id, branch) = (text_of(&run, "id"), text_of(&run, "branch"));
        assert_eq!(answer(&home, &[&id], 1)["merged"], "no_pr", "{form}");
        repo.git(&["push", "--quiet", "origin", &branch]);
        let other = home.place().at(form);
        repo.git(&["clone", "--quiet", &url, other.path().to_str().unwrap()]);
        other.commit_file(&format!("before-{form}"), "1\n");
        let theirs = format!("origin/{branch}");
        match form {
            "merged" => other.git(&["merge", "--quiet", "--no-ff", "-m", "merge", &theirs]),
            "squashed" => {
                other.git(&["merge", "--quiet", "--squash", &theirs]);
                other.commit("all of it")
            }
            _ => other.git(&["cherry-pick", &format!("{theirs}~2..{theirs}")]),
        };
        other.commit_file(&format!("after-{form}"), "1\n");
        other.git(&["push", "--quiet", "origin", "HEAD:main"]);
        // What nobody fetched is not known.
        assert_eq!(answer(&home, &[&id, "--dry-run"], 1)["cleaned"], false, "{form}");
        repo.git(&["fetch", "--quiet"]);
        let closed = answer(&home, &[&id], 0);
        assert_eq!(
            (&closed["merged"], &closed["clean"]),
            (&"true".into(), &true.into()),
            "{closed}"
        );
        assert_eq!(stands(&home, &repo, &run), (false, false), "{form}");
    }
}

#[test]
fn landed_work_beside_an_untracked_or_an_ignored_file_stays_and_all_of_it_is_listed() {
    let home = Home::new();
    let repo = home.repo();
    repo.write(".gitignore", "*.key\n/junk/\n/hollow/\n");
    repo.commit("ignore");
    home.write("c/projects/web.toml", "[files]\ndiscard = [\"junk\"]\n");
    let ignored = ["write secret.key precious", "write junk/big big"];
    let one = named(&home, "one", &[&ignored[..], &["write new new"]].concat());

    let two = named(&home, "two", &ignored);
    for run in [&one, &two] {
        let branch = text_of(run, "branch");
        repo.git(&["cherry-pick", &branch]);
    }
    let refused = answer(&home, &["one"], 1);
    let status = text_of(&refused, "status");
    assert!(status.contains("new") && status.contains("secret.key"), "{status}");
    assert!(!status.contains("junk"), "what is expendable is no work: {status}");
    assert_eq!((&refused["merged"], &refused["clean"]), (&"true".into(), &false.into()));
    // Ignored files alone keep it as well, and empty folders do not.
    fs::create_dir(Path::new(&text_of(&two, "worktree")).join("hollow")).unwrap();
    let refused = answer(&home, &["two"], 1);
    assert!(text_of(&refused, "status").starts_with("worktree-ignored: "), "{refused}");
    assert!(!text_of(&refused, "status").contains("hollow"), "{refused}");
    assert_eq!(stands(&home, &repo, &two), (true, true));
    let read = |file: &str| fs::read_to_string(Path::new(&text_of(&two, "worktree")).join(file));
    assert_eq!(read("secret.key").unwrap(), "precious\n");
    fs::remove_file(Path::new(&text_of(&two, "worktree")).join("secret.key")).unwrap();
    answer(&home, &["two"], 0);
    assert_eq!(stands(&home, &repo, &two), (false, false));
}

#[test]
fn a_commit_after_the_squash_is_named_and_nothing_goes() {
    let home = Home::new();
    let repo = home.repo();
    let run = named(&home, "one", &[]);
    repo.git(&["merge", "--quiet", "--squash", &text_of(&run, "branch")]);
    repo.commit("squashed");
    home.place().at(text_of(&run, "worktree")).commit_file("late", "too late\n");
    let refused = answer(&home, &["one"], 1);
    let status = text_of(&refused, "status");
    assert!(status.ends_with(" late") && !status.contains(','), "only the late one: {status}");
    assert_eq!(stands(&home, &repo, &run), (true, true));
}

#[test]
fn without_its_repository_a_worktree_stays_and_by_force_lies_in_the_trash_whole() {
    let home = Home::new();
    home.repo();
    let run = named(&home, "one", &["write new new"]);
    at_rest(&home, "one");
    fs::rename(home.at("web"), home.at("elsewhere")).unwrap();
    let refused = answer(&home, &["one"], 1);
    assert_eq!((&refused["cleaned"], &refused["merged"]), (&false.into(), &"unknown".into()));
    let new = Path::new(&text_of(&run, "worktree")).join("new");
    assert_eq!(fs::read_to_string(new).unwrap(), "new\n");
    let forced = answer(&home, &["one", "--force"], 0);
    let trash = text_of(&forced, "trash");
    let folder = Path::new(&text_of(&run, "worktree")).file_name().unwrap().to_owned();
    assert_eq!(fs::read_to_string(Path::new(&trash).join(folder).join("new")).unwrap(), "new\n");
}

#[test]
fn a_close_finds_its_env_whatever_the_branch_is_called_by_now() {
    let home = Home::new();
    let repo = home.repo();
    let run = named(&home, "one", &[]);
    let other = home.run("other", &["hang"], &["--name", "other"]);
    home.skep(&["sh", "one", "--", "git", "branch", "-m", "renamed"]).ok();
    let head = repo.oid("renamed");
    home.skep(&["close", "one", "--keep-branch"]).ok();
    assert!(!Path::new(&text_of(&run, "worktree")).exists());
    assert_eq!(repo.oid("renamed"), head);
    assert_eq!(home.listed(&text_of(&other, "id"))["state"], "running");
}

#[test]
fn of_all_runs_only_what_has_landed_is_closed_and_nothing_is_said_of_the_rest() {
    let home = Home::new();
    let repo = home.repo();
    assert_eq!(answer(&home, &["--merged"], 0), json!([]));
    let one = named(&home, "one", &[]);
    let two = named(&home, "two", &[]);
    let idle = home.ended("idle", &["say nothing to do"], &["-d", "--name", "idle"]);
    let live = home.run("live", &["hang"], &["--name", "live"]);
    home.skep(&["land", "one"]).ok();
    let seen = answer(&home, &["--merged", "--dry-run"], 0);
    assert_eq!(seen.as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(stands(&home, &repo, &one), (true, true));
    let closed = answer(&home, &["--merged"], 0);
    assert_eq!(closed.as_array().unwrap().len(), 1, "{closed}");
    assert_eq!((&closed[0]["id"], &closed[0]["cleaned"]), (&one["id"], &true.into()));
    assert_eq!(stands(&home, &repo, &two), (true, true));
    assert_eq!(stands(&home, &repo, &idle), (true, true));
    assert_eq!(home.listed(&text_of(&live, "id"))["state"], "running");
    // Who is named is told.
    assert_eq!(answer(&home, &["two", "--merged"], 1)["cleaned"], false);
    assert_eq!(answer(&home, &["idle", "--merged"], 1)["cleaned"], false);
    assert_eq!(stands(&home, &repo, &idle), (true, true));
}

#[test]
fn of_several_each_has_its_answer_and_one_unknown_name_closes_nothing() {
    let home = Home::new();
    let repo = home.repo();
    let one = named(&home, "one", &[]);
    let two = named(&home, "two", &["write new new"]);
    home.run("live", &["hang"], &["--name", "live"]);
    home.skep(&["--json", "close", "one", "nobody", "--keep-branch"]).refused(2, "run-unknown");
    assert_eq!(stands(&home, &repo, &one), (true, true));
    let all = answer(&home, &["two", "live", "one", "one", "--keep-branch"], 1);
    let told: Vec<(&Value, bool)> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|view| (&view["cleaned"], view["reasons"].as_array().unwrap().is_empty()))
        .collect();
    let (yes, no) = (&Value::Bool(true), &Value::Bool(false));
    assert_eq!(told, [(no, false), (no, false), (yes, true)], "{all}");
    assert_eq!(stands(&home, &repo, &one), (false, true));
    assert_eq!(stands(&home, &repo, &two), (true, true));
}

#[test]
fn by_force_a_living_run_is_stopped_first_and_all_that_it_did_is_kept() {
    let home = Home::new();
    let repo = home.repo();
    let run = home.run("live", &["write new new", "hang"], &["--name", "live"]);
    let error = home.skep(&["--json", "close", "live"]).refused(1, "run-living");
    assert!(error["hints"].to_string().contains("skep stop"), "{error}");
    home.skep(&["--json", "close", "live", "--dry-run"]).refused(1, "run-living");
    let closed = answer(&home, &["live", "--force"], 0);
    assert_eq!((&closed["cleaned"], &closed["forced"]), (&true.into(), &true.into()), "{closed}");
    home.no_agents();
    assert!(!stands(&home, &repo, &run).0);
    let there = home.at("there");
    home.skep(&["undo"]).ok();
    home.skep(&["restore", &text_of(&closed, "snapshot"), "--to", there.to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(there.join("new")).unwrap(), "new\n");
    let back = Path::new(&text_of(&run, "worktree")).join("new");
    assert_eq!(fs::read_to_string(back).unwrap(), "new\n");
}

#[test]
fn a_run_that_is_abandoned_is_stopped_and_comes_back() {
    let home = Home::new();
    let repo = home.repo();
    let run = home.run("live", &["write new new", "hang"], &["--name", "live"]);
    home.skep(&["abandon", "live"]).ok();
    home.no_agents();
    assert!(!stands(&home, &repo, &run).0);
    home.skep(&["undo"]).ok();
    assert_eq!(stands(&home, &repo, &run), (true, true));
}

/// Makes every deed for this run die at a kill point, until it is called off.
pub(crate) fn deadly(home: &Home, id: &str, point: &str) -> impl Fn() + use<> {
    let path = home.root().join("runs").join(id).join("env.json");
    let asker = fs::read_to_string(&path).unwrap();
    let mut vars: Value = serde_json::from_str(&asker).unwrap();
    vars["SKEP_CRASH"] = point.into();
    fs::write(&path, vars.to_string()).unwrap();
    move || fs::write(&path, &asker).unwrap()
}

#[test]
fn a_close_whose_deed_is_killed_is_ended_by_the_same_wish_or_by_the_next() {
    // At the first two it dies once, at the others whenever it comes by.
    let all = [
        (true, "leave-moved"),
        (false, "leave-moved"),
        (false, "settle-secured"),
        (false, "settle-deleted"),
        (false, "settle-taken"),
        (false, "settle-snapped"),
    ];
    for (force, point) in all {
        let home = Home::new();
        let repo = home.repo();
        let run = named(&home, "one", if force { &["write new new"] } else { &[] });
        at_rest(&home, "one");
        let calm = deadly(&home, &text_of(&run, "id"), point);
        let how = if force { "--force" } else { "--keep-branch" };
        let said = home.skep(&["--json", "close", "one", how]);
        let died_again = ["settle-taken", "settle-snapped"].contains(&point);
        assert_eq!(said.code, if died_again { 2 } else { 0 }, "{point}: {said:?}");
        calm();
        let mut closed: Value = serde_json::from_str(&said.stdout).unwrap();
        if died_again {
            closed = answer(&home, &["one", how], 0);
        }
        assert!(closed["snapshot"].is_string(), "{point}: {closed}");
        home.skep(&["undo"]).ok();
        assert_eq!(stands(&home, &repo, &run), (true, true), "{point}");
        let read =
            |file: &str| fs::read_to_string(Path::new(&text_of(&run, "worktree")).join(file));
        assert_eq!(read("one").unwrap(), "one\n", "{point}");
        assert_eq!(read("new").is_ok(), force, "{point}");
    }
}

#[test]
fn a_plain_folder_goes_only_by_force_and_comes_back_from_the_trash() {
    let home = Home::new();
    let run = home.ended(
        "look",
        &["write note words", "say done"],
        &["-d", "--directory", "--name", "look"],
    );
    let id = text_of(&run, "id");
    for how in [&["look"][..], &["look", "--keep-branch"]] {
        let refused = answer(&home, how, 1);
        assert!(text_of(&refused, "status").contains("note"), "{refused}");
    }
    let closed = answer(&home, &["look", "--force"], 0);
    let snapshot = text_of(&closed, "snapshot");
    assert!(!Path::new(&text_of(&run, "worktree")).exists());
    let there = home.at("there");
    home.skep(&["--json", "restore", &snapshot, "--to", there.to_str().unwrap()])
        .refused(1, "snapshot-missing");
    home.skep(&["undo"]).ok();
    let note = Path::new(&text_of(&run, "worktree")).join("note");
    assert_eq!(fs::read_to_string(note).unwrap(), "words\n");
    assert_eq!(home.listed(&id)["env_state"], "held");
}

#[test]
fn a_run_in_the_users_checkout_is_closed_and_the_checkout_stays_untouched() {
    let home = Home::new();
    let repo = home.repo();
    let run =
        home.ended("here", &["write new new", "say done"], &["-d", "--in-place", "--name", "here"]);
    let taken = home.json(&["snapshot", "take", "here"]);
    repo.write("mine", "mine\n");
    let (status, head) = (repo.status(), repo.head());
    let snapshot = text_of(&taken, "id");
    home.skep(&["--json", "restore", &snapshot]).refused(1, "restore-in-place");
    for how in [&["here", "--dry-run"][..], &["here"], &["here", "--force"]] {
        answer(&home, how, 0);
        assert_eq!((repo.status(), repo.head()), (status.clone(), head.clone()), "{how:?}");
    }
    assert_eq!(home.listed(&text_of(&run, "id"))["env_state"], "closed");
    home.skep(&["--json", "restore", &snapshot]).refused(1, "restore-in-place");
    let there = home.at("there");
    home.skep(&["restore", &snapshot, "--to", there.to_str().unwrap()]).ok();
    assert!(there.join("new").exists() && !there.join("mine").exists());
    assert_eq!((repo.status(), repo.head()), (status, head));
}

#[test]
fn commits_that_only_a_deleted_worktrees_head_has_are_named_and_stay() {
    let home = Home::new();
    let repo = home.repo();
    let run = named(&home, "one", &[]);
    let worktree = home.place().at(text_of(&run, "worktree"));
    worktree.git(&["checkout", "--quiet", "--detach"]);
    let lost = worktree.commit_file("late", "1\n");
    at_rest(&home, "one");
    fs::remove_dir_all(text_of(&run, "env")).unwrap();
    let refused = answer(&home, &["one", "--keep-branch"], 1);
    assert!(text_of(&refused, "status").contains(&lost[..8]), "{refused}");
    repo.git(&["branch", "rescued", &lost]);
    answer(&home, &["one", "--keep-branch"], 0);
    assert_eq!(repo.read("README"), "hello\n");
    assert_eq!(repo.oid("rescued"), lost);
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
    let kept = fs::read_to_string(Path::new(&trash).join("kept/secret.key"));
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
        assert_eq!(worktrees(&repo), 1, "git knows no worktree that is gone");
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
    for point in ["effect.before", "effect.after", "close.before", "close.after"] {
        let home = Home::new();
        let repo = home.repo();
        let run = done(&home, "greet");
        let id = text_of(&run, "id");
        at_rest(&home, &id);
        let before = home.kinds(&id).iter().filter(|kind| *kind == "op_done").count();
        doomed(&home, point);
        // The daemon dies under it; the next one is asked the same, which counts once.
        let closed = home.json(&["close", &id, "--keep-branch"]);
        assert_eq!(closed["cleaned"], true, "{point}: {closed}");
        assert_eq!(home.listed(&id)["env_state"], "closed");
        assert!(!Path::new(&text_of(&run, "worktree")).exists());
        assert!(repo.branches().contains(&text_of(&run, "branch")));
        let after = home.kinds(&id).iter().filter(|kind| *kind == "op_done").count();
        assert_eq!(after - before, 1, "told once: {point}");
        assert_eq!(home.json(&["close", &id, "--keep-branch"])["cleaned"], true);
    }
}
