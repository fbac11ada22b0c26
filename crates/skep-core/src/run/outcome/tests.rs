//! The table of `docs/design/outcome.md`: each row a scene through real inputs, over an agent that has been at work for
//! a while in a tree where work is wanted. The last fact of a script is its end.

use super::super::{
    Brief, Place, Run, State,
    tests::script::{after, brief, input, seconds, shown},
};

const AT_WORK: &str = "0 admit, 1 prepared, 2 started";

/// Plays `script` on `brief` and compares what the run ends as.
#[track_caller]
fn ends(brief: Brief, script: &str, want: &str) {
    let run = after(brief, &format!("{AT_WORK}, {script}"));
    assert_eq!(shown(&run), format!("ended ({want})"), "{script}");
}

/// An agent whose protocol has a word for success.
#[track_caller]
fn speaking(script: &str, want: &str) {
    ends(brief("amber"), script, want);
}

/// An agent of which only the exit says anything.
#[track_caller]
fn plain(script: &str, want: &str) {
    ends(Brief { speaks: false, ..brief("amber") }, script, want);
}

// a person's word

#[test]
fn what_a_person_stopped_is_stopped_whatever_else_is_true() {
    speaking("60 stop, 61 exit 143 forced", "stopped: stopped-by-person");
    speaking("60 turn success, 61 stop, 62 exit 0", "stopped: stopped-by-person");
    speaking("60 error model, 61 stop, 62 exit 1", "stopped: stopped-by-person");
    speaking("60 silent, 61 stop, 62 exit 137 forced", "stopped: stopped-by-person");
    speaking("60 stop, 61 gone, 62 swept", "stopped: stopped-by-person");
    plain("60 stop, 61 exit 0", "stopped: stopped-by-person");
}

// force

#[test]
fn an_agent_that_could_not_be_started_failed_to_start() {
    let run = after(brief("amber"), "0 admit, 1 prepared, 2 exit 1 unstarted");
    assert_eq!(shown(&run), "ended (failed: start)");
    let State::Ended { text, .. } = run.state else { panic!("ended") };
    assert_eq!(text, "no such program", "in the words of whoever tried");
}

#[test]
fn an_agent_that_was_ended_for_its_silence_failed_as_stalled() {
    speaking("60 silent, 120 tick, 121 exit 137 forced", "failed: stalled");
    speaking("60 turn success, 61 silent, 121 tick, 122 exit 137 forced", "failed: stalled");
}

#[test]
fn an_agent_whose_gatekeeper_never_reported_a_start_failed_to_start() {
    let run = after(brief("amber"), "0 admit, 1 prepared, 2 began, 32 tick, 33 exit 137 forced");
    assert_eq!(shown(&run), "ended (failed: start)");
}

#[test]
fn a_death_by_our_own_hand_without_a_try_left_is_a_loss() {
    speaking(
        "60 exit 137 forced unseen, 65 admit, 66 started, 4000 exit 137 forced unseen, 4030 admit, 4031 started, \
         9000 exit 137 forced unseen",
        "lost: supervisor-lost",
    );
    speaking(
        "60 gone, 61 swept, 66 admit, 67 started, 4000 gone, 4001 swept, 4031 admit, 4032 started, 9000 gone, 9001 swept",
        "lost: supervisor-lost",
    );
}

#[test]
fn a_death_with_the_machine_without_a_try_left_is_an_interruption() {
    speaking(
        "60 gone restarted, 61 swept, 66 admit, 67 started, 4000 gone restarted, 4001 swept, 4031 admit, 4032 started, \
         9000 gone restarted, 9001 swept",
        "interrupted: host-restart",
    );
}

#[test]
fn deaths_in_a_row_open_the_breaker() {
    speaking(
        "60 gone, 61 swept, 66 admit, 67 started, 70 exit 137 forced unseen, 100 admit, 101 started, 110 gone, 111 swept",
        "failed: breaker",
    );
}

#[test]
fn an_end_by_its_own_will_is_judged_by_itself_whatever_was_about_to_be_done() {
    speaking("60 turn success, 61 silent, 121 tick, 122 exit 0", "completed");
    speaking("60 turn success, 61 gone, 62 exit 0", "completed");
    speaking("60 gone, 61 exit 3", "failed: agent-exit");
}

#[test]
fn an_agent_whose_silent_turn_was_cancelled_failed_as_stalled() {
    speaking("60 silent, 61 heard, 61 turn cancelled, 62 exit 0", "failed: stalled");
    speaking("60 silent, 61 heard, 61 turn ended empty, 62 exit 0", "failed: stalled");
    speaking("60 silent, 61 heard, 61 turn failed, 62 exit 0", "failed: no-result");
    speaking("60 silent, 61 heard, 90 turn success, 91 exit 0", "completed");
}

// an error at the end

#[test]
fn an_error_that_nothing_made_good_is_the_reason() {
    for (class, reason) in [
        ("auth", "auth"),
        ("limit", "usage-limit"),
        ("model", "model-error"),
        ("agent", "agent-error"),
    ] {
        let want = format!("failed: {reason}");
        speaking(&format!("60 error {class}, 61 turn failed, 62 exit 1"), &want);
        speaking(&format!("60 error {class}, 61 exit 0"), &want);
        speaking(&format!("60 turn success, 61 error {class}, 62 exit 0"), &want);
        speaking(&format!("60 error {class}, 61 turn ended, 62 exit 0"), &want);
        speaking(&format!("60 error {class}, 61 turn cancelled, 62 signal 9"), &want);
        plain(&format!("60 error {class}, 61 exit 0"), &want);
    }
}

#[test]
fn an_error_within_the_health_window_is_still_the_reason() {
    speaking("3 error auth, 3 turn failed, 3 exit 1", "failed: auth");
}

#[test]
fn an_error_that_a_success_followed_is_made_good() {
    speaking("60 error model, 61 turn success, 62 exit 0", "completed");
}

#[test]
fn a_notice_is_no_error() {
    speaking("60 turn success, 61 error notice, 62 exit 0", "completed");
    speaking("60 error notice, 61 exit 0", "failed: no-result");
}

#[test]
fn an_error_of_an_earlier_attempt_is_forgotten() {
    speaking(
        "60 error model, 61 exit 1, 62 again, 63 admit, 64 started, 90 turn success, 91 exit 0",
        "completed",
    );
}

// the exit

#[test]
fn a_bad_exit_is_a_failure_whatever_was_said() {
    speaking("60 turn success, 61 exit 7", "failed: agent-exit");
    speaking("60 exit 7", "failed: agent-exit");
    speaking("60 turn failed, 61 exit 7", "failed: agent-exit");
    plain("60 exit 7", "failed: agent-exit");
}

#[test]
fn a_death_by_a_signal_is_a_crash() {
    speaking("60 signal 11", "failed: agent-crash");
    speaking("60 turn success, 61 signal 9", "failed: agent-crash");
    speaking("60 turn failed, 60 signal 9", "failed: agent-crash");
    plain("60 signal 6", "failed: agent-crash");
}

#[test]
fn a_bad_exit_within_the_health_window_is_a_failure_to_start() {
    speaking("3 exit 127", "failed: start");
    speaking("3 turn failed, 3 exit 1", "failed: start");
    plain("5 signal 11", "failed: start");
    plain("3 turn failed, 3 exit 7", "failed: start");
}

#[test]
fn a_turn_that_ended_within_the_health_window_was_a_start() {
    speaking("3 turn success, 4 exit 7", "failed: agent-exit");
    speaking("3 turn success, 4 exit 0", "completed");
    plain("3 turn ended, 3 exit 0", "completed");
}

// the turn

#[test]
fn a_good_exit_without_a_result_is_none() {
    speaking("60 exit 0", "failed: no-result");
    speaking("60 turn failed, 61 exit 0", "failed: no-result");
    speaking("60 ask, 61 exit 0", "failed: no-result");
}

#[test]
fn an_empty_answer_is_none() {
    speaking("60 turn success empty, 61 exit 0", "failed: no-result");
    speaking("60 turn ended empty, 61 exit 0", "failed: no-result");
}

#[test]
fn a_cancelled_turn_is_no_answer() {
    speaking("60 turn cancelled, 61 exit 0", "failed: agent-error");
}

#[test]
fn the_last_turn_counts() {
    speaking("60 turn failed, 61 turn success, 62 exit 0", "completed");
    speaking("60 turn success, 61 turn failed, 62 exit 0", "failed: no-result");
}

// the tree

#[test]
fn an_untouched_tree_is_no_work() {
    speaking("60 turn success, 61 exit 0 untouched", "failed: no-change");
    plain("60 turn ended, 61 exit 0 untouched", "failed: no-change");
}

#[test]
fn work_that_is_not_committed_is_work() {
    speaking("60 turn success, 61 exit 0 dirty", "completed");
}

#[test]
fn a_tree_that_could_not_be_seen_decides_nothing() {
    speaking("60 turn success, 61 exit 0 unseen", "completed");
}

#[test]
fn where_there_is_no_repository_no_change_is_asked_for() {
    let amber = brief("amber");
    let place = Place { repository: None, ..amber.place.clone() };
    ends(Brief { place, ..amber }, "60 turn success, 61 exit 0 untouched", "completed");
}

// and so completed

#[test]
fn success_a_good_exit_and_work_are_completed() {
    speaking("60 turn success, 61 exit 0", "completed");
    speaking("60 turn ended, 61 exit 0", "completed");
}

#[test]
fn where_a_protocol_has_no_word_for_success_a_good_exit_and_work_are_completed() {
    plain("60 exit 0", "completed");
    plain("60 turn ended empty, 61 exit 0", "completed");
}

/// Whatever is said, and in whatever order: no exit but 0, no forced end and no untouched tree is ever completed.
#[test]
fn nothing_bad_is_ever_completed() {
    let said = [
        "turn success",
        "turn ended",
        "turn failed",
        "error model",
        "error notice",
        "session",
        "words",
    ];
    let ends = ["exit 1", "signal 9", "exit 0 forced", "exit 0 untouched", "exit 1 unstarted"];
    for speaks in [true, false] {
        for (first, second) in
            said.iter().flat_map(|first| said.iter().map(move |second| (first, second)))
        {
            for end in ends {
                let script = format!("{AT_WORK}, 60 {first}, 61 {second}");
                let mut run: Run = after(Brief { speaks, ..brief("amber") }, &script);
                let now = seconds("62");
                for event in run.step(input(end, &run, now), now).unwrap().events {
                    run.apply(&event, now).unwrap();
                }
                assert!(
                    !shown(&run).contains("completed"),
                    "{speaks} {script}, 62 {end}: {}",
                    shown(&run)
                );
            }
        }
    }
}
