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
