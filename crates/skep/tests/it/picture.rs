//! The picture of the README: a real shell on a real terminal, drawn.
//!
//! `scripts/screen` writes it anew; the test says when it must.

use std::{fmt::Write as _, fs};

use rustix::termios::{Winsize, tcsetwinsize};
use vt100::{Color, Parser};

use crate::{
    gatekeeper::terminal::Screen,
    home::{Home, eventually, text_of},
    tidy::{root, source::read},
};

const COLUMNS: u16 = 126;
const ROWS: u16 = 34;

/// What is typed, one after the other.
const TYPED: [&str; 3] = ["skep", "skep logs amber", "skep land amber"];

/// A run in each of the states that a person asks about.
fn fleet(home: &Home) {
    home.repo();
    home.write(
        "c/agents/shell.toml",
        "protocol = \"pty\"\nprogram = \"sh\"\nheadless = [\"-c\", \"echo ready; read line; sleep 600\"]\nprompt = \"stdin\"\n",
    );
    let ended = |title: &str, name: &str, steps: &[&str]| {
        let prompt = home.script(name, steps);
        let run =
            home.skep(&["--json", "run", title, "--prompt-file", &prompt, "--name", name, "-d"]);
        let run: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        home.wait(&text_of(&run, "id"), "ended");
    };
    ended(
        "Fix the flaky login test",
        "amber",
        &[
            "say The test waits for a fixed time; I let it wait for the session instead.",
            "write tests/login.py wait_for(session)",
            "commit Wait for the session, not for the clock",
            "say Fixed. It held in forty runs.",
            "result ok",
        ],
    );
    ended(
        "Update the parser",
        "basalt",
        &["say I cannot build it.", "result failed the lexer has no such token"],
    );
    let stays = |title: &str, name: &str, state: &str, steps: &[&str]| {
        let prompt = home.script(name, steps);
        let run = home.json(&["run", title, "--prompt-file", &prompt, "--name", name, "-d"]);
        home.wait(&text_of(&run, "id"), state);
    };
    stays(
        "Write the migration",
        "cobalt",
        "running",
        &[
            "say On it.",
            "write migrations/7.sql create table hives (id text)",
            "say Half of it stands.",
            "hang",
        ],
    );
    stays(
        "Clean up the caches",
        "dolomite",
        "waiting",
        &["ask May I drop the cache of 2019?", "result ok"],
    );
    let run = home.json(&[
        "run",
        "Try the new editor",
        "--agent",
        "shell",
        "-t",
        "--name",
        "epidote",
        "-d",
    ]);
    let id = text_of(&run, "id");
    home.wait(&id, "running");
    eventually("its window", || home.listed(&id)["session"]["tmux"].is_object());
    eventually("what was written so far", || home.json(&["show", "cobalt"])["git"]["files"] == 1);
    for name in ["dolomite", "epidote"] {
        assert!(home.json(&["show", name])["git"].is_object());
    }
}

/// Types the commands into a shell on a terminal, and returns what stands there.
fn shot(home: &Home) -> Parser {
    let var = |name: &str, value: &std::path::Path| format!("{name}={}", value.display());
    fs::create_dir_all(home.at("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_skep"), home.at("bin/skep")).unwrap();
    let program = [
        "env".to_owned(),
        "-i".to_owned(),
        format!("PATH={}:/usr/bin:/bin", home.at("bin").display()),
        var("HOME", &home.at("home")),
        var("SKEP_HOME", &home.root()),
        var("SKEP_CONFIG", &home.at("c")),
        "TERM=xterm".to_owned(),
        "LANG=C.UTF-8".to_owned(),
        "PS1=$ ".to_owned(),
        "sh".to_owned(),
        "-c".to_owned(),
        format!("cd '{}'; exec sh -i", home.at("web").display()),
    ];
    let mut screen = Screen::with(&program.each_ref().map(String::as_str), &[]);
    let size = Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&screen.keys, size).unwrap();
    let drawn = |screen: &Screen| {
        let mut parser = Parser::new(ROWS, COLUMNS, 0);
        parser.process(screen.text().as_bytes());
        parser
    };
    for nth in 0..=TYPED.len() {
        eventually("a prompt", || {
            let parser = drawn(&screen);
            let prompts = parser.screen().rows(0, COLUMNS).filter(|row| row.starts_with('$'));
            let row = parser.screen().cursor_position().0;
            let last = parser.screen().rows(0, COLUMNS).nth(usize::from(row)).unwrap();
            prompts.count() == nth + 1 && last.trim_end() == "$"
        });
        if let Some(command) = TYPED.get(nth) {
            screen.type_in(&format!("{command}\n"));
        }
    }
    drawn(&screen)
}

/// Ids that a reader may tell apart.
const IDS: [&str; 5] = ["7k2m9qx4ab", "d41vw8tz6s", "q0h5rnc3ye", "m9xj2b7gfk", "z6p8ta1vd4"];

/// What differs from one time to the next, made the same: ids, pids, ages and durations, each as wide as it was.
#[derive(Default)]
struct Settled {
    ids: Vec<String>,
}

impl Settled {
    fn line(&mut self, line: &str) -> String {
        let mut words: Vec<String> = Vec::new();
        for word in line.split(' ') {
            let is_number =
                |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let is_age = word.len() <= 3 && word.strip_suffix('s').is_some_and(is_number);
            let is_oid = word.starts_with('(') && word.ends_with("…)");
            let seconds = word.strip_suffix('s').and_then(|number| number.split_once('.'));
            let took = seconds.is_some_and(|(whole, part)| is_number(whole) && is_number(part));
            words.push(if let Some(id) = word.strip_prefix("run_") {
                format!("run_{}", self.id(id))
            } else if is_age {
                format!("{:<width$}", "4s", width = word.len())
            } else if took {
                format!("{:<width$}", "0.2s", width = word.len())
            } else if words.last().is_some_and(|last| last == "pid") && is_number(word) {
                "4711".to_owned()
            } else if is_oid {
                "(3f9c2e81b7d…)".to_owned()
            } else {
                word.to_owned()
            });
        }
        words.join(" ")
    }

    fn id(&mut self, id: &str) -> &'static str {
        let place = self.ids.iter().position(|known| known == id).unwrap_or_else(|| {
            self.ids.push(id.to_owned());
            self.ids.len() - 1
        });
        IDS[place]
    }
}

/// The look of a character: its colour, whether it is strong, whether it is faint.
type Look = (&'static str, bool, bool);

fn look(cell: &vt100::Cell) -> Look {
    let colour = match cell.fgcolor() {
        Color::Idx(1) => "#f7768e",
        Color::Idx(2) => "#9ece6a",
        Color::Idx(3) => "#e0af68",
        _ => "#d5d9e8",
    };
    (colour, cell.bold(), cell.dim())
}

/// A row as stretches of one look, blanks at its end left out.
fn stretches(screen: &vt100::Screen, row: u16) -> Vec<(u16, String, Look)> {
    let cell = |column| screen.cell(row, column);
    let mut found: Vec<(u16, String, Look)> = Vec::new();
    for column in 0..COLUMNS {
        let Some(cell) = cell(column).filter(|cell| !cell.is_wide_continuation()) else { continue };
        let text = if cell.has_contents() { cell.contents() } else { " " };
        match found.last_mut() {
            Some((_, line, of)) if *of == look(cell) => line.push_str(text),
            _ => found.push((column, text.to_owned(), look(cell))),
        }
    }
    found.retain(|(_, text, _)| !text.trim().is_empty());
    found
}

/// The terminal as a picture: no program of its own, no font but the reader's.
fn svg(screen: &vt100::Screen) -> String {
    let (wide, high, left, top) = (8.4, 19.0, 20.0, 54.0);
    let rows = screen.rows(0, COLUMNS).collect::<Vec<_>>();
    let last = rows.iter().rposition(|row| !row.trim().is_empty() && row.trim() != "$").unwrap();
    let (width, height) =
        (f64::from(COLUMNS) * wide + 2.0 * left, (last as f64) * high + top + 24.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"14\">\n\
         <title>A terminal: skep shows five runs, what one of them said, and lands it</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"10\" fill=\"#1a1b26\"/>\n\
         <g fill=\"#3b4261\"><circle cx=\"24\" cy=\"22\" r=\"6\"/><circle cx=\"44\" cy=\"22\" r=\"6\"/><circle cx=\"64\" cy=\"22\" r=\"6\"/></g>\n"
    );
    let mut settled = Settled::default();
    for row in 0..=u16::try_from(last).unwrap() {
        for (column, text, (colour, strong, faint)) in stretches(screen, row) {
            let text = settled.line(&text);
            let text = text.trim_end();
            let x = left + f64::from(column) * wide;
            let y = top + f64::from(row) * high;
            let length = text.chars().count() as f64 * wide;
            let weight = if strong { " font-weight=\"bold\"" } else { "" };
            let faint = if faint { " opacity=\"0.6\"" } else { "" };
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.0}\" textLength=\"{length:.1}\" fill=\"{colour}\"{weight}{faint} xml:space=\"preserve\">{text}</text>"
            )
            .unwrap();
        }
    }
    svg.push_str("</svg>\n");
    svg
}

#[test]
fn the_picture_of_the_readme_shows_what_skep_shows() {
    let home = Home::new();
    fleet(&home);
    let now = svg(shot(&home).screen());
    let path = root().join("docs/screen.svg");
    if std::env::var_os("SKEP_WRITE_SCREEN").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let differs = read(&path).lines().zip(now.lines()).find(|(then, now)| then != now).is_some();
    assert!(!differs && read(&path) == now, "docs/screen.svg is old: scripts/screen\n{now}");
}

#[test]
fn what_differs_each_time_is_drawn_the_same_and_as_wide() {
    let mut settled = Settled::default();
    assert_eq!(
        settled.line("amber  running  12s  +1 -0 1c  run_0123456789"),
        "amber  running  4s   +1 -0 1c  run_7k2m9qx4ab"
    );
    assert_eq!(settled.line("exit 0 after 10.1s"), "exit 0 after 0.2s ");
    assert_eq!(settled.line("run_abcdefghjk run_0123456789"), "run_d41vw8tz6s run_7k2m9qx4ab");
    assert_eq!(settled.line("── started, pid 88 (a1…)"), "── started, pid 4711 (3f9c2e81b7d…)");
}
