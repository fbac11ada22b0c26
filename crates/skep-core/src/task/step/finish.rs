//! Handing over what is done: committed, pushed, once per head.

use super::{Runs, holds_env, is_open, reject};
use crate::{
    id::RunId,
    plan::SubPlan,
    run::Rejected,
    task::{
        Effect, Event, Found, Part, PartState, PlanState, Step, Task, TaskState, Then, Version,
        Words,
    },
    text,
    time::Timestamp,
};

/// The longest first line of a commit that is made for an agent. Characters.
const SUBJECT: usize = 68;

impl Task {
    /// A person wants it handed over once more.
    pub(super) fn finalize(&self, runs: &Runs) -> Result<Step, Rejected> {
        let id = &self.id;
        let plan = self.plan().filter(|plan| plan.state == PlanState::Approved);
        let done = |version: &&Version| {
            version.parts.values().all(|part| part.state == PartState::Completed)
        };
        let Some(version) =
            plan.filter(|_| self.state == TaskState::Implementing).filter(|plan| done(plan))
        else {
            let text = format!("{id} is {}, and not every part of it is done", self.said());
            return Err(reject("not-finalizable", text, &[&self.see()]));
        };
        let busy = |part: &Part| {
            part.finishing.under_way || part.run.as_ref().is_some_and(|run| is_open(run, runs))
        };
        if version.parts.values().any(busy) {
            let text = format!("{id} is being finalized");
            return Err(reject("task-at-work", text, &[&self.see()]));
        }
        Ok(self.hand_over(version, runs))
    }

    /// Every part is done: each is looked at and handed over.
    pub(super) fn hand_over(&self, version: &Version, runs: &Runs) -> Step {
        let mut step = Step::of([Event::FinalizeAsked {}]);
        let mut at_work = false;
        for project in version.projects() {
            let Some(part) = version.parts.get(project) else { continue };
            // Whoever puts its work in order is looked at when that is over.
            if part.run.as_ref().is_some_and(|run| is_open(run, runs)) {
                at_work = true;
                continue;
            }
            // What was handed over, and whose place is given back since, is done.
            let stands = part.run.as_ref().is_some_and(|run| holds_env(run, runs));
            step = match part.finishing.head.clone().filter(|_| !stands) {
                Some((head, remote)) => {
                    let project = project.to_owned();
                    step.and(Step::of([Event::SubPlanStands { project, head, remote }]))
                }
                None => step.and(self.look(project, part, None)),
            };
        }
        if step.effects.is_empty() && !at_work {
            // All of it was taken as done, or stands.
            return step.to(TaskState::Completed);
        }
        step
    }

    /// Its agent was stopped in the midst of putting it in order: nothing of that is committed for it.
    pub(super) fn stopped_in_order(&self, project: &str, now: Timestamp) -> Step {
        let (project, text) = (project.to_owned(), "its run was stopped".to_owned());
        self.settled(Event::FinalizeFailed { project, text }, now)
    }

    /// Whether a part is to be handed over, and nobody has looked at it yet.
    pub(super) fn is_to_be_handed_over(&self, part: &Part) -> bool {
        let finishing = &part.finishing;
        self.course.finalizing
            && part.state == PartState::Completed
            && !finishing.under_way
            && finishing.head.is_none()
            && finishing.failed.is_none()
    }

    pub(super) fn look(&self, project: &str, part: &Part, message: Option<String>) -> Step {
        let Some(run) = part.run.clone() else { return Step::default() };
        let look = part.finishing.looks + 1;
        let (task, project) = (self.id.clone(), project.to_owned());
        let event = Event::PartLooked { project: project.clone(), look };
        // It is handed over when every part is done; before that it is only looked at.
        let stays = !self.course.finalizing && part.state != PartState::Completed;
        let effect = Effect::Finalize { task, run, project, look, message, stays };
        Step { effects: vec![effect], ..Step::of([event]) }
    }

    /// Its agent has put it in order, or has not: what it left is committed for it.
    pub(super) fn look_again(&self, project: &str, version: &Version) -> Step {
        let Some(part) = version.parts.get(project) else { return Step::default() };
        let sub = version.plan.sub_plans.iter().find(|sub| sub.project == project);
        let message = sub.map(|sub| message(&self.title, sub));
        self.look(project, part, message)
    }

    pub(super) fn found(
        &self,
        run: &RunId,
        look: u32,
        found: Found,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        let part = self.part_of(run).zip(self.plan());
        let Some((project, version)) = part else { return Step::default() };
        let Some(part) = version.parts.get(project) else { return Step::default() };
        // An answer to a look that is over.
        if !part.finishing.under_way || part.finishing.looks != look {
            return Step::default();
        }
        if part.state == PartState::InProgress {
            // Whom a person had go on meanwhile is looked at when that is over.
            if is_open(run, runs) {
                return Step::default();
            }
            return self.found_for_review(run, project, part, found, runs, now);
        }
        let name = project.to_owned();
        match found {
            Found::Published { head, remote } => {
                let handed = self.course.handed.get(project);
                let event = if handed.is_some_and(|heads| heads.contains(&head)) {
                    Event::SubPlanStands { project: name, head, remote }
                } else {
                    Event::SubPlanReady { project: name, head, remote }
                };
                self.settled(event, now)
            }
            Found::Dirty { files } if !part.finishing.told_to_commit => {
                self.tell(run, name, Words::Commit { files })
            }
            Found::Dirty { files } => {
                let text = format!("not committed: {}", files.join(", "));
                self.settled(Event::FinalizeFailed { project: name, text }, now)
            }
            Found::Rejected { text } if !part.finishing.told_to_mend => {
                self.tell(run, name, Words::Mend { text })
            }
            Found::Rejected { text } | Found::Failed { text } => {
                self.settled(Event::FinalizeFailed { project: name, text }, now)
            }
        }
    }

    pub(super) fn tell(&self, run: &RunId, project: String, words: Words) -> Step {
        let effects = vec![self.word(run, words.clone())];
        Step { effects, ..Step::of([Event::PartTold { project, words }]) }
    }

    /// The words for the run of a part that is being handed over, or that there are none.
    pub(super) fn part_worded(
        &self,
        run: &RunId,
        words: Result<String, String>,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        let found = self.part_of(run).zip(self.plan());
        let Some((project, version)) = found else { return Step::default() };
        let Some(part) = version.parts.get(project) else { return Step::default() };
        let at_work = part.state == PartState::InProgress;
        // Whom a person had go on meanwhile needs them no longer.
        let needless = is_open(run, runs) || !part.awaits_words;
        if needless {
            return Step::default();
        }
        match words {
            Ok(words) => {
                let (run, words) = (run.clone(), Some(words));
                Step { then: vec![Then::GoOn { run, words }], ..Step::default() }
            }
            Err(_) if at_work && part.finishing.under_way => self.look_again(project, version),
            Err(text) if at_work => {
                let event = Event::SubPlanFailed { project: project.to_owned(), text };
                let after = self.after(std::slice::from_ref(&event), now);
                Step::of([event]).and(after.advance(runs))
            }
            // Without its agent what lies about is committed for it; what was refused stays refused.
            Err(_) if !part.finishing.told_to_mend => self.look_again(project, version),
            Err(text) => {
                let project = project.to_owned();
                self.settled(Event::FinalizeFailed { project, text }, now)
            }
        }
    }

    /// One part is settled; where it was the last, the task is over or waits for a person.
    fn settled(&self, event: Event, now: Timestamp) -> Step {
        let events = vec![event];
        let after = self.after(&events, now);
        let step = Step::of(events);
        let Some(version) = after.plan() else { return step };
        let parts = || version.parts.values().filter(|part| part.run.is_some());
        let over = parts().all(|part| part.finishing.head.is_some());
        if over { step.to(TaskState::Completed) } else { step }
    }
}

/// The message of a commit that is made for an agent, from the plan.
fn message(title: &str, sub: &SubPlan) -> String {
    let goal = sub.goal();
    let subject = if goal.trim().is_empty() { title } else { &goal };
    let subject = text::words(&text::one_line(subject), SUBJECT);
    format!("{subject}\n\nWhat was left uncommitted of: {}\n", text::one_line(title))
}
