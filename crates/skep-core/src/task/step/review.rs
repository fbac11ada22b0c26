//! Reviews: from a part that is coded to one that passed, was mended, or waits for a person.

use super::{Runs, is_open, may_go_on, reject};
use crate::{
    id::RunId,
    review::{Critique, Severity},
    run::{Outcome, Rejected},
    task::{
        Cycle, CycleState, Effect, Event, Found, Part, PartState, Purpose, Said, Step, Task,
        TaskState, Then, Words,
        next::{Last, Next, Verdict, next},
    },
    time::Timestamp,
};

impl Task {
    /// Whether the work of its parts is looked at by another agent.
    pub(super) fn is_reviewed(&self) -> bool {
        self.course.rules.cycles > 0
    }

    /// What a part is to do next, by the last run of it.
    pub(super) fn next_of(&self, part: &Part, runs: &Runs) -> Next {
        let outcome = part.run.as_ref().and_then(|run| runs.get(run)).and_then(|run| run.outcome());
        let last = match (part.reviews.last().filter(|_| !part.reviews.stale), &part.run) {
            (_, None) => Last::None,
            (_, Some(run)) if is_open(run, runs) => Last::AtWork,
            (Some(cycle), _) => match cycle.state {
                CycleState::Reviewing | CycleState::Failed => Last::Review(Outcome::Failed, None),
                CycleState::Passed => Last::Review(Outcome::Completed, Some(Verdict::Passed)),
                CycleState::CritiquesFound | CycleState::Reimplementing => {
                    Last::Review(Outcome::Completed, Some(Verdict::Critiques))
                }
            },
            (None, _) => outcome.map_or(Last::None, Last::Code),
        };
        next(last, self.is_reviewed())
    }

    /// The work of a part is committed: a reviewer looks at this commit, where one more look may be spent.
    pub(super) fn start_review(
        &self,
        project: &str,
        part: &Part,
        head: String,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        if !part.reviews.may_begin(&self.course.rules) {
            let times = part.reviews.used();
            let text = format!("it was reviewed {times} times, and no review passed it");
            return self.escalate(Step::default(), project, &text, runs, now);
        }
        let (run, cycle) = (self.next_run(0), part.reviews.next());
        let (task, project) = (self.id.clone(), project.to_owned());
        let event = Event::ReviewStarted {
            project: project.clone(),
            cycle,
            run: run.clone(),
            head: head.clone(),
        };
        let purpose = Purpose::Review { project, cycle, head };
        Step { effects: vec![Effect::Brief { task, run, purpose }], ..Step::of([event]) }
    }

    /// What a look before a review found.
    pub(super) fn found_for_review(
        &self,
        run: &RunId,
        project: &str,
        part: &Part,
        found: Found,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        match found {
            Found::Published { head, .. } => self.start_review(project, part, head, runs, now),
            Found::Dirty { files } if !part.finishing.told_to_commit => {
                self.tell(run, project.to_owned(), Words::Commit { files })
            }
            Found::Dirty { files } => {
                let text = format!("not committed: {}", files.join(", "));
                self.escalate(Step::default(), project, &text, runs, now)
            }
            Found::Rejected { text } | Found::Failed { text } => {
                self.escalate(Step::default(), project, &text, runs, now)
            }
        }
    }

    /// The cycle that `run` looks for, as long as it is the last one and not over.
    pub(super) fn cycle_of(&self, run: &RunId) -> Option<(&str, &Part, &Cycle)> {
        let (project, cycle) = self.review_of(run)?;
        let part = self.last_version()?.parts.get(project)?;
        let under_way = part.state == PartState::InProgress && cycle.state == CycleState::Reviewing;
        under_way.then_some((project, part, cycle))
    }

    /// The run of a reviewer is over; what it said is read where it came to its end.
    pub(super) fn reviewer_ended(
        &self,
        run: &RunId,
        outcome: Outcome,
        text: &str,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        let Some((project, _, cycle)) = self.cycle_of(run) else { return Step::default() };
        let (number, head) = (cycle.number, cycle.head.clone());
        match outcome {
            Outcome::Completed => {
                let (task, project) = (self.id.clone(), project.to_owned());
                let run = run.clone();
                let read = Effect::ReadReview { task, run, project, cycle: number, head };
                Step { effects: vec![read], ..Step::default() }
            }
            Outcome::Stopped | Outcome::Interrupted => {
                let rests =
                    Event::SubPlanReset { project: project.to_owned(), anew: false, rests: true };
                let events = [failed(project, number, text, true), rests];
                Step { then: vec![give_back(run)], ..Step::of(events) }
            }
            // It says nothing of the work: that is looked at again, as long as there is something to spend.
            Outcome::Failed | Outcome::Lost => {
                let step = Step::of([failed(project, number, text, false)]);
                let after = self.after(&step.events, now);
                let step = Step { then: vec![give_back(run)], ..step };
                let part = after.last_version().and_then(|version| version.parts.get(project));
                match part.filter(|part| part.reviews.may_begin(&self.course.rules)) {
                    Some(part) => step.and(after.start_review(project, part, head, runs, now)),
                    None => {
                        let text = format!("its review failed: {text}");
                        self.escalate(step, project, &text, runs, now)
                    }
                }
            }
        }
    }

    /// A reviewer's words are read.
    pub(super) fn reviewed(
        &self,
        run: &RunId,
        said: Result<Said, String>,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        let Some((project, part, cycle)) = self.cycle_of(run) else { return Step::default() };
        let number = cycle.number;
        let said = match said {
            Ok(said) if said.touched.is_empty() => said.critiques,
            Ok(said) => {
                let text = format!("its reviewer left changes: {}", said.touched.join(", "));
                return self.review_failed(run, &text, runs, now);
            }
            Err(text) => return self.review_failed(run, &text, runs, now),
        };
        let Some(critiques) = said else {
            if cycle.asked_again || !may_go_on(run, runs) {
                return self.review_failed(run, "its reviewer gave no verdict", runs, now);
            }
            let event = Event::VerdictAsked { project: project.to_owned(), cycle: number };
            let effects = vec![self.word(run, Words::Verdict {})];
            return Step { effects, ..Step::of([event]) };
        };
        let all: Vec<Critique> = critiques.iter().chain(&part.reviews.comments).cloned().collect();
        let (name, cycle) = (project.to_owned(), number);
        let then = vec![give_back(run)];
        if self.course.rules.threshold.passes(&all) {
            let done = Event::SubPlanCompleted { project: name.clone() };
            let events = vec![Event::ReviewPassed { project: name, cycle, critiques }, done];
            let more = self.after(&events, now).advance(runs);
            return Step { then, ..Step::of(events) }.and(more);
        }
        let found = Event::CritiquesFound { project: name, cycle, critiques };
        let step = Step { then, ..Step::of([found]) };
        let after = self.after(&step.events, now);
        let Some(part) = after.last_version().and_then(|version| version.parts.get(project)) else {
            return step;
        };
        let author = part.run.as_ref().filter(|run| may_go_on(run, runs));
        let open = all.len();
        let why = match author {
            _ if !self.course.rules.auto => format!("a review found {open} things to decide on"),
            _ if !part.reviews.may_begin(&self.course.rules) => {
                format!("{} reviews did not settle it: {open} things are open", part.reviews.used())
            }
            None => format!("a review found {open} things, and its author cannot go on"),
            Some(author) => return step.and(after.rework(project, author, all)),
        };
        self.escalate(step, project, &why, runs, now)
    }

    /// The author of a part is to mend these.
    pub(super) fn rework(&self, project: &str, author: &RunId, critiques: Vec<Critique>) -> Step {
        let effects = vec![self.word(author, Words::Rework { critiques: critiques.clone() })];
        let event = Event::ReworkAsked { project: project.to_owned(), critiques };
        Step { effects, ..Step::of([event]) }
    }

    /// A cycle came to nothing, by its reviewer or for want of one: no verdict never passes, and a person decides.
    pub(super) fn review_failed(
        &self,
        run: &RunId,
        text: &str,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        let Some((project, _, cycle)) = self.cycle_of(run) else { return Step::default() };
        let step = Step::of([failed(project, cycle.number, text, false)]);
        let there = runs.contains_key(run).then(|| give_back(run));
        let step = Step { then: there.into_iter().collect(), ..step };
        self.escalate(step, project, text, runs, now)
    }

    /// A person is wanted for a part; what does not need it goes on.
    pub(super) fn escalate(
        &self,
        mut step: Step,
        project: &str,
        text: &str,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        let (project, text) = (project.to_owned(), text.to_owned());
        step.events.push(Event::SubPlanEscalated { project, text });
        let more = self.after(&step.events, now).advance(runs);
        step.and(more)
    }

    /// A person takes a part as it is: what is left is handed over.
    pub(super) fn accept(
        &self,
        project: &str,
        text: String,
        by: String,
        runs: &Runs,
        now: Timestamp,
    ) -> Result<Step, Rejected> {
        self.escalated_part(project)?;
        let project = project.to_owned();
        let events = vec![
            Event::SubPlanAccepted { project: project.clone(), by, text },
            Event::SubPlanCompleted { project },
        ];
        Ok(self.at_work_again(events, runs, now))
    }

    /// A person sends a part back with words, or gives it up without any.
    pub(super) fn send_back(
        &self,
        project: &str,
        text: &str,
        by: String,
        runs: &Runs,
        now: Timestamp,
    ) -> Result<Step, Rejected> {
        let part = self.escalated_part(project)?;
        let name = project.to_owned();
        let started = Event::SubPlanStarted { project: name.clone(), run: None };
        if text.trim().is_empty() {
            let text = format!("given up by {by}");
            let events = vec![started, Event::SubPlanFailed { project: name, text }];
            return Ok(self.at_work_again(events, runs, now));
        }
        let Some(author) = part.run.clone().filter(|run| may_go_on(run, runs)) else {
            let text = format!("{project} of {}: whoever worked on it cannot go on", self.id);
            let hints = [format!("skep approve {} --part {project}", self.id), self.see()];
            return Err(reject("author-gone", text, &[&hints[0], &hints[1]]));
        };
        let mut critiques: Vec<Critique> = part.reviews.open().cloned().collect();
        let (severity, text) = (Severity::Major, text.trim().to_owned());
        let critique =
            Critique { severity, file: None, line: None, text, suggestion: None, by: Some(by) };
        critiques.push(critique.cut());
        let mut events = self.granted(project, part);
        events.push(started);
        let step = self.at_work_again(events, runs, now);
        Ok(step.and(self.rework(project, &author, critiques)))
    }

    /// A person wants a part looked at, whatever was spent on it.
    pub(super) fn ask_review(
        &self,
        project: &str,
        runs: &Runs,
        now: Timestamp,
    ) -> Result<Step, Rejected> {
        let part = self.part_of_plan(project)?;
        let may = [PartState::Escalated, PartState::Completed];
        let at_work = part.run.as_ref().is_some_and(|run| is_open(run, runs));
        if !may.contains(&part.state) || at_work || part.finishing.under_way {
            let state = part.state.as_str().replace('_', " ");
            let text = format!("{project} of {} is {state}, and reviewed when it is done", self.id);
            return Err(reject("part-not-reviewable", text, &[&self.see()]));
        }
        if !part.run.as_ref().is_some_and(|run| super::holds_env(run, runs)) {
            let text = format!("the worktree of {project} of {} is gone", self.id);
            return Err(reject("part-not-reviewable", text, &[&self.see()]));
        }
        if !TaskState::may_become(self.state, TaskState::Implementing)
            && self.state != TaskState::Implementing
        {
            let text = format!("{} is {}", self.id, self.said());
            return Err(reject("task-not-implementable", text, &[&self.see()]));
        }
        let mut events = self.granted(project, part);
        events.push(Event::SubPlanStarted { project: project.to_owned(), run: None });
        let step = self.at_work_again(events, runs, now);
        Ok(step.and(self.look(project, part, None)))
    }

    /// What a person says of a part is kept for its author and its reviewer.
    pub(super) fn comment(&self, project: &str, critique: Critique) -> Result<Step, Rejected> {
        self.part_of_plan(project)?;
        Ok(Step::of([Event::Commented { project: project.to_owned(), critique }]))
    }

    /// Looks at a part before its review: all of it is committed then, and nothing is pushed.
    pub(super) fn look_for_review(&self, project: &str, part: &Part) -> Step {
        let Some(version) = self.last_version() else { return Step::default() };
        if part.finishing.told_to_commit {
            return self.look_again(project, version);
        }
        self.look(project, part, None)
    }

    fn granted(&self, project: &str, part: &Part) -> Vec<Event> {
        let spent = !part.reviews.may_begin(&self.course.rules);
        let granted = Event::ReviewGranted { project: project.to_owned() };
        spent.then_some(granted).into_iter().collect()
    }

    fn at_work_again(&self, events: Vec<Event>, runs: &Runs, now: Timestamp) -> Step {
        let mut after = self.after(&events, now);
        after.state = TaskState::Implementing;
        Step::of(events).to(TaskState::Implementing).and(after.advance(runs))
    }

    fn part_of_plan(&self, project: &str) -> Result<&Part, Rejected> {
        let part = self.plan().and_then(|version| version.parts.get(project));
        part.ok_or_else(|| {
            let text = format!("{} has no part for {project}", self.id);
            reject("part-unknown", text, &[&self.see()])
        })
    }

    fn escalated_part(&self, project: &str) -> Result<&Part, Rejected> {
        let part = self.part_of_plan(project)?;
        if part.state == PartState::Escalated {
            return Ok(part);
        }
        let state = part.state.as_str().replace('_', " ");
        let text = format!("{project} of {} is {state}: nobody waits for a word on it", self.id);
        Err(reject("part-not-escalated", text, &[&self.see()]))
    }
}

fn failed(project: &str, cycle: u32, text: &str, refunded: bool) -> Event {
    Event::ReviewFailed { project: project.to_owned(), cycle, text: text.to_owned(), refunded }
}

fn give_back(run: &RunId) -> Then {
    Then::GiveBack { run: run.clone() }
}
