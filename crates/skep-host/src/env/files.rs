//! Owns: the ignored files of the project's checkout that an env gets as copies or links.
//! Never: brings what git would show there, goes through a link, or writes over what stands.

use std::{
    ffi::OsString,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
};

use super::{Cause, Prepare, folder::make_dirs_below};
use crate::{
    git::{Git, fields, is_inside, path_of},
    salvage::Twin,
};

/// What was brought along into a worktree.
#[derive(Debug, Default)]
pub(super) struct Brought {
    pub(super) linked: Vec<PathBuf>,
    pub(super) copied: Vec<Twin>,
    /// What was not, and why.
    pub(super) notes: Vec<String>,
}

/// Copies and links ignored files of the checkout `from`, as the request asks; nothing else, and nothing over what stands there.
pub(super) fn bring(
    git: &Git,
    ask: &Prepare,
    from: &Path,
    worktree: &Path,
) -> Result<Brought, Cause> {
    let mut bringing = Bringing { git, from, worktree, brought: Brought::default() };
    let linked = bringing.link_all(&ask.link)?;
    bringing.copy_all(&ask.copy, &linked)?;
    Ok(bringing.brought)
}

/// Files on their way from a checkout to a worktree.
struct Bringing<'a> {
    git: &'a Git,
    from: &'a Path,
    worktree: &'a Path,
    brought: Brought,
}

impl Bringing<'_> {
    /// Links what matches, and returns all of that, what stood there already included.
    fn link_all(&mut self, wanted: &[String]) -> Result<Vec<PathBuf>, Cause> {
        let paths = self.ignored(&excludes(wanted), &["--directory"])?;
        for path in &paths {
            if let Some(to) = self.room_for(path)? {
                symlink(self.from.join(path), &to).map_err(|source| Cause::Io {
                    what: "link",
                    path: to,
                    source,
                })?;
                self.brought.linked.push(path.clone());
            }
        }
        Ok(paths)
    }

    /// Copies what matches and is not in something linked.
    fn copy_all(&mut self, wanted: &[String], linked: &[PathBuf]) -> Result<(), Cause> {
        let mut patterns = excludes(wanted);
        let include = self.worktree.join(".worktreeinclude");
        if fs::symlink_metadata(&include).is_ok_and(|meta| meta.is_file()) {
            let mut option = OsString::from("--exclude-from=");
            option.push(&include);
            patterns.push(option);
        }
        for path in self.ignored(&patterns, &[])? {
            if linked.iter().any(|link| path.starts_with(link)) {
                continue;
            }
            if let Some(to) = self.room_for(&path)? {
                self.copy(&to, path)?;
            }
        }
        Ok(())
    }

    /// Untracked paths of the checkout that match, and that the worktree ignores: others would be committed by the agent.
    fn ignored(&mut self, patterns: &[OsString], more: &[&str]) -> Result<Vec<PathBuf>, Cause> {
        if patterns.is_empty() {
            return Ok(Vec::new());
        }
        let out = self
            .git
            .call(self.from)
            .args(["ls-files", "-z", "--others", "--ignored"])
            .args(more)
            .args(patterns)
            .bytes()?;
        // Without its slash a folder is asked for as the link it will be.
        let found: Vec<PathBuf> =
            fields(&out).map(|path| path_of(path.strip_suffix(b"/").unwrap_or(path))).collect();
        // Git asks nothing about what lies behind a link.
        let (found, behind): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|path| !leads_away(self.worktree, path));
        self.left_out(&behind, "a link or file is in its way");
        if found.is_empty() {
            return Ok(found);
        }
        let list: Vec<u8> =
            found.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
        let (_, out) = self
            .git
            .call(self.worktree)
            .args(["check-ignore", "-z", "--stdin"])
            .stdin(list)
            .code(&[0, 1])?;
        let ignored: Vec<PathBuf> = fields(&out).map(path_of).collect();
        self.left_out(
            found.iter().filter(|path| !ignored.contains(path)),
            "git does not ignore it there",
        );
        Ok(ignored)
    }

    fn left_out<'p>(&mut self, paths: impl IntoIterator<Item = &'p PathBuf>, why: &str) {
        let told = paths
            .into_iter()
            .map(|path| format!("`{}` was not brought along: {why}", path.display()));
        self.brought.notes.extend(told);
    }

    /// Makes the folders for a file to bring; none where something stands there already.
    fn room_for(&self, path: &Path) -> Result<Option<PathBuf>, Cause> {
        let to = self.worktree.join(path);
        if !is_inside(path) || fs::symlink_metadata(&to).is_ok() {
            return Ok(None);
        }
        let free = make_dirs_below(self.worktree, path.parent().unwrap_or(Path::new("")))?;
        Ok(free.then_some(to))
    }

    fn copy(&mut self, to: &Path, path: PathBuf) -> Result<(), Cause> {
        let from = self.from.join(&path);
        let io = |what| {
            let path = from.clone();
            move |source| Cause::Io { what, path, source }
        };
        let kind = fs::symlink_metadata(&from).map_err(io("look at"))?.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(&from).map_err(io("read"))?;
            symlink(target, to).map_err(io("copy"))?;
        } else if kind.is_file() {
            fs::copy(&from, to).map_err(io("copy"))?;
        } else {
            self.left_out([&path], "it is no file");
            return Ok(());
        }
        self.brought.copied.push(Twin { path, of: from });
        Ok(())
    }
}

fn excludes(patterns: &[String]) -> Vec<OsString> {
    patterns.iter().map(|pattern| format!("--exclude={pattern}").into()).collect()
}

/// Whether one of the folders of `path` is a link or file in the worktree.
fn leads_away(worktree: &Path, path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .any(|up| fs::symlink_metadata(worktree.join(up)).is_ok_and(|meta| !meta.is_dir()))
}
