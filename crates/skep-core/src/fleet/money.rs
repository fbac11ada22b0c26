//! What all runs have used, by day, and the limits of tasks, projects and days.
//!
//! Owns: the sums, which only events change; who may begin while others have begun and not told; the day's one notice.
//! Never: knows where on earth it is: the distance from UTC is a fact that is told.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Decided, Event, Fleet, House};
use crate::{
    budget::{Amount, Budget, Over},
    id::RunId,
    run::{self, Run},
    said::Usage,
    time::Timestamp,
};

/// A day where the person is. Days since 1970-01-01.
pub type Day = u64;

const DAY_MS: i128 = 24 * 3600 * 1000;

/// The limits of what is more than one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shares {
    #[serde(skip_serializing_if = "Budget::is_empty")]
    pub task: Budget,
    #[serde(skip_serializing_if = "Budget::is_empty")]
    pub project: Budget,
    #[serde(skip_serializing_if = "Budget::is_empty")]
    pub day: Budget,
}

/// What running ones do when the day's budget is spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtDay {
    /// They come to their end.
    #[default]
    Finish,
    Stop,
}

/// All limits that are not one run's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budgets {
    pub all: Shares,
    pub at_day: AtDay,
    /// What single projects say; it only narrows.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub projects: BTreeMap<String, Shares>,
    /// How far the person's clock is ahead of UTC. Minutes.
    pub ahead_min: i32,
}

/// Whose use it is: one run may be several agents' and models' after another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    pub run: RunId,
    pub agent: String,
    pub model: Option<String>,
}

/// What was used, by day and by whom.
pub type Spending = BTreeMap<Day, Arc<BTreeMap<User, Amount>>>;

/// The day whose budget was found spent last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayMet {
    pub day: Day,
    pub at: Timestamp,
    pub limit: Budget,
    pub spent: Amount,
}

impl Budgets {
    /// The day that `at` is in.
    pub fn day(&self, at: Timestamp) -> Day {
        let here = i128::from(at.0) + i128::from(self.ahead_min) * 60_000;
        Day::try_from(here.max(0) / DAY_MS).unwrap_or(Day::MAX)
    }

    /// When `day` is over.
    pub fn day_ends(&self, day: Day) -> Timestamp {
        let end = (i128::from(day) + 1) * DAY_MS - i128::from(self.ahead_min) * 60_000;
        Timestamp(u64::try_from(end.max(0)).unwrap_or(u64::MAX))
    }

    /// What holds for a run of `project`.
    pub fn of(&self, project: Option<&str>) -> Shares {
        let own = project.and_then(|project| self.projects.get(project)).copied();
        let own = own.unwrap_or_default();
        Shares {
            task: self.all.task.narrowed(own.task),
            project: self.all.project.narrowed(own.project),
            // A project's day is its own and no other's.
            day: own.day,
        }
    }

    fn is_empty(&self) -> bool {
        self.all == Shares::default() && self.projects.values().all(|it| *it == Shares::default())
    }
}

/// One limit that some runs share, and the words for it.
struct Scope<'a> {
    limit: Budget,
    what: String,
    setting: &'static str,
    of: Box<dyn Fn(&Run) -> bool + 'a>,
    today: bool,
}

impl Fleet {
    /// Keeps what `run` used more than `before`.
    pub(super) fn count(&mut self, id: &RunId, before: &Amount, at: Timestamp) {
        let Some(run) = self.runs.get(id) else { return };
        let more = run.spent.amount.since(before);
        if more.turns == 0
            && more.usage == (Usage { cost_usd: more.usage.cost_usd, ..Usage::default() })
            && more.usage.cost_usd.is_none_or(|cost| cost == 0.0)
        {
            return;
        }
        let user = User {
            run: id.clone(),
            agent: run.brief.agent.clone(),
            model: run.model().map(str::to_owned),
        };
        let day = Arc::make_mut(self.spending.entry(self.budgets.day(at)).or_default());
        day.entry(user).or_default().add(&more);
    }

    /// What was used in all, or on one day, by the runs that `of` chooses.
    pub fn spent(&self, day: Option<Day>, of: impl Fn(&Run) -> bool) -> Amount {
        let mut sum = Amount::default();
        let days = self.spending.iter().filter(|(at, _)| day.is_none_or(|day| day == **at));
        for (user, amount) in days.flat_map(|(_, users)| users.iter()) {
            if self.runs.get(&user.run).is_some_and(|run| of(run)) {
                sum.add(amount);
            }
        }
        sum
    }

    fn scopes<'a>(&self, run: &'a Run) -> Vec<Scope<'a>> {
        let project = run.brief.project.as_deref();
        let shares = self.budgets.of(project);
        let mut scopes = vec![Scope {
            limit: self.budgets.all.day,
            what: "the day".to_owned(),
            setting: "budget.day",
            of: Box::new(|_| true),
            today: true,
        }];
        if let Some(name) = project {
            let of_project = move |other: &Run| other.brief.project.as_deref() == Some(name);
            for (limit, today) in [(shares.day, true), (shares.project, false)] {
                let setting = if today { "budget.day" } else { "budget.project" };
                let what =
                    if today { format!("the day of {name}") } else { format!("project {name}") };
                scopes.push(Scope { limit, what, setting, of: Box::new(of_project), today });
            }
        }
        if let Some(task) = &run.brief.task {
            scopes.push(Scope {
                limit: shares.task,
                what: format!("task {task}"),
                setting: "budget.task",
                of: Box::new(move |other| other.brief.task.as_ref() == Some(task)),
                today: false,
            });
        }
        scopes.extend(self.of_cascade(run));
        scopes.retain(|scope| !scope.limit.is_empty());
        scopes
    }

    /// What the first of a cascade may use is all that they may use together.
    fn of_cascade<'a>(&self, run: &'a Run) -> Option<Scope<'a>> {
        let root = &run.brief.lineage.as_ref()?.root;
        let Budget { usd, tokens, .. } = self.runs.get(root)?.spent.limit;
        Some(Scope {
            limit: Budget { usd, tokens, ..Budget::default() },
            what: format!("all that came of {root}"),
            setting: "the budget of that run",
            of: Box::new(move |other| {
                other.brief.lineage.as_ref().is_some_and(|lineage| lineage.root == *root)
            }),
            today: false,
        })
    }

    /// The shared budget that holds `run` back at `now`, in one sentence: it is spent, or those at work may spend the rest.
    pub(super) fn held_by_budget(&self, run: &Run, now: Timestamp) -> Option<String> {
        if (self.budgets.is_empty() && run.brief.lineage.is_none()) || run.is_gate() {
            return None;
        }
        let day = self.budgets.day(now);
        self.scopes(run).into_iter().find_map(|scope| {
            let mut sum = self.spent(scope.today.then_some(day), &scope.of);
            let Scope { limit, what, setting, .. } = &scope;
            if let Some(over) = shared(limit, &sum) {
                let after = if scope.today { "; it goes on when the day is over" } else { "" };
                let words = words(limit, over, &sum);
                return Some(format!(
                    "budget of {what}: {words}{after}, or when {setting} is raised"
                ));
            }
            for other in self.runs.values().filter(|other| (scope.of)(other)) {
                if other.id() != run.id() && other.holds_slot() && !other.is_gate() {
                    sum.add(&self.reserved(other));
                }
            }
            let over = shared(limit, &sum)?;
            let rest = limit.part(over);
            Some(format!("budget of {what}: those at work may use what is left of {rest}"))
        })
    }

    /// What a run at work may yet use in its turn, as turns go: as much as its dearest, or as its agent's do; never more than
    /// it may.
    fn reserved(&self, run: &Run) -> Amount {
        let typical = if run.spent.most == Usage::default() {
            self.typical(&run.brief.agent)
        } else {
            run.spent.most
        };
        let (limit, spent) = (run.spent.limit, run.spent.amount.usage);
        let left = typical.minus(&run.spent.turn().usage);
        let mut tokens = left.tokens();
        let mut cost = left.cost_usd.map(|cost| cost.max(0.0));
        if let Some(limit) = limit.tokens {
            tokens = tokens.min(limit.saturating_sub(spent.tokens()));
        }
        if let Some(limit) = limit.usd {
            let rest = (limit - spent.cost_usd.unwrap_or(0.0)).max(0.0);
            cost = Some(cost.unwrap_or(rest).min(rest));
        }
        let usage = Usage { input_tokens: tokens, cost_usd: cost, ..Usage::default() };
        Amount { usage, turns: 1, ..Amount::default() }
    }

    /// What a turn of `agent` took so far, in the middle.
    fn typical(&self, agent: &str) -> Usage {
        let mut sum = Amount::default();
        for (user, amount) in self.spending.values().flat_map(|users| users.iter()) {
            if user.agent == agent {
                sum.add(amount);
            }
        }
        let turns = u64::from(sum.turns);
        if turns == 0 {
            return Usage::default();
        }
        Usage {
            input_tokens: sum.usage.input_tokens / turns,
            output_tokens: sum.usage.output_tokens / turns,
            cost_usd: sum.usage.cost_usd.map(|cost| cost / turns as f64),
            ..Usage::default()
        }
    }

    /// What follows from what was just told, or from limits that were just set: one notice a day, and the stop of those who
    /// may use no more.
    pub(super) fn settle(&mut self, now: Timestamp, decided: &mut Decided) {
        let matters = |event: &Event| {
            matches!(
                event,
                Event::Run(run::Event::Used { .. } | run::Event::TurnEnded { .. })
                    | Event::House(House::BudgetsSet { .. })
            )
        };
        if !decided.events.iter().any(|about| matters(&about.event))
            || (self.budgets.is_empty()
                && self.runs.values().all(|run| run.brief.lineage.is_none()))
        {
            return;
        }
        let (day, limit) = (self.budgets.day(now), self.budgets.all.day);
        let spent = self.spent(Some(day), |_| true);
        if shared(&limit, &spent).is_some() && self.day_met.is_none_or(|met| met.day != day) {
            self.note("fleet", House::DayBudgetMet { day, limit, spent }, now, decided);
        }
        let over = |run: &Run| {
            self.scopes(run).iter().any(|scope| {
                let stops = !scope.today || self.budgets.at_day == AtDay::Stop;
                let spent = || self.spent(scope.today.then_some(day), &scope.of);
                stops && shared(&scope.limit, &spent()).is_some()
            })
        };
        let spends = |run: &&Arc<Run>| run.is_living() && !run.is_gate();
        let runs = self.runs.values().filter(spends).filter(|run| over(run));
        let halted: Vec<RunId> = runs.map(|run| run.id().clone()).collect();
        for run in halted {
            let step = self.step(&run, run::Input::Halt, now, decided);
            debug_assert!(step.is_ok(), "whoever may use no more can always be stopped");
        }
    }

    /// When those in line for the next day may go; none where nobody is.
    pub(super) fn day_lets_go(&self) -> Option<Timestamp> {
        self.day_met.map(|met| self.budgets.day_ends(met.day))
    }
}

/// Which limit that is shared is reached. What nobody can count holds nobody else back.
fn shared(limit: &Budget, spent: &Amount) -> Option<Over> {
    limit.over(&Amount { unpriced: false, ..*spent }, 0)
}

fn words(limit: &Budget, over: Over, spent: &Amount) -> String {
    let limit = limit.part(over);
    match over {
        Over::Usd | Over::Unpriced => {
            format!("${:.2} of {limit} are spent", spent.usage.cost_usd.unwrap_or(0.0))
        }
        Over::Tokens => format!("{} of {limit} are used", spent.usage.tokens()),
        Over::Turns => format!("{} of {limit} are over", spent.turns),
        Over::Wall => format!("{limit} are over"),
    }
}
