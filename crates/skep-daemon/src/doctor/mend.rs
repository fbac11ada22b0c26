//! Owns: what `--fix` does: moves, registrations, rights, sockets, sessions; and the words that take each back.
//! Never: deletes a file that holds anything, or ends a process but a viewer.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use skep_api::{place::Home, wire::chain};
use skep_core::id::RunId;
use skep_host::{
    git::{self, Git},
    salvage::{self, Verdict},
    tmux::{Ended, Server},
    worktree,
};

use super::{Mended, pasted};
use crate::trust;

/// What mends a finding and can be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remedy {
    /// A folder of the home that lets others in.
    Private { path: PathBuf, mode: u32 },
    /// A socket on which nobody listens.
    Socket { path: PathBuf },
    /// A session of ours that shows nothing.
    Session { name: String },
    /// The registration of a worktree whose folder is gone.
    SetAside { repository: PathBuf, path: PathBuf },
    /// An entry of ours in another program's settings, whose env is gone.
    Foreign { run: RunId },
    /// The lock of a worktree that has lost it.
    Lock { repository: PathBuf, path: PathBuf, reason: String },
}

impl Remedy {
    /// What it would do.
    pub(super) fn text(&self) -> String {
        match self {
            Remedy::Private { path, .. } => format!("chmod 700 {}", pasted(path)),
            Remedy::Socket { path } => format!("remove the socket {}", path.display()),
            Remedy::Session { name } => format!("end the session {name}; no agent lives in it"),
            Remedy::SetAside { path, .. } => {
                format!("move the registration of {} out of git's sight", path.display())
            }
            Remedy::Foreign { run } => format!("take back what was written there for {run}"),
            Remedy::Lock { path, .. } => format!("git worktree lock {}", pasted(path)),
        }
    }

    /// Does it, after a look that says that it is still right.
    pub(super) fn apply(self, home: &Home, vars: &BTreeMap<String, String>) -> Mended {
        let done = match &self {
            Remedy::Private { path, mode } => private(path, *mode),
            Remedy::Socket { path } => socket(path),
            Remedy::Session { name } => session(home, vars, name),
            Remedy::SetAside { repository, path } => set_aside(home, vars, repository, path),
            Remedy::Foreign { run } => trust::take_back(home, run)
                .map(|()| (format!("nothing of {run} is left there"), String::new())),
            Remedy::Lock { repository, path, reason } => lock(home, vars, repository, path, reason),
        };
        match done {
            Ok((text, back)) => Mended { done: true, text, back },
            Err(text) => Mended { done: false, text, back: String::new() },
        }
    }
}

type Done = Result<(String, String), String>;

fn private(path: &Path, mode: u32) -> Done {
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(|err| err.to_string())?;
    Ok((format!("{} is for you alone", path.display()), format!("chmod {mode:o} {}", pasted(path))))
}

/// Whether a socket lies there on which nobody listens.
pub(super) fn is_dead(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    // Any other failure is no answer.
    is_socket
        && UnixStream::connect(path)
            .is_err_and(|err| err.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn socket(path: &Path) -> Done {
    if !is_dead(path) {
        return Err("somebody listens on it now".to_owned());
    }
    fs::remove_file(path).map_err(|err| err.to_string())?;
    Ok((format!("{} is gone", path.display()), String::new()))
}

fn session(home: &Home, vars: &BTreeMap<String, String>, name: &str) -> Done {
    match Server::private(home.sockets(), vars).end(name) {
        Ok(Ended::Ended | Ended::Absent) => {
            Ok((format!("{name} is ended"), "skep attach ID shows a run's screen".to_owned()))
        }
        Ok(Ended::Foreign) => Err(format!("{name} is not ours any more")),
        Err(err) => Err(chain(&err)),
    }
}

fn set_aside(home: &Home, vars: &BTreeMap<String, String>, repository: &Path, path: &Path) -> Done {
    let told = |err: git::GitError| chain(&err);
    let git = Git::new(vars);
    let repo = git::discover(&git, repository).map_err(told)?;
    // Out of git's sight nothing holds what only the registration holds.
    match salvage::inspect(&git, &repo, path) {
        Verdict::Safe(_) => {}
        Verdict::Unsafe(reasons) => {
            let slug = reasons.first().map_or("worktree-dirty", salvage::Reason::slug);
            return Err(format!("only this registration holds some work ({slug})"));
        }
        Verdict::Unknown(err) => return Err(chain(&err)),
    }
    match worktree::set_aside(&repo, &home.repository_locks(), path).map_err(told)? {
        Some((from, to)) => Ok((
            format!("git does not know {} any more", path.display()),
            format!("mv {} {}", pasted(&to), pasted(&from)),
        )),
        None => Err("its folder stands, or git does not know it".to_owned()),
    }
}

fn lock(
    home: &Home,
    vars: &BTreeMap<String, String>,
    repository: &Path,
    path: &Path,
    reason: &str,
) -> Done {
    let told = |err: git::GitError| chain(&err);
    let repo = git::discover(&Git::new(vars), repository).map_err(told)?;
    if worktree::lock_again(&repo, &home.repository_locks(), path, reason).map_err(told)? {
        let back = format!("git worktree unlock {}", pasted(path));
        return Ok((format!("{} is locked", path.display()), back));
    }
    Err("it is locked already, or git does not know it".to_owned())
}
