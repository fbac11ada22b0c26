//! The life of one run: an agent conversation with a purpose, over one or more attempts.
//!
//! Owns: the states, what each input means in each, retries and the breaker, what close and land may do.
//! Never: touches a process, a file or a clock. The table is in `docs/design/run.md`, its outcome in
//! `docs/design/outcome.md`.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    budget::{Budget, Price},
    facts::{Exit, GitFacts},
    guide::Guide,
    id::{AskId, OpId, QuestionId, RunId, SnapshotId, TaskId},
    issue::Origin,
    lease::{Lease, Need},
    said::{Carried, ErrorClass, Said, TurnResult, Usage},
    secret::Secret,
    snapshot::{self, Snapshot, Why},
    time::Timestamp,
};

pub mod adopted;
mod apply;
pub mod change;
pub mod claims;
pub mod closing;
pub mod conversation;
pub mod gate;
mod hooks;
pub mod issue;
pub mod landing;
mod leases;
pub mod leave;
pub mod limits;
pub mod lineage;
pub mod message;
pub mod orientation;
pub mod outcome;
pub mod overstep;
pub mod posture;
pub mod question;
mod quota;
pub mod rules;
pub mod spent;
mod step;
#[cfg(test)]
pub(crate) mod tests;
pub mod trust;
pub mod within;

pub use adopted::{Adopted, Layout, Pane};
pub use change::{Following, NoSight, Proposing, Sight};
pub use claims::Claims;
pub use closing::{How, Merged, OpResult, Undo, Undoable};
pub use conversation::{Conversation, Speech};
pub use gate::Gate;
pub use hooks::Hooks;
pub use issue::Hold;
pub use landing::{Attestation, Landing, Unlanded};
pub use leases::Leases;
pub use leave::{Ask, Ruling};
pub use limits::{Fallback, Met, Retrying};
pub use lineage::Lineage;
pub use message::{Hears, Message, Receipt, Word};
pub use outcome::{Outcome, Reason};
pub use posture::Posture;
pub use question::{Question, Standing};
pub use quota::{Login, Logins, Onward, Quota};
pub use rules::Rules;
pub use spent::Spent;
pub use trust::Trust;

/// What a run is for, frozen when it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    pub id: RunId,
    /// The worker's name, unique among runs whose env is not closed.
    pub name: String,
    pub kind: Kind,
    pub task: Option<TaskId>,
    pub title: String,
    pub project: Option<String>,
    /// `person`, or the run, dispatch, tracker or schedule that asked.
    pub by: String,
    pub agent: String,
    /// Whether its protocol has a word for a turn's result.
    pub speaks: bool,
    pub model: Option<String>,
    /// The login of the agent's that it works by; none: the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Logins::is_none")]
    pub logins: Logins,
    pub surface: Surface,
    pub permissions: Permissions,
    pub place: Place,
    pub policy: Policy,
    /// The run whose place this one takes: it is stopped, and this one waits for its end.
    #[serde(default)]
    pub supersedes: Option<RunId>,
    /// What it takes over, where somebody else began the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// What its agent can be told while it is at work.
    #[serde(default)]
    pub hears: Hears,
    /// Who takes over, once, when the agent's usage limit is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// What it may use.
    #[serde(default, skip_serializing_if = "Budget::is_empty")]
    pub budget: Budget,
    /// What models cost whose agent names no price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<Price>,
    /// Whose words its task is made of.
    #[serde(default, skip_serializing_if = "Trust::is_person")]
    pub trust: Trust,
    /// Whether it belongs to its task's plan, which says when it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Whether its task has a foreman, who is asked before people.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreman: bool,
    /// The run in whose env it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<RunId>,
    /// What it runs and checks, where it is a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// What it holds of which others may have none while it is at work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// How readily its agent involves a person.
    #[serde(default, skip_serializing_if = "Posture::is_headless")]
    pub posture: Posture,
    /// The issue that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<Origin>,
    /// What it says it will touch.
    #[serde(default, skip_serializing_if = "Claims::is_empty")]
    pub claims: Claims,
    /// What it comes from, where it may have others work for it or is one of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// What no text can know: the marks around words from outside follow from it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seed: String,
}

/// Which part of its task's plan a run does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub project: String,
    /// Whether it waits for its wave when its place stands.
    pub held: bool,
}

/// A run's purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Code,
    /// It makes a plan, and changes nothing.
    Plan,
    /// It looks at the work of a part, at one commit of it, and changes nothing.
    Review,
    /// It answers questions of the other runs of its task.
    Foreman,
    /// A person's own, in the env of another run.
    Manual,
    /// It runs a check of the project's on one commit; there is no agent.
    Gate,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] =
        [Kind::Code, Kind::Plan, Kind::Review, Kind::Foreman, Kind::Manual, Kind::Gate];

    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Code => "code",
            Kind::Plan => "plan",
            Kind::Review => "review",
            Kind::Foreman => "foreman",
            Kind::Manual => "manual",
            Kind::Gate => "gate",
        }
    }
}

/// How skep speaks to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// A protocol over pipes.
    Headless,
    /// The agent's own screen.
    Terminal,
}

/// How freely the agent may act.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permissions {
    Ask,
    #[default]
    Auto,
    Bypass,
}

/// What kind of place a run works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvType {
    Worktree,
    InPlace,
    Directory,
}

/// Where a run is to work and how that place is made, as settings said when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub env_type: EnvType,
    /// The folder that holds all envs.
    pub envs: String,
    /// The random key of the env's folder.
    pub key: String,
    /// A folder of the repository, absolute; none for a plain directory.
    pub repository: Option<String>,
    /// The folder below the worktree's root in which the agent starts; empty for the root.
    pub sub_dir: String,
    /// The base asked for; none: decided from the repository.
    pub base: Option<String>,
    /// The branch that the work is to land on; none: the base's own.
    pub target: Option<String>,
    /// Names for the branch, the first that is free is taken.
    pub branches: Vec<String>,
    /// Whether the first of `branches` was asked for by name, so that another will not do.
    pub exact_branch: bool,
    /// The commit that the worktree stands on instead of on a branch: none is made then, and nothing of it lands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detached: Option<String>,
    pub copy: Vec<String>,
    pub link: Vec<String>,
    /// What of its ignored files is expendable, as patterns of `.gitignore`.
    pub discard: Vec<String>,
    pub set_up: Option<SetUp>,
    /// What runs around the making of a worktree.
    #[serde(default, skip_serializing_if = "Hooks::is_none")]
    pub hooks: Hooks,
    /// How long a fetch before the start may take; 0 for none.
    pub fetch_ms: u64,
    /// Whether commits are signed as the user's own settings say.
    pub sign: bool,
    /// Folders beside its own that it reads: the repositories that a plan is made for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<String>,
    /// What the project gives its agents to read.
    #[serde(default, skip_serializing_if = "Guide::is_empty")]
    pub guide: Guide,
}

/// A project's own script that makes a worktree ready, as a person approved it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetUp {
    /// A shell command; none: the `.worktree-setup` file nearest to the sub-directory.
    pub run: Option<String>,
    /// Whether its failure ends the run.
    pub strict: bool,
    pub timeout_ms: u64,
    /// What was approved: SHA-256 over the command, or the file's bytes.
    pub digest: String,
}

/// The budgets of a run, frozen into it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    pub health_ms: u64,
    pub grace_ms: u64,
    pub idle_ms: u64,
    pub tool_idle_ms: u64,
    /// How long one turn may take; 0 for any time.
    #[serde(default)]
    pub turn_ms: u64,
    /// How long an agent may take to answer the first word of its protocol.
    #[serde(default = "ready_ms")]
    pub ready_ms: u64,
    pub journal_bytes: u64,
    /// How often the environment's faults, and deaths by our or the host's hand, are tried again.
    pub tries: u32,
    pub first_ms: u64,
    pub factor: u32,
    pub jitter: f64,
    /// Deaths within `window_ms`, without a finished turn or a new commit, that end the run.
    pub deaths: u32,
    pub window_ms: u64,
    pub spare: Vec<String>,
    pub env: Vec<String>,
    /// More arguments for the agent's program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Secrets that its agent gets: names and references, no value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
    /// Whether its agent can write wherever its user can.
    #[serde(default)]
    pub fence: Fence,
}

/// What keeps an agent from writing outside of its own place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Fence {
    /// Nothing, by a person's settings.
    #[default]
    Off,
    /// Nothing: the kernel has no means.
    Absent,
    /// Nothing of ours: the agent confines what it starts by itself, and could not behind a fence.
    Own,
    /// A fence, and where else it may write, as the person's settings say.
    On { write: Vec<String> },
}

fn ready_ms() -> u64 {
    60_000
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            health_ms: 4_000,
            grace_ms: 2_000,
            idle_ms: 30 * 60_000,
            tool_idle_ms: 120 * 60_000,
            turn_ms: 0,
            ready_ms: ready_ms(),
            journal_bytes: 256 << 20,
            tries: 2,
            first_ms: 5_000,
            factor: 6,
            jitter: 0.2,
            deaths: 3,
            window_ms: 30 * 60_000,
            spare: Vec::new(),
            env: Vec::new(),
            fence: Fence::Off,
            args: Vec::new(),
            secrets: Vec::new(),
        }
    }
}

/// A place that stands and is lent to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Env {
    /// The env's root: worktree, `output/`, `logs/`, lock and owner record.
    pub root: String,
    /// What its gatekeeper holds while anything of it may live.
    pub lock: String,
    pub worktree: String,
    pub cwd: String,
    pub branch: Option<String>,
    pub base: Option<Base>,
    pub target: Option<String>,
    /// What was left out or went wrong without stopping the preparation.
    pub notes: Vec<String>,
    /// Whether it stood already and is used again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
}

/// The commit that a run's work starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    pub branch: String,
    pub oid: String,
}

/// Where an attempt stands. Each state carries exactly what is held in it.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Waiting for a slot, and not before `not_before`.
    Queued { not_before: Option<Timestamp> },
    /// The env is being made; `unwanted` if a stop came meanwhile, and why.
    Preparing { unwanted: Option<Because> },
    /// A gatekeeper is asked for (none yet) or began; the agent has not been seen.
    Starting { gatekeeper: Option<u32> },
    /// The agent is at work.
    Running { gatekeeper: Option<u32>, pid: u32, started: Timestamp },
    /// The agent waits for something that skep or a person must give.
    Waiting { gatekeeper: Option<u32>, pid: u32, on: WaitingFor },
    /// The agent was not heard for longer than its budget.
    Stalled { gatekeeper: Option<u32>, pid: u32 },
    /// A usage limit ended the attempt; the next one begins by itself `until` then. Nothing of it lives.
    Limited { until: Timestamp, known: bool, exit: Option<Exit> },
    /// The agent was told to end, or its gatekeeper is gone, and something of it may still live.
    Stopping { gatekeeper: Option<u32>, force: bool, because: Because, gone: bool },
    /// The attempt is over.
    Ended { outcome: Outcome, reason: Option<Reason>, exit: Option<Exit>, text: String },
}

/// What a waiting run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    Answer,
    Permission,
    Limit,
    Input,
    Paused,
}

/// Why a run is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    Person,
    /// Another run takes its place.
    Superseded,
    /// A person paused it in the middle of a turn.
    Paused,
    /// A person wants it on another surface.
    Surface,
    Stalled,
    /// It was silent after it had told of a usage limit.
    Limit,
    /// Its turn took longer than one may, or its work longer than its budget.
    Timeout,
    /// Its budget of tokens or money is spent, or that of its task, its project or the day.
    Budget,
    /// It had all the turns of its budget.
    Turns,
    /// The gatekeeper never reported its start.
    NeverStarted,
    /// The agent lived and never answered the first word of its protocol.
    NeverReady,
    /// The gatekeeper is gone and left no word.
    SupervisorLost,
    /// The machine was started again.
    HostRestart,
}

/// Where a run's env stands.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvState {
    None,
    Preparing,
    Held(Env),
    /// Another run's, which keeps it: this one works in it, or did.
    Within(Env),
    Closing {
        env: Env,
        op: OpId,
        how: How,
        snapshot: SnapshotId,
    },
    Closed(Env),
    /// A snapshot is being brought back: over what stands, or, where it `was_closed`, to where the env stood.
    Restoring {
        env: Env,
        was_closed: bool,
        op: OpId,
        undoes: Option<OpId>,
    },
}

/// Words for an agent that waits, as they were kept before each message had a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Counts once.
    pub id: String,
    pub text: String,
}

/// What the agent was heard to say that its outcome depends on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    pub turn: Option<TurnResult>,
    /// Whether the last turn's text was empty.
    pub empty: bool,
    /// The last error since the last turn began, and its words.
    pub error: Option<(ErrorClass, String)>,
    /// Whether its turn was cancelled for its silence.
    pub stalled: bool,
    /// A usage limit that nothing made good, with its reset where that was told.
    pub limit: Option<Option<Timestamp>>,
    /// The agent's words, where it said last that it cannot go on.
    pub blocked: Option<String>,
}

/// A run with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub brief: Brief,
    /// The place in the order of creation.
    pub order: u64,
    pub created: Timestamp,
    pub state: State,
    /// When the state was entered.
    pub since: Timestamp,
    pub env: EnvState,
    /// Whether the env that is held is being taken back, because nothing ever ran in it.
    pub undoing: bool,
    /// Whether the run is over for good.
    pub closed: bool,
    /// Counts from 1.
    pub attempt: u32,
    /// Faults of the environment in a row.
    pub faults: u32,
    /// Deaths by our or the host's hand, since the last progress.
    pub deaths: Vec<Timestamp>,
    /// When the agent of this attempt was first seen.
    pub begun: Option<Timestamp>,
    /// What was given while it waits for a slot, in a ledger of old.
    pub given: Vec<Given>,
    /// Messages for its agent, the oldest first.
    pub messages: Vec<Message>,
    /// What its agent wants leave for, in the order of asking.
    pub asks: Vec<Ask>,
    /// How many requests there were; the next one's id follows from it.
    pub asked: u32,
    /// What its agent asks people, in the order of asking.
    pub questions: Vec<Question>,
    /// How many questions there were; the next one's id follows from it.
    pub questioned: u32,
    /// What its agent said of its work, the last one at the end.
    pub claims: Vec<question::Made>,
    pub session: Option<String>,
    pub verdict: Verdict,
    /// What it has used, over all attempts, and what it may.
    pub spent: Spent,
    /// Last words, for a line in a list.
    pub last: Option<(String, Timestamp)>,
    pub git: Option<GitFacts>,
    /// How the last wishes about its work went, the last one at the end.
    pub ops: Vec<(OpId, OpResult)>,
    pub landed: Option<(String, String)>,
    /// What is under way to bring its work to its target.
    pub landing: Option<Box<Landing>>,
    /// Why its last landing came to nothing, until something else becomes of its work.
    pub unlanded: Option<Box<Unlanded>>,
    /// What was last seen of the tree that its work is in.
    pub attestation: Option<Box<Attestation>>,
    /// What its work was proposed as.
    pub change: Option<Following>,
    /// The wish to propose it that is being carried out.
    pub proposing: Option<(OpId, Proposing)>,
    /// What a sweep could not find out.
    pub unknown: Option<String>,
    /// The session and pane of tmux that show the agent's screen.
    pub window: Option<(String, String)>,
    /// Its snapshots that are kept.
    pub snapshots: BTreeMap<SnapshotId, Snapshot>,
    /// How many snapshots were begun; the next one's id follows from it.
    pub snaps: u32,
    /// A forced close whose files lie in the trash and are in no snapshot yet.
    pub settling: Option<SnapshotId>,
    /// What can be undone, oldest first.
    pub undoable: Vec<Undoable>,
    /// The close that is to follow the attempt's end.
    pub then_close: Option<(OpId, How)>,
    /// Whether the turn under way is the last before a pause.
    pub pausing: bool,
    /// Whether the next attempt goes on with the agent's conversation.
    pub goes_on: bool,
    /// What the next attempt is told in place of its task.
    pub message: Option<String>,
    /// How skep speaks to the agent in this attempt.
    pub speech: Speech,
    /// What became of going on with the agent's conversation.
    pub conversation: Conversation,
    /// When the collector last looked at its env in vain.
    pub kept: Option<Timestamp>,
    /// Whether the records of its attempts are gone by age.
    pub logs_dropped: bool,
    /// The model call that its agent is trying again.
    pub retrying: Option<Retrying>,
    /// The last usage limit that it met, as long as no answer came after it.
    pub met: Option<Met>,
    /// Until when each login is at its limit that it met itself, as long as no answer came after it.
    pub shut: BTreeMap<Quota, Timestamp>,
    /// Whether its conversation was begun by another login.
    pub moved: bool,
    /// How many limits it met in a row without an answer between them.
    pub limits: u32,
    /// Whether a person asked for the attempt that is in line, whatever a usage limit says.
    pub insisted: bool,
    /// The comments below its issue that it was let write, each by its key.
    pub comments: Vec<String>,
    /// What its own processes asked for that no run may have.
    pub oversteps: Vec<overstep::Overstep>,
    /// Since when there is one of them after which no person has done anything with the run.
    pub unseen: Option<Timestamp>,
    /// When a person vouched for words from outside that it works by.
    pub lifted: Option<Timestamp>,
    /// How far changed rules have come.
    pub rules: Rules,
    /// Whether it waits for the wave of its plan; its place is made all the same.
    pub held: bool,
    /// What it holds of the resources that it needs.
    pub leases: Leases,
    /// What it holds of its issue.
    pub hold: Hold,
}

/// What can happen to a run: wishes, reports and the clock.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A slot is free, limits and breaker allow: for a queued run, or for one that waits and was given something.
    Admit,
    Stop {
        force: bool,
    },
    /// Another run takes its place.
    Supersede,
    /// The budget of its task, its project or the day is spent.
    Halt,
    /// A person gives it more to use.
    Raise {
        by: Budget,
    },
    /// Resume, with the conversation that was, or retry, afresh: the next attempt on the same run.
    Again {
        goes_on: bool,
        message: Option<String>,
        /// Another surface than that of the attempt before; of a run that lives, at the end of its turn.
        speech: Option<Speech>,
    },
    /// A usage limit holds it back, and another login is free.
    PassOn(Onward),
    /// At the turn's end, or at once.
    Pause {
        now: bool,
    },
    /// Answered, allowed or refused, reset, sent, resumed: with what is to be delivered.
    Give {
        id: String,
        text: String,
    },
    /// A message for its agent: with `steer`, the turn under way is broken off for it.
    Send {
        id: String,
        text: String,
        steer: bool,
    },
    /// What became of a message, and why, where there is something to say.
    Told {
        attempt: u32,
        id: String,
        word: Word,
        text: String,
    },
    /// Its wave begins.
    Release,
    /// The rules of today are to hold for the attempt under way.
    Rules,
    /// A person vouches for the words from outside that it works by.
    Lift,
    /// The keeper judges by the rules of the `nth` wish, or why not.
    RulesSet {
        attempt: u32,
        nth: u32,
        why: Option<String>,
    },
    /// A person's word on a request for leave; without an id, on the only one that is open.
    Rule {
        ask: Option<AskId>,
        ruling: Ruling,
    },
    /// A person's answer to a question; without words the agent is to decide.
    Answer {
        question: QuestionId,
        text: Option<String>,
        by: String,
    },
    /// The foreman does not answer a question: a person is asked, with what it proposes.
    Escalate {
        question: QuestionId,
        proposal: Option<String>,
    },
    Close {
        op: OpId,
        how: How,
    },
    /// Given up by a person: it is stopped, and its env given back, all of it kept in a snapshot.
    Abandon {
        op: OpId,
    },
    Land {
        op: OpId,
        wish: landing::Wish,
    },
    /// What the fleet, an effect or a gate has to say of its landing.
    Landing(landing::Word),
    /// Its branch is to be pushed, and a change made of it or brought up to date.
    Propose {
        op: OpId,
        asked: Box<Proposing>,
    },
    /// What its forge told of its change, or why nothing; and until when it wants no other question.
    Followed {
        found: Result<Box<Sight>, NoSight>,
        not_before: Option<Timestamp>,
    },
    /// What was said to its change is to go to its author.
    Round,
    /// It cannot.
    RoundRefused {
        text: String,
    },
    /// A person wants a snapshot.
    Snap {
        op: OpId,
    },
    /// Snapshots that are to go for good.
    Forget {
        op: OpId,
        snapshots: Vec<SnapshotId>,
    },
    Restore {
        op: OpId,
        snapshot: SnapshotId,
    },
    Undo {
        op: OpId,
        of: OpId,
    },
    /// What a snapshot's trash holds is to go for good.
    Purge {
        snapshot: SnapshotId,
    },
    /// The records of its attempts are to go for good.
    DropLogs,
    /// What a forced close left in the trash is to come into its snapshot after all.
    Settle,
    Prepared(Env),
    PrepareFailed {
        fault: Fault,
        slug: String,
        text: String,
    },
    /// A gatekeeper was started for this attempt.
    Began {
        attempt: u32,
        gatekeeper: u32,
    },
    StartFailed {
        attempt: u32,
        text: String,
    },
    Started {
        attempt: u32,
        pid: u32,
        gatekeeper: u32,
    },
    Said {
        attempt: u32,
        said: Said,
    },
    /// What a tool of the agent asks, or says of its work.
    Tool {
        attempt: u32,
        tool: question::Tool,
    },
    Silent {
        attempt: u32,
        quiet_ms: u64,
        tool: bool,
    },
    Heard {
        attempt: u32,
    },
    /// Something took longer than it may: a turn, or the agent's first word; `text` tells what was seen of it.
    Overdue {
        attempt: u32,
        what: Overdue,
        text: String,
    },
    /// A window shows the agent's screen.
    Shown {
        attempt: u32,
        session: String,
        pane: String,
    },
    Exited {
        attempt: u32,
        exit: Exit,
    },
    /// Its gatekeeper is gone and there is no word of an end.
    Gone {
        attempt: u32,
        host_restarted: bool,
    },
    /// A probe looked for what is left of the run; none: nothing; some: why it cannot tell.
    Swept {
        attempt: u32,
        unknown: Option<String>,
    },
    Undone {
        text: Option<String>,
    },
    OpDone {
        op: OpId,
        result: OpResult,
    },
    /// A snapshot that nobody waits for was taken, or stands already in another, or could not be taken.
    Snapped {
        id: SnapshotId,
        taken: Result<Option<Box<Snapshot>>, String>,
    },
    /// The files of a forced close are in their snapshot, or could not be.
    Settled {
        id: SnapshotId,
        taken: Result<Box<Snapshot>, String>,
    },
    /// What a snapshot's trash held is gone.
    Purged {
        snapshot: SnapshotId,
    },
    LogsDropped,
    /// Its issue is to be given back.
    LeaveIssue,
    /// It is given back; or why not.
    IssueLeft {
        failed: Option<String>,
    },
    /// It wants to write a comment below its issue; the same one again has the same `key`.
    Comment {
        key: String,
    },
    GitSeen(GitFacts),
    /// One of its own processes asked the daemon for what no run may have, and was refused.
    Overstepped {
        what: String,
    },
    /// Something else uses what it got; nothing was begun with it.
    InUse {
        attempt: u32,
        leases: Vec<Lease>,
    },
    /// An effect is done that has no report of its own.
    Done,
    Tick,
}

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overdue {
    /// The turn under way.
    Turn,
    /// The agent's answer to the first word of its protocol.
    Ready,
}

/// Whose fault a failure was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    User,
    Agent,
    Environment,
    Bug,
}

/// A fact about a run, as the ledger keeps it. A new variant or field is a format change: `docs/format.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Created {
        brief: Box<Brief>,
    },
    /// It got what it needs.
    Leased {
        leases: Vec<Lease>,
    },
    /// Something else uses so much of it.
    LeasesInUse {
        leases: Vec<Lease>,
    },
    Admitted {},
    Prepared {
        env: Env,
    },
    /// Its place stands, and it waits for its wave.
    Readied {},
    /// Its wave begins.
    Released {},
    Began {
        gatekeeper: u32,
    },
    Started {
        pid: u32,
        gatekeeper: u32,
    },
    SessionNamed {
        session: String,
    },
    /// The agent would not go on with its conversation.
    ResumeRefused {
        text: String,
    },
    /// A tool was seen in an attempt that goes on with a conversation.
    Worked {},
    /// The attempt under way is to end with its turn, and the next to speak otherwise.
    TurnsTo {
        speech: Speech,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// A follow-up that could not start: the run is what it was before it.
    AsBefore {
        text: String,
    },
    TurnEnded {
        result: TurnResult,
        text: String,
    },
    Used {
        usage: Usage,
        #[serde(default, skip_serializing_if = "Carried::is_nothing")]
        carried: Carried,
    },
    /// The agent named the model that answers.
    ModelTold {
        model: String,
    },
    /// A person gave it more to use.
    BudgetRaised {
        by: Budget,
    },
    Erred {
        class: ErrorClass,
        text: String,
    },
    Waits {
        on: WaitingFor,
        text: String,
    },
    /// Something is there for the agent; it is delivered when the run has a slot. Written before messages had receipts.
    Given {
        id: String,
        text: String,
    },
    /// A message is there for the agent.
    Sent {
        id: String,
        text: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        steer: bool,
    },
    /// A message has come so far.
    Receipt {
        id: String,
        receipt: Receipt,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
    /// The agent wants leave to do something, and waits.
    LeaveAsked {
        ask: Box<Ask>,
    },
    LeaveRuled {
        id: AskId,
        ruling: Ruling,
    },
    /// The agent asks no longer.
    LeaveWithdrawn {
        id: AskId,
    },
    /// The agent asks a person, and waits.
    QuestionAsked {
        question: Box<Question>,
    },
    /// A person is asked, in place of whom the agent asked.
    QuestionEscalated {
        id: QuestionId,
        /// What the foreman would say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proposal: Option<String>,
    },
    /// The foreman thought again, by a person's words.
    QuestionProposed {
        id: QuestionId,
        text: String,
    },
    /// The call that asks went back without an answer; the agent goes on.
    QuestionLeft {
        id: QuestionId,
    },
    QuestionAnswered {
        id: QuestionId,
        answer: question::Answer,
    },
    /// The attempt is over, and nobody has answered.
    QuestionWithdrawn {
        id: QuestionId,
    },
    /// What the agent says of its work.
    Claimed {
        claim: Box<question::Claim>,
    },
    /// A person vouches for the words from outside that it works by.
    Lifted {},
    /// The rules of today are to hold for the attempt under way.
    RulesAsked {},
    /// Its keeper judges by those of the `nth` wish, or does not, and why.
    RulesSet {
        nth: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// At work again.
    Goes {},
    /// A window shows the agent's screen.
    Shown {
        session: String,
        pane: String,
    },
    Stalled {
        quiet_ms: u64,
        tool: bool,
    },
    /// The agent tries a model call again by itself.
    Retrying {
        attempt: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<u32>,
        text: String,
    },
    /// What was tried again went through, or was given up.
    RetryOver {},
    /// The agent told of a usage limit, and of its reset where it knows.
    LimitMet {
        text: String,
        reset: Option<Timestamp>,
    },
    /// The limit ended the attempt; the next begins by itself `until` then, which the provider told (`known`) or not.
    Limited {
        until: Timestamp,
        known: bool,
        exit: Option<Exit>,
        text: String,
    },
    /// It goes on by another account of its agent, because the one before is at its limit.
    Rotated {
        account: String,
    },
    /// The limit ended the attempt; the next is another agent's.
    FellBack {
        agent: String,
        speaks: bool,
        /// Until when nothing new is asked of the first.
        until: Timestamp,
        known: bool,
        exit: Option<Exit>,
        text: String,
    },
    StopAsked {
        force: bool,
        because: Because,
    },
    /// The gatekeeper is gone; what it held may live on.
    Lost {
        because: Because,
    },
    SweptUnknown {
        text: String,
    },
    Ended {
        outcome: Outcome,
        reason: Option<Reason>,
        exit: Option<Exit>,
        text: String,
    },
    /// Back to the queue: after a fault of the environment, a death by our or the host's hand, or a wish.
    Requeued {
        attempt: u32,
        not_before: Option<Timestamp>,
        why: Requeue,
        text: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        goes_on: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// How skep speaks from here on, where that changes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        speech: Option<Speech>,
    },
    /// Nothing ever ran in the env that is held; it is being taken back.
    Undoing {},
    Undone {
        text: Option<String>,
    },
    /// The attempt is to end, and the env is to be given back then.
    CloseAsked {
        op: OpId,
        how: How,
    },
    Closing {
        op: OpId,
        #[serde(alias = "keep_branch", deserialize_with = "closing::how")]
        how: How,
        #[serde(default)]
        snapshot: Option<SnapshotId>,
    },
    Landing {
        op: OpId,
        #[serde(default, skip_serializing_if = "landing::Wish::is_plain")]
        wish: landing::Wish,
    },
    /// A landing stands elsewhere now, and why.
    LandingMoved {
        to: landing::Stage,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
        /// With how many it may go at most from here on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch: Option<u32>,
    },
    /// Its author is to settle a conflict with what has landed before it.
    ConflictGiven {
        words: String,
    },
    /// A gate has looked at the tree that would land.
    GateEnded {
        gate: RunId,
        passed: bool,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
    /// What skep has seen of the tree that lands, or would.
    Attested {
        attestation: Box<Attestation>,
    },
    /// Its branch is being pushed, and a change made of it.
    Proposing {
        op: OpId,
        asked: Box<Proposing>,
    },
    /// Its forge is being asked about its change.
    Looking {},
    /// What that told, where it is news; or why it told nothing.
    Followed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<Box<Sight>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<NoSight>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
    },
    /// Its author goes on with what was said to its change: failed checks of `head`, and what members wrote.
    RoundBegun {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        head: Option<String>,
    },
    /// Nothing more goes to its author by itself, and why.
    RoundOver {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stuck: Option<String>,
    },
    /// A snapshot is begun; its id is spent.
    Snapping {
        id: SnapshotId,
        why: Why,
    },
    Snapped {
        snapshot: Box<Snapshot>,
    },
    SnapFailed {
        id: SnapshotId,
        text: String,
    },
    Settled {
        snapshot: Box<Snapshot>,
    },
    Forgetting {
        op: OpId,
        snapshots: Vec<SnapshotId>,
    },
    /// A snapshot is being brought back; what stands is kept in `before` first.
    Restoring {
        op: OpId,
        snapshot: SnapshotId,
        before: SnapshotId,
        undoes: Option<OpId>,
    },
    /// A landing is being taken back.
    Reverting {
        op: OpId,
        of: OpId,
    },
    Purged {
        snapshot: SnapshotId,
    },
    LogsDropped {},
    /// Its issue is being given back.
    IssueLeaving {},
    /// It is given back; or why not, and when that is tried again.
    IssueLeft {
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Timestamp>,
    },
    /// Its old name is another's meanwhile.
    Renamed {
        name: String,
    },
    /// The turn under way is the last before a pause.
    PauseAsked {},
    OpDone {
        op: OpId,
        result: OpResult,
    },
    /// It may write this comment below its issue, now or once more.
    IssueCommented {
        key: String,
    },
    Overstepped {
        what: String,
    },
    GitSeen {
        facts: GitFacts,
    },
    /// An effect is done that changed nothing else.
    Done {},
}

/// Why a run went back to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requeue {
    Fault,
    Death,
    Wish,
    /// The agent refused its conversation before any tool ran: once more, with a fresh one.
    Refused,
    /// Its agent takes one prompt at a time, and something waits for it.
    Message,
    /// The reset of a usage limit has come.
    Limit,
    /// Something else uses what it got of a resource.
    Resource,
}

/// Work for the daemon. It may be done twice (after a crash), so doing it twice is harmless: `docs/design/effects.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    Prepare {
        run: RunId,
        attempt: u32,
    },
    /// Cancels the preparation under way, if it still is.
    CancelPrepare {
        run: RunId,
        attempt: u32,
    },
    /// Takes back what a preparation recorded, if there is no work in it.
    Undo {
        run: RunId,
        attempt: u32,
    },
    Start {
        run: RunId,
        attempt: u32,
    },
    Stop {
        run: RunId,
        attempt: u32,
        force: bool,
    },
    /// Asks the agent to give up the turn that it is silent in.
    CancelTurn {
        run: RunId,
        attempt: u32,
    },
    Deliver {
        run: RunId,
        attempt: u32,
        id: String,
        text: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        steer: bool,
    },
    /// Tells the agent what a person said to its request.
    Leave {
        run: RunId,
        attempt: u32,
        id: AskId,
        asked_as: String,
        ruling: Ruling,
    },
    /// Has the keeper judge by the rules as they stand in their files.
    Rules {
        run: RunId,
        attempt: u32,
        nth: u32,
    },
    /// Ends what is left of a run whose guards are gone, and says whether anything lives.
    Sweep {
        run: RunId,
        attempt: u32,
    },
    Close {
        run: RunId,
        op: OpId,
        #[serde(alias = "keep_branch", deserialize_with = "closing::how")]
        how: How,
        #[serde(default)]
        snapshot: Option<SnapshotId>,
    },
    /// Takes the snapshot of what a forced close moved to the trash.
    Settle {
        run: RunId,
        snapshot: SnapshotId,
    },
    /// Makes the tree that would land.
    #[serde(alias = "land")]
    Combine {
        run: RunId,
        op: OpId,
    },
    /// Finds out which gates look at it, and has them begun.
    Check {
        run: RunId,
        op: OpId,
    },
    /// Moves the target to the tree that the gates have passed.
    Bring {
        run: RunId,
        op: OpId,
    },
    /// Pushes its branch, and makes a change of it or brings that up to date.
    Propose {
        run: RunId,
        op: OpId,
    },
    /// Asks its forge about its change.
    Follow {
        run: RunId,
    },
    /// Takes a snapshot of the env; `op` where somebody waits for it.
    Snapshot {
        run: RunId,
        id: SnapshotId,
        why: Why,
        op: Option<OpId>,
    },
    Forget {
        run: RunId,
        op: OpId,
        snapshots: Vec<SnapshotId>,
    },
    Restore {
        run: RunId,
        op: OpId,
        snapshot: SnapshotId,
        before: SnapshotId,
    },
    Revert {
        run: RunId,
        op: OpId,
        of: OpId,
    },
    Purge {
        run: RunId,
        snapshot: SnapshotId,
    },
    DropLogs {
        run: RunId,
    },
    /// Gives its issue back where others look who might begin at it.
    LeaveIssue {
        run: RunId,
    },
    /// Opens a window on the agent's screen, where there is none.
    Show {
        run: RunId,
        attempt: u32,
    },
}

impl Effect {
    /// The run that it belongs to.
    pub fn run(&self) -> &RunId {
        match self {
            Effect::Prepare { run, .. }
            | Effect::CancelPrepare { run, .. }
            | Effect::Undo { run, .. }
            | Effect::Start { run, .. }
            | Effect::Stop { run, .. }
            | Effect::CancelTurn { run, .. }
            | Effect::Deliver { run, .. }
            | Effect::Leave { run, .. }
            | Effect::Rules { run, .. }
            | Effect::Sweep { run, .. }
            | Effect::Close { run, .. }
            | Effect::Settle { run, .. }
            | Effect::Combine { run, .. }
            | Effect::Check { run, .. }
            | Effect::Bring { run, .. }
            | Effect::Propose { run, .. }
            | Effect::Follow { run }
            | Effect::Snapshot { run, .. }
            | Effect::Forget { run, .. }
            | Effect::Restore { run, .. }
            | Effect::Revert { run, .. }
            | Effect::Purge { run, .. }
            | Effect::DropLogs { run }
            | Effect::LeaveIssue { run }
            | Effect::Show { run, .. } => run,
        }
    }

    /// Its kind, in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Effect::Prepare { .. } => "prepare",
            Effect::CancelPrepare { .. } => "cancel_prepare",
            Effect::Undo { .. } => "undo",
            Effect::Start { .. } => "start",
            Effect::Stop { .. } => "stop",
            Effect::CancelTurn { .. } => "cancel_turn",
            Effect::Deliver { .. } => "deliver",
            Effect::Leave { .. } => "leave",
            Effect::Rules { .. } => "rules",
            Effect::Sweep { .. } => "sweep",
            Effect::Close { .. } => "close",
            Effect::Settle { .. } => "settle",
            Effect::Combine { .. } => "combine",
            Effect::Check { .. } => "check",
            Effect::Bring { .. } => "bring",
            Effect::Propose { .. } => "propose",
            Effect::Follow { .. } => "follow",
            Effect::Snapshot { .. } => "snapshot",
            Effect::Forget { .. } => "forget",
            Effect::Restore { .. } => "restore",
            Effect::Revert { .. } => "revert",
            Effect::Purge { .. } => "purge",
            Effect::DropLogs { .. } => "drop_logs",
            Effect::LeaveIssue { .. } => "leave_issue",
            Effect::Show { .. } => "show",
        }
    }
}

/// What one input leads to. The facts are durable before the first effect begins.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
}

/// An input that makes no sense in this state: answered to a person, counted when it is a report; never an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Rejected {
    pub slug: &'static str,
    pub text: String,
    pub hints: Vec<String>,
}

/// An event of the ledger that does not fit the state it is applied to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} does not fit a run that is {state}")]
pub struct Misfit {
    pub event: String,
    pub state: &'static str,
}

/// The longest text that an event keeps of an agent's words. Characters.
const WORDS: usize = 2_000;

/// How long a run may go without its gatekeeper's first report.
pub const START_DEADLINE: Duration = Duration::from_secs(30);
/// How long a stalled run may stay silent after its turn was cancelled.
pub const STALL_DEADLINE: Duration = Duration::from_secs(60);
/// How many results of wishes are remembered.
pub const REMEMBERED: usize = 16;
/// How long a stop may take, beyond the grace, before it is repeated by force.
pub const STOP_DEADLINE: Duration = Duration::from_secs(10);

impl Run {
    /// Begins a run; it waits for a slot.
    pub fn new(brief: Brief, order: u64, at: Timestamp) -> Run {
        Run {
            held: brief.part.as_ref().is_some_and(|part| part.held),
            speech: Speech { surface: brief.surface, speaks: brief.speaks, hears: brief.hears },
            conversation: Conversation::default(),
            spent: Spent::of(brief.budget),
            brief,
            order,
            created: at,
            state: State::Queued { not_before: None },
            since: at,
            env: EnvState::None,
            undoing: false,
            closed: false,
            attempt: 1,
            faults: 0,
            deaths: Vec::new(),
            begun: None,
            comments: Vec::new(),
            oversteps: Vec::new(),
            unseen: None,
            given: Vec::new(),
            messages: Vec::new(),
            asks: Vec::new(),
            asked: 0,
            questions: Vec::new(),
            questioned: 0,
            claims: Vec::new(),
            session: None,
            verdict: Verdict::default(),
            last: None,
            git: None,
            ops: Vec::new(),
            landed: None,
            landing: None,
            unlanded: None,
            attestation: None,
            change: None,
            proposing: None,
            unknown: None,
            window: None,
            snapshots: BTreeMap::new(),
            snaps: 0,
            settling: None,
            undoable: Vec::new(),
            then_close: None,
            pausing: false,
            goes_on: false,
            message: None,
            kept: None,
            logs_dropped: false,
            retrying: None,
            met: None,
            shut: BTreeMap::new(),
            moved: false,
            limits: 0,
            insisted: false,
            lifted: None,
            rules: Rules::default(),
            leases: Leases::default(),
            hold: Hold::default(),
        }
    }

    /// The id.
    pub fn id(&self) -> &RunId {
        &self.brief.id
    }

    /// The env, while it stands or stood.
    pub fn env(&self) -> Option<&Env> {
        match &self.env {
            EnvState::None | EnvState::Preparing => None,
            EnvState::Held(env)
            | EnvState::Within(env)
            | EnvState::Closing { env, .. }
            | EnvState::Closed(env)
            | EnvState::Restoring { env, .. } => Some(env),
        }
    }

    /// How the last wish about its work went.
    pub fn last_op(&self) -> Option<&(OpId, OpResult)> {
        self.ops.last()
    }

    /// How the wish `op` went, while it is remembered.
    pub fn result_of(&self, op: &OpId) -> Option<&OpResult> {
        self.ops.iter().rev().find(|(done, _)| done == op).map(|(_, result)| result)
    }

    /// Whether its env stands, or is on its way out or back in.
    pub fn holds_env(&self) -> bool {
        match self.env {
            EnvState::Held(_) | EnvState::Closing { .. } | EnvState::Restoring { .. } => true,
            EnvState::None | EnvState::Preparing | EnvState::Within(_) | EnvState::Closed(_) => {
                false
            }
        }
    }

    /// Whether its place stands, and only its wave is waited for.
    pub fn waits_for_wave(&self) -> bool {
        self.held
            && matches!(self.state, State::Queued { .. })
            && matches!(self.env, EnvState::Held(_))
    }

    /// Whether snapshots can be taken of its files.
    pub fn is_kept(&self) -> bool {
        let place = &self.brief.place;
        place.repository.is_some() && place.env_type != EnvType::Directory
    }

    /// The id of the snapshot that is begun next.
    pub fn next_snapshot(&self) -> SnapshotId {
        snapshot::nth(self.id(), self.snaps)
    }

    /// Whether it takes one of the slots.
    pub fn holds_slot(&self) -> bool {
        match self.state {
            State::Queued { .. }
            | State::Waiting { .. }
            | State::Limited { .. }
            | State::Ended { .. } => false,
            State::Preparing { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Stalled { .. }
            | State::Stopping { .. } => true,
        }
    }

    /// Whether a process of it may live.
    pub fn is_living(&self) -> bool {
        self.holds_slot() || matches!(self.state, State::Waiting { .. })
    }

    /// How its last attempt ended; none while it is in line or something of it lives.
    pub fn outcome(&self) -> Option<Outcome> {
        if let State::Ended { outcome, .. } = &self.state { Some(*outcome) } else { None }
    }

    /// Whether a process of its attempt may live: one was begun, and nobody has seen the last of it go.
    pub fn may_live(&self) -> bool {
        match self.state {
            State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. }
            | State::Stopping { gone: false, .. } => true,
            State::Stopping { gone: true, .. }
            | State::Queued { .. }
            | State::Preparing { .. }
            | State::Limited { .. }
            | State::Ended { .. } => false,
        }
    }

    /// Whether the attempt is over.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// The agent's process, while one is known to live.
    pub fn pid(&self) -> Option<u32> {
        match self.state {
            State::Running { pid, .. }
            | State::Waiting { pid, .. }
            | State::Stalled { pid, .. } => Some(pid),
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Limited { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => None,
        }
    }

    /// The gatekeeper's process, while one is known to live.
    pub fn gatekeeper(&self) -> Option<u32> {
        match self.state {
            State::Starting { gatekeeper }
            | State::Running { gatekeeper, .. }
            | State::Waiting { gatekeeper, .. }
            | State::Stalled { gatekeeper, .. }
            | State::Stopping { gatekeeper, .. } => gatekeeper,
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Limited { .. }
            | State::Ended { .. } => None,
        }
    }

    /// The state's name, as views spell it.
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Queued { .. } if self.rests_for_answer() => "waiting",
            State::Queued { .. } => "queued",
            State::Preparing { .. } => "preparing",
            State::Starting { .. } => "starting",
            State::Running { .. } => "running",
            State::Waiting { .. } | State::Limited { .. } => "waiting",
            State::Stalled { .. } => "stalled",
            State::Stopping { .. } => "stopping",
            State::Ended { .. } => "ended",
        }
    }

    /// When the clock means something to this run next.
    ///
    /// A preparation and a start that was only asked for are owned by their effects, which always report.
    pub fn next_wake(&self) -> Option<Timestamp> {
        match self.state {
            State::Queued { not_before } => not_before.filter(|_| !self.rests_for_answer()),
            State::Limited { until, .. } => Some(until),
            State::Starting { gatekeeper: Some(_) } => Some(self.since.plus(START_DEADLINE)),
            State::Stalled { .. } => {
                let stall = self.since.plus(STALL_DEADLINE);
                Some(self.wall_ends().map_or(stall, |ends| ends.min(stall)))
            }
            State::Running { .. } => self.wall_ends(),
            State::Waiting { .. } => self.turns_at(),
            State::Stopping { .. } => Some(
                self.since.plus(STOP_DEADLINE + Duration::from_millis(self.brief.policy.grace_ms)),
            ),
            State::Preparing { .. } | State::Starting { gatekeeper: None } => None,
            State::Ended { .. } => self.looks_at().into_iter().chain(self.leaves_at()).min(),
        }
    }

    /// How long the next try waits: `first * factor^faults`, give or take the jitter, which comes from the id.
    pub fn back_off(&self, faults: u32) -> Duration {
        let policy = &self.brief.policy;
        let base =
            policy.first_ms.saturating_mul(u64::from(policy.factor).saturating_pow(faults.min(12)));
        let base = base.min(60 * 60_000);
        let seed = self.id().as_str().bytes().fold(u64::from(faults), |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        let span = (base as f64 * policy.jitter.clamp(0.0, 1.0)) as u64;
        Duration::from_millis((base - span) + if span == 0 { 0 } else { seed % (2 * span) })
    }

    /// A number of its own: what chance would be elsewhere.
    fn seed(&self) -> u64 {
        let bytes = self.id().as_str().bytes();
        bytes.fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
    }
}
