//! What a run holds of the resources that it needs, and what it lacks.

use skep_api::view::WhyView;
use skep_core::{
    fleet::Fleet,
    lease::Need,
    run::{Run, State},
    text,
    time::Timestamp,
};

use super::fact;

/// The facts about what `run` needs; none where it needs nothing.
pub(super) fn leases(run: &Run, fleet: &Fleet, now: Timestamp) -> Vec<WhyView> {
    let held = run.leases.held.iter().map(|lease| {
        let value = format!("{} {} in {}", lease.name, text::one_line(&lease.value), lease.env);
        let rule = "nobody else gets it while something of the run may live, or it is tried again by itself";
        fact("holds", &value, "ledger", rule)
    });
    let lacks = fleet.lacking(run, now).into_iter().map(|words| {
        let rule =
            "a run has all that it needs or none of it; who asked first keeps what it waits for";
        fact("lacks", &words, "ledger, a look at the port", rule)
    });
    let mut facts: Vec<WhyView> = held.chain(lacks).collect();
    if facts.is_empty() && !run.brief.needs.is_empty() && !matches!(run.state, State::Ended { .. })
    {
        let needs: Vec<String> = run.brief.needs.iter().map(Need::words).collect();
        facts.push(fact(
            "needs",
            &needs.join(", "),
            "the project's settings",
            "it gets them when it goes",
        ));
    }
    facts
}
