//! An event of each kind about a task, in which nothing is left out.

use crate::{
    id::{PlanId, QuestionId},
    plan::{self, Finding, Kind, Plan},
    review::{Critique, Severity, Threshold},
    run::tests::script::brief,
    task::{Choice, Event, Known, Rules, TaskState, Warning, WarningKind, Why, Words},
    time::Timestamp,
};

pub(in crate::fleet::tests) fn events() -> Vec<Event> {
    let run = || brief("amber").id;
    let id = || PlanId::new([3; crate::id::LENGTH]);
    let project = || "web".to_owned();
    let words = || "it said \"no\"\n…".to_owned();
    let choice = || Choice {
        agent: Some("codex".to_owned()),
        model: Some("m1".to_owned()),
        account: Some("work".to_owned()),
    };
    let warning = || Warning {
        kind: WarningKind::PullFailed,
        text: words(),
        project: Some("api".to_owned()),
    };
    let finding = || Finding { kind: Kind::UnknownRepos, detail: words(), line: Some(3) };
    let told = |words| Event::PartTold { project: project(), words };
    vec![
        Event::PlanAsked {
            why: Why::FollowUp,
            text: words(),
            projects: vec!["api".to_owned(), project()],
            choice: choice(),
            run: run(),
            goes_on: true,
            draft: "plan-draft-2.md".to_owned(),
            tries: 2,
            before: TaskState::Completed,
        },
        Event::PlanBegun { run: run(), warnings: vec![warning()], left_out: vec![project()] },
        Event::DraftRefused { run: run(), findings: vec![finding()] },
        Event::PlanGenerated {
            plan: id(),
            version: 2,
            document: Box::new(document()),
            carried: vec!["api".to_owned()],
        },
        Event::PlanSubmitted { plan: id() },
        Event::PlanSuperseded { plan: id(), by: PlanId::new([4; crate::id::LENGTH]) },
        Event::PlanRejected { plan: id(), text: words() },
        Event::PlanRevised { plan: id(), document: Box::new(document()) },
        Event::PlanApproved { plan: id(), taken_as_done: vec!["api".to_owned()] },
        Event::PlanFailed {
            run: run(),
            text: words(),
            findings: vec![finding()],
            warnings: vec![warning()],
        },
        Event::PlanCancelled { run: run() },
        Event::ImplementAsked {
            plan: id(),
            branch: "skep/mend-the-roof".to_owned(),
            choice: choice(),
            rules: Rules { cycles: 3, threshold: Threshold::NitOnly, auto: true, foreman: true },
        },
        Event::PartGiven { project: project(), run: run() },
        Event::PartPlaced { project: project() },
        Event::WaveStarted { projects: vec!["api".to_owned(), project()] },
        Event::SubPlanStarted { project: project(), run: Some(run()) },
        Event::SubPlanCompleted { project: project() },
        Event::SubPlanFailed { project: project(), text: words() },
        Event::SubPlanEscalated { project: project(), text: words() },
        Event::SubPlanReset { project: project(), anew: true, rests: true },
        Event::FinalizeAsked {},
        Event::PartLooked { project: project(), look: 2 },
        told(Words::Commit { files: vec!["a b".to_owned()] }),
        told(Words::Mend { text: words() }),
        Event::SubPlanReady {
            project: project(),
            head: "c1".to_owned(),
            remote: Some("origin".to_owned()),
        },
        Event::SubPlanStands { project: project(), head: "c1".to_owned(), remote: None },
        Event::FinalizeFailed { project: project(), text: words() },
        Event::ReviewStarted { project: project(), cycle: 2, run: run(), head: "c1".to_owned() },
        Event::VerdictAsked { project: project(), cycle: 2 },
        Event::ReviewPassed { project: project(), cycle: 2, critiques: vec![critique()] },
        Event::CritiquesFound { project: project(), cycle: 2, critiques: vec![critique()] },
        Event::ReviewFailed { project: project(), cycle: 2, text: words(), refunded: true },
        Event::ReworkAsked { project: project(), critiques: vec![critique()] },
        Event::ReviewGranted { project: project() },
        Event::Commented { project: project(), critique: critique() },
        Event::SubPlanAccepted { project: project(), by: "ada".to_owned(), text: words() },
        Event::ForemanAsked {
            question: question(),
            run: run(),
            text: words(),
            context: Some(words()),
        },
        Event::ForemanJoined { question: question(), run: run(), to: question() },
        Event::ForemanRefined { question: question(), text: words() },
        Event::ForemanTurned { question: question(), run: run(), goes_on: true },
        Event::ForemanReplied { question: question(), text: words(), sure: true },
        Event::ForemanDied { question: question(), text: words() },
        Event::ForemanGaveUp { question: question(), text: words() },
        Event::ForemanStopped { text: words() },
        Event::QuestionSettled { question: question() },
        Event::Learned {
            known: Box::new(Known {
                question: question(),
                project: Some(project()),
                text: words(),
                context: Some(words()),
                answer: words(),
                by: "ada".to_owned(),
                at: Timestamp(7),
            }),
        },
        Event::Amended {
            title: Some(words()),
            body: Some(words()),
            priority: Some(-2),
            needs: Some(vec![crate::id::TaskId::new([7; crate::id::LENGTH])]),
        },
    ]
}

fn question() -> QuestionId {
    QuestionId::new([8; crate::id::LENGTH])
}

fn critique() -> Critique {
    Critique {
        severity: Severity::Major,
        file: Some("src/a b.rs".to_owned()),
        line: Some(12),
        text: "it said \"no\"\n…".to_owned(),
        suggestion: Some("it said \"no\"\n…".to_owned()),
        by: Some("ada".to_owned()),
    }
}

fn document() -> Plan {
    let part = |name: &str| {
        format!(
            "## SubPlan: {name}\n### Goal\nIt holds.\n### Scope\n- a\n### Changes\n- b\n### Validation\n- c\n### Risks\n- d\n"
        )
    };
    let text = format!(
        "```skep-plan\nexecution_groups:\n  - [api]\n  - [web]\nneeds:\n  web: [api]\n```\n\n## Orchestration\nTogether.\n\n{}\n{}",
        part("api"),
        part("web")
    );
    let checked = plan::check(&text, None);
    assert_eq!(checked.findings, []);
    checked.plan
}

pub(super) fn kind(event: &Event) -> usize {
    match event {
        Event::PlanAsked { .. } => 0,
        Event::PlanBegun { .. } => 1,
        Event::DraftRefused { .. } => 2,
        Event::PlanGenerated { .. } => 3,
        Event::PlanSubmitted { .. } => 4,
        Event::PlanSuperseded { .. } => 5,
        Event::PlanRejected { .. } => 6,
        Event::PlanRevised { .. } => 7,
        Event::PlanApproved { .. } => 8,
        Event::PlanFailed { .. } => 9,
        Event::PlanCancelled { .. } => 10,
        Event::ImplementAsked { .. } => 11,
        Event::PartGiven { .. } => 12,
        Event::PartPlaced { .. } => 13,
        Event::WaveStarted { .. } => 14,
        Event::SubPlanStarted { .. } => 15,
        Event::SubPlanCompleted { .. } => 16,
        Event::SubPlanFailed { .. } => 17,
        Event::SubPlanEscalated { .. } => 18,
        Event::SubPlanReset { .. } => 19,
        Event::FinalizeAsked {} => 20,
        Event::PartLooked { .. } => 21,
        Event::PartTold { .. } => 22,
        Event::SubPlanReady { .. } => 23,
        Event::SubPlanStands { .. } => 24,
        Event::FinalizeFailed { .. } => 25,
        Event::Amended { .. } => 26,
        Event::ReviewStarted { .. } => 27,
        Event::VerdictAsked { .. } => 28,
        Event::ReviewPassed { .. } => 29,
        Event::CritiquesFound { .. } => 30,
        Event::ReviewFailed { .. } => 31,
        Event::ReworkAsked { .. } => 32,
        Event::ReviewGranted { .. } => 33,
        Event::Commented { .. } => 34,
        Event::SubPlanAccepted { .. } => 35,
        Event::ForemanAsked { .. } => 36,
        Event::ForemanJoined { .. } => 37,
        Event::ForemanRefined { .. } => 38,
        Event::ForemanTurned { .. } => 39,
        Event::ForemanReplied { .. } => 40,
        Event::ForemanDied { .. } => 41,
        Event::ForemanGaveUp { .. } => 42,
        Event::ForemanStopped { .. } => 43,
        Event::QuestionSettled { .. } => 44,
        Event::Learned { .. } => 45,
    }
}

pub(super) const KINDS: usize = 46;
