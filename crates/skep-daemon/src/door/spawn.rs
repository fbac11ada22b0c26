//! A run has another one work for it.

use serde_json::Value;
use skep_api::{request::SpawnAsk, view::SpawnView, wire::Refusal};
use skep_core::{fleet::Input, id::RunId};

use super::{Door, Trouble, value};
use crate::{launch, resolve};

impl Door {
    /// Begins the run that `asker` wants, where it may have one; the core counts once more, when it begins.
    pub(super) fn spawn(
        &self,
        id: &str,
        ask: &SpawnAsk,
        asker: Option<&RunId>,
    ) -> Result<Option<Value>, Trouble> {
        let Some(asker) = asker else {
            let refusal = Refusal::error("usage", "only a run has another one work for it");
            return Err(refusal.hint("skep run --posture cascade TITLE").into());
        };
        // No name of a wish that a run chooses is one of somebody else's.
        let id = &format!("{asker}/{id}");
        // Who asks once more, not having heard the answer, is answered as before.
        let run = RunId::new(resolve::spell(&format!("{id}/0")));
        if self.wishes.board.read().fleet.runs.contains_key(&run) {
            return self.spawned(&run);
        }
        let fleet = self.wishes.board.read().fleet;
        let granted = fleet.next_generation(asker)?;
        let parent = fleet.find_run(asker.as_str())?;
        let (home, config) = (&self.home, &self.config);
        let found =
            resolve::spawn::run((id, ask, parent), granted, &fleet, home, config, (self.clock)())?;
        self.wishes.wish(&format!("{id}/limits"), Input::Limits(found.limits))?;
        self.wishes.wish(&format!("{id}/budgets"), Input::Budgets(found.budgets))?;
        self.see_disk(id)?;
        for asked in found.briefs {
            resolve::keep(&asked, &self.home)?;
            let create =
                Input::Create { brief: Box::new(asked.brief), naming: found.naming.clone() };
            let created = self.wishes.wish_of(asker.as_str(), &format!("{id}/0"), create);
            if created.is_err() && !self.wishes.board.read().fleet.runs.contains_key(&run) {
                // What stays is a prompt that nobody reads.
                let _left = std::fs::remove_dir_all(self.home.run(&run));
                launch::let_secrets_go(&self.home, &run);
            }
            created?;
        }
        self.spawned(&run)
    }

    fn spawned(&self, run: &RunId) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let run = fleet.find_run(run.as_str())?;
        let parent = run.brief.lineage.as_ref().and_then(|lineage| lineage.parent.as_ref());
        let parent = parent.and_then(|parent| fleet.runs.get(parent));
        let (left, left_in_all) = parent.map_or((0, 0), |parent| fleet.left_for(parent));
        value(&SpawnView {
            run: run.id().to_string(),
            name: run.brief.name.clone(),
            state: run.state_name().to_owned(),
            depth: run.brief.lineage.as_ref().map_or(0, |lineage| lineage.depth),
            left,
            left_in_all,
        })
    }
}
