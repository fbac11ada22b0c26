//! What became of a part's reviews, and what a foreman has before it.

use serde::{Deserialize, Serialize};
use skep_core::{
    fleet::Fleet,
    review::{Critique, Severity},
    run::{Run, State, question::Question},
    task::{Cycle, CycleState, Known, Part, PartState, Put, Rules, Task},
    text,
    time::Timestamp,
};

use super::{PartView, TaskView};

/// The most of a critique that stands in a line. Characters.
const WORDS: usize = 200;

/// The reviews of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewView {
    /// The oldest first.
    pub cycles: Vec<CycleView>,
    /// How many count.
    pub used: u32,
    /// How many the settings grant.
    pub max: u32,
    /// How many more a person did.
    pub granted: u32,
    /// Who took the part as it is, though no review passed it.
    pub accepted: Option<String>,
    /// What a person said of it, that its author was not told yet.
    pub comments: Vec<Critique>,
    /// Where it stands, in a line; null before the first.
    pub said: Option<String>,
}

/// One look of a reviewer at a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleView {
    /// From 1.
    pub number: u32,
    /// `reviewing critiques_found reimplementing passed failed`.
    pub state: String,
    pub run: String,
    /// The worker's name, and how its run stands.
    pub name: Option<String>,
    pub run_state: Option<String>,
    /// The commit that is looked at.
    pub head: String,
    pub critiques: Vec<Critique>,
    /// Why it failed.
    pub text: Option<String>,
    /// Whether it was broken off, and does not count.
    pub refunded: bool,
    /// In a line: `review 2 of 3: 1 major, in src/a.rs:12`.
    pub said: String,
}

/// A part with its reviews, and its task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReviewedView {
    pub task: TaskView,
    pub part: PartView,
}

impl ReviewView {
    /// Makes the view of a part's reviews; none where it is not reviewed, and never was.
    pub(super) fn of(part: &Part, rules: &Rules, fleet: &Fleet) -> Option<ReviewView> {
        let reviews = &part.reviews;
        if rules.cycles == 0 && reviews.cycles.is_empty() && reviews.comments.is_empty() {
            return None;
        }
        let most = rules.cycles.saturating_add(reviews.granted);
        let one = |cycle: &Cycle| CycleView::of(cycle, most, fleet);
        let cycles: Vec<CycleView> = reviews.cycles.iter().map(one).collect();
        let said = match (&reviews.accepted, cycles.last()) {
            (Some(by), _) if part.state == PartState::Completed => {
                Some(format!("taken as it is by {}", whom(by)))
            }
            (_, last) => last.map(|last| last.said.clone()),
        };
        Some(ReviewView {
            used: reviews.used(),
            max: rules.cycles,
            granted: reviews.granted,
            accepted: reviews.accepted.clone(),
            comments: reviews.comments.clone(),
            cycles,
            said,
        })
    }
}

impl CycleView {
    fn of(cycle: &Cycle, most: u32, fleet: &Fleet) -> CycleView {
        let run = fleet.runs.get(&cycle.run);
        CycleView {
            number: cycle.number,
            state: cycle.state.as_str().to_owned(),
            run: cycle.run.to_string(),
            name: run.map(|run| run.brief.name.clone()),
            run_state: run.map(|run| run.state_name().to_owned()),
            head: cycle.head.clone(),
            critiques: cycle.critiques.clone(),
            text: cycle.text.clone(),
            refunded: cycle.refunded,
            said: said(cycle, most, run.map(AsRef::as_ref)),
        }
    }
}

/// A cycle in a line.
fn said(cycle: &Cycle, most: u32, run: Option<&Run>) -> String {
    // What was broken off does not count, so a number may be beyond what is granted.
    let number = cycle.number;
    let head = if number <= most {
        format!("review {number} of {most}")
    } else {
        format!("review {number}")
    };
    let found = counted(&cycle.critiques);
    let what = match cycle.state {
        CycleState::Reviewing => match run {
            Some(run) => format!("{} looks at it", run.brief.name),
            None => "a reviewer is being prepared".to_owned(),
        },
        CycleState::CritiquesFound => found.unwrap_or_else(|| "what a person said".to_owned()),
        CycleState::Reimplementing => {
            let found = found.unwrap_or_else(|| "what a person said".to_owned());
            format!("{found}; the author mends it")
        }
        CycleState::Passed => match found {
            Some(found) => format!("passed, with {found}"),
            None => "passed".to_owned(),
        },
        CycleState::Failed => {
            let off = if cycle.refunded { "broken off" } else { "failed" };
            let why = cycle.text.as_deref().map(|why| text::one_line(&text::words(why, WORDS)));
            why.map_or(off.to_owned(), |why| format!("{off}: {why}"))
        }
    };
    format!("{head}: {what}")
}

/// How many of each severity, the worst first, and where the worst one is.
fn counted(critiques: &[Critique]) -> Option<String> {
    let count = |severity: Severity| critiques.iter().filter(|it| it.severity == severity).count();
    let each = Severity::ALL.into_iter().rev().map(|severity| (count(severity), severity));
    let each: Vec<String> = each
        .filter(|(count, _)| *count > 0)
        .map(|(count, severity)| format!("{count} {}", severity.as_str()))
        .collect();
    let worst = critiques.iter().rev().max_by_key(|critique| critique.severity)?;
    let at = match (worst.file.as_deref().map(text::one_line), worst.line) {
        (Some(file), Some(line)) => format!(" in {file}:{line}"),
        (Some(file), None) => format!(" in {file}"),
        (None, _) => String::new(),
    };
    Some(format!("{}{at}", each.join(", ")))
}

fn whom(by: &str) -> &str {
    if by == "person" { "a person" } else { by }
}

/// The foreman of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForemanView {
    pub task: String,
    pub title: String,
    /// `none idle at_work off`.
    pub state: String,
    /// Why it is asked nothing any more.
    pub off: Option<String>,
    /// The run of its conversation; null before the first question.
    pub run: Option<String>,
    pub name: Option<String>,
    pub agent: Option<String>,
    pub run_state: Option<String>,
    /// What it is asked now.
    pub at: Option<PutView>,
    /// What waits, the next first.
    pub line: Vec<PutView>,
    /// What a person is asked in its place.
    pub escalated: Vec<PutView>,
    /// What was answered, by whomever, the oldest first.
    pub answers: Vec<KnownView>,
}

/// A question as it is put to a foreman.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutView {
    pub question: String,
    pub run: String,
    /// The worker's name.
    pub name: String,
    pub text: String,
    /// The questions of others that asked the same.
    pub joined: Vec<String>,
    /// What it proposed.
    pub proposal: Option<String>,
    /// What a person said of that.
    pub refine: Option<String>,
    /// How often it died over it.
    pub deaths: u32,
}

/// A question that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownView {
    pub question: String,
    pub project: Option<String>,
    pub text: String,
    pub answer: String,
    pub by: String,
    pub at: Timestamp,
}

impl ForemanView {
    /// Whether a task's questions go to a foreman, and there is something to tell of it.
    pub fn has_one(task: &Task) -> bool {
        let (foreman, is_over) = (&task.course.foreman, task.state.is_over());
        foreman.run.is_some()
            || foreman.off.is_some()
            || !task.course.answers.is_empty()
            || task.course.rules.foreman && !is_over
    }

    /// Makes the view of the foreman of `task`.
    pub fn of(task: &Task, fleet: &Fleet) -> ForemanView {
        let foreman = &task.course.foreman;
        let run = foreman.run.as_ref().and_then(|run| fleet.runs.get(run));
        let puts = |puts: &mut dyn Iterator<Item = &Put>| puts.map(|it| put(it, fleet)).collect();
        let state = match () {
            () if !task.course.rules.foreman => "none",
            () if foreman.off.is_some() => "off",
            () if foreman.at.is_some() => "at_work",
            () => "idle",
        };
        ForemanView {
            task: task.id.to_string(),
            title: task.title.clone(),
            state: state.to_owned(),
            off: foreman.off.clone(),
            run: foreman.run.as_ref().map(ToString::to_string),
            name: run.map(|run| run.brief.name.clone()),
            agent: run.map(|run| run.brief.agent.clone()),
            run_state: run.map(|run| run.state_name().to_owned()),
            at: foreman.at.as_ref().map(|it| put(it, fleet)),
            line: puts(&mut foreman.line.iter()),
            escalated: puts(&mut foreman.escalated.iter()),
            answers: task.course.answers.iter().map(known).collect(),
        }
    }
}

fn put(put: &Put, fleet: &Fleet) -> PutView {
    let run = fleet.runs.get(&put.run);
    let asked = run.and_then(|run| run.questions.iter().find(|it| it.id == put.question));
    PutView {
        question: put.question.to_string(),
        run: put.run.to_string(),
        name: run.map(|run| run.brief.name.clone()).unwrap_or_default(),
        text: put.text.clone(),
        joined: put.joined.iter().map(|(question, _)| question.to_string()).collect(),
        proposal: asked.and_then(|asked| asked.proposal.clone()),
        refine: put.refine.clone(),
        deaths: put.deaths,
    }
}

fn known(known: &Known) -> KnownView {
    KnownView {
        question: known.question.to_string(),
        project: known.project.clone(),
        text: known.text.clone(),
        answer: known.answer.clone(),
        by: known.by.clone(),
        at: known.at,
    }
}

/// The commands that settle a part which waits for a person.
pub(super) fn ways(task: &Task, project: &str) -> Vec<String> {
    let (id, part) = (&task.id, text::shell(project));
    // One alone needs no name.
    let escalated = |part: &&Part| part.state == PartState::Escalated;
    let parts = task.plan().into_iter().flat_map(|version| version.parts.values());
    let part = match parts.filter(escalated).count() {
        0 | 1 => String::new(),
        _ => format!(" --part {part}"),
    };
    vec![
        format!("skep approve {id}{part}"),
        format!("skep reject {id}{part} TEXT"),
        format!("skep review {id}{part}"),
    ]
}

/// The commands that settle a question which a person is asked.
pub(super) fn ways_of(question: &Question) -> Vec<String> {
    let id = &question.id;
    match question.proposal {
        Some(_) => vec![
            format!("skep approve {id}"),
            format!("skep refine {id} TEXT"),
            format!("skep answer {id} TEXT"),
        ],
        None => vec![format!("skep answer {id} TEXT")],
    }
}

/// The run that is at work on a part: its reviewer while there is one, else its author.
pub(super) fn at_work<'a>(part: &'a Part, fleet: &'a Fleet) -> Option<(bool, &'a Run)> {
    let cycle = part.reviews.last().filter(|cycle| cycle.state == CycleState::Reviewing);
    let reviewer = cycle.and_then(|cycle| fleet.runs.get(&cycle.run));
    let is_over = |run: &Run| matches!(run.state, State::Ended { .. });
    match reviewer {
        Some(run) if !is_over(run) => Some((true, run.as_ref())),
        _ => fleet.runs.get(part.run.as_ref()?).map(|run| (false, run.as_ref())),
    }
}
