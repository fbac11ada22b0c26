//! The screens of the verbs that begin, steer and end runs, and of what is kept.

use serde_json::{Value, json};
use skep_api::wire::Refusal;

use super::{Stage, ago, holds, run};

/// The longest title that fits nowhere, and what a terminal must not get.
const LONG: &str = "rewrite the whole of the session handling so that it survives a restart of the machine\u{1b}[2J";

fn ended(name: &str, outcome: &str, reason: &Value) -> Value {
    run(
        name,
        &json!({"title": LONG, "state": "ended", "outcome": outcome, "reason": reason, "pid": null, "gatekeeper": null}),
    )
}

#[test]
fn a_run_that_began_is_told_with_what_to_do_and_one_that_failed_with_its_last_words() {
    let stage = Stage::new().answers("run", json!([run("amber", &json!({"title": LONG}))]));
    holds(&stage, "run", &["run", "rewrite"]);
    let failed = run(
        "amber",
        &json!({"title": LONG, "state": "ended", "outcome": "failed", "reason": "start", "pid": null,
        "last": {"text": "error: not logged in\u{1b}[31m", "at": ago(1)}}),
    );
    holds(&stage.answers("run", json!([failed])), "run-failed", &["run", "rewrite"]);
    let refusal = Refusal::error("agent-missing", "`claude` is not installed: no `claude` on the PATH that skep was asked from, which is what its runs get")
        .hint("skep run --agent codex …").hint("skep config set agent codex");
    holds(&Stage::new().refuses("run", refusal), "run-refused", &["run", "rewrite"]);
}

#[test]
fn what_steers_a_run_says_where_it_stands_then() {
    let at_work = run("amber", &json!({"title": LONG}));
    let stage = Stage::new()
        .answers(
            "pause",
            run("amber", &json!({"title": LONG, "state": "waiting", "waiting_for": "paused"})),
        )
        .answers("again", at_work.clone())
        .answers(
            "send",
            json!({"run": "run_7k2m9qx4ab", "message": "m", "receipt": "delivered", "text": null}),
        )
        .answers("stop", json!([at_work]))
        .answers("wait", json!([ended("amber", "stopped", &json!("stopped-by-person"))]));
    holds(&stage, "pause", &["pause", "amber"]);
    holds(&stage, "resume", &["resume", "amber"]);
    holds(&stage, "send", &["send", "amber", "go on"]);
    holds(&stage, "stop", &["stop", "amber"]);
    holds(&stage.answers("stop", json!([])), "stop-nothing", &["stop", "--all"]);
}

fn closed(more: &Value) -> Value {
    let mut view = json!({"id": "run_7k2m9qx4ab", "cleaned": true, "forced": false, "merged": "true", "clean": true,
        "status": "its work is in main", "snapshot": null, "reasons": [], "branch": null, "trash": null});
    for (key, value) in more.as_object().unwrap() {
        view[key] = value.clone();
    }
    view
}

#[test]
fn a_close_says_what_went_and_where_what_stays_is_or_what_is_to_be_decided() {
    let stage = Stage::new().answers("close", json!([closed(&json!({}))]));
    holds(&stage, "close", &["close", "amber"]);
    let kept = closed(
        &json!({"cleaned": false, "merged": "false", "clean": false, "status": "worktree-untracked: 1 file is only there: notes.md",
        "branch": "skep/rewrite", "reasons": ["skep close run_7k2m9qx4ab --force   # a snapshot keeps all of it", "skep sh run_7k2m9qx4ab"]}),
    );
    holds(&stage.answers("close", json!([kept])), "close-undecided", &["close", "amber"]);
    let forced = closed(
        &json!({"forced": true, "clean": null, "snapshot": "snap_7k2m9qx4ab", "trash": "/srv/skep/trash/snap_7k2m9qx4ab"}),
    );
    let stage = Stage::new().answers("close", json!([closed(&json!({})), forced]));
    holds(&stage, "close-two", &["close", "amber", "beryl", "--force"]);
}

#[test]
fn a_landing_its_rehearsal_and_what_takes_it_back() {
    let landed = run(
        "amber",
        &json!({"landed": {"target": "main", "oid": "00112233445566778899aabbccddeeff00112233"}}),
    );
    let stage = Stage::new().answers("land", landed);
    holds(&stage, "land", &["land", "amber"]);
    let stage = stage.answers("land", json!({"text": "would bring 3 commits to main, by fast-forward"})).answers(
        "undo",
        json!([
            {"op": "op_7k2m9qx4ab", "verb": "close", "run": "run_7k2m9qx4ab", "name": "amber", "at": ago(300), "undone": true,
                "status": "taken back: amber stands in /srv/skep/env/amber again", "by": null},
            {"op": "op_7k2m9qx4ab", "verb": "close", "run": "run_9k2m9qx4ab", "name": "beryl", "at": ago(300), "undone": false,
                "status": "snapshot-missing: the snapshot of it is gone from the repository that kept it, and nothing else holds it", "by": null},
        ]),
    );
    holds(&stage, "land-dry", &["land", "amber", "--dry-run"]);
    holds(&stage, "undo", &["undo"]);
}

#[test]
fn what_is_kept_is_listed_and_what_has_had_its_time_is_named() {
    let kept = json!({"id": "snap_7k2m9qx4ab", "run": "run_7k2m9qx4ab", "name": "amber", "why": "close", "at": ago(4000), "oid": "0011",
        "head": "00112233445566778899aabbccddeeff00112233", "branch": "skep/rewrite-the-whole", "files": 412, "bytes": 18_412_000,
        "left_out": ["socket: a socket cannot be kept"], "trash": "/srv/skep/trash/snap_7k2m9qx4ab"});
    let stage = Stage::new()
        .answers("snapshot_ls", json!([kept]))
        .answers("snapshot_show", kept)
        .answers("restore", json!({"snapshot": "snap_7k2m9qx4ab", "run": "run_7k2m9qx4ab", "name": "amber", "path": "/srv/skep/env/amber",
            "branch": null, "before": null, "op": null, "status": "stands again, 412 files"}))
        .answers("clean", json!([
            {"due": "env", "run": "run_7k2m9qx4ab", "name": "amber", "op": "op_7k2m9qx4ab", "gone": true, "status": "its work is in main"},
            {"due": "logs", "run": "run_9k2m9qx4ab", "name": "beryl", "op": null, "gone": null,
                "status": "the records of its attempts have had their time, and nobody has looked at them for two weeks"},
        ]));
    holds(&stage, "snapshot-ls", &["snapshot", "ls"]);
    holds(&stage, "snapshot-show", &["snapshot", "show", "snap_7k2m9qx4ab"]);
    holds(&stage, "restore", &["restore", "snap_7k2m9qx4ab"]);
    holds(&stage, "clean", &["clean"]);
    holds(&stage.answers("snapshot_ls", json!([])), "snapshot-none", &["snapshot", "ls"]);
}

#[test]
fn projects_tasks_and_the_daemon_are_told_in_a_few_lines() {
    let project = json!({"name": "web", "path": "/home/ada/work/with/a/rather/long/way/to/the/repository/of/web", "sub_dir": "",
        "base": "origin/main", "added": ago(9000), "approved": true});
    let task = json!({"id": "task_7k2m9qx4ab", "title": LONG, "body": "Why:\n\tsessions end.\n", "project": "web", "ref": null,
        "priority": 0, "needs": [], "state": "implementing", "run": "run_7k2m9qx4ab", "added": ago(9000)});
    let stage = Stage::new()
        .answers("project_ls", json!([project]))
        .answers("task_ls", json!([task]))
        .answers("task_show", task)
        .answers("health", json!({"status": "running", "pid": 4242, "uptime_ms": 61_000, "version": "0.1.0", "home": "/srv/skep",
            "agents": ["claude"], "projects": ["web"], "runs": {"running": 2, "waiting": 1, "queued": 0}, "seq": 812}));
    holds(&stage, "project-ls", &["project", "ls"]);
    holds(&stage, "task-ls", &["task", "ls"]);
    holds(&stage, "task-show", &["task", "show", "task_7k2m9qx4ab"]);
    holds(&stage, "daemon-status", &["daemon", "status"]);
    let stage = Stage::new().answers("project_ls", json!([])).answers("task_ls", json!([]));
    holds(&stage, "project-none", &["project", "ls"]);
    holds(&stage, "task-none", &["task", "ls"]);
}
