//! Owns: what both forges' trackers do in the same words. Never: knows a field of one of them alone.

use serde::Deserialize;
use serde_json::Value;
use skep_core::{
    issue::{Association, Issue, Platform, Reference, Said},
    text,
    time::Timestamp,
};

use super::TrackerError;
use crate::{
    http::{Client, ForgeError, moment, or_default},
    remote::Place,
};

/// An issue, by the names that both forges have for what is in it.
#[derive(Debug, Deserialize)]
pub(super) struct Raw {
    pub(super) number: u64,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) title: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) body: String,
    pub(super) state: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) html_url: String,
    #[serde(default)]
    pub(super) user: Option<User>,
    /// GitHub's alone.
    #[serde(default)]
    pub(super) author_association: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) labels: Vec<Label>,
    /// There where it is one.
    #[serde(default)]
    pub(super) pull_request: Option<Value>,
    /// How many.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) comments: u64,
    /// GitHub's word for where it is.
    #[serde(default)]
    pub(super) repository_url: Option<String>,
    /// Forgejo's.
    #[serde(default)]
    pub(super) repository: Option<Repository>,
}

/// A repository, as Forgejo tells of the one that an issue is in.
#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) name: String,
    pub(super) owner: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    pub(super) login: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Label {
    /// Forgejo's handle of it.
    #[serde(default)]
    pub(super) id: i64,
    pub(super) name: String,
}

/// What somebody wrote below an issue.
#[derive(Debug, Deserialize)]
pub(super) struct Word {
    #[serde(default)]
    pub(super) user: Option<User>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) body: String,
    #[serde(default)]
    pub(super) author_association: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    pub(super) created_at: Option<Timestamp>,
}

/// Who wrote it, as far as the forge says: those who left are nobody.
pub(super) fn author(user: Option<&User>) -> String {
    user.map(|user| user.login.clone()).unwrap_or_default()
}

/// The number of an issue of `place`.
pub(super) fn number(
    place: &Place,
    platform: Platform,
    reference: &Reference,
) -> Result<u64, TrackerError> {
    if let Reference::Forge { owner, repo, number, .. } = reference
        && reference.platform().is_none_or(|of| of == platform)
        && owner.eq_ignore_ascii_case(&place.owner())
        && repo.eq_ignore_ascii_case(place.repo())
    {
        return Ok(*number);
    }
    Err(TrackerError::Elsewhere { at: place.to_string(), reference: reference.to_string() })
}

/// Asks for the issue at `path`. Only that the forge says of this very path that it has none is taken for none.
pub(super) fn ask(
    client: &Client,
    path: &str,
    place: &Place,
    reference: &Reference,
) -> Result<Raw, TrackerError> {
    let none = || {
        let (at, reference) = (place.host.clone(), reference.to_string());
        TrackerError::NoIssue { at, reference }
    };
    client.find_here(path)?.ok_or_else(none)
}

/// The issue in words that every tracker shares; `at` is the owner and the repository that the forge said it is in.
pub(super) fn neutral(
    raw: Raw,
    platform: Platform,
    (owner, repo): (String, String),
    association: Association,
    comments: Vec<Said>,
) -> Issue {
    let said = raw.comments.max(u64::try_from(comments.len()).unwrap_or(u64::MAX));
    Issue {
        platform,
        reference: Reference::Forge { platform: Some(platform), owner, repo, number: raw.number },
        title: raw.title,
        body: raw.body,
        open: raw.state.eq_ignore_ascii_case("open"),
        state: raw.state,
        url: raw.html_url,
        author: author(raw.user.as_ref()),
        association,
        labels: raw.labels.into_iter().map(|label| label.name).collect(),
        is_change: raw.pull_request.is_some(),
        comments,
        said,
    }
}

/// Whether the forge gave the issue that was asked for: it may have sent us on to another repository.
pub(super) fn is_here(
    place: &Place,
    number: u64,
    raw: &Raw,
    (owner, repo): &(String, String),
) -> bool {
    raw.number == number
        && owner.eq_ignore_ascii_case(&place.owner())
        && repo.eq_ignore_ascii_case(place.repo())
}

/// The error of an issue that is elsewhere now: nothing is written there.
pub(super) fn moved(place: &Place, raw: &Raw, (owner, repo): &(String, String)) -> ForgeError {
    let to = text::one_line(&format!("{owner}/{repo}#{}", raw.number));
    ForgeError::Moved { host: place.host.clone(), to: text::words(&to, 200) }
}
