//! By which login a run works, and whose work it becomes when that login's usage limit is reached.
//!
//! Owns: what shares a limit, the accounts that a run may turn to, the change of account or agent.
//! Never: knows who else is at a limit; the fleet does, and says whose turn it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Brief, Event, Fallback, Rejected, Run, State, Step, limits::NEAR};
use crate::time::Timestamp;

/// What a provider counts together: one login of an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quota {
    /// The agent, or the one whose login it shares.
    pub login: String,
    /// The account, as the person's settings call it; none: the usual one.
    pub account: Option<String>,
}

impl Quota {
    /// Says whose limit it is: `claude`, or `claude (account work)`.
    pub fn words(&self) -> String {
        match &self.account {
            Some(account) => format!("{} (account {account})", self.login),
            None => self.login.clone(),
        }
    }
}

/// The logins that a run has, frozen when it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logins {
    /// The agent whose login its own shares; empty: it has its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shared: String,
    /// Accounts that it may work by, in the person's order; none where its account is the only one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Login>,
}

impl Logins {
    /// Tells whether nothing is said of them.
    pub fn is_none(&self) -> bool {
        *self == Logins::default()
    }

    /// What the account sets in the agent's environment.
    pub fn folders(&self, account: Option<&str>) -> impl Iterator<Item = (&String, &String)> {
        let it = self.accounts.iter().find(|login| Some(login.name.as_str()) == account);
        it.into_iter().flat_map(|login| &login.folders)
    }
}

/// One account: a name, and the folders that its agent is told to keep its settings in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    pub name: String,
    /// By the name of the variable that tells each.
    pub folders: BTreeMap<String, String>,
}

/// Whose work a run becomes that its limit holds back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Onward {
    /// The same agent goes on by this account.
    Account(String),
    /// The fallback takes over, once.
    Fallback,
}

impl Brief {
    /// The quota of one of its accounts.
    pub fn quota_of(&self, account: Option<&str>) -> Quota {
        quota(&self.agent, &self.logins, account)
    }
}

impl Fallback {
    /// The quotas that it could work by.
    pub fn quotas(&self) -> Vec<Quota> {
        let of = |account| quota(&self.agent, &self.logins, account);
        if self.logins.accounts.is_empty() {
            return vec![of(self.account.as_deref())];
        }
        self.logins.accounts.iter().map(|login| of(Some(login.name.as_str()))).collect()
    }
}

fn quota(agent: &str, logins: &Logins, account: Option<&str>) -> Quota {
    let login = if logins.shared.is_empty() { agent } else { &logins.shared };
    Quota { login: login.to_owned(), account: account.map(str::to_owned) }
}

impl Run {
    /// Whose usage limit it shares.
    pub fn quota(&self) -> Quota {
        self.brief.quota_of(self.brief.account.as_deref())
    }

    /// The quotas of the other accounts that it may turn to, but for those whose limit it met itself: with each, the
    /// moment from which on it may.
    pub fn other_quotas(&self) -> impl Iterator<Item = (Quota, Option<Timestamp>)> + use<'_> {
        let others = self.brief.logins.accounts.iter().map(|login| login.name.as_str());
        let others = others.filter(|name| Some(*name) != self.brief.account.as_deref());
        others.map(|name| {
            let quota = self.brief.quota_of(Some(name));
            let met = self.shut.get(&quota).copied();
            (quota, met)
        })
    }

    /// Whether what it waits for is so far off, or so uncertain, that it had better go on otherwise. It is the same all
    /// the while that it waits.
    pub fn waits_long(&self) -> bool {
        match self.state {
            State::Limited { until, known, .. } => !known || until.since(self.since) > NEAR,
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => false,
        }
    }

    pub(super) fn pass_on(&self, onward: Onward) -> Result<Step, Rejected> {
        match (onward, &self.state) {
            (Onward::Account(account), State::Queued { .. }) => {
                self.require_account(&account)?;
                Ok(Step::of([Event::Rotated { account }], []))
            }
            (Onward::Account(account), State::Limited { .. }) => {
                self.require_account(&account)?;
                let mut step = self.after_limit();
                step.events.insert(0, Event::Rotated { account });
                Ok(step)
            }
            (Onward::Fallback, State::Limited { until, known, .. }) => {
                let Some(Fallback { agent, speaks, .. }) = self.brief.fallback.clone() else {
                    return Err(self.misplaced("a fallback"));
                };
                let text = self.limit_words();
                let (until, known) = (*until, *known);
                Ok(Step::of(
                    [Event::FellBack { agent, speaks, until, known, exit: None, text }],
                    [],
                ))
            }
            (
                Onward::Account(_) | Onward::Fallback,
                State::Queued { .. }
                | State::Preparing { .. }
                | State::Starting { .. }
                | State::Running { .. }
                | State::Waiting { .. }
                | State::Stalled { .. }
                | State::Stopping { .. }
                | State::Ended { .. },
            ) => Err(self.misplaced("another login")),
        }
    }

    fn require_account(&self, account: &str) -> Result<(), Rejected> {
        let known = self.brief.logins.accounts.iter().any(|login| login.name == account);
        if known { Ok(()) } else { Err(self.misplaced("an account that is not its own")) }
    }
}
