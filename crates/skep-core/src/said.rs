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
    /// What has been used so far: absolute totals, never differences.
    Usage {
        usage: Usage,
        /// What of it is counted from the conversation's beginning; the rest is of this attempt alone.
        #[serde(default, skip_serializing_if = "Carried::is_nothing")]
        carried: Carried,
    },
    /// The agent named the model that answers.
    Model { name: String },
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

/// Tokens and money, in totals. What stands at zero was not told or not used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// All of the input, that from a cache and that written to one within it.
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// What of the input was read from a cache.
    pub cached_tokens: u64,
    /// What of the input was written to a cache.
    pub cache_write_tokens: u64,
    /// None where nobody names a price.
    pub cost_usd: Option<f64>,
}

/// Which counters of an agent go on over the attempts of one conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Carried {
    pub tokens: bool,
    pub cost: bool,
}

impl Carried {
    /// Whether all counters are of the attempt alone.
    pub fn is_nothing(&self) -> bool {
        *self == Carried::default()
    }
}

impl Usage {
    /// Input and output together.
    pub fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// The sum; a price is known as far as one was named.
    #[must_use]
    pub fn plus(&self, more: &Usage) -> Usage {
        let cost_usd = match (self.cost_usd, more.cost_usd) {
            (Some(one), Some(two)) => Some(one + two),
            (one, two) => one.or(two),
        };
        Usage { cost_usd, ..self.each(more, u64::saturating_add) }
    }

    /// What is more than in `less`; tokens are never less than none.
    #[must_use]
    pub fn minus(&self, less: &Usage) -> Usage {
        let cost_usd = self.cost_usd.map(|cost| cost - less.cost_usd.unwrap_or(0.0));
        Usage { cost_usd, ..self.each(less, u64::saturating_sub) }
    }

    /// The greater, counter by counter: a total that was told before is never taken back.
    #[must_use]
    pub fn most(&self, other: &Usage) -> Usage {
        let cost_usd = match (self.cost_usd, other.cost_usd) {
            (Some(one), Some(two)) => Some(one.max(two)),
            (one, two) => one.or(two),
        };
        Usage { cost_usd, ..self.each(other, u64::max) }
    }

    fn each(&self, other: &Usage, of: fn(u64, u64) -> u64) -> Usage {
        Usage {
            input_tokens: of(self.input_tokens, other.input_tokens),
            output_tokens: of(self.output_tokens, other.output_tokens),
            cached_tokens: of(self.cached_tokens, other.cached_tokens),
            cache_write_tokens: of(self.cache_write_tokens, other.cache_write_tokens),
            cost_usd: None,
        }
    }
}
