//! What each prompt is given.

use std::{path::Path, time::Duration};

use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};
use skep_core::{
    plan::{Finding, Kind},
    text,
};

use super::{Prompt, Template, Words};
use crate::config;

mod foreman;
mod review;

pub use foreman::{Foreman, Question, Refine};
pub use review::{Resolve, Review, Rework, Verdict, VerdictForm};

/// The most of one finding. Characters.
const FINDING: usize = 300;

/// A task is to become a plan.
#[derive(Debug, Clone, Serialize)]
pub struct Planning {
    /// What is wanted: [`Words::task`].
    pub task: Words,
    /// What an outside tracker calls it.
    pub reference: Option<String>,
    /// What a person said with the wish for a plan; may be empty.
    pub extra: Words,
    /// What the person says to all agents of theirs; may be empty.
    pub workspace: Words,
    /// At least one.
    pub projects: Vec<Project>,
    pub draft: Draft,
    /// How often a draft that does not fit is given back.
    pub corrections: u32,
    /// How long there is.
    #[serde(serialize_with = "spelled")]
    pub time: Duration,
}

/// A project that a plan may name.
#[derive(Debug, Clone, Serialize)]
pub struct Project {
    pub name: String,
    pub language: Option<String>,
    pub framework: Option<String>,
    /// Where it is to be read.
    pub path: String,
    /// Where it says how it wants to be worked in.
    pub agents_md: Option<String>,
    /// The commit or branch that the plan is made for.
    pub base: String,
}

/// Where a plan is written.
#[derive(Debug, Clone, Serialize)]
pub struct Draft {
    pub path: String,
    /// A command that says what stands in its way; none where the agent cannot run it.
    pub check: Option<String>,
}

impl Draft {
    /// A draft at `path`; `skep` is the program that the planner can check it by, where it can run it.
    pub fn new(path: &Path, skep: Option<&Path>, projects: &[String]) -> Draft {
        let spell = |path: &Path| text::shell(&path.to_string_lossy());
        let check = skep.map(|skep| {
            let named = projects.iter().map(|name| format!(" --project {}", text::shell(name)));
            format!("{} plan check {}{}", spell(skep), spell(path), named.collect::<String>())
        });
        Draft { path: path.to_string_lossy().into_owned(), check }
    }
}

/// A draft does not fit yet.
#[derive(Debug, Clone, Serialize)]
pub struct Correction {
    /// All of them.
    pub findings: Vec<Finding>,
    /// The names that the plan may use, at least one.
    pub projects: Vec<String>,
    pub draft: Draft,
    /// How often a draft is given back after this.
    pub left: u32,
}

/// A person wants the plan otherwise.
#[derive(Debug, Clone, Serialize)]
pub struct Revision {
    /// The person's.
    pub feedback: Words,
    /// The plan as it stands, composed: [`Words::recorded`].
    pub plan: Words,
    /// The names that the plan may use, at least one.
    #[serde(skip)]
    pub projects: Vec<String>,
    pub draft: Draft,
}

/// A person wants more of what was done by a plan.
#[derive(Debug, Clone, Serialize)]
pub struct FollowUp {
    /// The person's.
    pub feedback: Words,
    /// The plan that was carried out, composed: [`Words::recorded`].
    pub plan: Words,
    pub results: Vec<PartResult>,
    /// The names that the plan may use, at least one.
    #[serde(skip)]
    pub projects: Vec<String>,
    pub draft: Draft,
}

/// What came of one part.
#[derive(Debug, Clone, Serialize)]
pub struct PartResult {
    pub project: String,
    pub status: String,
    /// The end of its log: [`Words::tail`]; may be empty.
    pub tail: Words,
}

/// One part of an approved plan is to be carried out.
#[derive(Debug, Clone, Serialize)]
pub struct Implementation {
    /// What the whole is about: [`Words::task`].
    pub task: Words,
    /// What an outside tracker calls it.
    pub reference: Option<String>,
    /// What all parts share: [`Words::approved`].
    pub orchestration: Words,
    pub project: String,
    /// The part itself: [`Words::approved`].
    pub part: Words,
    pub others: Vec<Other>,
    /// What the worktree's own AGENTS.md says: [`Words::guidance`]; may be empty.
    pub agents_md: Words,
    #[serde(skip)]
    pub commit: CommitStyle,
    /// What the work will be judged by.
    pub validation: Vec<Check>,
    /// Whether somebody who knows the plan answers questions.
    pub foreman: bool,
}

/// Another part of the same plan.
#[derive(Debug, Clone, Serialize)]
pub struct Other {
    pub project: String,
    pub goal: String,
    pub state: String,
}

/// A command that work is judged by.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub name: String,
    pub command: String,
}

/// Work goes on that was broken off.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GoOn {}

/// A person asks for something on a part that is done.
#[derive(Debug, Clone, Serialize)]
pub struct FollowUpPart {
    pub project: String,
    /// What was to be done: [`Words::approved`].
    pub part: Words,
    /// The person's.
    pub feedback: Words,
    /// The end of the log: [`Words::tail`]; may be empty.
    pub tail: Words,
    #[serde(skip)]
    pub commit: CommitStyle,
}

/// What an agent left is to be committed.
#[derive(Debug, Clone, Serialize)]
pub struct Commit {
    pub project: String,
    pub branch: String,
    /// What is not committed: [`Words::files`].
    pub files: Words,
    #[serde(skip)]
    pub commit: CommitStyle,
}

/// A push was refused by a hook.
#[derive(Debug, Clone, Serialize)]
pub struct Repair {
    pub project: String,
    pub branch: String,
    /// What was said: [`Words::recorded`] or [`Words::tail`].
    pub output: Words,
}

/// What a plan looks like.
#[derive(Debug, Clone, Serialize)]
pub struct PlanForm {
    /// The names that the plan may use, at least one.
    pub projects: Vec<String>,
}

/// What commits are to be like.
#[derive(Debug, Clone, Serialize)]
pub struct CommitStyle {
    pub strategy: config::Strategy,
    pub message_format: config::MessageFormat,
    /// For the format `custom`; else without meaning, and empty.
    pub message_template: String,
}

impl CommitStyle {
    /// The style that a person's settings ask for.
    pub fn of(settings: &config::Commit) -> CommitStyle {
        let custom = settings.message_format == config::MessageFormat::Custom;
        let template = settings.message_template.trim();
        CommitStyle {
            strategy: settings.strategy,
            message_format: settings.message_format,
            message_template: if custom { template.to_owned() } else { String::new() },
        }
    }
}

/// Spells a span as a reader would: `1h`, `1h30m`, `45m`, `90s`.
fn spelled<S: Serializer>(span: &Duration, out: S) -> Result<S::Ok, S::Error> {
    let seconds = span.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let text = match (hours, minutes) {
        _ if seconds < 120 => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h{minutes}m"),
    };
    out.serialize_str(&text)
}

impl Prompt {
    /// The template by which it is spelled.
    pub fn template(&self) -> Template {
        match self {
            Prompt::Planning(_) => Template::Planning,
            Prompt::Correction(_) => Template::Correction,
            Prompt::Revision(_) => Template::Revision,
            Prompt::FollowUp(_) => Template::FollowUp,
            Prompt::Implementation(_) => Template::Implementation,
            Prompt::GoOn(_) => Template::GoOn,
            Prompt::FollowUpPart(_) => Template::FollowUpPart,
            Prompt::Commit(_) => Template::Commit,
            Prompt::Repair(_) => Template::Repair,
            Prompt::Review(_) => Template::Review,
            Prompt::Verdict(_) => Template::Verdict,
            Prompt::Rework(_) => Template::Rework,
            Prompt::Resolve(_) => Template::Resolve,
            Prompt::Foreman(_) => Template::Foreman,
            Prompt::Question(_) => Template::Question,
            Prompt::Refine(_) => Template::Refine,
            Prompt::PlanForm(_) => Template::PlanForm,
            Prompt::CommitStyle(_) => Template::CommitStyle,
            Prompt::VerdictForm(_) => Template::VerdictForm,
        }
    }

    /// What it says itself.
    pub(super) fn given(&self) -> Json {
        match self {
            Prompt::Planning(given) => json!(given),
            Prompt::Correction(given) => given.harmless(),
            Prompt::Revision(given) => json!(given),
            Prompt::FollowUp(given) => json!(given),
            Prompt::Implementation(given) => json!(given),
            Prompt::GoOn(given) => json!(given),
            Prompt::FollowUpPart(given) => json!(given),
            Prompt::Commit(given) => json!(given),
            Prompt::Repair(given) => json!(given),
            Prompt::Review(given) => json!(given),
            Prompt::Verdict(given) => json!(given),
            Prompt::Rework(given) => json!(given),
            Prompt::Resolve(given) => json!(given),
            Prompt::Foreman(given) => json!(given),
            Prompt::Question(given) => json!(given),
            Prompt::Refine(given) => json!(given),
            Prompt::PlanForm(given) => json!(given),
            Prompt::CommitStyle(given) => json!(given),
            Prompt::VerdictForm(given) => json!(given),
        }
    }

    /// The pieces that its template may use, by the names that they have there.
    pub(super) fn pieces(&self) -> Vec<(&'static str, Prompt)> {
        let form =
            |projects: Vec<String>| vec![("plan_form", Prompt::PlanForm(PlanForm { projects }))];
        let style =
            |style: &CommitStyle| vec![("commit_style", Prompt::CommitStyle(style.clone()))];
        match self {
            Prompt::Planning(given) => {
                form(given.projects.iter().map(|project| project.name.clone()).collect())
            }
            Prompt::Revision(given) => form(given.projects.clone()),
            Prompt::FollowUp(given) => form(given.projects.clone()),
            Prompt::Implementation(given) => style(&given.commit),
            Prompt::FollowUpPart(given) => style(&given.commit),
            Prompt::Commit(given) => style(&given.commit),
            Prompt::Rework(given) => style(&given.commit),
            Prompt::Resolve(given) => style(&given.commit),
            Prompt::Review(_) | Prompt::Verdict(_) => {
                vec![("verdict_form", Prompt::VerdictForm(VerdictForm {}))]
            }
            Prompt::Foreman(given) => {
                let refine = given.refine.clone().map(Prompt::Refine);
                let question = || Prompt::Question(given.question.clone());
                vec![("question", refine.unwrap_or_else(question))]
            }
            Prompt::Correction(_)
            | Prompt::GoOn(_)
            | Prompt::Repair(_)
            | Prompt::Question(_)
            | Prompt::Refine(_)
            | Prompt::PlanForm(_)
            | Prompt::CommitStyle(_)
            | Prompt::VerdictForm(_) => Vec::new(),
        }
    }
}

impl Correction {
    /// What a draft says of itself in a finding stands on one line of bounded length; beside it the projects without a part.
    fn harmless(&self) -> Json {
        let mut given = self.clone();
        for finding in &mut given.findings {
            finding.detail = text::words(&text::one_line(&finding.detail), FINDING);
        }
        let mut given = json!(given);
        given["missing"] = json!(self.missing());
        given
    }

    /// The projects that are told to have no part.
    fn missing(&self) -> Vec<&String> {
        let lacks = |name: &&String| {
            let heading = format!("`## SubPlan: {name}`");
            let told = |finding: &Finding| {
                finding.kind == Kind::MissingSubPlans && finding.detail.contains(&heading)
            };
            self.findings.iter().any(told)
        };
        self.projects.iter().filter(lacks).collect()
    }
}
