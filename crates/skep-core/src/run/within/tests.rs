//! Scenes of a run that works in the env of another one.

use crate::run::{
    Brief, Kind,
    tests::script::{brief, check_of},
};

/// A person's own run in the env of the one called `owner`.
fn brief_within(owner: &str) -> Brief {
    let owner = brief(owner).id;
    Brief { kind: Kind::Manual, within: Some(owner), ..brief("maple") }
}

#[track_caller]
fn check(before: &str, script: &str, want: &str) {
    check_of(brief_within("amber"), before, script, want);
}

const ENDED: &str = "0 admit, 1 prepared, 2 started, 3 turn success, 9 exit 0, 10 snapped 0";

#[test]
fn its_place_is_looked_at_before_each_attempt_and_stays_the_others() {
    check(
        "",
        "0 admit, 1 prepared, 2 started, 3 turn success, 9 exit 0, 10 again, 11 admit, 12 prepared, 13 started",
        "
0 admit         preparing, env preparing; Prepare
1 prepared      starting, env within; Start
2 started       running
3 turn success  running; Snapshot turn
9 exit 0        ended (completed); Snapshot end
10 again        queued, attempt 2
11 admit        preparing, env preparing; Prepare
12 prepared     starting, env within; Start
13 started      running",
    );
}

#[test]
fn what_cannot_be_had_ends_it_and_takes_nothing_back() {
    check(
        "0 admit",
        "1 prepare-failed user gone",
        "
1 prepare-failed user gone  ended (failed: prepare), env none",
    );
    check(
        "0 admit",
        "1 prepare-failed environment env-busy, 7 admit, 8 prepared, 9 start-failed",
        "
1 prepare-failed environment env-busy  queued until 6, env none
7 admit                                preparing, env preparing; Prepare
8 prepared                             starting, env within; Start
9 start-failed                         ended (failed: start)",
    );
    check(
        "0 admit",
        "1 stop, 2 prepared",
        "
1 stop      preparing, unwanted; CancelPrepare
2 prepared  ended (stopped: stopped-by-person), env within",
    );
    check(
        "0 admit, 1 stop",
        "2 prepare-failed user gone",
        "
2 prepare-failed user gone  ended (stopped: stopped-by-person), env none",
    );
}

#[test]
fn closing_lets_go_and_the_work_is_the_others() {
    check(
        ENDED,
        "11 land 1, 11 snap 1, 11 restore 1 0, 12 close 2, 13 op 2 closed, 14 restore 3 0, 15 again, 16 close 4",
        "
11 land 1       rejected: it works in the env of run_1d25j00000, which keeps its work
11 snap 1       rejected: it works in the env of run_1d25j00000, which keeps its work
11 restore 1 0  rejected: it works in the env of run_1d25j00000, which keeps its work
12 close 2      ended (completed), env closing; Close
13 op 2 closed  ended (completed), env closed
14 restore 3 0  rejected: it works in the env of run_1d25j00000, which keeps its work
15 again        rejected: it is closed, and has let go of the env of run_1d25j00000
16 close 4      ended (completed)",
    );
    check(
        "0 admit, 1 prepared, 2 started",
        "3 land 1, 4 close 2, 5 close 2 force, 6 exit 143",
        "
3 land 1         rejected: it works in the env of run_1d25j00000, which keeps its work
4 close 2        rejected: it is running; it must end before you can close it
5 close 2 force  stopping (Person); Stop
6 exit 143       ended (stopped: stopped-by-person), env closing; Close!",
    );
    check(
        ENDED,
        "12 close 2, 13 op 2 failed",
        "
12 close 2      ended (completed), env closing; Close
13 op 2 failed  ended (completed), env within",
    );
}

#[test]
fn its_work_is_kept_in_snapshots_of_its_own() {
    check(
        "0 admit, 1 prepared, 2 started",
        "3 turn success, 4 snapped 0, 5 gone, 6 swept",
        "
3 turn success  running; Snapshot turn
4 snapped 0     running
5 gone          stopping (SupervisorLost, force, gone); Sweep
6 swept         queued until 11, attempt 2; Snapshot end",
    );
}
