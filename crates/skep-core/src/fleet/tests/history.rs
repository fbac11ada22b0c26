//! What holds in any history: random acts on a small fleet, each checked against what was true before it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::{super::*, ONE, brief_of, create, fleet, input};
use crate::{
    id::SnapshotId,
    run::{
        Because, Effect, OpResult, Undo, WaitingFor,
        landing::{Brought, Combined, Wish, Word},
        tests::script::{attested, env, env_shown, op, taken, trial},
    },
    snapshot::{self, Why},
};

const LIMITS: Limits = Limits { runs: 2, per_project: 2, prepare: 1, ..ONE };

/// The runs that may be created: three of one task, one of them in another's place, two in one checkout, one that takes
/// another over, two on one branch, two at one issue, one of words from outside, one that it asks for, and one that would go by them freely.
const RUNS: &[(&str, &[&str])] = &[
    ("a", &["for", "t", "in", "web", "unnamed", "rotating"]),
    ("b", &["for", "t", "unnamed", "backed", "may", "1M", "needing", "port,db"]),
    ("c", &["in-place", "in", "web", "unnamed"]),
    ("b", &["for", "t", "unnamed", "backed", "needing", "gpu"]),
    ("a", &["for", "t", "in", "web", "unnamed"]),
    ("d", &["in-place", "for", "u", "unnamed", "needing", "both"]),
    ("e", &["adopting", "at", "/src/api", "unnamed"]),
    ("f", &["on", "fix", "unnamed", "needing", "port", "issue", "ada/web#12"]),
    ("g", &["on", "fix", "called", "a"]),
    ("h", &["for", "t", "over", "a"]),
    ("i", &["for", "w", "unnamed"]),
    ("j", &["by", "i", "unnamed", "issue", "Ada/Web#12"]),
    ("i", &["for", "w", "unnamed", "bypassing"]),
];

/// Whose mark a person may lift: of tasks, one that has it, one that has none, one that is not there; of runs likewise.
const LIFTED: [(bool, &str); 6] =
    [(true, "w"), (true, "t"), (true, "x"), (false, "i"), (false, "j"), (false, "a")];

/// What may happen to a run, whether it makes sense or not.
const ACTS: &[&str] = &[
    "stop",
    "kill",
    "supersede",
    "again",
    "afresh",
    "again saying more",
    "again on screen",
    "again on pipes",
    "pass on",
    "go by home",
    "pause",
    "pause now",
    "give q",
    "send m",
    "steer o",
    "told m sending",
    "told m turn-started",
    "purge 0",
    "purge 1",
    "drop-logs",
    "settle",
    "prepared",
    "prepare-failed environment disk",
    "prepare-failed agent set-up-failed",
    "began",
    "start-failed",
    "in-use",
    "started",
    "words",
    "session",
    "refused",
    "tool",
    "usage 5",
    "model m7",
    "raise 200k",
    "turn success",
    "turn failed",
    "error model",
    "ask",
    "permission",
    "permission r",
    "approve",
    "reject 1",
    "withdrawn p",
    "asked k",
    "asked l foreman",
    "left k",
    "answer 0 yes",
    "skip 1",
    "claims note",
    "silent",
    "limit",
    "limit unknown",
    "retry",
    "overdue turn",
    "overdue ready",
    "heard",
    "shown",
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
    "op 2 failed",
    "git c2 2",
    "rules",
    "rules-set 1",
    "rules-set 2",
    "lift",
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
    /// A wish of a person, and what of it is meant.
    Wish(usize, usize, usize),
    /// The first deed of this run that is not done yet reports, by one of the ways that it may come out.
    Report(usize, usize),
    Clean,
    /// A person vouches for words.
    Lift(usize),
    Disk(Option<u64>),
    Tick,
}

fn any_act() -> impl Strategy<Value = (Act, u64)> {
    // Some runs are met often enough to come far.
    let run = || prop_oneof![2 => 0..2_usize, 1 => 0..RUNS.len()];
    let free = prop_oneof![1 => Just(None), 1 => Just(Some(999)), 3 => Just(Some(1_000))];
    let act = prop_oneof![
        2 => (0..RUNS.len()).prop_map(Act::Create),
        10 => (run(), 0..18_usize).prop_map(|(run, way)| Act::Next(run, way)),
        4 => (run(), 0..ACTS.len()).prop_map(|(run, act)| Act::Any(run, act)),
        6 => (run(), 0..WISHES, 0..4_usize).prop_map(|(run, wish, of)| Act::Wish(run, wish, of)),
        8 => (run(), 0..5_usize).prop_map(|(run, way)| Act::Report(run, way)),
        1 => Just(Act::Clean),
        1 => (0..LIFTED.len()).prop_map(Act::Lift),
        1 => free.prop_map(Act::Disk),
        1 => Just(Act::Tick),
    ];
    // The same moment, a moment later, and beyond each deadline.
    (act, prop_oneof![4 => Just(0), 6 => 0..5_000_u64, 1 => 5_000..4_000_000_u64])
}

/// What the outside would report next of a run that does well, and of one that does not.
fn likely(run: &Run, way: usize) -> &'static str {
    let ways: &[&str] = match run.state {
        State::Queued { .. } => &["tick", "tick", "stop", "tick"],
        State::Preparing { .. } => {
            &["prepared", "prepared", "prepared", "prepare-failed environment disk", "in-use"]
        }
        State::Starting { .. } => &["started", "began", "started", "start-failed"],
        State::Running { .. } if run.retrying.is_some() => &["heard", "retry", "turn success"],
        State::Running { .. } if run.rules.told < run.rules.asked => {
            &["rules-set 1", "rules-set 2", "exit 0", "turn success"]
        }
        State::Running { .. } if !run.brief.logins.is_none() && way < 5 => &["limit unknown"],
        State::Running { .. } => &[
            "turn success",
            "exit 0",
            "ask",
            "permission",
            "asked k",
            "asked l foreman",
            "claims blocked",
            "session",
            "pause",
            "silent",
            "shown",
            "exit 137 forced",
            "send m",
            "limit unknown",
            "retry",
            "rules",
            "usage 5",
            "heard",
        ],
        State::Waiting { on: WaitingFor::Permission, .. } => {
            &["approve", "approve", "withdrawn p", "permission r"]
        }
        State::Waiting { on: WaitingFor::Answer, .. } if !run.questions.is_empty() => {
            &["answer 0 yes", "skip 1", "left k", "left l", "exit 0", "exit 137 forced", "stop"]
        }
        State::Waiting { .. } => &["give q", "give q", "exit 0", "stop"],
        State::Limited { .. } => &["tick", "again", "tick", "stop"],
        State::Stalled { .. } => &["heard", "tick", "exit 7", "stop"],
        State::Stopping { gone: true, .. } => {
            &["swept", "swept unknown", "exit 137 forced", "tick"]
        }
        State::Stopping { .. } => &["exit 137 forced", "gone", "stop", "tick"],
        State::Ended { .. } => &["again", "undone", "afresh", "undone"],
    };
    ways[way % ways.len()]
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
    /// The changes of rules that each attempt's keeper was to hear of.
    judged: BTreeSet<(RunId, u32, u32)>,
    /// How many wishes there were.
    wishes: u8,
    /// The wishes that were granted and not answered yet.
    unanswered: BTreeSet<OpId>,
    /// The deeds that were asked for, in the order of each run, and have not reported.
    deeds: BTreeMap<RunId, VecDeque<Effect>>,
    /// The last report of each run's deeds.
    told: BTreeMap<RunId, run::Input>,
    /// The ids of snapshots that were begun.
    spent: BTreeSet<SnapshotId>,
    /// The snapshots that were ever taken.
    taken: BTreeSet<SnapshotId>,
    /// The forced closes whose files are in no snapshot yet.
    unsettled: BTreeMap<RunId, SnapshotId>,
    /// The runs whose agents went on by themselves: they want no longer what they waited for.
    unbidden: BTreeSet<RunId>,
}

/// How many kinds of wishes there are.
const WISHES: usize = 14;

/// Ages short enough for a history.
const KEEP: Keep = Keep { snapshots_ms: 40_000, trash_ms: 20_000, logs_ms: 60_000, env_ms: 10_000 };

/// Whether a deed is of the kind that reports through the hands' line.
fn is_deed(effect: &Effect) -> bool {
    match effect {
        Effect::Close { .. }
        | Effect::Settle { .. }
        | Effect::Combine { .. }
        | Effect::Check { .. }
        | Effect::Bring { .. }
        | Effect::Propose { .. }
        | Effect::Follow { .. }
        | Effect::Snapshot { .. }
        | Effect::Forget { .. }
        | Effect::Restore { .. }
        | Effect::Revert { .. }
        | Effect::Purge { .. }
        | Effect::DropLogs { .. }
        | Effect::LeaveIssue { .. } => true,
        Effect::Prepare { .. }
        | Effect::CancelPrepare { .. }
        | Effect::Undo { .. }
        | Effect::Start { .. }
        | Effect::Stop { .. }
        | Effect::CancelTurn { .. }
        | Effect::Deliver { .. }
        | Effect::Leave { .. }
        | Effect::Rules { .. }
        | Effect::Sweep { .. }
        | Effect::Show { .. } => false,
    }
}

/// What a deed reports that went well in one of two ways, or not.
fn reported(effect: &Effect, run: &Run, way: usize, now: Timestamp) -> run::Input {
    let text = "all day".to_owned();
    let kept = |id: &SnapshotId, why, trash| Box::new(taken(id.clone(), why, now, trash));
    let landed = ("main".to_owned(), "b0".to_owned(), "c1".to_owned());
    let refused = OpResult::Refused {
        slug: "worktree-dirty".to_owned(),
        text: text.clone(),
        hints: Vec::new(),
        merged: None,
    };
    let failed = OpResult::Failed { slug: "git-failed".to_owned(), text: text.clone() };
    let done = |op: &OpId, result| run::Input::OpDone { op: op.clone(), result };
    let fails = way == 2;
    match effect {
        Effect::Close { op, .. } if fails => done(op, refused),
        Effect::Close { op, how, snapshot, .. } => {
            let unsettled = *how == How::Force && way == 1;
            let id = snapshot.as_ref().filter(|_| way == 0);
            let result = OpResult::Closed {
                kept_branch: None,
                trash: None,
                text,
                merged: None,
                snapshot: id.map(|id| kept(id, Why::Close, true)),
                unsettled,
            };
            done(op, result)
        }
        Effect::Settle { snapshot: id, .. } => {
            let taken = if fails { Err(text) } else { Ok(kept(id, Why::Close, true)) };
            run::Input::Settled { id: id.clone(), taken }
        }
        Effect::Combine { op, .. } if fails => {
            let made = Combined::Over { result: failed };
            run::Input::Landing(Word::Combined { op: op.clone(), tries: tries(run), made })
        }
        Effect::Combine { op, .. } => {
            let made = Combined::Made { trial: Box::new(trial(run.id(), &[])) };
            run::Input::Landing(Word::Combined { op: op.clone(), tries: tries(run), made })
        }
        Effect::Check { op, .. } => {
            let begun = if fails { Err(failed) } else { Ok(Vec::new()) };
            run::Input::Landing(Word::Gates { op: op.clone(), begun })
        }
        Effect::Bring { op, .. } if fails => {
            let made = Brought::Over { result: failed };
            run::Input::Landing(Word::Brought { op: op.clone(), made })
        }
        Effect::Bring { op, .. } => {
            let made = if way == 1 && run.landing.as_ref().is_some_and(|it| it.moves < 2) {
                Brought::Moved { text }
            } else {
                let seen = attested(&trial(run.id(), &[]));
                Brought::Done { attestation: Box::new(seen), beside: Vec::new() }
            };
            run::Input::Landing(Word::Brought { op: op.clone(), made })
        }
        Effect::Forget { op, .. }
        | Effect::Revert { op, .. }
        | Effect::Snapshot { op: Some(op), .. }
            if fails =>
        {
            done(op, failed)
        }
        Effect::Propose { op, .. } if fails => done(op, failed),
        Effect::Propose { op, .. } => done(op, crate::run::change::tests::proposed("c1")),
        Effect::Follow { .. } => crate::run::change::tests::input_of(match way {
            0 => &["seen", "c1", "merged"],
            1 => &["seen", "c1", "open", "test", "failed", "member", "m1"],
            _ => &["unseen"],
        }),
        Effect::Forget { op, snapshots, .. } => {
            done(op, OpResult::Forgotten { snapshots: snapshots.clone() })
        }
        Effect::Revert { op, of, .. } => {
            let (target, old, new) = landed;
            done(op, OpResult::Reverted { of: of.clone(), target, old, new })
        }
        Effect::Snapshot { op: Some(op), id, why, .. } => {
            done(op, OpResult::Snapped { snapshot: kept(id, *why, false) })
        }
        Effect::Snapshot { id, why, .. } => {
            let taken = match way {
                2 => Err(text),
                1 => Ok(None),
                _ => Ok(Some(kept(id, *why, false))),
            };
            run::Input::Snapped { id: id.clone(), taken }
        }
        // What is in no snapshot cannot be brought back.
        Effect::Restore { op, snapshot, .. } if fails || !run.snapshots.contains_key(snapshot) => {
            done(op, failed)
        }
        Effect::Restore { op, snapshot, before, .. } => {
            let was_closed = matches!(run.env, EnvState::Restoring { was_closed: true, .. });
            let env = Box::new(env(&run.brief.name));
            let before = (!was_closed).then(|| kept(before, Why::Restore, false));
            done(op, OpResult::Restored { snapshot: snapshot.clone(), env, before, text })
        }
        Effect::Purge { snapshot, .. } => run::Input::Purged { snapshot: snapshot.clone() },
        Effect::DropLogs { .. } => run::Input::LogsDropped,
        Effect::LeaveIssue { .. } => {
            run::Input::IssueLeft { failed: fails.then(|| "offline".to_owned()) }
        }
        Effect::Prepare { .. }
        | Effect::CancelPrepare { .. }
        | Effect::Undo { .. }
        | Effect::Start { .. }
        | Effect::Stop { .. }
        | Effect::CancelTurn { .. }
        | Effect::Deliver { .. }
        | Effect::Leave { .. }
        | Effect::Rules { .. }
        | Effect::Sweep { .. }
        | Effect::Show { .. } => panic!("no deed: {effect:?}"),
    }
}

impl Witness {
    fn new() -> Witness {
        let mut witness = Witness {
            fleet: Fleet::default(),
            now: Timestamp(0),
            log: Vec::new(),
            lent: BTreeSet::new(),
            started: BTreeSet::new(),
            judged: BTreeSet::new(),
            wishes: 0,
            unanswered: BTreeSet::new(),
            deeds: BTreeMap::new(),
            told: BTreeMap::new(),
            spent: BTreeSet::new(),
            taken: BTreeSet::new(),
            unsettled: BTreeMap::new(),
            unbidden: BTreeSet::new(),
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
                return self.give(&create(brief_of(RUNS[run].0, RUNS[run].1)));
            }
            Act::Tick => return self.give(&Input::Tick),
            Act::Disk(free) => return self.give(&Input::Disk(free)),
            Act::Clean => {
                let op = self.next_op();
                return self.give(&Input::Clean { op, keep: KEEP });
            }
            Act::Lift(of) => {
                let (is_task, of) = LIFTED[of];
                if is_task {
                    return self.give(&Input::LiftTask { task: super::task_id(of) });
                }
                let run = super::id(of);
                if !self.fleet.runs.contains_key(&run) {
                    return Ok(());
                }
                return self.give(&Input::Run { run, input: run::Input::Lift });
            }
            Act::Wish(run, wish, of) => return self.wish(&id(run), wish, of),
            Act::Report(run, way) => return self.report(&id(run), way),
            Act::Next(run, way) => self.fleet.runs.get(&id(run)).map(|of| (run, likely(of, way))),
            Act::Any(run, act) => Some((run, ACTS[act])),
        };
        let Some((run, text)) = text else { return Ok(()) };
        let Some(of) = self.fleet.runs.get(&id(run)) else { return Ok(()) };
        let text = if text == "said of 1" { "words of 1" } else { text };
        let input = input(text, of, self.now);
        self.give(&Input::Run { run: id(run), input })
    }

    fn next_op(&mut self) -> OpId {
        self.wishes = self.wishes.checked_add(1).unwrap();
        op(self.wishes)
    }

    /// A wish about what `run` has, or about what it never had.
    fn wish(&mut self, id: &RunId, wish: usize, of: usize) -> Result<(), TestCaseError> {
        if of == 0 {
            let input = run::Input::Overstepped { what: "stop".to_owned() };
            self.give(&Input::Run { run: id.clone(), input })?;
            let input = run::Input::Comment { key: format!("c{wish}") };
            self.give(&Input::Run { run: id.clone(), input })?;
        }
        let op = self.next_op();
        let Some(run) = self.fleet.runs.get(id) else { return Ok(()) };
        let op = || op.clone();
        let never = || snapshot::nth(id, 10_000);
        let known: Vec<_> = run.settling.iter().chain(run.snapshots.keys()).collect();
        let last = known.get(of % known.len().max(1)).map(|id| (*id).clone()).filter(|_| of < 3);
        let snapshot = last.unwrap_or_else(never);
        let done = run.undoable.iter().rev().nth(of / 2).map_or_else(op, |done| done.op.clone());
        let input = match wish {
            0 => run::Input::Close { op: op(), how: How::Smart },
            1 => run::Input::Close { op: op(), how: How::KeepBranch },
            2 => run::Input::Close { op: op(), how: How::Force },
            3 => run::Input::Abandon { op: op() },
            4 | 12 => run::Input::Land { op: op(), wish: Wish::default() },
            5 => run::Input::Snap { op: op() },
            6 => run::Input::Forget { op: op(), snapshots: vec![snapshot] },
            7 | 8 => run::Input::Restore { op: op(), snapshot },
            9 => run::Input::Propose {
                op: op(),
                asked: Box::new(run::Proposing { rounds: 2, ..Default::default() }),
            },
            _ => run::Input::Undo { op: op(), of: done },
        };
        let op = op();
        self.unanswered.insert(op);
        self.give(&Input::Run { run: id.clone(), input })
    }

    fn deeds_of(&mut self, id: &RunId) -> &mut VecDeque<Effect> {
        self.deeds.entry(id.clone()).or_default()
    }

    /// The hands do the deeds of one run one after the other; the last report may come twice.
    fn report(&mut self, id: &RunId, way: usize) -> Result<(), TestCaseError> {
        let Some(run) = self.fleet.runs.get(id).cloned() else { return Ok(()) };
        let input = if way > 3 {
            self.told.get(id).cloned()
        } else {
            let now = self.now;
            self.deeds_of(id).pop_front().map(|deed| reported(&deed, &run, way, now))
        };
        let Some(input) = input else { return Ok(()) };
        self.told.insert(id.clone(), input.clone());
        self.give(&Input::Run { run: id.clone(), input })
    }

    fn give(&mut self, input: &Input) -> Result<(), TestCaseError> {
        let before = self.fleet.clone();
        let decided = match self.fleet.decide(input.clone(), self.now) {
            Ok(decided) => decided,
            Err(rejected) => {
                prop_assert_eq!(&self.fleet, &before, "what is rejected changes nothing");
                let stop = matches!(
                    input,
                    Input::Run { input: run::Input::Stop { .. } | run::Input::Supersede, .. }
                );
                if let Some(op) = asked(input) {
                    self.unanswered.remove(op);
                }
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
        for effect in super::run_effects(&decided).filter(|effect| is_deed(effect)) {
            self.deeds_of(effect.run()).push_back(effect.clone());
        }
        self.kept(&before, &decided)?;
        self.envs(&before, input, &decided)?;
        self.effects(&decided)?;
        self.ends(&before, input, &decided)?;
        self.goes(&before, input);
        self.trust(&before, input, &decided)?;
        self.limits(&before)?;
        super::leases::require_sound(&self.fleet)?;
        self.holders()
    }

    /// Follows what an event says of snapshots; an id is spent once.
    fn seen(
        &mut self,
        id: &RunId,
        event: &run::Event,
        before: &Fleet,
    ) -> Result<(), TestCaseError> {
        if let run::Event::Snapping { id: begun, .. }
        | run::Event::Closing { snapshot: Some(begun), .. }
        | run::Event::Restoring { before: begun, .. } = event
        {
            prop_assert!(self.spent.insert(begun.clone()), "{begun} is spent twice");
        }
        if let run::Event::Snapped { snapshot } | run::Event::Settled { snapshot } = event {
            self.taken.insert(snapshot.id.clone());
        }
        if let run::Event::Settled { snapshot } = event
            && self.unsettled.get(id) == Some(&snapshot.id)
        {
            self.unsettled.remove(id);
        }
        let run::Event::OpDone { op, result } = event else { return Ok(()) };
        self.unanswered.remove(op);
        if let OpResult::Snapped { snapshot } = result {
            self.taken.insert(snapshot.id.clone());
        }
        if let OpResult::Restored { before: Some(taken), .. }
        | OpResult::Closed { snapshot: Some(taken), .. } = result
        {
            self.taken.insert(taken.id.clone());
        }
        if let OpResult::Closed { unsettled: true, .. } = result
            && let EnvState::Closing { op: closing, snapshot, .. } = &before.runs[id].env
            && closing == op
        {
            self.unsettled.insert(id.clone(), snapshot.clone());
        }
        Ok(())
    }

    /// Of snapshots: what is kept goes only by a wish that is done, what can be undone was kept, and a heap in the trash
    /// that is in no snapshot is remembered.
    fn kept(&mut self, before: &Fleet, decided: &Decided) -> Result<(), TestCaseError> {
        let mut forgotten = BTreeSet::new();
        for about in &decided.events {
            let Event::Run(event) = &about.event else { continue };
            self.seen(&about.subject.parse().unwrap(), event, before)?;
            if let run::Event::OpDone { result: OpResult::Forgotten { snapshots }, .. } = event {
                forgotten.extend(snapshots);
            }
        }
        for (id, run) in &self.fleet.runs {
            prop_assert_eq!(run.settling.as_ref(), self.unsettled.get(id), "{} settles", id);
            prop_assert!(
                run.settling.is_none()
                    || matches!(
                        run.env,
                        EnvState::Closed(_) | EnvState::Restoring { was_closed: true, .. }
                    ),
                "{} is unsettled and {}",
                id,
                env_shown(run)
            );
            for done in &run.undoable {
                if let Undo::Close { snapshot } | Undo::Restore { before: snapshot } = &done.what {
                    prop_assert!(
                        self.taken.contains(snapshot) || run.settling.as_ref() == Some(snapshot),
                        "{:?} can be undone by nothing",
                        done
                    );
                }
            }
            let Some(old) = before.runs.get(id) else { continue };
            for gone in old.snapshots.keys().filter(|kept| !run.snapshots.contains_key(kept)) {
                prop_assert!(forgotten.contains(gone), "{gone} is gone");
            }
            let undone = |run: &Run| run.undoable.iter().filter(|done| done.undone).count();
            prop_assert!(undone(old) <= undone(run), "what was taken back stays so");
        }
        Ok(())
    }

    /// An env is lent once, and given back by a report of its end and by nothing else.
    fn envs(
        &mut self,
        before: &Fleet,
        input: &Input,
        decided: &Decided,
    ) -> Result<(), TestCaseError> {
        for about in &decided.events {
            let Event::Run(event) = &about.event else { continue };
            let came_back = || {
                let run: RunId = about.subject.parse().unwrap();
                let run::Event::OpDone { op, result: OpResult::Restored { .. } } = event else {
                    return false;
                };
                matches!(&before.runs[&run].env,
                    EnvState::Restoring { was_closed: true, op: restoring, .. } if restoring == op)
            };
            let lent = matches!(event, run::Event::Prepared { .. }) || came_back();
            if lent {
                let run: RunId = about.subject.parse().unwrap();
                prop_assert!(
                    self.lent.insert(run),
                    "an env was lent before the last one came back"
                );
            }
        }
        for (id, run) in &self.fleet.runs {
            let held = matches!(
                run.env,
                EnvState::Held(_)
                    | EnvState::Closing { .. }
                    | EnvState::Restoring { was_closed: false, .. }
            );
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
        for about in &decided.events {
            // It was not started: what it got is somebody else's.
            if let Event::Run(run::Event::LeasesInUse { .. }) = about.event {
                let id: RunId = about.subject.parse().unwrap();
                let attempt = self.fleet.runs[&id].attempt;
                self.started.remove(&(id, attempt));
            }
        }
        for effect in super::run_effects(decided) {
            let run = self.fleet.runs.get(effect.run());
            prop_assert!(run.is_some(), "an effect of nobody: {effect:?}");
            let Some(run) = run else { continue };
            if let (Effect::Start { .. } | Effect::Prepare { .. }, Some(issue)) =
                (effect, &run.brief.issue)
            {
                let others = self.fleet.runs.values().filter(|other| other.id() != run.id());
                let is_at = |other: &Run| {
                    let same = other.brief.issue.as_ref().is_some_and(|it| it.is_same(issue));
                    same && !other.is_ended()
                };
                for other in others {
                    prop_assert!(!is_at(other), "{effect:?} beside {} at {issue:?}", other.id());
                }
                prop_assert!(run.hold != run::Hold::Free, "{effect:?} without its issue");
            }
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
                Effect::Snapshot { .. } => {
                    let kept = self.lent.contains(run.id()) && run.is_kept() && !run.undoing;
                    prop_assert!(kept, "{effect:?} of nothing");
                }
                Effect::Settle { snapshot, .. } => {
                    prop_assert_eq!(run.settling.as_ref(), Some(snapshot));
                }
                Effect::Purge { snapshot, .. } => {
                    prop_assert!(run.snapshots.contains_key(snapshot), "{effect:?} of nothing");
                    prop_assert!(run.settling.as_ref() != Some(snapshot), "{effect:?}");
                }
                Effect::Restore { .. } => {
                    prop_assert!(run.is_ended(), "{effect:?} under an agent");
                }
                Effect::DropLogs { .. } => {
                    prop_assert!(run.is_ended() && !run.holds_env(), "{effect:?} too soon");
                }
                Effect::LeaveIssue { .. } => {
                    prop_assert!(run.is_ended() && !run.holds_env(), "{effect:?} too soon");
                }
                Effect::Follow { .. } => prop_assert!(run.change.is_some(), "{effect:?}"),
                Effect::Propose { .. }
                | Effect::Forget { .. }
                | Effect::Revert { .. }
                | Effect::Show { .. }
                | Effect::CancelPrepare { .. }
                | Effect::Undo { .. }
                | Effect::Stop { .. }
                | Effect::CancelTurn { .. }
                | Effect::Deliver { .. }
                | Effect::Leave { .. }
                | Effect::Rules { .. }
                | Effect::Sweep { .. }
                | Effect::Combine { .. }
                | Effect::Check { .. }
                | Effect::Bring { .. } => {}
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
            // A stop takes its landing back.
            let cancels = old.is_landing() && matches!(input, run::Input::Stop { .. });
            let may = cancels
                || matches!(
                    input,
                    run::Input::Again { .. }
                        | run::Input::Close { .. }
                        | run::Input::Abandon { .. }
                        | run::Input::Land { .. }
                        | run::Input::Snap { .. }
                        | run::Input::Forget { .. }
                        | run::Input::Landing(_)
                        | run::Input::Propose { .. }
                        | run::Input::Followed { .. }
                        | run::Input::Restore { .. }
                        | run::Input::Undo { .. }
                        | run::Input::Purge { .. }
                        | run::Input::DropLogs
                        | run::Input::Settle
                        | run::Input::Snapped { .. }
                        | run::Input::Settled { .. }
                        | run::Input::Purged { .. }
                        | run::Input::LogsDropped
                        | run::Input::IssueLeft { .. }
                        | run::Input::Comment { .. }
                        | run::Input::Undone { .. }
                        | run::Input::OpDone { .. }
                        | run::Input::GitSeen(_)
                        | run::Input::Overstepped { .. }
                        | run::Input::Raise { .. }
                        | run::Input::Lift
                        | run::Input::Done
                );
            prop_assert!(
                may || decided.events.is_empty() && decided.effects.is_empty(),
                "{:?} after the end",
                input
            );
            let told = decided.events.iter().any(|about| {
                about.subject == id.as_str()
                    && matches!(about.event, Event::Run(run::Event::RoundBegun { .. }))
            });
            prop_assert!(
                new.is_ended() || told || matches!(input, run::Input::Again { .. }),
                "{:?} woke the dead",
                input
            );
            let back = matches!(
                input,
                run::Input::OpDone { result: OpResult::Restored { .. }, .. }
                    | run::Input::Undone { text: Some(_) }
            );
            prop_assert!(!old.closed || new.closed || back, "a close is final until it is undone");
        }
        let was_at_work = old.is_living() && !matches!(old.state, State::Preparing { .. });
        if was_at_work && (new.is_ended() || matches!(new.state, State::Queued { .. })) {
            let dead = matches!(
                input,
                run::Input::Exited { .. }
                    | run::Input::Swept { unknown: None, .. }
                    | run::Input::StartFailed { .. }
                    // What it got is somebody else's, so nothing was started.
                    | run::Input::InUse { .. }
            );
            prop_assert!(dead, "{:?} ended what may live", input);
            let person = matches!(
                old.state,
                State::Stopping {
                    because: Because::Person | Because::Superseded | Because::Paused,
                    ..
                }
            );
            prop_assert!(!person || new.is_ended(), "what a person stopped does not come back");
        }
        Ok(())
    }

    /// Words from outside stay so until a person lifts them, and what is asked for by them is of them too; whoever judges by
    /// rules is told of each change once.
    fn trust(
        &mut self,
        before: &Fleet,
        input: &Input,
        decided: &Decided,
    ) -> Result<(), TestCaseError> {
        for (id, run) in &self.fleet.runs {
            let brief = &run.brief;
            prop_assert!(
                brief.trust.require(brief.permissions).is_ok(),
                "{id} goes by them freely"
            );
            let was = before.runs.get(id).map_or_else(
                || before.trust_of(brief.task.as_ref(), &brief.by),
                |old| old.brief.trust,
            );
            let by_person =
                matches!(input, Input::Run { run, input: run::Input::Lift } if run == id);
            let lifted = by_person && brief.trust.is_person();
            prop_assert!(was == brief.trust || lifted, "{id} was {was:?}, by {input:?}");
            let rules = (run.rules.told, run.rules.asked);
            prop_assert!(rules.0 <= rules.1, "{id} has rules that nobody asked for: {rules:?}");
        }
        for (id, task) in &self.fleet.tasks {
            let was = before.tasks.get(id).map_or(task.trust, |old| old.trust);
            let lifted = matches!(input, Input::LiftTask { task } if task == id);
            prop_assert!(was == task.trust || lifted, "{id} was {was:?}, by {input:?}");
        }
        for effect in &decided.effects {
            let super::super::Effect::Run(Effect::Rules { run, attempt, nth }) = effect else {
                continue;
            };
            let told = (run.clone(), *attempt, *nth);
            prop_assert!(self.judged.insert(told), "{effect:?} twice");
            prop_assert!(self.fleet.runs[run].has_judge(), "{effect:?} for nobody");
        }
        Ok(())
    }

    /// An agent that no longer wants what it waited for is at work, whether there is a slot or not.
    fn goes(&mut self, before: &Fleet, input: &Input) {
        if let Input::Run {
            run: id,
            input:
                run::Input::Said { .. }
                | run::Input::Tool { .. }
                | run::Input::Told { .. }
                // Somebody typed at its screen.
                | run::Input::Heard { .. },
        } = input
            && matches!(before.runs.get(id).map(|run| &run.state), Some(State::Waiting { .. }))
        {
            self.unbidden.insert(id.clone());
        }
        let fleet = &self.fleet;
        self.unbidden.retain(|id| fleet.runs.get(id).is_some_and(|run| run.holds_slot()));
    }

    /// Nobody is let in beyond a limit, and nobody waits who might go.
    fn limits(&self, before: &Fleet) -> Result<(), TestCaseError> {
        // To take over what stands is not limited.
        let counts = |run: &&Arc<Run>| run.holds_slot() && !run.is_being_adopted();
        let at_work = |run: &&Arc<Run>| counts(run) && !matches!(run.state, State::Stopping { .. });
        let bidden = |run: &&Arc<Run>| at_work(run) && !self.unbidden.contains(run.id());
        let working: Vec<&Arc<Run>> = self.fleet.runs.values().filter(bidden).collect();
        prop_assert!(working.len() <= 2, "limits.runs");
        let preparing =
            working.iter().filter(|run| matches!(run.state, State::Preparing { .. })).count();
        prop_assert!(preparing <= 1, "limits.prepare");
        let let_in = working
            .iter()
            .any(|run| !before.runs.get(run.id()).is_some_and(|old| old.holds_slot()));
        let holding = self.fleet.runs.values().filter(counts).count();
        prop_assert!(!let_in || holding <= 2, "somebody was let in while {holding} held a slot");
        for run in self.fleet.runs.values() {
            let in_line = matches!(run.state, State::Queued { .. }) && !run.rests_for_answer()
                || matches!(run.state, State::Waiting { .. }) && run.has_answers();
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
        let (mut tasks, mut living) = (BTreeSet::new(), BTreeSet::new());
        let mut names = BTreeSet::new();
        for run in self.fleet.runs.values() {
            if run.is_living() && run.brief.place.env_type == EnvType::InPlace {
                prop_assert!(
                    checkouts.insert(&run.brief.place.repository),
                    "two live in one checkout"
                );
            }
            if let Some(old) = run.brief.supersedes.as_ref().filter(|_| run.is_living()) {
                prop_assert!(!self.fleet.runs[old].is_living(), "it lives beside {old}");
            }
            if !run.is_ended() || run.holds_env() {
                prop_assert!(
                    names.insert((&run.brief.project, &run.brief.name)),
                    "two are called {}",
                    run.brief.name
                );
            }
            let Some(task) = run.brief.task.as_ref().filter(|_| !run.is_ended()) else { continue };
            prop_assert!(!run.is_living() || living.insert(task), "two work on one task");
            let over = |other: &Arc<Run>| other.brief.supersedes.as_ref() == Some(run.id());
            if self.fleet.tasks[task].run.as_ref() == Some(run.id()) {
                tasks.insert(task);
                prop_assert_eq!(self.fleet.tasks[task].state, TaskState::Implementing);
            } else {
                prop_assert!(self.fleet.runs.values().any(over), "{} lost its task", run.id());
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

/// The wish that `input` is.
fn asked(input: &Input) -> Option<&OpId> {
    let Input::Run { input, .. } = input else { return None };
    if let run::Input::Close { op, .. }
    | run::Input::Abandon { op }
    | run::Input::Land { op, .. }
    | run::Input::Propose { op, .. }
    | run::Input::Snap { op }
    | run::Input::Forget { op, .. }
    | run::Input::Restore { op, .. }
    | run::Input::Undo { op, .. } = input
    {
        return Some(op);
    }
    None
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
    let outside = Task { trust: run::Trust::Outside, ..super::task("w") };
    for task in fleet.tasks.values().map(|task| task.as_ref().clone()).chain([outside]) {
        events.push((task.id.to_string(), Event::House(House::TaskAdded { task })));
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
            for way in ["stop", "prepared", "gone", "swept", "undone"] {
                let act = ACTS.iter().position(|act| *act == way);
                if let Some(act) = act {
                    witness.act(&Act::Any(run, act), 0)?;
                }
            }
        }
        // Each report may ask for a deed of its own, and no deed for more than two.
        while let Some(run) = (0..RUNS.len()).find(|run| !witness.deeds_of(&super::id(RUNS[*run].0)).is_empty()) {
            witness.act(&Act::Report(run, 0), 0)?;
        }
        prop_assert!(witness.unanswered.is_empty(), "nobody answers {:?}", witness.unanswered);
        for run in witness.fleet.runs.values() {
            prop_assert!(run.is_ended(), "{} is {}", run.id(), run.state_name());
        }
        let open = witness.fleet.runs.values().filter(|run| run.is_followed());
        prop_assert_eq!(witness.fleet.next_wake(), open.filter_map(|run| run.next_wake()).min());
    }
}

/// The histories reach what they are about: else they would prove nothing.
#[test]
fn random_histories_reach_every_state_and_every_env() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut states, mut envs, mut words) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    // One is of ledgers of old; of budgets `spending.rs` tells.
    let never = [
        "project_approved",
        "gates_approved",
        "project_removed",
        "given",
        "budgets_set",
        "day_budget_met",
        // Gates and conflicts are told of in `landing.rs`.
        "gate_ended",
        "conflict_given",
        // Who meets whom is told of in `radar.rs`.
        "clashes_seen",
        "conflict_told",
    ];
    // They take a longer story than chance tells every time: `run/conversation/tests.rs` and `run/change/tests.rs` tell it.
    let seldom = ["as_before", "resume_refused", "turns_to", "worked", "round_begun", "round_over"];
    // What belongs to plans, `plans/history.rs` tells.
    let of_plans =
        ["readied", "released", "question_proposed", "task_removed"].map(str::to_owned).into_iter();
    let of_plans: BTreeSet<String> = of_plans.chain(super::plans::golden_words()).collect();
    let golden: BTreeSet<String> = include_str!("../../../tests/golden/events.jsonl")
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["event"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .filter(|word| !never.contains(&word.as_str()) && !seldom.contains(&word.as_str()))
        .filter(|word| !of_plans.contains(word) && !word.starts_with("not"))
        .collect();
    for _ in 0..1_000 {
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
            let word = event["event"].as_str().unwrap().to_owned();
            if !seldom.contains(&word.as_str()) {
                words.insert(word);
            }
        }
        if states.len() == 8 && envs.len() == 9 && words == golden {
            break;
        }
    }
    assert_eq!(states.len(), 8, "{states:?}");
    assert_eq!(envs.len(), 9, "{envs:?}");
    assert_eq!(words, golden, "every kind of event comes up");
}

/// It rests for the answer, and the end of the limit means nothing to it: else its clock would never stand still.
#[test]
fn who_rests_for_an_answer_is_not_woken_by_the_end_of_a_limit() {
    let mut witness = Witness::new();
    for act in [
        Act::Create(4),
        Act::Next(0, 0),
        Act::Next(0, 8),
        Act::Next(0, 13),
        Act::Next(0, 4),
        Act::Next(0, 11),
    ] {
        witness.act(&act, 0).unwrap();
    }
    let limited = witness.fleet.runs.values().any(|run| run::limits::is_limited(&run.state));
    assert!(limited, "it met its limit with a question open");
    witness.act(&Act::Create(0), 900_000).unwrap();
}

/// The try of its landing that a report is of.
fn tries(run: &run::Run) -> u32 {
    run.landing.as_ref().map_or(0, |landing| landing.tries)
}
