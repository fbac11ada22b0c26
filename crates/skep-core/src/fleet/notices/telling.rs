//! The words of notices: what each event of a run or a task is told as.

use crate::{
    budget::Budget,
    fleet::{About as Of, Decided, Event, Fleet, House},
    notice::{self, About, Kind, Notice, Telling},
    run::{self, OpResult, Outcome, Question, Reason, Run, State, WaitingFor, question::Answer},
    task::{self, Task, TaskState},
    text,
    time::Timestamp,
};

/// The longest text of a notice. Characters.
const LONGEST: usize = 6_000;
/// The longest title. Characters.
const TITLE: usize = 160;

/// What people are told of an event that was just decided; most are nothing to tell.
pub(super) fn of(fleet: &Fleet, of: &Of, now: Timestamp) -> Option<Telling> {
    match &of.event {
        Event::Run(event) => {
            let run = fleet.runs.get(&of.subject.parse().ok()?)?;
            of_run(fleet, run, event, now)
        }
        Event::Task(event) => {
            let task = fleet.tasks.get(&of.subject.parse().ok()?)?;
            of_task(fleet, task, event)
        }
        Event::House(House::TaskMoved { state: TaskState::Completed, .. }) => {
            let task = fleet.tasks.get(&of.subject.parse().ok()?)?;
            let done = about_task(task, Kind::TaskCompleted, "is completed");
            task.plan().is_some().then_some(done)
        }
        Event::House(House::DayBudgetMet { limit, .. }) => Some(day(limit)),
        Event::House(_) | Event::Notice(_) => None,
    }
}

fn day(limit: &Budget) -> Telling {
    Telling {
        kind: Kind::Limit,
        subject: "fleet".to_owned(),
        about: About::Fact {},
        project: None,
        title: "The budget of the day is spent".to_owned(),
        text: format!("{limit}: nothing new begins before your midnight."),
        options: Vec::new(),
        ways: vec!["skep cost --since 1d".to_owned()],
    }
}

fn of_run(fleet: &Fleet, run: &Run, event: &run::Event, now: Timestamp) -> Option<Telling> {
    let (id, name) = (run.id().clone(), called(fleet, run));
    if let run::Event::QuestionAsked { question } = event {
        let question = run.questions_to_people().find(|it| it.id == question.id)?;
        Some(about_question(run, question))
    } else if let run::Event::QuestionEscalated { id, .. } = event {
        let question = run.questions_to_people().find(|it| it.id == *id)?;
        Some(about_question(run, question))
    } else if let run::Event::LeaveAsked { ask } = event {
        let ask = run.open_asks().find(|it| it.id == ask.id)?;
        let words = format!("{}: {}", text::one_line(&ask.tool), ask.text);
        Some(Telling {
            about: About::Request { run: id, ask: ask.id.clone() },
            ways: vec![format!("skep approve {}", ask.id), format!("skep reject {}", ask.id)],
            ..about_run(run, Kind::Request, "wants leave", &words)
        })
    } else if let run::Event::Waits { on: WaitingFor::Input | WaitingFor::Answer, text } = event {
        let waits =
            matches!(run.state, State::Waiting { on: WaitingFor::Input | WaitingFor::Answer, .. });
        if !waits || run.since != now || run.open_questions().next().is_some() {
            return None;
        }
        Some(Telling {
            about: About::Waits { run: id, since: run.since },
            ways: vec![format!("skep attach {name}"), format!("skep send {name} TEXT")],
            ..about_run(run, Kind::Question, "waits for your word", text)
        })
    } else if let run::Event::Limited { until, known, .. } = event {
        if !matches!(run.state, State::Limited { .. }) {
            return None;
        }
        let guess = if *known { "" } else { " (a guess)" };
        let words = format!("{} is asked again at {until}{guess}.", run.brief.agent);
        Some(Telling {
            about: About::Limited { run: id, until: *until },
            ways: vec![format!("skep resume {name}"), format!("skep stop {name}")],
            ..about_run(run, Kind::Limit, "is at a usage limit", &words)
        })
    } else if let (run::Event::Started { .. }, Some(issue), 1) =
        (event, &run.brief.issue, run.attempt)
    {
        // Once for each launch; how it ends is a notice of its own.
        let words = format!("{} at {}, {}", run.brief.agent, issue.reference, issue.mode.as_str());
        Some(Telling {
            ways: vec![format!("skep show {name}"), format!("skep logs {name} -f")],
            ..about_run(run, Kind::Dispatch, "began", &words)
        })
    } else if let run::Event::Ended { outcome, reason, text, .. } = event {
        of_end(run, &name, *outcome, *reason, text)
    } else if let run::Event::OpDone { result: OpResult::Landed { target, commits, .. }, .. } =
        event
    {
        let many = if *commits == 1 { "" } else { "s" };
        let words = format!("{commits} commit{many} on {}", text::one_line(target));
        Some(Telling {
            ways: vec![format!("skep show {name}")],
            ..about_run(run, Kind::Landing, "landed", &words)
        })
    } else if let run::Event::OpDone { result: OpResult::Refused { slug, text, .. }, .. } = event
        && ["gate-failed", "merge-conflict"].contains(&slug.as_str())
    {
        Some(Telling {
            ways: vec![format!("skep show {name}"), format!("skep resume {name} TEXT")],
            ..about_run(run, Kind::Landing, "did not land", text)
        })
    } else if let run::Event::RoundOver { stuck: Some(text) } = event {
        Some(Telling {
            ways: vec![format!("skep show {name}")],
            ..about_run(run, Kind::Change, "wants you at its change", text)
        })
    } else {
        None
    }
}

/// How an attempt ended, where its run is at its end and no task says it better.
fn of_end(
    run: &Run,
    name: &str,
    outcome: Outcome,
    reason: Option<Reason>,
    words: &str,
) -> Option<Telling> {
    let own = matches!(run.brief.kind, run::Kind::Code | run::Kind::Manual);
    if !run.is_ended() || !own || run.brief.is_of_plan() || reason == Some(Reason::Adopted) {
        return None;
    }
    let last = run.last.as_ref().map_or("", |(words, _)| words.as_str());
    let again = || vec![format!("skep logs {name}"), format!("skep resume {name} TEXT")];
    let (kind, title, ways) = match (outcome, reason) {
        (Outcome::Completed, _) => {
            let ways = vec![format!("skep diff {name}"), format!("skep land {name}")];
            (Kind::TaskCompleted, "is done".to_owned(), ways)
        }
        (_, Some(Reason::Budget | Reason::Turns)) => {
            (Kind::Limit, "has used its budget".to_owned(), again())
        }
        (Outcome::Stopped, _) => return None,
        (_, Some(Reason::AgentBlocked)) => (Kind::Blocked, "cannot go on".to_owned(), again()),
        (Outcome::Failed | Outcome::Interrupted | Outcome::Lost, reason) => {
            let reason = reason.map(|it| format!(" ({})", it.as_str())).unwrap_or_default();
            let ways = vec![format!("skep logs {name}"), format!("skep retry {name}")];
            (Kind::TaskFailed, format!("{}{reason}", outcome.as_str()), ways)
        }
    };
    let said = run.claimed().map(|(_, summary)| summary);
    let words = [said.unwrap_or_default(), words, last];
    let words = words.into_iter().find(|words| !words.trim().is_empty());
    let about = About::Ended { run: run.id().clone(), attempt: run.attempt };
    Some(Telling { about, ways, ..about_run(run, kind, &title, words.unwrap_or_default()) })
}

fn of_task(fleet: &Fleet, task: &Task, event: &task::Event) -> Option<Telling> {
    let id = &task.id;
    let failed = |kind: Kind, project: Option<&String>, title: &str, words: &str| Telling {
        project: project.cloned(),
        text: text::words(&text::visible(words.trim()), LONGEST),
        ..about_task(task, kind, title)
    };
    if let task::Event::PlanSubmitted { plan } = event {
        Some(Telling {
            about: About::Plan { task: id.clone(), plan: plan.clone() },
            ways: vec![
                format!("skep plan show {id}"),
                format!("skep approve {id}"),
                format!("skep reject {id} TEXT"),
            ],
            ..about_task(task, Kind::Plan, "has a plan that waits for you")
        })
    } else if let task::Event::PlanFailed { text, .. } = event {
        let about = About::Failed { task: id.clone() };
        Some(Telling { about, ..failed(Kind::TaskFailed, None, "was not planned", text) })
    } else if let task::Event::FinalizeFailed { project, text } = event {
        Some(failed(Kind::TaskFailed, Some(project), "could not be handed over", text))
    } else if let task::Event::SubPlanFailed { project, text } = event {
        let parts = task.plan().map(|version| &version.parts);
        let run = parts.and_then(|parts| parts.get(project)?.run.as_ref());
        let state = run.and_then(|run| fleet.runs.get(run)).map(|run| &run.state);
        let blocked =
            matches!(state, Some(State::Ended { reason: Some(Reason::AgentBlocked), .. }));
        let (kind, title) =
            if blocked { (Kind::Blocked, "cannot go on") } else { (Kind::TaskFailed, "failed") };
        let title = format!("{title} in {}", text::one_line(project));
        Some(failed(kind, Some(project), &title, text))
    } else if let task::Event::SubPlanEscalated { project, text } = event {
        let part = text::shell(project);
        Some(Telling {
            about: About::Part { task: id.clone(), project: project.clone() },
            ways: vec![
                format!("skep approve {id} --part {part}"),
                format!("skep reject {id} TEXT --part {part}"),
            ],
            ..failed(Kind::Review, Some(project), "needs your word on a review", text)
        })
    } else {
        None
    }
}

/// What is to stand under a question or a request that is settled.
pub(super) fn settled(fleet: &Fleet, notice: &Notice, decided: &Decided) -> String {
    let heard = decided.events.iter().find_map(|of| {
        let Event::Notice(notice::Event::NoticeHeard { notice: id, by, why: None, .. }) = &of.event
        else {
            return None;
        };
        (*id == notice.id).then_some(by.as_str())
    });
    if let About::Question { run, question } = &notice.about {
        let run = fleet.runs.get(run);
        let known = run.and_then(|run| run.questions.iter().find(|it| it.id == *question));
        match known.and_then(|it| it.answer.as_ref()) {
            Some(Answer { text: Some(said), by, .. }) => {
                format!("Answered by {by}: {}", text::words(&text::one_line(said), 200))
            }
            Some(Answer { text: None, by, .. }) => format!("Left to the agent by {by}."),
            None => "Nobody waits for an answer any more.".to_owned(),
        }
    } else if let About::Request { ask, .. } = &notice.about {
        let ruled = decided.events.iter().find_map(|of| {
            let Event::Run(run::Event::LeaveRuled { id, ruling }) = &of.event else { return None };
            (id == ask).then_some(ruling.allow)
        });
        let by = heard.unwrap_or("person");
        match ruled {
            Some(true) => format!("Approved by {by}."),
            Some(false) => format!("Rejected by {by}."),
            None => "The agent asks no longer.".to_owned(),
        }
    } else {
        String::new()
    }
}

/// A name that means this run and no other.
fn called(fleet: &Fleet, run: &Run) -> String {
    match fleet.find_run(&run.brief.name) {
        Ok(found) if found.id() == run.id() => run.brief.name.clone(),
        Ok(_) | Err(_) => run.id().to_string(),
    }
}

fn about_run(run: &Run, kind: Kind, what: &str, words: &str) -> Telling {
    let of = run.brief.project.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
    let title = format!("{}{of} {what}: {}", run.brief.name, run.brief.title);
    Telling {
        kind,
        subject: run.id().to_string(),
        about: About::Fact {},
        project: run.brief.project.clone(),
        title: text::words(&text::one_line(&title), TITLE),
        text: text::words(&text::visible(words.trim()), LONGEST),
        options: Vec::new(),
        ways: Vec::new(),
    }
}

fn about_task(task: &Task, kind: Kind, what: &str) -> Telling {
    let title = format!("{} {what}", text::words(&task.title, 100));
    Telling {
        kind,
        subject: task.id.to_string(),
        about: About::Fact {},
        project: task.project.clone(),
        title: text::words(&text::one_line(&title), TITLE),
        text: String::new(),
        options: Vec::new(),
        ways: vec![format!("skep show {}", task.id)],
    }
}

fn about_question(run: &Run, question: &Question) -> Telling {
    let mut words = question.asking.text.trim().to_owned();
    if let Some(context) = &question.asking.context {
        words.push_str(&format!("\n\n{}", text::words(context.trim(), LONGEST / 2)));
    }
    if let Some(proposal) = &question.proposal {
        words.push_str(&format!(
            "\n\nThe foreman proposes: {}",
            text::words(proposal.trim(), 1_000)
        ));
    }
    let id = &question.id;
    let mut ways = vec![format!("skep answer {id} TEXT"), format!("skep answer {id} --skip")];
    if question.proposal.is_some() {
        ways.insert(0, format!("skep approve {id}"));
    }
    Telling {
        about: About::Question { run: run.id().clone(), question: id.clone() },
        options: question.asking.options.iter().map(|it| text::one_line(it)).collect(),
        ways,
        ..about_run(run, Kind::Question, "asks", &words)
    }
}
