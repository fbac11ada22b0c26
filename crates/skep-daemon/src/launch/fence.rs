//! What a run's agent may write to while its fence is up.
//!
//! Owns: the list: its env, what a commit needs of the git folders, temporary folders, caches, what its profile names.
//! Never: opens what would let it out again: git's own settings and hooks, or a folder of programs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use skep_core::run::{Env, Fence, Run};
use skep_harness::profile::Profile;

use super::git_roots;

/// What of a repository's common git folder a linked worktree writes to when it commits; its settings and hooks are not.
const COMMON: [&str; 5] = ["objects", "refs", "logs", "lfs", "rr-cache"];
/// Where programs put what need not last.
const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];
/// Devices that programs write to. A disk is none of them.
const DEVICES: [&str; 8] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
];
/// Where a process sets itself and its children up. Only root finds the settings of the kernel writable there.
const PROC: &str = "/proc";
/// Caches of tools, each with the variable that moves it; made where they are missing, so that a tool's first run works.
const MADE: [(&str, &str, &str); 4] = [
    ("XDG_CACHE_HOME", ".cache", ""),
    ("npm_config_cache", ".npm", ""),
    ("CARGO_HOME", ".cargo", "registry"),
    ("CARGO_HOME", ".cargo", "git"),
];
/// The same where they are there already.
const FOUND: [(&str, &str, &str); 13] = [
    ("CARGO_HOME", ".cargo", ".package-cache"),
    ("CARGO_HOME", ".cargo", ".package-cache-mutate"),
    ("CARGO_HOME", ".cargo", ".global-cache"),
    ("GOPATH", "go", "pkg"),
    ("GRADLE_USER_HOME", ".gradle", ""),
    ("", ".m2/repository", ""),
    ("", ".bun/install/cache", ""),
    ("", ".yarn", ""),
    ("", ".nuget/packages", ""),
    ("", ".local/share/pnpm/store", ""),
    ("", ".local/share/uv", ""),
    ("", ".pub-cache", ""),
    ("", ".ivy2", ""),
];

/// Returns what it may write to; none where it has no fence.
///
/// Errors: a fence that the run was given and this kernel cannot put up is found when it starts; here only a folder that
/// cannot be made.
pub(super) fn places(
    run: &Run,
    env: &Env,
    profile: &Profile,
    vars: &BTreeMap<String, String>,
) -> Result<Option<Vec<PathBuf>>, String> {
    let Fence::On { write } = &run.brief.policy.fence else { return Ok(None) };
    let mut places = of_env(env);
    places.extend(TEMPORARY.map(PathBuf::from));
    places.extend(DEVICES.map(PathBuf::from));
    places.push(PathBuf::from(PROC));
    places.extend(vars.get("TMPDIR").map(PathBuf::from));
    let home = vars.get("HOME").map(PathBuf::from);
    for cache in &MADE {
        if let Some(place) = cache_of(cache, vars, home.as_deref()) {
            make(&place)?;
            places.push(place);
        }
    }
    places.extend(FOUND.iter().filter_map(|cache| cache_of(cache, vars, home.as_deref())));
    for (place, is_folder) in profile.places_to_write(vars) {
        if is_folder {
            make(&place)?;
        }
        places.push(place);
    }
    places.extend(write.iter().filter_map(|text| match text.strip_prefix("~/") {
        Some(rest) => home.as_ref().map(|home| home.join(rest)),
        None => Some(PathBuf::from(text)),
    }));
    places.sort();
    places.dedup();
    Ok(Some(places))
}

/// The worktree with what a commit in it writes, and the env's own folders for output; not its lock and owner record.
fn of_env(env: &Env) -> Vec<PathBuf> {
    let (root, worktree) = (Path::new(&env.root), PathBuf::from(&env.worktree));
    let mut places = vec![root.join("output"), root.join("logs")];
    if let [common, private] = git_roots(&worktree).as_slice() {
        places.extend(COMMON.map(|name| common.join(name)));
        places.push(private.clone());
    }
    places.push(worktree);
    places
}

fn cache_of(
    (variable, usual, below): &(&str, &str, &str),
    vars: &BTreeMap<String, String>,
    home: Option<&Path>,
) -> Option<PathBuf> {
    let moved = vars.get(*variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = moved.or_else(|| home.map(|home| home.join(usual)))?;
    base.is_absolute().then(|| if below.is_empty() { base } else { base.join(below) })
}

fn make(place: &Path) -> Result<(), String> {
    fs::create_dir_all(place).map_err(|err| format!("make `{}`: {err}", place.display()))
}
