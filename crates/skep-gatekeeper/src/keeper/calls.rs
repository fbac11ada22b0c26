//! Calls of the agent's tools: what it claims is written down, and one that asks waits for its answer.
//!
//! Owns: which calls wait and until when, that an answer goes to the call or as a message and never both ways.
//! Never: answers a question by itself, or hands an answer over before the reports say so.

use std::{
    collections::BTreeMap,
    io::Read,
    net::Shutdown,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use skep_api::{
    ctl::Answer,
    journal::Entry,
    tool::{self, Call, Reply},
    wire,
};
use skep_core::run::{Kind, Word, question};

use super::{Event, Keeper, small_thread};
use crate::control::{Called, refuse};

mod verdict;

/// How many calls with the same key may wait at once.
const SAME: usize = 4;
/// How many replies are kept for calls that come again.
const REPLIES: usize = 256;
/// How long a caller may take to take its reply.
const PATIENCE: Duration = Duration::from_secs(2);

/// The calls of an attempt.
#[derive(Default)]
pub(super) struct Calls {
    /// Questions that have no answer yet, by the key of their call.
    open: BTreeMap<String, Open>,
    /// What was replied, the oldest first.
    replied: Vec<(String, Reply)>,
    /// Names the connections.
    next: u64,
}

/// A question without an answer.
struct Open {
    /// When its callers are told that the answer comes later.
    until: Instant,
    /// Who waits; none where the call went back already.
    callers: Vec<(u64, UnixStream)>,
    /// What a person said, while it is being handed over.
    answer: Option<Given>,
}

/// An answer on its way.
pub(super) struct Given {
    pub(super) id: String,
    pub(super) text: Option<String>,
    pub(super) by: String,
    /// What the agent is told where no call waits.
    pub(super) words: String,
}

impl Calls {
    /// Whether an answer is still to come.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// How long until a call goes back without its answer.
    pub(super) fn until_back(&self, now: Instant) -> Option<Duration> {
        let waiting = self.open.values().filter(|open| !open.callers.is_empty());
        waiting.map(|open| open.until.saturating_duration_since(now)).min()
    }

    fn keep(&mut self, key: &str, reply: Reply) {
        self.replied.push((key.to_owned(), reply));
        if self.replied.len() > REPLIES {
            self.replied.remove(0);
        }
    }

    fn reply_to(&self, key: &str) -> Option<Reply> {
        self.replied.iter().rev().find(|(known, _)| known == key).map(|(_, reply)| reply.clone())
    }
}

impl Keeper {
    /// Hears a call of the agent's tools.
    pub(super) fn called(&mut self, called: Called) {
        let Called { stream, key, call } = called;
        if let Some(why) = unfit(self.spec.kind, &key, &call) {
            return say(&stream, &refuse("tool-unfit", why));
        }
        if let Some(reply) = self.calls.reply_to(&key) {
            return say(&stream, &Answer::Tool { reply });
        }
        let Call::Ask { wait_ms, .. } = &call else {
            let (call, reply) = verdict::counted(call);
            self.report(Entry::Called { key: key.clone(), call });
            self.calls.keep(&key, reply.clone());
            return say(&stream, &Answer::Tool { reply });
        };
        let wait = Duration::from_millis(*wait_ms);
        if !self.calls.open.contains_key(&key) {
            if self.calls.open.len() >= question::OPEN {
                let why = format!("{} questions wait for an answer already", question::OPEN);
                return say(&stream, &refuse("questions-full", why));
            }
            self.report(Entry::Called { key: key.clone(), call });
        }
        self.calls.next += 1;
        let caller = self.calls.next;
        let listens = stream.try_clone().is_ok_and(|theirs| self.listen_to(caller, &key, theirs));
        let until = Instant::now() + wait;
        let open = self.calls.open.entry(key.clone()).or_insert_with(|| Open {
            until,
            callers: Vec::new(),
            answer: None,
        });
        open.until = open.until.max(until);
        if listens && open.callers.len() < SAME {
            open.callers.push((caller, stream));
        } else {
            say(&stream, &pending(&key));
            if open.callers.is_empty() {
                self.report(Entry::CallLeft { key });
            }
        }
    }

    /// Learns when a caller hangs up: then its answer is no use to it.
    fn listen_to(&self, caller: u64, key: &str, stream: UnixStream) -> bool {
        let (tell, key) = (self.tell.clone(), key.to_owned());
        let wait = move || {
            let mut stream = stream;
            // It may wait as long as it likes; that is bounded where it was let in.
            let _forever = stream.set_read_timeout(None);
            let mut byte = [0; 64];
            while matches!(stream.read(&mut byte), Ok(read) if read > 0) {}
            // The keeper may have stopped listening.
            let _gone = tell.send(Event::HungUp { key, caller });
        };
        small_thread("call", wait).is_ok()
    }

    /// A caller has hung up, or was served.
    pub(super) fn hung_up(&mut self, key: String, caller: u64) {
        let Some(open) = self.calls.open.get_mut(&key) else { return };
        let waited = !open.callers.is_empty();
        open.callers.retain(|(id, _)| *id != caller);
        if waited && open.callers.is_empty() && open.answer.is_none() {
            self.report(Entry::CallLeft { key });
        }
    }

    /// Sends calls back that waited long enough, and hands over what the reports say by now.
    pub(super) fn look_at_calls(&mut self, now: Instant) {
        let is_due =
            |open: &Open| open.answer.is_none() && open.until <= now && !open.callers.is_empty();
        let due: Vec<String> = self
            .calls
            .open
            .iter()
            .filter(|(_, open)| is_due(open))
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            self.report(Entry::CallLeft { key: key.clone() });
            let Some(open) = self.calls.open.get_mut(&key) else { continue };
            for (_, stream) in std::mem::take(&mut open.callers) {
                say(&stream, &pending(&key));
            }
        }
        let told: Vec<String> = self
            .calls
            .open
            .iter()
            .filter(|(_, open)| open.answer.is_some())
            .map(|(key, _)| key.clone())
            .collect();
        for key in told {
            self.hand_over(&key);
        }
    }

    /// A person's answer to the question of the call `key`: to the call where it waits, else as the next message.
    pub(super) fn answered(&mut self, key: &str, given: Given) -> Answer {
        if self.mail.has_seen(&given.id) {
            return Answer::Accepted {};
        }
        let waits = self.calls.open.get(key).is_some_and(|open| !open.callers.is_empty());
        if !waits {
            let answer = self.send(given.id, given.words, false);
            if matches!(answer, Answer::Accepted {} | Answer::Queued {}) {
                self.calls.open.remove(key);
            }
            return if let Answer::Refused { slug, text } = &answer
                && slug == "send-unsupported"
            {
                // It begins the next prompt.
                refuse("send-closed", text.clone())
            } else {
                answer
            };
        }
        self.mail.saw(&given.id);
        self.tell(&given.id, Word::Sending, "");
        if let Some(open) = self.calls.open.get_mut(key) {
            open.answer = Some(given);
        }
        self.hand_over(key);
        Answer::Accepted {}
    }

    /// Hands an answer to the call that waits, once the reports say so.
    fn hand_over(&mut self, key: &str) {
        if self.reports.is_waiting() {
            // It is tried again when the disk takes the word.
            return;
        }
        let Some(open) = self.calls.open.remove(key) else { return };
        let Some(given) = open.answer else { return };
        let reply = Reply::Answer {
            question: given.id.clone(),
            answer: given.text,
            by: Some(given.by),
            confidence: None,
            pending: false,
        };
        self.calls.keep(key, reply.clone());
        let answer = Answer::Tool { reply };
        let mut taken = false;
        for (_, stream) in open.callers {
            // The same call waits once more where its connection broke: one of them has it.
            taken |= try_say(&stream, &answer);
        }
        if taken {
            self.quiet.given(Instant::now());
            self.report(Entry::Delivered { id: given.id.clone(), text: given.words });
            self.mail.gave(given.id);
        } else {
            self.send_after_all(given.id, given.words);
        }
    }
}

fn pending(key: &str) -> Answer {
    Answer::Tool {
        reply: Reply::Answer {
            question: key.to_owned(),
            answer: None,
            by: None,
            confidence: None,
            pending: true,
        },
    }
}

/// Says it to a caller; one that no longer waits needs no answer.
fn say(stream: &UnixStream, answer: &Answer) {
    let _gone = try_say(stream, answer);
}

fn try_say(stream: &UnixStream, answer: &Answer) -> bool {
    let said = stream
        .set_write_timeout(Some(PATIENCE))
        .and_then(|()| wire::send(&mut &*stream, answer))
        .is_ok();
    // Ends the thread that listens for its end.
    let _gone = stream.shutdown(Shutdown::Both);
    said
}

/// Why a call is not taken, where it is not.
fn unfit(kind: Kind, key: &str, call: &Call) -> Option<String> {
    if key.trim().is_empty() || key.len() > 200 {
        return Some("a call needs a key of 1 to 200 bytes".to_owned());
    }
    let long = |what: &str, text: &str| {
        (text.len() > tool::LONGEST)
            .then(|| format!("{what} is longer than {} bytes", tool::LONGEST))
    };
    let empty =
        |what: &str, text: &str| text.trim().is_empty().then(|| format!("{what} needs words"));
    if !kind.has_agent() {
        return Some("a gate has no agent, and nobody who speaks for one".to_owned());
    }
    match call {
        Call::Ask { .. } if kind == Kind::Foreman => {
            Some("a foreman answers and asks nobody: what is uncertain goes to a person".to_owned())
        }
        Call::Ask { question, context, options, wait_ms, .. } => empty("a question", question)
            .or_else(|| long("the question", question))
            .or_else(|| long("the context", context.as_deref().unwrap_or_default()))
            .or_else(|| {
                let unfit = options.len() > tool::OPTIONS
                    || options.iter().any(|it| it.trim().is_empty() || it.len() > tool::OPTION);
                unfit.then(|| {
                    format!("at most {} options of 1 to {} bytes", tool::OPTIONS, tool::OPTION)
                })
            })
            .or_else(|| {
                (*wait_ms > tool::WAIT_MS).then(|| "it would wait for too long".to_owned())
            }),
        Call::Report { summary, evidence, .. } => empty("a report", summary)
            .or_else(|| long("the summary", summary))
            .or_else(|| long("the evidence", evidence.as_deref().unwrap_or_default())),
        Call::Claim { paths } => {
            let unfit = paths.is_empty()
                || paths.len() > tool::PATHS
                || paths.iter().any(|path| path.is_empty() || path.len() > tool::PATH);
            unfit.then(|| format!("1 to {} paths of at most {} bytes", tool::PATHS, tool::PATH))
        }
        Call::Note { text } => empty("a note", text).or_else(|| long("the note", text)),
        Call::Verdict { critiques } => verdict::unfit(kind, critiques),
    }
}
