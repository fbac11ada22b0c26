//! Scenes of what is closed for a while, and of what takes too long: usage limits, fallbacks, retries, deadlines.

use super::{
    super::*,
    script::{after, brief, check_of, codex, input, rotating, seconds},
};

const RUNNING: &str = "0 admit, 1 prepared, 2 started, 3 session";

#[track_caller]
fn running(script: &str, want: &str) {
    check_of(brief("amber"), RUNNING, script, want);
}

/// One whose agent has another to take over.
fn backed() -> Brief {
    let fallback = Some(codex());
    Brief { fallback, model: Some("opus".to_owned()), ..brief("amber") }
}

#[test]
fn a_usage_limit_that_ends_an_agent_is_waited_for_and_its_conversation_taken_up_once() {
    running(
        "9 limit, 10 exit 1, 11 snapped 0, 69 tick, 70 tick, 71 tick, 72 admit, 73 started",
        "
9 limit       running
10 exit 1     waiting (limit until 69); Snapshot end
11 snapped 0  waiting (limit until 69)
69 tick       queued, attempt 2
70 tick       queued
71 tick       queued
72 admit      starting; Start
73 started    running",
    );
    let run = after(brief("amber"), &format!("{RUNNING}, 9 limit, 10 exit 1, 69 tick"));
    assert!(run.goes_on && run.session.is_some(), "with the conversation that was");
}

#[test]
fn a_run_that_waits_for_a_limit_holds_no_slot_and_no_process_and_keeps_its_env() {
    let run = after(brief("amber"), &format!("{RUNNING}, 9 limit, 10 exit 1"));
    assert_eq!(run.state_name(), "waiting");
    assert!(!run.holds_slot() && !run.is_living() && !run.is_ended() && run.holds_env());
    assert_eq!((run.pid(), run.gatekeeper()), (None, None));
    assert_eq!(run.next_wake(), Some(seconds("69")));
}

#[test]
fn an_agent_that_sits_a_limit_out_is_stopped_step_by_step_and_its_run_waits() {
    running(
        "9 limit, 70 silent, 71 silent, 83 tick, 84 exit 137 forced, 144 tick",
        "
9 limit             running
70 silent           stopping (Limit); Stop
71 silent           stopping (Limit)
83 tick             stopping (Limit, force); Stop!
84 exit 137 forced  waiting (limit until 69); Snapshot end
144 tick            queued, attempt 2",
    );
}

#[test]
fn a_limit_that_an_answer_followed_is_over() {
    running(
        "9 limit, 10 turn success, 11 exit 0",
        "
9 limit          running
10 turn success  running; Snapshot turn
11 exit 0        ended (completed); Snapshot end",
    );
}

#[test]
fn a_limit_is_waited_for_whether_the_agent_or_its_guards_end() {
    for (end, until) in [
        ("20 exit 0", 69),
        ("20 signal 9", 69),
        ("20 exit 137 forced", 69),
        ("20 gone, 21 swept", 69),
    ] {
        let run = after(brief("amber"), &format!("{RUNNING}, 9 limit, {end}"));
        assert!(
            matches!(run.state, State::Limited { until: at, known: true, .. } if at == seconds(&until.to_string())),
            "{end}: {:?}",
            run.state
        );
    }
}

#[test]
fn a_person_ends_resumes_and_supersedes_a_run_that_waits_for_a_limit() {
    running(
        "9 limit, 10 exit 1, 11 stop, 12 stop",
        "
9 limit    running
10 exit 1  waiting (limit until 69); Snapshot end
11 stop    ended (stopped: stopped-by-person); Snapshot end
12 stop    ended (stopped: stopped-by-person)",
    );
    running(
        "9 limit, 10 exit 1, 11 again saying go, 12 admit",
        "
9 limit             running
10 exit 1           waiting (limit until 69); Snapshot end
11 again saying go  queued, attempt 2
12 admit            starting; Start",
    );
    running(
        "9 limit, 10 stop, 11 exit 143 forced",
        "
9 limit             running
10 stop             stopping (Person); Stop
11 exit 143 forced  ended (stopped: stopped-by-person); Snapshot end",
    );
}

#[test]
fn an_unknown_reset_is_waited_for_longer_each_time_and_an_answer_begins_anew() {
    let mut run = after(brief("amber"), &format!("{RUNNING}, 10 limit unknown, 10 exit 1"));
    let mut waits = Vec::new();
    for _ in 0..7 {
        let State::Limited { until, known: false, .. } = run.state else {
            panic!("{:?}", run.state)
        };
        waits.push(until.since(run.since).as_secs() / 60);
        for text in ["tick", "admit", "started", "limit unknown", "exit 1"] {
            step(&mut run, text, until);
        }
    }
    assert_eq!(waits, [15, 30, 60, 120, 240, 300, 300], "minutes");
    let now = run.since;
    step(&mut run, "again", now);
    for text in ["admit", "started", "turn success", "limit unknown", "exit 1"] {
        step(&mut run, text, now);
    }
    let State::Limited { until, .. } = run.state else { panic!("{:?}", run.state) };
    assert_eq!(until.since(run.since).as_secs() / 60, 15);
}

#[test]
fn a_reset_that_is_past_or_that_no_clock_means_is_no_reset() {
    for at in ["5", "99999999"] {
        let script = format!("{RUNNING}, 9 limit until {at}, 10 exit 1");
        let run = after(brief("amber"), &script);
        assert!(
            matches!(run.state, State::Limited { until, known: false, .. } if until == seconds("910")),
            "{at}: {:?}",
            run.state
        );
    }
}

/// An agent that meets its limit at once whenever it is asked, and tells each time of the same five hours.
#[test]
fn an_agent_that_stays_at_its_limit_is_asked_once_for_each_reset() {
    let mut run = after(brief("amber"), &format!("{RUNNING}, 10 limit until 18000, 10 exit 1"));
    let (mut turns, mut now) = (0, seconds("10"));
    let day = seconds("86400");
    while now < day {
        now = now.plus(Duration::from_secs(30));
        step(&mut run, "tick", now);
        if matches!(run.state, State::Queued { .. }) {
            turns += 1;
            for text in ["admit", "started"] {
                step(&mut run, text, now);
            }
            let reset = (now.0 / 18_000_000 + 1) * 18_000;
            step(&mut run, &format!("limit until {reset}"), now);
            step(&mut run, "exit 1", now);
        }
    }
    assert_eq!(turns, 4, "at 5, 10, 15 and 20 hours");
}

#[test]
fn runs_that_wait_for_one_reset_are_spread() {
    let of = |name: &str| {
        let mut brief = brief(name);
        brief.policy.jitter = 0.2;
        let run = after(brief, &format!("{RUNNING}, 9 limit, 10 exit 1"));
        let State::Limited { until, .. } = run.state else { panic!("{:?}", run.state) };
        assert!((69_000..99_000).contains(&until.0), "{}", until.0);
        until
    };
    assert_ne!(of("amber"), of("beryl"));
}

#[test]
fn a_quota_without_a_near_reset_goes_to_the_fallback_once_in_the_same_env() {
    check_of(
        backed(),
        RUNNING,
        "9 limit unknown, 10 exit 1, 10 pass on, 11 admit, 12 started, 13 session, 20 limit unknown, 21 exit 1, \
         22 pass on, 921 tick",
        "
9 limit unknown   running
10 exit 1         waiting (limit until 910, a guess); Snapshot end
10 pass on        queued, attempt 2, by codex
11 admit          starting; Start
12 started        running
13 session        running
20 limit unknown  running
21 exit 1         waiting (limit until 921, a guess); Snapshot end
22 pass on        rejected: a fallback makes no sense while it is waiting
921 tick          queued, attempt 3",
    );
    let run = after(backed(), &format!("{RUNNING}, 9 limit unknown, 10 exit 1, 10 pass on"));
    assert_eq!((run.session.as_deref(), run.brief.model.as_deref()), (None, None));
    assert!(run.goes_on, "it is told that somebody was there before");
    assert_eq!(run.cooling(seconds("11")).map(|met| met.quota.login.as_str()), Some("scripted"));
    let answered = "9 limit unknown, 10 exit 1, 10 pass on, 11 admit, 12 started, 13 turn success";
    let run = after(backed(), &format!("{RUNNING}, {answered}"));
    assert!(run.cooling(seconds("14")).is_some(), "the second's answer says nothing of the first");
}

#[test]
fn a_near_reset_is_waited_for_and_a_far_one_is_not() {
    for (until, long) in [("until 1800", false), ("until 18000", true), ("unknown", true)] {
        let run = after(backed(), &format!("{RUNNING}, 9 limit {until}, 10 exit 1"));
        assert_eq!((run.state_name(), run.waits_long()), ("waiting", long), "{until}");
    }
}

#[test]
fn a_failure_for_a_quota_that_names_no_reset_goes_to_the_fallback_too() {
    let failed = "9 error limit, 10 turn failed, 11 exit 1";
    let run = after(backed(), &format!("{RUNNING}, {failed}"));
    assert_eq!((run.state_name(), run.waits_long()), ("waiting", true));
    let run = after(rotating(brief("amber")), &format!("{RUNNING}, {failed}"));
    assert_eq!((run.state_name(), run.waits_long()), ("waiting", true), "another account may do");
    for other in ["9 error auth, 11 exit 1", "9 error model, 11 exit 1", "11 exit 7"] {
        let run = after(backed(), &format!("{RUNNING}, {other}"));
        assert_eq!((run.is_ended(), run.brief.agent.as_str()), (true, "scripted"), "{other}");
    }
    let stopped = format!("{RUNNING}, 9 error limit, 10 stop, 11 exit 143 forced");
    assert!(after(backed(), &stopped).is_ended());
}

#[test]
fn a_retry_is_shown_until_another_word_comes() {
    running(
        "9 retry, 10 retry, 11 heard, 12 heard, 13 retry, 14 turn failed, 15 retry, 16 error model, 17 retry, 18 exit 1",
        "
9 retry         running, retrying
10 retry        running, retrying
11 heard        running
12 heard        running
13 retry        running, retrying
14 turn failed  running; Snapshot turn
15 retry        running, retrying
16 error model  running
17 retry        running, retrying
18 exit 1       ended (failed: model-error); Snapshot end",
    );
    let run = after(brief("amber"), &format!("{RUNNING}, 9 retry"));
    assert_eq!(
        run.retrying.map(|retry| retry.words()).as_deref(),
        Some("attempt 3 of 10, all day")
    );
}

#[test]
fn a_turn_beyond_its_time_is_ended_step_by_step() {
    running(
        "900 overdue turn, 901 overdue turn, 913 tick, 914 exit 137 forced",
        "
900 overdue turn     stopping (Timeout); Stop
901 overdue turn     stopping (Timeout)
913 tick             stopping (Timeout, force); Stop!
914 exit 137 forced  ended (failed: timeout); Snapshot end",
    );
    running(
        "9 ask, 900 overdue turn",
        "
9 ask             waiting (answer)
900 overdue turn  waiting (answer)",
    );
}

#[test]
fn an_agent_that_never_gets_ready_failed_to_start_in_the_words_of_what_was_seen() {
    let script = format!("{RUNNING}, 62 overdue ready, 63 exit 143 forced");
    let run = after(brief("amber"), &script);
    let State::Ended { reason, text, .. } = run.state else { panic!("{:?}", run.state) };
    assert_eq!((reason, text.as_str()), (Some(Reason::Start), "all day"));
}

fn step(run: &mut Run, text: &str, now: Timestamp) {
    let decided =
        run.step(input(text, run, now), now).unwrap_or_else(|err| panic!("{text}: {err}"));
    for event in &decided.events {
        run.apply(event, now).unwrap();
    }
}
