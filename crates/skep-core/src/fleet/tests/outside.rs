//! Whose words a run works by, and who inherits that.

use super::*;
use crate::run::{Permissions, Trust};

fn begin(fleet: &mut Fleet, brief: Brief) -> Result<(), &'static str> {
    fleet.decide(create(brief), Timestamp(0)).map(drop).map_err(|rejected| rejected.slug)
}

#[test]
fn a_run_of_an_outside_task_is_outside_and_so_is_what_it_asks_for() {
    let mut fleet = fleet(Limits::default());
    let task = Task { trust: Trust::Outside, ..task("v") };
    fleet.decide(Input::AddTask(task.clone()), Timestamp(0)).unwrap();

    begin(&mut fleet, Brief { task: Some(task.id.clone()), ..brief("amber") }).unwrap();
    let amber = brief("amber").id;
    assert_eq!(fleet.runs[&amber].brief.trust, Trust::Outside);
    begin(&mut fleet, Brief { by: amber.to_string(), ..brief("beryl") }).unwrap();
    assert_eq!(fleet.runs[&brief("beryl").id].brief.trust, Trust::Outside);
    begin(&mut fleet, brief("coral")).unwrap();
    assert_eq!(fleet.runs[&brief("coral").id].brief.trust, Trust::Person);
}

#[test]
fn a_task_that_a_person_lifted_is_worked_on_as_their_own_by_its_next_run_and_not_by_the_one_before()
{
    // What never began ends at once.
    let mut fleet = fleet(Limits { runs: 0, ..Limits::default() });
    let task = Task { trust: Trust::Outside, ..task("v") };
    fleet.decide(Input::AddTask(task.clone()), Timestamp(0)).unwrap();
    let of = |name: &str| Brief { task: Some(task.id.clone()), ..brief(name) };
    let freely = |name: &str| Brief { permissions: Permissions::Bypass, ..of(name) };
    assert_eq!(begin(&mut fleet, freely("amber")), Err("outside-bypass"));
    begin(&mut fleet, of("amber")).unwrap();
    let amber = brief("amber").id;
    let end = Input::Run { run: amber.clone(), input: run::Input::Stop { force: false } };
    fleet.decide(end, Timestamp(1)).unwrap();

    let lift = || Input::LiftTask { task: task.id.clone() };
    assert_eq!(fleet.decide(lift(), Timestamp(2)).unwrap().events.len(), 1);
    assert_eq!(fleet.tasks[&task.id].trust, Trust::Person);
    assert!(fleet.decide(lift(), Timestamp(3)).unwrap().events.is_empty(), "twice is once");
    assert_eq!(fleet.runs[&amber].brief.trust, Trust::Outside, "it read the words unvouched for");
    begin(&mut fleet, Brief { by: amber.to_string(), ..brief("beryl") }).unwrap();
    assert_eq!(
        fleet.runs[&brief("beryl").id].brief.trust,
        Trust::Outside,
        "so does what it asks for"
    );
    begin(&mut fleet, freely("coral")).unwrap();
    assert_eq!(fleet.runs[&brief("coral").id].brief.trust, Trust::Person);

    let unknown = fleet.decide(Input::LiftTask { task: task_id("x") }, Timestamp(4));
    assert_eq!(unknown.unwrap_err().slug, "task-unknown");
}

#[test]
fn what_is_outside_is_never_worked_on_with_bypass() {
    let mut fleet = fleet(Limits::default());
    let bypass = Brief { permissions: Permissions::Bypass, ..brief("amber") };
    begin(&mut fleet, bypass.clone()).unwrap();
    let outside = Brief { trust: Trust::Outside, ..brief("beryl") };
    let refused = Brief { permissions: Permissions::Bypass, ..outside.clone() };
    assert_eq!(begin(&mut fleet, refused), Err("outside-bypass"));
    begin(&mut fleet, outside).unwrap();
    let below = Brief {
        by: brief("beryl").id.to_string(),
        permissions: Permissions::Bypass,
        ..brief("coral")
    };
    assert_eq!(begin(&mut fleet, below), Err("outside-bypass"), "it inherits");
}
