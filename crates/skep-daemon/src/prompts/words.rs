//! Text that goes into a prompt, and whose it is.

use serde::Serialize;
use skep_core::{
    fenced::{self, Secret},
    run::Trust,
    text,
};

/// The most of what somebody else wrote. Bytes.
const MOST: usize = 32 << 10;
/// The most of a plan. Bytes.
const PLAN: usize = 96 << 10;
/// The most of what was recorded last, in lines and in bytes.
const TAIL_LINES: usize = 50;
const TAIL: usize = 8 << 10;
/// The most of a list of files.
const FILES: usize = 100;

/// A text of which its maker said whose it is: what is not a person's own stands between marks already.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Words(String);

impl Words {
    /// A person's own words, as they are.
    pub fn of_person(words: &str) -> Words {
        Words(words.trim_matches('\n').trim_end().to_owned())
    }

    /// A task: its title, and what else was said of it; between marks where somebody from outside wrote it.
    pub fn task(title: &str, body: &str, trust: Trust, secret: &Secret) -> Words {
        let task = format!("{}\n\n{}", title.trim(), body.trim_matches('\n'));
        match trust {
            Trust::Person => Words::of_person(&task),
            Trust::Outside => Words::marked(&fenced::task(task.trim_end(), secret)),
        }
    }

    /// A task, for whoever does not carry it out: what somebody from outside wrote is data.
    pub fn about(title: &str, body: &str, trust: Trust, secret: &Secret) -> Words {
        let task = format!("{}\n\n{}", title.trim(), body.trim_matches('\n'));
        match trust {
            Trust::Person => Words::of_person(&task),
            Trust::Outside => Words::recorded(&task, secret),
        }
    }

    /// A whole plan, for whoever does not carry it out, between marks: data.
    pub fn plan(document: &str, secret: &Secret) -> Words {
        Words::unless_blank(document, |words| fenced::recorded(&head(words, PLAN), secret))
    }

    /// What stands in a plan that a person approved: to be followed, and harmless to look at.
    pub fn approved(words: &str) -> Words {
        Words::of_person(&text::visible(words))
    }

    /// What an agent or a program wrote, between marks: data.
    pub fn recorded(words: &str, secret: &Secret) -> Words {
        Words::unless_blank(words, |words| fenced::recorded(&head(words, MOST), secret))
    }

    /// The end of what an agent or a program wrote, between marks: data.
    pub fn tail(words: &str, secret: &Secret) -> Words {
        Words::unless_blank(words, |words| fenced::recorded(&tail(words), secret))
    }

    /// What a repository says to agents (its AGENTS.md), between marks: how to work, never what at.
    pub fn guidance(words: &str, secret: &Secret) -> Words {
        Words::unless_blank(words, |words| fenced::guidance(&head(words, MOST), secret))
    }

    /// Names of files, a line each, between marks.
    pub fn files<S: AsRef<str>>(names: &[S], secret: &Secret) -> Words {
        let mut lines: Vec<String> =
            names.iter().take(FILES).map(|name| text::one_line(name.as_ref())).collect();
        if let Some(more) = names.len().checked_sub(FILES).filter(|more| *more > 0) {
            lines.push(format!("and {more} more"));
        }
        Words::recorded(&lines.join("\n"), secret)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What `mark` makes of words that say something.
    pub(super) fn unless_blank(words: &str, mark: impl Fn(&str) -> String) -> Words {
        if words.trim().is_empty() { Words::default() } else { Words::marked(&mark(words)) }
    }

    fn marked(words: &str) -> Words {
        Words(words.trim_end().to_owned())
    }
}

/// The beginning, cut behind a whole character.
fn head(words: &str, most: usize) -> String {
    let mut end = most.min(words.len());
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    let more = if end < words.len() { "\n(There is more of it.)" } else { "" };
    format!("{}{more}", &words[..end])
}

/// The last lines, or what of the last one there is room for.
fn tail(words: &str) -> String {
    let words = words.trim_end();
    let mut from = words.len().saturating_sub(TAIL);
    while !words.is_char_boundary(from) {
        from += 1;
    }
    let lines: Vec<&str> = words[from..].lines().collect();
    let first = lines.len().saturating_sub(TAIL_LINES);
    let before = if from > 0 || first > 0 { "(There is more before it.)\n" } else { "" };
    format!("{before}{}", lines[first..].join("\n"))
}
