//! Tasks as such: their words, their rest, and their end, which is the end of all that worked on them.

use std::{fs, path::Path, time::Instant};

use serde_json::{Value, json};

use crate::home::{Home, eventually, inside, lives, pid_of, text_of};

fn add(home: &Home, title: &str, more: &[&str]) -> String {
    text_of(&home.json(&[&["task", "add", title], more].concat()), "id")
}

fn titles(home: &Home) -> Vec<String> {
    let listed = home.json(&["task", "ls"]);
    listed.as_array().unwrap().iter().map(|task| text_of(task, "title")).collect()
}

#[test]
fn deleting_a_running_task_ends_all_its_processes_and_gives_back_all_that_it_held() {
    let home = Home::new();
    let repo = home.repo();
    let task = add(&home, "Mend the roof", &[]);
    // An earlier run of it has ended and still holds its env.
    let fails = home.script("fails", &["write half x", "result failed not yet"]);
    let run = home.json(&["run", &task, "--prompt-file", &fails, "-d"]);
    let earlier = home.wait(&text_of(&run, "id"), "ended");
    let stubborn = home.script(
        "stubborn",
        &["write a a", "fork", "fork holding stdout", "ignore-term", "write ready x", "hang"],
    );
    let run = home.json(&["run", &task, "--prompt-file", &stubborn]);
    let (id, worktree) = (text_of(&run, "id"), text_of(&run, "worktree"));
    eventually("it forked and is deaf", || Path::new(&worktree).join("ready").exists());
    assert!(inside(Path::new(&worktree)) >= 3, "the agent and two that it left");
    let other = add(&home, "Paint the fence", &[]);
    // Without a word more nothing happens to it.
    let error = home.skep(&["--json", "task", "rm", &task]).refused(1, "task-held");
    assert!(error["hints"].to_string().contains("--force"), "{error}");
    assert!(lives(pid_of(&run, "pid")) && titles(&home).len() == 2);
    let begun = Instant::now();
    let gone = home.json(&["task", "rm", &task, "--force"]);
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    assert_eq!(inside(Path::new(&worktree)), 0, "something of it lives");
    assert!(!lives(pid_of(&run, "pid")) && !lives(pid_of(&run, "gatekeeper")));
    assert_eq!(gone["id"], task.as_str());
    let runs = gone["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "{gone}");
    assert!(runs.iter().all(|run| run["cleaned"] == true), "{gone}");
    assert_eq!(titles(&home), ["Paint the fence"]);
    home.skep(&["--json", "task", "show", &task]).refused(2, "task-unknown");
    for run in [&id, &text_of(&earlier, "id")] {
        let view = home.listed(run);
        assert_eq!(
            (&view["state"], &view["env_state"]),
            (&"ended".into(), &"closed".into()),
            "{view}"
        );
    }
    assert!(!Path::new(&worktree).exists());
    eventually("git knows nothing of it any more", || {
        let listed = repo.git(&["worktree", "list"]);
        !listed.contains("/env/") && repo.branches() == ["main"]
    });
    // What was only there is in a snapshot, and comes back.
    home.at_rest();
    let kept = home.json(&["snapshot", "ls", &id]);
    let kept = kept.as_array().unwrap().iter().find(|kept| kept["why"] == "close");
    let snapshot = text_of(kept.expect("the close kept all of it"), "id");
    let to = home.at("back");
    home.skep(&["restore", &snapshot, "--to", to.to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(to.join("a")).unwrap(), "a\n");
    // Its events still say whose they were, and another task has the slot.
    let about = home.events().into_iter().filter(|event| event["task"] == task.as_str()).count();
    assert!(about > 20, "{about}");
    let says = home.script("says", &["write b b", "commit b", "say done"]);
    let run = home.json(&["run", &other, "--prompt-file", &says, "-d"]);
    assert_eq!(home.wait(&text_of(&run, "id"), "ended")["outcome"], "completed");
    home.no_agents();
    home.at_rest();
    assert_eq!(home.doctor(), Vec::<Value>::new());
}

#[test]
fn a_task_that_is_removed_while_the_daemon_dies_is_gone_once_and_nothing_of_it_is_left() {
    for point in ["commit.before", "commit.after", "close.before", "close.after"] {
        let home = Home::new();
        home.repo();
        let task = add(&home, "Mend the roof", &[]);
        let prompt = home.script("held", &["write a a", "ignore-term", "write ready x", "hang"]);
        let run = home.json(&["run", &task, "--prompt-file", &prompt]);
        let worktree = text_of(&run, "worktree");
        eventually("it is at work", || Path::new(&worktree).join("ready").exists());
        home.skep(&["daemon", "stop"]).ok();
        home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
        let gone = home.json(&["task", "rm", &task, "--force"]);
        assert_eq!(gone["runs"][0]["cleaned"], true, "{point}: {gone}");
        assert_eq!(titles(&home), Vec::<String>::new(), "{point}");
        assert_eq!(home.listed(&text_of(&run, "id"))["env_state"], "closed", "{point}");
        let removed =
            home.events().into_iter().filter(|event| event["event"]["event"] == "task_removed");
        assert_eq!(removed.count(), 1, "{point}");
        assert!(!Path::new(&worktree).exists());
        home.no_agents();
    }
}

#[test]
fn a_task_that_holds_nothing_goes_at_once_and_one_that_another_needs_does_not() {
    let home = Home::new();
    let first = add(&home, "first", &[]);
    let second = add(&home, "second", &["--needs", &first]);
    let error = home.skep(&["--json", "task", "rm", &first]).refused(1, "task-needed");
    assert!(text_of(&error, "message").contains(&second), "{error}");
    home.json(&["task", "edit", &second, "--no-needs"]);
    assert_eq!(
        home.json(&["task", "rm", &first]),
        json!({"id": first, "title": "first", "runs": []})
    );
    assert_eq!(titles(&home), ["second"]);
    home.skep(&["--json", "task", "rm", &first]).refused(2, "task-unknown");
}

#[test]
fn what_a_task_says_can_be_changed_and_where_it_stands_and_what_was_recorded_cannot() {
    let home = Home::new();
    let repo = home.repo();
    let first = add(&home, "first", &[]);
    let task = add(&home, "Mend the roof", &["--priority", "1"]);
    let prompt = home.script("held", &["write a a", "commit a", "write ready x", "hang"]);
    let run = home.json(&["run", &task, "--prompt-file", &prompt]);
    let branch = text_of(&run, "branch");
    let body = home.write("body", "with slate\n");
    let edited = home.json(&[
        "task",
        "edit",
        &task,
        "--title",
        "Mend the cellar",
        "--body",
        &body,
        "--priority",
        "-2",
        "--needs",
        &first,
    ]);
    let seen = ["title", "body", "priority", "needs", "state"].map(|name| edited[name].clone());
    assert_eq!(
        seen,
        [
            json!("Mend the cellar"),
            json!("with slate\n"),
            json!(-2),
            json!([first]),
            json!("implementing")
        ]
    );
    // What the branch is called was decided once, also for another attempt.
    assert_eq!(home.listed(&text_of(&run, "id"))["branch"], branch.as_str());
    home.skep(&["stop", &text_of(&run, "id")]).ok();
    home.skep(&["retry", &text_of(&run, "id")]);
    assert_eq!(home.listed(&text_of(&run, "id"))["branch"], branch.as_str());
    assert!(
        repo.branches().contains(&branch) && repo.branches().len() == 2,
        "{:?}",
        repo.branches()
    );
    home.skep(&["stop", &text_of(&run, "id"), "--now"]);
    // Nothing of a wrong wish is taken.
    let before = home.json(&["task", "ls"]);
    for (args, slug) in [
        (&["--title", " "][..], "title-empty"),
        (&["--title", "x", "--needs", "task_0000000000"], "task-unknown"),
        (&["--title", "x", "--needs", &task], "task-needs-itself"),
        (&[], "usage"),
    ] {
        home.skep(&[&["--json", "task", "edit", &task], args].concat()).refused(2, slug);
    }
    home.skep(&["--json", "task", "edit", &first, "--needs", &task])
        .refused(2, "task-needs-itself");
    assert_eq!(home.json(&["task", "ls"]), before);
}

#[test]
fn a_task_that_is_over_can_be_put_away_and_comes_back_as_it_was() {
    let home = Home::new();
    home.repo();
    let task = add(&home, "Mend the roof", &[]);
    home.skep(&["--json", "task", "archive", &task]).refused(2, "task-not-over");
    let prompt = home.script("says", &["write b b", "commit b", "say done"]);
    let run = home.json(&["run", &task, "--prompt-file", &prompt, "-d"]);
    home.wait(&text_of(&run, "id"), "ended");
    assert_eq!(home.json(&["task", "archive", &task])["state"], "archived");
    assert_eq!(home.json(&["task", "archive", &task])["state"], "archived", "twice is once");
    home.kill_daemon();
    assert_eq!(home.json(&["task", "unarchive", &task])["state"], "completed");
    home.skep(&["--json", "task", "unarchive", &task]).refused(2, "task-not-archived");
}
