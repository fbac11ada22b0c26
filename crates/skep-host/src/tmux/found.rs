//! What stands in the tmux that a person uses: asked with one call, and never changed.
//!
//! Owns: which server that is, its panes as they are, and the way to one of them. Every text in it is a stranger's.
//! Never: starts a server, or speaks to one that another user owns.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use crate::proc::Program;

use super::{
    PATIENCE, Pane, TmuxError, argv::Commands, clean, failed, run, seen::id, users::parts,
};

/// A pane of a person's own tmux, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `$` and a number.
    pub session: String,
    pub session_name: String,
    pub window_name: String,
    pub pane: Pane,
    /// What is in front there, as the server calls it.
    pub program: String,
    /// Where that stands, as the server sees it; empty where it does not.
    pub path: PathBuf,
    /// Where the pane began.
    pub begun_in: PathBuf,
}

/// What is asked of each pane, in the order of [`Seen`].
const ASKED: [&str; 9] = [
    "session_id",
    "session_name",
    "window_name",
    "pane_id",
    "pane_pid",
    "pane_dead",
    "pane_current_command",
    "pane_current_path",
    "pane_start_path",
];

/// The socket of the server that whoever has `env` speaks to: the one they sit in, else their default one.
pub fn users_socket(env: &BTreeMap<String, String>) -> PathBuf {
    if let Some((socket, _)) = env.get("TMUX").and_then(|tmux| parts(OsStr::new(tmux))) {
        return PathBuf::from(socket);
    }
    let folder = env.get("TMUX_TMPDIR").filter(|dir| dir.starts_with('/'));
    let folder = folder.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    folder.join(format!("tmux-{}", rustix::process::getuid().as_raw())).join("default")
}

/// Returns every living pane of the server at `socket`; a server that is not there has none, and neither has another user's.
pub fn panes<N: AsRef<OsStr>, V: AsRef<OsStr>>(
    socket: &Path,
    env: impl IntoIterator<Item = (N, V)>,
) -> Result<Vec<Seen>, TmuxError> {
    if !is_up(socket)? {
        return Ok(Vec::new());
    }
    // No name that anybody gave can hold what nobody could know before.
    let mark = mark();
    let format: String = ASKED.iter().map(|name| format!("#{{{name}}}{mark}")).collect();
    let mut commands = Commands::default();
    commands.add(["list-panes", "-a", "-F", &format]);
    let args = commands.into_args();
    let program = Program::new("tmux").envs(clean(env)).timeout(PATIENCE);
    let output = run(program.args(["-u", "-f", "/dev/null", "-S"]).arg(socket).args(&args))?;
    match output.code() {
        0 => read(&output.stdout, mark.as_bytes()),
        _ if !is_up(socket)? => Ok(Vec::new()),
        _ => Err(failed(&args, &output)),
    }
}

/// The command that shows a person the pane `pane` of the session `session`: in their own client where that is on the
/// same server (`tmux` is their `TMUX` variable), else in a client of its own.
///
/// Errors: a text that is no id.
pub fn go_to(
    socket: &Path,
    session: &str,
    pane: &str,
    tmux: Option<&OsStr>,
) -> Result<Vec<OsString>, TmuxError> {
    let known = |text: &str, sign| {
        id(text, sign).ok_or_else(|| TmuxError::Unsafe { what: "target", text: text.to_owned() })
    };
    let (session, pane) = (known(session, '$')?, known(pane, '%')?);
    let same = tmux.and_then(parts).is_some_and(|(own, _)| Path::new(own) == socket);
    let target = format!("{session}:.{pane}");
    let verb = if same { "switch-client" } else { "attach-session" };
    let mut argv: Vec<OsString> = vec!["tmux".into(), "-S".into(), socket.into()];
    argv.extend([verb, "-t", if same { &pane } else { &target }].map(Into::into));
    Ok(argv)
}

/// Whether a server of ours answers there. What is no socket, or another user's, is none.
fn is_up(socket: &Path) -> Result<bool, TmuxError> {
    let ours = fs::metadata(socket).is_ok_and(|meta| {
        meta.file_type().is_socket() && meta.uid() == rustix::process::getuid().as_raw()
    });
    if !ours {
        return Ok(false);
    }
    match UnixStream::connect(socket) {
        Ok(_) => Ok(true),
        Err(err)
            if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
        {
            Ok(false)
        }
        Err(source) => Err(TmuxError::Socket { path: socket.to_owned(), source }),
    }
}

/// A word of two random numbers.
fn mark() -> String {
    let number = || RandomState::new().build_hasher().finish();
    format!("|{:016x}{:016x}|", number(), number())
}

/// Reads the answer: after each value the mark, after each pane a line's end.
fn read(answer: &[u8], mark: &[u8]) -> Result<Vec<Seen>, TmuxError> {
    let mut values = Vec::new();
    let mut rest = answer;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        values.push(&rest[..at]);
        rest = &rest[at + mark.len()..];
    }
    let odd =
        || TmuxError::Odd { answer: String::from_utf8_lossy(answer).chars().take(200).collect() };
    if values.len() % ASKED.len() != 0 || !matches!(rest, b"" | b"\n") {
        return Err(odd());
    }
    let mut found = Vec::new();
    for pane in values.chunks(ASKED.len()) {
        let [session, session_name, window_name, pane, pid, dead, program, path, begun_in] = pane
        else {
            return Err(odd());
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let session = session.strip_prefix(b"\n").unwrap_or(session);
        let session = id(&text(session), '$').ok_or_else(odd)?;
        let id = id(&text(pane), '%').ok_or_else(odd)?;
        if *dead == b"1" {
            continue;
        }
        let pid = text(pid).parse().map_err(|_| odd())?;
        found.push(Seen {
            session,
            session_name: text(session_name),
            window_name: text(window_name),
            pane: Pane { id, pid },
            program: text(program),
            path: PathBuf::from(OsStr::from_bytes(path)),
            begun_in: PathBuf::from(OsStr::from_bytes(begun_in)),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
