//! Sessions of tmux, through its command line.
//!
//! Owns: how tmux is started and asked; exact targets; the mark that tells our sessions from others; how a foreign text becomes an argument.
//! Never: looks at a screen, types into a pane, or takes a tmux that failed for one without sessions.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::PathBuf,
    time::Duration,
};

use thiserror::Error;

use crate::{
    git::{Fault, Retry},
    paths::PathError,
    proc::{Output, ProcError, Program},
};

mod argv;
pub mod found;
mod seen;
mod server;
mod users;

pub use seen::{Opened, Pane, Session, Version};
pub use server::{Ended, Server, Size};
pub use users::open_window_in_users;

#[cfg(test)]
mod tests;

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why tmux gave no answer, or not the wished one. None of them says that a session is absent.
#[derive(Debug, Error)]
pub enum TmuxError {
    #[error("tmux is not installed, or not on the PATH")]
    Missing(#[source] ProcError),
    /// It could not be run, or was not done in time.
    #[error("run tmux")]
    Run(#[source] ProcError),
    #[error("`tmux {}` failed with {code}: {stderr}", .args.join(" "))]
    Failed { args: Vec<String>, code: i32, stderr: String },
    /// Its answer does not have the form that was asked for.
    #[error("tmux answered `{answer}`")]
    Odd { answer: String },
    #[error("talk to the tmux server at `{}`", .path.display())]
    Socket {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The folder of the server's socket is not ours alone, or cannot be made.
    #[error("{0}")]
    Folder(#[source] PathError),
    /// There is a session of this name already.
    #[error("tmux has a session `{session}` already")]
    SessionExists { session: String },
    /// A text that tmux would change, or read as something else.
    #[error("`{text}` is no {what} for tmux")]
    Unsafe { what: &'static str, text: String },
}

impl TmuxError {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            TmuxError::Missing(_) => "tmux-missing",
            TmuxError::Run(_)
            | TmuxError::Failed { .. }
            | TmuxError::Odd { .. }
            | TmuxError::Socket { .. } => "tmux-failed",
            TmuxError::Folder(err) => err.slug(),
            TmuxError::SessionExists { .. } => "tmux-session-exists",
            TmuxError::Unsafe { .. } => "tmux-unsafe",
        }
    }

    /// Whether the same again may go better.
    pub fn retry(&self) -> Retry {
        match self {
            TmuxError::Run(_) | TmuxError::Failed { .. } | TmuxError::Socket { .. } => {
                Retry::After(1_000)
            }
            TmuxError::Missing(_)
            | TmuxError::Odd { .. }
            | TmuxError::Folder(_)
            | TmuxError::SessionExists { .. }
            | TmuxError::Unsafe { .. } => Retry::Never,
        }
    }

    /// Whose move it is.
    pub fn fault(&self) -> Fault {
        match self {
            TmuxError::Missing(_) | TmuxError::Folder(_) => Fault::User,
            TmuxError::Run(_)
            | TmuxError::Failed { .. }
            | TmuxError::Socket { .. }
            | TmuxError::SessionExists { .. } => Fault::Environment,
            TmuxError::Odd { .. } | TmuxError::Unsafe { .. } => Fault::Bug,
        }
    }
}

/// The variables that tmux gets out of `env`: none that names a server, a pane or a locale.
fn clean<N: AsRef<OsStr>, V: AsRef<OsStr>>(
    env: impl IntoIterator<Item = (N, V)>,
) -> Vec<(OsString, OsString)> {
    let stray = |name: &OsStr| {
        let bytes = name.as_encoded_bytes();
        bytes == b"TMUX"
            || bytes.starts_with(b"TMUX_")
            || bytes.starts_with(b"LC_")
            || bytes == b"LANGUAGE"
    };
    let mut kept: Vec<(OsString, OsString)> = env
        .into_iter()
        .map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned()))
        .filter(|(name, _)| !stray(name))
        .collect();
    // Panes are UTF-8, and messages everywhere the same.
    kept.push(("LC_ALL".into(), "C.UTF-8".into()));
    kept
}

fn run(program: Program) -> Result<Output, TmuxError> {
    program.output().map_err(|err| match &err {
        ProcError::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            TmuxError::Missing(err)
        }
        ProcError::Start { .. } | ProcError::Timeout { .. } | ProcError::Pipe { .. } => {
            TmuxError::Run(err)
        }
    })
}

fn failed(args: &[OsString], output: &Output) -> TmuxError {
    TmuxError::Failed {
        args: args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        code: output.code(),
        stderr: output.complaint(),
    }
}
