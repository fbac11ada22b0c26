//! One line of each kind of event, as a ledger holds it. A change here is a change of the format, and needs more than
//! a new golden file: what was written yesterday must be read tomorrow.

use std::collections::BTreeSet;

use super::{super::*, project, task, task_id};
use crate::{
    facts::Exit,
    id::OpId,
    run::{
        Because, Event as Of, OpResult, Outcome, Reason, Requeue, SetUp, WaitingFor,
        tests::{
            matrix::{KINDS_OF_EVENTS, kind_of_event},
            script::{brief, env, git, op},
        },
    },
    said::{ErrorClass, TurnResult, Usage},
};

const GOLDEN: &str = include_str!("../../../tests/golden/events.jsonl");

fn houses() -> Vec<House> {
    vec![
        House::LimitsSet { limits: Limits { runs: 8, per_project: 4, prepare: 2 } },
        House::ProjectAdded {
            project: Project {
                base: Some("origin/main".to_owned()),
                ..project("web", "/src/web/.git")
            },
        },
        House::ProjectRemoved { name: "web".to_owned() },
        House::ProjectApproved { name: "web".to_owned(), digest: "d1".to_owned() },
        House::TaskAdded {
            task: Task { project: Some("web".to_owned()), needs: vec![task_id("u")], ..task("t") },
        },
        House::TaskMoved { state: TaskState::Implementing, run: Some(brief("amber").id) },
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
    }
}

const KINDS_OF_HOUSES: usize = 6;

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
    brief.policy.jitter = 0.2;
    brief.policy.spare = vec!["sccache".to_owned()];
    brief.policy.env = vec!["DATABASE_URL".to_owned()];
    brief
}

fn exit() -> Exit {
    Exit {
        code: 137,
        signal: Some(9),
        started: Timestamp(1_795_174_980_123),
        ended: Timestamp(1_795_174_990_456),
        forced: true,
        error: Some("no such program".to_owned()),
        spared: vec!["sccache (77)".to_owned()],
        git: Some(git("c1", 1, true)),
    }
}

fn of_runs() -> Vec<Of> {
    let text = || "it said \"no\"\n…".to_owned();
    let done = |result| Of::OpDone { op: op(1), result };
    vec![
        Of::Created { brief: Box::new(whole_brief()) },
        Of::Admitted {},
        Of::Prepared { env: env("amber") },
        Of::Began { gatekeeper: 7 },
        Of::Started { pid: 8, gatekeeper: 7 },
        Of::SessionNamed { session: "conversation-1".to_owned() },
        Of::TurnEnded { result: TurnResult::Success, text: text() },
        Of::Used { usage: Usage { input_tokens: 10, output_tokens: 2, cost_usd: Some(0.25) } },
        Of::Erred { class: ErrorClass::Limit, text: text() },
        Of::Waits { on: WaitingFor::Answer, text: text() },
        Of::Given { id: "q".to_owned(), text: text() },
        Of::Goes {},
        Of::Stalled { quiet_ms: 1_800_000, tool: true },
        Of::StopAsked { force: true, because: Because::Person },
        Of::Lost { because: Because::HostRestart },
        Of::SweptUnknown { text: text() },
        Of::Ended {
            outcome: Outcome::Failed,
            reason: Some(Reason::NoResult),
            exit: Some(exit()),
            text: text(),
        },
        Of::Requeued {
            attempt: 2,
            not_before: Some(Timestamp(1_795_174_995_000)),
            why: Requeue::Death,
            text: text(),
        },
        Of::Undoing {},
        Of::Undone { text: Some(text()) },
        Of::Closing { op: op(1), keep_branch: true },
        Of::Landing { op: op(1) },
        done(OpResult::Closed {
            kept_branch: Some("skep/amber".to_owned()),
            trash: None,
            text: text(),
        }),
        done(OpResult::Landed {
            target: "main".to_owned(),
            old: "b0".to_owned(),
            new: "c1".to_owned(),
            commits: 1,
        }),
        done(OpResult::Refused {
            slug: "target-dirty".to_owned(),
            text: text(),
            hints: vec!["git status".to_owned()],
        }),
        done(OpResult::Failed { slug: "close-failed".to_owned(), text: text() }),
        Of::GitSeen { facts: git("c1", 1, false) },
        Of::Done {},
    ]
}

fn events() -> Vec<Event> {
    houses().into_iter().map(Event::House).chain(of_runs().into_iter().map(Event::Run)).collect()
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
    assert_eq!(different.len(), KINDS_OF_HOUSES + KINDS_OF_EVENTS);
    let results = words.iter().filter(|word| *word == "op_done").count();
    assert_eq!(
        words.len() - different.len(),
        results - 1,
        "only the four results of one event share a word"
    );
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
