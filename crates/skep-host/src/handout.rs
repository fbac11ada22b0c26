//! Handouts: what is lent to a worktree while an agent works in it, a letter that it reads of itself and skills.
//!
//! Owns: that git does not show it, that it is written down before it stands, and that exactly it goes again.
//! Never: writes over what stands, goes through a link, touches what git tracks, or takes what the agent wrote into it.
//! See docs/design/handout.md.

use std::{
    ffi::OsString,
    fs, io,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    git::{Fault, Git, GitError, fields, is_inside, path_of},
    lock::{self, Lock, LockError},
    paths::{self, PathError, crash_point},
};

mod beneath;
mod block;
mod exclude;
mod gather;
mod skill;
#[cfg(test)]
mod tests;

use beneath::{Beneath, Stands};
pub use gather::{Gathered, gather};
pub use skill::{Skill, SkillFile};

/// The folder in an env in which a handout is written down.
const STORE: &str = "handout";
const MANIFEST: &str = "manifest.json";
const EXCLUDE: &str = "exclude";
const DRAFT: &str = "draft";
const VERSION: u32 = 1;

/// Why a handout does not stand, or did not go.
#[derive(Debug, Error)]
pub enum HandoutError {
    /// A file of a skill, or the way to where it is to stand, leads elsewhere.
    #[error("a skill cannot be given: `{}` {why}", .path.display())]
    Hostile { path: PathBuf, why: &'static str },
    #[error("no name is left for the skill `{name}`")]
    NoName { name: String },
    #[error("the skills below `{}` are more than a run is given", .folder.display())]
    TooMuch { folder: PathBuf },
    /// Something else stands there by now.
    #[error("`{}` stands already", .path.display())]
    Stands { path: PathBuf },
    /// Somebody works in the env.
    #[error("`{}` is in use", .path.display())]
    Busy { path: PathBuf },
    #[error("`{}` is no handout that this version reads", .path.display())]
    Unreadable { path: PathBuf },
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("{what} `{}`", .path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl HandoutError {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            HandoutError::Hostile { .. } => "skill-path-hostile",
            HandoutError::NoName { .. } => "skill-no-name",
            HandoutError::TooMuch { .. } => "skills-too-large",
            HandoutError::Stands { .. } | HandoutError::Unreadable { .. } => "handout-in-the-way",
            HandoutError::Busy { .. } => "env-busy",
            HandoutError::Git(error) => error.slug(),
            HandoutError::Path(_) | HandoutError::Io { .. } => "disk",
        }
    }

    /// Whose move it is.
    pub fn fault(&self) -> Fault {
        match self {
            HandoutError::Hostile { .. }
            | HandoutError::NoName { .. }
            | HandoutError::TooMuch { .. }
            | HandoutError::Stands { .. }
            | HandoutError::Unreadable { .. } => Fault::User,
            HandoutError::Git(error) => error.fault(),
            HandoutError::Busy { .. } | HandoutError::Path(_) | HandoutError::Io { .. } => {
                Fault::Environment
            }
        }
    }
}

/// What an env's worktree is to be lent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handout {
    /// A file at the worktree's root by its name, and what it is to say.
    pub letter: Option<(String, String)>,
    /// The folder below the root that skills belong in.
    pub skills_in: String,
    pub skills: Vec<Skill>,
}

/// What is lent, so that exactly it goes again.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    /// The worktree's folder in the env.
    worktree: PathBuf,
    /// Folders that were made, outermost first.
    folders: Vec<PathBuf>,
    files: Vec<Lent>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Lent {
    path: PathBuf,
    /// In the store: its bytes as they were laid.
    copy: String,
    /// In the store: what stood there before.
    before: Option<String>,
    letter: bool,
}

/// A handout on its way: what will stand, and what of it git must not show.
#[derive(Default)]
struct Plan {
    folders: Vec<PathBuf>,
    files: Vec<Planned>,
    excluded: String,
}

struct Planned {
    path: PathBuf,
    bytes: Vec<u8>,
    mode: u32,
    before: Option<Vec<u8>>,
    letter: bool,
}

/// The list that git must be told as `core.excludesFile` wherever a handout stands in the env at `root`.
pub fn exclude_file(root: &Path) -> PathBuf {
    root.join(STORE).join(EXCLUDE)
}

/// The same git, which does not see what is lent to the env at `root`.
#[must_use]
pub fn unseen(git: &Git, root: &Path) -> Git {
    let list = exclude_file(root);
    if list.exists() { git.clone().excluding(&list) } else { git.clone() }
}

/// The list of what git is not to show in `worktree`, of the env at `root`, the user's own included.
pub(crate) fn unseen_list(git: &Git, worktree: &Path, root: &Path) -> Result<Vec<u8>, GitError> {
    let path = exclude_file(root);
    match fs::read(&path) {
        Ok(list) => Ok(list),
        Err(error) if error.kind() == io::ErrorKind::NotFound => exclude::users_own(git, worktree),
        Err(source) => Err(GitError::Io { what: "read", path, source }),
    }
}

/// Tells whether a letter `name` can be lent to `worktree`: nothing stands there, or a file that git does not track and ignores.
///
/// A file that git would show is somebody's work, and lending it would hide that.
pub fn takes(git: &Git, worktree: &Path, name: &str) -> Result<bool, HandoutError> {
    let path = Path::new(name);
    if !is_inside(path) || !tracked(git, worktree, &[path])?.is_empty() {
        return Ok(false);
    }
    match open(worktree)?.stands(path).map_err(io("look at", worktree))? {
        Stands::Nothing => Ok(true),
        Stands::File => {
            Ok(git.call(worktree).args(["check-ignore", "--quiet", "--", name]).yes()?)
        }
        Stands::Folder | Stands::Other => Ok(false),
    }
}

/// Lends `handout` to `worktree`, the folder of the env at `root`; what an earlier attempt was lent goes first.
///
/// Order: written down, then laid; a kill at any point leaves what [`take_back`] finds.
/// Errors: nothing stands then that was not written down, and what stood is as it was.
pub fn lay(git: &Git, root: &Path, worktree: &Path, handout: &Handout) -> Result<(), HandoutError> {
    let _alone = Alone::in_env(root)?;
    take_back(git, root)?;
    if handout.letter.is_none() && handout.skills.is_empty() {
        return Ok(());
    }
    let beneath = open(worktree)?;
    let plan = plan(git, worktree, &beneath, handout)?;
    let name = worktree.strip_prefix(root).ok().filter(|name| name.components().count() == 1);
    let name = name.ok_or_else(|| HandoutError::Hostile {
        path: worktree.to_owned(),
        why: "is no worktree of its env",
    })?;
    write_down(git, root, worktree, name, &plan)?;
    crash_point("handout.written");
    let laid = put(root, &beneath, &plan);
    if laid.is_err() {
        // The first failure is the one to tell; what stays is written down.
        let _back = take_back(git, root);
    }
    crash_point("handout.laid");
    laid
}

fn plan(
    git: &Git,
    worktree: &Path,
    beneath: &Beneath,
    handout: &Handout,
) -> Result<Plan, HandoutError> {
    let mut plan = Plan::default();
    if let Some((name, text)) = &handout.letter {
        let path = PathBuf::from(name);
        let before = beneath.read(&path).map_err(io("read", &path))?;
        let (mode, before) = before.map_or((0o644, None), |(bytes, mode)| (mode, Some(bytes)));
        if before.is_none() {
            plan.excluded.push_str(&exclude::line(name, false));
        }
        let bytes = block::with(before.as_deref().unwrap_or_default(), text);
        plan.files.push(Planned { path, bytes, mode, before, letter: true });
    }
    if handout.skills.is_empty() {
        return Ok(plan);
    }
    let folder = Path::new(&handout.skills_in);
    if !is_inside(folder) || folder.as_os_str().is_empty() {
        return Err(HandoutError::Hostile {
            path: folder.to_owned(),
            why: "leads out of the worktree",
        });
    }
    for above in folder.ancestors().filter(|above| !above.as_os_str().is_empty()) {
        match beneath.stands(above).map_err(io("look at", above))? {
            Stands::Folder => {}
            Stands::Nothing => plan.folders.insert(0, above.to_owned()),
            Stands::File | Stands::Other => {
                let path = above.to_owned();
                return Err(HandoutError::Hostile { path, why: "is no folder" });
            }
        }
    }
    let known = tracked(git, worktree, &[folder])?;
    for skill in &handout.skills {
        plan.add(beneath, folder, skill, &known)?;
    }
    Ok(plan)
}

impl Plan {
    /// Adds a skill under the first name that is free: on disk, in git, and among those before it.
    fn add(
        &mut self,
        beneath: &Beneath,
        folder: &Path,
        skill: &Skill,
        known: &[PathBuf],
    ) -> Result<(), HandoutError> {
        let slug = skill::slug(&skill.name);
        let mut free = None;
        for name in skill::candidates(&slug) {
            let path = folder.join(&name);
            let taken = self.folders.contains(&path)
                || known.iter().any(|known| known.starts_with(&path))
                || beneath.stands(&path).map_err(io("look at", &path))? != Stands::Nothing;
            if !taken {
                free = Some((name, path));
                break;
            }
        }
        let (name, at) = free.ok_or_else(|| HandoutError::NoName { name: skill.name.clone() })?;
        self.excluded.push_str(&exclude::line(&at.to_string_lossy(), true));
        self.folders.push(at.clone());
        for file in &skill.files {
            if let Some(why) = skill::hostile(&file.path) {
                return Err(HandoutError::Hostile { path: file.path.clone(), why });
            }
            let first = file.path == Path::new(skill::FIRST);
            let bytes = if first { skill::named(&file.bytes, &name) } else { file.bytes.clone() };
            let path = at.join(&file.path);
            let above: Vec<PathBuf> = path
                .ancestors()
                .skip(1)
                .take_while(|above| *above != at)
                .map(Path::to_owned)
                .collect();
            for above in above.into_iter().rev() {
                if !self.folders.contains(&above) {
                    self.folders.push(above);
                }
            }
            let mode = if file.executable { 0o755 } else { 0o644 };
            self.files.push(Planned { path, bytes, mode, before: None, letter: false });
        }
        Ok(())
    }
}

/// Writes down in the env what is to be laid, the list for git and all bytes first.
fn write_down(
    git: &Git,
    root: &Path,
    worktree: &Path,
    name: &Path,
    plan: &Plan,
) -> Result<(), HandoutError> {
    let store = root.join(STORE);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&store).map_err(io("make", &store))?;
    let mut list = exclude::users_own(git, worktree)?;
    if !list.is_empty() && !list.ends_with(b"\n") {
        list.push(b'\n');
    }
    list.extend(plan.excluded.as_bytes());
    paths::write_atomically(&store.join(EXCLUDE), &list)?;
    let mut files = Vec::new();
    for (n, file) in plan.files.iter().enumerate() {
        let copy = format!("{n}.laid");
        paths::write_atomically(&store.join(&copy), &file.bytes)?;
        let before = file.before.as_ref().map(|bytes| (format!("{n}.before"), bytes));
        if let Some((name, bytes)) = &before {
            paths::write_atomically(&store.join(name), bytes)?;
        }
        let before = before.map(|(name, _)| name);
        files.push(Lent { path: file.path.clone(), copy, before, letter: file.letter });
    }
    let manifest = Manifest {
        version: VERSION,
        worktree: name.to_owned(),
        folders: plan.folders.clone(),
        files,
    };
    let path = store.join(MANIFEST);
    let bytes =
        serde_json::to_vec_pretty(&manifest).map_err(|error| io("write", &path)(error.into()))?;
    Ok(paths::write_atomically(&path, &bytes)?)
}

fn put(root: &Path, beneath: &Beneath, plan: &Plan) -> Result<(), HandoutError> {
    let draft = root.join(STORE).join(DRAFT);
    let told = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| {
            if error.kind() == ErrorKind::AlreadyExists {
                HandoutError::Stands { path }
            } else if beneath::is_no_folder(&error) {
                HandoutError::Hostile { path, why: "is behind a link" }
            } else {
                HandoutError::Io { what: "write", path, source: error }
            }
        }
    };
    for folder in &plan.folders {
        beneath.make_folder(folder).map_err(told(folder))?;
    }
    for file in &plan.files {
        let Planned { path, bytes, mode, .. } = file;
        let put = match file.before {
            None => beneath.put_new(path, bytes, *mode, &draft),
            Some(_) => beneath.replace(path, bytes, *mode, &draft),
        };
        put.map_err(told(path))?;
        crash_point("handout.half");
    }
    Ok(())
}

/// Takes back what the env at `root` was lent: what nobody changed goes, of a changed letter only our block; an env without a handout is fine.
///
/// Whoever calls it holds the env's lock. Each step may find its work done already.
pub fn take_back(git: &Git, root: &Path) -> Result<(), HandoutError> {
    let store = root.join(STORE);
    let Some(manifest) = read_manifest(&store)? else { return drop_store(&store) };
    let worktree = root.join(&manifest.worktree);
    if !worktree.join(".git").exists() {
        // Nothing of it stands any more, or it is no worktree now: then nothing there is ours to touch.
        return drop_store(&store);
    }
    let beneath = open(&worktree)?;
    let asked: Vec<&Path> = manifest.files.iter().map(|lent| lent.path.as_path()).collect();
    let known = tracked(git, &worktree, &asked)?;
    for lent in &manifest.files {
        // What git tracks by now was added by somebody who wanted it so.
        if !known.contains(&lent.path) {
            take_one(&store, &beneath, lent)?;
        }
        crash_point("handout.taking");
    }
    for folder in manifest.folders.iter().rev() {
        beneath.remove_folder(folder).map_err(io("remove", folder))?;
    }
    drop_store(&store)
}

fn take_one(store: &Path, beneath: &Beneath, lent: &Lent) -> Result<(), HandoutError> {
    let path = &lent.path;
    let kept = |name: &str| {
        let path = store.join(name);
        fs::read(&path).map_err(io("read", &path))
    };
    let Some((stands, mode)) = beneath.read(path).map_err(io("read", path))? else {
        return Ok(());
    };
    let before = lent.before.as_deref().map(kept).transpose()?;
    let rest = if stands == kept(&lent.copy)? {
        before
    } else if before.as_ref() == Some(&stands) || !lent.letter {
        return Ok(());
    } else {
        let Some(rest) = block::without(&stands) else { return Ok(()) };
        Some(rest).filter(|rest| before.is_some() || !rest.trim_ascii().is_empty())
    };
    match rest {
        None => beneath.remove(path).map_err(io("remove", path)),
        Some(rest) => {
            let draft = store.join(DRAFT);
            beneath.replace(path, &rest, mode, &draft).map_err(io("restore", path))
        }
    }
}

/// Takes back what the env at `root` was lent, unless somebody works in it; says whether nothing is lent any more.
pub fn take_back_if_free(git: &Git, root: &Path) -> Result<bool, HandoutError> {
    if !root.join(STORE).exists() {
        return Ok(true);
    }
    match Alone::in_env(root) {
        Ok(_alone) => take_back(git, root).map(|()| true),
        Err(HandoutError::Busy { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn read_manifest(store: &Path) -> Result<Option<Manifest>, HandoutError> {
    let path = store.join(MANIFEST);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io("read", &path)(source)),
    };
    let inside = |manifest: &Manifest| {
        let paths = manifest.files.iter().map(|lent| &lent.path).chain(&manifest.folders);
        manifest.version == VERSION
            && manifest.worktree.components().count() == 1
            && paths.chain([&manifest.worktree]).all(|path| is_inside(path))
    };
    serde_json::from_slice(&bytes)
        .ok()
        .filter(inside)
        .map(Some)
        .ok_or(HandoutError::Unreadable { path })
}

/// Forgets a handout; the manifest goes first, so that what stays means nothing.
fn drop_store(store: &Path) -> Result<(), HandoutError> {
    for (what, gone) in [
        (store.join(MANIFEST), fs::remove_file(store.join(MANIFEST))),
        (store.to_owned(), fs::remove_dir_all(store)),
    ] {
        match gone {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(io("remove", &what)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Which of `paths`, or what below them, git tracks in `worktree`.
fn tracked(git: &Git, worktree: &Path, paths: &[&Path]) -> Result<Vec<PathBuf>, HandoutError> {
    let list: Vec<OsString> = paths.iter().map(|path| path.as_os_str().to_owned()).collect();
    let out = git
        .call(worktree)
        .args(["--literal-pathspecs", "ls-files", "-z", "--full-name", "--"])
        .args(list)
        .bytes()?;
    Ok(fields(&out).map(path_of).collect())
}

fn open(worktree: &Path) -> Result<Beneath, HandoutError> {
    Beneath::open(worktree).map_err(io("open", worktree))
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HandoutError {
    let path = path.to_owned();
    move |source| HandoutError::Io { what, path, source }
}

/// An env's lock, free at once when this is dropped: a program that is just being started may hold a copy of the file.
struct Alone(Lock);

impl Alone {
    fn in_env(root: &Path) -> Result<Alone, HandoutError> {
        match lock::hold(&root.join("lock")) {
            Ok(lock) => Ok(Alone(lock)),
            Err(LockError::Held { path }) => Err(HandoutError::Busy { path }),
            Err(LockError::Io { path, source }) => Err(io("lock", &path)(source)),
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // Where it fails, closing the file frees it a moment later.
        let _freed = rustix::fs::flock(&self.0, rustix::fs::FlockOperation::Unlock);
    }
}
