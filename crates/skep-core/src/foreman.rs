//! What a foreman's reply is worth, and when two questions are the same.
//!
//! Owns: the line by which a foreman says that it is sure, the words by which a question is known again.
//! Never: takes a reply for sure that leaves a doubt: that one is a proposal, and a person decides.

use crate::{id, plan, text};

#[cfg(test)]
mod tests;

/// The line by which a reply that is sure ends.
pub const SURE: &str = "CONFIDENCE: high";

/// The most of a reply. Characters.
pub const MOST: usize = 16_000;

/// How much of a question its key spells. Characters.
const SPELLED: usize = 1_000;

/// The longest word that a mark is read with. Bytes.
const WORD: usize = 20;

/// What a foreman replied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its words, without the mark.
    pub text: String,
    /// Whether it may be given as the answer; else it is what the foreman would say.
    pub sure: bool,
}

/// Reads a reply.
///
/// Shape: it is sure where its last line that is not blank is [`SURE`], to the letter and outside of any fence, where no
/// mark right above says otherwise, and where it says anything at all. A mark in other letters, in bold or in a fence is
/// taken off as well, and says nothing.
pub fn read_reply(reply: &str) -> Reply {
    let lines: Vec<(&str, bool)> = plan::lines(reply).collect();
    let mut said = &lines[..];
    let mut marks = Vec::new();
    while let Some(((line, fenced), before)) = said.split_last() {
        if is_mark(line) {
            // The last line of a text keeps half of a line end of two.
            marks.push(line.strip_suffix('\r').unwrap_or(line) == SURE && !fenced);
        } else if !line.trim().is_empty() {
            break;
        }
        said = before;
    }
    let said: Vec<&str> = said.iter().map(|(line, _)| *line).collect();
    let said = said.join("\n");
    let said = said.trim_start_matches(['\r', '\n']).trim_end();
    let text = text::words(said, MOST);
    let sure = !marks.is_empty() && marks.iter().all(|sure| *sure);
    Reply { sure: sure && !said.trim().is_empty() && text == said, text }
}

/// Whether the last words say how sure their writer is, in whatever letters.
pub fn is_marked(reply: &str) -> bool {
    reply.lines().rfind(|line| !line.trim().is_empty()).is_some_and(is_mark)
}

/// Whether a line says how sure its writer is, however it is set.
fn is_mark(line: &str) -> bool {
    let bare: String = line.chars().filter(|c| !"*_`~".contains(*c)).collect();
    let Some((name, word)) =
        bare.trim_start_matches([' ', '\t', '>', '#', '-', '+']).split_once(':')
    else {
        return false;
    };
    let word = word.trim().trim_end_matches(['.', '!']);
    let is_word = (1..=WORD).contains(&word.len()) && word.chars().all(char::is_alphabetic);
    name.trim_end().eq_ignore_ascii_case("confidence") && is_word
}

/// Whether two questions ask the same in the same words.
pub fn same(one: &str, other: &str) -> bool {
    key(one) == key(other)
}

/// The words by which a question is known again.
///
/// Shape: without case, without what ends it, with single spaces. Of a long one the beginning, and what follows from the
/// whole; so its length is bounded.
pub fn key(question: &str) -> String {
    let words: Vec<&str> = question.split_whitespace().collect();
    let folded = words.join(" ").to_lowercase();
    let open = folded.trim_end_matches(|c: char| c == ' ' || "?!.…,;:？！。".contains(c));
    // Nothing but marks is known by them.
    let folded = if open.is_empty() { &folded } else { open };
    if folded.chars().nth(SPELLED).is_none() {
        return folded.to_owned();
    }
    let whole = id::spell(id::derived(folded));
    format!("{} {} {whole}", text::words(folded, SPELLED), folded.len())
}
