//! What a run's agent may write to while its fence is up.
//!
//! Owns: the list: its env, what a commit needs of the git folders, its own temporary folder, caches, what its profile names.
//! Never: opens what would let it out again: git's own settings and hooks, a folder of programs, or skep's own home. What
//! stands in a run's own files never says what is opened.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use skep_api::{place::Home, spec, wire::chain};
use skep_core::run::{Env, EnvType, Fence, Run};
use skep_harness::profile::Profile;
use skep_host::{
    env::TMP,
    git::{self, Git},
    paths, worktree,
};

mod reading;
#[cfg(test)]
mod tests;

use super::set_for_git;

/// What of a repository's common git folder a linked worktree writes to when it commits; its settings and hooks are not.
const COMMON: [&str; 6] = ["objects", "refs", "reftable", "logs", "lfs", "rr-cache"];
/// What of that a worktree on no branch needs: it commits to its own HEAD, and nobody's branch is within its reach.
const DETACHED: [&str; 3] = ["objects", "lfs", "rr-cache"];
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
/// Shared memory. Values of secrets may lie in it, so who works by words from outside has none of it.
const SHARED: &str = "/dev/shm";
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
    ("GRADLE_USER_HOME", ".gradle/caches", ""),
    ("", ".m2/repository", ""),
    ("", ".bun/install/cache", ""),
    ("", ".yarn/berry/cache", ""),
    ("", ".nuget/packages", ""),
    ("", ".local/share/pnpm/store", ""),
    ("", ".local/share/uv", ""),
    ("", ".pub-cache", ""),
    ("", ".ivy2", ""),
];

/// The git folders of a run's worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GitFolders {
    /// What all worktrees of the repository share.
    common: PathBuf,
    /// The worktree's own part of it; none in the repository's first checkout.
    private: Option<PathBuf>,
}

impl GitFolders {
    /// Finds them by the repository that the run was asked for; none where it has none, or no longer.
    ///
    /// The worktree's `.git` is a file that its agent can write, and only says which worktree of that repository it is.
    /// Errors: it names another place.
    pub(super) fn of(run: &Run, env: &Env, git: &Git) -> Result<Option<GitFolders>, String> {
        let place = &run.brief.place;
        let Some(repository) = &place.repository else { return Ok(None) };
        let worktree = Path::new(&env.worktree);
        let found = git::discover(git, Path::new(repository)).map_err(|err| chain(&err))?;
        let common = found.common_dir;
        if place.env_type == EnvType::InPlace && worktree.join(".git").is_dir() {
            return Ok(Some(GitFolders { common, private: None }));
        }
        let Ok(text) = fs::read_to_string(worktree.join(".git")) else { return Ok(None) };
        let private = PathBuf::from(text.trim().strip_prefix("gitdir: ").unwrap_or_default());
        let real = |path: &Path| path.canonicalize().ok();
        let back = fs::read_to_string(private.join("gitdir")).unwrap_or_default();
        let is_ours = private.parent().and_then(real) == real(&common.join("worktrees"))
            && real(Path::new(back.trim())) == real(&worktree.join(".git"));
        if !is_ours {
            return Err(format!(
                "`{}` does not lead to a worktree of `{repository}`: something has changed it",
                worktree.join(".git").display()
            ));
        }
        Ok(Some(GitFolders { common, private: Some(private) }))
    }
}

/// The folders that a sandbox of the agent's own must let it write besides its worktree: git's, for a commit, and its output.
pub(super) fn roots(run: &Run, git: Option<&GitFolders>, env: &Env) -> Vec<PathBuf> {
    let of = |git: &GitFolders| {
        let common = match run.brief.place.detached {
            Some(_) => DETACHED.iter().map(|name| git.common.join(name)).collect(),
            None => vec![git.common.clone()],
        };
        common.into_iter().chain(git.private.clone())
    };
    git.into_iter().flat_map(of).chain([Path::new(&env.root).join("output")]).collect()
}

/// What of a repository's common git folder a run writes to.
fn names(run: &Run) -> &'static [&'static str] {
    if run.brief.place.detached.is_some() { &DETACHED } else { &COMMON }
}

/// What the fence of an attempt is made for.
pub(super) struct Attempt<'a> {
    pub run: &'a Run,
    pub env: &'a Env,
    pub git: Option<&'a GitFolders>,
    pub profile: &'a Profile,
    pub home: &'a Home,
    /// The folder of skep's own settings.
    pub config: &'a Path,
    /// What the agent is started from.
    pub program: &'a str,
    /// Files of skep's that it is told to read or start.
    pub reads: Vec<PathBuf>,
}

impl Attempt<'_> {
    /// Returns what it may write to and read; none where it has no fence. What its programs must know of that comes to `vars`.
    ///
    /// Errors: a folder that cannot be made, or settings that would open skep's own home. A fence that this kernel cannot
    /// put up is found when the agent starts.
    pub(super) fn fence(
        &self,
        vars: &mut BTreeMap<String, String>,
    ) -> Result<Option<spec::Fence>, String> {
        let brief = &self.run.brief;
        let write = match &brief.policy.fence {
            Fence::On { write } => write.as_slice(),
            // Its own sandbox leaves reading open.
            Fence::Own if !brief.trust.is_person() => &[],
            Fence::Off | Fence::Absent | Fence::Own => return Ok(None),
        };
        let tmp = Path::new(&self.env.root).join(TMP);
        make(&tmp)?;
        let tmp = tmp.to_str().ok_or("the env's path is not UTF-8")?;
        for name in ["TMPDIR", "TMP", "TEMP"] {
            vars.insert(name.to_owned(), tmp.to_owned());
        }
        // Both would write where settings and hooks stand, and say so at a commit.
        for key in ["gc.auto", "maintenance.auto"] {
            set_for_git(vars, key, if key == "gc.auto" { "0" } else { "false" });
        }
        let home = vars.get("HOME").map(PathBuf::from);
        let mut places = self.of_env();
        places.extend(DEVICES.map(PathBuf::from));
        if self.run.brief.trust.is_person() {
            places.push(PathBuf::from(SHARED));
        }
        for (place, is_made) in caches(vars, home.as_deref()) {
            if self.hides(&place) || home.as_ref().is_some_and(|home| home.starts_with(&place)) {
                continue;
            }
            if is_made {
                make(&place)?;
            }
            places.push(place);
        }
        let named = self.profile.places_to_write(vars);
        let told = write.iter().filter_map(|text| match text.strip_prefix("~/") {
            Some(rest) => Some((home.as_ref()?.join(rest), false)),
            None => Some((PathBuf::from(text), false)),
        });
        for (place, is_folder) in named.into_iter().chain(told) {
            if self.hides(&place) {
                return Err(format!(
                    "`{}` holds skep's own files: no agent may write there",
                    place.display()
                ));
            }
            if is_folder {
                make(&place)?;
            }
            places.push(place);
        }
        places.sort();
        places.dedup();
        Ok(Some(spec::Fence { write: places, plain: self.plain(), read: self.reading(vars) }))
    }

    /// The worktree, and the env's own folders for output and what is temporary; not its lock and owner record.
    fn of_env(&self) -> Vec<PathBuf> {
        let root = Path::new(&self.env.root);
        let folders = ["output", "logs", TMP].map(|name| root.join(name));
        folders.into_iter().chain([PathBuf::from(&self.env.worktree)]).collect()
    }

    /// What a commit in the worktree writes.
    fn plain(&self) -> Vec<PathBuf> {
        let Some(git) = self.git else { return Vec::new() };
        if git.private.is_some() {
            // Without it git complains at every commit, and works; another git that holds the lock right now is no harm.
            let _as_it_was = worktree::move_packed_refs(&git.common);
        }
        let names = names(self.run).iter().map(|name| git.common.join(name));
        names.chain(git.private.clone()).collect()
    }

    /// Whether a place holds skep's home or settings, or lies in them beside the env.
    fn hides(&self, place: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let place = real(place);
        [self.home.root(), self.config].map(real).iter().any(|own| {
            own.starts_with(&place)
                || place.starts_with(own) && !place.starts_with(real(Path::new(&self.env.root)))
        })
    }
}

/// What a project's scripts may write to, besides the env, where an agent wrote what they find there: what its tools need. None where agents have no fence.
pub fn open_to_scripts(
    run: &Run,
    home: &Home,
    vars: &BTreeMap<String, String>,
) -> Result<Option<Vec<PathBuf>>, String> {
    if matches!(run.brief.policy.fence, Fence::Off | Fence::Absent) {
        return Ok(None);
    }
    let mut places = DEVICES.map(PathBuf::from).to_vec();
    for (place, is_made) in caches(vars, vars.get("HOME").map(Path::new)) {
        if home.root().starts_with(&place) || place.starts_with(home.root()) {
            continue;
        }
        if is_made {
            make(&place)?;
        }
        places.push(place);
    }
    Ok(Some(places))
}

fn caches(vars: &BTreeMap<String, String>, home: Option<&Path>) -> Vec<(PathBuf, bool)> {
    let place = |(variable, usual, below): &(&str, &str, &str)| {
        let moved = vars.get(*variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = moved.or_else(|| home.map(|home| home.join(usual)))?;
        base.is_absolute().then(|| if below.is_empty() { base } else { base.join(below) })
    };
    let made = MADE.iter().filter_map(place).map(|place| (place, true));
    let found = FOUND.iter().filter_map(place).map(|place| (place, false));
    made.chain(found).collect()
}

fn make(place: &Path) -> Result<(), String> {
    if place.is_dir() {
        return Ok(());
    }
    paths::create_private_dir(place).map_err(|err| chain(&err))
}
