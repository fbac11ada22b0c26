//! Scenes of runs that were taken over, and which worktrees may be.

use super::*;
use crate::run::{
    Brief, EnvType,
    tests::script::{brief, check_of},
};

/// A run that is to take over a worktree in which somebody else works.
pub(crate) fn brief_of_adopted(name: &str) -> Brief {
    let mut brief = brief(name);
    brief.place.env_type = EnvType::InPlace;
    brief.adopted = Some(adopted());
    brief
}

/// All that can be found.
pub(crate) fn adopted() -> Adopted {
    Adopted {
        layout: Layout::ClaudeSquad,
        base: Some(Base { branch: "origin/main".to_owned(), oid: "b0".to_owned() }),
        pane: Some(Pane {
            socket: "/tmp/tmux-1000/default".to_owned(),
            name: "claudesquad_roof".to_owned(),
            session: "$3".to_owned(),
            pane: "%5".to_owned(),
            pid: 77,
            started: 123_456,
            program: "claude".to_owned(),
        }),
    }
}

#[track_caller]
fn check(before: &str, script: &str, want: &str) {
    check_of(brief_of_adopted("amber"), before, script, want);
}

const ADOPTED: &str = "0 admit, 1 prepared";

#[test]
fn a_run_that_takes_a_worktree_over_starts_nothing_and_rests_until_it_is_resumed() {
    check(
        "",
        "0 admit, 1 prepared, 2 stop, 3 tick, 4 again, 5 admit, 6 started",
        "
0 admit     preparing, env preparing; Prepare
1 prepared  ended (interrupted: adopted), env held
2 stop      ended (interrupted: adopted)
3 tick      ended (interrupted: adopted)
4 again     queued, attempt 2
5 admit     starting; Start
6 started   running",
    );
}

#[test]
fn what_was_taken_over_can_be_kept_landed_and_let_go_of_without_an_attempt() {
    check(
        ADOPTED,
        "2 snap 1, 3 op 1 snapped 0, 4 land 2, 5 op 2 landed, 6 close 3 smart, 7 op 3 closed, 8 again",
        "
2 snap 1          ended (interrupted: adopted); Snapshot asked
3 op 1 snapped 0  ended (interrupted: adopted)
4 land 2          ended (interrupted: adopted), landing in line
5 op 2 landed     ended (interrupted: adopted), landing over, landed
6 close 3 smart   ended (interrupted: adopted), env closing; Close smart
7 op 3 closed     ended (interrupted: adopted), env closed
8 again           rejected: it is closed; its env is gone",
    );
}

#[test]
fn a_stop_before_a_worktree_is_taken_over_lets_go_of_it() {
    check(
        "0 admit, 1 stop",
        "2 prepared, 3 undone",
        "
2 prepared  ended (stopped: stopped-by-person), env undoing; Undo
3 undone    ended (stopped: stopped-by-person), env none",
    );
}

#[test]
fn a_first_attempt_that_cannot_be_started_leaves_the_worktree_held() {
    check(
        "0 admit, 1 prepared, 2 again, 3 admit",
        "4 start-failed",
        "
4 start-failed  ended (failed: start)",
    );
}

#[test]
fn a_take_over_that_failed_is_tried_again_as_a_run_in_that_place() {
    check(
        "0 admit, 1 prepare-failed user env-busy",
        "2 again, 3 admit, 4 prepared",
        "
2 again     queued, attempt 2
3 admit     preparing, env preparing; Prepare
4 prepared  starting, env held; Start",
    );
}

fn standing() -> Standing {
    Standing { path: "/w".to_owned(), ..Standing::default() }
}

#[test]
fn a_linked_worktree_that_stands_free_may_be_taken_over() {
    assert_eq!(standing().refusal(), None);
}

#[test]
fn every_worktree_that_may_not_be_taken_over_is_refused_by_name() {
    let some = Some("/v".to_owned());
    let refused = [
        ("adopt-env", Standing { of_skep: true, locked: some.clone(), ..standing() }),
        ("adopt-bare", Standing { bare: true, main: true, ..standing() }),
        ("adopt-main", Standing { main: true, ..standing() }),
        ("adopt-missing", Standing { gone: true, locked: some.clone(), ..standing() }),
        ("adopt-not-yours", Standing { of_another: true, locked: some.clone(), ..standing() }),
        ("adopt-locked", Standing { locked: Some(String::new()), ..standing() }),
        ("adopt-nested", Standing { inside: some, unborn: true, ..standing() }),
        ("adopt-unborn", Standing { unborn: true, ..standing() }),
    ];
    for (slug, standing) in refused {
        let refusal = standing.refusal().unwrap_or_else(|| panic!("{slug}: {standing:?}"));
        assert_eq!(refusal.slug, slug, "{standing:?}");
        assert!(refusal.text.contains("/w"), "{refusal}");
    }
}
