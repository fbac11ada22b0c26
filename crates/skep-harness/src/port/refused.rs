//! What every agent says that is asked to go on with a conversation it does not know, as each was recorded.

use std::{fs, path::Path};

use skep_core::said::{Said, TurnResult};

use super::{Heard, Session};
use crate::{
    acp::{Resume, Setting},
    open,
};

const SESSION: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

fn recorded(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/refused").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn begun(protocol: &str) -> Box<dyn Session> {
    let session = Some(SESSION.to_owned());
    let setting = Setting {
        cwd: "/work".into(),
        session,
        mode: None,
        resume: Resume::Load,
        doubts: Vec::new(),
        server: None,
    };
    let mut session = open(protocol, &setting).unwrap();
    session.opening("Go on");
    session
}

/// What was said, without usage.
fn said(heard: Vec<Heard>) -> Vec<Said> {
    let said = |heard| match heard {
        Heard::Said(Said::Usage { .. }) | Heard::Output(_) | Heard::Reply(_) => None,
        Heard::Took(_) | Heard::Recalled { .. } => None,
        Heard::Said(said) => Some(said),
    };
    heard.into_iter().filter_map(said).collect()
}

#[track_caller]
fn is_refusal(agent: &str, said: &[Said], words: &str) {
    let [Said::ResumeRefused { text }, Said::TurnEnded { result: TurnResult::Failed, text: end }] =
        said
    else {
        panic!("{agent}: {said:?}")
    };
    assert!(text.contains(words), "{agent}: {text}");
    assert_eq!(text, end, "{agent}");
}

#[test]
fn every_agent_that_does_not_know_its_conversation_is_heard_to_refuse_it() {
    for (agent, protocol, code, words) in [
        ("codex", "codex_json", 1, "no rollout found"),
        ("pi", "json_lines", 1, "No session found"),
        ("opencode", "json_lines", 1, "Session not found"),
        ("gemini", "json_lines", 42, "Error resuming session"),
        ("qwen", "json_lines", 1, "No saved session found"),
        ("claude", "stream_json", 1, "No conversation found"),
    ] {
        let mut session = begun(protocol);
        let mut heard: Vec<Heard> = recorded(&format!("{agent}.stderr"))
            .lines()
            .flat_map(|line| session.stderr(line))
            .collect();
        heard.extend(session.exited(code));
        is_refusal(agent, &said(heard), words);
    }
}

#[test]
fn claude_refuses_in_its_result_too_and_is_heard_once() {
    let mut session = begun("stream_json");
    let mut heard: Vec<Heard> =
        recorded("claude.jsonl").lines().flat_map(|line| session.line(line)).collect();
    heard.extend(recorded("claude.stderr").lines().flat_map(|line| session.stderr(line)));
    heard.extend(session.exited(1));
    is_refusal("claude", &said(heard), "No conversation found");
}

#[test]
fn every_agent_of_the_client_protocol_that_does_not_know_its_conversation_refuses_it() {
    for agent in ["claude", "codex", "gemini", "opencode", "qwen"] {
        let mut session = begun("acp");
        let heard: Vec<Heard> = recorded(&format!("{agent}-acp.jsonl"))
            .lines()
            .flat_map(|line| session.line(line))
            .collect();
        is_refusal(agent, &said(heard), "the conversation could not be taken up: ");
        assert_eq!(session.exited(0), [], "{agent}: it is said once");
    }
}

#[test]
fn an_agent_that_announces_no_way_to_go_on_refuses() {
    let mut session = begun("acp");
    let can = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{}}}"#;
    is_refusal("any", &said(session.line(can)), "cannot go on");
}

/// A login that was refused says nothing about the conversation behind it.
#[test]
fn a_closed_door_is_no_refusal_of_the_conversation() {
    for error in [
        r#"{"code":-32000,"message":"Authentication required"}"#,
        r#"{"code":-32603,"message":"Internal error","data":{"details":"503 service unavailable"}}"#,
    ] {
        let mut session = begun("acp");
        session.line(
            r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{"loadSession":true}}}"#,
        );
        let heard = said(session.line(&format!(r#"{{"jsonrpc":"2.0","id":2,"error":{error}}}"#)));
        assert!(
            !heard.iter().any(|said| matches!(said, Said::ResumeRefused { .. })),
            "{error}: {heard:?}"
        );
    }
}

/// The same words of a tool, or of a server that the agent started, are no refusal.
#[test]
fn an_agent_that_has_named_its_conversation_does_not_refuse_it_any_more() {
    for (protocol, first, words) in [
        (
            "codex_json",
            r#"{"type":"thread.started","thread_id":"t1"}"#,
            "no rollout found for thread id",
        ),
        ("json_lines", r#"{"type":"session","id":"s1"}"#, "Session not found"),
        ("json_lines", r#"{"type":"init","session_id":"s1"}"#, "Error resuming session"),
        (
            "stream_json",
            r#"{"type":"system","subtype":"init","session_id":"s1"}"#,
            "No conversation found with session ID",
        ),
    ] {
        let mut session = begun(protocol);
        session.line(first);
        session.stderr(words);
        let heard = said(session.exited(1));
        assert!(
            !heard.iter().any(|said| matches!(said, Said::ResumeRefused { .. })),
            "{protocol}: {heard:?}"
        );
    }
}
