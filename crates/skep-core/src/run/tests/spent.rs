//! Scenes of what is used, and of limits that are reached.

use super::*;
use crate::budget::Price;
use crate::run::tests::script::{play, seconds};

fn may(budget: &str) -> Brief {
    Brief { budget: budget.parse().unwrap(), ..brief("amber") }
}

fn priced(model: &str) -> Brief {
    let price = Price {
        model: "m*".to_owned(),
        input: 1.0,
        output: 10.0,
        cached: Some(0.1),
        cache_write: None,
    };
    Brief { model: Some(model.to_owned()), prices: vec![price], ..brief("amber") }
}

const AT_WORK: &str = "0 admit, 1 prepared, 2 started, 2 session";

fn tokens(run: &Run) -> u64 {
    run.spent.amount.usage.input_tokens
}

#[test]
fn a_counter_of_the_whole_conversation_is_counted_once_over_resumes() {
    let script = format!("{AT_WORK}, 3 carried 100, 4 turn success, 5 exit 0 committed c2");
    let run = after(
        brief("amber"),
        &format!("{script}, 6 again, 6 admit, 7 started, 8 carried 130, 9 carried 130"),
    );
    assert_eq!(tokens(&run), 130);
    // What a killed attempt could not tell is in the next one's count.
    let run = after(
        brief("amber"),
        &format!(
            "{script}, 6 again, 6 admit, 7 started, 8 exit 137 forced, 70 admit, 71 started, 72 carried 190"
        ),
    );
    assert_eq!(tokens(&run), 190);
    // A counter that begins anew is no loss.
    let run =
        after(brief("amber"), &format!("{script}, 6 again, 6 admit, 7 started, 8 carried 30"));
    assert_eq!(tokens(&run), 130);
    // A fresh conversation has nothing of the old one in it.
    let run =
        after(brief("amber"), &format!("{script}, 6 afresh, 6 admit, 7 started, 8 carried 120"));
    assert_eq!(tokens(&run), 220);
}

#[test]
fn a_total_that_comes_late_or_twice_takes_nothing_back() {
    let run = after(
        brief("amber"),
        &format!("{AT_WORK}, 3 used 50 0.5, 4 used 80 0.9, 5 used 50 0.5, 6 used 80 0.9"),
    );
    assert_eq!((tokens(&run), run.spent.amount.usage.cost_usd), (80, Some(0.9)));
}

#[test]
fn the_agents_own_price_beats_the_table_and_an_estimate_is_marked() {
    let run = after(priced("m1"), &format!("{AT_WORK}, 3 usage 1000000"));
    let amount = run.spent.amount;
    assert!(amount.estimated && !amount.unpriced, "{amount:?}");
    assert!((amount.usage.cost_usd.unwrap() - 1.00001).abs() < 1e-9, "{amount:?}");
    let run = after(priced("m1"), &format!("{AT_WORK}, 3 usage 1000000, 4 used 1000000 0.25"));
    let amount = run.spent.amount;
    assert_eq!((amount.usage.cost_usd, amount.estimated), (Some(0.25), false));
}

#[test]
fn what_has_no_price_is_unknown_until_the_model_is_named() {
    let run = after(priced("other"), &format!("{AT_WORK}, 3 usage 1000000"));
    assert_eq!((run.spent.amount.usage.cost_usd, run.spent.amount.unpriced), (None, true));
    let run =
        after(priced("other"), &format!("{AT_WORK}, 3 usage 1000000, 4 model m7, 5 usage 2000000"));
    let amount = run.spent.amount;
    assert!(!amount.unpriced && amount.usage.cost_usd.is_some_and(|cost| cost > 2.0), "{amount:?}");
}

#[test]
fn a_run_over_its_budget_is_stopped_in_its_turn_and_what_it_has_is_kept() {
    check_of(
        may("$1"),
        AT_WORK,
        "3 used 10 0.4, 4 used 20 1.2, 5 turn cancelled, 6 exit 143 forced",
        "
3 used 10 0.4      running
4 used 20 1.2      stopping (Budget); Stop
5 turn cancelled   stopping (Budget); Snapshot turn
6 exit 143 forced  ended (failed: budget); Snapshot end",
    );
}

#[test]
fn a_turn_that_was_over_with_its_work_done_is_no_failure_for_what_it_cost() {
    let run = after(
        may("$1"),
        &format!("{AT_WORK}, 3 used 20 1.2, 3 turn success, 4 exit 143 forced committed c2"),
    );
    assert!(
        matches!(run.state, State::Ended { outcome: Outcome::Completed, .. }),
        "{:?}",
        run.state
    );
}

#[test]
fn the_last_turn_of_a_budget_is_its_last() {
    let run = after(
        may("2_turns".replace('_', " ").as_str()),
        &format!("{AT_WORK}, 3 turn success, 4 send m, 5 turn success"),
    );
    assert!(
        matches!(run.state, State::Stopping { because: Because::Turns, .. }),
        "{:?}",
        run.state
    );
}

#[test]
fn time_at_work_is_counted_over_attempts_and_not_while_it_waits() {
    let script = format!(
        "{AT_WORK}, 12 ask, 500 give q, 501 admit, 511 exit 137 forced, 600 admit, 601 started"
    );
    let run = after(may("60s"), &script);
    assert_eq!(run.worked_ms(seconds("611")), 30_000);
    assert_eq!(run.next_wake(), Some(seconds("641")));
    let run = after(may("60s"), &format!("{script}, 641 tick"));
    assert!(
        matches!(run.state, State::Stopping { because: Because::Timeout, .. }),
        "{:?}",
        run.state
    );
}

#[test]
fn a_run_over_its_budget_goes_on_only_when_it_is_given_more() {
    let script = format!("{AT_WORK}, 3 used 20 1.2, 4 turn cancelled, 5 exit 143 forced");
    let mut run = after(may("$1"), &script);
    let again = Input::Again { goes_on: true, message: None, speech: None };
    assert_eq!(run.step(again, seconds("6")).unwrap_err().slug, "budget-spent");
    for line in ["7 raise 1usd", "8 again", "9 admit"] {
        let (secs, text) = line.split_once(' ').unwrap();
        play(&mut run, text, seconds(secs));
    }
    assert_eq!(run.state_name(), "starting");
    assert_eq!(run.spent.limit.usd, Some(2.0));
}

#[test]
fn a_death_that_leaves_nothing_begins_no_other_attempt() {
    let script = format!("{AT_WORK}, 3 used 20 1.2, 4 exit 137 forced");
    let run = after(may("$1"), &script);
    assert!(
        matches!(run.state, State::Ended { reason: Some(Reason::Budget), .. }),
        "{:?}",
        run.state
    );
    let run = after(may("60s"), &format!("{AT_WORK}, 61 gone, 62 swept, 100 admit"));
    assert!(matches!(run.state, State::Ended { .. } | State::Starting { .. }), "{:?}", run.state);
}

#[test]
fn money_nobody_can_count_stops_a_run_that_nothing_else_would() {
    let run = after(may("$1"), &format!("{AT_WORK}, 3 usage 10"));
    assert!(
        matches!(run.state, State::Stopping { because: Because::Budget, .. }),
        "{:?}",
        run.state
    );
    let run = after(may("$1,60s"), &format!("{AT_WORK}, 3 usage 10"));
    assert_eq!(run.state_name(), "running");
}
