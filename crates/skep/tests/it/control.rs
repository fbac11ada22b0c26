//! Control of what an agent does: pause, resume, retry, send, abandon, and the breaker.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    gatekeeper::warden_of,
    home::{Home, eventually, kill, lives, pid_of, text_of},
};

/// What an attempt's agent was heard to say.
fn words(home: &Home, id: &str, attempt: u32) -> Vec<String> {
    let journal = fs::read_to_string(home.attempt(id, attempt).join("journal.jsonl"));
    let lines = journal.unwrap_or_default();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["kind"] == "said").map(|line| text_of(&line, "text")).collect()
}

fn heard(home: &Home, id: &str, attempt: u32, text: &str) -> usize {
    words(home, id, attempt).iter().filter(|said| said.contains(text)).count()
}

/// Ends both guards of an attempt as the kernel would, and returns when its agent is gone.
fn kill_guards(run: &Value) {
    let (keeper, agent) = (pid_of(run, "gatekeeper"), pid_of(run, "pid"));
    assert!(lives(keeper), "it is said to be at work: {run}");
    let warden = warden_of(keeper);
    for guard in [keeper, warden] {
        kill(guard, Signal::KILL);
    }
    eventually("the agent went with its guards", || !lives(agent));
}

/// Waits until the run is at work in this attempt.
fn at_work(home: &Home, id: &str, attempt: u32) -> Value {
    let mut found = Value::Null;
    eventually("the attempt is at work", || {
        found = home.listed(id);
        found["attempt"] == attempt && found["state"] == "running"
    });
    found
}

#[test]
fn a_pause_takes_effect_at_the_turns_end_keeps_agent_and_env_and_gives_the_slot_away() {
    let home = Home::with_limits("runs = 1");
    home.repo();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let run =
        home.run("long", &["listen", "write a a", &wait, "say first done"], &["--name", "amber"]);
    let id = text_of(&run, "id");
    home.skep(&["pause", "amber"]).ok();
    assert_eq!(home.listed(&id)["state"], "running", "the turn goes on");
    fs::write(&go, "").unwrap();
    let paused = home.wait(&id, "waiting");
    assert_eq!(
        (&paused["waiting_for"], &paused["pid"]),
        (&"paused".into(), &run["pid"]),
        "{paused}"
    );
    assert_eq!((&paused["env_state"], &paused["attempt"]), (&"held".into(), &1.into()));
    assert!(lives(pid_of(&run, "pid")));
    let other = home.ended("other", &["write b b", "commit b", "say done"], &[]);
    assert_eq!(other["outcome"], "completed", "the slot was free: {other}");
    home.kill_daemon();
    assert_eq!(home.listed(&id)["waiting_for"], "paused", "a pause outlives the daemon");
    home.skep(&["resume", "amber", "now the second part"]).ok();
    eventually("the words came", || heard(&home, &id, 1, "now the second part") == 1);
    let on = home.listed(&id);
    assert_eq!(
        (&on["state"], &on["attempt"], &on["pid"]),
        (&"running".into(), &1.into(), &run["pid"])
    );
}

#[test]
fn a_pause_of_an_agent_that_leaves_after_its_turn_is_its_end() {
    let home = Home::new();
    home.repo();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let run = home.run("brief", &["write a a", "commit a", &wait, "say done"], &[]);
    let id = text_of(&run, "id");
    home.skep(&["pause", &id]).ok();
    fs::write(&go, "").unwrap();
    let ended = home.wait(&id, "ended");
    assert_eq!(
        (&ended["outcome"], &ended["env_state"]),
        (&"completed".into(), &"held".into()),
        "{ended}"
    );
}

#[test]
fn a_pause_at_once_ends_the_attempt_and_resume_takes_the_same_conversation_up_in_the_same_env() {
    let home = Home::new();
    home.repo();
    let run = home.run("long", &["write draft x", "hang"], &[]);
    let id = text_of(&run, "id");
    eventually("it wrote", || Path::new(&text_of(&run, "worktree")).join("draft").exists());
    home.skep(&["pause", &id, "--now"]).ok();
    let paused = home.wait(&id, "ended");
    assert_eq!(
        (&paused["outcome"], &paused["env_state"]),
        (&"interrupted".into(), &"held".into()),
        "{paused}"
    );
    let session = text_of(&paused["session"], "agent");
    home.skep(&["resume", &id]).ok();
    let ended = home.wait(&id, "ended");
    assert_eq!((&ended["attempt"], &ended["outcome"]), (&2.into(), &"completed".into()), "{ended}");
    assert_eq!(
        text_of(&ended["session"], "agent"),
        session,
        "natively, by the agent's own session"
    );
    for field in ["env", "worktree", "branch", "name", "base"] {
        assert_eq!(ended[field], run[field], "{field}");
    }
    let prompt = fs::read_to_string(home.attempt(&id, 2).join("prompt.md")).unwrap();
    assert!(!prompt.contains("hang"), "the task is known to it: {prompt}");
}

#[test]
fn resume_goes_on_and_retry_begins_afresh_after_a_stop_in_the_same_env() {
    let home = Home::new();
    home.repo();
    let run = home.run("long", &["append count x", "hang"], &[]);
    let (id, count) = (text_of(&run, "id"), Path::new(&text_of(&run, "worktree")).join("count"));
    let lines = || fs::read_to_string(&count).map_or(0, |text| text.lines().count());
    eventually("it began", || lines() == 1);
    home.skep(&["--json", "resume", &id]).refused(1, "run-living");
    home.skep(&["--json", "retry", &id]).refused(1, "run-living");
    home.skep(&["stop", &id]).ok();
    let session = text_of(&home.listed(&id)["session"], "agent");
    let words =
        home.write("words", "Do this instead.\n\n```skep-script\nsay resumed\nlisten\n```\n");
    let more = fs::read_to_string(words).unwrap();
    home.skep(&["resume", &id, &more]).ok();
    eventually("it heard", || heard(&home, &id, 2, "resumed") == 1);
    assert_eq!(lines(), 1, "the task is not done a second time");
    assert_eq!(text_of(&home.listed(&id)["session"], "agent"), session);
    home.skep(&["stop", &id]).ok();
    home.skep(&["retry", &id]).ok();
    eventually("the task is begun again", || lines() == 2);
    let third = at_work(&home, &id, 3);
    assert_ne!(text_of(&third["session"], "agent"), session, "{third}");
    assert_eq!((&third["env"], &third["branch"]), (&run["env"], &run["branch"]));
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_run_whose_guards_were_both_killed_is_resumed_with_its_conversation_and_its_files() {
    let home = Home::new();
    home.repo();
    home.skep(&["config", "set", "retry.tries", "0"]).ok();
    let run = home.run("long", &["write draft x", "hang"], &[]);
    let (id, draft) = (text_of(&run, "id"), Path::new(&text_of(&run, "worktree")).join("draft"));
    eventually("it wrote", || draft.exists());
    eventually("its session is known", || home.listed(&id)["session"]["agent"].is_string());
    kill_guards(&run);
    let lost = home.wait(&id, "ended");
    assert_eq!(lost["outcome"], "lost", "{lost}");
    home.skep(&["resume", &id]).ok();
    let ended = home.wait(&id, "ended");
    assert_eq!((&ended["attempt"], &ended["outcome"]), (&2.into(), &"completed".into()), "{ended}");
    assert_eq!(ended["session"]["agent"], lost["session"]["agent"]);
    assert_eq!(fs::read_to_string(draft).unwrap(), "x\n");
}

#[test]
fn a_message_reaches_a_listening_agent_once_and_nobody_listens_after_the_end() {
    let home = Home::new();
    home.repo();
    let run = home.run("talk", &["listen", "write a a", "commit a", "say ready"], &[]);
    let id = text_of(&run, "id");
    eventually("it listens", || heard(&home, &id, 1, "ready") == 1);
    let sent = home.json(&["send", &id, "what about tests?", "--wait", "turn-started"]);
    assert_eq!((&sent["run"], &sent["receipt"]), (&id.as_str().into(), &"turn-started".into()));
    eventually("it came", || heard(&home, &id, 1, "heard: what about tests?") == 1);
    home.json(&["send", &id, "and docs?"]);
    eventually("the next came", || heard(&home, &id, 1, "heard: and docs?") == 1);
    assert_eq!(heard(&home, &id, 1, "what about tests?"), 1, "once");
    home.skep(&["stop", &id]).ok();
    let error = home.skep(&["--json", "send", &id, "late"]).refused(2, "nobody-listens");
    assert!(error["hints"].to_string().contains("skep resume"), "{error}");
    assert_eq!(heard(&home, &id, 1, "late"), 0);
}

#[test]
fn an_agent_that_asks_is_answered_by_a_message_across_the_death_of_the_daemon() {
    let home = Home::new();
    home.repo();
    let steps = ["ask which? | a | b", "write answer {answer}", "commit it", "say done"];
    let run = home.run("asks", &steps, &["-d"]);
    let id = text_of(&run, "id");
    home.wait(&id, "waiting");
    home.kill_daemon();
    home.json(&["send", &id, "the second"]);
    let ended = home.wait(&id, "ended");
    assert_eq!(ended["outcome"], "completed", "{ended}");
    let answer = PathBuf::from(text_of(&ended, "worktree")).join("answer");
    assert_eq!(fs::read_to_string(answer).unwrap(), "the second\n");
}

#[test]
fn deaths_without_progress_open_the_breaker_across_daemons_and_a_retry_closes_it() {
    let home = Home::new();
    home.repo();
    for (key, value) in [("retry.tries", "9"), ("retry.first", "10ms"), ("retry.factor", "1")] {
        home.skep(&["config", "set", key, value]).ok();
    }
    // It has no conversation to go on with, so that each attempt is the same.
    home.write(
        "c/agents/mute.toml",
        "protocol = \"plain\"\nprogram = \"sleep\"\nheadless = [\"3600\"]\nprompt = \"none\"\n",
    );
    let run = home.json(&["run", "dies", "--agent", "mute"]);
    let id = text_of(&run, "id");
    for attempt in 1..=3 {
        kill_guards(&at_work(&home, &id, attempt));
        if attempt == 2 {
            home.kill_daemon();
        }
    }
    let ended = home.wait(&id, "ended");
    assert_eq!(
        (&ended["outcome"], &ended["reason"], &ended["attempt"]),
        (&"failed".into(), &"breaker".into(), &3.into()),
        "{ended}"
    );
    home.kill_daemon();
    assert_eq!(home.listed(&id)["reason"], "breaker");
    let why = home.skep(&["why", &id]).ok();
    assert!(why.contains("died 3 times"), "{why}");
    home.skep(&["retry", &id]).ok();
    kill_guards(&at_work(&home, &id, 4));
    at_work(&home, &id, 5);
    assert_eq!(home.kinds(&id).iter().filter(|kind| *kind == "ended").count(), 1);
}

#[test]
fn an_agent_that_leaves_within_its_health_window_is_reported_as_not_started() {
    let home = Home::new();
    home.repo();
    home.skep(&["config", "set", "time.health", "20s"]).ok();
    let prompt = home.script("brief", &["stderr no licence", "exit 3"]);
    let said = home.skep(&["run", "brief", "--prompt-file", &prompt]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("no licence"), "{said:?}");
    let run = &home.json(&["ls"])[0];
    assert_eq!((&run["outcome"], &run["reason"]), (&"failed".into(), &"start".into()), "{run}");
    assert_eq!(run["exit"]["code"], 3);
}

#[test]
fn a_run_that_is_given_up_is_stopped_and_kept_and_undo_brings_it_back() {
    let home = Home::new();
    home.repo();
    let run = home.run("long", &["write draft x", "fork", "hang"], &["--name", "amber"]);
    let (id, env) = (text_of(&run, "id"), PathBuf::from(text_of(&run, "env")));
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    eventually("it wrote", || worktree.join("draft").exists());
    home.skep(&["abandon", "amber"]).ok();
    assert!(!lives(pid_of(&run, "pid")));
    let ended = home.listed(&id);
    assert_eq!(
        (&ended["state"], &ended["outcome"]),
        (&"ended".into(), &"stopped".into()),
        "{ended}"
    );
    eventually("its env is given back", || !env.exists());
    home.no_agents();
    eventually("what stood there is kept", || {
        !home.json(&["snapshot", "ls", &id]).as_array().unwrap().is_empty()
    });
    home.skep(&["undo"]).ok();
    let back = home.listed(&id);
    assert_eq!(back["env_state"], "held", "{back}");
    let draft = PathBuf::from(text_of(&back, "worktree")).join("draft");
    assert_eq!(fs::read_to_string(draft).unwrap(), "x\n");
    home.skep(&["resume", "amber"]).ok();
    assert_eq!(home.wait(&id, "ended")["attempt"], 2);
}

#[test]
fn what_does_not_run_can_neither_be_paused_nor_told_anything() {
    let home = Home::with_limits("runs = 1");
    home.repo();
    let held = home.run("held", &["hang"], &[]);
    let queued = home.run("queued", &["hang"], &[]);
    home.skep(&["--json", "pause", &text_of(&queued, "id")]).error(2);
    home.skep(&["stop", "--all"]).ok();
    for run in [&held, &queued] {
        assert_eq!(home.listed(&text_of(run, "id"))["outcome"], "stopped");
        home.skep(&["--json", "pause", &text_of(run, "id")]).error(2);
        home.skep(&["--json", "send", &text_of(run, "id"), "x"]).refused(2, "nobody-listens");
    }
    home.no_agents();
}
