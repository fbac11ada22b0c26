//! Several works as one tree, and the one deed that moves a target to it.
//!
//! Owns: the trial (works merged, squashed or rebased onto a target, objects only), the lander's claim on a target, the
//! target's move from what the trial was made on to the trial, the attestation beside the commit.
//! Never: needs a checkout or touches one for a trial; runs a driver, filter or hook for it; moves a target that is not
//! where the trial was made, or in the name of a lander whose claim is another's.
//! See docs/design/combine.md.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::git::{
    self, Git, GitError, Repository, fields, path_of, plain_call as call, require_oid,
};

mod attest;
mod bring;
mod claim;
mod commit;
mod onto;
mod pick;
#[cfg(test)]
mod tests;
mod there;

pub use attest::{attest, attestation};
pub use bring::{Behind, Bring, Brought, bring};
pub use claim::{Claim, Claiming, claim, release, renew};
pub use there::{There, there};

/// How works come onto a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A merge commit each; one work that stands on the target already comes as it is.
    Merge,
    /// One commit each.
    Squash,
    /// Each commit of its own once more, merges flattened, empty ones dropped.
    Rebase,
}

/// What is to come onto a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Its commit.
    pub head: String,
    /// For people, in what is said of conflicts.
    pub name: String,
    /// Of its merge or squash commit.
    pub message: String,
    /// Commits that it stands on and that the target has in another form: other works' heads that were squashed or rebased.
    #[serde(default)]
    pub on: Vec<String>,
}

/// A wish to see works on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The branch's name.
    pub target: String,
    /// Where the target stands, for one that is a remote's; none asks the local branch.
    pub onto: Option<String>,
    /// Order: one after the other; what conflicts with those before it is left out.
    pub works: Vec<Work>,
    pub how: How,
    /// The moment that new commits are dated. Unit: seconds since 1970.
    pub at: i64,
    /// Whether new commits are signed, as the user's settings say; then the same ask makes other commits each time.
    pub sign: bool,
}

/// What came of a wish to see works on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "combined", rename_all = "snake_case")]
pub enum Combined {
    /// There is something to bring: `commit` is not `onto`.
    Trial(Trial),
    /// The target has all of it.
    Already {
        onto: String,
    },
    /// None of it can be taken.
    Conflicts {
        onto: String,
        left: Vec<Left>,
    },
    TargetMissing,
}

/// Works on a target, as one commit that nobody has seen yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Where the target stood; `commit` descends from it.
    pub onto: String,
    pub tree: String,
    pub commit: String,
    /// Which of the works are in it, by their place in the ask.
    pub taken: Vec<usize>,
    /// The commit in which each of those taken is the last.
    pub tips: Vec<String>,
    /// Which of them the target had already, or bring nothing new.
    pub there: Vec<usize>,
    /// Which of those taken came as one commit because their own merges hold something that their commits alone do not.
    pub as_one: Vec<usize>,
    pub left: Vec<Left>,
    /// Files below `.skep` that are not as they are in `onto`.
    #[serde(with = "git::written::all")]
    pub touches: Vec<PathBuf>,
}

/// A work that does not go with what is before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Its place in the ask.
    pub work: usize,
    /// The files that conflict; none where it is something else.
    #[serde(with = "git::written::all")]
    pub files: Vec<PathBuf>,
    /// What git says of it, for people and for whoever resolves it.
    pub text: String,
}

/// Makes one commit of works and their target, with objects only: no checkout, index, ref or setting is touched.
///
/// The same ask gives the same commit, unless it is to be signed. What the files' attributes are, the target's tree says,
/// never a work's; a file for which they name a merge driver of the user's own conflicts where both sides changed it.
/// Errors: git could not be asked, or failed; an ask that names no commit.
pub fn combine(git: &Git, repo: &Repository, ask: &Ask) -> Result<Combined, GitError> {
    let asked = match &ask.onto {
        Some(onto) => Some(require_commit(git, repo, onto)?),
        None => git::branch(git, repo, &ask.target)?,
    };
    let Some(onto) = asked else { return Ok(Combined::TargetMissing) };
    let (mut taken, mut tips) = (vec![], vec![]);
    let (mut there, mut as_one, mut left) = (vec![], vec![], vec![]);
    let mut growing = onto::Growing::begin(git, repo, ask, &onto)?;
    for (number, work) in ask.works.iter().enumerate() {
        match growing.add(work)? {
            onto::Added::Taken => taken.push(number),
            onto::Added::AsOne => {
                taken.push(number);
                as_one.push(number);
            }
            onto::Added::There => there.push(number),
            onto::Added::Left { files, text } => left.push(Left { work: number, files, text }),
        }
        if taken.last() == Some(&number) {
            tips.push(growing.tip().to_owned());
        }
    }
    let (commit, tree) = growing.end()?;
    if commit != onto {
        let touches = touched(git, repo, &onto, &commit)?;
        let trial = Trial { onto, tree, commit, taken, tips, there, as_one, left, touches };
        return Ok(Combined::Trial(trial));
    }
    Ok(if left.is_empty() {
        Combined::Already { onto }
    } else {
        Combined::Conflicts { onto, left }
    })
}

/// The commit of that name, which must be there.
fn require_commit(git: &Git, repo: &Repository, oid: &str) -> Result<String, GitError> {
    let wanted = || GitError::NoSuchRef { wanted: oid.to_owned() };
    let found = has_commit(git, repo, require_oid(oid)?)?;
    found.then(|| oid.to_owned()).ok_or_else(wanted)
}

/// Whether the commit is here.
fn has_commit(git: &Git, repo: &Repository, oid: &str) -> Result<bool, GitError> {
    let name = format!("{}^{{commit}}", require_oid(oid)?);
    let (code, _) = call(git, repo).args(["cat-file", "-e", &name]).code(&[0, 1, 128])?;
    Ok(code == 0)
}

/// Whether `old` is `new` or lies behind it.
fn is_behind(git: &Git, repo: &Repository, old: &str, new: &str) -> Result<bool, GitError> {
    call(git, repo)
        .args(["merge-base", "--is-ancestor", require_oid(old)?, require_oid(new)?])
        .yes()
}

fn tree_of(git: &Git, repo: &Repository, commit: &str) -> Result<String, GitError> {
    let name = format!("{}^{{tree}}", require_oid(commit)?);
    call(git, repo).args(["rev-parse", "--verify", "--end-of-options", &name]).line()
}

/// Which files of the project's own settings differ.
fn touched(git: &Git, repo: &Repository, from: &str, to: &str) -> Result<Vec<PathBuf>, GitError> {
    let plain = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", from, to, "--"];
    let out = call(git, repo).args(plain).arg(":(top,literal).skep").bytes()?;
    Ok(fields(&out).map(path_of).collect())
}
