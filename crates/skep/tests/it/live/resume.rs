//! Live agents that are killed, refuse their conversation, or are told to stop: each goes on where it was, or is gone.

use std::{
    fs,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use skep_testkit::lab::Lab;

use super::fleet::Yard;
use crate::{
    gatekeeper::warden_of,
    home::{eventually, kill, pid_of, text_of},
};

/// What an agent hears that is taken up again without other words.
const GO_ON: &str = "You were interrupted.";

/// The user's turns in the last request that was no side call, as the model got them.
fn turns(lab: &Lab) -> Vec<String> {
    let log = fs::read_to_string(lab.home().join("model.jsonl")).unwrap_or_default();
    let last = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .rfind(|entry| entry["users"].is_array() && entry["side"].is_null());
    let Some(last) = last else { return Vec::new() };
    let users = last["users"].as_array().cloned().unwrap_or_default();
    users.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[track_caller]
fn turns_with(lab: &Lab, words: &str) -> usize {
    turns(lab).iter().map(|turn| turn.matches(words).count()).sum()
}

fn asked(lab: &Lab) -> bool {
    !turns(lab).is_empty()
}

/// Kills these parts of an agent's attempt in the middle of a tool; the run goes on in its conversation, its place and
/// with its files, by one word more.
#[track_caller]
fn goes_on(agent: &str, parts: &[&str]) {
    let Some(lab) = Lab::open(agent, "again") else { return };
    let yard = Yard::new();
    let title = "Write two files";
    let id = yard.begin(&lab, agent, title);
    let run = yard.home.wait(&id, "running");
    yard.until_runs("sleep 77");
    let worktree = yard.home.place().at(text_of(&run, "worktree"));
    worktree.write("draft", "mine\n");
    let keeper = pid_of(&run, "gatekeeper");
    let warden = warden_of(keeper);
    for part in parts {
        kill(if *part == "keeper" { keeper } else { warden }, Signal::KILL);
    }
    let run = yard.home.wait(&id, "ended");
    let logs = || yard.skep(&lab, &["logs", &id]).ok();
    assert_eq!(run["outcome"], "completed", "{agent}: {run}\n{}", logs());
    assert_eq!(run["attempt"], 2, "{agent}: {run}");
    assert_eq!(worktree.git(&["log", "--format=%s", "main.."]), "two\none", "{agent}");
    let said = turns(&lab);
    assert_eq!(turns_with(&lab, title), 1, "{agent}: its task, once: {said:?}");
    assert_eq!(turns_with(&lab, GO_ON), 1, "{agent}: one word to go on: {said:?}");
    yard.home.no_agents();
}

#[test]
fn codex_goes_on_after_both_guards_were_killed() {
    goes_on("codex", &["keeper", "warden"]);
}

#[test]
fn codex_by_acp_goes_on_after_both_guards_were_killed() {
    goes_on("codex-acp", &["keeper", "warden"]);
}

#[test]
fn pi_goes_on_whichever_guard_is_killed() {
    for parts in [&["keeper"][..], &["warden"], &["keeper", "warden"]] {
        goes_on("pi", parts);
    }
}

#[test]
fn opencode_goes_on_after_both_guards_were_killed() {
    goes_on("opencode", &["keeper", "warden"]);
}

#[test]
fn opencode_by_acp_goes_on_after_both_guards_were_killed() {
    goes_on("opencode-acp", &["keeper", "warden"]);
}

#[test]
fn claude_goes_on_after_both_guards_were_killed() {
    goes_on("claude", &["keeper", "warden"]);
}

#[test]
fn claude_by_acp_goes_on_after_both_guards_were_killed() {
    goes_on("claude-acp", &["keeper", "warden"]);
}

#[test]
fn gemini_goes_on_after_both_guards_were_killed() {
    goes_on("gemini", &["keeper", "warden"]);
}

#[test]
fn qwen_goes_on_after_both_guards_were_killed() {
    goes_on("qwen", &["keeper", "warden"]);
}

/// Where these agents keep their conversations, below their home.
const KEPT: [&str; 9] = [
    ".codex/sessions",
    ".pi/agent/sessions",
    ".local/share/opencode",
    ".local/state/opencode",
    ".gemini/tmp",
    ".gemini/history",
    ".qwen/projects",
    ".qwen/tmp",
    ".claude/projects",
];

/// Takes an agent its memory away; it refuses, and is begun afresh with what stands.
#[track_caller]
fn begins_afresh(agent: &str) {
    let Some(lab) = Lab::open(agent, "commit") else { return };
    let yard = Yard::new();
    let title = "Write a file and commit it";
    let run = yard.ended(&lab, agent, title);
    let id = text_of(&run, "id");
    let logs = || yard.skep(&lab, &["logs", &id]).ok();
    assert_eq!(run["outcome"], "completed", "{agent}: {run}\n{}", logs());
    for kept in KEPT {
        let kept = lab.home().join(kept);
        if kept.exists() {
            fs::remove_dir_all(&kept).unwrap();
        }
    }
    yard.skep(&lab, &["resume", &id, "Once more"]).ok();
    let run = yard.home.wait(&id, "ended");
    assert_eq!(run["outcome"], "completed", "{agent}: {run}\n{}", logs());
    assert_eq!((&run["attempt"], &run["git"]["ahead"]), (&3.into(), &2.into()), "{agent}: {run}");
    let kinds = yard.home.kinds(&id);
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "resume_refused").count(),
        1,
        "{agent}: {kinds:?}"
    );
    let said = turns(&lab);
    for words in [title, "This is attempt 3", "scripted commit", "Once more"] {
        assert_eq!(turns_with(&lab, words), 1, "{agent}, {words}: {said:?}");
    }
    yard.home.no_agents();
}

#[test]
fn codex_that_forgot_its_conversation_begins_afresh() {
    begins_afresh("codex");
}

#[test]
fn pi_that_forgot_its_conversation_begins_afresh() {
    begins_afresh("pi");
}

#[test]
fn opencode_that_forgot_its_conversation_begins_afresh() {
    begins_afresh("opencode");
}

#[test]
fn opencode_by_acp_that_forgot_its_conversation_begins_afresh() {
    begins_afresh("opencode-acp");
}

#[test]
fn claude_that_forgot_its_conversation_begins_afresh() {
    begins_afresh("claude");
}

#[test]
fn claude_by_acp_that_forgot_its_conversation_begins_afresh() {
    begins_afresh("claude-acp");
}

#[test]
fn gemini_that_forgot_its_conversation_begins_afresh() {
    begins_afresh("gemini");
}

#[test]
fn qwen_that_forgot_its_conversation_begins_afresh() {
    begins_afresh("qwen");
}

/// Stops an agent while its model hangs, and another in the middle of a long tool; within ten seconds nothing is left.
#[track_caller]
fn is_gone_within_ten_seconds(agent: &str) {
    for (script, verb) in [("hang", "stop"), ("again", "stop"), ("again", "pause")] {
        let Some(lab) = Lab::open(agent, script) else { return };
        let yard = Yard::new();
        let id = yard.begin(&lab, agent, "Write two files");
        yard.home.wait(&id, "running");
        if script == "hang" {
            eventually("the model was asked", || asked(&lab));
        } else {
            yard.until_runs("sleep 77");
        }
        if verb == "stop" {
            yard.is_stopped(&lab, &id);
        } else {
            let begun = Instant::now();
            yard.skep(&lab, &["pause", &id, "--now"]).ok();
            let run = yard.home.wait(&id, "ended");
            assert!(begun.elapsed() < Duration::from_secs(10), "{agent}: {:?}", begun.elapsed());
            assert_eq!(run["outcome"], "interrupted", "{agent}: {run}");
            yard.home.no_agents();
        }
        let left = with_mark(&format!("SKEP_RUN={id}"));
        assert!(left.is_empty(), "{agent}, {script}, {verb}: {left:?}");
    }
}

/// The living processes that carry this in their environment.
fn with_mark(mark: &str) -> Vec<String> {
    let carries = |path: &std::path::Path| {
        fs::read(path.join("environ"))
            .is_ok_and(|vars| vars.split(|byte| *byte == 0).any(|var| var == mark.as_bytes()))
    };
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes.filter(|path| carries(path)).map(|path| path.display().to_string()).collect()
}

#[test]
fn codex_is_gone_within_ten_seconds() {
    is_gone_within_ten_seconds("codex");
}

#[test]
fn codex_by_acp_is_gone_within_ten_seconds() {
    is_gone_within_ten_seconds("codex-acp");
}

#[test]
fn pi_is_gone_within_ten_seconds() {
    is_gone_within_ten_seconds("pi");
}

#[test]
fn opencode_is_gone_within_ten_seconds() {
    is_gone_within_ten_seconds("opencode");
}

#[test]
fn opencode_by_acp_is_gone_within_ten_seconds() {
    is_gone_within_ten_seconds("opencode-acp");
}

#[test]
fn claude_is_gone_within_ten_seconds() {
    is_gone_within_ten_seconds("claude");
}

#[test]
fn claude_by_acp_is_gone_within_ten_seconds() {
    is_gone_within_ten_seconds("claude-acp");
}

#[test]
fn gemini_is_gone_within_ten_seconds() {
    is_gone_within_ten_seconds("gemini");
}

#[test]
fn gemini_by_acp_is_gone_within_ten_seconds() {
    is_gone_within_ten_seconds("gemini-acp");
}

#[test]
fn qwen_is_gone_within_ten_seconds() {
    is_gone_within_ten_seconds("qwen");
}
