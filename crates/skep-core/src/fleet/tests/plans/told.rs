//! What people are told of plans: that one waits, that a part of it failed, and once that all of it is done.

use super::*;
use crate::notice::{self, Channel, Rules};

impl World {
    fn tells(mut self) -> World {
        let channels = [("hook".to_owned(), Channel::default())].into();
        let rules = Rules { channels, ..Rules::default() };
        self.give(Input::Notice(notice::Input::Rules(rules))).unwrap();
        self
    }

    fn told(&self) -> Vec<&'static str> {
        let mut all = self.fleet.notices.newest();
        all.reverse();
        all.iter().map(|kept| kept.notice.kind.as_str()).collect()
    }
}

#[test]
fn a_plan_that_waits_is_told_and_is_not_worth_telling_once_it_is_approved() {
    let mut world = World::new().tells();
    world.plan().unwrap();
    world.draft(&document("api; web ops"));
    assert_eq!(world.told(), ["plan"]);
    let kept = |world: &World| world.fleet.notices.newest()[0].clone();
    assert!(world.fleet.is_open(&kept(&world)));
    world.approve().unwrap();
    assert!(!world.fleet.is_open(&kept(&world)));
    world.replay();
}

#[test]
fn a_task_is_told_completed_once_when_the_last_of_its_parts_is() {
    let mut world = World::under_way(&document("api; web")).tells();
    for project in ["api", "web"] {
        world.done(project);
    }
    let published =
        |head: &str| Found::Published { head: head.to_owned(), remote: Some("origin".to_owned()) };
    world.found(published("c1"));
    assert!(world.told().is_empty(), "half of it is nothing to tell");
    world.found(published("c2"));
    assert_eq!((world.state(), world.told()), ("completed", vec!["task_completed"]));
    world.later(100_000);
    assert_eq!(world.told(), ["task_completed"]);
    world.replay();
}

#[test]
fn a_part_that_fails_is_told_by_its_task_and_a_blocked_one_otherwise() {
    let mut world = World::under_way(&document("api web")).tells();
    world.hear("api", "started, turn failed, exit 1");
    world.hear("web", "started, claims blocked, turn success, exit 0");
    assert_eq!(world.told(), ["task_failed", "blocked"]);
    world.replay();
}
