//! Wishes about what an agent left: closing, landing, snapshots and their coming back.

use std::{
    collections::BTreeMap,
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use skep_api::{
    view::{CleanView, CloseView, RestoreView, SnapshotView, UndoView},
    wire::Refusal,
};
use skep_core::{
    fleet::{Fleet, Input},
    id::{OpId, RunId, SnapshotId},
    keep::Due,
    run::{self, EnvState, How, OpResult, Run, Undo},
    text,
};
use skep_host::git::Git;

use super::{Door, Posted, Trouble, progress, value};
use crate::{hands, launch, resolve};

impl Door {
    /// The runs that a close is about: those named, each once, or without names all that have ended with an env.
    pub(super) fn to_close(&self, named: &[String], merged: bool) -> Result<Vec<RunId>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        if merged && named.is_empty() {
            let ended =
                |run: &&std::sync::Arc<Run>| run.is_ended() && matches!(run.env, EnvState::Held(_));
            return Ok(fleet.runs.values().filter(ended).map(|run| run.id().clone()).collect());
        }
        let mut chosen: Vec<RunId> = Vec::new();
        for text in named {
            let id = fleet.find_run(text)?.id();
            if !chosen.contains(id) {
                chosen.push(id.clone());
            }
        }
        Ok(chosen)
    }

    pub(super) fn close(
        &self,
        key: &str,
        ask: &Closing<'_>,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let runs = self.to_close(ask.named, ask.merged)?;
        let fleet = self.wishes.board.read().fleet;
        let mut views = Vec::new();
        for (nth, id) in runs.iter().enumerate() {
            let Some(run) = fleet.runs.get(id) else { continue };
            let alone = runs.len() == 1 && !ask.named.is_empty();
            match self.close_or_look(&format!("{key}/{nth}"), run, ask, out) {
                Ok(view) => views.extend(view),
                // Of several, each has its own answer.
                Err(Trouble::Refused(refusal)) if !alone => views.push(refused_view(run, refusal)),
                Err(trouble) => return Err(trouble),
            }
        }
        value(&views)
    }

    /// Closes a run, or only looks; none where only what has landed was asked for, and this has not.
    pub(super) fn close_or_look(
        &self,
        key: &str,
        run: &Run,
        ask: &Closing<'_>,
        out: &mut UnixStream,
    ) -> Result<Option<CloseView>, Trouble> {
        let how = ask.how;
        if !run.is_ended() && how != How::Force {
            return Err(living(run).into());
        }
        if ask.merged || ask.dry_run {
            let seen = self.preview(run, how);
            let seen = close_view(run, how, seen);
            if ask.merged && seen.merged != "true" {
                // Nobody asked about what has not landed; who is named is told.
                return Ok((!ask.named.is_empty()).then(|| not_landed(run, seen)));
            }
            if ask.dry_run {
                self.require_completable(run, how)?;
                return Ok(Some(seen));
            }
        }
        self.require_completable(run, how)?;
        progress(out, &format!("{}: closing", run.brief.name))?;
        let (run, result) = self.wishes.close(key, run.id(), how)?;
        Ok(Some(close_view(&run, how, result)))
    }

    pub(super) fn abandon(
        &self,
        key: &str,
        runs: &[String],
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let chosen = self.to_close(runs, false)?;
        let fleet = self.wishes.board.read().fleet;
        let mut views = Vec::new();
        for (nth, id) in chosen.iter().enumerate() {
            let Some(run) = fleet.runs.get(id) else { continue };
            progress(out, &format!("{}: giving up", run.brief.name))?;
            match self.abandon_one(&format!("{key}/{nth}"), id) {
                Ok((run, result)) => views.push(close_view(&run, How::Force, result)),
                Err(Trouble::Refused(refusal)) if chosen.len() > 1 => {
                    views.push(refused_view(run, refusal));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        value(&views)
    }

    fn abandon_one(&self, key: &str, id: &RunId) -> Result<(Run, OpResult), Trouble> {
        let op = OpId::new(resolve::spell(key));
        let input = run::Input::Abandon { op: op.clone() };
        self.wishes.wish(key, Input::Run { run: id.clone(), input })?;
        self.wishes.await_op(id, &op)
    }

    pub(super) fn take_snapshot(
        &self,
        key: &str,
        text: &str,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let run = fleet.find_run(text)?;
        progress(out, &format!("{}: taking a snapshot", run.brief.name))?;
        let op = OpId::new(resolve::spell(key));
        let input = run::Input::Snap { op: op.clone() };
        self.wishes.wish(key, Input::Run { run: run.id().clone(), input })?;
        let (run, result) = self.wishes.await_op(run.id(), &op)?;
        match granted(result)? {
            OpResult::Snapped { snapshot } => value(&SnapshotView::of(&run, &snapshot)),
            other @ (OpResult::Closed { .. }
            | OpResult::Proposed { .. }
            | OpResult::Landed { .. }
            | OpResult::Attested { .. }
            | OpResult::Forgotten { .. }
            | OpResult::Restored { .. }
            | OpResult::Reverted { .. }
            | OpResult::Refused { .. }
            | OpResult::Failed { .. }) => Err(odd(&other)),
        }
    }

    pub(super) fn snapshots(&self, run: Option<&str>) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let only = run.map(|text| fleet.find_run(text).map(|run| run.id().clone())).transpose()?;
        let mut views: Vec<SnapshotView> = fleet
            .runs
            .values()
            .filter(|run| only.as_ref().is_none_or(|id| id == run.id()))
            .flat_map(|run| run.snapshots.values().map(|snapshot| SnapshotView::of(run, snapshot)))
            .collect();
        views.sort_by_key(|view| std::cmp::Reverse(view.at));
        value(&views)
    }

    pub(super) fn show_snapshot(&self, text: &str) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let (run, id) = fleet.find_snapshot(text)?;
        match run.snapshots.get(&id) {
            Some(snapshot) => value(&SnapshotView::of(run, snapshot)),
            None => Err(Refusal::error(
                "snapshot-unfinished",
                format!("{id} is still being taken from the trash"),
            )
            .hint(format!("skep show {}", run.id()))
            .into()),
        }
    }

    pub(super) fn forget(&self, key: &str, named: &[String]) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let mut of: BTreeMap<RunId, Vec<SnapshotId>> = BTreeMap::new();
        for text in named {
            let (run, id) = fleet.find_snapshot(text)?;
            if let Some(trash) = run.snapshots.get(&id).and_then(|kept| kept.trash.as_ref()) {
                return Err(Refusal {
                    slug: "snapshot-in-use".to_owned(),
                    message: format!("{id} is what proves that {trash} may go"),
                    hints: vec![format!("skep restore {id}"), "skep clean".to_owned()],
                    exit: 1,
                }
                .into());
            }
            of.entry(run.id().clone()).or_default().push(id);
        }
        let mut gone = Vec::new();
        for (nth, (run, snapshots)) in of.into_iter().enumerate() {
            let key = format!("{key}/{nth}");
            let op = OpId::new(resolve::spell(&key));
            let input = run::Input::Forget { op: op.clone(), snapshots };
            self.wishes.wish(&key, Input::Run { run: run.clone(), input })?;
            let (_, result) = self.wishes.await_op(&run, &op)?;
            if let OpResult::Forgotten { snapshots } = granted(result)? {
                gone.extend(snapshots.iter().map(ToString::to_string));
            }
        }
        value(&gone)
    }

    pub(super) fn restore(
        &self,
        key: &str,
        text: &str,
        to: Option<&str>,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let (run, id) = fleet.find_snapshot(text)?;
        if let Some(to) = to {
            return self.copy_out(run, &id, to);
        }
        progress(out, &format!("{}: restoring {id}", run.brief.name))?;
        let op = OpId::new(resolve::spell(key));
        let input = run::Input::Restore { op: op.clone(), snapshot: id };
        self.wishes.wish(key, Input::Run { run: run.id().clone(), input })?;
        let (run, result) = self.wishes.await_op(run.id(), &op)?;
        let result = granted(result)?;
        restore_view(&run, &op, &result)
    }

    /// Writes a snapshot's files into a folder of its own; no run hears of it.
    fn copy_out(&self, run: &Run, id: &SnapshotId, to: &str) -> Result<Option<Value>, Trouble> {
        let vars = launch::asker_env(&self.home, run)
            .map_err(|text| Refusal::error("restore-failed", text))?;
        let trash = run.snapshots.get(id).and_then(|kept| kept.trash.as_ref());
        let Some(repository) = run.brief.place.repository.as_deref() else {
            let message = format!("{id} is a plain folder's: no snapshot was taken of it");
            let refusal = Refusal {
                slug: "snapshot-missing".to_owned(),
                message,
                hints: Vec::new(),
                exit: 1,
            };
            let ways = trash.map(|trash| [format!("skep restore {id}"), format!("ls {trash}")]);
            return Err(ways.into_iter().flatten().fold(refusal, Refusal::hint).into());
        };
        let notes =
            hands::keep::copy_to(&Git::new(&vars), Path::new(repository), id, Path::new(to))
                .map_err(|(slug, text)| {
                    let refusal = Refusal::error(slug, text);
                    match refusal.slug.as_str() {
                        "folder-not-empty" => {
                            refusal.hint(format!("skep restore {id} --to {to}-2"))
                        }
                        _ => refusal.hint("skep snapshot ls"),
                    }
                })?;
        let ignored =
            trash.map(|trash| format!("; what git ignores lies in {trash}")).unwrap_or_default();
        let notes: String = notes.iter().map(|note| format!("; {note}")).collect();
        value(&RestoreView {
            snapshot: id.to_string(),
            run: run.id().to_string(),
            name: run.brief.name.clone(),
            path: to.to_owned(),
            branch: None,
            before: None,
            op: None,
            status: format!("its files stand there{ignored}{notes}"),
        })
    }

    pub(super) fn undo(
        &self,
        key: &str,
        named: Option<&str>,
        dry_run: bool,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let chosen = match named {
            Some(text) => fleet.find_undoable(text)?,
            None => fleet.last_undoable()?,
        };
        let about = |status: &str, by: Option<&OpId>| -> Vec<UndoView> {
            let fleet = self.wishes.board.read().fleet;
            chosen
                .iter()
                .filter_map(|(run, op)| {
                    let run = fleet.runs.get(run)?;
                    let done = run.undoable.iter().rev().find(|done| done.op == *op)?;
                    let mut view = UndoView::of(run, done);
                    view.status = status.to_owned();
                    view.by = by.map(ToString::to_string);
                    Some(view)
                })
                .collect()
        };
        if dry_run {
            return value(&about("would be taken back", None));
        }
        let landing = chosen.iter().find(|(run, op)| {
            let done = fleet
                .runs
                .get(run)
                .and_then(|run| run.undoable.iter().rev().find(|done| done.op == *op));
            done.is_some_and(|done| matches!(done.what, Undo::Land { .. }))
        });
        // A landing may have been built upon: it is offered, and taken back only by name.
        if let (Some((run, op)), None) = (landing, named) {
            return Err(Refusal {
                slug: "undo-landing".to_owned(),
                message: format!("the last wish landed the work of {run} on its target"),
                hints: vec![
                    format!("skep undo {op}   # takes it back by a commit of its own"),
                    "skep undo --dry-run".to_owned(),
                ],
                exit: 1,
            }
            .into());
        }
        let by = OpId::new(resolve::spell(key));
        let mut views = Vec::new();
        for (nth, (run, of)) in chosen.iter().enumerate() {
            progress(out, &format!("{run}: taking back {of}"))?;
            let undone = self.undo_one(&format!("{key}/{nth}"), run, of, &by);
            let status = match undone {
                Ok(text) => text,
                // Of several, each has its own answer: what cannot come back keeps none of the others.
                Err(Trouble::Refused(refusal)) if chosen.len() > 1 => {
                    format!("{}: {}", refusal.slug, refusal.message)
                }
                Err(trouble) => return Err(trouble),
            };
            views.extend(
                about(&status, Some(&by)).into_iter().filter(|view| view.run == run.as_str()),
            );
        }
        value(&views)
    }

    fn undo_one(&self, key: &str, run: &RunId, of: &OpId, by: &OpId) -> Result<String, Trouble> {
        let input = run::Input::Undo { op: by.clone(), of: of.clone() };
        self.wishes.wish(key, Input::Run { run: run.clone(), input })?;
        let (run, result) = self.wishes.await_op(run, by)?;
        Ok(match granted(result)? {
            OpResult::Restored { env, text, .. } => {
                let name = &run.brief.name;
                format!("taken back: {name} stands in {} again, {text}", env.worktree)
            }
            OpResult::Reverted { target, new, old, .. } if new == old => {
                format!("taken back already: {target} is at {}", text::words(&new, 12))
            }
            OpResult::Reverted { target, new, .. } => {
                format!(
                    "taken back: {target} is at {}, a commit that reverts it",
                    text::words(&new, 12)
                )
            }
            OpResult::Closed { .. }
            | OpResult::Landed { .. }
            | OpResult::Attested { .. }
            | OpResult::Proposed { .. }
            | OpResult::Snapped { .. }
            | OpResult::Forgotten { .. }
            | OpResult::Refused { .. }
            | OpResult::Failed { .. } => "taken back".to_owned(),
        })
    }

    pub(super) fn clean(
        &self,
        key: &str,
        dry_run: bool,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let keep = resolve::keep_ages(&self.config)?;
        let posted = self.wishes.board.read();
        let due = posted.fleet.due(&keep, (self.clock)());
        let op = OpId::new(resolve::spell(key));
        let view = |fleet: &Fleet, due: &Due, op: Option<&OpId>| {
            let run = fleet.runs.get(due.run());
            let (gone, status) = run.map_or((None, String::new()), |run| of_due(run, due, op));
            CleanView {
                due: due.clone(),
                name: run.map(|run| run.brief.name.clone()).unwrap_or_default(),
                op: op.cloned(),
                gone,
                status,
            }
        };
        if dry_run || due.is_empty() {
            let views: Vec<CleanView> =
                due.iter().map(|due| view(&posted.fleet, due, None)).collect();
            return value(&views);
        }
        progress(out, &format!("{} things have had their time", due.len()))?;
        self.wishes.wish(key, Input::Clean { op: op.clone(), keep })?;
        let fleet = self.await_cleaned(&due, &op);
        value(&due.iter().map(|due| view(&fleet, due, Some(&op))).collect::<Vec<_>>())
    }

    /// Waits for what comes of a wish.
    /// Waits until it is known what became of each thing that was due, or until that goes on without anybody.
    fn await_cleaned(&self, due: &[Due], op: &OpId) -> std::sync::Arc<Fleet> {
        let until = Instant::now() + CLEANED;
        let mut posted: Posted = self.wishes.board.read();
        let open = |fleet: &Fleet| {
            due.iter().any(|due| {
                fleet.runs.get(due.run()).is_some_and(|run| match due {
                    // One that became impossible meanwhile was not asked for.
                    Due::Env { .. } => {
                        matches!(&run.env, EnvState::Closing { op: asked, .. } if asked == op)
                    }
                    Due::Settle { .. }
                    | Due::Trash { .. }
                    | Due::Snapshots { .. }
                    | Due::Logs { .. } => {
                        Instant::now() < until && of_due(run, due, Some(op)).0.is_none()
                    }
                })
            })
        };
        while open(&posted.fleet) && !posted.closing {
            posted =
                self.wishes.board.wait_beyond(posted.seq, Some(until.max(Instant::now() + TURN)));
        }
        posted.fleet
    }
}

/// How long a person waits for what leaves no answer of its own where it fails.
const CLEANED: Duration = Duration::from_secs(10);
/// How often an env that is on its way out is looked after.
const TURN: Duration = Duration::from_secs(1);

/// A wish to close.
#[derive(Debug)]
pub(super) struct Closing<'a> {
    pub(super) named: &'a [String],
    pub(super) how: How,
    /// Only what has landed.
    pub(super) merged: bool,
    pub(super) dry_run: bool,
}

/// What became of something that was due: gone, kept, or not known yet.
fn of_due(run: &Run, due: &Due, op: Option<&OpId>) -> (Option<bool>, String) {
    let result = op.and_then(|op| run.result_of(op));
    let gone = |text: &str| (Some(true), text.to_owned());
    match (due, result) {
        (Due::Env { .. }, Some(OpResult::Closed { text, .. })) => gone(text),
        (
            Due::Env { .. } | Due::Snapshots { .. },
            Some(OpResult::Refused { text, .. } | OpResult::Failed { text, .. }),
        ) => (Some(false), text.clone()),
        (Due::Snapshots { snapshots, .. }, Some(OpResult::Forgotten { .. })) => {
            gone(&format!("{} gone for good", many(snapshots.len(), "snapshot")))
        }
        (Due::Snapshots { snapshots, .. }, Some(_)) => {
            let what = many(snapshots.len(), "snapshot");
            (Some(false), format!("{what}: its env goes first"))
        }
        (Due::Settle { .. }, _) if op.is_some() && run.settling.is_none() => {
            gone("its trash is in a snapshot now")
        }
        (Due::Trash { snapshot, .. }, _) if op.is_some() && !has_trash(run, snapshot) => {
            gone("what git ignored, out of the trash")
        }
        (Due::Logs { .. }, _) if op.is_some() && run.logs_dropped => {
            gone("the records of its attempts")
        }
        (Due::Env { .. }, _) => (None, "its env has had its time".to_owned()),
        (Due::Settle { .. }, _) => (None, "its snapshot is still to be taken".to_owned()),
        (Due::Trash { .. }, _) => (None, "what git ignored has had its time".to_owned()),
        (Due::Snapshots { snapshots, .. }, _) => {
            let what = many(snapshots.len(), "snapshot");
            (None, format!("{what} past their age"))
        }
        (Due::Logs { .. }, _) => {
            (None, "the records of its attempts have had their time".to_owned())
        }
    }
}

fn has_trash(run: &Run, snapshot: &SnapshotId) -> bool {
    run.snapshots.get(snapshot).is_some_and(|kept| kept.trash.is_some())
}

fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The answer about a run that lives, to whoever wants its env gone.
fn living(run: &Run) -> Refusal {
    let id = run.id();
    Refusal {
        slug: "run-living".to_owned(),
        message: format!(
            "{id} ({}) is {}; it must end before it can be closed",
            run.brief.name,
            run.state_name()
        ),
        hints: vec![
            format!("skep wait {id}"),
            format!("skep stop {id}"),
            format!("skep close {id} --force   # stops it first; a snapshot keeps all of it"),
        ],
        exit: 1,
    }
}

/// A refusal as one answer among several.
fn refused_view(run: &Run, refusal: Refusal) -> CloseView {
    let result = if refusal.exit == 1 {
        OpResult::Refused {
            slug: refusal.slug,
            text: refusal.message,
            hints: refusal.hints,
            merged: None,
        }
    } else {
        OpResult::Failed { slug: refusal.slug, text: refusal.message }
    };
    close_view(run, How::Smart, result)
}

/// The answer about a run that was named among what has landed, and has not.
fn not_landed(run: &Run, seen: CloseView) -> CloseView {
    if !seen.reasons.is_empty() {
        return seen;
    }
    let status = "close-undecided: it has no commit that could have landed".to_owned();
    let way = format!("skep close {}   # gives its env back all the same", run.id());
    CloseView { status, reasons: vec![way], ..seen }
}

/// The result of a wish that was granted; else the answer to the one who wished.
pub(super) fn granted(result: OpResult) -> Result<OpResult, Trouble> {
    match result {
        OpResult::Refused { slug, text, hints, .. } => {
            Err(Refusal { slug, message: text, hints, exit: 1 }.into())
        }
        OpResult::Failed { slug, text } => Err(resolve::with_ways(&slug, text).into()),
        granted @ (OpResult::Closed { .. }
        | OpResult::Proposed { .. }
        | OpResult::Landed { .. }
        | OpResult::Attested { .. }
        | OpResult::Snapped { .. }
        | OpResult::Forgotten { .. }
        | OpResult::Restored { .. }
        | OpResult::Reverted { .. }) => Ok(granted),
    }
}

fn odd(result: &OpResult) -> Trouble {
    Refusal::error("wrong-answer", format!("something else came of it: {result:?}")).into()
}

fn restore_view(run: &Run, op: &OpId, result: &OpResult) -> Result<Option<Value>, Trouble> {
    let OpResult::Restored { snapshot, env, before, text } = result else {
        return Err(odd(result));
    };
    value(&RestoreView {
        snapshot: snapshot.to_string(),
        run: run.id().to_string(),
        name: run.brief.name.clone(),
        path: env.worktree.clone(),
        branch: env.branch.clone(),
        before: before.as_ref().map(|before| before.id.to_string()),
        // Where nothing stood before there is nothing to go back to: it is closed again.
        op: before.is_some().then(|| op.to_string()),
        status: text.clone(),
    })
}

/// What `close` tells of a run.
pub(crate) fn close_view(run: &Run, how: How, result: OpResult) -> CloseView {
    let landed = if run.landed.is_some() { "true" } else { "unknown" };
    let base = CloseView {
        id: run.id().to_string(),
        cleaned: false,
        forced: false,
        merged: landed.to_owned(),
        clean: None,
        status: String::new(),
        snapshot: None,
        reasons: Vec::new(),
        branch: run.env().and_then(|env| env.branch.clone()),
        trash: None,
    };
    let word = |merged: Option<run::Merged>| {
        merged.map_or_else(|| landed.to_owned(), |merged| merged.as_str().to_owned())
    };
    match result {
        OpResult::Closed { kept_branch, trash, text, merged, snapshot, unsettled } => CloseView {
            cleaned: true,
            forced: how == How::Force,
            // What was forced was not asked whether it was clean.
            clean: (how != How::Force).then_some(true),
            merged: word(merged),
            status: text,
            snapshot: snapshot
                .map(|taken| taken.id.to_string())
                .or_else(|| run.settling.as_ref().filter(|_| unsettled).map(ToString::to_string)),
            branch: kept_branch,
            trash,
            ..base
        },
        OpResult::Refused { slug, text, hints, merged } => CloseView {
            clean: match slug.as_str() {
                "close-undecided" => Some(true),
                "no-repository" => Some(false),
                slug => slug.starts_with("worktree-").then_some(false),
            },
            merged: word(merged),
            status: format!("{slug}: {text}"),
            reasons: hints,
            ..base
        },
        OpResult::Failed { slug, text } => {
            CloseView { status: format!("error {slug}: {text}"), ..base }
        }
        OpResult::Landed { .. }
        | OpResult::Attested { .. }
        | OpResult::Proposed { .. }
        | OpResult::Snapped { .. }
        | OpResult::Forgotten { .. }
        | OpResult::Restored { .. }
        | OpResult::Reverted { .. } => CloseView { status: json!(result).to_string(), ..base },
    }
}
