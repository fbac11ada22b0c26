//! What can happen to a task, what is written down of it, and what is to be done then.

use serde::{Deserialize, Serialize};

use super::{Choice, Known, PlanState, Rules, TaskState, Warning, Why};
use crate::{
    id::{PlanId, QuestionId, RunId, TaskId},
    plan::{Finding, Plan},
    review::Critique,
    run,
};

/// What can happen to a task: wishes of people, reports of what was done, and what its runs come to.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A plan is wanted: the first; one more from nothing; or, of a completed task, one for more.
    Plan {
        text: String,
        more: bool,
        projects: Vec<String>,
        choice: Choice,
        tries: u32,
    },
    /// A person sends the plan back, and says why.
    Reject {
        text: String,
        tries: u32,
    },
    /// A person's own text of a plan that is looked at.
    Edit {
        text: String,
    },
    /// A person takes the plan: from this wave on (from 1); what comes before it is done by other hands.
    Approve {
        from_wave: u32,
    },
    /// The approved plan is to be carried out, or what is left of it; `branch` names all its work, where none does yet.
    Implement {
        branch: String,
        choice: Choice,
        rules: Rules,
    },
    /// A person takes a part as it is, though no review passed it.
    Accept {
        project: String,
        text: String,
        by: String,
    },
    /// A person wants a part mended, or, without words, given up.
    Return {
        project: String,
        text: String,
        by: String,
    },
    /// A person wants a part reviewed, once more than the rules say.
    Review {
        project: String,
    },
    /// What a person says of a part's work.
    Comment {
        project: String,
        critique: Critique,
    },
    /// A run of its asks the foreman; `known` is what was answered to the same words in its project.
    Asked {
        run: RunId,
        question: QuestionId,
        text: String,
        context: Option<String>,
        known: Option<Known>,
    },
    /// A question of one of its runs was answered; none: it was left to its agent.
    Answered {
        run: RunId,
        question: QuestionId,
        text: String,
        context: Option<String>,
        answer: Option<String>,
        by: String,
    },
    /// Nobody waits for the answer to a question any more.
    Withdrawn {
        question: QuestionId,
    },
    /// A person wants the foreman to think again of what it proposed.
    Refine {
        question: QuestionId,
        text: String,
    },
    /// The foreman's words, or why there are none.
    Reply {
        run: RunId,
        text: Result<String, String>,
    },
    /// What a reviewer left, or why that cannot be told.
    Reviewed {
        run: RunId,
        said: Result<Said, String>,
    },
    /// What is done is to be handed over once more.
    Finalize,
    Archive,
    Unarchive,
    /// What it says is changed; what is none stays.
    Amend {
        title: Option<String>,
        body: Option<String>,
        priority: Option<i64>,
        /// All that it needs from now on.
        needs: Option<Vec<TaskId>>,
    },
    /// The run that was asked for is there.
    Began {
        run: RunId,
        warnings: Vec<Warning>,
        left_out: Vec<String>,
    },
    /// The run that was asked for cannot be, and why.
    NotBegun {
        run: RunId,
        text: String,
        warnings: Vec<Warning>,
    },
    /// The worktree of a part's run stands.
    Placed {
        run: RunId,
    },
    /// An attempt of one of its runs is over.
    Ended {
        run: RunId,
        outcome: run::Outcome,
        text: String,
    },
    /// One of its runs could not begin what was wanted, and is what it was before.
    AsBefore {
        run: RunId,
        text: String,
    },
    /// A wish about this very plan: it counts as long as no other took its place.
    On {
        plan: PlanId,
        wish: Box<Input>,
    },
    /// One of its runs goes on by a person's wish.
    Again {
        run: RunId,
    },
    /// What the planner left in its file; none: nothing, or nothing that can be read.
    Draft {
        run: RunId,
        text: Option<String>,
    },
    /// The words that one of its runs is to hear, or why there are none.
    Worded {
        run: RunId,
        words: Result<String, String>,
    },
    /// What it wanted of one of its runs that run cannot do.
    Refused {
        run: RunId,
        text: String,
    },
    /// How the handing over of a part stands.
    Found {
        run: RunId,
        look: u32,
        found: Found,
    },
}

/// What a reviewer left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Its verdict; none: it gave none that can be read.
    pub critiques: Option<Vec<Critique>>,
    /// What it changed, though nothing was to be changed.
    pub touched: Vec<String>,
}

/// What a look at a part's work found, at the moment of handing it over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Found {
    /// Not everything is committed.
    Dirty {
        files: Vec<String>,
    },
    /// The remote did not take it.
    Rejected {
        text: String,
    },
    /// All of it is committed, and where there is a remote, that has it too.
    Published {
        head: String,
        remote: Option<String>,
    },
    Failed {
        text: String,
    },
}

/// A fact about a task, as the ledger keeps it. A new variant or field is a format change: `docs/format.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A plan is wanted, and this run is to make it.
    PlanAsked {
        why: Why,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
        projects: Vec<String>,
        #[serde(default, skip_serializing_if = "Choice::is_none")]
        choice: Choice,
        run: RunId,
        /// Whether that run is there already.
        goes_on: bool,
        draft: String,
        tries: u32,
        before: TaskState,
    },
    PlanBegun {
        run: RunId,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<Warning>,
        /// Projects that cannot be planned for as they are.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left_out: Vec<String>,
    },
    /// A draft is sent back, and why.
    DraftRefused {
        run: RunId,
        findings: Vec<Finding>,
    },
    /// A plan is there.
    PlanGenerated {
        plan: PlanId,
        version: u32,
        document: Box<Plan>,
        /// Projects whose work of the version before stands as it is.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        carried: Vec<String>,
    },
    PlanSubmitted {
        plan: PlanId,
    },
    PlanSuperseded {
        plan: PlanId,
        by: PlanId,
    },
    PlanRejected {
        plan: PlanId,
        text: String,
    },
    PlanRevised {
        plan: PlanId,
        document: Box<Plan>,
    },
    PlanApproved {
        plan: PlanId,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        taken_as_done: Vec<String>,
    },
    /// Nothing came of a planning.
    PlanFailed {
        run: RunId,
        text: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        findings: Vec<Finding>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<Warning>,
    },
    /// A planning was given up by a person, or what it ran on went away.
    PlanCancelled {
        run: RunId,
    },
    /// The plan is carried out.
    ImplementAsked {
        plan: PlanId,
        branch: String,
        #[serde(default, skip_serializing_if = "Choice::is_none")]
        choice: Choice,
        #[serde(default, skip_serializing_if = "Rules::is_none")]
        rules: Rules,
    },
    /// This run is to do a part.
    PartGiven {
        project: String,
        run: RunId,
    },
    /// The worktree of a part stands.
    PartPlaced {
        project: String,
    },
    /// These go side by side now.
    WaveStarted {
        projects: Vec<String>,
    },
    SubPlanStarted {
        project: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
    },
    SubPlanCompleted {
        project: String,
    },
    SubPlanFailed {
        project: String,
        text: String,
    },
    SubPlanEscalated {
        project: String,
        text: String,
    },
    /// It is to be done anew: its run was stopped, or what was written for it changed.
    SubPlanReset {
        project: String,
        /// Whether the run that did it is let go.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        anew: bool,
        /// Whether it goes on only when somebody wishes.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rests: bool,
    },
    /// The work of every part is being handed over.
    FinalizeAsked {},
    /// A part is looked at, to be handed over.
    PartLooked {
        project: String,
        look: u32,
    },
    /// Its agent is to put the part in order first.
    PartTold {
        project: String,
        words: Words,
    },
    /// The head of a part is handed over: once per head.
    SubPlanReady {
        project: String,
        head: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remote: Option<String>,
    },
    /// That head was handed over before.
    SubPlanStands {
        project: String,
        head: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remote: Option<String>,
    },
    /// A part could not be handed over.
    FinalizeFailed {
        project: String,
        text: String,
    },
    /// A part is reviewed, at this commit: from here on the cycle counts.
    ReviewStarted {
        project: String,
        cycle: u32,
        run: RunId,
        head: String,
    },
    /// The reviewer is to say it in the form.
    VerdictAsked {
        project: String,
        cycle: u32,
    },
    ReviewPassed {
        project: String,
        cycle: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        critiques: Vec<Critique>,
    },
    CritiquesFound {
        project: String,
        cycle: u32,
        critiques: Vec<Critique>,
    },
    /// A cycle came to nothing.
    ReviewFailed {
        project: String,
        cycle: u32,
        text: String,
        /// Whether it was broken off, and does not count.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        refunded: bool,
    },
    /// The author is to mend what was found.
    ReworkAsked {
        project: String,
        critiques: Vec<Critique>,
    },
    /// A person grants a part one more cycle.
    ReviewGranted {
        project: String,
    },
    /// A person said something of a part's work.
    Commented {
        project: String,
        critique: Critique,
    },
    /// A person takes a part as it is.
    SubPlanAccepted {
        project: String,
        by: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
    /// The foreman is asked.
    ForemanAsked {
        question: QuestionId,
        run: RunId,
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
    },
    /// The same is asked by another run.
    ForemanJoined {
        question: QuestionId,
        run: RunId,
        to: QuestionId,
    },
    /// A person said something of what it proposed.
    ForemanRefined {
        question: QuestionId,
        text: String,
    },
    /// A question is put to this run.
    ForemanTurned {
        question: QuestionId,
        run: RunId,
        /// Whether that run is there already.
        goes_on: bool,
    },
    /// It said something to a question; whether it is sure.
    ForemanReplied {
        question: QuestionId,
        text: String,
        sure: bool,
    },
    /// It died over a question.
    ForemanDied {
        question: QuestionId,
        text: String,
    },
    /// A person is asked in its place.
    ForemanGaveUp {
        question: QuestionId,
        text: String,
    },
    /// It is asked nothing any more: people are.
    ForemanStopped {
        text: String,
    },
    /// A question needs no answer of it.
    QuestionSettled {
        question: QuestionId,
    },
    /// An answer is kept.
    Learned {
        known: Box<Known>,
    },
    /// What it says was changed.
    Amended {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        priority: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        needs: Option<Vec<TaskId>>,
    },
}

/// What a run of the task is to be told, made from the project's prompts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "words", rename_all = "snake_case")]
pub enum Words {
    /// What is amiss with a draft.
    Correction { findings: Vec<Finding>, draft: String },
    /// What a person wants changed.
    Revision { draft: String },
    /// What a person wants beyond what is done.
    FollowUp { draft: String },
    /// What a new plan says of a part that it worked on before.
    Part { project: String },
    /// What lies about uncommitted.
    Commit { files: Vec<String> },
    /// What the remote said when it refused.
    Mend { text: String },
    /// What is to be mended of its work.
    Rework { critiques: Vec<Critique> },
    /// That a verdict is to be given in the form.
    Verdict {},
    /// What another run asks of the foreman, with a person's words about what it proposed.
    Question {
        question: QuestionId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refine: Option<String>,
    },
}

/// What a run is wanted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Purpose {
    Plan {
        draft: String,
    },
    Part {
        project: String,
    },
    /// To look at a part's work at this commit.
    Review {
        project: String,
        cycle: u32,
        head: String,
    },
    /// To answer questions, this one first.
    Foreman {
        question: QuestionId,
    },
}

/// Work for the daemon on behalf of a task. It may be done twice, so doing it twice is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Finds out what a run needs to be begun, and has it begun.
    Brief { task: TaskId, run: RunId, purpose: Purpose },
    /// Reads what a planner left.
    ReadDraft { task: TaskId, run: RunId, draft: String },
    /// Makes the words that a run of the task is to hear.
    Word { task: TaskId, run: RunId, words: Words },
    /// Looks at the work of a part, commits the rest of it with `message` where there is one, and pushes it where it is
    /// handed over.
    Finalize {
        task: TaskId,
        run: RunId,
        project: String,
        look: u32,
        message: Option<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stays: bool,
    },
    /// Reads what a reviewer left.
    ReadReview { task: TaskId, run: RunId, project: String, cycle: u32, head: String },
    /// Reads what the foreman said.
    ReadReply { task: TaskId, run: RunId },
}

impl Effect {
    /// The task that it is done for.
    pub fn task(&self) -> &TaskId {
        match self {
            Effect::Brief { task, .. }
            | Effect::ReadDraft { task, .. }
            | Effect::Word { task, .. }
            | Effect::Finalize { task, .. }
            | Effect::ReadReview { task, .. }
            | Effect::ReadReply { task, .. } => task,
        }
    }

    /// The run that it is about.
    pub fn run(&self) -> &RunId {
        match self {
            Effect::Brief { run, .. }
            | Effect::ReadDraft { run, .. }
            | Effect::Word { run, .. }
            | Effect::Finalize { run, .. }
            | Effect::ReadReview { run, .. }
            | Effect::ReadReply { run, .. } => run,
        }
    }

    /// Its kind, in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Effect::Brief { .. } => "brief",
            Effect::ReadDraft { .. } => "read_draft",
            Effect::Word { .. } => "word",
            Effect::Finalize { .. } => "finalize",
            Effect::ReadReview { .. } => "read_review",
            Effect::ReadReply { .. } => "read_reply",
        }
    }
}

/// What follows for a run of the task, in the same batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// It may start.
    Release {
        run: RunId,
    },
    /// It goes on, and hears this; none: what an interrupted agent hears.
    GoOn {
        run: RunId,
        words: Option<String>,
    },
    Stop {
        run: RunId,
    },
    /// It has an answer to its question.
    Answer {
        run: RunId,
        question: QuestionId,
        text: String,
        by: String,
    },
    /// A person is asked its question, with what the foreman would say.
    Escalate {
        run: RunId,
        question: QuestionId,
        proposal: Option<String>,
    },
    /// Its env is given back: what it left is of no use to anybody, and kept all the same.
    GiveBack {
        run: RunId,
    },
}

/// What one input leads to.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    pub events: Vec<Event>,
    /// Where the task goes, after the events.
    pub moves: Option<TaskState>,
    pub effects: Vec<Effect>,
    pub then: Vec<Then>,
}

/// An event that does not fit the task it is applied to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} does not fit a task that is {state}, whose plan is {plan}")]
pub struct Misfit {
    pub event: String,
    pub state: &'static str,
    pub plan: &'static str,
}

impl Misfit {
    pub(super) fn of(event: &Event, state: TaskState, plan: Option<PlanState>) -> Misfit {
        Misfit {
            event: format!("{event:?}"),
            state: state.as_str(),
            plan: plan.map_or("none", PlanState::as_str),
        }
    }
}
