//! When the radar looks.

use skep_core::{
    run::{Event, Outcome, WaitingFor},
    time::Timestamp,
};

use super::*;

const EVENTS: &str = include_str!("../../../skep-core/tests/golden/events.jsonl");
const EVERY: Duration = Duration::from_secs(30);

/// A run that stands as it was asked for.
fn run() -> Run {
    let created = EVENTS.lines().find(|line| line.contains(r#""event":"created""#)).unwrap();
    let Event::Created { brief } = serde_json::from_str(created).unwrap() else { panic!() };
    Run::new(*brief, 1, Timestamp(0))
}

fn at_work() -> State {
    State::Running { gatekeeper: Some(7), pid: 8, started: Timestamp(0) }
}

fn settings() -> RadarSettings {
    RadarSettings { on: true, every: EVERY, tell: true }
}

/// A store that looked at `run` at `at`.
fn looked(run: &Run, at: Instant, failed: bool) -> Store {
    let looked = Looked { mark: Mark::of(run), at, failed };
    let looked = [(run.id().clone(), looked)].into();
    Store { looked, last: Some(at), ..Store::default() }
}

fn due(store: &Store, run: &Run, now: Instant) -> (bool, Option<Instant>) {
    let due = store.due(&[Arc::new(run.clone())], &settings(), now);
    (!due.stale.is_empty(), due.at)
}

#[test]
fn who_was_never_looked_at_is_looked_at_now_and_who_rests_not_before_something_happens() {
    let (mut run, now) = (run(), Instant::now());
    assert_eq!(due(&Store::default(), &run, now), (true, Some(now)));
    let store = looked(&run, now, false);
    assert_eq!(due(&store, &run, now + EVERY * 100), (false, None));
    run.state = State::Waiting { gatekeeper: None, pid: 8, on: WaitingFor::Answer };
    let later = now + EVERY;
    assert_eq!(due(&store, &run, later), (true, Some(later)), "it became another state");
}

#[test]
fn an_agent_at_work_is_looked_at_again_after_a_while_and_at_once_when_its_turn_ends() {
    let (mut run, now) = (run(), Instant::now());
    run.state = at_work();
    let store = looked(&run, now, false);
    assert_eq!(due(&store, &run, now), (false, Some(now + EVERY)));
    assert_eq!(due(&store, &run, now + EVERY), (true, Some(now + EVERY)));
    run.spent.amount.turns += 1;
    assert_eq!(due(&store, &run, now), (true, Some(now + GAP)), "but not in a storm");
    let (exit, text) = (None, String::new());
    run.state = State::Ended { outcome: Outcome::Completed, reason: None, exit, text };
    assert!(due(&store, &run, now + GAP).0);
}

#[test]
fn a_worktree_that_could_not_be_looked_at_is_left_alone_for_a_while() {
    let (mut run, now) = (run(), Instant::now());
    run.state = at_work();
    let store = looked(&run, now, true);
    assert_eq!(due(&store, &run, now + EVERY), (false, Some(now + LATER)));
}

#[test]
fn a_run_alone_collides_with_nobody() {
    let mut fleet = Fleet::default();
    let mut alone = run();
    alone.brief.project = None;
    fleet.runs.insert(alone.id().clone(), Arc::new(alone));
    assert!(groups(&fleet).is_empty());
}
