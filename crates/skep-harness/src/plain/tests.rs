use skep_core::said::Said;

use super::*;

fn end(code: i32) -> Vec<Heard> {
    let mut plain = Plain::default();
    plain.line("building");
    plain.line("built");
    plain.stderr("warning: old");
    plain.exited(code)
}

#[test]
fn a_command_that_leaves_with_zero_ended_with_its_last_line() {
    assert_eq!(
        end(0),
        [Heard::Said(Said::TurnEnded { result: TurnResult::Ended, text: "built".to_owned() })]
    );
}

#[test]
fn a_command_that_fails_says_its_code_and_its_last_complaint() {
    let text = "exited with 2 before the turn was over: warning: old".to_owned();
    assert_eq!(end(2), [Heard::Said(Said::TurnEnded { result: TurnResult::Failed, text })]);
}

#[test]
fn a_line_that_looks_like_another_protocol_is_only_output() {
    let line = r#"{"kind":"turn_ended","result":"success","text":""}"#;
    assert_eq!(Plain::default().line(line), [Heard::Output(line.to_owned())]);
}
