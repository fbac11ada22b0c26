//! Owns: the commit that work starts from.
//! Never: takes what the user happens to have checked out where a remote says better.

use serde::{Deserialize, Serialize};

use super::{Git, GitError, Repository, commit, ref_exists, remotes::remote_branches};

/// Where work starts: a branch or ref as people write it, and its commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    pub branch: String,
    pub oid: String,
}

/// Finds the commit to start from: what is `wanted`, else the repository's default branch.
///
/// Order: without a wish, the remote's HEAD, `main`, `master`, its only branch; without any remote branch, the branch of the main worktree.
/// A wish is looked up as a branch of the remote, a remote-tracking branch, a branch, a tag, and then as any revision.
/// Errors: nothing decides; the wish names nothing; no commit yet.
pub fn base(git: &Git, repo: &Repository, wanted: Option<&str>) -> Result<Base, GitError> {
    match wanted {
        Some(wanted) => requested(git, repo, wanted),
        None => default_base(git, repo),
    }
}

fn requested(git: &Git, repo: &Repository, wanted: &str) -> Result<Base, GitError> {
    let remotes = remote_branches(git, repo)?;
    let remote = remotes.remote.as_deref().unwrap_or("origin");
    let names = [
        format!("refs/remotes/{remote}/{wanted}"),
        format!("refs/remotes/{wanted}"),
        format!("refs/heads/{wanted}"),
        format!("refs/tags/{wanted}"),
    ];
    let shown =
        [format!("{remote}/{wanted}"), wanted.to_owned(), wanted.to_owned(), wanted.to_owned()];
    for (name, branch) in names.iter().zip(shown) {
        if let Some(oid) = remotes.commits.get(name) {
            return Ok(Base { branch, oid: oid.clone() });
        }
        if remotes.lacks(name) {
            continue;
        }
        if ref_exists(git, repo, name)?
            && let Some(oid) = commit(git, repo, name)?
        {
            return Ok(Base { branch, oid });
        }
    }
    match commit(git, repo, wanted)? {
        Some(oid) => Ok(Base { branch: wanted.to_owned(), oid }),
        None => Err(GitError::NoSuchRef { wanted: wanted.to_owned() }),
    }
}

fn default_base(git: &Git, repo: &Repository) -> Result<Base, GitError> {
    let remotes = remote_branches(git, repo)?;
    let Some(remote) = &remotes.remote else {
        if remotes.all.is_empty() {
            return checked_out_base(git, repo);
        }
        return Err(GitError::ChooseABase { candidates: remotes.all });
    };
    let only = if remotes.branches.len() == 1 {
        remotes.branches.keys().next().map(String::as_str)
    } else {
        None
    };
    let named = [remotes.head.as_deref(), Some("main"), Some("master"), only];
    let found =
        named.into_iter().flatten().find_map(|name| Some((name, remotes.branches.get(name)?)));
    match found {
        Some((name, oid)) => Ok(Base { branch: format!("{remote}/{name}"), oid: oid.clone() }),
        None => Err(GitError::ChooseABase { candidates: remotes.all.clone() }),
    }
}

fn checked_out_base(git: &Git, repo: &Repository) -> Result<Base, GitError> {
    let (code, out) = git
        .call(&repo.common_dir)
        .args(["symbolic-ref", "--quiet", "--short", "HEAD"])
        .code(&[0, 1])?;
    let branch = String::from_utf8_lossy(&out).trim().to_owned();
    if code == 1 {
        let heads = git
            .call(repo.seat())
            .args(["for-each-ref", "--format=%(refname:short)", "refs/heads/"])
            .line()?;
        return Err(GitError::ChooseABase {
            candidates: heads.lines().map(str::to_owned).collect(),
        });
    }
    let name = format!("refs/heads/{branch}");
    match commit(git, repo, &name)? {
        Some(oid) => Ok(Base { branch, oid }),
        // It is there, and its commit is not: that is no beginning but damage.
        None if ref_exists(git, repo, &name)? => Err(GitError::Odd {
            args: vec!["rev-parse".to_owned(), name],
            answer: "no commit of that name is there".to_owned(),
        }),
        None => Err(GitError::Unborn { branch }),
    }
}
