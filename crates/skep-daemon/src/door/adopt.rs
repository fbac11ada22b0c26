//! Taking over what others made, and what a run that did so may do while they are still there.

use std::{os::unix::net::UnixStream, path::Path};

use serde_json::Value;
use skep_api::{
    request::AdoptAsk,
    view::{AdoptView, WhyNotView},
    wire::{Refusal, chain},
};
use skep_core::{
    fleet::Input,
    id::RunId,
    run::{self, EnvState, How, Run, State},
};
use skep_harness::profile::Profile;

use super::{Door, Trouble, progress, value};
use crate::{
    hands,
    resolve::adopt::{self, Candidate, Taking},
};

/// How many of those who work somewhere are named.
const NAMED: usize = 3;

impl Door {
    /// Looks at worktrees that others made, and takes over those that are asked for.
    pub(super) fn adopt(
        &self,
        id: &str,
        ask: &AdoptAsk,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let found = adopt::candidates(id, ask, &fleet, &self.home, &self.config, (self.clock)())?;
        if let Some(trouble) = &found.trouble {
            progress(out, &format!("your tmux could not be asked: {trouble}"))?;
        }
        let mut views = Vec::new();
        for candidate in found.candidates {
            if ask.paths.is_empty() && candidate.quiet {
                continue;
            }
            views.push(if ask.is_a_look() {
                candidate.view
            } else {
                self.take_over(id, candidate, out)?
            });
        }
        value(&views)
    }

    fn take_over(
        &self,
        key: &str,
        candidate: Candidate,
        out: &mut UnixStream,
    ) -> Result<AdoptView, Trouble> {
        let mut view = candidate.view;
        let Some(taking) = candidate.wish else { return Ok(view) };
        let id = taking.asked.brief.id.clone();
        let key = format!("{key}/{id}");
        let refused = match self.begin_taking(&key, *taking, out) {
            Ok(()) => self.await_taken(&key, &id)?,
            Err(Trouble::Refused(refusal)) => Some(refusal),
            Err(broken) => return Err(broken),
        };
        let fleet = self.wishes.board.read().fleet;
        // Another wish for the same worktree may have been quicker: it is one run.
        let holder = match &refused {
            None => fleet.runs.get(&id),
            Some(refusal) if refusal.slug == "worktree-held" => {
                fleet.holder_of_worktree(&view.path)
            }
            Some(_) => None,
        };
        match (holder, refused) {
            (Some(holder), refused) => {
                view.status = "adopted".to_owned();
                view.run = Some(holder.id().to_string());
                view.name = Some(holder.brief.name.clone());
                view.new = refused.is_none();
                if view.new
                    && let Some(facts) = hands::git_facts(holder, &self.home, (self.clock)())
                {
                    let (run, input) = (holder.id().clone(), run::Input::GitSeen(facts));
                    self.wishes.wish(&format!("{key}/git"), Input::Run { run, input })?;
                }
            }
            (None, refused) => {
                let Refusal { slug, message, hints, .. } = refused.unwrap_or_else(|| {
                    Refusal::error("prepare-failed", "it could not be taken over")
                });
                view.status = "refused".to_owned();
                view.why = Some(WhyNotView { slug, message, hints });
            }
        }
        Ok(view)
    }

    fn begin_taking(&self, key: &str, taking: Taking, out: &mut UnixStream) -> Result<(), Trouble> {
        if let Some(project) = taking.project {
            let known = self.wishes.board.read().fleet.projects.contains_key(&project.name);
            if !known {
                progress(out, &format!("project `{}` registered: {}", project.name, project.path))?;
                self.wishes.wish(&format!("{key}/project"), Input::AddProject(project))?;
            }
        }
        self.wishes.wish(&format!("{key}/limits"), Input::Limits(taking.limits))?;
        crate::resolve::keep(&taking.asked, &self.home)?;
        let id = taking.asked.brief.id.clone();
        let brief = Box::new(taking.asked.brief);
        let created = self.wishes.wish(key, Input::Create { brief, naming: taking.naming });
        if created.is_err() && !self.wishes.board.read().fleet.runs.contains_key(&id) {
            // What stays is a prompt that nobody reads.
            let _left = std::fs::remove_dir_all(self.home.run(&id));
        }
        created.map(|_| ())
    }

    /// Waits until the worktree is held; says why not, where it is not, and leaves no run behind then.
    fn await_taken(&self, key: &str, id: &RunId) -> Result<Option<Refusal>, Trouble> {
        let mut posted = self.wishes.board.read();
        loop {
            let Some(run) = posted.fleet.runs.get(id) else { return Ok(None) };
            if let State::Ended { text, .. } = &run.state {
                if matches!(run.env, EnvState::Held(_)) {
                    return Ok(None);
                }
                let refusal = Refusal::error("prepare-failed", text.clone())
                    .hint("skep adopt   # looks again");
                self.wishes.close(&format!("{key}/failed"), id, How::Smart)?;
                return Ok(Some(refusal));
            }
            if posted.closing {
                return Err(Refusal::error(
                    "daemon-stopping",
                    "the daemon is stopping; it goes on at its next start",
                )
                .into());
            }
            posted = self.wishes.board.wait_beyond(posted.seq, None);
        }
    }

    /// The answer to a message for an agent that skep did not start.
    pub(super) fn not_ours(run: &Run) -> Refusal {
        let id = run.id();
        let text = format!(
            "{id} was taken over as it stood; skep does not type into a session that it did not start"
        );
        let pane = run.brief.adopted.as_ref().and_then(|adopted| adopted.pane.as_ref());
        let refusal = Refusal::error("nobody-listens", text);
        let refusal = match pane {
            Some(_) => {
                refusal.hint(format!("skep attach {id}   # goes to the session that was found"))
            }
            None => refusal,
        };
        refusal.hint(format!("skep resume {id} TEXT   # starts an agent of its own there"))
    }

    /// Refuses an attempt in a worktree that was taken over while others still work there.
    pub(super) fn require_left(&self, run: &Run, peer: u32) -> Result<(), Refusal> {
        let (Some(adopted), Some(env)) = (&run.brief.adopted, run.env()) else { return Ok(()) };
        if !run.is_ended() {
            return Ok(());
        }
        let agents = self.config.join("agents");
        let profiles =
            Profile::all(Some(&agents)).map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
        let worktree = Path::new(&env.worktree);
        let names = adopt::agents(&profiles);
        let workers = adopt::workers(worktree, adopted, &names, peer).map_err(|err| {
            let text = format!("the processes in {} cannot be looked at: {err}", env.worktree);
            Refusal::error("worktree-lived-in", text).hint("skep doctor")
        })?;
        let Some(first) = workers.first() else { return Ok(()) };
        let more = workers.len().saturating_sub(NAMED);
        let named: Vec<String> = workers
            .iter()
            .take(NAMED)
            .map(|worker| format!("{} (pid {})", worker.program, worker.process.pid))
            .chain((more > 0).then(|| format!("{more} more")))
            .collect();
        let id = run.id();
        let text = format!(
            "{} still works in the worktree of {id}; two agents in one place undo each other's work",
            named.join(", ")
        );
        let refusal = Refusal::error("worktree-lived-in", text).decision();
        let refusal = if adopted.pane.is_some() {
            refusal.hint(format!("skep attach {id}   # go there, and end it"))
        } else {
            refusal
        };
        Err(refusal
            .hint(format!("kill {}   # end it from here", first.process.pid))
            .hint(format!("skep resume {id}   # then")))
    }
}
