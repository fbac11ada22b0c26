//! The daemon's socket: who speaks, what they may ask, and the answers.
//!
//! Owns: one thread per connection; wishes go to the engine, views come from the board.
//! Never: decides anything about a run; a wish is granted or rejected by the core.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    sync::{
        Arc, Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use skep_api::wire::chain;
use skep_api::{
    place::Home,
    request::{Ask, Request, RunAsk, TaskAsk},
    view::{
        Counts, ExhaustedView, Health, LimitView, NoticeCounts, ProjectView, RunView, SeenView,
        TaskView,
    },
    wire::{self, Answer, Refusal},
};
use skep_core::{
    fleet::{Fleet, Input, Limits},
    id::{RunId, TaskId},
    run::{self, How, OpResult, Outcome, Run, State, WaitingFor},
    task::{Choice, Task, TaskState},
    time::Timestamp,
};

use crate::{
    board::Posted,
    cleanup::Cleanup,
    engine::Inbox,
    hands, launch,
    perform::Performer,
    radar::Radar,
    resolve::{self, Approval},
    scripts, why,
    wishes::{Trouble, Wishes},
};

mod adopt;
mod changes;
mod conflicts;
mod control;
mod cost;
mod diff;
mod dispatch;
mod events;
mod finish;
mod follow;
mod hooks;
pub mod intake;
mod issue;
mod landing;
mod notices;
mod plans;
mod questions;
mod reap;
mod registry;
mod reviews;
mod rules;
mod send;
mod spawn;
mod speaker;
mod surface;
mod tasks;

use speaker::Peer;

/// How far a stopping daemon has come; the door answers `starting` before it can answer anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Starting,
    Running,
    Stopping,
}

/// What every connection shares.
pub struct Door {
    pub home: Home,
    pub config: std::path::PathBuf,
    pub wishes: Wishes,
    pub clock: fn() -> Timestamp,
    pub started: Instant,
    pub phase: Mutex<Phase>,
    pub phased: Condvar,
    pub clients: AtomicU32,
    pub cleanup: Arc<Cleanup>,
    /// Speaks to keepers.
    pub performer: OnceLock<Arc<Performer>>,
    /// Looks at worktrees.
    pub radar: OnceLock<Arc<Radar>>,
}

impl Door {
    /// Serves `listener` until the process ends.
    pub fn serve(self: &Arc<Door>, listener: &UnixListener) {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            let door = Arc::clone(self);
            // Without a thread there is nobody to answer; the asker sees the connection close.
            let _refused = thread::Builder::new().name("connection".to_owned()).spawn(move || {
                door.clients.fetch_add(1, Ordering::SeqCst);
                // A connection that breaks is the asker's affair.
                let _broken = door.connection(&stream);
                door.clients.fetch_sub(1, Ordering::SeqCst);
            });
        }
    }

    /// Moves on to `phase` and tells those who wait for it.
    pub fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
        self.phased.notify_all();
    }

    fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn started(&self) -> bool {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        while *phase == Phase::Starting {
            phase = self.phased.wait(phase).unwrap_or_else(PoisonError::into_inner);
        }
        *phase == Phase::Running
    }

    fn connection(&self, stream: &UnixStream) -> io::Result<()> {
        let peer = rustix::net::sockopt::socket_peercred(stream)?;
        let mut out = stream.try_clone()?;
        if peer.uid != rustix::process::getuid() {
            return wire::send(
                &mut out,
                &Answer::Error(Refusal::error("not-yours", "this skep is another user's")),
            );
        }
        let pid = u32::try_from(peer.pid.as_raw_nonzero().get()).unwrap_or(0);
        let peer = Peer::of(pid);
        let mut reader = BufReader::new(stream);
        if reader.fill_buf()?.first() == Some(&b'G') {
            return self.http(&mut reader, &mut out);
        }
        while let Some(request) = wire::receive::<Request>(&mut reader)? {
            let answered = self.answer(&request, &peer, &mut out);
            match answered {
                Ok(Some(value)) => wire::send(&mut out, &Answer::Ok(value))?,
                Ok(None) => {}
                Err(Trouble::Refused(refusal)) => wire::send(&mut out, &Answer::Error(refusal))?,
                Err(Trouble::Broken(err)) => return Err(err),
            }
        }
        Ok(())
    }

    /// `GET /health`, for whoever has no JSON lines.
    fn http(&self, reader: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
        let mut line = String::new();
        reader.take(4096).read_line(&mut line)?;
        let (status, body) = match line.split_whitespace().nth(1) {
            Some("/health") => ("200 OK", serde_json::to_string(&self.health())?),
            _ => ("404 Not Found", json!({"error": {"slug": "not-found"}}).to_string()),
        };
        write!(
            out,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    fn health(&self) -> Health {
        let posted = self.wishes.board.read();
        Health {
            status: match self.phase() {
                Phase::Starting => "starting",
                Phase::Running => "running",
                Phase::Stopping => "stopping",
            }
            .to_owned(),
            pid: std::process::id(),
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            version: crate::version::ours(),
            home: self.home.root().to_string_lossy().into_owned(),
            agents: resolve::agents(&self.config),
            projects: posted.fleet.projects.keys().cloned().collect(),
            runs: Counts::of(posted.fleet.runs.values().map(AsRef::as_ref)),
            limits: posted.fleet.quotas.all((self.clock)()).map(LimitView::of).collect(),
            disk_short: posted.fleet.short,
            exhausted: ExhaustedView::of(posted.fleet.exhausted((self.clock)())),
            notices: NoticeCounts::of(&posted.fleet),
            seq: posted.seq,
        }
    }

    fn answer(
        &self,
        request: &Request,
        peer: &Peer,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        if let Ask::Health {} = request.ask {
            return value(&self.health());
        }
        if !self.started() {
            return Err(
                Refusal::error("daemon-stopping", "the daemon is stopping; ask again").into()
            );
        }
        let fleet = self.wishes.board.read().fleet;
        let asker = self.require_leave(request, peer, &fleet)?;
        match &request.ask {
            Ask::Health {} => value(&self.health()),
            Ask::Run(ask) => self.run(&request.id, ask, out),
            Ask::Ls { project: Some(name), .. } if !fleet.projects.contains_key(name) => {
                Err(resolve::unknown_project(name, &fleet).into())
            }
            Ask::Ls { all, project } => {
                value(&list(&fleet, *all, project.as_deref(), (self.clock)()))
            }
            Ask::Hidden { project } => {
                let project = project.as_deref();
                value(&chosen(&fleet, project).filter(|run| is_hidden(run)).count())
            }
            Ask::Named { runs } => {
                let named =
                    runs.iter().map(|text| fleet.find_run(text).map(|run| RunView::of(run)));
                value(&named.collect::<Result<Vec<_>, _>>()?)
            }
            Ask::Show { run } => self.show(&request.id, run),
            Ask::Why { run } if run.starts_with("task_") => {
                value(&follow::why(fleet.find_task(run)?, &fleet, (self.clock)()))
            }
            Ask::Why { run } => value(&why::why(fleet.find_run(run)?, &fleet, (self.clock)())),
            Ask::Diff { run, path } => {
                value(&diff::diff(fleet.find_run(run)?, &self.home, path.as_deref())?)
            }
            Ask::Stop { runs, all, now, line } => self.stop(&request.id, runs, (*all, *line), *now),
            Ask::Spawn(ask) => self.spawn(&request.id, ask, asker.as_ref()),
            Ask::Issue { deed } => self.own_issue(deed, asker.as_ref()),
            Ask::Claimed { paths } => self.claimed(paths, asker.as_ref()),
            Ask::AtWork {} => value(&self.at_work(&fleet)),
            Ask::Check { path, cwd } => self.check((path, cwd), asker.as_ref(), &fleet),
            Ask::AtIssue { of } => self.at_issue(&request.id, of, &fleet),
            Ask::Wait { runs, until, any, timeout_ms } if follow::are_tasks(runs) => {
                self.wait_for_tasks(runs, until, *any, *timeout_ms)
            }
            Ask::Wait { runs, until, any, timeout_ms } => self.wait(runs, until, *any, *timeout_ms),
            Ask::Close { runs, how, merged, dry_run } => {
                let (how, merged, dry_run) = (*how, *merged, *dry_run);
                let ask = finish::Closing { named: runs, how, merged, dry_run };
                self.close(&request.id, &ask, out)
            }
            Ask::Abandon { runs } => self.abandon(&request.id, runs, out),
            Ask::Land(ask) => self.land(&request.id, ask, out),
            Ask::Propose(ask) => self.propose(&request.id, ask, out),
            Ask::Dispatch(ask) => self.dispatch(&request.id, ask, asker.as_ref(), out),
            Ask::Reap { dry_run } => self.reap(&request.id, *dry_run, out),
            Ask::FreeIssue(ask) => self.free_issue(ask),
            Ask::Pause { run, now } => self.pause(&request.id, run, *now),
            Ask::Again { run, goes_on, text, surface, env } => {
                let fleet = self.wishes.board.read().fleet;
                self.require_left(fleet.find_run(run)?, peer.pid)?;
                resolve::hand_over(&self.home, fleet.find_run(run)?, env)?;
                let ask = control::Again {
                    run,
                    goes_on: *goes_on,
                    words: text.as_deref(),
                    surface: *surface,
                };
                self.again(&request.id, &ask, out)
            }
            Ask::Raise { run, by } => self.raise(&request.id, run, by),
            Ask::Cost { runs, since } => self.cost(runs, since.as_deref(), &fleet),
            Ask::Conflicts { of } => self.conflicts(&request.id, of),
            Ask::Send { .. } => self.send(&request.id, &request.ask),
            Ask::Rule { of, allow, text, from_wave } => {
                if of.starts_with("q_") {
                    return self.rule_question(&request.id, of, *allow, text.is_some());
                }
                if let Some((task, part)) = fleet.find_escalated(of, None)? {
                    return self.rule_part(&request.id, &task.id, part, *allow, text.as_deref());
                }
                if let Some(task) = fleet.find_in_review(of)? {
                    let plan = fleet.find_plan(of).ok().and_then(|(_, plan)| plan);
                    let word = plans::Word { plan, allow: *allow, text, from_wave: *from_wave };
                    return self.rule_plan(&request.id, task, &word);
                }
                let ruling = run::Ruling { allow: *allow, text: text.clone() };
                self.rule(&request.id, of, ruling)
            }
            Ask::RulePart { .. }
            | Ask::Review { .. }
            | Ask::ReviewShow { .. }
            | Ask::Refine { .. }
            | Ask::Foreman { .. } => self.reviews(&request.id, &request.ask),
            Ask::Questions { .. } | Ask::Answer { .. } | Ask::Inbox {} => {
                self.questions(&request.id, &request.ask)
            }
            Ask::Notices {} => value(&notices::list(&fleet)),
            Ask::NotifyTest { channel } => self.test_channels(channel.as_deref()),
            Ask::Lift { of, task } => self.lift(&request.id, of, *task),
            Ask::RulesApply { runs } => self.apply_rules(&request.id, runs),
            Ask::RulesShow { project, env } => {
                value(&resolve::rules::of_project(project, env, &fleet, &self.config)?)
            }
            Ask::SnapshotTake { run } => self.take_snapshot(&request.id, run, out),
            Ask::SnapshotLs { run } => self.snapshots(run.as_deref()),
            Ask::SnapshotShow { snapshot } => self.show_snapshot(snapshot),
            Ask::SnapshotRm { snapshots } => self.forget(&request.id, snapshots),
            Ask::Restore { snapshot, to } => {
                self.restore(&request.id, snapshot, to.as_deref(), out)
            }
            Ask::Undo { op, dry_run } => self.undo(&request.id, op.as_deref(), *dry_run, out),
            Ask::Clean { dry_run } => self.clean(&request.id, *dry_run, out),
            Ask::CleanupLs {} => value(&self.cleanup.list(&fleet)),
            Ask::CleanupRun { name, force } => {
                value(&self.cleanup.run(name.as_deref(), *force, &self.wishes)?)
            }
            Ask::Events { from, follow } => self.events(*from, *follow, out),
            Ask::Adopt(ask) => self.adopt(&request.id, ask, out),
            Ask::ProjectAdd { path, name, base } => {
                let project = resolve::added(
                    path,
                    name.as_deref(),
                    base.as_deref(),
                    &fleet,
                    &self.home,
                    (self.clock)(),
                )?;
                let name = project.name.clone();
                self.wishes.wish(&request.id, Input::AddProject(project))?;
                value(
                    &self
                        .wishes
                        .board
                        .read()
                        .fleet
                        .projects
                        .get(&name)
                        .map(|project| ProjectView::of(project)),
                )
            }
            Ask::ProjectSee { path } => {
                let (project, registered) = resolve::seen(path, &fleet, (self.clock)())?;
                value(&SeenView { project: ProjectView::of(&project), registered })
            }
            Ask::ProjectScripts { name, env } => {
                let (home, config) = (&self.home, &self.config);
                value(&resolve::scripts(name, env, &fleet, home, config, (self.clock)())?)
            }
            Ask::ProjectApprove { name, text, digest, gates } => {
                let text = text.clone().into_bytes();
                let digest = digest.clone().unwrap_or_else(|| hands::digest(&text));
                let approval = Approval { project: name.clone(), digest, text };
                if *gates {
                    self.approve_gates(&request.id, approval)?;
                } else {
                    self.approve(&request.id, approval)?;
                }
                let fleet = self.wishes.board.read().fleet;
                value(&fleet.projects.get(name).map(|project| ProjectView::of(project)))
            }
            Ask::ProjectLs {} => value(
                &fleet
                    .projects
                    .values()
                    .map(|project| ProjectView::of(project))
                    .collect::<Vec<_>>(),
            ),
            Ask::ProjectShow { name } => match fleet.projects.get(name) {
                Some(project) => value(&ProjectView::of(project)),
                None => Err(resolve::unknown_project(name, &fleet).into()),
            },
            Ask::ProjectRm { name, dry_run } => {
                if !fleet.projects.contains_key(name) {
                    return Err(resolve::unknown_project(name, &fleet).into());
                }
                if !dry_run {
                    self.wishes.wish(&request.id, Input::RemoveProject { name: name.clone() })?;
                    scripts::tidy(&self.home, &self.wishes.board.read().fleet);
                }
                value(&json!({"name": name, "removed": !dry_run}))
            }
            Ask::TaskAdd(ask) => self.add_task(&request.id, ask),
            Ask::TaskEdit(ask) => self.edit_task(&request.id, ask),
            Ask::TaskArchive { task, back } => self.archive_task(&request.id, task, *back),
            Ask::TaskRm { task, force } => self.remove_task(&request.id, task, *force, out),
            Ask::TaskLs {} => {
                let views = fleet.tasks.values().map(|task| TaskView::of(task, &fleet));
                value(&views.collect::<Vec<_>>())
            }
            Ask::TaskShow { task } => value(&TaskView::of(fleet.find_task(task)?, &fleet)),
            Ask::Plan(_)
            | Ask::PlanShow { .. }
            | Ask::PlanEdit { .. }
            | Ask::Implement(_)
            | Ask::Finalize { .. } => self.plans(&request.id, &request.ask, out),
            Ask::Follow { of } => self.follow(of, out),
            Ask::ChangeOf { project, number } => self.change_of(project, *number),
            Ask::Shutdown {} => {
                self.enter(Phase::Stopping);
                // Answered first: when the inbox closes, the process goes at once.
                wire::send(
                    out,
                    &Answer::Ok(serde_json::to_value(self.health()).map_err(io::Error::from)?),
                )?;
                // Closed already is as good.
                let _closed = self.wishes.inbox.send(Inbox::Close);
                Ok(None)
            }
        }
    }

    fn run(&self, id: &str, ask: &RunAsk, out: &mut UnixStream) -> Result<Option<Value>, Trouble> {
        self.run_by(id, ask, "person", out)
    }

    /// Begins runs for whoever asked: a person, or the run that did.
    fn run_by(
        &self,
        id: &str,
        ask: &RunAsk,
        by: &str,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        if let Some(run) = resolve::at_it_already(ask, &fleet) {
            progress(out, &format!("{} is at it already: nothing was begun", run.brief.name))?;
            return value(&[RunView::of(run)]);
        }
        let resolved = resolve::runs(id, ask, &fleet, &self.home, &self.config, (self.clock)());
        if !ask.dry_run && resolved.as_ref().is_err_and(|refusal| refusal.slug == "disk-low") {
            // Whoever waits for a slot is held back as well, and what is safe makes room.
            self.see_disk(id)?;
        }
        let mut resolved = resolved?;
        for asked in &mut resolved.briefs {
            by.clone_into(&mut asked.brief.by);
        }
        if ask.dry_run {
            return value(&resolved.briefs.iter().map(|asked| &asked.brief).collect::<Vec<_>>());
        }
        self.begin((id, "person"), resolved, (ask.force, ask.detach), out)
    }

    /// Begins what was resolved, and waits until each has lived through its health window, unless nobody waits.
    fn begin(
        &self,
        (id, source): (&str, &str),
        resolved: resolve::Resolved,
        (force, detach): (bool, bool),
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        if let Some(project) = resolved.project {
            progress(out, &format!("project `{}` registered: {}", project.name, project.path))?;
            let agent = resolved.briefs.first().map_or("", |asked| asked.brief.agent.as_str());
            progress(out, &format!("agent {agent}: {}", resolved.chosen))?;
            progress(out, "skep init finds set-up, tests and .env files, and proposes settings")?;
            self.wishes.wish(&format!("{id}/project"), Input::AddProject(project))?;
        }
        if let Some(approval) = resolved.approve {
            self.approve(&format!("{id}/approve"), approval)?;
        }
        self.wishes.wish(&format!("{id}/limits"), Input::Limits(resolved.limits))?;
        self.wishes.wish(&format!("{id}/budgets"), Input::Budgets(resolved.budgets))?;
        self.see_disk(id)?;
        let mut ids = Vec::new();
        for (nth, asked) in resolved.briefs.into_iter().enumerate() {
            let run = asked.brief.id.clone();
            self.make_way(&format!("{id}/{nth}/way"), &asked.brief, force, out)?;
            resolve::keep(&asked, &self.home)?;
            let created = self.wishes.wish_of(
                source,
                &format!("{id}/{nth}"),
                Input::Create { brief: Box::new(asked.brief), naming: resolved.naming.clone() },
            );
            if created.is_err() && !self.wishes.board.read().fleet.runs.contains_key(&run) {
                // What stays is a prompt that nobody reads.
                let _left = std::fs::remove_dir_all(self.home.run(&run));
                launch::let_secrets_go(&self.home, &run);
            }
            match created {
                Err(Trouble::Refused(refusal)) if !ids.is_empty() => {
                    let begun: Vec<&str> = ids.iter().map(RunId::as_str).collect();
                    return Err(refusal.hint(format!("begun already: {}", begun.join(" "))).into());
                }
                other => other?,
            };
            ids.push(run);
        }
        if !detach {
            for id in &ids {
                self.await_health(id, out)?;
            }
        }
        let fleet = self.wishes.board.read().fleet;
        let mut held = fleet.all_held_back((self.clock)());
        let view = |run: &Arc<Run>| RunView { held: held.remove(run.id()), ..RunView::of(run) };
        value(&ids.iter().filter_map(|id| fleet.runs.get(id)).map(view).collect::<Vec<_>>())
    }

    /// Writes down that a person approved a script; its text first, so that a later change can be shown.
    fn approve(&self, key: &str, approval: Approval) -> Result<(), Trouble> {
        let Approval { project, digest, text } = approval;
        scripts::keep(&self.home, &digest, &text)
            .map_err(|err| Refusal::error("home-unusable", chain(&err)))?;
        self.wishes.wish(key, Input::Approve { project, digest })?;
        scripts::tidy(&self.home, &self.wishes.board.read().fleet);
        Ok(())
    }

    /// The same of the gates of a project.
    pub(super) fn approve_gates(&self, key: &str, approval: Approval) -> Result<(), Trouble> {
        let Approval { project, digest, text } = approval;
        scripts::keep(&self.home, &digest, &text)
            .map_err(|err| Refusal::error("home-unusable", chain(&err)))?;
        self.wishes.wish(key, Input::ApproveGates { project, digest })?;
        scripts::tidy(&self.home, &self.wishes.board.read().fleet);
        Ok(())
    }

    /// The floor may be new, and the last look at the disk old.
    fn see_disk(&self, id: &str) -> Result<(), Trouble> {
        let Some(disk) = hands::disk(&self.home, &self.config) else { return Ok(()) };
        let limits = Limits { disk_free: disk.floor, ..self.wishes.board.read().fleet.limits };
        self.wishes.wish(&format!("{id}/floor"), Input::Limits(limits))?;
        self.wishes.wish(&format!("{id}/disk"), Input::Disk(Some(disk.free)))?;
        Ok(())
    }

    /// Gives back the env of the run that held the name before, if nothing is only there or a person insists.
    fn make_way(
        &self,
        key: &str,
        brief: &run::Brief,
        force: bool,
        out: &mut UnixStream,
    ) -> Result<(), Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let project = brief.project.as_deref().unwrap_or_default();
        let holder = fleet.holder_of_name(project, &brief.name).filter(|_| !brief.name.is_empty());
        let Some(holder) = holder.filter(|run| force || run.is_ended()) else { return Ok(()) };
        progress(out, &format!("{}: making way", holder.brief.name))?;
        let how = if force { How::Force } else { How::KeepBranch };
        match self.wishes.close(key, holder.id(), how)? {
            (_, OpResult::Refused { slug, text, mut hints, .. }) => {
                hints.push(
                    "skep run --force …   takes its place; a snapshot keeps all of it".to_owned(),
                );
                let message = format!("{} held the name before: {text}", holder.id());
                Err(Refusal { slug, message, hints, exit: 1 }.into())
            }
            (_, OpResult::Failed { slug, text }) => Err(resolve::with_ways(&slug, text).into()),
            _ => Ok(()),
        }
    }

    /// Waits until the agent has lived through its health window, is queued for want of a slot, or has ended.
    fn await_health(&self, id: &RunId, out: &mut UnixStream) -> Result<(), Trouble> {
        let mut posted = self.wishes.board.read();
        let mut said = "";
        loop {
            let Some(run) = posted.fleet.runs.get(id) else { return Ok(()) };
            let now = (self.clock)();
            let until = match &run.state {
                State::Ended { .. }
                | State::Waiting { .. }
                | State::Limited { .. }
                | State::Stalled { .. }
                | State::Stopping { .. } => return Ok(()),
                State::Queued { .. } if posted.fleet.held_back(run, now).is_some() => return Ok(()),
                State::Running { started, .. } => {
                    let left = Duration::from_millis(run.brief.policy.health_ms)
                        .saturating_sub(now.since(*started));
                    if left.is_zero() {
                        return Ok(());
                    }
                    Some(Instant::now() + left)
                }
                State::Queued { .. } | State::Preparing { .. } | State::Starting { .. } => None,
            };
            if run.state_name() != said {
                said = run.state_name();
                progress(out, &format!("{}: {said}", run.brief.name))?;
            }
            let seq = posted.seq;
            posted = self.wishes.board.wait_beyond(seq, until);
            if posted.closing {
                return Ok(());
            }
        }
    }

    fn show(&self, key: &str, text: &str) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let run = fleet.find_run(text)?;
        let mut view = RunView::of(run).on_radar(run, &fleet).with_those_that_came(run, &fleet);
        view.held = fleet.held_back(run, (self.clock)());
        if let Some(facts) = hands::git_facts(run, &self.home, (self.clock)()) {
            let input = run::Input::GitSeen(facts.clone());
            self.wishes.wish(&format!("{key}/git"), Input::Run { run: run.id().clone(), input })?;
            view.git = Some(facts);
        }
        value(&view)
    }

    fn stop(
        &self,
        id: &str,
        runs: &[String],
        (all, line): (bool, bool),
        force: bool,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let chosen: Vec<RunId> = if all {
            fleet.runs.values().filter(|run| !run.is_ended()).map(|run| run.id().clone()).collect()
        } else {
            let mut chosen = Vec::new();
            for text in runs {
                let found = fleet.find_runs(text)?;
                // Of a task what is over is over.
                let open = |run: &&&Arc<Run>| !text.starts_with("task_") || !run.is_ended();
                chosen.extend(found.iter().filter(open).map(|run| run.id().clone()));
            }
            if line {
                registry::with_all_that_came(&mut chosen, &fleet);
            }
            chosen
        };
        for (nth, run) in chosen.iter().enumerate() {
            let input = run::Input::Stop { force };
            self.wishes.wish(&format!("{id}/{nth}"), Input::Run { run: run.clone(), input })?;
        }
        let fleet = self.wishes.board.read().fleet;
        value(
            &chosen
                .iter()
                .filter_map(|id| fleet.runs.get(id))
                .map(|run| RunView::of(run).with_those_that_came(run, &fleet))
                .collect::<Vec<_>>(),
        )
    }

    fn wait(
        &self,
        runs: &[String],
        until: &str,
        any: bool,
        timeout_ms: Option<u64>,
    ) -> Result<Option<Value>, Trouble> {
        const STATES: [&str; 8] = [
            "queued",
            "preparing",
            "starting",
            "running",
            "waiting",
            "stalled",
            "stopping",
            "ended",
        ];
        if !STATES.contains(&until) {
            return Err(Refusal::error(
                "state-unknown",
                format!("`{until}` is no state of a run: {}", STATES.join(", ")),
            )
            .hint("skep wait ID --for waiting   until it wants something")
            .hint("skep wait ID   until it has ended")
            .into());
        }
        let mut posted = self.wishes.board.read();
        let ids: Vec<RunId> = runs
            .iter()
            .map(|text| posted.fleet.find_run(text).map(|run| run.id().clone()))
            .collect::<Result<_, _>>()?;
        let deadline = timeout_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
        loop {
            let there = |id: &RunId| {
                posted
                    .fleet
                    .runs
                    .get(id)
                    .is_none_or(|run| run.state_name() == until || run.is_ended())
            };
            if if any { ids.iter().any(there) } else { ids.iter().all(there) } {
                let views: Vec<RunView> = ids
                    .iter()
                    .filter_map(|id| posted.fleet.runs.get(id))
                    .map(|run| RunView::of(run))
                    .collect();
                return value(&views);
            }
            if posted.closing {
                return Err(Refusal::error(
                    "daemon-stopping",
                    "the daemon is stopping; wait again",
                )
                .into());
            }
            if deadline.is_some_and(|at| at <= Instant::now()) {
                let left: Vec<&str> =
                    ids.iter().filter(|id| !there(id)).map(RunId::as_str).collect();
                let mut refusal = Refusal::error(
                    "wait-timeout",
                    format!("not {until} in time: {}", left.join(", ")),
                );
                refusal.exit = 3;
                refusal.hints = left.iter().take(3).map(|id| format!("skep why {id}")).collect();
                return Err(refusal.into());
            }
            posted = self.wishes.board.wait_beyond(posted.seq, deadline);
        }
    }

    fn add_task(&self, key: &str, ask: &TaskAsk) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        if ask.title.trim().is_empty() {
            return Err(Refusal::error("title-empty", "a task needs a title")
                .hint("skep task add \"a faster search\"")
                .into());
        }
        if let Some(name) = ask.project.as_ref().filter(|name| !fleet.projects.contains_key(*name))
        {
            return Err(resolve::unknown_project(name, &fleet).into());
        }
        let needs: Vec<TaskId> = ask
            .needs
            .iter()
            .map(|text| fleet.find_task(text).map(|task| task.id.clone()))
            .collect::<Result<_, _>>()?;
        hooks::require_reference(ask.reference.as_deref())?;
        let choice = Choice {
            agent: ask.agent.clone(),
            model: ask.model.clone(),
            account: ask.account.clone(),
        };
        resolve::require_choice(&choice, &self.config)?;
        let id = TaskId::new(resolve::spell(key));
        let task = Task {
            id: id.clone(),
            title: ask.title.clone(),
            body: ask.body.clone(),
            project: ask.project.clone(),
            reference: ask.reference.clone(),
            priority: ask.priority,
            needs,
            added: (self.clock)(),
            state: TaskState::Ingested,
            run: None,
            choice,
            trust: if ask.outside { run::Trust::Outside } else { run::Trust::Person },
            course: Box::default(),
        };
        self.wishes.wish(key, Input::AddTask(task))?;
        let fleet = self.wishes.board.read().fleet;
        value(&fleet.tasks.get(&id).map(|task| TaskView::of(task, &fleet)))
    }
}

fn value(view: &impl serde::Serialize) -> Result<Option<Value>, Trouble> {
    Ok(Some(serde_json::to_value(view).map_err(io::Error::from)?))
}

fn progress(out: &mut UnixStream, text: &str) -> Result<(), Trouble> {
    Ok(wire::send(out, &Answer::Progress(text.to_owned()))?)
}

/// The runs of a list: attention first, then the living, then the rest; the newest first within each.
fn list(fleet: &Fleet, all: bool, project: Option<&str>, now: Timestamp) -> Vec<RunView> {
    let mut runs: Vec<&Arc<Run>> =
        chosen(fleet, project).filter(|run| all || !is_hidden(run)).collect();
    runs.sort_by_key(|run| (rank(run), std::cmp::Reverse(run.order)));
    let mut held = fleet.all_held_back(now);
    let view = |run: &Arc<Run>| {
        let held = held.remove(run.id());
        RunView { held, ..RunView::of(run).on_radar(run, fleet) }
    };
    runs.into_iter().map(view).collect()
}

/// The runs of a project, or all.
fn chosen<'a>(fleet: &'a Fleet, project: Option<&'a str>) -> impl Iterator<Item = &'a Arc<Run>> {
    let of_project = move |run: &&Arc<Run>| {
        project.is_none_or(|name| run.brief.project.as_deref() == Some(name))
    };
    fleet.runs.values().filter(of_project)
}

fn is_hidden(run: &Run) -> bool {
    matches!(run.env, run::EnvState::Closed(_)) || is_forgotten(run)
}

/// Whether a run ended without an env that stands, and a person has said enough about it: there is nothing left to do.
fn is_forgotten(run: &Run) -> bool {
    let stopped = matches!(run.state, State::Ended { outcome: run::Outcome::Stopped, .. });
    let closed = matches!(run.last_op(), Some((_, OpResult::Closed { .. })));
    let no_env = matches!(run.env, run::EnvState::None | run::EnvState::Within(_));
    run.is_ended() && no_env && (stopped || closed)
}

/// How soon a person should look: who waits for one, what stalled, what went wrong and still stands, what is at work, what
/// rests, what is in line, what can land, and the rest.
fn rank(run: &Run) -> u8 {
    match &run.state {
        State::Waiting {
            on: WaitingFor::Answer | WaitingFor::Permission | WaitingFor::Input,
            ..
        } => 0,
        State::Stalled { .. } => 1,
        State::Running { .. }
        | State::Starting { .. }
        | State::Preparing { .. }
        | State::Stopping { .. } => 3,
        State::Waiting { on: WaitingFor::Limit | WaitingFor::Paused, .. }
        | State::Limited { .. } => 4,
        State::Queued { .. } => 5,
        State::Ended { outcome, .. } => match outcome {
            Outcome::Failed | Outcome::Lost | Outcome::Interrupted if run.holds_env() => 2,
            Outcome::Completed if run.landing.is_some() => 3,
            Outcome::Completed if run.holds_env() && run.unlanded.is_some() => 2,
            Outcome::Completed if run.holds_env() && run.landed.is_none() => 6,
            Outcome::Completed
            | Outcome::Failed
            | Outcome::Lost
            | Outcome::Interrupted
            | Outcome::Stopped => 7,
        },
    }
}
