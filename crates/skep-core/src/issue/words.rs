//! Owns: what of an issue an agent is given to read, and how much of it. Never: says how it is to be taken (`fenced` does).

use super::Issue;
use crate::text;

/// The most of a title. Bytes.
pub const TITLE: usize = 500;

/// The most of a body. Bytes.
pub const BODY: usize = 64 * 1024;

/// The most of one comment. Bytes.
pub const COMMENT: usize = 8 * 1024;

/// How many comments are read, the last ones.
pub const COMMENTS: usize = 20;

/// An issue as text: all of it somebody else's words, none of them a control character, and what was cut is said to be.
pub fn words(issue: &Issue) -> String {
    let mut out = format!("{}\n", cut(&text::one_line(&issue.title), TITLE, "the title"));
    let body = cut(&text::visible(&issue.body), BODY, "the issue");
    if !body.trim().is_empty() {
        out.push_str(&format!("\n{}\n", body.trim_matches('\n')));
    }
    let from = issue.comments.len().saturating_sub(COMMENTS);
    let shown = &issue.comments[from..];
    let all = issue.said.max(u64::try_from(issue.comments.len()).unwrap_or(u64::MAX));
    let left = all.saturating_sub(u64::try_from(shown.len()).unwrap_or(u64::MAX));
    if left > 0 {
        out.push_str(&format!("\n({left} of {all} comments are left out: older ones, and those of people who are not trusted)\n"));
    }
    for said in shown {
        let author = text::words(&text::one_line(&said.author), 60);
        let words = cut(&text::visible(&said.text), COMMENT, "the comment");
        out.push_str(&format!("\nComment of {author}:\n{}\n", words.trim_matches('\n')));
    }
    out
}

/// The beginning of `words` that is not longer than `most`, and a sentence where that is not all.
fn cut(words: &str, most: usize, what: &str) -> String {
    if words.len() <= most {
        return words.to_owned();
    }
    let mut at = most;
    while !words.is_char_boundary(at) {
        at -= 1;
    }
    let (kept, all) = (&words[..at], words.len());
    format!("{}\n(skep cut {what} here: {at} of {all} bytes are shown)", kept.trim_end())
}
