//! Looking at real runs: lists, diffs and reasons, and that a list costs nothing.

use std::fs;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use serde_json::{Value, json};
use skep_host::proc::{self, Program};

use crate::home::{Home, eventually, kill, pid_of, text_of};

/// The runs of a list by name, in its order.
fn names(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|run| text_of(run, "name")).collect()
}

#[test]
fn a_list_has_first_who_waits_then_what_failed_what_runs_what_is_queued_and_what_ended() {
    let home = Home::with_limits("runs = 2");
    let repo = home.repo();
    let begin = |name: &str, steps: &[&str], state: &str| {
        let run = home.run(name, steps, &["-d", "--name", name]);
        home.wait(&text_of(&run, "id"), state)
    };
    begin("done", &["write a a", "commit a", "say done"], "ended");
    begin("asks", &["ask which?"], "waiting");
    begin("broken", &["write b b", "exit 3"], "ended");
    begin("older", &["hang"], "running");
    // A person's own checkout is a run like any other.
    let newer = home.script("newer", &["hang"]);
    home.json(&["run", "newer", "--prompt-file", &newer, "--in-place", "--name", "newer"]);
    let queued = home.run("queued", &["say hello"], &["-d", "--name", "queued"]);
    assert_eq!(names(&home.json(&["ls"])), ["asks", "broken", "newer", "older", "queued", "done"]);
    let short = home.skep(&["status", "--short"]).ok();
    assert_eq!(short, "2 run · 1 waits · 1 failed · 1 to land · 1 queued\n");
    // Why it is not started: who holds the slots, and who is before it.
    let why = home.json(&["why", &text_of(&queued, "id")]);
    let fact = |name: &str| {
        let found = why.as_array().unwrap().iter().find(|fact| fact["fact"] == name);
        text_of(found.unwrap_or_else(|| panic!("no {name}: {why}")), "value")
    };
    assert!(fact("state").contains("limits.runs"), "{why}");
    assert!(
        fact("slots").starts_with("2 of 2 taken: ") && fact("slots").contains("older ("),
        "{why}"
    );
    assert_eq!(
        (fact("line"), fact("checkouts")),
        ("nobody is before it".into(), "0 of 4 under way".into())
    );
    for fact in why.as_array().unwrap() {
        for field in ["fact", "value", "source", "rule"] {
            assert!(!text_of(fact, field).is_empty(), "{fact}");
        }
    }
    // What was given back is hidden, and said to be.
    home.skep(&["close", "done", "--keep-branch"]).ok();
    let said = home.skep(&["ls"]);
    assert!(said.stderr.contains("1 closed one is not shown: skep ls --all"), "{said:?}");
    assert!(!said.ok().contains("done"));
    assert_eq!(names(&home.json(&["ls", "--all"])).len(), 6);
    home.skep(&["stop", "--all", "--now"]).ok();
    assert_eq!(repo.branches().iter().filter(|branch| *branch == "main").count(), 1);
}

#[test]
fn why_tells_until_when_a_run_rests_after_its_guards_died() {
    let home = Home::new();
    home.repo();
    home.skep(&["config", "set", "retry.first", "1h"]).ok();
    let task = text_of(&home.json(&["task", "add", "the roof"]), "id");
    let prompt = home.script("the roof", &["hang"]);
    let run = home.json(&["run", &task, "--prompt-file", &prompt]);
    kill(pid_of(&run, "gatekeeper"), Signal::KILL);
    let id = text_of(&run, "id");
    home.wait(&id, "queued");
    let why = home.json(&["why", &id]);
    assert!(fact(&why, "back-off").contains("after death 1"), "{why}");
    assert!(fact(&why, "state").contains("tried again at"), "{why}");
    assert!(fact(&why, "task").contains("the roof"), "{why}");
    home.skep(&["stop", &id]).ok();
}

fn fact(why: &Value, name: &str) -> String {
    let found = why.as_array().unwrap().iter().find(|fact| fact["fact"] == name);
    text_of(found.unwrap_or_else(|| panic!("no {name}: {why}")), "value")
}

#[test]
fn work_waits_until_what_its_task_needs_has_landed_and_why_says_so() {
    let home = Home::new();
    home.repo();
    let needed = text_of(&home.json(&["task", "add", "the ground floor"]), "id");
    let task = text_of(&home.json(&["task", "add", "the roof", "--needs", &needed]), "id");
    let roof = home.script("the roof", &["write roof r", "commit roof", "say done"]);
    let run = home.json(&["run", &task, "--prompt-file", &roof]);
    let id = text_of(&run, "id");
    assert_eq!(text_of(&run, "state"), "queued");
    assert!(text_of(&run, "held").contains("has not landed: it is ingested"), "{run}");
    let why = home.json(&["why", &id]);
    assert!(fact(&why, "needs").starts_with(&format!("{needed}, ingested")), "{why}");
    let ground = home.script("the floor", &["write floor f", "commit floor", "say done"]);
    let first = text_of(&home.json(&["run", &needed, "--prompt-file", &ground]), "id");
    home.wait(&first, "ended");
    // Done is not landed.
    assert_eq!(home.listed(&id)["state"], "queued");
    home.skep(&["land", &first]).ok();
    home.wait(&id, "ended");
    assert_eq!(home.json(&["show", &needed])["state"], "merged");
}

/// Page faults of the children that a process has waited for: no child leaves it as it was.
fn children_of(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1;
    // `cminflt`, field 11; what follows the name begins with field 3.
    fields.split(' ').nth(8).unwrap().parse().unwrap()
}

/// Runs a call to its end and returns what its own children left.
fn called(home: &Home, args: &[&str]) -> u64 {
    let mut child = home.command(args).spawn().unwrap();
    let pid = Pid::from_child(&child);
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    let left = children_of(child.id());
    assert!(child.wait().unwrap().success(), "{args:?}");
    left
}

#[test]
fn a_list_starts_no_process_neither_here_nor_in_the_daemon() {
    let home = Home::new();
    home.repo();
    for name in ["one", "two"] {
        home.run(name, &["write a a", "hang"], &["--name", name]);
    }
    let daemon = home.daemon();
    // Its own deeds after a start have to be over.
    let (mut seen, mut calm) = (children_of(daemon), 0);
    eventually("the daemon is at rest", || {
        let now = children_of(daemon);
        calm = if now == seen { calm + 1 } else { 0 };
        seen = now;
        calm > 30
    });
    for _ in 0..5 {
        for args in [
            &["ls"][..],
            &["ls", "--all"],
            &["status"],
            &["status", "--short"],
            &["why", "one"],
            &["cost"],
            &["path", "one"],
        ] {
            assert_eq!(called(&home, args), 0, "{args:?} started a process");
        }
    }
    assert_eq!(children_of(daemon), seen, "the daemon started a process for a list");
    // The meter works: what asks git does start one.
    called(&home, &["show", "one"]);
    assert!(children_of(daemon) > seen);
}

#[test]
fn a_list_needs_no_network() {
    let alone = ["--map-current-user", "--net"];
    let may =
        Program::new("unshare").args(alone).args(["true"]).env("PATH", "/usr/bin:/bin").output();
    if !may.is_ok_and(|output| output.status.success()) {
        // Where no namespace can be made, the other proof has to do.
        return;
    }
    let home = Home::new();
    let repo = home.repo();
    repo.git(&["remote", "add", "origin", "https://203.0.113.1/none.git"]);
    let run = home.run("go", &["write a a", "hang"], &["--base", "main"]);
    home.skep(&["daemon", "stop"]).ok();
    // The daemon comes up in there too, and neither has an interface.
    let mut command = proc::command("unshare");
    let asked = home.command(&["--json", "ls"]);
    command.args(alone).arg(asked.get_program()).args(asked.get_args()).env_clear();
    command.envs(asked.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.current_dir(home.at("web")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&list[0]["id"], list.as_array().unwrap().len()), (&run["id"], 1), "{list}");
    let inside = fs::read_link(format!("/proc/{}/ns/net", home.daemon())).unwrap();
    assert_ne!(inside, fs::read_link("/proc/self/ns/net").unwrap(), "the daemon is in there");
    home.skep(&["daemon", "stop"]).ok();
}

#[test]
fn a_diff_holds_what_is_committed_and_what_is_not_and_after_the_end_what_is_left() {
    let home = Home::new();
    let repo = home.repo();
    let steps = ["write kept kept", "commit kept", "write dir/new new", "say done"];
    let run = home.ended("go", &steps, &["-d"]);
    let id = text_of(&run, "id");
    let files = |view: &Value| -> Vec<(String, String)> {
        let files = view["files"].as_array().unwrap();
        files.iter().map(|file| (text_of(file, "status"), text_of(file, "path"))).collect()
    };
    let of = |status: &str, path: &str| (status.to_owned(), path.to_owned());
    let view = home.json(&["diff", &id]);
    assert_eq!(files(&view), [of("added", "kept"), of("untracked", "dir/new")], "{view}");
    assert_eq!((&view["worktree"], &view["cut"]), (&json!(true), &json!(false)));
    assert_eq!(view["base"], run["base"]["oid"]);
    // Its patch is one that git takes.
    let raw = home.skep(&["diff", &id, "--raw"]).ok();
    home.write("patch", &raw);
    repo.git(&["apply", "--check", "../patch"]);
    // A path may be given as it stands on disk.
    let worktree = text_of(&run, "worktree");
    let inside = format!("{worktree}/dir");
    assert_eq!(files(&home.json(&["diff", &id, &inside])), [of("untracked", "dir/new")]);
    for outside in ["../x", "/etc/passwd", "dir/../../x"] {
        home.skep(&["--json", "diff", &id, outside]).refused(2, "path-outside");
    }
    let said = home.skep(&["diff", &id, "nothing-there"]);
    assert!(said.stderr.contains("nothing is changed in nothing-there"), "{said:?}");
    assert_eq!(said.ok(), "");
    // The file that no commit holds goes, and the branch stays.
    fs::remove_dir_all(&inside).unwrap();
    home.skep(&["close", &id, "--keep-branch"]).ok();
    let view = home.json(&["diff", &id]);
    assert_eq!((files(&view), &view["worktree"]), (vec![of("added", "kept")], &json!(false)));
    repo.git(&["branch", "-D", &text_of(&run, "branch")]);
    home.skep(&["--json", "diff", &id]).refused(2, "nothing-to-compare");
}

#[test]
fn what_has_landed_can_still_be_seen_and_a_plain_folder_has_no_diff() {
    let home = Home::new();
    home.repo();
    let run = home.ended("go", &["write a a", "commit a", "say done"], &["-d"]);
    let id = text_of(&run, "id");
    home.skep(&["land", &id]).ok();
    home.skep(&["close", &id]).ok();
    let stat = home.skep(&["diff", &id, "--stat"]).ok();
    assert!(stat.contains("1 file, +1 −0") && stat.contains("from what is left"), "{stat}");
    let plain = home.ended("plain", &["write a a", "say done"], &["-d", "--directory"]);
    home.skep(&["--json", "diff", &text_of(&plain, "id")]).refused(2, "no-repository");
    home.skep(&["--json", "diff", "nobody"]).refused(2, "run-unknown");
}

#[test]
fn what_an_agent_used_is_counted_and_what_it_did_not_say_is_unknown() {
    let home = Home::new();
    home.repo();
    home.ended(
        "told",
        &["usage 1200 34 0.5", "write a a", "commit a", "say done"],
        &["-d", "--name", "told"],
    );
    home.ended("mute", &["write b b", "commit b", "say done"], &["-d", "--name", "mute"]);
    let cost = home.json(&["cost", "told"]);
    assert_eq!(
        (&cost["total"]["runs"], &cost["total"]["cost_usd"]),
        (&json!(1), &json!(0.5)),
        "{cost}"
    );
    let cost = home.json(&["cost"]);
    let mute = cost["runs"].as_array().unwrap().iter().find(|run| run["name"] == "mute").unwrap();
    assert_eq!((&mute["input_tokens"], &mute["cost_usd"]), (&Value::Null, &Value::Null), "{cost}");
    assert_eq!(cost["total"]["without_cost"], 1, "{cost}");
    home.skep(&["--json", "cost", "nobody"]).refused(2, "run-unknown");
}
