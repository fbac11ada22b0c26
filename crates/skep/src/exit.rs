//! Exit codes and errors at the edge.
//!
//! Owns: the one way from any error to a line on standard error and a code.

use std::process::ExitCode;

use skep_api::{client::ClientError, wire::Refusal};

/// What every verb gives back.
pub(crate) type Outcome = Result<ExitCode, CliError>;

/// A person or the system interrupted it.
pub(crate) const INTERRUPTED: u8 = 130;

/// The awaited run ended other than completed.
pub(crate) const NOT_COMPLETED: u8 = 4;

/// An error as the command line shows it.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) refusal: Refusal,
}

impl CliError {
    /// An error that nobody can decide away.
    pub(crate) fn error(slug: &str, message: impl Into<String>) -> CliError {
        CliError { refusal: Refusal::error(slug, message) }
    }

    /// Adds a way out.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.refusal.hints.push(hint.into());
        self
    }
}

impl CliError {
    /// Whether nobody was there to answer.
    pub(crate) fn is_without_daemon(&self) -> bool {
        let slugs = ["daemon-absent", "daemon-start", "daemon-broke-off", "daemon-stopping"];
        slugs.contains(&self.refusal.slug.as_str())
    }
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> CliError {
        CliError { refusal }
    }
}

impl From<ClientError> for CliError {
    fn from(err: ClientError) -> CliError {
        match err {
            ClientError::Refused(refusal) => CliError { refusal },
            ClientError::Absent(source) => {
                CliError::error("daemon-absent", format!("no daemon answers: {source}"))
                    .hint("skep daemon start")
            }
            ClientError::Broken(source) => {
                CliError::error("daemon-broke-off", format!("the daemon broke off: {source}"))
                    .hint("ask again: what was decided is kept")
                    .hint("skep daemon status")
            }
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(err: std::io::Error) -> CliError {
        if err.kind() == std::io::ErrorKind::BrokenPipe {
            // Whoever read our output has seen enough.
            return CliError {
                refusal: Refusal { exit: 0, ..Refusal::error("output-closed", "") },
            };
        }
        CliError::error("input-output", err.to_string())
    }
}
