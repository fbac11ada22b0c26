use proptest::prelude::*;

use super::*;

fn critique(severity: Severity, text: &str) -> Critique {
    let (file, line, suggestion, by) = (None, None, None, None);
    Critique { severity, file, line, text: text.to_owned(), suggestion, by }
}

/// A critique as a reviewer writes it.
fn compose(critique: &Critique) -> String {
    let mut out = String::from("CRITIQUE\n");
    if let Some(file) = &critique.file {
        out.push_str(&format!("File: {file}\n"));
    }
    if let Some(line) = critique.line {
        out.push_str(&format!("Line: {line}\n"));
    }
    out.push_str(&format!(
        "Severity: {}\nDescription: {}\n",
        critique.severity.as_str(),
        critique.text
    ));
    if let Some(suggestion) = &critique.suggestion {
        out.push_str(&format!("Suggestion: {suggestion}\n"));
    }
    out + "END_CRITIQUE\n"
}

const FORM: &str = "CRITIQUE\nFile: <the path in the repository>\nLine: <its line>\nSeverity: <critical | major | minor | nit>\n\
     Description: <what is wrong,\nin as many lines as it takes>\nSuggestion: <what to do instead>\nEND_CRITIQUE\n";

#[track_caller]
fn one(text: &str) -> Critique {
    let mut found = read(text).expect("a verdict");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn each_threshold_passes_with_what_the_table_says_and_with_nothing_else() {
    use Severity::{Critical, Major, Minor, Nit};
    let table = [
        (Threshold::NoCritiques, [false, false, false, false]),
        (Threshold::NitOnly, [true, false, false, false]),
        (Threshold::MinorOk, [true, true, false, false]),
    ];
    assert_eq!(table.map(|row| row.0), Threshold::ALL);
    assert_eq!([Nit, Minor, Major, Critical], Severity::ALL);
    for (threshold, row) in table {
        assert!(threshold.passes(&[]), "{threshold:?}");
        for (one, passes) in Severity::ALL.into_iter().zip(row) {
            assert_eq!(threshold.passes(&[critique(one, "x")]), passes, "{threshold:?} {one:?}");
            for (other, also) in Severity::ALL.into_iter().zip(row) {
                let both = [critique(one, "x"), critique(other, "y")];
                assert_eq!(threshold.passes(&both), passes && also, "{threshold:?} {both:?}");
            }
        }
    }
    assert_eq!(Threshold::default(), Threshold::MinorOk);
}

#[test]
fn the_word_alone_on_a_line_says_that_there_are_none() {
    for text in [
        "NO_CRITIQUES",
        "I looked at all of it.\n\nNO_CRITIQUES\n",
        "**NO_CRITIQUES**",
        "- NO_CRITIQUES",
        "1. `NO_CRITIQUES`",
        "## NO_CRITIQUES",
        "```\nNO_CRITIQUES\n```",
        "```text\r\n\r\nNO_CRITIQUES\r\n```\r\n",
        "  NO_CRITIQUES.  \n\nThat is all.",
    ] {
        assert_eq!(read(text), Some(Vec::new()), "{text}");
    }
}

#[test]
fn words_without_a_verdict_are_none() {
    for text in [
        "",
        "\n\n",
        "It looks good to me, I approve.",
        "There are NO_CRITIQUES in sight.",
        "no_critiques",
        "NO_CRITIQUES_AT_ALL",
        "NO CRITIQUES",
        "Verdict: NO_CRITIQUES?",
        "CRITIQUES are written as told.",
        "CRITIQUE of a kind was not needed.",
        "END_CRITIQUE",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn a_block_gives_file_line_severity_and_words() {
    let text = "Here is what I found.\n\nCRITIQUE\nFile: src/pay.rs\nLine: 42\nSeverity: critical\nDescription: The total is read twice.\n\n\
                A refund in between is lost.\nSuggestion: Read it once:\n    let total = read();\nEND_CRITIQUE\n\nThanks.";
    let wanted = Critique {
        severity: Severity::Critical,
        file: Some("src/pay.rs".to_owned()),
        line: Some(42),
        text: "The total is read twice.\n\nA refund in between is lost.".to_owned(),
        suggestion: Some("Read it once:\n    let total = read();".to_owned()),
        by: None,
    };
    assert_eq!(one(text), wanted);
}

#[test]
fn decorations_around_a_block_are_no_part_of_it() {
    let plain = one(
        "CRITIQUE\nFile: src/__init__.py\nLine: 7\nSeverity: minor\nDescription: A name.\nEND_CRITIQUE",
    );
    assert_eq!(plain.file.as_deref(), Some("src/__init__.py"));
    for text in [
        "```\nCRITIQUE\nFile: src/__init__.py\nLine: 7\nSeverity: minor\nDescription: A name.\nEND_CRITIQUE\n```",
        "### CRITIQUE 1\n- **File:** `src/__init__.py`\n- **Line:** L7\n- **Severity:** Minor\n- **Description:** A name.\n**END_CRITIQUE**",
        "- CRITIQUE\n  - file: src/__init__.py\n  - lines: 7-9\n  - severity: MINOR\n  - description: A name.\n- END_CRITIQUE",
        "> CRITIQUE:\n> File: src/__init__.py:7\n> Severity: `minor`.\n> Description: A name.\n> END_CRITIQUE",
        "CRITIQUE #1:\r\nFile: **src/__init__.py**\r\nLine: 7\r\nSeverity: minor\r\nDescription: A name.\r\nEND_CRITIQUE.\r\n",
        "**CRITIQUE**\n**File**: src/__init__.py\n**Line**: 7\n**Severity**: _minor_\nDescription: A name. END_CRITIQUE",
        "CRITIQUE File: src/__init__.py\nSeverity: minor\nLine: 7\nA name.\nEND_CRITIQUE",
    ] {
        assert_eq!(one(text), plain, "{text}");
    }
}

#[test]
fn blocks_beside_the_word_count() {
    let bad = compose(&critique(Severity::Critical, "It loses data."));
    for text in [
        format!("NO_CRITIQUES\n{bad}"),
        format!("{bad}NO_CRITIQUES\n"),
        format!("```\n{bad}```\n\nNO_CRITIQUES"),
    ] {
        let found = read(&text).expect("a verdict");
        assert_eq!(found, [critique(Severity::Critical, "It loses data.")], "{text}");
        assert!(!Threshold::MinorOk.passes(&found));
    }
    let unclosed =
        one("CRITIQUE\nSeverity: critical\nDescription: It loses data.\n\nNO_CRITIQUES\n");
    assert_eq!(unclosed.severity, Severity::Critical);
}

#[test]
fn a_severity_that_nobody_knows_is_major() {
    for said in ["blocker", "", "P1", "high", "???", "минор", "critical-ish minor nit"] {
        assert!(Severity::read(said) >= Severity::Major, "{said}");
        let text = format!("CRITIQUE\nSeverity: {said}\nDescription: x\nEND_CRITIQUE");
        assert!(one(&text).severity >= Severity::Major, "{said}");
    }
    assert_eq!(one("CRITIQUE\nDescription: x\nEND_CRITIQUE").severity, Severity::Major);
    for severity in Severity::ALL {
        assert_eq!(Severity::read(severity.as_str()), severity);
        assert_eq!(
            Severity::read(&format!(" **{}**. ", severity.as_str().to_uppercase())),
            severity
        );
    }
}

#[test]
fn of_two_severities_the_worse_counts() {
    assert_eq!(Severity::read("minor/nit"), Severity::Minor);
    assert_eq!(Severity::read("nit or critical"), Severity::Critical);
    for both in ["Severity: nit\nSeverity: critical", "Severity: critical\nSeverity: nit"] {
        let text = format!("CRITIQUE\n{both}\nDescription: x\nEND_CRITIQUE");
        assert_eq!(one(&text).severity, Severity::Critical);
    }
}

#[test]
fn a_block_without_a_description_counts_with_all_that_it_says() {
    let found = one("CRITIQUE\nFile: a.rs\nSeverity: nit\nSuggestion: Rename it.\nEND_CRITIQUE");
    assert_eq!(found.text, "File: a.rs\nSeverity: nit\nSuggestion: Rename it.");
    assert_eq!(found.severity, Severity::Nit);
    let found =
        one("CRITIQUE\nThis loses data.\nSeverity: critical\nAnd so does that.\nEND_CRITIQUE");
    assert_eq!(found.text, "This loses data.\nAnd so does that.");
    assert_eq!(one("CRITIQUE: This loses data. END_CRITIQUE").text, "This loses data.");
}

#[test]
fn a_block_that_is_not_closed_counts_and_the_next_begins_all_the_same() {
    let text =
        "CRITIQUE\nSeverity: nit\nDescription: One.\nCRITIQUE\nSeverity: major\nDescription: Two.";
    let wanted = [critique(Severity::Nit, "One."), critique(Severity::Major, "Two.")];
    assert_eq!(read(text).as_deref(), Some(wanted.as_slice()));
}

#[test]
fn what_a_fence_in_a_block_shows_is_no_field_of_it() {
    let text = "CRITIQUE\nFile: ci.yml\nSeverity: minor\nDescription: Write\n```yaml\nseverity: critical\nfile: other.yml\n```\ninstead.\nLine: 3\nEND_CRITIQUE";
    let found = one(text);
    assert_eq!((found.severity, found.line), (Severity::Minor, Some(3)));
    assert_eq!(found.file.as_deref(), Some("ci.yml"));
    assert!(
        found.text.ends_with("severity: critical\nfile: other.yml\n```\ninstead."),
        "{}",
        found.text
    );
}

#[test]
fn lines_that_only_look_like_fields_stay_in_the_description() {
    let text = "CRITIQUE\nFile: a.rs\nSeverity: nit\nDescription: See\nFile: b.rs as well\nLine: the last one\nEND_CRITIQUE";
    let found = one(text);
    assert_eq!(found.text, "See\nFile: b.rs as well\nLine: the last one");
    assert_eq!((found.file.as_deref(), found.line), (Some("a.rs"), None));
}

#[test]
fn the_form_of_a_verdict_repeated_is_no_verdict() {
    for text in [
        FORM.to_owned(),
        format!("For example:\n\n```\n{FORM}```\n"),
        format!("Or, where there are none:\n\nNO_CRITIQUES\n\n{FORM}"),
        format!("{FORM}\nor:\n\nNO_CRITIQUES\n"),
        "CRITIQUE\n…\nEND_CRITIQUE\n\nNO_CRITIQUES".to_owned(),
        "CRITIQUE\nEND_CRITIQUE".to_owned(),
        "`CRITIQUE` … `END_CRITIQUE`\nNO_CRITIQUES".to_owned(),
    ] {
        assert_eq!(read(&text), None, "{text}");
    }
    let real = critique(Severity::Nit, "Vec<Vec<u8>> is long.");
    assert_eq!(one(&format!("{FORM}\n{}", compose(&real))), real);
}

#[test]
fn a_field_filled_in_makes_the_form_a_critique() {
    let found = one(&FORM.replace("<the path in the repository>", "src/a.rs"));
    assert_eq!(found.file.as_deref(), Some("src/a.rs"));
    assert_eq!(found.severity, Severity::Critical);
}

#[test]
fn the_word_where_it_is_only_shown_is_no_verdict() {
    for text in [
        "> NO_CRITIQUES",
        "+NO_CRITIQUES",
        "The file says:\n```\nfn main() {}\nNO_CRITIQUES\n```\n",
        "```\nNO_CRITIQUES\nmore\n```",
        "~~~\nNO_CRITIQUES",
        "File: a.rs\nSeverity: critical\nDescription: x\nEND_CRITIQUE\n\nNO_CRITIQUES",
        "1. Severity: major\n\nNO_CRITIQUES",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn of_too_many_critiques_the_worst_stay_in_their_order() {
    let mut all: Vec<Critique> =
        (0..100).map(|nth| critique(Severity::Nit, &nth.to_string())).collect();
    all[90].severity = Severity::Critical;
    all[95].severity = Severity::Minor;
    let text: String = all.iter().map(compose).collect();
    for kept in [cut(all), read(&text).expect("a verdict")] {
        let names: Vec<&str> = kept.iter().map(|it| it.text.as_str()).collect();
        let mut wanted: Vec<String> = (0..62).map(|nth| nth.to_string()).collect();
        wanted.extend(["90".to_owned(), "95".to_owned()]);
        assert_eq!(names, wanted);
    }
}

#[test]
fn a_critique_is_bounded_and_what_says_nothing_is_left_out() {
    let long = "é".repeat(LONGEST * 2);
    let whole = Critique {
        severity: Severity::Minor,
        file: Some(long.clone()),
        line: Some(0),
        text: long.clone(),
        suggestion: Some(long.clone()),
        by: Some(" ".to_owned()),
    };
    let kept = whole.cut();
    assert_eq!(kept.text.chars().count(), LONGEST);
    assert_eq!(kept.suggestion.map(|it| it.chars().count()), Some(LONGEST));
    assert_eq!(kept.file.as_ref().map(|it| it.chars().count()), Some(NAME));
    assert_eq!((kept.line, kept.by), (None, None));
}

#[test]
fn a_critique_is_told_on_one_harmless_line() {
    let mut one = critique(Severity::Major, "It\nloses \u{1b}[2J data.");
    assert_eq!(one.one_line(), "major: It loses ␛[2J data.");
    one.file = Some("src/pay\n.rs".to_owned());
    assert_eq!(one.one_line(), "major src/pay .rs: It loses ␛[2J data.");
    one.line = Some(42);
    assert_eq!(one.one_line(), "major src/pay .rs:42: It loses ␛[2J data.");
}

#[test]
fn a_critique_is_kept_with_the_fields_that_it_has() {
    let kept = serde_json::to_string(&critique(Severity::Nit, "x")).unwrap();
    assert_eq!(kept, r#"{"severity":"nit","text":"x"}"#);
    let all = r#"{"severity":"major","file":"a","line":3,"text":"x","suggestion":"y","by":"ada"}"#;
    let read: Critique = serde_json::from_str(all).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), all);
    for threshold in Threshold::ALL {
        let kept = serde_json::to_string(&threshold).unwrap();
        assert_eq!(kept, format!("\"{}\"", threshold.as_str()));
    }
    for severity in Severity::ALL {
        let kept = serde_json::to_string(&severity).unwrap();
        assert_eq!(kept, format!("\"{}\"", severity.as_str()));
    }
}

fn severities() -> impl Strategy<Value = Severity> {
    proptest::sample::select(Severity::ALL.to_vec())
}

/// Lines that are no field and no mark, as words of a critique have them.
fn said() -> impl Strategy<Value = String> {
    "[a-zé][a-z .,()<>]{0,30}[a-z](\n[a-z][a-z0-9 ;=]{0,20}[a-z]){0,3}"
}

fn critiques() -> impl Strategy<Value = Critique> {
    let file = proptest::option::of("[a-z_]{1,8}/[a-z_. -]{0,8}[a-z]");
    let line = proptest::option::of(1_u32..100_000);
    (severities(), file, line, said(), proptest::option::of(said())).prop_map(
        |(severity, file, line, text, suggestion)| Critique {
            severity,
            file,
            line,
            text,
            suggestion,
            by: None,
        },
    )
}

/// Pieces that a verdict is made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let known = [
        "CRITIQUE",
        "END_CRITIQUE",
        "NO_CRITIQUES",
        "File: a.rs",
        "Line: 3",
        "Severity: nit",
        "Severity: critical",
        "Severity:",
        "Description: x",
        "Suggestion:",
        "```",
        "~~~",
        "> ",
        "- ",
        "**",
        "`",
        "#",
        "1. ",
        "<x>",
        "…",
        "\n",
        "\n",
        "\n",
        "\n",
        " ",
        ":",
        "\r",
    ];
    let piece =
        prop_oneof![proptest::sample::select(known.to_vec()).prop_map(str::to_owned), "(?s).{0,6}"];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_written_in_the_form_is_read_back(written in proptest::collection::vec(critiques(), 1..6)) {
        let text: Vec<String> = written.iter().map(compose).collect();
        prop_assert_eq!(read(&text.concat()), Some(written.clone()));
        prop_assert_eq!(read(&text.join("\nNO_CRITIQUES\n")), Some(written));
    }

    #[test]
    fn nothing_makes_the_reader_fail_or_exceed_its_bounds(text in pieces()) {
        for found in read(&text).into_iter().flatten() {
            prop_assert!(!found.text.is_empty(), "{:?}", text);
            prop_assert_eq!(found.clone().cut(), found);
        }
    }

    /// Whatever else stands there: whoever wrote a whole block is never taken to have none.
    #[test]
    fn a_whole_block_on_lines_of_its_own_never_passes_for_none(before in pieces(), after in pieces(), bad in critiques()) {
        let text = format!("{before}\n{}{after}", compose(&bad));
        let found = read(&text).unwrap_or_default();
        prop_assert!(found.iter().any(|it| it.severity >= bad.severity), "{:?} {:?}", text, found);
    }

    #[test]
    fn work_passes_only_where_each_critique_alone_passes(severities in proptest::collection::vec(severities(), 0..6)) {
        let all: Vec<Critique> = severities.iter().map(|it| critique(*it, "x")).collect();
        for threshold in Threshold::ALL {
            let each = all.iter().all(|it| threshold.passes(std::slice::from_ref(it)));
            prop_assert_eq!(threshold.passes(&all), each);
        }
    }
}
