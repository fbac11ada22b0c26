//! Owns: who may bring something to a target: one lander at a time, for the length of a lease, by number.
//! Never: ends a lander; one whose lease is over finds that it moves nothing any more.

use serde::{Deserialize, Serialize};

use super::call;
use crate::git::{self, Git, GitError, Repository};

/// How often a claim that was changed under our hands is looked at again.
const TRIES: usize = 8;

/// A lander's hold of a target. Who holds it is told by owner and number, so that it may be renewed by another process of the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub target: String,
    pub owner: String,
    /// Grows with every claim that is not a renewal.
    pub number: u64,
    /// Unit: seconds since 1970.
    pub until: i64,
    /// How long it was taken for. Unit: seconds.
    pub lease: i64,
}

/// What came of a wish to hold a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "claiming", rename_all = "snake_case")]
pub enum Claiming {
    Claimed(Claim),
    /// Another lander's lease is not over.
    Held(Claim),
}

/// Takes the target for `lease` seconds from `now`, where nobody holds it or whoever did let the lease run out.
///
/// An owner that holds it already has it renewed, under the same number.
/// Errors: git could not be asked, or failed.
pub fn claim(
    git: &Git,
    repo: &Repository,
    target: &str,
    owner: &str,
    lease: i64,
    now: i64,
) -> Result<Claiming, GitError> {
    change(git, repo, target, |found| {
        let number = match found {
            Some(other) if other.is_held(now) && other.owner != owner => {
                return Err(Claiming::Held(other.clone()));
            }
            Some(ours) if ours.is_held(now) => ours.number,
            Some(over) => over.number + 1,
            None => 1,
        };
        let (target, owner) = (target.to_owned(), owner.to_owned());
        Ok(Claim { target, owner, number, until: now + lease, lease })
    })
}

/// Holds the target for another lease from `now`; a claim that ran out and was taken by nobody is renewed as well.
///
/// Errors: git could not be asked, or failed. That it is another's now, or was given back, is [`Claiming::Held`] with what stands.
pub fn renew(git: &Git, repo: &Repository, claim: &Claim, now: i64) -> Result<Claiming, GitError> {
    change(git, repo, &claim.target, |found| match found {
        Some(found) if found.is_same(claim) => {
            Ok(Claim { until: now + claim.lease, lease: claim.lease, ..found.clone() })
        }
        Some(found) => Err(Claiming::Held(found.clone())),
        // Its number says that there was one: somebody took the ref away.
        None => Err(Claiming::Held(Claim { until: GIVEN_BACK, ..claim.clone() })),
    })
}

/// Gives the target free; a claim that is another's by now is left alone.
///
/// Errors: git could not be asked, or failed.
pub fn release(git: &Git, repo: &Repository, claim: &Claim) -> Result<(), GitError> {
    // The ref stays, so that the number grows.
    let freed = change(git, repo, &claim.target, |found| match found {
        Some(found) if found.is_same(claim) => Ok(Claim { until: GIVEN_BACK, ..found.clone() }),
        Some(found) => Err(Claiming::Held(found.clone())),
        None => Err(Claiming::Held(claim.clone())),
    });
    freed.map(drop)
}

/// In the place of a lease's end.
const GIVEN_BACK: i64 = 0;

impl Claim {
    /// Whether it is the same hold, renewed or not, and was not given back.
    pub fn is_same(&self, other: &Claim) -> bool {
        self.number == other.number && self.owner == other.owner && self.until != GIVEN_BACK
    }

    /// A lease that ends later than it could have begun to is from a clock that was set back since.
    fn is_held(&self, now: i64) -> bool {
        let left = self.until.saturating_sub(now);
        0 < left && left <= self.lease
    }
}

/// The ref of a target's claim; a name may hold a folder of another one, so that it is written as one part.
fn ref_of(target: &str) -> String {
    format!("refs/skep/lander/{}", target.replace('%', "%25").replace('/', "%2F"))
}

/// What stands: where the ref is, and what it says.
///
/// Errors: something else stands there, which says nothing of who holds the target.
pub(super) fn read(
    git: &Git,
    repo: &Repository,
    target: &str,
) -> Result<Option<(String, Claim)>, GitError> {
    let name = ref_of(target);
    // One question: between two, another lander may make it.
    let ask = ["for-each-ref", "--format=%(objectname)", &name];
    let oid = call(git, repo).args(ask).line()?;
    if oid.is_empty() {
        return Ok(None);
    }
    let bytes = call(git, repo).args(["cat-file", "blob", git::require_oid(&oid)?]).bytes()?;
    let said = serde_json::from_slice::<Claim>(&bytes).map_err(|_| odd(&name, &bytes))?;
    Ok(Some((oid, said)))
}

fn odd(name: &str, answer: &[u8]) -> GitError {
    let answer = String::from_utf8_lossy(answer).into_owned();
    GitError::Odd { args: vec!["cat-file".to_owned(), name.to_owned()], answer }
}

/// The ref that says who holds the target and where it stands, while that is `claim`; else what stands instead.
pub(super) fn standing(
    git: &Git,
    repo: &Repository,
    claim: &Claim,
) -> Result<Result<(String, String), Option<Claim>>, GitError> {
    Ok(match read(git, repo, &claim.target)? {
        Some((oid, found)) if found.is_same(claim) => Ok((ref_of(&claim.target), oid)),
        other => Err(other.map(|(_, found)| found)),
    })
}

/// Writes what `next` makes of what stands, where that still stands then.
fn change(
    git: &Git,
    repo: &Repository,
    target: &str,
    next: impl Fn(Option<&Claim>) -> Result<Claim, Claiming>,
) -> Result<Claiming, GitError> {
    let name = ref_of(target);
    let mut failed = None;
    for _ in 0..TRIES {
        let found = read(git, repo, target)?;
        let next = match next(found.as_ref().map(|(_, claim)| claim)) {
            Ok(next) => next,
            Err(as_it_is) => return Ok(as_it_is),
        };
        let bytes =
            serde_json::to_vec(&next).map_err(|err| odd(&name, err.to_string().as_bytes()))?;
        let new = call(git, repo).args(["hash-object", "-w", "--stdin"]).stdin(bytes).line()?;
        let old = found.map_or_else(|| "0".repeat(new.len()), |(oid, _)| oid);
        match call(git, repo).args(["update-ref", "--end-of-options", &name, &new, &old]).bytes() {
            Ok(_) => return Ok(Claiming::Claimed(next)),
            Err(err @ GitError::Failed { .. }) => failed = Some(err),
            Err(err) => return Err(err),
        }
    }
    Err(failed.unwrap_or_else(|| odd(&name, b"")))
}
