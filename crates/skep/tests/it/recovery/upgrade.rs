//! A newer skep meets an older daemon, and the reverse; runs do not notice.

use std::fs;

use crate::home::{Home, eventually, lives, pid_of, text_of};

const VERSION: &str = "SKEP_PRETEND_VERSION";

/// Asks `ls` as a skep of that version.
fn list_as(home: &Home, version: &str) {
    home.skep_with(home.place().root(), &[(VERSION, version)], &["--json", "ls"]).ok();
}

#[test]
fn a_newer_command_line_replaces_the_daemon_and_a_living_run_does_not_notice() {
    let home = Home::new();
    home.repo();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let run = home.run("held", &["append count once", &wait, "commit it", "say done"], &[]);
    let (old, agent) = (home.daemon(), pid_of(&run, "pid"));
    list_as(&home, "99.0.0");
    assert!(!lives(old), "it stays");
    let health = home.json(&["daemon", "status"]);
    assert_eq!(health["version"], "99.0.0");
    assert!(lives(agent));
    // What is older from now on leaves it where it is.
    assert_eq!(home.listed(&text_of(&run, "id"))["state"], "running");
    list_as(&home, "98.9.9");
    assert_eq!(home.daemon(), pid_of(&health, "pid"));
    fs::write(&go, "").unwrap();
    let ended = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!((&ended["outcome"], &ended["attempt"]), (&"completed".into(), &1.into()), "{ended}");
}

#[test]
fn the_same_version_and_one_that_may_start_none_leave_the_daemon_alone() {
    let home = Home::new();
    home.skep(&["ls"]).ok();
    let daemon = home.daemon();
    home.skep(&["ls"]).ok();
    let newer = [(VERSION, "99.0.0"), ("SKEP_NO_DAEMON", "1")];
    home.skep_with(home.place().root(), &newer, &["ls"]).ok();
    assert_eq!(home.daemon(), daemon);
    // Whoever only asks how it is replaces nobody, and whoever starts does.
    let newer = [(VERSION, "99.0.0")];
    home.skep_with(home.place().root(), &newer, &["daemon", "status"]).ok();
    assert_eq!(home.daemon(), daemon);
    home.skep_with(home.place().root(), &newer, &["daemon", "start"]).ok();
    assert_ne!(home.daemon(), daemon);
}

#[test]
fn many_newer_ones_at_once_end_with_one_daemon_of_their_version() {
    let home = Home::new();
    home.skep(&["ls"]).ok();
    let old = home.daemon();
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| list_as(&home, "99.0.0"));
        }
    });
    eventually("the old one is gone", || !lives(old));
    assert_eq!(home.json(&["daemon", "status"])["version"], "99.0.0");
    let daemons = home.alive().into_iter().filter(|(_, line)| line.contains("daemon run")).count();
    assert_eq!(daemons, 1);
}

#[test]
fn a_deed_under_way_is_done_again_by_the_newer_daemon() {
    let home = Home::new();
    let repo = home.repo();
    let (went, go) = (home.at("went"), home.at("go"));
    let script = format!(
        "echo x >> {}; while ! test -e {}; do sleep 0.02; done",
        went.display(),
        go.display()
    );
    repo.write(".skep/project.toml", &format!("[setup]\nrun = \"{script}\"\n"));
    repo.commit("set-up");
    let run = home.run("slow", &["append count once", "commit it", "say done"], &["--yes", "-d"]);
    eventually("the set-up runs", || went.exists());
    list_as(&home, "99.0.0");
    fs::write(&go, "").unwrap();
    let ended = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!(ended["outcome"], "completed", "{ended}");
    assert_eq!(fs::read_to_string(&went).unwrap().lines().count(), 2);
}

#[test]
fn a_newer_daemon_that_does_not_know_the_question_is_named_with_the_way() {
    use std::{io::Read, os::unix::net::UnixListener};
    let home = Home::new();
    home.skep(&["ls"]).ok();
    home.skep(&["daemon", "stop"]).ok();
    // A daemon of this home, as far as lock and socket say, that breaks off at what it does not know.
    let lock = home.root().join("daemon.lock");
    let _held = skep_host::lock::hold(&lock).unwrap();
    fs::write(&lock, format!("{}\n99.0.0\n", std::process::id())).unwrap();
    let listener = UnixListener::bind(home.root().join("s/daemon.sock")).unwrap();
    std::thread::spawn(move || {
        for mut caller in listener.incoming().flatten() {
            let mut one = [0; 1];
            let _read = caller.read(&mut one);
        }
    });
    let error = home.skep(&["--json", "ls"]).refused(2, "daemon-other-version");
    assert!(text_of(&error, "message").contains("99.0.0"), "{error}");
    // The end of this test asks nobody who is not there.
    fs::remove_file(home.root().join("s/daemon.sock")).unwrap();
    fs::remove_file(home.root().join("ledger.db")).unwrap();
}
