//! The task's table: what each input means where it stands.
//!
//! Owns: the decisions about plans, waves and handing over. Never: changes anything; `apply` makes it so.

use std::{collections::BTreeMap, sync::Arc};

use super::{Event, Input, Known, Put, Step, Task, TaskState, Then};
use crate::{
    id::{RunId, TaskId, derived},
    run::{EnvState, Rejected, Run},
    time::Timestamp,
};

mod finish;
mod foreman;
mod plan;
mod review;
mod work;

/// What a task may see of the runs.
pub type Runs = BTreeMap<RunId, Arc<Run>>;

impl Task {
    /// Decides what `input` at `now` leads to; [`Task::apply`] then makes it so.
    ///
    /// Errors: [`Rejected`] when the input does not fit where the task stands. A report that came too late to matter
    /// leads to nothing.
    pub fn step(&self, input: Input, runs: &Runs, now: Timestamp) -> Result<Step, Rejected> {
        let step = match input {
            Input::Plan { text, more, projects, choice, tries } => {
                self.ask_plan(text, more, projects, choice, tries, runs)?
            }
            Input::Reject { text, tries } => self.reject_plan(text, tries, runs)?,
            Input::Edit { text } => self.edit_plan(&text)?,
            Input::Approve { from_wave } => self.approve_plan(from_wave)?,
            Input::Implement { branch, choice, rules } => {
                self.implement(branch, choice, rules, runs, now)?
            }
            Input::Accept { project, text, by } => self.accept(&project, text, by, runs, now)?,
            Input::Return { project, text, by } => {
                self.send_back(&project, &text, by, runs, now)?
            }
            Input::Review { project } => self.ask_review(&project, runs, now)?,
            Input::Comment { project, critique } => self.comment(&project, critique)?,
            Input::Asked { run, question, text, context, known } => {
                let put = Put::new(question, run, text, context);
                self.asked_foreman(put, known.as_ref(), runs, now)
            }
            Input::Answered { run, question, text, context, answer, by } => {
                let project = runs.get(&run).and_then(|run| run.brief.part.as_ref());
                let project = project.map(|part| part.project.clone());
                let said = answer.clone().unwrap_or_default();
                let known = Known { question, project, text, context, answer: said, by, at: now };
                self.answered(known, answer.as_deref())
            }
            Input::Withdrawn { question } => self.withdrawn(question),
            Input::Refine { question, text } => self.refine(question, text, runs, now)?,
            Input::Reply { run, text } => self.replied(&run, text, runs, now),
            Input::Reviewed { run, said } => self.reviewed(&run, said, runs, now),
            Input::Finalize => self.finalize(runs)?,
            Input::Archive => self.archive()?,
            Input::Unarchive => self.unarchive()?,
            Input::Amend { title, body, priority, needs } => {
                self.amend(title, body, priority, needs)
            }
            Input::Began { run, warnings, left_out } => self.began(run, warnings, left_out),
            Input::NotBegun { run, text, warnings } => {
                self.not_begun(&run, &text, warnings, runs, now)
            }
            Input::Placed { run } => self.placed(&run, runs, now),
            Input::Ended { run, outcome, text } => self.ended(&run, outcome, &text, runs, now),
            Input::AsBefore { run, text } => self.as_before(&run, &text, runs, now),
            Input::On { plan, wish } => {
                self.require_plan(&plan)?;
                return self.step(*wish, runs, now);
            }
            Input::Again { run } => self.goes_on(&run),
            Input::Draft { run, text } => self.read(&run, text.as_deref()),
            Input::Worded { run, words } => self.worded(&run, words, runs, now),
            Input::Refused { run, text } => self.refused(&run, &text, runs, now),
            Input::Found { run, look, found } => self.found(&run, look, found, runs, now),
        };
        if let Some(to) = step.moves
            && to != self.state
            && self.way_to(to).is_none()
        {
            let text = format!("{} is {}, and cannot become {}", self.id, self.said(), to.as_str());
            return Err(reject("task-misplaced", text, &[&self.see()]));
        }
        Ok(step)
    }

    /// The states by which it comes to `to`: where there is nothing left to carry out, it is carried out on the way.
    pub fn way_to(&self, to: TaskState) -> Option<Vec<TaskState>> {
        let over = TaskState::Implementing;
        if self.state.may_become(to) {
            return Some(vec![to]);
        }
        (self.state.may_become(over) && over.may_become(to)).then(|| vec![over, to])
    }

    fn archive(&self) -> Result<Step, Rejected> {
        if self.state == TaskState::Archived {
            return Ok(Step::default());
        }
        if !self.state.may_become(TaskState::Archived) {
            let text = format!("{} is {}, and only what is over is archived", self.id, self.said());
            return Err(reject("task-not-over", text, &[&self.see()]));
        }
        Ok(Step { moves: Some(TaskState::Archived), ..Step::default() })
    }

    fn unarchive(&self) -> Result<Step, Rejected> {
        match (self.state, self.course.before) {
            (TaskState::Archived, Some(before)) => {
                Ok(Step { moves: Some(before), ..Step::default() })
            }
            _ => {
                let text = format!("{} is {}, not archived", self.id, self.said());
                Err(reject("task-not-archived", text, &[&self.see()]))
            }
        }
    }

    fn amend(
        &self,
        title: Option<String>,
        body: Option<String>,
        priority: Option<i64>,
        needs: Option<Vec<TaskId>>,
    ) -> Step {
        let title = title.filter(|title| *title != self.title);
        let body = body.filter(|body| *body != self.body);
        let priority = priority.filter(|priority| *priority != self.priority);
        let needs = needs.filter(|needs| *needs != self.needs);
        if title.is_none() && body.is_none() && priority.is_none() && needs.is_none() {
            return Step::default();
        }
        Step::of([Event::Amended { title, body, priority, needs }])
    }

    /// The task as it is after these events.
    fn after(&self, events: &[Event], now: Timestamp) -> Task {
        let mut task = self.clone();
        for event in events {
            task.apply(event, now).expect("what is decided of a task fits it");
        }
        task
    }

    /// The id of the next run that is begun for it: the same whenever it is asked for.
    fn next_run(&self, nth: u32) -> RunId {
        RunId::new(derived(&format!("{}/run/{}", self.id, self.course.runs + nth)))
    }

    /// Its state in words.
    fn said(&self) -> String {
        self.state.as_str().replace('_', " ")
    }

    fn see(&self) -> String {
        format!("skep show {}", self.id)
    }
}

impl Step {
    fn of(events: impl IntoIterator<Item = Event>) -> Step {
        Step { events: events.into_iter().collect(), ..Step::default() }
    }

    fn to(mut self, state: TaskState) -> Step {
        self.moves = Some(state);
        self
    }

    /// Adds what another step leads to; where both move, the later one counts.
    fn and(mut self, other: Step) -> Step {
        self.events.extend(other.events);
        self.effects.extend(other.effects);
        self.then.extend(other.then);
        self.moves = other.moves.or(self.moves);
        self
    }
}

impl Then {
    /// The run that it is about.
    pub fn run(&self) -> &RunId {
        match self {
            Then::Release { run }
            | Then::GoOn { run, .. }
            | Then::Stop { run }
            | Then::Answer { run, .. }
            | Then::Escalate { run, .. }
            | Then::GiveBack { run } => run,
        }
    }
}

/// Whether a run that is over may go on where it was.
fn may_go_on(run: &RunId, runs: &Runs) -> bool {
    let there =
        |run: &Arc<Run>| run.is_ended() && !run.undoing && matches!(run.env, EnvState::Held(_));
    runs.get(run).is_some_and(there)
}

/// Whether the place of a run stands.
fn holds_env(run: &RunId, runs: &Runs) -> bool {
    runs.get(run).is_some_and(|run| matches!(run.env, EnvState::Held(_)))
}

/// Whether something of a run lives, or it is in line.
fn is_open(run: &RunId, runs: &Runs) -> bool {
    runs.get(run).is_some_and(|run| !run.is_ended())
}

fn reject(slug: &'static str, text: String, hints: &[&str]) -> Rejected {
    Rejected { slug, text, hints: hints.iter().map(|hint| (*hint).to_owned()).collect() }
}
