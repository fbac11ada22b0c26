use super::{LONGEST, fit, fold, plain, width};

#[test]
fn text_is_broken_at_spaces_and_a_word_that_is_too_long_where_it_must() {
    assert_eq!(fold("the quick brown fox", 9), ["the quick", "brown fox"]);
    assert_eq!(fold("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
    assert_eq!(fold("    set in and on", 10), ["    set in", "and on"]);
    assert_eq!(fold("one\n\ntwo\tx", 20), ["one", "", "two    x"]);
    assert_eq!(fold("", 9), [""]);
}

#[test]
fn wide_letters_take_two_columns_and_are_never_cut_in_half() {
    assert_eq!(fold("日本語日本語", 5), ["日本", "語日", "本語"]);
    assert_eq!(fit("日本語", 5), "日本…");
    assert_eq!(fit("日本語", 4), "日…");
    assert_eq!(fit("日本語", 6), "日本語");
}

#[test]
fn a_line_of_hundreds_of_kilobytes_is_cut_and_says_by_how_much() {
    let lines = fold(&"x".repeat(300 << 10), 80);
    assert_eq!(lines.len(), LONGEST / 80 + 1);
    assert_eq!(lines.last().unwrap(), &format!("… and {} bytes more", (300 << 10) - LONGEST));
}

#[test]
fn joiners_variants_and_heaps_of_marks_are_gone() {
    assert_eq!(plain("👩\u{200d}💻 ☂\u{fe0f} 👍\u{1f3fd}"), "👩💻 ☂ 👍");
    assert_eq!(plain(&format!("e{}x", "\u{301}".repeat(50))), format!("e{}x", "\u{301}".repeat(4)));
    assert_eq!(width(&plain("e\u{301}")), 1);
    assert_eq!(plain("\u{1b}[2J\u{202e}\u{7}"), "␛[2J<U+202E>␇");
}
