//! Which runs collide, looked at afresh.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use skep_api::view::{ConflictView, ConflictsView, RunView};
use skep_core::{
    fleet::{Fleet, Input},
    id::RunId,
    radar::{Kind, key},
    time::Timestamp,
};

use super::{Door, Trouble, value};
use crate::radar::{self, Sight};

/// Of a pair of which nobody can say how it meets.
const UNKNOWN: &str = "unknown";

impl Door {
    /// Looks at the worktrees that `of` asks for, and waits until the engine knows what was seen.
    pub(super) fn conflicts(&self, id: &str, of: &[String]) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let asked = asked(of, &fleet)?;
        let Some(radar) = self.radar.get() else { return value(&ConflictsView::default()) };
        let mut view = ConflictsView::default();
        for (nth, (common, runs)) in radar::groups(&fleet).into_iter().enumerate() {
            if !runs.iter().any(|run| asked.contains(run.id())) {
                continue;
            }
            let mut sight = radar.look_now(&common, &runs);
            let seen = std::mem::take(&mut sight.seen);
            self.wishes.wish(&format!("{id}/{nth}"), Input::Radar(Box::new(seen)))?;
            let fleet = self.wishes.board.read().fleet;
            let stands = |id: &RunId| fleet.runs.get(id).filter(|run| fleet.is_on_radar(run));
            let ids: Vec<&RunId> = runs.iter().map(|run| run.id()).collect();
            let pairs = pairs(&ids, &sight, &fleet, (self.clock)());
            let pairs: Vec<ConflictView> = pairs
                .into_iter()
                .filter(|(a, b, _)| asked.contains(a) || asked.contains(b))
                .map(|(_, _, pair)| pair)
                .collect();
            let met: BTreeSet<&str> =
                pairs.iter().flat_map(|pair| [pair.a.as_str(), pair.b.as_str()]).collect();
            let shown = ids.iter().filter(|id| asked.contains(**id) || met.contains(id.as_str()));
            let shown = shown.filter_map(|id| stands(id));
            view.runs.extend(shown.map(|run| RunView::of(run).on_radar(run, &fleet)));
            view.pairs.extend(pairs);
        }
        value(&view)
    }
}

/// The runs of these projects and these runs, or all.
fn asked(of: &[String], fleet: &Fleet) -> Result<BTreeSet<RunId>, Trouble> {
    let mut asked = BTreeSet::new();
    for text in of {
        if fleet.projects.contains_key(text) {
            let of_project = |run: &&std::sync::Arc<skep_core::run::Run>| {
                run.brief.project.as_ref() == Some(text)
            };
            asked.extend(fleet.runs.values().filter(of_project).map(|run| run.id().clone()));
        } else {
            asked.extend(fleet.find_runs(text)?.iter().map(|run| run.id().clone()));
        }
    }
    if of.is_empty() {
        asked.extend(fleet.runs.keys().cloned());
    }
    Ok(asked)
}

/// Each pair of these runs that meets, or of which nobody knows it, in the order of their beginning.
fn pairs(
    ids: &[&RunId],
    sight: &Sight,
    fleet: &Fleet,
    at: Timestamp,
) -> Vec<(RunId, RunId, ConflictView)> {
    let known: BTreeMap<_, _> = ids
        .iter()
        .flat_map(|id| fleet.clashes_of(id).map(|(other, it)| (key(id, other), it)))
        .collect();
    let mut pairs = Vec::new();
    for (nth, a) in ids.iter().enumerate() {
        for b in &ids[nth + 1..] {
            let pair = key(a, b);
            let why = sight.unknown.get(&pair).cloned().or_else(|| {
                let (id, why) =
                    [a, b].into_iter().find_map(|id| Some((id, sight.blind.get(*id)?)))?;
                let name = fleet.runs.get(*id).map_or("", |run| run.brief.name.as_str());
                Some(format!("{name} could not be looked at: {why}"))
            });
            let standing = known.get(&pair);
            let (kind, files, since) = match (&why, standing) {
                (Some(_), _) => (UNKNOWN, None, None),
                (None, Some(it)) => (it.kind.as_str(), Some(&it.files), Some(it.since)),
                (None, None) => continue,
            };
            let view = ConflictView {
                a: a.to_string(),
                b: b.to_string(),
                kind: kind.to_owned(),
                files: files.map(|it| it.files.clone()).unwrap_or_default(),
                more: files.map_or(0, |it| it.more),
                since,
                why,
                at,
            };
            pairs.push(((*a).clone(), (*b).clone(), view));
        }
    }
    // What needs somebody first.
    let words = [Kind::Conflict.as_str(), UNKNOWN, Kind::Touch.as_str()];
    pairs.sort_by_key(|(_, _, pair)| words.iter().position(|word| *word == pair.kind));
    pairs
}
