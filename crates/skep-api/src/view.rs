//! Views: what `--json` prints, made from what is held.
//!
//! Owns: the shapes of contract.md section 3. A fact that could not be had is null, never false or zero.
//! Never: asks anything; a view is made from the state alone, so a list starts no process.

use serde::{Deserialize, Serialize};
use skep_core::{
    facts::{Exit, GitFacts},
    fleet::Shut,
    id::OpId,
    keep::Due,
    project::Project,
    run::{
        Adopted, Attestation, EnvState, EnvType, Gate, Kind, Message, OpResult, Permissions,
        Posture, Quota, Retrying, Run, State, Surface, Trust, Undoable, Unlanded, WaitingFor,
        overstep::Overstep,
    },
    said::Usage,
    snapshot::Snapshot,
    text,
    time::Timestamp,
};

mod adopt;
mod ask;
mod change;
mod cost;
mod dispatch;
mod fence;
mod inbox;
mod landing;
mod lease;
mod notice;
mod plan;
mod question;
mod radar;
mod registry;
mod review;
mod rules;
mod task;

pub use adopt::{AdoptView, WhyNotView};
pub use ask::AskView;
pub use change::ChangeView;
pub use cost::CostView;
pub use dispatch::{DispatchView, FreedView, HolderView, OwnIssueView};
pub use inbox::InboxView;
pub use landing::{GateView, LandingView};
pub use lease::{ExhaustedView, LeaseView};
pub use notice::{FateView, NoticeCounts, NoticeView, SentView};
pub use plan::{PartView, PlanView, WarningView, WaveView};
pub use question::{ClaimsView, QuestionView};
pub use radar::{BeyondView, ClashView, ConflictView, ConflictsView};
pub use registry::{AtWorkView, CameView, CheckView, LineageView, MetView, SpawnView};
pub use review::{CycleView, ForemanView, KnownView, PutView, ReviewView, ReviewedView};
pub use rules::{LiftView, RulesView};
pub use task::{PlanningView, TaskView, WaitsView};

/// A run, as `run` prints it and `ls` and `show` list it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    pub id: String,
    pub name: String,
    pub kind: Kind,
    pub task: Option<String>,
    pub title: String,
    pub project: Option<String>,
    pub by: String,
    pub agent: String,
    pub model: Option<String>,
    pub account: Option<String>,
    /// The names of the secrets that its agent gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    pub surface: Surface,
    /// How readily its agent involves a person.
    #[serde(default)]
    pub posture: Posture,
    pub permissions: Permissions,
    pub state: String,
    pub waiting_for: Option<String>,
    pub outcome: Option<String>,
    pub reason: Option<String>,
    pub since: Timestamp,
    pub attempt: u32,
    pub env_type: EnvType,
    pub env_state: String,
    pub env: Option<String>,
    pub worktree: Option<String>,
    pub cwd: Option<String>,
    pub branch: Option<String>,
    pub target: Option<String>,
    pub base: Option<BaseView>,
    pub git: Option<GitFacts>,
    pub session: SessionView,
    pub pid: Option<u32>,
    pub gatekeeper: Option<u32>,
    pub exit: Option<ExitView>,
    pub last: Option<LastView>,
    pub change: Option<ChangeView>,
    pub questions: u32,
    pub usage: Usage,
    /// Whether the money, or a part of it, comes from the price table.
    #[serde(default)]
    pub estimated: bool,
    /// Whether a part of it has no price that anybody knows.
    #[serde(default)]
    pub unpriced: bool,
    #[serde(default)]
    pub turns: u32,
    /// What it may use.
    #[serde(default)]
    pub budget: Option<String>,
    pub host: String,
    /// What could not be found out, or what was left undone, in words.
    pub notes: Vec<String>,
    pub created: Timestamp,
    pub landed: Option<LandedView>,
    /// What is under way to bring its work in.
    #[serde(default)]
    pub landing: Option<LandingView>,
    /// Why its last landing came to nothing.
    #[serde(default)]
    pub unlanded: Option<Unlanded>,
    /// What skep has seen of the tree that its work is in.
    #[serde(default)]
    pub attestation: Option<Attestation>,
    /// How the last close or land went, with the id of the wish.
    pub op: Option<OpView>,
    /// What its agent wants leave for.
    #[serde(default)]
    pub asks: Vec<AskView>,
    /// What its agent asks people, and the last that is settled.
    #[serde(default)]
    pub asked: Vec<QuestionView>,
    /// What its agent says of its work.
    #[serde(default)]
    pub claims: ClaimsView,
    /// The run in whose env it works.
    #[serde(default)]
    pub within: Option<String>,
    /// What it checks, where it is a gate.
    #[serde(default)]
    pub gate: Option<Gate>,
    /// What was found of the work that it took over.
    #[serde(default)]
    pub adopted: Option<Adopted>,
    /// The last messages for its agent, the oldest first.
    #[serde(default)]
    pub messages: Vec<MessageView>,
    /// The model call that the agent is trying again, in words; null while it tries none.
    #[serde(default)]
    pub retrying: Option<String>,
    /// The usage limit that it waits for, or met last.
    #[serde(default)]
    pub limit: Option<LimitView>,
    /// What its own processes asked for that no run may have; it was refused.
    #[serde(default)]
    pub oversteps: Vec<Overstep>,
    /// What keeps its agent from writing outside of its own place: `on`, `off`, `absent` or `own`.
    #[serde(default)]
    pub fence: String,
    /// What the fence leaves open to its agent beside what every run needs, as the settings say.
    #[serde(default)]
    pub fence_write: Vec<String>,
    /// Whose words it works by.
    #[serde(default)]
    pub trust: Trust,
    /// When a person vouched for words from outside that it works by.
    #[serde(default)]
    pub lifted: Option<Timestamp>,
    /// Why it has no slot, where it is in line for one.
    #[serde(default)]
    pub held: Option<String>,
    /// What it holds of the resources that it needs.
    #[serde(default)]
    pub leases: Vec<LeaseView>,
    /// The runs that its work meets, as of the last look.
    #[serde(default)]
    pub clashes: Vec<ClashView>,
    /// What it changed beyond the paths that it claimed.
    #[serde(default)]
    pub beyond: Option<BeyondView>,
    /// Where it stands among those that came of one run, where it is one of such.
    #[serde(default)]
    pub lineage: Option<LineageView>,
}

/// A usage limit that a run met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitView {
    /// Whose it is.
    pub agent: String,
    /// The account of that agent's; null for its usual login.
    #[serde(default)]
    pub account: Option<String>,
    /// When the agent is asked again.
    pub until: Timestamp,
    /// Whether its provider told that moment; else it is a guess.
    pub known: bool,
    /// The run that met it.
    #[serde(default)]
    pub by: String,
}

impl LimitView {
    /// Makes the view of a login that is at its limit.
    pub fn of(shut: &Shut) -> LimitView {
        LimitView {
            agent: shut.quota.login.clone(),
            account: shut.quota.account.clone(),
            until: shut.until,
            known: shut.known,
            by: shut.by.to_string(),
        }
    }

    /// Says whose it is: `claude`, or `claude (account work)`.
    pub fn whose(&self) -> String {
        Quota { login: self.agent.clone(), account: self.account.clone() }.words()
    }
}

/// How many messages a view of a run shows, and how much of each. Characters.
const MESSAGES: usize = 5;
const SHOWN: usize = 200;

/// The commit that a run started from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseView {
    pub branch: String,
    pub oid: String,
}

/// The agent's own conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    pub agent: Option<String>,
    pub tmux: Option<TmuxView>,
}

/// The pane of tmux that shows the agent's screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmuxView {
    pub session: String,
    pub pane: String,
}

/// How the agent's process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitView {
    pub code: i32,
    pub signal: Option<i32>,
    pub started: Timestamp,
    pub ended: Timestamp,
}

/// Last words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastView {
    pub text: String,
    pub at: Timestamp,
}

/// Where the work landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandedView {
    pub target: String,
    pub oid: String,
}

/// How a close or land went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpView {
    pub id: String,
    pub result: OpResult,
}

impl RunView {
    /// Makes the view of `run`.
    pub fn of(run: &Run) -> RunView {
        let brief = &run.brief;
        let secrets = brief.policy.secrets.iter().map(|secret| secret.name.clone()).collect();
        let env = run.env();
        let (waiting_for, outcome, reason, exit) = state_fields(run);
        let mut notes: Vec<String> = env.map(|env| env.notes.clone()).unwrap_or_default();
        notes.extend(run.unknown.clone());
        let refused = |what| {
            format!("one of its processes asked skep to {what}: refused, it is no run's to ask")
        };
        notes.extend(run.oversteps_in_words().map(refused));
        RunView {
            id: brief.id.to_string(),
            name: brief.name.clone(),
            kind: brief.kind,
            task: brief.task.as_ref().map(ToString::to_string),
            title: brief.title.clone(),
            project: brief.project.clone(),
            by: brief.by.clone(),
            agent: brief.agent.clone(),
            model: brief.model.clone(),
            account: brief.account.clone(),
            secrets,
            surface: run.speech.surface,
            posture: brief.posture,
            permissions: brief.permissions,
            state: run.state_name().to_owned(),
            waiting_for,
            outcome,
            reason,
            since: run.since,
            attempt: run.attempt,
            env_type: brief.place.env_type,
            env_state: env_state(&run.env).to_owned(),
            env: env.map(|env| env.root.clone()),
            worktree: env.map(|env| env.worktree.clone()),
            cwd: env.map(|env| env.cwd.clone()),
            branch: env.and_then(|env| env.branch.clone()),
            target: env.and_then(|env| env.target.clone()).or_else(|| brief.place.target.clone()),
            base: env
                .and_then(|env| env.base.as_ref())
                .map(|base| BaseView { branch: base.branch.clone(), oid: base.oid.clone() }),
            git: run.git.clone(),
            session: SessionView {
                agent: run.session.clone(),
                tmux: run.window.as_ref().map(|(session, pane)| TmuxView {
                    session: session.clone(),
                    pane: pane.clone(),
                }),
            },
            pid: run.pid(),
            gatekeeper: run.gatekeeper(),
            exit,
            last: run.last.as_ref().map(|(text, at)| LastView { text: text.clone(), at: *at }),
            change: ChangeView::of(run),
            questions: questions(run),
            asked: QuestionView::last(run),
            claims: ClaimsView::of(run),
            usage: run.spent.amount.usage,
            estimated: run.spent.amount.estimated,
            unpriced: run.spent.amount.unpriced,
            turns: run.spent.amount.turns,
            budget: (!run.spent.limit.is_empty()).then(|| run.spent.limit.to_string()),
            host: "local".to_owned(),
            notes,
            created: run.created,
            landed: run
                .landed
                .as_ref()
                .map(|(target, oid)| LandedView { target: target.clone(), oid: oid.clone() }),
            landing: LandingView::of(run),
            unlanded: run.unlanded.as_deref().cloned(),
            attestation: run.attestation.as_deref().cloned(),
            op: run
                .last_op()
                .map(|(id, result)| OpView { id: id.to_string(), result: result.clone() }),
            messages: messages(run),
            asks: AskView::of(run),
            within: brief.within.as_ref().map(ToString::to_string),
            gate: brief.gate.clone(),
            adopted: brief.adopted.clone(),
            oversteps: run.oversteps.clone(),
            retrying: run.retrying.as_ref().map(Retrying::words),
            limit: run.met.as_ref().map(|met| LimitView {
                agent: met.quota.login.clone(),
                account: met.quota.account.clone(),
                until: met.until,
                known: met.known,
                by: run.id().to_string(),
            }),
            fence: fence::word(brief),
            fence_write: fence::open(&brief.policy.fence),
            trust: brief.trust,
            lifted: run.lifted,
            held: None,
            leases: LeaseView::of(run),
            clashes: Vec::new(),
            beyond: None,
            lineage: LineageView::of(run),
        }
    }
}

impl RunView {
    /// What its agent wants leave for and nobody has answered.
    pub fn open_asks(&self) -> impl Iterator<Item = &AskView> {
        self.asks.iter().filter(|ask| ask.answer.is_none())
    }
}

/// How many questions people are asked; one that was asked on a way of the agent's own is one.
fn questions(run: &Run) -> u32 {
    let open = u32::try_from(run.questions_to_people().count()).unwrap_or(u32::MAX);
    let waits = matches!(run.state, State::Waiting { on: WaitingFor::Answer, .. });
    open.max(u32::from(waits && run.questions.is_empty()))
}

type StateFields = (Option<String>, Option<String>, Option<String>, Option<ExitView>);

fn state_fields(run: &Run) -> StateFields {
    match &run.state {
        State::Queued { .. } if run.rests_for_answer() => {
            (Some("answer".to_owned()), None, None, None)
        }
        State::Queued { .. } if run.waits_for_wave() => (Some("wave".to_owned()), None, None, None),
        State::Queued { .. } => (Some("slot".to_owned()), None, None, None),
        State::Waiting { on, .. } => {
            let on = match on {
                WaitingFor::Answer => "answer",
                WaitingFor::Permission => "permission",
                WaitingFor::Limit => "limit",
                WaitingFor::Input => "input",
                WaitingFor::Paused => "paused",
            };
            (Some(on.to_owned()), None, None, None)
        }
        State::Limited { exit, .. } => {
            (Some("limit".to_owned()), None, None, exit.as_ref().map(exit_view))
        }
        State::Ended { outcome, reason, exit, .. } => (
            None,
            Some(outcome.as_str().to_owned()),
            reason.map(|reason| reason.as_str().to_owned()),
            exit.as_ref().map(exit_view),
        ),
        State::Preparing { .. }
        | State::Starting { .. }
        | State::Running { .. }
        | State::Stalled { .. }
        | State::Stopping { .. } => (None, None, None, None),
    }
}

/// The last messages, and those of which nobody knows.
fn messages(run: &Run) -> Vec<MessageView> {
    let older = run.messages.len().saturating_sub(MESSAGES);
    let shown = |(nth, message): &(usize, &Message)| {
        *nth >= older || message.receipt == skep_core::run::Receipt::Unknown
    };
    let shown = run.messages.iter().enumerate().filter(shown);
    shown.map(|(_, message)| MessageView::of(message)).collect()
}

fn exit_view(exit: &Exit) -> ExitView {
    ExitView { code: exit.code, signal: exit.signal, started: exit.started, ended: exit.ended }
}

fn env_state(state: &EnvState) -> &'static str {
    match state {
        EnvState::None => "none",
        EnvState::Preparing => "preparing",
        EnvState::Held(_) => "held",
        EnvState::Within(_) => "within",
        EnvState::Closing { .. } => "closing",
        EnvState::Closed(_) => "closed",
        EnvState::Restoring { .. } => "restoring",
    }
}

/// What `close --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseView {
    pub id: String,
    pub cleaned: bool,
    pub forced: bool,
    pub merged: String,
    /// Null where it could not be found out.
    pub clean: Option<bool>,
    pub status: String,
    pub snapshot: Option<String>,
    pub reasons: Vec<String>,
    /// The branch that stays, and the trash that holds ignored files.
    pub branch: Option<String>,
    pub trash: Option<String>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendView {
    pub run: String,
    /// What it is called; a key that was given, else one of skep's.
    pub message: String,
    /// `queued delivered accepted turn-started unknown refused`.
    pub receipt: String,
    /// Why, where there is something to say.
    pub text: Option<String>,
}

/// A message for an agent, in a view of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    pub id: String,
    pub text: String,
    /// When it was sent.
    pub at: Timestamp,
    /// As in a `SendView`.
    pub receipt: String,
    /// When the receipt was last changed.
    pub told: Timestamp,
    pub why: Option<String>,
}

impl MessageView {
    /// Makes the view of a message; what is long is cut.
    pub fn of(message: &Message) -> MessageView {
        MessageView {
            id: message.id.clone(),
            text: text::words(&message.text, SHOWN),
            at: message.at,
            receipt: message.receipt.as_str().to_owned(),
            told: message.told,
            why: Some(message.why.clone()).filter(|why| !why.is_empty()),
        }
    }
}

/// A snapshot in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotView {
    pub id: String,
    pub run: String,
    pub name: String,
    /// `turn end asked close restore`.
    pub why: String,
    pub at: Timestamp,
    pub oid: String,
    pub head: Option<String>,
    pub branch: Option<String>,
    pub files: u64,
    pub bytes: u64,
    pub left_out: Vec<String>,
    /// Where what git ignores lies, while it does.
    pub trash: Option<String>,
}

impl SnapshotView {
    /// Makes the view of a snapshot of `run`.
    pub fn of(run: &Run, snapshot: &Snapshot) -> SnapshotView {
        SnapshotView {
            id: snapshot.id.to_string(),
            run: run.id().to_string(),
            name: run.brief.name.clone(),
            why: snapshot.why.as_str().to_owned(),
            at: snapshot.at,
            oid: snapshot.oid.clone(),
            head: snapshot.head.clone(),
            branch: snapshot.branch.clone(),
            files: snapshot.files,
            bytes: snapshot.bytes,
            left_out: snapshot.left_out.clone(),
            trash: snapshot.trash.clone(),
        }
    }
}

/// Where a snapshot's files stand again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreView {
    pub snapshot: String,
    pub run: String,
    pub name: String,
    pub path: String,
    pub branch: Option<String>,
    /// The snapshot of what stood there before, where anything did.
    pub before: Option<String>,
    /// The wish, for `undo`.
    pub op: Option<String>,
    pub status: String,
}

/// A wish that can be taken back, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoView {
    /// The wish that this is about.
    pub op: String,
    /// `close`, `restore` or `land`.
    pub verb: String,
    pub run: String,
    pub name: String,
    pub at: Timestamp,
    pub undone: bool,
    pub status: String,
    /// What brought it back, itself a wish that can be taken back.
    pub by: Option<String>,
}

impl UndoView {
    /// Makes the view of something that `run` can take back.
    pub fn of(run: &Run, undoable: &Undoable) -> UndoView {
        UndoView {
            op: undoable.op.to_string(),
            verb: undoable.what.verb().to_owned(),
            run: run.id().to_string(),
            name: run.brief.name.clone(),
            at: undoable.at,
            undone: undoable.undone,
            status: String::new(),
            by: None,
        }
    }
}

/// Something that has had its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanView {
    #[serde(flatten)]
    pub due: Due,
    pub name: String,
    /// The wish, for `undo`; none in a dry run.
    pub op: Option<OpId>,
    /// Whether it is gone; null where that is not known yet.
    pub gone: Option<bool>,
    pub status: String,
}

/// A request to close a run, as it lies in the home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanupView {
    /// The file's name.
    pub file: String,
    pub session_id: Option<String>,
    pub task_uuid: Option<String>,
    pub created_at: Option<String>,
    /// The run that it names, where one is known.
    pub run: Option<String>,
    /// `waiting`, `done`, `undecided` or `unreadable`.
    pub state: String,
    pub status: String,
    pub tries: u32,
    /// When it is tried again, where it is.
    pub next: Option<Timestamp>,
}

/// A project in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectView {
    pub name: String,
    pub path: String,
    pub sub_dir: String,
    pub base: Option<String>,
    pub added: Timestamp,
    pub approved: bool,
}

impl ProjectView {
    /// Makes the view of `project`.
    pub fn of(project: &Project) -> ProjectView {
        ProjectView {
            name: project.name.clone(),
            path: project.path.clone(),
            sub_dir: project.sub_dir.clone(),
            base: project.base.clone(),
            added: project.added,
            approved: project.approved.is_some(),
        }
    }
}

/// What of a project's own runs before an agent, as it stands at the base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptsView {
    pub project: String,
    /// None: nothing does.
    pub set_up: Option<ScriptView>,
    /// What its work is checked by, as it stands at the target; none: nothing.
    #[serde(default)]
    pub gates: Option<ScriptView>,
}

/// One script of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptView {
    /// `setup.run`, or the file in the repository.
    pub from: String,
    /// The command, or what the file holds.
    pub text: String,
    pub digest: String,
    /// Whether a person approved exactly this.
    pub approved: bool,
    /// Whether a person approved another.
    pub changed: bool,
    /// From what was approved to this, where that is still known.
    pub difference: Option<String>,
}

/// A project that a folder belongs to, or would belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenView {
    pub project: ProjectView,
    pub registered: bool,
}

/// A task that was removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskGone {
    pub id: String,
    pub title: String,
    /// What became of the runs that it had.
    pub runs: Vec<CloseView>,
}

/// What `daemon status` and `GET /health` answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `starting`, `running` or `stopping`.
    pub status: String,
    pub pid: u32,
    pub uptime_ms: u64,
    pub version: String,
    pub home: String,
    pub agents: Vec<String>,
    pub projects: Vec<String>,
    pub runs: Counts,
    /// The logins that are at their usage limit.
    #[serde(default)]
    pub limits: Vec<LimitView>,
    /// The free disk, while it is below its floor. Bytes.
    #[serde(default)]
    pub disk_short: Option<u64>,
    /// Resources of which runs in line cannot have what they need.
    #[serde(default)]
    pub exhausted: Vec<ExhaustedView>,
    /// Of the notices that are kept.
    #[serde(default)]
    pub notices: NoticeCounts,
    pub seq: u64,
}

/// Runs by what they do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub running: u64,
    pub waiting: u64,
    pub queued: u64,
}

impl Counts {
    /// Counts `runs`; those that ended are in none.
    pub fn of<'a>(runs: impl Iterator<Item = &'a Run>) -> Counts {
        let mut counts = Counts::default();
        for run in runs {
            match run.state {
                State::Queued { .. } => counts.queued += 1,
                State::Waiting { .. } | State::Limited { .. } => counts.waiting += 1,
                State::Preparing { .. }
                | State::Starting { .. }
                | State::Running { .. }
                | State::Stalled { .. }
                | State::Stopping { .. } => counts.running += 1,
                State::Ended { .. } => {}
            }
        }
        counts
    }
}

/// One fact behind a state, and the rule that it met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyView {
    pub fact: String,
    pub value: String,
    pub source: String,
    /// Null where the fact has no moment.
    pub age_ms: Option<u64>,
    pub rule: String,
}

/// What a run changed since its work began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffView {
    pub run: String,
    /// The commit it is compared from: the last that the work shares with its base, or with its target where that is later.
    pub base: Option<String>,
    pub head: Option<String>,
    /// Whether the worktree stands, so that what no commit holds is in it too.
    pub worktree: bool,
    pub files: Vec<DiffFile>,
    /// The patch as git writes it: no colour, and whatever stands in the files.
    pub text: String,
    /// Whether there is more than this.
    pub cut: bool,
}

/// A file that a run changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffFile {
    pub path: String,
    /// Where it was before, if it was moved.
    pub from: Option<String>,
    /// `added modified deleted renamed copied retyped conflicted untracked`.
    pub status: String,
    /// Lines; null for a file without lines, or one that was not looked into.
    pub insertions: Option<u64>,
    pub deletions: Option<u64>,
}

/// A record of the ledger, as `events` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    pub seq: u64,
    pub epoch: u64,
    pub at: String,
    pub subject: String,
    /// The task that it is about, itself or by its run or plan.
    #[serde(default)]
    pub task: Option<String>,
    #[serde(default)]
    pub project: Option<String>,
    pub cause: Option<u64>,
    pub source: String,
    pub event: serde_json::Value,
}
