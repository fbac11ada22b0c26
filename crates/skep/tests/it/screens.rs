//! Screens: what a person sees on a terminal of a set size, with colour and without, held by snapshots in `screens/`.
//!
//! Owns: a terminal for one call, a stand-in for the daemon that gives fixed answers, and how a screen becomes text.
//! Never: runs an agent; what a screen shows is given by its test.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use serde_json::{Value, json};
use skep_api::{
    place,
    wire::{self, Answer, Refusal},
};
use skep_core::time::Timestamp;
use skep_host::proc;
use unicode_width::UnicodeWidthStr;

mod acting;
mod conflicts;
mod helping;
mod looking;
mod plans;

/// The widths at which every screen is looked at.
const WIDTHS: [u16; 2] = [80, 140];
/// How many rows the terminal has.
pub(crate) const ROWS: u16 = 24;

type Answers = Arc<Mutex<BTreeMap<String, Result<Value, Refusal>>>>;

/// A home whose daemon is a stand-in: each kind of question has its one answer.
pub(crate) struct Stage {
    dir: tempfile::TempDir,
    pub(crate) home: place::Home,
    answers: Answers,
    vars: Vec<(String, String)>,
}

impl Stage {
    /// Sets up a home in which this process answers.
    pub(crate) fn new() -> Stage {
        let dir = tempfile::tempdir().unwrap();
        let home = place::Home::new(dir.path(), rustix::process::getuid().as_raw());
        skep_host::paths::create_private_dir(home.sockets()).unwrap();
        let listener = UnixListener::bind(home.daemon_socket()).unwrap();
        // Whoever answers must be the process that holds the home.
        std::fs::write(home.daemon_lock(), std::process::id().to_string()).unwrap();
        let answers = Answers::default();
        let known = Arc::clone(&answers);
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let known = Arc::clone(&known);
                thread::spawn(move || drop(answer(&caller, &known)));
            }
        });
        Stage { dir, home, answers, vars: Vec::new() }
    }

    /// Answers the question `ask` (as the wire spells it) with `value`.
    pub(crate) fn answers(self, ask: &str, value: Value) -> Stage {
        self.answers.lock().unwrap().insert(ask.to_owned(), Ok(value));
        self
    }

    /// Answers the question `ask` with an error.
    pub(crate) fn refuses(self, ask: &str, refusal: Refusal) -> Stage {
        self.answers.lock().unwrap().insert(ask.to_owned(), Err(refusal));
        self
    }

    /// Adds a variable to the environment of every call.
    pub(crate) fn var(mut self, name: &str, value: &str) -> Stage {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A call of the binary against this home.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = proc::command(env!("CARGO_BIN_EXE_skep"));
        command.args(args).env_clear().current_dir("/");
        command.envs([
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("TERM", "xterm"),
            ("LANG", "C.UTF-8"),
        ]);
        command.env("HOME", "/nowhere").env("PAGER", "cat").env("TZ", "UTC");
        command.env("SKEP_HOME", self.dir.path()).env("SKEP_CONFIG", self.dir.path().join("c"));
        command.envs(self.vars.iter().cloned());
        command
    }

    /// The folder of the home.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }
}

fn answer(caller: &UnixStream, known: &Answers) -> std::io::Result<()> {
    let mut from = BufReader::new(caller);
    while let Some(asked) = wire::receive::<Value>(&mut from)? {
        let kind = asked["ask"].as_str().unwrap_or_default().to_owned();
        let answer = known.lock().unwrap().get(&kind).cloned();
        let answer = match answer {
            Some(Ok(value)) => Answer::Ok(value),
            Some(Err(refusal)) => Answer::Error(refusal),
            None => {
                Answer::Error(Refusal::error("no-answer", format!("nobody set one for {asked}")))
            }
        };
        wire::send(&mut &*caller, &answer)?;
    }
    Ok(())
}

/// What a call painted on a terminal of its own of this size, and its exit code.
///
/// Shape: lines end with `\n` alone; an escape is spelled `\e`, so that what would be one and is not stays to be told apart.
pub(crate) fn painted(mut command: Command, columns: u16, rows: u16) -> (String, i32) {
    let master: OwnedFd =
        openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    let half = || Stdio::from(terminal.try_clone().unwrap());
    command.stdin(half()).stdout(half()).stderr(half());
    let mut child = command.spawn().unwrap();
    // Whoever still holds the other end keeps the reading from its end.
    drop((command, terminal));
    let mut master = File::from(master);
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        // The end of a terminal is told as an error.
        let _hung_up = master.read_to_end(&mut bytes);
        bytes
    });
    let code = child.wait().unwrap().code().unwrap_or(-1);
    let text = String::from_utf8(reading.join().unwrap()).expect("a screen is UTF-8");
    (text.replace("\r\n", "\n").replace('\u{1b}', "\\e"), code)
}

/// `painted` text without its colours.
pub(crate) fn plain(painted: &str) -> String {
    let mut parts = painted.split("\\e[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('m').expect("a colour ends with m");
        assert!(code.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'), "{part}");
        plain += rest;
    }
    plain
}

/// Holds the screen of a call: at every width, with colour and without, as `screens/NAME.snap` says.
///
/// No line is wider than the terminal; colour adds nothing but colour; nothing raw of a stranger comes through.
#[track_caller]
pub(crate) fn holds(stage: &Stage, name: &str, args: &[&str]) {
    let mut all = String::new();
    for columns in WIDTHS {
        let (coloured, code) = painted(stage.command(args), columns, ROWS);
        let mut colourless = stage.command(args);
        colourless.env("NO_COLOR", "1");
        let (without, _) = painted(colourless, columns, ROWS);
        let (coloured, without) = (pinned(&coloured, stage), pinned(&without, stage));
        assert_eq!(plain(&coloured), without, "colour changes more than colour");
        // A command that is to be typed is never broken.
        for line in without.lines().filter(|line| !line.starts_with("  →")) {
            let width = line.width();
            assert!(width <= usize::from(columns), "{width} columns of {columns}: {line}");
        }
        let stray = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        assert!(!without.contains(stray), "{without:?}");
        all += &format!("── {columns} columns, exit {code}\n{without}── in colour\n{coloured}");
    }
    insta::with_settings!(
        { snapshot_path => "screens", prepend_module_to_snapshot => false, omit_expression => true },
        { insta::assert_snapshot!(name, all) }
    );
}

/// Takes out what differs from call to call, without a change of its width: moments.
fn pinned(text: &str, stage: &Stage) -> String {
    const FORM: &str = "dddd-dd-ddTdd:dd:dd.dddZ";
    let text = text.replace(stage.root().to_str().unwrap(), "/tmp/stage");
    let mut bytes = text.into_bytes();
    let fits = |window: &[u8]| {
        FORM.bytes().zip(window).all(|(form, byte)| match form {
            b'd' => byte.is_ascii_digit(),
            form => form == *byte,
        })
    };
    for at in 0..bytes.len().saturating_sub(FORM.len() - 1) {
        if fits(&bytes[at..at + FORM.len()]) {
            bytes[at..at + FORM.len()].copy_from_slice(b"2026-01-01T00:00:00.000Z");
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A moment so many seconds ago, and a little more, so that an age does not turn while a test runs.
pub(crate) fn ago(seconds: u64) -> Value {
    let now = skep_daemon::daemon::now();
    json!(Timestamp(now.0 - seconds * 1000 - 200).to_string())
}

/// The view of a run at work; `more` replaces what it names.
pub(crate) fn run(name: &str, more: &Value) -> Value {
    let at = ago(3 * 60);
    let mut view = json!({
        "id": format!("run_{:0<10}", name.replace(['i', 'l', 'o', 'u'], "x")), "name": name, "kind": "code", "task": null,
        "title": format!("the work of {name}"), "project": "web", "by": "person", "agent": "claude", "model": null,
        "account": null, "surface": "headless", "permissions": "auto", "state": "running", "waiting_for": null,
        "outcome": null, "reason": null, "since": at, "attempt": 1, "env_type": "worktree", "env_state": "held",
        "env": format!("/srv/skep/env/{name}"), "worktree": format!("/srv/skep/env/{name}/web-{name}"),
        "cwd": format!("/srv/skep/env/{name}/web-{name}"), "branch": format!("skep/the-work-of-{name}"), "target": "main",
        "base": {"branch": "origin/main", "oid": "00112233445566778899aabbccddeeff00112233"},
        "git": null, "session": {"agent": null, "tmux": null}, "pid": 4242, "gatekeeper": 4240, "exit": null, "last": null,
        "change": null, "questions": 0, "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": null},
        "host": "local", "notes": [], "created": at, "landed": null, "op": null,
    });
    for (key, value) in more.as_object().expect("an object") {
        view[key] = value.clone();
    }
    view
}
