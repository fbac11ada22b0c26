//! The tmux that a person sits in: one more window there, and nothing else.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

use crate::proc::Program;

use super::{
    Opened, PATIENCE, TmuxError,
    argv::{self, Commands},
    clean, failed, run, seen,
};

/// Opens a window beside the one a person sits in, and runs `argv` there; `tmux` is the `TMUX` variable of their terminal.
///
/// Shape: no shell reads `argv`, which is a program and at least one argument; the title loses what tmux would expand.
/// Errors: `tmux` is not what tmux writes there; their server failed.
pub fn open_window_in_users<A: AsRef<OsStr>, N: AsRef<OsStr>, V: AsRef<OsStr>>(
    tmux: &OsStr,
    env: impl IntoIterator<Item = (N, V)>,
    argv: &[A],
    title: &str,
) -> Result<Opened, TmuxError> {
    argv::program(argv)?;
    let (socket, session) = parts(tmux).ok_or_else(|| TmuxError::Unsafe {
        what: "TMUX variable",
        text: tmux.to_string_lossy().into_owned(),
    })?;
    let title = argv::title(title);
    let target = format!("{session}:");
    let mut new: Vec<OsString> =
        ["new-window", "-t", &target, "-n", &title, "-P", "-F", seen::OPENED, "--"]
            .map(Into::into)
            .into();
    new.extend(argv.iter().map(|arg| arg.as_ref().to_owned()));
    let mut commands = Commands::default();
    commands.add(new);
    let args = commands.into_args();
    let program = Program::new("tmux").envs(clean(env)).timeout(PATIENCE);
    let output = run(program.args(["-u", "-S"]).arg(socket).args(&args))?;
    match output.code() {
        0 => seen::opened(&output.stdout),
        _ => Err(failed(&args, &output)),
    }
}

/// Reads `SOCKET,PID,SESSION`; the socket's path may hold commas itself.
pub(super) fn parts(tmux: &OsStr) -> Option<(&OsStr, String)> {
    let mut words = tmux.as_bytes().rsplitn(3, |byte| *byte == b',');
    let session = std::str::from_utf8(words.next()?).ok()?;
    let _server = words.next()?;
    let socket = words.next().filter(|socket| socket.starts_with(b"/"))?;
    Some((OsStr::from_bytes(socket), seen::id(&format!("${session}"), '$')?))
}
