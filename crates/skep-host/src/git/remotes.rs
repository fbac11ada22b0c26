//! Owns: the remote-tracking refs of a repository, and which remote counts.
//! Never: asks the remote itself (`fetch` does).

use std::collections::BTreeMap;

use super::{Git, GitError, Repository};

/// The branches of the remote that counts, with the one its HEAD names.
pub(super) struct Remotes {
    /// `origin` where it has branches, else the only remote that has.
    pub(super) remote: Option<String>,
    /// Name without the remote, and commit.
    pub(super) branches: BTreeMap<String, String>,
    pub(super) head: Option<String>,
    pub(super) all: Vec<String>,
    /// Whole name and commit of every remote-tracking ref.
    pub(super) commits: BTreeMap<String, String>,
    /// The whole names of those that are no commits themselves.
    others: Vec<String>,
}

impl Remotes {
    /// Whether `name` would stand among the remote-tracking refs and does not; git need not be asked again.
    pub(super) fn lacks(&self, name: &str) -> bool {
        name.starts_with("refs/remotes/")
            && !self.commits.contains_key(name)
            && !self.others.iter().any(|other| other == name)
    }
}

pub(super) fn remote_branches(git: &Git, repo: &Repository) -> Result<Remotes, GitError> {
    let format = "--format=%(refname) %(objectname) %(symref) %(objecttype)";
    let refs = git.call(repo.seat()).args(["for-each-ref", format, "refs/remotes/"]).line()?;
    let mut rows: Vec<(&str, &str, &str)> = Vec::new();
    let (mut commits, mut others) = (BTreeMap::new(), Vec::new());
    for row in refs.lines() {
        let [name, oid, symref, kind] = row.split(' ').collect::<Vec<_>>()[..] else { continue };
        let Some(short) = name.strip_prefix("refs/remotes/") else { continue };
        rows.push((short, oid, symref));
        if kind == "commit" {
            commits.insert(name.to_owned(), oid.to_owned());
        } else {
            others.push(name.to_owned());
        }
    }
    let below = |remote: &str, name: &str| {
        name.strip_prefix(remote).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned)
    };
    let has_branches = |remote: &str| rows.iter().any(|row| below(remote, row.0).is_some());
    let remote = if has_branches("origin") {
        Some("origin".to_owned())
    } else if rows.is_empty() {
        None
    } else {
        let names = git.call(repo.seat()).arg("remote").line()?;
        let mut with = names.lines().filter(|remote| has_branches(remote));
        with.next().filter(|_| with.next().is_none()).map(str::to_owned)
    };
    let all = rows.iter().filter(|row| row.2.is_empty()).map(|row| row.0.to_owned()).collect();
    let mut found = Remotes { remote, branches: BTreeMap::new(), head: None, all, commits, others };
    if let Some(remote) = &found.remote {
        for (name, oid, symref) in &rows {
            match below(remote, name) {
                Some(short) if symref.is_empty() => {
                    found.branches.insert(short, (*oid).to_owned());
                }
                Some(short) if short == "HEAD" => {
                    found.head =
                        symref.strip_prefix("refs/remotes/").and_then(|to| below(remote, to));
                }
                _ => {}
            }
        }
    }
    Ok(found)
}
