//! Wishes about parts that are reviewed, and about what the foreman proposes.
//!
//! Owns: which part or question is meant, and how long a new proposal is waited for.
//! Never: decides where a part or a question goes; the core does.

use std::time::{Duration, Instant};

use serde_json::Value;
use skep_api::{
    request::{Ask, CommentAsk, PartAsk},
    view::{ForemanView, PartView, QuestionView, ReviewedView, TaskView},
    wire::Refusal,
};
use skep_core::{
    fleet::Fleet,
    id::{QuestionId, TaskId},
    review::{Critique, Severity},
    run::question::{LONGEST, Standing},
    task::{self, Task},
};

use super::{Door, Trouble, value};

/// By whom it is what a person says.
const PERSON: &str = "person";
/// How often the foreman may be asked before a new proposal is waited for no longer.
const TRIES: u32 = 3;

impl Door {
    pub(super) fn reviews(&self, key: &str, ask: &Ask) -> Result<Option<Value>, Trouble> {
        if let Ask::Review { on, comments } = ask {
            self.review(key, on, comments)
        } else if let Ask::ReviewShow { on } = ask {
            let fleet = self.wishes.board.read().fleet;
            let (task, project) = fleet.find_part(&on.of, on.part.as_deref())?;
            reviewed(task, &project, &fleet)
        } else if let Ask::RulePart { on, allow, text } = ask {
            let fleet = self.wishes.board.read().fleet;
            let (task, part) = fleet.find_part(&on.of, on.part.as_deref())?;
            self.rule_part(key, &task.id, part, *allow, text.as_deref())
        } else if let Ask::Refine { question, text, detach, timeout_ms } = ask {
            let wait = (!detach).then_some(*timeout_ms);
            self.refine(key, question, text, wait)
        } else if let Ask::Foreman { of } = ask {
            self.foremen(of.as_deref())
        } else {
            Ok(None)
        }
    }

    fn review(
        &self,
        key: &str,
        on: &PartAsk,
        comments: &[CommentAsk],
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let (task, project) = fleet.find_part(&on.of, on.part.as_deref())?;
        if comments.iter().any(|comment| comment.text.trim().is_empty()) {
            let refusal = Refusal::error("words-missing", "say what is wrong there")
                .hint(format!("skep review {} --comment src/a.rs:12 TEXT", on.of));
            return Err(refusal.into());
        }
        if comments.is_empty() {
            self.wish_task(key, &task.id, task::Input::Review { project: project.clone() })?;
        }
        for (nth, comment) in comments.iter().enumerate() {
            let (project, critique) = (project.clone(), critique(comment));
            let input = task::Input::Comment { project, critique };
            self.wish_task(&format!("{key}/{nth}"), &task.id, input)?;
        }
        let fleet = self.wishes.board.read().fleet;
        match fleet.tasks.get(&task.id) {
            Some(task) => reviewed(task, &project, &fleet),
            None => Ok(None),
        }
    }

    /// A person's word on a part that waits for one.
    pub(super) fn rule_part(
        &self,
        key: &str,
        task: &TaskId,
        project: String,
        allow: bool,
        text: Option<&str>,
    ) -> Result<Option<Value>, Trouble> {
        let (text, by) = (text.unwrap_or_default().trim().to_owned(), PERSON.to_owned());
        let input = if allow {
            task::Input::Accept { project, text, by }
        } else {
            task::Input::Return { project, text, by }
        };
        self.wish_task(key, task, input)?;
        self.task_view(task)
    }

    /// A person takes what the foreman proposes to a question.
    pub(super) fn rule_question(
        &self,
        key: &str,
        of: &str,
        allow: bool,
        has_words: bool,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let (run, id) = fleet.find_question(of)?;
        let ways = |refusal: Refusal| {
            let refusal = refusal.hint(format!("skep answer {id} TEXT"));
            refusal.hint(format!("skep answer {id} --skip   leaves it to the agent"))
        };
        if !allow || has_words {
            let text = if allow {
                "a proposal is taken as it is, without words of your own"
            } else {
                "a question is not refused: it is answered, or thought over again"
            };
            let refusal = Refusal::error("usage", text);
            return Err(ways(refusal.hint(format!("skep refine {id} TEXT"))).into());
        }
        let question = run.questions.iter().find(|question| question.id == id);
        let Some(proposal) = question.and_then(|question| question.proposal.clone()) else {
            let text = match question.map(|question| question.standing) {
                Some(Standing::Pending) => format!("nobody has proposed an answer to {id} yet"),
                _ => format!("the foreman proposed nothing to {id}"),
            };
            return Err(ways(Refusal::error("no-proposal", text)).into());
        };
        self.answer_question(key, id.as_str(), Some(&proposal))
    }

    /// A person's words on a proposal; `wait`: until another is there, at most so long.
    fn refine(
        &self,
        key: &str,
        of: &str,
        text: &str,
        wait: Option<Option<u64>>,
    ) -> Result<Option<Value>, Trouble> {
        let unfit = match text.trim() {
            "" => Some("say what the foreman is to think of".to_owned()),
            text if text.chars().count() > LONGEST => {
                Some(format!("at most {LONGEST} characters are heard"))
            }
            _ => None,
        };
        if let Some(why) = unfit {
            let way = format!("skep refine {of} \"not the old route\"");
            return Err(Refusal::error("answer-unfit", why).hint(way).into());
        }
        let fleet = self.wishes.board.read().fleet;
        let (run, id) = fleet.find_question(of)?;
        let task = run.brief.task.clone().filter(|_| run.brief.is_of_plan());
        let Some(task) = task else {
            let text = format!("{id} was asked without a foreman");
            let refusal = Refusal::error("question-not-escalated", text);
            return Err(refusal.hint(format!("skep answer {id} TEXT")).into());
        };
        let input = task::Input::Refine { question: id.clone(), text: text.trim().to_owned() };
        self.wish_task(key, &task, input)?;
        if let Some(timeout_ms) = wait {
            let patience = self.settings()?.foreman.question_timeout.saturating_mul(TRIES);
            let patience = timeout_ms.map_or(patience, Duration::from_millis);
            self.await_proposal(&task, &id, patience)?;
        }
        let fleet = self.wishes.board.read().fleet;
        let (run, id) = fleet.find_question(id.as_str())?;
        let question = run.questions.iter().find(|question| question.id == id);
        value(&question.map(|question| QuestionView::of(run, question)))
    }

    /// Waits until the foreman has said something more to a question.
    fn await_proposal(
        &self,
        task: &TaskId,
        id: &QuestionId,
        patience: Duration,
    ) -> Result<(), Trouble> {
        let until = Instant::now() + patience;
        let mut posted = self.wishes.board.read();
        loop {
            let Some(foreman) = posted.fleet.tasks.get(task).map(|task| &task.course.foreman)
            else {
                return Ok(());
            };
            let thinks = foreman.put(id).is_some() && !foreman.is_escalated(id);
            if !thinks {
                // Who gave it up since says so; an answer sets the count back.
                let gave_up = foreman.off.is_some() || foreman.given_up > 0;
                let why = foreman.off.clone().unwrap_or_else(|| "it died over it".to_owned());
                if gave_up && foreman.is_escalated(id) {
                    let text = format!("the foreman proposes nothing new to {id}: {why}");
                    let mut refusal = Refusal::error("foreman-gave-up", text)
                        .hint(format!("skep approve {id}   takes what it proposed before"))
                        .hint(format!("skep answer {id} TEXT"))
                        .hint(format!("skep foreman status {task}"));
                    refusal.exit = 1;
                    return Err(refusal.into());
                }
                return Ok(());
            }
            if posted.closing {
                let refusal = Refusal::error("daemon-stopping", "the daemon is stopping")
                    .hint(format!("skep questions {id}   what it proposes by then"));
                return Err(refusal.into());
            }
            if Instant::now() >= until {
                let text = format!("the foreman still thinks about {id}");
                let mut refusal = Refusal::error("wait-timeout", text)
                    .hint(format!("skep questions {id}   what it proposes by then"))
                    .hint(format!("skep answer {id} TEXT   without it"));
                refusal.exit = 3;
                return Err(refusal.into());
            }
            posted = self.wishes.board.wait_beyond(posted.seq, Some(until));
        }
    }

    fn foremen(&self, of: Option<&str>) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let views: Vec<ForemanView> = match of {
            Some(of) => vec![ForemanView::of(fleet.find_plan(of)?.0, &fleet)],
            None => {
                let mut tasks: Vec<&Task> = fleet.tasks.values().map(AsRef::as_ref).collect();
                tasks.retain(|task| ForemanView::has_one(task));
                tasks.sort_by(|a, b| (b.added, &b.id).cmp(&(a.added, &a.id)));
                tasks.into_iter().map(|task| ForemanView::of(task, &fleet)).collect()
            }
        };
        value(&views)
    }
}

fn critique(comment: &CommentAsk) -> Critique {
    let CommentAsk { file, line, text } = comment.clone();
    let by = Some(PERSON.to_owned());
    Critique { severity: Severity::Major, file, line, text, suggestion: None, by }.cut()
}

fn reviewed(task: &Task, project: &str, fleet: &Fleet) -> Result<Option<Value>, Trouble> {
    let view = TaskView::of(task, fleet);
    let find = |part: &&PartView| part.project == project;
    let Some(part) = view.parts.iter().find(find).cloned() else {
        let text = format!("{} has no part for {project}", task.id);
        let refusal = Refusal::error("part-unknown", text);
        return Err(refusal.hint(format!("skep show {}", task.id)).into());
    };
    value(&ReviewedView { task: view, part })
}
