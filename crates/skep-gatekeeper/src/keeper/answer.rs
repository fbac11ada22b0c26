//! What the keeper answers to those who ask on its socket, and how it has the agent stopped.

use std::time::{Duration, Instant};

use skep_api::ctl::{Answer, Control};

use super::{Event, Keeper, calls::Given};
use crate::control::{Visitor, refuse};

/// How long it may take to break its turn off.
const CANCELS_WITHIN: Duration = Duration::from_secs(1);

impl Keeper {
    /// Has the warden end an agent that had its time to end by itself.
    pub(super) fn end_what_is_due(&mut self) {
        if let Some((_, word)) = self.due.take() {
            // A warden that is gone is told by its own event.
            self.link.say(word);
        }
    }

    pub(super) fn let_in(&mut self, visitor: Visitor) {
        let tell = self.tell.clone();
        if let Some(tty) = &mut self.tty {
            let Visitor { stream, before, size } = visitor;
            let tell = move |viewer, word| tell.send(Event::Viewer(viewer, word)).is_ok();
            // One that cannot be shown anything sees its connection end.
            let _gone = tty.attach(stream, &before, size, tell);
        }
    }

    pub(super) fn answer(&mut self, control: Control) -> Answer {
        match control {
            Control::Stop { epoch, force } => self.admit(epoch).unwrap_or_else(|| {
                self.stop(force);
                Answer::Accepted {}
            }),
            Control::Cancel { epoch } => self.admit(epoch).unwrap_or_else(|| {
                self.cancel();
                Answer::Accepted {}
            }),
            Control::Send { epoch, id, text, steer } => {
                self.admit(epoch).unwrap_or_else(|| self.send(id, text, steer))
            }
            Control::Settle { epoch, key, id, allow, text } => {
                self.admit(epoch).unwrap_or_else(|| self.settle(key, id, allow, text))
            }
            Control::Answer { epoch, id, key, text, by, words } => self
                .admit(epoch)
                .unwrap_or_else(|| self.answered(&key, Given { id, text, by, words })),
            Control::Rules { epoch, policy } => self.admit(epoch).unwrap_or_else(|| {
                self.take_rules(*policy);
                Answer::Accepted {}
            }),
            Control::Attach { .. } | Control::Look {} => match &self.tty {
                None => refuse("not-a-terminal", "the agent has no terminal to look at"),
                Some(tty) if !tty.has_room() => {
                    refuse("viewers-full", "too many look at this terminal already")
                }
                Some(_) => Answer::Accepted {},
            },
            Control::Hook { said } => {
                self.hear_hook(&said);
                Answer::Accepted {}
            }
            // They are taken where they come in.
            Control::Tool { .. } => refuse("control-unknown", "a call needs its connection"),
            Control::Status {} => Answer::Status {
                run: self.spec.run.to_string(),
                attempt: self.spec.attempt,
                agent: u32::try_from(self.agent.as_raw_nonzero().get()).ok(),
                journal_lines: self.journal.lines(),
                quiet_ms: u64::try_from(self.quiet.quiet(Instant::now()).as_millis())
                    .unwrap_or(u64::MAX),
            },
        }
    }

    /// Returns the refusal of a daemon that has been followed by another.
    fn admit(&mut self, epoch: u64) -> Option<Answer> {
        if epoch < self.epoch {
            return Some(refuse(
                "epoch-old",
                format!("epoch {epoch} is over; it is {} now", self.epoch),
            ));
        }
        self.epoch = epoch;
        None
    }

    /// Asks for the end of the turn in the protocol's own words; what has none for it waits for the stop that follows.
    fn cancel(&mut self) {
        if self.stdin.is_some() {
            self.session.cancel().into_iter().for_each(|line| self.write(line));
        }
    }

    pub(super) fn stop(&mut self, force: bool) {
        let again = std::mem::replace(&mut self.stopping, true);
        if !force && !again && self.stdin.is_some() {
            let lines = self.session.cancel();
            if !lines.is_empty() {
                lines.into_iter().for_each(|line| self.write(line));
                self.due = Some((Instant::now() + CANCELS_WITHIN, b"s"));
                return;
            }
        }
        self.due = None;
        // A warden that is gone is told by its own event, and then we end the tree.
        self.link.say(if force { b"f" } else { b"s" });
    }
}
