//! An issue that is held for a run where others look who might begin at it: before anything is made, until nothing stands.
//!
//! Owns: the taking and the giving back. Never: takes a claim of another home, or begins without an answer.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use skep_api::wire::chain;
use skep_core::{run::Fault, text};
use skep_host::{
    claim::{self, At, ClaimError, Holder, Taken},
    git::{self, Git, Repository},
};

use super::fault;

/// How long one question to the remote may take.
pub const WAIT: Duration = Duration::from_secs(30);

/// An issue, where it is claimed, and for whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Holding {
    pub reference: String,
    pub repository: Option<PathBuf>,
    pub at: At,
    pub key: String,
    pub holder: Holder,
    /// Runs of this home that are at work or hold an env: their claims stand.
    pub at_work: Vec<String>,
}

/// What came of the wish for an issue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "taken", rename_all = "snake_case")]
pub enum TakenIssue {
    Ours,
    Not { fault: Fault, slug: String, text: String },
}

impl Holding {
    fn repo(&self, git: &Git) -> Result<Option<Repository>, ClaimError> {
        match (&self.at, &self.repository) {
            (At::File { .. }, _) | (_, None) => Ok(None),
            (At::Remote { .. } | At::Here, Some(path)) => Ok(Some(git::discover(git, path)?)),
        }
    }
}

/// What somebody else's claim is told as.
pub fn taken_by(reference: &str, holder: &Holder) -> String {
    let part = |word: &str, what: &str| {
        if word.is_empty() { String::new() } else { format!("{what}{}", text::one_line(word)) }
    };
    let who =
        if holder.who.is_empty() { "somebody".to_owned() } else { text::one_line(&holder.who) };
    format!(
        "`{reference}` is held by {who}{}{}{}",
        part(&holder.run, ", run "),
        part(&holder.home, " of home "),
        part(&holder.since, ", since ")
    )
}

/// Takes the issue. A claim of this home's own whose run is over is in nobody's way.
pub(super) fn take(git: &Git, holding: &Holding) -> TakenIssue {
    let git = git.clone().timeout(WAIT);
    let not = |err: &ClaimError| TakenIssue::Not {
        fault: fault(err.fault()),
        slug: err.slug().to_owned(),
        text: chain(err),
    };
    let repo = match holding.repo(&git) {
        Ok(repo) => repo,
        Err(err) => return not(&err),
    };
    let (at, key, holder) = (&holding.at, &holding.key, &holding.holder);
    for _ in 0..2 {
        match claim::take(&git, repo.as_ref(), at, key, holder) {
            Ok(Taken::Ours) => return TakenIssue::Ours,
            Ok(Taken::Theirs { holder: there }) => {
                let left = there.home == holder.home && !holding.at_work.contains(&there.run);
                if !left {
                    return TakenIssue::Not {
                        fault: Fault::User,
                        slug: "issue-taken-elsewhere".to_owned(),
                        text: taken_by(&holding.reference, &there),
                    };
                }
                if let Err(err) = claim::let_go(&git, repo.as_ref(), at, key, &there) {
                    return not(&err);
                }
            }
            Err(err) => return not(&err),
        }
    }
    TakenIssue::Not {
        fault: Fault::Environment,
        slug: "claim-unanswered".to_owned(),
        text: format!("`{}` was taken and given back again and again", holding.reference),
    }
}

/// Gives the issue back; none: it is, or it is not ours.
pub(super) fn leave(git: &Git, holding: &Holding) -> Option<String> {
    let git = git.clone().timeout(WAIT);
    let gone = holding.repo(&git).and_then(|repo| {
        claim::let_go(&git, repo.as_ref(), &holding.at, &holding.key, &holding.holder)
    });
    gone.err().map(|err| format!("{}: {}", err.slug(), chain(&err)))
}
