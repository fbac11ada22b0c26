//! Scenes of many runs: who may have a slot, who holds a task, a name, a branch, and how a run is found.

use super::*;
use crate::issue::{Mode, Origin, Platform};
use crate::run::{
    Effect, Outcome, Place,
    adopted::tests::adopted,
    gate::tests::brief_of_gate,
    tests::script::{brief, codex, input, op, rotating, seconds, told},
};

mod adoption;
mod changes;
mod claims;
mod gates;
mod golden;
mod history;
mod issues;
mod landing;
pub(super) mod leases;
mod limits;
mod lineage;
mod notices;
mod outside;
mod plans;
mod radar;
mod redelivery;
mod rotation;
mod spending;
mod within;

const ONE: Limits = Limits {
    runs: 1,
    per_project: 8,
    prepare: 4,
    workers: 25,
    disk_free: 1_000,
    reviews: 1,
    foremen: 1,
    gates: 1,
    cascade: crate::run::lineage::Cascade { depth: 3, breadth: 4, total: 16 },
};
const TWO: Limits = Limits { runs: 2, per_project: 8, prepare: 4, ..ONE };

/// What is collected in scenes: trash after 10 s, envs after 20, snapshots after 50, records after 90.
const KEEP: Keep = Keep { trash_ms: 10_000, env_ms: 20_000, snapshots_ms: 50_000, logs_ms: 90_000 };

/// A fleet with the project `web` and the tasks `t` and `u`.
fn fleet(limits: Limits) -> Fleet {
    let mut fleet = Fleet::default();
    let inputs = [
        Input::Limits(limits),
        Input::AddProject(project("web", "/src/web/.git")),
        Input::AddTask(task("t")),
        Input::AddTask(task("u")),
    ];
    for input in inputs {
        fleet.decide(input, Timestamp(0)).unwrap();
    }
    fleet
}

fn project(name: &str, common_dir: &str) -> Project {
    Project {
        name: name.to_owned(),
        path: "/src/web".to_owned(),
        common_dir: common_dir.to_owned(),
        sub_dir: String::new(),
        base: None,
        added: Timestamp(0),
        approved: None,
        gates_approved: None,
    }
}

fn task(name: &str) -> Task {
    Task {
        id: task_id(name),
        title: "Mend the roof".to_owned(),
        body: String::new(),
        project: None,
        reference: None,
        priority: 0,
        needs: Vec::new(),
        added: Timestamp(0),
        state: TaskState::Ingested,
        run: None,
        choice: crate::task::Choice::default(),
        trust: run::Trust::Person,
        course: Box::default(),
    }
}

/// What is to be done for runs.
fn run_effects(decided: &Decided) -> impl Iterator<Item = &Effect> {
    decided.effects.iter().filter_map(|effect| match effect {
        super::Effect::Run(effect) => Some(effect),
        super::Effect::Task(_) | super::Effect::Notice(_) => None,
    })
}

fn task_id(name: &str) -> TaskId {
    TaskId::new([name.as_bytes()[0]; crate::id::LENGTH])
}

fn id(name: &str) -> RunId {
    brief(name).id
}

fn run<'a>(fleet: &'a Fleet, name: &str) -> &'a Run {
    &fleet.runs[&id(name)]
}

/// Reads `create NAME [in PROJECT] [for TASK] [over RUN] [in-place | adopting] [at PATH] [on BRANCH]`, `tick`, `disk FREE`, `clean OP`, or
/// `NAME INPUT`.
fn input_of(fleet: &Fleet, text: &str, now: Timestamp) -> Input {
    let words: Vec<&str> = text.split(' ').collect();
    match words.as_slice() {
        ["tick"] => Input::Tick,
        ["limits", runs] => Input::Limits(Limits { runs: runs.parse().unwrap(), ..fleet.limits }),
        ["disk", free] => Input::Disk(free.parse().ok()),
        ["clean", n] => Input::Clean { op: op(n.parse().unwrap()), keep: KEEP },
        ["create", name, how @ ..] => create(brief_of(name, how)),
        [name, ..] => {
            let run = run(fleet, name);
            let text = text.split_once(' ').unwrap().1;
            Input::Run { run: id(name), input: input(text, run, now) }
        }
        [] => panic!("nothing to do"),
    }
}

fn brief_of(name: &str, how: &[&str]) -> Brief {
    let mut brief = brief(name);
    let mut how = how.iter();
    while let Some(word) = how.next() {
        match *word {
            "in" => brief.project = Some((*how.next().unwrap()).to_owned()),
            "for" => brief.task = Some(task_id(how.next().unwrap())),
            "in-place" => brief.place.env_type = EnvType::InPlace,
            "adopting" => {
                brief.place.env_type = EnvType::InPlace;
                brief.adopted = Some(adopted());
            }
            "at" => brief.place.repository = Some((*how.next().unwrap()).to_owned()),
            "nowhere" => {
                brief.place =
                    Place { env_type: EnvType::Directory, repository: None, ..brief.place }
            }
            "issue" => {
                let reference = *how.next().unwrap();
                brief.issue = Some(Origin {
                    platform: match reference.split_once(':') {
                        Some(("tw", _)) => Platform::Taskwarrior,
                        Some(("dir", _)) => Platform::Folder,
                        Some(_) | None => Platform::Forgejo,
                    },
                    reference: reference.to_owned(),
                    url: String::new(),
                    mode: Mode::Headless,
                });
            }
            "by" => brief.by = id(how.next().unwrap()).to_string(),
            "bypassing" => brief.permissions = run::Permissions::Bypass,
            "may" => brief.budget = how.next().unwrap().replace('_', " ").parse().unwrap(),
            "on" => {
                brief.place.branches = vec![(*how.next().unwrap()).to_owned()];
                brief.place.exact_branch = true;
            }
            "over" => brief.supersedes = Some(id(how.next().unwrap())),
            "called" => brief.name = (*how.next().unwrap()).to_owned(),
            "within" => {
                brief.kind = run::Kind::Manual;
                brief.within = Some(id(how.next().unwrap()));
            }
            "checks" => brief = brief_of_gate(name, how.next().unwrap()),
            "needing" => brief.needs = leases::needs(how.next().unwrap()),
            "unnamed" => brief.name.clear(),
            "rotating" => brief = rotating(brief),
            "backed" => {
                brief.fallback = Some(codex());
            }
            other => panic!("no such way: {other}"),
        }
    }
    brief
}

fn create(brief: Brief) -> Input {
    Input::Create { brief: Box::new(brief), naming: Naming::Project }
}

/// Takes `fleet` through one line and says what came of it, run by run.
fn play(fleet: &mut Fleet, line: &str) -> String {
    let (secs, text) = line.split_once(' ').unwrap();
    let now = seconds(secs);
    let before = fleet.clone();
    match fleet.decide(input_of(&before, text, now), now) {
        Ok(decided) => changes(&before, fleet, &decided),
        Err(rejected) => {
            assert_eq!(*fleet, before, "what is rejected changes nothing");
            format!("rejected: {}", rejected.slug)
        }
    }
}

fn changes(before: &Fleet, after: &Fleet, decided: &Decided) -> String {
    let mut told_runs = Vec::new();
    let mut runs: Vec<&Arc<Run>> = after.runs.values().collect();
    runs.sort_by_key(|run| run.order);
    for run in runs {
        let new = Arc::new(Run::new(run.brief.clone(), run.order, run.created));
        let old = before.runs.get(run.id()).unwrap_or(&new);
        let effects: Vec<Effect> =
            run_effects(decided).filter(|effect| effect.run() == run.id()).cloned().collect();
        if !before.runs.contains_key(run.id())
            || old.state != run.state
            || old.env != run.env
            || !effects.is_empty()
        {
            told_runs.push(format!("{} {}", run.brief.name, told(old, run, &effects)));
        }
    }
    for (id, task) in &after.tasks {
        if before.tasks[id] != *task {
            told_runs.push(format!("task {}", task.state.as_str()));
        }
    }
    told_runs.join(" | ")
}

#[track_caller]
fn check(limits: Limits, script: &str, want: &str) {
    let mut fleet = fleet(limits);
    let width = script.split(", ").map(str::len).max().unwrap_or_default();
    let mut got = String::new();
    for line in script.split(", ") {
        let line = format!("{line:<width$}  {}", play(&mut fleet, line));
        got += &format!("\n{}", line.trim_end());
    }
    assert!(got == want, "got:\n{got}\nwant:\n{want}");
}

/// A fleet after `script`, of which every line must fit.
fn after(limits: Limits, script: &str) -> Fleet {
    let mut fleet = fleet(limits);
    for line in script.split(", ") {
        let told = play(&mut fleet, line);
        assert!(!told.starts_with("rejected"), "{line}: {told}");
    }
    fleet
}

// slots

#[test]
fn a_run_goes_when_a_slot_is_free_and_in_the_order_of_asking() {
    check(
        ONE,
        "0 create c, 1 create b, 2 create a, 3 c prepared, 4 c started, 9 c exit 7, 10 b stop, 11 b prepared",
        "
0 create c     c preparing, env preparing; Prepare
1 create b     b queued
2 create a     a queued
3 c prepared   c starting, env held; Start
4 c started    c running
9 c exit 7     c ended (failed: agent-exit); Snapshot end | b preparing, env preparing; Prepare
10 b stop      b preparing, unwanted; CancelPrepare
11 b prepared  b ended (stopped: stopped-by-person), env undoing; Undo | a preparing, env preparing; Prepare",
    );
}

#[test]
fn of_fifty_claims_on_two_slots_never_more_than_two_are_active() {
    let mut fleet = fleet(TWO);
    // Their ids are in the other order: it is the asking that counts.
    let names: Vec<String> = (0..50).rev().map(|n| format!("n{}{}", n / 10, n % 10)).collect();
    let active = |fleet: &Fleet| fleet.runs.values().filter(|run| run.is_living()).count();
    for name in &names {
        play(&mut fleet, &format!("0 create {name}"));
        assert!(active(&fleet) <= 2);
    }
    for (nth, name) in names.iter().enumerate() {
        assert_eq!(
            active(&fleet),
            (names.len() - nth).min(2),
            "no slot stays free while somebody waits"
        );
        assert!(run(&fleet, name).is_living(), "first come, first served");
        for line in ["prepared", "started", "turn success", "exit 0"] {
            play(&mut fleet, &format!("1 {name} {line}"));
            assert!(active(&fleet) <= 2);
        }
    }
    assert!(fleet.runs.values().all(|run| run.is_ended()));
}

#[test]
fn a_project_has_its_own_limit() {
    let limits = Limits { runs: 8, per_project: 1, prepare: 4, ..ONE };
    check(limits, "0 create a in web, 1 create b in web, 2 create c, 3 a stop, 4 a prepare-failed user gone", "
0 create a in web             a preparing, env preparing; Prepare
1 create b in web             b queued
2 create c                    c preparing, env preparing; Prepare
3 a stop                      a preparing, unwanted; CancelPrepare
4 a prepare-failed user gone  a ended (stopped: stopped-by-person), env none; Undo | b preparing, env preparing; Prepare");
}

#[test]
fn only_so_many_checkouts_are_made_at_once() {
    let limits = Limits { runs: 8, per_project: 8, prepare: 1, ..ONE };
    check(
        limits,
        "0 create a, 1 create b, 2 a prepared, 3 b prepared",
        "
0 create a    a preparing, env preparing; Prepare
1 create b    b queued
2 a prepared  a starting, env held; Start | b preparing, env preparing; Prepare
3 b prepared  b starting, env held; Start",
    );
}

#[test]
fn a_run_whose_env_stands_needs_no_checkout() {
    let limits = Limits { runs: 8, per_project: 8, prepare: 1, ..ONE };
    check(
        limits,
        "0 create a, 1 a prepared, 2 a started, 9 a exit 7, 10 create b, 11 a again",
        "
0 create a    a preparing, env preparing; Prepare
1 a prepared  a starting, env held; Start
2 a started   a running
9 a exit 7    a ended (failed: agent-exit); Snapshot end
10 create b   b preparing, env preparing; Prepare
11 a again    a starting, attempt 2; Start",
    );
}

#[test]
fn a_run_that_waits_gives_its_slot_back_and_goes_on_when_one_is_free() {
    check(
        ONE,
        "0 create a, 0 create b, 1 a prepared, 2 a started, 3 a ask, 4 a give q, 5 b prepared, 6 b started, 9 b exit 7",
        "
0 create a    a preparing, env preparing; Prepare
0 create b    b queued
1 a prepared  a starting, env held; Start
2 a started   a running
3 a ask       a waiting (answer) | b preparing, env preparing; Prepare
4 a give q
5 b prepared  b starting, env held; Start
6 b started   b running
9 b exit 7    a running; Deliver q | b ended (failed: start); Snapshot end",
    );
}

#[test]
fn an_answer_goes_out_at_once_where_a_slot_is_free() {
    check(
        ONE,
        "0 create a, 1 a prepared, 2 a started, 3 a ask, 4 a give q",
        "
0 create a    a preparing, env preparing; Prepare
1 a prepared  a starting, env held; Start
2 a started   a running
3 a ask       a waiting (answer)
4 a give q    a running; Deliver q",
    );
}

#[test]
fn a_lower_limit_ends_nothing_and_lets_nobody_in() {
    check(
        TWO,
        "0 create a, 0 create b, 0 create c, 1 limits 1, 2 a stop, 3 a prepare-failed user gone, 4 b stop, \
         5 b prepare-failed user gone",
        "
0 create a                    a preparing, env preparing; Prepare
0 create b                    b preparing, env preparing; Prepare
0 create c                    c queued
1 limits 1
2 a stop                      a preparing, unwanted; CancelPrepare
3 a prepare-failed user gone  a ended (stopped: stopped-by-person), env none; Undo
4 b stop                      b preparing, unwanted; CancelPrepare
5 b prepare-failed user gone  b ended (stopped: stopped-by-person), env none; Undo | c preparing, env preparing; Prepare",
    );
}

#[test]
fn a_higher_limit_lets_all_in_who_wait() {
    let mut fleet = fleet(ONE);
    for n in 0..100 {
        play(&mut fleet, &format!("0 create n{}{}", n / 10, n % 10));
    }
    let limits = Limits { runs: 100, per_project: 100, prepare: 100, ..ONE };
    fleet.decide(Input::Limits(limits), Timestamp(0)).unwrap();
    assert_eq!(fleet.runs.values().filter(|run| run.is_living()).count(), 100);
}

#[test]
fn a_checkout_of_ones_own_has_one_run_at_a_time() {
    check(
        TWO,
        "0 create a in-place, 0 create b in-place, 0 create c in-place at /src/api, 1 a prepared, 2 a started, 3 a ask, \
         4 a stop, 5 a exit 143 forced",
        "
0 create a in-place              a preparing, env preparing; Prepare
0 create b in-place              b queued
0 create c in-place at /src/api  c preparing, env preparing; Prepare
1 a prepared                     a starting, env held; Start
2 a started                      a running
3 a ask                          a waiting (answer)
4 a stop                         a stopping (Person); Stop
5 a exit 143 forced              a ended (stopped: stopped-by-person); Snapshot end | b preparing, env preparing; Prepare",
    );
}

#[test]
fn runs_without_a_checkout_do_not_stand_in_each_others_way() {
    check(
        TWO,
        "0 create a nowhere, 0 create b nowhere",
        "
0 create a nowhere  a preparing, env preparing; Prepare
0 create b nowhere  b preparing, env preparing; Prepare",
    );
}

#[test]
fn who_is_held_back_is_told_why() {
    let fleet = after(ONE, "0 create a in-place, 1 create b, 2 a prepare-failed environment disk");
    assert_eq!(fleet.held_back(run(&fleet, "b"), seconds("3")), None, "it was let in");
    let why = fleet.held_back(run(&fleet, "a"), seconds("3")).unwrap();
    assert_eq!(why, "it is tried again at 1970-01-01T00:00:07.000Z");
    let why = fleet.held_back(run(&fleet, "a"), seconds("7")).unwrap();
    assert_eq!(why, "limits.runs: 1 runs hold a slot");
}

// the clock

#[test]
fn the_clock_wakes_a_back_off() {
    check(
        ONE,
        "0 create a, 1 a prepare-failed environment disk, 5 tick, 6 tick",
        "
0 create a                           a preparing, env preparing; Prepare
1 a prepare-failed environment disk  a queued until 6, env none; Undo
5 tick
6 tick                               a preparing, env preparing; Prepare",
    );
}

#[test]
fn a_run_that_only_waits_for_a_slot_wakes_nobody() {
    let fleet = after(ONE, "0 create a, 1 a prepare-failed environment disk, 2 create b, 7 tick");
    assert_eq!(run(&fleet, "a").next_wake(), Some(seconds("6")), "its back-off is over");
    assert_eq!(fleet.next_wake(), None, "and yet there is nothing to do at any moment");
    let fleet = after(ONE, "0 create a, 1 a prepare-failed environment disk");
    assert_eq!(fleet.next_wake(), Some(seconds("6")));
}

#[test]
fn one_tick_serves_all_who_are_due() {
    check(
        TWO,
        "0 create a, 0 create b, 1 a prepared, 1 b prepared, 2 a began, 2 b began, 32 tick",
        "
0 create a    a preparing, env preparing; Prepare
0 create b    b preparing, env preparing; Prepare
1 a prepared  a starting, env held; Start
1 b prepared  b starting, env held; Start
2 a began     a starting
2 b began     b starting
32 tick       a stopping (NeverStarted, force); Stop! | b stopping (NeverStarted, force); Stop!",
    );
}

// tasks

#[test]
fn a_task_that_a_live_run_holds_refuses_a_second_and_names_the_first() {
    let mut fleet = after(TWO, "0 create a for t");
    let before = fleet.clone();
    let second = create(brief_of("b", &["for", "t"]));
    let rejected = fleet.decide(second, Timestamp(0)).unwrap_err();
    assert_eq!(rejected.slug, "task-held");
    assert!(rejected.text.contains(&format!("{} (a)", id("a"))), "{}", rejected.text);
    assert_eq!(rejected.hints, [format!("skep show {}", id("a"))]);
    assert_eq!(fleet, before);
}

#[test]
fn of_two_claims_of_one_task_exactly_one_succeeds() {
    check(
        TWO,
        "0 create a for t, 0 create b for t, 0 create c for u",
        "
0 create a for t  a preparing, env preparing; Prepare | task implementing
0 create b for t  rejected: task-held
0 create c for u  c preparing, env preparing; Prepare | task implementing",
    );
}

#[test]
fn a_task_that_is_completed_refuses() {
    check(
        TWO,
        "0 create a for t, 1 a prepared, 2 a started, 3 a turn success, 9 a exit 0, 10 create b for t",
        "
0 create a for t   a preparing, env preparing; Prepare | task implementing
1 a prepared       a starting, env held; Start
2 a started        a running
3 a turn success   a running; Snapshot turn
9 a exit 0         a ended (completed); Snapshot end | task completed
10 create b for t  rejected: task-completed",
    );
}

#[test]
fn a_task_is_free_again_after_a_failure_or_a_stop() {
    check(
        TWO,
        "0 create a for t, 1 a prepared, 2 a started, 9 a exit 7, 10 create b for t, 11 b stop, 12 b prepared, 13 create c for t",
        "
0 create a for t   a preparing, env preparing; Prepare | task implementing
1 a prepared       a starting, env held; Start
2 a started        a running
9 a exit 7         a ended (failed: agent-exit); Snapshot end | task failed
10 create b for t  b preparing, env preparing; Prepare | task implementing
11 b stop          b preparing, unwanted; CancelPrepare
12 b prepared      b ended (stopped: stopped-by-person), env undoing; Undo | task ingested
13 create c for t  c preparing, env preparing; Prepare | task implementing",
    );
}

#[test]
fn a_task_stays_with_a_run_that_is_tried_again_after_a_death() {
    check(
        TWO,
        "0 create a for t, 1 a prepared, 2 a started, 9 a exit 137 forced, 10 create b for t",
        "
0 create a for t     a preparing, env preparing; Prepare | task implementing
1 a prepared         a starting, env held; Start
2 a started          a running
9 a exit 137 forced  a queued until 14, attempt 2; Snapshot end
10 create b for t    rejected: task-held",
    );
}

#[test]
fn another_attempt_takes_the_task_up_again_unless_another_run_has_it() {
    check(
        TWO,
        "0 create a for t, 1 a prepared, 2 a started, 9 a exit 7, 10 create b for t, 11 a again, 12 b prepared, \
         13 b started, 19 b exit 7, 20 a again, 21 b again",
        "
0 create a for t   a preparing, env preparing; Prepare | task implementing
1 a prepared       a starting, env held; Start
2 a started        a running
9 a exit 7         a ended (failed: agent-exit); Snapshot end | task failed
10 create b for t  b preparing, env preparing; Prepare | task implementing
11 a again         rejected: task-held
12 b prepared      b starting, env held; Start
13 b started       b running
19 b exit 7        b ended (failed: agent-exit); Snapshot end | task failed
20 a again         a starting, attempt 2; Start | task implementing
21 b again         rejected: task-held",
    );
}

#[test]
fn a_completed_run_can_be_taken_up_again_with_its_task_but_no_other_can() {
    check(
        TWO,
        "0 create a for t, 1 a prepared, 2 a started, 9 a exit 7, 10 create b for t, 11 b prepared, 12 b started, \
         13 b turn success, 19 b exit 0, 20 a again, 21 b again",
        "
0 create a for t   a preparing, env preparing; Prepare | task implementing
1 a prepared       a starting, env held; Start
2 a started        a running
9 a exit 7         a ended (failed: agent-exit); Snapshot end | task failed
10 create b for t  b preparing, env preparing; Prepare | task implementing
11 b prepared      b starting, env held; Start
12 b started       b running
13 b turn success  b running; Snapshot turn
19 b exit 0        b ended (completed); Snapshot end | task completed
20 a again         rejected: task-completed
21 b again         b starting, attempt 2; Start | task implementing",
    );
}

#[test]
fn a_task_that_is_not_known_refuses() {
    check(
        TWO,
        "0 create a for x",
        "
0 create a for x  rejected: task-unknown",
    );
}

#[test]
fn every_outcome_leaves_its_task_somewhere() {
    let after = |outcome| TaskState::after(outcome);
    assert_eq!(after(Outcome::Completed), TaskState::Completed);
    assert_eq!(
        (after(Outcome::Failed), after(Outcome::Lost)),
        (TaskState::Failed, TaskState::Failed)
    );
    assert_eq!(
        (after(Outcome::Stopped), after(Outcome::Interrupted)),
        (TaskState::Ingested, TaskState::Ingested)
    );
}

#[test]
fn a_task_needs_what_it_needs() {
    let mut fleet = fleet(ONE);
    let needy = Task { needs: vec![task_id("t")], ..task("v") };
    assert!(fleet.decide(Input::AddTask(needy), Timestamp(0)).is_ok());
    let needy = Task { needs: vec![task_id("x")], ..task("w") };
    assert_eq!(fleet.decide(Input::AddTask(needy), Timestamp(0)).unwrap_err().slug, "task-unknown");
}

// ids, names, branches, projects

#[test]
fn an_id_is_given_once() {
    let mut fleet = after(ONE, "0 create a");
    assert_eq!(play(&mut fleet, "0 create a called other"), "rejected: id-taken");
    assert_eq!(fleet.decide(Input::AddTask(task("t")), Timestamp(0)).unwrap_err().slug, "id-taken");
}

#[test]
fn a_name_is_held_while_there_is_anything_behind_it() {
    check(
        TWO,
        "0 create a, 1 create b called a, 2 a prepared, 3 a started, 9 a exit 7, 10 create b called a, 11 a close 1, \
         12 create b called a, 13 a op 1 closed, 14 create b called a",
        "
0 create a            a preparing, env preparing; Prepare
1 create b called a   rejected: name-taken
2 a prepared          a starting, env held; Start
3 a started           a running
9 a exit 7            a ended (failed: agent-exit); Snapshot end
10 create b called a  rejected: name-taken
11 a close 1          a ended (failed: agent-exit), env closing; Close
12 create b called a  rejected: name-taken
13 a op 1 closed      a ended (failed: agent-exit), env closed
14 create b called a  a preparing, env preparing; Prepare",
    );
}

#[test]
fn a_run_that_never_had_an_env_loses_its_name_to_the_next() {
    check(
        ONE,
        "0 create a, 1 create b, 2 b stop, 3 create c called b, 4 b again",
        "
0 create a           a preparing, env preparing; Prepare
1 create b           b queued
2 b stop             b ended (stopped: stopped-by-person)
3 create c called b  b queued
4 b again            rejected: name-taken",
    );
}

#[test]
fn a_run_without_a_name_gets_a_free_one_of_its_projects_theme() {
    let mut fleet = fleet(Limits { workers: 120, ..ONE });
    for n in 0..120 {
        play(&mut fleet, &format!("0 create n{}{} in web unnamed", n / 10, n % 10));
    }
    let names: BTreeSet<&str> = fleet.runs.values().map(|run| run.brief.name.as_str()).collect();
    assert_eq!(names.len(), 120);
    let theme = names::theme(&fleet.themes["web"]).unwrap();
    assert!(theme.names().all(|name| names.contains(name)), "{names:?}");
    assert!(names.contains("web-51") && names.contains("web-120"), "{names:?}");
}

#[test]
fn a_numbered_name_that_a_person_took_is_passed_over() {
    let mut fleet = fleet(Limits { workers: 60, ..ONE });
    play(&mut fleet, "0 create taken in web called web-52");
    for n in 0..52 {
        play(&mut fleet, &format!("0 create n{}{} in web unnamed", n / 10, n % 10));
    }
    let names: BTreeSet<&str> = fleet.runs.values().map(|run| run.brief.name.as_str()).collect();
    assert_eq!(names.len(), fleet.runs.len());
}

#[test]
fn a_project_has_only_so_many_named_workers() {
    let mut fleet = fleet(Limits { workers: 2, ..ONE });
    for n in 0..2 {
        play(&mut fleet, &format!("0 create n0{n} in web unnamed"));
    }
    assert_eq!(play(&mut fleet, "0 create n02 in web unnamed"), "rejected: workers-full");
    assert!(!play(&mut fleet, "0 create n02 unnamed").starts_with("rejected"), "of no project");
    play(&mut fleet, "1 n01 stop");
    assert!(!play(&mut fleet, "2 create n03 in web unnamed").starts_with("rejected"));
}

#[test]
fn a_name_is_a_projects_own() {
    check(
        ONE,
        "0 create a in web called jade, 1 create b called jade, 2 create c in web called jade",
        "
0 create a in web called jade  jade preparing, env preparing; Prepare
1 create b called jade         jade queued
2 create c in web called jade  rejected: name-taken",
    );
}

#[test]
fn a_projects_theme_is_chosen_once() {
    let mut fleet = fleet(ONE);
    play(&mut fleet, "0 create a in web unnamed");
    let first = fleet.themes.clone();
    assert_eq!(first.keys().collect::<Vec<_>>(), ["web"]);
    play(&mut fleet, "1 create b in web unnamed");
    play(&mut fleet, "2 create c in web called jade");
    assert_eq!(fleet.themes, first);
}

#[test]
fn a_branch_that_was_asked_for_is_for_one_run() {
    check(
        TWO,
        "0 create a on fix, 1 create b on fix, 2 create c on fix at /src/api, 3 a stop, 4 a prepare-failed user x, \
         5 create d on fix",
        "
0 create a on fix              a preparing, env preparing; Prepare
1 create b on fix              rejected: branch-held
2 create c on fix at /src/api  c preparing, env preparing; Prepare
3 a stop                       a preparing, unwanted; CancelPrepare
4 a prepare-failed user x      a ended (stopped: stopped-by-person), env none; Undo
5 create d on fix              d preparing, env preparing; Prepare",
    );
    let mut fleet = fleet(ONE);
    let mut nameless = brief_of("a", &["on", "x"]);
    nameless.place.branches.clear();
    assert!(fleet.decide(create(nameless), Timestamp(0)).is_ok(), "nothing was asked for");
}

#[test]
fn a_run_on_a_commit_neither_takes_a_branch_nor_waits_for_one() {
    let detached = |name: &str| {
        let mut brief = brief_of(name, &["on", "fix"]);
        brief.place.detached = Some("1".repeat(40));
        brief
    };
    let mut fleet = fleet(ONE);
    for name in ["a", "b"] {
        fleet.decide(create(detached(name)), Timestamp(0)).unwrap();
    }
    assert_eq!(fleet.runs.len(), 2);
    assert!(fleet.decide(create(brief_of("c", &["on", "fix"])), Timestamp(1)).is_ok());
}

#[test]
fn the_branch_that_a_run_was_given_counts_and_not_the_one_it_would_have_liked() {
    let mut fleet = after(ONE, "0 create a, 1 a prepared");
    assert_eq!(play(&mut fleet, "2 create b on skep/a"), "rejected: branch-held");
}

#[test]
fn a_run_belongs_to_a_project_that_is_known() {
    check(
        ONE,
        "0 create a in nowhere",
        "
0 create a in nowhere  rejected: project-unknown",
    );
}

#[test]
fn a_project_that_is_added_again_keeps_what_was_approved() {
    let mut fleet = fleet(ONE);
    let approve = Input::Approve { project: "web".to_owned(), digest: "d1".to_owned() };
    fleet.decide(approve, Timestamp(0)).unwrap();
    let again = Project {
        added: Timestamp(9),
        base: Some("dev".to_owned()),
        ..project("web", "/src/web/.git")
    };
    fleet.decide(Input::AddProject(again), Timestamp(9)).unwrap();
    let held = &fleet.projects["web"];
    assert_eq!(
        (held.approved.as_deref(), held.base.as_deref(), held.added),
        (Some("d1"), Some("dev"), Timestamp(0))
    );
}

#[test]
fn a_projects_name_is_for_one_repository() {
    let mut fleet = fleet(ONE);
    let other = project("web", "/src/other/.git");
    assert_eq!(
        fleet.decide(Input::AddProject(other), Timestamp(0)).unwrap_err().slug,
        "project-name-taken"
    );
}

#[test]
fn a_project_with_something_in_an_env_stays() {
    let remove = || Input::RemoveProject { name: "web".to_owned() };
    let mut fleet = after(ONE, "0 create a in web");
    assert_eq!(fleet.decide(remove(), Timestamp(0)).unwrap_err().slug, "project-held");
    for line in ["1 a prepared", "2 a started", "9 a exit 7"] {
        play(&mut fleet, line);
        assert_eq!(
            fleet.decide(remove(), Timestamp(0)).unwrap_err().slug,
            "project-held",
            "{line}"
        );
    }
    play(&mut fleet, "10 a close 1");
    play(&mut fleet, "11 a op 1 closed");
    assert!(fleet.decide(remove(), Timestamp(0)).is_ok());
    assert_eq!(fleet.decide(remove(), Timestamp(0)).unwrap_err().slug, "project-unknown");
}

// giving way

#[test]
fn a_run_that_takes_anothers_place_waits_until_nothing_of_that_one_lives() {
    check(
        TWO,
        "0 create a for t, 1 a prepared, 2 a started, 9 create b for t over a, 10 a exit 143 forced",
        "
0 create a for t         a preparing, env preparing; Prepare | task implementing
1 a prepared             a starting, env held; Start
2 a started              a running
9 create b for t over a  a stopping (Superseded); Stop | b queued | task implementing
10 a exit 143 forced     a ended (stopped: superseded); Snapshot end | b preparing, env preparing; Prepare",
    );
    check(
        TWO,
        "0 create a for t, 1 a prepared, 2 a started, 9 create b for t over a, 10 a gone, 11 a swept unknown, 21 tick, 22 a swept unknown, 33 tick, 34 a swept",
        "
0 create a for t         a preparing, env preparing; Prepare | task implementing
1 a prepared             a starting, env held; Start
2 a started              a running
9 create b for t over a  a stopping (Superseded); Stop | b queued | task implementing
10 a gone                a stopping (Superseded, force, gone); Sweep
11 a swept unknown
21 tick
22 a swept unknown
33 tick                  a stopping (Superseded, force, gone); Sweep
34 a swept               a ended (stopped: superseded); Snapshot end | b preparing, env preparing; Prepare",
    );
}

#[test]
fn a_task_moves_on_to_the_run_that_takes_anothers_place() {
    check(
        TWO,
        "0 create a for t, 1 a prepared, 2 a started, 9 create b for t over a, 10 create c for t, 11 a exit 143 forced, 12 a again, 13 b prepared, 14 b started, 15 b turn success, 16 b exit 0",
        "
0 create a for t         a preparing, env preparing; Prepare | task implementing
1 a prepared             a starting, env held; Start
2 a started              a running
9 create b for t over a  a stopping (Superseded); Stop | b queued | task implementing
10 create c for t        rejected: task-held
11 a exit 143 forced     a ended (stopped: superseded); Snapshot end | b preparing, env preparing; Prepare
12 a again               rejected: task-held
13 b prepared            b starting, env held; Start
14 b started             b running
15 b turn success        b running; Snapshot turn
16 b exit 0              b ended (completed); Snapshot end | task completed",
    );
}

#[test]
fn who_gives_way_in_the_queue_or_has_ended_holds_nobody_up() {
    check(
        ONE,
        "0 create c, 0 create a for t, 1 create b for t over a, 2 c stop, 3 c prepared",
        "
0 create c               c preparing, env preparing; Prepare
0 create a for t         a queued | task implementing
1 create b for t over a  a ended (stopped: superseded) | b queued | task implementing
2 c stop                 c preparing, unwanted; CancelPrepare
3 c prepared             c ended (stopped: stopped-by-person), env undoing; Undo | b preparing, env preparing; Prepare",
    );
    check(
        TWO,
        "0 create a for t, 1 a stop, 2 a prepared, 3 a undone, 4 create b for t over a",
        "
0 create a for t         a preparing, env preparing; Prepare | task implementing
1 a stop                 a preparing, unwanted; CancelPrepare
2 a prepared             a ended (stopped: stopped-by-person), env undoing; Undo | task ingested
3 a undone               a ended (stopped: stopped-by-person), env none
4 create b for t over a  b preparing, env preparing; Prepare | task implementing",
    );
    check(
        ONE,
        "0 create b over a",
        "
0 create b over a  rejected: run-unknown",
    );
}

#[test]
fn whoever_takes_up_a_task_after_one_that_gave_way_waits_for_its_end_too() {
    check(
        TWO,
        "0 create a for t, 1 a prepared, 2 a started, 9 create b for t over a, 10 b stop, 11 create c for t, 12 a exit 143 forced",
        "
0 create a for t         a preparing, env preparing; Prepare | task implementing
1 a prepared             a starting, env held; Start
2 a started              a running
9 create b for t over a  a stopping (Superseded); Stop | b queued | task implementing
10 b stop                b ended (stopped: stopped-by-person) | task ingested
11 create c for t        c queued | task implementing
12 a exit 143 forced     a ended (stopped: superseded); Snapshot end | c preparing, env preparing; Prepare",
    );
}

// disk

#[test]
fn below_the_floor_nothing_new_starts_and_what_holds_an_env_goes_on() {
    check(
        TWO,
        "0 create a, 1 a prepared, 2 a started, 3 a ask, 4 disk 999, 5 create b, 6 a give q, 9 a exit 7, 10 a again, 11 disk unknown, 12 disk 998, 13 disk 1000",
        "
0 create a       a preparing, env preparing; Prepare
1 a prepared     a starting, env held; Start
2 a started      a running
3 a ask          a waiting (answer)
4 disk 999
5 create b       b queued
6 a give q       a running; Deliver q
9 a exit 7       a ended (failed: agent-exit); Snapshot end
10 a again       a starting, attempt 2; Start
11 disk unknown
12 disk 998
13 disk 1000     b preparing, env preparing; Prepare",
    );
}

#[test]
fn free_disk_that_could_not_be_measured_is_no_reason() {
    check(
        ONE,
        "0 disk unknown, 1 create a",
        "
0 disk unknown
1 create a      a preparing, env preparing; Prepare",
    );
}

// collecting

#[test]
fn what_has_had_its_time_goes_by_one_wish() {
    check(
        TWO,
        "0 create a, 1 a prepared, 2 a started, 3 a turn success, 4 a snapped 0, 9 a exit 0, 10 a snapped 1, 28 clean 1, 29 clean 1, 30 clean 1, 31 a op 1 closed 2, 41 clean 2, 42 a purged 2, 55 clean 3, 56 a op 3 forgotten 0, 80 clean 4, 81 a op 4 forgotten 1 2, 100 clean 5, 101 a logs-dropped, 200 clean 6",
        "
0 create a               a preparing, env preparing; Prepare
1 a prepared             a starting, env held; Start
2 a started              a running
3 a turn success         a running; Snapshot turn
4 a snapped 0
9 a exit 0               a ended (completed); Snapshot end
10 a snapped 1
28 clean 1
29 clean 1               a ended (completed), env closing; Close aged
30 clean 1
31 a op 1 closed 2       a ended (completed), env closed
41 clean 2               a ended (completed); Purge
42 a purged 2
55 clean 3               a ended (completed); Forget
56 a op 3 forgotten 0
80 clean 4               a ended (completed); Forget
81 a op 4 forgotten 1 2
100 clean 5              a ended (completed); DropLogs
101 a logs-dropped
200 clean 6",
    );
}

#[test]
fn a_failing_settling_is_tried_again_by_the_collector() {
    check(
        TWO,
        "0 create a, 1 a prepared, 2 a started, 9 a exit 7, 10 a snapped 0, 11 a close 1 force, 12 a op 1 closed unsettled, 13 a settled 1 failed, 14 clean 2, 15 a settled 1 failed, 16 clean 3, 17 a settled 1, 18 clean 4",
        "
0 create a                  a preparing, env preparing; Prepare
1 a prepared                a starting, env held; Start
2 a started                 a running
9 a exit 7                  a ended (failed: agent-exit); Snapshot end
10 a snapped 0
11 a close 1 force          a ended (failed: agent-exit), env closing; Close!
12 a op 1 closed unsettled  a ended (failed: agent-exit), env closed but unsettled; Settle
13 a settled 1 failed
14 clean 2                  a ended (failed: agent-exit); Settle
15 a settled 1 failed
16 clean 3                  a ended (failed: agent-exit); Settle
17 a settled 1
18 clean 4",
    );
}

#[test]
fn an_env_that_could_not_go_is_asked_after_only_an_hour_later() {
    check(
        TWO,
        "0 create a, 1 a prepared, 2 a started, 3 a turn success, 9 a exit 0, 29 clean 1, 30 a op 1 refused, 31 clean 2, 3629 clean 3, 3630 clean 4, 3631 a op 4 failed, 3632 clean 5",
        "
0 create a          a preparing, env preparing; Prepare
1 a prepared        a starting, env held; Start
2 a started         a running
3 a turn success    a running; Snapshot turn
9 a exit 0          a ended (completed); Snapshot end
29 clean 1          a ended (completed), env closing; Close aged
30 a op 1 refused   a ended (completed), env held
31 clean 2
3629 clean 3
3630 clean 4        a ended (completed), env closing; Close aged
3631 a op 4 failed  a ended (completed), env held
3632 clean 5",
    );
}

#[test]
fn one_wish_never_gives_an_env_back_and_forgets_a_snapshot_of_it_at_once() {
    check(
        TWO,
        "0 create a, 1 a prepared, 2 a started, 3 a turn success, 4 a snapped 0, 9 a exit 0, 90 clean 1, 91 a op 1 refused, 92 clean 2, 93 a op 2 forgotten 0",
        "
0 create a             a preparing, env preparing; Prepare
1 a prepared           a starting, env held; Start
2 a started            a running
3 a turn success       a running; Snapshot turn
4 a snapped 0
9 a exit 0             a ended (completed); Snapshot end
90 clean 1             a ended (completed), env closing; Close aged
91 a op 1 refused      a ended (completed), env held
92 clean 2             a ended (completed); Forget
93 a op 2 forgotten 0",
    );
}

#[test]
fn short_disk_asks_the_oldest_first_and_living_runs_never() {
    check(
        TWO,
        "0 create a, 1 a prepared, 2 a started, 9 a exit 7, 10 create b, 11 b prepared, 12 b started, 19 b exit 7, 20 create c, 21 c prepared, 22 disk 1, 23 clean 1",
        "
0 create a     a preparing, env preparing; Prepare
1 a prepared   a starting, env held; Start
2 a started    a running
9 a exit 7     a ended (failed: agent-exit); Snapshot end
10 create b    b preparing, env preparing; Prepare
11 b prepared  b starting, env held; Start
12 b started   b running
19 b exit 7    b ended (failed: agent-exit); Snapshot end
20 create c    c preparing, env preparing; Prepare
21 c prepared  c starting, env held; Start
22 disk 1
23 clean 1     a ended (failed: agent-exit), env closing; Close aged | b ended (failed: agent-exit), env closing; Close aged",
    );
}

#[test]
fn what_is_being_restored_is_left_alone_by_the_collector() {
    check(
        TWO,
        "0 create a, 1 a prepared, 2 a started, 9 a exit 7, 10 a snapped 0, 11 a close 1 force, 12 a op 1 closed 1, 13 a undo 2 1, 300 clean 3, 301 a purge 1",
        "
0 create a          a preparing, env preparing; Prepare
1 a prepared        a starting, env held; Start
2 a started         a running
9 a exit 7          a ended (failed: agent-exit); Snapshot end
10 a snapped 0
11 a close 1 force  a ended (failed: agent-exit), env closing; Close!
12 a op 1 closed 1  a ended (failed: agent-exit), env closed
13 a undo 2 1       a ended (failed: agent-exit), env coming back; Restore
300 clean 3
301 a purge 1       rejected: misplaced",
    );
}

// coming back

#[test]
fn a_run_whose_name_was_given_away_comes_back_under_another() {
    check(
        TWO,
        "0 create a, 1 a prepared, 2 a started, 9 a exit 7, 10 a close 1 force, 11 a op 1 closed 1, 12 create b called a, 13 a undo 2 1, 14 a op 2 restored 1",
        "
0 create a            a preparing, env preparing; Prepare
1 a prepared          a starting, env held; Start
2 a started           a running
9 a exit 7            a ended (failed: agent-exit); Snapshot end
10 a close 1 force    a ended (failed: agent-exit), env closing; Close!
11 a op 1 closed 1    a ended (failed: agent-exit), env closed
12 create b called a  a preparing, env preparing; Prepare
13 a undo 2 1         avocet ended (failed: agent-exit), called avocet, env coming back; Restore
14 a op 2 restored 1  avocet ended (failed: agent-exit), env held",
    );
    check(
        TWO,
        "0 create a, 1 a prepared, 2 a started, 9 a exit 7, 10 a close 1 force, 11 a op 1 closed 1, 13 a undo 2 1, 14 create b called a",
        "
0 create a            a preparing, env preparing; Prepare
1 a prepared          a starting, env held; Start
2 a started           a running
9 a exit 7            a ended (failed: agent-exit); Snapshot end
10 a close 1 force    a ended (failed: agent-exit), env closing; Close!
11 a op 1 closed 1    a ended (failed: agent-exit), env closed
13 a undo 2 1         a ended (failed: agent-exit), env coming back; Restore
14 create b called a  rejected: name-taken",
    );
}

#[test]
fn a_project_stays_while_an_env_of_it_comes_back() {
    let remove = || Input::RemoveProject { name: "web".to_owned() };
    let closed = "0 create a in web, 1 a prepared, 2 a started, 9 a exit 7, 10 a close 1 force, 11 a op 1 closed 1";
    let mut fleet = after(ONE, &format!("{closed}, 12 a undo 2 1"));
    assert_eq!(fleet.decide(remove(), Timestamp(0)).unwrap_err().slug, "project-held");
}

#[test]
fn who_is_held_back_by_disk_or_by_whom_it_replaces_is_told_so() {
    let fleet = after(TWO, "0 disk 999, 1 create a");
    let why = fleet.held_back(run(&fleet, "a"), seconds("2")).unwrap();
    assert_eq!(why, "limits.disk_free: 999 bytes are free, 1000 must be");
    let fleet = after(TWO, "0 create a, 1 a prepared, 2 a started, 3 create b over a");
    let why = fleet.held_back(run(&fleet, "b"), seconds("4")).unwrap();
    assert_eq!(why, format!("it takes the place of {}, which has not ended yet", id("a")));
    assert_eq!(
        fleet.next_wake(),
        Some(seconds("15")),
        "the stop has a deadline, the wait has none"
    );
}

// finding

/// Three runs, of which two have ids that begin alike.
fn alike() -> Fleet {
    let mut fleet = fleet(ONE);
    for (name, bytes) in [
        ("amber", [10; 10]),
        ("beryl", [10, 10, 10, 10, 10, 10, 10, 10, 10, 11]),
        ("jet", [18; 10]),
    ] {
        let brief = Brief { id: RunId::new(bytes), name: name.to_owned(), ..brief(name) };
        fleet.decide(create(brief), Timestamp(0)).unwrap();
    }
    fleet
}

fn found(fleet: &Fleet, text: &str) -> String {
    match fleet.find_run(text) {
        Ok(run) => run.brief.name.clone(),
        Err(rejected) => rejected.slug.to_owned(),
    }
}

#[test]
fn a_run_is_found_by_its_id_or_the_beginning_of_it() {
    let fleet = alike();
    assert_eq!(found(&fleet, "run_aaaaaaaaaa"), "amber");
    assert_eq!(found(&fleet, "aaaaaaaaaa"), "amber");
    assert_eq!(found(&fleet, "run_aaaaaaaaab"), "beryl");
    assert_eq!(found(&fleet, "run_j"), "jet");
    assert_eq!(found(&fleet, "j"), "jet");
}

#[test]
fn a_beginning_that_fits_several_lists_them() {
    let fleet = alike();
    let rejected = fleet.find_run("run_aaa").unwrap_err();
    assert_eq!(rejected.slug, "run-ambiguous");
    for candidate in ["run_aaaaaaaaaa (amber)", "run_aaaaaaaaab (beryl)"] {
        assert!(rejected.text.contains(candidate), "{}", rejected.text);
    }
    assert!(!rejected.text.contains("jet"), "{}", rejected.text);
}

#[test]
fn what_fits_nothing_is_told_what_there_is() {
    let fleet = alike();
    for text in ["", "run_", "x", "RUN_J", "amber ", "run_amber", "../amber", "aaaaaaaaaaa"] {
        let rejected = fleet.find_run(text).unwrap_err();
        assert_eq!(rejected.slug, "run-unknown", "{text}");
        assert!(rejected.text.contains("run_jjjjjjjjjj (jet)"), "{}", rejected.text);
    }
    assert_eq!(Fleet::default().find_run("x").unwrap_err().text, "no run is called `x`");
}

#[test]
fn a_name_means_the_run_that_holds_it_else_the_last_that_held_it() {
    let mut fleet = after(
        TWO,
        "0 create a, 1 a prepared, 2 a started, 9 a exit 7, 10 a close 1, 11 a op 1 closed",
    );
    assert_eq!(fleet.find_run("a").unwrap().id(), &id("a"), "the last that held it");
    for line in ["12 create b called a", "13 b prepared", "14 b started", "19 b exit 7"] {
        play(&mut fleet, line);
        assert_eq!(fleet.find_run("a").unwrap().id(), &id("b"), "{line}: the one that holds it");
    }
    play(&mut fleet, "20 b close 2");
    play(&mut fleet, "21 b op 2 closed");
    assert_eq!(fleet.find_run("a").unwrap().id(), &id("b"), "the last of two that held it");
}

#[test]
fn a_name_that_went_back_to_an_older_run_means_the_older_run() {
    let fleet =
        after(ONE, "0 create x, 0 create a, 1 a stop, 2 create b called a, 3 b stop, 4 a again");
    assert_eq!(fleet.find_run("a").unwrap().id(), &id("a"));
}

#[test]
fn a_name_that_is_also_the_beginning_of_an_id_is_a_name() {
    let mut fleet = alike();
    play(&mut fleet, "0 create z called j");
    assert_eq!(fleet.find_run("j").unwrap().id(), &id("z"));
    assert_eq!(found(&fleet, "run_j"), "jet");
}

#[test]
fn a_task_is_found_by_its_id_or_the_beginning_of_it() {
    let mut fleet = fleet(ONE);
    let other = TaskId::new([b't', b't', b't', 0, 0, 0, 0, 0, 0, 0]);
    fleet.decide(Input::AddTask(Task { id: other.clone(), ..task("x") }), Timestamp(0)).unwrap();
    let t = task_id("t");
    assert_eq!(fleet.find_task(t.as_str()).unwrap().id, t);
    assert_eq!(fleet.find_task(other.tail()).unwrap().id, other);
    assert_eq!(fleet.find_task(&t.as_str()[..8]).unwrap_err().slug, "task-ambiguous");
    for text in ["", "task_", "12", "#12", "abcdef1"] {
        assert_eq!(fleet.find_task(text).unwrap_err().slug, "task-unknown", "{text}");
    }
}

#[test]
fn what_is_not_known_is_told_so() {
    let mut fleet = fleet(ONE);
    let input = Input::Run { run: id("a"), input: run::Input::Tick };
    assert_eq!(fleet.decide(input, Timestamp(0)).unwrap_err().slug, "run-unknown");
    let misfit = fleet
        .apply("run_0000000000", &Event::Run(run::Event::Admitted {}), Timestamp(0))
        .unwrap_err();
    assert_eq!(misfit.to_string(), "`run_0000000000` is not known");
    let misfit =
        fleet.apply("fleet", &Event::Run(run::Event::Admitted {}), Timestamp(0)).unwrap_err();
    assert_eq!(misfit.to_string(), "`fleet` is not known");
}
