//! The verdict of a reviewer, from its client through `skep mcp` to the reports of its keeper.

use serde_json::{Value, json};
use skep_core::run::Kind;

use super::{run::Attempt, *};
use crate::mcp::{answer, call, lines, opening};

const SKEP: &str = env!("CARGO_BIN_EXE_skep");

/// What the tools answer to these calls, in order, where the run is of kind `real` and its server is told `told`.
fn said(real: Kind, told: Kind, calls: &[(&str, Value)]) -> (Vec<Value>, Attempt) {
    let mut words = opening();
    for (id, (name, arguments)) in (2..).zip(calls) {
        words.push(call(id, name, arguments));
    }
    let answers = words.len() - 1;
    // Its client hangs up when it has heard it all.
    let script = format!(
        ": > out; (cat words; while [ $(wc -l < out) -lt {answers} ]; do sleep 0.02; done) |\
         HOME=\"$PWD\" {SKEP} mcp --run run_x --keeper \"$PWD/ctl\" --kind {} > out",
        told.as_str()
    );
    let mut attempt = Attempt::new("plain", &script);
    attempt.spec.kind = real;
    fs::write(attempt.path("words"), lines(&words)).unwrap();
    attempt.run();
    let out = fs::read_to_string(attempt.path("out")).unwrap();
    ((2..).zip(calls).map(|(id, _)| answer(&out, id)).collect(), attempt)
}

fn called(attempt: &Attempt) -> Vec<Value> {
    let reports = attempt.reports().into_iter();
    reports.filter(|line| line["kind"] == "called").map(|line| line["call"].clone()).collect()
}

#[test]
fn a_reviewers_client_gives_its_verdict_and_the_reports_have_what_counts() {
    let bad = json!({"severity": "blocker", "file": "src/pay.rs", "line": 42, "description": " A refund is lost. "});
    let first = json!({"critiques": [bad, {"severity": "nit", "description": "A name."}]});
    let calls = [("verdict", first), ("verdict", json!({"critiques": []}))];
    let (answers, attempt) = said(Kind::Review, Kind::Review, &calls);
    let counts = json!({"severity": "major", "file": "src/pay.rs", "line": 42, "description": "A refund is lost."});
    assert_eq!(answers[0]["structuredContent"]["critiques"][0], counts, "{answers:?}");
    assert_eq!(answers[1]["structuredContent"], json!({"given": true, "critiques": []}));
    let calls = called(&attempt);
    let counts =
        json!({"severity": "major", "file": "src/pay.rs", "line": 42, "text": "A refund is lost."});
    let nit = json!({"severity": "nit", "text": "A name."});
    assert_eq!(calls[0], json!({"tool": "verdict", "critiques": [counts, nit]}));
    assert_eq!(calls[1], json!({"tool": "verdict", "critiques": []}));
    assert_eq!(attempt.kinds("journal.jsonl").iter().filter(|kind| *kind == "called").count(), 2);
}

#[test]
fn whatever_its_server_is_told_nobody_but_a_reviewer_judges() {
    let verdict = ("verdict", json!({"critiques": []}));
    for kind in [Kind::Code, Kind::Plan, Kind::Foreman, Kind::Manual, Kind::Gate] {
        let (answers, attempt) = said(kind, Kind::Review, std::slice::from_ref(&verdict));
        assert!(answers[0].to_string().contains("tool-unfit"), "{kind:?} {answers:?}");
        assert!(called(&attempt).is_empty(), "{kind:?}");
    }
}

#[test]
fn whatever_its_server_is_told_a_foreman_asks_nobody() {
    let ask = |name: &'static str| (name, json!({"question": "Which port?"}));
    let calls = [ask("ask_human"), ask("ask_foreman"), ("note", json!({"text": "so"}))];
    let (answers, attempt) = said(Kind::Foreman, Kind::Code, &calls);
    for asked in &answers[..2] {
        assert!(asked.to_string().contains("a foreman answers"), "{answers:?}");
    }
    assert_eq!(called(&attempt), [json!({"tool": "note", "text": "so"})]);
}

/// A line of its own making on the keeper's socket is held to the same.
#[test]
fn a_verdict_in_somebody_elses_name_is_the_reviewers_own() {
    let critique = json!({"severity": "nit", "text": "Fine.", "by": "ada"});
    let words =
        json!({"ctl": "tool", "key": "k", "call": {"tool": "verdict", "critiques": [critique]}});
    let script = "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect(\"ctl\"); \
                  s.sendall(open(\"words\", \"rb\").read()); print(s.recv(9999))'";
    let mut attempt = Attempt::new("plain", script);
    attempt.spec.kind = Kind::Review;
    fs::write(attempt.path("words"), lines(&[words])).unwrap();
    attempt.run();
    let counts = json!({"severity": "nit", "text": "Fine."});
    assert_eq!(called(&attempt), [json!({"tool": "verdict", "critiques": [counts]})]);
}
