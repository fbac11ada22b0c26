//! Owns: which remote a branch goes to, and what that has on it, asked there.
//! Never: shows a password; takes no answer for a no.

use serde::{Deserialize, Serialize};

use super::{PublishError, words, words::words_of};
use crate::git::{self, Git, GitError, Repository, is_oid};

/// Where a branch goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    pub name: String,
    /// Without who asks there.
    pub url: String,
    /// The branch there; it has the same name.
    pub branch: Option<String>,
}

/// What a remote has on a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "head", rename_all = "snake_case")]
pub enum Head {
    /// No such branch, as it said itself; or there is nobody to ask.
    Absent,
    At {
        oid: String,
    },
    /// It gave no answer.
    Unknown {
        why: String,
    },
}

impl Head {
    /// Whether the remote said that the branch is on this commit.
    pub fn is(&self, oid: &str) -> bool {
        matches!(self, Head::At { oid: there } if there == oid)
    }
}

/// What a remote said of itself.
pub(super) struct Said {
    pub(super) head: Head,
    /// The branch that its HEAD names, where it has one.
    pub(super) main: Option<String>,
}

/// Finds the remote that is pushed to: the one that `remote.pushDefault` names, else the one that work comes from.
///
/// Errors: several, and nothing decides.
pub(crate) fn of(
    git: &Git,
    repo: &Repository,
    branch: Option<&str>,
) -> Result<Option<Remote>, PublishError> {
    let names = git.call(repo.seat()).arg("remote").line()?;
    let names: Vec<&str> = names.lines().collect();
    if names.is_empty() {
        return Ok(None);
    }
    let ask = ["config", "--get", "remote.pushDefault"];
    let (code, said) = git.call(repo.seat()).args(ask).code(&[0, 1])?;
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    let wished = (code == 0 && names.contains(&said.as_str())).then_some(said);
    let found = match wished {
        Some(name) => Some(name),
        None => git::remote_of(git, repo)?,
    };
    let Some(name) = found else {
        let candidates = names.into_iter().map(str::to_owned).collect();
        return Err(PublishError::WhichRemote { candidates });
    };
    let url = addresses(git, repo, &name, true)?.into_iter().next().unwrap_or_default();
    Ok(Some(Remote { name, url: words(&url), branch: branch.map(str::to_owned) }))
}

/// The addresses of the remote that `branch` is pushed to, as git uses them, and then as they stand in the settings: only
/// people see what is written there as another name for it. None where there is no remote.
///
/// Errors: several, and nothing decides.
pub fn addresses_of(
    git: &Git,
    repo: &Repository,
    branch: &str,
) -> Result<Vec<String>, PublishError> {
    let Some(remote) = of(git, repo, Some(branch))? else { return Ok(Vec::new()) };
    let mut all = addresses(git, repo, &remote.name, true)?;
    for key in ["pushurl", "url"] {
        let key = format!("remote.{}.{key}", remote.name);
        let (code, said) =
            git.call(repo.seat()).args(["config", "--get-all", &key]).code(&[0, 1])?;
        let said = String::from_utf8_lossy(&said).into_owned();
        all.extend(said.lines().filter(|_| code == 0).map(str::to_owned));
    }
    Ok(all)
}

/// Every remote with its addresses: those that are fetched from as git uses them, and as they stand in the settings.
pub fn remotes(git: &Git, repo: &Repository) -> Result<Vec<(String, Vec<String>)>, GitError> {
    let names = git.call(repo.seat()).arg("remote").line()?;
    let mut all = Vec::new();
    for name in names.lines() {
        let mut found = addresses(git, repo, name, false)?;
        let key = format!("remote.{name}.url");
        let (code, said) =
            git.call(repo.seat()).args(["config", "--get-all", &key]).code(&[0, 1])?;
        let said = String::from_utf8_lossy(&said).into_owned();
        found.extend(said.lines().filter(|_| code == 0).map(str::to_owned));
        all.push((name.to_owned(), found));
    }
    Ok(all)
}

/// The addresses of a remote: those that are pushed to, or those that are fetched from.
fn addresses(
    git: &Git,
    repo: &Repository,
    name: &str,
    to_push: bool,
) -> Result<Vec<String>, GitError> {
    let push = if to_push { &["--push"][..] } else { &[] };
    let call = git.call(repo.seat()).args(["remote", "get-url", "--all"]).args(push);
    let said = call.args(["--end-of-options", name]).line()?;
    Ok(said.lines().map(str::to_owned).collect())
}

impl Remote {
    /// Asks the remote what it has on the branch; `head` is what is hoped for.
    pub(crate) fn head(&self, git: &Git, repo: &Repository, head: &str) -> Result<Head, GitError> {
        self.said(git, repo, head).map(|said| said.head)
    }

    /// Asks every address that is pushed to. Where they differ, one that is not at `hoped` speaks for all.
    pub(super) fn said(&self, git: &Git, repo: &Repository, hoped: &str) -> Result<Said, GitError> {
        let (to, from) =
            (addresses(git, repo, &self.name, true)?, addresses(git, repo, &self.name, false)?);
        // By its name where that is the same: settings of the remote, a proxy or the program at its end, go by name.
        let same = to.len() == 1 && from.first() == to.first();
        let asked = if same { vec![self.name.clone()] } else { to };
        let mut all = Vec::new();
        for address in asked {
            let said = self.ask(git, repo, &address);
            if !said.head.is(hoped) {
                return Ok(said);
            }
            all.push(said);
        }
        let nobody = || Said { head: Head::Absent, main: None };
        Ok(all.into_iter().next().unwrap_or_else(nobody))
    }

    fn ask(&self, git: &Git, repo: &Repository, address: &str) -> Said {
        let unknown = |why: String| Said { head: Head::Unknown { why }, main: None };
        let name = format!("refs/heads/{}", self.branch.as_deref().unwrap_or_default());
        let quiet = ["-c", "credential.interactive=false", "ls-remote", "--symref"];
        let call = git.call(repo.seat()).args(quiet).args(["--end-of-options", address]);
        let output = match call.args(["HEAD", &name]).output() {
            Ok(output) => output,
            // Its own text has the address in it, as it was given.
            Err(GitError::Timeout { after, .. }) => {
                return unknown(format!("no answer within {} s", after.as_secs()));
            }
            Err(err) => return unknown(words(&err.to_string())),
        };
        if !output.status.success() {
            return unknown(words_of(&output.stderr));
        }
        let mut said = Said { head: Head::Absent, main: None };
        for row in String::from_utf8_lossy(&output.stdout).lines() {
            match row.split_once('\t') {
                Some((oid, at)) if at == name && is_oid(oid) => {
                    said.head = Head::At { oid: oid.to_owned() };
                }
                Some((to, "HEAD")) => {
                    let main = to.strip_prefix("ref: refs/heads/").map(str::to_owned);
                    said.main = said.main.or(main);
                }
                Some(_) | None => {}
            }
        }
        said
    }
}
