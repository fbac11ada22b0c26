//! The screens of the verbs that look.

use std::fs;

use serde_json::{Value, json};
use skep_api::wire::Refusal;

use super::{ROWS, Stage, ago, holds, painted, plain, run};

/// What a stranger may call things, on one line of a terminal.
const EVIL: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}evil\nsecond line\u{9b}31m --force $(id) 日本語のタイトル";

fn git(ahead: u64, behind: u64, lines: (u64, u64), dirty: bool) -> Value {
    json!({"head": "00112233445566778899aabbccddeeff00112233", "branch": "skep/x", "dirty": dirty, "ahead": ahead,
        "behind": behind, "unpushed": ahead, "files": 3, "insertions": lines.0, "deletions": lines.1, "at": ago(60)})
}

fn said(text: &str, seconds: u64) -> Value {
    json!({"text": text, "at": ago(seconds)})
}

/// Runs in most of the states that there are, in the order of the daemon's list.
fn fleet() -> Value {
    let port = "Which port should the development server listen on, 3000 as in the README or 8080 as in the compose file?";
    json!([
        run(
            "amber",
            &json!({"title": "make the development server configurable", "state": "waiting", "waiting_for": "answer",
            "questions": 1, "last": said(port, 180), "git": git(1, 0, (40, 2), true)})
        ),
        run(
            "beryl",
            &json!({"title": "port the parser to the new lexer", "state": "stalled", "agent": "codex",
            "last": said("Running the whole test suite now", 2400), "since": ago(600), "git": git(0, 4, (1204, 330), true)})
        ),
        run(
            "coral",
            &json!({"title": EVIL, "name": "coral", "state": "ended", "outcome": "failed", "reason": "no-result", "pid": null,
            "since": ago(7200), "last": said(EVIL, 7200), "git": git(2, 1, (3, 0), false)})
        ),
        run(
            "diamond",
            &json!({"title": "fix the flaky login test", "last": said("The race is in the session cache; I will guard it with a lock and add a test", 5),
            "git": git(3, 0, (58, 12), false), "usage": {"input_tokens": 182_034, "output_tokens": 9411, "cost_usd": 1.37}})
        ),
        run(
            "emerald",
            &json!({"title": "日本語の説明を書き直す", "surface": "terminal", "project": "docs",
            "last": said("a screen is no word", 5), "session": {"agent": null, "tmux": {"session": "skep-x", "pane": "%3"}}})
        ),
        run(
            "flint",
            &json!({"title": "tidy the build scripts", "state": "waiting", "waiting_for": "paused"})
        ),
        run(
            "garnet",
            &json!({"title": "write the release notes", "state": "queued", "waiting_for": "slot", "env_state": "none",
            "pid": null, "gatekeeper": null})
        ),
        run(
            "hematite",
            &json!({"title": "drop the old settings format", "state": "ended", "outcome": "completed", "pid": null,
            "since": ago(90_000), "last": said("Done: the old format is gone, the migration note is in docs.", 90_000), "git": git(2, 0, (12, 330), false)})
        ),
        run(
            "jade",
            &json!({"title": "name the lock file after its project", "state": "ended", "outcome": "completed", "pid": null,
            "since": ago(100_000), "git": git(1, 0, (8, 8), false), "landed": {"target": "main", "oid": "00112233445566778899aabbccddeeff00112233"}})
        ),
    ])
}

#[test]
fn an_empty_skep_says_how_to_begin() {
    let stage = Stage::new()
        .answers("ls", json!([]))
        .answers("task_ls", json!([]))
        .answers("hidden", json!(0))
        .answers("cost", json!([]));
    holds(&stage, "status-empty", &[]);
    holds(&stage, "ls-empty", &["ls"]);
    holds(&stage, "cost-empty", &["cost"]);
}

#[test]
fn the_status_says_who_waits_what_runs_and_what_to_do_next() {
    let stage = Stage::new().answers("ls", fleet()).answers("task_ls", json!([]));
    holds(&stage, "status", &[]);
    holds(&stage, "status-short", &["status", "--short"]);
}

#[test]
fn the_status_is_never_longer_than_the_terminal() {
    let many: Vec<Value> = (0..40)
        .flat_map(|nth| {
            let mut runs = fleet().as_array().unwrap().clone();
            runs[0]["name"] = json!(format!("amber{nth}"));
            runs.truncate(4);
            runs
        })
        .collect();
    let stage = Stage::new().answers("ls", json!(many)).answers("task_ls", json!([]));
    for rows in [8, ROWS, 60] {
        for columns in [40, 140] {
            let (screen, _) = painted(stage.command(&["status"]), columns, rows);
            let lines = screen.lines().count();
            assert!(lines < usize::from(rows), "{lines} lines on {rows} rows:\n{screen}");
            let screen = plain(&screen);
            assert!(screen.contains("skep send amber0 TEXT"), "what to do is there:\n{screen}");
        }
    }
    holds(&stage, "status-many", &["status"]);
}

#[test]
fn the_list_gives_way_in_its_columns_and_says_what_it_hides() {
    let stage = Stage::new().answers("ls", fleet()).answers("hidden", json!(12));
    holds(&stage, "ls", &["ls"]);
    let (narrow, _) = painted(stage.command(&["ls"]), 34, 24);
    assert!(plain(&narrow).contains("amber"), "{narrow}");
}

#[test]
fn a_run_is_shown_with_all_that_is_known_and_what_to_do() {
    let at_work = run(
        "diamond",
        &json!({
            "title": "fix the flaky login test", "task": "task_7k2m9qx4ab", "model": "opus",
            "last": said("The race is in the session cache; I will guard it with a lock and add a test that fails without it, which takes a little longer", 5),
            "git": git(3, 2, (58, 12), true), "usage": {"input_tokens": 182_034, "output_tokens": 9411, "cost_usd": 1.37},
            "session": {"agent": "0197-ab", "tmux": null},
            "notes": ["the fetch failed, the base is as it was 86400 s ago: Could not resolve host: example.com"],
        }),
    );
    let stage = Stage::new().answers("show", at_work).answers("snapshot_ls", json!([]));
    holds(&stage, "show-running", &["show", "diamond"]);
    let failed = run(
        "coral",
        &json!({"title": EVIL, "state": "ended", "outcome": "failed", "reason": "agent-exit", "pid": null,
        "exit": {"code": 3, "signal": null, "started": "2026-01-01T00:00:00.000Z", "ended": "2026-01-01T00:03:20.000Z"},
        "last": said(EVIL, 30), "since": ago(30)}),
    );
    let stage = Stage::new().answers("show", failed).answers("snapshot_ls", json!([]));
    holds(&stage, "show-failed", &["show", "coral"]);
}

#[test]
fn why_names_each_fact_its_source_its_age_and_its_rule() {
    let facts = json!([
        {"fact": "state", "value": "queued: limits.runs: 2 runs hold a slot", "source": "ledger", "age_ms": 61_000,
            "rule": "a run starts when limits allow, in the order of asking"},
        {"fact": "slots", "value": "2 of 2 taken: amber (run_7k2m9qx4ab, running), beryl (run_9k2m9qx4ab, stalled)", "source": "ledger",
            "age_ms": null, "rule": "limits.runs: a run holds a slot from its preparation to its end, and none while it waits"},
        {"fact": "task", "value": EVIL, "source": "ledger", "age_ms": 7_300_000, "rule": "one run at a time holds a task"},
    ]);
    holds(&Stage::new().answers("why", facts), "why", &["why", "garnet"]);
}

/// A patch with all that a patch may hold, an evil file's name and content included.
const PATCH: &str = "diff --git a/src/main.rs b/src/main.rs\nindex 1111111..2222222 100644\n--- a/src/main.rs\n+++ b/src/main.rs\n\
    @@ -1,3 +1,3 @@ fn main() {\n fn main() {\n-- a list item, not a header\n+\u{1b}[31mred\u{202e}\n }\n\\ No newline at end of file\n\
    diff --git \"a/\\033[2J\" \"b/\\033[2J\"\nnew file mode 100644\n--- /dev/null\n+++ \"b/\\033[2J\"\n@@ -0,0 +1 @@\n+\ttabbed\r\n";

fn changes() -> Value {
    let file = |path: &str, status: &str, lines: (Value, Value)| json!({"path": path, "from": null, "status": status, "insertions": lines.0, "deletions": lines.1});
    let mut moved = file("crates/skep/src/output/grid.rs", "renamed", (json!(120), json!(3)));
    moved["from"] = json!("crates/skep/src/a_rather_long_folder_name/output/and_more/table.rs");
    json!({
        "run": "run_7k2m9qx4ab", "base": "00112233445566778899aabbccddeeff00112233",
        "head": "8899aabbccddeeff001122330011223344556677", "worktree": true, "text": PATCH, "cut": false,
        "files": [
            file("src/main.rs", "modified", (json!(1), json!(1))), moved, file("docs/old.md", "deleted", (json!(0), json!(44))),
            file("logo.png", "added", (Value::Null, Value::Null)), file(EVIL, "untracked", (json!(1), json!(0))),
        ],
    })
}

#[test]
fn a_diff_is_coloured_by_us_and_nothing_raw_is_in_it() {
    let stage = Stage::new().answers("diff", changes());
    holds(&stage, "diff", &["diff", "amber"]);
    holds(&stage, "diff-stat", &["diff", "amber", "--stat"]);
    let nothing = json!({"run": "run_7k2m9qx4ab", "base": null, "head": null, "worktree": false, "files": [], "text": "", "cut": false});
    holds(&Stage::new().answers("diff", nothing), "diff-nothing", &["diff", "amber", "src"]);
    // For a program it is what git wrote.
    let raw = stage.command(&["diff", "amber", "--raw"]).output().unwrap();
    assert_eq!(String::from_utf8(raw.stdout).unwrap(), PATCH);
    // Without a terminal nothing is coloured, and nothing raw comes through either.
    let piped = stage.command(&["diff", "amber"]).output().unwrap();
    assert!(!piped.stdout.contains(&0x1b), "{}", String::from_utf8_lossy(&piped.stdout));
}

#[test]
fn a_diff_longer_than_the_terminal_goes_through_the_pager_and_a_cut_one_is_no_patch() {
    let mut long = changes();
    long["text"] = json!(PATCH.repeat(5));
    long["cut"] = json!(true);
    let stage = Stage::new().answers("diff", long);
    let mark = stage.root().join("paged").to_str().unwrap().to_owned();
    let paged = |args: &[&str]| {
        let mut command = stage.command(args);
        command.env("SKEP_PAGER", format!("tee '{mark}'"));
        let (screen, code) = painted(command, 80, ROWS);
        assert_eq!(code, 0, "{screen}");
        (screen, fs::read_to_string(&mark).ok())
    };
    let (screen, through) = paged(&["diff", "amber", "--no-pager"]);
    assert!(through.is_none() && screen.contains("there is more"), "{screen}");
    let (screen, through) = paged(&["diff", "amber"]);
    assert_eq!(screen.replace("\\e", "\u{1b}"), through.unwrap());
    let mut missing = stage.command(&["diff", "amber"]);
    missing.env("SKEP_PAGER", "no-such-pager --at-all");
    let (screen, code) = painted(missing, 80, ROWS);
    assert!(
        code == 0 && screen.contains("no pager: ") && screen.contains("there is more"),
        "{screen}"
    );
    let raw = stage.command(&["diff", "amber", "--raw"]).output().unwrap();
    assert_eq!((raw.status.code(), raw.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8_lossy(&raw.stderr).contains("error[diff-cut]"));
    let mut odd = changes();
    odd["text"] = json!("+caf\u{fffd}\n");
    let raw =
        Stage::new().answers("diff", odd).command(&["diff", "amber", "--raw"]).output().unwrap();
    assert!(String::from_utf8_lossy(&raw.stderr).contains("not all UTF-8"), "{raw:?}");
}

/// A home with the journal of one run.
fn with_journal(entries: &[Value]) -> Stage {
    let amber = run("amber", &json!({"state": "ended", "outcome": "completed"}));
    let stage = Stage::new().answers("named", json!([amber]));
    let id = amber["id"].as_str().unwrap().parse().unwrap();
    let dir = stage.home.attempt(&id, 1);
    fs::create_dir_all(&dir).unwrap();
    let lines = entries.iter().enumerate().map(|(nth, entry)| {
        let mut line = entry.clone();
        line["line"] = json!(nth + 1);
        line["at"] = json!(format!("2026-01-01T10:{:02}:{:02}.000Z", nth / 60, nth % 60));
        format!("{line}\n")
    });
    fs::write(dir.join("journal.jsonl"), lines.collect::<String>()).unwrap();
    stage
}

#[test]
fn a_journal_reads_like_a_conversation() {
    let stage = with_journal(&[
        json!({"kind": "started", "pid": 4242, "gatekeeper": 4240}),
        json!({"kind": "said", "text": "I will look at the login test first. It fails about once in twenty runs, always in the same place, which smells like a race."}),
        json!({"kind": "tool", "id": "1", "name": "shell", "input": "cargo test --package web login -- --nocapture --test-threads=1 2>&1 | tail -n 40"}),
        json!({"kind": "tool_result", "id": "1", "ok": true, "text": "test result: ok. 12 passed"}),
        json!({"kind": "thought", "text": "The cache is shared between tests."}),
        json!({"kind": "tool", "id": "2", "name": "edit", "input": "src/session.rs"}),
        json!({"kind": "tool_result", "id": "2", "ok": false, "text": "no such file: src/session.rs\nperhaps src/session/mod.rs"}),
        json!({"kind": "said", "text": EVIL}),
        json!({"kind": "turn_ended", "result": "success", "text": "done"}),
        json!({"kind": "delivered", "id": "m1", "text": "good; now add a test that fails without the lock"}),
        json!({"kind": "ask", "id": "q", "text": "Which port?", "options": ["3000", "8080"]}),
        json!({"kind": "silence", "quiet_ms": 1_860_000, "tool": false}),
        json!({"kind": "heard"}),
        json!({"kind": "stderr", "text": "warning: unused variable"}),
        json!({"kind": "turn_ended", "result": "failed", "text": ""}),
        json!({"kind": "exit", "exit": {"code": 1, "signal": null, "started": "2026-01-01T10:00:00.000Z", "ended": "2026-01-01T10:03:20.000Z"}}),
    ]);
    holds(&stage, "logs", &["logs", "amber"]);
    holds(&stage, "logs-times-tools", &["logs", "amber", "--times", "--tools"]);
    holds(&stage, "logs-last", &["logs", "amber", "-n", "3"]);
}

#[test]
fn the_last_lines_of_a_long_journal_are_read_from_its_end() {
    let entries: Vec<Value> = (0..14)
        .map(|nth| json!({"kind": "said", "text": format!("{nth} {}", "x".repeat(400_000))}))
        .collect();
    let stage = with_journal(&entries);
    let last = stage.command(&["logs", "amber", "-n", "1"]).output().unwrap();
    let text = String::from_utf8(last.stdout).unwrap();
    assert!(text.starts_with("13 xxx") && text.lines().count() == 1, "{}", &text[..20]);
    let raw = stage.command(&["logs", "amber", "-n", "2", "--raw"]).output().unwrap();
    let text = String::from_utf8(raw.stdout).unwrap();
    let numbers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["line"].clone())
        .collect();
    assert_eq!(numbers, [13, 14]);
}

/// One row of what was used.
fn used(nth: u64, name: &str, fields: &Value) -> Value {
    let mut row = json!({"day": "2026-11-21", "order": nth, "run": format!("run_{name}00000"), "name": name,
        "title": "Port the parser", "task": null, "project": "web", "agent": "claude", "model": "opus", "used": null});
    for (key, value) in fields.as_object().unwrap() {
        row[key] = value.clone();
    }
    row
}

#[test]
fn costs_are_added_up_and_what_nobody_told_is_unknown() {
    let rows = json!([
        used(
            1,
            "amber",
            &json!({"day": "2026-11-20", "used": {"input_tokens": 1_000_000, "output_tokens": 9000, "cached_tokens": 800_000, "cost_usd": 1.0, "turns": 2}})
        ),
        used(
            1,
            "amber",
            &json!({"used": {"input_tokens": 200_345, "output_tokens": 411, "cost_usd": 0.375, "turns": 1}})
        ),
        used(
            2,
            "beryl",
            &json!({"agent": "codex", "model": "gpt", "used": {"input_tokens": 5000, "output_tokens": 100, "cost_usd": 0.0123, "turns": 1, "estimated": true}})
        ),
        used(
            3,
            "onyx",
            &json!({"agent": "gemini", "model": null, "used": {"input_tokens": 70, "output_tokens": 1, "turns": 1, "unpriced": true}})
        ),
        used(
            4,
            "coral",
            &json!({"title": EVIL, "project": "docs", "agent": "mini", "model": null})
        ),
    ]);
    let stage = Stage::new().answers("cost", rows);
    holds(&stage, "cost", &["cost"]);
    holds(&stage, "cost-by-day", &["cost", "--by", "day"]);
    holds(&stage, "cost-by-model", &["cost", "--by", "model", "--since", "7d"]);
    let told: Value =
        serde_json::from_slice(&stage.command(&["cost", "--json"]).output().unwrap().stdout)
            .unwrap();
    assert_eq!(
        told["total"],
        json!({"runs": 4, "turns": 5, "input_tokens": 1_205_415, "output_tokens": 9512, "cached_tokens": 800_000,
            "cost_usd": 1.3873, "estimated": true, "without_tokens": 1, "without_cost": 2})
    );
    assert_eq!(told["projects"]["docs"]["cost_usd"], Value::Null);
    assert_eq!(told["runs"][3]["cost_usd"], 1.375, "of both days");
}

#[test]
fn an_editor_is_named_by_a_person_split_without_a_shell_and_said() {
    let amber = run("amber", &json!({"worktree": "/", "cwd": "/"}));
    let stage = Stage::new().answers("named", json!([amber]));
    holds(&stage, "open-unset", &["open", "amber"]);
    let stage = stage
        .var("EDITOR", "false")
        .var("VISUAL", " ")
        .var("SKEP_OPEN", "printf '<%s>' 'a b' $HOME;id");
    holds(&stage, "open", &["open", "amber"]);
    let stage = stage.var("SKEP_OPEN", "no-such-editor --wait");
    holds(&stage, "open-missing", &["open", "amber"]);
    let told = stage.command(&["open", "amber", "--json"]).output().unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["command"], json!(["no-such-editor", "--wait"]));
}

#[test]
fn a_path_and_a_wait_are_one_look() {
    let stage =
        Stage::new().answers("named", json!([run("amber", &json!({}))])).answers("wait", fleet());
    holds(&stage, "path", &["path", "amber"]);
    holds(&stage, "wait", &["wait", "amber", "beryl"]);
    let late =
        Refusal { exit: 3, ..Refusal::error("wait-timeout", "not ended in time: run_7k2m9qx4ab") };
    let stage = stage.refuses("wait", late.hint("skep why run_7k2m9qx4ab"));
    holds(&stage, "wait-late", &["wait", "amber", "--timeout", "1s"]);
    let gone = run("amber", &json!({"env_state": "closed", "worktree": "/srv/gone"}));
    holds(&stage.answers("named", json!([gone])), "path-gone", &["path", "amber"]);
}

#[test]
fn a_status_bar_gets_nothing_and_starts_nothing_where_no_daemon_runs() {
    let home = tempfile::tempdir().unwrap();
    let short = |more: &[&str]| {
        let mut command = skep_host::proc::command(env!("CARGO_BIN_EXE_skep"));
        command
            .args(["status", "--short"])
            .args(more)
            .env_clear()
            .env("SKEP_HOME", home.path().join("h"));
        command.env("SKEP_CONFIG", home.path()).output().unwrap()
    };
    let said = short(&[]);
    assert_eq!((said.status.code(), said.stdout.len(), said.stderr.len()), (Some(0), 0, 0));
    let told: Value = serde_json::from_slice(&short(&["--json"]).stdout).unwrap();
    assert_eq!((&told["daemon"], &told["running"]), (&json!(false), &Value::Null));
    assert!(!home.path().join("h").exists(), "not even a home was made");
}
