//! What a run may use, and whether that can be held, before anything is made.
//!
//! Owns: the merge of flag, settings and project; the refusal of a limit that nobody could hold; where the person's day ends.
//! Never: counts what was used; the core does.

use std::path::Path;

use skep_api::{request::RunAsk, wire::Refusal};
use skep_core::{
    budget::{Budget, Price, price_of},
    fleet::{Budgets, Fleet, Shares},
    run::Surface,
};
use skep_harness::profile::{Profile, Tells};

use crate::config::{self, ProjectSettings, Settings};

/// Reads a limit as a person typed it.
pub fn read(text: &str) -> Result<Budget, Refusal> {
    let text = text.trim();
    text.strip_prefix('+').unwrap_or(text).parse().map_err(|err: skep_core::budget::NotALimit| {
        Refusal::error("budget-value", err.to_string())
            .hint("skep run --budget 5usd \"…\"")
            .hint("skep run --budget '200k,30m,20 turns' \"…\"")
    })
}

/// The budget of a run: what is asked for, limit by limit, else what the settings say and the project narrows.
///
/// Errors: a limit of tokens or money for an agent that tells none, with nothing else that ends it.
pub(super) fn of_run(
    ask: &RunAsk,
    settings: &Settings,
    project: &ProjectSettings,
    profile: &Profile,
    surface: Surface,
    model: Option<&str>,
) -> Result<(Budget, Vec<Price>), Refusal> {
    let asked = ask.budget.as_deref().map(read).transpose()?.unwrap_or_default();
    let budget = asked.or(settings.budget.run.narrowed(project.budget.run));
    let prices = config::prices(&settings.prices);
    let (all, own) = (settings.budget.shares(), project.budget.shares());
    let any = [budget, all.task, all.project, all.day, own.task, own.project, own.day];
    let limited = any.into_iter().find(Budget::needs_telling);
    let Some(limited) = limited.filter(|_| !budget.ends_by_itself()) else {
        return Ok((budget, prices));
    };
    let agent = &profile.name;
    let ways = |refusal: Refusal| {
        refusal
            .hint("a limit that needs no telling beside it: skep run --budget 30m \"…\"")
            .hint("or: skep run --budget '20 turns' \"…\"")
    };
    let tells = if surface == Surface::Terminal { Tells::Nothing } else { profile.tells() };
    if tells == Tells::Nothing {
        let what = if surface == Surface::Terminal { " on its own screen" } else { "" };
        let text = format!(
            "agent `{agent}` tells nothing{what} of what it uses: the budget of {limited} cannot be held"
        );
        return Err(ways(Refusal::error("budget-untold", text)));
    }
    let money = any.iter().any(|it| it.usd.is_some() && it.tokens.is_none());
    let priced = match model {
        Some(model) => price_of(&prices, model).is_some(),
        None => !prices.is_empty(),
    };
    if money && tells == Tells::Tokens && !priced {
        let what = model.map_or("its model".to_owned(), |model| format!("`{model}`"));
        let text = format!(
            "agent `{agent}` tells tokens and no price, and none is set for {what}: a budget of money cannot be held"
        );
        let price = "set a price in config.toml: [prices.\"MODEL\"] input = …, output = …   (skep config path)";
        return Err(ways(Refusal::error("budget-unpriced", text).hint(price)));
    }
    Ok((budget, prices))
}

/// The shared budgets as the settings say now, those of `project` anew.
pub(super) fn shared(
    settings: &Settings,
    project: Option<(&str, &ProjectSettings)>,
    fleet: &Fleet,
) -> Budgets {
    let mut budgets = Budgets {
        all: settings.budget.shares(),
        at_day: settings.budget.at_day,
        projects: fleet.budgets.projects.clone(),
        ahead_min: ahead_min(),
    };
    if let Some((name, settings)) = project {
        let shares = settings.budget.shares();
        if shares == Shares::default() {
            budgets.projects.remove(name);
        } else {
            budgets.projects.insert(name.to_owned(), shares);
        }
    }
    budgets
}

/// The shared budgets as the settings say now; none where they cannot be read.
pub fn budgets(config: &Path, fleet: &Fleet) -> Option<Budgets> {
    let settings = config::user(config).ok()?;
    Some(shared(&settings, None, fleet))
}

/// How far the person's clock is ahead of UTC. Minutes.
fn ahead_min() -> i32 {
    let zone = jiff::tz::TimeZone::system();
    zone.to_offset(jiff::Timestamp::now()).seconds() / 60
}
