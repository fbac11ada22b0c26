//! Notices, and what became of each.

use serde::{Deserialize, Serialize};
use skep_core::{
    fleet::Fleet,
    notice::{Fate, Kept},
    time::Timestamp,
};

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeView {
    pub id: String,
    pub kind: String,
    /// A run's or task's id, or `fleet`.
    pub subject: String,
    pub project: Option<String>,
    pub title: String,
    pub text: String,
    pub priority: String,
    pub at: Timestamp,
    pub channels: Vec<FateView>,
}

/// What became of a notice on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FateView {
    pub channel: String,
    /// `due`, `sending`, `sent`, `maybe_sent`, `failed`, `withdrawn`.
    pub state: String,
    /// Since when; of one that is due, when it goes.
    pub at: Option<Timestamp>,
    /// Why it is in doubt, or failed.
    pub text: Option<String>,
}

/// What became of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentView {
    pub channel: String,
    /// `telegram`, `webhook`, `ntfy`, `desktop`, `command`.
    pub kind: String,
    /// `sent`, `failed`, `maybe_sent`.
    pub state: String,
    pub text: Option<String>,
}

/// How many notices are not where they should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeCounts {
    pub due: u64,
    pub maybe_sent: u64,
    pub failed: u64,
}

impl NoticeView {
    /// Shows a notice.
    pub fn of(kept: &Kept) -> NoticeView {
        let notice = &kept.notice;
        let fates = kept.fates.iter().map(|(channel, fate)| FateView::of(channel, fate));
        NoticeView {
            id: notice.id.to_string(),
            kind: notice.kind.as_str().to_owned(),
            subject: notice.subject.clone(),
            project: notice.project.clone(),
            title: notice.title.clone(),
            text: notice.text.clone(),
            priority: notice.priority.as_str().to_owned(),
            at: notice.at,
            channels: fates.collect(),
        }
    }
}

impl FateView {
    fn of(channel: &str, fate: &Fate) -> FateView {
        let (at, text) = match fate {
            Fate::Due { not_before } => (Some(*not_before), None),
            Fate::Sending { .. } => (None, None),
            Fate::Sent { at, .. } | Fate::Withdrawn { at } => (Some(*at), None),
            Fate::MaybeSent { at, text, .. } | Fate::Failed { at, text, .. } => {
                (Some(*at), Some(text.clone()))
            }
        };
        FateView { channel: channel.to_owned(), state: fate.as_str().to_owned(), at, text }
    }
}

impl NoticeCounts {
    /// Counts what is kept.
    pub fn of(fleet: &Fleet) -> NoticeCounts {
        let mut counts = NoticeCounts::default();
        for fate in fleet.notices.kept.values().flat_map(|kept| kept.fates.values()) {
            match fate {
                Fate::Due { .. } | Fate::Sending { .. } => counts.due += 1,
                Fate::MaybeSent { .. } => counts.maybe_sent += 1,
                Fate::Failed { .. } => counts.failed += 1,
                Fate::Sent { .. } | Fate::Withdrawn { .. } => {}
            }
        }
        counts
    }
}
