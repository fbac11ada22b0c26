//! Scenes of one writer per worktree: who is let into the env of another run, and who has to stay out meanwhile.

use super::*;

/// `a` and `b` are done, and their envs stand.
const DONE: &str = "0 create a, 0 create b, 1 a prepared, 1 b prepared, 2 a started, 2 b started, 3 a turn success, 3 b turn success, 9 a exit 0, 9 b exit 0, 9 a snapped 0, 9 b snapped 0";

#[track_caller]
fn check_after(before: &str, script: &str, want: &str) {
    let mut fleet = after(ONE_MORE, before);
    let width = script.split(", ").map(str::len).max().unwrap_or_default();
    let mut got = String::new();
    for line in script.split(", ") {
        let line = format!("{line:<width$}  {}", play(&mut fleet, line));
        got += &format!("\n{}", line.trim_end());
    }
    assert!(got == want, "got:\n{got}\nwant:\n{want}");
}

const ONE_MORE: Limits = Limits { runs: 3, ..ONE };

#[test]
fn one_run_at_a_time_writes_in_a_worktree_and_another_worktree_is_free() {
    check_after(
        DONE,
        "10 create m within a, 11 create n within a, 12 create o within b, 13 a again, 14 a afresh, 15 m prepared, 16 m started, 17 create n within a, 18 b again",
        "
10 create m within a  m preparing, env preparing; Prepare
11 create n within a  rejected: worktree-held
12 create o within b  o preparing, env preparing; Prepare
13 a again            rejected: worktree-held
14 a afresh           rejected: worktree-held
15 m prepared         m starting, env within; Start
16 m started          m running
17 create n within a  rejected: worktree-held
18 b again            rejected: worktree-held",
    );
}

#[test]
fn while_another_run_is_there_nobody_takes_changes_or_lands_what_stands() {
    let there = format!(
        "{DONE}, 10 a close 1 force, 10 a op 1 closed 1, 11 a undo 2 1, 12 a op 2 restored 1, 13 create m within a, 14 m prepared, 15 m started"
    );
    check_after(
        &there,
        "20 a close 3, 20 a close 3 force, 20 a abandon 3, 20 a land 3, 20 a restore 3 0, 20 a again, 20 a snap 3, 21 m exit 0, 22 a land 4",
        "
20 a close 3        rejected: worktree-held
20 a close 3 force  rejected: worktree-held
20 a abandon 3      rejected: worktree-held
20 a land 3         rejected: worktree-held
20 a restore 3 0    rejected: worktree-held
20 a again          rejected: worktree-held
20 a snap 3         a ended (completed); Snapshot asked
21 m exit 0         m ended (failed: no-result); Snapshot end
22 a land 4         a ended (completed), landing combining; Combine",
    );
    // The collector waits as well.
    check_after(&format!("{DONE}, 10 create m within a"), "70 clean 1, 71 m prepare-failed user gone, 72 clean 2", "
70 clean 1                     a ended (completed); Forget | b ended (completed), env closing; Close aged
71 m prepare-failed user gone  m ended (failed: prepare), env none
72 clean 2                     a ended (completed), env closing; Close aged");
}

#[test]
fn whoever_is_in_line_holds_the_place_already_and_gives_it_back_at_the_end() {
    check(
        ONE,
        "0 create a, 1 a prepared, 2 a started, 3 a turn success, 4 a exit 0, 4 a snapped 0, 5 create b, 6 create m within a, 7 a again, 8 m stop, 9 a again",
        "
0 create a           a preparing, env preparing; Prepare
1 a prepared         a starting, env held; Start
2 a started          a running
3 a turn success     a running; Snapshot turn
4 a exit 0           a ended (completed); Snapshot end
4 a snapped 0
5 create b           b preparing, env preparing; Prepare
6 create m within a  m queued
7 a again            rejected: worktree-held
8 m stop             m ended (stopped: stopped-by-person)
9 a again            a queued, attempt 2",
    );
}

#[test]
fn an_env_that_is_gone_at_work_or_nobodys_to_share_is_refused() {
    check_after(
        DONE,
        "10 create m within z, 10 a close 1, 10 create m within a, 11 a op 1 closed, 12 create m within a, 13 b again, 14 create m within b",
        "
10 create m within z  rejected: run-unknown
10 a close 1          a ended (completed), env closing; Close
10 create m within a  rejected: env-gone
11 a op 1 closed      a ended (completed), env closed
12 create m within a  rejected: env-gone
13 b again            b starting, attempt 2; Start
14 create m within b  rejected: worktree-held",
    );
    check_after(
        "0 create c in-place at /w, 1 c prepared, 2 c started, 9 c exit 7, 10 create d, 10 d stop, 10 create f adopting at /v, 11 f prepared",
        "12 create m within c, 13 create m within d, 14 create m within f",
        "
12 create m within c  rejected: env-not-shared
13 create m within d  rejected: env-gone
14 create m within f  rejected: env-not-shared",
    );
    check_after(
        &format!("{DONE}, 10 create m within a, 11 m stop"),
        "12 create n within m",
        "
12 create n within m  rejected: env-not-shared",
    );
}

#[test]
fn a_run_that_goes_on_there_needs_the_place_anew() {
    let ended = format!(
        "{DONE}, 10 create m within a, 11 m prepared, 12 m started, 13 m turn success, 14 m exit 0, 14 m snapped 0"
    );
    check_after(
        &ended,
        "20 a again, 21 m again, 22 a exit 7, 23 a started, 24 a turn success, 25 a exit 0, 25 a snapped 1, 26 m again, 27 a close 1, 28 m prepared",
        "
20 a again         a starting, attempt 2; Start
21 m again         rejected: worktree-held
22 a exit 7        a ended (completed)
23 a started       rejected: misplaced
24 a turn success  rejected: misplaced
25 a exit 0
25 a snapped 1
26 m again         m preparing, attempt 2, env preparing; Prepare
27 a close 1       rejected: worktree-held
28 m prepared      m starting, env within; Start",
    );
    check_after(
        &ended,
        "20 a close 1, 21 m again, 22 a op 1 closed, 23 m again",
        "
20 a close 1      a ended (completed), env closing; Close
21 m again        rejected: env-gone
22 a op 1 closed  a ended (completed), env closed
23 m again        rejected: env-gone",
    );
    check_after(
        &ended,
        "20 create n within a, 21 m again",
        "
20 create n within a  n preparing, env preparing; Prepare
21 m again            rejected: worktree-held",
    );
}

#[test]
fn a_checkout_that_is_the_same_folder_is_waited_for() {
    check_after(
        &format!("{DONE}, 10 create m within a"),
        "11 create c in-place at /env/a/web, 12 m prepare-failed user gone",
        "
11 create c in-place at /env/a/web  c queued
12 m prepare-failed user gone       m ended (failed: prepare), env none | c preparing, env preparing; Prepare",
    );
}

#[test]
fn who_works_there_by_outside_words_stays_so() {
    let mut fleet = fleet(ONE_MORE);
    let mut brief = brief_of("a", &[]);
    brief.trust = run::Trust::Outside;
    fleet.decide(create(brief), Timestamp(0)).unwrap();
    for line in ["1 a prepared", "2 a started", "9 a exit 7", "10 create m within a"] {
        play(&mut fleet, line);
    }
    assert_eq!(run(&fleet, "m").brief.trust, run::Trust::Outside);
}

#[test]
fn a_branch_that_stands_in_an_ended_runs_worktree_names_the_way_into_it() {
    let mut fleet = after(ONE_MORE, DONE);
    let now = seconds("20");
    let held = fleet.decide(create(brief_of("c", &["on", "skep/a"])), now).unwrap_err();
    assert_eq!(held.slug, "branch-held");
    assert!(
        held.hints.iter().any(|hint| hint.starts_with("skep run --manual --in a ")),
        "{held:?}"
    );
    // And the worktree is used again.
    assert!(!play(&mut fleet, "21 create m within a").starts_with("rejected"));
}

// plans

/// A person's own run, called `name`, in the env of a part's run.
fn into(world: &plans::World, project: &str, name: &str) -> Input {
    let within = Some(world.run(project));
    create(Brief { kind: run::Kind::Manual, within, ..brief(name) })
}

#[test]
fn while_a_task_is_at_work_on_a_part_nobody_else_is_let_into_its_env() {
    let mut world = plans::World::approved(&plans::document("api; web"));
    world.rules = task::Rules { cycles: 3, ..task::Rules::default() };
    world.implement().unwrap();
    world.begin();
    for project in ["api", "web"] {
        world.hear(project, "prepared");
    }
    assert_eq!(world.give(into(&world, "web", "m")), Err("worktree-held"), "it waits for its wave");
    world.done("api");
    // Its run is over, and a look at it and a review are to come.
    assert_eq!(
        (world.state_of("api"), world.parts().as_str()),
        ("ended", "api in_progress, web pending")
    );
    assert_eq!(world.give(into(&world, "api", "m")), Err("worktree-held"));
    world.replay();
}

#[test]
fn what_a_plan_wants_of_a_run_waits_until_another_has_left_its_env() {
    let mut world = plans::World::under_way(&plans::document("api; web"));
    world.done("api");
    world.give(into(&world, "api", "m")).unwrap();
    let guest = brief("m").id;
    let hear = |world: &mut plans::World, line: &str| {
        let input = input(line, &world.fleet.runs[&guest].clone(), Timestamp(9_000_000));
        world.give(Input::Run { run: guest.clone(), input }).unwrap();
    };
    hear(&mut world, "prepared");
    hear(&mut world, "started");
    // The next wave begins all the same, and the work is looked at when it is over.
    world.done("web");
    world.found(task::Found::Dirty { files: vec!["a.rs".to_owned()] });
    world.found(task::Found::Published { head: "c2".to_owned(), remote: None });
    world.word();
    assert_eq!(world.state_of("api"), "queued");
    let api = world.fleet.runs[&world.run("api")].clone();
    let why = world.fleet.held_back(&api, Timestamp(9_000_000)).unwrap();
    assert!(why.contains(guest.as_str()) && why.contains("works in its worktree"), "{why}");
    hear(&mut world, "turn success");
    hear(&mut world, "exit 0");
    assert_eq!(world.state_of("api"), "starting");
    assert_eq!(world.give(into(&world, "api", "n")), Err("worktree-held"));
    // It is no part of the plan: nothing of the task speaks of it.
    assert!(!format!("{:?}", world.task()).contains(guest.as_str()));
    world.replay();
}

#[test]
fn a_task_is_not_given_up_while_somebody_works_in_one_of_its_envs() {
    let mut world = plans::World::under_way(&plans::document("api; web"));
    world.done("api");
    world.give(into(&world, "api", "m")).unwrap();
    let give_up = || Input::RemoveTask { task: task_id("t"), force: Some(op(9)) };
    let before = world.fleet.clone();
    assert_eq!(world.give(give_up()), Err("worktree-held"));
    assert_eq!(world.fleet, before, "all of it goes, or nothing");
    world
        .give(Input::Run { run: brief("m").id, input: run::Input::Stop { force: false } })
        .unwrap();
    world
        .give(Input::Run {
            run: brief("m").id,
            input: run::Input::PrepareFailed {
                fault: run::Fault::User,
                slug: "gone".to_owned(),
                text: String::new(),
            },
        })
        .unwrap();
    world.give(give_up()).unwrap();
}
