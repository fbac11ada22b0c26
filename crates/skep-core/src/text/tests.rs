use proptest::prelude::*;

use super::*;

#[test]
fn a_slug_says_what_a_title_is_about() {
    for (title, expected) in [
        ("Fix auth flow for OAuth2", "fix-auth-flow-for-oauth2"),
        ("feat: Add login", "add-login"),
        ("feat(auth): Add login", "add-login"),
        ("feat!: Drop the old API", "drop-the-old-api"),
        ("fix/broken-thing", "broken-thing"),
        ("  worker/Do it  ", "do-it"),
        ("docs: fix: twice", "twice"),
        ("fixture for tests", "fixture-for-tests"),
        ("a  --  b", "a-b"),
        ("日本語テスト", ""),
        ("", ""),
        ("$(rm -rf /); `x` ../../etc", "rm-rf-x-etc"),
    ] {
        assert_eq!(slug(title), expected, "{title}");
    }
}

#[test]
fn a_long_slug_is_cut_between_words_where_that_keeps_more_than_half() {
    let words = "alpha ".repeat(20);
    assert_eq!(slug(&words), "alpha-alpha-alpha-alpha-alpha-alpha-alpha-alpha-alpha-alpha");
    assert_eq!(slug(&format!("ab {}", "x".repeat(100))), format!("ab-{}", "x".repeat(SLUG - 3)));
    let exact = format!("{} tail", "y".repeat(SLUG));
    assert_eq!(slug(&exact), "y".repeat(SLUG));
}

#[test]
fn agent_names_are_sanitised_as_the_vectors_say() {
    for (name, expected) in [
        ("Code Reviewer", "code-reviewer"),
        ("my_agent!@#v2", "my-agent-v2"),
        ("  spaces  ", "spaces"),
        ("UPPERCASE", "uppercase"),
        ("a-very-long-name-that-exceeds-thirty-characters-total", "a-very-long-name-that-exceeds"),
        ("", "agent"),
        ("---", "agent"),
        ("日本語テスト", "agent"),
    ] {
        assert_eq!(sanitise_name(name), expected, "{name}");
    }
}

#[test]
fn a_short_form_is_made_of_any_id() {
    for (id, expected) in [
        ("run_7k2m9qx4ab", "7k2m9qx4"),
        ("0192f0c1-aaaa-7bbb-8ccc-123456789abc", "0192f0c1"),
        ("../x", "x"),
        ("", ""),
        ("é", ""),
    ] {
        assert_eq!(short(id), expected, "{id}");
    }
}

#[test]
fn escape_sequences_and_direction_marks_are_shown_and_not_obeyed() {
    assert_eq!(visible("a\u{1b}[31mred\u{7}\u{7f}"), "a␛[31mred␇␡");
    assert_eq!(visible("one\r\ntwo\rthree\tfour"), "one\ntwo␍three\tfour");
    assert_eq!(visible("x\u{202e}y\u{9b}2J\u{2066}"), "x<U+202E>y<U+009B>2J<U+2066>");
    assert_eq!(visible("👩\u{200d}🚀 é 日本"), "👩\u{200d}🚀 é 日本");
    assert_eq!(one_line("  two\n\n lines\u{1b}]0;x\u{7} \u{2028} end "), "two lines␛]0;x␇ end");
}

#[test]
fn words_are_cut_by_characters() {
    assert_eq!(words("日本語テスト", 3), "日本…");
    assert_eq!(words("short", 5), "short");
    assert_eq!(words("short", 1), "…");
    assert_eq!(words("short", 0), "");
}

proptest! {
    #[test]
    fn any_text_gives_a_slug_and_a_name_of_the_promised_form(text in ".{0,200}") {
        let clean = |s: &str, most: usize| {
            s.len() <= most && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !s.starts_with('-') && !s.ends_with('-') && !s.contains("--")
        };
        prop_assert!(clean(&slug(&text), SLUG));
        prop_assert!(clean(&sanitise_name(&text), NAME) && !sanitise_name(&text).is_empty());
        prop_assert!(short(&text).len() <= 8);
    }

    #[test]
    fn nothing_visible_can_move_a_cursor(text in any::<String>()) {
        let shown = visible(&text);
        prop_assert!(!shown.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || misleads(c)), "{shown:?}");
        prop_assert!(!one_line(&text).contains(['\n', '\t']));
    }

    #[test]
    fn words_are_never_more_than_asked(text in any::<String>(), most in 0usize..40) {
        let kept = words(&text, most);
        prop_assert!(kept.chars().count() <= most);
        prop_assert!(kept == text || most == 0 || kept.ends_with('…'));
    }
}

/// What a stranger may write, one of each kind.
const HOSTILE: [&str; 10] = [
    "a\u{1b}[31mb\u{1b}]0;c\u{7}",
    "a\u{9b}31mb\u{9d}0;c\u{9c}",
    "a\u{0}b\u{7f}c\u{8}d\re",
    "a\u{202e}b\u{2066}c\u{200f}\u{61c}",
    "a\u{200b}b\u{2060}c\u{feff}d\u{3164}",
    "a\u{e0041}b",
    "$(touch x) `touch x`; 'q' \"q\" \\",
    "-rf\n--force\ttab",
    "日本語 e\u{302} 👩\u{200d}👧",
    "",
];

#[test]
fn json_keeps_its_value_and_loses_what_a_terminal_would_act_on() {
    for text in HOSTILE {
        let line = serde_json::to_string(&[text]).unwrap();
        let shown = json(&line);
        assert!(!shown.contains(|c: char| c.is_control() || misleads(c)), "{shown:?}");
        let read: Vec<String> = serde_json::from_str(&shown).unwrap();
        assert_eq!(read, [text]);
    }
    assert_eq!(json("[\"日本語\"]"), "[\"日本語\"]", "what harms nobody stays");
    assert_eq!(
        json("torn \u{1b}[2J"),
        "torn ␛[2J",
        "what is no JSON is no reason to let it through"
    );
}

#[test]
fn a_word_for_a_shell_is_one_word_of_it_and_harmless_to_look_at() {
    for text in HOSTILE {
        let spelt = shell(text);
        assert!(!spelt.contains(|c: char| c.is_control() || misleads(c)), "{spelt:?}");
    }
    for (word, expected) in [
        ("/tmp/a-b_c.d", "/tmp/a-b_c.d"),
        ("", "''"),
        ("a b", "'a b'"),
        ("it's", "'it'\\''s'"),
        ("$(touch x)", "'$(touch x)'"),
        ("a\nb'\\", "$'a\\x0ab\\'\\\\'"),
    ] {
        assert_eq!(shell(word), expected);
    }
}

#[test]
fn the_nearest_name_is_one_that_a_slip_of_the_fingers_explains() {
    let known = || ["amber", "basalt", "jade"].into_iter();
    assert_eq!(nearest("amebr", known()), Some("amber"), "two letters changed places");
    assert_eq!(nearest("ambr", known()), Some("amber"), "one was left out");
    assert_eq!(nearest("bassallt", known()), Some("basalt"), "two were put in");
    assert_eq!(nearest("jode", known()), Some("jade"), "one was taken for another");
    assert_eq!(nearest("nobody", known()), None);
    assert_eq!(nearest("", known()), None);
    assert_eq!(nearest(&"a".repeat(100_000), known()), None, "and a long text is no work");
}
