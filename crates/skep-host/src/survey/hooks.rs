//! Owns: which hooks fire in the checkout, and which of them in a fresh worktree, as git itself shows it in a twin.
//! Never: runs a hook of the user's: in the twin each is a marker that writes down its name.
//!
//! The twin is a repository of its own in a temporary folder, with the same `core.hooksPath` and with markers exactly where
//! the user's hooks stand: in its checkout all that stand in theirs, in its linked worktree only what the base commit holds.
//! Commits and `git hook run` there show what git finds, and nothing of the user's is read by git, written or run.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, io,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Component, Path, PathBuf},
};

use serde::Serialize;

use super::{Kind, Setting, Tracked};
use crate::git::{Git, GitError, Repository};

/// The hooks that an agent's work can set off.
const NAMES: [&str; 13] = [
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-rebase",
    "post-checkout",
    "post-merge",
    "pre-push",
    "post-rewrite",
];

/// What hooks call that a fresh worktree does not have.
const WANTED: [&str; 4] = ["node_modules", ".venv", "_/husky.sh", "vendor/bin"];

/// How much of a hook is read. Unit: bytes.
const READ: u64 = 64 * 1024;

/// One hook that stands in the checkout's folder of hooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hook {
    pub name: String,
    /// Whether it fires in the checkout; one that may not be run does not.
    pub here: bool,
    /// Whether it fires in a fresh worktree; none where the trial said nothing.
    pub there: Option<bool>,
    /// What it speaks of that no commit holds.
    pub wants: Vec<String>,
}

/// The hooks of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Hooks {
    /// `core.hooksPath`, where it is set.
    pub path: Option<String>,
    pub hooks: Vec<Hook>,
}

/// Where hooks are looked for.
enum Place {
    /// One folder for all worktrees.
    Shared(PathBuf),
    /// A folder in each worktree.
    Within(PathBuf),
}

/// Finds the hooks of the checkout, and tries which of them fire in a fresh worktree of a commit that holds `tracked`.
pub fn hooks(
    git: &Git,
    repo: &Repository,
    tracked: &BTreeMap<PathBuf, Tracked>,
    settings: &BTreeMap<String, Setting>,
) -> Result<Hooks, GitError> {
    let set = settings.get("core.hookspath").filter(|set| !set.value.is_empty());
    let path = set.map(|set| set.value.clone());
    let (place, folder) = match &path {
        None => {
            let folder = repo.common_dir.join("hooks");
            (Place::Shared(folder.clone()), folder)
        }
        Some(text) => {
            let asked = git.call(repo.seat()).args(["rev-parse", "--path-format=absolute"]);
            // Git itself reads `~` and `%(prefix)`; its answer for a relative one is that of this checkout.
            let folder = asked.arg("--git-path").arg("hooks").with_hooks().path()?;
            let relative = Path::new(text).is_relative() && !text.starts_with(['~', '%']);
            if relative {
                (Place::Within(PathBuf::from(text)), folder)
            } else {
                (Place::Shared(folder.clone()), folder)
            }
        }
    };
    let standing = standing(&folder);
    if standing.is_empty() {
        return Ok(Hooks { path, hooks: Vec::new() });
    }
    let found = |here: &dyn Fn(&str) -> bool, there: &dyn Fn(&str) -> Option<bool>| Hooks {
        path: path.clone(),
        hooks: standing
            .keys()
            .map(|name| Hook {
                name: name.clone(),
                here: here(name),
                there: there(name),
                wants: wants(&folder.join(name), tracked),
            })
            .collect(),
    };
    let may_run = |name: &str| standing.get(name) == Some(&true);
    if let Place::Within(below) = &place
        && below.components().any(|part| part == Component::ParentDir)
    {
        // What lies beside the checkout lies beside no other worktree in any way that a twin could show.
        return Ok(found(&may_run, &|_| None));
    }
    let only_here = set.is_some_and(|set| set.of_checkout);
    match tried(git, &place, &standing, tracked, repo, only_here) {
        // Where not even the checkout's fire, the trial failed and not the hooks: a folder without the right to run, say.
        Ok((here, _)) if here.is_empty() && standing.values().any(|runs| *runs) => {
            Ok(found(&may_run, &|_| None))
        }
        Ok((here, there)) => {
            Ok(found(&|name| here.contains(name), &|name| Some(there.contains(name))))
        }
        Err(Trial::Git(err)) => Err(err),
        Err(Trial::Io) => Ok(found(&may_run, &|_| None)),
    }
}

/// The hooks that stand in a folder, and whether each may be run.
fn standing(folder: &Path) -> BTreeMap<String, bool> {
    let look = |name: &&str| {
        let found = fs::metadata(folder.join(name)).ok().filter(fs::Metadata::is_file)?;
        Some(((*name).to_owned(), found.permissions().mode() & 0o111 != 0))
    };
    NAMES.iter().filter_map(look).collect()
}

fn wants(hook: &Path, tracked: &BTreeMap<PathBuf, Tracked>) -> Vec<String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = fs::File::open(hook).and_then(|file| file.take(READ).read_to_end(&mut bytes));
    if read.is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let held = |word: &str| tracked.keys().any(|path| path.to_string_lossy().contains(word));
    let wanted = WANTED.iter().filter(|word| text.contains(**word) && !held(word));
    wanted.map(|word| (*word).to_owned()).collect()
}

/// Why a trial said nothing.
enum Trial {
    Git(GitError),
    Io,
}

impl From<GitError> for Trial {
    fn from(err: GitError) -> Trial {
        Trial::Git(err)
    }
}

impl From<io::Error> for Trial {
    fn from(_: io::Error) -> Trial {
        Trial::Io
    }
}

/// The names that fired in a checkout, and those that fired in a linked worktree.
fn tried(
    git: &Git,
    place: &Place,
    standing: &BTreeMap<String, bool>,
    tracked: &BTreeMap<PathBuf, Tracked>,
    repo: &Repository,
    only_here: bool,
) -> Result<(BTreeSet<String>, BTreeSet<String>), Trial> {
    let folder = tempfile::Builder::new().prefix("skep-twin-").tempdir()?;
    let root = folder.path().canonicalize()?;
    let (main, linked) = (root.join("main"), root.join("linked"));
    fs::create_dir(&main)?;
    let twin = git.apart(&root);
    twin.call(&main).args(["init", "--quiet", "--template=", "--initial-branch=main"]).bytes()?;
    let path: Option<OsString> = match place {
        Place::Within(below) => Some(below.clone().into()),
        Place::Shared(real) if *real == repo.common_dir.join("hooks") => None,
        Place::Shared(_) => Some(root.join("shared").into()),
    };
    let markers = match place {
        Place::Within(below) => main.join(below),
        Place::Shared(_) => path.as_ref().map_or_else(|| main.join(".git/hooks"), PathBuf::from),
    };
    for (name, runs) in standing {
        mark(&markers, name, *runs)?;
    }
    if let Some(path) = &path {
        if only_here {
            twin.call(&main).args(["config", "extensions.worktreeConfig", "true"]).bytes()?;
        }
        let scope = if only_here { "--worktree" } else { "--local" };
        twin.call(&main).args(["config", scope, "core.hooksPath"]).arg(path).bytes()?;
    }
    let here = fired(&twin, &main, standing, &root.join("main.log"))?;
    twin.call(&main).args(["worktree", "add", "--quiet", "--detach"]).arg(&linked).bytes()?;
    if let Place::Within(below) = place {
        for name in standing.keys() {
            let Some(entry) = tracked.get(&normal(&below.join(name))) else { continue };
            let runs = match entry.kind {
                Kind::Program => true,
                // Where it leads is there as well, if it leads into the repository.
                Kind::Link => standing.get(name) == Some(&true),
                Kind::File | Kind::Submodule => false,
            };
            mark(&linked.join(below), name, runs)?;
        }
    }
    let there = fired(&twin, &linked, standing, &root.join("linked.log"))?;
    Ok((here, there))
}

/// Without `.` in it, as git lists paths.
fn normal(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// Puts a marker where a hook would stand.
fn mark(folder: &Path, name: &str, runs: bool) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mode = if runs { 0o700 } else { 0o600 };
    let path = folder.join(name);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    writeln!(file, "#!/bin/sh\necho {name} >> \"$SKEP_TWIN_LOG\"")
}

/// Commits, sets off what a commit does not, and reads what fired.
fn fired(
    git: &Git,
    worktree: &Path,
    standing: &BTreeMap<String, bool>,
    log: &Path,
) -> Result<BTreeSet<String>, Trial> {
    let commit = ["commit", "--quiet", "--allow-empty", "--message", "twin"];
    git.call(worktree).args(commit).var("SKEP_TWIN_LOG", log).with_hooks().bytes()?;
    for name in standing.keys() {
        let run = ["hook", "run", "--ignore-missing", name];
        // The code is the marker's; what fired stands in the log.
        git.call(worktree).args(run).var("SKEP_TWIN_LOG", log).with_hooks().output()?;
    }
    let text = match fs::read_to_string(log) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => String::new(),
        Err(_) => return Err(Trial::Io),
    };
    Ok(text.lines().map(str::to_owned).collect())
}
