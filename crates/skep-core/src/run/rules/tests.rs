use super::*;
use crate::run::{
    Brief, Input,
    tests::script::{after, brief, seconds},
};

fn outside(script: &str) -> Run {
    after(Brief { trust: Trust::Outside, ..brief("amber") }, script)
}

fn take(run: &mut Run, input: Input) -> Step {
    let step = run.step(input, seconds("64")).unwrap();
    step.events.iter().for_each(|event| run.apply(event, seconds("64")).unwrap());
    step
}

fn set(nth: u32, why: Option<&str>) -> Input {
    Input::RulesSet { attempt: 1, nth, why: why.map(str::to_owned) }
}

#[test]
fn changed_rules_reach_the_keeper_that_is_there_and_no_other() {
    let mut run = after(brief("amber"), "0 admit, 1 prepared, 2 started");
    let step = take(&mut run, Input::Rules);
    let effect = Effect::Rules { run: run.id().clone(), attempt: 1, nth: 1 };
    assert_eq!((step.events, step.effects), (vec![Event::RulesAsked {}], vec![effect]));
    take(&mut run, set(1, None));
    assert_eq!(run.rules, Rules { asked: 1, told: 1, why: None });
    for script in ["", "0 admit", "0 admit, 1 prepared, 2 started, 9 exit 7"] {
        let run = after(brief("amber"), script);
        assert_eq!(run.step(Input::Rules, seconds("64")).unwrap(), Step::default(), "{script}");
    }
}

#[test]
fn an_older_word_of_the_keeper_never_passes_for_a_newer_one() {
    let mut run = after(brief("amber"), "0 admit, 1 prepared, 2 started");
    take(&mut run, Input::Rules);
    take(&mut run, Input::Rules);
    take(&mut run, set(2, Some("it is gone")));
    assert_eq!(take(&mut run, set(1, None)), Step::default());
    assert_eq!(run.rules, Rules { asked: 2, told: 2, why: Some("it is gone".to_owned()) });
    assert_eq!(take(&mut run, set(3, None)), Step::default(), "nobody asked for it");
}

#[test]
fn a_lift_changes_what_the_words_are_taken_for_once_and_the_rules_with_it() {
    let mut run = outside("0 admit, 1 prepared, 2 started");
    let step = take(&mut run, Input::Lift);
    assert_eq!(step.events, [Event::Lifted {}, Event::RulesAsked {}]);
    assert_eq!(step.effects.len(), 1);
    assert_eq!((run.brief.trust, run.lifted), (Trust::Person, Some(seconds("64"))));
    assert_eq!(take(&mut run, Input::Lift), Step::default());
    let mut run = outside("");
    assert_eq!(take(&mut run, Input::Lift).events, [Event::Lifted {}]);
    assert_eq!(run.brief.trust, Trust::Person);
}
