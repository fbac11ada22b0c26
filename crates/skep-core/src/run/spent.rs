//! What a run has used, and whether that is more than it may.
//!
//! Owns: the fold of an agent's counters into totals of the run, over attempts, resumes and repeats; its limits.
//! Never: takes a total back, or a counter that begins anew for a loss.

use std::time::Duration;

use super::{Because, Effect, Event, Outcome, Reason, Rejected, Run, State, Step, step};
use crate::{
    budget::{Amount, Budget, Over, Price, price_of},
    said::{Carried, Usage},
    text,
    time::Timestamp,
};

/// What a run has used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spent {
    /// Over all attempts.
    pub amount: Amount,
    /// The model that answers, as far as the agent told.
    pub model: Option<String>,
    /// What the run may use, as raised since it was asked for.
    pub limit: Budget,
    /// The most that one turn took.
    pub most: Usage,
    /// Time at work, without the state under way. Milliseconds.
    worked_ms: u64,
    /// The attempts before this one.
    before: Amount,
    /// This attempt.
    attempt: Amount,
    /// What was used when the turn under way began.
    turn: Amount,
    /// The agent's own last count, and what of it was there before this attempt.
    told: Usage,
    base: Usage,
    /// What the agent itself says that this attempt cost; what the price table makes of it; tokens without a price.
    named: Option<f64>,
    priced: Option<f64>,
    unpriced: Usage,
}

impl Spent {
    pub(super) fn of(limit: Budget) -> Spent {
        Spent { limit, ..Spent::default() }
    }

    /// What the turn under way has used so far.
    pub fn turn(&self) -> Amount {
        self.amount.since(&self.turn)
    }

    /// Takes an agent's count: absolute, perhaps repeated, late, or begun anew.
    fn used(&mut self, told: &Usage, carried: Carried, prices: &[Price], asked: Option<&str>) {
        // A counter below where it stood has begun anew: all of it is of this attempt.
        let (base, zero) = (self.base, Usage::default());
        let anew = told.input_tokens < base.input_tokens || told.output_tokens < base.output_tokens;
        let tokens = told.minus(if carried.tokens && !anew { &base } else { &zero });
        // An agent whose model has no price in its own table says zero.
        let price = told.cost_usd.filter(|cost| *cost > 0.0 || told.tokens() == 0);
        let named = price.map(|cost| match base.cost_usd {
            Some(base) if carried.cost && cost >= base => cost - base,
            _ => cost,
        });
        self.told = self.told.most(told);
        let old = Usage { cost_usd: None, ..self.attempt.usage };
        let new = old.most(&Usage { cost_usd: None, ..tokens });
        self.named = match (self.named, named) {
            (Some(one), Some(two)) => Some(one.max(two)),
            (one, two) => one.or(two),
        };
        self.unpriced = self.unpriced.plus(&new.minus(&old));
        let model = self.model.as_deref().or(asked);
        if let Some(price) = model.and_then(|model| price_of(prices, model)) {
            let cost = price.of(&std::mem::take(&mut self.unpriced));
            self.priced = Some(self.priced.unwrap_or(0.0) + cost);
        }
        self.attempt.usage = Usage { cost_usd: self.named.or(self.priced), ..new };
        self.attempt.estimated = self.named.is_none() && self.priced.is_some();
        self.attempt.unpriced = self.named.is_none() && self.unpriced.tokens() > 0;
        self.sum();
    }

    fn turned(&mut self) {
        self.attempt.turns = self.attempt.turns.saturating_add(1);
        self.sum();
        self.most = self.most.most(&self.turn().usage);
        self.turn = self.amount;
    }

    fn sum(&mut self) {
        self.amount = self.before;
        self.amount.add(&self.attempt);
    }

    /// Another attempt begins; one that goes on finds the counters of its conversation where they stood.
    pub(super) fn next(&mut self, goes_on: bool) {
        self.before = self.amount;
        self.turn = self.amount;
        self.attempt = Amount::default();
        (self.named, self.priced, self.unpriced) = (None, None, Usage::default());
        if !goes_on {
            self.told = Usage::default();
        }
        self.base = self.told;
    }

    /// The state under way is over.
    pub(super) fn worked(&mut self, state: &State, since: Timestamp, at: Timestamp) {
        if is_work(state) {
            let ms = u64::try_from(at.since(since).as_millis()).unwrap_or(u64::MAX);
            self.worked_ms = self.worked_ms.saturating_add(ms);
        }
    }
}

/// Whether time in `state` is time at work.
fn is_work(state: &State) -> bool {
    match state {
        State::Running { .. } | State::Stalled { .. } | State::Stopping { .. } => true,
        State::Queued { .. }
        | State::Preparing { .. }
        | State::Starting { .. }
        | State::Waiting { .. }
        | State::Limited { .. }
        | State::Ended { .. } => false,
    }
}

impl Run {
    /// Time at work until `now`. Milliseconds.
    pub fn worked_ms(&self, now: Timestamp) -> u64 {
        let here = if is_work(&self.state) { now.since(self.since) } else { Duration::ZERO };
        self.spent.worked_ms.saturating_add(u64::try_from(here.as_millis()).unwrap_or(u64::MAX))
    }

    /// Which of its limits is reached; none while something is left of each.
    pub fn over(&self, now: Timestamp) -> Option<Over> {
        self.spent.limit.over(&self.spent.amount, self.worked_ms(now))
    }

    /// Says which limit is reached, and how.
    pub fn over_words(&self, over: Over) -> String {
        let (limit, spent) = (self.spent.limit.part(over), &self.spent.amount);
        match over {
            Over::Usd => {
                format!("${:.2} of its {limit} are spent", spent.usage.cost_usd.unwrap_or(0.0))
            }
            Over::Tokens => format!("{} of its {limit} are used", spent.usage.tokens()),
            Over::Turns => format!("{} of its {limit} are over", spent.turns),
            Over::Wall => format!("its {limit} of work are over"),
            Over::Unpriced => {
                let model = self.model().unwrap_or("its model");
                format!("nobody knows what `{model}` costs, so that {limit} cannot be held")
            }
        }
    }

    /// The model that answers, as far as is known.
    pub fn model(&self) -> Option<&str> {
        self.spent.model.as_deref().or(self.brief.model.as_deref())
    }

    pub(super) fn used_at(&mut self, usage: &Usage, carried: Carried) {
        let asked = self.brief.model.clone();
        self.spent.used(usage, carried, &self.brief.prices, asked.as_deref());
    }

    pub(super) fn turned_at(&mut self) {
        self.spent.turned();
    }

    /// When its time at work is over, if it works on.
    pub(super) fn wall_ends(&self) -> Option<Timestamp> {
        let limit = self.spent.limit.wall_ms.filter(|_| is_work(&self.state))?;
        let left = limit.saturating_sub(self.spent.worked_ms);
        Some(self.since.plus(Duration::from_millis(left)))
    }

    /// Ends a run whose limit is reached by what was just told; a turn that is over, and that nothing follows, ends by
    /// itself.
    pub(super) fn within_budget(&self, mut given: Step, now: Timestamp) -> Step {
        let tells = |event: &Event| matches!(event, Event::Used { .. } | Event::TurnEnded { .. });
        if self.spent.limit.is_empty() || !given.events.iter().any(tells) {
            return given;
        }
        let mut after = self.clone();
        if given.events.iter().any(|event| after.apply(event, now).is_err()) {
            return given;
        }
        let Some(over) = after.over(now) else { return given };
        let turned = given.events.iter().any(|event| matches!(event, Event::TurnEnded { .. }));
        let goes_on = match after.state {
            State::Running { .. } => !turned || after.has_unheard(),
            State::Stalled { .. } => true,
            State::Waiting { .. } => turned,
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Limited { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => false,
        };
        if goes_on {
            let stop = after.halt(because(over));
            given.events.extend(stop.events);
            given.effects.extend(stop.effects);
        }
        given
    }

    /// Stops a run that may use no more: its turn first, then by TERM, then by KILL.
    pub(super) fn halt(&self, because: Because) -> Step {
        match self.state {
            State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. } => {
                let (run, attempt) = (self.id().clone(), self.attempt);
                let ask = Event::StopAsked { force: false, because };
                Step::of([ask], [Effect::Stop { run, attempt, force: false }])
            }
            // What is prepared is not begun: it stays in line when it is admitted again.
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Limited { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => Step::default(),
        }
    }

    /// The model that its agent named, where that is news.
    pub(super) fn model_told(&self, name: &str) -> Option<Event> {
        let model = text::words(name, 200);
        let news = !model.is_empty() && self.spent.model.as_ref() != Some(&model);
        news.then_some(Event::ModelTold { model })
    }

    /// What stands against another turn of it.
    pub(super) fn require_budget(&self, wish: &str) -> Result<(), Rejected> {
        let Some(over) = self.over(self.since) else { return Ok(()) };
        let id = self.id();
        let more = match over {
            Over::Usd | Over::Unpriced => "5usd",
            Over::Tokens => "200k",
            Over::Wall => "30m",
            Over::Turns => "'5 turns'",
        };
        let mut hints =
            vec![format!("skep resume {id} --budget +{more}"), format!("skep cost {id}")];
        if over == Over::Unpriced {
            hints.insert(0, "skep help cost   says how to set a price".to_owned());
        }
        Err(Rejected {
            slug: "budget-spent",
            text: format!("{id} cannot {wish}: {}", self.over_words(over)),
            hints,
        })
    }

    /// An attempt that would begin with nothing left does not begin.
    pub(super) fn spent_up(&self, now: Timestamp) -> Option<Step> {
        let over = self.over(now)?;
        let event = step::ended(Outcome::Failed, Some(reason(over)), None, self.over_words(over));
        Some(Step::of([event], []))
    }

    /// A person gives it more.
    pub(super) fn raise(&self, by: Budget) -> Result<Step, Rejected> {
        if self.closed {
            return Err(Rejected {
                slug: "run-closed",
                text: format!("{} is closed; its env is gone", self.id()),
                hints: vec!["skep undo (brings the env of the last close back)".to_owned()],
            });
        }
        let raised = self.spent.limit.raised(by);
        let events =
            if raised == self.spent.limit { vec![] } else { vec![Event::BudgetRaised { by }] };
        Ok(Step { events, effects: Vec::new() })
    }
}

fn because(over: Over) -> Because {
    match over {
        Over::Usd | Over::Tokens | Over::Unpriced => Because::Budget,
        Over::Turns => Because::Turns,
        Over::Wall => Because::Timeout,
    }
}

fn reason(over: Over) -> Reason {
    match over {
        Over::Usd | Over::Tokens | Over::Unpriced => Reason::Budget,
        Over::Turns => Reason::Turns,
        Over::Wall => Reason::Timeout,
    }
}
