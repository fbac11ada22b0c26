//! Which resources runs wait for that they cannot have.

use skep_api::view::ExhaustedView;

use super::{Finding, fleet::Ledger};

pub(super) fn exhausted(ledger: &Ledger) -> Vec<Finding> {
    let found = ExhaustedView::of(ledger.fleet.exhausted(ledger.at));
    let told = found.into_iter().map(|it| {
        let way = it.waiting.first().map_or_else(String::new, |run| format!("skep why {run}"));
        Finding::note("resource", it.line())
            .why("who waits goes on by itself when one is given back")
            .way(format!(
                "{way}; stop a run that holds one, or set more of them under [[resource]]"
            ))
    });
    told.collect()
}
