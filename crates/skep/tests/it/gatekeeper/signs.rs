//! What an agent on a terminal tells of itself: by hooks and by its window's title, under a real keeper.

use std::{
    io::Write,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::Path,
    process::Stdio,
};

use serde_json::{Value, json};
use skep_api::{
    ctl::{Answer, Control},
    spec::{PromptBy, Signs},
};
use skep_harness::pty::Hooks;

use super::{run::Attempt, tty::Live, *};

const PROGRAM: &str = env!("CARGO_BIN_EXE_skep");

/// An agent that has hooks of this kind.
fn with_hooks(script: &str, hooks: &str, change: impl FnOnce(&mut Attempt)) -> Live {
    Live::with(script, |attempt| {
        attempt.spec.signs = Some(Signs { hooks: Some(hooks.to_owned()), ..Signs::default() });
        attempt.spec.env.insert("SKEP".to_owned(), PROGRAM.to_owned());
        attempt.spec.prompt = PromptBy::File;
        change(attempt);
    })
}

fn titled(script: &str, change: impl FnOnce(&mut Attempt)) -> Live {
    let list = |pattern: &str| vec![pattern.to_owned()];
    Live::with(script, |attempt| {
        attempt.spec.signs = Some(Signs {
            hooks: None,
            permission: list("asks*"),
            busy: list("busy*"),
            idle: list("idle*"),
            ready: Vec::new(),
        });
        attempt.spec.prompt = PromptBy::File;
        change(attempt);
    })
}

/// What was reported since the start, without what every run reports.
fn told(live: &Live) -> Vec<String> {
    live.attempt.kinds("reports.jsonl").into_iter().skip(1).collect()
}

#[track_caller]
fn tells(live: &Live, kinds: &[&str]) {
    eventually(&format!("{kinds:?}"), || told(live).len() >= kinds.len());
    assert_eq!(told(live), kinds);
}

/// A line of shell that has a hook of Claude Code called as its agent calls it.
fn hook(said: &Value) -> String {
    format!("printf '%s' '{said}' | \"$SKEP\" __hook claude; ")
}

fn claude(event: &str) -> Value {
    json!({"hook_event_name": event, "session_id": "s-1"})
}

#[test]
fn an_agents_hooks_tell_its_turns_dialogs_and_waits_and_its_own_name() {
    let mut script = String::new();
    for event in ["SessionStart", "UserPromptSubmit"] {
        script += &hook(&claude(event));
    }
    let mut asks = claude("PermissionRequest");
    asks["tool_name"] = "Bash".into();
    asks["tool_input"] = json!({"command": "make"});
    script += &hook(&asks);
    let mut stop = claude("Stop");
    stop["last_assistant_message"] = "All done.".into();
    script += &hook(&stop);
    let live = with_hooks(&format!("{script} sleep 600"), "claude", |_| {});
    let kinds = ["session", "turn_started", "permission", "withdrawn", "turn_ended", "idle"];
    tells(&live, &kinds);
    let reports = live.attempt.reports();
    assert_eq!(reports[1]["id"], "s-1");
    assert_eq!((&reports[3]["tool"], &reports[3]["text"]), (&json!("Bash"), &json!("make")));
    assert_eq!(reports[5]["text"], "All done.");
    live.attempt.assert_numbered();
}

#[test]
fn a_hook_is_heard_from_the_agents_own_processes_and_from_nobody_else() {
    let live = with_hooks(
        &format!(
            "while ! test -e go; do sleep 0.02; done; {} sleep 600",
            hook(&claude("SessionStart"))
        ),
        "claude",
        |_| {},
    );
    let forged = Control::Hook { said: claude("UserPromptSubmit") };
    let Answer::Refused { slug, .. } = live.attempt.ask(&forged) else { panic!("heard") };
    assert_eq!(slug, "control-denied");
    // Nor by the hidden verb, from outside.
    let mut child = skep();
    child.env("SKEP_KEEPER", &live.attempt.spec.socket).args(["__hook", "claude"]);
    let said = claude("UserPromptSubmit").to_string();
    assert_eq!(called(child, said.as_bytes()), (Some(0), String::new()));
    put(live.attempt.path("go"), "");
    tells(&live, &["session"]);
}

/// Calls a hook with this on its standard input; returns its code and all that it printed.
fn called(mut command: Command, said: &[u8]) -> (Option<i32>, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that did not read to the end is no failure.
    let _unread = child.stdin.take().unwrap().write_all(said);
    let output = child.wait_with_output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&printed).into_owned())
}

#[test]
fn a_hook_costs_its_agent_nothing_whatever_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let deaf = dir.path().join("deaf");
    let _listener = UnixListener::bind(&deaf).unwrap();
    let nowhere = dir.path().join("nowhere");
    for (socket, said) in [
        (None, "{}"),
        (Some(&nowhere), "{}"),
        (Some(&nowhere), "no json"),
        (Some(&deaf), "{}"),
        (Some(&deaf), ""),
    ] {
        let mut command = skep();
        command.args(["__hook", "claude"]).env_remove("SKEP_KEEPER");
        command.envs(socket.map(|socket| ("SKEP_KEEPER", socket)));
        let begun = Instant::now();
        assert_eq!(called(command, said.as_bytes()), (Some(0), String::new()), "{socket:?} {said}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
    // One whose agent never closes its input.
    let mut command = skep();
    command.args(["__hook", "claude"]).env("SKEP_KEEPER", &deaf).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _open = child.stdin.take().unwrap();
    assert_eq!(end_of(&mut child).code(), Some(0));
}

#[test]
fn a_megabyte_in_a_hook_is_cut_and_its_agent_goes_on() {
    let script = "head -c 1000000 /dev/zero | tr '\\0' x > big; \
        { printf '{\"hook_event_name\":\"Stop\",\"session_id\":\"s\",\"last_assistant_message\":\"'; cat big; printf '\"}'; } \
        | \"$SKEP\" __hook claude; sleep 600";
    let live = with_hooks(script, "claude", |_| {});
    tells(&live, &["session", "turn_ended", "idle"]);
    let text = live.attempt.reports()[2]["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("xxx") && text.len() < 20_000, "{}", text.len());
}

/// N-66: the hook's command line is one of a shell, and the path in it may hold anything.
#[test]
fn a_skep_in_a_folder_with_shell_signs_is_called_by_hooks_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a b $(touch x) `touch y` 'q' \"d\" \\");
    std::fs::create_dir(&folder).unwrap();
    let program = folder.join("skep");
    if std::fs::hard_link(PROGRAM, &program).is_err() {
        std::fs::copy(PROGRAM, &program).unwrap();
    }
    let settings: Value = serde_json::from_str(&Hooks::Claude.argument(&program).unwrap()).unwrap();
    let command = settings["hooks"]["Stop"][0]["hooks"][0]["command"].as_str().unwrap();
    put(dir.path().join("command"), command);
    put(dir.path().join("said"), claude("Stop").to_string());
    let script = format!("sh {0}/command < {0}/said; sleep 600", dir.path().display());
    let live = with_hooks(&script, "claude", |_| {});
    tells(&live, &["session", "turn_ended", "idle"]);
    for made in ["x", "y"] {
        assert!(!live.attempt.path(made).exists() && !Path::new(made).exists());
    }
}

#[test]
fn codex_hands_its_words_over_as_an_argument_and_only_its_own_thread_counts() {
    const OWN: &str = "01a1ff9e-02d2-7d82-81ad-50b9de381a42";
    let notify = |thread: &str, text: &str| {
        let said = json!({"type": "agent-turn-complete", "thread-id": thread, "turn-id": text, "last-assistant-message": text});
        format!("\"$SKEP\" __hook codex '{said}'; ")
    };
    let script = format!(
        "printf '\\033]0;idle | {}... | x\\007'; sleep 0.3; {}{}sleep 600",
        &OWN[..29],
        notify("01a1ff9e-ca7f-7353-a560-e6f91dac4b8d", "hidden"),
        notify(OWN, "mine"),
    );
    let live = with_hooks(&script, "codex", |attempt| {
        attempt.spec.signs.as_mut().unwrap().idle = vec!["idle*".to_owned()];
    });
    tells(&live, &["session", "turn_ended"]);
    let reports = live.attempt.reports();
    assert_eq!((&reports[1]["id"], &reports[2]["text"]), (&json!(OWN), &json!("mine")));
}

#[test]
fn a_windows_title_tells_turns_dialogs_and_waits_and_its_words_do_nothing_else() {
    let say = |title: &str| format!("printf '\\033]2;%s\\007' '{title}'; sleep 0.05; ");
    let script = [
        "idle",
        "busy $(touch x) `touch y`; touch z",
        "busy 2",
        "nobody knows this one",
        "asks for leave",
        "busy 3",
        "idle again",
    ]
    .map(say)
    .concat();
    let live = titled(&format!("{script} sleep 600"), |_| {});
    tells(&live, &["turn_started", "permission", "withdrawn", "turn_ended", "idle"]);
    for made in ["x", "y", "z"] {
        assert!(!live.attempt.path(made).exists());
    }
}

#[test]
fn what_comes_in_one_piece_is_heard_in_its_order() {
    let live =
        titled("printf '\\033]0;idle\\007\\033]0;busy\\007\\033]0;idle\\007'; sleep 600", |_| {});
    tells(&live, &["turn_started", "turn_ended", "idle"]);
}

#[test]
fn nothing_is_typed_before_the_agent_has_told_that_it_waits() {
    // It listens for longer than a prompt would wait that went by silence alone, and only then tells.
    let script = "stty -echo; sleep 1.2; echo up; \
        timeout --foreground 2 sh -c 'read line && echo \"early <$line>\"'; \
        printf '\\033]0;idle\\007'; read line; echo \"got <$line>\"; sleep 600";
    let live = titled(script, |attempt| attempt.spec.prompt = PromptBy::Stdin);
    let log = || std::fs::read_to_string(live.attempt.path("tty.log")).unwrap_or_default();
    eventually("the prompt", || log().contains("got <do it>"));
    assert!(log().contains("up") && !log().contains("early"), "{}", log());
}

#[test]
fn a_screen_that_is_drawn_anew_is_no_work_of_an_agent_that_told_that_it_waits() {
    let script = "printf '\\033]0;idle\\007\\033]0;busy\\007\\033]0;idle\\007'; \
        for i in 1 2 3 4 5 6; do sleep 0.2; echo tick; done; touch drawn; sleep 600";
    let live = titled(script, |attempt| attempt.spec.limits.idle_ms = 100);
    eventually("it was drawn", || live.attempt.path("drawn").exists());
    assert_eq!(told(&live), ["turn_started", "turn_ended", "idle"]);
}

#[test]
fn an_agent_without_signs_is_heard_by_its_silence_as_ever() {
    let live = Live::with("echo up; sleep 0.6; echo again; sleep 600", |attempt| {
        attempt.spec.limits.idle_ms = 200;
    });
    eventually("silence, and its end", || {
        told(&live).starts_with(&["silence".to_owned(), "heard".to_owned()])
    });
    let mode = std::fs::metadata(&live.attempt.spec.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
