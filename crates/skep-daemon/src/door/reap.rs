//! What dispatches left: envs whose work is merged, and claims of homes that are gone.
//!
//! Owns: which runs are looked at. Never: gives an env back without the proofs of a close, or frees a claim without a person.

use std::os::unix::net::UnixStream;

use serde_json::Value;
use skep_api::{
    request::{DispatchAsk, FreeAsk},
    view::{CloseView, FreedView, HolderView},
    wire::Refusal,
};
use skep_core::{
    issue::{
        Mode, Origin, Platform, Reference,
        taskwarrior::{self, Name},
    },
    run::{EnvState, How, OpResult, Run},
};

use super::{Door, Trouble, dispatch, finish, value};
use crate::{
    hands,
    issues::{Trackers, held},
    resolve,
};

impl Door {
    /// Gives back the envs of dispatches that are over and merged with a commit of their own; the others say why they stay.
    pub(super) fn reap(
        &self,
        key: &str,
        dry_run: bool,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let dispatched = fleet.runs.values().filter(|run| run.brief.issue.is_some());
        let held = dispatched.filter(|run| matches!(run.env, EnvState::Held(_)));
        let mut views: Vec<CloseView> = Vec::new();
        for (nth, run) in held.enumerate() {
            if !run.is_ended() {
                let text = format!("{} is {}", run.id(), run.state_name());
                views.push(kept(run, "run-living", text));
                continue;
            }
            if let Some(why) = self.without_work(run) {
                views.push(kept(run, "reap-empty", why));
                continue;
            }
            let named = [run.id().to_string()];
            let ask = finish::Closing { named: &named, how: How::Smart, merged: true, dry_run };
            match self.close_or_look(&format!("{key}/{nth}"), run, &ask, out) {
                Ok(view) => views.extend(view),
                Err(Trouble::Refused(refusal)) => {
                    views.push(kept(run, &refusal.slug, refusal.message));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        value(&views)
    }

    /// Why a run has nothing that could be merged: an empty branch is in every target.
    fn without_work(&self, run: &Run) -> Option<String> {
        if run.landed.is_some() || run.change.is_some() {
            return None;
        }
        let base = run.env().and_then(|env| env.base.as_ref()).map(|base| &base.oid);
        let head = hands::git_facts(run, &self.home, (self.clock)()).map(|facts| facts.head);
        match (base, head) {
            (Some(base), Some(head)) if *base != head => None,
            (Some(_), Some(_)) => Some(format!("{} has no commit of its own", run.id())),
            _ => Some(format!("what {} did could not be looked at", run.id())),
        }
    }

    /// Frees an issue, whoever holds it but this home's own runs.
    pub(super) fn free_issue(&self, ask: &FreeAsk) -> Result<Option<Value>, Trouble> {
        let settings = resolve::dispatch::settings(&self.config)?;
        let trackers = Trackers::new(&settings, &ask.env).of_home(&self.home);
        let (reference, _) = trackers.reference(&ask.reference).map_err(dispatch::refusal)?;
        let reference = whole(&trackers, reference)?;
        let wish = DispatchAsk {
            reference: ask.reference.clone(),
            cwd: ask.cwd.clone(),
            env: ask.env.clone(),
            ..DispatchAsk::of(Mode::Consult)
        };
        let fleet = self.wishes.board.read().fleet;
        let candidates = resolve::dispatch::candidates(&wish, &reference, &settings, &fleet)?;
        let Some(candidate) = candidates.into_iter().next() else {
            return Err(Refusal::error("issue-project-none", "no project has it").into());
        };
        let platform = reference.platform().unwrap_or(Platform::Forgejo);
        let (reference, mode) = (reference.to_string(), Mode::Consult);
        let issue = Origin { platform, reference: reference.clone(), url: String::new(), mode };
        let Some(holder) = self.holder(&wish, &issue, &candidate.project)? else {
            return value(&FreedView { reference, freed: None });
        };
        let mine = held::identity(&self.home).is_ok_and(|mine| mine == holder.home);
        let at_work = |run: &&std::sync::Arc<Run>| {
            run.id().as_str() == holder.run && (!run.is_ended() || run.holds_env())
        };
        if let Some(run) = fleet.runs.values().find(at_work).filter(|_| mine) {
            return Err(skep_core::fleet::issue_taken(&issue, run).into());
        }
        if !ask.dry_run {
            let (git, repo) = resolve::dispatch::git_of(&wish, &candidate.project)?;
            let left = held::free(&git, Some(&repo), &issue, (&self.config, &ask.env), &holder)
                .map_err(|(slug, text)| resolve::with_ways(&slug, text))?;
            if let Some(other) = left {
                let text = hands::issue::taken_by(&reference, &other);
                return Err(Refusal::error("issue-taken-elsewhere", text).decision().into());
            }
        }
        let freed =
            HolderView { home: holder.home, run: holder.run, who: holder.who, since: holder.since };
        value(&FreedView { reference, freed: Some(freed) })
    }
}

/// The reference by which an issue is claimed: of a task all of its UUID, which its list says.
///
/// Errors: the list cannot be asked, or has no such task: whether it is claimed is then not known.
fn whole(trackers: &Trackers<'_>, reference: Reference) -> Result<Reference, Refusal> {
    let is_short = match &reference {
        Reference::Task { uuid } => matches!(taskwarrior::name(uuid), Ok(Name::Short(_))),
        Reference::Forge { .. } | Reference::Folder { .. } => false,
    };
    if !is_short {
        return Ok(reference);
    }
    let way = "skep dispatch reap --free tw:4e1a92c7-5b0d-4c1f-9a37-0f6f3f0a8d21   all of its UUID asks no list";
    let found = trackers.fetch(&reference);
    found.map(|issue| issue.reference).map_err(|none| dispatch::refusal(none).hint(way))
}

/// A run that stays, and why.
fn kept(run: &Run, slug: &str, text: String) -> CloseView {
    let hints = vec![format!("skep show {}", run.id())];
    let result = OpResult::Refused { slug: slug.to_owned(), text, hints, merged: None };
    finish::close_view(run, How::Smart, result)
}
