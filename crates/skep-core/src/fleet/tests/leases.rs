//! Scenes of runs that need what there is only so much of, and what holds in any history of them.

use proptest::prelude::*;

use super::*;
use crate::{
    lease::{Lease, Need, Pool, Thing},
    run::Kind,
};

const MANY: Limits = Limits { runs: 8, per_project: 8, prepare: 8, ..ONE };

/// One need of each kind, with nothing left out.
pub(in crate::fleet) fn one_of_each() -> Vec<Need> {
    let db = Need {
        env: "DATABASE_URL".to_owned(),
        pool: Pool::Values(vec!["postgres://localhost/a".to_owned()]),
        project: Some("web".to_owned()),
        ..need("db")
    };
    vec![need("port"), db, Need { count: 2, pool: Pool::Slots(4), ..need("gpu") }]
}

/// A lease of each kind.
pub(in crate::fleet) fn of_each() -> Vec<Lease> {
    let lease = |name: &str, value: &str, project: Option<&str>, ports| Lease {
        name: name.to_owned(),
        env: name.to_uppercase(),
        value: value.to_owned(),
        project: project.map(str::to_owned),
        ports,
    };
    vec![
        lease("port", "3000", None, true),
        lease("db", "postgres://localhost/a", Some("web"), false),
    ]
}

/// Several of them: `port,db`.
pub(super) fn needs(what: &str) -> Vec<Need> {
    what.split(',').map(need).collect()
}

/// `port`: one of 3000 and 3001; `db`: one of a and b; `both`: two of them; `gpu`: one slot.
fn need(what: &str) -> Need {
    let (name, pool, count) = match what {
        "port" => ("port", Pool::Range { first: 3000, last: 3001 }, 1),
        "db" => ("db", Pool::Values(vec!["a".to_owned(), "b".to_owned()]), 1),
        "both" => ("db", Pool::Values(vec!["a".to_owned(), "b".to_owned()]), 2),
        "gpu" => ("gpu", Pool::Slots(1), 1),
        other => panic!("no such need: {other}"),
    };
    let ports = name == "port";
    let (name, env) = (name.to_owned(), name.to_uppercase());
    Need { name, env, pool, count, project: None, ports }
}

/// What came of a line: who holds what, and who waits for what.
fn line(fleet: &mut Fleet, line: &str) -> String {
    let (secs, text) = line.split_once(' ').unwrap();
    let words: Vec<&str> = text.split(' ').collect();
    let told = if let ["create", name @ "r", how @ ..] = words.as_slice() {
        // It reviews: it has a lane of its own.
        let brief = Brief { kind: Kind::Review, ..brief_of(name, how) };
        fleet.decide(create(brief), seconds(secs)).unwrap();
        String::new()
    } else {
        let told = play(fleet, line);
        if told.starts_with("rejected") { told } else { String::new() }
    };
    let mut runs: Vec<&Arc<Run>> = fleet.runs.values().collect();
    runs.sort_by_key(|run| run.order);
    let holds = runs.iter().filter(|run| !run.leases.held.is_empty()).map(|run| {
        let values: Vec<&str> = run.leases.held.iter().map(|it| it.value.as_str()).collect();
        format!("{}:{}", run.brief.name, values.join("+"))
    });
    let holds = holds.collect::<Vec<_>>().join(" ");
    let held_back = runs.iter().filter_map(|run| {
        let words = fleet.held_back(run, seconds(secs))?;
        Some(format!("{} waits: {words}", run.brief.name))
    });
    let parts = [told, holds].into_iter().chain(held_back).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" | ")
}

#[track_caller]
fn check(limits: Limits, script: &str, want: &str) {
    let mut fleet = fleet(limits);
    let got: String = script
        .split(", ")
        .map(|text| format!("\n{text} => {}", line(&mut fleet, text)).trim_end().to_owned())
        .collect();
    assert!(got == want, "got:\n{got}\nwant:\n{want}");
}

#[test]
fn a_run_without_its_resource_waits_in_line_and_says_who_has_it() {
    check(
        MANY,
        "0 create a needing port, 0 create b needing port, 0 create c needing port, 1 create d, \
         1 a prepared, 2 a started, 9 a exit 7, 10 b stop, 11 b prepared",
        "
0 create a needing port => a:3000
0 create b needing port => a:3000 b:3001
0 create c needing port => a:3000 b:3001 | c waits: port 3000-3001: all 2 are held by a, b
1 create d => a:3000 b:3001 | c waits: port 3000-3001: all 2 are held by a, b
1 a prepared => a:3000 b:3001 | c waits: port 3000-3001: all 2 are held by a, b
2 a started => a:3000 b:3001 | c waits: port 3000-3001: all 2 are held by a, b
9 a exit 7 => b:3001 c:3000
10 b stop => b:3001 c:3000
11 b prepared => c:3000",
    );
}

#[test]
fn who_needs_several_things_has_all_of_them_or_none_and_those_behind_do_not_starve_it() {
    check(
        MANY,
        "0 create a needing db,gpu, 0 create b needing both, 1 create c needing db, \
         2 create d needing gpu, 3 a stop, 4 a prepare-failed user gone, 5 b stop, \
         6 b prepare-failed user gone",
        "
0 create a needing db,gpu => a:a+0
0 create b needing both => a:a+0 | b waits: db (2 values), 2 at once: 1 is held by a
1 create c needing db => a:a+0 | b waits: db (2 values), 2 at once: 1 is held by a | c waits: db (2 values): 1 is held by a; b asked first
2 create d needing gpu => a:a+0 | b waits: db (2 values), 2 at once: 1 is held by a | c waits: db (2 values): 1 is held by a; b asked first | d waits: gpu (1 slot): 1 is held by a
3 a stop => a:a+0 | b waits: db (2 values), 2 at once: 1 is held by a | c waits: db (2 values): 1 is held by a; b asked first | d waits: gpu (1 slot): 1 is held by a
4 a prepare-failed user gone => b:a+b d:0 | c waits: db (2 values): all 2 are held by b
5 b stop => b:a+b d:0 | c waits: db (2 values): all 2 are held by b
6 b prepare-failed user gone => c:a d:0",
    );
}

#[test]
fn who_waits_for_a_slot_keeps_what_it_needs_from_those_of_other_lanes_and_only_the_first() {
    check(
        ONE,
        "0 create z, 1 create a needing db, 2 create b needing db, 3 create r needing both, \
         4 create d needing db, 5 z stop, 6 z prepare-failed user gone",
        "
0 create z =>
1 create a needing db => a waits: limits.runs: 1 runs hold a slot
2 create b needing db => a waits: limits.runs: 1 runs hold a slot | b waits: limits.runs: 1 runs hold a slot
3 create r needing both => a waits: limits.runs: 1 runs hold a slot | b waits: limits.runs: 1 runs hold a slot | r waits: db (2 values), 2 at once: a asked first
4 create d needing db => a waits: limits.runs: 1 runs hold a slot | b waits: limits.runs: 1 runs hold a slot | r waits: db (2 values), 2 at once: a asked first | d waits: limits.runs: 1 runs hold a slot
5 z stop => a waits: limits.runs: 1 runs hold a slot | b waits: limits.runs: 1 runs hold a slot | r waits: db (2 values), 2 at once: a asked first | d waits: limits.runs: 1 runs hold a slot
6 z prepare-failed user gone => a:a | b waits: limits.runs: 1 runs hold a slot | r waits: db (2 values), 2 at once: 1 is held by a; b asked first | d waits: limits.runs: 1 runs hold a slot",
    );
}

#[test]
fn what_is_tried_again_by_itself_keeps_what_it_has_and_what_rests_gives_it_back() {
    // A death is tried again after a while; a limit may last for hours, and a resume begins anew.
    check(
        MANY,
        "0 create a needing port, 1 a prepared, 2 a started, 3 a exit 137 forced, 4 create b needing port, \
         5 create c needing port, 60 tick, 61 a started, 62 a session, 63 a limit, 64 a exit 1, 124 tick, \
         125 a started, 126 a exit 7, 127 c stop, 128 c prepare-failed user gone, 129 a again",
        "
0 create a needing port => a:3000
1 a prepared => a:3000
2 a started => a:3000
3 a exit 137 forced => a:3000 | a waits: it is tried again at 1970-01-01T00:00:08.000Z
4 create b needing port => a:3000 b:3001 | a waits: it is tried again at 1970-01-01T00:00:08.000Z
5 create c needing port => a:3000 b:3001 | a waits: it is tried again at 1970-01-01T00:00:08.000Z | c waits: port 3000-3001: all 2 are held by a, b
60 tick => a:3000 b:3001 | c waits: port 3000-3001: all 2 are held by a, b
61 a started => a:3000 b:3001 | c waits: port 3000-3001: all 2 are held by a, b
62 a session => a:3000 b:3001 | c waits: port 3000-3001: all 2 are held by a, b
63 a limit => a:3000 b:3001 | c waits: port 3000-3001: all 2 are held by a, b
64 a exit 1 => b:3001 | c waits: scripted is at its usage limit, which is reset at 1970-01-01T00:02:03.000Z; run_1000000000 met it
124 tick => a:3000 b:3001 | c waits: port 3000-3001: all 2 are held by a, b
125 a started => a:3000 b:3001 | c waits: port 3000-3001: all 2 are held by a, b
126 a exit 7 => b:3001 c:3000
127 c stop => b:3001 c:3000
128 c prepare-failed user gone => b:3001
129 a again => a:3000 b:3001",
    );
}

#[test]
fn a_run_of_which_something_may_live_keeps_what_it_has_until_that_is_known_not_to() {
    check(
        MANY,
        "0 create a needing gpu, 1 a prepared, 2 a started, 3 a gone, 4 create b needing gpu, \
         5 a swept unknown, 6 a stop, 7 a swept",
        "
0 create a needing gpu => a:0
1 a prepared => a:0
2 a started => a:0
3 a gone => a:0
4 create b needing gpu => a:0 | b waits: gpu (1 slot): 1 is held by a
5 a swept unknown => a:0 | b waits: gpu (1 slot): 1 is held by a
6 a stop => a:0 | b waits: gpu (1 slot): 1 is held by a
7 a swept => b:0",
    );
}

#[test]
fn what_something_else_uses_is_left_out_and_looked_at_again_later() {
    check(
        MANY,
        "0 create a needing port, 1 a in-use, 2 a in-use, 3 tick, 17 tick, 18 a prepared, \
         19 create b needing port, 20 b in-use, 21 a in-use",
        "
0 create a needing port => a:3000
1 a in-use => a:3001
2 a in-use => a waits: port 3000-3001: 2 are in use by what skep did not start, looked at again at 1970-01-01T00:00:16.000Z
3 tick => a waits: port 3000-3001: 2 are in use by what skep did not start, looked at again at 1970-01-01T00:00:16.000Z
17 tick => a:3000
18 a prepared => a:3000
19 create b needing port => a:3000 b:3001
20 b in-use => a:3000 | b waits: port 3000-3001: 1 is held by a; 1 is in use by what skep did not start, looked at again at 1970-01-01T00:00:50.000Z
21 a in-use => a waits: port 3000-3001: 2 are in use by what skep did not start, looked at again at 1970-01-01T00:00:36.000Z | b waits: port 3000-3001: 2 are in use by what skep did not start, looked at again at 1970-01-01T00:00:36.000Z",
    );
}

#[test]
fn the_clock_wakes_who_waits_for_what_something_else_uses_and_nobody_else() {
    let mut fleet = fleet(MANY);
    for text in ["0 create a needing port", "1 a in-use", "1 a in-use"] {
        line(&mut fleet, text);
    }
    assert_eq!(fleet.next_wake(), Some(seconds("16")));
    line(&mut fleet, "2 a stop");
    assert_eq!(fleet.next_wake(), None);
}

#[test]
fn a_stop_while_its_port_is_looked_at_ends_it_and_it_holds_nothing() {
    check(
        MANY,
        "0 create a needing port, 1 a stop, 2 a in-use, 3 create b needing port, 4 b prepared, 5 b started, \
         9 b exit 7, 10 b again, 11 b stop, 12 b in-use",
        "
0 create a needing port => a:3000
1 a stop => a:3000
2 a in-use =>
3 create b needing port => b:3000
4 b prepared => b:3000
5 b started => b:3000
9 b exit 7 =>
10 b again => b:3000
11 b stop => b:3000
12 b in-use =>",
    );
}

#[test]
fn what_waits_for_its_wave_holds_nothing_that_the_wave_before_needs() {
    let mut fleet = fleet(MANY);
    let mut waits = brief_of("a", &[]);
    waits.needs = vec![need("gpu")];
    waits.part = Some(run::Part { project: "web".to_owned(), held: true });
    fleet.decide(create(waits), Timestamp(0)).unwrap();
    assert_eq!(line(&mut fleet, "1 a prepared"), "", "its place stands, and it let go");
    assert_eq!(line(&mut fleet, "2 create b needing gpu"), "b:0");
    assert_eq!(line(&mut fleet, "3 a release"), "b:0 | a waits: gpu (1 slot): 1 is held by b");
    line(&mut fleet, "4 b stop");
    assert_eq!(line(&mut fleet, "5 b prepare-failed user gone"), "a:0");
}

#[test]
fn a_value_that_is_no_more_in_the_settings_stays_with_who_holds_it() {
    let mut fleet = fleet(MANY);
    line(&mut fleet, "0 create a needing gpu");
    let mut other = brief_of("b", &[]);
    other.needs =
        vec![Need { pool: Pool::Values(vec!["0".to_owned(), "one".to_owned()]), ..need("gpu") }];
    fleet.decide(create(other), seconds("1")).unwrap();
    assert_eq!(line(&mut fleet, "2 tick"), "a:0 b:one", "the same value is the same thing");
}

#[test]
fn what_nobody_can_have_is_told_once_with_all_who_wait() {
    let mut fleet = fleet(MANY);
    for text in ["0 create a needing both", "0 create b needing db", "0 create c needing db,gpu"] {
        line(&mut fleet, text);
    }
    let told = fleet.exhausted(Timestamp(0));
    let told: Vec<(&str, usize)> =
        told.iter().map(|it| (it.words.as_str(), it.waiting.len())).collect();
    assert_eq!(told, [("db (2 values): all 2 are held by a", 2)]);
    line(&mut fleet, "1 a stop");
    line(&mut fleet, "2 a prepare-failed user gone");
    assert_eq!(fleet.exhausted(seconds("2")), []);
}

// any history

const NEEDS: &[&str] = &["port", "db", "both", "gpu", "port,db", "db,gpu", "both,gpu"];

const ACTS: &[&str] = &[
    "prepared",
    "prepared",
    "started",
    "started",
    "exit 7",
    "exit 0",
    "exit 137 forced",
    "gone",
    "swept",
    "swept unknown",
    "in-use",
    "stop",
    "kill",
    "again",
    "limit unknown",
    "ask",
    "asked k",
    "answer 0 yes",
    "give q",
    "prepare-failed environment disk",
    "start-failed",
    "undone",
    "release",
];

/// Errors: a value is held by two, or by one of which nothing lives that does not go on by itself.
pub(super) fn require_sound(fleet: &Fleet) -> Result<(), TestCaseError> {
    let mut held: BTreeMap<Thing, &RunId> = BTreeMap::new();
    for run in fleet.runs.values() {
        for lease in &run.leases.held {
            let other = held.insert(lease.thing(), run.id());
            prop_assert!(other.is_none(), "{lease:?} is held by {} and {other:?}", run.id());
        }
        let needs = run.brief.needs.iter().map(|need| need.count as usize).sum::<usize>();
        let count = run.leases.held.len();
        prop_assert!(count == 0 || count == needs, "all or none: {:?}", run.leases);
        prop_assert!(!run.is_living() || count == needs, "who lives has what it needs");
        prop_assert!(count == 0 || run.is_living() || is_in_line(run), "{:?}", run.state);
    }
    Ok(())
}

fn give(fleet: &mut Fleet, input: Input, now: Timestamp) -> Result<(), TestCaseError> {
    let before = fleet.clone();
    if let Ok(decided) = fleet.decide(input, now) {
        let mut replayed = before;
        for About { subject, event } in &decided.events {
            let text = serde_json::to_string(event).unwrap();
            replayed.apply(subject, &serde_json::from_str(&text).unwrap(), now).unwrap();
        }
        prop_assert!(replayed == *fleet, "what is replayed is what was");
    }
    require_sound(fleet)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_value_is_held_by_two_and_whoever_waits_gets_its_turn(
        needs in proptest::collection::vec((0..NEEDS.len(), any::<bool>(), any::<bool>()), 1..9),
        acts in proptest::collection::vec((0..9_usize, 0..ACTS.len(), 0..40_000_u64), 0..120),
    ) {
        let mut fleet = fleet(Limits { runs: 3, prepare: 2, ..ONE });
        let mut now = Timestamp(0);
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let begin = |nth: usize| {
            let (what, review, held) = needs[nth];
            let mut brief = brief_of(names[nth], &[]);
            brief.needs = super::leases::needs(NEEDS[what]);
            brief.kind = if review { Kind::Review } else { Kind::Code };
            brief.part =
                (held && !review).then(|| run::Part { project: "web".to_owned(), held: true });
            create(brief)
        };
        for (run, act, later) in acts {
            let run = run % needs.len();
            now = now.plus(std::time::Duration::from_millis(later));
            let input = match fleet.runs.get(&id(names[run])) {
                None => begin(run),
                Some(run) => {
                    Input::Run { run: run.id().clone(), input: input(ACTS[act], run, now) }
                }
            };
            give(&mut fleet, input, now)?;
            if fleet.next_wake().is_some_and(|at| at <= now) {
                give(&mut fleet, Input::Tick, now)?;
                let wake = fleet.next_wake();
                prop_assert!(wake.is_none_or(|at| at > now), "the clock has nothing more to say: {wake:?}");
            }
        }
        // From here on everybody does well. Who asks again all the time, and needs less, lets nobody wait for ever.
        for (nth, name) in names.iter().enumerate().take(needs.len()) {
            if !fleet.runs.contains_key(&id(name)) {
                give(&mut fleet, begin(nth), now)?;
            }
        }
        let waiting: Vec<RunId> =
            fleet.runs.values().filter(|run| is_in_line(run)).map(|run| run.id().clone()).collect();
        let mut left: BTreeSet<RunId> = waiting.into_iter().collect();
        let mut rounds = 0;
        while !left.is_empty() {
            rounds += 1;
            prop_assert!(rounds < 60, "these wait for ever: {left:?}");
            now = fleet.next_wake().map_or(now, |at| at.max(now));
            give(&mut fleet, Input::Tick, now)?;
            let undoing: Vec<RunId> =
                fleet.runs.values().filter(|run| run.undoing).map(|run| run.id().clone()).collect();
            for id in undoing {
                let undone = run::Input::Undone { text: None };
                give(&mut fleet, Input::Run { run: id, input: undone }, now)?;
            }
            let living: Vec<RunId> =
                fleet.runs.values().filter(|run| run.is_living()).map(|run| run.id().clone()).collect();
            for id in living {
                left.remove(&id);
                for text in ["prepared", "started", "swept", "exit 7"] {
                    let run = &fleet.runs[&id];
                    let input = Input::Run { run: id.clone(), input: input(text, run, now) };
                    give(&mut fleet, input, now)?;
                }
            }
            let mut small = brief_of(&format!("n{rounds}"), &[]);
            small.needs = vec![need(["port", "db", "gpu"][rounds % 3])];
            give(&mut fleet, create(small), now)?;
            left.retain(|id| is_in_line(&fleet.runs[id]));
        }
    }
}
