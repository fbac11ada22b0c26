//! Owns: why a forge gave no answer, or not the wished one, and what may be done about it.
//! Never: holds a token, or what a remote's URL held of one.

use skep_core::time::Timestamp;
use skep_host::git::{Fault, Retry};
use thiserror::Error;

/// Why a forge gave no answer, or not the wished one.
///
/// Texts are the forge's words, made safe to show and cut.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ForgeError {
    /// 401 or 403: no token, a wrong one, or one without this right. Not asked again.
    #[error("{host} does not allow it ({status}): {text}")]
    Auth { host: String, status: u16, text: String },
    /// The token could not be had.
    #[error("no token for {host}: {why}")]
    Token { host: String, why: String },
    /// Forges also say so of what a token may not see.
    #[error("{host} knows no {what}")]
    NotFound { host: String, what: String, status: u16 },
    /// Asked too often; nothing is asked before `until`.
    #[error("{host} wants no more questions before {until}")]
    Limited { host: String, until: Timestamp },
    /// The forge understood and does not do it.
    #[error("{host} refused ({status}): {text}")]
    Refused { host: String, status: u16, text: String },
    /// There is no commit that could be proposed.
    #[error("{host} sees nothing to propose: {text}")]
    Nothing { host: String, text: String },
    /// The repository is elsewhere now; nobody follows with a token.
    #[error("{host} says that it moved to {to}")]
    Moved { host: String, to: String },
    /// Nobody answers there.
    #[error("{host} cannot be reached: {why}")]
    Offline { host: String, why: String },
    /// Whoever answers is not shown to be this host.
    #[error("{host} could not prove that it is {host}: {why}")]
    Certificate { host: String, why: String },
    #[error("{host} gave no answer within {after_s} s")]
    Timeout { host: String, after_s: u64 },
    /// 5xx, after a few tries.
    #[error("{host} is out of order ({status}): {text}")]
    Broken { host: String, status: u16, text: String },
    /// An answer that nobody here can read: no JSON, another shape, cut off, too big.
    #[error("{host} answered what cannot be read: {why}")]
    Malformed { host: String, why: String },
}

impl ForgeError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            ForgeError::Auth { .. } => "forge-auth",
            ForgeError::Token { .. } => "forge-token",
            ForgeError::NotFound { .. } => "forge-not-found",
            ForgeError::Limited { .. } => "forge-limited",
            ForgeError::Refused { .. } => "forge-refused",
            ForgeError::Nothing { .. } => "change-empty",
            ForgeError::Moved { .. } => "forge-moved",
            ForgeError::Offline { .. } => "forge-offline",
            ForgeError::Certificate { .. } => "forge-certificate",
            ForgeError::Timeout { .. } => "forge-timeout",
            ForgeError::Broken { .. } => "forge-broken",
            ForgeError::Malformed { .. } => "forge-answer",
        }
    }

    /// Whether the same again, later, may go better by itself.
    pub fn retry(&self) -> Retry {
        match self {
            ForgeError::Offline { .. } | ForgeError::Timeout { .. } | ForgeError::Broken { .. } => {
                Retry::After(30_000)
            }
            // When is not for a span to say: `until` is.
            ForgeError::Limited { .. } => Retry::After(60_000),
            ForgeError::Auth { .. }
            | ForgeError::Token { .. }
            | ForgeError::NotFound { .. }
            | ForgeError::Refused { .. }
            | ForgeError::Nothing { .. }
            | ForgeError::Moved { .. }
            | ForgeError::Certificate { .. }
            | ForgeError::Malformed { .. } => Retry::Never,
        }
    }

    /// Until when nothing is to be asked.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            ForgeError::Limited { until, .. } => Some(*until),
            ForgeError::Auth { .. }
            | ForgeError::Token { .. }
            | ForgeError::NotFound { .. }
            | ForgeError::Refused { .. }
            | ForgeError::Nothing { .. }
            | ForgeError::Moved { .. }
            | ForgeError::Offline { .. }
            | ForgeError::Certificate { .. }
            | ForgeError::Timeout { .. }
            | ForgeError::Broken { .. }
            | ForgeError::Malformed { .. } => None,
        }
    }

    /// Whose move it is.
    pub fn fault(&self) -> Fault {
        match self {
            ForgeError::Auth { .. }
            | ForgeError::Token { .. }
            | ForgeError::NotFound { .. }
            | ForgeError::Refused { .. }
            | ForgeError::Nothing { .. }
            | ForgeError::Moved { .. } => Fault::User,
            ForgeError::Limited { .. }
            | ForgeError::Offline { .. }
            | ForgeError::Certificate { .. }
            | ForgeError::Timeout { .. }
            | ForgeError::Broken { .. }
            | ForgeError::Malformed { .. } => Fault::Environment,
        }
    }
}
