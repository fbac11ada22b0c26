//! The gatekeeper of a run: keeper and warden.

use std::{ffi::OsString, process::ExitCode};

/// Enters one of the guards' roles, where `argv` names one.
pub fn enter(argv: &[OsString]) -> Option<ExitCode> {
    let _ = argv;
    None
}
