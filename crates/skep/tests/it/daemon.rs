//! One daemon per home: its start, its end, its health, and who is not it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{DirBuilderExt, chown},
        net::{UnixListener, UnixStream},
    },
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, fcntl_lock},
    process::{Signal, getuid},
};
use serde_json::Value;

use crate::home::{Home, Said, eventually, kill, lives, pid_of, text_of};

/// What `GET path` answers: its status line and its body.
fn get(home: &Home, path: &str) -> (String, Value) {
    let mut stream = UnixStream::connect(home.root().join("s/daemon.sock")).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: skep\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), serde_json::from_str(body).unwrap())
}

#[test]
fn a_second_daemon_names_the_first_and_after_a_kill_the_next_starts_at_once() {
    let home = Home::new();
    home.skep(&["daemon", "start"]).ok();
    let first = home.daemon();
    let error = home.skep(&["--json", "daemon", "run"]).refused(2, "daemon-running");
    assert!(text_of(&error, "message").contains(&first.to_string()), "{error}");
    assert_eq!(home.daemon(), first);
    home.kill_daemon();
    let begun = Instant::now();
    home.skep(&["daemon", "start"]).ok();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_ne!(home.daemon(), first);
}

#[test]
fn of_many_who_start_it_at_once_all_get_the_same_daemon() {
    let home = Home::new();
    let said: Vec<Said> = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..6).map(|_| scope.spawn(|| home.skep(&["--json", "daemon", "start"]))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let pids: Vec<u32> = said.into_iter().map(|said| pid_of(&said.json(0), "pid")).collect();
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
    let daemons = home.alive().into_iter().filter(|(_, line)| line.contains("daemon run")).count();
    assert_eq!(daemons, 1);
}

#[test]
fn a_stranger_on_the_socket_is_named_and_never_killed() {
    let home = Home::new();
    home.skep(&["daemon", "start"]).ok();
    home.skep(&["daemon", "stop"]).ok();
    // The stranger is this very process: whoever kills it is seen.
    let stranger = UnixListener::bind(home.root().join("s/daemon.sock")).unwrap();
    let pid = std::process::id().to_string();
    let calls: [&[&str]; 6] = [
        &["ls"],
        &["run", "x", "--directory"],
        &["stop", "--all"],
        &["daemon", "status"],
        &["daemon", "stop"],
        &["daemon", "run"],
    ];
    for call in calls {
        let error = home.skep(&[&["--json"], call].concat()).refused(2, "socket-foreign");
        let message = text_of(&error, "message");
        assert!(
            message.contains("not our daemon") && message.contains(&pid),
            "{call:?}: {message}"
        );
    }
    drop(stranger);
    // A socket that nobody answers on is only a name.
    home.skep(&["ls"]).ok();
}

#[test]
fn health_is_starting_then_running_and_its_lists_are_sorted_and_never_null() {
    let home = Home::new();
    home.repo();
    for name in ["zeta", "alpha", "mid"] {
        home.place().repo(name);
        home.json(&["project", "add", home.at(name).to_str().unwrap()]);
        home.write(
            format!("c/agents/{name}.toml"),
            "protocol = \"plain\"\nprogram = \"true\"\nprompt = \"none\"\n",
        );
    }
    home.skep(&["daemon", "stop"]).ok();
    // Whoever has the ledger locked holds up the start, not the answer.
    let ledger =
        fs::File::options().read(true).write(true).open(home.root().join("ledger.db")).unwrap();
    fcntl_lock(&ledger, FlockOperation::LockExclusive).unwrap();
    let mut starter = home.spawn(&["daemon", "start"]);
    eventually("the socket is there", || {
        UnixStream::connect(home.root().join("s/daemon.sock")).is_ok()
    });
    let (status, health) = get(&home, "/health");
    assert_eq!(
        (status.as_str(), &health["status"]),
        ("HTTP/1.1 200 OK", &"starting".into()),
        "{health}"
    );
    for list in ["agents", "projects"] {
        assert!(health[list].is_array(), "{list}: {health}");
    }
    fcntl_lock(&ledger, FlockOperation::Unlock).unwrap();
    assert!(starter.wait().unwrap().success());
    let (_, health) = get(&home, "/health");
    assert_eq!(health["status"], "running");
    assert_eq!(health["projects"], serde_json::json!(["alpha", "mid", "zeta"]));
    let agents: Vec<&str> =
        health["agents"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let mut sorted = agents.clone();
    sorted.sort_unstable();
    assert_eq!(agents, sorted);
    assert!(agents.contains(&"alpha") && agents.contains(&"scripted"), "{agents:?}");
    let told = home.json(&["daemon", "status"]);
    for field in
        ["status", "pid", "uptime_ms", "version", "home", "agents", "projects", "runs", "seq"]
    {
        assert!(told.get(field).is_some_and(|value| !value.is_null()), "`{field}`: {told}");
    }
    assert_eq!(told["runs"], serde_json::json!({"running": 0, "waiting": 0, "queued": 0}));
    assert_eq!(get(&home, "/nothing").0, "HTTP/1.1 404 Not Found");
}

#[test]
fn a_home_of_another_user_is_refused() {
    if !getuid().is_root() {
        // Only root can give a folder away; elsewhere the room test of private folders has to do.
        return;
    }
    let home = Home::new();
    fs::DirBuilder::new().mode(0o700).create(home.root()).unwrap();
    chown(home.root(), Some(12345), Some(12345)).unwrap();
    for call in [&["ls"][..], &["run", "x", "--directory"], &["daemon", "run"]] {
        let error = home.skep(&[&["--json"], call].concat()).error(2);
        assert!(
            ["home-foreign", "not-private"].contains(&text_of(&error, "slug").as_str()),
            "{error}"
        );
    }
    assert_eq!(fs::read_dir(home.root()).unwrap().count(), 0, "nothing is made in it");
    assert_eq!(home.alive(), []);
}

#[test]
fn the_socket_and_the_home_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.skep(&["daemon", "start"]).ok();
    let mode =
        |path: &str| fs::metadata(home.root().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("s"), mode("s/daemon.sock")), (0o700, 0o700, 0o600));
}

#[test]
fn words_that_need_no_daemon_start_none() {
    let home = Home::new();
    let calls: [&[&str]; 8] = [
        &["--help"],
        &["--version"],
        &["help", "run"],
        &["explain"],
        &["explain", "target-dirty"],
        &["config", "path"],
        &["config", "schema"],
        &["config", "show"],
    ];
    for call in calls {
        home.skep(call).ok();
    }
    home.skep(&["--json", "daemon", "status"]).refused(2, "daemon-absent");
    home.skep(&["daemon", "stop"]).ok();
    home.skep_with(home.place().root(), &[("SKEP_NO_DAEMON", "1")], &["--json", "ls"])
        .refused(2, "daemon-absent");
    assert!(!home.root().join("ledger.db").exists());
    assert_eq!(home.alive(), []);
}

#[test]
fn it_leaves_by_itself_when_nothing_runs_and_stays_while_something_does() {
    let home = Home::new();
    home.skep(&["config", "set", "time.daemon_idle", "200ms"]).ok();
    home.repo();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let run = home.run("held", &[&wait, "write a a", "say done"], &[]);
    let daemon = home.daemon();
    // The idle clock has gone round several times by then.
    home.skep(&["wait", &text_of(&run, "id"), "--timeout", "1s"]).with(3);
    assert_eq!(home.daemon(), daemon);
    fs::write(&go, "").unwrap();
    home.wait(&text_of(&run, "id"), "ended");
    eventually("it leaves", || !lives(daemon));
    assert!(!home.root().join("s/daemon.sock").exists());
    assert_eq!(home.listed(&text_of(&run, "id"))["outcome"], "completed");
}

#[test]
fn a_daemon_that_is_stopped_leaves_the_agents_alone_and_says_so() {
    let home = Home::new();
    home.repo();
    let run = home.run("held", &["hang"], &[]);
    let daemon = home.daemon();
    let said = home.skep(&["daemon", "stop"]).ok();
    assert!(said.contains(&daemon.to_string()), "{said}");
    eventually("it is gone", || !lives(daemon));
    assert!(lives(pid_of(&run, "pid")));
    home.skep(&["--json", "daemon", "status"]).refused(2, "daemon-absent");
    assert_eq!(home.listed(&text_of(&run, "id"))["state"], "running");
}

#[test]
fn a_term_ends_it_orderly_and_a_hangup_does_not() {
    let home = Home::new();
    home.skep(&["daemon", "start"]).ok();
    let daemon = home.daemon();
    kill(daemon, Signal::HUP);
    assert_eq!(home.daemon(), daemon);
    kill(daemon, Signal::TERM);
    eventually("it is gone", || !lives(daemon));
    assert!(!home.root().join("s/daemon.sock").exists(), "an orderly end leaves no socket");
}

#[test]
fn settings_that_cannot_be_read_are_told_by_whoever_wanted_the_daemon() {
    let home = Home::new();
    home.write("c/config.toml", "[limits]\nrunz = 3\n");
    let error = home.skep(&["--json", "ls"]).error(2);
    assert!(text_of(&error, "message").contains("runz"), "{error}");
    assert_eq!(home.alive(), []);
    home.write("c/config.toml", "");
    home.skep(&["ls"]).ok();
}

#[test]
fn what_is_no_request_breaks_only_its_own_connection() {
    let home = Home::new();
    home.skep(&["daemon", "start"]).ok();
    for line in
        ["nonsense\n", "{\"id\":\"x\",\"ask\":\"frobnicate\"}\n", "{\"id\":3}\n", "\u{0}\u{1}\n"]
    {
        let mut stream = UnixStream::connect(home.root().join("s/daemon.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // An error, or an end; never silence.
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        assert!(answer.is_empty() || answer.contains("error"), "{line:?}: {answer}");
    }
    home.skep(&["ls"]).ok();
}

#[test]
fn a_repeated_request_counts_once() {
    let home = Home::new();
    home.skep(&["daemon", "start"]).ok();
    let ask = |text: &str| {
        let mut stream = UnixStream::connect(home.root().join("s/daemon.sock")).unwrap();
        writeln!(stream, "{text}").unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        serde_json::from_str::<Value>(&answer).unwrap()
    };
    let text = r#"{"id":"the-same","ask":"task_add","title":"once"}"#;
    let first = ask(text);
    assert_eq!(ask(text)["ok"]["id"], first["ok"]["id"], "{first}");
    home.kill_daemon();
    home.skep(&["daemon", "start"]).ok();
    assert_eq!(ask(text)["ok"]["id"], first["ok"]["id"]);
    assert_eq!(home.json(&["task", "ls"]).as_array().unwrap().len(), 1);
}
