//! The control socket of a keeper: one JSON line in, one JSON line out.
//!
//! After [`Control::Attach`] or [`Control::Look`] was accepted the connection is no longer one of lines: both sides speak in [`frame`]s.

use serde::{Deserialize, Serialize};
use skep_core::policy::Policy;

use crate::tool;

pub mod frame;

#[cfg(test)]
mod tests;

/// What a keeper can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ctl", rename_all = "snake_case")]
pub enum Control {
    /// End the agent: TERM, the grace, KILL; by force at once KILL.
    Stop { epoch: u64, force: bool },
    /// Ask the agent to give up its turn, where its protocol can; nothing is ended.
    Cancel { epoch: u64 },
    /// Give the agent a text as its next message; with `steer`, its turn is broken off for it. `id` counts once.
    Send {
        epoch: u64,
        id: String,
        text: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        steer: bool,
    },
    /// Tell the agent what a person said to its request `id`, with the reason of a refusal. `key` counts once.
    Settle { epoch: u64, key: String, id: String, allow: bool, text: Option<String> },
    /// Give the agent a person's answer to its question `id`, which the call `key` asked: to the call where it waits, else
    /// `words` as its next message. Without a `text` the agent is to decide. `id` counts once.
    Answer { epoch: u64, id: String, key: String, text: Option<String>, by: String, words: String },
    /// Judge by these rules from now on. Told twice is told once.
    Rules { epoch: u64, policy: Box<Policy> },
    /// Show the agent's terminal here, and take what is typed here. Whoever may ask may look: it needs no epoch.
    Attach { cols: u16, rows: u16 },
    /// Show the agent's terminal here as it is: whoever looks has no say in its size, and types nothing.
    Look {},
    /// Hear what a hook of the agent handed over. Only the agent's own processes are heard.
    Hook { said: serde_json::Value },
    /// Do what a tool of the agent asks for; only the agent's own processes are heard. A `key` that comes again gets the
    /// first one's reply.
    Tool { key: String, call: tool::Call },
    /// Say how things stand.
    Status {},
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Done, or under way.
    Accepted {},
    /// Taken; it goes when the agent's turn is over, or when its terminal is ready and nobody types.
    Queued {},
    /// What comes of a [`Control::Tool`].
    Tool { reply: tool::Reply },
    /// Not done, and why: `slug` is one of `docs/errors.md`.
    Refused { slug: String, text: String },
    /// How things stand.
    Status { run: String, attempt: u32, agent: Option<u32>, journal_lines: u64, quiet_ms: u64 },
}
