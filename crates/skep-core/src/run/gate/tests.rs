//! Scenes of a gate: a command on a commit, and what its end is worth.

use super::super::{
    Brief, Gate, Hears, Kind, Place, State,
    tests::script::{after, brief, check_of, input, op, seconds, shown},
};

/// The brief of a gate, called `name`, for the work of the run called `of`.
pub(crate) fn brief_of_gate(name: &str, of: &str) -> Brief {
    let asked = brief(name);
    Brief {
        kind: Kind::Gate,
        title: "test".to_owned(),
        agent: "plain".to_owned(),
        speaks: false,
        hears: Hears::default(),
        gate: Some(Gate {
            name: "test".to_owned(),
            run: "scripts/test".to_owned(),
            tools: Vec::new(),
            of: brief(of).id,
            op: op(7),
            tree: "t1".to_owned(),
            commit: "c1".to_owned(),
        }),
        place: Place { detached: Some("c1".to_owned()), branches: Vec::new(), ..asked.place },
        ..asked
    }
}

fn garnet() -> Brief {
    let brief = brief_of_gate("garnet", "amber");
    Brief { policy: super::super::Policy { turn_ms: 20 * 60_000, ..brief.policy }, ..brief }
}

#[track_caller]
fn check(before: &str, script: &str, want: &str) {
    check_of(garnet(), before, script, want);
}

#[track_caller]
fn ends(script: &str, want: &str, words: &str) {
    let run = after(garnet(), &format!("0 admit, 1 prepared, 2 started, {script}"));
    assert_eq!(shown(&run), format!("ended ({want})"), "{script}");
    let State::Ended { text, .. } = &run.state else { panic!("ended") };
    assert_eq!(text, words, "{script}");
}

#[test]
fn it_ends_with_its_command_and_its_env_goes_without_a_snapshot() {
    check(
        "",
        "0 admit, 1 prepared, 2 started, 9 exit 0",
        "
0 admit     preparing, env preparing; Prepare
1 prepared  starting, env held; Start
2 started   running
9 exit 0    ended (completed), env closing; Close spent",
    );
    let mut run = after(garnet(), "0 admit, 1 prepared, 2 started, 9 exit 1");
    let done = super::super::OpResult::Closed {
        kept_branch: None,
        trash: None,
        text: String::new(),
        merged: None,
        snapshot: None,
        unsettled: false,
    };
    let wish = run.own_wish();
    let step = run.step(super::Input::OpDone { op: wish, result: done }, seconds("10")).unwrap();
    for event in &step.events {
        run.apply(event, seconds("10")).unwrap();
    }
    assert_eq!(shown(&run), "ended (failed: gate-failed)");
    assert!(run.closed && run.snapshots.is_empty() && run.undoable.is_empty());
}

#[test]
fn only_a_good_exit_passes_whatever_it_printed() {
    ends("9 exit 0", "completed", "");
    ends("9 turn failed, 9 error model, 9 limit, 9 exit 0 untouched", "completed", "");
    ends("9 turn success, 9 words, 9 claims done, 9 exit 3", "failed: gate-failed", "exit code 3");
    ends("9 signal 11", "failed: gate-failed", "ended by signal 11");
    ends("2 exit 1", "failed: gate-failed", "exit code 1");
    ends("9 limit, 9 exit 1", "failed: gate-failed", "exit code 1");
}

#[test]
fn silence_is_no_fault_and_its_own_time_is_its_only_clock() {
    check(
        "0 admit, 1 prepared, 2 started",
        "60 silent, 120 silent, 121 tick, 122 halt, 1200 overdue turn, 1203 exit 143 forced",
        "
60 silent             running
120 silent            running
121 tick              running
122 halt              running
1200 overdue turn     stopping (Timeout); Stop
1203 exit 143 forced  ended (failed: timeout), env closing; Close spent",
    );
    ends("1200 overdue turn, 1201 exit 0", "failed: timeout", "longer than its 20 min");
    ends("1200 overdue turn, 1201 exit 143", "failed: timeout", "longer than its 20 min");
}

#[test]
fn a_person_may_stop_one() {
    ends("9 stop, 10 exit 143 forced", "stopped: stopped-by-person", "");
    ends("9 stop, 10 exit 0", "stopped: stopped-by-person", "");
    check(
        "0 admit, 1 prepared, 2 started",
        "9 close 9 force, 10 exit 137 forced",
        "
9 close 9 force     stopping (Person); Stop
10 exit 137 forced  ended (stopped: stopped-by-person), env closing; Close spent",
    );
}

#[test]
fn one_whose_guards_or_machine_died_is_not_tried_again_where_it_left_something() {
    let killed = "its gatekeeper was killed";
    ends("9 exit 137 forced", "lost: supervisor-lost", killed);
    ends("9 gone, 10 swept", "lost: supervisor-lost", killed);
    ends(
        "9 gone restarted, 10 swept",
        "interrupted: host-restart",
        "the machine was started again",
    );
    // It ended by itself while nobody was there to hear.
    ends("9 gone, 10 exit 0", "completed", "");
    ends("9 gone, 10 exit 2", "failed: gate-failed", "exit code 2");
}

#[test]
fn a_fault_of_the_environment_before_it_began_is_tried_again() {
    check(
        "0 admit",
        "1 prepare-failed environment disk, 7 admit, 8 prepare-failed user set-up-failed",
        "
1 prepare-failed environment disk    queued until 6, env none; Undo
7 admit                              preparing, env preparing; Prepare
8 prepare-failed user set-up-failed  ended (failed: set-up), env none; Undo",
    );
    check(
        "0 admit, 1 prepared",
        "2 exit 1 unstarted",
        "
2 exit 1 unstarted  ended (failed: start), env undoing; Undo",
    );
}

#[test]
fn what_is_wished_of_agents_is_refused_and_says_what_there_is() {
    let at_work = after(garnet(), "0 admit, 1 prepared, 2 started");
    let ended = after(garnet(), "0 admit, 1 prepared, 2 started, 9 exit 1");
    let of_agents = ["pause", "send m", "steer m", "give q", "raise 5usd", "again", "afresh"];
    for wish in of_agents.into_iter().chain(["pass on", "land 1", "snap 1"]) {
        for run in [&at_work, &ended] {
            let now = seconds("30");
            let refused = run.step(input(wish, run, now), now).unwrap_err();
            assert_eq!(refused.slug, "not-for-gates", "{wish}: {refused}");
            assert_eq!(refused.hints[0], format!("skep show {}", brief("amber").id), "{wish}");
        }
    }
}

#[test]
fn an_env_that_could_not_go_is_still_nobodys_work() {
    let ended = "0 admit, 1 prepared, 2 started, 9 exit 1";
    let mut run = after(garnet(), ended);
    let failed =
        super::super::OpResult::Failed { slug: "close-failed".to_owned(), text: String::new() };
    let step = run
        .step(super::Input::OpDone { op: run.own_wish(), result: failed }, seconds("10"))
        .unwrap();
    for event in &step.events {
        run.apply(event, seconds("10")).unwrap();
    }
    assert!(matches!(run.env, super::super::EnvState::Held(_)));
    for how in ["", " smart", " aged", " force"] {
        let now = seconds("20");
        let step = run.step(input(&format!("close 8{how}"), &run, now), now).unwrap();
        let [super::Effect::Close { how, .. }] = step.effects.as_slice() else {
            panic!("{step:?}")
        };
        assert_eq!(*how, super::How::Spent);
    }
}

#[test]
fn a_version_is_what_stands_in_its_own_line_before_the_command_and_nothing_else() {
    let tools = |names: &str| names.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let line = |tool: &str, version: &str| format!("{}{tool}: {version}", super::VERSION);
    let of = |names: &str, lines: &[String]| {
        let said = super::versions(&tools(names), lines.iter().map(String::as_str));
        said.iter().map(|(tool, said)| format!("{tool}={said}")).collect::<Vec<_>>().join(",")
    };
    let cargo = line("cargo", "cargo 1.95.0: stable");
    let both = of("cargo git", &[cargo.clone(), line("git", "2.47")]);
    assert_eq!(both, "cargo=cargo 1.95.0: stable,git=2.47");
    assert_eq!(of("cargo git", &[line("cargo", ""), line("git", " ")]), "", "they said nothing");
    // What the tree prints comes behind those, or has another name.
    assert_eq!(of("cargo", &[line("cargo", ""), cargo.clone()]), "");
    assert_eq!(of("git cargo", std::slice::from_ref(&cargo)), "");
    assert_eq!(of("cargo", &["cargo 1.95.0".to_owned()]), "");
    let long = of("cargo", &[line("cargo", &"\u{1b}x".repeat(500))]);
    assert!(long.len() < 1_000 && !long.contains('\u{1b}'), "{long}");
}
