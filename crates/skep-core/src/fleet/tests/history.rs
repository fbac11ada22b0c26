//! What holds in any history: random acts on a small fleet, each checked against what was true before it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{super::*, brief_of, fleet, input};
use crate::run::{Because, Effect, OpResult, tests::script::env_shown};

const LIMITS: Limits = Limits { runs: 2, per_project: 2, prepare: 1 };

/// The runs that may be created: two of one task, three in one checkout, two on one branch.
const RUNS: &[(&str, &[&str])] = &[
    ("a", &["for", "t", "in", "web"]),
    ("b", &["for", "t"]),
    ("c", &["in-place", "in", "web"]),
    ("d", &["in-place", "for", "u"]),
    ("e", &["in-place", "at", "/src/api"]),
    ("f", &["on", "fix", "unnamed"]),
    ("g", &["on", "fix", "called", "a"]),
];

/// What may happen to a run, whether it makes sense or not.
const ACTS: &[&str] = &[
    "stop",
    "kill",
    "again",
    "pause",
    "give q",
    "close 1",
    "close 2",
    "land 3",
    "prepared",
    "prepare-failed environment disk",
    "prepare-failed agent set-up-failed",
    "began",
    "start-failed",
    "started",
    "words",
    "session",
    "usage 5",
    "turn success",
    "turn failed",
    "error model",
    "ask",
    "permission",
    "silent",
    "heard",
    "exit 0",
    "exit 7",
    "exit 137 forced",
    "exit 1 unstarted",
    "exit 137 forced committed c2",
    "gone",
    "gone restarted",
    "swept",
    "swept unknown",
    "undone",
    "undone not",
    "op 1 closed",
    "op 1 refused",
    "op 2 closed",
    "op 3 landed",
    "git c2 2",
    "done",
    "tick",
    "exit 0 of 1",
    "said of 1",
    "swept of 1",
    "start-failed of 1",
];

/// One act of a history, milliseconds after the one before.
#[derive(Debug, Clone)]
enum Act {
    Create(usize),
    /// What is likely next for this run, by one of the ways on.
    Next(usize, usize),
    /// Anything at all.
    Any(usize, usize),
    Tick,
}

fn any_act() -> impl Strategy<Value = (Act, u64)> {
    let act = prop_oneof![
        2 => (0..RUNS.len()).prop_map(Act::Create),
        8 => (0..RUNS.len(), 0..4_usize).prop_map(|(run, way)| Act::Next(run, way)),
        5 => (0..RUNS.len(), 0..ACTS.len()).prop_map(|(run, act)| Act::Any(run, act)),
        1 => Just(Act::Tick),
    ];
    // The same moment, a moment later, and beyond each deadline.
    (act, prop_oneof![4 => Just(0), 6 => 0..5_000_u64, 1 => 5_000..4_000_000_u64])
}

/// What the outside would report next of a run that does well, and of one that does not.
fn likely(run: &Run, way: usize) -> &'static str {
    let ways = match run.state {
        State::Queued { .. } => ["tick", "tick", "stop", "tick"],
        State::Preparing { .. } => {
            ["prepared", "prepared", "prepared", "prepare-failed environment disk"]
        }
        State::Starting { .. } => ["started", "began", "started", "start-failed"],
        State::Running { .. } => ["turn success", "exit 0", "ask", "exit 137 forced"],
        State::Waiting { .. } => ["give q", "give q", "exit 0", "stop"],
        State::Stalled { .. } => ["heard", "tick", "exit 7", "stop"],
        State::Stopping { gone: true, .. } => ["swept", "swept unknown", "exit 137 forced", "tick"],
        State::Stopping { .. } => ["exit 137 forced", "gone", "stop", "tick"],
        State::Ended { .. } => match run.env {
            EnvState::Closing { .. } => ["op 1 closed", "op 2 closed", "op 1 refused", "undone"],
            EnvState::None | EnvState::Preparing | EnvState::Held(_) | EnvState::Closed(_) => {
                ["again", "close 1", "undone", "close 2"]
            }
        },
    };
    ways[way]
}

/// What is seen of a history while it goes on.
struct Witness {
    fleet: Fleet,
    now: Timestamp,
    /// As the ledger holds them.
    log: Vec<(String, String, Timestamp)>,
    /// The envs that were lent and not given back.
    lent: BTreeSet<RunId>,
    started: BTreeSet<(RunId, u32)>,
}

impl Witness {
    fn new() -> Witness {
        let mut witness = Witness {
            fleet: Fleet::default(),
            now: Timestamp(0),
            log: Vec::new(),
            lent: BTreeSet::new(),
            started: BTreeSet::new(),
        };
        for (subject, event) in beginnings() {
            witness.fleet.apply(&subject, &event, Timestamp(0)).unwrap();
            witness.log.push((subject, serde_json::to_string(&event).unwrap(), Timestamp(0)));
        }
        witness
    }

    fn act(&mut self, act: &Act, later: u64) -> Result<(), TestCaseError> {
        self.now = Timestamp(self.now.0 + later);
        if self.fleet.next_wake().is_some_and(|at| at <= self.now) {
            self.give(&Input::Tick)?;
            let wake = self.fleet.next_wake();
            prop_assert!(
                wake.is_none_or(|at| at > self.now),
                "after a tick the clock has nothing to say: {wake:?}"
            );
        }
        let id = |run: usize| super::id(RUNS[run].0);
        let text = match *act {
            Act::Create(run) => {
                return self.give(&Input::Create(Box::new(brief_of(RUNS[run].0, RUNS[run].1))));
            }
            Act::Tick => return self.give(&Input::Tick),
            Act::Next(run, way) => self.fleet.runs.get(&id(run)).map(|of| (run, likely(of, way))),
            Act::Any(run, act) => Some((run, ACTS[act])),
        };
        let Some((run, text)) = text else { return Ok(()) };
        let Some(of) = self.fleet.runs.get(&id(run)) else { return Ok(()) };
        let text = if text == "said of 1" { "words of 1" } else { text };
        let input = input(text, of, self.now);
        self.give(&Input::Run { run: id(run), input })
    }

    fn give(&mut self, input: &Input) -> Result<(), TestCaseError> {
        let before = self.fleet.clone();
        let decided = match self.fleet.decide(input.clone(), self.now) {
            Ok(decided) => decided,
            Err(rejected) => {
                prop_assert_eq!(&self.fleet, &before, "what is rejected changes nothing");
                let stop = matches!(input, Input::Run { input: run::Input::Stop { .. }, .. });
                prop_assert!(!stop, "a stop is never refused: {}", rejected);
                return Ok(());
            }
        };
        for about in &decided.events {
            self.log.push((
                about.subject.clone(),
                serde_json::to_string(&about.event).unwrap(),
                self.now,
            ));
        }
        self.envs(&before, input, &decided)?;
        self.effects(&decided)?;
        self.ends(&before, input, &decided)?;
        self.limits(&before)?;
        self.holders()
    }

    /// An env is lent once, and given back by a report of its end and by nothing else.
    fn envs(
        &mut self,
        before: &Fleet,
        input: &Input,
        decided: &Decided,
    ) -> Result<(), TestCaseError> {
        for about in &decided.events {
            if let Event::Run(run::Event::Prepared { .. }) = &about.event {
                let run: RunId = about.subject.parse().unwrap();
                prop_assert!(
                    self.lent.insert(run),
                    "an env was lent before the last one came back"
                );
            }
        }
        for (id, run) in &self.fleet.runs {
            let held = matches!(run.env, EnvState::Held(_) | EnvState::Closing { .. });
            let given_back = !held && self.lent.remove(id);
            prop_assert_eq!(
                held,
                self.lent.contains(id),
                "{} holds what was lent to it: {}",
                id,
                env_shown(run)
            );
            if given_back {
                let Input::Run { run: of, input } = input else {
                    return Err(TestCaseError::fail(format!("{id} lost its env by {input:?}")));
                };
                let told = matches!(
                    input,
                    run::Input::Undone { text: None }
                        | run::Input::OpDone { result: OpResult::Closed { .. }, .. }
                );
                let told = told && of == id;
                prop_assert!(told, "{} lost its env by {:?}", id, input);
                prop_assert!(
                    before.runs[id].is_ended() || before.runs[id].undoing,
                    "{} was at work in it",
                    id
                );
            }
        }
        Ok(())
    }

    /// Effects are of runs that are known, one start for each attempt, and only in an env that stands.
    fn effects(&mut self, decided: &Decided) -> Result<(), TestCaseError> {
        for effect in &decided.effects {
            let run = self.fleet.runs.get(effect.run());
            prop_assert!(run.is_some(), "an effect of nobody: {effect:?}");
            let Some(run) = run else { continue };
            match effect {
                Effect::Start { attempt, .. } => {
                    prop_assert!(
                        self.started.insert((run.id().clone(), *attempt)),
                        "{effect:?} twice"
                    );
                    prop_assert!(
                        self.lent.contains(run.id()) && !run.undoing,
                        "{effect:?} in no env"
                    );
                }
                Effect::Prepare { .. } => {
                    prop_assert!(!self.lent.contains(run.id()), "{effect:?} beside an env");
                }
                Effect::Close { .. } => {
                    prop_assert!(self.lent.contains(run.id()), "{effect:?} of no env");
                }
                Effect::CancelPrepare { .. }
                | Effect::Undo { .. }
                | Effect::Stop { .. }
                | Effect::CancelTurn { .. }
                | Effect::Deliver { .. }
                | Effect::Sweep { .. }
                | Effect::Land { .. } => {}
            }
        }
        Ok(())
    }

    /// After the end nothing but another attempt, a close, a landing and the reports of what was begun; and no end
    /// without a word that nothing lives.
    fn ends(
        &mut self,
        before: &Fleet,
        input: &Input,
        decided: &Decided,
    ) -> Result<(), TestCaseError> {
        let Input::Run { run: id, input } = input else { return Ok(()) };
        let (old, new) = (&before.runs[id], &self.fleet.runs[id]);
        if old.is_ended() {
            let may = matches!(
                input,
                run::Input::Again
                    | run::Input::Close { .. }
                    | run::Input::Land { .. }
                    | run::Input::Undone { .. }
                    | run::Input::OpDone { .. }
                    | run::Input::GitSeen(_)
                    | run::Input::Done
            );
            prop_assert!(
                may || decided.events.is_empty() && decided.effects.is_empty(),
                "{:?} after the end",
                input
            );
            prop_assert!(
                new.is_ended() || *input == run::Input::Again,
                "{:?} woke the dead",
                input
            );
            prop_assert!(!old.closed || new.closed, "a close is final");
        }
        let was_at_work = old.is_living() && !matches!(old.state, State::Preparing { .. });
        if was_at_work && (new.is_ended() || matches!(new.state, State::Queued { .. })) {
            let dead = matches!(
                input,
                run::Input::Exited { .. }
                    | run::Input::Swept { unknown: None, .. }
                    | run::Input::StartFailed { .. }
            );
            prop_assert!(dead, "{:?} ended what may live", input);
            let person = matches!(old.state, State::Stopping { because: Because::Person, .. });
            prop_assert!(!person || new.is_ended(), "what a person stopped does not come back");
        }
        Ok(())
    }

    /// Nobody is let in beyond a limit, and nobody waits who might go.
    fn limits(&self, before: &Fleet) -> Result<(), TestCaseError> {
        let at_work =
            |run: &&Arc<Run>| run.holds_slot() && !matches!(run.state, State::Stopping { .. });
        let working: Vec<&Arc<Run>> = self.fleet.runs.values().filter(at_work).collect();
        prop_assert!(working.len() <= 2, "limits.runs");
        let preparing =
            working.iter().filter(|run| matches!(run.state, State::Preparing { .. })).count();
        prop_assert!(preparing <= 1, "limits.prepare");
        let let_in = working
            .iter()
            .any(|run| !before.runs.get(run.id()).is_some_and(|old| old.holds_slot()));
        let holding = self.fleet.runs.values().filter(|run| run.holds_slot()).count();
        prop_assert!(!let_in || holding <= 2, "somebody was let in while {holding} held a slot");
        for run in self.fleet.runs.values() {
            let in_line = matches!(run.state, State::Queued { .. })
                || !run.given.is_empty() && run.pid().is_some();
            prop_assert!(
                !in_line || self.fleet.held_back(run, self.now).is_some(),
                "{} waits for nothing",
                run.id()
            );
        }
        Ok(())
    }

    /// A checkout, a task and a name have one holder.
    fn holders(&self) -> Result<(), TestCaseError> {
        let mut checkouts = BTreeSet::new();
        let mut tasks = BTreeSet::new();
        let mut names = BTreeSet::new();
        for run in self.fleet.runs.values() {
            if run.is_living() && run.brief.place.env_type == EnvType::InPlace {
                prop_assert!(
                    checkouts.insert(&run.brief.place.repository),
                    "two live in one checkout"
                );
            }
            if let (Some(task), false) = (&run.brief.task, run.is_ended()) {
                prop_assert!(tasks.insert(task), "two work on one task");
                prop_assert_eq!(self.fleet.tasks[task].run.as_ref(), Some(run.id()));
                prop_assert_eq!(self.fleet.tasks[task].state, TaskState::Implementing);
            }
            if !run.is_ended() || self.lent.contains(run.id()) {
                prop_assert!(names.insert(&run.brief.name), "two are called {}", run.brief.name);
            }
        }
        for task in self.fleet.tasks.values() {
            let implementing = task.state == TaskState::Implementing;
            prop_assert_eq!(
                implementing,
                tasks.contains(&task.id),
                "a task is held by a run that goes on"
            );
        }
        Ok(())
    }

    /// Reads the log as a daemon does that has just started.
    fn replay(&self) -> Fleet {
        let mut fleet = Fleet::default();
        for (subject, body, at) in &self.log {
            let event: Event = serde_json::from_str(body).unwrap();
            let at: Timestamp = at.to_string().parse().unwrap();
            fleet.apply(subject, &event, at).unwrap();
        }
        fleet
    }
}

/// The events that made the fleet of the scenes.
fn beginnings() -> Vec<(String, Event)> {
    let fleet = fleet(LIMITS);
    let mut events =
        vec![("fleet".to_owned(), Event::House(House::LimitsSet { limits: fleet.limits }))];
    for project in fleet.projects.values() {
        let project = project.as_ref().clone();
        events.push((
            format!("project/{}", project.name),
            Event::House(House::ProjectAdded { project }),
        ));
    }
    for task in fleet.tasks.values() {
        events.push((
            task.id.to_string(),
            Event::House(House::TaskAdded { task: task.as_ref().clone() }),
        ));
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_keeps_every_promise(acts in prop::collection::vec(any_act(), 0..120)) {
        let mut witness = Witness::new();
        for (act, later) in &acts {
            witness.act(act, *later)?;
        }
        prop_assert_eq!(&witness.replay(), &witness.fleet, "replay equals live");
    }

    /// From wherever a history has led: when each run is stopped and the outside reports what it must, all end.
    #[test]
    fn any_history_can_be_brought_to_an_end(acts in prop::collection::vec(any_act(), 0..80)) {
        let mut witness = Witness::new();
        for (act, later) in &acts {
            witness.act(act, *later)?;
        }
        for run in 0..RUNS.len() {
            for way in ["stop", "prepared", "gone", "swept", "undone", "op 1 refused", "op 2 refused"] {
                let act = ACTS.iter().position(|act| *act == way);
                if let Some(act) = act {
                    witness.act(&Act::Any(run, act), 0)?;
                }
            }
        }
        for run in witness.fleet.runs.values() {
            prop_assert!(run.is_ended(), "{} is {}", run.id(), run.state_name());
        }
        prop_assert_eq!(witness.fleet.next_wake(), None);
    }
}

/// The histories reach what they are about: else they would prove nothing.
#[test]
fn random_histories_reach_every_state_and_every_env() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut states, mut envs, mut words) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for _ in 0..150 {
        let acts = prop::collection::vec(any_act(), 120).new_tree(&mut runner).unwrap().current();
        let mut witness = Witness::new();
        for (act, later) in &acts {
            witness.act(act, *later).unwrap();
            for run in witness.fleet.runs.values() {
                states.insert(run.state_name());
                envs.insert(env_shown(run));
            }
        }
        for (_, body, _) in &witness.log {
            let event: serde_json::Value = serde_json::from_str(body).unwrap();
            words.insert(event["event"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(states.len(), 8, "{states:?}");
    assert_eq!(envs.len(), 6, "{envs:?}");
    let never = ["project_approved", "project_removed"];
    let golden: BTreeSet<String> = include_str!("../../../tests/golden/events.jsonl")
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["event"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .filter(|word| !never.contains(&word.as_str()))
        .collect();
    assert_eq!(words, golden, "every kind of event comes up");
}
