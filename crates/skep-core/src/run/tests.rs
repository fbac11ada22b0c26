//! Scenes: a script of inputs in, a transcript of states and effects out. Every row of `docs/design/run.md` is one.

use super::*;

mod limits;
pub(crate) mod matrix;
pub(crate) mod script;
mod spent;

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
5 turn failed  running; Snapshot turn
5 exit 7       ended (failed: start); Snapshot end",
    );
    running(
        "5 signal 11",
        "
5 signal 11  ended (failed: start); Snapshot end",
    );
}

#[test]
fn health_is_counted_on_the_agents_own_clock_however_late_the_daemon_hears_of_it() {
    running(
        "900 exit 7 after 2",
        "
900 exit 7 after 2  ended (failed: start); Snapshot end",
    );
    running(
        "900 exit 7 after 60",
        "
900 exit 7 after 60  ended (failed: agent-exit); Snapshot end",
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
9 exit 7             ended (failed: agent-exit); Snapshot end
10 again             queued, attempt 2
11 admit             starting; Start
12 exit 1 unstarted  ended (failed: start)",
    );
    running(
        "9 exit 7, 10 again, 11 admit, 12 start-failed",
        "
9 exit 7         ended (failed: agent-exit); Snapshot end
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
        "9 ask, 11 silent, 12 give q, 13 give p, 14 admit, 15 admit",
        "
9 ask      waiting (answer)
11 silent  waiting (answer)
12 give q  waiting (answer)
13 give p  waiting (answer)
14 admit   running; Deliver q; Deliver p
15 admit   rejected: admit makes no sense while it is running",
    );
}

#[test]
fn a_paused_run_waits_and_resumes() {
    starting(
        "2 pause, 3 started, 9 pause, 10 pause, 11 turn success, 12 pause, 13 give r, 14 admit",
        "
2 pause          rejected: pause makes no sense while it is starting
3 started        running
9 pause          running, pausing
10 pause         running, pausing
11 turn success  waiting (paused); Snapshot turn
12 pause         rejected: pause makes no sense while it is waiting
13 give r        waiting (paused)
14 admit         running; Deliver r",
    );
}

#[test]
fn a_closed_door_is_noted_and_judged_at_the_end() {
    running(
        "9 error limit, 10 exit 1",
        "
9 error limit  running
10 exit 1      ended (failed: usage-limit); Snapshot end",
    );
}

#[test]
fn an_exit_while_waiting_ends_the_run() {
    running(
        "9 ask, 10 exit 0",
        "
9 ask      waiting (answer)
10 exit 0  ended (failed: no-result); Snapshot end",
    );
}

#[test]
fn a_success_from_before_an_answer_is_no_word_about_what_came_after() {
    running(
        "8 pause, 9 turn success, 10 give m, 11 admit, 12 exit 0",
        "
8 pause         running, pausing
9 turn success  waiting (paused); Snapshot turn
10 give m       waiting (paused)
11 admit        running; Deliver m
12 exit 0       ended (failed: no-result); Snapshot end",
    );
}

#[test]
fn what_an_agent_merely_says_changes_nothing() {
    running(
        "3 words, 4 thought, 5 tool, 6 result, 8 usage 5, 9 session",
        "
3 words    running
4 thought  running
5 tool     running
6 result   running
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
1862 tick             stopping (Stalled); Stop
1863 exit 137 forced  ended (failed: stalled); Snapshot end",
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
1862 tick          stopping (Stalled); Stop
1863 turn success  stopping (Stalled); Snapshot turn
1864 exit 0        ended (completed); Snapshot end",
    );
}

#[test]
fn a_person_who_stops_a_run_that_is_stopped_for_silence_has_stopped_it() {
    running(
        "1802 silent, 1862 tick, 1863 stop, 1864 stop, 1865 exit 137 forced",
        "
1802 silent           stalled; CancelTurn
1862 tick             stopping (Stalled); Stop
1863 stop             stopping (Person, force); Stop!
1864 stop             stopping (Person, force)
1865 exit 137 forced  ended (stopped: stopped-by-person); Snapshot end",
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
12 exit 137 forced  ended (stopped: stopped-by-person); Snapshot end
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
11 exit 137 forced  ended (stopped: stopped-by-person); Snapshot end",
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
34 exit 137 forced  ended (stopped: stopped-by-person); Snapshot end",
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
11 turn success  stopping (Person); Snapshot turn
12 silent        stopping (Person)
13 heard         stopping (Person)
14 exit 0        ended (stopped: stopped-by-person); Snapshot end",
    );
}

// exits

#[test]
fn an_agent_that_says_it_succeeded_and_leaves_work_is_completed() {
    running(
        "9 turn success, 10 exit 0",
        "
9 turn success  running; Snapshot turn
10 exit 0       ended (completed); Snapshot end",
    );
}

#[test]
fn an_exit_that_is_told_twice_counts_once() {
    running(
        "9 turn success, 10 exit 0, 11 exit 0, 12 gone, 13 swept",
        "
9 turn success  running; Snapshot turn
10 exit 0       ended (completed); Snapshot end
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
60 exit 137 forced  queued until 65, attempt 2; Snapshot end
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
60 signal 9  ended (failed: agent-crash); Snapshot end
61 admit     rejected: admit makes no sense while it is ended",
    );
}

#[test]
fn deaths_open_the_breaker() {
    running(
        "60 exit 137 forced unseen, 65 admit, 66 started, 70 exit 137 forced unseen, \
         100 admit, 101 started, 110 exit 137 forced unseen, 111 again, 112 admit",
        "
60 exit 137 forced unseen   queued until 65, attempt 2; Snapshot end
65 admit                    starting; Start
66 started                  running
70 exit 137 forced unseen   queued until 100, attempt 3; Snapshot end
100 admit                   starting; Start
101 started                 running
110 exit 137 forced unseen  ended (failed: breaker); Snapshot end
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
60 exit 137 forced unseen     queued until 65, attempt 2; Snapshot end
65 admit                      starting; Start
66 started                    running
9000 exit 137 forced unseen   queued until 9030, attempt 3; Snapshot end
9030 admit                    starting; Start
9031 started                  running
18000 exit 137 forced unseen  ended (lost: supervisor-lost); Snapshot end",
    );
}

#[test]
fn a_finished_turn_resets_the_breaker() {
    running(
        "60 exit 137 forced unseen, 65 admit, 66 started, 70 exit 137 forced unseen, \
         100 admit, 101 started, 105 turn ended, 110 exit 137 forced unseen",
        "
60 exit 137 forced unseen   queued until 65, attempt 2; Snapshot end
65 admit                    starting; Start
66 started                  running
70 exit 137 forced unseen   queued until 100, attempt 3; Snapshot end
100 admit                   starting; Start
101 started                 running
105 turn ended              running; Snapshot turn
110 exit 137 forced unseen  queued until 115, attempt 4; Snapshot end",
    );
}

#[test]
fn a_new_commit_resets_the_breaker() {
    running(
        "60 exit 137 forced untouched, 65 admit, 66 started, \
         70 exit 137 forced untouched, 100 admit, 101 started, 110 exit 137 forced committed c1",
        "
60 exit 137 forced untouched      queued until 65, attempt 2; Snapshot end
65 admit                          starting; Start
66 started                        running
70 exit 137 forced untouched      queued until 100, attempt 3; Snapshot end
100 admit                         starting; Start
101 started                       running
110 exit 137 forced committed c1  queued until 115, attempt 4; Snapshot end",
    );
    running(
        "60 exit 137 forced untouched, 65 admit, 66 started, \
         70 exit 137 forced untouched, 100 admit, 101 started, 105 git c1 1, 110 exit 137 forced unseen",
        "
60 exit 137 forced untouched  queued until 65, attempt 2; Snapshot end
65 admit                      starting; Start
66 started                    running
70 exit 137 forced untouched  queued until 100, attempt 3; Snapshot end
100 admit                     starting; Start
101 started                   running
105 git c1 1                  running
110 exit 137 forced unseen    queued until 115, attempt 4; Snapshot end",
    );
    running(
        "60 exit 137 forced committed c1, 65 admit, 66 started, \
         70 exit 137 forced committed c1, 100 admit, 101 started, 110 exit 137 forced committed c1",
        "
60 exit 137 forced committed c1   queued until 65, attempt 2; Snapshot end
65 admit                          starting; Start
66 started                        running
70 exit 137 forced committed c1   queued until 100, attempt 3; Snapshot end
100 admit                         starting; Start
101 started                       running
110 exit 137 forced committed c1  ended (failed: breaker); Snapshot end",
    );
}

#[test]
fn a_failed_turn_does_not_reset_the_breaker() {
    running(
        "60 exit 137 forced unseen, 65 admit, 66 started, 70 exit 137 forced unseen, \
         100 admit, 101 started, 105 turn failed, 110 exit 137 forced unseen",
        "
60 exit 137 forced unseen   queued until 65, attempt 2; Snapshot end
65 admit                    starting; Start
66 started                  running
70 exit 137 forced unseen   queued until 100, attempt 3; Snapshot end
100 admit                   starting; Start
101 started                 running
105 turn failed             running; Snapshot turn
110 exit 137 forced unseen  ended (failed: breaker); Snapshot end",
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
62 swept  queued until 67, attempt 2; Snapshot end
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
85 swept          queued until 90, attempt 2; Snapshot end",
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
61 swept              queued until 66, attempt 2; Snapshot end
66 admit              starting; Start
67 started            running
9000 gone restarted   stopping (HostRestart, force, gone); Sweep
9001 swept            queued until 9031, attempt 3; Snapshot end
9031 admit            starting; Start
9032 started          running
20000 gone restarted  stopping (HostRestart, force, gone); Sweep
20001 swept           ended (interrupted: host-restart); Snapshot end",
    );
}

#[test]
fn a_gatekeeper_that_goes_while_the_run_is_stopped_leaves_it_stopped() {
    running(
        "9 stop, 10 gone, 11 swept",
        "
9 stop    stopping (Person); Stop
10 gone   stopping (Person, force, gone); Sweep
11 swept  ended (stopped: stopped-by-person); Snapshot end",
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
12 swept  ended (stopped: stopped-by-person); Snapshot end",
    );
}

#[test]
fn a_gatekeeper_that_goes_while_the_agent_is_silent_or_never_came_has_that_end() {
    running(
        "1802 silent, 1862 tick, 1863 gone, 1864 swept",
        "
1802 silent  stalled; CancelTurn
1862 tick    stopping (Stalled); Stop
1863 gone    stopping (Stalled, force, gone); Sweep
1864 swept   ended (failed: stalled); Snapshot end",
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
8 turn success  running; Snapshot turn
9 gone          stopping (SupervisorLost, force, gone); Sweep
10 exit 0       ended (completed); Snapshot end",
    );
    running(
        "9 gone, 10 exit 137 forced",
        "
9 gone              stopping (SupervisorLost, force, gone); Sweep
10 exit 137 forced  queued until 15, attempt 2; Snapshot end",
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
5 swept  queued until 10, attempt 2; Snapshot end",
    );
    running(
        "3 silent, 4 gone, 5 swept",
        "
3 silent  stalled; CancelTurn
4 gone    stopping (SupervisorLost, force, gone); Sweep
5 swept   queued until 10, attempt 2; Snapshot end",
    );
}

// after the end

#[test]
fn another_attempt_goes_straight_to_its_start_in_the_env_that_is_held() {
    running(
        "9 turn success, 10 exit 0, 11 again, 12 again, 13 admit",
        "
9 turn success  running; Snapshot turn
10 exit 0       ended (completed); Snapshot end
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
9 exit 7              ended (failed: agent-exit); Snapshot end
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
9 exit 7        ended (failed: agent-exit); Snapshot end
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
9 exit 7         ended (failed: agent-exit); Snapshot end
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
9 exit 7        ended (failed: agent-exit); Snapshot end
10 land 1       ended (failed: agent-exit), landing in line
11 close 2      rejected: it is landing (in line)
12 op 1 failed  ended (failed: agent-exit), landing over
13 op 2 closed  ended (failed: agent-exit)",
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
9 exit 7        ended (failed: agent-exit); Snapshot end
10 land 1       ended (failed: agent-exit), landing in line
11 op 1 landed  ended (failed: agent-exit), landing over, landed
12 land 2       ended (failed: agent-exit), landing in line",
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
9 exit 7        ended (failed: agent-exit); Snapshot end
10 close 1      ended (failed: agent-exit), env closing; Close
11 op 1 closed  ended (failed: agent-exit), env closed
12 land 2       ended (failed: agent-exit), landing in line
13 op 2 landed  ended (failed: agent-exit), landing over, landed
14 land 3       rejected: it landed on main already",
    );
}

// closing, by way

#[test]
fn a_close_by_force_of_a_living_run_stops_it_first_and_closes_after_its_end() {
    running(
        "9 close 1 force, 10 exit 143 forced, 11 op 1 closed unsettled, 12 settled 0",
        "
9 close 1 force           stopping (Person); Stop
10 exit 143 forced        ended (stopped: stopped-by-person), env closing; Close!
11 op 1 closed unsettled  ended (stopped: stopped-by-person), env closed but unsettled; Settle
12 settled 0              ended (stopped: stopped-by-person), env closed",
    );
    running(
        "9 ask, 10 close 1 force, 11 exit 143 forced",
        "
9 ask               waiting (answer)
10 close 1 force    stopping (Person); Stop
11 exit 143 forced  ended (stopped: stopped-by-person), env closing; Close!",
    );
}

#[test]
fn a_close_by_force_waits_until_a_sweep_says_that_nothing_lives() {
    running(
        "9 close 1 force, 10 gone, 11 swept unknown, 21 tick, 22 swept, 23 op 1 closed 0",
        "
9 close 1 force   stopping (Person); Stop
10 gone           stopping (Person, force, gone); Sweep
11 swept unknown  stopping (Person, force, gone)
21 tick           stopping (Person, force, gone)
22 swept          ended (stopped: stopped-by-person), env closing; Close!
23 op 1 closed 0  ended (stopped: stopped-by-person), env closed",
    );
    running(
        "9 gone, 10 close 1 force, 11 swept",
        "
9 gone            stopping (SupervisorLost, force, gone); Sweep
10 close 1 force  stopping (Person, force, gone)
11 swept          ended (stopped: stopped-by-person), env closing; Close!",
    );
    running(
        "9 stop, 10 close 1 force, 11 exit 143 forced",
        "
9 stop              stopping (Person); Stop
10 close 1 force    stopping (Person, force); Stop!
11 exit 143 forced  ended (stopped: stopped-by-person), env closing; Close!",
    );
}

#[test]
fn a_close_by_force_of_what_holds_nothing_is_answered_at_once_or_with_its_end() {
    check(
        "0 close 1 force, 1 again, 2 close 2 force",
        "
0 close 1 force  ended (stopped: stopped-by-person)
1 again          rejected: it is closed; its env is gone
2 close 2 force  ended (stopped: stopped-by-person)",
    );
    check(
        "0 admit, 1 close 1 force, 2 prepare-failed environment cancelled, 3 undone, 4 again",
        "
0 admit                                 preparing, env preparing; Prepare
1 close 1 force                         preparing, unwanted; CancelPrepare
2 prepare-failed environment cancelled  ended (stopped: stopped-by-person), env none; Undo
3 undone                                ended (stopped: stopped-by-person)
4 again                                 rejected: it is closed; its env is gone",
    );
    check(
        "0 admit, 1 close 1 force, 2 prepared, 3 undone, 4 again",
        "
0 admit          preparing, env preparing; Prepare
1 close 1 force  preparing, unwanted; CancelPrepare
2 prepared       ended (stopped: stopped-by-person), env undoing; Undo
3 undone         ended (stopped: stopped-by-person), env none
4 again          rejected: it is closed; its env is gone",
    );
    starting(
        "2 close 1 force, 3 start-failed, 4 undone, 5 again",
        "
2 close 1 force  stopping (Person); Stop
3 start-failed   ended (stopped: stopped-by-person), env undoing; Undo
4 undone         ended (stopped: stopped-by-person), env none
5 again          rejected: it is closed; its env is gone",
    );
}

#[test]
fn an_env_that_could_not_be_taken_back_is_held_although_its_close_was_answered() {
    check(
        "0 admit, 1 close 1 force, 2 prepared, 3 undone not, 4 close 2 force, 5 op 2 closed 0",
        "
0 admit          preparing, env preparing; Prepare
1 close 1 force  preparing, unwanted; CancelPrepare
2 prepared       ended (stopped: stopped-by-person), env undoing; Undo
3 undone not     ended (stopped: stopped-by-person), env held
4 close 2 force  ended (stopped: stopped-by-person), env closing; Close!
5 op 2 closed 0  ended (stopped: stopped-by-person), env closed",
    );
}

#[test]
fn only_force_closes_what_lives_and_only_once() {
    running(
        "9 close 1, 9 close 1 smart, 9 close 1 aged, 10 close 1 force, 11 close 2 force, 12 abandon 3, 13 exit 143 forced, 14 close 4 force, 15 abandon 5",
        "
9 close 1           rejected: it is running; it must end before you can close it
9 close 1 smart     rejected: it is running; it must end before you can close it
9 close 1 aged      rejected: it is running; it must end before you can close it
10 close 1 force    stopping (Person); Stop
11 close 2 force    rejected: it is being closed already
12 abandon 3        rejected: it is being closed already
13 exit 143 forced  ended (stopped: stopped-by-person), env closing; Close!
14 close 4 force    rejected: it is being closed already
15 abandon 5        rejected: it is being closed already",
    );
}

#[test]
fn a_smart_close_that_is_refused_leaves_the_env_held() {
    running(
        "9 exit 7, 10 snapped 0, 11 close 1 smart, 12 op 1 refused, 13 close 2 force, 14 op 2 closed 2, 15 close 3",
        "
9 exit 7          ended (failed: agent-exit); Snapshot end
10 snapped 0      ended (failed: agent-exit)
11 close 1 smart  ended (failed: agent-exit), env closing; Close smart
12 op 1 refused   ended (failed: agent-exit), env held
13 close 2 force  ended (failed: agent-exit), env closing; Close!
14 op 2 closed 2  ended (failed: agent-exit), env closed
15 close 3        ended (failed: agent-exit)",
    );
}

#[test]
fn a_forced_close_is_answered_before_it_is_settled_and_a_failing_settling_is_tried_again() {
    running(
        "9 exit 7, 10 snapped 0, 11 close 1 force, 12 op 1 closed unsettled, 13 settled 1 failed, 14 purge 1, 15 settle, 16 settled 1, 17 settle, 18 settled 1",
        "
9 exit 7                  ended (failed: agent-exit); Snapshot end
10 snapped 0              ended (failed: agent-exit)
11 close 1 force          ended (failed: agent-exit), env closing; Close!
12 op 1 closed unsettled  ended (failed: agent-exit), env closed but unsettled; Settle
13 settled 1 failed       ended (failed: agent-exit)
14 purge 1                rejected: emptying that trash makes no sense while it is ended
15 settle                 ended (failed: agent-exit); Settle
16 settled 1              ended (failed: agent-exit), env closed
17 settle                 rejected: settling makes no sense while it is ended
18 settled 1              ended (failed: agent-exit)",
    );
}

#[test]
fn a_run_that_is_abandoned_is_stopped_and_all_of_it_kept() {
    running(
        "9 abandon 1, 10 exit 143 forced, 11 op 1 closed unsettled, 12 settled 0, 13 undo 2 1",
        "
9 abandon 1               stopping (Person); Stop
10 exit 143 forced        ended (stopped: stopped-by-person), env closing; Close!
11 op 1 closed unsettled  ended (stopped: stopped-by-person), env closed but unsettled; Settle
12 settled 0              ended (stopped: stopped-by-person), env closed
13 undo 2 1               ended (stopped: stopped-by-person), env coming back; Restore",
    );
    check(
        "0 abandon 1, 1 again",
        "
0 abandon 1  ended (stopped: stopped-by-person)
1 again      rejected: it is closed; its env is gone",
    );
}

// snapshots

#[test]
fn a_person_takes_a_snapshot_of_what_stands_living_or_not() {
    check(
        "0 snap 1, 1 admit, 2 snap 1, 3 prepared, 4 snap 1, 5 started, 6 snap 2, 7 op 2 snapped 1, 9 exit 7, 10 snap 3, 11 close 4, 12 snap 5, 13 op 4 closed, 14 snap 5",
        "
0 snap 1          rejected: it has no files of a repository that stand
1 admit           preparing, env preparing; Prepare
2 snap 1          rejected: it has no files of a repository that stand
3 prepared        starting, env held; Start
4 snap 1          starting; Snapshot asked
5 started         running
6 snap 2          running; Snapshot asked
7 op 2 snapped 1  running
9 exit 7          ended (failed: agent-exit); Snapshot end
10 snap 3         ended (failed: agent-exit); Snapshot asked
11 close 4        ended (failed: agent-exit), env closing; Close
12 snap 5         rejected: it is being closed already
13 op 4 closed    ended (failed: agent-exit), env closed
14 snap 5         rejected: it has no files of a repository that stand",
    );
}

#[test]
fn what_could_not_be_kept_stops_nothing() {
    running(
        "9 turn success, 10 snapped 0 failed, 11 exit 0, 12 snapped 1 same, 13 again, 14 admit",
        "
9 turn success       running; Snapshot turn
10 snapped 0 failed  running
11 exit 0            ended (completed); Snapshot end
12 snapped 1 same    ended (completed)
13 again             queued, attempt 2
14 admit             starting; Start",
    );
}

#[test]
fn where_no_agent_ran_nothing_is_kept() {
    starting(
        "2 began, 3 exit 1 unstarted",
        "
2 began             starting
3 exit 1 unstarted  ended (failed: start), env undoing; Undo",
    );
    running(
        "9 exit 7, 10 again, 11 admit, 12 start-failed",
        "
9 exit 7         ended (failed: agent-exit); Snapshot end
10 again         queued, attempt 2
11 admit         starting; Start
12 start-failed  ended (failed: start)",
    );
}

// coming back

#[test]
fn an_undone_close_brings_the_env_back_and_is_undone_once() {
    running(
        "9 exit 7, 10 snapped 0, 11 close 1 force, 12 op 1 closed 1, 13 again, 14 undo 2 1, 15 undo 3 1, 16 close 3, 17 again, 18 op 2 restored 1, 19 undo 3 1, 20 again, 21 admit",
        "
9 exit 7            ended (failed: agent-exit); Snapshot end
10 snapped 0        ended (failed: agent-exit)
11 close 1 force    ended (failed: agent-exit), env closing; Close!
12 op 1 closed 1    ended (failed: agent-exit), env closed
13 again            rejected: it is closed; its env is gone
14 undo 2 1         ended (failed: agent-exit), env coming back; Restore
15 undo 3 1         rejected: it is being restored
16 close 3          rejected: it is being restored
17 again            rejected: it is being restored
18 op 2 restored 1  ended (failed: agent-exit), env held
19 undo 3 1         rejected: op_1111111111 was taken back already
20 again            queued, attempt 2
21 admit            starting; Start",
    );
}

#[test]
fn a_close_can_be_undone_before_it_is_settled() {
    running(
        "9 exit 7, 10 snapped 0, 11 close 1 force, 12 op 1 closed unsettled, 13 restore 2 0, 14 undo 3 1, 15 settle, 16 settled 1, 17 op 3 restored 1, 18 close 4 force, 19 op 4 closed unsettled, 20 settled 1, 21 settled 3",
        "
9 exit 7                  ended (failed: agent-exit); Snapshot end
10 snapped 0              ended (failed: agent-exit)
11 close 1 force          ended (failed: agent-exit), env closing; Close!
12 op 1 closed unsettled  ended (failed: agent-exit), env closed but unsettled; Settle
13 restore 2 0            rejected: it is being closed already
14 undo 3 1               ended (failed: agent-exit), env coming back; Restore
15 settle                 rejected: settling makes no sense while it is ended
16 settled 1              ended (failed: agent-exit)
17 op 3 restored 1        ended (failed: agent-exit), env held
18 close 4 force          ended (failed: agent-exit), env closing; Close!
19 op 4 closed unsettled  ended (failed: agent-exit), env closed but unsettled; Settle
20 settled 1              ended (failed: agent-exit)
21 settled 3              ended (failed: agent-exit), env closed",
    );
}

#[test]
fn a_restore_that_fails_leaves_the_env_as_it_was() {
    running(
        "9 exit 7, 10 snapped 0, 11 restore 1 0, 12 op 1 failed, 13 close 2 force, 14 op 2 closed 2, 15 undo 3 2, 16 op 3 refused, 17 undo 4 2, 18 op 4 restored 2",
        "
9 exit 7            ended (failed: agent-exit); Snapshot end
10 snapped 0        ended (failed: agent-exit)
11 restore 1 0      ended (failed: agent-exit), env restoring; Restore
12 op 1 failed      ended (failed: agent-exit), env held
13 close 2 force    ended (failed: agent-exit), env closing; Close!
14 op 2 closed 2    ended (failed: agent-exit), env closed
15 undo 3 2         ended (failed: agent-exit), env coming back; Restore
16 op 3 refused     ended (failed: agent-exit), env closed
17 undo 4 2         ended (failed: agent-exit), env coming back; Restore
18 op 4 restored 2  ended (failed: agent-exit), env held",
    );
}

#[test]
fn a_restore_over_an_env_that_stands_keeps_what_stood_and_is_undone_once() {
    running(
        "9 exit 7, 10 snapped 0, 11 restore 1 0, 12 restore 2 0, 12 land 2, 12 snap 2, 12 forget 2 0, 13 op 1 restored 0 before 1, 14 undo 2 1, 15 op 2 restored 1 before 2, 16 undo 3 1, 17 undo 4 2",
        "
9 exit 7                     ended (failed: agent-exit); Snapshot end
10 snapped 0                 ended (failed: agent-exit)
11 restore 1 0               ended (failed: agent-exit), env restoring; Restore
12 restore 2 0               rejected: it is being restored
12 land 2                    rejected: it is being restored
12 snap 2                    rejected: it is being restored
12 forget 2 0                rejected: it is being restored
13 op 1 restored 0 before 1  ended (failed: agent-exit), env held
14 undo 2 1                  ended (failed: agent-exit), env restoring; Restore
15 op 2 restored 1 before 2  ended (failed: agent-exit), env held
16 undo 3 1                  rejected: op_1111111111 was taken back already
17 undo 4 2                  ended (failed: agent-exit), env restoring; Restore",
    );
}

#[test]
fn only_what_has_ended_comes_back_and_only_from_a_snapshot_of_its_own() {
    running(
        "9 turn success, 10 snapped 0, 11 restore 1 0, 12 exit 0, 13 snapped 1, 14 restore 1 5, 15 undo 2 1",
        "
9 turn success  running; Snapshot turn
10 snapped 0    running
11 restore 1 0  rejected: it is running; it must end before you can restore it
12 exit 0       ended (completed); Snapshot end
13 snapped 1    ended (completed)
14 restore 1 5  rejected: snap_h3aa3xqex5 is no snapshot of it
15 undo 2 1     rejected: op_1111111111 is no wish that can be taken back",
    );
    check(
        "0 stop, 1 restore 1 0",
        "
0 stop         ended (stopped: stopped-by-person)
1 restore 1 0  rejected: snap_5hy38rkdzy is no snapshot of it",
    );
}

#[test]
fn a_close_whose_snapshot_was_forgotten_cannot_be_undone() {
    running(
        "9 exit 7, 10 snapped 0, 11 close 1 force, 12 op 1 closed 1, 13 forget 2 1, 14 op 2 forgotten 1, 15 undo 3 1, 16 forget 4 1",
        "
9 exit 7             ended (failed: agent-exit); Snapshot end
10 snapped 0         ended (failed: agent-exit)
11 close 1 force     ended (failed: agent-exit), env closing; Close!
12 op 1 closed 1     ended (failed: agent-exit), env closed
13 forget 2 1        ended (failed: agent-exit); Forget
14 op 2 forgotten 1  ended (failed: agent-exit)
15 undo 3 1          rejected: snap_5d45p05g5f is no snapshot of it
16 forget 4 1        rejected: snap_5d45p05g5f is no snapshot of it",
    );
}

#[test]
fn a_landing_is_undone_by_a_revert_and_only_once() {
    running(
        "9 exit 7, 10 snapped 0, 11 land 1, 12 op 1 landed, 13 undo 2 1, 14 op 2 failed, 15 undo 3 1, 16 op 3 reverted 1, 17 undo 4 1, 18 land 5",
        "
9 exit 7            ended (failed: agent-exit); Snapshot end
10 snapped 0        ended (failed: agent-exit)
11 land 1           ended (failed: agent-exit), landing in line
12 op 1 landed      ended (failed: agent-exit), landing over, landed
13 undo 2 1         ended (failed: agent-exit); Revert
14 op 2 failed      ended (failed: agent-exit)
15 undo 3 1         ended (failed: agent-exit); Revert
16 op 3 reverted 1  ended (failed: agent-exit), not landed
17 undo 4 1         rejected: op_1111111111 was taken back already
18 land 5           ended (failed: agent-exit), landing in line",
    );
    running(
        "9 exit 7, 10 snapped 0, 11 land 1, 12 op 1 landed nowhere, 13 undo 2 1",
        "
9 exit 7                ended (failed: agent-exit); Snapshot end
10 snapped 0            ended (failed: agent-exit)
11 land 1               ended (failed: agent-exit), landing in line
12 op 1 landed nowhere  ended (failed: agent-exit), landing over, landed
13 undo 2 1             rejected: op_1111111111 is no wish that can be taken back",
    );
}

#[test]
fn a_trash_is_emptied_only_beside_a_snapshot_that_has_one_and_never_while_it_comes_back() {
    running(
        "9 exit 7, 10 snapped 0, 11 purge 0, 12 close 1 force, 13 op 1 closed 1, 14 undo 2 1, 15 purge 1, 16 op 2 failed, 17 purge 1, 18 purged 1, 19 purge 1",
        "
9 exit 7          ended (failed: agent-exit); Snapshot end
10 snapped 0      ended (failed: agent-exit)
11 purge 0        rejected: emptying that trash makes no sense while it is ended
12 close 1 force  ended (failed: agent-exit), env closing; Close!
13 op 1 closed 1  ended (failed: agent-exit), env closed
14 undo 2 1       ended (failed: agent-exit), env coming back; Restore
15 purge 1        rejected: emptying that trash makes no sense while it is ended
16 op 2 failed    ended (failed: agent-exit), env closed
17 purge 1        ended (failed: agent-exit); Purge
18 purged 1       ended (failed: agent-exit)
19 purge 1        rejected: emptying that trash makes no sense while it is ended",
    );
}

#[test]
fn records_are_dropped_once_and_only_when_the_run_is_over() {
    running(
        "9 drop-logs, 10 exit 7, 11 drop-logs, 12 close 1, 13 op 1 closed, 14 drop-logs, 15 logs-dropped, 16 drop-logs",
        "
9 drop-logs      rejected: dropping its records makes no sense while it is running
10 exit 7        ended (failed: agent-exit); Snapshot end
11 drop-logs     rejected: dropping its records makes no sense while it is ended
12 close 1       ended (failed: agent-exit), env closing; Close
13 op 1 closed   ended (failed: agent-exit), env closed
14 drop-logs     ended (failed: agent-exit); DropLogs
15 logs-dropped  ended (failed: agent-exit)
16 drop-logs     rejected: dropping its records makes no sense while it is ended",
    );
}

// pause

#[test]
fn a_pause_takes_effect_at_the_end_of_the_turn() {
    running(
        "9 pause, 10 words, 11 silent, 12 heard, 13 turn failed, 14 give r, 15 admit, 16 turn success",
        "
9 pause          running, pausing
10 words         running, pausing
11 silent        stalled; CancelTurn
12 heard         running, pausing
13 turn failed   waiting (paused); Snapshot turn
14 give r        waiting (paused)
15 admit         running; Deliver r
16 turn success  running; Snapshot turn",
    );
}

#[test]
fn a_question_in_the_middle_of_a_turn_does_not_forget_the_pause() {
    running(
        "9 pause, 10 ask, 11 give q, 12 admit, 12 told q turn-started, 13 turn success",
        "
9 pause                 running, pausing
10 ask                  waiting (answer)
11 give q               waiting (answer)
12 admit                running, pausing; Deliver q
12 told q turn-started  running, pausing
13 turn success         waiting (paused); Snapshot turn",
    );
}

#[test]
fn a_pause_at_once_ends_the_attempt_as_interrupted_and_the_run_resumes() {
    running(
        "9 pause now, 10 exit 143 forced, 11 again, 12 admit, 13 started",
        "
9 pause now         stopping (Paused); Stop
10 exit 143 forced  ended (interrupted: stopped-by-person); Snapshot end
11 again            queued, attempt 2
12 admit            starting; Start
13 started          running",
    );
    running(
        "9 pause now, 10 gone, 11 swept, 12 again",
        "
9 pause now  stopping (Paused); Stop
10 gone      stopping (Paused, force, gone); Sweep
11 swept     ended (interrupted: stopped-by-person); Snapshot end
12 again     queued, attempt 2",
    );
    running(
        "9 pause now, 10 turn success, 11 exit 0",
        "
9 pause now      stopping (Paused); Stop
10 turn success  stopping (Paused); Snapshot turn
11 exit 0        ended (completed); Snapshot end",
    );
    running(
        "9 pause now, 10 stop, 11 exit 143 forced",
        "
9 pause now         stopping (Paused); Stop
10 stop             stopping (Person, force); Stop!
11 exit 143 forced  ended (stopped: stopped-by-person); Snapshot end",
    );
}

#[test]
fn a_pause_does_not_outlive_its_attempt() {
    running(
        "9 pause, 10 exit 7, 11 again, 12 admit, 13 started, 20 turn success",
        "
9 pause          running, pausing
10 exit 7        ended (failed: agent-exit); Snapshot end
11 again         queued, attempt 2
12 admit         starting; Start
13 started       running
20 turn success  running; Snapshot turn",
    );
}

// giving way

#[test]
fn a_run_whose_place_is_taken_is_stopped_wherever_it_stands() {
    check(
        "0 supersede",
        "
0 supersede  ended (stopped: superseded)",
    );
    check(
        "0 admit, 1 supersede, 2 prepared",
        "
0 admit      preparing, env preparing; Prepare
1 supersede  preparing, unwanted; CancelPrepare
2 prepared   ended (stopped: superseded), env undoing; Undo",
    );
    running(
        "9 supersede, 10 supersede, 11 exit 143 forced",
        "
9 supersede         stopping (Superseded); Stop
10 supersede        stopping (Superseded)
11 exit 143 forced  ended (stopped: superseded); Snapshot end",
    );
    running(
        "9 gone, 10 supersede, 11 swept unknown, 12 supersede, 13 swept",
        "
9 gone            stopping (SupervisorLost, force, gone); Sweep
10 supersede      stopping (Superseded, force, gone)
11 swept unknown  stopping (Superseded, force, gone)
12 supersede      stopping (Superseded, force, gone)
13 swept          ended (stopped: superseded); Snapshot end",
    );
    running(
        "9 exit 7, 10 supersede",
        "
9 exit 7      ended (failed: agent-exit); Snapshot end
10 supersede  ended (failed: agent-exit)",
    );
}

#[test]
fn whom_a_person_stops_already_is_not_stopped_by_force_for_another() {
    running(
        "9 stop, 10 supersede, 11 exit 143 forced",
        "
9 stop              stopping (Person); Stop
10 supersede        stopping (Person)
11 exit 143 forced  ended (stopped: stopped-by-person); Snapshot end",
    );
}

#[test]
fn words_and_the_conversation_go_with_the_attempt_that_was_asked_for() {
    let next = |script: &str| {
        let run = after(brief("amber"), &format!("{RUNNING}, 9 session, 10 exit 7, {script}"));
        (run.goes_on, run.message)
    };
    let words = || Some("more".to_owned());
    assert_eq!(next("11 again"), (true, None));
    assert_eq!(next("11 afresh"), (false, None));
    assert_eq!(next("11 again saying more"), (true, words()));
    let died = "11 again saying more, 12 admit, 13 started, 14 exit 137 forced";
    assert_eq!(next(died), (true, words()), "a death does not take the words");
    assert_eq!(next(&format!("{died}, 20 admit, 21 exit 7, 22 again")), (true, None));
}

#[test]
fn a_close_says_which_snapshot_it_keeps_and_its_id_is_not_spent_again() {
    let mut run = after(brief("amber"), &format!("{RUNNING}, 9 exit 7, 10 snapped 0"));
    let mut ids = std::collections::BTreeSet::from([script::snap(run.id(), "0")]);
    for n in 0..5 {
        let now = Timestamp(11_000);
        let step = run.step(Input::Close { op: op(n), how: How::Force }, now).unwrap();
        let [Event::Closing { snapshot: Some(id), .. }] = &step.events[..] else {
            panic!("{step:?}")
        };
        let [Effect::Close { snapshot, .. }] = &step.effects[..] else { panic!("{step:?}") };
        assert_eq!(snapshot.as_ref(), Some(id));
        assert!(ids.insert(id.clone()), "{id} of a close that was refused");
        for event in &step.events {
            run.apply(event, now).unwrap();
        }
        script::play(&mut run, &format!("op {n} refused"), now);
    }
}

#[test]
fn four_deaths_without_progress_open_the_breaker_and_the_count_survives_a_replay() {
    let policy = Policy { deaths: 4, tries: 9, jitter: 0.0, ..Policy::default() };
    let brief = Brief { policy, ..brief("amber") };
    let script = "0 admit, 1 prepared, 2 started, 10 exit 137 forced unseen, 15 admit, 16 started, \
                  20 gone, 21 swept, 51 admit, 52 started, 60 exit 137 forced unseen, 240 admit, 241 started";
    let mut run = Run::new(brief.clone(), 1, Timestamp(0));
    let mut replayed = Run::new(brief, 1, Timestamp(0));
    let both = |run: &mut Run, replayed: &mut Run, line: &str| {
        let (secs, text) = line.split_once(' ').unwrap();
        let now = script::seconds(secs);
        for event in run.step(script::input(text, run, now), now).unwrap().events {
            run.apply(&event, now).unwrap();
            let kept = serde_json::to_string(&event).unwrap();
            replayed.apply(&serde_json::from_str(&kept).unwrap(), now).unwrap();
        }
    };
    for line in script.split(", ") {
        both(&mut run, &mut replayed, line);
    }
    assert_eq!((run.deaths.len(), script::shown(&run).as_str()), (3, "running"));
    assert_eq!(replayed, run);
    // The daemon that read the ledger decides as the one would that wrote it.
    let (mut run, mut copy) = (replayed, run);
    both(&mut run, &mut copy, "250 exit 137 forced unseen");
    assert_eq!(script::shown(&run), "ended (failed: breaker)");
    both(&mut run, &mut copy, "260 again");
    assert_eq!(run.deaths, [], "a person who resumes it has reset it");
    for line in ["261 admit", "262 started", "270 exit 137 forced unseen"] {
        both(&mut run, &mut copy, line);
    }
    assert_eq!(script::shown(&run), "queued until 275");
    assert_eq!(copy, run);
}

#[test]
fn every_wish_is_answered_by_its_own_result_however_many_follow() {
    let script = format!(
        "{RUNNING}, 9 exit 7, 10 snapped 0, 11 land 1, 12 snap 2, 13 op 1 landed, 14 op 2 snapped 1"
    );
    let run = after(brief("amber"), &script);
    assert!(matches!(run.result_of(&op(1)), Some(OpResult::Landed { .. })));
    assert!(matches!(run.result_of(&op(2)), Some(OpResult::Snapped { .. })));
    assert_eq!(run.result_of(&op(3)), None);
}

// what is counted

#[test]
fn what_was_used_adds_up_over_the_attempts() {
    let script = "0 admit, 1 prepared, 2 started, 3 usage 10, 4 usage 30, 60 exit 137 forced, 65 admit, 66 started";
    let run = after(brief("amber"), script);
    assert_eq!(run.spent.amount.usage.input_tokens, 30);
    let run = after(brief("amber"), &format!("{script}, 67 usage 5, 68 usage 7"));
    assert_eq!(
        (run.spent.amount.usage.input_tokens, run.spent.amount.usage.output_tokens),
        (37, 2)
    );
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
    let rejected = run.step(Input::Close { op: op(1), how: How::Smart }, Timestamp(0)).unwrap_err();
    assert_eq!(rejected.slug, "run-living");
    assert_eq!(
        rejected.hints,
        [format!("skep wait {}", run.id()), format!("skep stop {}", run.id())]
    );
}

fn on_a_screen() -> Brief {
    Brief { surface: Surface::Terminal, ..brief("amber") }
}

#[test]
fn an_agent_on_its_own_screen_that_is_silent_waits_for_a_person_and_goes_when_it_is_heard() {
    check_of(
        on_a_screen(),
        "0 admit, 1 prepared, 2 started",
        "9 silent, 10 heard, 11 silent, 12 give m, 13 admit",
        "
9 silent   waiting (input)
10 heard   running
11 silent  waiting (input)
12 give m  waiting (input)
13 admit   running; Deliver m",
    );
}

#[test]
fn a_turn_that_ends_on_a_screen_waits_for_a_person() {
    check_of(
        on_a_screen(),
        "0 admit, 1 prepared, 2 started",
        "9 turn success, 10 give m, 11 admit",
        "
9 turn success  waiting (input); Snapshot turn
10 give m       waiting (input)
11 admit        running; Deliver m",
    );
}

#[test]
fn what_an_agent_tells_on_its_own_screen_is_the_state_of_its_run() {
    check_of(
        on_a_screen(),
        "0 admit, 1 prepared, 2 started",
        "8 busy, 9 idle, 10 busy, 11 permission, 12 busy, 13 withdrawn p, 14 turn ended, 15 idle, 16 withdrawn p, \
         17 busy, 18 silent, 19 busy",
        "
8 busy          running
9 idle          waiting (input)
10 busy         running
11 permission   waiting (permission)
12 busy         waiting (permission)
13 withdrawn p  running
14 turn ended   waiting (input); Snapshot turn
15 idle         waiting (input)
16 withdrawn p  waiting (input)
17 busy         running
18 silent       waiting (input)
19 busy         running",
    );
}

#[test]
fn a_window_is_opened_on_a_screen_when_the_agent_is_there_and_on_nothing_else() {
    check_of(on_a_screen(), "0 admit, 1 prepared", "2 started", "\n2 started  running; Show");
    check_of(brief("amber"), "0 admit, 1 prepared", "2 started", "\n2 started  running");
}
