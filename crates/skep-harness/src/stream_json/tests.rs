use skep_core::said::TurnResult;

use super::*;
use crate::port::Heard;

/// The recorded conversation of both sides: what came from the agent, and what was sent.
fn recorded() -> Vec<(bool, Value)> {
    include_str!("../../fixtures/claude/both-ways.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|row| (row["dir"] == "->", row["msg"].clone()))
        .collect()
}

fn asking(id: &str, tool: &str) -> String {
    json!({"type": "control_request", "request_id": id, "request":
        {"subtype": "can_use_tool", "tool_name": tool, "input": {"command": "git push"}}})
    .to_string()
}

#[test]
fn a_recorded_conversation_of_two_prompts_is_two_turns_with_one_wish_for_leave() {
    let mut session = StreamJson::default();
    session.opening("Write a file and commit it");
    let (mut ends, mut granted, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    for (ours, message) in recorded() {
        if ours {
            match message["type"].as_str().unwrap() {
                "user" if !ends.is_empty() => {
                    let text = message["message"]["content"].as_str().unwrap();
                    assert_eq!(
                        serde_json::from_str::<Value>(&session.message(text).unwrap()).unwrap(),
                        message
                    );
                }
                "control_response" => sent.push(message),
                _ => {}
            }
            continue;
        }
        for heard in session.line(&message.to_string()) {
            match heard {
                Heard::Said(Said::TurnEnded { result, .. }) => ends.push(result),
                Heard::Said(Said::Permission { id, tool, text, .. }) => {
                    assert_eq!(tool, "Bash");
                    assert!(text.contains("git commit"), "{text}");
                    granted.push(session.settle(&id, Grant::Once).unwrap());
                    assert_eq!(session.settle(&id, Grant::Once), None, "answered once");
                }
                Heard::Said(_) => {}
                Heard::Output(line) | Heard::Reply(line) => panic!("{line}"),
                Heard::Took(_) | Heard::Recalled { .. } => panic!("nothing was sent"),
            }
        }
    }
    assert_eq!(ends, [TurnResult::Success, TurnResult::Success]);
    assert_eq!(granted.len(), 1);
    assert_eq!(serde_json::from_str::<Value>(&granted[0]).unwrap(), sent[0]);
}

#[test]
fn a_cancelled_turn_answers_every_open_wish_before_it_interrupts() {
    let mut session = StreamJson::default();
    session.opening("push it");
    session.line(&asking("r1", "Bash"));
    session.line(&asking("r2", "Edit"));
    let lines: Vec<Value> =
        session.cancel().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered: Vec<&Value> =
        lines[..2].iter().map(|line| &line["response"]["request_id"]).collect();
    assert_eq!(answered, ["r1", "r2"]);
    assert!(lines[..2].iter().all(|line| line["response"]["response"]["behavior"] == "deny"));
    assert_eq!(lines[2]["request"]["subtype"], "interrupt");
    assert_eq!(lines.len(), 3);
    assert_eq!(session.cancel().len(), 1, "nothing is answered twice");
}

#[test]
fn what_it_asks_beyond_leave_is_refused_at_once() {
    let mut session = StreamJson::default();
    let hook = json!({"type": "control_request", "request_id": "h", "request": {"subtype": "hook_callback"}});
    let heard = session.line(&hook.to_string());
    let [Heard::Reply(line)] = &heard[..] else { panic!("{heard:?}") };
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["response"]["subtype"], "error");
    for nth in 0..MOST_OPEN {
        assert!(matches!(session.line(&asking(&nth.to_string(), "Bash"))[..], [Heard::Said(_)]));
    }
    assert!(matches!(session.line(&asking("one-more", "Bash"))[..], [Heard::Reply(_)]));
}

#[test]
fn a_wish_that_the_agent_takes_back_is_not_answered() {
    let mut session = StreamJson::default();
    session.line(&asking("r1", "Bash"));
    session.line(&json!({"type": "control_cancel_request", "request_id": "r1"}).to_string());
    assert_eq!(session.settle("r1", Grant::Refused), None);
}

#[test]
fn an_interrupted_turn_was_cancelled_whatever_the_exit_code() {
    let mut session = StreamJson::default();
    let heard: Vec<Heard> = include_str!("../../fixtures/claude/sigint.jsonl")
        .lines()
        .flat_map(|line| session.line(line))
        .collect();
    let end = heard.iter().find_map(|heard| {
        if let Heard::Said(Said::TurnEnded { result, .. }) = heard { Some(*result) } else { None }
    });
    assert_eq!(end, Some(TurnResult::Cancelled));
    assert!(session.exited(0).is_empty());
}

#[test]
fn a_closed_door_tells_when_it_opens_in_seconds_or_milliseconds() {
    let mut session = StreamJson::default();
    for at in [1_771_390_800_u64, 1_771_390_800_000] {
        let event = json!({"type": "rate_limit_event", "rate_limit_info":
            {"status": "rejected", "resetsAt": at, "rateLimitType": "five_hour"}});
        let heard = session.line(&event.to_string());
        let [Heard::Said(Said::Limit { text, reset_at: Some(until), .. })] = &heard[..] else {
            panic!("{heard:?}")
        };
        assert_eq!(until.to_string(), "2026-02-18T05:00:00.000Z");
        assert!(text.contains("five hour"));
    }
    let warning =
        json!({"type": "rate_limit_event", "rate_limit_info": {"status": "allowed_warning"}});
    assert!(session.line(&warning.to_string()).is_empty());
}
