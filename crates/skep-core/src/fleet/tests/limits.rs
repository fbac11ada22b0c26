//! Scenes of runs that share a usage limit.

use super::*;

fn played(lines: &str) -> Fleet {
    let mut fleet = fleet(Limits { runs: 8, ..ONE });
    for line in lines.split(", ") {
        let told = play(&mut fleet, line);
        assert!(!told.starts_with("rejected"), "{line}: {told}");
    }
    fleet
}

const TWO_AT_WORK: &str = "0 create amber, 0 create beryl, 1 amber prepared, 1 beryl prepared, 2 amber started, \
                           2 beryl started";

#[test]
fn nothing_new_is_asked_of_an_agent_at_its_limit_until_the_reset() {
    let fleet =
        played(&format!("{TWO_AT_WORK}, 3 amber limit until 500, 4 amber exit 1, 5 create coral"));
    assert_eq!(run(&fleet, "coral").state_name(), "queued");
    assert_eq!(run(&fleet, "beryl").state_name(), "running", "who is at work goes on");
    let why = fleet.held_back(run(&fleet, "coral"), seconds("5")).unwrap();
    let told = "scripted is at its usage limit, which is reset at 1970-01-01T00:08:20.000Z; run_1d25j00000 met it";
    assert_eq!(why, told);
    assert_eq!(fleet.next_wake(), Some(seconds("500")));
    let mut fleet = fleet;
    play(&mut fleet, "500 tick");
    assert_eq!(run(&fleet, "coral").state_name(), "preparing");
    assert_eq!(run(&fleet, "amber").state_name(), "starting");
}

#[test]
fn the_limit_of_one_agent_is_not_that_of_another() {
    let fleet = played(&format!("{TWO_AT_WORK}, 3 amber limit until 500, 4 amber exit 1"));
    let mut other = brief("coral");
    other.agent = "codex".to_owned();
    let mut fleet = fleet;
    fleet.decide(create(other), seconds("5")).unwrap();
    assert_eq!(run(&fleet, "coral").state_name(), "preparing");
}

#[test]
fn whom_a_person_sends_goes_at_once_and_what_it_learns_lets_no_other_go() {
    let mut fleet = played(&format!(
        "{TWO_AT_WORK}, 3 amber limit until 500, 4 amber exit 1, 5 beryl limit until 500, 6 beryl exit 1"
    ));
    play(&mut fleet, "10 amber again");
    assert_eq!(run(&fleet, "amber").state_name(), "starting");
    assert_eq!(run(&fleet, "beryl").state_name(), "waiting");
}

#[test]
fn the_first_agent_cools_down_after_it_handed_over() {
    let mut fleet = fleet(Limits { runs: 8, ..ONE });
    for line in [
        "0 create amber backed",
        "1 amber prepared",
        "2 amber started",
        "3 amber limit unknown",
        "4 amber exit 1",
        "5 create beryl",
    ] {
        let told = play(&mut fleet, line);
        assert!(!told.starts_with("rejected"), "{line}: {told}");
    }
    assert_eq!(run(&fleet, "amber").brief.agent, "codex");
    assert_eq!(run(&fleet, "amber").state_name(), "starting");
    assert_eq!(run(&fleet, "beryl").state_name(), "queued", "nobody asks the first one");
    let why = fleet.held_back(run(&fleet, "beryl"), seconds("5")).unwrap();
    assert!(why.contains("reset unknown"), "{why}");
    assert_eq!(fleet.next_wake(), Some(seconds("904")));
}

/// Seventy-four workers that all meet the same limit, with an agent that answers nothing before the reset.
#[test]
fn many_workers_at_one_limit_are_each_asked_at_most_once_for_a_reset() {
    let names: Vec<String> = (0..74).map(|n| format!("w{n:02}")).collect();
    let mut fleet =
        fleet(Limits { runs: 100, per_project: 100, prepare: 100, workers: 100, ..ONE });
    for name in &names {
        for line in ["0 create", "1 prepared", "2 started"] {
            let (at, what) = line.split_once(' ').unwrap();
            let line = if what == "create" {
                format!("{at} create {name}")
            } else {
                format!("{at} {name} {what}")
            };
            assert!(!play(&mut fleet, &line).starts_with("rejected"), "{line}");
        }
    }
    let mut turns = 0;
    let mut at = 3;
    // Each of them is asked and answers at once, until nobody goes before the reset at 18000.
    loop {
        let starting: Vec<&String> =
            names.iter().filter(|name| run(&fleet, name).state_name() == "starting").collect();
        for name in starting.clone() {
            play(&mut fleet, &format!("{at} {name} started"));
        }
        let running: Vec<&String> =
            names.iter().filter(|name| run(&fleet, name).state_name() == "running").collect();
        for name in &running {
            turns += 1;
            play(&mut fleet, &format!("{at} {name} limit until 18000"));
            play(&mut fleet, &format!("{at} {name} exit 1"));
        }
        if running.is_empty() {
            at = fleet.next_wake().unwrap().0 / 1000;
            if at >= 18_000 {
                break;
            }
            play(&mut fleet, &format!("{at} tick"));
        }
    }
    assert_eq!(turns, 74, "the one that met it, and none again");
}

#[test]
fn a_reset_comes_while_the_machine_sleeps_and_nothing_else_does() {
    let fleet = played(&format!("{TWO_AT_WORK}, 3 amber limit until 500, 4 amber exit 1"));
    assert!(fleet.waits_for_reset() && !fleet.waits_awake());
    let mut both = fleet;
    play(&mut both, "5 beryl silent");
    assert!(both.waits_for_reset() && both.waits_awake(), "its minute is one awake");
}
