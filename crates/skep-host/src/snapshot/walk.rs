//! Owns: looking at everything that stands in a worktree and in its private git folder.
//! Never: follows a link, enters a folder that git ignores, or opens what is no file.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::{ffi::OsStrExt, ffi::OsStringExt, fs::FileTypeExt},
    path::{Path, PathBuf},
};

use super::{
    Place, SnapshotError, io_at,
    manifest::{Entry, Kind, Manifest, Side},
    state::{call, is_private},
};
use crate::git::{GitError, fields, path_of};

/// Something that stands there and that no snapshot can keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) path: PathBuf,
    pub(super) why: Why,
}

/// Why something cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Socket,
    Pipe,
    Device,
    Unreadable,
    /// Another worktree of the same repository, made inside this one.
    Worktree,
}

impl LeftOut {
    /// Whether nothing is lost with it.
    pub(super) fn is_harmless(&self) -> bool {
        matches!(self.why, Why::Socket | Why::Pipe | Why::Device)
    }

    pub(super) fn words(&self) -> String {
        let why = match self.why {
            Why::Socket => "a socket",
            Why::Pipe => "a named pipe",
            Why::Device => "a device",
            Why::Unreadable => "cannot be read",
            Why::Worktree => "another worktree of the repository",
        };
        format!("{} ({why})", self.path.display())
    }
}

/// What stands there now.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) manifest: Manifest,
    pub(super) left_out: Vec<LeftOut>,
    /// Which paths lie in a repository of their own.
    pub(super) nested: BTreeSet<PathBuf>,
    /// What git ignores and the project discards: neither looked at nor touched.
    pub(super) ignored: BTreeSet<PathBuf>,
}

impl Seen {
    /// Notes that a path cannot be read; in a repository that must be kept whole that is an error.
    pub(super) fn unreadable(
        &mut self,
        path: PathBuf,
        error: &io::Error,
    ) -> Result<(), SnapshotError> {
        if self.nested.contains(&path) {
            return Err(SnapshotError::Nested { path, why: error.to_string() });
        }
        self.left_out.push(LeftOut { path, why: Why::Unreadable });
        Ok(())
    }
}

/// Looks at a worktree and at its private git folder.
pub(super) fn walk(
    place: Place<'_>,
    worktree: &Path,
    git_dir: &Path,
    discard: &[String],
) -> Result<Seen, SnapshotError> {
    let mut seen = Seen { ignored: ignored(place, worktree, git_dir, discard)?, ..Seen::default() };
    walk_tree(place, worktree, &mut seen)?;
    walk_state(place, git_dir, &mut seen)?;
    Ok(seen)
}

/// What git ignores, and what the project discards, each at the highest folder that is so as a whole.
fn ignored(
    place: Place<'_>,
    worktree: &Path,
    git_dir: &Path,
    discard: &[String],
) -> Result<BTreeSet<PathBuf>, SnapshotError> {
    let ask = |patterns: Vec<String>| {
        let plain = ["ls-files", "-z", "--others", "--ignored", "--directory"];
        call(place, git_dir, worktree).args(plain).args(patterns).bytes()
    };
    let mut all = BTreeSet::new();
    let mut outs = vec![ask(vec!["--exclude-standard".to_owned()])?];
    if !discard.is_empty() {
        outs.push(ask(discard.iter().map(|pattern| format!("--exclude={pattern}")).collect())?);
    }
    for out in &outs {
        let rows: BTreeSet<&[u8]> = fields(out).collect();
        for row in &rows {
            // A folder that is listed with something below it is not ignored itself: all that is in it is.
            let below = row.ends_with(b"/")
                && rows.range(*row..).nth(1).is_some_and(|next| next.starts_with(row));
            if !below {
                all.insert(path_of(row.strip_suffix(b"/").unwrap_or(row)));
            }
        }
    }
    Ok(all)
}

/// What one look at a path gives.
fn look(path: &Path) -> io::Result<Result<Entry, Why>> {
    let meta = fs::symlink_metadata(path)?;
    let kind = meta.file_type();
    Ok(if kind.is_dir() {
        Ok(Entry::of(Kind::Folder, &meta))
    } else if kind.is_file() {
        Ok(Entry::of(Kind::File, &meta))
    } else if kind.is_symlink() {
        let target = fs::read_link(path)?.into_os_string().into_vec();
        Ok(Entry::of(Kind::Link(target), &meta))
    } else if kind.is_socket() {
        Err(Why::Socket)
    } else if kind.is_fifo() {
        Err(Why::Pipe)
    } else {
        Err(Why::Device)
    })
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn walk_tree(place: Place<'_>, worktree: &Path, seen: &mut Seen) -> Result<(), SnapshotError> {
    let root = look(worktree).map_err(io_at("look at", worktree))?;
    let Ok(root @ Entry { kind: Kind::Folder, .. }) = root else {
        return Err(GitError::NotARepository { path: worktree.to_owned() }.into());
    };
    seen.manifest.entries.insert((Side::Tree, PathBuf::new()), root);
    let mut folders = vec![(PathBuf::new(), false)];
    while let Some((folder, nested)) = folders.pop() {
        let names = match names(&worktree.join(&folder)) {
            Ok(names) => names,
            Err(error) if is_gone(&error) && !folder.as_os_str().is_empty() => continue,
            Err(error) if folder.as_os_str().is_empty() => {
                return Err(io_at("list", worktree)(error));
            }
            Err(error) => {
                seen.unreadable(folder, &error)?;
                continue;
            }
        };
        for name in names {
            let path = folder.join(&name);
            let at = worktree.join(&path);
            // An ignored folder without a file is nothing that the trash would keep.
            let is_ignored = !nested && seen.ignored.contains(&path) && !has_only_folders(&at);
            if path == Path::new(".git") || is_ignored {
                continue;
            }
            if nested {
                seen.nested.insert(path.clone());
            }
            let entry = match look(&at) {
                Ok(Ok(entry)) => entry,
                Ok(Err(why)) => {
                    seen.left_out.push(LeftOut { path, why });
                    continue;
                }
                Err(error) if is_gone(&error) => continue,
                Err(error) => {
                    seen.unreadable(path, &error)?;
                    continue;
                }
            };
            if entry.is_folder() {
                let git = at.join(".git");
                if is_worktree_of(place, &git) {
                    seen.left_out.push(LeftOut { path, why: Why::Worktree });
                    continue;
                }
                let inside = nested || fs::symlink_metadata(&git).is_ok();
                if inside {
                    seen.nested.insert(path.clone());
                }
                folders.push((path.clone(), inside));
            }
            seen.manifest.entries.insert((Side::Tree, path), entry);
        }
    }
    Ok(())
}

/// Whether there is nothing but folders in a folder; what cannot be read may be anything.
fn has_only_folders(folder: &Path) -> bool {
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    is_folder(folder)
        && names(folder)
            .is_ok_and(|names| names.iter().all(|name| has_only_folders(&folder.join(name))))
}

/// Whether a `.git` is the link file of another worktree of this repository.
fn is_worktree_of(place: Place<'_>, git: &Path) -> bool {
    let is_file = fs::symlink_metadata(git).is_ok_and(|meta| meta.is_file() && meta.len() < 8192);
    let Some(text) = is_file.then(|| fs::read(git).ok()).flatten() else { return false };
    let Some(named) = text.strip_prefix(b"gitdir: ") else { return false };
    let named = path_of(named.strip_suffix(b"\n").unwrap_or(named));
    let Some(folder) = git.parent().map(|folder| folder.join(named)) else { return false };
    let (named, all) =
        (folder.canonicalize(), place.repo.common_dir.join("worktrees").canonicalize());
    match (named, all) {
        (Ok(named), Ok(all)) => named.parent() == Some(all.as_path()),
        _ => false,
    }
}

fn names(folder: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name());
    }
    names.sort();
    Ok(names)
}

/// Looks at the private state; whatever of it cannot be read is an error, since it is git's own.
pub(super) fn walk_state(
    place: Place<'_>,
    git_dir: &Path,
    seen: &mut Seen,
) -> Result<(), SnapshotError> {
    // The main worktree's submodules lie in the repository, which stays.
    let is_main = git_dir == place.repo.common_dir;
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let at = git_dir.join(&folder);
        let names = match names(&at) {
            Ok(names) => names,
            Err(error) if is_gone(&error) && !folder.as_os_str().is_empty() => continue,
            Err(error) => return Err(io_at("list", &at)(error)),
        };
        if folder.as_os_str().is_empty() {
            let root = look(&at).map_err(io_at("look at", &at))?;
            if let Ok(root) = root {
                seen.manifest.entries.insert((Side::State, PathBuf::new()), root);
            }
        }
        for name in names {
            let path = folder.join(&name);
            if !is_private(&path) || (is_main && path.as_os_str().as_bytes() == b"modules") {
                continue;
            }
            let at = git_dir.join(&path);
            let entry = match look(&at) {
                Ok(Ok(entry)) => entry,
                Ok(Err(why)) => {
                    seen.left_out.push(LeftOut { path, why });
                    continue;
                }
                Err(error) if is_gone(&error) => continue,
                Err(error) => return Err(io_at("look at", &at)(error)),
            };
            if entry.is_folder() {
                folders.push(path.clone());
            }
            seen.manifest.entries.insert((Side::State, path), entry);
        }
    }
    Ok(())
}
