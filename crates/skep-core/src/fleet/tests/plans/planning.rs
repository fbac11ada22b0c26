//! Planning: drafts, corrections, versions, and what is left when nothing comes of it.

use super::*;

const BAD: &str = "I would begin with the api.";

#[test]
fn two_bad_drafts_and_a_good_one_are_three_turns_and_two_warnings() {
    let mut world = World::new();
    world.plan().unwrap();
    assert_eq!(world.state(), "planning");
    world.draft(BAD);
    assert!(matches!(world.word(), Words::Correction { .. }));
    world.draft(BAD);
    assert!(matches!(world.word(), Words::Correction { .. }));
    world.draft(&document("api; web ops"));
    assert_eq!(world.state(), "plan_review");
    let run = &world.fleet.runs[&world.run("planner")];
    assert_eq!(run.attempt, 3, "three turns of one run");
    let warnings = &world.task().course.warnings;
    assert_eq!(warnings.len(), 2);
    assert!(warnings.iter().all(|warning| warning.kind == WarningKind::ParseError));
    assert_eq!(world.version().state, PlanState::PendingReview);
    assert_eq!((world.version().number, world.count("plan_generated")), (1, 1));
    assert_eq!(world.parts(), "api pending, web pending, ops pending");
    world.replay();
}

#[test]
fn only_bad_drafts_leave_no_plan_and_the_task_as_it_was() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(BAD);
    world.word();
    world.draft(BAD);
    world.word();
    world.draft(BAD);
    assert_eq!(world.state(), "ingested");
    assert!(world.task().course.versions.is_empty());
    assert_eq!(world.count("plan_failed"), 1);
    let failed = world.task().course.failed.clone().unwrap();
    assert!(failed.contains("MissingBlock"), "{failed}");
    world.plan().unwrap();
    world.replay();
}

#[test]
fn without_retries_there_is_no_second_turn() {
    let mut world = World::new();
    world.ask_plan("", false, 0).unwrap();
    world.draft(BAD);
    assert_eq!((world.state(), world.work.len()), ("ingested", 0));
    assert_eq!(world.fleet.runs[&world.run("planner")].attempt, 1);
}

#[test]
fn a_missing_draft_is_a_draft_without_a_block() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft("");
    let Words::Correction { findings, .. } = world.word() else { panic!("no correction") };
    assert_eq!(findings[0].kind, plan::Kind::MissingBlock);
}

#[test]
fn a_planner_that_says_nothing_has_said_it_in_its_file() {
    let mut world = World::new();
    world.plan().unwrap();
    world.begin();
    world.hear("planner", "prepared, started, turn success empty, exit 0");
    let Work::ReadDraft { task, run, .. } = world.next("read_draft") else { unreachable!() };
    let text = Some(document("api"));
    world.give(Input::Task { task, input: Wish::Draft { run, text } }).unwrap();
    assert_eq!(world.state(), "plan_review");
}

#[test]
fn a_question_while_planning_is_answered_and_costs_no_retry() {
    let mut world = World::new();
    world.ask_plan("", false, 0).unwrap();
    world.begin();
    world.hear("planner", "prepared, started, asked k");
    assert_eq!((world.state(), world.state_of("planner")), ("planning", "waiting"));
    world.hear("planner", "answer 0 yes");
    world.hear("planner", "turn success, exit 0");
    let Work::ReadDraft { task, run, .. } = world.next("read_draft") else { unreachable!() };
    let text = Some(document("api"));
    world.give(Input::Task { task, input: Wish::Draft { run, text } }).unwrap();
    assert_eq!((world.state(), world.count("draft_refused")), ("plan_review", 0));
}

#[test]
fn cancelled_planning_leaves_the_task_as_it_was_and_can_be_begun_again() {
    let mut world = World::new();
    world.plan().unwrap();
    world.begin();
    world.hear("planner", "prepared, started, stop, exit 143 forced");
    assert_eq!((world.state(), world.count("plan_cancelled")), ("ingested", 1));
    assert_eq!(world.state_of("planner"), "ended");
    let first = world.run("planner");
    world.plan().unwrap();
    world.draft(&document("api"));
    assert_eq!(world.state(), "plan_review");
    assert_ne!(world.run("planner"), first);
    world.replay();
}

#[test]
fn a_planner_whose_machine_went_down_leaves_the_task_as_it_was() {
    let mut world = World::new();
    world.plan().unwrap();
    world.begin();
    world.hear("planner", "prepared, started, turn failed, exit 1");
    assert_eq!((world.state(), world.count("plan_failed")), ("ingested", 1));
}

#[test]
fn a_planner_that_cannot_be_begun_says_why() {
    let mut world = World::new();
    world.plan().unwrap();
    let Work::Brief { task, run, .. } = world.next("brief") else { unreachable!() };
    let begun = Err("no agent".to_owned());
    world.give(Input::Begin { task, run, begun, warnings: Vec::new() }).unwrap();
    assert_eq!(world.state(), "ingested");
    assert_eq!(world.task().course.failed.as_deref(), Some("no agent"));
    world.replay();
}

#[test]
fn what_was_met_on_the_way_is_kept_and_stops_nothing() {
    let mut world = World::new();
    world.plan().unwrap();
    let warning = |kind| task::Warning { kind, text: "x".to_owned(), project: None };
    world.begin_one(vec![warning(WarningKind::Unhealthy), warning(WarningKind::PullFailed)]);
    world.draft(&document("api"));
    let kinds: Vec<&str> =
        world.task().course.warnings.iter().map(|warning| warning.kind.as_str()).collect();
    assert_eq!((world.state(), kinds), ("plan_review", vec!["unhealthy", "pull_failed"]));
}

#[test]
fn feedback_goes_to_the_same_conversation_and_makes_a_new_version_of_it() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(&document("api"));
    let (first, planner) = (world.version().id.clone(), world.run("planner"));
    world.wish(Wish::Reject { text: "web too".to_owned(), tries: 2 }).unwrap();
    assert_eq!((world.state(), world.version().state), ("planning", PlanState::Rejected));
    assert!(matches!(world.word(), Words::Revision { .. }));
    assert_eq!(world.run("planner"), planner, "the same run");
    world.draft(&document("api; web"));
    let versions = &world.task().course.versions;
    assert_eq!((versions.len(), versions[0].state), (2, PlanState::Superseded));
    assert_eq!((world.version().number, world.version().state), (2, PlanState::PendingReview));
    assert_ne!(world.version().id, first);
    world.replay();
}

/// At no moment between two events are there two plans that hold, and after each batch there is one.
#[test]
fn a_new_version_takes_the_place_of_the_old_one_in_one_batch() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(&document("api"));
    for text in ["web", "api; web"] {
        world.plan().unwrap();
        let holds = world.task().plan().map(|plan| plan.number);
        assert!(holds.is_some(), "the old one holds while the new one is made");
        world.draft(&document(text));
        let active = world.task().course.versions.iter().filter(|plan| plan.state.is_active());
        assert_eq!(active.count(), 1);
    }
    let at = |kind: &str| {
        let is = |event: &Event| serde_json::to_value(event).unwrap()["event"] == kind;
        world.log.iter().filter(|(_, event, _)| is(event)).map(|line| line.2).next_back().unwrap()
    };
    assert_eq!(at("plan_superseded"), at("plan_generated"));
    assert_eq!(at("plan_generated"), at("plan_submitted"));
    world.replay();
}

#[test]
fn feedback_that_comes_to_nothing_leaves_the_plan_that_was_sent_back() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(&document("api"));
    world.wish(Wish::Reject { text: "no".to_owned(), tries: 0 }).unwrap();
    world.word();
    world.draft(BAD);
    assert_eq!((world.state(), world.version().state), ("plan_review", PlanState::PendingReview));
    world.approve().unwrap();
    world.replay();
}

#[test]
fn a_planner_whose_place_is_gone_is_followed_by_a_new_one() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(&document("api"));
    let planner = world.run("planner");
    world.hear("planner", "close 1, op 1 closed");
    world.wish(Wish::Reject { text: "no".to_owned(), tries: 2 }).unwrap();
    assert_ne!(world.run("planner"), planner);
    world.draft(&document("web"));
    assert_eq!(world.version().number, 2);
}

#[test]
fn words_that_cannot_be_made_end_the_planning() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(BAD);
    let Work::Word { task, run, .. } = world.next("word") else { unreachable!() };
    let words = Err("prompts/correction.md:3: no such variable".to_owned());
    world.give(Input::Task { task, input: Wish::Worded { run, words } }).unwrap();
    assert_eq!(world.state(), "ingested");
    assert!(world.task().course.failed.as_deref().unwrap().contains("no such variable"));
}

fn completed(text: &str) -> World {
    let mut world = World::under_way(text);
    let all = world.version().projects().map(str::to_owned).collect::<Vec<_>>();
    for project in all {
        world.done(&project);
    }
    while !world.work.is_empty() {
        let head = format!("c{}", world.work.len());
        world.found(Found::Published { head, remote: None });
    }
    assert_eq!(world.state(), "completed");
    world
}

#[test]
fn a_follow_up_that_fails_leaves_completed_work_completed() {
    let mut world = completed(&document("api; web"));
    world.ask_plan("and the docs", true, 0).unwrap();
    assert_eq!(world.state(), "planning");
    world.word();
    world.draft(BAD);
    assert_eq!((world.state(), world.version().state), ("completed", PlanState::Approved));
    assert_eq!(world.parts(), "api completed, web completed");
    world.replay();
}

#[test]
fn parts_that_a_follow_up_does_not_name_are_carried_over_with_their_work() {
    let mut world = completed(&document("api; web"));
    let (api, web) = (world.run("api"), world.run("web"));
    world.ask_plan("and the docs", true, 2).unwrap();
    world.word();
    let more = document("web").replace("It holds.", "It is documented.");
    world.draft(&more);
    assert_eq!((world.version().number, world.parts().as_str()), (2, "api completed, web pending"));
    assert_eq!(world.run("api"), api);
    world.approve().unwrap();
    world.implement().unwrap();
    // Who worked there before hears what the new plan says of it.
    assert!(matches!(world.word(), Words::Part { project } if project == "web"));
    assert_eq!((world.run("web"), world.state_of("web")), (web, "starting"));
    world.done("web");
    let heads: Vec<String> = world
        .work
        .iter()
        .map(|work| match work {
            Work::Finalize { project, .. } => project.clone(),
            other @ (Work::Brief { .. }
            | Work::ReadDraft { .. }
            | Work::ReadReview { .. }
            | Work::ReadReply { .. }
            | Work::Word { .. }) => {
                panic!("{other:?}")
            }
        })
        .collect();
    assert_eq!(heads, ["api", "web"], "what was carried over is handed over too");
    world.replay();
}

#[test]
fn an_edited_part_is_pending_again_and_the_others_stay() {
    let mut world = completed(&document("api; web"));
    world.ask_plan("the same again", true, 2).unwrap();
    world.word();
    world.draft(&document("api; web"));
    assert_eq!(world.parts(), "api completed, web completed", "worded as before");
    let text = world.version().plan.compose();
    world.wish(Wish::Edit { text: text.clone() }).unwrap();
    assert_eq!(world.count("plan_revised"), 0, "nothing was changed");
    let edited = text.replacen("It holds.", "It holds water.", 1);
    world.wish(Wish::Edit { text: edited.clone() }).unwrap();
    world.wish(Wish::Edit { text: edited }).unwrap();
    assert_eq!(
        (world.count("plan_revised"), world.parts().as_str()),
        (1, "api pending, web completed")
    );
    assert_eq!(world.version().number, 2, "an edit is no new version");
    assert_eq!(world.wish(Wish::Edit { text: BAD.to_owned() }), Err("plan-invalid"));
    world.replay();
}

#[test]
fn a_plan_may_name_only_the_projects_that_it_was_asked_for() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(&document("api nowhere"));
    let Words::Correction { findings, .. } = world.word() else { panic!("no correction") };
    assert_eq!(findings[0].kind, plan::Kind::UnknownRepos);
}

#[test]
fn a_plan_is_asked_for_and_decided_on_only_where_that_means_something() {
    let mut world = World::new();
    assert_eq!(world.approve(), Err("no-plan-waits"));
    assert_eq!(world.implement(), Err("plan-not-approved"));
    assert_eq!(world.ask_plan("", true, 2), Err("task-not-plannable"));
    world.plan().unwrap();
    assert_eq!(world.plan(), Err("planning-under-way"));
    assert_eq!(world.approve(), Err("no-plan-waits"));
    world.draft(&document("api; web"));
    assert_eq!(world.wish(Wish::Approve { from_wave: 3 }), Err("wave-unknown"));
    assert_eq!(world.wish(Wish::Approve { from_wave: 0 }), Err("wave-unknown"));
    assert_eq!(world.implement(), Err("plan-not-approved"));
    world.approve().unwrap();
    assert_eq!(world.plan(), Err("plan-approved"));
    assert_eq!(world.approve(), Err("no-plan-waits"));
    assert_eq!(world.wish(Wish::Finalize), Err("not-finalizable"));
    let reject = Wish::Reject { text: String::new(), tries: 2 };
    assert_eq!(world.wish(reject), Err("no-plan-waits"));
}

#[test]
fn a_planning_run_is_not_taken_up_by_itself() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(&document("api"));
    let run = world.run("planner");
    let again = run::Input::Again { goes_on: true, message: None, speech: None };
    assert_eq!(world.give(Input::Run { run, input: again }), Err("planning-run"));
}

#[test]
fn a_word_on_a_plan_that_is_not_the_one_any_more_is_refused() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(&document("api"));
    let first = world.version().id.clone();
    world.plan().unwrap();
    world.draft(&document("web"));
    let on = |wish| Wish::On { plan: first.clone(), wish: Box::new(wish) };
    assert_eq!(world.wish(on(Wish::Approve { from_wave: 1 })), Err("plan-superseded"));
    assert_eq!(world.wish(on(Wish::Edit { text: document("api") })), Err("plan-superseded"));
    let wish = Box::new(Wish::Approve { from_wave: 1 });
    let plan = world.version().id.clone();
    world.wish(Wish::On { plan, wish }).unwrap();
    assert_eq!(world.state(), "approved");
}

#[test]
fn what_is_carried_over_and_has_no_place_any_more_stands_as_it_was_handed_over() {
    let mut world = completed(&document("api; web"));
    world.hear("api", "close 1 keep, op 1 closed");
    world.ask_plan("and the docs", true, 2).unwrap();
    world.word();
    world.draft(&document("web").replace("It holds.", "It is documented."));
    world.approve().unwrap();
    world.implement().unwrap();
    world.word();
    world.done("web");
    assert_eq!(world.work.len(), 1, "only what has a place is looked at");
    world.found(Found::Published { head: "c9".to_owned(), remote: None });
    assert_eq!((world.state(), world.count("sub_plan_stands")), ("completed", 1));
    world.replay();
}

#[test]
fn an_edited_part_that_was_carried_over_hears_what_it_says_now() {
    let mut world = completed(&document("api; web"));
    world.ask_plan("more", true, 2).unwrap();
    world.word();
    world.draft(&document("web").replace("It holds.", "It is documented."));
    let text = world.version().plan.compose().replacen("It holds.", "It holds water.", 1);
    world.wish(Wish::Edit { text }).unwrap();
    assert_eq!(world.parts(), "api pending, web pending");
    world.approve().unwrap();
    world.implement().unwrap();
    assert!(matches!(world.word(), Words::Part { project } if project == "api"));
}

#[test]
fn what_a_plan_for_more_meant_to_do_and_was_sent_back_for_is_not_carried_over() {
    let mut world = completed(&document("api; web"));
    world.ask_plan("more", true, 2).unwrap();
    world.word();
    world.draft(&document("ops"));
    assert_eq!(world.parts(), "api completed, web completed, ops pending");
    world.wish(Wish::Reject { text: "not ops".to_owned(), tries: 2 }).unwrap();
    world.word();
    world.draft(&document("lib"));
    assert_eq!(world.parts(), "api completed, web completed, lib pending");
    world.replay();
}

#[test]
fn a_follow_up_that_is_sent_back_still_carries_what_is_done() {
    let mut world = completed(&document("api; web"));
    world.ask_plan("more", true, 2).unwrap();
    world.word();
    world.draft(&document("web").replace("It holds.", "It is documented."));
    world.wish(Wish::Reject { text: "shorter".to_owned(), tries: 2 }).unwrap();
    world.word();
    world.draft(&document("web").replace("It holds.", "It is shown."));
    assert_eq!((world.version().number, world.parts().as_str()), (3, "api completed, web pending"));
    world.replay();
}

#[test]
fn a_part_that_is_named_in_another_case_is_begun_for_its_project() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(&document("Api; WEB"));
    assert_eq!(world.parts(), "api pending, web pending");
    world.approve().unwrap();
    world.implement().unwrap();
    world.begin();
    let place = &world.fleet.runs[&world.run("api")].brief.place;
    assert_eq!(place.repository.as_deref(), Some("/src/api"));
}
