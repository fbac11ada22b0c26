use super::*;
use crate::run::{
    Input,
    tests::script::{after, brief},
};

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

#[test]
fn an_overstep_is_unseen_until_a_person_does_something_with_the_run_and_the_next_is_unseen_again() {
    const BEFORE: &str = "0 admit, 1 prepared, 2 started, 3 session, 4 overstepped stop";
    for act in ["send m", "pause", "stop", "turn success", "exit 0", "words"] {
        let run = after(brief("amber"), &format!("{BEFORE}, 5 {act}"));
        let by_person = ["send m", "pause", "stop"].contains(&act);
        assert_eq!(run.unseen, (!by_person).then_some(Timestamp(4000)), "{act}");
        assert_eq!(run.oversteps.len(), 1, "{act}: it stays in its record");
    }
    let again = format!("{BEFORE}, 5 exit 1, 6 again");
    assert_eq!(after(brief("amber"), &again).unseen, None);
    let more = format!("{BEFORE}, 5 send m, 6 overstepped land");
    assert_eq!(after(brief("amber"), &more).unseen, Some(Timestamp(6000)));
}
