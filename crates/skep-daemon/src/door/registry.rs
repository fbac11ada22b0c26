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
    fleet::{Fleet, claims::InTheWay},
    id::RunId,
    issue,
    project::Project,
    radar::FILES,
    run::{EnvState, Run, claims::overlaps, question::Claim},
    text,
};
use skep_host::{
    paths,
    tree::{self, Probe, Process},
};

use super::{Door, Trouble, value};
use crate::{
    config, hands, launch,
    resolve::{self, claims::Roots},
};

#[cfg(test)]
mod tests;

/// How long a claim may take from a keeper to here.
const ON_ITS_WAY: Duration = Duration::from_secs(3);
/// How old what a run is told of others' worktrees may be: it may ask as often as it likes.
const A_MOMENT: Duration = Duration::from_secs(10);

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

    /// Who claims what lies at, in or above `path`, or is seen to change it; to a run, as was seen a moment ago.
    pub(super) fn check(
        &self,
        (path, cwd): (&str, &str),
        asker: Option<&RunId>,
        fleet: &Fleet,
    ) -> Result<Option<Value>, Trouble> {
        let path = at_home(path, cwd, asker.is_none(), fleet)?;
        let mut view = CheckView::default();
        let found = fleet.in_the_way(std::slice::from_ref(&path), |_| true);
        view.met = found.iter().map(MetView::of).collect();
        let within = if asker.is_some() { A_MOMENT } else { Duration::ZERO };
        self.see(&path, within, fleet, &mut view);
        value(&view)
    }

    /// Adds the runs that are seen to change it, beside those that claim it.
    fn see(&self, path: &str, within: Duration, fleet: &Fleet, view: &mut CheckView) {
        let Some(radar) = self.radar.get() else { return };
        for (common, home) in checkouts(path, fleet) {
            let of_it = |run: &&Arc<Run>| {
                let project = run.brief.project.as_ref().and_then(|it| fleet.projects.get(it));
                fleet.is_on_radar(run)
                    && fleet.holds_claims(run)
                    && project.is_some_and(|it| it.common_dir == common)
            };
            let mut runs: Vec<Arc<Run>> = fleet.runs.values().filter(of_it).cloned().collect();
            runs.sort_by_key(|run| run.order);
            if runs.is_empty() {
                continue;
            }
            let (touched, blind) = radar.touched(&common, &runs, within);
            for run in &runs {
                let whose = format!("{} ({})", run.brief.name, run.id());
                if let Some(why) = blind.get(run.id()) {
                    view.notes.push(format!("what {whose} changed could not be seen: {why}"));
                }
                // Of a claim that is kept to, its files say nothing more.
                if view.met.iter().any(|met| met.run == run.id().as_str()) {
                    continue;
                }
                let files = touched.get(run.id()).into_iter().flatten();
                let met = files.filter_map(|file| {
                    let claim = format!("{home}/{file}");
                    let (reason, path) = (overlaps(&claim, path)?, path.to_owned());
                    Some(MetView {
                        seen: true,
                        ..MetView::of(&InTheWay { run, claim, path, reason })
                    })
                });
                let mut met: Vec<MetView> = met.collect();
                let more = met.len().saturating_sub(FILES);
                met.truncate(FILES);
                view.met.extend(met);
                if more > 0 {
                    view.notes.push(format!("{whose} changed {more} more files there"));
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

/// The path in the checkout of the project whose worktree it lies in; as it truly is, where it lies in none. Only for a person
/// git is asked in folders that no project of ours is known to have.
fn at_home(path: &str, cwd: &str, by_person: bool, fleet: &Fleet) -> Result<String, Refusal> {
    let real = paths::real(&Path::new(cwd).join(path)).map_err(|err| {
        let refusal = Refusal::error("claims-unfit", chain(&err));
        refusal.hint("a file or folder, which need not be there: skep dispatch check src/web")
    })?;
    let vars = launch::own_vars();
    let known = fleet.projects.values().find(|project| is_in(&real, project, fleet));
    let project = known.or_else(|| {
        let near = real.ancestors().find(|dir| hands::is_dir(dir)).filter(|_| by_person)?;
        let (_, repo) = hands::repository(&vars, near).ok()?;
        let common = repo.common_dir.to_str()?;
        fleet.projects.values().find(|it| it.common_dir == common)
    });
    let home = match project {
        Some(project) => {
            let (git, repo) = hands::repository(&vars, Path::new(&project.path))
                .map_err(|err| resolve::git_refusal(&err))?;
            Roots::of(&git, &repo, &project.path)?.home_of(&real)
        }
        None => None,
    };
    Ok(home.unwrap_or(real).to_string_lossy().into_owned())
}

/// Whether the path lies in the project's checkout, or in the worktree of one of its runs.
fn is_in(real: &Path, project: &Project, fleet: &Fleet) -> bool {
    let of_run = |run: &Arc<Run>| {
        run.brief.project.as_ref() == Some(&project.name)
            && run.env().is_some_and(|env| real.starts_with(&env.worktree))
    };
    real.starts_with(&project.path) || fleet.runs.values().any(of_run)
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
    let dir = home.attempt(run.id(), run.attempt);
    run.may_live() && keeper_lives(&dir, run.gatekeeper())
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
