//! Owns: asking the remote for news, seldom and with a time limit.
//! Never: writes a ref that is not remote-tracking; fails because the remote gives no answer.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{Git, GitError, Repository, fields, key, remotes::remote_branches, wait_for};

/// How often a repository is fetched at most.
pub const FETCH_EVERY: Duration = Duration::from_secs(60);

/// What came of asking the remote for news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fetch", rename_all = "snake_case")]
pub enum FetchOutcome {
    Fetched,
    /// Asked only just, with or without success.
    Skipped {
        refs_age_s: Option<u64>,
    },
    NoRemote,
    /// The refs stand as they were, that long ago.
    Failed {
        why: String,
        refs_age_s: Option<u64>,
    },
}

/// Fetches the remote's branches, at most once in [`FETCH_EVERY`] per repository, into remote-tracking refs only.
///
/// `folder` is one of ours, for the stamps and the lock; a failure is an outcome, since work can start from what is known.
/// Errors: the folder cannot be used.
pub fn fetch(
    git: &Git,
    repo: &Repository,
    folder: &Path,
    timeout: Duration,
) -> Result<FetchOutcome, GitError> {
    fetch_every(git, repo, folder, timeout, FETCH_EVERY)
}

/// Like [`fetch`], at most once in `every`; the tries of both count for both.
pub fn fetch_every(
    git: &Git,
    repo: &Repository,
    folder: &Path,
    timeout: Duration,
    every: Duration,
) -> Result<FetchOutcome, GitError> {
    let key = key(&repo.common_dir);
    let (tried, fetched) =
        (folder.join(format!("{key}.tried")), folder.join(format!("{key}.fetched")));
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| GitError::Io { what: "use", path, source }
    };
    fs::create_dir_all(folder).map_err(io(folder))?;
    let lock = folder.join(format!("{key}.fetch"));
    // Whoever waited here for another's fetch finds its stamp and goes on.
    let _held = wait_for(&lock)?;
    let refs_age_s = || {
        age(&fetched).or_else(|| age(&repo.common_dir.join("FETCH_HEAD"))).map(|age| age.as_secs())
    };
    if age(&tried).is_some_and(|age| age < every) {
        return Ok(FetchOutcome::Skipped { refs_age_s: refs_age_s() });
    }
    // Asked only now: where there is a stamp, there was a remote.
    let Some(remote) = remote_of(git, repo)? else { return Ok(FetchOutcome::NoRemote) };
    File::create(&tried).map_err(io(&tried))?;
    match run_fetch(&git.clone().timeout(timeout), repo, &remote) {
        Ok(()) => {
            File::create(&fetched).map_err(io(&fetched))?;
            Ok(FetchOutcome::Fetched)
        }
        Err(GitError::Failed { stderr, .. }) => {
            Ok(FetchOutcome::Failed { why: stderr, refs_age_s: refs_age_s() })
        }
        Err(error) => Ok(FetchOutcome::Failed { why: error.to_string(), refs_age_s: refs_age_s() }),
    }
}

/// The remote that counts: the one with branches here, else `origin`, else the only one.
pub(crate) fn remote_of(git: &Git, repo: &Repository) -> Result<Option<String>, GitError> {
    let names = git.call(repo.seat()).args(["remote"]).line()?;
    let names: Vec<&str> = names.lines().collect();
    if names.is_empty() {
        return Ok(None);
    }
    let known = remote_branches(git, repo)?.remote.filter(|known| names.contains(&known.as_str()));
    let only = || {
        names.iter().find(|name| **name == "origin").or(if names.len() == 1 {
            names.first()
        } else {
            None
        })
    };
    Ok(known.or_else(|| only().map(|name| (*name).to_owned())))
}

fn run_fetch(git: &Git, repo: &Repository, remote: &str) -> Result<(), GitError> {
    let setting = format!("remote.{remote}.fetch");
    let (_, out) =
        git.call(repo.seat()).args(["config", "-z", "--get-all", &setting]).code(&[0, 1])?;
    let into = |spec: &[u8]| {
        spec.splitn(2, |byte| *byte == b':')
            .nth(1)
            .is_some_and(|to| to.starts_with(b"refs/remotes/"))
    };
    let specs: Vec<&[u8]> = fields(&out).collect();
    let own = !specs.is_empty() && specs.iter().all(|spec| spec.starts_with(b"^") || into(spec));
    let quiet = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-prune",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
    ];
    let mut call = git.call(repo.seat()).args(quiet);
    if !own {
        // A mirror's refspec would write over the user's branches.
        call = call.args(["--refmap="]);
    }
    call = call.args(["--end-of-options", remote]);
    if !own {
        call = call.args([format!("+refs/heads/*:refs/remotes/{remote}/*")]);
    }
    call.bytes().map(drop)
}

fn age(stamp: &Path) -> Option<Duration> {
    let at = fs::metadata(stamp).ok()?.modified().ok()?;
    // A stamp from the future (the clock was set back) is as old as can be.
    Some(SystemTime::now().duration_since(at).unwrap_or(Duration::MAX))
}
