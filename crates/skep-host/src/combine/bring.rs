//! Owns: the one deed that moves a target, here or at a remote.
//! Never: moves it from anywhere but where the trial was made, or for a lander whose claim is another's; forces a remote.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Claim, claim, has_commit, is_behind, require_commit};
use crate::{
    git::{self, Git, GitError, Repository},
    publish::{By, Head, Pushed, Remote, Sent, send},
    worktree::{Forward, Guard, Land, Landing, Refusal, forward, land},
};

/// How often a claim that is renewed under our hands is looked at again.
const TRIES: usize = 8;

/// A wish to move a target to a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bring {
    pub target: String,
    /// Where the trial was made.
    pub onto: String,
    /// The trial.
    pub commit: String,
    /// The lander's hold.
    pub claim: Claim,
    /// The remote whose branch of the same name is the target; the local branch follows where it can.
    pub push: Option<Remote>,
}

/// What came of a wish to move a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "brought", rename_all = "snake_case")]
pub enum Brought {
    Landed {
        from: String,
        to: String,
        /// The checkout that moved along; none where the target is checked out nowhere.
        checkout: Option<PathBuf>,
        /// Why the local branch did not follow the remote's, where it did not.
        behind: Option<Behind>,
    },
    /// The target has it already; `at` is where it stands.
    Already { at: String, behind: Option<Behind> },
    /// The claim is another's now, or nobody's; nothing has moved.
    Fenced { by: Option<Claim> },
    /// Nothing has moved. Of these [`Refusal::TargetMoved`] asks for another trial.
    Refused(Refusal),
    /// The remote would not have it; nothing has moved.
    PushRefused { by: By, output: String },
    /// The remote gave no answer to the point; whether it has the commit is not known, and asking again is safe.
    Unreachable { text: String },
}

/// Why a local branch did not follow a remote's that has moved: no reason to take the landing for failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Behind {
    Refused { refusal: Refusal },
    Failed { text: String },
}

/// Moves the target from where the trial was made to the trial, in its checkout where it has one.
///
/// The claim and the target's place are verified in the same transaction as the move. The same wish again lands nothing twice.
/// Errors: git could not be asked, or failed; whether the target moved is then seen by asking again.
pub fn bring(git: &Git, repo: &Repository, locks: &Path, ask: &Bring) -> Result<Brought, GitError> {
    let commit = require_commit(git, repo, &ask.commit)?;
    let onto = require_commit(git, repo, &ask.onto)?;
    if !is_behind(git, repo, &onto, &commit)? {
        return Ok(Brought::Refused(Refusal::NotFastForward { at: onto }));
    }
    match &ask.push {
        Some(remote) => push(git, repo, locks, ask, remote),
        None => here(git, repo, locks, ask),
    }
}

fn here(git: &Git, repo: &Repository, locks: &Path, ask: &Bring) -> Result<Brought, GitError> {
    let wish = wish(ask, &ask.onto);
    for _ in 0..TRIES {
        let (name, oid) = match claim::standing(git, repo, &ask.claim)? {
            Ok(standing) => standing,
            Err(by) => return Ok(Brought::Fenced { by }),
        };
        match forward(git, repo, locks, &wish, Some(Guard { name: &name, oid: &oid }))? {
            Forward::Landing(landing) => return Ok(brought(landing)),
            // Renewed, perhaps; then it is ours still.
            Forward::Unguarded => {}
        }
    }
    Ok(Brought::Fenced { by: None })
}

fn wish(ask: &Bring, expected: &str) -> Land {
    let (target, new) = (ask.target.clone(), ask.commit.clone());
    Land { target, expected: expected.to_owned(), new }
}

fn brought(landing: Landing) -> Brought {
    match landing {
        Landing::Landed { from, to, checkout } => {
            Brought::Landed { from, to, checkout, behind: None }
        }
        Landing::Already { at } => Brought::Already { at, behind: None },
        Landing::Refused(refusal) => Brought::Refused(refusal),
    }
}

/// Moves the remote's branch, which itself sees to it that it stands where the trial was made.
fn push(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    ask: &Bring,
    remote: &Remote,
) -> Result<Brought, GitError> {
    let remote = Remote { branch: Some(ask.target.clone()), ..remote.clone() };
    let at = match remote.head(git, repo, &ask.commit)? {
        Head::Unknown { why } => return Ok(Brought::Unreachable { text: why }),
        Head::Absent => return Ok(Brought::Refused(Refusal::TargetMissing)),
        Head::At { oid } => oid,
    };
    if at == ask.commit || (has_commit(git, repo, &at)? && is_behind(git, repo, &ask.commit, &at)?)
    {
        // Made before, and killed then: the local branch may still be to follow.
        let (_, behind) = follow(git, repo, locks, ask);
        return Ok(Brought::Already { at, behind });
    }
    if at != ask.onto {
        return Ok(Brought::Refused(Refusal::TargetMoved { at }));
    }
    // A remote knows nothing of claims. This keeps a late lander from it; that nothing but the trial lands, and on
    // nothing but what it was made on, is the remote's own comparison.
    if let Err(by) = claim::standing(git, repo, &ask.claim)? {
        return Ok(Brought::Fenced { by });
    }
    let sent = Sent { branch: &ask.target, head: &ask.commit, lease: Some(&ask.onto) };
    let refusal = match send(git, repo, &remote, &sent) {
        Pushed::Pushed { .. } | Pushed::UpToDate { .. } => None,
        Pushed::Rejected { by, output } => Some(Brought::PushRefused { by, output }),
        Pushed::Failed { text } => Some(Brought::Unreachable { text }),
    };
    if let Some(refusal) = refusal {
        // What it says of itself counts more than how the way there ended.
        match remote.head(git, repo, &ask.commit)? {
            Head::At { oid } if oid == ask.commit => {}
            Head::At { oid } if oid != ask.onto => {
                return Ok(Brought::Refused(Refusal::TargetMoved { at: oid }));
            }
            Head::At { .. } | Head::Absent | Head::Unknown { .. } => return Ok(refusal),
        }
    }
    let (checkout, behind) = follow(git, repo, locks, ask);
    let (from, to) = (ask.onto.clone(), ask.commit.clone());
    Ok(Brought::Landed { from, to, checkout, behind })
}

/// Moves the local branch of that name after the remote's, where it has nothing of its own.
fn follow(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    ask: &Bring,
) -> (Option<PathBuf>, Option<Behind>) {
    let moved = git::branch(git, repo, &ask.target).and_then(|at| match at {
        Some(at) => land(git, repo, locks, &wish(ask, &at)).map(Some),
        None => Ok(None),
    });
    match moved {
        Ok(Some(Landing::Landed { checkout, .. })) => (checkout, None),
        Ok(Some(Landing::Already { .. }) | None) => (None, None),
        Ok(Some(Landing::Refused(refusal))) => (None, Some(Behind::Refused { refusal })),
        Err(err) => (None, Some(Behind::Failed { text: err.to_string() })),
    }
}
