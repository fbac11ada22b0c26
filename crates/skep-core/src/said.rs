//! What an agent says, in words that no vendor owns.
//!
//! Owns: the neutral form of everything that comes from an agent's protocol.
//! Never: knows how any agent spells it; that is `skep-harness`.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// One thing an agent said, did or needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Said {
    /// The agent named its conversation, so that it can be resumed.
    Session { id: String },
    /// The agent would not go on with the conversation that it was asked to go on with.
    ResumeRefused { text: String },
    /// Words for the reader.
    Said { text: String },
    /// Words the agent said to itself.
    Thought { text: String },
    /// A tool was called; `id` is the agent's own and pairs it with its result.
    Tool { id: String, name: String, input: String },
    /// A tool came back.
    ToolResult { id: String, ok: bool, text: String },
    /// The agent asks a person something and waits.
    Ask { id: String, text: String, options: Vec<String> },
    /// The agent wants leave to do something and waits.
    Permission {
        id: String,
        tool: String,
        text: String,
        /// What it comes to, where the protocol tells; without it only the tool is known.
        #[serde(default, skip_serializing_if = "Deed::is_unknown")]
        deed: Deed,
    },
    /// The agent no longer wants the leave that it asked for.
    Withdrawn { id: String },
    /// What has been used so far in this attempt: absolute totals, never differences.
    Usage { usage: Usage },
    /// The model's provider has closed the door for a while: for so long, or until then, where it says so.
    Limit {
        text: String,
        reset_ms: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reset_at: Option<Timestamp>,
    },
    /// The agent is trying a model call again by itself.
    Retry {
        attempt: u32,
        /// How often it will try at most, where it says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<u32>,
        text: String,
    },
    /// The agent began a turn of itself: somebody spoke to it on its own screen, or what was sent to it was taken.
    TurnStarted {},
    /// The agent waits on its own screen for what somebody says next.
    Idle {},
    /// A turn is over, with the agent's own verdict on it.
    TurnEnded { result: TurnResult, text: String },
    /// The protocol reported an error that is not, by itself, the end of the turn.
    Error { class: ErrorClass, text: String },
}

/// What an agent is about to do, for a program to judge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deed {
    /// A text for the shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// It runs something and does not say what.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
    pub access: Access,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

impl Deed {
    /// Tells whether nothing is told of it.
    pub fn is_unknown(&self) -> bool {
        *self == Deed::default()
    }
}

/// What an agent does with the paths that it names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It is not known.
    #[default]
    Unknown,
    Read,
    Write,
}

/// What a protocol says of a finished turn. A claim, not a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnResult {
    /// The protocol has an explicit success and gave it.
    Success,
    /// The turn ended, and the protocol has no word for success.
    Ended,
    /// The protocol reported failure.
    Failed,
    /// The turn was cancelled.
    Cancelled,
}

/// What kind of trouble an error text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The model's service: 5xx, overload, a dropped stream.
    Model,
    /// Key or login refused.
    Auth,
    /// A usage limit, with or without a time of reset.
    Limit,
    /// The agent refused or could not go on.
    Agent,
    /// A notice that changes nothing.
    Notice,
}

/// Tokens and money of one attempt so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// Only where the agent itself names a price.
    pub cost_usd: Option<f64>,
}
