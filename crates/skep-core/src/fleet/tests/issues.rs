//! Scenes of issues: one run at each, given back when it is over.

use super::*;
use crate::run::Hold;

const A: &str = "0 create a issue ada/web#12, 1 a prepared, 2 a started, 9 a exit 7";

fn hold(fleet: &Fleet) -> &Hold {
    &run(fleet, "a").hold
}

fn refused(fleet: &mut Fleet, line: &str) -> Rejected {
    let (secs, text) = line.split_once(' ').unwrap();
    let now = seconds(secs);
    fleet.decide(input_of(fleet, text, now), now).unwrap_err()
}

fn go_on(fleet: &mut Fleet, script: &str) {
    for line in script.split(", ") {
        let told = play(fleet, line);
        assert!(!told.starts_with("rejected"), "{line}: {told}");
    }
}

#[test]
fn a_second_run_at_an_issue_is_refused_while_one_lives_or_its_env_stands() {
    let mut fleet = after(TWO, "0 create a issue ada/web#12, 0 create c issue ada/web#13");
    let living = refused(&mut fleet, "1 create b issue Ada/Web#12");
    assert_eq!(living.slug, "issue-taken");
    assert!(living.text.contains("is at `Ada/Web#12` already"), "{}", living.text);
    go_on(&mut fleet, "1 a prepared, 2 a started, 9 a exit 0");
    let standing = refused(&mut fleet, "10 create b issue ada/web#12");
    assert_eq!(standing.slug, "issue-taken");
    assert!(standing.text.contains("its env stands"), "{}", standing.text);
    assert!(standing.hints.iter().any(|hint| hint.contains("--keep-branch")));
    go_on(&mut fleet, "11 a close 9, 12 a op 9 closed, 13 create b issue ada/web#12");
}

#[test]
fn an_issue_is_given_back_once_when_nothing_of_the_run_stands_any_more() {
    check(
        ONE,
        "0 create a issue ada/web#12, 1 a prepared, 2 a started, 9 a exit 7, 10 a close 9, 11 a op 9 closed, 12 a issue-left",
        "
0 create a issue ada/web#12  a preparing, env preparing; Prepare
1 a prepared                 a starting, env held; Start
2 a started                  a running
9 a exit 7                   a ended (failed: agent-exit); Snapshot end
10 a close 9                 a ended (failed: agent-exit), env closing; Close
11 a op 9 closed             a ended (failed: agent-exit), env closed; LeaveIssue
12 a issue-left",
    );
    let fleet = after(ONE, &format!("{A}, 10 a close 9, 11 a op 9 closed"));
    assert_eq!(*hold(&fleet), Hold::Leaving { tries: 0 });
    let fleet = after(ONE, &format!("{A}, 10 a close 9, 11 a op 9 closed, 12 a issue-left"));
    assert_eq!(*hold(&fleet), Hold::Free);
}

#[test]
fn an_issue_that_could_not_be_given_back_is_tried_again_and_a_new_attempt_takes_it_anew() {
    let failed = "0 create a issue ada/web#12, 1 a prepare-failed user refused, 2 a issue-left not";
    let mut fleet = after(ONE, failed);
    assert_eq!(fleet.next_wake(), Some(seconds("12")));
    assert_eq!(play(&mut fleet, "12 tick"), "a ended (failed: prepare); LeaveIssue");
    go_on(&mut fleet, "13 a issue-left not");
    assert_eq!(fleet.next_wake(), Some(seconds("33")));
    go_on(&mut fleet, "14 a again");
    assert_eq!(*hold(&fleet), Hold::Asked);
    // The word on the try before comes late, and takes nothing away.
    go_on(&mut fleet, "15 a issue-left");
    assert_eq!(*hold(&fleet), Hold::Asked);
}

#[test]
fn a_run_does_not_go_on_at_an_issue_that_another_has_taken_up() {
    let mut fleet = after(ONE, "0 create a issue ada/web#12, 1 a prepare-failed user refused");
    go_on(&mut fleet, "12 create b issue ada/web#12");
    assert_eq!(refused(&mut fleet, "13 a again").slug, "issue-taken");
}

#[test]
fn a_run_writes_so_many_comments_below_its_issue_and_the_same_one_is_never_one_more() {
    let mut fleet = after(ONE, "0 create a issue ada/web#12, 1 a prepared, 2 a started");
    for nth in 0..crate::run::issue::COMMENTS {
        go_on(&mut fleet, &format!("3 a comment c{nth}, 3 a comment c{nth}"));
    }
    let before = run(&fleet, "a").clone();
    assert_eq!(before.comments.len(), crate::run::issue::COMMENTS);
    assert_eq!(refused(&mut fleet, "4 a comment another").slug, "issue-comments");
    go_on(&mut fleet, "4 a comment c0");
    assert_eq!(run(&fleet, "a").comments, before.comments);
    let mut alone = after(ONE, "0 create a, 1 a prepared, 2 a started");
    assert_eq!(refused(&mut alone, "3 a comment c").slug, "misplaced");
}

const UUID: &str = "4e1a92c7-0000-4000-8000-000000000001";

/// A fleet with a task of skep's that is one of Taskwarrior's.
fn tracked() -> Fleet {
    let mut fleet = fleet(TWO);
    let reference = Some(format!("tw:{UUID}"));
    let task = Task { reference, ..task("w") };
    fleet.decide(Input::AddTask(task), Timestamp(0)).unwrap();
    fleet
}

#[test]
fn at_a_task_of_taskwarriors_there_is_one_run_whichever_way_it_came() {
    for short in [UUID, "4e1a92c7"] {
        let mut fleet = tracked();
        go_on(&mut fleet, "0 create a for w");
        let second = refused(&mut fleet, &format!("1 create b issue tw:{short}"));
        assert_eq!(second.slug, "issue-taken", "{short}: {}", second.text);
        let mut fleet = tracked();
        go_on(&mut fleet, &format!("0 create a issue tw:{short}"));
        let second = refused(&mut fleet, "1 create b for w");
        assert_eq!(second.slug, "issue-taken", "{short}: {}", second.text);
        go_on(&mut fleet, "1 create c issue tw:5e1a92c7, 1 create d");
    }
}

#[test]
fn trackers_tell_no_capitals_apart_and_files_do() {
    let mut fleet = after(TWO, "0 create a issue ada/web#12, 0 create b issue dir:notes#a");
    assert_eq!(refused(&mut fleet, "1 create c issue ADA/Web#12").slug, "issue-taken");
    go_on(&mut fleet, "1 create c issue dir:notes#A");
}
