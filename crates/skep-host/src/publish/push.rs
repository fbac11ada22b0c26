//! Owns: one branch to the same branch of the remote, and what the remote said to it.
//! Never: forces over what somebody else pushed; pushes to the branch that work comes from or goes to.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    PublishError,
    remote::{Head, Remote},
    words::{words, words_of},
};
use crate::{
    git::{self, Git, GitError, Repository, is_oid},
    proc::{Output, ProcError, Program},
};

/// What is to be pushed.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    pub worktree: &'a Path,
    pub branch: &'a str,
    /// Branches that are nobody's own: where the work comes from and where it is to go.
    pub not: &'a [String],
    /// What we pushed there before. Only where the remote still has exactly this is it written over.
    pub lease: Option<&'a str>,
}

/// Who refused a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// One of the repository's hooks, here or there: the commits are not as it wants them.
    Hook,
    /// The remote's branch has commits that this one lacks.
    NonFastForward,
    /// The remote lets nobody, or not this one, push to the branch.
    Protected,
    Other,
}

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "pushed", rename_all = "snake_case")]
pub enum Pushed {
    Pushed {
        head: String,
    },
    UpToDate {
        head: String,
    },
    Rejected {
        by: By,
        output: String,
    },
    /// The remote, or the way to it, gave no answer to the point; whether it has the commits is not known.
    Failed {
        text: String,
    },
}

/// Pushes the branch to the branch of the same name, after the repository's `pre-push` hook has let it.
///
/// `agent` is the git of whoever worked there: with its variables, behind its fence, and with the time a hook may take.
/// Errors: what is wrong on this side, before anything was sent.
pub fn push(
    git: &Git,
    agent: &Git,
    repo: &Repository,
    ask: &Push<'_>,
) -> Result<Pushed, PublishError> {
    let branch = ask.branch;
    let not_its_own = |what| PublishError::NotItsOwn { branch: branch.to_owned(), what };
    if ask.not.iter().any(|other| other == branch) {
        return Err(not_its_own("where the work comes from, or where it is to go"));
    }
    let Some(head) = git::branch(git, repo, branch)? else {
        return Err(GitError::NoSuchRef { wanted: branch.to_owned() }.into());
    };
    let Some(remote) = super::remote::of(git, repo, Some(branch))? else {
        return Ok(Pushed::Failed { text: "the repository has no remote".to_owned() });
    };
    let said = remote.said(git, repo, &head)?;
    if said.main.as_deref() == Some(branch) {
        return Err(not_its_own("the main branch of the remote"));
    }
    let there = match said.head {
        Head::Unknown { why } => return Ok(Pushed::Failed { text: why }),
        Head::At { oid } if oid == head => return Ok(Pushed::UpToDate { head }),
        Head::At { oid } => Some(oid),
        Head::Absent => None,
    };
    if let Some(output) = held_back(agent, ask, &remote, &head, there.as_deref())? {
        return Ok(Pushed::Rejected { by: By::Hook, output });
    }
    // What stands there is ours to write over only where it is just what we put there.
    let lease = ask.lease.filter(|lease| there.as_deref() == Some(*lease));
    Ok(send(git, repo, &remote, &Sent { branch, head: &head, lease }))
}

/// Asks the `pre-push` hook, as git would, but as the agent that worked there: what it says when it does not let it.
///
/// Git itself would start it with the right to push that we have, and it may lie in the worktree.
fn held_back(
    agent: &Git,
    ask: &Push<'_>,
    remote: &Remote,
    head: &str,
    there: Option<&str>,
) -> Result<Option<String>, PublishError> {
    let Some(hook) = git::hook(agent, ask.worktree, "pre-push")? else { return Ok(None) };
    let name = format!("refs/heads/{}", ask.branch);
    let absent = "0".repeat(head.len());
    let told = format!("{name} {head} {name} {}\n", there.unwrap_or(&absent));
    let started = |program: Program| {
        program.args([&remote.name, &remote.url]).stdin(told.clone().into_bytes()).output()
    };
    let output = match started(hook.clone()) {
        // Without a first line that names its program, git leaves it to the shell.
        Err(ProcError::Start { source, .. })
            if source.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) =>
        {
            started(hook.by("/bin/sh"))
        }
        other => other,
    };
    match output {
        Ok(output) if output.status.success() => Ok(None),
        Ok(output) => Ok(Some(both(&output, "the hook pre-push did not let it"))),
        Err(ProcError::Timeout { after, .. }) => {
            Ok(Some(format!("the hook pre-push said nothing within {} s", after.as_secs())))
        }
        Err(source) => Err(PublishError::Hook { hook: "pre-push", source }),
    }
}

/// What a program said on both ways; `nothing` where it said nothing.
pub(super) fn both(output: &Output, nothing: &str) -> String {
    let said = [&output.stdout, &output.stderr].map(|bytes| words_of(bytes));
    let said: Vec<&str> = said.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    if said.is_empty() { nothing.to_owned() } else { words(&said.join("\n")) }
}

/// A commit on its way to a branch of a remote.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) branch: &'a str,
    pub(crate) head: &'a str,
    /// What must stand there.
    pub(crate) lease: Option<&'a str>,
}

/// Pushes a commit to a branch of the remote, and nothing else.
pub(crate) fn send(git: &Git, repo: &Repository, remote: &Remote, sent: &Sent<'_>) -> Pushed {
    let (name, head) = (format!("refs/heads/{}", sent.branch), sent.head.to_owned());
    let plain = [
        "-c",
        "credential.interactive=false",
        "push",
        "--porcelain",
        "--no-progress",
        "--no-follow-tags",
        "--no-recurse-submodules",
    ];
    // Only a full name is a value to compare with; without one git would compare with the tracking ref.
    let lease = sent.lease.filter(|old| is_oid(old));
    let lease = lease.map(|old| format!("--force-with-lease={name}:{old}"));
    // The commit that was looked at, whatever becomes of the branch meanwhile.
    let what = format!("{head}:{name}");
    let call = git.call(repo.seat()).args(plain).args(lease);
    let output = match call.args(["--end-of-options", &remote.name, &what]).output() {
        Ok(output) => output,
        Err(GitError::Timeout { after, .. }) => {
            let text = format!("the push was not done within {} s", after.as_secs());
            return Pushed::Failed { text };
        }
        Err(err) => return Pushed::Failed { text: words(&err.to_string()) },
    };
    answer(&output, &name, head)
}

/// Reads what git says of each address: one that refused counts before those that took it.
fn answer(output: &Output, name: &str, head: String) -> Pushed {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let to = format!(":{name}");
    let rows: Vec<(&str, &str)> = said
        .lines()
        .filter_map(|row| {
            let mut columns = row.split('\t');
            let (flag, refs, summary) = (columns.next()?, columns.next()?, columns.next()?);
            refs.ends_with(&to).then_some((flag, summary))
        })
        .collect();
    let refused = rows.iter().find(|(flag, _)| *flag == "!").map(|(_, summary)| *summary);
    match refused.map(|summary| by(summary, &output.stderr)) {
        Some(Some(by)) => {
            return Pushed::Rejected { by, output: both(output, "the push was refused") };
        }
        Some(None) => return Pushed::Failed { text: both(output, "the push failed") },
        None => {}
    }
    if !output.status.success() || rows.is_empty() {
        return Pushed::Failed { text: both(output, "the push failed, and git does not say why") };
    }
    if rows.iter().all(|(flag, _)| *flag == "=") {
        Pushed::UpToDate { head }
    } else {
        Pushed::Pushed { head }
    }
}

/// Who refused, by git's own words for it, which no language changes; none where nobody did and it went wrong.
fn by(summary: &str, said: &[u8]) -> Option<By> {
    let said = String::from_utf8_lossy(said).to_lowercase();
    let reason = summary.split_once('(').map_or(summary, |(_, reason)| reason);
    let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if has(&["failed to report status", "unpacker error", "failed to update ref", "lock ref"]) {
        None
    } else if has(&["protected branch", "repository rule", "hidden ref"])
        || said.contains("protected branch")
    {
        Some(By::Protected)
    } else if has(&["hook declined", "push declined"]) {
        Some(By::Hook)
    } else if has(&["non-fast-forward", "fetch first", "stale info", "needs force"]) {
        Some(By::NonFastForward)
    } else {
        Some(By::Other)
    }
}
