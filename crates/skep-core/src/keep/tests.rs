//! What is due: each age from both sides, and what no age may touch.

use std::time::Duration;

use super::*;
use crate::run::{
    adopted::tests::brief_of_adopted,
    tests::script::{after, brief, play},
};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

const DONE: &str = "0 admit, 1 prepared, 2 started, 9 turn success, 10 exit 0";
const FAILED: &str = "0 admit, 1 prepared, 2 started, 10 exit 7";

fn run_of(name: &str, script: &str) -> Run {
    after(brief(name), script)
}

/// What of `runs` is due `secs` after the beginning, in words.
fn due_at(runs: &[&Run], secs: u64, short: bool) -> Vec<String> {
    let now = Timestamp(secs * 1000);
    due(runs.iter().copied(), &Keep::default(), now, short)
        .iter()
        .map(|due| {
            let run = runs.iter().find(|run| run.id() == due.run()).unwrap();
            let nth = |id: &SnapshotId| {
                (0..100).find(|n| crate::snapshot::nth(run.id(), *n) == *id).unwrap().to_string()
            };
            let name = &run.brief.name;
            match due {
                Due::Env { .. } => format!("env of {name}"),
                Due::Settle { .. } => format!("settle {name}"),
                Due::Trash { snapshot, .. } => format!("trash {} of {name}", nth(snapshot)),
                Due::Snapshots { snapshots, .. } => {
                    let list: Vec<String> = snapshots.iter().map(nth).collect();
                    format!("snapshots {} of {name}", list.join(" "))
                }
                Due::Logs { .. } => format!("logs of {name}"),
            }
        })
        .collect()
}

/// What is due of `runs` when each has had `secs` since its end at second 10.
fn after_end(runs: &[&Run], secs: u64) -> Vec<String> {
    due_at(runs, 10 + secs, false)
}

#[test]
fn the_env_of_what_is_done_is_kept_for_23_hours_and_due_after_25() {
    let done = run_of("amber", DONE);
    assert!(after_end(&[&done], 23 * HOUR).is_empty());
    assert_eq!(after_end(&[&done], DAY), ["env of amber"], "the day itself is the border");
    assert_eq!(after_end(&[&done], 25 * HOUR), ["env of amber"]);
}

#[test]
fn the_env_of_what_failed_was_stopped_or_was_broken_off_waits_for_a_person() {
    for script in [
        FAILED,
        "0 admit, 1 prepared, 2 started, 9 stop, 10 exit 143 forced",
        "0 admit, 1 prepared, 2 started, 9 pause now, 10 exit 143 forced",
    ] {
        let run = run_of("amber", script);
        assert!(after_end(&[&run], 365 * DAY).is_empty(), "{script}");
    }
}

#[test]
fn the_env_of_what_landed_is_due_whatever_its_outcome() {
    let run = run_of("amber", &format!("{FAILED}, 11 land 1, 12 op 1 landed"));
    assert_eq!(after_end(&[&run], 25 * HOUR), ["env of amber"]);
}

#[test]
fn what_lives_or_is_to_live_is_skipped_whatever_its_age_and_however_short_the_disk() {
    for script in [
        "0 git c1 1",
        "0 admit",
        "0 admit, 1 prepared",
        "0 admit, 1 prepared, 2 started",
        "0 admit, 1 prepared, 2 started, 3 ask",
        "0 admit, 1 prepared, 2 started, 3 silent",
        "0 admit, 1 prepared, 2 started, 3 stop",
        "0 admit, 1 prepared, 2 started, 3 gone, 4 swept unknown",
        "0 admit, 1 prepared, 2 started, 3 turn success, 4 snapped 0, 10 exit 0, 11 again",
    ] {
        let run = run_of("amber", script);
        assert!(due_at(&[&run], 400 * DAY, true).is_empty(), "{script}");
    }
}

#[test]
fn an_env_on_its_way_out_or_back_or_that_nothing_ran_in_is_nobody_elses() {
    for script in [
        format!("{DONE}, 11 close 1"),
        format!("{DONE}, 11 snapped 0, 12 restore 1 0"),
        "0 admit, 1 stop, 2 prepared".to_owned(),
    ] {
        let run = run_of("amber", &script);
        let due = due_at(&[&run], 2 * DAY, true);
        assert!(due.is_empty(), "{script}: {due:?}");
    }
}

#[test]
fn an_env_that_could_not_go_is_looked_at_again_only_after_an_hour() {
    let looked = |answer: &str| {
        run_of("amber", &format!("{DONE}, 100000 close 1 aged, 100001 op 1 {answer}"))
    };
    for answer in ["refused", "failed"] {
        let run = looked(answer);
        assert!(matches!(run.env, EnvState::Held(_)), "unknown or not, it is kept");
        assert!(due_at(&[&run], 100_001 + HOUR - 1, false).is_empty(), "{answer}");
        assert!(due_at(&[&run], 100_001 + HOUR - 1, true).is_empty(), "short disk or not");
        assert_eq!(due_at(&[&run], 100_001 + HOUR, false), ["env of amber"], "{answer}");
    }
}

#[test]
fn a_persons_close_in_vain_is_no_look_of_the_collector() {
    let run = run_of("amber", &format!("{DONE}, 100000 close 1 smart, 100001 op 1 refused"));
    assert_eq!(due_at(&[&run], 100_002, false), ["env of amber"]);
}

#[test]
fn short_disk_asks_for_no_age_and_takes_the_oldest_first() {
    let later = "0 admit, 1 prepared, 2 started, 20 exit 7";
    let (old, young) = (run_of("old", FAILED), run_of("young", later));
    assert!(due_at(&[&young, &old], 30, false).is_empty());
    assert_eq!(due_at(&[&young, &old], 30, true), ["env of old", "env of young"]);
}

#[test]
fn trash_is_kept_for_seven_days_unless_disk_is_short() {
    let run = run_of("amber", &format!("{DONE}, 10 close 1 force, 10 op 1 closed 2"));
    assert!(after_end(&[&run], 7 * DAY - 1).is_empty());
    assert_eq!(after_end(&[&run], 7 * DAY), ["trash 2 of amber"]);
    assert_eq!(due_at(&[&run], 30, true), ["trash 2 of amber"]);
}

#[test]
fn trash_that_is_in_no_snapshot_yet_is_settled_and_never_emptied() {
    let run = run_of("amber", &format!("{DONE}, 10 close 1 force, 10 op 1 closed unsettled"));
    for (secs, short) in [(30, false), (30, true), (365 * DAY, false), (365 * DAY, true)] {
        assert_eq!(due_at(&[&run], secs, short), ["settle amber"], "{secs} {short}");
    }
}

#[test]
fn what_is_unsettled_comes_before_all_else() {
    let unsettled = run_of("young", &format!("{DONE}, 10 close 1 force, 10 op 1 closed unsettled"));
    let trash = run_of("old", &format!("{DONE}, 10 close 1 force, 10 op 1 closed 2"));
    let due = due_at(&[&trash, &unsettled], 30, true);
    assert_eq!(due, ["settle young", "trash 2 of old"]);
}

#[test]
fn snapshots_are_kept_for_thirty_days_and_go_together() {
    let run = run_of("amber", &format!("{DONE}, 10 snapped 0, 10 snapped 1, 11 snapped 2"));
    let snapshots = |secs| {
        let mut due = after_end(&[&run], secs);
        due.retain(|due| due.starts_with("snapshots"));
        due
    };
    assert!(snapshots(30 * DAY - 1).is_empty());
    let [due] = &snapshots(30 * DAY)[..] else { panic!("two are due") };
    for (nth, is_due) in [("0", true), ("1", true), ("2", false)] {
        assert_eq!(due.split(' ').any(|word| word == nth), is_due, "{due}");
    }
    assert_eq!(
        snapshots(30 * DAY + 1)[0].split(' ').count(),
        "snapshots 0 1 2 of amber".split(' ').count()
    );
}

#[test]
fn a_snapshot_whose_trash_lies_there_is_not_forgotten_before_it() {
    let mut run =
        run_of("amber", &format!("{DONE}, 10 close 1 force, 10 op 1 closed 2, 10 logs-dropped"));
    assert_eq!(after_end(&[&run], 60 * DAY), ["trash 2 of amber"], "however old");
    play(&mut run, "purged 2", Timestamp(60 * DAY * 1000));
    assert_eq!(after_end(&[&run], 60 * DAY), ["snapshots 2 of amber"]);
}

#[test]
fn records_are_kept_for_fourteen_days_after_a_run_is_over_for_good() {
    let mut run = run_of("amber", &format!("{DONE}, 10 close 1, 10 op 1 closed"));
    assert!(after_end(&[&run], 14 * DAY - 1).is_empty());
    assert_eq!(after_end(&[&run], 14 * DAY), ["logs of amber"]);
    play(&mut run, "logs-dropped", Timestamp(15 * DAY * 1000));
    assert!(after_end(&[&run], 15 * DAY).is_empty(), "once");
    for held in [FAILED.to_owned(), format!("{DONE}, 10 close 1 force, 10 op 1 closed unsettled")] {
        let run = run_of("amber", &held);
        assert!(!after_end(&[&run], 365 * DAY).contains(&"logs of amber".to_owned()), "{held}");
    }
}

#[test]
fn the_records_of_another_attempt_have_an_age_of_their_own() {
    let mut run = run_of("amber", "0 stop, 1 logs-dropped, 2 again, 3 stop");
    assert!(!run.logs_dropped);
    assert_eq!(due_at(&[&run], 14 * DAY + 3, false), ["logs of amber"]);
    play(&mut run, "logs-dropped", Timestamp(0));
    assert!(due_at(&[&run], 14 * DAY + 3, false).is_empty());
}

#[test]
fn a_clock_that_went_back_makes_nothing_due() {
    let run = run_of("amber", &format!("{DONE}, 10 snapped 0"));
    assert!(due_at(&[&run], 0, false).is_empty());
}

#[test]
fn the_ages_are_those_that_are_promised() {
    let days = |days: u64| Duration::from_secs(days * DAY).as_millis();
    let keep = Keep::default();
    assert_eq!(u128::from(keep.env_ms), days(1));
    assert_eq!(u128::from(keep.trash_ms), days(7));
    assert_eq!(u128::from(keep.logs_ms), days(14));
    assert_eq!(u128::from(keep.snapshots_ms), days(30));
}

#[test]
fn a_checkout_that_is_let_go_of_frees_no_disk_and_goes_only_by_age() {
    let mut place = brief("amber");
    place.place.env_type = EnvType::InPlace;
    let done = after(place, DONE);
    assert!(due_at(&[&done], 30, true).is_empty(), "nothing is gained");
    assert_eq!(due_at(&[&done], 2 * DAY, true), ["env of amber"]);
    let adopted = after(brief_of_adopted("beryl"), "0 admit, 1 prepared");
    assert!(due_at(&[&adopted], 400 * DAY, true).is_empty(), "it waits for a person");
}
