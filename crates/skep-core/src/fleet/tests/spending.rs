//! Scenes of budgets that several runs share, and what holds in any history of them.

use proptest::prelude::*;

use super::*;
use crate::{
    budget::Budget,
    run::tests::script::env,
    said::{Carried, Said, TurnResult, Usage},
};

fn budgets(day: &str, at_day: AtDay) -> Budgets {
    let all = Shares { day: day.parse().unwrap(), ..Shares::default() };
    Budgets { all, at_day, ..Budgets::default() }
}

fn with(budgets: Budgets) -> Fleet {
    let mut fleet = fleet(Limits { runs: 8, ..ONE });
    fleet.decide(Input::Budgets(budgets), Timestamp(0)).unwrap();
    fleet
}

fn played(mut fleet: Fleet, lines: &str) -> Fleet {
    for line in lines.split(", ") {
        let told = play(&mut fleet, line);
        assert!(!told.starts_with("rejected"), "{line}: {told}");
    }
    fleet
}

const TWO_AT_WORK: &str = "0 create amber in web, 0 create beryl for t, 1 amber prepared, 1 beryl prepared, 2 amber started, \
                           2 beryl started";

#[test]
fn at_the_days_budget_nothing_new_starts_and_whoever_is_at_work_finishes() {
    let fleet = with(budgets("$5", AtDay::Finish));
    let fleet = played(fleet, &format!("{TWO_AT_WORK}, 3 amber used 10 6, 4 create coral"));
    assert_eq!(run(&fleet, "coral").state_name(), "queued");
    assert_eq!(run(&fleet, "amber").state_name(), "running");
    let why = fleet.held_back(run(&fleet, "coral"), seconds("5")).unwrap();
    assert!(why.starts_with("budget of the day: $6.00 of 5usd are spent"), "{why}");
    // The next day it goes by itself.
    let morning = seconds("86400");
    assert_eq!(fleet.next_wake(), Some(morning));
    let fleet = played(fleet, "86400 tick");
    assert_eq!(run(&fleet, "coral").state_name(), "preparing");
}

#[test]
fn at_the_days_budget_all_are_stopped_where_that_is_the_rule() {
    let fleet = with(budgets("$5", AtDay::Stop));
    let fleet = played(fleet, &format!("{TWO_AT_WORK}, 3 amber used 10 6"));
    assert_eq!(run(&fleet, "amber").state_name(), "stopping");
    assert_eq!(run(&fleet, "beryl").state_name(), "stopping");
}

#[test]
fn the_days_budget_is_told_once_a_day_whatever_follows() {
    let mut fleet = with(budgets("$5", AtDay::Finish));
    let mut told = 0;
    let lines = format!(
        "{TWO_AT_WORK}, 3 amber used 10 6, 4 amber used 20 7, 5 beryl used 9 9, 86401 amber used 30 30, 86402 amber used 40 31"
    );
    for line in lines.split(", ") {
        let (secs, text) = line.split_once(' ').unwrap();
        let input = input_of(&fleet, text, seconds(secs));
        let decided = fleet.decide(input, seconds(secs)).unwrap();
        told += decided
            .events
            .iter()
            .filter(|it| matches!(it.event, Event::House(House::DayBudgetMet { .. })))
            .count();
    }
    assert_eq!(told, 2, "one for each of two days");
}

#[test]
fn the_day_is_the_persons_own() {
    let budgets = Budgets { ahead_min: 120, ..Budgets::default() };
    let late = Timestamp(23 * 3_600_000);
    assert_eq!(budgets.day(late), 1);
    assert_eq!(budgets.day_ends(0), Timestamp(22 * 3_600_000));
    let west = Budgets { ahead_min: -300, ..Budgets::default() };
    assert_eq!(west.day(Timestamp(86_400_000 + 3_600_000)), 0);
}

#[test]
fn a_raised_budget_lets_those_in_line_go() {
    let fleet = with(budgets("$5", AtDay::Finish));
    let mut fleet = played(fleet, &format!("{TWO_AT_WORK}, 3 amber used 10 6, 4 create coral"));
    fleet.decide(Input::Budgets(budgets("$50", AtDay::Finish)), seconds("5")).unwrap();
    assert_eq!(run(&fleet, "coral").state_name(), "preparing");
}

#[test]
fn a_task_and_a_project_have_budgets_of_their_own() {
    let all = Shares {
        task: "100".parse::<Budget>().unwrap(),
        project: "$5".parse().unwrap(),
        ..Shares::default()
    };
    let fleet = with(Budgets { all, ..Budgets::default() });
    let fleet = played(fleet, &format!("{TWO_AT_WORK}, 3 beryl used 100 1"));
    assert_eq!(run(&fleet, "beryl").state_name(), "stopping");
    assert_eq!(run(&fleet, "amber").state_name(), "running");
    let fleet = played(fleet, "4 create coral, 5 amber used 10 5, 6 create onyx in web");
    assert_eq!(run(&fleet, "amber").state_name(), "stopping");
    assert_eq!(run(&fleet, "onyx").state_name(), "queued");
    assert_eq!(run(&fleet, "coral").state_name(), "preparing");
}

#[test]
fn those_at_work_have_the_rest_reserved_as_turns_go() {
    let fleet = with(budgets("$10", AtDay::Finish));
    let fleet = played(
        fleet,
        "0 create amber, 1 amber prepared, 2 amber started, 3 amber used 10 6, 4 amber turn success, 5 create beryl",
    );
    // Its next turn may take what the last one took.
    assert_eq!(run(&fleet, "beryl").state_name(), "queued");
    let why = fleet.held_back(run(&fleet, "beryl"), seconds("5")).unwrap();
    assert!(why.contains("those at work may use what is left of 10usd"), "{why}");
    let fleet = played(fleet, "6 amber exit 0 committed c2");
    assert_eq!(run(&fleet, "beryl").state_name(), "preparing");
}

/// The most that one turn of the agents below takes.
const TURN: u64 = 20;
const RUN: u64 = 60;
const DAY: u64 = 150;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// An agent as it is outside: what its turn has used, told or not, and what its conversation has.
#[derive(Debug, Clone, Default)]
struct Agent {
    attempt: u32,
    /// Of the attempt, and of the conversation.
    used: u64,
    whole: u64,
    turn: u64,
    over: bool,
    /// How much of the conversation was told, and what attempts before this one used in it that died before they told it.
    heard: u64,
    kept_back: u64,
}

fn told(fleet: &Fleet) -> u64 {
    fleet.spent(None, |_| true).usage.tokens()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is spent passes no limit by more than one turn of each run at work, and what it did before and died before telling,
    /// whatever order reports, crashes, repeats and resumes come in; and what is read again from the events is what was lived
    /// through. What nobody was told cannot be held: an agent that counts its conversation tells it with its next number.
    #[test]
    fn spend_never_passes_a_limit_by_more_than_a_turn(
        acts in proptest::collection::vec((0..12_u8, 0..4_usize, 1..TURN), 1..160),
        carried in any::<bool>(),
    ) {
        let mut fleet = with(budgets(&DAY.to_string(), AtDay::Stop));
        let mut events: Vec<(About, Timestamp)> = Vec::new();
        let mut agents: BTreeMap<&str, Agent> = BTreeMap::new();
        let mut now = 1;
        let before = fleet.clone();
        for (act, nth, amount) in acts {
            now += 1000;
            let name = NAMES[nth];
            let at = Timestamp(now);
            let agent = agents.entry(name).or_default();
            let of_run = |input| Input::Run { run: id(name), input };
            let known = fleet.runs.get(&id(name)).cloned();
            let mut inputs = Vec::new();
            match (&known, act) {
                (None, _) => {
                    let mut brief = brief(name);
                    brief.budget = RUN.to_string().parse().unwrap();
                    inputs.push(create(brief));
                }
                (Some(run), _) => match (&run.state, act) {
                    (State::Preparing { .. }, _) => inputs.push(of_run(run::Input::Prepared(env(name)))),
                    (State::Starting { .. }, _) => {
                        let (whole, heard) = if run.goes_on { (agent.whole, agent.heard) } else { (0, 0) };
                        let kept_back = if carried { whole - heard } else { 0 };
                        *agent = Agent { attempt: run.attempt, whole, heard, kept_back, ..Agent::default() };
                        let attempt = run.attempt;
                        inputs.push(of_run(run::Input::Started { attempt, pid: 8, gatekeeper: 7 }));
                        let said = Said::Session { id: "s".to_owned() };
                        inputs.push(of_run(run::Input::Said { attempt, said }));
                    }
                    (State::Running { .. }, 0..=5) => {
                        // It works on in its turn, and tells of it now, later, or twice.
                        let more = amount.min(TURN - agent.turn);
                        (agent.turn, agent.used, agent.whole) =
                            (agent.turn + more, agent.used + more, agent.whole + more);
                        if act < 4 {
                            agent.heard = agent.whole;
                            inputs.extend((0..=act / 2).map(|_| said(name, agent, carried)));
                        }
                    }
                    (State::Running { .. }, 6..=7) => {
                        agent.heard = agent.whole;
                        inputs.push(said(name, agent, carried));
                        let result = TurnResult::Success;
                        let ended = Said::TurnEnded { result, text: "done".to_owned() };
                        inputs.push(of_run(run::Input::Said { attempt: run.attempt, said: ended }));
                        agent.turn = 0;
                        agent.over = true;
                    }
                    (State::Running { .. } | State::Stopping { .. }, 8..=11) => {
                        // It dies, or ends; what it did not tell nobody knows, or its conversation does.
                        let forced = if act == 8 { "exit 137 forced" } else { "exit 0 committed c2" };
                        inputs.push(of_run(crate::run::tests::script::input(forced, run, at)));
                    }
                    (State::Stopping { .. }, _) => {
                        agent.heard = agent.whole;
                        inputs.push(said(name, agent, carried));
                    }
                    (State::Ended { .. }, 0..=8) => inputs.push(of_run(run::Input::Again {
                        goes_on: act < 5, message: None, speech: None,
                    })),
                    _ => inputs.push(Input::Tick),
                },
            }
            if let Some(State::Running { .. }) = known.as_ref().map(|run| &run.state)
                && agent.over && act < 4
            {
                // Another turn only where a message was taken.
                let send = run::Input::Send { id: format!("m{now}"), text: "more".to_owned(), steer: false };
                inputs.insert(0, of_run(send));
                agent.over = false;
            }
            for input in inputs {
                let was = fleet.clone();
                let Ok(decided) = fleet.decide(input, at) else { continue };
                events.extend(decided.events.into_iter().map(|about| (about, at)));
                // Nobody begins an attempt over a limit.
                for run in fleet.runs.values() {
                    let begins = matches!(run.state, State::Starting { .. } | State::Preparing { .. });
                    let began = was.runs.get(run.id()).is_none_or(|old| matches!(old.state, State::Queued { .. }));
                    prop_assert!(!(begins && began && told(&was) >= DAY), "{run:?}");
                    let agent = agents.iter().find(|(name, _)| id(name) == *run.id());
                    let kept_back = agent.map_or(0, |(_, agent)| agent.kept_back);
                    prop_assert!(run.spent.amount.usage.tokens() < RUN + TURN + kept_back, "{:?}", run.spent);
                }
            }
            let most = agents.values().map(|agent| TURN + agent.kept_back).sum::<u64>();
            prop_assert!(told(&fleet) < DAY + most, "{}", told(&fleet));
            let sum: u64 = fleet.runs.values().map(|run| run.spent.amount.usage.tokens()).sum();
            prop_assert_eq!(sum, told(&fleet), "the days add up to the runs");
        }
        let mut replayed = before;
        for (about, at) in &events {
            replayed.apply(&about.subject, &about.event, *at).unwrap();
        }
        prop_assert_eq!(replayed, fleet);
    }
}

fn said(name: &str, agent: &Agent, carried: bool) -> Input {
    let count = if carried { agent.whole } else { agent.used };
    let usage = Usage { input_tokens: count, ..Usage::default() };
    let said = Said::Usage { usage, carried: Carried { tokens: carried, cost: false } };
    Input::Run { run: id(name), input: run::Input::Said { attempt: agent.attempt, said } }
}
