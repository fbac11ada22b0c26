use super::*;
use crate::run::{Input, tests::script::brief};

#[test]
fn what_a_run_asks_for_too_much_is_counted_by_name_and_not_for_ever() {
    let mut run = Run::new(brief("amber"), 1, Timestamp(0));
    for nth in 0..40 {
        let what = if nth % 4 == 0 { "task_add" } else { "stop" }.to_owned();
        let step = run.step(Input::Overstepped { what }, Timestamp(nth)).unwrap();
        assert!(step.effects.is_empty());
        for event in &step.events {
            run.apply(event, Timestamp(nth)).unwrap();
        }
    }
    assert_eq!(run.oversteps.iter().map(|one| one.times).sum::<u32>(), MOST);
    assert_eq!(run.oversteps_in_words().unwrap(), "task add 5 times, stop 15 times");
}
