//! What each event makes of a task.
//!
//! Owns: the becoming, live and in replay alike, and that no state follows another that its table forbids.
//! Never: decides.

use super::{
    Cycle, CycleState, Event, Misfit, Part, PartState, PlanState, Planning, Put, Task, TaskState,
    Version, Warning, WarningKind, Words,
};
use crate::{
    id::{PlanId, RunId},
    plan::{Finding, Plan},
    time::Timestamp,
};

impl Task {
    /// Makes `event`, decided by [`Task::step`] or read from the ledger, true.
    ///
    /// Errors: [`Misfit`] when a plan or a part would come to a state that its table forbids from where it stands.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), Misfit> {
        let plan = self.plan().map(|version| version.state);
        let misfit = Misfit::of(event, self.state, plan);
        self.become_so(event, at).ok_or(misfit)
    }

    fn become_so(&mut self, event: &Event, at: Timestamp) -> Option<()> {
        match event {
            Event::PlanAsked {
                why,
                text,
                projects,
                choice,
                run,
                goes_on,
                draft,
                tries,
                before,
            } => {
                let course = &mut self.course;
                course.runs += u32::from(!*goes_on);
                course.drafts += 1;
                course.warnings.clear();
                course.failed = None;
                course.planner = Some(run.clone());
                course.projects.clone_from(projects);
                let replaces = course.versions.last().filter(|last| last.state.is_active());
                course.planning = Some(Planning {
                    why: *why,
                    text: text.clone(),
                    projects: projects.clone(),
                    choice: choice.clone(),
                    run: run.clone(),
                    draft: draft.clone(),
                    tries: *tries,
                    refused: 0,
                    before: *before,
                    replaces: replaces.map(|last| last.id.clone()),
                    begun: *goes_on,
                });
            }
            Event::PlanBegun { run, warnings, left_out } => {
                let planning = self.course.planning.as_mut().filter(|now| now.run == *run)?;
                planning.begun = true;
                planning.projects.retain(|project| !left_out.contains(project));
                self.course.warnings.extend(warnings.iter().cloned());
            }
            Event::DraftRefused { run, findings } => {
                let planning = self.course.planning.as_mut().filter(|now| now.run == *run)?;
                planning.refused += 1;
                let text = told(findings);
                let kind = WarningKind::ParseError;
                self.course.warnings.push(Warning { kind, text, project: None });
            }
            Event::PlanGenerated { plan, version, document, carried } => {
                self.comes(plan, *version, document, carried, at)?;
            }
            Event::PlanSubmitted { plan } => {
                self.plan_becomes(plan, PlanState::PendingReview, at)?;
            }
            Event::PlanSuperseded { plan, .. } => {
                self.plan_becomes(plan, PlanState::Superseded, at)?;
            }
            Event::PlanRejected { plan, text } => {
                let version = self.plan_becomes(plan, PlanState::Rejected, at)?;
                version.feedback = Some(text.clone());
            }
            Event::PlanApproved { plan, taken_as_done } => {
                let version = self.plan_becomes(plan, PlanState::Approved, at)?;
                for project in taken_as_done {
                    version.parts.get_mut(project)?.state = PartState::Completed;
                }
            }
            Event::PlanRevised { plan, document } => self.revised(plan, document)?,
            Event::PlanFailed { run, text, warnings, .. } => {
                self.course.planning.take().filter(|now| now.run == *run)?;
                self.course.failed = Some(text.clone());
                self.course.warnings.extend(warnings.iter().cloned());
            }
            Event::PlanCancelled { run } => {
                self.course.planning.take().filter(|now| now.run == *run)?;
            }
            Event::ImplementAsked { branch, choice, rules, .. } => {
                self.course.failed = None;
                self.course.rules = rules.clone();
                (self.course.foreman.off, self.course.foreman.given_up) = (None, 0);
                self.course.branch.get_or_insert_with(|| branch.clone());
                if !choice.is_none() {
                    self.course.choice = choice.clone();
                }
            }
            Event::PartGiven { project, run } => {
                self.course.runs += 1;
                let part = self.part_mut(project)?;
                let (state, mut reviews) = (part.state, std::mem::take(&mut part.reviews));
                reviews.stale = true;
                *part = Part { state, run: Some(run.clone()), reviews, ..Part::new() };
            }
            Event::PartPlaced { project } => self.part_mut(project)?.placed = true,
            Event::WaveStarted { .. } => {}
            Event::SubPlanStarted { project, run } => {
                let was_done = self.part_mut(project)?.state == PartState::Completed;
                let part = self.part_becomes(project, PartState::InProgress)?;
                part.was_done = was_done;
                part.awaits_words = part.reworded;
                (part.rests, part.reworded) = (false, false);
                part.finishing = part.finishing.anew();
                part.reviews.stale = true;
                part.reviews.accepted = None;
                if run.is_some() {
                    part.run.clone_from(run);
                }
                self.course.finalizing = false;
            }
            Event::SubPlanCompleted { project } => {
                let part = self.part_becomes(project, PartState::Completed)?;
                part.finishing = part.finishing.anew();
            }
            Event::SubPlanFailed { project, text } => {
                let part = self.part_becomes(project, PartState::Failed)?;
                part.finishing = part.finishing.anew();
                part.reviews.break_off();
                part.text = Some(text.clone());
            }
            Event::SubPlanEscalated { project, text } => {
                let part = self.part_becomes(project, PartState::Escalated)?;
                part.finishing = part.finishing.anew();
                part.text = Some(text.clone());
            }
            Event::SubPlanReset { project, anew, rests } => {
                let part = self.part_mut(project)?;
                let run = part.run.take().filter(|_| !*anew);
                // Whoever is kept has a place, or rests until that is looked at.
                let placed = run.is_some();
                let reworded = part.reworded && run.is_some();
                // What was spent on it is spent.
                let mut reviews = std::mem::take(&mut part.reviews);
                reviews.break_off();
                *part = Part { run, placed, rests: *rests, reworded, reviews, ..Part::new() };
            }
            Event::FinalizeAsked {} => {
                self.course.finalizing = true;
                self.course.failed = None;
                for part in self.course.versions.last_mut()?.parts.values_mut() {
                    part.finishing = part.finishing.anew();
                }
            }
            Event::PartLooked { project, look } => {
                let part = self.part_mut(project)?;
                part.awaits_words = false;
                (part.finishing.under_way, part.finishing.looks) = (true, *look);
            }
            Event::PartTold { project, words } => {
                let part = self.part_mut(project)?;
                part.awaits_words = true;
                let finishing = &mut part.finishing;
                match words {
                    Words::Mend { .. } => finishing.told_to_mend = true,
                    Words::Commit { .. }
                    | Words::Part { .. }
                    | Words::Correction { .. }
                    | Words::Revision { .. }
                    | Words::FollowUp { .. }
                    | Words::Rework { .. }
                    | Words::Verdict {}
                    | Words::Question { .. } => finishing.told_to_commit = true,
                }
            }
            Event::SubPlanReady { project, head, remote } => {
                self.handed_over(project, head, remote.as_ref())?;
                self.course.handed.entry(project.clone()).or_default().push(head.clone());
            }
            Event::SubPlanStands { project, head, remote } => {
                self.handed_over(project, head, remote.as_ref())?;
            }
            Event::FinalizeFailed { project, text } => {
                let finishing = &mut self.part_mut(project)?.finishing;
                finishing.under_way = false;
                finishing.failed = Some(text.clone());
                self.course.failed = Some(format!("{project}: {text}"));
            }
            Event::ReviewStarted { .. }
            | Event::VerdictAsked { .. }
            | Event::ReviewPassed { .. }
            | Event::CritiquesFound { .. }
            | Event::ReviewFailed { .. }
            | Event::ReworkAsked { .. }
            | Event::ReviewGranted { .. }
            | Event::Commented { .. }
            | Event::SubPlanAccepted { .. } => self.reviewed_so(event)?,
            Event::ForemanAsked { .. }
            | Event::ForemanJoined { .. }
            | Event::ForemanRefined { .. }
            | Event::ForemanTurned { .. }
            | Event::ForemanReplied { .. }
            | Event::ForemanDied { .. }
            | Event::ForemanGaveUp { .. }
            | Event::ForemanStopped { .. }
            | Event::QuestionSettled { .. }
            | Event::Learned { .. } => self.foreman_so(event)?,
            Event::Amended { title, body, priority, needs } => {
                if let Some(title) = title {
                    self.title.clone_from(title);
                }
                if let Some(body) = body {
                    self.body.clone_from(body);
                }
                self.priority = priority.unwrap_or(self.priority);
                if let Some(needs) = needs {
                    self.needs.clone_from(needs);
                }
            }
        }
        Some(())
    }

    /// Makes it stand in another state.
    pub fn moved(&mut self, to: TaskState, run: Option<&RunId>) {
        if to == TaskState::Archived {
            self.course.before = Some(self.state);
        }
        if to == TaskState::Completed {
            self.course.finalizing = false;
        }
        self.state = to;
        self.run = run.cloned();
    }

    fn comes(
        &mut self,
        id: &PlanId,
        number: u32,
        document: &Plan,
        carried: &[String],
        at: Timestamp,
    ) -> Option<()> {
        let mut version = Version::new(id.clone(), number, document.clone(), at);
        let before = self.course.versions.last();
        if before.is_some_and(|before| before.state.is_active()) {
            return None;
        }
        for project in carried {
            let stood = before.and_then(|before| before.parts.get(project))?;
            *version.parts.get_mut(project)? = stood.clone();
        }
        // Who worked there by the plan before goes on there: its place holds what this one builds upon.
        for (project, part) in &mut version.parts {
            let stood = before.and_then(|before| before.parts.get(project));
            if let Some(stood) = stood.filter(|_| !carried.contains(project)) {
                let (run, placed) = (stood.run.clone(), stood.placed);
                *part = Part { reworded: run.is_some(), run, placed, ..Part::new() };
            }
        }
        self.course.versions.push(version);
        self.course.planning = None;
        Some(())
    }

    /// An edit: parts that are worded as before stand as they did.
    fn revised(&mut self, id: &PlanId, document: &Plan) -> Option<()> {
        let version = self.course.versions.last_mut().filter(|last| last.id == *id)?;
        if !matches!(version.state, PlanState::Draft | PlanState::PendingReview) {
            return None;
        }
        let old = std::mem::replace(&mut version.plan, document.clone());
        let mut parts = std::mem::take(&mut version.parts);
        for sub in &document.sub_plans {
            let worded = old.sub_plans.iter().find(|other| other.project == sub.project);
            let same = worded.is_some_and(|other| other.content == sub.content);
            let mut part = parts.remove(&sub.project).unwrap_or_default();
            if !same {
                part.reworded = part.run.is_some();
                part.state = PartState::Pending;
                part.text = None;
            }
            version.parts.insert(sub.project.clone(), part);
        }
        Some(())
    }

    fn plan_becomes(&mut self, id: &PlanId, to: PlanState, at: Timestamp) -> Option<&mut Version> {
        let version = self.course.versions.iter_mut().find(|version| version.id == *id)?;
        if !version.state.may_become(to) {
            return None;
        }
        (version.state, version.since) = (to, at);
        Some(version)
    }

    fn part_mut(&mut self, project: &str) -> Option<&mut Part> {
        self.course.versions.last_mut()?.parts.get_mut(project)
    }

    fn part_becomes(&mut self, project: &str, to: PartState) -> Option<&mut Part> {
        let part = self.part_mut(project)?;
        if !part.state.may_become(to) {
            return None;
        }
        part.state = to;
        part.text = None;
        part.awaits_words = false;
        Some(part)
    }

    fn reviewed_so(&mut self, event: &Event) -> Option<()> {
        if let Event::ReviewStarted { project, cycle, run, head } = event {
            self.course.runs += 1;
            let part = self.part_mut(project)?;
            part.finishing = part.finishing.anew();
            part.awaits_words = false;
            let reviews = &mut part.reviews;
            if reviews.last().is_some_and(|last| last.state == CycleState::Reviewing) {
                return None;
            }
            reviews.stale = false;
            reviews.cycles.push(Cycle {
                number: *cycle,
                state: CycleState::Reviewing,
                run: run.clone(),
                head: head.clone(),
                critiques: Vec::new(),
                resolved: false,
                asked_again: false,
                refunded: false,
                text: None,
            });
        } else if let Event::VerdictAsked { project, cycle } = event {
            let cycles = &mut self.part_mut(project)?.reviews.cycles;
            cycles.last_mut().filter(|last| last.number == *cycle)?.asked_again = true;
        } else if let Event::ReviewPassed { project, cycle, critiques }
        | Event::CritiquesFound { project, cycle, critiques } = event
        {
            let passed = matches!(event, Event::ReviewPassed { .. });
            let to = if passed { CycleState::Passed } else { CycleState::CritiquesFound };
            let reviews = &mut self.part_mut(project)?.reviews;
            reviews.cycle_becomes(*cycle, to)?.critiques.clone_from(critiques);
            reviews.resolve_before(*cycle);
        } else if let Event::ReviewFailed { project, cycle, text, refunded } = event {
            let reviews = &mut self.part_mut(project)?.reviews;
            let cycle = reviews.cycle_becomes(*cycle, CycleState::Failed)?;
            (cycle.text, cycle.refunded) = (Some(text.clone()), *refunded);
        } else if let Event::ReworkAsked { project, critiques } = event {
            let part = self.part_mut(project)?;
            part.finishing = part.finishing.anew();
            part.awaits_words = true;
            let reviews = &mut part.reviews;
            reviews.comments.clear();
            reviews.stale = true;
            if let Some(last) = reviews.cycles.last_mut() {
                // What people said is looked at by the next cycle, as what was found is.
                last.critiques.clone_from(critiques);
                if last.state == CycleState::CritiquesFound {
                    last.state = CycleState::Reimplementing;
                }
                let number = last.number;
                reviews.resolve_before(number);
            }
        } else if let Event::ReviewGranted { project } = event {
            self.part_mut(project)?.reviews.granted += 1;
        } else if let Event::Commented { project, critique } = event {
            self.part_mut(project)?.reviews.comments.push(critique.clone());
        } else if let Event::SubPlanAccepted { project, by, .. } = event {
            let part = self.part_becomes(project, PartState::InProgress)?;
            part.finishing = part.finishing.anew();
            part.reviews.accepted = Some(by.clone());
        } else {
            return None;
        }
        Some(())
    }

    fn foreman_so(&mut self, event: &Event) -> Option<()> {
        let course = &mut self.course;
        let foreman = &mut course.foreman;
        if let Event::ForemanAsked { question, run, text, context } = event {
            let (question, run) = (question.clone(), run.clone());
            foreman.asked(Put::new(question, run, text.clone(), context.clone()));
        } else if let Event::ForemanJoined { question, run, to } = event {
            foreman.joined(to, question, run)?;
        } else if let Event::ForemanRefined { question, text } = event {
            foreman.refined(question, text)?;
        } else if let Event::ForemanTurned { question, run, goes_on } = event {
            foreman.turned(question, run)?;
            course.runs += u32::from(!*goes_on);
        } else if let Event::ForemanReplied { question, sure, .. } = event {
            foreman.replied(question, *sure)?;
        } else if let Event::ForemanDied { question, .. } = event {
            foreman.died(question)?;
        } else if let Event::ForemanGaveUp { question, .. } = event {
            foreman.gave_up(question)?;
        } else if let Event::ForemanStopped { text } = event {
            foreman.stopped(text);
        } else if let Event::QuestionSettled { question } = event {
            foreman.settled(question);
        } else if let Event::Learned { known } = event {
            course.answers.push(known.as_ref().clone());
        } else {
            return None;
        }
        Some(())
    }

    fn handed_over(&mut self, project: &str, head: &str, remote: Option<&String>) -> Option<()> {
        let finishing = &mut self.part_mut(project)?.finishing;
        finishing.under_way = false;
        finishing.failed = None;
        finishing.head = Some((head.to_owned(), remote.cloned()));
        Some(())
    }
}

/// Findings in one line.
pub(super) fn told(findings: &[Finding]) -> String {
    let told = |finding: &Finding| match finding.line {
        Some(line) => format!("{} ({}, line {line})", finding.detail, finding.kind.word()),
        None => format!("{} ({})", finding.detail, finding.kind.word()),
    };
    findings.iter().map(told).collect::<Vec<_>>().join("; ")
}
