//! What the hooks let pass: tags, approvals, completion, moves.
//!
//! Owns: the order of the guards and their words. Never: asks a forge; what is to be asked is an answer.

use super::Task;
use crate::text;

/// What a project's settings say of its tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Tags that approve; `design_lgtm` does where `lgtm` does.
    pub approvals: Vec<String>,
    /// Who may approve: `person`, `review` (runs that review), or an agent's name.
    pub reviewers: Vec<String>,
    /// Tags without which none is completed.
    pub requires: Vec<String>,
}

/// The run that a process belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    pub run: String,
    /// Whether it is there to review.
    pub reviews: bool,
    pub agent: String,
    /// Whether the task is what it works at.
    pub own: bool,
}

/// Whose process changes a task, by descent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// It descends from no run.
    Person,
    Run(Speaker),
    /// A run of which nothing more is known; it is nobody's reviewer.
    SomeRun,
}

impl Who {
    /// Whether no run is above it.
    pub fn is_person(&self) -> bool {
        matches!(self, Who::Person)
    }

    /// As `spawner` and `by` spell it.
    pub fn by(&self) -> &str {
        match self {
            Who::Person => "person",
            Who::Run(speaker) => &speaker.run,
            Who::SomeRun => "run",
        }
    }
}

/// Why a change of a task is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub slug: &'static str,
    pub text: String,
    pub hints: Vec<String>,
}

fn refused(slug: &'static str, text: String, hints: &[&str]) -> Refused {
    Refused { slug, text, hints: hints.iter().map(|hint| (*hint).to_owned()).collect() }
}

/// What must be known before a task may be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    /// That this change is merged.
    Merged(u64),
    /// A person insists, and says why.
    Overridden(String),
}

/// Whether a tag approves.
pub fn is_approval(tag: &str, rules: &Rules) -> bool {
    rules.approvals.iter().any(|approval| {
        let before = tag.strip_suffix(approval.as_str()).filter(|_| !approval.is_empty());
        before.is_some_and(|before| before.is_empty() || before.ends_with('_'))
    })
}

/// A new task. Errors: it comes with what only others may give it.
pub fn added(task: &Task, who: &Who, rules: &Rules) -> Result<(), Refused> {
    let none = Task::default();
    require_approver(&none, task, who, rules)?;
    require_own_fields(&none, task, who)
}

/// A task that is changed, in the order of the guards: tags, approvals, and what else a run may not touch.
pub fn modified(before: &Task, after: &Task, who: &Who, rules: &Rules) -> Result<(), Refused> {
    require_tags(before, after, who, rules)?;
    require_approver(before, after, who, rules)?;
    require_own_fields(before, after, who)?;
    require_own_words(before, after, who)?;
    if before.project.is_some() && before.project != after.project && !who.is_person() {
        let text = "a run moves no task to another project".to_owned();
        return Err(refused("task-not-for-runs", text, &["move it from a shell of your own"]));
    }
    Ok(())
}

/// A task that becomes completed. Errors: it is not what its project asks for, whatever became of its change.
pub fn completed(after: &Task, who: &Who, rules: &Rules) -> Result<Needs, Refused> {
    let reason = after.skep_override.as_deref().map(str::trim).filter(|text| !text.is_empty());
    // A run cannot have written it: that was looked at before.
    if let Some(reason) = reason.filter(|_| who.is_person()) {
        return Ok(Needs::Overridden(reason.to_owned()));
    }
    let missing: Vec<&str> = rules
        .requires
        .iter()
        .map(String::as_str)
        .filter(|tag| !after.tags.contains(*tag))
        .collect();
    if !missing.is_empty() {
        let text = format!("it lacks +{}, which its project asks for", missing.join(" +"));
        let ways = ["a reviewer adds it: task UUID modify +TAG", OVERRIDE];
        return Err(refused("task-unapproved", text, &ways));
    }
    match after.change() {
        Ok(None) => Ok(Needs::Nothing),
        Ok(Some(number)) => Ok(Needs::Merged(number)),
        Err(text) => {
            let text = format!("its pr_id `{}` is no number of a change", text::one_line(&text));
            Err(refused("task-unmerged", text, &["task UUID modify pr_id:NUMBER", OVERRIDE]))
        }
    }
}

/// How a person goes on all the same.
pub const OVERRIDE: &str =
    "all the same, and it is written down: task UUID modify skep_override:\"WHY\"";

/// A run only ever adds an approval, if that.
fn require_tags(before: &Task, after: &Task, who: &Who, rules: &Rules) -> Result<(), Refused> {
    if who.is_person() {
        return Ok(());
    }
    let gone = before.tags.difference(&after.tags).map(|tag| format!("-{tag}"));
    let new = after.tags.difference(&before.tags).filter(|tag| !is_approval(tag, rules));
    let touched: Vec<String> = gone.chain(new.map(|tag| format!("+{tag}"))).collect();
    if touched.is_empty() {
        return Ok(());
    }
    let text = format!("a run changes no tags: {}", text::one_line(&touched.join(" ")));
    Err(refused("task-not-for-runs", text, &["change them from a shell of your own"]))
}

fn require_approver(before: &Task, after: &Task, who: &Who, rules: &Rules) -> Result<(), Refused> {
    let new = after.tags.difference(&before.tags).find(|tag| is_approval(tag, rules));
    let Some(tag) = new else { return Ok(()) };
    let is_reviewer = |name: &str| rules.reviewers.iter().any(|reviewer| reviewer == name);
    let (may, whose) = match who {
        Who::Person => (is_reviewer("person"), "a person".to_owned()),
        Who::Run(Speaker { run, own: true, .. }) => {
            (false, format!("{run}, whose own work it is,"))
        }
        Who::Run(Speaker { run, reviews, agent, .. }) => {
            // These two words are nobody's name.
            let is_named = is_reviewer(agent) && !["person", "review"].contains(&agent.as_str());
            let may = is_named || (*reviews && is_reviewer("review"));
            (may, format!("{run} ({agent})"))
        }
        Who::SomeRun => (false, "a run that is not known here".to_owned()),
    };
    if may {
        return Ok(());
    }
    let who =
        if rules.reviewers.is_empty() { "nobody".to_owned() } else { rules.reviewers.join(", ") };
    let text =
        format!("+{} is an approval, and {whose} is no reviewer: {who}", text::one_line(tag));
    let ways = ["taskwarrior.reviewers in the project's settings: skep config show --project P"];
    Err(refused("task-no-reviewer", text, &ways))
}

/// What says how a task stands with skep is a person's to change; a run may note its change once.
fn require_own_fields(before: &Task, after: &Task, who: &Who) -> Result<(), Refused> {
    if who.is_person() {
        return Ok(());
    }
    let no =
        |text: String| Err(refused("task-not-for-runs", text, &["do it from a shell of your own"]));
    if after.skep_override != before.skep_override {
        return no("a run overrides no guard: skep_override is a person's".to_owned());
    }
    if before.pr_id.is_some() && after.pr_id != before.pr_id {
        return no("a run notes a change once: pr_id stands already".to_owned());
    }
    let says_so = after.spawner.as_deref().is_none_or(|spawner| spawner == who.by());
    if after.spawner != before.spawner && !says_so {
        return no("a run does not speak as another: spawner".to_owned());
    }
    Ok(())
}

/// A run changes the words of tasks that it wrote down itself, and of none who wrote it down.
fn require_own_words(before: &Task, after: &Task, who: &Who) -> Result<(), Refused> {
    let is_own = match who {
        Who::Person => return Ok(()),
        Who::Run(speaker) => before.spawner.as_ref() == Some(&speaker.run),
        // Which of them it is is not known.
        Who::SomeRun => false,
    };
    let ways = ["say it with the tool `issue` (comment), or in your last message"];
    if after.spawner != before.spawner {
        let text = "who wrote a task down stays as it is: spawner".to_owned();
        return Err(refused("task-not-for-runs", text, &ways));
    }
    let touched = [
        (after.description != before.description, "description"),
        (after.annotations != before.annotations, "annotations"),
    ];
    let touched = touched.into_iter().find(|(is_touched, _)| *is_touched && !is_own);
    let Some((_, what)) = touched else { return Ok(()) };
    let text = format!("a run changes no words of a task that it did not write down: its {what}");
    Err(refused("task-not-for-runs", text, &ways))
}
