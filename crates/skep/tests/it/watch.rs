//! `skep watch` as a person has it: the real binary on a terminal of 80 x 24, with a daemon and agents.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::{
    process::Signal,
    termios::{Winsize, tcsetwinsize},
};
use skep_host::tree;

use crate::{
    gatekeeper::terminal::Screen,
    home::{DEADLINE, Home, eventually, kill, lives},
};

/// What stays an agent at work: it says this, and waits.
const WAITS: [&str; 2] = ["say Working on it.", "hang"];

/// A terminal in which `skep watch` runs, and a shell behind it.
struct Watch {
    screen: Screen,
}

impl Watch {
    /// Starts it, and waits until it shows `text`.
    #[track_caller]
    fn of(home: &Home, text: &str) -> Watch {
        let script = "read go; stty -echo; before=$(stty -g); $SKEP watch; echo \"code $?\"; \
            test \"$before\" = \"$(stty -g)\" && echo terminal is as it was; read x; echo shell:$x; sleep 600";
        let mut watch = Watch::shell(home, &["sh", "-c", script]);
        watch.types("\n");
        watch.shows(text);
        watch
    }

    fn shell(home: &Home, program: &[&str]) -> Watch {
        let at = |name: &str| home.at(name).to_str().unwrap().to_owned();
        let vars = [("SKEP_HOME", at("h")), ("SKEP_CONFIG", at("c")), ("HOME", at("home"))];
        let vars: Vec<(&str, &str)> = vars
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .chain([("TERM", "xterm-256color"), ("LANG", "C.UTF-8")])
            .collect();
        let watch = Watch { screen: Screen::with(program, &vars) };
        watch.resize(80, 24);
        watch
    }

    fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.screen.keys, size).unwrap();
    }

    /// What stands on the terminal now, and whether its second screen is up.
    fn look(&self) -> (String, bool) {
        let mut terminal = vt100::Parser::new(24, 80, 0);
        terminal.process(self.screen.text().as_bytes());
        (terminal.screen().contents(), terminal.screen().alternate_screen())
    }

    fn text(&self) -> String {
        self.look().0
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        self.until(text, |seen| seen.contains(text));
    }

    #[track_caller]
    fn hides(&self, text: &str) {
        self.until(text, |seen| !seen.contains(text));
    }

    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let until = Instant::now() + DEADLINE;
        while !holds(&self.text()) {
            assert!(Instant::now() < until, "in vain waited for `{what}` in:\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn types(&mut self, keys: &str) {
        self.screen.type_in(keys);
    }

    /// The terminal as it was before, with the shell at its keys.
    #[track_caller]
    fn is_back(&mut self, code: i32) {
        self.shows(&format!("code {code}"));
        self.shows("terminal is as it was");
        let (text, second) = self.look();
        assert!(!second && !text.contains("at work"), "{text}");
        self.types("hello\n");
        self.shows("shell:hello");
    }

    /// The process of `skep watch`.
    fn pid(&self) -> u32 {
        let below = tree::descendants(self.screen.child.id()).unwrap();
        let is_it = |pid: u32| {
            tree::arguments(pid).is_some_and(|args| args.get(1).is_some_and(|arg| arg == "watch"))
        };
        below.iter().find(|process| is_it(process.pid)).unwrap().pid
    }
}

#[test]
fn a_person_looks_at_runs_stops_one_and_leaves_with_a_terminal_as_it_was() {
    let home = Home::new();
    home.repo();
    home.run("Make it quick", &["write quick.txt one\\ntwo", "say It is quick now.", "hang"], &[]);
    let other = home.run("Make it nice", &WAITS, &[]);
    let name = other["name"].as_str().unwrap();
    let mut watch = Watch::of(&home, "Make it nice");
    watch.shows("2 at work");
    watch.shows("Working on it.");
    watch.types("j");
    watch.shows("It is quick now.");
    watch.hides("Working on it.");
    watch.types("d");
    watch.shows("untracked  quick.txt");
    watch.types("dk");
    watch.shows("Working on it.");
    watch.types("x");
    watch.shows(&format!("Stop {name}?"));
    watch.types("y");
    watch.shows("1 at work, 1 ended");
    assert_eq!(home.wait(name, "ended")["reason"], "stopped-by-person");
    watch.types("?");
    watch.shows("any key leads back");
    watch.types(" q");
    watch.is_back(0);
}

#[test]
fn nothing_is_written_while_nothing_changes_and_little_when_a_key_moves_the_selection() {
    let home = Home::new();
    home.repo();
    home.run("One", &WAITS, &[]);
    home.run("Two", &WAITS, &[]);
    let mut watch = Watch::of(&home, "Working on it.");
    let quiet = |watch: &Watch, least: Duration| {
        let (mut bytes, mut since) = (watch.screen.text().len(), Instant::now());
        let until = Instant::now() + DEADLINE;
        while since.elapsed() < least {
            assert!(Instant::now() < until, "it is never quiet");
            thread::sleep(Duration::from_millis(20));
            let now = watch.screen.text().len();
            if now != bytes {
                (bytes, since) = (now, Instant::now());
            }
        }
        bytes
    };
    // The settings of a home look at worktrees now and then; longer than that, nothing is news.
    let before = quiet(&watch, Duration::from_millis(1500));
    watch.types("j");
    let after = quiet(&watch, Duration::from_millis(300));
    assert!(after > before, "the selection has moved");
    assert!(after - before < 2500, "{} bytes for one key", after - before);
}

#[test]
fn however_it_is_ended_the_terminal_comes_back() {
    let home = Home::new();
    home.repo();
    home.run("Wait", &WAITS, &[]);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut watch = Watch::of(&home, "Working on it.");
        kill(watch.pid(), signal);
        watch.is_back(130);
    }
    let mut watch = Watch::of(&home, "Working on it.");
    watch.types("s half a message\x03");
    watch.is_back(130);
}

#[test]
fn ctrl_z_leads_to_the_shell_and_fg_back() {
    let home = Home::new();
    home.repo();
    home.run("Wait", &WAITS, &[]);
    let mut watch = Watch::shell(&home, &["bash", "--norc", "--noprofile", "-i"]);
    watch.types("$SKEP watch\n");
    watch.shows("Working on it.");
    watch.types("\x1a");
    watch.shows("Stopped");
    assert!(!watch.look().1, "the shell has its own screen");
    watch.types("stty -a | tr ' ' '\\n' | grep -x icanon; echo in the shell\n");
    watch.shows("icanon");
    watch.types("fg\n");
    watch.shows("Working on it.");
    watch.types("q");
    watch.until("the shell", |_| !watch.look().1);
    watch.types("exit\n");
}

#[test]
fn a_daemon_that_was_killed_is_started_again_and_one_that_was_stopped_is_waited_for() {
    let home = Home::new();
    home.repo();
    let run = home.run("Wait", &WAITS, &[]);
    let mut watch = Watch::of(&home, "Working on it.");
    let killed = home.kill_daemon();
    watch.shows("the daemon is back");
    assert_ne!(home.daemon(), killed);
    let daemon = home.daemon();
    home.skep(&["daemon", "stop"]).ok();
    watch.shows("the daemon is gone");
    eventually("the daemon has ended", || !lives(daemon));
    assert!(
        !home.root().join("s/daemon.sock").exists(),
        "whoever looks starts no daemon that was told to leave"
    );
    home.skep(&["ls"]).ok();
    watch.hides("the daemon is gone");
    home.skep(&["stop", run["id"].as_str().unwrap()]).ok();
    watch.shows("1 ended");
    watch.types("q");
    watch.is_back(0);
}

#[test]
fn an_agents_screen_is_seen_attached_to_and_left_again() {
    let home = Home::new();
    home.repo();
    let shell = "protocol = \"pty\"\nprogram = \"sh\"\nheadless = [\"-c\", \"stty -echo; printf '\\\\033]0;title\\\\007\\\\033[31magent up\\\\033[m\\\\n'; \
        while read line; do echo \\\"<$line> $(stty size)\\\"; done\"]\nprompt = \"stdin\"\n";
    home.write("c/agents/shell.toml", shell);
    let settings = std::fs::read_to_string(home.at("c/config.toml")).unwrap();
    home.write("c/config.toml", &format!("tmux = \"off\"\n{settings}"));
    let run = home.json(&["run", "say hello", "--agent", "shell", "--surface", "terminal"]);
    let name = run["name"].as_str().unwrap();
    let mut watch = Watch::of(&home, "agent up");
    watch.shows("<say hello> 36 120");
    watch.shows(&format!("{name} screen"));
    assert!(!watch.screen.text().contains("\x1b]0;"), "its title is its own");
    watch.types("\r");
    watch.hides("at work");
    watch.types("by hand\r");
    watch.shows("<by hand> 24 80");
    watch.types("\x11");
    watch.shows("1 at work");
    watch.shows("<by hand> 24 80");
    watch.types("j");
    home.skep(&["kill", name]).ok();
    watch.shows("1 ended");
    watch.types("\r");
    watch.types("q");
    watch.is_back(0);
}

#[test]
fn hostile_titles_and_words_stay_words() {
    let home = Home::new();
    home.repo();
    let title = "evil \u{1b}]0;pwned\u{7}\u{1b}[2J \u{202e}title 日本語";
    let steps = ["say \\u{1b}[31mred", "flood 300 in one line", "write \u{202e}gpj.txt x", "hang"];
    home.run(title, &steps, &[]);
    let mut watch = Watch::of(&home, "evil ␛]0;pwned␇␛[2J <U+202E>title");
    watch.shows("bytes more");
    watch.types("d");
    watch.shows("untracked  <U+202E>gpj.txt");
    let seen = watch.screen.text();
    for raw in ["\x1b]", "\u{7}", "\u{202e}"] {
        assert!(!seen.contains(raw), "{raw:?}");
    }
    watch.types("q");
    watch.is_back(0);
}

#[test]
fn what_is_no_terminal_is_not_drawn_on_and_a_small_one_is_told() {
    let home = Home::new();
    home.repo();
    home.run("Wait", &WAITS, &[]);
    home.skep(&["--json", "watch"]).refused(2, "no-terminal");
    assert!(home.skep(&["top"]).stderr.contains("skep ls"));
    let mut watch = Watch::of(&home, "Working on it.");
    watch.resize(50, 10);
    watch.shows("skep watch needs more room");
    watch.resize(80, 24);
    watch.shows("Working on it.");
    watch.types("q");
    watch.is_back(0);
}
