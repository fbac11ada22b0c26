//! Messages and answers for the agent: each is written at most once, and what becomes of it is written down.
//!
//! Owns: who waits while the agent has a turn, the word before the first byte, the word when the agent has it.
//! Never: writes a message of which the reports do not say yet that it is being written.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::mpsc::Sender,
    time::Instant,
};

use skep_api::{ctl::Answer, journal::Entry, spec::Spec};
use skep_core::{
    run::Word,
    said::{Said, TurnResult},
};
use skep_harness::{
    Grant,
    history::{self, Doubt, History},
};

use super::{Keeper, Message};
use crate::{control::refuse, keys::Taken};

/// How many messages may wait for an agent.
const WAITING: usize = 64;
/// How many may be written to one that does not read.
const UNREAD: usize = 64;
/// The name of what the agent begins with.
pub(super) const OPENING: &str = "";

/// The messages of an attempt.
#[derive(Default)]
pub(super) struct Mail {
    /// Whoever comes again has been here.
    seen: BTreeSet<String>,
    waiting: VecDeque<Letter>,
    /// Written, or about to be, while the agent has not said that it has them; in order.
    open: VecDeque<String>,
    /// Answers given to calls that waited, while no word of the agent follows from them.
    returned: Vec<Returned>,
    /// Held by the prompt.
    opening: Vec<String>,
    /// Being written; its words until it is told that the agent has it.
    writing: Vec<(String, Option<String>)>,
    /// Whether a turn ended while the last message was still said to be written: an agent may be quicker than that word.
    over: bool,
}

/// An answer that a call was given.
struct Returned {
    id: String,
    /// Whether the agent has told that its call is over: what it said before comes late.
    over: bool,
}

struct Letter {
    id: String,
    text: String,
    /// Whether the reports say that it is being written.
    told: bool,
}

impl Mail {
    /// Whether a message or an answer of this id came before.
    pub(super) fn has_seen(&self, id: &str) -> bool {
        self.seen.contains(id)
    }

    pub(super) fn saw(&mut self, id: &str) {
        self.seen.insert(id.to_owned());
    }

    /// The call that asked was given it; the agent has not said a word since.
    pub(super) fn gave(&mut self, id: String) {
        self.returned.push(Returned { id, over: false });
    }

    /// Whether no message is on its way to the agent.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.writing.is_empty()
    }

    /// How many messages are being written.
    pub(super) fn writing(&self) -> usize {
        self.writing.len()
    }

    /// A turn ended that may be the one of what is still being written.
    pub(super) fn turn_over(&mut self) {
        self.over = true;
    }
}

impl Keeper {
    /// Answers a request for leave. One that is open no more was answered by a cancel, or its agent asks no longer.
    pub(super) fn settle(
        &mut self,
        key: String,
        id: String,
        allow: bool,
        text: Option<String>,
    ) -> Answer {
        if self.mail.seen.contains(&key) {
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
        self.mail.seen.insert(key);
        self.quiet.given(Instant::now());
        self.journal(&Entry::Settled { id, allow, text });
        Answer::Accepted {}
    }

    pub(super) fn send(&mut self, id: String, text: String, steer: bool) -> Answer {
        if self.mail.seen.contains(&id) {
            return Answer::Accepted {};
        }
        if steer && (self.tty.is_some() || !self.session.steers()) {
            return refuse("steer-unsupported", "its turn cannot be broken off for a message");
        }
        if let Some(tty) = &self.tty {
            let answer = match tty.send(id.clone(), text) {
                Taken::AtOnce => Answer::Accepted {},
                Taken::Queued => Answer::Queued {},
                Taken::No => {
                    return refuse("send-unread", "the messages before have not been typed yet");
                }
            };
            self.mail.seen.insert(id);
            return answer;
        }
        if self.session.closes_stdin() {
            return refuse(
                "send-unsupported",
                format!("an agent of protocol {} takes no further message", self.spec.protocol),
            );
        }
        if self.stdin.is_none() || self.stopping {
            return refuse("send-closed", "the agent is leaving");
        }
        if self.mail.waiting.len() >= WAITING {
            return refuse("send-unread", "the agent has not read the messages before");
        }
        self.mail.seen.insert(id.clone());
        let letter = Letter { id: id.clone(), text, told: false };
        if steer {
            if self.session.is_busy() {
                let lines = self.session.cancel();
                lines.into_iter().for_each(|line| self.write(line));
            }
            self.mail.waiting.push_front(letter);
        } else {
            self.mail.waiting.push_back(letter);
        }
        self.pass_on();
        let waits = self.mail.waiting.iter().any(|letter| letter.id == id);
        if waits { Answer::Queued {} } else { Answer::Accepted {} }
    }

    /// Writes what waits, as far as the agent can take it.
    pub(super) fn pass_on(&mut self) {
        while self.mail.writing.len() < UNREAD && !self.stopping && !self.session.is_busy() {
            let Some(mut letter) = self.mail.waiting.pop_front() else { return };
            if !std::mem::replace(&mut letter.told, true) {
                self.tell(&letter.id, Word::Sending, "");
            }
            if self.reports.is_waiting() {
                // It is tried again when the disk takes the word.
                return self.mail.waiting.push_front(letter);
            }
            let Letter { id, text, .. } = letter;
            let Some(words) = self.session.message_of(&id, &text) else {
                self.tell(&id, Word::Refused, "the agent's protocol takes no further message");
                continue;
            };
            let message =
                Message { id: Some(id.clone()), text: text.clone(), bytes: words.into_bytes() };
            let sent = self.stdin.as_ref().is_some_and(|stdin| stdin.send(message).is_ok());
            if sent {
                self.mail.over = false;
                self.mail.writing.push((id.clone(), Some(text)));
                self.mail.open.push_back(id);
            } else {
                self.tell(&id, Word::Returned, "the agent has closed its input");
            }
        }
    }

    /// Gives as the next message what was to go another way and did not.
    pub(super) fn send_after_all(&mut self, id: String, text: String) {
        let speaks = self.stdin.is_some() && !self.session.closes_stdin() && !self.stopping;
        if let Some(tty) = &self.tty {
            if matches!(tty.send(id.clone(), text), Taken::No) {
                self.tell(&id, Word::Returned, "the messages before have not been typed yet");
            }
        } else if speaks {
            self.mail.waiting.push_back(Letter { id, text, told: true });
            self.pass_on();
        } else {
            // It stands in the next prompt.
            self.tell(&id, Word::Returned, "the call that asked no longer waits");
        }
    }

    /// What was written to the agent, or could not be.
    pub(super) fn written(&mut self, id: String, text: String, ok: bool) {
        if id == OPENING {
            let opening = std::mem::take(&mut self.mail.opening);
            // What could not be written is in doubt when the attempt is over.
            for id in opening.into_iter().filter(|_| ok) {
                self.tell(&id, Word::Delivered, "");
            }
            return;
        }
        let at = self.mail.writing.iter().position(|(writing, _)| *writing == id);
        let untold = at.is_none_or(|at| self.mail.writing.remove(at).1.is_some());
        if ok {
            self.quiet.given(Instant::now());
            if untold {
                self.report(Entry::Delivered { id, text });
            }
            // One that takes several at once tells which; of another the end of the turn is this message's.
            let taken = self.mail.open.is_empty() || !self.session.tells_what_it_takes();
            if taken
                && self.mail.is_idle()
                && !self.session.is_busy()
                && std::mem::take(&mut self.mail.over)
            {
                self.turn_ended();
            }
        } else {
            // The agent's input is closed; whoever sends again is told.
            self.stdin = None;
            self.mail.open.retain(|open| *open != id);
            self.tell(&id, Word::Unclear, "the agent closed its input while it was written");
        }
    }

    /// A message is about to be typed; `done` hears when that is written down.
    pub(super) fn typing(&mut self, id: String, done: &Sender<()>) {
        self.tell(&id, Word::Sending, "");
        self.mail.open.push_back(id);
        // Whoever was to type it may be gone.
        let _gone = done.send(());
    }

    /// The agent has taken up a message by its own word: this one, or the first of those it has said nothing of.
    pub(super) fn took(&mut self, id: Option<String>) {
        let first = || self.mail.open.front().cloned();
        if let Some(id) = id.or_else(first) {
            self.mail.open.retain(|open| *open != id);
            self.taken_up(&id);
        }
    }

    /// A turn has begun that follows from all that was written.
    pub(super) fn turn_began(&mut self) {
        while let Some(id) = self.mail.open.pop_front() {
            self.taken_up(&id);
        }
    }

    /// The agent is at it, and so it has it, whoever was quicker: the agent, or the word that all of it is written.
    fn taken_up(&mut self, id: &str) {
        let writing = self.mail.writing.iter_mut().find(|(writing, _)| *writing == id);
        if let Some(text) = writing.and_then(|(_, text)| text.take()) {
            self.report(Entry::Delivered { id: id.to_owned(), text });
        }
        self.tell(id, Word::TurnStarted, "");
    }

    /// Learns from the agent's words whether it is at what was written.
    pub(super) fn learn_of_messages(&mut self, said: &Said) {
        let begins = match said {
            Said::Said { .. }
            | Said::Thought { .. }
            | Said::Tool { .. }
            | Said::ToolResult { .. }
            | Said::Ask { .. }
            | Said::Permission { .. } => true,
            Said::TurnEnded { result, .. } => *result != TurnResult::Failed,
            // An agent on a screen says so by a hook or its title.
            Said::TurnStarted {} => {
                self.went_on(true);
                return self.turn_began();
            }
            Said::Session { .. }
            | Said::ResumeRefused { .. }
            | Said::Idle {}
            | Said::Withdrawn { .. }
            | Said::Usage { .. }
            | Said::Model { .. }
            | Said::Limit { .. }
            | Said::Retry { .. }
            | Said::Error { .. } => false,
        };
        if let Said::ToolResult { text, .. } = said {
            // The agent's hands have the answer; that its model or its history has it is another thing.
            for given in &mut self.mail.returned {
                given.over |= text.is_empty() || text.contains(&given.id);
            }
        } else if begins {
            self.went_on(matches!(said, Said::TurnEnded { .. }));
        }
        // What stands on a screen is no word about a message.
        if begins && self.tty.is_none() {
            self.turn_began_unless_told();
        }
    }

    /// The agent has said a word: it follows from every answer whose call is over, and the turn's end from `all`.
    fn went_on(&mut self, all: bool) {
        let heard = |given: &mut Returned| all || given.over;
        let heard: Vec<Returned> = self.mail.returned.extract_if(.., heard).collect();
        heard.iter().for_each(|given| self.tell(&given.id, Word::TurnStarted, ""));
    }

    fn turn_began_unless_told(&mut self) {
        if self.session.tells_what_it_takes() {
            // It is told of each but those that it began with.
            let carried = std::mem::take(&mut self.mail.open);
            for id in carried {
                if self.spec.carries.contains(&id) {
                    self.tell(&id, Word::TurnStarted, "");
                } else {
                    self.mail.open.push_back(id);
                }
            }
        } else {
            self.turn_began();
        }
    }

    /// What a look into the agent's own history said of a message; where it lacks it, the prompt holds it.
    pub(super) fn recalled(&mut self, id: String, history: History) {
        match history {
            History::Has => self.tell(&id, Word::Accepted, "its history has it"),
            History::Unclear if self.is_answer(&id) => {
                self.tell(&id, Word::Sending, "it may have it already; it is told so");
                self.mail.open.push_back(id);
            }
            History::Unclear => {
                self.tell(&id, Word::Unclear, "its history cannot be read; it was not sent again");
            }
            History::Lacks => {
                self.tell(&id, Word::Sending, "its history lacked it");
                self.mail.open.push_back(id);
            }
        }
    }

    /// Writes down what the prompt holds, before the agent can read it; returns what is to be added to it.
    pub(super) fn begin_with(&mut self, looked: Vec<(Doubt, History)>) {
        for id in self.spec.carries.clone() {
            self.tell(&id, Word::Sending, "");
            self.mail.open.push_back(id);
        }
        for (doubt, history) in looked {
            self.recalled(doubt.id, history);
        }
        self.mail.seen.extend(self.mail.open.iter().cloned());
        // Where the protocol has a prompt of its own, the opening is none.
        if self.spec.conversation.is_none() {
            self.mail.opening = self.mail.open.iter().cloned().collect();
        }
    }

    /// Whether a message in doubt is the answer to a question.
    fn is_answer(&self, id: &str) -> bool {
        let doubts = self.spec.doubts.iter().flat_map(|doubts| &doubts.messages);
        doubts.filter(|doubt| doubt.answer).any(|doubt| doubt.id == id)
    }

    pub(super) fn tell(&mut self, id: &str, word: Word, text: &str) {
        self.report(Entry::Message { id: id.to_owned(), word, text: text.to_owned() });
    }
}

/// The messages of which nobody knows whether the conversation has them.
pub(super) fn doubts(spec: &Spec) -> Vec<Doubt> {
    let Some(doubts) = &spec.doubts else { return Vec::new() };
    let doubt = |doubt: &skep_api::spec::Doubt| Doubt {
        id: doubt.id.clone(),
        text: doubt.text.clone(),
        earlier: usize::try_from(doubt.earlier).unwrap_or(usize::MAX),
        answer: doubt.answer,
    };
    doubts.messages.iter().map(doubt).collect()
}

/// Looks for them in the agent's own records, where its protocol does not repeat them.
pub(super) fn looked_up(spec: &Spec) -> Vec<(Doubt, History)> {
    let Some(of) = spec.doubts.as_ref().filter(|_| spec.conversation.is_none()) else {
        return Vec::new();
    };
    let kept = history::read(&of.records, &of.session);
    let look = |doubt: Doubt| {
        let history = doubt.within(kept.as_ref());
        (doubt, history)
    };
    doubts(spec).into_iter().map(look).collect()
}
