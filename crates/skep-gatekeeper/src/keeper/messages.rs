//! Messages and answers for the agent: each is written at most once.

use std::time::Instant;

use skep_api::{ctl::Answer, journal::Entry};
use skep_harness::Grant;

use super::{Keeper, Message};
use crate::{control::refuse, keys::Taken};

/// How many messages may wait for an agent that does not read.
const UNREAD: usize = 64;

impl Keeper {
    pub(super) fn written(&mut self, id: String, text: String, ok: bool) {
        self.unread = self.unread.saturating_sub(1);
        if ok {
            self.quiet.given(Instant::now());
            self.report(Entry::Delivered { id, text });
        } else {
            // The agent's input is closed; whoever sends again is told.
            self.stdin = None;
            self.sent.remove(&id);
        }
    }

    /// Answers a request for leave. One that is open no more was answered by a cancel, or its agent asks no longer.
    pub(super) fn settle(
        &mut self,
        key: String,
        id: String,
        allow: bool,
        text: Option<String>,
    ) -> Answer {
        if self.sent.contains(&key) {
            return Answer::Accepted {};
        }
        let line = match &text {
            Some(why) if !allow => self.session.refuse(&id, why),
            _ => self.session.settle(&id, if allow { Grant::Once } else { Grant::Refused }),
        };
        let Some(line) = line else {
            return refuse("ask-settled", "the agent asks for this no longer");
        };
        self.write(line);
        self.sent.insert(key);
        self.quiet.given(Instant::now());
        self.journal(&Entry::Settled { id, allow, text });
        Answer::Accepted {}
    }

    pub(super) fn send(&mut self, id: String, text: String) -> Answer {
        if self.sent.contains(&id) {
            return Answer::Accepted {};
        }
        if let Some(tty) = &self.tty {
            let answer = match tty.send(id.clone(), text) {
                Taken::AtOnce => Answer::Accepted {},
                Taken::Queued => Answer::Queued {},
                Taken::No => {
                    return refuse("send-unread", "the messages before have not been typed yet");
                }
            };
            self.sent.insert(id);
            return answer;
        }
        if self.session.closes_stdin() {
            return refuse(
                "send-unsupported",
                format!("an agent of protocol {} takes no further message", self.spec.protocol),
            );
        }
        let Some(stdin) = &self.stdin else {
            return refuse("send-closed", "the agent has closed its input");
        };
        if self.unread >= UNREAD {
            return refuse("send-unread", "the agent has not read the messages before");
        }
        let Some(words) = self.session.message(&text) else {
            return refuse(
                "send-unsupported",
                format!("an agent of protocol {} takes no further message", self.spec.protocol),
            );
        };
        if stdin.send(Message { id: Some(id.clone()), text, bytes: words.into_bytes() }).is_err() {
            return refuse("send-closed", "the agent has closed its input");
        }
        self.unread += 1;
        self.sent.insert(id);
        Answer::Accepted {}
    }
}
