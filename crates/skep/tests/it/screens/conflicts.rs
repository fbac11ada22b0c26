//! The screens of runs that collide.

use serde_json::{Value, json};

use super::{Stage, ago, holds, run};

/// What a stranger may call a file.
const EVIL: &str = "src/\u{1b}[2Jevil\u{202e}\nname $(id).rs";

fn pair(a: &Value, b: &Value, kind: &str, files: &[&str], more: u64) -> Value {
    let (since, why) = match kind {
        "unknown" => (
            Value::Null,
            json!("emerald could not be looked at: `/w/emerald` is not in a git repository"),
        ),
        _ => (ago(190), Value::Null),
    };
    json!({"a": a["id"], "b": b["id"], "kind": kind, "files": files, "more": more, "since": since, "why": why, "at": ago(0)})
}

#[test]
fn who_collides_with_whom_is_seen_at_a_glance_and_then_what_to_do() {
    let names = ["amber", "beryl", "coral", "diamond", "emerald", "flint"];
    let runs: Vec<Value> = names.iter().map(|name| run(name, &json!({}))).collect();
    let pairs = json!([
        pair(&runs[0], &runs[1], "conflict", &["src/lexer.rs", "src/parser/expressions.rs"], 0),
        pair(
            &runs[1],
            &runs[3],
            "conflict",
            &[EVIL, "a", "b", "c", "d", "e", "f", "g", "h", "i"],
            7
        ),
        pair(&runs[2], &runs[4], "unknown", &[], 0),
        pair(&runs[0], &runs[2], "touch", &["Cargo.lock"], 0),
        pair(&runs[0], &runs[3], "touch", &["Cargo.lock", "Cargo.toml", "src/lib.rs"], 2),
    ]);
    let stage = Stage::new().answers("conflicts", json!({"runs": runs, "pairs": pairs}));
    holds(&stage, "conflicts", &["conflicts"]);
}

#[test]
fn what_is_too_much_to_be_told_one_by_one_has_a_line_each_or_a_number() {
    let runs: Vec<Value> = (0..14).map(|nth| run(&format!("r{nth:02}"), &json!({}))).collect();
    let with = |nth: usize, kind: &str| pair(&runs[0], &runs[nth], kind, &["src/lexer.rs"], 1);
    let pairs: Vec<Value> = (1..6)
        .map(|nth| with(nth, "conflict"))
        .chain((1..13).map(|nth| pair(&runs[nth], &runs[13], "touch", &["Cargo.lock"], 0)))
        .collect();
    let stage = Stage::new().answers("conflicts", json!({"runs": runs, "pairs": pairs}));
    holds(&stage, "conflicts-many", &["conflicts"]);
}

#[test]
fn two_runs_need_no_table_and_nobody_in_the_way_is_said() {
    let runs = [run("amber", &json!({})), run("beryl", &json!({}))];
    let pairs = json!([pair(&runs[0], &runs[1], "conflict", &["README"], 0)]);
    let stage = Stage::new().answers("conflicts", json!({"runs": runs, "pairs": pairs}));
    holds(&stage, "conflicts-two", &["conflicts"]);
    let stage = Stage::new().answers("conflicts", json!({"runs": runs, "pairs": []}));
    holds(&stage, "conflicts-none", &["conflicts"]);
    let stage = Stage::new().answers("conflicts", json!({"runs": [], "pairs": []}));
    holds(&stage, "conflicts-empty", &["conflicts"]);
}

#[test]
fn a_list_marks_who_collides_and_who_works_beyond_its_claims() {
    let clash = |name: &str, kind: &str| json!({"run": "run_0000000002", "name": name, "kind": kind, "files": ["src/lexer.rs"], "more": 0, "since": ago(60)});
    let runs = json!([
        run(
            "amber",
            &json!({"title": "port the parser", "clashes": [clash("beryl", "conflict"), clash("coral", "touch")]})
        ),
        run(
            "beryl",
            &json!({"title": "a new lexer", "state": "ended", "outcome": "completed", "pid": null, "clashes": [clash("amber", "conflict")]})
        ),
        run(
            "coral",
            &json!({"title": "write the manual", "clashes": [clash("amber", "touch")],
            "beyond": {"files": ["src/lexer.rs"], "more": 3}})
        ),
    ]);
    let stage = Stage::new().answers("ls", runs).answers("hidden", json!(0));
    holds(&stage, "ls-radar", &["ls"]);
}
