//! What a template looks like filled in: with all that there can be, and with as little as there may be.

use std::{path::Path, time::Duration};

use skep_core::{
    fenced::Secret,
    plan::{Finding, Kind},
    run::Trust,
};

use super::{
    Check, Commit, CommitStyle, Correction, Draft, FollowUp, FollowUpPart, GoOn, Implementation,
    Other, PartResult, PlanForm, Planning, Project, Prompt, Repair, Revision, Template,
    VerdictForm, Words,
};
use crate::config::{MessageFormat, Strategy};

mod foreman;
mod review;

const PART: &str = "### Goal
Searches answer by pages.

### Scope
- `src/search/`

### Changes
1. Give every search a page and a size.

### Validation
- `cargo test search`

### Risks
- Old clients send no page: they get the first one.";

/// A prompt with everything in it.
pub(super) fn full(template: Template) -> Prompt {
    let secret = secret();
    match template {
        Template::Planning => Prompt::Planning(Planning {
            task: Words::task(
                "Search results in pages",
                "A search with many results takes seconds.",
                Trust::Person,
                &secret,
            ),
            reference: Some("acme/web#42".to_owned()),
            extra: Words::of_person("The site may change last."),
            workspace: Words::of_person("All projects are released together, on Thursdays."),
            projects: vec![
                project("api", Some(("rust", "axum")), true),
                project("web", Some(("typescript", "next")), false),
                project("docs", None, false),
            ],
            draft: draft(true),
            corrections: 2,
            time: Duration::from_secs(3600),
        }),
        Template::Correction => {
            let mut given = correction(Kind::UnknownRepos);
            for name in ["web", "docs"] {
                let detail = format!("no `## SubPlan: {name}` section");
                given.findings.push(Finding { kind: Kind::MissingSubPlans, detail, line: None });
            }
            Prompt::Correction(given)
        }
        Template::Revision => Prompt::Revision(Revision {
            feedback: Words::of_person("The site first, behind a switch."),
            plan: Words::recorded(&plan(), &secret),
            projects: names(),
            draft: draft(true),
        }),
        Template::FollowUp => Prompt::FollowUp(FollowUp {
            feedback: Words::of_person("Old clients should be told to move on."),
            plan: Words::recorded(&plan(), &secret),
            results: vec![
                PartResult {
                    project: "api".to_owned(),
                    status: "completed".to_owned(),
                    tail: Words::tail("said: Pages are in, and all tests pass.", &secret),
                },
                PartResult {
                    project: "web".to_owned(),
                    status: "escalated".to_owned(),
                    tail: Words::default(),
                },
            ],
            projects: names(),
            draft: draft(true),
        }),
        Template::Implementation => Prompt::Implementation(Implementation {
            task: Words::task("Search results in pages", "", Trust::Person, &secret),
            reference: Some("acme/web#42".to_owned()),
            orchestration: Words::approved(
                "The API answers first; the site is written against it.",
            ),
            project: "api".to_owned(),
            part: Words::approved(PART),
            others: vec![Other {
                project: "web".to_owned(),
                goal: "The result list has pages.".to_owned(),
                state: "waiting for api".to_owned(),
            }],
            agents_md: Words::guidance("Run `just check` before every commit.", &secret),
            commit: style(),
            validation: checks(),
            foreman: true,
        }),
        Template::GoOn => Prompt::GoOn(GoOn {}),
        Template::FollowUpPart => Prompt::FollowUpPart(FollowUpPart {
            project: "api".to_owned(),
            part: Words::approved(PART),
            feedback: Words::of_person("A size above 100 should be refused, not cut."),
            tail: Words::tail("said: Pages are in, and all tests pass.", &secret),
            commit: style(),
        }),
        Template::Commit => Prompt::Commit(Commit {
            project: "api".to_owned(),
            branch: "skep/search-results-in-pages".to_owned(),
            files: Words::files(&["src/search/page.rs", "tests/search.rs"], &secret),
            commit: style(),
        }),
        Template::Repair => Prompt::Repair(Repair {
            project: "api".to_owned(),
            branch: "skep/search-results-in-pages".to_owned(),
            output: Words::tail(
                "remote: commit 1f2e3d4: the subject has no issue number\n! [remote rejected] (pre-receive hook declined)",
                &secret,
            ),
        }),
        Template::Review => Prompt::Review(review::review()),
        Template::Verdict => Prompt::Verdict(review::verdict()),
        Template::Rework => Prompt::Rework(review::rework()),
        Template::Resolve => Prompt::Resolve(review::resolve()),
        Template::Foreman => Prompt::Foreman(foreman::foreman()),
        Template::Question => Prompt::Question(foreman::question()),
        Template::Refine => Prompt::Refine(foreman::refine()),
        Template::PlanForm => Prompt::PlanForm(PlanForm { projects: names() }),
        Template::CommitStyle => Prompt::CommitStyle(style()),
        Template::VerdictForm => Prompt::VerdictForm(VerdictForm {}),
    }
}

/// A prompt in which all is absent that may be.
pub(super) fn sparse(template: Template) -> Prompt {
    let mut prompt = full(template);
    match &mut prompt {
        Prompt::Planning(given) => {
            (given.reference, given.extra, given.workspace) =
                (None, Words::default(), Words::default());
            given.projects = vec![project("docs", None, false)];
            given.draft = draft(false);
        }
        Prompt::Correction(given) => {
            for finding in &mut given.findings {
                finding.line = None;
            }
            given.projects.truncate(1);
            given.draft = draft(false);
            given.left = 0;
        }
        Prompt::Revision(given) => {
            given.projects.truncate(1);
            given.draft = draft(false);
        }
        Prompt::FollowUp(given) => {
            given.results.clear();
            given.projects.truncate(1);
            given.draft = draft(false);
        }
        Prompt::Implementation(given) => {
            given.reference = None;
            given.agents_md = Words::default();
            given.others.clear();
            given.validation.clear();
            given.foreman = false;
            given.commit = plain_style();
        }
        Prompt::GoOn(GoOn {}) => {}
        Prompt::FollowUpPart(given) => {
            given.tail = Words::default();
            given.commit = plain_style();
        }
        Prompt::Commit(given) => given.commit = plain_style(),
        Prompt::Review(given) => review::without(given),
        Prompt::Rework(given) => {
            given.head = None;
            (given.remarks, given.validation) = (Words::default(), Vec::new());
            given.commit = plain_style();
        }
        Prompt::Resolve(given) => {
            (given.theirs, given.validation) = (Words::default(), Vec::new());
            given.commit = plain_style();
        }
        Prompt::Foreman(given) => foreman::without(given),
        Prompt::Question(given) => {
            (given.context, given.news) = (Words::default(), Words::default());
        }
        Prompt::Refine(given) => given.proposal = Words::default(),
        Prompt::Repair(_) | Prompt::Verdict(_) | Prompt::VerdictForm(_) => {}
        Prompt::PlanForm(given) => given.projects.truncate(1),
        Prompt::CommitStyle(given) => *given = plain_style(),
    }
    prompt
}

/// A draft in which one thing is amiss.
pub(super) fn correction(kind: Kind) -> Correction {
    let (detail, line) = match kind {
        Kind::MissingBlock => ("missing skep-plan YAML block", None),
        Kind::InvalidYaml => ("did not find expected ',' or ']'", Some(3)),
        Kind::EmptyExecutionGroups => ("execution_groups names no project", Some(2)),
        Kind::MissingOrchestration => ("missing ## Orchestration section, or nothing in it", None),
        Kind::IncompleteSubPlans => ("api: ### Risks must include at least 1 list item", Some(12)),
        Kind::UnknownRepos => ("`frontend` is no project here", Some(3)),
        Kind::MissingSubPlans => ("no `## SubPlan: web` section", None),
        Kind::UndeclaredSubPlans => ("docs is not in execution_groups", Some(40)),
        Kind::DuplicateSubPlans => ("`api` has a section on line 9 already", Some(31)),
        Kind::InvalidNeeds => ("`api` needs `web`, whose group comes later", Some(5)),
    };
    Correction {
        findings: vec![Finding { kind, detail: detail.to_owned(), line }],
        projects: names(),
        draft: draft(true),
        left: 1,
    }
}

fn secret() -> Secret {
    Secret::of("run_7k2m9qx4ab", "example")
}

fn names() -> Vec<String> {
    ["api", "web", "docs"].map(str::to_owned).to_vec()
}

fn project(name: &str, made_with: Option<(&str, &str)>, agents_md: bool) -> Project {
    let path = format!("/work/{name}");
    Project {
        name: name.to_owned(),
        language: made_with.map(|(language, _)| language.to_owned()),
        framework: made_with.map(|(_, framework)| framework.to_owned()),
        agents_md: agents_md.then(|| format!("{path}/AGENTS.md")),
        path,
        base: "origin/main".to_owned(),
    }
}

fn draft(check: bool) -> Draft {
    let path = Path::new("/env/amber/output/plan.md");
    Draft::new(path, check.then_some(Path::new("skep")), &names())
}

fn checks() -> Vec<Check> {
    vec![Check { name: "test".to_owned(), command: "just test".to_owned() }]
}

fn plan() -> String {
    format!(
        "```skep-plan\nexecution_groups:\n  - [api]\n```\n\n## Orchestration\nThe API answers by pages.\n\n## SubPlan: api\n{PART}\n"
    )
}

fn style() -> CommitStyle {
    CommitStyle {
        strategy: Strategy::SemiRegular,
        message_format: MessageFormat::Custom,
        message_template: "<project>: <what changed>\n\n<why>".to_owned(),
    }
}

fn plain_style() -> CommitStyle {
    CommitStyle {
        strategy: Strategy::Single,
        message_format: MessageFormat::AiGenerated,
        message_template: String::new(),
    }
}
