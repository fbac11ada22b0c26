//! What comes from the agent: kept in the journal, and in the reports what the engine must know.

use std::time::{Duration, Instant};

use skep_api::journal::Entry;
use skep_core::said::Said;
use skep_harness::Heard;

use super::{Keeper, Message, retries::Change};
use crate::{
    ears::{self, Words},
    record::{self, now},
};

/// How long an agent whose turn is over may take to leave once its input is closed.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);

impl Keeper {
    pub(super) fn sign_of_life(&mut self) {
        if self.quiet.heard(Instant::now()) {
            self.report(Entry::Heard {});
        }
    }

    pub(super) fn hear_out(&mut self, words: &Words) {
        self.sign_of_life();
        if !words.is_whole() {
            return self.journal(&Entry::Output { text: words.kept() });
        }
        for heard in self.session.line(&words.text) {
            if matches!(heard, Heard::Output(_)) && words.bytes > ears::KEPT as u64 {
                self.journal(&Entry::Output { text: words.kept() });
            } else {
                self.keep(heard);
            }
        }
    }

    pub(super) fn hear_err(&mut self, words: &Words) {
        self.sign_of_life();
        self.journal(&Entry::Stderr { text: words.kept() });
        self.ready.complained(&words.text);
        for heard in self.session.stderr(&words.text) {
            self.keep(heard);
        }
    }

    /// Keeps what was heard: everything in the journal, in the reports what the engine must know.
    pub(super) fn keep(&mut self, heard: Heard) {
        let said = match heard {
            Heard::Output(text) => return self.journal(&Entry::Output { text }),
            Heard::Reply(line) => return self.write(line),
            Heard::Took(id) => return self.took(id),
            Heard::Recalled { id, history } => return self.recalled(id, history),
            Heard::Said(said) => said,
        };
        self.quiet.learn(&said);
        self.learn_of_messages(&said);
        self.retries.hear(&said);
        match &said {
            Said::Usage { .. } => {
                self.usage.hear(&said);
                self.journal(&Entry::Agent(said));
            }
            Said::TurnEnded { .. } => {
                self.report_usage();
                self.report(Entry::Agent(said));
                self.turn_ended();
            }
            // On its own screen it asks there.
            Said::Permission { .. } if self.tty.is_none() => self.judge(said),
            Said::Tool { .. } | Said::ToolResult { .. } if self.is_first_tool() => {
                self.report(Entry::Agent(said));
            }
            Said::Session { .. }
            | Said::Model { .. }
            | Said::ResumeRefused { .. }
            | Said::Ask { .. }
            | Said::Permission { .. }
            | Said::Withdrawn { .. }
            | Said::TurnStarted {}
            | Said::Idle {}
            | Said::Limit { .. }
            | Said::Error { .. } => {
                self.report(Entry::Agent(said));
            }
            Said::Said { .. }
            | Said::Thought { .. }
            | Said::Tool { .. }
            | Said::ToolResult { .. }
            | Said::Retry { .. } => {
                self.journal(&Entry::Agent(said));
            }
        }
    }

    /// Whether this is the first tool of an attempt that goes on with a conversation: what a refusal after it means depends
    /// on it. Of any other attempt nobody asks.
    fn is_first_tool(&mut self) -> bool {
        self.spec.goes_on && !std::mem::replace(&mut self.worked, true)
    }

    /// Reports a retry of the agent's own, or its end, when it is time to.
    pub(super) fn tell_retries(&mut self, now: Instant) {
        match self.retries.change(now) {
            // The journal has each of them already.
            Some(Change::Retrying(said)) => self.reports.add(record::now(), Entry::Agent(said)),
            Some(Change::Over) => self.reports.add(record::now(), Entry::Heard {}),
            None => {}
        }
    }

    /// Writes what the protocol says by itself; an agent that has closed its input hears nothing more.
    pub(super) fn write(&self, line: String) {
        if let Some(stdin) = &self.stdin {
            let message = Message { id: None, text: String::new(), bytes: line.into_bytes() };
            let _closed = stdin.send(message);
        }
    }

    /// Lets an agent go that would wait for the next message for ever.
    pub(super) fn turn_ended(&mut self) {
        let writing = self.mail.writing();
        if self.stopping {
            self.end_what_is_due();
        } else if !self.passed_on() {
            // What was passed on now has a turn of its own before it.
            if writing > 0 && self.mail.writing() == writing {
                self.mail.turn_over();
            }
        } else if self.session.ends_after_turn() && !self.calls.is_open() {
            self.stdin = None;
            self.due = Some((Instant::now() + LEAVES_WITHIN, b"d"));
        }
    }

    /// Gives the agent what waited for the turn's end; whether nothing did.
    fn passed_on(&mut self) -> bool {
        self.pass_on();
        self.mail.is_idle()
    }

    pub(super) fn report_usage(&mut self) {
        if let Some(said) = self.usage.take(Instant::now()) {
            // The journal has it already.
            self.reports.add(now(), Entry::Agent(said));
        }
    }
}
