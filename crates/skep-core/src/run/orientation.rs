//! What a fresh conversation in an old place is told: the task, and what stands.
//!
//! Owns: the text, and how much of what was recorded goes into it. Never: lets what was recorded pass for an instruction.

use crate::{
    fenced::{self, Secret},
    text,
};

#[cfg(test)]
mod tests;

/// The most of each list.
const NAMES: usize = 30;
/// The most of the journal, in lines and in bytes.
const LINES: usize = 50;
const BYTES: usize = 8 << 10;
/// The most of one line, and of the last words. Characters.
const LINE: usize = 300;
const WORDS: usize = 1_500;

/// What stands of the attempts before. A fact that could not be had is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The attempt that is about to begin.
    pub attempt: u32,
    pub branch: Option<String>,
    /// Commits since the base, the newest first, each with its short name.
    pub commits: Option<Vec<(String, String)>>,
    /// How many there are.
    pub ahead: u64,
    /// Files that are changed and not committed.
    pub dirty: Option<Vec<String>>,
    /// What the agent said last.
    pub words: Option<String>,
    /// What was heard of the attempt before, oldest first, a line each.
    pub journal: Vec<String>,
}

/// Spells the prompt of a fresh conversation: `task`, what stands, and what a person asks for now.
///
/// Shape: the same facts give the same bytes. All that was recorded stands between two marks that nothing in it can close.
pub fn orient(task: &str, standing: &Standing, message: Option<&str>, secret: &Secret) -> String {
    let data = fenced::recorded(&recorded(standing), secret);
    let attempt = standing.attempt;
    let task = task.trim_end();
    let mut prompt = format!(
        "{task}\n\n\
         # What was done before you\n\n\
         This is attempt {attempt} at this task, in the very folder of the attempts before. You do not know their conversation. \
         Look at what stands, and go on from there; nothing has to be done twice.\n\n\
         {data}"
    );
    if let Some(message) = message {
        prompt.push_str(&format!("\n# What you are asked for now\n\n{}\n", message.trim_end()));
    }
    prompt
}

fn recorded(standing: &Standing) -> String {
    let mut out = String::new();
    if let Some(branch) = &standing.branch {
        out.push_str(&format!("branch: {}\n", line(branch)));
    }
    if let Some(commits) = &standing.commits {
        out.push_str(&format!("commits since the base: {}\n", standing.ahead));
        for (oid, subject) in commits.iter().take(NAMES) {
            out.push_str(&format!("  {} {}\n", line(oid), line(subject)));
        }
        let shown = u64::try_from(commits.len().min(NAMES)).unwrap_or(u64::MAX);
        out.push_str(&more(standing.ahead.saturating_sub(shown)));
    }
    if let Some(dirty) = &standing.dirty {
        out.push_str(&format!("files changed and not committed: {}\n", dirty.len()));
        for name in dirty.iter().take(NAMES) {
            out.push_str(&format!("  {}\n", line(name)));
        }
        out.push_str(&more(u64::try_from(dirty.len().saturating_sub(NAMES)).unwrap_or(u64::MAX)));
    }
    if let Some(words) = standing.words.as_deref().filter(|words| !words.trim().is_empty()) {
        out.push_str("last words:\n");
        for words in text::words(&text::visible(words.trim()), WORDS).lines() {
            out.push_str(&format!("  {words}\n"));
        }
    }
    let journal = tail(&standing.journal);
    if !journal.is_empty() {
        out.push_str("the last that was heard:\n");
        for heard in journal {
            out.push_str(&format!("  {heard}\n"));
        }
    }
    out
}

/// The last lines, as many as may be kept.
fn tail(journal: &[String]) -> Vec<String> {
    let mut bytes = 0;
    let mut kept: Vec<String> = journal
        .iter()
        .rev()
        .take(LINES)
        .map(|heard| line(heard))
        .take_while(|heard| {
            bytes += heard.len() + 1;
            bytes <= BYTES
        })
        .collect();
    kept.reverse();
    kept
}

fn more(count: u64) -> String {
    if count == 0 { String::new() } else { format!("  and {count} more\n") }
}

fn line(words: &str) -> String {
    text::words(&text::one_line(words), LINE)
}
