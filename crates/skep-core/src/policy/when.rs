//! For which runs a rule is there.

use serde::{Deserialize, Serialize};

use super::{Policy, Rule};
use crate::run::{Posture, Trust};

/// What a run must be like for a rule to be there for it: all that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct When {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// How it was put to work; one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub posture: Vec<Posture>,
}

impl When {
    fn holds(&self, trust: Trust, posture: Posture) -> bool {
        (self.posture.is_empty() || self.posture.contains(&posture))
            && self.trust.is_none_or(|wanted| wanted == trust)
    }

    /// As its file has it.
    pub fn text(&self) -> String {
        let trust = self.trust.map(|trust| format!("trust = \"{}\"", trust.as_str()));
        let quoted: Vec<String> =
            self.posture.iter().map(|one| format!("\"{}\"", one.as_str())).collect();
        let posture = (!quoted.is_empty()).then(|| format!("posture = [{}]", quoted.join(", ")));
        let said: Vec<String> = trust.into_iter().chain(posture).collect();
        format!("when = {{ {} }}", said.join(", "))
    }
}

impl Policy {
    /// The rules that are there for a run that works by such words, and was put to work so.
    pub fn of(&self, trust: Trust, posture: Posture) -> Policy {
        let holds = |rule: &&Rule| rule.when.as_ref().is_none_or(|when| when.holds(trust, posture));
        let kept = |rules: &[Rule]| rules.iter().filter(holds).cloned().collect();
        Policy { deny: kept(&self.deny), ask: kept(&self.ask), allow: kept(&self.allow) }
    }
}
