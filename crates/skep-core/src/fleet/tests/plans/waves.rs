//! Waves: worktrees first, then one wave after the other, and what a failure, a stop or an escalation holds back.

use super::*;
use crate::task::{
    ExecutionState,
    next::{Last, Next, Verdict, next},
};

#[test]
fn every_worktree_stands_before_any_agent_starts() {
    let mut world = World::approved(&document("api; web ops"));
    world.implement().unwrap();
    assert_eq!(world.work.len(), 3, "a run for each part");
    world.begin();
    world.hear("api", "prepared");
    world.hear("ops", "prepared");
    assert_eq!((world.state_of("api"), world.state_of("web")), ("queued", "preparing"));
    assert_eq!(world.count("wave_started"), 0);
    world.hear("web", "prepared");
    assert_eq!((world.state_of("api"), world.state_of("web")), ("starting", "queued"));
    assert_eq!(world.parts(), "api in_progress, web pending, ops pending");
    world.replay();
}

#[test]
fn one_wave_follows_the_other_and_the_end_follows_the_last() {
    let mut world = World::under_way(&document("api; web ops"));
    world.done("api");
    assert_eq!(world.parts(), "api completed, web in_progress, ops in_progress");
    world.done("web");
    world.done("ops");
    assert_eq!((world.state(), world.work.len()), ("implementing", 3));
    let waves = ExecutionState::of(world.version());
    assert!(waves.all_completed() && waves.current().is_none() && !waves.has_failed());
    world.replay();
}

#[test]
fn a_worktree_that_cannot_be_made_stops_everything_before_any_agent() {
    let mut world = World::approved(&document("api web; ops"));
    world.implement().unwrap();
    world.begin();
    world.hear("api", "prepared");
    world.hear("web", "prepare-failed user hook");
    assert_eq!(
        (world.state(), world.parts().as_str()),
        ("failed", "api pending, web failed, ops pending")
    );
    assert_eq!(world.state_of("ops"), "preparing");
    world.hear("ops", "prepared");
    let started = world.fleet.runs.values().filter(|run| run.begun.is_some());
    assert_eq!(started.count(), 1, "only the planner was ever at work");
    assert_eq!(world.count("wave_started"), 0);
    let ended: Vec<bool> = world
        .fleet
        .runs
        .values()
        .filter(|run| run.brief.part.is_some())
        .map(|run| run.is_ended())
        .collect();
    assert_eq!(ended, [true, true, true]);
    world.replay();
}

#[test]
fn after_that_it_is_begun_anew_in_places_of_its_own() {
    let mut world = World::approved(&document("api web"));
    world.implement().unwrap();
    world.begin();
    world.hear("api", "prepared");
    let (first, api) = (world.run("web"), world.run("api"));
    world.hear("web", "prepare-failed user hook, undone");
    let undone = input("undone", &world.fleet.runs[&api], world.now);
    world.give(Input::Run { run: api, input: undone }).unwrap();
    world.implement().unwrap();
    assert_eq!((world.state(), world.work.len()), ("implementing", 2));
    assert_ne!(world.run("web"), first);
    world.begin();
    world.hear("api", "prepared");
    world.hear("web", "prepared");
    assert_eq!(world.parts(), "api in_progress, web in_progress");
    world.replay();
}

#[test]
fn a_failure_lets_its_siblings_end_and_stops_the_next_wave() {
    let mut world = World::under_way(&document("api web; ops"));
    world.hear("api", "started, turn failed, exit 1");
    assert_eq!((world.state(), world.state_of("web")), ("implementing", "starting"));
    world.done("web");
    assert_eq!(world.state(), "failed");
    assert_eq!(world.parts(), "api failed, web completed, ops pending");
    assert_eq!((world.state_of("ops"), world.count("wave_started")), ("queued", 1));
    world.replay();
}

#[test]
fn a_retried_part_lets_the_later_waves_go_on() {
    for by_hand in [true, false] {
        let mut world = World::under_way(&document("api web; ops"));
        world.hear("api", "started, turn failed, exit 1");
        world.done("web");
        assert_eq!(world.state(), "failed");
        if by_hand {
            world.hear("api", "again");
        } else {
            world.implement().unwrap();
        }
        assert_eq!(
            (world.state(), world.parts().as_str()),
            ("implementing", "api in_progress, web completed, ops pending")
        );
        world.done("api");
        assert_eq!(world.parts(), "api completed, web completed, ops in_progress");
        assert_eq!(world.fleet.runs[&world.run("api")].attempt, 2, "in the same place");
        world.replay();
    }
}

#[test]
fn a_cancelled_wave_waits_for_a_word_and_goes_on_in_the_same_worktrees() {
    let mut world = World::under_way(&document("api web; ops"));
    let runs = (world.run("api"), world.run("web"));
    world.hear("api", "started, stop, exit 143 forced");
    assert_eq!(
        (world.state(), world.parts().as_str()),
        ("implementing", "api pending, web in_progress, ops pending")
    );
    world.done("web");
    assert_eq!(
        world.parts(),
        "api pending, web completed, ops pending",
        "nothing starts by itself"
    );
    world.implement().unwrap();
    assert_eq!(world.parts(), "api in_progress, web completed, ops pending");
    assert_eq!((world.run("api"), world.run("web")), runs);
    world.done("api");
    assert_eq!(world.parts(), "api completed, web completed, ops in_progress");
    world.replay();
}

#[test]
fn a_stopped_part_that_a_person_resumes_is_at_work_again() {
    let mut world = World::under_way(&document("api; ops"));
    world.hear("api", "started, stop, exit 143 forced, again");
    assert_eq!(world.parts(), "api in_progress, ops pending");
    world.done("api");
    assert_eq!(world.parts(), "api completed, ops in_progress");
    world.replay();
}

#[test]
fn after_a_crash_only_what_was_under_way_runs_again() {
    let mut world = World::under_way(&document("api web; ops"));
    world.done("web");
    // Both guards died, and nothing of it lives.
    for _ in 0..3 {
        world.later(600);
        world.hear("api", "started, gone, swept");
    }
    assert_eq!(
        (world.state(), world.parts().as_str()),
        ("failed", "api failed, web completed, ops pending")
    );
    let web = world.fleet.runs[&world.run("web")].attempt;
    world.implement().unwrap();
    assert_eq!(world.parts(), "api in_progress, web completed, ops pending");
    assert_eq!(world.fleet.runs[&world.run("web")].attempt, web);
    world.replay();
}

/// Until reviews escalate, it is only in the table: the event is what a review would write.
#[test]
fn an_escalation_holds_back_only_what_needs_it() {
    let mut world = World::under_way(&document("api web; ops<api lib"));
    let escalated = Event::Task(task::Event::SubPlanEscalated {
        project: "api".to_owned(),
        text: "a person is to look".to_owned(),
    });
    world.fleet.apply(task_id("t").as_str(), &escalated, world.now).unwrap();
    world.done("web");
    assert_eq!(world.parts(), "api escalated, web completed, ops pending, lib in_progress");
    world.done("lib");
    assert_eq!(
        (world.state(), world.parts().as_str()),
        ("reviewing", "api escalated, web completed, ops pending, lib completed")
    );
}

#[test]
fn waves_skip_what_is_done_and_nothing_left_goes_straight_to_the_end() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(&document("api; web; ops"));
    world.wish(Wish::Approve { from_wave: 3 }).unwrap();
    assert_eq!(world.parts(), "api completed, web completed, ops pending");
    assert_eq!(world.version().waves(), [["ops"]]);
    world.implement().unwrap();
    world.begin();
    world.hear("ops", "prepared");
    world.done("ops");
    world.found(Found::Failed { text: "no route to the remote".to_owned() });
    assert_eq!(world.state(), "implementing");
    // All is done: it goes straight to the handing over.
    world.implement().unwrap();
    assert!(matches!(world.work.front(), Some(Work::Finalize { .. })));
    world.found(Found::Published { head: "c1".to_owned(), remote: None });
    assert_eq!(world.state(), "completed");
    world.replay();
}

#[test]
fn an_unapproved_plan_changes_nothing() {
    let mut world = World::new();
    world.plan().unwrap();
    world.draft(&document("api"));
    let before = world.fleet.clone();
    assert_eq!(world.implement(), Err("plan-not-approved"));
    assert_eq!(world.fleet, before);
}

#[test]
fn a_new_title_does_not_change_the_recorded_branch() {
    let mut world = World::under_way(&document("api"));
    let (title, body, priority) = (Some("Mend the cellar".to_owned()), None, None);
    world.wish(Wish::Amend { title, body, priority, needs: None }).unwrap();
    assert_eq!(world.task().title, "Mend the cellar");
    world.hear("api", "started, turn failed, exit 1");
    let choice = task::Choice::default();
    let rules = task::Rules::default();
    world.wish(Wish::Implement { branch: "skep/other".to_owned(), choice, rules }).unwrap();
    assert_eq!(world.task().course.branch.as_deref(), Some("skep/t"));
}

/// Its age is counted from the end of its run, and the plan may take days.
#[test]
fn the_env_of_a_part_stands_until_its_task_is_over() {
    let mut world = World::under_way(&document("api; web"));
    world.done("api");
    let (api, planner) = (world.run("api"), world.run("planner"));
    world.later(10_000);
    let due = |world: &World| world.fleet.due(&KEEP, world.now);
    let env = |run: &RunId| keep::Due::Env { run: run.clone() };
    assert!(!due(&world).contains(&env(&api)) && !due(&world).contains(&env(&planner)));
    world.done("web");
    world.found(Found::Published { head: "c1".to_owned(), remote: None });
    world.found(Found::Published { head: "c2".to_owned(), remote: None });
    world.later(10_000);
    assert!(due(&world).contains(&env(&api)) && due(&world).contains(&env(&planner)));
}

#[test]
fn who_waits_for_a_wave_takes_no_slot() {
    let mut world = World::approved(&document("api; web; ops"));
    world.give(Input::Limits(Limits { runs: 1, ..world.fleet.limits })).unwrap();
    world.implement().unwrap();
    world.begin();
    for project in ["api", "web", "ops"] {
        assert_eq!(world.state_of(project), "preparing");
        world.hear(project, "prepared");
    }
    world.done("api");
    assert_eq!(world.state_of("web"), "starting");
}

#[test]
fn work_that_is_under_way_is_not_begun_twice() {
    let mut world = World::approved(&document("api; web"));
    world.implement().unwrap();
    assert_eq!(world.implement(), Err("task-at-work"));
    world.begin();
    assert_eq!(world.implement(), Err("task-at-work"));
    world.hear("api", "prepared");
    world.hear("web", "prepared");
    assert_eq!(world.implement(), Err("task-at-work"));
    // A task of a plan is not run beside it.
    let mut other = brief("y");
    other.task = Some(task_id("t"));
    assert_eq!(world.give(create(other)), Err("task-planned"));
}

/// Every pair of the last run and its verdict, and what follows.
#[test]
fn the_next_run_follows_from_the_last_one_and_its_verdict() {
    use run::Outcome::{Completed, Failed, Interrupted, Lost, Stopped};
    let outcomes = [Completed, Failed, Stopped, Interrupted, Lost];
    let verdicts =
        [None, Some(Verdict::Passed), Some(Verdict::Critiques), Some(Verdict::Escalated)];
    let mut table = Vec::new();
    let mut row = |name: String, last| {
        table.push(format!("{name:<30} {:?} / {:?}", next(last, true), next(last, false)));
    };
    row("none".to_owned(), Last::None);
    row("at work".to_owned(), Last::AtWork);
    for outcome in outcomes {
        row(format!("code {}", outcome.as_str()), Last::Code(outcome));
    }
    for outcome in outcomes {
        for verdict in verdicts {
            let said = verdict.map_or("no verdict".to_owned(), |verdict| format!("{verdict:?}"));
            row(format!("review {} {said}", outcome.as_str()), Last::Review(outcome, verdict));
        }
    }
    let want = "
none                           Implement / Implement
at work                        Wait / Wait
code completed                 Review / Completed
code failed                    Failed / Failed
code stopped                   Open / Open
code interrupted               Open / Open
code lost                      Failed / Failed
review completed no verdict    Review / Review
review completed Passed        Completed / Completed
review completed Critiques     Mend / Mend
review completed Escalated     Escalated / Escalated
review failed no verdict       Review / Review
review failed Passed           Review / Review
review failed Critiques        Review / Review
review failed Escalated        Review / Review
review stopped no verdict      Review / Review
review stopped Passed          Review / Review
review stopped Critiques       Review / Review
review stopped Escalated       Review / Review
review interrupted no verdict  Review / Review
review interrupted Passed      Review / Review
review interrupted Critiques   Review / Review
review interrupted Escalated   Review / Review
review lost no verdict         Review / Review
review lost Passed             Review / Review
review lost Critiques          Review / Review
review lost Escalated          Review / Review";
    assert_eq!(format!("\n{}", table.join("\n")), want);
    assert_eq!(next(Last::Code(Completed), false), Next::Completed);
}

#[test]
fn a_run_of_before_the_plan_is_not_taken_up_beside_it() {
    let mut world = World::new();
    let mut old = brief("y");
    old.task = Some(task_id("t"));
    let id = old.id.clone();
    world.give(create(old)).unwrap();
    let hear = |world: &mut World, line: &str| {
        let input = input(line, &world.fleet.runs[&id].clone(), world.now);
        world.give(Input::Run { run: id.clone(), input })
    };
    hear(&mut world, "prepared").unwrap();
    hear(&mut world, "started").unwrap();
    hear(&mut world, "stop").unwrap();
    hear(&mut world, "exit 143 forced").unwrap();
    assert_eq!(world.state(), "ingested");
    world.plan().unwrap();
    assert_eq!(hear(&mut world, "again"), Err("task-planned"));
    world.draft(&document("api"));
    assert_eq!(hear(&mut world, "again"), Err("task-planned"));
    assert_eq!(world.state(), "plan_review");
}

#[test]
fn a_part_that_is_moved_to_its_own_screen_has_not_come_to_its_end() {
    let mut world = World::under_way(&document("api; web"));
    world.hear("api", "started, again on screen, turn success, exit 0");
    assert_eq!(world.parts(), "api in_progress, web pending");
    assert_eq!(world.count("wave_started"), 1);
    world.replay();
}

#[test]
fn a_follow_up_that_cannot_start_leaves_a_done_part_done() {
    let mut world = World::under_way(&document("api"));
    world.done("api");
    world.found(Found::Published { head: "c1".to_owned(), remote: None });
    world.hear("api", "again");
    assert_eq!((world.state(), world.parts().as_str()), ("implementing", "api in_progress"));
    world.hear("api", "start-failed");
    assert_eq!(world.parts(), "api completed");
    world.found(Found::Published { head: "c1".to_owned(), remote: None });
    assert_eq!((world.state(), world.count("sub_plan_ready")), ("completed", 1));
    world.replay();
}

#[test]
fn what_is_being_taken_back_is_waited_for() {
    let mut world = World::approved(&document("api web"));
    world.implement().unwrap();
    world.begin();
    world.hear("api", "prepared");
    let api = world.run("api");
    world.hear("web", "prepare-failed user hook");
    assert!(world.fleet.runs[&api].undoing);
    assert_eq!(world.implement(), Err("task-at-work"));
    let undone = input("undone", &world.fleet.runs[&api], world.now);
    world.give(Input::Run { run: api, input: undone }).unwrap();
    world.implement().unwrap();
}
