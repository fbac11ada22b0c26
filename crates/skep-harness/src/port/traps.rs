//! What real agents were seen to do that a client would not expect, where nothing else holds it; the list of all of it is
//! `docs/design/traps.md`.

use serde_json::{Value, json};
use skep_core::said::{Said, TurnResult};

use super::{
    Heard, Session,
    contract::{classes, ends, hear, sessions, transcript},
};
use crate::{
    acp::{Acp, Setting},
    open,
};

#[test]
fn a_line_is_known_by_its_type_wherever_in_it_that_stands() {
    let text = transcript("claude", "basic");
    let result = text.lines().last().unwrap();
    assert!(!result.starts_with(r#"{"type""#), "this is what was recorded: {result}");
    let said = hear("stream_json", &text, 0);
    assert_eq!(ends(&said), [(TurnResult::Success, "Committed out.txt. All done.")]);
}

#[test]
fn a_signal_that_leaves_no_last_line_is_a_failed_turn_of_a_known_conversation() {
    // SIGINT leaves codex with 1, SIGTERM and KILL by signal, and neither with a word.
    for code in [1, 130, 143, 137] {
        for (agent, protocol) in
            [("codex", "codex_json"), ("pi", "json_lines"), ("gemini", "json_lines")]
        {
            let said = hear(protocol, &transcript(agent, "hangkill"), code);
            assert_eq!(sessions(&said).len(), 1, "{agent} {code}");
            let [(result, text)] = ends(&said)[..] else { panic!("{agent}: {said:?}") };
            assert_eq!(result, TurnResult::Failed, "{agent} {code}");
            assert!(text.contains(&code.to_string()), "{agent}: {text}");
        }
    }
}

#[test]
fn opencode_that_was_killed_before_its_first_step_named_no_conversation() {
    let said = hear("json_lines", "", 143);
    assert_eq!(ends(&said), [(TurnResult::Failed, "exited with 143 before the turn was over")]);
    assert!(sessions(&said).is_empty());
}

#[test]
fn the_id_that_stands_in_every_event_is_told_once() {
    let text = transcript("opencode", "basic");
    let named = text.lines().filter(|line| line.contains(r#""sessionID""#)).count();
    assert!(named > 3, "this is what was recorded: {named}");
    let said = hear("json_lines", &text, 0);
    assert_eq!(sessions(&said).len(), 1);
    assert!(matches!(said[0], Said::Session { .. }), "and before all else: {:?}", said[0]);
}

#[test]
fn an_odd_exit_code_without_a_result_fails_with_the_last_complaint() {
    for (code, complaint) in [
        (41, "Invalid auth method selected."),
        (145, "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"),
    ] {
        let mut session = open("json_lines", &Setting::default()).unwrap();
        session.opening("p");
        session.line(r#"{"type":"init","session_id":"s","model":"gemini-2.5-pro"}"#);
        session.stderr(complaint);
        let heard = session.exited(code);
        let [Heard::Said(Said::TurnEnded { result, text })] = &heard[..] else {
            panic!("{heard:?}")
        };
        assert_eq!(*result, TurnResult::Failed);
        assert!(text.contains(&code.to_string()) && text.contains(complaint.trim()), "{text}");
    }
}

#[test]
fn texts_that_an_agent_glues_at_a_retry_are_told_as_they_came_and_the_retry_before_them() {
    let said = hear("json_lines", &transcript("qwen", "drop"), 0);
    let retry = said.iter().position(|said| matches!(said, Said::Retry { .. }));
    let words = said.iter().position(
        |said| matches!(said, Said::Said { text } if text == "This sentence is cut in Complete on retry."),
    );
    assert!(retry.is_some() && words.is_some() && retry < words, "{said:?}");
    assert_eq!(ends(&said).len(), 1);
    assert!(classes(&said).is_empty());
}

#[test]
fn a_last_line_that_its_agent_did_not_stay_to_write_is_believed_as_far_as_it_came() {
    let text = transcript("qwen", "basic");
    let lines: Vec<&str> = text.lines().collect();
    let (result, before) = lines.split_last().unwrap();
    let whole = format!("{}\n{result}", before.join("\n"));
    let at = result.find(r#","result":""#).unwrap();
    let cut =
        |to: usize| hear("json_lines", &format!("{}\n{}", before.join("\n"), &result[..to]), 0);
    assert_eq!(ends(&cut(at + 15)), ends(&hear("json_lines", &whole, 0)), "the verdict is whole");
    assert_eq!(ends(&cut(at))[0].0, TurnResult::Failed, "it might have gone on otherwise");
    let wrong = result.replace(r#""is_error":false"#, r#""is_error":true"#);
    let said = hear("json_lines", &format!("{}\n{}", before.join("\n"), &wrong[..at + 14]), 0);
    assert_eq!(ends(&said)[0].0, TurnResult::Failed);
}

#[test]
fn a_failure_of_every_call_at_exit_code_zero_is_no_success() {
    for name in ["auth401", "dead429", "fail500"] {
        let said = hear("json_lines", &transcript("pi", name), 0);
        let [(result, _)] = ends(&said)[..] else { panic!("{name}: {said:?}") };
        assert_eq!(result, TurnResult::Failed, "{name}");
    }
}

#[test]
fn a_loop_that_gemini_sees_and_calls_a_success_is_a_failed_turn() {
    let text = transcript("gemini", "long");
    assert!(text.contains(r#""status":"success""#), "this is what was recorded");
    let said = hear("json_lines", &text, 0);
    assert_eq!(ends(&said).iter().map(|end| end.0).collect::<Vec<_>>(), [TurnResult::Failed]);
    assert_eq!(classes(&said), [], "nothing went wrong by its own account: there is no result");
}

/// A conversation that has come to its prompt.
fn prompted(setting: Setting) -> (Acp, Vec<Value>) {
    let mut session = Acp::new(setting);
    let mut written = vec![serde_json::from_slice(&session.opening("p")).unwrap()];
    for (id, result) in [
        (1, json!({"protocolVersion": 1, "agentCapabilities": {"loadSession": true}})),
        (2, json!({"sessionId": "s-1"})),
    ] {
        let line = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
        for heard in session.line(&line) {
            match heard {
                Heard::Reply(line) => written.push(serde_json::from_str(&line).unwrap()),
                Heard::Said(said) => assert!(matches!(said, Said::Session { .. }), "{said:?}"),
                Heard::Output(line) => panic!("{line}"),
                Heard::Took(_) | Heard::Recalled { .. } => {}
            }
        }
    }
    (session, written)
}

#[test]
fn a_conversation_has_its_name_before_it_has_its_prompt() {
    let mut session = Acp::new(Setting::default());
    session.opening("p");
    session
        .line(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{}}}"#);
    let heard = session.line(r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s-1"}}"#);
    assert!(matches!(&heard[0], Heard::Said(Said::Session { id }) if id == "s-1"), "{heard:?}");
    let prompt = matches!(&heard[1], Heard::Reply(line) if line.contains("session/prompt"));
    assert!(prompt, "{heard:?}");
}

#[test]
fn a_conversation_is_loaded_in_the_folder_that_it_was_held_in() {
    let setting =
        Setting { cwd: "/work".into(), session: Some("s-1".to_owned()), ..Setting::default() };
    let (_, written) = prompted(setting);
    assert_eq!(written[1]["method"], "session/load");
    assert_eq!(
        (&written[1]["params"]["cwd"], &written[1]["params"]["sessionId"]),
        (&"/work".into(), &"s-1".into())
    );
}

#[test]
fn what_an_agent_asks_of_its_own_is_not_offered_and_what_it_tells_is_nothing() {
    let (mut session, _) = prompted(Setting::default());
    for method in ["craft/drainMidTurnQueue", "terminal/create", "fs/write_text_file"] {
        let ask = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": {}}).to_string();
        let heard = session.line(&ask);
        let [Heard::Reply(line)] = &heard[..] else { panic!("{method}: {heard:?}") };
        let answer: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&7.into(), &(-32601).into()));
    }
    for method in ["_auth/status_update", "_session/retrying", "$/anything"] {
        let tell = json!({"jsonrpc": "2.0", "method": method, "params": {}}).to_string();
        assert_eq!(session.line(&tell), [], "{method}");
    }
}

fn wish(id: i64) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "session/request_permission", "params": {"sessionId": "s-1",
        "toolCall": {"toolCallId": format!("t{id}"), "title": "make", "rawInput": {"command": "make"}},
        "options": [{"optionId": "yes", "name": "Yes", "kind": "allow_once"}, {"optionId": "no", "name": "No", "kind": "reject_once"}]}})
    .to_string()
}

#[test]
fn two_wishes_at_once_are_answered_each_by_its_own_id_in_any_order() {
    let (mut session, _) = prompted(Setting::default());
    session.line(&wish(0));
    session.line(&wish(1));
    let answer = |line: Option<String>| {
        let answer: Value = serde_json::from_str(&line.unwrap()).unwrap();
        (answer["id"].clone(), answer["result"]["outcome"]["optionId"].clone())
    };
    assert_eq!(answer(session.refuse("1", "not now")), (1.into(), "no".into()));
    assert_eq!(answer(session.settle("0", crate::Grant::Once)), (0.into(), "yes".into()));
    assert_eq!(session.settle("0", crate::Grant::Once), None, "answered once");
}

#[test]
fn a_wish_that_is_taken_back_is_told_so_and_answered_no_more() {
    let (mut session, _) = prompted(Setting::default());
    session.line(&wish(3));
    let back = json!({"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": 3}});
    assert_eq!(
        session.line(&back.to_string()),
        [Heard::Said(Said::Withdrawn { id: "3".to_owned() })]
    );
    assert_eq!(session.line(&back.to_string()), [], "it is told once");
    assert_eq!(session.settle("3", crate::Grant::Once), None);
    assert!(session.cancel().iter().all(|line| !line.contains("outcome")));
}

#[test]
fn a_reason_goes_with_a_refusal_where_the_protocol_carries_one() {
    let mut session = open("stream_json", &Setting::default()).unwrap();
    session.opening("p");
    session.line(
        r#"{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"make"}}}"#,
    );
    let line = session.refuse("r1", "not on a Sunday").unwrap();
    let answer: Value = serde_json::from_str(&line).unwrap();
    let response = &answer["response"]["response"];
    assert_eq!(response["behavior"], "deny");
    assert!(response["message"].as_str().unwrap().contains("not on a Sunday"), "{answer}");
    assert_eq!(session.settle("r1", crate::Grant::Once), None, "the first answer counts");
}
