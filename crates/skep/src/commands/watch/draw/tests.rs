use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, layout::Position, style::Modifier};
use serde_json::json;
use skep_api::{
    view::{DiffFile, DiffView},
    wire::Refusal,
};

use unicode_width::UnicodeWidthStr;

use super::draw;
use crate::commands::watch::{
    model::{
        Event, State,
        tests::{later, planned, press, run, runs, state},
    },
    sight::{Picture, Sight, of_diff},
};
use crate::output::Tone;

/// Draws `state` at a size; the screen, and where the cursor is if it is shown.
fn drawn(state: &mut State, columns: u16, rows: u16) -> (Buffer, Option<Position>) {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    state.size = (columns, rows);
    let mut farthest = 0;
    terminal.draw(|frame| farthest = draw(frame, state)).unwrap();
    state.farthest = farthest;
    let backend = terminal.backend();
    let cursor = backend.cursor_visible().then(|| backend.cursor_position());
    (backend.buffer().clone(), cursor)
}

/// The screen as text, each line between bars, so that nothing is cut unseen; a selected line is marked behind it.
fn text(buffer: &Buffer) -> String {
    let area = *buffer.area();
    let line = |y: u16| {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..area.width {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                line += symbol;
            }
            skip = symbol.width().max(1).max(skip) - 1;
        }
        let reversed = buffer[(2, y)].modifier.contains(Modifier::REVERSED);
        format!("|{line}|{}\n", if reversed { " selected" } else { "" })
    };
    (0..area.height).map(line).collect()
}

/// Holds the screen by a snapshot, at the size of an old terminal and at that of a large one.
#[track_caller]
fn holds(name: &str, state: &State) {
    for (columns, rows) in [(80, 24), (140, 40)] {
        let (buffer, _) = drawn(&mut state.clone(), columns, rows);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("snapshots");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(format!("{name}-{columns}"), text(&buffer)));
    }
}

fn seen(mut state: State, sight: Sight) -> State {
    let target = state.target().unwrap();
    state.step(Event::Seen(target, sight), later(200));
    state
}

fn words() -> Sight {
    let said = |tone, text: &str| (tone, text.to_owned());
    Sight::Words(vec![
        said(Tone::Faint, "── started, pid 4242"),
        said(
            Tone::Plain,
            "The test waits a fixed time for the server, which is not enough when the machine is busy. I make it wait for the answer.",
        ),
        said(Tone::Faint, "▸ edit src/login.rs"),
        said(Tone::Bad, "✗ no such file"),
        said(Tone::Wants, "? May I add a dependency?"),
    ])
}

fn changes() -> Sight {
    let file = |path: &str, status: &str, insertions, deletions| DiffFile {
        path: path.to_owned(),
        from: None,
        status: status.to_owned(),
        insertions,
        deletions,
    };
    Sight::Diff(of_diff(&DiffView {
        run: "run_amber00000".to_owned(),
        base: None,
        head: None,
        worktree: true,
        files: vec![file("src/login.rs", "modified", Some(1), Some(1)), file("logo.png", "untracked", None, None)],
        text: "diff --git a/src/login.rs b/src/login.rs\n--- a/src/login.rs\n+++ b/src/login.rs\n@@ -1,2 +1,2 @@\n fn login() {\n-    sleep(2);\n+    wait_for(server);\n".to_owned(),
        cut: true,
    }))
}

#[test]
fn the_list_and_the_words_of_the_run_that_is_selected() {
    holds("list", &seen(state(), words()));
}

#[test]
fn planned_tasks_with_their_runs_and_the_parts_of_the_one_that_is_looked_at() {
    let mut state = planned();
    press(&mut state, "j");
    holds("planned", &seen(state, words()));
}

#[test]
fn only_a_plan_waits() {
    let mut state = planned();
    state.step(Event::Listed(Vec::new()), later(200));
    holds("planned-only", &state);
}

#[test]
fn nothing_runs_yet() {
    holds("empty", &State::new(Vec::new(), later(0), (80, 24), true));
}

#[test]
fn what_a_run_changed() {
    let mut state = state();
    press(&mut state, "d");
    holds("diff", &seen(state, changes()));
}

#[test]
fn an_agents_screen_with_its_cursor() {
    let mut state = state();
    press(&mut state, "j");
    let mut screen = vt100::Parser::new(30, 100, 0);
    screen.process("\x1b[1;32mbuilding\x1b[m …\r\n\x1b[7m 日本語 \x1b[m done\r\n> ".as_bytes());
    let state = seen(state, Sight::Screen(Picture::of(screen.screen())));
    holds("screen", &state);
    let (buffer, _) = drawn(&mut state.clone(), 80, 24);
    let row = (0..24).find(|y| buffer[(0, *y)].symbol() == ">").unwrap();
    assert!(buffer[(2, row)].modifier.contains(Modifier::REVERSED), "the cursor is seen");
}

#[test]
fn the_keys_fit_the_smallest_terminal_that_is_usual() {
    let mut state = state();
    press(&mut state, "?");
    holds("help", &state);
    assert!(!text(&drawn(&mut state, 80, 24).0).contains('…'));
    press(&mut state, "q");
    assert!(text(&drawn(&mut state, 80, 24).0).contains("q quit"));
    assert!(text(&drawn(&mut state, 100, 24).0).contains("u undo"));
}

#[test]
fn a_question_with_its_ways() {
    let mut state = seen(state(), words());
    press(&mut state, "x");
    holds("stop", &state);
}

#[test]
fn a_message_that_is_typed_shows_its_cursor_also_when_it_is_longer_than_the_line() {
    let mut state = seen(state(), words());
    press(&mut state, "sWhat about 日本語");
    holds("send", &state);
    let (buffer, cursor) = drawn(&mut state, 80, 24);
    let cursor = cursor.unwrap();
    assert_eq!((cursor.x, cursor.y), (3 + 17, 22));
    assert_eq!(buffer[(20, 22)].symbol(), " ");
    press(&mut state, &"x".repeat(200));
    let cursor = drawn(&mut state, 80, 24).1.unwrap();
    assert!(cursor.x < 80 && cursor.y == 22, "{cursor}");
}

#[test]
fn a_refusal_with_its_ways_out_and_a_daemon_that_is_gone() {
    let mut state = seen(state(), words());
    state.step(
        Event::Left(Some(
            Refusal::error("run-not-live", "amber has no agent that lives (ended)")
                .hint("skep show amber"),
        )),
        later(200),
    );
    state.step(Event::Away("it has ended".to_owned()), later(200));
    holds("refused", &state);
}

#[test]
fn without_room_it_says_so_and_at_no_size_it_fails() {
    let mut state = seen(state(), words());
    assert!(text(&drawn(&mut state, 59, 20).0).contains("needs more room"));
    for keys in ["", "?", "/x", "sx", "x", "d", "\r"] {
        let mut state = seen(state.clone(), words());
        press(&mut state, keys);
        for columns in [1, 2, 7, 59, 60, 61, 79, 119, 120, 121, 400] {
            for rows in [1, 2, 3, 14, 15, 16, 200] {
                drawn(&mut state, columns, rows);
            }
        }
    }
}

#[test]
fn what_strangers_wrote_stays_in_its_place_and_is_never_a_command() {
    let title = "evil \u{1b}[2J\u{202e} title\nsecond \u{7} 日本語👩\u{200d}💻";
    let mut hostile =
        run("amber", "running", &json!({"title": title, "agent": "a\u{1b}]0;x\u{7}"}));
    hostile.name = "\u{1b}[31mred".to_owned();
    let long = format!("{}\u{1b}[2J{}", "x".repeat(300 << 10), "e\u{301}".repeat(1000));
    let said =
        vec![(Tone::Plain, skep_core::text::visible(&long)), (Tone::Plain, "日本語".repeat(200))];
    let state = seen(State::new(vec![hostile], later(60), (80, 24), true), Sight::Words(said));
    for size in [(80, 24), (140, 40), (61, 15)] {
        let (buffer, _) = drawn(&mut state.clone(), size.0, size.1);
        for cell in buffer.content() {
            assert!(!cell.symbol().chars().any(char::is_control), "{:?}", cell.symbol());
            assert!(cell.symbol().len() < 20, "{:?}", cell.symbol());
        }
    }
    let text = text(&drawn(&mut state.clone(), 80, 24).0);
    assert!(text.contains("evil ␛[2J<U+202E> title second ␇ 日本語"), "{text}");
}

#[test]
fn without_colour_there_is_none_and_the_selection_is_still_seen() {
    let mut state = seen(state(), words());
    state.colour = false;
    let (buffer, _) = drawn(&mut state, 80, 24);
    let plain = ratatui::style::Color::Reset;
    assert!(buffer.content().iter().all(|cell| cell.fg == plain && cell.bg == plain));
    assert!(buffer[(2, 2)].modifier.contains(Modifier::REVERSED));
}

#[test]
fn words_are_read_from_their_end_and_scrolling_stops_at_their_beginning() {
    let many = (0..100).map(|nth| (Tone::Plain, format!("line {nth}"))).collect();
    let mut state = seen(state(), Sight::Words(many));
    assert!(text(&drawn(&mut state, 80, 24).0).contains("line 99"));
    for _ in 0..50 {
        press(&mut state, "K");
        drawn(&mut state, 80, 24);
    }
    let at = state.scroll;
    assert_eq!(at, 50);
    for _ in 0..20 {
        state.step(Event::Key(crate::commands::watch::keys::Key::PageUp), later(200));
        drawn(&mut state, 80, 24);
    }
    let screen = text(&drawn(&mut state, 80, 24).0);
    assert!(screen.contains("line 0 ") && !screen.contains("line 99"), "{screen}");
    press(&mut state, "J");
    assert!(!text(&drawn(&mut state, 80, 24).0).contains("line 0 "));
}

#[test]
fn of_two_hundred_runs_the_selected_one_is_always_on_the_screen() {
    let many = (0..200).map(|nth| run(&format!("worker{nth}"), "running", &json!({}))).collect();
    let mut state = State::new(many, later(60), (80, 24), true);
    for _ in 0..200 {
        let name = state.run().unwrap().name.clone();
        assert!(text(&drawn(&mut state, 80, 24).0).contains(&format!("{name} ")), "{name}");
        press(&mut state, "j");
    }
    assert_eq!(runs().len(), 4);
}
