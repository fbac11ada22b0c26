//! Owns: the hidden marks by which our words at a forge are known again, and what becomes of titles and texts on the way there.
//! Never: writes over what somebody else wrote.

use skep_core::text;

/// The longest title. Characters.
const TITLE: usize = 245;

/// The longest text of ours: GitHub takes 65536. Characters.
const BODY: usize = 60_000;

const BEGIN: &str = "<!-- skep:begin -->";
const END: &str = "<!-- skep:end -->";
const COMMENT: &str = "<!-- skep:comment ";

/// A title as forges take it: one line, not too long, never empty.
pub(crate) fn title(wanted: &str, or: &str) -> String {
    let line = text::one_line(wanted);
    text::words(if line.is_empty() { or } else { &line }, TITLE)
}

/// The text of a change that has `there` now, with `ours` in its place.
///
/// Where somebody took the marks away it is theirs, and stays.
pub(crate) fn body(there: Option<&str>, ours: &str) -> String {
    let ours = format!("{BEGIN}\n{}\n{END}", harmless(ours).trim());
    let there = there.unwrap_or_default().replace("\r\n", "\n");
    if there.trim().is_empty() {
        return ours;
    }
    let begin = there.find(BEGIN);
    let end = begin.and_then(|at| there[at..].find(END).map(|end| at + end + END.len()));
    match begin.zip(end) {
        Some((begin, end)) => format!("{}{ours}{}", &there[..begin], &there[end..]),
        None => there,
    }
}

/// The text of a change that is new: ours, and `below` it what is not.
pub(crate) fn first(ours: &str, below: &str) -> String {
    let ours = body(None, ours);
    match below.trim() {
        "" => ours,
        below => format!("{ours}\n\n{}", harmless(below)),
    }
}

/// Whether two texts are the same to a forge, which may have changed line ends and what stands around.
pub(crate) fn same(one: Option<&str>, other: &str) -> bool {
    one.unwrap_or_default().replace("\r\n", "\n").trim() == other.trim()
}

/// A comment with the mark of its key.
pub(crate) fn comment(words: &str, key: &str) -> String {
    format!("{}\n\n{}", harmless(words).trim(), mark(key))
}

/// The mark of the comment with this key.
pub(crate) fn mark(key: &str) -> String {
    let key: String =
        key.chars().filter(|c| c.is_ascii_alphanumeric() || "_.".contains(*c)).collect();
    format!("{COMMENT}{key} -->")
}

/// Whether a comment bears a mark of ours.
pub(crate) fn ours(comment: &str) -> bool {
    comment.contains(COMMENT)
}

/// Whether a line is the mark of a comment and nothing else.
pub(crate) fn is_mark(line: &str) -> bool {
    line.strip_prefix(COMMENT)
        .and_then(|rest| rest.strip_suffix(" -->"))
        .is_some_and(|key| !key.contains(' '))
}

/// Words without a mark of ours in them.
pub(crate) fn without(words: &str) -> String {
    harmless(words)
}

/// Words that may hold somebody else's: no mark of ours, and not too long.
fn harmless(words: &str) -> String {
    text::words(&words.replace("<!-- skep:", "<!-- skep :"), BODY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_part_of_a_text_is_replaced() {
        let first = body(None, "what it does");
        assert_eq!(first, "<!-- skep:begin -->\nwhat it does\n<!-- skep:end -->");
        assert_eq!(body(Some("  \r\n"), "what it does"), first);
        let theirs = format!("Look at #7 first.\r\n\r\n{first}\r\n- [x] tried it");
        let then = body(Some(&theirs), "what it does now");
        assert_eq!(
            then,
            "Look at #7 first.\n\n<!-- skep:begin -->\nwhat it does now\n<!-- skep:end -->\n- [x] tried it"
        );
        assert_eq!(body(Some(&then), "what it does now"), then);
        assert_eq!(body(Some("all mine"), "x"), "all mine");
        assert_eq!(body(Some("<!-- skep:begin --> half"), "x"), "<!-- skep:begin --> half");
    }

    #[test]
    fn words_with_a_mark_in_them_close_nothing_and_count_as_no_comment_of_ours() {
        let sly = "a <!-- skep:end --> b <!-- skep:comment 7 -->";
        let made = body(None, sly);
        assert_eq!(body(Some(&made), "new"), "<!-- skep:begin -->\nnew\n<!-- skep:end -->");
        assert!(!ours(&made));
        let comment = comment(sly, "op_1-->x");
        assert!(comment.ends_with("<!-- skep:comment op_1x -->") && !comment.contains(&mark("7")));
    }

    #[test]
    fn a_title_is_one_line_that_forges_take() {
        assert_eq!(title(" a\n b\u{1b}[31m ", "x"), "a b␛[31m");
        assert_eq!(title("\n", "feat/x"), "feat/x");
        assert_eq!(title(&"ü".repeat(300), "x").chars().count(), TITLE);
        assert!(same(Some("a\r\nb\r\n"), "a\nb"));
    }

    #[test]
    fn what_stands_below_a_new_text_is_other_peoples_from_then_on() {
        let new = first("what it does", "- [ ] I read the rules\n");
        assert!(new.ends_with("- [ ] I read the rules"), "{new}");
        let theirs = new.replace("[ ]", "[x]");
        let then = body(Some(&theirs), "what it does now");
        assert!(then.contains("does now") && then.ends_with("- [x] I read the rules"), "{then}");
    }
}
