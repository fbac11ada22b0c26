//! Owns: what skep wrote into the settings of other programs, against the envs that it was written for.

use skep_api::place::Home;
use skep_core::run::EnvState;

use super::{Finding, fleet::Ledger, mend::Remedy};
use crate::trust;

const CHECK: &str = "agents' settings";

/// Entries of ours whose env is gone.
pub(super) fn entries(home: &Home, ledger: &Ledger) -> Finding {
    let recorded = trust::recorded(home);
    let left = recorded.iter().find(|id| {
        ledger.run(id.as_str()).is_none_or(|run| {
            let gone = matches!(run.env, EnvState::None | EnvState::Closed(_));
            gone && !ledger.is_busy(run)
        })
    });
    match left {
        None if recorded.is_empty() => Finding::well(CHECK, "nothing of ours stands there"),
        None => Finding::well(CHECK, format!("entries for {} runs at work", recorded.len())),
        Some(run) => Finding::note(CHECK, format!("an entry for {run} is left, whose env is gone"))
            .why("a folder is trusted that is no more; another of its name would be trusted too")
            .way("skep doctor --fix")
            .remedy(Remedy::Foreign { run: run.clone() }),
    }
}
