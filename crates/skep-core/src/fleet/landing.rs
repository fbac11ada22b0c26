//! Whose work lands next, and what the end of one landing means to others.
//!
//! Owns: one landing at a time in each lane (a project and its target) and at most one that is tried on its tree meanwhile, the
//! order of the line, who rides along, and which gates are still wanted. Never: decides what a landing does; its run's own table does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Decided, Fleet, House, Rejected};
use crate::{
    id::{OpId, RunId},
    run::{
        self, Brief, Kind, OpResult, Outcome, Run, State,
        landing::{Ahead, Gate, Stage, Word},
    },
    task::{PartState, TaskState},
    time::Timestamp,
};

/// What a landing was before a step of its run.
pub(super) struct Before {
    landing: Option<OpId>,
    /// The run whose landing took it along.
    with: Option<RunId>,
}

impl Before {
    pub(super) fn of(run: &Run) -> Before {
        let landing = run.landing.as_ref();
        let with = landing.and_then(|landing| {
            if let Stage::Riding { with } = &landing.stage { Some(with.clone()) } else { None }
        });
        Before { landing: landing.map(|landing| landing.op.clone()), with }
    }

    /// Whether the landing of then is among what is done now.
    fn has_landed(&self, done: &[(OpId, OpResult)]) -> bool {
        done.iter().any(|(op, result)| {
            self.landing.as_ref() == Some(op) && matches!(result, OpResult::Landed { .. })
        })
    }
}

/// What a step of a run says that others have to hear.
#[derive(Default)]
pub(super) struct News {
    ended: Option<(Outcome, String)>,
    conflict: Option<String>,
    done: Vec<(OpId, OpResult)>,
    /// What was seen of the tree that landed now; an earlier landing's says nothing of who rides on this one.
    attested: Option<run::Attestation>,
}

impl News {
    pub(super) fn hear(&mut self, event: &run::Event) {
        if let run::Event::Ended { outcome, reason, text, .. } = event {
            let said = if text.trim().is_empty() {
                reason.map(|reason| reason.as_str().to_owned()).unwrap_or_default()
            } else {
                text.clone()
            };
            self.ended = Some((*outcome, said));
        } else if let run::Event::Requeued { .. } = event {
            self.ended = None;
        } else if let run::Event::ConflictGiven { words } = event {
            self.conflict = Some(words.clone());
        } else if let run::Event::OpDone { op, result } = event {
            self.done.push((op.clone(), result.clone()));
        } else if let run::Event::Attested { attestation } = event {
            self.attested = Some(attestation.as_ref().clone());
        }
    }
}

impl Fleet {
    /// Lets go in each lane whoever is next there, and who may ride along: first where it is free, else on the tree of the first.
    pub(super) fn begin_landings(&mut self, now: Timestamp, decided: &mut Decided) {
        while let Some((first, riders, ahead)) = self.next_to_land() {
            for rider in &riders {
                let word = Word::Ride { with: first.clone() };
                self.landing_word(rider, word, now, decided);
            }
            self.landing_word(&first, Word::Try { riders, ahead }, now, decided);
        }
    }

    /// Who may land next, those who go with it, and on whose tree; none where each lane is taken or empty.
    fn next_to_land(&self) -> Option<(RunId, Vec<RunId>, Option<Ahead>)> {
        let landing = || self.runs.values().filter(|run| run.is_landing());
        let mut taken: BTreeMap<(&str, &str), Vec<&Arc<Run>>> = BTreeMap::new();
        for run in landing().filter(|run| holds_lane(run)) {
            if let Some(lane) = run.lane() {
                taken.entry(lane).or_default().push(run);
            }
        }
        let mut line: Vec<&Arc<Run>> = landing().filter(|run| self.may_land(run)).collect();
        line.sort_by_key(|run| self.rank(run));
        // The first of a lane alone is tried on another's tree; who comes after it does not overtake.
        let mut seen = BTreeSet::new();
        let (first, ahead) = line.iter().find_map(|run| {
            let Some(lane) = run.lane().filter(|_| moves(run)) else { return Some((run, None)) };
            let is_next = seen.insert(lane);
            match taken.get(&lane).map(Vec::as_slice) {
                None | Some([]) => Some((run, None)),
                Some([leader]) if is_next => Some((run, Some(self.ahead_for(run, leader)?))),
                Some([_, ..]) => None,
            }
        })?;
        let most = first.landing.as_ref().map_or(1, |landing| landing.batch);
        let with = |run: &&&Arc<Run>| {
            moves(run)
                && moves(first)
                && run.id() != first.id()
                && run.lane() == first.lane()
                && run.landing.as_ref().is_some_and(|landing| {
                    // What one person has seen of one work is no word on another's.
                    landing.batch > 1 && !landing.wish.settings_seen
                })
        };
        let alone = first.landing.as_ref().is_some_and(|landing| landing.wish.settings_seen);
        let most = if alone { 0 } else { usize::try_from(most.saturating_sub(1)).unwrap_or(0) };
        let mut riders: Vec<RunId> = Vec::new();
        for run in line.iter().filter(with) {
            // Who is known to conflict with those before it would only be left out.
            let on_top = ahead.as_ref().is_none_or(|it| !self.clashes_with(&it.run, run.id()));
            let fits = on_top
                && !self.clashes_with(first.id(), run.id())
                && !riders.iter().any(|rider| self.clashes_with(rider, run.id()));
            if fits && riders.len() < most {
                riders.push(run.id().clone());
            }
        }
        Some((first.id().clone(), riders, ahead))
    }

    /// The tree of `leader`, if `run` may be tried on it before that has landed.
    ///
    /// Not where either changes what the project says of itself, which a person has seen on the target that they know; not where
    /// they conflict, or where it came to nothing already.
    fn ahead_for(&self, run: &Run, leader: &Run) -> Option<Ahead> {
        let (mine, first) = (run.landing.as_ref()?, leader.landing.as_ref()?);
        let commit = first.stage.commit().filter(|_| first.stage.ahead().is_none())?;
        let seen = mine.wish.settings_seen || first.wish.settings_seen;
        let (Stage::Checking { trial, .. } | Stage::Bringing { trial, .. }) = &first.stage else {
            return None;
        };
        let clashes = trial.works.iter().any(|work| self.clashes_with(&work.run, run.id()));
        (!seen && !mine.waits && !clashes)
            .then(|| Ahead { run: leader.id().clone(), commit: commit.to_owned() })
    }

    /// The order of a lane: the more urgent task first, then who asked first.
    fn rank(&self, run: &Run) -> (std::cmp::Reverse<i64>, Timestamp, u64) {
        let task = run.brief.task.as_ref().and_then(|task| self.tasks.get(task));
        let asked = run.landing.as_ref().map_or(run.created, |landing| landing.asked);
        (std::cmp::Reverse(task.map_or(0, |task| task.priority)), asked, run.order)
    }

    /// Whether it is in line and nothing of it is under way: no attempt, no guest in its env, no review of its part.
    fn may_land(&self, run: &Run) -> bool {
        let in_line = run.landing.as_ref().is_some_and(|it| it.stage == Stage::InLine {});
        in_line && run.is_ended() && self.guest_of(run.id()).is_none() && !self.is_in_review(run)
    }

    fn is_in_review(&self, run: &Run) -> bool {
        let task = run.brief.task.as_ref().filter(|_| run.brief.is_of_plan());
        let Some(task) = task.and_then(|task| self.tasks.get(task)) else { return false };
        let part = task.part_of(run.id()).zip(task.last_version());
        part.and_then(|(project, version)| version.parts.get(project))
            .is_some_and(|part| part.state == PartState::InProgress && !part.rests)
    }

    /// The runs before `run` in its lane, the one that is under way first; none where it is in no line.
    pub fn ahead_of(&self, run: &Run) -> Vec<&Arc<Run>> {
        let in_line = run.landing.as_ref().is_some_and(|it| it.stage == Stage::InLine {});
        if !in_line || !moves(run) {
            return Vec::new();
        }
        let mine = self.rank(run);
        let mut ahead: Vec<&Arc<Run>> = self
            .runs
            .values()
            .filter(|other| other.id() != run.id() && other.lane() == run.lane() && moves(other))
            .filter(|other| {
                other.landing.as_ref().is_some_and(|landing| {
                    landing.stage.holds_lane()
                        || (landing.stage == Stage::InLine {} && self.rank(other) < mine)
                })
            })
            .collect();
        ahead.sort_by_key(|other| {
            let stage = other.landing.as_ref().map(|it| &it.stage);
            let waits = stage.is_some_and(|it| !it.holds_lane());
            let is_second = stage.is_some_and(|it| it.ahead().is_some());
            (waits, is_second, self.rank(other))
        });
        ahead
    }

    /// Why work that is not begun has to wait for that of another task; none when all that it needs has landed.
    pub(super) fn held_by_need(&self, run: &Run) -> Option<String> {
        if run.brief.kind != Kind::Code || run.env().is_some() {
            return None;
        }
        let task = run.brief.task.as_ref().and_then(|task| self.tasks.get(task))?;
        let need = self.unmet(task).next()?;
        let state = self.tasks.get(need).map_or("gone", |need| need.state.as_str());
        let state = state.replace('_', " ");
        Some(format!("its task needs {need}, which has not landed: it is {state}"))
    }

    /// Whether a stop of `run` comes too late: the tree that its work is in is being brought already.
    pub(super) fn is_carried_in(&self, run: &Run) -> bool {
        let Some(landing) = &run.landing else { return false };
        let Stage::Riding { with } = &landing.stage else { return false };
        let leader = self.runs.get(with).and_then(|leader| leader.landing.as_ref());
        leader.is_some_and(|leader| matches!(leader.stage, Stage::Bringing { .. }))
    }

    /// Begins the gates of a landing, each as a run of its own.
    pub(super) fn begin_gates(
        &mut self,
        run: &RunId,
        (op, commit): (&OpId, &str),
        made: Result<Vec<Brief>, OpResult>,
        now: Timestamp,
        decided: &mut Decided,
    ) -> Result<(), Rejected> {
        let wanted =
            self.runs.get(run).and_then(|run| run.landing.as_ref()).is_some_and(|landing| {
                // Gates of an earlier tree say nothing of this one.
                landing.op == *op
                    && matches!(&landing.stage, Stage::Checking { gates: None, trial, .. } if trial.commit == commit)
            });
        if !wanted {
            return Ok(());
        }
        let begun = made.and_then(|briefs| {
            let mut gates = Vec::new();
            for brief in briefs {
                let name = brief.gate.as_ref().map(|gate| gate.name.clone()).unwrap_or_default();
                let id = brief.id.clone();
                match self.create(brief, &super::Naming::Project, now, decided) {
                    Ok(()) => gates.push(Gate { name, run: id, passed: None }),
                    Err(rejected) => {
                        // Those that were begun are not wanted any more; `after_landing` stops them.
                        return Err(OpResult::Refused {
                            slug: rejected.slug.to_owned(),
                            text: format!("gate `{name}` cannot be begun: {}", rejected.text),
                            hints: rejected.hints,
                            merged: None,
                        });
                    }
                }
            }
            Ok(gates)
        });
        self.step(run, run::Input::Landing(Word::Gates { op: op.clone(), begun }), now, decided)
    }

    /// Tells others what a step of `id` means to them: those who ride with it, its gates, the author whose gate it is, its task.
    pub(super) fn after_landing(
        &mut self,
        id: &RunId,
        before: &Before,
        news: News,
        now: Timestamp,
        decided: &mut Decided,
    ) {
        let Some(run) = self.runs.get(id) else { return };
        let gate_of = run.brief.gate.as_ref().map(|gate| gate.of.clone());
        // Whoever wanted it may be gone from a ledger of old.
        let gate_of = gate_of.filter(|of| self.runs.contains_key(of));
        if let (Some(of), Some((outcome, text))) = (gate_of, news.ended) {
            let passed = outcome == Outcome::Completed;
            let word = Word::GateEnded { gate: id.clone(), passed, text };
            self.landing_word(&of, word, now, decided);
        }
        for (_, result) in &news.done {
            self.merged(id, result, now, decided);
        }
        if let Some(words) = news.conflict {
            let again = run::Input::Again { goes_on: true, message: Some(words), speech: None };
            if let Err(rejected) = self.step(id, again, now, decided) {
                let word = Word::Unsettled { text: rejected.text };
                self.landing_word(id, word, now, decided);
            }
        }
        if before.landing.is_none() {
            return;
        }
        if let Some(with) = &before.with {
            self.leave_tree(with, now, decided);
        }
        self.leave_tree(id, now, decided);
        self.settle_riders(id, before, (&news.done, news.attested.as_ref()), now, decided);
        self.settle_next(id, before, (&news.done, news.attested.as_ref()), now, decided);
        self.stop_gates(id, now, decided);
    }

    /// Takes a tree back in which there is work of a run that does not ride along any more.
    fn leave_tree(&mut self, id: &RunId, now: Timestamp, decided: &mut Decided) {
        let landing = self.runs.get(id).and_then(|run| run.landing.as_ref());
        let Some(Stage::Checking { trial, .. }) = landing.map(|landing| &landing.stage) else {
            return;
        };
        let rides = |run: &RunId| {
            let landing = self.runs.get(run).and_then(|run| run.landing.as_ref());
            landing.is_some_and(|it| matches!(&it.stage, Stage::Riding { with } if with == id))
        };
        let left = trial.works.iter().find(|work| work.run != *id && !rides(&work.run));
        if let Some(rider) = left.map(|work| work.run.clone()) {
            self.landing_word(id, Word::Left { rider }, now, decided);
        }
    }

    fn settle_riders(
        &mut self,
        id: &RunId,
        before: &Before,
        (done, attested): (&[(OpId, OpResult)], Option<&run::Attestation>),
        now: Timestamp,
        decided: &mut Decided,
    ) {
        let riders: Vec<RunId> = self
            .runs
            .values()
            .filter(|run| {
                let stage = run.landing.as_ref().map(|landing| &landing.stage);
                matches!(stage, Some(Stage::Riding { with }) if with == id)
            })
            .map(|run| run.id().clone())
            .collect();
        if riders.is_empty() {
            return;
        }
        let Some(leader) = self.runs.get(id) else { return };
        let landed = before.has_landed(done);
        let (works, target) = match (&leader.landing, attested) {
            (None, Some(attestation)) if landed => {
                (attestation.works.clone(), attestation.target.clone())
            }
            (Some(landing), _) => match &landing.stage {
                // Who rides is only known when the tree is made.
                Stage::Combining { .. } => return,
                Stage::Checking { trial, .. } | Stage::Bringing { trial, .. } => {
                    (trial.works.clone(), trial.target.clone())
                }
                Stage::InLine {} | Stage::Riding { .. } | Stage::Resolving {} => {
                    (Vec::new(), String::new())
                }
            },
            (None, _) => (Vec::new(), String::new()),
        };
        let fitted = leader.landing.as_ref().is_none_or(|landing| {
            // Who does not fit on another's tree may fit on the target.
            !landing.stage.holds_lane() || landing.stage.ahead().is_some()
        });
        for rider in riders {
            let at = works.iter().position(|work| work.run == rider);
            let word = match at {
                Some(at) if landed => {
                    let old = works.get(at.wrapping_sub(1)).map(|work| work.commit.clone());
                    Word::Carried {
                        with: id.clone(),
                        result: OpResult::Landed {
                            target: target.clone(),
                            old: old.unwrap_or_default(),
                            new: works[at].commit.clone(),
                            commits: works[at].commits,
                            beside: Vec::new(),
                        },
                    }
                }
                Some(_) => continue,
                None => Word::Freed { with: id.clone(), alone: !fitted },
            };
            self.landing_word(&rider, word, now, decided);
        }
    }

    /// Tells whoever is tried on the tree of `id` that it has landed, or does not.
    fn settle_next(
        &mut self,
        id: &RunId,
        before: &Before,
        (done, attested): (&[(OpId, OpResult)], Option<&run::Attestation>),
        now: Timestamp,
        decided: &mut Decided,
    ) {
        let behind = |run: &&Arc<Run>| -> bool {
            let landing = run.landing.as_ref();
            landing.and_then(|it| it.stage.ahead()).is_some_and(|ahead| ahead.run == *id)
        };
        let Some(next) = self.runs.values().find(behind) else { return };
        let on = next.landing.as_ref().and_then(|it| it.stage.ahead()).map(|it| it.commit.clone());
        let leader = self.runs.get(id).and_then(|run| run.landing.as_ref());
        if leader.and_then(|it| it.stage.commit()).map(str::to_owned) == on {
            return;
        }
        let landed = before.has_landed(done);
        let as_it_was = landed && attested.map(|it| it.commit.clone()) == on;
        let (next, by) = (next.id().clone(), id.clone());
        let word = if as_it_was { Word::Cleared { by } } else { Word::Dropped { by } };
        self.landing_word(&next, word, now, decided);
    }

    /// Ends the gates of `id` that nobody waits for any more.
    fn stop_gates(&mut self, id: &RunId, now: Timestamp, decided: &mut Decided) {
        let wanted: Vec<RunId> = self
            .runs
            .get(id)
            .and_then(|run| run.landing.as_ref())
            .map(|landing| {
                if let Stage::Checking { gates: Some(gates), .. } = &landing.stage {
                    gates.iter().map(|gate| gate.run.clone()).collect()
                } else {
                    Vec::new()
                }
            })
            .unwrap_or_default();
        let left: Vec<RunId> = self
            .runs
            .values()
            .filter(|run| run.brief.gate.as_ref().is_some_and(|gate| gate.of == *id))
            .filter(|run| !run.is_ended() && !matches!(run.state, State::Stopping { .. }))
            .map(|run| run.id().clone())
            .filter(|run| !wanted.contains(run))
            .collect();
        for gate in left {
            let stopped = self.step(&gate, run::Input::Stop { force: false }, now, decided);
            debug_assert!(stopped.is_ok(), "{stopped:?}");
        }
    }

    /// A task all of whose work has landed is merged; one whose landing was taken back is not.
    fn merged(&mut self, id: &RunId, result: &OpResult, now: Timestamp, decided: &mut Decided) {
        let landed = matches!(result, OpResult::Landed { .. });
        if !landed && !matches!(result, OpResult::Reverted { .. }) {
            return;
        }
        let Some(run) = self.runs.get(id) else { return };
        let Some(task) = run.brief.task.as_ref().and_then(|task| self.tasks.get(task)) else {
            return;
        };
        let to = if landed { TaskState::Merged } else { TaskState::Completed };
        let whole = if task.is_planned() {
            let parts = task.plan().map(|plan| &plan.parts);
            parts.is_some_and(|parts| {
                !parts.is_empty()
                    && parts.values().all(|part| {
                        let run = part.run.as_ref().and_then(|run| self.runs.get(run));
                        run.is_some_and(|run| run.landed.is_some())
                    })
            })
        } else {
            task.run.as_ref() == Some(id)
        };
        let stood = if landed { whole } else { task.state == TaskState::Merged };
        if stood && task.state != to && task.state.may_become(to) {
            let (task, run) = (task.id.clone(), task.run.clone());
            self.note(task.as_str(), House::TaskMoved { state: to, run }, now, decided);
        }
    }

    /// Tells a landing what became of another one; it may be over meanwhile.
    fn landing_word(&mut self, id: &RunId, word: Word, now: Timestamp, decided: &mut Decided) {
        let told = self.step(id, run::Input::Landing(word), now, decided);
        debug_assert!(told.is_ok(), "{told:?}");
    }
}

/// Whether it is landing, and no other may move its target meanwhile.
fn holds_lane(run: &Run) -> bool {
    moves(run) && run.landing.as_ref().is_some_and(|it| it.stage.holds_lane())
}

/// Whether its landing is to move its target; gates alone move nothing and take no lane.
fn moves(run: &Run) -> bool {
    run.landing.as_ref().is_some_and(|landing| !landing.wish.gates_only)
}
