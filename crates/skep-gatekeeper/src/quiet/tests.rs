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

#[test]
fn a_long_quiet_build_is_no_silence_until_its_own_budget_is_over() {
    let t = Instant::now();
    let mut quiet = Quiet::new(IDLE, TOOL_IDLE, false, t);
    quiet.learn(&tool("cargo build"));
    for minute in 1..10 {
        assert_eq!(quiet.report(at(t, minute * 60)), None, "minute {minute}");
    }
    quiet.heard(at(t, 595));
    quiet.learn(&Said::ToolResult { id: "cargo build".to_owned(), ok: true, text: String::new() });
    assert_eq!(quiet.report(at(t, 654)), None);
    assert!(quiet.report(at(t, 655)).is_some());
}

/// The clocks of a machine that is awake for so long, then asleep for so long.
struct Machine {
    now: Instant,
    since_boot: Duration,
}

impl Machine {
    fn wakes_for(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.since_boot += Duration::from_secs(seconds);
    }

    fn sleeps_for(&mut self, seconds: u64) {
        self.since_boot += Duration::from_secs(seconds);
    }
}

#[test]
fn a_laptop_that_slept_is_no_silence_and_its_agent_finds_its_feet_first() {
    let t = Instant::now();
    let mut machine = Machine { now: t, since_boot: Duration::from_secs(5_000) };
    let mut quiet = Quiet::new(IDLE, TOOL_IDLE, false, t);
    assert!(!quiet.look(machine.now, machine.since_boot));
    machine.wakes_for(55);
    machine.sleeps_for(8 * 3600);
    machine.wakes_for(1);
    assert!(quiet.look(machine.now, machine.since_boot));
    assert_eq!(quiet.quiet(machine.now), Duration::from_secs(56), "the night does not count");
    assert_eq!(quiet.report(machine.now), None);
    machine.wakes_for(30);
    assert!(!quiet.look(machine.now, machine.since_boot));
    assert_eq!(
        quiet.report(machine.now),
        None,
        "it has a minute after a sleep, whatever was before"
    );
    machine.wakes_for(30);
    assert!(quiet.report(machine.now).is_some());
}

#[test]
fn clocks_that_part_a_little_are_no_sleep() {
    let t = Instant::now();
    let mut quiet = Quiet::new(IDLE, TOOL_IDLE, false, t);
    quiet.look(t, Duration::from_secs(10));
    assert!(!quiet.look(at(t, 60), Duration::from_secs(71)));
    assert!(quiet.report(at(t, 60)).is_some());
}

#[test]
fn an_agent_at_its_usage_limit_is_not_waited_for_as_long_as_one_at_work() {
    let t = Instant::now();
    let mut quiet = Quiet::new(TOOL_IDLE, TOOL_IDLE, false, t);
    quiet.learn(&Said::Limit { text: String::new(), reset_ms: None, reset_at: None });
    assert!(quiet.report(at(t, 60)).is_some());
    quiet.heard(at(t, 61));
    quiet.learn(&Said::Said { text: "on we go".to_owned() });
    assert_eq!(quiet.report(at(t, 121)), None);
}

#[test]
fn a_turn_is_over_its_time_once_and_waiting_for_a_person_takes_none_of_it() {
    let t = Instant::now();
    let turn = Duration::from_secs(100);
    let mut quiet = Quiet::new(TOOL_IDLE, TOOL_IDLE, true, t).with_turn(turn);
    quiet.heard(at(t, 60));
    quiet.learn(&Said::Ask { id: "1".to_owned(), text: String::new(), options: Vec::new() });
    assert!(!quiet.turn_over(at(t, 5_000)));
    quiet.given(at(t, 5_000));
    assert_eq!(quiet.until_turn(at(t, 5_010)), Some(Duration::from_secs(30)));
    assert!(quiet.turn_over(at(t, 5_040)));
    assert!(!quiet.turn_over(at(t, 5_041)));
    quiet.heard(at(t, 5_050));
    quiet.learn(&Said::TurnEnded { result: TurnResult::Success, text: String::new() });
    quiet.given(at(t, 6_000));
    assert!(!quiet.turn_over(at(t, 6_099)));
    assert!(quiet.turn_over(at(t, 6_100)), "the next turn has a time of its own");
    let mut any = Quiet::new(TOOL_IDLE, TOOL_IDLE, true, t);
    assert!(!any.turn_over(at(t, 1_000_000)));
}
