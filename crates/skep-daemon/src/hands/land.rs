//! Bringing runs' work to their target: the tree that would land, and the move of the target to it.
//!
//! Owns: what stands in the way of either, in words. Never: brings what is not the tree that was tried; takes a branch that has
//! moved since for the work that the gates saw.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use skep_api::{place::Home, wire::chain};
use skep_core::{
    id::RunId,
    run::{EnvState, OpResult, Run, landing},
    text,
};
use skep_host::{
    combine::{self, Behind, Brought as HostBrought, Claiming, Combined, How},
    git::{self, Git, GitError, Repository},
    handout,
    publish::{self, Head},
    worktree::Refusal,
};

use super::within;

/// How long another lander of the same target is waited for.
const OTHERS: Duration = Duration::from_secs(60);
/// How often it is looked whether the other one is done: there is no event for another home's claim.
const LOOK: Duration = Duration::from_millis(200);
/// How long a claim holds whose lander died. Unit: seconds.
const LEASE: i64 = 10 * 60;
/// How many of the others' commits are named.
const NAMED: usize = 20;

/// Works that are to be combined with their target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Combining {
    locks: PathBuf,
    /// Where it is written down when a remote was last asked.
    repository: PathBuf,
    target: String,
    /// The commit that is to stand there when this lands, where it does not yet.
    on: Option<String>,
    how: How,
    /// Whether the target is the remote's branch.
    push: bool,
    fetch_ms: u64,
    sign: bool,
    /// The moment that new commits are dated. Unit: seconds since 1970.
    at: i64,
    settings_seen: bool,
    /// The one whose landing it is, then those who ride along.
    works: Vec<Work>,
}

/// A run's work as it stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Work {
    run: RunId,
    name: String,
    message: String,
    root: PathBuf,
    /// The worktree, where it still stands.
    worktree: Option<PathBuf>,
    branch: String,
    /// The commit that the work started from.
    base: Option<String>,
}

/// What came of combining.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "made", rename_all = "snake_case")]
pub enum Made {
    Trial {
        trial: Box<landing::Trial>,
    },
    Conflict {
        onto: String,
        files: Vec<String>,
        /// The others' commits to these files, a line each.
        theirs: String,
    },
    Over {
        result: OpResult,
    },
}

/// How work comes to its target, as the settings say now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub target: String,
    pub how: How,
    pub push: bool,
    pub fetch_ms: u64,
}

impl Terms {
    /// Where it goes and how, in words.
    pub fn words(&self) -> String {
        let how = match self.how {
            How::Merge => "merged",
            How::Squash => "squashed",
            How::Rebase => "rebased",
        };
        let push = if self.push { ", by a push" } else { "" };
        format!("{} ({how}{push})", self.target)
    }
}

/// How the work of `runs`, the first of them whose landing it is, is combined with its target, or with what is to stand there.
pub fn combine_deed(
    runs: &[&Run],
    home: &Home,
    terms: &Terms,
    wish: &landing::Wish,
    (on, at): (Option<String>, i64),
) -> Result<super::Deed, String> {
    let first = runs.first().ok_or("nobody's work is to land")?;
    let repository = first.brief.place.repository.as_ref().ok_or("it has no repository")?;
    let works: Result<Vec<Work>, String> = runs.iter().map(|run| work(run)).collect();
    Ok(super::Deed::Combine {
        combining: Box::new(Combining {
            locks: home.repository_locks(),
            repository: PathBuf::from(repository),
            target: terms.target.clone(),
            on,
            how: terms.how,
            push: terms.push,
            fetch_ms: terms.fetch_ms,
            sign: first.brief.place.sign,
            at,
            settings_seen: wish.settings_seen,
            works: works?,
        }),
    })
}

fn work(run: &Run) -> Result<Work, String> {
    within::require_own(run)?;
    let env = run.env().ok_or("it has no env")?;
    let title = text::one_line(&run.brief.title);
    let mut message = if title.trim().is_empty() { run.brief.name.clone() } else { title };
    message.push_str(&format!("\n\nskep-run: {}\n", run.id()));
    Ok(Work {
        run: run.id().clone(),
        name: run.brief.name.clone(),
        message,
        root: PathBuf::from(&env.root),
        worktree: matches!(run.env, EnvState::Held(_)).then(|| PathBuf::from(&env.worktree)),
        branch: env.branch.clone().ok_or("it has no branch of its own")?,
        base: env.base.as_ref().map(|base| base.oid.clone()),
    })
}

impl Combining {
    /// The env of the run whose landing it is.
    pub(super) fn root(&self) -> Option<&Path> {
        self.works.first().map(|work| work.root.as_path())
    }
}

/// Makes the tree that would land.
pub(super) fn combine(git: &Git, asked: &Combining) -> Made {
    made(git, asked).unwrap_or_else(|err| Made::Over { result: failed(&err) })
}

fn made(git: &Git, asked: &Combining) -> Result<Made, GitError> {
    let repo = git::discover(git, &asked.repository)?;
    let Some((mine, riders)) = asked.works.split_first() else {
        return Ok(over("land-failed", "nobody's work is to land".to_owned(), Vec::new()));
    };
    let (onto, remote) = if asked.push {
        match at_remote(git, &repo, asked)? {
            Ok((onto, remote)) => (Some(onto), Some(remote)),
            Err(result) => return Ok(Made::Over { result }),
        }
    } else {
        (None, None)
    };
    let onto = asked.on.clone().or(onto);
    let stands = match &onto {
        Some(onto) => Some(onto.clone()),
        None => git::branch(git, &repo, &asked.target)?,
    };
    let mine_head = match standing(git, &repo, mine, stands.as_deref())? {
        Ok(head) => head,
        Err(result) => return Ok(Made::Over { result }),
    };
    let mut taken = vec![(mine, mine_head.clone())];
    for rider in riders {
        // Who has to be told something is told it when its own turn comes.
        let git = match handout::take_back_if_free(git, &rider.root) {
            Ok(true) => git.clone(),
            Ok(false) => handout::unseen(git, &rider.root),
            Err(_) => continue,
        };
        if let Ok(Ok(head)) = standing(&git, &repo, rider, stands.as_deref()) {
            taken.push((rider, head));
        }
    }
    let mut ask = combine::Ask {
        target: asked.target.clone(),
        onto,
        works: taken
            .iter()
            .map(|(work, head)| combine::Work {
                head: head.clone(),
                name: work.name.clone(),
                message: work.message.clone(),
                on: Vec::new(),
            })
            .collect(),
        how: asked.how,
        at: asked.at,
        sign: asked.sign,
    };
    let names = |left: &combine::Left| -> Vec<String> {
        let names: Vec<String> =
            left.files.iter().map(|file| text::one_line(&file.to_string_lossy())).collect();
        if names.is_empty() { vec![text::one_line(&left.text)] } else { names }
    };
    let conflict = |onto: &str, left: &combine::Left| -> Result<Made, GitError> {
        let theirs = theirs(git, &repo, onto, &mine_head, &left.files)?;
        Ok(Made::Conflict { onto: onto.to_owned(), files: names(left), theirs })
    };
    let mut combined = combine::combine(git, &repo, &ask)?;
    if let Combined::Trial(trial) = &combined
        && !trial.touches.is_empty()
        && trial.taken.len() > 1
    {
        // Whose work it is that changes them is not known, and nobody lands or waits for another's.
        ask.works.truncate(1);
        combined = combine::combine(git, &repo, &ask)?;
    }
    let trial = match combined {
        Combined::Trial(trial) => trial,
        Combined::Already { onto } => return Ok(there(asked, onto)),
        Combined::Conflicts { onto, left } => {
            return match left.iter().find(|left| left.work == 0) {
                Some(left) => conflict(&onto, left),
                None => Ok(there(asked, onto)),
            };
        }
        Combined::TargetMissing => {
            return Ok(Made::Over { result: missing(&asked.target, "target-missing") });
        }
    };
    if let Some(left) = trial.left.iter().find(|left| left.work == 0) {
        return conflict(&trial.onto, left);
    }
    if !trial.taken.contains(&0) {
        return Ok(there(asked, trial.onto));
    }
    if !trial.touches.is_empty() && !asked.settings_seen {
        let files: Vec<String> =
            trial.touches.iter().map(|file| text::one_line(&file.to_string_lossy())).collect();
        let run = &mine.run;
        return Ok(over(
            "settings-changed",
            format!("it changes what the project says of itself: {}", files.join(", ")),
            vec![
                format!("skep diff {run} .skep"),
                format!("skep land {run} --settings   lands it, now that you have seen it"),
            ],
        ));
    }
    let mut works = Vec::new();
    for (nth, place) in trial.taken.iter().enumerate() {
        let Some((work, head)) = taken.get(*place) else { continue };
        works.push(landing::Work {
            run: work.run.clone(),
            head: head.clone(),
            commit: trial.tips.get(nth).unwrap_or(&trial.commit).clone(),
            commits: git::count(git, &repo, &trial.onto, head)?,
        });
    }
    Ok(Made::Trial {
        trial: Box::new(landing::Trial {
            target: asked.target.clone(),
            onto: trial.onto,
            tree: trial.tree,
            commit: trial.commit,
            works,
            remote,
        }),
    })
}

/// The target has all of it.
fn there(asked: &Combining, onto: String) -> Made {
    let (target, old, new) = (asked.target.clone(), onto.clone(), onto);
    Made::Over { result: OpResult::Landed { target, old, new, commits: 0, beside: Vec::new() } }
}

/// The commit of a work that is whole and can land, or why it cannot.
fn standing(
    git: &Git,
    repo: &Repository,
    work: &Work,
    onto: Option<&str>,
) -> Result<Result<String, OpResult>, GitError> {
    let Some(head) = git::branch(git, repo, &work.branch)? else {
        return Ok(Err(missing(&work.branch, "branch-missing")));
    };
    let run = &work.run;
    let facts = match &work.worktree {
        Some(worktree) => Some(git::facts(git, worktree, &head, None)?),
        None => None,
    };
    if let Some(facts) = &facts
        && facts.branch.as_deref() != Some(&work.branch)
        && git::count(git, repo, &head, &facts.head)? > 0
        && !has(git, repo, onto, &facts.head)?
    {
        let on = facts.branch.as_ref().map_or_else(
            || "on no branch".to_owned(),
            |branch| format!("on `{}`", text::one_line(branch)),
        );
        return Ok(Err(refusal(
            "branch-left",
            format!(
                "its worktree is {on}, with commits that `{}` lacks; they would not land",
                work.branch
            ),
            vec![
                format!("skep sh {run} -- git log --oneline {}..HEAD", work.branch),
                format!("skep resume {run} \"Bring all of it onto {}.\"", work.branch),
            ],
        )));
    }
    if facts.is_some_and(|facts| facts.dirty) {
        return Ok(Err(refusal(
            "worktree-dirty",
            "its worktree has changes that no commit holds; they would not land".to_owned(),
            vec![
                format!("skep sh {run} -- git status"),
                format!("skep sh {run} -- git commit -a    then land again"),
            ],
        )));
    }
    if work.base.as_deref() == Some(head.as_str()) {
        return Ok(Err(refusal(
            "nothing-to-land",
            format!("{} has no commit of its own", work.branch),
            vec![format!("skep logs {run}"), format!("skep close {run}")],
        )));
    }
    Ok(Ok(head))
}

/// Whether a target has a commit in its history; one that is not there has none.
fn has(git: &Git, repo: &Repository, onto: Option<&str>, commit: &str) -> Result<bool, GitError> {
    match onto {
        Some(onto) => Ok(git::count(git, repo, onto, commit)? == 0),
        None => Ok(false),
    }
}

/// Where the remote's target stands, asked now, and the remote's name.
fn at_remote(
    git: &Git,
    repo: &Repository,
    asked: &Combining,
) -> Result<Result<(String, String), OpResult>, GitError> {
    let git = git.clone().timeout(Duration::from_millis(asked.fetch_ms.max(1_000)));
    let there = match combine::there(&git, repo, &asked.target) {
        Ok(Some(there)) => there,
        Ok(None) => {
            return Ok(Err(refusal(
                "no-remote",
                "the project lands by a push, and its repository has no remote".to_owned(),
                vec!["skep config set land local --project P".to_owned()],
            )));
        }
        Err(err) => {
            return Ok(Err(OpResult::Failed { slug: err.slug().to_owned(), text: chain(&err) }));
        }
    };
    let remote = there.remote.name;
    Ok(match there.head {
        Head::At { oid } => Ok((oid, remote)),
        Head::Absent => Err(missing(&format!("{remote}/{}", asked.target), "target-missing")),
        Head::Unknown { why } => Err(OpResult::Failed {
            slug: "remote-unreachable".to_owned(),
            text: format!("{remote} cannot be asked where {} is: {why}", asked.target),
        }),
    })
}

/// What the others say of their commits to `files`, that the work has not seen.
fn theirs(
    git: &Git,
    repo: &Repository,
    onto: &str,
    head: &str,
    files: &[PathBuf],
) -> Result<String, GitError> {
    let subjects = git::subjects(git, repo, head, onto, files, NAMED)?;
    Ok(subjects.join("\n"))
}

/// A trial that is to be brought, or only attested.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bringing {
    locks: PathBuf,
    repository: PathBuf,
    target: String,
    onto: String,
    commit: String,
    remote: Option<String>,
    gates_only: bool,
    /// Who lands, for others who would.
    lander: String,
    run: RunId,
    /// The branches, and the commits that the gates saw.
    works: BTreeMap<String, String>,
    /// What is kept beside the commit.
    note: String,
    /// Unit: seconds since 1970.
    at: i64,
}

/// What came of bringing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "brought", rename_all = "snake_case")]
pub enum Brought {
    Done {
        /// What was left undone when it had moved, in sentences.
        beside: Vec<String>,
    },
    Moved {
        text: String,
    },
    /// The target cannot be pushed to: it takes a change.
    Protected {
        text: String,
    },
    Over {
        result: OpResult,
    },
}

/// How a target is moved to what its gates have passed; `lander` is this home's own name in the claim.
pub fn bring_deed(
    run: &Run,
    works: &BTreeMap<String, String>,
    (home, lander): (&Home, String),
    trial: &landing::Trial,
    gates_only: bool,
    note: String,
    at: i64,
) -> Result<super::Deed, String> {
    let repository = run.brief.place.repository.as_ref().ok_or("it has no repository")?;
    Ok(super::Deed::Bring {
        bringing: Box::new(Bringing {
            locks: home.repository_locks(),
            repository: PathBuf::from(repository),
            target: trial.target.clone(),
            onto: trial.onto.clone(),
            commit: trial.commit.clone(),
            remote: trial.remote.clone(),
            gates_only,
            lander,
            run: run.id().clone(),
            works: works.clone(),
            note,
            at,
        }),
    })
}

/// Moves the target to the trial, from where it stood when the trial was made and from nowhere else.
pub(super) fn bring(git: &Git, asked: &Bringing) -> Brought {
    brought(git, asked).unwrap_or_else(|err| Brought::Over { result: failed(&err) })
}

fn brought(git: &Git, asked: &Bringing) -> Result<Brought, GitError> {
    let repo = git::discover(git, &asked.repository)?;
    for (branch, head) in &asked.works {
        if git::branch(git, &repo, branch)?.as_deref() != Some(head) {
            return Ok(Brought::Moved { text: format!("{branch} has moved since") });
        }
    }
    if asked.gates_only {
        combine::attest(git, &repo, &asked.commit, &asked.note, asked.at)?;
        return Ok(Brought::Done { beside: Vec::new() });
    }
    let remote = match &asked.remote {
        None => None,
        Some(name) => match publish::to_push(git, &repo, Some(&asked.target)) {
            Ok(Some(remote)) if remote.name == *name => Some(remote),
            Ok(_) => return Ok(Brought::Moved { text: format!("{name} is another remote now") }),
            Err(err) => {
                let result = OpResult::Failed { slug: err.slug().to_owned(), text: chain(&err) };
                return Ok(Brought::Over { result });
            }
        },
    };
    let claim = match claimed(git, &repo, asked)? {
        Ok(claim) => claim,
        Err(by) => {
            return Ok(Brought::Over {
                result: refusal(
                    "target-claimed",
                    format!("{} is being landed on by another skep ({by})", asked.target),
                    vec![format!("skep land {}   when it is done", asked.run)],
                ),
            });
        }
    };
    let ask = combine::Bring {
        target: asked.target.clone(),
        onto: asked.onto.clone(),
        commit: asked.commit.clone(),
        claim: claim.clone(),
        push: remote,
    };
    let brought = combine::bring(git, &repo, &asked.locks, &ask);
    // Another one waits for it at most as long as the lease is.
    let _released = combine::release(git, &repo, &claim);
    Ok(match brought? {
        HostBrought::Landed { behind, .. } | HostBrought::Already { behind, .. } => {
            // It has moved: nothing that is left undone now makes the landing one that failed.
            let mut beside = Vec::new();
            if let Some(behind) = behind {
                beside.push(format!("your branch {} stays: {}", asked.target, why(behind, asked)));
            }
            if let Err(err) = combine::attest(git, &repo, &asked.commit, &asked.note, asked.at) {
                beside.push(format!("the commit has no note of what was seen: {}", chain(&err)));
            }
            Brought::Done { beside }
        }
        HostBrought::Fenced { .. } => {
            Brought::Moved { text: format!("another skep lands on {}", asked.target) }
        }
        HostBrought::Refused(Refusal::TargetMoved { .. } | Refusal::NotFastForward { .. }) => {
            Brought::Moved { text: format!("{} has moved since", asked.target) }
        }
        HostBrought::Refused(refusal) => {
            Brought::Over { result: refused(&refusal, &asked.target, asked.run.as_str()) }
        }
        HostBrought::PushRefused { output, .. } if is_protection(&output) => {
            Brought::Protected { text: text::one_line(&output) }
        }
        HostBrought::PushRefused { output, .. } => Brought::Over {
            result: refusal(
                "push-refused",
                format!("the remote would not have it: {}", text::one_line(&output)),
                vec![format!("skep pr {}   proposes it as a change", asked.run)],
            ),
        },
        HostBrought::Unreachable { text } => Brought::Over {
            result: OpResult::Failed { slug: "remote-unreachable".to_owned(), text },
        },
    })
}

/// Why the local branch is where it was.
fn why(behind: Behind, asked: &Bringing) -> String {
    match behind {
        Behind::Failed { text } => text::one_line(&text),
        Behind::Refused { refusal } => {
            let told = refused(&refusal, &asked.target, asked.run.as_str());
            if let OpResult::Refused { text, .. } = told { text } else { refusal.slug().to_owned() }
        }
    }
}

/// Whether a remote's words say that a branch takes changes only: those of GitHub, GitLab, Gitea and Forgejo.
fn is_protection(output: &str) -> bool {
    let said = output.to_lowercase();
    ["protected branch", "gh006", "gh013", "not allowed to push", "branch is protected"]
        .iter()
        .any(|words| said.contains(words))
}

fn claimed(
    git: &Git,
    repo: &Repository,
    asked: &Bringing,
) -> Result<Result<combine::Claim, String>, GitError> {
    let began = Instant::now();
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        match combine::claim(git, repo, &asked.target, &asked.lander, LEASE, now)? {
            Claiming::Claimed(claim) => return Ok(Ok(claim)),
            Claiming::Held(by) if began.elapsed() > OTHERS => return Ok(Err(by.owner)),
            Claiming::Held(_) => thread::sleep(LOOK),
        }
    }
}

fn failed(err: &GitError) -> OpResult {
    OpResult::Failed { slug: err.slug().to_owned(), text: chain(err) }
}

fn over(slug: &str, text: String, hints: Vec<String>) -> Made {
    Made::Over { result: refusal(slug, text, hints) }
}

fn missing(name: &str, slug: &str) -> OpResult {
    refusal(
        slug,
        format!("there is no branch `{name}` here"),
        vec![format!(
            "set `target` in the project's settings, or make it: git branch {}",
            text::shell(name)
        )],
    )
}

fn refusal(slug: &str, text: String, hints: Vec<String>) -> OpResult {
    OpResult::Refused { slug: slug.to_owned(), text, hints, merged: None }
}

/// The answer to a landing, or its taking back, that would go over something.
pub(super) fn refused(refusal: &Refusal, target: &str, run: &str) -> OpResult {
    let names = |files: &[PathBuf]| {
        let names: Vec<String> =
            files.iter().take(5).map(|file| text::one_line(&file.to_string_lossy())).collect();
        names.join(", ")
    };
    let again = format!("then: skep land {run}");
    let (text, hints) = match refusal {
        Refusal::TargetDirty { checkout, files } => (
            format!("{} has changes of yours in {}", checkout.display(), names(files)),
            vec![format!("commit or stash them in {}", checkout.display()), again],
        ),
        Refusal::NotFastForward { .. } => (
            format!("{target} has commits that this work lacks"),
            vec![format!("skep sh {run} -- git rebase {}", text::shell(target)), again],
        ),
        Refusal::TargetMoved { .. } => (format!("{target} moved meanwhile"), vec![again]),
        Refusal::TargetMissing => (
            format!("there is no branch {target}"),
            vec![format!("git branch {}", text::shell(target)), again],
        ),
        Refusal::TargetBusy { checkout, why } => (
            format!("{} cannot take it: {why}", checkout.display()),
            vec![format!("finish that in {}", checkout.display()), again],
        ),
        Refusal::Submodules { checkout, files } => (
            format!("submodules of {} would move: {}", checkout.display(), names(files)),
            vec![format!("merge it by hand in {}", checkout.display())],
        ),
    };
    OpResult::Refused { slug: refusal.slug().to_owned(), text, hints, merged: None }
}
