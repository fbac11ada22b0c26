//! Scenes of parts that are reviewed: what is found, mended, tried again, and decided by a person.

use super::*;
use crate::{
    review::{Critique, Severity, Threshold},
    task::{CycleState, Said},
};

fn rules() -> task::Rules {
    task::Rules { cycles: 3, threshold: Threshold::MinorOk, auto: true, foreman: false }
}

fn critique(severity: Severity) -> Critique {
    Critique {
        severity,
        file: Some("src/a.rs".to_owned()),
        line: Some(3),
        text: "it leaks".to_owned(),
        suggestion: None,
        by: None,
    }
}

fn verdict(critiques: &[Severity]) -> Said {
    let critiques = critiques.iter().map(|severity| critique(*severity)).collect();
    Said { critiques: Some(critiques), touched: Vec::new() }
}

fn published(head: &str) -> Found {
    Found::Published { head: head.to_owned(), remote: None }
}

impl World {
    /// A task whose first wave is under way, and whose parts are reviewed.
    fn reviewed_by(text: &str, rules: task::Rules) -> World {
        let mut world = World::approved(text);
        world.rules = rules;
        world.implement().unwrap();
        world.begin();
        for project in world.version().projects().map(str::to_owned).collect::<Vec<_>>() {
            world.hear(&project, "prepared");
        }
        world
    }

    /// The author of a part is done, and what it did stands at `head`.
    fn coded(&mut self, project: &str, head: &str) {
        self.done(project);
        self.found(published(head));
    }

    /// The reviewer of a part works to its end; what it says is not read yet.
    fn looked_at(&mut self, project: &str) {
        self.begin();
        let who = format!("{project}-review");
        self.hear(&who, "prepared, started, turn success, exit 0");
    }

    fn said(&mut self, said: Result<Said, String>) {
        let Work::ReadReview { task, run, .. } = self.next("read_review") else { unreachable!() };
        self.give(Input::Task { task, input: Wish::Reviewed { run, said } }).unwrap();
    }

    /// A whole cycle: the reviewer of a part says this.
    fn cycle(&mut self, project: &str, critiques: &[Severity]) {
        self.looked_at(project);
        self.said(Ok(verdict(critiques)));
    }

    /// The author heard what is to be mended, and has mended it.
    fn mended(&mut self, project: &str, head: &str) {
        assert!(matches!(self.word(), Words::Rework { .. }));
        self.hear(project, "started, turn success, exit 0");
        self.found(published(head));
    }

    fn cycles(&self, project: &str) -> String {
        let cycles = &self.version().parts[project].reviews.cycles;
        let each = cycles.iter().map(|cycle| format!("{} {}", cycle.number, cycle.state.as_str()));
        each.collect::<Vec<_>>().join(", ")
    }
}

#[test]
fn a_part_is_reviewed_at_the_commit_that_its_author_left_and_passes() {
    let mut world = World::reviewed_by(&document("api"), rules());
    world.done("api");
    let Some(Work::Finalize { stays, .. }) = world.work.front() else { panic!() };
    assert!(stays, "nothing is pushed before it is reviewed");
    world.found(published("c1"));
    let Some(Work::Brief { purpose: Purpose::Review { project, cycle, head }, .. }) =
        world.work.front()
    else {
        panic!("{:?}", world.work)
    };
    assert_eq!((project.as_str(), *cycle, head.as_str()), ("api", 1, "c1"));
    assert_eq!(world.parts(), "api in_progress");
    let author = world.run("api");
    world.cycle("api", &[Severity::Nit, Severity::Minor]);
    assert_eq!(
        (world.parts().as_str(), world.cycles("api").as_str()),
        ("api completed", "1 passed")
    );
    assert_eq!(world.run("api"), author, "a reviewer is never the author of a part");
    world.found(published("c1"));
    assert_eq!(world.state(), "completed");
    world.replay();
}

#[test]
fn what_a_reviewer_needs_no_more_is_given_back() {
    let mut world = World::reviewed_by(&document("api"), rules());
    world.coded("api", "c1");
    world.cycle("api", &[]);
    let run = &world.fleet.runs[&world.run("api-review")];
    assert!(matches!(run.env, EnvState::Closing { .. }), "{:?}", run.env);
}

/// Case O-41.
#[test]
fn reviews_are_counted_and_three_that_find_something_are_two_reworks_and_a_person() {
    let mut world = World::reviewed_by(&document("api"), rules());
    world.coded("api", "c1");
    for head in ["c2", "c3"] {
        world.cycle("api", &[Severity::Major]);
        assert_eq!(world.parts(), "api in_progress");
        // A restart in the middle counts nothing anew.
        world.replay();
        world.mended("api", head);
    }
    world.cycle("api", &[Severity::Major]);
    assert_eq!(world.parts(), "api escalated");
    assert_eq!(world.cycles("api"), "1 reimplementing, 2 reimplementing, 3 critiques_found");
    assert_eq!((world.count("review_started"), world.count("rework_asked")), (3, 2));
    assert_eq!(world.state(), "reviewing");
    assert!(world.work.is_empty(), "{:?}", world.work);
    world.replay();
}

/// Case O-42.
#[test]
fn a_cycle_that_was_broken_off_keeps_its_number_and_uses_up_nothing() {
    let mut world = World::reviewed_by(&document("api"), rules());
    world.coded("api", "c1");
    world.cycle("api", &[Severity::Major]);
    world.mended("api", "c2");
    world.begin();
    world.hear("api-review", "prepared, started, stop, exit 143 forced");
    let reviews = &world.version().parts["api"].reviews;
    assert_eq!((reviews.used(), world.cycles("api").as_str()), (1, "1 reimplementing, 2 failed"));
    assert_eq!((world.parts().as_str(), world.state()), ("api pending", "implementing"));
    // It goes on where it was: only the review is made again.
    world.implement().unwrap();
    world.found(published("c2"));
    assert_eq!(world.cycles("api"), "1 reimplementing, 2 failed, 3 reviewing");
    assert_eq!(world.version().parts["api"].reviews.used(), 2);
    world.cycle("api", &[]);
    assert_eq!(world.parts(), "api completed");
    world.replay();
}

/// Case O-43.
#[test]
fn without_automatic_feedback_a_person_decides_at_once() {
    let mut world = World::reviewed_by(&document("api"), task::Rules { auto: false, ..rules() });
    world.coded("api", "c1");
    world.cycle("api", &[Severity::Major]);
    assert_eq!((world.parts().as_str(), world.state()), ("api escalated", "reviewing"));
    let open: Vec<Severity> =
        world.version().parts["api"].reviews.open().map(|critique| critique.severity).collect();
    assert_eq!(open, [Severity::Major], "what was found is kept");
}

/// Case O-38.
#[test]
fn no_verdict_is_asked_for_once_and_never_passes() {
    let mut world = World::reviewed_by(&document("api"), rules());
    world.coded("api", "c1");
    world.looked_at("api");
    world.said(Ok(Said::default()));
    assert!(matches!(world.word(), Words::Verdict {}));
    world.hear("api-review", "started, turn success, exit 0");
    world.said(Ok(Said::default()));
    assert_eq!(
        (world.parts().as_str(), world.cycles("api").as_str()),
        ("api escalated", "1 failed")
    );
    assert_eq!(world.version().parts["api"].text.as_deref(), Some("its reviewer gave no verdict"));
}

/// Case O-45.
#[test]
fn a_reviewer_that_changed_something_fails_the_cycle_whatever_it_says() {
    let mut world = World::reviewed_by(&document("api"), rules());
    world.coded("api", "c1");
    world.looked_at("api");
    world.said(Ok(Said { critiques: Some(Vec::new()), touched: vec!["src/a.rs".to_owned()] }));
    assert_eq!(
        (world.parts().as_str(), world.cycles("api").as_str()),
        ("api escalated", "1 failed")
    );
    let text = world.version().parts["api"].text.clone().unwrap();
    assert_eq!(text, "its reviewer left changes: src/a.rs");
    assert_eq!(world.count("word"), 0);
}

#[test]
fn a_reviewer_that_fails_is_followed_by_another_as_long_as_there_is_one_to_spend() {
    let mut world = World::reviewed_by(&document("api"), task::Rules { cycles: 2, ..rules() });
    world.coded("api", "c1");
    world.begin();
    world.hear("api-review", "prepared, started, turn failed, exit 1");
    assert_eq!(world.cycles("api"), "1 failed, 2 reviewing");
    world.begin();
    world.hear("api-review", "prepared, started, turn failed, exit 1");
    assert_eq!(
        (world.parts().as_str(), world.cycles("api").as_str()),
        ("api escalated", "1 failed, 2 failed")
    );
}

#[test]
fn a_reviewer_that_cannot_be_begun_wants_a_person_and_touches_nothing() {
    let mut world = World::reviewed_by(&document("api"), rules());
    world.coded("api", "c1");
    let Work::Brief { task, run, .. } = world.next("brief") else { unreachable!() };
    let begun = Err("no agent is installed".to_owned());
    world.give(Input::Begin { task, run, begun, warnings: Vec::new() }).unwrap();
    assert_eq!(world.parts(), "api escalated");
    assert_eq!(world.version().parts["api"].text.as_deref(), Some("no agent is installed"));
}

#[test]
fn what_is_not_committed_is_committed_before_it_is_reviewed() {
    let mut world = World::reviewed_by(&document("api"), rules());
    world.done("api");
    world.found(Found::Dirty { files: vec!["a".to_owned()] });
    assert!(matches!(world.word(), Words::Commit { .. }));
    world.hear("api", "started, turn success, exit 0");
    let Some(Work::Finalize { message, stays, .. }) = world.work.front() else { panic!() };
    assert!(message.is_some() && *stays, "what it left now is committed for it");
    world.found(published("c1"));
    world.cycle("api", &[]);
    assert_eq!(world.parts(), "api completed");
}

/// Cases O-31 and O-68.
#[test]
fn who_takes_an_escalated_part_as_it_is_has_it_handed_over_before_all_is_done() {
    let mut world =
        World::reviewed_by(&document("api; web<api"), task::Rules { auto: false, ..rules() });
    world.coded("api", "c1");
    world.cycle("api", &[Severity::Critical]);
    assert_eq!(
        (world.parts().as_str(), world.state()),
        ("api escalated, web pending", "reviewing")
    );
    let accept = |world: &mut World, project: &str| {
        let (project, text, by) = (project.to_owned(), String::new(), "ada".to_owned());
        world.wish(Wish::Accept { project, text, by })
    };
    assert_eq!(accept(&mut world, "web"), Err("part-not-escalated"));
    assert_eq!(accept(&mut world, "ops"), Err("part-unknown"));
    accept(&mut world, "api").unwrap();
    assert_eq!(
        (world.parts().as_str(), world.state()),
        ("api completed, web in_progress", "implementing")
    );
    assert_eq!(world.version().parts["api"].reviews.accepted.as_deref(), Some("ada"));
    world.coded("web", "d1");
    world.cycle("web", &[]);
    assert_eq!(world.state(), "implementing", "nothing is done that is not handed over");
    world.found(published("c1"));
    world.found(published("d1"));
    assert_eq!(world.state(), "completed");
    world.replay();
}

#[test]
fn who_sends_an_escalated_part_back_grants_it_one_more_round() {
    let mut world = World::reviewed_by(&document("api"), task::Rules { cycles: 1, ..rules() });
    world.coded("api", "c1");
    world.cycle("api", &[Severity::Major]);
    assert_eq!(world.parts(), "api escalated");
    let (project, by) = ("api".to_owned(), "ada".to_owned());
    let text = "keep the old name".to_owned();
    world.wish(Wish::Return { project, text, by }).unwrap();
    let Words::Rework { critiques } = world.word() else { panic!() };
    let said: Vec<(&str, Option<&str>)> =
        critiques.iter().map(|it| (it.text.as_str(), it.by.as_deref())).collect();
    assert_eq!(said, [("it leaks", None), ("keep the old name", Some("ada"))]);
    world.hear("api", "started, turn success, exit 0");
    world.found(published("c2"));
    world.cycle("api", &[Severity::Major]);
    assert_eq!(world.parts(), "api escalated", "one round, and no more");
    let (project, by) = ("api".to_owned(), "ada".to_owned());
    world.wish(Wish::Return { project, text: String::new(), by }).unwrap();
    assert_eq!((world.parts().as_str(), world.state()), ("api failed", "failed"));
    world.replay();
}

#[test]
fn what_a_person_says_of_a_diff_is_mended_like_what_a_reviewer_found() {
    let mut world = World::reviewed_by(&document("api"), rules());
    let by_person = Critique { by: Some("ada".to_owned()), ..critique(Severity::Major) };
    let comment = Wish::Comment { project: "api".to_owned(), critique: by_person };
    world.wish(comment).unwrap();
    world.coded("api", "c1");
    world.cycle("api", &[]);
    assert_eq!(world.parts(), "api in_progress", "what a person said holds it back");
    world.mended("api", "c2");
    world.cycle("api", &[]);
    assert_eq!(world.parts(), "api completed");
    let reviews = &world.version().parts["api"].reviews;
    assert!(reviews.open().next().is_none(), "it was looked at again");
    world.replay();
}

#[test]
fn a_part_that_is_done_is_reviewed_again_where_a_person_asks() {
    let mut world = World::reviewed_by(&document("api"), task::Rules { cycles: 1, ..rules() });
    let ask = |world: &mut World| world.wish(Wish::Review { project: "api".to_owned() });
    assert_eq!(ask(&mut world), Err("part-not-reviewable"));
    world.coded("api", "c1");
    assert_eq!(ask(&mut world), Err("part-not-reviewable"));
    world.cycle("api", &[]);
    world.found(published("c1"));
    assert_eq!(world.state(), "completed");
    ask(&mut world).unwrap();
    assert_eq!(world.state(), "implementing");
    world.found(published("c1"));
    world.cycle("api", &[]);
    world.found(published("c1"));
    assert_eq!((world.state(), world.cycles("api").as_str()), ("completed", "1 passed, 2 passed"));
    world.replay();
}

/// Case O-35.
#[test]
fn another_try_is_at_what_is_missing_and_at_nothing_else() {
    // A review that was stopped: it alone is made again.
    let mut world = World::reviewed_by(&document("api"), rules());
    world.coded("api", "c1");
    world.begin();
    world.hear("api-review", "prepared, started, stop, exit 143 forced");
    world.implement().unwrap();
    world.found(published("c1"));
    assert!(matches!(
        world.work.front(),
        Some(Work::Brief { purpose: Purpose::Review { .. }, .. })
    ));
    // A review that found something, and whose author was stopped over it: it mends.
    let mut world = World::reviewed_by(&document("api"), rules());
    world.coded("api", "c1");
    world.cycle("api", &[Severity::Major]);
    world.word();
    world.hear("api", "started, stop, exit 143 forced");
    world.implement().unwrap();
    assert_eq!(world.parts(), "api in_progress");
    assert_eq!(world.state_of("api"), "starting");
    assert_eq!(world.count("review_started"), 1);
}

#[test]
fn a_review_keeps_neither_its_siblings_nor_the_hands_of_others_waiting() {
    let mut world = World::reviewed_by(&document("api web"), rules());
    world.coded("api", "c1");
    assert_eq!(world.state_of("web"), "starting");
    world.begin();
    world.coded("web", "d1");
    assert_eq!(
        (world.cycles("api"), world.cycles("web")),
        ("1 reviewing".into(), "1 reviewing".into())
    );
    world.cycle("web", &[]);
    assert_eq!(world.parts(), "api in_progress, web completed");
}

#[test]
fn a_cycle_goes_only_where_its_table_lets_it() {
    let mut lines = Vec::new();
    for from in CycleState::ALL {
        let to: Vec<&str> = CycleState::ALL
            .into_iter()
            .filter(|to| from.may_become(*to))
            .map(CycleState::as_str)
            .collect();
        lines.push(format!("{}: {}", from.as_str(), to.join(" ")));
    }
    assert_eq!(
        lines.join("\n"),
        "reviewing: critiques_found passed failed
critiques_found: reimplementing failed
reimplementing: reviewing failed
passed: 
failed: "
    );
}

#[test]
fn one_slot_is_enough_for_authors_reviewers_and_a_foreman() {
    let rules = task::Rules { foreman: true, ..rules() };
    let mut world = World::approved(&document("api; web"));
    world.give(Input::Limits(ONE)).unwrap();
    world.rules = rules;
    world.implement().unwrap();
    world.begin();
    for project in ["api", "web"] {
        world.hear(project, "prepared");
    }
    world.hear("api", "started, asked k foreman");
    world.begin();
    world.hear("foreman", "prepared, started, turn success, exit 0");
    let Work::ReadReply { task, run } = world.next("read_reply") else { unreachable!() };
    let text = Ok("Blue.\n\nCONFIDENCE: high".to_owned());
    world.give(Input::Task { task, input: Wish::Reply { run, text } }).unwrap();
    world.hear("api", "turn success, exit 0");
    world.found(published("c1"));
    world.cycle("api", &[]);
    assert_eq!(world.state_of("web"), "starting");
}
