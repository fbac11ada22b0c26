//! Secrets of a run: by name and reference, never by value.
//!
//! Owns: which names of variables look like secrets, which nobody may set, and what becomes of a value in a text that is kept.
//! Never: holds a value longer than one redactor lives. See docs/design/secrets.md.

use serde::{Deserialize, Serialize};

mod redact;
#[cfg(test)]
mod tests;

pub use redact::Redactor;

/// A secret that a run's agent gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// The variable that the agent finds it in.
    pub name: String,
    /// Where its value comes from: `env:NAME`, `file:PATH` or `cmd:ARGV`.
    pub from: String,
    /// Whether the project's set-up gets it too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_up: bool,
}

impl Secret {
    /// The variable of the asker's that the value was in, where it comes from there.
    pub fn variable(&self) -> Option<&str> {
        self.from.strip_prefix("env:")
    }
}

/// What names of secrets have in them.
const SIGNS: [&str; 7] =
    ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "COOKIE"];

/// Tells whether a variable of this name and value is one to hold as a secret.
///
/// A number and a word of fewer than six bytes are none, whatever they are called; an
/// address with a password in it is one, whatever it is called.
pub fn is_secret(name: &str, value: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let named = SIGNS.iter().any(|sign| upper.contains(sign))
        || upper.split('_').any(|part| part.ends_with("KEY") || part == "PAT" || part == "PASS");
    let counted = value.bytes().all(|byte| byte.is_ascii_digit());
    password_of(value).is_some() || named && !counted && value.len() >= LEAST
}

/// The shortest value that is looked for. Bytes.
pub const LEAST: usize = 6;

/// The password in an address like `postgres://me:secret@host/db`.
fn password_of(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (who, _) = authority.rsplit_once('@')?;
    let (_, password) = who.split_once(':')?;
    (!password.is_empty()).then_some(password)
}

/// Names that every run gets by rule, or that say which run it is: nobody sets them by hand.
const PROTECTED: [&str; 11] =
    ["HOME", "PATH", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TMP", "TEMP", "PWD", "GIT_DIR"];

/// Tells whether a variable may not be given to a run by hand: it says who and where the run is.
pub fn is_protected(name: &str) -> bool {
    PROTECTED.contains(&name)
        || name.starts_with("SKEP_")
        || name.starts_with("GIT_CONFIG_")
        || matches!(name, "GIT_WORK_TREE" | "GIT_INDEX_FILE" | "GIT_TERMINAL_PROMPT")
}
