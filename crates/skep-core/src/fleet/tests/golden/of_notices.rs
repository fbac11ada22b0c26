//! Golden events of notices.

use crate::{
    id::{NoticeId, QuestionId},
    notice::{About, Channel, Event, Kind, Notice, Priority, Quiet, Rule, Rules},
    run::tests::script::brief,
    time::Timestamp,
};

pub(super) const KINDS: usize = 9;

pub(super) fn kind(event: &Event) -> usize {
    match event {
        Event::NotifySet { .. } => 0,
        Event::NoticeMade { .. } => 1,
        Event::NoticeSending { .. } => 2,
        Event::NoticeSent { .. } => 3,
        Event::NoticeRefused { .. } => 4,
        Event::NoticeUnclear { .. } => 5,
        Event::NoticeFailed { .. } => 6,
        Event::NoticeWithdrawn { .. } => 7,
        Event::NoticeHeard { .. } => 8,
    }
}

pub(super) fn events() -> Vec<Event> {
    let id = || NoticeId::new([3; crate::id::LENGTH]);
    let (channel, text) = (|| "phone".to_owned(), || "down".to_owned());
    let receipts = || vec!["7:1".to_owned()];
    let run = brief("amber").id;
    let question = QuestionId::new([4; crate::id::LENGTH]);
    let notice = Notice {
        id: id(),
        kind: Kind::Question,
        subject: run.to_string(),
        about: About::Question { run, question },
        project: Some("web".to_owned()),
        title: "amber asks".to_owned(),
        text: "Which port?".to_owned(),
        options: vec!["8080".to_owned()],
        ways: vec!["skep answer q_4444444444 TEXT".to_owned()],
        priority: Priority::High,
        at: Timestamp(1_000),
    };
    let fact = Notice {
        about: About::Fact {},
        kind: Kind::Cleanup,
        subject: "fleet".to_owned(),
        project: None,
        text: String::new(),
        options: Vec::new(),
        ways: Vec::new(),
        ..notice.clone()
    };
    let rules = Rules {
        channels: [(channel(), Channel { merges: true, answers: true })].into(),
        rules: vec![
            Rule {
                kinds: vec![Kind::TaskFailed, Kind::Blocked],
                projects: vec!["web".to_owned()],
                channels: Some(vec![channel()]),
                priority: Some(Priority::Urgent),
                passes: true,
            },
            Rule::default(),
        ],
        quiet: Some(Quiet { from: 1_320, to: 450 }),
        digest_ms: 300_000,
        ahead_min: 60,
    };
    let channels = || [(channel(), Timestamp(2_000))].into();
    vec![
        Event::NotifySet { rules: Box::new(rules) },
        Event::NoticeMade { notice: Box::new(notice), channels: channels() },
        Event::NoticeMade { notice: Box::new(fact), channels: channels() },
        Event::NoticeSending { channel: channel(), nth: 1, notices: vec![id()], parts: 2 },
        Event::NoticeSent { channel: channel(), nth: 1, receipts: receipts() },
        Event::NoticeRefused {
            channel: channel(),
            nth: 1,
            text: text(),
            parts: 2,
            receipts: receipts(),
            not_before: Timestamp(3_000),
        },
        Event::NoticeUnclear { channel: channel(), nth: 1, text: text(), receipts: receipts() },
        Event::NoticeFailed { channel: channel(), nth: 1, text: text(), receipts: Vec::new() },
        Event::NoticeWithdrawn { notice: id(), channel: channel() },
        Event::NoticeHeard {
            notice: id(),
            channel: channel(),
            update: 9,
            by: "telegram:7".to_owned(),
            why: Some("it was answered before".to_owned()),
        },
    ]
}
