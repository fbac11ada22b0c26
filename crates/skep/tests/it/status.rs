//! What skep shows is true: limits, retries, deadlines, agents that never get ready, and who takes over.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::home::{Home, eventually, text_of};

/// A home with these settings of `[time]`.
fn home(times: &[(&str, &str)]) -> Home {
    let home = Home::new();
    home.repo();
    for (key, value) in times {
        home.skep(&["config", "set", &format!("time.{key}"), value]).ok();
    }
    home
}

/// Adds an agent that plays these steps whatever it is asked, with more lines of its profile.
fn agent(home: &Home, name: &str, steps: &[&str], more: &str) {
    let script = home.write(format!("{name}.script"), &steps.join("\n"));
    home.write(
        format!("c/agents/{name}.toml"),
        &format!(
            "protocol = \"scripted\"\nprogram = \"{{skep}}\"\nprompt = \"stdin\"\n\
             headless = [\"__agent\", \"scripted\", \"{script}\"]\n{more}\n"
        ),
    );
}

fn count(home: &Home, id: &str, kind: &str) -> usize {
    home.kinds(id).iter().filter(|have| *have == kind).count()
}

#[test]
fn a_run_at_its_usage_limit_waits_and_goes_on_once_by_itself_though_the_daemon_died() {
    let home = home(&[]);
    let steps = ["write a a", "commit a", "limit the window is full | 6", "exit 1"];
    let run = home.run("limited", &steps, &["--name", "amber"]);
    let id = text_of(&run, "id");
    let waiting = home.wait(&id, "waiting");
    assert_eq!((&waiting["waiting_for"], &waiting["pid"]), (&"limit".into(), &Value::Null));
    assert_eq!((&waiting["env_state"], &waiting["attempt"]), (&"held".into(), &1.into()));
    assert_eq!(waiting["limit"]["known"], true, "{waiting}");
    let why = home.skep(&["why", "amber"]).ok();
    assert!(why.contains("usage limit to be reset at"), "{why}");
    home.kill_daemon();
    let ended = home.wait(&id, "ended");
    assert_eq!((&ended["outcome"], &ended["attempt"]), (&"completed".into(), &2.into()));
    assert_eq!((count(&home, &id, "limited"), count(&home, &id, "requeued")), (1, 1));
}

#[test]
fn a_person_resumes_a_run_at_its_limit_at_once_or_ends_it() {
    let home = home(&[]);
    let steps = ["write a a", "commit a", "limit come back tomorrow | 80000", "exit 1"];
    let run = home.run("limited", &steps, &["--name", "amber"]);
    let id = text_of(&run, "id");
    home.wait(&id, "waiting");
    home.skep(&["resume", "amber", "try now"]).ok();
    let ended = home.wait(&id, "ended");
    assert_eq!((&ended["attempt"], &ended["outcome"]), (&2.into(), &"completed".into()));
    let other = home.run("other", &steps, &["--name", "beryl"]);
    let other = text_of(&other, "id");
    home.wait(&other, "waiting");
    home.skep(&["stop", "beryl"]).ok();
    assert_eq!(home.wait(&other, "ended")["outcome"], "stopped");
}

#[test]
fn a_retry_of_the_agents_own_is_shown_while_it_lasts() {
    let home = home(&[]);
    let go = home.at("go");
    let steps = [
        "retry 503 overloaded",
        &format!("wait-for {}", go.display()),
        "write a a",
        "commit a",
        "say done",
    ];
    let run = home.run("again", &steps, &["--name", "amber"]);
    let id = text_of(&run, "id");
    eventually("the retry is shown", || {
        home.listed(&id)["retrying"] == "attempt 1, 503 overloaded"
    });
    assert_eq!(home.listed(&id)["state"], "running");
    let list = home.skep(&["ls"]).ok();
    assert!(list.contains("retrying"), "{list}");
    for verb in ["show", "why"] {
        let said = home.skep(&[verb, "amber"]).ok();
        assert!(said.contains("attempt 1, 503 overloaded"), "{verb}: {said}");
    }
    fs::write(&go, "").unwrap();
    let ended = home.wait(&id, "ended");
    assert_eq!((&ended["retrying"], &ended["outcome"]), (&Value::Null, &"completed".into()));
}

#[test]
fn a_turn_beyond_its_time_is_ended_and_failed_by_that_name() {
    let home = home(&[("turn", "1s")]);
    let run = home.run("slow", &["write a a", "commit a", "hang"], &["-d"]);
    let ended = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!((&ended["outcome"], &ended["reason"]), (&"failed".into(), &"timeout".into()));
}

#[test]
fn an_agent_that_never_gets_ready_failed_to_start_and_says_what_was_seen_of_it() {
    let home = home(&[("ready", "1s")]);
    let program = home.write(
        "mute",
        "#!/bin/sh\n[ \"$1\" = --version ] && { echo mute 1.2.3; exit; }\n\
         echo cannot reach the gate >&2\nwhile :; do sleep 1; done\n",
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    home.write(
        "c/agents/mute.toml",
        &format!("protocol = \"acp\"\nprogram = \"{program}\"\nprompt = \"stdin\"\n"),
    );
    let run = home.json(&["run", "mute", "--agent", "mute", "--name", "amber", "-d"]);
    let id = text_of(&run, "id");
    let ended = home.wait(&id, "ended");
    assert_eq!((&ended["outcome"], &ended["reason"]), (&"failed".into(), &"start".into()));
    let why = home.skep(&["why", "amber"]).ok();
    for seen in ["did not answer for 1 s", "mute 1.2.3", "cannot reach the gate"] {
        assert!(why.contains(seen), "{seen}: {why}");
    }
}

#[test]
fn the_fallback_takes_over_once_in_the_same_env_and_the_first_agent_cools_down() {
    let home = home(&[]);
    let steps = ["write begun a", "limit no quota is left", "exit 1"];
    agent(&home, "first", &steps, "fallback = \"scripted\"");
    let run = home.json(&["run", "mend", "--agent", "first", "--name", "amber", "-d"]);
    let id = text_of(&run, "id");
    let ended = home.wait(&id, "ended");
    assert_eq!((&ended["outcome"], &ended["agent"]), (&"completed".into(), &"scripted".into()));
    assert_eq!((&ended["attempt"], &ended["limit"]["agent"]), (&2.into(), &"first".into()));
    assert_eq!(count(&home, &id, "prepared"), 1, "the same env");
    let told = fs::read_to_string(home.attempt(&id, 2).join("prompt.md")).unwrap();
    assert!(told.starts_with("mend") && told.contains("What was done before you"), "{told}");
    let next = home.json(&["run", "next", "--agent", "first", "--name", "beryl", "-d"]);
    let next = text_of(&next, "id");
    assert_eq!(home.listed(&next)["state"], "queued", "nobody asks the first one now");
    let why = home.skep(&["why", "beryl"]).ok();
    assert!(why.contains("first is at its usage limit, reset unknown"), "{why}");
    home.skep(&["stop", "beryl"]).ok();
}

#[test]
fn a_fallback_that_cannot_be_is_told_before_anything_is_made() {
    let home = home(&[]);
    for (other, slug) in
        [("nobody", "agent-unknown"), ("first", "agent-profile-invalid"), ("gone", "agent-missing")]
    {
        agent(&home, "first", &["say hello"], &format!("fallback = \"{other}\""));
        let gone = "protocol = \"plain\"\nprogram = \"no-such-agent\"\nprompt = \"stdin\"\n";
        home.write("c/agents/gone.toml", gone);
        home.skep(&["--json", "run", "mend", "--agent", "first"]).refused(2, slug);
    }
    assert_eq!(home.json(&["ls", "--all"]), Value::Array(Vec::new()));
}
