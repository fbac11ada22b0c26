//! A task of Taskwarrior: what it is called, what of it concerns skep, and what its guards say.
//!
//! Owns: the accepted forms of its name; who may approve, complete and move one. Never: runs Taskwarrior, or reads its JSON.

use std::collections::BTreeSet;

use crate::text;

mod guard;
#[cfg(test)]
mod tests;

pub use guard::{
    Needs, OVERRIDE, Refused, Rules, Speaker, Who, added, completed, is_approval, modified,
};

/// How references to its tasks begin.
pub const PREFIX: &str = "tw:";
/// The attributes that skep reads and writes beside Taskwarrior's own, each a string, with its label.
pub const ATTRIBUTES: [(&str, &str); 3] =
    [("pr_id", "Change"), ("spawner", "Spawner"), ("skep_override", "Override")];

/// How the mark begins by which an annotation of skep's is known.
const MARK: &str = "[skep ";

/// What an annotation ends in that skep writes for a run; `key` tells one from another.
pub fn mark(key: &str) -> String {
    format!("{MARK}{}]", text::one_line(key))
}

/// What Taskwarrior wrote as JSON, as a text that reads as such; to be read, never to be given back.
///
/// Shape: one line; Taskwarrior leaves control characters and bytes that are no UTF-8 as they are.
pub fn legible(written: &[u8]) -> String {
    // The ends of lines between two values are spaces to JSON, too.
    String::from_utf8_lossy(written).replace(|c: char| c < ' ', " ")
}

/// What a person calls a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    Uuid(String),
    /// The first eight digits of one.
    Short(String),
}

impl Name {
    /// As Taskwarrior takes it.
    pub fn as_str(&self) -> &str {
        match self {
            Name::Uuid(text) | Name::Short(text) => text,
        }
    }

    /// As skep spells the reference.
    pub fn reference(&self) -> String {
        format!("{PREFIX}{}", self.as_str())
    }

    /// Whether both may be the same task: one is the other, or how it begins.
    pub fn fits(&self, other: &Name) -> bool {
        let (one, two) = (self.as_str(), other.as_str());
        one.starts_with(two) || two.starts_with(one)
    }
}

/// Why a text is no task's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoName {
    pub text: String,
    pub hints: Vec<String>,
}

/// Reads a task's name, with or without `tw:` before it.
///
/// Errors: numbers change whenever Taskwarrior tidies up, and anything else is none; the accepted forms are shown.
pub fn name(text: &str) -> Result<Name, NoName> {
    let bare = text.strip_prefix(PREFIX).unwrap_or(text);
    let hex = |part: &str| part.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if bare.len() == 8 && hex(bare) {
        return Ok(Name::Short(bare.to_owned()));
    }
    let parts: Vec<&str> = bare.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    if lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| hex(part)) {
        return Ok(Name::Uuid(bare.to_owned()));
    }
    let numbered = bare.strip_prefix('#').unwrap_or(bare);
    let is_number = !numbered.is_empty() && numbered.bytes().all(|c| c.is_ascii_digit());
    let why = if bare.is_empty() {
        "it is empty"
    } else if is_number {
        "a number is another task's tomorrow"
    } else if bare.bytes().any(|c| matches!(c, b'A'..=b'F'))
        && name(&bare.to_ascii_lowercase()).is_ok()
    {
        "its letters must be small"
    } else {
        "that is neither a UUID nor the first 8 digits of one"
    };
    let text = format!("`{text}` is no task of Taskwarrior: {why}");
    let hints = vec![
        "skep task show tw:4e1a92c7-5b0d-4c1f-9a37-0f6f3f0a8d21   all of a UUID: task 12 uuids"
            .to_owned(),
        "skep task show tw:4e1a92c7   its first 8 digits, 0-9 and a-f".to_owned(),
    ];
    Err(NoName { text, hints })
}

/// What of a task concerns skep; whatever else it has is none of its business.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    pub uuid: String,
    pub description: String,
    pub status: String,
    pub project: Option<String>,
    /// Since when it is worked on.
    pub start: Option<String>,
    pub tags: BTreeSet<String>,
    pub priority: Option<String>,
    pub annotations: Vec<String>,
    /// The number of its change at the project's forge.
    pub pr_id: Option<String>,
    /// The run that wrote it down.
    pub spawner: Option<String>,
    /// Why a person lets it be completed all the same.
    pub skep_override: Option<String>,
}

impl Task {
    /// Whether it is done.
    pub fn is_completed(&self) -> bool {
        self.status == "completed"
    }

    /// Whether somebody still wants it done.
    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "pending" | "waiting")
    }

    /// Whether a run wrote it down, or something below it: such words are no person's, whoever starts it.
    pub fn has_words_of_runs(&self) -> bool {
        // A spawner that is no run's id was not left out by a person.
        self.spawner.is_some() || self.annotations.iter().any(|note| note.contains(MARK))
    }

    /// Whether it is worked on.
    pub fn is_started(&self) -> bool {
        self.start.is_some() && self.status == "pending"
    }

    /// The number of its change; none where it has none.
    ///
    /// Errors: what stands there is no number.
    pub fn change(&self) -> Result<Option<u64>, String> {
        let Some(text) = self.pr_id.as_deref().map(str::trim).filter(|text| !text.is_empty())
        else {
            return Ok(None);
        };
        // An older tool wrote approval behind it.
        let digits = text.strip_suffix(":lgtm").unwrap_or(text);
        let number = digits.parse::<u64>().ok().filter(|number| *number > 0);
        number.map(Some).ok_or_else(|| text.to_owned())
    }
}

/// The project of skep's that a task's project names: itself, else the nearest above it (`web.login` is in `web`).
pub fn project<'a>(name: &str, known: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    let mut at = name;
    loop {
        if let Some(found) = known(at) {
            return Some(found);
        }
        at = at.rsplit_once('.')?.0;
    }
}
