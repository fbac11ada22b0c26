//! Handing over: committed, pushed, once per head, and what happens when that does not go.

use super::*;

fn all_done(text: &str) -> World {
    let mut world = World::under_way(text);
    let all = world.version().projects().map(str::to_owned).collect::<Vec<_>>();
    for project in all {
        world.done(&project);
    }
    assert!(world.task().course.finalizing);
    world
}

fn published(head: &str) -> Found {
    Found::Published { head: head.to_owned(), remote: Some("origin".to_owned()) }
}

fn dirty() -> Found {
    Found::Dirty { files: vec!["a.rs".to_owned()] }
}

fn rejected() -> Found {
    Found::Rejected { text: "remote: no tabs".to_owned() }
}

#[test]
fn a_task_is_completed_when_the_head_of_every_part_is_handed_over() {
    let mut world = all_done(&document("api; web"));
    world.found(published("c1"));
    assert_eq!((world.state(), world.count("sub_plan_ready")), ("implementing", 1));
    world.found(published("c2"));
    assert_eq!((world.state(), world.count("sub_plan_ready")), ("completed", 2));
    world.replay();
}

#[test]
fn what_lies_about_is_committed_by_its_agent_and_then_for_it() {
    let mut world = all_done(&document("api"));
    let Some(Work::Finalize { message: None, .. }) = world.work.front() else {
        panic!("nothing is committed before the agent was asked: {:?}", world.work)
    };
    world.found(dirty());
    assert!(matches!(world.word(), Words::Commit { .. }));
    assert_eq!((world.state_of("api"), world.parts().as_str()), ("starting", "api completed"));
    world.done("api");
    let Some(Work::Finalize { message: Some(message), look: 2, .. }) = world.work.front() else {
        panic!("{:?}", world.work)
    };
    assert!(message.starts_with("It holds.\n"), "{message}");
    world.found(published("c1"));
    assert_eq!(world.state(), "completed");
    world.replay();
}

#[test]
fn still_dirty_is_an_error_that_can_be_tried_again() {
    let mut world = all_done(&document("api"));
    world.found(dirty());
    world.word();
    world.done("api");
    world.found(dirty());
    assert_eq!((world.state(), world.count("finalize_failed")), ("implementing", 1));
    assert!(world.task().course.failed.as_deref().unwrap().contains("a.rs"));
    assert_eq!(world.work.len(), 0);
    world.wish(Wish::Finalize).unwrap();
    world.found(published("c1"));
    assert_eq!((world.state(), world.task().course.failed.is_none()), ("completed", true));
    world.replay();
}

#[test]
fn an_agent_that_cannot_go_on_has_its_rest_committed_for_it() {
    let mut world = all_done(&document("api"));
    world.hear("api", "close 1 keep, op 1 closed");
    world.found(dirty());
    let Work::Word { task, run, .. } = world.next("word") else { unreachable!() };
    let words = Ok("commit it".to_owned());
    world.give(Input::Task { task, input: Wish::Worded { run, words } }).unwrap();
    assert!(matches!(world.work.front(), Some(Work::Finalize { message: Some(_), .. })));
}

#[test]
fn a_rejected_push_is_mended_once_and_then_shown() {
    let mut world = all_done(&document("api"));
    world.found(rejected());
    let Words::Mend { text } = world.word() else { panic!("no words") };
    assert_eq!(text, "remote: no tabs");
    world.done("api");
    world.found(published("c2"));
    assert_eq!(world.state(), "completed");

    let mut world = all_done(&document("api"));
    world.found(rejected());
    world.word();
    world.done("api");
    world.found(rejected());
    assert_eq!(world.state(), "implementing");
    assert_eq!(world.task().course.failed.as_deref(), Some("api: remote: no tabs"));
    assert_eq!(world.work.len(), 0);
    world.replay();
}

#[test]
fn finalizing_twice_on_one_head_hands_it_over_once() {
    let mut world = all_done(&document("api web"));
    world.found(published("c1"));
    world.found(Found::Failed { text: "no route".to_owned() });
    world.wish(Wish::Finalize).unwrap();
    world.found(published("c1"));
    assert_eq!(world.count("sub_plan_ready"), 1);
    world.found(published("c2"));
    assert_eq!((world.state(), world.count("sub_plan_ready")), ("completed", 2));
    // More of it: its new head is one more.
    world.hear("api", "again, started, turn success, exit 0");
    assert_eq!(world.state(), "implementing");
    world.found(published("c3"));
    world.found(published("c2"));
    assert_eq!((world.state(), world.count("sub_plan_ready")), ("completed", 3));
    assert_eq!(world.count("sub_plan_stands"), 2);
    world.replay();
}

#[test]
fn an_answer_to_a_look_that_is_over_changes_nothing() {
    let mut world = all_done(&document("api"));
    let Work::Finalize { task, run, look, .. } = world.next("finalize") else { unreachable!() };
    let found = |found| Wish::Found { run: run.clone(), look, found };
    world.give(Input::Task { task: task.clone(), input: found(published("c1")) }).unwrap();
    let before = world.fleet.tasks.clone();
    world.give(Input::Task { task, input: found(dirty()) }).unwrap();
    assert_eq!(world.fleet.tasks, before);
}

#[test]
fn an_archived_task_comes_back_to_where_it_was() {
    let mut world = all_done(&document("api"));
    assert_eq!(world.wish(Wish::Archive), Err("task-not-over"));
    world.found(published("c1"));
    world.wish(Wish::Archive).unwrap();
    assert_eq!(world.state(), "archived");
    world.wish(Wish::Archive).unwrap();
    world.wish(Wish::Unarchive).unwrap();
    assert_eq!(world.state(), "completed");
    assert_eq!(world.wish(Wish::Unarchive), Err("task-not-archived"));
    world.replay();
}

#[test]
fn a_task_goes_when_nothing_of_it_stands() {
    let mut world = all_done(&document("api"));
    let rm = || Input::RemoveTask { task: task_id("t"), force: None };
    assert_eq!(world.give(rm()), Err("task-held"));
    world.hear("api", "close 1 keep, op 1 closed");
    world.hear("planner", "close 2 keep, op 2 closed");
    world.give(rm()).unwrap();
    assert!(world.fleet.tasks.is_empty());
    world.replay();
}

#[test]
fn a_person_who_stops_the_putting_in_order_has_nothing_committed_for_it() {
    let mut world = all_done(&document("api"));
    world.found(dirty());
    world.word();
    world.hear("api", "started, stop, exit 143 forced");
    assert_eq!((world.state(), world.work.len()), ("implementing", 0));
    assert_eq!(world.task().course.failed.as_deref(), Some("api: its run was stopped"));
    world.wish(Wish::Finalize).unwrap();
    assert!(matches!(world.work.front(), Some(Work::Finalize { message: None, .. })));
    world.replay();
}

#[test]
fn who_puts_its_work_in_order_is_handed_over_when_that_is_done_whatever_came_between() {
    let mut world = World::under_way(&document("api web"));
    world.done("api");
    world.done("web");
    world.found(Found::Published { head: "c1".to_owned(), remote: None });
    world.found(Found::Dirty { files: vec!["a".to_owned()] });
    world.word();
    world.hear("web", "started");
    // Meanwhile a person has the other one go on, and all is handed over anew.
    world.hear("api", "again, started, turn success, exit 0");
    world.found(Found::Published { head: "c2".to_owned(), remote: None });
    assert_eq!(world.state(), "implementing", "one is still at work");
    world.hear("web", "turn success, exit 0");
    world.found(Found::Published { head: "d1".to_owned(), remote: None });
    assert_eq!(world.state(), "completed");
    world.replay();
}

/// N-72: a batch is merged once, when the last of it has landed, and not before.
#[test]
fn a_task_of_several_parts_is_merged_once_and_only_when_the_last_of_them_has_landed() {
    let mut world = all_done(&document("api; web"));
    world.found(published("c1"));
    world.found(published("c2"));
    let moves = world.count("task_moved");
    world.hear("api", "land 1, landing combined 1, landing gates 1, landing brought 1");
    assert_eq!((world.state(), world.count("task_moved")), ("completed", moves));
    world.hear("web", "land 2, landing combined 2, landing gates 2, landing brought 2");
    assert_eq!((world.state(), world.count("task_moved")), ("merged", moves + 1));
    // A report that comes twice, and a part that lands once more, say nothing new.
    world.hear(
        "web",
        "landing brought 2, land 3, landing combined 3, landing gates 3, landing brought 3",
    );
    assert_eq!((world.state(), world.count("task_moved")), ("merged", moves + 1));
    world.replay();
}
