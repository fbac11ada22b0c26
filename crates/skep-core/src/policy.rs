//! What an agent may do: rules over tools, commands, paths and hosts, and what they say of one request.
//!
//! Owns: the decision, and the reading of commands that it takes: quoting and wrappers are seen through, nothing is
//! matched as text.
//! Never: lets pass what it did not understand where a rule forbids something, or fences anything in: it judges what an
//! agent says it is about to do.

use serde::{Deserialize, Serialize};

mod command;
mod decide;
mod rule;
mod shell;
#[cfg(test)]
mod tests;
mod when;

pub use decide::{decide, host_of};
pub use when::When;

/// The rules of a run. The order within a list only says which of two is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    pub deny: Vec<Rule>,
    pub ask: Vec<Rule>,
    pub allow: Vec<Rule>,
}

/// One rule: all that it says must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// A tool's name, as the agent calls it; `*` stands for anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The first words of a command; options of it may stand anywhere behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// A path that is read or written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A path that is written, changed or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<String>,
    /// A host that is spoken to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// For which runs it is there; none: for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// For the agent and for people.
    pub why: String,
    /// Which file says so.
    pub from: String,
}

/// Where a run works. All paths are absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub root: String,
    pub cwd: String,
    pub home: Option<String>,
    /// Folders outside of the root that are the run's too.
    pub open: Vec<String>,
}

/// What is done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Allow,
    Ask,
    Deny,
}

impl Decision {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Decision::Allow => "allow",
            Decision::Ask => "ask",
            Decision::Deny => "deny",
        }
    }
}

/// A decision with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub decision: Decision,
    /// The rule, as people write it; none where the mode decided.
    pub rule: Option<String>,
    /// Where the rule stands.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    pub why: String,
}

impl Rule {
    /// Tells whether it says anything.
    pub fn is_empty(&self) -> bool {
        let Rule { tool, command, path, write, host, when: _, why: _, from: _ } = self;
        [tool, command, path, write, host].iter().all(|condition| condition.is_none())
    }

    /// The rule in one line, as its file has it.
    pub fn text(&self) -> String {
        let Rule { tool, command, path, write, host, when, why: _, from: _ } = self;
        let said = [
            ("tool", tool),
            ("command", command),
            ("path", path),
            ("write", write),
            ("host", host),
        ];
        let said: Vec<String> = said
            .iter()
            .filter_map(|(key, value)| Some(format!("{key} = \"{}\"", value.as_ref()?)))
            .chain(when.as_ref().map(When::text))
            .collect();
        said.join(", ")
    }
}

/// The words of every command that a text for the shell would start, as far as they are known; `…` stands for the rest.
///
/// Second: why there may be more.
pub fn commands(text: &str) -> (Vec<String>, Option<&'static str>) {
    let sight = command::look(text);
    let said = |seen: &command::Seen| {
        let words: Vec<String> = seen.words().iter().map(word_text).collect();
        let mark = if seen.sure { "" } else { "? " };
        let code = if seen.code.is_some() { " (code)" } else { "" };
        format!("{mark}{}{code}", words.join(" "))
    };
    (sight.seen.iter().map(said).collect(), sight.unseen)
}

fn word_text(word: &shell::Word) -> String {
    let text: String = word
        .pieces
        .iter()
        .map(|piece| match piece {
            shell::Piece::Text(text) => text.as_str(),
            shell::Piece::Home => "~",
            shell::Piece::Glob => "*",
            shell::Piece::Any => "…",
        })
        .collect();
    if text.is_empty() || text.contains([' ', '\n']) { format!("'{text}'") } else { text }
}
