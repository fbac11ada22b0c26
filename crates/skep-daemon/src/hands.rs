//! Host deeds: what an effect does to git and files, as values that another process carries out.
//!
//! Owns: the deeds, their reports, the set-up script. `skep __effect` reads a deed and writes its report.
//! Never: decides whether a deed is due; never runs a project's script that nobody approved.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use skep_api::{place::Home, wire::chain};
use skep_core::{
    facts::GitFacts,
    guide::Guide,
    id::{OpId, RunId, SnapshotId},
    run::{self, Base, Env, EnvState, EnvType, Fault, How, OpResult, Place, Run, SetUp, Undo},
    snapshot::{Snapshot, Why},
    time::Timestamp,
};
use skep_host::{
    env::{self, Ran},
    git::{self, Git, Repository},
    handout, paths,
};

pub use crate::launch::digest;
use crate::{config, launch};

pub mod close;
pub mod finalize;
mod hooks;
pub mod issue;
pub mod keep;
pub mod land;
pub mod lent;
pub mod reviewed;
mod set_up;
mod within;

use close::Going;
use finalize::{Finalizing, Found};
use issue::{Holding, TakenIssue};
use keep::{Returning, Standing};
use land::{Bringing, Brought, Combining, Made};
use reviewed::Reviewed;
use within::Entering;

/// Something to be done to git and files.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub enum Deed {
    Prepare {
        ask: Box<env::Prepare>,
        target: Option<String>,
        /// Where its work began, where that was known before.
        base: Option<Base>,
        set_up: Option<SetUp>,
        hooks: Box<hooks::Hooks>,
        /// The environment of the project's scripts: the run's own.
        vars: BTreeMap<String, String>,
        /// What they get beside it.
        grant: Box<set_up::Grant>,
        /// Where all that the set-up said is kept, however it went.
        log: PathBuf,
        /// Where it is written down what stands there before anybody works; none: nobody asks.
        #[serde(default)]
        before: Option<PathBuf>,
        guide: Guide,
    },
    /// Lets a run into the env of another one.
    Enter {
        entering: Box<Entering>,
    },
    /// Gives back an env that is another run's: nothing is done to it.
    LetGo {
        owner: RunId,
    },
    Undo {
        locks: PathBuf,
        root: PathBuf,
    },
    Close {
        going: Box<Going>,
    },
    /// Brings what a forced close moved to the trash into its snapshot.
    Settle {
        going: Box<Going>,
    },
    Snapshot {
        standing: Standing,
    },
    Restore {
        returning: Box<Returning>,
    },
    Forget {
        /// None: a plain folder's, which no repository keeps.
        repository: Option<PathBuf>,
        locks: PathBuf,
        snapshots: Vec<SnapshotId>,
    },
    Purge {
        trash: PathBuf,
        slot: String,
        /// Whether a snapshot holds the rest.
        proven: bool,
    },
    Revert {
        repository: PathBuf,
        locks: PathBuf,
        of: OpId,
        target: String,
        old: String,
        new: String,
        run: String,
    },
    /// Commits what was left over and brings the branch to the remote.
    Finalize {
        finalizing: Box<Finalizing>,
    },
    /// Finds out what a reviewer changed.
    Reviewed {
        reviewed: Box<Reviewed>,
    },
    /// Takes an issue for a run, where nobody has it.
    TakeIssue {
        holding: Box<Holding>,
    },
    /// Gives it back.
    LeaveIssue {
        holding: Box<Holding>,
    },
    /// Makes the tree that would land.
    Combine {
        combining: Box<Combining>,
    },
    /// Moves a target to what its gates have passed.
    Bring {
        bringing: Box<Bringing>,
    },
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    Prepared {
        env: Env,
    },
    PrepareFailed {
        fault: Fault,
        slug: String,
        text: String,
    },
    Undone {
        text: Option<String>,
    },
    Op {
        result: OpResult,
    },
    /// None: what stands is what the last snapshot holds.
    Snapped {
        taken: Result<Option<Box<Snapshot>>, String>,
    },
    Settled {
        taken: Result<Box<Snapshot>, String>,
    },
    Purged {
        text: Option<String>,
    },
    Finalized {
        found: Found,
    },
    /// What a reviewer changed, or why that is not known.
    Reviewed {
        touched: Result<Vec<String>, String>,
    },
    IssueTaken {
        taken: TakenIssue,
    },
    IssueLeft {
        failed: Option<String>,
    },
    Combined {
        made: Made,
    },
    Brought {
        made: Brought,
    },
}

/// The lock that whoever may change the env holds.
pub fn lock_file(env: &Env) -> PathBuf {
    PathBuf::from(&env.lock)
}

/// How a run's env is to be made.
pub fn prepare_deed(run: &Run, home: &Home) -> Result<Deed, String> {
    if let Some(owner) = &run.brief.within {
        return Ok(within::enter_deed(run, owner));
    }
    let place = &run.brief.place;
    let envs = Path::new(&place.envs);
    let vars = launch::asker_env(home, run)?;
    let cwd = envs.join(&place.key).to_string_lossy().into_owned();
    Ok(Deed::Prepare {
        ask: Box::new(env::Prepare {
            envs: envs.to_owned(),
            locks: home.repository_locks(),
            key: place.key.clone(),
            run: run.id().to_string(),
            env_type: match place.env_type {
                EnvType::Worktree => env::EnvType::Worktree,
                EnvType::InPlace => env::EnvType::InPlace,
                EnvType::Directory => env::EnvType::Directory,
            },
            repository: place.repository.as_ref().map(PathBuf::from),
            project: run.brief.project.clone().unwrap_or_else(|| "run".to_owned()),
            name: run.brief.name.clone(),
            branches: place.branches.clone(),
            attach: place.exact_branch,
            detached: place.detached.clone(),
            base: place.base.clone(),
            sub_dir: PathBuf::from(&place.sub_dir),
            copy: place.copy.clone(),
            link: place.link.clone(),
            fetch_ms: place.fetch_ms,
        }),
        target: place.target.clone(),
        base: run.brief.adopted.as_ref().and_then(|adopted| adopted.base.clone()),
        set_up: place.set_up.clone(),
        hooks: Box::new(hooks::Hooks::of(run, home)),
        vars: launch::run_vars(run, &cwd, &vars, &run.brief.policy.env, home),
        grant: Box::new(set_up::Grant::of(run, home, &vars)?),
        log: home.run(run.id()).join("setup.log"),
        // Nobody asks what a gate touched.
        before: place
            .detached
            .as_ref()
            .filter(|_| !run.is_gate())
            .map(|_| reviewed::before_of(run, home)),
        guide: if place.env_type == EnvType::Worktree {
            place.guide.clone()
        } else {
            Guide::default()
        },
    })
}

/// How what a preparation recorded is taken back.
pub fn undo_deed(run: &Run, home: &Home) -> Deed {
    let place = &run.brief.place;
    let root = run
        .env()
        .map_or_else(|| Path::new(&place.envs).join(&place.key), |env| PathBuf::from(&env.root));
    // Of another's env nothing is this run's to take back; in its own folder there is no env.
    let root = if run.is_within() { home.run(run.id()) } else { root };
    Deed::Undo { locks: home.repository_locks(), root }
}

/// How a run's env is given back.
pub fn close_deed(
    run: &Run,
    home: &Home,
    how: How,
    snapshot: &SnapshotId,
    now: Timestamp,
) -> Result<Deed, String> {
    if let Some(owner) = &run.brief.within {
        return Ok(Deed::LetGo { owner: owner.clone() });
    }
    Ok(Deed::Close { going: Box::new(close::going(run, home, how, snapshot, now)?) })
}

/// How what a forced close moved comes into its snapshot.
pub fn settle_deed(
    run: &Run,
    home: &Home,
    snapshot: &SnapshotId,
    now: Timestamp,
) -> Result<Deed, String> {
    within::require_own(run)?;
    Ok(Deed::Settle { going: Box::new(close::going(run, home, How::Force, snapshot, now)?) })
}

/// How a snapshot of a run is taken.
pub fn snapshot_deed(
    run: &Run,
    home: &Home,
    id: &SnapshotId,
    why: Why,
    now: Timestamp,
) -> Result<Deed, String> {
    Ok(Deed::Snapshot { standing: keep::standing(run, home, id, why, now)? })
}

/// How a snapshot is brought back.
pub fn restore_deed(
    run: &Run,
    home: &Home,
    snapshot: &SnapshotId,
    before: &SnapshotId,
    now: Timestamp,
) -> Result<Deed, String> {
    within::require_own(run)?;
    Ok(Deed::Restore { returning: Box::new(keep::returning(run, home, snapshot, before, now)?) })
}

/// How snapshots go for good.
pub fn forget_deed(run: &Run, home: &Home, snapshots: &[SnapshotId]) -> Deed {
    Deed::Forget {
        repository: run.brief.place.repository.as_ref().map(PathBuf::from),
        locks: home.repository_locks(),
        snapshots: snapshots.to_vec(),
    }
}

/// How what a snapshot left in the trash goes for good.
pub fn purge_deed(run: &Run, home: &Home, snapshot: &SnapshotId) -> Deed {
    Deed::Purge {
        trash: trash(&run.brief.place, home),
        slot: snapshot.to_string(),
        proven: run.snapshots.get(snapshot).is_some_and(|kept| !kept.oid.is_empty()),
    }
}

/// How a landing is taken back.
pub fn revert_deed(run: &Run, home: &Home, of: &OpId) -> Result<Deed, String> {
    let repository = run.brief.place.repository.as_ref().ok_or("it has no repository")?;
    let done = run.undoable.iter().find(|done| done.op == *of).map(|done| &done.what);
    let Some(Undo::Land { target, old, new }) = done else {
        return Err(format!("{of} is no landing"));
    };
    Ok(Deed::Revert {
        repository: PathBuf::from(repository),
        locks: home.repository_locks(),
        of: of.clone(),
        target: target.clone(),
        old: old.clone(),
        new: new.clone(),
        run: run.id().to_string(),
    })
}

/// Where envs go first when they are given back: on their own disk.
pub fn trash(place: &Place, home: &Home) -> PathBuf {
    let envs = Path::new(&place.envs);
    if envs == home.envs() { home.trash() } else { envs.join(".trash") }
}

/// Carries out `deed` with `vars` as the environment of git.
pub fn carry_out(deed: Deed, vars: &BTreeMap<String, String>) -> Done {
    let git = Git::new(vars);
    let git = match lent::given_back(&git, &deed) {
        Ok(git) => git,
        Err(done) => return *done,
    };
    match deed {
        Deed::Prepare { ask, target, base, set_up, hooks, vars, grant, log, before, guide } => {
            let vars = (vars, *grant);
            let own = (set_up.as_ref(), &*hooks);
            prepare(&git, &ask, (target, base), own, &guide, vars, (&log, before.as_deref()))
        }
        Deed::Enter { entering } => within::enter(&git, &entering),
        Deed::LetGo { owner } => Done::Op { result: within::let_go(&owner) },
        Deed::Undo { locks, root } => {
            let text = env::undo(&git, &locks, &root, Ran::Setup).err().map(|err| chain(&err));
            Done::Undone { text }
        }
        Deed::Close { going } => Done::Op { result: close::close(&git, &going) },
        Deed::Settle { going } => Done::Settled { taken: close::settle_later(&git, &going) },
        Deed::Snapshot { standing } => Done::Snapped { taken: keep::take(&git, &standing) },
        Deed::Restore { returning } => Done::Op { result: keep::restore(&git, &returning) },
        Deed::Forget { repository, locks, snapshots } => {
            Done::Op { result: keep::forget(&git, repository.as_deref(), &locks, &snapshots) }
        }
        Deed::Purge { trash, slot, proven } => {
            Done::Purged { text: keep::purge(&git, &trash, &slot, proven).err() }
        }
        Deed::Revert { repository, locks, of, target, old, new, run } => {
            let what = Undo::Land { target, old, new };
            Done::Op { result: keep::revert(&git, &repository, &locks, &of, &what, &run) }
        }
        Deed::Finalize { finalizing } => {
            Done::Finalized { found: finalize::finalize(&git, &finalizing) }
        }
        Deed::Reviewed { reviewed } => {
            Done::Reviewed { touched: reviewed::touched(&git, &reviewed) }
        }
        Deed::TakeIssue { holding } => Done::IssueTaken { taken: issue::take(&git, &holding) },
        Deed::LeaveIssue { holding } => Done::IssueLeft { failed: issue::leave(&git, &holding) },
        Deed::Combine { combining } => Done::Combined { made: land::combine(&git, &combining) },
        Deed::Bring { bringing } => Done::Brought { made: land::bring(&git, &bringing) },
    }
}

fn prepare(
    git: &Git,
    ask: &env::Prepare,
    (target, base): (Option<String>, Option<Base>),
    (set_up, hooks): (Option<&SetUp>, &hooks::Hooks),
    guide: &Guide,
    (mut vars, mut grant): (BTreeMap<String, String>, set_up::Grant),
    (log, before): (&Path, Option<&Path>),
) -> Done {
    let mut may = |creating: env::Creating<'_>| hooks.creating(creating, &vars, &grant);
    let prepared = match env::prepare_asking(git, ask, &mut may) {
        Ok(prepared) => prepared,
        Err(err) => {
            // The hook's own words are the answer.
            let text = if let env::Cause::Vetoed { text } = &err.cause
                && err.left.is_empty()
            {
                text.clone()
            } else {
                chain(&err)
            };
            let (fault, slug) = (fault(err.fault()), err.slug().to_owned());
            return Done::PrepareFailed { fault, slug, text };
        }
    };
    vars.insert("PWD".to_owned(), prepared.cwd.to_string_lossy().into_owned());
    let set_up_failed = |slug: &str, text: String| Done::PrepareFailed {
        fault: Fault::User,
        slug: slug.to_owned(),
        text,
    };
    let mut notes = prepared.notes.clone();
    if let Some(git::FetchOutcome::Failed { why, refs_age_s }) = &prepared.fetch {
        let age = refs_age_s.map_or_else(|| "an unknown time".to_owned(), |age| format!("{age} s"));
        notes.push(format!(
            "the fetch failed, the base is as it was {age} ago: {}",
            skep_core::text::one_line(why)
        ));
    }
    let base_oid = prepared.base.as_ref().map(|base| base.oid.as_str());
    match launch::look(git, &prepared.worktree, base_oid, guide) {
        Ok(more) => notes.extend(more),
        Err(err) => {
            // Here already, as below.
            let _left = env::undo(git, &ask.locks, &prepared.root, Ran::Setup);
            let (slug, text) = (err.slug().to_owned(), chain(&err));
            return Done::PrepareFailed { fault: fault(err.fault()), slug, text };
        }
    }
    if let Err(text) = grant.hold(git, &prepared, &mut vars) {
        // Here already, as below.
        let _left = env::undo(git, &ask.locks, &prepared.root, Ran::Setup);
        return set_up_failed("set-up-failed", text);
    }
    // In an env that a killed preparation left the set-up may have been under way: only its end is written down.
    let done = prepared.logs.join("setup.done");
    if !(prepared.reused && done.exists()) {
        match set_up::run_set_up(git, &prepared, set_up, (&vars, &grant), log) {
            Ok(note) => notes.extend(note),
            Err((slug, text)) => {
                // Here already, so that whoever hears of the failure finds nothing of it; the undo tells what stays.
                let _left = env::undo(git, &ask.locks, &prepared.root, Ran::Setup);
                return set_up_failed(slug, text);
            }
        }
        if let Err(err) = set_up.map_or(Ok(()), |_| paths::write_atomically(&done, b"")) {
            return set_up_failed(err.slug(), chain(&err));
        }
    }
    notes.extend(hooks.created(&prepared, &vars, &grant));
    if let Some(before) = before
        && let repository = ask.repository.as_deref().unwrap_or(Path::new(""))
        && let (worktree, again) = (&prepared.worktree, prepared.reused)
        && let Err(text) = reviewed::remember(git, repository, worktree, again, before)
    {
        return set_up_failed("set-up-failed", text);
    }
    let path = |path: &Path| path.to_str().map(str::to_owned);
    let (Some(root), Some(lock), Some(worktree), Some(cwd)) =
        (path(&prepared.root), path(&prepared.lock), path(&prepared.worktree), path(&prepared.cwd))
    else {
        return set_up_failed("path-not-text", "the env's path is not UTF-8".to_owned());
    };
    let found = prepared.base.map(|base| Base { branch: base.branch, oid: base.oid });
    let base = base.or(found);
    let target = target
        .or_else(|| base.as_ref().map(|base| local_name(&base.branch)))
        // What stands on no branch goes nowhere.
        .filter(|_| ask.detached.is_none());
    let reused = prepared.reused && hooks.again;
    let branch = prepared.branch;
    Done::Prepared { env: Env { root, lock, worktree, cwd, branch, base, target, notes, reused } }
}

/// `origin/main` as a branch of one's own: `main`.
fn local_name(branch: &str) -> String {
    branch.strip_prefix("origin/").unwrap_or(branch).to_owned()
}

fn fault(fault: git::Fault) -> Fault {
    match fault {
        git::Fault::User => Fault::User,
        git::Fault::Agent => Fault::Agent,
        git::Fault::Environment => Fault::Environment,
        git::Fault::Bug => Fault::Bug,
    }
}

/// What git says of a run's worktree now; none where it has none that stands, or git could not be asked.
pub fn git_facts(run: &Run, home: &Home, now: Timestamp) -> Option<GitFacts> {
    let (EnvState::Held(env) | EnvState::Within(env)) = &run.env else { return None };
    let base = env.base.as_ref()?;
    let vars = launch::asker_env(home, run).ok()?;
    let git = Git::new(&vars).timeout(Duration::from_secs(10));
    let git = handout::unseen(&git, Path::new(&env.root));
    let facts =
        git::facts(&git, Path::new(&env.worktree), &base.oid, env.target.as_deref()).ok()?;
    Some(GitFacts {
        head: facts.head,
        branch: facts.branch,
        dirty: facts.dirty,
        ahead: facts.ahead,
        behind: facts.behind,
        unpushed: facts.unpushed,
        files: facts.files,
        insertions: facts.insertions,
        deletions: facts.deletions,
        at: now,
    })
}

/// The repository of a folder, for the door; asked with the asker's environment.
pub fn repository(
    vars: &BTreeMap<String, String>,
    dir: &Path,
) -> Result<(Git, Repository), git::GitError> {
    let git = Git::new(vars).timeout(Duration::from_secs(20));
    let repo = git::discover(&git, dir)?;
    Ok((git, repo))
}

/// The disk that envs stand on. Unit: bytes.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    pub free: u64,
    /// Below this no run starts.
    pub floor: u64,
}

/// Measures the disk that envs stand on; none where it cannot be, or the settings cannot be read.
pub fn disk(home: &Home, config: &Path) -> Option<Disk> {
    let settings = config::user(config).ok()?;
    let envs = settings.env.root.unwrap_or_else(|| home.envs());
    let free = paths::free_bytes(&envs).ok()?;
    Some(Disk { free, floor: settings.limits.disk_free })
}

/// Whether a folder is there at all; for a clear word before git is asked.
pub fn is_dir(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_dir())
}

/// The kinds of env, as the wire spells them.
pub fn env_type(text: Option<&str>) -> Option<EnvType> {
    match text {
        None | Some("worktree") => Some(EnvType::Worktree),
        Some("in_place") => Some(EnvType::InPlace),
        Some("directory") => Some(run::EnvType::Directory),
        Some(_) => None,
    }
}
