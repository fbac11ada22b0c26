use std::path::Path;

use serde_json::json;
use skep_core::said::Said;

use super::*;

fn end(code: i32) -> Vec<Heard> {
    let mut pty = Pty::default();
    pty.line("All done.");
    pty.exited(code)
}

#[test]
fn an_agent_that_leaves_with_zero_ended_with_the_last_line_of_its_screen() {
    let text = "All done.".to_owned();
    assert_eq!(end(0), [Heard::Said(Said::TurnEnded { result: TurnResult::Ended, text })]);
}

#[test]
fn an_agent_that_leaves_otherwise_has_failed_whatever_its_screen_shows() {
    let text = "exited with 7 before the turn was over".to_owned();
    assert_eq!(end(7), [Heard::Said(Said::TurnEnded { result: TurnResult::Failed, text })]);
}

/// The agent of a shipped profile, as its keeper hears it.
struct Agent(Pty);

impl Agent {
    fn of(profile: &str) -> Agent {
        let profile = crate::profile::Profile::load(profile, None).unwrap();
        Agent(Pty::new(profile.signs()))
    }

    fn words(heard: Vec<Heard>) -> String {
        let word = |heard: Heard| match heard {
            Heard::Said(Said::Session { id }) => format!("session {id}"),
            Heard::Said(Said::TurnStarted {}) => "turn".to_owned(),
            Heard::Said(Said::Idle {}) => "idle".to_owned(),
            Heard::Said(Said::Tool { name, input, .. }) => format!("{name}({input})"),
            Heard::Said(Said::ToolResult { ok, text, .. }) => format!("result {ok} {text}"),
            Heard::Said(Said::Permission { id, tool, text, .. }) => format!("{id}? {tool}({text})"),
            Heard::Said(Said::Withdrawn { id }) => format!("{id} gone"),
            Heard::Said(Said::TurnEnded { result, text }) => format!("{result:?}: {text}"),
            Heard::Said(Said::Error { class, text }) => format!("{class:?}! {text}"),
            Heard::Said(_)
            | Heard::Output(_)
            | Heard::Reply(_)
            | Heard::Took(_)
            | Heard::Recalled { .. } => panic!("not of a terminal"),
        };
        heard.into_iter().map(word).collect::<Vec<_>>().join(", ")
    }

    fn title(&mut self, title: &str) -> String {
        Agent::words(self.0.title(title))
    }

    fn hook(&mut self, said: &serde_json::Value) -> String {
        Agent::words(self.0.hook(said))
    }

    /// A hook of Claude Code as it spells them, with a conversation that is known already.
    fn claude(&mut self, event: &str, mut said: serde_json::Value) -> String {
        said["session_id"] = "s".into();
        said["hook_event_name"] = event.into();
        self.hook(&said)
    }
}

fn bash(id: &str, command: &str) -> serde_json::Value {
    json!({"tool_name": "Bash", "tool_input": {"command": command}, "tool_use_id": id})
}

#[test]
fn hooks_of_claude_tell_turns_tools_dialogs_and_waits() {
    let mut agent = Agent::of("claude");
    assert_eq!(agent.claude("SessionStart", json!({"source": "startup"})), "session s");
    assert_eq!(agent.claude("UserPromptSubmit", json!({"prompt": "x"})), "turn");
    assert_eq!(agent.claude("PreToolUse", bash("1", "make")), "Bash(make)");
    assert_eq!(agent.claude("PermissionRequest", bash("", "make")), "dialog-1? Bash(make)");
    let prompt = json!({"notification_type": "permission_prompt", "message": "needs you"});
    assert_eq!(agent.claude("Notification", prompt), "", "known already");
    let mut done = bash("1", "make");
    done["tool_response"] = json!({"stdout": "ok", "stderr": ""});
    assert_eq!(agent.claude("PostToolUse", done), "dialog-1 gone, result true ok");
    let stop = json!({"last_assistant_message": "All done."});
    assert_eq!(agent.claude("Stop", stop), "Ended: All done., idle");
    assert_eq!(agent.claude("Notification", json!({"notification_type": "idle_prompt"})), "");
    assert_eq!(agent.claude("UserPromptSubmit", json!({})), "turn", "the next one");
    assert_eq!(agent.claude("Stop", json!({})), "Ended: , idle");
    assert!(agent.0.exited(0).is_empty(), "its turn was over before");
}

#[test]
fn a_dialog_is_over_when_its_own_tool_ran_or_the_agent_is_at_work_again() {
    let mut agent = Agent::of("claude");
    agent.claude("UserPromptSubmit", json!({}));
    agent.claude("PreToolUse", bash("1", "first"));
    agent.claude("PreToolUse", bash("2", "second"));
    agent.title("⠐ Working title");
    assert_eq!(agent.claude("PermissionRequest", bash("", "second")), "dialog-1? Bash(second)");
    // Another that ran beside it, and a frame of the title that was on its way.
    assert_eq!(agent.claude("PostToolUse", bash("1", "first")), "result true ");
    assert_eq!(agent.title("⠂ Working title"), "");
    // A title that stood still and moves again: somebody has answered.
    assert_eq!(agent.title("✳ Working title"), "");
    assert_eq!(agent.title("⠂ Working title"), "dialog-1 gone");
    assert_eq!(agent.claude("PostToolUse", bash("2", "second")), "result true ");
    agent.claude("PermissionRequest", bash("", "third"));
    assert_eq!(agent.claude("UserPromptSubmit", json!({})), "dialog-2 gone, turn");
}

#[test]
fn a_model_that_fails_for_good_ends_the_turn_of_claude_as_failed_with_its_class() {
    let mut agent = Agent::of("claude");
    agent.claude("UserPromptSubmit", json!({}));
    let failed = json!({"error": "rate_limit", "error_details": "try later"});
    let said = agent.claude("StopFailure", failed);
    assert_eq!(said, "Limit! rate_limit try later, Failed: rate_limit try later, idle");
}

const OWN: &str = "01a1ff9e-02d2-7d82-81ad-50b9de381a42";
const HIDDEN: &str = "01a1ff9e-ca7f-7353-a560-e6f91dac4b8d";

fn notify(thread: &str, turn: &str, text: &str) -> serde_json::Value {
    json!({
        "type": "agent-turn-complete", "thread-id": thread, "turn-id": turn, "cwd": "/w",
        "input-messages": ["x"], "last-assistant-message": text,
    })
}

#[test]
fn codex_tells_by_its_title_what_it_does_and_by_notify_what_it_said_in_its_own_thread_alone() {
    let mut agent = Agent::of("codex");
    assert_eq!(agent.title("Starting | wt"), "");
    let short = "01a1ff9e-02d2-7d82-81ad-50b9d...";
    assert_eq!(agent.title(&format!("Ready | {short} | {OWN}")), format!("session {OWN}"));
    assert_eq!(agent.title(&format!("⠸ Working | {short} | {OWN}")), "turn");
    assert_eq!(agent.title(&format!("⠼ Working | {short} | Ready | x")), "");
    assert_eq!(agent.hook(&notify(HIDDEN, "t", "{\"title\": \"x\"}")), "", "thinks up a title");
    let asks = format!("[ ! ] Action Required | ⠼ Working | {short}");
    assert_eq!(agent.title(&asks), "dialog-1? ()");
    assert_eq!(agent.title(&asks.replace('!', ".")), "", "it blinks");
    assert_eq!(agent.title(&format!("⠼ Working | {short} | x")), "dialog-1 gone");
    assert_eq!(agent.hook(&notify(OWN, "turn-1", "Done.")), "Ended: Done.");
    assert_eq!(agent.title(&format!("⠧ Working | {short} | x")), "", "a last frame");
    assert_eq!(agent.title(&format!("Ready | {short} | x")), "idle");
    assert_eq!(agent.hook(&notify(OWN, "turn-1", "Done.")), "", "told twice, counts once");
    assert_eq!(agent.title(&format!("⠧ Working | {short} | x")), "turn");
    assert_eq!(agent.title(&format!("Ready | {short} | x")), "idle");
    assert_eq!(agent.title(&format!("⠧ Working | {short} | x")), "turn");
    assert_eq!(
        agent.hook(&notify(OWN, "turn-2", "More.")),
        "Ended: More., turn",
        "of the one before"
    );
    assert_eq!(agent.hook(&notify(OWN, "turn-3", "Last.")), "Ended: Last.");
    assert_eq!(agent.title(&format!("Ready | {short} | x")), "idle");
}

#[test]
fn a_notification_means_nothing_where_no_title_says_whose_thread_is_the_persons() {
    let mut agent = Agent::of("codex");
    assert_eq!(agent.hook(&notify(OWN, "t", "Done.")), "");
    assert!(!agent.0.tells_its_state());
}

#[test]
fn gemini_tells_all_by_its_title() {
    let mut agent = Agent::of("gemini");
    assert_eq!(agent.title("◇  Ready (wt)"), "", "it waits for its first words");
    assert!(agent.0.tells_its_state());
    assert_eq!(agent.title("✦  Working… (✋ wt)"), "turn");
    assert_eq!(agent.title("✋  Action Required (wt)"), "dialog-1? ()");
    assert_eq!(agent.title("✦  Working… (wt)"), "dialog-1 gone");
    assert_eq!(agent.title("◇  Ready (wt)"), "Ended: , idle");
    assert_eq!(agent.title("✋  Action Required (wt)"), "dialog-2? ()");
    assert_eq!(agent.title("◇  Ready (wt)"), "dialog-2 gone, idle");
}

#[test]
fn an_agent_that_was_given_nothing_to_do_waits_from_the_beginning() {
    let profile = crate::profile::Profile::load("gemini", None).unwrap();
    let mut agent = Agent(Pty::new(Signs { unprompted: true, ..profile.signs() }));
    assert_eq!(agent.title("◇  Ready (wt)"), "idle");
}

#[test]
fn what_is_no_hook_and_no_known_title_says_nothing() {
    for profile in ["claude", "codex", "gemini", "opencode"] {
        let mut agent = Agent::of(profile);
        for said in [json!(null), json!([]), json!({"hook_event_name": 7}), json!({"type": {}})] {
            assert!(matches!(agent.hook(&said).as_str(), "" | "session "), "{said}");
        }
        assert_eq!(agent.title("$(touch x) \u{202e} [ ! ] Action Required Ready ◇"), "");
        assert_eq!(agent.title(""), "");
        assert!(!agent.0.tells_its_state());
    }
}

#[test]
fn a_hooks_command_line_is_one_word_for_a_shell_whatever_the_path_holds() {
    let path = Path::new("/opt/a b/$(touch x)/it's \"here\"/skep");
    let settings: serde_json::Value =
        serde_json::from_str(&Hooks::Claude.argument(path).unwrap()).unwrap();
    for event in claude_hooks::EVENTS {
        let command = settings["hooks"][event][0]["hooks"][0]["command"].as_str().unwrap();
        let words = shlex::split(command).unwrap();
        assert_eq!(words, [path.to_str().unwrap(), "__hook", "claude"]);
    }
    let words: toml::Table =
        format!("notify={}", Hooks::Codex.argument(path).unwrap()).parse().unwrap();
    let words: Vec<&str> =
        words["notify"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words, [path.to_str().unwrap(), "__hook", "codex"]);
}

#[test]
fn a_trusted_folder_is_one_key_of_a_table_whatever_its_path_holds() {
    let path = "/w/a b/$(touch x)/it's \"here\"\\n\u{7f}";
    let table: toml::Table = format!("projects={}", trusted_folders(&[path])).parse().unwrap();
    assert_eq!(table["projects"][path]["trust_level"].as_str(), Some("trusted"));
    assert_eq!(table["projects"].as_table().unwrap().len(), 1);
}
