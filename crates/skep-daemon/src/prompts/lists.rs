//! What several wrote, one after the other in one text: none of them can write as if they were another.
//!
//! Shape: what skep says of an entry stands at the margin, and what somebody wrote in it is indented.

use skep_core::{
    fenced::{self, Secret},
    review::Critique,
    text,
};

use super::Words;

/// The most of a list. Bytes.
const MOST: usize = 48 << 10;
/// The most of what one says in it. Characters.
const LONGEST: usize = 4_000;

/// A question that has an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub id: String,
    /// Of whoever asked.
    pub project: String,
    /// Who answered.
    pub by: String,
    pub question: String,
    pub answer: String,
}

/// Something that was decided of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What and by whom, in skep's words.
    pub what: String,
    /// What was said with it; may be empty.
    pub text: String,
}

impl Words {
    /// What was asked and answered, between marks: data.
    ///
    /// Order: as given; where there is too much, the first are left out.
    pub fn answers(answers: &[Answered], secret: &Secret) -> Words {
        let entry = |answered: &Answered| {
            let Answered { id, project, by, question, answer } = answered;
            let head = headed(&format!("{id} (asked in {project}, answered by {by})"));
            format!("{head}{}{}", said("  Q: ", question), said("  A: ", answer))
        };
        Words::listed(answers.iter().map(entry), secret)
    }

    /// What was decided of the whole, between marks: data.
    ///
    /// Order: as given; where there is too much, the first are left out.
    pub fn decisions(decisions: &[Decision], secret: &Secret) -> Words {
        let entry = |decision: &Decision| {
            let with = if decision.text.trim().is_empty() {
                String::new()
            } else {
                said("  ", &decision.text)
            };
            format!("{}{with}", headed(&decision.what))
        };
        Words::listed(decisions.iter().map(entry), secret)
    }

    /// What earlier reviews found, each by its number, between marks: data.
    ///
    /// Order: as given; where there is too much, the first are left out.
    pub fn critiques(reviews: &[(u32, Vec<Critique>)], secret: &Secret) -> Words {
        let entries = reviews.iter().flat_map(|(cycle, critiques)| {
            critiques.iter().map(move |critique| {
                let by = critique.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
                let head = format!("In review {cycle}{by}: {}", place_of(critique));
                format!("{}{}", headed(&head), body(critique))
            })
        });
        Words::listed(entries, secret)
    }

    /// What a reviewer found, numbered from `first`, between marks: it is to be settled, and says nothing else.
    pub fn to_settle(critiques: &[&Critique], first: usize, secret: &Secret) -> Words {
        let list = numbered(critiques, first);
        Words::unless_blank(&list, |list| fenced::findings(list, secret))
    }

    /// What persons say of a work, numbered from `first`, as they said it.
    pub fn remarks(critiques: &[&Critique], first: usize) -> Words {
        Words::of_person(&numbered(critiques, first))
    }

    fn listed(entries: impl Iterator<Item = String>, secret: &Secret) -> Words {
        let entries: Vec<String> = entries.collect();
        let mut room = MOST;
        let fits = |entry: &&String| {
            let left = room.checked_sub(entry.len());
            room = left.unwrap_or(0);
            left.is_some()
        };
        let mut kept: Vec<&str> =
            entries.iter().rev().take_while(fits).map(String::as_str).collect();
        let before = match entries.len() - kept.len() {
            0 => String::new(),
            count => format!("({count} more before these.)\n"),
        };
        kept.push(&before);
        kept.reverse();
        Words::unless_blank(&kept.concat(), |list| fenced::recorded(list, secret))
    }
}

/// Critiques, each with its number.
fn numbered(critiques: &[&Critique], first: usize) -> String {
    let one = |(nth, critique): (usize, &&Critique)| {
        let by = critique.by.as_ref().map(|by| format!(", {by}")).unwrap_or_default();
        let head = format!("{}. {}{by}", first + nth, place_of(critique));
        format!("{}{}", headed(&head), body(critique))
    };
    critiques.iter().enumerate().map(one).collect()
}

/// How bad a critique is, and where.
fn place_of(critique: &Critique) -> String {
    let file = critique.file.as_ref().map(|file| format!(", {}", text::one_line(file)));
    let line = critique.line.map(|line| format!(", line {line}"));
    let severity = critique.severity.as_str();
    format!("{severity}{}{}", file.unwrap_or_default(), line.unwrap_or_default())
}

fn body(critique: &Critique) -> String {
    let suggestion = critique.suggestion.as_ref();
    let suggestion = suggestion.map(|words| said("   Suggestion: ", words)).unwrap_or_default();
    format!("{}{suggestion}", said("   ", &critique.text))
}

fn headed(head: &str) -> String {
    format!("{}\n", text::one_line(head))
}

/// What somebody wrote: `before` stands before its first line, and as many blanks before all others.
fn said(before: &str, words: &str) -> String {
    let words = text::words(words.trim(), LONGEST);
    let indent = " ".repeat(before.chars().count());
    let mut out = String::from(before);
    for (nth, line) in text::visible(&words).lines().enumerate() {
        if nth > 0 && !line.is_empty() {
            out.push_str(&indent);
        }
        out.push_str(line);
        out.push('\n');
    }
    if words.is_empty() {
        out.push('\n');
    }
    out
}
