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
    gatekeeper::{terminal::Screen, warden_of},
    home::{kill, pid_of, text_of},
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

/// What a real agent may take on a busy machine, and more.
const PATIENCE: Duration = Duration::from_secs(180);

#[track_caller]
fn patiently<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "in vain waited for: {what}");
        // Until it is there: the ledger and the process table tell nobody outside.
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits for a state of the run, longer than a stand-in would need.
#[track_caller]
fn until(yard: &Yard, id: &str, state: &str) -> Value {
    patiently(state, || Some(yard.home.listed(id)).filter(|run| run["state"] == state))
}

#[track_caller]
fn until_runs(yard: &Yard, line: &str) {
    let runs = || yard.home.alive().iter().any(|(_, other)| other.trim() == line);
    patiently(line, || runs().then_some(()));
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
    let run = until(&yard, &id, "running");
    until_runs(&yard, "sleep 77");
    let worktree = yard.home.place().at(text_of(&run, "worktree"));
    worktree.write("draft", "mine\n");
    let keeper = pid_of(&run, "gatekeeper");
    let warden = warden_of(keeper);
    for part in parts {
        kill(if *part == "keeper" { keeper } else { warden }, Signal::KILL);
    }
    let run = until(&yard, &id, "ended");
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

/// A run that has ended goes on on the agent's own screen: it shows the conversation and hears nothing but what is typed
/// there; then it goes back to pipes.
#[track_caller]
fn comes_to_its_screen(agent: &str, trusted: impl Fn(&Lab, &str)) {
    let Some(lab) = Lab::open(agent, "commit") else { return };
    let yard = Yard::new();
    let config = fs::read_to_string(yard.home.at("c/config.toml")).unwrap();
    yard.home.write("c/config.toml", &format!("tmux = \"off\"\n{config}"));
    let title = "Write a file and commit it";
    let run = until(&yard, &yard.begin(&lab, agent, title), "ended");
    let (id, name) = (text_of(&run, "id"), text_of(&run, "name"));
    assert_eq!(run["outcome"], "completed", "{run}\n{}", yard.skep(&lab, &["logs", &id]).ok());
    trusted(&lab, &text_of(&run, "worktree"));
    let before = asks(&lab);
    let at = |name: &str| yard.home.at(name).to_str().unwrap().to_owned();
    let vars = [("SKEP_HOME", at("h")), ("SKEP_CONFIG", at("c")), ("HOME", at("home"))];
    let vars = vars.each_ref().map(|(name, value)| (*name, value.as_str()));
    let line = format!("stty cols 120 rows 40; $SKEP attach {name} --tui; echo code $?; sleep 600");
    let mut screen = Screen::with(&["sh", "-c", &line], &vars);
    shows(&screen, "All done.");
    assert_eq!(asks(&lab), before, "{agent}: nobody has asked the model anything");
    // What a screen does with keys that come while it is being painted is its own affair.
    patiently("the screen takes what is typed", || {
        if asks(&lab) == before {
            screen.type_in("Once more by hand");
            std::thread::sleep(Duration::from_millis(700)); // a screen tells nobody when it has read
            screen.type_in("\r");
            std::thread::sleep(Duration::from_millis(700)); // as above
        }
        (asks(&lab) > before).then_some(())
    });
    assert_eq!(turns_with(&lab, title), 1, "{agent}: {:?}", turns(&lab));
    assert_eq!(turns_with(&lab, GO_ON), 0, "{agent}: no word of ours: {:?}", turns(&lab));
    shows(&screen, "Second prompt answered after resume.");
    screen.type_in("\x11");
    screen.sees("it goes on");
    yard.skep(&lab, &["resume", &id, "--headless", "And by pipe"]).ok();
    let run = until(&yard, &id, "ended");
    let logs = || yard.skep(&lab, &["logs", &id]).ok();
    assert_eq!(
        (&run["outcome"], &run["attempt"]),
        (&"completed".into(), &3.into()),
        "{run}\n{}",
        logs()
    );
    for words in [title, "And by pipe"] {
        assert_eq!(turns_with(&lab, words), 1, "{agent}, {words}: {:?}", turns(&lab));
    }
    drop(screen);
    yard.home.no_agents();
    let left = with_mark(&format!("SKEP_RUN={id}"));
    assert!(left.is_empty(), "{agent}: {left:?}");
}

/// Waits until this stands on the screen, however it was painted.
#[track_caller]
fn shows(screen: &Screen, text: &str) {
    patiently(text, || {
        let mut terminal = vt100::Parser::new(40, 120, 0);
        terminal.process(screen.text().as_bytes());
        terminal.screen().contents().contains(text).then_some(())
    });
}

/// How many requests the model got that were no side calls.
fn asks(lab: &Lab) -> usize {
    let log = fs::read_to_string(lab.home().join("model.jsonl")).unwrap_or_default();
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    entries.filter(|entry| entry["users"].is_array() && entry["side"].is_null()).count()
}

#[test]
fn codex_comes_to_its_own_screen_and_goes_back() {
    comes_to_its_screen("codex", |lab, worktree| {
        let path = lab.home().join(".codex/config.toml");
        let config = fs::read_to_string(&path).unwrap();
        let trust = format!("{config}\n[projects.\"{worktree}\"]\ntrust_level = \"trusted\"\n");
        fs::write(path, trust).unwrap();
    });
}

#[test]
fn pi_comes_to_its_own_screen_and_goes_back() {
    comes_to_its_screen("pi", |_, _| {});
}

#[test]
fn opencode_comes_to_its_own_screen_and_goes_back() {
    comes_to_its_screen("opencode", |_, _| {});
}

#[test]
fn claude_comes_to_its_own_screen_and_goes_back() {
    comes_to_its_screen("claude", |lab, worktree| {
        let path = lab.home().join(".claude.json");
        let mut settings: Value = fs::read_to_string(&path)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_else(|| serde_json::json!({}));
        settings["hasCompletedOnboarding"] = true.into();
        settings["customApiKeyResponses"] = serde_json::json!({"approved": ["sk-scripted"]});
        settings["projects"][worktree]["hasTrustDialogAccepted"] = true.into();
        fs::write(path, settings.to_string()).unwrap();
    });
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
    let run = until(&yard, &yard.begin(&lab, agent, title), "ended");
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
    let run = until(&yard, &id, "ended");
    assert_eq!(run["outcome"], "completed", "{agent}: {run}\n{}", logs());
    assert_eq!((&run["attempt"], &run["git"]["ahead"]), (&3.into(), &2.into()), "{agent}: {run}");
    let kinds = yard.home.kinds(&id);
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "resume_refused").count(),
        1,
        "{agent}: {kinds:?}"
    );
    let said = turns(&lab);
    for words in [title, "This is attempt 3", "Once more"] {
        assert_eq!(turns_with(&lab, words), 1, "{agent}, {words}: {said:?}");
    }
    assert!(turns_with(&lab, " scripted commit\n") > 0, "{agent}: {said:?}");
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
        until(&yard, &id, "running");
        if script == "hang" {
            patiently("the model was asked", || asked(&lab).then_some(()));
        } else {
            until_runs(&yard, "sleep 77");
        }
        if verb == "stop" {
            yard.is_stopped(&lab, &id);
        } else {
            let begun = Instant::now();
            yard.skep(&lab, &["pause", &id, "--now"]).ok();
            let run = until(&yard, &id, "ended");
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

/// A person's own run of one agent where another one has ended: in its worktree, behind the same fence, in a conversation of
/// its own, which goes on there.
#[track_caller]
fn works_by_hand(agent: &str) {
    let Some(lab) = Lab::open(agent, "commit") else { return };
    let yard = Yard::new();
    let amber = crate::close::named(&yard.home, "amber", &[]);
    let title = "Look after what stands there";
    let id = yard.begin_with(&lab, agent, title, &["--manual", "--in", "amber"]);
    let run = until(&yard, &id, "ended");
    let logs = || yard.skep(&lab, &["logs", &id]).ok();
    assert_eq!(run["outcome"], "completed", "{agent}: {run}\n{}", logs());
    assert_eq!((&run["worktree"], &run["branch"]), (&amber["worktree"], &amber["branch"]));
    let log =
        yard.home.place().at(text_of(&amber, "worktree")).git(&["log", "--format=%s", "main.."]);
    assert!(log.ends_with("it") && log.lines().count() > 1, "{agent}: {log}");
    assert_eq!(turns_with(&lab, title), 1, "{agent}: {:?}", turns(&lab));
    // The conversation is its own, and goes on in the same place.
    yard.skep(&lab, &["resume", &id, "And the attic"]);
    let again = until(&yard, &id, "ended");
    assert_eq!((&again["attempt"], &again["worktree"]), (&2.into(), &amber["worktree"]));
    assert_eq!(turns_with(&lab, "And the attic"), 1, "{agent}: {:?}", turns(&lab));
    assert_eq!(turns_with(&lab, title), 1, "{agent}: the conversation that was: {:?}", turns(&lab));
    yard.home.no_agents();
}

#[test]
fn codex_works_by_hand_where_another_agent_has_ended_and_goes_on_there() {
    works_by_hand("codex");
}

#[test]
fn pi_works_by_hand_where_another_agent_has_ended_and_goes_on_there() {
    works_by_hand("pi");
}

#[test]
fn claude_works_by_hand_where_another_agent_has_ended_and_goes_on_there() {
    works_by_hand("claude");
}
