//! Names of workers: where they come from, which are nobody's, and how one is written down.
//!
//! Owns: the themes, the next free name, reserved words, names of sessions, addresses; what is to be ended when names, envs and sessions disagree.
//! Never: asks what is taken or alive; an unanswered question is a value here, and it stops everything.

use crate::text;

mod address;
mod pool;
mod reconcile;
#[cfg(test)]
mod tests;

pub use address::{Target, TargetError, parse_session, parse_target, session};
pub use pool::{
    Allocated, Ask, FEWEST, Full, MOST, NotAName, Pool, PoolError, THEMES, Theme, allocate, theme,
    theme_for,
};
pub use reconcile::{Answer, Held, HeldState, Note, Plan, SessionSeen, Unanswered, reconcile};

/// The role of a worker that writes code: the same word names its window, stands in its environment and is its address.
pub const CODER: &str = "coder";

/// The role of a worker that makes plans.
pub const PLANNER: &str = "planner";

/// The role of a worker that reviews what another one did.
pub const REVIEWER: &str = "reviewer";

/// The role of a worker that answers the questions of others.
pub const FOREMAN: &str = "foreman";

/// The role of a worker that a person sent into another one's env.
pub const MANUAL: &str = "manual";

/// The role of a run that checks a commit by a command of the project's.
pub const GATE: &str = "gate";

/// How long the name of a worker may be; an overflow name is a project's name with a number.
///
/// Unit: bytes, which are characters here.
pub const LONGEST: usize = text::NAME + 21;

/// Words that no worker and no project may be called: roles, parts of skep, every verb and alias, and words that mean somebody.
///
/// Order: by the alphabet.
pub const RESERVED: &[&str] = &[
    "abandon",
    "adopt",
    "agent",
    "all",
    "answer",
    "approve",
    "attach",
    "bundle",
    "clean",
    "cleanup",
    "close",
    "code",
    CODER,
    "completions",
    "config",
    "conflicts",
    "cost",
    "daemon",
    "demo",
    "diff",
    "dispatch",
    "doctor",
    "effect",
    "events",
    "explain",
    "export",
    "finalize",
    "finish",
    "follow-up",
    FOREMAN,
    GATE,
    "gatekeeper",
    "help",
    "hook",
    "human",
    "implement",
    "inbox",
    "init",
    "keeper",
    "kill",
    "land",
    "list",
    "logs",
    "ls",
    MANUAL,
    "mcp",
    "me",
    "merge",
    "new",
    "none",
    "nudge",
    "open",
    "path",
    "pause",
    "person",
    "plan",
    PLANNER,
    "policy",
    "pr",
    "project",
    "ps",
    "questions",
    "refine",
    "reject",
    "remove",
    "replay",
    "restart",
    "restore",
    "resume",
    "retry",
    "review",
    REVIEWER,
    "rm",
    "run",
    "self",
    "send",
    "serve",
    "sh",
    "show",
    "skep",
    "snapshot",
    "spawn",
    "status",
    "stop",
    "task",
    "top",
    "tui",
    "undo",
    "version",
    "wait",
    "warden",
    "watch",
    "why",
];

/// Whether `word` is one that no worker and no project may be called; `.` and `..` are too.
pub fn is_reserved(word: &str) -> bool {
    matches!(word, "." | "..") || RESERVED.binary_search(&word).is_ok()
}

/// Whether `text` has the form of a worker's or a project's name: `a-z`, `0-9` and dashes, none in front.
pub fn has_form(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= LONGEST && !text.starts_with('-') && text.bytes().all(fits)
}
