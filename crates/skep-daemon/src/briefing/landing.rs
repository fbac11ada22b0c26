//! What the author of a work hears when it does not fit what has landed before it.
//!
//! Owns: that both sides' intents are told, each as whose it is. Never: says how the conflict is to be settled.

use skep_core::{fenced::Secret, run::Run};

use super::{Briefing, render, review};
use crate::prompts::{self, CommitStyle, Prompt, Words};

/// A conflict that a landing met.
pub struct Conflict<'a> {
    pub target: &'a str,
    pub onto: &'a str,
    pub files: &'a [String],
    /// The others' commits to these files, a line each.
    pub theirs: &'a str,
}

impl Briefing<'_> {
    /// Words for the author of a work that conflicts with its target.
    pub fn conflict(&self, run: &Run, conflict: &Conflict<'_>) -> Result<String, String> {
        let brief = &run.brief;
        let secret = Secret::of(brief.id.as_str(), &brief.seed);
        let task = brief.task.as_ref().and_then(|task| self.fleet.tasks.get(task));
        let body = task.map(|task| task.body.clone()).unwrap_or_default();
        let given = prompts::Resolve {
            project: brief.project.clone().unwrap_or_else(|| brief.name.clone()),
            target: conflict.target.to_owned(),
            onto: conflict.onto.to_owned(),
            files: Words::files(conflict.files, &secret),
            task: Words::about(&brief.title, &body, brief.trust, &secret),
            theirs: Words::recorded(conflict.theirs, &secret),
            validation: review::checks(brief),
            commit: CommitStyle::of(&self.settings()?.commit),
        };
        render(&Prompt::Resolve(given), &self.overrides(brief.project.as_deref())?)
    }
}
