use proptest::prelude::*;

use super::*;

const SIZE: Size = Size { cols: 20, rows: 6 };

fn screen(bytes: &str) -> Screen {
    let mut screen = Screen::new(SIZE);
    screen.hear(bytes.as_bytes());
    screen
}

fn answers(before: &str, query: &str) -> String {
    let heard = screen(before).hear(query.as_bytes());
    assert_eq!(String::from_utf8(heard.shown).unwrap(), "", "a query is not shown: {query:?}");
    String::from_utf8(heard.answers).unwrap()
}

fn shown(bytes: &str) -> String {
    let mut screen = Screen::new(SIZE);
    String::from_utf8(screen.hear(bytes.as_bytes()).shown).unwrap()
}

/// A viewer's terminal.
fn viewer(bytes: &[u8]) -> vt100::Parser {
    let mut viewer = vt100::Parser::new(SIZE.rows, SIZE.cols, 0);
    viewer.process(bytes);
    viewer
}

#[test]
fn every_query_is_answered_and_none_is_shown() {
    for (query, answer) in [
        ("\x1b[c", "\x1b[?62;22c"),
        ("\x1b[0c", "\x1b[?62;22c"),
        ("\x1bZ", "\x1b[?62;22c"),
        ("\x1b[>c", "\x1b[>1;10;0c"),
        ("\x1b[=c", "\x1bP!|00000000\x1b\\"),
        ("\x1b[5n", "\x1b[0n"),
        ("\x1b[6n", "\x1b[2;3R"),
        ("\x1b[?6n", "\x1b[?2;3R"),
        ("\x1b[?996n", "\x1b[?997;1n"),
        ("\x1b[18t", "\x1b[8;6;20t"),
        ("\x1b[?2004$p", "\x1b[?2004;2$y"),
        ("\x1b[?25$p", "\x1b[?25;1$y"),
        ("\x1b[?2026$p", "\x1b[?2026;0$y"),
        ("\x1b[4$p", "\x1b[4;0$y"),
        ("\x1b]10;?\x07", "\x1b]10;rgb:e5e5/e5e5/e5e5\x1b\\"),
        ("\x1b]11;?\x1b\\", "\x1b]11;rgb:0000/0000/0000\x1b\\"),
        ("\x1b]10;?;?\x07", "\x1b]10;rgb:e5e5/e5e5/e5e5\x1b\\\x1b]11;rgb:0000/0000/0000\x1b\\"),
        ("\x1bP+q544e\x1b\\", "\x1bP0+r\x1b\\"),
        ("\x1bP$qm\x1b\\", "\x1bP0$r\x1b\\"),
        ("\x1b[>q", concat!("\x1bP>|skep(", env!("CARGO_PKG_VERSION"), ")\x1b\\")),
    ] {
        assert_eq!(answers("ab\r\ncd", query), answer, "{query:?}");
    }
}

#[test]
fn another_keyboard_is_not_offered_so_that_asking_for_it_and_the_device_yields_the_device() {
    assert_eq!(answers("", "\x1b[?u\x1b[c"), "\x1b[?62;22c");
    assert_eq!(answers("", "\x1b[>1u\x1b[<u\x1b[>4;2m"), "");
}

#[test]
fn the_cursor_is_told_as_it_is_at_the_query_and_not_at_the_end_of_the_piece() {
    let heard = screen("").hear(b"abc\x1b[6ndef\r\n\x1b[6n");
    assert_eq!(heard.answers, b"\x1b[1;4R\x1b[2;1R");
    assert_eq!(heard.shown, b"abcdef\r\n");
}

#[test]
fn modes_are_told_as_they_are() {
    assert_eq!(
        answers("\x1b[?2004;1006h", "\x1b[?2004$p\x1b[?1006$p"),
        "\x1b[?2004;1$y\x1b[?1006;1$y"
    );
    assert_eq!(
        answers("\x1b[?1004h\x1b[?1049h", "\x1b[?1004$p\x1b[?1049$p"),
        "\x1b[?1004;1$y\x1b[?1049;1$y"
    );
}

#[test]
fn what_would_reach_beyond_the_screen_is_not_shown() {
    for beyond in [
        "\x1b[3J",
        "\x1b[8;1;1t",
        "\x1b[22;0t",
        "\x1b]52;c;?\x07",
        "\x1b]4;1;?\x07",
        "\x1b_Ga=q;AAAA\x1b\\",
        "\x1bPq#0\x1b\\",
        "\x1b[?3h",
        "\x1b[?2048h",
        "\x1b[5i",
        "\x1b[1;1;1;1;1;1*y",
    ] {
        assert_eq!(shown(beyond), "", "{beyond:?}");
    }
    assert_eq!(shown("\x1b]52;c;aGk=\x07"), "\x1b]52;c;aGk=\x1b\\", "but a copy is");
}

#[test]
fn a_change_of_screens_is_a_repaint_and_the_other_modes_of_the_sequence_are_kept() {
    let mut screen = screen("shell");
    let heard = screen.hear(b"\x1b[?1049;2004h\x1b[Hfull");
    assert!(heard.repaint);
    let seen = viewer(&screen.repaint());
    assert_eq!(seen.screen().contents().trim(), "full");
    assert!(seen.screen().bracketed_paste() && !seen.screen().alternate_screen());
    assert!(screen.hear(b"\x1b[?1049l").repaint);
    assert_eq!(viewer(&screen.repaint()).screen().contents().trim(), "shell");
}

/// What a repaint says, told by what a viewer's terminal is like after it and after more.
#[test]
fn whoever_comes_late_sees_what_the_first_one_sees_and_goes_on_alike() {
    let before = "one\r\ntwo\r\nthree\x1b[2;5r\x1b[?6h\x1b[3;2H\x1b7\x1b[31mred\x1b[?25l\x1b[?1h\x1b[?2004h\x1b[?1002h\x1b[?1006h";
    let after = "x\x1b8y\r\n\n\n\n\nz\x1b[1;1Htop";
    let mut screen = screen("");
    let heard = screen.hear(before.as_bytes());
    let mut early = viewer(&heard.shown);
    let mut late = viewer(b"old \x1b[1;31mstuff\x1b[?1003h\x1b[3;4r\x1b[?6h");
    late.process(&screen.repaint());
    assert_eq!(late.screen().state_formatted(), early.screen().state_formatted());
    let heard = screen.hear(after.as_bytes());
    for one in [&mut early, &mut late] {
        one.process(&heard.shown);
    }
    assert_eq!(late.screen().state_formatted(), early.screen().state_formatted());
    assert_eq!(late.screen().contents(), screen.parser.screen().contents());
}

#[test]
fn title_cursor_and_focus_come_with_a_repaint() {
    let screen = screen("\x1b]0;my ti\x01tle\x07\x1b[5 q\x1b[?1004h\x1b[?7l");
    let painted = String::from_utf8(screen.repaint()).unwrap();
    for part in ["\x1b]2;my title\x1b\\", "\x1b[5 q", "\x1b[?1004h", "\x1b[?7l"] {
        assert!(painted.contains(part), "{part:?} in {painted:?}");
    }
    assert!(painted.rfind("\x1b[?7l") > painted.rfind("\x1b[?7h"));
}

#[test]
fn drawn_lines_are_lines_for_everybody() {
    assert_eq!(shown("a\x1b(0lqk\x1b(Bq"), "a┌─┐q");
}

#[test]
fn the_last_line_is_the_last_that_is_not_empty() {
    assert_eq!(screen("a\r\n  done. \r\n\r\n").last_line().unwrap(), "done.");
    assert_eq!(screen("").last_line(), None);
}

#[test]
fn a_size_that_cannot_be_drawn_on_is_brought_to_one_that_can() {
    for size in [Size { cols: 0, rows: 0 }, Size { cols: u16::MAX, rows: u16::MAX }] {
        let mut screen = Screen::new(size);
        screen.resize(size);
        screen.hear("wide 宽宽宽宽宽宽宽宽宽宽\u{301}\r\n".as_bytes());
        assert_eq!(screen.size(), sane(size));
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        "[ -~\u{e4}\u{5bbd}\u{301}\u{1f600}]{0,30}".prop_map(String::into_bytes),
        "\x1b\\[[0-9;?]{0,6}[@-~]".prop_map(String::into_bytes),
        "\x1b[78cDEM]|\r\n|\t|\x08".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn nothing_that_an_agent_writes_and_no_size_breaks_the_screen(
        pieces in prop::collection::vec((piece(), 0..60_u16, 0..20_u16), 0..30),
    ) {
        let mut screen = Screen::new(SIZE);
        for (bytes, cols, rows) in pieces {
            screen.hear(&bytes);
            if cols % 7 == 0 {
                screen.resize(Size { cols, rows });
            }
            screen.repaint();
        }
    }

    #[test]
    fn a_repaint_shows_what_stands_on_the_screen(pieces in prop::collection::vec(piece(), 0..30)) {
        let mut screen = Screen::new(SIZE);
        for bytes in pieces {
            screen.hear(&bytes);
        }
        let seen = viewer(&screen.repaint());
        prop_assert_eq!(seen.screen().contents(), screen.parser.screen().contents());
        prop_assert_eq!(seen.screen().cursor_position(), screen.parser.screen().cursor_position());
    }
}
