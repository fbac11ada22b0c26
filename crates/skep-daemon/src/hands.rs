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
use sha2::{Digest, Sha256};
use skep_api::place::Home;
use skep_core::{
    facts::GitFacts,
    run::{self, Base, Env, EnvState, EnvType, Fault, OpResult, Run, SetUp},
    text,
    time::Timestamp,
};
use skep_host::{
    env::{self, Ran},
    git::{self, Git, Repository},
    paths,
    proc::Program,
    salvage::{Reason, Verdict},
    worktree::{self, Landing, Refusal},
};

use crate::{engine::chain, launch};

/// Something to be done to git and files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub enum Deed {
    Prepare {
        ask: Box<env::Prepare>,
        target: Option<String>,
        set_up: Option<SetUp>,
        /// The environment of the set-up script: the run's own.
        vars: BTreeMap<String, String>,
    },
    Undo {
        locks: PathBuf,
        root: PathBuf,
    },
    Close {
        locks: PathBuf,
        root: PathBuf,
        trash: PathBuf,
        keep_branch: bool,
        landed: bool,
        run: String,
    },
    Land {
        locks: PathBuf,
        repository: PathBuf,
        worktree: Option<PathBuf>,
        branch: String,
        base: Option<String>,
        target: String,
        run: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    Prepared { env: Env },
    PrepareFailed { fault: Fault, slug: String, text: String },
    Undone { text: Option<String> },
    Op { result: OpResult },
}

/// The lock that whoever may change the env holds.
pub fn lock_file(env: &Env) -> PathBuf {
    PathBuf::from(&env.lock)
}

/// How a run's env is to be made.
pub fn prepare_deed(run: &Run, home: &Home) -> Result<Deed, String> {
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
            base: place.base.clone(),
            sub_dir: PathBuf::from(&place.sub_dir),
            copy: place.copy.clone(),
            link: place.link.clone(),
            fetch_ms: place.fetch_ms,
        }),
        target: place.target.clone(),
        set_up: place.set_up.clone(),
        vars: launch::run_vars(run, &cwd, &vars, &run.brief.policy.env, home),
    })
}

/// How what a preparation recorded is taken back.
pub fn undo_deed(run: &Run, home: &Home) -> Deed {
    let place = &run.brief.place;
    let root = run
        .env()
        .map_or_else(|| Path::new(&place.envs).join(&place.key), |env| PathBuf::from(&env.root));
    Deed::Undo { locks: home.repository_locks(), root }
}

/// How a run's env is given back.
pub fn close_deed(run: &Run, home: &Home, keep_branch: bool) -> Result<Deed, String> {
    let env = run.env().ok_or("it has no env")?;
    Ok(Deed::Close {
        locks: home.repository_locks(),
        root: PathBuf::from(&env.root),
        trash: home.trash(),
        keep_branch,
        landed: run.landed.is_some(),
        run: run.id().to_string(),
    })
}

/// How a run's commits are brought to their target.
pub fn land_deed(run: &Run, home: &Home) -> Result<Deed, String> {
    let env = run.env().ok_or("it has no env")?;
    let repository = run.brief.place.repository.as_ref().ok_or("it has no repository")?;
    Ok(Deed::Land {
        locks: home.repository_locks(),
        repository: PathBuf::from(repository),
        worktree: matches!(run.env, EnvState::Held(_)).then(|| PathBuf::from(&env.worktree)),
        branch: env.branch.clone().ok_or("it has no branch of its own")?,
        base: env.base.as_ref().map(|base| base.oid.clone()),
        target: env
            .target
            .clone()
            .ok_or("it has no target; set `target` in the project's settings")?,
        run: run.id().to_string(),
    })
}

/// Carries out `deed` with `vars` as the environment of git.
pub fn carry_out(deed: Deed, vars: &BTreeMap<String, String>) -> Done {
    let git = Git::new(vars);
    match deed {
        Deed::Prepare { ask, target, set_up, vars } => {
            prepare(&git, &ask, target, set_up.as_ref(), vars)
        }
        Deed::Undo { locks, root } => {
            let text = env::undo(&git, &locks, &root, Ran::Setup).err().map(|err| chain(&err));
            Done::Undone { text }
        }
        Deed::Close { locks, root, trash, keep_branch, landed, run } => {
            let result = close(&git, &locks, &root, &trash, keep_branch || landed, &run);
            Done::Op { result }
        }
        Deed::Land { locks, repository, worktree, branch, base, target, run } => {
            let bring = Bring {
                worktree: worktree.as_deref(),
                branch: &branch,
                base: base.as_deref(),
                target: &target,
                run: &run,
            };
            let result = land(&git, &locks, &repository, &bring).unwrap_or_else(|err| {
                OpResult::Failed { slug: err.slug().to_owned(), text: chain(&err) }
            });
            Done::Op { result }
        }
    }
}

fn prepare(
    git: &Git,
    ask: &env::Prepare,
    target: Option<String>,
    set_up: Option<&SetUp>,
    mut vars: BTreeMap<String, String>,
) -> Done {
    let prepared = match env::prepare(git, ask) {
        Ok(prepared) => prepared,
        Err(err) => {
            return Done::PrepareFailed {
                fault: fault(err.fault()),
                slug: err.slug().to_owned(),
                text: chain(&err),
            };
        }
    };
    vars.insert("PWD".to_owned(), prepared.cwd.to_string_lossy().into_owned());
    let set_up_failed = |slug: &str, text: String| Done::PrepareFailed {
        fault: Fault::User,
        slug: slug.to_owned(),
        text,
    };
    let mut notes = prepared.notes.clone();
    if !prepared.reused {
        match run_set_up(git, &prepared, set_up, vars) {
            Ok(None) => {}
            Ok(Some(note)) => notes.push(note),
            Err((slug, text)) => return set_up_failed(slug, text),
        }
    }
    let path = |path: &Path| path.to_str().map(str::to_owned);
    let (Some(root), Some(lock), Some(worktree), Some(cwd)) =
        (path(&prepared.root), path(&prepared.lock), path(&prepared.worktree), path(&prepared.cwd))
    else {
        return set_up_failed("path-not-text", "the env's path is not UTF-8".to_owned());
    };
    let base = prepared.base.map(|base| Base { branch: base.branch, oid: base.oid });
    let target = target.or_else(|| base.as_ref().map(|base| local_name(&base.branch)));
    Done::Prepared {
        env: Env { root, lock, worktree, cwd, branch: prepared.branch, base, target, notes },
    }
}

/// `origin/main` as a branch of one's own: `main`.
fn local_name(branch: &str) -> String {
    branch.strip_prefix("origin/").unwrap_or(branch).to_owned()
}

/// Runs the approved set-up; returns a note where it failed and that is borne.
///
/// Errors: a script that nobody approved in this form; a failure of a strict one, with its last lines.
fn run_set_up(
    git: &Git,
    prepared: &env::Prepared,
    set_up: Option<&SetUp>,
    vars: BTreeMap<String, String>,
) -> Result<Option<String>, (&'static str, String)> {
    let command = match (set_up, &prepared.setup) {
        (Some(SetUp { run: Some(command), .. }), _) => {
            vec!["/bin/sh".to_owned(), "-c".to_owned(), command.clone()]
        }
        (Some(SetUp { run: None, digest: approved, .. }), Some(file)) => {
            let now = digest_at(git, prepared, file).map_err(|text| ("scripts-changed", text))?;
            if now != *approved {
                let text = format!("`{}` is not what was approved", file.display());
                return Err(("scripts-changed", text));
            }
            vec![file.to_string_lossy().into_owned()]
        }
        (None, Some(file)) => {
            return Err((
                "scripts-changed",
                format!("`{}` is new and nobody approved it", file.display()),
            ));
        }
        (Some(SetUp { run: None, .. }) | None, None) => return Ok(None),
    };
    let Some(set_up) = set_up else { return Ok(None) };
    let (code, output) = under_gatekeeper(&command, &prepared.cwd, vars, set_up.timeout_ms);
    let log = prepared.logs.join("setup.log");
    if let Err(err) = paths::write_atomically(&log, &output) {
        return Err(("set-up-failed", chain(&err)));
    }
    if code == Some(0) {
        return Ok(None);
    }
    let tail: Vec<String> =
        String::from_utf8_lossy(&output).lines().rev().take(8).map(text::one_line).collect();
    let tail: Vec<String> = tail.into_iter().rev().collect();
    let end =
        code.map_or_else(|| "ran out of time".to_owned(), |code| format!("left with code {code}"));
    let text = format!("the set-up {end}:\n{}", tail.join("\n"));
    if set_up.strict { Err(("set-up-failed", text)) } else { Ok(Some(text)) }
}

fn digest_at(git: &Git, prepared: &env::Prepared, file: &Path) -> Result<String, String> {
    let below = file.strip_prefix(&prepared.worktree).map_err(|err| err.to_string())?;
    let base = prepared.base.as_ref().ok_or("there is no base commit")?;
    let repo = git::discover(git, &prepared.worktree).map_err(|err| chain(&err))?;
    let path = below.to_str().ok_or("its path is not UTF-8")?;
    let bytes = git::file_at(git, &repo, &base.oid, path).map_err(|err| chain(&err))?;
    Ok(digest(&bytes.ok_or("it does not stand in the base commit")?))
}

/// SHA-256 of `bytes`, in hex.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Runs somebody else's code: under a gatekeeper that is tied to this process. None: it ran out of time.
fn under_gatekeeper(
    command: &[String],
    cwd: &Path,
    vars: BTreeMap<String, String>,
    timeout_ms: u64,
) -> (Option<i32>, Vec<u8>) {
    let program = Program::new("/proc/self/exe")
        .args(["gatekeeper", "--tied", "--"])
        .args(command)
        .envs(vars)
        .cwd(cwd)
        .timeout(Duration::from_millis(timeout_ms));
    match program.output() {
        Ok(output) => {
            let code = output.code();
            let mut all = output.stdout;
            all.extend(output.stderr);
            (Some(code), all)
        }
        Err(err) => (None, chain(&err).into_bytes()),
    }
}

fn close(git: &Git, locks: &Path, root: &Path, trash: &Path, decided: bool, run: &str) -> OpResult {
    let failed = |err: &dyn std::error::Error, slug: &str| OpResult::Failed {
        slug: slug.to_owned(),
        text: chain(err),
    };
    match env::resume_release(git, locks, root, trash, &[]) {
        Ok(Some(released)) => return closed(released, false),
        Ok(None) => {}
        Err(err) => return failed(&err, err.slug()),
    }
    if !decided {
        return undecided(run);
    }
    let in_place = matches!(env::read_owner(root), Ok(Some(owner)) if owner.env_type == env::EnvType::InPlace);
    let verdict = match env::inspect(git, root) {
        Ok(verdict) => verdict,
        Err(err) => return failed(&err, "env-unreadable"),
    };
    let proof = match verdict {
        Verdict::Safe(proof) => proof,
        Verdict::Unsafe(reasons) => return refused(&reasons, run),
        Verdict::Unknown(err) => return failed(&err, err.slug()),
    };
    match env::release(git, locks, root, trash, &[], proof) {
        Ok(released) => closed(released, in_place),
        Err(env::EnvError { cause: env::Cause::Work { reasons }, .. }) => refused(&reasons, run),
        Err(err) => failed(&err, err.slug()),
    }
}

/// The answer to a close that nobody has said enough about.
fn undecided(run: &str) -> OpResult {
    OpResult::Refused {
        slug: "close-undecided".to_owned(),
        text: "its work has not landed".to_owned(),
        hints: vec![
            format!("skep land {run}        bring it in, then close"),
            format!("skep close {run} --keep-branch   remove the worktree, keep the branch"),
        ],
    }
}

fn closed(released: env::Released, in_place: bool) -> OpResult {
    if in_place {
        let text = "your checkout stays as it is".to_owned();
        return OpResult::Closed { kept_branch: released.branch, trash: None, text };
    }
    let trash = released.kept.as_ref().map(|path| path.to_string_lossy().into_owned());
    let text = match (&released.branch, &trash) {
        (Some(branch), None) => format!("the worktree is gone, everything is on branch {branch}"),
        (Some(branch), Some(trash)) => {
            format!(
                "the worktree is gone, commits are on branch {branch}, what git ignores is in {trash}"
            )
        }
        (None, _) => "the env is given back".to_owned(),
    };
    OpResult::Closed { kept_branch: released.branch, trash, text }
}

/// The answer to "there is work in it": what, and the ways on.
fn refused(reasons: &[Reason], run: &str) -> OpResult {
    let slug = reasons.first().map_or("worktree-dirty", Reason::slug).to_owned();
    let list: Vec<String> = reasons.iter().map(in_words).collect();
    OpResult::Refused {
        slug,
        text: format!("only this env has: {}", list.join("; ")),
        hints: vec![
            format!("skep sh {run} -- git status        look at it"),
            format!("skep sh {run} -- git commit -a     keep it, then close again"),
        ],
    }
}

fn in_words(reason: &Reason) -> String {
    let files = |what: &str, files: &[PathBuf]| {
        let shown: Vec<String> =
            files.iter().take(5).map(|file| text::one_line(&file.to_string_lossy())).collect();
        let more =
            if files.len() > 5 { format!(" and {} more", files.len() - 5) } else { String::new() };
        format!("{what}: {}{more}", shown.join(", "))
    };
    match reason {
        Reason::Dirty { files: list } => files("uncommitted changes", list),
        Reason::Untracked { files: list } => files("untracked files", list),
        Reason::Unwatched { files: list } => files("changes that git was told not to see", list),
        Reason::UnderWay { what } => format!("a {what} under way"),
        Reason::Detached { head, commits } => {
            format!("{commits} commits on no branch (detached at {})", text::words(head, 12))
        }
        Reason::PrivateRefs { refs } => format!("refs of its own: {}", refs.join(", ")),
        Reason::Submodule { path, commits } => {
            format!("{commits} commits of submodule {} that are pushed nowhere", path.display())
        }
        Reason::Commits { head } => format!("commits up to {}", text::words(head, 12)),
        Reason::Ignored { files: list } => files("ignored files", list),
        Reason::NoRepository { files: list } => files("files that no repository looks after", list),
    }
}

/// What is to be brought where.
struct Bring<'a> {
    /// The worktree, where it still stands.
    worktree: Option<&'a Path>,
    branch: &'a str,
    /// The commit that the work started from.
    base: Option<&'a str>,
    target: &'a str,
    run: &'a str,
}

fn land(
    git: &Git,
    locks: &Path,
    repository: &Path,
    bring: &Bring<'_>,
) -> Result<OpResult, git::GitError> {
    let Bring { worktree, branch, base, target, run } = *bring;
    let repo = git::discover(git, repository)?;
    let missing = |name: &str, slug: &str| OpResult::Refused {
        slug: slug.to_owned(),
        text: format!("there is no branch `{name}` here"),
        hints: vec![format!(
            "set `target` in the project's settings, or make it: git branch {name}"
        )],
    };
    let Some(new) = git::branch(git, &repo, branch)? else {
        return Ok(missing(branch, "branch-missing"));
    };
    let Some(old) = git::branch(git, &repo, target)? else {
        return Ok(missing(target, "target-missing"));
    };
    if let Some(worktree) = worktree {
        let facts = git::facts(git, worktree, &old, None)?;
        if facts.dirty {
            return Ok(OpResult::Refused {
                slug: "worktree-dirty".to_owned(),
                text: "its worktree has changes that no commit holds; they would not land"
                    .to_owned(),
                hints: vec![
                    format!("skep sh {run} -- git status"),
                    format!("skep sh {run} -- git commit -a    then land again"),
                ],
            });
        }
    }
    if base == Some(new.as_str()) {
        return Ok(OpResult::Refused {
            slug: "nothing-to-land".to_owned(),
            text: format!("{branch} has no commit of its own"),
            hints: vec![format!("skep logs {run}"), format!("skep close {run} --keep-branch")],
        });
    }
    let commits = git::count(git, &repo, &old, &new)?;
    let ask = worktree::Land { target: target.to_owned(), expected: old.clone(), new: new.clone() };
    Ok(match worktree::land(git, &repo, locks, &ask)? {
        Landing::Landed { from, to, .. } => {
            OpResult::Landed { target: target.to_owned(), old: from, new: to, commits }
        }
        Landing::Already { .. } => {
            OpResult::Landed { target: target.to_owned(), old, new, commits: 0 }
        }
        Landing::Refused(refusal) => land_refused(&refusal, target, run),
    })
}

fn land_refused(refusal: &Refusal, target: &str, run: &str) -> OpResult {
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
            vec![format!("skep sh {run} -- git rebase {target}"), again],
        ),
        Refusal::TargetMoved { .. } => (format!("{target} moved meanwhile"), vec![again]),
        Refusal::TargetMissing => {
            (format!("there is no branch {target}"), vec![format!("git branch {target}"), again])
        }
        Refusal::TargetBusy { checkout, why } => (
            format!("{} cannot take it: {why}", checkout.display()),
            vec![format!("finish that in {}", checkout.display()), again],
        ),
        Refusal::Submodules { checkout, files } => (
            format!("submodules of {} would move: {}", checkout.display(), names(files)),
            vec![format!("merge it by hand in {}", checkout.display())],
        ),
    };
    OpResult::Refused { slug: refusal.slug().to_owned(), text, hints }
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
    let EnvState::Held(env) = &run.env else { return None };
    let base = env.base.as_ref()?;
    let vars = launch::asker_env(home, run).ok()?;
    let git = Git::new(&vars).timeout(Duration::from_secs(10));
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

/// Whether a close would go, and what of it; changes nothing.
pub fn close_preview(run: &Run, home: &Home, keep_branch: bool) -> OpResult {
    let EnvState::Held(env) = &run.env else {
        return OpResult::Closed {
            kept_branch: None,
            trash: None,
            text: "nothing is left to close".to_owned(),
        };
    };
    let vars = match launch::asker_env(home, run) {
        Ok(vars) => vars,
        Err(text) => return OpResult::Failed { slug: "close-failed".to_owned(), text },
    };
    if !keep_branch && run.landed.is_none() {
        return undecided(run.id().as_str());
    }
    match env::inspect(&Git::new(&vars), Path::new(&env.root)) {
        Ok(Verdict::Safe(_)) => OpResult::Refused {
            slug: "dry-run".to_owned(),
            text: format!(
                "the worktree would go, {} would stay",
                env.branch.as_deref().unwrap_or("its files")
            ),
            hints: Vec::new(),
        },
        Ok(Verdict::Unsafe(reasons)) => refused(&reasons, run.id().as_str()),
        Ok(Verdict::Unknown(err)) => {
            OpResult::Failed { slug: err.slug().to_owned(), text: chain(&err) }
        }
        Err(err) => OpResult::Failed { slug: "env-unreadable".to_owned(), text: chain(&err) },
    }
}

/// What a landing would bring; changes nothing.
pub fn land_preview(run: &Run, home: &Home, now: Timestamp) -> OpResult {
    let deed = match land_deed(run, home) {
        Ok(deed) => deed,
        Err(text) => return OpResult::Failed { slug: "nothing-to-land".to_owned(), text },
    };
    let Deed::Land { branch, target, .. } = deed else {
        return OpResult::Failed {
            slug: "nothing-to-land".to_owned(),
            text: "it has no branch".to_owned(),
        };
    };
    let facts = git_facts(run, home, now);
    let count = facts
        .as_ref()
        .map_or_else(|| "an unknown number of".to_owned(), |git| git.ahead.to_string());
    let dirty = if facts.is_some_and(|git| git.dirty) {
        "; its worktree has uncommitted changes, which would be refused"
    } else {
        ""
    };
    OpResult::Refused {
        slug: "dry-run".to_owned(),
        text: format!("{count} commits of {branch} would go to {target}, fast-forward only{dirty}"),
        hints: Vec::new(),
    }
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
