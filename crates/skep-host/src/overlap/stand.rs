//! Owns: what stands in a worktree, as a commit in our own store: tracked and untracked, without what git ignores.
//! Never: hashes a file that has not changed since the last look, or touches the worktree's own index.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Ground, Overlap};
use crate::{
    git::{Bounds, Call, Git, GitError, fields, is_oid, path_of, private, require_oid},
    handout, paths,
};

/// What stands in a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub head: String,
    /// What the work is compared with: the last commit that it shares with its base and its target.
    pub base: String,
    pub tree: String,
    /// A commit of this tree upon the head, in the store.
    pub commit: String,
    /// The files that differ from the base. Order: by their bytes.
    pub touched: Vec<PathBuf>,
    /// What could not be read, in git's words; the tree is without it.
    pub partial: Option<String>,
}

/// What is remembered of a worktree between two looks.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The worktree's own index, as it was when it was copied.
    copied: Option<Stamp>,
    /// Our copy, as it was when its tree was written.
    written: Option<Stamp>,
    tree: String,
    /// What the base follows from, and the base.
    based: Option<(Vec<String>, String)>,
    standing: Option<Arc<Standing>>,
}

/// When and as what a file was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &Path) -> io::Result<Stamp> {
        let meta = fs::symlink_metadata(file)?;
        if !meta.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let changed = (meta.mtime(), meta.mtime_nsec());
        Ok(Stamp { inode: meta.ino(), size: meta.size(), changed })
    }
}

impl Overlap {
    /// Lets git ignore `patterns` in a worktree too, beside what it is not to show of the env at `root`.
    ///
    /// Errors: the user's own list cannot be read, or ours not be written.
    pub fn ignoring(
        &self,
        key: &str,
        git: &Git,
        worktree: &Path,
        root: &Path,
        patterns: &[String],
    ) -> Result<Git, GitError> {
        if patterns.is_empty() {
            return Ok(handout::unseen(git, root));
        }
        let into = self.index(key).with_added_extension("list");
        let mut list = handout::unseen_list(git, worktree, root)?;
        list.push(b'\n');
        for pattern in patterns {
            list.extend_from_slice(pattern.as_bytes());
            list.push(b'\n');
        }
        let io = |source| GitError::Io { what: "write", path: into.clone(), source };
        if fs::read(&into).ok().as_deref() != Some(&list) {
            self.make()?;
            paths::write_atomically(&into, &list).map_err(|err| io(io::Error::other(err)))?;
        }
        Ok(git.clone().excluding(&into))
    }

    /// Finds the commits that the worktrees of the repository stand on, by their folders.
    pub(super) fn heads(&self, git: &Git) -> Result<BTreeMap<PathBuf, String>, GitError> {
        let call = git.call(&self.repo.common_dir).args(["worktree", "list", "--porcelain", "-z"]);
        let out = call.bytes()?;
        let (mut heads, mut folder) = (BTreeMap::new(), None);
        for field in fields(&out) {
            if let Some(path) = field.strip_prefix(b"worktree ") {
                folder = Some(path_of(path));
            } else if let Some(oid) = field.strip_prefix(b"HEAD ")
                && let Some(folder) = folder.take()
            {
                heads.insert(folder, String::from_utf8_lossy(oid).into_owned());
            }
        }
        Ok(heads)
    }

    /// Finds the commits of some branches, here and at origin.
    pub(super) fn refs(
        &self,
        git: &Git,
        targets: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, String>, GitError> {
        if targets.is_empty() {
            return Ok(BTreeMap::new());
        }
        let names = targets.iter().flat_map(|name| ref_names(name));
        let call = git.call(&self.repo.common_dir).arg("for-each-ref");
        let out = call.arg("--format=%(objectname)%00%(refname)%00").args(names).bytes()?;
        let text = |field: &[u8]| String::from_utf8_lossy(field).trim_start().to_owned();
        let all: Vec<String> = fields(&out).map(text).filter(|field| !field.is_empty()).collect();
        Ok(all.chunks_exact(2).map(|pair| (pair[1].clone(), pair[0].clone())).collect())
    }

    /// Looks at one worktree.
    pub(super) fn stand(
        &mut self,
        ground: &Ground<'_>,
        heads: &BTreeMap<PathBuf, String>,
        refs: &BTreeMap<String, String>,
    ) -> Result<Arc<Standing>, GitError> {
        let known = self.seen.get(ground.key).and_then(|seen| seen.standing.clone());
        if let Some(standing) = known.filter(|_| !ground.stale) {
            return Ok(standing);
        }
        // Taken out: what goes wrong in between begins anew.
        let mut seen = self.seen.remove(ground.key).unwrap_or_default();
        let before = seen.standing.take();
        let absent = || GitError::NotARepository { path: ground.worktree.to_owned() };
        let worktree = ground.worktree.canonicalize().map_err(|_| absent())?;
        let head = heads.get(&worktree).ok_or_else(absent)?;
        if head.bytes().all(|byte| byte == b'0') {
            return Err(GitError::Unborn { branch: "HEAD".to_owned() });
        }
        let partial = self.add(ground, &worktree, &mut seen)?;
        let tree = self.write_tree(ground, &mut seen)?;
        let base = self.base(ground, head, refs, &mut seen)?;
        let is_same = |it: &Arc<Standing>| {
            (&it.head, &it.base, &it.tree, &it.partial) == (head, &base, &tree, &partial)
        };
        let standing = match before.filter(is_same) {
            Some(standing) => standing,
            None => {
                let commit = self.commit(ground, &tree, head)?;
                let touched = self.touched(ground.git, &base, &tree)?;
                let head = head.clone();
                Arc::new(Standing { head, base, tree, commit, touched, partial })
            }
        };
        seen.standing = Some(Arc::clone(&standing));
        self.seen.insert(ground.key.to_owned(), seen);
        Ok(standing)
    }

    /// Brings our index up to what stands in the worktree; returns what could not be read.
    fn add(
        &self,
        ground: &Ground<'_>,
        worktree: &Path,
        seen: &mut Seen,
    ) -> Result<Option<String>, GitError> {
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |source| GitError::Io { what, path, source }
        };
        let ours = self.index(ground.key);
        // Only ours can lie there, of a git that was killed.
        let _absent = fs::remove_file(ours.with_added_extension("lock"));
        let absent = || GitError::NotARepository { path: worktree.to_owned() };
        let own = private(&self.repo.common_dir, worktree).ok_or_else(absent)?.join("index");
        let stamp = match Stamp::of(&own) {
            Ok(stamp) => Some(stamp),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io("read", &own)(error)),
        };
        let git = ground.git.clone().bounded(Bounds::EnvAnd(self.dir.clone()));
        // What its own git tracks, and what that knows of the files' times, is all in its index.
        if stamp.is_none() {
            self.with_index(git.call(worktree), &ours).args(["read-tree", "HEAD"]).bytes()?;
        } else if seen.copied != stamp || !ours.exists() {
            copy(&own, &ours).map_err(io("copy", &own))?;
        }
        seen.copied = stamp;
        // An index that is split keeps a part of itself in the user's git folder.
        let settings = ["-c", "core.splitIndex=false", "-c", "core.safecrlf=false"];
        let call = self.with_index(git.call(worktree), &ours).args(settings);
        let output = call.args(["add", "--all", "--ignore-errors"]).output()?;
        let code = output.code();
        match code {
            0 => Ok(None),
            1 => Ok(output
                .complaint()
                .lines()
                .next()
                .map(str::to_owned)
                .or_else(|| Some(String::new()))),
            _ => {
                let (args, stderr) = (vec!["add".to_owned()], output.complaint());
                Err(GitError::Failed { args, code, stderr })
            }
        }
    }

    /// Writes the tree of our index, where that has changed.
    fn write_tree(&self, ground: &Ground<'_>, seen: &mut Seen) -> Result<String, GitError> {
        let ours = self.index(ground.key);
        let stamp = Stamp::of(&ours).ok();
        if stamp.is_some() && seen.written == stamp {
            return Ok(seen.tree.clone());
        }
        let call = ground.git.call(&self.repo.common_dir).args(["-c", "core.splitIndex=false"]);
        let tree = self.with_index(call, &ours).arg("write-tree").line()?;
        seen.tree = require_oid(&tree)?.to_owned();
        seen.written = Stamp::of(&ours).ok();
        Ok(tree)
    }

    /// A commit of the tree, the same whenever it is made.
    fn commit(&self, ground: &Ground<'_>, tree: &str, head: &str) -> Result<String, GitError> {
        let mut call =
            self.stored(ground.git).args(["commit-tree", "-m", "skep", "-p", head, tree]);
        for name in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"] {
            call = call.var(name, "skep");
        }
        for name in ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
            call = call.var(name, "skep@localhost");
        }
        for name in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
            call = call.var(name, "1000000000 +0000");
        }
        let oid = call.line()?;
        Ok(require_oid(&oid)?.to_owned())
    }

    /// The last commit that `head` shares with where it began and where it is to go: what others did meanwhile is not its work.
    fn base(
        &self,
        ground: &Ground<'_>,
        head: &str,
        refs: &BTreeMap<String, String>,
        seen: &mut Seen,
    ) -> Result<String, GitError> {
        let mut from = vec![head.to_owned()];
        if let Some(base) = ground.base {
            from.push(require_oid(base)?.to_owned());
        }
        for name in ground.target.iter().flat_map(|target| ref_names(target)) {
            from.extend(refs.get(&name).filter(|oid| is_oid(oid)).cloned());
        }
        if let Some((asked, base)) = &seen.based
            && *asked == from
        {
            return Ok(base.clone());
        }
        if from.len() == 1 {
            return Ok(head.to_owned());
        }
        let (code, out) = self.stored(ground.git).arg("merge-base").args(&from).code(&[0, 1])?;
        let found = String::from_utf8_lossy(&out).trim().to_owned();
        let base = if code == 0 && is_oid(&found) {
            found
        } else {
            ground.base.unwrap_or(head).to_owned()
        };
        seen.based = Some((from, base.clone()));
        Ok(base)
    }

    /// The files in which two trees differ.
    fn touched(&self, git: &Git, base: &str, tree: &str) -> Result<Vec<PathBuf>, GitError> {
        let plain = ["diff-tree", "-r", "-z", "--no-renames", "--name-only", "--no-ext-diff"];
        let out = self.stored(git).args(plain).args([base, tree]).bytes()?;
        let mut files: Vec<PathBuf> = fields(&out).map(path_of).collect();
        files.sort();
        Ok(files)
    }

    /// Begins a call that reads the repository and writes into the store.
    pub(super) fn stored<'g>(&self, git: &'g Git) -> Call<'g> {
        self.stored_at(git, &self.repo.common_dir)
    }

    /// The same in another folder of the repository: where it is checked out, its attributes hold.
    pub(super) fn stored_at<'g>(&self, git: &'g Git, dir: &Path) -> Call<'g> {
        let call = git.call(dir).var("GIT_OBJECT_DIRECTORY", self.objects());
        call.var("GIT_NO_LAZY_FETCH", "1")
    }

    fn with_index<'g>(&self, call: Call<'g>, index: &Path) -> Call<'g> {
        let call = call.var("GIT_OBJECT_DIRECTORY", self.objects()).var("GIT_INDEX_FILE", index);
        call.var("GIT_NO_LAZY_FETCH", "1")
    }
}

/// Copies an index with its time: a file that is as young as it is one that git looks at again.
fn copy(own: &Path, ours: &Path) -> io::Result<()> {
    let beside = ours.with_added_extension("copy");
    let modified = fs::metadata(own)?.modified()?;
    fs::copy(own, &beside)?;
    fs::File::options().write(true).open(&beside)?.set_modified(modified)?;
    fs::rename(&beside, ours)
}

fn ref_names(target: &str) -> [String; 2] {
    [format!("refs/heads/{target}"), format!("refs/remotes/origin/{target}")]
}
