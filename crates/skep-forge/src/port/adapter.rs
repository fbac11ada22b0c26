//! Owns: what every forge's adapter does in the same words.
//! Never: knows a field of a vendor.

use std::sync::{Mutex, PoisonError};

use skep_core::{
    change::{Change, Check, Comment},
    text,
    time::Timestamp,
};

use super::Seen;
use crate::http::{Client, ForgeError, Tally};

/// The most of somebody's words that is handed on. Characters.
const WORDS: usize = 20_000;

/// Whose token it is, once it was asked: perhaps nobody's.
#[derive(Debug, Default)]
pub(crate) struct Me(Option<Option<String>>);

impl Me {
    /// The name, asked by `ask` where it is not known yet; `None` where the forge does not tell.
    pub(crate) fn known(
        me: &Mutex<Me>,
        ask: impl Fn() -> Result<Option<String>, ForgeError>,
    ) -> Result<Option<String>, ForgeError> {
        // A name that was written is whole.
        let known = me.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let said = match ask() {
            Err(ForgeError::Auth { .. } | ForgeError::Refused { .. }) => None,
            said => said?,
        };
        me.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(said.clone());
        Ok(said)
    }
}

/// Notes what the forge did not take of a proposal; what it may take another time stays an error.
pub(crate) fn left<T>(
    set: Result<T, ForgeError>,
    what: &str,
    notes: &mut Vec<String>,
) -> Result<(), ForgeError> {
    match set {
        Ok(_) => Ok(()),
        Err(
            error @ (ForgeError::Refused { .. }
            | ForgeError::NotFound { .. }
            | ForgeError::Auth { .. }),
        ) => {
            notes.push(format!("without {what}: {error}"));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Puts a look together: comments by age, those since `since`, texts cut.
pub(crate) fn finish(
    client: &Client,
    before: Tally,
    change: Change,
    mut checks: Vec<Check>,
    mut comments: Vec<Comment>,
    since: Option<Timestamp>,
) -> Seen {
    comments.retain(|comment| since.is_none_or(|since| comment.at >= since));
    comments.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    checks.sort_by(|one, other| one.name.cmp(&other.name));
    for check in &mut checks {
        check.text = text::words(check.text.trim(), WORDS);
        check.url = check.url.take().filter(|url| !url.is_empty());
    }
    for comment in &mut comments {
        comment.text = text::words(&comment.text, WORDS);
    }
    let after = client.tally();
    Seen {
        change,
        checks,
        comments,
        budget: client.budget(),
        asked: after.asked.saturating_sub(before.asked),
        unchanged: after.unchanged.saturating_sub(before.unchanged),
    }
}
