//! Bringing a run's branch to its remote: what was left over committed, the branch pushed, and what came of it told.
//!
//! Owns: the order, and when it is done: the remote has exactly the commit that stands, and nothing else stands. Never:
//! commits without words for it; pushes twice what is there; calls done what the remote did not confirm.
//! See docs/design/publish.md.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use skep_api::{place::Home, wire::chain};
use skep_core::{
    run::{EnvState, Fence, Run},
    text,
};
use skep_host::{
    env::TMP,
    fence,
    git::{self, Bounds, Git, Repository},
    handout, lock,
    publish::{self, Head, PublishError, Push, Pushed, Standing},
};

use super::{Deed, local_name, lock_file};
use crate::launch;

#[cfg(test)]
pub(super) mod tests;

/// How long the hooks of a commit or a push may take.
const HOOKS: Duration = Duration::from_secs(10 * 60);
/// How long a push may take.
const SEND: Duration = Duration::from_secs(10 * 60);
/// How long whoever holds the env is waited for.
const ENV: Duration = Duration::from_secs(2);
/// How many paths are named.
const PATHS: usize = 100;

/// A branch that is to be brought to its remote, and as whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finalizing {
    pub(super) root: PathBuf,
    lock: PathBuf,
    repository: PathBuf,
    worktree: PathBuf,
    branch: String,
    /// Branches that are nobody's own: what the work came from, where it goes.
    not: Vec<String>,
    /// The words for a commit of what was left over; none: nothing is committed.
    message: Option<String>,
    /// What we pushed there before.
    published: Option<String>,
    sign: bool,
    /// The environment of commit and hooks: the run's own.
    vars: BTreeMap<String, String>,
    may: May,
    /// How long the remote is waited for when it is asked.
    ask_ms: u64,
    /// Whether it stays here: nothing is pushed, and no remote asked.
    #[serde(default)]
    stays: bool,
}

/// What hooks may write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "may", rename_all = "snake_case")]
enum May {
    /// What the run's agent could.
    AsAgent { fence: fence::Fence },
    /// The env and what git writes for it.
    Env,
    /// Everything, as the run's agent could.
    All,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Found {
    /// Files stand there that no commit holds; nothing was pushed.
    Dirty {
        paths: Vec<String>,
        /// How many there are besides.
        more: u64,
    },
    /// The remote, or a hook on the way to it, refused; its own words.
    Rejected { by: publish::By, output: String },
    /// The remote has exactly what stands, and nothing else stands.
    Published {
        head: String,
        /// Its name and address; none where the repository has none.
        remote: Option<String>,
    },
    /// It is not done, and nothing was changed but what `text` says.
    Failed { slug: String, text: String },
}

/// How a run's branch is brought to its remote: `message` is for what was left over, `published` what was pushed before;
/// what `stays` is committed, and not pushed.
///
/// Errors: a run that has no env or no branch of its own.
pub fn finalize_deed(
    run: &Run,
    home: &Home,
    message: Option<&str>,
    published: Option<&str>,
    stays: bool,
) -> Result<Deed, String> {
    let EnvState::Held(env) = &run.env else { return Err("its env does not stand".to_owned()) };
    let place = &run.brief.place;
    let repository = place.repository.as_ref().ok_or("it has no repository")?;
    let asker = launch::asker_env(home, run)?;
    let mut vars = launch::run_vars(run, &env.cwd, &asker, &run.brief.policy.env, home);
    let tmp = Path::new(&env.root).join(TMP);
    if let (true, Some(tmp)) = (tmp.is_dir(), tmp.to_str()) {
        vars.extend(["TMPDIR", "TMP", "TEMP"].map(|name| (name.to_owned(), tmp.to_owned())));
    }
    let base = env.base.as_ref().map(|base| base.branch.as_str());
    let others = [env.target.as_deref(), base].into_iter().flatten();
    Ok(Deed::Finalize {
        finalizing: Box::new(Finalizing {
            root: PathBuf::from(&env.root),
            lock: lock_file(env),
            repository: PathBuf::from(repository),
            worktree: PathBuf::from(&env.worktree),
            branch: env.branch.clone().ok_or("it has no branch of its own")?,
            not: others.flat_map(|name| [name.to_owned(), local_name(name)]).collect(),
            message: message.map(str::to_owned),
            published: published.map(str::to_owned),
            sign: place.sign,
            vars,
            may: may(run, home),
            ask_ms: place.fetch_ms,
            stays,
        }),
    })
}

/// What `spec.json` says of the fence of an attempt.
#[derive(Deserialize)]
struct Told {
    fence: Option<fence::Fence>,
}

/// What was open to the agent at its last attempt; less where that is not known any more.
fn may(run: &Run, home: &Home) -> May {
    let told = fs::read(home.attempt(run.id(), run.attempt).join("spec.json"));
    let told: Option<Told> = told.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match told {
        Some(Told { fence: Some(fence) }) => May::AsAgent { fence },
        Some(_) if matches!(run.brief.policy.fence, Fence::Off | Fence::Absent) => May::All,
        Some(_) | None => May::Env,
    }
}

/// Commits what was left over, pushes, and looks whether the remote has it.
pub(super) fn finalize(git: &Git, ask: &Finalizing) -> Found {
    let _alone = match lock::hold_within(&ask.lock, ENV) {
        Ok(held) => held,
        Err(err) => return unfinished(err.slug(), chain(&err)),
    };
    bring(git, ask).unwrap_or_else(|err| unfinished(err.slug(), chain(&err)))
}

fn unfinished(slug: &str, text: String) -> Found {
    Found::Failed { slug: slug.to_owned(), text }
}

fn bring(git: &Git, ask: &Finalizing) -> Result<Found, PublishError> {
    let repo = git::discover(git, &ask.repository)?;
    let agent = as_agent(ask);
    let mut stands = look(git, &repo, ask)?;
    if let Some(found) = elsewhere(ask, &stands) {
        return Ok(found);
    }
    if !stands.dirty.is_empty() {
        let Some(message) = &ask.message else { return Ok(dirty(&stands)) };
        publish::commit_rest(&agent, &repo, &ask.worktree, message, ask.sign)?;
        stands = look(git, &repo, ask)?;
    }
    if let Some(found) = judge(ask, &stands) {
        return Ok(found);
    }
    let push = Push {
        worktree: &ask.worktree,
        branch: &ask.branch,
        not: &ask.not,
        lease: ask.published.as_deref(),
    };
    let patient = git.clone().timeout(SEND);
    match publish::push(&patient, &agent, &repo, &push)? {
        Pushed::Pushed { .. } | Pushed::UpToDate { .. } => {}
        Pushed::Rejected { by, output } => return Ok(Found::Rejected { by, output }),
        Pushed::Failed { text } => return Ok(unfinished("push-failed", text)),
    }
    let stands = look(git, &repo, ask)?;
    Ok(judge(ask, &stands).unwrap_or_else(|| {
        let text = format!("the remote took the push, and {} is elsewhere there now", ask.branch);
        unfinished("remote-moved", text)
    }))
}

/// Git as the agent had it: with its variables, behind its fence.
fn as_agent(ask: &Finalizing) -> Git {
    let bounds = match &ask.may {
        May::AsAgent { fence } => Bounds::Agent(fence.clone()),
        May::Env => Bounds::Env,
        May::All => Bounds::None,
    };
    let agent = Git::new(&ask.vars).timeout(HOOKS).bounded(bounds);
    handout::unseen(&agent, &ask.root)
}

fn look(git: &Git, repo: &Repository, ask: &Finalizing) -> Result<Standing, PublishError> {
    let wait = (!ask.stays).then(|| Duration::from_millis(ask.ask_ms));
    publish::status_of(git, repo, &ask.worktree, wait)
}

/// What stands in the worktree is not the branch that is meant.
fn elsewhere(ask: &Finalizing, stands: &Standing) -> Option<Found> {
    if stands.branch.as_deref() == Some(&ask.branch) {
        return None;
    }
    let on =
        stands.branch.as_ref().map_or_else(|| "no branch".to_owned(), |name| format!("`{name}`"));
    let text = format!("its worktree is on {on}, not on `{}`", ask.branch);
    Some(unfinished("branch-left", text::one_line(&text)))
}

/// What is found as it stands; none where there is something to push.
fn judge(ask: &Finalizing, stands: &Standing) -> Option<Found> {
    if let Some(found) = elsewhere(ask, stands) {
        return Some(found);
    }
    if !stands.dirty.is_empty() {
        return Some(dirty(stands));
    }
    let Some(remote) = &stands.remote else {
        return Some(Found::Published { head: stands.head.clone(), remote: None });
    };
    let remote_name = text::one_line(&format!("{} {}", remote.name, remote.url));
    match &stands.remote_head {
        Head::At { oid } if *oid == stands.head => {
            Some(Found::Published { head: stands.head.clone(), remote: Some(remote_name) })
        }
        Head::At { .. } | Head::Absent => None,
        Head::Unknown { why } => {
            Some(unfinished("remote-unknown", format!("{remote_name} gives no answer: {why}")))
        }
    }
}

fn dirty(stands: &Standing) -> Found {
    let all = &stands.dirty;
    let paths = all.iter().take(PATHS).map(|path| path.to_string_lossy().into_owned()).collect();
    Found::Dirty { paths, more: all.len().saturating_sub(PATHS).try_into().unwrap_or(u64::MAX) }
}
