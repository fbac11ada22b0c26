//! `skep attach` in a real terminal: the client against a keeper, with a daemon that only says which run it is.

use std::{
    io::BufReader,
    os::unix::net::{UnixListener, UnixStream},
    thread,
};

use rustix::{
    process::Signal,
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};
use serde_json::json;
use skep_api::{place, wire};
use skep_host::tree;

use crate::gatekeeper::{kill, put, skep, terminal::Screen, tty::Live};

/// A home in which one run lives.
struct Setting {
    // The keeper is ended, by its socket, before its home goes.
    live: Live,
    home: tempfile::TempDir,
}

impl Setting {
    fn new(script: &str, terminal: bool) -> Setting {
        let home = tempfile::tempdir().unwrap();
        let place = place::Home::new(home.path(), rustix::process::getuid().as_raw());
        skep_host::paths::create_private_dir(place.sockets()).unwrap();
        let live = Live::with(script, |attempt| {
            attempt.spec.socket = place.control_socket(&attempt.spec.run, 1);
            if !terminal {
                attempt.spec.protocol = "plain".to_owned();
                attempt.spec.terminal = None;
            }
        });
        let listener = UnixListener::bind(place.daemon_socket()).unwrap();
        put(place.daemon_lock(), std::process::id().to_string());
        let run = live.attempt.spec.run.to_string();
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let _broken = say_which(&caller, &run);
            }
        });
        Setting { live, home }
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.live.attempt.path("tty.log")).unwrap())
            .into_owned()
    }

    /// `skep attach amber` from a shell, which then says what it got and what its terminal is like.
    fn attach(&self) -> Screen {
        let script = "stty -echo; before=$(stty -g); $SKEP attach amber; echo \"code $?\"; \
            test \"$before\" = \"$(stty -g)\" && echo terminal is as it was; read x; echo shell:$x; sleep 600";
        let screen = Screen::with(
            &["sh", "-c", script],
            &[("SKEP_HOME", self.home.path().to_str().unwrap()), ("HOME", "/nowhere")],
        );
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&screen.keys, size).unwrap();
        screen
    }
}

/// Answers every question with the one run.
fn say_which(caller: &UnixStream, run: &str) -> std::io::Result<()> {
    let mut from = BufReader::new(caller);
    while let Some(asked) = wire::receive::<serde_json::Value>(&mut from)? {
        assert_eq!(asked["ask"], "show", "{asked}");
        wire::send(&mut &*caller, &wire::Answer::Ok(view(run)))?;
    }
    Ok(())
}

fn view(run: &str) -> serde_json::Value {
    let at = "2026-01-01T00:00:00.000Z";
    json!({
        "id": run, "name": "amber", "kind": "code", "task": null, "title": "t", "project": null, "by": "person",
        "agent": "any", "model": null, "account": null, "surface": "headless", "permissions": "auto", "state": "running",
        "waiting_for": null, "outcome": null, "reason": null, "since": at, "attempt": 1, "env_type": "directory",
        "env_state": "held", "env": null, "worktree": null, "cwd": null, "branch": null, "target": null, "base": null,
        "git": null, "session": {"agent": null, "tmux": null}, "pid": null, "gatekeeper": null, "exit": null, "last": null,
        "change": null, "questions": 0, "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": null},
        "host": "local", "notes": [], "created": at, "landed": null, "op": null,
    })
}

const ECHO: &str =
    "stty -echo; echo agent up; while :; do read line && echo \"<$line> $(stty size)\"; done";

#[test]
fn a_person_attaches_types_and_leaves_with_ctrl_q_and_the_agent_goes_on() {
    let setting = Setting::new(ECHO, true);
    for round in 0..2 {
        let mut screen = setting.attach();
        screen.sees("agent up");
        screen.type_in(&format!("hello {round}\r"));
        screen.sees(&format!("<hello {round}> 30 100"));
        screen.type_in("\x11");
        screen.sees("left amber; it goes on. skep attach amber");
        screen.sees("code 0");
        screen.sees("terminal is as it was");
        screen.type_in("back\r");
        screen.sees("shell:back");
    }
    assert!(!setting.log().contains('\u{11}'));
}

#[test]
fn ctrl_q_twice_is_one_for_the_agent() {
    let setting = Setting::new(
        "stty raw -echo; printf 'agent up'; dd bs=1 count=2 2>/dev/null | od -An -tx1; sleep 600",
        true,
    );
    let mut screen = setting.attach();
    screen.sees("agent up");
    screen.type_in("\x11\x11!");
    screen.sees("11 21");
}

#[test]
fn when_the_agent_ends_its_viewer_leaves_with_a_line_that_says_how() {
    let setting = Setting::new("echo agent up; read line; exit 7", true);
    let mut screen = setting.attach();
    screen.sees("agent up");
    screen.type_in("\r");
    screen.sees("amber has ended with exit code 7");
    screen.sees("terminal is as it was");
}

#[test]
fn a_viewer_that_is_ended_by_a_signal_gives_the_terminal_back_and_one_that_is_killed_stops_nothing()
{
    let setting = Setting::new(ECHO, true);
    for signal in [Signal::TERM, Signal::HUP, Signal::KILL] {
        let mut screen = setting.attach();
        screen.sees("agent up");
        let viewer = tree::descendants(screen.child.id()).unwrap();
        let is_viewer = |pid: u32| {
            tree::arguments(pid).is_some_and(|args| args.get(1).is_some_and(|arg| arg == "attach"))
        };
        let viewer = viewer.iter().find(|process| is_viewer(process.pid)).unwrap();
        kill(viewer.pid, signal);
        screen.sees("code ");
        if signal != Signal::KILL {
            screen.sees("terminal is as it was");
            assert!(tcgetattr(&screen.keys).unwrap().local_modes.contains(LocalModes::ICANON));
            screen.type_in("back\r");
            screen.sees("shell:back");
        }
    }
    let mut screen = setting.attach();
    screen.sees("agent up");
    screen.type_in("alive\r");
    screen.sees("<alive>");
}

#[test]
fn a_keeper_that_is_killed_leaves_its_viewer_with_a_terminal_and_an_error() {
    let setting = Setting::new(ECHO, true);
    let screen = setting.attach();
    screen.sees("agent up");
    kill(setting.live.child.id(), Signal::KILL);
    screen.sees("error[keeper-broke-off]");
    screen.sees("code 2");
    screen.sees("terminal is as it was");
}

#[test]
fn what_is_no_terminal_is_not_attached_to_and_from_none_nobody_attaches() {
    let setting = Setting::new("sleep 600", false);
    let screen = setting.attach();
    screen.sees("error[not-a-terminal]");
    screen.sees("skep logs amber -f");
    screen.sees("code 2");
    let mut attach = skep();
    attach.args(["attach", "amber"]).env("SKEP_HOME", setting.home.path()).env("HOME", "/nowhere");
    let output = attach.output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("error[no-terminal]"));
}

#[test]
fn a_run_on_a_terminal_gets_its_prompt_typed_and_is_attached_to_by_its_name() {
    let home = crate::home::Home::new();
    home.repo();
    let shell = "protocol = \"pty\"\nprogram = \"sh\"\nheadless = [\"-c\", \"stty -echo; echo agent up; \
        while read line; do echo \\\"<$line>\\\"; done\"]\nprompt = \"stdin\"\n";
    home.write("c/agents/shell.toml", shell);
    home.write("c/config.toml", "tmux = \"off\"\n[limits]\ndisk_free = \"0\"\n");
    let run = home.json(&["run", "say hello", "--agent", "shell", "--surface", "terminal"]);
    let at = |name: &str| home.at(name).to_str().unwrap().to_owned();
    let vars = [("SKEP_HOME", at("h")), ("SKEP_CONFIG", at("c")), ("HOME", at("home"))];
    let vars = vars.each_ref().map(|(name, value)| (*name, value.as_str()));
    let name = run["name"].as_str().unwrap();
    let mut screen = Screen::with(&[env!("CARGO_BIN_EXE_skep"), "attach", name], &vars);
    screen.sees("agent up");
    screen.sees("<say hello>");
    screen.type_in("by hand\r");
    screen.sees("<by hand>");
    screen.type_in("\x11");
    screen.sees(&format!("left {name}; it goes on"));
    home.skep(&["kill", name]).ok();
}
