//! Scenes of one landing, and every stage of one with every word about it.

use super::super::{
    Run,
    tests::script::{after, brief, check_of, input, seconds},
};

const ENDED: &str = "0 admit, 1 prepared, 2 started, 3 turn success, 9 exit 0, 10 snapped 0";

/// The stages, each with a way into it.
const STAGES: &[(&str, &str)] = &[
    ("none", ""),
    ("in line", ", 11 land 1 once"),
    ("combining", ", 11 land 1 once, 12 landing try"),
    ("checking, not begun", ", 11 land 1 once, 12 landing try, 13 landing combined 1"),
    ("checking", ", 11 land 1 once, 12 landing try, 13 landing combined 1, 14 landing gates 1 g h"),
    ("bringing", ", 11 land 1 once, 12 landing try, 13 landing combined 1, 14 landing gates 1"),
    ("on b", ", 11 land 1 once, 12 landing try on b"),
    ("on b, no gates", ", 11 land 1 once, 12 landing try on b, 13 landing combined 1"),
    (
        "on b, gates",
        ", 11 land 1 once, 12 landing try on b, 13 landing combined 1, 14 landing gates 1 g",
    ),
    (
        "on b, passed",
        ", 11 land 1 once, 12 landing try on b, 13 landing combined 1, 14 landing gates 1",
    ),
    ("riding", ", 11 land 1 once, 12 landing ride b"),
    ("resolving", ", 11 land 1 once, 12 landing try, 13 landing combined 1 conflict"),
];

const WORDS: &[&str] = &[
    "land 2",
    "gate 2",
    "stop",
    "close 2",
    "close 2 aged",
    "restore 2 0",
    "again",
    "landing try",
    "landing try on b",
    "landing cleared b",
    "landing cleared c",
    "landing dropped b",
    "landing dropped c",
    "landing ride b",
    "landing freed b",
    "landing freed c",
    "landing carried b",
    "landing left b",
    "landing combined 1",
    "landing combined 1 conflict",
    "landing combined 1 over",
    "landing combined 2",
    "landing gates 1",
    "landing gates 1 g",
    "landing gates 1 refused",
    "landing ended g passed",
    "landing ended g failed",
    "landing ended x passed",
    "landing brought 1",
    "landing brought 1 moved",
    "landing brought 1 over",
    "landing brought 1 protected",
    "landing brought 1 protected proposed",
    "landing brought 2",
    "landing unsettled",
];

fn at(way: &str) -> Run {
    after(brief("amber"), &format!("{ENDED}{way}"))
}

/// `x` rejected, `.` nothing follows, else the stage that follows by its first letters, `over` where it is.
#[test]
fn every_stage_takes_every_word_as_the_table_says() {
    let now = seconds("64");
    let mark = |run: &Run, word: &str| {
        let Ok(step) = run.step(input(word, run, now), now) else { return "x".to_owned() };
        if step.events.is_empty() && step.effects.is_empty() {
            return ".".to_owned();
        }
        let mut next = run.clone();
        for event in &step.events {
            next.apply(event, now).unwrap();
        }
        let stage = |run: &Run| run.landing.as_ref().map_or("none", |it| it.stage.as_str());
        match (stage(run), stage(&next)) {
            ("none", "none") => "+".to_owned(),
            (_, "none") => "over".to_owned(),
            (was, is) if was == is => "+".to_owned(),
            (_, is) => is.to_owned(),
        }
    };
    let mut got = String::new();
    for word in WORDS {
        let marks: Vec<String> =
            STAGES.iter().map(|(_, way)| format!("{:<9}", mark(&at(way), word))).collect();
        got += &format!("\n{word:<27} {}", marks.join(" ").trim_end());
    }
    insta::assert_snapshot!("stages", got);
}

#[track_caller]
fn check(script: &str, want: &str) {
    check_of(brief("amber"), ENDED, script, want);
}

#[test]
fn work_lands_when_each_of_its_gates_has_passed_and_not_before() {
    check(
        "11 land 1, 12 landing try, 13 landing combined 1, 14 landing gates 1 g h, 15 landing ended h passed, 16 landing ended g passed, 17 landing brought 1",
        "
11 land 1                  ended (completed), landing in line
12 landing try             ended (completed), landing combining; Combine
13 landing combined 1      ended (completed), landing checking; Check
14 landing gates 1 g h     ended (completed)
15 landing ended h passed  ended (completed)
16 landing ended g passed  ended (completed), landing bringing; Bring
17 landing brought 1       ended (completed), landing over, landed",
    );
}

#[test]
fn one_gate_that_does_not_pass_keeps_the_work_out() {
    check(
        "11 land 1, 12 landing try, 13 landing combined 1, 14 landing gates 1 g h, 15 landing ended h passed, 16 landing ended g failed, 17 landing brought 1, 18 land 2",
        "
11 land 1                  ended (completed), landing in line
12 landing try             ended (completed), landing combining; Combine
13 landing combined 1      ended (completed), landing checking; Check
14 landing gates 1 g h     ended (completed)
15 landing ended h passed  ended (completed)
16 landing ended g failed  ended (completed), landing over
17 landing brought 1       ended (completed)
18 land 2                  ended (completed), landing in line",
    );
}

#[test]
fn what_moved_meanwhile_is_tried_and_checked_anew() {
    check(
        "11 land 1, 12 landing try, 13 landing combined 1, 14 landing gates 1 g, 15 landing ended g passed, 16 landing brought 1 moved, 17 landing try, 18 landing combined 1, 19 landing gates 1 h, 20 landing ended g passed, 21 landing ended h passed, 22 landing brought 1",
        "
11 land 1                   ended (completed), landing in line
12 landing try              ended (completed), landing combining; Combine
13 landing combined 1       ended (completed), landing checking; Check
14 landing gates 1 g        ended (completed)
15 landing ended g passed   ended (completed), landing bringing; Bring
16 landing brought 1 moved  ended (completed), landing in line
17 landing try              ended (completed), landing combining; Combine
18 landing combined 1       ended (completed), landing checking; Check
19 landing gates 1 h        ended (completed)
20 landing ended g passed   ended (completed)
21 landing ended h passed   ended (completed), landing bringing; Bring
22 landing brought 1        ended (completed), landing over, landed",
    );
}

#[test]
fn its_author_settles_a_conflict_as_often_as_is_granted_and_then_a_person() {
    check(
        "11 land 1 once, 12 landing try, 13 landing combined 1 conflict, 14 again, 15 admit, 16 started, 17 turn success, 18 exit 0, 19 landing try, 20 landing combined 1 conflict",
        "
11 land 1 once                  ended (completed), landing in line
12 landing try                  ended (completed), landing combining; Combine
13 landing combined 1 conflict  ended (completed), landing resolving
14 again                        queued, attempt 2
15 admit                        starting; Start
16 started                      running
17 turn success                 running; Snapshot turn
18 exit 0                       ended (completed), landing in line; Snapshot end
19 landing try                  ended (completed), landing combining; Combine
20 landing combined 1 conflict  ended (completed), landing over",
    );
    check(
        "11 land 1 once, 12 landing try, 13 landing combined 1 conflict, 14 again, 15 admit, 16 started, 18 exit 1",
        "
11 land 1 once                  ended (completed), landing in line
12 landing try                  ended (completed), landing combining; Combine
13 landing combined 1 conflict  ended (completed), landing resolving
14 again                        queued, attempt 2
15 admit                        starting; Start
16 started                      running
18 exit 1                       ended (completed), landing over; Snapshot end",
    );
    check(
        "11 land 1, 12 landing try, 13 landing combined 1 conflict",
        "
11 land 1                       ended (completed), landing in line
12 landing try                  ended (completed), landing combining; Combine
13 landing combined 1 conflict  ended (completed), landing over",
    );
}

#[test]
fn a_stop_takes_a_landing_out_of_the_line_until_the_target_is_being_moved() {
    check(
        "11 land 1, 12 stop, 13 land 2, 14 landing try, 15 landing combined 2, 16 stop, 17 land 3, 18 landing try, 19 landing combined 3, 20 landing gates 3, 21 stop, 22 landing brought 3",
        "
11 land 1              ended (completed), landing in line
12 stop                ended (completed), landing over
13 land 2              ended (completed), landing in line
14 landing try         ended (completed), landing combining; Combine
15 landing combined 2  ended (completed), landing checking; Check
16 stop                ended (completed), landing over
17 land 3              ended (completed), landing in line
18 landing try         ended (completed), landing combining; Combine
19 landing combined 3  ended (completed), landing checking; Check
20 landing gates 3     ended (completed), landing bringing; Bring
21 stop                ended (completed)
22 landing brought 3   ended (completed), landing over, landed",
    );
}

/// N-75: a protected target means a change.
#[test]
fn a_target_that_takes_changes_only_is_proposed_to_where_that_may_be() {
    let way = "11 land 1, 12 landing try, 13 landing combined 1, 14 landing gates 1";
    check(
        &format!("{way}, 15 landing brought 1 protected proposed, 16 op 1 proposed"),
        "
11 land 1                                ended (completed), landing in line
12 landing try                           ended (completed), landing combining; Combine
13 landing combined 1                    ended (completed), landing checking; Check
14 landing gates 1                       ended (completed), landing bringing; Bring
15 landing brought 1 protected proposed  ended (completed); Propose
16 op 1 proposed                         ended (completed), landing over",
    );
    check(
        &format!("{way}, 15 landing brought 1 protected"),
        "
11 land 1                       ended (completed), landing in line
12 landing try                  ended (completed), landing combining; Combine
13 landing combined 1           ended (completed), landing checking; Check
14 landing gates 1              ended (completed), landing bringing; Bring
15 landing brought 1 protected  ended (completed), landing over",
    );
}

#[test]
fn what_was_tried_on_anothers_tree_lands_only_when_that_has_and_its_failures_count_for_nothing() {
    let way = "11 land 1, 12 landing try on b, 13 landing combined 1, 14 landing gates 1 g";
    check(
        &format!("{way}, 15 landing ended g passed, 16 landing cleared b, 17 landing brought 1"),
        "
11 land 1                  ended (completed), landing in line
12 landing try on b        ended (completed), landing combining; Combine
13 landing combined 1      ended (completed), landing checking; Check
14 landing gates 1 g       ended (completed)
15 landing ended g passed  ended (completed)
16 landing cleared b       ended (completed), landing bringing; Bring
17 landing brought 1       ended (completed), landing over, landed",
    );
    check(
        &format!("{way}, 15 landing cleared b, 16 landing ended g passed"),
        "
11 land 1                  ended (completed), landing in line
12 landing try on b        ended (completed), landing combining; Combine
13 landing combined 1      ended (completed), landing checking; Check
14 landing gates 1 g       ended (completed)
15 landing cleared b       ended (completed)
16 landing ended g passed  ended (completed), landing bringing; Bring",
    );
    check(
        &format!(
            "{way}, 15 landing ended g failed, 16 landing try, 17 landing combined 1, 18 landing gates 1 h, 19 landing ended h failed"
        ),
        "
11 land 1                  ended (completed), landing in line
12 landing try on b        ended (completed), landing combining; Combine
13 landing combined 1      ended (completed), landing checking; Check
14 landing gates 1 g       ended (completed)
15 landing ended g failed  ended (completed), landing in line
16 landing try             ended (completed), landing combining; Combine
17 landing combined 1      ended (completed), landing checking; Check
18 landing gates 1 h       ended (completed)
19 landing ended h failed  ended (completed), landing over",
    );
    let landing = |way: &str| at(way).landing.unwrap();
    let back =
        landing(", 11 land 1, 12 landing try on b, 13 landing combined 1, 14 landing dropped b");
    assert!(back.waits && back.moves == 0 && back.tries == 1, "{back:?}");
    let anew = landing(", 11 land 1, 12 landing try on b, 13 landing dropped b, 14 landing try");
    assert!(!anew.waits && anew.tries == 2, "{anew:?}");
}

#[test]
fn gates_alone_move_nothing() {
    check(
        "11 gate 1, 12 landing try, 13 landing combined 1, 14 landing gates 1 g, 15 landing ended g passed, 16 landing brought 1, 17 land 2",
        "
11 gate 1                  ended (completed), landing in line
12 landing try             ended (completed), landing combining; Combine
13 landing combined 1      ended (completed), landing checking; Check
14 landing gates 1 g       ended (completed)
15 landing ended g passed  ended (completed), landing bringing; Bring
16 landing brought 1       ended (completed), landing over
17 land 2                  ended (completed), landing in line",
    );
}

#[test]
fn a_landing_that_came_to_nothing_is_told_until_something_else_becomes_of_the_work() {
    let failed = ", 11 land 1, 12 landing try, 13 landing combined 1, 14 landing gates 1 g, 15 landing ended g failed";
    let slug = |way: &str| at(way).unlanded.map(|unlanded| unlanded.slug.clone());

    assert_eq!(slug(failed).as_deref(), Some("gate-failed"));
    assert_eq!(slug(&format!("{failed}, 16 land 2")), None, "it is in line again");
    assert_eq!(slug(&format!("{failed}, 16 again")), None, "its agent is at it again");
    assert_eq!(slug(&format!("{failed}, 16 close 2")), None, "its env is given back");
    assert_eq!(slug(", 11 land 1, 12 stop"), None, "who stopped it knows");
    assert_eq!(
        slug(
            ", 11 gate 1, 12 landing try, 13 landing combined 1, 14 landing gates 1 g, 15 landing ended g failed"
        ),
        None,
        "nothing was to land"
    );
}
