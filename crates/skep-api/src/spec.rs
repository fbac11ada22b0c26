//! `spec.json`: everything a gatekeeper needs to know of its attempt, frozen before it starts.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use skep_core::{
    id::RunId,
    policy::{Place, Policy},
    run::{Kind, Permissions},
    secret::Secret,
};

mod fence;

pub use fence::Fence;

/// The format's version; a keeper refuses another.
pub const VERSION: u32 = 1;

/// One attempt of a run, as its keeper carries it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub version: u32,
    pub run: RunId,
    /// Which tools its agent has follows from it.
    #[serde(default = "code", skip_serializing_if = "is_code")]
    pub kind: Kind,
    /// Counts from 1.
    pub attempt: u32,
    /// The daemon's epoch when the attempt was decided; controls with an older one are refused.
    pub epoch: u64,
    /// The harness protocol by name: `scripted plain codex_json json_lines stream_json acp pty`.
    pub protocol: String,
    /// The agent's argv, whole; the first is the program.
    pub argv: Vec<String>,
    /// The agent's environment, whole but for its secrets: nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Where the agent starts: the worktree, or a folder in it.
    pub cwd: PathBuf,
    /// The root of the worktree, for git facts; none where the run has no repository.
    pub worktree: Option<PathBuf>,
    /// The env's lock file; the keeper takes it, the warden shares it.
    pub lock: PathBuf,
    /// The commit that the run's work is counted from.
    pub base_oid: Option<String>,
    /// The prompt, as bytes in a file of its own.
    pub prompt_file: PathBuf,
    pub prompt: PromptBy,
    /// The control socket to serve on.
    pub socket: PathBuf,
    /// Where `start.json reports.jsonl journal.jsonl exit.json` go, and `tty.log`.
    pub dir: PathBuf,
    pub limits: Limits,
    /// Program names (as in `/proc/PID/comm`) that may outlive the run.
    pub spare: Vec<String>,
    /// The terminal that the agent starts on, with protocol `pty` and no other; none: it has pipes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<Size>,
    /// What the agent and all that it starts may write to and read; none: no fence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<Fence>,
    /// By what the agent tells on its terminal what it does; none: only its silence is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signs: Option<Signs>,
    /// How much the agent may do without being asked, where it asks on its pipes.
    #[serde(default)]
    pub permissions: Permissions,
    /// The rules that its wishes for leave are judged by; none: all of them are as `permissions` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// What protocol `acp` tells the agent in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Conversation>,
    /// Whether the agent is asked to go on with a conversation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub goes_on: bool,
    /// The messages that the prompt holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carries: Vec<String>,
    /// What the conversation may have or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubts: Option<Doubts>,
    /// Secrets that the agent gets beside its environment: names and references, no value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
    /// The folder in memory that holds the values which were handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<PathBuf>,
    /// The env's root, where its worktree is lent something that goes with the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lent: Option<PathBuf>,
}

fn code() -> Kind {
    Kind::Code
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_code(kind: &Kind) -> bool {
    *kind == Kind::Code
}

/// Messages that the prompt is to hold where the agent's own history lacks them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doubts {
    /// The conversation that is taken up.
    pub session: String,
    /// Where the agent keeps what was said; nowhere, where its protocol repeats it, or nobody knows.
    pub records: Vec<PathBuf>,
    pub messages: Vec<Doubt>,
}

/// A message that may have been written to an agent which did not say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doubt {
    pub id: String,
    pub text: String,
    /// How many like it the conversation is known to have beside it.
    pub earlier: u32,
    /// Whether it is the answer to the question of its id.
    #[serde(default)]
    pub answer: bool,
}

impl Spec {
    /// Where the agent works, for the rules: by the names that it was given.
    pub fn place(&self) -> Place {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let temporary = ["TMPDIR", "TMP"].iter().filter_map(|name| self.env.get(*name));
        let temporary = temporary.map(Path::new).chain([Path::new("/tmp"), Path::new("/var/tmp")]);
        let open = temporary.filter(|folder| folder.is_absolute() && folder.parent().is_some());
        Place {
            root: text(self.worktree.as_deref().unwrap_or(&self.cwd)),
            cwd: text(&self.cwd),
            home: self.env.get("HOME").cloned(),
            open: open.map(|folder| text(folder).trim_end_matches('/').to_owned()).collect(),
        }
    }
}

/// What a conversation begins with, where the agent's arguments do not say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    /// The one to go on with.
    pub session: Option<String>,
    /// The agent's own name of the mode to set first.
    pub mode: Option<String>,
    /// Whether it goes on without having its history repeated.
    pub resumes: bool,
    /// What starts the server of the tools that it is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
}

/// By what an agent on a terminal tells what it does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signs {
    /// Whose hooks: `claude` or `codex`.
    pub hooks: Option<String>,
    /// Patterns of its window's title: when it wants leave, is at work, or waits for words.
    pub permission: Vec<String>,
    pub busy: Vec<String>,
    pub idle: Vec<String>,
    /// When it can be typed to, whatever else it does.
    pub ready: Vec<String>,
}

/// A terminal's size, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    pub cols: u16,
    pub rows: u16,
}

impl Default for Size {
    fn default() -> Size {
        Size { cols: 120, rows: 36 }
    }
}

/// How the prompt reaches the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptBy {
    /// Written to its standard input, which is then closed; on a terminal typed, once that is quiet.
    Stdin,
    /// `{prompt_file}` stands in its argv, already filled in.
    File,
    /// `{prompt}` stands in its argv, already filled in; at most 100 KiB.
    Arg,
    /// It gets none.
    None,
}

/// The keeper's own budgets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// From TERM to KILL.
    pub grace_ms: u64,
    /// Silence with no tool in flight that is worth a `silence` report.
    pub idle_ms: u64,
    /// Silence while a tool is in flight.
    pub tool_idle_ms: u64,
    /// How long one turn may take before it is reported; 0 for any time.
    #[serde(default)]
    pub turn_ms: u64,
    /// How often what was used is reported within a turn; 0: at its end alone.
    #[serde(default)]
    pub usage_ms: u64,
    /// How long the first answer of a protocol that begins with a question may take; 0 for any time.
    #[serde(default)]
    pub ready_ms: u64,
    /// The journal's size; what is beyond it is dropped and counted. Bytes.
    pub journal_bytes: u64,
}
