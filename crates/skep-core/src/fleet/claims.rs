//! Whose paths are whose: what runs claim, before they begin and at work, and who stands in whose way.
//!
//! Owns: how long a claim holds, and that no run begins in the way of another unless a person lets it.
//! Never: reads a disk; a path comes here as it truly is. See docs/design/claims.md.

use std::sync::Arc;

use super::{Fleet, Rejected, reject};
use crate::{
    id::RunId,
    run::{
        Brief, Run,
        claims::{self, Reason},
        question::Claim,
    },
};

/// A claim that stands in the way of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct InTheWay<'a> {
    pub run: &'a Arc<Run>,
    /// As the run holds it: absolute, in the project's own checkout.
    pub claim: String,
    /// The path that was asked about.
    pub path: String,
    pub reason: Reason,
}

impl Fleet {
    /// Whether what `run` claims keeps others away: until it is over, and as long after it as its work lies in its env and is
    /// not where it was to go.
    pub fn holds_claims(&self, run: &Run) -> bool {
        !run.is_ended() || (run.holds_env() && !run.is_brought_in())
    }

    /// All that `run` claims, before it began and at work, as paths in its project's own checkout; they may hold patterns.
    pub fn claims_of(&self, run: &Run) -> Vec<String> {
        let mut all = run.brief.claims.paths.clone();
        let root = self.checkout_of(run);
        for text in claimed_at_work(run) {
            for path in self.at_home(run, root, text) {
                if !all.contains(&path) {
                    all.push(path);
                }
            }
        }
        all
    }

    /// What `run` claimed before it began, as its worktree spells it.
    pub(super) fn claimed_before(&self, run: &Run) -> Vec<String> {
        let root = self.checkout_of(run);
        let paths = run.brief.claims.paths.iter();
        paths.filter_map(|path| Some(format!("./{}", within(path, root)?))).collect()
    }

    /// The claims that stand in the way of `paths`, of those runs alone that `counts` says yes of; the oldest run first.
    pub fn in_the_way<'a>(
        &'a self,
        paths: &[String],
        counts: impl Fn(&Run) -> bool,
    ) -> Vec<InTheWay<'a>> {
        let mut found = Vec::new();
        let mut runs: Vec<&Arc<Run>> =
            self.runs.values().filter(|run| self.holds_claims(run) && counts(run)).collect();
        runs.sort_by_key(|run| run.order);
        for run in runs {
            for claim in self.claims_of(run) {
                for path in paths {
                    if let Some(reason) = claims::pattern_overlaps(&claim, path) {
                        let (claim, path) = (claim.clone(), path.clone());
                        found.push(InTheWay { run, claim, path, reason });
                    }
                }
            }
        }
        found
    }

    /// What of other runs stands in the way of what `run` claims at work.
    pub fn in_the_way_of<'a>(&'a self, run: &'a Run, paths: &[String]) -> Vec<InTheWay<'a>> {
        let root = self.checkout_of(run);
        let paths: Vec<String> =
            paths.iter().flat_map(|text| self.at_home(run, root, text)).collect();
        self.in_the_way(&paths, |other| self.is_foreign(run.id(), &run.brief, other))
    }

    /// Refuses a run that claims what another one holds.
    pub(super) fn check_claims(&self, brief: &Brief) -> Result<(), Rejected> {
        let claims = &brief.claims;
        if claims.is_empty() || claims.overlap {
            return Ok(());
        }
        let foreign = |other: &Run| self.is_foreign(&brief.id, brief, other);
        let found = self.in_the_way(&claims.paths, foreign);
        let Some(first) = found.first() else { return Ok(()) };
        let root = self.checkout_of(first.run);
        let shown = |path: &str| within(path, root).unwrap_or(path).to_owned();
        let (id, name) = (first.run.id(), &first.run.brief.name);
        let more = match found.len() - 1 {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let text = format!(
            "`{}` is not free: {name} ({id}, {}) claims `{}`, {}{more}",
            shown(&first.path),
            first.run.state_name(),
            shown(&first.claim),
            first.reason.words(),
        );
        let look = format!("skep show {id}   what it is at");
        let wait = if first.run.is_ended() {
            format!("skep land {id}   or close it: its work is nowhere else yet")
        } else {
            format!("skep wait {id}")
        };
        let beside = "skep run --overlap …   beside it, all the same";
        Err(reject("claims-taken", text, &[&look, &wait, beside]))
    }

    /// Whether the claims of `other` count against the run `id` of this brief: not where one gives way to the other, works in
    /// its env, or has it work on a part of its own.
    fn is_foreign(&self, id: &RunId, brief: &Brief, other: &Run) -> bool {
        let theirs = other.id();
        let own = theirs == id
            || brief.supersedes.as_ref() == Some(theirs)
            || brief.within.as_ref() == Some(theirs)
            || other.brief.within.as_ref() == Some(id);
        !own && !self.comes_of(brief, theirs) && !self.comes_of(&other.brief, id)
    }

    /// The folder that the claims of `run` are counted from.
    fn checkout_of<'a>(&'a self, run: &'a Run) -> Option<&'a str> {
        let project = run.brief.project.as_ref().and_then(|name| self.projects.get(name));
        project.map(|it| it.path.as_str()).or(run.brief.place.repository.as_deref())
    }

    /// Where in its project's checkout lies what an agent claims: it names paths from the top of its worktree, from where it
    /// was started, or whole. What leads elsewhere is nobody else's.
    fn at_home(&self, run: &Run, root: Option<&str>, text: &str) -> Vec<String> {
        let Some(root) = root else { return Vec::new() };
        let text = text.trim();
        if text.starts_with('/') {
            let Some(path) = claims::cleaned(text) else { return Vec::new() };
            let worktree = run.env().map(|env| env.worktree.as_str());
            let inside = worktree.and_then(|worktree| within(&path, Some(worktree)));
            let path = match inside {
                Some("") => root.to_owned(),
                Some(inside) => format!("{root}/{inside}"),
                None => path,
            };
            let is_in = path == root || claims::lies_in(&path, root);
            return is_in.then_some(path).into_iter().collect();
        }
        let below = &run.brief.place.sub_dir;
        let mut starts = vec![""];
        if !below.is_empty() {
            starts.push(below);
        }
        let join = |start: &str| claims::cleaned(&format!("/{start}/{text}"));
        let found = starts.into_iter().filter_map(join);
        found.map(|path| format!("{root}{}", path.trim_end_matches('/'))).collect()
    }
}

/// What its agent claimed at work.
pub(super) fn claimed_at_work(run: &Run) -> impl Iterator<Item = &str> {
    let paths = run.claims.iter().filter_map(|made| match &made.claim {
        Claim::Paths { paths } => Some(paths),
        Claim::Work { .. } | Claim::Note { .. } | Claim::Verdict { .. } => None,
    });
    paths.flatten().map(String::as_str)
}

/// What of `path` lies below `root`; empty where it is `root` itself.
fn within<'a>(path: &'a str, root: Option<&str>) -> Option<&'a str> {
    let root = root?.trim_end_matches('/');
    let rest = path.strip_prefix(root)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}
