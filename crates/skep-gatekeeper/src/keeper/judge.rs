//! What is done with an agent's wish for leave: what the rules say that its attempt began with, or was given since.

use std::path::{Component, Path, PathBuf};

use skep_api::journal::Entry;
use skep_core::{
    policy::{self, Decision, Place, Policy, Verdict},
    run::Permissions,
    said::{Deed, Said},
};
use skep_harness::Grant;

use super::Keeper;

impl Keeper {
    /// Gives leave, refuses it with the reason, or reports that a person is asked.
    pub(super) fn judge(&mut self, said: Said) {
        let Said::Permission { id, tool, deed, .. } = &said else { return };
        let Some(verdict) = self.verdict(tool, deed) else {
            // An attempt of before there were rules.
            return match self.spec.permissions {
                Permissions::Ask => self.report(Entry::Agent(said)),
                Permissions::Auto | Permissions::Bypass => {
                    let line = self.session.settle(&id.clone(), Grant::Once);
                    self.journal(&Entry::Agent(said));
                    line.into_iter().for_each(|line| self.write(line));
                }
            };
        };
        let id = id.clone();
        let decided = Entry::Decided { id: id.clone(), verdict: verdict.clone() };
        let line = match verdict.decision {
            Decision::Ask => {
                self.report(Entry::Agent(said));
                return self.journal(&decided);
            }
            Decision::Allow => self.session.settle(&id, Grant::Once),
            Decision::Deny => self.session.refuse(&id, &reason(&verdict)),
        };
        self.journal(&Entry::Agent(said));
        self.journal(&decided);
        line.into_iter().for_each(|line| self.write(line));
        self.quiet.given(std::time::Instant::now());
    }

    /// Judges by these rules from now on; what a person is asked already stays asked.
    pub(super) fn take_rules(&mut self, policy: Policy) {
        if self.spec.policy.as_ref() == Some(&policy) {
            return;
        }
        self.journal(&Entry::Rules { policy: Box::new(policy.clone()) });
        self.spec.policy = Some(policy);
    }

    fn verdict(&self, tool: &str, deed: &Deed) -> Option<Verdict> {
        let rules = self.spec.policy.as_ref()?;
        let mut deed = deed.clone();
        // A link leads where it leads: both names of a path must be allowed.
        let real = deed.paths.iter().map(|path| real(&self.spec.cwd.join(path)));
        let real: Vec<String> = real.map(|path| path.to_string_lossy().into_owned()).collect();
        deed.paths.extend(real);
        Some(policy::decide(rules, self.spec.permissions, tool, &deed, &self.place()))
    }

    /// Where the agent works, by the names behind all links too.
    fn place(&self) -> Place {
        let mut place = self.spec.place();
        let named = place.open.iter().chain([&place.root]);
        let real: Vec<String> =
            named.map(|folder| real(Path::new(folder)).to_string_lossy().into_owned()).collect();
        place.open.extend(real);
        place
    }
}

/// What the agent is told, where its protocol carries it.
fn reason(verdict: &Verdict) -> String {
    match &verdict.rule {
        Some(rule) => format!("{} (rule: {rule})", verdict.why),
        None => verdict.why.clone(),
    }
}

/// The path behind all links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let mut there = path;
    let mut behind = Vec::new();
    loop {
        if let Ok(mut real) = there.canonicalize() {
            real.extend(behind.iter().rev());
            return real;
        }
        match (there.parent(), there.components().next_back()) {
            (Some(parent), Some(last @ (Component::Normal(_) | Component::ParentDir))) => {
                behind.push(last);
                there = parent;
            }
            _ => return path.to_owned(),
        }
    }
}
