//! What was said to the changes of runs, on its way back to their authors.
//!
//! Owns: that it goes there when it can, and to a person when it cannot. Never: decides what is said; the run does.

use super::{Decided, Fleet};
use crate::{id::RunId, run, time::Timestamp};

impl Fleet {
    /// Has each author go on that something was said to.
    pub(super) fn begin_rounds(&mut self, now: Timestamp, decided: &mut Decided) {
        let due = self.runs.values().filter(|run| run.is_due_a_round(now));
        let due: Vec<RunId> = due.map(|run| run.id().clone()).collect();
        for run in due {
            let Err(rejected) = self.step(&run, run::Input::Round, now, decided) else { continue };
            let refused = run::Input::RoundRefused { text: rejected.text };
            let step = self.step(&run, refused, now, decided);
            debug_assert!(step.is_ok(), "that it cannot be told can always be said");
        }
    }
}
