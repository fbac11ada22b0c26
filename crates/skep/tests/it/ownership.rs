//! Who owns what: one daemon a home, one home a run; and what nobody owns any more is found.

use std::{fs, path::PathBuf};

use rustix::process::Signal;
use serde_json::Value;
use skep_host::tree::{self, Table};

use crate::home::{Home, Said, eventually, kill, lives, pid_of, text_of};

/// The daemons of a home that live.
fn daemons(home: &Home) -> Vec<u32> {
    let all = home.alive().into_iter().filter(|(_, line)| line.contains("daemon run"));
    all.map(|(pid, _)| pid).collect()
}

/// The starts of daemons that decided anything.
fn epochs(home: &Home) -> Vec<u64> {
    let mut all: Vec<u64> =
        home.events().iter().map(|event| event["epoch"].as_u64().unwrap()).collect();
    all.dedup();
    all
}

#[test]
fn a_daemon_that_hangs_stays_the_owner_of_its_home_and_a_lock_of_a_dead_one_keeps_nobody_out() {
    let home = Home::new();
    home.json(&["task", "add", "one"]);
    let first = home.daemon();
    kill(first, Signal::STOP);
    let error = home.skep(&["--json", "daemon", "run"]).refused(2, "daemon-running");
    assert!(text_of(&error, "message").contains(&first.to_string()), "{error}");
    assert_eq!(daemons(&home), [first]);
    kill(first, Signal::CONT);
    assert_eq!(home.daemon(), first);
    // A dead one's lock file names a pid; that it is another's meanwhile gives that one nothing.
    home.kill_daemon();
    let lock = home.root().join("daemon.lock");
    let text = fs::read_to_string(&lock).unwrap();
    let stale = text.replacen(&first.to_string(), &std::process::id().to_string(), 1);
    fs::write(&lock, stale).unwrap();
    home.json(&["task", "add", "two"]);
    assert_ne!(home.daemon(), first);
    assert_eq!(daemons(&home).len(), 1);
    assert_eq!(epochs(&home).len(), 2, "{:?}", epochs(&home));
}

#[test]
fn while_one_daemon_stops_the_next_waits_for_its_turn_and_no_word_is_lost() {
    let home = Home::new();
    home.json(&["task", "add", "first"]);
    for round in 0..6 {
        let title = format!("task {round}");
        let said: Vec<Said> = std::thread::scope(|scope| {
            let stop = scope.spawn(|| home.skep(&["daemon", "stop"]));
            let adds: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| home.skep(&["--json", "task", "add", &title])))
                .collect();
            stop.join().unwrap();
            adds.into_iter().map(|add| add.join().unwrap()).collect()
        });
        // What was not taken was refused, and whatever was taken is there once; of whom the daemon broke off it is not known.
        let taken = said.iter().filter(|said| said.code == 0).count();
        let unknown = said.iter().filter(|said| said.stderr.contains("daemon-broke-off")).count();
        let listed = home.json(&["task", "ls"]);
        let there =
            listed.as_array().unwrap().iter().filter(|task| task["title"] == title.as_str());
        let there = there.count();
        assert!((taken..=taken + unknown).contains(&there), "{there}: {said:?}");
    }
    eventually("one daemon is left", || daemons(&home).len() <= 1);
    let numbers: Vec<u64> =
        home.events().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<_>>());
    let epochs = epochs(&home);
    assert!(epochs.is_sorted(), "two of them wrote at once: {epochs:?}");
}

/// A second home beside the first, with the same settings, person and repository.
struct Second<'a> {
    home: &'a Home,
    root: PathBuf,
}

impl Second<'_> {
    fn skep(&self, args: &[&str]) -> Said {
        let root = self.root.to_str().unwrap();
        self.home.skep_with(&self.home.at("web"), &[("SKEP_HOME", root)], args)
    }

    fn json(&self, args: &[&str]) -> Value {
        self.skep(&[&["--json"], args].concat()).json(0)
    }
}

impl Drop for Second<'_> {
    fn drop(&mut self) {
        self.skep(&["stop", "--all", "--now"]);
        self.skep(&["daemon", "stop"]);
    }
}

#[test]
fn two_homes_on_one_repository_never_touch_each_others_runs() {
    let home = Home::new();
    let repo = home.repo();
    let other = Second { home: &home, root: home.at("h2") };
    let held = home.script("roof", &["write ready x", "hang"]);
    let done = home.script("beam", &["write b b", "commit b", "write draft x", "say done"]);
    // The same words in both: the same names, the same branch as the first choice.
    let theirs = other.json(&["run", "roof", "--prompt-file", &held]);
    let rests = other.json(&["run", "beam", "--prompt-file", &done]);
    let rests = text_of(&rests, "id");
    other.skep(&["wait", &rests]).ok();
    let snapshot = other.json(&["snapshot", "take", &rests]);
    let ours = home.json(&["run", "roof", "--prompt-file", &held]);
    let (their_id, our_id) = (text_of(&theirs, "id"), text_of(&ours, "id"));
    assert_ne!((&theirs["branch"], &theirs["worktree"]), (&ours["branch"], &ours["worktree"]));
    let over = home.ended("beam", &["write b b", "commit b", "say done"], &["--name", "flint"]);
    let (keeper, agent) = (pid_of(&theirs, "gatekeeper"), pid_of(&theirs, "pid"));
    let daemon = pid_of(&other.json(&["daemon", "status"]), "pid");
    let branch = text_of(&theirs, "branch");
    let tip = repo.oid(&format!("refs/heads/{branch}"));
    let before = other.json(&["ls", "--all"]);
    let kept = other.json(&["snapshot", "ls", &rests]);
    let stands = || {
        assert!(lives(keeper) && lives(agent) && lives(daemon), "something of the other ended");
        assert_eq!(repo.oid(&format!("refs/heads/{branch}")), tip);
        let worktree = PathBuf::from(text_of(&theirs, "worktree"));
        assert!(worktree.join("ready").exists());
        let listed = repo.git(&["worktree", "list"]);
        assert!(listed.contains(worktree.to_str().unwrap()), "{listed}");
        let mut now = other.json(&["ls", "--all"]);
        let mut was = before.clone();
        for view in [&mut now, &mut was] {
            for run in view.as_array_mut().unwrap() {
                run.as_object_mut().unwrap().remove("git");
            }
        }
        assert_eq!(now, was);
    };
    // All that takes something away in the one leaves the other's alone.
    for id in [&their_id, &rests] {
        for verb in ["show", "stop", "close", "land"] {
            assert_ne!(home.skep(&["--json", verb, id]).code, 0, "{verb} knows {id}");
        }
    }
    let refused = home.skep(&["--json", "run", "more", "--branch", &branch]).json(4);
    assert_eq!(refused["reason"], "prepare", "{refused}");
    home.skep(&["close", &text_of(&over, "id"), "--force"]).ok();
    home.skep(&["snapshot", "rm", snapshot["id"].as_str().unwrap_or("snap_none")]);
    home.skep(&["clean"]).ok();
    home.skep(&["doctor", "--fix"]);
    repo.git(&["worktree", "prune"]);
    home.skep(&["stop", "--all", "--now"]).ok();
    home.wait(&our_id, "ended");
    home.skep(&["close", &our_id, "--force"]).ok();
    home.kill_daemon();
    home.skep(&["doctor", "--fix"]);
    stands();
    assert_eq!(other.json(&["snapshot", "ls", &rests]), kept);
    // And what is left is the other's to end.
    other.skep(&["stop", &their_id, "--now"]).ok();
    other.skep(&["wait", &their_id, "--timeout", "30s"]);
    assert!(!lives(agent));
}

#[test]
fn a_run_whose_guards_died_with_the_daemon_is_found_at_the_next_start_and_can_be_resumed() {
    let home = Home::new();
    home.repo();
    home.skep(&["config", "set", "retry.tries", "0"]).ok();
    let run = home.run("roof", &["fork", "write ready x", "hang"], &["-d"]);
    let id = text_of(&run, "id");
    let run = home.wait(&id, "running");
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    eventually("it has come so far", || worktree.join("ready").exists());
    let keeper = pid_of(&run, "gatekeeper");
    let wardens: Vec<u32> = Table::read()
        .unwrap()
        .descendants(keeper)
        .iter()
        .map(|row| row.process.pid)
        .filter(|pid| {
            tree::arguments(*pid).is_some_and(|args| args.iter().any(|arg| arg == "__warden"))
        })
        .collect();
    let daemon = home.daemon();
    for pid in [&[daemon, keeper][..], &wardens].concat() {
        kill(pid, Signal::KILL);
    }
    eventually("they are gone", || !lives(daemon) && !lives(keeper));
    let lost = home.wait(&id, "ended");
    assert_eq!(
        (&lost["outcome"], &lost["reason"]),
        (&"lost".into(), &"supervisor-lost".into()),
        "{lost}"
    );
    home.no_agents();
    home.skep(&["resume", &id]);
    eventually("another attempt began", || {
        home.kinds(&id).iter().filter(|kind| *kind == "started").count() == 2
    });
    assert_eq!(text_of(&home.listed(&id), "worktree"), worktree.to_str().unwrap());
    assert!(worktree.join("ready").exists());
}

/// What lives is taken over as it is, without a word in the ledger; of what does not, it is said once.
#[test]
fn a_new_daemon_takes_over_what_lives_and_calls_only_the_rest_interrupted_and_once() {
    let home = Home::new();
    home.repo();
    home.skep(&["config", "set", "retry.tries", "0"]).ok();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let begin = |name: &str| {
        let run = home.run(name, &[&wait, "write a a", "commit it", "say done"], &["-d"]);
        home.wait(&text_of(&run, "id"), "running")
    };
    let (living, waiting, dying) = (begin("living"), begin("living too"), begin("dying"));
    let ids = [&living, &waiting, &dying].map(|run| text_of(run, "id"));
    let seen = |id: &str| (home.kinds(id), home.listed(id));
    let before: Vec<_> = ids.iter().map(|id| seen(id)).collect();
    home.kill_daemon();
    let keeper = pid_of(&dying, "gatekeeper");
    let guards: Vec<u32> = Table::read()
        .unwrap()
        .descendants(keeper)
        .iter()
        .map(|row| row.process.pid)
        .chain([keeper])
        .collect();
    for pid in &guards {
        kill(*pid, Signal::KILL);
    }
    eventually("its guards are gone", || guards.iter().all(|pid| !lives(*pid)));
    let lost = home.wait(&ids[2], "ended");
    assert_eq!((&lost["outcome"], &lost["reason"]), (&"lost".into(), &"supervisor-lost".into()));
    // A third daemon has nothing to add, and an older one is not heard any more.
    home.kill_daemon();
    assert_eq!(home.listed(&ids[2])["outcome"], "lost");
    let told = home.kinds(&ids[2]);
    let times = |kind: &str| told.iter().filter(|told| *told == kind).count();
    // One whose guards left a word of their end is found by that, and not missed first.
    assert!(times("ended") == 1 && times("lost") <= 1, "said once: {told:?}");
    for nth in [0, 1] {
        let (kinds, run) = seen(&ids[nth]);
        assert_eq!(kinds, before[nth].0, "nothing was said of a run that lives");
        for field in ["state", "since", "attempt", "pid", "gatekeeper"] {
            assert_eq!(run[field], before[nth].1[field], "{field}");
        }
        assert!(lives(pid_of(&run, "pid")) && lives(pid_of(&run, "gatekeeper")));
    }
    fs::write(&go, "").unwrap();
    for id in &ids[..2] {
        assert_eq!(home.wait(id, "ended")["outcome"], "completed");
    }
    home.no_agents();
}
