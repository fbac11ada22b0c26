//! The words of a change: its title, what the run did and how it was checked, the repository's own template.
//!
//! Owns: what is said, how much of each, in which order. Never: says on an agent's word that something holds.

use skep_core::{
    fleet::Fleet,
    run::{Run, question::Claimed},
    task::{CycleState, Task},
    text,
};
use skep_host::git::{self, Git, Repository};

/// Where a repository keeps what it wants to be told, the first that is there.
const TEMPLATES: [&str; 12] = [
    ".github/PULL_REQUEST_TEMPLATE.md",
    ".github/pull_request_template.md",
    "PULL_REQUEST_TEMPLATE.md",
    "pull_request_template.md",
    "docs/PULL_REQUEST_TEMPLATE.md",
    "docs/pull_request_template.md",
    ".forgejo/PULL_REQUEST_TEMPLATE.md",
    ".forgejo/pull_request_template.md",
    ".gitea/PULL_REQUEST_TEMPLATE.md",
    ".gitea/pull_request_template.md",
    ".gitlab/merge_request_templates/Default.md",
    ".gitlab/merge_request_templates/default.md",
];
/// The most of one section. Characters.
const SECTION: usize = 8_000;
/// The most of the template. Characters.
const TEMPLATE: usize = 12_000;

/// What a change of `run` is called: as its task is.
pub fn title(run: &Run, fleet: &Fleet) -> String {
    let task = run.brief.task.as_ref().and_then(|task| fleet.tasks.get(task));
    let title = task.map_or(run.brief.title.as_str(), |task| task.title.as_str());
    text::one_line(title)
}

/// What the repository wants to be told, as it stands where the work is to go; none where it wants nothing, or git cannot say.
pub(super) fn template(git: &Git, repo: &Repository, target: &str) -> Option<String> {
    let branch = target.strip_prefix("origin/").unwrap_or(target);
    // As others see it first.
    let names = [format!("refs/remotes/origin/{branch}"), format!("refs/heads/{branch}")];
    let commit = names.iter().find_map(|name| git::commit(git, repo, name).ok().flatten())?;
    let read = |path: &str| git::file_at(git, repo, &commit, path).ok().flatten();
    let bytes = TEMPLATES.iter().find_map(|path| read(path))?;
    Some(text::words(&text::visible(&String::from_utf8_lossy(&bytes)), TEMPLATE))
}

/// What is said of the work of `run`, of which `head` is proposed.
pub fn body(run: &Run, fleet: &Fleet, head: &str) -> String {
    let task = run.brief.task.as_ref().and_then(|task| fleet.tasks.get(task));
    let mut parts = Vec::new();
    let wanted = task.map_or("", |task| task.body.trim());
    if !wanted.is_empty() {
        parts.push(cut(wanted));
    }
    if let Some(reference) = task.and_then(|task| task.reference.as_ref()) {
        parts.push(format!("For {}.", text::one_line(reference)));
    }
    parts.extend(task.and_then(|task| plan(task, run)));
    parts.extend(said(run));
    parts.extend(task.and_then(|task| review(task, run)));
    parts.extend(checked(run, head));
    let by = format!("Made by {} in skep run `{}`.", text::one_line(&run.brief.agent), run.id());
    parts.push(by);
    parts.join("\n\n")
}

/// What the plan wants of this part.
fn plan(task: &Task, run: &Run) -> Option<String> {
    let project = task.part_of(run.id())?;
    let plan = &task.last_version()?.plan;
    let part = plan.sub_plans.iter().find(|part| part.project == project)?;
    Some(folded("Plan", &part.content))
}

/// What the agent said of its work last: its words, and told as such.
fn said(run: &Run) -> Option<String> {
    let words = match run.claimed() {
        Some((Claimed::Done | Claimed::NeedsReview, summary)) => summary,
        Some((Claimed::Blocked, _)) | None => run.last.as_ref().map(|(words, _)| words.as_str())?,
    };
    let words = words.trim();
    (!words.is_empty()).then(|| folded("What its agent says of it", words))
}

/// What reviewers found.
fn review(task: &Task, run: &Run) -> Option<String> {
    let project = task.part_of(run.id())?;
    let part = task.last_version()?.parts.get(project)?;
    let cycle = part.reviews.last().filter(|cycle| cycle.state == CycleState::Passed)?;
    let left = cycle.critiques.len();
    let open = match left {
        0 => "and found nothing more to change".to_owned(),
        1 => "and left 1 remark open".to_owned(),
        left => format!("and left {left} remarks open"),
    };
    let head = text::words(&cycle.head, 12);
    Some(format!("A reviewer of skep looked at {head} (cycle {}) {open}.", cycle.number))
}

/// What skep itself has seen of just this commit, by itself on its target; of another one, or in company, it says nothing.
fn checked(run: &Run, head: &str) -> Option<String> {
    let seen = run.attestation.as_ref()?;
    let [work] = &seen.works[..] else { return None };
    if work.run != *run.id() || work.head != head || seen.gates.is_empty() {
        return None;
    }
    let gates: Vec<String> =
        seen.gates.iter().map(|gate| format!("`{}`", text::one_line(&gate.name))).collect();
    let (target, onto) = (text::one_line(&seen.target), text::words(&seen.onto, 12));
    let (head, tree) = (text::words(head, 12), text::words(&seen.tree, 12));
    Some(format!(
        "Put together with {target} at {onto}, {head} is tree {tree}; gates that skep ran on it, and that passed: {}.",
        gates.join(", ")
    ))
}

fn cut(words: &str) -> String {
    text::words(&text::visible(words), SECTION)
}

/// Somebody's words under a summary that folds; nothing in them closes it, or reads as a mark of ours.
fn folded(summary: &str, words: &str) -> String {
    let quoted: Vec<String> = cut(words)
        .replace("<!--", "&lt;!--")
        .replace("</details", "&lt;/details")
        .lines()
        .map(|line| format!("> {line}"))
        .collect();
    format!("<details><summary>{summary}</summary>\n\n{}\n\n</details>", quoted.join("\n"))
}
