//! The server of a home: its own socket, none of the user's settings.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    paths,
    proc::{Output, Program},
};

use super::{
    Opened, PATIENCE, Session, TmuxError, Version,
    argv::{self, Commands},
    clean, failed, run, seen,
};

/// Settings for the whole server, made once when it starts; one that this tmux does not know is passed over.
///
/// The server itself looks whether they are made: it may leave and another start between our question and our command.
/// Somebody who changes one in a running server keeps the change.
const SETTINGS: [&str; 4] = [
    "if-shell",
    "-F",
    "#{!=:#{@skep_settings},1}",
    "set-option -s @skep_settings 1; \
     set-option -sq default-terminal tmux-256color; \
     set-option -saq terminal-overrides ',*:Tc'; \
     set-option -sq set-clipboard on; \
     set-option -sq escape-time 10; \
     set-option -sq exit-empty on; \
     set-option -gq mouse on; \
     set-option -gq history-limit 10000; \
     set-option -gq destroy-unattached off; \
     set-option -gq status-left-length 70; \
     set-option -gq status-left '#{session_name} '; \
     set-option -gq status-right ''; \
     set-option -gwq remain-on-exit off; \
     set-option -gwq allow-rename off",
];

/// A private tmux server. It starts with its first session and leaves with its last.
#[derive(Debug, Clone)]
pub struct Server {
    socket: PathBuf,
    env: Vec<(OsString, OsString)>,
    patience: Duration,
}

/// How large a pane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

/// What came of ending a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Ended,
    /// There was none.
    Absent,
    /// There is one of that name that is not ours; it lives.
    Foreign,
}

impl Server {
    /// Names the server whose socket is `tmux` in the folder `sockets`; `env` (PATH, HOME, …) is what its panes begin with.
    ///
    /// tmux is given the socket itself and not a name: for a name, it falls back to the user's own folder where ours is missing.
    pub fn private<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        sockets: &Path,
        env: impl IntoIterator<Item = (N, V)>,
    ) -> Server {
        Server { socket: sockets.join("tmux"), env: clean(env), patience: PATIENCE }
    }

    /// The same with another limit for each call.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Server {
        self.patience = patience;
        self
    }

    /// Its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Opens the session `session` with one pane, in which `argv` runs with `env` on top of the server's.
    ///
    /// Shape: no shell reads `argv`, which is a program and at least one argument. Its end is the session's end.
    /// Errors: there is such a session already; it is as it was, whoever's it is.
    pub fn open_viewer<A: AsRef<OsStr>, N: AsRef<OsStr>, V: AsRef<OsStr>>(
        &self,
        session: &str,
        argv: &[A],
        size: Size,
        env: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Opened, TmuxError> {
        argv::program(argv)?;
        let target = argv::exactly(session)?;
        let mut new: Vec<OsString> = ["new-session", "-d", "-s", session].map(Into::into).into();
        new.extend([
            "-x".into(),
            size.columns.to_string().into(),
            "-y".into(),
            size.rows.to_string().into(),
        ]);
        for (name, value) in env {
            new.extend(["-e".into(), argv::variable(name.as_ref(), value.as_ref())?]);
        }
        new.extend(["-P", "-F", seen::OPENED, "--"].map(Into::into));
        new.extend(argv.iter().map(|arg| arg.as_ref().to_owned()));

        if let Some(folder) = self.socket.parent() {
            paths::create_private_dir(folder).map_err(TmuxError::Folder)?;
        }
        let open = || {
            let mut commands = Commands::default();
            commands.add(SETTINGS);
            commands.add(&new);
            // In the same breath, so that no session of ours is ever seen without it; not done where the session was another's.
            commands.add(["set-option", "-t", &target, "@skep", "1"]);
            self.ask(commands)
        };
        let (mut args, mut output) = open()?;
        if output.code() != 0 && !self.is_up()? {
            // It was just leaving with its last session.
            (args, output) = open()?;
        }
        if output.code() == 0 {
            seen::opened(&output.stdout)
        } else if self.has(session)? {
            Err(TmuxError::SessionExists { session: session.to_owned() })
        } else {
            Err(failed(&args, &output))
        }
    }

    /// Returns every session with its panes, by one process however many there are; no server has none.
    ///
    /// Errors: nobody knows. That is never an empty list.
    pub fn list(&self) -> Result<Vec<Session>, TmuxError> {
        if !self.is_up()? {
            return Ok(Vec::new());
        }
        let mut commands = Commands::default();
        commands.add(["list-panes", "-a", "-F", seen::PANES]);
        let (args, output) = self.ask(commands)?;
        match output.code() {
            0 => seen::sessions(&output.stdout),
            _ if !self.is_up()? => Ok(Vec::new()),
            _ => Err(failed(&args, &output)),
        }
    }

    /// Whether there is a session of exactly this name.
    ///
    /// Errors: nobody knows. tmux's own `has-session` fails alike for no and for unknown.
    pub fn has(&self, session: &str) -> Result<bool, TmuxError> {
        let session = argv::session(session)?;
        Ok(self.list()?.iter().any(|seen| seen.name == session))
    }

    /// Ends the session of exactly this name, if it is ours.
    pub fn end(&self, session: &str) -> Result<Ended, TmuxError> {
        let target = argv::exactly(session)?;
        let find = || Ok(self.list()?.into_iter().find(|seen| seen.name == session));
        match find()? {
            None => return Ok(Ended::Absent),
            Some(seen) if !seen.ours => return Ok(Ended::Foreign),
            Some(_) => {}
        }
        let mut commands = Commands::default();
        commands.add(["kill-session", "-t", &target]);
        let (args, output) = self.ask(commands)?;
        match output.code() {
            0 => Ok(Ended::Ended),
            _ if find()?.is_none() => Ok(Ended::Absent),
            _ => Err(failed(&args, &output)),
        }
    }

    /// Ends the server with every session in it, and returns whether there was one.
    pub fn end_server(&self) -> Result<bool, TmuxError> {
        if !self.is_up()? {
            return Ok(false);
        }
        let mut commands = Commands::default();
        commands.add(["kill-server"]);
        let (args, output) = self.ask(commands)?;
        match output.code() {
            0 => Ok(true),
            _ if !self.is_up()? => Ok(false),
            _ => Err(failed(&args, &output)),
        }
    }

    /// Asks which tmux it is.
    pub fn version(&self) -> Result<Version, TmuxError> {
        let args = vec![OsString::from("-V")];
        let output = run(self.program().args(&args))?;
        match output.code() {
            0 => Ok(Version::parse(&String::from_utf8_lossy(&output.stdout))),
            _ => Err(failed(&args, &output)),
        }
    }

    /// The command with which a person looks at a session, in a terminal that is not itself in a tmux (no `TMUX` variable).
    pub fn attach_argv(&self, session: &str) -> Result<Vec<OsString>, TmuxError> {
        let target = argv::exactly(session)?;
        let mut argv = vec!["tmux".into(), "-S".into(), self.socket.clone().into_os_string()];
        argv.extend(["-f", "/dev/null", "attach-session", "-t", &target].map(Into::into));
        Ok(argv)
    }

    /// Whether a server answers on the socket. Its own words would be for people, and the same for more than one cause.
    fn is_up(&self) -> Result<bool, TmuxError> {
        match UnixStream::connect(&self.socket) {
            Ok(_) => Ok(true),
            Err(err)
                if matches!(
                    err.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(false)
            }
            Err(source) => Err(TmuxError::Socket { path: self.socket.clone(), source }),
        }
    }

    fn program(&self) -> Program {
        let env = self.env.iter().map(|(name, value)| (name, value));
        Program::new("tmux").envs(env).timeout(self.patience)
    }

    fn ask(&self, commands: Commands) -> Result<(Vec<OsString>, Output), TmuxError> {
        let args = commands.into_args();
        let program = self.program().args(["-u", "-f", "/dev/null", "-S"]).arg(&self.socket);
        let output = run(program.args(&args))?;
        Ok((args, output))
    }
}
