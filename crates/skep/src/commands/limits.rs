//! Owns: how usage limits look to a person. Never: starts a daemon for it; where none runs, none is known.

use std::time::Duration;

use skep_api::{
    request::Ask,
    view::{Health, LimitView},
};
use skep_core::{text, time::Timestamp};

use super::read;
use crate::{
    connect::{Skep, random_id},
    output::{age, now},
};

/// How long the daemon may take to say it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The logins that are at their limit, as far as a daemon that runs knows.
pub(super) fn known(skep: &Skep) -> Vec<LimitView> {
    let asked = || {
        let mut client = skep.standing().ok()?;
        client.socket().set_read_timeout(Some(PATIENCE)).ok()?;
        let answer = client.ask(&random_id().ok()?, Ask::Health {}, |_| ()).ok()?;
        read::<Health>(answer).ok()
    };
    // It is a word beside what was asked for, and what is not known is not said.
    asked().map(|health| health.limits).unwrap_or_default()
}

/// `claude (account work) is at its usage limit, reset in 3h`.
pub(super) fn line(limit: &LimitView) -> String {
    text::one_line(&format!("{} is at its usage limit, {}", limit.whose(), until(limit, now())))
}

/// `reset in 3h`, or `reset unknown, asked again in 15m`.
pub(super) fn until(limit: &LimitView, now: Timestamp) -> String {
    let left = age(now, limit.until);
    if limit.known {
        format!("reset in {left}")
    } else {
        format!("reset unknown, asked again in {left}")
    }
}
