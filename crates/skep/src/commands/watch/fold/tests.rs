use super::{LONGEST, fold, plain};

#[test]
fn lines_stay_lines_and_long_ones_are_broken_at_spaces() {
    assert_eq!(fold("the quick brown fox\n", 9), ["the quick", "brown fox"]);
    assert_eq!(fold("one\n\ntwo\tx", 20), ["one", "", "two    x"]);
    assert_eq!(fold("日本語日本語", 5), ["日本", "語日", "本語"]);
}

#[test]
fn a_line_of_hundreds_of_kilobytes_is_cut_and_says_by_how_much() {
    let lines = fold(&"x".repeat(300 << 10), 80);
    assert_eq!(lines.len(), LONGEST / 80 + 1);
    assert_eq!(lines.last().unwrap(), &format!("… and {} bytes more", (300 << 10) - LONGEST));
}

#[test]
fn what_commands_joins_varies_or_heaps_up_is_gone() {
    assert_eq!(plain("👩\u{200d}💻 ☂\u{fe0f} 👍\u{1f3fd}"), "👩💻 ☂ 👍");
    assert_eq!(plain(&format!("e{}x", "\u{301}".repeat(50))), format!("e{}x", "\u{301}".repeat(4)));
    assert_eq!(plain("\u{1b}[2J\u{202e}\u{7}"), "␛[2J<U+202E>␇");
}
