//! Which logins are at their usage limit, and who goes on by which instead.
//!
//! Owns: the limits that were met, by whom and until when; the order in which accounts are used.
//! Never: asks a provider, or forgets a moment that one told: all of it follows from the events of runs.

use std::collections::BTreeMap;

use super::{Fleet, slots::Slots};
use crate::{
    id::RunId,
    run::{
        Event, Onward, Quota, Run, State,
        limits::{FIRST, LONGEST, NEAR, is_answer},
    },
    time::Timestamp,
};

/// A login at its usage limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shut {
    pub quota: Quota,
    /// Until when nothing new is asked of it.
    pub until: Timestamp,
    /// Whether its provider told so; else it is a guess.
    pub known: bool,
    pub since: Timestamp,
    /// The run that met it.
    pub by: RunId,
    /// How often in a row a guess was not long enough.
    rounds: u32,
}

impl Shut {
    /// Whether it lasts so long, or is so uncertain, that work had better go on by another login.
    fn is_long(&self) -> bool {
        !self.known || self.until.since(self.since) > NEAR
    }
}

/// What is known of all logins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quotas {
    shut: BTreeMap<Quota, Shut>,
    /// Their order of use: the one that was used last has the highest number.
    used: BTreeMap<Quota, u64>,
    uses: u64,
}

impl Quotas {
    /// The limit that `quota` is at.
    pub fn shut(&self, quota: &Quota, now: Timestamp) -> Option<&Shut> {
        self.last(quota).filter(|shut| shut.until > now)
    }

    /// All that are at their limit.
    pub fn all(&self, now: Timestamp) -> impl Iterator<Item = &Shut> {
        self.shut.values().filter(move |shut| shut.until > now)
    }

    /// The last limit of `quota` that nothing made good, over or not.
    pub(super) fn last(&self, quota: &Quota) -> Option<&Shut> {
        self.shut.get(quota)
    }

    /// Learns what an event says of the login of `run`, which it has not changed yet.
    pub(super) fn learn(&mut self, run: &Run, event: &Event, at: Timestamp) {
        if let Event::Limited { until, known, .. } | Event::FellBack { until, known, .. } = event {
            // Whom another takes over from has met its limit before.
            if !matches!(run.state, State::Limited { .. }) {
                // What spreads its own return says nothing to others.
                let told = run.verdict.limit.flatten().filter(|_| *known);
                self.close(run, told.unwrap_or(*until), *known, at);
            }
        } else if let Event::Admitted {} = event {
            self.use_of(run.quota());
        } else if let Event::Rotated { account } = event {
            self.use_of(run.brief.quota_of(Some(account.as_str())));
        } else if let Event::TurnEnded { result, .. } = event
            && is_answer(*result)
        {
            // A guess is worth less than any answer; what a provider told, less than one that began after it.
            let quota = run.quota();
            let later = |shut: &Shut| run.begun.is_some_and(|begun| begun > shut.since);
            if self.shut.get(&quota).is_some_and(|shut| !shut.known || later(shut)) {
                self.shut.remove(&quota);
            }
        }
    }

    fn use_of(&mut self, quota: Quota) {
        self.uses += 1;
        self.used.insert(quota, self.uses);
    }

    fn close(&mut self, run: &Run, until: Timestamp, known: bool, at: Timestamp) {
        let quota = run.quota();
        let before = self.shut.get(&quota);
        let lasts = before.filter(|shut| shut.until > at);
        let rounds = before.map_or(0, |shut| shut.rounds + u32::from(shut.until <= at));
        let guess = |rounds: u32| FIRST.saturating_mul(1 << rounds.min(8)).min(LONGEST);
        let until = if known { until } else { until.max(at.plus(guess(rounds))) };
        // A guess never shortens or replaces what a provider told.
        if lasts.is_some_and(|shut| {
            (shut.known && !known) || (shut.known == known && shut.until >= until)
        }) {
            return;
        }
        let by = run.id().clone();
        self.shut.insert(quota.clone(), Shut { quota, until, known, since: at, by, rounds });
    }

    /// From when on `run` may turn to another of its accounts, and the first of those that were used longest ago.
    fn next_account(&self, run: &Run, now: Timestamp) -> Option<String> {
        let free = run.other_quotas().filter(|(quota, met)| {
            met.is_none_or(|until| until <= now) && self.shut(quota, now).is_none()
        });
        let oldest = free.min_by_key(|(quota, _)| self.used.get(quota).copied().unwrap_or(0));
        oldest.and_then(|(quota, _)| quota.account)
    }

    /// When the first of its other accounts is free that is not yet.
    fn account_free_at(&self, run: &Run) -> Option<Timestamp> {
        let others = run.other_quotas();
        others.filter_map(|(quota, met)| met.max(self.last(&quota).map(|shut| shut.until))).min()
    }

    fn fallback_is_free(&self, run: &Run, now: Timestamp) -> bool {
        let fallback = run.brief.fallback.as_ref();
        fallback.is_some_and(|it| it.quotas().iter().any(|it| self.shut(it, now).is_none()))
    }

    fn fallback_free_at(&self, run: &Run) -> Option<Timestamp> {
        let quotas = run.brief.fallback.as_ref()?.quotas();
        quotas.iter().filter_map(|quota| self.last(quota).map(|shut| shut.until)).min()
    }
}

impl Fleet {
    /// A run that a limit holds back and that can go on by another login, and which that is. Its limit is a fact by then.
    pub(super) fn next_onward(&self, now: Timestamp) -> Option<(RunId, Onward)> {
        let turns = |run: &Run| {
            matches!(run.state, State::Limited { .. } | State::Queued { .. })
                && (!run.brief.logins.accounts.is_empty() || run.brief.fallback.is_some())
        };
        if !self.runs.values().any(|run| turns(run)) {
            return None;
        }
        let slots = Slots::taken(self);
        let mut waiting: Vec<_> = self.runs.values().filter(|run| turns(run)).collect();
        waiting.sort_by_key(|run| run.order);
        waiting.into_iter().find_map(|run| {
            let onward = self.onward(run, &slots, now)?;
            Some((run.id().clone(), onward))
        })
    }

    fn onward(&self, run: &Run, slots: &Slots<'_>, now: Timestamp) -> Option<Onward> {
        let account = || self.quotas.next_account(run, now).map(Onward::Account);
        if run.waits_long() {
            let falls_back = self.quotas.fallback_is_free(run, now);
            return account().or_else(|| falls_back.then_some(Onward::Fallback));
        }
        let shut = slots.cooling(run).filter(|shut| shut.until > now)?;
        if Self::turns_in_line(run, shut) && slots.no_room(run, now).is_none() {
            account()
        } else {
            None
        }
    }

    /// Whether a run in line goes by another account: a conversation that is under way waits for a near reset.
    fn turns_in_line(run: &Run, shut: &Shut) -> bool {
        run.attempt == 1 || shut.is_long()
    }

    /// The moments at which the limit of another login is over that somebody could go on by.
    pub(super) fn free_at<'a>(
        &'a self,
        slots: &'a Slots<'_>,
    ) -> impl Iterator<Item = Timestamp> + use<'a> {
        self.runs.values().filter_map(|run| match run.state {
            State::Limited { until, .. } if run.waits_long() => {
                let at = [self.quotas.account_free_at(run), self.quotas.fallback_free_at(run)];
                at.into_iter().flatten().filter(|at| *at < until).min()
            }
            State::Queued { .. } => {
                let shut = slots.cooling(run)?;
                let at = self.quotas.account_free_at(run).filter(|at| *at < shut.until)?;
                (Self::turns_in_line(run, shut) && slots.no_room(run, at).is_none()).then_some(at)
            }
            State::Limited { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => None,
        })
    }
}

/// How long a limit lasts, in words.
pub(super) fn held_back_by(shut: &Shut) -> String {
    let (whose, until, by) = (shut.quota.words(), shut.until, &shut.by);
    if shut.known {
        format!("{whose} is at its usage limit, which is reset at {until}; {by} met it")
    } else {
        format!(
            "{whose} is at its usage limit, reset unknown; it is asked again at {until}; {by} met it"
        )
    }
}
