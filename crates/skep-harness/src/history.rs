//! What an agent's own records hold of a conversation: the texts of its user.
//!
//! Owns: finding a conversation's file below the folders that a profile names, and what in it a user said.
//! Never: writes there, or takes what cannot be read for a no.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

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

/// Whether a conversation has a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    Has,
    Lacks,
    /// Nobody can tell.
    Unclear,
}

/// A message of which nobody knows whether the conversation has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub id: String,
    pub text: String,
    /// How many like it the conversation is known to have beside it.
    pub earlier: usize,
}

impl Doubt {
    /// Looks for it among the texts that a user said.
    pub fn within(&self, said: &[String]) -> History {
        let times = said.iter().filter(|said| holds(said, &self.text)).count();
        if times > self.earlier { History::Has } else { History::Lacks }
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

/// Reads what the user of the conversation `session` said, from its record below one of `folders`; none where there is no
/// such record, or not all of it can be read.
pub fn read_user(folders: &[PathBuf], session: &str) -> Option<Vec<String>> {
    let prefix: String = session.chars().take(PREFIX).collect();
    if prefix.chars().count() < PREFIX {
        return None;
    }
    let mut names = NAMES;
    let mut found = Vec::new();
    for folder in folders {
        find(folder, &prefix, DEPTH, &mut names, &mut found);
    }
    let mut said = Vec::new();
    let mut read = false;
    for file in found {
        if fs::metadata(&file).ok()?.len() > SIZE {
            return None;
        }
        let text = fs::read_to_string(&file).ok()?;
        if text.contains(session) {
            read = true;
            said.extend(said_in(&text)?);
        }
    }
    read.then_some(said)
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

/// What a user said in a record of one JSON value, or of one a line.
fn said_in(text: &str) -> Option<Vec<String>> {
    let mut said = Vec::new();
    if let Ok(whole) = serde_json::from_str::<Value>(text) {
        gather(&whole, &mut said);
        return Some(said);
    }
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        // A line that was torn may be the very one that is asked for.
        gather(&serde_json::from_str(line).ok()?, &mut said);
    }
    Some(said)
}

fn gather(value: &Value, said: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| gather(value, said)),
        Value::Object(fields) => {
            let is = |key: &str| fields.get(key).and_then(Value::as_str) == Some("user");
            let content = ["content", "parts"].iter().find_map(|key| fields.get(*key));
            if let Some(content) = content.filter(|_| is("role") || is("type")) {
                let mut texts = Vec::new();
                texts_of(content, &mut texts);
                if !texts.is_empty() {
                    said.push(texts.join("\n\n"));
                }
            } else {
                fields.values().for_each(|value| gather(value, said));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn texts_of(content: &Value, texts: &mut Vec<String>) {
    match content {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(parts) => parts.iter().for_each(|part| texts_of(part, texts)),
        // What a tool said stands on the user's side too.
        Value::Object(part) => {
            let text = part.get("text").and_then(Value::as_str);
            texts.extend(text.map(str::to_owned));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
