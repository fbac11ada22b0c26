//! What a reviewer is begun with, and what it and the author of the work hear later.
//!
//! Owns: what of a part's reviews is told to whom. Never: judges, or counts reviews.

use skep_api::request::RunAsk;
use skep_core::{
    fenced::Secret,
    review::Critique,
    run::{Brief, Run},
    task::{Choice, Part, Task, Version},
};
use skep_host::git::Git;

use super::{Briefing, base_vars, foreman, guidance, hooks_know, render};
use crate::{
    prompts::{self, Check, CommitStyle, Prompt, Words},
    resolve::Asked,
};

impl Briefing<'_> {
    /// Makes the prompt of a reviewer, and its place: the commit that it looks at, and nothing else.
    pub(super) fn review(
        &self,
        task: &Task,
        project: &str,
        cycle: u32,
        head: &str,
        asked: &mut Asked,
        ask: &RunAsk,
    ) -> Result<(), String> {
        let secret = Secret::of(asked.brief.id.as_str(), &asked.brief.seed);
        let (version, part) = part_of(task, project)?;
        let sub = version.plan.sub_plans.iter().find(|sub| sub.project == project);
        let sub = sub.ok_or("it is no part of the plan")?;
        let author = self.author(part).ok_or("nobody worked on it")?;
        let env = author.env().ok_or("the worktree of its author is gone")?;
        let base = env.base.as_ref().ok_or("where its work began is not known")?;
        let held = self.fleet.projects.get(project).ok_or("its project is gone")?;
        let guidance = guidance(&Git::new(base_vars(ask)), held, self.config)?;
        let reviews = &part.reviews;
        let earlier: Vec<(u32, Vec<Critique>)> = reviews
            .cycles
            .iter()
            .filter(|before| before.number < cycle)
            .map(|before| (before.number, of_reviewers(&before.critiques).cloned().collect()))
            .collect();
        let remarks: Vec<&Critique> = of_persons(reviews.open()).collect();
        let given = prompts::Review {
            task: Words::about(&task.title, &task.body, task.trust, &secret),
            reference: task.reference.clone(),
            orchestration: Words::approved(&version.plan.orchestration),
            project: project.to_owned(),
            part: Words::approved(&sub.content),
            agents_md: Words::guidance(&guidance, &secret),
            validation: checks(&asked.brief),
            base: base.oid.clone(),
            head: head.to_owned(),
            cycle,
            answers: Words::answers(&foreman::answered(&task.course.answers), &secret),
            earlier: Words::critiques(&earlier, &secret),
            remarks: Words::remarks(&remarks, 1),
        };
        asked.prompt = render(&Prompt::Review(given), &self.overrides(Some(project))?)?;
        asked.brief.place.detached = Some(head.to_owned());
        hooks_know(Some(sub), asked);
        Ok(())
    }

    /// The agent of whoever worked on a part last.
    pub(super) fn author_of(&self, task: &Task, project: &str) -> Option<Choice> {
        let part = task.plan().and_then(|version| version.parts.get(project));
        let author = part.and_then(|part| self.author(part)).map(|author| &author.brief);
        author.map(|author| Choice {
            agent: Some(author.agent.clone()),
            model: author.model.clone(),
            account: author.account.clone(),
        })
    }

    /// Who worked on a part last.
    fn author(&self, part: &Part) -> Option<&Run> {
        self.fleet.runs.get(part.run.as_ref()?).map(AsRef::as_ref)
    }

    /// What the author of a part hears of a review, by numbers.
    pub(super) fn rework(
        &self,
        task: &Task,
        run: &Run,
        critiques: &[Critique],
        secret: &Secret,
    ) -> Result<Prompt, String> {
        let project = task.part_of(run.id()).ok_or("it works on no part")?;
        let (_, part) = part_of(task, project)?;
        let persons: Vec<&Critique> = of_persons(critiques).collect();
        let found: Vec<&Critique> = of_reviewers(critiques).collect();
        Ok(Prompt::Rework(prompts::Rework {
            project: project.to_owned(),
            head: part.reviews.last().map(|cycle| cycle.head.clone()),
            remarks: Words::remarks(&persons, 1),
            critiques: Words::to_settle(&found, persons.len() + 1, secret),
            validation: checks(&run.brief),
            commit: CommitStyle::of(&self.settings()?.commit),
        }))
    }
}

/// That a reviewer is to say in the form what it found.
pub(super) fn verdict(task: &Task, run: &Run) -> Result<Prompt, String> {
    let (project, cycle) = task.review_of(run.id()).ok_or("it reviews nothing")?;
    let (project, head) = (project.to_owned(), cycle.head.clone());
    Ok(Prompt::Verdict(prompts::Verdict { project, head }))
}

fn part_of<'a>(task: &'a Task, project: &str) -> Result<(&'a Version, &'a Part), String> {
    let version = task.plan().ok_or("there is no plan")?;
    let part = version.parts.get(project).ok_or("it is no part of the plan")?;
    Ok((version, part))
}

/// What the work of a project is judged by.
pub(super) fn checks(brief: &Brief) -> Vec<Check> {
    let check =
        |(name, command): &(String, String)| Check { name: name.clone(), command: command.clone() };
    brief.place.guide.gates.iter().map(check).collect()
}

fn of_persons<'a>(
    critiques: impl IntoIterator<Item = &'a Critique>,
) -> impl Iterator<Item = &'a Critique> {
    critiques.into_iter().filter(|critique| critique.by.is_some())
}

fn of_reviewers<'a>(
    critiques: impl IntoIterator<Item = &'a Critique>,
) -> impl Iterator<Item = &'a Critique> {
    critiques.into_iter().filter(|critique| critique.by.is_none())
}
