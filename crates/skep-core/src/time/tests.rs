use super::*;

#[test]
fn a_time_reads_back() {
    let at = Timestamp(1_795_174_980_123);
    assert_eq!(at.to_string(), "2026-11-20T11:43:00.123Z");
    assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
    assert_eq!(serde_json::to_string(&at).unwrap(), "\"2026-11-20T11:43:00.123Z\"");
}

#[test]
fn any_number_has_a_spelling_and_time_never_runs_backwards() {
    assert!(!Timestamp(u64::MAX).to_string().is_empty());
    assert_eq!(Timestamp(1).since(Timestamp(2)), Duration::ZERO);
    assert!("1969-01-01T00:00:00Z".parse::<Timestamp>().is_err());
}

/// A reading of both clocks, in seconds.
fn at(wall: u64, steady: u64) -> Reading {
    Reading { wall: Timestamp(wall * 1000), steady: Duration::from_secs(steady) }
}

#[test]
fn the_time_of_decisions_follows_the_steady_clock_while_somebody_waits() {
    let mut pace = Pace::begin(at(91000, 7), None);
    for (reading, waits, expected) in [
        (at(91001, 8), true, 91001),
        // The wall is set an hour back, and an hour ahead: a wait is neither longer nor shorter.
        (at(91002 - 3600, 9), true, 91002),
        (at(91003 - 3600, 10), false, 91003),
        (at(91004 + 3600, 11), true, 91004),
        // Nobody waits any more: what a sleep took is caught up.
        (at(91005 + 3600, 12), false, 91005 + 3600),
        (at(91006, 13), false, 91006 + 3600),
        // A steady clock that goes back is none, and moves nothing.
        (at(91006, 1), true, 91006 + 3600),
    ] {
        assert_eq!(pace.go_on(reading, waits), Timestamp(expected * 1000), "{reading:?}");
        assert_eq!(pace.now(), Timestamp(expected * 1000));
    }
}

#[test]
fn a_time_that_begins_behind_what_is_known_begins_there() {
    let known = Some(Timestamp(5_000_000));
    let mut pace = Pace::begin(at(1000, 0), known);
    assert_eq!(pace.now(), Timestamp(5_000_000));
    assert_eq!(pace.go_on(at(1001, 1), true), Timestamp(5_001_000));
    assert_eq!(Pace::begin(at(9000, 0), known).now(), Timestamp(9_000_000));
}

#[test]
fn many_short_looks_count_as_much_as_a_long_one() {
    let mut pace = Pace::begin(at(0, 0), None);
    for micros in (0..=1_000_000).step_by(300) {
        pace.go_on(Reading { wall: Timestamp(0), steady: Duration::from_micros(micros) }, true);
    }
    assert_eq!(pace.now(), Timestamp(999));
}
