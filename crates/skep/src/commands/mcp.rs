//! `skep mcp`

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use skep_api::{place::Home, role, spec::Spec};
use skep_core::{id::RunId, run::Kind};
use skep_host::tree;
use skep_mcp::{
    run::{self, Setting},
    tools::Extras,
};

use crate::{
    connect::{Skep, random_id},
    exit::{CliError, Outcome},
};

pub(super) fn mcp(
    skep: &Skep,
    run: Option<String>,
    keeper: Option<PathBuf>,
    wait: Duration,
    (kind, extras): (Option<Kind>, Extras),
) -> Outcome {
    let inside = above();
    let kind = kind.or_else(|| inside.as_ref().map(|inside| inside.kind)).unwrap_or(Kind::Code);
    let run = run.or_else(|| inside.as_ref().map(|inside| inside.run.to_string()));
    let keeper = keeper.or_else(|| inside.map(|inside| inside.socket));
    let (Some(run), Some(keeper)) = (run, keeper) else {
        return Err(CliError::error(
            "mcp-outside",
            "the tools are a run's own, and this is started in none",
        )
        .hint("skep agent show codex   whether an agent is given them"));
    };
    let (daemon, session) = (skep.home.daemon_socket(), random_id()?);
    let setting = Setting { run, kind, extras, keeper, daemon, wait, session };
    run::serve(setting).map_err(|err| {
        CliError::error("mcp-broken", format!("the client does not speak the protocol: {err}"))
            .hint("skep help mcp")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A run that a process descends from.
struct Inside {
    run: RunId,
    kind: Kind,
    /// Where its keeper listens.
    socket: PathBuf,
}

/// The run that this process descends from.
fn above() -> Option<Inside> {
    let attempt = tree::ancestors(std::process::id()).into_iter().find_map(|pid| {
        let args = tree::arguments(pid)?;
        let is_keeper = args.get(1).is_some_and(|role| role == role::KEEPER);
        args.get(2).filter(|_| is_keeper).map(PathBuf::from)
    })?;
    let nth: u32 = attempt.file_name()?.to_str()?.parse().ok()?;
    let run: RunId = attempt.parent()?.file_name()?.to_str()?.parse().ok()?;
    let home = Home::new(attempt.ancestors().nth(3)?, rustix::process::getuid().as_raw());
    let socket = home.control_socket(&run, nth);
    // Behind a fence it cannot be read; what an agent may do is its keeper's to say all the same.
    let spec = fs::read(attempt.join("spec.json")).ok();
    let spec = spec.and_then(|bytes| serde_json::from_slice::<Spec>(&bytes).ok());
    let kind = spec.map_or(Kind::Code, |spec| spec.kind);
    Some(Inside { run, kind, socket })
}
