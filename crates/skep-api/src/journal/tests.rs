use serde_json::json;
use skep_core::said::{Carried, TurnResult, Usage};

use super::*;

/// Each kind of line as the contract spells it; a program reads these by `kind`.
fn lines() -> Vec<(Entry, serde_json::Value)> {
    let at = "2026-11-20T11:43:00.123Z";
    let exit = Exit {
        code: 137,
        signal: Some(9),
        started: at.parse().unwrap(),
        ended: at.parse().unwrap(),
        forced: true,
        let_go: false,
        error: None,
        spared: vec!["sccache (7)".to_owned()],
        git: None,
    };
    vec![
        (
            Entry::Started { pid: 5, gatekeeper: 4 },
            json!({"kind": "started", "pid": 5, "gatekeeper": 4}),
        ),
        (
            Entry::Silence { quiet_ms: 9, tool: true },
            json!({"kind": "silence", "quiet_ms": 9, "tool": true}),
        ),
        (Entry::Heard {}, json!({"kind": "heard"})),
        (
            Entry::Overdue { what: Overdue::Ready, text: "it said so".to_owned() },
            json!({"kind": "overdue", "what": "ready", "text": "it said so"}),
        ),
        (Entry::Stderr { text: "x".to_owned() }, json!({"kind": "stderr", "text": "x"})),
        (
            Entry::Dropped { lines: 1, bytes: 2, why: "full".to_owned() },
            json!({"kind": "dropped", "lines": 1, "bytes": 2, "why": "full"}),
        ),
        (
            Entry::Exit { exit },
            json!({"kind": "exit", "exit": {"code": 137, "signal": 9, "started": at, "ended": at, "forced": true,
                "error": null, "spared": ["sccache (7)"], "git": null}}),
        ),
        (Entry::Agent(Said::Said { text: "hi".to_owned() }), json!({"kind": "said", "text": "hi"})),
        (
            Entry::Agent(Said::TurnEnded { result: TurnResult::Success, text: String::new() }),
            json!({"kind": "turn_ended", "result": "success", "text": ""}),
        ),
        (
            Entry::Agent(Said::Usage {
                usage: Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() },
                carried: Carried::default(),
            }),
            json!({"kind": "usage", "usage": {"input_tokens": 1, "output_tokens": 2, "cached_tokens": 0, "cache_write_tokens": 0, "cost_usd": null}}),
        ),
    ]
}

#[test]
fn every_line_is_one_flat_object_that_reads_back_as_what_it_was() {
    for (number, (entry, shape)) in (1..).zip(lines()) {
        let line = Line { line: number, at: "2026-11-20T11:43:00.123Z".parse().unwrap(), entry };
        let mut want = shape;
        want["line"] = json!(number);
        want["at"] = json!("2026-11-20T11:43:00.123Z");
        let text = serde_json::to_string(&line).unwrap();
        assert!(!text.contains('\n'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), want);
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
    }
}

#[test]
fn a_line_of_a_later_version_is_no_line_of_ours() {
    let line = r#"{"line":1,"at":"2026-11-20T11:43:00.123Z","kind":"levitated"}"#;
    assert!(serde_json::from_str::<Line>(line).is_err());
}
