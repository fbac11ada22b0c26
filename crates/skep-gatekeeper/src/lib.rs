//! The gatekeeper of a run: keeper and warden.
//!
//! **Invariant:** whichever of the two is killed, the other ends the agent's whole tree; the warden needs nothing
//! beyond the standard library and the kernel, and prints nothing while its program lives.

use std::{ffi::OsString, process::ExitCode};

pub mod terminal;
pub mod link;
pub mod stage;
pub mod ending;
pub mod record;
pub mod warden;
pub mod bare;
pub mod quiet;
pub mod ears;
pub mod control;
pub mod keeper;

use skep_api::role;

/// Enters one of the guards' roles, where `argv` names one.
pub fn enter(argv: &[OsString]) -> Option<ExitCode> {
    let (role, rest) = argv.get(1..)?.split_first()?;
    match role.to_str()? {
        "gatekeeper" => bare::enter(rest),
        role::KEEPER => Some(keeper::enter(rest)),
        role::WARDEN => Some(warden::enter(rest)),
        role::STAGE => Some(stage::enter(rest)),
        _ => None,
    }
}
