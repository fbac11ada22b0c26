//! Scenes and histories of landings: whose turn it is, who rides along, and that only what every gate has passed lands, once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::run::{
    OpResult,
    gate::tests::brief_of_gate,
    landing::{Brought, Combined, Stage, Trial, Word},
    tests::script::{attested, trial},
};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Four runs of `web` that are done, each with a task of its own.
fn done() -> Fleet {
    let mut fleet = fleet(Limits { runs: 9, gates: 9, ..ONE });
    for name in NAMES {
        play(&mut fleet, &format!("0 create {name} in web"));
        for (at, word) in
            [(1, "prepared"), (2, "started"), (3, "turn success"), (4, "exit 0"), (5, "snapped 0")]
        {
            play(&mut fleet, &format!("{at} {name} {word}"));
        }
    }
    fleet
}

fn stage(fleet: &Fleet, name: &str) -> &'static str {
    run(fleet, name).landing.as_ref().map_or("none", |landing| landing.stage.as_str())
}

fn stages(fleet: &Fleet) -> String {
    NAMES.map(|name| format!("{name} {}", stage(fleet, name))).join(", ")
}

fn word(fleet: &mut Fleet, name: &str, word: Word) -> Decided {
    let input = run::Input::Landing(word);
    fleet.decide(Input::Run { run: id(name), input }, seconds("60")).unwrap()
}

fn combined(fleet: &mut Fleet, name: &str, n: u8, others: &[&str]) {
    let others: Vec<RunId> = others.iter().map(|name| id(name)).collect();
    let made = Combined::Made { trial: Box::new(trial(&id(name), &others)) };
    report(fleet, name, n, made);
}

/// What came of combining, of the try that is under way.
fn report(fleet: &mut Fleet, name: &str, n: u8, made: Combined) {
    let tries = run(fleet, name).landing.as_ref().map_or(0, |landing| landing.tries);
    word(fleet, name, Word::Combined { op: op(n), tries, made });
}

fn check_gates(fleet: &mut Fleet, name: &str, n: u8, gates: &[&str]) {
    let made = gates
        .iter()
        .map(|gate| run::Brief { project: Some("web".to_owned()), ..brief_of_gate(gate, name) })
        .collect();
    let commit = trial_commit(fleet, name);
    let input = Input::Check { run: id(name), op: op(n), commit, made: Ok(made) };
    fleet.decide(input, seconds("60")).unwrap();
}

/// The commit that the gates of a landing are to look at.
fn trial_commit(fleet: &Fleet, name: &str) -> String {
    let landing = run(fleet, name).landing.as_ref();
    let Some(Stage::Checking { trial, .. }) = landing.map(|it| &it.stage) else {
        return String::new();
    };
    trial.commit.clone()
}

fn brought(fleet: &mut Fleet, name: &str, n: u8, others: &[&str]) {
    let others: Vec<RunId> = others.iter().map(|name| id(name)).collect();
    let attestation = Box::new(attested(&trial(&id(name), &others)));
    word(
        fleet,
        name,
        Word::Brought { op: op(n), made: Brought::Done { attestation, beside: Vec::new() } },
    );
}

/// N-74: pushes are serial, and the second is validated against the target that the first one made.
#[test]
fn one_work_at_a_time_lands_on_a_target_and_the_next_is_tried_on_what_it_is_to_make() {
    let mut fleet = done();
    play(&mut fleet, "10 a land 1");
    play(&mut fleet, "11 b land 2");
    assert_eq!(stages(&fleet), "a combining, b in_line, c none, d none");
    combined(&mut fleet, "a", 1, &[]);
    check_gates(&mut fleet, "a", 1, &["g"]);
    assert_eq!(stages(&fleet), "a checking, b combining, c none, d none");
    play(&mut fleet, "60 c land 3");
    assert_eq!(stages(&fleet), "a checking, b combining, c in_line, d none");
    combined(&mut fleet, "b", 2, &[]);
    check_gates(&mut fleet, "b", 2, &["h"]);
    for line in ["61 h prepared", "61 g prepared", "62 h started", "62 g started", "63 h exit 0"] {
        play(&mut fleet, line);
    }
    assert_eq!(stages(&fleet), "a checking, b checking, c in_line, d none", "b waits for a");
    play(&mut fleet, "64 g exit 0");
    assert_eq!(stages(&fleet), "a bringing, b checking, c in_line, d none");
    brought(&mut fleet, "a", 1, &[]);
    assert_eq!(stages(&fleet), "a none, b bringing, c combining, d none");
    assert!(run(&fleet, "a").landed.is_some());
}

#[test]
fn what_was_tried_on_a_tree_that_does_not_land_is_tried_anew_on_the_target() {
    let behind = || {
        let mut fleet = done();
        play(&mut fleet, "10 a land 1");
        play(&mut fleet, "11 b land 2");
        combined(&mut fleet, "a", 1, &[]);
        check_gates(&mut fleet, "a", 1, &["g"]);
        combined(&mut fleet, "b", 2, &[]);
        check_gates(&mut fleet, "b", 2, &["h"]);
        for line in ["61 g prepared", "61 h prepared", "62 g started", "62 h started"] {
            play(&mut fleet, line);
        }
        assert_eq!(stages(&fleet), "a checking, b checking, c none, d none");
        fleet
    };
    let is_ending = |fleet: &Fleet| matches!(run(fleet, "h").state, State::Stopping { .. });
    for what_befalls_a in ["63 g exit 1", "63 a stop"] {
        let mut fleet = behind();
        play(&mut fleet, what_befalls_a);
        assert_eq!(stages(&fleet), "a none, b combining, c none, d none", "{what_befalls_a}");
        assert!(is_ending(&fleet), "nobody waits for its gate: {what_befalls_a}");
        assert!(run(&fleet, "b").landing.as_ref().unwrap().stage.ahead().is_none());
    }
    let mut fleet = behind();
    play(&mut fleet, "63 g exit 0");
    word(
        &mut fleet,
        "a",
        Word::Brought { op: op(1), made: Brought::Moved { text: String::new() } },
    );
    assert_eq!(stages(&fleet), "a combining, b in_line, c none, d none");
    assert!(is_ending(&fleet));
    // Its own failure on that tree is nobody's word on it: it waits for the other one.
    let mut fleet = behind();
    play(&mut fleet, "63 h exit 1");
    assert_eq!(stages(&fleet), "a checking, b in_line, c none, d none");
    for line in ["64 g exit 0", "64 c land 3"] {
        play(&mut fleet, line);
    }
    assert_eq!(stages(&fleet), "a bringing, b in_line, c in_line, d none", "nobody overtakes it");
    brought(&mut fleet, "a", 1, &[]);
    assert_eq!(stages(&fleet), "a none, b combining, c in_line, d none");
}

#[test]
fn what_is_reported_of_a_tree_that_was_dropped_is_no_word_on_the_target() {
    let there = || OpResult::Landed {
        target: "main".to_owned(),
        old: "t1".to_owned(),
        new: "t1".to_owned(),
        commits: 0,
        beside: Vec::new(),
    };
    let conflict = || Combined::Conflict {
        target: "main".to_owned(),
        files: vec!["roof".to_owned()],
        words: "settle it".to_owned(),
    };
    let made = || Combined::Made { trial: Box::new(trial(&id("b"), &[])) };
    for late in [Combined::Over { result: there() }, conflict(), made()] {
        let mut fleet = done();
        play(&mut fleet, "10 a land 1");
        play(&mut fleet, "11 b land 2");
        combined(&mut fleet, "a", 1, &[]);
        let tries = run(&fleet, "b").landing.as_ref().unwrap().tries;
        play(&mut fleet, "12 a stop");
        assert_eq!(stages(&fleet), "a none, b combining, c none, d none");
        word(&mut fleet, "b", Word::Combined { op: op(2), tries, made: late.clone() });
        assert_eq!(stages(&fleet), "a none, b combining, c none, d none", "{late:?}");
        report(&mut fleet, "b", 2, made());
        assert_eq!(stages(&fleet), "a none, b checking, c none, d none");
    }
    // Of what has landed it is.
    let mut fleet = done();
    play(&mut fleet, "10 a land 1");
    play(&mut fleet, "11 b land 2");
    combined(&mut fleet, "a", 1, &[]);
    let tries = run(&fleet, "b").landing.as_ref().unwrap().tries;
    check_gates(&mut fleet, "a", 1, &[]);
    brought(&mut fleet, "a", 1, &[]);
    word(&mut fleet, "b", Word::Combined { op: op(2), tries, made: made() });
    assert_eq!(stages(&fleet), "a none, b checking, c none, d none");
}

#[test]
fn who_does_not_fit_on_anothers_tree_may_ride_on_the_target_and_the_first_is_named_first() {
    let mut fleet = done();
    for line in ["10 a land 1", "11 b land 2 batch 3", "12 c land 3 batch 3"] {
        play(&mut fleet, line);
    }
    combined(&mut fleet, "a", 1, &[]);
    assert_eq!(stages(&fleet), "a checking, b combining, c riding, d none");
    combined(&mut fleet, "b", 2, &[]);
    assert_eq!(stages(&fleet), "a checking, b checking, c in_line, d none");
    assert_eq!(run(&fleet, "c").landing.as_ref().unwrap().batch, 3);
    let names = fleet.ahead_of(run(&fleet, "c"));
    let names: Vec<&str> = names.iter().map(|run| run.brief.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    play(&mut fleet, "13 a stop");
    assert_eq!(stages(&fleet), "a none, b combining, c riding, d none");
}

#[test]
fn nobody_is_tried_on_a_tree_that_a_person_has_seen_or_that_conflicts_with_it() {
    for (a, b) in [(true, false), (false, true)] {
        let mut fleet = done();
        for (name, n, settings_seen) in [("a", 1, a), ("b", 2, b)] {
            let wish = run::landing::Wish { settings_seen, ..run::landing::Wish::default() };
            let input = run::Input::Land { op: op(n), wish };
            fleet.decide(Input::Run { run: id(name), input }, seconds("10")).unwrap();
        }
        combined(&mut fleet, "a", 1, &[]);
        check_gates(&mut fleet, "a", 1, &["g"]);
        assert_eq!(stages(&fleet), "a checking, b in_line, c none, d none", "{a} {b}");
    }
    let mut fleet = done();
    let seen = super::radar::seen("a b", &["a!b roof"]);
    fleet.decide(Input::Radar(Box::new(seen)), seconds("9")).unwrap();
    for line in ["10 a land 1", "10 b land 2"] {
        play(&mut fleet, line);
    }
    combined(&mut fleet, "a", 1, &[]);
    check_gates(&mut fleet, "a", 1, &["g"]);
    assert_eq!(stages(&fleet), "a checking, b in_line, c none, d none");
}

#[test]
fn who_rides_is_not_carried_by_what_was_seen_of_an_earlier_landing() {
    let mut fleet = done();
    for line in ["10 a land 1", "11 b land 2 batch 3", "12 c land 3 batch 3", "13 a stop"] {
        play(&mut fleet, line);
    }
    combined(&mut fleet, "b", 2, &["c"]);
    check_gates(&mut fleet, "b", 2, &[]);
    brought(&mut fleet, "b", 2, &["c"]);
    assert_eq!(stages(&fleet), "a none, b none, c none, d none");
    for line in ["70 d land 4", "71 b land 5 batch 3", "72 c land 6 batch 3", "73 d stop"] {
        play(&mut fleet, line);
    }
    assert_eq!(stages(&fleet), "a none, b combining, c riding, d none");
    // The target has all of the leader's already; of the other's nothing was seen.
    let there = OpResult::Landed {
        target: "main".to_owned(),
        old: "t9".to_owned(),
        new: "t9".to_owned(),
        commits: 0,
        beside: Vec::new(),
    };
    report(&mut fleet, "b", 5, Combined::Over { result: there });
    assert_eq!(stages(&fleet), "a none, b none, c combining, d none");
}

#[test]
fn the_more_urgent_task_lands_first_and_else_who_asked_first() {
    let mut fleet = done();
    for line in ["10 a land 1", "11 b land 2", "12 c land 3", "13 d land 4"] {
        play(&mut fleet, line);
    }
    assert_eq!(stages(&fleet), "a combining, b in_line, c in_line, d in_line");
    let ahead = |fleet: &Fleet, name: &str| {
        let names = fleet.ahead_of(run(fleet, name));
        names.iter().map(|run| run.brief.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ahead(&fleet, "d"), "a b c");
    assert_eq!(ahead(&fleet, "a"), "");
    play(&mut fleet, "14 b stop");
    assert_eq!(ahead(&fleet, "d"), "a c");
    play(&mut fleet, "15 a stop");
    assert_eq!(stages(&fleet), "a none, b none, c combining, d in_line");
}

#[test]
fn gates_alone_take_no_lane() {
    let mut fleet = done();
    for line in ["10 a land 1", "11 b gate 2", "12 c land 3"] {
        play(&mut fleet, line);
    }
    assert_eq!(stages(&fleet), "a combining, b combining, c in_line, d none");
}

/// An agent that reports done with red tests never lands.
#[test]
fn a_gate_that_does_not_pass_keeps_the_work_out_whatever_its_agent_said_and_ends_the_other_gates() {
    let mut fleet = done();
    play(&mut fleet, "10 a land 1");
    combined(&mut fleet, "a", 1, &[]);
    check_gates(&mut fleet, "a", 1, &["g", "h"]);
    for line in ["61 g prepared", "62 g started", "62 h prepared", "62 h started", "63 g exit 1"] {
        play(&mut fleet, line);
    }
    assert_eq!(stage(&fleet, "a"), "none");
    assert!(run(&fleet, "a").landed.is_none());
    let result = run(&fleet, "a").result_of(&op(1)).cloned();
    let Some(OpResult::Refused { slug, .. }) = result else { panic!("{result:?}") };
    assert_eq!(slug, "gate-failed");
    assert!(matches!(run(&fleet, "h").state, State::Stopping { .. }));
}

/// N-76: gates that take too long have failed.
#[test]
fn a_gate_that_takes_too_long_has_failed() {
    let mut fleet = done();
    play(&mut fleet, "10 a land 1");
    combined(&mut fleet, "a", 1, &[]);
    check_gates(&mut fleet, "a", 1, &["g"]);
    for line in ["61 g prepared", "62 g started", "63 g overdue turn", "64 g exit 143 forced"] {
        play(&mut fleet, line);
    }
    assert_eq!(stage(&fleet, "a"), "none");
    assert!(run(&fleet, "a").landed.is_none());
}

#[test]
fn a_batch_lands_together_and_one_that_fails_is_halved_until_it_is_known_whose_fault_it_was() {
    let mut fleet = done();
    play(&mut fleet, "10 a gate 9 batch 4");
    for (name, n) in NAMES.iter().zip(1..) {
        if *name != "a" {
            play(&mut fleet, &format!("1{n} {name} land {n} batch 4"));
        }
    }
    // `b` went at once, with nobody in line.
    assert_eq!(stages(&fleet), "a combining, b combining, c in_line, d in_line");
    combined(&mut fleet, "b", 2, &[]);
    check_gates(&mut fleet, "b", 2, &[]);
    brought(&mut fleet, "b", 2, &[]);
    assert_eq!(stages(&fleet), "a combining, b none, c combining, d riding");
    combined(&mut fleet, "c", 3, &["d"]);
    check_gates(&mut fleet, "c", 3, &["g"]);
    for line in ["61 g prepared", "62 g started", "63 g exit 1"] {
        play(&mut fleet, line);
    }
    // Each alone from here on.
    assert_eq!(stages(&fleet), "a combining, b none, c combining, d in_line");
    combined(&mut fleet, "c", 3, &[]);
    check_gates(&mut fleet, "c", 3, &["h"]);
    for line in ["71 h prepared", "72 h started", "73 h exit 0"] {
        play(&mut fleet, line);
    }
    brought(&mut fleet, "c", 3, &[]);
    assert!(run(&fleet, "c").landed.is_some());
    assert_eq!(stages(&fleet), "a combining, b none, c none, d combining");
}

#[test]
fn who_does_not_fit_into_a_batch_is_left_to_its_own_turn_and_the_others_land() {
    let mut fleet = done();
    for line in ["10 a land 1", "11 b land 2 batch 3", "12 c land 3 batch 3", "13 d land 4 batch 3"]
    {
        play(&mut fleet, line);
    }
    play(&mut fleet, "14 a stop");
    assert_eq!(stages(&fleet), "a none, b combining, c riding, d riding");
    combined(&mut fleet, "b", 2, &["d"]);
    // It may fit on top of those that did.
    assert_eq!(stages(&fleet), "a none, b checking, c combining, d riding");
    check_gates(&mut fleet, "b", 2, &[]);
    brought(&mut fleet, "b", 2, &["d"]);
    assert!(run(&fleet, "b").landed.is_some() && run(&fleet, "d").landed.is_some());
    assert_eq!(stages(&fleet), "a none, b none, c combining, d none");
}

/// Who is taken out of the line does not land in somebody else's tree.
#[test]
fn one_of_a_batch_that_is_taken_out_of_the_line_is_in_no_tree_that_lands() {
    let batch = || {
        let mut fleet = done();
        for line in ["10 a land 1", "11 b land 2 batch 3", "12 c land 3 batch 3", "13 a stop"] {
            play(&mut fleet, line);
        }
        assert_eq!(stages(&fleet), "a none, b combining, c riding, d none");
        fleet
    };
    // While its gates look, and while the tree is made.
    let mut fleet = batch();
    combined(&mut fleet, "b", 2, &["c"]);
    let earlier = trial_commit(&fleet, "b");
    play(&mut fleet, "61 c stop");
    assert_eq!(stages(&fleet), "a none, b combining, c none, d none");
    let mut fleet = batch();
    play(&mut fleet, "61 c stop");
    combined(&mut fleet, "b", 2, &["c"]);
    assert_eq!(stages(&fleet), "a none, b combining, c none, d none");
    // The gates of the tree that was taken back come late, and say nothing of the other.
    combined(&mut fleet, "b", 2, &[]);
    assert_ne!(trial_commit(&fleet, "b"), earlier);
    let late = Input::Check { run: id("b"), op: op(2), commit: earlier, made: Ok(Vec::new()) };
    fleet.decide(late, seconds("62")).unwrap();
    assert_eq!(stage(&fleet, "b"), "checking");
    // When the target is being moved it is too late.
    let mut fleet = batch();
    combined(&mut fleet, "b", 2, &["c"]);
    check_gates(&mut fleet, "b", 2, &[]);
    play(&mut fleet, "61 c stop");
    assert_eq!(stages(&fleet), "a none, b bringing, c riding, d none");
    brought(&mut fleet, "b", 2, &["c"]);
    assert!(run(&fleet, "c").landed.is_some());
}

#[test]
fn what_a_person_has_seen_of_one_work_lands_no_other() {
    let mut fleet = done();
    for line in ["10 a land 1", "11 b land 2 batch 3 settings", "12 c land 3 batch 3", "13 a stop"]
    {
        play(&mut fleet, line);
    }
    assert_eq!(stages(&fleet), "a none, b combining, c in_line, d none");
}

#[test]
fn a_task_is_merged_when_its_work_has_landed_and_not_any_more_when_that_is_taken_back() {
    let mut fleet = fleet(Limits { runs: 9, gates: 9, ..ONE });
    for line in [
        "0 create a in web for t",
        "1 a prepared",
        "2 a started",
        "3 a turn success",
        "4 a exit 0",
        "5 a snapped 0",
        "6 a land 1",
    ] {
        play(&mut fleet, line);
    }
    assert_eq!(fleet.tasks[&task_id("t")].state, TaskState::Completed);
    combined(&mut fleet, "a", 1, &[]);
    check_gates(&mut fleet, "a", 1, &[]);
    brought(&mut fleet, "a", 1, &[]);
    assert_eq!(fleet.tasks[&task_id("t")].state, TaskState::Merged);
    for line in ["70 a undo 2 1", "71 a op 2 reverted 1"] {
        play(&mut fleet, line);
    }
    assert_eq!(fleet.tasks[&task_id("t")].state, TaskState::Completed);
}

#[test]
fn a_conflict_goes_to_its_author_in_the_same_conversation_and_comes_back_into_the_line() {
    let mut fleet = done();
    play(&mut fleet, "10 a land 1 once");
    let made = Combined::Conflict {
        target: "main".to_owned(),
        files: vec!["roof".to_owned()],
        words: "settle it".to_owned(),
    };
    report(&mut fleet, "a", 1, made.clone());
    assert_eq!(stage(&fleet, "a"), "resolving");
    assert_eq!(run(&fleet, "a").message.as_deref(), Some("settle it"));
    // Others land meanwhile.
    play(&mut fleet, "61 b land 2");
    assert_eq!(stages(&fleet), "a resolving, b combining, c none, d none");
    for line in ["62 a started", "63 a turn success", "64 a exit 0"] {
        play(&mut fleet, line);
    }
    assert_eq!(stages(&fleet), "a in_line, b combining, c none, d none");
    play(&mut fleet, "65 b stop");
    report(&mut fleet, "a", 1, made);
    assert_eq!(stage(&fleet, "a"), "none");
    let result = run(&fleet, "a").result_of(&op(1)).cloned();
    let Some(OpResult::Refused { slug, .. }) = result else { panic!("{result:?}") };
    assert_eq!(slug, "merge-conflict");
}

// histories

/// What a history remembers beside the fleet.
#[derive(Default)]
struct World {
    /// Where the target stands.
    target: String,
    /// How many commits there are that could land.
    trials: u32,
    /// What each landing was asked for, and whether it has an answer.
    asked: BTreeMap<(RunId, u8), bool>,
    /// What was reported of combinings, which may come once more, or late.
    late: Vec<(RunId, Word)>,
    /// The trials that may be brought: whose gates have all passed.
    gates: u32,
    ops: u8,
    /// Whether the report that is told now is of a try that is over.
    stale: bool,
}

/// Takes `fleet` one step of chance further, and holds what must hold.
fn step(fleet: &mut Fleet, world: &mut World, pick: (u8, u8)) {
    let now = seconds("60");
    let name = NAMES[usize::from(pick.0) % NAMES.len()];
    let run_id = id(name);
    let before = fleet.clone();
    let landing = before.runs[&run_id].landing.clone();
    let lucky = !pick.1.is_multiple_of(4);
    let input = match landing.as_deref().map(|landing| (&landing.stage, &landing.op)) {
        None if before.runs[&run_id].landed.is_some() => return,
        None => {
            world.ops = world.ops.wrapping_add(1);
            let wish = run::landing::Wish {
                gates_only: pick.1.is_multiple_of(7),
                settings_seen: false,
                batch: u32::from(pick.1 % 4) + 1,
                conflicts: 1,
            };
            let input = run::Input::Land { op: op(world.ops), wish };
            if before.runs[&run_id].step(input.clone(), now).is_ok() {
                world.asked.insert((run_id.clone(), world.ops), false);
            }
            Input::Run { run: run_id.clone(), input }
        }
        Some(_) if pick.1.is_multiple_of(11) => {
            Input::Run { run: run_id.clone(), input: run::Input::Stop { force: false } }
        }
        Some((Stage::InLine {} | Stage::Riding { .. }, _)) => return,
        Some((_, _)) if pick.1.is_multiple_of(13) && world.late.iter().any(|it| it.0 == run_id) => {
            let at = world.late.iter().position(|it| it.0 == run_id).unwrap();
            let (_, word) = world.late.remove(at);
            if let Word::Combined { tries, .. } = &word {
                let now = landing.as_ref().map_or(0, |landing| landing.tries);
                world.stale = *tries != now;
            }
            Input::Run { run: run_id.clone(), input: run::Input::Landing(word) }
        }
        Some((Stage::Combining { riders, ahead }, op)) => {
            // Some that ride do not fit.
            let others: Vec<RunId> = riders
                .iter()
                .enumerate()
                .filter(|(nth, _)| (usize::from(pick.1) + nth) % 3 != 0)
                .map(|(_, id)| id.clone())
                .collect();
            let made = if lucky {
                let on = ahead.as_ref().map(|ahead| ahead.commit.clone());
                let onto = on.unwrap_or_else(|| world.target.clone());
                world.trials += 1;
                let commit = format!("t{}", world.trials);
                let trial = Trial { onto, commit, ..trial(&run_id, &others) };
                Combined::Made { trial: Box::new(trial) }
            } else {
                Combined::Conflict {
                    target: "main".to_owned(),
                    files: vec!["roof".to_owned()],
                    words: "settle it".to_owned(),
                }
            };
            let tries = landing.as_ref().map_or(0, |landing| landing.tries);
            let word = Word::Combined { op: op.clone(), tries, made };
            world.late.push((run_id.clone(), word.clone()));
            if pick.1.is_multiple_of(9) {
                // It takes its time.
                return;
            }
            Input::Run { run: run_id.clone(), input: run::Input::Landing(word) }
        }
        Some((Stage::Checking { gates: None, .. }, op)) => {
            let made = (0..pick.1 % 3)
                .map(|_| {
                    world.gates += 1;
                    let gate = format!("g{}", world.gates);
                    run::Brief { project: Some("web".to_owned()), ..brief_of_gate(&gate, name) }
                })
                .collect();
            let commit = trial_commit(&before, name);
            Input::Check { run: run_id.clone(), op: op.clone(), commit, made: Ok(made) }
        }
        Some((Stage::Checking { gates: Some(gates), .. }, _)) => {
            let Some(gate) = gates.iter().find(|gate| gate.passed.is_none()) else { return };
            let gate = gate.run.clone();
            let state = &before.runs[&gate].state;
            let input = if matches!(state, State::Preparing { .. }) {
                "prepared"
            } else if matches!(state, State::Starting { .. }) {
                "started"
            } else if lucky {
                "exit 0"
            } else {
                "exit 1"
            };
            let input = super::input(input, &before.runs[&gate], now);
            Input::Run { run: gate, input }
        }
        Some((Stage::Bringing { trial, gates }, op)) => {
            assert!(gates.iter().all(|gate| gate.passed == Some(true)), "a gate has not passed");
            let gates_only = landing.as_ref().is_some_and(|landing| landing.wish.gates_only);
            // Somebody else may come first.
            if pick.1.is_multiple_of(5) {
                world.trials += 1;
                world.target = format!("theirs {}", world.trials);
            }
            let made = if gates_only || trial.onto == world.target {
                if !gates_only {
                    world.target.clone_from(&trial.commit);
                }
                Brought::Done { attestation: Box::new(attested(trial)), beside: Vec::new() }
            } else {
                Brought::Moved { text: "it moved".to_owned() }
            };
            let word = Word::Brought { op: op.clone(), made };
            Input::Run { run: run_id.clone(), input: run::Input::Landing(word) }
        }
        Some((Stage::Resolving {}, _)) => {
            let state = &before.runs[&run_id].state;
            let input = if matches!(state, State::Starting { .. }) {
                "started"
            } else if matches!(state, State::Running { .. }) && lucky {
                "exit 0"
            } else if matches!(state, State::Running { .. }) {
                "exit 1"
            } else if matches!(state, State::Stopping { .. }) {
                "exit 143"
            } else {
                return;
            };
            let input = super::input(input, &before.runs[&run_id], now);
            Input::Run { run: run_id.clone(), input }
        }
    };
    let stale = std::mem::take(&mut world.stale);
    let Ok(decided) = fleet.decide(input, now) else { return };
    assert!(!stale || decided.events.is_empty(), "a report of a try that is over is heard");
    // Read again from what was written, it is the same.
    let mut again = before;
    for about in &decided.events {
        again.apply(&about.subject, &about.event, now).unwrap();
    }
    assert!(again == *fleet, "what is read again differs");
    holds(fleet, world, &decided);
}

fn holds(fleet: &Fleet, world: &mut World, decided: &Decided) {
    let lane = |run: &&Arc<Run>| {
        let landing = run.landing.as_ref();
        landing.is_some_and(|it| it.stage.holds_lane() && !it.wish.gates_only)
    };
    let holders: Vec<&Arc<Run>> = fleet.runs.values().filter(lane).collect();
    let ahead_of = |run: &Run| run.landing.as_ref().and_then(|it| it.stage.ahead()).cloned();
    let (behind, first): (Vec<&Arc<Run>>, Vec<&Arc<Run>>) =
        holders.into_iter().partition(|run| ahead_of(run).is_some());
    assert!(first.len() <= 1, "two land at once");
    assert!(behind.len() <= 1, "two are tried on one tree");
    for next in behind {
        let ahead = ahead_of(next).unwrap();
        let first = fleet.runs[&ahead.run].landing.as_ref();
        let commit = first.and_then(|first| first.stage.commit());
        assert_eq!(commit, Some(ahead.commit.as_str()), "{} is on what cannot land", next.id());
    }
    for run in fleet.runs.values() {
        let Some(landing) = &run.landing else { continue };
        if let Stage::Riding { with } = &landing.stage {
            let leader = fleet.runs[with].landing.as_ref();
            assert!(leader.is_some_and(|it| it.stage.holds_lane()), "{with} carries nobody");
        }
    }
    for about in &decided.events {
        let Event::Run(run::Event::Attested { attestation }) = &about.event else { continue };
        for work in &attestation.works {
            let told = |other: &About| {
                other.subject == work.run.as_str()
                    && matches!(other.event, Event::Run(run::Event::OpDone { .. }))
            };
            assert!(decided.events.iter().any(told), "{} is in it and hears nothing", work.run);
        }
    }
    for about in &decided.events {
        let Event::Run(run::Event::OpDone { op: done, .. }) = &about.event else { continue };
        let of: RunId = about.subject.parse().unwrap();
        for ((run, n), answered) in &mut world.asked {
            if *run == of && op(*n) == *done {
                assert!(!*answered, "{of} is answered twice");
                *answered = true;
            }
        }
    }
}

/// Those that were told to end do so.
fn end_unwanted(fleet: &mut Fleet, world: &mut World) {
    let unwanted: Vec<(RunId, &str)> = fleet
        .runs
        .values()
        .filter_map(|run| {
            if matches!(run.state, State::Stopping { .. }) {
                return Some((run.id().clone(), "exit 143"));
            }
            let unwanted = matches!(run.state, State::Preparing { unwanted: Some(_) });
            unwanted.then(|| (run.id().clone(), "prepared"))
        })
        .collect();
    for (id, text) in unwanted {
        let input = super::input(text, &fleet.runs[&id], seconds("60"));
        let decided = fleet.decide(Input::Run { run: id, input }, seconds("60")).unwrap();
        holds(fleet, world, &decided);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// One at a time, only what all gates have passed, each wish answered once, and the line comes to its end.
    #[test]
    fn any_history_of_landings_keeps_every_promise_and_comes_to_an_end(
        picks in prop::collection::vec((any::<u8>(), any::<u8>()), 1..120),
    ) {
        let mut fleet = done();
        let mut world = World::default();
        for pick in picks {
            step(&mut fleet, &mut world, pick);
        }
        // From here on all goes well, and nobody asks for more.
        for round in 0..400_u16 {
            end_unwanted(&mut fleet, &mut world);
            let Some(name) = NAMES.iter().copied().cycle().skip(usize::from(round)).take(4).find(|name| {
                let stage = stage(&fleet, name);
                !["none", "in_line", "riding"].contains(&stage)
            }) else { break };
            let nth = u8::try_from(NAMES.iter().position(|it| *it == name).unwrap()).unwrap();
            step(&mut fleet, &mut world, (nth, 1));
        }
        prop_assert_eq!(stages(&fleet), "a none, b none, c none, d none");
        let waiting: Vec<_> = world.asked.iter().filter(|(_, answered)| !**answered).collect();
        prop_assert!(waiting.is_empty(), "they wait for ever: {waiting:?}");
    }
}
