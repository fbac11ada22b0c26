//! The gatekeeper of a run: keeper and warden.
//!
//! **Invariant:** whichever of the two is killed, the other ends the agent's whole tree; the warden needs nothing
//! beyond the standard library and the kernel, and prints nothing while its program lives.

use std::{ffi::OsString, process::ExitCode};

pub mod bare;
pub mod control;
pub mod ears;
pub mod ending;
pub mod hook;
pub mod keeper;
pub mod keys;
pub mod link;
pub mod pty;
pub mod quiet;
pub mod record;
pub mod screen;
pub mod secrets;
pub mod sieve;
pub mod stage;
pub mod terminal;
pub mod tty;
pub mod viewers;
pub mod warden;

use skep_api::role;

/// Enters one of the guards' roles, where `argv` names one.
pub fn enter(argv: &[OsString]) -> Option<ExitCode> {
    let (role, rest) = argv.get(1..)?.split_first()?;
    match role.to_str()? {
        "gatekeeper" => bare::enter(rest),
        role::KEEPER => Some(keeper::enter(rest)),
        role::WARDEN => Some(warden::enter(rest)),
        role::STAGE => Some(stage::enter(rest)),
        role::HOOK => Some(hook::enter(rest)),
        _ => None,
    }
}
