//! Wishes about a run's change.
//!
//! Owns: what the settings add to such a wish, and what is asked of a forge before an answer. Never: asks one for a list.

use std::os::unix::net::UnixStream;

use serde_json::Value;
use skep_api::{
    request::ProposeAsk,
    view::RunView,
    wire::{Refusal, chain},
};
use skep_core::{
    fleet::{Fleet, Input},
    id::OpId,
    run::{self, How, OpResult, Proposing, Run},
};

use super::{Door, Trouble, finish, progress, value};
use crate::{
    config,
    forges::{self, NoForge},
    hands, launch,
    perform::Performer,
    resolve,
};

impl Door {
    pub(super) fn propose(
        &self,
        key: &str,
        ask: &ProposeAsk,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let run = fleet.find_run(&ask.run)?;
        let asked = self.asked_for(run, ask)?;
        let forges = &self.performer()?.forges;
        if ask.dry_run {
            let (_, place) = forges.of(run).map_err(|none| refusal(&none))?;
            return value(&self.would_propose(run, &fleet, &asked, &place.to_string()));
        }
        forges.hand_over(run, &ask.env).map_err(|none| refusal(&none))?;
        progress(out, &format!("{}: pushing and proposing", run.brief.name))?;
        let op = OpId::new(resolve::spell(key));
        let input = run::Input::Propose { op: op.clone(), asked: Box::new(asked) };
        self.wishes.wish(key, Input::Run { run: run.id().clone(), input })?;
        let (run, result) = self.wishes.await_op(run.id(), &op)?;
        finish::granted(result)?;
        value(&RunView::of(&run))
    }

    /// How the work of `run` is to be proposed: by the wish, then by the settings of its project and of the person.
    pub(crate) fn asked_for(&self, run: &Run, ask: &ProposeAsk) -> Result<Proposing, Refusal> {
        let read = |err: config::ConfigError| Refusal::error(err.slug(), chain(&err));
        let person = config::user(&self.config).map_err(read)?;
        let project = match &run.brief.project {
            Some(project) => {
                let shared = self.shared_of(run)?;
                Some(
                    config::project(&self.config, project, shared.as_deref()).map_err(read)?.change,
                )
            }
            None => None,
        };
        if ask.title.as_ref().is_some_and(|title| title.trim().is_empty()) {
            return Err(Refusal::error("title-empty", "a change needs a title")
                .hint(format!("skep pr {} --title \"a faster search\"", run.id())));
        }
        let draft = match (ask.draft, ask.ready) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            // What stands there stays as people made it.
            (false, false) if run.change.is_some() => None,
            (false, false) => project.as_ref().map(|project| project.draft),
        };
        Ok(Proposing {
            title: ask.title.clone(),
            draft,
            labels: project.as_ref().map(|it| it.labels.clone()).unwrap_or_default(),
            reviewers: project.map(|it| it.reviewers).unwrap_or_default(),
            rounds: person.change.rounds,
            look_ms: u64::try_from(person.change.look.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// What the repository's own settings say, as they stand at the base of `run`.
    pub(super) fn shared_of(&self, run: &Run) -> Result<Option<String>, Refusal> {
        let base = run.env().and_then(|env| env.base.as_ref());
        let (Some(base), Some(repository)) = (base, &run.brief.place.repository) else {
            return Ok(None);
        };
        let vars = launch::asker_env(&self.home, run)
            .map_err(|text| Refusal::error("git-failed", text))?;
        let found = hands::repository(&vars, std::path::Path::new(repository));
        let (git, repo) = found.map_err(|err| resolve::git_refusal(&err))?;
        resolve::shared_settings(&git, &repo, &base.oid)
    }

    /// What a proposal would come to; changes nothing, and asks nobody.
    fn would_propose(&self, run: &Run, fleet: &Fleet, asked: &Proposing, place: &str) -> OpResult {
        let target = run.env().and_then(|env| env.target.clone()).unwrap_or_default();
        let branch = run.env().and_then(|env| env.branch.clone()).unwrap_or_default();
        let facts = hands::git_facts(run, &self.home, (self.clock)());
        let count = facts.as_ref().map_or_else(
            || "an unknown number of commits".to_owned(),
            |git| match git.ahead {
                1 => "1 commit".to_owned(),
                many => format!("{many} commits"),
            },
        );
        let dirty = if facts.is_some_and(|git| git.dirty) {
            "; its worktree has uncommitted changes, which would be refused"
        } else {
            ""
        };
        let draft = if asked.draft == Some(true) { " as a draft" } else { "" };
        let named = |title: &str| format!(": {title}");
        let given = asked.title.as_deref().map(named);
        let what = match &run.change {
            Some(following) if following.is_open() => {
                let title = given.unwrap_or_default();
                format!("change #{} would be brought up to date{title}", following.change.number)
            }
            Some(_) | None => {
                let title = given.unwrap_or_else(|| named(&forges::title(run, fleet)));
                format!("a change to {target} would be made{draft}{title}")
            }
        };
        OpResult::Refused {
            slug: "dry-run".to_owned(),
            text: format!("{count} of {branch} would be pushed to {place}, and {what}{dirty}"),
            hints: Vec::new(),
            merged: None,
        }
    }

    /// Whether a close would go, and what of it; the forge of its change is asked first.
    pub(super) fn preview(&self, run: &Run, how: How) -> OpResult {
        let asked = self.performer().map(|performer| performer.asked(run, how));
        match asked {
            Ok(Ok(told)) => hands::close::preview(run, &self.home, how, (self.clock)(), told),
            Ok(Err(NoForge { slug, text, .. })) => OpResult::Failed { slug, text },
            Err(refusal) => OpResult::Failed { slug: refusal.slug, text: refusal.message },
        }
    }
}

impl Door {
    pub(super) fn performer(&self) -> Result<&std::sync::Arc<Performer>, Refusal> {
        let stopping = || Refusal::error("daemon-stopping", "the daemon is stopping; ask again");
        self.performer.get().ok_or_else(stopping)
    }
}

/// The answer to whoever asked for what needs a forge.
pub(super) fn refusal(none: &NoForge) -> Refusal {
    resolve::with_ways(&none.slug, none.text.clone())
}
