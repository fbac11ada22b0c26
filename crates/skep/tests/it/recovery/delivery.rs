//! What was said while nobody listened is heard once; what nobody could say is found out; what is unknown is let be.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use skep_host::tree::{self, Table};

use crate::home::{Home, eventually, kill, lives, pid_of, text_of};

/// Writes a file in place of another.
fn put(path: &Path, value: &Value) {
    fs::write(path, serde_json::to_vec(value).unwrap()).unwrap();
}

fn take(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn guards(run: &Value) -> Vec<u32> {
    let keeper = pid_of(run, "gatekeeper");
    let table = Table::read().unwrap();
    let warden = table.descendants(keeper).iter().map(|row| row.process.pid).find(|pid| {
        tree::arguments(*pid).is_some_and(|args| args.get(1).is_some_and(|arg| arg == "__warden"))
    });
    vec![keeper, warden.expect("the keeper has a warden")]
}

/// A run whose agent is at work, with a file that no commit holds.
fn at_work(home: &Home, title: &str) -> Value {
    let run = home.run(title, &["append log x", "fork", "write ready x", "hang"], &["-d"]);
    let run = home.wait(&text_of(&run, "id"), "running");
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    eventually("the agent has come so far", || worktree.join("ready").exists());
    home.place().at(&worktree).write("draft", "mine\n");
    run
}

#[test]
fn a_run_whose_start_was_never_reported_is_not_stuck() {
    let home = Home::new();
    home.repo();
    home.json(&["project", "add", "."]);
    home.json(&["daemon", "stop"]);
    home.skep_with(home.place().root(), &[("SKEP_CRASH", "start.after")], &["daemon", "start"])
        .ok();
    let doomed = home.daemon();
    let prompt = home.script("lost", &["append count once", "write ready x", "hang"]);
    let run = home.json(&["run", "lost", "--prompt-file", &prompt, "-d"]);
    let id = text_of(&run, "id");
    eventually("the daemon died", || !lives(doomed));
    let dir = home.attempt(&id, 1);
    eventually("the keeper is at work", || dir.join("start.json").exists());
    let keeper = home.alive().into_iter().find(|(_, line)| line.contains("__keeper")).unwrap().0;
    for guard in guards(&json!({"gatekeeper": keeper})) {
        kill(guard, Signal::KILL);
    }
    // Neither its start nor any line of it ever comes.
    fs::write(dir.join("reports.jsonl"), "").unwrap();
    fs::remove_file(dir.join("start.json")).unwrap();
    eventually("it is tried again, or over", || {
        let run = home.listed(&id);
        run["state"] == "ended"
            || run["attempt"] == 2 && run["state"] == "running"
            || run["state"] == "running" && lives(pid_of(&run, "pid"))
    });
    home.skep(&["stop", &id]).ok();
    home.no_agents();
}

#[test]
fn what_ended_while_no_daemon_was_there_is_told_once() {
    let home = Home::new();
    home.repo();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let steps = ["append count once", &wait, "commit it", "usage 3 4", "say done"];
    let id = text_of(&home.run("away", &steps, &[]), "id");
    home.kill_daemon();
    fs::write(&go, "").unwrap();
    let exit = home.attempt(&id, 1).join("exit.json");
    eventually("it is over", || exit.exists() && home.alive().is_empty());
    // Whoever comes first starts the daemon; each reads the same reports.
    for _ in 0..3 {
        let run = home.wait(&id, "ended");
        assert_eq!(run["outcome"], "completed", "{run}");
        assert_eq!(run["usage"]["output_tokens"], 4, "{run}");
        home.kill_daemon();
    }
    let kinds = home.kinds(&id);
    for kind in ["started", "ended"] {
        assert_eq!(kinds.iter().filter(|found| *found == kind).count(), 1, "{kinds:?}");
    }
}

#[test]
fn a_run_that_nobody_holds_any_more_ends_as_lost_and_frees_its_slot() {
    let home = Home::with_limits("runs = 1");
    home.repo();
    home.skep(&["config", "set", "retry.tries", "0"]).ok();
    let run = at_work(&home, "held");
    let id = text_of(&run, "id");
    let next = home.run("next", &["write a a", "commit a", "say done"], &["-d"]);
    assert_eq!(home.listed(&text_of(&next, "id"))["state"], "queued");
    for guard in guards(&run) {
        kill(guard, Signal::KILL);
    }
    let lost = home.wait(&id, "ended");
    assert_eq!(
        (&lost["outcome"], &lost["reason"]),
        (&"lost".into(), &"supervisor-lost".into()),
        "{lost}"
    );
    assert_eq!(home.wait(&text_of(&next, "id"), "ended")["outcome"], "completed");
    assert_eq!(home.place().at(text_of(&lost, "worktree")).read("draft"), "mine\n");
}

#[test]
fn a_probe_that_gets_no_answer_leaves_the_run_as_it_is() {
    let home = Home::new();
    home.repo();
    let run = at_work(&home, "held");
    let (id, keeper) = (text_of(&run, "id"), pid_of(&run, "gatekeeper"));
    let start = home.attempt(&id, 1).join("start.json");
    // Who the keeper is cannot be read: the daemon that comes next knows only what the ledger says.
    let whole = fs::read(&start).unwrap();
    fs::write(&start, &whole[..whole.len() / 2]).unwrap();
    home.kill_daemon();
    let listed = home.listed(&id);
    assert_eq!((&listed["state"], &listed["attempt"]), (&"running".into(), &1.into()), "{listed}");
    assert!(lives(keeper) && lives(pid_of(&run, "pid")));
    fs::write(&start, &whole).unwrap();
    // Git that does not answer is no reason either.
    let git = home.at("web/.git");
    let hidden = home.at("web/.hidden");
    fs::rename(&git, &hidden).unwrap();
    home.skep(&["show", &id]);
    assert_eq!(home.listed(&id)["state"], "running");
    assert!(lives(pid_of(&run, "pid")));
    fs::rename(&hidden, &git).unwrap();
}

#[test]
fn a_question_that_failed_ends_no_env_no_session_and_no_run() {
    let home = Home::new();
    home.repo();
    let run = home.ended("done", &["write a a", "commit a", "say done"], &["-d"]);
    home.at_rest();
    let (id, worktree) = (text_of(&run, "id"), PathBuf::from(text_of(&run, "worktree")));
    let (git, hidden) = (home.at("web/.git"), home.at("web/.hidden"));
    fs::rename(&git, &hidden).unwrap();
    for how in [&["close", id.as_str(), "--keep-branch"][..], &["close", &id], &["clean"]] {
        home.skep(how);
        assert!(worktree.join("a").exists(), "{how:?}");
        assert_eq!(home.listed(&id)["env_state"], "held", "{how:?}");
    }
    let all = home.findings(&["--json", "doctor", "--fix"]);
    assert!(all.iter().all(|one| one["mended"].is_null()), "{all:#?}");
    fs::rename(&hidden, &git).unwrap();
    assert_eq!(home.doctor(), Vec::<Value>::new());
    home.skep(&["close", &id, "--keep-branch"]).ok();
}

#[test]
fn a_report_of_an_attempt_that_is_over_is_refused() {
    let home = Home::new();
    home.repo();
    let run = at_work(&home, "twice");
    let id = text_of(&run, "id");
    home.skep(&["stop", &id]).ok();
    home.skep(&["retry", &id]).ok();
    let second = home.wait(&id, "running");
    assert_eq!(second["attempt"], 2, "{second}");
    home.json(&["daemon", "stop"]);
    // The first attempt's keeper, back from the dead, says that all is over.
    let old = home.attempt(&id, 1).join("reports.jsonl");
    let text = fs::read_to_string(&old).unwrap();
    let mut line: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    line["line"] = json!(line["line"].as_u64().unwrap() + 1);
    fs::write(&old, format!("{text}{line}\n")).unwrap();
    let listed = home.listed(&id);
    assert_eq!((&listed["state"], &listed["attempt"]), (&"running".into(), &2.into()), "{listed}");
    assert!(lives(pid_of(&second, "pid")));
    home.skep(&["stop", &id]).ok();
}

#[test]
fn runs_of_a_machine_that_was_started_again_are_found_dead_kept_and_resumed() {
    for tries in ["0", "2"] {
        let home = Home::new();
        home.repo();
        home.skep(&["config", "set", "retry.tries", tries]).ok();
        let run = at_work(&home, "held");
        let (id, worktree) = (text_of(&run, "id"), PathBuf::from(text_of(&run, "worktree")));
        let before = tree::inside(&worktree).unwrap();
        let mut all = guards(&run);
        all.extend(before.iter().map(|process| process.pid));
        // The daemon first: it must not hear of the others' end in this boot.
        home.kill_daemon();
        for pid in &all {
            kill(*pid, Signal::KILL);
        }
        eventually("nothing lives", || home.alive().is_empty());
        // In this boot the keeper's pid is a stranger's, who leads a session and has a child in it.
        let mut stranger = skep_host::proc::command("setsid")
            .args(["sh", "-c", "exec 3<&0; cat <&3 & echo $!; exec cat"])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut child = String::new();
        BufReader::new(stranger.stdout.take().unwrap()).read_line(&mut child).unwrap();
        let standing = tree::identity(stranger.id()).unwrap();
        let start = home.attempt(&id, 1).join("start.json");
        let mut told = take(&start);
        told["boot"] = json!("00000000-0000-0000-0000-000000000000");
        told["gatekeeper"] = json!({"pid": standing.pid, "started": standing.started});
        put(&start, &told);
        if tries == "0" {
            let over = home.wait(&id, "ended");
            assert_eq!(
                (&over["outcome"], &over["reason"]),
                (&"interrupted".into(), &"host-restart".into()),
                "{over}"
            );
            assert_eq!(home.place().at(&worktree).read("draft"), "mine\n");
            home.skep(&["resume", &id]).ok();
        }
        eventually("it goes on as another attempt", || {
            let run = home.listed(&id);
            run["attempt"] == 2 && ["running", "ended"].contains(&run["state"].as_str().unwrap())
        });
        assert_eq!(home.place().at(&worktree).read("draft"), "mine\n");
        let child = child.trim().parse().unwrap();
        assert!(lives(stranger.id()) && lives(child), "a stranger was ended");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        home.skep(&["stop", &id]);
        home.no_agents();
        home.at_rest();
        assert_eq!(home.doctor(), Vec::<Value>::new());
    }
}

#[test]
fn eight_that_ask_at_once_share_one_sequence_without_gap() {
    let home = Home::new();
    home.skep(&["ls"]).ok();
    thread::scope(|scope| {
        for one in 0..8 {
            let home = &home;
            scope.spawn(move || {
                for two in 0..5 {
                    home.skep(&["task", "add", &format!("task {one} {two}")]).ok();
                }
            });
        }
    });
    assert_eq!(home.json(&["task", "ls"]).as_array().unwrap().len(), 40);
    let seqs: Vec<u64> = home.events().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "a gap in {seqs:?}");
    assert_eq!(home.doctor(), Vec::<Value>::new());
}
