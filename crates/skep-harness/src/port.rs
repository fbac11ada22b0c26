//! One conversation with an agent's process, line by line.
//!
//! Owns: the trait of every protocol, what is heard, the one end of a turn, the class of an error text, the cap of a text.
//! Never: touches a pipe or a process (the keeper does), or knows how a vendor spells a thing.

use std::time::Duration;

use serde_json::Value;
use skep_core::said::{ErrorClass, Said, TurnResult};
use thiserror::Error;

use crate::history::History;

mod reset;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod live;
#[cfg(test)]
pub(crate) mod outcomes;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod traps;

/// The protocols that there are.
pub const PROTOCOLS: [&str; 7] =
    ["scripted", "plain", "codex_json", "json_lines", "stream_json", "acp", "pty"];

/// The most of one text that is handed on. Bytes.
pub const TEXT_CAP: usize = 256 * 1024;

/// Why no conversation could begin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HarnessError {
    /// No room speaks this protocol.
    #[error(
        "no protocol is called `{protocol}` (there are scripted, plain, codex_json, json_lines, stream_json, acp and pty)"
    )]
    UnknownProtocol { protocol: String },
}

impl HarnessError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            HarnessError::UnknownProtocol { .. } => "protocol-unknown",
        }
    }
}

/// One thing that came from an agent's process.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// The protocol knows it.
    Said(Said),
    /// A line that the protocol does not know, at most [`TEXT_CAP`] of it.
    Output(String),
    /// What the protocol answers by itself: a line for standard input, with its newline.
    Reply(String),
    /// The agent has taken up a message: the one of this id, or else the first that it has said nothing of.
    Took(Option<String>),
    /// Whether the conversation that was taken up has this message of before; where it lacks it, the prompt holds it.
    Recalled { id: String, history: History },
}

/// The answer to an agent that wants leave to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// This once.
    Once,
    /// Not this; it may go on otherwise.
    Refused,
    /// The turn is being cancelled.
    Cancelled,
}

/// A conversation with one process. Total: whatever the process writes, nothing here fails.
pub trait Session: Send {
    /// Returns what goes to standard input at the start; the prompt, in the protocol's own form.
    fn opening(&mut self, prompt: &str) -> Vec<u8>;
    /// Tells whether standard input is closed after the opening.
    fn closes_stdin(&self) -> bool;
    /// Tells whether the process owes the answer that the conversation begins with; where none is owed, never.
    fn awaits_answer(&self) -> bool {
        false
    }
    /// Hears one line of standard output, without its newline.
    fn line(&mut self, line: &str) -> Vec<Heard>;
    /// Hears one line of standard error. The line itself is the keeper's to keep; this returns only what follows from it.
    fn stderr(&mut self, line: &str) -> Vec<Heard>;
    /// Hears that the process is gone; `code` is 128+n after signal n. A turn still open ends here, as failed.
    fn exited(&mut self, code: i32) -> Vec<Heard>;
    /// Returns what goes to standard input for one more message; none where the protocol takes none.
    fn message(&mut self, text: &str) -> Option<String>;
    /// Hears what a hook of the agent handed over: what its process says of itself beside its terminal.
    fn hook(&mut self, _said: &Value) -> Vec<Heard> {
        Vec::new()
    }
    /// Hears the title that the agent gave its terminal.
    fn title(&mut self, _title: &str) -> Vec<Heard> {
        Vec::new()
    }
    /// Tells whether the agent has told by itself whether it is at work, so that its screen need not be watched for it.
    fn tells_its_state(&self) -> bool {
        false
    }
    /// Tells whether the agent has told that it can be typed to.
    fn is_ready(&self) -> bool {
        false
    }
    /// Returns the same for a message of this id, where the protocol names messages.
    fn message_of(&mut self, _id: &str, text: &str) -> Option<String> {
        self.message(text)
    }
    /// Tells whether a message would have to wait: one turn at a time.
    fn is_busy(&self) -> bool {
        false
    }
    /// Tells whether the turn under way can be broken off for a message.
    fn steers(&self) -> bool {
        false
    }
    /// Tells whether the agent itself says that it takes up a message; where it does not, its first words after it do.
    fn tells_what_it_takes(&self) -> bool {
        false
    }
    /// Tells whether a process that waits for messages is to be let go when its turn is over and none waits.
    fn ends_after_turn(&self) -> bool {
        false
    }
    /// Returns what goes to standard input to answer a wish for leave; none where none of this id is open.
    fn settle(&mut self, _id: &str, _grant: Grant) -> Option<String> {
        None
    }
    /// The same for a refusal with a person's reason, which reaches the agent where its protocol carries one.
    fn refuse(&mut self, id: &str, _why: &str) -> Option<String> {
        self.settle(id, Grant::Refused)
    }
    /// Returns what goes to standard input to break the turn off, every open question answered; empty where only a
    /// signal does.
    fn cancel(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// The turn under way: it ends once, whatever the process still writes.
#[derive(Debug, Default)]
pub struct Turn {
    over: bool,
    last: String,
    complaint: String,
    /// In which words it would not go on with its conversation.
    refusal: Option<String>,
}

impl Turn {
    /// A turn begins, where none is under way.
    pub fn begin(&mut self) {
        if self.over {
            *self = Turn::default();
        }
    }

    /// Keeps the last words of the agent: they become the text of a turn that ends without one.
    pub fn said(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.last = clip(text);
        }
    }

    /// Keeps the last line of standard error: where an agent dies early it is all there is.
    pub fn complained(&mut self, line: &str) {
        if !line.trim().is_empty() {
            self.complaint = clip(line.trim());
        }
    }

    /// Keeps `line` as the refusal to go on with a conversation, where it holds one of `words`, which are in lower case.
    pub fn refuses(&mut self, line: &str, words: &[&str]) {
        let lower = line.to_ascii_lowercase();
        if self.refusal.is_none() && words.iter().any(|word| lower.contains(word)) {
            self.refusal = Some(clip(line.trim()));
        }
    }

    /// Returns the refusal to go on and the end of the turn that it is; nothing if the turn is over already.
    pub fn refused(&mut self, text: &str) -> Vec<Heard> {
        if self.over {
            return Vec::new();
        }
        let mut heard = vec![Heard::Said(Said::ResumeRefused { text: clip(text) })];
        heard.extend(self.end_with(TurnResult::Failed, text));
        heard
    }

    /// Returns the end of the turn with the agent's last words; nothing if it is over already.
    pub fn end(&mut self, result: TurnResult) -> Vec<Heard> {
        let text = std::mem::take(&mut self.last);
        self.end_with(result, &text)
    }

    /// Returns the end of the turn with `text`; nothing if it is over already.
    pub fn end_with(&mut self, result: TurnResult, text: &str) -> Vec<Heard> {
        if self.over {
            return Vec::new();
        }
        self.over = true;
        vec![Heard::Said(Said::TurnEnded { result, text: clip(text) })]
    }

    /// Returns the end of a turn whose process is gone before it said so.
    pub fn broken_off(&mut self, code: i32) -> Vec<Heard> {
        if let Some(refusal) = self.refusal.take() {
            return self.refused(&refusal);
        }
        let why = match self.complaint.as_str() {
            "" => String::new(),
            complaint => format!(": {complaint}"),
        };
        self.end_with(
            TurnResult::Failed,
            &format!("exited with {code} before the turn was over{why}"),
        )
    }

    /// Tells whether the turn is over.
    pub fn over(&self) -> bool {
        self.over
    }
}

/// Returns the line as one that the protocol does not know; an empty line is nothing.
pub fn output(line: &str) -> Vec<Heard> {
    if line.trim().is_empty() { Vec::new() } else { vec![Heard::Output(clip(line))] }
}

/// Cuts `text` to [`TEXT_CAP`] at a character's edge and says how much is gone.
pub fn clip(text: &str) -> String {
    if text.len() <= TEXT_CAP {
        return text.to_owned();
    }
    let mut end = TEXT_CAP;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… ({} bytes cut)", &text[..end], text.len() - end)
}

/// Returns the text at `path`, where `value` holds one there; else nothing.
pub fn text_at<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    path.iter()
        .try_fold(value, |value, key| value.get(key))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Returns the number at `path`, where `value` holds a whole one there; else zero: a token that was not counted.
pub fn count_at(value: &Value, path: &[&str]) -> u64 {
    path.iter()
        .try_fold(value, |value, key| value.get(key))
        .and_then(Value::as_u64)
        .unwrap_or_default()
}

/// Returns what a tool was given, for a reader: its command, where it has one, else the whole as JSON.
pub fn tool_input(input: &Value) -> String {
    match ["command", "cmd"].iter().find_map(|key| input.get(key)?.as_str()) {
        Some(command) => clip(command),
        None if input.is_null() => String::new(),
        None => clip(&input.to_string()),
    }
}

/// Classes the HTTP status of a failed model call.
pub fn class_of_status(status: u64) -> Option<ErrorClass> {
    match status {
        401 | 403 => Some(ErrorClass::Auth),
        402 | 429 => Some(ErrorClass::Limit),
        408 | 409 | 500..=599 => Some(ErrorClass::Model),
        _ => None,
    }
}

/// Classes an error text: by a status that it names as one, else by its words; [`ErrorClass::Agent`] where neither tells.
pub fn class_of_text(text: &str) -> ErrorClass {
    let lower = text.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if let Some(class) = status_in(&lower).and_then(class_of_status) {
        class
    } else if reset::is_named(&lower)
        || names(&[
            "rate limit",
            "rate_limit",
            "resource_exhausted",
            "resource has been exhausted",
            "too many requests",
            "quota",
            "out of credit",
            "insufficient credit",
        ])
    {
        ErrorClass::Limit
    } else if names(&[
        "unauthorized",
        "invalid key",
        "invalid api key",
        "authentication",
        "not logged in",
        "log in",
    ]) {
        ErrorClass::Auth
    } else if names(&[
        "overload",
        "high demand",
        "server error",
        "unavailable",
        "stream disconnected",
        "connection",
        "network",
        "terminated",
        "timed out",
        "timeout",
        "fetch failed",
    ]) {
        ErrorClass::Model
    } else {
        ErrorClass::Agent
    }
}

/// Finds a status: three digits at the text's start, or behind the word `status`.
fn status_in(lower: &str) -> Option<u64> {
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        (digits.len() == 3).then(|| digits.parse().ok()).flatten()
    };
    number(lower).or_else(|| {
        let (_, behind) = lower.split_once("status")?;
        number(
            behind
                .trim_start_matches([':', ' ', '='])
                .trim_start_matches("code")
                .trim_start_matches([':', ' ', '=']),
        )
    })
}

/// Returns an error with its class; a usage limit is also said as the closed door that it is.
pub fn trouble(class: ErrorClass, text: &str) -> Vec<Heard> {
    trouble_for(class, text, None)
}

/// The same where the protocol itself tells how long the door stays closed.
pub fn trouble_for(class: ErrorClass, text: &str, left: Option<Duration>) -> Vec<Heard> {
    let error = Heard::Said(Said::Error { class, text: clip(text) });
    closed_door(class, text, left).into_iter().chain([error]).collect()
}

/// Returns the closed door that an error tells of; none where it is no limit, or one that is over in a moment.
pub fn closed_door(class: ErrorClass, text: &str, left: Option<Duration>) -> Option<Heard> {
    let door = reset::door(text, left).filter(|_| class == ErrorClass::Limit)?;
    let reset_ms = door.left.and_then(|left| u64::try_from(left.as_millis()).ok());
    Some(Heard::Said(Said::Limit { text: clip(text), reset_ms, reset_at: door.at }))
}

/// Joins the texts of a list of content parts, as several vendors write tool results.
pub fn joined(content: &Value) -> String {
    let parts = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<&str> =
        parts.iter().map(|part| text_at(part, &["text"])).filter(|text| !text.is_empty()).collect();
    clip(&texts.join("\n"))
}
