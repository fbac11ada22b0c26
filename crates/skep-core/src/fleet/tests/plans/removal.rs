//! A task that goes while its runs are at work, and what it may need.

use super::*;

fn rm(op: u8) -> Input {
    Input::RemoveTask { task: task_id("t"), force: Some(crate::run::tests::script::op(op)) }
}

#[test]
fn a_task_that_is_removed_by_force_gives_up_all_its_runs_at_once_and_begins_no_other() {
    let mut world = World::under_way(&document("api; web"));
    let of_it = |world: &World| world.fleet.runs.values().filter(|run| !run.is_ended()).count();
    assert!(of_it(&world) >= 1);
    world.work.clear();
    world.give(rm(1)).unwrap();
    assert!(world.fleet.tasks.is_empty());
    assert!(world.work.is_empty(), "nothing is begun because one of its runs ends");
    let stops = |run: &Arc<Run>| {
        run.is_ended()
            || matches!(run.state, run::State::Stopping { .. } | run::State::Preparing { .. })
    };
    assert!(world.fleet.runs.values().all(stops));
    let closes = |run: &Arc<Run>| run.is_ended() || run.then_close.is_some();
    assert!(world.fleet.runs.values().all(closes), "and each is closed at its end");
    world.replay();
    assert_eq!(world.give(rm(2)), Err("task-unknown"));
}

#[test]
fn what_a_task_needs_is_there_and_does_not_need_it() {
    let mut world = World::new();
    for name in ["u", "v"] {
        world.give(Input::AddTask(task(name))).unwrap();
    }
    let needs = |of: &str, needs: &[&str]| {
        let needs = Some(needs.iter().map(|name| task_id(name)).collect());
        let input = Wish::Amend { title: None, body: None, priority: None, needs };
        Input::Task { task: task_id(of), input }
    };
    world.give(needs("u", &["t"])).unwrap();
    world.give(needs("v", &["u"])).unwrap();
    assert_eq!(world.give(needs("t", &["v"])), Err("task-needs-itself"));
    assert_eq!(world.give(needs("t", &["t"])), Err("task-needs-itself"));
    assert_eq!(world.give(needs("t", &["w"])), Err("task-unknown"));
    assert_eq!(world.give(rm(1)), Err("task-needed"));
    world.give(needs("u", &[])).unwrap();
    world.give(rm(1)).unwrap();
    assert_eq!(world.fleet.tasks.len(), 2);
    world.replay();
}
