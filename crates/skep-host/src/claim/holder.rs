//! Owns: who holds an issue, as the claim itself says it. Never: takes what somebody else wrote there for more than text.

use serde::{Deserialize, Serialize};

use crate::publish::words;

/// The most of one word that is read. Bytes.
const WORD: usize = 200;

/// Who holds an issue, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The home whose run it is, by an id of its own.
    pub home: String,
    pub run: String,
    /// As people call whoever asked for the run; may be empty.
    #[serde(default)]
    pub who: String,
    /// As RFC 3339 spells it.
    pub since: String,
}

impl Holder {
    /// Whether both are one claim.
    pub fn is_same(&self, other: &Holder) -> bool {
        self.home == other.home && self.run == other.run
    }

    /// The claim as it is written down.
    pub(super) fn spelled(&self) -> String {
        let word = |text: &str| text.replace(['\n', '\r'], " ");
        format!(
            "An agent of skep is at this issue\n\nhome: {}\nrun: {}\nwho: {}\nsince: {}\n",
            word(&self.home),
            word(&self.run),
            word(&self.who),
            word(&self.since)
        )
    }

    /// What a claim says; of one that is not of this form nothing is known but that it is there.
    pub(super) fn of(text: &str) -> Holder {
        let named = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let shown = words(line.unwrap_or_default()).replace(['\n', '\t'], " ");
            shown.chars().take(WORD).collect::<String>().trim().to_owned()
        };
        Holder { home: named("home"), run: named("run"), who: named("who"), since: named("since") }
    }
}
