//! The same scenes with every real agent: one function a scene, one list of agents, and for each pair a test by name.
//!
//! `SKEP_LIVE=1` plays them with the agents that the suite requires; `SKEP_LIVE_AGENTS=1` beside it with all that are installed.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use skep_testkit::lab::Lab;

use super::fleet::Yard;
use crate::{
    gatekeeper::warden_of,
    home::{eventually, kill, lives, pid_of, text_of},
};

const PATIENCE: Duration = Duration::from_secs(200);

/// What is known of an agent from having watched it.
struct Agent {
    name: &'static str,
    /// Part of every live suite; the others only where all are asked for.
    required: bool,
    /// Whether a killed one goes on with its conversation.
    remembers: bool,
    /// Whether it can be told to ask for leave.
    asks: bool,
    /// What a provider that is down for ever comes to.
    down: Down,
    /// What a stream that is cut once comes to.
    cut: &'static str,
    /// What an answer of 360 KB comes to.
    long: &'static str,
}

/// How an agent takes a provider that answers 500 for ever.
#[derive(PartialEq, Eq)]
enum Down {
    /// It gives up and says so.
    Fails,
    /// It says nothing, longer than the budget of silence.
    Silent,
}

const CODEX: Agent = Agent {
    name: "codex",
    required: true,
    remembers: true,
    asks: false,
    down: Down::Fails,
    cut: "completed",
    long: "completed",
};
const PI: Agent = Agent { name: "pi", ..CODEX };
const OPENCODE_ACP: Agent = Agent { name: "opencode-acp", asks: true, down: Down::Silent, ..CODEX };
const GEMINI_ACP: Agent = Agent {
    name: "gemini-acp",
    remembers: false,
    asks: true,
    down: Down::Silent,
    // It tries no cut stream again, and takes a long answer for a loop of its own.
    cut: "failed: model-error",
    long: "failed: agent-error",
    ..CODEX
};
const CLAUDE: Agent =
    Agent { name: "claude", required: false, asks: true, down: Down::Silent, ..CODEX };
const CLAUDE_ACP: Agent = Agent { name: "claude-acp", ..CLAUDE };
const CODEX_ACP: Agent = Agent { name: "codex-acp", required: false, ..CODEX };
const OPENCODE: Agent = Agent { name: "opencode", required: false, down: Down::Silent, ..CODEX };
const GEMINI: Agent = Agent {
    name: "gemini",
    required: false,
    down: Down::Silent,
    cut: "failed: model-error",
    ..CODEX
};
const QWEN: Agent = Agent { name: "qwen", required: false, down: Down::Silent, ..CODEX };

/// Opens the lab for one pair; none, said by name, where it is not wanted or not installed.
#[expect(clippy::print_stdout, reason = "the test runner collects these lines")]
fn open(agent: &Agent, script: &str) -> Option<Lab> {
    if !agent.required && std::env::var_os("SKEP_LIVE_AGENTS").is_none_or(|set| set != "1") {
        println!("skipped: live scenes of {} (scripts/test agents plays them)", agent.name);
        return None;
    }
    Lab::open(agent.name, script)
}

/// Waits until `holds`, much longer than any agent takes on a busy machine.
#[track_caller]
fn patiently(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain waited for: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits for a state much longer than any agent takes on a busy machine, and returns the view.
#[track_caller]
pub(super) fn until(yard: &Yard, id: &str, state: &str) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = yard.home.skep(&["--json", "wait", id, "--for", state, "--timeout", "45s"]);
        if said.code != 3 {
            let found: Value = serde_json::from_str(&said.stdout).unwrap();
            return found[0].clone();
        }
        assert!(Instant::now() < deadline, "{id} is never {state}: {}", yard.home.listed(id));
    }
}

/// The same, and that the state is the one that was waited for.
#[track_caller]
fn reaches(yard: &Yard, lab: &Lab, id: &str, state: &str) -> Value {
    let run = until(yard, id, state);
    assert_eq!(run["state"], state, "{run}\n{}", story(yard, lab, id));
    run
}

/// What was heard of a run, for whoever reads that a scene failed.
fn story(yard: &Yard, lab: &Lab, id: &str) -> String {
    let logs = yard.skep(lab, &["logs", id]).stdout;
    let asked = lab.asked();
    format!("{logs}\n{} requests, the last: {:?}", asked.len(), asked.last())
}

/// Asks the agent for a commit under a model and returns how it ends.
#[track_caller]
fn ended(yard: &Yard, lab: &Lab, agent: &Agent, more: &[&str]) -> Value {
    let id = yard.begin_with(lab, agent.name, "Write a file and commit it", more);
    reaches(yard, lab, &id, "ended")
}

#[track_caller]
fn outcome(yard: &Yard, lab: &Lab, run: &Value, outcome: &str) {
    let story = || story(yard, lab, &text_of(run, "id"));
    let (what, reason) = outcome.split_once(": ").unwrap_or((outcome, ""));
    assert_eq!(run["outcome"], what, "{run}\n{}", story());
    if !reason.is_empty() {
        assert_eq!(run["reason"], reason, "{run}\n{}", story());
    }
}

fn commits(yard: &Yard, run: &Value) -> String {
    yard.home.place().at(text_of(run, "worktree")).git(&["log", "--format=%s", "main.."])
}

fn commits_and_lands(agent: &Agent) {
    let Some(lab) = open(agent, "commit") else { return };
    Yard::new().tells_the_story_of(agent.name, &lab);
}

fn is_stopped_while_its_model_hangs(agent: &Agent) {
    let Some(lab) = open(agent, "hang") else { return };
    let yard = Yard::new();
    let id = yard.begin(&lab, agent.name, "Write a file");
    patiently("the model is asked", || !lab.asked().is_empty());
    assert_eq!(yard.home.listed(&id)["state"], "running");
    yard.is_stopped(&lab, &id);
}

fn goes_on_when_it_was_killed(agent: &Agent) {
    let script = if agent.remembers { "slow2" } else { "again" };
    let Some(lab) = open(agent, script) else { return };
    let yard = Yard::new();
    let id = yard.begin(&lab, agent.name, "Write a file, slowly");
    patiently("its tool runs", || {
        yard.home.alive().iter().any(|(_, line)| line.trim() == "sleep 77")
    });
    let run = yard.home.listed(&id);
    kill(pid_of(&run, "pid"), Signal::KILL);
    let dead = reaches(&yard, &lab, &id, "ended");
    outcome(&yard, &lab, &dead, "failed: agent-crash");
    yard.home.no_agents();
    yard.skep(&lab, &["resume", &id]).ok();
    let done = reaches(&yard, &lab, &id, "ended");
    assert_eq!(done["attempt"], 2, "{done}");
    went_on(&yard, &lab, agent, &run, &done);
}

fn goes_on_when_its_guards_were_killed(agent: &Agent) {
    let script = if agent.remembers { "slow2" } else { "again" };
    let Some(lab) = open(agent, script) else { return };
    let yard = Yard::new();
    let id = yard.begin(&lab, agent.name, "Write a file, slowly");
    patiently("its tool runs", || {
        yard.home.alive().iter().any(|(_, line)| line.trim() == "sleep 77")
    });
    let run = yard.home.listed(&id);
    let keeper = pid_of(&run, "gatekeeper");
    let warden = warden_of(keeper);
    kill(keeper, Signal::KILL);
    kill(warden, Signal::KILL);
    let agent_pid = pid_of(&run, "pid");
    eventually("the agent went with its guards", || !lives(agent_pid));
    eventually("it is tried again", || yard.home.listed(&id)["attempt"] == 2);
    let done = reaches(&yard, &lab, &id, "ended");
    went_on(&yard, &lab, agent, &run, &done);
}

/// Holds that the second attempt ended well, with the conversation of the first where the agent keeps one.
#[track_caller]
fn went_on(yard: &Yard, lab: &Lab, agent: &Agent, first: &Value, done: &Value) {
    let id = text_of(done, "id");
    outcome(yard, lab, done, "completed");
    if agent.remembers {
        assert_eq!(done["session"]["agent"], first["session"]["agent"], "{done}");
        let logs = yard.skep(lab, &["logs", &id]).ok();
        assert!(logs.contains("I see the earlier command was interrupted"), "{logs}");
        assert_eq!(commits(yard, done), "one");
    } else {
        assert_eq!(commits(yard, done), "two\none");
        let told = lab.asked();
        let told = told.iter().rfind(|asked| asked.contains("# What was done before you"));
        assert!(told.is_some(), "it is told where it stands: {}", story(yard, lab, &id));
    }
    yard.home.no_agents();
}

fn recovers_from_two_429(agent: &Agent) {
    let Some(lab) = open(agent, "rate429commit") else { return };
    let yard = Yard::new();
    let run = ended(&yard, &lab, agent, &[]);
    outcome(&yard, &lab, &run, "completed");
    assert_eq!(commits(&yard, &run), "scripted commit");
}

fn does_not_complete_while_its_provider_is_down(agent: &Agent) {
    let Some(lab) = open(agent, "dead500") else { return };
    let yard = Yard::new();
    if agent.down == Down::Fails {
        let run = ended(&yard, &lab, agent, &[]);
        return outcome(&yard, &lab, &run, "failed: model-error");
    }
    yard.home.skep(&["config", "set", "time.idle", "8s"]).ok();
    let id = yard.begin(&lab, agent.name, "Write a file");
    patiently("the model is asked", || !lab.asked().is_empty());
    // It says nothing, and is shown so; then its time is over.
    let run = until(&yard, &id, "stalled");
    if run["state"] == "stalled" {
        let run = reaches(&yard, &lab, &id, "ended");
        outcome(&yard, &lab, &run, "failed");
        let reason = text_of(&run, "reason");
        assert!(["stalled", "model-error"].contains(&reason.as_str()), "{run}");
    } else {
        outcome(&yard, &lab, &run, "failed: model-error");
    }
    yard.home.no_agents();
}

fn takes_up_a_stream_that_was_cut(agent: &Agent) {
    let Some(lab) = open(agent, "dropcommit") else { return };
    let yard = Yard::new();
    let run = ended(&yard, &lab, agent, &[]);
    outcome(&yard, &lab, &run, agent.cut);
    let logs = yard.skep(&lab, &["logs", &text_of(&run, "id")]).ok();
    assert!(!logs.contains("of the stream.Comp"), "two tries are one text: {logs}");
}

fn is_heard_in_full_and_within_bounds(agent: &Agent) {
    let Some(lab) = open(agent, "longcommit") else { return };
    let yard = Yard::new();
    let id = yard.begin(&lab, agent.name, "Tell me everything");
    let mut peak = 0;
    let run = loop {
        let run = yard.home.listed(&id);
        if let Some(keeper) = run["gatekeeper"].as_u64() {
            peak = peak.max(memory_of(keeper));
        }
        if run["state"] == "ended" {
            break run;
        }
        let _ended = yard.home.skep(&["wait", &id, "--timeout", "100ms"]);
    };
    outcome(&yard, &lab, &run, agent.long);
    let journal = fs::metadata(yard.home.attempt(&id, 1).join("journal.jsonl")).unwrap().len();
    assert!(journal < 2 << 20, "{journal} bytes of an answer of 360 KB");
    assert!(peak < 64 << 10, "the keeper took {peak} KiB");
}

/// The most memory that a process had. KiB.
fn memory_of(pid: u64) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Waits until the agent asks for leave, or has ended.
#[track_caller]
fn asks(yard: &Yard, lab: &Lab, id: &str) -> Value {
    let run = until(yard, id, "waiting");
    if run["state"] == "waiting" {
        assert_eq!(run["waiting_for"], "permission", "{run}\n{}", story(yard, lab, id));
        assert!(!run["asks"].as_array().unwrap().is_empty(), "{run}");
    }
    run
}

fn asks_and_is_allowed(agent: &Agent) {
    assert!(agent.asks);
    let Some(lab) = open(agent, "commit") else { return };
    let yard = Yard::new();
    let id = yard.begin_with(&lab, agent.name, "Write a file", &["--permissions", "ask"]);
    let run = asks(&yard, &lab, &id);
    assert_eq!(run["state"], "waiting", "{run}\n{}", story(&yard, &lab, &id));
    let wish = text_of(&run["asks"][0], "text");
    assert!(wish.contains("git commit -q"), "{run}");
    assert_eq!(commits(&yard, &run), "", "nothing is done without leave");
    yard.skep(&lab, &["approve", &id]).ok();
    let mut rounds = 0;
    let run = loop {
        let run = asks(&yard, &lab, &id);
        if run["state"] == "ended" {
            break run;
        }
        rounds += 1;
        assert!(rounds < 5, "{run}\n{}", story(&yard, &lab, &id));
        yard.skep(&lab, &["approve", &text_of(&run["asks"][0], "id")]).ok();
    };
    outcome(&yard, &lab, &run, "completed");
    assert_eq!(commits(&yard, &run), "scripted commit");
}

fn asks_and_is_refused(agent: &Agent) {
    assert!(agent.asks);
    let Some(lab) = open(agent, "commit") else { return };
    let yard = Yard::new();
    let id = yard.begin_with(&lab, agent.name, "Write a file", &["--permissions", "ask"]);
    let run = asks(&yard, &lab, &id);
    yard.skep(&lab, &["reject", &text_of(&run["asks"][0], "id"), "not on a Sunday"]).ok();
    let run = reaches(&yard, &lab, &id, "ended");
    outcome(&yard, &lab, &run, "failed");
    assert_eq!(commits(&yard, &run), "", "{}", story(&yard, &lab, &id));
    if agent.name == "claude" {
        let told = lab.asked();
        assert!(told.iter().any(|asked| asked.contains("not on a Sunday")), "{told:?}");
    }
    yard.home.no_agents();
}

fn is_stopped_while_it_waits_for_leave(agent: &Agent) {
    assert!(agent.asks);
    let Some(lab) = open(agent, "commit") else { return };
    let yard = Yard::new();
    let id = yard.begin_with(&lab, agent.name, "Write a file", &["--permissions", "ask"]);
    asks(&yard, &lab, &id);
    yard.is_stopped(&lab, &id);
}

fn asks_for_two_things_and_each_gets_its_own_answer(agent: &Agent) {
    assert!(agent.asks);
    let Some(lab) = open(agent, "two") else { return };
    let yard = Yard::new();
    let id = yard.begin_with(&lab, agent.name, "Write two files", &["--permissions", "ask"]);
    // Some ask for both at once, some one after the other.
    let mut answered = 0;
    let run = loop {
        let run = asks(&yard, &lab, &id);
        if run["state"] == "ended" {
            break run;
        }
        let open: Vec<&Value> =
            run["asks"].as_array().unwrap().iter().filter(|ask| ask["answer"].is_null()).collect();
        if let Some(ask) = open.last() {
            let first = text_of(ask, "text").contains("first.txt");
            let verb = if first { "approve" } else { "reject" };
            yard.skep(&lab, &[verb, &text_of(ask, "id")]).ok();
            answered += 1;
            assert!(answered < 5, "{run}\n{}", story(&yard, &lab, &id));
        }
    };
    assert_eq!(commits(&yard, &run), "first commit", "{run}\n{}", story(&yard, &lab, &id));
    assert_eq!(answered, 2, "{}", story(&yard, &lab, &id));
    let worktree = yard.home.place().at(text_of(&run, "worktree"));
    assert!(!worktree.path().join("second.txt").exists(), "what was refused is not done");
}

fn writes_in_its_own_place_only_whatever_it_is_allowed(agent: &Agent) {
    if !skep_host::fence::is_possible() {
        return crate::fence::skipped("Landlock");
    }
    let Some(lab) = open(agent, "fence") else { return };
    let yard = Yard::new();
    fs::write(lab.home().join(".bashrc"), "as it was").unwrap();
    let bypass = ["--permissions", "bypass"];
    let more: &[&str] = if agent.name == "codex-acp" { &[] } else { &bypass };
    let run = ended(&yard, &lab, agent, more);
    outcome(&yard, &lab, &run, "completed");
    assert_eq!(run["fence"], "on", "{run}");
    assert_eq!(
        commits(&yard, &run),
        "scripted commit",
        "{}",
        story(&yard, &lab, &text_of(&run, "id"))
    );
    assert_eq!(fs::read_to_string(lab.home().join(".bashrc")).unwrap(), "as it was");
    let git = yard.repo().path().join(".git");
    let env = std::path::PathBuf::from(text_of(&run, "env"));
    for evil in [
        lab.home().join(".evil"),
        lab.home().join(".evil2"),
        env.join("evil"),
        git.join("hooks/post-commit"),
    ] {
        assert!(!evil.exists(), "{}", evil.display());
    }
    assert!(!fs::read_to_string(git.join("config")).unwrap().contains("evil"));
    yard.home.no_agents();
}

fn works_on_text_from_outside_behind_a_fence_of_reading(agent: &Agent) {
    if !skep_host::fence::is_possible() {
        return crate::fence::skipped("Landlock");
    }
    let Some(lab) = open(agent, "outread") else { return };
    let yard = Yard::new();
    let secret = "no-model-hears-8VqX2tRk";
    // Words of a person's own that stand in the ledger.
    yard.skep(&lab, &["task", "add", &format!("another matter {secret}")]).ok();
    let keys = [".ssh/id_x", ".aws/credentials", ".netrc"].map(|path| lab.home().join(path));
    let ledger = fs::read_dir(yard.home.root())
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains("ledger"));
    let ledger: Vec<_> = ledger.filter(|path| path.is_file()).collect();
    let in_ledger = |path: &std::path::PathBuf| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(secret.len()).any(|bytes| bytes == secret.as_bytes())
    };
    assert!(ledger.iter().any(in_ledger), "{ledger:?}");
    for key in &keys {
        fs::create_dir_all(key.parent().unwrap()).unwrap();
        fs::write(key, format!("key = {secret}\n")).unwrap();
    }
    // What a script in a file does, no rule judges.
    let look: Vec<String> =
        keys.iter().chain(&ledger).map(|path| format!("cat '{}'\n", path.display())).collect();
    yard.repo().commit_file("look.sh", &look.concat());
    yard.repo().git(&["push", "--quiet", "origin", "main"]);

    let args = ["--json", "run", "Write a file", "--agent", agent.name, "-d", "--outside"];
    let id = text_of(&yard.skep(&lab, &args).json(0), "id");
    let run = reaches(&yard, &lab, &id, "ended");
    outcome(&yard, &lab, &run, "completed");
    assert_eq!(run["fence"], "on", "{run}");
    assert_eq!(commits(&yard, &run), "scripted commit", "{}", story(&yard, &lab, &id));
    let asked = lab.requests().concat();
    let refused = asked.matches("Permission denied").count();
    assert!(refused >= look.len(), "it tried each: {refused}\n{}", story(&yard, &lab, &id));
    assert!(!asked.contains(secret), "{}", story(&yard, &lab, &id));
    let records = yard.home.root().join("runs").join(&id);
    for file in ["1/journal.jsonl", "1/reports.jsonl"] {
        let text = fs::read_to_string(records.join(file)).unwrap();
        assert!(!text.contains(secret), "{file}");
    }
    yard.home.no_agents();
}

/// A module of tests for an agent: every scene that it can be in.
macro_rules! scenes {
    ($($module:ident: $agent:ident { $($scene:ident),* $(,)? })*) => {$(
        mod $module {
            $(#[test] fn $scene() { super::$scene(&super::$agent); })*
        }
    )*};
}

scenes! {
    codex: CODEX {
        commits_and_lands, is_stopped_while_its_model_hangs, goes_on_when_it_was_killed,
        goes_on_when_its_guards_were_killed, recovers_from_two_429,
        does_not_complete_while_its_provider_is_down, takes_up_a_stream_that_was_cut,
        is_heard_in_full_and_within_bounds,
        writes_in_its_own_place_only_whatever_it_is_allowed,
        works_on_text_from_outside_behind_a_fence_of_reading,
    }
    pi: PI {
        commits_and_lands, is_stopped_while_its_model_hangs, goes_on_when_it_was_killed,
        goes_on_when_its_guards_were_killed, recovers_from_two_429,
        does_not_complete_while_its_provider_is_down, takes_up_a_stream_that_was_cut,
        is_heard_in_full_and_within_bounds,
        writes_in_its_own_place_only_whatever_it_is_allowed,
        works_on_text_from_outside_behind_a_fence_of_reading,
    }
    opencode_acp: OPENCODE_ACP {
        commits_and_lands, is_stopped_while_its_model_hangs, goes_on_when_it_was_killed,
        goes_on_when_its_guards_were_killed, recovers_from_two_429,
        does_not_complete_while_its_provider_is_down, takes_up_a_stream_that_was_cut,
        is_heard_in_full_and_within_bounds,
        writes_in_its_own_place_only_whatever_it_is_allowed,
        works_on_text_from_outside_behind_a_fence_of_reading,
        asks_and_is_allowed, asks_and_is_refused, is_stopped_while_it_waits_for_leave,
        asks_for_two_things_and_each_gets_its_own_answer,
    }
    gemini_acp: GEMINI_ACP {
        commits_and_lands, is_stopped_while_its_model_hangs, goes_on_when_it_was_killed,
        goes_on_when_its_guards_were_killed, recovers_from_two_429,
        does_not_complete_while_its_provider_is_down, takes_up_a_stream_that_was_cut,
        is_heard_in_full_and_within_bounds,
        writes_in_its_own_place_only_whatever_it_is_allowed,
        works_on_text_from_outside_behind_a_fence_of_reading,
        asks_and_is_allowed, asks_and_is_refused, is_stopped_while_it_waits_for_leave,
        asks_for_two_things_and_each_gets_its_own_answer,
    }
    claude: CLAUDE {
        commits_and_lands, is_stopped_while_its_model_hangs, goes_on_when_it_was_killed,
        goes_on_when_its_guards_were_killed, recovers_from_two_429,
        does_not_complete_while_its_provider_is_down, takes_up_a_stream_that_was_cut,
        is_heard_in_full_and_within_bounds,
        writes_in_its_own_place_only_whatever_it_is_allowed,
        works_on_text_from_outside_behind_a_fence_of_reading,
        asks_and_is_allowed, asks_and_is_refused, is_stopped_while_it_waits_for_leave,
        asks_for_two_things_and_each_gets_its_own_answer,
    }
    claude_acp: CLAUDE_ACP {
        commits_and_lands, is_stopped_while_its_model_hangs, goes_on_when_it_was_killed,
        goes_on_when_its_guards_were_killed, recovers_from_two_429,
        does_not_complete_while_its_provider_is_down, takes_up_a_stream_that_was_cut,
        is_heard_in_full_and_within_bounds,
        writes_in_its_own_place_only_whatever_it_is_allowed,
        works_on_text_from_outside_behind_a_fence_of_reading,
        asks_and_is_allowed, asks_and_is_refused, is_stopped_while_it_waits_for_leave,
        asks_for_two_things_and_each_gets_its_own_answer,
    }
    codex_acp: CODEX_ACP {
        commits_and_lands, is_stopped_while_its_model_hangs, goes_on_when_it_was_killed,
        goes_on_when_its_guards_were_killed, recovers_from_two_429,
        does_not_complete_while_its_provider_is_down, takes_up_a_stream_that_was_cut,
        is_heard_in_full_and_within_bounds,
        writes_in_its_own_place_only_whatever_it_is_allowed,
        works_on_text_from_outside_behind_a_fence_of_reading,
    }
    opencode: OPENCODE {
        commits_and_lands, is_stopped_while_its_model_hangs, goes_on_when_it_was_killed,
        goes_on_when_its_guards_were_killed, recovers_from_two_429,
        does_not_complete_while_its_provider_is_down, takes_up_a_stream_that_was_cut,
        is_heard_in_full_and_within_bounds,
        writes_in_its_own_place_only_whatever_it_is_allowed,
        works_on_text_from_outside_behind_a_fence_of_reading,
    }
    gemini: GEMINI {
        commits_and_lands, is_stopped_while_its_model_hangs, goes_on_when_it_was_killed,
        goes_on_when_its_guards_were_killed, recovers_from_two_429,
        does_not_complete_while_its_provider_is_down, takes_up_a_stream_that_was_cut,
        is_heard_in_full_and_within_bounds,
        writes_in_its_own_place_only_whatever_it_is_allowed,
        works_on_text_from_outside_behind_a_fence_of_reading,
    }
    qwen: QWEN {
        commits_and_lands, is_stopped_while_its_model_hangs, goes_on_when_it_was_killed,
        goes_on_when_its_guards_were_killed, recovers_from_two_429,
        does_not_complete_while_its_provider_is_down, takes_up_a_stream_that_was_cut,
        is_heard_in_full_and_within_bounds,
        writes_in_its_own_place_only_whatever_it_is_allowed,
        works_on_text_from_outside_behind_a_fence_of_reading,
    }
}
