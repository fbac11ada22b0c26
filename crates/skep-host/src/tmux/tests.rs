use std::{
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    process::{Child, Stdio},
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process};
use skep_testkit::Place;

use super::argv::Commands;
use super::*;
use crate::proc::command;

const SIZE: Size = Size { columns: 80, rows: 24 };
const NO_ENV: [(&str, &str); 0] = [];

/// A private server in a private place; it ends with the test, however that ends.
struct Lab {
    server: Server,
    place: Place,
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The test's own failure is what is to be told.
        let _told = self.server.end_server();
    }
}

fn env_of(place: &Place) -> Vec<(OsString, OsString)> {
    let mut env = place.env();
    // Somebody else's tmux, which is none of ours.
    env.push(("TMUX".into(), "/nonexistent/default,1,0".into()));
    env.push(("TMUX_PANE".into(), "%77".into()));
    env.push(("TMUX_TMPDIR".into(), "/nonexistent".into()));
    env
}

impl Lab {
    fn new() -> Lab {
        let place = Place::new();
        let server = Server::private(&place.root().join("s"), env_of(&place));
        Lab { server, place }
    }

    /// The same server, spoken to by a program of ours that stands before tmux on the PATH.
    fn through(&self, script: &str) -> Server {
        let bin = self.place.root().join("bin");
        let tmux = bin.join("tmux");
        self.place.write("bin/tmux", script);
        fs::set_permissions(&tmux, fs::Permissions::from_mode(0o755)).unwrap();
        let mut env = env_of(&self.place);
        for (name, value) in &mut env {
            if name == "PATH" {
                let mut path = bin.clone().into_os_string();
                path.push(":");
                path.push(&*value);
                *value = path;
            }
        }
        Server::private(&self.place.root().join("s"), env)
    }

    fn open(&self, session: &str) -> Opened {
        self.server.open_viewer(session, &["sleep", "1000"], SIZE, NO_ENV).unwrap()
    }

    /// What tmux itself says, asked by its own words.
    fn tmux(&self, args: &[&str]) -> String {
        let env = self.place.env();
        let program = Program::new("tmux").envs(env).arg("-S").arg(self.server.socket());
        let output = program.args(args).output().unwrap();
        assert_eq!(output.code(), 0, "tmux {args:?}: {}", output.complaint());
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn server_pid(&self) -> Option<u32> {
        let env = self.place.env();
        let program = Program::new("tmux").envs(env).arg("-S").arg(self.server.socket());
        let asked = program.args(["display-message", "-p", "#{pid}"]);
        let output = asked.timeout(Duration::from_millis(500)).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    }

    fn names(&self) -> Vec<String> {
        self.server.list().unwrap().into_iter().map(|session| session.name).collect()
    }

    /// A program that writes down its arguments and its environment, and stays.
    fn recorder(&self) -> String {
        self.place.write(
            "record.sh",
            "env -0 > \"$0.env\"\nprintf '%s\\0' \"$@\" > \"$0.tmp\"\nmv \"$0.tmp\" \"$0.args\"\nexec sleep 1000\n",
        );
        self.place.root().join("record.sh").to_str().unwrap().to_owned()
    }

    fn recorded(&self) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let args = self.place.root().join("record.sh.args");
        until("the viewer has written", || args.exists());
        let split = |path: &Path| -> Vec<Vec<u8>> {
            let bytes = fs::read(path).unwrap();
            let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
            bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
        };
        (split(&args), split(&self.place.root().join("record.sh.env")))
    }
}

/// Waits for a condition.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // It may be gone by itself.
    let _gone = kill_process(pid, signal);
}

/// The fields of `/proc/PID/stat` after the name: state, parent, group, session, …
fn stat(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    text.rsplit_once(") ").unwrap().1.split(' ').map(str::to_owned).collect()
}

fn lives(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|text| !text.rsplit_once(") ").unwrap().1.starts_with('Z'))
}

#[test]
fn no_server_has_no_sessions_and_none_is_started_by_asking() {
    let lab = Lab::new();
    assert_eq!(lab.server.list().unwrap(), []);
    assert!(!lab.server.has("skep_web_ace_").unwrap());
    assert_eq!(lab.server.end("skep_web_ace_").unwrap(), Ended::Absent);
    assert!(!lab.server.end_server().unwrap());
    assert!(!lab.server.socket().exists());
}

#[test]
fn an_open_viewer_is_listed_with_its_pane_and_its_process() {
    let lab = Lab::new();
    let opened = lab.open("skep_web_ace_");
    let sessions = lab.server.list().unwrap();
    assert_eq!(sessions.len(), 1);
    let session = &sessions[0];
    assert_eq!(session.name, "skep_web_ace_");
    assert_eq!(session.id, opened.session);
    assert_eq!(session.panes, std::slice::from_ref(&opened.pane));
    assert_eq!(session.attached, 0);
    assert!(session.ours);
    assert!(session.created > 1_600_000_000);
    // tmux forks first, and is called `tmux: server` until it has become the viewer; a shell would stay one.
    until("it is the viewer itself, and no shell before it", || {
        fs::read_to_string(format!("/proc/{}/comm", opened.pane.pid)).unwrap() == "sleep\n"
    });
    let size = lab.tmux(&["display-message", "-p", "-t", &opened.pane.id, "#{pane_width}"]);
    assert_eq!(size, "80");
}

#[test]
fn two_workers_whose_names_begin_alike_never_hit_each_other() {
    let lab = Lab::new();
    // Plain names are the harder case: ours never are the beginning of one another.
    for (ace, ace2) in [("ace", "ace2"), ("skep_web_ace_", "skep_web_ace2_")] {
        lab.open(ace);
        let other = lab.open(ace2);
        assert_eq!(lab.server.end(ace).unwrap(), Ended::Ended);
        assert_eq!(lab.server.end(ace).unwrap(), Ended::Absent, "a second time");
        assert!(!lab.server.has(ace).unwrap());
        assert!(lab.server.has(ace2).unwrap());
        assert!(lives(other.pane.pid), "{ace2} was ended with {ace}");
        let attach = lab.server.attach_argv(ace).unwrap();
        let mut looker = look(&lab, &attach);
        until("who looks for the one that ended is sent away", || {
            looker.try_wait().unwrap().is_some()
        });
        assert!(!looker.wait().unwrap().success(), "nobody lands in {ace2} instead");
    }
}

/// Somebody who looks, without a terminal, until their input ends.
fn look(lab: &Lab, attach: &[OsString]) -> Child {
    let mut looker = command(&attach[0]);
    looker.arg("-C").args(&attach[1..]).env_clear().envs(lab.place.env()).env("TERM", "dumb");
    looker.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn the_command_for_looking_attaches_to_the_session() {
    let lab = Lab::new();
    lab.open("skep_web_bee_");
    lab.open("skep_web_ace_");
    let looking = |lab: &Lab| -> Vec<(String, u32)> {
        lab.server.list().unwrap().into_iter().map(|seen| (seen.name, seen.attached)).collect()
    };
    let by = |ace, bee| vec![("skep_web_ace_".to_owned(), ace), ("skep_web_bee_".to_owned(), bee)];
    let mut looker = look(&lab, &lab.server.attach_argv("skep_web_bee_").unwrap());
    until("one looks", || looking(&lab) == by(0, 1));
    drop(looker.stdin.take());
    assert!(looker.wait().unwrap().success());
    until("nobody looks, and leaving ended nothing", || looking(&lab) == by(0, 0));
}

#[test]
fn no_argument_is_read_by_a_shell_or_by_tmux() {
    let lab = Lab::new();
    let recorder = lab.recorder();
    let marker = lab.place.root().join("pwned");
    let touch = format!("touch {}", marker.display());
    let hostile: Vec<OsString> = [
        format!("$({touch})"),
        format!("`{touch}`"),
        format!("; {touch};"),
        format!("a;{touch}"),
        format!("#({touch})"),
        ";".into(),
        ";;".into(),
        "\\;".into(),
        "\\\\;".into(),
        "x\\".into(),
        "kill-server".into(),
        "-t".into(),
        "--".into(),
        String::new(),
        "a b  c".into(),
        "n\new\tline\r".into(),
        "#{pid} #S %H".into(),
        "'\"".into(),
        "{ } ~ $HOME %if".into(),
        "žluť 蜂 🐝".into(),
        "\u{1b}[31m".into(),
    ]
    .map(OsString::from)
    .into_iter()
    .chain([OsStr::from_bytes(b"\xff\xfe not text").to_owned()])
    .collect();
    let argv: Vec<OsString> =
        ["sh".into(), recorder.into()].into_iter().chain(hostile.clone()).collect();
    lab.server.open_viewer("skep_web_ace_", &argv, SIZE, NO_ENV).unwrap();
    let (args, _) = lab.recorded();
    let expected: Vec<Vec<u8>> = hostile.iter().map(|arg| arg.as_bytes().to_vec()).collect();
    assert_eq!(args, expected);
    assert!(!marker.exists());
    assert!(lab.server.list().unwrap()[0].ours, "what follows the arguments was still read");
}

#[test]
fn the_environment_reaches_the_first_process() {
    let lab = Lab::new();
    let recorder = lab.recorder();
    let env = [("SKEP_RUN", "run_7k2m9qx4ab"), ("ODD", "a b;$(x)#{pid};"), ("NONE", "")];
    lab.server.open_viewer("skep_web_ace_", &["sh", &recorder], SIZE, env).unwrap();
    let (_, seen) = lab.recorded();
    for (name, value) in env {
        let line = format!("{name}={value}").into_bytes();
        assert!(seen.contains(&line), "{name}");
    }
    let has = |line: &[u8]| seen.iter().any(|seen| seen.starts_with(line));
    assert!(has(b"TERM=tmux-256color"));
    assert!(has(b"LC_ALL=C.UTF-8"));
    assert!(!has(b"TMUX_TMPDIR="), "the caller's tmux is not ours");
    assert!(!has(b"TMUX=/nonexistent"), "the caller's tmux is not ours");
}

#[test]
fn a_text_that_tmux_would_change_is_refused_before_tmux_sees_it() {
    let lab = Lab::new();
    let server = lab.through("#!/bin/sh\nexit 42\n");
    for name in [
        "", "a.b", "a:b", "=a", "$1", "@1", "%1", "-t", "a b", "a;", "#{pid}", "#(x)", "ä", "a\nb",
        "{last}", "a/b", "*",
    ] {
        let slug = |result: Result<(), TmuxError>| result.unwrap_err().slug();
        let open = server.open_viewer(name, &["sleep", "1"], SIZE, NO_ENV).map(drop);
        assert_eq!(slug(open), "tmux-unsafe", "{name:?}");
        assert_eq!(slug(server.end(name).map(drop)), "tmux-unsafe", "{name:?}");
        assert_eq!(slug(server.has(name).map(drop)), "tmux-unsafe", "{name:?}");
        assert_eq!(slug(server.attach_argv(name).map(drop)), "tmux-unsafe", "{name:?}");
    }
    let words: [&[&str]; 3] = [&[], &["sleep 1000"], &["", "x"]];
    for argv in words {
        let refused = server.open_viewer("ace", argv, SIZE, NO_ENV).unwrap_err();
        assert_eq!(refused.slug(), "tmux-unsafe", "a shell would read {argv:?}");
    }
    for name in ["", "A=B", "A B", "1A", "-A", "A;"] {
        let refused = server.open_viewer("ace", &["sleep", "1"], SIZE, [(name, "")]).unwrap_err();
        assert_eq!(refused.slug(), "tmux-unsafe", "{name:?}");
    }
}

#[test]
fn a_hundred_sessions_are_listed_by_one_process() {
    let lab = Lab::new();
    let names: Vec<String> = (0..100).map(|n| format!("skep_web_w{n:02}_")).collect();
    lab.open(&names[0]);
    let mut more = Commands::default();
    for name in &names[1..] {
        more.add(["new-session", "-d", "-s", name, "--", "sleep", "1000"]);
        more.add(["set-option", "-t", &format!("={name}:"), "@skep", "1"]);
    }
    let more: Vec<String> =
        more.into_args().into_iter().map(|arg| arg.into_string().unwrap()).collect();
    lab.tmux(&more.iter().map(String::as_str).collect::<Vec<_>>());

    let calls = lab.place.root().join("calls");
    let real = real_tmux();
    let counting =
        lab.through(&format!("#!/bin/sh\necho >> '{}'\nexec {real} \"$@\"\n", calls.display()));
    let began = Instant::now();
    let seen = counting.list().unwrap();
    let took = began.elapsed();
    assert_eq!(fs::read(&calls).unwrap().len(), 1, "one process");
    let mut listed: Vec<String> = seen.iter().map(|session| session.name.clone()).collect();
    listed.sort();
    assert_eq!(listed, names);
    assert!(seen.iter().all(|session| session.ours && session.panes.len() == 1));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

fn real_tmux() -> String {
    let output = Program::new("sh").args(["-c", "command -v tmux"]).envs(Place::new().env());
    String::from_utf8(output.output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn the_end_of_the_viewer_is_the_end_of_its_session_and_of_no_other() {
    let lab = Lab::new();
    let ace = lab.open("skep_web_ace_");
    let bee = lab.open("skep_web_bee_");
    signal(ace.pane.pid, Signal::KILL);
    until("the session is gone", || lab.names() == ["skep_web_bee_"]);
    assert!(lives(bee.pane.pid));
    assert_eq!(lab.server.end("skep_web_bee_").unwrap(), Ended::Ended);
    until("its process too", || !lives(bee.pane.pid));
    until("the server leaves with its last", || lab.names().is_empty());
    let again = lab.open("skep_web_ace_");
    assert!(lives(again.pane.pid), "the pane comes back");
}

#[test]
fn a_viewer_opens_while_the_server_is_leaving_with_its_last() {
    let lab = Lab::new();
    for _ in 0..40 {
        lab.open("skep_web_ace_");
        assert_eq!(lab.server.end("skep_web_ace_").unwrap(), Ended::Ended);
    }
}

#[test]
fn a_server_that_was_killed_has_no_sessions_and_the_next_viewer_starts_another() {
    let lab = Lab::new();
    lab.open("skep_web_ace_");
    signal(lab.server_pid().unwrap(), Signal::KILL);
    until("the server is gone", || lab.names().is_empty());
    assert!(lab.server.socket().exists(), "its socket stayed, and nobody answers");
    lab.open("skep_web_ace_");
    assert_eq!(lab.names(), ["skep_web_ace_"]);
    assert_eq!(lab.tmux(&["show-options", "-gv", "mouse"]), "on", "with the settings of a new one");
}

#[test]
fn the_server_outlives_its_starter_and_holds_none_of_its_pipes() {
    let lab = Lab::new();
    let began = Instant::now();
    let opened = lab.open("skep_web_ace_");
    assert!(began.elapsed() < PATIENCE, "its output came to an end while it lives");
    let server = lab.server_pid().unwrap();
    let stat = stat(server);
    assert_ne!(stat[1], std::process::id().to_string(), "no child of ours");
    assert_eq!(stat[3], server.to_string(), "a session of its own");
    for fd in 0..3 {
        let open = fs::read_link(format!("/proc/{server}/fd/{fd}")).unwrap();
        assert_eq!(open, Path::new("/dev/null"), "descriptor {fd}");
    }
    assert!(lives(opened.pane.pid));
}

#[test]
fn a_tmux_that_fails_knows_nothing_of_sessions() {
    let lab = Lab::new();
    lab.open("skep_web_ace_");
    for (script, slug) in [
        ("#!/bin/sh\necho 'no server running on x' >&2\nexit 1\n", "tmux-failed"),
        ("#!/bin/sh\necho 'no sessions'\nexit 0\n", "tmux-failed"),
        ("#!/bin/sh\nkill -9 $$\n", "tmux-failed"),
    ] {
        let server = lab.through(script);
        assert_eq!(server.list().unwrap_err().slug(), slug, "{script}");
        assert_eq!(server.has("skep_web_ace_").unwrap_err().slug(), slug, "{script}");
        assert_eq!(server.end("skep_web_ace_").unwrap_err().slug(), slug, "{script}");
        let opened = server.open_viewer("skep_web_bee_", &["sleep", "1"], SIZE, NO_ENV);
        assert_eq!(opened.unwrap_err().slug(), slug, "{script}");
    }
    let nowhere = Server::private(&lab.place.root().join("s"), [("PATH", "/nonexistent")]);
    let missing = nowhere.list().unwrap_err();
    assert_eq!((missing.slug(), missing.fault()), ("tmux-missing", Fault::User));
    assert_eq!(nowhere.version().unwrap_err().slug(), "tmux-missing");
    assert_eq!(lab.names(), ["skep_web_ace_"], "nothing was ended meanwhile");
}

#[test]
fn a_server_that_does_not_answer_is_unknown() {
    let lab = Lab::new();
    lab.open("skep_web_ace_");
    let pid = lab.server_pid().unwrap();
    signal(pid, Signal::STOP);
    let listed = lab.server.clone().patience(Duration::from_millis(300)).list();
    signal(pid, Signal::CONT);
    let unknown = listed.unwrap_err();
    assert!(matches!(unknown, TmuxError::Run(ProcError::Timeout { .. })), "{unknown}");
    assert_eq!(unknown.slug(), "tmux-failed");
    assert_eq!(unknown.retry(), Retry::After(1_000));
    assert_eq!(lab.names(), ["skep_web_ace_"]);
}

#[test]
fn a_folder_of_sockets_that_cannot_be_looked_into_is_unknown() {
    let lab = Lab::new();
    lab.place.write("file", "");
    let server = Server::private(&lab.place.root().join("file"), lab.place.env());
    assert_eq!(server.list().unwrap_err().slug(), "tmux-failed");
    let deep = lab.place.root().join("d".repeat(120));
    let server = Server::private(&deep, lab.place.env());
    assert_eq!(server.list().unwrap_err().slug(), "tmux-failed", "no socket has so long a path");
}

#[test]
fn a_session_that_is_there_is_neither_replaced_nor_taken_for_ours() {
    let lab = Lab::new();
    let ours = lab.open("skep_web_ace_");
    lab.tmux(&["new-session", "-d", "-s", "skep_web_bee_", "--", "sleep", "1000"]);
    lab.tmux(&["new-session", "-d", "-s", "a b 1 x", "--", "sleep", "1000"]);
    for name in ["skep_web_ace_", "skep_web_bee_"] {
        let refused = lab.server.open_viewer(name, &["sleep", "1"], SIZE, NO_ENV).unwrap_err();
        assert_eq!(refused.slug(), "tmux-session-exists", "{name}");
    }
    let seen = lab.server.list().unwrap();
    let mut marks: Vec<(&str, bool)> =
        seen.iter().map(|session| (session.name.as_str(), session.ours)).collect();
    marks.sort_unstable();
    assert_eq!(marks, [("a b 1 x", false), ("skep_web_ace_", true), ("skep_web_bee_", false)]);
    assert_eq!(lab.server.end("skep_web_bee_").unwrap(), Ended::Foreign);
    assert!(lab.server.has("skep_web_bee_").unwrap());
    assert!(lives(ours.pane.pid));
}

#[test]
fn a_session_with_more_panes_is_one_session() {
    let lab = Lab::new();
    let opened = lab.open("skep_web_ace_");
    lab.tmux(&["split-window", "-t", &opened.pane.id, "--", "sleep", "1000"]);
    lab.tmux(&["new-window", "-t", "=skep_web_ace_:", "--", "sleep", "1000"]);
    let seen = lab.server.list().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].panes.len(), 3);
    assert_eq!(seen[0].panes[0], opened.pane);
    signal(opened.pane.pid, Signal::KILL);
    until("one pane less", || lab.server.list().unwrap()[0].panes.len() == 2);
}

#[test]
fn the_servers_settings_are_ours_and_not_the_users() {
    let lab = Lab::new();
    lab.place.write("home/.tmux.conf", "set -g mouse off\nset -g prefix C-a\nset -g @theirs 1\n");
    lab.place.write("home/.config/tmux/tmux.conf", "set -g prefix C-a\n");
    lab.open("skep_web_ace_");
    for (option, expected) in [
        (&["-gv", "mouse"][..], "on"),
        (&["-gv", "prefix"], "C-b"),
        (&["-gqv", "@theirs"], ""),
        (&["-gv", "history-limit"], "10000"),
        (&["-gv", "destroy-unattached"], "off"),
        (&["-gwv", "remain-on-exit"], "off"),
        (&["-sv", "default-terminal"], "tmux-256color"),
        (&["-sv", "set-clipboard"], "on"),
        (&["-sv", "escape-time"], "10"),
    ] {
        let args: Vec<&str> = ["show-options"].into_iter().chain(option.iter().copied()).collect();
        assert_eq!(lab.tmux(&args), expected, "{option:?}");
    }
    assert!(lab.tmux(&["show-options", "-s", "terminal-overrides"]).contains("*:Tc"));
    lab.tmux(&["set-option", "-g", "mouse", "off"]);
    lab.open("skep_web_bee_");
    assert_eq!(lab.tmux(&["show-options", "-gv", "mouse"]), "off", "a person's change stays");
}

#[test]
fn many_first_viewers_at_once_all_open() {
    let lab = Lab::new();
    std::thread::scope(|scope| {
        for n in 0..6 {
            let lab = &lab;
            scope.spawn(move || lab.open(&format!("skep_web_w{n}_")));
        }
    });
    assert_eq!(lab.server.list().unwrap().len(), 6);
}

#[test]
fn a_window_opens_in_the_tmux_that_a_person_sits_in() {
    let lab = Lab::new();
    lab.tmux_start("work");
    lab.tmux_start("play");
    let recorder = lab.recorder();
    let id = lab.tmux(&["display-message", "-p", "-t", "=play:", "#{session_id}"]);
    let number = id.strip_prefix('$').unwrap();
    let marker = lab.place.root().join("pwned");
    let tmux = format!("{},4711,{number}", lab.server.socket().display());
    let title = format!("a#(touch {}) #{{pid}};\n", marker.display());
    let argv = ["sh", &recorder, "$(x);", "#{pid}"];
    let opened = open_window_in_users(OsStr::new(&tmux), lab.place.env(), &argv, &title).unwrap();
    assert_eq!(opened.session, id, "that session, and not the one used last");
    let (args, _) = lab.recorded();
    assert_eq!(args, [b"$(x);".to_vec(), b"#{pid}".to_vec()]);
    let name = lab.tmux(&["display-message", "-p", "-t", &opened.pane.id, "#{window_name}"]);
    assert!(name.starts_with("a(touch "), "{name}");
    assert!(!marker.exists());
    let sessions = lab.server.list().unwrap();
    let panes = |id: &str| sessions.iter().find(|s| s.id == id).unwrap().panes.len();
    assert_eq!((panes("$0"), panes(&id)), (1, 2));
}

impl Lab {
    /// A session that a person made.
    fn tmux_start(&self, session: &str) {
        crate::paths::create_private_dir(self.server.socket().parent().unwrap()).unwrap();
        let conf = ["-f", "/dev/null", "new-session", "-d", "-s", session, "--", "sleep", "1000"];
        self.tmux(&conf);
    }
}

#[test]
fn a_tmux_that_nobody_sits_in_gets_no_window() {
    let lab = Lab::new();
    let open = |tmux: &str| {
        open_window_in_users(OsStr::new(tmux), lab.place.env(), &["sleep", "1"], "x").unwrap_err()
    };
    for tmux in ["", "x", "/a,1", "relative,1,0", "/a,1,x", "/a,1,", ",1,0"] {
        assert_eq!(open(tmux).slug(), "tmux-unsafe", "{tmux:?}");
    }
    let gone = lab.place.root().join("gone");
    let refused = open(&format!("{},1,0", gone.display()));
    assert_eq!(refused.slug(), "tmux-failed", "{refused}");
    assert!(!gone.exists(), "and no server is started for it");
}

#[test]
fn the_version_is_read() {
    let lab = Lab::new();
    assert!(lab.server.version().unwrap().is_enough());
    for (text, number, is_enough) in [
        ("tmux 3.3a\n", Some((3, 3)), true),
        ("tmux 3.2", Some((3, 2)), true),
        ("tmux 2.9a", Some((2, 9)), false),
        ("tmux next-3.6", Some((3, 6)), true),
        ("tmux 10.0-rc", Some((10, 0)), true),
        ("tmux master", None, true),
        ("tmux openbsd-7.4", None, true),
    ] {
        let version = Version::parse(text);
        assert_eq!((version.number, version.is_enough()), (number, is_enough), "{text}");
    }
}
