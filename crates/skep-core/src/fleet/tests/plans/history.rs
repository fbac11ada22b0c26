//! Random histories of tasks with plans: wishes, reports, ticks and crashes in any order.

use std::collections::BTreeSet;

use proptest::{prelude::*, test_runner::TestCaseError};

use super::*;
use crate::{
    review::{Critique, Severity},
    task::{CycleState, Event as Of, Part, Said},
};

/// One act: which, on whom, and how it goes.
type Act = (u8, u8, u8);

fn any_act() -> impl Strategy<Value = Act> {
    (0_u8..34, any::<u8>(), any::<u8>())
}

const DRAFTS: [&str; 6] =
    ["api", "api; web", "api web; ops<api lib", "web", "api; web; ops; lib", "-"];

/// Does one act, where it means something; what is refused changes nothing.
fn act(world: &mut World, (which, whom, how): Act) {
    let before = world.fleet.clone();
    let refused = match which {
        0 | 1 => world.ask_plan("", how.is_multiple_of(2), u32::from(how % 3)),
        2 => world.wish(Wish::Reject { text: "no".to_owned(), tries: u32::from(how % 2) }),
        3 => {
            let text = document(DRAFTS[usize::from(how) % 5]).replace("It holds", "It stands");
            world.wish(Wish::Edit { text })
        }
        4 | 5 => world.wish(Wish::Approve { from_wave: 1 + u32::from(how.is_multiple_of(8)) }),
        6..=8 => world.implement(),
        9 => world.wish(Wish::Finalize),
        10 => world.wish(if how.is_multiple_of(2) { Wish::Archive } else { Wish::Unarchive }),
        11..=18 => {
            do_work(world, whom, how);
            Ok(())
        }
        19 => {
            world.later(u64::from(how) * 10);
            Ok(())
        }
        20 => a_persons_word(world, whom, how),
        21 => asks(world, whom, how),
        22 => answers(world, whom, how),
        _ => run_hears(world, whom, how),
    };
    if refused.is_err() {
        assert_eq!(world.fleet, before, "what is refused changes nothing");
    }
}

/// A person says something of a part: that it is taken, sent back, given up, looked at, or what is wrong with it.
fn a_persons_word(world: &mut World, whom: u8, how: u8) -> Result<(), &'static str> {
    let project = PROJECTS[usize::from(whom) % PROJECTS.len()].to_owned();
    let by = "ada".to_owned();
    world.wish(match how % 5 {
        0 => Wish::Accept { project, text: String::new(), by },
        1 => Wish::Return { project, text: "not so".to_owned(), by },
        2 => Wish::Return { project, text: String::new(), by },
        3 => Wish::Review { project },
        _ => Wish::Comment { project, critique: critique(Severity::Major) },
    })
}

/// A run that is at work asks the foreman one of a few things, or its call goes back without an answer.
fn asks(world: &mut World, whom: u8, how: u8) -> Result<(), &'static str> {
    let at_work = |run: &&Arc<Run>| run.state_name() == "running" && run.brief.part.is_some();
    let runs: Vec<Arc<Run>> = world.fleet.runs.values().filter(at_work).cloned().collect();
    let Some(run) = runs.get(usize::from(whom) % runs.len().max(1)) else { return Ok(()) };
    let words = match how % 8 {
        0 => "left k0".to_owned(),
        1 => "asked k1".to_owned(),
        n => format!("asked k{n} foreman what of {}", n % 3),
    };
    let input = input(&words, run, world.now);
    world.give(Input::Run { run: run.id().clone(), input })
}

/// A person answers an open question, leaves it to its agent, or talks it over with the foreman.
fn answers(world: &mut World, whom: u8, how: u8) -> Result<(), &'static str> {
    let open = world.fleet.runs.values().flat_map(|run| {
        run.open_questions().map(|question| (run.id().clone(), question.id.clone()))
    });
    let open: Vec<(RunId, crate::id::QuestionId)> = open.collect();
    let Some((run, question)) = open.get(usize::from(whom) % open.len().max(1)).cloned() else {
        return Ok(());
    };
    if how.is_multiple_of(3) {
        return world.wish(Wish::Refine { question, text: "darker".to_owned() });
    }
    let text = (!how.is_multiple_of(5)).then(|| "green".to_owned());
    let input = run::Input::Answer { question, text, by: "ada".to_owned() };
    world.give(Input::Run { run, input })
}

/// One of the works that wait is done, and goes well or not.
fn do_work(world: &mut World, whom: u8, how: u8) {
    if world.work.is_empty() {
        return;
    }
    let nth = usize::from(whom) % world.work.len();
    world.work.rotate_left(nth);
    match world.work.front().unwrap().clone() {
        Work::Brief { task, run, .. } if how.is_multiple_of(8) => {
            world.work.pop_front();
            let begun = Err("no agent".to_owned());
            world.give(Input::Begin { task, run, begun, warnings: Vec::new() }).unwrap();
        }
        Work::Brief { .. } => world.begin_one(Vec::new()),
        Work::ReadDraft { task, run, .. } => {
            world.work.pop_front();
            let text = match DRAFTS[usize::from(how) % DRAFTS.len()] {
                "-" => Some("I would begin with the api.".to_owned()),
                groups => Some(document(groups)),
            };
            world.give(Input::Task { task, input: Wish::Draft { run, text } }).unwrap();
        }
        Work::Word { task, run, .. } => {
            world.work.pop_front();
            let words = if how.is_multiple_of(8) {
                Err("no words".to_owned())
            } else {
                Ok("go on".to_owned())
            };
            world.give(Input::Task { task, input: Wish::Worded { run, words } }).unwrap();
        }
        Work::ReadReview { task, run, .. } => {
            world.work.pop_front();
            let said = said(how);
            let was = format!("{} {} {said:?}", world.state(), world.parts());
            world
                .give(Input::Task { task, input: Wish::Reviewed { run, said } })
                .unwrap_or_else(|slug| panic!("{slug}: {was}"));
        }
        Work::ReadReply { task, run } => {
            world.work.pop_front();
            let text = match how % 6 {
                0 => Err("no words".to_owned()),
                1 | 2 => Ok("Blue, I think.".to_owned()),
                _ => Ok("Blue.\n\nCONFIDENCE: high".to_owned()),
            };
            world.give(Input::Task { task, input: Wish::Reply { run, text } }).unwrap();
        }
        Work::Finalize { task, run, look, .. } => {
            world.work.pop_front();
            let found = match how % 6 {
                0 => Found::Dirty { files: vec!["a".to_owned()] },
                1 => Found::Rejected { text: "no".to_owned() },
                2 => Found::Failed { text: "no".to_owned() },
                _ => Found::Published { head: format!("c{}", how % 3), remote: None },
            };
            let was = format!("{} {} {found:?}", world.state(), world.parts());
            world
                .give(Input::Task { task, input: Wish::Found { run, look, found } })
                .unwrap_or_else(|slug| panic!("{slug}: {was}"));
        }
    }
}

fn critique(severity: Severity) -> Critique {
    let text = format!("{severity:?}");
    Critique { severity, file: None, line: None, text, suggestion: None, by: None }
}

/// What a reviewer left: something to mend, nothing, no verdict, changes of its own.
fn said(how: u8) -> Result<Said, String> {
    let said = |critiques: Option<Vec<Critique>>| Said { critiques, touched: Vec::new() };
    match how % 8 {
        0 => Err("no journal".to_owned()),
        1 => Ok(said(None)),
        2 => Ok(Said { critiques: Some(Vec::new()), touched: vec!["a".to_owned()] }),
        3 | 4 => Ok(said(Some(vec![critique(Severity::Major)]))),
        5 => Ok(said(Some(Vec::new()))),
        _ => Ok(said(Some(vec![critique(Severity::Nit)]))),
    }
}

/// One of the runs hears what fits where it stands, or does not.
fn run_hears(world: &mut World, whom: u8, how: u8) -> Result<(), &'static str> {
    let runs: Vec<Arc<Run>> = world.fleet.runs.values().cloned().collect();
    let Some(run) = runs.get(usize::from(whom) % runs.len().max(1)) else { return Ok(()) };
    let well = !how.is_multiple_of(4);
    let words = match run.state_name() {
        "preparing" if well => "prepared",
        "preparing" if how.is_multiple_of(8) => "prepare-failed environment x",
        "preparing" => "prepare-failed user x",
        "starting" if well => "started",
        "starting" => "start-failed",
        "running" if run.verdict.turn.is_some() => "exit 0",
        "running" if well => "turn success",
        "running" => ["exit 1", "stop", "gone", "turn failed"][usize::from(how / 4) % 4],
        "stopping" if how.is_multiple_of(2) => "exit 143 forced",
        "stopping" => "swept",
        "ended" if run.undoing => "undone",
        "ended" if how.is_multiple_of(16) => "close 1 keep",
        "ended" if how % 16 == 1 => "op 1 closed",
        "ended" if how.is_multiple_of(4) => "again",
        "queued" if !well => "stop",
        _ => "tick",
    };
    if words == "op 1 closed" && !matches!(run.env, EnvState::Closing { .. }) {
        return Ok(());
    }
    let mut input = input(words, run, world.now);
    if let (EnvState::Closing { op: given, .. }, run::Input::OpDone { op, .. }) =
        (&run.env, &mut input)
    {
        *op = given.clone();
    }
    world.give(Input::Run { run: run.id().clone(), input })
}

/// What holds between any two batches.
fn promises(world: &World) -> Result<(), TestCaseError> {
    let task = world.task();
    let course = &task.course;
    let active: Vec<PlanState> = course
        .versions
        .iter()
        .map(|version| version.state)
        .filter(|state| state.is_active())
        .collect();
    prop_assert!(active.len() <= 1, "{} plans hold", active.len());
    let plan = active.first().copied();
    let fits = match task.state {
        TaskState::Planning => course.planning.is_some(),
        TaskState::PlanReview => plan == Some(PlanState::PendingReview),
        TaskState::Approved | TaskState::Implementing | TaskState::Reviewing => {
            plan == Some(PlanState::Approved)
        }
        TaskState::Ingested
        | TaskState::Completed
        | TaskState::Failed
        | TaskState::Merged
        | TaskState::Archived => true,
    };
    prop_assert!(fits, "{} with {plan:?}", task.state.as_str());
    prop_assert_eq!(course.planning.is_some(), task.state == TaskState::Planning);
    let parts: Vec<&Part> = task.plan().iter().flat_map(|plan| plan.parts.values()).collect();
    let runs: BTreeSet<&RunId> = parts.iter().filter_map(|part| part.run.as_ref()).collect();
    let given = parts.iter().filter(|part| part.run.is_some()).count();
    prop_assert_eq!(runs.len(), given, "one run for each part");
    for (run, part) in parts.iter().filter_map(|part| part.run.as_ref().zip(Some(part))) {
        let Some(run) = world.fleet.runs.get(run) else { continue };
        let at_work = !run.is_ended() && !run.held;
        let in_order = part.state == PartState::Completed && part.finishing.head.is_none();
        let may = part.state == PartState::InProgress || part.finishing.under_way || in_order;
        prop_assert!(!at_work || may, "{} works while its part is {:?}", run.id(), part.state);
    }
    for part in &parts {
        let reviews = &part.reviews;
        let most = task.course.rules.cycles.max(reviews.used()).min(8) + reviews.granted;
        prop_assert!(reviews.used() <= most.max(task.course.rules.cycles + reviews.granted));
        let open = reviews.cycles.iter().filter(|it| it.state == CycleState::Reviewing).count();
        prop_assert!(open <= 1, "two reviews of one part at a time");
        let numbers: BTreeSet<u32> = reviews.cycles.iter().map(|cycle| cycle.number).collect();
        prop_assert_eq!(numbers.len(), reviews.cycles.len(), "a number is given once");
    }
    asked(world)?;
    if task.state == TaskState::Completed && plan == Some(PlanState::Approved) {
        let done = parts.iter().all(|part| part.state == PartState::Completed);
        prop_assert!(done, "completed with {}", world.parts());
        let over = parts.iter().all(|part| part.run.is_none() || part.finishing.head.is_some());
        prop_assert!(over, "completed, and not all of it handed over");
    }
    forgotten(world)
}

/// Every open question is with the foreman or with people, and with the foreman only while somebody still asks it.
fn asked(world: &World) -> Result<(), TestCaseError> {
    let foreman = &world.task().course.foreman;
    for run in world.fleet.runs.values() {
        for question in run.open_questions() {
            let with_foreman = foreman.put(&question.id).is_some();
            let escalated = question.standing == run::question::Standing::Escalated;
            let to_people = question.asking.to == run::question::Whom::Human;
            prop_assert!(
                with_foreman || escalated || to_people,
                "{} of {} is with nobody",
                question.id,
                run.id()
            );
        }
    }
    let all = foreman.at.iter().chain(&foreman.line).chain(&foreman.escalated);
    for (question, run) in all.flat_map(task::Put::askers) {
        let run = &world.fleet.runs[run];
        let open = run.open_questions().any(|it| it.id == *question);
        prop_assert!(open, "{question} is settled, and the foreman has it still");
    }
    if let Some(at) = &foreman.at {
        let run = foreman.run.as_ref().unwrap();
        let held = world.fleet.runs.get(run).is_some_and(|run| !run.is_ended())
            || world.work.iter().any(|work| work.run() == run);
        prop_assert!(held, "{} is put to a foreman that does nothing", at.question);
    } else {
        prop_assert!(foreman.line.is_empty() || foreman.off.is_some(), "a free foreman and a line");
    }
    Ok(())
}

/// Whatever is under way is in somebody's hands: of the daemon, of a run, or of a person who is told so.
fn forgotten(world: &World) -> Result<(), TestCaseError> {
    let task = world.task();
    let open = |run: &RunId| world.fleet.runs.get(run).is_some_and(|run| !run.is_ended());
    match task.state {
        TaskState::Planning => {
            let planning = task.course.planning.as_ref().unwrap();
            let held =
                open(&planning.run) || world.work.iter().any(|work| *work.run() == planning.run);
            prop_assert!(held, "a planning that nobody goes on with");
        }
        TaskState::Implementing => {
            let version = task.plan().unwrap();
            let mine = |run: &RunId| {
                let run = world.fleet.runs.get(run);
                run.is_some_and(|run| !run.is_ended() && !run.waits_for_wave())
            };
            let reviewers = |part: &'_ Part| part.reviews.last().map(|cycle| cycle.run.clone());
            let authors = version.parts.values().filter_map(|part| part.run.clone());
            let mut runs = authors.chain(version.parts.values().filter_map(reviewers));
            let at_work = runs.any(|run| mine(&run)) || !world.work.is_empty();
            let rests = version.parts.values().any(|part| part.rests);
            let told = task.course.failed.is_some();
            prop_assert!(at_work || rests || told, "nobody goes on: {}", world.parts());
        }
        TaskState::Ingested
        | TaskState::PlanReview
        | TaskState::Approved
        | TaskState::Reviewing
        | TaskState::Completed
        | TaskState::Failed
        | TaskState::Merged
        | TaskState::Archived => {}
    }
    Ok(())
}

/// What the whole of a history promises.
fn at_the_end(world: &World) -> Result<(), TestCaseError> {
    world.replay();
    let mut ready = BTreeSet::new();
    let mut begun = BTreeSet::new();
    for (_, event, _) in &world.log {
        match event {
            Event::Task(Of::SubPlanReady { project, head, .. }) => {
                prop_assert!(
                    ready.insert((project, head)),
                    "{project} handed over twice at {head}"
                );
            }
            Event::Run(run::Event::Created { brief }) => {
                prop_assert!(begun.insert(brief.id.clone()), "{} begun twice", brief.id);
            }
            Event::House(_) | Event::Run(_) | Event::Task(_) | Event::Notice(_) => {}
        }
    }
    Ok(())
}

/// A question that a person is asked.
fn for_people(world: &World) -> Option<(RunId, crate::id::QuestionId)> {
    use run::question::{Standing, Whom};
    world.fleet.runs.values().find_map(|run| {
        let mut open = run.open_questions();
        let asked =
            open.find(|it| it.standing == Standing::Escalated || it.asking.to == Whom::Human)?;
        Some((run.id().clone(), asked.id.clone()))
    })
}

/// A run that waits for an answer, and is handed one.
fn heard(world: &World) -> Option<(Arc<Run>, String)> {
    world.fleet.runs.values().filter(|run| run.state_name() == "waiting").find_map(|run| {
        let handed = run.messages.iter().find(|it| it.receipt == run::Receipt::Handed)?;
        Some((run.clone(), handed.id.clone()))
    })
}

/// A person takes every part that waits for one.
fn take_all(world: &mut World) -> Result<(), &'static str> {
    let waits = |part: &Part| part.state == PartState::Escalated;
    let parts = world.version().parts.iter().filter(|(_, part)| waits(part));
    for project in parts.map(|(project, _)| project.clone()).collect::<Vec<_>>() {
        world.wish(Wish::Accept { project, text: String::new(), by: "ada".to_owned() })?;
    }
    Ok(())
}

/// Everybody does what is wanted: then the task comes to its end.
fn comes_to_an_end(world: &mut World) -> Result<(), TestCaseError> {
    for _ in 0..400 {
        promises(world)?;
        if !world.work.is_empty() {
            let how = match world.work.front() {
                Some(Work::ReadDraft { .. }) => 1,
                _ => 5,
            };
            do_work(world, 0, how);
            continue;
        }
        if let Some((run, question)) = for_people(world) {
            let text = Some("green".to_owned());
            let input = run::Input::Answer { question, text, by: "ada".to_owned() };
            world.give(Input::Run { run, input }).unwrap();
            continue;
        }
        if let Some((run, message)) = heard(world) {
            let told = input(&format!("told {message} turn-started"), &run, world.now);
            world.give(Input::Run { run: run.id().clone(), input: told }).unwrap();
            continue;
        }
        let wanted = |run: &&Arc<Run>| {
            if run.state_name() == "waiting" {
                return false;
            }
            let leaves = run.undoing || matches!(run.env, EnvState::Closing { .. });
            !run.is_ended() && !run.waits_for_wave() || leaves
        };
        if let Some(run) = world.fleet.runs.values().find(wanted).cloned() {
            let words = match run.state_name() {
                "preparing" => "prepared",
                "starting" => "started",
                "running" if run.verdict.turn.is_some() => "exit 0",
                "running" => "turn success",
                "stopping" => "exit 143 forced",
                "ended" if run.undoing => "undone",
                "ended" => "op 1 closed",
                _ => "tick",
            };
            let now = world.now;
            let mut heard = input(words, &run, now);
            if let (EnvState::Closing { op: given, .. }, run::Input::OpDone { op, .. }) =
                (&run.env, &mut heard)
            {
                *op = given.clone();
            }
            let given = world.give(Input::Run { run: run.id().clone(), input: heard });
            if given.is_err() || words == "tick" {
                world.later(600);
                let swept = input("swept", &run, world.now);
                let _not_wanted = world.give(Input::Run { run: run.id().clone(), input: swept });
            }
            continue;
        }
        let wished = match world.task().state {
            TaskState::Ingested => world.plan(),
            TaskState::PlanReview => world.approve(),
            TaskState::Approved | TaskState::Failed if world.task().plan().is_some() => {
                world.implement()
            }
            TaskState::Implementing => {
                let closed = world.wish(Wish::Finalize);
                if closed.is_err() { world.implement() } else { closed }
            }
            TaskState::Reviewing => take_all(world),
            TaskState::Completed | TaskState::Merged | TaskState::Archived => return Ok(()),
            TaskState::Planning | TaskState::Approved | TaskState::Failed => Ok(()),
        };
        prop_assert!(wished.is_ok(), "{} cannot go on: {wished:?}", world.state());
    }
    let state = world.state();
    prop_assert!(false, "no end in sight: {state}, {}", world.parts());
    Ok(())
}

/// Without and with reviews, and a foreman.
fn rules(nth: usize) -> task::Rules {
    let cycles = u32::try_from(nth % 4).unwrap_or(0);
    let threshold = crate::review::Threshold::MinorOk;
    task::Rules { cycles, threshold, auto: !nth.is_multiple_of(5), foreman: nth % 3 != 2 }
}

/// Half of them begin where a plan is carried out already: what comes late is rarely met from the start.
fn begun(nth: usize) -> World {
    if nth.is_multiple_of(2) {
        return World { rules: rules(nth / 2), ..World::new() };
    }
    let mut world = World::approved(&document("api web"));
    world.rules = rules(nth / 2);
    world.implement().unwrap();
    world.begin();
    for project in ["api", "web"] {
        world.hear(project, "prepared");
    }
    for project in ["api", "web"] {
        world.hear(project, "started");
    }
    world
}

fn told(acts: &[Act]) -> Result<(), TestCaseError> {
    let mut world = begun(acts.len());
    for one in acts {
        act(&mut world, *one);
        promises(&world)?;
    }
    at_the_end(&world)?;
    comes_to_an_end(&mut world)?;
    at_the_end(&world)
}

/// Ten thousand histories, in four parts that run side by side; a tenth of them where nobody asks for slow tests.
fn cases() -> u32 {
    if std::env::var_os("SKEP_SLOW").is_some() { 2_500 } else { 250 }
}

macro_rules! histories {
    ($($name:ident)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
            $(
                #[test]
                fn $name(acts in prop::collection::vec(any_act(), 0..100)) {
                    told(&acts)?;
                }
            )*
        }
    };
}

histories! {
    any_history_of_a_plan_keeps_every_promise_and_comes_to_an_end_1
    any_history_of_a_plan_keeps_every_promise_and_comes_to_an_end_2
    any_history_of_a_plan_keeps_every_promise_and_comes_to_an_end_3
    any_history_of_a_plan_keeps_every_promise_and_comes_to_an_end_4
}

/// The draw is wide enough: every state is met, and every event is written.
#[test]
fn random_histories_of_plans_reach_every_state_and_every_event() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut states, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for nth in 0..1_500 {
        let acts = prop::collection::vec(any_act(), 60..160).new_tree(&mut runner).unwrap();
        let mut world = begun(nth);
        for one in acts.current() {
            act(&mut world, one);
            states.insert(world.state());
        }
        let task = |line: &(String, Event, Timestamp)| matches!(line.1, Event::Task(_));
        for (_, event, _) in world.log.iter().filter(|line| task(line)) {
            kinds
                .insert(serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned());
        }
    }
    // Merges have no hands of their own in these.
    let missed: Vec<&str> = TaskState::ALL
        .iter()
        .map(|state| state.as_str())
        .filter(|state| !states.contains(state) && !["merged"].contains(state))
        .collect();
    assert_eq!(missed, [""; 0]);
    let golden = super::golden_words();
    let missed: Vec<&String> = golden.iter().filter(|word| !kinds.contains(*word)).collect();
    assert_eq!(missed, ["foreman_gave_up", "amended"]);
}
