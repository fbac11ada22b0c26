//! Scenes of cascades: who may have how many work for it, and what they may spend.

use super::*;
use crate::{
    budget::Budget,
    run::{Lineage, Posture, Trust},
};

fn first(name: &str, depth: Option<u8>) -> Brief {
    let lineage = depth.map(|depth| Lineage { parent: None, root: id(name), depth });
    Brief { posture: Posture::Cascade, lineage, ..brief(name) }
}

/// What `parent` asks for, as the door makes it.
fn child(fleet: &Fleet, name: &str, parent: &str) -> Result<Brief, Rejected> {
    let (lineage, posture) = fleet.next_generation(&id(parent))?;
    Ok(of(name, lineage, posture, parent))
}

fn of(name: &str, lineage: Lineage, posture: Posture, parent: &str) -> Brief {
    Brief { posture, lineage: Some(lineage), by: id(parent).to_string(), ..brief(name) }
}

fn begin(fleet: &mut Fleet, brief: Brief) -> Result<(), Rejected> {
    fleet.decide(create(brief), Timestamp(1_000)).map(drop)
}

fn spawn(fleet: &mut Fleet, name: &str, parent: &str) -> Result<(), Rejected> {
    let brief = child(fleet, name, parent)?;
    begin(fleet, brief)
}

fn depth(fleet: &Fleet, name: &str) -> (u8, &'static str) {
    let run = run(fleet, name);
    (run.brief.lineage.as_ref().unwrap().depth, run.brief.posture.as_str())
}

fn refused(result: Result<(), Rejected>) -> String {
    let refused = result.unwrap_err();
    assert_eq!(refused.slug, "cascade-limit", "{refused}");
    refused.text
}

#[test]
fn each_generation_may_have_one_less_follow_it_and_the_last_has_none() {
    let mut fleet = fleet(ONE);
    begin(&mut fleet, first("amber", None)).unwrap();
    assert_eq!(depth(&fleet, "amber"), (3, "cascade"));
    spawn(&mut fleet, "beryl", "amber").unwrap();
    assert_eq!(depth(&fleet, "beryl"), (2, "cascade"));
    spawn(&mut fleet, "coral", "beryl").unwrap();
    assert_eq!(depth(&fleet, "coral"), (1, "cascade"));
    spawn(&mut fleet, "dune", "coral").unwrap();
    assert_eq!(depth(&fleet, "dune"), (0, "headless"));
    let none = spawn(&mut fleet, "ember", "dune").unwrap_err();
    assert_eq!(none.slug, "cascade-posture", "who works alone may have nobody work for it");
    let lineage = Lineage { parent: Some(id("coral")), root: id("amber"), depth: 3 };
    let text = refused(begin(&mut fleet, of("ember", lineage, Posture::Cascade, "coral")));
    assert!(text.contains("only a last generation"), "{text}");
    let all: Vec<&str> =
        fleet.all_that_came_of(&id("amber")).iter().map(|run| run.brief.name.as_str()).collect();
    assert_eq!(all, ["beryl", "coral", "dune"]);
}

#[test]
fn what_is_asked_for_only_narrows_and_nobody_says_of_itself_where_it_stands() {
    let mut fleet = fleet(ONE);
    begin(&mut fleet, first("amber", Some(9))).unwrap();
    assert_eq!(depth(&fleet, "amber"), (5, "cascade"), "five are the most");
    for (name, asked, granted) in [("beryl", 1, 1), ("coral", 200, 4)] {
        let root = id(name);
        let lineage = Lineage { parent: Some(id("amber")), root, depth: asked };
        begin(&mut fleet, of(name, lineage, Posture::Cascade, "amber")).unwrap();
        let lineage = run(&fleet, name).brief.lineage.clone().unwrap();
        assert_eq!((lineage.depth, lineage.root), (granted, id("amber")));
    }
    let lineage = Lineage { parent: None, root: id("amber"), depth: 3 };
    begin(&mut fleet, of("dune", lineage, Posture::Headless, "amber")).unwrap();
    assert_eq!(run(&fleet, "dune").brief.lineage, None, "one that no run asked for is in no line");
}

#[test]
fn how_many_work_for_one_and_for_all_is_counted_whatever_became_of_them() {
    let mut fleet = fleet(ONE);
    let cascade = run::lineage::Cascade { depth: 3, breadth: 2, total: 3 };
    fleet.decide(Input::Limits(Limits { cascade, ..ONE }), Timestamp(0)).unwrap();
    begin(&mut fleet, first("amber", None)).unwrap();
    spawn(&mut fleet, "beryl", "amber").unwrap();
    let stop = input("stop", run(&fleet, "beryl"), Timestamp(2_000));
    fleet.decide(Input::Run { run: id("beryl"), input: stop }, Timestamp(2_000)).unwrap();
    assert_eq!(fleet.left_for(run(&fleet, "amber")), (1, 2));
    spawn(&mut fleet, "coral", "amber").unwrap();
    let text = refused(spawn(&mut fleet, "dune", "amber"));
    assert!(text.contains("has had 2 runs work for it, and 2 are all"), "{text}");
    spawn(&mut fleet, "dune", "coral").unwrap();
    let text = refused(spawn(&mut fleet, "ember", "coral"));
    assert!(text.contains("3 runs came of") && text.contains("and 3 are all"), "{text}");
    // One that was asked for when there was room is counted where it begins.
    let late = of(
        "ember",
        Lineage { parent: Some(id("coral")), root: id("amber"), depth: 1 },
        Posture::Headless,
        "coral",
    );
    refused(begin(&mut fleet, late));
}

#[test]
fn who_is_over_or_was_stopped_has_nobody_work_for_it_any_more_nor_have_those_that_came_of_it() {
    let mut fleet = fleet(TWO);
    begin(&mut fleet, first("amber", None)).unwrap();
    spawn(&mut fleet, "beryl", "amber").unwrap();
    for words in ["prepared", "began", "started", "stop"] {
        let now = Timestamp(3_000);
        let given = input(words, run(&fleet, "amber"), now);
        fleet.decide(Input::Run { run: id("amber"), input: given }, now).unwrap();
    }
    let text = refused(spawn(&mut fleet, "coral", "amber"));
    assert!(text.contains("is stopping"), "{text}");
    let text = refused(spawn(&mut fleet, "coral", "beryl"));
    assert!(text.contains("was stopped"), "{text}");
    assert_eq!(run(&fleet, "beryl").state_name(), "preparing", "but its work goes on");
}

#[test]
fn words_from_outside_stay_so_for_all_that_come_of_a_run() {
    let mut fleet = fleet(ONE);
    let brief = Brief { trust: Trust::Outside, ..first("amber", None) };
    begin(&mut fleet, brief).unwrap();
    spawn(&mut fleet, "beryl", "amber").unwrap();
    spawn(&mut fleet, "coral", "beryl").unwrap();
    assert_eq!(run(&fleet, "coral").brief.trust, Trust::Outside);
    let bypass =
        Brief { permissions: run::Permissions::Bypass, ..child(&fleet, "dune", "beryl").unwrap() };
    assert_eq!(begin(&mut fleet, bypass).unwrap_err().slug, "outside-bypass");
}

#[test]
fn all_that_came_of_a_run_spend_from_its_budget_and_are_stopped_with_it_when_that_is_spent() {
    let mut fleet = fleet(Limits { runs: 3, ..TWO });
    let budget = Budget { tokens: Some(100), ..Budget::default() };
    begin(&mut fleet, Brief { budget, ..first("amber", None) }).unwrap();
    spawn(&mut fleet, "beryl", "amber").unwrap();
    begin(&mut fleet, brief("fern")).unwrap();
    let mut say = |name: &str, words: &str| {
        let now = Timestamp(3_000);
        let given = input(words, run(&fleet, name), now);
        fleet.decide(Input::Run { run: id(name), input: given }, now).unwrap();
        fleet.clone()
    };
    for name in ["amber", "beryl", "fern"] {
        for words in ["prepared", "began", "started"] {
            say(name, words);
        }
    }
    let world = say("beryl", "usage 60");
    assert_eq!(run(&world, "beryl").state_name(), "running", "60 of 100");
    let world = say("amber", "usage 50");
    let states = ["amber", "beryl", "fern"].map(|name| run(&world, name).state_name());
    assert_eq!(states, ["stopping", "stopping", "running"], "nobody else pays for them");
    let text = refused(spawn(&mut fleet, "coral", "amber"));
    assert!(text.contains("stopping"), "{text}");
}
