//! `reports.jsonl`, `journal.jsonl`, `start.json` and `exit.json`: what a gatekeeper writes down.
//!
//! Owns: the shape of a line. A line is one JSON object, written by one write, ended by a newline.
//! `exit.json` is the `Exit` of `skep_core::facts`, by rename.
//! Never: opens a file; the keeper writes, the daemon and the windows read.

use serde::{Deserialize, Serialize};
use skep_core::{
    facts::Exit,
    policy::{Policy, Verdict},
    run::{Overdue, Word},
    said::Said,
    time::Timestamp,
};

use crate::tool::Call;

#[cfg(test)]
mod tests;

/// One line of `reports.jsonl` or `journal.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Counts from 1 in each file, gap-free.
    pub line: u64,
    pub at: Timestamp,
    #[serde(flatten)]
    pub entry: Entry,
}

/// A [`Line`] as it is written, with an entry that somebody else holds.
#[derive(Debug, Serialize)]
pub struct Spelled<'a> {
    pub line: u64,
    pub at: Timestamp,
    #[serde(flatten)]
    pub entry: &'a Entry,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// The agent's process lives.
    Started { pid: u32, gatekeeper: u32 },
    /// Nothing was heard for `quiet_ms`; `tool` if one was in flight.
    Silence { quiet_ms: u64, tool: bool },
    /// It was heard again after a silence.
    Heard {},
    /// Something took longer than it may; `text` tells what was seen.
    Overdue { what: Overdue, text: String },
    /// A line of its standard error.
    Stderr { text: String },
    /// A line of its standard output that its protocol does not know.
    Output { text: String },
    /// Something was delivered to it.
    Delivered { id: String, text: String },
    /// What else became of a message for it, and why, where there is something to say.
    Message {
        id: String,
        word: Word,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
    /// A person's word on its request `id` was told to it.
    Settled { id: String, allow: bool, text: Option<String> },
    /// What the rules said of its request `id`.
    Decided {
        id: String,
        #[serde(flatten)]
        verdict: Verdict,
    },
    /// A tool of the agent was called.
    Called { key: String, call: Call },
    /// The call went back to the agent without the answer that it asked for.
    CallLeft { key: String },
    /// The rules that its wishes are judged by from here on.
    Rules { policy: Box<Policy> },
    /// This many lines or bytes were not kept, and why.
    Dropped { lines: u64, bytes: u64, why: String },
    /// The attempt is over and nothing of its tree lives.
    Exit { exit: Exit },
    /// Something an agent said; the same kinds as [`Said`], spelled by it.
    #[serde(untagged)]
    Agent(Said),
}

/// `start.json`: written and synced before the agent starts; its existence forbids a second start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The keeper, with the time it started in clock ticks since boot, and the boot's id.
    pub gatekeeper: Process,
    pub boot: String,
    pub at: Timestamp,
}

/// A process, so named that a recycled pid is not it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    /// Field 22 of `/proc/PID/stat`: clock ticks since boot.
    pub started: u64,
}
