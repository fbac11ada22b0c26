//! Questions of agents, and what agents say of their work, as views show them.

use serde::{Deserialize, Serialize};
use skep_core::{
    review::Critique,
    run::{
        Run,
        question::{Claim, Question},
    },
    text,
    time::Timestamp,
};

/// How many settled questions a view of a run shows, and how many notes.
const SETTLED: usize = 3;
const NOTES: usize = 5;

/// A question of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionView {
    pub id: String,
    pub run: String,
    /// The worker's name.
    pub name: String,
    pub text: String,
    pub context: Option<String>,
    pub options: Vec<String>,
    /// What the foreman would say, where a person is to decide.
    pub proposal: Option<String>,
    /// Who is asked now: `foreman` or `person`; null where nobody is any more.
    #[serde(default)]
    pub to: Option<String>,
    /// `pending`, `escalated`, `answered`, `skipped`, `withdrawn`.
    pub state: String,
    pub answer: Option<String>,
    pub answered_by: Option<String>,
    pub asked: Timestamp,
    /// Whether its agent does nothing until it is answered.
    pub waits: bool,
}

impl QuestionView {
    /// Makes the view of a question of `run`.
    pub fn of(run: &Run, question: &Question) -> QuestionView {
        let answer = question.answer.as_ref();
        let is_open = question.standing.is_open();
        QuestionView {
            id: question.id.to_string(),
            run: run.id().to_string(),
            name: run.brief.name.clone(),
            text: question.asking.text.clone(),
            context: question.asking.context.clone(),
            options: question.asking.options.clone(),
            proposal: question.proposal.clone(),
            to: is_open
                .then(|| if question.is_with_foreman() { "foreman" } else { "person" }.to_owned()),
            state: question.standing.as_str().to_owned(),
            answer: answer.and_then(|answer| answer.text.clone()),
            answered_by: answer.map(|answer| answer.by.clone()),
            asked: question.at,
            waits: is_open && question.blocks,
        }
    }

    /// Whether somebody may still answer.
    pub fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "pending" | "escalated")
    }

    /// Whether a person is asked, and nobody has answered.
    pub fn wants_a_person(&self) -> bool {
        self.is_open() && self.to.as_deref() != Some("foreman")
    }

    /// Those of `run` that are open, and the last of the others, in the order of asking.
    pub(super) fn last(run: &Run) -> Vec<QuestionView> {
        let settled = run.questions.iter().filter(|it| !it.standing.is_open()).count();
        let mut older = settled.saturating_sub(SETTLED);
        let shown = run.questions.iter().filter(|question| {
            let old = !question.standing.is_open() && older > 0;
            older -= usize::from(old);
            !old
        });
        shown.map(|question| QuestionView::of(run, question)).collect()
    }
}

/// What an agent said of its work. None of it is a proof.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsView {
    /// The last word on its work: `done`, `blocked` or `needs_review`.
    pub status: Option<String>,
    pub summary: Option<String>,
    pub evidence: Option<String>,
    /// The paths that it claimed last.
    pub paths: Vec<String>,
    /// The paths that it claimed before it began: absolute, in the project's own checkout.
    pub held: Vec<String>,
    /// The last notes, the oldest first.
    pub notes: Vec<String>,
    /// What a reviewer said of the work; an empty list: it passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Vec<Critique>>,
}

impl ClaimsView {
    /// Makes the view of what the agent of `run` said.
    pub(super) fn of(run: &Run) -> ClaimsView {
        let mut view = ClaimsView { held: run.brief.claims.paths.clone(), ..ClaimsView::default() };
        for made in &run.claims {
            match &made.claim {
                Claim::Work { status, summary, evidence } => {
                    view.status = Some(status.as_str().to_owned());
                    view.summary = Some(summary.clone());
                    view.evidence.clone_from(evidence);
                }
                Claim::Paths { paths } => view.paths.clone_from(paths),
                Claim::Note { text } => view.notes.push(text::words(text, 200)),
                Claim::Verdict { critiques } => view.verdict = Some(critiques.clone()),
            }
        }
        let older = view.notes.len().saturating_sub(NOTES);
        view.notes.drain(..older);
        view
    }
}
