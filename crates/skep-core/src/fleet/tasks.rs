//! Where tasks and their runs meet: what a run comes to is told to its task, and what a task wants is done to its runs.
//!
//! Owns: the order of it, in one batch. Never: decides what a task or a run does.

use std::{collections::BTreeSet, sync::Arc};

use super::{Begun, Decided, Effect, Event, Fleet, House, Rejected, reject};
use crate::{
    id::{OpId, RunId, TaskId, derived},
    run::{self, How, Run, question::Whom},
    task::{self, CycleState, Input, Known, TaskState, Then},
    time::Timestamp,
};

/// How many answers a project keeps.
const KNOWN: usize = 500;

/// What a step of a run means to the task whose plan it is of.
pub(super) struct Told {
    task: Option<TaskId>,
    run: RunId,
    was_ended: bool,
    has_foreman: bool,
    inputs: Vec<Input>,
}

impl Told {
    /// Nothing yet; that it goes on is news only where its task did not want it.
    pub(super) fn of(run: &Run, by_task: bool) -> Told {
        Told {
            task: run.brief.task.clone().filter(|_| run.brief.is_of_plan()),
            run: run.id().clone(),
            was_ended: run.is_ended() && !by_task,
            has_foreman: run.brief.foreman,
            inputs: Vec::new(),
        }
    }

    /// Takes an event of the run for what it means to its task.
    pub(super) fn hear(&mut self, event: &run::Event) {
        let run = self.run.clone();
        // Who goes on in the same step has not come to an end.
        let goes_on = matches!(event, run::Event::Requeued { .. } | run::Event::AsBefore { .. });
        if goes_on && matches!(self.inputs.last(), Some(Input::Ended { .. })) {
            self.inputs.pop();
        }
        let input = if let run::Event::Readied {} = event {
            Input::Placed { run }
        } else if let run::Event::Ended { outcome, reason, text, .. } = event {
            let reason = reason.map(run::Reason::as_str).unwrap_or_default();
            let text = match text.trim() {
                "" => reason.to_owned(),
                words if reason.is_empty() => words.to_owned(),
                words => format!("{reason}: {words}"),
            };
            Input::Ended { run, outcome: *outcome, text }
        } else if let run::Event::AsBefore { text } = event {
            Input::AsBefore { run, text: text.clone() }
        } else if matches!(event, run::Event::Requeued { .. } if self.was_ended) {
            Input::Again { run }
        } else if let run::Event::QuestionAsked { question } = event {
            if question.asking.to != Whom::Foreman || !self.has_foreman {
                return;
            }
            let run::question::Asking { text, context, .. } = question.asking.clone();
            Input::Asked { run, question: question.id.clone(), text, context, known: None }
        } else if let run::Event::QuestionAnswered { id, answer } = event {
            let (answer, by) = (answer.text.clone(), answer.by.clone());
            let (question, text) = (id.clone(), String::new());
            Input::Answered { run, question, text, context: None, answer, by }
        } else if let run::Event::QuestionWithdrawn { id } = event {
            Input::Withdrawn { question: id.clone() }
        } else {
            return;
        };
        if self.task.is_some() {
            self.inputs.push(input);
        }
    }
}

impl Fleet {
    /// Tells a task what one of its runs came to.
    pub(super) fn tell_task(&mut self, told: Told, now: Timestamp, decided: &mut Decided) {
        let Some(task) = told.task.filter(|task| self.tasks.contains_key(task)) else { return };
        for input in told.inputs {
            let input = self.completed(input);
            let heard = self.step_task(&task, input, now, decided);
            // What a run came to is a fact, whatever its task makes of it.
            debug_assert!(heard.is_ok(), "{heard:?}");
        }
    }

    /// Adds to what a task hears of a question what it does not know by itself: its words, and what its project knows.
    fn completed(&self, mut input: Input) -> Input {
        if let Input::Asked { run, text, context, known, .. } = &mut input {
            let project = self.runs.get(run).and_then(|run| run.brief.project.as_ref());
            let kept = project.and_then(|project| self.answers.get(project));
            let is_it = |known: &&Known| known.is_about(text, context.as_deref());
            *known = kept.and_then(|kept| kept.iter().rev().find(is_it)).cloned();
        } else if let Input::Answered { run, question, text, context, .. } = &mut input {
            let asked = self.runs.get(run).and_then(|run| {
                run.questions.iter().find(|it| it.id == *question).map(|it| &it.asking)
            });
            if let Some(asked) = asked {
                (*text, *context) = (asked.text.clone(), asked.context.clone());
            }
        }
        input
    }

    /// Keeps an answer with its project: it is known there when its task is long gone.
    pub(super) fn learn(&mut self, known: &Known) {
        let Some(project) = &known.project else { return };
        let answers = self.answers.entry(project.clone()).or_default();
        answers.push(known.clone());
        if answers.len() > KNOWN {
            answers.remove(0);
        }
    }

    /// Decides what a task does, and has its runs do what follows.
    pub(super) fn step_task(
        &mut self,
        id: &TaskId,
        input: Input,
        now: Timestamp,
        decided: &mut Decided,
    ) -> Result<(), Rejected> {
        if let Input::Amend { needs: Some(needs), .. } = &input {
            self.check_needs(id, needs)?;
        }
        let task = self.require_task(id)?;
        let step = task.step(input, &self.runs, now)?;
        let run = task.run.clone();
        let to = step.moves.filter(|to| *to != task.state);
        let ways = to.and_then(|to| task.way_to(to)).unwrap_or_default();
        for event in step.events {
            self.record(id.as_str(), Event::Task(event), now, decided);
        }
        for state in ways {
            let run = run.clone();
            self.note(id.as_str(), House::TaskMoved { state, run }, now, decided);
        }
        decided.effects.extend(step.effects.into_iter().map(Effect::Task));
        for then in step.then {
            self.follow(id, then, now, decided)?;
        }
        Ok(())
    }

    /// What a run cannot do that its task wants of it, the task hears.
    fn follow(
        &mut self,
        task: &TaskId,
        then: Then,
        now: Timestamp,
        decided: &mut Decided,
    ) -> Result<(), Rejected> {
        let run = then.run().clone();
        let input = match then {
            Then::Release { .. } => run::Input::Release,
            Then::GoOn { words, .. } => {
                run::Input::Again { goes_on: true, message: words, speech: None }
            }
            Then::Stop { .. } => run::Input::Stop { force: false },
            Then::Answer { question, text, by, .. } => {
                let input = run::Input::Answer { question, text: Some(text), by };
                self.try_step(&run, input, now, decided);
                return Ok(());
            }
            Then::Escalate { question, proposal, .. } => {
                let input = run::Input::Escalate { question, proposal };
                self.try_step(&run, input, now, decided);
                return Ok(());
            }
            Then::GiveBack { .. } => {
                let op = OpId::new(derived(&format!("{run}/given-back")));
                let input = run::Input::Close { op, how: How::Force };
                self.try_step(&run, input, now, decided);
                return Ok(());
            }
        };
        match self.step_for(&run, input, true, now, decided) {
            Ok(()) => Ok(()),
            Err(rejected) => {
                let input = Input::Refused { run, text: rejected.text };
                self.step_task(task, input, now, decided)
            }
        }
    }

    /// Does what may have been done meanwhile by somebody else: who was answered needs no answer, and what is gone is gone.
    fn try_step(&mut self, run: &RunId, input: run::Input, now: Timestamp, decided: &mut Decided) {
        let _done_before = self.step_for(run, input, true, now, decided);
    }

    /// Whether the env of a run that is over is still needed: its task's plan is not carried out yet.
    pub(super) fn is_wanted(&self, run: &RunId) -> bool {
        let run = self.runs.get(run).filter(|run| run.brief.is_of_plan());
        let run = run.filter(|run| run.brief.kind != run::Kind::Review);
        let task = run.and_then(|run| self.tasks.get(run.brief.task.as_ref()?));
        task.is_some_and(|task| !task.state.is_over() || task.state == TaskState::Failed)
    }

    /// Begins the run that a task asked for, or tells it that it cannot be.
    pub(super) fn begin(
        &mut self,
        id: &TaskId,
        run: RunId,
        begun: Result<Begun, String>,
        warnings: Vec<task::Warning>,
        now: Timestamp,
        decided: &mut Decided,
    ) -> Result<(), Rejected> {
        let task = self.require_task(id)?;
        // Nobody waits for it any more.
        let planned = task.course.planning.as_ref().is_some_and(|now| now.run == run && !now.begun);
        let course = &task.course;
        let foreman = course.foreman.run.as_ref() == Some(&run) && course.foreman.at.is_some();
        let wanted = planned || foreman || task.part_of(&run).is_some();
        if !wanted && task.review_of(&run).is_none() {
            return Ok(());
        }
        let made = match begun {
            Ok(Begun { brief, naming, left_out }) => {
                let created = self.create(*brief, &naming, now, decided);
                created.map(|()| left_out).map_err(|rejected| rejected.text)
            }
            Err(text) => Err(text),
        };
        let input = match made {
            Ok(left_out) => Input::Began { run, warnings, left_out },
            Err(text) => Input::NotBegun { run, text, warnings },
        };
        self.step_task(id, input, now, decided)
    }

    /// Removes a task; with `force` each of its runs that lives or holds an env is given up in the same batch.
    pub(super) fn remove_task(
        &mut self,
        id: &TaskId,
        force: Option<&OpId>,
        now: Timestamp,
        decided: &mut Decided,
    ) -> Result<(), Rejected> {
        self.require_task(id)?;
        if let Some(other) = self.tasks.values().find(|task| task.needs.contains(id)) {
            let text = format!("{} needs {id}", other.id);
            let way = format!("skep task edit {} --no-needs", other.id);
            return Err(reject("task-needed", text, &[&way]));
        }
        let of_it = |run: &&Arc<Run>| run.brief.task.as_ref() == Some(id);
        let held = |run: &&Arc<Run>| !run.is_ended() || run.holds_env();
        let held: Vec<&Arc<Run>> = self.runs.values().filter(of_it).filter(held).collect();
        let Some(op) = force else {
            if let Some(run) = held.first() {
                let holds = if run.holds_env() { " and holds an env" } else { "" };
                let text = format!("{} of {id} is {}{holds}", run.id(), run.state_name());
                let way =
                    format!("skep task rm {id} --force   stops its runs; all of each is kept");
                return Err(reject("task-held", text, &[&way]));
            }
            self.note(id.as_str(), House::TaskRemoved {}, now, decided);
            return Ok(());
        };
        let give_up = || run::Input::Abandon { op: op.clone() };
        for run in &held {
            // All of them or none.
            self.require_no_guest(run, &give_up(), true)?;
            run.step(give_up(), now)?;
        }
        let held: Vec<RunId> = held.into_iter().map(|run| run.id().clone()).collect();
        // It goes first, so that nothing is begun for it because one of its runs ends.
        self.note(id.as_str(), House::TaskRemoved {}, now, decided);
        for run in held {
            self.step_for(&run, give_up(), true, now, decided)?;
        }
        Ok(())
    }

    /// What a task is to need must be there, and must not need it in turn.
    fn check_needs(&self, id: &TaskId, needs: &[TaskId]) -> Result<(), Rejected> {
        let mut seen = BTreeSet::new();
        let mut line = needs.to_vec();
        while let Some(next) = line.pop() {
            if next == *id {
                let text = format!("{id} would need itself, over what it is to need");
                return Err(reject("task-needs-itself", text, &[&format!("skep task show {id}")]));
            }
            let task = self.require_task(&next)?;
            if seen.insert(next) {
                line.extend(task.needs.iter().cloned());
            }
        }
        Ok(())
    }

    /// What may stand against another attempt of a run that belongs to a plan: that the plan knows nothing of it.
    pub(super) fn check_of_plan(&self, run: &Run) -> Result<(), Rejected> {
        let task = run.brief.task.as_ref().and_then(|task| self.tasks.get(task));
        let Some(task) = task else { return Ok(()) };
        if run.brief.kind == run::Kind::Plan {
            let text = format!("{} makes plans; ask for another one", run.id());
            let hints = [format!("skep plan {}", task.id), format!("skep reject {} TEXT", task.id)];
            return Err(reject("planning-run", text, &[&hints[0], &hints[1]]));
        }
        let serves = match run.brief.kind {
            run::Kind::Review => Some(("reviews for", format!("skep review {}", task.id))),
            run::Kind::Foreman => Some(("answers for", format!("skep foreman status {}", task.id))),
            run::Kind::Code | run::Kind::Plan | run::Kind::Manual | run::Kind::Gate => None,
        };
        if let Some((serves, way)) = serves {
            let text = format!("{} {serves} {}, which says when it goes on", run.id(), task.id);
            return Err(reject("run-of-task", text, &[&way, &format!("skep show {}", task.id)]));
        }
        if let Some(cycle) = task.part_of(run.id()).and_then(|project| {
            let reviews = &task.last_version()?.parts.get(project)?.reviews;
            reviews.last().filter(|cycle| cycle.state == CycleState::Reviewing)
        }) {
            let text = format!("what {} did is being reviewed by {}", run.id(), cycle.run);
            let hints = [format!("skep wait {}", cycle.run), format!("skep stop {}", cycle.run)];
            return Err(reject("work-in-review", text, &[&hints[0], &hints[1]]));
        }
        let states = [
            TaskState::Implementing,
            TaskState::Failed,
            TaskState::Reviewing,
            TaskState::Completed,
        ];
        if task.part_of(run.id()).is_none() || !states.contains(&task.state) {
            let text = format!("{} is of a plan that does not hold any more", run.id());
            return Err(reject("not-of-plan", text, &[&format!("skep show {}", task.id)]));
        }
        Ok(())
    }

    fn require_task(&self, id: &TaskId) -> Result<&Arc<task::Task>, Rejected> {
        self.tasks.get(id).ok_or_else(|| {
            reject("task-unknown", format!("`{id}` is not a task"), &["skep task ls"])
        })
    }
}
