//! Carrying a plan out: worktrees first, then wave after wave.

use std::sync::Arc;

use super::{Runs, holds_env, is_open, may_go_on, reject};
use crate::{
    id::RunId,
    run::{EnvState, Kind, Outcome, Rejected, Run},
    task::{
        Choice, Effect, Event, Part, PartState, PlanState, Purpose, Rules, Step, Task, TaskState,
        Then, Version, Warning, Words,
        execution::ready,
        next::{Last, Next, next},
    },
    time::Timestamp,
};

impl Task {
    pub(super) fn implement(
        &self,
        branch: String,
        choice: Choice,
        rules: Rules,
        runs: &Runs,
        now: Timestamp,
    ) -> Result<Step, Rejected> {
        let id = &self.id;
        let Some(version) = self.plan().filter(|plan| plan.state == PlanState::Approved) else {
            let text = format!("{id} has no approved plan");
            let hints = [format!("skep plan {id}"), format!("skep approve {id}")];
            return Err(reject("plan-not-approved", text, &[&hints[0], &hints[1]]));
        };
        let may = [TaskState::Approved, TaskState::Implementing, TaskState::Failed];
        if !may.contains(&self.state) {
            let text = format!("{id} is {}", self.said());
            return Err(reject("task-not-implementable", text, &[&self.see()]));
        }
        let at_work = |run: &RunId| runs.get(run).is_some_and(|run| !run.is_ended() && !run.held);
        let busy = |part: &Part| {
            part.finishing.under_way
                || part.run.as_ref().is_some_and(at_work)
                || part.reviews.is_under_way()
        };
        if self.gives_back(runs) {
            let text = format!("a worktree of {id} is being given back; ask again in a moment");
            return Err(reject("task-at-work", text, &[&self.see()]));
        }
        if version.parts.values().any(busy) || is_being_placed(version) {
            let text = format!("{id} is at work already");
            return Err(reject("task-at-work", text, &[&self.see()]));
        }
        let mut events =
            vec![Event::ImplementAsked { plan: version.id.clone(), branch, choice, rules }];
        let mut effects = Vec::new();
        for project in version.projects() {
            let Some(part) = version.parts.get(project) else { continue };
            // What waits for a person goes on by that person's word.
            if matches!(part.state, PartState::Completed | PartState::Escalated) {
                continue;
            }
            let project = project.to_owned();
            let usable = part
                .run
                .as_ref()
                .is_some_and(|run| may_go_on(run, runs) || is_open(run, runs) && part.placed);
            if part.state != PartState::Pending || part.rests {
                let project = project.clone();
                events.push(Event::SubPlanReset { project, anew: !usable, rests: false });
            }
            if !usable {
                let nth = u32::try_from(effects.len()).unwrap_or(u32::MAX);
                let (task, run) = (self.id.clone(), self.next_run(nth));
                events.push(Event::PartGiven { project: project.clone(), run: run.clone() });
                effects.push(Effect::Brief { task, run, purpose: Purpose::Part { project } });
            }
        }
        let mut after = self.after(&events, now);
        after.state = TaskState::Implementing;
        let step = Step { effects, ..Step::of(events) }.to(TaskState::Implementing);
        Ok(step.and(after.advance(runs)))
    }

    /// Whether a place of its is being given back: it cannot be wanted meanwhile.
    pub fn gives_back(&self, runs: &Runs) -> bool {
        let leaves = |run: &Arc<Run>| {
            let is_own = run.brief.task.as_ref() == Some(&self.id)
                && run.brief.part.is_some()
                && run.brief.kind == Kind::Code;
            is_own && (run.undoing || matches!(run.env, EnvState::Closing { .. }))
        };
        runs.values().any(leaves)
    }

    /// What may begin now begins: the next wave, the handing over, or the end.
    pub(super) fn advance(&self, runs: &Runs) -> Step {
        let Some(version) = self.plan().filter(|_| self.state == TaskState::Implementing) else {
            return Step::default();
        };
        let any = |state| version.parts.values().any(|part| part.state == state);
        if any(PartState::InProgress) {
            return Step::default();
        }
        if any(PartState::Failed) {
            return Step::default().to(TaskState::Failed);
        }
        if is_being_placed(version) {
            return Step::default();
        }
        let wave = ready(version);
        if !wave.is_empty() {
            return self.begin(version, wave, runs);
        }
        let rests = version.parts.values().any(|part| part.rests);
        if any(PartState::Escalated) && !rests {
            return Step::default().to(TaskState::Reviewing);
        }
        if any(PartState::Pending) {
            return Step::default();
        }
        self.hand_over(version, runs)
    }

    fn begin(&self, version: &Version, wave: Vec<String>, runs: &Runs) -> Step {
        let mut step = Step::of([Event::WaveStarted { projects: wave.clone() }]);
        for project in wave {
            let Some(part) = version.parts.get(&project) else { continue };
            let next = self.next_of(part, runs);
            if next == Next::Review
                && !part.reworded
                && part.run.as_ref().is_some_and(|run| holds_env(run, runs))
            {
                step.events.push(Event::SubPlanStarted { project: project.clone(), run: None });
                step = step.and(self.look_for_review(
                    &project,
                    &Part { state: PartState::InProgress, ..part.clone() },
                ));
                continue;
            }
            if let Some(run) = part.run.clone() {
                if next == Next::Mend && !part.reworded && may_go_on(&run, runs) {
                    step.events.push(Event::SubPlanStarted { project: project.clone(), run: None });
                    let open = part.reviews.open().cloned().collect();
                    step = step.and(self.rework(&project, &run, open));
                    continue;
                }
                if runs.get(&run).is_some_and(|run| run.held) {
                    step.then.push(Then::Release { run });
                } else if part.reworded {
                    let words = Words::Part { project: project.clone() };
                    step.effects.push(self.word(&run, words));
                } else {
                    step.then.push(Then::GoOn { run, words: None });
                }
            }
            step.events.push(Event::SubPlanStarted { project, run: part.run.clone() });
        }
        step
    }

    /// The run of a part is there; where another part could not be begun meanwhile, it is not wanted any more.
    pub(super) fn part_began(&self, run: RunId) -> Step {
        let failed =
            |version: &Version| version.parts.values().any(|part| part.state == PartState::Failed);
        let mine = self.part_of(&run).is_some();
        let wanted = self.state == TaskState::Implementing
            && self.plan().is_some_and(|version| !failed(version));
        let then = (mine && !wanted).then_some(Then::Stop { run });
        Step { then: then.into_iter().collect(), ..Step::default() }
    }

    pub(super) fn placed(&self, run: &RunId, runs: &Runs, now: Timestamp) -> Step {
        let Some(project) = self.part_of(run) else { return Step::default() };
        let events = vec![Event::PartPlaced { project: project.to_owned() }];
        let more = self.after(&events, now).advance(runs);
        Step::of(events).and(more)
    }

    pub(super) fn not_begun(
        &self,
        run: &RunId,
        text: &str,
        warnings: Vec<Warning>,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        if let Some(planning) = self.planning_of(run) {
            return self.plan_failed(planning, text, &[], warnings);
        }
        if self.cycle_of(run).is_some() {
            return self.review_failed(run, text, runs, now);
        }
        if self.is_foreman(run) {
            return self.foreman_stops(text);
        }
        self.part_ended(run, Outcome::Failed, text, runs, now)
    }

    pub(super) fn ended(
        &self,
        run: &RunId,
        outcome: Outcome,
        text: &str,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        if self.planning_of(run).is_some() {
            return self.planner_ended(run, outcome, text);
        }
        if self.is_foreman(run) {
            return self.foreman_ended(run, outcome, text, runs, now);
        }
        if self.review_of(run).is_some() {
            return self.reviewer_ended(run, outcome, text, runs, now);
        }
        self.part_ended(run, outcome, text, runs, now)
    }

    fn part_ended(
        &self,
        run: &RunId,
        outcome: Outcome,
        text: &str,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        let found = self.part_of(run).zip(self.last_version());
        let Some((project, version)) = found else { return Step::default() };
        let Some(part) = version.parts.get(project) else { return Step::default() };
        let project = project.to_owned();
        let over = next(Last::Code(outcome), false);
        let stopped = matches!(over, Next::Open);
        match part.state {
            PartState::InProgress => {
                if over == Next::Completed && (self.is_reviewed() || part.finishing.under_way) {
                    return self.look_for_review(&project, part);
                }
                let event = match over {
                    Next::Completed => Event::SubPlanCompleted { project },
                    Next::Open => Event::SubPlanReset { project, anew: false, rests: true },
                    Next::Wait
                    | Next::Implement
                    | Next::Mend
                    | Next::Review
                    | Next::Failed
                    | Next::Escalated => Event::SubPlanFailed { project, text: text.to_owned() },
                };
                let events = vec![event];
                let more = self.after(&events, now).advance(runs);
                Step::of(events).and(more)
            }
            // Before any of the wave began: nobody begins then, and who has a worktree gives it back.
            PartState::Pending if stopped => {
                Step::of([Event::SubPlanReset { project, anew: true, rests: true }])
            }
            PartState::Pending => {
                let events = vec![
                    Event::SubPlanStarted { project: project.clone(), run: part.run.clone() },
                    Event::SubPlanFailed { project: project.clone(), text: text.to_owned() },
                ];
                let others = version.parts.iter().filter(|(other, _)| **other != project);
                let waiting = others.filter_map(|(_, part)| {
                    part.run.as_ref().filter(|run| is_waiting(run, runs)).cloned()
                });
                let then = waiting.map(|run| Then::Stop { run }).collect();
                let more = self.after(&events, now).advance(runs);
                Step { then, ..Step::of(events) }.and(more)
            }
            PartState::Completed if self.is_to_be_handed_over(part) && !stopped => {
                self.look(&project, part, None)
            }
            PartState::Completed
                if stopped && (part.finishing.under_way || self.is_to_be_handed_over(part)) =>
            {
                self.stopped_in_order(&project, now)
            }
            PartState::Completed if part.finishing.under_way => self.look_again(&project, version),
            PartState::Completed | PartState::Failed | PartState::Escalated => Step::default(),
        }
    }

    /// A run of its could not begin what was wanted: what was done before is done, and what was not is not.
    pub(super) fn as_before(&self, run: &RunId, text: &str, runs: &Runs, now: Timestamp) -> Step {
        let found = self.part_of(run).zip(self.last_version());
        let part = found.and_then(|(project, version)| version.parts.get(project));
        let was_done = part.is_some_and(|part| part.was_done);
        let outcome = if was_done { Outcome::Completed } else { Outcome::Failed };
        self.ended(run, outcome, text, runs, now)
    }

    /// One of its runs goes on by a person's wish: the part is at work again, and the task with it.
    pub(super) fn goes_on(&self, run: &RunId) -> Step {
        let found = self.part_of(run).zip(self.plan());
        let Some((project, version)) = found else { return Step::default() };
        let state = version.parts.get(project).map(|part| part.state);
        if state == Some(PartState::InProgress) {
            return Step::default();
        }
        let event = Event::SubPlanStarted { project: project.to_owned(), run: Some(run.clone()) };
        Step::of([event]).to(TaskState::Implementing)
    }

    /// A run of its cannot do what was wanted of it.
    pub(super) fn refused(&self, run: &RunId, text: &str, runs: &Runs, now: Timestamp) -> Step {
        if let Some(planning) = self.planning_of(run) {
            return self.plan_failed(planning, text, &[], Vec::new());
        }
        if self.cycle_of(run).is_some() {
            return self.review_failed(run, text, runs, now);
        }
        if self.is_foreman(run) {
            return self.foreman_died(text, runs, now);
        }
        if is_open(run, runs) {
            return Step::default();
        }
        let found = self.part_of(run).zip(self.last_version());
        let part = found.and_then(|(project, version)| version.parts.get(project));
        match part {
            Some(part) if part.finishing.under_way => {
                self.part_worded(run, Err(text.to_owned()), runs, now)
            }
            Some(_) => self.part_ended(run, Outcome::Failed, text, runs, now),
            None => Step::default(),
        }
    }
}

/// Whether worktrees are being made: some parts have runs whose place does not stand yet.
fn is_being_placed(version: &Version) -> bool {
    let waits = |part: &Part| {
        part.state == PartState::Pending && part.run.is_some() && !part.placed && !part.rests
    };
    version.parts.values().any(waits)
}

/// Whether a run only waits for its wave: nothing ever ran in its place.
fn is_waiting(run: &RunId, runs: &Runs) -> bool {
    runs.get(run)
        .is_some_and(|run| run.held && !run.is_ended() && !matches!(run.env, EnvState::Closed(_)))
}
