//! What a person may wish of a run that has ended or is to end: a pause, close, land, snapshots and their coming back.
//!
//! Owns: the decisions on the env. Never: touches what an attempt does.

use super::super::{
    Because, Effect, EnvState, Event, How, OpResult, Rejected, Run, State, Step, Surface, Undo,
    WORDS,
};
use crate::{
    id::{OpId, SnapshotId},
    run::{Receipt, WaitingFor},
    snapshot::{Snapshot, Why},
    text,
};

impl Run {
    pub(super) fn pause(&self, now: bool) -> Result<Step, Rejected> {
        let State::Running { .. } = self.state else { return Err(self.misplaced("pause")) };
        if now {
            return Ok(self.stop(false, Because::Paused));
        }
        if self.pausing { Ok(Step::default()) } else { Ok(Step::of([Event::PauseAsked {}], [])) }
    }

    /// What a turn's end leads to: the pause that waited for it, or an agent on its own screen that waits for a person.
    pub(super) fn rests(&self) -> Option<Event> {
        // What its keeper has for it comes first: the pause is at the end of that turn.
        let is_under_way = |message: &crate::run::Message| {
            matches!(message.receipt, Receipt::Handed | Receipt::Held | Receipt::Sending)
        };
        if (self.pausing || self.turns_to().is_some()) && self.messages.iter().any(is_under_way) {
            return None;
        }
        let on = match (self.pausing || self.turns_to().is_some(), self.speech.surface) {
            (true, _) => WaitingFor::Paused,
            (false, Surface::Terminal) => WaitingFor::Input,
            (false, Surface::Headless) => return None,
        };
        Some(Event::Waits { on, text: String::new() })
    }

    pub(super) fn close(&self, op: OpId, how: How) -> Result<Step, Rejected> {
        let (asked, how) = (how, self.way_out(how));
        if !self.is_ended() {
            if asked != How::Force {
                return Err(self.still_living("close it"));
            }
            // Whoever asked first is answered at the end; a second would wait for ever.
            if self.then_close.is_some() {
                return Err(self.closing());
            }
            let mut step = self.stop(false, Because::Person);
            step.events.insert(0, Event::CloseAsked { op, how });
            return Ok(step);
        }
        if !matches!(self.env, EnvState::Closed(_)) {
            self.require_rest()?;
            self.require_no_landing()?;
        }
        let run = self.id().clone();
        match &self.env {
            EnvState::Held(_) | EnvState::Within(_) => {
                let snapshot = Some(self.next_snapshot());
                let closing = Event::Closing { op: op.clone(), how, snapshot: snapshot.clone() };
                Ok(Step::of([closing], [Effect::Close { run, op, how, snapshot }]))
            }
            EnvState::None
            | EnvState::Preparing
            | EnvState::Closed(_)
            | EnvState::Closing { .. }
            | EnvState::Restoring { .. } => {
                Ok(Step::of([Event::OpDone { op, result: Self::nothing_left() }], []))
            }
        }
    }

    /// Gives a run up: all of it is kept in a snapshot, so that the wish can be taken back.
    pub(super) fn abandon(&self, op: OpId) -> Result<Step, Rejected> {
        self.close(op, How::Force)
    }

    pub(super) fn nothing_left() -> OpResult {
        OpResult::Closed {
            // Where it stands now nobody has looked.
            kept_branch: None,
            trash: None,
            text: "nothing was left to close".to_owned(),
            merged: None,
            snapshot: None,
            unsettled: false,
        }
    }

    pub(super) fn snap(&self, op: OpId) -> Result<Step, Rejected> {
        self.require_rest()?;
        self.require_own_env("snapshot take")?;
        if !matches!(self.env, EnvState::Held(_)) || self.undoing || !self.is_kept() {
            return Err(Rejected {
                slug: "nothing-to-snapshot",
                text: format!("{} has no files of a repository that stand", self.id()),
                hints: vec![format!("skep show {}", self.id())],
            });
        }
        let (run, id, why) = (self.id().clone(), self.next_snapshot(), Why::Asked);
        Ok(Step::of(
            [Event::Snapping { id: id.clone(), why }],
            [Effect::Snapshot { run, id, why, op: Some(op) }],
        ))
    }

    pub(super) fn snapped(id: SnapshotId, taken: Result<Option<Box<Snapshot>>, String>) -> Step {
        match taken {
            Ok(Some(snapshot)) => Step::of([Event::Snapped { snapshot }], []),
            // What stands is what the last one holds.
            Ok(None) => Step::default(),
            Err(words) => {
                Step::of([Event::SnapFailed { id, text: text::words(&words, WORDS) }], [])
            }
        }
    }

    pub(super) fn settled(&self, id: SnapshotId, taken: Result<Box<Snapshot>, String>) -> Step {
        match taken {
            // It may be settled twice; what became of its trash since is not to be forgotten.
            Ok(_) if self.settling.as_ref() != Some(&id) && self.snapshots.contains_key(&id) => {
                Step::default()
            }
            Ok(snapshot) => Step::of([Event::Settled { snapshot }], []),
            Err(words) => {
                Step::of([Event::SnapFailed { id, text: text::words(&words, WORDS) }], [])
            }
        }
    }

    pub(super) fn forget(&self, op: OpId, snapshots: Vec<SnapshotId>) -> Result<Step, Rejected> {
        self.require_rest()?;
        for id in &snapshots {
            self.require_snapshot(id)?;
        }
        let run = self.id().clone();
        let forgetting = Event::Forgetting { op: op.clone(), snapshots: snapshots.clone() };
        Ok(Step::of([forgetting], [Effect::Forget { run, op, snapshots }]))
    }

    pub(super) fn restore(
        &self,
        op: OpId,
        snapshot: SnapshotId,
        undoes: Option<OpId>,
    ) -> Result<Step, Rejected> {
        self.require_own_env_for(&snapshot)?;
        if !self.is_ended() {
            return Err(self.still_living("restore it"));
        }
        self.require_rest()?;
        self.require_no_landing()?;
        match &self.settling {
            // What a forced close has not put into its snapshot yet is about to be.
            Some(settling) if *settling == snapshot => {}
            // Another close after this one would leave two heaps in the trash, and only one is remembered.
            Some(_) => return Err(self.closing()),
            None => {
                self.require_snapshot(&snapshot)?;
            }
        }
        if !matches!(self.env, EnvState::Held(_) | EnvState::Closed(_)) || self.undoing {
            return Err(Rejected {
                slug: "nothing-to-restore",
                text: format!("{} never had an env that could come back", self.id()),
                hints: vec![format!("skep restore {snapshot} --to DIR")],
            });
        }
        let (run, before) = (self.id().clone(), self.next_snapshot());
        let restoring = Event::Restoring {
            op: op.clone(),
            snapshot: snapshot.clone(),
            before: before.clone(),
            undoes,
        };
        Ok(Step::of([restoring], [Effect::Restore { run, op, snapshot, before }]))
    }

    pub(super) fn undo(&self, op: OpId, of: OpId) -> Result<Step, Rejected> {
        let Some(done) = self.undoable.iter().rev().find(|done| done.op == of) else {
            return Err(Rejected {
                slug: "nothing-to-undo",
                text: format!("{of} is no wish that can be taken back"),
                hints: vec!["skep undo --dry-run".to_owned()],
            });
        };
        if done.undone {
            return Err(Rejected {
                slug: "already-undone",
                text: format!("{of} was taken back already"),
                hints: vec![format!("skep show {}", self.id())],
            });
        }
        match &done.what {
            Undo::Close { snapshot } | Undo::Restore { before: snapshot } => {
                self.restore(op, snapshot.clone(), Some(of))
            }
            Undo::Land { .. } => {
                self.require_rest()?;
                let run = self.id().clone();
                Ok(Step::of(
                    [Event::Reverting { op: op.clone(), of: of.clone() }],
                    [Effect::Revert { run, op, of }],
                ))
            }
        }
    }

    pub(super) fn purge(&self, snapshot: SnapshotId) -> Result<Step, Rejected> {
        let there = self.snapshots.get(&snapshot).is_some_and(|kept| kept.trash.is_some());
        if !there || self.is_restoring() {
            return Err(self.misplaced("emptying that trash"));
        }
        Ok(Step::of([], [Effect::Purge { run: self.id().clone(), snapshot }]))
    }

    pub(super) fn drop_logs(&self) -> Result<Step, Rejected> {
        if self.holds_env() || !self.is_ended() || self.logs_dropped {
            return Err(self.misplaced("dropping its records"));
        }
        Ok(Step::of([], [Effect::DropLogs { run: self.id().clone() }]))
    }

    pub(super) fn settle(&self) -> Result<Step, Rejected> {
        let Some(snapshot) = self.settling.clone().filter(|_| !self.is_restoring()) else {
            return Err(self.misplaced("settling"));
        };
        Ok(Step::of([], [Effect::Settle { run: self.id().clone(), snapshot }]))
    }

    /// What a wish came to, and what follows from it.
    pub(super) fn op_done(&self, op: OpId, result: OpResult) -> Step {
        let settle = match (&self.env, &result) {
            (
                EnvState::Closing { op: closing, snapshot, .. },
                OpResult::Closed { unsettled: true, .. },
            ) if *closing == op => Some(snapshot.clone()),
            _ => None,
        };
        let mut step = Step::of([Event::OpDone { op, result }], []);
        if let Some(snapshot) = settle {
            step.effects.push(Effect::Settle { run: self.id().clone(), snapshot });
        }
        step
    }

    /// Refuses while the env is on its way out or back in.
    pub(in crate::run) fn require_rest(&self) -> Result<(), Rejected> {
        if self.is_closing() {
            return Err(self.closing());
        }
        if self.is_restoring() {
            let id = self.id();
            return Err(Rejected {
                slug: "restore-under-way",
                text: format!("{id} is being restored"),
                hints: vec![format!("skep show {id}")],
            });
        }
        Ok(())
    }

    fn require_snapshot(&self, id: &SnapshotId) -> Result<&Snapshot, Rejected> {
        self.snapshots.get(id).ok_or_else(|| Rejected {
            slug: "snapshot-unknown",
            text: format!("{id} is no snapshot of {}", self.id()),
            hints: vec![format!("skep snapshot ls {}", self.id())],
        })
    }
}
