//! What a run has used, and what it may.

use skep_api::view::WhyView;
use skep_core::{run::Run, time::Timestamp};

use super::fact;

pub(super) fn budget(run: &Run, now: Timestamp) -> Vec<WhyView> {
    let (spent, limit) = (&run.spent.amount, &run.spent.limit);
    let mut facts = Vec::new();
    if !spent.is_untold() || !limit.is_empty() {
        let cost = spent.usage.cost_usd.map_or("no price known".to_owned(), |cost| {
            let about = if spent.estimated { "about " } else { "" };
            let least = if spent.unpriced { "at least " } else { "" };
            format!("{about}{least}${cost:.4}")
        });
        let turns =
            if spent.turns == 1 { "1 turn".to_owned() } else { format!("{} turns", spent.turns) };
        let value = format!(
            "{cost}, {} tokens, {turns}, {} s at work",
            spent.usage.tokens(),
            run.worked_ms(now) / 1000
        );
        facts.push(fact("used", &value, "the agent's protocol", "skep cost adds it up"));
    }
    if !limit.is_empty() {
        let value = match run.over(now) {
            Some(over) => format!("{limit}; {}", run.over_words(over)),
            None => limit.to_string(),
        };
        let rule = "at a limit its turn is cancelled and its work kept; skep resume ID --budget +5usd raises it";
        facts.push(fact("budget", &value, "run --budget, or [budget] in the settings", rule));
    }
    facts
}
