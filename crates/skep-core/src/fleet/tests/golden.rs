//! One line of each kind of event, as a ledger holds it. A change here is a change of the format, and needs more than
//! a new golden file: what was written yesterday must be read tomorrow.

use std::collections::BTreeSet;

use super::{super::*, ONE, project, task, task_id};
use crate::{
    budget::Price,
    change::{Change, ChangeState, Check, CheckState, Comment},
    facts::Exit,
    id::OpId,
    review::{Critique, Severity},
    run::{
        Ask, Attestation, Because, Claims, Env, Event as Of, Fallback, Hears, Hooks, Login, Logins,
        Merged, NoSight, OpResult, Outcome, Proposing, Reason, Receipt, Requeue, Ruling, SetUp,
        Sight, Speech, Surface, WaitingFor,
        adopted::tests::brief_of_adopted,
        gate::tests::brief_of_gate,
        landing::{Ahead, Gate, Passed, Stage, Trial, Wish},
        question::{self, Answer, Asking, Claim, Claimed, Question, Standing, Whom},
        tests::{
            matrix::{KINDS_OF_EVENTS, kind_of_event, wanted},
            script::{after, attested, brief, env, git, op, snap, taken, trial},
        },
    },
    said::{Carried, ErrorClass, TurnResult, Usage},
    snapshot::{Snapshot, Why},
};

mod of_notices;
pub(super) mod of_tasks;

const GOLDEN: &str = include_str!("../../../tests/golden/events.jsonl");
/// As they were written before snapshots; only read.
const V1: &str = include_str!("../../../tests/golden/events.v1.jsonl");

fn houses() -> Vec<House> {
    vec![
        House::LimitsSet { limits: Limits { runs: 8, per_project: 4, prepare: 2, ..ONE } },
        House::DiskSeen { short: Some(999) },
        House::BudgetsSet {
            budgets: Budgets {
                all: Shares {
                    task: Budget { tokens: Some(9), ..Budget::default() },
                    project: Budget { turns: Some(8), ..Budget::default() },
                    day: Budget { usd: Some(5.0), ..Budget::default() },
                },
                at_day: AtDay::Stop,
                projects: [("web".to_owned(), Shares::default())].into(),
                ahead_min: 60,
            },
        },
        House::DayBudgetMet {
            day: 20_000,
            limit: Budget { usd: Some(5.0), ..Budget::default() },
            spent: Amount {
                usage: Usage { cost_usd: Some(5.5), ..Usage::default() },
                turns: 3,
                estimated: true,
                unpriced: true,
            },
        },
        House::Themed { project: "web".to_owned(), theme: "gems".to_owned() },
        House::ProjectAdded {
            project: Project {
                base: Some("origin/main".to_owned()),
                ..project("web", "/src/web/.git")
            },
        },
        House::ProjectRemoved { name: "web".to_owned() },
        House::ProjectApproved { name: "web".to_owned(), digest: "d1".to_owned() },
        House::GatesApproved { name: "web".to_owned(), digest: "d2".to_owned() },
        House::TaskAdded {
            task: Task { project: Some("web".to_owned()), needs: vec![task_id("u")], ..task("t") },
        },
        House::TaskAdded { task: Task { trust: crate::run::Trust::Outside, ..task("t") } },
        House::TaskMoved { state: TaskState::Implementing, run: Some(brief("amber").id) },
        House::TaskLifted {},
        House::TaskRemoved {},
        House::ClashesSeen {
            clashes: vec![Clash {
                a: super::id("amber"),
                b: super::id("beryl"),
                kind: crate::radar::Kind::Conflict,
                files: crate::radar::Files { files: vec!["src/a.rs".to_owned()], more: 2 },
            }],
            gone: vec![Pair { a: super::id("amber"), b: super::id("coral") }],
            strays: vec![Stray {
                run: super::id("amber"),
                files: crate::radar::Files { files: vec!["docs/a.md".to_owned()], more: 0 },
            }],
        },
        House::ConflictTold { run: super::id("beryl"), of: vec![super::id("amber")] },
    ]
}

fn kind_of_house(house: &House) -> usize {
    match house {
        House::LimitsSet { .. } => 0,
        House::ProjectAdded { .. } => 1,
        House::ProjectRemoved { .. } => 2,
        House::ProjectApproved { .. } => 3,
        House::TaskAdded { .. } => 4,
        House::TaskMoved { .. } => 5,
        House::DiskSeen { .. } => 6,
        House::Themed { .. } => 7,
        House::BudgetsSet { .. } => 8,
        House::DayBudgetMet { .. } => 9,
        House::TaskLifted {} => 10,
        House::TaskRemoved {} => 11,
        House::GatesApproved { .. } => 12,
        House::ClashesSeen { .. } => 13,
        House::ConflictTold { .. } => 14,
    }
}

const KINDS_OF_HOUSES: usize = 15;

/// A brief in which nothing is left out.
fn whole_brief() -> Brief {
    let mut brief = brief("amber");
    brief.task = Some(task_id("t"));
    brief.project = Some("web".to_owned());
    brief.model = Some("m1".to_owned());
    brief.place.base = Some("origin/main".to_owned());
    brief.place.target = Some("main".to_owned());
    brief.place.copy = vec![".env".to_owned()];
    brief.place.link = vec!["cache".to_owned()];
    brief.place.set_up = Some(SetUp {
        run: Some("npm ci".to_owned()),
        strict: true,
        timeout_ms: 600_000,
        digest: "d1".to_owned(),
    });
    brief.place.hooks = Hooks {
        creating: Some("scripts/may-i".to_owned()),
        created: Some("scripts/tell".to_owned()),
        timeout_ms: 30_000,
        reference: Some("ENG-7".to_owned()),
        sub_plan: Some("words".to_owned()),
    };
    brief.policy.jitter = 0.2;
    brief.policy.spare = vec!["sccache".to_owned()];
    brief.policy.env = vec!["DATABASE_URL".to_owned()];
    brief.supersedes = Some(super::id("beryl"));
    brief.place.reads = vec!["/src/web".to_owned()];
    brief.part = Some(crate::run::Part { project: "web".to_owned(), held: false });
    brief.fallback = Some(Fallback {
        agent: "codex".to_owned(),
        speaks: true,
        hears: crate::run::Hears { messages: false, steers: false, resumes: true },
        model: Some("m2".to_owned()),
        account: Some("home".to_owned()),
        args: vec!["--search".to_owned()],
        logins: Logins { shared: String::new(), accounts: vec![login("home", "CODEX_HOME")] },
    });
    brief.budget = Budget {
        usd: Some(5000.0),
        tokens: Some(9_000_000_000),
        wall_ms: Some(86_400_000),
        turns: Some(3000),
    };
    brief.prices = vec![Price {
        model: "m*".to_owned(),
        input: 2.0,
        output: 10.0,
        cached: Some(0.2),
        cache_write: Some(2.5),
    }];
    brief.trust = crate::run::Trust::Outside;
    brief.posture = crate::run::Posture::Consult;
    brief.needs = super::leases::one_of_each();
    brief.seed = "7k2m9qx4ab".to_owned();
    brief.logins = Logins {
        shared: "claude".to_owned(),
        accounts: vec![login("work", "CLAUDE_CONFIG_DIR"), login("own", "CLAUDE_CONFIG_DIR")],
    };
    brief
}

fn login(name: &str, variable: &str) -> Login {
    let folders = [(variable.to_owned(), format!("/home/ada/.{name}"))].into();
    Login { name: name.to_owned(), folders }
}

/// A snapshot in which nothing is left out.
fn whole_snapshot() -> Box<Snapshot> {
    let at = Timestamp(1_795_174_990_456);
    let taken = taken(snap(&brief("amber").id, "3"), Why::Close, at, true);
    Box::new(Snapshot { left_out: vec!["run/agent.sock".to_owned()], ..taken })
}

fn exit() -> Exit {
    Exit {
        code: 137,
        signal: Some(9),
        started: Timestamp(1_795_174_980_123),
        ended: Timestamp(1_795_174_990_456),
        forced: true,
        let_go: false,
        error: Some("no such program".to_owned()),
        spared: vec!["sccache (77)".to_owned()],
        git: Some(git("c1", 1, true)),
    }
}

/// A question in which nothing is left out.
fn whole_question() -> Box<Question> {
    Box::new(Question {
        id: question::nth(&brief("amber").id, 0),
        asking: Asking {
            key: "call-1".to_owned(),
            to: Whom::Foreman,
            text: "Which port?".to_owned(),
            context: Some("8080 is taken".to_owned()),
            options: vec!["8081".to_owned(), "9090".to_owned()],
        },
        attempt: 1,
        at: Timestamp(1_795_174_990_456),
        standing: Standing::Pending,
        calls: true,
        blocks: true,
        proposal: Some("blue".to_owned()),
        answer: None,
    })
}

fn words() -> String {
    "it said \"no\"\n…".to_owned()
}

fn done(result: OpResult) -> Of {
    Of::OpDone { op: op(1), result }
}

fn of_runs() -> Vec<Of> {
    let text = words;
    let nth = |n| snap(&brief("amber").id, n);
    vec![
        Of::Created { brief: Box::new(whole_brief()) },
        Of::Created { brief: Box::new(brief_of_adopted("amber")) },
        Of::Created { brief: Box::new(brief_of_gate("garnet", "amber")) },
        Of::Created { brief: Box::new(gate_with_tools()) },
        Of::Leased { leases: super::leases::of_each() },
        Of::LeasesInUse { leases: super::leases::of_each() },
        Of::Admitted {},
        Of::Prepared { env: env("amber") },
        Of::Prepared { env: Env { reused: true, ..env("amber") } },
        Of::Began { gatekeeper: 7 },
        Of::Started { pid: 8, gatekeeper: 7 },
        Of::SessionNamed { session: "conversation-1".to_owned() },
        Of::ResumeRefused { text: text() },
        Of::Worked {},
        Of::TurnsTo {
            speech: Speech { surface: Surface::Headless, speaks: true, hears: Hears::default() },
            message: Some(text()),
        },
        Of::AsBefore { text: text() },
        Of::TurnEnded { result: TurnResult::Success, text: text() },
        Of::Used {
            usage: Usage {
                input_tokens: 10,
                output_tokens: 2,
                cached_tokens: 4,
                cache_write_tokens: 1,
                cost_usd: Some(0.25),
            },
            carried: Carried { tokens: true, cost: false },
        },
        Of::ModelTold { model: "m1".to_owned() },
        Of::BudgetRaised { by: Budget { usd: Some(5.0), ..Budget::default() } },
        Of::Erred { class: ErrorClass::Limit, text: text() },
        Of::Waits { on: WaitingFor::Answer, text: text() },
        Of::Given { id: "q".to_owned(), text: text() },
        Of::Sent { id: "m".to_owned(), text: text(), steer: true },
        Of::Receipt { id: "m".to_owned(), receipt: Receipt::TurnStarted, text: text() },
        Of::LeaveAsked { ask: Box::new(Ask { text: text(), ..wanted(&brief("amber").id) }) },
        Of::LeaveRuled {
            id: wanted(&brief("amber").id).id,
            ruling: Ruling { allow: false, text: Some(text()) },
        },
        Of::LeaveWithdrawn { id: wanted(&brief("amber").id).id },
        Of::QuestionAsked { question: whole_question() },
        Of::QuestionEscalated {
            id: whole_question().id,
            proposal: Some("blue, as the plan says of the web".to_owned()),
        },
        Of::QuestionProposed { id: whole_question().id, text: "green".to_owned() },
        Of::QuestionLeft { id: whole_question().id },
        Of::QuestionAnswered {
            id: whole_question().id,
            answer: Answer {
                text: Some(text()),
                by: "person".to_owned(),
                at: Timestamp(1_795_174_990_456),
            },
        },
        Of::QuestionAnswered {
            id: whole_question().id,
            answer: Answer {
                text: None,
                by: "person".to_owned(),
                at: Timestamp(1_795_174_990_456),
            },
        },
        Of::QuestionWithdrawn { id: whole_question().id },
        Of::Claimed {
            claim: Box::new(Claim::Work {
                status: Claimed::Blocked,
                summary: text(),
                evidence: Some(text()),
            }),
        },
        Of::Claimed { claim: Box::new(Claim::Paths { paths: vec!["src/app".to_owned()] }) },
        Of::Claimed { claim: Box::new(Claim::Note { text: text() }) },
        Of::Claimed {
            claim: Box::new(Claim::Verdict {
                critiques: vec![Critique {
                    severity: Severity::Major,
                    file: Some("src/app.rs".to_owned()),
                    line: Some(3),
                    text: text(),
                    suggestion: Some(text()),
                    by: None,
                }],
            }),
        },
        Of::Lifted {},
        Of::RulesAsked {},
        Of::Readied {},
        Of::Released {},
        Of::RulesSet { nth: 2, why: Some(text()) },
        Of::Goes {},
        Of::Shown { session: "skep-amber".to_owned(), pane: "%3".to_owned() },
        Of::Stalled { quiet_ms: 1_800_000, tool: true },
        Of::Retrying { attempt: 3, of: Some(10), text: text() },
        Of::RetryOver {},
        Of::LimitMet { text: text(), reset: Some(Timestamp(1_795_174_995_000)) },
        Of::Limited {
            until: Timestamp(1_795_174_995_000),
            known: true,
            exit: Some(exit()),
            text: text(),
        },
        Of::Rotated { account: "own".to_owned() },
        Of::FellBack {
            agent: "codex".to_owned(),
            speaks: true,
            until: Timestamp(1_795_174_995_000),
            known: false,
            exit: None,
            text: text(),
        },
        Of::StopAsked { force: true, because: Because::Person },
        Of::Lost { because: Because::HostRestart },
        Of::SweptUnknown { text: text() },
        Of::Ended {
            outcome: Outcome::Failed,
            reason: Some(Reason::NoResult),
            exit: Some(exit()),
            text: text(),
        },
        Of::Ended {
            outcome: Outcome::Interrupted,
            reason: Some(Reason::Adopted),
            exit: None,
            text: String::new(),
        },
        Of::Requeued {
            attempt: 2,
            not_before: Some(Timestamp(1_795_174_995_000)),
            why: Requeue::Death,
            text: text(),
            goes_on: false,
            message: None,
            speech: None,
        },
        Of::Requeued {
            attempt: 3,
            not_before: None,
            why: Requeue::Wish,
            text: String::new(),
            goes_on: true,
            message: Some(text()),
            speech: None,
        },
        Of::Requeued {
            attempt: 4,
            not_before: None,
            why: Requeue::Refused,
            text: text(),
            goes_on: true,
            message: None,
            speech: Some(Speech {
                surface: Surface::Terminal,
                speaks: false,
                hears: Hears::default(),
            }),
        },
        Of::Requeued {
            attempt: 4,
            not_before: None,
            why: Requeue::Message,
            text: String::new(),
            goes_on: true,
            message: None,
            speech: None,
        },
        Of::Requeued {
            attempt: 4,
            not_before: None,
            why: Requeue::Limit,
            text: String::new(),
            goes_on: true,
            message: None,
            speech: None,
        },
        Of::Requeued {
            attempt: 4,
            not_before: None,
            why: Requeue::Resource,
            text: text(),
            goes_on: false,
            message: None,
            speech: None,
        },
        Of::Undoing {},
        Of::Undone { text: Some(text()) },
        Of::PauseAsked {},
        Of::CloseAsked { op: op(1), how: How::Force },
        Of::Closing { op: op(1), how: How::KeepBranch, snapshot: Some(nth("3")) },
        Of::Closing { op: op(1), how: How::Smart, snapshot: Some(nth("3")) },
        Of::Closing { op: op(1), how: How::Aged, snapshot: None },
        Of::Landing { op: op(1), wish: Wish::default() },
        Of::Landing {
            op: op(1),
            wish: Wish { gates_only: true, settings_seen: true, batch: 8, conflicts: 3 },
        },
        Of::LandingMoved { to: Stage::InLine {}, text: text(), batch: Some(4) },
        Of::LandingMoved {
            to: Stage::Combining { riders: vec![brief("beryl").id], ahead: None },
            text: String::new(),
            batch: None,
        },
        Of::LandingMoved {
            to: Stage::Combining { riders: Vec::new(), ahead: Some(ahead()) },
            text: String::new(),
            batch: None,
        },
        Of::LandingMoved {
            to: Stage::Checking { trial: whole_trial(), gates: None, ahead: None },
            text: String::new(),
            batch: None,
        },
        Of::LandingMoved {
            to: Stage::Checking { trial: whole_trial(), gates: None, ahead: Some(ahead()) },
            text: String::new(),
            batch: None,
        },
        Of::LandingMoved {
            to: Stage::Checking {
                trial: whole_trial(),
                gates: Some(vec![Gate { name: text(), run: brief("gate").id, passed: None }]),
                ahead: None,
            },
            text: String::new(),
            batch: None,
        },
        Of::LandingMoved {
            to: Stage::Bringing {
                trial: whole_trial(),
                gates: vec![Gate { name: text(), run: brief("gate").id, passed: Some(true) }],
            },
            text: String::new(),
            batch: None,
        },
        Of::LandingMoved {
            to: Stage::Riding { with: brief("beryl").id },
            text: String::new(),
            batch: None,
        },
        Of::LandingMoved { to: Stage::Resolving {}, text: text(), batch: None },
        Of::ConflictGiven { words: words() },
        Of::GateEnded { gate: brief("gate").id, passed: false, text: text() },
        Of::Attested { attestation: whole_attestation() },
        Of::Attested { attestation: attestation_with_tools() },
        Of::Proposing { op: op(1), asked: Box::new(whole_asked()) },
        Of::Looking {},
        Of::Followed { found: Some(Box::new(whole_sight())), failed: None, not_before: None },
        Of::Followed {
            found: None,
            failed: Some(NoSight { slug: "forge-offline".to_owned(), text: text() }),
            not_before: Some(Timestamp(1_795_174_995_000)),
        },
        Of::RoundBegun { head: Some("c1".to_owned()) },
        Of::RoundOver { stuck: Some(text()) },
        Of::Snapping { id: nth("3"), why: Why::Turn },
        Of::Snapped { snapshot: whole_snapshot() },
        Of::SnapFailed { id: nth("3"), text: text() },
        Of::Settled { snapshot: whole_snapshot() },
        Of::Forgetting { op: op(1), snapshots: vec![nth("3"), nth("4")] },
        Of::Restoring { op: op(2), snapshot: nth("3"), before: nth("4"), undoes: Some(op(1)) },
        Of::Reverting { op: op(2), of: op(1) },
        Of::Purged { snapshot: nth("3") },
        Of::LogsDropped {},
        Of::IssueLeaving {},
        Of::IssueLeft { text: "offline".to_owned(), next: Some(Timestamp(9)) },
        Of::IssueCommented { key: "run_1.0123456789abcdef".to_owned() },
        Of::Renamed { name: "beryl".to_owned() },
    ]
    .into_iter()
    .chain(results().into_iter().map(done))
    .chain([
        Of::GitSeen { facts: git("c1", 1, false) },
        Of::Overstepped { what: "stop".to_owned() },
        Of::Done {},
    ])
    .collect()
}

/// A wish for a change in which nothing is left out.
fn whole_asked() -> Proposing {
    Proposing {
        title: Some("Mend the roof".to_owned()),
        draft: Some(true),
        labels: vec!["roof".to_owned()],
        reviewers: vec!["mary".to_owned()],
        rounds: 3,
        look_ms: 90_000,
    }
}

/// A look at a change in which nothing is left out.
fn whole_sight() -> Sight {
    Sight {
        change: Change {
            forge: "github".to_owned(),
            number: 12,
            url: "https://github.com/o/r/pull/12".to_owned(),
            state: ChangeState::Merged,
            draft: true,
            head: "c1".to_owned(),
            base: "main".to_owned(),
            merged_as: Some("c2".to_owned()),
        },
        checks: vec![Check {
            name: "test".to_owned(),
            state: CheckState::Failed,
            url: Some("https://ci.example/1".to_owned()),
            text: words(),
        }],
        comments: vec![Comment {
            id: "7".to_owned(),
            author: "mary".to_owned(),
            member: true,
            text: words(),
            file: Some("src/lib.rs".to_owned()),
            line: Some(7),
            at: Timestamp(1_795_174_995_000),
        }],
    }
}

/// Every way that a wish can come out, once with all that it may hold and once with little.
fn results() -> Vec<OpResult> {
    let nth = |n| snap(&brief("amber").id, n);
    let (target, old, new) = (|| "main".to_owned(), || "b0".to_owned(), || "c1".to_owned());
    vec![
        OpResult::Closed {
            kept_branch: Some("skep/amber".to_owned()),
            trash: None,
            text: words(),
            merged: None,
            snapshot: None,
            unsettled: false,
        },
        OpResult::Closed {
            kept_branch: None,
            trash: Some("/trash/1".to_owned()),
            text: words(),
            merged: Some(Merged::Yes),
            snapshot: Some(whole_snapshot()),
            unsettled: true,
        },
        OpResult::Landed {
            target: target(),
            old: old(),
            new: new(),
            commits: 1,
            beside: Vec::new(),
        },
        OpResult::Attested { target: target(), tree: "t1".to_owned(), gates: 2 },
        OpResult::Proposed {
            change: Box::new(whole_sight().change),
            made: true,
            left: vec![words()],
        },
        OpResult::Snapped { snapshot: whole_snapshot() },
        OpResult::Forgotten { snapshots: vec![nth("3")] },
        OpResult::Restored {
            snapshot: nth("3"),
            env: Box::new(env("amber")),
            before: Some(whole_snapshot()),
            text: words(),
        },
        OpResult::Reverted { of: op(1), target: target(), old: old(), new: new() },
        OpResult::Refused {
            slug: "target-dirty".to_owned(),
            text: words(),
            hints: vec!["git status".to_owned()],
            merged: Some(Merged::NoChange),
        },
        OpResult::Failed { slug: "close-failed".to_owned(), text: words() },
    ]
}

fn ahead() -> Ahead {
    Ahead { run: brief("beryl").id, commit: "c9".to_owned() }
}

fn whole_trial() -> Box<Trial> {
    let remote = Some("origin".to_owned());
    Box::new(Trial { remote, ..trial(&brief("amber").id, &[brief("beryl").id]) })
}

fn gate_with_tools() -> Brief {
    let brief = brief_of_gate("garnet", "amber");
    let gate = brief.gate.clone().map(|gate| run::Gate { tools: vec!["cargo".to_owned()], ..gate });
    Brief { gate, ..brief }
}

fn attestation_with_tools() -> Box<Attestation> {
    let mut seen = whole_attestation();
    for gate in &mut seen.gates {
        gate.tools.push(("cargo".to_owned(), "cargo 1.95.0".to_owned()));
    }
    seen
}

fn whole_attestation() -> Box<Attestation> {
    let gate = Passed {
        name: "test".to_owned(),
        run: brief("gate").id,
        command: "scripts/test".to_owned(),
        exit: Some(exit()),
        log: Some("sha256:1".to_owned()),
        tools: Vec::new(),
    };
    let seen = attested(&whole_trial());
    Box::new(Attestation {
        gates: vec![gate],
        tools: vec![("git".to_owned(), "2.47.3".to_owned())],
        ..seen
    })
}

fn kind_of_result(result: &OpResult) -> usize {
    match result {
        OpResult::Closed { .. } => 0,
        OpResult::Landed { .. } => 1,
        OpResult::Snapped { .. } => 2,
        OpResult::Forgotten { .. } => 3,
        OpResult::Restored { .. } => 4,
        OpResult::Reverted { .. } => 5,
        OpResult::Refused { .. } => 6,
        OpResult::Failed { .. } => 7,
        OpResult::Attested { .. } => 8,
        OpResult::Proposed { .. } => 9,
    }
}

const KINDS_OF_RESULTS: usize = 10;

fn events() -> Vec<Event> {
    let theirs = of_tasks::events().into_iter().map(Event::Task);
    let of_runs = of_runs().into_iter().map(Event::Run);
    let told = of_notices::events().into_iter().map(Event::Notice);
    houses().into_iter().map(Event::House).chain(of_runs).chain(theirs).chain(told).collect()
}

#[test]
fn the_golden_events_are_written_as_they_always_were() {
    let written: String =
        events().iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    assert!(written == GOLDEN, "the format of events has changed; it is now:\n{written}");
}

#[test]
fn the_golden_events_are_read_as_they_were_meant() {
    let read: Vec<Event> = GOLDEN.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, events());
}

#[test]
fn there_is_a_golden_event_of_each_kind() {
    let houses: BTreeSet<usize> = houses().iter().map(kind_of_house).collect();
    assert_eq!(houses, (0..KINDS_OF_HOUSES).collect());
    let of_runs: BTreeSet<usize> = of_runs().iter().map(kind_of_event).collect();
    assert_eq!(of_runs, (0..KINDS_OF_EVENTS).collect());
    let theirs: BTreeSet<usize> = of_tasks::events().iter().map(of_tasks::kind).collect();
    assert_eq!(theirs, (0..of_tasks::KINDS).collect());
    let told: BTreeSet<usize> = of_notices::events().iter().map(of_notices::kind).collect();
    assert_eq!(told, (0..of_notices::KINDS).collect());
    let results: BTreeSet<usize> = results().iter().map(kind_of_result).collect();
    assert_eq!(results, (0..KINDS_OF_RESULTS).collect());
}

/// What was written before there were snapshots says what it said.
#[test]
fn events_of_the_first_format_are_read_as_they_were_meant() {
    let read: Vec<Event> = V1.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |wanted: Of| {
        assert!(read.contains(&Event::Run(wanted.clone())), "{wanted:?}");
    };
    let limits = Limits { runs: 8, per_project: 4, prepare: 2, ..Limits::default() };
    assert_eq!(read[0], Event::House(House::LimitsSet { limits }));
    let whole = whole_brief();
    let brief = Brief {
        place: crate::run::Place {
            hooks: Hooks::default(),
            reads: Vec::new(),
            ..whole.place.clone()
        },
        supersedes: None,
        needs: Vec::new(),
        foreman: false,
        within: None,
        fallback: None,
        budget: Budget::default(),
        prices: Vec::new(),
        hears: Hears::default(),
        trust: crate::run::Trust::Person,
        posture: crate::run::Posture::Headless,
        issue: None,
        claims: Claims::default(),
        lineage: None,
        seed: String::new(),
        part: None,
        logins: Logins::default(),
        ..whole
    };
    of(Of::Created { brief: Box::new(brief) });
    of(Of::Closing { op: op(1), how: How::KeepBranch, snapshot: None });
    of(Of::Closing { op: op(2), how: How::Smart, snapshot: None });
    of(Of::Requeued {
        attempt: 2,
        not_before: Some(Timestamp(1_795_174_995_000)),
        why: Requeue::Death,
        text: words(),
        goes_on: false,
        message: None,
        speech: None,
    });
    of(done(results().remove(0)));
    of(done(OpResult::Refused {
        slug: "target-dirty".to_owned(),
        text: words(),
        hints: vec!["git status".to_owned()],
        merged: None,
    }));
    let of_runs = of_runs();
    let changed = read.iter().filter(|event| match event {
        Event::Run(event) => !of_runs.contains(event),
        Event::House(event) => !houses().contains(event),
        Event::Task(event) => !of_tasks::events().contains(event),
        Event::Notice(_) => true,
    });
    assert_eq!(changed.count(), 6, "the others are what they are today");
}

/// A ledger that was begun before snapshots goes on: a close of then counts as one, and can be taken no further back.
#[test]
fn a_close_of_the_first_format_is_applied_as_it_was() {
    let mut run = after(brief("amber"), "0 admit, 1 prepared, 2 started, 9 exit 7 unseen");
    let before = run.snaps;
    for line in V1.lines().filter(|line| line.contains("op_1111111111")) {
        let Ok(event @ (Of::Closing { .. } | Of::OpDone { .. })) = serde_json::from_str(line)
        else {
            continue;
        };
        if matches!(event, Of::Closing { .. } | Of::OpDone { result: OpResult::Closed { .. }, .. })
        {
            run.apply(&event, Timestamp(10_000)).unwrap();
        }
    }
    assert!(run.closed && matches!(run.env, EnvState::Closed(_)), "{:?}", run.env);
    assert_eq!(run.snaps, before + 1, "the id that the daemon took for it is spent");
    assert_eq!((run.undoable.len(), run.settling), (0, None));
}

/// Effects that were asked for and not done when the daemon was replaced are done by the new one.
#[test]
fn an_unfinished_close_of_the_first_format_is_read() {
    use crate::run::Effect;
    for (keep, how) in [(true, How::KeepBranch), (false, How::Smart)] {
        let old = format!(
            r#"{{"effect":"close","run":"run_1d25j00000","op":"op_1111111111","keep_branch":{keep}}}"#
        );
        let effect: Effect = serde_json::from_str(&old).unwrap();
        let close = Effect::Close { run: brief("amber").id, op: op(1), how, snapshot: None };
        assert_eq!(effect, close);
        let new: Effect = serde_json::from_str(&serde_json::to_string(&close).unwrap()).unwrap();
        assert_eq!(new, close);
    }
}

#[test]
fn a_way_of_closing_that_is_not_known_is_refused() {
    for how in [r#""quietly""#, "1", "null"] {
        let line = format!(r#"{{"event":"closing","op":"op_1111111111","how":{how}}}"#);
        assert!(serde_json::from_str::<Event>(&line).is_err(), "{line}");
    }
}

/// The two kinds of events are told apart by their word alone.
#[test]
fn no_word_means_two_events() {
    let words: Vec<String> = GOLDEN
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["event"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let different: BTreeSet<&String> = words.iter().collect();
    let kinds = KINDS_OF_HOUSES + KINDS_OF_EVENTS + of_tasks::KINDS + of_notices::KINDS;
    assert_eq!(different.len(), kinds);
    let more = events().len() - kinds;
    assert_eq!(words.len() - different.len(), more, "only lines of one kind share a word");
}

#[test]
fn an_exit_record_of_few_words_is_read() {
    let few = r#"{"code":7,"signal":null,"started":"2026-11-20T11:43:00.123Z","ended":"2026-11-20T11:43:01.000Z"}"#;
    let exit: Exit = serde_json::from_str(few).unwrap();
    assert_eq!((exit.code, exit.forced, exit.error, exit.git), (7, false, None, None));
}

#[test]
fn an_id_in_an_event_is_still_an_id() {
    let hostile = r#"{"event":"landing","op":"op_../../../x"}"#;
    assert!(serde_json::from_str::<Event>(hostile).is_err());
    assert!("op_../../../x".parse::<OpId>().is_err());
}
