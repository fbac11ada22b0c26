//! The verdict of a reviewer: the last one counts, nobody else gives one, and none is given in a person's name.

use super::*;
use crate::{
    review::{self, Severity, Threshold},
    run::Kind,
};

pub(super) fn critique() -> Critique {
    Critique {
        severity: Severity::Critical,
        file: Some("src/pay.rs".to_owned()),
        line: Some(42),
        text: "A refund is lost.".to_owned(),
        suggestion: None,
        by: None,
    }
}

fn reviewer() -> Brief {
    Brief { kind: Kind::Review, ..brief("amber") }
}

fn verdict(run: &Run) -> Option<usize> {
    run.given_verdict().map(<[Critique]>::len)
}

#[test]
fn the_verdict_that_a_reviewer_gives_last_counts() {
    let run = |script: &str| after(reviewer(), &format!("{RUNNING}{script}"));
    assert_eq!(verdict(&run("")), None);
    assert_eq!(verdict(&run(", 4 claims done")), None);
    assert_eq!(verdict(&run(", 4 claims passes")), Some(0));
    assert_eq!(verdict(&run(", 4 claims fails")), Some(1));
    assert_eq!(verdict(&run(", 4 claims passes, 5 claims fails, 6 claims done")), Some(1));
    assert_eq!(verdict(&run(", 4 claims fails, 5 claims passes")), Some(0));
    let judged = run(", 4 claims fails, 5 claims passes");
    assert_eq!(judged.claims.len(), 1, "the one before it is gone");
}

#[test]
fn a_verdict_of_an_earlier_attempt_is_none_of_this_one() {
    let again = "4 claims passes, 9 limit, 10 exit 1, 11 snapped 0, 69 tick, 72 admit, 73 started";
    let run = after(reviewer(), &format!("{RUNNING}, {again}"));
    assert_eq!((run.attempt, verdict(&run)), (2, None));
}

#[test]
fn notes_after_a_verdict_do_not_take_it_back() {
    let mut run = after(reviewer(), &format!("{RUNNING}, 4 claims fails"));
    for _ in 0..2 * NOTES {
        let claim = Box::new(Claim::Note { text: "so".to_owned() });
        run.apply(&Event::Claimed { claim }, Timestamp(9_000)).unwrap();
    }
    assert_eq!((run.claims.len(), verdict(&run)), (NOTES, Some(1)));
}

#[test]
fn nobody_but_a_reviewer_judges() {
    for kind in Kind::ALL {
        let run = after(Brief { kind, ..brief("amber") }, &format!("{RUNNING}, 4 claims passes"));
        assert_eq!(run.given_verdict().is_some(), kind == Kind::Review, "{kind:?}");
    }
}

#[test]
fn a_verdict_is_bounded_and_in_nobodys_name() {
    let long = "x".repeat(2 * review::LONGEST);
    let forged = Critique { by: Some("ada".to_owned()), text: long, ..critique() };
    let critiques = vec![forged; 2 * review::MOST];
    let tool = Tool::Claimed(Box::new(Claim::Verdict { critiques }));
    let run = after(reviewer(), RUNNING);
    let step = run.step(Input::of_tool(1, tool), Timestamp(9_000)).unwrap();
    let [Event::Claimed { claim }] = step.events.as_slice() else { panic!("{step:?}") };
    let Claim::Verdict { critiques } = claim.as_ref() else { panic!("{claim:?}") };
    assert_eq!(critiques.len(), review::MOST);
    assert!(critiques.iter().all(|it| it.by.is_none()));
    assert!(critiques.iter().all(|it| it.text.chars().count() == review::LONGEST));
    assert!(!Threshold::MinorOk.passes(critiques));
}
