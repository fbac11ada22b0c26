//! What is asked and found while a plan is carried out: by the foreman, by a person, by a reviewer.

use skep_api::{
    request::Ask,
    view::{QuestionView, RunView},
};
use skep_core::{review::Critique, run::Kind, text};

use super::{SOON, Teller};
use crate::exit::CliError;

/// What the plan tells, and what it does not.
const TOLD: &str = "How many rows has a page?";
const OPEN: &str = "May a page be empty?";
/// The demo's word, in place of a person's.
const ANSWER: &str = "no: the page before it is the last one";

/// What all parts share.
pub(super) const ORCHESTRATION: &str =
    "The API comes first; the other two build on it. A page has ten rows.";

/// What the author of a part asks before it begins; nothing in most.
pub(super) fn asked_in(project: &str) -> String {
    let question = match project {
        "api" => TOLD,
        "web" => OPEN,
        _ => return String::new(),
    };
    format!("consult 600000 {question}\n")
}

/// How a part goes on behind its author's first turn, where a review sends it back; and what the foreman plays, who has the
/// whole plan.
pub(super) fn reviews_of(project: &str, file: &str) -> String {
    if project != "api" {
        return String::new();
    }
    format!(
        "then\nsay I put the number there.\nappend {file} a page has ten rows\ncommit say how many rows a page has\nsay Mended.\n\
         ```\n\n```skep-script review\nverdict major {file}:1 how many rows a page has stands nowhere\n\
         ```\n\n```skep-script review\nverdict none\n\
         ```\n\n```skep-script foreman\nsay Ten, as the orchestration says.\nsay CONFIDENCE: high\nthen\n\
         say I would say no: it looks like a fault.\nsay CONFIDENCE: uncertain\n"
    )
}

/// Tells what the first wave asked, and what its reviewers found.
pub(super) fn first(told: &mut Teller<'_>, task: &str) -> Result<(), CliError> {
    let author = of(told, task, "an answer of the foreman", |run| {
        run.kind == Kind::Code && answered(run).is_some()
    })?;
    if let Some((question, by, answer)) = answered(&author) {
        told.say(&format!(
            "{} asked: {} The {by} answered: {}",
            author.name,
            question.text,
            text::one_line(answer)
        ))?;
    }
    let reviewer = of(told, task, "the first review", |run| {
        found(run).is_some_and(|found| !found.is_empty())
    })?;
    for critique in found(&reviewer).unwrap_or_default() {
        told.say(&format!(
            "Its reviewer, at a worktree of its own, found: {}. {} mends that in the same conversation.",
            critique.one_line(),
            author.name
        ))?;
    }
    of(told, task, "the second review", |run| found(run).is_some_and(<[Critique]>::is_empty))?;
    Ok(told.good("The second review found nothing.")?)
}

/// Answers in a person's place what the foreman leaves to one.
pub(super) fn second(told: &mut Teller<'_>, task: &str) -> Result<(), CliError> {
    let open = |run: &RunView| run.asked.iter().find(|it| it.state == "escalated").cloned();
    let run = of(told, task, "a question for a person", |run| open(run).is_some())?;
    let Some(question) = open(&run) else { return Ok(()) };
    let proposal = question.proposal.as_deref().map(text::one_line);
    let proposal = proposal.as_deref().map(|text| text.trim_end_matches('.'));
    let proposal = proposal.map(|text| format!(", and proposes: {text}")).unwrap_or_default();
    told.say(&format!(
        "{} asked: {} The foreman is not sure{proposal}. So a person is asked; here the demo plays you:",
        run.name, question.text
    ))?;
    told.typed(&format!("skep answer {} \"{ANSWER}\"", question.id))?;
    let ask = Ask::Answer { question: question.id, text: Some(ANSWER.to_owned()) };
    told.skep.ask(ask).map(drop)
}

/// Waits for a run of the task that is so.
fn of(
    told: &mut Teller<'_>,
    task: &str,
    what: &str,
    holds: impl Fn(&RunView) -> bool,
) -> Result<RunView, CliError> {
    let is_it = |run: &RunView| run.task.as_deref() == Some(task) && holds(run);
    let runs = told.await_runs(what, SOON, |runs| runs.iter().any(is_it))?;
    let run = runs.into_iter().find(is_it);
    run.ok_or_else(|| CliError::error("demo", format!("in vain waited for: {what}")))
}

/// What a run asked that somebody answered, by whom and how.
fn answered(run: &RunView) -> Option<(&QuestionView, &str, &str)> {
    let told = |it| -> Option<(&QuestionView, &str, &str)> {
        let it: &QuestionView = it;
        Some((it, it.answered_by.as_deref()?, it.answer.as_deref()?))
    };
    run.asked.iter().find_map(told)
}

/// What a reviewer said by its tool.
fn found(run: &RunView) -> Option<&[Critique]> {
    run.claims.verdict.as_deref().filter(|_| run.kind == Kind::Review)
}
