//! The foreman: who asks it, what it says, and when people are asked in its place.

use super::{Runs, may_go_on, reject};
use crate::{
    foreman::read_reply,
    id::{QuestionId, RunId},
    run::{Outcome, Rejected},
    task::{
        Effect, Event, Foreman, Known, Purpose, Put, Step, Task, Then, Words,
        foreman::{DEATHS, GIVEN_UP},
    },
    time::Timestamp,
};

/// By whom a foreman's answers are.
const FOREMAN: &str = "foreman";

impl Task {
    /// A run asks: what was answered before is answered at once, the same words join, the rest waits its turn.
    pub(super) fn asked_foreman(
        &self,
        put: Put,
        known: Option<&Known>,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        let Put { question, run, text, context, .. } = put;
        let foreman = &self.course.foreman;
        if foreman.put(&question).is_some() {
            return Step::default();
        }
        let is_it = |known: &&Known| known.is_about(&text, context.as_deref());
        if let Some(known) = self.course.answers.iter().rev().find(is_it).or(known) {
            let (text, by) = (known.cited(), FOREMAN.to_owned());
            let then = vec![Then::Answer { run, question, text, by }];
            return Step { then, ..Step::default() };
        }
        if !self.course.rules.foreman || foreman.off.is_some() {
            let then = vec![Then::Escalate { run, question, proposal: None }];
            return Step { then, ..Step::default() };
        }
        if let Some(same) = foreman.same(&text, context.as_deref()) {
            let asked = foreman.is_escalated(&same.question);
            let escalate =
                Then::Escalate { run: run.clone(), question: question.clone(), proposal: None };
            let event = Event::ForemanJoined { question, run, to: same.question.clone() };
            let then = asked.then_some(escalate).into_iter().collect();
            return Step { then, ..Step::of([event]) };
        }
        let step = Step::of([Event::ForemanAsked { question, run, text, context }]);
        self.with_next(step, runs, now)
    }

    /// An answer is kept, and everybody gets it who asked the same.
    pub(super) fn answered(&self, known: Known, answer: Option<&str>) -> Step {
        let question = known.question.clone();
        let by_foreman = known.by == FOREMAN;
        let is_it = |it: &&Known| it.is_about(&known.text, known.context.as_deref());
        let before = self.course.answers.iter().any(|it| is_it(&it));
        let mut step = Step::default();
        let put = self.course.foreman.put(&question);
        if let Some(answer) = answer {
            let others = put.into_iter().flat_map(Put::askers).filter(|(id, _)| **id != question);
            for (other, run) in others {
                let (text, by) = (answer.to_owned(), known.by.clone());
                let (run, question) = (run.clone(), other.clone());
                step.events.push(Event::QuestionSettled { question: question.clone() });
                step.then.push(Then::Answer { run, question, text, by });
            }
        }
        if put.is_some() {
            step.events.push(Event::QuestionSettled { question });
        }
        // What it cites is known already, and so is what others get who asked the same.
        let same = |it: &Known| is_it(&it) && it.answer == known.answer;
        let is_known = by_foreman && before || self.course.answers.iter().any(same);
        if answer.is_some() && !is_known {
            step.events.push(Event::Learned { known: Box::new(known) });
        }
        step
    }

    /// Nobody waits for the answer any more.
    pub(super) fn withdrawn(&self, question: QuestionId) -> Step {
        match self.course.foreman.put(&question) {
            Some(_) => Step::of([Event::QuestionSettled { question }]),
            None => Step::default(),
        }
    }

    /// A person says something of what the foreman proposed.
    pub(super) fn refine(
        &self,
        question: QuestionId,
        text: String,
        runs: &Runs,
        now: Timestamp,
    ) -> Result<Step, Rejected> {
        if !self.course.foreman.is_escalated(&question) {
            let words = format!("{question} is not one that the foreman proposed an answer to");
            let hint = format!("skep answer {question} TEXT");
            return Err(reject("question-not-escalated", words, &[&hint]));
        }
        let step = Step::of([Event::ForemanRefined { question, text }]);
        Ok(self.with_next(step, runs, now))
    }

    /// Whether `run` is the foreman's, and something is put to it.
    pub(super) fn is_foreman(&self, run: &RunId) -> bool {
        self.course.foreman.run.as_ref() == Some(run)
    }

    /// An attempt of the foreman's is over.
    pub(super) fn foreman_ended(
        &self,
        run: &RunId,
        outcome: Outcome,
        text: &str,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        if self.course.foreman.at.is_none() {
            return Step::default();
        }
        match outcome {
            Outcome::Completed => {
                let read = Effect::ReadReply { task: self.id.clone(), run: run.clone() };
                Step { effects: vec![read], ..Step::default() }
            }
            Outcome::Stopped => self.foreman_stops("its run was stopped"),
            Outcome::Failed | Outcome::Lost | Outcome::Interrupted => {
                self.foreman_died(text, runs, now)
            }
        }
    }

    /// It died over what it was asked: that is asked again, some times, and then a person is.
    pub(super) fn foreman_died(&self, text: &str, runs: &Runs, now: Timestamp) -> Step {
        let Some(put) = self.course.foreman.at.clone() else { return Step::default() };
        let (question, words) = (put.question.clone(), text.to_owned());
        let mut step = Step::of([Event::ForemanDied { question: question.clone(), text: words }]);
        if !put.void && put.deaths + 1 >= DEATHS {
            let text = format!("the foreman died over it {DEATHS} times: {text}");
            step.events.push(Event::ForemanGaveUp { question, text });
            step.then.extend(escalations(&put, None));
            let after = self.after(&step.events, now);
            if after.course.foreman.given_up >= GIVEN_UP {
                return step.and(after.foreman_stops("it dies over every question"));
            }
        }
        self.with_next(step, runs, now)
    }

    /// People are asked from here on, and everything that waits goes to them.
    pub(super) fn foreman_stops(&self, text: &str) -> Step {
        let Foreman { at, line, .. } = &self.course.foreman;
        let waiting = at.iter().chain(line);
        let then = waiting.flat_map(|put| escalations(put, None)).collect();
        Step { then, ..Step::of([Event::ForemanStopped { text: text.to_owned() }]) }
    }

    /// What the foreman said is read.
    pub(super) fn replied(
        &self,
        run: &RunId,
        text: Result<String, String>,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        let at = self.course.foreman.at.as_ref().filter(|_| self.is_foreman(run));
        let Some(put) = at.cloned() else { return Step::default() };
        let reply = match text.map(|text| read_reply(&text)) {
            Ok(reply) if !reply.text.trim().is_empty() => reply,
            Ok(_) => return self.foreman_died("it said nothing", runs, now),
            Err(text) => return self.foreman_died(&text, runs, now),
        };
        let (question, sure) = (put.question.clone(), reply.sure);
        let event = Event::ForemanReplied { question, text: reply.text.clone(), sure };
        let mut step = Step::of([event]);
        if !put.void && sure && put.refine.is_none() {
            // One answer settles all who asked the same.
            let (run, question) = (put.run, put.question);
            let (text, by) = (reply.text, FOREMAN.to_owned());
            let others = put.joined.into_iter().map(|(question, run)| {
                let (text, by) = (text.clone(), by.clone());
                Then::Answer { run, question, text, by }
            });
            let others: Vec<Then> = others.collect();
            step.then.push(Then::Answer { run, question, text, by });
            step.then.extend(others);
        } else if !put.void {
            step.then.extend(escalations(&put, Some(&reply.text)));
        }
        self.with_next(step, runs, now)
    }

    /// The words for the foreman are there, or there are none.
    pub(super) fn foreman_worded(
        &self,
        run: &RunId,
        words: Result<String, String>,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        if self.course.foreman.at.is_none() || super::is_open(run, runs) {
            return Step::default();
        }
        match words {
            Ok(words) => {
                let (run, words) = (run.clone(), Some(words));
                Step { then: vec![Then::GoOn { run, words }], ..Step::default() }
            }
            Err(text) => self.foreman_died(&text, runs, now),
        }
    }

    /// Puts the next question to the foreman, where it is free.
    fn with_next(&self, step: Step, runs: &Runs, now: Timestamp) -> Step {
        let after = self.after(&step.events, now);
        let foreman = &after.course.foreman;
        if foreman.at.is_some() || foreman.off.is_some() {
            return step;
        }
        let Some(put) = foreman.line.front() else { return step };
        let same = foreman.run.clone().filter(|run| may_go_on(run, runs));
        let goes_on = same.is_some();
        let run = same.unwrap_or_else(|| after.next_run(0));
        let (question, refine) = (put.question.clone(), put.refine.clone());
        let event = Event::ForemanTurned { question: question.clone(), run: run.clone(), goes_on };
        let effect = if goes_on {
            after.word(&run, Words::Question { question, refine })
        } else {
            let task = self.id.clone();
            Effect::Brief { task, run, purpose: Purpose::Foreman { question } }
        };
        step.and(Step { effects: vec![effect], ..Step::of([event]) })
    }
}

fn escalations(put: &Put, proposal: Option<&str>) -> Vec<Then> {
    let each = put.askers().map(|(question, run)| Then::Escalate {
        run: run.clone(),
        question: question.clone(),
        proposal: proposal.map(str::to_owned),
    });
    each.collect()
}
