use proptest::prelude::*;

use super::*;

fn reply(text: &str, sure: bool) -> Reply {
    Reply { text: text.to_owned(), sure }
}

#[test]
fn a_reply_that_ends_by_the_mark_is_sure_and_is_told_without_it() {
    for text in [
        "Port 8080.\n\nCONFIDENCE: high",
        "Port 8080.\nCONFIDENCE: high\n",
        "Port 8080.\nCONFIDENCE: high\n\n \t\n",
        "\n\nPort 8080.\r\n\r\nCONFIDENCE: high\r\n",
        "Port 8080.\r\nCONFIDENCE: high\r",
        "Port 8080.\n\nCONFIDENCE: high\n\nCONFIDENCE: high\n",
    ] {
        assert_eq!(read_reply(text), reply("Port 8080.", true), "{text:?}");
    }
    let text = "Run this:\n\n```sh\n  make port\n```\n\nCONFIDENCE: high";
    assert_eq!(read_reply(text), reply("Run this:\n\n```sh\n  make port\n```", true));
}

#[test]
fn a_reply_without_the_mark_is_a_proposal() {
    for text in [
        "Port 8080.",
        "Port 8080. CONFIDENCE: high",
        "Port 8080, with high confidence.",
        "high",
        "",
    ] {
        assert_eq!(read_reply(text), reply(text, false), "{text:?}");
    }
    assert_eq!(read_reply("\r\r\nPort 8080."), reply("Port 8080.", false));
}

#[test]
fn a_mark_that_is_not_on_the_last_line_counts_for_nothing_and_stays_where_it_is() {
    for text in [
        "CONFIDENCE: high\n\nPort 8080.",
        "CONFIDENCE: high\nPort 8080.\nIs that right?",
        "Port 8080.\nCONFIDENCE: high\n(as the plan says)",
        "Port 8080.\n```\nCONFIDENCE: high\n```",
    ] {
        assert_eq!(read_reply(text), reply(text, false), "{text:?}");
    }
}

#[test]
fn a_mark_in_any_other_letters_is_taken_off_and_makes_a_proposal() {
    for mark in [
        "CONFIDENCE: uncertain",
        "CONFIDENCE: low",
        "CONFIDENCE: medium.",
        "confidence: high",
        "CONFIDENCE: High",
        "Confidence: HIGH",
        "CONFIDENCE:high",
        "CONFIDENCE:  high",
        "CONFIDENCE : high",
        "CONFIDENCE: high ",
        "CONFIDENCE: high\t",
        " CONFIDENCE: high",
        "    CONFIDENCE: high",
        "CONFIDENCE: high.",
        "**CONFIDENCE: high**",
        "**CONFIDENCE:** high",
        "`CONFIDENCE: high`",
        "> CONFIDENCE: high",
        "- CONFIDENCE: high",
        "## CONFIDENCE: high",
        "CONFIDENCE: high\u{a0}",
    ] {
        let text = format!("Port 8080.\n\n{mark}\n");
        assert_eq!(read_reply(&text), reply("Port 8080.", false), "{mark:?}");
        assert!(is_marked(&text), "{mark:?}");
    }
    for more in [
        "CONFIDENCE: high (the plan says so)",
        "CONFIDENCE: high low",
        "CONFIDENCE:",
        "CONFIDENCE high",
    ] {
        let text = format!("Port 8080.\n{more}");
        assert_eq!(read_reply(&text), reply(&text, false), "{more:?}");
        assert!(!is_marked(&text), "{more:?}");
    }
}

#[test]
fn a_mark_in_a_fence_that_is_not_closed_makes_a_proposal() {
    for fence in ["```", "````text", "~~~"] {
        let text = format!("As I said:\n{fence}\nPort 8080.\nCONFIDENCE: high");
        assert_eq!(read_reply(&text), reply(&format!("As I said:\n{fence}\nPort 8080."), false));
    }
}

#[test]
fn marks_that_say_both_make_a_proposal() {
    for marks in
        ["CONFIDENCE: uncertain\nCONFIDENCE: high", "CONFIDENCE: high\n\nCONFIDENCE: uncertain"]
    {
        assert_eq!(
            read_reply(&format!("Port 8080.\n{marks}")),
            reply("Port 8080.", false),
            "{marks}"
        );
    }
}

#[test]
fn a_mark_without_an_answer_is_no_answer() {
    for text in ["CONFIDENCE: high", "\n \n\nCONFIDENCE: high\n"] {
        assert_eq!(read_reply(text), reply("", false), "{text:?}");
    }
}

#[test]
fn a_reply_that_is_too_long_to_be_given_whole_makes_a_proposal() {
    let long = "ä".repeat(MOST);
    assert_eq!(read_reply(&format!("{long}\n{SURE}")), reply(&long, true));
    let cut = read_reply(&format!("{long}ä\n{SURE}"));
    assert_eq!((cut.text.chars().count(), cut.sure), (MOST, false));
}

#[test]
fn the_same_words_are_the_same_question_whatever_their_case_their_blanks_and_their_end() {
    for other in ["which port?", "Which  port", "  WHICH\n\tport ?! ", "Which port:", "Which port…"]
    {
        assert!(same("Which port?", other), "{other:?}");
    }
    for other in
        ["Which port now?", "Whichport?", "Which (port)?", "Which", "", "?", "¿Which port?"]
    {
        assert!(!same("Which port?", other), "{other:?}");
    }
    assert!(same("ÄRGER mit v1.2?", "ärger mit V1.2"));
    assert!(!same("v1.2?", "v12?"));
    assert!(!same("?", "!"));
}

#[test]
fn long_questions_differ_by_their_ends_and_have_short_keys() {
    let long = "Which port? ".repeat(2_000);
    assert!(same(&long, &long.to_uppercase()));
    assert!(!same(&long, &format!("{long}Or none")));
    assert!(!same(&format!("{long}a"), &format!("{long}b")));
    assert!(key(&long).chars().count() < SPELLED + 40);
}

proptest! {
    #[test]
    fn a_reply_is_sure_by_its_last_line_alone(text in "(?s).{0,60}", mark in "(CONFIDENCE: high|confidence: high|`{0,3}|\n| |\\*\\*|x){0,8}") {
        let whole = format!("{text}\n{mark}");
        let read = read_reply(&whole);
        let last = whole.lines().rfind(|line| !line.trim().is_empty());
        prop_assert!(!read.sure || last.map(|line| line.trim_end_matches('\r')) == Some(SURE), "{:?}", whole);
        prop_assert!(!read.sure || !read.text.trim().is_empty(), "{:?}", whole);
    }

    #[test]
    fn nothing_of_an_answer_is_lost_but_its_mark(lines in proptest::collection::vec("[a-z][a-z .]{0,20}[a-z]", 1..6), blank in "\n{0,3}") {
        let answer = lines.join("\n");
        prop_assert_eq!(read_reply(&format!("{answer}\n{blank}{SURE}\n{blank}")), reply(&answer, true));
        prop_assert_eq!(read_reply(&format!("{answer}{blank}")), reply(&answer, false));
    }

    #[test]
    fn a_reply_that_was_read_has_no_mark_left(text in "(?s).{0,40}", marks in proptest::collection::vec("(\\*\\*)?(CONFIDENCE|Confidence): (high|low)(\\*\\*)?|", 0..4)) {
        let once = read_reply(&format!("{text}\n{}", marks.join("\n")));
        prop_assert_eq!(&read_reply(&once.text), &reply(&once.text, false));
    }

    #[test]
    fn a_key_is_its_own_key_and_bounded(text in "(?s).{0,1200}") {
        let key = key(&text);
        prop_assert!(key.chars().count() < SPELLED + 40);
        if key.chars().count() < SPELLED {
            prop_assert!(same(&key, &text), "{:?}", text);
        }
    }
}
