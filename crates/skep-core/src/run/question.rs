//! Questions of a run's agent, what became of each, and what the agent says of its own work.
//!
//! Owns: the states of a question, who may still answer one, when its agent goes on, what the agent is told.
//! Never: writes to an agent: an answer goes as a message, with its receipt, and counts once by the question's id.

use serde::{Deserialize, Serialize};

use super::{
    Effect, Event, Input, Kind, Misfit, Receipt, Rejected, Run, State, Step, Surface, WaitingFor,
};
use crate::{
    id::{self, QuestionId, RunId},
    review::{self, Critique},
    text,
    time::Timestamp,
};

#[cfg(test)]
pub(crate) mod tests;

/// How many questions that are settled are kept with a run.
pub const KEPT: usize = 64;
/// How many may be open at a time.
pub const OPEN: usize = 16;
/// How many notes, and claims of its work, are kept with a run.
pub const NOTES: usize = 64;
/// The longest text of a question or an answer. Characters.
pub const LONGEST: usize = 16_000;
/// How much of a question its answer repeats. Characters.
const REPEATED: usize = 300;

/// Who is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    Foreman,
    Human,
}

/// How an agent says that its work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claimed {
    Done,
    /// It cannot go on.
    Blocked,
    NeedsReview,
}

impl Claimed {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Claimed::Done => "done",
            Claimed::Blocked => "blocked",
            Claimed::NeedsReview => "needs_review",
        }
    }
}

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nobody has answered.
    Pending,
    /// A person is asked, in place of whom the agent asked.
    Escalated,
    Answered,
    /// It was left to the agent.
    Skipped,
    /// Its attempt ended before anybody answered.
    Withdrawn,
}

impl Standing {
    /// All of them.
    pub const ALL: [Standing; 5] = [
        Standing::Pending,
        Standing::Escalated,
        Standing::Answered,
        Standing::Skipped,
        Standing::Withdrawn,
    ];

    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Pending => "pending",
            Standing::Escalated => "escalated",
            Standing::Answered => "answered",
            Standing::Skipped => "skipped",
            Standing::Withdrawn => "withdrawn",
        }
    }

    /// Whether somebody may still answer.
    pub fn is_open(self) -> bool {
        match self {
            Standing::Pending | Standing::Escalated => true,
            Standing::Answered | Standing::Skipped | Standing::Withdrawn => false,
        }
    }

    /// Whether `next` may follow; what is settled stays as it is.
    pub fn may_become(self, next: Standing) -> bool {
        match (self, next) {
            (Standing::Pending, Standing::Escalated) => true,
            (
                Standing::Pending | Standing::Escalated,
                Standing::Answered | Standing::Skipped | Standing::Withdrawn,
            ) => true,
            (_, Standing::Pending)
            | (Standing::Escalated, Standing::Escalated)
            | (Standing::Answered | Standing::Skipped | Standing::Withdrawn, _) => false,
        }
    }
}

/// What an agent asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// Of the call that asks; the same one twice is asked once.
    pub key: String,
    pub to: Whom,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// A question of a run's agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub id: QuestionId,
    #[serde(flatten)]
    pub asking: Asking,
    /// The attempt that asked.
    pub attempt: u32,
    pub at: Timestamp,
    #[serde(default = "pending")]
    pub standing: Standing,
    /// Whether the call that asks still waits.
    #[serde(default = "yes")]
    pub calls: bool,
    /// Whether its agent does nothing until it is settled.
    #[serde(default = "yes")]
    pub blocks: bool,
    /// What the foreman would say, where a person is to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

fn pending() -> Standing {
    Standing::Pending
}

fn yes() -> bool {
    true
}

/// What was said to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// None: the agent is to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Who: `person`, or `foreman`.
    pub by: String,
    pub at: Timestamp,
}

/// What an agent says of its work. None of it is a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Claim {
    Work {
        status: Claimed,
        summary: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<String>,
    },
    /// Which paths it is going to change.
    Paths {
        paths: Vec<String>,
    },
    Note {
        text: String,
    },
    /// What a reviewer has to say of the work that it looks at; nothing: it passes.
    Verdict {
        critiques: Vec<Critique>,
    },
}

/// A claim, and when and in which attempt it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub attempt: u32,
    pub at: Timestamp,
    pub claim: Claim,
}

/// What a keeper tells of its agent's tools.
#[derive(Debug, Clone, PartialEq)]
pub enum Tool {
    Asked(Box<Asking>),
    /// The call of this key went back without an answer, and the agent goes on.
    Left {
        key: String,
    },
    Claimed(Box<Claim>),
}

/// The id of the `nth` question of `run`: the same in every replay, and no other run's.
pub fn nth(run: &RunId, nth: u32) -> QuestionId {
    QuestionId::new(id::derived(&format!("{run}/question/{nth}")))
}

impl Question {
    /// Whether the foreman has it, and no person is asked.
    pub fn is_with_foreman(&self) -> bool {
        self.asking.to == Whom::Foreman && self.standing == Standing::Pending
    }

    /// Whether the call that asks waits in attempt `now`.
    fn is_called(&self, now: u32) -> bool {
        self.calls && self.attempt == now
    }

    /// What its agent is told as a message, where no call waits for the answer.
    fn words(&self, answer: &Answer) -> String {
        let id = &self.id;
        let what = text::words(&text::one_line(&self.asking.text), REPEATED);
        match &answer.text {
            Some(said) => format!("Answer to your question {id} ({what}):\n\n{said}"),
            None => format!(
                "Nobody answers your question {id} ({what}): decide it yourself, and say in your report what you decided."
            ),
        }
    }

    /// Reads what a person said: the number of an option is that option.
    ///
    /// Errors: a number of none.
    fn read(&self, said: &str) -> Result<String, Rejected> {
        let options = &self.asking.options;
        let said = said.trim();
        if options.is_empty() {
            return Ok(said.to_owned());
        }
        if let Some(same) = options.iter().find(|option| option.trim().eq_ignore_ascii_case(said)) {
            return Ok(same.clone());
        }
        let Ok(number) = said.parse::<usize>() else { return Ok(said.to_owned()) };
        let picked = number.checked_sub(1).and_then(|nth| options.get(nth));
        picked.cloned().ok_or_else(|| {
            let list: Vec<String> =
                options.iter().zip(1..).map(|(text, n)| format!("{n} {text}")).collect();
            Rejected {
                slug: "option-unknown",
                text: format!("{} has no option {number}: {}", self.id, list.join(", ")),
                hints: vec![format!("skep answer {} 1", self.id)],
            }
        })
    }
}

impl Run {
    /// The questions that somebody may still answer.
    pub fn open_questions(&self) -> impl Iterator<Item = &Question> {
        self.questions.iter().filter(|question| question.standing.is_open())
    }

    /// Those of them that people are asked.
    pub fn questions_to_people(&self) -> impl Iterator<Item = &Question> {
        self.open_questions().filter(|question| !question.is_with_foreman())
    }

    /// The question that a message of this id answers.
    pub fn question_of(&self, message: &str) -> Option<&Question> {
        self.questions.iter().find(|question| question.id.as_str() == message)
    }

    /// Whether the call that asks a question waits, and nobody has answered it.
    pub(super) fn waits_in_a_call(&self) -> bool {
        self.open_questions().any(|question| question.is_called(self.attempt))
    }

    /// Whether the answer of this message is for a call that waits.
    pub(super) fn is_for_a_call(&self, message: &str) -> bool {
        self.question_of(message).is_some_and(|question| question.is_called(self.attempt))
    }

    /// Whether the next attempt waits for the answer to a question of the ones before, and nothing else is there for it.
    pub fn rests_for_answer(&self) -> bool {
        let waits = matches!(self.state, State::Queued { .. });
        let said = |it: &super::Message| matches!(it.receipt, Receipt::Queued | Receipt::Handed);
        waits
            && !self.insisted
            && self.open_questions().any(|question| question.blocks)
            && !self.messages.iter().any(said)
    }

    /// The last thing that the agent said of its work in this attempt.
    pub fn claimed(&self) -> Option<(Claimed, &str)> {
        self.claims.iter().rev().filter(|made| made.attempt == self.attempt).find_map(|made| {
            match &made.claim {
                Claim::Work { status, summary, .. } => Some((*status, summary.as_str())),
                Claim::Paths { .. } | Claim::Note { .. } | Claim::Verdict { .. } => None,
            }
        })
    }

    /// The verdict that a reviewer gave last in this attempt.
    pub fn given_verdict(&self) -> Option<&[Critique]> {
        self.claims.iter().rev().filter(|made| made.attempt == self.attempt).find_map(|made| {
            match &made.claim {
                Claim::Verdict { critiques } => Some(critiques.as_slice()),
                Claim::Work { .. } | Claim::Paths { .. } | Claim::Note { .. } => None,
            }
        })
    }

    /// What an attempt that goes on with the conversation is told of questions that nobody answered in the one before.
    pub fn withdrawn_words(&self) -> Vec<String> {
        let before = self.attempt.saturating_sub(1);
        let gone = |it: &&Question| it.standing == Standing::Withdrawn && it.attempt == before;
        let words = |it: &Question| {
            let what = text::words(&text::one_line(&it.asking.text), REPEATED);
            format!(
                "Your question {} ({what}) was withdrawn: nobody answered before you were stopped. Ask it again if it still matters.",
                it.id
            )
        };
        self.questions.iter().filter(gone).map(words).collect()
    }

    pub(super) fn tool(&self, tool: Tool, at: Timestamp) -> Result<Step, Rejected> {
        match tool {
            Tool::Asked(asking) => Ok(self.asked(*asking, at)),
            // What comes late says nothing of what is over.
            Tool::Left { .. } if self.is_ended() => Ok(Step::default()),
            Tool::Left { key } => Ok(self.left(&key)),
            Tool::Claimed(_) if !self.is_at_work() => Ok(Step::default()),
            // Nobody else judges.
            Tool::Claimed(claim) if claim.is_verdict() && self.brief.kind != Kind::Review => {
                Ok(Step::default())
            }
            Tool::Claimed(claim) => {
                let claim = Box::new(claim.cut());
                Ok(Step::of([Event::Claimed { claim }], []))
            }
        }
    }

    fn asked(&self, asking: Asking, at: Timestamp) -> Step {
        let attempt = self.attempt;
        let told = self
            .questions
            .iter()
            .any(|question| question.attempt == attempt && question.asking.key == asking.key);
        let open = self.open_questions().filter(|question| question.attempt == attempt).count();
        if self.pid().is_none() || told || open >= OPEN {
            return Step::default();
        }
        let to = asking.to;
        let question = Question {
            id: nth(self.id(), self.questioned),
            asking: asking.cut(),
            attempt,
            at,
            standing: Standing::Pending,
            calls: true,
            blocks: true,
            proposal: None,
            answer: None,
        };
        let id = question.id.clone();
        let mut step = Step::of([Event::QuestionAsked { question: Box::new(question) }], []);
        // There is nobody else to ask first.
        if to == Whom::Foreman && !self.brief.foreman {
            step.events.push(Event::QuestionEscalated { id, proposal: None });
        }
        step
    }

    /// The call of `key` went back without an answer: the agent is at work again without anybody's word.
    fn left(&self, key: &str) -> Step {
        let called = |it: &&Question| it.is_called(self.attempt);
        let Some(question) = self.questions.iter().filter(called).find(|it| it.asking.key == key)
        else {
            return Step::default();
        };
        let others = self.open_questions().filter(called).any(|it| it.id != question.id);
        let waits = matches!(self.state, State::Waiting { on: WaitingFor::Answer, .. });
        let mut step = Step::of([Event::QuestionLeft { id: question.id.clone() }], []);
        if waits && !others && self.open_asks().next().is_none() {
            step.events.push(Event::Goes {});
        }
        step
    }

    /// What a person says to a question; without words the agent is to decide. The first answer counts.
    pub(super) fn answer(
        &self,
        id: &QuestionId,
        said: Option<&str>,
        by: &str,
        at: Timestamp,
    ) -> Result<Step, Rejected> {
        let question = self.questions.iter().find(|question| question.id == *id);
        let Some(question) = question.filter(|question| question.standing.is_open()) else {
            return Err(self.answered_before(id, question));
        };
        let words = said.map(|said| question.read(said)).transpose()?;
        let words = words.map(|words| text::words(&words, LONGEST));
        let answer = Answer { text: words, by: by.to_owned(), at };
        let message = (id.to_string(), question.words(&answer));
        let mut step = Step::of(
            [
                Event::QuestionAnswered { id: id.clone(), answer },
                Event::Sent { id: message.0.clone(), text: message.1.clone(), steer: false },
            ],
            [],
        );
        let at_work = matches!(self.state, State::Running { .. } | State::Stalled { .. });
        if self.rests_for_answer() && self.brief.surface == Surface::Headless {
            // The attempt that begins next has it in its prompt.
            let (id, text) = (message.0, String::new());
            step.events.push(Event::Receipt { id, receipt: Receipt::Handed, text });
        } else if at_work && (self.speech.hears.messages || question.is_called(self.attempt)) {
            let (run, attempt) = (self.id().clone(), self.attempt);
            let (id, text) = message;
            let (receipt, why) = (Receipt::Handed, String::new());
            step.events.push(Event::Receipt { id: id.clone(), receipt, text: why });
            step.effects.push(Effect::Deliver { run, attempt, id, text, steer: false });
        }
        Ok(step)
    }

    /// A person is asked in place of the foreman, with what that would say.
    pub(super) fn escalate(
        &self,
        id: &QuestionId,
        proposal: Option<&str>,
    ) -> Result<Step, Rejected> {
        let question = self.questions.iter().find(|question| question.id == *id);
        let Some(question) = question.filter(|question| question.standing.is_open()) else {
            return Err(self.answered_before(id, question));
        };
        let proposal = proposal.map(|text| text::words(text, LONGEST));
        let id = id.clone();
        let event = match (question.standing, proposal) {
            (Standing::Pending, proposal) => Event::QuestionEscalated { id, proposal },
            (_, Some(text)) => Event::QuestionProposed { id, text },
            (_, None) => return Ok(Step::default()),
        };
        Ok(Step::of([event], []))
    }

    fn answered_before(&self, id: &QuestionId, question: Option<&Question>) -> Rejected {
        let run = self.id();
        let (slug, text) = match question {
            None => ("question-unknown", format!("{run} has no question {id}")),
            Some(it) => match (it.standing, &it.answer) {
                (Standing::Withdrawn, _) => (
                    "question-closed",
                    format!("{id} was withdrawn: its attempt ended before anybody answered"),
                ),
                (Standing::Skipped, Some(answer)) => (
                    "question-answered",
                    format!("{id} was left to its agent by {} already", answer.by),
                ),
                (_, Some(Answer { text: Some(said), by, .. })) => {
                    let said = text::words(&text::one_line(said), 100);
                    let text = format!("{id} was answered by {by} already: {said}");
                    ("question-answered", text)
                }
                (_, _) => ("question-answered", format!("{id} was answered already")),
            },
        };
        let hints = vec![format!("skep show {run}"), format!("skep send {run} TEXT")];
        Rejected { slug, text, hints }
    }

    /// The answers that wait, where a call waits for one and nobody can take another message.
    pub(super) fn has_answer_for_a_call(&self) -> bool {
        self.messages.iter().any(|it| it.receipt == Receipt::Queued && self.is_for_a_call(&it.id))
    }

    /// Whether a turn that is over leaves the agent waiting for an answer: a question is open, and nothing else is there.
    pub(super) fn rests_for_question(&self) -> Option<Event> {
        let is_under_way = |it: &super::Message| match it.receipt {
            Receipt::Queued | Receipt::Handed | Receipt::Held | Receipt::Sending => true,
            Receipt::Delivered => true,
            Receipt::Accepted | Receipt::TurnStarted | Receipt::Unknown | Receipt::Refused => false,
        };
        let rests = self.pid().is_some()
            && self.open_questions().next().is_some()
            && !self.messages.iter().any(is_under_way);
        rests.then(|| Event::Waits { on: WaitingFor::Answer, text: String::new() })
    }

    /// An agent that begins a turn from a message waits for no answer.
    pub(super) fn goes_by_message(&self, receipt: Receipt) -> Option<Event> {
        let waits = matches!(self.state, State::Waiting { on: WaitingFor::Answer, .. });
        let goes = waits && receipt == Receipt::TurnStarted && !self.waits_in_a_call();
        goes.then_some(Event::Goes {})
    }

    /// Adds to an end what it is for the questions that nobody answered.
    pub(super) fn with_questions(&self, mut step: Step) -> Step {
        let end = step.events.iter().position(|event| matches!(event, Event::Ended { .. }));
        let Some(end) = end else { return step };
        let gone: Vec<Event> = self
            .open_questions()
            .map(|question| Event::QuestionWithdrawn { id: question.id.clone() })
            .collect();
        step.events.splice(end..end, gone);
        step
    }

    /// Makes true what happened to a question, or what the agent claims.
    pub(super) fn question_at(&mut self, event: &Event, at: Timestamp) -> Result<(), Misfit> {
        let misfit = || Misfit { event: format!("{event:?}"), state: self.state_name() };
        if let Event::Claimed { claim } = event {
            let claim = claim.as_ref().clone();
            if let Claim::Work { status, summary, .. } = &claim {
                self.verdict.blocked = (*status == Claimed::Blocked).then(|| summary.clone());
            }
            if claim.is_verdict() {
                self.claims.retain(|made| !made.claim.is_verdict());
            }
            self.claims.push(Made { attempt: self.attempt, at, claim });
            if self.claims.len() > NOTES {
                // What is said after a verdict does not take it back.
                let oldest = self.claims.iter().position(|made| !made.claim.is_verdict());
                self.claims.remove(oldest.unwrap_or(0));
            }
            return Ok(());
        }
        if let Event::QuestionAsked { question } = event {
            let pid = self.pid().ok_or_else(misfit)?;
            self.last = Some((question.asking.text.clone(), at));
            self.questions.push(question.as_ref().clone());
            self.questioned += 1;
            // Who asks a foreman goes on as if it worked: it waits only where a person is asked.
            if question.asking.to != Whom::Foreman || !self.brief.foreman {
                self.waits_for_answer(pid, at);
            }
            let settled = self.questions.iter().filter(|it| !it.standing.is_open()).count();
            if settled > KEPT
                && let Some(oldest) = self.questions.iter().position(|it| !it.standing.is_open())
            {
                self.questions.remove(oldest);
            }
            return Ok(());
        }
        let (id, next) = if let Event::QuestionEscalated { id, .. } = event {
            (id, Some(Standing::Escalated))
        } else if let Event::QuestionProposed { id, text } = event {
            let misfit = misfit();
            let is_it = |it: &&mut Question| it.id == *id && it.standing == Standing::Escalated;
            self.questions.iter_mut().find(is_it).ok_or(misfit)?.proposal = Some(text.clone());
            return Ok(());
        } else if let Event::QuestionLeft { id } = event {
            (id, None)
        } else if let Event::QuestionAnswered { id, answer } = event {
            let left = answer.text.is_none();
            (id, Some(if left { Standing::Skipped } else { Standing::Answered }))
        } else if let Event::QuestionWithdrawn { id } = event {
            (id, Some(Standing::Withdrawn))
        } else {
            return Err(misfit());
        };
        let fits = |it: &&mut Question| {
            it.id == *id && next.is_none_or(|next| it.standing.may_become(next))
        };
        let (state, attempt) = (self.state_name(), self.attempt);
        let question = self.questions.iter_mut().find(fits);
        let Some(question) = question else {
            return Err(Misfit { event: format!("{event:?}"), state });
        };
        match next {
            Some(next) => question.standing = next,
            None => (question.calls, question.blocks) = (false, false),
        }
        if let Event::QuestionAnswered { answer, .. } = event {
            question.answer = Some(answer.clone());
        }
        let called = question.is_called(attempt);
        if let Event::QuestionEscalated { proposal, .. } = event {
            question.proposal.clone_from(proposal);
        }
        if next == Some(Standing::Withdrawn) {
            question.attempt = attempt;
        }
        if next == Some(Standing::Escalated)
            && called
            && let State::Running { pid, .. } | State::Stalled { pid, .. } = self.state
        {
            self.waits_for_answer(pid, at);
        }
        Ok(())
    }

    fn waits_for_answer(&mut self, pid: u32, at: Timestamp) {
        let on = WaitingFor::Answer;
        if !matches!(
            self.state,
            State::Waiting { on: WaitingFor::Answer | WaitingFor::Permission, .. }
        ) {
            self.state = State::Waiting { gatekeeper: self.gatekeeper(), pid, on };
            self.since = at;
        }
    }

    /// The agent is at work, or its turn is over: whether it does anything while its questions are open.
    pub(super) fn questions_block(&mut self, block: bool) {
        for question in self.questions.iter_mut().filter(|it| it.standing.is_open()) {
            question.blocks = block;
        }
    }
}

impl Asking {
    fn cut(self) -> Asking {
        Asking {
            key: text::words(&self.key, 200),
            to: self.to,
            text: text::words(&self.text, LONGEST),
            context: self.context.map(|context| text::words(&context, LONGEST)),
            options: self.options.iter().map(|option| text::words(option, 512)).collect(),
        }
    }
}

impl Claim {
    fn cut(self) -> Claim {
        let short = |words: String| text::words(&words, super::WORDS);
        match self {
            Claim::Work { status, summary, evidence } => {
                Claim::Work { status, summary: short(summary), evidence: evidence.map(short) }
            }
            Claim::Paths { paths } => Claim::Paths {
                paths: paths.iter().take(256).map(|path| text::words(path, 4096)).collect(),
            },
            Claim::Note { text } => Claim::Note { text: short(text) },
            Claim::Verdict { critiques } => Claim::Verdict { critiques: review::given(critiques) },
        }
    }

    fn is_verdict(&self) -> bool {
        matches!(self, Claim::Verdict { .. })
    }
}

impl Input {
    /// A word of a keeper about a tool of its agent.
    pub fn of_tool(attempt: u32, tool: Tool) -> Input {
        Input::Tool { attempt, tool }
    }
}
