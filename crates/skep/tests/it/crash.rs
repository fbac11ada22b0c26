//! Kill -9 of everything, in every state: no process left, nothing lost, the next list true.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Child,
};

use rustix::process::Signal;
use serde_json::Value;
use skep_host::tree::{self, Table};
use skep_testkit::Repo;

use crate::home::{Home, eventually, inside, kill, lives, pid_of, text_of};

/// The warden of a run's keeper.
fn warden(keeper: u32) -> u32 {
    let mut found = None;
    eventually("the keeper has a warden", || {
        let table = Table::read().unwrap();
        let is_warden = |pid: &u32| {
            tree::arguments(*pid)
                .is_some_and(|args| args.get(1).is_some_and(|arg| arg == "__warden"))
        };
        found = table.descendants(keeper).iter().map(|row| row.process.pid).find(is_warden);
        found.is_some()
    });
    found.unwrap()
}

/// A daemon that dies at a kill point; the next one does not.
fn doomed(home: &Home, point: &str) {
    home.skep(&["daemon", "stop"]).ok();
    home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
}

/// How many worktrees git knows, but for the shelf of the snapshots.
fn worktrees(repo: &Repo<'_>) -> usize {
    let all = repo.git(&["worktree", "list"]);
    all.lines().filter(|line| !line.contains("skep-snapshots")).count()
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Kills a call that is under way.
fn kill_call(mut call: Child) {
    call.kill().unwrap();
    call.wait().unwrap();
}

#[test]
fn wherever_the_daemon_dies_on_the_way_to_an_agent_the_next_one_brings_it_there_once() {
    let points = [
        "commit.before",
        "commit.after",
        "effect.before",
        "effect.after",
        "prepare.before",
        "prepare.after",
        "start.before",
        "start.after",
    ];
    for point in points {
        let home = Home::new();
        let repo = home.repo();
        home.json(&["project", "add", "."]);
        doomed(&home, point);
        let doomed = home.daemon();
        let prompt = home.script("once", &["append count once", "commit it", "say done"]);
        // The daemon dies under it; the next one is asked the same, which counts once.
        let run = home.json(&["run", "once", "--prompt-file", &prompt, "-d"]);
        eventually("the daemon died", || !lives(doomed));
        assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1, "{point}");
        let run = home.wait(&text_of(&run, "id"), "ended");
        assert_eq!(
            (&run["outcome"], &run["attempt"]),
            (&"completed".into(), &1.into()),
            "{point}: {run}"
        );
        let worktree = PathBuf::from(text_of(&run, "worktree"));
        assert_eq!(
            lines(&worktree.join("count")),
            ["once"],
            "{point}: the agent was started twice"
        );
        assert_eq!(repo.branches().len(), 2, "{point}: {:?}", repo.branches());
        assert_eq!(worktrees(&repo), 2, "{point}");
        assert_eq!(fs::read_dir(home.root().join("env")).unwrap().count(), 1, "{point}");
        let kinds = home.kinds(&text_of(&run, "id"));
        for kind in ["created", "prepared", "started", "ended"] {
            assert_eq!(
                kinds.iter().filter(|found| *found == kind).count(),
                1,
                "{point}: {kinds:?}"
            );
        }
        home.no_agents();
    }
}

#[test]
fn a_set_up_that_the_daemon_died_under_never_runs_twice_side_by_side_and_is_done_in_the_end() {
    let home = Home::new();
    let repo = home.repo();
    let (pids, both, go) = (home.at("pids"), home.at("both"), home.at("go"));
    // Each looks whether one that came before it still lives; a detached sleep must go with its script, too.
    repo.write(
        "set-up",
        &format!(
            "#!/bin/sh\nfor pid in $(cat {0} 2>/dev/null); do kill -0 $pid 2>/dev/null && echo $pid >> {1}; done\n\
             setsid sleep 3600 & echo $! >> {0}\necho $$ >> {0}\n\
             while ! test -e {2}; do sleep 0.02; done\ntouch set-up-was-here\n",
            pids.display(),
            both.display(),
            go.display()
        ),
    );
    repo.write(".skep/project.toml", "[setup]\nrun = \"sh ./set-up\"\n");
    repo.commit("set-up");
    let run = home.run("slow", &["append count once", "commit it", "say done"], &["--yes", "-d"]);
    let id = text_of(&run, "id");
    eventually("the set-up runs", || lines(&pids).len() == 2);
    home.kill_daemon();
    assert_eq!(home.listed(&id)["state"], "preparing");
    eventually("the set-up runs again", || lines(&pids).len() == 4);
    home.kill_daemon();
    assert_eq!(home.listed(&id)["state"], "preparing");
    eventually("the set-up runs a third time", || lines(&pids).len() == 6);
    assert!(!both.exists(), "two at once: {:?}", lines(&both));
    fs::write(&go, "").unwrap();
    let run = home.wait(&id, "ended");
    assert_eq!(run["outcome"], "completed", "{run}");
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    assert!(
        worktree.join("set-up-was-here").exists(),
        "the agent began before the set-up was done"
    );
    assert_eq!(lines(&worktree.join("count")), ["once"]);
    assert_eq!(worktrees(&repo), 2);
    home.no_agents();
}

/// A run in a state in which its agent lives, with a commit, a file and a detached child in its env.
fn in_state(home: &Home, state: &str) -> Value {
    let mut steps = vec!["append log x", "fork", "write ready x"];
    match state {
        "waiting" => steps.push("ask why?"),
        "stopping" => steps.extend(["ignore-term", "write deaf x", "hang"]),
        _ => steps.push("hang"),
    }
    let run = home.run(state, &steps, &["-d"]);
    let id = text_of(&run, "id");
    let run = home.wait(&id, if state == "waiting" { "waiting" } else { "running" });
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    let last = if state == "stopping" { "deaf" } else { "ready" };
    eventually("the agent has come so far", || worktree.join(last).exists());
    let place = home.place().at(&worktree);
    place.commit_file("work", "committed\n");
    place.write("draft", "not committed\n");
    if state == "stopping" {
        // Nobody waits for this call: the run is killed in the middle of its stop.
        let call = home.spawn(&["stop", &id]);
        home.wait(&id, "stopping");
        kill_call(call);
    }
    run
}

/// Whoever of a run's processes is killed, in whichever state: all of that attempt goes, all of its work stays.
fn whatever_is_killed(victims: impl Fn(&Value) -> Vec<u32>) {
    for state in ["running", "waiting", "stopping"] {
        let home = Home::new();
        home.skep(&["config", "set", "time.grace", "3s"]).ok();
        let repo = home.repo();
        let run = in_state(&home, state);
        let (id, worktree) = (text_of(&run, "id"), PathBuf::from(text_of(&run, "worktree")));
        let before = tree::inside(&worktree).unwrap();
        assert!(before.len() >= 2, "{state}: {before:?}");
        let head = home.place().at(&worktree).head();
        for victim in victims(&run) {
            kill(victim, Signal::KILL);
        }
        eventually("nothing of that attempt lives", || {
            before.iter().all(|process| tree::probe(*process) == tree::Probe::Dead)
                && !lives(pid_of(&run, "gatekeeper"))
        });
        // Whatever the list says now, it is true: an agent that is said to live does.
        eventually("the list is true", || {
            let listed = home.listed(&id);
            match listed["state"].as_str() {
                Some("ended") => true,
                Some("running" | "waiting") => {
                    listed["attempt"] == 2
                        && lives(pid_of(&listed, "pid"))
                        && lives(pid_of(&listed, "gatekeeper"))
                }
                _ => false,
            }
        });
        if state == "stopping" {
            assert_eq!(home.listed(&id)["outcome"], "stopped", "a person's word decides");
        }
        home.skep(&["stop", &id]).ok();
        home.no_agents();
        let after = home.listed(&id);
        assert_eq!((&after["branch"], &after["base"]), (&run["branch"], &run["base"]), "{state}");
        let lock = PathBuf::from(text_of(&run, "env")).join("lock");
        drop(skep_host::lock::hold(&lock).expect("whoever is killed lets go of the env"));
        let place = home.place().at(&worktree);
        // The next attempt may have gone on from it.
        place.git(&["merge-base", "--is-ancestor", &head, "HEAD"]);
        assert_eq!(
            (place.read("work"), place.read("draft")),
            ("committed\n".to_owned(), "not committed\n".to_owned())
        );
        let branch = format!("refs/heads/{}", text_of(&run, "branch"));
        repo.git(&["merge-base", "--is-ancestor", &head, &branch]);
    }
}

#[test]
fn a_keeper_that_is_killed_takes_its_whole_tree_along_and_loses_no_work() {
    whatever_is_killed(|run| vec![pid_of(run, "gatekeeper")]);
}

#[test]
fn a_warden_that_is_killed_takes_its_whole_tree_along_and_loses_no_work() {
    whatever_is_killed(|run| vec![warden(pid_of(run, "gatekeeper"))]);
}

#[test]
fn both_guards_killed_at_once_leave_nothing_that_lives_and_lose_no_work() {
    whatever_is_killed(|run| vec![pid_of(run, "gatekeeper"), warden(pid_of(run, "gatekeeper"))]);
}

#[test]
fn an_agent_that_is_killed_leaves_nothing_that_lives_and_loses_no_work() {
    whatever_is_killed(|run| vec![pid_of(run, "pid")]);
}

#[test]
fn daemon_and_guards_killed_together_leave_a_list_that_is_true_again() {
    let home = Home::new();
    home.repo();
    let run = in_state(&home, "running");
    let (id, worktree) = (text_of(&run, "id"), PathBuf::from(text_of(&run, "worktree")));
    let before = tree::inside(&worktree).unwrap();
    let keeper = pid_of(&run, "gatekeeper");
    let all = [home.daemon(), keeper, warden(keeper)];
    for pid in all {
        kill(pid, Signal::KILL);
    }
    eventually("they are gone", || !all.iter().any(|pid| lives(*pid)));
    eventually("the old tree is swept and the list true", || {
        let listed = home.listed(&id);
        let swept = before.iter().all(|process| tree::probe(*process) == tree::Probe::Dead);
        swept
            && (listed["state"] == "ended"
                || listed["attempt"] == 2 && listed["state"] == "running")
    });
    assert_eq!(home.place().at(&worktree).read("draft"), "not committed\n");
    home.skep(&["stop", &id]).ok();
    home.no_agents();
}

#[test]
fn guards_that_die_before_they_told_anything_are_found_out() {
    let home = Home::new();
    home.repo();
    home.json(&["project", "add", "."]);
    doomed(&home, "start.after");
    let daemon = home.daemon();
    let prompt = home.script("unseen", &["append log x", "fork", "write ready x", "hang"]);
    home.skep(&["run", "unseen", "--prompt-file", &prompt, "-d"]);
    eventually("the daemon died", || !lives(daemon));
    // The keeper is at work and nobody has recorded it; now it dies as well.
    let keeper = |home: &Home| home.alive().into_iter().find(|(_, line)| line.contains("__keeper"));
    eventually("the agent is at work", || {
        !tree::inside(&home.root().join("env")).unwrap().is_empty()
    });
    let (keeper, _) = keeper(&home).expect("a keeper");
    let warden = warden(keeper);
    kill(keeper, Signal::KILL);
    kill(warden, Signal::KILL);
    let run = home.json(&["ls", "--all"])[0].clone();
    let id = text_of(&run, "id");
    eventually("the list is true", || {
        let listed = home.listed(&id);
        let dead = !lives(keeper) && !lives(warden);
        dead && (listed["state"] == "ended"
            || listed["state"] == "running" && lives(pid_of(&listed, "pid")))
    });
    home.skep(&["stop", &id]).ok();
    home.no_agents();
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_killed_command_line_ends_no_run_and_makes_no_second_one() {
    let home = Home::new();
    home.repo();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    home.skep(&["config", "set", "time.health", "30s"]).ok();
    let prompt = home.script("held", &[&wait, "write a a", "commit a", "say done"]);
    // It waits for the health window, which is long.
    let call = home.spawn(&["run", "held", "--prompt-file", &prompt]);
    eventually("the run is at work", || {
        home.json(&["ls"]).get(0).is_some_and(|run| run["state"] == "running")
    });
    kill_call(call);
    let id = text_of(&home.json(&["ls"])[0], "id");
    for verb in [&["wait", id.as_str()][..], &["logs", &id, "-f"], &["events", "-f"]] {
        kill_call(home.spawn(verb));
    }
    let run = home.listed(&id);
    assert!(lives(pid_of(&run, "pid")) && run["state"] == "running", "{run}");
    fs::write(&go, "").unwrap();
    assert_eq!(home.wait(&id, "ended")["outcome"], "completed");
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_run_that_waits_in_line_is_still_in_line_after_the_daemon_was_killed() {
    let home = Home::with_limits("runs = 1");
    home.repo();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let first = home.run("first", &[&wait, "write a a", "say done"], &[]);
    let second = home.run("second", &["write b b", "say done"], &[]);
    assert_eq!(second["state"], "queued", "{second}");
    home.kill_daemon();
    assert_eq!(home.listed(&text_of(&second, "id"))["state"], "queued");
    assert_eq!(home.listed(&text_of(&first, "id"))["state"], "running");
    fs::write(&go, "").unwrap();
    assert_eq!(home.wait(&text_of(&second, "id"), "ended")["outcome"], "completed");
    assert_eq!(home.listed(&text_of(&first, "id"))["outcome"], "completed");
}

#[test]
fn a_stop_that_the_daemon_died_in_is_still_a_stop() {
    for point in ["stop.before", "stop.after"] {
        let home = Home::new();
        home.repo();
        let run = home.run("held", &["fork", "hang"], &[]);
        let (id, worktree) = (text_of(&run, "id"), PathBuf::from(text_of(&run, "worktree")));
        doomed(&home, point);
        home.skep(&["stop", &id]).ok();
        let ended = home.wait(&id, "ended");
        assert_eq!(ended["outcome"], "stopped", "{point}: {ended}");
        assert_eq!(inside(&worktree), 0, "{point}");
    }
}

#[test]
fn a_preparation_whose_own_processes_are_killed_is_taken_back_and_made_anew() {
    for role in ["__effect", "__warden"] {
        let home = Home::new();
        let repo = home.repo();
        let (pids, both, go) = (home.at("pids"), home.at("both"), home.at("go"));
        let script = format!(
            "for pid in $(cat {0} 2>/dev/null); do kill -0 $pid 2>/dev/null && echo $pid >> {1}; done; \
             echo $$ >> {0}; while ! test -e {2}; do sleep 0.02; done",
            pids.display(),
            both.display(),
            go.display()
        );
        repo.write(".skep/project.toml", &format!("[setup]\nrun = \"{script}\"\n"));
        repo.commit("set-up");
        let run =
            home.run("slow", &["append count once", "commit it", "say done"], &["--yes", "-d"]);
        eventually("the set-up runs", || lines(&pids).len() == 1);
        let is_role = |pid: u32| {
            tree::arguments(pid).is_some_and(|args| args.get(1).is_some_and(|arg| arg == role))
        };
        let table = Table::read().unwrap();
        let below = table.descendants(home.daemon());
        let victim = below.iter().map(|row| row.process.pid).find(|pid| is_role(*pid));
        kill(victim.expect("it carries out the preparation"), Signal::KILL);
        eventually("the set-up runs again", || lines(&pids).len() == 2);
        assert!(!both.exists(), "{role}: two at once");
        fs::write(&go, "").unwrap();
        let run = home.wait(&text_of(&run, "id"), "ended");
        assert_eq!(run["outcome"], "completed", "{role}: {run}");
        assert_eq!(lines(&PathBuf::from(text_of(&run, "worktree")).join("count")), ["once"]);
        assert_eq!(repo.branches().len(), 2, "{role}: {:?}", repo.branches());
        assert_eq!(worktrees(&repo), 2, "{role}");
        home.no_agents();
    }
}

#[test]
fn a_daemon_that_is_killed_again_and_again_loses_no_run_and_doubles_none() {
    let home = Home::with_limits("runs = 2");
    let repo = home.repo();
    let prompt = home.script("work", &["append count once", "commit it", "usage 1 2", "say done"]);
    let runs = home.json(&["run", "work", "--prompt-file", &prompt, "--count", "6", "-d"]);
    let ids: Vec<String> = runs.as_array().unwrap().iter().map(|run| text_of(run, "id")).collect();
    for _ in 0..8 {
        // However far they have come by now; each start of a daemon is another moment.
        home.kill_daemon();
        home.skep(&["daemon", "start"]).ok();
    }
    for id in &ids {
        let run = home.wait(id, "ended");
        assert_eq!((&run["outcome"], &run["attempt"]), (&"completed".into(), &1.into()), "{run}");
        assert_eq!(run["usage"]["output_tokens"], 2, "{run}");
        let worktree = PathBuf::from(text_of(&run, "worktree"));
        assert_eq!(lines(&worktree.join("count")), ["once"]);
        assert_eq!(home.kinds(id).iter().filter(|kind| *kind == "ended").count(), 1);
    }
    assert_eq!(repo.branches().len(), 7);
    let seqs: Vec<u64> = home.events().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "a gap in {seqs:?}");
}

#[test]
fn a_wait_outlives_a_killed_daemon_and_does_not_bring_back_one_that_was_stopped() {
    let home = Home::new();
    home.repo();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let id = text_of(&home.run("held", &[&wait, "write a a", "say done"], &[]), "id");
    let connected = |daemon: u32| {
        let threads = fs::read_dir(format!("/proc/{daemon}/task")).into_iter().flatten();
        let name =
            |entry: fs::DirEntry| fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        threads.filter_map(Result::ok).any(|entry| name(entry).trim() == "connection")
    };
    let mut call = home.spawn(&["wait", &id]);
    let daemon = home.daemon();
    eventually("it waits", || connected(daemon));
    kill(daemon, Signal::KILL);
    eventually("it waits at another", || {
        home.skep(&["--json", "daemon", "status"]).code == 0 && home.daemon() != daemon
    });
    fs::write(&go, "").unwrap();
    assert_eq!(call.wait().unwrap().code(), Some(0));
    let held = text_of(&home.run("more", &["hang"], &[]), "id");
    let mut call = home.spawn(&["wait", &held]);
    let daemon = home.daemon();
    eventually("it waits", || connected(daemon));
    home.skep(&["daemon", "stop"]).ok();
    assert_eq!(call.wait().unwrap().code(), Some(2));
    home.skep(&["--json", "daemon", "status"]).refused(2, "daemon-absent");
}

#[test]
fn what_a_launch_made_in_vain_is_taken_back_even_if_the_daemon_dies_in_it() {
    for point in ["undo.before", "undo.after"] {
        let home = Home::new();
        let repo = home.repo();
        home.json(&["project", "add", "."]);
        let program = home.write("broken", "#!/no/such/interpreter\n");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let profile = format!("protocol = \"plain\"\nprogram = \"{program}\"\nprompt = \"none\"\n");
        home.write("c/agents/broken.toml", &profile);
        let before = repo.git(&["for-each-ref"]);
        doomed(&home, point);
        let doomed = home.daemon();
        let run = home.json(&["run", "fix it", "--agent", "broken", "-d"]);
        eventually("the daemon died", || !lives(doomed));
        let id = text_of(&run, "id");
        eventually("it is taken back", || home.listed(&id)["env_state"] == "none");
        assert_eq!(home.listed(&id)["reason"], "start", "{point}");
        assert_eq!(repo.git(&["for-each-ref"]), before, "{point}");
        assert_eq!(worktrees(&repo), 1, "{point}");
        assert_eq!(fs::read_dir(home.root().join("env")).unwrap().count(), 0, "{point}");
    }
}

#[test]
fn a_sweep_that_the_daemon_died_in_is_made_again() {
    for point in ["sweep.before", "sweep.after"] {
        let home = Home::new();
        home.repo();
        let run = in_state(&home, "running");
        let (id, worktree) = (text_of(&run, "id"), PathBuf::from(text_of(&run, "worktree")));
        let before = tree::inside(&worktree).unwrap();
        doomed(&home, point);
        let (doomed, keeper) = (home.daemon(), pid_of(&run, "gatekeeper"));
        let both = [warden(keeper), keeper];
        for guard in both {
            kill(guard, Signal::KILL);
        }
        eventually("the daemon died", || !lives(doomed));
        eventually("the old tree is swept and the list true", || {
            let listed = home.listed(&id);
            let swept = before.iter().all(|process| tree::probe(*process) == tree::Probe::Dead);
            swept
                && (listed["state"] == "ended"
                    || listed["attempt"] == 2 && listed["state"] == "running")
        });
        assert_eq!(home.place().at(&worktree).read("draft"), "not committed\n");
        home.skep(&["stop", &id]).ok();
        home.no_agents();
    }
}
