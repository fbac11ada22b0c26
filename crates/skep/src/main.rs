//! skep: the one binary. Guards and effects enter before anything else is built.

use std::{env, ffi::OsString, process::ExitCode};

fn main() -> ExitCode {
    let argv: Vec<OsString> = env::args_os().collect();
    if let Some(code) = skep_gatekeeper::enter(&argv) {
        return code;
    }
    ExitCode::from(2)
}
