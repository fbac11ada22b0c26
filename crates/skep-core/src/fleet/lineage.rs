//! Which runs came of which, and how many may: depth, breadth, their number, and the money of the first.
//!
//! Owns: the counts, which only the ledger changes, whatever an agent or its environment says.
//! Never: tells who asks; the door does, by descent.

use std::{collections::BTreeSet, sync::Arc};

use super::{Fleet, Rejected, reject};
use crate::{
    id::RunId,
    run::{
        Brief, Lineage, Outcome, Posture, Run, State,
        lineage::{Cascade, DEEPEST},
    },
};

impl Fleet {
    /// How far runs may have others work for them, as the settings say.
    pub fn cascade(&self) -> Cascade {
        self.limits.cascade
    }

    /// Where `run` stands among those that came of one; none where it is in no cascade.
    pub fn lineage_of(&self, run: &Run) -> Option<Lineage> {
        let first =
            || Lineage { parent: None, root: run.id().clone(), depth: self.cascade().depth };
        let cascades = run.brief.posture == Posture::Cascade;
        run.brief.lineage.clone().or_else(|| cascades.then(first))
    }

    /// The runs that `run` asked for, the oldest first.
    pub fn children_of(&self, run: &RunId) -> Vec<&Arc<Run>> {
        let mut children: Vec<&Arc<Run>> =
            self.runs.values().filter(|other| parent(&other.brief) == Some(run)).collect();
        children.sort_by_key(|run| run.order);
        children
    }

    /// All that came of `run`, whoever of them asked, the oldest first.
    pub fn all_that_came_of(&self, run: &RunId) -> Vec<&Arc<Run>> {
        let mut all: Vec<&Arc<Run>> =
            self.runs.values().filter(|other| self.comes_of(&other.brief, run)).collect();
        all.sort_by_key(|run| run.order);
        all
    }

    /// Whether the run of this brief came of `above`, over however many generations.
    pub(super) fn comes_of(&self, brief: &Brief, above: &RunId) -> bool {
        self.line_of(brief).any(|id| id == above)
    }

    /// The run that asked for the one of this brief, the run that asked for that one, and so on.
    fn line_of<'a>(&'a self, brief: &'a Brief) -> impl Iterator<Item = &'a RunId> {
        let mut met = BTreeSet::new();
        let above = |id: &&RunId| self.runs.get(*id).and_then(|run| parent(&run.brief));
        std::iter::successors(parent(brief), move |id| above(id))
            .take_while(move |id| met.insert(*id))
    }

    /// What a run would be that `asker` asks for now: its lineage, and the posture that it may have.
    ///
    /// Errors: `cascade-posture`: it may not have others work for it; `cascade-limit`: it has all that it may.
    pub fn next_generation(&self, asker: &RunId) -> Result<(Lineage, Posture), Rejected> {
        let run = self.require_run(asker)?;
        if run.brief.posture != Posture::Cascade {
            let posture = run.brief.posture.as_str();
            let text =
                format!("{asker} works in posture {posture}, and may have nobody work for it");
            return Err(reject("cascade-posture", text, &["skep run --posture cascade TITLE"]));
        }
        if run.is_ended() || matches!(run.state, State::Stopping { .. }) {
            let text = format!("{asker} is {}, and asks for no more", run.state_name());
            return Err(full(run, text));
        }
        let stopped = self.line_of(&run.brief).find(|id| self.was_stopped(id));
        if let Some(above) = stopped {
            return Err(full(run, format!("{above}, of which it came, was stopped")));
        }
        let Some(lineage) = self.lineage_of(run).filter(|lineage| lineage.depth > 0) else {
            let text = format!("no generation may follow {asker}: do the work in it");
            return Err(full(run, text));
        };
        let Cascade { breadth, total, .. } = self.cascade();
        let children = count(self.children_of(asker).len());
        if children >= breadth {
            let text =
                format!("{asker} has had {children} runs work for it, and {breadth} are all");
            return Err(full(run, text));
        }
        let all = count(self.all_that_came_of(&lineage.root).len());
        if all >= total {
            let text = format!("{all} runs came of {}, and {total} are all", lineage.root);
            return Err(full(run, text));
        }
        let depth = lineage.depth - 1;
        let posture = if depth > 0 { Posture::Cascade } else { Posture::Headless };
        Ok((Lineage { parent: Some(asker.clone()), root: lineage.root, depth }, posture))
    }

    /// How many more runs `run` may ask for, and how many may yet come of its first.
    pub fn left_for(&self, run: &Run) -> (u32, u32) {
        let Some(lineage) = self.lineage_of(run) else { return (0, 0) };
        let Cascade { breadth, total, .. } = self.cascade();
        let children = count(self.children_of(run.id()).len());
        let all = count(self.all_that_came_of(&lineage.root).len());
        (breadth.saturating_sub(children), total.saturating_sub(all))
    }

    /// Counts a run into its line, or refuses it: what was asked for only narrows.
    pub(super) fn check_lineage(&self, brief: &mut Brief) -> Result<(), Rejected> {
        let asked = brief.lineage.take();
        let cascades = brief.posture == Posture::Cascade;
        let Some(asker) = asked.as_ref().and_then(|lineage| lineage.parent.as_ref()) else {
            if cascades {
                let depth = asked.map_or(self.cascade().depth, |lineage| lineage.depth);
                let depth = depth.clamp(1, DEEPEST);
                brief.lineage = Some(Lineage { parent: None, root: brief.id.clone(), depth });
            }
            return Ok(());
        };
        let (mut lineage, _) = self.next_generation(asker)?;
        lineage.depth = lineage.depth.min(asked.as_ref().map_or(u8::MAX, |it| it.depth));
        if !cascades {
            lineage.depth = 0;
        } else if lineage.depth == 0 {
            let asker = self.require_run(asker)?;
            let text = format!(
                "only a last generation may follow {}: it may have runs work for it that have none themselves",
                asker.id()
            );
            return Err(full(asker, text));
        }
        brief.lineage = Some(lineage);
        Ok(())
    }

    fn was_stopped(&self, run: &RunId) -> bool {
        let stopped = |run: &Arc<Run>| {
            matches!(run.state, State::Stopping { .. }) || run.outcome() == Some(Outcome::Stopped)
        };
        self.runs.get(run).is_some_and(stopped)
    }
}

/// The run that asked for the one of this brief.
fn parent(brief: &Brief) -> Option<&RunId> {
    brief.lineage.as_ref()?.parent.as_ref()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn full(asker: &Run, text: String) -> Rejected {
    let look = format!("skep show {}   what came of it", asker.id());
    reject(
        "cascade-limit",
        text,
        &[
            &look,
            "skep config set dispatch.breadth 8   or depth, or total: for all that begin from now on",
        ],
    )
}
