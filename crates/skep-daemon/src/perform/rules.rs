//! Changed rules, on their way to the keeper of an attempt.

use skep_api::ctl;
use skep_core::run::{Input, Run};

use super::Performer;
use crate::launch;

impl Performer {
    /// Has the keeper judge by the rules as they stand in their files. Where they cannot be read, those of before hold.
    pub(super) fn rules(&self, run: &Run, attempt: u32, nth: u32) -> Input {
        Input::RulesSet { attempt, nth, why: self.tell_rules(run, attempt).err() }
    }

    fn tell_rules(&self, run: &Run, attempt: u32) -> Result<(), String> {
        let asker = launch::asker_env(&self.home, run)?;
        let policy = launch::rules::of(run, &self.agents, &asker);
        let policy = Box::new(policy.map_err(|refusal| refusal.message)?);
        let rules = ctl::Control::Rules { epoch: self.epoch, policy };
        match self.control(run, attempt, &rules) {
            Ok(ctl::Answer::Accepted {}) => Ok(()),
            Ok(ctl::Answer::Refused { slug, text }) => Err(format!("{slug}: {text}")),
            Ok(other) => Err(format!("{other:?}")),
            Err(err) => Err(format!("its keeper does not answer: {err}")),
        }
    }
}
