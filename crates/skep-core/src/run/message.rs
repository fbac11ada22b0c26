//! Messages for a run's agent: each is known from the wish on, and its receipt says how far it came.
//!
//! Owns: the receipts, what each word about a message makes of one, which messages the next attempt carries.
//! Never: writes one to an agent (the keeper does), or calls a message lost or read of which nobody knows it.

use serde::{Deserialize, Serialize};

use super::{Effect, Event, Misfit, Rejected, Requeue, Run, State, Step, Surface, WaitingFor};
use crate::{facts::Exit, said::TurnResult, time::Timestamp};

#[cfg(test)]
pub(crate) mod tests;

/// How many messages whose fate is known are kept with a run, for who asks and for keys that come again.
pub const KEPT: usize = 64;
/// How many may wait for one agent.
pub const WAITING: usize = 256;
/// The longest message. Bytes.
pub const LONGEST: usize = 1 << 20;
/// The longest text that says why. Characters.
const WHY: usize = 300;

/// What an agent can be told while it is at work, as its profile said when the run was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hears {
    /// Whether its process takes messages after the prompt.
    pub messages: bool,
    /// Whether the turn under way can be broken off for one.
    pub steers: bool,
    /// Whether a later process goes on with its conversation.
    pub resumes: bool,
}

impl Default for Hears {
    /// What a run is taken for whose profile said nothing: its keeper refuses what cannot be.
    fn default() -> Hears {
        Hears { messages: true, steers: true, resumes: false }
    }
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receipt {
    /// skep has it; no attempt does.
    Queued,
    /// It is on its way to the attempt's keeper.
    Handed,
    /// The keeper has it, and the agent cannot take it yet.
    Held,
    /// It is being written to the agent.
    Sending,
    /// It was written to the agent.
    Delivered,
    /// The agent has it, by its own word or its own history.
    Accepted,
    /// A turn has begun that follows from it.
    TurnStarted,
    /// It may have been written, and the attempt ended before the agent said so.
    Unknown,
    /// The agent's protocol, or its keeper, did not take it.
    Refused,
}

impl Receipt {
    /// The word that people and programs read.
    pub fn as_str(self) -> &'static str {
        match self {
            Receipt::Queued | Receipt::Handed | Receipt::Held | Receipt::Sending => "queued",
            Receipt::Delivered => "delivered",
            Receipt::Accepted => "accepted",
            Receipt::TurnStarted => "turn-started",
            Receipt::Unknown => "unknown",
            Receipt::Refused => "refused",
        }
    }

    /// Whether no more will become of it without a new attempt.
    pub fn is_final(self) -> bool {
        match self {
            Receipt::TurnStarted | Receipt::Refused | Receipt::Unknown => true,
            Receipt::Queued
            | Receipt::Handed
            | Receipt::Held
            | Receipt::Sending
            | Receipt::Delivered
            | Receipt::Accepted => false,
        }
    }

    /// Whether it was certainly not written to an agent.
    pub fn is_unwritten(self) -> bool {
        match self {
            Receipt::Queued | Receipt::Handed | Receipt::Held => true,
            Receipt::Sending
            | Receipt::Delivered
            | Receipt::Accepted
            | Receipt::TurnStarted
            | Receipt::Unknown
            | Receipt::Refused => false,
        }
    }

    /// What `word` makes of it; none where it changes nothing.
    ///
    /// A keeper writes the word [`Word::Sending`] down before the first byte goes: what it never said so of was never written.
    pub fn after(self, word: Word) -> Option<Receipt> {
        use Receipt as R;
        let next = match (self, word) {
            // Its fate is known, or only its history can tell more.
            (R::TurnStarted | R::Refused, _) => return None,
            (R::Queued | R::Unknown, Word::Handed) => R::Handed,
            (R::Queued | R::Handed, Word::Held) => R::Held,
            (R::Queued | R::Handed | R::Held | R::Unknown, Word::Sending) => R::Sending,
            (R::Queued | R::Handed | R::Held | R::Sending, Word::Delivered) => R::Delivered,
            (R::Accepted, Word::Accepted) => return None,
            (_, Word::Accepted) => R::Accepted,
            (_, Word::TurnStarted) => R::TurnStarted,
            (R::Handed | R::Held | R::Sending, Word::Returned) => R::Queued,
            (R::Queued | R::Handed | R::Held | R::Sending | R::Delivered, Word::Refused) => {
                R::Refused
            }
            (R::Handed | R::Held, Word::Over) => R::Queued,
            (R::Sending | R::Delivered, Word::Over | Word::Unclear) => R::Unknown,
            // Said again, with its reason.
            (R::Unknown, Word::Unclear) => R::Unknown,
            (_, Word::Handed)
            | (_, Word::Held)
            | (_, Word::Sending)
            | (_, Word::Delivered)
            | (_, Word::Returned)
            | (_, Word::Refused)
            | (_, Word::Unclear)
            | (_, Word::Over) => return None,
        };
        Some(next)
    }
}

/// What can be told of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// An attempt is to have it.
    Handed,
    /// The keeper waits with it until the agent can take it.
    Held,
    /// The first byte is about to be written.
    Sending,
    /// All of it was written.
    Delivered,
    /// The agent has it.
    Accepted,
    /// A turn that follows from it has begun.
    TurnStarted,
    /// The keeper could not take it, and has not written it.
    Returned,
    /// The agent, or its protocol, does not take it.
    Refused,
    /// It may have been written, or its history cannot be asked.
    Unclear,
    /// The attempt is over.
    Over,
}

/// A message for a run's agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Counts once.
    pub id: String,
    pub text: String,
    /// Whether the turn under way is to be broken off for it.
    pub steer: bool,
    /// When it was sent.
    pub at: Timestamp,
    pub receipt: Receipt,
    /// When the receipt was last changed.
    pub told: Timestamp,
    /// The attempt that has it, or had it last.
    pub attempt: Option<u32>,
    /// Why, where there is something to say.
    pub why: String,
}

impl Run {
    /// The message with this id.
    pub fn message_of(&self, id: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.id == id)
    }

    /// The messages that the attempt under way begins with, in order.
    pub fn carried(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| {
            message.attempt == Some(self.attempt)
                && message.receipt == Receipt::Handed
                && self.begun.is_none()
        })
    }

    /// The messages of which only the agent's own history knows whether it has them.
    pub fn doubtful(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| message.receipt == Receipt::Unknown)
    }

    /// How many messages like it the agent is known to have.
    pub fn like(&self, message: &Message) -> usize {
        let same = |other: &&Message| {
            other.text == message.text
                && matches!(other.receipt, Receipt::Accepted | Receipt::TurnStarted)
        };
        self.messages.iter().filter(same).count()
    }

    /// Whether a message is there that no turn has begun with yet.
    pub(super) fn has_unheard(&self) -> bool {
        let unheard = |it: &Message| it.receipt.is_unwritten() || it.receipt == Receipt::Sending;
        self.messages.iter().any(unheard)
    }

    /// Whether a message waits for which a resting agent is to go on.
    pub fn is_called(&self) -> bool {
        self.speech.hears.messages
            && self.messages.iter().any(|message| message.receipt == Receipt::Queued)
    }

    /// Whether the turn under way is to be broken off for a message that waits.
    pub(super) fn is_steered(&self) -> bool {
        self.messages.iter().any(|it| it.steer && it.receipt == Receipt::Queued)
    }

    pub(super) fn send(&self, id: String, text: String, steer: bool) -> Result<Step, Rejected> {
        let run = self.id();
        if let Some(known) = self.message_of(&id) {
            if known.text == text {
                return Ok(Step::default());
            }
            let why = format!("the key `{id}` is another message's of {run}");
            return Err(refused("key-reused", why, [format!("skep show {run}")]));
        }
        if self.question_of(&id).is_some() {
            let why = format!("the key `{id}` is a question's of {run}");
            return Err(refused("key-reused", why, [format!("skep answer {id} TEXT")]));
        }
        let hears = self.speech.hears;
        let at_once = match self.state {
            State::Queued { .. }
            | State::Preparing { unwanted: None }
            | State::Starting { .. }
            | State::Limited { .. } => false,
            State::Running { .. } | State::Stalled { .. } => true,
            // It is for another answer than a message that it waits; the message comes after it.
            State::Waiting { on: WaitingFor::Permission, .. } => !steer,
            State::Waiting { .. } => false,
            State::Preparing { unwanted: Some(_) }
            | State::Stopping { .. }
            | State::Ended { .. } => {
                let why = format!("{run} is {}; there is no agent to read it", self.state_name());
                return Err(refused("nobody-listens", why, [format!("skep resume {run} TEXT")]));
            }
        };
        if steer && !hears.steers {
            let why =
                format!("the turn of {} cannot be broken off for a message", self.brief.agent);
            let ways = [
                format!("skep send {run} TEXT   goes when its turn is over"),
                format!("skep pause {run} --now"),
                format!("skep resume {run} TEXT"),
            ];
            return Err(refused("steer-unsupported", why, ways));
        }
        if !hears.messages && !hears.resumes {
            let why = format!(
                "{} takes one prompt, and cannot go on with its conversation",
                self.brief.agent
            );
            let ways = [format!("skep wait {run}"), format!("skep resume {run} TEXT")];
            return Err(refused("send-unsupported", why, ways));
        }
        if self.messages.iter().filter(|message| message.receipt.is_unwritten()).count() >= WAITING
        {
            let why = format!("{WAITING} messages wait for {run} already");
            return Err(refused("send-unread", why, [format!("skep logs {run} -f")]));
        }
        let mut step = Step::of([Event::Sent { id: id.clone(), text: text.clone(), steer }], []);
        if self.rests_for_answer() && self.brief.surface == Surface::Headless {
            let (id, text) = (id, String::new());
            step.events.push(Event::Receipt { id, receipt: Receipt::Handed, text });
        } else if at_once && hears.messages {
            self.hand(&mut step, id, text, steer);
        }
        Ok(step)
    }

    /// What a keeper, or whoever spoke to it, tells of a message.
    pub(super) fn told(&self, id: String, word: Word, why: &str) -> Step {
        // The end has told already what became of it.
        let message = self.message_of(&id).filter(|_| !self.is_ended());
        let next = message.and_then(|message| message.receipt.after(word));
        let text = crate::text::words(why, WHY);
        next.map_or_else(Step::default, |receipt| {
            let mut step = Step::of([Event::Receipt { id, receipt, text }], []);
            step.events.extend(self.goes_by_message(receipt));
            step
        })
    }

    fn hand(&self, step: &mut Step, id: String, text: String, steer: bool) {
        let (run, attempt) = (self.id().clone(), self.attempt);
        let why = String::new();
        step.events.push(Event::Receipt { id: id.clone(), receipt: Receipt::Handed, text: why });
        step.effects.push(Effect::Deliver { run, attempt, id, text, steer });
    }

    /// Adds to a step that lets the agent work what waits for it, and to one that begins another attempt what it carries.
    pub(super) fn with_messages(&self, mut step: Step) -> Step {
        let mut goes = false;
        let mut again = None;
        for event in &step.events {
            if let Event::Started { .. } | Event::Goes {} | Event::TurnEnded { .. } = event {
                goes = true;
            } else if let Event::Waits { .. }
            | Event::LeaveAsked { .. }
            | Event::QuestionAsked { .. }
            | Event::StopAsked { .. }
            | Event::Limited { .. }
            | Event::FellBack { .. }
            | Event::Ended { .. } = event
            {
                goes = false;
            } else if let Event::Requeued { why, goes_on, .. } = event {
                goes = false;
                again = Some((*why, *goes_on));
            }
        }
        if let Some((why, goes_on)) = again {
            self.carry(&mut step, why, goes_on);
        } else if goes {
            for message in &self.messages {
                let takes = self.speech.hears.messages || self.is_for_a_call(&message.id);
                if message.receipt == Receipt::Queued && takes {
                    let (id, text) = (message.id.clone(), message.text.clone());
                    self.hand(&mut step, id, text, message.steer);
                }
            }
        }
        step
    }

    /// The next attempt begins with what was not written; where it is a fresh conversation, with what may have been too.
    fn carry(&self, step: &mut Step, why: Requeue, goes_on: bool) {
        // After a death it goes on with what it was at; on a screen, messages are typed one by one.
        if !matches!(why, Requeue::Wish | Requeue::Message)
            || self.brief.surface == Surface::Terminal
        {
            return;
        }
        let knows = goes_on && self.speech.hears.resumes && self.session.is_some();
        for message in &self.messages {
            let is_doubtful =
                matches!(message.receipt, Receipt::Unknown | Receipt::Sending | Receipt::Delivered);
            if message.receipt.is_unwritten() || (is_doubtful && !knows) {
                let (id, text) = (message.id.clone(), String::new());
                step.events.push(Event::Receipt { id, receipt: Receipt::Handed, text });
            }
        }
    }

    /// Another process of the same conversation, where the last has had its turn and left while something waits for it.
    pub(super) fn goes_on_with_messages(&self, exit: &Exit) -> Option<Step> {
        // What it was to begin with and never did is for a person: else it would be begun for ever.
        let waits = self.messages.iter().any(|message| {
            let came_along = message.attempt == Some(self.attempt) && !self.speech.hears.messages;
            message.receipt.is_unwritten() && !came_along
        }) || self.open_questions().next().is_some();
        let had_its_turn =
            matches!(self.verdict.turn, Some(TurnResult::Success | TurnResult::Ended));
        let rests = match self.state {
            State::Running { .. } | State::Stalled { .. } => false,
            State::Waiting { on, .. } => on == WaitingFor::Paused,
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Limited { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => true,
        };
        let can = self.speech.hears.resumes
            && self.speech.surface == Surface::Headless
            && self.session.is_some()
            && exit.error.is_none()
            && self.then_close.is_none();
        if !waits || !had_its_turn || rests || !can {
            return None;
        }
        let seen = exit.git.clone().map(|facts| Event::GitSeen { facts });
        let requeued = Event::Requeued {
            attempt: self.attempt + 1,
            not_before: None,
            why: Requeue::Message,
            text: String::new(),
            goes_on: true,
            message: None,
            speech: None,
        };
        Some(Step { events: seen.into_iter().chain([requeued]).collect(), effects: Vec::new() })
    }

    /// A message was sent.
    pub(super) fn sent_at(&mut self, id: &str, text: &str, steer: bool, at: Timestamp) {
        self.messages.push(Message {
            id: id.to_owned(),
            text: text.to_owned(),
            steer,
            at,
            receipt: Receipt::Queued,
            told: at,
            attempt: None,
            why: String::new(),
        });
        let finals = self.messages.iter().filter(|message| message.receipt.is_final()).count();
        if finals > KEPT
            && let Some(oldest) = self.messages.iter().position(|it| {
                // What may have been lost is kept until somebody knows.
                it.receipt.is_final() && it.receipt != Receipt::Unknown
            })
        {
            self.messages.remove(oldest);
        }
    }

    /// A message has come so far.
    pub(super) fn receipt_at(
        &mut self,
        id: &str,
        receipt: Receipt,
        why: &str,
        at: Timestamp,
    ) -> Result<(), Misfit> {
        let (state, attempt) = (self.state_name(), self.attempt);
        let Some(message) = self.messages.iter_mut().find(|message| message.id == id) else {
            return Err(Misfit { event: format!("a receipt of `{id}`"), state });
        };
        message.receipt = receipt;
        message.told = at;
        message.attempt = Some(attempt).filter(|_| receipt != Receipt::Queued);
        why.clone_into(&mut message.why);
        // The turn that it begins is judged by itself.
        if receipt == Receipt::TurnStarted && self.verdict.turn.is_some() {
            self.verdict = super::Verdict::default();
        }
        Ok(())
    }

    /// The attempt is over: what it had not written is skep's again, and of what it had nobody knows more.
    pub(super) fn messages_over(&mut self, at: Timestamp) {
        for message in &mut self.messages {
            if let Some(receipt) = message.receipt.after(Word::Over) {
                message.receipt = receipt;
                message.told = at;
                if receipt == Receipt::Queued {
                    message.attempt = None;
                }
            }
        }
    }
}

fn refused<const N: usize>(slug: &'static str, text: String, hints: [String; N]) -> Rejected {
    Rejected { slug, text, hints: hints.into() }
}
