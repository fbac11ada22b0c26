//! What a foreman is begun with, and what it is asked.
//!
//! Owns: what of a task, its answers and its decisions is told to the foreman. Never: says which question is next.

use skep_api::{
    request::RunAsk,
    wire::{Refusal, chain},
};
use skep_core::{
    fenced::Secret,
    id::{self, QuestionId},
    project::Project,
    run::Run,
    task::{Known, PlanState, Purpose, Put, Task, Version, Warning, WarningKind},
};
use skep_host::git::Git;

use super::{Briefing, base_vars, millis, project_of, reads, render};
use crate::{
    config, discover,
    prompts::{self, Answered, Decision, Prompt, Words},
    resolve::{Asked, Resolved},
};

/// Who answers as the foreman, as answers name it.
const FOREMAN: &str = "foreman";

impl Briefing<'_> {
    /// Tries out what a foreman would need, or says why there is none: it has to go on with its conversation.
    ///
    /// Errors: the agent that the settings name for it cannot be had.
    pub fn try_foreman(
        &self,
        task: &Task,
        ask: &RunAsk,
    ) -> Result<Result<Resolved, String>, Refusal> {
        let settings = config::user(self.config);
        let settings = settings.map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
        let question = QuestionId::new([0; id::LENGTH]);
        let resolved = match self.try_out(task, &[Purpose::Foreman { question }], ask) {
            Ok(mut tried) => tried.resolved.pop(),
            Err(refusal) if settings.foreman.agent.is_some() => return Err(refusal),
            Err(refusal) => return Ok(Err(refusal.message)),
        };
        let Some(resolved) = resolved else { return Ok(Err("nothing came of it".to_owned())) };
        let forgets = resolved.briefs.iter().find(|asked| !asked.brief.hears.resumes);
        Ok(match forgets.map(|asked| asked.brief.agent.clone()) {
            Some(agent) => Err(format!("{agent} takes up no conversation again")),
            None => Ok(resolved),
        })
    }

    /// Makes the prompt of a foreman, with the question that it is begun for.
    pub(super) fn foreman(
        &self,
        task: &Task,
        question: &QuestionId,
        asked: &mut Asked,
        ask: &RunAsk,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), String> {
        let version = task.plan().ok_or("there is no plan")?;
        let secret = Secret::of(asked.brief.id.as_str(), &asked.brief.seed);
        let git = Git::new(base_vars(ask));
        let held = |name: &str| self.fleet.projects.get(name).map(AsRef::as_ref);
        let held: Vec<&Project> = version.projects().filter_map(held).collect();
        let (mut readable, mut projects) = (Vec::new(), Vec::new());
        for project in held {
            match discover::scout(&git, project, self.config) {
                Ok(pointer) => {
                    readable.push(project);
                    projects.push(project_of(&pointer));
                }
                Err(err) => warnings.push(Warning {
                    kind: WarningKind::Unhealthy,
                    text: chain(&err),
                    project: Some(project.name.clone()),
                }),
            }
        }
        if projects.is_empty() {
            return Err("none of its projects can be read".to_owned());
        }
        let put = put(task, question)?;
        let words = put.refine.as_deref();
        let given = prompts::Foreman {
            task: Words::about(&task.title, &task.body, task.trust, &secret),
            reference: task.reference.clone(),
            plan: Words::plan(&version.plan.compose(), &secret),
            projects,
            answers: Words::answers(&answered(&task.course.answers), &secret),
            kept: Words::answers(&answered(self.kept_answers(task, version)), &secret),
            decisions: Words::decisions(&decisions(task), &secret),
            question: prompts::Question { news: Words::default(), ..self.question(put, &secret) },
            refine: words.map(|words| self.refine(put, words, &secret)),
        };
        asked.prompt = render(&Prompt::Foreman(given), &self.overrides(None)?)?;
        asked.brief.place.reads = reads(&readable);
        asked.brief.policy.turn_ms = millis(self.settings()?.foreman.question_timeout);
        Ok(())
    }

    /// What a foreman hears that goes on: a question, or a person's words about what it proposed to one.
    pub(super) fn question_words(
        &self,
        task: &Task,
        run: &Run,
        question: &QuestionId,
        refine: Option<&str>,
        secret: &Secret,
    ) -> Result<Prompt, String> {
        let put = put(task, question)?;
        if let Some(words) = refine {
            return Ok(Prompt::Refine(self.refine(put, words, secret)));
        }
        // What came while it was at its last turn it has not heard of.
        let since = run.begun.unwrap_or(run.since);
        let news =
            task.course.answers.iter().filter(|known| known.by != FOREMAN && known.at >= since);
        let news = Words::answers(&answered(news), secret);
        Ok(Prompt::Question(prompts::Question { news, ..self.question(put, secret) }))
    }

    fn question(&self, put: &Put, secret: &Secret) -> prompts::Question {
        let (project, name) = self.asker(put);
        prompts::Question {
            id: put.question.to_string(),
            project,
            name,
            text: Words::recorded(&put.text, secret),
            context: Words::recorded(put.context.as_deref().unwrap_or_default(), secret),
            news: Words::default(),
        }
    }

    fn refine(&self, put: &Put, words: &str, secret: &Secret) -> prompts::Refine {
        let (project, name) = self.asker(put);
        let run = self.fleet.runs.get(&put.run);
        let asked = run.and_then(|run| run.questions.iter().find(|it| it.id == put.question));
        let proposal = asked.and_then(|asked| asked.proposal.clone()).unwrap_or_default();
        prompts::Refine {
            id: put.question.to_string(),
            project,
            name,
            text: Words::recorded(&put.text, secret),
            proposal: Words::recorded(&proposal, secret),
            words: Words::of_person(words),
        }
    }

    /// The project and the name of whoever asks.
    fn asker(&self, put: &Put) -> (String, String) {
        let Some(run) = self.fleet.runs.get(&put.run) else {
            return (String::new(), put.run.to_string());
        };
        let part = run.brief.part.as_ref().map(|part| part.project.clone());
        let project = part.or_else(|| run.brief.project.clone()).unwrap_or_default();
        (project, run.brief.name.clone())
    }

    /// What other tasks of the plan's projects were answered, the oldest first.
    fn kept_answers(&self, task: &Task, version: &Version) -> Vec<&Known> {
        let own =
            |known: &&Known| task.course.answers.iter().any(|it| it.question == known.question);
        let of = |project: &str| self.fleet.answers.get(project);
        let mut kept: Vec<&Known> =
            version.projects().filter_map(of).flatten().filter(|known| !own(known)).collect();
        kept.sort_by_key(|known| known.at);
        kept
    }
}

fn put<'a>(task: &'a Task, question: &QuestionId) -> Result<&'a Put, String> {
    task.course.foreman.put(question).ok_or_else(|| format!("nobody asks {question} any more"))
}

/// Answers, as prompts tell them.
pub(super) fn answered<'a>(known: impl IntoIterator<Item = &'a Known>) -> Vec<Answered> {
    let one = |known: &Known| Answered {
        id: known.question.to_string(),
        project: known.project.clone().unwrap_or_default(),
        by: known.by.clone(),
        question: match &known.context {
            Some(context) => format!("{}\n{context}", known.text.trim_end()),
            None => known.text.clone(),
        },
        answer: known.answer.clone(),
    };
    known.into_iter().map(one).collect()
}

/// What became of the plans of a task, and what persons said of its work.
fn decisions(task: &Task) -> Vec<Decision> {
    let decision = |what: String, text: &str| Decision { what, text: text.to_owned() };
    let mut decisions = Vec::new();
    for version in &task.course.versions {
        let number = version.number;
        if let Some(feedback) = &version.feedback {
            let what = format!("Version {number} of the plan was sent back by a person:");
            decisions.push(decision(what, feedback));
        }
        if version.state == PlanState::Approved {
            let what = format!("Version {number} of the plan was approved by a person.");
            decisions.push(decision(what, ""));
        }
        for (project, part) in &version.parts {
            let cycles = part.reviews.cycles.iter().flat_map(|cycle| &cycle.critiques);
            let said = cycles.chain(&part.reviews.comments);
            for (critique, by) in said.filter_map(|it| Some((it, it.by.as_ref()?))) {
                let what = format!("Of the work in {project} {by} said:");
                decisions.push(decision(what, &critique.text));
            }
            if let Some(by) = &part.reviews.accepted {
                let what = format!("The work in {project} was taken as it is by {by}.");
                decisions.push(decision(what, ""));
            }
        }
    }
    decisions
}
