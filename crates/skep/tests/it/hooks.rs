//! Hooks around a worktree, and branches and worktrees that are used again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use skep_testkit::Repo;

use crate::home::{Home, eventually, text_of};

/// What a launch may leave in a repository.
fn traces(repo: &Repo<'_>) -> (String, String, String) {
    (repo.git(&["for-each-ref"]), repo.git(&["worktree", "list"]), repo.status())
}

/// Gives the project `web` these hooks in its own settings.
fn hooks(home: &Home, lines: &str) {
    home.write("c/projects/web.toml", &format!("[hooks]\n{lines}\n"));
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

const STEPS: [&str; 3] = ["write a a", "commit a", "say done"];

#[test]
fn a_hook_that_fails_before_the_worktree_stops_everything_before_any_agent() {
    let home = Home::new();
    let repo = home.repo();
    let (told, stood) = (home.at("told"), home.at("stood"));
    hooks(
        &home,
        &format!(
            "worktree_creating = \"cat >> {}; pwd > {}; echo the gate is shut >&2; exit 3\"",
            told.display(),
            stood.display()
        ),
    );
    let task = text_of(&home.json(&["task", "add", "Mend the roof", "--ref", "ENG-7"]), "id");
    let before = traces(&repo);
    let run = home.skep(&["--json", "run", &task, "--yes"]).json(4);
    let id = text_of(&run, "id");
    assert_eq!((&run["outcome"], &run["reason"]), (&"failed".into(), &"prepare".into()), "{run}");
    assert_eq!(traces(&repo), before);
    assert_eq!(fs::read_dir(home.root().join("env")).unwrap().count(), 0, "no env");
    let kinds = home.kinds(&id);
    assert!(!kinds.iter().any(|kind| kind == "prepared" || kind == "began"), "{kinds:?}");
    assert!(!kinds.iter().any(|kind| kind == "requeued"), "a no is not asked again: {kinds:?}");
    let show = home.skep(&["show", &id]).ok() + &home.skep(&["why", &id]).ok();
    assert!(show.contains("worktree_creating") && show.contains("the gate is shut"), "{show}");
    // What it was told is one JSON object, and it stood in the repository's main folder.
    let told: Value = serde_json::from_str(&fs::read_to_string(told).unwrap()).unwrap();
    assert_eq!(told["task"], task.as_str());
    assert_eq!((&told["run"], &told["project"]), (&id.as_str().into(), &"web".into()));
    assert_eq!(told["repository"], repo.path().to_str().unwrap());
    assert_eq!(
        (&told["branch"], &told["title"]),
        (&"skep/mend-the-roof".into(), &"Mend the roof".into())
    );
    assert_eq!(told["base"]["oid"], repo.head());
    assert_eq!(told["sub_plan"], Value::Null);
    assert_eq!(fs::read_to_string(stood).unwrap().trim(), repo.path().to_str().unwrap());
}

#[test]
fn a_hook_after_the_worktree_stands_in_it_and_its_failure_is_a_note() {
    let home = Home::new();
    let repo = home.repo();
    let (told, order) = (home.at("told"), home.at("order"));
    hooks(
        &home,
        &format!(
            "worktree_creating = \"echo creating >> {order}; test ! -e .git/worktrees\"\n\
             worktree_created = \"cat > {told}; pwd > made-here; echo created >> {order}; echo no bell >&2; exit 1\"",
            order = order.display(),
            told = told.display()
        ),
    );
    let task = text_of(&home.json(&["task", "add", "Mend the roof", "--ref", "ENG-7"]), "id");
    let prompt = home.script("go", &STEPS);
    let run = home.json(&["run", &task, "--prompt-file", &prompt, "--yes"]);
    let run = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!(run["outcome"], "completed", "{run}");
    assert!(run["notes"].to_string().contains("no bell"), "{run}");
    assert_eq!(fs::read_to_string(order).unwrap(), "creating\ncreated\n");
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    let stood = fs::read_to_string(worktree.join("made-here")).unwrap();
    assert_eq!(stood.trim(), worktree.to_str().unwrap());
    let told: Value = serde_json::from_str(&fs::read_to_string(told).unwrap()).unwrap();
    assert_eq!((&told["worktree"], &told["branch"]), (&run["worktree"], &run["branch"]));
    assert_eq!((&told["reference"], &told["run"]), (&"ENG-7".into(), &run["id"]));
    assert_eq!(told["repository"], repo.path().to_str().unwrap());
    assert_eq!(told["base"]["oid"], run["base"]["oid"]);
    let log = home.root().join("runs").join(text_of(&run, "id")).join("worktree_created.log");
    assert!(fs::read_to_string(log).unwrap().contains("no bell"));
}

#[test]
fn hooks_run_only_as_they_were_approved_together_with_the_set_up() {
    let home = Home::new();
    let repo = home.repo();
    let made = home.at("made");
    let project = |hook: &str| {
        let text = format!(
            "[setup]\nrun = \"touch set-up\"\n[hooks]\nworktree_creating = \"{hook} {}\"\n",
            made.display()
        );
        repo.write(".skep/project.toml", &text);
        repo.commit("settings");
    };
    project("touch");
    let prompt = home.script("go", &STEPS);
    let run = |more: &[&str]| {
        home.skep(&[&["--json", "run", "go", "--prompt-file", &prompt], more].concat())
    };
    let error = run(&[]).refused(1, "scripts-unapproved");
    let message = text_of(&error, "message");
    assert!(
        message.contains("hooks.worktree_creating") && message.contains("touch set-up"),
        "{message}"
    );
    assert!(!made.exists() && repo.branches() == ["main"]);
    run(&["--yes"]).ok();
    assert!(made.exists());
    // The same again needs no word; another hook does, and what is new is shown.
    run(&[]).ok();
    project("rm");
    let error = run(&[]).refused(1, "scripts-changed");
    let message = text_of(&error, "message");
    assert!(message.contains("-    touch ") && message.contains("+    rm "), "{message}");
    assert!(made.exists());
    let seen = home.json(&["init"]);
    assert_eq!(
        (&seen["set_up"]["approved"], &seen["set_up"]["changed"]),
        (&false.into(), &true.into())
    );
    assert_eq!(seen["set_up"]["from"], "setup.run, hooks.worktree_creating");
}

#[test]
fn a_hook_that_takes_too_long_is_ended_with_all_that_it_started() {
    let home = Home::new();
    let repo = home.repo();
    hooks(&home, "timeout = \"300ms\"\nworktree_creating = \"setsid sleep 3600 & sleep 3600\"");
    let before = traces(&repo);
    let run = home.skep(&["--json", "run", "go", "--yes"]).json(4);
    assert_eq!((&run["outcome"], &run["reason"]), (&"failed".into(), &"prepare".into()), "{run}");
    assert!(home.skep(&["show", &text_of(&run, "id")]).ok().contains("ran out of time"));
    assert_eq!(traces(&repo), before);
    home.no_agents();
}

#[test]
fn a_hook_ends_with_the_daemon_and_the_next_one_asks_it_again() {
    let home = Home::new();
    home.repo();
    let (count, late) = (home.at("count"), home.at("late"));
    // The first time it hangs; what it would do later must never come to be.
    hooks(
        &home,
        &format!(
            "worktree_creating = \"echo asked >> {count}; test $(wc -l < {count}) -gt 1 || {{ sleep 3600; touch {late}; }}\"\n\
             timeout = \"1m\"",
            count = count.display(),
            late = late.display()
        ),
    );
    let prompt = home.script("go", &STEPS);
    let run = home.json(&["run", "go", "--prompt-file", &prompt, "--yes", "-d"]);
    eventually("the hook is under way", || lines(&count) == 1);
    home.kill_daemon();
    let run = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!(run["outcome"], "completed", "{run}");
    assert_eq!((lines(&count), late.exists()), (2, false));
    home.no_agents();
}

#[test]
fn another_attempt_works_in_the_worktree_that_stands_and_asks_no_hook() {
    let home = Home::new();
    home.repo();
    let order = home.at("order");
    hooks(
        &home,
        &format!(
            "worktree_creating = \"echo creating >> {0}\"\nworktree_created = \"echo created >> {0}\"",
            order.display()
        ),
    );
    let first = home.ended("go", &["write half x", "result failed not yet"], &["--yes", "-d"]);
    let id = text_of(&first, "id");
    assert_eq!(first["outcome"], "failed", "{first}");
    home.skep(&["retry", &id]);
    let second = home.wait(&id, "ended");
    assert_eq!(second["attempt"], 2, "{second}");
    for name in ["worktree", "branch", "env", "base"] {
        assert_eq!(second[name], first[name], "{name}");
    }
    assert_eq!(fs::read_to_string(order).unwrap(), "creating\ncreated\n");
    assert!(Path::new(&text_of(&second, "worktree")).join("half").exists());
    assert_eq!(home.kinds(&id).iter().filter(|kind| *kind == "prepared").count(), 1);
}

#[test]
fn a_branch_that_stands_gets_the_worktree_where_it_is_asked_for_by_name() {
    let home = Home::new();
    let repo = home.repo();
    let order = home.at("order");
    hooks(&home, &format!("worktree_creating = \"cat >> {}\"", order.display()));
    repo.git(&["checkout", "--quiet", "-b", "mine/roof"]);
    let tip = repo.commit_file("beam", "oak\n");
    repo.git(&["checkout", "--quiet", "main"]);
    let prompt = home.script("go", &STEPS);
    let args = ["run", "go", "--prompt-file", &prompt, "--yes", "--branch", "mine/roof"];
    let run = home.json(&args);
    let id = text_of(&run, "id");
    let run = home.wait(&id, "ended");
    assert_eq!(
        (&run["outcome"], &run["branch"]),
        (&"completed".into(), &"mine/roof".into()),
        "{run}"
    );
    assert_eq!(run["base"]["oid"], tip.as_str(), "its work starts where the branch stood");
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    assert_eq!(fs::read_to_string(worktree.join("beam")).unwrap(), "oak\n");
    assert_eq!(repo.git(&["rev-parse", "mine/roof^"]).trim(), tip);
    let told: Value = serde_json::from_str(&fs::read_to_string(&order).unwrap()).unwrap();
    assert_eq!(
        (&told["branch"], &told["base"]["oid"]),
        (&"mine/roof".into(), &tip.as_str().into())
    );
    // While it has its worktree, nobody else gets the branch; given back, it stays, and is used again.
    home.skep(&[&["--json"][..], &args].concat()).refused(2, "branch-held");
    let head = repo.oid("refs/heads/mine/roof");
    home.json(&["close", &id, "--force"]);
    assert_eq!(repo.oid("refs/heads/mine/roof"), head, "skep did not make it");
    let prompt = home.script("more", &["write b b", "commit b", "say done"]);
    let args = ["run", "more", "--prompt-file", &prompt, "--branch", "mine/roof"];
    let run = home.wait(&text_of(&home.json(&args), "id"), "ended");
    assert_eq!(
        (&run["outcome"], &run["base"]["oid"]),
        (&"completed".into(), &head.as_str().into())
    );
}

#[test]
fn a_launch_on_a_branch_that_stands_takes_nothing_of_it_when_it_fails() {
    let home = Home::new();
    let repo = home.repo();
    home.write("c/projects/web.toml", "[setup]\nrun = \"exit 1\"\n");
    repo.git(&["branch", "mine/roof"]);
    repo.git(&["checkout", "--quiet", "-b", "mine/beam"]);
    repo.commit_file("beam", "oak\n");
    repo.git(&["checkout", "--quiet", "main"]);
    let before = traces(&repo);
    for branch in ["mine/roof", "mine/beam"] {
        let run = home.skep(&["--json", "run", "go", "--yes", "--branch", branch]).json(4);
        assert_eq!(run["reason"], "set-up", "{run}");
        let id = text_of(&run, "id");
        eventually("what was made is taken back", || home.listed(&id)["env_state"] == "none");
        assert_eq!(traces(&repo), before);
    }
    // One that is checked out is not taken from where it is.
    let run = home.skep(&["--json", "run", "go", "--yes", "--branch", "main"]).json(4);
    assert_eq!(run["reason"], "prepare", "{run}");
    assert!(home.skep(&["show", &text_of(&run, "id")]).ok().contains("is checked out in"));
    assert_eq!(traces(&repo), before);
}
