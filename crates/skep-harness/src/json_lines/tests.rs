use skep_core::said::{Carried, ErrorClass, Said, TurnResult, Usage};

use super::{calls::REPEATS, *};

fn message(stop: &str, text: &str) -> String {
    serde_json::json!({"type":"message_end","message":{"role":"assistant","content":[{"type":"text","text":text}],
        "usage":{"input":10,"output":1,"cost":{"total":0.5}},"stopReason":stop,"errorMessage":"500 broken"}})
    .to_string()
}

fn end(heard: &[Heard]) -> Option<TurnResult> {
    heard.iter().find_map(|heard| {
        if let Heard::Said(Said::TurnEnded { result, .. }) = heard { Some(*result) } else { None }
    })
}

#[test]
fn a_partial_message_is_heard_as_nothing_whole_or_cut() {
    let mut session = JsonLines::default();
    let partial = "lorem ipsum ".repeat(60_000);
    for start in REPEATS {
        let cut = format!("{start},\"message\":{{\"role\":\"assistant\",\"content\":\"{partial}");
        assert!(session.line(&cut).is_empty(), "{start}");
        assert!(session.line(&format!("{cut}\"}}}}")).is_empty(), "{start}");
    }
}

#[test]
fn a_turn_ends_by_an_agent_end_that_arrives_cut() {
    let mut session = JsonLines::default();
    session.line(&message("stop", "all done"));
    let heard = session.line("{\"type\":\"agent_end\",\"messages\":[{\"role\":\"us");
    assert_eq!(
        heard,
        [Heard::Said(Said::TurnEnded { result: TurnResult::Ended, text: "all done".to_owned() })]
    );
}

#[test]
fn an_agent_end_before_a_retry_is_no_end() {
    let mut session = JsonLines::default();
    session.line(&message("error", ""));
    assert!(session.line(r#"{"type":"agent_end","messages":[]}"#).is_empty());
    session.line(r#"{"type":"auto_retry_start","attempt":1,"errorMessage":"500 broken"}"#);
    session.line(r#"{"type":"agent_start"}"#);
    session.line(&message("stop", "made good"));
    assert_eq!(
        end(&session.line(r#"{"type":"agent_end","messages":[]}"#)),
        Some(TurnResult::Ended)
    );
    assert!(session.exited(0).is_empty());
}

#[test]
fn an_answer_cut_at_its_length_is_a_failed_turn() {
    let mut session = JsonLines::default();
    session.line(&message("length", "and so on and so"));
    assert_eq!(
        end(&session.line(r#"{"type":"agent_end","messages":[]}"#)),
        Some(TurnResult::Failed)
    );
}

#[test]
fn an_aborted_turn_was_cancelled_and_is_no_error() {
    let mut session = JsonLines::default();
    session.line(&message("aborted", ""));
    let heard = session.line(r#"{"type":"agent_end","messages":[]}"#);
    assert_eq!(end(&heard), Some(TurnResult::Cancelled));
    assert_eq!(heard.len(), 1);
}

#[test]
fn usage_and_cost_add_up_over_model_calls() {
    let mut session = JsonLines::default();
    session.line(&message("toolUse", "one"));
    let heard = session.line(&message("stop", "two"));
    let usage =
        Usage { input_tokens: 20, output_tokens: 2, cost_usd: Some(1.0), ..Usage::default() };
    let told = Said::Usage { usage, carried: Carried::default() };
    assert!(heard.contains(&Heard::Said(told)));
}

#[test]
fn a_step_that_stops_for_another_reason_than_its_end_is_a_failure_at_the_exit() {
    let mut session = JsonLines::default();
    let line =
        r#"{"type":"step_finish","sessionID":"ses_1","part":{"reason":"length","tokens":{}}}"#;
    assert_eq!(end(&session.line(line)), None);
    assert_eq!(end(&session.exited(0)), Some(TurnResult::Failed));
}

#[test]
fn a_tool_of_opencode_is_ok_only_with_exit_code_zero() {
    let line = |exit: i32| {
        let state = serde_json::json!({"status":"completed","input":{"command":"x"},"output":"","metadata":{"exit":exit}});
        serde_json::json!({"type":"tool_use","part":{"callID":"c","tool":"bash","state":state}})
            .to_string()
    };
    let ok = |exit| {
        matches!(
            JsonLines::default().line(&line(exit))[1],
            Heard::Said(Said::ToolResult { ok: true, .. })
        )
    };
    assert!(ok(0));
    assert!(!ok(3));
}

#[test]
fn a_count_that_cannot_be_true_overflows_nothing() {
    let top = u64::MAX;
    let mut session = JsonLines::default();
    let line = serde_json::json!({"type":"step_finish","part":{"reason":"stop","tokens":{"input":top,"cache":{"read":top}}}});
    let heard = session.line(&line.to_string());
    assert!(matches!(
        heard[0],
        Heard::Said(Said::Usage { usage: Usage { input_tokens: u64::MAX, .. }, .. })
    ));
}

#[test]
fn an_agent_killed_while_it_waits_for_a_retry_failed_of_what_it_retried() {
    let mut session = JsonLines::default();
    session.line(&message("error", ""));
    session.line(r#"{"type":"agent_end","messages":[]}"#);
    session.line(r#"{"type":"auto_retry_start","attempt":1,"errorMessage":"500 broken"}"#);
    let heard = session.exited(143);
    assert!(matches!(&heard[0], Heard::Said(Said::Error { class: ErrorClass::Model, .. })));
    assert!(
        matches!(&heard[1], Heard::Said(Said::TurnEnded { result: TurnResult::Failed, text }) if text == "500 broken")
    );
    assert_eq!(heard.len(), 2);
}
