//! Planning: from the wish to a plan that a person took.

use std::collections::BTreeMap;

use super::{Runs, may_go_on, reject};
use crate::{
    id::{PlanId, RunId, derived},
    plan::{self, Finding, Plan, SubPlan},
    run::{Outcome, Rejected},
    task::{
        Choice, Effect, Event, PartState, PlanState, Planning, Purpose, Step, Task, TaskState,
        Then, Version, Warning, Why, Words, apply::told,
    },
    time::Timestamp,
};

impl Task {
    pub(super) fn ask_plan(
        &self,
        text: String,
        more: bool,
        projects: Vec<String>,
        choice: Choice,
        tries: u32,
        runs: &Runs,
    ) -> Result<Step, Rejected> {
        let id = &self.id;
        let why = match self.state {
            TaskState::Completed | TaskState::Merged if more => Why::FollowUp,
            TaskState::Ingested
            | TaskState::PlanReview
            | TaskState::Completed
            | TaskState::Merged
                if !more =>
            {
                Why::Fresh
            }
            TaskState::Planning => {
                let run = self.course.planning.as_ref().map(|planning| planning.run.to_string());
                let run = run.unwrap_or_else(|| id.to_string());
                let text = format!("{id} is being planned by {run}");
                let hints = [format!("skep logs {run} -f"), format!("skep stop {run}")];
                return Err(reject("planning-under-way", text, &[&hints[0], &hints[1]]));
            }
            TaskState::Approved => {
                let text = format!("the plan of {id} is approved");
                return Err(reject("plan-approved", text, &[&format!("skep implement {id}")]));
            }
            TaskState::PlanReview => {
                let text =
                    format!("{id} has a plan that waits for you; --more is for what is done");
                return Err(reject("plan-waits", text, &[&format!("skep reject {id} TEXT")]));
            }
            TaskState::Ingested
            | TaskState::Implementing
            | TaskState::Reviewing
            | TaskState::Completed
            | TaskState::Failed
            | TaskState::Merged
            | TaskState::Archived => {
                let text = format!("{id} is {}, and cannot be planned so", self.said());
                return Err(reject("task-not-plannable", text, &[&self.see()]));
            }
        };
        if projects.is_empty() {
            let text = "there is no project to plan for".to_owned();
            return Err(reject("no-project", text, &["skep project add PATH"]));
        }
        let approved = self.plan().is_some_and(|plan| plan.state == PlanState::Approved);
        if why == Why::FollowUp && !approved {
            let text = format!("{id} was not done by a plan");
            return Err(reject("no-plan", text, &[&format!("skep plan {id}")]));
        }
        Ok(self.asked(why, text, projects, choice, tries, runs))
    }

    pub(super) fn reject_plan(
        &self,
        text: String,
        tries: u32,
        runs: &Runs,
    ) -> Result<Step, Rejected> {
        let plan = self.plan_in_review()?.id.clone();
        let rejected = Step::of([Event::PlanRejected { plan, text: text.clone() }]);
        let (projects, choice) = (self.course.projects.clone(), self.choice.clone());
        Ok(rejected.and(self.asked(Why::Feedback, text, projects, choice, tries, runs)))
    }

    /// Asks for a plan: of the run that planned before, where it can go on, else of a new one.
    fn asked(
        &self,
        why: Why,
        text: String,
        projects: Vec<String>,
        choice: Choice,
        tries: u32,
        runs: &Runs,
    ) -> Step {
        let before = self.course.planner.as_ref().filter(|_| why != Why::Fresh);
        let same = before.filter(|run| may_go_on(run, runs)).cloned();
        let draft = match self.course.drafts {
            0 => "plan-draft.md".to_owned(),
            drafts => format!("plan-draft-{}.md", drafts + 1),
        };
        let run = same.clone().unwrap_or_else(|| self.next_run(0));
        let effect = match (&same, why) {
            (Some(_), Why::Feedback) => self.word(&run, Words::Revision { draft: draft.clone() }),
            (Some(_), Why::Fresh | Why::FollowUp) => {
                self.word(&run, Words::FollowUp { draft: draft.clone() })
            }
            (None, _) => Effect::Brief {
                task: self.id.clone(),
                run: run.clone(),
                purpose: Purpose::Plan { draft: draft.clone() },
            },
        };
        let goes_on = same.is_some();
        let before = self.state;
        let event =
            Event::PlanAsked { why, text, projects, choice, run, goes_on, draft, tries, before };
        let step = Step { effects: vec![effect], ..Step::of([event]) };
        step.to(TaskState::Planning)
    }

    pub(super) fn word(&self, run: &RunId, words: Words) -> Effect {
        Effect::Word { task: self.id.clone(), run: run.clone(), words }
    }

    /// The planning that `run` is for.
    pub(super) fn planning_of(&self, run: &RunId) -> Option<&Planning> {
        self.course.planning.as_ref().filter(|planning| planning.run == *run)
    }

    pub(super) fn began(&self, run: RunId, warnings: Vec<Warning>, left_out: Vec<String>) -> Step {
        match self.planning_of(&run) {
            Some(planning) if !planning.begun => {
                Step::of([Event::PlanBegun { run, warnings, left_out }])
            }
            Some(_) => Step::default(),
            None => self.part_began(run),
        }
    }

    /// An attempt of the planner is over: what it left is read, and nothing else that it said counts.
    pub(super) fn planner_ended(&self, run: &RunId, outcome: Outcome, text: &str) -> Step {
        let Some(planning) = self.planning_of(run) else { return Step::default() };
        match outcome {
            Outcome::Completed => {
                let (task, run, draft) = (self.id.clone(), run.clone(), planning.draft.clone());
                Step { effects: vec![Effect::ReadDraft { task, run, draft }], ..Step::default() }
            }
            Outcome::Stopped | Outcome::Interrupted => {
                self.back(planning, Event::PlanCancelled { run: run.clone() })
            }
            Outcome::Failed | Outcome::Lost => self.plan_failed(planning, text, &[], Vec::new()),
        }
    }

    pub(super) fn plan_failed(
        &self,
        planning: &Planning,
        text: &str,
        findings: &[Finding],
        warnings: Vec<Warning>,
    ) -> Step {
        let (run, text) = (planning.run.clone(), text.to_owned());
        self.back(planning, Event::PlanFailed { run, text, findings: findings.to_vec(), warnings })
    }

    /// Nothing came of it: everything is as it was, a plan that was sent back too.
    fn back(&self, planning: &Planning, why: Event) -> Step {
        let sent_back = self.plan().filter(|plan| plan.state == PlanState::Rejected);
        let again = sent_back.map(|plan| Event::PlanSubmitted { plan: plan.id.clone() });
        Step::of([why].into_iter().chain(again)).to(planning.before)
    }

    pub(super) fn read(&self, run: &RunId, text: Option<&str>) -> Step {
        let Some(planning) = self.planning_of(run) else { return Step::default() };
        let names = match planning.why {
            Why::Fresh => planning.projects.clone(),
            Why::Feedback | Why::FollowUp => self.names(&planning.projects),
        };
        let checked = plan::check(text.unwrap_or_default(), Some(&names));
        if checked.findings.is_empty() {
            return self.generated(planning, checked.plan);
        }
        if planning.refused >= planning.tries {
            let text = told(&checked.findings);
            return self.plan_failed(planning, &text, &checked.findings, Vec::new());
        }
        let (findings, draft) = (checked.findings, planning.draft.clone());
        let refused = Event::DraftRefused { run: run.clone(), findings: findings.clone() };
        let effects = vec![self.word(run, Words::Correction { findings, draft })];
        Step { effects, ..Step::of([refused]) }
    }

    fn generated(&self, planning: &Planning, plan: Plan) -> Step {
        let last = self.last_version();
        let number = last.map_or(0, |last| last.number) + 1;
        let id = PlanId::new(derived(&format!("{}/plan/{number}", self.id)));
        let old = self.plan();
        let superseded =
            old.map(|old| Event::PlanSuperseded { plan: old.id.clone(), by: id.clone() });
        // What is done stays done, whether more is wanted of it or a plan for more was sent back.
        let done =
            |old: &&Version| old.parts.values().any(|part| part.state == PartState::Completed);
        let carries = planning.why != Why::Fresh;
        let (document, carried) = match old.filter(|_| carries).filter(done) {
            Some(old) => carry_over(old, plan),
            None => (plan, Vec::new()),
        };
        let generated = Event::PlanGenerated {
            plan: id.clone(),
            version: number,
            document: Box::new(document),
            carried,
        };
        let events = superseded.into_iter().chain([generated, Event::PlanSubmitted { plan: id }]);
        Step::of(events).to(TaskState::PlanReview)
    }

    /// Errors: another plan holds by now.
    pub(super) fn require_plan(&self, wanted: &PlanId) -> Result<(), Rejected> {
        match self.plan().filter(|plan| plan.id != *wanted) {
            None => Ok(()),
            Some(plan) => {
                let text =
                    format!("{wanted} is not the plan of {} any more: {} is", self.id, plan.id);
                Err(reject("plan-superseded", text, &[&format!("skep plan show {}", plan.id)]))
            }
        }
    }

    /// The projects that a plan may name: those that it was asked for, and those whose work stands.
    fn names(&self, asked: &[String]) -> Vec<String> {
        let mut names = asked.to_vec();
        for project in self.last_version().iter().flat_map(|version| version.projects()) {
            if !names.iter().any(|name| name == project) {
                names.push(project.to_owned());
            }
        }
        names
    }

    fn plan_in_review(&self) -> Result<&Version, Rejected> {
        let waits = self.state == TaskState::PlanReview;
        let plan = self.plan().filter(|plan| waits && plan.state == PlanState::PendingReview);
        plan.ok_or_else(|| {
            let text =
                format!("{} is {}, and has no plan that waits for you", self.id, self.said());
            reject("no-plan-waits", text, &[&self.see()])
        })
    }

    pub(super) fn edit_plan(&self, text: &str) -> Result<Step, Rejected> {
        let version = self.plan_in_review()?;
        let checked = plan::check(text, Some(&self.names(&self.course.projects)));
        if !checked.findings.is_empty() {
            let text = format!("this is no plan yet: {}", told(&checked.findings));
            let hint = "skep plan check FILE --project P…   shows where";
            return Err(reject("plan-invalid", text, &[hint]));
        }
        if checked.plan == version.plan {
            return Ok(Step::default());
        }
        let (plan, document) = (version.id.clone(), Box::new(checked.plan));
        Ok(Step::of([Event::PlanRevised { plan, document }]))
    }

    pub(super) fn approve_plan(&self, from_wave: u32) -> Result<Step, Rejected> {
        let version = self.plan_in_review()?;
        let waves = version.waves();
        let before = usize::try_from(from_wave.saturating_sub(1)).unwrap_or(usize::MAX);
        if from_wave == 0 || before >= waves.len().max(1) {
            let text = format!("the plan has {} waves, and no wave {from_wave}", waves.len());
            let hint = format!("skep plan show {}", self.id);
            return Err(reject("wave-unknown", text, &[&hint]));
        }
        let taken_as_done = waves.into_iter().take(before).flatten().collect();
        let event = Event::PlanApproved { plan: version.id.clone(), taken_as_done };
        Ok(Step::of([event]).to(TaskState::Approved))
    }

    /// What the planner or another run of the task is to hear is there, or cannot be made.
    pub(super) fn worded(
        &self,
        run: &RunId,
        words: Result<String, String>,
        runs: &Runs,
        now: Timestamp,
    ) -> Step {
        if self.is_foreman(run) {
            return self.foreman_worded(run, words, runs, now);
        }
        if self.cycle_of(run).is_some() {
            return match words {
                Ok(words) => {
                    let (run, words) = (run.clone(), Some(words));
                    Step { then: vec![Then::GoOn { run, words }], ..Step::default() }
                }
                Err(text) => self.review_failed(run, &text, runs, now),
            };
        }
        let Some(planning) = self.planning_of(run) else {
            return self.part_worded(run, words, runs, now);
        };
        match words {
            Ok(words) => {
                let (run, words) = (run.clone(), Some(words));
                Step { then: vec![Then::GoOn { run, words }], ..Step::default() }
            }
            Err(text) => self.plan_failed(planning, &text, &[], Vec::new()),
        }
    }
}

/// A follow-up leaves out what stays as it is: what is done is taken over with its work, and so is what it says in the same
/// words. What was only planned, and is not any more, goes.
fn carry_over(old: &Version, new: Plan) -> (Plan, Vec<String>) {
    let said = |project: &str| new.sub_plans.iter().find(|part| part.project == project);
    let is_done = |part: &SubPlan| {
        old.parts.get(&part.project).is_some_and(|part| part.state == PartState::Completed)
    };
    let gone = |part: &&SubPlan| said(&part.project).is_none() && is_done(part);
    let kept: Vec<&SubPlan> = old.plan.sub_plans.iter().filter(gone).collect();
    let is_kept = |project: &String| kept.iter().any(|part| part.project == *project);
    let keep = |group: &Vec<String>| -> Vec<String> {
        group.iter().filter(|project| is_kept(project)).cloned().collect()
    };
    let groups: Vec<Vec<String>> =
        old.plan.groups.iter().map(keep).filter(|group| !group.is_empty()).collect();
    let order = |project: &str| groups.iter().position(|group| group.iter().any(|p| p == project));
    let same = |part: &&SubPlan| {
        let worded = old.plan.sub_plans.iter().find(|other| other.project == part.project);
        is_done(part) && worded.is_some_and(|other| other.content == part.content)
    };
    let carried = kept.iter().map(|part| part.project.clone());
    let carried = carried.chain(new.sub_plans.iter().filter(same).map(|part| part.project.clone()));
    let carried: Vec<String> = carried.collect();
    let mut needs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (project, needed) in old.plan.needs.iter().filter(|(project, _)| is_kept(project)) {
        let needed: Vec<String> = needed.iter().filter(|need| is_kept(need)).cloned().collect();
        if !needed.is_empty() {
            needs.insert(project.clone(), needed);
        }
    }
    let offset = groups.len();
    let mut sub_plans: Vec<SubPlan> = Vec::new();
    for part in kept {
        let needs = needs.get(&part.project).cloned().unwrap_or_default();
        let order = order(&part.project).unwrap_or(0);
        sub_plans.push(SubPlan { order, needs, ..part.clone() });
    }
    let shifted = new.sub_plans.into_iter();
    sub_plans.extend(shifted.map(|part| SubPlan { order: part.order + offset, ..part }));
    sub_plans.sort_by_key(|part| part.order);
    needs.extend(new.needs);
    let groups = groups.into_iter().chain(new.groups).collect();
    (Plan { groups, needs, orchestration: new.orchestration, sub_plans }, carried)
}
