//! Texts as arguments of tmux, which reads more into them than it should.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use super::TmuxError;

/// How long the title of a window may be. Characters.
const TITLE: usize = 40;

/// Commands for one call, one after the other; what follows a failed one is not done.
#[derive(Debug, Default)]
pub(super) struct Commands {
    args: Vec<OsString>,
}

impl Commands {
    /// Adds a command with its arguments, each of which reaches tmux as it is.
    pub(super) fn add<A: AsRef<OsStr>>(&mut self, command: impl IntoIterator<Item = A>) {
        if !self.args.is_empty() {
            self.args.push(";".into());
        }
        self.args.extend(command.into_iter().map(|arg| literal(arg.as_ref())));
    }

    pub(super) fn into_args(self) -> Vec<OsString> {
        self.args
    }
}

/// An argument that ends in `;` would end the command; tmux takes back a backslash before it, and only there.
fn literal(arg: &OsStr) -> OsString {
    match arg.as_bytes().strip_suffix(b";") {
        Some(rest) => OsString::from_vec([rest, b"\\;"].concat()),
        None => arg.to_owned(),
    }
}

/// Checks the name of a session.
///
/// tmux turns `.` and `:` into `_`, expands `#{…}`, and takes a leading `=`, `$`, `@`, `%` or `-` for another kind of target.
pub(super) fn session(name: &str) -> Result<&str, TmuxError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.is_empty() && !name.starts_with('-') && name.bytes().all(fits) {
        Ok(name)
    } else {
        Err(TmuxError::Unsafe { what: "session", text: name.to_owned() })
    }
}

/// The session of this name and no other: without the sign a beginning would do, without the colon it could be a window.
pub(super) fn exactly(name: &str) -> Result<String, TmuxError> {
    Ok(format!("={}:", session(name)?))
}

/// Checks a program with its arguments: a lone word would be read by a shell.
pub(super) fn program<A: AsRef<OsStr>>(argv: &[A]) -> Result<(), TmuxError> {
    match argv {
        [first, _, ..] if !first.as_ref().is_empty() => Ok(()),
        _ => {
            let words: Vec<_> = argv.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
            Err(TmuxError::Unsafe { what: "program", text: words.join(" ") })
        }
    }
}

/// A variable as `-e` takes it.
pub(super) fn variable(name: &OsStr, value: &OsStr) -> Result<OsString, TmuxError> {
    let bytes = name.as_bytes();
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if bytes.is_empty() || bytes[0].is_ascii_digit() || !bytes.iter().all(fits) {
        let text = name.to_string_lossy().into_owned();
        return Err(TmuxError::Unsafe { what: "variable", text });
    }
    Ok(OsString::from_vec([bytes, b"=", value.as_bytes()].concat()))
}

/// A window's title out of any text: tmux runs what stands in `#(…)`.
pub(super) fn title(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_control() && *c != '#');
    let title: String = kept.take(TITLE).collect();
    if title.trim().is_empty() { "skep".to_owned() } else { title.trim().to_owned() }
}
