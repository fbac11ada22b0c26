//! What a run of a plan hears when it goes on.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use skep_core::{
    fenced::Secret,
    id::{RunId, TaskId},
    run::{Brief, Run},
    task::{self, PartState, Planning, Task, Why},
};
use skep_host::git::Git;

use super::{Briefing, draft_at, guidance, render, review};
use crate::{
    launch,
    prompts::{self, CommitStyle, Overrides, Prompt, Words},
};

/// How much of the end of a journal is looked at. Bytes.
const END: u64 = 256 << 10;

impl Briefing<'_> {
    /// Makes the words that a run of a task is to hear.
    pub fn words(&self, task: &TaskId, run: &RunId, words: &task::Words) -> Result<String, String> {
        let task = self.fleet.tasks.get(task).ok_or("its task is gone")?;
        let run = self.fleet.runs.get(run).ok_or("the run is gone")?;
        let secret = Secret::of(run.id().as_str(), &run.brief.seed);
        let project = run.brief.part.as_ref().map(|part| part.project.clone()).unwrap_or_default();
        let overrides = self.overrides(Some(project.as_str()).filter(|name| !name.is_empty()))?;
        let settings = self.settings()?;
        let style = || CommitStyle::of(&settings.commit);
        let branch =
            run.env().and_then(|env| env.branch.clone()).ok_or("it has no branch".to_owned());
        let prompt = match words {
            task::Words::Correction { findings, draft } => {
                let planning = task.course.planning.as_ref().ok_or("nothing is planned")?;
                Prompt::Correction(prompts::Correction {
                    findings: findings.clone(),
                    projects: planning.projects.clone(),
                    draft: draft_of(run, draft, &planning.projects)?,
                    left: planning.tries.saturating_sub(planning.refused),
                })
            }
            task::Words::Revision { draft } | task::Words::FollowUp { draft } => {
                let planning = task.course.planning.as_ref().ok_or("nothing is planned")?;
                let root = run.env().ok_or("it has no env")?.root.clone();
                let draft = Path::new(&root).join("output").join(draft);
                return self.change(task, planning, &draft, &secret, &overrides);
            }
            task::Words::Part { project } => {
                let held = self.fleet.projects.get(project).ok_or("its project is gone")?;
                let git = Git::new(launch::asker_env(self.home, run)?);
                let guidance = guidance(&git, held, self.config)?;
                Prompt::Implementation(
                    self.implementation(task, project, &run.brief, &guidance, &secret)?,
                )
            }
            task::Words::Commit { files } => Prompt::Commit(prompts::Commit {
                project,
                branch: branch?,
                files: Words::files(files, &secret),
                commit: style(),
            }),
            task::Words::Rework { critiques } => self.rework(task, run, critiques, &secret)?,
            task::Words::Verdict {} => review::verdict(task, run)?,
            task::Words::Question { question, refine } => {
                self.question_words(task, run, question, refine.as_deref(), &secret)?
            }
            task::Words::Mend { text } => Prompt::Repair(prompts::Repair {
                project,
                branch: branch?,
                output: Words::tail(text, &secret),
            }),
        };
        render(&prompt, &overrides)
    }

    /// What a person wants changed of a plan, or beyond it.
    pub(super) fn change(
        &self,
        task: &Task,
        planning: &Planning,
        draft: &Path,
        secret: &Secret,
        overrides: &Overrides,
    ) -> Result<String, String> {
        let version = task.last_version().ok_or("there is no plan yet")?;
        let plan = Words::recorded(&version.plan.compose(), secret);
        let feedback = Words::of_person(&planning.text);
        let draft = draft_at(draft, &planning.projects)?;
        let projects = planning.projects.clone();
        let prompt = match planning.why {
            Why::Feedback | Why::Fresh => {
                Prompt::Revision(prompts::Revision { feedback, plan, projects, draft })
            }
            Why::FollowUp => Prompt::FollowUp(prompts::FollowUp {
                feedback,
                plan,
                results: self.results(task, secret),
                projects,
                draft,
            }),
        };
        render(&prompt, overrides)
    }

    /// What came of each part of the last plan.
    fn results(&self, task: &Task, secret: &Secret) -> Vec<prompts::PartResult> {
        let Some(version) = task.last_version() else { return Vec::new() };
        let result = |project: &str| {
            let part = version.parts.get(project)?;
            let run = part.run.as_ref().and_then(|run| self.fleet.runs.get(run));
            Some(prompts::PartResult {
                project: project.to_owned(),
                status: part.state.as_str().replace('_', " "),
                tail: Words::tail(&run.map(|run| self.tail(run)).unwrap_or_default(), secret),
            })
        };
        version.projects().filter_map(result).collect()
    }

    /// The end of what an agent said; what cannot be read is not told.
    fn tail(&self, run: &Run) -> String {
        let journal = self.home.attempt(run.id(), run.attempt).join("journal.jsonl");
        let said = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            let said = line["kind"].as_str() == Some("said");
            said.then(|| line["text"].as_str().map(str::to_owned)).flatten()
        };
        let text = end_of(&journal).unwrap_or_default();
        let words: Vec<String> = text.lines().filter_map(said).collect();
        let heard = run.last.as_ref().map(|(text, _)| text.clone()).unwrap_or_default();
        if words.is_empty() { heard } else { words.join("\n") }
    }

    pub(super) fn implementation(
        &self,
        task: &Task,
        project: &str,
        brief: &Brief,
        guidance: &str,
        secret: &Secret,
    ) -> Result<prompts::Implementation, String> {
        let version = task.plan().ok_or("there is no plan")?;
        let sub = |name: &str| version.plan.sub_plans.iter().find(|sub| sub.project == name);
        let part = sub(project).ok_or("it is no part of the plan")?;
        let other = |name: &str| {
            let state = version.parts.get(name).map_or(PartState::Pending, |part| part.state);
            prompts::Other {
                project: name.to_owned(),
                goal: sub(name).map(skep_core::plan::SubPlan::goal).unwrap_or_default(),
                state: state.as_str().replace('_', " "),
            }
        };
        Ok(prompts::Implementation {
            task: Words::task(&task.title, &task.body, task.trust, secret),
            reference: task.reference.clone(),
            orchestration: Words::approved(&version.plan.orchestration),
            project: project.to_owned(),
            part: Words::approved(&part.content),
            others: version.projects().filter(|name| *name != project).map(other).collect(),
            agents_md: Words::guidance(guidance, secret),
            commit: CommitStyle::of(&self.settings()?.commit),
            validation: review::checks(brief),
            foreman: brief.foreman,
        })
    }
}

/// The last lines of a file that may be large; the first of them may be half a line.
fn end_of(file: &Path) -> io::Result<String> {
    let mut file = File::open(file)?;
    let from = file.metadata()?.len().saturating_sub(END);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(END).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The file that a planner writes.
fn draft_of(run: &Run, draft: &str, projects: &[String]) -> Result<prompts::Draft, String> {
    let root = run.env().ok_or_else(|| "it has no env".to_owned())?;
    let path = Path::new(&root.root).join("output").join(draft);
    draft_at(&path, projects)
}
