//! Windows on agents' screens, with the real tmux on private sockets.

use std::os::unix::fs::PermissionsExt;

use skep_api::place;
use skep_host::proc::Program;

use super::*;
use crate::home::{kill, lives, pid_of};
use rustix::process::Signal;

/// A home with an agent that has a screen and nothing else.
fn home_with_a_screen(settings: &str) -> Home {
    let home = Home::new();
    home.repo();
    home.write(
        "c/agents/shell.toml",
        "protocol = \"pty\"\nprogram = \"sh\"\nheadless = [\"-c\", \"echo agent up; while read line; do echo \\\"<$line>\\\"; done\"]\n\
         prompt = \"stdin\"\n",
    );
    let standing = std::fs::read_to_string(home.at("c/config.toml")).unwrap();
    home.write("c/config.toml", &format!("{settings}{standing}"));
    home
}

/// A tmux that a test speaks to by its socket.
struct Tmux {
    socket: std::path::PathBuf,
}

impl Tmux {
    /// The private server of a home.
    fn of(home: &Home) -> Tmux {
        let place = place::Home::new(&home.root(), rustix::process::getuid().as_raw());
        Tmux { socket: place.sockets().join("tmux") }
    }

    fn try_ask(&self, args: &[&str]) -> Option<String> {
        let program = Program::new("tmux").arg("-f").arg("/dev/null").arg("-S").arg(&self.socket);
        let output = program.args(args).env("PATH", "/usr/bin:/bin").output().unwrap();
        (output.code() == 0).then(|| String::from_utf8(output.stdout).unwrap())
    }

    #[track_caller]
    fn ask(&self, args: &[&str]) -> String {
        self.try_ask(args).unwrap_or_else(|| panic!("tmux {args:?}"))
    }

    fn sessions(&self) -> Vec<String> {
        let list = self.try_ask(&["list-sessions", "-F", "#{session_name}"]).unwrap_or_default();
        list.lines().map(str::to_owned).collect()
    }

    /// The process in the only pane of a session.
    fn pane(&self, session: &str) -> Option<u32> {
        let format = "#{session_name} #{pane_pid}";
        let list = self.try_ask(&["list-panes", "-a", "-F", format]).unwrap_or_default();
        let line = list.lines().find_map(|line| line.strip_prefix(&format!("{session} ")))?;
        line.parse().ok()
    }

    #[track_caller]
    fn waits_for_pane(&self, session: &str) -> u32 {
        let mut pane = None;
        eventually("the window is open", || {
            pane = self.pane(session);
            pane.is_some()
        });
        pane.unwrap()
    }
}

#[test]
fn the_window_of_a_worker_comes_back_whatever_of_it_is_killed_and_goes_with_its_run() {
    let home = home_with_a_screen("");
    let run = home.json(&["run", "say hello", "--agent", "shell", "-t", "--name", "amber"]);
    let id = text_of(&run, "id");
    assert_eq!(run["surface"], "terminal", "{run}");
    let tmux = Tmux::of(&home);
    let pane = tmux.waits_for_pane("skep_web_amber_");
    eventually("the view has it", || home.listed(&id)["session"]["tmux"].is_object());
    let view = home.json(&["show", &id]);
    assert_eq!(view["session"]["tmux"]["session"], "skep_web_amber_", "{view}");
    assert!(text_of(&view["session"]["tmux"], "pane").starts_with('%'), "{view}");
    eventually("it shows the agent's screen", || {
        tmux.ask(&["capture-pane", "-p", "-t", "=skep_web_amber_:"]).contains("<say hello>")
    });
    let shown = home.skep(&["show", &id]).ok();
    assert!(shown.contains("skep attach web/amber") && shown.contains("tmux -S"), "{shown}");
    // The viewer, its session, its server, and the daemon with it: the agent hears of none.
    kill(pane, Signal::KILL);
    eventually("another viewer", || tmux.pane("skep_web_amber_").is_some_and(|new| new != pane));
    let pane = tmux.waits_for_pane("skep_web_amber_");
    tmux.ask(&["kill-session", "-t", "=skep_web_amber_"]);
    eventually("another session", || tmux.pane("skep_web_amber_").is_some_and(|new| new != pane));
    home.kill_daemon();
    tmux.ask(&["kill-server"]);
    eventually("the server is gone", || tmux.sessions().is_empty());
    let listed = home.listed(&id);
    assert_eq!((&listed["pid"], &listed["gatekeeper"]), (&run["pid"], &run["gatekeeper"]));
    assert!(lives(pid_of(&run, "pid")));
    tmux.waits_for_pane("skep_web_amber_");
    home.skep(&["stop", &id]).ok();
    eventually("the session goes with the run", || tmux.sessions().is_empty());
    assert_eq!(home.listed(&id)["session"]["tmux"], Value::Null);
    // The next attempt has a window of its own, and is told what came before and what is new.
    home.skep(&["resume", &id, "and more"]).ok();
    tmux.waits_for_pane("skep_web_amber_");
    eventually("it shows the agent's screen", || {
        let screen = tmux.try_ask(&["capture-pane", "-p", "-t", "=skep_web_amber_:"]);
        screen.is_some_and(|screen| screen.contains("<and more>") && screen.contains("<say hello>"))
    });
}

#[test]
fn a_worker_whose_name_begins_like_anothers_is_stopped_twice_and_the_other_lives() {
    let home = home_with_a_screen("");
    let run = |name: &str| home.json(&["run", "x", "--agent", "shell", "-t", "--name", name]);
    let (ace, ace2) = (run("ace"), run("ace2"));
    let tmux = Tmux::of(&home);
    tmux.waits_for_pane("skep_web_ace_");
    let pane = tmux.waits_for_pane("skep_web_ace2_");
    for _ in 0..2 {
        home.skep(&["stop", "ace"]).ok();
    }
    eventually("its session is gone", || tmux.sessions() == ["skep_web_ace2_"]);
    assert_eq!(tmux.pane("skep_web_ace2_"), Some(pane));
    assert_eq!(home.listed(&text_of(&ace, "id"))["state"], "ended");
    assert_eq!(home.listed(&text_of(&ace2, "id"))["pid"], ace2["pid"]);
    assert!(lives(pid_of(&ace2, "pid")));
}

#[test]
fn sessions_without_an_env_are_ended_if_they_are_ours_and_none_while_tmux_cannot_be_asked() {
    let home = home_with_a_screen("");
    let run = home.json(&["run", "x", "--agent", "shell", "-t", "--name", "amber"]);
    let tmux = Tmux::of(&home);
    let pane = tmux.waits_for_pane("skep_web_amber_");
    for name in ["skep_web_ghost_", "skep_web_web-51_", "skep_web_foreign_"] {
        tmux.ask(&["new-session", "-d", "-s", name, "sleep", "600"]);
    }
    for ours in ["=skep_web_ghost_:", "=skep_web_web-51_:"] {
        tmux.ask(&["set-option", "-t", ours, "@skep", "1"]);
    }
    let before = tmux.sessions();
    assert_eq!(before.len(), 4);
    // A tmux that fails.
    home.kill_daemon();
    std::fs::create_dir_all(home.at("bin")).unwrap();
    executable(&home.at("bin/tmux"), "#!/bin/sh\necho no >&2\nexit 1\n");
    let path = format!("{}:/usr/bin:/bin", home.at("bin").display());
    home.skep_with(&home.at("web"), &[("PATH", &path)], &["ls"]).ok();
    let log = || std::fs::read_to_string(home.root().join("daemon.log")).unwrap_or_default();
    eventually("it was asked", || log().contains("windows stay as they are"));
    assert_eq!(tmux.sessions(), before, "nothing is ended by a question without an answer");
    // Envs that cannot be listed.
    home.kill_daemon();
    let envs = home.root().join("env");
    let mode = |mode| {
        std::fs::set_permissions(&envs, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    if !rustix::process::getuid().is_root() {
        let told = log().matches("windows stay as they are").count();
        mode(0o300);
        home.skep(&["ls"]).ok();
        // The daemon puts its own folder right; then there is an answer, and it is the true one.
        eventually("it was asked", || {
            log().matches("windows stay as they are").count() > told || tmux.sessions().len() == 2
        });
        mode(0o700);
        home.kill_daemon();
    }
    home.skep(&["ls"]).ok();
    eventually("ours without an env are ended", || {
        tmux.sessions() == ["skep_web_amber_", "skep_web_foreign_"]
    });
    assert_eq!(tmux.pane("skep_web_amber_"), Some(pane), "one with an env is left alone");
    assert!(lives(pid_of(&run, "pid")));
    tmux.ask(&["kill-session", "-t", "=skep_web_foreign_"]);
}

#[test]
fn the_surface_is_as_asked_else_as_set_else_as_the_agent_can() {
    let home = home_with_a_screen("tmux = \"off\"\n");
    let surface = |more: &[&str]| {
        let run = home.json(&[&["run", "x"], more].concat());
        home.skep(&["kill", &text_of(&run, "id")]).ok();
        (text_of(&run, "surface"), run["session"]["tmux"].clone())
    };
    let refused = |more: &[&str]| {
        let args = [&["--json", "run", "x"], more].concat();
        home.skep(&args).refused(2, "agent-unable");
    };
    assert_eq!(surface(&["--agent", "shell"]), ("terminal".to_owned(), Value::Null));
    assert_eq!(surface(&[]).0, "headless");
    refused(&["--agent", "shell", "--surface", "headless"]);
    refused(&["-t"]);
    assert!(!Tmux::of(&home).socket.exists(), "tmux was used although it is off");
    home.skep(&["config", "set", "surface", "terminal"]).ok();
    assert_eq!(surface(&["--agent", "shell"]).0, "terminal");
    assert_eq!(surface(&[]).0, "headless", "an agent without a screen is spoken to");
}

#[test]
fn in_the_tmux_that_a_person_sits_in_a_window_opens_once_and_stays_closed() {
    let home = home_with_a_screen("tmux = \"yours\"\n");
    let theirs = Tmux { socket: home.at("tmp/their-tmux") };
    theirs.ask(&["new-session", "-d", "-s", "mine", "sleep", "600"]);
    let tmux = theirs.ask(&[
        "display-message",
        "-p",
        "-t",
        "=mine:",
        "#{socket_path},#{pid},#{session_id}",
    ]);
    let tmux = tmux.trim().replace('$', "");
    let windows = || {
        let list = theirs.try_ask(&["list-windows", "-t", "=mine", "-F", "#{window_name}"]);
        list.unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = home
        .skep_with(
            &home.at("web"),
            &[("TMUX", &tmux)],
            &["--json", "run", "x", "--agent", "shell", "--name", "amber"],
        )
        .json(0);
    let id = text_of(&run, "id");
    let ours = format!("{} amber", skep_core::names::CODER);
    eventually("a window opens", || windows().contains(&ours));
    eventually("it is told", || home.listed(&id)["session"]["tmux"].is_object());
    let vars = std::fs::read(format!("/proc/{}/environ", run["pid"])).unwrap();
    assert!(!String::from_utf8_lossy(&vars).contains("TMUX="), "the agent was told of it");
    theirs.ask(&["kill-window", "-t", &format!("=mine:={ours}")]);
    eventually("it is closed", || !windows().contains(&ours));
    home.kill_daemon();
    assert_eq!(home.listed(&id)["state"], "running");
    // A stop goes through the same daemon after it took up what runs; had it opened a window, it would stand.
    assert!(!windows().contains(&ours));
    home.skep(&["kill", &id]).ok();
    assert!(!Tmux::of(&home).socket.exists(), "the private one was used");
    theirs.ask(&["kill-server"]);
}
