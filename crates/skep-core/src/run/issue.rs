//! What a run holds of its issue where everybody looks who might begin at it.
//!
//! Owns: from when to when it holds it, that it is given back, and how much is written below it. Never: makes a claim or
//! removes one.

use std::time::Duration;

use super::{Effect, EnvState, Event, Misfit, Rejected, Run, State, Step, WORDS};
use crate::{text, time::Timestamp};

/// How many different comments one run may write below its issue.
pub const COMMENTS: usize = 20;
/// The longest key of one. Characters.
const KEY: usize = 80;
/// How long after the first failure it is tried again to give an issue back.
const FIRST: Duration = Duration::from_secs(10);
/// The longest time between two tries.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// How far a run's hold on its issue has come. What is not known to be free is taken for held: the deeds do no harm twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hold {
    /// It has none, or gave it back.
    #[default]
    Free,
    /// It is being taken, before anything of the attempt is made.
    Asked,
    Held,
    /// It is being given back.
    Leaving {
        tries: u32,
    },
    /// It could not be given back, and is tried again then.
    Stuck {
        tries: u32,
        text: String,
        next: Timestamp,
    },
}

impl Run {
    /// Whether its attempt begins only when its issue was taken.
    pub fn takes_issue(&self) -> bool {
        self.brief.issue.is_some() && self.hold == Hold::Asked
    }

    /// Whether its issue is to be given back: nothing of it lives, and no env of it stands.
    pub fn leaves_issue(&self) -> bool {
        let over = self.is_ended() && !self.undoing && self.then_close.is_none();
        let gone = matches!(self.env, EnvState::None | EnvState::Closed(_));
        matches!(self.hold, Hold::Asked | Hold::Held) && over && gone
    }

    /// Gives the issue back.
    pub(super) fn leave_issue(&self) -> Result<Step, Rejected> {
        if !self.leaves_issue() {
            return Err(self.misplaced("giving the issue back"));
        }
        Ok(self.leave_it())
    }

    /// The same once more, when its time has come.
    pub(super) fn leave_again(&self, now: Timestamp) -> Option<Step> {
        self.leaves_at().filter(|at| *at <= now).map(|_| self.leave_it())
    }

    fn leave_it(&self) -> Step {
        Step::of([Event::IssueLeaving {}], [Effect::LeaveIssue { run: self.id().clone() }])
    }

    /// What came of giving it back.
    pub(super) fn issue_left(&self, failed: Option<&str>, now: Timestamp) -> Step {
        let Hold::Leaving { tries } = self.hold else {
            // It is wanted again meanwhile, or was told of already.
            return Step::default();
        };
        let next = failed.map(|_| {
            let wait = FIRST.saturating_mul(2_u32.saturating_pow(tries.min(10)));
            now.plus(wait.min(LONGEST))
        });
        let text = failed.map(|text| text::words(text, WORDS)).unwrap_or_default();
        Step::of([Event::IssueLeft { text, next }], [])
    }

    /// Whether it may write this comment: the same one as often as it likes, so that who did not hear the answer asks again.
    pub(super) fn comment(&self, key: &str) -> Result<Step, Rejected> {
        if self.brief.issue.is_none() {
            return Err(self.misplaced("a comment below an issue"));
        }
        let key = text::words(key, KEY);
        if self.comments.contains(&key) {
            return Ok(Step::default());
        }
        if self.comments.len() >= COMMENTS {
            return Err(Rejected {
                slug: "issue-comments",
                text: format!(
                    "it has written {COMMENTS} comments below its issue, and may write no more"
                ),
                hints: vec![format!("skep show {}", self.id())],
            });
        }
        Ok(Step::of([Event::IssueCommented { key }], []))
    }

    /// When it is tried again to give the issue back.
    pub(super) fn leaves_at(&self) -> Option<Timestamp> {
        match self.hold {
            Hold::Stuck { next, .. } if matches!(self.state, State::Ended { .. }) => Some(next),
            Hold::Stuck { .. } | Hold::Free | Hold::Asked | Hold::Held | Hold::Leaving { .. } => {
                None
            }
        }
    }

    /// What an event means for the hold.
    pub(super) fn hold_at(&mut self, event: &Event) -> Result<(), Misfit> {
        let misfit = |state| Misfit { event: format!("{event:?}"), state };
        let state = self.state_name();
        self.hold = match (event, &self.hold) {
            (Event::Admitted {}, hold) if self.brief.issue.is_some() && *hold != Hold::Held => {
                Hold::Asked
            }
            (Event::Prepared { .. } | Event::Started { .. }, Hold::Asked) => Hold::Held,
            (Event::IssueLeaving {}, Hold::Asked | Hold::Held) => Hold::Leaving { tries: 0 },
            (Event::IssueLeaving {}, Hold::Stuck { tries, .. }) => {
                Hold::Leaving { tries: tries + 1 }
            }
            (Event::IssueLeaving {}, Hold::Free | Hold::Leaving { .. }) => {
                return Err(misfit(state));
            }
            (Event::IssueLeft { text, next: Some(next) }, Hold::Leaving { tries }) => {
                Hold::Stuck { tries: *tries, text: text.clone(), next: *next }
            }
            (Event::IssueLeft { next: None, .. }, Hold::Leaving { .. }) => Hold::Free,
            (Event::IssueLeft { .. }, _) => return Err(misfit(state)),
            _ => return Ok(()),
        };
        Ok(())
    }
}
