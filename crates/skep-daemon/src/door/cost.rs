//! What runs have used, for whoever asks.

use serde_json::Value;
use skep_api::{view::CostView, wire::Refusal};
use skep_core::{
    budget::Amount,
    fleet::{Day, Fleet, Input},
    id::RunId,
    run::{self, Run},
    time::Timestamp,
};

use super::{Door, Trouble, value};
use crate::resolve::budget;

const DAY_MS: u64 = 24 * 3600 * 1000;

impl Door {
    /// One row for each day, run, agent and model; a run that told nothing has a row of its first day.
    pub(super) fn cost(
        &self,
        runs: &[String],
        since: Option<&str>,
        fleet: &Fleet,
    ) -> Result<Option<Value>, Trouble> {
        let today = fleet.budgets.day((self.clock)());
        let since = since.map(|text| first_day(text, today)).transpose()?;
        let mut named: Vec<RunId> = Vec::new();
        for text in runs {
            named.extend(fleet.find_runs(text)?.into_iter().map(|run| run.id().clone()));
        }
        let wanted = |id: &RunId| runs.is_empty() || named.contains(id);
        let mut rows = Vec::new();
        for (day, users) in &fleet.spending {
            for (user, amount) in users.iter().filter(|(user, _)| wanted(&user.run)) {
                let Some(run) = fleet.runs.get(&user.run) else { continue };
                let agent = user.agent.as_str();
                rows.push(row(run, *day, agent, user.model.as_deref(), Some(amount)));
            }
        }
        let silent = fleet.runs.values().filter(|run| {
            wanted(run.id()) && run.spent.amount.is_untold() && run.spent.amount.turns == 0
        });
        for run in silent {
            let day = fleet.budgets.day(run.created);
            rows.push(row(run, day, &run.brief.agent, run.model(), None));
        }
        rows.retain(|row| since.is_none_or(|since| row.day >= date(since)));
        rows.sort_by(|one, two| (&one.day, one.order).cmp(&(&two.day, two.order)));
        value(&rows)
    }

    /// Gives a run more to use.
    pub(super) fn raise(&self, key: &str, run: &str, by: &str) -> Result<Option<Value>, Trouble> {
        let by = budget::read(by)?;
        let id = self.wishes.board.read().fleet.find_run(run)?.id().clone();
        let input = run::Input::Raise { by };
        self.wishes.wish(key, Input::Run { run: id.clone(), input })?;
        self.view_of(&id)
    }
}

fn row(run: &Run, day: Day, agent: &str, model: Option<&str>, amount: Option<&Amount>) -> CostView {
    CostView {
        day: date(day),
        order: run.order,
        run: run.id().to_string(),
        name: run.brief.name.clone(),
        title: run.brief.title.clone(),
        task: run.brief.task.as_ref().map(ToString::to_string),
        project: run.brief.project.clone(),
        agent: agent.to_owned(),
        model: model.map(str::to_owned),
        used: amount.copied(),
    }
}

/// `2026-11-21`.
fn date(day: Day) -> String {
    Timestamp(day.saturating_mul(DAY_MS)).to_string().chars().take(10).collect()
}

/// The first day that is meant by `7d` or `2026-11-21`.
fn first_day(text: &str, today: Day) -> Result<Day, Refusal> {
    let ago = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    let dated = || format!("{text}T00:00:00Z").parse::<Timestamp>().ok().map(|at| at.0 / DAY_MS);
    ago.map(|ago| today.saturating_sub(ago)).or_else(dated).ok_or_else(|| {
        Refusal::error("usage", format!("`{text}` is no day: 7d, or a date like 2026-11-21"))
            .hint("skep cost --since 7d")
    })
}
