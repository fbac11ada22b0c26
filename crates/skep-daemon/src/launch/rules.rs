//! The rules that an attempt is judged by, as their files say now.
//!
//! Owns: which of them are there for a run, and what the repository adds at the base commit.
//! Never: reads a repository's rules from anywhere but a commit: what an agent writes into its worktree is no rule.

use std::{collections::BTreeMap, path::Path};

use skep_api::wire::{Refusal, chain};
use skep_core::{policy::Policy, run::Run};
use skep_host::git::{self, Git, Repository};

use super::tools;
use crate::config;

/// The rules for `run` as it stands.
///
/// Errors: a file that cannot be read, or says what no rule can; it is named with its line.
pub fn of(run: &Run, agents: &Path, asker: &BTreeMap<String, String>) -> Result<Policy, Refusal> {
    let dir = agents
        .parent()
        .ok_or_else(|| Refusal::error("config-unreadable", "the settings have no folder"))?;
    let shared = match run.env().and_then(|env| Some((env, env.base.as_ref()?))) {
        Some((env, base)) => {
            let git = Git::new(asker);
            let repo = git::discover(&git, Path::new(&env.worktree))
                .map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
            shared(&git, &repo, &base.oid)?
        }
        None => None,
    };
    let rules = read(dir, run.brief.project.as_deref(), shared.as_deref())?;
    Ok(tools::allowed(rules.of(run.brief.trust, run.brief.posture)))
}

/// All the rules that hold for a project, or for none, whatever its runs are like.
pub fn read(config: &Path, project: Option<&str>, shared: Option<&str>) -> Result<Policy, Refusal> {
    config::policy(config, project, shared).map_err(|err| {
        Refusal::error(err.slug(), chain(&err)).hint("skep policy show   reads all of them")
    })
}

/// The text of the rules that a repository has at a commit.
pub fn shared(git: &Git, repo: &Repository, oid: &str) -> Result<Option<String>, Refusal> {
    let found = git::file_at(git, repo, oid, config::SHARED_POLICY)
        .map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
    found.map(String::from_utf8).transpose().map_err(|_| {
        let text = format!("{} at the base commit is not UTF-8", config::SHARED_POLICY);
        Refusal::error("config-syntax", text)
    })
}
