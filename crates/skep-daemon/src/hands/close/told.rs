//! What a forge says of a run's change, and what a close makes of that.

use serde::{Deserialize, Serialize};
use skep_core::{
    change::{Change, ChangeState},
    run::{How, Merged, Run},
};
use skep_host::salvage::{Fate, Word};

use super::Going;

/// The change of a run as its forge told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub state: ChangeState,
    pub number: u64,
    pub url: String,
    /// What it proposed.
    pub head: String,
}

impl Told {
    /// What is known of a change.
    pub fn of(change: &Change) -> Told {
        let Change { state, number, .. } = *change;
        Told { state, number, url: change.url.clone(), head: change.head.clone() }
    }

    /// What was heard last of a run's change; nobody is asked.
    pub fn last(run: &Run) -> Option<Told> {
        run.change.as_ref().map(|following| Told::of(&following.change))
    }

    /// Its word as a proof, where it was merged.
    pub(super) fn word(&self) -> Option<Word> {
        let change = format!("change #{}", self.number);
        (self.state == ChangeState::Merged).then(|| Word { head: self.head.clone(), change })
    }

    /// Where the work is that it does not have.
    pub(super) fn undecided(&self) -> Option<Merged> {
        match self.state {
            ChangeState::Merged => None,
            ChangeState::Open => Some(Merged::No),
            ChangeState::Closed => Some(Merged::Closed),
        }
    }

    /// What may be done where it does not have all of the work of `run`.
    pub(super) fn ways(&self, run: &str) -> Vec<String> {
        match self.state {
            ChangeState::Open => {
                vec![format!("merge or close it there: {}; then close again", self.url)]
            }
            ChangeState::Closed => {
                vec![format!("skep pr {run}   # proposes it again"), format!("skep land {run}")]
            }
            ChangeState::Merged => vec![format!("skep pr {run}   # proposes what came after")],
        }
    }

    /// The same in words.
    pub(super) fn in_words(&self) -> String {
        let Told { number, url, .. } = self;
        match self.state {
            ChangeState::Open => format!("change #{number} is open: {url}"),
            ChangeState::Closed => format!("change #{number} was closed unmerged: {url}"),
            ChangeState::Merged => format!("change #{number} was merged: {url}"),
        }
    }
}

impl Going {
    /// Takes in what the forge of its change said.
    pub fn be_told(&mut self, told: Option<Told>) {
        let word = told.as_ref().and_then(Told::word).filter(|_| self.how == How::Smart);
        if let (Some(word), Fate::DropBranch { target }) = (word, &self.leaving.fate) {
            self.leaving.fate = Fate::DropBrought { target: target.clone(), word };
        }
        self.told = told;
    }
}
