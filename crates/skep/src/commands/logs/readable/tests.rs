use serde_json::{Value, json};

use super::*;

fn look(width: Option<usize>) -> Look {
    Look { out: Output::new(false, false, true), width, times: false, tools: false }
}

fn shown(look: Look, entries: &[Value]) -> Vec<String> {
    let mut reader = Reader::new(look);
    let mut lines = Vec::new();
    for (nth, entry) in entries.iter().enumerate() {
        let mut line = entry.clone();
        line["line"] = json!(nth + 1);
        line["at"] = json!(format!("2026-01-01T10:00:{nth:02}.000Z"));
        lines.extend(reader.read(line.to_string().as_bytes()));
    }
    lines.extend(reader.pending());
    lines
}

fn tool(id: &str, input: &str) -> Value {
    json!({"kind": "tool", "id": id, "name": "shell", "input": input})
}

fn result(id: &str, ok: bool, text: &str) -> Value {
    json!({"kind": "tool_result", "id": id, "ok": ok, "text": text})
}

#[test]
fn a_tool_is_one_line_with_its_outcome_and_how_long_it_took() {
    let entries = [
        tool("1", "cargo test\n--all"),
        result("1", true, "long\nanswer"),
        tool("2", "false"),
        json!({"kind": "said", "text": "hm"}),
        result("2", false, "it\nfailed"),
        tool("3", "sleep 600"),
    ];
    assert_eq!(
        shown(look(Some(40)), &entries),
        [
            "▸ shell cargo test --all  ✓ 1.0s",
            "▸ shell false  …",
            "hm",
            "  ✗ 2.0s shell",
            "    it failed",
            "▸ shell sleep 600  …",
        ]
    );
    let unfolded = Look { tools: true, ..look(Some(40)) };
    assert_eq!(
        shown(unfolded, &entries[..2]),
        ["▸ shell", "  │ cargo test", "  │ --all", "  ✓ 1.0s shell", "  │ long", "  │ answer"]
    );
}

#[test]
fn words_are_wrapped_to_the_width_turns_are_apart_and_times_stand_in_front() {
    let entries = [
        json!({"kind": "said", "text": "one two three four five six"}),
        json!({"kind": "turn_ended", "result": "success", "text": ""}),
        json!({"kind": "delivered", "id": "m", "text": "go on with the next one please"}),
    ];
    assert_eq!(
        shown(look(Some(20)), &entries),
        [
            "one two three four",
            "five six",
            "── turn 1 done afte…",
            "",
            "» go on with the",
            "  next one please"
        ]
    );
    let timed = Look { times: true, ..look(Some(30)) };
    assert_eq!(shown(timed, &entries[..1]), ["10:00:00  one two three four", "          five six"]);
    assert_eq!(shown(look(None), &entries[..1]), ["one two three four five six"]);
}

#[test]
fn what_an_agent_says_stays_inert_wherever_it_stands() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\u{9b}31m\r\0";
    let exit = json!({"code": 1, "signal": null, "started": "2026-01-01T10:00:00.000Z",
        "ended": "2026-01-01T10:00:09.000Z", "error": evil});
    let entries = [
        json!({"kind": "said", "text": evil}),
        json!({"kind": "thought", "text": evil}),
        json!({"kind": "tool", "id": evil, "name": evil, "input": evil}),
        json!({"kind": "tool_result", "id": evil, "ok": false, "text": evil}),
        json!({"kind": "ask", "id": "a", "text": evil, "options": [evil]}),
        json!({"kind": "permission", "id": "p", "tool": evil, "text": evil}),
        json!({"kind": "limit", "text": evil, "reset_ms": null}),
        json!({"kind": "retry", "attempt": 1, "text": evil}),
        json!({"kind": "error", "class": "agent", "text": evil}),
        json!({"kind": "error", "class": "notice", "text": evil}),
        json!({"kind": "stderr", "text": evil}),
        json!({"kind": "output", "text": evil}),
        json!({"kind": "delivered", "id": "d", "text": evil}),
        json!({"kind": "dropped", "lines": 1, "bytes": 2, "why": evil}),
        json!({"kind": "exit", "exit": exit}),
    ];
    for tools in [false, true] {
        let lines = shown(Look { tools, times: true, ..look(Some(60)) }, &entries);
        assert!(lines.len() >= entries.len(), "{lines:#?}");
        let stray = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!lines.iter().any(|line| line.contains(stray)), "{lines:#?}");
    }
}
