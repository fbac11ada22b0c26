//! What people are told, who gets it and when, and how far each notice has come.
//!
//! Owns: the kinds, rules, quiet hours and digests; that each notice goes to each channel once, or is known to be in doubt.
//! Never: sends anything, or knows how a channel speaks. Which events become notices, and what settles one, the fleet
//! says. The table is in `docs/design/notices.md`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    id::{AskId, NoticeId, PlanId, QuestionId, RunId, TaskId, derived},
    time::Timestamp,
};

mod lane;
mod rules;

use lane::Lane;
pub use rules::{Channel, Priority, Quiet, Rule, Rules};

/// How many notices that are settled are kept.
pub const KEPT: usize = 256;
/// How often a message that is refused is tried in all.
pub const TRIES: u32 = 5;
/// The most notices that go as one message.
pub const TOGETHER: usize = 20;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    TaskCompleted,
    TaskFailed,
    /// An agent says that it cannot go on: no failure of anything.
    Blocked,
    /// An agent wants to know something.
    Question,
    /// An agent wants leave to do something.
    Request,
    /// A usage limit or a budget is reached.
    Limit,
    Landing,
    /// A clean-up could not be decided.
    Cleanup,
    /// What became of a change on a forge.
    Change,
    /// A person decides what no review settled.
    Review,
    /// A plan waits for a person.
    Plan,
    /// An agent began at an issue.
    Dispatch,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 12] = [
        Kind::TaskCompleted,
        Kind::TaskFailed,
        Kind::Blocked,
        Kind::Question,
        Kind::Request,
        Kind::Limit,
        Kind::Landing,
        Kind::Cleanup,
        Kind::Change,
        Kind::Review,
        Kind::Plan,
        Kind::Dispatch,
    ];

    /// As settings, views and channels spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::TaskCompleted => "task_completed",
            Kind::TaskFailed => "task_failed",
            Kind::Blocked => "blocked",
            Kind::Question => "question",
            Kind::Request => "request",
            Kind::Limit => "limit",
            Kind::Landing => "landing",
            Kind::Cleanup => "cleanup",
            Kind::Change => "change",
            Kind::Review => "review",
            Kind::Plan => "plan",
            Kind::Dispatch => "dispatch",
        }
    }

    /// How urgent it is where no rule says.
    pub fn priority(self) -> Priority {
        match self {
            Kind::Blocked | Kind::Question | Kind::Request | Kind::Review | Kind::Plan => {
                Priority::High
            }
            Kind::TaskFailed | Kind::Limit | Kind::Landing | Kind::Cleanup | Kind::Change => {
                Priority::Normal
            }
            Kind::TaskCompleted | Kind::Dispatch => Priority::Low,
        }
    }

    /// Whether a channel that takes answers can be answered to it.
    fn is_answerable(self) -> bool {
        matches!(self, Kind::Question | Kind::Request)
    }
}

/// What must still stand for a notice to be worth sending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum About {
    /// It happened, and stays true.
    Fact {},
    Question {
        run: RunId,
        question: QuestionId,
    },
    Request {
        run: RunId,
        ask: AskId,
    },
    /// A run waits in its agent's own way, since then.
    Waits {
        run: RunId,
        since: Timestamp,
    },
    /// How this attempt ended.
    Ended {
        run: RunId,
        attempt: u32,
    },
    /// A run waits for the reset of a usage limit.
    Limited {
        run: RunId,
        until: Timestamp,
    },
    Plan {
        task: TaskId,
        plan: PlanId,
    },
    Part {
        task: TaskId,
        project: String,
    },
    /// What failed of a task, which may be taken up again.
    Failed {
        task: TaskId,
    },
}

/// What people are told of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub id: NoticeId,
    pub kind: Kind,
    /// A run's or task's id, or `fleet`.
    pub subject: String,
    pub about: About,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// One line.
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The answers that are offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The commands that settle it, or that look closer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<String>,
    pub priority: Priority,
    pub at: Timestamp,
}

/// What is to be told, before it has an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    pub kind: Kind,
    pub subject: String,
    pub about: About,
    pub project: Option<String>,
    pub title: String,
    pub text: String,
    pub options: Vec<String>,
    pub ways: Vec<String>,
}

/// How far a notice has come on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is in line, and goes at this moment at the earliest.
    Due {
        not_before: Timestamp,
    },
    /// It is being sent, with the message of this number.
    Sending {
        nth: u32,
    },
    /// The channel took it; what it calls the messages.
    Sent {
        at: Timestamp,
        receipts: Vec<String>,
    },
    /// Nobody knows whether the channel took it: it is not sent again. What it is known to have taken has receipts.
    MaybeSent {
        at: Timestamp,
        text: String,
        receipts: Vec<String>,
    },
    Failed {
        at: Timestamp,
        text: String,
        receipts: Vec<String>,
    },
    /// It was settled before it was due.
    Withdrawn {
        at: Timestamp,
    },
}

impl Fate {
    /// As views spell it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Fate::Due { .. } => "due",
            Fate::Sending { .. } => "sending",
            Fate::Sent { .. } => "sent",
            Fate::MaybeSent { .. } => "maybe_sent",
            Fate::Failed { .. } => "failed",
            Fate::Withdrawn { .. } => "withdrawn",
        }
    }

    /// What the channel calls the messages that it is known to have.
    pub fn receipts(&self) -> &[String] {
        match self {
            Fate::Sent { receipts, .. }
            | Fate::MaybeSent { receipts, .. }
            | Fate::Failed { receipts, .. } => receipts,
            Fate::Due { .. } | Fate::Sending { .. } | Fate::Withdrawn { .. } => &[],
        }
    }

    /// Whether nothing more becomes of it.
    pub fn is_settled(&self) -> bool {
        match self {
            Fate::Due { .. } | Fate::Sending { .. } => false,
            Fate::Sent { .. }
            | Fate::MaybeSent { .. }
            | Fate::Failed { .. }
            | Fate::Withdrawn { .. } => true,
        }
    }
}

/// A notice, and how far it has come on each of its channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub notice: Notice,
    pub order: u64,
    pub fates: BTreeMap<String, Fate>,
}

impl Kept {
    /// Whether nothing more becomes of it on any channel.
    pub fn is_settled(&self) -> bool {
        self.fates.values().all(Fate::is_settled)
    }
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// The channel took all of it; what it calls the messages, where it has names for them.
    Sent { receipts: Vec<String> },
    /// The channel said no, or could not be reached; `parts` of the message went before, and it may be asked `after` this
    /// long. Unit: milliseconds.
    Refused { text: String, parts: u32, receipts: Vec<String>, after_ms: Option<u64> },
    /// No answer came: it may have taken it, beyond what has receipts.
    Unclear { text: String, receipts: Vec<String> },
}

/// What a person said on a channel, to a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Text(String),
    /// An option, from 1.
    Option(usize),
    /// The agent is to decide.
    Skip,
    Allow,
    Refuse,
}

/// What can happen to notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The settings of today.
    Rules(Rules),
    /// Something is to be told that no event of the fleet says.
    Tell(Box<Telling>),
    Came {
        channel: String,
        nth: u32,
        came: Came,
    },
    /// Somebody who may said something to the message that the channel calls `to`; `update` is the channel's own count.
    Heard {
        channel: String,
        update: u64,
        by: String,
        to: String,
        said: Said,
    },
    /// An effect is done that has nothing to say.
    Done,
}

/// A fact about notices, as the ledger keeps it. A new variant or field is a format change: `docs/format.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    NotifySet {
        rules: Box<Rules>,
    },
    /// A notice is due on these channels, at these moments.
    NoticeMade {
        notice: Box<Notice>,
        channels: BTreeMap<String, Timestamp>,
    },
    /// These go as one message, the channel's `nth`; the first `parts` of it went before.
    NoticeSending {
        channel: String,
        nth: u32,
        notices: Vec<NoticeId>,
        #[serde(default, skip_serializing_if = "is_zero")]
        parts: u32,
    },
    NoticeSent {
        channel: String,
        nth: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        receipts: Vec<String>,
    },
    /// It is tried again at `not_before`.
    NoticeRefused {
        channel: String,
        nth: u32,
        text: String,
        #[serde(default, skip_serializing_if = "is_zero")]
        parts: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        receipts: Vec<String>,
        not_before: Timestamp,
    },
    NoticeUnclear {
        channel: String,
        nth: u32,
        text: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        receipts: Vec<String>,
    },
    NoticeFailed {
        channel: String,
        nth: u32,
        text: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        receipts: Vec<String>,
    },
    /// It was settled, or its channel is gone, before it was sent.
    NoticeWithdrawn {
        notice: NoticeId,
        channel: String,
    },
    /// Somebody answered on a channel; `why` it did not count, where it did not.
    NoticeHeard {
        notice: NoticeId,
        channel: String,
        update: u64,
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Work for the daemon. Neither is harmless when it is done twice: what a channel cannot tell apart is not sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Sends a message of these notices, from its part `parts` on.
    Notify {
        channel: String,
        nth: u32,
        notices: Vec<NoticeId>,
        #[serde(default, skip_serializing_if = "is_zero")]
        parts: u32,
    },
    /// Marks what was sent as settled, with these words.
    Amend { channel: String, notice: NoticeId, receipts: Vec<String>, text: String },
}

impl Effect {
    /// What it is about.
    pub fn subject(&self) -> &str {
        let (Effect::Notify { channel, .. } | Effect::Amend { channel, .. }) = self;
        channel
    }

    /// Its kind, in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Effect::Notify { .. } => "notify",
            Effect::Amend { .. } => "amend",
        }
    }
}

/// What one input leads to.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
}

/// An event that does not fit: it speaks of a notice or a message that there is none of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} speaks of nothing that is known")]
pub struct Misfit {
    pub event: String,
}

/// What was heard last on a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// The channel's own count of it, which may begin anew anywhere.
    pub update: u64,
    pub by: String,
    /// Why it did not count, where it did not.
    pub why: Option<String>,
}

/// All notices that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notices {
    pub rules: Rules,
    pub kept: BTreeMap<NoticeId, Kept>,
    pub heard: BTreeMap<String, Heard>,
    lanes: BTreeMap<String, Lane>,
    made: u64,
}

impl Notices {
    /// The notices that are kept, the newest first.
    pub fn newest(&self) -> Vec<&Kept> {
        let mut all: Vec<&Kept> = self.kept.values().collect();
        all.sort_by_key(|kept| std::cmp::Reverse(kept.order));
        all
    }

    /// Whether a notice of this was made.
    pub fn has(&self, about: &About) -> bool {
        self.kept.values().any(|kept| kept.notice.about == *about)
    }

    /// The notice that the channel sent as the message `receipt`; none where it went with others.
    pub fn of_receipt(&self, channel: &str, receipt: &str) -> Option<&Notice> {
        let sent = |kept: &&Kept| {
            let fate = kept.fates.get(channel);
            fate.is_some_and(|fate| fate.receipts().iter().any(|it| it == receipt))
        };
        let mut found = self.kept.values().filter(sent);
        match (found.next(), found.next()) {
            (Some(one), None) => Some(&one.notice),
            (_, _) => None,
        }
    }

    /// Decides what a telling becomes: nothing where no channel is to have it.
    pub fn tell(&self, telling: Telling, now: Timestamp) -> Option<Event> {
        let rule = self.rules.fitting(telling.kind, telling.project.as_deref());
        let passes = rule.is_some_and(|rule| rule.passes);
        let named = |name: &&String| {
            rule.and_then(|rule| rule.channels.as_ref()).is_none_or(|only| only.contains(name))
        };
        let channels: BTreeMap<String, Timestamp> = self
            .rules
            .channels
            .iter()
            .filter(|(name, _)| named(name))
            .map(|(name, channel)| {
                let alone = telling.kind.is_answerable() && channel.answers;
                let quiet = self.rules.quiet_until(now).filter(|_| !passes).unwrap_or(now);
                let digest = self.digest_of(name, now).filter(|_| channel.merges && !alone);
                (name.clone(), quiet.max(digest.unwrap_or(now)))
            })
            .collect();
        if channels.is_empty() {
            return None;
        }
        let Telling { kind, subject, about, project, title, text, options, ways } = telling;
        let id =
            NoticeId::new(derived(&format!("{subject}/{}/{now}/{}", kind.as_str(), self.made)));
        let priority = rule.and_then(|rule| rule.priority).unwrap_or(kind.priority());
        let notice = Box::new(Notice {
            id,
            kind,
            subject,
            about,
            project,
            title,
            text,
            options,
            ways,
            priority,
            at: now,
        });
        Some(Event::NoticeMade { notice, channels })
    }

    /// When the digest of a channel goes: with what is in line already, and at the latest when its time is over.
    fn digest_of(&self, channel: &str, now: Timestamp) -> Option<Timestamp> {
        let digest_ms = self.rules.digest_ms;
        if digest_ms == 0 {
            return None;
        }
        let due = self.kept.values().filter_map(|kept| match kept.fates.get(channel) {
            Some(Fate::Due { not_before }) if *not_before > now => Some(*not_before),
            _ => None,
        });
        // What is in line may wait for the morning.
        let limit = Timestamp(now.0.saturating_add(digest_ms));
        Some(due.min().map_or(limit, |at| at.min(limit)))
    }

    /// Makes `event` true.
    ///
    /// Errors: [`Misfit`] where it speaks of what is not there.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), Misfit> {
        let misfit = || Misfit { event: format!("{event:?}") };
        match event {
            Event::NotifySet { rules } => self.rules = rules.as_ref().clone(),
            Event::NoticeMade { notice, channels } => {
                self.made += 1;
                let due = |at: &Timestamp| Fate::Due { not_before: *at };
                let fates = channels.iter().map(|(name, at)| (name.clone(), due(at))).collect();
                let kept = Kept { notice: notice.as_ref().clone(), order: self.made, fates };
                if self.kept.insert(notice.id.clone(), kept).is_some() {
                    return Err(misfit());
                }
                self.forget();
            }
            Event::NoticeSending { channel, nth, notices, parts } => {
                let fate = Fate::Sending { nth: *nth };
                self.set(channel, notices, &fate).ok_or_else(misfit)?;
                self.lanes.entry(channel.clone()).or_default().begin(*nth, notices, *parts);
            }
            Event::NoticeSent { channel, nth, receipts } => {
                let fate = Fate::Sent { at, receipts: receipts.clone() };
                self.settle(channel, *nth, &fate).ok_or_else(misfit)?;
            }
            Event::NoticeUnclear { channel, nth, text, receipts } => {
                let (text, receipts) = (text.clone(), receipts.clone());
                let fate = Fate::MaybeSent { at, text, receipts };
                self.settle(channel, *nth, &fate).ok_or_else(misfit)?;
            }
            Event::NoticeFailed { channel, nth, text, receipts } => {
                let (text, receipts) = (text.clone(), receipts.clone());
                let fate = Fate::Failed { at, text, receipts };
                self.settle(channel, *nth, &fate).ok_or_else(misfit)?;
            }
            Event::NoticeRefused { channel, nth, parts, receipts, not_before, .. } => {
                let lane = self.lanes.get_mut(channel).ok_or_else(misfit)?;
                let notices = lane.refused(*nth, *parts, receipts, *not_before);
                let notices = notices.ok_or_else(misfit)?;
                let fate = Fate::Due { not_before: *not_before };
                self.set(channel, &notices, &fate).ok_or_else(misfit)?;
            }
            Event::NoticeWithdrawn { notice, channel } => {
                if let Some(lane) = self.lanes.get_mut(channel) {
                    lane.drop(notice);
                }
                let fate = Fate::Withdrawn { at };
                self.set(channel, std::slice::from_ref(notice), &fate).ok_or_else(misfit)?;
            }
            Event::NoticeHeard { channel, update, by, why, .. } => {
                let heard = Heard { update: *update, by: by.clone(), why: why.clone() };
                self.heard.insert(channel.clone(), heard);
            }
        }
        Ok(())
    }

    fn set(&mut self, channel: &str, notices: &[NoticeId], fate: &Fate) -> Option<()> {
        for id in notices {
            let held = self.kept.get_mut(id)?.fates.get_mut(channel)?;
            held.clone_from(fate);
        }
        Some(())
    }

    fn settle(&mut self, channel: &str, nth: u32, fate: &Fate) -> Option<()> {
        let notices = self.lanes.get_mut(channel)?.end(nth)?;
        self.set(channel, &notices, fate)
    }

    /// Lets the oldest go of which nothing more becomes.
    fn forget(&mut self) {
        let mut settled: Vec<(u64, NoticeId)> = self
            .kept
            .values()
            .filter(|kept| kept.is_settled())
            .map(|kept| (kept.order, kept.notice.id.clone()))
            .collect();
        settled.sort();
        let over = settled.len().saturating_sub(KEPT);
        let gone: BTreeSet<NoticeId> = settled.into_iter().take(over).map(|it| it.1).collect();
        self.kept.retain(|id, _| !gone.contains(id));
    }
}
