//! What a run holds of the resources that it needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skep_core::{
    fleet::leases::Exhausted,
    lease::{self, Lease},
    run::Run,
};

/// A value that nobody else has while the run holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseView {
    pub resource: String,
    /// The variable in which its processes find it.
    pub env: String,
    pub value: String,
}

impl LeaseView {
    /// What a run holds.
    pub fn of(run: &Run) -> Vec<LeaseView> {
        let view = |lease: &Lease| LeaseView {
            resource: lease.name.clone(),
            env: lease.env.clone(),
            value: lease.value.clone(),
        };
        run.leases.held.iter().map(view).collect()
    }

    /// The variables that these are in.
    pub fn environment(held: &[LeaseView]) -> BTreeMap<String, String> {
        let lease = |view: &LeaseView| Lease {
            name: view.resource.clone(),
            env: view.env.clone(),
            value: view.value.clone(),
            project: None,
            ports: false,
        };
        lease::environment(&held.iter().map(lease).collect::<Vec<_>>())
    }
}

/// A resource of which runs in line cannot have what they need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExhaustedView {
    /// What is missing and who has it, in one sentence.
    pub words: String,
    /// Who waits for it.
    pub waiting: Vec<String>,
}

impl ExhaustedView {
    /// The same as a view.
    pub fn of(exhausted: Vec<Exhausted>) -> Vec<ExhaustedView> {
        let view = |it: Exhausted| ExhaustedView {
            waiting: it.waiting.iter().map(ToString::to_string).collect(),
            words: it.words,
        };
        exhausted.into_iter().map(view).collect()
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let (count, words) = (self.waiting.len(), &self.words);
        let runs = if count == 1 { "run waits" } else { "runs wait" };
        format!("{words}; {count} {runs}")
    }
}
