//! Agents at issues: whether one may be put there, whether somebody is, and the run that comes of it.
//!
//! Owns: the order of the questions; every one that needs the network is asked here, in the asker's own thread.
//! Never: decides whether an issue lets it, or who is at it; the core does.

use std::os::unix::net::UnixStream;

use serde_json::Value;
use skep_api::{request::DispatchAsk, view::RunView, wire::Refusal};
use skep_core::{fleet, id::RunId, issue::Origin, project::Project, run::Lineage};
use skep_host::claim::Holder;

use super::{Door, Trouble, progress, value};
use crate::{
    hands,
    issues::{NoIssue, Trackers, held, own},
    resolve,
};

impl Door {
    pub(super) fn dispatch(
        &self,
        id: &str,
        ask: &DispatchAsk,
        asker: Option<&RunId>,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        // No name of a wish that a run chooses is one of somebody else's.
        let id = &asker.map_or_else(|| id.to_owned(), |asker| format!("{asker}/{id}"));
        let run = RunId::new(resolve::spell(&format!("{id}/0")));
        if let Some(run) = self.wishes.board.read().fleet.runs.get(&run) {
            // Who asks once more, not having heard the answer, is answered as before.
            return value(&[RunView::of(run)]);
        }
        let settings = resolve::dispatch::settings(&self.config)?;
        let fleet = self.wishes.board.read().fleet;
        let (ask, vars, granted) = match asker {
            Some(asker) => {
                // The core counts once more, when it begins.
                let (lineage, _) = fleet.next_generation(asker)?;
                let asker = fleet.find_run(asker.as_str())?;
                let vars = own::vars(asker, &settings, &self.home).map_err(refusal)?;
                (&resolve::spawn::confined(ask, asker, &self.home)?, vars, Some(lineage))
            }
            None => (ask, ask.env.clone(), None),
        };
        let trackers = Trackers::new(&settings, &vars).of_home(&self.home);
        let (reference, _) = trackers.reference(&ask.reference).map_err(refusal)?;
        let candidates = resolve::dispatch::candidates(ask, &reference, &settings, &fleet)?;
        progress(out, &format!("asking for {reference}"))?;
        let (admitted, issue) = trackers.admitted(&ask.reference, ask.mode).map_err(refusal)?;
        let project = resolve::dispatch::project_of(
            candidates,
            admitted.origin.platform,
            (&admitted.origin.reference, &trackers),
        )?;
        let fleet = self.wishes.board.read().fleet;
        if let Some(run) = fleet.at_issue(&admitted.origin) {
            return Err(fleet::issue_taken(&admitted.origin, run).into());
        }
        self.require_free(ask, &admitted.origin, &project)?;
        let wish = resolve::dispatch::wish(ask, &admitted, &issue, &project, &settings);
        let mut resolved =
            resolve::runs(id, &wish, &fleet, &self.home, &self.config, (self.clock)())?;
        for asked in &mut resolved.briefs {
            resolve::dispatch::stamp(asked, ask, &admitted, &issue);
            if let Some(asker) = asker.and_then(|asker| fleet.runs.get(asker)) {
                resolve::spawn::keep_own(asked, asker);
            }
            asked.secrets.extend(own::tokens(&settings, &vars));
            if let (Some(asker), Some(granted)) = (asker, &granted) {
                let wanted = asked.brief.lineage.take().map_or(u8::MAX, |lineage| lineage.depth);
                let depth = granted.depth.min(wanted);
                asked.brief.by = asker.to_string();
                asked.brief.lineage = Some(Lineage { depth, ..granted.clone() });
            }
        }
        if ask.dry_run {
            let view = |asked| resolve::dispatch::view(asked, &admitted, &issue);
            return value(&resolved.briefs.first().map(view));
        }
        let source = asker.map_or("person", RunId::as_str);
        self.begin((id, source), resolved, (false, ask.detach), out)
    }

    /// Refuses where another home is at the issue; a claim of this one whose run is over is in nobody's way.
    ///
    /// Nothing is taken by it: that is done before anything of the run is made, and tells again.
    fn require_free(
        &self,
        ask: &DispatchAsk,
        issue: &Origin,
        project: &Project,
    ) -> Result<(), Refusal> {
        let Some(holder) = self.holder(ask, issue, project)? else { return Ok(()) };
        let mine = held::identity(&self.home).is_ok_and(|mine| mine == holder.home);
        if mine {
            return Ok(());
        }
        let reference = &issue.reference;
        Err(Refusal::error("issue-taken-elsewhere", hands::issue::taken_by(reference, &holder))
            .decision()
            .hint("wait: it is given back when that work is closed")
            .hint(format!("that home is gone for good: skep dispatch reap --free {reference}")))
    }

    pub(super) fn holder(
        &self,
        ask: &DispatchAsk,
        issue: &Origin,
        project: &Project,
    ) -> Result<Option<Holder>, Refusal> {
        let (git, repo) = resolve::dispatch::git_of(ask, project)?;
        held::holder(&git, Some(&repo), issue, (&self.config, &ask.env))
            .map_err(|(slug, text)| resolve::with_ways(&slug, text))
    }
}

/// The answer to whoever asked for an issue that nobody is put at.
pub(super) fn refusal(none: NoIssue) -> Refusal {
    let NoIssue { slug, text, hints, .. } = none;
    hints.into_iter().fold(Refusal::error(&slug, text), Refusal::hint)
}
