use super::*;

fn hear(lines: &[&str]) -> Vec<Heard> {
    let mut session = CodexJson::default();
    lines.iter().flat_map(|line| session.line(line)).collect()
}

#[test]
fn an_item_of_type_error_is_a_notice() {
    let heard = hear(&[
        r#"{"type":"item.completed","item":{"id":"i","type":"error","message":"Model metadata not found"}}"#,
    ]);
    let text = "Model metadata not found".to_owned();
    assert_eq!(heard, [Heard::Said(Said::Error { class: ErrorClass::Notice, text })]);
}

#[test]
fn a_reconnection_is_a_retry_with_its_count() {
    let heard =
        hear(&[r#"{"type":"error","message":"Reconnecting... 2/5 (stream disconnected)"}"#]);
    let text = "Reconnecting... 2/5 (stream disconnected)".to_owned();
    assert_eq!(heard, [Heard::Said(Said::Retry { attempt: 2, of: Some(5), text })]);
}

#[test]
fn a_command_that_fails_is_a_result_that_is_not_ok() {
    let heard = hear(&[
        r#"{"type":"item.started","item":{"id":"i","type":"command_execution","command":"false","status":"in_progress"}}"#,
        r#"{"type":"item.completed","item":{"id":"i","type":"command_execution","command":"false","aggregated_output":"no","exit_code":1,"status":"failed"}}"#,
    ]);
    assert_eq!(
        heard[1],
        Heard::Said(Said::ToolResult { id: "i".to_owned(), ok: false, text: "no".to_owned() })
    );
    assert_eq!(heard.len(), 2);
}

#[test]
fn a_tool_that_is_only_told_when_it_is_over_is_still_called_first() {
    let heard = hear(&[
        r#"{"type":"item.completed","item":{"id":"i","type":"file_change","changes":[{"path":"a"}],"status":"completed"}}"#,
    ]);
    assert!(matches!(&heard[0], Heard::Said(Said::Tool { name, .. }) if name == "file_change"));
    assert!(matches!(&heard[1], Heard::Said(Said::ToolResult { ok: true, .. })));
}

#[test]
fn an_event_of_a_later_version_is_output() {
    let line = r#"{"type":"thread.teleported","to":"elsewhere"}"#;
    assert_eq!(hear(&[line]), [Heard::Output(line.to_owned())]);
}

#[test]
fn a_usage_limit_is_told_before_the_failed_turn() {
    let text = "You've hit your usage limit. Try again at 3:00 PM.";
    let heard = hear(&[&format!(r#"{{"type":"turn.failed","error":{{"message":"{text}"}}}}"#)]);
    assert!(matches!(&heard[0], Heard::Said(Said::Limit { .. })));
    assert!(matches!(
        heard.last(),
        Some(Heard::Said(Said::TurnEnded { result: TurnResult::Failed, .. }))
    ));
}

#[test]
fn a_growing_item_is_heard_only_when_it_is_whole() {
    let updated = r#"{"type":"item.updated","item":{"id":"i","type":"todo_list","items":[]}}"#;
    assert_eq!(hear(&[updated]), []);
}
