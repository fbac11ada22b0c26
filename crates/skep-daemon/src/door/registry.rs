//! Who is at work, and on which paths.
//!
//! Owns: that only what lives is told of as living: by pid, start time and boot; a look at what runs change, for one path.
//! Never: refuses anything because of a claim; the core does, when a run is to begin.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use skep_api::{
    place::Home,
    role, start,
    view::{AtWorkView, CheckView, MetView},
    wire::{Refusal, chain},
};
use skep_core::{
    fleet::Fleet,
    id::RunId,
    issue,
    run::{EnvState, Run, State, claims::overlaps, question::Claim},
    text,
};
use skep_host::tree::{self, Probe, Process};

use super::{Door, Trouble, value};
use crate::{config, hands, launch, resolve::claims::Roots};

#[cfg(test)]
mod tests;

/// How long a claim may take from a keeper to here.
const ON_ITS_WAY: Duration = Duration::from_secs(3);

impl Door {
    /// The runs that live and are at an issue, work for another, or claim something; the oldest first.
    pub(super) fn at_work(&self, fleet: &Fleet) -> Vec<AtWorkView> {
        let mut runs: Vec<&Arc<Run>> = fleet
            .runs
            .values()
            .filter(|run| is_listed(run, fleet) && lives(run, &self.home))
            .collect();
        runs.sort_by_key(|run| run.order);
        let log = |run: &Run| self.home.attempt(run.id(), run.attempt).join("journal.jsonl");
        runs.into_iter()
            .map(|run| AtWorkView::of(run, fleet, log(run).to_string_lossy().into_owned()))
            .collect()
    }

    /// Who claims what lies at, in or above `path`, or is seen to change it.
    pub(super) fn check(
        &self,
        path: &str,
        cwd: &str,
        fleet: &Fleet,
    ) -> Result<Option<Value>, Trouble> {
        let path = self.at_home(path, cwd, fleet)?;
        let mut view = CheckView::default();
        let found = fleet.in_the_way(std::slice::from_ref(&path), |_| true);
        view.met = found.iter().map(MetView::of).collect();
        self.see(&path, fleet, &mut view);
        value(&view)
    }

    /// The path in the checkout of the project whose worktree it lies in; as it truly is, where it lies in none.
    fn at_home(&self, path: &str, cwd: &str, fleet: &Fleet) -> Result<String, Refusal> {
        let asked = Path::new(cwd).join(path);
        // The nearest folder that is there says whose it is.
        let near = asked.ancestors().find(|dir| hands::is_dir(dir));
        let repo = near.and_then(|dir| hands::repository(&launch::own_vars(), dir).ok());
        let common = repo.as_ref().and_then(|(_, repo)| repo.common_dir.to_str());
        let project = fleet.projects.values().find(|it| Some(it.common_dir.as_str()) == common);
        if let (Some((git, repo)), Some(project)) = (&repo, project) {
            return Roots::of(git, repo, &project.path)?.at_home(path, Path::new(cwd));
        }
        let real = skep_host::paths::real(&asked).map_err(|err| {
            Refusal::error("claims-unfit", chain(&err)).hint("skep dispatch check src/web")
        })?;
        Ok(real.to_string_lossy().into_owned())
    }

    /// Adds the runs that are seen to change it, beside those that claim it.
    fn see(&self, path: &str, fleet: &Fleet, view: &mut CheckView) {
        let Some(radar) = self.radar.get() else { return };
        for project in checkouts(path, fleet) {
            let (common, home) = project;
            let of_it = |run: &&Arc<Run>| {
                let project = run.brief.project.as_ref().and_then(|it| fleet.projects.get(it));
                fleet.is_on_radar(run) && project.is_some_and(|it| it.common_dir == common)
            };
            let mut runs: Vec<Arc<Run>> = fleet.runs.values().filter(of_it).cloned().collect();
            runs.retain(|run| fleet.holds_claims(run));
            runs.sort_by_key(|run| run.order);
            if runs.is_empty() {
                continue;
            }
            let sight = radar.look_now(&common, &runs);
            for run in &runs {
                let name = &run.brief.name;
                if let Some(why) = sight.blind.get(run.id()) {
                    view.unknown.push(format!("{name} ({}): {why}", run.id()));
                }
                let known = view.met.iter().any(|met| met.run == run.id().as_str());
                let touched = sight.touched.get(run.id()).into_iter().flatten();
                let met = touched.filter_map(|file| {
                    let file = format!("{home}/{file}");
                    Some((overlaps(&file, path)?, file))
                });
                // Of a claim that is kept to, its files say nothing more.
                for (reason, file) in met.filter(|_| !known) {
                    view.met.push(MetView {
                        claim: file.clone(),
                        path: path.to_owned(),
                        reason: reason.as_str().to_owned(),
                        seen: true,
                        pid: run.pid(),
                        reference: run.brief.issue.as_ref().map(|it| it.reference.clone()),
                        run: run.id().to_string(),
                        name: name.clone(),
                        state: run.state_name().to_owned(),
                    });
                }
            }
        }
    }

    /// What others hold of the paths that the run which asks claims just now: once its claim is known here, so that of two
    /// that claim the same the later one hears of it, whoever that is.
    pub(super) fn claimed(
        &self,
        paths: &[String],
        asker: Option<&RunId>,
    ) -> Result<Option<Value>, Trouble> {
        let outside = || Refusal::error("mcp-outside", "only a run claims paths at work");
        let asker = asker.ok_or_else(outside)?;
        let until = Instant::now() + ON_ITS_WAY;
        let mut posted = self.wishes.board.read();
        loop {
            let run = posted.fleet.runs.get(asker).ok_or_else(outside)?;
            if has_claimed(run, paths) || Instant::now() >= until || posted.closing {
                let met = posted.fleet.in_the_way_of(run, paths);
                return value(&met.iter().map(MetView::of).collect::<Vec<_>>());
            }
            posted = self.wishes.board.wait_beyond(posted.seq, Some(until));
        }
    }

    /// The run that is at an issue, or was last; or the run that is named.
    pub(super) fn at_issue(
        &self,
        key: &str,
        of: &str,
        fleet: &Fleet,
    ) -> Result<Option<Value>, Trouble> {
        let hosts = config::user(&self.config).map(|settings| settings.dispatch.hosts());
        let reference = hosts.ok().and_then(|hosts| issue::parse(of, &hosts).ok());
        let spelled = reference.map_or_else(|| of.to_owned(), |it| it.to_string());
        match run_at(&spelled, fleet) {
            Some(run) => self.show(key, run.as_str()),
            None if of.contains(['#', '/']) && fleet.find_run(of).is_err() => {
                let shown = text::words(&text::one_line(of), 80);
                Err(Refusal::error("issue-untouched", format!("no run was ever at `{shown}`"))
                    .hint("skep dispatch ls   who is at which issue now")
                    .hint(format!("skep dispatch headless {shown}"))
                    .into())
            }
            None => self.show(key, of),
        }
    }
}

/// The run that is at the issue, or was last.
fn run_at(of: &str, fleet: &Fleet) -> Option<RunId> {
    let of = of.trim().trim_end_matches('/');
    let at = |run: &&Arc<Run>| {
        run.brief.issue.as_ref().is_some_and(|issue| issue.reference == of || issue.url == of)
    };
    let runs = fleet.runs.values().filter(at);
    runs.max_by_key(|run| (!run.is_ended(), run.order)).map(|run| run.id().clone())
}

/// Adds all that came of those that are chosen, which may ask for no more once they are stopped.
pub(super) fn with_all_that_came(chosen: &mut Vec<RunId>, fleet: &Fleet) {
    let mut met: BTreeSet<RunId> = chosen.iter().cloned().collect();
    for run in chosen.clone() {
        for came in fleet.all_that_came_of(&run) {
            if !came.is_ended() && met.insert(came.id().clone()) {
                chosen.push(came.id().clone());
            }
        }
    }
}

fn is_listed(run: &Run, fleet: &Fleet) -> bool {
    let brief = &run.brief;
    brief.issue.is_some() || brief.lineage.is_some() || !fleet.claims_of(run).is_empty()
}

/// Whether the one who holds its agent lives: the same process, of this boot. What could not be asked counts as yes.
fn lives(run: &Run, home: &Home) -> bool {
    let may_live = match run.state {
        State::Starting { .. }
        | State::Running { .. }
        | State::Waiting { .. }
        | State::Stalled { .. }
        | State::Stopping { gone: false, .. } => true,
        State::Stopping { gone: true, .. }
        | State::Queued { .. }
        | State::Preparing { .. }
        | State::Limited { .. }
        | State::Ended { .. } => false,
    };
    let dir = home.attempt(run.id(), run.attempt);
    may_live && keeper_lives(&dir, run.gatekeeper())
}

fn keeper_lives(dir: &Path, told: Option<u32>) -> bool {
    match start::read(dir) {
        Some(start) if tree::boot_id().is_ok_and(|boot| boot != start.boot) => false,
        Some(start) => {
            let keeper = Process { pid: start.gatekeeper.pid, started: start.gatekeeper.started };
            tree::probe(keeper) != Probe::Dead
        }
        // It has not written its record yet, or that is broken: then it is one that says so itself.
        None => told.is_some_and(|pid| {
            let args = tree::arguments(pid).unwrap_or_default();
            args.get(1).is_some_and(|arg| arg == role::KEEPER)
                && args.get(2).is_some_and(|arg| Path::new(arg) == dir)
        }),
    }
}

/// The checkouts that hold the path, or lie in it: with the folder that their worktrees share.
fn checkouts(path: &str, fleet: &Fleet) -> BTreeSet<(String, String)> {
    let meets = |home: &str| overlaps(home, path).is_some();
    let of_it = fleet.projects.values().filter(|project| meets(&project.path));
    of_it.map(|project| (project.common_dir.clone(), project.path.clone())).collect()
}

fn has_claimed(run: &Run, paths: &[String]) -> bool {
    let same = |made: &Claim| matches!(made, Claim::Paths { paths: made } if made.iter().eq(paths.iter().take(made.len())));
    !matches!(run.env, EnvState::Held(_)) || run.claims.iter().any(|made| same(&made.claim))
}
