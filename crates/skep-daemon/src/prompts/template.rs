//! The templates that come with skep.

use skep_core::text;

use super::PromptError;

/// One template, by what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Template {
    Planning,
    Correction,
    Revision,
    FollowUp,
    Implementation,
    GoOn,
    FollowUpPart,
    Commit,
    Repair,
    Review,
    Verdict,
    Rework,
    Resolve,
    Foreman,
    Question,
    Refine,
    PlanForm,
    CommitStyle,
    VerdictForm,
}

impl Template {
    /// All of them, in the order in which agents meet them; those that are pieces of others at the end.
    pub const ALL: [Template; 19] = [
        Template::Planning,
        Template::Correction,
        Template::Revision,
        Template::FollowUp,
        Template::Implementation,
        Template::GoOn,
        Template::FollowUpPart,
        Template::Commit,
        Template::Repair,
        Template::Review,
        Template::Verdict,
        Template::Rework,
        Template::Resolve,
        Template::Foreman,
        Template::Question,
        Template::Refine,
        Template::PlanForm,
        Template::CommitStyle,
        Template::VerdictForm,
    ];

    /// Its name, which is that of its file too.
    pub fn word(self) -> &'static str {
        match self {
            Template::Planning => "planning",
            Template::Correction => "correction",
            Template::Revision => "revision",
            Template::FollowUp => "follow-up",
            Template::Implementation => "implementation",
            Template::GoOn => "go-on",
            Template::FollowUpPart => "follow-up-part",
            Template::Commit => "commit",
            Template::Repair => "repair",
            Template::Review => "review",
            Template::Verdict => "verdict",
            Template::Rework => "rework",
            Template::Resolve => "resolve",
            Template::Foreman => "foreman",
            Template::Question => "question",
            Template::Refine => "refine",
            Template::PlanForm => "plan-form",
            Template::CommitStyle => "commit-style",
            Template::VerdictForm => "verdict-form",
        }
    }

    /// Who is told it, and when.
    pub fn purpose(self) -> &'static str {
        match self {
            Template::Planning => "to the planner: a task is to become a plan",
            Template::Correction => "to the planner: its draft does not fit yet",
            Template::Revision => "to the planner: you want the plan otherwise",
            Template::FollowUp => "to the planner: you want more of what is done",
            Template::Implementation => "to the implementer of one part",
            Template::GoOn => "to whoever was interrupted",
            Template::FollowUpPart => "to the implementer: you want more of one part",
            Template::Commit => "to whoever commits what was left uncommitted",
            Template::Repair => "to whoever mends what a hook refused to take",
            Template::Review => "to the reviewer of one part",
            Template::Verdict => "to the reviewer: no verdict could be read",
            Template::Rework => "to the implementer: what a review found",
            Template::Resolve => "to the implementer: a landing met a conflict",
            Template::Foreman => "to the foreman: who they are and what is decided",
            Template::Question => "to the foreman: an implementer asks",
            Template::Refine => "to the foreman: you want a proposal otherwise",
            Template::PlanForm => "a piece of the planner's: the form of a plan",
            Template::CommitStyle => "a piece of others: how to commit",
            Template::VerdictForm => "a piece of the reviewer's: the form of a verdict",
        }
    }

    /// Finds the one that is called `word`.
    pub fn find(word: &str) -> Result<Template, PromptError> {
        Template::named(word).ok_or_else(|| Template::unknown(word, None))
    }

    /// The one that is called `word`, where there is one.
    pub(super) fn named(word: &str) -> Option<Template> {
        Template::ALL.into_iter().find(|template| template.word() == word)
    }

    /// That nothing is called `word`, and where a file is.
    pub(super) fn unknown(word: &str, file: Option<String>) -> PromptError {
        let nearest = text::nearest(word, Template::ALL.into_iter().map(Template::word));
        let name = text::words(&text::one_line(word), 60);
        PromptError::Unknown { file, name, nearest }
    }

    /// Its text as it comes with skep.
    pub fn built_in(self) -> &'static str {
        match self {
            Template::Planning => include_str!("../../prompts/planning.md"),
            Template::Correction => include_str!("../../prompts/correction.md"),
            Template::Revision => include_str!("../../prompts/revision.md"),
            Template::FollowUp => include_str!("../../prompts/follow-up.md"),
            Template::Implementation => include_str!("../../prompts/implementation.md"),
            Template::GoOn => include_str!("../../prompts/go-on.md"),
            Template::FollowUpPart => include_str!("../../prompts/follow-up-part.md"),
            Template::Commit => include_str!("../../prompts/commit.md"),
            Template::Repair => include_str!("../../prompts/repair.md"),
            Template::Review => include_str!("../../prompts/review.md"),
            Template::Verdict => include_str!("../../prompts/verdict.md"),
            Template::Rework => include_str!("../../prompts/rework.md"),
            Template::Resolve => include_str!("../../prompts/resolve.md"),
            Template::Foreman => include_str!("../../prompts/foreman.md"),
            Template::Question => include_str!("../../prompts/question.md"),
            Template::Refine => include_str!("../../prompts/refine.md"),
            Template::PlanForm => include_str!("../../prompts/plan-form.md"),
            Template::CommitStyle => include_str!("../../prompts/commit-style.md"),
            Template::VerdictForm => include_str!("../../prompts/verdict-form.md"),
        }
    }
}
