//! Scenes of changes among many runs: who is told, who waits for a slot, and which tasks are free.

use super::*;
use crate::run::{Proposing, change::tests::proposed};

/// `a` is done for the task `t`, and its change stands.
const DONE: &str = "0 create a for t, 1 a prepared, 2 a started, 3 a turn success, 9 a exit 0 committed c1, 10 a snapped 0";

fn with_change() -> Fleet {
    let mut fleet = after(ONE, DONE);
    let asked = Box::new(Proposing { rounds: 2, ..Proposing::default() });
    let inputs = [
        run::Input::Propose { op: op(3), asked },
        run::Input::OpDone { op: op(3), result: proposed("c1") },
    ];
    for input in inputs {
        fleet.decide(Input::Run { run: id("a"), input }, Timestamp(11_000)).unwrap();
    }
    fleet
}

#[test]
fn what_was_said_goes_to_the_author_at_once_and_waits_for_a_slot_like_any_attempt() {
    let mut fleet = with_change();
    play(&mut fleet, "20 create b");
    play(&mut fleet, "72 a seen c1 open test failed");
    let amber = run(&fleet, "a");
    assert_eq!((amber.state_name(), amber.attempt), ("queued", 2), "the one slot is taken");
    assert_eq!(fleet.tasks[&task_id("t")].state, TaskState::Implementing);
    play(&mut fleet, "80 b prepare-failed user refused");
    assert_eq!(run(&fleet, "a").state_name(), "starting");
}

#[test]
fn an_author_in_whose_env_a_person_works_is_not_told_and_the_person_is() {
    let mut fleet = with_change();
    play(&mut fleet, "20 create m within a");
    play(&mut fleet, "72 a seen c1 open test failed");
    let amber = run(&fleet, "a");
    assert!(amber.is_ended() && amber.attempt == 1, "{}", amber.state_name());
    let wanted = amber.change_wants().unwrap();
    assert!(wanted.text.contains("in the worktree of"), "{wanted:?}");
}

#[test]
fn a_task_is_free_when_what_it_needs_was_merged_and_not_when_that_was_closed_unmerged() {
    let needs = |fleet: &Fleet| {
        let task = Task { needs: vec![task_id("t")], ..task("v") };
        fleet.unmet(&task).count()
    };
    assert_eq!(needs(&after(ONE, "0 create a for t")), 1, "it is at work");
    let done = after(ONE, DONE);
    assert_eq!(needs(&done), 1, "done, and nowhere yet");
    let mut landed = done;
    play(&mut landed, "11 a land 8");
    play(&mut landed, "12 a op 8 landed");
    assert_eq!(needs(&landed), 0);
    for (state, unmet) in [("open", 1), ("closed", 1), ("merged", 0)] {
        let mut fleet = with_change();
        play(&mut fleet, &format!("72 a seen c1 {state}"));
        assert_eq!(needs(&fleet), unmet, "{state}");
    }
    let nothing = after(
        ONE,
        "0 create a for t, 1 a prepared, 2 a started, 3 a turn success, 9 a exit 0 untouched",
    );
    assert_eq!(needs(&nothing), 1, "it failed: no change");
}
