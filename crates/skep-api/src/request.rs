//! What can be asked of the daemon.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skep_core::run::{How, Surface};

mod adopt;
mod change;
mod dispatch;
mod issue;
mod plan;
mod registry;
mod review;

pub use adopt::AdoptAsk;
pub use change::ProposeAsk;
pub use dispatch::{DispatchAsk, FreeAsk};
pub use issue::{IssueDeed, Status};
pub use plan::{ImplementAsk, PlanAsk};
pub use registry::SpawnAsk;
pub use review::{CommentAsk, PartAsk};

/// One request: a line of JSON on the daemon's socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the asker; a repeat with the same id gets the first one's answer and does nothing.
    pub id: String,
    #[serde(flatten)]
    pub ask: Ask,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    Health {},
    /// Begins runs, one per title. Answer: a list of `RunView`.
    Run(Box<RunAsk>),
    /// Answer: a list of `RunView`.
    Ls {
        all: bool,
        project: Option<String>,
    },
    /// How many runs `Ls` leaves out without `all`. Answer: a number.
    Hidden {
        project: Option<String>,
    },
    /// These runs as the list has them, in this order: no git is asked. Answer: a list of `RunView`.
    Named {
        runs: Vec<String>,
    },
    /// Answer: a `RunView`, its git facts fresh.
    Show {
        run: String,
    },
    /// Answer: a list of `WhyView`.
    Why {
        run: String,
    },
    /// What a run changed: all of it, or the file or folder `path` of its worktree. Answer: a `DiffView`.
    Diff {
        run: String,
        path: Option<String>,
    },
    /// Answer: the list of stopped runs' `RunView`, as they are once the stop is decided.
    Stop {
        runs: Vec<String>,
        all: bool,
        now: bool,
        /// Whether all that came of them is meant as well.
        #[serde(default)]
        line: bool,
    },
    /// Answer: the list of `RunView` once they are as awaited.
    Wait {
        runs: Vec<String>,
        until: String,
        any: bool,
        timeout_ms: Option<u64>,
    },
    /// Answer: a list of `CloseView`. With `merged` only what has landed, and without names all of it.
    Close {
        runs: Vec<String>,
        how: How,
        merged: bool,
        dry_run: bool,
    },
    /// Gives runs up: each is stopped, and its env given back with all of it kept. Answer: a list of `CloseView`.
    Abandon {
        runs: Vec<String>,
    },
    /// Answer: a `RunView`.
    Pause {
        run: String,
        now: bool,
    },
    /// The next attempt, with the conversation that was, or afresh. Answer: a `RunView`.
    Again {
        run: String,
        goes_on: bool,
        text: Option<String>,
        /// Another surface than that of the attempt before; of a run that lives, at the end of its turn.
        #[serde(default)]
        surface: Option<Surface>,
        /// The asker's environment: what it has of the run's secrets is handed over anew.
        #[serde(default)]
        env: BTreeMap<String, String>,
    },
    /// Gives a run more to use: `5usd`, `30m`. Answer: a `RunView`.
    Raise {
        run: String,
        by: String,
    },
    /// What runs have used: all, or these, from a day on (`7d`, `2026-11-21`). Answer: a list of `CostView`.
    Cost {
        runs: Vec<String>,
        since: Option<String>,
    },
    /// Looks afresh at the worktrees of these projects and runs, or of all, and says which collide. Answer: a `ConflictsView`.
    Conflicts {
        of: Vec<String>,
    },
    /// Gives an agent a text as its next message. Answer: a `SendView`, when it has come as far as `wait` says.
    Send {
        run: String,
        text: String,
        /// Whether the turn under way is broken off for it.
        #[serde(default)]
        steer: bool,
        /// The sender's own name of it; with the same it is sent once.
        #[serde(default)]
        key: Option<String>,
        /// `queued delivered accepted turn-started`; none: what is known at once.
        #[serde(default)]
        wait: Option<String>,
        #[serde(default)]
        timeout_ms: Option<u64>,
    },
    /// A person's word on a request for leave: `of` is its id, or that of a run with one request. Answer: a `RunView`.
    /// Or on a plan that waits: `of` is its id, its task's or that of the run which made it. Answer: a `PlanView`.
    /// Or on a part that waits, where `of` means only one: as `RulePart`. Or on what the foreman proposes to the question
    /// `of`. Answer: a `QuestionView`.
    Rule {
        of: String,
        allow: bool,
        text: Option<String>,
        /// Of a plan: what comes before this wave, from 1, is done already.
        #[serde(default)]
        from_wave: Option<u32>,
    },
    /// A person's word on a part that no review settled: it is taken as it is, or goes back with a text, or is given up
    /// without one. Answer: a `TaskView`.
    RulePart {
        on: PartAsk,
        allow: bool,
        text: Option<String>,
    },
    /// Has a part reviewed once more, or keeps what a person says of its work. Answer: a `ReviewedView`.
    Review {
        on: PartAsk,
        comments: Vec<CommentAsk>,
    },
    /// A part with its reviews. Answer: a `ReviewedView`.
    ReviewShow {
        on: PartAsk,
    },
    /// Has the foreman think again of what it proposed. Answer: a `QuestionView`, when the new proposal is there, or at once.
    Refine {
        question: String,
        text: String,
        detach: bool,
        #[serde(default)]
        timeout_ms: Option<u64>,
    },
    /// The foreman of a task, or of each task that has one. Answer: a list of `ForemanView`.
    Foreman {
        of: Option<String>,
    },
    /// Questions of agents that are open, or all; of a run, or one by its id. Answer: a list of `QuestionView`.
    Questions {
        of: Option<String>,
        all: bool,
    },
    /// A person's answer to a question; without a text the agent is to decide. Answer: a `QuestionView`.
    Answer {
        question: String,
        text: Option<String>,
    },
    /// All that needs a person. Answer: a list of `InboxView`.
    Inbox {},
    /// What people were told, the newest first. Answer: a list of `NoticeView`.
    Notices {},
    /// Sends a test to one channel, or to each. Answer: a list of `SentView`.
    NotifyTest {
        channel: Option<String>,
    },
    /// A person vouches for words from outside: those that a run works by, with `task` those of its task too, or those of
    /// the task `of`. Answer: a `LiftView`.
    Lift {
        of: String,
        task: bool,
    },
    /// Has runs judged by the rules as their files say now: these, or all that are at work. Answer: a list of `RulesView`.
    RulesApply {
        runs: Vec<String>,
    },
    /// The rules that hold for a project, the repository's own among them. Answer: a `Policy` of the core.
    RulesShow {
        project: String,
        /// The asker's environment, as in `RunAsk`.
        env: BTreeMap<String, String>,
    },
    /// Answer: a `SnapshotView`.
    SnapshotTake {
        run: String,
    },
    /// Answer: a list of `SnapshotView`, the newest first.
    SnapshotLs {
        run: Option<String>,
    },
    /// Answer: a `SnapshotView`.
    SnapshotShow {
        snapshot: String,
    },
    /// Answer: the list of what is gone.
    SnapshotRm {
        snapshots: Vec<String>,
    },
    /// Answer: a `RestoreView`.
    Restore {
        snapshot: String,
        /// A folder that is not there yet, absolute; none: the run's own env.
        to: Option<String>,
    },
    /// Takes a wish back: the last one that can be, or the one that is named. Answer: an `UndoView`.
    Undo {
        op: Option<String>,
        dry_run: bool,
    },
    /// Lets go what has had its time. Answer: a list of `CleanView`.
    Clean {
        dry_run: bool,
    },
    /// Requests to close a run that lie in the home. Answer: a list of `CleanupView`.
    CleanupLs {},
    /// Works them off now: all, or the one with this name. Answer: a list of `CleanupView`.
    CleanupRun {
        name: Option<String>,
        force: bool,
    },
    /// Answer: a `RunView`; what landed is in `landed`, what was seen of it in `attestation`.
    Land(LandAsk),
    /// Pushes a run's branch, and makes a change of it or brings that up to date. Answer: a `RunView`; what came of it is
    /// in `op`. With `dry_run` an `OpResult`.
    Propose(Box<ProposeAsk>),
    /// Answer: `EventView`s, one a line; with `follow` without end.
    Events {
        from: u64,
        follow: bool,
    },
    /// Looks at worktrees that others made, or takes them over. Answer: a list of `AdoptView`.
    Adopt(Box<AdoptAsk>),
    ProjectAdd {
        path: String,
        name: Option<String>,
        base: Option<String>,
    },
    /// Which project a folder belongs to, or would. Answer: a `SeenView`.
    ProjectSee {
        path: String,
    },
    /// Answer: a `ScriptsView`.
    ProjectScripts {
        name: String,
        /// The asker's environment, as in `RunAsk`.
        env: BTreeMap<String, String>,
    },
    /// Lets exactly this script run in the project's envs. Answer: a `ProjectView`.
    ProjectApprove {
        name: String,
        /// As it was shown; what is no text was shown in part.
        text: String,
        /// None: that of the text.
        digest: Option<String>,
        /// Whether it is the project's gates, and not what runs around its envs.
        #[serde(default)]
        gates: bool,
    },
    ProjectLs {},
    ProjectShow {
        name: String,
    },
    ProjectRm {
        name: String,
        dry_run: bool,
    },
    TaskAdd(Box<TaskAsk>),
    TaskLs {},
    TaskShow {
        task: String,
    },
    /// Changes what a task says. Answer: a `TaskView`.
    TaskEdit(Box<TaskEdit>),
    /// Puts a task that is over out of sight, or back where it was. Answer: a `TaskView`.
    TaskArchive {
        task: String,
        back: bool,
    },
    /// Removes a task; with `force` its runs are stopped, and their envs given back with all of it kept. Answer: a `TaskGone`.
    TaskRm {
        task: String,
        force: bool,
    },
    /// Has a task planned. Answer: a `TaskView`.
    Plan(Box<PlanAsk>),
    /// A plan: `of` is its id, a task's, or that of a run which made it or works on it. Answer: a `PlanView`.
    PlanShow {
        of: String,
        version: Option<u32>,
    },
    /// A person's own text of a plan that waits. Answer: a `PlanView`.
    PlanEdit {
        of: String,
        text: String,
    },
    /// Has an approved plan carried out, or what is left of it. Answer: a `TaskView`.
    Implement(Box<ImplementAsk>),
    /// Has what is done handed over once more. Answer: a `TaskView`.
    Finalize {
        of: String,
    },
    /// Tells what goes on for a task until nobody is at work for it. Answer: a `TaskView`.
    Follow {
        of: String,
    },
    /// A run has another one work for it. Answer: a `SpawnView`.
    Spawn(Box<SpawnAsk>),
    /// What a run does at the issue that it was put at. Answer: an `OwnIssueView`.
    Issue {
        deed: IssueDeed,
    },
    /// Who else holds what the run that asks claims just now. Answer: a list of `MetView`.
    Claimed {
        paths: Vec<String>,
    },
    /// Who is at work: at an issue, for another run, or under claims. Answer: a list of `AtWorkView`.
    AtWork {},
    /// Who claims, or is seen to change, what lies at, in or above a path. Answer: a `CheckView`.
    Check {
        path: String,
        /// The asker's folder, absolute.
        cwd: String,
    },
    /// The run that is at an issue, or was last; or a run. Answer: a `RunView`.
    AtIssue {
        of: String,
    },
    /// Puts an agent at an issue. Answer: as to `Run`, a list of `RunView`; with `dry_run` what would be.
    Dispatch(Box<DispatchAsk>),
    /// Where a change of a project stands now, as its forge says. Answer: its number and state.
    ChangeOf {
        project: String,
        number: u64,
    },
    /// Gives back the envs of dispatches that are merged. Answer: a list of `CloseView`, those that stay among them.
    Reap {
        dry_run: bool,
    },
    /// Frees an issue that another home holds, by a person's word. Answer: a `FreedView`.
    FreeIssue(Box<FreeAsk>),
    /// Ends the daemon; runs go on. Answer: its `Health`.
    Shutdown {},
}

/// What a run is asked to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunAsk {
    /// One run per title; a title that is a task's id takes up that task.
    pub titles: Vec<String>,
    pub project: Option<String>,
    /// The asker's folder, absolute.
    pub cwd: String,
    pub agent: Option<String>,
    pub model: Option<String>,
    /// One of the agent's accounts, by its name in the settings.
    pub account: Option<String>,
    /// More arguments for the agent's program; empty: as set.
    pub args: Vec<String>,
    /// More names of variables to pass on.
    pub pass: Vec<String>,
    pub surface: Option<String>,
    /// How readily the agent involves a person; none: as its surface has it.
    pub posture: Option<String>,
    pub permissions: Option<String>,
    pub base: Option<String>,
    pub branch: Option<String>,
    pub env_type: Option<String>,
    /// The run in whose env it is to work; none: in one of its own.
    pub within: Option<String>,
    pub name: Option<String>,
    /// Takes the place of a run that holds the task or the name: that one is stopped first.
    pub force: bool,
    /// Instead of the title alone: the prompt's whole text.
    pub prompt: Option<String>,
    pub count: Option<u32>,
    /// What each may use: `5usd,30m`.
    pub budget: Option<String>,
    /// Approves the project's own scripts as they are.
    pub yes: bool,
    pub dry_run: bool,
    /// Answer at once, without waiting for the health window.
    pub detach: bool,
    /// Whether somebody else wrote the words.
    pub outside: bool,
    /// Paths that it is going to change, as seen from `cwd`.
    pub claims: Vec<String>,
    /// Begins although others claim the same.
    pub overlap: bool,
    /// The asker's environment: the base names, and what profile and project may list.
    pub env: BTreeMap<String, String>,
}

/// What of a task is to change; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskEdit {
    pub task: String,
    pub title: Option<String>,
    pub body: Option<String>,
    pub priority: Option<i64>,
    /// All that it needs from now on.
    pub needs: Option<Vec<String>>,
}

/// What a task is asked to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskAsk {
    pub title: String,
    pub body: String,
    pub project: Option<String>,
    pub reference: Option<String>,
    pub priority: i64,
    pub needs: Vec<String>,
    pub agent: Option<String>,
    /// Of that agent, as the account is.
    pub model: Option<String>,
    pub account: Option<String>,
    /// Whether somebody else wrote it.
    pub outside: bool,
}

/// Work that is to be brought in, or only to be checked for that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandAsk {
    pub run: String,
    #[serde(default)]
    pub dry_run: bool,
    /// Only the gates are run.
    #[serde(default)]
    pub gates_only: bool,
    /// A person has seen that the project's own settings change.
    #[serde(default)]
    pub settings: bool,
    /// A person approves the gates as they stand on the target.
    #[serde(default)]
    pub yes: bool,
    /// The answer comes at once.
    #[serde(default)]
    pub detach: bool,
    /// The asker's environment: what the token of a forge refers to is taken over from it.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}
