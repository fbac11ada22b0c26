//! What a run's own processes asked for that no run may have.

use serde::{Deserialize, Serialize};

use super::{Because, Event, Requeue, Run, Step};
use crate::{text, time::Timestamp};

#[cfg(test)]
mod tests;

/// How often it is written down; beyond that it is refused all the same.
pub const MOST: u32 = 20;
/// The longest name of a wish. Characters.
const NAME: usize = 40;

/// A wish that was refused because a run's own process had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overstep {
    /// The wish, by its name on the daemon's socket.
    pub what: String,
    pub times: u32,
    /// The last time.
    pub at: Timestamp,
}

impl Run {
    pub(super) fn overstep(&self, what: &str) -> Step {
        let times: u32 = self.oversteps.iter().map(|one| one.times).sum();
        if times >= MOST {
            return Step::default();
        }
        Step::of([Event::Overstepped { what: text::words(what, NAME) }], [])
    }

    pub(super) fn overstepped(&mut self, what: &str, at: Timestamp) {
        match self.oversteps.iter_mut().find(|one| one.what == what) {
            Some(one) => {
                one.times += 1;
                one.at = at;
            }
            None => self.oversteps.push(Overstep { what: what.to_owned(), times: 1, at }),
        }
        self.unseen.get_or_insert(at);
    }

    /// A person has done something with the run: what it overstepped before is seen.
    pub(super) fn overstep_seen(&mut self, event: &Event) {
        let by_person = matches!(
            event,
            Event::Sent { .. }
                | Event::PauseAsked {}
                | Event::StopAsked { because: Because::Person, .. }
                | Event::Requeued { why: Requeue::Wish, .. }
        );
        if by_person {
            self.unseen = None;
        }
    }

    /// What its processes asked for and were refused, in words; none where they kept to what is theirs.
    pub fn oversteps_in_words(&self) -> Option<String> {
        let said = self.oversteps.iter().map(|one| {
            let times =
                if one.times == 1 { String::new() } else { format!(" {} times", one.times) };
            format!("{}{times}", one.what.replace('_', " "))
        });
        let said: Vec<String> = said.collect();
        (!said.is_empty()).then(|| said.join(", "))
    }
}
