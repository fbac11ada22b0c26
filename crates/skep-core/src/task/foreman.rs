//! The foreman of a task: what it is asked, in which order, and what was answered before.
//!
//! Owns: the line of questions, and what each event makes of it. Never: speaks to an agent; the foreman is a run like others.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{
    foreman,
    id::{QuestionId, RunId},
    time::Timestamp,
};

/// How often a foreman may die over one question; then a person is asked.
pub const DEATHS: u32 = 3;
/// How many questions in a row may be given up before all of them go to people.
pub const GIVEN_UP: u32 = 2;

/// What a task's foreman has before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreman {
    /// The run of its conversation.
    pub run: Option<RunId>,
    /// What it is asked now.
    pub at: Option<Put>,
    /// What waits, the next first.
    pub line: VecDeque<Put>,
    /// What a person is asked in its place.
    pub escalated: Vec<Put>,
    /// How many questions it was given up over since it last answered one.
    pub given_up: u32,
    /// Why it is not asked any more.
    pub off: Option<String>,
}

/// A question as it is put to the foreman.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    pub question: QuestionId,
    /// Who asks.
    pub run: RunId,
    pub text: String,
    pub context: Option<String>,
    /// Others that asked the same meanwhile.
    pub joined: Vec<(QuestionId, RunId)>,
    /// What a person said of what it proposed.
    pub refine: Option<String>,
    pub deaths: u32,
    /// Whether nobody needs the answer any more.
    pub void: bool,
}

/// A question that was answered, whoever answered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub question: QuestionId,
    /// Whose work it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    pub answer: String,
    pub by: String,
    pub at: Timestamp,
}

impl Put {
    /// A question that nobody else asked yet.
    pub fn new(question: QuestionId, run: RunId, text: String, context: Option<String>) -> Put {
        Put {
            question,
            run,
            text,
            context,
            joined: Vec::new(),
            refine: None,
            deaths: 0,
            void: false,
        }
    }

    /// Everybody who asks it.
    pub fn askers(&self) -> impl Iterator<Item = (&QuestionId, &RunId)> {
        let first = std::iter::once((&self.question, &self.run)).filter(|_| !self.void);
        first.chain(self.joined.iter().map(|(question, run)| (question, run)))
    }

    fn asks(&self, id: &QuestionId) -> bool {
        self.askers().any(|(question, _)| question == id)
    }

    /// Takes one who asks out; says whether anybody is left.
    fn leave(&mut self, id: &QuestionId) -> bool {
        if self.question == *id && !self.joined.is_empty() {
            (self.question, self.run) = self.joined.remove(0);
        } else if self.question == *id {
            self.void = true;
        } else {
            self.joined.retain(|(question, _)| question != id);
        }
        !self.void
    }
}

impl Known {
    /// Whether it answers these words.
    pub fn is_about(&self, text: &str, context: Option<&str>) -> bool {
        foreman::key(&self.text) == foreman::key(text)
            && foreman::key(self.context.as_deref().unwrap_or_default())
                == foreman::key(context.unwrap_or_default())
    }

    /// The answer, with where it comes from.
    pub fn cited(&self) -> String {
        format!("{}\n\n(As answered before: {}, by {}.)", self.answer, self.question, self.by)
    }
}

impl Foreman {
    /// The question with this id, wherever it stands.
    pub fn put(&self, id: &QuestionId) -> Option<&Put> {
        let all = self.at.iter().chain(&self.line).chain(&self.escalated);
        all.into_iter().find(|put| put.asks(id))
    }

    /// Another one with the same words, that nobody has answered.
    pub fn same(&self, text: &str, context: Option<&str>) -> Option<&Put> {
        let key = |text: &str, context: Option<&str>| {
            (foreman::key(text), foreman::key(context.unwrap_or_default()))
        };
        let wanted = key(text, context);
        let all = self.at.iter().chain(&self.line).chain(&self.escalated);
        all.into_iter().find(|put| !put.void && key(&put.text, put.context.as_deref()) == wanted)
    }

    /// Whether a person is asked for it.
    pub fn is_escalated(&self, id: &QuestionId) -> bool {
        self.escalated.iter().any(|put| put.asks(id))
    }

    pub(super) fn asked(&mut self, put: Put) {
        self.line.push_back(put);
    }

    pub(super) fn joined(
        &mut self,
        to: &QuestionId,
        question: &QuestionId,
        run: &RunId,
    ) -> Option<()> {
        let all = self.at.iter_mut().chain(&mut self.line).chain(&mut self.escalated);
        let put = all.into_iter().find(|put| put.question == *to)?;
        put.joined.push((question.clone(), run.clone()));
        Some(())
    }

    /// A person's words about what it proposed: they are heard before what waits.
    pub(super) fn refined(&mut self, id: &QuestionId, text: &str) -> Option<()> {
        let at = self.escalated.iter().position(|put| put.asks(id))?;
        let put = self.escalated.remove(at);
        self.line.push_front(Put { refine: Some(text.to_owned()), deaths: 0, ..put });
        self.off = None;
        Some(())
    }

    pub(super) fn turned(&mut self, id: &QuestionId, run: &RunId) -> Option<()> {
        let at = self.line.iter().position(|put| put.question == *id)?;
        if self.at.is_some() {
            return None;
        }
        self.at = self.line.remove(at);
        self.run = Some(run.clone());
        Some(())
    }

    /// It gave a turn's words.
    pub(super) fn replied(&mut self, id: &QuestionId, sure: bool) -> Option<()> {
        let put = self.at.take().filter(|put| put.question == *id)?;
        self.given_up = 0;
        if !put.void && (!sure || put.refine.is_some()) {
            self.escalated.push(Put { refine: None, ..put });
        }
        Some(())
    }

    pub(super) fn died(&mut self, id: &QuestionId) -> Option<()> {
        let mut put = self.at.take().filter(|put| put.question == *id)?;
        put.deaths += 1;
        if !put.void {
            self.line.push_front(put);
        }
        Some(())
    }

    pub(super) fn gave_up(&mut self, id: &QuestionId) -> Option<()> {
        let at = self.line.iter().position(|put| put.question == *id)?;
        self.escalated.extend(self.line.remove(at));
        self.given_up += 1;
        Some(())
    }

    /// It is not asked any more: people are.
    pub(super) fn stopped(&mut self, text: &str) {
        self.off = Some(text.to_owned());
        self.escalated.extend(self.at.take().filter(|put| !put.void));
        self.escalated.extend(std::mem::take(&mut self.line));
    }

    /// One who asked needs it no longer.
    pub(super) fn settled(&mut self, id: &QuestionId) {
        let stays = |put: &mut Put| !put.asks(id) || put.leave(id);
        // What it is asked now it goes on with, whoever listens.
        if let Some(put) = self.at.as_mut().filter(|put| put.asks(id)) {
            put.leave(id);
        }
        self.line.retain_mut(stays);
        self.escalated.retain_mut(stays);
    }
}
