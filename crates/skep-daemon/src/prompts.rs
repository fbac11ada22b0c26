//! What agents are told while a task becomes a plan, a plan becomes work, and the work is reviewed.
//!
//! Owns: the templates that come with skep (`prompts/*.md` of this crate), what each is given, a person's own in their place.
//! Never: takes a template from a repository; falls back from one that does not fit; lets what is filled in be read as template.

use serde_json::Value as Json;
use thiserror::Error;

use crate::config::{At, ConfigError};

pub use self::given::{
    Check, Commit, CommitStyle, Correction, Draft, FollowUp, FollowUpPart, Foreman, GoOn,
    Implementation, Other, PartResult, PlanForm, Planning, Project, Question, Refine, Repair,
    Resolve, Review, Revision, Rework, Verdict, VerdictForm,
};
pub use self::lists::{Answered, Decision};
pub use self::overrides::{Origin, Overrides};
pub use self::template::Template;
pub use self::words::Words;

mod examples;
mod fill;
mod given;
mod lists;
mod overrides;
mod template;
#[cfg(test)]
mod tests;
mod words;

/// What one agent is to be told, with all that there is to say.
#[derive(Debug, Clone)]
pub enum Prompt {
    Planning(Planning),
    Correction(Correction),
    Revision(Revision),
    FollowUp(FollowUp),
    Implementation(Implementation),
    GoOn(GoOn),
    FollowUpPart(FollowUpPart),
    Commit(Commit),
    Repair(Repair),
    Review(Review),
    Verdict(Verdict),
    Rework(Rework),
    Resolve(Resolve),
    Foreman(Foreman),
    Question(Question),
    Refine(Refine),
    /// A piece of others: what a plan looks like.
    PlanForm(PlanForm),
    /// A piece of others: what commits are to be like.
    CommitStyle(CommitStyle),
    /// A piece of others: what a verdict looks like.
    VerdictForm(VerdictForm),
}

/// Why there is no prompt.
#[derive(Debug, Error)]
pub enum PromptError {
    /// A person's own templates cannot be read.
    #[error("read `{path}`: {why}")]
    Unreadable { path: String, why: String },
    /// Nothing is called so; `file` where a file is.
    #[error("{}no prompt is called `{name}`{}", place(.file.as_deref()), near(*.nearest))]
    Unknown { file: Option<String>, name: String, nearest: Option<&'static str> },
    /// It cannot be filled in.
    #[error("{at}: {why}; `{}` is given {}", .template.word(), listed(.names))]
    Unfit { at: At, why: String, template: Template, names: Vec<String> },
    /// No project can be called so.
    #[error(transparent)]
    Project(#[from] ConfigError),
}

fn place(file: Option<&str>) -> String {
    file.map(|file| format!("{file}: ")).unwrap_or_default()
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn near(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!(" (did you mean `{nearest}`?)")).unwrap_or_default()
}

impl PromptError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            PromptError::Unreadable { .. } => "prompt-unreadable",
            PromptError::Unknown { .. } => "prompt-unknown",
            PromptError::Unfit { .. } => "prompt-unfit",
            PromptError::Project(err) => err.slug(),
        }
    }
}

/// Spells what an agent is told, by the person's own template where there is one.
///
/// Shape: the same prompt by the same templates gives the same bytes.
/// Errors: the template asks for what it is not given.
pub fn render(prompt: &Prompt, overrides: &Overrides) -> Result<String, PromptError> {
    let given = given(prompt, overrides)?;
    fill::fill(prompt.template(), overrides, &given)
}

/// Spells a template with values as an example.
pub fn example(template: Template, overrides: &Overrides) -> Result<String, PromptError> {
    render(&examples::full(template), overrides)
}

/// Lists the names that a template may use.
///
/// Shape: `draft.path` for what stands in another, `projects[].name` for what each of a list has.
pub fn names(template: Template, overrides: &Overrides) -> Result<Vec<String>, PromptError> {
    Ok(fill::names(&given(&examples::full(template), overrides)?))
}

/// All that a template is given: what its prompt says, and the pieces that it is made of, spelled already.
fn given(prompt: &Prompt, overrides: &Overrides) -> Result<Json, PromptError> {
    let mut given = prompt.given();
    for (name, piece) in prompt.pieces() {
        given[name] = Json::String(render(&piece, overrides)?.trim_end().to_owned());
    }
    Ok(given)
}
