//! What an agent's own records hold of a conversation: the texts of its user, and what its tools returned.
//!
//! Owns: finding a conversation's file below the folders that a profile names, and what in it a user or a tool said.
//! Never: writes there, or takes what cannot be read for a no.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

#[cfg(test)]
mod tests;

/// How deep below a folder records lie at the most.
const DEPTH: usize = 6;
/// How many names are looked at, at the most.
const NAMES: usize = 100_000;
/// The most of one record that is read. Bytes.
const SIZE: u64 = 512 << 20;
/// What every record's name holds of its conversation's id. Characters.
const PREFIX: usize = 8;

/// What stands before an answer of which nobody can tell whether its agent has it.
const MAYBE: &str = "You may have had this answer already; then it changes nothing.";

/// Whether a conversation has a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    Has,
    Lacks,
    /// Nobody can tell.
    Unclear,
}

/// What a conversation holds, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// What its user said, a text each.
    pub said: Vec<String>,
    /// What its tools returned, without spaces and backslashes: a result is JSON within JSON, as deep as its agent likes.
    pub results: Vec<String>,
    /// A call of a tool that asks was told, and not what came of it.
    pub mute: bool,
}

impl Kept {
    /// Keeps what a tool returned.
    pub fn returned(&mut self, result: &Value) {
        let bare = |c: &char| !c.is_whitespace() && *c != '\\';
        let text = result.to_string().replace("\\n", " ");
        self.results.push(text.chars().filter(bare).collect());
    }

    /// Whether a tool returned the answer to the question `id`. One that is still to come names no question.
    fn has_answer(&self, id: &str) -> bool {
        let names = format!("\"question\":\"{id}\"");
        let answers =
            |result: &String| result.contains(&names) && result.contains("\"pending\":false");
        self.results.iter().any(answers)
    }
}

/// A message of which nobody knows whether the conversation has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub id: String,
    pub text: String,
    /// How many like it the conversation is known to have beside it.
    pub earlier: usize,
    /// Whether it is the answer to the question of its id, which a tool may have returned.
    pub answer: bool,
}

impl Doubt {
    /// Looks for it among what the conversation holds; none: nobody could read that.
    pub fn within(&self, kept: Option<&Kept>) -> History {
        let Some(kept) = kept else { return History::Unclear };
        let times = kept.said.iter().filter(|said| holds(said, &self.text)).count();
        if times > self.earlier || (self.answer && kept.has_answer(&self.id)) {
            History::Has
        } else if self.answer && kept.mute {
            History::Unclear
        } else {
            History::Lacks
        }
    }

    /// What the prompt holds of it, where its history said so; none where it is not to be said (again).
    ///
    /// An agent that asked cannot go on without its answer, so that one is said where nobody can tell, as what it is.
    pub fn again(&self, history: History) -> Option<String> {
        match history {
            History::Has => None,
            History::Lacks => Some(self.text.clone()),
            History::Unclear => self.answer.then(|| format!("{MAYBE}\n\n{}", self.text)),
        }
    }
}

/// Whether `said` is `text`, or has it as paragraphs of its own: several messages may have gone as one.
fn holds(said: &str, text: &str) -> bool {
    let (said, text) = (said.trim(), text.trim());
    said == text
        || said.starts_with(&format!("{text}\n\n"))
        || said.ends_with(&format!("\n\n{text}"))
        || said.contains(&format!("\n\n{text}\n\n"))
}

/// Reads what the conversation `session` holds, from its record below one of `folders`; none where there is no such record,
/// or not all of it can be read.
pub fn read(folders: &[PathBuf], session: &str) -> Option<Kept> {
    let prefix: String = session.chars().take(PREFIX).collect();
    if prefix.chars().count() < PREFIX {
        return None;
    }
    let mut names = NAMES;
    let mut found = Vec::new();
    for folder in folders {
        find(folder, &prefix, DEPTH, &mut names, &mut found);
    }
    let mut kept = Kept::default();
    let mut read = false;
    for file in found {
        if fs::metadata(&file).ok()?.len() > SIZE {
            return None;
        }
        let text = fs::read_to_string(&file).ok()?;
        if text.contains(session) {
            read = true;
            keep(&text, &mut kept)?;
        }
    }
    read.then_some(kept)
}

fn find(folder: &Path, prefix: &str, depth: usize, names: &mut usize, found: &mut Vec<PathBuf>) {
    // A folder that is not there holds nothing; without any record the answer is that nobody can tell.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if *names == 0 {
            return;
        }
        *names -= 1;
        // A link may lead anywhere.
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() && depth > 0 {
            find(&entry.path(), prefix, depth - 1, names, found);
        } else if kind.is_file()
            && name.contains(prefix)
            && (name.ends_with(".jsonl") || name.ends_with(".json"))
        {
            found.push(entry.path());
        }
    }
}

/// Keeps what a record holds that is one JSON value, or one a line.
fn keep(text: &str, kept: &mut Kept) -> Option<()> {
    if let Ok(whole) = serde_json::from_str::<Value>(text) {
        gather(&whole, kept);
        return Some(());
    }
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        // A line that was torn may be the very one that is asked for.
        gather(&serde_json::from_str(line).ok()?, kept);
    }
    Some(())
}

fn gather(value: &Value, kept: &mut Kept) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| gather(value, kept)),
        Value::Object(fields) => {
            if let Some(result) = result_of(fields) {
                return kept.returned(result);
            }
            let is = |key: &str| fields.get(key).and_then(Value::as_str) == Some("user");
            let content = ["content", "parts"].iter().find_map(|key| fields.get(*key));
            if let Some(content) = content.filter(|_| is("role") || is("type")) {
                let mut texts = Vec::new();
                texts_of(content, &mut texts);
                if !texts.is_empty() {
                    kept.said.push(texts.join("\n\n"));
                }
                // What a tool said stands on the user's side too.
                gather(content, kept);
            } else {
                fields.values().for_each(|value| gather(value, kept));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a tool returned, where that is what these fields tell in the conversation itself. An account of it beside the
/// conversation (Codex keeps one of every call) is none: its agent does not read that again.
fn result_of(fields: &Map<String, Value>) -> Option<&Value> {
    let named = |key: &str, names: &[&str]| {
        fields.get(key).and_then(Value::as_str).is_some_and(|name| names.contains(&name))
    };
    if named("type", &["tool_result"]) || named("role", &["toolResult", "tool"]) {
        fields.get("content").or_else(|| fields.get("parts"))
    } else if named("type", &["function_call_output", "custom_tool_call_output"]) {
        fields.get("output")
    } else {
        fields.get("functionResponse").map(|call| call.get("response").unwrap_or(call))
    }
}

fn texts_of(content: &Value, texts: &mut Vec<String>) {
    match content {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(parts) => parts.iter().for_each(|part| texts_of(part, texts)),
        Value::Object(part) => {
            let text = part.get("text").and_then(Value::as_str);
            texts.extend(text.map(str::to_owned));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
