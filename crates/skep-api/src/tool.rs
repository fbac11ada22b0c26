//! What an agent's tools say to its keeper, and what the keeper answers.
//!
//! Owns: the words between the server of those tools and a keeper's control socket, and their bounds.
//! Never: decides who is heard; a keeper hears only its own agent's processes.

use serde::{Deserialize, Serialize};

/// The longest question, context, summary, evidence or note. Bytes.
pub const LONGEST: usize = 16 << 10;
/// How many answers a question may offer.
pub const OPTIONS: usize = 16;
/// The longest of them. Bytes.
pub const OPTION: usize = 512;
/// How many paths one claim may name.
pub const PATHS: usize = 256;
/// The longest of them. Bytes.
pub const PATH: usize = 4096;
/// How much all critiques of a verdict may say together. Bytes.
pub const VERDICT: usize = 128 << 10;
/// The longest time that a call may wait. Milliseconds.
pub const WAIT_MS: u64 = 60 * 60 * 1000;

/// The tools, by name, of the server `skep`; which of them an agent has follows from its run's kind.
pub const NAMES: [&str; 10] = [
    "ask_foreman",
    "ask_human",
    "report",
    "verdict",
    "claim_paths",
    "note",
    "list_runs",
    "spawn_run",
    "dispatch",
    "issue",
];

/// Whether an agent of a run of this kind has the tool `name`: only a reviewer judges, and who answers asks nobody.
pub fn is_for(name: &str, kind: Kind) -> bool {
    match name {
        _ if !kind.has_agent() => false,
        "verdict" => kind == Kind::Review,
        // Of these again only those that may have others work for them: `skep mcp --spawns`.
        "spawn_run" | "dispatch" => kind == Kind::Code,
        // Of these those that were put at one: `skep mcp --issue`.
        "issue" => kind == Kind::Code,
        "ask_foreman" | "ask_human" => kind != Kind::Foreman,
        _ => NAMES.contains(&name),
    }
}

/// What an agent's tools tell its keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "snake_case")]
pub enum Call {
    /// Ask, and wait for the answer at most `wait_ms`.
    Ask {
        /// Who is asked first.
        to: Whom,
        question: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        options: Vec<String>,
        wait_ms: u64,
    },
    /// What the agent says of its work: a claim, not a proof.
    Report {
        status: Claimed,
        summary: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<String>,
    },
    /// Which paths the agent is going to change.
    Claim { paths: Vec<String> },
    /// Something to be kept with the run.
    Note { text: String },
    /// What a reviewer has to say of the work; nothing: it passes. The last one counts.
    Verdict { critiques: Vec<Critique> },
}

pub use skep_core::{
    review::{Critique, Severity},
    run::{
        Kind,
        question::{Claimed, Whom},
    },
};

/// What a keeper answers to a [`Call`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Of a question. Without an answer and not pending: it is left to the agent to decide, and `by` says by whom.
    Answer {
        /// The question's id, or the call's key as long as it has none.
        question: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confidence: Option<String>,
        /// The answer comes later, once, as a message.
        pending: bool,
    },
    /// It was written down.
    Done {},
    /// What counts of a verdict, written down.
    Judged { critiques: Vec<Critique> },
}
