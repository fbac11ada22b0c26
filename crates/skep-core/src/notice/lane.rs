//! One message at a time on each channel: what goes with what, and what becomes of it.
//!
//! Owns: the line of a channel, its message under way, its tries. That only one is under way is what makes a channel
//! that cannot tell two alike leave no more than one in doubt, whatever is killed.

use super::{Came, Effect, Event, Fate, Kept, Notices, Step, TOGETHER, TRIES};
use crate::{id::NoticeId, text, time::Timestamp};

/// How long the first refusal waits, and by what that grows. Milliseconds.
const FIRST: u64 = 30_000;
const FACTOR: u64 = 4;
/// How much of a channel's own words is kept. Characters.
const WORDS: usize = 300;

/// A channel's messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lane {
    /// How many messages were begun; a message that is tried again keeps its number.
    begun: u32,
    message: Option<Message>,
}

/// The message under way, or to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    nth: u32,
    notices: Vec<NoticeId>,
    /// How much of it the channel has.
    parts: u32,
    receipts: Vec<String>,
    /// How often it was tried.
    tries: u32,
    /// When it is tried again; none while it is being sent.
    again: Option<Timestamp>,
}

impl Lane {
    pub(super) fn begin(&mut self, nth: u32, notices: &[NoticeId], parts: u32) {
        let before = self.message.take();
        let (tries, receipts) = before.map_or((0, Vec::new()), |it| (it.tries, it.receipts));
        self.begun = self.begun.max(nth);
        let (notices, tries) = (notices.to_vec(), tries + 1);
        self.message = Some(Message { nth, notices, parts, receipts, tries, again: None });
    }

    pub(super) fn end(&mut self, nth: u32) -> Option<Vec<NoticeId>> {
        self.message.take_if(|message| message.nth == nth).map(|message| message.notices)
    }

    pub(super) fn refused(
        &mut self,
        nth: u32,
        parts: u32,
        receipts: &[String],
        not_before: Timestamp,
    ) -> Option<Vec<NoticeId>> {
        let message = self.message.as_mut().filter(|message| message.nth == nth)?;
        (message.parts, message.again) = (parts, Some(not_before));
        message.receipts = receipts.to_vec();
        Some(message.notices.clone())
    }

    pub(super) fn drop(&mut self, notice: &NoticeId) {
        if let Some(message) = &mut self.message {
            message.notices.retain(|it| it != notice);
            if message.notices.is_empty() {
                self.message = None;
            }
        }
    }
}

impl Notices {
    /// What came of the message `nth` of a channel; nothing where that is known already.
    pub fn came(&self, channel: &str, nth: u32, came: Came, now: Timestamp) -> Step {
        let message = self.lanes.get(channel).and_then(|lane| lane.message.as_ref());
        let Some(message) = message.filter(|it| it.nth == nth && it.again.is_none()) else {
            return Step::default();
        };
        let (channel, short) = (channel.to_owned(), |text: &str| text::words(text, WORDS));
        let all = |more: Vec<String>| [message.receipts.clone(), more].concat();
        let event = match came {
            Came::Sent { receipts } => Event::NoticeSent { channel, nth, receipts: all(receipts) },
            Came::Unclear { text, receipts } => {
                let (text, receipts) = (short(&text), all(receipts));
                Event::NoticeUnclear { channel, nth, text, receipts }
            }
            Came::Refused { text, receipts, .. } if message.tries >= TRIES => {
                let (text, receipts) = (short(&text), all(receipts));
                Event::NoticeFailed { channel, nth, text, receipts }
            }
            Came::Refused { text, parts, receipts, after_ms } => {
                let wait = FIRST.saturating_mul(FACTOR.saturating_pow(message.tries - 1));
                let wait = wait.max(after_ms.unwrap_or(0));
                let not_before = Timestamp(now.0.saturating_add(wait));
                let (text, receipts) = (short(&text), all(receipts));
                Event::NoticeRefused { channel, nth, text, parts, receipts, not_before }
            }
        };
        Step { events: vec![event], effects: Vec::new() }
    }

    /// What may go now; `is_open` says what is still worth telling.
    pub fn dispatch(&self, now: Timestamp, is_open: impl Fn(&Kept) -> bool) -> Step {
        let mut step = Step::default();
        let mut channels: Vec<&String> =
            self.rules.channels.keys().chain(self.lanes.keys()).collect();
        channels.extend(self.kept.values().flat_map(|kept| kept.fates.keys()));
        channels.sort();
        channels.dedup();
        for channel in channels {
            self.dispatch_on(channel, now, &is_open, &mut step);
        }
        step
    }

    fn dispatch_on(
        &self,
        channel: &str,
        now: Timestamp,
        is_open: &impl Fn(&Kept) -> bool,
        step: &mut Step,
    ) {
        let lane = self.lanes.get(channel);
        let message = lane.and_then(|lane| lane.message.as_ref());
        let withdraw = |kept: &Kept| Event::NoticeWithdrawn {
            notice: kept.notice.id.clone(),
            channel: channel.to_owned(),
        };
        let settings = self.rules.channels.get(channel);
        let gone = settings.is_none();
        let half_sent = |kept: &Kept| {
            message.is_some_and(|it| it.parts > 0 && it.notices.contains(&kept.notice.id))
        };
        let mut line: Vec<(&Kept, Timestamp)> = Vec::new();
        for kept in self.kept.values() {
            let Some(Fate::Due { not_before }) = kept.fates.get(channel) else { continue };
            if gone || !(half_sent(kept) || is_open(kept)) {
                step.events.push(withdraw(kept));
            } else {
                line.push((kept, *not_before));
            }
        }
        line.sort_by_key(|(kept, _)| kept.order);
        let Some(settings) = settings else { return };
        if message.is_some_and(|message| message.again.is_none()) {
            return;
        }
        if let Some(message) = message {
            // The rest of the line waits behind it: what is refused once is refused to all.
            let is_left = |id: &&NoticeId| line.iter().any(|(kept, _)| kept.notice.id == **id);
            let left: Vec<NoticeId> = message.notices.iter().filter(is_left).cloned().collect();
            if !left.is_empty() {
                if message.again.is_none_or(|at| at <= now) {
                    step.send(channel, message.nth, left, message.parts);
                }
                return;
            }
        }
        let alone =
            |kept: &Kept| !settings.merges || settings.answers && kept.notice.kind.is_answerable();
        let mut due = line.iter().filter(|(_, not_before)| *not_before <= now).map(|it| it.0);
        let Some(first) = due.next() else { return };
        let mut notices = vec![first.notice.id.clone()];
        if !alone(first) {
            let others = due.filter(|kept| !alone(kept)).take(TOGETHER - 1);
            notices.extend(others.map(|kept| kept.notice.id.clone()));
        }
        let nth = lane.map_or(0, |lane| lane.begun) + 1;
        step.send(channel, nth, notices, 0);
    }

    /// When the clock means something next.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let busy = |channel: &str| {
            let message = self.lanes.get(channel).and_then(|lane| lane.message.as_ref());
            message.map(|message| message.again)
        };
        let due = self.kept.values().flat_map(|kept| &kept.fates).filter_map(|(channel, fate)| {
            let Fate::Due { not_before } = fate else { return None };
            match busy(channel) {
                // Its report wakes whoever is in line.
                Some(None) => None,
                Some(Some(again)) => Some(again),
                None => Some(*not_before),
            }
        });
        due.min()
    }

    /// Whether something is in line or being sent.
    pub fn is_busy(&self) -> bool {
        self.kept.values().any(|kept| !kept.is_settled())
    }
}

impl Step {
    fn send(&mut self, channel: &str, nth: u32, notices: Vec<NoticeId>, parts: u32) {
        let channel = channel.to_owned();
        self.effects.push(Effect::Notify {
            channel: channel.clone(),
            nth,
            notices: notices.clone(),
            parts,
        });
        self.events.push(Event::NoticeSending { channel, nth, notices, parts });
    }
}
