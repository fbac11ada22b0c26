use skep_core::said::TurnResult;

use super::*;

const IDLE: Duration = Duration::from_secs(60);
const TOOL_IDLE: Duration = Duration::from_secs(600);

fn at(begun: Instant, seconds: u64) -> Instant {
    begun + Duration::from_secs(seconds)
}

fn tool(id: &str) -> Said {
    Said::Tool { id: id.to_owned(), name: "sh".to_owned(), input: String::new() }
}

#[test]
fn a_silence_is_reported_once_and_its_end_once() {
    let t = Instant::now();
    let mut quiet = Quiet::new(IDLE, TOOL_IDLE, false, t);
    assert_eq!(quiet.report(at(t, 59)), None);
    assert_eq!(quiet.until_report(at(t, 59)), Some(Duration::from_secs(1)));
    assert_eq!(quiet.report(at(t, 60)), Some(Silence { quiet: IDLE, tool: false }));
    assert_eq!(quiet.report(at(t, 500)), None);
    assert_eq!(quiet.until_report(at(t, 500)), None, "nothing to wake up for");
    assert!(quiet.heard(at(t, 501)));
    assert!(!quiet.heard(at(t, 502)));
    assert_eq!(quiet.report(at(t, 562)), Some(Silence { quiet: IDLE, tool: false }));
}

#[test]
fn a_tool_in_flight_has_the_longer_budget_until_it_is_back() {
    let t = Instant::now();
    let mut quiet = Quiet::new(IDLE, TOOL_IDLE, false, t);
    quiet.learn(&tool("a"));
    quiet.learn(&tool("b"));
    quiet.learn(&Said::ToolResult { id: "a".to_owned(), ok: true, text: String::new() });
    assert_eq!(quiet.report(at(t, 599)), None);
    assert_eq!(quiet.report(at(t, 600)), Some(Silence { quiet: TOOL_IDLE, tool: true }));
    quiet.heard(at(t, 601));
    quiet.learn(&Said::ToolResult { id: "b".to_owned(), ok: true, text: String::new() });
    assert!(quiet.report(at(t, 661)).is_some());
}

#[test]
fn no_silence_is_counted_while_a_person_is_asked_or_between_turns() {
    let t = Instant::now();
    let mut quiet = Quiet::new(IDLE, TOOL_IDLE, true, t);
    quiet.learn(&Said::Ask { id: "1".to_owned(), text: String::new(), options: Vec::new() });
    assert_eq!(quiet.report(at(t, 9_999)), None);
    quiet.given(at(t, 10_000));
    assert!(quiet.report(at(t, 10_060)).is_some());
    quiet.heard(at(t, 10_061));
    quiet.learn(&Said::TurnEnded { result: TurnResult::Success, text: String::new() });
    assert_eq!(quiet.until_report(at(t, 99_999)), None);
}

#[test]
fn an_agent_that_should_leave_after_its_turn_and_stays_is_silent() {
    let t = Instant::now();
    let mut quiet = Quiet::new(IDLE, TOOL_IDLE, false, t);
    quiet.learn(&Said::TurnEnded { result: TurnResult::Success, text: String::new() });
    assert!(quiet.report(at(t, 60)).is_some());
}
