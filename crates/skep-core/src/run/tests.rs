//! Scenes: a script of inputs in, a transcript of states and effects out. Every row of `docs/design/run.md` is one.

use super::*;

pub(crate) mod matrix;
pub(crate) mod script;

use script::{after, brief, check_of, git, op};

const STARTING: &str = "0 admit, 1 prepared";
const RUNNING: &str = "0 admit, 1 prepared, 2 started";

#[track_caller]
fn check(script: &str, want: &str) {
    check_of(brief("amber"), "", script, want);
}

/// Plays `script` on a run whose env stands and whose start was asked for.
#[track_caller]
fn starting(script: &str, want: &str) {
    check_of(brief("amber"), STARTING, script, want);
}

/// Plays `script` on a run whose agent has been at work since second 2.
#[track_caller]
fn running(script: &str, want: &str) {
    check_of(brief("amber"), RUNNING, script, want);
}

// queued

#[test]
fn a_slot_makes_a_queued_run_prepare_its_env_and_then_start() {
    check(
        "0 admit, 1 prepared, 2 began, 3 started",
        "
0 admit     preparing, env preparing; Prepare
1 prepared  starting, env held; Start
2 began     starting
3 started   running",
    );
}

#[test]
fn a_stop_in_the_queue_ends_a_run_that_held_nothing() {
    check(
        "0 stop, 1 stop, 2 admit",
        "
0 stop   ended (stopped: stopped-by-person)
1 stop   ended (stopped: stopped-by-person)
2 admit  rejected: admit makes no sense while it is ended",
    );
}

#[test]
fn a_run_is_not_admitted_before_its_back_off_is_over() {
    check(
        "0 admit, 1 prepare-failed environment fetch, 2 admit, 5 admit, 6 admit",
        "
0 admit                             preparing, env preparing; Prepare
1 prepare-failed environment fetch  queued until 6, env none; Undo
2 admit                             rejected: admit makes no sense while it is queued
5 admit                             rejected: admit makes no sense while it is queued
6 admit                             preparing, env preparing; Prepare",
    );
}

// preparing

#[test]
fn a_fault_of_the_environment_is_tried_again_with_growing_patience_and_then_fails() {
    check(
        "0 admit, 1 prepare-failed environment disk, 2 undone, 6 admit, 7 prepare-failed environment disk, 8 undone, \
         37 admit, 38 prepare-failed environment disk, 39 undone",
        "
0 admit                             preparing, env preparing; Prepare
1 prepare-failed environment disk   queued until 6, env none; Undo
2 undone                            queued until 6
6 admit                             preparing, env preparing; Prepare
7 prepare-failed environment disk   queued until 37, env none; Undo
8 undone                            queued until 37
37 admit                            preparing, env preparing; Prepare
38 prepare-failed environment disk  ended (failed: prepare), env none; Undo
39 undone                           ended (failed: prepare)",
    );
}

#[test]
fn a_preparation_that_holds_ends_the_row_of_faults() {
    let failed = "0 admit, 1 prepare-failed environment disk";
    assert_eq!(after(brief("amber"), failed).faults, 1);
    assert_eq!(after(brief("amber"), &format!("{failed}, 6 admit, 7 prepared")).faults, 0);
}

#[test]
fn a_preparation_that_fails_by_anybody_elses_fault_ends_the_run() {
    check(
        "0 admit, 1 prepare-failed user branch-exists, 2 undone",
        "
0 admit                              preparing, env preparing; Prepare
1 prepare-failed user branch-exists  ended (failed: prepare), env none; Undo
2 undone                             ended (failed: prepare)",
    );
}

#[test]
fn a_failing_set_up_ends_the_run_by_that_name() {
    check(
        "0 admit, 1 prepare-failed agent set-up-failed, 2 undone",
        "
0 admit                               preparing, env preparing; Prepare
1 prepare-failed agent set-up-failed  ended (failed: set-up), env none; Undo
2 undone                              ended (failed: set-up)",
    );
}

#[test]
fn a_stop_while_preparing_gives_the_env_back_when_it_stands() {
    check(
        "0 admit, 1 stop, 2 stop, 3 prepared, 4 undone, 5 prepared",
        "
0 admit     preparing, env preparing; Prepare
1 stop      preparing, unwanted; CancelPrepare
2 stop      preparing, unwanted
3 prepared  ended (stopped: stopped-by-person), env undoing; Undo
4 undone    ended (stopped: stopped-by-person), env none
5 prepared  rejected: prepared makes no sense while it is ended",
    );
}

#[test]
fn a_stop_while_preparing_ends_a_run_whose_preparation_was_cancelled_or_failed() {
    check(
        "0 admit, 1 stop, 2 prepare-failed environment cancelled, 3 undone",
        "
0 admit                                 preparing, env preparing; Prepare
1 stop                                  preparing, unwanted; CancelPrepare
2 prepare-failed environment cancelled  ended (stopped: stopped-by-person), env none; Undo
3 undone                                ended (stopped: stopped-by-person)",
    );
}

#[test]
fn an_env_that_could_not_be_taken_back_stays_held() {
    check(
        "0 admit, 1 stop, 2 prepared, 3 undone not, 4 again, 5 admit",
        "
0 admit       preparing, env preparing; Prepare
1 stop        preparing, unwanted; CancelPrepare
2 prepared    ended (stopped: stopped-by-person), env undoing; Undo
3 undone not  ended (stopped: stopped-by-person), env held
4 again       queued, attempt 2
5 admit       starting; Start",
    );
}

#[test]
fn another_attempt_waits_until_the_env_is_taken_back_and_then_makes_it_anew() {
    check(
        "0 admit, 1 stop, 2 prepared, 3 again, 4 admit, 5 undone, 6 admit",
        "
0 admit     preparing, env preparing; Prepare
1 stop      preparing, unwanted; CancelPrepare
2 prepared  ended (stopped: stopped-by-person), env undoing; Undo
3 again     queued, attempt 2
4 admit     rejected: admit makes no sense while it is queued
5 undone    queued, env none
6 admit     preparing, env preparing; Prepare",
    );
}

#[test]
fn a_close_while_the_env_is_taken_back_comes_after_it() {
    check(
        "0 admit, 1 stop, 2 prepared, 3 land 1, 4 close 2, 5 undone, 6 op 2 closed, 7 again",
        "
0 admit        preparing, env preparing; Prepare
1 stop         preparing, unwanted; CancelPrepare
2 prepared     ended (stopped: stopped-by-person), env undoing; Undo
3 land 1       rejected: it has no branch of its own
4 close 2      ended (stopped: stopped-by-person), env closing; Close
5 undone       ended (stopped: stopped-by-person)
6 op 2 closed  ended (stopped: stopped-by-person), env closed
7 again        rejected: it is closed; its env is gone",
    );
}

// starting

#[test]
fn a_start_whose_reports_are_quicker_than_its_effect_is_a_start() {
    running(
        "3 began",
        "
3 began  running",
    );
}

#[test]
fn an_agent_that_leaves_within_its_health_window_was_not_started() {
    starting(
        "2 began, 3 exit 7",
        "
2 began   starting
3 exit 7  ended (failed: start)",
    );
    running(
        "5 turn failed, 5 exit 7",
        "
5 turn failed  running
5 exit 7       ended (failed: start)",
    );
    running(
        "5 signal 11",
        "
5 signal 11  ended (failed: start)",
    );
}

#[test]
fn health_is_counted_on_the_agents_own_clock_however_late_the_daemon_hears_of_it() {
    running(
        "900 exit 7 after 2",
        "
900 exit 7 after 2  ended (failed: start)",
    );
    running(
        "900 exit 7 after 60",
        "
900 exit 7 after 60  ended (failed: agent-exit)",
    );
}

#[test]
fn an_agent_that_cannot_be_started_leaves_no_env_behind() {
    starting(
        "2 began, 3 exit 1 unstarted, 4 undone",
        "
2 began             starting
3 exit 1 unstarted  ended (failed: start), env undoing; Undo
4 undone            ended (failed: start), env none",
    );
    starting(
        "2 start-failed, 3 undone",
        "
2 start-failed  ended (failed: start), env undoing; Undo
3 undone        ended (failed: start), env none",
    );
}

#[test]
fn an_agent_that_cannot_be_started_again_keeps_the_work_of_its_first_attempt() {
    running(
        "9 exit 7, 10 again, 11 admit, 12 exit 1 unstarted",
        "
9 exit 7             ended (failed: agent-exit)
10 again             queued, attempt 2
11 admit             starting; Start
12 exit 1 unstarted  ended (failed: start)",
    );
    running(
        "9 exit 7, 10 again, 11 admit, 12 start-failed",
        "
9 exit 7         ended (failed: agent-exit)
10 again         queued, attempt 2
11 admit         starting; Start
12 start-failed  ended (failed: start)",
    );
}

#[test]
fn a_gatekeeper_that_began_and_reports_nothing_is_stopped_by_force() {
    starting(
        "20 began, 49 tick, 50 tick, 51 exit 137 forced",
        "
20 began            starting
49 tick             starting
50 tick             stopping (NeverStarted, force); Stop!
51 exit 137 forced  ended (failed: start)",
    );
}

#[test]
fn a_start_that_was_only_asked_for_has_all_the_time_that_a_daemon_was_away() {
    starting(
        "3600 tick, 3601 began, 3602 started",
        "
3600 tick     starting
3601 began    starting
3602 started  running",
    );
}

#[test]
fn a_stop_that_overtakes_the_start_is_said_again_to_the_gatekeeper_that_began_all_the_same() {
    starting(
        "2 stop, 3 began, 4 started, 5 exit 143 forced",
        "
2 stop             stopping (Person); Stop
3 began            stopping (Person)
4 started          stopping (Person); Stop
5 exit 143 forced  ended (stopped: stopped-by-person)",
    );
}

#[test]
fn a_stop_that_cancels_the_start_ends_the_run_and_takes_the_env_back() {
    starting(
        "2 stop, 3 start-failed, 4 undone",
        "
2 stop          stopping (Person); Stop
3 start-failed  ended (stopped: stopped-by-person), env undoing; Undo
4 undone        ended (stopped: stopped-by-person), env none",
    );
}

#[test]
fn a_start_that_was_asked_for_twice_after_a_crash_does_not_end_the_run() {
    running(
        "3 stop, 4 start-failed",
        "
3 stop          stopping (Person); Stop
4 start-failed  stopping (Person)",
    );
    running(
        "3 start-failed, 4 began",
        "
3 start-failed  running
4 began         running",
    );
}

// running, waiting

#[test]
fn an_agent_that_asks_waits_and_goes_on_with_the_answer() {
    running(
        "9 ask, 10 permission, 11 silent, 12 give q, 13 give p, 14 admit, 15 admit",
        "
9 ask          waiting (answer)
10 permission  waiting (permission)
11 silent      waiting (permission)
12 give q      waiting (permission)
13 give p      waiting (permission)
14 admit       running; Deliver q; Deliver p
15 admit       rejected: admit makes no sense while it is running",
    );
}

#[test]
fn an_agent_that_wants_leave_waits_for_it() {
    running(
        "9 permission, 10 admit, 11 give p, 12 admit",
        "
9 permission  waiting (permission)
10 admit      rejected: admit makes no sense while it is waiting
11 give p     waiting (permission)
12 admit      running; Deliver p",
    );
}

#[test]
fn a_paused_run_waits_and_resumes() {
    starting(
        "2 pause, 3 started, 9 pause, 10 pause, 11 give r, 12 admit",
        "
2 pause    rejected: pause makes no sense while it is starting
3 started  running
9 pause    waiting (paused)
10 pause   rejected: pause makes no sense while it is waiting
11 give r  waiting (paused)
12 admit   running; Deliver r",
    );
}

#[test]
fn a_closed_door_is_noted_and_judged_at_the_end() {
    running(
        "9 limit, 10 exit 1",
        "
9 limit    running
10 exit 1  ended (failed: usage-limit)",
    );
}

#[test]
fn an_exit_while_waiting_ends_the_run() {
    running(
        "9 ask, 10 exit 0",
        "
9 ask      waiting (answer)
10 exit 0  ended (failed: no-result)",
    );
}

#[test]
fn a_success_from_before_an_answer_is_no_word_about_what_came_after() {
    running(
        "8 turn success, 9 pause, 10 give m, 11 admit, 12 exit 0",
        "
8 turn success  running
9 pause         waiting (paused)
10 give m       waiting (paused)
11 admit        running; Deliver m
12 exit 0       ended (failed: no-result)",
    );
}

#[test]
fn what_an_agent_merely_says_changes_nothing() {
    running(
        "3 words, 4 thought, 5 tool, 6 result, 7 retry, 8 usage 5, 9 session",
        "
3 words    running
4 thought  running
5 tool     running
6 result   running
7 retry    running
8 usage 5  running
9 session  running",
    );
}

// silent

#[test]
fn a_silent_agent_is_cancelled_and_then_stopped_by_force() {
    running(
        "1802 silent, 1803 silent, 1861 tick, 1862 tick, 1863 exit 137 forced",
        "
1802 silent           stalled; CancelTurn
1803 silent           stalled
1861 tick             stalled
1862 tick             stopping (Stalled, force); Stop!
1863 exit 137 forced  ended (failed: stalled)",
    );
}

#[test]
fn an_agent_that_is_heard_again_goes_on() {
    running(
        "1802 silent, 1803 heard, 1804 heard, 1999 tick",
        "
1802 silent  stalled; CancelTurn
1803 heard   running
1804 heard   running
1999 tick    running",
    );
}

#[test]
fn an_agent_that_speaks_is_not_silent() {
    running(
        "1802 silent, 1803 words, 3602 silent, 3603 ask",
        "
1802 silent  stalled; CancelTurn
1803 words   running
3602 silent  stalled; CancelTurn
3603 ask     waiting (answer)",
    );
}

#[test]
fn an_agent_that_leaves_by_itself_while_it_is_stopped_for_silence_is_judged_by_what_it_did() {
    running(
        "1802 silent, 1862 tick, 1863 turn success, 1864 exit 0",
        "
1802 silent        stalled; CancelTurn
1862 tick          stopping (Stalled, force); Stop!
1863 turn success  stopping (Stalled, force)
1864 exit 0        ended (completed)",
    );
}

#[test]
fn a_person_who_stops_a_run_that_is_stopped_for_silence_has_stopped_it() {
    running(
        "1802 silent, 1862 tick, 1863 stop, 1864 stop, 1865 exit 137 forced",
        "
1802 silent           stalled; CancelTurn
1862 tick             stopping (Stalled, force); Stop!
1863 stop             stopping (Person, force); Stop!
1864 stop             stopping (Person, force)
1865 exit 137 forced  ended (stopped: stopped-by-person)",
    );
}

// stopping

#[test]
fn a_second_stop_is_by_force_and_a_third_is_harmless() {
    running(
        "9 stop, 10 stop, 11 stop, 12 exit 137 forced, 13 stop",
        "
9 stop              stopping (Person); Stop
10 stop             stopping (Person, force); Stop!
11 stop             stopping (Person, force)
12 exit 137 forced  ended (stopped: stopped-by-person)
13 stop             ended (stopped: stopped-by-person)",
    );
}

#[test]
fn a_stop_by_force_is_by_force_at_once() {
    running(
        "9 kill, 10 kill, 11 exit 137 forced",
        "
9 kill              stopping (Person, force); Stop!
10 kill             stopping (Person, force)
11 exit 137 forced  ended (stopped: stopped-by-person)",
    );
}

#[test]
fn a_stop_is_repeated_by_force_until_the_agent_is_gone() {
    running(
        "9 stop, 20 tick, 21 tick, 32 tick, 33 tick, 34 exit 137 forced",
        "
9 stop              stopping (Person); Stop
20 tick             stopping (Person)
21 tick             stopping (Person, force); Stop!
32 tick             stopping (Person, force)
33 tick             stopping (Person, force); Stop!
34 exit 137 forced  ended (stopped: stopped-by-person)",
    );
}

#[test]
fn every_living_state_can_be_stopped() {
    starting(
        "2 stop",
        "
2 stop  stopping (Person); Stop",
    );
    running(
        "3 ask, 4 stop",
        "
3 ask   waiting (answer)
4 stop  stopping (Person); Stop",
    );
    running(
        "3 silent, 4 stop",
        "
3 silent  stalled; CancelTurn
4 stop    stopping (Person); Stop",
    );
}

#[test]
fn what_an_agent_asks_while_it_is_stopped_is_not_waited_for() {
    running(
        "9 stop, 10 ask, 11 turn success, 12 silent, 13 heard, 14 exit 0",
        "
9 stop           stopping (Person); Stop
10 ask           stopping (Person)
11 turn success  stopping (Person)
12 silent        stopping (Person)
13 heard         stopping (Person)
14 exit 0        ended (stopped: stopped-by-person)",
    );
}

// exits

#[test]
fn an_agent_that_says_it_succeeded_and_leaves_work_is_completed() {
    running(
        "9 turn success, 10 exit 0",
        "
9 turn success  running
10 exit 0       ended (completed)",
    );
}

#[test]
fn an_exit_that_is_told_twice_counts_once() {
    running(
        "9 turn success, 10 exit 0, 11 exit 0, 12 gone, 13 swept",
        "
9 turn success  running
10 exit 0       ended (completed)
11 exit 0       ended (completed)
12 gone         rejected: a lost gatekeeper makes no sense while it is ended
13 swept        ended (completed)",
    );
}

#[test]
fn a_run_whose_guards_were_killed_is_tried_again_in_the_same_env() {
    running(
        "60 exit 137 forced, 64 admit, 65 admit, 66 started",
        "
60 exit 137 forced  queued until 65, attempt 2
64 admit            rejected: admit makes no sense while it is queued
65 admit            starting; Start
66 started          running",
    );
}

#[test]
fn an_agent_that_ended_by_itself_is_never_started_again() {
    running(
        "60 signal 9, 61 admit",
        "
60 signal 9  ended (failed: agent-crash)
61 admit     rejected: admit makes no sense while it is ended",
    );
}

#[test]
fn deaths_open_the_breaker() {
    running(
        "60 exit 137 forced unseen, 65 admit, 66 started, 70 exit 137 forced unseen, \
         100 admit, 101 started, 110 exit 137 forced unseen, 111 again, 112 admit",
        "
60 exit 137 forced unseen   queued until 65, attempt 2
65 admit                    starting; Start
66 started                  running
70 exit 137 forced unseen   queued until 100, attempt 3
100 admit                   starting; Start
101 started                 running
110 exit 137 forced unseen  ended (failed: breaker)
111 again                   queued, attempt 4
112 admit                   starting; Start",
    );
}

#[test]
fn deaths_that_are_far_apart_use_up_the_tries() {
    running(
        "60 exit 137 forced unseen, 65 admit, 66 started, 9000 exit 137 forced unseen, \
         9030 admit, 9031 started, 18000 exit 137 forced unseen",
        "
60 exit 137 forced unseen     queued until 65, attempt 2
65 admit                      starting; Start
66 started                    running
9000 exit 137 forced unseen   queued until 9030, attempt 3
9030 admit                    starting; Start
9031 started                  running
18000 exit 137 forced unseen  ended (lost: supervisor-lost)",
    );
}

#[test]
fn a_finished_turn_resets_the_breaker() {
    running(
        "60 exit 137 forced unseen, 65 admit, 66 started, 70 exit 137 forced unseen, \
         100 admit, 101 started, 105 turn ended, 110 exit 137 forced unseen",
        "
60 exit 137 forced unseen   queued until 65, attempt 2
65 admit                    starting; Start
66 started                  running
70 exit 137 forced unseen   queued until 100, attempt 3
100 admit                   starting; Start
101 started                 running
105 turn ended              running
110 exit 137 forced unseen  queued until 115, attempt 4",
    );
}

#[test]
fn a_new_commit_resets_the_breaker() {
    running(
        "60 exit 137 forced untouched, 65 admit, 66 started, \
         70 exit 137 forced untouched, 100 admit, 101 started, 110 exit 137 forced committed c1",
        "
60 exit 137 forced untouched      queued until 65, attempt 2
65 admit                          starting; Start
66 started                        running
70 exit 137 forced untouched      queued until 100, attempt 3
100 admit                         starting; Start
101 started                       running
110 exit 137 forced committed c1  queued until 115, attempt 4",
    );
    running(
        "60 exit 137 forced untouched, 65 admit, 66 started, \
         70 exit 137 forced untouched, 100 admit, 101 started, 105 git c1 1, 110 exit 137 forced unseen",
        "
60 exit 137 forced untouched  queued until 65, attempt 2
65 admit                      starting; Start
66 started                    running
70 exit 137 forced untouched  queued until 100, attempt 3
100 admit                     starting; Start
101 started                   running
105 git c1 1                  running
110 exit 137 forced unseen    queued until 115, attempt 4",
    );
    running(
        "60 exit 137 forced committed c1, 65 admit, 66 started, \
         70 exit 137 forced committed c1, 100 admit, 101 started, 110 exit 137 forced committed c1",
        "
60 exit 137 forced committed c1   queued until 65, attempt 2
65 admit                          starting; Start
66 started                        running
70 exit 137 forced committed c1   queued until 100, attempt 3
100 admit                         starting; Start
101 started                       running
110 exit 137 forced committed c1  ended (failed: breaker)",
    );
}

#[test]
fn a_failed_turn_does_not_reset_the_breaker() {
    running(
        "60 exit 137 forced unseen, 65 admit, 66 started, 70 exit 137 forced unseen, \
         100 admit, 101 started, 105 turn failed, 110 exit 137 forced unseen",
        "
60 exit 137 forced unseen   queued until 65, attempt 2
65 admit                    starting; Start
66 started                  running
70 exit 137 forced unseen   queued until 100, attempt 3
100 admit                   starting; Start
101 started                 running
105 turn failed             running
110 exit 137 forced unseen  ended (failed: breaker)",
    );
}

// its gatekeeper is gone

#[test]
fn a_lost_gatekeeper_is_swept_and_the_run_tried_again() {
    running(
        "60 gone, 61 gone, 62 swept, 67 admit",
        "
60 gone   stopping (SupervisorLost, force, gone); Sweep
61 gone   stopping (SupervisorLost, force, gone)
62 swept  queued until 67, attempt 2
67 admit  starting; Start",
    );
}

#[test]
fn a_sweep_that_cannot_tell_ends_nothing_and_is_repeated() {
    running(
        "60 gone, 61 swept unknown, 71 tick, 72 tick, 73 swept unknown, 84 tick, 85 swept",
        "
60 gone           stopping (SupervisorLost, force, gone); Sweep
61 swept unknown  stopping (SupervisorLost, force, gone)
71 tick           stopping (SupervisorLost, force, gone)
72 tick           stopping (SupervisorLost, force, gone); Sweep
73 swept unknown  stopping (SupervisorLost, force, gone)
84 tick           stopping (SupervisorLost, force, gone); Sweep
85 swept          queued until 90, attempt 2",
    );
    let run = after(brief("amber"), "0 admit, 1 prepared, 2 started, 60 gone, 61 swept unknown");
    assert_eq!(run.unknown.as_deref(), Some("all day"), "it says why it is not over");
}

#[test]
fn a_lost_gatekeeper_after_the_machine_was_started_again_is_an_interruption() {
    running(
        "60 gone restarted, 61 swept, 66 admit, 67 started, 9000 gone restarted, 9001 swept, 9031 admit, 9032 started, 20000 gone restarted, 20001 swept",
        "
60 gone restarted     stopping (HostRestart, force, gone); Sweep
61 swept              queued until 66, attempt 2
66 admit              starting; Start
67 started            running
9000 gone restarted   stopping (HostRestart, force, gone); Sweep
9001 swept            queued until 9031, attempt 3
9031 admit            starting; Start
9032 started          running
20000 gone restarted  stopping (HostRestart, force, gone); Sweep
20001 swept           ended (interrupted: host-restart)",
    );
}

#[test]
fn a_gatekeeper_that_goes_while_the_run_is_stopped_leaves_it_stopped() {
    running(
        "9 stop, 10 gone, 11 swept",
        "
9 stop    stopping (Person); Stop
10 gone   stopping (Person, force, gone); Sweep
11 swept  ended (stopped: stopped-by-person)",
    );
}

#[test]
fn a_stop_while_what_is_left_is_swept_decides_what_comes_after() {
    running(
        "9 gone, 10 stop, 11 stop, 12 swept",
        "
9 gone    stopping (SupervisorLost, force, gone); Sweep
10 stop   stopping (Person, force, gone)
11 stop   stopping (Person, force, gone)
12 swept  ended (stopped: stopped-by-person)",
    );
}

#[test]
fn a_gatekeeper_that_goes_while_the_agent_is_silent_or_never_came_has_that_end() {
    running(
        "1802 silent, 1862 tick, 1863 gone, 1864 swept",
        "
1802 silent  stalled; CancelTurn
1862 tick    stopping (Stalled, force); Stop!
1863 gone    stopping (Stalled, force, gone); Sweep
1864 swept   ended (failed: stalled)",
    );
    starting(
        "2 began, 32 tick, 33 gone, 34 swept",
        "
2 began   starting
32 tick   stopping (NeverStarted, force); Stop!
33 gone   stopping (NeverStarted, force, gone); Sweep
34 swept  ended (failed: start)",
    );
}

#[test]
fn an_exit_that_is_found_by_the_sweep_is_judged_by_itself() {
    running(
        "8 turn success, 9 gone, 10 exit 0",
        "
8 turn success  running
9 gone          stopping (SupervisorLost, force, gone); Sweep
10 exit 0       ended (completed)",
    );
    running(
        "9 gone, 10 exit 137 forced",
        "
9 gone              stopping (SupervisorLost, force, gone); Sweep
10 exit 137 forced  queued until 15, attempt 2",
    );
}

#[test]
fn every_living_state_can_lose_its_gatekeeper() {
    starting(
        "2 gone, 3 swept",
        "
2 gone   stopping (SupervisorLost, force, gone); Sweep
3 swept  queued until 8, attempt 2",
    );
    running(
        "3 ask, 4 gone, 5 swept",
        "
3 ask    waiting (answer)
4 gone   stopping (SupervisorLost, force, gone); Sweep
5 swept  queued until 10, attempt 2",
    );
    running(
        "3 silent, 4 gone, 5 swept",
        "
3 silent  stalled; CancelTurn
4 gone    stopping (SupervisorLost, force, gone); Sweep
5 swept   queued until 10, attempt 2",
    );
}

// after the end

#[test]
fn another_attempt_goes_straight_to_its_start_in_the_env_that_is_held() {
    running(
        "9 turn success, 10 exit 0, 11 again, 12 again, 13 admit",
        "
9 turn success  running
10 exit 0       ended (completed)
11 again        queued, attempt 2
12 again        rejected: it is queued; it must end before you can start it again
13 admit        starting; Start",
    );
}

#[test]
fn another_attempt_of_a_run_that_never_had_an_env_prepares_one() {
    check(
        "0 stop, 1 again, 2 admit",
        "
0 stop   ended (stopped: stopped-by-person)
1 again  queued, attempt 2
2 admit  preparing, env preparing; Prepare",
    );
}

#[test]
fn a_living_run_has_no_other_attempt() {
    check(
        "0 again, 1 admit, 2 again, 3 prepared, 4 again",
        "
0 again     rejected: it is queued; it must end before you can start it again
1 admit     preparing, env preparing; Prepare
2 again     rejected: it is preparing; it must end before you can start it again
3 prepared  starting, env held; Start
4 again     rejected: it is starting; it must end before you can start it again",
    );
}

#[test]
fn a_report_of_an_attempt_that_is_over_changes_nothing() {
    running(
        "9 exit 7, 10 again, 11 admit, 12 started of 1, 13 words of 1, 14 silent of 1, \
         15 heard of 1, 16 gone of 1, 17 exit 0 of 1, 18 began of 1, 19 start-failed of 1, 20 swept of 1",
        "
9 exit 7              ended (failed: agent-exit)
10 again              queued, attempt 2
11 admit              starting; Start
12 started of 1       rejected: a report of attempt 1 while attempt 2 runs
13 words of 1         rejected: a report of attempt 1 while attempt 2 runs
14 silent of 1        rejected: a report of attempt 1 while attempt 2 runs
15 heard of 1         rejected: a report of attempt 1 while attempt 2 runs
16 gone of 1          rejected: a report of attempt 1 while attempt 2 runs
17 exit 0 of 1        starting
18 began of 1         starting
19 start-failed of 1  starting
20 swept of 1         starting",
    );
}

#[test]
fn a_close_gives_the_env_back_and_is_final() {
    check(
        "0 close 1, 1 stop, 2 close 1, 3 close 2, 4 again",
        "
0 close 1  rejected: it is queued; it must end before you can close it
1 stop     ended (stopped: stopped-by-person)
2 close 1  ended (stopped: stopped-by-person)
3 close 2  ended (stopped: stopped-by-person)
4 again    rejected: it is closed; its env is gone",
    );
    starting(
        "2 close 1, 3 started, 9 exit 7, 10 close 2, 11 close 3, 12 land 4, 13 again, \
         14 op 2 closed, 15 again, 16 close 5",
        "
2 close 1       rejected: it is starting; it must end before you can close it
3 started       running
9 exit 7        ended (failed: agent-exit)
10 close 2      ended (failed: agent-exit), env closing; Close
11 close 3      rejected: it is being closed already
12 land 4       rejected: it is being closed already
13 again        rejected: it is being closed already
14 op 2 closed  ended (failed: agent-exit), env closed
15 again        rejected: it is closed; its env is gone
16 close 5      ended (failed: agent-exit)",
    );
}

#[test]
fn a_close_that_is_refused_or_fails_leaves_the_env_held() {
    running(
        "9 exit 7, 10 close 1, 11 op 1 refused, 12 close 2, 13 op 2 failed, 14 again",
        "
9 exit 7         ended (failed: agent-exit)
10 close 1       ended (failed: agent-exit), env closing; Close
11 op 1 refused  ended (failed: agent-exit), env held
12 close 2       ended (failed: agent-exit), env closing; Close
13 op 2 failed   ended (failed: agent-exit), env held
14 again         queued, attempt 2",
    );
}

#[test]
fn an_answer_to_another_wish_does_not_end_a_close() {
    running(
        "9 exit 7, 10 land 1, 11 close 2, 12 op 1 failed, 13 op 2 closed",
        "
9 exit 7        ended (failed: agent-exit)
10 land 1       ended (failed: agent-exit); Land
11 close 2      ended (failed: agent-exit), env closing; Close
12 op 1 failed  ended (failed: agent-exit)
13 op 2 closed  ended (failed: agent-exit), env closed",
    );
}

#[test]
fn only_what_has_ended_with_a_branch_can_land() {
    check(
        "0 land 1, 1 admit, 2 prepared, 3 started, 4 land 1, 9 exit 7, 10 land 1, 11 op 1 landed, 12 land 2",
        "
0 land 1        rejected: it is queued; it must end before you can land it
1 admit         preparing, env preparing; Prepare
2 prepared      starting, env held; Start
3 started       running
4 land 1        rejected: it is running; it must end before you can land it
9 exit 7        ended (failed: agent-exit)
10 land 1       ended (failed: agent-exit); Land
11 op 1 landed  ended (failed: agent-exit)
12 land 2       ended (failed: agent-exit); Land",
    );
    check(
        "0 stop, 1 land 1",
        "
0 stop    ended (stopped: stopped-by-person)
1 land 1  rejected: it has no branch of its own",
    );
}

#[test]
fn a_kept_branch_can_land_once_after_the_close() {
    running(
        "9 exit 7, 10 close 1, 11 op 1 closed, 12 land 2, 13 op 2 landed, 14 land 3",
        "
9 exit 7        ended (failed: agent-exit)
10 close 1      ended (failed: agent-exit), env closing; Close
11 op 1 closed  ended (failed: agent-exit), env closed
12 land 2       ended (failed: agent-exit); Land
13 op 2 landed  ended (failed: agent-exit)
14 land 3       rejected: it landed on main already",
    );
}

// what is counted

#[test]
fn what_was_used_adds_up_over_the_attempts() {
    let script = "0 admit, 1 prepared, 2 started, 3 usage 10, 4 usage 30, 60 exit 137 forced, 65 admit, 66 started";
    let run = after(brief("amber"), script);
    assert_eq!(run.usage.input_tokens, 30);
    let run = after(brief("amber"), &format!("{script}, 67 usage 5, 68 usage 7"));
    assert_eq!((run.usage.input_tokens, run.usage.output_tokens), (37, 2));
}

#[test]
fn a_run_knows_since_when_its_agent_lives_through_every_wait() {
    let run = after(brief("amber"), "0 admit, 1 prepared, 2 started, 9 ask, 10 give q, 11 admit");
    assert_eq!(
        run.state,
        State::Running { gatekeeper: Some(7), pid: 8, started: Timestamp(2_000) }
    );
    assert_eq!(run.since, Timestamp(11_000));
}

#[test]
fn the_same_git_facts_twice_are_no_news() {
    let run = after(brief("amber"), "0 git c1 1");
    let step = run.step(Input::GitSeen(git("c1", 1, false)), Timestamp(1)).unwrap();
    assert_eq!(step, Step::default());
}

#[test]
fn long_words_are_cut_before_they_are_kept() {
    let run = after(brief("amber"), STARTING);
    let step = run
        .step(Input::StartFailed { attempt: 1, text: "é".repeat(100_000) }, Timestamp(0))
        .unwrap();
    let Event::Ended { text, .. } = &step.events[0] else { panic!("{step:?}") };
    assert!(text.chars().count() < 3_000, "{}", text.len());
}

// the clock

#[test]
fn every_state_that_needs_a_deadline_has_one() {
    let wake = |script: &str| after(brief("amber"), script).next_wake().map(|at| at.0 / 1000);
    assert_eq!(wake("0 git c1 1"), None, "queued: a slot is no matter of time");
    assert_eq!(
        wake("0 admit, 1 prepare-failed environment disk"),
        Some(6),
        "queued, with a back-off"
    );
    assert_eq!(wake("0 admit, 1 prepared"), None, "starting: its effect reports");
    assert_eq!(wake("0 admit, 1 prepared, 2 began"), Some(32), "starting, with a gatekeeper");
    assert_eq!(
        wake("0 admit, 1 prepared, 2 started"),
        None,
        "running: the keeper measures silence"
    );
    assert_eq!(wake("0 admit, 1 prepared, 2 started, 3 ask"), None, "waiting: for a person");
    assert_eq!(wake("0 admit, 1 prepared, 2 started, 3 silent"), Some(63), "stalled");
    assert_eq!(
        wake("0 admit, 1 prepared, 2 started, 3 stop"),
        Some(15),
        "stopping: the grace and a while"
    );
    assert_eq!(
        wake("0 admit, 1 prepared, 2 started, 3 gone"),
        Some(15),
        "stopping, its gatekeeper gone"
    );
    assert_eq!(wake("0 stop"), None, "ended");
}

#[test]
fn a_tick_before_its_time_is_nothing() {
    for script in
        [RUNNING, "0 admit, 1 prepared, 2 began", "0 admit, 1 prepared, 2 started, 3 silent"]
    {
        let run = after(brief("amber"), script);
        assert_eq!(run.step(Input::Tick, Timestamp(31_999)).unwrap(), Step::default(), "{script}");
    }
}

#[test]
fn back_off_grows_by_the_factor_within_its_jitter_and_is_the_same_every_time() {
    for name in ["amber", "beryl", "citrine", "jet", "onyx"] {
        let run = Run::new(Brief { policy: Policy::default(), ..brief(name) }, 1, Timestamp(0));
        for (faults, base) in
            [(0, 5_000_u64), (1, 30_000), (2, 180_000), (3, 1_080_000), (4, 3_600_000)]
        {
            let waits = u64::try_from(run.back_off(faults).as_millis()).unwrap();
            assert!(
                waits >= base - base / 5 && waits <= base + base / 5,
                "{name} {faults}: {waits}"
            );
            assert_eq!(run.back_off(faults), run.back_off(faults));
        }
    }
}

#[test]
fn the_jitter_parts_runs_that_failed_together() {
    let waits = |name: &str| {
        Run::new(Brief { policy: Policy::default(), ..brief(name) }, 1, Timestamp(0)).back_off(0)
    };
    let different: std::collections::BTreeSet<Duration> =
        ["amber", "beryl", "citrine", "jet"].map(waits).into();
    assert!(different.len() > 1, "{different:?}");
}

#[test]
fn back_off_is_sound_for_any_setting() {
    for (first_ms, factor, jitter) in
        [(0, 0, 0.0), (u64::MAX, u32::MAX, 9.0), (5, 1, f64::NAN), (1, 6, -1.0)]
    {
        let policy = Policy { first_ms, factor, jitter, ..Policy::default() };
        let run = Run::new(Brief { policy, ..brief("amber") }, 1, Timestamp(0));
        for faults in [0, 1, 50, u32::MAX] {
            assert!(
                run.back_off(faults) <= Duration::from_secs(2 * 60 * 60),
                "{first_ms} {factor} {jitter} {faults}"
            );
        }
    }
}

#[test]
fn a_wish_that_is_refused_says_what_to_do() {
    let run = after(brief("amber"), RUNNING);
    let rejected =
        run.step(Input::Close { op: op(1), keep_branch: false }, Timestamp(0)).unwrap_err();
    assert_eq!(rejected.slug, "run-living");
    assert_eq!(
        rejected.hints,
        [format!("skep wait {}", run.id()), format!("skep stop {}", run.id())]
    );
}
