//! Wishes to bring work in: landing it, running its gates, and how far that is.
//!
//! Owns: what is told while it goes on. Never: lands anything by itself.

use std::{os::unix::net::UnixStream, path::Path};

use serde_json::Value;
use skep_api::{
    request::{LandAsk, ProposeAsk},
    view::RunView,
    wire::{Refusal, chain},
};
use skep_core::{
    fleet::{Fleet, Input},
    id::{OpId, RunId},
    run::{
        self, OpResult, Run,
        landing::{Ahead, Stage, Wish},
    },
    text,
};

use skep_host::git::{self, Git};

use super::{Door, Trouble, changes, finish::granted, progress, value};
use crate::{
    config::Land,
    hands, launch,
    resolve::{self, gates::Gates},
};

impl Door {
    /// Lands a run's work, or only runs its gates, and tells how far it is until it is over.
    pub(super) fn land(
        &self,
        key: &str,
        ask: &LandAsk,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let run = fleet.find_run(&ask.run)?;
        let config = &self.config;
        let settings = resolve::landing::settings(run, &self.home, config).map_err(refusal)?;
        let by_change = match settings.land {
            Some(Land::Pr) => true,
            Some(Land::Local | Land::Push) => false,
            None => self.performer()?.forges.is_known(run),
        };
        if by_change && !ask.gates_only {
            let asked = ProposeAsk {
                run: ask.run.clone(),
                draft: false,
                ready: false,
                title: None,
                dry_run: ask.dry_run,
                env: ask.env.clone(),
            };
            return self.propose(key, &asked, out);
        }
        if ask.dry_run {
            return value(&self.foretold(run, &fleet, config)?);
        }
        self.approve_its_gates(key, ask, run, &fleet)?;
        let forges = &self.performer()?.forges;
        if settings.land == Some(Land::Push) && !ask.gates_only && forges.is_known(run) {
            // Where the forge takes no push, it is proposed.
            forges.hand_over(run, &ask.env).map_err(|none| changes::refusal(&none))?;
        }
        let wish = Wish {
            gates_only: ask.gates_only,
            settings_seen: ask.settings,
            batch: settings.landing.batch,
            conflicts: settings.landing.conflicts,
        };
        let op = OpId::new(resolve::spell(key));
        let id = run.id().clone();
        let input = run::Input::Land { op: op.clone(), wish };
        self.wishes.wish(key, Input::Run { run: id.clone(), input })?;
        if ask.detach {
            let fleet = self.wishes.board.read().fleet;
            let run = fleet.find_run(id.as_str())?;
            return value(&RunView::of(run));
        }
        let (run, result) = self.landed(&id, &op, out)?;
        granted(result)?;
        value(&RunView::of(&run))
    }

    /// Has a person's word on the gates of the target as it stands, before anything begins.
    fn approve_its_gates(
        &self,
        key: &str,
        ask: &LandAsk,
        run: &Run,
        fleet: &Fleet,
    ) -> Result<(), Trouble> {
        let Some(gates) = self.gates_of(run, fleet)? else { return Ok(()) };
        match gates.approval(ask.yes, &self.home)? {
            Some(approval) => self.approve_gates(&format!("{key}/gates"), approval),
            None => Ok(()),
        }
    }

    /// The gates of a run's target as it stands; none where it has no project, or the target is not there: the landing itself
    /// refuses that.
    fn gates_of(&self, run: &Run, fleet: &Fleet) -> Result<Option<Gates>, Trouble> {
        let Some(project) = resolve::landing::project(run, fleet)? else { return Ok(None) };
        let terms = resolve::landing::terms(run, &self.home, &self.config).map_err(refusal)?;
        let env = launch::asker_env(&self.home, run)
            .map_err(|text| Refusal::error("land-failed", text))?;
        let git = Git::new(&env);
        let broken = |err: git::GitError| Refusal::error(err.slug(), chain(&err));
        let repo = git::discover(&git, Path::new(&project.path)).map_err(broken)?;
        let Some(onto) = git::branch(&git, &repo, &terms.target).map_err(broken)? else {
            return Ok(None);
        };
        Ok(Some(Gates::of(project, &onto, (&git, &repo), &self.config)?))
    }

    /// Waits for the end of a landing, and tells each stage of it.
    fn landed(
        &self,
        id: &RunId,
        op: &OpId,
        out: &mut UnixStream,
    ) -> Result<(Run, OpResult), Trouble> {
        let mut told = String::new();
        let mut posted = self.wishes.board.read();
        loop {
            let run = posted.fleet.runs.get(id);
            if let Some(run) = run
                && let Some(result) = run.result_of(op)
            {
                return Ok((run.as_ref().clone(), result.clone()));
            }
            let line = run.and_then(|run| {
                let proposed = run.proposing.as_ref().is_some_and(|(asked, _)| asked == op);
                let instead =
                    || format!("{}: the target takes changes only: proposing", run.brief.name);
                proposed.then(instead).or_else(|| stage_of(run, &posted.fleet))
            });
            if let Some(line) = line
                && line != told
            {
                progress(out, &line)?;
                told = line;
            }
            if posted.closing {
                return Err(Refusal::error(
                    "daemon-stopping",
                    "the daemon is stopping; the landing goes on at its next start",
                )
                .hint(format!("skep show {id}   how far it is"))
                .into());
            }
            posted = self.wishes.board.wait_beyond(posted.seq, None);
        }
    }

    /// What a landing would bring; changes nothing.
    fn foretold(&self, run: &Run, fleet: &Fleet, config: &Path) -> Result<OpResult, Trouble> {
        let terms = resolve::landing::terms(run, &self.home, config).map_err(refusal)?;
        let facts = hands::git_facts(run, &self.home, (self.clock)());
        let Some(branch) = run.env().and_then(|env| env.branch.as_ref()) else {
            let way = format!("skep show {}", run.id());
            let refusal = Refusal {
                slug: "nothing-to-land".to_owned(),
                message: format!("{} has no branch of its own", run.id()),
                hints: vec![way],
                exit: 1,
            };
            return Err(refusal.into());
        };
        let count = match &facts {
            None => "an unknown number of commits".to_owned(),
            Some(git) if git.ahead == 1 => "1 commit".to_owned(),
            Some(git) => format!("{} commits", git.ahead),
        };
        let dirty = if facts.is_some_and(|git| git.dirty) {
            "; its worktree has uncommitted changes, which would be refused"
        } else {
            ""
        };
        let gates = self.gates_of(run, fleet)?;
        let gates: Vec<String> =
            gates.iter().flat_map(|gates| &gates.list).map(|gate| gate.name.clone()).collect();
        let gates = match gates.as_slice() {
            [] => "no gates".to_owned(),
            names => format!("behind its gates ({})", names.join(", ")),
        };
        let how = terms.words();
        Ok(OpResult::Refused {
            slug: "dry-run".to_owned(),
            text: format!("{count} of {branch} would go to {how}, {gates}{dirty}"),
            hints: Vec::new(),
            merged: None,
        })
    }
}

/// How far a landing is, in one line; none where there is none.
pub(super) fn stage_of(run: &Run, fleet: &Fleet) -> Option<String> {
    let landing = run.landing.as_ref()?;
    let name = &run.brief.name;
    let why = if landing.why.is_empty() {
        String::new()
    } else {
        format!(" ({})", text::one_line(&landing.why))
    };
    Some(match &landing.stage {
        Stage::InLine {} => match fleet.ahead_of(run).as_slice() {
            [] => format!("{name}: in line{why}"),
            [first] => format!("{name}: behind {}{why}", first.brief.name),
            [first, more @ ..] => {
                format!("{name}: behind {} and {} more{why}", first.brief.name, more.len())
            }
        },
        Stage::Combining { riders, ahead } if riders.is_empty() => {
            format!("{name}: putting it together{}", on_top(ahead.as_ref(), fleet))
        }
        Stage::Combining { riders, ahead } => {
            let more = riders.len();
            format!("{name}: putting it together with {more} more{}", on_top(ahead.as_ref(), fleet))
        }
        // There may be none.
        Stage::Checking { gates: None, .. } => return None,
        Stage::Checking { gates: Some(gates), ahead: Some(ahead), .. }
            if gates.iter().all(|gate| gate.passed == Some(true)) =>
        {
            format!("{name}: checked{}, and waits for that", on_top(Some(ahead), fleet))
        }
        Stage::Checking { gates: Some(gates), ahead, .. } => {
            let said: Vec<String> = gates
                .iter()
                .map(|gate| {
                    let state = match gate.passed {
                        Some(true) => "passed",
                        Some(false) => "did not pass",
                        None => "at work",
                    };
                    format!("{} {state}", gate.name)
                })
                .collect();
            format!("{name}: gates: {}{}", said.join(", "), on_top(ahead.as_ref(), fleet))
        }
        Stage::Bringing { trial, .. } if landing.wish.gates_only => {
            format!("{name}: all gates passed for {}", text::words(&trial.tree, 12))
        }
        Stage::Bringing { trial, .. } => format!("{name}: moving {}", trial.target),
        Stage::Riding { with } => {
            let with = fleet.runs.get(with).map_or(with.as_str(), |run| run.brief.name.as_str());
            format!("{name}: goes with {with}")
        }
        Stage::Resolving {} => {
            format!("{name}: {}; its agent settles it", text::one_line(&landing.why))
        }
    })
}

/// On whose tree it is tried before that has landed.
fn on_top(ahead: Option<&Ahead>, fleet: &Fleet) -> String {
    let name = |run: &RunId| {
        fleet.runs.get(run).map_or_else(|| run.to_string(), |run| run.brief.name.clone())
    };
    ahead.map(|ahead| format!(", on top of {}", name(&ahead.run))).unwrap_or_default()
}

fn refusal(result: OpResult) -> Trouble {
    match granted(result) {
        Err(trouble) => trouble,
        Ok(other) => Refusal::error("land-failed", format!("{other:?}")).into(),
    }
}
